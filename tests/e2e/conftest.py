"""The client against the emulator, both in this process, over real HTTP on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

# At the root, unless a path says otherwise.
FILES: list[dict[str, Any]] = [
    {"name": "Report.ppt", "size": 2000, "created_at": "2019-01-14T03:00:00Z"},
    {"name": "report old.txt", "content": b"old words", "created_at": "2018-01-01T00:00:00Z"},
    {"name": "photo.JPG", "size": 500, "starred": True, "created_at": "2020-01-01T00:00:00Z"},
    {"name": 'a"b\\c.txt', "size": 0, "hidden": True, "created_at": "2021-01-01T00:00:00Z"},
    {"path": "Reports/2024/report 中.pdf", "size": 30, "created_at": "2024-01-01T00:00:00Z"},
    {"path": "Reports/notes.md", "content": b"# notes\n", "created_at": "2023-01-01T00:00:00Z"},
]


Start = Callable[..., AbstractAsyncContextManager[Any]]


@pytest.fixture(scope="session")
def start(start_world: Start) -> Start:
    """Starts a world with a few files and options of the emulator."""

    def start(
        files: Sequence[Mapping[str, Any]] = FILES, **options: Any
    ) -> AbstractAsyncContextManager[Any]:
        return start_world(files, **options)

    return start


@pytest.fixture
async def world(start: Start) -> AsyncIterator[Any]:
    """A world in which nothing is out of the ordinary."""
    async with start() as world:
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
