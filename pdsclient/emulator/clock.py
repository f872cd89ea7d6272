"""The clock of an emulator: the machine's own, plus what a test has added to it."""

from __future__ import annotations

from pdsclient._clock import Clock, SystemClock
from pdsclient.errors import InvalidRequest

__all__ = ["MovableClock"]


class MovableClock:
    """A clock that runs as its base does and can be moved ahead.

    Everything that expires (tokens, markers, signed URLs, share links, index delay) is measured
    with it; latency, stalls and bandwidth pass in real time.
    """

    def __init__(self, base: Clock | None = None) -> None:
        self._base = base or SystemClock()
        self.ahead_s = 0.0
        """How far it was moved ahead."""

    def advance(self, seconds: float) -> None:
        """Move ahead by this many seconds; time never goes back."""
        if not 0 <= seconds < float("inf"):
            raise InvalidRequest("seconds must be zero or more; an emulator's time never goes back")
        self.ahead_s += seconds

    def time(self) -> float:
        """The wall clock as a Unix timestamp."""
        return self._base.time() + self.ahead_s

    def monotonic(self) -> float:
        """A reading that never goes back, in seconds."""
        return self._base.monotonic() + self.ahead_s
