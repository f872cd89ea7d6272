"""A real directory as a drive: scanned once, never written, opened with care.

Only regular files and folders are served. A path is walked from a handle of the root, one name at
a time and never through a symbolic link, so whatever is put into the tree meanwhile leads nowhere
else. What users change in the drive stays in the store.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import attrs
import msgspec

from pdsclient.errors import InvalidRequest

if TYPE_CHECKING:
    from pdsclient.emulator.store import Store

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without O_NONBLOCK, opening a pipe that took the file's place would wait for ever.
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Origin(msgspec.Struct, frozen=True, array_like=True):
    """A file of the served directory as it was when it was last seen."""

    path: tuple[str, ...]
    inode: int
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: tuple[str, ...], status: os.stat_result) -> Origin:
        """The file at this path, with this status."""
        return cls(path, status.st_ino, status.st_size, status.st_mtime_ns)

    @classmethod
    def decode(cls, text: str) -> Origin:
        """The origin that ``encode`` wrote."""
        return msgspec.json.decode(text, type=cls)

    def encode(self) -> str:
        """The origin as text; another revision has another one."""
        return msgspec.json.encode(self).decode()

    def members(self, file_id: str) -> dict[str, Any]:
        """What the file on the disk says about itself, under the names of the wire."""
        revision = hashlib.sha1(f"{file_id}/{self.encode()}".encode()).hexdigest()
        moment = _moment(self.mtime_ns)
        return {
            "size": self.size,
            "revision_id": revision,
            "updated_at": moment,
            "local_modified_at": moment,
        }


class Served:
    """An open file of the tree, until it is closed or nobody refers to it.

    A request may be cancelled at any moment, also while a thread opens or reads the file for it:
    only the last reference knows when nobody reads any more.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    def read(self, offset: int, length: int) -> bytes:
        """The bytes from the offset on; fewer at the end."""
        if self._descriptor is None:
            raise ValueError("the file is closed")
        return os.pread(self._descriptor, length, offset)

    def close(self) -> None:
        """Close the file; safe to repeat."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __del__(self) -> None:
        self.close()


@attrs.frozen
class TreeReport:
    """What a scan found.

    Attributes:
        files: files served.
        folders: folders served, without the root.
        skipped: how many entries were left out, by reason: ``symlink``, ``special`` (devices,
            pipes, sockets), ``undecodable`` (a name that is not UTF-8), ``unreadable``.
    """

    files: int
    folders: int
    skipped: Mapping[str, int]


class Tree:
    """A directory that is served; keeps a handle of its root until ``close``.

    Raises:
        OSError: the path is not a directory, or cannot be opened.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._root: int | None = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._found: Counter[str] = Counter()
        self._skipped: Counter[str] = Counter()

    @property
    def report(self) -> TreeReport:
        """What ``rows`` has found so far."""
        return TreeReport(self._found["file"], self._found["folder"], dict(self._skipped))

    def close(self) -> None:
        """Close the root; safe to repeat."""
        if self._root is not None:
            os.close(self._root)
            self._root = None

    def rows(self, drive_id: str) -> Iterator[dict[str, Any]]:
        """All files and folders for ``Store.add_files``, each folder before what is in it.

        Ids follow from the drive and the path, so another start gives the same ones.
        """
        waiting: list[tuple[str, ...]] = [()]
        while waiting:
            path = waiting.pop()
            for name, status in self._entries(path):
                below = (*path, name)
                is_folder = stat.S_ISDIR(status.st_mode)
                self._found["folder" if is_folder else "file"] += 1
                if is_folder:
                    waiting.append(below)
                yield _row(drive_id, below, status)

    def open(self, origin: Origin) -> tuple[Served, Origin] | None:
        """The file that is at the path now, and how it looks; None if it is gone."""
        *folders, name = origin.path
        try:
            with self._folder(folders) as folder:
                descriptor = os.open(name, _FILE, dir_fd=folder)
        except OSError:
            return None
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            os.close(descriptor)
            return None
        return Served(descriptor), Origin.of(origin.path, status)

    @contextmanager
    def _folder(self, path: list[str] | tuple[str, ...]) -> Iterator[int]:
        """A handle of the folder at the end of the path."""
        if self._root is None:
            raise OSError("the tree is closed")
        folder = os.dup(self._root)
        try:
            for name in path:
                below = os.open(name, _FOLDER, dir_fd=folder)
                os.close(folder)
                folder = below
            yield folder
        finally:
            os.close(folder)

    def _entries(self, path: tuple[str, ...]) -> list[tuple[str, os.stat_result]]:
        """What can be served of a folder, by name."""
        try:
            with self._folder(path) as folder, os.scandir(folder) as entries:
                found = [item for entry in entries if (item := self._entry(entry)) is not None]
        except OSError:
            self._skipped["unreadable"] += 1
            return []
        return sorted(found, key=lambda item: item[0])

    def _entry(self, entry: os.DirEntry[str]) -> tuple[str, os.stat_result] | None:
        try:
            entry.name.encode()
            status = entry.stat(follow_symlinks=False)
        except UnicodeEncodeError:
            self._skipped["undecodable"] += 1
        except OSError:
            self._skipped["unreadable"] += 1
        else:
            if stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode):
                return entry.name, status
            self._skipped["symlink" if stat.S_ISLNK(status.st_mode) else "special"] += 1
        return None


def serve_tree(store: Store, path: str | os.PathLike[str], drive_id: str) -> TreeReport:
    """Fill the drive with a directory's files, and read their contents from there.

    Args:
        store: where the drive is.
        path: the directory; it is never written to.
        drive_id: a drive that exists and is empty.

    Returns:
        What was found, and what was left out and why.

    Raises:
        InvalidRequest: the drive holds files already.
        OSError: the path is not a directory, or cannot be opened.
    """
    if store.scan(drive_id, limit=1).rows:
        raise InvalidRequest(
            "directory: the drive holds files already; take a new database for a directory"
        )
    tree = Tree(path)
    try:
        store.add_files(tree.rows(drive_id), drive_id=drive_id)
    except BaseException:
        tree.close()
        raise
    store.attach_tree(drive_id, tree)
    return tree.report


def _row(drive_id: str, path: tuple[str, ...], status: os.stat_result) -> dict[str, Any]:
    *_, name = path
    file_id = _file_id(drive_id, path)
    # Linux tells no time of birth to Python; the change of the content comes nearest.
    born_ns = int(getattr(status, "st_birthtime", 0) * 1e9) or status.st_mtime_ns
    row: dict[str, Any] = {
        "file_id": file_id,
        "parent_file_id": _file_id(drive_id, path[:-1]) if len(path) > 1 else "root",
        "name": name,
        "hidden": name.startswith("."),
        "created_at": _moment(born_ns),
    }
    if stat.S_ISDIR(status.st_mode):
        return row | {"type": "folder", "updated_at": _moment(status.st_mtime_ns)}
    origin = Origin.of(path, status)
    return row | origin.members(file_id) | {"origin": origin.encode()}


def _file_id(drive_id: str, path: tuple[str, ...]) -> str:
    return hashlib.sha1("/".join((drive_id, *path)).encode()).hexdigest()


def _moment(nanoseconds: int) -> datetime:
    """The moment, within the years that can be written."""
    try:
        return _EPOCH + timedelta(milliseconds=nanoseconds // 1_000_000)
    except OverflowError:
        return _EPOCH
