"""What to read next: the plan of a bulk search, without any input or output.

Workers ask the plan for something to do and tell it what came. It knows the windows of each open
job and divides them by stealing: a worker that finds nothing to begin cuts the unread part of the
window with the most unread hits, at the middle of its range. So a search is divided as finely as
there are workers to read it, and one that fits on a page costs one request.

In order (``ordered``), windows are begun from the front, and what is cut off from one is as much
as can be looked ahead; else the largest is halved, wherever it is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from attrs import frozen
from msgspec.structs import replace

from pdsclient.bulk.axis import Axis, Range
from pdsclient.bulk.windows import Batch, Place, Step, Window
from pdsclient.errors import InvalidRequest, PDSError
from pdsclient.query import FILE_FIELDS, Kind, parse_order_by

if TYPE_CHECKING:
    from pdsclient.bulk.jobs import SearchJob
    from pdsclient.models import File, FilePage

__all__ = ["JobFailure", "JobState", "Measure", "Plan"]

# Unread hits that make a cut worth its price, which is half a page on either side.
LEAST_TO_CUT: Final = 200
# Hits of a piece that is cut off in order: its pages have to be kept until it is their turn.
PIECE: Final = 600
# Ids of delivered hits at one position, above which its rest is divided along another key.
CROWD: Final = 300
# No drive has so many files, and a checkpoint cannot hold much larger numbers.
_NO_TOTAL: Final = 1 << 53

# The key that every change moves to the end.
_MOVING: Final = "updated_at"
_UPWARDS: Final = Axis(_MOVING, descending=False)
_DOWNWARDS: Final = Axis(_MOVING)

_ORDERED_KINDS: Final = (Kind.DATE, Kind.LONG)


@frozen
class JobFailure:
    """A job that could not be read to its end; its hits up to there were delivered.

    Attributes:
        job: the job.
        window: the condition of the part that failed, ``""`` if the search was not divided.
        marker: where its reading stopped; None before the first page.
        error: why.
    """

    job: SearchJob
    window: str
    marker: str | None
    error: PDSError

    def __str__(self) -> str:
        part = f" in the part {self.window}" if self.window else ""
        return f"job {self.job.key}{part}: {self.error}"


class JobState:
    """An open job.

    Attributes:
        number: its place among the jobs.
        job: what was asked for.
        key: its key.
        wire: its search as it is sent.
        windows: all of its windows, in the order of their hits.
        failure: why it ended early.
        pages: how many were read.
        total: hits in all, as announced first.
        newest: the last value of ``updated_at`` when the search began, in microseconds; see
            ``_sweep``.
    """

    __slots__ = (
        "failure",
        "job",
        "key",
        "newest",
        "number",
        "pages",
        "swept",
        "total",
        "windows",
        "wire",
    )

    def __init__(self, number: int, job: SearchJob, wire: dict[str, Any]) -> None:
        assert job.key is not None  # the feed numbers those that have none
        self.number = number
        self.job = job
        self.key: str = job.key
        self.wire = wire
        self.windows: list[Window] = []
        self.failure: JobFailure | None = None
        self.pages = 0
        self.total: int | None = None
        self.newest: int | None = None
        self.swept = False

    @property
    def read(self) -> bool:
        """All of its pages were read."""
        return all(window.place.done for window in self.windows)

    @property
    def committed(self) -> bool:
        """The consumer has all of its hits."""
        return all(window.committed.done for window in self.windows)


class Measure(NamedTuple):
    """Something to do for a worker: find the far end of a window."""

    window: Window


class Plan:
    """The windows of all open jobs, and who reads which.

    Args:
        partition: the key along which searches are divided; None divides none.
        ordered: hits are wanted in order.
        totals: first pages say how many hits there are.
    """

    def __init__(
        self, *, partition: str | None, ordered: bool = False, totals: bool = True
    ) -> None:
        self.partition = partition
        self.totals = totals
        self.ordered = ordered
        self.jobs: dict[int, JobState] = {}
        self.pending: deque[Window] = deque()
        self.reading: dict[Window, None] = {}

    # Jobs

    def add(self, job: JobState) -> None:
        """A new job: one window, whole, which waits for a worker."""
        axis, order = self._axis(job.wire["order_by"])
        root = Window(job, axis, order, divisible=axis is not None and self.partition is not None)
        self.restore(job, [root])

    def restore(self, job: JobState, windows: list[Window]) -> None:
        """A job of which some windows are known already."""
        job.windows = windows
        self.jobs[job.number] = job
        self.pending.extend(window for window in windows if not window.place.done)

    def _axis(self, order_by: str) -> tuple[Axis | None, str]:
        axis = first_axis(order_by)
        if self.partition is None or (axis is not None and axis.key == self.partition):
            return axis, order_by
        axis = Axis(self.partition)
        return axis, axis.order

    def fail(self, window: Window, error: PDSError) -> JobFailure | None:
        """One window cannot be read, so its job is over; None if it was over already."""
        job = window.job
        self.release(window)
        if job.failure is not None:
            return None
        place = window.place
        job.failure = JobFailure(job.job, window.describe(place.asked), place.marker, error)
        self.pending = deque(one for one in self.pending if one.job is not job)
        return job.failure

    def drop(self, job: JobState) -> None:
        """Forget a job that is over."""
        self.jobs.pop(job.number, None)

    @property
    def idle(self) -> bool:
        """Nothing is being read, nor waits for it."""
        return not self.reading and not self.pending

    # What to do

    def take(self, *, room: bool = True) -> Window | Measure | None:
        """Something for a free worker to do; None if it has to wait.

        Args:
            room: False if no more pages can be kept until it is their turn; then only the first
                window is read.
        """
        if self.ordered:
            return self._take_in_order(room)
        if self.pending:
            return self._begin(self.pending.popleft())
        return self._steal()

    def release(self, window: Window) -> None:
        """A worker has done with it."""
        self.reading.pop(window, None)

    def _begin(self, window: Window) -> Window:
        self.reading[window] = None
        return window

    def _steal(self) -> Window | Measure | None:
        if self.partition is None:
            return None
        victims = [one for one in self.reading if self._may_cut(one, LEAST_TO_CUT)]
        for victim in sorted(victims, key=lambda one: -one.unread):
            if victim.far is None:
                if not victim.measuring:
                    victim.measuring = True
                    return Measure(victim)
            elif victim.next < victim.far:  # type: ignore[operator]
                return self._begin(self._cut(victim, 0.5))
            else:
                victim.crowded = True
        return None

    def _may_cut(self, window: Window, least: int) -> bool:
        return (
            window.divisible
            and window.next is not None
            and window.job.failure is None
            and window.unread >= least
        )

    def _take_in_order(self, room: bool) -> Window | Measure | None:
        for window in self._in_order():
            following: Window | None = window
            if window in self.reading:
                if self._wants_measure(window):
                    window.measuring = True
                    return Measure(window)
                following = self._shorten(window) if room else None
            if following is not None:
                self.pending.remove(following)
                self._shorten(following)
                return self._begin(following)
            if not room:
                break
        return None

    def _in_order(self) -> Iterator[Window]:
        """The windows that are not read to their end, the first one first."""
        for job in list(self.jobs.values()):
            if job.failure is None:
                yield from [window for window in job.windows if not window.place.done]

    def _wants_measure(self, window: Window) -> bool:
        return window.far is None and not window.measuring and self._may_cut(window, 2 * PIECE)

    def _shorten(self, window: Window) -> Window | None:
        """Leave a window as much as can be looked ahead; the rest, if any, waits for a worker."""
        far, following = window.far, window.next
        if not self._may_cut(window, 2 * PIECE) or far is None or following is None:
            return None
        if following >= far:
            return None
        rest = self._cut(window, PIECE / window.unread)
        self.pending.append(rest)
        return rest

    # Cutting

    def _cut(self, window: Window, share: float) -> Window:
        """Cut a window so that it keeps this share of its unread part; gives the rest."""
        axis, following, far = window.axis, window.next, window.far
        assert axis is not None
        assert following is not None
        assert far is not None
        windows = window.job.windows
        if window.lacking == "in":
            lacking = self._lacking(window)
            windows.append(lacking)
            self.pending.appendleft(lacking)
            lacking.hide_with(window)
        rest = window.cut(axis.between(following, far, share))
        rest.hide_with(window)
        windows.insert(windows.index(window) + 1, rest)
        return rest

    def _lacking(self, window: Window) -> Window:
        """The window for the files that lack the key of this one."""
        assert window.axis is not None
        key = window.axis.key
        within = (Range(key, lacking="only"),)
        axis = None if self.ordered else self._other_axis(window, "created_at")
        order = window.order if axis is None else axis.order
        return window.sibling(axis, order, within=within, lacking="in")

    def _other_axis(self, window: Window, key: str) -> Axis | None:
        """An axis by which a window can be divided where its own cannot."""
        used = {one.key for one in window.within}
        if window.axis is not None:
            used.add(window.axis.key)
        return None if key in used else Axis(key)

    # What came

    def measured(self, window: Window, page: FilePage) -> None:
        """The far end is known: the first hit from there, if there is one."""
        axis = window.axis
        assert axis is not None
        positions = [at for at in map(axis.at, page.items) if at is not None]
        # Nothing there: all that is left stands where the last hit stood.
        following = window.next or 0
        window.far = max([*positions, following])
        if window.stop is not None:
            window.far = min(window.far, window.stop - 1)
        if axis == _UPWARDS and page.items:
            self._note_newest(window.job, page.items[0])

    def arrived(self, window: Window, page: FilePage) -> Batch:
        """What a page brings; the window, and perhaps others, have changed."""
        job = window.job
        if self.totals and window.place.is_first:
            total = _plausible(page.total_count)
            window.announce(total)
            job.total = total if job.pages == 0 else job.total
        step = window.advance(page)
        job.pages += 1
        rows, place = step.rows, step.place
        spawned: list[Window] = []
        if window.divisible:
            rows, place, spawned = self._reshape(window, step)
        window.place = place
        if place.done:
            self.release(window)
        if self.partition is not None:
            self._spawn(window, spawned)
        return Batch(window, page, rows, place, spawned)

    def _spawn(self, window: Window, spawned: list[Window]) -> None:
        """Windows that begin behind a page: nobody knows of them before the consumer has it."""
        job = window.job
        position = job.windows.index(window) + 1
        job.windows[position:position] = spawned
        if window.place.done:
            spawned += self._sweep(job)
        for one in spawned:
            one.hidden_with = spawned
        self.pending.extendleft(reversed(spawned))

    def _reshape(self, window: Window, step: Step) -> tuple[list[Any], Place, list[Window]]:
        """The hits to deliver, the place behind them, and windows to read in place of this one."""
        rows, place, axis = step.rows, step.place, window.axis
        if axis == _DOWNWARDS and rows:
            self._note_newest(window.job, rows[0])
        if axis is None or place.done or not step.length:
            return rows, place, []
        over = replace(place, marker=None, done=True)
        if window.lacking == "in" and step.first is None and window.place.at is None:
            # Those without the key came first: the others can be divided.
            keyed = window.sibling(
                axis, window.order, start=window.start, stop=window.stop, lacking="out"
            )
            return [], replace(over, hits=0), [self._lacking(window), keyed]
        if window.lacking == "in" and step.last is None:
            # All others were read: those without the key can be divided by another one.
            rows = [row for row in rows if axis.at(row) is not None]
            return rows, over, [self._lacking(window)]
        divided = self._divide_crowd(window, place)
        return (rows, over, divided) if divided else (rows, place, [])

    def _divide_crowd(self, window: Window, place: Place) -> list[Window]:
        """Windows for the rest of one position that has very many hits, and for what follows."""
        axis, at = window.axis, place.at
        crowded = window.crowded or (len(place.recent) >= CROWD and window.unread >= LEAST_TO_CUT)
        if self.ordered or axis is None or at is None or not crowded:
            return []
        other = self._other_axis(window, "created_at" if axis.key == "size" else "size")
        if other is None:
            return []
        crowd = window.sibling(
            other,
            other.order,
            within=(axis.range(at, at + 1),),
            lacking="in",
            exclude=place.recent,
        )
        if window.stop is not None and at + 1 >= window.stop:
            return [crowd]
        rest = window.sibling(
            axis, window.order, start=at + 1, stop=window.stop, lacking=window.lacking
        )
        rest.far = window.far
        return [crowd, rest]

    # Keys that move

    def _note_newest(self, job: JobState, file: File) -> None:
        """The last hit when the search began: all that is changed later stands behind it."""
        if self.partition == _MOVING and job.newest is None:
            job.newest = _UPWARDS.exact(file)

    def _sweep(self, job: JobState) -> list[Window]:
        """A last window for the files that were changed while their job was read.

        A change moves a file to the end of ``updated_at``, possibly past the window that would
        have found it. Read upwards from where the end was, nothing can slip by any more.
        """
        if self.partition != _MOVING or self.ordered or job.swept or not job.read:
            return []
        if job.pages == 1 or job.newest is None:
            return []  # one answer, or one reading upwards, has missed nothing
        job.swept = True
        # What is no newer has not changed since, and was found where it stood.
        start = job.newest // 1_000_000
        sweep = Window(job, _UPWARDS, _UPWARDS.order, start=start, lacking="out", after=job.newest)
        job.windows.append(sweep)
        return [sweep]


def _plausible(total: Any) -> int | None:
    """A total that can be reckoned with; a reply is kept as it came, whatever that is."""
    return total if type(total) is int and 0 <= total < _NO_TOTAL else None


@lru_cache(64)  # nearly all jobs have the same order
def first_axis(order_by: str) -> Axis | None:
    """The axis that an order reads along; None if its first key has no positions."""
    try:
        term = parse_order_by(order_by).terms[0]
    except InvalidRequest:
        return None  # sent unchecked, at the caller's wish
    field = FILE_FIELDS.get(term.field)
    if field is None or field.kind not in _ORDERED_KINDS:
        return None
    return Axis(term.field, term.descending)
