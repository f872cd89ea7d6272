"""The learned rate, against a simulated server with a limit and in virtual time."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable
from typing import Any

import pytest

from pdsclient._clock import Clock
from pdsclient.limits import RateLimit, RateLimiter


class TokenBucket:
    """A server that takes so many requests per second, and a burst of some after a rest."""

    def __init__(self, per_second: float, burst: float) -> None:
        self.per_second = per_second
        self.burst = burst
        self._level = burst
        self._at = 0.0

    def takes(self, now: float) -> bool:
        self._level = min(self.burst, self._level + (now - self._at) * self.per_second)
        self._at = now
        if self._level < 1:
            return False
        self._level -= 1
        return True


class Simulation:
    """Workers that send as fast as the limiter lets them; refused requests are repeated.

    Args:
        limits: requests per second of the server from a second on, by that second.
        burst: size of the server's bucket, in seconds of its rate.
        workers: requests at once.
        latency_s: mean time of a request.
        retry_after_s: the wait that a 429 asks for, None for none.
    """

    def __init__(
        self,
        limits: dict[float, float],
        *,
        burst: float,
        workers: int,
        latency_s: float,
        retry_after_s: float | None = None,
    ) -> None:
        self._random = random.Random(1)
        self._limits = limits
        self._burst = burst
        self._workers = workers
        self._latency = latency_s
        self._retry_after = retry_after_s
        self._server = TokenBucket(limits[0], burst * limits[0])
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
            self._server.burst = self._burst * per_second

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
        await asyncio.sleep(self._latency * self._random.uniform(0.5, 0.65))
        taken = self._server.takes(self._now())
        self._log.append((self._now(), taken))
        await asyncio.sleep(self._latency * self._random.uniform(0.5, 0.65))
        return taken

    async def _sleep_late(self, seconds: float) -> None:
        """A real loop wakes up a little late."""
        await asyncio.sleep(seconds + self._random.uniform(0, 0.002))


CLIENTS = list(itertools.product([8, 64], [0.01, 0.05]))


@pytest.mark.parametrize(("workers", "latency_s"), [*CLIENTS, (64, 0.3)])
@pytest.mark.parametrize("burst", [0.1, 1.0])
@pytest.mark.parametrize("retry_after_s", [None, 1.0])
def test_a_constant_limit_is_used_and_kept(
    virtual: Callable[..., Any],
    workers: int,
    latency_s: float,
    burst: float,
    retry_after_s: float | None,
) -> None:
    """Of 50 requests a second at least 90 % are used, with under 2 % refusals after 5 s."""
    simulation = Simulation(
        {0: 50},
        burst=burst,
        workers=workers,
        latency_s=latency_s,
        retry_after_s=retry_after_s,
    )
    virtual(lambda clock: simulation.run(clock, 35))
    assert simulation.accepted_per_second(5, 35) >= 0.9 * 50
    assert simulation.refused_share(5, 35) < 0.02


@pytest.mark.parametrize(("workers", "latency_s"), CLIENTS)
@pytest.mark.parametrize("burst", [0.1, 1.0])
def test_a_limit_that_changes_is_followed_within_ten_seconds(
    virtual: Callable[..., Any], workers: int, latency_s: float, burst: float
) -> None:
    """50, then 20, then 100 requests a second: ten seconds after each change it is in use."""
    simulation = Simulation(
        {0: 50, 15: 20, 35: 100}, burst=burst, workers=workers, latency_s=latency_s
    )
    virtual(lambda clock: simulation.run(clock, 60))
    assert simulation.accepted_per_second(25, 35) >= 0.9 * 20
    assert simulation.refused_share(25, 35) < 0.05
    assert simulation.accepted_per_second(45, 60) >= 0.9 * 100
    assert simulation.refused_share(45, 60) < 0.05


def test_below_the_limit_nothing_is_slowed_down(virtual: Callable[..., Any]) -> None:
    """Without a 429 there is no pace: 8 workers at 10 ms send what they can."""
    simulation = Simulation({0: 10_000}, burst=1.0, workers=8, latency_s=0.01)
    virtual(lambda clock: simulation.run(clock, 2))
    assert simulation.accepted_per_second(0, 2) > 0.9 * 8 / 0.0115
