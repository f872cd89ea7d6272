"""What all sinks share that write a file: who may call when, and in which thread."""

from __future__ import annotations

import asyncio
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar

from pdsclient._checks import shown
from pdsclient.errors import InvalidRequest
from pdsclient.export._place import Place
from pdsclient.export._sink import Batch, Position

T = TypeVar("T")


class FileSink(ABC):
    """A sink that writes a file, in a thread for each call.

    Args:
        place: where the unfinished file is.
        options: what changes the rows; a run that goes on must have the same.
    """

    kind: ClassVar[str]

    def __init__(self, place: Place, options: dict[str, Any]) -> None:
        self._place = place
        self._identity = {"sink": self.kind, "path": place.name, "options": options}
        self._lock = threading.Lock()
        self._turn = 0

    @property
    def paths(self) -> frozenset[str]:
        """The files that it writes, links resolved: nothing else can be kept in them."""
        return frozenset(map(os.path.realpath, self._place.paths))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._place.name!r})"

    async def start(self, position: Position | None) -> None:
        """Begin anew, or go on exactly behind a position: what was written after it is cut off.

        Args:
            position: what ``write`` returned, here or in an earlier process. None begins anew;
                an unfinished file of an earlier run is lost, a finished one stays until
                ``finish`` replaces it.

        Raises:
            InvalidRequest: no file can be made there, the position is that of another file or of
                a sink with other options, the file is shorter than it says or was changed, or a
                package is missing.
            OSError: the disk failed; it names the file.
        """
        await self._in_thread(self._start, position)

    async def write(self, batches: Sequence[Batch]) -> Position:
        """Append the hits and return the position behind them.

        On return they are in the operating system: the process may be killed. If the disk fails,
        nothing was appended.

        Raises:
            InvalidRequest: the sink was not started.
            OSError: the disk failed; it names the file.
        """
        return await self._in_thread(self._write, batches)

    async def finish(self) -> None:
        """Complete the file and put it in its place, durably and in one step.

        Raises:
            InvalidRequest: the sink was not started.
            OSError: the disk failed; it names the file.
        """
        await self._in_thread(self._finish)

    async def aclose(self, *, keep: bool) -> None:
        """Let go of the file; it may be called again, and after ``finish``.

        Args:
            keep: leave the unfinished file, so that a later run can go on; else delete it.
        """
        # A call that was cancelled may still wait for its thread: it will find its turn over.
        self._turn += 1
        await self._in_thread(self._release, keep)

    async def _in_thread(self, step: Callable[..., T], *args: Any) -> T:
        return await asyncio.to_thread(self._alone, self._turn, step, *args)

    def _alone(self, turn: int, step: Callable[..., T], *args: Any) -> T:
        # Cancelling a call does not stop its thread, so the next one waits for its end.
        with self._lock:
            if turn != self._turn:
                raise InvalidRequest(f"{self!r} was closed meanwhile")
            try:
                return step(*args)
            except OSError as error:
                if error.filename is not None or error.errno is None:
                    raise
                raise OSError(error.errno, error.strerror, self._place.name) from error

    def _start(self, position: Position | None) -> None:
        if self._place.is_open:
            raise InvalidRequest(f"{self!r} is in use; make a sink for each search")
        self._place.check()
        if position is None:
            self._begin()
        else:
            self._resume(self._checked(position))

    def _checked(self, position: Position) -> Position:
        if not isinstance(position, dict):
            raise InvalidRequest(f"a position is a dict, not {type(position).__name__}")
        theirs, own = _flat(position), _flat(self._identity)
        for name, ours in own.items():
            if theirs.get(name) != ours:
                raise InvalidRequest(
                    f"{self!r} cannot go on from a position with {name} {shown(theirs.get(name))}"
                    f"; its own is {shown(ours)}. Give the sink of the earlier run, or begin anew"
                )
        return position

    def _write(self, batches: Sequence[Batch]) -> Position:
        self._check_open()
        return self._identity | self._append(batches)

    def _finish(self) -> None:
        self._check_open()
        self._publish()

    def _check_open(self) -> None:
        if not self._place.is_open:
            raise InvalidRequest(f"{self!r} is not started, or finished: await start() first")

    def _release(self, keep: bool) -> None:
        if self._place.is_open:
            self._place.close()
            if not keep:
                self._place.discard()

    @abstractmethod
    def _begin(self) -> None:
        """Make the unfinished file."""

    @abstractmethod
    def _resume(self, position: Position) -> None:
        """Cut the unfinished file off behind the position, which is one of this sink."""

    @abstractmethod
    def _append(self, batches: Sequence[Batch]) -> Position:
        """Append the hits; what the position has beyond who wrote it."""

    @abstractmethod
    def _publish(self) -> None:
        """Complete the file and put it in its place."""


def _flat(position: Position) -> dict[str, Any]:
    """What a position says of its sink; each option by itself, so that a message can name it."""
    options = position.get("options")
    return position | (options if isinstance(options, dict) else {}) | {"options": None}
