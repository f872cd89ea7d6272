"""The learned rate, against simulated servers with a limit and in virtual time."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import pytest

from pdsclient._clock import Clock
from pdsclient.limits import RateLimit, RateLimiter


class Server(Protocol):
    """One way of counting requests; the limit may be changed at any time."""

    per_second: float

    def takes(self, now: float) -> bool: ...


class TokenBucket:
    """So many requests per second, and a burst of some after a rest."""

    def __init__(self, per_second: float, burst_s: float) -> None:
        self.per_second = per_second
        self._burst_s = burst_s
        self._level = burst_s * per_second
        self._at = 0.0

    def takes(self, now: float) -> bool:
        full = max(1.0, self._burst_s * self.per_second)
        self._level = min(full, self._level + (now - self._at) * self.per_second)
        self._at = now
        if self._level < 1:
            return False
        self._level -= 1
        return True


class SlidingWindow:
    """So many requests in any second; those that were refused may count as well."""

    def __init__(self, per_second: float, *, counts_refused: bool = False) -> None:
        self.per_second = per_second
        self._counts_refused = counts_refused
        self._times: deque[float] = deque()

    def takes(self, now: float) -> bool:
        while self._times and self._times[0] <= now - 1:
            self._times.popleft()
        taken = len(self._times) < self.per_second
        if taken or self._counts_refused:
            self._times.append(now)
        return taken


class FixedWindow:
    """So many requests in each second of the server's clock."""

    def __init__(self, per_second: float) -> None:
        self.per_second = per_second
        self._second = self._count = 0

    def takes(self, now: float) -> bool:
        second = int(now + 0.37)
        if second != self._second:
            self._second, self._count = second, 0
        if self._count >= self.per_second:
            return False
        self._count += 1
        return True


class WeightedWindows:
    """The count of this second plus that of the last one, weighted by what is left of it."""

    def __init__(self, per_second: float) -> None:
        self.per_second = per_second
        self._second = self._count = self._before = 0

    def takes(self, now: float) -> bool:
        second = int(now)
        if second != self._second:
            self._before = self._count if second == self._second + 1 else 0
            self._second, self._count = second, 0
        if self._before * (second + 1 - now) + self._count >= self.per_second:
            return False
        self._count += 1
        return True


SERVERS: dict[str, Callable[[float], Server]] = {
    "bucket-of-a-second": lambda limit: TokenBucket(limit, 1.0),
    "bucket-of-half-a-second": lambda limit: TokenBucket(limit, 0.5),
    "bucket-of-a-tenth": lambda limit: TokenBucket(limit, 0.1),
    "sliding-window": SlidingWindow,
    "fixed-window": FixedWindow,
    "weighted-windows": WeightedWindows,
}
# A client that goes on asking this one is refused for ever.
HARSH = {"window-with-refused": lambda limit: SlidingWindow(limit, counts_refused=True)}


class Simulation:
    """Workers that send as fast as the limiter lets them; refused requests are repeated.

    Args:
        limits: requests per second of the server from a second on, by that second.
        server: how it counts, a key of ``SERVERS`` or ``HARSH``.
        workers: requests at once.
        latency_s: mean time of a request.
        retry_after_s: the wait that a 429 asks for, None for none.
        late_s: how late timers may fire.
    """

    def __init__(
        self,
        limits: dict[float, float],
        *,
        server: str,
        workers: int,
        latency_s: float,
        retry_after_s: float | None = None,
        late_s: float = 0.002,
    ) -> None:
        self._random = random.Random(1)
        self._limits = limits
        self._server = {**SERVERS, **HARSH}[server](limits[0])
        self._workers = workers
        self._latency = latency_s
        self._retry_after = retry_after_s
        self._late = late_s
        self._log: list[tuple[float, bool]] = []

    def accepted_per_second(self, since: float, until: float) -> float:
        return sum(ok for at, ok in self._log if since <= at < until) / (until - since)

    def refused_share(self, since: float, until: float) -> float:
        replies = [ok for at, ok in self._log if since <= at < until]
        return replies.count(False) / len(replies)

    async def run(self, clock: Clock, seconds: float) -> None:
        self._now = clock.monotonic
        self._limiter = RateLimiter(RateLimit(), clock, self._sleep_late)
        tasks = [asyncio.create_task(self._work()) for _ in range(self._workers)]
        tasks.append(asyncio.create_task(self._change_limits()))
        await asyncio.sleep(seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _change_limits(self) -> None:
        for at, per_second in self._limits.items():
            await asyncio.sleep(at - self._now())
            self._server.per_second = per_second

    async def _work(self) -> None:
        refusals = 0
        while True:
            if self._limiter.reserve("file"):
                await self._limiter.wait("file")
            if await self._send():
                self._limiter.accepted("file")
                refusals = 0
            else:
                self._limiter.throttled("file", self._retry_after)
                own_wait = self._random.random() * min(30.0, 0.5 * 2**refusals)
                refusals += 1
                await asyncio.sleep(own_wait if self._retry_after is None else self._retry_after)

    async def _send(self) -> bool:
        await asyncio.sleep(self._latency * self._random.uniform(0.4, 0.6))
        taken = self._server.takes(self._now())
        self._log.append((self._now(), taken))
        await asyncio.sleep(self._latency * self._random.uniform(0.4, 0.6))
        return taken

    async def _sleep_late(self, seconds: float) -> None:
        """A real loop wakes up a little late."""
        await asyncio.sleep(seconds + self._random.uniform(0, self._late))


# Workers, their latency, and the wait that a 429 asks for.
CLIENTS = [(16, 0.005, None), (16, 0.1, 1.0), (64, 0.03, 1.0), (64, 0.1, None)]


@pytest.mark.parametrize(("workers", "latency_s", "retry_after_s"), CLIENTS)
@pytest.mark.parametrize("server", [*SERVERS, *HARSH])
def test_a_constant_limit_is_used_and_kept(
    virtual: Callable[..., Any],
    server: str,
    workers: int,
    latency_s: float,
    retry_after_s: float | None,
) -> None:
    """Of 50 requests a second at least 90 % are used, with under 2 % refusals after 5 s."""
    simulation = Simulation(
        {0: 50},
        server=server,
        workers=workers,
        latency_s=latency_s,
        retry_after_s=retry_after_s,
    )
    virtual(lambda clock: simulation.run(clock, 20))
    assert simulation.accepted_per_second(5, 20) >= 0.9 * 50
    assert simulation.refused_share(5, 20) < 0.02


@pytest.mark.parametrize("limit", [20, 150, 500])
@pytest.mark.parametrize("server", ["bucket-of-a-second", "sliding-window", "fixed-window"])
def test_other_limits_are_used_and_kept_too(
    virtual: Callable[..., Any], server: str, limit: float
) -> None:
    """What holds for 50 a second holds for limits that are lower and ten times higher."""
    simulation = Simulation({0: limit}, server=server, workers=64, latency_s=0.03)
    virtual(lambda clock: simulation.run(clock, 15))
    assert simulation.accepted_per_second(5, 15) >= 0.9 * limit
    assert simulation.refused_share(5, 15) < 0.025


@pytest.mark.parametrize("server", ["bucket-of-a-second", "sliding-window"])
def test_replies_that_take_longer_than_the_pause_do_no_harm(
    virtual: Callable[..., Any], server: str
) -> None:
    """Refusals of one overshoot that are counted twice find the same rate again."""
    simulation = Simulation({0: 50}, server=server, workers=64, latency_s=0.3)
    virtual(lambda clock: simulation.run(clock, 20))
    assert simulation.accepted_per_second(5, 20) >= 0.9 * 50
    assert simulation.refused_share(5, 20) < 0.03


@pytest.mark.parametrize("server", SERVERS)
def test_a_loop_with_other_work_still_uses_the_limit(
    virtual: Callable[..., Any], server: str
) -> None:
    """Timers that fire up to 20 ms late, as they do while pages are decoded, cost little."""
    simulation = Simulation({0: 50}, server=server, workers=16, latency_s=0.03, late_s=0.02)
    virtual(lambda clock: simulation.run(clock, 20))
    assert simulation.accepted_per_second(5, 20) >= 0.9 * 50


@pytest.mark.parametrize(("workers", "latency_s"), [(16, 0.03), (64, 0.1)])
@pytest.mark.parametrize("server", SERVERS)
def test_a_limit_that_changes_is_followed_within_ten_seconds(
    virtual: Callable[..., Any], server: str, workers: int, latency_s: float
) -> None:
    """50, then 20, then 100 requests a second: ten seconds after each change it is in use."""
    simulation = Simulation(
        {0: 50, 10: 20, 25: 100}, server=server, workers=workers, latency_s=latency_s
    )
    virtual(lambda clock: simulation.run(clock, 45))
    assert simulation.accepted_per_second(20, 25) >= 0.9 * 20
    assert simulation.refused_share(20, 25) < 0.03
    assert simulation.accepted_per_second(35, 45) >= 0.9 * 100
    assert simulation.refused_share(35, 45) < 0.03


@pytest.mark.parametrize("server", SERVERS)
def test_a_time_in_which_everything_is_refused_is_overcome(
    virtual: Callable[..., Any], server: str
) -> None:
    """Ten seconds after an outage of five the limit is in use again."""
    simulation = Simulation({0: 50, 10: 1e-9, 15: 50}, server=server, workers=64, latency_s=0.03)
    virtual(lambda clock: simulation.run(clock, 35))
    assert simulation.accepted_per_second(25, 35) >= 0.9 * 50


def test_below_the_limit_nothing_is_slowed_down(virtual: Callable[..., Any]) -> None:
    """Without a 429 there is no pace: 8 workers at 10 ms send what they can."""
    simulation = Simulation({0: 10_000}, server="bucket-of-a-second", workers=8, latency_s=0.01)
    virtual(lambda clock: simulation.run(clock, 2))
    assert simulation.accepted_per_second(0, 2) > 0.9 * 8 / 0.0115
