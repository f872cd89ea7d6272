"""Counting how far a bulk search is, on a clock that the test moves."""

from __future__ import annotations

import attrs
import pytest

from pdsclient.bulk.progress import Meter, Progress


class Seconds:
    """A monotonic clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Seconds:
    """The clock of the meter."""
    return Seconds()


@pytest.fixture
def meter(clock: Seconds) -> Meter:
    """A meter that starts now."""
    return Meter(clock)


def test_snapshot_has_what_was_counted(meter: Meter) -> None:
    """Each counter appears under its name, and what is not known is None."""
    meter.page(100)
    meter.page(50)
    meter.jobs_open, meter.windows_open, meter.in_flight = 1, 3, 4
    snapshot = meter.snapshot(waiting=5, waiting_for="rate")
    assert (snapshot.hits, snapshot.pages) == (150, 2)
    assert (snapshot.jobs_open, snapshot.windows_open, snapshot.in_flight) == (1, 3, 4)
    assert (snapshot.waiting, snapshot.waiting_for) == (5, "rate")
    assert (snapshot.expected_hits, snapshot.remaining_s, snapshot.finished) == (None, None, False)


def test_requests_and_waits_are_added_up(meter: Meter) -> None:
    """Each call tells how often it was sent; one that never left counts nothing."""
    for attempts, waited_s in [(1, 0.0), (3, 1.5), (0, 0.25)]:
        meter.sent(attempts, waited_s)
    snapshot = meter.snapshot()
    assert (snapshot.requests, snapshot.retries, snapshot.waited_s) == (4, 2, 1.75)


def test_continued_search_counts_from_where_it_was(meter: Meter, clock: Seconds) -> None:
    """Hits of an earlier run are hits, but no speed of this one."""
    meter.go_on(1_000, 3_000)
    clock.now += 10
    meter.hits += 100
    snapshot = meter.snapshot()
    assert (snapshot.hits, snapshot.rate, snapshot.remaining_s) == (1_100, 10, 190)
    assert meter.snapshot(finished=True).rate == 10


def test_snapshot_does_not_change(meter: Meter) -> None:
    """A snapshot is a value: it stays when the search goes on, and nobody can edit it."""
    before = meter.snapshot()
    meter.hits += 10
    assert before.hits == 0
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        before.hits = 1  # type: ignore[misc]


def test_first_look_has_no_rate(meter: Meter) -> None:
    """In the moment of the start nothing is divided by zero."""
    meter.hits += 100
    snapshot = meter.snapshot()
    assert (snapshot.rate, snapshot.elapsed_s) == (0.0, 0.0)
    assert meter.snapshot(finished=True).rate == 0.0


def test_rate_is_that_of_the_last_seconds(meter: Meter, clock: Seconds) -> None:
    """A fast start is forgotten after a few seconds of slow going."""
    for hits in [100] * 10 + [10] * 10:
        clock.now += 1
        meter.hits += hits
        snapshot = meter.snapshot()
    assert snapshot.rate == pytest.approx(10)
    assert snapshot.elapsed_s == 20


def test_rate_falls_to_zero_when_nothing_comes(meter: Meter, clock: Seconds) -> None:
    """A search that stands still shows it within seconds."""
    clock.now += 1
    meter.hits += 100
    assert meter.snapshot().rate == 100
    for _ in range(6):
        clock.now += 1
        snapshot = meter.snapshot()
    assert snapshot.rate == 0
    assert snapshot.remaining_s is None


def test_frequent_looks_do_not_disturb_the_rate(meter: Meter, clock: Seconds) -> None:
    """A thousand looks a second give the same rate as one, and take no memory."""
    for _ in range(10_000):
        clock.now += 0.001
        meter.hits += 2
        snapshot = meter.snapshot()
    assert snapshot.rate == pytest.approx(2_000)
    assert len(meter._points) < 30


def test_remaining_time_follows_from_rate_and_expectation(meter: Meter, clock: Seconds) -> None:
    """What the windows announced is added up; too small an announcement is no negative time."""
    meter.expect(300)
    meter.expect(200)
    clock.now += 2
    meter.hits += 100
    snapshot = meter.snapshot()
    assert (snapshot.expected_hits, snapshot.remaining_s) == (500, 8.0)
    meter.hits += 900
    assert meter.snapshot().remaining_s == 0


def test_last_snapshot_has_the_rate_of_the_whole_run(meter: Meter, clock: Seconds) -> None:
    """At the end the last seconds matter no more."""
    meter.hits += 1_000
    for _ in range(10):
        clock.now += 1
        meter.snapshot()
    snapshot = meter.snapshot(finished=True)
    assert (snapshot.rate, snapshot.remaining_s, snapshot.finished) == (100, 0, True)


BEGUN = Progress(
    hits=12_345,
    pages=124,
    requests=124,
    retries=0,
    waited_s=0.0,
    jobs_done=0,
    jobs_failed=0,
    jobs_open=1,
    windows_done=0,
    windows_open=1,
    expected_hits=None,
    rate=1_234.5,
    elapsed_s=10.0,
    remaining_s=None,
    in_flight=16,
    waiting=0,
    waiting_for=None,
    finished=False,
)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({}, "12,345 hits, 1,234/s"),
        ({"hits": 1, "rate": 0.25}, "1 hit, 0.2/s"),
        ({"hits": 0, "rate": 0.0}, "0 hits, 0/s"),
        ({"finished": True, "elapsed_s": 0.44}, "12,345 hits, 1,234/s, took 0.4 s"),
        (
            {"expected_hits": 50_000, "remaining_s": 31.4},
            "12,345 of 50,000 hits, 1,234/s, 0:31 left",
        ),
        (
            {"expected_hits": 10_000, "remaining_s": 3_723.0},
            "12,345 hits, 1,234/s, 1:02:03 left",
        ),
        (
            {"windows_done": 3, "windows_open": 14},
            "12,345 hits, 1,234/s, 3 of 17 windows",
        ),
        (
            {"jobs_done": 7, "jobs_failed": 1, "jobs_open": 2, "windows_open": 10},
            "12,345 hits, 1,234/s, 8 of 10 jobs, 1 failed",
        ),
        ({"retries": 1}, "12,345 hits, 1,234/s, 1 retry"),
        (
            {"retries": 2, "waiting": 16, "waiting_for": "rate"},
            "12,345 hits, 1,234/s, 2 retries, waiting for the rate limit",
        ),
        (
            {"waiting": 1, "waiting_for": "pause"},
            "12,345 hits, 1,234/s, paused at the service's request",
        ),
        (
            {"waiting_for": "consumer"},
            "12,345 hits, 1,234/s, waiting for the reader of the hits",
        ),
        (
            {"finished": True, "expected_hits": 50_000, "waiting_for": "rate"},
            "12,345 hits, 1,234/s, took 0:10",
        ),
    ],
    ids=str,
)
def test_snapshot_is_one_line_for_people(change: dict[str, object], line: str) -> None:
    """The line tells what there is to tell, above all why nothing seems to happen."""
    assert str(attrs.evolve(BEGUN, **change)) == line
