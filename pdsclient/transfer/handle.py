"""The handle of a transfer: what runs it, steers it and tells how far it is."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Awaitable, Callable, Generator
from typing import Any, Final, Generic, Literal, NoReturn, Self, TypeAlias, TypeVar, overload

from pdsclient._shown import shown
from pdsclient.errors import InvalidRequest
from pdsclient.events import Emitter
from pdsclient.transfer.control import Control
from pdsclient.transfer.progress import TransferProgress, TransferState

__all__ = ["Transfer", "TransferEvent"]

TransferEvent: TypeAlias = Literal["progress", "state"]
T = TypeVar("T")
Listener = TypeVar("Listener", bound=Callable[..., object])

# More often nobody wants to hear of it.
_TELL_S: Final = 0.1
_DRAIN_S: Final = 5.0


class Transfer(Generic[T]):
    """An upload, a download, or a whole tree of them.

    ``await`` it: that begins it, waits for its end and gives its result; if whoever waits is
    cancelled, so is the transfer, as with a task. Or ``start()`` it and look at it meanwhile; it
    then belongs to the client, which cancels it when it is closed.

    Events, by ``on``: ``progress`` (``TransferProgress``), at most ten times a second and at the
    end; ``state`` (new state, ``TransferProgress``). A listener cannot disturb the transfer.
    """

    def __init__(
        self, control: Control, work: Callable[[Control], Awaitable[T]], label: str
    ) -> None:
        self._control = control
        self._work = work
        self._label = label
        self._now = control.engine.shared.now
        self._events: Emitter[TransferEvent] = Emitter(
            ("progress", "state"), secrets=control.engine.shared.secrets
        )
        self._state: TransferState = "waiting"
        self._told_at = 0.0
        self._is_wanted = False
        self._task: asyncio.Task[T] | None = None

    # -------------------------------------------------------------------- running

    def start(self) -> Self:
        """Begin, in a task of its own; once is enough.

        Raises:
            ClientClosed: the client is closed.
            WrongEventLoop: the client is in use in another loop.
        """
        self._is_wanted = True
        if self._task is None:
            shared = self._control.engine.shared
            shared.check_usable()
            # Not before: one that is dropped without having begun should go at once, and say so.
            self._control.changed, self._control.told = self._look, self._tell
            self._task = asyncio.get_running_loop().create_task(self._run(), name=repr(self))
            self._task.add_done_callback(self._settle)
            shared.own(self._task)
        return self

    def __await__(self) -> Generator[Any, None, T]:
        if self._events.is_dispatching():
            raise InvalidRequest("a listener of a transfer cannot await it, which waits for that")
        task = self.start()._task
        assert task is not None, "begun by start()"
        return task.__await__()

    async def _run(self) -> T:
        meter = self._control.meter
        meter.begin()
        end: TransferState = "failed"
        try:
            self._look()
            result = await self._work(self._control)
            end = "done"
            return result
        except asyncio.CancelledError:
            end = "cancelled"
            raise
        finally:
            meter.end()
            self._become(end)
            self._events.emit("progress", self.progress)
            await self._events.drain(_DRAIN_S)

    def _settle(self, task: asyncio.Task[T]) -> None:
        """A task that is cancelled before its first step never runs."""
        if not self.progress.finished:
            self._become("cancelled")

    # -------------------------------------------------------------------- steering

    def pause(self) -> None:
        """Begin no further part; those under way are finished. Before the start: wait with it."""
        if not self.progress.finished:
            self._control.paused.close()

    def resume(self) -> None:
        """Go on after ``pause``."""
        self._control.paused.open()

    def cancel(self) -> None:
        """End it; whoever awaits it gets ``CancelledError``. What can serve a later run stays."""
        task = self.start()._task
        assert task is not None, "begun by start()"
        task.cancel()

    # -------------------------------------------------------------------- looking

    @property
    def state(self) -> TransferState:
        """``waiting``, ``running``, ``pausing``, ``paused``, ``done``, ``failed`` or ``cancelled``.

        After ``pause`` it is ``pausing`` until the parts under way are finished.
        """
        return self._state

    @property
    def progress(self) -> TransferProgress:
        """How far it is now."""
        return self._control.meter.snapshot(self._state)

    @property
    def active(self) -> dict[str, TransferProgress]:
        """How far each file of a tree is that is under way, by their paths."""
        files = self._control.active.items()
        return {path: meter.snapshot("running") for path, meter in files}

    @property
    def checkpoint(self) -> Any:
        """What a later upload of the same source needs to go on here; None if there is nothing."""
        return self._control.checkpoint

    @property
    def outcome(self) -> str:
        """What became of it: ``uploaded``, ``rapid``, ``downloaded``, ``skipped``, …"""
        return self._control.outcome

    @overload
    def on(self, event: TransferEvent, listener: None = None) -> Callable[[Listener], Listener]: ...
    @overload
    def on(self, event: TransferEvent, listener: Listener) -> Listener: ...
    def on(self, event: TransferEvent, listener: Any = None) -> Any:
        """The listener, registered for an event; without one, a decorator that registers.

        Args:
            event: ``progress`` or ``state``.
            listener: any callable, also an async one.
        """
        return self._events.on(event, listener)

    @overload
    def once(
        self, event: TransferEvent, listener: None = None
    ) -> Callable[[Listener], Listener]: ...
    @overload
    def once(self, event: TransferEvent, listener: Listener) -> Listener: ...
    def once(self, event: TransferEvent, listener: Any = None) -> Any:
        """Like ``on``, for the next event only."""
        return self._events.once(event, listener)

    def off(self, event: TransferEvent, listener: Callable[..., object]) -> None:
        """Removes a listener from an event; one that is not registered is no error."""
        self._events.off(event, listener)

    def __del__(self) -> None:
        if not self._is_wanted:
            warnings.warn(f"{self!r} was never awaited", RuntimeWarning, stacklevel=2, source=self)

    def __repr__(self) -> str:
        return f"<Transfer {shown(self._label)}: {self._state}>"

    def __reduce__(self) -> NoReturn:
        raise InvalidRequest("a transfer cannot be pickled; its checkpoint can")

    # -------------------------------------------------------------------- telling

    def _look(self) -> None:
        """See what state follows from what is under way."""
        if self._task is None or self.progress.finished:
            return
        gate = self._control.paused
        if not gate.is_closed:
            self._become("running")
        else:
            self._become("pausing" if gate.under_way else "paused")

    def _become(self, state: TransferState) -> None:
        if state != self._state:
            self._state = state
            self._events.emit("state", state, self.progress)

    def _tell(self) -> None:
        if self._events.has("progress") and self._now() - self._told_at >= _TELL_S:
            self._told_at = self._now()
            self._events.emit("progress", self.progress)
