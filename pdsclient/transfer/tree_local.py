"""The local side of a tree: directories that are read piece by piece, and made.

What a directory was when its parent was read it has to be still when it is opened, and likewise a
file: otherwise a symbolic link that was put in its place would lead out of the tree. So each is
known by device and inode.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from datetime import datetime
from itertools import islice
from typing import Any, Final, Literal, TypeAlias

from attrs import frozen

from pdsclient._disk import NO_FOLLOW
from pdsclient.errors import ContentChanged
from pdsclient.transfer.disk import FileStamp, time_of

__all__ = [
    "LocalEntry",
    "LocalFolder",
    "close_all",
    "look_at",
    "make_folder",
    "make_top",
    "moment_of",
    "real_path",
]

Kind: TypeAlias = Literal["file", "folder", "other"]
Identity: TypeAlias = tuple[int, int]

# Where directories can be read through a handle, nothing can be put in between.
_BY_HANDLE: Final = os.scandir in os.supports_fd
_DIRECTORY: Final = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
# What a junction of Windows is known by; Python has the name on Windows only.
_JUNCTION: Final = 0xA0000003


@frozen
class LocalEntry:
    """What a directory has under one name.

    Attributes:
        name: the name.
        kind: ``file``, ``folder`` or ``other``.
        path: what to open: behind a link that is followed, the place it leads to.
        stamp: how it was found; None if that failed.
        reason: why an ``other`` is none that is moved.
        error: why nothing is known of it.
    """

    name: str
    kind: Kind
    path: str
    stamp: FileStamp | None = None
    reason: str = ""
    error: OSError | None = None


class LocalFolder:
    """A directory that is read piece by piece; its methods are for threads, one at a time.

    Args:
        fs: an object with the functions of ``os``.
        path: where it is.
        identity: what it has to be still; None for the top, which may be a link.
        above: the directory that it is in, None for the top.
        top: the real path of the top, to follow links that lead to places below it; None follows
            none.

    Attributes:
        done: all its entries were taken.
    """

    def __init__(
        self,
        fs: Any,
        path: str,
        *,
        identity: Identity | None = None,
        above: LocalFolder | None = None,
        top: str | None = None,
    ) -> None:
        self.done = False
        self._fs = fs
        self._path = path
        self._identity = identity
        self._above = above
        self._top = top
        self._handle: int | None = None
        self._entries: Iterator[Any] | None = None
        self._open: ExitStack | None = None

    def take(self, most: int) -> list[LocalEntry]:
        """The next entries, up to so many.

        Raises:
            OSError: it cannot be read.
            ContentChanged: it is not the directory that it was.
        """
        if self._entries is None:
            self._begin()
        assert self._entries is not None
        taken = [self._look(entry) for entry in islice(self._entries, most)]
        if len(taken) < most:
            self.done = True
            self.close()
        return [entry for entry in taken if entry is not None]

    def close(self) -> None:
        """Lets go of it; what is not taken yet is left. Again is no error."""
        if self._open is not None:
            self._open.close()
        self._entries = iter(())

    def folder(self, entry: LocalEntry) -> LocalFolder:
        """One of its folders."""
        assert entry.stamp is not None
        identity = entry.stamp.device, entry.stamp.inode
        return LocalFolder(self._fs, entry.path, identity=identity, above=self, top=self._top)

    def _begin(self) -> None:
        with ExitStack() as opened:
            if _BY_HANDLE:
                flags = _DIRECTORY | (0 if self._identity is None else NO_FOLLOW)
                self._handle = self._fs.open(self._path, flags)
                opened.callback(self._fs.close, self._handle)
                found = self._fs.fstat(self._handle)
            else:
                found = (self._fs.stat if self._identity is None else self._fs.lstat)(self._path)
            self._check(found)
            source = self._path if self._handle is None else self._handle
            self._entries = opened.enter_context(self._fs.scandir(source))
            self._open = opened.pop_all()

    def _check(self, found: os.stat_result) -> None:
        identity = found.st_dev, found.st_ino
        if self._identity not in (None, identity):
            raise ContentChanged(f"the directory {self._path!r} is another one than a moment ago")
        self._identity = identity

    def _look(self, entry: Any) -> LocalEntry | None:
        """What is there; None if it is gone again."""
        path = os.path.join(self._path, entry.name)
        try:
            # Windows does not tell the inode of what a directory lists.
            found = entry.stat(follow_symlinks=False) if _BY_HANDLE else self._fs.lstat(path)
            if _is_link(found):
                return self._behind_link(entry.name, path)
        except FileNotFoundError:
            return None
        except OSError as error:
            return LocalEntry(entry.name, "other", path, error=error)
        return _entry(entry.name, path, found)

    def _behind_link(self, name: str, path: str) -> LocalEntry:
        if self._top is None:
            return LocalEntry(name, "other", path, reason="symbolic link")
        try:
            real = os.path.realpath(path, strict=True)
            found = self._fs.lstat(real)
        except OSError:
            return LocalEntry(name, "other", path, reason="symbolic link to nothing")
        if real != self._top and not real.startswith(os.path.join(self._top, "")):
            return LocalEntry(name, "other", path, reason="symbolic link out of the tree")
        entry = _entry(name, real, found)
        if entry.kind == "folder" and self._is_inside((found.st_dev, found.st_ino)):
            return LocalEntry(name, "other", path, reason="symbolic link to a folder above it")
        return entry

    def _is_inside(self, identity: Identity) -> bool:
        folder: LocalFolder | None = self
        while folder is not None and folder._identity != identity:
            folder = folder._above
        return folder is not None


def close_all(folders: Iterable[LocalFolder]) -> None:
    """Lets go of directories that nobody reads on. For threads."""
    for folder in folders:
        folder.close()


def _is_link(found: os.stat_result) -> bool:
    return stat.S_ISLNK(found.st_mode) or getattr(found, "st_reparse_tag", 0) == _JUNCTION


def _entry(name: str, path: str, found: os.stat_result) -> LocalEntry:
    stamp = FileStamp.of(found)
    if stat.S_ISREG(found.st_mode):
        return LocalEntry(name, "file", path, stamp)
    if stat.S_ISDIR(found.st_mode):
        return LocalEntry(name, "folder", path, stamp)
    return LocalEntry(name, "other", path, reason="not a regular file")


def moment_of(stamp: FileStamp) -> datetime | None:
    """When the file was changed; None if that is no year that can be written."""
    return time_of(stamp.modified_ns)


def real_path(path: str) -> str:
    """The path without any links in it. For threads."""
    return os.path.realpath(path)


# ---------------------------------------------------------------- where a download goes


def make_top(fs: Any, path: str, dry_run: bool) -> bool:
    """Makes the directory of a tree, and those above it; False if it is there. For threads.

    Raises:
        NotADirectoryError: something else is there. A link to a directory is one.
    """
    try:
        found = fs.stat(path)
    except FileNotFoundError:
        if not dry_run:
            fs.makedirs(path, exist_ok=True)
        return True
    if not stat.S_ISDIR(found.st_mode):
        raise _no_directory(path)
    return False


def make_folder(fs: Any, path: str, dry_run: bool) -> bool:
    """Makes a directory of a tree; False if it is there already. For threads.

    Raises:
        NotADirectoryError: something else is there, or a link, which might lead out of the tree.
    """
    if not dry_run:
        with suppress(FileExistsError):
            fs.mkdir(path)
            return True
    found = _look_at(fs, path)
    if found is not None and found.kind != "folder":
        raise found.error or _no_directory(path)
    return found is None


def _no_directory(path: str) -> NotADirectoryError:
    return NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)


def look_at(fs: Any, paths: Sequence[str]) -> list[LocalEntry | None]:
    """What is at each path, without following links; None where nothing is. For threads."""
    return [_look_at(fs, path) for path in paths]


def _look_at(fs: Any, path: str) -> LocalEntry | None:
    name = os.path.basename(path)
    try:
        found = fs.lstat(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        return LocalEntry(name, "other", path, error=error)
    if _is_link(found):
        return LocalEntry(name, "other", path, reason="symbolic link")
    return _entry(name, path, found)
