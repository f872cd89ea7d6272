"""The rules that the fields of requests are declared with.

A rule knows what a field may hold and how it goes on the wire; as text it says so in words, for
``help`` and the documentation. None never reaches a rule.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Self, get_args

from pdsclient._checks import shown
from pdsclient.errors import InvalidRequest

_MISFITS = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_MISFITS_IN_LINES = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


class Rule:
    """What a field may hold, and how it goes on the wire.

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

    def __str__(self) -> str:
        """What it lets pass, beyond the type; empty if there is nothing to say."""
        return ""


class Text(Rule):
    """A text.

    Args:
        most: most characters, or bytes of UTF-8.
        in_bytes: count bytes.
        ascii: only visible ASCII and the space.
        empty: the empty text is allowed.
        lines: line breaks and tabs are allowed.
        without: a character that must not be in it.
        secret: never show the value.
        default: sent when the field is left out.
    """

    def __init__(
        self,
        most: int,
        *,
        in_bytes: bool = False,
        ascii: bool = False,
        empty: bool = False,
        lines: bool = False,
        without: str = "",
        secret: bool = False,
        default: str | None = None,
    ) -> None:
        self.most = most
        self.in_bytes = in_bytes
        self.ascii = ascii
        self.empty = empty
        self.without = without
        self.secret = secret
        self.default = default
        self._misfits = _MISFITS_IN_LINES if lines else _MISFITS

    @classmethod
    def marker(cls) -> Self:
        """The rule for markers: opaque, so only what no marker can be is refused."""
        return cls(65_536, empty=True)

    def __call__(self, field: str, value: Any) -> str:
        if not isinstance(value, str):
            raise InvalidRequest(f"{field} must be a string, {other_type(value, self.secret)}")
        # The common case in one line: every ASCII character is one byte.
        if not (0 < len(value) <= self.most and value.isascii() and value.isprintable()):
            self._check(field, value)
        if self.without and self.without in value:
            raise InvalidRequest(f"{field} must not have {self.without!r}{self._not(value)}")
        return value

    def _check(self, field: str, value: str) -> None:
        if not value and not self.empty:
            raise InvalidRequest(f"{field} must not be empty; leave it out instead")
        misfit = self._misfits.search(value, 0, self.most)
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
            raise InvalidRequest(
                f"{field} must have at most {self.most:,} {self._unit}, not {size:,}"
            )

    @property
    def _unit(self) -> str:
        return "bytes" if self.in_bytes else "characters"

    def _not(self, value: str) -> str:
        return "" if self.secret else f", not {shown(value)}"

    def __str__(self) -> str:
        unit = "bytes of UTF-8" if self.in_bytes else self._unit
        words = f"up to {self.most:,} {'ASCII ' if self.ascii else ''}{unit}"
        return f"{words} without {self.without}" if self.without else words


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


class Names(Rule):
    """Names with commas between them, or a list of names."""

    def __call__(self, field: str, value: Any) -> str:
        if isinstance(value, (list, tuple)):
            value = ",".join(_NAME(f"{field}[{index}]", one) for index, one in enumerate(value))
        return _NAMES(field, value)

    def unchecked(self, value: Any) -> Any:
        return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else value

    def __str__(self) -> str:
        return "a list, or text with commas"


_NAME = Text(128, without=",")
_NAMES = Text(4096)


class Whole(Rule):
    """A whole number from ``least`` to ``most``."""

    def __init__(self, least: int, most: int) -> None:
        self.least = least
        self.most = most

    def __call__(self, field: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise InvalidRequest(f"{field} must be an int, {other_type(value)}")
        if not self.least <= value <= self.most:
            raise InvalidRequest(
                f"{field} must be from {self.least:,} to {self.most:,}, not {shown(value)}"
            )
        return int(value)

    def __str__(self) -> str:
        if self.most >= 2**53 - 1:
            return f"from {self.least:,}"
        return f"{self.least:,}-{self.most:,}"


class Flag(Rule):
    """True or False."""

    def __call__(self, field: str, value: Any) -> bool:
        if not isinstance(value, bool):
            raise InvalidRequest(f"{field} must be True or False, {other_type(value)}")
        return value


class Choice(Rule):
    """One of a few texts.

    Args:
        literal: the ``Literal`` type that lists them, so that type checkers and this rule read
            the same list.
        default: sent when the field is left out.
    """

    def __init__(self, literal: Any, *, default: str | None = None) -> None:
        self.values: tuple[str, ...] = get_args(literal)
        self.default = default

    def __call__(self, field: str, value: Any) -> str:
        for known in self.values:
            if value == known:
                return known
        raise InvalidRequest(f"{field} must be one of {self._known}, not {shown(value)}")

    @property
    def _known(self) -> str:
        return ", ".join(map(repr, self.values))

    def __str__(self) -> str:
        return f"one of {self._known}" if len(self.values) > 1 else f"always {self._known}"


class ListOf(Rule):
    """A list or tuple of ``least`` to ``most`` values."""

    def __init__(self, item: Rule, *, most: int, least: int = 1) -> None:
        self.item = item
        self.most = most
        self.least = least

    def __call__(self, field: str, value: Any) -> list[Any]:
        if not isinstance(value, (list, tuple)):
            raise InvalidRequest(f"{field} must be a list, {other_type(value)}")
        if not value and self.least:
            raise InvalidRequest(f"{field} must not be empty; leave it out instead")
        if len(value) > self.most:
            raise InvalidRequest(f"{field} must have at most {self.most:,}, not {len(value):,}")
        return [self.item(f"{field}[{index}]", one) for index, one in enumerate(value)]

    def unchecked(self, value: Any) -> Any:
        return list(map(self.item.unchecked, value)) if isinstance(value, (list, tuple)) else value

    def __str__(self) -> str:
        each = str(self.item)
        return f"{self.least}-{self.most:,} of them" + (f", each {each}" if each else "")


class MapOf(Rule):
    """A mapping of up to ``most`` keys to values that each suit a rule."""

    def __init__(self, item: Rule, *, most: int) -> None:
        self.item = item
        self.most = most

    def __call__(self, field: str, value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise InvalidRequest(f"{field} must be a mapping, {other_type(value)}")
        if len(value) > self.most:
            raise InvalidRequest(
                f"{field} must have at most {self.most:,} keys, not {len(value):,}"
            )
        return {
            _KEY(f"a key of {field}", key): self.item(f"{field}[{key!r}]", one)
            for key, one in value.items()
        }

    def unchecked(self, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        return {key: self.item.unchecked(one) for key, one in value.items()}

    def __str__(self) -> str:
        each = str(self.item)
        return f"up to {self.most:,} keys" + (f", each value {each}" if each else "")


_KEY = Text(1024)


class Anything(Rule):
    """Whatever JSON can say; what it cannot is refused when the request is written."""

    def __call__(self, field: str, value: Any) -> Any:
        return value


def _what(char: str) -> str:
    return "half of a surrogate pair" if char >= "\ud800" else "a control character"


def other_type(value: object, secret: bool = False) -> str:
    hint = ""
    if isinstance(value, int) and not isinstance(value, bool) and not secret:
        hint = f": write {str(value)!r}" if value.bit_length() <= 64 else ""
    return f"not {type(value).__name__}{hint}"


# What most requests are made of.
ID = Id(64)
TASK_ID = Id(1024)
FILE_ID = Id(50)
USER_ID = Text(64, without="#")
MARKER = Text.marker()
FLAG = Flag()
COUNT = Whole(0, 2**53 - 1)
PAGE_LIMIT = Whole(1, 100)
TEXT = Text(4096)
DESCRIPTION = Text(1024, lines=True, empty=True)
FILE_NAME = Text(1024, in_bytes=True, without="/")
LABELS = ListOf(Text(128), most=100, least=0)
