"""The emulator with ten times as many files as elsewhere: a million, in a full run."""

from __future__ import annotations

import json
import time
from typing import NamedTuple

from emulator_pages import Emulated, emulated, latencies
from harness import Effort, Result, at_most, told

LOAD_BUDGET_S = 60
INDEXED_BUDGET_MS = 50
OTHER_BUDGET_MS = 200


class Counted(NamedTuple):
    """A total that is asked for.

    Attributes:
        query: of what; the braces take a number, so that no count is remembered from before.
        budget_ms: what it may take.
    """

    query: str
    budget_ms: int


COUNTS = {
    "one year": Counted(
        'created_at >= "2024-01-01T00:00:{0:02}" and created_at < "2025-01-01T00:00:00"',
        INDEXED_BUDGET_MS,
    ),
    "five years": Counted(
        'created_at >= "2016-01-01T00:00:{0:02}" and created_at < "2021-01-01T00:00:00"',
        INDEXED_BUDGET_MS,
    ),
    "extensions": Counted(
        'file_extension in ["jpg", "png", "gif", "x{0}"]',
        INDEXED_BUDGET_MS,
    ),
    "a year and a size": Counted(
        'created_at >= "2024-01-01T00:00:{0:02}" and created_at < "2025-01-01T00:00:00" '
        "and size > 1000000",
        OTHER_BUDGET_MS,
    ),
    "a year and a name": Counted(
        'created_at >= "2024-01-01T00:00:{0:02}" and created_at < "2025-01-01T00:00:00" '
        'and name match "report"',
        OTHER_BUDGET_MS,
    ),
    "size, not hidden, not mp4": Counted(
        "size > {0} and hidden = false and not file_extension = 'mp4'", OTHER_BUDGET_MS
    ),
    "one character": Counted('name match "7" and size > {0}', OTHER_BUDGET_MS),
    "media type, without an index": Counted(
        'mime_type = "application/pdf" and size > {0}', OTHER_BUDGET_MS
    ),
}


async def run(effort: Effort) -> list[Result]:
    """How long loading takes, pages, totals; and how much memory it has all taken."""
    files = 10 * effort.files
    async with emulated(files) as emulator:
        load_s = await emulator.figure("load")
        results = [at_most(f"emulator, loading {files:,} files", LOAD_BUDGET_S, load_s, "s")]
        results += await latencies(emulator, files, effort.rounds)
        for name, counted in COUNTS.items():
            results.append(await _total(emulator, f"{files:,} files: {name}", counted, effort))
        peak = await emulator.figure("rss")
        return [*results, told(f"emulator with {files:,} files, RSS", f"{peak:,.0f} MB")]


async def _total(emulator: Emulated, what: str, counted: Counted, effort: Effort) -> Result:
    """The median of a few, each another count; a reply with a total has a page as well."""
    times = []
    total = 0
    for number in range(min(effort.rounds, 15)):
        started = time.perf_counter()
        reply = await emulator.search(
            counted.query.format(number), limit=1, return_total_count=True
        )
        times.append((time.perf_counter() - started) * 1000)
        total = json.loads(reply)["total_count"]
    median = sorted(times)[len(times) // 2]
    note = f" ({total:,} hits)"
    return at_most(f"emulator, total of {what}", counted.budget_ms, median, "ms", note=note)
