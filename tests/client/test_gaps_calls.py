"""What only breaks of the code showed to be untested: jitter, closing, headers, what is told."""

from __future__ import annotations

import asyncio
import traceback

import aiohttp
import pytest

from pdsclient import (
    BadRequest,
    ClientClosed,
    DecodeError,
    NotSent,
    OutcomeUnknown,
    RetryPolicy,
    ServiceFailure,
    WrongEventLoop,
)


async def test_an_own_wait_is_drawn_below_its_ceiling(server, make_client, fake_time, monkeypatch):
    """Full jitter: the wait is the random number's share of the ceiling."""
    monkeypatch.setattr(fake_time, "random", lambda: 0.25)
    server.script((503, b""))
    with pytest.raises(ServiceFailure):
        await make_client(retry=RetryPolicy(attempts=4)).post_api("/file/get")
    assert fake_time.slept == [0.125, 0.25, 0.5]


async def test_a_call_that_begins_while_the_client_closes_is_not_sent(server, make_client):
    """Closing waits for an exchange under way; meanwhile nothing new leaves."""
    asked, gate = asyncio.Event(), asyncio.Event()

    async def refresh():
        asked.set()
        await gate.wait()
        return {"access_token": "new"}

    client = make_client(token_info=None, refresh_token_fun=refresh)
    other = client.with_credentials(token_info={"access_token": "another"})
    await other.post_api("/file/get")
    refreshing = asyncio.create_task(client.refresh_token())
    await asked.wait()
    closing = asyncio.create_task(client.aclose())
    await asyncio.sleep(0)
    with pytest.raises(ClientClosed):
        await other.post_api("/file/get")
    gate.set()
    await asyncio.gather(refreshing, closing)
    assert len(server.seen) == 1


async def test_a_call_from_a_second_living_loop_is_no_event(server, make_client):
    """It is refused where it is written, like every misuse."""
    client = make_client()
    told = []
    client.on("error", lambda error, req_opt: told.append(error))
    await client.post_api("/file/get")
    with pytest.raises(WrongEventLoop):
        await asyncio.to_thread(asyncio.run, client.post_api("/file/get"))
    assert not told


async def test_headers_of_one_call_are_not_those_of_the_next(server, make_client):
    """What was made for the last call is used again for the same settings only."""
    client = make_client()
    for headers in ({"X-Mine": "1"}, None, {"X-Mine": "2"}):
        await client.post_api("/file/get", {}, headers and {"headers": headers})
    assert [seen.headers.get("x-mine") for seen in server.seen] == ["1", None, "2"]


async def test_share_tokens_of_one_call_are_not_those_of_the_next(server, make_client):
    """A share token that is fixed for a call neither stays nor is kept back."""
    client = make_client(share_token="shared")
    for share in ("mine", None):
        await client.post_api("/file/get", {}, {"share_token": share})
        await client.post_api("/file/get")
    sent = [seen.headers.get("x-share-token") for seen in server.seen]
    assert sent == ["mine", "shared", None, "shared"]


async def test_a_token_in_the_words_of_the_connection_is_not_shown(make_client, monkeypatch):
    """Whatever raises may quote what it was given; a credential is known by its value."""

    def post(*args, **kwargs):
        raise OSError("cannot send odd-credential-42")

    monkeypatch.setattr(aiohttp.ClientSession, "post", post)
    client = make_client(token_info={"access_token": "odd-credential-42"})
    with pytest.raises(OutcomeUnknown) as caught:
        await client.post_api("/file/create")
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value.args)
    assert "cannot send" in shown
    assert "odd-credential-42" not in shown


async def test_what_is_remembered_of_paths_is_bounded(server, make_client):
    """A path may hold an id, so there are as many as one likes."""
    shared = make_client()._engine.shared
    for number in range(1_500):
        assert shared.target(server.endpoint, f"/odd/{number}").url.endswith(f"/odd/{number}")
    assert len(shared._targets) <= 1_024


async def test_a_reply_that_is_given_up_holds_no_connection(server, make_client):
    """It is closed at once, not when somebody has forgotten the error."""
    server.script(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n" + b"x" * 5_000)
    with pytest.raises(DecodeError) as caught:
        await make_client(max_reply_bytes=1_000).post_api("/file/get")
    async with asyncio.timeout(5):
        while server.open:
            await asyncio.sleep(0)
    assert caught.value.may_have_happened


async def test_cookies_are_not_kept(server, make_client):
    """One client may speak for many users."""
    server.handler = lambda seen: (200, {}, {"Set-Cookie": "session=1; Path=/"})
    # By name: a jar keeps no cookies of bare addresses anyway.
    client = make_client(api_endpoint=f"http://localhost:{server.port}")
    await client.post_api("/file/get")
    await client.post_api("/file/get")
    assert "cookie" not in server.seen[1].headers


async def test_a_connection_that_does_not_come_about_in_time_was_never_sent(
    make_client, monkeypatch
):
    """The limit for connecting ends before that of the attempt, which could not tell."""

    async def hang(*args):
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", hang)
    with pytest.raises(NotSent):
        await make_client().post_api("/file/create", {}, {"timeout": 0.2, "retries": 0})


async def test_a_view_for_another_user_inherits_no_share_token(server, make_client):
    """What is not given is not inherited: it would open a share in another's name."""
    client = make_client(share_token="shared")
    await client.with_credentials(token_info={"access_token": "another"}).post_api("/file/get")
    assert server.seen[0].token == "another"
    assert "x-share-token" not in server.seen[0].headers


async def test_closing_waits_for_async_listeners(server, make_client):
    """What a listener has begun is done when ``aclose`` returns."""
    server.script((400, {"code": "Bad", "message": "x"}))
    client = make_client()
    done = []

    @client.on("error")
    async def slow(error, req_opt):
        for _ in range(20):
            await asyncio.sleep(0)
        done.append(error.code)

    with pytest.raises(BadRequest):
        await client.post_api("/file/get")
    await client.aclose()
    assert done == ["Bad"]


async def test_a_short_time_limit_holds_beside_a_long_one(server, make_client):
    """One timer serves all requests, so it has to wake up for the earliest."""

    async def never(seen):
        await asyncio.Event().wait()

    server.handler = never
    client = make_client()
    long = asyncio.create_task(client.post_api("/file/create", {}, {"timeout": 60}))
    while not server.seen:
        await asyncio.sleep(0)
    async with asyncio.timeout(5):
        with pytest.raises(OutcomeUnknown):
            await client.post_api("/file/create", {}, {"timeout": 0.05})
    long.cancel()
    await asyncio.wait([long])


async def test_prefetching_that_is_left_early_leaves_no_task(server, make_client):
    """The task that reads ahead ends with its block, also when it waits for its reader."""
    pages = iter(range(1_000))
    server.handler = lambda seen: (
        200,
        {"items": [{"file_id": "1"}], "next_marker": f"m{next(pages)}"},
    )
    client = make_client()
    await client.post_api("/file/get")
    before = asyncio.all_tasks()
    async with client.file.scan(drive_id="1").prefetched() as rows:
        await anext(rows)
        assert asyncio.all_tasks() > before
    assert asyncio.all_tasks() <= before
