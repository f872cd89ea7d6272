"""Bulk searches: workers that read many searches, or one big one in parallel.

::

    jobs ──feed──▶ plan ──▶ workers ──▶ outbox ──▶ consumer (``async for``, ``write_to``)
                    ▲          │                       │
                    └──────────┘ cut, measure          └──▶ checkpoint

All tasks belong to the ``async with`` block of the search. A worker reads its next page when the
consumer has the last one, so memory does not grow with the number of jobs or hits.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from importlib.util import find_spec
from inspect import iscoroutinefunction
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, NoReturn, TypeVar

from attrs import field, frozen

from pdsclient._checks import flag, shown, whole
from pdsclient.bulk.axis import PARTITION_KEYS, PartitionKey
from pdsclient.bulk.checkpoint import CheckpointFile, Ledger, check_settings
from pdsclient.bulk.jobs import JobFeed, Jobs, SearchJob, check_defaults
from pdsclient.bulk.outbox import Outbox
from pdsclient.bulk.plan import JobFailure, Plan
from pdsclient.bulk.progress import Meter, Progress, Reason
from pdsclient.bulk.windows import Batch
from pdsclient.bulk.workers import PAGE, Parts, Reader, Workers
from pdsclient.errors import InvalidRequest
from pdsclient.query import Query

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from pdsclient._core import Engine
    from pdsclient.export import Sink
    from pdsclient.models import File

__all__ = ["BulkResults", "BulkSearch", "Hit"]

T = TypeVar("T")

_logger = logging.getLogger("pdsclient")

# How often progress is told.
_TICK_S: Final = 0.5
# Pages that may wait for their turn in an ordered search, for each worker.
_LOOK_AHEAD: Final = 6


class Hit(NamedTuple):
    """A file that was found, and the job that found it."""

    job: SearchJob
    file: File


def _partition(value: Any) -> PartitionKey | None:
    if value is not None and value not in PARTITION_KEYS:
        raise InvalidRequest(
            f"partition must be one of {', '.join(PARTITION_KEYS)}, or None, not {value!r}"
        )
    return value  # type: ignore[no-any-return]


def _on_error(_: object, __: object, value: object) -> None:
    if value not in ("collect", "raise"):
        raise InvalidRequest(f"on_error must be 'collect' or 'raise', not {value!r}")


def _progress(_: object, __: object, value: Any) -> None:
    if value is not None and not callable(value):
        raise InvalidRequest(f"progress must be callable, not {type(value).__name__}")
    if iscoroutinefunction(value):
        raise InvalidRequest("progress is called and not awaited: give a plain function")


def _max_hits(_: object, __: object, value: Any) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise InvalidRequest("max_hits must be an int of 0 or more, or None for all hits")


@frozen(kw_only=True)
class BulkOptions:
    """How a bulk search is done; see ``AsyncPDSClient.bulk_search``."""

    concurrency: int = field(default=16, validator=whole(1, 1_024))
    partition: PartitionKey | None = field(default=None, converter=_partition)
    ordered: bool = field(default=False, validator=flag())
    on_error: Literal["collect", "raise"] = field(default="collect", validator=_on_error)
    checkpoint: CheckpointFile | None = None
    progress: Callable[[Progress], object] | None = field(default=None, validator=_progress)
    max_hits: int | None = field(default=None, validator=_max_hits)

    @property
    def totals(self) -> bool:
        """Whether anybody wants to know how many hits there are."""
        return self.partition is not None or self.progress is not None

    @property
    def settings(self) -> dict[str, Any]:
        """What must not change between a search and its continuation."""
        return {
            "partition": self.partition,
            "ordered": self.ordered,
            # The last page may have been handed on in part.
            "max_hits": self.max_hits,
        }


class BulkSearch:
    """A bulk search that has not begun: ``async with`` begins it and gives its results."""

    def __init__(
        self,
        engine: Engine,
        jobs: Jobs,
        *,
        defaults: dict[str, Any],
        checkpoint: str | os.PathLike[str] | None = None,
        **options: Any,
    ) -> None:
        file = None if checkpoint is None else CheckpointFile(checkpoint)
        self._options = options_ = BulkOptions(checkpoint=file, **options)
        defaults = check_defaults(defaults)
        self._meter = Meter(engine.shared.now)
        self._engine = engine
        self._reader = Reader(
            engine,
            self._meter,
            partition=options_.partition,
            ordered=options_.ordered,
            totals=options_.totals,
        )
        self._feed = JobFeed(jobs, defaults)
        if isinstance(jobs, (Query, str, SearchJob)):
            # Refused here, where it is written; of many, each is checked when it has its turn.
            self._reader.wire(self._feed.complete(0, jobs))
        self._results: BulkResults | None = None

    async def __aenter__(self) -> BulkResults:
        if self._results is not None:
            raise InvalidRequest("this bulk search has been begun already; make another one")
        self._results = BulkResults(
            self._engine, self._reader, self._feed, self._meter, self._options
        )
        try:
            await self._results._start()
        except BaseException:
            await self._results._stop()
            raise
        return self._results

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._results is not None:
            await self._results._leave()

    def __aiter__(self) -> NoReturn:
        raise InvalidRequest(
            "a bulk search owns workers, so a block begins and ends it: "
            "async with client.bulk_search(…) as results: async for hit in results: …"
        )


class BulkResults:
    """The hits of a bulk search while it runs.

    Take them in one way: ``async for hit in results``, ``async for batch in results.batches()``,
    ``await results.write_to(sink)``, or one of ``to_arrow``, ``to_pandas`` and ``to_polars``.
    """

    def __init__(
        self, engine: Engine, reader: Reader, feed: JobFeed, meter: Meter, options: BulkOptions
    ) -> None:
        self._options = options
        self._context = engine.shared.context
        self._limiter = engine.shared.limiter
        self._meter = meter
        self._file = options.checkpoint
        self._ledger: Ledger | None = None
        self._position: dict[str, Any] | None = None
        self._plan = Plan(
            partition=options.partition, ordered=options.ordered, totals=options.totals
        )
        count = options.concurrency
        self._outbox = Outbox(
            ordered=options.ordered,
            # What was read and not committed is read again by the next run.
            spare=0 if self._file is not None else count,
            look_ahead=_LOOK_AHEAD * count,
        )
        self._feed = feed
        self._reader = reader
        self._workers: Workers | None = None
        self._way: str | None = None
        self._taken: list[Batch] = []
        self._taking = self._left = False
        self._open: deque[Batch] = deque()
        self._hits: Iterator[Hit] = iter(())
        self._begun = False
        self._last: Progress | None = None
        self._told_badly = False

    # What is known

    @property
    def stats(self) -> Progress:
        """How far it is now; after the end, how it ended."""
        return self._last or self._snapshot()

    @property
    def failures(self) -> list[JobFailure]:
        """The jobs that could not be read to their end, so far."""
        return [] if self._workers is None else list(self._workers.failures)

    def _snapshot(self, *, finished: bool = False) -> Progress:
        if self._workers is not None:
            self._workers.count()
        waiting, reason = self._waiting()
        return self._meter.snapshot(waiting=waiting, waiting_for=reason, finished=finished)

    def _waiting(self) -> tuple[int, Reason | None]:
        lanes = self._limiter.waiting.values()
        if lanes:
            paused = any(lane.reason == "pause" for lane in lanes)
            return sum(lane.count for lane in lanes), "pause" if paused else "rate"
        held_up = self._outbox.full and not self._meter.in_flight
        return 0, "consumer" if held_up else None

    # Life, of which the block takes care

    async def _start(self) -> None:
        past = None
        if self._file is not None:
            past = await asyncio.to_thread(self._file.load)
            self._ledger = Ledger(past)
        parts = Parts(
            feed=self._feed,
            reader=self._reader,
            plan=self._plan,
            outbox=self._outbox,
            meter=self._meter,
            ledger=self._ledger,
        )
        options = self._options
        workers = self._workers = Workers(
            parts, count=options.concurrency, stop_at_failure=options.on_error == "raise"
        )
        if past is not None and self._ledger is not None:
            check_settings(past.settings, options.settings)
            self._position = past.position
            self._meter.go_on(past.hits, past.expected)
            await workers.recall(self._ledger.expected)

    def _begin(self, workers: Workers) -> None:
        """Nothing is sent before somebody takes: what is wrong with a sink is known by then."""
        if self._begun:
            return
        self._begun = True
        workers.start()
        if self._options.progress is not None:
            workers.own(self._tick())

    async def _stop(self) -> None:
        if self._workers is not None:
            await self._workers.stop()
        if self._last is None:
            self._last = self._snapshot(finished=True)
            self._tell(self._last)

    async def _leave(self) -> None:
        """The block ends: what was not taken is gone, and whoever still waits for it is told."""
        await self._stop()
        self._left = True
        self._hits = iter(())
        self._open.clear()
        self._outbox.fail(_gone())

    async def _tick(self) -> None:
        while True:
            self._tell(self._snapshot())
            await self._context.sleep(_TICK_S)

    def _tell(self, progress: Progress) -> None:
        callback = self._options.progress
        if callback is None or self._told_badly:
            return
        try:
            callback(progress)
        except Exception:
            # Like a listener: what shows the work must not end it.
            self._told_badly = True
            _logger.exception("the progress callback raised, and is not called any more")

    # Taking

    def __aiter__(self) -> BulkResults:
        self._claim("async for")
        return self

    async def __anext__(self) -> Hit:
        while True:
            for hit in self._hits:
                return hit
            batches = await self._next_batches()
            if not batches:
                raise StopAsyncIteration
            self._hits = (Hit(batch.job, file) for batch in batches for file in batch.files)

    def batches(self) -> BatchIterator:
        """The hits page by page: an async iterator over objects with ``job``, ``key``, ``files``
        and ``raw()``.

        Raises:
            InvalidRequest: the hits are taken in another way already, or the block has ended.
        """
        self._claim("batches()")
        return BatchIterator(self)

    async def write_to(self, sink: Sink) -> None:
        """Write all hits to a sink; with a checkpoint, each exactly once whatever happens.

        What was written is committed together with the place in the search, so a search that is
        begun again with the same arguments goes on where this one ended. Failing jobs are in
        ``failures``; the output is complete but for them, and the checkpoint stays so that the
        next run tries them again.

        Args:
            sink: such as ``pdsclient.export.JsonlSink(path)``.

        Raises:
            InvalidRequest: the sink cannot be used, or the hits are taken in another way already;
                nothing was sent.
            OSError: the disk failed; what was committed is kept for the next run.
            PDSError: see ``bulk_search``.
        """
        _check_sink(sink)
        self._claim("write_to()")
        if self._file is not None:
            await asyncio.to_thread(_check_apart, self._file, sink)
        await self._open_sink(sink)
        try:
            while batches := await self._take():
                position = await _unbroken(sink.write(batches))
                await self._commit(batches, position)
            await _unbroken(sink.finish())
            await self._complete()
        finally:
            await _unbroken(sink.aclose(keep=self._file is not None))

    async def _open_sink(self, sink: Sink) -> None:
        """Start a sink; one that refuses is not closed, as it may be in use by another search."""
        try:
            await _unbroken(sink.start(self._position))
        except asyncio.CancelledError:
            await _unbroken(sink.aclose(keep=self._file is not None))
            raise

    async def to_arrow(self, **options: Any) -> pa.Table:
        """All hits as a table; takes the options of ``pdsclient.export.ArrowSink``.

        Needs the extra ``arrow``, and memory for all hits.

        Raises:
            InvalidRequest: pyarrow is not installed; nothing was sent.
        """
        from pdsclient.export import ArrowSink

        sink = ArrowSink(**options)
        await self.write_to(sink)
        return sink.table

    async def to_pandas(self, **options: Any) -> pd.DataFrame:
        """All hits as a pandas frame; see ``to_arrow``.

        Raises:
            InvalidRequest: pandas or pyarrow is not installed; nothing was sent.
        """
        from pdsclient.export import to_pandas

        await asyncio.to_thread(_check_installed, "pandas")
        return to_pandas(await self.to_arrow(**options))

    async def to_polars(self, **options: Any) -> pl.DataFrame:
        """All hits as a polars frame; see ``to_arrow``.

        Raises:
            InvalidRequest: polars or pyarrow is not installed; nothing was sent.
        """
        from pdsclient.export import to_polars

        await asyncio.to_thread(_check_installed, "polars")
        return to_polars(await self.to_arrow(**options))

    def _claim(self, way: str) -> None:
        if self._workers is None or (self._last is not None and self._way is None):
            raise _gone()
        if self._way not in (None, way) or (self._way == way == "write_to()"):
            raise InvalidRequest(
                f"the hits of this bulk search are being taken by {self._way}, and there is one "
                "way to take them; make another search for the other"
            )
        if self._meter.hits and self._way is None and self._file is not None:
            self._check_way(way)
        self._way = way

    def _check_way(self, way: str) -> None:
        """A search that went on from a checkpoint is taken as it was."""
        if (way == "write_to()") is (self._position is None):
            before = "async for" if self._position is None else "write_to()"
            raise InvalidRequest(
                f"the checkpoint is that of a search whose hits were taken by {before}, "
                f"not {way}: take them so, or delete the checkpoint and begin anew"
            )

    async def _next_batches(self) -> list[Batch]:
        """What follows when all that was given before has been used; nothing at the end."""
        if self._left:
            raise _gone()
        if self._taking:
            raise InvalidRequest(
                "two tasks take the hits of one bulk search at the same time; let one take them "
                "and hand them on"
            )
        self._taking = True
        try:
            return await self._following()
        finally:
            self._taking = False

    async def _following(self) -> list[Batch]:
        used, self._taken = self._taken, []
        if used:
            await self._commit(used, None)
        # About a page, as others can wait with their workers; but a checkpoint is written for as
        # many as there are.
        self._taken = await self._take(math.inf if self._file is not None else PAGE)
        if not self._taken and self._last is None:
            await self._complete()
        return self._taken

    async def _take(self, enough: float = math.inf) -> list[Batch]:
        """The pages that are there; none at the end."""
        most, meter, workers = self._options.max_hits, self._meter, self._workers
        assert workers is not None
        if self._last is not None or (most is not None and meter.hits >= most):
            return []
        self._begin(workers)
        batches = await self._outbox.take(enough)
        if most is not None:
            batches = _first_hits(batches, most - meter.hits)
        for batch in batches:
            meter.pages += 1
            meter.hits += len(batch.files)
            if self._file is None:
                batch.release()
        if self._options.ordered:
            workers.wake()
        return batches

    async def _commit(self, batches: list[Batch], position: dict[str, Any] | None) -> None:
        """The consumer has these for good."""
        assert self._workers is not None
        self._workers.commit(batches)
        if self._file is None:
            return
        assert self._ledger is not None
        self._position = position
        state = self._ledger.snapshot(
            self._plan.jobs.values(),
            settings=self._options.settings,
            hits=self._meter.hits,
            expected=self._meter.expected_hits,
            position=position,
        )
        # Begun while the consumer asks for more: a cancelled consumer finds it done or not done.
        try:
            await _unbroken(asyncio.to_thread(self._file.save, state))
        finally:
            for batch in batches:
                batch.release()

    async def _complete(self) -> None:
        """The consumer has everything: stop, and forget the checkpoint unless jobs failed."""
        assert self._workers is not None
        await self._stop()
        if self._file is None:
            return
        if self._workers.failures:
            await self._commit([], self._position)
        else:
            await asyncio.to_thread(self._file.remove)

    def __repr__(self) -> str:
        return f"<BulkResults: {self.stats}>"

    def _repr_html_(self) -> str:
        from pdsclient._html import results_html

        return results_html(self.stats, self.failures)


def _check_installed(package: str) -> None:
    """Before millions of hits are read for nothing."""
    if find_spec(package) is None:
        raise InvalidRequest(f"a data frame needs {package}: pip install '{package}'")


class BatchIterator:
    """The hits of a bulk search, page by page."""

    def __init__(self, results: BulkResults) -> None:
        self._results = results

    def __aiter__(self) -> BatchIterator:
        return self

    async def __anext__(self) -> Batch:
        results = self._results
        while not results._open:
            results._open.extend(await results._next_batches())
            if not results._open:
                raise StopAsyncIteration
        return results._open.popleft()


def _check_sink(sink: Any) -> None:
    if not all(hasattr(sink, name) for name in ("start", "write", "finish", "aclose")):
        raise InvalidRequest(
            "write_to takes a sink such as pdsclient.export.JsonlSink(path), or sink_for(path) for "
            f"the one that the suffix names, not {shown(sink)}"
        )


def _check_apart(checkpoint: CheckpointFile, sink: Any) -> None:
    """Refuse a checkpoint that would destroy the output: at the end it is deleted."""
    if not checkpoint.paths.isdisjoint(getattr(sink, "paths", ())):
        raise InvalidRequest(
            f"the checkpoint {checkpoint.path} is a file that {sink!r} writes; choose another path"
        )


def _gone() -> InvalidRequest:
    return InvalidRequest("the block of this bulk search has ended; its hits are gone")


def _first_hits(batches: list[Batch], most: int) -> list[Batch]:
    """As many batches as hold so many hits, the last one trimmed."""
    kept = []
    for batch in batches:
        if most <= 0:
            break
        batch.trim(most)
        most -= len(batch.files)
        kept.append(batch)
    return kept


async def _unbroken(work: Coroutine[Any, Any, T]) -> T:
    """What the work gives; when cancelled, it is finished first: threads cannot be stopped."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
