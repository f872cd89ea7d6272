"""Many calls at once, a server that refuses, listings that do not end."""

from __future__ import annotations

import asyncio

import pytest

from pdsclient import DeadlineExceeded, DecodeError, F, ServiceFailure
from pdsclient.emulator import Fault


async def test_queued_searches_do_not_time_out(start):
    """2,000 searches, 20 connections, a slow server: an attempt's time begins when it is sent,
    so that waiting for a connection, far longer than the timeout in all, costs nothing."""
    async with start(latency_s=0.015) as world:
        retried = []
        async with world.connect(
            token_info=world.emulator.token_info, max_connections=20, timeout=1.4
        ) as client:
            client.on("retry", lambda *args: retried.append(args))
            started = asyncio.get_running_loop().time()
            search = client.file.search
            pages = await asyncio.gather(
                *(search(**world.drive, query=F.name == "photo.JPG") for _ in range(2_000))
            )
            took = asyncio.get_running_loop().time() - started
        assert {len(page.items) for page in pages} == {1}
        assert len(world.emulator.requests) == 2_000
        assert took > 1.4
        assert not retried


async def test_a_call_that_never_left_the_queue_did_not_happen(world):
    """Its deadline passes while another request holds the only connection."""
    world.emulator.faults.add("/file/get", Fault.stall())
    async with world.connect(token_info=world.emulator.token_info, max_connections=1) as client:
        stalled = asyncio.ensure_future(client.file.get(**world.get("photo.JPG")))
        while not world.emulator.requests:
            await asyncio.sleep(0.001)
        with pytest.raises(DeadlineExceeded) as caught:
            await client.post_api("/file/create", world.drive, {"deadline": 0.05})
        assert not caught.value.may_have_happened
        assert caught.value.attempts == 0
        stalled.cancel()
    assert not world.emulator.requests.of("/file/create")


async def test_a_server_that_is_down_is_not_stormed(world):
    """100 % 503: requests beyond the first of each call are bounded by the retry budget. When the
    server recovers so does the client, and with it the budget."""
    arguments = world.get("photo.JPG")

    async def calls(count):
        get = world.client.file.get
        return await asyncio.gather(
            *(get(**arguments) for _ in range(count)), return_exceptions=True
        )

    world.emulator.faults.add("*", Fault.status(503), times=None)
    assert {type(one) for one in await calls(150)} == {ServiceFailure}
    assert 150 < len(world.emulator.requests) <= 150 + 500 // 5
    world.emulator.requests.clear()
    await calls(150)
    assert len(world.emulator.requests) == 150, "nothing is left to pay retries with"
    world.emulator.faults.clear()
    assert {file.name for file in await calls(50)} == {"photo.JPG"}
    world.emulator.faults.add("/file/get", Fault.status(503))
    assert [file.name for file in await calls(1)] == ["photo.JPG"]


async def test_a_domain_that_throttles_is_paced(world):
    """Ten times what it takes: every call succeeds, and the refusals teach the client its rate:
    without that they would be 650 instead of 85, and a third of the calls would fail."""
    world.emulator.rate_limit = 20
    arguments = world.get("photo.JPG")
    files = await asyncio.gather(*(world.client.file.get(**arguments) for _ in range(200)))
    assert {file.name for file in files} == {"photo.JPG"}
    statuses = [record.status for record in world.emulator.requests]
    assert statuses.count(200) == 200
    assert statuses.count(429) <= 200


@pytest.mark.parametrize(("markers", "rows"), [("AA", 2), ("ABAB", 3)])
async def test_a_listing_that_goes_in_circles_ends_with_an_error(world, markers, rows):
    """The same marker at once or after others; what was read was delivered."""
    for marker in markers * 3:
        page = {"items": [{"file_id": "x"}], "next_marker": marker}
        world.emulator.faults.add("/file/search", Fault.json(page))
    read = []
    with pytest.raises(DecodeError, match="sent before"):
        async for file in world.client.file.search(**world.drive, query=F.size >= 0):
            read.append(file)
    assert len(read) == rows
    assert len(world.emulator.requests.of("/file/search")) == rows


async def test_a_listing_of_empty_pages_ends_with_an_error(world):
    """New markers alone are no progress."""
    for n in range(1_100):
        page = {"items": None, "next_marker": f"m{n}"}
        world.emulator.faults.add("/file/search", Fault.json(page))
    with pytest.raises(DecodeError, match="without a row"):
        await world.client.file.search(**world.drive, query=F.size >= 0).collect()


async def test_a_reading_is_not_disturbed_by_changes(world):
    """Files that were there throughout come once each, whatever is added or removed meanwhile."""
    pager = world.client.file.search(
        **world.drive, query=F.size >= 0, order_by=F.name.asc(), limit=2
    )
    names = []
    async for page in pager.pages():
        names += [file.name for file in page.items]
        if len(names) == 2:
            await world.emulator.add_files([{"name": "0 first"}, {"name": "zzz last"}])
            await world.emulator.delete_file(world.ids["photo.JPG"])
    there = set(world.ids) - {"photo.JPG"}
    assert [name for name in names if name in there] == sorted(there)
    assert names[-1] == "zzz last"
    assert "0 first" not in names


async def test_a_marker_goes_on_with_its_own_query(world):
    """The service ignores the query beside a marker: what is read on is the old search."""
    search = world.client.file.search
    reading = search(**world.drive, query=F.size >= 0, order_by="name ASC", limit=4).pages()
    first = [file.name for file in (await anext(reading)).items]
    rest = await search(**world.drive, query=F.size > 10**6, marker=reading.marker).collect()
    assert sorted(first + [file.name for file in rest]) == sorted(world.ids)
