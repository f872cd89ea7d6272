"""What all requests have in common, and the rules that their fields are declared with."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self, TypeVar, dataclass_transform

import attrs

from pdsclient._checks import shown
from pdsclient._secrets import HIDDEN
from pdsclient.errors import InvalidRequest, QuerySyntaxError
from pdsclient.query import as_order_by, as_query

_RULE = "pdsclient.rule"
_MISFITS = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
C = TypeVar("C")


class Rule:
    """What a field may hold, and how it goes on the wire; None never reaches a rule.

    Rules are plain classes: a dozen attrs classes would add 10 ms to the import.
    """

    default: str | None = None
    """What is sent when the caller leaves the field out."""
    secret: bool = False
    """The value is never shown."""

    def __call__(self, field: str, value: Any) -> Any:
        """The value for the wire; InvalidRequest that names the field if it is not allowed."""
        raise NotImplementedError

    def unchecked(self, value: Any) -> Any:
        """The value for the wire, whatever it is."""
        return value


class Text(Rule):
    """A text.

    Args:
        most: most characters, or bytes of UTF-8.
        in_bytes: count bytes.
        ascii: only visible ASCII and the space.
        empty: the empty text is allowed.
        secret: never show the value.
    """

    def __init__(
        self,
        most: int,
        *,
        in_bytes: bool = False,
        ascii: bool = False,
        empty: bool = False,
        secret: bool = False,
    ) -> None:
        self.most = most
        self.in_bytes = in_bytes
        self.ascii = ascii
        self.empty = empty
        self.secret = secret

    @classmethod
    def marker(cls) -> Self:
        """The rule for markers: opaque, so only what no marker can be is refused."""
        return cls(65_536, empty=True)

    def __call__(self, field: str, value: Any) -> str:
        if not isinstance(value, str):
            raise InvalidRequest(f"{field} must be a string, {_other_type(value, self.secret)}")
        # The common case in one line: every ASCII character is one byte.
        if not (0 < len(value) <= self.most and value.isascii() and value.isprintable()):
            self._check(field, value)
        return value

    def _check(self, field: str, value: str) -> None:
        if not value and not self.empty:
            raise InvalidRequest(f"{field} must not be empty; leave it out instead")
        misfit = _MISFITS.search(value, 0, self.most)
        if misfit:
            raise InvalidRequest(
                f"{field} has {_what(misfit[0])} ({misfit[0]!a}) at {misfit.start()}"
            )
        if self.ascii and not value.isascii():
            raise InvalidRequest(f"{field} must be visible ASCII{self._not(value)}")
        self._check_size(field, value)

    def _check_size(self, field: str, value: str) -> None:
        # The length alone may do, and a text beyond it need not be encodable.
        encode = self.in_bytes and len(value) <= self.most
        size = len(value.encode() if encode else value)
        if size > self.most:
            unit = "bytes" if self.in_bytes else "characters"
            raise InvalidRequest(f"{field} must have at most {self.most:,} {unit}, not {size:,}")

    def _not(self, value: str) -> str:
        return "" if self.secret else f", not {shown(value)}"


class Id(Text):
    """An identifier that the service made: visible ASCII without spaces (pds-service.md 1.7)."""

    def __init__(self, most: int) -> None:
        super().__init__(most, ascii=True)

    def _check(self, field: str, value: str) -> None:
        super()._check(field, value)
        if " " in value:
            raise InvalidRequest(f"{field} must not have a space, not {shown(value)}")

    def __call__(self, field: str, value: Any) -> str:
        text = super().__call__(field, value)
        if " " in text:
            self._check(field, text)
        return text


class Whole(Rule):
    """A whole number from ``least`` to ``most``."""

    def __init__(self, least: int, most: int) -> None:
        self.least = least
        self.most = most

    def __call__(self, field: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise InvalidRequest(f"{field} must be an int, {_other_type(value)}")
        if not self.least <= value <= self.most:
            raise InvalidRequest(
                f"{field} must be from {self.least:,} to {self.most:,}, not {shown(value)}"
            )
        return int(value)


class Flag(Rule):
    """True or False."""

    def __call__(self, field: str, value: Any) -> bool:
        if not isinstance(value, bool):
            raise InvalidRequest(f"{field} must be True or False, {_other_type(value)}")
        return value


class Choice(Rule):
    """One of a few texts."""

    def __init__(self, values: tuple[str, ...]) -> None:
        self.values = values

    def __call__(self, field: str, value: Any) -> str:
        for known in self.values:
            if value == known:
                return known
        known = ", ".join(map(repr, self.values))
        raise InvalidRequest(f"{field} must be one of {known}, not {shown(value)}")


class ListOf(Rule):
    """A list or tuple of up to ``most`` values, at least one."""

    def __init__(self, item: Rule, *, most: int) -> None:
        self.item = item
        self.most = most

    def __call__(self, field: str, value: Any) -> list[Any]:
        if not isinstance(value, (list, tuple)):
            raise InvalidRequest(f"{field} must be a list, {_other_type(value)}")
        if not value:
            raise InvalidRequest(f"{field} must not be empty; leave it out instead")
        if len(value) > self.most:
            raise InvalidRequest(f"{field} must have at most {self.most}, not {len(value):,}")
        return [self.item(f"{field}[{index}]", one) for index, one in enumerate(value)]


class MapOf(Rule):
    """A mapping of up to ``most`` keys to parts, or to mappings in their form."""

    def __init__(self, part: type[Part], *, most: int) -> None:
        self.part = part
        self.most = most

    def __call__(self, field: str, value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise InvalidRequest(f"{field} must be a mapping, {_other_type(value)}")
        if len(value) > self.most:
            raise InvalidRequest(f"{field} must have at most {self.most} keys, not {len(value):,}")
        return {
            _KEY(f"a key of {field}", key): self._part(f"{field}[{key!r}]", one)
            for key, one in value.items()
        }

    def _part(self, field: str, value: Any) -> dict[str, Any]:
        if isinstance(value, Mapping):
            value = self.part.parse(field, value)
        if not isinstance(value, self.part):
            raise InvalidRequest(
                f"{field} must be an {self.part.__name__} or a mapping, {_other_type(value)}"
            )
        return value.render(field + ".", True)

    def unchecked(self, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        return {
            key: one.render("", False) if isinstance(one, self.part) else one
            for key, one in value.items()
        }


_KEY = Text(1024)


class SearchQuery(Rule):
    """A query or its text."""

    def __call__(self, field: str, value: Any) -> str:
        try:
            return as_query(value)
        except QuerySyntaxError as error:
            raise _naming(field, error) from None

    def unchecked(self, value: Any) -> str:
        return as_query(value, validate=False)


class SearchOrder(Rule):
    """An order or its text."""

    def __init__(self, *, default: str | None = None) -> None:
        self.default = default

    def __call__(self, field: str, value: Any) -> str:
        try:
            return as_order_by(value)
        except QuerySyntaxError as error:
            raise _naming(field, error) from None

    def unchecked(self, value: Any) -> str:
        return as_order_by(value, validate=False)


def _naming(field: str, error: QuerySyntaxError) -> QuerySyntaxError:
    """The same error, which says in which field the text stands."""
    reason = f"{field}: {error.reason}"
    return QuerySyntaxError(reason, text=error.text, position=error.position)


def _what(char: str) -> str:
    return "half of a surrogate pair" if char >= "\ud800" else "a control character"


def _other_type(value: object, secret: bool = False) -> str:
    hint = ""
    if isinstance(value, int) and not isinstance(value, bool) and not secret:
        hint = f": write {str(value)!r}" if value.bit_length() <= 64 else ""
    return f"not {type(value).__name__}{hint}"


def optional(rule: Rule) -> Any:
    """A field that may be left out."""
    return attrs.field(default=None, metadata={_RULE: rule})


def required(rule: Rule) -> Any:
    """A field that must be given."""
    return attrs.field(metadata={_RULE: rule})


class Part:
    """A group of fields inside a request."""

    __slots__ = ()
    __attrs_attrs__: ClassVar[tuple[attrs.Attribute[Any], ...]] = ()
    rules: ClassVar[tuple[tuple[str, Rule], ...]] = ()
    """Every field with its rule."""
    one_of: ClassVar[tuple[str, ...]] = ()
    """Fields of which at least one is needed."""
    needed: ClassVar[tuple[str, ...]] = ()
    """Fields that must not be None."""

    @classmethod
    def parse(cls, field: str, data: Mapping[str, Any]) -> Self:
        """One from a mapping with the service's names."""
        known = {name for name, _ in cls.rules}
        unknown = [key for key in data if key not in known]
        if unknown:
            raise InvalidRequest(
                f"{field} has no field {unknown[0]!r}; there are {', '.join(sorted(known))}"
            )
        return cls(**data)

    def __repr__(self) -> str:
        given = ((name, rule, getattr(self, name)) for name, rule in self.rules)
        shown = (
            f"{name}={HIDDEN if rule.secret else value!r}"
            for name, rule, value in given
            if value is not None
        )
        return f"{type(self).__name__}({', '.join(shown)})"

    def render(self, prefix: str, validate: bool) -> dict[str, Any]:
        """The fields that are set, for the wire; ``prefix`` stands before names in errors."""
        wire = {}
        for name, rule in self.rules:
            value = getattr(self, name)
            if value is not None:
                wire[name] = rule(prefix + name, value) if validate else rule.unchecked(value)
            elif rule.default is not None:
                wire[name] = rule.default
        if validate:
            self._check_presence(prefix, wire)
        return wire

    def _check_presence(self, prefix: str, wire: Mapping[str, Any]) -> None:
        for name in self.needed:
            if name not in wire:
                raise InvalidRequest(f"{prefix}{name} is required")
        if self.one_of and not any(name in wire for name in self.one_of):
            names = " or ".join(prefix + name for name in self.one_of)
            raise InvalidRequest(f"one of {names} is required")


class Request(Part):
    """The parameters of one operation; nothing is checked before ``check`` or ``to_wire``."""

    __slots__ = ()

    def check(self) -> None:
        """Raise InvalidRequest, naming the field and the fix, if the service would refuse it."""
        self.render("", True)

    def to_wire(self, validate: bool = True) -> dict[str, Any]:
        """The request as JSON-like data, without the fields that were left out.

        Args:
            validate: False sends values as they are; queries and orders are rendered still.

        Raises:
            InvalidRequest: naming the field and the fix.
        """
        return self.render("", validate)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(required,))
def request(cls: type[C]) -> type[C]:
    """Make a class of annotated fields a frozen, keyword-only request or part of one."""
    make: Callable[[type[C]], type[C]] = attrs.frozen(kw_only=True, repr=False)
    made: Any = make(cls)
    fields = attrs.fields(made)
    made.rules = tuple((field.name, field.metadata[_RULE]) for field in fields)
    made.needed = tuple(field.name for field in fields if field.default is attrs.NOTHING)
    return made  # type: ignore[no-any-return]
