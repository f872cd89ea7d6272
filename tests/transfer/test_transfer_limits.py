"""Bandwidth and lanes: on simulated lines, in simulated time."""

from __future__ import annotations

import asyncio
import random
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdsclient import RuntimeContext
from pdsclient.errors import InvalidRequest
from pdsclient.transfer.limits import Bandwidth, LaneCount, Lanes

MB = 1e6
PART = 8 << 20


class Time:
    """A clock that moves when somebody sleeps; the sleepers come back in order.

    Attributes:
        now: seconds.
        slept: the waits that were made.
    """

    def __init__(self):
        self.now = 0.0
        self.slept = []

    def monotonic(self):
        return self.now

    time = monotonic

    async def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


def bandwidth(rate):
    """A limit of so many bytes per second, and its time."""
    time = Time()
    return Bandwidth(rate, RuntimeContext(clock=time, sleep=time.sleep)), time


@settings(max_examples=50, deadline=None)
@given(st.floats(1e3, 1e9), st.lists(st.integers(0, 10**6), min_size=1, max_size=30))
def test_no_more_than_the_bandwidth_goes_through(rate, counts):
    """Neither above the rate, but for a tenth of a second at the start, nor below it."""
    limit, time = bandwidth(rate)

    async def move():
        for count in counts:
            await limit.take(count)

    asyncio.run(move())
    assert time.now == pytest.approx(max(0, sum(counts) / rate - 0.1), abs=1e-6)


async def test_a_rest_is_not_made_up_for():
    """Who moved nothing for an hour may not move an hour's bytes at once."""
    limit, time = bandwidth(1_000)
    await limit.take(1_000)
    time.now += 3_600
    before = time.now
    await limit.take(1_000)
    assert time.now - before == pytest.approx(0.9)


async def test_no_limit_costs_nothing():
    """Without a bandwidth nobody waits."""
    limit, time = bandwidth(None)
    await limit.take(10**15)
    assert time.slept == []


@pytest.mark.parametrize(
    ("rate", "says"),
    [(0, "more than 0"), (-1, "more than 0"), (float("nan"), "more than 0"), ("1", "not str")],
)
def test_an_impossible_bandwidth_is_refused(rate, says):
    """Naming the argument."""
    with pytest.raises(InvalidRequest, match=f"bandwidth must be .*{says}"):
        bandwidth(rate)


# ------------------------------------------------------------------ lanes as places


def lanes(most):
    """So many lanes; no time passes."""
    return Lanes(most, lambda: 0.0)


async def settled():
    """Everything that can run has run."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_places_go_to_whoever_came_first():
    """In the order of arrival, never more than there are."""
    places, order = lanes(2), []

    async def use(name):
        await places.take()
        order.append(name)

    tasks = [asyncio.create_task(use(name)) for name in range(5)]
    await settled()
    assert order == [0, 1]
    for count in (3, 4, 5):
        places.give(1)
        await settled()
        assert order == list(range(count))
        assert places.in_use == 2
    await asyncio.gather(*tasks)
    places.put_back()
    places.put_back()
    assert places.in_use == 0


@pytest.mark.parametrize("when", ["before", "at the same moment"])
async def test_a_cancelled_wait_leaves_the_place_to_the_next(when):
    """Whether its turn had come already or not; no place is lost."""
    places = lanes(1)
    await places.take()
    first, second = (asyncio.create_task(places.take()) for _ in range(2))
    await settled()
    if when == "before":
        first.cancel()
        await settled()
        places.give(1)
    else:
        places.give(1)
        first.cancel()
    await settled()
    assert first.cancelled()
    assert second.done()
    assert places.in_use == 1


async def test_after_failures_there_are_fewer_places():
    """Half of them, at least one; who is over the number finishes, and nobody new begins."""
    places = lanes(8)
    for _ in range(8):
        await places.take()
    waiting = asyncio.create_task(places.take())
    await settled()
    places.give(0, failed=True)
    assert places.limit == 4
    for left in (6, 5, 4):
        places.give(1)
        assert places.in_use == left
    await settled()
    assert not waiting.done()
    places.give(1)
    await waiting
    assert places.in_use == 4


@pytest.mark.parametrize(
    ("most", "says"), [(0, "from 1 to 1,024"), (1_025, "from 1 to"), (True, "int"), ("4", "int")]
)
def test_an_impossible_number_of_lanes_is_refused(most, says):
    """Naming the argument."""
    with pytest.raises(InvalidRequest, match=f"concurrency must be .*{says}"):
        lanes(most)


# ------------------------------------------------------------------ how many: simulated lines


class Line:
    """Parts on a line that always wants more of them.

    Args:
        most: lanes at most.
        each: bytes per second that a connection can have.
        all_: bytes per second that all have together.
        latency_s: seconds before a part's first byte.
        size: makes the bytes of a part.
        fails: says by the number under way whether a part fails.
        wanted: parts that there are at any time, None for as many as lanes.

    Attributes:
        limits: the number of lanes after each part.
        moved: bytes that went through.
        now: seconds.
    """

    def __init__(
        self,
        most,
        *,
        each=1e12,
        all_=1e12,
        latency_s=0.04,
        size=lambda random: PART,
        fails=lambda under_way, random: False,
        wanted=None,
    ):
        self.count = LaneCount(most)
        self.most, self.each, self.all, self.latency_s = most, each, all_, latency_s
        self.size, self.fails, self.wanted = size, fails, wanted
        self.random = random.Random(7)
        self.now = self.moved = 0.0
        self.limits = []
        self.under_way = []

    def run(self, parts):
        """Until so many parts have ended."""
        end = len(self.limits) + parts
        while len(self.limits) < end:
            self._fill()
            self._pass_time()
            for part in [one for one in self.under_way if one["left"] <= 1e-3]:
                self._end(part)
        return self

    def usual(self, last=500):
        """The mean number of lanes at the end."""
        return mean(self.limits[-last:])

    def _fill(self):
        places = self.count.limit if self.wanted is None else min(self.count.limit, self.wanted)
        while len(self.under_way) < places:
            self.count.moment(self.now, len(self.under_way))
            size = self.size(self.random)
            # Connections are not all alike.
            pace = self.random.uniform(0.8, 1.2)
            self.under_way.append(
                {"wait": self.latency_s, "size": size, "left": size, "pace": pace}
            )

    def _pass_time(self):
        moving = [one for one in self.under_way if not one["wait"]]
        rates = [min(self.each * one["pace"], self.all / len(moving)) for one in moving]
        until = [one["wait"] for one in self.under_way if one["wait"]]
        until += [one["left"] / rate for one, rate in zip(moving, rates, strict=True)]
        step = min(until)
        self.now += step
        for one in self.under_way:
            one["wait"] = max(0.0, one["wait"] - step - 1e-12)
        for one, rate in zip(moving, rates, strict=True):
            one["left"] -= rate * step

    def _end(self, part):
        in_use = len(self.under_way)
        self.count.moment(self.now, in_use)
        if self.fails(in_use, self.random):
            self.count.failed(in_use)
        else:
            self.count.ended(part["size"], in_use)
            self.moved += part["size"]
        self.under_way.remove(part)
        self.limits.append(self.count.limit)
        assert 1 <= self.count.limit <= self.most
        self._fill()


def test_connections_with_a_cap_of_their_own_are_all_used():
    """Sixteen of them within the first forty parts; and they stay in use."""
    line = Line(16, each=5 * MB)
    assert line.run(40).limits[-1] == 16
    line.run(1_000)
    assert line.usual() > 13
    assert line.moved / line.now > 0.8 * 16 * 5 * MB


def test_many_lanes_are_found_one_after_the_other():
    """By doubling while that pays."""
    line = Line(64, each=5 * MB).run(200)
    assert line.limits[-1] == 64


@pytest.mark.parametrize("right", [4, 10, 40])
def test_a_shared_line_gets_as_many_as_fill_it(right):
    """Near the number at which more of them only wait for each other, at nearly full speed."""
    line = Line(64, each=5 * MB, all_=right * 5 * MB).run(4_000)
    assert 0.6 * right <= line.usual() <= 1.6 * right
    assert line.moved / line.now > 0.85 * right * 5 * MB


def test_one_connection_may_fill_the_line():
    """Then there are few, and they lose next to nothing."""
    line = Line(16, each=100 * MB, all_=20 * MB).run(1_000)
    assert line.usual() <= 3
    assert line.moved / line.now > 0.85 * 20 * MB


def test_latency_is_hidden_for_small_files():
    """Where round trips take the time, all lanes are used."""
    line = Line(16, each=50 * MB, latency_s=0.02, size=lambda random: 4_096).run(1_000)
    assert line.limits[40] == 16
    assert line.usual() > 13


def test_sizes_may_differ_by_orders_of_magnitude():
    """Small files after large ones do not look like a line that has broken down."""
    line = Line(16, each=5 * MB, size=lambda random: int(10 ** random.uniform(2, 7))).run(2_000)
    assert line.usual(2_000) > 8


def test_a_line_that_gets_worse_or_better_is_followed():
    """Down to the new number and up again."""
    line = Line(32, each=5 * MB, all_=100 * MB).run(1_000)
    assert 14 < line.usual() < 32
    line.all = 20 * MB
    assert line.run(1_500).usual() < 8
    line.all = 160 * MB
    assert line.run(4_000).usual() > 20


def test_a_server_that_cannot_take_so_many_is_spared():
    """Failures above a number keep the lanes below it, most of the time."""
    line = Line(64, each=5 * MB, fails=lambda under_way, random: under_way > 12)
    line.run(3_000)
    assert 4 < line.usual() <= 12
    assert line.moved > 0.9 * 3_000 * PART


def test_one_bad_moment_halves_the_lanes_once():
    """What was under way then belongs to the same trouble; afterwards they come back."""
    line = Line(16, each=5 * MB).run(100)
    before = line.count.limit
    line.fails = lambda under_way, random: True
    line.run(before)
    assert line.count.limit == before // 2
    line.fails = lambda under_way, random: False
    assert line.run(200).usual(20) > 12


def test_with_nothing_but_failures_one_lane_is_left():
    """Never none: then nothing would be tried again."""
    line = Line(16, each=5 * MB, fails=lambda under_way, random: True).run(200)
    assert line.limits[-1] == 1


def test_lanes_that_nobody_needs_are_not_judged():
    """A single file in order leaves their number as it is."""
    line = Line(16, each=5 * MB, wanted=1).run(300)
    assert set(line.limits) == {8}


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 1_024),
    st.lists(
        st.tuples(st.booleans(), st.integers(0, 10**10), st.floats(0, 100), st.integers(1, 2_000)),
        max_size=200,
    ),
)
def test_the_number_stays_within_its_bounds(most, events):
    """Whatever ends in whatever order."""
    count, now = LaneCount(most), 0.0
    for failed, moved, step_s, in_use in events:
        now += step_s
        count.moment(now, in_use)
        if failed:
            count.failed(in_use)
        else:
            count.ended(moved, in_use)
        assert 1 <= count.limit <= most
