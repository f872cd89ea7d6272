"""The tree that every reader of the search language shares.

::

    Query
    ├─ Comparison   field, op, value      size > 1024
    ├─ Not          term                  not hidden = true
    ├─ And          terms, two or more    a and b and c
    └─ Or           terms, two or more    a or b or c

Nodes are always in normal form, so that equal queries are equal values: And and Or are flat, a
Not never holds a Not, an ``in`` holds two or more different values (one is ``=``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NoReturn

import attrs

from pdsclient.errors import InvalidRequest
from pdsclient.query.values import Scalar, Value, plain, shown

if TYPE_CHECKING:
    from pdsclient.query.evaluate import MatchMode

# Levels of And and Or inside each other. No human writes more than a handful; the bound keeps
# every recursive reader (render, SQL, hash, pickle) far from the interpreter's and SQLite's own.
MAX_DEPTH: Final = 20

KEYWORDS: Final = frozenset({"and", "or", "not", "in", "match", "prefix", "true", "false"})
_FIELD_NAME = re.compile("[A-Za-z][A-Za-z0-9_]*")


class Op(StrEnum):
    """The operators, as the language writes them."""

    EQ = "="
    LT = "<"
    GT = ">"
    LE = "<="
    GE = ">="
    PREFIX = "prefix"
    MATCH = "match"
    IN = "in"

    # Enum's own is written in Python, and every lookup of an operator pays for it.
    __hash__ = str.__hash__


TEXT_OPS: Final = frozenset({Op.PREFIX, Op.MATCH})
RANGE_OPS: Final = frozenset({Op.LT, Op.GT, Op.LE, Op.GE})


class Query:
    """A condition on files; combine with ``&``, ``|`` and ``~``.

    ``str(query)`` is the text for the service, ``query.matches(file)`` asks it of a file at hand.
    """

    __slots__ = ()

    @property
    def node(self) -> Query:
        """The condition as a Comparison, Not, And or Or."""
        return self

    @property
    def depth(self) -> int:
        """Levels of And and Or inside each other; a comparison has 0."""
        return 0

    def __and__(self, other: Query) -> Query:
        return And((self, _operand(other)))

    def __or__(self, other: Query) -> Query:
        return Or((self, _operand(other)))

    def __invert__(self) -> Query:
        node = self.node
        return node.term if isinstance(node, Not) else Not(node)

    def __bool__(self) -> NoReturn:
        raise InvalidRequest(
            "a query has no truth value: write a & b, a | b and ~a instead of and, or and not, "
            "(F.size > 1) & (F.size < 5) instead of 1 < F.size < 5, "
            "and F.name.in_([...]) instead of in"
        )

    if not TYPE_CHECKING:
        # Only for a message with the fix: to type checkers such an operand is an error anyway.
        def __rand__(self, other: object) -> NoReturn:
            _operand(other)

        __ror__ = __rand__

    def __str__(self) -> str:
        from pdsclient.query.render import render

        return render(self)

    def __repr__(self) -> str:
        return f"Query({str(self)!r})"

    def matches(
        self, file: object | Mapping[str, Any], *, match_mode: MatchMode = "substring"
    ) -> bool:
        """True if the file satisfies the condition.

        The service's rules as far as they are known: a comparison with an absent value is false
        and its ``not`` true; ``=``, ``in`` and ``prefix`` compare exact code points; ``match``
        ignores case (pds-service.md 5.3 and 5.5).

        Args:
            file: a ``File``, or a mapping with the service's own names and values.
            match_mode: ``"substring"``, or ``"tokens"`` for whole words and their beginnings.

        Raises:
            InvalidRequest: the query asks for something that a file does not hold, such as
                ``semantic_text``.
        """
        from pdsclient.query.evaluate import evaluate

        return evaluate(self, file, match_mode=match_mode)


def _operand(value: object) -> Query:
    if not isinstance(value, Query):
        raise InvalidRequest(
            f"a query cannot be combined with a {type(value).__name__}; each side of & and | is a "
            "condition in brackets: (F.size > 1024) & F.name.match('x')"
        )
    return value


def field_name(name: object) -> str:
    """The name as a plain str, or InvalidRequest if no field can be called that."""
    if not isinstance(name, str) or not _FIELD_NAME.fullmatch(name):
        raise InvalidRequest(
            "the name of a field is an ASCII letter followed by letters, digits and underscores, "
            f"not {shown(name)}"
        )
    if name.lower() in KEYWORDS:
        raise InvalidRequest(f"{name!r} is a word of the search language and cannot name a field")
    return str.__str__(name)


def _op(op: str) -> Op:
    if isinstance(op, Op):
        return op
    try:
        return Op(op)
    except ValueError:
        raise InvalidRequest(f"there is no operator {op!r}; there are {' '.join(Op)}") from None


def _typed(value: Value) -> object:
    """The value with its type: 1, 1.0 and True are different values in this language."""
    return (*map(type, value), value) if isinstance(value, tuple) else (type(value), value)


@attrs.frozen(repr=False)
class Comparison(Query):
    """One field, one operator, one value (several for ``in``).

    Args:
        field: the service's name of the field.
        op: the operator.
        value: a str, int, float, bool or aware datetime; a tuple of two or more for ``Op.IN``.

    Raises:
        InvalidRequest: the value or its type does not go with the operator.
    """

    field: str = attrs.field(converter=field_name)
    op: Op = attrs.field(converter=_op)
    value: Value = attrs.field(eq=_typed)

    def __attrs_post_init__(self) -> None:
        if self.op is Op.IN:
            first, *others = _several(self.field, self.value)
            if others:
                object.__setattr__(self, "value", (first, *others))
                return
            object.__setattr__(self, "op", Op.EQ)
            object.__setattr__(self, "value", first)
        object.__setattr__(self, "value", _one(self.field, self.op, self.value))


def _one(field: str, op: Op, value: Value) -> Scalar:
    single = plain(value, field)
    if op in TEXT_OPS and not isinstance(single, str):
        raise InvalidRequest(f"{field} {op} takes a string, not {shown(single)}")
    if op in RANGE_OPS and isinstance(single, (str, bool)):
        raise InvalidRequest(f"{field} {op} takes a number or a datetime, not {shown(single)}")
    return single


def _several(field: str, value: object) -> tuple[Scalar, ...]:
    values = tuple(plain(item, field) for item in elements(field, value))
    if len({type(item) for item in values}) > 1:
        raise InvalidRequest(f"the values of {field} in [...] must be of one type")
    if isinstance(values[0], bool):
        raise InvalidRequest(f"{field} in [...] cannot hold true or false; write {field} = true")
    return tuple(dict.fromkeys(values))


def elements(field: str, value: object) -> tuple[object, ...]:
    """The values of an ``in``, in order; those of a set sorted, so that equal calls are equal."""
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise InvalidRequest(f"{field} in takes several values in a list: {field}.in_(['a', 'b'])")
    values = tuple(value)
    if not values:
        raise InvalidRequest(f"{field} in [] would match nothing; give at least one value")
    if not isinstance(value, (set, frozenset)):
        return values
    try:
        return tuple(sorted(values))
    except TypeError:
        return values


def _nodes(terms: Iterable[Query]) -> tuple[Query, ...]:
    return tuple(_operand(term).node for term in terms)


@attrs.frozen(repr=False)
class Chain(Query):
    """What And and Or have in common: two or more terms, none of the chain's own class."""

    terms: tuple[Query, ...] = attrs.field(converter=_nodes)
    _depth: int = attrs.field(init=False, eq=False)

    def __attrs_post_init__(self) -> None:
        kind = type(self)
        flat: list[Query] = []
        for term in self.terms:
            flat += term.terms if isinstance(term, kind) else (term,)
        if len(flat) < 2:
            raise InvalidRequest(f"{kind.__name__} takes two or more conditions")
        depth = 1 + max(term.depth for term in flat)
        if depth > MAX_DEPTH:
            raise InvalidRequest(f"and/or are nested more than {MAX_DEPTH} levels deep")
        object.__setattr__(self, "terms", tuple(flat))
        object.__setattr__(self, "_depth", depth)

    @property
    def depth(self) -> int:
        return self._depth


@attrs.frozen(repr=False)
class And(Chain):
    """All of two or more conditions."""


@attrs.frozen(repr=False)
class Or(Chain):
    """Any of two or more conditions."""


def _not_a_not(term: Query) -> Query:
    node = _operand(term).node
    if isinstance(node, Not):
        raise InvalidRequest("not not x is x: write ~query, which removes a not that is there")
    return node


@attrs.frozen(repr=False)
class Not(Query):
    """The opposite of a condition; ``~query`` makes it."""

    term: Query = attrs.field(converter=_not_a_not)

    @property
    def depth(self) -> int:
        return self.term.depth
