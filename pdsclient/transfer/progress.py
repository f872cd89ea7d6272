"""How far a transfer is: counters, and snapshots of them.

The counters are plain additions and nothing is computed until somebody looks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, Literal, TypeAlias

from attrs import frozen

from pdsclient._shown import counted, shown_duration, shown_size

__all__ = ["Meter", "TransferProgress", "TransferState"]

TransferState: TypeAlias = Literal[
    "waiting", "running", "pausing", "paused", "done", "failed", "cancelled"
]

# The speed is that of the last seconds: long enough to be calm, short enough to follow a change.
_WINDOW_S: Final = 5.0
# Looks that follow one another more closely than this are one point of the window.
_POINT_S: Final = 0.25
_ENDED: Final = frozenset({"done", "failed", "cancelled"})


@frozen(kw_only=True)
class TransferProgress:
    """How far a transfer was at one moment; ``str()`` makes one line for people of it.

    Attributes:
        state: ``waiting`` (not begun), ``running``, ``pausing`` (parts under way are finished),
            ``paused``, ``done``, ``failed`` or ``cancelled``.
        bytes_done: bytes that are through, with those of earlier runs.
        bytes_total: bytes in all, None while unknown.
        parts_done: parts that are through.
        parts_total: parts in all, None while unknown.
        files_done: files that are through.
        files_total: files in all, None while they are still being found.
        files_skipped: files that were left as they are.
        files_failed: files that failed.
        speed: bytes per second over the last seconds; at the end over the whole run.
        elapsed_s: seconds since the beginning.
        remaining_s: seconds until all is through at this speed, None if unknown.
    """

    state: TransferState
    bytes_done: int
    bytes_total: int | None
    parts_done: int
    parts_total: int | None
    files_done: int
    files_total: int | None
    files_skipped: int
    files_failed: int
    speed: float
    elapsed_s: float
    remaining_s: float | None

    @property
    def finished(self) -> bool:
        """No other snapshot follows."""
        return self.state in _ENDED

    def __str__(self) -> str:
        return ", ".join([self._amount(), *self._files(), *self._pace()])

    def _amount(self) -> str:
        done, total = self.bytes_done, self.bytes_total
        if total is None or self.state == "done":
            return shown_size(done)
        return f"{shown_size(done)} of {shown_size(total)}"

    def _files(self) -> list[str]:
        """What is told only when there is something to tell."""
        told = []
        if self.files_total != 1:
            told.append(counted(self.files_done, "file"))
        if self.files_skipped:
            told.append(f"{self.files_skipped:,} skipped")
        if self.files_failed:
            told.append(f"{self.files_failed:,} failed")
        return told

    def _pace(self) -> list[str]:
        pace = [f"{shown_size(round(self.speed))}/s"]
        if self.state != "running":
            pace.append(self.state)
        if self.finished:
            pace.append(f"took {shown_duration(self.elapsed_s)}")
        elif self.remaining_s is not None:
            pace.append(f"{shown_duration(self.remaining_s)} left")
        return pace


class Meter:
    """The counters of a transfer; whoever moves bytes adds to them.

    Attributes have the meaning of those of ``TransferProgress``.

    Args:
        now: seconds that never go back.
        above: counts too: the meter of the tree that the file is in.
        tell: is called whenever a counter has changed.
    """

    def __init__(
        self,
        now: Callable[[], float],
        *,
        above: Meter | None = None,
        tell: Callable[[], object] | None = None,
    ) -> None:
        self._now = now
        self.above = above
        self._tell = tell
        self._began_s = now()
        self._ended_s: float | None = None
        self._before = 0
        self._points = deque([(self._began_s, 0)])
        self.bytes_done = self.parts_done = 0
        self.files_done = self.files_skipped = self.files_failed = 0
        self.bytes_total: int | None = None
        self.parts_total: int | None = None
        self.files_total: int | None = None

    def begin(self) -> None:
        """The time begins now."""
        self._began_s = self._now()
        self._points = deque([(self._began_s, self.bytes_done)])

    def end(self) -> None:
        """The time ends now."""
        self._ended_s = self._now()

    def expect(
        self, *, bytes: int | None = None, parts: int | None = None, files: int | None = None
    ) -> None:
        """There are so many in all; what is not said stays as it is."""
        self.bytes_total = self.bytes_total if bytes is None else bytes
        self.parts_total = self.parts_total if parts is None else parts
        self.files_total = self.files_total if files is None else files
        self._changed()

    def moved(self, count: int) -> None:
        """So many bytes went through, or are taken back: then they will come again."""
        self.bytes_done += count
        if self.above is not None:
            self.above.moved(count)
        self._changed()

    def kept(self, count: int) -> None:
        """An earlier run moved so many bytes; the speed does not count them."""
        self.bytes_done += count
        self._before += count
        self._points = deque((at, done + count) for at, done in self._points)
        if self.above is not None:
            self.above.kept(count)
        self._changed()

    def part_done(self, count: int = 1) -> None:
        """A part is through."""
        self.parts_done += count
        if self.above is not None:
            self.above.part_done(count)
        self._changed()

    def file_done(self) -> None:
        """A file is through."""
        self.files_done += 1
        self._changed()

    def file_skipped(self) -> None:
        """A file was left as it is."""
        self.files_skipped += 1
        self._changed()

    def file_failed(self) -> None:
        """A file failed."""
        self.files_failed += 1
        self._changed()

    def snapshot(self, state: TransferState) -> TransferProgress:
        """The counters as they are now."""
        now = self._now() if self._ended_s is None else self._ended_s
        elapsed_s = now - self._began_s
        speed = self._speed(now)
        if state in _ENDED and elapsed_s > 0:
            speed = (self.bytes_done - self._before) / elapsed_s
        return TransferProgress(
            state=state,
            bytes_done=self.bytes_done,
            bytes_total=self.bytes_total,
            parts_done=self.parts_done,
            parts_total=self.parts_total,
            files_done=self.files_done,
            files_total=self.files_total,
            files_skipped=self.files_skipped,
            files_failed=self.files_failed,
            speed=max(0.0, speed),
            elapsed_s=elapsed_s,
            remaining_s=0.0 if state == "done" else self._remaining_s(speed),
        )

    def _changed(self) -> None:
        if self._tell is not None:
            self._tell()

    def _speed(self, now: float) -> float:
        """Bytes per second since the last look that is a window old, or else since the start."""
        points = self._points
        while len(points) > 1 and points[1][0] <= now - _WINDOW_S:
            points.popleft()
        since_s, done = points[0]
        if now - points[-1][0] >= _POINT_S:
            points.append((now, self.bytes_done))
        return (self.bytes_done - done) / (now - since_s) if now > since_s else 0.0

    def _remaining_s(self, speed: float) -> float | None:
        if self.bytes_total is None or speed <= 0:
            return None
        return max(0, self.bytes_total - self.bytes_done) / speed
