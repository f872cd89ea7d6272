"""What one call consists of: where it goes, which settings hold, what has happened so far."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from attrs import field, frozen

from pdsclient import _protocol
from pdsclient._secrets import mask_headers, secrets_in
from pdsclient._sources import Token
from pdsclient.config import ClientConfig
from pdsclient.errors import PDSError
from pdsclient.options import UNSET, RequestOptions, given

__all__ = ["Response"]

ANONYMOUS = Token(None, None, 0)


@frozen(kw_only=True, repr=False)
class Response:
    """A reply with what came around it.

    Attributes:
        status: HTTP status.
        headers: reply headers; names are looked up in any case.
        data: what ``post_api`` returns.
        body: the reply as it came, decompressed.
        request_id: the service's name for the exchange.
        attempts: how many times the call was sent.
        elapsed_s: seconds from the call to the answer, with waits and retries.
        waited_s: those of them spent waiting for the rate limit and before retries.
    """

    status: int
    headers: Mapping[str, str]
    data: Any
    body: bytes = field(repr=False)
    request_id: str | None
    attempts: int
    elapsed_s: float
    waited_s: float = 0.0

    def __repr__(self) -> str:
        return (
            f"Response(status={self.status}, request_id={self.request_id!r}, "
            f"attempts={self.attempts}, elapsed_s={self.elapsed_s:.3f}, "
            f"headers={mask_headers(self.headers)}, body=<{len(self.body):,} bytes>)"
        )


@frozen
class Target:
    """Where an operation is, and what is known about it."""

    path: str
    url: str
    group: str
    repeatable: bool


@frozen(repr=False)
class Settings:
    """Options of all reaches, merged and resolved once per view rather than per call."""

    options: RequestOptions
    headers: Mapping[str, str | None]
    params: Mapping[str, str]
    timeout: float | None
    deadline: float | None
    retries: int | None
    idempotent: bool | None
    emit: bool
    share: Token | None  # fixed by the caller; None: the source of share tokens is asked
    validate: bool
    own_credential: bool

    def __repr__(self) -> str:
        return f"Settings({self.options!r})"


def resolve(options: RequestOptions, config: ClientConfig) -> Settings:
    headers = given(options.headers, None) or {}
    retries = given(options.retries, UNSET)
    fixed = options.share_token
    return Settings(
        options=options,
        headers=headers,
        params=given(options.params, None) or {},  # type: ignore[arg-type]
        timeout=given(options.timeout, config.timeout),
        deadline=given(options.deadline, config.deadline),
        retries=None if retries is UNSET else retries or 0,
        idempotent=given(options.idempotent, None),
        emit=given(options.emit_error, True),
        share=None if fixed is UNSET else Token(None, fixed, 0),
        validate=given(options.validate, True),
        own_credential=any(name.lower() == "authorization" for name in headers),
    )


class Call:
    """The state of one call."""

    # Where every call begins stands here and not in __init__: a successful call changes little
    # of it, and pays only for that.
    sends = 0
    repeats = 0  # sends that a renewed token made necessary; no retries
    exchanged = share_exchanged = False
    may_have_happened = on_the_wire = False
    paced = False  # by the limiter, for the next send
    hold: Callable[[Call], Awaitable[None]]  # what keeps it from leaving
    waited_s = 0.0
    ends_at = math.inf
    last_error: PDSError | None = None
    reply: _protocol.Reply | None = None
    token = share = ANONYMOUS  # what was sent last, or is to be sent next
    waited_for = -1  # the state of the sources that `token` and `share` belong to
    redirected = False  # the answer is where a redirect points to
    success = range(200, 300)

    def __init__(
        self,
        target: Target,
        body: bytes | None,
        settings: Settings,
        kind: Any,
        anonymous: bool,
        content_type: str,
    ) -> None:
        self.target = target
        self.url = target.url
        if settings.params:
            self.url = _protocol.with_params(target.url, settings.params)
        self.body = body
        self.settings = settings
        self.kind = kind
        self.anonymous = anonymous
        self.content_type = content_type

    @classmethod
    def for_redirect(
        cls, target: Target, data: Mapping[str, Any], settings: Settings, kind: Any, anonymous: bool
    ) -> Call:
        """A GET with a query, whose answer is where it is redirected to."""
        call = cls(target, None, settings, kind, anonymous, "")
        call.url = _protocol.with_params(call.url, _protocol.query_params(data))
        call.redirected, call.success = True, range(200, 400)
        return call

    @property
    def method(self) -> str:
        return "GET" if self.body is None else "POST"

    @property
    def repeatable(self) -> bool:
        """Whether it may be sent twice: the caller's word, else the table's."""
        idempotent = self.settings.idempotent
        return self.target.repeatable if idempotent is None else idempotent

    def secrets(self) -> tuple[str, ...]:
        """Credentials that are in this call alone: a server may repeat any of them."""
        settings = self.settings
        given = (*settings.headers.values(), *settings.params.values())
        # A short value is no credential, but would blot out half of a message.
        own = [text for text in (*given, *secrets_in(self._sent())) if text and len(text) >= 8]
        own += [token.header for token in (self.share, self.token) if token.header]
        return tuple(own)

    def shown_data(self) -> Any:
        """What was sent, read back from its bytes: plain, without the caller's own objects."""
        return "(form)" if self.content_type == _protocol.FORM else self._sent()

    def _sent(self) -> Any:
        if self.body is None:
            return None  # everything is in the URL
        if self.content_type == _protocol.FORM:
            return dict(parse_qsl(self.body.decode()))
        return msgspec.json.decode(self.body)
