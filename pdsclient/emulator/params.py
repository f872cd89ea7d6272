"""Reading the parameters of one request, with the service's errors for what is wrong."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from pdsclient.emulator.replies import ServiceError, invalid, missing, out_of_range, wrong_format

__all__ = ["Params", "parse_json"]

_decode = msgspec.json.Decoder().decode


def parse_json(body: bytes) -> dict[str, Any]:
    """The object in a request's body; an empty body is an empty object."""
    try:
        data = _decode(body) if body else {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise ServiceError(
            400, "InvalidRequestJSONFormat", "The input parameter body is invalid Json format."
        )
    return data


class Params:
    """The parameters as sent; absent, null and ``""`` are the same, unknown ones are ignored."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._data = data

    def text(self, name: str, longest: int | None = None) -> str | None:
        """A string of at most so many characters, or None."""
        value = self._data.get(name)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            raise wrong_format(name)
        if longest is not None and len(value) > longest:
            raise out_of_range(name)
        return value

    def required(self, name: str, longest: int | None = None) -> str:
        """A string that must be there, of at most so many characters."""
        value = self.text(name, longest)
        if value is None:
            raise missing(name)
        return value

    def choice(self, name: str, allowed: Collection[str]) -> str | None:
        """One of a closed set of strings, or None."""
        value = self.text(name)
        if value is not None and value not in allowed:
            raise invalid(name)
        return value

    def integer(self, name: str, low: int, high: int, default: int) -> int:
        """A whole number within limits."""
        value = self._data.get(name)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool):
            raise wrong_format(name)
        if not low <= value <= high:
            raise invalid(name, f"{name} should be between {low} and {high}")
        return value

    def flag(self, name: str) -> bool | None:
        """A boolean, or None."""
        value = self._data.get(name)
        if value is not None and not isinstance(value, bool):
            raise wrong_format(name)
        return value

    def texts(self, name: str) -> list[str]:
        """A list of strings, empty when absent."""
        value = self._data.get(name) or []
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise wrong_format(name)
        return value

    def mapping(self, name: str) -> dict[str, Any]:
        """An object, empty when absent."""
        value = self._data.get(name) or {}
        if not isinstance(value, dict):
            raise wrong_format(name)
        return value

    def names(self, name: str) -> frozenset[str]:
        """A comma list such as ``url,thumbnail`` as a set."""
        return frozenset(part.strip() for part in (self.text(name) or "").split(",")) - {""}

    def gives(self, name: str) -> bool:
        """Whether the parameter is there, be it empty: where ``""`` takes something away."""
        return self._data.get(name) is not None

    def part(self, name: str) -> Params:
        """The parameters of an object, none when it is absent."""
        return Params(self.mapping(name))

    def objects(self, name: str) -> list[Params]:
        """The parameters of each object in a list, empty when absent."""
        value = self._data.get(name) or []
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            raise wrong_format(name)
        return [Params(one) for one in value]
