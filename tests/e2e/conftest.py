"""The client against the emulator, both in this process, over real HTTP on loopback.

Bytes move in real time. Everything that expires, and every wait of the client, is measured by the
emulator's clock, which stands still until somebody moves it, and which the client shares: it
waits by moving the clock.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from pdsclient import AsyncPDSClient, RuntimeContext, TokenInfo
from pdsclient.emulator import Emulator

# At the root, unless a path says otherwise.
FILES: list[dict[str, Any]] = [
    {"name": "Report.ppt", "size": 2000, "created_at": "2019-01-14T03:00:00Z"},
    {"name": "report old.txt", "content": b"old words", "created_at": "2018-01-01T00:00:00Z"},
    {"name": "photo.JPG", "size": 500, "starred": True, "created_at": "2020-01-01T00:00:00Z"},
    {"name": 'a"b\\c.txt', "size": 0, "hidden": True, "created_at": "2021-01-01T00:00:00Z"},
    {"path": "Reports/2024/report 中.pdf", "size": 30, "created_at": "2024-01-01T00:00:00Z"},
    {"path": "Reports/notes.md", "content": b"# notes\n", "created_at": "2023-01-01T00:00:00Z"},
]


class StandingClock:
    """Time that does not pass by itself."""

    def __init__(self) -> None:
        self._wall, self._monotonic = time.time(), time.monotonic()

    def time(self) -> float:
        return self._wall

    def monotonic(self) -> float:
        return self._monotonic


class World:
    """An emulator, a client of it, and what happened to both.

    Attributes:
        client: has the default user's token, and exchanges it at the emulator.
        slept: the waits that clients have made, in seconds.
        ids: the id of each file by name.
    """

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.slept: list[float] = []
        self.ids: dict[str, str] = {}
        self.client = self.connect(token_info=emulator.token_info, refresh_token_fun=self.exchange)
        self._clients = [self.client]

    def connect(self, **fields: Any) -> AsyncPDSClient:
        """A client that waits by moving the clock."""
        context = RuntimeContext(clock=self.emulator.clock, sleep=self.sleep, random=self)
        fields.setdefault("api_endpoint", self.emulator.api_endpoint)
        return AsyncPDSClient(context=context, **fields)

    async def sleep(self, seconds: float) -> None:
        """A wait that takes no time."""
        self.slept.append(seconds)
        self.emulator.clock.advance(seconds)
        await asyncio.sleep(0)

    def random(self) -> float:
        """No jitter: waits are as long as they can be."""
        return 1.0

    async def exchange(self, token: TokenInfo) -> dict[str, Any]:
        """The next pair of tokens, through the client itself."""
        data = {
            "grant_type": "refresh_token",
            "refresh_token": token.refresh_token,
            "client_id": "APP",
        }
        return await self.client.post_auth_anonymous("/oauth/token", data)

    async def fill(self, files: Sequence[Mapping[str, Any]]) -> None:
        """Put files into the default drive, and let the search index see them."""
        names = [row.get("name") or row["path"].rpartition("/")[2] for row in files]
        self.ids = dict(zip(names, await self.emulator.add_files(files), strict=True))
        self.emulator.clock.advance(self.emulator.settings.index_delay_s)

    @property
    def drive(self) -> dict[str, str]:
        """The argument that names the default drive."""
        return {"drive_id": self.emulator.drive_id}

    def get(self, name: str) -> dict[str, str]:
        """The arguments that name a file."""
        return {**self.drive, "file_id": self.ids[name]}

    def tokens_of(self, operation: str) -> list[str | None]:
        """The access tokens that requests of an operation carried, in order."""
        return [record.access_token for record in self.emulator.requests.of(operation)]


Start = Callable[..., AbstractAsyncContextManager[World]]


@asynccontextmanager
async def _start(
    files: Sequence[Mapping[str, Any]] = FILES, **options: Any
) -> AsyncIterator[World]:
    before = asyncio.all_tasks()
    async with Emulator(clock=StandingClock(), **options) as emulator:
        world = World(emulator)
        await world.fill(files)
        async with world.client:
            yield world
    await asyncio.sleep(0)
    # A fixture is taken up and put down by tasks of its own.
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    assert not left, "a task is left"


@pytest.fixture(scope="session")
def start() -> Start:
    """Starts a world with options of the emulator; it checks that no task is left at its end."""
    return _start


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """A world in which nothing is out of the ordinary."""
    async with _start() as world:
        yield world


class OtherHost:
    """A host that must not be talked to."""

    def __init__(self) -> None:
        self.received: list[bytes] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.received.append(await reader.read(1))
        writer.close()


@pytest.fixture
async def other_host() -> AsyncIterator[OtherHost]:
    """A listener that notes who connects."""
    host = OtherHost()
    server = await asyncio.start_server(host.serve, "127.0.0.1", 0)
    host.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/stolen"
    async with server:
        yield host


@pytest.fixture(autouse=True)
def _no_blocking_calls(blocking_calls_fail: None) -> None:
    """Client and emulator share a loop here; neither may hold it up."""
