"""Retry budget and rate limiter, one rule at a time."""

from __future__ import annotations

import asyncio
import itertools
import math
import sys
from collections.abc import Callable
from typing import Any

import pytest

from pdsclient.errors import InvalidRequest, RateLimited
from pdsclient.limits import (
    CATCH_UP_S,
    FLOOR,
    MOST_STEP,
    PAUSE_S,
    RateLimit,
    RateLimiter,
    RetryBudget,
    Waiting,
)

# How much earlier than in an even pace a request may be sent.
EARLY = CATCH_UP_S + 0.001


class ManualClock:
    """Time that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


class StillClock:
    """Time that never moves; its readings enter no Python function."""

    monotonic = staticmethod(float)
    time = staticmethod(float)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def limiter(clock: ManualClock, **config: Any) -> RateLimiter:
    return RateLimiter(RateLimit(**config), clock, clock.sleep)


def send(limits: RateLimiter, group: str = "file") -> None:
    assert limits.reserve(group) == 0
    limits.accepted(group)


def learn(limits: RateLimiter, clock: ManualClock, per_second: int, group: str = "file") -> None:
    """More than a second of accepted requests, then a 429."""
    limits.reserve(group)
    for _ in range(2 * per_second):
        clock.now += 1 / per_second
        limits.accepted(group)
    limits.throttled(group)


def seconds_until(limits: RateLimiter, clock: ManualClock, per_second: float) -> float:
    """How long it takes to reach a rate when everything is accepted."""
    since = clock.now
    while (limits.rate("file") or 0) < per_second:
        clock.now += limits.reserve("file")
        send(limits)
    return clock.now - since


def run_into(limits: RateLimiter, clock: ManualClock, per_second: int) -> None:
    """Five seconds against a server that takes so many requests in any second, and a 429."""
    ends_at = clock.now + 5
    sent: list[float] = []
    while True:
        clock.now += limits.reserve("file") + 1e-6
        if sum(at > clock.now - 1 for at in sent) < per_second:
            send(limits)
            sent.append(clock.now)
        else:
            limits.throttled("file")
            if clock.now > ends_at:
                return


class TestRetryBudget:
    def test_retries_take_and_successes_give(self) -> None:
        """500 buy 100 retries at 5 each; 5 successes buy the next one."""
        budget = RetryBudget()
        assert sum(budget.withdraw(5) for _ in range(1_000)) == 100
        for _ in range(4):
            budget.refund()
        assert not budget.can_pay(5)
        assert not budget.withdraw(5)
        assert budget.can_pay(4)
        budget.refund()
        assert budget.can_pay(5)
        assert budget.withdraw(5)
        assert not budget.can_pay(1)

    def test_successes_do_not_pile_up_above_the_capacity(self) -> None:
        """A long healthy time does not buy a longer storm."""
        budget = RetryBudget(10)
        for _ in range(1_000):
            budget.refund()
        assert [budget.withdraw(5) for _ in range(3)] == [True, True, False]

    def test_without_capacity_nothing_is_repeated(self) -> None:
        """A budget of 0 switches retries off for good."""
        budget = RetryBudget(0)
        budget.refund()
        assert not budget.withdraw(1)


class TestRateLimit:
    @pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, True, "50", 10**400])
    def test_a_rate_that_is_none_raises(self, value: Any) -> None:
        """Rates are finite numbers above 0, and the message names the field."""
        with pytest.raises(InvalidRequest, match=r"rate_limit\.per_second"):
            RateLimit(per_second=value)
        with pytest.raises(InvalidRequest, match=r"rate_limit\.groups\['file'\]"):
            RateLimit(groups={"file": value})

    @pytest.mark.parametrize("groups", [{"": 1}, {"/file": 1}, {"file/list": 1}, {1: 1}, [1], None])
    def test_groups_are_first_parts_of_paths(self, groups: Any) -> None:
        """A key that no path begins with would silently limit nothing."""
        with pytest.raises(InvalidRequest, match=r"rate_limit\.groups"):
            RateLimit(groups=groups)

    @pytest.mark.parametrize("name", ["adaptive", "fail_fast"])
    def test_switches_are_bools(self, name: str) -> None:
        """Anything else is a mistake, not a truth value."""
        with pytest.raises(InvalidRequest, match=rf"rate_limit\.{name}"):
            RateLimit(**{name: 1})  # type: ignore[arg-type]

    @pytest.mark.parametrize("value", [0, -1, math.nan, "1"])
    def test_the_longest_pause_is_in_seconds(self, value: Any) -> None:
        """A positive number, or None for no limit."""
        with pytest.raises(InvalidRequest, match=r"rate_limit\.max_pause_s"):
            RateLimit(max_pause_s=value)

    def test_a_group_has_its_own_rate_or_the_common_one(self) -> None:
        """Groups override, others keep ``per_second``."""
        limit = RateLimit(per_second=50, groups={"drive": 5})
        assert limit.rate_of("drive") == 5
        assert limit.rate_of("file") == 50
        assert RateLimit().rate_of("file") is None

    def test_it_is_a_value(self) -> None:
        """Equal, hashable, and safe from later changes of the mapping it was given."""
        groups = {"drive": 5.0}
        limit = RateLimit(groups=groups)
        groups["drive"] = 9.0
        assert limit == RateLimit(groups={"drive": 5})
        assert hash(limit) == hash(RateLimit(groups={"drive": 5}))


class TestUnlimited:
    def test_nothing_is_limited_before_the_first_429(self, clock: ManualClock) -> None:
        """10,000 requests at one instant pass."""
        limits = limiter(clock)
        for _ in range(10_000):
            send(limits)
        assert limits.rate("file") is None

    def test_it_enters_two_functions_per_request(self, clock: ManualClock) -> None:
        """The price of the limiter where there is no limit."""
        limits = RateLimiter(RateLimit(), StillClock(), clock.sleep)
        send(limits)
        entered: list[str] = []

        def note(frame: Any, event: str, _: object) -> None:
            if event == "call":
                entered.append(frame.f_code.co_name)

        sys.setprofile(note)
        try:
            limits.reserve("file")
            limits.accepted("file")
        finally:
            sys.setprofile(None)
        assert entered == ["reserve", "accepted"]

    def test_memory_is_one_second_of_requests(self, clock: ManualClock) -> None:
        """What was accepted longer ago is forgotten: the first 429 counts a second only."""
        limits = limiter(clock)
        for _ in range(1_000):
            send(limits)
            clock.now += 0.1
        limits.throttled("file")
        assert limits.rate("file") == pytest.approx(0.9 * 10, abs=1)


class TestPace:
    def test_a_told_rate_spaces_requests_evenly(self, clock: ManualClock) -> None:
        """At 10 a second the next slot is 0.1 s away, also after a long rest: no burst."""
        limits = limiter(clock, per_second=10)
        for _ in range(3):
            send(limits)
            assert limits.reserve("file") == pytest.approx(0.1, abs=EARLY)
            clock.now += 60

    def test_late_requests_are_made_up_for(self, clock: ManualClock) -> None:
        """Timers fire late; a little lateness must not cost throughput."""
        limits = limiter(clock, per_second=100)
        sent = 0
        for _ in range(1_000):
            clock.now += 0.0077
            while limits.reserve("file") == 0:
                sent += 1
        assert sent == pytest.approx(770, rel=0.02)

    def test_groups_are_paced_by_themselves(self, clock: ManualClock) -> None:
        """A slow drive group does not hold up files."""
        limits = limiter(clock, groups={"drive": 1})
        send(limits, "drive")
        assert limits.reserve("drive") > 0.9
        for _ in range(100):
            send(limits, "file")

    def test_waiting_requests_go_in_order_and_on_time(self, virtual: Callable[..., Any]) -> None:
        """20 at once at 10 a second: two seconds, first come first served."""

        async def main(clock: Any) -> list[tuple[int, float]]:
            limits = RateLimiter(RateLimit(per_second=10), clock, asyncio.sleep)
            sent: list[tuple[int, float]] = []

            async def request(number: int) -> None:
                if limits.reserve("file"):
                    await limits.wait("file")
                sent.append((number, clock.monotonic()))

            await asyncio.gather(*(request(number) for number in range(20)))
            return sent

        sent = virtual(main)
        assert [number for number, _ in sent] == list(range(20))
        assert [at for _, at in sent] == pytest.approx([n / 10 for n in range(20)], abs=EARLY)

    def test_a_newcomer_does_not_overtake(self, virtual: Callable[..., Any]) -> None:
        """Even when a slot is free at that moment, those who wait go first."""

        async def main(clock: Any) -> list[str]:
            limits = RateLimiter(RateLimit(per_second=10), clock, asyncio.sleep)
            order: list[str] = []

            async def request(name: str) -> None:
                if limits.reserve("file"):
                    await limits.wait("file")
                order.append(name)

            await request("first")
            waiting = asyncio.create_task(request("waiting"))
            await asyncio.sleep(0)
            clock.call_at(clock.time() + 0.1, lambda: tasks.append(start("newcomer")))
            tasks: list[asyncio.Task[None]] = []

            def start(name: str) -> asyncio.Task[None]:
                return asyncio.create_task(request(name))

            await waiting
            await asyncio.sleep(1)
            await asyncio.gather(*tasks)
            return order

        assert virtual(main) == ["first", "waiting", "newcomer"]

    def test_a_cancelled_request_leaves_its_slot_to_the_next(
        self, virtual: Callable[..., Any]
    ) -> None:
        """Cancelling all but the last of ten waiting ones sends the last in the next slot."""

        async def main(clock: Any) -> float:
            limits = RateLimiter(RateLimit(per_second=1), clock, asyncio.sleep)
            assert limits.reserve("file") == 0
            tasks = [asyncio.create_task(limits.wait("file")) for _ in range(10)]
            await asyncio.sleep(0.5)
            for task in tasks[:-1]:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            assert limits.waiting == {}
            return float(clock.monotonic())

        assert virtual(main) == pytest.approx(1.0, abs=EARLY)

    def test_waits_are_visible(self, virtual: Callable[..., Any]) -> None:
        """How many, why, and how long the last of them will take."""

        async def main(clock: Any) -> list[dict[str, Waiting]]:
            limits = RateLimiter(RateLimit(per_second=2), clock, asyncio.sleep)
            assert limits.waiting == {}
            assert limits.reserve("file") == 0
            tasks = [asyncio.create_task(limits.wait("file")) for _ in range(4)]
            await asyncio.sleep(0)
            seen = [limits.waiting]
            limits.throttled("file")
            seen.append(limits.waiting)
            limits.throttled("file", 30)
            seen.append(limits.waiting)
            await asyncio.gather(*tasks)
            return [*seen, limits.waiting]

        pacing, refused, pausing, after = virtual(main)
        assert refused["file"].reason == "rate"
        assert pacing["file"] == Waiting(4, "rate", pytest.approx(2.0, abs=EARLY))
        assert pausing["file"].reason == "pause"
        assert pausing["file"].delay_s > 30
        assert after == {}

    def test_a_second_event_loop_works_after_the_first(self, clock: ManualClock) -> None:
        """The queue of a closed loop is not used again."""
        limits = limiter(clock, per_second=10)

        async def main() -> None:
            limits.reserve("file")
            await asyncio.gather(*(limits.wait("file") for _ in range(5)))

        asyncio.run(main())
        asyncio.run(main())
        assert limits.waiting == {}

    async def test_a_clock_that_stands_still_does_not_hang_a_wait(self) -> None:
        """After the promised sleep the request goes, whatever the clock says."""
        limits = RateLimiter(RateLimit(per_second=1), StillClock(), lambda _: asyncio.sleep(0))
        assert limits.reserve("file") == 0
        async with asyncio.timeout(5):
            await limits.wait("file")


class TestLearning:
    def test_a_429_sets_the_rate_to_nine_tenths_of_the_last_second(
        self, clock: ManualClock
    ) -> None:
        """50 were accepted, so it goes on with 45; other groups are as they were."""
        limits = limiter(clock)
        learn(limits, clock, 50)
        assert limits.rate("file") == pytest.approx(45, abs=1)
        assert limits.rate("drive") is None

    def test_many_429s_of_one_overshoot_count_as_one(self, clock: ManualClock) -> None:
        """What was in flight comes back refused as well, and must not multiply the cut."""
        limits = limiter(clock)
        learn(limits, clock, 50)
        for _ in range(60):
            limits.throttled("file")
        assert limits.rate("file") == pytest.approx(45, abs=1)

    def test_a_refusal_stops_the_group_for_a_moment(self, clock: ManualClock) -> None:
        """What is refused meanwhile was sent before; then it goes on evenly, without a burst."""
        limits = limiter(clock)
        learn(limits, clock, 50)
        assert limits.reserve("file") == pytest.approx(PAUSE_S)
        clock.now += PAUSE_S / 2
        limits.throttled("file")
        assert limits.reserve("file") == pytest.approx(PAUSE_S / 2)
        clock.now += PAUSE_S / 2 + 1e-6
        send(limits)
        assert limits.reserve("file") == pytest.approx(1 / 45, abs=0.001)

    def test_the_limit_is_looked_for_quickly_after_a_first_burst(self, clock: ManualClock) -> None:
        """30 accepted at once tell little of a limit of 150: it is reached within two seconds."""
        limits = limiter(clock)
        for _ in range(30):
            send(limits)
        limits.throttled("file")
        assert limits.rate("file") == pytest.approx(27)
        assert seconds_until(limits, clock, 150) < 2

    def test_a_refusal_after_a_rest_halves_the_rate(self, clock: ManualClock) -> None:
        """Little was accepted in the last second, whatever the limit: it is not forgotten."""
        limits = limiter(clock)
        learn(limits, clock, 50)
        clock.now += 60
        limits.throttled("file")
        clock.now += PAUSE_S
        limits.throttled("file")
        assert limits.rate("file") == pytest.approx(45 / 4, abs=1)
        assert seconds_until(limits, clock, 45) < 4

    def test_a_refusal_never_raises_the_rate(self, clock: ManualClock) -> None:
        """Though more may have been accepted in the last second, before the pace was slowed."""
        limits = limiter(clock)
        learn(limits, clock, 50)
        run_into(limits, clock, 50)
        for _ in range(50):
            limits.accepted("file")
        before = limits.rate("file")
        clock.now += PAUSE_S
        limits.throttled("file")
        assert limits.rate("file") == before

    def test_accepted_requests_raise_the_rate(self, clock: ManualClock) -> None:
        """By a step each: slow near the last limit, quick beyond it."""
        limits = limiter(clock)
        learn(limits, clock, 50)
        run_into(limits, clock, 50)
        rates = []
        for _ in range(2_000):
            clock.now += 1 / (limits.rate("file") or 1)
            limits.accepted("file")
            rates.append(limits.rate("file") or 0)
        steps = [after - before for before, after in itertools.pairwise(rates)]
        assert min(steps) > 0.01
        assert max(steps) <= MOST_STEP + 1e-9
        assert rates[steps.index(min(steps))] == pytest.approx(50, rel=0.1)
        assert min(steps) < 0.02 < steps[0]
        assert rates[-1] > 500

    def test_a_rate_that_is_not_used_does_not_grow(self, clock: ManualClock) -> None:
        """An hour of one request a second proves nothing about fifty."""
        limits = limiter(clock)
        learn(limits, clock, 50)
        before = limits.rate("file")
        for _ in range(3_600):
            clock.now += 1
            limits.accepted("file")
        assert limits.rate("file") == before

    def test_a_told_rate_is_never_exceeded(self, clock: ManualClock) -> None:
        """Learning goes below it and comes back to it, no further."""
        limits = limiter(clock, per_second=10)
        learn(limits, clock, 5)
        assert limits.rate("file") == pytest.approx(4.5, abs=1)
        for _ in range(1_000):
            clock.now += 0.1
            limits.accepted("file")
        assert limits.rate("file") == 10

    def test_without_adaptive_a_429_changes_nothing(self, clock: ManualClock) -> None:
        """The told rate, or none, stays."""
        limits = limiter(clock, adaptive=False)
        learn(limits, clock, 50)
        limits.throttled("file", 30)
        assert limits.rate("file") is None
        assert limits.reserve("file") == 0

    def test_a_group_that_is_refused_everything_still_asks_now_and_then(
        self, clock: ManualClock
    ) -> None:
        """There is a floor, and from it the rate recovers in twenty seconds."""
        limits = limiter(clock)
        limits.reserve("file")
        for _ in range(100):
            clock.now += 1
            limits.throttled("file")
        assert limits.rate("file") == FLOOR
        assert seconds_until(limits, clock, 50) < 20


class TestPause:
    def test_a_requested_wait_pauses_the_whole_group(self, virtual: Callable[..., Any]) -> None:
        """Requests that wait already, and later ones, go after it; other groups go on."""

        async def main(clock: Any) -> float:
            limits = RateLimiter(RateLimit(per_second=10), clock, asyncio.sleep)
            send(limits)
            waiting = asyncio.create_task(limits.wait("file"))
            await asyncio.sleep(0)
            limits.throttled("file", 20)
            assert limits.reserve("file") > 20
            send(limits, "drive")
            await waiting
            return float(clock.monotonic())

        assert virtual(main) == pytest.approx(20, abs=0.1)

    def test_a_wait_of_a_second_is_met_by_the_lower_rate(self, clock: ManualClock) -> None:
        """Servers that can only say whole seconds say 1; stopping everything would cost a tenth."""
        limits = limiter(clock)
        learn(limits, clock, 50)
        limits.throttled("file", 1.0)
        assert limits.reserve("file") < PAUSE_S + 1e-6

    def test_refusals_during_a_pause_do_not_lower_the_rate(self, clock: ManualClock) -> None:
        """They were sent before it began."""
        limits = limiter(clock)
        learn(limits, clock, 50)
        limits.throttled("file", 20)
        rate = limits.rate("file")
        clock.now += 5
        limits.throttled("file", 20)
        assert limits.rate("file") == rate
        assert limits.reserve("file") == pytest.approx(20)

    def test_a_pause_above_the_longest_one_raises(self, clock: ManualClock) -> None:
        """Calls fail at once with the wait, instead of hanging for an hour."""
        limits = limiter(clock)
        learn(limits, clock, 50)
        limits.throttled("file", 3_600)
        with pytest.raises(RateLimited, match="longer than 120 s") as caught:
            limits.reserve("file")
        assert caught.value.retry_after_s == pytest.approx(3_600)
        clock.now += 3_500
        assert limits.reserve("file") == pytest.approx(100)

    async def test_requests_that_wait_already_raise_too(self, clock: ManualClock) -> None:
        """A long pause that begins meanwhile ends their wait."""
        limits = limiter(clock, per_second=1)
        assert limits.reserve("file") == 0
        waiting = [asyncio.create_task(limits.wait("file")) for _ in range(3)]
        await asyncio.sleep(0)
        limits.throttled("file", 3_600)
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(result) for result in results] == [RateLimited] * 3
        assert limits.waiting == {}


class TestFailFast:
    def test_fail_fast_raises_instead_of_waiting(self, clock: ManualClock) -> None:
        """The error says how long the wait would have been and counts as an own one."""
        limits = limiter(clock, per_second=2, fail_fast=True)
        assert limits.reserve("file") == 0
        with pytest.raises(RateLimited, match=r"rate limit of 'file'.*in 0\.47 s") as caught:
            limits.reserve("file")
        assert caught.value.retry_after_s == pytest.approx(0.5, abs=EARLY)
        assert (caught.value.type, caught.value.status) == ("ClientError", None)
        clock.now += 0.5
        assert limits.reserve("file") == 0
