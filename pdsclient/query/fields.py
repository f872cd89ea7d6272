"""The fields that a query can name: their types, their operators, and where a file holds them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NoReturn, TypeVar

from pdsclient.errors import InvalidRequest
from pdsclient.query.ast import RANGE_OPS, TEXT_OPS, Comparison, Op, Query, elements, field_name
from pdsclient.query.order import OrderTerm
from pdsclient.query.values import Kind, Scalar, convert, shown

V = TypeVar("V")
DateValue = datetime | date | str


class Field:
    """A field of a file, as ``F.size``: compare it, and the result is a condition.

    There is one object per field, so fields serve as keys; a comparison is never True or False.

    Attributes:
        name: the service's name.
        kind: the type of its values.
        choices: the values that it can have, None when they are open.
        paths: where a file holds it, each a chain of names; empty when no reply holds it.
        repeated: True if a file can have several values, and any of them may match.
        by_terms: True if ``match`` looks for each word by itself.
        added: True if the vendor's table of query fields lacks it (pds-service.md 5.4 has it).
        builder: what it is an attribute of, for messages: ``F``, or ``S`` for share links.
    """

    __slots__ = ("added", "builder", "by_terms", "choices", "name", "paths", "repeated")

    kind: ClassVar[Kind]
    ops: ClassVar[frozenset[Op]]

    def __init__(
        self,
        name: str,
        *,
        choices: tuple[str, ...] | None = None,
        paths: tuple[str, ...] | None = None,
        repeated: bool = False,
        by_terms: bool = False,
        added: bool = False,
        builder: str = "F",
    ) -> None:
        self.name = field_name(name)
        self.choices = choices
        self.paths = tuple(path.split(".") for path in ((name,) if paths is None else paths))
        self.repeated = repeated
        self.by_terms = by_terms
        self.added = added
        self.builder = builder

    def compare(self, op: Op, value: object) -> Comparison:
        """The condition ``field op value``, checked against the field's type."""
        self.check_op(op)
        if op is not Op.IN:
            return Comparison(self.name, op, self.check_value(op, value))
        values = tuple(self.check_value(op, item) for item in elements(self.name, value))
        return Comparison(self.name, op, values)

    def check_op(self, op: Op) -> None:
        """Raise InvalidRequest unless the field has the operator."""
        if op not in self.ops:
            known = " ".join(known for known in Op if known in self.ops)
            raise InvalidRequest(
                f"{self.name} is a {self.kind.value} field and cannot be asked with {op}; "
                f"it takes {known}"
            )

    def check_value(self, op: Op, value: object, *, lenient: bool = False) -> Scalar:
        """The value, one of them for ``in``, as a plain one of the field's type.

        Args:
            op: what the field is asked; the beginning of a choice need not be one.
            value: what it is compared with.
            lenient: take any text where choices are known.

        Raises:
            InvalidRequest: it is of another type, out of range, or not one of the choices.
        """
        if isinstance(value, Field):
            raise InvalidRequest(
                f"{self.name} can be compared with a value only, not with the field {value.name}"
            )
        if value is None:
            raise InvalidRequest(
                f"{self.name} cannot be compared with None: the language has no word for an absent "
                "value; every comparison with it is false"
            )
        plain = convert(self.kind, value, self.name)
        choices = None if lenient or op in TEXT_OPS else self.choices
        if choices is not None and plain not in choices:
            raise InvalidRequest(f"{self.name} is one of {', '.join(choices)}, not {shown(plain)}")
        return plain

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"{self.builder}.{self.name}"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), self.name, self.builder)

    def __bool__(self) -> NoReturn:
        raise InvalidRequest(
            f"{self.name} has no truth value: combine conditions with & and | and negate with ~, "
            f"and write {self!r}.in_([...]) instead of in"
        )

    def __contains__(self, item: object) -> NoReturn:
        raise InvalidRequest(f"write {self!r}.match('text') or .in_([...]) instead of in")

    if not TYPE_CHECKING:
        # Type checkers know that the fields below lack these; at run time they get a message.
        def __lt__(self, other: object) -> NoReturn:
            self.check_op(Op.LT)

        def __gt__(self, other: object) -> NoReturn:
            self.check_op(Op.GT)

        def __le__(self, other: object) -> NoReturn:
            self.check_op(Op.LE)

        def __ge__(self, other: object) -> NoReturn:
            self.check_op(Op.GE)


def _restored(kind: type[Field], name: str, builder: str = "F") -> Field:
    from pdsclient.query.files import FILE_FIELDS
    from pdsclient.query.shares import SHARE_FIELDS

    known = (SHARE_FIELDS if builder == "S" else FILE_FIELDS).get(name)
    return known if known is not None and type(known) is kind else kind(name)


class _Equality(Field, Generic[V]):
    __slots__ = ()

    ops = frozenset({Op.EQ})

    __hash__ = object.__hash__

    def __eq__(self, other: V) -> Comparison:  # type: ignore[override] # pyright: ignore[reportIncompatibleMethodOverride]
        """The value is this one."""
        return self.compare(Op.EQ, other)

    def __ne__(self, other: V) -> Query:  # type: ignore[override] # pyright: ignore[reportIncompatibleMethodOverride]
        """The value is not this one, or there is none: ``not field = value``."""
        return ~self.compare(Op.EQ, other)


class _OneOf(_Equality[V]):
    __slots__ = ()

    def in_(self, values: Iterable[V]) -> Comparison:
        """The value is one of these; give at least one."""
        return self.compare(Op.IN, values)


class _Range(_OneOf[V]):
    __slots__ = ()

    ops = frozenset({Op.EQ, Op.IN, *RANGE_OPS})

    def __lt__(self, other: V) -> Comparison:
        return self.compare(Op.LT, other)

    def __gt__(self, other: V) -> Comparison:
        return self.compare(Op.GT, other)

    def __le__(self, other: V) -> Comparison:
        return self.compare(Op.LE, other)

    def __ge__(self, other: V) -> Comparison:
        return self.compare(Op.GE, other)


class _Prefix(Field):
    __slots__ = ()

    def prefix(self, value: str) -> Comparison:
        """The value begins with this text, exactly."""
        return self.compare(Op.PREFIX, value)


class _Match(Field):
    __slots__ = ()

    def match(self, value: str) -> Comparison:
        """The value contains this text, approximately and whatever the case.

        Whether the service looks for any part or for whole words is not known
        (pds-service.md 5.5): filter afterwards where exactness matters.
        """
        return self.compare(Op.MATCH, value)


class Sortable(Field):
    """A field that results can be sorted by."""

    __slots__ = ()

    def asc(self) -> OrderTerm:
        """Sort by this field, smallest first."""
        return OrderTerm(self.name)

    def desc(self) -> OrderTerm:
        """Sort by this field, largest first."""
        return OrderTerm(self.name, descending=True)


class StringField(_OneOf[str], _Prefix):
    """A STRING that is compared whole or by its beginning."""

    __slots__ = ()

    kind = Kind.STRING
    ops = frozenset({Op.EQ, Op.IN, Op.PREFIX})


class SortableStringField(StringField, Sortable):
    """A STRING that can be sorted by."""

    __slots__ = ()


class NameField(_OneOf[str], _Match, Sortable):
    """The name: it takes ``match``, and no ``prefix``, which the service refuses here."""

    __slots__ = ()

    kind = Kind.STRING
    ops = frozenset({Op.EQ, Op.IN, Op.MATCH})


class TextField(StringField, _Match):
    """A STRING that is also searched term by term."""

    __slots__ = ()

    ops = frozenset({Op.EQ, Op.IN, Op.PREFIX, Op.MATCH})


class ExactField(_Equality[str]):
    """A STRING that takes ``=`` only."""

    __slots__ = ()

    kind = Kind.STRING


class ChoiceField(_OneOf[str]):
    """A STRING that has one of a few values."""

    __slots__ = ()

    kind = Kind.STRING
    ops = frozenset({Op.EQ, Op.IN})


class MatchField(_Match):
    """A STRING that takes ``match`` only."""

    __slots__ = ()

    kind = Kind.STRING
    ops = frozenset({Op.MATCH})


class CustomField(TextField, Sortable):
    """A STRING that the table does not list: every operator that a STRING can have."""

    __slots__ = ()


class LongField(_Range[int], Sortable):
    """A signed 64-bit integer."""

    __slots__ = ()

    kind = Kind.LONG


class DoubleField(_Range[float], Sortable):
    """A number with a fraction."""

    __slots__ = ()

    kind = Kind.DOUBLE


class MomentField(_Range[DateValue]):
    """A moment in whole seconds: an aware datetime, a date (its midnight in UTC), or text."""

    __slots__ = ()

    kind = Kind.DATE


class DateField(MomentField, Sortable):
    """A moment that can be sorted by."""

    __slots__ = ()


class BoolField(_Equality[bool], Query):
    """True or false; the field itself is the condition that it is true, ``~`` that it is not."""

    __slots__ = ()

    kind = Kind.BOOLEAN

    @property
    def node(self) -> Query:
        return self.compare(Op.EQ, True)


class FieldSet(Mapping[str, Field]):
    """The fields of one kind of search, by name; builder, parser and checks are given one."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Iterable[Field]) -> None:
        self._fields = {field.name: field for field in fields}

    def __getitem__(self, name: str) -> Field:
        return self._fields[name]

    def get(self, name: str, default: Any = None) -> Any:
        """The field of this name, or the default."""
        return self._fields.get(name, default)

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __repr__(self) -> str:
        return f"FieldSet({', '.join(self)})"

    def find(self, name: str) -> Field:
        """The field of this name; InvalidRequest with the nearest name if there is none."""
        try:
            return self._fields[name]
        except KeyError:
            raise InvalidRequest(self.unknown(name)) from None

    def unknown(self, name: str) -> str:
        """What to say about a name that is not here."""
        import difflib

        near = difflib.get_close_matches(name[:60].lower(), self._fields, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(self)}"
        return f"there is no field {shown(name)} to search by; {hint}"
