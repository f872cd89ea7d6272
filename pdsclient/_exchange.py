"""The credential that a request carries, and how it is replaced before or after it dies.

After an exchange the old access and refresh tokens are dead, so a lost exchange is a lost login
(pds-service.md 2.5). One mechanism therefore serves every kind of credential::

    ready() ── nothing to wait for ──> Token
       │
      None: no token yet, near its end, expired, or refused by the server
       │
    get(), renew(used) ── join ──> Flight: one task, shielded from all who wait for it
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
import math
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from attrs import frozen

from pdsclient._clock import Clock
from pdsclient._secrets import WithheldCause, mask_text, safe_cause
from pdsclient.errors import AuthError, ClientClosed, InvalidRequest, PDSError, RefreshFailed
from pdsclient.tokens import TokenInfo

if TYPE_CHECKING:
    from pdsclient.config import Random

Sleep: TypeAlias = Callable[[float], Awaitable[None]]

# How long a call waits for an early exchange before it goes on with the old token.
_PATIENCE_S: Final = 2.0
# The caller's function gets less than the 120 s of a FileTokenStore's lock: the rest is for
# saving what it returned, since that must not be cut short.
_LONGEST_EXCHANGE_S: Final = 90.0
_FIRST_BACKOFF_S: Final = 0.5
_LONGEST_BACKOFF_S: Final = 30.0
# A server may ask for more than our own longest back-off, but not for for ever.
_LONGEST_WAIT_S: Final = 3600.0
_REMEMBERED_SECRETS: Final = 16
LONGEST_TEXT: Final = 500


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


class Flight:
    """One exchange, or one look into the store, and what its waiters need to know about it."""

    __slots__ = (
        "asks",
        "cause",
        "exchanged",
        "forced",
        "owner",
        "patience",
        "refused",
        "result",
        "running",
        "settled",
        "superseded",
        "task",
    )

    def __init__(self, owner: Source, refused: int, *, asks: bool, forced: bool = False) -> None:
        self.owner = owner
        self.refused = refused  # the newest generation known to be refused when it began
        self.asks = asks  # may call the user's function; else it only reads or saves
        self.forced = forced  # by somebody who wants another token than the one in force
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
_INSIDE: ContextVar[tuple[Flight, ...]] = ContextVar("pdsclient_exchanges", default=())


def in_exchange() -> bool:
    """Whether this code runs inside a caller's refresh function or token provider."""
    return any(flight.running for flight in _INSIDE.get())


class Backoff:
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


class Source(abc.ABC):
    """One exchange at a time, shared by all who need it; see the module's picture."""

    _what: str

    def __init__(self, *, clock: Clock, sleep: Sleep, random: Random) -> None:
        self._monotonic = clock.monotonic
        self._sleep = sleep
        self._backoff = Backoff(clock, random)
        self._cause: BaseException | None = None
        self._token: Token | None = None
        self._generation = 0
        self.owners = 0  # grows when the caller sets or removes the credential: whose is it now?
        self.exchanges = 0  # that put a token in force; to ask a provider is none
        self._look_at = -math.inf  # until then the token is sent without a further thought
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = asyncio.Lock()
        self._flight: Flight | None = None
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
            # An exchange that somebody else began is waited for, also if none is due.
            if self._flight is None and not asks and not self._can_look():
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
    async def _work(self, flight: Flight) -> None:
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

    def _join(self, *, asks: bool, forced: bool = False) -> Flight:
        if self._flight is not None:
            return self._flight
        if self._closed:
            raise ClientClosed("the client is closed; make a new one")
        flight = self._flight = Flight(self, self._refused_generation, asks=asks, forced=forced)
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

    async def _fly(self, flight: Flight) -> None:
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

    def _note(self, flight: Flight, error: BaseException, *, counts: bool) -> None:
        flight.cause = safe_cause(error, self.secrets())
        if counts and not flight.superseded:
            self._cause = flight.cause
            self._backoff.failed(at_least_s=_requested_wait(error))

    def _land(self, flight: Flight) -> None:
        flight.running = False
        if self._flight is flight:
            self._flight = None
        self._plan()
        flight.settle()

    def _supersede(self) -> None:
        self.owners += 1
        flight, self._flight = self._flight, None
        self._forgive()
        if flight is not None:
            flight.superseded = True
            flight.settle()

    async def _wait(self, flight: Flight) -> None:
        # An eager task has ended before anybody could wait for it.
        if self._usable() is None or flight.settled.done():
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
            flight = self._join(asks=True, forced=True)
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
        text = mask_text(str(cause), self.secrets())[:LONGEST_TEXT]
        error = RefreshFailed(
            f"the {self._what} could not be refreshed: " + ": ".join(filter(None, (kind, text))),
            retry_after_s=cause.retry_after_s if isinstance(cause, PDSError) else None,
        )
        error.__cause__ = cause
        return error


async def ask(name: str, function: Callable[..., Any], *arguments: object) -> Any:
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
