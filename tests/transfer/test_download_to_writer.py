"""Downloads to objects with ``write``."""

from __future__ import annotations

import asyncio
import io
import threading

import pytest

from pdsclient import ContentChanged, ContentMismatch, InvalidRequest
from pdsclient.emulator import Fault

SIZE = 3 * (1 << 20) + 5


class Asynchronous:
    """Takes bytes in the loop, and fewer than it is given if it is told so."""

    def __init__(self, most=None):
        self.data = b""
        self.most = most
        self.calls = 0

    async def write(self, data, /):
        await asyncio.sleep(0)
        self.calls += 1
        taken = data[: self.most]
        self.data += taken
        return None if self.most is None else len(taken)


class Raw(io.RawIOBase):
    """Takes a part of what it is given, as raw files may."""

    def __init__(self, most):
        super().__init__()
        self.data = b""
        self.most = most
        self.threads = set()

    def writable(self):
        return True

    def write(self, data):
        self.threads.add(threading.current_thread())
        taken = bytes(data[: self.most])
        self.data += taken
        return len(taken) if taken else None


async def test_a_file_object_gets_the_bytes_in_order(ground, content):
    """It is told how many there were, and stays open."""
    file = await ground.add("a", content(SIZE))
    target = io.BytesIO(b"before")
    target.seek(6)
    transfer = ground.client.download(file, target)
    assert await transfer == SIZE
    assert target.getvalue() == b"before" + content(SIZE)
    assert transfer.outcome == "downloaded"
    assert transfer.progress.bytes_done == transfer.progress.bytes_total == SIZE


async def test_writing_may_block(ground, content):
    """It is done in threads, and again for what was not taken."""
    file = await ground.add("a", content(SIZE))
    target = Raw(700_001)
    assert await ground.client.download(file, target) == SIZE
    assert target.data == content(SIZE)
    assert threading.current_thread() not in target.threads


async def test_async_writers_are_awaited(ground, content):
    """Those that tell how much they took, and those that take it all."""
    file = await ground.add("a", content(SIZE))
    for target in (Asynchronous(), Asynchronous(700_001)):
        assert await ground.client.download(file, target) == SIZE
        assert target.data == content(SIZE)
    assert target.calls > 4


async def test_what_turns_out_to_be_async_is_awaited_too(ground, content):
    """A function that returns something to be awaited looks like any other."""
    file = await ground.add("a", content(100))
    inner = Asynchronous()

    class Disguised:
        def write(self, data):
            return inner.write(data)

    await ground.client.download(file, Disguised())
    assert inner.data == content(100)


async def test_a_stream_of_asyncio_is_written_in_the_loop(ground, content):
    """And waited for, so that nothing piles up."""
    file = await ground.add("a", content(SIZE))
    received = asyncio.get_running_loop().create_future()

    async def serve(reader, writer):
        received.set_result(await reader.read())
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await ground.client.download(file, writer) == SIZE
        writer.close()
        assert await received == content(SIZE)


@pytest.mark.parametrize("fault", [Fault.truncate(1000), Fault.expired(), Fault.status(503)])
async def test_it_goes_on_where_it_broke_off(ground, content, fault):
    """No byte is written twice."""
    file = await ground.add("a", content(SIZE))
    ground.emulator.faults.add("/data", fault, times=2)
    target = io.BytesIO()
    await ground.client.download(file, target)
    assert target.getvalue() == content(SIZE)


async def test_wrong_bytes_are_told_at_the_end(ground, content):
    """They are written already; that is what the error is for."""
    file = await ground.add("a", content(SIZE))
    ground.emulator.faults.add("/data", Fault.corrupt(SIZE - 1))
    with pytest.raises(ContentMismatch, match="CRC-64"):
        await ground.client.download(file, io.BytesIO())


async def test_a_changed_file_is_told(ground, content):
    """By a range that is not there any more."""
    file = await ground.add("a", content(SIZE))
    ground.emulator.faults.add("/data", Fault.truncate(1000))
    ground.emulator.faults.add("/data", Fault.storage(416, "InvalidRange", "no"))
    with pytest.raises(ContentChanged):
        await ground.client.download(file, io.BytesIO())


async def test_an_empty_file_writes_nothing(ground):
    """And is nothing to fail at."""
    file = await ground.add("a")
    assert await ground.client.download(file, io.BytesIO()) == 0
    assert ground.asked("/file/get_download_url") == 0
    assert await ground.client.download(file.file_id, io.BytesIO(), **ground.drive) == 0
    assert ground.gets == []


async def test_a_writer_that_fails_ends_it(ground, content):
    """With its own error."""
    file = await ground.add("a", content(SIZE))

    class Broken:
        def write(self, data):
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        await ground.client.download(file, Broken())
    with pytest.raises(BlockingIOError, match="blocking mode"):
        await ground.client.download(file, Raw(0))


async def test_cancelling_ends_it(ground, content):
    """No task and no connection is left."""
    file = await ground.add("a", content(SIZE))
    for turns in range(0, 60, 3):
        target = Asynchronous()
        transfer = ground.client.download(file, target).start()
        for _ in range(turns):
            await asyncio.sleep(0)
        transfer.cancel()
        with pytest.raises(asyncio.CancelledError):
            await transfer
        assert content(SIZE).startswith(target.data)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"target": io.StringIO()}, "binary mode"),
        ({"target": object()}, "path or an object with write"),
        ({"check_name_mode": "overwrite"}, "check_name_mode is for a target that is a path"),
        ({"resume": False}, "resume is for"),
        ({"part_size": 1 << 20}, "part_size is for"),
        ({"durable": True}, "durable is for"),
    ],
)
async def test_wrong_arguments_are_refused(nowhere, arguments, word):
    """Where the call is written."""
    with pytest.raises(InvalidRequest, match=word):
        nowhere.download(**{"file": "f", "drive_id": "1", "target": io.BytesIO(), **arguments})
