"""Reading files, pages and counts through one connection."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import msgspec

from pdsclient.emulator.handles import (
    SUBTREE,
    Condition,
    Handles,
    Range,
    Shelf,
    Sql,
    subtree_sql,
)
from pdsclient.emulator.plans import SENT, Key, Order, Planner, merge, order_of
from pdsclient.emulator.rows import ROOT
from pdsclient.emulator.schema import ABSENT, ABSENT_SQL
from pdsclient.emulator.sql import Column, compile_where
from pdsclient.emulator.writing import ABOVE
from pdsclient.errors import InvalidRequest
from pdsclient.query import (
    And,
    Comparison,
    F,
    MatchMode,
    Not,
    Op,
    Or,
    OrderTerm,
    Query,
    comparisons,
)
from pdsclient.query.values import LONG_MAX

Position = tuple[Any, ...]
Within = Mapping[str, Sequence[str]]


class FileRow(NamedTuple):
    """A file as it is sent.

    ``json`` is a whole object that begins with ``{"drive_id":"<drive_id>",``: URLs are spliced in
    before its last byte, and for shares the drive is cut off in front.
    """

    json: bytes
    drive_id: str
    file_id: str
    parent_file_id: str
    name: str
    type: str
    status: str
    size: int | None
    content_type: str | None
    revision_id: str | None
    trashed_at: str | None
    findable: bool
    """False if it is uploading, or it or a folder above is in the recycle bin."""


class Page(NamedTuple):
    """Some rows, and where to go on: None at the end."""

    rows: list[FileRow]
    next: Position | None


# The plus keeps SQLite from seeking by a condition of the query: it shall seek by the bounds that
# are made for it, above all by the position.
def _plain(name: str, *, absent: bool = False) -> Column:
    return Column(value=f"nullif(f.{name}, {ABSENT_SQL})" if absent else f"+f.{name}")


def _folded(name: str, folded: str) -> Column:
    # The store writes the one form that its mode needs.
    return Column(value=f"+f.{name}", substring=f"f.{folded}", tokens=f"f.{folded}")


COLUMNS: Final[Mapping[str, Column]] = {
    **{
        name: _plain(name)
        for name in (
            "type",
            "status",
            "file_extension",
            "category",
            "mime_type",
            "created_at",
            "updated_at",
            "hidden",
            "starred",
        )
    },
    **{
        name: _plain(name, absent=True)
        for name in (
            "size",
            "image_time",
            "last_access_at",
            "custom_type",
            "custom_field_1",
            "custom_field_2",
            "image_overall_score",
        )
    },
    "parent_file_id": _plain("parent"),
    "name": _folded("name", "name_folded"),
    "description": _folded("description", "description_folded"),
    **{
        name: Column(value=f"f.{name}", repeated=True)
        for name in ("label", "face_group_id", "address")
    },
}

# What was put into the recycle bin by itself; a field of the shelves where that may be.
IN_BIN: Final = Comparison("in_the_bin", Op.EQ, True)

_AVAILABLE: Final = Column(value="'available'")
# Numbers of candidates that a connection remembers.
_PROBES: Final = 1_000
# Subtrees that a connection keeps between pages.
_SUBTREES: Final = 64


class Reader:
    """One connection's view; used by one thread at a time."""

    def __init__(self, connection: sqlite3.Connection, match_mode: MatchMode) -> None:
        self.connection = connection
        self._match_mode: MatchMode = match_mode
        self._subtrees: dict[tuple[Shelf, Comparison], int] = {}
        self._probes: dict[tuple[Any, ...], int] = {}
        connection.execute(
            "CREATE TEMP TABLE subtree(number INTEGER, file_id TEXT, "
            "PRIMARY KEY(number, file_id)) WITHOUT ROWID"
        )

    def file(self, drive: int, drive_id: str, file_id: str) -> FileRow | None:
        """One file, whatever its state."""
        row = self.connection.execute(
            f"SELECT {SENT} FROM file f INDEXED BY file_identity JOIN body b ON b.id = f.id "
            "WHERE f.drive = ? AND f.file_id = ?",
            (drive, file_id),
        ).fetchone()
        return None if row is None else _file_row(drive_id, row)

    def page(
        self,
        shelves: Mapping[str, Shelf],
        query: Query | None,
        order_by: Sequence[OrderTerm],
        *,
        limit: int,
        position: Position | None,
        recursive: bool = False,
        within: Within = MappingProxyType({}),
        among: Sequence[str] | None = None,
    ) -> Page:
        """A page of the files on the shelves, by the ids of their drives.

        Args:
            shelves: where to look, by drive id.
            query: which files; None for all.
            order_by: in which order.
            limit: how many at most.
            position: where the page before ended.
            recursive: widen conditions on ``parent_file_id`` to the whole subtree.
            within: only these folders and what is below them, by drive id; a drive that is not
                there counts whole.
            among: only files with these ids.
        """
        self._limit_subtrees()
        if len(self._probes) > _PROBES:
            self._probes.clear()
        order = order_of(tuple(order_by))
        key = None if position is None else _key(position, order)
        parts = []
        for drive_id, shelf in shelves.items():
            condition = self._condition(shelf, query, recursive, within.get(drive_id))
            rows = Planner(self.connection, shelf, self._probes).page(
                condition,
                order,
                limit=limit + 1,
                position=key,
                forced=None if among is None else _among(shelf, among),
            )
            parts.append([(*row, drive_id) for row in rows])
        return _page(merge(parts, order, limit + 1), order, limit)

    def count(
        self,
        shelves: Mapping[str, Shelf],
        query: Query | None,
        *,
        recursive: bool = False,
        within: Within = MappingProxyType({}),
    ) -> int:
        """How many files a search would find."""
        self._limit_subtrees()
        return sum(
            Planner(self.connection, shelf, self._probes).count(
                self._condition(shelf, query, recursive, within.get(drive_id))
            )
            for drive_id, shelf in shelves.items()
        )

    def forget(self) -> None:
        """The files have changed: subtrees that were worked out may be wrong."""
        self._limit_subtrees(0)
        self._probes.clear()

    def path(self, drive: int, file_id: str) -> list[tuple[str, str, int]]:
        """The id, the name and the shelf of the file and of all folders above, the top one last."""
        return self.connection.execute(
            ABOVE.replace("WHERE id = ?", "WHERE drive = ? AND file_id = ?", 1)
            + "SELECT file_id, name, shelf FROM up ORDER BY depth",
            (drive, file_id),
        ).fetchall()

    def dir_size(self, drive: int, file_id: str) -> tuple[int, int, int]:
        """Bytes, folders and files below a folder, without what is in the recycle bin."""
        row = self.connection.execute(
            """WITH RECURSIVE down(file_id, type, size) AS (
                SELECT file_id, 'top', 0 FROM (SELECT ? AS file_id)
                UNION ALL
                SELECT f.file_id, f.type, f.size FROM down CROSS JOIN file f
                INDEXED BY file_children ON f.drive = ? AND f.parent = down.file_id AND f.shelf = ?
                WHERE down.type <> 'file')
            SELECT total(size) FILTER (WHERE type = 'file'),
                count(*) FILTER (WHERE type = 'folder'),
                count(*) FILTER (WHERE type = 'file') FROM down""",
            (file_id, drive, drive),
        ).fetchone()
        return min(int(row[0]), LONG_MAX), row[1], row[2]

    def _limit_subtrees(self, most: int = _SUBTREES) -> None:
        if len(self._subtrees) > most:
            self._subtrees.clear()
            self.connection.execute("DELETE FROM temp.subtree")

    def _condition(
        self, shelf: Shelf, query: Query | None, recursive: bool, within: Sequence[str] | None
    ) -> Condition:
        subtrees: dict[str, Column] = {}
        node = None if query is None else query.node
        if node is not None and recursive:
            node = self._widened(node, shelf, subtrees)
        if within is not None:
            inside = self._inside(F.parent_file_id.in_(within), shelf, subtrees)
            node = inside if node is None else inside & node
        if node is None:
            return Condition(Sql("TRUE"))
        # What can be found is available: asking for it costs no look at the row.
        constant = frozenset({"status"} if shelf.number > 0 else ())
        columns = {**COLUMNS, **dict.fromkeys(constant, _AVAILABLE), **subtrees}
        if shelf.number < 0:
            columns[IN_BIN.field] = _plain("trashed")
        text, values = compile_where(node, columns, match_mode=self._match_mode)
        handles, ranges = Handles(shelf, self._match_mode).of(node)
        sole = len(handles) == 1 and _is_range_or_lookup(node, ranges)
        return Condition(
            where=Sql(f"({text})", tuple(values)),
            columns=frozenset(map(_column, comparisons(node))) - constant,
            handles=tuple(handles),
            ranges=ranges,
            sole=sole,
        )

    def _widened(self, node: Query, shelf: Shelf, columns: dict[str, Column]) -> Query:
        """The query with every condition on the parent turned into one on the subtree."""
        if isinstance(node, Not):
            return ~self._widened(node.term, shelf, columns)
        if isinstance(node, (And, Or)):
            return type(node)(self._widened(term, shelf, columns) for term in node.terms)
        if not isinstance(node, Comparison) or node.field != "parent_file_id":
            return node
        return self._inside(node, shelf, columns)

    def _inside(self, node: Comparison, shelf: Shelf, columns: dict[str, Column]) -> Query:
        """The condition on the subtrees of the folders that a condition on the parent names."""
        number = self._subtree(shelf, node)
        name = f"{SUBTREE}{number}"
        columns[name] = Column(value=subtree_sql(number))
        return Comparison(name, Op.EQ, True)

    def _subtree(self, shelf: Shelf, node: Comparison) -> int:
        """Work out which files the condition holds for, and which folders lie below them."""
        known = self._subtrees.get((shelf, node))
        if known is not None:
            return known
        number = len(self._subtrees)
        table = shelf.table.name
        where, values = compile_where(node, {"parent_file_id": Column(value="f.file_id")})
        tops = f"SELECT f.file_id FROM {table} f WHERE f.shelf = ? AND {where}"
        if node.matches({"parent_file_id": ROOT}):
            tops += f" UNION SELECT '{ROOT}'"
        self.connection.execute(
            f"""INSERT INTO temp.subtree WITH RECURSIVE down(file_id) AS (
                {tops}
                UNION
                SELECT f.file_id FROM down CROSS JOIN {table} f INDEXED BY {table}_children
                ON f.drive = ? AND f.parent = down.file_id AND f.shelf = ? AND f.type = 'folder')
            SELECT {number}, file_id FROM down""",
            (shelf.number, *values, shelf.drive, shelf.number),
        )
        self._subtrees[shelf, node] = number
        return number


def _column(term: Comparison) -> str:
    """The column that a comparison reads."""
    if term.field == "parent_file_id":
        return "parent"
    return f"{term.field}_folded" if term.op is Op.MATCH else term.field


def _is_range_or_lookup(node: Query, ranges: Mapping[str, Range]) -> bool:
    """One handle of the query finds exactly the rows of the query."""
    if isinstance(node, Comparison):
        return node.op is not Op.MATCH and not node.field.startswith(SUBTREE)
    if not isinstance(node, And) or len(ranges) != 1:
        return False
    (key,) = ranges
    return all(
        isinstance(term, Comparison) and term.field == key and term.op in _COMPARED
        for term in node.terms
    )


_COMPARED: Final = frozenset({Op.EQ, Op.LT, Op.LE, Op.GT, Op.GE})


def _among(shelf: Shelf, file_ids: Sequence[str]) -> Sql:
    table = shelf.table.name
    return Sql(
        f"SELECT f.id AS hit FROM json_each(?) CROSS JOIN {table} f INDEXED BY {table}_identity "
        "ON f.drive = ? AND f.file_id = json_each.value",
        (msgspec.json.encode(file_ids).decode(), shelf.drive),
    )


def _key(position: Sequence[Any], order: Order) -> Key:
    if len(position) != len(order.keys):
        raise InvalidRequest("after: the position belongs to another order")
    return tuple(ABSENT if value is None else value for value in position)


def _page(rows: list[tuple[Any, ...]], order: Order, limit: int) -> Page:
    width = len(order.keys)
    files = [_file_row(row[-1], row[width:-1]) for row in rows[:limit]]
    if len(rows) <= limit:
        return Page(files, None)
    last = rows[limit - 1][:width]
    return Page(files, tuple(None if value == ABSENT else value for value in last))


def _file_row(drive_id: str, row: tuple[Any, ...]) -> FileRow:
    json, file_id, parent, name, kind, status, size, media, revision, trashed, shelf = row
    return FileRow(
        json,
        drive_id,
        file_id,
        parent,
        name,
        kind,
        status,
        None if size == ABSENT else size,
        media,
        revision,
        trashed,
        shelf > 0,
    )


_BRIEF: Final = (
    "drive_id",
    "file_id",
    "parent_file_id",
    "type",
    "status",
    "category",
    "file_extension",
    "size",
    "starred",
    "created_at",
    "updated_at",
)
_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def brief(row: FileRow, names: Collection[str] = ()) -> FileRow:
    """The file with the default fields of file/scan, no name (pds-service.md 6.4), and others."""
    wire = _decode(row.json)
    kept = {name: wire[name] for name in (*_BRIEF, *names) if name in wire}
    return row._replace(json=msgspec.json.encode(kept))
