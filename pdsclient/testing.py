"""For your own tests: an emulator for each of them, and a client of it.

With the package comes a pytest plugin: a test that has an argument ``pds_client`` or
``pds_emulator`` gets them, whatever else it uses. Without pytest the functions here do the same::

    with running_emulator() as emulator, connected_client(emulator) as client:
        ...
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from pdsclient.auth import OAuthApp
from pdsclient.client import AsyncPDSClient
from pdsclient.config import ClientFields, RuntimeContext
from pdsclient.emulator import Emulator

if TYPE_CHECKING:
    from typing import Unpack

__all__ = ["connected_client", "running_emulator"]

T = TypeVar("T")


@contextmanager
def running_emulator(**arguments: Any) -> Iterator[Emulator]:
    """An emulator that listens, in a thread of its own.

    So it serves tests with any kind of event loop or with none, and answers also while a test
    blocks its own. Its methods may be called, and those that are coroutines awaited, in the test.

    Args:
        arguments: those of ``Emulator``.
    """
    emulator = Emulator(**arguments)
    with _loop_in_thread() as run:
        run(emulator.__aenter__())
        try:
            yield emulator
        finally:
            run(emulator.aclose())


@contextmanager
def connected_client(
    emulator: Emulator, **fields: Unpack[ClientFields]
) -> Iterator[AsyncPDSClient]:
    """A client of the emulator's default user, who may do everything; closed at the end.

    Its time is the emulator's, and its waits move that clock instead of taking time: a call that
    is retried five times is over at once.

    Args:
        emulator: a running one.
        fields: of ``ClientConfig``, in place of those that lead to the emulator.
    """

    async def skip(seconds: float) -> None:
        emulator.clock.advance(seconds)
        await asyncio.sleep(0)

    settings: ClientFields = {
        "api_endpoint": emulator.api_endpoint,
        "token_info": emulator.token_info,
        "refresh_token_fun": OAuthApp(emulator.app_id),
    }
    context = RuntimeContext(clock=emulator.clock, sleep=skip)
    client = AsyncPDSClient({**settings, **fields}, context)
    try:
        yield client
    finally:
        _close(client)


def _close(client: AsyncPDSClient) -> None:
    """Close the client from outside its loop, which may live on, as that of pytest-asyncio does."""
    home = client._engine.shared.transport._home
    if home is not None and not home.loop.is_closed():
        home.loop.run_until_complete(client.aclose())
        return
    # With a factory of its own the runner leaves the thread's current loop alone.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(client.aclose())


@contextmanager
def _loop_in_thread() -> Iterator[Callable[[Coroutine[Any, Any, T]], T]]:
    """A function that runs coroutines on an event loop in another thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="pds-emulator", daemon=True)
    thread.start()

    def run(work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, loop).result()

    try:
        yield run
    finally:
        asyncio.run_coroutine_threadsafe(loop.shutdown_default_executor(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
