"""Time as a value that can be handed in, so that tests move it instead of waiting."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Two readings of time; both in seconds."""

    def monotonic(self) -> float:
        """A reading that never goes back: for durations and expiry."""
        ...

    def time(self) -> float:
        """The wall clock as a Unix timestamp: only for times that came from outside."""
        ...


class SystemClock:
    """The machine's own clock."""

    monotonic = staticmethod(time.monotonic)
    time = staticmethod(time.time)
