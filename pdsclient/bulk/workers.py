"""The workers of a bulk search: they do what the plan says and put what they read in the outbox."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from pdsclient.bulk.jobs import JobFeed, SearchJob, fingerprint, rest_of
from pdsclient.bulk.plan import JobFailure, JobState, Measure, Plan, first_axis
from pdsclient.bulk.windows import Window
from pdsclient.errors import (
    AuthError,
    BadRequest,
    ClientClosed,
    InvalidRequest,
    NotFound,
    PDSError,
    WrongEventLoop,
)
from pdsclient.models import FilePage
from pdsclient.paging import PageIterator
from pdsclient.query import as_query
from pdsclient.query.wire import LONGEST_QUERY
from pdsclient.resources.file import FileResource

if TYPE_CHECKING:
    from pdsclient._core import Engine
    from pdsclient.bulk.checkpoint import Ledger
    from pdsclient.bulk.outbox import Outbox
    from pdsclient.bulk.progress import Meter
    from pdsclient.bulk.windows import Batch

__all__ = ["Reader", "Workers"]

# The largest page that the service gives (seed, SearchFiles).
PAGE: Final = 100
# What the conditions of a window add to a query at most: bounds of a few keys.
_LONGEST_WINDOW: Final = 300


# Every other job would fail in the same way.
_HOPELESS: Final = (AuthError, ClientClosed, WrongEventLoop)


class Reader:
    """Asks the service for the pages of windows.

    Args:
        engine: of the client or view.
        meter: counts requests.
        partition, ordered: as in ``bulk_search``; orders and lengths have to suit them.
        totals: ask how many hits there are.
    """

    def __init__(
        self, engine: Engine, meter: Meter, *, partition: str | None, ordered: bool, totals: bool
    ) -> None:
        self._engine = engine
        self._meter = meter
        self._partition = partition
        self._ordered = ordered
        self._totals = totals
        self._last_rest: object = None
        self._template: dict[str, Any] = {}

    def wire(self, job: SearchJob) -> dict[str, Any]:
        """A job as it is sent, checked.

        Raises:
            InvalidRequest: the service, or this search, would not take it.
        """
        rest = rest_of(job)
        if rest != self._last_rest:
            # Most jobs differ in their query alone, and the rest is checked once for all of them.
            self._template = self._engine.wire(job.request())
            self._last_rest = rest
        query = as_query(job.query, validate=self._engine.validates)
        wire = {**self._template, "query": query, "limit": PAGE}
        if self._partition is not None:
            self._check_partition(wire)
        return wire

    def _check_partition(self, wire: dict[str, Any]) -> None:
        axis = first_axis(wire["order_by"])
        if self._ordered and (axis is None or axis.key != self._partition):
            raise InvalidRequest(
                f"ordered=True with partition={self._partition!r} needs an order_by that begins "
                f"with {self._partition}, such as '{self._partition} DESC,name ASC', "
                f"not {wire['order_by']!r}"
            )
        length = len(wire["query"])
        if length > LONGEST_QUERY - _LONGEST_WINDOW:
            raise InvalidRequest(
                f"query is {length:,} characters long; a partitioned search adds up to "
                f"{_LONGEST_WINDOW} and the service takes {LONGEST_QUERY:,}: split the query, "
                "or search without partition"
            )

    def pages(self, window: Window) -> PageIterator[FilePage]:
        """The pages of a window from its place on."""
        place = window.begin()
        data = self._data(window, window.describe(place.asked))
        counted = self._totals and place.is_first
        return PageIterator(_Question(self, data, counted=counted), place.marker)

    async def far_end(self, window: Window) -> FilePage:
        """A page with the last hit of a window."""
        assert window.axis is not None
        data = self._data(window, window.describe(window.axis.range(window.next, window.stop)))
        order = window.axis.reversed.order
        return await self.page({**data, "order_by": order, "limit": 1})

    def _data(self, window: Window, conditions: str) -> dict[str, Any]:
        wire = window.job.wire
        if window.order == wire["order_by"] and not conditions:
            return wire
        query = wire["query"]
        if conditions:
            query = f"({query}) and {conditions}" if query.strip() else conditions
        return {**wire, "query": query, "order_by": window.order}

    async def page(self, data: dict[str, Any]) -> FilePage:
        """The answer to one question."""
        engine, meter = self._engine, self._meter
        call = engine.prepare_op(FileResource.search, data)
        meter.in_flight += 1
        try:
            page: FilePage = await engine.run(call)
            return page
        finally:
            meter.in_flight -= 1
            meter.sent(call.sends, call.waited_s)


class _Question:
    """What a window asks for, page after page."""

    __slots__ = ("_counted", "_data", "_reader")

    def __init__(self, reader: Reader, data: dict[str, Any], *, counted: bool) -> None:
        self._reader = reader
        self._data = data
        self._counted = counted

    def __call__(self, marker: str | None, _: bool) -> Awaitable[FilePage]:
        data = self._data
        if marker is not None:
            data = {**data, "marker": marker}
        elif self._counted:
            data = {**data, "return_total_count": True}
        return self._reader.page(data)


@frozen(kw_only=True)
class Parts:
    """What the workers work with."""

    feed: JobFeed
    reader: Reader
    plan: Plan
    outbox: Outbox
    meter: Meter
    ledger: Ledger | None


class Workers:
    """A number of tasks that read, and one that brings jobs.

    Args:
        parts: what they work with.
        count: how many read.
        stop_at_failure: the first failing job ends everything.

    Attributes:
        failures: the jobs that failed.
    """

    def __init__(self, parts: Parts, *, count: int, stop_at_failure: bool) -> None:
        self._parts = parts
        self._plan = parts.plan
        self._outbox = parts.outbox
        self._meter = parts.meter
        self._count = count
        self._stop_at_failure = stop_at_failure
        self._idle: list[asyncio.Future[Window | Measure | None]] = []
        self._hungry: asyncio.Future[None] | None = None
        self._fed = False
        self._tasks: list[asyncio.Task[None]] = []
        self.failures: list[JobFailure] = []

    # Life

    def start(self) -> None:
        """Begin to read."""
        self.own(self._guarded(self._feed))
        for _ in range(self._count):
            self.own(self._guarded(self._work))

    def own(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something until ``stop``."""
        self._tasks.append(asyncio.get_running_loop().create_task(work))

    async def stop(self) -> None:
        """Stop at once; returns when nothing is left."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._parts.feed.aclose()

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        # A mistake of ours, or in the caller's jobs, must not look like an end of the hits.
        try:
            await work()
        except Exception as error:
            self._outbox.fail(error)

    # Jobs

    async def recall(self, count: int) -> None:
        """Take the jobs that a checkpoint knows from the feed, before anything is read."""
        ledger = self._parts.ledger
        assert ledger is not None
        for number in range(count):
            if number % 100 == 0:
                await asyncio.sleep(0)  # there may be a million, and others want to run
            item = await self._parts.feed.next()
            if item is None:
                raise ledger.changed(f"the number of jobs, at least {count:,}")
            self._add(*item)
        ledger.check()

    async def _feed(self) -> None:
        while (item := await self._parts.feed.next()) is not None:
            if not self._add(*item):
                await asyncio.sleep(0)  # an endless source of bad jobs must not stop the loop
            self.wake()
            if len(self._plan.pending) >= self._count:
                self._hungry = asyncio.get_running_loop().create_future()
                await self._hungry
        self._fed = True
        self.wake()

    def _add(self, number: int, job: SearchJob) -> bool:
        """Plan a job; False, and a failure, if it cannot be sent."""
        ledger = self._parts.ledger
        try:
            state = JobState(number, job, self._parts.reader.wire(job))
        except InvalidRequest as error:
            self._note(JobFailure(job, "", None, error))
            return False
        self._outbox.expect(state)
        record = ledger.recall(number, fingerprint(job.key, state.wire)) if ledger else None
        if record is None:
            self._plan.add(state)
        elif record == "done":
            self._meter.jobs_done += 1
        else:
            self._plan.restore(state, record.fill(state))
        return True

    def _note(self, failure: JobFailure) -> None:
        self.failures.append(failure)
        self._meter.jobs_failed += 1
        self._outbox.advance()
        if self._stop_at_failure:
            self._outbox.fail(failure.error)

    # Work

    async def _work(self) -> None:
        while (task := await self._next()) is not None:
            if isinstance(task, Measure):
                await self._measure(task.window)
            else:
                await self._read(task)

    async def _next(self) -> Window | Measure | None:
        """Something to do; waits for it; None at the end."""
        task = self._plan.take(room=self._outbox.room)
        if self._hungry is not None:
            self._ask_for_jobs()
        if task is None or self._idle:
            self.wake()
        if task is not None or self._is_over():
            return task
        turn: asyncio.Future[Window | Measure | None] = asyncio.get_running_loop().create_future()
        self._idle.append(turn)
        return await turn

    def _ask_for_jobs(self) -> None:
        # Half the workers have one in store: the feeder need not run for each job.
        hungry = self._hungry
        if hungry is not None and 2 * len(self._plan.pending) <= self._count:
            self._hungry = None
            if not hungry.done():
                hungry.set_result(None)

    def wake(self) -> None:
        """Something has changed: give work to those who wait for it, or send them home."""
        while self._idle and (task := self._plan.take(room=self._outbox.room)) is not None:
            self._idle.pop().set_result(task)
        self._ask_for_jobs()
        if self._is_over():
            self._outbox.close()
            while self._idle:
                self._idle.pop().set_result(None)

    def _is_over(self) -> bool:
        return self._fed and self._plan.idle

    async def _measure(self, window: Window) -> None:
        try:
            page = await self._parts.reader.far_end(window)
            self._plan.measured(window, page)
        except PDSError as error:
            self._fail(window, error)

    async def _read(self, window: Window) -> None:
        pages = self._parts.reader.pages(window)
        try:
            while not window.place.done:
                try:
                    page = await pages.__anext__()
                except (BadRequest, NotFound):
                    # Nobody says how long a marker lives (pds-service.md 5.8). Asked without
                    # one, the service tells whether anything else is wrong.
                    if window.place.marker is None or not window.lose_marker():
                        raise
                    pages = self._parts.reader.pages(window)
                    continue
                if window.job.failure is not None:
                    break
                await self._deliver(window, page)
        except PDSError as error:
            self._fail(window, error)
        finally:
            self._plan.release(window)

    async def _deliver(self, window: Window, page: FilePage) -> None:
        job, plan = window.job, self._plan
        is_news = job.pages == 0
        batch = plan.arrived(window, page)
        self._meter.windows_done += batch.place.done
        if is_news and job.total is not None:
            self._meter.expect(job.total)
        if plan.partition is not None:
            self.wake()
        await self._outbox.put(batch)

    def _fail(self, window: Window, error: PDSError) -> None:
        if isinstance(error, _HOPELESS):
            raise error
        failure = self._plan.fail(window, error)
        if failure is not None:
            if self._parts.ledger is None:
                self._plan.drop(window.job)
            self._note(failure)

    # The consumer's side

    def commit(self, batches: list[Batch]) -> None:
        """The consumer has these: what is over is forgotten."""
        for batch in batches:
            batch.commit()
            job = batch.window.job
            if batch.place.done:
                job.windows.remove(batch.window)
            if job.committed and job.failure is None:
                self._plan.drop(job)
                self._meter.jobs_done += 1
                if self._parts.ledger is not None:
                    self._parts.ledger.finish(job.number)

    def count(self) -> None:
        """Bring the meter up to date."""
        jobs = [job for job in self._plan.jobs.values() if job.failure is None]
        self._meter.jobs_open = len(jobs)
        self._meter.windows_open = sum(
            not window.place.done for job in jobs for window in job.windows
        )
