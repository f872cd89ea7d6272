"""Between the workers and the consumer: pages that were read and not yet taken."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pdsclient.bulk.plan import JobState
    from pdsclient.bulk.windows import Batch

__all__ = ["Outbox"]


class Outbox:
    """Hands pages to the consumer, each as soon as it is there, or in order.

    A worker waits until its page is released, unless fewer than ``spare`` pages are here; so
    there are at most ``spare`` and one of each worker. In order, ``look_ahead`` more wait for
    their turn.

    Args:
        ordered: whether hits are handed over in the order of jobs and windows.
        spare: pages that nobody waits for.
        look_ahead: pages that may wait for their turn.
    """

    def __init__(self, *, ordered: bool, spare: int, look_ahead: int) -> None:
        self._ordered = ordered
        self._spare = spare
        self._look_ahead = look_ahead
        self._ready: deque[Batch] = deque()
        self._waiting: dict[int, deque[Batch]] = {}  # by the id of their window
        self._jobs: deque[JobState] = deque()
        self._kept = 0
        self._reader: asyncio.Future[None] | None = None
        self._error: BaseException | None = None
        self._closed = False

    @property
    def room(self) -> bool:
        """More pages may be read ahead of their turn."""
        return self._kept < self._look_ahead

    @property
    def full(self) -> bool:
        """The consumer has not taken what is there."""
        return bool(self._ready)

    def expect(self, job: JobState) -> None:
        """The hits of this job come after those of all others so far."""
        if self._ordered:
            self._jobs.append(job)

    async def put(self, batch: Batch) -> None:
        """Returns when the worker may go on."""
        if self._ordered:
            self._waiting.setdefault(id(batch.window), deque()).append(batch)
            self._kept += 1
            self.advance()
        else:
            self._ready.append(batch)
            self._wake()
        ahead = id(batch.window) in self._waiting
        if not (self.room if ahead else len(self._ready) <= self._spare):
            batch.released = asyncio.get_running_loop().create_future()
            await batch.released

    def advance(self) -> None:
        """Hand over what has its turn now."""
        while self._jobs and self._advance_job(self._jobs[0]):
            self._jobs.popleft()
        if self._ready:
            self._wake()

    def _advance_job(self, job: JobState) -> bool:
        """True if nothing of the job is left to hand over, or ever will be."""
        for window in job.windows:
            waiting = self._waiting.pop(id(window), None)
            if waiting:
                self._kept -= len(waiting)
                self._ready += waiting
            if not window.place.done and job.failure is None:
                return False
        return True

    async def take(self, enough: float = math.inf) -> list[Batch]:
        """The pages that are there; waits for one; an empty list at the end.

        Args:
            enough: the rest is left when so many hits are taken.

        Raises:
            Exception: what ``fail`` was told.
        """
        while not self._ready and not self._closed and self._error is None:
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        if self._error is not None:
            raise self._error
        taken: list[Batch] = []
        while self._ready and enough > 0:
            taken.append(self._ready.popleft())
            enough -= len(taken[-1].files)
        return taken

    def close(self) -> None:
        """No page follows."""
        self._closed = True
        self._wake()

    def fail(self, error: BaseException) -> None:
        """The whole search has failed."""
        if self._error is None:
            self._error = error
        self._wake()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)
