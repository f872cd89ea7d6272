"""What may never be shown, and the one way to hide it.

Errors, events, logs and reprs pass everything they carry through this module. Secrets are
recognised by where they stand (a key, a header), by their form (bearer values, JSON web tokens,
URLs with a query, which may be presigned) and, when the caller knows them, by their value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

HIDDEN = "***"

SECRET_KEYS = frozenset({
    "access_token",
    "refresh_token",
    "share_token",
    "id_token",
    "client_secret",
    "assertion",
    "share_pwd",
    "password",
    "private_key",
    "authorization",
    "cookie",
    "set-cookie",
    "proxy-authorization",
    "x-share-token",
    "x-acs-bearer-token",
    "x-acs-security-token",
    "office_access_token",
    "office_refresh_token",
})  # fmt: skip

SHOWN_HEADERS = frozenset({
    "accept",
    "accept-encoding",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "retry-after",
    "user-agent",
    "x-ca-error-code",
    "x-ca-error-message",
    "x-ca-request-id",
    "x-retry-after",
})  # fmt: skip

_DEEPEST = 32
_URL_QUERY = re.compile(r"(\bhttps?://[^\s\"'<>?#]*)[?#][^\s\"'<>]*", re.IGNORECASE)
_USERINFO = re.compile(r"(\bhttps?://)[^\s\"'<>/?#@]+@", re.IGNORECASE)
_BEARER = re.compile(r"(\b(?:Bearer|Basic)\s+)[^\s\"',;]+", re.IGNORECASE)
_JWT = re.compile(r"\beyJ[\w-]{4,}\.[\w-]+(?:\.[\w-]*)?")
_PAIR = re.compile(
    r"""(["']?\b(?:%s)\b["']?\s*[:=]\s*)("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s&,;}]+)"""
    % "|".join(sorted(map(re.escape, SECRET_KEYS), key=len, reverse=True)),
    re.IGNORECASE,
)


def mask(value: Any, known: Iterable[str] = ()) -> Any:
    """A copy of a JSON-like value with every secret replaced by ``***``."""
    return _mask(value, tuple(known), _DEEPEST)


def _mask(value: Any, known: tuple[str, ...], depth: int) -> Any:
    if isinstance(value, str):
        return mask_text(value, known)
    if depth == 0 and isinstance(value, (Mapping, list, tuple)):
        return "…"
    if isinstance(value, Mapping):
        # An OAuth authorization code is a credential; elsewhere "code" is an error code.
        secret = SECRET_KEYS | {"code"} if "grant_type" in value else SECRET_KEYS
        return {
            key: HIDDEN if str(key).lower() in secret and item else _mask(item, known, depth - 1)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_mask(item, known, depth - 1) for item in value]
    return value


def mask_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that are known to be harmless as they are, the names of all others."""
    return {
        name: mask_text(value) if name.lower() in SHOWN_HEADERS else HIDDEN
        for name, value in headers.items()
    }


def mask_text(text: str, known: Iterable[str] = ()) -> str:
    """The text without credentials: known ones by value, others by their form."""
    for secret in known:
        if secret and secret in text:
            text = text.replace(secret, HIDDEN)
    if "://" in text:
        text = _URL_QUERY.sub(rf"\1?{HIDDEN}", _USERINFO.sub(rf"\1{HIDDEN}@", text))
    text = _JWT.sub(HIDDEN, _BEARER.sub(rf"\1{HIDDEN}", text))
    return _PAIR.sub(_hide_pair, text)


def _hide_pair(match: re.Match[str]) -> str:
    quote = match[2][0] if match[2][0] in "\"'" else ""
    return f"{match[1]}{quote}{HIDDEN}{quote}"


class WithheldCause(Exception):
    """Stands for a cause whose own text held a credential; it names the type, masked text only."""


def safe_cause(error: BaseException, known: Iterable[str] = ()) -> BaseException:
    """The error itself, or a summary of it if it or anything it is chained to shows a secret."""
    secrets = tuple(known)
    if all(_is_clean(one, secrets) for one in _chain(error)):
        return error
    return WithheldCause(f"{type(error).__qualname__}: {mask_text(str(error), secrets)}")


def _is_clean(error: BaseException, known: tuple[str, ...]) -> bool:
    shown = f"{error!s}\n{error!r}"
    notes = "\n".join(getattr(error, "__notes__", ()))
    return mask_text(shown, known) == shown and mask_text(notes, known) == notes


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    pending: list[BaseException | None] = [error]
    while pending:
        one = pending.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        pending += [one.__cause__, one.__context__, *getattr(one, "exceptions", ())]
