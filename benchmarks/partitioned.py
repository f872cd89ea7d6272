"""A big search in parallel windows, against the same client that reads it page after page."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from datetime import datetime
from typing import NamedTuple

from harness import Effort, Result, at_least, at_most, server, told

from pdsclient import AsyncPDSClient
from pdsclient.bulk import BulkSearch

SPEED_BUDGET = 12
REQUESTS_BUDGET = 1.10
_LATENCY_S = 0.04
_WORKERS = 16
_RUNS = 3
_DRIVE = "1"
_QUERY = "size >= 0"


class _Reading(NamedTuple):
    """How a search was read."""

    seconds: float
    requests: int
    found: set[str | None]


async def run(effort: Effort) -> list[Result]:
    """The emulator runs on the other core; a first partitioned search warms both sides up."""
    async with server("emulated.py", str(effort.files), str(_LATENCY_S)) as emulated:
        endpoint, token = emulated.greeting.split()
        token_info = {"access_token": token, "expires_in": 7200}
        async with AsyncPDSClient(api_endpoint=endpoint, token_info=token_info) as client:
            crowd = await _most_in_a_second(client)
            sequential = await _sequential(client)
            partitioned = [await _partitioned(client) for _ in range(_RUNS)]
    for reading in partitioned:
        assert reading.found == sequential.found, "the partitioned search found other files"
    what = f"partitioned search, {_WORKERS} workers, {_LATENCY_S * 1000:.0f} ms latency"
    speed = sequential.seconds / statistics.median(one.seconds for one in partitioned)
    requests = max(one.requests for one in partitioned) / sequential.requests
    return [
        told(f"{what}: hits", f"{len(sequential.found):,}, of one second up to {crowd:,}"),
        at_least(f"{what}: speed / sequential", SPEED_BUDGET, speed),
        at_most(f"{what}: requests / pages of the sequential one", REQUESTS_BUDGET, requests),
    ]


async def _sequential(client: AsyncPDSClient) -> _Reading:
    started = time.perf_counter()
    pages, found = 0, set()
    async for page in client.file.search(drive_id=_DRIVE, query=_QUERY, limit=100).pages():
        pages += 1
        found.update([file.file_id for file in page.items])
    return _Reading(time.perf_counter() - started, pages, found)


async def _partitioned(client: AsyncPDSClient) -> _Reading:
    started = time.perf_counter()
    found = set()
    async with _search(client) as results:
        async for batch in results.batches():
            found.update([file.file_id for file in batch.files])
    return _Reading(time.perf_counter() - started, results.stats.requests, found)


async def _most_in_a_second(client: AsyncPDSClient) -> int:
    """Hits of the second with the most of them: what makes a search by time hard to divide."""
    seconds: Counter[datetime] = Counter()
    async with _search(client) as results:
        async for hit in results:
            assert hit.file.created_at is not None, "every file of the emulator has a time"
            seconds[hit.file.created_at.replace(microsecond=0)] += 1
    return max(seconds.values())


def _search(client: AsyncPDSClient) -> BulkSearch:
    return client.bulk_search(_QUERY, drive_id=_DRIVE, partition="created_at", concurrency=_WORKERS)
