"""How costs are compared, and how a result is told.

Two programs that are timed one after the other differ by tens of per cent on a shared machine
even if they are the same. So the variants take turns: small chunks in shuffled order, the ratio
of each round's chunks, the median of those ratios. One variant runs twice; how far its two
medians are apart is the noise.
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent


class Effort(NamedTuple):
    """How much is done: fewer rounds than 60 are too few to judge by."""

    rounds: int = 100
    pages: int = 2_000
    files: int = 100_000
    processes: int = 21
    seconds: float = 15
    hits: int = 1_000_000
    mebibytes: int = 1_024
    small_files: int = 10_000


SMOKE = Effort(
    rounds=2,
    pages=40,
    files=2_000,
    processes=1,
    seconds=1,
    hits=5_000,
    mebibytes=32,
    small_files=60,
)


class Result(NamedTuple):
    """One line of the table.

    Attributes:
        what: what was measured.
        budget: the bound as text; empty if there is none.
        measured: the figure as text.
        passed: None where there is nothing to judge.
    """

    what: str
    budget: str
    measured: str
    passed: bool | None


def at_most(what: str, bound: float, value: float, unit: str = "", *, note: str = "") -> Result:
    """The result of a measurement that must not exceed its budget."""
    return Result(what, _text("≤", bound, unit), _text("", value, unit) + note, value <= bound)


def at_least(what: str, bound: float, value: float, unit: str = "") -> Result:
    """The result of a measurement that must reach its budget."""
    return Result(what, _text("≥", bound, unit), _text("", value, unit), value >= bound)


def told(what: str, measured: str) -> Result:
    """A figure that has no budget, or the reason why there is none."""
    return Result(what, "", measured, None)


def _text(sign: str, value: float, unit: str) -> str:
    digits = f"{value:,.0f}" if value >= 20 or isinstance(value, int) else f"{value:.2f}"
    return " ".join(filter(None, (sign, digits, unit)))


# ---------------------------------------------------------------------------- processes


def pin(core: int, pid: int = 0) -> None:
    """Keep a process on one core, where the system can do that and has more than one."""
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(pid, {core})


@asynccontextmanager
async def server(program: str, *arguments: str) -> AsyncIterator[Server]:
    """A program of this directory as a server on the second core; the client gets the first."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(HERE / program),
        *arguments,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    pin(1, process.pid)
    pin(0)
    try:
        yield Server(process, await _line(process))
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


class Server:
    """A server that runs in a process of its own.

    Attributes:
        greeting: the line that it printed when it was ready.
    """

    def __init__(self, process: asyncio.subprocess.Process, greeting: str) -> None:
        self._process = process
        self.greeting = greeting

    async def ask(self, question: str) -> str:
        """Its answer to a line on its input."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{question}\n".encode())
        return await _line(self._process)


async def _line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    line = await process.stdout.readline()
    if not line:
        raise RuntimeError(f"a server ended with exit status {await process.wait()}")
    return line.decode().strip()


# ---------------------------------------------------------------------------- costs

Operation = Callable[[], Awaitable[object]]


class Variant(NamedTuple):
    """One way of doing the same thing.

    Attributes:
        call: does it once.
        times: calls in a chunk.
    """

    call: Operation
    times: int


async def costs(
    variants: Mapping[str, Variant], *, rounds: int, in_flight: int
) -> dict[str, list[float]]:
    """CPU seconds of this process per call, for each round."""
    names = list(variants)
    measured: dict[str, list[float]] = {name: [] for name in names}
    for variant in variants.values():
        await _chunk(variant, in_flight)
    for _ in range(rounds):
        random.shuffle(names)
        for name in names:
            measured[name].append(await _chunk(variants[name], in_flight))
    return measured


async def _chunk(variant: Variant, in_flight: int) -> float:
    workers = min(in_flight, variant.times)

    async def work() -> None:
        for _ in range(variant.times // workers):
            await variant.call()

    started = time.process_time()
    await asyncio.gather(*(work() for _ in range(workers)))
    return (time.process_time() - started) / variant.times


def ratio(over: Sequence[float], under: Sequence[float]) -> float:
    """The median of the rounds' ratios."""
    return statistics.median(a / b for a, b in zip(over, under, strict=True))


def microseconds(measured: Sequence[float]) -> str:
    """The median of costs, to be read."""
    return f"{statistics.median(measured) * 1e6:,.0f} µs"
