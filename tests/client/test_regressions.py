"""Defects that a second reader found, each as the behaviour that it had broken."""

from __future__ import annotations

import asyncio
import gc
import logging

import aiohttp
import pytest

from pdsclient import (
    AsyncPDSClient,
    AuthError,
    BadRequest,
    ClientClosed,
    DeadlineExceeded,
    DecodeError,
    InvalidRequest,
    OutcomeUnknown,
    RuntimeContext,
    TokenInfo,
    WrongEventLoop,
)
from pdsclient._watchdog import Watchdog
from pdsclient.models import File

REFUSED = (401, {"code": "AccessTokenInvalid", "message": "x"})


async def until(condition):
    """Let the others run until something holds."""
    while not condition():
        await asyncio.sleep(0)


# ---------------------------------------------------------------------------- closing


async def test_calls_that_queue_for_a_connection_learn_that_the_client_was_closed(
    server, make_client
):
    """Not that some session of ours could not make a request."""
    never = asyncio.Event()

    async def stall(seen):
        await never.wait()
        return 200, {}

    server.handler = stall
    client = make_client(max_connections=1)
    calls = [asyncio.create_task(client.post_api("/file/get")) for _ in range(4)]
    await until(lambda: server.seen)
    await client.aclose()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(result) for result in results] == [ClientClosed] * 4
    never.set()


async def test_an_async_listener_may_close_the_client_that_is_being_closed(
    server, make_client, caplog
):
    """Each would wait for the other, until the time limit."""
    server.script((400, {"code": "Bad", "message": "x"}))
    client = make_client()
    ended = []

    @client.on("error")
    async def give_up(error, req_opt):
        await client.aclose()
        ended.append(error)

    with pytest.raises(BadRequest):
        await client.post_api("/file/get")
    async with asyncio.timeout(2):
        await client.aclose()
    assert ended
    assert "cancelled" not in caplog.text


async def test_a_refresh_function_may_close_the_client_from_a_task_of_its_own(server, make_client):
    """It is waited for by the close, and must not wait for it in turn."""

    async def refresh():
        await asyncio.create_task(client.aclose())
        return {"access_token": "new"}

    client = make_client(token_info=None, refresh_token_fun=refresh)
    async with asyncio.timeout(2):
        with pytest.raises(ClientClosed):
            await client.post_api("/file/get")
        await client.aclose()


async def test_a_closed_client_refreshes_nothing(make_client):
    """The exchange would outlive the client, and its token with it."""
    asked = []

    async def refresh():
        asked.append(1)
        return {"access_token": "new"}

    client = make_client(refresh_token_fun=refresh)
    await client.aclose()
    with pytest.raises(ClientClosed):
        await client.refresh_token()
    assert not asked


async def test_a_token_refused_while_the_client_closes_starts_no_exchange(server, make_client):
    """The listeners are being waited for, the sources of tokens are closed already."""
    answer, listener = asyncio.Event(), asyncio.Event()
    asked = []

    async def refuse(seen):
        if seen.path == "/v2/file/list":
            return 400, {"code": "Bad", "message": "x"}
        await answer.wait()
        return REFUSED

    async def refresh():
        asked.append(1)
        return {"access_token": "new"}

    server.handler = refuse
    client = make_client(refresh_token_fun=refresh)

    @client.on("error")
    async def slow(error, req_opt):
        await listener.wait()

    with pytest.raises(BadRequest):
        await client.post_api("/file/list")
    call = asyncio.create_task(client.post_api("/file/get"))
    await until(lambda: len(server.seen) == 2)
    closing = asyncio.create_task(client.aclose())
    await until(lambda: client._engine.tokens._closed)
    answer.set()
    with pytest.raises(ClientClosed):
        await call
    listener.set()
    await closing
    assert not asked


async def test_many_refreshes_under_way_share_one_time_limit_of_the_close(
    server, make_client, monkeypatch
):
    """A hundred views with a refresh that hangs take no hundred times as long to close."""
    monkeypatch.setattr("pdsclient._core.DRAIN_S", 0.02)

    async def hang():
        await asyncio.Event().wait()

    client = make_client(token_info=None)
    views = [client.with_credentials(refresh_token_fun=hang) for _ in range(100)]
    calls = [asyncio.create_task(view.post_api("/file/get")) for view in views]
    await asyncio.sleep(0)
    async with asyncio.timeout(1):
        await client.aclose()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(result, AuthError) for result in results)


async def test_time_limits_hold_for_what_is_under_way_when_the_client_is_closed(server):
    """A borrowed session stays open, and so do its requests."""
    never = asyncio.Event()

    async def stall(seen):
        await never.wait()
        return 200, {}

    server.handler = stall
    async with aiohttp.ClientSession() as session:
        client = AsyncPDSClient(
            context=RuntimeContext(session=session),
            api_endpoint=server.endpoint,
            token_info={"access_token": "token-1"},
            timeout=0.05,
        )
        call = asyncio.create_task(client.post_api("/file/create"))
        await until(lambda: server.seen)
        await client.aclose()
        with pytest.raises(OutcomeUnknown, match=r"0\.05 s"):
            await call
    never.set()


# ---------------------------------------------------------------------------- time limits


async def test_a_time_limit_whose_cancellation_is_swallowed_leaves_no_trace_on_the_task():
    """Else the caller's next ``asyncio.timeout`` or TaskGroup takes the task for cancelled."""
    task = asyncio.current_task()
    dog = Watchdog(asyncio.get_running_loop())
    dog.watch(0.001)
    with pytest.raises(ConnectionError):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ConnectionError from None
    assert task.cancelling() == 1
    assert dog.forget(task)
    assert task.cancelling() == 0


async def test_a_deadlines_cause_shows_no_secret_either(server, monkeypatch):
    """What stood in the way may quote a token; a summary takes its place."""

    async def break_off(*args, **kwargs):
        raise aiohttp.ClientConnectionError("cannot send PLANTED-1")

    async def wait_for_ever(seconds):
        await asyncio.Event().wait()

    monkeypatch.setattr(aiohttp.ClientSession, "post", break_off)
    async with AsyncPDSClient(
        context=RuntimeContext(sleep=wait_for_ever),
        api_endpoint=server.endpoint,
        token_info={"access_token": "PLANTED-1"},
        deadline=0.02,
    ) as client:
        with pytest.raises(DeadlineExceeded) as caught:
            await client.post_api("/file/get")
    assert "PLANTED-1" not in repr(caught.value.__cause__) + caught.value.stack


# ---------------------------------------------------------------------------- tokens


class Saved:
    """A store with a token that the server does not take any more."""

    def __init__(self):
        self.info = TokenInfo(access_token="token-1", refresh_token="refresh-1")

    async def load(self):
        return self.info

    async def save(self, info):
        self.info = info

    def lock(self):
        return asyncio.Lock()


async def test_a_stored_token_that_is_refused_is_exchanged_by_the_first_call(server, make_client):
    """To read the store is no exchange."""
    server.handler = lambda seen: (200, {}) if seen.token == "token-2" else REFUSED

    async def refresh(info):
        return {"access_token": "token-2", "refresh_token": "refresh-2"}

    client = make_client(token_store=Saved(), refresh_token_fun=refresh)
    await client.post_api("/file/get")
    assert [one.token for one in server.seen] == ["token-1", "token-2"]


async def test_a_provider_is_asked_afresh_when_its_first_answer_is_refused(server, make_client):
    """To ask a provider is no exchange."""
    answers = ["token-1", "token-2"]
    server.handler = lambda seen: (200, {}) if seen.token == "token-2" else REFUSED

    async def provide():
        return {"access_token": answers.pop(0)}

    client = make_client(token_provider=provide)
    await client.post_api("/file/get")
    assert not answers


async def test_a_refresh_from_a_second_living_loop_is_refused_by_name(server, make_client):
    """Two loops know nothing of each other's exchange, and the token bears only one."""

    async def refresh():
        return {"access_token": "token-2"}

    client = make_client(refresh_token_fun=refresh)
    await client.post_api("/file/get")

    def in_a_loop_of_its_own():
        with pytest.raises(WrongEventLoop):
            asyncio.run(client.refresh_token())

    await asyncio.to_thread(in_a_loop_of_its_own)
    assert client.token_info.access_token == "token-1"


async def test_set_share_token_checks_what_the_configuration_checks(make_client):
    """One word: more was copied than the token."""
    client = make_client()
    with pytest.raises(InvalidRequest, match="share_token"):
        client.set_share_token("two words")


TASK_FACTORIES = [None]
if hasattr(asyncio, "eager_task_factory"):  # from Python 3.12
    TASK_FACTORIES.append(asyncio.eager_task_factory)


@pytest.mark.parametrize("factory", TASK_FACTORIES)
async def test_an_early_refresh_that_is_done_at_once_leaves_nobody_waiting(
    make_client, fake_time, factory
):
    """An eager task ends before there is anybody to be patient with it."""

    async def refresh():
        return {"access_token": "token-2"}

    client = make_client(
        token_info={"access_token": "token-1", "expires_in": 100}, refresh_token_fun=refresh
    )
    fake_time.advance(99)
    loop = asyncio.get_running_loop()
    loop.set_task_factory(factory)
    token = await client._engine.tokens.get()
    loop.set_task_factory(None)
    await asyncio.sleep(0)
    assert token.header == "Bearer token-2"
    assert not client._engine.tokens._tasks


# ---------------------------------------------------------------------------- replies


@pytest.mark.parametrize("kind", [int | None, list[int], int, TokenInfo])
async def test_an_empty_204_that_is_not_of_the_type_asked_for_is_a_decode_error(
    server, make_client, kind
):
    """Types are decoded into, not called."""
    server.script(b"HTTP/1.1 204 X\r\n\r\n")
    with pytest.raises(DecodeError):
        await make_client().post_api("/file/x", reply_type=kind)


async def test_an_empty_204_is_a_model_with_nothing_in_it(server, make_client):
    """An operation with a model always returns it."""
    server.script(b"HTTP/1.1 204 X\r\n\r\n")
    assert await make_client().post_api("/file/x", reply_type=File) == File()


# ---------------------------------------------------------------------------- events


async def test_once_does_not_end_a_listener_that_listens_for_good(server, make_client):
    """Registering it again changes nothing."""
    server.script((400, {"code": "Bad", "message": "x"}))
    client = make_client()
    told = []

    def listener(error, req_opt):
        told.append(error)

    client.on("error", listener)
    client.once("error", listener)
    for _ in range(2):
        with pytest.raises(BadRequest):
            await client.post_api("/file/get")
    assert len(told) == 2


def test_a_listener_that_ends_the_program_leaves_no_coroutine_behind(caplog):
    """The listeners behind it are closed, without a warning that nobody awaited them."""
    caplog.set_level(logging.CRITICAL)

    async def main():
        client = AsyncPDSClient(api_endpoint="http://127.0.0.1:9")

        @client.on("error")
        async def leave(error, req_opt):
            raise SystemExit(3)

        @client.on("error")
        async def behind(error, req_opt):
            """Never reached."""

        with pytest.raises(AuthError):
            await client.post_api("/file/get")
        await client.aclose()

    with pytest.raises(SystemExit):
        asyncio.run(main())
    gc.collect()


# ---------------------------------------------------------------------------- bad input

HUGE = 10**5000


@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.post_api("/file/get", {HUGE: 1}),
        lambda client: client.post_api("/file/get", {}, {HUGE: 1}),
        lambda client: client.post_api("/file/get", {}, {"headers": {HUGE: "x"}}),
        lambda client: client.post_api("/file/get", reply_type=HUGE),
        lambda client: client.file.get(drive_id=HUGE, file_id="1"),
        lambda client: client.file.list(drive_id="1", parent_file_id="root").collect(HUGE),
        lambda client: client.on(HUGE),
    ],
)
async def test_an_int_that_python_refuses_to_print_is_refused_by_name(make_client, ask):
    """The message that says so must not fail itself."""
    client = make_client()
    with pytest.raises(InvalidRequest):
        await ask(client)
