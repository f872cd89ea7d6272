"""The access token's source: one exchange for all, lost by nobody."""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import sys
import threading
import traceback
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from unittest.mock import AsyncMock

import pytest

import pdsclient._exchange
from pdsclient._clock import SystemClock
from pdsclient._sources import TokenSource
from pdsclient.errors import AuthError, InvalidRequest, RateLimited, RefreshFailed
from pdsclient.tokens import TokenInfo

SECRET = "9b3f-planted-secret"


# ---------------------------------------------------------------- one exchange for all


@pytest.mark.parametrize("known", ["expired on our clock", "dead on the server only"])
async def test_five_hundred_calls_share_one_exchange(world, known):
    """All calls succeed after one exchange, and none carries the old token after it."""
    source = world.source(world.issuer.login(), world.issuer.exchange)
    if known == "expired on our clock":
        world.clock.advance(7200)
    world.issuer.kill_access()
    tokens = await world.calls(source)
    assert {token.header for token in tokens} == {"Bearer access-2"}
    assert len(world.issuer.asked_at) == 1
    first_new = world.sent.index("Bearer access-2")
    assert "Bearer access-1" not in world.sent[first_new:]
    if known == "expired on our clock":
        assert first_new == 0


@pytest.mark.parametrize("cancelled", ["the leader", "all"])
async def test_cancelled_callers_lose_nothing(world, cancelled):
    """The new token is kept when those who wait for it are cancelled, even all of them."""
    world.issuer.gate = asyncio.Event()
    source = world.source(world.issuer.login(), world.issuer.exchange)
    world.clock.advance(7200)
    tasks = [asyncio.create_task(world.call(source)) for _ in range(50)]
    await world.settle()
    victims = tasks[:1] if cancelled == "the leader" else tasks
    for task in victims:
        task.cancel()
    await world.settle()
    world.issuer.gate.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(one) for one in results[: len(victims)]] == [asyncio.CancelledError] * len(victims)
    assert all(one.header == "Bearer access-2" for one in results[len(victims) :])
    await world.settle()
    assert source.token_info.access_token == "access-2"
    assert [info.access_token for info in world.announced] == ["access-2"]
    assert len(world.issuer.asked_at) == 1


async def test_a_late_refusal_of_an_old_token_costs_no_exchange(world):
    """A request that was under way with generation N is repeated with N + 1."""
    source = world.source(world.issuer.login(), world.issuer.exchange)
    old = source.ready()
    await source.refresh()
    token, exchanged = await source.renew(old, may_exchange=True)
    assert (token.header, exchanged) == ("Bearer access-2", False)
    assert len(world.issuer.asked_at) == 1


async def test_a_refused_token_is_not_sent_again_by_others(world):
    """While the exchange runs, calls wait although the clock says that the token is good."""
    world.issuer.gate = asyncio.Event()
    source = world.source(world.issuer.login(), world.issuer.exchange)
    renewing = asyncio.create_task(source.renew(source.ready(), may_exchange=True))
    await world.settle()
    assert source.ready() is None
    calling = asyncio.create_task(source.get())
    await world.settle()
    world.clock.advance(10)
    await world.settle()
    assert not calling.done()
    world.issuer.gate.set()
    assert (await calling).header == "Bearer access-2"
    assert (await renewing)[1] is True


async def test_a_refused_token_is_not_sent_while_its_exchange_fails(world):
    """The clock says that it is good, the server says no: the server is right."""
    world.issuer.error = ConnectionError("down")
    source = world.source(world.issuer.login(), world.issuer.exchange)
    with pytest.raises(RefreshFailed):
        await source.renew(source.ready(), may_exchange=True)
    assert source.ready() is None
    with pytest.raises(RefreshFailed, match="down"):
        await source.get()
    assert len(world.issuer.asked_at) == 1


async def test_a_new_token_that_is_refused_too_ends_the_call(world):
    """With an exchange made, the refusal of the newest token is the server's last word."""
    source = world.source(world.issuer.login(), world.issuer.exchange)
    (newer, _) = await source.renew(source.ready(), may_exchange=True)
    assert await source.renew(newer, may_exchange=False) is None
    assert len(world.issuer.asked_at) == 1


async def test_the_same_access_token_again_is_a_new_generation(world):
    """The service has been seen to hand back the same access token with a new refresh token."""
    same = TokenInfo(access_token="same", refresh_token="r1")
    source = world.source(same, AsyncMock(return_value={"access_token": "same"}))
    old = source.ready()
    token, exchanged = await source.renew(old, may_exchange=True)
    assert token.header == old.header
    assert token.generation > old.generation
    assert exchanged


async def test_refresh_is_forced_and_shared(world):
    """refresh() exchanges a token that is still good, once for all who ask at that time."""
    source = world.source(world.issuer.login(), world.issuer.exchange)
    infos = await asyncio.gather(*(source.refresh() for _ in range(20)))
    assert {info.access_token for info in infos} == {"access-2"}
    assert source.ready().header == "Bearer access-2"


# ---------------------------------------------------------------- means


async def test_without_a_credential_and_without_means_nothing_is_sent(world):
    """No token and no function: AuthError at once."""
    with pytest.raises(AuthError, match="set_token"):
        await world.source().get()
    with pytest.raises(AuthError, match="refresh_token_fun"):
        await world.source().refresh()


async def test_a_source_knows_whether_it_can_have_a_token_at_all(world):
    """A share token goes alone if there is neither a token nor a way to one."""
    assert world.source().is_empty
    assert world.source(None, world.issuer.exchange).is_empty
    assert not world.source(world.issuer.login()).is_empty
    assert not world.source(None, None, world.store).is_empty
    source = world.source(None, world.issuer.fetch)
    assert not source.is_empty
    world.issuer.error = ConnectionError()
    with pytest.raises(RefreshFailed):
        await source.get()
    assert not source.is_empty
    source.remove()
    assert source.is_empty


async def test_the_first_call_fetches_the_first_token(world):
    """No token but a function: it is asked when a token is first needed."""
    source = world.source(None, world.issuer.fetch)
    assert source.token_info is None
    assert (await source.get()).header == "Bearer access-1"
    assert len(world.announced) == 1


async def test_an_expired_token_without_means_is_sent(world):
    """The server decides; its refusal brings nothing newer."""
    source = world.source(world.issuer.login())
    world.clock.advance(9000)
    token = source.ready()
    assert token.header == "Bearer access-1"
    assert await source.renew(token, may_exchange=True) is None
    assert source.ready() is token


async def test_the_token_to_be_exchanged_is_handed_over(world):
    """A function with one parameter gets the token in force."""
    login = world.issuer.login()
    source = world.source(login, world.issuer.exchange)
    await source.refresh()
    assert world.issuer.taken == [login]


async def test_an_exchange_needs_a_token_to_exchange(world):
    """A function that takes a token is not called without one."""
    source = world.source(None, world.issuer.exchange)
    with pytest.raises(AuthError, match="set_token"):
        await source.get()
    assert world.issuer.asked_at == []


async def two(first, second): ...


def unreadable(): ...


unreadable.__signature__ = "of no use"


@pytest.mark.parametrize(
    ("function", "fits"),
    [
        (AsyncMock(), True),
        (functools.partial(two, 1), True),
        (functools.partial(two, 1, 2), True),
        (lambda token=None: two(1, 2), True),
        (two, False),
        (unreadable, False),
        (lambda *, token: None, False),
    ],
)
def test_the_function_must_be_callable_with_nothing_or_a_token(world, function, fits):
    """Unusable signatures are refused when the source is made."""
    if fits:
        world.source(None, function)
    else:
        with pytest.raises(InvalidRequest, match="refresh_token_fun"):
            world.source(None, function)


def test_with_a_store_the_function_must_take_the_token(world):
    """The token in memory may be dead; only the one read under the lock can be exchanged."""
    with pytest.raises(InvalidRequest, match="token_store"):
        world.source(None, world.issuer.fetch, world.store)


# ---------------------------------------------------------------- failures


async def test_a_failed_exchange_fails_all_waiters_once(world):
    """One exchange, an error of its own for each caller, one cause, and no stampede after it."""
    world.issuer.error = ConnectionError("no route")
    source = world.source(world.issuer.login(), world.issuer.exchange)
    world.clock.advance(7200)
    errors = await world.calls(source)
    assert {type(error) for error in errors} == {RefreshFailed}
    assert len({id(error) for error in errors}) == 500
    assert {id(error.__cause__) for error in errors} == {id(world.issuer.error)}
    assert "no route" in str(errors[0])
    again = await world.calls(source)
    assert {id(error.__cause__) for error in again} == {id(world.issuer.error)}
    assert len(world.issuer.asked_at) == 1
    assert world.sent == []


async def test_the_next_exchange_is_spaced_by_a_growing_back_off(world):
    """0.5 s doubling to 30 s; an exchange that works ends it."""
    world.issuer.error = ConnectionError()
    source = world.source(world.issuer.login(), world.issuer.exchange)
    world.clock.advance(7200)
    start = world.clock.elapsed
    for _ in range(1200):
        await world.calls(source, 3)
        world.clock.advance(0.25)
    asked = [moment - start for moment in world.issuer.asked_at]
    gaps = [after - before for before, after in pairwise(asked)]
    assert gaps[:7] == [0.5, 1, 2, 4, 8, 16, 30]
    assert set(gaps[7:]) == {30}
    world.issuer.error = None
    world.clock.advance(30)
    assert (await source.get()).header == "Bearer access-2"


async def test_a_wait_that_the_server_asks_for_is_kept(world):
    """Retry-After of a refresh endpoint that answers 429 is longer than our own back-off."""
    world.issuer.error = RateLimited("slow down", status=429, retry_after_s=60)
    source = world.source(world.issuer.login(), world.issuer.exchange)
    world.clock.advance(7200)
    for _ in range(59):
        with pytest.raises(RefreshFailed) as caught:
            await source.get()
        assert caught.value.retry_after_s == 60
        world.clock.advance(1)
    assert len(world.issuer.asked_at) == 1
    world.clock.advance(1)
    with pytest.raises(RefreshFailed):
        await source.get()
    assert len(world.issuer.asked_at) == 2


@pytest.mark.parametrize("reset", ["refresh", "set"])
async def test_refresh_and_set_do_not_wait_for_the_back_off(world, reset):
    """Whoever asks explicitly is answered; after set the next exchange is free again."""
    world.issuer.error = ConnectionError()
    source = world.source(world.issuer.login(), world.issuer.exchange)
    with pytest.raises(RefreshFailed):
        await source.refresh()
    world.issuer.error = None
    if reset == "refresh":
        assert (await source.refresh()).access_token == "access-2"
    else:
        source.set(world.issuer.login())
        world.issuer.kill_access()
        assert (await world.call(source)).header == "Bearer access-3"


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "text",
        7,
        b"x",
        [],
        {},
        {"access_token": ""},
        {"refresh_token": SECRET},
        {"access_token": 5},
    ],
)
async def test_a_useless_answer_is_a_failed_exchange(world, answer):
    """What is no token is refused with a typed error; the answer is not shown."""
    source = world.source(world.issuer.login(), AsyncMock(return_value=answer))
    with pytest.raises(RefreshFailed) as caught:
        await source.refresh()
    assert isinstance(caught.value.__cause__, InvalidRequest)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


async def test_a_function_that_is_not_async_fails_the_exchange(world):
    """A plain function's result is no awaitable; the error says what is wanted."""
    source = world.source(world.issuer.login(), lambda: {"access_token": "x"})
    with pytest.raises(RefreshFailed, match="must be an async function"):
        await source.refresh()


class Stop(BaseException):
    """Neither an Exception nor one of the interpreter's own."""


@pytest.mark.parametrize("error", [asyncio.CancelledError("mine"), TimeoutError(), Stop("now")])
async def test_whatever_the_function_raises_reaches_the_waiters(world, error):
    """A function that cancels itself or raises a BaseException does not cancel its waiters."""
    world.issuer.error = error
    source = world.source(world.issuer.login(), world.issuer.exchange)
    world.clock.advance(7200)
    results = await world.calls(source, 5)
    assert {type(one) for one in results} == {RefreshFailed}
    assert {one.__cause__ for one in results} == {error}


def test_an_interrupt_in_the_function_stops_the_loop(world):
    """KeyboardInterrupt goes where it always goes, and leaves no waiter behind."""
    world.issuer.error = KeyboardInterrupt()
    source = world.source(world.issuer.login(), world.issuer.exchange)
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(source.refresh())
    world.issuer.error = None
    assert asyncio.run(source.refresh()).access_token == "access-2"


async def test_an_endless_exchange_is_given_up(world, monkeypatch):
    """A function that never returns is cancelled, and counts as a failure."""
    monkeypatch.setattr(pdsclient._exchange, "_LONGEST_EXCHANGE_S", 0.001)
    world.issuer.gate = asyncio.Event()
    source = world.source(world.issuer.login(), world.issuer.exchange)
    with pytest.raises(RefreshFailed, match="TimeoutError"):
        await source.refresh()


async def test_errors_of_the_function_are_shown_without_secrets(world, caplog):
    """A cause that shows a token is replaced by a summary, at every level of its chain."""
    caplog.set_level(logging.DEBUG)

    async def leak(info):
        try:
            raise ValueError(f"POST https://u:p@h/token?refresh_token={info.refresh_token}")
        except ValueError as error:
            raise RuntimeError("exchange failed") from error

    info = TokenInfo(access_token=f"a-{SECRET}", refresh_token=f"r-{SECRET}")
    source = world.source(info, leak)
    with pytest.raises(RefreshFailed) as caught:
        await source.refresh()
    assert caught.value.__context__ is None
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + caplog.text
    assert SECRET not in shown
    assert "RuntimeError" in str(caught.value)
    assert SECRET not in repr(source.ready()) + repr(source)


async def test_secrets_are_remembered_for_masking_but_not_for_ever(world):
    """Old tokens stay maskable for a while, in bounded memory; the current one always."""
    source = world.source(world.issuer.login(), world.issuer.exchange)
    for _ in range(40):
        await source.refresh()
    known = source.secrets()
    assert len(known) == 16
    assert {"access-41", "refresh-41", "access-40", "refresh-40"} <= set(known)


# ---------------------------------------------------------------- calls from inside


async def test_a_call_from_inside_the_function_raises_at_once(world):
    """It would wait for itself; the message names the anonymous calls."""
    source = world.source(world.issuer.login(), world.issuer.exchange)
    seen = []

    async def call_back():
        for attempt in (
            source.get,
            source.refresh,
            functools.partial(source.renew, source._token, may_exchange=True),
        ):
            with pytest.raises(AuthError, match="anonymous") as caught:
                await attempt()
            seen.append(caught.value)
        assert source.ready() is None

    world.issuer.on_ask = call_back
    await source.refresh()
    assert len(seen) == 3
    await asyncio.sleep(0)
    assert source.ready().header == "Bearer access-2"


async def test_another_sources_call_from_inside_is_fine(world, make_world):
    """Only the credential that is being fetched is out of reach, also by way of a second one."""
    other_world = make_world()
    source = world.source(world.issuer.login(), world.issuer.exchange)
    admin = other_world.source(None, other_world.issuer.fetch)

    async def back_to_the_first():
        with pytest.raises(AuthError, match="anonymous"):
            await source.get()

    other_world.issuer.on_ask = back_to_the_first
    world.issuer.on_ask = admin.get
    assert (await source.refresh()).access_token == "access-2"
    assert len(other_world.issuer.asked_at) == 1


async def test_a_task_that_outlives_the_exchange_may_call(world):
    """Being started by the refresh function is no stain once the exchange has ended."""
    later = asyncio.Event()
    tasks = []

    async def call_later():
        await later.wait()
        return await source.get()

    async def start_it():
        tasks.append(asyncio.create_task(call_later()))

    source = world.source(world.issuer.login(), world.issuer.exchange)
    world.issuer.on_ask = start_it
    await source.refresh()
    later.set()
    assert (await tasks[0]).header == "Bearer access-2"


# ---------------------------------------------------------------- set and remove


async def test_set_in_the_middle_wins_over_the_exchange(world):
    """Waiters go on with the given token at once; the exchange's token is for nobody."""
    world.issuer.gate = asyncio.Event()
    source = world.source(world.issuer.login(), world.issuer.exchange)
    world.clock.advance(7200)
    calls = [asyncio.create_task(source.get()) for _ in range(50)]
    refreshing = asyncio.create_task(source.refresh())
    await world.settle()
    source.set(TokenInfo(access_token="given"))
    assert {(await call).header for call in calls} == {"Bearer given"}
    assert (await refreshing).access_token == "given"
    world.issuer.gate.set()
    await source.aclose(timeout_s=5)
    assert source.ready().header == "Bearer given"
    assert world.announced == []


async def test_remove_in_the_middle_signs_out(world):
    """Waiters get AuthError, the exchange's token is dropped, and nothing signs in again."""
    world.issuer.gate = asyncio.Event()
    source = world.source(world.issuer.login(), world.issuer.fetch)
    world.clock.advance(7200)
    calls = [asyncio.create_task(source.get()) for _ in range(50)]
    await world.settle()
    used = source._token
    source.remove()
    for error in await asyncio.gather(*calls, return_exceptions=True):
        assert type(error) is AuthError
    world.issuer.gate.set()
    await source.drain(timeout_s=5)
    assert source.token_info is None
    assert await source.renew(used, may_exchange=True) is None
    with pytest.raises(AuthError, match="removed"):
        await source.get()
    assert len(world.issuer.asked_at) == 1
    assert (await source.refresh()).access_token == "access-3"


async def test_an_exchange_of_the_new_token_waits_for_the_old_exchange(world):
    """Two exchanges of one source never run side by side."""
    world.issuer.gate = asyncio.Event()
    source = world.source(world.issuer.login(), world.issuer.exchange)
    first = asyncio.create_task(source.refresh())
    await world.settle()
    source.set(TokenInfo(access_token="given", refresh_token="refresh-2"))
    await first
    second = asyncio.create_task(source.refresh())
    await world.settle()
    assert len(world.issuer.asked_at) == 1
    world.issuer.gate.set()
    assert (await second).access_token == "access-3"


# ---------------------------------------------------------------- time


async def test_ahead_of_expiry_calls_wait_two_seconds_at_most(world):
    """The first call within five minutes starts it; calls go on with the old token meanwhile."""
    world.issuer.gate = asyncio.Event()
    source = world.source(world.issuer.login(), world.issuer.exchange)
    world.clock.advance(6899)
    assert source.ready() is not None
    world.clock.advance(1)
    assert source.ready() is None
    calls = [asyncio.create_task(source.get()) for _ in range(20)]
    await world.settle()
    world.clock.advance(1.9)
    await world.settle()
    assert not any(call.done() for call in calls)
    world.clock.advance(0.1)
    assert {(await call).header for call in calls} == {"Bearer access-1"}
    assert (await source.get()).header == "Bearer access-1"
    world.issuer.gate.set()
    await world.settle()
    assert source.ready().header == "Bearer access-2"
    assert len(world.issuer.asked_at) == 1


async def test_ahead_of_expiry_a_quick_exchange_is_used(world):
    """Calls that waited go on with the new token."""
    source = world.source(world.issuer.login(), world.issuer.exchange)
    world.clock.advance(6901)
    assert {one.header for one in await world.calls(source, 20)} == {"Bearer access-2"}
    await source.aclose(timeout_s=5)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_ahead_of_expiry_a_failure_is_no_error(world):
    """Calls go on with the old token, tries are spaced, and errors begin when it expires."""
    world.issuer.error = ConnectionError()
    source = world.source(world.issuer.login(), world.issuer.exchange)
    world.clock.advance(6900)
    for _ in range(299):
        assert {one.header for one in await world.calls(source, 3)} == {"Bearer access-1"}
        world.clock.advance(1)
    assert 10 <= len(world.issuer.asked_at) <= 17
    world.clock.advance(1)
    with pytest.raises(RefreshFailed):
        await source.get()


async def test_patience_ends_with_a_refusal(world):
    """Who waits for an early exchange does not go on with a token refused meanwhile."""
    world.issuer.gate = asyncio.Event()
    source = world.source(world.issuer.login(), world.issuer.exchange)
    used = source.ready()
    world.clock.advance(6900)
    calling = asyncio.create_task(source.get())
    await world.settle()
    renewing = asyncio.create_task(source.renew(used, may_exchange=True))
    await world.settle()
    world.clock.advance(2)
    await world.settle()
    assert not calling.done()
    world.issuer.gate.set()
    assert (await calling) is (await renewing)[0]


async def test_a_short_life_is_used_at_least_by_half(world):
    """The margin is half of the lifetime when that is less than five minutes."""
    world.issuer.ttl_s = 10
    source = world.source(world.issuer.login(), world.issuer.exchange)
    world.clock.advance(4.9)
    assert source.ready() is not None
    world.clock.advance(0.2)
    assert source.ready() is None


@pytest.mark.parametrize("hours", [3, -3, 100_000])
@pytest.mark.parametrize("reply", ["both", "expire_time", "expires_in", "neither", "zero"])
async def test_a_wrong_wall_clock_causes_no_storm(world, hours, reply):
    """At most one needless exchange: a token issued here does not depend on the wall clock."""
    world.clock.wall_error_s = hours * 3600

    async def exchange(info):
        answer = await world.issuer.exchange(info)
        if reply in ("expires_in", "neither"):
            del answer["expire_time"]
        if reply in ("expire_time", "neither"):
            del answer["expires_in"]
        return answer | ({"expires_in": 0} if reply == "zero" else {})

    source = world.source(world.issuer.login(), exchange)
    for _ in range(60):
        await world.calls(source, 3)
        world.clock.advance(60)
    assert len(world.issuer.asked_at) <= 1
    for _ in range(60):
        await world.calls(source, 3)
        world.clock.advance(60)
    assert len(world.issuer.asked_at) <= 2


async def test_a_lifetime_without_a_date_counts_from_receipt(world):
    """expires_in alone bounds the life of a given token, too."""
    source = world.source(TokenInfo(access_token="a", expires_in="7200"), world.issuer.fetch)
    world.clock.advance(6800)
    assert source.ready() is not None
    world.clock.advance(400)
    assert (await source.get()).header == "Bearer access-1"


async def test_a_token_that_never_expires_is_left_alone(world):
    """Without any date only a refusal leads to an exchange."""
    source = world.source(TokenInfo(access_token="a"), world.issuer.fetch)
    world.clock.advance(10**9)
    assert source.ready().header == "Bearer a"


async def test_the_token_type_stands_before_the_token(world):
    """token_type is the word in the header."""
    assert world.source(TokenInfo(access_token="a", token_type="MAC")).ready().header == "MAC a"


# ---------------------------------------------------------------- loops and closing


def test_a_second_event_loop_goes_on_with_the_token(world):
    """An exchange of a loop that was closed is forgotten, the token and the source are not."""
    world.issuer.gate = asyncio.Event()
    source = world.source(world.issuer.login(), world.issuer.exchange)

    async def leave_in_the_middle():
        left = asyncio.create_task(source.refresh())
        await world.settle()
        assert not left.done()

    asyncio.run(leave_in_the_middle())
    world.issuer.gate = None
    assert asyncio.run(source.get()).header == "Bearer access-1"
    assert asyncio.run(source.refresh()).access_token == "access-2"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_goes_on_with_the_token(world):
    """Also when the parent was in the middle of an exchange, which stays the parent's."""
    world.issuer.gate = asyncio.Event()
    source = world.source(world.issuer.login(), world.issuer.exchange)

    def use_it_in_the_child():
        world.issuer.gate = None
        done = asyncio.run(source.refresh()).access_token == "access-2"
        os._exit(0 if done else 1)

    async def fork_in_the_middle():
        refreshing = asyncio.create_task(source.refresh())
        await world.settle()
        child = os.fork()
        if child == 0:
            asyncio.events._set_running_loop(None)  # as multiprocessing's fork does
            threading.Thread(target=use_it_in_the_child).start()
            threading.Event().wait()
        assert (await asyncio.to_thread(os.waitpid, child, 0))[1] == 0
        world.issuer.gate.set()
        assert (await refreshing).access_token == "access-2"

    asyncio.run(fork_in_the_middle())


def test_set_after_a_loop_was_torn_down_is_fine(world):
    """A loop closed under a waiting exchange cannot be woken, and need not be."""
    world.issuer.gate = asyncio.Event()
    source = world.source(world.issuer.login(), world.issuer.exchange)
    loop = asyncio.new_event_loop()
    tasks = [loop.create_task(source.refresh())]
    loop.run_until_complete(world.settle())
    tasks += asyncio.all_tasks(loop)
    loop.close()
    source.set(TokenInfo(access_token="given"))
    assert asyncio.run(source.get()).header == "Bearer given"
    for task in tasks:
        task._log_destroy_pending = False  # nobody can end them any more


async def test_aclose_lets_an_exchange_end(world):
    """What is under way is drained, so that the new token is not lost."""
    world.issuer.gate = asyncio.Event()
    source = world.source(world.issuer.login(), world.issuer.exchange)
    refreshing = asyncio.create_task(source.refresh())
    await world.settle()
    closing = asyncio.create_task(source.aclose(timeout_s=5))
    await world.settle()
    assert not closing.done()
    world.issuer.gate.set()
    await closing
    await refreshing
    assert asyncio.all_tasks() == {asyncio.current_task()}
    await source.aclose(timeout_s=5)


async def test_aclose_cancels_what_takes_too_long(world):
    """After the time limit waiters get an error of ours and no task is left."""
    world.issuer.gate = asyncio.Event()
    source = world.source(world.issuer.login(), world.issuer.exchange)
    refreshing = asyncio.create_task(source.refresh())
    await world.settle()
    await source.aclose(timeout_s=0.001)
    with pytest.raises(RefreshFailed):
        await refreshing
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_aclose_from_inside_the_function_does_not_hang(world):
    """The exchange does not wait for itself."""
    source = world.source(world.issuer.login(), world.issuer.exchange)
    world.issuer.on_ask = functools.partial(source.aclose, timeout_s=5)
    assert (await source.refresh()).access_token == "access-2"


def test_the_fast_path_enters_one_function(world):
    """ready() is a clock reading and a comparison."""
    source = TokenSource(
        token_info=TokenInfo(access_token="a", expire_time=datetime.now(UTC) + timedelta(hours=2)),
        refresh=world.issuer.fetch,
        clock=SystemClock(),
        sleep=asyncio.sleep,
        random=world.options()["random"],
        on_new=world.announced.append,
    )
    entered = []

    def count(frame, event, argument):
        if event == "call":
            entered.append(frame.f_code.co_name)

    sys.setprofile(count)
    try:
        token = source.ready()
    finally:
        sys.setprofile(None)
    assert token is not None
    assert entered == ["ready"]
