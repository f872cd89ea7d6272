"""CPU of many small jobs in a bulk search, against a bare pool of workers that make the calls."""

from __future__ import annotations

import asyncio
from functools import partial

from harness import Effort, Result, Variant, at_most, costs, microseconds, ratio, server
from peers import ours

from pdsclient import AsyncPDSClient, F
from pdsclient.models import FilePage

BUDGET = 1.15
_WORKERS = 64
_CHUNK = 1_000
_QUERIES = [F.name == f"file {number}" for number in range(_CHUNK)]
_SEARCH = {"drive_id": "1050", "order_by": "created_at DESC,name ASC", "limit": 100}


async def run(effort: Effort) -> list[Result]:
    """Each job finds one file. The chunks take turns; the ratio is the median of the rounds'."""
    async with (
        server("paged.py", str(_CHUNK)) as paged,
        ours(f"http://127.0.0.1:{paged.greeting}") as client,
    ):
        variants = {
            "bulk": Variant(partial(_bulk_search, client), 1),
            "pool": Variant(partial(_bare_pool, client), 1),
            "again": Variant(partial(_bare_pool, client), 1),
        }
        cost = await costs(variants, rounds=max(1, effort.rounds // 4), in_flight=1)
    bulk, pool = ([chunk / _CHUNK for chunk in cost[name]] for name in ("bulk", "pool"))
    noise = ratio(cost["again"], cost["pool"]) - 1
    note = f" ({microseconds(bulk)} / {microseconds(pool)} a job, noise {noise:+.1%})"
    what = f"bulk search of small jobs / bare worker pool over post_api, {_WORKERS} in flight"
    return [at_most(what, BUDGET, ratio(bulk, pool), note=note)]


async def _bulk_search(client: AsyncPDSClient) -> None:
    search = client.bulk_search(_QUERIES, concurrency=_WORKERS, drive_id="1050")
    found = 0
    async with search as results:
        async for _ in results:
            found += 1
    assert found == _CHUNK


async def _bare_pool(client: AsyncPDSClient) -> None:
    jobs = iter(_QUERIES)
    found = 0

    async def work() -> None:
        nonlocal found
        for query in jobs:
            data = {**_SEARCH, "query": query}
            page = await client.post_api("/file/search", data, reply_type=FilePage)
            found += len(page.items)

    await asyncio.gather(*(work() for _ in range(_WORKERS)))
    assert found == _CHUNK
