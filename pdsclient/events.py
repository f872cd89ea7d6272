"""Events: told to listeners, never able to change what a call or a transfer does.

pyee keeps the listeners. Its own handling of failures is kept out of reach, because it hands the
exception of one listener to the others as a new ``error`` event: a failing ``error`` listener
then calls itself for ever. Here each listener is wrapped before pyee sees
it, and the wrapper lets nothing out.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
import traceback
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar, get_args, overload

import pyee

from pdsclient._checks import shown
from pdsclient._secrets import mask_text
from pdsclient.errors import InvalidRequest

__all__ = ["ClientEvents", "Emitter", "EventName"]

EventName: TypeAlias = Literal["error", "retry", "token", "share_token"]
Name = TypeVar("Name", bound=str)
Listener = TypeVar("Listener", bound=Callable[..., object])

QUEUE_LIMIT: Final = 1_000
_logger = logging.getLogger(__name__)

# Whose listener runs here: _INLINE for a sync one, the Emitter for one of its dispatcher.
# Tasks that a listener starts inherit it, so that they cannot feed the listener either.
_INLINE: Final = object()
_listening: contextvars.ContextVar[object] = contextvars.ContextVar("_listening", default=None)


class Emitter(Generic[Name]):
    """Registers listeners and calls them, so that no listener can disturb who emits.

    Sync listeners run inline, before the emitter goes on. Async ones run one after another in a
    task of their own, outside the caller's context variables; 1,000 may be waiting, then the
    oldest are dropped. A listener that raises is logged on ``pdsclient.events``.

    Args:
        names: the events that there are.
        secrets: returns the credentials that are known now, so that none appears in the log.
    """

    def __init__(
        self, names: Iterable[Name], *, secrets: Callable[[], Iterable[str]] = tuple
    ) -> None:
        self._names = tuple(names)
        self._emitter = pyee.EventEmitter()
        self._secrets = secrets
        self._queue: deque[tuple[str, Awaitable[object]]] = deque()
        self._dispatcher: asyncio.Task[None] | None = None
        self._overflowing = False

    @overload
    def on(self, event: Name, listener: None = None) -> Callable[[Listener], Listener]: ...
    @overload
    def on(self, event: Name, listener: Listener) -> Listener: ...
    def on(
        self, event: Name, listener: Listener | None = None
    ) -> Listener | Callable[[Listener], Listener]:
        """The listener, registered for an event; without one, a decorator that registers.

        Args:
            event: one of the names.
            listener: any callable, also an async one. Registering it again changes nothing.

        Raises:
            InvalidRequest: for an unknown event or a listener that cannot be called.
        """
        return self._register(event, listener, self._emitter.add_listener)

    @overload
    def once(self, event: Name, listener: None = None) -> Callable[[Listener], Listener]: ...
    @overload
    def once(self, event: Name, listener: Listener) -> Listener: ...
    def once(
        self, event: Name, listener: Listener | None = None
    ) -> Listener | Callable[[Listener], Listener]:
        """Like ``on``, for the next event only."""
        return self._register(event, listener, self._add_once)

    def off(self, event: Name, listener: Callable[..., object]) -> None:
        """Removes a listener from an event; one that is not registered is no error."""
        guarded = _Guarded(self._checked(event), listener, self)
        if guarded in self._emitter.listeners(event):
            self._emitter.remove_listener(event, guarded)

    def has(self, event: Name) -> bool:
        """Whether anybody listens; if not, the arguments of ``emit`` need not be made."""
        return bool(self._emitter.listeners(event))

    def is_dispatching(self) -> bool:
        """Whether this code runs inside an async listener of this client."""
        return _listening.get() is self

    def emit(self, event: Name, *args: object) -> None:
        """Calls the listeners of an event; whatever they do, this returns None."""
        # pyee raises an "error" that nobody listens to.
        if self.has(event):
            self._emitter.emit(event, *args)

    async def drain(self, timeout_s: float) -> None:
        """Waits for the async listeners that are running or queued.

        Inside such a listener it returns at once: waiting for oneself has no end.

        Args:
            timeout_s: seconds until the rest are cancelled; cancelling has as long again.
        """
        task = self._live_dispatcher()
        if task is None or self.is_dispatching():
            return
        try:
            await asyncio.wait({task}, timeout=timeout_s)
        finally:
            if not task.done():
                _logger.warning("async listeners had not finished in time and were cancelled")
                self._discard_queue()
                task.cancel()
                await asyncio.wait({task}, timeout=timeout_s)

    def _add_once(self, event: str, guarded: _Guarded) -> None:
        # pyee would put it in the place of one that listens for good.
        if guarded not in self._emitter.listeners(event):
            self._emitter.once(event, guarded)

    def _register(
        self,
        event: Name,
        listener: Listener | None,
        add: Callable[[str, _Guarded], object],
    ) -> Listener | Callable[[Listener], Listener]:
        self._checked(event)

        def register(listener: Listener) -> Listener:
            add(event, _Guarded(event, listener, self))
            return listener

        return register if listener is None else register(listener)

    def _call(self, event: str, listener: Callable[..., object], args: tuple[object, ...]) -> None:
        """Runs a listener; what is left to await goes to the dispatcher."""
        token = _listening.set(_INLINE)
        try:
            result = listener(*args)
            if inspect.isawaitable(result):
                self._enqueue(event, result)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            self._report(event, error)
        finally:
            _listening.reset(token)

    def _enqueue(self, event: str, awaitable: Awaitable[object]) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            _close(awaitable)
            _logger.error("an async listener of %r was dropped: no event loop is running", event)
            return
        if len(self._queue) >= QUEUE_LIMIT:
            self._drop_oldest()
        self._queue.append((event, awaitable))
        if self._live_dispatcher() is None:
            # A context of its own: the first caller's must not colour all later listeners.
            context = contextvars.Context()
            self._dispatcher = loop.create_task(self._dispatch(), context=context)

    def _live_dispatcher(self) -> asyncio.Task[None] | None:
        """The dispatcher if it still runs; one of a loop that was closed never will."""
        task = self._dispatcher
        alive = task and not task.done() and task.get_loop() is asyncio.get_running_loop()
        return task if alive else None

    async def _dispatch(self) -> None:
        """Awaits what sync code left behind, in order; ends with the queue, so it never idles."""
        _listening.set(self)
        try:
            while self._queue:
                await self._finish(*self._queue.popleft())
        finally:
            self._discard_queue()
        self._overflowing = False

    async def _finish(self, event: str, awaitable: Awaitable[object]) -> None:
        try:
            await awaitable
        except (KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except BaseException as error:
            # A listener may raise CancelledError by itself; only ours has been asked for.
            if isinstance(error, asyncio.CancelledError) and _is_being_cancelled():
                raise
            self._report(event, error)

    def _drop_oldest(self) -> None:
        _close(self._queue.popleft()[1])
        if not self._overflowing:
            self._overflowing = True
            _logger.warning(
                "async listeners are too slow: %s wait already, the oldest are dropped",
                f"{QUEUE_LIMIT:,}",
            )

    def _discard_queue(self) -> None:
        while self._queue:
            _close(self._queue.popleft()[1])

    def _checked(self, event: object) -> str:
        if event not in self._names:
            raise InvalidRequest(
                f"event must be one of {', '.join(self._names)}, not {shown(event)}"
            )
        return str(event)

    def _report(self, event: str, error: BaseException) -> None:
        # exc_info would let the handler format the exception, with whatever its text holds.
        text = mask_text("".join(traceback.format_exception(error)), self._secrets())
        _logger.error("a listener of %r failed; the call is not affected\n%s", event, text)


class ClientEvents(Emitter[EventName]):
    """The four events of a client.

    They and their arguments: ``error`` (error, req_opt), ``retry`` (error, req_opt, delay_s),
    ``token`` (token_info), ``share_token`` (share_token). Calls made inside a listener emit
    nothing.
    """

    def __init__(self, *, secrets: Callable[[], Iterable[str]] = tuple) -> None:
        super().__init__(get_args(EventName), secrets=secrets)

    def muted(self) -> bool:
        """Whether this code runs inside a listener, of this or of another client."""
        return _listening.get() is not None

    def emit(self, event: EventName, *args: object) -> None:
        if not self.muted():
            super().emit(event, *args)


class _Guarded:
    """A listener as pyee sees it: equal to any other wrapper of the same one, never raising."""

    def __init__(self, event: str, listener: Callable[..., object], events: Emitter[Any]) -> None:
        if not callable(listener):
            raise InvalidRequest(
                f"listener must be callable, not {type(listener).__name__}: "
                f"on({event!r}, function) or @client.on({event!r})"
            )
        self._event = event
        self._listener = listener
        self._events = events

    def __call__(self, *args: object) -> None:
        self._events._call(self._event, self._listener, args)

    def __eq__(self, other: object) -> bool:
        # Bound methods are made anew at each access: the same one is equal, not identical.
        return isinstance(other, _Guarded) and self._listener == other._listener

    def __hash__(self) -> int:
        # By class: any callable may listen, also one that has no hash.
        return hash(type(self._listener))


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _close(awaitable: Awaitable[object]) -> None:
    """Ends a coroutine that will not be awaited, so that Python does not warn about it."""
    if inspect.iscoroutine(awaitable):
        awaitable.close()
