"""How far a bulk search is: counters, snapshots of them, and adapters that show them.

The counters are plain additions and nothing is computed until somebody looks, so a search that
nobody watches pays nothing for being watchable.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from attrs import frozen

from pdsclient._bars import Seen, Show, rich_show, tqdm_show
from pdsclient._shown import counted, shown_duration

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Meter", "Progress", "rich_progress", "tqdm_progress"]

Reason: TypeAlias = Literal["rate", "pause", "consumer"]

# The rate is that of the last seconds: long enough to be calm, short enough to follow a change.
RATE_WINDOW_S: Final = 5.0
# Looks that follow one another more closely than this are one point of the window.
_POINT_S: Final = 0.25

# Hits per second below which a tenth matters.
_FEW: Final = 10

_WAITING: Final[dict[Reason, str]] = {
    "rate": "waiting for the rate limit",
    "pause": "paused at the service's request",
    "consumer": "waiting for the reader of the hits",
}


@frozen(kw_only=True)
class Progress:
    """How far a bulk search was at one moment; ``str()`` makes one line for people of it.

    Attributes:
        hits: files found and handed on.
        pages: pages these came on.
        requests: requests sent, also those that were repeated.
        retries: those of them that repeated another one.
        waited_s: seconds that requests waited for the rate limit or before a retry, summed up.
        jobs_done: jobs that were read to their end.
        jobs_failed: jobs that ended with an error; ``results.failures`` has them.
        jobs_open: jobs under way.
        windows_done: windows of partitioned searches that were read to their end.
        windows_open: windows under way or waiting for a worker.
        expected_hits: hits that the server announced so far, None if it announced none.
        rate: hits per second over the last seconds; at the end over the whole run.
        elapsed_s: seconds since the start.
        remaining_s: seconds until ``expected_hits`` are there at this rate, None if unknown.
        in_flight: requests under way.
        waiting: requests that wait for their turn.
        waiting_for: why: ``rate`` for the client's pace, ``pause`` when the service asked to
            wait, ``consumer`` when hits are found faster than they are taken.
        finished: this is the last snapshot, also when the search failed or was left early.
    """

    hits: int
    pages: int
    requests: int
    retries: int
    waited_s: float
    jobs_done: int
    jobs_failed: int
    jobs_open: int
    windows_done: int
    windows_open: int
    expected_hits: int | None
    rate: float
    elapsed_s: float
    remaining_s: float | None
    in_flight: int
    waiting: int
    waiting_for: Reason | None
    finished: bool

    def __str__(self) -> str:
        return ", ".join([self._hits(), *self._pace(), *self._parts()])

    def _hits(self) -> str:
        expected = self.expected_hits
        # What was announced is an estimate: the drive changes meanwhile.
        beyond = expected is None or self.finished or expected < self.hits
        return counted(self.hits, "hit") if beyond else f"{self.hits:,} of {expected:,} hits"

    def _pace(self) -> list[str]:
        pace = [f"{self.rate:,.{1 if 0 < self.rate < _FEW else 0}f}/s"]
        if self.finished:
            pace.append(f"took {shown_duration(self.elapsed_s)}")
        elif self.remaining_s is not None:
            pace.append(f"{shown_duration(self.remaining_s)} left")
        return pace

    def _parts(self) -> list[str]:
        """What is told only when there is something to tell."""
        ended = self.jobs_done + self.jobs_failed
        jobs, windows = ended + self.jobs_open, self.windows_done + self.windows_open
        parts = [f"{ended:,} of {jobs:,} jobs"] if jobs > 1 else []
        if windows > max(jobs, 1):
            parts.append(f"{self.windows_done:,} of {windows:,} windows")
        if self.jobs_failed:
            parts.append(f"{self.jobs_failed:,} failed")
        if self.retries:
            parts.append(counted(self.retries, "retry", "retries"))
        if self.waiting_for is not None and not self.finished:
            parts.append(_WAITING[self.waiting_for])
        return parts


class Meter:
    """The counters of one bulk search; whoever runs it adds to them.

    Attributes have the meaning of those of ``Progress``.

    Args:
        clock: seconds that never go back.
    """

    __slots__ = (
        "_before",
        "_clock",
        "_points",
        "_started_s",
        "expected_hits",
        "hits",
        "in_flight",
        "jobs_done",
        "jobs_failed",
        "jobs_open",
        "pages",
        "requests",
        "retries",
        "waited_s",
        "windows_done",
        "windows_open",
    )

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._started_s = clock()
        self._points = deque([(self._started_s, 0)])
        self._before = 0
        self.expected_hits: int | None = None
        self.hits = self.pages = self.requests = self.retries = self.in_flight = 0
        self.waited_s = 0.0
        self.jobs_done = self.jobs_failed = self.jobs_open = 0
        self.windows_done = self.windows_open = 0

    def page(self, hits: int) -> None:
        """A page with so many hits was handed on."""
        self.pages += 1
        self.hits += hits

    def go_on(self, hits: int, expected: int | None) -> None:
        """An earlier run had so many hits already; the rate does not count them."""
        self.hits = self._before = hits
        self.expected_hits = expected
        self._points = deque([(self._started_s, hits)])

    def sent(self, attempts: int, waited_s: float) -> None:
        """A call was sent so many times, after waits of so many seconds."""
        self.requests += attempts
        self.retries += max(0, attempts - 1)
        self.waited_s += waited_s

    def expect(self, hits: int) -> None:
        """The server announced so many hits more."""
        self.expected_hits = (self.expected_hits or 0) + hits

    def snapshot(
        self, *, waiting: int = 0, waiting_for: Reason | None = None, finished: bool = False
    ) -> Progress:
        """The counters as they are now.

        Args:
            waiting: requests that wait for their turn.
            waiting_for: why.
            finished: no other snapshot follows.
        """
        now = self._clock()
        elapsed_s = now - self._started_s
        rate = (self.hits - self._before) / elapsed_s if finished and elapsed_s else self._rate(now)
        return Progress(
            hits=self.hits,
            pages=self.pages,
            requests=self.requests,
            retries=self.retries,
            waited_s=self.waited_s,
            jobs_done=self.jobs_done,
            jobs_failed=self.jobs_failed,
            jobs_open=self.jobs_open,
            windows_done=self.windows_done,
            windows_open=self.windows_open,
            expected_hits=self.expected_hits,
            rate=rate,
            elapsed_s=elapsed_s,
            remaining_s=0.0 if finished else self._remaining_s(rate),
            in_flight=self.in_flight,
            waiting=waiting,
            waiting_for=waiting_for,
            finished=finished,
        )

    def _rate(self, now: float) -> float:
        """Hits per second since the last look that is a window old, or else since the start."""
        points = self._points
        while len(points) > 1 and points[1][0] <= now - RATE_WINDOW_S:
            points.popleft()
        since_s, hits = points[0]
        if now - points[-1][0] >= _POINT_S:
            points.append((now, self.hits))
        return (self.hits - hits) / (now - since_s) if now > since_s else 0.0

    def _remaining_s(self, rate: float) -> float | None:
        if self.expected_hits is None or not rate:
            return None
        return max(0, self.expected_hits - self.hits) / rate


def _seen(progress: Progress) -> Seen:
    rest = ", ".join(progress._parts())
    return Seen(progress.hits, progress.expected_hits, str(progress), rest)


def tqdm_progress(**options: Any) -> Show[Progress]:
    """A ``progress=`` callback that shows a tqdm bar; in Jupyter the bar of notebooks.

    Args:
        options: keyword arguments for ``tqdm``, such as ``desc`` or ``leave``. Needs the extra
            ``progress``; the bar of notebooks needs ipywidgets as well.

    Raises:
        InvalidRequest: if tqdm is not installed.
    """
    return tqdm_show(_seen, {"unit": " hits", **options})


def rich_progress(*, console: Console | None = None, transient: bool = False) -> Show[Progress]:
    """A ``progress=`` callback that shows a rich bar, also in Jupyter.

    Args:
        console: where to show it; rich's own when left out. On one that is no terminal only
            the last snapshot is written.
        transient: the bar disappears at the end. Needs the extra ``cli``.

    Raises:
        InvalidRequest: if rich is not installed.
    """
    return rich_show(_seen, console=console, transient=transient)
