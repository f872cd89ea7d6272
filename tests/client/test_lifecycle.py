"""Where a client lives: loops, threads, forks, pickles, and its end."""

from __future__ import annotations

import asyncio
import gc
import os
import pickle
import threading
import time
import warnings

import aiohttp
import pytest

from pdsclient import (
    AsyncPDSClient,
    ClientConfig,
    InvalidRequest,
    RuntimeContext,
    TokenInfo,
    WrongEventLoop,
)

TOKEN = {"access_token": "token-1"}


class ThreadedServer:
    """The raw server in a thread of its own, for tests that run several loops."""

    def __init__(self, answer):
        self._answer = answer
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), daemon=True)
        self._thread.start()
        self._ready.wait(10)

    async def _main(self):
        self._stop = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        listener = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.endpoint = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        self._ready.set()
        await self._stop.wait()
        listener.close()

    async def _serve(self, reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                size = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                await reader.readexactly(size)
                writer.write(self._answer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            writer.close()

    def close(self):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)


@pytest.fixture
def threaded_server():
    """A server that outlives the loops of the test."""
    server = ThreadedServer(b'HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{"a":1}')
    yield server
    server.close()


def make(server, **fields):
    return AsyncPDSClient(api_endpoint=server.endpoint, token_info=TOKEN, **fields)


def test_made_at_import_and_used_under_asyncio_run_twice(threaded_server):
    """It moves on when its loop is closed, and leaves no socket behind in the old one."""
    kept = [make(threaded_server)]

    async def use():
        return await kept[0].post_api("/file/get")

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert asyncio.run(use()) == {"a": 1}
        assert asyncio.run(use()) == {"a": 1}
        kept.clear()
        gc.collect()


def test_a_second_living_loop_is_refused_by_name(threaded_server):
    """Two threads with a loop each: the second is told what to do."""
    client = make(threaded_server)
    caught = []

    async def use_elsewhere():
        try:
            await client.post_api("/file/get")
        except WrongEventLoop as error:
            caught.append(error)

    async def use():
        await client.post_api("/file/get")
        await asyncio.to_thread(asyncio.run, use_elsewhere())
        await client.post_api("/file/get")
        await client.aclose()

    asyncio.run(use())
    assert "one client per loop" in str(caught[0])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork")
def test_a_forked_child_rebuilds_and_the_parent_goes_on(threaded_server):
    """The child neither hangs nor takes the parent's connection."""
    client = make(threaded_server)
    loop = asyncio.new_event_loop()
    assert loop.run_until_complete(client.post_api("/file/get")) == {"a": 1}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # 3.12: fork beside threads
        child = os.fork()
    if child == 0:
        ok = False
        try:
            ok = asyncio.run(client.post_api("/file/get")) == {"a": 1}
        finally:
            os._exit(0 if ok else 1)
    deadline = time.monotonic() + 10
    while (ended := os.waitpid(child, os.WNOHANG))[0] == 0 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert ended == (child, 0)
    assert loop.run_until_complete(client.post_api("/file/get")) == {"a": 1}
    loop.run_until_complete(client.aclose())
    loop.close()


async def test_async_with_leaves_nothing(server, make_client):
    """No task, no open connection, no warning."""
    before = asyncio.all_tasks()
    async with AsyncPDSClient(api_endpoint=server.endpoint, token_info=TOKEN) as client:
        await asyncio.gather(*(client.post_api("/file/get") for _ in range(20)))
    for _ in range(20):
        await asyncio.sleep(0)
    leftover = asyncio.all_tasks() - before
    assert not {task for task in leftover if "serve" not in repr(task)}
    for _ in range(100):
        if not server.open:
            break
        await asyncio.sleep(0.01)
    assert server.open == 0


async def test_an_unused_client_closes_without_a_session(server):
    """Nothing was made, nothing is closed."""
    client = AsyncPDSClient(api_endpoint=server.endpoint)
    await client.aclose()


async def test_a_borrowed_session_is_used_and_stays_open(server):
    """Whatever it was configured with, redirects and errors stay ours."""
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        context = RuntimeContext(session=session)
        client = AsyncPDSClient({"api_endpoint": server.endpoint}, context)
        client.set_token(TOKEN)
        server.script((404, {"code": "NotFound.X", "message": "x"}))
        with pytest.raises(Exception, match="NotFound"):
            await client.post_api("/file/get")
        await client.aclose()
        assert not session.closed


async def test_aclose_finishes_a_refresh_under_way(server, make_client):
    """The token of an exchange that has begun is not lost."""
    gate = asyncio.Event()

    async def refresh():
        await gate.wait()
        return {"access_token": "token-2"}

    client = make_client(refresh_token_fun=refresh)
    refreshing = asyncio.ensure_future(client.refresh_token())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    closing = asyncio.ensure_future(client.aclose())
    await asyncio.sleep(0)
    gate.set()
    await closing
    assert (await refreshing).access_token == "token-2"
    assert client.token_info.access_token == "token-2"


async def test_views_need_no_closing_and_refuse_it(make_client):
    """They share the client's connections."""
    client = make_client()
    for view in (client.with_options(timeout=5), client.with_credentials(token_info=TOKEN)):
        with pytest.raises(InvalidRequest, match="view"):
            await view.aclose()
        with pytest.raises(InvalidRequest, match="view"):
            async with view:
                pass


async def test_a_views_listeners_and_tokens_are_the_clients(server, make_client):
    """``on`` and ``set_token`` act on what is shared."""
    client = make_client()
    view = client.with_options(retries=0)
    told = []
    view.on("error", lambda error, req_opt: told.append(error))
    view.set_token({"access_token": "both"})
    server.script((400, {"code": "X", "message": "x"}))
    with pytest.raises(Exception, match="X"):
        await client.post_api("/file/get")
    assert server.seen[0].token == "both"
    assert len(told) == 1


async def test_view_options_merge_config_view_call(server, make_client):
    """The nearest wins; headers add up."""
    view = (
        make_client()
        .with_options(headers={"X-A": "1", "X-B": "1"})
        .with_options(headers={"X-B": "2"}, retries=0)
    )
    server.script((429, b""))
    with pytest.raises(Exception, match="429"):
        await view.post_api("/file/get", {}, {"headers": {"X-C": "3"}})
    headers = server.seen[0].headers
    assert (headers["x-a"], headers["x-b"], headers["x-c"]) == ("1", "2", "3")
    assert len(server.seen) == 1


def test_it_refuses_to_be_pickled_and_says_what_to_do():
    """Sockets do not travel; so do configurations and tokens with secrets not."""
    client = AsyncPDSClient(api_endpoint="https://x.api.aliyunpds.com", token_info=TOKEN)
    for one in (client, ClientConfig(api_endpoint="https://x.y", token_info=TOKEN)):
        with pytest.raises(TypeError, match="token_store"):
            pickle.dumps(one)
    with pytest.raises(TypeError, match="refresh_token_fun"):
        pickle.dumps(TokenInfo(access_token="x"))


def test_repr_shows_endpoint_and_state_only():
    """No token, in any form of it."""
    client = AsyncPDSClient(
        api_endpoint="https://x.api.aliyunpds.com", token_info={"access_token": "SECRET-1"}
    )
    assert repr(client) == "<AsyncPDSClient https://x.api.aliyunpds.com open>"
    assert "view" in repr(client.with_options(timeout=1))
    assert "SECRET" not in repr(client._engine.shared.config)


async def test_proxy_and_no_proxy_come_from_the_environment_when_asked(
    server, make_client, monkeypatch
):
    """With ``trust_env`` only; netrc is never read."""
    monkeypatch.setenv("http_proxy", server.endpoint)
    monkeypatch.setenv("no_proxy", "")
    client = make_client(api_endpoint="http://pds.invalid", allow_http=True, trust_env=True)
    await client.post_api("/file/get")
    assert server.seen[0].target == "http://pds.invalid/v2/file/get"
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    await make_client(trust_env=True).post_api("/file/get")
    assert server.seen[1].target == "/v2/file/get"


async def test_a_proxy_of_the_environment_may_lack_its_scheme(server, make_client, monkeypatch):
    """``host:port``, as many environments have it."""
    monkeypatch.setenv("http_proxy", server.endpoint.removeprefix("http://"))
    monkeypatch.setenv("no_proxy", "")
    client = make_client(api_endpoint="http://pds.invalid", allow_http=True, trust_env=True)
    await client.post_api("/file/get")
    assert server.seen[0].target == "http://pds.invalid/v2/file/get"


async def test_views_of_a_subclass_keep_its_attributes(server, fake_time):
    """But operations go through the view."""

    class Mine(AsyncPDSClient):
        def __init__(self, **fields):
            super().__init__(**fields)
            self.tenant = "t-1"

    async with Mine(api_endpoint=server.endpoint, token_info=TOKEN) as client:
        await client.drive.get(drive_id="1")
        view = client.with_options(headers={"X-Job": "7"})
        assert view.tenant == "t-1"
        await view.drive.get(drive_id="1")
        assert server.seen[1].headers["x-job"] == "7"
        with pytest.raises(InvalidRequest, match="another client or view"):
            await view.with_response(client.drive.get, drive_id="1")


async def test_a_given_proxy_is_used(server, make_client):
    """``proxy=`` for every host."""
    client = make_client(api_endpoint="http://pds.invalid", allow_http=True, proxy=server.endpoint)
    await client.post_api("/file/get")
    assert server.seen[0].target == "http://pds.invalid/v2/file/get"
