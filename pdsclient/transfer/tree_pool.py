"""What a tree has under way: reading folders and moving files, a bounded number of both at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeAlias

__all__ = ["Pool"]

FileJob: TypeAlias = Callable[[], Awaitable[None]]
FolderJob: TypeAlias = Callable[[], Awaitable[bool]]


class Pool:
    """Runs jobs until none is left; the first exception out of one ends it.

    A folder is read on when fewer files wait than may be under way, so that no line idles and a
    tree of any size is never held: deep ones come first.

    Args:
        most: jobs under way at once.
        gate: waits while no further job may begin.
        walked: is called when no folder is left to be read.
    """

    def __init__(
        self,
        most: int,
        gate: Callable[[], Awaitable[None]],
        walked: Callable[[], object],
    ) -> None:
        self._most = most
        self._gate = gate
        self._walked = walked
        self._files: deque[FileJob] = deque()
        self._folders: list[FolderJob] = []
        self._running: set[asyncio.Task[None]] = set()
        self._reading = 0
        self._ended = asyncio.Event()
        self._error: BaseException | None = None

    def add_folders(self, jobs: Iterable[FolderJob]) -> None:
        """Folders to be read; a job returns whether it has to be called again."""
        self._folders.extend(jobs)

    def add_file(self, job: FileJob) -> None:
        """A file to be moved."""
        self._files.append(job)

    async def run(self) -> None:
        """Returns when all is done."""
        try:
            while self._files or self._folders or self._running:
                # Whatever ends from here on is seen below.
                self._ended.clear()
                await self._gate()
                self._fill()
                await self._ended.wait()
                if self._error is not None:
                    raise self._error
        finally:
            await self._stop()

    def _fill(self) -> None:
        while len(self._running) < self._most and (self._files or self._folders):
            if self._folders and len(self._files) < self._most:
                self._reading += 1
                self._begin(self._read(self._folders.pop()))
            else:
                self._begin(self._move(self._files.popleft()))

    def _begin(self, job: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(job)
        self._running.add(task)
        task.add_done_callback(self._end)

    async def _read(self, job: FolderJob) -> None:
        has_more = await job()
        if has_more:
            self._folders.append(job)
        self._reading -= 1
        if not self._folders and not self._reading:
            self._walked()

    async def _move(self, job: FileJob) -> None:
        await job()

    def _end(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        error = None if task.cancelled() else task.exception()
        self._error = self._error or error
        self._ended.set()

    async def _stop(self) -> None:
        """Ends what is under way, however often somebody is impatient."""
        for task in self._running:
            task.cancel()
        cancelled: asyncio.CancelledError | None = None
        while self._running:
            try:
                await asyncio.wait(self._running)
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None:
            raise cancelled
