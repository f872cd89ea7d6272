"""Time limits for many requests at once, with one timer.

A timer for each request costs about a tenth of a small call (measured: 0.88 against 0.79 of a
plain aiohttp call). Requests take milliseconds and limits are a minute, so nearly all timers are
made to be cancelled. Here a request only leaves a note of when it is overdue; one timer wakes up
when the earliest note could be, cancels who is overdue and goes back to sleep until the next.
"""

from __future__ import annotations

import asyncio
import math


class Watchdog:
    """Limits what tasks of one event loop do now; sleeps while there is nothing to limit."""

    __slots__ = ("_alarm", "_alarm_at", "_loop", "_watched")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        # When each task is overdue, and how often its cancellation had been asked for before.
        # A task that was interrupted is never overdue.
        self._watched: dict[asyncio.Task[object], tuple[float, int]] = {}
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = math.inf

    def watch(self, limit_s: float) -> asyncio.Task[object]:
        """The current task, which is limited from now on; ``forget`` must follow."""
        task = asyncio.current_task(self._loop)
        assert task is not None  # requests are made by coroutines, which run in tasks
        overdue_at = self._loop.time() + limit_s
        self._watched[task] = overdue_at, task.cancelling()
        if overdue_at < self._alarm_at:
            self._set_alarm(overdue_at)
        return task

    def renew(self, task: asyncio.Task[object], limit_s: float) -> None:
        """Count from now again; nothing changes for one that was interrupted or is forgotten."""
        overdue_at, cancelling = self._watched.get(task, (math.inf, 0))
        if overdue_at < math.inf:
            self._watched[task] = self._loop.time() + limit_s, cancelling

    def forget(self, task: asyncio.Task[object]) -> bool:
        """End a limit; whether the task was interrupted from here, and by nobody else as well.

        The request for cancellation is taken back, as ``asyncio.timeout`` does it, whatever has
        become of the CancelledError.
        """
        overdue_at, cancelling = self._watched.pop(task)
        return overdue_at == math.inf and task.uncancel() <= cancelling

    def close(self) -> None:
        """Cancel the timer; while there are limits left, it ends with the last of them."""
        if not self._watched:
            self._cancel_alarm()

    def _cancel_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()

    def _set_alarm(self, at: float) -> None:
        self._cancel_alarm()
        self._alarm_at = at
        self._alarm = self._loop.call_at(at, self._look) if at < math.inf else None

    def _look(self) -> None:
        now = self._loop.time()
        for task, (overdue_at, cancelling) in self._watched.items():
            if overdue_at <= now:
                self._watched[task] = math.inf, cancelling
                task.cancel()
        self._set_alarm(min((at for at, _ in self._watched.values()), default=math.inf))
