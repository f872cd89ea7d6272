"""How a page, or a count, is read in a few milliseconds.

Two plans for each page: walk the index of the order and filter, or collect the few rows that an
index of the filter knows, and sort them. The walk reads ``limit / density`` entries, the other one
all of its candidates; so each usable index is first asked for its rows, up to a cap, and if there
are fewer they are collected. Where the filter needs what no index of an order holds, the walk goes
a little way only; what is not near is looked for in the whole table.

SQLite's planner is not consulted: it knows neither the limit nor the density, and was off by a
factor of thousands when measured.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache, partial
from math import isqrt
from typing import Any, Final

import attrs

from pdsclient.emulator.schema import ABSENT, ABSENT_SQL, COVERED, ORDERS
from pdsclient.emulator.sql import epoch_ms
from pdsclient.query import FILE_FIELDS, And, Comparison, MatchMode, Op, Or, OrderTerm, Query
from pdsclient.query.evaluate import match_terms

Key = tuple[Any, ...]
Keys = tuple[tuple[str, bool], ...]

_LOWER: Final = {Op.EQ: ">=", Op.GT: ">", Op.GE: ">="}
_UPPER: Final = {Op.EQ: "<=", Op.LT: "<", Op.LE: "<="}
_FLAGS: Final = {"starred": "starred", "hidden": "hidden"}
_TEXTS: Final = {
    "name": ("by_name", "name"),
    "file_extension": ("extension", "file_extension"),
    "category": ("category", "category"),
}
SUBTREE: Final = "subtree_"


@attrs.frozen
class Table:
    """The files that are read: the truth, or what search knows of it."""

    name: str
    body: str


FILES: Final = Table("file", "body")
LAGGED: Final = Table("lagged_file", "lagged_body")


@attrs.frozen
class Sql:
    """A piece of SQL and what is bound in it."""

    text: str
    values: tuple[Any, ...] = ()


@attrs.frozen
class Order:
    """A total order: what was asked for, completed to a unique key.

    Attributes:
        keys: columns with True for descending; the last one is the row's number.
        index: the sort key whose index is walked.
        walkable: that index begins with the first key.
    """

    keys: Keys
    index: str

    @property
    def walkable(self) -> bool:
        return self.keys[0][0] == self.index

    def sql(self, names: Iterable[str]) -> str:
        """The ORDER BY clause, the keys going by these names."""
        pairs = zip(names, self.keys, strict=True)
        return ", ".join(f"{name} DESC" if key[1] else name for name, key in pairs)


@lru_cache(maxsize=256)
def order_of(terms: tuple[OrderTerm, ...]) -> Order:
    """The total order for these terms.

    An order that an index begins with goes on as the index does, forwards or backwards, so that
    ties cost nothing; any other one goes on with the row's number.
    """
    asked = tuple((term.field, term.descending) for term in terms)
    for name, index in ORDERS.items():
        for flip in (False, True):
            keys = tuple((key, descending ^ flip) for key, descending in index)
            if keys[: len(asked)] == asked:
                return Order(keys, name)
    indexed = [key for key, _ in asked if key in ORDERS]
    return Order((*asked, ("id", False)), indexed[0] if indexed else "created_at")


def after(order: Order, position: Key) -> Sql:
    """The condition that a row stands behind the position.

    As ``a <= ? AND (a < ? OR (b >= ? AND ...))``: the first part lets SQLite seek, which a chain
    of ORs does not (4 seconds against 0.4 ms in a million rows).
    """
    pairs = [
        (f"f.{key} <" if descending else f"f.{key} >", value)
        for (key, descending), value in zip(order.keys, position, strict=True)
    ]
    beyond, last = pairs.pop()
    behind = Sql(f"{beyond} ?", (last,))
    for beyond, value in reversed(pairs):
        behind = Sql(
            f"{beyond}= ? AND ({beyond} ? OR ({behind.text}))", (value, value, *behind.values)
        )
    return behind


@attrs.frozen
class Range:
    """The part of an index of a sort key that a query asks for.

    Attributes:
        lower: conditions on where it begins in ascending order.
        upper: conditions on where it ends.
    """

    lower: tuple[Sql, ...] = ()
    upper: tuple[Sql, ...] = ()

    def parts(self) -> tuple[Sql, ...]:
        """Both ends."""
        return self.lower + self.upper

    def starting(self, bounds: Sequence[Sql], *, descending: bool) -> Range:
        """This range, walked in a direction, with its start replaced."""
        start = tuple(bounds)
        return attrs.evolve(self, upper=start) if descending else attrs.evolve(self, lower=start)


@attrs.frozen
class Condition:
    """What is asked of each row, and the indexes that know part of the answer.

    Attributes:
        where: true for exactly the rows wanted on the shelf.
        handles: indexes of conditions that every such row satisfies.
        ranges: handles that are a range of a sort key, under its name.
        fields: the columns that ``where`` reads.
        sole: one handle says it all.
    """

    where: Sql
    fields: frozenset[str] = frozenset()
    handles: tuple[Sql, ...] = ()
    ranges: Mapping[str, Range] = attrs.field(factory=dict)
    sole: bool = False


@attrs.frozen
class Shelf:
    """Where rows are looked for: a table, a drive by its number, and the findable part of it."""

    table: Table
    drive: int
    number: int


@attrs.frozen
class Handles:
    """Finds the indexes that can answer a part of a query."""

    shelf: Shelf
    match_mode: MatchMode

    def of(self, query: Query) -> tuple[list[Sql], dict[str, Range]]:
        """Every index that all wanted rows are in, and the ranges of sort keys."""
        terms = query.terms if isinstance(query, And) else (query,)
        ranges = self._ranges(terms)
        handles = [self._select(f"by_{key}", _all(part.parts())) for key, part in ranges.items()]
        handles += filter(None, map(self._of_term, terms))
        return handles, ranges

    def _select(self, index: str, condition: Sql) -> Sql:
        table = self.shelf.table.name
        return Sql(
            f"SELECT f.id AS hit FROM {table} f INDEXED BY {table}_{index} "
            f"WHERE f.shelf = ? AND {condition.text}",
            (self.shelf.number, *condition.values),
        )

    def _ranges(self, terms: Sequence[Query]) -> dict[str, Range]:
        ranges: dict[str, Range] = {}
        for term in terms:
            if not isinstance(term, Comparison) or term.field not in ORDERS:
                continue
            if term.op in _LOWER.keys() | _UPPER.keys() and not isinstance(term.value, (str, bool)):
                known = ranges.get(term.field, Range())
                ranges[term.field] = Range(
                    (*known.lower, *_bound(term, _LOWER)), (*known.upper, *_bound(term, _UPPER))
                )
        if "size" in ranges and not ranges["size"].lower:
            # A folder has no size: its sentinel lies below every bound.
            present = Sql(f"f.size > {ABSENT_SQL}")
            ranges["size"] = attrs.evolve(ranges["size"], lower=(present,))
        return ranges

    def _of_term(self, term: Query) -> Sql | None:
        if isinstance(term, Or):
            return self._of_any(term)
        return self._of_comparison(term) if isinstance(term, Comparison) else None

    def _of_any(self, query: Or) -> Sql | None:
        """One index for each alternative, or none at all."""
        ways = []
        for term in query.terms:
            handles, _ = self.of(term)
            if not handles:
                return None
            ways.append(handles[0])
        text = " UNION ALL ".join(way.text for way in ways)
        return Sql(text, tuple(value for way in ways for value in way.values))

    def _of_comparison(self, term: Comparison) -> Sql | None:
        if term.field.startswith(SUBTREE):
            return self._of_subtree(int(term.field.removeprefix(SUBTREE)))
        if term.field in _FLAGS and term.value is True:
            return self._select(term.field, Sql(f"f.{term.field}"))
        if term.op is Op.MATCH:
            return self._of_match(term)
        if term.op not in (Op.EQ, Op.IN):
            return None
        values = term.value if isinstance(term.value, tuple) else (term.value,)
        if not all(isinstance(value, str) for value in values):
            return None
        marks = ", ".join("?" * len(values))
        if term.field == "parent_file_id":
            return self._of_parents(Sql(marks, values))
        if term.field in _TEXTS:
            index, column = _TEXTS[term.field]
            return self._select(index, Sql(f"f.{column} IN ({marks})", values))
        return None

    def _of_parents(self, parents: Sql) -> Sql:
        table = self.shelf.table.name
        return Sql(
            f"SELECT f.id AS hit FROM {table} f INDEXED BY {table}_children "
            f"WHERE f.drive = ? AND f.parent IN ({parents.text}) AND f.shelf = ?",
            (self.shelf.drive, *parents.values, self.shelf.number),
        )

    def _of_subtree(self, number: int) -> Sql:
        table, folders = self.shelf.table.name, _folders(number)
        below = self._of_parents(Sql(folders))
        return Sql(
            f"{below.text} UNION ALL SELECT f.id AS hit FROM {table} f "
            f"INDEXED BY {table}_identity WHERE f.drive = ? AND f.file_id IN ({folders})",
            (*below.values, self.shelf.drive),
        )

    def _of_match(self, term: Comparison) -> Sql | None:
        """The trigram index: it has no answer for less than three characters."""
        if term.field != "name":
            return None
        needles = match_terms(term.field, str(term.value), FILE_FIELDS, self.match_mode)
        grams = dict.fromkeys(
            needle[at : at + 3] for needle in needles for at in range(len(needle) - 2)
        )
        if not grams:
            return None
        quoted = ('"' + gram.replace('"', '""') + '"' for gram in grams)
        table = f"{self.shelf.table.name}_grams"
        return Sql(
            f"SELECT rowid AS hit FROM {table} WHERE {table} MATCH ?", (" AND ".join(quoted),)
        )


def _bound(term: Comparison, operators: Mapping[Op, str]) -> tuple[Sql, ...]:
    operator = operators.get(term.op)
    return (Sql(f"f.{term.field} {operator} ?", (_number(term.value),)),) if operator else ()


def _folders(number: int) -> str:
    return f"SELECT file_id FROM temp.subtree WHERE number = {number}"


def subtree_sql(number: int) -> str:
    """The condition that a row is in the subtree of this number, or its top."""
    folders = _folders(number)
    return f"(f.parent IN ({folders}) OR f.file_id IN ({folders}))"


def _number(value: Any) -> Any:
    return epoch_ms(value) if isinstance(value, datetime) else value


def _all(parts: Sequence[Sql]) -> Sql:
    return Sql(
        " AND ".join(part.text for part in parts),
        tuple(value for part in parts for value in part.values),
    )


@attrs.frozen
class Planner:
    """Reads pages and counts of one shelf through one connection."""

    connection: sqlite3.Connection
    shelf: Shelf

    def page(
        self,
        condition: Condition,
        order: Order,
        *,
        limit: int,
        position: Key | None,
        forced: Sql | None = None,
    ) -> list[tuple[Any, ...]]:
        """The rows behind the position: their keys, then the columns of ``SENT``.

        Args:
            condition: which rows.
            order: in which order.
            limit: how many at most.
            position: the keys of the row to go on from, None for the beginning.
            forced: only rows that this finds, whatever their number.
        """
        behind = [] if position is None else [after(order, position)]
        wanted = [condition.where, *behind]
        if forced is not None:
            return self._read([self._collected(self._hits(forced)[1]), *wanted], order, limit)
        covered = condition.fields | {key for key, _ in order.keys} <= _in_index(order.index)
        few = self._fewest(condition.handles, _page_cap(self._size(), covered, condition.sole))
        if few is not None:
            return self._read([self._collected(few), *wanted], order, limit)
        if covered or order.walkable:
            rows = self._walked(condition, order, behind, limit=limit, covered=covered)
            if rows is not None:
                return rows
        return self._read([self._everything(), *wanted], order, limit)

    def _walked(
        self,
        condition: Condition,
        order: Order,
        behind: Sequence[Sql],
        *,
        limit: int,
        covered: bool,
    ) -> list[tuple[Any, ...]] | None:
        """The rows behind the position along the index of the order; None if they lie far off."""
        part = condition.ranges.get(order.index, Range())
        descending = order.keys[0][1]
        wanted = [condition.where, *behind]
        if behind and order.walkable:
            # The position lies in the range; of two bounds SQLite might seek the farther one.
            part = part.starting(behind, descending=descending)
            wanted = [condition.where]
        near = [] if covered else self._near(self._walk(order.index, part), order)
        if near:
            part = part.starting(near, descending=not descending)
        rows = self._read([self._walk(order.index, part), *wanted], order, limit)
        return None if near and len(rows) < limit else rows

    def count(self, condition: Condition) -> int:
        """How many rows satisfy the condition."""
        if condition.sole:
            handle = condition.handles[0]
            return self._number(Sql(f"FROM ({handle.text})", handle.values))
        index, part = next(iter(condition.ranges.items()), ("created_at", Range()))
        covered = condition.fields <= _in_index(index)
        few = self._fewest(condition.handles, _count_cap(self._size(), covered))
        if few is not None:
            source = self._collected(few)
        else:
            source = self._walk(index, part) if covered else self._everything()
        return self._number(_all([source, condition.where]))

    def _read(self, parts: Sequence[Sql], order: Order, limit: int) -> list[tuple[Any, ...]]:
        """The first rows in this order; what is sent is joined to those alone."""
        chosen = _all(parts)
        keys = [f"k{number}" for number in range(len(order.keys))]
        named = ", ".join(
            f"f.{key} AS {name}" for name, (key, _) in zip(keys, order.keys, strict=True)
        )
        table = self.shelf.table
        return self.connection.execute(
            f"SELECT {', '.join(f'p.{key}' for key in keys)}, {SENT} FROM ("
            f"SELECT {named} {chosen.text} ORDER BY {order.sql(keys)} LIMIT ?) p "
            f"CROSS JOIN {table.name} f ON f.id = p.{keys[-1]} "
            f"CROSS JOIN {table.body} b ON b.id = f.id "
            f"ORDER BY {order.sql(f'p.{key}' for key in keys)}",
            (*chosen.values, limit),
        ).fetchall()

    def _number(self, source: Sql) -> int:
        counted = self.connection.execute(f"SELECT count(*) {source.text}", source.values)
        return int(counted.fetchone()[0])

    def _walk(self, key: str, part: Range) -> Sql:
        """The entries of a part of an index, in its order."""
        table = self.shelf.table.name
        source = Sql(
            f"FROM {table} f INDEXED BY {table}_by_{key} WHERE f.shelf = ?", (self.shelf.number,)
        )
        return _all([source, *part.parts()])

    def _near(self, walk: Sql, order: Order) -> list[Sql]:
        """A bound that leaves a few thousand entries of the walk; none if it has no more."""
        key, descending = order.keys[0]
        last = self.connection.execute(
            f"SELECT f.{key} {walk.text} ORDER BY f.{key} {'DESC' if descending else 'ASC'} "
            f"LIMIT 1 OFFSET {_NEAR}",
            walk.values,
        ).fetchone()
        return [] if last is None else [Sql(f"f.{key} {'>=' if descending else '<='} ?", last)]

    def _everything(self) -> Sql:
        """The table from end to end: a third of the cost of walking an index beside it."""
        table = self.shelf.table.name
        return Sql(f"FROM {table} f NOT INDEXED WHERE f.shelf = ?", (self.shelf.number,))

    def _collected(self, hits: str) -> Sql:
        """The rows with these numbers, each once."""
        table = self.shelf.table.name
        return Sql(
            f"FROM (SELECT DISTINCT value FROM json_each(?)) h CROSS JOIN {table} f NOT INDEXED "
            "ON f.id = h.value WHERE f.shelf = ?",
            (hits, self.shelf.number),
        )

    def _fewest(self, handles: Sequence[Sql], cap: int) -> str | None:
        """The rows of the handle with the fewest, None if all have more than the cap."""
        fewest = None
        for handle in handles:
            count, hits = self._hits(handle, cap)
            if count < cap:
                fewest, cap = hits, count
            if cap <= _FEW:
                break
        return fewest

    def _hits(self, handle: Sql, cap: int = -1) -> tuple[int, str]:
        """How many rows there are, up to a cap, and their numbers as a JSON array.

        A number that two alternatives have comes twice. The array never becomes Python objects:
        they would cost more than the search.
        """
        found = self.connection.execute(
            f"SELECT count(*), json_group_array(hit) FROM ({handle.text} LIMIT ?)",
            (*handle.values, cap),
        )
        count, hits = found.fetchone()
        return count, hits

    def _size(self) -> int:
        """Roughly how many rows the table has."""
        row = self.connection.execute(f"SELECT max(id) FROM {self.shelf.table.name}").fetchone()
        return row[0] or 0


SENT: Final = (
    "b.json, f.file_id, f.parent, f.name, f.type, f.status, f.size, b.content_type, "
    "b.revision_id, b.trashed_at, f.shelf"
)
_FEW: Final = 100
# Rows looked at along an index, 1 µs each, before the whole table is read at 0.2 µs a row.
_NEAR: Final = 4000


def _in_index(key: str) -> frozenset[str]:
    return frozenset({*COVERED[key], *(name for name, _ in ORDERS[key])})


def _page_cap(size: int, covered: bool, sole: bool) -> int:
    """From how many candidates on walking is cheaper for a page of 100.

    A candidate costs about 2 µs, an entry walked 0.08 µs, or 1 µs where the row must be looked at:
    c candidates of n rows cost 2 c against 8 n / c or 100 n / c microseconds. Further conditions
    leave fewer hits than candidates, so the walk would be longer.
    """
    return max(200, isqrt(size * (50 if not covered else 4 if sole else 16)))


def _count_cap(size: int, covered: bool) -> int:
    """From how many candidates on reading everything is cheaper."""
    return max(200, size // (20 if covered else 4))


def merge(
    pages: Sequence[list[tuple[Any, ...]]], order: Order, limit: int
) -> list[tuple[Any, ...]]:
    """The first rows of several pages in the same order."""
    if len(pages) == 1:
        return pages[0]
    rows = [row for page in pages for row in page]
    # One stable sort for each key, the least important first: keys differ in direction.
    for at, (_, descending) in reversed(list(enumerate(order.keys))):
        rows.sort(key=partial(_sort_key, at), reverse=descending)
    return rows[:limit]


def _sort_key(at: int, row: tuple[Any, ...]) -> tuple[bool, Any]:
    """Absent below everything: it is a number, and texts do not compare with numbers."""
    return row[at] != ABSENT, row[at]
