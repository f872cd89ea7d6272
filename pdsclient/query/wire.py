"""What goes on the wire: a query and an order as text, checked where the call is written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pdsclient.errors import InvalidRequest
from pdsclient.query.ast import Chain, Comparison, Not, Query
from pdsclient.query.fields import Field, FieldSet
from pdsclient.query.files import FILE_FIELDS
from pdsclient.query.order import OrderBy, OrderTerm
from pdsclient.query.parser import parse_order_by, parse_query, sortable
from pdsclient.query.render import render
from pdsclient.query.values import kind_of

# "up to 4,096 characters", "up to 128 characters" (seed, SearchFiles); keys: pds-service.md 5.7.
LONGEST_QUERY: Final = 4_096
LONGEST_ORDER_BY: Final = 128
MOST_ORDER_KEYS: Final = 5


def as_query(value: Query | str, *, validate: bool = True, fields: FieldSet = FILE_FIELDS) -> str:
    """The text of a query for the service.

    Args:
        value: a query, or text in the search language; what is sent is its canonical text.
        validate: False sends text as it is, and a query without further checks.
        fields: which fields there are. Others are refused in text; in a query they were asked
            for by name, with ``F.field``.

    Raises:
        InvalidRequest: a field, an operator or a value is wrong, or the text is longer than
            4,096 code points.
    """
    if isinstance(value, str):
        return _limited_query(render(parse_query(value, fields=fields))) if validate else value
    if not isinstance(value, Query):
        raise InvalidRequest(
            "query must be a condition such as F.size > 1024, or text, "
            f"not a {type(value).__name__}"
        )
    if not validate:
        return render(value)
    check_query(value, fields)
    return _limited_query(render(value))


def as_order_by(
    value: OrderBy | OrderTerm | Sequence[OrderTerm | str] | str,
    *,
    validate: bool = True,
    fields: FieldSet = FILE_FIELDS,
) -> str:
    """The text of an order for the service, such as ``created_at DESC,name ASC``.

    Args:
        value: one term, several, or text; a direction that is left out is ASC.
        validate: False sends text as it is, and terms without further checks.
        fields: which fields there are.

    Raises:
        InvalidRequest: a field is unknown or cannot be sorted by, or there are more than 5 keys
            or 128 code points.
    """
    if isinstance(value, str) and not validate:
        return value
    order = _order(value, fields)
    text = str(order)
    if validate:
        _check_order(order, text, fields)
    return text


def check_query(query: Query, fields: FieldSet) -> None:
    """Raise InvalidRequest unless each comparison with a listed field suits it."""
    for comparison in comparisons(query):
        field = fields.get(comparison.field)
        if field is None:
            continue
        if comparison.op not in field.ops:
            field.check_op(comparison.op)
        value = comparison.value
        for item in value if isinstance(value, tuple) else (value,):
            # The values in a node are plain ones already; of the right kind they suit any field.
            if field.choices is not None or kind_of(item) is not field.kind:
                field.check_value(comparison.op, item)


def comparisons(query: Query) -> list[Comparison]:
    """All comparisons in a query, from left to right."""
    node = query.node
    if isinstance(node, Comparison):
        return [node]
    found = []
    rest = [node]
    while rest:
        node = rest.pop()
        if isinstance(node, Comparison):
            found.append(node)
        elif isinstance(node, Not):
            rest.append(node.term.node)
        elif isinstance(node, Chain):
            rest += [term.node for term in reversed(node.terms)]
    return found


def _limited_query(text: str) -> str:
    if len(text) > LONGEST_QUERY:
        raise InvalidRequest(
            f"query is {len(text):,} characters long, above the service's {LONGEST_QUERY:,}; "
            "split it into several searches, for instance a long in_([...]) into shorter ones"
        )
    return text


def _order(value: object, fields: FieldSet) -> OrderBy:
    if isinstance(value, OrderBy):
        return value
    if isinstance(value, str):
        return parse_order_by(value, fields=fields)
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray)):
        return OrderBy(term for item in value for term in _terms(item, fields))
    return OrderBy(_terms(value, fields))


def _terms(item: object, fields: FieldSet) -> tuple[OrderTerm, ...]:
    if isinstance(item, OrderTerm):
        return (item,)
    if isinstance(item, str):
        return parse_order_by(item, fields=fields).terms
    if isinstance(item, Field):
        raise InvalidRequest(f"order_by needs a direction: write {item!r}.asc() or {item!r}.desc()")
    raise InvalidRequest(
        "order_by takes terms such as F.size.desc(), a list of them, or text such as "
        f"'created_at DESC,name ASC', not a {type(item).__name__}"
    )


def _check_order(order: OrderBy, text: str, fields: FieldSet) -> None:
    for term in order.terms:
        field = fields.get(term.field)
        if field is not None:
            sortable(field, fields)
    if len(order.terms) > MOST_ORDER_KEYS:
        raise InvalidRequest(
            f"order_by has {len(order.terms)} keys, above the service's {MOST_ORDER_KEYS}; "
            "drop the last ones"
        )
    if len(text) > LONGEST_ORDER_BY:
        raise InvalidRequest(
            f"order_by is {len(text)} characters long, above the service's {LONGEST_ORDER_BY}; "
            "drop the last keys"
        )
