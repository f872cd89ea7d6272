"""What only a break of the code showed to be untested: forced refreshes that are cancelled."""

from __future__ import annotations

import asyncio


async def test_a_cancelled_forced_refresh_harms_no_other_caller(world):
    """Who cancels its own ``refresh`` cancels neither the exchange nor those who wait for it."""
    world.issuer.gate = asyncio.Event()
    source = world.source(world.issuer.login(), world.issuer.exchange)
    forced = [asyncio.create_task(source.refresh()) for _ in range(3)]
    calling = asyncio.create_task(world.call(source))
    await world.settle()
    forced[0].cancel()
    await world.settle()
    world.issuer.gate.set()
    cancelled, *others = await asyncio.gather(*forced, return_exceptions=True)
    assert isinstance(cancelled, asyncio.CancelledError)
    assert [info.access_token for info in others] == ["access-2"] * 2
    assert (await calling).header == "Bearer access-2"
    assert len(world.issuer.asked_at) == 1
