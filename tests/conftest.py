"""For tests that run the client: whatever blocks the event loop beneath our code fails them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from blockbuster import blockbuster_ctx


@pytest.fixture
def blocking_calls_fail() -> Iterator[None]:
    """Blocking calls made by ``pdsclient``, or by what it calls, raise inside a running loop."""
    with blockbuster_ctx("pdsclient"):
        yield
