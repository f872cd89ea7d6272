"""The connections of a store: who may use them when, and what is remembered until a change."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from queue import LifoQueue
from typing import Any, Final

from pdsclient._clock import Clock
from pdsclient._times import render_time
from pdsclient.emulator.content import Digests
from pdsclient.emulator.reading import Reader
from pdsclient.emulator.schema import Database, prepare
from pdsclient.emulator.tree import Tree
from pdsclient.emulator.writing import Files
from pdsclient.query import MatchMode

_READERS: Final = 2


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
        self._trees: dict[str, Tree] = {}
        self._numbers: dict[str, int] = {}
        self._counts: dict[Any, int] = {}
        self._used_sizes: dict[tuple[int, int], int] = {}
        self._version = 0
        self._lock = threading.RLock()
        place = Database(database)
        self._writer = place.connect()
        try:
            prepare(self._writer, place.aside, {"match_mode": match_mode, "lagging": self.lagging})
        except BaseException:
            self._writer.close()
            raise
        self._files = Files(
            self._writer,
            clock=clock,
            domain_id=domain_id,
            index_delay_s=index_delay_s,
            match_mode=match_mode,
        )
        self._connections = [place.connect() for _ in range(_READERS)]
        self._readers: LifoQueue[tuple[Reader, list[int]]] = LifoQueue()
        self._in_memory = place.in_memory
        self._turnstile = threading.Lock()
        for connection in self._connections:
            self._readers.put((Reader(connection, match_mode), [0]))

    def stop(self) -> None:
        """End a big load that is under way: its thread gets ``Stopped``. ``close`` must follow."""
        self._files.stop()

    def close(self) -> None:
        """Close all connections; what is in memory is gone. Safe to repeat."""
        for connection in [*self._connections, self._writer]:
            connection.close()
        for tree in self._trees.values():
            tree.close()

    def _now(self) -> str:
        return render_time(datetime.fromtimestamp(self._clock.time(), UTC))

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._alone(), self._files.transaction():
            yield self._writer

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Files change inside: what readers remember of them is void."""
        with self._alone():
            yield
            self._version += 1
            self._counts.clear()
            self._used_sizes.clear()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One writer at a time; in memory without readers beside it.

        There SQLite would let readers poll while somebody writes, and as its databases are two,
        reader and writer could each wait for what the other one holds.
        """
        with self._lock:
            taken = []
            if self._in_memory:
                with self._turnstile:
                    taken = [self._readers.get() for _ in range(_READERS)]
            try:
                yield
            finally:
                for item in taken:
                    self._readers.put(item)

    @contextmanager
    def _reading(self) -> Iterator[Reader]:
        with self._turnstile:
            reader, seen = item = self._readers.get()
        try:
            if seen[0] != self._version:
                seen[0] = self._version
                reader.forget()
            yield reader
        finally:
            self._readers.put(item)

    def _read(self, sql: str, values: tuple[Any, ...]) -> list[Any]:
        with self._reading() as reader:
            return reader.connection.execute(sql, values).fetchall()

    def _number(self, drive_id: str) -> int | None:
        """The drive's number in the tables; drives are never deleted, so it stays."""
        known = self._numbers.get(drive_id)
        if known is None:
            rows = self._read("SELECT id FROM drive WHERE drive_id = ?", (drive_id,))
            if rows:
                known = self._numbers[drive_id] = rows[0][0]
        return known
