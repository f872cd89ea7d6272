"""The request loop: the one place that sends, retries, renews, gives up and tells.

A call passes three frames: the operation (or ``post_api``), ``Engine._call``, ``transport.send``.
Around them: ``_policy.next_step`` says what to do after a failure, the token sources wait for
refreshes, the limiter paces, the retry budget pays. Events are emitted here and nowhere else.
"""

from __future__ import annotations

import asyncio
import platform as platform_module
import sys
import weakref
from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict

from attrs import frozen

from pdsclient import _codec, _protocol
from pdsclient._call import ANONYMOUS, Call, Response, Settings, Target, resolve
from pdsclient._clock import Clock
from pdsclient._login import Login, Post
from pdsclient._operations_table import REPEATABLE
from pdsclient._policy import Action, Situation, cost, next_step
from pdsclient._secrets import mask_text, safe_cause
from pdsclient._sources import (
    ProvidedTokenSource,
    ShareTokenSource,
    Token,
    TokenSource,
    in_exchange,
)
from pdsclient._version import __version__
from pdsclient.config import ClientConfig, Random, RuntimeContext
from pdsclient.errors import (
    ClientClosed,
    DeadlineExceeded,
    DecodeError,
    InvalidRequest,
    PDSError,
    RateLimited,
    RefreshFailed,
    record_stack,
)
from pdsclient.events import ClientEvents
from pdsclient.limits import RateLimiter, RetryBudget
from pdsclient.models import Request
from pdsclient.options import NO_OPTIONS, RequestOptions
from pdsclient.tokens import TokenInfo
from pdsclient.transport import Transport, request_headers

if TYPE_CHECKING:
    from pdsclient.operations import AnyOp

Tokens: TypeAlias = TokenSource | ProvidedTokenSource

# How long closing waits for an unfinished refresh, and for listeners, each.
DRAIN_S = 5.0
_MOST_TARGETS = 1_024


class _Timing(TypedDict):
    """What every source of tokens takes from the context."""

    clock: Clock
    sleep: Callable[[float], Awaitable[None]]
    random: Random


class Shared:
    """What a client and all of its views have in common."""

    def __init__(self, config: ClientConfig, context: RuntimeContext) -> None:
        self.config = config
        self.context = context
        self.now = context.clock.monotonic
        self._timing: _Timing = {
            "clock": context.clock,
            "sleep": context.sleep,
            "random": context.random,
        }
        self.sources: weakref.WeakSet[Any] = weakref.WeakSet()
        self.events = ClientEvents(secrets=self.secrets)
        self.limiter = RateLimiter(config.rate_limit, context.clock, context.sleep)
        self.budget = RetryBudget(config.retry.budget)
        self.transport = Transport(
            borrowed=context.session,
            trace_configs=context.trace_configs,
            max_connections=config.max_connections,
            max_reply_bytes=config.max_reply_bytes,
            proxy=config.proxy,
            trust_env=config.trust_env,
            ssl=config.ssl,
        )
        python = platform_module.python_version()
        self.user_agent = (
            config.user_agent or f"pdsclient/{__version__} python/{python} ({context.platform})"
        )
        self.closed = False
        self._jobs: set[asyncio.Task[Any]] = set()
        self._closing: asyncio.Future[None] | None = None
        self._targets: dict[tuple[str | None, str], Target] = {}

    def secrets(self) -> tuple[str, ...]:
        """Every credential in use, for masking."""
        return tuple(secret for source in list(self.sources) for secret in source.secrets())

    def check_open(self) -> None:
        """Raise ClientClosed, except inside what closing waits for."""
        if self.closed and not (in_exchange() or self.events.muted()):
            raise ClientClosed("the client is closed; make a new one")

    def check_usable(self) -> None:
        """Raise before anything begins if no call could be made here and now."""
        self.check_open()
        self.transport.check_loop()

    def target(self, endpoint: str | None, pathname: str) -> Target:
        """The operation behind a path; remembered, since there are few."""
        try:
            return self._targets[endpoint, pathname]
        except (KeyError, TypeError):
            assert endpoint is not None  # ClientConfig fills both in
            version = self.config.version
            path = _protocol.operation_path(pathname, endpoint, version)
            group = path.split("/", 2)[1]
            target = Target(path, f"{endpoint}/{version}{path}", group, path in REPEATABLE)
            if len(self._targets) < _MOST_TARGETS:
                self._targets[endpoint, pathname] = target
            return target

    def token_source(self, config: ClientConfig) -> Tokens:
        """The source for the credential that a configuration describes."""

        def announce(info: TokenInfo) -> None:
            self.events.emit("token", info)

        source: Tokens
        if config.token_provider is not None:
            provider = config.token_provider
            source = ProvidedTokenSource(provider=provider, on_new=announce, **self._timing)
        else:
            refresh, needs_token = config.refresh_token_fun, None
            if isinstance(refresh, Login):
                needs_token, refresh = refresh.needs_token, partial(refresh.token, self._post)
            source = TokenSource(
                token_info=config.token_info,
                refresh=refresh,
                needs_token=needs_token,
                store=config.token_store,
                on_new=announce,
                **self._timing,
            )
        self.sources.add(source)
        return source

    def share_source(self, config: ClientConfig) -> ShareTokenSource:
        """The source for the share token that a configuration describes."""

        def announce(share_token: str) -> None:
            self.events.emit("share_token", share_token)

        source = ShareTokenSource(
            share_token=config.share_token,
            refresh=config.refresh_share_token_fun,
            on_new=announce,
            **self._timing,
        )
        self.sources.add(source)
        return source

    @cached_property
    def _post(self) -> Post:
        """How logins send: through these connections, with nobody's credential."""
        nobody = ClientConfig(api_endpoint=self.config.api_endpoint, allow_http=True)
        # An engine of its own: the one that waits for the login does not exist yet.
        engine = Engine(self, self.token_source(nobody), self.share_source(nobody), NO_OPTIONS)

        async def post(pathname: str, data: Any = None, options: Any = None) -> Any:
            endpoint = self.config.auth_endpoint
            call = engine.prepare(endpoint, pathname, data, options, None, anonymous=True)
            return await engine.run(call)

        return post

    def own(self, job: asyncio.Task[Any]) -> None:
        """Cancel the job and wait for it when the client is closed."""
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)

    async def _end_jobs(self) -> None:
        """Before anything is closed: what they clean up takes calls."""
        jobs = self._jobs - {asyncio.current_task()}
        for job in jobs:
            job.cancel()
        if jobs:
            await asyncio.wait(jobs, timeout=DRAIN_S)

    async def close(self) -> None:
        """Once, whoever asks; the others wait for it."""
        self.transport.check_loop()
        if self._closing is not None:
            # Except those that it waits for.
            if not self.events.is_dispatching() and not in_exchange():
                await asyncio.shield(self._closing)
            return
        self._closing = asyncio.get_running_loop().create_future()
        try:
            await self._end_jobs()
            self.closed = True
            # At once: each of many views may be in the middle of a refresh.
            await asyncio.gather(*(source.aclose(timeout_s=DRAIN_S) for source in self.sources))
            await self.events.drain(DRAIN_S)
        finally:
            try:
                await self.transport.aclose()
            finally:
                self._closing.set_result(None)


@frozen
class _Headers:
    """Request headers, and what they were made from."""

    token: Token
    share: Token
    settings: Settings
    content_type: str
    headers: Mapping[str, str]


class Engine:
    """Sends the calls of a client, or of one of its views.

    Args:
        shared: connections, limiter, budget and events.
        tokens: source of the access token.
        share: source of the share token.
        options: settings for all calls.
    """

    def __init__(
        self, shared: Shared, tokens: Tokens, share: ShareTokenSource, options: RequestOptions
    ) -> None:
        self.shared = shared
        self.tokens = tokens
        self.share = share
        self.options = options
        self._settings = resolve(options, shared.config)
        self._headers = _Headers(ANONYMOUS, ANONYMOUS, self._settings, "", {})

    def with_options(self, options: RequestOptions | Mapping[str, Any]) -> Engine:
        """The same, with other settings for its calls."""
        chosen = RequestOptions.parse(options).over(self.options)
        return Engine(self.shared, self.tokens, self.share, chosen)

    # -------------------------------------------------------------------- preparation

    def prepare(
        self,
        endpoint: str | None,
        pathname: str,
        data: Mapping[str, Any] | None,
        options: RequestOptions | Mapping[str, Any] | None,
        kind: Any,
        *,
        anonymous: bool = False,
    ) -> Call:
        """Everything that can be checked before anything is sent."""
        shared = self.shared
        settings = self._settings
        if options is not None:
            chosen = RequestOptions.parse(options).over(self.options)
            settings = resolve(chosen, shared.config)
        if kind is not None:
            _codec.check_kind(kind)
        target = shared.target(endpoint, pathname)
        if target.path == "/oauth/token":
            body, content_type = _protocol.encode_form(data), _protocol.FORM
        else:
            body, content_type = _codec.encode(data), _protocol.JSON
        return Call(target, body, settings, kind, anonymous, content_type)

    def wire(self, request: Request) -> dict[str, Any]:
        """What a typed request sends, checked unless this view says not to."""
        return request.to_wire(self._settings.validate)

    @property
    def settings(self) -> Settings:
        """What holds for the calls of this client or view."""
        return self._settings

    @property
    def validates(self) -> bool:
        """Arguments are checked before they are sent."""
        return self._settings.validate

    def prepare_op(self, op: AnyOp, data: Mapping[str, Any]) -> Call:
        """The call of a typed operation."""
        config = self.shared.config
        endpoint = config.auth_endpoint if op.auth else config.api_endpoint
        target = self.shared.target(endpoint, op.path)
        if op.redirect:
            return Call.for_redirect(target, data, self._settings, op.kind, op.anonymous)
        if op.form:
            body, content_type = _protocol.encode_form(data), _protocol.FORM
        else:
            body, content_type = _codec.encode(data), _protocol.JSON
        return Call(target, body, self._settings, op.kind, op.anonymous, content_type)

    def url_of(self, op: AnyOp, data: Mapping[str, Any]) -> str:
        """The URL of an operation that a browser opens."""
        config = self.shared.config
        endpoint = config.auth_endpoint if op.auth else config.api_endpoint
        target = self.shared.target(endpoint, op.path)
        return _protocol.with_params(target.url, _protocol.query_params(data))

    # -------------------------------------------------------------------- the request loop

    def run(self, call: Call) -> Awaitable[Any]:
        # Chosen here so that a call without a deadline pays for no timer and no frame.
        if call.settings.deadline is None:
            return self._call(call)
        return self._call_in_time(call, call.settings.deadline)

    async def run_for_response(self, call: Call) -> tuple[Any, Response]:
        started = self.shared.now()
        data = await self.run(call)
        reply = call.reply
        assert reply is not None  # a call that returns has one
        return data, Response(
            status=reply.status,
            headers=reply.headers,
            data=data,
            body=reply.body,
            request_id=reply.request_id,
            attempts=call.sends,
            elapsed_s=self.shared.now() - started,
            waited_s=call.waited_s,
        )

    async def _call_in_time(self, call: Call, deadline_s: float) -> Any:
        call.ends_at = self.shared.now() + deadline_s
        timer = asyncio.timeout(deadline_s)
        try:
            async with timer:
                return await self._call(call)
        except TimeoutError:
            if not timer.expired():
                raise
        error = DeadlineExceeded(
            f"the call was not done within its deadline of {deadline_s:g} s",
            may_have_happened=call.may_have_happened or call.on_the_wire,
        )
        error.__cause__ = call.last_error
        self._settle(call, error)
        raise error  # its cause may have been replaced by a summary

    async def _call(self, call: Call) -> Any:
        shared = self.shared
        group = call.target.group
        depart = partial(self._depart, call)
        try:
            while True:
                if shared.closed:
                    shared.check_open()
                try:
                    reply = await shared.transport.send(
                        call.url, depart, call.body, call.settings.timeout
                    )
                except PDSError as failure:
                    error = failure
                else:
                    if reply is None:
                        await call.hold(call)
                        continue
                    if reply.status in call.success:
                        shared.limiter.accepted(group)
                        shared.budget.refund()
                        call.reply = reply
                        return self._decode(call, reply)
                    error = self._reply_error(call, reply)
                call.on_the_wire = call.paced = False
                await self._recover(call, error)
        except PDSError as error:
            if isinstance(error, (InvalidRequest, ClientClosed)):
                raise
            self._settle(call, error)
            raise

    def _decode(self, call: Call, reply: _protocol.Reply) -> Any:
        if not reply.body and call.kind is None:
            return None
        if call.redirected:
            reply = _protocol.redirection(reply)
        nothing = b"{}" if reply.status == 204 else b""  # as a model
        try:
            return _codec.decode(reply.body or nothing, call.kind)
        except DecodeError as bare:
            reason = bare.message
        raise _protocol.undecodable(reply, reason, self.known(call))

    def _reply_error(self, call: Call, reply: _protocol.Reply) -> PDSError:
        shared = self.shared
        error = _protocol.reply_error(
            reply, now=shared.context.clock.time(), known=self.known(call)
        )
        assert error is not None
        if isinstance(error, RateLimited):
            shared.limiter.throttled(call.target.group, error.retry_after_s)
        else:
            shared.limiter.accepted(call.target.group)
        return error

    def _depart(self, call: Call) -> Mapping[str, str] | None:
        """The headers of a request that leaves now; None if ``call.hold`` has to be awaited.

        Asked for when a connection is free: while the request queued for it, the token may have
        died and the rate may have been limited. Nearly always they are those of the last call.
        """
        settings = call.settings
        share = settings.share or self.share.ready()
        token = ANONYMOUS if settings.own_credential else self.tokens.ready()
        if call.anonymous:
            token = share = ANONYMOUS
        if share is None or token is None:
            if call.waited_for != self._news():
                call.hold = self._await_tokens
                return None
            share, token = call.share, call.token
        if not call.paced and self.shared.limiter.reserve(call.target.group):
            call.hold = self._await_turn
            return None
        call.token, call.share = token, share
        call.sends += 1
        call.on_the_wire = True
        last = self._headers
        if (
            last.token is token
            and last.share is share
            and last.settings is settings
            and last.content_type is call.content_type
        ):
            return last.headers
        return self._make_headers(call)

    async def _await_tokens(self, call: Call) -> None:
        """Choose the tokens of the call's next request; they hold until there is news of either."""
        share = call.settings.share or self.share.ready() or await self.share.get()
        token = ANONYMOUS if call.settings.own_credential else self.tokens.ready()
        if token is None:
            # A share token can stand alone (pds-service.md 2.6).
            alone = share.header is not None and self.tokens.is_empty
            before = self.tokens.exchanges
            token = ANONYMOUS if alone else await self.tokens.get()
            # A token fetched for this call is its one exchange.
            call.exchanged |= self.tokens.exchanges > before
        call.token, call.share = token, share
        call.waited_for = self._news()

    async def _await_turn(self, call: Call) -> None:
        """Wait for the call's turn at the limited rate; it keeps the turn until it is sent."""
        began = self.shared.now()
        await self.shared.limiter.wait(call.target.group)
        call.waited_s += self.shared.now() - began
        call.paced = True

    def _news(self) -> int:
        return self.tokens.news + self.share.news

    def _make_headers(self, call: Call) -> Mapping[str, str]:
        settings = call.settings
        plain = {
            "Accept": "application/json",
            "Accept-Encoding": "gzip, deflate",
            "User-Agent": self.shared.user_agent,
        }
        if call.content_type:
            plain["Content-Type"] = call.content_type
        if call.token.header is not None:
            plain["Authorization"] = call.token.header
        if call.share.header is not None:
            plain[_protocol.SHARE_TOKEN_HEADER] = call.share.header
        headers = request_headers(plain, settings.headers)
        self._headers = _Headers(call.token, call.share, settings, call.content_type, headers)
        return headers

    # -------------------------------------------------------------------- after a failure

    async def _recover(self, call: Call, error: PDSError) -> None:
        """Returns when the call is to be sent again, raises when it is over."""
        shared = self.shared
        call.last_error = error
        call.may_have_happened |= error.may_have_happened
        step = next_step(error, self._situation(call, error), shared.config.retry)
        if step.action is Action.RENEW:
            await self._renew(call, error)
        elif step.action is Action.RENEW_SHARE:
            await self._renew_share(call, error)
        elif step.action is Action.RETRY and shared.budget.withdraw(cost(error)):
            wait = step.wait_s
            if wait is None:
                wait = step.ceiling_s * shared.context.random.random()
            self._tell_retry(call, error, wait)
            await shared.context.sleep(wait)
            call.waited_s += wait
        else:
            raise error

    def _situation(self, call: Call, error: PDSError) -> Situation:
        shared = self.shared
        return Situation(
            repeatable=call.repeatable,
            attempt=call.sends - call.repeats,
            retries=call.settings.retries,
            repeats=call.repeats,
            has_token=call.token.header is not None,
            has_share_token=call.share.header is not None and call.settings.share is None,
            can_pay=shared.budget.can_pay(cost(error)),
            remaining_s=call.ends_at - shared.now(),
        )

    async def _renew(self, call: Call, error: PDSError) -> None:
        renewal = await self.tokens.renew(call.token, may_exchange=not call.exchanged)
        if renewal is None:
            raise error
        call.exchanged |= renewal[1]
        call.repeats += 1

    async def _renew_share(self, call: Call, error: PDSError) -> None:
        renewal = await self.share.renew(call.share, may_exchange=not call.share_exchanged)
        if renewal is None:
            raise error
        call.share_exchanged |= renewal[1]
        call.repeats += 1

    # -------------------------------------------------------------------- telling

    def _settle(self, call: Call, error: PDSError) -> None:
        """Fill in what the error is about to be raised with, and tell the listeners."""
        self._fill_in(call, error)
        events = self.shared.events
        if call.settings.emit and events.has("error"):
            events.emit("error", error, error.req_opt)

    def _tell_retry(self, call: Call, error: PDSError, delay_s: float) -> None:
        events = self.shared.events
        if call.settings.emit and events.has("retry"):
            self._fill_in(call, error)
            events.emit("retry", error, error.req_opt, delay_s)

    def known(self, call: Call) -> tuple[str, ...]:
        """Every credential that a call may show."""
        return self.shared.secrets() + call.secrets()

    def _fill_in(self, call: Call, error: PDSError) -> None:
        known = self.known(call)
        error.attempts = call.sends
        error.may_have_happened |= call.may_have_happened
        error.message = mask_text(error.message, known)
        error.args = (error.message,)
        error.req_opt = call.settings.options.filled(
            method=call.method, url=call.url, data=call.shown_data(), attempt=call.sends
        )
        # The token source has made its causes safe, once for all who wait.
        if error.__cause__ is not None and not isinstance(error, RefreshFailed):
            error.__cause__ = safe_cause(error.__cause__, known)
        record_stack(error, sys._getframe(2))  # from the loop outwards
