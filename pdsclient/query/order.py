"""``order_by``: by which fields results are sorted, the first one first."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from pdsclient.errors import InvalidRequest
from pdsclient.query.ast import field_name


def _flag(value: bool) -> bool:
    if not isinstance(value, bool):
        raise InvalidRequest(f"descending must be True or False, not a {type(value).__name__}")
    return value


@attrs.frozen
class OrderTerm:
    """One field and a direction; ``F.size.desc()`` makes it.

    Args:
        field: the service's name of the field.
        descending: largest first.
    """

    field: str = attrs.field(converter=field_name)
    descending: bool = attrs.field(default=False, kw_only=True, converter=_flag)

    def __str__(self) -> str:
        return f"{self.field} {'DESC' if self.descending else 'ASC'}"


def _distinct(terms: Iterable[OrderTerm]) -> tuple[OrderTerm, ...]:
    listed = tuple(terms)
    if not listed:
        raise InvalidRequest("order_by needs at least one field, such as F.created_at.desc()")
    names = [term.field for term in listed]
    for name in names:
        if names.count(name) > 1:
            raise InvalidRequest(f"order_by names {name} twice; the second has no effect")
    return listed


@attrs.frozen
class OrderBy:
    """One or more terms in the order of their weight.

    ``str(order)`` is the text for the service.
    """

    terms: tuple[OrderTerm, ...] = attrs.field(converter=_distinct)

    def __str__(self) -> str:
        return ",".join(map(str, self.terms))
