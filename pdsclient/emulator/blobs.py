"""Contents as files beside the database, and small ones inside it.

A content is found by its SHA-1, so that the same bytes are kept once. It consists of pieces: the
parts in which it was uploaded. A piece's name is used once only, so whoever removes a piece cannot
hit one that somebody else has just made; nothing refers to it before it is complete.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Iterable
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Final
from uuid import uuid4
from weakref import finalize

from pdsclient._crc64 import crc64, is_fast

try:
    import fcntl
except ImportError:  # Where there are no such locks, leftovers stay.
    fcntl = None  # type: ignore[assignment]

# What is smaller goes into the database.
INLINE_BYTES: Final = 16 * 1024
HEAD_BYTES: Final = 1024  # pds-service.md 10.1: what pre_hash is computed from
_INCOMING: Final = ".incoming"


class Incoming:
    """A piece that is being written; ``keep`` or ``discard`` ends it.

    There is no file before the first byte: who makes one of these need not be a thread for files.
    """

    def __init__(self, blobs: Blobs) -> None:
        self.name = uuid4().hex
        self._blobs = blobs
        self._file: FileIO | None = None

    def write(self, data: bytes) -> None:
        """Append."""
        file, view = self._opened(), memoryview(data)
        while view:
            view = view[file.write(view) :]

    def keep(self) -> None:
        """Make it a piece, which survives whatever happens to this process."""
        file = self._opened()
        if self._blobs.is_durable:
            os.fsync(file.fileno())
        file.close()
        os.rename(self._path, self._blobs.path(self.name))

    def discard(self) -> None:
        """Remove it, also when it was kept."""
        if self._file is not None:
            self._file.close()
            self._path.unlink(missing_ok=True)
            self._blobs.remove([self.name])

    @property
    def _path(self) -> Path:
        return self._blobs.path(self.name + _INCOMING)

    def _opened(self) -> FileIO:
        if self._file is None:
            self._file = open(self._path, "xb", buffering=0)  # noqa: SIM115
        return self._file


class Blobs:
    """The folder of the pieces.

    Args:
        database: the file that the folder lies beside; None is for a temporary one, which is made
            when it is needed and removed by ``close``.
    """

    def __init__(self, database: str | os.PathLike[str] | None) -> None:
        self.is_durable = database is not None
        self._folder = None if database is None else Path(f"{os.fspath(database)}.blobs")
        self._lock: int | None = None
        self._making = threading.Lock()

    def claim(self) -> bool:
        """Say that the folder is in use; whether no other process uses it."""
        if self._folder is None or fcntl is None:
            return False
        self._folder.mkdir(exist_ok=True)
        lock = self._lock = os.open(self._folder / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fcntl.flock(lock, fcntl.LOCK_SH)
            return False
        return True

    def share(self) -> None:
        """Let other processes in, after ``claim``."""
        if self._lock is not None and fcntl is not None:
            fcntl.flock(self._lock, fcntl.LOCK_SH)

    def close(self) -> None:
        """Remove a temporary folder. Safe to repeat."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        if self._folder is not None and not self.is_durable:
            self._remove_folder()
            self._folder = None

    def path(self, name: str) -> Path:
        """Where the piece is."""
        with self._making:
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="pdsclient-"))
                # Also when nobody closes this, at the latest when the interpreter ends.
                self._remove_folder = finalize(self, shutil.rmtree, self._folder, True)
        shelf = self._folder / name[:2]
        shelf.mkdir(exist_ok=True)
        return shelf / name

    def remove(self, names: Iterable[str]) -> None:
        """Remove pieces; those that are gone already do not matter."""
        for name in names:
            self.path(name).unlink(missing_ok=True)

    def sweep(self, known: Iterable[str]) -> None:
        """Remove all files but these pieces: what processes that were killed left behind."""
        assert self._folder is not None, "only a folder that lasts has leftovers"
        kept = set(known)
        for shelf in self._folder.iterdir():
            if shelf.is_dir():
                for path in shelf.iterdir():
                    if path.name not in kept:
                        path.unlink(missing_ok=True)

    def keep(self, connection: sqlite3.Connection, data: bytes) -> str:
        """Make the bytes a content, inside a transaction; the origin that names it."""
        origin = f"sha1:{hashlib.sha1(data).hexdigest().upper()}"
        if connection.execute("SELECT 1 FROM content WHERE key = ?", (origin,)).fetchone():
            return origin
        is_small = len(data) <= INLINE_BYTES
        connection.execute(
            "INSERT INTO content(key, size, sha256, crc64, head, data) VALUES (?, ?, ?, ?, ?, ?)",
            (
                origin,
                len(data),
                hashlib.sha256(data).hexdigest().upper(),
                str(crc64(data)) if is_small or is_fast() else None,
                head_of(data),
                data if is_small else None,
            ),
        )
        if not is_small:
            connection.execute(
                "INSERT INTO piece(name, content, number, size) VALUES (?, ?, 1, ?)",
                (self._write(data), origin, len(data)),
            )
        return origin

    def _write(self, data: bytes) -> str:
        incoming = Incoming(self)
        try:
            incoming.write(data)
            incoming.keep()
        except BaseException:
            with suppress(OSError):
                incoming.discard()
            raise
        return incoming.name


def head_of(data: bytes) -> str:
    """The hash of the beginning, as ``pre_hash`` has it."""
    return hashlib.sha1(data[:HEAD_BYTES]).hexdigest().upper()
