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

QUERIES = {
    "file by name and size": 'name match "report" and size > 1024',
    "extensions of a time": (
        'file_extension in ["pdf", "docx"] and created_at >= "2021-01-01T00:00:00" '
        'and created_at < "2023-01-01T00:00:00"'
    ),
    "visible, not temporary": 'hidden = false and not file_extension = "tmp" and size > 1024',
    "category or starred": 'category = "image" or starred = true',
    "folder listing": 'parent_file_id = "000000000000000000000000000000000000002a"',
    "CJK name": 'name match "季度报告"',
    "one character": 'name match "7"',
    "no hit": 'name match "zebra crossing"',
}


class Emulated(NamedTuple):
    """An emulator under load, and the connections to it."""

    server: Server
    clients: list[RawClient]

    async def search(self, client: RawClient, query: str, marker: str | None = None) -> bytes:
        """The reply to a search as it came."""
        data: dict[str, Any] = {
            "drive_id": "1",
            "query": query,
            "order_by": "created_at DESC,name ASC",
            "limit": _LIMIT,
        }
        if marker:
            data["marker"] = marker
        return await client.post("/v2/file/search", data)

    async def cpu_seconds(self) -> float:
        """What the server has used so far."""
        return float(await self.server.ask("cpu"))


@asynccontextmanager
async def _emulator(files: int) -> AsyncIterator[Emulated]:
    async with server("emulated.py", str(files)) as emulator, AsyncExitStack() as stack:
        endpoint, token = emulator.greeting.split()
        clients = [
            await stack.enter_async_context(RawClient(endpoint, token)) for _ in range(_IN_FLIGHT)
        ]
        yield Emulated(emulator, clients)


async def run(effort: Effort) -> list[Result]:
    """Throughput with a few requests in flight, then latencies with one."""
    async with _emulator(effort.files) as emulated:
        results = [await _throughput(emulated, effort.pages)]
        for name, query in QUERIES.items():
            results.append(await _latency(emulated, name, query, effort))
    return results


async def _throughput(emulated: Emulated, pages: int) -> Result:
    query = QUERIES["visible, not temporary"]

    async def load(client: RawClient, count: int) -> None:
        for _ in range(count):
            await emulated.search(client, query)

    async def load_all(count: int) -> None:
        await asyncio.gather(*(load(one, count // _IN_FLIGHT) for one in emulated.clients))

    found = json.loads(await emulated.search(emulated.clients[0], query))["items"]
    assert len(found) == _LIMIT, "the throughput query must fill its page"
    await load_all(pages // 10)
    before = await emulated.cpu_seconds()
    await load_all(pages)
    rate = pages / (await emulated.cpu_seconds() - before)
    return at_least("emulator, pages of 100 found files per second and core", PAGES_BUDGET, rate)


async def _latency(emulated: Emulated, name: str, query: str, effort: Effort) -> Result:
    marker = await _deep_marker(emulated, query)
    first = await _median_ms(emulated, query, None, effort.rounds)
    deep = await _median_ms(emulated, query, marker, effort.rounds) if marker else 0.0
    what = f"emulator, page p50 of {effort.files:,} files: {name}"
    note = f" (first {first:.2f}, deep {deep:.2f})" if marker else " (one page)"
    return at_most(what, PAGE_BUDGET_MS, max(first, deep), "ms", note=note)


async def _deep_marker(emulated: Emulated, query: str) -> str | None:
    """Where the page begins that has many before it, or the last one."""
    marker = None
    for _ in range(_DEEP):
        reply = json.loads(await emulated.search(emulated.clients[0], query, marker))
        if not reply["next_marker"]:
            break
        marker = reply["next_marker"]
    return marker


async def _median_ms(emulated: Emulated, query: str, marker: str | None, count: int) -> float:
    client = emulated.clients[0]

    async def once() -> float:
        started = time.perf_counter()
        await emulated.search(client, query, marker)
        return time.perf_counter() - started

    return statistics.median([await once() for _ in range(count)]) * 1000
