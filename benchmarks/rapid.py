"""The upload of a gibibyte that the domain knows already: as long as hashing it, and no longer."""

from __future__ import annotations

import hashlib
import statistics
import tempfile
import time
from pathlib import Path

from harness import Effort, Result, at_most, ratio, server, told
from moving import DRIVE, MIB, Bare, client_of, fill

TIME_BUDGET = 1.5
_PART = 8 * MIB
_RUNS = 5


async def run(effort: Effort) -> list[Result]:
    """Uploads and bare hashing take turns."""
    hashing, uploading = [], []
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "known.bin")
        fill(source, effort.mebibytes * MIB)
        async with server("emulated.py", "0") as emulated:
            async with Bare(emulated.greeting) as bare, client_of(emulated.greeting) as client:
                await bare.upload(source, _PART)
                await emulated.ask("put")
                for number in range(_RUNS):
                    hashing.append(_hash_seconds(source))
                    started = time.perf_counter()
                    await client.upload(source, drive_id=DRIVE, name=f"again {number}")
                    uploading.append(time.perf_counter() - started)
            sent = int(await emulated.ask("put"))
    what = f"rapid upload of {effort.mebibytes:,} MiB"
    spent = statistics.median(uploading), statistics.median(hashing)
    return [
        told(f"{what}: seconds", f"{spent[0]:.2f}, SHA-1 alone {spent[1]:.2f}"),
        at_most(f"{what}: time / SHA-1 alone", TIME_BUDGET, ratio(uploading, hashing)),
        at_most(f"{what}: bytes of contents sent", 0, sent),
    ]


def _hash_seconds(source: Path) -> float:
    started = time.perf_counter()
    digest = hashlib.sha1()
    with source.open("rb") as file:
        while data := file.read(MIB):
            digest.update(data)
    return time.perf_counter() - started
