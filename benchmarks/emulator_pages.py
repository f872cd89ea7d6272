"""How many pages the emulator serves, and how long one takes."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, NamedTuple

from harness import Effort, Result, Server, at_least, at_most, server
from rawclient import RawClient

PAGES_BUDGET = 400
PAGE_BUDGET_MS = 5
_IN_FLIGHT = 4
# How many pages lie before the one that is called deep, if there are as many.
_DEEP = 200
_LIMIT = 100

# The first six are the examples of the vendor's page, the others what users ask as well.
QUERIES = {
    "exact name": 'name = "Report.ppt"',
    "before a day": 'created_at < "2019-01-14T00:00:00"',
    "name matches a word": 'name match "Report"',
    "one day": 'created_at > "2019-01-14T00:00:00" and created_at < "2019-01-15T00:00:00"',
    "size, not hidden, not mp4": "size > 1024 and hidden = false and not file_extension = 'mp4'",
    "extensions": 'file_extension in ["jpg", "png", "gif"]',
    "folder listing": 'parent_file_id = "{folder}"',
    "CJK name": 'name match "季度报告"',
    "one character": 'name match "7"',
    "no hit": 'name match "zebra crossing"',
}


class Emulated(NamedTuple):
    """An emulator under load, and the connections to it."""

    server: Server
    clients: list[RawClient]

    async def search(self, query: str, *, client: int = 0, **more: Any) -> bytes:
        """The reply to a search as it came."""
        data = {"drive_id": "1", "query": query, "order_by": "created_at DESC,name ASC"}
        return await self.clients[client].post("/v2/file/search", data | {"limit": _LIMIT} | more)

    async def figure(self, name: str) -> float:
        """What the server says about itself."""
        return float(await self.server.ask(name))

    async def queries(self) -> dict[str, str]:
        """The named queries; the folder is the one with most files."""
        found = json.loads(await self.search('type = "folder" and name = "Photos"'))["items"]
        folder = min(found, key=lambda one: one["created_at"])["file_id"]
        return {name: query.replace("{folder}", folder) for name, query in QUERIES.items()}


@asynccontextmanager
async def emulated(files: int) -> AsyncIterator[Emulated]:
    """An emulator with that many files."""
    async with server("emulated.py", str(files)) as emulator, AsyncExitStack() as stack:
        endpoint, token = emulator.greeting.split()
        clients = [
            await stack.enter_async_context(RawClient(endpoint, token)) for _ in range(_IN_FLIGHT)
        ]
        yield Emulated(emulator, clients)


async def run(effort: Effort) -> list[Result]:
    """Throughput with a few requests in flight, then latencies with one."""
    async with emulated(effort.files) as emulator:
        return [
            await _throughput(emulator, effort.pages),
            *await latencies(emulator, effort.files, effort.rounds),
        ]


async def _throughput(emulator: Emulated, pages: int) -> Result:
    query = QUERIES["size, not hidden, not mp4"]

    async def load(client: int, count: int) -> None:
        for _ in range(count):
            await emulator.search(query, client=client)

    async def load_all(count: int) -> None:
        await asyncio.gather(*(load(one, count // _IN_FLIGHT) for one in range(_IN_FLIGHT)))

    found = json.loads(await emulator.search(query))["items"]
    assert len(found) == _LIMIT, "the throughput query must fill its page"
    await load_all(pages // 10)
    before = await emulator.figure("cpu")
    await load_all(pages)
    rate = pages / (await emulator.figure("cpu") - before)
    return at_least("emulator, pages of 100 found files per second and core", PAGES_BUDGET, rate)


async def latencies(emulator: Emulated, files: int, rounds: int) -> list[Result]:
    """The median time of a first and of a deep page of each named query."""
    return [
        await _latency(emulator, f"emulator, page p50 of {files:,} files: {name}", query, rounds)
        for name, query in (await emulator.queries()).items()
    ]


async def _latency(emulator: Emulated, what: str, query: str, rounds: int) -> Result:
    marker = await _deep_marker(emulator, query)
    first = await median_ms(emulator, query, rounds)
    deep = await median_ms(emulator, query, rounds, marker=marker) if marker else 0.0
    note = f" (first {first:.2f}, deep {deep:.2f})" if marker else " (one page)"
    return at_most(what, PAGE_BUDGET_MS, max(first, deep), "ms", note=note)


async def _deep_marker(emulator: Emulated, query: str) -> str | None:
    """Where the page begins that has many before it, or the last one."""
    marker = None
    for _ in range(_DEEP):
        reply = json.loads(await emulator.search(query, marker=marker or ""))
        if not reply["next_marker"]:
            break
        marker = reply["next_marker"]
    return marker


async def median_ms(emulator: Emulated, query: str, count: int, **more: Any) -> float:
    """How long a search takes with one request in flight."""

    async def once() -> float:
        started = time.perf_counter()
        await emulator.search(query, **more)
        return time.perf_counter() - started

    return statistics.median([await once() for _ in range(count)]) * 1000
