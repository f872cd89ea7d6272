"""CPU of a search for a page of 100 typed files, against plain aiohttp and the vendor's SDK."""

from __future__ import annotations

import time

import msgspec
from harness import Effort, Result, Variant, at_most, costs, microseconds, ratio, server, told
from peers import QUERY, SEARCH_DATA, naive, official, ours
from sample import ALPHABETICAL_PAGE, FILES, PAGE

from pdsclient._codec import decode
from pdsclient.models import File, FilePage

NAIVE_BUDGET = 0.60
OFFICIAL_BUDGET = 0.33
_CHUNK = 16
_IN_FLIGHT = 16

_TYPED = f"typed page of {FILES} files"


async def run(effort: Effort) -> list[Result]:
    """Both ratios, and what the order of a reply's keys means for decoding."""
    async with server("canned.py") as canned:
        endpoint = f"http://127.0.0.1:{canned.greeting}"
        vendor = official(endpoint)
        async with ours(endpoint) as client, naive(endpoint) as post:
            variants = {
                "ours": Variant(lambda: client.file.search(drive_id="1050", query=QUERY), _CHUNK),
                "naive": Variant(lambda: post("/file/search", SEARCH_DATA), _CHUNK),
                "again": Variant(lambda: post("/file/search", SEARCH_DATA), _CHUNK),
            }
            if vendor is not None:
                variants["official"] = Variant(vendor, _CHUNK)
            cost = await costs(variants, rounds=effort.rounds, in_flight=_IN_FLIGHT)
    return [_against_naive(cost), _against_official(cost), _of_keys(effort)]


def _against_naive(cost: dict[str, list[float]]) -> Result:
    noise = ratio(cost["again"], cost["naive"]) - 1
    note = f" ({microseconds(cost['ours'])} / {microseconds(cost['naive'])}, noise {noise:+.1%})"
    value = ratio(cost["ours"], cost["naive"])
    return at_most(f"{_TYPED} / naive aiohttp to dicts", NAIVE_BUDGET, value, note=note)


def _against_official(cost: dict[str, list[float]]) -> Result:
    what = f"{_TYPED} / alibabacloud_pds20220301 async"
    if "official" not in cost:
        return told(what, "skipped: it is not installed (pip install 'pdsclient[bench]')")
    note = f" ({microseconds(cost['ours'])} / {microseconds(cost['official'])})"
    return at_most(what, OFFICIAL_BUDGET, ratio(cost["ours"], cost["official"]), note=note)


def _of_keys(effort: Effort) -> Result:
    """Decoding alone: the order of keys seen at the service, and the alphabetical one."""
    seen, sorted_ = _seconds(PAGE, effort.rounds), _seconds(ALPHABETICAL_PAGE, effort.rounds)
    declared = len(msgspec.structs.fields(File))
    return told(
        f"decoding that page, {len(PAGE) // 1000} kB, File of {declared} fields",
        f"{seen * 1e6:,.0f} µs; with alphabetical keys {sorted_ * 1e6:,.0f} µs",
    )


def _seconds(body: bytes, rounds: int) -> float:
    def once() -> float:
        started = time.perf_counter()
        decode(body, FilePage)
        return time.perf_counter() - started

    return min(once() for _ in range(10 * rounds))
