"""How much a client may ask of the service: the retry budget and the request rate.

The service publishes no limits and its 429 says little more than "too many" (pds-service.md 4.1),
so the rate is learned: nothing is limited until the first 429; then the rate is 0.9 of what was
accepted in the last second, and each accepted request raises it by a step. The step is smallest
near the rate that was last refused and grows with the distance from it: the limiter stays long
just below the limit, and leaves it quickly behind when the service allows more.

One overshoot brings many refusals: of all that was in flight, and of a server that counts what it
refuses or waits for a second to end. So a refusal also stops the group for a moment, and whatever
is refused meanwhile belongs to the same overshoot. How well this does against several ways of
counting is measured in tests/limits/test_adaptive_rate.py.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Literal

from attrs import field, frozen

from pdsclient._checks import check_number, check_seconds, flag
from pdsclient._clock import Clock
from pdsclient.errors import InvalidRequest, RateLimited

__all__ = ["RateLimit", "Waiting"]

WINDOW_S: Final = 1.0
BACK_OFF: Final = 0.9
# Most of what was sent before comes back within it. Where a server counts by the second, it
# costs 2 % of the limit; where refused requests count, a client that does not pause loses more.
PAUSE_S: Final = 0.07
# After a rest or a pause little was accepted, which says nothing about the limit.
UNKNOWN_BACK_OFF: Final = 0.5
# Requests per second; a group that is refused everything still asks this often.
FLOOR: Final = 0.5
# Late wake-ups may be made up for within this time; it is also the longest burst. An event loop
# that decodes pages is often 10 ms late and more.
CATCH_UP_S: Final = 0.03
# Growth per accepted request, in requests per second. Near the limit it is so small that it is
# exceeded every three seconds or so, and so large that a limit that has risen is noticed within
# six. The largest multiplies the rate by e in a second.
LEAST_STEP: Final = 0.012
MOST_STEP: Final = 1.0
CURVATURE: Final = 20.0


class RetryBudget:
    """Stops retry storms: retries cost, successes pay back; without credit nothing is repeated.

    Args:
        capacity: credit at the start and at most.
        refund: given back by each success.
    """

    __slots__ = ("_balance", "_capacity", "_refund")

    def __init__(self, capacity: int = 500, *, refund: int = 1) -> None:
        self._balance = self._capacity = capacity
        self._refund = refund

    def can_pay(self, cost: int) -> bool:
        """Whether ``withdraw`` would succeed."""
        return self._balance >= cost

    def withdraw(self, cost: int) -> bool:
        """Pays for one retry; False, and nothing is taken, if the credit does not suffice."""
        if self._balance < cost:
            return False
        self._balance -= cost
        return True

    def refund(self) -> None:
        """Gives credit for a success."""
        self._balance = min(self._capacity, self._balance + self._refund)


def _rate(name: str, value: object) -> float:
    number = check_number(name, value)
    if not 0 < number < math.inf:
        raise InvalidRequest(f"{name} must be more than 0 requests per second, not {number:g}")
    return number


def _per_second(value: object) -> float | None:
    return None if value is None else _rate("rate_limit.per_second", value)


def _groups(value: Any) -> Mapping[str, float]:
    if not isinstance(value, Mapping):
        raise InvalidRequest(f"rate_limit.groups must be a mapping, not {type(value).__name__}")
    for name in value:
        if not isinstance(name, str) or not name or "/" in name:
            raise InvalidRequest(
                f"rate_limit.groups has the key {name!r}; "
                "a group is the first part of a path, such as 'file' or 'drive'"
            )
    return {name: _rate(f"rate_limit.groups[{name!r}]", rate) for name, rate in value.items()}


def _pause(_: object, __: object, value: object) -> None:
    check_seconds("rate_limit.max_pause_s", value)


@frozen(kw_only=True)
class RateLimit:
    """How many requests per second a client sends.

    Args:
        per_second: requests per second for each operation group; None is no limit. A group is
            the first part of the path: ``file`` for ``/file/search``.
        groups: other limits for single groups, ``{"file": 50, "drive": 10}``.
        adaptive: learn from 429 replies. The limits above are then upper bounds; without them
            nothing is limited until the first 429.
        fail_fast: raise ``RateLimited`` instead of waiting for a slot.
        max_pause_s: the server may ask a group to pause this many seconds; when it asks for
            more, calls raise ``RateLimited`` at once. None waits however long it takes.

    Raises:
        InvalidRequest: naming the field and the fix.
    """

    per_second: float | None = field(default=None, converter=_per_second)
    groups: Mapping[str, float] = field(factory=dict, converter=_groups, hash=False)
    adaptive: bool = field(default=True, validator=flag(prefix="rate_limit."))
    fail_fast: bool = field(default=False, validator=flag(prefix="rate_limit."))
    max_pause_s: float | None = field(default=120.0, validator=_pause)

    def rate_of(self, group: str) -> float | None:
        """Requests per second that a group may send at most; None if nobody said."""
        return self.groups.get(group, self.per_second)


@frozen
class Waiting:
    """Requests that wait for their turn.

    Attributes:
        count: how many.
        reason: ``rate`` for the pace of the group, ``pause`` if the server asked to wait.
        delay_s: seconds until the last of them is sent, as far as can be told now.
    """

    count: int
    reason: Literal["rate", "pause"]
    delay_s: float


class RateLimiter:
    """The one limiter of a client: paces each operation group by itself.

    For each request: ``reserve``, ``wait`` if that gave a delay, then ``accepted`` or
    ``throttled``. Waiting requests go in the order of their arrival.

    Args:
        config: the limits.
        clock: its monotonic reading is used.
        sleep: waits for a number of seconds.
    """

    def __init__(
        self, config: RateLimit, clock: Clock, sleep: Callable[[float], Awaitable[None]]
    ) -> None:
        self._config = config
        self._now = clock.monotonic
        self._sleep = sleep
        self._lanes: dict[str, _Lane] = {}

    @property
    def waiting(self) -> dict[str, Waiting]:
        """Who waits and why, by group; groups in which nobody waits are left out."""
        now = self._now()
        return {
            name: Waiting(
                lane.waiting,
                "pause" if now < lane.resume_at else "rate",
                lane.delay(now, ahead=lane.waiting - 1),
            )
            for name, lane in self._lanes.items()
            if lane.waiting
        }

    def rate(self, group: str) -> float | None:
        """Requests per second that a group may send now; None is no limit."""
        lane = self._lanes.get(group)
        return self._config.rate_of(group) if lane is None else lane.rate

    def reserve(self, group: str) -> float:
        """0.0 if the request may be sent now, its slot taken; else seconds to ``wait`` for one.

        Args:
            group: the first part of the operation's path.

        Raises:
            RateLimited: a wait is needed and ``fail_fast`` forbids it, or the server asked for
                a pause above ``max_pause_s``; ``retry_after_s`` says how long.
        """
        lane = self._lanes.get(group)
        if lane is None:
            lane = self._lanes[group] = _Lane(self._config.rate_of(group))
        return 0.0 if lane.rate is None else self._take_or_tell(lane, group)

    async def wait(self, group: str) -> None:
        """Returns when it is this request's turn; cancelling it leaves the slot to the next."""
        lane = self._lanes[group]
        lane.waiting += 1
        try:
            async with lane.lock():
                await self._slot(lane, group)
        finally:
            lane.waiting -= 1

    def accepted(self, group: str) -> None:
        """Counts a request that the server did not refuse as one too many."""
        lane = self._lanes[group]
        times = lane.accepted
        now = self._now()
        times.append(now)
        while times[0] < now - WINDOW_S:
            times.popleft()
        if lane.rate is not None:
            lane.grow()

    def throttled(self, group: str, retry_after_s: float | None = None) -> None:
        """Slows a group down after a 429.

        Args:
            group: the first part of the operation's path.
            retry_after_s: the wait that the server asked for; the whole group keeps it.
        """
        if self._config.adaptive:
            self._lanes[group].slow_down(self._now(), retry_after_s or 0.0)

    def _take_or_tell(self, lane: _Lane, group: str) -> float:
        now = self._now()
        delay = lane.delay(now, ahead=lane.waiting)
        if delay > 0:
            self._refuse_if_too_long(lane, group, now, delay)
        else:
            lane.take(now)
        return delay

    async def _slot(self, lane: _Lane, group: str) -> None:
        """Sleeps until the next slot and takes it, also if a pause moves it meanwhile."""
        slept_until = -math.inf
        while lane.free_at > slept_until:
            slept_until = lane.free_at
            now = self._now()
            if slept_until > now:
                self._refuse_if_too_long(lane, group, now, slept_until - now)
                await self._sleep(slept_until - now)
        lane.take(self._now())

    def _refuse_if_too_long(self, lane: _Lane, group: str, now: float, delay: float) -> None:
        longest = self._config.max_pause_s
        if self._config.fail_fast:
            reason = f"the rate limit of {group!r} is reached"
        elif longest is not None and lane.resume_at - now > longest:
            reason = f"the server asked for a pause of {group!r} longer than {longest:g} s"
        else:
            return
        raise RateLimited(f"{reason}; the next slot is in {delay:.3g} s", retry_after_s=delay)


class _Lane:
    """The rate of one operation group, and who waits for it."""

    __slots__ = (
        "_bound",
        "_ceiling",
        "_lock",
        "_loop",
        "_paced_since",
        "_settled_at",
        "accepted",
        "free_at",
        "rate",
        "resume_at",
        "waiting",
    )

    def __init__(self, bound: float | None) -> None:
        self.rate = bound
        self._paced_since = self._settled_at = -math.inf
        self.accepted: deque[float] = deque()
        self.free_at = self.resume_at = -math.inf
        self.waiting = 0
        self._bound = self._ceiling = math.inf if bound is None else bound
        self._lock = asyncio.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def delay(self, now: float, *, ahead: int) -> float:
        """Seconds until it is the turn of a request that has others ahead of it."""
        behind = ahead / self.rate if self.rate else 0.0
        return max(0.0, self.free_at - now) + behind

    def take(self, now: float) -> None:
        """Uses a slot: the next one is an interval later."""
        if self.rate is not None:
            self.free_at = max(self.free_at, now - CATCH_UP_S) + 1 / self.rate

    def grow(self) -> None:
        """One more request was accepted at this rate."""
        rate = self.rate or FLOOR
        if _is_used(rate, len(self.accepted)):
            distance = rate / self._ceiling - 1
            step = LEAST_STEP + CURVATURE * distance * distance
            self.rate = min(self._bound, rate + min(MOST_STEP, step))

    def slow_down(self, now: float, pause_s: float) -> None:
        """One request was refused at this rate."""
        # During a pause: refused together with the one that began it, and already counted.
        if now >= self._settled_at:
            self._cut(now)
            self._settled_at = now + PAUSE_S
        # A wait of a second is all that a header of whole seconds can say; the new rate meets it.
        if pause_s > WINDOW_S:
            self.resume_at = max(self.resume_at, now + pause_s)
            self._settled_at = self.resume_at
        self.free_at = max(self.free_at, self._settled_at)

    def _cut(self, now: float) -> None:
        accepted = sum(time >= now - WINDOW_S for time in self.accepted)
        reduced = BACK_OFF * accepted
        if self.rate is None:
            self.rate, self._paced_since = math.inf, now
        elif not _is_used(self.rate, accepted):
            reduced = UNKNOWN_BACK_OFF * self.rate
        elif self._has_met_limit(now):
            self._ceiling = accepted
        self.rate = min(self.rate, max(FLOOR, reduced))

    def _has_met_limit(self, now: float) -> bool:
        """Whether what was accepted in the last second was sent at a pace that fits the limit.

        Not so after a burst without any pace, nor while everything is refused: then the limit is
        looked for in great steps, or the last one remembered until the trouble is over.
        """
        return now - self._paced_since >= WINDOW_S and self.accepted[-1] >= self._settled_at

    def lock(self) -> asyncio.Lock:
        """The queue of those who wait; a second event loop gets one of its own."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._lock = loop, asyncio.Lock()
        return self._lock


def _is_used(rate: float, accepted: int) -> bool:
    """Whether the requests of the last second say anything about the limit."""
    return accepted * 2 >= rate
