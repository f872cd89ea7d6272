"""What the files of all checkpoints have in common: their place, their head, and what is said.

They are JSON with a ``format`` and a ``version``, written beside their place and moved there, so
that the file holds one state or the next, and never half of one. Reading and writing is left to
those who have checkpoints.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import msgspec

from pdsclient._checks import shown
from pdsclient.errors import InvalidRequest

__all__ = ["CheckpointPlace"]

T = TypeVar("T")


class CheckpointPlace:
    """Where a checkpoint is kept.

    Args:
        path: the file; its folder has to be there.

    Attributes:
        path: the same.
        beside: where the next state is written.
        format: what the head says.
        version: likewise.
        of: what it is a checkpoint of.
    """

    format: ClassVar[str]
    version: ClassVar[int]
    of: ClassVar[str]

    def __init__(self, path: str | os.PathLike[str]) -> None:
        try:
            self.path = Path(os.path.expanduser(os.fsdecode(path)))
        except TypeError:
            raise InvalidRequest(f"checkpoint must be a path, not {type(path).__name__}") from None
        if not self.path.name or "\0" in str(self.path):
            raise InvalidRequest(f"checkpoint must be the path of a file, not {shown(path)}")
        self.beside = self.path.with_name(self.path.name + ".new")

    def decode(self, content: bytes, kind: type[T]) -> T:
        """What a file holds.

        Raises:
            InvalidRequest: it is no such checkpoint, or one of another version, or damaged.
        """
        try:
            head = msgspec.json.decode(content, type=dict[str, Any])
        except msgspec.DecodeError:
            head = {}
        if head.get("format") != self.format:
            raise self.unusable(f"it is no checkpoint of {self.of}; choose another path")
        if head.get("version") != self.version:
            raise self.unusable(
                f"it was written in version {head.get('version')} of its form, and this release "
                f"reads version {self.version}; go on with the release that wrote it, or delete it "
                "and begin anew"
            )
        try:
            return msgspec.json.decode(content, type=kind)
        except msgspec.DecodeError as error:
            raise self.unusable(f"it is damaged ({error}); delete it to begin anew") from None

    def no_folder(self) -> InvalidRequest:
        """The error for a folder that is not there."""
        return self.unusable(f"there is no folder {self.path.parent}; create it first")

    def unusable(self, reason: str) -> InvalidRequest:
        """The error that says why it cannot be used."""
        return InvalidRequest(f"the checkpoint {self.path} cannot be used: {reason}")
