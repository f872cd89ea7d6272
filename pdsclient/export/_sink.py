"""What a place for hits can do, and what it is given: the contract between searches and sinks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    from pdsclient.models import File

__all__ = ["Batch", "Position", "Sink"]

Position: TypeAlias = dict[str, Any]
"""How far a sink has come, as plain JSON data: small, without rows and without secrets."""


class Batch(Protocol):
    """The new hits of one page of one search job."""

    @property
    def key(self) -> str:
        """The job's key."""
        ...

    @property
    def files(self) -> Sequence[File]:
        """The hits."""
        ...

    def raw(self) -> list[dict[str, Any]]:
        """The same hits in the same order as the server sent them, with undeclared fields."""
        ...


class Sink(Protocol):
    """A place for hits; any object with these four methods is one.

    The order of calls is ``start``, any number of ``write``, ``finish``, ``aclose``; never two at
    once. A search that fails or is left early calls no ``finish``.
    """

    async def start(self, position: Position | None) -> None:
        """Begin anew, or go on exactly behind a position: what was written after it is cut off.

        Args:
            position: what ``write`` returned, here or in an earlier process; None begins anew.

        Raises:
            InvalidRequest: the position belongs to another sink, or what it speaks of is gone.
        """

    async def write(self, batches: Sequence[Batch]) -> Position:
        """Keep the hits, safe from the death of this process, and say where that ends."""
        ...

    async def finish(self) -> None:
        """Complete the output and put it in its place."""

    async def aclose(self, *, keep: bool) -> None:
        """Let go of files; without ``finish`` the unfinished output is kept or deleted.

        It may be called again, and after ``finish``, with no effect.
        """
