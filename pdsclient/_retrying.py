"""Whether, and after what wait, something that is no call of its own is tried again.

Parts of a batch and requests to the storage are repeated by the same policy and from the same
budget as calls; the waiting is left to whoever asks.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pdsclient._policy import Action, Situation, cost, next_step

if TYPE_CHECKING:
    from pdsclient._core import Engine
    from pdsclient.errors import PDSError

__all__ = ["wait_before_retry"]


def wait_before_retry(
    engine: Engine,
    error: PDSError,
    *,
    attempt: int,
    repeatable: bool,
    remaining_s: float = math.inf,
) -> float | None:
    """Seconds to wait before the next attempt, which is paid for; None if there is none.

    Args:
        engine: whose settings, budget and randomness count.
        error: how the last attempt ended.
        attempt: attempts so far.
        repeatable: it may take effect twice without harm.
        remaining_s: until the deadline.
    """
    shared = engine.shared
    now = Situation(
        repeatable=repeatable,
        attempt=attempt,
        retries=engine.settings.retries,
        repeats=0,
        # Credentials are renewed by the calls around it.
        has_token=False,
        has_share_token=False,
        can_pay=shared.budget.can_pay(cost(error)),
        remaining_s=remaining_s,
    )
    step = next_step(error, now, shared.config.retry)
    wait = step.ceiling_s * shared.context.random.random() if step.wait_s is None else step.wait_s
    # Nobody cuts this wait short at the deadline, so one that is too long does not begin.
    if step.action is not Action.RETRY or wait >= remaining_s:
        return None
    return wait if shared.budget.withdraw(cost(error)) else None
