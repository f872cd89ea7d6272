"""Standard input and output as a stream of bytes, which Ctrl-C ends whatever the other side does.

A thread that reads a pipe waits as long as nobody writes, and nothing can end it. So these wait
for the pipe in short steps, and then move no more than goes without waiting.
"""

from __future__ import annotations

import asyncio
import os
import select
import stat
import sys
import threading
from collections.abc import Callable
from typing import IO, Any, Self, TypeVar

from pdsclient.cli.terminal import ReaderGone
from pdsclient.errors import InvalidRequest

__all__ = ["StandardInput", "StandardOutput", "standard_input"]

T = TypeVar("T")

_STEP_S = 0.2
_READ_BYTES = 1 << 18
_WRITE_BYTES = 1 << 20
# What a pipe that can be written to has room for (POSIX).
_LEAST_ROOM = 512 if os.name == "nt" else select.PIPE_BUF


def standard_input() -> StandardInput | IO[bytes]:
    """What is piped in; of a file that is redirected the file, whose size is known.

    Raises:
        InvalidRequest: it is closed.
    """
    if sys.stdin is None:
        raise InvalidRequest("standard input is closed")
    stream: IO[bytes] = sys.stdin.buffer
    return stream if _is_file(stream) else StandardInput(stream)


def _is_file(stream: IO[bytes]) -> bool:
    return stat.S_ISREG(os.fstat(stream.fileno()).st_mode)


class _Pipe:
    def __init__(self, stream: IO[bytes]) -> None:
        self._descriptor = stream.fileno()
        self._left = threading.Event()

    async def _hop(self, function: Callable[..., T], *args: Any) -> T:
        try:
            return await asyncio.to_thread(function, *args)
        except asyncio.CancelledError:
            self._left.set()
            raise

    def _is_ready(self, wait: Callable[[], Any]) -> bool:
        """Wait until it is ready; False if nobody wants it any more."""
        while not self._left.is_set():
            # Windows cannot wait for a pipe.
            if os.name == "nt" or any(wait()):
                return True
        return False


class StandardInput(_Pipe):
    """An async iterator of what is piped in."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        data = await self._hop(self._read)
        if not data:
            raise StopAsyncIteration
        return data

    def _read(self) -> bytes:
        ready = self._is_ready(lambda: select.select([self._descriptor], [], [], _STEP_S))
        return os.read(self._descriptor, _READ_BYTES) if ready else b""


class StandardOutput(_Pipe):
    """A target for a download."""

    def __init__(self) -> None:
        stream = sys.stdout.buffer
        super().__init__(stream)
        self._most = _WRITE_BYTES if _is_file(stream) else _LEAST_ROOM

    async def write(self, data: bytes | memoryview) -> None:
        """Write all of it.

        Raises:
            ReaderGone: nobody reads any more.
        """
        try:
            await self._hop(self._write, memoryview(data))
        except BrokenPipeError:
            raise ReaderGone from None

    def _write(self, left: memoryview) -> None:
        while left and self._is_ready(lambda: select.select([], [self._descriptor], [], _STEP_S)):
            left = left[os.write(self._descriptor, left[: self._most]) :]
