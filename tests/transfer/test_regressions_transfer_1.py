"""What real processes, real disks and real nonsense have broken in transfers."""

from __future__ import annotations

import asyncio
import errno
import io
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from pdsclient import InvalidRequest, PDSError, RuntimeContext
from pdsclient.emulator import Fault
from pdsclient.errors import ContentMismatch
from pdsclient.transfer.disk import Disk, time_of

PART = 102_400
# What a file system with times of 64 bits takes, and no calendar has.
FAR_NS = 2**40 * 10**9


class TimesFromAfar:
    """The functions of ``os``; all files were changed in the year 36812."""

    def __getattr__(self, name):
        return getattr(os, name)

    def fstat(self, descriptor):
        return self._moved(os.fstat(descriptor))

    def stat(self, *args, **options):
        return self._moved(os.stat(*args, **options))

    def lstat(self, *args, **options):
        return self._moved(os.lstat(*args, **options))

    def _moved(self, found):
        fields = {name: getattr(found, name) for name in dir(found) if name.startswith("st_")}
        return type("Found", (), {**fields, "st_mtime_ns": FAR_NS})()


@pytest.mark.parametrize("size", [10, 3 * PART])
async def test_a_file_that_was_changed_in_no_year_of_the_calendar_goes_up(
    ground, content, tmp_path, size
):
    """Its time is not told."""
    (tmp_path / "a").write_bytes(content(size))
    client = ground.world.connect(
        {"file_system": TimesFromAfar()}, token_info=ground.emulator.token_info
    )
    async with client:
        file = await client.upload(tmp_path / "a", **ground.drive, part_size=PART)
    assert await ground.content(file) == content(size)
    assert file.local_modified_at is None


def test_times_that_no_calendar_has_are_none():
    """All others are told to the microsecond."""
    assert time_of(FAR_NS) is time_of(-FAR_NS) is None
    assert time_of(1_500_000_999).isoformat() == "1970-01-01T00:00:01.500000+00:00"


@pytest.fixture
def odd_path(tmp_path):
    """Of a file whose name is no UTF-8; of one with a usual name where there are no others."""
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe")
    try:
        open(path, "xb").close()
    except OSError:
        path = str(tmp_path / "usual")
        open(path, "xb").close()
    return path


@pytest.mark.parametrize("as_file", [False, True])
async def test_an_upload_of_a_path_that_is_no_utf_8_goes_on(
    ground, content, tmp_path, odd_path, as_file, put_of
):
    """Its checkpoint is kept, and known again."""
    whole = content(3 * PART)
    ground.emulator.faults.add("/data", Fault.status(400), times=1, when=put_of(3))

    async def run():
        with io.FileIO(odd_path, "rb+") as file:
            file.write(whole)
            file.seek(0)
            os.utime(odd_path, (1, 1))
            return await ground.client.upload(
                file if as_file else odd_path,
                **ground.drive,
                name="a",
                part_size=PART,
                checkpoint=tmp_path / "kept",
            )

    with pytest.raises(PDSError):
        await run()
    assert (tmp_path / "kept").exists()
    assert await ground.content(await run()) == whole
    assert not ground.sent_twice()


async def test_a_home_directory_of_nobody_is_a_name_like_any_other(ground, tmp_path, monkeypatch):
    """As for a shell."""
    monkeypatch.chdir(tmp_path)
    file = await ground.add("a", b"abc")
    path = await ground.client.download(file, "~nobody-of-this-name")
    assert path.read_bytes() == b"abc"
    again = ground.client.upload(path, **ground.drive, name="b", checkpoint="~another-one-of-none")
    assert (await again).name == "b"


async def test_an_empty_part_file_of_somebody_else_stays(ground, tmp_path):
    """Ours can be read by nobody else from its first moment."""
    theirs = tmp_path / "a.part"
    theirs.touch(0o644)
    file = await ground.add("a", b"abc")
    await ground.client.download(file, tmp_path / "a")
    assert theirs.read_bytes() == b""
    ours = tmp_path / "b.part"
    ours.touch(0o600)
    await ground.client.download(file, tmp_path / "b")
    assert not ours.exists()


async def test_an_executor_that_is_shut_down_meanwhile_leaves_no_file_open(
    ground, content, tmp_path
):
    """What has to be closed is closed by another thread."""
    file = await ground.add("a", content(3 * PART))
    executor = ThreadPoolExecutor(1)
    client = ground.world.connect({"executor": executor}, token_info=ground.emulator.token_info)
    (tmp_path / "b").write_bytes(content(3 * PART))
    async with client:
        transfers = [
            client.download(file, tmp_path / "a", part_size=PART),
            client.upload(tmp_path / "b", **ground.drive, part_size=PART, rapid_upload=False),
        ]
        for transfer in transfers:
            transfer.on("progress", lambda _: executor.shutdown(wait=False))
        for transfer in transfers:
            with pytest.raises(RuntimeError, match="shutdown"):
                await transfer
    # The ground looks for files that are open.


async def test_what_must_be_done_is_waited_for_by_who_is_cancelled():
    """As all that runs in a thread."""
    done = []
    task = asyncio.create_task(Disk(RuntimeContext()).end(done.append, 1))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done == [1]


async def test_a_listener_that_awaits_its_transfer_does_not_cancel_it(ground, tmp_path, caplog):
    """It gets an error, at once."""
    file = await ground.add("a", b"abc")
    transfer = ground.client.download(file, tmp_path / "a")
    refused = []

    @transfer.on("state")
    async def listen(state, progress):
        with pytest.raises(InvalidRequest, match="listener"):
            await transfer
        refused.append(state)

    assert await transfer == tmp_path / "a"
    assert refused == ["running", "done"]


class FullDisk:
    """The functions of ``os`` on a disk that takes names and no bytes."""

    def __getattr__(self, name):
        return getattr(os, name)

    def pwritev(self, *args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    pwrite = write = pwritev


async def test_a_checkpoint_that_has_no_space_leaves_nothing(ground, content, tmp_path):
    """Neither beside its place nor in the drive."""
    client = ground.world.connect(
        {"file_system": FullDisk()}, token_info=ground.emulator.token_info
    )
    async with client:
        with pytest.raises(OSError, match="No space"):
            await client.upload(
                content(3 * PART), **ground.drive, name="a", checkpoint=tmp_path / "kept"
            )
    assert list(tmp_path.iterdir()) == []
    assert not ground.asked("/v2/file/create")


async def test_what_somebody_has_put_in_the_place_of_a_part_file_stays(ground, tmp_path, meanwhile):
    """Also when the download fails for that, and leaves nothing."""
    file = await ground.add("a", b"abc")
    theirs = tmp_path / "theirs"
    theirs.touch()

    async def swap():
        await asyncio.to_thread(os.replace, theirs, tmp_path / "a.part")

    ground.emulator.faults.add("/data", meanwhile(swap), times=1)
    with pytest.raises(FileNotFoundError, match="took it away"):
        await ground.client.download(file, tmp_path / "a", resume=False)
    assert [(one.name, one.stat().st_size) for one in tmp_path.iterdir()] == [("a.part", 0)]


async def test_an_upload_that_was_found_is_not_dropped(ground, content, tmp_path, put_of):
    """After a lost answer nobody can tell for sure who began it."""
    faults = ground.emulator.faults
    faults.add("/file/create", Fault.reset(processed=True), times=1)
    faults.add("/data", Fault.corrupt(7), times=1, when=put_of(2))
    with pytest.raises(ContentMismatch):
        await ground.client.upload(
            content(3 * PART), **ground.drive, name="a", part_size=PART, rapid_upload=False
        )
    assert not ground.asked("/v2/file/delete")
    assert not ground.asked("/file/delete")


async def test_a_part_file_that_somebody_cuts_does_not_become_the_file(
    ground, content, tmp_path, meanwhile, range_from
):
    """What is missing in it reads as zeros; a later run brings all of it."""
    whole = content(4 * PART)
    file = await ground.add("a", whole)

    async def cut():
        await asyncio.to_thread(os.truncate, tmp_path / "a.part", 0)

    ground.emulator.faults.add("/data", meanwhile(cut), times=1, when=range_from(3 * PART))
    download = {"part_size": PART, "concurrency": 1}
    with pytest.raises(OSError, match="cut it"):
        await ground.client.download(file, tmp_path / "a", **download)
    assert list(tmp_path.iterdir()) == []
    path = await ground.client.download(file, tmp_path / "a", **download)
    assert path.read_bytes() == whole


class Reserving:
    """The functions of ``os``, and what was reserved."""

    def __init__(self):
        self.reserved = []

    def __getattr__(self, name):
        return getattr(os, name)

    def posix_fallocate(self, descriptor, offset, size):
        self.reserved.append(size)


async def test_space_is_reserved_for_a_file_of_several_ranges(ground, content, tmp_path):
    """One range is written in one go and needs none."""
    file = await ground.add("a", content(3 * PART))
    fs = Reserving()
    client = ground.world.connect({"file_system": fs}, token_info=ground.emulator.token_info)
    async with client:
        await client.download(file, tmp_path / "one")
        assert fs.reserved == []
        await client.download(file, tmp_path / "many", part_size=PART)
    assert len(fs.reserved) == 1
    assert fs.reserved[0] > 3 * PART
