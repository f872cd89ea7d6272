"""A server that answers with bytes made beforehand, so that the client is what is measured.

Run as a program it listens on a free port of the loopback, prints the port and serves until its
input ends. It is no HTTP server: it finds the end of each request and looks at nothing but the
path.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from functools import partial

from sample import PAGE, SMALL

Respond = Callable[[bytes, bytes], bytes]


def answer(body: bytes) -> bytes:
    """A reply with status 200, whole."""
    head = (
        "HTTP/1.1 200 OK\r\n"
        "Content-Type: application/json; charset=utf-8\r\n"
        "x-ca-request-id: 772328B1-0000-0000-0000-000000000000\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


_SMALL, _PAGE = answer(SMALL), answer(PAGE)


class _Connection(asyncio.Protocol):
    transport: asyncio.Transport

    def __init__(self, respond: Respond) -> None:
        self._respond = respond
        self._pending = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._pending += data
        while (found := _first_request(self._pending)) is not None:
            path, body, end = found
            self._pending = self._pending[end:]
            self.transport.write(self._respond(path, body))


def _first_request(data: bytes) -> tuple[bytes, bytes, int] | None:
    """Its first line, its body, and where it ends; None while it is incomplete."""
    head, blank, rest = data.partition(b"\r\n\r\n")
    if not blank:
        return None
    length = int(head.lower().partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0] or 0)
    if len(rest) < length:
        return None
    return head.partition(b"\r\n")[0], rest[:length], len(head) + len(blank) + length


async def serve(respond: Respond) -> None:
    """Answer requests with what the function makes of their first line and body."""
    loop = asyncio.get_running_loop()
    connection = partial(_Connection, respond)
    server = await loop.create_server(connection, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


def _page_or_small(path: bytes, _: bytes) -> bytes:
    return _PAGE if b"/file/search" in path else _SMALL


if __name__ == "__main__":
    asyncio.run(serve(_page_or_small))
