"""Time limits for many requests at once, with one timer.

A timer for each request costs about a tenth of a small call (measured: 0.88 against 0.79 of a
plain aiohttp call). Requests take milliseconds and limits are a minute, so nearly all timers are
made to be cancelled. Here a request only leaves a note of when it is overdue; one timer wakes up
when the earliest note could be, cancels who is overdue and goes back to sleep until the next.
"""

from __future__ import annotations

import asyncio
import math


class Watch:
    """A limit on what one task does now."""

    __slots__ = ("_cancelling", "_fired", "overdue_at", "task")

    def __init__(self, task: asyncio.Task[object], overdue_at: float) -> None:
        self.task = task
        self.overdue_at = overdue_at
        self._cancelling = task.cancelling()
        self._fired = False

    def fire(self) -> None:
        """Interrupt the task; it learns from ``is_mine`` that it was not cancelled."""
        self._fired = True
        self.overdue_at = math.inf
        self.task.cancel()

    def is_mine(self) -> bool:
        """Whether a CancelledError came from here, and from nobody else as well.

        The request for cancellation is taken back, as ``asyncio.timeout`` does it.
        """
        return self._fired and self.task.uncancel() <= self._cancelling


class Watchdog:
    """Watches the requests of one event loop; sleeps while there are none."""

    __slots__ = ("_alarm", "_alarm_at", "_loop", "_watches")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._watches: set[Watch] = set()
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = math.inf

    def watch(self, limit_s: float) -> Watch:
        """Begin to limit the current task; ``forget`` must follow."""
        task = asyncio.current_task(self._loop)
        assert task is not None  # requests are made by coroutines, which run in tasks
        watch = Watch(task, self._loop.time() + limit_s)
        self._watches.add(watch)
        if watch.overdue_at < self._alarm_at:
            self._set_alarm(watch.overdue_at)
        return watch

    def forget(self, watch: Watch) -> None:
        """End a limit."""
        self._watches.discard(watch)

    def close(self) -> None:
        """Cancel the timer."""
        if self._alarm is not None:
            self._alarm.cancel()

    def _set_alarm(self, at: float) -> None:
        self.close()
        self._alarm_at = at
        self._alarm = self._loop.call_at(at, self._look) if at < math.inf else None

    def _look(self) -> None:
        now = self._loop.time()
        for watch in self._watches:
            if watch.overdue_at <= now:
                watch.fire()
        self._set_alarm(min((watch.overdue_at for watch in self._watches), default=math.inf))
