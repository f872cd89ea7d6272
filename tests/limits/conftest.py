"""An event loop whose time jumps to the next timer, so that no test waits."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

# Real seconds for a thread to finish; the tests' threads take milliseconds.
PATIENCE_S = 20


class _JumpingSelector(selectors.DefaultSelector):
    """Instead of waiting for a timeout it moves the clock by it.

    Attributes:
        threads: jobs that run in threads. Time stands still for them: only they can tell
            when they are done.
    """

    now = 0.0
    threads = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and not self.threads:
            ready = super().select(0)
            if not ready:
                self.now += max(0.0, timeout)
            return ready
        ready = super().select(PATIENCE_S if timeout is None else min(timeout, PATIENCE_S))
        if timeout is None and not ready:
            raise RuntimeError("nothing is scheduled any more: the test would hang")
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop that never waits; also the clock of what runs on it."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now

    monotonic = time

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        future = super().run_in_executor(executor, func, *args)
        self._jumping.threads += 1
        future.add_done_callback(self._thread_is_done)
        return future

    def _thread_is_done(self, _: object) -> None:
        self._jumping.threads -= 1

    async def shutdown_default_executor(self, *args: Any) -> None:
        self._jumping.threads += 1
        await super().shutdown_default_executor(*args)
        self._jumping.threads -= 1


@pytest.fixture
def virtual() -> Callable[[Callable[[Any], Coroutine[Any, Any, Any]]], Any]:
    """Runs a coroutine function, given the clock, in virtual time."""

    def run(main: Callable[[Any], Coroutine[Any, Any, Any]]) -> Any:
        loop = VirtualLoop()
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            return runner.run(main(loop))

    return run
