"""A gibibyte up and down on loopback, against bare loops of aiohttp that move the same bytes.

Run as a program with the greeting of ``emulated.py``, ``up`` or ``down``, a path and the id of a
file it does one transfer and prints how its resident memory grew, so that nothing that was moved
before is in the figure.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from harness import Effort, Result, at_least, at_most, ratio, server, told
from moving import DRIVE, MIB, Bare, client_of, fill, size_of

from pdsclient import AsyncPDSClient
from pdsclient._crc64 import crc64

SPEED_BUDGET = 0.8
MEMORY_BUDGET_MB = 64
_PART = 8 * MIB
_AT_ONCE = 4
_RUNS = 3
_LOOK_S = 0.01
_STATM = Path("/proc/self/statm")

Move = Callable[[], Awaitable[object]]


async def run(effort: Effort) -> list[Result]:
    """Ours and the bare loop take turns; the emulator has the other core."""
    with tempfile.TemporaryDirectory(dir=_in_memory(4 * effort.mebibytes * MIB)) as folder:
        source = Path(folder, "source.bin")
        fill(source, effort.mebibytes * MIB)
        async with server("emulated.py", "0") as emulated:
            greeting = emulated.greeting
            async with client_of(greeting) as client, Bare(greeting) as bare:
                results = await _speeds(client, bare, source)
                file_id = await bare.upload(source, _PART)
            results += _hashing(source)
            results += [await _memory(greeting, how, source, file_id) for how in ("up", "down")]
    return results


def _in_memory(size: int) -> str | None:
    """A folder in memory with so much room, if there is one.

    On a disk the system writes out what earlier runs have left while the next one is timed: there
    the same pair of loops differed by 0.6 to 1.1.
    """
    folder = "/dev/shm"
    roomy = os.path.isdir(folder) and shutil.disk_usage(folder).free > size
    return folder if roomy else None


async def _speeds(client: AsyncPDSClient, bare: Bare, source: Path) -> list[Result]:
    target = source.with_name("target.bin")
    file_id = await bare.upload(source, _PART)

    async def download() -> None:
        await bare.download(file_id, target, _PART, _AT_ONCE)

    size = size_of(source)

    def gone() -> None:
        target.unlink(missing_ok=True)

    ways: list[tuple[str, Move, Move]] = [
        ("up", lambda: upload(client, source), lambda: bare.upload(source, _PART)),
        ("down", lambda: fetch(client, file_id, target), download),
    ]
    return [one for way in ways for one in await _compared(way[0], size, *way[1:], gone)]


async def upload(client: AsyncPDSClient, source: Path) -> None:
    """One part after the other, whatever the service knows already."""
    await client.upload(
        source,
        drive_id=DRIVE,
        check_name_mode="ignore",
        rapid_upload=False,
        parallel=False,
        part_size=_PART,
    )


async def fetch(client: AsyncPDSClient, file_id: str, target: Path) -> None:
    """All of it, over what is there."""
    await client.download(
        file_id,
        target,
        drive_id=DRIVE,
        check_name_mode="overwrite",
        resume=False,
        part_size=_PART,
        concurrency=_AT_ONCE,
    )


async def _compared(
    way: str, size: int, ours: Move, bare: Move, gone: Callable[[], object]
) -> list[Result]:
    spent: dict[str, list[float]] = {"ours": [], "bare": []}
    for _ in range(_RUNS):
        for name, move in (("bare", bare), ("ours", ours)):
            gone()
            spent[name].append(await _seconds(move))
    rates = {name: size / statistics.median(times) / 1e6 for name, times in spent.items()}
    what = f"{size // MIB:,} MiB {way}, parts of {_PART // MIB} MiB"
    return [
        told(f"{what}: MB/s", f"{rates['ours']:,.0f}, bare aiohttp {rates['bare']:,.0f}"),
        at_least(f"{what}: speed / bare", SPEED_BUDGET, ratio(spent["bare"], spent["ours"])),
    ]


async def _seconds(move: Move) -> float:
    started = time.perf_counter()
    await move()
    return time.perf_counter() - started


def _hashing(source: Path) -> list[Result]:
    """What the checks cost by themselves: seconds of one core."""
    sha1 = hashlib.sha1()
    spent = {"CRC-64": 0.0, "SHA-1": 0.0}
    checksum = 0
    with source.open("rb") as file:
        while data := file.read(MIB):
            for name in spent:
                started = time.perf_counter()
                if name == "SHA-1":
                    sha1.update(data)
                else:
                    checksum = crc64(data, checksum)
                spent[name] += time.perf_counter() - started
    shown = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in spent.items())
    return [told(f"hashing {size_of(source) // MIB:,} MiB, one core", shown)]


# ---------------------------------------------------------------------------- memory


async def _memory(greeting: str, way: str, source: Path, file_id: str) -> Result:
    what = f"RSS growth, {size_of(source) // MIB:,} MiB {way}"
    if sys.platform != "linux":
        return told(what, "skipped: this system does not tell it")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        __file__,
        greeting,
        way,
        str(source),
        file_id,
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, "the transfer failed"
    before, most = map(float, output.split())
    return at_most(what, MEMORY_BUDGET_MB, most - before, "MB", note=f" (from {before:.0f} MB)")


async def _measure(greeting: str, way: str, source: Path, file_id: str) -> None:
    async with client_of(greeting) as client:
        small = source.with_name("small.bin")
        fill(small, 5)
        await _warm_up(client, small)
        before = _resident_mb()
        target = source.with_name("target.bin")
        move = upload(client, source) if way == "up" else fetch(client, file_id, target)
        most = await _most_mb_during(asyncio.ensure_future(move))
    print(before, most)


async def _warm_up(client: AsyncPDSClient, small: Path) -> None:
    """All modules are loaded, and the client has connections, as if it had been in use."""
    await upload(client, small)
    page = await client.file.list(drive_id=DRIVE, parent_file_id="root", limit=100)
    file = next(one for one in page.items if one.name == small.name)
    assert file.file_id is not None
    await fetch(client, file.file_id, small)


async def _most_mb_during(moving: asyncio.Future[None]) -> float:
    most = 0.0
    while not moving.done():
        most = max(most, _resident_mb())
        await asyncio.wait([moving], timeout=_LOOK_S)
    await moving
    return most


def _resident_mb() -> float:
    pages = int(_STATM.read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    asyncio.run(_measure(sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[4]))
