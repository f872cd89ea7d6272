"""Downloads over a line that breaks, from a storage that errs, of files that change."""

from __future__ import annotations

import asyncio
import errno
import io
import os
import traceback

import pytest

from pdsclient import (
    ContentChanged,
    ContentMismatch,
    DecodeError,
    NotFound,
    PDSError,
    PermissionDenied,
    RetryPolicy,
    ServiceFailure,
)
from pdsclient.emulator import Fault, Settings

PART = 102_400
SIZE = 4 * PART + 11
HALF = PART // 2


@pytest.fixture
async def file(ground, content):
    """A file of five ranges; the requests that it took are forgotten."""
    made = await ground.add("a", content(SIZE))
    ground.emulator.requests.clear()
    return made


async def paused_once(ground, transfer):
    """Begins it, and pauses it while the first range is under way; returns when it is through."""
    paused = asyncio.Event()

    def pause(_: object) -> bool:
        if not paused.is_set():
            transfer.pause()
        return False

    ground.emulator.faults.add("/data", Fault.reset(), when=pause)
    transfer.on("state", lambda state, _: state == "paused" and paused.set())
    transfer.start()
    await paused.wait()


PASSING = {
    "reset": Fault.reset(),
    "reset-in-the-middle": Fault.truncate(HALF, end="reset"),
    "closed-in-the-middle": Fault.truncate(HALF),
    "closed-before": Fault.close(),
    "503": Fault.storage(503, "SlowDown", "please"),
    "504": Fault.gateway(504),
    "500": Fault.storage(500, "InternalError", "we failed"),
    "expired": Fault.expired(),
}


@pytest.mark.parametrize("name", sorted(PASSING))
@pytest.mark.parametrize("first", [0, 2 * PART])
async def test_what_passes_is_overcome(ground, content, tmp_path, file, range_from, name, first):
    """Be it at the first range or a later one; what came before the break does not come again."""
    faults = ground.emulator.faults
    faults.add("/data", PASSING[name], when=range_from(first), times=2)
    path = await ground.client.download(file, tmp_path / "a", part_size=PART)
    assert path.read_bytes() == content(SIZE)
    if "middle" in name:
        assert any(one.first == first + HALF for one in ground.gets)
    assert len(ground.gets) <= 5 + 4


async def test_a_url_that_expires_is_renewed_by_all_at_once(ground, content, tmp_path, file):
    """One question serves all ranges; those that were done stay done."""
    ground.emulator.faults.add("/data", Fault.expired(), after=2, times=3)
    path = await ground.client.download(file, tmp_path / "a", part_size=PART, concurrency=8)
    assert path.read_bytes() == content(SIZE)
    assert 2 <= ground.asked("/file/get_download_url") <= 4


async def test_a_download_may_take_hours(ground, content, tmp_path, file):
    """The URL is renewed before its time is over, the token likewise."""
    clock = ground.emulator.clock
    transfer = ground.client.download(file, tmp_path / "a", part_size=PART, concurrency=1)
    transfer.on("progress", lambda _: clock.advance(1000))
    assert (await transfer).read_bytes() == content(SIZE)
    assert ground.asked("/file/get_download_url") >= 4
    assert all(one.status == 206 for one in ground.gets)


async def test_a_token_that_expires_in_the_middle_is_renewed(ground, content, tmp_path, file):
    """It is needed for the next URL."""
    ground.emulator.faults.add("/data", Fault.expired(), after=2)
    transfer = ground.client.download(file, tmp_path / "a", part_size=PART, concurrency=1)
    transfer.once(
        "progress", lambda _: ground.emulator.revoke(ground.client.token_info.access_token)
    )
    assert (await transfer).read_bytes() == content(SIZE)
    assert ground.asked("/oauth/token") == 1


async def test_a_url_that_is_always_refused_is_given_up(ground, tmp_path, file, files_in):
    """After a few, and not one every hundred milliseconds for ever."""
    ground.emulator.faults.add("/data", Fault.expired(), times=None)
    with pytest.raises(PermissionDenied, match="expired"):
        await ground.client.download(file, tmp_path / "a", part_size=PART)
    assert len(ground.gets) <= 5
    assert files_in(tmp_path) == {}


async def test_a_permission_lost_in_the_middle_is_told(ground, content, tmp_path, file):
    """What came stays for a run with a permission."""
    emulator = ground.emulator
    await emulator.put_user("guest")
    await emulator.grant(emulator.drive_id, "guest")
    token = emulator.issue_token(user_id="guest")
    async with ground.world.connect(token_info=token) as client:
        emulator.faults.add("/data", Fault.expired(), after=2)
        emulator.faults.add(
            "/file/get_download_url", Fault.status(403, "ForbiddenNoPermission.File"), after=1
        )
        with pytest.raises(PermissionDenied):
            await client.download(file, tmp_path / "a", part_size=PART, concurrency=1)
    emulator.requests.clear()
    await ground.client.download(file, tmp_path / "a")
    assert ((tmp_path / "a").read_bytes(), len(ground.gets)) == (content(SIZE), 3)


class TestIgnoredRanges:
    """A storage that answers 200 with the whole content (pds-service.md 11.2)."""

    async def test_one_stream_is_read(self, start, content, tmp_path):
        """Of all ranges, over one connection."""
        async with start(settings=Settings(ranges="ignored")) as ground:
            file = await ground.add("a", content(SIZE))
            transfer = ground.client.download(file, tmp_path / "a", part_size=PART)
            assert (await transfer).read_bytes() == content(SIZE)
            assert [one.status for one in ground.gets] == [200, 200]
            assert transfer.progress.parts_done == 5

    async def test_a_break_in_it_is_overcome(self, start, content, tmp_path):
        """What came already is passed by."""
        async with start(settings=Settings(ranges="ignored")) as ground:
            file = await ground.add("a", content(SIZE))
            ground.emulator.faults.add("/data", Fault.truncate(3 * PART), after=1)
            path = await ground.client.download(file, tmp_path / "a", part_size=PART)
            assert path.read_bytes() == content(SIZE)

    async def test_they_may_be_ignored_in_the_middle(self, ground, content, tmp_path, file):
        """By one server of many; what is there already stays as it is."""
        ground.emulator.faults.add("/data", Fault.ignore_range(), after=2)
        path = await ground.client.download(file, tmp_path / "a", part_size=PART, concurrency=1)
        assert path.read_bytes() == content(SIZE)
        assert [one.first for one in ground.gets] == [0, PART, 2 * PART, 2 * PART]

    async def test_gaps_are_filled(self, ground, content, tmp_path, file, range_from):
        """What lies between what is missing is read and not written."""
        faults = ground.emulator.faults
        refused = Fault.storage(403, "AccessDenied", "by policy")
        faults.add("/data", Fault.delay(0.05), when=range_from(PART))
        faults.add("/data", refused, when=range_from(3 * PART), after=0)
        with pytest.raises(PermissionDenied):
            await ground.client.download(file, tmp_path / "a", part_size=PART, concurrency=5)
        faults.add("/data", Fault.ignore_range(), times=None)
        path = await ground.client.download(file, tmp_path / "a")
        assert path.read_bytes() == content(SIZE)


class TestWrongBytes:
    """What comes is not what the service has."""

    async def test_a_byte_that_changed_on_its_way_is_found(self, ground, content, tmp_path, file):
        """All comes once more, since nobody can tell where it is."""
        ground.emulator.faults.add("/data", Fault.corrupt(5), after=1)
        transfer = ground.client.download(file, tmp_path / "a", part_size=PART)
        assert (await transfer).read_bytes() == content(SIZE)
        assert len(ground.gets) == 10
        assert (transfer.progress.bytes_done, transfer.progress.parts_done) == (SIZE, 5)

    async def test_twice_wrong_is_an_error(self, ground, tmp_path, file, files_in):
        """And nothing is left, least of all under the name."""
        ground.emulator.faults.add("/data", Fault.corrupt(5), times=None)
        with pytest.raises(ContentMismatch, match="CRC-64"):
            await ground.client.download(file, tmp_path / "a", part_size=PART)
        assert files_in(tmp_path) == {}
        assert len(ground.gets) == 10

    async def test_the_storage_may_tell_the_checksum_alone(self, ground, tmp_path, file, files_in):
        """Where the service does not, and the storage errs or not."""
        url = await ground.client.file.get_download_url(**ground.drive, file_id=file.file_id)
        told = Fault.json({"url": url.url, "size": SIZE})
        ground.emulator.faults.add("/file/get_download_url", told, times=None)
        ground.emulator.faults.add(
            "/file/get", Fault.json({"file_id": "f", "size": SIZE}), times=None
        )
        ground.emulator.faults.add("/data", Fault.headers(x_oss_hash_crc64ecma="7"), times=None)
        with pytest.raises(ContentMismatch, match="not 7"):
            await ground.client.download("f", tmp_path / "a", drive_id="1")
        assert files_in(tmp_path) == {}

    async def test_nobody_tells_a_size(self, ground, tmp_path, content, file, files_in):
        """The storage is asked for a byte; if it does not tell either, nothing is laid out."""
        url = await ground.client.file.get_download_url(**ground.drive, file_id=file.file_id)
        faults = ground.emulator.faults
        faults.add("/file/get_download_url", Fault.json({"url": url.url}), times=None)
        faults.add("/file/get", Fault.json({"file_id": "f"}), times=None)
        path = await ground.client.download("f", tmp_path / "a", drive_id="1", part_size=PART)
        assert path.read_bytes() == content(SIZE)
        assert (ground.gets[0].first, ground.gets[0].last) == (0, 0)
        faults.add("/data", Fault.headers(Content_Range="bytes 0-0/*"))
        with pytest.raises(DecodeError, match="how long"):
            await ground.client.download("f", tmp_path / "b", drive_id="1")

    async def test_a_content_that_ends_early_is_an_error(
        self, ground, tmp_path, raw_storage, files_in
    ):
        """A storage that does not say how long it is may just stop; into whatever it goes."""
        chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"

        async def answer(request):
            await request.send(chunked)

        raw_storage.on(answer)
        told = {"url": raw_storage.url, "size": 9}
        ground.emulator.faults.add("/file/get_download_url", Fault.json(told), times=None)
        ground.emulator.faults.add("/file/get", Fault.json({"file_id": "f"}), times=None)
        with pytest.raises(ContentMismatch, match="ended 6 bytes early"):
            await ground.client.download("f", tmp_path / "a", drive_id="1")
        assert files_in(tmp_path) == {}
        with pytest.raises(ContentMismatch, match="3 bytes came of a file of 9"):
            await ground.client.download("f", io.BytesIO(), drive_id="1")
        async with ground.client.open("f", drive_id="1") as stream:
            with pytest.raises(ContentMismatch, match="3 bytes came of a file of 9"):
                await stream.read()


class TestChanges:
    """The file in the drive is not what it was; then what there is of it is of no use."""

    @pytest.fixture
    async def fails(self, ground, tmp_path, file, files_in):
        """Checks that a download of five ranges one by one ends with an error."""

        async def fails(kind):
            with pytest.raises(kind) as caught:
                await ground.client.download(file, tmp_path / "a", part_size=PART, concurrency=1)
            assert caught.type is kind
            assert files_in(tmp_path) == {}

        return fails

    @pytest.mark.parametrize("told", [{"size": 99}, {"crc64_hash": "7"}])
    async def test_its_new_url_tells(self, ground, file, fails, told):
        """By another size or checksum."""
        url = await ground.client.file.get_download_url(**ground.drive, file_id=file.file_id)
        ground.emulator.faults.add(
            "/file/get_download_url", Fault.json({"url": url.url, **told}), after=1
        )
        ground.emulator.faults.add("/data", Fault.expired(), after=2)
        await fails(ContentChanged)

    async def test_the_storage_tells(self, ground, fails):
        """Its answer has the checksum of the whole content."""
        ground.emulator.faults.add("/data", Fault.headers(x_oss_hash_crc64ecma="7"), after=2)
        await fails(ContentChanged)

    async def test_a_range_is_not_there_any_more(self, ground, fails):
        """It has become shorter."""
        ground.emulator.faults.add("/data", Fault.storage(416, "InvalidRange", "no"), after=2)
        await fails(ContentChanged)

    async def test_its_content_is_not_there_any_more(self, ground, file, fails):
        """If there is another one; a deleted file is not found; else the error is as it came."""
        faults = ground.emulator.faults
        gone = Fault.storage(404, "NoSuchKey", "it is gone")
        url = await ground.client.file.get_download_url(**ground.drive, file_id=file.file_id)
        faults.add("/data", gone, after=2, times=3)
        now = Fault.json({"url": url.url, "size": SIZE, "crc64_hash": "7"})
        faults.add("/file/get_download_url", now, after=1)
        await fails(ContentChanged)

    async def test_a_file_that_is_deleted_is_not_found(self, ground, tmp_path, file):
        """As the service says when it is asked for another URL."""
        gone = Fault.storage(404, "NoSuchKey", "it is gone")
        ground.emulator.faults.add("/data", gone, after=2)
        transfer = ground.client.download(file, tmp_path / "a", part_size=PART, concurrency=1)
        missing = Fault.status(404, "NotFound.FileId", "it is gone")
        ground.emulator.faults.add("/file/get_download_url", missing, after=1)
        with pytest.raises(NotFound) as caught:
            await transfer
        assert caught.value.code == "NotFound.FileId"

    async def test_an_overwritten_file_is_noticed(self, start, content, tmp_path, files_in):
        """Whether the service keeps the old version is of no matter."""
        for revisions in ("kept", "latest"):
            async with start(settings=Settings(revisions=revisions)) as ground:
                file = await ground.add("a", content(SIZE))
                transfer = ground.client.download(
                    file, tmp_path / "a", part_size=PART, concurrency=1
                )
                await paused_once(ground, transfer)
                await ground.client.save_file_content(
                    content(99), name="a", check_name_mode="overwrite", **ground.drive
                )
                ground.emulator.clock.advance(1000)
                transfer.resume()
                with pytest.raises(ContentChanged):
                    await transfer
                assert await asyncio.to_thread(files_in, tmp_path) == {}

    async def test_what_was_told_before_the_download_may_be_old(self, ground, content, tmp_path):
        """The content is that of now, and so is its time."""
        old = await ground.add("b", content(10), local_modified_at="2020-01-01T00:00:00Z")
        await ground.client.save_file_content(
            content(SIZE), name="b", check_name_mode="overwrite", **ground.drive
        )
        path = await ground.client.download(old, tmp_path / "b")
        assert path.read_bytes() == content(SIZE)
        now = await ground.client.file.get(**ground.drive, file_id=old.file_id)
        changed = now.local_modified_at or now.updated_at
        assert int(path.stat().st_mtime) == int(changed.timestamp())


class TestDisk:
    """The local disk."""

    async def test_a_full_disk_is_told_as_it_is(self, ground, content, tmp_path, file):
        """And what has arrived stays for a later run."""
        room = 3 * PART

        class Full:
            def __getattr__(self, name):
                return getattr(os, name)

            def pwritev(self, descriptor, views, offset):
                if room < offset < SIZE:
                    raise OSError(errno.ENOSPC, "no space left on device")
                return os.pwritev(descriptor, views, offset)

        token = ground.emulator.token_info
        async with ground.world.connect({"file_system": Full()}, token_info=token) as client:
            with pytest.raises(OSError, match="no space left"):
                await client.download(file, tmp_path / "a", part_size=PART, concurrency=2)
        ground.emulator.requests.clear()
        await ground.client.download(file, tmp_path / "a")
        assert (tmp_path / "a").read_bytes() == content(SIZE)
        assert len(ground.gets) <= 2


async def test_nothing_is_repeated_without_end(ground, tmp_path, file):
    """A storage that fails for good is left alone after a few attempts."""
    ground.emulator.faults.add("/data", Fault.status(503), times=None)
    async with ground.world.connect(
        token_info=ground.emulator.token_info, retry=RetryPolicy(attempts=2)
    ) as client:
        with pytest.raises(ServiceFailure):
            await client.download(file, tmp_path / "a", part_size=PART)
    assert len(ground.gets) == 2


async def test_no_error_shows_the_url(ground, tmp_path, file, caplog):
    """Nor does a log, the handle, the part file, or who prints local variables."""
    caplog.set_level("DEBUG")
    for fault in (Fault.status(403), Fault.reset(), Fault.headers(x_oss_hash_crc64ecma="7")):
        ground.emulator.faults.clear()
        ground.emulator.faults.add("/data", fault, after=2, times=None)
        (tmp_path / "a.part").unlink(missing_ok=True)
        transfer = ground.client.download(file, tmp_path / "a", part_size=PART, concurrency=1)
        with pytest.raises(PDSError) as caught:
            await transfer
        error = caught.value
        told = traceback.TracebackException.from_exception(error, capture_locals=True)
        ours = [frame.locals for frame in told.stack if "/pdsclient/" in frame.filename]
        shown = f"{ours}{error!r}{error}{error.stack}{error.req_opt!r}{transfer!r}{caplog.text}"
        assert "Signature=" not in shown.replace("Signature=***", "")
        left = tmp_path / "a.part"
        assert not left.exists() or b"Signature=" not in left.read_bytes()


async def test_a_pause_lets_ranges_end_and_begins_no_other(ground, content, tmp_path, file):
    """And resuming goes on."""
    transfer = ground.client.download(file, tmp_path / "a", part_size=PART, concurrency=1)
    await paused_once(ground, transfer)
    for _ in range(20):
        await asyncio.sleep(0)
    assert (len(ground.gets), transfer.progress.parts_done) == (1, 1)
    transfer.resume()
    assert (await transfer).read_bytes() == content(SIZE)


async def test_the_bandwidth_is_kept_to(ground, content, tmp_path, file):
    """Four seconds for what takes four seconds, of a clock that only waits move."""
    await ground.client.download(file, tmp_path / "a", part_size=PART, bandwidth=SIZE / 4)
    assert 3.5 <= sum(ground.world.slept) <= 4.1
