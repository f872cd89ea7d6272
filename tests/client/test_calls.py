"""What one call sends, and what it makes of the answer."""

from __future__ import annotations

import gzip
import json
import zlib
from datetime import UTC, datetime

import pytest

from pdsclient import (
    AuthError,
    ClientClosed,
    DecodeError,
    F,
    InvalidRequest,
    NotFound,
    OutcomeUnknown,
    RequestOptions,
)

SAMPLE = {"drive_id": "1050", "parent_file_id": "root"}


class TestTheSeedsPostApi:
    """Rows of "postAPI": ``const result = await client.postAPI(pathname, data={}, options={})``."""

    async def test_sample_code_lists_files(self, server, make_client):
        """``let {items =[]} = await client.postAPI('/file/list', {drive_id: '1050', …})``."""
        server.script((200, {"items": [{"name": "a"}]}))
        result = await make_client().post_api("/file/list", SAMPLE)
        assert result["items"] == [{"name": "a"}]
        (seen,) = server.seen
        assert (seen.method, seen.target, seen.json) == ("POST", "/v2/file/list", SAMPLE)
        assert seen.headers["content-type"] == "application/json; charset=utf-8"
        assert seen.headers["authorization"] == "Bearer token-1"
        assert seen.headers["user-agent"].startswith("pdsclient/")

    async def test_pathname_is_required_and_data_is_not(self, server, make_client):
        """ "pathname | string | Yes"; "data | object": left out, ``{}`` is sent."""
        client = make_client()
        with pytest.raises(TypeError):
            await client.post_api()
        await client.post_api("/drive/list")
        assert server.seen[0].body == b"{}"

    async def test_options_are_request_settings(self, server, make_client):
        """ "options | IPDSRequestConfig | Other request parameters.": an object or a mapping."""
        client = make_client()
        await client.post_api("/file/list", SAMPLE, {"headers": {"X-Trace": "7"}, "timeout": 5})
        await client.post_api("/file/list", SAMPLE, RequestOptions(params={"a": "ä b"}))
        assert server.seen[0].headers["x-trace"] == "7"
        assert server.seen[1].target == "/v2/file/list?a=%C3%A4+b"

    async def test_result_is_the_returned_data(self, server, make_client):
        """ "result | object | The returned data.": whatever JSON it is, None for none."""
        for body, result in ((b"[1, 2]", [1, 2]), (b'"x"', "x"), (b"", None), (b"null", None)):
            server.script((200, body))
            assert await make_client().post_api("/file/list_permission") == result


async def test_any_2xx_is_success_and_204_has_no_body(server, make_client):
    """201, 202 and 204 are answers like 200; an empty one reads None."""
    server.script((201, {"a": 1}), (202, {"async_task_id": "t"}), (204, b""))
    client = make_client()
    assert await client.post_api("/file/create") == {"a": 1}
    assert await client.post_api("/file/copy") == {"async_task_id": "t"}
    assert await client.post_api("/drive/delete") is None


async def test_query_and_order_objects_in_data_are_rendered(server, make_client):
    """The objects of the search language may stand wherever text may."""
    await make_client().post_api(
        "/file/search", {"query": F.size > 1, "order_by": F.name.asc(), "limit": 3}
    )
    assert server.seen[0].json == {"query": "size > 1", "order_by": "name ASC", "limit": 3}


async def test_reply_type_decodes_to_a_type(server, make_client):
    """With ``reply_type`` the result is an instance of it."""
    from pdsclient.models import File

    server.script((200, {"file_id": "f", "created_at": "2019-08-20T06:51:27.292Z"}))
    file = await make_client().post_api("/file/get", {}, reply_type=File)
    assert isinstance(file, File)
    assert file.created_at == datetime(2019, 8, 20, 6, 51, 27, 292000, UTC)


@pytest.mark.parametrize("bad", [[], {}, 5, "File", object(), lambda: None])
async def test_a_reply_type_that_is_none_is_refused_before_anything_is_sent(
    server, make_client, bad
):
    """What cannot be decoded into is found out before the call has happened."""
    with pytest.raises(InvalidRequest, match="reply_type"):
        await make_client().post_api("/file/create", {}, reply_type=bad)
    assert not server.seen


@pytest.mark.parametrize(
    ("pathname", "word"),
    [
        ("file/list", "start with /"),
        ("/file/list?x=1", "params"),
        ("/file/list#x", "params"),
        ("/file/../list", ".."),
        ("/file/%2e%2e/list", ".."),
        ("/v2/file/list", "/v2"),
        ("/file/ list", "not a path"),
        ("//evil.example/x", "not a path"),
        ("https://evil.example/v2/file/list", "outside"),
        ("/file/list\r\nX: y", "not a path"),
        ("", "start with /"),
        ("/", "not a path"),
        (None, "must be a string"),
        (b"/file/list", "must be a string"),
        (["/file/list"], "must be a string"),
        ("/file/\ud800", "not a path"),
    ],
)
async def test_a_wrong_path_is_refused_before_anything_is_sent(server, make_client, pathname, word):
    """The message says what is wrong; no event, no request."""
    client = make_client()
    told = []
    client.on("error", lambda *args: told.append(args))
    with pytest.raises(InvalidRequest, match=word.replace(".", r"\.")) as caught:
        await client.post_api(pathname)
    assert "pathname" in str(caught.value)
    assert not server.seen
    assert not told


async def test_an_absolute_url_under_the_endpoint_is_taken(server, make_client):
    """A URL that the service itself handed out may be given as it is."""
    for scheme in ("http", "HTTP"):
        url = f"{scheme}{server.endpoint.removeprefix('http')}/v2/file/list"
        await make_client().post_api(url)
    assert {one.target for one in server.seen} == {"/v2/file/list"}


async def test_a_url_that_only_starts_like_the_endpoint_is_refused(server, make_client):
    """``http://host:80.evil`` and ``http://host/v2x`` are other places."""
    at = server.endpoint.replace("://", "://user@")
    for url in (
        f"{server.endpoint}0/v2/file/list",
        f"{server.endpoint}/v2x/file/list",
        f"{server.endpoint.replace('http', 'https')}/v2/file/list",
        f"{at}/v2/file/list",
        f"{server.endpoint}",
        f"{server.endpoint}\\@evil.example/v2/file/list",
    ):
        with pytest.raises(InvalidRequest, match="outside"):
            await make_client().post_api(url)


async def test_post_auth_goes_to_the_auth_endpoint(server, make_client):
    """``auth_endpoint`` has its own calls; without it both are the same."""
    client = make_client(api_endpoint="http://127.0.0.1:9", auth_endpoint=server.endpoint)
    await client.post_auth("/account/token")
    await client.post_auth_anonymous("/account/token")
    assert [seen.token for seen in server.seen] == ["token-1", None]


async def test_oauth_token_is_sent_as_a_form(server, make_client):
    """The one operation that takes no JSON; each value is percent-encoded by itself."""
    data = {"grant_type": "refresh_token", "refresh_token": "a b&c=ü"}
    await make_client().post_auth_anonymous("/oauth/token", data)
    (seen,) = server.seen
    assert seen.headers["content-type"] == "application/x-www-form-urlencoded"
    assert seen.body == b"grant_type=refresh_token&refresh_token=a%20b%26c%3D%C3%BC"


async def test_anonymous_calls_carry_no_credential(server, make_client):
    """Neither the access token nor the share token is sent."""
    await make_client(share_token="share-1").post_api_anonymous("/share_link/get_share_token")
    assert server.seen[0].token is None
    assert "x-share-token" not in server.seen[0].headers


async def test_the_callers_own_authorization_switches_the_token_source_off(server, make_client):
    """It is sent as given, and a refusal of it costs no refresh."""
    asked = []

    async def refresh():
        asked.append(1)
        return {"access_token": "x"}

    server.script((401, {"code": "AccessTokenInvalid", "message": "no"}))
    client = make_client(refresh_token_fun=refresh)
    with pytest.raises(AuthError):
        await client.post_api("/file/list", {}, {"headers": {"authorization": "Bearer mine"}})
    assert server.seen[0].token == "mine"
    assert not asked


async def test_a_header_of_none_is_not_sent(server, make_client):
    """None takes away what the view or the client would send."""
    view = make_client().with_options(headers={"X-A": "1", "X-B": "2"})
    await view.post_api("/file/list", {}, {"headers": {"X-A": None, "Accept": None}})
    headers = server.seen[0].headers
    assert headers["x-b"] == "2"
    assert "x-a" not in headers
    assert headers.get("accept") != "application/json"


async def test_response_has_what_is_around_the_data(server, make_client):
    """Status, headers in any case, body as sent, request id, attempts, time."""
    server.script((503, {}), (201, {"a": 1}, {"X-Odd": "yes"}))
    response = await make_client().post_api_response("/file/get")
    assert (response.status, response.data, response.attempts) == (201, {"a": 1}, 2)
    assert response.headers["x-odd"] == response.headers["X-ODD"] == "yes"
    assert json.loads(response.body) == {"a": 1}
    assert response.request_id == "REQ-1"
    assert response.elapsed_s > 0
    assert "yes" not in repr(response)


async def test_with_response_gives_the_typed_reply_too(server, make_client):
    """Of a paged operation it is the first page."""
    client = make_client()
    server.script((200, {"file_id": "f"}))
    file, response = await client.with_response(client.file.get, drive_id="1", file_id="f")
    assert (file.file_id, response.status) == ("f", 200)
    server.script((200, {"items": [{"file_id": "g"}]}))
    page, response = await client.with_response(client.file.scan, drive_id="1")
    assert [one.file_id for one in page.items] == ["g"]
    with pytest.raises(InvalidRequest, match="with_response"):
        await client.with_response(client.post_api, "/file/get")


class TestBadReplies:
    """A reply that cannot be understood is a DecodeError, never another exception."""

    @pytest.mark.parametrize(
        "body", [b"<html>busy</html>", b'{"items": [', b"\xff\xfe{}", b"{]", b"[" * 50_000]
    )
    async def test_200_with_nonsense(self, server, make_client, body):
        """HTML, truncated JSON, another encoding, endless nesting."""
        server.script((200, body, {"Content-Type": "text/html"}))
        with pytest.raises(DecodeError) as caught:
            await make_client().post_api("/file/list")
        assert caught.value.status == 200
        assert caught.value.req_id == "REQ-1"
        assert caught.value.type == "ServerError"
        assert len(server.seen) == 1

    async def test_a_redirect_is_never_followed(self, server, make_client):
        """The token goes nowhere else."""
        server.script((302, b"", {"Location": "http://127.0.0.2:1/steal"}))
        with pytest.raises(DecodeError, match="redirect"):
            await make_client().post_api("/file/list")
        assert len(server.seen) == 1

    async def test_a_compressed_reply_is_read(self, server, make_client):
        """gzip is undone, whatever size it says."""
        body = gzip.compress(b'{"a": 1}')
        server.script((200, body, {"Content-Encoding": "gzip"}))
        assert await make_client().post_api("/file/list") == {"a": 1}

    @pytest.mark.parametrize(
        ("encoding", "body", "reason"),
        [
            ("gzip", b'{"a": 1}', "not compressed"),
            ("gzip", gzip.compress(b'{"a": 1}', mtime=0)[:-9], "broke off"),
            ("gzip", gzip.compress(b'{"a": 1}', mtime=0)[:3], "broke off"),
            ("br", b"whatever", "not asked for"),
        ],
    )
    async def test_a_reply_that_is_not_compressed_as_it_says(
        self, server, make_client, encoding, body, reason
    ):
        """Neither an empty success nor a broken connection."""
        server.script((200, body, {"Content-Encoding": encoding}))
        with pytest.raises(DecodeError, match=reason) as caught:
            await make_client().post_api("/file/list")
        assert (caught.value.status, caught.value.req_id) == (200, "REQ-1")
        assert len(server.seen) == 1

    async def test_an_empty_reply_may_say_that_it_is_compressed(self, server, make_client):
        """A proxy adds the header to whatever passes."""
        server.script((204, b"", {"Content-Encoding": "gzip"}))
        assert await make_client().post_api("/drive/delete") is None

    async def test_deflate_is_read_too(self, server, make_client):
        """The other encoding that is asked for."""
        server.script((200, zlib.compress(b'{"a": 1}'), {"Content-Encoding": "deflate"}))
        assert await make_client().post_api("/file/list") == {"a": 1}
        assert server.seen[0].headers["accept-encoding"] == "gzip, deflate"

    async def test_a_compression_bomb_is_cut_off(self, server, make_client):
        """The limit counts bytes after decompression."""
        body = gzip.compress(b"[" + b"1," * 20_000_000 + b"1]")
        server.script((200, body, {"Content-Encoding": "gzip"}))
        with pytest.raises(DecodeError, match="longer than 1,000,000 bytes"):
            await make_client(max_reply_bytes=1_000_000).post_api("/file/list")

    async def test_a_reply_without_a_length_is_limited_too(self, server, make_client):
        """A chunked reply is counted as it comes."""
        chunk = b"ffff\r\n" + b"x" * 65_535 + b"\r\n"
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        server.script(head + chunk * 40 + b"0\r\n\r\n")
        with pytest.raises(DecodeError, match="longer than"):
            await make_client(max_reply_bytes=1_000_000).post_api("/file/list")

    async def test_an_announced_length_above_the_limit_is_not_read(self, server, make_client):
        """Content-Length alone suffices to refuse."""
        server.script(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n" + b"x" * 2_000_000)
        with pytest.raises(DecodeError, match="longer than"):
            await make_client(max_reply_bytes=1_000_000).post_api("/file/list")

    async def test_what_is_not_http_is_a_decode_error(self, server, make_client):
        """Another protocol on the port."""
        server.script(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
        with pytest.raises(DecodeError, match="not HTTP"):
            await make_client().post_api("/file/create")

    async def test_a_body_that_breaks_off_leaves_the_outcome_unknown(self, server, make_client):
        """The server may have done it: an operation that must not be repeated is not."""
        server.script(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\n{")
        server.handler = _then_hang_up(server.handler, server)
        with pytest.raises(OutcomeUnknown) as caught:
            await make_client().post_api("/file/create")
        assert caught.value.may_have_happened
        assert len(server.seen) == 1


def _then_hang_up(handler, server):
    import asyncio

    def answer(seen):
        asyncio.get_running_loop().call_later(0.01, server.hang_up)
        return handler(seen)

    return answer


async def test_errors_tell_status_code_message_and_request_id(server, make_client):
    """``error`` "generally contains the following parameters: code, message, reqId, and status"."""
    server.script((404, {"code": "NotFound.FileId", "message": "cannot be found"}))
    with pytest.raises(NotFound) as caught:
        await make_client().post_api("/file/get", {"drive_id": "1", "file_id": "f"})
    error = caught.value
    assert (error.status, error.code, error.message) == (404, "NotFound.FileId", "cannot be found")
    assert (error.req_id, error.type, error.attempts) == ("REQ-1", "ServerError", 1)
    assert error.req_opt.data == {"drive_id": "1", "file_id": "f"}
    assert error.req_opt.url.endswith("/v2/file/get")
    assert "test_errors_tell" in error.stack


async def test_a_closed_client_says_so(server, make_client):
    """Calls, ``async with`` and a second ``aclose``."""
    client = make_client()
    await client.post_api("/file/list")
    await client.aclose()
    await client.aclose()
    with pytest.raises(ClientClosed):
        await client.post_api("/file/list")
    with pytest.raises(ClientClosed):
        async with client:
            pass


@pytest.mark.parametrize(
    ("data", "where"),
    [
        ({"a": float("nan")}, "data.a"),
        ({"a": [{"b": b"x"}]}, r"data.a\[0\].b"),
        ({"a": {1, 2}}, "data.a"),
        ({1: "x"}, "data"),
        ({"a": "\ud800"}, "data"),
        ({"a": object()}, "data.a"),
        ("text", "data"),
        ([1], "data"),
    ],
)
async def test_data_that_json_cannot_carry_is_refused(server, make_client, data, where):
    """The message names the path into the data; nothing is sent."""
    with pytest.raises(InvalidRequest, match=where):
        await make_client().post_api("/file/list", data)
    assert not server.seen
