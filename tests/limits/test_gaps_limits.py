"""What only a break of the code showed to be untested: a 429 never raises a told rate."""

from __future__ import annotations

import pytest

from pdsclient.limits import RateLimit, RateLimiter


class ManualClock:
    """Time that the test moves."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now

    time = monotonic

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize("told", [0.2, 2])
def test_a_refusal_never_raises_a_told_rate(told: float) -> None:
    """Neither the floor of learning nor a burst within the first moments goes above it."""
    clock = ManualClock()
    limits = RateLimiter(RateLimit(per_second=told), clock, clock.sleep)
    limits.reserve("file")
    for _ in range(10):
        limits.accepted("file")
    clock.now += 0.1
    limits.throttled("file")
    assert limits.rate("file") == told
    clock.now += 60
    limits.throttled("file")
    assert limits.rate("file") <= told
