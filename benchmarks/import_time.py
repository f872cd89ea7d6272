"""What ``import pdsclient`` costs a program that has imported aiohttp."""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
from collections.abc import Mapping
from tempfile import TemporaryDirectory

from harness import Effort, Result, at_most, pin

BUDGET_MS = 60

# Inside one process: the start-up times of two processes differ by more than what is measured.
# CPU time: on an idle machine it is the time that passes, on a busy one it is still the import's.
_PROGRAM = """
import aiohttp, time
started = time.process_time()
import pdsclient
print((time.process_time() - started) * 1000)
"""


async def run(effort: Effort) -> list[Result]:
    """The median of several processes, byte code being there already."""
    pin(0)
    with TemporaryDirectory() as cache:
        # An installed package has its byte code; a checkout may be told not to write any.
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": cache}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        await _milliseconds(environment)
        measured = [await _milliseconds(environment) for _ in range(effort.processes)]
    value = statistics.median(measured)
    note = f" ({min(measured):.0f} to {max(measured):.0f} in {len(measured)} processes)"
    return [at_most("import pdsclient after aiohttp, CPU", BUDGET_MS, value, "ms", note=note)]


async def _milliseconds(environment: Mapping[str, str]) -> float:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _PROGRAM, stdout=asyncio.subprocess.PIPE, env=environment
    )
    output, _ = await process.communicate()
    return float(output)
