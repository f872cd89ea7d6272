"""What a caller may set for one call, and how settings of different reach are merged."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias, TypeVar

from attrs import evolve, field, fields, frozen

from pdsclient._checks import (
    LONGEST_TIMEOUT_S,
    Validator,
    check_header_value,
    check_text,
    check_token,
    flag,
    seconds,
    shown,
    whole,
)
from pdsclient._secrets import HIDDEN, mask, mask_headers, mask_text
from pdsclient.errors import InvalidRequest

__all__ = ["UNSET", "RequestOptions"]

T = TypeVar("T")


class _UnsetType(enum.Enum):
    UNSET = "UNSET"

    def __repr__(self) -> str:
        return "UNSET"

    def __bool__(self) -> bool:
        return False


UNSET: Final = _UnsetType.UNSET
Unset: TypeAlias = Literal[_UnsetType.UNSET]

_PREFIX: Final = "options."


def _unless_unset(check: Validator, *, none: bool) -> Validator:
    def check_given(instance: object, attribute: Any, value: object) -> None:
        if value is not UNSET and not (none and value is None):
            check(instance, attribute, value)

    return check_given


def _option(check: Validator, *, none: bool = True) -> Any:
    return field(default=UNSET, validator=_unless_unset(check, none=none))


def _share_token(_: object, __: object, value: object) -> None:
    check_token("options.share_token", value)


# The transport frames the message itself; a second opinion would corrupt it.
_FRAMING = frozenset({"connection", "content-length", "host", "transfer-encoding", "upgrade"})
_TOKEN_CHARS = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")


def _headers(value: object) -> Mapping[str, str | None] | Unset | None:
    if value is UNSET or value is None:
        return value
    if not isinstance(value, Mapping):
        raise InvalidRequest(f"options.headers must be a mapping, not {type(value).__name__}")
    for name, text in value.items():
        if not isinstance(name, str) or not name or not set(name.lower()) <= _TOKEN_CHARS:
            raise InvalidRequest(f"options.headers has a name no header can have: {shown(name)}")
        if name.lower() in _FRAMING:
            raise InvalidRequest(f"options.headers must not set {name}: the client does")
        if text is not None:
            check_header_value(f"options.headers[{name!r:.80}]", text)
    # In lower case, so that an option replaces or takes away what a wider reach has set.
    return {name.lower(): text for name, text in value.items()}


def _params(value: object) -> Mapping[str, str] | Unset | None:
    if value is UNSET or value is None:
        return value
    if not isinstance(value, Mapping):
        raise InvalidRequest(f"options.params must be a mapping, not {type(value).__name__}")
    return {_param_name(name): _param_value(name, item) for name, item in value.items()}


def _param_name(name: object) -> str:
    if not isinstance(name, str) or not name:
        raise InvalidRequest(f"options.params has a name that is no string or empty: {shown(name)}")
    return check_text("options.params", name)


def _param_value(name: str, item: object) -> str:
    if isinstance(item, bool):
        return "true" if item else "false"
    where = f"options.params[{name!r:.80}]"
    if isinstance(item, str):
        return check_text(where, item)
    if isinstance(item, int) and item.bit_length() <= 64:
        return str(item)
    raise InvalidRequest(
        f"{where} must be a string, an int of 64 bits or a bool, not {type(item).__name__}"
    )


# Axios and JavaScript SDK keys that have a counterpart under another name.
_ELSEWHERE = {
    "baseURL": "set api_endpoint of the client",
    "data": "give it as the second argument of post_api",
    "donot_emit_error": "use emit_error=False",
    "maxRedirects": "no redirect is ever followed",
    "method": "every operation is a POST",
    "proxy": "set proxy of the client",
    "responseType": "use reply_type of post_api",
    "retryCount": "use retries",
    "signal": "cancel the task, or use deadline",
    "url": "give it as the first argument of post_api",
}


@frozen(kw_only=True, repr=False)
class RequestOptions:
    """Settings of one call (the seed's ``IPDSRequestConfig``); each defaults to "inherit".

    Args:
        headers: sent besides the client's own; a value of None keeps an inherited one back.
            Names are compared without case and read in lower case.
            ``Authorization`` switches the token source off for this call.
        params: appended to the URL as its query.
        timeout: seconds for one attempt, from the connection slot to the last byte; at most
            3,600, None is no limit. Default 60.
        deadline: seconds for the whole call with queueing, refresh and retries; None (the
            default) is no limit. In iteration it holds for each page.
        retries: how often a failed attempt may be repeated, 0-100; None is the same as 0.
            Default: 9 times after a 429, 3 times otherwise.
        idempotent: whether it may be sent twice; None (the default) asks the table of operations.
        emit_error: False keeps the ``error`` and ``retry`` events of this call back.
        share_token: sent as ``x-share-token``; None sends none.
        validate: False sends what was given as it is.

    ``method``, ``url``, ``data`` and ``attempt`` are filled in, with secrets masked, on the
    copy that events and errors carry.

    Raises:
        InvalidRequest: naming the option.
    """

    headers: Mapping[str, str | None] | Unset | None = field(
        default=UNSET, converter=_headers, hash=False
    )
    params: Mapping[str, str | int | bool] | Unset | None = field(
        default=UNSET, converter=_params, hash=False
    )
    timeout: float | Unset | None = _option(seconds(prefix=_PREFIX, longest=LONGEST_TIMEOUT_S))
    deadline: float | Unset | None = _option(seconds(prefix=_PREFIX))
    retries: int | Unset | None = _option(whole(0, 100, prefix=_PREFIX))
    idempotent: bool | Unset | None = _option(flag(prefix=_PREFIX))
    emit_error: bool | Unset = _option(flag(prefix=_PREFIX), none=False)
    share_token: str | Unset | None = _option(_share_token)
    validate: bool | Unset = _option(flag(prefix=_PREFIX), none=False)
    method: str | None = field(default=None, init=False)
    url: str | None = field(default=None, init=False)
    data: Any = field(default=None, init=False, hash=False)
    attempt: int = field(default=0, init=False)

    @classmethod
    def parse(cls, value: RequestOptions | Mapping[str, Any] | None) -> RequestOptions:
        """RequestOptions from one, from a mapping of its names, or from None."""
        if value is None:
            return NO_OPTIONS
        if isinstance(value, RequestOptions):
            return value
        if not isinstance(value, Mapping):
            raise InvalidRequest(
                f"options must be RequestOptions or a mapping, not {type(value).__name__}"
            )
        for key in value:
            if key not in _NAMES:
                hint = _ELSEWHERE.get(key, f"known are {', '.join(_NAMES)}")
                name = shown(key).strip("'")
                raise InvalidRequest(f"options.{name} has no counterpart here: {hint}")
        return cls(**value)

    def over(self, base: RequestOptions) -> RequestOptions:
        """These options, with what they leave open taken from ``base``; headers add up."""
        if self is NO_OPTIONS:
            return base
        if base is NO_OPTIONS:
            return self
        merged = {name: _pick(getattr(self, name), getattr(base, name)) for name in _NAMES}
        return RequestOptions(**merged)

    def filled(self, *, method: str, url: str, data: Any, attempt: int) -> RequestOptions:
        """A masked copy that tells which request it was: what events and errors carry."""
        headers, params = given(self.headers, None), given(self.params, None)
        sent = {name: text for name, text in (headers or {}).items() if text is not None}
        copy = evolve(
            self,
            headers=mask_headers(sent) if sent else self.headers,
            params=dict.fromkeys(params, HIDDEN) if params else self.params,
            share_token=HIDDEN if self.share_token else self.share_token,
        )
        for name, item in (
            ("method", method),
            ("url", mask_text(url)),
            ("data", mask(data)),
            ("attempt", attempt),
        ):
            object.__setattr__(copy, name, item)
        return copy

    def __repr__(self) -> str:
        shown = self
        if self.method is None and (self.headers or self.params or self.share_token):
            shown = self.filled(method="", url="", data=None, attempt=0)
        set_ones = [
            f"{one.name}={item!r}"
            for one in fields(RequestOptions)
            if (item := getattr(shown, one.name)) != one.default and item != ""
        ]
        return f"RequestOptions({', '.join(set_ones)})"


def _pick(own: Any, inherited: Any) -> Any:
    if own is UNSET:
        return inherited
    if isinstance(own, Mapping) and isinstance(inherited, Mapping):
        return {**inherited, **own}
    return own


_NAMES: Final = tuple(one.name for one in fields(RequestOptions) if one.init)
NO_OPTIONS: Final = RequestOptions()


def given(value: T | Unset, default: T) -> T:
    """The value, or the default where nothing was set at any reach."""
    return default if value is UNSET else value
