"""One credential in a store that other processes use too."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from attrs import evolve

from pdsclient.errors import AuthError, RefreshFailed
from pdsclient.tokens import TokenInfo


async def rotate_elsewhere(world) -> TokenInfo:
    """What another process does when its turn comes."""
    async with world.store.lock():
        info = TokenInfo.parse(world.issuer.issue())
        await world.store.save(info)
    return info


@pytest.fixture
def stored(world):
    """The store holds a login that two clients will share."""
    world.store.saved = world.issuer.login()
    return world


async def test_the_first_call_reads_the_store(stored):
    """A client with a store needs no token of its own."""
    source = stored.source(None, stored.issuer.exchange, stored.store)
    assert {one.header for one in await stored.calls(source)} == {"Bearer access-1"}
    assert stored.store.loads == 1
    assert stored.issuer.asked_at == []


async def test_a_given_token_is_put_into_an_empty_store(world):
    """Other processes can begin with it."""
    login = world.issuer.login()
    source = world.source(login, world.issuer.exchange, world.store)
    await world.call(source)
    assert world.store.saved == login
    assert source.ready() is not None


@pytest.mark.parametrize(
    ("mine", "theirs", "wins"),
    [
        (10, 20, "store"),
        (20, 10, "given"),
        (None, 10, "store"),
        (10, None, "store"),
        (10, 10, "store"),
    ],
)
async def test_the_later_of_the_given_and_the_stored_token_wins(world, mine, theirs, wins):
    """By expire_time; without one the store's is taken to be the descendant of the given one."""

    def token(name, minute):
        expires = minute and datetime(2023, 11, 15, 12, minute, tzinfo=UTC)
        return TokenInfo(access_token=name, expire_time=expires)

    world.store.saved = token("store", theirs)
    source = world.source(token("given", mine), None, world.store)
    assert (await source.get()).header == f"Bearer {wins}"
    assert world.store.saved.access_token == wins


async def test_an_empty_store_without_a_token_is_no_credential(world):
    """AuthError says that the store is empty; a login put there later is found."""
    source = world.source(None, world.issuer.exchange, world.store)
    with pytest.raises(AuthError, match="token_store is empty"):
        await source.get()
    world.store.saved = world.issuer.login()
    assert (await source.get()).header == "Bearer access-1"


@pytest.mark.parametrize("known", ["expired on our clock", "dead on the server only"])
async def test_a_newer_token_in_the_store_is_adopted(stored, known):
    """Five hundred calls go on with what another process fetched, without an exchange."""
    source = stored.source(None, stored.issuer.exchange, stored.store)
    await stored.call(source)
    if known == "expired on our clock":
        stored.clock.advance(7200)
    await rotate_elsewhere(stored)
    tokens = await stored.calls(source)
    assert {token.header for token in tokens} == {"Bearer access-2"}
    assert stored.issuer.asked_at == []
    assert [info.access_token for info in stored.announced] == ["access-1", "access-2"]


async def test_the_token_to_be_exchanged_is_the_stored_one(stored):
    """Whatever this process held before, the function gets what the store held under the lock."""
    source = stored.source(None, stored.issuer.exchange, stored.store)
    await stored.call(source)
    theirs = await rotate_elsewhere(stored)
    assert await source.refresh() == theirs
    await source.refresh()
    assert stored.issuer.taken == [theirs]


async def test_a_refresh_before_the_first_call_is_an_exchange(stored):
    """What the store held all the time is no new token."""
    source = stored.source(None, stored.issuer.exchange, stored.store)
    assert (await source.refresh()).access_token == "access-2"
    assert stored.store.saved.access_token == "access-2"


async def test_a_token_is_saved_before_it_is_used(stored):
    """While it is being saved nobody sends it, and it is announced afterwards."""
    source = stored.source(None, stored.issuer.exchange, stored.store)
    await stored.call(source)
    stored.store.save_gate = asyncio.Event()
    refreshing = asyncio.create_task(source.refresh())
    await stored.settle()
    assert source.token_info.access_token == "access-1"
    assert source.ready() is None
    assert len(stored.announced) == 1
    stored.store.save_gate.set()
    await refreshing
    assert stored.announced[-1] == stored.store.saved == source.token_info


async def test_a_token_that_cannot_be_saved_serves_and_is_saved_later(stored, caplog):
    """The disk is full for a minute: no call fails, tries are spaced, then it is saved."""
    source = stored.source(None, stored.issuer.exchange, stored.store)
    await stored.call(source)
    saves = 0

    class Full(OSError):
        def __init__(self):
            nonlocal saves
            saves += 1
            super().__init__("disk full at refresh-2")

    stored.store.lock_error = None
    real_save = stored.store.save

    async def fail(info):
        raise Full

    stored.store.save = fail
    await source.refresh()
    for _ in range(120):
        assert {one.header for one in await stored.calls(source, 2)} == {"Bearer access-2"}
        stored.clock.advance(0.5)
    assert 5 <= saves <= 9
    stored.store.save = real_save
    stored.clock.advance(30)
    await stored.calls(source, 2)
    assert stored.store.saved.access_token == "access-2"
    assert source.ready() is not None
    assert "disk full" in caplog.text
    assert "refresh-2" not in caplog.text


async def test_closing_tries_once_more_to_save(stored):
    """What could not be saved before is saved at the end, if it can."""
    source = stored.source(None, stored.issuer.exchange, stored.store)
    await stored.call(source)
    stored.store.save_error = OSError("disk full")
    await source.refresh()
    stored.store.save_error = None
    await source.aclose(timeout_s=5)
    assert stored.store.saved.access_token == "access-2"


async def test_closing_without_a_chance_to_save_is_logged(stored, caplog):
    """The log says that the store lacks the token, without showing it."""
    source = stored.source(None, stored.issuer.exchange, stored.store)
    await stored.call(source)
    stored.store.save_error = OSError("no access-2 here")
    await source.refresh()
    stored.store.lock_error = OSError("gone")
    caplog.clear()
    await source.aclose(timeout_s=5)
    assert "not in the store" in caplog.text
    assert "access-2" not in caplog.text


async def test_a_token_whose_saving_is_cut_short_by_closing_is_kept(stored):
    """The exchange is done and the old token dead: the new one stays in force and is saved."""
    source = stored.source(None, stored.issuer.exchange, stored.store)
    await stored.call(source)
    stored.store.save_gate = asyncio.Event()
    refreshing = asyncio.create_task(source.refresh())
    await stored.settle()
    closing = asyncio.create_task(source.aclose(timeout_s=0.01))
    await refreshing
    stored.store.save_gate.set()
    await closing
    assert source.token_info == stored.store.saved
    assert stored.store.saved.access_token == "access-2"


@pytest.mark.parametrize("step", ["load_error", "lock_error"])
async def test_a_store_that_fails_prevents_the_exchange(stored, step):
    """Without the lock, or without knowing what others did, a refresh token is not risked."""
    source = stored.source(None, stored.issuer.exchange, stored.store)
    await stored.call(source)
    stored.clock.advance(7200)
    setattr(stored.store, step, OSError("no disk"))
    errors = await stored.calls(source, 50)
    assert {type(error) for error in errors} == {RefreshFailed}
    assert {str(error.__cause__) for error in errors} == {"no disk"}
    assert stored.issuer.asked_at == []
    setattr(stored.store, step, None)
    stored.clock.advance(1)
    assert (await stored.call(source)).header == "Bearer access-2"


async def test_a_failing_store_does_not_stop_a_good_token(world):
    """A given token that is still good is sent although the store cannot be read."""
    world.store.lock_error = OSError("no disk")
    source = world.source(world.issuer.login(), world.issuer.exchange, world.store)
    assert {one.header for one in await world.calls(source, 50)} == {"Bearer access-1"}


async def test_set_is_saved_for_the_others(stored):
    """A new login reaches the store with the next call; the older one there does not win."""
    source = stored.source(None, stored.issuer.exchange, stored.store)
    await stored.call(source)
    stored.clock.advance(60)
    login = stored.issuer.login()
    source.set(login)
    assert (await stored.call(source)).header == "Bearer access-2"
    assert stored.store.saved == login
    assert stored.announced[1:] == []


async def test_set_in_the_middle_keeps_the_exchanged_token_out_of_the_store(stored):
    """A superseded exchange is not saved; the given token is."""
    source = stored.source(None, stored.issuer.exchange, stored.store)
    await stored.call(source)
    stored.issuer.gate = asyncio.Event()
    refreshing = asyncio.create_task(source.refresh())
    await stored.settle()
    stored.clock.advance(60)
    given = evolve(
        stored.store.saved,
        access_token="given",
        expire_time=datetime.fromtimestamp(stored.clock.time() + 7200, UTC),
    )
    source.set(given)
    stored.issuer.gate.set()
    assert (await refreshing).access_token == "given"
    await stored.settle()
    await source.get()
    assert [info.access_token for info in stored.store.history] == ["given"]
    assert len(stored.announced) == 1


async def test_remove_leaves_the_store_alone(stored):
    """Signing out here is no sign-out of the other processes, and the store is not read again."""
    source = stored.source(None, stored.issuer.exchange, stored.store)
    await stored.call(source)
    source.remove()
    with pytest.raises(AuthError, match="removed"):
        await source.get()
    assert stored.store.saved is not None
    assert stored.store.loads == 1


async def test_a_reader_without_a_function_follows_the_others(stored):
    """Without means of its own a client still adopts what others put into the store."""
    source = stored.source(None, None, stored.store)
    await stored.call(source)
    await rotate_elsewhere(stored)
    assert (await stored.call(source)).header == "Bearer access-2"
    stored.issuer.kill_access()
    with pytest.raises(PermissionError):
        await stored.call(source)


async def test_during_a_back_off_the_store_is_still_read(stored):
    """Our refresh fails, another process is luckier: its token is adopted at once."""
    source = stored.source(None, stored.issuer.exchange, stored.store)
    await stored.call(source)
    stored.issuer.kill_access()
    stored.issuer.error = ConnectionError()
    with pytest.raises(RefreshFailed):
        await stored.call(source)
    await rotate_elsewhere(stored)
    assert (await stored.call(source)).header == "Bearer access-2"
    assert len(stored.issuer.asked_at) == 1


@pytest.mark.parametrize("hours", [3, -3])
async def test_wrong_wall_clocks_do_not_make_processes_race(stored, make_world, hours):
    """Each may exchange needlessly once; then they live with each other's tokens."""
    stored.clock.wall_error_s = hours * 3600
    sources = [stored.source(None, stored.issuer.exchange, stored.store) for _ in range(8)]
    for _ in range(100):
        for source in sources:
            await stored.call(source)
        stored.clock.advance(60)
    assert len(stored.issuer.asked_at) <= 9


async def test_rotation_to_a_shorter_life_is_adopted(stored):
    """The refused token loses against the store's, also if that expires earlier."""
    source = stored.source(None, stored.issuer.exchange, stored.store)
    await stored.call(source)
    stored.issuer.ttl_s = 600
    await rotate_elsewhere(stored)
    assert (await stored.call(source)).header == "Bearer access-2"
    assert stored.issuer.asked_at == []


async def test_nothing_secret_is_logged(stored, caplog):
    """At DEBUG a whole life of a shared credential shows no token."""
    caplog.set_level(logging.DEBUG)
    source = stored.source(None, stored.issuer.exchange, stored.store)
    for _ in range(3):
        await stored.call(source)
        stored.issuer.kill_access()
    stored.store.save_error = OSError("at access-4 refresh-4")
    await stored.call(source)
    assert "access-" not in caplog.text
    assert "refresh-" not in caplog.text


async def test_what_another_process_saves_while_we_wait_for_the_lock_is_adopted(stored):
    """The store is read again under the lock: its former holder has just used our token."""
    source = stored.source(None, stored.issuer.exchange, stored.store)
    await stored.call(source)
    stored.issuer.kill_access()
    take = stored.store.lock

    @asynccontextmanager
    async def wait_for_the_other():
        stored.store.lock = take
        await rotate_elsewhere(stored)
        async with take():
            yield

    stored.store.lock = wait_for_the_other
    assert (await stored.call(source)).header == "Bearer access-2"
    assert stored.issuer.asked_at == []


async def test_set_while_a_token_is_being_saved_is_saved_as_well(stored):
    """The end of the older save does not count for the token that was set meanwhile."""
    source = stored.source(None, stored.issuer.exchange, stored.store)
    await stored.call(source)
    stored.store.save_gate = asyncio.Event()
    refreshing = asyncio.create_task(source.refresh())
    await stored.settle()
    stored.clock.advance(60)
    login = stored.issuer.login()
    source.set(login)
    stored.store.save_gate.set()
    assert await refreshing == login
    await stored.settle()
    assert (await source.get()).info == login
    assert stored.store.saved == login


async def test_a_given_token_that_is_refused_does_not_yield_to_an_older_one(stored):
    """Its refresh token may be the only one alive; the store's is of an older login."""
    source = stored.source(None, stored.issuer.exchange, stored.store)
    stored.clock.advance(60)
    source.set(stored.issuer.login())
    stored.issuer.kill_access()
    stored.store.load_error = OSError("no disk")
    with pytest.raises(RefreshFailed):
        await stored.call(source)
    stored.store.load_error = None
    stored.clock.advance(1)
    assert (await stored.call(source)).header == "Bearer access-3"
    assert [info.access_token for info in stored.issuer.taken] == ["access-2"]


async def test_a_token_that_expires_while_it_is_saved_is_sent(stored):
    """The call that fetched it goes on: another exchange would not be any quicker."""
    stored.issuer.ttl_s = 10
    source = stored.source(None, stored.issuer.exchange, stored.store)
    await source.refresh()
    stored.clock.advance(10)
    stored.store.save_gate = asyncio.Event()
    calling = asyncio.create_task(source.get())
    await stored.settle()
    stored.clock.advance(20)
    stored.store.save_gate.set()
    assert (await calling).header == "Bearer access-3"
    assert len(stored.issuer.asked_at) == 2


async def test_a_second_refusal_waits_for_whoever_exchanges(stored):
    """A call that has made its exchange still adopts what another process is about to save."""
    source = stored.source(None, stored.issuer.exchange, stored.store)
    await stored.call(source)
    (newer, _) = await source.renew(source.ready(), may_exchange=True)
    take = stored.store.lock

    @asynccontextmanager
    async def held_by_another():
        stored.store.lock = take
        await rotate_elsewhere(stored)
        yield

    stored.store.lock = held_by_another
    (token, exchanged) = await source.renew(newer, may_exchange=False)
    assert (token.header, exchanged) == ("Bearer access-3", False)
