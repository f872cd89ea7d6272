"""Between a transfer's handle and its work: pausing, limits, counters, connections, threads."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from pdsclient.errors import DeadlineExceeded, RateLimited, ServiceFailure, TransportError
from pdsclient.transfer.disk import Disk
from pdsclient.transfer.limits import START, Bandwidth, Lanes
from pdsclient.transfer.planning import PART_SIZE
from pdsclient.transfer.progress import Meter

if TYPE_CHECKING:
    from pdsclient._core import Engine

__all__ = ["Control", "Lane", "Sending"]

# Large enough that the loop has little to do for each byte, small enough for an even flow.
_PIECE: Final = 1 << 18
# With a bandwidth no more parts begin than it moves in this time: else all of them crawl side by
# side, a pause takes as long as all of them, and a later run finds none that is finished.
_SOON_S: Final = 2.0
# What may mean that too much is under way at once.
_OF_THE_LINE: Final = (TransportError, DeadlineExceeded, ServiceFailure, RateLimited)


class _Gate:
    """Lets parts begin unless the transfer is paused, and knows how many are under way."""

    def __init__(self, changed: Callable[[], object]) -> None:
        self._open = asyncio.Event()
        self._open.set()
        self._changed = changed
        self.under_way = 0

    @property
    def is_closed(self) -> bool:
        return not self._open.is_set()

    def close(self) -> None:
        self._open.clear()
        self._changed()

    def open(self) -> None:
        self._open.set()
        self._changed()

    async def wait(self) -> None:
        await self._open.wait()

    def enter(self) -> None:
        self.under_way += 1
        self._changed()

    def leave(self) -> None:
        self.under_way -= 1
        self._changed()


def _lanes_at_first(bandwidth: float | None) -> int:
    if not isinstance(bandwidth, (int, float)):
        return START
    return max(1, min(START, int(bandwidth * _SOON_S / PART_SIZE)))


class Control:
    """What the work of a transfer is given.

    Args:
        engine: of the client.
        concurrency: most parts under way at once.
        bandwidth: most bytes per second; None is no limit.

    Attributes:
        engine: of the client, without a deadline for single requests.
        context: clock, sleep, threads.
        disk: local files.
        lanes: places for parts that are under way.
        bandwidth: most bytes per second.
        meter: how far it is.
        checkpoint: what a later transfer needs to go on, None if there is nothing yet.
        outcome: what became of it, in a word; "" until that is known.
        active: counters of the files of a tree that are under way, by their paths.
    """

    def __init__(self, engine: Engine, *, concurrency: int, bandwidth: float | None) -> None:
        # A deadline is meant for a call, not for hours of them.
        self.engine = engine.with_options({"deadline": None})
        self.context = engine.shared.context
        self.disk = Disk(self.context)
        self.bandwidth = Bandwidth(bandwidth, self.context)
        self.lanes = Lanes(concurrency, engine.shared.now, _lanes_at_first(bandwidth))
        self.checkpoint: object | None = None
        self.outcome = ""
        self.active: dict[str, Meter] = {}
        self.changed: Callable[[], object] = _nobody
        self.told: Callable[[], object] = _nobody
        self.meter = Meter(engine.shared.now, tell=self._tell)
        self.paused = _Gate(self._change)

    # Whoever listens is not known yet when these are handed out.
    def _tell(self) -> None:
        self.told()

    def _change(self) -> None:
        self.changed()

    @contextmanager
    def file(self, path: str) -> Iterator[Control]:
        """For a file of a tree: its own checkpoint, outcome and counters, and all else shared.

        Args:
            path: under which it is listed in ``active`` meanwhile.
        """
        child = copy.copy(self)
        child.checkpoint, child.outcome = None, ""
        child.meter = self.active[path] = Meter(self.engine.shared.now, above=self.meter)
        try:
            yield child
        finally:
            del self.active[path]

    def adopt(self, other: Control) -> None:
        """Make another transfer, not yet begun, a part of this: its line is ours, its bytes too."""
        other.lanes, other.bandwidth, other.meter.above = self.lanes, self.bandwidth, self.meter

    async def gate(self) -> None:
        """Returns when the transfer is not paused."""
        await self.paused.wait()

    def lane(self) -> Lane:
        """A place for a part, for ``async with``."""
        return Lane(self)

    async def passed(self, count: int) -> None:
        """So many bytes came; waits as long as the bandwidth demands."""
        self.meter.moved(count)
        await self.bandwidth.take(count)

    def sending(self) -> Sending:
        """Counts a part that goes out, at the bandwidth that is set."""
        return Sending(self)


class Sending:
    """A part that goes out, with all its attempts.

    No generator gives its pieces, as nobody would close one that is left behind.
    """

    def __init__(self, control: Control) -> None:
        self._control = control
        self._left = memoryview(b"")
        self._counted = 0

    def pieces(self, content: bytes) -> AsyncIterator[memoryview]:
        """The content for the storage; begun again it is counted anew."""
        self.settle(0)
        self._left = memoryview(content)
        return self

    def settle(self, count: int) -> None:
        """So many bytes have arrived, whatever went out."""
        if count != self._counted:
            self._control.meter.moved(count - self._counted)
            self._counted = count

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> memoryview:
        if not self._left:
            raise StopAsyncIteration
        piece, self._left = self._left[:_PIECE], self._left[_PIECE:]
        self._counted += len(piece)
        await self._control.passed(len(piece))
        return piece


class Lane:
    """A place for a part that is under way.

    Attributes:
        moved: bytes that went through; whoever moves them sets it.
    """

    def __init__(self, control: Control) -> None:
        self._control = control
        self.moved = 0

    async def __aenter__(self) -> Self:
        control = self._control
        while True:
            await control.paused.wait()
            await control.lanes.take()
            # It may have been paused while this waited for its turn.
            if not control.paused.is_closed:
                break
            control.lanes.put_back()
        control.paused.enter()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._control.paused.leave()
        self._control.lanes.give(self.moved, failed=isinstance(error, _OF_THE_LINE))


def _nobody() -> None:
    """Until a handle listens."""
