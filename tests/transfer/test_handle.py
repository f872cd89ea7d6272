"""The handle of a transfer: beginning, pausing, cancelling, watching, ending with the client."""

from __future__ import annotations

import asyncio
import pickle

import pytest

from pdsclient import AsyncPDSClient, ClientClosed, InvalidRequest, PDSError, RuntimeContext
from pdsclient.errors import ServiceFailure
from pdsclient.transfer import Transfer
from pdsclient.transfer.control import Control


class FakeTime:
    """A clock that moves when somebody sleeps."""

    now = 1_000.0

    def monotonic(self):
        return self.now

    def time(self):
        return self.now

    async def sleep(self, seconds):
        self.now += seconds
        await asyncio.sleep(0)


@pytest.fixture
def time():
    """Time under the test's control."""
    return FakeTime()


@pytest.fixture
async def client(time):
    """A client that is connected to nobody."""
    context = RuntimeContext(clock=time, sleep=time.sleep)
    async with AsyncPDSClient(api_endpoint="http://127.0.0.1:9", context=context) as client:
        yield client


class Parts:
    """Work of so many parts, each of which waits until the test lets it through."""

    def __init__(self, count, time):
        self.count, self.time = count, time
        self.begun = []
        self.doors = [asyncio.Event() for _ in range(count)]

    async def part(self, control, number):
        async with control.lane() as lane:
            self.begun.append(number)
            await self.doors[number].wait()
            lane.moved += 10
            await control.passed(10)
            control.meter.part_done()
            self.time.now += 1

    async def __call__(self, control):
        control.meter.expect(bytes=10 * self.count, parts=self.count, files=1)
        async with asyncio.TaskGroup() as group:
            for number in range(self.count):
                group.create_task(self.part(control, number))
        control.outcome = "moved"
        return "result"

    def open(self, *numbers):
        for number in numbers or range(self.count):
            self.doors[number].set()


def transfer(client, work, **options):
    control = Control(client._engine, **{"concurrency": 2, "bandwidth": None, **options})
    return Transfer(control, work, "upload of x")


async def settle():
    """Lets everything run that can run."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_awaiting_begins_it_and_gives_its_result(client, time):
    """As often as one likes, also by several at once."""
    parts = Parts(3, time)
    parts.open()
    moving = transfer(client, parts)
    assert moving.state == "waiting"
    assert await asyncio.gather(moving, moving) == ["result", "result"]
    assert await moving == "result"
    assert (moving.state, moving.outcome, moving.progress.bytes_done) == ("done", "moved", 30)


async def test_starting_does_not_wait(client, time):
    """It runs by itself, and belongs to the client until it is over."""
    parts = Parts(3, time)
    moving = transfer(client, parts).start()
    assert moving.start() is moving
    await settle()
    assert (moving.state, parts.begun) == ("running", [0, 1])
    parts.open()
    assert await moving == "result"
    assert client._engine.shared._jobs == set()


async def test_a_pause_lets_parts_under_way_finish_and_begins_no_other(client, time):
    """It says when nothing is under way any more."""
    parts = Parts(4, time)
    moving = transfer(client, parts).start()
    await settle()
    moving.pause()
    assert moving.state == "pausing"
    parts.open(0, 1)
    await settle()
    assert (moving.state, parts.begun) == ("paused", [0, 1])
    assert moving.progress.remaining_s is not None
    moving.resume()
    assert moving.state == "running"
    parts.open()
    assert await moving == "result"
    moving.pause()
    assert moving.state == "done"


async def test_a_pause_before_the_start_holds_everything_back(client, time):
    """Nothing begins until it is resumed."""
    parts = Parts(1, time)
    parts.open()
    moving = transfer(client, parts)
    moving.pause()
    moving.start()
    await settle()
    assert (moving.state, parts.begun) == ("paused", [])
    moving.resume()
    assert await moving == "result"


@pytest.mark.parametrize("started", [True, False])
async def test_cancelling_ends_it_for_all_who_wait(client, time, started):
    """Also before its first step; afterwards nothing of it is left."""
    parts = Parts(2, time)
    moving = transfer(client, parts)
    if started:
        moving.start()
        await settle()
    moving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await moving
    assert moving.state == "cancelled"
    assert client._engine.shared._jobs == set()


async def test_cancelling_who_waits_cancels_the_transfer(client, time):
    """As with a task; a time limit is all it takes."""
    moving = transfer(client, Parts(1, time))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(moving, 0.01)
    assert moving.state == "cancelled"


async def test_a_failure_is_raised_and_is_its_state(client):
    """Whoever watches sees it, whoever awaits gets it."""

    async def fails(control):
        raise PDSError("no")

    moving = transfer(client, fails)
    states = []
    moving.on("state", lambda state, progress: states.append((state, progress.state)))
    with pytest.raises(PDSError, match="no"):
        await moving
    assert states == [("running", "running"), ("failed", "failed")]


async def test_closing_the_client_cancels_what_it_has_started(time):
    """While calls can still be made, so that it can clean up."""
    cleaned = []

    async def work(control):
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append(control.engine.shared.closed)

    client = AsyncPDSClient(api_endpoint="http://127.0.0.1:9")
    moving = transfer(client, work).start()
    await settle()
    await client.aclose()
    assert (moving.state, cleaned) == ("cancelled", [False])
    with pytest.raises(ClientClosed):
        await transfer(client, work)


async def test_progress_is_told_ten_times_a_second_and_at_the_end(client, time):
    """However small the steps are."""
    told = []

    async def work(control):
        control.meter.expect(bytes=1_000)
        for _ in range(1_000):
            await control.passed(1)
            time.now += 0.01

    moving = transfer(client, work)
    moving.on("progress", told.append)
    await moving
    assert 90 < len(told) < 110
    assert (told[-1].state, told[-1].bytes_done, told[-1].speed) == (
        "done",
        1_000,
        pytest.approx(100),
    )
    middle = told[50]
    assert middle.speed == pytest.approx(100, rel=0.05)
    assert middle.remaining_s == pytest.approx((1_000 - middle.bytes_done) / middle.speed)


async def test_listeners_cannot_disturb_it(client, time, caplog):
    """One that raises is logged; an async one is waited for at the end; one may pause it."""
    heard = []

    def fails(*_):
        raise ValueError("broken")

    async def listens(state, _):
        await asyncio.sleep(0)
        heard.append(state)

    parts = Parts(1, time)
    parts.open()
    moving = transfer(client, parts)
    moving.on("progress", fails)
    moving.on("state", listens)
    moving.once("progress", lambda _: (moving.pause(), moving.resume()))
    assert await moving == "result"
    assert heard == ["running", "paused", "running", "done"]
    assert "a listener of 'progress' failed" in caplog.text
    with pytest.raises(InvalidRequest, match="progress, state"):
        moving.on("error", fails)


async def test_the_bandwidth_is_kept_and_parts_sent_again_are_taken_back(client, time):
    """The pieces of a content go at the speed that was set, and count once."""
    control = Control(client._engine, concurrency=1, bandwidth=1_000_000)
    began = time.now
    content = bytes(1_000_000)
    sending = control.sending()
    for _ in range(2):
        sent = [bytes(piece) async for piece in sending.pieces(content)]
        assert b"".join(sent) == content
        assert control.meter.bytes_done == len(content)
    assert time.now - began == pytest.approx(2, abs=0.2)
    for arrived in (len(content), 0):
        sending.settle(arrived)
        assert control.meter.bytes_done == arrived


async def test_trouble_of_the_line_makes_fewer_lanes(client):
    """A failure of the server or the connection counts, one of the transfer does not."""
    control = Control(client._engine, concurrency=8, bandwidth=None)
    for error, limit in ((PDSError("x"), 8), (ServiceFailure("x", status=503), 4)):
        with pytest.raises(PDSError):
            async with control.lane():
                raise error
        assert control.lanes.limit == limit


async def test_files_of_a_tree_are_counted_together_and_listed(client, time):
    """Each has its own checkpoint and counters; bytes and parts add up."""

    async def work(control):
        with control.file("a/b") as child:
            child.meter.expect(bytes=10)
            child.checkpoint, child.outcome = "place", "uploaded"
            await child.passed(4)
            child.meter.kept(1)
            assert moving.active["a/b"].bytes_done == 5
        assert moving.active == {}

    moving = transfer(client, work)
    await moving
    assert (moving.progress.bytes_done, moving.checkpoint, moving.outcome) == (5, None, "")


async def test_the_handle_shows_itself_in_a_line(client, time):
    """And refuses to be pickled."""
    parts = Parts(2, time)
    parts.open()
    moving = transfer(client, parts)
    assert repr(moving) == "<Transfer upload of x: waiting>"
    with pytest.raises(InvalidRequest, match="its checkpoint can"):
        pickle.dumps(moving)
    await moving
    assert str(moving.progress) == "20 B, 10 B/s, done, took 2.0 s"


async def test_one_that_is_never_begun_warns(client, time):
    """As a coroutine does; without it a forgotten ``await`` would go unnoticed."""
    moving = transfer(client, Parts(1, time))
    with pytest.warns(RuntimeWarning, match=r"<Transfer upload of x: waiting> was never awaited"):
        del moving
    with pytest.raises(InvalidRequest, match="concurrency"):
        transfer(client, Parts(1, time), concurrency=0)


async def test_with_a_bandwidth_few_parts_begin_at_once(client, time):
    """So that some of them are finished when it is paused or cut."""
    limits = {
        bandwidth: Control(client._engine, concurrency=16, bandwidth=bandwidth).lanes.limit
        for bandwidth in (1, 1e6, 1e7, 1e8, None)
    }
    assert limits == {1: 1, 1e6: 1, 1e7: 2, 1e8: 8, None: 8}
