"""The least that is needed to ask a server again and again over one connection."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit


class RawClient:
    """One connection, one request at a time.

    Args:
        endpoint: base URL.
        token: sent as bearer token.
    """

    def __init__(self, endpoint: str, token: str) -> None:
        address = urlsplit(endpoint)
        self._address = address.hostname, address.port
        self._head = (
            f"Host: {address.netloc}\r\n"
            f"Authorization: Bearer {token}\r\n"
            "Content-Type: application/json\r\n"
        )

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(*self._address, limit=1 << 20)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.close()
        await self._writer.wait_closed()

    async def post(self, path: str, data: Mapping[str, Any]) -> bytes:
        """The body of the reply."""
        body = json.dumps(data).encode()
        head = f"POST {path} HTTP/1.1\r\n{self._head}Content-Length: {len(body)}\r\n\r\n"
        self._writer.write(head.encode() + body)
        answer = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = int(answer.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0])
        reply = await self._reader.readexactly(length)
        if not answer.startswith(b"http/1.1 200"):
            raise RuntimeError(f"{path} was refused: {reply.decode()}")
        return reply
