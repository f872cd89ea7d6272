"""Local files: whole reads and writes, whatever the system does in pieces; nothing left behind."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdsclient import RuntimeContext
from pdsclient.transfer.disk import Disk, FileStamp, OpenFile, free_space, rename


class Fs:
    """``os``, but for what a test takes away or does in its own way."""

    def __init__(self, *without, **instead):
        self._without = set(without)
        self.calls = []
        self.__dict__.update(instead)

    def __getattr__(self, name):
        if name in self._without:
            raise AttributeError(name)
        function = getattr(os, name)

        def call(*args, **named):
            self.calls.append(name)
            return function(*args, **named)

        return call


def disk_of(fs=None, **context):
    """A disk by this file system."""
    return Disk(RuntimeContext(file_system=fs, **context))


def in_pieces(most):
    """Reads and writes of at most so many bytes, every other one interrupted by a signal."""
    turns = iter(range(10**9))

    def interrupted():
        if next(turns) % 2:
            raise InterruptedError

    def pread(descriptor, size, offset):
        interrupted()
        return os.pread(descriptor, min(size, most), offset)

    def pwritev(descriptor, views, offset):
        interrupted()
        return os.pwrite(descriptor, b"".join(views)[:most], offset)

    return Fs(pread=pread, pwritev=pwritev)


FILE_SYSTEMS = {
    "of the system": lambda: None,
    "in pieces": lambda: in_pieces(3),
    "without pwritev": lambda: Fs("pwritev"),
    "without pread and pwrite": lambda: Fs("pread", "pwritev", "pwrite"),
}
each_file_system = pytest.mark.parametrize("fs", FILE_SYSTEMS.values(), ids=FILE_SYSTEMS.keys())


@each_file_system
async def test_what_was_written_is_read(fs, tmp_path):
    """In pieces at any offset, by every way that a file system offers."""
    async with await disk_of(fs()).open(tmp_path / "f", write=True, create=True) as file:
        await file.write_at(4, [b"efg", b"", memoryview(b"hij"), bytearray(b"k")])
        await file.write_at(0, [b"abcd"])
        assert await file.read_at(0, 11) == b"abcdefghijk"
        assert await file.read_at(2, 5) == b"cdefg"
        assert await file.read_at(9, 100) == b"jk"
        assert await file.read_at(50, 1) == b""
        assert (await file.stat()).size == 11


@settings(max_examples=50, deadline=None)
@given(st.lists(st.binary(max_size=9), max_size=9), st.integers(1, 7), st.integers(0, 5))
def test_short_writes_are_completed(pieces, most, offset):
    """However many bytes the system takes at once, all of them arrive in their places."""
    held = bytearray()

    def pwritev(_, views, at):
        taken = b"".join(views)[:most]
        held[at : at + len(taken)] = taken
        return len(taken)

    held.extend(bytes(offset))
    OpenFile(Fs(pwritev=pwritev), 0).write_at(offset, pieces)
    assert held == bytes(offset) + b"".join(pieces)


def test_more_pieces_than_the_system_takes_at_once(tmp_path):
    """Thousands of tiny pieces are written too."""
    file = OpenFile(os, os.open(tmp_path / "f", os.O_RDWR | os.O_CREAT))
    file.write_at(0, [b"x"] * 5_000)
    assert file.read_at(0, 9_999) == b"x" * 5_000
    file.close()


def raising(number):
    """A function of a file system that fails in this way."""

    def fail(*_, **__):
        raise OSError(number, os.strerror(number))

    return fail


async def test_a_full_disk_is_told_as_it_is(tmp_path):
    """ENOSPC comes through, from a write as well as from a reservation."""
    fs = Fs(pwritev=raising(errno.ENOSPC), posix_fallocate=raising(errno.ENOSPC))
    async with await disk_of(fs).open(tmp_path / "f", write=True, create=True) as file:
        for attempt in (file.write_at(0, [b"x"]), file.resize(10, reserve=True)):
            with pytest.raises(OSError, match="space") as caught:
                await attempt
            assert caught.value.errno == errno.ENOSPC


async def test_a_write_that_goes_nowhere_is_an_error(tmp_path):
    """A file system that takes no byte and does not complain is not asked for ever."""
    fs = Fs(pwritev=lambda *_: 0)
    async with await disk_of(fs).open(tmp_path / "f", write=True, create=True) as file:
        with pytest.raises(OSError, match="no more bytes"):
            await file.write_at(0, [b"x"])


@pytest.mark.parametrize("fs", [None, Fs("posix_fallocate")], ids=["reserves", "cannot"])
async def test_a_file_gets_the_size_that_is_wanted(fs, tmp_path):
    """With its space set aside, where there is a way; made smaller too."""
    async with await disk_of(fs).open(tmp_path / "f", write=True, create=True) as file:
        for size in (100_000, 0, 7):
            await file.resize(size, reserve=True)
            assert (await file.stat()).size == size
    if fs is None:
        assert os.stat(tmp_path / "f").st_blocks > 0


async def test_a_file_system_that_cannot_reserve_space_does_without(tmp_path):
    """It says so by an error, which is no reason to fail."""
    fs = Fs(posix_fallocate=raising(errno.EOPNOTSUPP))
    async with await disk_of(fs).open(tmp_path / "f", write=True, create=True) as file:
        await file.resize(10, reserve=True)
        assert (await file.stat()).size == 10


async def test_opening_makes_private_files_only_when_asked_to(tmp_path):
    """A missing one is an error; a new one is readable for its owner only."""
    disk, path = disk_of(), tmp_path / "f"
    with pytest.raises(FileNotFoundError):
        await disk.open(path, write=True)
    await (await disk.open(path, write=True, create=True)).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_what_is_no_regular_file_is_refused_at_once(tmp_path):
    """A pipe would hang, a directory has no bytes; neither stays open."""
    disk = disk_of()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        await disk.open(tmp_path / "pipe")
    with pytest.raises(IsADirectoryError):
        await disk.open(tmp_path)


async def test_links_are_followed_for_reading_only(tmp_path):
    """Nothing is written through a symbolic link, nor into a file that has another name."""
    disk, real = disk_of(), tmp_path / "real"
    real.write_bytes(b"x")
    (tmp_path / "link").symlink_to(real)
    async with await disk.open(tmp_path / "link") as file:
        assert await file.read_at(0, 9) == b"x"
    for more in ({"write": True}, {"follow": False}):
        with pytest.raises(OSError, match="symbolic link"):
            await disk.open(tmp_path / "link", **more)
    os.link(real, tmp_path / "second")
    with pytest.raises(OSError, match="another name"):
        await disk.open(real, write=True)
    assert await disk.stat(tmp_path / "link") == FileStamp.of(real.stat())
    assert (await disk.stat(tmp_path / "link", follow=False)).inode != real.stat().st_ino


async def test_stamps_tell_a_changed_file(tmp_path):
    """By its size, its time or its identity; an unchanged one has the same stamp."""
    disk, path = disk_of(), tmp_path / "f"
    path.write_bytes(b"x")
    async with await disk.open(path) as file:
        before = await file.stat()
        assert before == await disk.stat(path)
        os.utime(path, ns=(0, 1_000_000_007))
        assert (await file.stat()).modified_ns == 1_000_000_007
        assert await file.stat() != before
        await disk.remove(path)
        path.write_bytes(b"x")
        os.utime(path, ns=(0, 1_000_000_007))
        assert await disk.stat(path) != await file.stat()


async def test_renaming_replaces_or_refuses_to(tmp_path):
    """In one step; with ``overwrite=False`` what is there stays, even if links are unknown."""
    for fs in (Fs(), Fs("link"), Fs(link=raising(errno.EPERM))):
        disk = disk_of(fs)
        part, target = tmp_path / "part", tmp_path / "target"
        part.write_bytes(b"new")
        await disk.replace(part, target, overwrite=False, durable=True)
        assert target.read_bytes() == b"new"
        assert not part.exists()
        part.write_bytes(b"newer")
        with pytest.raises(FileExistsError):
            await disk.replace(part, target, overwrite=False)
        assert target.read_bytes() == b"new"
        await disk.replace(part, target)
        assert target.read_bytes() == b"newer"
        await disk.remove(target)
        await disk.remove(target)
        assert list(tmp_path.iterdir()) == []


def test_a_durable_rename_syncs_the_directory(tmp_path):
    """After the rename, by the file system that was given; only if it is asked for."""
    fs = Fs()
    (tmp_path / "a").write_bytes(b"")
    rename(fs, tmp_path / "a", tmp_path / "b", True, False)
    assert fs.calls == ["replace"]
    rename(fs, tmp_path / "b", tmp_path / "c", True, True)
    assert fs.calls == ["replace", "replace", "open", "fsync", "close"]


def test_a_rename_that_fails_for_another_reason_says_so(tmp_path):
    """Only what a file system cannot do at all is done in another way."""
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(OSError, match="space"):
        rename(Fs(link=raising(errno.ENOSPC)), tmp_path / "a", tmp_path / "b", False, False)


def test_free_space_is_told_if_it_is_known(tmp_path):
    """From the file system; None where it has no number, or no way to ask."""
    found = free_space(os, tmp_path)
    assert found is not None
    assert found > 0

    class Nothing:
        f_blocks = f_bavail = f_frsize = 0

    assert free_space(Fs(statvfs=lambda _: Nothing), tmp_path) is None
    assert free_space(Fs("statvfs"), tmp_path) is None


# ------------------------------------------------------------------ threads


class Held:
    """A function that returns when it is let go.

    Attributes:
        ended: it has returned.
    """

    def __init__(self):
        self.began = threading.Event()
        self._go = threading.Event()
        self.ended = False

    def __call__(self, *_):
        self.began.set()
        assert self._go.wait(20)
        self.ended = True
        return 0

    async def has_begun(self):
        await asyncio.to_thread(self.began.wait, 20)

    def let_go(self):
        self._go.set()


async def settled():
    """Everything that can run has run."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_cancelled_caller_waits_for_its_thread():
    """However often it is cancelled; afterwards it ends as a cancelled task does."""
    held = Held()
    task = asyncio.create_task(disk_of().run(held))
    await held.has_begun()
    for _ in range(3):
        task.cancel()
        await settled()
        assert not task.done()
    held.let_go()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert held.ended
    assert task.cancelled()


async def test_the_error_of_a_thread_is_forgotten_with_its_caller():
    """A cancelled caller ends as cancelled, and nothing complains about the error."""
    held = Held()

    def fail():
        held()
        raise OSError("too late")

    task = asyncio.create_task(disk_of().run(fail))
    await held.has_begun()
    task.cancel()
    held.let_go()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_file_that_nobody_gets_is_closed(tmp_path):
    """Cancelled while it is opened, the caller leaves no descriptor behind."""
    held, opened, closed = Held(), [], []
    (tmp_path / "f").write_bytes(b"")

    def slow_open(*args):
        held()
        opened.append(os.open(*args))
        return opened[-1]

    def close(descriptor):
        closed.append(descriptor)
        os.close(descriptor)

    task = asyncio.create_task(disk_of(Fs(open=slow_open, close=close)).open(tmp_path / "f"))
    await held.has_begun()
    task.cancel()
    await settled()
    held.let_go()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert opened == closed != []


async def test_closing_waits_for_threads_inside(tmp_path):
    """The descriptor stays open until the last write is over; then there is no other one."""
    held = Held()

    def slow_write(descriptor, views, offset):
        held()
        return os.pwritev(descriptor, views, offset)

    file = await disk_of(Fs(pwritev=slow_write)).open(tmp_path / "f", write=True, create=True)
    writing = asyncio.create_task(file.write_at(0, [b"late"]))
    await held.has_begun()
    closing = asyncio.create_task(file.close())
    await settled()
    assert not closing.done()
    held.let_go()
    await asyncio.gather(writing, closing)
    assert (tmp_path / "f").read_bytes() == b"late"
    with pytest.raises(OSError, match="closed"):
        await file.read_at(0, 1)
    await file.close()


async def test_the_context_lends_its_threads(tmp_path):
    """With an executor in the context, its threads do the work."""
    with ThreadPoolExecutor(1, "lent") as lent:
        name = await disk_of(executor=lent).run(lambda: threading.current_thread().name)
    assert name.startswith("lent")


async def test_nothing_blocks_the_loop(tmp_path, blocking_calls_fail):
    """No function of a file system is called in the thread of the loop."""
    disk = disk_of()
    async with await disk.open(tmp_path / "f", write=True, create=True) as file:
        await file.resize(9, reserve=True)
        await file.write_at(0, [b"x"])
        await file.read_at(0, 1)
        await file.sync()
    await disk.replace(tmp_path / "f", tmp_path / "g", durable=True)
    await disk.stat(tmp_path / "g")
    await disk.remove(tmp_path / "g")
