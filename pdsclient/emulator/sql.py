"""From a query to a WHERE clause that finds exactly the rows that ``query.matches`` accepts.

SQL's logic has three values, the search language's two. The clause is therefore built with every
``not`` moved down to a single comparison, where it is written ``(…) IS NOT TRUE``: that is true of
NULL as well. Elsewhere a NULL counts as false, so a plain comparison needs no guard and can use
an index.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

import attrs

from pdsclient.errors import InvalidRequest
from pdsclient.query import (
    FILE_FIELDS,
    And,
    Comparison,
    FieldSet,
    MatchMode,
    Not,
    Op,
    Query,
    check_query,
)
from pdsclient.query.ast import Chain
from pdsclient.query.evaluate import match_terms
from pdsclient.query.values import Scalar, Value

SQLValue: TypeAlias = str | int | float
Clause: TypeAlias = tuple[str, list[SQLValue]]

# SQLITE_MAX_VARIABLE_NUMBER. A query of 4,096 characters stays far below it.
MOST_VARIABLES: Final = 32_766
# Longer chains are cut in halves: SQLite refuses an expression that is 1,000 levels deep, and
# ``a AND b AND c`` is one level deeper with each term.
_LONGEST_CHAIN: Final = 50

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_LAST_CHAR: Final = 0x10FFFF


@attrs.frozen(kw_only=True)
class Column:
    """Where a query field is stored; every part is a SQL expression.

    Stored values: text as TEXT with the BINARY collation (never ``""``: that is absent), numbers
    as they are, booleans as 0 and 1, moments as integer epoch milliseconds, absent as NULL.

    Args:
        value: the value; for a repeated field a JSON array of them.
        substring: ``searchable(text, "substring")``, where the field takes ``match``.
        tokens: ``searchable(text, "tokens")``, likewise.
        repeated: ``value`` holds a JSON array.
        absent: what stands for NULL in a column that is sorted by; it sorts before every value.
    """

    value: str
    substring: str | None = None
    tokens: str | None = None
    repeated: bool = False
    absent: str | None = None


def compile_where(
    query: Query,
    columns: Mapping[str, Column],
    *,
    fields: FieldSet = FILE_FIELDS,
    match_mode: MatchMode = "substring",
) -> Clause:
    """The condition in SQL, and the values of its placeholders in order.

    The clause may be NULL for a row that does not match, so use it in WHERE, joined by AND; it is
    one operand of AND as it stands.

    Args:
        query: the condition.
        columns: where each field that can be searched by is stored.
        fields: the types of the fields.
        match_mode: what ``match`` means (pds-service.md 5.5).

    Raises:
        InvalidRequest: the query names a field that has no column, or has too many values.
    """
    check_query(query, fields)
    clause, values = _Compiler(columns, fields, match_mode).compile(query.node, negated=False)
    if len(values) > MOST_VARIABLES:
        raise InvalidRequest(f"query has {len(values):,} values, above {MOST_VARIABLES:,}")
    return clause, values


def epoch_ms(moment: datetime) -> int:
    """Milliseconds since 1970, as moments are stored; a fraction of one is cut off."""
    return (moment - _EPOCH) // _MILLISECOND


@attrs.frozen
class _Compiler:
    columns: Mapping[str, Column]
    fields: FieldSet
    match_mode: MatchMode

    def compile(self, node: Query, *, negated: bool) -> Clause:
        if isinstance(node, Not):
            return self.compile(node.term, negated=not negated)
        if isinstance(node, Chain):
            # De Morgan: the opposite of an "and" is the "or" of the opposites.
            joint = " AND " if isinstance(node, And) is not negated else " OR "
            return _chain(joint, [self.compile(term, negated=negated) for term in node.terms])
        assert isinstance(node, Comparison)
        clause, values = self._comparison(node)
        return (f"({clause}) IS NOT TRUE" if negated else clause), values

    def _comparison(self, node: Comparison) -> Clause:
        column = self.columns.get(node.field)
        if column is None:
            raise InvalidRequest(f"there is no field {node.field!r} to search by")
        if not column.repeated:
            return self._test(node, column)
        element = attrs.evolve(column, value="json_each.value", repeated=False)
        clause, values = self._test(node, element)
        # Most rows have none of them, which is seen faster than that no element fits.
        some = f"{column.value} IS NOT NULL"
        return f"{some} AND EXISTS (SELECT 1 FROM json_each({column.value}) WHERE {clause})", values

    def _test(self, node: Comparison, column: Column) -> Clause:
        if node.op is Op.MATCH:
            return self._match(node, column)
        if node.op is Op.PREFIX:
            return _prefix(column.value, str(node.value))
        if isinstance(node.value, tuple):
            return _one_of(column.value, node.value)
        return _compare(node, column)

    def _match(self, node: Comparison, column: Column) -> Clause:
        text = column.substring if self.match_mode == "substring" else column.tokens
        if text is None:
            raise InvalidRequest(f"{node.field} cannot be asked with match")
        terms = match_terms(node.field, str(node.value), self.fields, self.match_mode)
        if not terms:
            return f"{text} IS NOT NULL", []
        return _chain(" AND ", [(f"instr({text}, ?) > 0", [term]) for term in terms])


def _compare(node: Comparison, column: Column) -> Clause:
    clause = f"{column.value} {node.op} ?"
    if column.absent is not None and node.op in (Op.LT, Op.LE):
        clause = f"{column.value} > {column.absent} AND {clause}"
    return clause, [_stored(node.value)]


def _one_of(expression: str, values: tuple[Scalar, ...]) -> Clause:
    marks = ", ".join("?" * len(values))
    return f"{expression} IN ({marks})", [_stored(value) for value in values]


def _prefix(expression: str, prefix: str) -> Clause:
    """A range, which an index can answer; TEXT is ordered by code points as Python's str is."""
    end = _after_all_with(prefix)
    if end is None:
        return f"{expression} >= ?", [prefix]
    return f"{expression} >= ? AND {expression} < ?", [prefix, end]


def _after_all_with(prefix: str) -> str | None:
    """The first text behind all those that begin with the prefix, None if there is none."""
    head = prefix.rstrip(chr(_LAST_CHAR))
    if not head:
        return None
    following = ord(head[-1]) + 1
    # Surrogates cannot be stored, so the range that they leave empty is stepped over.
    return head[:-1] + chr(0xE000 if following == 0xD800 else following)


def _chain(joint: str, clauses: Sequence[Clause]) -> Clause:
    if len(clauses) > _LONGEST_CHAIN:
        half = len(clauses) // 2
        clauses = [_chain(joint, clauses[:half]), _chain(joint, clauses[half:])]
    text = joint.join(clause for clause, _ in clauses)
    return f"({text})", [value for _, values in clauses for value in values]


def _stored(value: Value) -> SQLValue:
    assert not isinstance(value, tuple)
    return epoch_ms(value) if isinstance(value, datetime) else value
