"""What listeners do is their own affair, and nothing is left when a client ends."""

from __future__ import annotations

import asyncio
import gc
import os
import re
import selectors
import subprocess
import sys
import time
import weakref
from pathlib import Path

import aiohttp
import pytest

import pdsclient
from pdsclient import AsyncPDSClient, ClientClosed, F, NotFound, RefreshFailed, RuntimeContext
from pdsclient.emulator import Emulator, Fault

MISSING = {"drive_id": "1", "file_id": "0" * 40}


def raising(error, req_opt):
    raise RuntimeError("listener")


async def asynchronous(error, req_opt):
    await asyncio.sleep(0)


async def async_raising(error, req_opt):
    await asyncio.sleep(0)
    raise RuntimeError("listener")


async def stuck(error, req_opt):
    await asyncio.Event().wait()


@pytest.mark.parametrize("listener", [None, raising, asynchronous, async_raising, stuck])
async def test_a_calls_outcome_does_not_depend_on_listeners(world, listener, monkeypatch):
    """Not told, told to one that fails, or to one that never ends: the same error at once."""
    monkeypatch.setattr("pdsclient._core.DRAIN_S", 0.01)
    if listener is not None:
        world.client.on("error", listener)
    for _ in range(3):
        with pytest.raises(NotFound) as caught:
            await asyncio.wait_for(world.client.file.get(**MISSING), 5)
        assert caught.value.code == "NotFound.FileId"
    assert (await world.client.file.get(**world.get("photo.JPG"))).name == "photo.JPG"
    await world.client.aclose()


async def test_a_listener_may_use_the_client(world):
    """Its own failures are told to nobody."""
    inner = []

    @world.client.on("error")
    async def report(error, req_opt):
        try:
            await world.client.file.get(**MISSING)
        except NotFound as failed:
            inner.append(failed)

    with pytest.raises(NotFound):
        await world.client.file.get(**MISSING)
    await world.client.events.drain(5)
    assert len(inner) == 1


async def test_a_stuck_listener_holds_a_bounded_number_of_errors(world, monkeypatch):
    """Beyond the queue's limit the oldest are let go."""
    monkeypatch.setattr("pdsclient.events.QUEUE_LIMIT", 20)
    monkeypatch.setattr("pdsclient._core.DRAIN_S", 0.01)
    world.client.on("error", stuck)
    errors = weakref.WeakSet()
    for _ in range(60):
        with pytest.raises(NotFound) as caught:
            await world.client.file.get(**MISSING)
        errors.add(caught.value)
        del caught
    gc.collect()
    assert len(errors) <= 20 + 2
    await world.client.aclose()


class CountingSelector(selectors.DefaultSelector):
    """Counts how often the event loop goes round."""

    rounds = 0

    def select(self, timeout=None):
        self.rounds += 1
        return super().select(timeout)


def test_the_loop_is_idle_after_a_listener_failed():
    """No task feeds itself: while nothing is asked for, the loop sleeps."""
    selector = CountingSelector()

    async def main():
        async with (
            Emulator() as emulator,
            AsyncPDSClient(
                api_endpoint=emulator.api_endpoint, token_info=emulator.token_info
            ) as client,
        ):
            for listener in (raising, async_raising, asynchronous):
                client.on("error", listener)
            with pytest.raises(NotFound):
                await client.file.get(**MISSING)
            await client.events.drain(5)
            before = selector.rounds
            await asyncio.sleep(0.02)
            return selector.rounds - before

    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
        assert runner.run(main()) <= 3


async def test_closing_is_final_and_may_be_repeated(world):
    """Then calls say so, and nothing is sent."""
    await world.client.file.get(**world.get("photo.JPG"))
    await world.client.aclose()
    await world.client.aclose()
    sent = len(world.emulator.requests)
    with pytest.raises(ClientClosed):
        await world.client.file.get(**world.get("photo.JPG"))
    assert len(world.emulator.requests) == sent


async def test_closing_in_the_middle_of_everything_does_not_hang(world):
    """Calls on the wire, in the queue and in a retry's wait all end, each with an error of ours
    or its result."""
    world.emulator.faults.add("/file/get", Fault.stall(), times=5)
    arguments = world.get("photo.JPG")
    client = world.connect(token_info=world.emulator.token_info, max_connections=10)
    calls = [asyncio.ensure_future(client.file.get(**arguments)) for _ in range(50)]
    while len(world.emulator.requests) < 10:
        await asyncio.sleep(0.001)
    await client.aclose()
    done, pending = await asyncio.wait(calls, timeout=5)
    assert not pending
    kinds = {type(call.exception()) for call in done}
    assert all(kind.__module__.startswith("pdsclient") for kind in kinds - {type(None)}), kinds


async def test_a_borrowed_session_stays_open(world):
    """The client has used it, and leaves it as it was."""
    async with aiohttp.ClientSession() as session:
        context = RuntimeContext(session=session)
        config = {
            "api_endpoint": world.emulator.api_endpoint,
            "token_info": world.emulator.token_info,
        }
        async with AsyncPDSClient(config, context) as client:
            await client.file.get(**world.get("photo.JPG"))
        assert not session.closed


async def test_readings_that_are_left_early_leave_nothing(world):
    """An abandoned iterator, and an abandoned block of prefetching; the world looks for tasks."""
    pager = world.client.file.search(**world.drive, query=F.size >= 0, limit=1)
    async for _ in pager:
        break
    async with pager.prefetched(2) as rows:
        async for _ in rows:
            break
    with pytest.raises(ZeroDivisionError):
        async with pager.prefetched(2) as rows:
            async for _ in rows:
                1 / 0  # noqa: B018


async def test_a_blocking_call_beneath_the_client_would_be_noticed(world):
    """What watches over these tests is awake: here the caller's own function blocks the loop."""

    async def exchange(token):
        time.sleep(0)  # noqa: ASYNC251

    async with world.connect(
        token_info=world.emulator.token_info, refresh_token_fun=exchange
    ) as client:
        with pytest.raises(RefreshFailed, match="BlockingError"):
            await client.refresh_token()


PROGRAM = """
import asyncio, gc, logging
from pdsclient import AsyncPDSClient, F, PDSError
from pdsclient.emulator import Emulator, Fault

logging.basicConfig(level=logging.WARNING)

async def main():
    asyncio.get_running_loop().slow_callback_duration = 60  # the machine may be busy
    async with Emulator() as emulator:
        ids = await emulator.add_files([{"name": f"f{n}", "size": n} for n in range(30)])

        async def exchange(token):
            return await client.post_auth_anonymous("/account/token", {
                "grant_type": "refresh_token", "refresh_token": token.refresh_token, "app_id": "A",
            })

        async with AsyncPDSClient(
            api_endpoint=emulator.api_endpoint,
            token_info=emulator.token_info,
            refresh_token_fun=exchange,
        ) as client:
            emulator.revoke(client.token_info.access_token)
            for fault in (Fault.reset(), Fault.truncate(), Fault.close(), Fault.html(200)):
                emulator.faults.add("/file/get", fault)
            calls = [
                asyncio.ensure_future(client.file.get(drive_id="1", file_id=one)) for one in ids
            ]
            await asyncio.sleep(0.01)
            for call in calls[:5]:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
            found = client.file.search(drive_id="1", query=F.size > 3, limit=7)
            assert len(await found.collect()) == 26
            async for file in found:
                break

asyncio.run(main())
gc.collect()
print("done")
"""


def test_a_program_ends_without_a_word(tmp_path):
    """Warnings are errors and asyncio is in debug mode: no warning of a resource, a coroutine or
    a task reaches the interpreter's end."""
    ended = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", PROGRAM],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(pdsclient.__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    # A busy machine makes any step slow, and asyncio's debug mode says so.
    slow = re.compile(r"Executing <.* took [\d.]+ seconds")
    said = [line for line in ended.stderr.splitlines() if not slow.match(line)]
    assert (ended.stdout, said) == ("done\n", [])
