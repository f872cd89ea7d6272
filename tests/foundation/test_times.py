"""Points in time as the service writes them, and numbers as callers give them."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdsclient._checks import (
    Validator,
    at_least_zero,
    check_header_value,
    check_number,
    check_seconds,
    check_text,
    check_token,
    flag,
    seconds,
    whole,
)
from pdsclient._clock import SystemClock
from pdsclient._times import as_utc, parse_time, render_time
from pdsclient.errors import InvalidRequest

MOMENT = datetime(2019, 9, 1, 6, 57, 48, 813_000, UTC)


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2019-09-01T06:57:48.813Z", MOMENT),
        ("2019-09-01T14:57:48.813+08:00", MOMENT),
        ("2019-08-31T23:57:48.813-07:00", MOMENT),
        ("2019-09-01T06:57:48.813", MOMENT),
        ("2019-09-01T06:57:48.8130009Z", MOMENT),
        ("2019-09-01T06:57:48.813000999Z", MOMENT),
        ("2019-09-01T06:57:48Z", MOMENT.replace(microsecond=0)),
        ("2019-09-01T06:57:48.8Z", MOMENT.replace(microsecond=800_000)),
        ("", None),
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (1_567_321_068_813, MOMENT),
        (1_567_321_068_813.0, MOMENT),
        (-1, datetime(1969, 12, 31, 23, 59, 59, 999_000, UTC)),
    ],
)
def test_times_of_the_service(value: str | float, moment: datetime | None) -> None:
    """Any offset, 0 to 9 fraction digits, or epoch milliseconds; always aware and UTC."""
    assert parse_time(value) == moment
    assert moment is None or parse_time(value).tzinfo is UTC


@pytest.mark.parametrize(
    "value",
    [
        "soon",
        "2019-02-30T00:00:00Z",
        "2019-09-01T25:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "\ud800",
        "x" * 10_000,
        10**18,
        -(10**18),
        10**400,
        math.inf,
        math.nan,
    ],
    ids=lambda one: repr(one)[:30],
)
def test_what_is_no_time_is_a_value_error(value: str | float) -> None:
    """One exception for text that is no time and for times outside the calendar."""
    with pytest.raises(ValueError):  # noqa: PT011
        parse_time(value)


@given(st.text() | st.floats() | st.integers())
def test_no_value_raises_anything_else(value: str | float) -> None:
    """Whatever a reply holds, there is a moment, None or a ValueError."""
    try:
        moment = parse_time(value)
    except ValueError:
        return
    assert moment is None or moment.tzinfo is UTC


@given(st.datetimes(timezones=st.just(UTC)))
def test_rendered_times_are_read_back_to_the_millisecond(moment: datetime) -> None:
    """The form is that of the service's own replies."""
    whole_ms = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    text = render_time(moment)
    assert parse_time(text) == whole_ms
    assert len(text) == len("2019-09-01T06:57:48.813Z")


def test_utc() -> None:
    """A zone is converted, a missing one is UTC."""
    assert as_utc(MOMENT.astimezone(timezone(timedelta(hours=8)))) == MOMENT
    assert as_utc(MOMENT.replace(tzinfo=None)) == MOMENT


def test_the_clock_of_the_machine() -> None:
    """Two readings: one that never goes back, and the wall clock."""
    clock = SystemClock()
    assert clock.monotonic() <= clock.monotonic()
    assert abs(clock.time() - datetime.now(UTC).timestamp()) < 60


# ---------------------------------------------------------------------------- checks

HUGE = 10**5_000
FIELD = SimpleNamespace(name="size")


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (whole(0, 5), 0),
        (whole(0, 5), 5),
        (at_least_zero(), 0),
        (at_least_zero(), 1.5),
        (seconds(), None),
        (seconds(), 0.1),
        (seconds(longest=5), 5),
        (flag(), False),
    ],
)
def test_validators_let_good_values_pass(check: Validator, value: Any) -> None:
    """Bounds belong to what is allowed."""
    check(None, FIELD, value)


@pytest.mark.parametrize(
    ("check", "values"),
    [
        (whole(0, 5, prefix="part."), [-1, 6, HUGE, -HUGE, True, 1.0, "1", None, math.nan]),
        (at_least_zero(prefix="part."), [-1, HUGE, math.inf, math.nan, True, "1", None]),
        (seconds(prefix="part."), [0, -1, HUGE, math.inf, math.nan, True, "1", [], 1j]),
        (seconds(prefix="part.", longest=5), [5.1, HUGE]),
        (flag(prefix="part."), [0, 1, None, "yes", HUGE]),
    ],
    ids=["whole", "at_least_zero", "seconds", "longest", "flag"],
)
def test_validators_name_the_field(check: Validator, values: list[Any]) -> None:
    """Every wrong value is refused with the field's full name and a short message."""
    for value in values:
        with pytest.raises(InvalidRequest, match=r"part\.size") as caught:
            check(None, FIELD, value)
        assert len(str(caught.value)) < 200


def test_checks_give_the_value_back() -> None:
    """A check is used as a converter, too."""
    assert check_number("n", 5) == 5.0
    assert check_seconds("n", None) is None
    assert check_seconds("n", 5) == 5.0
    assert check_text("n", "名") == "名"
    assert check_token("n", "a.b-c") == "a.b-c"
    assert check_header_value("n", "a b") == "a b"


@pytest.mark.parametrize("check", [check_text, check_token, check_header_value])
@pytest.mark.parametrize("value", [None, 5, b"a", "\ud800", ["a"]])
def test_text_checks_name_the_field(check: Any, value: object) -> None:
    """What is no text, or cannot be encoded, is refused by name."""
    with pytest.raises(InvalidRequest, match=r"^part\.name "):
        check("part.name", value)


@given(st.text())
def test_header_values_cannot_end_a_header(value: str) -> None:
    """What passes is visible ASCII on one line, without space around it; tokens are one word."""
    try:
        assert check_header_value("n", value).strip().isprintable()
        assert value.isascii()
        assert " " not in check_token("n", value)
    except InvalidRequest:
        assert not value or not value.isascii() or not value.isprintable() or " " in value
