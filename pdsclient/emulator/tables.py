"""The tables of files: rows go in and out, and the index of names follows."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, Final, NamedTuple

from pdsclient.emulator.blobs import Blobs
from pdsclient.emulator.handles import Table
from pdsclient.emulator.rows import Derived, columns, derive, encode
from pdsclient.emulator.schema import BODY_NAMES, FILE_NAMES, INDEXES
from pdsclient.errors import InvalidRequest
from pdsclient.query import MatchMode

# So many rows stay in a processor's own cache.
_BATCH: Final = 100
# Fewer rows are not worth new indexes.
_BULK: Final = 4_000
# No name has a slash: with two behind it, each of its characters begins a trigram, so that the
# index knows one and two characters as well.
_GRAMMED: Final = "name_folded || '//'"


class Row(NamedTuple):
    """A file on its way into a table; a content that is given becomes its origin."""

    number: int
    shelf: int
    wire: dict[str, Any]
    content: bytes | None = None
    origin: str | None = None
    derived: Derived | None = None


@contextmanager
def _refusals() -> Iterator[None]:
    """Errors of SQLite that the caller can do something about, said in words."""
    try:
        yield
    except sqlite3.IntegrityError:
        raise InvalidRequest("file_id: the drive has a file with this id already") from None
    except OverflowError:
        raise InvalidRequest("a number does not fit into 64 bits") from None
    except sqlite3.OperationalError as error:
        if "full" not in str(error):
            raise
        raise InvalidRequest(
            "database: there is no room for more; memory holds a good million files, a file more"
        ) from None


def _insert(table: str, names: tuple[str, ...]) -> str:
    return f"INSERT INTO {table}({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"


class Stopped(Exception):
    """The store is to be closed; a big load does not keep it waiting."""


class Tables:
    """Writes files into one pair of tables, and keeps their trigram index.

    Attributes:
        stopped: set by another thread; a load then ends soon, with ``Stopped``.
    """

    stopped = False

    def __init__(
        self,
        connection: sqlite3.Connection,
        table: Table,
        match_mode: MatchMode,
        blobs: Blobs,
    ) -> None:
        self._connection = connection
        self._blobs = blobs
        self._match_mode: MatchMode = match_mode
        self._name = table.name
        self._body = table.body
        self._put_file = _insert(table.name, FILE_NAMES)
        self._put_body = _insert(table.body, BODY_NAMES)

    def load(self, rows: Iterable[Row], *, unindexed: Callable[[], object] = lambda: None) -> None:
        """Insert new files, in the order of their numbers.

        A load that grows beyond what was there before builds the indexes anew at its end: sorting
        costs a third of what as many insertions in any order do.

        Args:
            rows: the files; their numbers are higher than those of all the others.
            unindexed: called when nothing can be looked up by an index until the end.
        """
        before = last = self.last()
        made = iter(rows)
        has_indexes = True
        while batch := list(islice(made, _BATCH)):
            self._check()
            if has_indexes and last >= before + max(before, _BULK):
                unindexed()
                self._drop_indexes()
                has_indexes = False
            self._add(batch)
            last = batch[-1].number
        with _refusals():
            if not has_indexes:
                self._create_indexes()
            self._index_names(before)

    def _check(self) -> None:
        if self.stopped:
            raise Stopped

    def last(self) -> int:
        """The highest number, which is about how many files there are."""
        row = self._connection.execute(f"SELECT max(id) FROM {self._name}").fetchone()
        return row[0] or 0

    def _drop_indexes(self) -> None:
        for name in INDEXES:
            self._connection.execute(f"DROP INDEX {self._name}_{name}")

    def _create_indexes(self) -> None:
        for name, index in INDEXES.items():
            self._check()
            self._connection.execute(index.sql(self._name, name))

    def _add(self, rows: list[Row]) -> None:
        bodies = [_body(self._kept(row)) for row in rows]
        files = [self._columns(row) for row in rows]
        with _refusals():
            self._connection.executemany(self._put_file, files)
            self._connection.executemany(self._put_body, bodies)

    def _kept(self, row: Row) -> Row:
        """The row with its content put away."""
        if row.content is None:
            return row
        return row._replace(content=None, origin=self._blobs.keep(self._connection, row.content))

    def _columns(self, row: Row) -> tuple[Any, ...]:
        derived = row.derived or derive(row.wire)
        return columns(row.number, row.shelf, row.wire, derived, self._match_mode)

    def _index_names(self, before: int) -> None:
        """Put the names of the rows behind this number into the trigram index.

        In the order of ids: in any other one FTS5 flushes row by row, ten times as slow.
        """
        self._connection.execute(
            f"INSERT INTO {self._name}_grams(rowid, name) "
            f"SELECT id, {_GRAMMED} FROM {self._name} NOT INDEXED WHERE id > ? ORDER BY id",
            (before,),
        )

    def put(self, row: Row) -> None:
        """Insert or replace one file."""
        self.remove(row.number)
        self._add([row])
        self._connection.execute(
            f"INSERT INTO {self._name}_grams(rowid, name) "
            f"SELECT id, {_GRAMMED} FROM {self._name} WHERE id = ?",
            (row.number,),
        )

    def remove(self, number: int) -> None:
        """Delete one file, if it is there."""
        self._forget_name(number)
        self._connection.execute(f"DELETE FROM {self._name} WHERE id = ?", (number,))
        self._connection.execute(f"DELETE FROM {self._body} WHERE id = ?", (number,))

    def erase(self, number: int) -> None:
        """Delete one file for good, with its revisions and uploads."""
        self.remove(number)
        self._connection.execute("DELETE FROM revision WHERE file = ?", (number,))
        self._connection.execute("DELETE FROM upload WHERE file = ?", (number,))

    def _forget_name(self, number: int) -> None:
        # A contentless index must be told what it holds in order to delete it.
        self._connection.execute(
            f"INSERT INTO {self._name}_grams({self._name}_grams, rowid, name) "
            f"SELECT 'delete', id, {_GRAMMED} FROM {self._name} WHERE id = ?",
            (number,),
        )


def _body(row: Row) -> tuple[Any, ...]:
    json, extras = encode(row.wire)
    wire = row.wire
    return (
        row.number,
        json,
        wire.get("content_type"),
        wire.get("revision_id"),
        wire.get("trashed_at"),
        extras,
        row.origin,
    )
