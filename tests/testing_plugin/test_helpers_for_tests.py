"""``pdsclient.testing`` without pytest: with one loop, with several, and with none."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from pdsclient import ClientClosed, RetryPolicy
from pdsclient.emulator import Emulator, Fault
from pdsclient.testing import connected_client, running_emulator


def names() -> list[str]:
    return [thread.name for thread in threading.enumerate()]


def test_emulator_answers_while_the_block_lasts() -> None:
    """Any number of loops may use it in turn; afterwards no thread is left."""
    before = names()
    with running_emulator() as emulator, connected_client(emulator) as client:
        for _ in range(2):
            asyncio.run(client.drive.get_default_drive())
        assert "pds-emulator" in names()
    assert names() == before
    with pytest.raises(ClientClosed):
        asyncio.run(client.drive.get_default_drive())


async def test_emulator_is_filled_from_the_test() -> None:
    """Its coroutines are awaited where the test runs, and its other methods called there."""
    with running_emulator() as emulator:
        (file_id,) = await emulator.add_files([{"name": "a.txt", "content": b"abc"}])
        emulator.faults.add("/file/get", Fault.status(404, "NotFound.File"), times=0)
    assert file_id


def test_waits_take_no_time() -> None:
    """A call that is retried for minutes is over at once, and the emulator's clock has moved."""
    retry = RetryPolicy(attempts=6, base_s=20, cap_s=60)
    with running_emulator() as emulator, connected_client(emulator, retry=retry) as client:
        emulator.faults.add("/drive/get_default_drive", Fault.status(503), times=5)
        began, then = time.monotonic(), emulator.clock.monotonic()
        asyncio.run(client.drive.get_default_drive())
        assert time.monotonic() - began < 5
        assert emulator.clock.monotonic() - then > 20


def test_token_that_dies_is_replaced() -> None:
    """The client refreshes it as a real one does, so that tests can let hours pass."""
    with running_emulator() as emulator, connected_client(emulator) as client:
        asyncio.run(client.drive.get_default_drive())
        emulator.clock.advance(3 * 3600)
        asyncio.run(client.drive.get_default_drive())
        assert len(emulator.requests.of("/oauth/token")) == 1


def test_client_is_closed_in_the_loop_that_it_lives_in() -> None:
    """Test frameworks keep their loop beyond the test; no connection is left in it."""
    with asyncio.Runner() as runner, running_emulator() as emulator:
        with connected_client(emulator) as client:
            runner.run(client.drive.get_default_drive())
        assert client._engine.shared.transport._home is None


def test_emulator_that_cannot_start_leaves_nothing() -> None:
    """The error is the emulator's own, and its thread is gone."""
    before = names()
    with running_emulator() as first:
        port = int(first.api_endpoint.rpartition(":")[2])
        with pytest.raises(OSError, match="address"), running_emulator(port=port):
            pass
    assert names() == before
    assert isinstance(first, Emulator)
