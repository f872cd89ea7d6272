"""What a query means: the reference that the emulator's SQL is held against.

The logic has two values. A field that a file lacks satisfies no comparison, hence every ``not``
of one. A field with several values (tags, faces, places) satisfies a comparison if one of them
does.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

from pdsclient._times import as_utc, parse_time
from pdsclient.errors import InvalidRequest
from pdsclient.query.ast import Chain, Comparison, Not, Op, Or, Query
from pdsclient.query.fields import Field, FieldSet
from pdsclient.query.files import FILE_FIELDS
from pdsclient.query.values import Kind, Scalar, kind_of

MatchMode: TypeAlias = Literal["substring", "tokens"]


def evaluate(
    query: Query,
    row: object,
    *,
    fields: FieldSet = FILE_FIELDS,
    match_mode: MatchMode = "substring",
) -> bool:
    """True if the row, a reply model or a mapping, satisfies the query; see ``Query.matches``."""
    node = query.node
    if isinstance(node, Comparison):
        return _compare(node, row, fields, match_mode)
    if isinstance(node, Not):
        return not evaluate(node.term, row, fields=fields, match_mode=match_mode)
    assert isinstance(node, Chain)
    decide = any if isinstance(node, Or) else all
    return decide(evaluate(term, row, fields=fields, match_mode=match_mode) for term in node.terms)


def values_in(row: object, field: Field) -> list[Scalar]:
    """What the row holds of a field; nothing if it is absent, null, ``""`` or of another type.

    Raises:
        InvalidRequest: no row of this sort can hold the field.
    """
    return _values(row, field.name, field.kind, FieldSet([field]))


def match_terms(name: str, needle: str, fields: FieldSet, match_mode: MatchMode) -> list[str]:
    """The texts that must all occur in what ``searchable`` makes of a value."""
    if match_mode == "tokens":
        return [f" {token}" for token in _TOKEN.findall(needle.casefold())]
    field = fields.get(name)
    folded = needle.casefold()
    return folded.split() if field is not None and field.by_terms else [folded]


def searchable(text: str, match_mode: MatchMode) -> str:
    """The form of a value in which ``match`` looks for its terms.

    ``"substring"``: the text without case. ``"tokens"``: its words, each behind a space, so that
    a term finds the beginnings of words; a run of ASCII letters and digits is a word, and so is
    every other letter by itself (pds-service.md 5.5).
    """
    folded = text.casefold()
    if match_mode == "substring":
        return folded
    return "".join(f" {token}" for token in _TOKEN.findall(folded))


_TOKEN: Final = re.compile(r"[a-z0-9]+|[^\W_]")


def _compare(node: Comparison, row: object, fields: FieldSet, match_mode: MatchMode) -> bool:
    values = _values(row, node.field, kind_of(node.value), fields)
    if node.op is not Op.MATCH:
        holds = _TESTS[node.op]
        return any(holds(value, node.value) for value in values)
    terms = match_terms(node.field, str(node.value), fields, match_mode)
    texts = [searchable(str(value), match_mode) for value in values]
    return any(all(term in text for term in terms) for text in texts)


def _one_of(value: Any, wanted: Any) -> bool:
    return value in wanted


_TESTS: Final[dict[Op, Callable[[Any, Any], bool]]] = {
    Op.EQ: operator.eq,
    Op.LT: operator.lt,
    Op.GT: operator.gt,
    Op.LE: operator.le,
    Op.GE: operator.ge,
    Op.PREFIX: str.startswith,
    Op.IN: _one_of,
}


def _values(row: object, name: str, kind: Kind, fields: FieldSet) -> list[Scalar]:
    field = fields.get(name)
    paths = ([name],) if field is None else field.paths
    if not paths:
        raise InvalidRequest(f"no file in a reply holds {name}: only the service can search by it")
    if not (isinstance(row, Mapping) or any(hasattr(row, first) for first, *_ in paths)):
        raise InvalidRequest(f"a {type(row).__name__} does not hold {name}; give a File")
    read = _READERS[kind]
    raw = (value for path in paths for value in _reach(row, path))
    found = [value for value in map(read, raw) if value is not None]
    return found if field is None or field.repeated else found[:1]


def _reach(row: object, path: Sequence[str]) -> Iterable[object]:
    """What lies at the end of a path; a list on the way stands for each of its items."""
    reached: Iterable[object] = (row,)
    for name in path:
        reached = _spread([_member(holder, name) for holder in reached])
    return reached


def _spread(items: Iterable[object]) -> Iterator[object]:
    for item in items:
        if isinstance(item, (list, tuple)):
            yield from item
        else:
            yield item


def _member(holder: object, name: str) -> object:
    if isinstance(holder, Mapping):
        return holder.get(name)
    return getattr(holder, name, None)


def _read_string(raw: object) -> str | None:
    # Replies say "" where there is nothing; the models read it as None.
    return raw if isinstance(raw, str) and raw else None


def _read_long(raw: object) -> int | float | None:
    return _read_number(raw, int)


def _read_double(raw: object) -> int | float | None:
    return _read_number(raw, float)


def _read_number(raw: object, parse: Callable[[str], int | float]) -> int | float | None:
    if isinstance(raw, str):
        try:
            return parse(raw)
        except ValueError:
            return None
    return raw if isinstance(raw, (int, float)) and not isinstance(raw, bool) else None


def _read_boolean(raw: object) -> bool | None:
    return raw if isinstance(raw, bool) else None


def _read_date(raw: object) -> datetime | None:
    if isinstance(raw, datetime):
        return as_utc(raw)
    if isinstance(raw, bool) or not isinstance(raw, (str, int, float)):
        return None
    try:
        return parse_time(raw)
    except (ValueError, OverflowError):
        return None


_READERS: Final[dict[Kind, Callable[[object], Scalar | None]]] = {
    Kind.STRING: _read_string,
    Kind.LONG: _read_long,
    Kind.DOUBLE: _read_double,
    Kind.BOOLEAN: _read_boolean,
    Kind.DATE: _read_date,
}
