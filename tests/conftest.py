"""What all tests may use: a world of one emulator and its clients, in which no time passes.

Bytes move in real time. Everything that expires, and every wait of a client, is measured by the
emulator's clock, which stands still until somebody moves it, and which the clients share: they
wait by moving the clock. Whatever blocks the event loop beneath our code fails a test that asks
for it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from blockbuster import blockbuster_ctx

from pdsclient import AsyncPDSClient, RuntimeContext, TokenInfo
from pdsclient.emulator import Emulator


@pytest.fixture
def blocking_calls_fail() -> Iterator[None]:
    """Blocking calls made by ``pdsclient``, or by what it calls, raise inside a running loop."""
    with blockbuster_ctx("pdsclient"):
        yield


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

    def connect(self, machinery: Mapping[str, Any] | None = None, **fields: Any) -> AsyncPDSClient:
        """A client that waits by moving the clock.

        Args:
            machinery: fields of its context in place of those of this world.
            fields: of its configuration.
        """
        own = {"clock": self.emulator.clock, "sleep": self.sleep, "random": self}
        context = RuntimeContext(**{**own, **(machinery or {})})
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
async def _start(files: Sequence[Mapping[str, Any]] = (), **options: Any) -> AsyncIterator[World]:
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
def start_world() -> Start:
    """Starts a world with files and options of the emulator; at its end no task may be left."""
    return _start
