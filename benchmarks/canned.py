"""A server that answers with bytes made beforehand, so that the client is what is measured.

Run as a program it listens on a free port of the loopback, prints the port and serves until its
input ends. It is no HTTP server: it finds the end of each request and looks at nothing but the
path.
"""

from __future__ import annotations

import asyncio
import sys

from sample import PAGE, SMALL


def _answer(body: bytes) -> bytes:
    head = (
        "HTTP/1.1 200 OK\r\n"
        "Content-Type: application/json; charset=utf-8\r\n"
        "x-ca-request-id: 772328B1-0000-0000-0000-000000000000\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


_SMALL, _PAGE = _answer(SMALL), _answer(PAGE)


class _Canned(asyncio.Protocol):
    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.pending = b""

    def data_received(self, data: bytes) -> None:
        self.pending += data
        while (end := _request_end(self.pending)) is not None:
            path = self.pending[: self.pending.index(b"\r\n")]
            self.pending = self.pending[end:]
            self.transport.write(_PAGE if b"/file/search" in path else _SMALL)


def _request_end(data: bytes) -> int | None:
    """Where the first request ends; None while it is incomplete."""
    head, blank, body = data.partition(b"\r\n\r\n")
    if not blank:
        return None
    length = int(head.lower().partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0] or 0)
    return len(head) + len(blank) + length if len(body) >= length else None


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Canned, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve())
