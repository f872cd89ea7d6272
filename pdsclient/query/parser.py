"""From text to a query, or to a QuerySyntaxError that points at the place.

::

    query      = and_expr { "or" and_expr }
    and_expr   = not_expr { "and" not_expr }
    not_expr   = "not" not_expr | "(" query ")" | comparison
    comparison = field ("=" | "<" | ">" | "<=" | ">=" | "match" | "prefix") value
               | field "in" "[" value { "," value } "]"

The parser keeps its own stack of open brackets instead of calling itself, so that no text can
exhaust Python's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from pdsclient.errors import InvalidRequest, QuerySyntaxError
from pdsclient.query.ast import And, Comparison, Op, Or, Query
from pdsclient.query.fields import Field, FieldSet, Sortable
from pdsclient.query.files import FILE_FIELDS
from pdsclient.query.lexer import Token, TokenKind, tokens
from pdsclient.query.order import OrderBy, OrderTerm
from pdsclient.query.values import Kind, Scalar

T = TypeVar("T")

_OPERATORS: Final = {op.value: op for op in Op}
# The largest DOUBLE has 309 digits before the point.
_MOST_DIGITS: Final = 400


def parse_query(text: str, *, fields: FieldSet = FILE_FIELDS, lenient: bool = False) -> Query:
    """The query that a text means.

    Args:
        text: a condition in the search language; keywords in any case.
        fields: which fields there are, with their types and operators.
        lenient: take what the service may take and a client should not send: fields that are not
            in ``fields``, other choices than the known ones, a bare number for a STRING
            (pds-service.md 5.3).

    Raises:
        QuerySyntaxError: the text is not in the language; it has the position.

    Source: the vendor's page "SearchFiles", and pds-service.md 5.2.
    """
    return _parsed(_QueryParser.query, text, fields, lenient)


def parse_order_by(text: str, *, fields: FieldSet = FILE_FIELDS) -> OrderBy:
    """The order that a text means: ``field [ASC|DESC]``, separated by commas; ASC when left out.

    Raises:
        QuerySyntaxError: the text is no order, or names a field that cannot be sorted by.
    """
    return _parsed(_QueryParser.order_by, text, fields, False)


def _parsed(rule: Callable[[_QueryParser], T], text: object, fields: FieldSet, lenient: bool) -> T:
    if not isinstance(text, str):
        raise InvalidRequest(f"what is parsed must be a str, not a {type(text).__name__}")
    parser = _QueryParser(text, fields, lenient)
    try:
        return rule(parser)
    except QuerySyntaxError:
        raise
    except InvalidRequest as error:
        # Values, fields and nodes refuse with the same words here as in the builder.
        raise QuerySyntaxError(error.message, text=text, position=parser.position) from None


class _Group:
    """What stands between two brackets so far: the terms of an ``or``, and of its last ``and``."""

    __slots__ = ("alternatives", "conditions", "negated", "position")

    def __init__(self, position: int) -> None:
        self.position = position
        self.alternatives: list[Query] = []
        self.conditions: list[Query] = []
        self.negated = False

    def add(self, term: Query) -> None:
        self.conditions.append(~term if self.negated else term)
        self.negated = False

    def end_alternative(self) -> None:
        conditions = self.conditions
        self.alternatives.append(conditions[0] if len(conditions) == 1 else And(tuple(conditions)))
        self.conditions = []

    def close(self) -> Query:
        self.end_alternative()
        alternatives = self.alternatives
        return alternatives[0] if len(alternatives) == 1 else Or(tuple(alternatives))


class _QueryParser:
    """One pass over one text.

    Attributes:
        position: what an error that is raised now is about.
    """

    def __init__(self, text: str, fields: FieldSet, lenient: bool) -> None:
        self._text = text
        self._fields = fields
        self._lenient = lenient
        self._tokens = tokens(text)
        self._token = Token(TokenKind.END, "", 0)
        self.position = 0

    def query(self) -> Query:
        self._next()
        stack = [_Group(0)]
        while True:
            self._operand(stack)
            while self._is(")"):
                self._close(stack)
            if self._token.kind is TokenKind.END:
                return self._finish(stack)
            self._connective(stack[-1])

    def order_by(self) -> OrderBy:
        self._next()
        terms = [self._order_term()]
        while self._is(","):
            self._next()
            terms.append(self._order_term())
        if self._token.kind is not TokenKind.END:
            raise self._expected("ASC, DESC, a comma or the end")
        self.position = 0
        return OrderBy(terms)

    def _operand(self, stack: list[_Group]) -> None:
        """Read any ``not`` and ``(``, and the comparison behind them."""
        while True:
            if self._is("not"):
                self._next()
                stack[-1].negated = not stack[-1].negated
            elif self._is("("):
                stack.append(_Group(self._next().position))
            else:
                stack[-1].add(self._comparison())
                return

    def _connective(self, group: _Group) -> None:
        if self._is("or"):
            self.position = group.position
            group.end_alternative()
        elif not self._is("and"):
            raise self._expected("and, or, ) or the end")
        self._next()

    def _close(self, stack: list[_Group]) -> None:
        bracket = self._next()
        if len(stack) == 1:
            raise self._error("this ) closes nothing", bracket.position)
        group = stack.pop()
        self.position = group.position
        stack[-1].add(group.close())

    def _finish(self, stack: list[_Group]) -> Query:
        group = stack.pop()
        if stack:
            raise self._error("this ( is never closed", group.position)
        self.position = group.position
        return group.close()

    def _comparison(self) -> Query:
        field = self._field()
        op = self._operator(field)
        if op is not Op.IN:
            return Comparison(field.name, op, self._value(field, op))
        position = self._token.position
        values = self._list(field, op)
        self.position = position
        return Comparison(field.name, op, values)

    def _field(self) -> Field | _Unlisted:
        token = self._token
        if token.kind is not TokenKind.WORD:
            raise self._expected("a field, not or (")
        self._next()
        self.position = token.position
        if self._lenient and token.text not in self._fields:
            return _Unlisted(token.text)
        return self._fields.find(token.text)

    def _operator(self, field: Field | _Unlisted) -> Op:
        token = self._token
        op = _OPERATORS.get(token.text) if token.kind is TokenKind.SYMBOL else None
        if op is None:
            known = " ".join(known for known in Op if known in field.ops)
            raise self._expected(f"an operator ({known}) after {field.name}")
        self._next()
        self.position = token.position
        field.check_op(op)
        return op

    def _list(self, field: Field | _Unlisted, op: Op) -> tuple[Scalar, ...]:
        self._skip("[")
        values = [self._value(field, op)]
        while self._is(","):
            self._next()
            values.append(self._value(field, op))
        self._skip("]")
        return tuple(values)

    def _value(self, field: Field | _Unlisted, op: Op) -> Scalar:
        token = self._token
        self.position = token.position
        value = self._literal(token)
        if self._lenient and field.kind is Kind.STRING and token.kind is TokenKind.NUMBER:
            value = token.text
        self._next()
        self.position = token.position
        return field.check_value(op, value, lenient=self._lenient)

    def _literal(self, token: Token) -> Scalar:
        if token.kind is TokenKind.STRING:
            return token.text
        if token.kind is TokenKind.NUMBER:
            return _number(token.text)
        if self._is("true") or self._is("false"):
            return token.text == "true"
        if token.kind is TokenKind.WORD:
            raise self._expected("a value; a string needs quotes,")
        raise self._expected("a value")

    def _order_term(self) -> OrderTerm:
        token = self._token
        if token.kind is not TokenKind.WORD:
            raise self._expected("a field to sort by")
        self._next()
        self.position = token.position
        sortable(self._fields.find(token.text), self._fields)
        direction = self._token.text.lower()
        if self._token.kind is TokenKind.WORD and direction in ("asc", "desc"):
            self._next()
        self.position = token.position
        return OrderTerm(token.text, descending=direction == "desc")

    def _is(self, symbol: str) -> bool:
        return self._token.text == symbol and self._token.kind is TokenKind.SYMBOL

    def _skip(self, symbol: str) -> None:
        if not self._is(symbol):
            raise self._expected(symbol)
        self._next()

    def _next(self) -> Token:
        """Go on to the next token; the one that was current is returned."""
        token, self._token = self._token, next(self._tokens)
        return token

    def _expected(self, what: str) -> QuerySyntaxError:
        return self._error(f"expected {what} but found {self._token}", self._token.position)

    def _error(self, reason: str, position: int) -> QuerySyntaxError:
        return QuerySyntaxError(reason, text=self._text, position=position)


class _Unlisted:
    """A field that no table lists: it takes what the form of the value allows."""

    __slots__ = ("name",)

    kind = None
    ops = frozenset(Op)

    def __init__(self, name: str) -> None:
        self.name = name

    def check_op(self, op: Op) -> None:
        """Every operator will do; the node compares it with the value's type."""

    def check_value(self, op: Op, value: Scalar, *, lenient: bool) -> Scalar:
        """The value as it was written."""
        return value


def sortable(field: Field, fields: FieldSet) -> Field:
    """The field if results can be sorted by it; InvalidRequest naming those that can."""
    if isinstance(field, Sortable):
        return field
    names = ", ".join(name for name, other in fields.items() if isinstance(other, Sortable))
    raise InvalidRequest(f"results cannot be sorted by {field.name}; they can by {names}")


def _number(text: str) -> int | float:
    if "." in text:
        return float(text)
    # Python refuses to read very long ints, with an error of its own.
    if len(text) > _MOST_DIGITS:
        raise InvalidRequest(f"a number of {len(text):,} digits is out of range")
    return int(text)
