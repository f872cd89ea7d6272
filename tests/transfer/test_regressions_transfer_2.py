"""What an audit of uploads, downloads and trees has found, and what could have been lost unseen."""

from __future__ import annotations

import asyncio
import gc
import gzip
import io
import os
import stat
import threading
import weakref
import zipfile
from contextlib import nullcontext

import pytest

from pdsclient import InvalidRequest, PDSError, RetryPolicy
from pdsclient._crc64 import crc64
from pdsclient.emulator import Fault
from pdsclient.errors import ContentChanged, ContentMismatch, PermissionDenied
from pdsclient.storage import FreshUrl, Link, put_content
from pdsclient.transfer import TreeEntry
from pdsclient.transfer._download_moving import Cut
from pdsclient.transfer.names import safe_name
from pdsclient.transfer.progress import Meter
from pdsclient.transfer.tree_filters import Filters
from pdsclient.transfer.tree_local import LocalFolder
from pdsclient.transfer.tree_pool import Pool

PART = 102_400


# ---------------------------------------------------------------------------- found


@pytest.mark.parametrize("mode", ["refuse", "skip"])
async def test_who_may_upload_only_gets_the_file_all_the_same(ground, mode):
    """A content that is known, or a name that is taken, needs a look that may not be allowed."""
    await ground.client.upload(b"abc", **ground.drive, name="a")
    ground.emulator.faults.add("/file/get", Fault.status(403, "ForbiddenNoPermission"), times=None)
    name = "a" if mode == "skip" else "b"
    transfer = ground.client.upload(b"abc", **ground.drive, name=name, check_name_mode=mode)
    file = await transfer
    assert transfer.outcome == ("skipped" if mode == "skip" else "rapid")
    assert (file.name, file.type, file.parent_file_id) == (name, "file", "root")
    assert await ground.content(file) == b"abc"


async def test_who_may_upload_only_needs_no_look_when_the_last_answer_is_lost(ground):
    """Asked again, the service does not know the upload any more: it has become the file."""
    forbidden = Fault.status(403, "ForbiddenNoPermission")
    ground.emulator.faults.add("/file/get", forbidden, times=None)
    ground.emulator.faults.add("/file/complete", Fault.reset(processed=True))
    transfer = ground.client.upload(b"abc", **ground.drive, name="a")
    file = await transfer
    assert (transfer.outcome, file.type) == ("uploaded", "file")
    assert await ground.content(file) == b"abc"


async def test_an_upload_that_is_gone_before_its_end_is_no_success(ground, content):
    """Nobody knows what has become of it, and the service says why it cannot be looked at."""
    forbidden = Fault.status(403, "ForbiddenNoPermission")
    ground.emulator.faults.add("/file/get", forbidden, times=None)
    gone = Fault.status(404, "NoSuchUpload")
    ground.emulator.faults.add("/data", gone, times=None)
    with pytest.raises(PermissionDenied):
        await ground.client.upload(content(10), **ground.drive, name="a")


def test_a_file_that_is_open_for_something_else_is_refused_at_once(nowhere, tmp_path):
    """And not when a part of it is wanted, or the first bytes have come."""
    path = tmp_path / "a"
    path.touch()
    with path.open("rb") as reading, path.open("ab") as writing:
        with pytest.raises(InvalidRequest, match="source is not open for reading"):
            nowhere.upload(writing, drive_id="1")
        with pytest.raises(InvalidRequest, match="target is not open for writing"):
            nowhere.download("f", reading, drive_id="1")
    with pytest.raises(InvalidRequest, match="target is not open for writing"):
        nowhere.download("f", writing, drive_id="1")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c: c.download_archive(["a"] * 501, "a.zip", drive_id="1"), "files must be 1 to"),
        (lambda c: c.download_archive([], "a.zip", drive_id="1"), "files must be 1 to 500"),
        (lambda c: c.download_tree("", "a", drive_id="1"), "folder must not be empty; root is"),
        (lambda c: c.download_tree("root", b"a", drive_id="1"), "local must be a path, not bytes"),
        (lambda c: c.upload_tree(b"a", drive_id="1"), "local must be a path, not bytes"),
        (lambda c: c.upload_tree("a", checkpoint=b"a", drive_id="1"), "checkpoint must be a path"),
    ],
)
async def test_messages_name_the_argument_that_was_given(nowhere, call, message):
    """And not what it is called on its way to the service."""
    with pytest.raises(InvalidRequest, match=message):
        call(nowhere)


def zipped(data):
    """The data as a member of an archive."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a", data)
    return zipfile.ZipFile(packed).open("a")


class OnlyRead:
    """No file, but an object with ``read``."""

    def __init__(self, data):
        self.read = io.BytesIO(data).read


@pytest.mark.parametrize(
    "make", [lambda data: gzip.GzipFile(fileobj=io.BytesIO(gzip.compress(data))), zipped, OnlyRead]
)
async def test_whatever_can_be_read_is_a_source(ground, content, make):
    """Files of the standard library that are no plain ones, and objects with ``read`` alone."""
    data = content(2 * PART + 1)
    file = await ground.client.upload(make(data), **ground.drive, name="a", part_size=PART)
    assert await ground.content(file) == data


# ---------------------------------------------------------------------------- unseen


def test_no_pattern_reaches_over_a_slash():
    """Neither what stands for any character nor what leaves one out."""
    for pattern in ("a?c", "a*c", "a[!b]c", "a[+-1]c"):
        filters = Filters([pattern], None, None)
        assert not filters.takes(TreeEntry(path="a/c", kind="file"))


def test_an_entry_that_cannot_be_looked_at_is_told(tmp_path):
    """It is there, and nobody may think that it was uploaded."""
    (tmp_path / "a").touch()

    class Closed:
        name = "a"

        def stat(self, *, follow_symlinks):
            raise PermissionError("not yours")

    class Strict:
        def __getattr__(self, name):
            return getattr(os, name)

        def scandir(self, where):
            return nullcontext(iter([Closed()]))

        def lstat(self, path):
            raise PermissionError("not yours")

    folder = LocalFolder(Strict(), str(tmp_path))
    [entry] = folder.take(10)
    assert isinstance(entry.error, PermissionError)


async def test_deep_folders_come_first():
    """So few folders wait at a time, however wide the tree is."""

    async def open_gate():
        pass

    pool = Pool(1, open_gate, lambda: None)
    seen = []

    def folder(path):
        async def job():
            seen.append(path)
            if len(path) < 3:
                pool.add_folders([folder(f"{path}{one}") for one in "ab"])
            return False

        return job

    pool.add_folders([folder("a")])
    await pool.run()
    assert seen == ["a", "ab", "abb", "aba", "aa", "aab", "aaa"]


async def test_files_in_a_folder_that_failed_have_errors_of_their_own(ground, tmp_path):
    """Whoever raises one does not change the others."""
    for name in "ab":
        path = tmp_path / "tree" / "folder" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"abc")
    refused = Fault.status(400, "InvalidParameter.Name")
    ground.emulator.faults.add(
        "/file/create", refused, times=None, when=lambda one: one.data.get("type") == "folder"
    )
    report = await ground.client.upload_tree(tmp_path / "tree", **ground.drive, include=["a", "b"])
    errors = [item.error for item in report.failed]
    assert errors
    assert len({id(error) for error in errors}) == len(errors)


async def test_checkpoints_of_a_tree_are_those_of_large_files_and_of_one_place(
    ground, content, tmp_path
):
    """Nobody else can read them; the same tree may go elsewhere with the same directory."""
    tree, kept = tmp_path / "tree", tmp_path / "kept"
    tree.mkdir()
    (tree / "large").write_bytes(content(3 * PART))
    (tree / "small").write_bytes(content(PART))
    folders = [await ground.add_folder(name) for name in ("one", "two")]
    refused = Fault.status(403, "AccessDenied", "by policy")
    ground.emulator.faults.add("/data", refused, times=None)
    options = {**ground.drive, "part_size": PART, "checkpoint": kept, "rapid_upload": False}
    for count, folder in enumerate(folders, 1):
        report = await ground.client.upload_tree(tree, parent_file_id=folder, **options)
        assert {item.path for item in report.failed} == {"large", "small"}
        assert len(list(kept.iterdir())) == count
    assert stat.S_IMODE(kept.stat().st_mode) == 0o700
    ground.emulator.faults.clear()
    for folder in folders:
        report = await ground.client.upload_tree(tree, parent_file_id=folder, **options)
        report.raise_first()
    assert list(kept.iterdir()) == []


async def test_what_a_storage_quotes_is_masked_everywhere(ground, raw_storage):
    """In the message and in what the exception was made of."""
    secret = "raw-signature"
    raw_storage.answers(
        "403 Forbidden", f"<Error><Code>No</Code><Message>{secret}</Message></Error>".encode()
    )
    with pytest.raises(Exception, match="No") as raised:
        await put_content(ground.client._engine, raw_storage.url, b"abc")
    assert secret not in f"{raised.value.args}{raised.value}{raised.value!r}"


async def test_a_part_is_forgotten_when_it_was_sent(ground, raw_storage):
    """And not only when Python looks for circles, by when many others were sent."""
    raw_storage.answers("200 OK")

    class Part:
        def __init__(self):
            self.left = [b"abc"]

        def __aiter__(self):
            return self

        async def __anext__(self):
            if not self.left:
                raise StopAsyncIteration
            return self.left.pop()

    parts = []

    def pieces(_):
        part = Part()
        parts.append(weakref.ref(part))
        return part

    gc.disable()
    try:
        await put_content(ground.client._engine, raw_storage.url, b"abc", pieces=pieces)
        assert [one() for one in parts] == [None]
    finally:
        gc.enable()


async def test_a_piece_may_be_waited_for_longer_than_the_time_limit(ground, raw_storage):
    """A bandwidth, or a source that is slow, is no trouble of the line."""
    raw_storage.answers("200 OK")

    async def slowly(_):
        yield b"ab"
        await asyncio.sleep(0.15)
        yield b"c"

    async with ground.world.connect(token_info=ground.emulator.token_info, timeout=0.05) as client:
        assert await put_content(client._engine, raw_storage.url, b"abc", pieces=slowly)


async def test_a_file_that_appears_meanwhile_is_not_overwritten(
    ground, content, tmp_path, meanwhile
):
    """When the tree looked there was none, so nobody has said what is to become of it."""
    folder, target = await ground.add_folder("folder"), tmp_path / "tree" / "a"
    await ground.client.upload(content(PART), **ground.drive, name="a", parent_file_id=folder)

    async def appear():
        await asyncio.to_thread(target.write_bytes, b"of somebody else")

    ground.emulator.faults.add("/data", meanwhile(appear))
    report = await ground.client.download_tree(folder, tmp_path / "tree", **ground.drive)
    assert isinstance(report.failed[0].error, FileExistsError)
    assert target.read_bytes() == b"of somebody else"


async def test_a_dry_run_counts_each_folder_once(ground, tmp_path):
    """Also one that is only needed for what is in folders in it, which come at the same time."""
    folder = await ground.add_folder("folder")
    for name in "abc":
        path = tmp_path / "tree" / "inner" / name / "file"
        path.parent.mkdir(parents=True)
        path.touch()
    await ground.client.upload_tree(tmp_path / "tree", **ground.drive, parent_file_id=folder)
    options = {**ground.drive, "include": ["file"]}
    made = []
    for dry_run in (True, False):
        report = await ground.client.download_tree(
            folder, tmp_path / "to", **options, dry_run=dry_run
        )
        made.append(report.folders_made)
    assert made == [5, 5]


async def test_a_transfer_may_take_longer_than_the_deadline_of_calls(ground, content, tmp_path):
    """That is meant for a call; a part has no other limit than that something moves."""
    file = await ground.add("a", content(PART))
    for fault in (Fault.delay(0.15),) * 3:
        ground.emulator.faults.add("/data", fault)
    async with ground.world.connect(token_info=ground.emulator.token_info, deadline=0.1) as client:
        await client.upload(content(PART, 1), **ground.drive, name="b")
        await client.download(file, tmp_path / "a")
        async with client.open(file) as stream:
            assert await stream.read() == content(PART)


class Halves:
    """A content that comes in two pieces, the second one when it may."""

    def __init__(self):
        self.pieces = [b"abc", b"def", b""]
        self.may = asyncio.Event()

    async def read(self):
        if len(self.pieces) == 2:
            await self.may.wait()
        return self.pieces.pop(0)


async def test_a_read_that_is_cancelled_half_way_gives_its_first_half_back(nowhere):
    """The next one has it."""
    stream = nowhere.open("f", drive_id="1")
    reading = Halves()
    stream._pieces = Cut(reading)
    read = asyncio.create_task(stream.read(5))
    await asyncio.sleep(0)
    read.cancel()
    with pytest.raises(asyncio.CancelledError):
        await read
    reading.may.set()
    assert await stream.read(5) == b"abcde"


async def test_a_read_that_is_cancelled_during_the_last_comparison_loses_nothing(
    ground, content, monkeypatch
):
    """The thread goes on, and the next read has its result and all bytes."""
    began, may = threading.Event(), threading.Event()

    def slow(data, before):
        began.set()
        may.wait(10)
        return crc64(data, before)

    file = await ground.add("a", content(100))
    async with ground.client.open(file) as stream:
        monkeypatch.setattr("pdsclient.transfer.stream.crc64", slow)
        read = asyncio.create_task(stream.read())
        await asyncio.to_thread(began.wait, 10)
        read.cancel()
        with pytest.raises(asyncio.CancelledError):
            await read
        may.set()
        assert await stream.read() == content(100)
        assert await stream.read() == b""


async def test_a_range_that_is_the_whole_is_compared(ground, content):
    """However it was written."""
    file = await ground.add("a", content(1000))
    for options in ({}, {"stop": 1000}, {"start": 0, "stop": 5000}):
        ground.emulator.faults.add("/data", Fault.corrupt(500))
        async with ground.client.open(file, **options) as stream:
            with pytest.raises(ContentMismatch):
                await stream.read()


async def test_renewals_of_a_url_take_no_attempts_away(ground, raw_storage):
    """What fails after them is repeated as often as ever."""
    expired = b"<Error><Code>AccessDenied</Code><Message>Request has expired.</Message></Error>"
    for _ in range(2):
        raw_storage.answers("403 Forbidden", expired)
    attempts = RetryPolicy().attempts
    for _ in range(attempts - 1):
        raw_storage.answers("503 Service Unavailable")
    raw_storage.answers("200 OK")

    async def ask():
        return FreshUrl(raw_storage.url)

    link = Link(ask, ground.client._engine.shared.now)
    assert await put_content(ground.client._engine, link, b"abc")
    assert len(raw_storage.requests) == 2 + attempts


async def test_bytes_are_known_again_by_their_end_too(ground, content, put_of, tmp_path):
    """Others that begin alike are another content, of which nothing has arrived."""
    one = content(3 * PART)
    other = one[:-1] + bytes([one[-1] ^ 1])
    options = {**ground.drive, "name": "a", "part_size": PART, "rapid_upload": False}
    refused = Fault.status(403, "AccessDenied", "by policy")
    ground.emulator.faults.add("/data", refused, times=1, when=put_of(2))
    with pytest.raises(PDSError, match="by policy"):
        await ground.client.upload(one, **options, checkpoint=tmp_path / "ckpt")
    ground.emulator.requests.clear()
    file = await ground.client.upload(other, **options, checkpoint=tmp_path / "ckpt")
    assert [put.number for put in ground.puts] == [1, 2, 3]
    assert await ground.content(file) == other


async def test_a_file_object_that_is_changed_in_place_is_found(
    ground, content, tmp_path, meanwhile
):
    """By the time of the file beneath it, though it has as many bytes as before."""
    path = tmp_path / "a"
    path.write_bytes(content(4 * PART))

    async def change():
        os.utime(path, (1, 1))

    ground.emulator.faults.add("/data", meanwhile(change))
    with path.open("rb") as file, pytest.raises(ContentChanged):
        await ground.client.upload(file, **ground.drive, part_size=PART)


async def test_an_iterator_of_the_callers_is_not_closed(ground, content):
    """Whoever made it may want the rest."""

    async def chunks():
        for seed in range(3):
            yield content(PART, seed)

    source = chunks()
    with pytest.raises(ContentChanged):
        await ground.client.upload(source, **ground.drive, name="a", size=2, part_size=PART)
    assert [chunk async for chunk in source][-1] == content(PART, 2)


async def test_a_buffer_may_be_filled_anew_for_each_chunk(ground, content):
    """What it had before is kept until it was sent."""
    data, buffer = content(3 * PART), bytearray(1024)

    async def chunks():
        for at in range(0, len(data), len(buffer)):
            buffer[:] = data[at : at + len(buffer)]
            yield buffer

    file = await ground.client.upload(chunks(), **ground.drive, name="a", part_size=PART)
    assert await ground.content(file) == data


def test_progress_tells_the_speed_of_the_last_seconds():
    """Neither that of an hour ago nor one below nothing; at the end that of the whole run."""
    now = [0.0]
    meter = Meter(lambda: now[0])
    meter.begin()
    meter.expect(bytes=2500)
    for _ in range(100):
        now[0] += 1
        meter.moved(1)
        meter.snapshot("running")
    meter.kept(500)
    assert meter.snapshot("running").speed == 1
    for _ in range(10):
        now[0] += 1
        meter.moved(100)
        meter.snapshot("running")
    assert 80 < meter.snapshot("running").speed <= 100
    assert 9 <= (meter.snapshot("running").remaining_s or 0) < 12
    now[0] += 1
    meter.moved(-1000)
    assert (meter.snapshot("running").speed, meter.snapshot("running").remaining_s) == (0, None)
    meter.kept(400)
    meter.end()
    now[0] += 1000
    done = meter.snapshot("done")
    assert (done.bytes_done, done.elapsed_s, done.remaining_s) == (1000, 111, 0.0)
    assert done.speed == pytest.approx(100 / 111)


async def test_time_stands_still_when_a_transfer_has_ended(ground):
    """Whoever looks an hour later sees how long it took."""
    transfer = ground.client.upload(b"abc", **ground.drive, name="a")
    await transfer
    before = transfer.progress
    ground.emulator.clock.advance(3600)
    assert transfer.progress == before


@pytest.mark.parametrize("mark", [0x061C, 0x200E, 0x200F, 0x202E, 0x2028, 0x2066])
def test_no_mark_turns_the_direction_of_a_name(mark):
    """It would show another extension than there is."""
    name = safe_name(f"exe{chr(mark)}txt.bat")
    assert chr(mark) not in name
    assert name.startswith("exe_txt")


class OfAnother:
    """A file system on which one file has another owner."""

    def __init__(self, path):
        self._inode = path.stat().st_ino

    def __getattr__(self, name):
        return getattr(os, name)

    def fstat(self, descriptor):
        found = os.fstat(descriptor)
        if found.st_ino != self._inode:
            return found
        return os.stat_result((*found[:4], found.st_uid + 1, *found[5:10]))


async def test_an_unfinished_file_of_another_user_is_left_alone(
    ground, content, tmp_path, files_in, range_from
):
    """What is written there is its owner's to read and to change."""
    file = await ground.add("a", content(3 * PART))
    options = {"part_size": PART, "concurrency": 1}
    refused = Fault.status(403, "AccessDenied", "by policy")
    ground.emulator.faults.add("/data", refused, times=2, when=range_from(PART))
    part = tmp_path / "a.part"
    with pytest.raises(PDSError, match="by policy"):
        await ground.client.download(file, tmp_path / "a", **options)
    before = part.read_bytes()
    async with ground.world.connect(
        {"file_system": OfAnother(part)}, token_info=ground.emulator.token_info
    ) as client:
        with pytest.raises(PDSError, match="by policy"):
            await client.download(file, tmp_path / "a", **options)
    assert set(files_in(tmp_path)) == {"a.part", "a.1.part"}
    assert part.read_bytes() == before


async def test_a_path_is_looked_at_with_each_part(ground, content, tmp_path, meanwhile):
    """So that no hours are spent on what will be refused at the end."""
    path = tmp_path / "a"
    path.write_bytes(content(6 * PART))

    async def change():
        os.utime(path, (1, 1))

    ground.emulator.faults.add("/data", meanwhile(change))
    with pytest.raises(ContentChanged):
        await ground.client.upload(path, **ground.drive, part_size=PART, parallel=False)
    assert len(ground.puts) < 4


async def test_a_part_is_sent_with_the_media_type_that_its_url_was_signed_for(ground, raw_storage):
    """Usually none; where the service names one, exactly that (pds-service.md 10.4)."""
    raw_storage.answers("200 OK")
    parts = [{"part_number": 1, "upload_url": raw_storage.url, "content_type": "text/x-signed"}]
    made = {"file_id": "f", "upload_id": "u", "part_info_list": parts}
    ground.emulator.faults.add("/file/create", Fault.json(made))
    # The service knows of no such upload at its end, so another one is begun.
    file = await ground.client.upload(b"abc", **ground.drive, name="a.pdf")
    assert await ground.content(file) == b"abc"
    [request] = raw_storage.requests
    assert request.headers["content-type"] == "text/x-signed"
