"""The credential that a request carries, and how it is replaced before or after it dies.

After an exchange the old access and refresh tokens are dead, so a lost exchange is a lost login
(pds-service.md 2.5). One mechanism therefore serves every kind of credential::

    ready() ── nothing to wait for ──> Token
       │
      None: no token yet, near its end, expired, or refused by the server
       │
    get(), renew(used) ── join ──> _Flight: one task, shielded from all who wait for it
                                      │
             a newer token is in the store: adopt │ ask the caller's function, save, put in force
                                      │
                 every waiter: the new Token, or its own RefreshFailed with the shared cause

Each token put in force has a higher generation. Whoever was refused says which token it had
used, so a late refusal of an old one never costs an exchange. ``set`` and ``remove`` begin a new
generation too: a flight that was under way is superseded and its token is neither put in force,
saved nor announced.
"""

from __future__ import annotations

import abc
import asyncio
import inspect
import logging
import math
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeAlias

from attrs import frozen

from pdsclient._checks import check_token
from pdsclient._clock import Clock
from pdsclient._secrets import WithheldCause, mask_text, safe_cause
from pdsclient._times import render_time
from pdsclient.errors import AuthError, ClientClosed, InvalidRequest, PDSError, RefreshFailed
from pdsclient.token_store import TokenStore
from pdsclient.tokens import TokenInfo

if TYPE_CHECKING:
    from pdsclient.config import Random

__all__ = ["ProvidedTokenSource", "ShareTokenSource", "Token", "TokenSource", "in_exchange"]

_log = logging.getLogger("pdsclient.auth")

Sleep: TypeAlias = Callable[[float], Awaitable[None]]
Answer: TypeAlias = TokenInfo | Mapping[str, Any]
RefreshToken: TypeAlias = Callable[[], Awaitable[Answer]] | Callable[[TokenInfo], Awaitable[Answer]]

# How long before its end a token is replaced, while requests still go on with it.
_EARLY_S: Final = 300.0
# How long a call waits for such an early exchange before it goes on with the old token.
_PATIENCE_S: Final = 2.0
# The caller's function gets less than the 120 s of a FileTokenStore's lock: the rest is for
# saving what it returned, since that must not be cut short.
_LONGEST_EXCHANGE_S: Final = 90.0
_PROVIDED_FOR_S: Final = 2.0
_FIRST_BACKOFF_S: Final = 0.5
_LONGEST_BACKOFF_S: Final = 30.0
# A server may ask for more than our own longest back-off, but not for for ever.
_LONGEST_WAIT_S: Final = 3600.0
_REMEMBERED_SECRETS: Final = 16
_LONGEST_TEXT: Final = 500


@frozen(repr=False, eq=False)
class Token:
    """What one request sends.

    Attributes:
        info: the token in full; None for an anonymous request and for a share token.
        header: the header's value, None if there is nothing to send.
        generation: grows with each token put in force.
    """

    info: TokenInfo | None
    header: str | None
    generation: int


class _Flight:
    """One exchange, or one look into the store, and what its waiters need to know about it."""

    __slots__ = (
        "asks",
        "cause",
        "exchanged",
        "owner",
        "patience",
        "refused",
        "result",
        "running",
        "settled",
        "superseded",
        "task",
    )

    def __init__(self, owner: _Source, refused: int, *, asks: bool) -> None:
        self.owner = owner
        self.refused = refused  # the newest generation known to be refused when it began
        self.asks = asks  # may call the user's function; else it only reads or saves
        self.exchanged = False
        self.result: Token | None = None
        self.cause: BaseException | None = None
        self.running = True
        self.superseded = False
        self.settled = asyncio.get_running_loop().create_future()
        self.patience: asyncio.Task[None] | None = None
        self.task: asyncio.Task[None] | None = None

    def settle(self) -> None:
        """Wake all waiters, unless their loop was closed under them."""
        if self.settled.done() or self.settled.get_loop().is_closed():
            return
        self.settled.set_result(None)
        if self.patience is not None:
            self.patience.cancel()


# The flights that the current code runs inside of: the user's function is called within one.
_INSIDE: ContextVar[tuple[_Flight, ...]] = ContextVar("pdsclient_exchanges", default=())


def in_exchange() -> bool:
    """Whether this code runs inside a caller's refresh function or token provider."""
    return any(flight.running for flight in _INSIDE.get())


class _Backoff:
    """When something that failed may be tried again."""

    __slots__ = ("_clock", "_random", "failures", "until")

    def __init__(self, clock: Clock, random: Random) -> None:
        self._clock = clock
        self._random = random
        self.clear()

    def clear(self) -> None:
        """Forget all failures."""
        self.failures = 0
        self.until = -math.inf

    def failed(self, *, at_least_s: float = 0.0) -> None:
        """Count a failure: 0.5 s doubling to 30 s, and up to a quarter more at random."""
        own = min(_FIRST_BACKOFF_S * 2.0 ** min(self.failures, 16), _LONGEST_BACKOFF_S)
        own *= 1 + self._random.random() / 4
        self.failures += 1
        self.until = self._clock.monotonic() + max(own, at_least_s)

    def blocks(self) -> bool:
        """Whether it is too early to try again."""
        return self._clock.monotonic() < self.until


class _Source(abc.ABC):
    """One exchange at a time, shared by all who need it; see the module's picture."""

    _what: str

    def __init__(self, *, clock: Clock, sleep: Sleep, random: Random) -> None:
        self._monotonic = clock.monotonic
        self._sleep = sleep
        self._backoff = _Backoff(clock, random)
        self._cause: BaseException | None = None
        self._token: Token | None = None
        self._generation = 0
        self.exchanges = 0  # that put a token in force; to ask a provider is none
        self._look_at = -math.inf  # until then the token is sent without a further thought
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = asyncio.Lock()
        self._flight: _Flight | None = None
        self._refused_generation = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._known_secrets: deque[str] = deque(maxlen=_REMEMBERED_SECRETS)
        self._closed = False

    # -- what a call needs

    def ready(self) -> Token | None:
        """The token to send now; None if ``get`` has to be awaited."""
        return self._token if self._monotonic() < self._look_at else None

    @property
    def news(self) -> int:
        """Grows with every token that is put in force and every refusal of the newest one."""
        return self._generation + self._refused_generation

    async def get(self) -> Token:
        """The token to send; starts or joins an exchange if one is due.

        Raises:
            AuthError: there is no credential and no means to get one.
            RefreshFailed: it was needed and failed, or is not tried again yet.
        """
        self._enter()
        while (token := self.ready()) is None:
            asks = self._can_ask() and self._is_due()
            if not asks and not self._can_look():
                return self._last_resort()
            flight = self._join(asks=asks)
            await self._wait(flight)
            if flight.asks and flight.result is not None and flight.result is self._token:
                return flight.result  # also if it seems to have expired already
            if (usable := self._usable()) is not None:
                return usable
            if flight.superseded or flight.result or not flight.settled.done():
                continue
            if flight.cause is not None:
                raise self._failed(flight.cause)
            if flight.asks or not asks:
                return self._last_resort()
        return token

    async def renew(self, used: Token, *, may_exchange: bool) -> tuple[Token, bool] | None:
        """A newer token than the one that the server refused, and whether that took an exchange.

        None means that nothing newer is known and that there is no means to get it, or that
        ``may_exchange`` forbids it: the server's own error is then the answer.

        Raises:
            RefreshFailed: the exchange failed, or is not tried again yet.
        """
        self._enter()
        self._refused_generation = max(self._refused_generation, used.generation)
        self._look_again()
        exchanged = False
        while used.generation == self._generation:
            asks = may_exchange and self._can_ask()
            if not asks and not self._can_look():
                break
            flight = self._join(asks=asks)
            await asyncio.shield(flight.settled)
            exchanged = flight.exchanged
            if flight.superseded or flight.result not in (None, used):
                break
            if flight.cause is not None:
                raise self._failed(flight.cause)
            # An answer to a question from before the refusal proves nothing.
            if (flight.asks or not asks) and flight.refused >= used.generation:
                break
        if used.generation < self._generation and self._token is not None:
            return self._token, exchanged
        if may_exchange and self._cause is not None and self._backoff.blocks():
            raise self._failed(self._cause)
        return None

    async def aclose(self, *, timeout_s: float) -> None:
        """Begin no exchange any more, and drain."""
        self._closed = True
        await self.drain(timeout_s=timeout_s)

    async def drain(self, *, timeout_s: float) -> None:
        """Let an exchange under way end within the time, then cancel it; no task is left."""
        self._attach()
        # A function of the caller's that closes the client must not wait for itself.
        tasks = self._tasks - {flight.task for flight in _INSIDE.get()}
        if not tasks:
            return
        try:
            await asyncio.wait(tasks, timeout=timeout_s)
        finally:
            for task in tasks:
                task.cancel()
        # Bounded again: a function that swallows its cancellation must not hang the close.
        await asyncio.wait(tasks, timeout=timeout_s)

    def secrets(self) -> tuple[str, ...]:
        """The values to mask wherever text is shown: current ones and the last few old ones."""
        return tuple(self._known_secrets)

    # -- what differs between the sources

    @abc.abstractmethod
    async def _work(self, flight: _Flight) -> None:
        """Do what the flight is for; sets its ``result`` when a token was put in force."""

    @abc.abstractmethod
    def _plan(self) -> None:
        """Set ``_look_at``."""

    @abc.abstractmethod
    def _can_ask(self) -> bool:
        """Whether the user's function may be called now."""

    def _look_again(self) -> None:
        """Plan anew after a refusal."""
        self._plan()

    def _is_due(self) -> bool:
        """Whether ``get`` is to ask the user's function, given that it may."""
        return True

    def _can_look(self) -> bool:
        """Whether there is a store to read."""
        return False

    @property
    def is_empty(self) -> bool:
        """Whether there is no token and no means to get one: ``get`` can only refuse."""
        means = self._can_ask() or self._can_look() or self._backoff.blocks()
        return self._token is None and not means

    def _usable(self) -> Token | None:
        """The token in force if a call may go on with it although a flight is under way."""
        return None

    def _none_left(self) -> Token:
        """What to send when nothing newer can be had."""
        if self._token is not None:
            return self._token
        raise AuthError(f"no {self._what}: {self._means()}")

    @abc.abstractmethod
    def _means(self) -> str:
        """How the caller can provide a credential, for messages."""

    # -- the machinery

    def _is_refused(self) -> bool:
        """Whether the server refused the token in force."""
        return self._token is not None and self._token.generation <= self._refused_generation

    def _last_resort(self) -> Token:
        if self._cause is not None and self._backoff.blocks():
            raise self._failed(self._cause)
        return self._none_left()

    def _put(self, info: TokenInfo | None, header: str | None) -> Token:
        self._generation += 1
        self._token = Token(info, header, self._generation)
        self._forgive()
        return self._token

    def _forgive(self) -> None:
        self._backoff.clear()
        self._cause = None

    def _remember(self, *values: str | None) -> None:
        for value in filter(None, values):
            if value in self._known_secrets:
                self._known_secrets.remove(value)
            self._known_secrets.append(value)

    def _enter(self) -> None:
        self._attach()
        for flight in _INSIDE.get():
            if flight.owner is self and flight.running:
                raise AuthError(
                    f"a call that needs the {self._what} was made from inside the function that "
                    "fetches it, and would wait for itself; use post_auth_anonymous or "
                    "post_api_anonymous there"
                )

    def _attach(self) -> None:
        """Drop what belongs to another loop: asyncio.run was used again, or the process forked."""
        loop = asyncio.get_running_loop()
        if loop is self._loop:
            return
        if self._flight is not None:
            self._flight.superseded = True
        self._loop, self._lock, self._flight, self._tasks = loop, asyncio.Lock(), None, set()
        self._plan()

    def _join(self, *, asks: bool) -> _Flight:
        if self._flight is not None:
            return self._flight
        if self._closed:
            raise ClientClosed("the client is closed; make a new one")
        flight = self._flight = _Flight(self, self._refused_generation, asks=asks)
        self._plan()
        flight.task = self._spawn(self._fly(flight))
        return flight

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # it is in the flight's cause; asyncio need not report it

    async def _fly(self, flight: _Flight) -> None:
        _INSIDE.set((*_INSIDE.get(), flight))
        try:
            async with self._lock:
                if not flight.superseded:
                    await self._work(flight)
        except BaseException as error:
            # A CancelledError that nobody sent us is the function's own way of failing.
            own = isinstance(error, asyncio.CancelledError) and not _is_cancelled()
            self._note(flight, error, counts=own or isinstance(error, Exception))
            if not own and not isinstance(error, Exception):
                raise
        finally:
            self._land(flight)

    def _note(self, flight: _Flight, error: BaseException, *, counts: bool) -> None:
        flight.cause = safe_cause(error, self.secrets())
        if counts and not flight.superseded:
            self._cause = flight.cause
            self._backoff.failed(at_least_s=_requested_wait(error))

    def _land(self, flight: _Flight) -> None:
        flight.running = False
        if self._flight is flight:
            self._flight = None
        self._plan()
        flight.settle()

    def _supersede(self) -> None:
        flight, self._flight = self._flight, None
        self._forgive()
        if flight is not None:
            flight.superseded = True
            flight.settle()

    async def _wait(self, flight: _Flight) -> None:
        if self._usable() is None:
            await asyncio.shield(flight.settled)
            return
        if flight.patience is None:
            flight.patience = self._spawn(self._be_patient())
        if not flight.patience.done():
            await asyncio.wait(
                {flight.settled, flight.patience}, return_when=asyncio.FIRST_COMPLETED
            )

    async def _be_patient(self) -> None:
        await self._sleep(_PATIENCE_S)

    async def _force(self) -> Token:
        """The token of an exchange that is made now, whatever is in force."""
        self._enter()
        while True:
            flight = self._join(asks=True)
            await asyncio.shield(flight.settled)
            if flight.superseded:
                return self._none_left()
            if flight.asks and flight.result is not None:
                return flight.result
            if flight.asks and flight.cause is not None:
                raise self._failed(flight.cause)

    def _failed(self, cause: BaseException) -> RefreshFailed:
        """An error of the caller's own: one instance in many waiters collects all tracebacks."""
        kind = "" if isinstance(cause, WithheldCause) else type(cause).__qualname__
        text = mask_text(str(cause), self.secrets())[:_LONGEST_TEXT]
        error = RefreshFailed(
            f"the {self._what} could not be refreshed: " + ": ".join(filter(None, (kind, text))),
            retry_after_s=cause.retry_after_s if isinstance(cause, PDSError) else None,
        )
        error.__cause__ = cause
        return error


class TokenSource(_Source):
    """The access token of one user, with what replaces it.

    Args:
        token_info: the token to start with.
        refresh: the caller's ``refresh_token_fun``, without or with the token as argument.
        store: shares the token with other processes; ``refresh`` then takes the token.
        clock: monotonic time for all that was issued here, wall-clock time for other tokens.
        sleep: waits for a number of seconds.
        random: source of jitter.
        on_new: called with each token that came from ``refresh`` or the store, when it is saved
            and in force.

    Raises:
        InvalidRequest: ``refresh`` cannot be called as described.
    """

    _what = "access token"

    def __init__(
        self,
        *,
        token_info: TokenInfo | None,
        refresh: RefreshToken | None,
        store: TokenStore | None = None,
        clock: Clock,
        sleep: Sleep,
        random: Random,
        on_new: Callable[[TokenInfo], None],
    ) -> None:
        super().__init__(clock=clock, sleep=sleep, random=random)
        self._refresh: Callable[..., Awaitable[Answer]] | None = refresh
        self._takes_token = refresh is not None and _takes_token(
            "refresh_token_fun", refresh, needed=store is not None
        )
        self._store = store
        self._wall = clock.time
        self._random = random
        self._on_new = on_new
        self._early_at = self._dead_at = -math.inf
        self._signed_out = False
        self._in_store: _Mark | None = None  # what the store held when we last used it
        self._is_unsaved = False
        self._saving = _Backoff(clock, random)
        if token_info is not None:
            self.set(token_info)

    @property
    def token_info(self) -> TokenInfo | None:
        """The token in force; None before the first one and after ``remove``."""
        return None if self._token is None else self._token.info

    def set(self, info: TokenInfo) -> None:
        """Put another token in force; an exchange under way is for nothing."""
        self._supersede()
        self._is_unsaved = self._store is not None
        self._saving.clear()
        self._put_in_force(info, self._life_of_given(info), self._monotonic())
        self._plan()

    def remove(self) -> None:
        """Sign out: calls raise AuthError until ``set`` or ``refresh``, and nothing is fetched."""
        self._supersede()
        self._generation += 1
        self._token = None
        self._signed_out = True
        self._is_unsaved = False
        self._plan()

    async def refresh(self) -> TokenInfo:
        """A new token, now: from the store if another process was faster, else by an exchange.

        Raises:
            AuthError: there is no refresh function, or no token that it could exchange.
            RefreshFailed: the exchange failed.
        """
        if self._refresh is None:
            raise AuthError("there is no refresh_token_fun that could fetch a new token")
        token = await self._force()
        assert token.info is not None  # only other sources have tokens without one
        return token.info

    async def aclose(self, *, timeout_s: float) -> None:
        """End an exchange under way and try once more to save what could not be saved."""
        await super().aclose(timeout_s=timeout_s)
        if not self._is_unsaved:
            return
        try:
            async with asyncio.timeout(timeout_s):
                await self._work(_Flight(self, 0, asks=False))
        except Exception as error:
            self._warn("the token is not in the store", error)

    # -- when to look for another token

    def _plan(self) -> None:
        if self._token is None or (self._flight is not None and self._flight.asks):
            # During an exchange all calls take the slow path: it may kill the token any moment.
            self._look_at = -math.inf
        elif self._refresh is None and self._store is None:
            self._look_at = math.inf  # the server decides
        elif self._is_refused():
            self._look_at = -math.inf
        else:
            again_at = min(self._backoff.until, self._dead_at)
            self._look_at = max(self._early_at, again_at)
            if self._is_unsaved:
                save_at = max(self._saving.until, self._backoff.until)
                self._look_at = min(self._look_at, save_at)

    def _can_ask(self) -> bool:
        if self._refresh is None or self._signed_out or self._backoff.blocks():
            return False
        return not self._takes_token or self._token is not None

    def _is_due(self) -> bool:
        return self._usable() is None or self._monotonic() >= self._early_at

    def _can_look(self) -> bool:
        return self._store is not None and not self._signed_out

    def _usable(self) -> Token | None:
        alive = self._monotonic() < self._dead_at and not self._is_refused()
        return self._token if alive else None

    def _means(self) -> str:
        if self._signed_out:
            return "it was removed; use set_token"
        if self._store is not None:
            return "the token_store is empty; use set_token or token_info once"
        if self._takes_token:
            return "refresh_token_fun needs one to exchange; use set_token or token_info"
        return "use set_token, token_info, refresh_token_fun or token_provider"

    def _life_of_given(self, info: TokenInfo) -> float:
        """Seconds that a token from outside has left; unlimited if it does not say."""
        if info.expire_time is not None:
            return info.expire_time.timestamp() - self._wall()
        return math.inf if info.expires_in is None else info.expires_in

    def _put_in_force(self, info: TokenInfo, life_s: float, since: float) -> Token:
        self._remember(info.access_token, info.refresh_token)
        early_s = min(_EARLY_S, max(life_s, 0.0) / 2) * (1 - self._random.random() / 4)
        self._dead_at = since + life_s
        # Who cannot exchange has nothing to do early.
        self._early_at = self._dead_at - (0.0 if self._refresh is None else early_s)
        self._signed_out = False
        return self._put(info, f"{info.token_type} {info.access_token}")

    # -- getting it

    async def _work(self, flight: _Flight) -> None:
        if self._store is None:
            await self._exchange(flight)
            return
        await self._look(flight, self._store)
        if self._has_work(flight):
            async with self._store.lock():
                await self._look(flight, self._store)
                await self._take_turn(flight, self._store)

    def _has_work(self, flight: _Flight) -> bool:
        """Whether the lock is needed, nothing newer being in the store yet."""
        if flight.superseded or flight.result is not None:
            return False
        # A refused token may have been exchanged by whoever holds the lock and is about to save.
        return flight.asks or self._is_unsaved or self._is_refused()

    async def _take_turn(self, flight: _Flight, store: TokenStore) -> None:
        if flight.superseded or flight.result is not None:
            return
        if flight.asks:
            await self._exchange(flight)
        elif self._is_unsaved and self.token_info is not None:
            await self._save(flight, store, self.token_info)

    async def _look(self, flight: _Flight, store: TokenStore) -> None:
        loaded = await store.load()
        if loaded is None or flight.superseded:
            return
        stored = TokenInfo.parse(loaded)
        if self._is_newer(stored):
            is_first = self._token is None
            life_s = self._life_of_given(stored)
            if life_s <= 0 and not is_first:
                # It has just replaced ours, so it is rather our wall clock that is wrong; a
                # process that believed it would exchange again, and the others after it.
                life_s = math.inf
            self._is_unsaved = False
            token = self._put_in_force(stored, life_s, self._monotonic())
            if not (is_first and flight.asks):  # the first token is not what refresh() asks for
                flight.result = token
            self._on_new(stored)
        self._in_store = _mark(stored)

    def _is_newer(self, stored: TokenInfo) -> bool:
        mine = self.token_info
        if mine is None:
            return self._in_store is None or _mark(stored) != self._in_store
        if _mark(stored) in (self._in_store, _mark(mine)):
            return False
        if stored.expire_time is None or mine.expire_time is None:
            return True
        if self._is_refused() and not self._is_unsaved:
            return True  # ours was the store's, so this one came after it
        return stored.expire_time >= mine.expire_time

    async def _exchange(self, flight: _Flight) -> None:
        info = await self._ask()
        received_at = self._monotonic()
        self._remember(info.access_token, info.refresh_token)
        if flight.superseded:
            return
        flight.exchanged = True
        try:
            if self._store is not None:
                await self._save(flight, self._store, info)
        finally:
            # Also when saving was cancelled: the old token is dead, this one is all there is.
            if not flight.superseded:
                self.exchanges += 1
                # The wall clock has no say, nor has a lifetime of nothing: no clock, however
                # wrong, can make a token that was just issued look old.
                life_s = info.expires_in or math.inf
                flight.result = self._put_in_force(info, life_s, received_at)
        if flight.result is not None:
            self._on_new(info)

    async def _ask(self) -> TokenInfo:
        assert self._refresh is not None  # a flight that asks is begun only if it can
        if not self._takes_token:
            return TokenInfo.parse(await _call("refresh_token_fun", self._refresh))
        if self.token_info is None:
            raise AuthError(f"no {self._what}: {self._means()}")
        return TokenInfo.parse(await _call("refresh_token_fun", self._refresh, self.token_info))

    async def _save(self, flight: _Flight, store: TokenStore, info: TokenInfo) -> None:
        self._is_unsaved = True
        try:
            await store.save(info)
        except Exception as error:
            self._saving.failed()
            self._warn("the token could not be saved and will be saved later", error)
            return
        self._in_store = _mark(info)
        if not flight.superseded:
            self._is_unsaved = False
            self._saving.clear()

    def _warn(self, what: str, error: Exception) -> None:
        text = mask_text(f"{type(error).__qualname__}: {error}", self.secrets())
        _log.warning("%s: %s", what, text[:_LONGEST_TEXT])


class ProvidedTokenSource(_Source):
    """The access token of another party, who is asked for it each time.

    Its answer is used for two seconds, and never again after the server refused it. The
    arguments are those of ``TokenSource``.
    """

    _what = "access token"

    def __init__(
        self,
        provider: Callable[[], Awaitable[Answer | None]],
        *,
        clock: Clock,
        sleep: Sleep,
        random: Random,
        on_new: Callable[[TokenInfo], None],
    ) -> None:
        super().__init__(clock=clock, sleep=sleep, random=random)
        _takes_nothing("token_provider", provider)
        self._provider = provider
        self._on_new = on_new
        self._fresh_until = -math.inf

    @property
    def token_info(self) -> TokenInfo | None:
        """What the provider said last; None if that was anonymous, or if it was never asked."""
        return None if self._token is None else self._token.info

    def set(self, info: TokenInfo) -> NoReturn:
        """Refuse: the credential is the provider's."""
        raise InvalidRequest("set_token: the token_provider owns the credential")

    def remove(self) -> NoReturn:
        """Refuse: the credential is the provider's."""
        raise InvalidRequest("remove_token: the token_provider owns the credential")

    async def refresh(self) -> TokenInfo:
        """What the provider says now; AuthError if that is anonymous."""
        token = await self._force()
        if token.info is None:
            raise AuthError("the token_provider says that there is no access token")
        return token.info

    def _plan(self) -> None:
        self._look_at = -math.inf if self._flight is not None else self._fresh_until

    def _can_ask(self) -> bool:
        return not self._backoff.blocks()

    def _look_again(self) -> None:
        if self._is_refused():
            self._fresh_until = -math.inf
        self._plan()

    def _means(self) -> str:
        return "the token_provider was not asked"

    async def _work(self, flight: _Flight) -> None:
        answer = await _call("token_provider", self._provider)
        info = None if answer is None else TokenInfo.parse(answer)
        header = None if info is None else f"{info.token_type} {info.access_token}"
        self._fresh_until = self._monotonic() + _PROVIDED_FOR_S
        if self._token is not None and self._token.header == header:
            self._forgive()
            flight.result = self._token
            return
        flight.exchanged = True
        flight.result = self._put(info, header)
        if info is not None:
            self._remember(info.access_token, info.refresh_token)
            self._on_new(info)


class ShareTokenSource(_Source):
    """The share token, which opens one share link; ``header`` is the token itself.

    Without a token and without ``refresh`` there is nothing to send, which is no error. The
    arguments are those of ``TokenSource``; ``refresh`` is ``refresh_share_token_fun``.
    """

    _what = "share token"

    def __init__(
        self,
        *,
        share_token: str | None,
        refresh: Callable[[], Awaitable[str]] | None,
        clock: Clock,
        sleep: Sleep,
        random: Random,
        on_new: Callable[[str], None],
    ) -> None:
        super().__init__(clock=clock, sleep=sleep, random=random)
        if refresh is not None:
            _takes_nothing("refresh_share_token_fun", refresh)
        self._refresh = refresh
        self._on_new = on_new
        if share_token is not None or refresh is None:
            self._replace(share_token)

    @property
    def share_token(self) -> str | None:
        """The share token in force."""
        return None if self._token is None else self._token.header

    def set(self, share_token: str) -> None:
        """Put another share token in force; an exchange under way is for nothing."""
        self._replace(check_token("share_token", share_token))

    def remove(self) -> None:
        """Send no share token until ``set`` or ``refresh``, and fetch none."""
        self._replace(None)

    async def refresh(self) -> str:
        """A new share token, now; AuthError if there is no function, or RefreshFailed."""
        if self._refresh is None:
            raise AuthError("there is no refresh_share_token_fun that could fetch a share token")
        token = await self._force()
        if token.header is None:
            raise AuthError("the share token was removed while it was refreshed")
        return token.header

    def _replace(self, share_token: str | None) -> None:
        self._supersede()
        self._remember(share_token)
        self._put(None, share_token)
        self._plan()

    def _plan(self) -> None:
        replaceable = self._is_refused() and self._refresh is not None
        wait = self._flight is not None or self._token is None or replaceable
        self._look_at = -math.inf if wait else math.inf

    def _can_ask(self) -> bool:
        return self._refresh is not None and not self._backoff.blocks()

    def _means(self) -> str:
        return "use set_share_token"

    async def _work(self, flight: _Flight) -> None:
        assert self._refresh is not None  # a flight is begun only if there is a function
        answer = await _call("refresh_share_token_fun", self._refresh)
        share_token = check_token("the result of refresh_share_token_fun", answer)
        self._remember(share_token)
        if flight.superseded:
            return
        flight.exchanged = True
        flight.result = self._put(None, share_token)
        self._on_new(share_token)


_Mark: TypeAlias = tuple[str, str | None, str | None]


def _mark(info: TokenInfo) -> _Mark:
    """What tells one saved token from the next, with times as exact as they are written."""
    expires = None if info.expire_time is None else render_time(info.expire_time)
    return info.access_token, info.refresh_token, expires


async def _call(name: str, function: Callable[..., Any], *arguments: object) -> Any:
    async with asyncio.timeout(_LONGEST_EXCHANGE_S):
        answer = function(*arguments)
        if not inspect.isawaitable(answer):
            raise InvalidRequest(
                f"{name} must be an async function; this one returned {type(answer).__name__}"
            )
        return await answer


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _requested_wait(error: BaseException) -> float:
    wait_s = error.retry_after_s if isinstance(error, PDSError) else None
    return min(wait_s or 0.0, _LONGEST_WAIT_S)


def _takes_token(name: str, function: Callable[..., Any], *, needed: bool) -> bool:
    """Whether the function is called with the token to be exchanged."""
    signature = _signature(name, function)
    if not needed and _accepts(signature):
        return False
    if _accepts(signature, None):
        return True
    if needed:
        raise InvalidRequest(
            f"{name} must take the token to be exchanged when there is a token_store: "
            "async def refresh(token_info): ..."
        )
    raise InvalidRequest(
        f"{name} must be callable without arguments, or with the token to be exchanged"
    )


def _takes_nothing(name: str, function: Callable[..., Any]) -> None:
    if not _accepts(_signature(name, function)):
        raise InvalidRequest(f"{name} must be callable without arguments")


def _signature(name: str, function: Callable[..., Any]) -> inspect.Signature:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        raise InvalidRequest(
            f"{name} must be an async function with a readable signature; wrap it in one"
        ) from None


def _accepts(signature: inspect.Signature, *arguments: object) -> bool:
    try:
        signature.bind(*arguments)
    except TypeError:
        return False
    return True
