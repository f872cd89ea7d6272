"""A big search in parts, stopped half-way and gone on with, then many small ones.

Run it as it is: it starts an emulator with 10,000 files that takes 60 requests a second, and
writes to a temporary folder. The searches know nothing about the limit: pacing, waiting and
repeating are the client's.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from pdsclient import AsyncPDSClient, F
from pdsclient.bulk import Progress, SearchJob
from pdsclient.emulator import Emulator, RateLimit
from pdsclient.export import JsonlSink

FILES = 10_000
KINDS = ("jpg", "png", "heic", "mp4", "mov", "pdf", "docx", "xlsx", "md", "txt", "zip", "csv")


def show(progress: Progress) -> None:
    """One line for each look at the search."""
    reason = f", waiting: {progress.waiting_for}" if progress.waiting else ""
    print(
        f"  {progress.hits:6,} of {progress.expected_hits or 0:6,} hits, "
        f"{progress.rate:5,.0f} a second, parts open: {progress.windows_open}{reason}"
    )


async def export(client: AsyncPDSClient, drive_id: str, folder: Path) -> None:
    """Every file of the drive, as JSON lines; begun again, it goes on where it ended."""
    async with client.bulk_search(
        F.type == "file",
        drive_id=drive_id,
        partition="created_at",
        checkpoint=folder / "export.ckpt",
        progress=show,
    ) as results:
        await results.write_to(JsonlSink(folder / "files.jsonl"))


def look(folder: Path) -> None:
    """What is in the folder, and in the file when it is whole."""
    print("  there are:", ", ".join(sorted(path.name for path in folder.iterdir())))
    whole = folder / "files.jsonl"
    if whole.exists():
        lines = whole.read_text(encoding="utf-8").splitlines()
        ids = [json.loads(line)["file_id"] for line in lines]
        print(f"  {len(ids):,} lines, {len(set(ids)):,} different files")


async def one_big_search(client: AsyncPDSClient, drive_id: str, folder: Path) -> None:
    """An export that is stopped, and the same one once more."""
    print("All files, read in parts, stopped after 1.2 seconds:")
    try:
        async with asyncio.timeout(1.2):
            await export(client, drive_id, folder)
    except TimeoutError:
        look(folder)
    print("The same again, from the last page that was written for certain:")
    await export(client, drive_id, folder)
    look(folder)


def jobs() -> Iterator[SearchJob]:
    """A search for each kind of file, and one on a drive that there is not."""
    for kind in KINDS:
        yield SearchJob((F.file_extension == kind) & (F.size > 1_000_000), key=kind)
    yield SearchJob(F.size > 1_000_000, key="elsewhere", drive_id="404")


async def many_searches(client: AsyncPDSClient, drive_id: str) -> None:
    """The bytes in large files of each kind."""
    print(f"{len(KINDS) + 1} searches at once:")
    sizes = Counter[str]()
    async with client.bulk_search(jobs(), drive_id=drive_id, concurrency=8) as results:
        async for hit in results:
            sizes[hit.job.key or ""] += hit.file.size or 0
    for kind, size in sizes.most_common(3):
        print(f"  {kind:5} {size:16,} bytes")
    for failure in results.failures:
        print(f"  {failure.job.key}: {type(failure.error).__name__}, {failure.error.message}")
    print(f"  {results.stats.requests} requests, {results.stats.retries} of them repeated")


@asynccontextmanager
async def domain() -> AsyncIterator[Emulator]:
    """A domain with files enough, and a service that takes little."""
    limit = RateLimit(per_second=60, burst=20)
    async with Emulator(latency_s=0.005, rate_limit=limit) as emulator:
        await emulator.add_synthetic(FILES, seed=1)
        yield emulator


async def main() -> None:
    """Both, one after the other."""
    with TemporaryDirectory() as folder:
        async with (
            domain() as emulator,
            AsyncPDSClient(
                api_endpoint=emulator.api_endpoint, token_info=emulator.token_info
            ) as client,
        ):
            await one_big_search(client, emulator.drive_id, Path(folder))
            await many_searches(client, emulator.drive_id)


if __name__ == "__main__":
    asyncio.run(main())
