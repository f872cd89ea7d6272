"""An emulator in a process of its own, for the benchmarks of searches and transfers.

Its arguments are how many made-up files it has, how many seconds each reply waits (0), and the
bytes per second of each connection (no limit). It prints its address and a token when it is ready.
A line on its input is a question: ``cpu`` (the seconds used so far), ``load`` (the seconds that
filling took), ``rss`` (the most memory it had, in MB) or ``put`` (the bytes that were put to signed
URLs since this was asked last). It ends when its input does.
"""

from __future__ import annotations

import asyncio
import resource
import sys
import time

from pdsclient.emulator import Emulator

_SEED = 1


def _peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak / 1e3


def _put_bytes(emulator: Emulator) -> int:
    sent = [one for one in emulator.requests.of("/data") if one.method == "PUT"]
    emulator.requests.clear()
    return sum(int(one.headers["content-length"]) for one in sent)


async def _serve(count: int, latency_s: float = 0.0, bandwidth_bps: float | None = None) -> None:
    loop = asyncio.get_running_loop()
    async with Emulator(latency_s=latency_s, bandwidth_bps=bandwidth_bps) as emulator:
        started = time.perf_counter()
        if count:
            await emulator.add_synthetic(count, seed=_SEED)
        load_s = time.perf_counter() - started
        answers = {
            "cpu": time.process_time,
            "load": lambda: load_s,
            "rss": _peak_mb,
            "put": lambda: _put_bytes(emulator),
        }
        print(emulator.api_endpoint, emulator.token_info.access_token, flush=True)
        while question := await loop.run_in_executor(None, sys.stdin.readline):
            print(answers[question.strip()](), flush=True)


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), *map(float, sys.argv[2:])))
