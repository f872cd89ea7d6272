"""What all requests have in common.

A request is a class of annotated fields, one line each: ``name: type = optional(rule, text)``.
Groups of fields that several requests share are parts that they inherit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, NamedTuple, Self, TypeVar, dataclass_transform

import attrs

from pdsclient._secrets import HIDDEN, mask
from pdsclient.errors import InvalidRequest
from pdsclient.models._rules import Rule, other_type

_RULE = "pdsclient.rule"
_TEXT = "pdsclient.text"
C = TypeVar("C")


def optional(rule: Rule, text: str) -> Any:
    """A field that may be left out.

    Args:
        rule: what it may hold; the rule tells its limits itself.
        text: what it is, for ``help`` and the documentation.
    """
    return attrs.field(default=None, metadata={_RULE: rule, _TEXT: text})


def required(rule: Rule, text: str) -> Any:
    """A field that must be given; arguments as for ``optional``."""
    return attrs.field(metadata={_RULE: rule, _TEXT: text})


class Argument(NamedTuple):
    """A field of a request as its documentation shows it."""

    name: str
    type: str
    rule: Rule
    text: str
    needed: bool

    def __str__(self) -> str:
        needed = ", required" if self.needed else ""
        words = [f"{self.name} ({self.type}{needed}): {self.text}"]
        if str(self.rule):
            words.append(f"Takes {self.rule}.")
        if self.rule.default is not None:
            words.append(f"Default {self.rule.default!r}.")
        return " ".join(words)


class Part:
    """A group of fields inside a request."""

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
        missing = [name for name in cls.needed if name not in data]
        if missing:
            raise InvalidRequest(f"{field}.{missing[0]} is required")
        return cls(**data)

    @classmethod
    def arguments(cls) -> Iterator[Argument]:
        """The fields for the documentation by name, but those that must be given first."""
        fields = sorted(
            cls.__attrs_attrs__, key=lambda field: (field.name not in cls.needed, field.name)
        )
        for field in fields:
            rule, text = field.metadata[_RULE], field.metadata[_TEXT]
            yield Argument(field.name, str(field.type), rule, text, field.name in cls.needed)

    def __repr__(self) -> str:
        given = ((name, rule, getattr(self, name)) for name, rule in self.rules)
        shown = (
            f"{name}={HIDDEN if rule.secret else mask(value, texts=False)!r}"
            for name, rule, value in given
            if value is not None
        )
        return f"{type(self).__name__}({', '.join(shown)})"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and vars(other) == vars(self)

    def __hash__(self) -> int:
        return hash((type(self), *vars(self).values()))

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


class PartOf(Rule):
    """A part, or a mapping in its form."""

    def __init__(self, part: type[Part]) -> None:
        self.part = part

    def __call__(self, field: str, value: Any) -> dict[str, Any]:
        if isinstance(value, Mapping):
            value = self.part.parse(field, value)
        if not isinstance(value, self.part):
            raise InvalidRequest(f"{field} must be {self._named} or a mapping, {other_type(value)}")
        return value.render(field + ".", True)

    def unchecked(self, value: Any) -> Any:
        return value.render("", False) if isinstance(value, self.part) else value

    def __str__(self) -> str:
        names = ", ".join(name for name, _ in self.part.rules)
        return f"{self._named}, or a mapping with {names}"

    @property
    def _named(self) -> str:
        name = self.part.__name__
        return f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(required,))
def request(cls: type[C]) -> type[C]:
    """Make a class of annotated fields a frozen, keyword-only request or part of one."""
    # Without slots: classes with slots cannot be combined by inheritance. Equality is the part's
    # own: comparing functions made for each class would take half of the import time.
    make: Callable[[type[C]], type[C]] = attrs.frozen(
        kw_only=True, repr=False, eq=False, slots=False
    )
    made: Any = make(cls)
    fields = made.__attrs_attrs__
    made.rules = tuple((field.name, field.metadata[_RULE]) for field in fields)
    made.needed = tuple(field.name for field in fields if field.default is attrs.NOTHING)
    return made  # type: ignore[no-any-return]
