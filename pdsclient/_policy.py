"""What to do after an attempt failed: the whole retry specification, as one pure function.

PDS is POST only, so the HTTP verb says nothing; whether an operation is safe to send twice is a
property of the operation. ``next_step`` reads an error and the state of its call and answers
with one of four actions; it does no I/O, knows no clock and draws no random numbers.
"""

from __future__ import annotations

import enum
from itertools import islice
from typing import Final, NamedTuple

import backoff
from attrs import field, frozen

from pdsclient._checks import at_least_zero, whole
from pdsclient.errors import (
    AuthError,
    NotSent,
    OutcomeUnknown,
    PDSError,
    RateLimited,
    ServiceFailure,
    ShareTokenInvalid,
)

__all__ = ["RetryPolicy"]

# A 5xx that may pass; others (501, 505) would fail the same way again.
_PASSING = frozenset({500, 502, 503, 504})
# The gateway answered for a backend that it did not ask (pds-service.md 3.5).
_BUSY_CODES = frozenset({"D503BB", "D503CB", "X503BZ"})
# Repeats of one call because its token was refused while a newer one was known.
MOST_REPEATS: Final = 5


@frozen(kw_only=True)
class RetryPolicy:
    """How often, and after what waits, a failed attempt is repeated.

    Args:
        attempts: sends of one call at most, the first one included.
        throttled_attempts: the same for a call that is answered 429.
        base_s: ceiling of the first wait; it doubles with each attempt. The wait itself is
            drawn evenly between 0 and the ceiling (full jitter).
        cap_s: highest ceiling.
        max_wait_s: a longer wait that the server asks for is not slept but raised.
        budget: size of the client's retry budget; a retry takes 5 from it (1 after a 429), a
            success gives 1 back, and without it nothing is repeated. It stops retry storms.
    """

    attempts: int = field(default=4, validator=whole(1, 1_000, prefix="retry."))
    throttled_attempts: int = field(default=10, validator=whole(1, 1_000, prefix="retry."))
    base_s: float = field(default=0.5, validator=at_least_zero(prefix="retry."))
    cap_s: float = field(default=30.0, validator=at_least_zero(prefix="retry."))
    max_wait_s: float = field(default=120.0, validator=at_least_zero(prefix="retry."))
    budget: int = field(default=500, validator=whole(0, 1_000_000, prefix="retry."))

    def ceiling(self, attempt: int) -> float:
        """The longest own wait after the given attempt, counted from 1."""
        if self.base_s == 0:
            return 0.0
        # The generator's first value starts it and is not a wait; past 63 doublings it stands.
        waits = backoff.expo(base=2, factor=self.base_s, max_value=self.cap_s)
        return next(islice((w for w in waits if w is not None), min(attempt, 64) - 1, None))


class Action(enum.Enum):
    """What the request loop does next."""

    RETRY = "retry"
    RENEW = "renew the access token"
    RENEW_SHARE = "renew the share token"
    RAISE = "raise"


class Step(NamedTuple):
    """An action; for a retry, the server's wait, or None and the ceiling for an own one."""

    action: Action
    wait_s: float | None = None
    ceiling_s: float = 0.0


class Situation(NamedTuple):
    """What there is to know about a call besides its last error."""

    repeatable: bool
    attempt: int  # sends so far, repeats with a newer token not counted
    retries: int | None  # the caller's limit, None for the policy's
    repeats: int  # sends again after a renewed token
    has_token: bool  # sent with an access token of ours
    has_share_token: bool
    can_pay: bool  # the client's retry budget has room
    remaining_s: float  # until the deadline


_RAISE: Final = Step(Action.RAISE)


def next_step(error: PDSError, now: Situation, policy: RetryPolicy) -> Step:
    """What the loop does about a failed attempt."""
    if isinstance(error, AuthError):
        return _renewal(error, now)
    if not _may_repeat(error, now) or now.attempt >= _most_attempts(error, now, policy):
        return _RAISE
    wait, ceiling = error.retry_after_s, policy.ceiling(now.attempt)
    if wait is not None and wait > policy.max_wait_s:
        return _RAISE
    if (wait or 0.0) >= now.remaining_s or not now.can_pay:
        return _RAISE
    return Step(Action.RETRY, wait, ceiling)


def _renewal(error: AuthError, now: Situation) -> Step:
    if now.repeats >= MOST_REPEATS:
        return _RAISE
    share_alone = now.has_share_token and not now.has_token
    if now.has_share_token and (isinstance(error, ShareTokenInvalid) or share_alone):
        return Step(Action.RENEW_SHARE)
    if now.has_token and not isinstance(error, ShareTokenInvalid):
        return Step(Action.RENEW)
    return _RAISE


def _may_repeat(error: PDSError, now: Situation) -> bool:
    if isinstance(error, NotSent):
        return error.may_pass
    if isinstance(error, RateLimited):
        return error.status is not None  # else our own limiter was told to fail fast
    if isinstance(error, ServiceFailure) and error.status in _PASSING:
        turned_away = error.status == 503 and error.retry_after_s is not None
        return now.repeatable or turned_away or error.code in _BUSY_CODES
    return isinstance(error, OutcomeUnknown) and now.repeatable


def cost(error: PDSError) -> int:
    """What a retry takes from the client's retry budget.

    A failing service must be left alone soon; one that says "slow down" is alive, and the
    limiter slows down.
    """
    return 1 if isinstance(error, RateLimited) else 5


def _most_attempts(error: PDSError, now: Situation, policy: RetryPolicy) -> int:
    if now.retries is not None:
        return now.retries + 1
    return policy.throttled_attempts if isinstance(error, RateLimited) else policy.attempts
