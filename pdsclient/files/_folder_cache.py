"""Which folders there are, as far as somebody has just made or found them."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple
from weakref import WeakKeyDictionary

from pdsclient.errors import PDSError

if TYPE_CHECKING:
    from pdsclient._core import Engine

__all__ = ["FolderCache", "FolderKey"]

# Long enough for a job that saves thousands of files; somebody else may delete a folder meanwhile.
_FRESH_S: Final = 30.0
_MOST_REMEMBERED: Final = 10_000


class FolderKey(NamedTuple):
    """A folder, by the place it has to be at."""

    drive_id: str | None
    share_id: str | None
    parent_file_id: str
    name: str


class FolderCache:
    """The folders that one identity has made or found lately.

    Args:
        now: the monotonic clock.
        whose: what tells that identity from the one before it.
    """

    _of: ClassVar[WeakKeyDictionary[Any, FolderCache]] = WeakKeyDictionary()

    def __init__(self, now: Callable[[], float], whose: object) -> None:
        self._now = now
        self._whose = whose
        self._known: dict[FolderKey, tuple[str, float]] = {}
        # Requests under way; each ends with an id, an error, or None if it was cancelled.
        self._flights: dict[FolderKey, asyncio.Future[str | PDSError | None]] = {}

    @classmethod
    def of(cls, engine: Engine) -> FolderCache:
        """The one of a client and of its views with the same credential."""
        settings = engine.settings
        # A view that brings a credential of its own shares what it knows with nobody.
        own = settings.own_credential or settings.share is not None
        key = engine if own else engine.tokens
        whose = engine.tokens.owners, engine.share.owners
        found = cls._of.get(key)
        if found is None or found._whose != whose:
            found = cls._of[key] = cls(engine.shared.now, whose)
        return found

    def forget(self) -> None:
        """Know nothing any more."""
        self._known.clear()

    def get(self, key: FolderKey) -> str | None:
        """The folder, if it was there not long ago."""
        file_id, until = self._known.get(key, (None, 0.0))
        return file_id if self._now() < until else None

    async def once(self, key: FolderKey, create: Callable[[], Awaitable[str]]) -> str:
        """The folder; while somebody creates it, all others wait for the same request."""
        loop = asyncio.get_running_loop()
        # One of a loop that was closed, or left behind by a fork, never ends.
        while (flight := self._flights.get(key)) is not None and flight.get_loop() is loop:
            await asyncio.wait([flight])
            outcome = flight.result()
            if isinstance(outcome, PDSError):
                raise copy.copy(outcome)
            if outcome is not None:
                return outcome
        flight = self._flights[key] = loop.create_future()
        outcome = None
        try:
            outcome = await create()
            self._remember(key, outcome)
            return outcome
        except PDSError as error:
            outcome = error
            raise
        finally:
            if self._flights.get(key) is flight:
                del self._flights[key]
            flight.set_result(outcome)

    def _remember(self, key: FolderKey, file_id: str) -> None:
        self._known.pop(key, None)
        self._known[key] = file_id, self._now() + _FRESH_S
        if len(self._known) > _MOST_REMEMBERED:
            del self._known[next(iter(self._known))]
