"""What the request loop does after a failed attempt, row by row of the retry table."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdsclient._policy import MOST_REPEATS, Action, RetryPolicy, Situation, Step, next_step
from pdsclient._protocol import Reply, not_sent, outcome_unknown, reply_error
from pdsclient.errors import (
    ClientClosed,
    DeadlineExceeded,
    DecodeError,
    InvalidRequest,
    PDSError,
    TaskFailed,
)

POLICY = RetryPolicy()


def situation(**changes: Any) -> Situation:
    """The first failure of an ordinary call: everything allows a retry."""
    calm = Situation(
        repeatable=True,
        attempt=1,
        retries=None,
        repeats=0,
        has_token=True,
        has_share_token=False,
        can_pay=True,
        remaining_s=math.inf,
    )
    return calm._replace(**changes)


def reply(status: int, code: str = "", **headers: str) -> PDSError:
    """The error for a reply with this status; header names are written with underscores."""
    body = b'{"code":"%s","message":"m"}' % code.encode() if code else b""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    error = reply_error(Reply(status, named, body), now=0.0)
    assert error is not None
    return error


RETRY, RENEW, SHARE, RAISE = Action.RETRY, Action.RENEW, Action.RENEW_SHARE, Action.RAISE

# outcome, action if the operation is repeatable, action if it is not
TABLE = [
    ("never sent", not_sent("refused"), RETRY, RETRY),
    ("TLS certificate refused", not_sent("certificate", may_pass=False), RAISE, RAISE),
    ("sent, no answer", outcome_unknown("reset"), RETRY, RAISE),
    ("429 with a code", reply(429, "TooManyRequests"), RETRY, RETRY),
    ("429 with an empty body", reply(429), RETRY, RETRY),
    ("429 with a wait", reply(429, retry_after="7"), RETRY, RETRY),
    ("429 with the code of something else", reply(429, "AccessTokenInvalid"), RETRY, RETRY),
    ("400 with a throttling code", reply(400, "Throttling.User"), RETRY, RETRY),
    ("503 with a wait", reply(503, "ServiceUnavailable", retry_after="3"), RETRY, RETRY),
    ("503 gateway busy D503BB", reply(503, x_ca_error_code="D503BB"), RETRY, RETRY),
    ("503 gateway busy D503CB", reply(503, x_ca_error_code="D503CB"), RETRY, RETRY),
    ("503 gateway busy X503BZ", reply(503, x_ca_error_code="X503BZ"), RETRY, RETRY),
    ("500", reply(500, "InternalError"), RETRY, RAISE),
    ("502", reply(502), RETRY, RAISE),
    ("503", reply(503, "ServiceUnavailable"), RETRY, RAISE),
    ("504", reply(504, x_ca_error_code="D504TO"), RETRY, RAISE),
    ("500 with a wait", reply(500, retry_after="3"), RETRY, RAISE),
    ("501, which will not pass", reply(501), RAISE, RAISE),
    ("access token invalid", reply(401, "AccessTokenInvalid"), RENEW, RENEW),
    ("access token expired", reply(401, "AccessTokenExpired"), RENEW, RENEW),
    ("token expired", reply(401, "TokenExpired"), RENEW, RENEW),
    ("401 with an empty body", reply(401), RENEW, RENEW),
    ("401 with the code of something else", reply(401, "NotFound.User"), RENEW, RENEW),
    ("gateway: JWT not readable", reply(400, x_ca_error_code="I400JD"), RENEW, RENEW),
    ("gateway: bad JWT", reply(403, x_ca_error_code="A403JT"), RENEW, RENEW),
    ("gateway: expired JWT", reply(403, x_ca_error_code="A403JE"), RENEW, RENEW),
    ("400", reply(400, "InvalidParameter.Name"), RAISE, RAISE),
    ("403", reply(403, "ForbiddenNoPermission.File"), RAISE, RAISE),
    ("404", reply(404, "NotFound.FileId"), RAISE, RAISE),
    ("409", reply(409, "AlreadyExist.File"), RAISE, RAISE),
    ("quota", reply(400, "QuotaExhausted.Drive"), RAISE, RAISE),
    ("451", reply(451, x_ca_error_code="B451DO"), RAISE, RAISE),
    ("redirect", reply(302), RAISE, RAISE),
    ("an answer not understood", DecodeError("cut off"), RAISE, RAISE),
    ("deadline", DeadlineExceeded("late"), RAISE, RAISE),
    ("closed", ClientClosed("closed"), RAISE, RAISE),
    ("bad input", InvalidRequest("wrong"), RAISE, RAISE),
    ("task failed", TaskFailed("failed"), RAISE, RAISE),
]


@pytest.mark.parametrize(
    ("error", "repeatable", "other"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_first_failure_follows_the_table(
    error: PDSError, repeatable: Action, other: Action
) -> None:
    """Each outcome leads to the action of its row, by whether the operation is repeatable."""
    assert next_step(error, situation(repeatable=True), POLICY).action is repeatable
    assert next_step(error, situation(repeatable=False), POLICY).action is other


@pytest.mark.parametrize(
    ("error", "token", "share", "action"),
    [
        (reply(401, "ShareLinkTokenInvalid"), False, True, SHARE),
        (reply(401, "ShareLinkTokenInvalid"), True, True, SHARE),
        (reply(400, "ShareLinkTokenInvalid"), True, True, SHARE),
        (reply(401, "ShareLinkTokenInvalid"), True, False, RAISE),
        (reply(401, "ShareLinkTokenInvalid"), False, False, RAISE),
        (reply(401, "AccessTokenInvalid"), False, True, SHARE),
        (reply(401), False, True, SHARE),
        (reply(401, "AccessTokenInvalid"), True, True, RENEW),
        (reply(401, "AccessTokenInvalid"), False, False, RAISE),
        (reply(401), False, False, RAISE),
    ],
)
def test_refused_token_is_renewed_if_it_is_ours(
    error: PDSError, token: bool, share: bool, action: Action
) -> None:
    """A 401 renews the token it is about; with a share token alone any 401 is about that one."""
    now = situation(has_token=token, has_share_token=share)
    assert next_step(error, now, POLICY) == Step(action)


@pytest.mark.parametrize("repeats", [0, 1, MOST_REPEATS - 1, MOST_REPEATS, MOST_REPEATS + 1])
@pytest.mark.parametrize("code", ["AccessTokenInvalid", "ShareLinkTokenInvalid"])
def test_repeats_with_a_renewed_token_are_bounded(code: str, repeats: int) -> None:
    """After five repeats of one call a refused token is final."""
    now = situation(has_share_token=True, repeats=repeats)
    raised = next_step(reply(401, code), now, POLICY).action is RAISE
    assert raised == (repeats >= MOST_REPEATS)


def test_renewal_depends_neither_on_attempts_nor_on_credit() -> None:
    """A dead token says nothing about the service's health, so it costs no retry."""
    now = situation(attempt=50, retries=0, can_pay=False)
    assert next_step(reply(401), now, POLICY).action is RENEW


@pytest.mark.parametrize(
    ("error", "retries", "sends"),
    [
        (reply(500), None, 4),
        (outcome_unknown("reset"), None, 4),
        (not_sent("refused"), None, 4),
        (reply(429), None, 10),
        (reply(500), 0, 1),
        (reply(429), 0, 1),
        (reply(429), 2, 3),
        (not_sent("refused"), 20, 21),
    ],
)
def test_number_of_sends(error: PDSError, retries: int | None, sends: int) -> None:
    """Ten sends for 429 and four otherwise, unless the caller says how many retries."""
    actions = [
        next_step(error, situation(attempt=attempt, retries=retries), POLICY).action
        for attempt in range(1, sends + 1)
    ]
    assert actions == [RETRY] * (sends - 1) + [RAISE]


@pytest.mark.parametrize(
    ("wait", "remaining", "action"),
    [
        (None, math.inf, RETRY),
        (None, 0.001, RETRY),
        (None, 0.0, RAISE),
        (None, -1.0, RAISE),
        (0, 0.001, RETRY),
        (7, 7.001, RETRY),
        (7, 7.0, RAISE),
        (120, math.inf, RETRY),
        (121, math.inf, RAISE),
        (3600, math.inf, RAISE),
    ],
)
def test_a_wait_that_is_too_long_is_not_slept(
    wait: int | None, remaining: float, action: Action
) -> None:
    """A wait above ``max_wait_s`` or up to the deadline raises at once."""
    error = reply(429) if wait is None else reply(429, retry_after=str(wait))
    step = next_step(error, situation(remaining_s=remaining), POLICY)
    assert step.action is action
    assert error.retry_after_s == wait


def test_the_servers_wait_is_handed_on() -> None:
    """The server's own wait goes before ours, to the millisecond."""
    step = next_step(reply(429, x_retry_after="1500"), situation(), POLICY)
    assert step.wait_s == 1.5


def test_without_credit_nothing_is_repeated() -> None:
    """An empty retry budget turns every retry into the error."""
    for _, error, *_ in TABLE:
        step = next_step(error, situation(can_pay=False), POLICY)
        assert step.action is not RETRY


def test_own_waits_double_up_to_the_cap() -> None:
    """The ceilings are 0.5, 1, 2, … and 30 seconds, whatever the attempt."""
    ceilings = [POLICY.ceiling(attempt) for attempt in (1, 2, 3, 4, 5, 6, 7, 8, 1_000)]
    assert ceilings == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    step = next_step(reply(500), situation(attempt=3), POLICY)
    assert step == Step(RETRY, None, 2.0)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (RetryPolicy(base_s=0), [0, 0, 0]),
        (RetryPolicy(cap_s=0), [0, 0, 0]),
        (RetryPolicy(base_s=10, cap_s=15), [10, 15, 15]),
        (RetryPolicy(base_s=1e300, cap_s=1e308), [1e300, 2e300, 4e300]),
    ],
)
def test_odd_policies_have_finite_ceilings(policy: RetryPolicy, expected: list[float]) -> None:
    """A base or a cap of zero means no wait, and large ones stay within the cap."""
    assert [policy.ceiling(attempt) for attempt in (1, 2, 3)] == expected
    assert policy.ceiling(1_000) <= policy.cap_s


@pytest.mark.parametrize(
    "name", ["attempts", "throttled_attempts", "base_s", "cap_s", "max_wait_s", "budget"]
)
@pytest.mark.parametrize(
    "value", ["3", None, True, -1, math.nan, math.inf, pytest.param(10**5_000, id="huge"), [1]]
)
def test_wrong_policies_are_refused(name: str, value: Any) -> None:
    """Each field of the policy names itself when its value is wrong."""
    with pytest.raises(InvalidRequest, match=f"retry.{name}"):
        RetryPolicy(**{name: value})


ERRORS = st.sampled_from([row[1] for row in TABLE])
SITUATIONS = st.builds(
    Situation,
    repeatable=st.booleans(),
    attempt=st.integers(1, 40),
    retries=st.none() | st.integers(0, 30),
    repeats=st.integers(0, 8),
    has_token=st.booleans(),
    has_share_token=st.booleans(),
    can_pay=st.booleans(),
    remaining_s=st.floats(-10, 1e6) | st.just(math.inf),
)
POLICIES = st.builds(
    RetryPolicy,
    attempts=st.integers(1, 20),
    throttled_attempts=st.integers(1, 20),
    max_wait_s=st.floats(0, 500),
)


@given(ERRORS, SITUATIONS, POLICIES)
def test_a_retry_is_allowed_by_everything(
    error: PDSError, now: Situation, policy: RetryPolicy
) -> None:
    """Whatever the situation, a retry has credit, time, attempts and a bearable wait."""
    step = next_step(error, now, policy)
    if step.action is RETRY:
        assert now.can_pay
        assert (step.wait_s or 0) <= policy.max_wait_s
        assert (step.wait_s or 0) < now.remaining_s
        assert step.wait_s == error.retry_after_s
        assert 0 <= step.ceiling_s <= policy.cap_s
    else:
        assert step == Step(step.action)
    if step.action is RENEW:
        assert now.has_token
    if step.action is SHARE:
        assert now.has_share_token


@given(st.lists(ERRORS, max_size=60), POLICIES, st.none() | st.integers(0, 20))
def test_no_sequence_of_errors_exceeds_the_limits(
    errors: list[PDSError], policy: RetryPolicy, retries: int | None
) -> None:
    """Played through as the loop does it, a call ends within its sends and its repeats."""
    attempt, repeats = 1, 0
    for error in errors:
        now = situation(attempt=attempt, repeats=repeats, retries=retries, has_share_token=True)
        action = next_step(error, now, policy).action
        if action is RAISE:
            break
        attempt += action is RETRY
        repeats += action in (RENEW, SHARE)
    most = max(policy.attempts, policy.throttled_attempts) if retries is None else retries + 1
    assert attempt <= most
    assert repeats <= MOST_REPEATS
