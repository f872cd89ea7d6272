"""What only a break of the code showed to be untested: figures of the contract, as figures."""

from __future__ import annotations

import math

import pytest

from pdsclient._policy import Action, RetryPolicy, Situation, next_step
from pdsclient.errors import AuthError, ShareTokenInvalid


@pytest.mark.parametrize(
    ("error", "renew"),
    [
        (AuthError("refused", code="AccessTokenInvalid"), Action.RENEW),
        (ShareTokenInvalid("refused", code="ShareLinkTokenInvalid"), Action.RENEW_SHARE),
    ],
    ids=["access token", "share token"],
)
@pytest.mark.parametrize("repeats", range(7))
def test_a_refused_token_is_repeated_five_times_at_most(
    error: AuthError, renew: Action, repeats: int
) -> None:
    """The sixth refusal of one call is its answer."""
    now = Situation(
        repeatable=True,
        attempt=1,
        retries=None,
        repeats=repeats,
        has_token=True,
        has_share_token=True,
        can_pay=True,
        remaining_s=math.inf,
    )
    action = next_step(error, now, RetryPolicy()).action
    assert action is (renew if repeats < 5 else Action.RAISE)
