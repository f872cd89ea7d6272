"""Contents at presigned URLs: what breaks is gone on with, what expires is renewed."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest
from aiohttp import web

from pdsclient import DecodeError, OutcomeUnknown, PDSError, PermissionDenied, ServiceFailure
from pdsclient.storage import Answer, FreshUrl, Link, Reading, put_content

CONTENT = bytes(range(256)) * 64
EXPIRED = "<Error><Code>AccessDenied</Code><Message>Request has expired.</Message></Error>"


class Store:
    """Serves CONTENT with ranges; ``faults`` are answers that go first, one for each request."""

    def __init__(self) -> None:
        self.faults: list = []
        self.ranges: list[str | None] = []
        self.ignores_ranges = False

    async def __call__(self, request):
        self.ranges.append(request.headers.get("Range"))
        fault = self.faults.pop(0) if self.faults else None
        if callable(fault):
            return fault()
        body, status, headers = self.part(request.headers.get("Range"))
        answer = web.StreamResponse(status=status, headers=headers)
        answer.content_length = len(body)
        await answer.prepare(request)
        if fault is not None:
            await answer.write(body[:fault])
            request.transport.close()
            return answer
        await answer.write(body)
        return answer

    def part(self, asked):
        told = {"x-oss-hash-crc64ecma": "77"}
        if asked is None or self.ignores_ranges:
            return CONTENT, 200, told
        first, _, last = asked.removeprefix("bytes=").partition("-")
        start, stop = int(first), int(last) + 1 if last else len(CONTENT)
        stop = min(stop, len(CONTENT))
        told["Content-Range"] = f"bytes {start}-{stop - 1}/{len(CONTENT)}"
        return CONTENT[start:stop], 206, told


@pytest.fixture
def store(service):
    """What answers requests to presigned URLs."""
    service.data = Store()
    return service.data


@pytest.fixture
def url(service):
    """A presigned URL of the content."""
    return f"{service.endpoint}/o?Signature=secret-signature"


async def read(client, link, **options):
    """All that a reading gives, and the reading."""
    pieces = []
    async with Reading(client._engine, link, **options) as reading:
        while piece := await reading.read():
            pieces.append(piece)
    return b"".join(pieces), reading


@pytest.mark.parametrize(
    ("start", "stop", "asked"),
    [
        (0, None, None),
        (5, None, "bytes=5-"),
        (0, 10, "bytes=0-9"),
        (100, 300, "bytes=100-299"),
        (0, 1 << 20, "bytes=0-1048575"),
    ],
)
async def test_a_range_is_what_was_asked_for(client, store, url, start, stop, asked):
    """Offsets count as in a slice; the whole is asked for without a range."""
    content, reading = await read(client, url, start=start, stop=stop)
    assert content == CONTENT[start:stop]
    assert store.ranges == [asked]
    assert not reading.ranges_ignored


async def test_nothing_is_asked_for_when_nothing_is_wanted(client, store, url):
    """An empty range needs no request."""
    content, _ = await read(client, url, start=7, stop=7)
    assert (content, store.ranges) == (b"", [])


async def test_a_broken_answer_is_gone_on_with_behind_what_came(client, store, url, time):
    """Each breakdown costs a wait and a request for the rest, and no byte comes twice."""
    store.faults = [5_000, 3_000, None]
    content, _ = await read(client, url)
    assert content == CONTENT
    assert store.ranges == [None, "bytes=5000-", "bytes=8000-"]
    assert len(time.slept) == 2


async def test_progress_is_what_counts_for_giving_up(client, store, url):
    """Twenty breakdowns are none too many as long as something comes each time."""
    store.faults = [100] * 20
    content, _ = await read(client, url)
    assert content == CONTENT
    store.faults = [partial(web.Response, status=503)] * 20
    with pytest.raises(ServiceFailure) as caught:
        await read(client, url)
    assert caught.value.attempts == 4


async def test_ranges_that_are_ignored_give_the_same_bytes(client, store, url):
    """200 with everything: what was not asked for is left out, and the reading says so."""
    store.ignores_ranges = True
    content, reading = await read(client, url, start=5_000, stop=6_000)
    assert content == CONTENT[5_000:6_000]
    assert reading.ranges_ignored
    store.faults = [4_000]
    content, _ = await read(client, url)
    assert content == CONTENT


@pytest.mark.parametrize(
    "headers",
    [{}, {"Content-Range": "bytes 9-/x"}, {"Content-Range": "bytes 50-99/16384"}],
    ids=["none", "nonsense", "another range"],
)
async def test_an_answer_that_does_not_fit_is_refused(client, store, url, headers):
    """What nobody asked for cannot be put together with the rest."""
    store.faults = [partial(web.Response, status=206, headers=headers, body=b"x" * 50)] * 9
    with pytest.raises(DecodeError):
        await read(client, url, start=10, stop=60)


async def test_the_beginning_of_each_answer_can_be_looked_at(client, store, url):
    """So that a file that has changed meanwhile is not mixed with the old one."""
    seen = []
    store.faults = [5_000]
    await read(client, url, check=seen.append)
    assert seen == [
        Answer(200, 0, len(CONTENT), "77"),
        Answer(206, 5_000, len(CONTENT), "77"),
    ]

    def refuse(_):
        raise PDSError("another file")

    with pytest.raises(PDSError, match="another file"):
        await read(client, url, check=refuse)


class Asked:
    """Gives URLs that differ, and counts how often it was asked."""

    def __init__(self, url, *lives_s):
        self.url, self.lives_s, self.count = url, list(lives_s), 0

    async def __call__(self):
        self.count += 1
        await asyncio.sleep(0)
        lives_s = self.lives_s.pop(0) if self.lives_s else 900.0
        return FreshUrl(f"{self.url}&number={self.count}", "", lives_s)


async def test_an_expired_url_is_renewed_and_the_reading_goes_on(client, store, url, time):
    """No wait, no attempt is lost for it."""
    ask = Asked(url)
    link = Link(ask, time.monotonic)
    store.faults = [5_000, partial(web.Response, status=403, text=EXPIRED)]
    content, _ = await read(client, link)
    assert content == CONTENT
    assert (ask.count, len(time.slept)) == (2, 1)


async def test_a_url_is_renewed_before_it_expires_but_not_while_it_serves(client, store, url, time):
    """A new request gets a new URL when less than half a minute is left; a running one goes on."""
    ask = Asked(url, 100.0)
    link = Link(ask, time.monotonic)
    async with Reading(client._engine, link) as reading:
        await reading.read()
        time.now += 99
        while await reading.read():
            pass
        assert ask.count == 1
    await read(client, link)
    assert ask.count == 2


async def test_a_url_that_is_always_expired_is_given_up(client, store, url, time):
    """Three new ones in a row, then the refusal is raised (user-demand A6: endless loops)."""
    ask = Asked(url)
    store.faults = [partial(web.Response, status=403, text=EXPIRED)] * 9
    with pytest.raises(PermissionDenied):
        await read(client, Link(ask, time.monotonic))
    assert ask.count == 4
    assert time.slept == []


async def test_all_who_wait_for_a_url_share_one_question(time, url):
    """And one that was refused is not asked for again by whoever comes late with the news."""
    ask = Asked(url)
    link = Link(ask, time.monotonic)
    first, *others = await asyncio.gather(*(link.current() for _ in range(5)))
    assert (ask.count, {id(first)}) == (1, {id(one) for one in others})
    assert link.expired(first)
    second = await link.current()
    assert link.expired(first)
    assert await link.current() is second
    assert ask.count == 2


@pytest.mark.parametrize("url", ["", "ftp://x/y", "http://x/y z", None])
async def test_what_is_no_url_is_not_asked_for(client, time, url):
    """The service said something else, which is not shown."""

    async def ask():
        return FreshUrl(url)

    with pytest.raises(DecodeError, match="no URL of the storage"):
        await read(client, Link(ask, time.monotonic))


async def test_leaving_early_closes_the_connection(client, store, url):
    """Nobody pays for what nobody reads; the place is free for the next."""
    async with Reading(client._engine, url) as reading:
        assert await reading.read()
    assert client._engine.shared.transport._home.slots.free == 100


async def test_a_part_is_counted_anew_for_each_attempt(client, service, url):
    """The pieces are made again, the whole is sent, and what the storage says of it is given."""
    received, begun = [], []

    async def takes(request):
        received.append(await request.read())
        if len(received) == 1:
            return web.Response(status=503)
        return web.Response(headers={"ETag": '"E"', "x-oss-hash-crc64ecma": "5"})

    def pieces(content):
        begun.append(len(content))

        async def give():
            for at in range(0, len(content), 1_000):
                yield memoryview(content)[at : at + 1_000]

        return give()

    service.data = takes
    stored = await put_content(client._engine, url, CONTENT, pieces=pieces)
    assert stored == ('"E"', "5")
    assert received == [CONTENT, CONTENT]
    assert begun == [len(CONTENT)] * 2


async def test_a_part_that_is_there_already_is_no_error(client, service, url):
    """An earlier attempt had arrived; what the storage has of it is not known."""

    async def refuses(request):
        await request.read()
        return web.Response(status=409, text="<Error><Code>PartAlreadyExist</Code></Error>")

    service.data = refuses
    assert await put_content(client._engine, url, b"abc") is None


async def test_a_content_that_breaks_off_cleanly_is_noticed(client, service, url):
    """A length that was promised counts, also when the connection ends in good order."""

    async def lies(request):
        headers = {"Content-Range": "bytes 0-99/100"}
        return web.Response(status=206, headers=headers, body=b"x" * 50)

    service.data = lies
    with pytest.raises((OutcomeUnknown, DecodeError)):
        await read(client, url, start=0, stop=100)
