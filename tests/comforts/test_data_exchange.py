"""Requests to the storage: streamed both ways, limited in time, and tidy whatever happens."""

from __future__ import annotations

import asyncio
import traceback

import pytest
from aiohttp import web

from pdsclient import ClientClosed, DecodeError, NotSent, OutcomeUnknown, PDSError
from pdsclient.storage import Reading

SIGNED = "Signature=secret-signature"


@pytest.fixture
def transport(client):
    """The transport of a client."""
    return client._engine.shared.transport


@pytest.fixture
def url(service):
    """A presigned URL of the service."""
    return f"{service.endpoint}/object?{SIGNED}"


async def pieces(*parts):
    for part in parts:
        yield part


async def echo(request):
    return web.Response(body=await request.read())


@pytest.mark.parametrize("size", [0, 1, 65_536, 3_000_000])
async def test_a_whole_body_is_sent_and_the_answer_read_in_pieces(service, transport, url, size):
    """Whatever its size, it has a length and is not chunked."""
    service.data = echo
    content = bytes(size)
    read = b""
    async with transport.exchange("PUT", url, body=content) as data:
        assert (data.status, data.headers["content-length"]) == (200, str(size))
        while piece := await data.read():
            read += piece
    assert read == content
    assert service.requests[0].headers["Content-Length"] == str(size)


async def test_a_body_may_come_in_pieces(service, transport, url):
    """With a length that is known before."""
    service.data = echo
    body = pieces(b"ab", b"", b"cde")
    async with transport.exchange("PUT", url, body=body, length=5, timeout_s=5) as data:
        assert await data.read_all(100) == b"abcde"
    assert "Transfer-Encoding" not in service.requests[0].headers


async def test_connections_are_used_again_only_after_a_whole_exchange(service, transport, url):
    """One that was left in the middle is closed, and its place is free again."""
    connections = set()

    async def answer(request):
        connections.add(request.transport.get_extra_info("peername"))
        return web.Response(body=bytes(500_000))

    service.data = answer
    for _ in range(3):
        async with transport.exchange("GET", url) as data:
            await data.read_all(1_000_000)
    assert len(connections) == 1
    for _ in range(2):
        async with transport.exchange("GET", url) as data:
            await data.read()
    await transport.aclose()
    assert len(connections) == 2


async def test_an_answer_that_does_not_come_is_not_waited_for(service, transport, url):
    """Nor is one that stops in the middle; nobody knows what has happened."""
    go_on = asyncio.Event()

    async def stops(request):
        answer = web.StreamResponse()
        await answer.prepare(request)
        await answer.write(b"begun")
        await go_on.wait()
        return answer

    async def hangs(request):
        await go_on.wait()
        return web.Response()

    service.data = hangs
    with pytest.raises(OutcomeUnknown, match=r"nothing came for 0\.05 s"):
        async with transport.exchange("GET", url, timeout_s=0.05):
            pass
    service.data = stops
    async with transport.exchange("GET", url, timeout_s=0.05) as data:
        assert await data.read() == b"begun"
        with pytest.raises(OutcomeUnknown):
            await data.read()
    go_on.set()


async def test_a_body_may_take_long_as_long_as_it_moves(service, transport, url):
    """A limit for each step, not for the whole: a slow line is no broken one."""
    received = []

    async def takes(request):
        received.append(await request.read())
        return web.Response()

    async def slowly():
        for _ in range(4):
            await asyncio.sleep(0.05)
            yield b"abcd"

    service.data = takes
    async with transport.exchange("PUT", url, body=slowly(), length=16, timeout_s=0.1) as data:
        assert data.status == 200
    assert received == [b"abcd" * 4]


async def test_places_are_given_back_whatever_happens(service, make_client, url):
    """Failing, leaving early, being cancelled: one connection serves the next."""
    transport = make_client(max_connections=1)._engine.shared.transport
    begun = asyncio.Event()

    async def hangs(request):
        begun.set()
        await asyncio.Event().wait()

    async def exchange():
        async with transport.exchange("GET", url):
            pass

    service.data = hangs
    first = asyncio.create_task(exchange())
    await begun.wait()
    queued = asyncio.create_task(exchange())
    await asyncio.sleep(0)
    queued.cancel()
    first.cancel()
    await asyncio.wait([first, queued])
    assert first.cancelled()
    assert queued.cancelled()
    with pytest.raises(NotSent):
        async with transport.exchange("GET", f"http://127.0.0.1:9/?{SIGNED}"):
            pass
    service.data = echo
    with pytest.raises(ZeroDivisionError):
        async with transport.exchange("PUT", url, body=b"abc"):
            raise ZeroDivisionError
    async with transport.exchange("PUT", url, body=b"abc") as data:
        assert await data.read_all(3) == b"abc"


async def test_a_refusal_in_the_middle_of_a_body_is_heard(service, transport, url):
    """The rest of the body is not sent for nothing."""
    sent = 0

    async def body():
        nonlocal sent
        for _ in range(1_000):
            sent += 1
            yield bytes(65_536)
            await asyncio.sleep(0)

    async def refuse(request):
        return web.Response(status=403, text="no", headers={"Connection": "close"})

    service.data = refuse
    async with transport.exchange("PUT", url, body=body(), length=65_536_000) as data:
        assert data.status == 403
    assert sent < 1_000


async def test_more_than_was_asked_for_is_an_error(service, transport, url):
    """It is not read to its end."""
    service.data = echo
    async with transport.exchange("PUT", url, body=bytes(1_000)) as data:
        with pytest.raises(DecodeError, match="longer than 999 bytes"):
            await data.read_all(999)


async def test_a_closed_client_says_so(service, client, transport, url):
    """No new session is made for the storage."""
    await client.aclose()
    with pytest.raises(ClientClosed):
        async with transport.exchange("GET", url):
            pass


@pytest.mark.parametrize("where", ["http://127.0.0.1:9/o?", "not a url ?", "http://[::1/?"])
async def test_no_error_shows_the_url(client, transport, where):
    """Neither its text, nor its causes, nor the local variables of its frames."""
    with pytest.raises(PDSError) as caught:
        await Reading(client.with_options(retries=0)._engine, where + SIGNED).read()
    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    ours = [frame for frame in told.stack if "/pdsclient/" in frame.filename]
    assert "secret-signature" not in "".join(str(frame.locals) for frame in ours)
    assert "secret-signature" not in f"{caught.value} {caught.value.stack} {caught.value.req_opt}"
    assert "secret-signature" not in repr(transport.exchange("GET", where + SIGNED))


async def test_closing_the_client_ends_a_reading(service, make_client, url):
    """Whoever waits for the next piece in another task is told at once, time limit or none."""
    client = make_client()
    begun = asyncio.Event()

    async def stops(request):
        answer = web.StreamResponse()
        await answer.prepare(request)
        await answer.write(b"begun")
        await asyncio.Event().wait()

    async def read():
        async with client._engine.shared.transport.exchange("GET", url) as data:
            begun.set()
            while True:
                await data.read()

    service.data = stops
    reading = asyncio.create_task(read())
    await begun.wait()
    await client.aclose()
    with pytest.raises(OutcomeUnknown, match="it was closed"):
        await reading
