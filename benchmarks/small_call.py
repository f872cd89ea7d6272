"""CPU of a call with a small reply, against the same call in plain aiohttp."""

from __future__ import annotations

from collections.abc import Iterator

from harness import Effort, Result, Variant, at_most, costs, microseconds, ratio, server, told
from peers import SMALL_DATA, naive, ours

BUDGET = 0.95
_CHUNK = 64
_JUDGED = 16


async def run(effort: Effort) -> list[Result]:
    """The ratio with 16 calls in flight is judged, those with 1 and 64 are told."""
    async with server("canned.py") as canned:
        endpoint = f"http://127.0.0.1:{canned.greeting}"
        async with ours(endpoint) as client, naive(endpoint) as post:
            variants = {
                "ours": Variant(lambda: client.post_api("/drive/get", SMALL_DATA), _CHUNK),
                "naive": Variant(lambda: post("/drive/get", SMALL_DATA), _CHUNK),
                "again": Variant(lambda: post("/drive/get", SMALL_DATA), _CHUNK),
            }
            measured = {
                in_flight: await costs(variants, rounds=effort.rounds, in_flight=in_flight)
                for in_flight in (_JUDGED, 1, 64)
            }
    return [line for in_flight, cost in measured.items() for line in _results(in_flight, cost)]


def _results(in_flight: int, cost: dict[str, list[float]]) -> Iterator[Result]:
    value = ratio(cost["ours"], cost["naive"])
    noise = ratio(cost["again"], cost["naive"]) - 1
    note = f" ({microseconds(cost['ours'])} / {microseconds(cost['naive'])}, noise {noise:+.1%})"
    what = f"small call / naive aiohttp, {in_flight} in flight"
    if in_flight == _JUDGED:
        yield at_most(what, BUDGET, value, note=note)
    else:
        yield told(what, f"{value:.2f}{note}")
