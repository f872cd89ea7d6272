"""Changing files: one connection, one transaction for each change."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from pdsclient._clock import Clock
from pdsclient._times import render_time
from pdsclient.emulator.blobs import Blobs
from pdsclient.emulator.deltas import Log
from pdsclient.emulator.handles import FILES, LAGGED
from pdsclient.emulator.loading import Load, drive_number
from pdsclient.emulator.rows import (
    ROOT,
    check_name,
    checked,
    content_members,
    named_members,
    revision_of,
)
from pdsclient.emulator.tables import Row, Tables
from pdsclient.emulator.tree import Origin
from pdsclient.errors import InvalidRequest
from pdsclient.query import MatchMode

_decode = msgspec.json.Decoder(dict[str, Any]).decode
# A load of more files is not in the log of changes.
_LOGGED: Final = 500


class Missing(LookupError):
    """There is no such drive, file or share."""


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
        blobs: Blobs,
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._domain_id = domain_id
        self._delay_s = index_delay_s
        self._log = Log(connection)
        self._tables = Tables(connection, FILES, match_mode, blobs)
        self._lagged = Tables(connection, LAGGED, match_mode, blobs)

    def stop(self) -> None:
        """End a load that is under way; from any thread, and for good."""
        self._tables.stopped = self._lagged.stopped = True

    def add(self, rows: Iterable[Mapping[str, Any]], drive_id: str | None) -> list[str]:
        """Add files and folders, all or none; their ids."""
        with self.transaction():
            before = self._last_number()
            load = Load(self._connection, self._domain_id, self._now(), before, drive_id)
            self._tables.load(load.rows(rows), unindexed=load.learn_folders)
            self._changed_above(before)
            self._log_added(before)
        return load.file_ids

    def add_synthetic(self, drive_id: str, count: int, seed: int) -> None:
        """Add made-up files and folders."""
        # Its tables take a while to make, and most emulators need none.
        from pdsclient.emulator.synthetic import synthetic_files, synthetic_ids

        made = synthetic_files(count, seed, drive_id=drive_id, domain_id=self._domain_id)
        with self.transaction():
            before = self._last_number()
            drive = drive_number(self._connection, drive_id)
            if self._number(drive, synthetic_ids(seed, 1)[0]) is not None:
                raise InvalidRequest(
                    f"seed: drive {drive_id} has the files of seed {seed} already; "
                    "search those, or take another seed"
                )
            self._tables.load(
                Row(number, drive, wire, derived=derived)
                for number, (wire, derived) in enumerate(made, before + 1)
            )
            self._changed_above(before)

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
            if row.wire["status"] == "available":
                self.log(_op(changes), row.number)

    def seen_again(self, drive_id: str, file_id: str, origin: Origin) -> None:
        """A served file has changed on the disk: its size, time and revision are new."""
        self.fill(drive_id, file_id, origin.encode(), checked(origin.members(file_id)))

    def fill(self, drive_id: str, file_id: str, origin: str, members: Mapping[str, Any]) -> None:
        """Give a file other bytes, or its first ones; `members` say what is true of them."""
        with self.transaction():
            row = self._row(drive_id, file_id)
            op = "overwrite" if row.wire["status"] == "available" else "create"
            for name in ("content_hash", "content_hash_name", "crc64_hash", "upload_id"):
                row.wire.pop(name, None)
            row.wire.update(members)
            self._store(row._replace(origin=origin))
            self._reshelve(abs(row.shelf), file_id)
            self.log(op, row.number)

    def log(self, op: str, number: int, before: Iterable[str] = ()) -> None:
        """Note a change for ``file/list_delta``; see ``deltas``.

        Args:
            op: what happened.
            number: the file's.
            before: the folders that it lay in before, if it lies in others now.
        """
        self._log.add(op, number, [*before, *self._above(number)[1:], ROOT])

    def _log_created(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self.log("create", number)

    def _log_added(self, before: int) -> None:
        """Note the files behind this number, if they are few: a bulk load is not a change."""
        last = self._last_number()
        if last - before <= _LOGGED:
            added = self._connection.execute(
                "SELECT id FROM file WHERE id > ? AND shelf > 0 ORDER BY id", (before,)
            )
            self._log_created([number for (number,) in added])

    def catch_up(self) -> None:
        """Let search know of all changes that are due."""
        with self.transaction():
            now = self._clock.time()
            # Of several changes of a file only the last one matters.
            due = self._connection.execute(
                "SELECT id, seq FROM pending WHERE due <= ? ORDER BY seq", (now,)
            )
            newest = dict(due.fetchall())
            last = self._lagged.last()
            changed = map(self._pending, (newest[number] for number in newest if number <= last))
            for number, row in changed:
                self._lagged.remove(number) if row is None else self._lagged.put(row)
            added = map(self._pending, (newest[one] for one in sorted(newest) if one > last))
            self._lagged.load(row for _, row in added if row is not None)
            self._connection.execute("DELETE FROM pending WHERE due <= ?", (now,))

    def _pending(self, seq: int) -> tuple[int, Row | None]:
        """A change that search has yet to learn of: the file's number, and itself if it lives."""
        number, shelf, json = self._connection.execute(
            "SELECT id, shelf, json FROM pending WHERE seq = ?", (seq,)
        ).fetchone()
        return number, None if json is None else Row(number, shelf, _decode(json))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of what happens inside, or nothing; inside another one, part of that."""
        if self._connection.in_transaction:
            yield
            return
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            # SQLite has rolled back by itself when there was no room.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def _now(self) -> str:
        return render_time(datetime.fromtimestamp(self._clock.time(), UTC))

    def _last_number(self) -> int:
        row = self._connection.execute(
            "SELECT seq FROM sqlite_sequence WHERE name = ?", (FILES.name,)
        ).fetchone()
        return row[0] if row else 0

    def _number(self, drive: int, file_id: str) -> int | None:
        row = self._connection.execute(
            "SELECT id FROM file INDEXED BY file_identity WHERE drive = ? AND file_id = ?",
            (drive, file_id),
        ).fetchone()
        return None if row is None else int(row[0])

    def _row(self, drive_id: str, file_id: str) -> Row:
        row = self._row_where("d.drive_id = ? AND f.file_id = ?", drive_id, file_id)
        if row is None:
            raise Missing(f"drive {drive_id} has no file {file_id}")
        return row

    def _numbered(self, number: int) -> Row:
        row = self._row_where("f.id = ?", number)
        assert row is not None, "only numbers of rows that are there are asked for"
        return row

    def _row_where(self, where: str, *values: str | int) -> Row | None:
        found = self._connection.execute(
            "SELECT f.id, f.shelf, b.json, b.extras, b.origin "
            "FROM drive d JOIN file f ON f.drive = d.id JOIN body b ON b.id = f.id "
            f"WHERE {where}",
            values,
        ).fetchone()
        if found is None:
            return None
        number, shelf, json, extras, origin = found
        wire = _decode(json) | (_decode(extras) if extras else {})
        return Row(number, shelf, wire, origin=origin)

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
        """Each row below, itself first: its number, its shelf, and whether it can be found.

        What was trashed by itself is not below anything any more: it outlives its folder.
        """
        (parent,) = self._connection.execute(
            "SELECT parent FROM file WHERE drive = ? AND file_id = ?", (drive, file_id)
        ).fetchone()
        return self._connection.execute(
            """WITH RECURSIVE down(id, file_id, shelf, findable) AS (
                SELECT id, file_id, shelf, ? AND status = 'available' AND NOT trashed
                FROM file WHERE drive = ? AND file_id = ?
                UNION ALL
                SELECT f.id, f.file_id, f.shelf,
                    down.findable AND f.status = 'available'
                FROM down CROSS JOIN file f INDEXED BY file_children
                ON f.drive = ? AND f.parent = down.file_id AND NOT f.trashed)
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


def _op(changes: Mapping[str, Any]) -> str:
    """What the log of changes calls them."""
    if "status" in changes:
        return "create"
    if "content" in changes:
        return "overwrite"
    return "rename" if "name" in changes else "update"


def _with_content(row: Row, content: object) -> Row:
    """The same file with other bytes: a new revision."""
    wire = row.wire
    if wire["type"] == "folder":
        raise InvalidRequest("content: a folder has none")
    wire["revision_id"] = revision_of(wire["file_id"], wire["revision_id"])
    wire.pop("crc64_hash", None)
    wire.update(content_members(content, wire))
    assert isinstance(content, bytes)
    return row._replace(content=content, origin=None)


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
