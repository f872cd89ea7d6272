"""Transfers over a far line that gives each connection little: side by side, against one by one."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import TypeVar

from harness import Effort, Result, at_least, server, told
from moving import DRIVE, MIB, client_of, fill, size_of

from pdsclient import AsyncPDSClient

T = TypeVar("T")

SPEED_BUDGET = 5
_LATENCY_S = 0.04
_BANDWIDTH = 4_000_000
_PART = MIB
_AT_ONCE = 16
_MOST_MIB = 96
# One by one takes long: it moves a quarter, and rates are compared.
_SHARE = 4


async def run(effort: Effort) -> list[Result]:
    """The emulator waits and counts bytes on the other core."""
    mebibytes = min(effort.mebibytes, _MOST_MIB)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whole, quarter = folder / "whole.bin", folder / "quarter.bin"
        fill(whole, mebibytes * MIB)
        fill(quarter, mebibytes * MIB // _SHARE, seed=1)
        async with (
            server("emulated.py", "0", str(_LATENCY_S), str(_BANDWIDTH)) as emulated,
            client_of(emulated.greeting) as client,
        ):
            one, one_up = await _timed(_up(client, quarter, 1), quarter)
            many, many_up = await _timed(_up(client, whole, _AT_ONCE), whole)
            _, one_down = await _timed(_down(client, one, folder, 1), quarter)
            _, many_down = await _timed(_down(client, many, folder, _AT_ONCE), whole)
    where = f"{_LATENCY_S * 1000:.0f} ms, {_BANDWIDTH / 1e6:.0f} MB/s per connection"
    return [
        told(f"{where}: MB/s up", f"{many_up:.1f}, one by one {one_up:.1f}"),
        at_least(f"{where}: up, parallel / one by one", SPEED_BUDGET, many_up / one_up),
        told(f"{where}: MB/s down", f"{many_down:.1f}, one by one {one_down:.1f}"),
        at_least(f"{where}: down, parallel / one by one", SPEED_BUDGET, many_down / one_down),
    ]


async def _up(client: AsyncPDSClient, source: Path, at_once: int) -> str:
    file = await client.upload(
        source,
        drive_id=DRIVE,
        check_name_mode="ignore",
        rapid_upload=False,
        parallel=at_once > 1,
        part_size=_PART,
        concurrency=at_once,
    )
    return str(file.file_id)


async def _down(client: AsyncPDSClient, file_id: str, folder: Path, at_once: int) -> None:
    await client.download(
        file_id,
        folder / "target.bin",
        drive_id=DRIVE,
        check_name_mode="overwrite",
        resume=False,
        part_size=_PART,
        concurrency=at_once,
    )


async def _timed(moving: Awaitable[T], source: Path) -> tuple[T, float]:
    """What came of it, and the MB per second."""
    started = time.perf_counter()
    result = await moving
    return result, size_of(source) / (time.perf_counter() - started) / 1e6
