"""The line between client and service: latency, and how many bytes go through in a second."""

from __future__ import annotations

import asyncio
import socket
from typing import Final

from attrs import define, field, validators

from pdsclient.emulator.settings import not_negative, positive

__all__ = ["Line", "Pace"]

# Bytes go in pieces of a hundredth of a second, so that they come evenly.
_PIECE_S: Final = 0.01
_LONGEST_PIECE: Final = 256 * 1024
# Who was held up by no more than this catches up; who comes later begins anew.
_CATCH_UP_S: Final = 0.05
# What the system keeps for a connection is beyond the line's control: it is kept small.
_BUFFERED_S: Final = 0.05
_LEAST_BUFFER: Final = 16 * 1024


@define(eq=False)
class Pace:
    """A queue in which bytes wait for their turn."""

    _free_at: float = 0.0

    def wait_s(self, size: int, rate: float | None, now: float) -> float:
        """How long so many bytes have to wait, behind those that came before them."""
        if rate is None:
            return 0.0
        begins = self._free_at if self._free_at > now - _CATCH_UP_S else now
        self._free_at = begins + size / rate
        return self._free_at - now


@define(kw_only=True)
class Line:
    """The line between client and service.

    Attributes:
        latency_s: every reply waits this long (real time).
        bandwidth_bps: bytes per second of each connection, in bodies of replies and of data that
            is put; None for no limit.
        line_bps: bytes per second of all connections together; None for no limit.
    """

    latency_s: float = field(default=0.0, validator=not_negative)
    bandwidth_bps: float | None = field(default=None, validator=validators.optional(positive))
    line_bps: float | None = field(default=None, validator=validators.optional(positive))
    _shared: Pace = field(factory=Pace, init=False)

    @property
    def rate(self) -> float | None:
        """The most bytes per second that one connection can have."""
        return min(filter(None, (self.bandwidth_bps, self.line_bps)), default=None)

    @property
    def piece(self) -> int:
        """The longest piece that goes at once."""
        rate = self.rate
        return _LONGEST_PIECE if rate is None else min(_LONGEST_PIECE, max(1, int(rate * _PIECE_S)))

    async def carry(self, size: int, pace: Pace) -> None:
        """Wait until so many bytes of a connection are through."""
        now = asyncio.get_running_loop().time()
        wait_s = max(
            pace.wait_s(size, self.bandwidth_bps, now),
            self._shared.wait_s(size, self.line_bps, now),
        )
        if wait_s > 0:
            await asyncio.sleep(wait_s)

    def narrow(self, transport: asyncio.BaseTransport | None) -> None:
        """Keep the system from taking in much more than the line lets through."""
        rate = self.rate
        raw = None if transport is None else transport.get_extra_info("socket")
        if rate is not None and raw is not None:
            size = max(_LEAST_BUFFER, int(rate * _BUFFERED_S))
            for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
                raw.setsockopt(socket.SOL_SOCKET, option, min(size, 2**30))
