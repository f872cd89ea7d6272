"""The budgets of the project, measured: ``python benchmarks/run.py [--check] [--smoke]``."""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import sys
from collections.abc import Callable, Coroutine, Sequence

import aiohttp
import emulator_pages
import emulator_scale
import export_speed
import import_time
import msgspec
import overhead
import partitioned
import rapid
import rate
import slow_consumer
import small_call
import small_jobs
import transfer_latency
import transfers
import tree_speed
import typed_page
from harness import SMOKE, Effort, Result

BENCHMARKS: dict[str, Callable[[Effort], Coroutine[None, None, list[Result]]]] = {
    "small_call": small_call.run,
    "typed_page": typed_page.run,
    "overhead": overhead.run,
    "import_time": import_time.run,
    "emulator_pages": emulator_pages.run,
    "emulator_scale": emulator_scale.run,
    "partitioned": partitioned.run,
    "small_jobs": small_jobs.run,
    "slow_consumer": slow_consumer.run,
    "export_speed": export_speed.run,
    "rate": rate.run,
    "transfers": transfers.run,
    "transfer_latency": transfer_latency.run,
    "tree_speed": tree_speed.run,
    "rapid": rapid.run,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; the exit status is 1 if a budget is exceeded and ``--check`` was given."""
    options = _parser().parse_args(arguments)
    effort = SMOKE if options.smoke else Effort()
    if options.rounds:
        effort = effort._replace(rounds=options.rounds)
    print(_machine(), end="\n\n")
    print("| what | budget | measured | |\n|---|---|---|---|", flush=True)
    failed = False
    for name in options.only or BENCHMARKS:
        for result in asyncio.run(BENCHMARKS[name](effort)):
            print(_row(result, judged=not options.smoke), flush=True)
            failed |= result.passed is False
    return int(failed and options.check and not options.smoke)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit with 1 if a budget is exceeded")
    parser.add_argument(
        "--smoke", action="store_true", help="run everything briefly, without judging"
    )
    parser.add_argument(
        "--only", action="append", choices=BENCHMARKS, help="may be given several times"
    )
    parser.add_argument("--rounds", type=int, help="rounds of each comparison (100)")
    return parser


def _machine() -> str:
    return (
        f"Python {platform.python_version()}, aiohttp {aiohttp.__version__}, "
        f"msgspec {msgspec.__version__}, {os.cpu_count()} cores, {platform.system()}"
    )


def _row(result: Result, *, judged: bool) -> str:
    verdict = {True: "PASS", False: "FAIL", None: ""}[result.passed if judged else None]
    return f"| {result.what} | {result.budget} | {result.measured} | {verdict} |"


if __name__ == "__main__":
    sys.exit(main())
