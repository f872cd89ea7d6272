"""The learned rate over real sockets: client and emulator on one loop, in virtual time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from pdsclient import AsyncPDSClient, RuntimeContext
from pdsclient.emulator import Emulator, RequestRecord, Settings

WORKERS = 16


async def _requests(
    clock: Any, limits: Mapping[int, float], seconds: int, throttled: str
) -> Sequence[RequestRecord]:
    """What a pool of workers sends while the limit changes at the given seconds."""
    emulator = Emulator(clock=clock, latency_s=0.03, settings=Settings(throttled=throttled))
    context = RuntimeContext(clock=clock, random=random.Random(1))
    async with (
        emulator,
        AsyncPDSClient(
            context=context, api_endpoint=emulator.api_endpoint, token_info=emulator.token_info
        ) as client,
    ):

        async def work() -> None:
            while True:
                await client.file.search(drive_id=emulator.drive_id, query="size > 0")

        workers = [asyncio.create_task(work()) for _ in range(WORKERS)]
        for at, per_second in limits.items():
            await asyncio.sleep(at - clock.time())
            emulator.rate_limit = per_second
        await asyncio.sleep(seconds - clock.time())
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        assert not [worker for worker in workers if not worker.cancelled()]
    return list(emulator.requests)


def _accepted_per_second(requests: Sequence[RequestRecord], since: float, until: float) -> float:
    return sum(r.status == 200 for r in requests if since <= r.time < until) / (until - since)


def _refused_share(requests: Sequence[RequestRecord], since: float) -> float:
    replies = [r.status for r in requests if r.time >= since]
    return replies.count(429) / len(replies)


@pytest.mark.parametrize("throttled", ["empty", "retry-after", "x-retry-after"])
def test_searches_use_the_limit_of_an_emulator_and_keep_it(
    virtual: Callable[..., Any], throttled: str
) -> None:
    """Of 50 a second at least 90 % are used, with under 2 % refusals after five seconds."""
    requests = virtual(lambda clock: _requests(clock, {0: 50}, 15, throttled))
    assert _accepted_per_second(requests, 5, 15) >= 0.9 * 50
    assert _refused_share(requests, 5) < 0.02


def test_searches_follow_the_limit_of_an_emulator(virtual: Callable[..., Any]) -> None:
    """From 50 to 20 to 100 requests a second, within ten seconds each."""
    limits = {0: 50, 4: 20, 15: 100}
    requests = virtual(lambda clock: _requests(clock, limits, 28, "empty"))
    assert _accepted_per_second(requests, 10, 15) >= 0.9 * 20
    assert _accepted_per_second(requests, 25, 28) >= 0.9 * 100


def test_a_bulk_search_goes_through_the_same_limiter(virtual: Callable[..., Any]) -> None:
    """500 small jobs at 50 a second take hardly more than ten seconds, and none fails."""

    async def main(clock: Any) -> tuple[Any, Sequence[RequestRecord]]:
        emulator = Emulator(clock=clock, latency_s=0.03, rate_limit=50)
        context = RuntimeContext(clock=clock, random=random.Random(1))
        async with (
            emulator,
            AsyncPDSClient(
                context=context, api_endpoint=emulator.api_endpoint, token_info=emulator.token_info
            ) as client,
            client.bulk_search(
                (f"size > {number}" for number in range(500)), drive_id=emulator.drive_id
            ) as results,
        ):
            assert [hit async for hit in results] == []
            assert not results.failures
            return results.stats, list(emulator.requests)

    stats, requests = virtual(main)
    assert stats.jobs_done == 500
    assert stats.elapsed_s < 11
    assert stats.retries == _refused_share(requests, 0) * len(requests) < 0.1 * 500
    assert _refused_share(requests, 5) < 0.02
