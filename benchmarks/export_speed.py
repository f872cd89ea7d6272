"""What it costs to write a million hits into a file, and where the CPU time goes."""

from __future__ import annotations

import tempfile
import time
from collections.abc import AsyncIterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from harness import Effort, Result, server, told
from peers import ours
from sample import FILES, PAGE

from pdsclient import AsyncPDSClient
from pdsclient._codec import decode
from pdsclient.export import sink_for
from pdsclient.models import FilePage

_CONCURRENCY = 16


class _Cost(NamedTuple):
    """Seconds.

    Attributes:
        wall: from begin to end.
        loop: CPU of the event loop's thread: sockets, decoding, dividing the search.
        threads: CPU of all others: encoding, compressing, writing.
    """

    wall: float
    loop: float
    threads: float


async def run(effort: Effort) -> list[Result]:
    """No budget: the figures are told."""
    async with (
        server("paged.py", str(effort.hits)) as paged,
        ours(f"http://127.0.0.1:{paged.greeting}") as client,
    ):
        return [result async for result in _results(client, effort.hits)]


async def _results(client: AsyncPDSClient, hits: int) -> AsyncIterator[Result]:
    decoding = _decode_seconds() * hits / FILES
    for name in ("hits.jsonl", "hits.parquet"):
        what = f"export of {hits:,} hits to {name}"
        if name.endswith("parquet") and not find_spec("pyarrow"):
            yield told(what, "skipped: pyarrow is not installed (pip install 'pdsclient[arrow]')")
            continue
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, name)
            cost = await _export(client, path)
            megabytes = _size(path) / 1e6
        yield told(
            what,
            f"{hits / cost.wall:,.0f} hits/s, {megabytes:,.0f} MB; CPU {cost.loop:.1f} s read "
            f"(of which decode {decoding:.1f} s) + {cost.threads:.1f} s write",
        )


async def _export(client: AsyncPDSClient, path: Path) -> _Cost:
    started, cpu, own = time.perf_counter(), time.process_time(), time.thread_time()
    search = client.bulk_search(
        "size >= 0", drive_id="1050", partition="created_at", concurrency=_CONCURRENCY
    )
    async with search as results:
        await results.write_to(sink_for(path))
    loop = time.thread_time() - own
    return _Cost(time.perf_counter() - started, loop, time.process_time() - cpu - loop)


def _size(path: Path) -> int:
    return path.stat().st_size


def _decode_seconds() -> float:
    """The CPU time of decoding a page."""
    pages = 200
    started = time.process_time()
    for _ in range(pages):
        decode(PAGE, FilePage)
    return (time.process_time() - started) / pages
