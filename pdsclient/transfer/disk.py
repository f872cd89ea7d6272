"""Local files: the one place where transfers touch them, and always in a thread.

Whatever runs in a thread is waited for, also by a caller that is cancelled: when an operation has
returned or raised, no thread is inside any more that could write into a file that was closed, or
into another one that has got its descriptor.
"""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias, TypeVar

from attrs import frozen

from pdsclient._disk import NO_FOLLOW, sync_directory
from pdsclient.transfer.kinds import AnyPath

if TYPE_CHECKING:
    from pdsclient.config import RuntimeContext

__all__ = [
    "Disk",
    "FileStamp",
    "LocalFile",
    "OpenFile",
    "free_space",
    "is_there",
    "open_file",
    "rename",
    "time_of",
]

Data: TypeAlias = "bytes | bytearray | memoryview"
Writer: TypeAlias = Callable[[int, Sequence[memoryview], int], int]
T = TypeVar("T")

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# Without O_NONBLOCK a named pipe in the file's place would block the thread for ever.
_ALWAYS: Final = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
# Nobody else reads a file before it is whole.
_PRIVATE: Final = 0o600
# More buffers are refused by the system (IOV_MAX of Linux and macOS).
_MOST_VIEWS: Final = 1_024
# A file system that cannot reserve space, or has no second names for files, says one of these.
_CANNOT: Final = frozenset(
    {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM, errno.ENODEV}
)


def time_of(modified_ns: int) -> datetime | None:
    """The time that a file tells; None for one that no calendar has, as any program may set it.

    Args:
        modified_ns: nanoseconds since 1970.
    """
    try:
        return _EPOCH + timedelta(microseconds=modified_ns // 1000)
    except OverflowError:
        return None


@frozen
class FileStamp:
    """What tells whether a file is still the same and unchanged.

    Attributes:
        size: bytes.
        modified_ns: when its content was changed, nanoseconds since 1970.
        inode: which file it is on its device.
        device: where it is.
    """

    size: int
    modified_ns: int
    inode: int
    device: int

    @classmethod
    def of(cls, found: os.stat_result) -> FileStamp:
        """From an answer of ``os.stat`` and its like."""
        return cls(found.st_size, found.st_mtime_ns, found.st_ino, found.st_dev)


class Disk:
    """Local files, by the threads and the file system of a client.

    Args:
        context: the client's; its ``executor`` and ``file_system`` are used.

    Attributes:
        fs: an object with the functions of ``os``.
    """

    def __init__(self, context: RuntimeContext) -> None:
        self.fs: Any = os if context.file_system is None else context.file_system
        self._executor = context.executor

    async def run(
        self, function: Callable[..., T], *args: Any, undo: Callable[[T], object] | None = None
    ) -> T:
        """What a function returns that runs in a thread.

        A caller that is cancelled gets its CancelledError when the function has ended, so it
        should not take long: a few MiB of a file, not a whole one.

        Args:
            function: what to run.
            args: its arguments.
            undo: is given the result if the caller was cancelled and so never gets it.
        """
        future = self._begin(function, *args)
        cancelled = await _ended(future)
        if cancelled is None:
            return future.result()
        if future.exception() is None and undo is not None:
            undoing = self._begin(undo, future.result())
            await _ended(undoing)
            undoing.exception()  # it has no caller who could be told
        raise cancelled

    async def end(self, function: Callable[..., object], *args: Any) -> None:
        """As ``run``, for what must not be left out, be the executor shut down meanwhile."""
        try:
            future = self._begin(function, *args)
        except RuntimeError:
            loop = asyncio.get_running_loop()
            future = loop.run_in_executor(None, partial(function, *args))
        cancelled = await _ended(future)
        future.result()
        if cancelled is not None:
            raise cancelled

    def _begin(self, function: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        loop = asyncio.get_running_loop()
        return loop.run_in_executor(self._executor, partial(function, *args))

    async def open(
        self,
        path: AnyPath,
        *,
        write: bool = False,
        create: bool = False,
        follow: bool = True,
    ) -> LocalFile:
        """An open file; ``close`` it, or use it in ``async with``.

        Args:
            path: where it is.
            write: for reading and writing; the path must then not be a symbolic link.
            create: make it if it is missing, readable for its owner only.
            follow: a symbolic link may be read through.

        Raises:
            OSError: it cannot be opened, or is not a regular file, or is to be written and has
                another name (EMLINK), under which it would change as well.
        """
        opening = partial(open_file, self.fs, path, write=write, create=create, follow=follow)
        return LocalFile(self, await self.run(opening, undo=OpenFile.close))

    async def stat(self, path: AnyPath, *, follow: bool = True) -> FileStamp:
        """What a path leads to; OSError if there is nothing."""
        return FileStamp.of(await self.run(self.fs.stat if follow else self.fs.lstat, path))

    async def replace(
        self, part: AnyPath, target: AnyPath, *, overwrite: bool = True, durable: bool = False
    ) -> None:
        """Gives a file that is whole its name, in one step.

        Args:
            part: the file.
            target: its name, in the same file system.
            overwrite: replace what has that name; else FileExistsError.
            durable: return when the name will survive a loss of power; the content has to be
                there already, by ``sync`` of the file.
        """
        await self.run(rename, self.fs, part, target, overwrite, durable)

    async def remove(self, path: AnyPath) -> None:
        """Removes a file; one that is missing is no error."""
        await self.run(_remove, self.fs, path)


class LocalFile:
    """A file that is open; each method runs in a thread.

    Attributes:
        blocking: the same methods for a function that is in a thread already.
    """

    def __init__(self, disk: Disk, blocking: OpenFile) -> None:
        self._disk = disk
        self.blocking = blocking

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def read_at(self, offset: int, size: int) -> bytes:
        """So many bytes from there; fewer only at the end of the file."""
        return await self._disk.run(self.blocking.read_at, offset, size)

    async def write_at(self, offset: int, pieces: Sequence[Data]) -> None:
        """Writes the pieces one after the other, all of them."""
        await self._disk.run(self.blocking.write_at, offset, pieces)

    async def resize(self, size: int, *, reserve: bool = False) -> None:
        """Cuts the file or makes it longer.

        Args:
            size: bytes it has then.
            reserve: have the space for them set aside, where the file system can.
        """
        await self._disk.run(self.blocking.resize, size, reserve)

    async def stat(self) -> FileStamp:
        """How it is now."""
        return await self._disk.run(self.blocking.stat)

    async def sync(self) -> None:
        """Returns when the disk has its content."""
        await self._disk.run(self.blocking.sync)

    async def close(self) -> None:
        """Closes it when no thread is inside any more; again is no error."""
        await self._disk.end(self.blocking.close)


class OpenFile:
    """A file that is open, for functions that run in threads; several may be inside at once.

    Args:
        fs: an object with the functions of ``os``.
        descriptor: the file's; it is closed by ``close``.
    """

    def __init__(self, fs: Any, descriptor: int) -> None:
        self._fs = fs
        self._descriptor = descriptor
        self._closing = False
        self._inside = 0
        self._change = threading.Condition()
        # One thread at a time where reading moves the place in the file.
        self._place = threading.Lock()
        self._write = self._writer()

    def read_at(self, offset: int, size: int) -> bytes:
        """As that of ``LocalFile``."""
        pieces = []
        with self.in_use() as descriptor:
            while size > 0 and (piece := _uninterrupted(self._read, descriptor, size, offset)):
                pieces.append(piece)
                offset += len(piece)
                size -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def write_at(self, offset: int, pieces: Sequence[Data]) -> None:
        """As that of ``LocalFile``."""
        views = [memoryview(piece).cast("B") for piece in pieces if len(piece)]
        with self.in_use() as descriptor:
            while views:
                # All in one go: each return to Python waits for the loop's thread.
                written = _uninterrupted(self._write, descriptor, views[:_MOST_VIEWS], offset)
                if written <= 0:
                    raise OSError(errno.EIO, "the file takes no more bytes")
                offset += written
                views = list(_behind(views, written))

    def resize(self, size: int, reserve: bool = False) -> None:
        """As that of ``LocalFile``."""
        with self.in_use() as descriptor:
            self._fs.ftruncate(descriptor, size)
            if reserve and size and hasattr(self._fs, "posix_fallocate"):
                with _unless_unable():
                    self._fs.posix_fallocate(descriptor, 0, size)

    def stat(self) -> FileStamp:
        """As that of ``LocalFile``."""
        with self.in_use() as descriptor:
            return FileStamp.of(self._fs.fstat(descriptor))

    def sync(self) -> None:
        """As that of ``LocalFile``."""
        with self.in_use() as descriptor:
            self._fs.fsync(descriptor)

    def close(self) -> None:
        """As that of ``LocalFile``."""
        with self._change:
            if self._closing:
                return
            self._closing = True
            while self._inside:
                self._change.wait()
        self._fs.close(self._descriptor)

    @contextmanager
    def in_use(self) -> Iterator[int]:
        """The descriptor, which stays open as long as anybody uses it."""
        with self._change:
            if self._closing:
                raise OSError(errno.EBADF, "the file is closed")
            self._inside += 1
        try:
            yield self._descriptor
        finally:
            with self._change:
                self._inside -= 1
                self._change.notify_all()

    def _read(self, descriptor: int, size: int, offset: int) -> bytes:
        if hasattr(self._fs, "pread"):
            return bytes(self._fs.pread(descriptor, size, offset))
        with self._place:
            self._fs.lseek(descriptor, offset, os.SEEK_SET)
            return bytes(self._fs.read(descriptor, size))

    def _writer(self) -> Writer:
        """The best way that the file system has; each writes some of the bytes."""
        fs = self._fs
        if hasattr(fs, "pwritev"):
            return lambda descriptor, views, offset: int(fs.pwritev(descriptor, views, offset))
        if hasattr(fs, "pwrite"):
            return lambda descriptor, views, offset: int(fs.pwrite(descriptor, views[0], offset))
        return self._seek_and_write

    def _seek_and_write(self, descriptor: int, views: Sequence[memoryview], offset: int) -> int:
        with self._place:
            self._fs.lseek(descriptor, offset, os.SEEK_SET)
            return int(self._fs.write(descriptor, views[0]))


async def _ended(future: asyncio.Future[Any]) -> asyncio.CancelledError | None:
    """Returns when it has ended; whoever was cancelled meanwhile gets the error then."""
    cancelled = None
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError as error:
            cancelled = error
    return cancelled


# ------------------------------------------------------------------ what runs in a thread


def open_file(
    fs: Any, path: AnyPath, *, write: bool = False, create: bool = False, follow: bool = True
) -> OpenFile:
    """As ``open`` of ``Disk``."""
    flags = _ALWAYS | (os.O_RDWR if write else os.O_RDONLY)
    flags |= os.O_CREAT if create else 0
    flags |= NO_FOLLOW if write or not follow else 0
    descriptor = fs.open(path, flags, _PRIVATE)
    try:
        _check_regular(fs.fstat(descriptor), path, writes=bool(flags & os.O_RDWR))
    except BaseException:
        fs.close(descriptor)
        raise
    return OpenFile(fs, descriptor)


def _check_regular(found: os.stat_result, path: AnyPath, *, writes: bool) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file", os.fspath(path))
    if writes and found.st_nlink > 1:
        raise OSError(errno.EMLINK, "the file has another name as well", os.fspath(path))


def free_space(fs: Any, directory: AnyPath) -> int | None:
    """Bytes that may be written there; None if the file system does not tell."""
    if not hasattr(fs, "statvfs"):
        return shutil.disk_usage(directory).free if fs is os else None
    found = fs.statvfs(directory)
    # Some file systems of the net have no numbers at all.
    return int(found.f_bavail * found.f_frsize) if found.f_blocks else None


def rename(fs: Any, part: AnyPath, target: AnyPath, overwrite: bool, durable: bool) -> None:
    """As ``replace`` of ``Disk``."""
    if overwrite:
        fs.replace(part, target)
    else:
        _rename_to_new(fs, part, target)
    if durable:
        sync_directory(os.path.dirname(os.path.abspath(target)), fs)


def _rename_to_new(fs: Any, part: AnyPath, target: AnyPath) -> None:
    """Renames, but never over another file: a second name can only be given where there is none.

    After a crash in between the file has both names, so ``open`` refuses to write into the first.
    """
    linked = False
    if hasattr(fs, "link"):
        with _unless_unable():
            fs.link(part, target)
            linked = True
    if linked:
        fs.remove(part)
    elif is_there(fs, target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.fspath(target))
    else:
        fs.rename(part, target)


def is_there(fs: Any, path: AnyPath) -> bool:
    """Whether there is anything under this name, be it a symbolic link that leads nowhere."""
    try:
        fs.lstat(path)
    except FileNotFoundError:
        return False
    return True


def _remove(fs: Any, path: AnyPath) -> None:
    with suppress(FileNotFoundError):
        fs.remove(path)


@contextmanager
def _unless_unable() -> Iterator[None]:
    """Passes over what the file system cannot do at all."""
    try:
        yield
    except OSError as error:
        if error.errno not in _CANNOT:
            raise


def _uninterrupted(function: Callable[..., T], *args: Any) -> T:
    while True:
        # os itself goes on after a signal; another file system may not.
        with suppress(InterruptedError):
            return function(*args)


def _behind(views: Sequence[memoryview], written: int) -> Iterator[memoryview]:
    """What is left when so many bytes were written."""
    at = 0
    while at < len(views) and written >= len(views[at]):
        written -= len(views[at])
        at += 1
    if at < len(views):
        yield views[at][written:]
        yield from islice(views, at + 1, None)
