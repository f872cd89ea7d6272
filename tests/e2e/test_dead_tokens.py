"""A token dies under 500 callers: what the server sees of it."""

from __future__ import annotations

import asyncio
import gc
from itertools import pairwise

import pytest

from pdsclient import RefreshFailed
from pdsclient.emulator import Fault, Settings

CALLERS = 500


async def all_at_once(world, count=CALLERS, client=None):
    """Calls of the default client, or of another one, and what became of each."""
    post = (client or world.client).post_api
    arguments = world.get("Report.ppt")
    return await asyncio.gather(
        *(post("/file/get", arguments) for _ in range(count)), return_exceptions=True
    )


def failures(results):
    return [one for one in results if isinstance(one, BaseException)]


async def exchange_begins(world):
    while not world.emulator.requests.of("/oauth/token"):
        await asyncio.sleep(0.001)


async def test_a_token_that_has_expired_on_both_clocks_is_never_sent(world):
    """One exchange, first of all; every call carries what it gave."""
    old = world.client.token_info.access_token
    world.emulator.clock.advance(7200)
    assert not failures(await all_at_once(world))
    assert len(world.emulator.requests.of("/oauth/token")) == 1
    assert set(world.tokens_of("/file/get")) == {world.client.token_info.access_token}
    assert not world.emulator.requests.with_token(old)


@pytest.mark.parametrize("connections", [1, 20, 100])
async def test_a_token_that_only_the_server_knows_is_dead(world, connections):
    """One exchange through the same client. Only what was on its way at the first refusal carries
    the dead token: calls that were still waiting for a connection do not send it any more."""
    old = world.emulator.issue_token()
    async with world.connect(
        token_info=old, refresh_token_fun=world.exchange, max_connections=connections
    ) as client:
        world.client, default = client, world.client
        world.emulator.revoke(old.access_token)
        assert not failures(await all_at_once(world))
        world.client = default
        new = client.token_info.access_token
    exchanged = [record.operation for record in world.emulator.requests].index("/oauth/token")
    tokens = [record.access_token for record in world.emulator.requests]
    assert set(tokens[exchanged + 1 :]) == {new}
    assert tokens.count(old.access_token) <= connections
    assert tokens.count(new) == CALLERS
    assert len(world.emulator.requests.of("/oauth/token")) == 1


@pytest.mark.parametrize("code", ["AccessTokenInvalid", "AccessTokenExpired"])
async def test_a_clock_that_is_behind_does_not_matter(start, code):
    """Ours says that there is an hour left; the server's refusal counts, in both spellings."""
    async with start(settings=Settings(expired_token=code)) as world:
        old = world.emulator.issue_token(ttl_s=60)
        given = {"access_token": old.access_token, "refresh_token": old.refresh_token}
        world.client.set_token(given)
        world.emulator.clock.advance(61)
        assert not failures(await all_at_once(world, 50))
        assert len(world.emulator.requests.of("/oauth/token")) == 1


async def test_three_hours_ahead_costs_one_exchange(world):
    """The token looks expired though it is not; the issued one is trusted by its lifetime."""

    class Ahead:
        monotonic = world.emulator.clock.monotonic

        @staticmethod
        def time():
            return world.emulator.clock.time() + 3 * 3600

    from pdsclient import AsyncPDSClient, RuntimeContext

    async with AsyncPDSClient(
        {
            "api_endpoint": world.emulator.api_endpoint,
            "token_info": world.emulator.token_info,
            "refresh_token_fun": world.exchange,
        },
        RuntimeContext(clock=Ahead()),
    ) as client:
        for _ in range(3):
            assert not failures(await all_at_once(world, 50, client))
    assert len(world.emulator.requests.of("/oauth/token")) == 1


@pytest.mark.parametrize("cancelled", [1, 50])
async def test_cancelled_callers_lose_nothing(world, cancelled):
    """Neither the one that began the exchange nor all of them; the old pair is dead by then."""
    world.emulator.revoke(world.client.token_info.access_token)
    world.emulator.faults.add("/oauth/token", Fault.delay(0.02))
    calls = [
        asyncio.ensure_future(world.client.post_api("/file/get", world.get("photo.JPG")))
        for _ in range(50)
    ]
    await exchange_begins(world)
    for call in calls[:cancelled]:
        call.cancel()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(one) for one in results[:cancelled]} == {asyncio.CancelledError}
    assert not failures(results[cancelled:])
    assert not failures(await all_at_once(world, 5))
    assert len(world.emulator.requests.of("/oauth/token")) == 1


async def test_an_exchange_that_fails_fails_all_and_is_not_stormed(world):
    """One exchange, 500 errors, each its own, with the service's answer as their one cause."""
    token = world.client.token_info
    world.emulator.revoke(token.access_token)
    world.emulator.revoke(token.refresh_token)
    results = await all_at_once(world)
    assert {type(one) for one in results} == {RefreshFailed}
    assert len({id(one) for one in results}) == CALLERS
    (cause,) = {one.__cause__ for one in results}
    assert cause.code == "InvalidParameter.RefreshToken"
    sent = len(world.emulator.requests)
    assert {type(one) for one in await all_at_once(world, 50)} == {RefreshFailed}
    assert len(world.emulator.requests) == sent
    assert len(world.emulator.requests.of("/oauth/token")) == 1


async def test_a_throttled_token_endpoint_is_asked_ever_more_rarely(world):
    """429 for a minute: a handful of exchanges with growing gaps, and none before the time that
    it asked for; then all is well."""
    clock, began = world.emulator.clock, world.emulator.clock.time()
    world.emulator.revoke(world.client.token_info.access_token)

    async def exchange(token):
        view = world.client.with_options(retries=0)
        data = {"grant_type": "refresh_token", "refresh_token": token.refresh_token}
        return await view.post_auth_anonymous("/oauth/token", {**data, "client_id": "APP"})

    async with world.connect(
        token_info=world.client.token_info, refresh_token_fun=exchange
    ) as client:
        world.emulator.faults.add(
            "/oauth/token",
            Fault.status(429, headers={"Retry-After": "3"}),
            times=None,
            when=lambda request: clock.time() < began + 60,
        )
        while clock.time() < began + 60:
            assert len(failures(await all_at_once(world, 3, client))) == 3
            clock.advance(1)
        asked = [record.time for record in world.emulator.requests.of("/oauth/token")]
        clock.advance(60)
        assert not failures(await all_at_once(world, 3, client))
    gaps = [later - earlier for earlier, later in pairwise(asked)]
    assert len(asked) <= 10
    assert min(gaps) >= 3
    assert gaps[-1] > gaps[0]


async def test_set_token_in_the_middle_of_an_exchange_wins(world):
    """The waiting calls go on with what was set; what was exchanged is dropped."""
    mine = world.emulator.issue_token()
    world.emulator.revoke(world.client.token_info.access_token)
    world.emulator.faults.add("/oauth/token", Fault.delay(0.02))
    calls = asyncio.ensure_future(all_at_once(world, 50))
    await exchange_begins(world)
    world.client.set_token(mine)
    assert not failures(await calls)
    await world.client.aclose()
    assert world.client.token_info == mine


async def test_remove_token_in_the_middle_of_an_exchange(world):
    """The waiting calls have nothing left to send; the exchanged token is not put in force."""
    world.emulator.revoke(world.client.token_info.access_token)
    world.emulator.faults.add("/oauth/token", Fault.delay(0.02))
    calls = asyncio.ensure_future(all_at_once(world, 50))
    await exchange_begins(world)
    world.client.remove_token()
    assert len(failures(await calls)) == 50
    await world.client.aclose()
    assert world.client.token_info is None
    assert len(world.emulator.requests.of("/oauth/token")) == 1


async def test_the_reply_of_the_exchange_is_lost(world):
    """The server rotated, we never heard of it: nothing can save that login, and the errors say
    so once instead of asking for ever."""
    world.emulator.revoke(world.client.token_info.access_token)
    world.emulator.faults.add("/oauth/token", Fault.reset(processed=True))
    results = await all_at_once(world, 50)
    assert {type(one) for one in results} == {RefreshFailed}
    assert results[0].__cause__.may_have_happened
    # Sent again, in case the first one had never arrived; then the refusal is the answer.
    assert [one.status for one in world.emulator.requests.of("/oauth/token")] == [None, 400]
    world.client.set_token(world.emulator.issue_token())
    assert not failures(await all_at_once(world, 5))


async def test_no_exception_is_left_unseen(world, caplog):
    """A failed exchange that nobody waits for any more makes no noise of asyncio's."""
    token = world.client.token_info
    world.emulator.revoke(token.access_token)
    world.emulator.revoke(token.refresh_token)
    world.emulator.faults.add("/oauth/token", Fault.delay(0.01))
    call = asyncio.ensure_future(world.client.post_api("/file/get", world.get("photo.JPG")))
    await exchange_begins(world)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    await world.client.aclose()
    gc.collect()
    assert [record for record in caplog.records if record.name == "asyncio"] == []
