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

# Compared without case, hyphens and underscores: the vendor's SDKs write AccessToken as well.
SECRET_KEYS = frozenset({
    "access_token",
    "refresh_token",
    "share_token",
    "id_token",
    "security_token",
    "client_secret",
    "app_secret",
    "access_key_secret",
    "assertion",
    "share_pwd",
    "password",
    "plain_password",
    "private_key",
    "cert_privatekey",
    "authorization",
    "cookie",
    "set-cookie",
    "proxy-authorization",
    "x-share-token",
    "x-acs-bearer-token",
    "x-acs-security-token",
    "signature",
    "x-oss-signature",
    "x-oss-security-token",
    "office_access_token",
    "office_refresh_token",
})  # fmt: skip

# Each key has one of them.
STEMS = ("token", "secret", "passw", "pwd", "assertion", "key", "authorization", "cookie", "sign")

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


def _bare(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")


_BARE_KEYS = frozenset(map(_bare, SECRET_KEYS))


def is_secret_key(name: str) -> bool:
    """Whether what stands under this name is a credential."""
    return _bare(name) in _BARE_KEYS


# More is cut: a self-containing list with two references would be 2**32 values at this depth.
_DEEPEST = 32
_MOST_VALUES = 20_000

# Each pattern is linear in hostile text: whatever it could start with, it consumes what it has
# looked at, so that no part of the text is read again from the next possible start.
_NAMES = "|".join(
    "[-_]?".join(re.split("[-_]", key)) for key in sorted(SECRET_KEYS, key=len, reverse=True)
)
_USERINFO = re.compile(r"(\bhttps?:\\?/\\?/)[^\s\"'<>/?#]*@", re.IGNORECASE)
# An apostrophe may stand inside a query (filename*=UTF-8''…), but one that closes a quotation not.
_URL = re.compile(
    r"(\bhttps?:\\?/\\?/[^\s\"'<>?#]*+)([?#](?:[^\s\"'<>]|'(?=['\w&=%]))*+)?", re.IGNORECASE
)
_JWT = re.compile(r"\beyJ[\w-]*+(\.[\w-]++)?(?:\.[\w-]*+)*+")
_BEARER = re.compile(r"(\b(?:Bearer|Basic)\s++)[^\s\"',;]+", re.IGNORECASE)
_HEADER = re.compile(
    r"(\b(?:set-cookie|cookie|(?:proxy-)?authorization)[ \t]*+[:=][ \t]*+)[^\s\"'][^\r\n\"']*+",
    re.IGNORECASE,
)
# "InvalidParameter.RefreshToken: …" is an error code with its message, which must stay readable.
_NO_CODE = r"(?<!Parameter\.)(?<!Missing\.)(?<!Resource\.)"
_PAIR = re.compile(
    rf"""((?<![A-Za-z0-9]){_NO_CODE}(?:{_NAMES})(?:\\*+["'])?\s*+[:=]\s*+)("(?:[^"\\]|\\.)*+"?|'(?:[^'\\]|\\.)*+'?|[^\s&,;}}<]++)""",
    re.IGNORECASE | re.DOTALL,
)
_ELEMENT = re.compile(rf"(<(?:{_NAMES})(?:\s[^<>]*+)?>)(?:<!\[CDATA\[)?[^<]++", re.IGNORECASE)


def mask(value: Any, known: Iterable[str] = (), *, texts: bool = True) -> Any:
    """A copy of a JSON-like value with every secret replaced by ``***``.

    What is nested deeper than 32 levels, or comes after 20,000 values, is shown as ``…``.

    Args:
        value: anything that JSON can say.
        known: credentials of the caller.
        texts: look inside texts too; without it only what stands under a secret key is replaced,
            and presigned URLs stay.
    """
    return _Masker(tuple(known), texts).mask(value, _DEEPEST)


class _Masker:
    def __init__(self, known: tuple[str, ...], texts: bool) -> None:
        self._known = known
        self._texts = texts
        self._left = _MOST_VALUES

    def mask(self, value: Any, depth: int) -> Any:
        self._left -= 1
        if isinstance(value, str):
            return self._text(value) if self._left >= 0 else "…"
        if not isinstance(value, (Mapping, list, tuple)):
            return value
        if depth == 0 or self._left < 0:
            return "…"
        if isinstance(value, Mapping):
            return self._mapping(value, depth)
        return [self.mask(item, depth - 1) for item in self._affordable(value)]

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> dict[Any, Any]:
        secret = _secret_keys_of(value)
        masked = {}
        for key, item in self._affordable(value.items()):
            hide = item and _bare(str(key)) in secret
            shown = self._text(key) if isinstance(key, str) else key
            masked[shown] = HIDDEN if hide else self.mask(item, depth - 1)
        return masked

    def _text(self, text: str) -> str:
        return mask_text(text, self._known) if self._texts else text

    def _affordable(self, items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            if self._left <= 0:
                return
            yield item


def secrets_in(value: Any) -> Iterator[str]:
    """The texts under secret keys in a JSON-like value, however deep."""
    if isinstance(value, Mapping):
        secret = _secret_keys_of(value)
        for key, item in value.items():
            if isinstance(item, str) and _bare(str(key)) in secret:
                yield item
            else:
                yield from secrets_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from secrets_in(item)


def _secret_keys_of(value: Mapping[Any, Any]) -> frozenset[str]:
    # An OAuth authorization code is a credential; elsewhere "code" is an error code.
    return _BARE_KEYS | {"code"} if "grant_type" in value else _BARE_KEYS


def mask_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that are known to be harmless as they are, the names of all others."""
    return {
        name: mask_text(value) if name.lower() in SHOWN_HEADERS else HIDDEN
        for name, value in headers.items()
    }


def mask_text(text: str, known: Iterable[str] = ()) -> str:
    """The text without credentials: known ones by value, others by their form."""
    for secret in known:
        # Nothing that short is a credential, and hiding it would blot out the text.
        if len(secret) > 3 and secret in text:
            text = text.replace(secret, HIDDEN)
    # Looking for a word costs a hundredth of a pattern, and most texts have none of them.
    if "//" in text or "\\/" in text:
        text = _URL.sub(_hide_query, _USERINFO.sub(rf"\1{HIDDEN}@", text))
    if "eyJ" in text:
        text = _JWT.sub(_hide_jwt, text)
    lowered = text.lower()
    if "bearer" in lowered or "basic" in lowered:
        text = _BEARER.sub(rf"\1{HIDDEN}", text)
    if any(stem in lowered for stem in STEMS):
        text = _HEADER.sub(rf"\1{HIDDEN}", text)
        text = _ELEMENT.sub(rf"\1{HIDDEN}", _PAIR.sub(_hide_pair, text))
    return text


def _hide_query(match: re.Match[str]) -> str:
    return f"{match[1]}?{HIDDEN}" if match[2] else match[1]


def _hide_jwt(match: re.Match[str]) -> str:
    return HIDDEN if match[1] else match[0]


def _hide_pair(match: re.Match[str]) -> str:
    quote = match[2][0] if match[2][0] in "\"'" else ""
    return f"{match[1]}{quote}{HIDDEN}{quote}"


class WithheldCause(Exception):
    """Stands for a cause whose own text held a credential; it names the type, masked text only."""


def safe_cause(error: BaseException, known: Iterable[str] = ()) -> BaseException:
    """The error itself, or a summary of it if it or anything it is chained to shows a secret.

    An error that cannot be shown at all may hold anything, so it is summed up as well.
    """
    secrets = tuple(known)
    try:
        if all(_is_clean(one, secrets) for one in _chain(error)):
            return error
        text = mask_text(str(error), secrets)
    except Exception:  # noqa: BLE001  # its own __str__ or __repr__ may raise anything
        text = "(it has no text)"
    return WithheldCause(f"{type(error).__qualname__}: {text}")


def without_frames(error: BaseException) -> BaseException:
    """The error without the frames it passed through, and those it is chained to likewise.

    Frames keep local variables, which error trackers print: in a foreign library's frames those
    are the request's headers and its body.
    """
    for one in _chain(error):
        one.__traceback__ = None
    return error


def _is_clean(error: BaseException, known: tuple[str, ...]) -> bool:
    # The attributes travel in pickles, and a note is shown under the traceback.
    shown = f"{error!s}\n{error!r}\n{vars(error)!r}"
    return mask_text(shown, known) == shown


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    pending: list[BaseException | None] = [error]
    while pending:
        one = pending.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        pending += [one.__cause__, one.__context__]
        if isinstance(one, BaseExceptionGroup):
            pending += one.exceptions
