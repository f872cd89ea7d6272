"""Checkpoints: how far the consumer of a bulk search is, in a file.

The file is written whole, beside its place, and moved there, so that it is always one state or
the next. It holds no token, no address and no hit; jobs are in it by their fingerprints alone,
since the service ignores a query that changed when it is given a marker (seed, SearchFiles):
going on with other jobs would mix their results.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec
from msgspec import Struct

from pdsclient._checkpoint_file import CheckpointPlace
from pdsclient.bulk.axis import Axis, Range
from pdsclient.bulk.windows import Place, Window
from pdsclient.errors import InvalidRequest

if TYPE_CHECKING:
    from pdsclient.bulk.plan import JobState

__all__ = ["Checkpoint", "CheckpointFile", "JobRecord", "Ledger"]

_FORMAT: Final = "pdsclient bulk search"
_VERSION: Final = 1


class WindowRecord(Struct, frozen=True, omit_defaults=True):
    """A window, as far as the consumer has it."""

    order: str
    axis: Axis | None = None
    within: tuple[Range, ...] = ()
    start: int | None = None
    stop: int | None = None
    lacking: Literal["out", "in", "only"] = "in"
    exclude: frozenset[str] = frozenset()
    after: int | None = None
    divisible: bool = False
    far: int | None = None
    total: int | None = None
    place: Place = Place()

    @classmethod
    def of(cls, window: Window) -> WindowRecord:
        """The record of a window."""
        return cls(
            order=window.order,
            axis=window.axis,
            within=window.within,
            start=window.start,
            stop=window.stop,
            lacking=window.lacking,
            exclude=window.exclude,
            after=window.after,
            divisible=window.divisible,
            far=window.far,
            total=window.total,
            place=window.committed,
        )

    def window(self, job: JobState) -> Window:
        """The window again."""
        window = Window(
            job,
            self.axis,
            self.order,
            within=self.within,
            start=self.start,
            stop=self.stop,
            lacking=self.lacking,
            exclude=self.exclude,
            after=self.after,
            divisible=self.divisible,
            place=self.place,
        )
        window.far, window.total = self.far, self.total
        return window


class JobRecord(Struct, frozen=True, omit_defaults=True):
    """A job that was begun and is not done."""

    fingerprint: str
    windows: tuple[WindowRecord, ...]
    pages: int = 0
    total: int | None = None
    newest: int | None = None
    swept: bool = False

    @classmethod
    def of(cls, job: JobState, fingerprint: str) -> JobRecord:
        """The record of an open job."""
        return cls(
            fingerprint=fingerprint,
            windows=tuple(
                WindowRecord.of(window)
                for window in job.windows
                if window.visible and not window.committed.done
            ),
            pages=job.pages,
            total=job.total,
            newest=job.newest,
            # A sweep that nobody knows of yet has to be planned again.
            swept=job.swept and all(window.visible for window in job.windows),
        )

    def fill(self, job: JobState) -> list[Window]:
        """Gives a job what is recorded of it, and returns its windows."""
        job.pages, job.total, job.swept = self.pages, self.total, self.swept
        job.newest = self.newest
        return [record.window(job) for record in self.windows]


class Span(Struct, array_like=True):
    """Jobs in a row that are all done.

    Attributes:
        first: number of the first one.
        stop: number behind the last one.
        digest: one fingerprint of all of them, which does not depend on the order they end in.
    """

    first: int
    stop: int
    digest: str


class Checkpoint(Struct, frozen=True):
    """The state of a bulk search.

    Attributes:
        settings: arguments that have to be the same when it goes on.
        done: the jobs that are done, as spans of their numbers.
        open: jobs that were begun and are not done, by number.
        hits: how many were handed on.
        expected: how many there are, as far as was announced.
        position: of the sink; None if the hits were taken in another way.
    """

    format: str
    version: int
    settings: dict[str, Any]
    done: list[Span]
    open: dict[int, JobRecord]
    hits: int
    expected: int | None
    position: dict[str, Any] | None


class CheckpointFile(CheckpointPlace):
    """The file that a checkpoint is kept in. Its methods block."""

    format = _FORMAT
    version = _VERSION
    of = "a bulk search"

    @property
    def paths(self) -> frozenset[str]:
        """The files that are written for it, links resolved."""
        return frozenset(map(os.path.realpath, (self.path, self.beside)))

    def load(self) -> Checkpoint | None:
        """What is in the file; None if there is no file.

        Raises:
            InvalidRequest: it is no checkpoint, or one of another version, or cannot be kept
                there.
        """
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            self._check_folder()
            return None
        except OSError as error:
            raise self.unusable(error.strerror or str(error)) from error
        return self.decode(content, Checkpoint)

    def save(self, checkpoint: bytes) -> None:
        """Put the state in force.

        Raises:
            OSError: the disk failed; it names the file, and the state before is in force.
        """
        try:
            self.beside.write_bytes(checkpoint)
        except OSError as error:
            # Half a state is of no use, and a full disk needs the room.
            with suppress(OSError):
                self.beside.unlink(missing_ok=True)
            raise OSError(error.errno, error.strerror, str(self.path)) from error
        os.replace(self.beside, self.path)

    def remove(self) -> None:
        """The search is complete."""
        self.path.unlink(missing_ok=True)
        self.beside.unlink(missing_ok=True)

    def _check_folder(self) -> None:
        folder = self.path.parent
        if not folder.is_dir():
            raise self.no_folder()
        if not os.access(folder, os.W_OK):
            raise self.unusable(f"the folder {folder} cannot be written to")


class Ledger:
    """Which jobs are done, in little space however many there are.

    Args:
        checkpoint: where to go on.
    """

    def __init__(self, checkpoint: Checkpoint | None) -> None:
        self._past = checkpoint
        self._past_done = [] if checkpoint is None else checkpoint.done
        self._fingerprints: dict[int, str] = {}
        # Each span under its first number and under the one behind its last.
        self._spans: dict[int, Span] = {}
        self._ends: dict[int, Span] = {}

    # Going on

    @property
    def expected(self) -> int:
        """How many jobs the checkpoint knows; they have to come again."""
        ends = [span.stop for span in self._past_done]
        opened = [] if self._past is None else [number + 1 for number in self._past.open]
        return max([*ends, *opened], default=0)

    def recall(self, number: int, fingerprint: str) -> JobRecord | Literal["done"] | None:
        """What the checkpoint knows of a job; None for nothing.

        Raises:
            InvalidRequest: it is another job than before.
        """
        self._fingerprints[number] = fingerprint
        if any(span.first <= number < span.stop for span in self._past_done):
            self.finish(number)
            return "done"
        record = None if self._past is None else self._past.open.get(number)
        if record is not None and record.fingerprint != fingerprint:
            raise self.changed(f"job {number}")
        return record

    def check(self) -> None:
        """All jobs that the checkpoint knows have come again: were those that are done the same?

        Raises:
            InvalidRequest: one was not.
        """
        for span in self._past_done:
            if self._spans.get(span.first) != span:
                raise self.changed(f"one of the jobs {span.first} to {span.stop - 1}")

    def changed(self, what: str) -> InvalidRequest:
        """The error that refuses to go on."""
        return InvalidRequest(
            f"the checkpoint is that of another search: {what} is not what it was; drive, query, "
            "order, fields and key of a job must be the same. Give the same jobs in the same "
            "order, or delete the checkpoint and begin anew"
        )

    # Keeping

    def finish(self, number: int) -> None:
        """The consumer has all hits of a job."""
        digest = blake2b(f"{number} {self._fingerprints.pop(number)}".encode(), digest_size=12)
        span = Span(number, number + 1, digest.hexdigest())
        before, behind = self._ends.pop(number, None), self._spans.pop(number + 1, None)
        for other in (before, behind):
            if other is not None:
                span.first = min(span.first, other.first)
                span.stop = max(span.stop, other.stop)
                span.digest = f"{int(span.digest, 16) ^ int(other.digest, 16):024x}"
        self._spans[span.first] = self._ends[span.stop] = span

    def snapshot(
        self,
        jobs: Iterable[JobState],
        *,
        settings: Mapping[str, Any],
        hits: int,
        expected: int | None,
        position: dict[str, Any] | None,
    ) -> bytes:
        """The checkpoint as it is written."""
        return msgspec.json.encode(
            Checkpoint(
                format=_FORMAT,
                version=_VERSION,
                settings=dict(settings),
                done=list(self._spans.values()),
                open={
                    job.number: JobRecord.of(job, self._fingerprints[job.number])
                    for job in jobs
                    if job.pages or job.failure is not None
                },
                hits=hits,
                expected=expected,
                position=position,
            )
        )


def check_settings(past: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raise InvalidRequest if the search is to go on with other arguments than it began with."""
    for name, value in now.items():
        if past.get(name) != value:
            raise InvalidRequest(
                f"the checkpoint is that of a search with {name}={past.get(name)!r}, not "
                f"{value!r}; give the same arguments, or delete the checkpoint and begin anew"
            )
