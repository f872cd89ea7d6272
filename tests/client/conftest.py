"""A raw HTTP server of a hundred lines: what it sends is up to the test, to the byte."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from pdsclient import AsyncPDSClient, RuntimeContext

TOKEN = {"access_token": "token-1", "refresh_token": "refresh-1"}


@dataclass
class Seen:
    """One request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def token(self) -> str | None:
        return self.headers.get("authorization", "").removeprefix("Bearer ") or None


Answer = bytes | tuple[int, Any] | tuple[int, Any, dict[str, str]]
Handler = Callable[[Seen], Answer | Awaitable[Answer]]


@dataclass
class RawServer:
    """Answers with what ``handler`` returns: raw bytes, or status, body, headers.

    A handler that raises ConnectionResetError closes the connection without a byte.
    """

    handler: Handler = field(default=lambda seen: (200, {}))
    seen: list[Seen] = field(default_factory=list)
    port: int = 0
    connections: int = 0
    open: int = 0
    most_in_flight: int = 0
    _in_flight: int = 0
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def script(self, *answers: Answer) -> None:
        """Answer with these in turn, and with the last one for ever."""
        left = list(answers)
        self.handler = lambda seen: left.pop(0) if len(left) > 1 else left[0]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        self._writers.add(writer)
        try:
            while True:
                await self._exchange(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open -= 1
            self._writers.discard(writer)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ", 2)
        pairs = (line.split(":", 1) for line in head[1:] if line)
        headers = {name.lower(): value.strip() for name, value in pairs}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        seen = Seen(method, target, headers, body)
        self.seen.append(seen)
        self._in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self._in_flight)
        try:
            answer = self.handler(seen)
            if isinstance(answer, Awaitable):
                answer = await answer
        finally:
            self._in_flight -= 1
        writer.write(answer if isinstance(answer, bytes) else render(*answer))
        await writer.drain()

    def hang_up(self) -> None:
        for writer in list(self._writers):
            writer.close()


def render(status: int, body: Any = b"", headers: dict[str, str] | None = None) -> bytes:
    """An HTTP reply; anything but bytes is sent as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {
        "Content-Type": "application/json; charset=utf-8",
        "Content-Length": str(len(content)),
        "x-ca-request-id": "REQ-1",
        **(headers or {}),
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode() + content


@pytest.fixture
async def server() -> AsyncIterator[RawServer]:
    """A raw server on a free port."""
    raw = RawServer()
    listener = await asyncio.start_server(raw.serve, "127.0.0.1", 0)
    raw.port = listener.sockets[0].getsockname()[1]
    yield raw
    listener.close()
    raw.hang_up()
    await asyncio.sleep(0)


class FakeTime:
    """A clock that moves only when somebody sleeps, and a sleep that never waits."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.wall = 1_700_000_000.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.wall

    def advance(self, seconds: float) -> None:
        self.now += seconds
        self.wall += seconds

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)
        await asyncio.sleep(0)

    def random(self) -> float:
        return 1.0


@pytest.fixture
def fake_time() -> FakeTime:
    """Time under the test's control."""
    return FakeTime()


@pytest.fixture
async def make_client(
    server: RawServer, fake_time: FakeTime
) -> AsyncIterator[Callable[..., AsyncPDSClient]]:
    """Makes clients of the raw server that never wait; closes them at the end."""
    made: list[AsyncPDSClient] = []

    def make(**fields: Any) -> AsyncPDSClient:
        fields.setdefault("api_endpoint", server.endpoint)
        if not fields.keys() & {"token_provider", "token_store"}:
            fields.setdefault("token_info", TOKEN)
        context = RuntimeContext(clock=fake_time, sleep=fake_time.sleep, random=fake_time)
        made.append(AsyncPDSClient(context=context, **fields))
        return made[-1]

    yield make
    for client in made:
        await client.aclose()


@pytest.fixture(autouse=True)
def _no_blocking_calls(blocking_calls_fail: None) -> None:
    """A client shares its loop with everything else in its process."""
