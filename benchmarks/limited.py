"""An emulator in a process of its own that takes so many requests per second.

It prints its address and a token when it is ready. A number on its input becomes the limit; to
each line, also an empty one, it answers with how many requests it has taken and refused so far.
It ends when its input does.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter

from pdsclient.emulator import Emulator

_LATENCY_S = 0.03


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    statuses: Counter[int] = Counter()
    async with Emulator(latency_s=_LATENCY_S) as emulator:
        print(emulator.api_endpoint, emulator.token_info.access_token, flush=True)
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            if line.strip():
                emulator.rate_limit = float(line)
            statuses.update(record.status or 0 for record in emulator.requests)
            emulator.requests.clear()
            print(statuses[200], statuses[429], flush=True)


if __name__ == "__main__":
    asyncio.run(_serve())
