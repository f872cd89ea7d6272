"""The learned request rate, in real time, against an emulator with a limit that changes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

from harness import Effort, Result, Server, at_least, at_most, server

from pdsclient import AsyncPDSClient

SHARE_BUDGET = 90  # per cent
REFUSED_BUDGET = 2
FOLLOW_BUDGET_S = 10
LIMITS = 50, 20, 100
_WORKERS = 32
_SETTLED_S = 5
_LOOK_S = 0.1


class _Look(NamedTuple):
    """What the emulator had counted at a moment."""

    at: float
    taken: int
    refused: int


async def run(effort: Effort) -> list[Result]:
    """Three phases; the first is judged from its fifth second on, the others by their beginning."""
    async with server("limited.py") as limited:
        await limited.ask(str(LIMITS[0]))
        async with _load(limited.greeting):
            first, *others = [await _phase(limited, limit, effort.seconds) for limit in LIMITS]
    results = _steady(first, LIMITS[0])
    for before, limit, looks in zip(LIMITS, LIMITS[1:], others, strict=False):
        results.append(_followed(before, limit, looks))
    return results


@asynccontextmanager
async def _load(greeting: str) -> AsyncIterator[None]:
    """Workers that search as fast as the client lets them."""
    endpoint, token = greeting.split()

    async def work(client: AsyncPDSClient) -> None:
        while True:
            await client.file.search(drive_id="1", query="size > 0")

    token_info = {"access_token": token, "expires_in": 7200}
    async with AsyncPDSClient(api_endpoint=endpoint, token_info=token_info) as client:
        workers = [asyncio.create_task(work(client)) for _ in range(_WORKERS)]
        try:
            yield
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)


async def _phase(limited: Server, limit: float, seconds: float) -> list[_Look]:
    question = str(limit)
    looks = []
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        taken, refused = (await limited.ask(question)).split()
        looks.append(_Look(time.monotonic(), int(taken), int(refused)))
        question = ""
        await asyncio.sleep(_LOOK_S)
    return looks


def _steady(looks: Sequence[_Look], limit: float) -> list[Result]:
    settled_at = min(looks[0].at + _SETTLED_S, looks[len(looks) // 2].at)
    begin, end = next(look for look in looks if look.at >= settled_at), looks[-1]
    taken, refused = end.taken - begin.taken, end.refused - begin.refused
    used = 100 * taken / (end.at - begin.at) / limit
    what = f"limit of {limit} requests per second, {_WORKERS} workers, after {_SETTLED_S} s"
    return [
        at_least(f"{what}: use of the limit", SHARE_BUDGET, used, "%"),
        at_most(f"{what}: 429 replies", REFUSED_BUDGET, 100 * refused / (taken + refused), "%"),
    ]


def _followed(before: float, limit: float, looks: Sequence[_Look]) -> Result:
    """How long it took until a second passed in which the new limit was used and kept."""
    what = f"limit goes from {before} to {limit} requests per second: it is followed within"
    for number, begin in enumerate(looks):
        end = next((look for look in looks[number:] if look.at >= begin.at + 1), None)
        if end is not None and _fits(begin, end, limit):
            return at_most(what, FOLLOW_BUDGET_S, begin.at - looks[0].at, "s")
    return at_most(what, FOLLOW_BUDGET_S, float("inf"), "s")


def _fits(begin: _Look, end: _Look, limit: float) -> bool:
    taken, refused = end.taken - begin.taken, end.refused - begin.refused
    per_second = taken / (end.at - begin.at)
    return 0.9 <= per_second / limit <= 1.1 and refused <= 0.05 * taken
