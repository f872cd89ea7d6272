"""How much memory a partitioned search of a million hits takes when its hits are taken slowly.

Run as a program with the port of ``paged.py`` and a number of hits it does the search and prints
how its resident memory grew, so that nothing that was measured before is in the figure.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from harness import Effort, Result, at_most, server, told
from peers import ours

BUDGET_MB = 30
_CONCURRENCY = 16
# Longer than it takes to read a page, so that the workers always wait for the consumer.
_PAUSE_S = 0.002
_STATM = Path("/proc/self/statm")


async def run(effort: Effort) -> list[Result]:
    """The most that was seen while the search ran, beyond what a client in use takes."""
    what = f"RSS growth, {effort.hits:,} hits through a slow consumer, {_CONCURRENCY} workers"
    if sys.platform != "linux":
        return [told(what, "skipped: this system does not tell it")]
    async with server("paged.py", str(effort.hits)) as paged:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            __file__,
            paged.greeting,
            str(effort.hits),
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate()
    assert process.returncode == 0, "the search failed"
    before, most = map(float, output.split())
    return [at_most(what, BUDGET_MB, most - before, "MB", note=f" (from {before:.0f} MB)")]


async def _measure(port: str, hits: int) -> None:
    async with ours(f"http://127.0.0.1:{port}") as client:
        for _ in range(_CONCURRENCY):
            await client.file.search(drive_id="1050", query="size >= 0", limit=100)
        before = most = _resident_mb()
        taken = 0
        search = client.bulk_search(
            "size >= 0", drive_id="1050", partition="created_at", concurrency=_CONCURRENCY
        )
        async with search as results:
            async for batch in results.batches():
                taken += len(batch.files)
                await asyncio.sleep(_PAUSE_S)
                most = max(most, _resident_mb())
        assert taken == hits, f"{taken:,} of {hits:,} hits came"
    print(before, most)


def _resident_mb() -> float:
    pages = int(_STATM.read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    asyncio.run(_measure(sys.argv[1], int(sys.argv[2])))
