"""The credential of one user, as the service hands it out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, Union

import msgspec
from attrs import field, fields, frozen

from pdsclient._checks import check_text, check_token, shown
from pdsclient._times import as_utc, parse_time, render_time
from pdsclient.errors import InvalidRequest
from pdsclient.models import Model

if TYPE_CHECKING:
    from pdsclient.models import Token

__all__ = ["TokenInfo"]


def _access_token(value: object) -> str:
    return check_token("token_info.access_token", value)


def _token_type(value: object) -> str:
    return check_token("token_info.token_type", "Bearer" if value in (None, "") else value)


def _text(name: str, value: object) -> str | None:
    if value is None or value == "":
        return None
    return check_text(f"token_info.{name}", value)


def _refresh_token(value: object) -> str | None:
    return _text("refresh_token", value)


def _user_id(value: object) -> str | None:
    return _text("user_id", value)


def _role(value: object) -> str | None:
    return _text("role", value)


def _expire_time(value: object) -> datetime | None:
    if value is None:
        return None
    try:
        if isinstance(value, datetime):
            return _whole_milliseconds(as_utc(value))
        if isinstance(value, str):
            return _whole_milliseconds(parse_time(value))
    except (ValueError, OverflowError):
        pass
    raise InvalidRequest(
        "token_info.expire_time must be an RFC 3339 time such as 2019-09-01T06:57:48.813Z "
        "or a datetime"
    )


def _whole_milliseconds(moment: datetime | None) -> datetime | None:
    """As it is saved and read back: two processes must agree on which token is the newer one."""
    return moment and moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _expires_in(value: object) -> int | None:
    if value is None or value == "":
        return None
    if isinstance(value, (int, str)) and not isinstance(value, bool):
        try:
            seconds = int(value)
        except ValueError:
            seconds = -1
        if 0 <= seconds <= 2**31:
            return seconds
    raise InvalidRequest('token_info.expires_in must be a number of seconds such as 7200 or "7200"')


def _extra(value: object) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidRequest(f"token_info.extra must be a mapping, not {type(value).__name__}")
    for name in value:
        if not isinstance(name, str):
            raise InvalidRequest(f"token_info.extra has a key that is not a string: {shown(name)}")
        if name in _FIELDS:
            raise InvalidRequest(f"token_info.extra must not hold {name}: it is a field")
    return dict(value)


TokenLike: TypeAlias = Union["TokenInfo", "Token", Mapping[str, Any]]


@frozen(kw_only=True, repr=False)
class TokenInfo:
    """An access token and what belongs to it (seed table "TokenInfo").

    Args:
        access_token: the credential that is sent; about 2 hours of life.
        refresh_token: exchanged for a new pair; lives 7 days and dies when it is used.
        expire_time: when the access token expires; text or datetime in, aware UTC datetime
            with whole milliseconds out.
        expires_in: seconds of life when it was issued; ``"7200"`` or ``7200`` in, int out.
        token_type: word before the token in the ``Authorization`` header.
        user_id: whom it stands for.
        role: the role it carries.
        extra: all other keys of the service's reply, kept and saved again.

    Raises:
        InvalidRequest: naming the field, for a wrong type or a value no header can carry.
    """

    access_token: str = field(converter=_access_token)
    refresh_token: str | None = field(default=None, converter=_refresh_token)
    expire_time: datetime | None = field(default=None, converter=_expire_time)
    expires_in: int | None = field(default=None, converter=_expires_in)
    token_type: str = field(default="Bearer", converter=_token_type)
    user_id: str | None = field(default=None, converter=_user_id)
    role: str | None = field(default=None, converter=_role)
    extra: Mapping[str, Any] = field(factory=dict, converter=_extra, hash=False)

    @classmethod
    def parse(cls, value: TokenLike) -> TokenInfo:
        """A TokenInfo from one, from a ``Token`` reply, or from a mapping in its form."""
        if isinstance(value, TokenInfo):
            return value
        if isinstance(value, Model):
            sent = msgspec.to_builtins(value)
            value = {name: item for name, item in sent.items() if item is not None}
        if not isinstance(value, Mapping):
            raise InvalidRequest(
                f"token_info must be a TokenInfo or a mapping, not {type(value).__name__}"
            )
        if not value.get("access_token"):
            raise InvalidRequest("token_info.access_token is missing")
        known = {name: value[name] for name in _FIELDS if name in value}
        extra = {name: item for name, item in value.items() if name not in _FIELDS}
        return cls(**known, extra=extra)

    def to_mapping(self) -> dict[str, Any]:
        """A JSON-like mapping that ``parse`` reads back; it holds the secrets."""
        known = {name: getattr(self, name) for name in _FIELDS}
        if self.expire_time is not None:
            known["expire_time"] = render_time(self.expire_time)
        return {**self.extra, **{name: v for name, v in known.items() if v is not None}}

    def __repr__(self) -> str:
        shown = [f"expire_time={self.expire_time and render_time(self.expire_time)!r}"]
        shown += [f"{name}={getattr(self, name)!r}" for name in ("user_id", "role")]
        refresh = "'***'" if self.refresh_token else "None"
        return f"TokenInfo(access_token='***', refresh_token={refresh}, {', '.join(shown)})"

    def __copy__(self) -> TokenInfo:
        return self

    def __deepcopy__(self, memo: object) -> TokenInfo:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a TokenInfo holds a secret and refuses to be pickled; give the other process a "
            "token_store or a refresh_token_fun, or send to_mapping() over a channel you trust"
        )


_FIELDS = tuple(one.name for one in fields(TokenInfo) if one.name != "extra")
