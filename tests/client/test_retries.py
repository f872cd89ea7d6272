"""Repeating what failed: when, how often, after what wait, and who is told."""

from __future__ import annotations

import asyncio
import socket

import pytest

from pdsclient import (
    AsyncPDSClient,
    BadRequest,
    DeadlineExceeded,
    NotSent,
    OutcomeUnknown,
    PDSError,
    RateLimit,
    RateLimited,
    RetryPolicy,
    ServiceFailure,
)

READ, WRITE = "/file/get", "/file/create"


def drop_second(server):
    """Answers, but closes the connection instead when the second request arrives on it."""

    def answer(seen):
        if len(server.seen) == 2:
            raise ConnectionResetError
        return 200, {"n": len(server.seen)}

    return answer


async def test_503_is_repeated_for_a_read_and_raised_for_a_write(server, make_client):
    """Whether it is safe to send twice is a property of the operation."""
    server.script((503, {"code": "ServiceUnavailable"}), (200, {"ok": 1}))
    assert await make_client().post_api(READ) == {"ok": 1}
    server.script((503, {"code": "ServiceUnavailable"}), (200, {"ok": 1}))
    with pytest.raises(ServiceFailure) as caught:
        await make_client().post_api(WRITE)
    assert caught.value.may_have_happened
    assert caught.value.attempts == 1


async def test_idempotent_overrides_the_table(server, make_client):
    """The caller knows better, in both directions."""
    server.script((500, {}), (200, {"ok": 1}))
    assert await make_client().post_api(WRITE, {}, {"idempotent": True}) == {"ok": 1}
    server.script((500, {}), (200, {"ok": 1}))
    with pytest.raises(ServiceFailure):
        await make_client().post_api(READ, {}, {"idempotent": False})


async def test_an_unknown_path_is_not_repeated(server, make_client):
    """Nobody knows what it does."""
    server.script((502, b""))
    with pytest.raises(ServiceFailure):
        await make_client().post_api("/new/thing")
    assert len(server.seen) == 1


async def test_429_is_repeated_for_every_operation(server, make_client, fake_time):
    """It was refused, so it did not happen; also with an empty body."""
    server.script((429, b""), (429, {"code": "TooManyRequests"}), (200, {"ok": 1}))
    assert await make_client().post_api(WRITE) == {"ok": 1}
    assert len(server.seen) == 3


@pytest.mark.parametrize(
    ("status", "attempts"), [(429, 10), (503, 4), (500, 4), (502, 4), (504, 4), (501, 1), (400, 1)]
)
async def test_the_number_of_attempts_is_bounded(server, make_client, status, attempts):
    """10 for 429, 4 for what may pass, 1 for the rest."""
    server.script((status, b""))
    with pytest.raises(PDSError) as caught:
        await make_client().post_api(READ)
    assert len(server.seen) == caught.value.attempts == attempts


async def test_retries_option_sets_the_number(server, make_client):
    """0 and None are none; it holds for 429 too."""
    server.script((429, b""))
    for retries, sent in ((0, 1), (None, 1), (2, 3)):
        server.seen.clear()
        with pytest.raises(RateLimited):
            await make_client().post_api(READ, {}, {"retries": retries})
        assert len(server.seen) == sent


async def test_own_waits_double_up_to_the_cap(server, make_client, fake_time):
    """Full jitter: the fake random number is 1, so the ceiling itself is slept."""
    server.script((503, b""))
    policy = RetryPolicy(attempts=9)
    with pytest.raises(ServiceFailure):
        await make_client(retry=policy).post_api(READ)
    assert fake_time.slept == [0.5, 1, 2, 4, 8, 16, 30, 30]


@pytest.mark.parametrize(
    ("headers", "slept"),
    [
        ({"Retry-After": "30"}, 30),
        ({"Retry-After": "0"}, 0),
        ({"x-retry-after": "1500"}, 1.5),
        ({"Retry-After": "Tue, 14 Nov 2023 22:13:30 GMT"}, 10),
        ({"Retry-After": "Tue, 14 Nov 2000 22:13:30 GMT"}, 0),
        ({"Retry-After": "-5"}, 0.5),
        ({"Retry-After": "soon"}, 0.5),
    ],
)
async def test_the_servers_wait_is_kept(server, make_client, fake_time, headers, slept):
    """Seconds, milliseconds or a date; what makes no sense is ignored."""
    server.script((503, b"", headers), (200, {}))
    await make_client().post_api(READ)
    assert fake_time.slept == [slept]


async def test_a_wait_of_an_hour_is_raised_and_not_slept(server, make_client, fake_time):
    """Above ``max_wait_s`` the caller decides; sleeping less than asked would be refused again."""
    server.script((429, b"", {"Retry-After": "3600"}))
    with pytest.raises(RateLimited) as caught:
        await make_client().post_api(READ)
    assert caught.value.retry_after_s == 3600
    assert not fake_time.slept
    assert len(server.seen) == 1


async def test_503_with_a_wait_is_repeated_for_writes_too(server, make_client):
    """The server turned it away before doing anything; so did a gateway that is busy."""
    server.script((503, b"", {"Retry-After": "1"}), (200, {"ok": 1}))
    assert await make_client().post_api(WRITE) == {"ok": 1}
    server.script((503, b"", {"x-ca-error-code": "D503BB"}), (200, {"ok": 1}))
    assert await make_client().post_api(WRITE) == {"ok": 1}


async def test_a_dropped_keep_alive_is_invisible_to_a_read(server, make_client):
    """The server closes between two requests; the second is sent again."""
    server.handler = drop_second(server)
    client = make_client()
    await client.post_api(READ)
    assert await client.post_api(READ) == {"n": 3}


async def test_a_dropped_keep_alive_does_not_send_a_write_twice(server, make_client):
    """It may have happened, and the error says so."""
    server.handler = drop_second(server)
    client = make_client()
    await client.post_api(WRITE)
    with pytest.raises(OutcomeUnknown) as caught:
        await client.post_api(WRITE)
    assert caught.value.may_have_happened
    assert len(server.seen) == 2


async def test_a_refused_connection_was_never_sent(make_client):
    """So even a write is tried again; in the end it is NotSent."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    retried = []
    client = make_client(api_endpoint=f"http://127.0.0.1:{port}")
    client.on("retry", lambda error, req_opt, delay_s: retried.append(error))
    with pytest.raises(NotSent) as caught:
        await client.post_api(WRITE)
    assert not caught.value.may_have_happened
    assert caught.value.attempts == 4
    assert len(retried) == 3
    assert (caught.value.status, caught.value.req_id) == (None, None)
    assert (caught.value.code, caught.value.type) == ("ClientError", "ClientError")


async def test_a_name_that_does_not_resolve_was_never_sent(make_client):
    """A failing look-up is a failing connection."""
    client = make_client(api_endpoint="http://nowhere.invalid", allow_http=True)
    with pytest.raises(NotSent):
        await client.post_api(WRITE, {}, {"retries": 0})


async def test_a_timeout_is_unknown_for_a_write_and_repeated_for_a_read(server, make_client):
    """The attempt's time is up; what became of it is not known."""
    first = True

    async def slow_once(seen):
        nonlocal first
        if first:
            first = False
            await asyncio.sleep(30)
        return 200, {"ok": 1}

    server.handler = slow_once
    assert await make_client().post_api(READ, {}, {"timeout": 0.05}) == {"ok": 1}
    first = True
    with pytest.raises(OutcomeUnknown):
        await make_client().post_api(WRITE, {}, {"timeout": 0.05})


async def test_the_deadline_covers_everything(server, make_client):
    """Whatever the call is doing when it passes; the last error is the cause."""

    async def stall(seen):
        await asyncio.sleep(30)

    server.handler = stall
    with pytest.raises(DeadlineExceeded) as caught:
        await make_client().post_api(WRITE, {}, {"deadline": 0.05})
    assert isinstance(caught.value, TimeoutError)
    assert caught.value.may_have_happened
    assert caught.value.type == "ClientError"


async def test_a_wait_past_the_deadline_is_not_begun(server, make_client, fake_time):
    """The error comes at once, with the wait that was asked for."""
    server.script((429, b"", {"Retry-After": "60"}))
    with pytest.raises(RateLimited) as caught:
        await make_client().post_api(READ, {}, {"deadline": 50})
    assert caught.value.retry_after_s == 60
    assert not fake_time.slept


async def test_the_retry_budget_bounds_a_storm_and_recovers(server, make_client):
    """100 % 503: at most a fifth of the budget in retries; a healed server is used normally."""
    server.script((503, b""))
    client = make_client(retry=RetryPolicy(budget=50))

    async def one():
        with pytest.raises(ServiceFailure):
            await client.post_api(READ)

    await asyncio.gather(*(one() for _ in range(100)))
    assert len(server.seen) == 100 + 10
    server.script((200, {}))
    for _ in range(10):
        await client.post_api(READ)
    server.script((503, b""), (200, {"ok": 1}))
    assert await client.post_api(READ) == {"ok": 1}


async def test_may_have_happened_sticks_through_later_attempts(server, make_client):
    """An unknown outcome is not forgotten because the last attempt was refused clearly."""
    server.script((500, b""), (400, {"code": "InvalidParameter.X", "message": "no"}))
    with pytest.raises(BadRequest) as caught:
        await make_client().post_api(READ)
    assert caught.value.may_have_happened


async def test_error_is_emitted_once_for_a_call_and_retry_for_each_repeat(server, make_client):
    """The JavaScript SDK emits ``error`` for each attempt; here a call fails once."""
    server.script((503, {"code": "ServiceUnavailable", "message": "busy"}))
    client = make_client()
    errors, retries = [], []

    @client.on("error")
    def on_error(error, req_opt):
        errors.append((error, req_opt, error.stack))

    client.on("retry", lambda *args: retries.append(args))
    with pytest.raises(ServiceFailure) as caught:
        await client.post_api(READ, {"file_id": "f"})
    ((error, req_opt, stack),) = errors
    assert error is caught.value
    assert (req_opt.method, req_opt.data, req_opt.attempt) == ("POST", {"file_id": "f"}, 4)
    assert "test_error_is_emitted_once" in stack
    assert [(r[0].status, r[1].attempt, r[2]) for r in retries] == [
        (503, 1, 0.5),
        (503, 2, 1.0),
        (503, 3, 2.0),
    ]


async def test_emit_error_false_keeps_events_back(server, make_client):
    """The counterpart of ``donot_emit_error``."""
    server.script((503, b""))
    client = make_client()
    told = []
    client.on("error", lambda *args: told.append(args))
    client.on("retry", lambda *args: told.append(args))
    with pytest.raises(ServiceFailure):
        await client.post_api(READ, {}, {"emit_error": False})
    assert not told


async def test_cancellation_is_neither_swallowed_nor_told(server, make_client):
    """A cancelled call raises CancelledError and emits nothing."""

    async def stall(seen):
        await asyncio.sleep(30)

    server.handler = stall
    client = make_client()
    told = []
    client.on("error", lambda *args: told.append(args))
    call = asyncio.ensure_future(client.post_api(READ))
    while not server.seen:
        await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert not told


async def test_queueing_for_a_connection_costs_no_timeout(server, make_client):
    """5,000 calls, 20 slots, an attempt's timeout far below the time that they take together."""

    async def brief(seen):
        await asyncio.sleep(0.001)
        return 200, {}

    server.handler = brief
    client = make_client(max_connections=20, timeout=3)
    await asyncio.gather(*(client.post_api(READ) for _ in range(5_000)))
    assert len(server.seen) == 5_000
    assert server.most_in_flight <= 20


async def test_a_burst_is_paced_from_its_first_429_on(server, make_client):
    """What still queues for a connection when the rate becomes known keeps to it.

    400 calls at once meet a server that accepts 30: none fails, and few are refused.
    """
    accepted = 0

    def answer(seen):
        nonlocal accepted
        accepted += 1
        return (200, {}) if accepted <= 30 or accepted % 3 else (429, b"")

    server.handler = answer
    client = make_client(max_connections=20)
    results = await asyncio.gather(*(client.post_api(READ) for _ in range(400)))
    assert len(results) == 400


async def test_fail_fast_raises_without_a_retry(server, make_client):
    """The limiter's own refusal is no reply that could be asked for again."""
    limit = RateLimit(per_second=1, fail_fast=True)
    client = make_client(rate_limit=limit)
    await client.post_api(READ)
    with pytest.raises(RateLimited) as caught:
        await client.post_api(READ)
    assert caught.value.type == "ClientError"
    assert caught.value.attempts == 0
    assert len(server.seen) == 1


async def test_the_rate_follows_a_429(server, make_client):
    """After the first refusal the client paces itself; its limiter says so."""
    server.script((200, {}), (200, {}), (429, b"", {"Retry-After": "1"}), (200, {}))
    client: AsyncPDSClient = make_client()
    for _ in range(3):
        await client.post_api(READ)
    assert client._engine.shared.limiter.rate("file") is not None
