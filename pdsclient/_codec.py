"""JSON from and to bytes: the only place where values are untyped."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any, TypeVar, get_args, get_origin, overload

import attrs
import msgspec

from pdsclient._checks import shown
from pdsclient._secrets import mask_text
from pdsclient._times import render_time
from pdsclient.errors import DecodeError, InvalidRequest
from pdsclient.models import Model, Page
from pdsclient.query import OrderBy, OrderTerm, Query

T = TypeVar("T")

_DEEPEST = 64
_LONGEST_BITS = 4096
_KEYS = frozenset({str})
# What msgspec writes as it stands, whatever the value.
_HARMLESS = frozenset({str, int, bool, type(None)})

_encode = msgspec.json.Encoder().encode


@overload
def decode(body: bytes, kind: None = None) -> Any: ...
@overload
def decode(body: bytes, kind: type[T]) -> T: ...
def decode(body: bytes, kind: Any = None) -> Any:
    """The reply as an object of a type, or as plain data.

    Models take what the server sent, whatever the types of its fields; other types are strict.

    Args:
        body: the reply's bytes.
        kind: the type; None for dicts, lists and scalars.

    Raises:
        DecodeError: no JSON, or not in the form of the type.
        InvalidRequest: the type is none that can be decoded into.
    """
    try:
        reply = decoder(kind)(body)
    except msgspec.ValidationError as error:
        raise DecodeError(f"the reply has another form than expected: {_said(error)}") from None
    except msgspec.DecodeError as error:
        what = "is empty" if not body.strip() else f"is not valid JSON: {_said(error)}"
        raise DecodeError(f"the reply {what}") from None
    except UnicodeDecodeError:
        raise DecodeError("the reply is not UTF-8") from None
    except RecursionError:
        raise DecodeError("the reply is nested too deeply") from None
    return reply.with_body(body) if isinstance(reply, Page) else reply


def _said(error: Exception) -> str:
    return mask_text(str(error))


class Nothing:
    """As a type: the reply says nothing, whatever its body."""


@lru_cache(maxsize=512)
def decoder(kind: Any) -> Callable[[bytes], Any]:
    """The function that decodes a body into a type; made when it is first asked for.

    A list of models takes ``null`` for an empty one and leaves out ``null`` in it, as in a field.

    Raises:
        InvalidRequest: the type is none that can be decoded into.
    """
    if kind is Nothing:
        return lambda body: None
    try:
        if get_origin(kind) is list and issubclass(get_args(kind)[0], Model):
            return _rows_decoder(get_args(kind)[0])
        return msgspec.json.Decoder(Any if kind is None else kind).decode
    except (TypeError, ValueError, NameError) as error:
        reason = str(error)[:200]
        raise InvalidRequest(f"reply_type {shown(kind)} cannot be decoded into: {reason}") from None


def _rows_decoder(model: type[Model]) -> Callable[[bytes], list[Any]]:
    # A single object stands for a list of one (the JavaScript SDK reads list_permission so).
    decode: Any = msgspec.json.Decoder(list[model | None] | model | None).decode  # type: ignore[valid-type]

    def rows(body: bytes) -> list[Any]:
        found = decode(body)
        if isinstance(found, model):
            if found == model() and body.strip() != b"{}":
                raise msgspec.ValidationError("Expected `array`, got `object`")
            return [found] if found != model() else []
        return [row for row in found or () if row is not None]

    return rows


def check_kind(kind: Any) -> None:
    """Raise InvalidRequest unless replies can be decoded into the type; before anything is sent."""
    try:
        decoder(kind)
    except TypeError:  # it cannot even be looked up
        raise InvalidRequest(f"reply_type must be a type, not {type(kind).__name__}") from None


def encode(data: Mapping[str, Any] | None) -> bytes:
    """The JSON text of a request.

    Queries and orders are rendered, aware datetimes become RFC 3339 text in UTC.

    Args:
        data: a mapping at the top; None stands for an empty one.

    Raises:
        InvalidRequest: a value that JSON or the service has no form for, with its path.
    """
    if (
        type(data) is dict
        and _KEYS.issuperset(map(type, data))
        and _HARMLESS.issuperset(map(type, data.values()))
    ):
        try:
            return _encode(data)
        except (TypeError, ValueError):
            pass  # A broken text or number: the careful way says which.
    if data is None:
        return b"{}"
    if not isinstance(data, Mapping):
        raise InvalidRequest(f"data must be a mapping, not {type(data).__name__}")
    return _encode(_plain(data, "data", _DEEPEST))


def _plain(value: Any, path: str, depth: int) -> Any:
    """The value as JSON types only."""
    if value is None or isinstance(value, bool):
        return value
    for kind, convert in _CONVERSIONS:
        if isinstance(value, kind):
            if depth == 0:
                raise InvalidRequest(f"{path[:200]}… is nested too deeply or contains itself")
            return convert(value, path, depth - 1)
    raise InvalidRequest(f"{path} {_refusal(value)}")


def _plain_text(value: str, path: str, depth: int) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InvalidRequest(f"{path} has half of a surrogate pair at {error.start}") from None
    return str.__str__(value)


def _plain_whole(value: int, path: str, depth: int) -> int:
    if value.bit_length() > _LONGEST_BITS:
        raise InvalidRequest(f"{path} is too long for a number; send it as text")
    return int(value)


def _plain_number(value: float, path: str, depth: int) -> float:
    if not math.isfinite(value):
        raise InvalidRequest(f"{path} is {value}, which JSON cannot say")
    return float(value)


def _plain_mapping(value: Mapping[Any, Any], path: str, depth: int) -> dict[str, Any]:
    plain = {}
    for key, item in value.items():
        if not isinstance(key, str):
            raise InvalidRequest(f"{path} has a key that is not a string: {shown(key)}")
        name = _plain_text(key, f"a key of {path}", depth)
        plain[name] = _plain(item, f"{path}.{name}", depth)
    return plain


def _plain_list(value: list[Any] | tuple[Any, ...], path: str, depth: int) -> Any:
    if value and all(isinstance(item, OrderTerm) for item in value):
        return ",".join(map(str, value))
    return [_plain(item, f"{path}[{index}]", depth) for index, item in enumerate(value)]


def _plain_time(value: datetime, path: str, depth: int) -> str:
    if value.tzinfo is None:
        raise InvalidRequest(f"{path} is a time without a zone; add tzinfo=timezone.utc")
    return render_time(value)


def _rendered(value: object, path: str, depth: int) -> str:
    return str(value)


_CONVERSIONS: tuple[tuple[Any, Callable[[Any, str, int], Any]], ...] = (
    (str, _plain_text),
    (int, _plain_whole),
    (float, _plain_number),
    (Mapping, _plain_mapping),
    ((list, tuple), _plain_list),
    (datetime, _plain_time),
    ((Query, OrderBy, OrderTerm), _rendered),
)


def _refusal(value: object) -> str:
    name = type(value).__name__
    if isinstance(value, (bytes, bytearray, memoryview)):
        return "is bytes; send text, for example base64"
    if isinstance(value, (set, frozenset)):
        return "is a set; send a list"
    if isinstance(value, date):
        return "is a date; send text or an aware datetime"
    if isinstance(value, msgspec.Struct):
        return f"is a {name}; send what its to_dict() gives"
    if attrs.has(type(value)):
        return f"is a {name}; send what its to_wire() gives, or plain data"
    return f"is a {name}, which JSON has no form for"
