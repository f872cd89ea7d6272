"""An event loop whose time jumps to the next timer, so that no test waits."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

import pytest


class _JumpingSelector(selectors.DefaultSelector):
    """Instead of waiting for a timeout it moves the clock by it."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("nothing is scheduled any more: the test would hang")
        self.now += max(0.0, timeout)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop that never waits; also the clock of what runs on it."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now

    monotonic = time


@pytest.fixture
def virtual() -> Callable[[Callable[[Any], Coroutine[Any, Any, Any]]], Any]:
    """Runs a coroutine function, given the clock, in virtual time."""

    def run(main: Callable[[Any], Coroutine[Any, Any, Any]]) -> Any:
        loop = VirtualLoop()
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            return runner.run(main(loop))

    return run
