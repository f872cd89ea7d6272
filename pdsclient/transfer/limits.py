"""How much of the line a transfer uses: bytes per second, and parts under way at once.

How many parts should be under way depends on the line. Where each connection has a speed of its
own, or latency is what takes the time, more of them move more; where they share what there is,
more of them only wait for each other. So the number is found by trial: another one is kept if it
moves enough more, or little less, for what it costs. It doubles while that pays, then goes in
small steps, up and down in turn. How well that does on several lines is measured in
tests/transfer/test_transfer_limits.py.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from pdsclient._checks import check_number
from pdsclient.errors import InvalidRequest

if TYPE_CHECKING:
    from pdsclient.config import RuntimeContext

__all__ = ["START", "Bandwidth", "LaneCount", "Lanes"]

MOST_LANES: Final = 1_024
# Late wake-ups of the event loop may be made up for within this time.
_CATCH_UP_S: Final = 0.1

# So many at the start: enough for a file of a few parts, which is over before anything is learnt.
START: Final = 8
# What a request costs besides its bytes, in bytes: a round trip moves about as much. Without it
# small files after large ones would look like a line that has broken down.
_REQUEST: Final = 256 << 10
# k times as many parts have to move k to this power times as much: 15 % more for twice as many.
_WORTH: Final = 0.2
# Steps near the right number are this fraction of it.
_STEP: Final = 8
# The part of the lanes that has to be in use for a measurement.
_IN_USE: Final = 0.8
# After a trial that failed so many rounds of parts go by before the next, and show what is usual.
_CALM: Final = 4


class Bandwidth:
    """Bytes per second that all who share it may move; a token bucket.

    Args:
        bytes_per_s: more than 0; None is no limit and costs nothing.
        context: its clock and sleep are used.

    Raises:
        InvalidRequest: naming ``bandwidth``.
    """

    def __init__(self, bytes_per_s: float | None, context: RuntimeContext) -> None:
        self._rate = None if bytes_per_s is None else _rate(bytes_per_s)
        self._now = context.clock.monotonic
        self._sleep = context.sleep
        self._free_at = -math.inf

    async def take(self, count: int) -> None:
        """Returns when so many bytes may have been moved; who comes first is first."""
        if self._rate is None:
            return
        now = self._now()
        self._free_at = max(now - _CATCH_UP_S, self._free_at) + count / self._rate
        if self._free_at > now:
            await self._sleep(self._free_at - now)


def _rate(bytes_per_s: object) -> float:
    rate = check_number("bandwidth", bytes_per_s)
    if not 0 < rate < math.inf:
        raise InvalidRequest(f"bandwidth must be more than 0 bytes per second, not {rate:g}")
    return rate


class Lanes:
    """Places for parts that are under way; their number follows what the line moves.

    For each part: ``take``, then ``give``. Who waits gets a place in the order of arrival.

    Args:
        most: places at most, 1-1,024.
        now: seconds that never go back.
        start: places at first.

    Attributes:
        most: places at most.
        in_use: places that are taken.

    Raises:
        InvalidRequest: naming ``concurrency``.
    """

    def __init__(self, most: int, now: Callable[[], float], start: int = START) -> None:
        self.most = _checked(most)
        self._count = LaneCount(self.most, start)
        self._now = now
        self._line: deque[asyncio.Future[None]] = deque()
        self.in_use = 0

    @property
    def limit(self) -> int:
        """Places that there are now."""
        return self._count.limit

    async def take(self) -> None:
        """Returns with a place; cancelling it leaves the place to the next in line."""
        if self.in_use < self.limit:
            self._enter()
            return
        turn = asyncio.get_running_loop().create_future()
        self._line.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self.put_back()  # the place was handed over at the same moment
            raise

    def give(self, moved: int, *, failed: bool = False) -> None:
        """Gives a place back after use.

        Args:
            moved: bytes that went through.
            failed: the line or the server could not cope: a timeout, a reset, 5xx or 429.
        """
        self._count.moment(self._now(), self.in_use)
        if failed:
            self._count.failed(self.in_use)
        else:
            self._count.ended(moved, self.in_use)
        self._leave()

    def put_back(self) -> None:
        """Gives a place back that was not used."""
        self._count.moment(self._now(), self.in_use)
        self._leave()

    def _leave(self) -> None:
        self.in_use -= 1
        # Whoever is in line has found no place free; so when one is free, nobody is in line.
        while self._line and self.in_use < self.limit:
            turn = self._line.popleft()
            if not turn.done():
                self._enter()
                turn.set_result(None)

    def _enter(self) -> None:
        self._count.moment(self._now(), self.in_use)
        self.in_use += 1


def _checked(most: object) -> int:
    if isinstance(most, bool) or not isinstance(most, int):
        raise InvalidRequest(f"concurrency must be an int, not {type(most).__name__}")
    if not 1 <= most <= MOST_LANES:
        raise InvalidRequest(f"concurrency must be from 1 to {MOST_LANES:,}")
    return most


class LaneCount:
    """The number of lanes; decides by what has ended, and when.

    Args:
        most: the number at most.
        start: the number at first.

    Attributes:
        limit: the number now, from 1 to ``most``.
    """

    def __init__(self, most: int, start: int = START) -> None:
        self._most = most
        self.limit = min(start, most)
        self._step = self.limit
        self._usual = 0.0
        # The number before the trial that is going on, None between trials.
        self._tried_from: int | None = None
        self._rounds = 1
        self._ignored = 0
        self._now = 0.0
        self._measure_anew()

    def moment(self, now: float, in_use: int) -> None:
        """Tells how many lanes were in use until now; to be called before that changes."""
        self._used += in_use * (now - self._now)
        self._now = now

    def ended(self, moved: int, in_use: int) -> None:
        """A part is through.

        Args:
            moved: its bytes.
            in_use: lanes in use, with its own.
        """
        self._ignored = max(0, self._ignored - 1)
        if in_use > self.limit:
            # Some are left of a larger number, and what they move is not to this one's credit.
            self._measure_anew()
            return
        self._moved += moved + _REQUEST
        self._ended += 1
        took_s = self._now - self._since
        if self._ended >= self._rounds * self.limit and took_s > 0:
            # With fewer in use nobody needed them all, which tells nothing about their number.
            if self._used > _IN_USE * self.limit * took_s:
                self._judge(self._moved / took_s)
            self._measure_anew()

    def failed(self, in_use: int) -> None:
        """The line or the server could not cope with a part; ``in_use`` as for ``ended``."""
        if self._ignored:
            # It was under way when the number was halved, and belongs to the same trouble.
            self._ignored -= 1
            return
        self._ignored = in_use - 1
        self.limit = max(1, self.limit // 2)
        self._settle(upwards=True, rounds=1)
        self._step = max(1, self.limit // 2)
        self._measure_anew()

    def _measure_anew(self) -> None:
        self._since = self._now
        self._moved = self._ended = 0
        self._used = 0.0

    def _judge(self, rate: float) -> None:
        before = self._tried_from
        if before is not None and rate < self._usual * (self.limit / before) ** _WORTH:
            upwards = self.limit < before
            self.limit = before
            self._settle(upwards=upwards, rounds=_CALM)
            return
        if before is not None and self._step > 0:
            self._step = min(2 * self._step, self.limit)
        self._usual = rate
        self._try()

    def _try(self) -> None:
        """Take another number, if there is one in this direction."""
        before = self.limit
        wanted = max(1, min(before + self._step, self._most))
        if wanted == before:
            self._settle(upwards=self._step < 0, rounds=_CALM)
            return
        self._tried_from, self.limit = before, wanted
        # Parts that end in bunches, as small ones do, would pass for a small difference.
        self._rounds = 1 if wanted == 2 * before else 2

    def _settle(self, *, upwards: bool, rounds: int) -> None:
        """See what is usual for a while, and then take a small step."""
        size = max(1, self.limit // _STEP)
        self._step = size if upwards else -size
        self._tried_from = None
        self._rounds = rounds
