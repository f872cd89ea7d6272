"""Operations whose requests or replies are not plain JSON objects, and listings of all forms."""

from __future__ import annotations

from types import MappingProxyType

import pytest

from pdsclient import DecodeError, InvalidRequest, NotFound
from pdsclient.models import File, FileTask, UploadPartInfo

FILE = {"drive_id": "1", "file_id": "f1"}
MEMBER = {"role_id": "SystemFileViewer", "identity": {"identity_id": "u1"}}


@pytest.mark.parametrize("answer", [(204, b""), (200, b""), (200, {"more": 1}), (200, b"<html>")])
async def test_an_operation_without_a_reply_returns_none(server, make_client, answer):
    """Whatever the service says with its success."""
    server.script(answer)
    assert await make_client().share_link.cancel(share_id="s") is None


async def test_an_empty_reply_reads_as_done(server, make_client):
    """A 204 for a model with a task means that there is no task to wait for."""
    server.script((204, b""))
    assert await make_client().recyclebin.trash(**FILE) == FileTask()
    server.script((202, {"async_task_id": "t1"}))
    assert (await make_client().recyclebin.trash(**FILE)).async_task_id == "t1"


@pytest.mark.parametrize(
    ("sent", "roles"),
    [
        ([MEMBER, None, MEMBER], ["SystemFileViewer"] * 2),
        ([], []),
        (MEMBER, ["SystemFileViewer"]),
        ({}, []),
        (b"null", []),
    ],
)
async def test_a_bare_array_is_a_list(server, make_client, sent, roles):
    """Also where a deployment sends a single object, or nothing."""
    server.script((200, sent))
    members = await make_client().file.list_permission(**FILE)
    assert [member.role_id for member in members] == roles


async def test_a_page_is_not_taken_for_an_array(server, make_client):
    """Its rows would be lost without a word."""
    server.script((200, {"items": [MEMBER], "next_marker": ""}))
    client = make_client()
    with pytest.raises(DecodeError, match="Expected `array`, got `object`"):
        await client.post_api("/file/list", FILE, reply_type=list[File])


async def test_a_preview_that_is_not_ready_says_so(server, make_client):
    """A 202 in the form of an error is a reply."""
    server.script((202, {"code": "VideoPreviewWaitAndRetry", "message": "later"}))
    play = await make_client().file.get_video_preview_play_info(**FILE, category="quick_video")
    assert (play.code, play.video_preview_play_info) == ("VideoPreviewWaitAndRetry", None)


class TestDownload:
    """``/file/download`` is a GET with a query, answered by a redirect."""

    URL = "https://data.aliyunpds.com/x?Signature=s3cret&a=b%2Bc"

    async def test_it_tells_where_the_redirect_points_to(self, server, make_client):
        """The redirect is not followed, and its URL is kept as it is."""
        server.script((302, b"", {"Location": self.URL}))
        found = await make_client().file.download(
            **FILE, image_thumbnail_process="image/resize,w_1"
        )
        assert found.location == self.URL
        assert "s3cret" not in repr(found)
        seen = server.seen[0]
        assert (seen.method, seen.path, seen.body) == ("GET", "/v2/file/download", b"")
        assert seen.target.partition("?")[2] == (
            "drive_id=1&file_id=f1&image_thumbnail_process=image/resize,w_1"
        )
        assert seen.token == "token-1"
        assert "content-type" not in seen.headers

    async def test_it_goes_through_the_request_loop(self, server, make_client):
        """Failures are retried, errors are raised and told with the method, params are kept."""
        client = make_client()
        server.script((503, {"code": "Busy"}), (302, b"", {"Location": self.URL}))
        view = client.with_options(params={"trace": "1"})
        assert (await view.file.download(**FILE)).location == self.URL
        assert server.seen[1].target == "/v2/file/download?trace=1&drive_id=1&file_id=f1"
        server.script((404, {"code": "NotFound.FileId", "message": "no"}))
        with pytest.raises(NotFound) as caught:
            await client.file.download(**FILE)
        assert caught.value.req_opt.method == "GET"
        assert caught.value.req_opt.url.endswith("/v2/file/download?***")

    @pytest.mark.parametrize("answer", [(302, b""), (200, b"content")])
    async def test_an_answer_without_a_redirect_is_an_error(self, server, make_client, answer):
        """No URL is made up."""
        server.script(answer)
        with pytest.raises(DecodeError, match="asked for a redirect and sent none"):
            await make_client().file.download(**FILE)


class TestAuthorize:
    """``/oauth/authorize`` is a page for a browser."""

    async def test_it_builds_the_url_and_sends_nothing(self, server, make_client):
        """Without a token too; the scopes are joined by commas."""
        client = make_client()
        url = client.oauth.authorize(
            client_id="app",
            redirect_uri="https://example.com/back?x=1",
            login_type="default",
            scope=["FILE.ALL", "DRIVE.ALL"],
            hide_consent=True,
            state="s t",
        )
        base, _, query = url.partition("?")
        assert base == f"{server.endpoint}/v2/oauth/authorize"
        pairs = dict(pair.split("=") for pair in query.split("&"))
        assert pairs["redirect_uri"] == "https%3A%2F%2Fexample.com%2Fback%3Fx%3D1"
        assert pairs["scope"] == "FILE.ALL%2CDRIVE.ALL"
        assert (pairs["hide_consent"], pairs["state"]) == ("true", "s+t")
        assert pairs["response_type"] == "code"
        assert server.seen == []

    async def test_it_is_checked(self, make_client):
        """Like any other request."""
        with pytest.raises(InvalidRequest, match="client_id must not be empty"):
            make_client().oauth.authorize(
                client_id="", redirect_uri="https://example.com", login_type="default"
            )


async def test_a_token_request_is_a_form(server, make_client):
    """And its reply is not put in force by itself."""
    server.script((200, {"access_token": "other", "expires_in": 7200}))
    client = make_client()
    token = await client.oauth.token(client_id="app", grant_type="authorization_code", code="a b")
    assert token.access_token == "other"
    assert server.seen[0].headers["content-type"] == "application/x-www-form-urlencoded"
    assert b"code=a%20b" in server.seen[0].body
    assert server.seen[0].token is None
    assert client.token_info.access_token == "token-1"


class TestDelta:
    """The change feed ends with a cursor to go on from later."""

    async def test_it_reads_until_nothing_is_there(self, server, make_client):
        """``has_more`` decides, not the cursor; the iterator keeps the last one."""
        server.script(
            (200, {"items": [{"op": "create", "file_id": "a"}], "has_more": True, "cursor": "c1"}),
            (200, {"items": [{"op": "move", "file_id": "b"}], "has_more": False, "cursor": "c2"}),
        )
        rows = aiter(make_client().file.list_delta(drive_id="1", cursor="c0"))
        assert [change.op async for change in rows] == ["create", "move"]
        assert rows.marker == "c2"
        assert [seen.json["cursor"] for seen in server.seen] == ["c0", "c1"]
        assert "marker" not in server.seen[1].json

    async def test_nothing_new_leaves_the_cursor_where_it_was(self, server, make_client):
        """The same cursor again is no endless loop when no more is promised."""
        server.script((200, {"items": None, "has_more": False, "cursor": "c0"}))
        page = await make_client().file.list_delta(drive_id="1", cursor="c0")
        assert (page.items, page.cursor, page.has_more) == ([], "c0", False)
        assert await make_client().file.list_delta(drive_id="1", cursor="c0").collect() == []

    async def test_a_cursor_that_comes_again_with_more_is_an_error(self, server, make_client):
        """Reading on would not end."""
        server.script((200, {"items": [{}], "has_more": True, "cursor": "c1"}))
        with pytest.raises(DecodeError, match="a marker that it had sent before"):
            await make_client().file.list_delta(drive_id="1").collect()


class TestUploadedParts:
    """The marker is a number in the request and a text in the reply."""

    UPLOAD = MappingProxyType({**FILE, "upload_id": "U1"})

    async def test_all_parts_are_listed(self, server, make_client):
        """The numbers go on from page to page; ``"0"`` is the end too."""
        server.script(
            (200, {"uploaded_parts": [{"part_number": 1}], "next_part_number_marker": "1"}),
            (200, {"uploaded_parts": [{"part_number": "2"}], "next_part_number_marker": 2}),
            (200, {"uploaded_parts": None, "next_part_number_marker": "0"}),
        )
        parts = await make_client().file.list_uploaded_parts(**self.UPLOAD).collect()
        assert parts == [UploadPartInfo(part_number=1), UploadPartInfo(part_number="2")]
        assert [part.part_number for part in parts] == [1, 2]
        assert [seen.json.get("part_number_marker") for seen in server.seen] == [None, 1, 2]

    async def test_a_marker_of_the_callers_is_where_it_begins(self, server, make_client):
        """And what the iterator says before its first page."""
        server.script((200, {"uploaded_parts": []}))
        pages = make_client().file.list_uploaded_parts(**self.UPLOAD, part_number_marker=7).pages()
        assert pages.marker == "7"
        await anext(pages)
        assert server.seen[0].json["part_number_marker"] == 7

    async def test_a_marker_that_is_no_number_is_an_error(self, server, make_client):
        """It could not be sent back."""
        server.script((200, {"uploaded_parts": [], "next_part_number_marker": "abc"}))
        with pytest.raises(DecodeError, match="is not a number"):
            await make_client().file.list_uploaded_parts(**self.UPLOAD)


async def test_users_and_groups_are_listed_together(server, make_client):
    """Both kinds of rows are ``items``; either may be missing."""
    server.script(
        (200, {"group_items": [{"group_id": "g"}], "user_items": [{"user_id": "u"}],
               "next_marker": "m"}),
        (200, {"user_items": None}),
    )  # fmt: skip
    members = await make_client().group.list_member(group_id="g0").collect()
    assert sorted(type(one).__name__ for one in members) == ["Group", "User"]


async def test_assignments_have_a_key_of_their_own(server, make_client):
    """``assignment_list`` reads as ``items``, and null as none."""
    server.script((200, {"assignment_list": [{"role_id": "r"}], "next_marker": ""}))
    found = await make_client().role.list_assignment(
        manage_resource_id="g", manage_resource_type="RT_Group"
    )
    assert [one.role_id for one in found.items] == ["r"]
    server.script((200, {"assignment_list": None}))
    assert await make_client().role.list_assignment().collect() == []
