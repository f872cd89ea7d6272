"""Everything at once: dead tokens, faults, throttling, cancellations and few connections."""

from __future__ import annotations

import asyncio
import random

import pytest

from pdsclient import PDSError
from pdsclient.emulator import Fault, RateLimit

CONNECTIONS = 5
FAULTS = (
    Fault.status(503),
    Fault.status(429),
    Fault.gateway(),
    Fault.reset(),
    Fault.reset(processed=True),
    Fault.truncate(),
    Fault.drop_keepalive(),
    Fault.close_after(),
    Fault.html(200),
    Fault.delay(0.005),
)


async def one_call(client, world, dice):
    """A call, a listing or a forced refresh."""
    kind = dice.random()
    if kind < 0.6:
        name = dice.choice(sorted(world.ids))
        file = await client.file.get(**world.get(name))
        assert file.name in (name, None)
    elif kind < 0.9:
        pager = client.file.search(**world.drive, query="size >= 0", limit=4)
        assert len(await pager.collect()) in (0, 6)
    else:
        await client.refresh_token()


async def disturb(client, world, dice):
    """Something that happens to a client from outside."""
    kind = dice.random()
    token = client.token_info.access_token
    if kind < 0.4:
        path = dice.choice(("/file/get", "/file/search", "/file/search", "/oauth/token"))
        world.emulator.faults.add(path, dice.choice(FAULTS))
    elif kind < 0.6:
        world.emulator.revoke(token)
    elif kind < 0.7:
        world.emulator.clock.advance(dice.choice((1, 7000)))
    elif kind < 0.8:
        client.set_token(world.emulator.issue_token())
    await asyncio.sleep(dice.choice((0, 0.001)))


@pytest.mark.parametrize("seed", range(2))
async def test_calls_end_as_documented_and_give_back_what_they_used(world, seed):
    """Each call ends with its result, an error of ours or its own cancellation. Afterwards all
    connections can be used at the same time, and calls succeed."""
    dice = random.Random(seed)
    world.emulator.rate_limit = RateLimit(per_second=500, burst=20)
    async with world.connect(
        token_info=world.emulator.issue_token(),
        refresh_token_fun=world.exchange,
        max_connections=CONNECTIONS,
    ) as client:
        calls = []
        for _ in range(150):
            calls.append(asyncio.ensure_future(one_call(client, world, dice)))
            await disturb(client, world, dice)
            if dice.random() < 0.2:
                dice.choice(calls).cancel()
        results = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 30)
        odd = [
            one
            for one in results
            if one is not None and not isinstance(one, (PDSError, asyncio.CancelledError))
        ]
        assert odd == []
        assert results.count(None) > 5
        world.emulator.reset()
        client.set_token(world.emulator.issue_token())
        await use_all_connections(client, world)


async def use_all_connections(client, world):
    """As many requests as there are connections arrive before any of them is answered."""
    world.emulator.rate_limit = None
    world.emulator.faults.add("/file/get", Fault.delay(0.05), times=CONNECTIONS)
    arguments = world.get("photo.JPG")
    calls = [asyncio.ensure_future(client.file.get(**arguments)) for _ in range(CONNECTIONS)]
    while len(world.emulator.requests) < CONNECTIONS:
        assert not any(call.done() for call in calls), "a connection is not given back"
        await asyncio.sleep(0.001)
    assert {file.name for file in await asyncio.gather(*calls)} == {"photo.JPG"}
