"""However a bulk search ends, nothing of it is left; and it never reads far ahead."""

from __future__ import annotations

import asyncio
import gc
import signal
import subprocess
import sys
import tracemalloc
from typing import Any

import pytest

from pdsclient import ClientClosed, InvalidRequest
from pdsclient.emulator import Fault


@pytest.fixture
def pages_of_three(small: Any) -> Any:
    """Pages are so small that a few files make many."""
    with small() as patch:
        patch.setattr("pdsclient.bulk.workers.PAGE", 3)
        yield


def jobs_of_a_generator(closed: list[bool]) -> Any:
    """An endless source that says when it was closed."""

    async def source() -> Any:
        try:
            while True:
                yield "size >= 0"
        finally:
            closed.append(True)

    return source()


def tasks_of_the_client() -> set[asyncio.Task[Any]]:
    """All tasks but those with which the emulator serves its connections."""
    names = {task: task.get_coro().__qualname__ for task in asyncio.all_tasks()}
    return {task for task, name in names.items() if not name.startswith(SERVER)}


SERVER = ("RequestHandler.", "Service.", "Event.")


class Oops(Exception):
    """Something that happens in the body of the block."""


@pytest.mark.parametrize("partition", [None, "created_at"])
@pytest.mark.parametrize("way", ["break", "raise", "cancel", "before the first hit"])
async def test_leaving_early_leaves_nothing_behind(
    world: Any, pages_of_three: None, way: str, partition: str | None, tmp_path: Any
) -> None:
    """No task, and the source of the jobs is closed, whatever ends the block."""
    await world.fill(30)
    tasks = tasks_of_the_client()
    closed: list[bool] = []

    async def use() -> None:
        async with world.client.bulk_search(
            jobs_of_a_generator(closed),
            drive_id="1",
            partition=partition,
            concurrency=4,
            checkpoint=tmp_path / "c" if way == "break" else None,
        ) as results:
            if way == "before the first hit":
                return
            async for _ in results:
                if way == "break":
                    break
                if way == "raise":
                    raise Oops
                asyncio.current_task().cancel()

    (outcome,) = await asyncio.gather(asyncio.ensure_future(use()), return_exceptions=True)
    assert type(outcome) is {"raise": Oops, "cancel": asyncio.CancelledError}.get(way, type(None))
    assert tasks_of_the_client() == tasks
    assert closed == ([True] if way != "before the first hit" else [])


async def test_a_search_can_be_cancelled_at_any_moment(
    simulator: Any, kit: Any, tmp_path: Any
) -> None:
    """Also while it starts, stops or writes its checkpoint: no task is left."""
    drive = kit.drive([kit.row(n, 1_000.0 + n) for n in range(30)])
    tasks = tasks_of_the_client()

    async def use() -> None:
        async with client.bulk_search(
            ["size >= 0"] * 2,
            drive_id="1",
            partition="created_at",
            checkpoint=tmp_path / "c",
            concurrency=3,
        ) as results:
            async for _ in results:
                pass

    with simulator.serving(drive) as client:
        for moment in range(120):
            task = asyncio.ensure_future(use())
            for _ in range(moment):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            assert tasks_of_the_client() == tasks, moment
            drive.asked.clear()


async def test_a_consumer_that_is_cancelled_can_go_on(
    simulator: Any, kit: Any, tmp_path: Any
) -> None:
    """A time limit on a single hit loses none and repeats none, with a checkpoint too."""
    drive = kit.drive([kit.row(n, 1_000.0 + n) for n in range(30)])
    with simulator.serving(drive) as client:
        for patience in range(1, 60, 3):
            drive.asked.clear()
            async with client.bulk_search(
                "size >= 0", drive_id="1", partition="created_at", checkpoint=tmp_path / "c"
            ) as results:
                found = await take_impatiently(results, patience)
            assert sorted(found) == list(range(30)), patience


async def take_impatiently(results: Any, patience: int) -> list[int]:
    """All hits; the consumer is cancelled after so many turns, twenty times."""
    found: list[int] = []
    cancelled = 0
    while True:
        turn = asyncio.ensure_future(anext(results, None))
        for _ in range(patience):
            await asyncio.sleep(0)
        if not turn.done() and cancelled < 20:
            cancelled += turn.cancel()
        await asyncio.wait([turn])
        if turn.cancelled():
            continue
        if turn.result() is None:
            return found
        found.append(turn.result().file.size)


async def test_two_tasks_cannot_take_at_the_same_time(simulator: Any, kit: Any) -> None:
    """The second one is told so; it used to wait for ever."""
    drive = kit.drive([kit.row(n, 1_000.0 + n) for n in range(30)])
    with simulator.serving(drive) as client:
        async with client.bulk_search("size >= 0", drive_id="1") as results:
            first = asyncio.ensure_future(anext(results))
            await asyncio.sleep(0)
            with pytest.raises(InvalidRequest, match="two tasks"):
                await anext(results)
            await first
            assert len([hit async for hit in results]) == 29


async def test_after_the_block_there_are_no_hits(simulator: Any, kit: Any) -> None:
    """What was not taken is gone, and says so; it must not look like the end of the hits."""
    drive = kit.drive([kit.row(n, 1_000.0 + n) for n in range(30)])
    with simulator.serving(drive) as client:
        async with client.bulk_search("size >= 0", drive_id="1") as results:
            await anext(results)
        async with client.bulk_search("size >= 0", drive_id="1") as others:
            batches = others.batches()
            await anext(batches)
        async with client.bulk_search("size >= 0", drive_id="1") as untouched:
            pass
    for late in (results, batches, untouched):
        with pytest.raises(InvalidRequest, match="block of this bulk search has ended"):
            await anext(aiter(late))


async def test_who_still_waits_when_the_block_ends_is_told(simulator: Any, kit: Any) -> None:
    """A task that takes hits does not wait for ever."""
    drive = kit.drive([kit.row(n, 1_000.0 + n) for n in range(30)])
    with simulator.serving(drive) as client:
        async with client.bulk_search("size >= 0", drive_id="1") as results:
            waiting = asyncio.ensure_future(anext(results))
            await asyncio.sleep(0)
        with pytest.raises(InvalidRequest, match="block of this bulk search has ended"):
            await waiting


async def test_a_client_that_is_closed_meanwhile_ends_the_search(
    world: Any, pages_of_three: None
) -> None:
    """With the error that says so."""
    await world.fill(30)
    client = world.connect(token_info=world.emulator.token_info)
    async with client.bulk_search("size >= 0", drive_id="1") as results:
        await anext(results)
        await client.aclose()
        with pytest.raises(ClientClosed):
            async for _ in results:
                pass


async def test_a_search_that_stalls_can_be_left(world: Any) -> None:
    """Requests on the wire are given up."""
    world.emulator.faults.add("/file/search", Fault.stall(), times=None)
    tasks = tasks_of_the_client()
    async with asyncio.timeout(5):
        async with world.client.bulk_search(["size >= 0"] * 9, drive_id="1") as results:
            waiting = asyncio.ensure_future(anext(results))
            while len(world.searches) < 9:
                await asyncio.sleep(0.001)
            waiting.cancel()
    assert tasks_of_the_client() == tasks


@pytest.mark.parametrize("ordered", [False, True])
async def test_while_the_consumer_holds_still_little_is_read(
    simulator: Any, kit: Any, ordered: bool
) -> None:
    """A page for each worker, in order a few more; then the server has peace."""
    drive = kit.drive([kit.row(n, 1_000.0 + n) for n in range(2_000)], kit.habits(page=2))
    search = {"order_by": "created_at DESC", "partition": "created_at", "ordered": ordered}
    with simulator.serving(drive) as client:
        async with client.bulk_search(
            "size >= 0", drive_id="1", concurrency=4, **search
        ) as results:
            await anext(results)
            for _ in range(3_000):
                await asyncio.sleep(0)
            # Measures of far ends and the first page come on top.
            assert len(drive.asked) <= (4 * 7 + 8 if ordered else 4 + 6)
            before = len(drive.asked)
            for _ in range(1_000):
                await asyncio.sleep(0)
            assert len(drive.asked) == before
            assert results.stats.waiting_for == "consumer"


async def test_memory_does_not_grow_with_the_hits(simulator: Any, kit: Any) -> None:
    """Three hundred pages through a consumer that looks at each hit and lets it go."""
    drive = kit.drive([kit.row(n, 1_000.0 + n) for n in range(6_000)], kit.habits(page=20))
    seen: list[int] = []
    with simulator.serving(drive) as client:
        async with client.bulk_search(
            "size >= 0", drive_id="1", partition="created_at", concurrency=4
        ) as results:
            tracemalloc.start()
            try:
                number = 0
                async for _ in results:
                    number += 1
                    if number % 2_000 == 1_000:
                        drive.asked.clear()
                        gc.collect()
                        seen.append(tracemalloc.get_traced_memory()[0])
            finally:
                tracemalloc.stop()
    assert number == 6_000
    assert seen[2] - seen[0] < 400_000


INTERRUPTED = """
import asyncio, sys
from pdsclient import AsyncPDSClient
from pdsclient.emulator import Emulator

async def main():
    async with Emulator() as emulator:
        await emulator.add_files([{"name": f"f{n}", "size": n} for n in range(300)])
        async with AsyncPDSClient(
            api_endpoint=emulator.api_endpoint, token_info=emulator.token_info
        ) as client:
            jobs = ("size >= 0" for _ in iter(int, 1))
            async with client.bulk_search(jobs, drive_id="1", checkpoint=sys.argv[1]) as results:
                async for number, _ in aenumerate(results):
                    if number == 500:
                        print("going", flush=True)

async def aenumerate(source):
    number = 0
    async for one in source:
        yield number, one
        number += 1

try:
    asyncio.run(main())
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent by a signal")
def test_ctrl_c_ends_a_search_cleanly(tmp_path: Any) -> None:
    """No warning of tasks or sockets left, and the checkpoint is there."""
    checkpoint = tmp_path / "c"
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", INTERRUPTED, str(checkpoint)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "going\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert out == "interrupted\n", err
    # Those of the interpreter's debug mode on slow steps are none of ours.
    assert [line for line in err.splitlines() if "Warning" in line or "destroyed" in line] == []
    assert checkpoint.exists()
