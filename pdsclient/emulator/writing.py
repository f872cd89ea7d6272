"""Changing files: one connection, one transaction for each change."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

import attrs
import msgspec

from pdsclient._clock import Clock
from pdsclient._times import render_time
from pdsclient.emulator.plans import FILES, LAGGED, Table
from pdsclient.emulator.rows import (
    ROOT,
    Place,
    check_name,
    checked,
    columns,
    complete,
    content_members,
    encode,
    named_members,
    revision_of,
)
from pdsclient.emulator.schema import BODY_NAMES, FILE_NAMES
from pdsclient.emulator.tree import Origin
from pdsclient.errors import InvalidRequest
from pdsclient.query import MatchMode

_BATCH: Final = 2000
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Missing(LookupError):
    """There is no such drive, file or share."""


@attrs.frozen
class Row:
    """A file on its way into a table."""

    number: int
    shelf: int
    wire: dict[str, Any]
    content: bytes | None = None
    origin: str | None = None


def _insert(table: str, names: tuple[str, ...]) -> str:
    return f"INSERT INTO {table}({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"


class Tables:
    """Writes files into one pair of tables, and keeps their trigram index."""

    def __init__(self, connection: sqlite3.Connection, table: Table, match_mode: MatchMode) -> None:
        self._connection = connection
        self._match_mode: MatchMode = match_mode
        self._name = table.name
        self._body = table.body
        self._put_file = _insert(table.name, FILE_NAMES)
        self._put_body = _insert(table.body, BODY_NAMES)

    def add(self, rows: list[Row]) -> None:
        """Insert new files; ``index_names`` must follow."""
        bodies = [_body(row) for row in rows]
        files = [columns(row.number, row.shelf, row.wire, self._match_mode) for row in rows]
        try:
            self._connection.executemany(self._put_file, files)
        except sqlite3.IntegrityError:
            raise InvalidRequest("file_id: the drive has a file with this id already") from None
        except OverflowError:
            raise InvalidRequest("a number does not fit into 64 bits") from None
        self._connection.executemany(self._put_body, bodies)

    def index_names(self, first: int, last: int) -> None:
        """Put the names of the rows with these numbers into the trigram index.

        In the order of ids: in any other one FTS5 flushes row by row, ten times as slow.
        """
        self._connection.execute(
            f"INSERT INTO {self._name}_grams(rowid, name) "
            f"SELECT id, name_folded FROM {self._name} NOT INDEXED "
            "WHERE id BETWEEN ? AND ? ORDER BY id",
            (first, last),
        )

    def put(self, row: Row) -> None:
        """Insert or replace one file."""
        self.remove(row.number)
        self.add([row])
        self.index_names(row.number, row.number)

    def remove(self, number: int) -> None:
        """Delete one file, if it is there."""
        self._forget_name(number)
        self._connection.execute(f"DELETE FROM {self._name} WHERE id = ?", (number,))
        self._connection.execute(f"DELETE FROM {self._body} WHERE id = ?", (number,))

    def _forget_name(self, number: int) -> None:
        # A contentless index must be told what it holds in order to delete it.
        self._connection.execute(
            f"INSERT INTO {self._name}_grams({self._name}_grams, rowid, name) "
            f"SELECT 'delete', id, name_folded FROM {self._name} WHERE id = ?",
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
        row.content,
    )


class Files:
    """The changes that files undergo; not for several threads at a time."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        clock: Clock,
        domain_id: str,
        index_delay_s: float,
        match_mode: MatchMode,
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._domain_id = domain_id
        self._delay_s = index_delay_s
        self._tables = Tables(connection, FILES, match_mode)
        self._lagged = Tables(connection, LAGGED, match_mode)

    def add(self, rows: Iterable[Mapping[str, Any]], drive_id: str | None) -> list[str]:
        """Add files and folders, all or none; their ids."""
        with self.transaction():
            before = self._last_number()
            load = _Load(self._connection, self._domain_id, self._now(), before, drive_id)
            made = iter(load.rows(rows))
            while batch := list(islice(made, _BATCH)):
                self._tables.add(batch)
            self._tables.index_names(before + 1, self._last_number())
            self._changed_above(before)
        return load.file_ids

    def update(self, drive_id: str, file_id: str, changes: Mapping[str, Any]) -> None:
        """Change members; a new content makes a new revision. None removes a member."""
        for name, value in changes.items():
            if name in _FIXED or (value is None and name in _NEEDED):
                raise InvalidRequest(
                    f"{name}: it cannot be {'removed' if value is None else 'changed'}"
                )
        with self.transaction():
            row = self._row(drive_id, file_id)
            row.wire["updated_at"] = self._now()
            if changes.get("content") is not None:
                row = _with_content(row, changes["content"])
            _change(row.wire, changes)
            self._store(row)
            if "status" in changes:
                self._reshelve(abs(row.shelf), file_id)

    def seen_again(self, drive_id: str, file_id: str, origin: Origin) -> None:
        """A served file has changed on the disk: its size, time and revision are new."""
        with self.transaction():
            row = self._row(drive_id, file_id)
            for name in ("content_hash", "content_hash_name", "crc64_hash"):
                row.wire.pop(name, None)
            row.wire.update(checked(origin.members(file_id)))
            self._store(attrs.evolve(row, origin=origin.encode()))

    def move(self, drive_id: str, file_id: str, to_parent_file_id: str) -> None:
        """Put a file or folder into another folder of its drive."""
        with self.transaction():
            row = self._row(drive_id, file_id)
            drive = abs(row.shelf)
            if to_parent_file_id != ROOT:
                target = self._row(drive_id, to_parent_file_id)
                if target.wire["type"] != "folder":
                    raise InvalidRequest(f"to_parent_file_id: {to_parent_file_id} is not a folder")
                if to_parent_file_id == file_id or file_id in self._above(target.number):
                    raise InvalidRequest("to_parent_file_id: it lies in the folder to be moved")
            row.wire.update(parent_file_id=to_parent_file_id, updated_at=self._now())
            self._store(row)
            self._reshelve(drive, file_id)

    def trash(self, drive_id: str, file_id: str) -> None:
        """Put a file or folder into the recycle bin."""
        with self.transaction():
            row = self._row(drive_id, file_id)
            row.wire["trashed_at"] = self._now()
            self._store(row)
            self._reshelve(abs(row.shelf), file_id)

    def restore(self, drive_id: str, file_id: str) -> None:
        """Take it out again; to the root if its folder is in the bin itself."""
        with self.transaction():
            row = self._row(drive_id, file_id)
            row.wire.pop("trashed_at", None)
            drive = abs(row.shelf)
            if not self._is_open(drive, row.wire["parent_file_id"]):
                row.wire["parent_file_id"] = ROOT
            self._store(row)
            self._reshelve(drive, file_id)

    def delete(self, drive_id: str, file_id: str) -> None:
        """Delete for good, with everything below."""
        with self.transaction():
            row = self._row(drive_id, file_id)
            numbers = [number for number, _, _ in self._subtree(abs(row.shelf), file_id)]
            for number in numbers:
                self._tables.remove(number)
                self._gone(number)

    def catch_up(self) -> None:
        """Let search know of all changes that are due."""
        with self.transaction():
            due = self._connection.execute(
                "SELECT seq, id, shelf, json FROM pending WHERE due <= ? ORDER BY seq",
                (self._clock.time(),),
            ).fetchall()
            for seq, number, shelf, json in due:
                if json is None:
                    self._lagged.remove(number)
                else:
                    self._lagged.put(Row(number, shelf, _decode(json)))
                self._connection.execute("DELETE FROM pending WHERE seq = ?", (seq,))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of what happens inside, or nothing."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def _now(self) -> str:
        return render_time(datetime.fromtimestamp(self._clock.time(), UTC))

    def _last_number(self) -> int:
        row = self._connection.execute(
            "SELECT seq FROM sqlite_sequence WHERE name = ?", (FILES.name,)
        ).fetchone()
        return row[0] if row else 0

    def _row(self, drive_id: str, file_id: str) -> Row:
        row = self._connection.execute(
            "SELECT f.id, f.shelf, b.json, b.extras, b.content, b.origin "
            "FROM drive d JOIN file f ON f.drive = d.id JOIN body b ON b.id = f.id "
            "WHERE d.drive_id = ? AND f.file_id = ?",
            (drive_id, file_id),
        ).fetchone()
        if row is None:
            raise Missing(f"drive {drive_id} has no file {file_id}")
        number, shelf, json, extras, content, origin = row
        wire = _decode(json) | (_decode(extras) if extras else {})
        return Row(number, shelf, wire, content, origin)

    def _store(self, row: Row) -> None:
        self._tables.put(row)
        self._changed([row.number])

    def _changed(self, numbers: Iterable[int]) -> None:
        if self._delay_s:
            self._connection.executemany(_REMEMBER + "f.id = ?", [(self._due, n) for n in numbers])

    def _changed_above(self, number: int) -> None:
        if self._delay_s:
            self._connection.execute(_REMEMBER + "f.id > ? ORDER BY f.id", (self._due, number))

    def _gone(self, number: int) -> None:
        if self._delay_s:
            self._connection.execute(
                "INSERT INTO pending(due, id) VALUES (?, ?)", (self._due, number)
            )

    @property
    def _due(self) -> float:
        return self._clock.time() + self._delay_s

    def _is_open(self, drive: int, file_id: str) -> bool:
        """The folder is there, and neither it nor one above is in the recycle bin."""
        if file_id == ROOT:
            return True
        return bool(
            self._connection.execute(
                "SELECT 1 FROM file WHERE drive = ? AND file_id = ? AND shelf > 0",
                (drive, file_id),
            ).fetchone()
        )

    def _above(self, number: int) -> list[str]:
        rows = self._connection.execute(ABOVE + "SELECT file_id FROM up", (number,))
        return [row[0] for row in rows]

    def _subtree(self, drive: int, file_id: str) -> list[tuple[int, int, bool]]:
        """Each row below, itself first: its number, its shelf, and whether it can be found."""
        (parent,) = self._connection.execute(
            "SELECT parent FROM file WHERE drive = ? AND file_id = ?", (drive, file_id)
        ).fetchone()
        return self._connection.execute(
            """WITH RECURSIVE down(id, file_id, shelf, findable) AS (
                SELECT id, file_id, shelf, ? AND status = 'available' AND NOT trashed
                FROM file WHERE drive = ? AND file_id = ?
                UNION ALL
                SELECT f.id, f.file_id, f.shelf,
                    down.findable AND f.status = 'available' AND NOT f.trashed
                FROM down CROSS JOIN file f INDEXED BY file_children
                ON f.drive = ? AND f.parent = down.file_id)
            SELECT id, shelf, findable FROM down""",
            (self._is_open(drive, parent), drive, file_id, drive),
        ).fetchall()

    def _reshelve(self, drive: int, file_id: str) -> None:
        """Make a file and all below findable, or not, as their states and folders say."""
        moved = [
            (drive if findable else -drive, number)
            for number, shelf, findable in self._subtree(drive, file_id)
            if (shelf > 0) != bool(findable)
        ]
        self._connection.executemany("UPDATE file SET shelf = ? WHERE id = ?", moved)
        self._changed(number for _, number in moved)


# Members that have a method of their own, or none at all.
_FIXED: Final = frozenset(
    {"domain_id", "drive_id", "file_id", "origin", "parent_file_id", "path", "trashed_at", "type"}
)
_NEEDED: Final = frozenset({"created_at", "hidden", "name", "starred", "status", "updated_at"})


def _with_content(row: Row, content: object) -> Row:
    """The same file with other bytes: a new revision."""
    wire = row.wire
    if wire["type"] == "folder":
        raise InvalidRequest("content: a folder has none")
    wire["revision_id"] = revision_of(wire["file_id"], wire["revision_id"])
    wire.pop("crc64_hash", None)
    wire.update(content_members(content, wire))
    assert isinstance(content, bytes)
    return attrs.evolve(row, content=content, origin=None)


def _change(wire: dict[str, Any], changes: Mapping[str, Any]) -> None:
    said = checked(changes)
    if "name" in changes:
        wire["name"] = check_name(changes["name"])
        if wire["type"] == "file":
            wire.update(named_members(wire["name"], said))
    for name, value in changes.items():
        if value is None:
            wire.pop(name, None)
    wire.update(said)


# The files above one, nearest first.
ABOVE: Final = """WITH RECURSIVE up(depth, drive, file_id, parent, name, shelf) AS (
    SELECT 0, drive, file_id, parent, name, shelf FROM file WHERE id = ?
    UNION ALL
    SELECT up.depth + 1, f.drive, f.file_id, f.parent, f.name, f.shelf FROM up CROSS JOIN file f
    INDEXED BY file_identity ON f.drive = up.drive AND f.file_id = up.parent) """

_REMEMBER: Final = (
    "INSERT INTO pending(due, id, shelf, json) SELECT ?, f.id, f.shelf, b.json "
    "FROM file f JOIN body b ON b.id = f.id WHERE "
)


class _Load:
    """Makes rows of what a caller describes, and the folders that paths name."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        domain_id: str,
        now: str,
        number: int,
        drive_id: str | None,
    ) -> None:
        self._connection = connection
        self._domain_id = domain_id
        self._now = now
        self._number = number
        self._drive_id = drive_id
        self._drives: dict[str, int] = {}
        self._parents: dict[tuple[str, str], bool] = {}
        self._folders: dict[tuple[str, str, str], str] = {}
        self.file_ids: list[str] = []

    def rows(self, given: Iterable[Mapping[str, Any]]) -> Iterator[Row]:
        """The rows, each folder of a path before what it holds."""
        for index, item in enumerate(given):
            if not isinstance(item, Mapping):
                raise InvalidRequest(f"rows[{index}]: a mapping is needed, not {item!r}")
            try:
                made = list(self._with_folders(item))
            except InvalidRequest as error:
                raise InvalidRequest(f"rows[{index}].{error}") from None
            self.file_ids.append(made[-1].wire["file_id"])
            yield from made

    def _with_folders(self, item: Mapping[str, Any]) -> Iterator[Row]:
        drive_id = item.get("drive_id") or self._drive_id
        if not isinstance(drive_id, str):
            raise InvalidRequest("drive_id: say which drive the file goes to")
        parent = item.get("parent_file_id") or ROOT
        if "path" in item:
            *folders, name = str(item["path"]).strip("/").split("/")
            for folder in folders:
                known = self._folder(drive_id, parent, folder)
                if known is None:
                    row = self._row(drive_id, parent, {"name": folder, "type": "folder"})
                    known = row.wire["file_id"]
                    yield row
                parent = known
            item = {**item, "name": name}
        yield self._row(drive_id, parent, item)

    def _row(self, drive_id: str, parent: str, item: Mapping[str, Any]) -> Row:
        drive = self._drive(drive_id)
        findable = self._findable(drive_id, parent)
        number = self._number = self._number + 1
        file_id = _check_id(item.get("file_id")) or _file_id(drive_id, number)
        place = Place(self._domain_id, drive_id, parent, file_id, self._now)
        wire = complete(item, place)
        findable = findable and wire["status"] == "available"
        if wire["type"] == "folder":
            self._parents[drive_id, file_id] = findable
            self._folders.setdefault((drive_id, parent, wire["name"]), file_id)
        shelf = drive if findable else -drive
        return Row(number, shelf, wire, item.get("content"), item.get("origin"))

    def _drive(self, drive_id: str) -> int:
        if drive_id not in self._drives:
            row = self._connection.execute(
                "SELECT id FROM drive WHERE drive_id = ?", (drive_id,)
            ).fetchone()
            if row is None:
                raise InvalidRequest(f"drive_id: there is no drive {drive_id!r}")
            self._drives[drive_id] = row[0]
        return self._drives[drive_id]

    def _findable(self, drive_id: str, parent: str) -> bool:
        """Whether what is in the folder can be found; InvalidRequest if there is no such folder."""
        if parent == ROOT:
            return True
        if (drive_id, parent) not in self._parents:
            row = self._connection.execute(
                "SELECT shelf FROM file WHERE drive = ? AND file_id = ? AND type = 'folder'",
                (self._drive(drive_id), parent),
            ).fetchone()
            if row is None:
                raise InvalidRequest(
                    f"parent_file_id: drive {drive_id} has no folder {parent!r}; add it first"
                )
            self._parents[drive_id, parent] = row[0] > 0
        return self._parents[drive_id, parent]

    def _folder(self, drive_id: str, parent: str, name: str) -> str | None:
        key = drive_id, parent, name
        if key not in self._folders:
            row = self._connection.execute(
                "SELECT file_id FROM file INDEXED BY file_by_name "
                "WHERE shelf = ? AND name = ? AND parent = ? AND type = 'folder' LIMIT 1",
                (self._drive(drive_id), name, parent),
            ).fetchone()
            if row is None:
                return None
            self._folders[key] = row[0]
        return self._folders[key]


_FILE_ID: Final = re.compile("[a-z0-9]{1,50}")


def _check_id(file_id: Any) -> str | None:
    """The id, if files can have it (pds-service.md 1.7); None if the caller gives none."""
    if file_id is None:
        return None
    if not isinstance(file_id, str) or not _FILE_ID.fullmatch(file_id) or file_id == ROOT:
        raise InvalidRequest(f"file_id: 1-50 of a-z and 0-9 are allowed, not {file_id!r}")
    return file_id


def _file_id(drive_id: str, number: int) -> str:
    return hashlib.sha1(f"{drive_id}/{number}".encode()).hexdigest()
