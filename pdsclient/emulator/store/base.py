"""The connections of a store: who may use them when, and what is remembered until a change."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from hashlib import blake2b
from queue import LifoQueue
from typing import Any, Final

from pdsclient._clock import Clock
from pdsclient._times import render_time
from pdsclient.emulator.blobs import Blobs
from pdsclient.emulator.changing import Changes
from pdsclient.emulator.content import Digests
from pdsclient.emulator.hashing import Running
from pdsclient.emulator.reading import Reader
from pdsclient.emulator.schema import Database, prepare
from pdsclient.emulator.tree import Tree
from pdsclient.query import MatchMode

_READERS: Final = 2
# The number has 32 bits, one of them for the sign.
_VERSIONS: Final = 2**31 - 1


class Base:
    """Opens the database; its arguments are those of ``Store``."""

    def __init__(
        self,
        database: str | os.PathLike[str] | None = None,
        *,
        clock: Clock,
        domain_id: str = "bj1",
        index_delay_s: float = 0.0,
        match_mode: MatchMode = "substring",
    ) -> None:
        self.domain_id = domain_id
        self.lagging = index_delay_s > 0
        """Call ``catch_up`` before a search."""
        self._clock = clock
        self._digests = Digests()
        self._running: dict[str, Running] = {}
        self._hashing = threading.Lock()
        self._trees: dict[str, Tree] = {}
        self._counts: dict[Any, int] = {}
        self._used_sizes: dict[tuple[int, int], int] = {}
        self._lock = threading.RLock()
        self._writing_thread = 0
        self._touched = False
        self.blobs = Blobs(database)
        """Where contents are."""
        place = Database(database)
        self._writer = place.connect()
        try:
            self._secret = prepare(
                self._writer, place.aside, {"match_mode": match_mode, "lagging": self.lagging}
            )
        except BaseException:
            self._writer.close()
            raise
        self._files = Changes(
            self._writer,
            clock=clock,
            domain_id=domain_id,
            index_delay_s=index_delay_s,
            match_mode=match_mode,
            blobs=self.blobs,
        )
        # What a change in several steps reads of itself.
        self._own_reader = Reader(self._writer, match_mode)
        self._connections = [place.connect() for _ in range(_READERS)]
        self._readers: LifoQueue[tuple[Reader, list[int]]] = LifoQueue()
        self._in_memory = place.in_memory
        self._turnstile = threading.Lock()
        for connection in self._connections:
            self._readers.put((Reader(connection, match_mode), [0]))

        self._sweep()

    def _sweep(self) -> None:
        """Remove what killed processes left beside the database, unless others are at work."""
        if self.blobs.claim():
            known = self._writer.execute("SELECT name FROM piece")
            self.blobs.sweep(name for (name,) in known)
            self.blobs.share()
        self._tidy()

    def key(self, purpose: str) -> bytes:
        """A secret key for signatures; the same after a restart, and in all processes."""
        return blake2b(purpose.encode(), key=self._secret, digest_size=32).digest()

    def stop(self) -> None:
        """End a big load that is under way: its thread gets ``Stopped``. ``close`` must follow."""
        self._files.stop()

    def close(self) -> None:
        """Close all connections; what is in memory is gone. Safe to repeat."""
        for connection in [*self._connections, self._writer]:
            connection.close()
        for tree in self._trees.values():
            tree.close()
        self.blobs.close()

    def _now(self) -> str:
        return render_time(datetime.fromtimestamp(self._clock.time(), UTC))

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """Changes inside happen all or not at all, and nobody else changes anything meanwhile.

        What is read inside is read as it will be. Blocks may be nested; files may change.
        """
        with self._writing():
            self._touched = True
            yield

    _changing = atomic

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction; inside another one, part of that."""
        if self._is_writing():
            yield self._writer
            return
        with self._alone():
            self._touched = False
            with self._files.transaction():
                yield self._writer
                if self._touched:
                    self._void()
            self._tidy()

    def _void(self) -> None:
        """Files have changed: void what anybody remembers of them, other processes too.

        The mark of it is in the database and part of the transaction.
        """
        version = (_version_of(self._writer) + 1) & _VERSIONS
        self._writer.execute(f"PRAGMA user_version = {version}")
        self._writer.execute("DELETE FROM content WHERE refs = 0")
        self._own_reader.forget()
        self._counts.clear()
        self._used_sizes.clear()

    def _tidy(self) -> None:
        """Remove the pieces that nothing refers to any more; what fails is tried the next time."""
        free = self._writer.execute(
            "SELECT name FROM piece WHERE upload IS NULL AND content IS NULL"
        ).fetchall()
        if free:
            with suppress(OSError, sqlite3.OperationalError), self._files.transaction():
                self.blobs.remove(name for (name,) in free)
                self._writer.executemany("DELETE FROM piece WHERE name = ?", free)

    @property
    def _version(self) -> int:
        """Another one after each change of files, whoever made it."""
        with self._borrowed() as (reader, _):
            return _version_of(reader.connection)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One writer at a time; in memory without readers beside it.

        There SQLite would let readers poll while somebody writes, and as its databases are two,
        reader and writer could each wait for what the other one holds.
        """
        if self._is_writing():
            yield
            return
        with self._lock:
            taken = []
            if self._in_memory:
                with self._turnstile:
                    taken = [self._readers.get() for _ in range(_READERS)]
            self._writing_thread = threading.get_ident()
            try:
                yield
            finally:
                self._writing_thread = 0
                for item in taken:
                    self._readers.put(item)

    def _is_writing(self) -> bool:
        """Whether this thread is in the middle of a change."""
        return self._writing_thread == threading.get_ident()

    @contextmanager
    def _borrowed(self) -> Iterator[tuple[Reader, list[int]]]:
        """A reader, and the version of the files that it last saw."""
        if self._is_writing():
            yield self._own_reader, [0]
            return
        with self._turnstile:
            item = self._readers.get()
        try:
            yield item
        finally:
            self._readers.put(item)

    @contextmanager
    def _reading(self) -> Iterator[Reader]:
        """A reader that remembers nothing of files that have changed since."""
        with self._borrowed() as (reader, seen):
            version = _version_of(reader.connection)
            if seen[0] != version:
                seen[0] = version
                reader.forget()
            yield reader

    def _read(self, sql: str, values: tuple[Any, ...]) -> list[Any]:
        with self._borrowed() as (reader, _):
            return reader.connection.execute(sql, values).fetchall()

    def _number(self, drive_id: str) -> int | None:
        """The drive's number in the tables."""
        rows = self._read("SELECT id FROM drive WHERE drive_id = ?", (drive_id,))
        return rows[0][0] if rows else None


def _version_of(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version
