"""Contents as streams."""

from __future__ import annotations

import asyncio

import pytest

from pdsclient import ContentChanged, ContentMismatch, InvalidRequest, NotFound, PDSError
from pdsclient.emulator import Fault, Settings

SIZE = 3 * (1 << 20) + 5


@pytest.fixture
async def file(ground, content):
    """A file of a few pieces."""
    made = await ground.add("a", content(SIZE))
    ground.emulator.requests.clear()
    return made


async def collected(stream) -> bytes:
    """All that it gives."""
    return b"".join([chunk async for chunk in stream])


async def test_chunks_come_in_order(ground, content, file):
    """As bytes, and one question for all of them."""
    async with ground.client.open(file) as stream:
        assert (stream.file, stream.size, stream.at) == (file, SIZE, 0)
        chunks = [chunk async for chunk in stream]
        assert stream.at == SIZE
    assert b"".join(chunks) == content(SIZE)
    assert all(type(chunk) is bytes and chunk for chunk in chunks)
    assert ground.gets == [(None, None, 200)]


async def test_as_many_bytes_as_wanted_are_read(ground, content, file):
    """Exactly, until the end; then what is left, then none."""
    async with ground.client.open(file.file_id, **ground.drive) as stream:
        assert await stream.read(0) == b""
        assert await stream.read(100) == content(SIZE)[:100]
        assert await stream.read(1_000_001) == content(SIZE)[100:1_000_101]
        assert stream.at == 1_000_101
        chunk = await anext(stream)
        assert chunk == content(SIZE)[1_000_101 : 1_000_101 + len(chunk)]
        rest = await stream.read()
        assert rest == content(SIZE)[1_000_101 + len(chunk) :]
        assert (await stream.read(5), await stream.read()) == (b"", b"")
        assert repr(stream) == "<ContentStream at 3,145,733 of 3,145,733 bytes>"


SPANS = [
    (0, None), (0, 10), (5, None), (5, 10), (5, 5), (10, 5), (-7, None), (-7, SIZE - 3),
    (-SIZE - 9, 4), (SIZE - 1, None), (SIZE, None), (SIZE + 9, None), (3, SIZE + 9),
]  # fmt: skip


@pytest.mark.parametrize(("first", "stop"), SPANS)
async def test_a_range_is_read(ground, content, file, first, stop):
    """As slices of bytes do it; what is empty asks for nothing."""
    async with ground.client.open(file, start=first, stop=stop) as stream:
        assert await stream.read() == content(SIZE)[first:stop]
    assert bool(ground.gets) == bool(content(SIZE)[first:stop])


async def test_a_server_that_ignores_ranges_is_read_all_the_same(start, content):
    """What is in front is passed by, and what is behind is not waited for."""
    async with start(settings=Settings(ranges="ignored")) as ground:
        file = await ground.add("a", content(SIZE))
        for first, stop in ((5, 10), (SIZE - 5, None), (-3, None)):
            async with ground.client.open(file, start=first, stop=stop) as stream:
                assert await collected(stream) == content(SIZE)[first:stop]
        ground.emulator.faults.add("/data", Fault.truncate(1_000_000))
        async with ground.client.open(file) as stream:
            assert await collected(stream) == content(SIZE)


@pytest.mark.parametrize(
    "fault", [Fault.truncate(1000, end="reset"), Fault.expired(), Fault.status(503), Fault.close()]
)
async def test_a_break_is_overcome(ground, content, file, fault):
    """It goes on behind what it has given."""
    ground.emulator.faults.add("/data", fault, times=2)
    async with ground.client.open(file) as stream:
        assert await collected(stream) == content(SIZE)


async def test_it_may_be_read_slowly(ground, content, file):
    """An hour after its beginning the connection is gone and the URL has expired."""
    ground.emulator.faults.add("/data", Fault.truncate(500_000))
    async with ground.client.open(file) as stream:
        first = await stream.read(500_000)
        ground.emulator.clock.advance(3600)
        assert first + await stream.read() == content(SIZE)
    assert ground.asked("/file/get_download_url") == 2


async def test_wrong_bytes_are_not_all_given(ground, content, file):
    """The last piece is held back until the whole is known to be right."""
    ground.emulator.faults.add("/data", Fault.corrupt(0), times=None)
    async with ground.client.open(file) as stream:
        with pytest.raises(ContentMismatch, match="CRC-64"):
            await stream.read(SIZE)
    taken = []
    async with ground.client.open(file) as stream:
        with pytest.raises(ContentMismatch):
            async for chunk in stream:
                taken.append(len(chunk))
    assert sum(taken) < SIZE
    # A part of it cannot be checked.
    async with ground.client.open(file, stop=SIZE - 1) as stream:
        assert len(await stream.read()) == SIZE - 1


async def test_a_changed_file_is_noticed(ground, content, file):
    """By what its new URL tells."""
    ground.emulator.faults.add("/data", Fault.truncate(500_000))
    async with ground.client.open(file) as stream:
        await stream.read(100)
        await ground.client.save_file_content(
            content(99), name="a", check_name_mode="overwrite", **ground.drive
        )
        ground.emulator.clock.advance(3600)
        with pytest.raises(ContentChanged):
            await stream.read()


async def test_a_range_that_is_gone_is_a_change(ground, file):
    """416: it has become shorter."""
    ground.emulator.faults.add("/data", Fault.storage(416, "InvalidRange", "no"))
    async with ground.client.open(file, start=5) as stream:
        with pytest.raises(ContentChanged):
            await stream.read()


async def test_leaving_early_closes_the_connection(ground, file):
    """At once; it would be of no use for anything else."""
    async with ground.world.connect(
        token_info=ground.emulator.token_info, max_connections=1
    ) as client:
        for _ in range(3):
            async with client.open(file) as stream:
                await stream.read(10)
        with pytest.raises(ZeroDivisionError):
            async with client.open(file) as stream:
                async for _ in stream:
                    raise ZeroDivisionError
        assert (await client.file.get(**ground.drive, file_id=file.file_id)).size == SIZE


async def test_it_is_read_inside_its_block_only(ground, file):
    """Before and after there is no connection to read from; and it is no file to rewind."""
    stream = ground.client.open(file)
    for use in (stream.read, stream.__anext__):
        with pytest.raises(InvalidRequest, match="inside async with"):
            await use()
    async with stream:
        await stream.read(1)
    with pytest.raises(InvalidRequest, match="inside async with"):
        aiter(stream)
    with pytest.raises(InvalidRequest, match="open another one"):
        async with stream:
            pass
    assert "secret" not in repr(stream)


async def test_a_cancelled_read_loses_nothing(ground, content, file):
    """Neither bytes nor what is known of their checksum."""
    for most in (SIZE, 300_000):
        parts = []
        async with ground.client.open(file) as stream:
            turns = 0
            while stream.at < SIZE:
                reading = asyncio.create_task(stream.read(most))
                for _ in range(turns % 7):
                    await asyncio.sleep(0)
                if turns < 200:
                    reading.cancel()
                turns += 1
                try:
                    parts.append(await reading)
                except asyncio.CancelledError:
                    continue
        assert b"".join(parts) == content(SIZE)


async def test_the_size_may_be_unknown(ground, content, file):
    """The storage tells it with its first answer; one end is found by asking for a byte."""
    url = await ground.client.file.get_download_url(**ground.drive, file_id=file.file_id)
    told = Fault.json({"url": url.url})
    ground.emulator.faults.add("/file/get_download_url", told, times=None)
    async with ground.client.open("f", drive_id="1") as stream:
        assert (stream.size, repr(stream)) == (None, "<ContentStream at 0 of ? bytes>")
        assert await collected(stream) == content(SIZE)
        assert stream.size == SIZE
    async with ground.client.open("f", drive_id="1", start=-5) as stream:
        assert await stream.read() == content(SIZE)[-5:]
    async with ground.client.open("f", drive_id="1", start=SIZE - 5, stop=SIZE + 5) as stream:
        assert await stream.read() == content(SIZE)[-5:]


async def test_an_empty_file_is_an_empty_stream(ground):
    """It has no range that could be asked for."""
    file = await ground.add("empty")
    for span in ({}, {"start": -5}, {"stop": 7}):
        async with ground.client.open(file, **span) as stream:
            assert (await stream.read(), stream.size) == (b"", 0)
    assert ground.gets == []


async def test_a_revision_is_read(ground, content):
    """An old one, though there is a newer one."""
    client = ground.client
    old = await client.save_file_content(content(500), name="a", **ground.drive)
    await client.save_file_content(
        content(70), name="a", check_name_mode="overwrite", **ground.drive
    )
    async with client.open(old, revision_id=old.revision_id) as stream:
        assert await stream.read() == content(500)


async def test_what_is_not_there_is_not_found(ground):
    """When the block is entered."""
    with pytest.raises(NotFound):
        async with ground.client.open("0" * 40, **ground.drive):
            pass


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"start": "1"}, "start must be a number of bytes"),
        ({"start": True}, "start must be a number of bytes"),
        ({"start": None}, "start must be a number of bytes"),
        ({"stop": 1.5}, "stop must be a number of bytes"),
        ({"stop": -1}, "stop must be 0 or more"),
        ({"drive_id": None}, "drive_id or share_id"),
    ],
)
async def test_wrong_arguments_are_refused(nowhere, arguments, word):
    """Where the call is written."""
    with pytest.raises(InvalidRequest, match=word):
        nowhere.open(**{"file": "f", "drive_id": "1", **arguments})


@pytest.mark.parametrize("n", [-2, 1.5, True, "1"])
async def test_a_wrong_number_of_bytes_is_refused(ground, file, n):
    """It names what is right."""
    async with ground.client.open(file) as stream:
        with pytest.raises(InvalidRequest, match="n must be"):
            await stream.read(n)


async def test_an_error_shows_no_url(ground, file):
    """Wherever it comes from."""
    ground.emulator.faults.add("/data", Fault.status(403))
    async with ground.client.open(file) as stream:
        with pytest.raises(PDSError) as caught:
            await stream.read()
    shown = f"{caught.value!r}{caught.value.stack}{caught.value.req_opt!r}{stream!r}"
    assert "Signature=" not in shown.replace("Signature=***", "")


async def test_python_may_be_too_slow_for_a_checksum(ground, content, file, monkeypatch):
    """Then the length has to do, and nobody waits for minutes."""
    monkeypatch.setattr("pdsclient.transfer._download_moving.is_fast", lambda: False)
    ground.emulator.faults.add("/data", Fault.corrupt(0))
    async with ground.client.open(file) as stream:
        assert len(await stream.read()) == SIZE
