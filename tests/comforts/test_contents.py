"""Small files whole: what is sent and read, to the byte and to the header."""

from __future__ import annotations

import asyncio
import logging
import traceback

import pytest
from aiohttp import ClientSession, web

from pdsclient import (
    AsyncPDSClient,
    Conflict,
    ContentChanged,
    DeadlineExceeded,
    DecodeError,
    InvalidRequest,
    OutcomeUnknown,
    PDSError,
    PermissionDenied,
    RuntimeContext,
    ServiceFailure,
)
from pdsclient._crc64 import crc64

SIGNATURE = "a%2Bsecret%2Fsignature%3D"
SIGNED = f"Expires=1700000000&Signature={SIGNATURE}&partNumber=1"


@pytest.fixture
def store(service):
    """A storage behind presigned URLs: what was put is there to be read."""

    class Store:
        content = b""

        async def data(self, request):
            if self.answers:
                answer = self.answers.pop(0)
                if callable(answer):
                    return await answer(request)
                if answer is not None:
                    return answer
            if request.method == "PUT":
                self.content = await request.read()
                return web.Response(headers={"ETag": '"X"'})
            return web.Response(body=self.content)

        def create(self, data):
            return 201, {
                "file_id": "f", "upload_id": "u", "exist": False, "file_name": data["name"],
                "part_info_list": [{"part_number": 1, "upload_url": self.url, "content_type": ""}],
            }  # fmt: skip

        def complete(self, data):
            return 200, {
                "file_id": "f", "size": len(self.content), "crc64_hash": str(crc64(self.content)),
            }  # fmt: skip

        def where(self, data):
            return 200, {
                "url": self.url, "method": "GET", "size": len(self.content),
                "crc64_hash": str(crc64(self.content)),
            }  # fmt: skip

    made = Store()
    made.answers = []
    made.url = f"{service.endpoint}/bucket/a%2Fb?{SIGNED}"
    service.data = made.data
    service.on("/file/create", made.create)
    service.on("/file/complete", made.complete)
    service.on("/file/get_download_url", made.where)
    return made


def puts(service):
    return [one for one in service.requests if one.method == "PUT"]


@pytest.mark.parametrize("data", [b"", b"abc", "\u00e4 text", b"x" * 300_000])
async def test_what_is_saved_can_be_read(service, store, client, data):
    """Created, put, completed; then read back with its checksum compared."""
    file = await client.save_file_content(data, name="n", drive_id="1")
    content = data.encode() if isinstance(data, str) else data
    assert (file.size, store.content) == (len(content), content)
    assert await client.get_file_content(file.file_id, drive_id="1") == content
    (created,), (completed,) = service.sent("/file/create"), service.sent("/file/complete")
    assert created == {
        "drive_id": "1", "parent_file_id": "root", "name": "n", "type": "file",
        "size": len(content), "check_name_mode": "refuse",
    }  # fmt: skip
    assert completed == {
        "drive_id": "1", "file_id": "f", "upload_id": "u", "crc64_hash": str(crc64(content)),
    }  # fmt: skip


async def test_the_storage_gets_the_url_to_the_letter_and_no_credential(service, store, client):
    """The signature covers how the URL is written and the absence of a content type."""
    await client.save_file_content(b"abc", name="n", drive_id="1")
    await client.get_file_content("f", drive_id="1")
    put, get = [one for one in service.requests if not one.path.startswith("/v2")]
    for request in (put, get):
        assert str(request.rel_url.raw_path_qs) == f"/bucket/a%2Fb?{SIGNED}"
        assert not {"Authorization", "Content-Type", "Cookie"} & set(request.headers)
        assert request.headers["Accept-Encoding"] == "identity"
        assert request.headers["User-Agent"].startswith("pdsclient/")
    assert (put.headers["Content-Length"], "Transfer-Encoding" in put.headers) == ("3", False)


async def test_the_content_type_that_was_signed_is_sent(service, store, client):
    """Exactly as the service says it."""
    reply = store.create({"name": "n"})
    reply[1]["part_info_list"][0]["content_type"] = "text/x-odd; a=1"
    service.on("/file/create", reply)
    await client.save_file_content(b"abc", name="n", drive_id="1")
    assert puts(service)[0].headers["Content-Type"] == "text/x-odd; a=1"


async def test_a_taken_name_is_a_conflict_that_tells_the_file(service, store, client):
    """Nothing is put anywhere."""
    service.on("/file/create", (201, {"file_id": "there", "exist": True}))
    with pytest.raises(Conflict) as caught:
        await client.save_file_content(b"abc", name="n", drive_id="1")
    assert (caught.value.file_id, caught.value.code) == ("there", "AlreadyExist.File")
    assert puts(service) == []


async def test_overwriting_makes_a_new_version_of_the_file(service, store, client):
    """The file is found first, and created again under its own identifier."""
    service.on("/file/create", (201, {"file_id": "there", "exist": True}), store.create)
    await client.save_file_content(b"abc", name="n", drive_id="1", check_name_mode="overwrite")
    first, second = service.sent("/file/create")
    assert second == {**first, "file_id": "there"}
    assert first["check_name_mode"] == "refuse"


async def test_a_content_that_the_domain_knows_is_not_sent(service, store, client):
    """The file is complete already."""
    service.on("/file/create", (201, {"file_id": "f", "rapid_upload": True}))
    service.on("/file/get", (200, {"file_id": "f", "size": 3}))
    file = await client.save_file_content(b"abc", name="n", drive_id="1")
    assert (file.size, puts(service)) == (3, [])


class TestTrouble:
    """Failures that pass are repeated; others are raised without a secret in them."""

    async def test_failures_that_pass_are_repeated(self, service, store, client, time):
        """A part may be put twice."""
        store.answers = [web.Response(status=504), web.Response(status=503), None, None]
        await client.save_file_content(b"abc", name="n", drive_id="1")
        store.answers = [web.Response(status=500)]
        assert await client.get_file_content("f", drive_id="1") == b"abc"
        assert len(time.slept) == 3

    async def test_a_part_that_is_there_was_put(self, service, store, client):
        """The answer to an earlier attempt was lost."""

        async def arrives_and_breaks(request):
            store.content = await request.read()
            request.transport.close()
            return web.Response()

        exists = "<Error><Code>PartAlreadyExist</Code><Message>it does</Message></Error>"
        store.answers = [arrives_and_breaks, web.Response(status=409, text=exists)]
        file = await client.save_file_content(b"abc", name="n", drive_id="1")
        assert file.size == 3

    async def test_a_refusal_is_raised_without_the_signature(self, service, store, client, caplog):
        """Neither in the message nor in what hangs on the error, nor in a log."""
        secret = "a+secret/signature="
        told = f"<StringToSign>{secret} {SIGNED}</StringToSign>"
        body = f"<Error><Code>AccessDenied</Code><Message>denied</Message>{told}</Error>"
        store.answers = [web.Response(status=403, text=body, content_type="application/xml")]
        with (
            caplog.at_level(logging.DEBUG),
            pytest.raises(PermissionDenied, match="denied") as caught,
        ):
            await client.save_file_content(b"abc", name="n", drive_id="1")
        error = caught.value
        shown = f"{error!r} {error} {error.body} {error.req_opt!r} {error.stack} {caplog.text}"
        assert "signature=" not in shown
        assert "a%2Bsecret" not in shown
        assert error.req_opt.method == "PUT"
        assert error.attempts == 1

    async def test_a_broken_connection_shows_no_url_either(self, service, store, client):
        """Whatever aiohttp says about it."""
        store.url = f"http://127.0.0.1:9/x?{SIGNED}"
        with pytest.raises(Exception, match="no connection") as caught:
            await client.with_options(retries=0).save_file_content(b"abc", name="n", drive_id="1")
        assert "secret" not in f"{caught.value} {caught.value.stack} {caught.value.req_opt}"

    async def test_a_redirect_is_not_followed(self, service, store, client):
        """Content goes nowhere but where the service said."""
        store.content = b"abc"
        store.answers = [web.Response(status=302, headers={"Location": "/elsewhere"})]
        with pytest.raises(DecodeError, match="redirect"):
            await client.get_file_content("f", drive_id="1")
        assert not any(one.path == "/elsewhere" for one in service.requests)

    async def test_a_part_of_a_content_is_not_the_content(self, service, store, client):
        """A 206 that nobody asked for is no success."""
        store.content = b"abc"
        store.answers = [web.Response(status=206, body=b"a")]
        with pytest.raises(DecodeError, match="did not say which range"):
            await client.get_file_content("f", drive_id="1")

    async def test_a_completion_whose_answer_was_lost_is_looked_up(self, service, store, client):
        """If the file is there it was completed."""
        service.on("/file/get", store.complete)
        for answer in ((500, None), (404, {"code": "NotFound.UploadId", "message": "gone"})):
            service.on("/file/complete", answer)
            file = await client.save_file_content(b"abc", name="n", drive_id="1")
            assert file.size == 3

    async def test_a_completion_that_failed_is_raised(self, service, store, client, refuse):
        """The file that is not there does not hide why."""
        service.on("/file/get", refuse(404, "NotFound.FileId"))
        service.on("/file/complete", (500, None))
        with pytest.raises(ServiceFailure):
            await client.save_file_content(b"abc", name="n", drive_id="1")

    async def test_an_old_version_is_not_taken_for_the_new_one(self, service, store, client):
        """The file that is there after a lost answer may be what was to be overwritten."""
        service.on("/file/complete", (500, None))
        old = {"file_id": "f", "crc64_hash": "7", "revision_id": "old"}
        service.on("/file/get", (200, old))
        for size in (3, 2 << 20):
            with pytest.raises(ServiceFailure):
                await client.save_file_content(bytes(size), name="n", drive_id="1")

    async def test_another_checksum_than_ours_is_an_error(self, service, store, client):
        """What arrived is not what was sent, or the other way round."""
        service.on("/file/complete", (200, {"file_id": "f", "crc64_hash": "7"}))
        with pytest.raises(DecodeError, match="CRC-64"):
            await client.save_file_content(b"abc", name="n", drive_id="1")
        service.on("/file/get_download_url", (200, {"url": store.url, "crc64_hash": "7"}))
        with pytest.raises(DecodeError, match="CRC-64"):
            await client.get_file_content("f", drive_id="1")

    async def test_the_checksum_of_the_storage_will_do(self, service, store, client):
        """Where the service does not tell one."""
        service.on("/file/get_download_url", (200, {"url": store.url}))
        store.answers = [web.Response(body=b"abc", headers={"x-oss-hash-crc64ecma": "7"})]
        with pytest.raises(DecodeError, match="CRC-64"):
            await client.get_file_content("f", drive_id="1")

    async def test_a_content_of_another_size_is_an_error(self, service, store, client):
        """The file was changed between the two requests."""
        service.on("/file/get_download_url", (200, {"url": store.url, "size": 9}))
        store.content = b"abc"
        with pytest.raises(ContentChanged):
            await client.get_file_content("f", drive_id="1")

    async def test_a_content_that_breaks_off_is_asked_for_again(self, service, store, client):
        """It is never taken for the whole."""

        async def half(request):
            answer = web.StreamResponse(headers={"Content-Length": "6"})
            await answer.prepare(request)
            await answer.write(b"abc")
            request.transport.close()
            return answer

        store.content = b"abcdef"
        store.answers = [half]
        assert await client.get_file_content("f", drive_id="1") == b"abcdef"
        store.answers = [half, half]
        with pytest.raises(OutcomeUnknown):
            await client.with_options(retries=1).get_file_content("f", drive_id="1")


async def test_a_large_content_is_refused_before_it_is_read(service, store, client):
    """By what the service tells, and by counting what comes."""
    store.content = b"x" * 1000
    with pytest.raises(DecodeError, match="1,000 bytes, more than the 999"):
        await client.get_file_content("f", drive_id="1", most=999)
    service.on("/file/get_download_url", (200, {"url": store.url}))
    with pytest.raises(DecodeError, match="has more than the 999"):
        await client.get_file_content("f", drive_id="1", most=999)
    assert len(await client.get_file_content("f", drive_id="1", most=1000)) == 1000


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"data": bytearray(b"x")}, "data must be bytes or a string"),
        ({"data": "\ud800"}, "half of a surrogate pair"),
        ({"data": b"x", "check_name_mode": "skip"}, "check_name_mode must be one of refuse"),
        ({"data": b"x", "drive_id": None}, "drive_id or share_id"),
        ({"data": b"x", "name": ""}, "name must not be empty"),
    ],
)
async def test_wrong_arguments_are_refused(service, client, arguments, word):
    """Before anything is sent."""
    with pytest.raises(InvalidRequest, match=word):
        await client.save_file_content(**{"name": "n", "drive_id": "1", **arguments})
    with pytest.raises(InvalidRequest, match="most must be"):
        await client.get_file_content("f", drive_id="1", most=-1)
    assert service.seen == []


async def test_more_than_a_small_content_is_refused(client):
    """64 MiB is the limit, and the message says so."""
    with pytest.raises(InvalidRequest, match="above 67,108,864"):
        await client.save_file_content(bytes((64 << 20) + 1), name="n", drive_id="1")


async def test_one_connection_is_enough(service, store, make_client):
    """The slot of a transfer is given back, also after a failure."""
    client = make_client(max_connections=1)
    store.answers = [web.Response(status=500), web.Response(status=403)]
    with pytest.raises(PermissionDenied):
        await client.save_file_content(b"abc", name="n", drive_id="1")
    await client.save_file_content(b"abc", name="n", drive_id="1")
    assert await client.get_file_content("f", drive_id="1") == b"abc"


async def test_a_borrowed_session_with_credentials_of_its_own_is_refused(service, store):
    """They would go to the storage."""
    store.content = b"abc"
    async with ClientSession(headers={"Authorization": "Bearer of-the-session"}) as session:
        client = AsyncPDSClient(
            api_endpoint=service.endpoint,
            token_info={"access_token": "x" * 20},
            context=RuntimeContext(session=session),
        )
        with pytest.raises(InvalidRequest, match="lend a session without"):
            await client.get_file_content("f", drive_id="1")
        await client.aclose()


async def test_content_keeps_to_the_deadline(service, store, client):
    """The time that a caller gives holds for the storage as well, however it dawdles."""

    async def dawdle(request):
        await asyncio.sleep(30)

    service.data = dawdle
    view = client.with_options(deadline=0.05)
    with pytest.raises(DeadlineExceeded, match=r"deadline of 0\.05 s") as caught:
        await view.save_file_content(b"abc", name="n", drive_id="1")
    assert caught.value.may_have_happened
    assert SIGNED not in f"{caught.value!r} {caught.value.req_opt!r}"


@pytest.mark.parametrize(
    "url",
    ["ftp://h/o?x", "file:///etc/passwd", "//h/o", "/o", "http://h/a b", "http://h/a\r\nX: y"],
)
async def test_what_is_no_url_of_the_storage_is_not_asked(service, store, client, url):
    """Nothing but HTTP is spoken, and nothing is written into it."""
    store.content, store.url = b"abc", url
    with pytest.raises(DecodeError, match="gave no URL of the storage"):
        await client.get_file_content("f", drive_id="1")


async def test_a_size_of_the_wrong_type_is_none(service, store, client):
    """The checksum still tells whether it is the right content."""
    store.content = b"abc"
    service.on(
        "/file/get_download_url",
        (200, {"url": store.url, "size": {"a": 1}, "crc64_hash": str(crc64(b"abc"))}),
    )
    assert await client.get_file_content("f", drive_id="1") == b"abc"


@pytest.mark.parametrize("status", [200, 403])
async def test_no_frame_of_a_refused_content_shows_a_secret(service, store, client, status):
    """Local variables end up in error trackers; the answer may be no HTTP and repeat the URL."""

    async def refuse(request):
        if status == 200:
            request.transport.write(f"NO HTTP {SIGNATURE}\r\n\r\n".encode())
            request.transport.close()
        return web.Response(
            status=status, text=f"<Error><Code>AccessDenied</Code>{SIGNATURE}</Error>"
        )

    store.content = b"abc"
    service.data = refuse
    with pytest.raises(PDSError) as caught:
        await client.get_file_content("f", drive_id="1")
    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    ours = "".join(str(frame.locals) for frame in told.stack if "/pdsclient/" in frame.filename)
    shown = f"{ours} {caught.value!r} {caught.value.body} {caught.value.stack}"
    assert "secret%2Fsignature" not in shown
    assert "secret/signature" not in shown
    assert "secret-token-of-the-test" not in shown


async def test_overwriting_what_is_not_there_creates_it(service, store, client):
    """One creation does; there is no file that it could be a version of."""
    await client.save_file_content(b"abc", name="n", drive_id="1", check_name_mode="overwrite")
    (only,) = service.sent("/file/create")
    assert "file_id" not in only
    assert len(puts(service)) == 1


async def test_as_much_as_is_allowed_is_allowed(service, store, client, monkeypatch):
    """The limits are the last that is let through, of what is saved and of what is read."""
    monkeypatch.setattr("pdsclient.files.contents.MOST_BYTES", 3)
    await client.save_file_content(b"abc", name="n", drive_id="1")
    with pytest.raises(InvalidRequest, match="data has 4 bytes, above 3"):
        await client.save_file_content(b"abcd", name="n", drive_id="1")
    assert await client.get_file_content("f", drive_id="1", most=3) == b"abc"
    store.content = b""
    assert await client.get_file_content("f", drive_id="1", most=0) == b""
