"""Which indexes know part of the answer to a query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import attrs

from pdsclient.emulator.schema import ABSENT_SQL, HELD, ORDERS
from pdsclient.emulator.sql import epoch_ms
from pdsclient.query import FILE_FIELDS, And, Comparison, MatchMode, Op, Or, Query
from pdsclient.query.evaluate import match_terms

_LOWER: Final = {Op.EQ: ">=", Op.GT: ">", Op.GE: ">="}
_UPPER: Final = {Op.EQ: "<=", Op.LT: "<", Op.LE: "<="}
_FLAGS: Final = frozenset({"starred", "hidden"})
_TEXTS: Final = {
    "name": ("by_name", "name"),
    "file_extension": ("extension", "file_extension"),
    "category": ("category", "category"),
}
SUBTREE: Final = "subtree_"
# The length of the terms in the index of names, and what none of them goes beyond.
_GRAM: Final = 3
_LAST: Final = "\U0010ffff"


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
class Entries:
    """Some entries of an index that has an order.

    Attributes:
        index: its name in ``INDEXES``.
        source: ``FROM`` and ``WHERE``.
    """

    index: str
    source: Sql

    def hold(self, columns: frozenset[str]) -> bool:
        """Whether a look at the row can be saved."""
        return columns <= HELD[self.index]


@attrs.frozen
class Handle:
    """Rows among which all the wanted ones are.

    Attributes:
        hits: selects their numbers as ``hit``; one that two alternatives have comes twice.
        narrow: the same rows as all there is at a place of an index.
    """

    hits: Sql
    narrow: Entries | None = None


@attrs.frozen
class Condition:
    """What is asked of each row, and the indexes that know part of the answer.

    Attributes:
        where: true for exactly the rows wanted on the shelf.
        handles: indexes of conditions that every such row satisfies.
        ranges: handles that are a range of a sort key, under its name.
        columns: those that ``where`` reads.
        sole: one handle says it all.
    """

    where: Sql
    columns: frozenset[str] = frozenset()
    handles: tuple[Handle, ...] = ()
    ranges: Mapping[str, Range] = attrs.field(factory=dict)
    sole: bool = False


@attrs.frozen
class Shelf:
    """Where rows are looked for: a table, a drive by its number, and the findable part of it."""

    table: Table
    drive: int
    number: int

    def entries(self, index: str, *conditions: Sql) -> Entries:
        """The entries of an index that begins with the shelf, under these conditions."""
        return self._entries(index, Sql("f.shelf = ?", (self.number,)), *conditions)

    def children(self, parents: Sql) -> Entries:
        """What is directly in folders."""
        return self._entries(
            "children",
            Sql("f.drive = ?", (self.drive,)),
            Sql(f"f.parent IN ({parents.text})", parents.values),
            Sql("f.shelf = ?", (self.number,)),
        )

    def _entries(self, index: str, *conditions: Sql) -> Entries:
        where = join_all(conditions)
        table = self.table.name
        source = Sql(f"FROM {table} f INDEXED BY {table}_{index} WHERE {where.text}", where.values)
        return Entries(index, source)


@attrs.frozen
class Handles:
    """Finds the indexes that can answer a part of a query."""

    shelf: Shelf
    match_mode: MatchMode

    def of(self, query: Query) -> tuple[list[Handle], dict[str, Range]]:
        """Every index that all wanted rows are in, and the ranges of sort keys."""
        terms = query.terms if isinstance(query, And) else (query,)
        ranges = self._ranges(terms)
        handles = [
            self._narrow(f"by_{key}", join_all(part.parts())) for key, part in ranges.items()
        ]
        handles += filter(None, map(self._of_term, terms))
        return handles, ranges

    def _select(self, index: str, condition: Sql) -> Handle:
        return Handle(_ids(self.shelf.entries(index, condition)))

    def _narrow(self, index: str, condition: Sql) -> Handle:
        entries = self.shelf.entries(index, condition)
        return Handle(_ids(entries), entries)

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

    def _of_term(self, term: Query) -> Handle | None:
        if isinstance(term, Or):
            return self._of_any(term)
        return self._of_comparison(term) if isinstance(term, Comparison) else None

    def _of_any(self, query: Or) -> Handle | None:
        """One index for each alternative, or none at all."""
        ways = []
        for term in query.terms:
            handles, _ = self.of(term)
            if not handles:
                return None
            ways.append(handles[0].hits)
        text = " UNION ALL ".join(way.text for way in ways)
        return Handle(Sql(text, tuple(value for way in ways for value in way.values)))

    def _of_comparison(self, term: Comparison) -> Handle | None:
        if term.field.startswith(SUBTREE):
            return self._of_subtree(int(term.field.removeprefix(SUBTREE)))
        if term.field in _FLAGS and term.value is True:
            return self._narrow(term.field, Sql(f"f.{term.field}"))
        if term.op is Op.MATCH:
            return self._of_match(term)
        if term.op not in (Op.EQ, Op.IN):
            return None
        values = term.value if isinstance(term.value, tuple) else (term.value,)
        if not all(isinstance(value, str) for value in values):
            return None
        marks = Sql(", ".join("?" * len(values)), values)
        if term.field == "parent_file_id":
            children = self.shelf.children(marks)
            return Handle(_ids(children), children if len(values) == 1 else None)
        if term.field in _TEXTS:
            index, column = _TEXTS[term.field]
            return self._select(index, Sql(f"f.{column} IN ({marks.text})", values))
        return None

    def _of_subtree(self, number: int) -> Handle:
        table, folders = self.shelf.table.name, _folders(number)
        below = _ids(self.shelf.children(Sql(folders)))
        return Handle(
            Sql(
                f"{below.text} UNION ALL SELECT f.id AS hit FROM {table} f "
                f"INDEXED BY {table}_identity WHERE f.drive = ? AND f.file_id IN ({folders})",
                (*below.values, self.shelf.drive),
            )
        )

    def _of_match(self, term: Comparison) -> Handle | None:
        """The trigram index; where it has no trigram to look for, the range of its terms."""
        if term.field != "name":
            return None
        needles = match_terms(term.field, str(term.value), FILE_FIELDS, self.match_mode)
        grams = dict.fromkeys(
            needle[at : at + _GRAM] for needle in needles for at in range(len(needle) - _GRAM + 1)
        )
        table = self.shelf.table.name
        if grams:
            quoted = ('"' + gram.replace('"', '""') + '"' for gram in grams)
            select = f"SELECT rowid AS hit FROM {table}_grams WHERE {table}_grams MATCH ?"
            return Handle(Sql(select, (" AND ".join(quoted),)))
        longest = max(needles, key=len, default="")
        if not longest:
            return None
        select = f"SELECT doc AS hit FROM {table}_terms WHERE term >= ? AND term <= ?"
        return Handle(Sql(select, (longest, longest.ljust(_GRAM, _LAST))))


def _ids(entries: Entries) -> Sql:
    return Sql(f"SELECT f.id AS hit {entries.source.text}", entries.source.values)


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


def join_all(parts: Sequence[Sql]) -> Sql:
    return Sql(
        " AND ".join(part.text for part in parts),
        tuple(value for part in parts for value in part.values),
    )
