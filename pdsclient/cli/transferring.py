"""What ``pdsclient upload`` and ``pdsclient download`` have in common: many transfers as one job.

They share lanes and bandwidth, are told of together, and one that fails does not end the others.
"""

from __future__ import annotations

import asyncio
import errno
import sys
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, TypeVar

from pdsclient._shown import counted, shown_duration, shown_size
from pdsclient.cli.board import Board, Row, board
from pdsclient.cli.place import Place
from pdsclient.cli.tally import Moved, Tally, to_raise, told
from pdsclient.cli.terminal import command_to_go_on, say
from pdsclient.cli.transfer_options import How
from pdsclient.errors import (
    AuthError,
    DeadlineExceeded,
    InvalidRequest,
    PDSError,
    QuotaExceeded,
    TransportError,
)
from pdsclient.transfer import Transfer, TransferProgress, TransferState
from pdsclient.transfer.control import Control
from pdsclient.transfer.disk import Disk
from pdsclient.transfer.report import TreeReport

__all__ = ["Crew", "Job", "TreeJob", "side_by_side"]

T = TypeVar("T")
Item = TypeVar("Item")

# After one of these all others would fail as well.
_HOPELESS: Final = (AuthError, TransportError, DeadlineExceeded, QuotaExceeded)
_FULL: Final = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}


class Job(ABC):
    """One of the sources of an upload, or of the files of a download.

    Args:
        name: as the user gave it.
        size: its bytes, None if that is not known.
    """

    is_tree = False

    def __init__(self, name: str, size: int | None) -> None:
        self.name = name
        self.size = size
        self.transfer: Transfer[Any] | None = None

    @abstractmethod
    async def move(self, crew: Crew) -> None:
        """Move it, and tell the crew what became of it."""

    @abstractmethod
    def has_left(self) -> bool:
        """Whether there is something with which a later run can go on."""

    def under_way(self) -> Iterator[Row]:
        """The files that it moves now."""
        if self.transfer is not None:
            yield self.name, self.transfer.progress

    def left(self) -> int | None:
        """Bytes that are yet to come, None if that is not known."""
        if self.transfer is None:
            return self.size
        progress = self.transfer.progress
        total = progress.bytes_total
        return None if total is None else max(0, total - progress.bytes_done)


class TreeJob(Job):
    """A folder and all it holds."""

    is_tree = True

    def tell(self, crew: Crew, report: TreeReport) -> None:
        """Tell the crew what became of the files."""
        for item in (*report.done, *report.skipped, *report.failed):
            moved = Moved(
                path=f"{self.name.rstrip('/')}/{item.path}",
                action=item.action,
                reason=item.reason,
                size=item.size,
                file_id=item.file_id,
                error=item.error,
            )
            crew.tally.add(moved)
        if report.failed:
            crew.note_failure(self, report.stopped)

    def has_left(self) -> bool:
        """Whether it has begun: what is there is not moved again."""
        return self.transfer is not None

    def under_way(self) -> Iterator[Row]:
        """Those of its files that are moved now."""
        if self.transfer is not None:
            yield from self.transfer.active.items()


class Crew:
    """Moves files and trees of them as one job.

    Args:
        place: the client and the drive.
        how: what holds for all of them.
    """

    def __init__(self, place: Place, how: How) -> None:
        self.place = place
        self.client = place.client
        self.how = how
        self.tally = Tally(how)
        self._control = Control(
            place.client._engine, concurrency=how.concurrency, bandwidth=how.bandwidth
        )
        # What waits or is under way, in order; and what will have to be done again.
        self._open: dict[Job, None] = {}
        self._failed: list[Job] = []
        self._hopeless: Exception | None = None

    async def run(self, files: Sequence[Job], trees: Sequence[Job]) -> None:
        """Move files side by side, then trees one after another; tell what becomes of them.

        Raises:
            PDSError: some of it failed, or the rest was given up.
            OSError: likewise.
        """
        self._open = dict.fromkeys([*files, *trees])
        is_one = len(self._open) == 1
        self._control.meter.expect(files=None if trees else len(files))
        self._control.meter.begin()
        with self._telling_how_to_go_on():
            async with _Watch(self):
                await side_by_side(self.how.concurrency, files, self._one)
                await side_by_side(1, trees, self._one)
            self._conclude(is_one=is_one)

    @property
    def disk(self) -> Disk:
        """Local files."""
        return self._control.disk

    async def follow(self, job: Job, transfer: Transfer[T]) -> T:
        """The outcome of a transfer, which is a part of this one."""
        self._control.adopt(transfer._control)
        job.transfer = transfer
        return await transfer

    async def _one(self, job: Job) -> None:
        if self._hopeless is not None:
            return
        try:
            await job.move(self)
        except (PDSError, OSError) as error:
            self.tally.add(Moved(path=job.name, action="failed", size=job.size, error=error))
            self.note_failure(job, error if _is_hopeless(error) else None)
        del self._open[job]

    def note_failure(self, job: Job, hopeless: Exception | None) -> None:
        """A job will have to be done again; after a hopeless error no other is begun."""
        self._failed.append(job)
        self._hopeless = self._hopeless or hopeless

    # -------------------------------------------------------------------- how far it is

    def rows(self) -> list[Row]:
        """The files under way."""
        return [row for job in self._open for row in job.under_way()]

    def total(self, state: TransferState = "running") -> TransferProgress:
        """How far all of it is."""
        meter = self._control.meter
        trees = [job.transfer.progress for job in self._open if job.is_tree and job.transfer]
        left = [job.left() for job in self._open]
        known = [count for count in left if count is not None]
        meter.bytes_total = meter.bytes_done + sum(known) if len(known) == len(left) else None
        meter.files_done = self.tally.moved + sum(tree.files_done for tree in trees)
        meter.files_skipped = self.tally.actions["skipped"] + sum(
            tree.files_skipped for tree in trees
        )
        meter.files_failed = self.tally.actions["failed"] + sum(tree.files_failed for tree in trees)
        return meter.snapshot(state)

    # -------------------------------------------------------------------- how it ends

    def _conclude(self, *, is_one: bool) -> None:
        """Tell of failures and of the whole; raise what is to be the exit status."""
        failed, failures = self.tally.actions["failed"], self.tally.failures
        if is_one and failed == self.tally.actions.total() == 1:
            raise to_raise(failures[0])
        for one in failures:
            say(told(one))
        if not self.how.quiet:
            self._summarise()
        if self._hopeless is not None:
            raise self._hopeless
        if failed:
            raise PDSError(f"{counted(failed, 'file')} failed")

    def _summarise(self) -> None:
        self._control.meter.end()
        end, said = self.total("done"), [str(self.tally)]
        if end.bytes_done:
            said.append(shown_size(end.bytes_done))
        if end.speed:
            said.append(f"{shown_size(round(end.speed))}/s")
        if self._open:
            said.append(f"{len(self._open):,} not begun")
        if not self.how.dry_run:
            said.append(f"took {shown_duration(end.elapsed_s)}")
        say(", ".join(said))
        if self.place.not_served:
            say(f"not served: {self.place.not_served}")

    @contextmanager
    def _telling_how_to_go_on(self) -> Iterator[None]:
        """Whatever ends it: what it leaves is of use only to who knows how."""
        try:
            yield
        except InvalidRequest:
            raise
        except (asyncio.CancelledError, OSError, PDSError) as error:
            was_stopped = self._hopeless is not None or isinstance(error, asyncio.CancelledError)
            if self._may_go_on(was_stopped):
                say(f"to go on: {command_to_go_on()}")
            raise

    def _may_go_on(self, was_stopped: bool) -> bool:
        if self.how.dry_run:
            return False
        left = any(job.has_left() for job in [*self._open, *self._failed])
        return left or (was_stopped and self.tally.actions.total() > len(self._failed))


def _is_hopeless(error: Exception) -> bool:
    if isinstance(error, OSError) and error.errno in _FULL:
        return True
    return isinstance(error, _HOPELESS)


# -------------------------------------------------------------------- machinery


async def side_by_side(
    most: int, items: Iterable[Item], work: Callable[[Item], Awaitable[object]]
) -> None:
    """Do the work for each item, for so many at once; the first error ends it all."""
    left = iter(items)

    async def go_through() -> None:
        for item in left:
            await work(item)

    workers = [asyncio.ensure_future(go_through()) for _ in range(most)]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.wait(workers)


class _Watch:
    """Shows now and then how far a crew is.

    Args:
        crew: the crew.
    """

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        how = self._crew.how
        # Both lines and bars on one terminal would be in each other's way.
        writes = (how.as_json or how.dry_run) and sys.stdout.isatty()
        if not how.quiet and not writes:
            self._task = asyncio.ensure_future(self._show(board()))

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _show(self, board: Board) -> None:
        with suppress(OSError):  # nobody watches any more
            try:
                while True:
                    board.show(self._crew.total(), self._crew.rows())
                    await asyncio.sleep(board.every_s)
            finally:
                board.close()
