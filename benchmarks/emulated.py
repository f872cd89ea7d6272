"""An emulator in a process of its own, filled with files, for the benchmarks of the emulator.

It prints its address and a token when it is ready; to each line on its input it answers with the
CPU seconds that it has used so far. It ends when its input does.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from pdsclient.emulator import Emulator

_START = datetime(2020, 1, 1, tzinfo=UTC)
_WORDS = ("report", "invoice", "photo", "contract", "notes", "budget", "季度报告", "会议纪要")
_EXTENSIONS = ("pdf", "docx", "jpg", "mp4", "txt", "tmp", "xlsx", "zip")
_FOLDERS = 500


def rows(count: int) -> Iterator[dict[str, Any]]:
    """Files of five years in a few hundred folders, the same ones each time."""
    random = Random(20)
    for number in range(_FOLDERS):
        yield {"name": f"folder {number}", "type": "folder", "file_id": _folder(number)}
    step = timedelta(days=5 * 365) / count
    for number in range(count - _FOLDERS):
        moment = _START + step * number
        yield {
            "name": f"{random.choice(_WORDS)} {number:06}.{random.choice(_EXTENSIONS)}",
            "parent_file_id": _folder(random.randrange(_FOLDERS)),
            "size": int(random.lognormvariate(13, 3)),
            "created_at": moment,
            "updated_at": moment + timedelta(hours=random.randrange(1000)),
            "starred": random.random() < 0.02,
            "hidden": random.random() < 0.05,
            "labels": ["kept"],
        }


def _folder(number: int) -> str:
    return f"{number:040x}"


async def _serve(count: int) -> None:
    loop = asyncio.get_running_loop()
    async with Emulator() as emulator:
        await emulator.add_files(rows(count))
        print(emulator.api_endpoint, emulator.token_info.access_token, flush=True)
        while await loop.run_in_executor(None, sys.stdin.readline):
            print(time.process_time(), flush=True)


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
