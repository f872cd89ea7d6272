"""Two hundred searches by twenty workers, while the service throttles and fails now and then.

Run it as it is: it starts an emulator with 2,000 files that takes 150 requests a second. The
workers know nothing about that: retries, waiting and pacing are the client's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from time import perf_counter

from pdsclient import AsyncPDSClient, F, PDSError, Query, RequestOptions
from pdsclient.emulator import Emulator, Fault, RateLimit

EXTENSIONS = ("pdf", "jpg", "mp4", "docx")
WORKERS = 20


def queries() -> Iterator[Query]:
    """Two hundred small searches."""
    for extension in EXTENSIONS:
        for number in range(50):
            yield (F.file_extension == extension) & F.name.match(f"-{number:02}.")


async def work(client: AsyncPDSClient, drive_id: str, jobs: Iterator[Query]) -> tuple[int, int]:
    """Take jobs until none is left; gives how many there were, and the bytes that were found."""
    done = size = 0
    for query in jobs:
        async for file in client.file.search(drive_id=drive_id, query=query):
            size += file.size or 0
        done += 1
    return done, size


@asynccontextmanager
async def domain() -> AsyncIterator[Emulator]:
    """A domain with 2,000 files and an unsteady service."""
    limit = RateLimit(per_second=150, burst=30)
    async with Emulator(latency_s=0.002, rate_limit=limit) as emulator:
        names = [f"file-{number % 50:02}.{EXTENSIONS[number % 4]}" for number in range(2_000)]
        await emulator.add_files({"name": name, "size": 1000} for name in names)
        emulator.faults.add("/file/search", Fault.reset(), times=3, after=20)
        yield emulator


async def main() -> None:
    """Search, and tell what it took."""
    retries = 0

    def count(error: PDSError, req_opt: RequestOptions, delay_s: float) -> None:
        nonlocal retries
        retries += 1

    async with (
        domain() as emulator,
        AsyncPDSClient(
            api_endpoint=emulator.api_endpoint,
            token_info=emulator.token_info,
            max_connections=WORKERS,
        ) as client,
    ):
        client.on("retry", count)
        started, jobs = perf_counter(), queries()
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(work(client, emulator.drive_id, jobs)) for _ in range(WORKERS)
            ]
        done, size = map(sum, zip(*[task.result() for task in tasks], strict=True))
        print(f"{done} searches found {size:,} bytes in {perf_counter() - started:.1f} s")
        print(f"{len(emulator.requests)} requests, {retries} of them repeated")


if __name__ == "__main__":
    asyncio.run(main())
