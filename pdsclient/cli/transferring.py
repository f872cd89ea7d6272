"""What ``pdsclient upload`` and ``pdsclient download`` have in common: many transfers as one job.

They share lanes and bandwidth, are told of together, and one that fails does not end the others.
"""

from __future__ import annotations

import asyncio
import errno
import sys
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from attrs import frozen

from pdsclient._shown import counted, shown, shown_duration, shown_size
from pdsclient.cli.board import Board, Row, board
from pdsclient.cli.output import json_text
from pdsclient.cli.place import Place
from pdsclient.cli.terminal import command_to_go_on, say, write
from pdsclient.cli.transfer_options import How
from pdsclient.errors import (
    AuthError,
    Conflict,
    DeadlineExceeded,
    InvalidRequest,
    PDSError,
    QuotaExceeded,
    TransportError,
)
from pdsclient.transfer import Transfer, TransferProgress, TransferState
from pdsclient.transfer.control import Control

__all__ = ["Crew", "Job", "Moved", "TreeJob", "side_by_side"]

T = TypeVar("T")
Item = TypeVar("Item")

_MOST_FAILURES = 10
# After one of these all others would fail as well.
_HOPELESS = (AuthError, TransportError, DeadlineExceeded, QuotaExceeded)
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
_HINT = "--existing overwrite, update, skip or auto_rename says what to do then"


@frozen(kw_only=True)
class Moved:
    """What became of a file.

    Attributes:
        path: the file, by the name that the user gave, or that and its path in the folder.
        action: a word, such as ``uploaded``.
        size: its bytes, where they are known.
        file_id: in the drive, where it is known.
        target: where it is now on this machine, of a download.
        error: why it failed.
    """

    path: str
    action: str
    size: int | None = None
    file_id: str | None = None
    target: str | None = None
    error: BaseException | None = None

    @property
    def where(self) -> str:
        """Where it is now."""
        return self.target or (f"id:{self.file_id}" if self.file_id else "nowhere")

    def fields(self) -> dict[str, object]:
        """For JSON: what is known."""
        known = {
            "path": self.path,
            "action": self.action,
            "size": self.size,
            "file_id": self.file_id,
            "target": self.target,
            "error": None if self.error is None else _why(self.error),
        }
        return {name: value for name, value in known.items() if value is not None}


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

    def under_way(self) -> Iterator[Row]:
        """Those of its files that are moved now."""
        if self.transfer is not None:
            for path, progress in self.transfer.active.items():
                yield f"{self.name}/{path}", progress


class _Tally:
    """What became of all files so far.

    Args:
        how: says what is written of each.
    """

    def __init__(self, how: How) -> None:
        self._how = how
        self.actions: Counter[str] = Counter()
        self.failures: list[Moved] = []
        self.last: Moved | None = None

    def add(self, moved: Moved) -> None:
        """Count it, and write it if that is wanted."""
        self.last = moved
        self.actions[moved.action] += 1
        if moved.error is not None and len(self.failures) < _MOST_FAILURES:
            self.failures.append(moved)
        if self._how.as_json:
            write(f"{json_text(moved.fields())}\n")
        elif self._how.dry_run and moved.error is None:
            write(f"{moved.action:<10} {shown(moved.path)}\n")

    @property
    def moved(self) -> int:
        """How many files were not only looked at."""
        return self.actions.total() - self.actions["skipped"] - self.actions["failed"]

    def __str__(self) -> str:
        if self.actions.total() == 1 and self.last is not None:
            return f"{shown(self.last.path)}: {self.last.action}, {self.last.where}"
        counts = [f"{count:,} {action}" for action, count in sorted(self.actions.items())]
        return ", ".join(counts) or "there was nothing to do"


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
        self.tally = _Tally(how)
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
        only = len(self._open) == 1
        self._control.meter.begin()
        with self._telling_how_to_go_on():
            async with _Watch(self):
                await side_by_side(self.how.concurrency, files, self._one)
                await side_by_side(1, trees, self._one)
            self._conclude(raise_only=only and bool(files))

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
            self._failed.append(job)
            self.tally.add(Moved(path=job.name, action="failed", size=job.size, error=error))
            if _is_hopeless(error):
                self._hopeless = error
        del self._open[job]

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
        meter.files_failed = self.tally.actions["failed"] + sum(
            tree.files_failed for tree in trees
        )
        return meter.snapshot(state)

    # -------------------------------------------------------------------- how it ends

    def _conclude(self, *, raise_only: bool) -> None:
        """Tell of failures and of the whole; raise what is to be the exit status."""
        failed = self.tally.actions["failed"]
        if raise_only and failed:
            raise _told(self.tally.failures[0])
        for one in self.tally.failures:
            say(str(_told(one)))
        if not self.how.quiet:
            self._summarise()
        if self._hopeless is not None:
            raise self._hopeless
        if failed:
            raise PDSError(f"{counted(failed, 'file')} failed")

    def _summarise(self) -> None:
        self._control.meter.end()
        end = self.total("done")
        told = str(self.tally)
        if not self.how.dry_run:
            speed = f"{shown_size(round(end.speed))}/s"
            told += f"; {shown_size(end.bytes_done)}, {speed}, took {shown_duration(end.elapsed_s)}"
        say(told)
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


def _told(moved: Moved) -> Exception:
    """Why a file failed, for people."""
    error = moved.error
    if isinstance(error, InvalidRequest) or not isinstance(error, (PDSError, OSError)):
        return error or PDSError(f"{shown(moved.path)}: failed")
    return PDSError(f"{shown(moved.path)}: {_why(error)}")


def _why(error: BaseException) -> str:
    if isinstance(error, Conflict) and error.file_id is not None:
        return f"the name is taken, by id:{error.file_id}; {_HINT}"
    if isinstance(error, FileExistsError):
        return f"{error.filename} exists; {_HINT}"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return str(error)


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
        try:
            while True:
                board.show(self._crew.total(), self._crew.rows())
                await asyncio.sleep(board.every_s)
        finally:
            board.close()
