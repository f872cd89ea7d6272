"""Where an upload is, for a later run: an object, and the file that it is kept in.

It says what is uploaded and where to, and which upload that is at the service. Which parts have
arrived it does not say: the service knows, and better. It is written before a file is created, so
that a run that was killed in between looks for what it may have created, and again after that.
There is no URL in it and no token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from pdsclient._checkpoint_file import CheckpointPlace
from pdsclient.errors import InvalidRequest
from pdsclient.transfer.sources import SourceMark

if TYPE_CHECKING:
    from pdsclient.transfer._upload_wanted import Wanted
    from pdsclient.transfer.control import Control
    from pdsclient.transfer.disk import Disk
    from pdsclient.transfer.sources import Content

__all__ = ["Begun", "CheckpointFile", "Destination", "Notes", "UploadCheckpoint"]

_FORMAT: Final = "pdsclient upload"
_VERSION: Final = 1
# What was written has some hundred bytes; longer is something else.
_LONGEST: Final = 1 << 20


class Destination(msgspec.Struct, frozen=True, kw_only=True):
    """Where an upload goes to.

    Attributes:
        endpoint: the service.
        drive_id: the drive, if no share.
        share_id: the share.
        parent_file_id: the folder.
        name: the name that was asked for.
        file_id: the file that gets a new version.
    """

    endpoint: str
    drive_id: str | None
    share_id: str | None
    parent_file_id: str
    name: str
    file_id: str | None

    def __str__(self) -> str:
        place = f"share {self.share_id}" if self.drive_id is None else f"drive {self.drive_id}"
        version = "" if self.file_id is None else f" as a version of {self.file_id}"
        return f"{self.name} in {self.parent_file_id} of {place}{version} at {self.endpoint}"


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """An upload that the service knows.

    Attributes:
        file_id: the file.
        upload_id: the upload.
        revision_id: the version it will be, if that was told.
        is_new: the file was created for it, and is of no use without it.
        parallel: parts may come in any order.
        part_size: bytes of a part, of the first if the content flows.
    """

    file_id: str
    upload_id: str
    revision_id: str | None
    is_new: bool
    parallel: bool
    part_size: int


class UploadCheckpoint(msgspec.Struct, frozen=True, kw_only=True):
    """What a later upload of the same source to the same place needs to go on.

    ``transfer.checkpoint`` is one; it may be pickled. Give it as ``checkpoint=``.

    Attributes:
        source: what is uploaded.
        destination: where to.
        hash_name: which hash ``content_hash`` is.
        content_hash: of the content, if it was computed.
        begun: the upload; None if none is known yet.
        creating: a file is about to be created, or was and nobody got the answer.
    """

    source: SourceMark
    destination: Destination
    hash_name: str = "sha1"
    content_hash: str | None = None
    begun: Begun | None = None
    creating: bool = False

    def check(self, source: SourceMark, destination: Destination) -> None:
        """Raise InvalidRequest if it is about another source or another place."""
        pairs: tuple[tuple[str, Any, Any], ...] = (
            ("source", self.source, source),
            ("destination", self.destination, destination),
        )
        same = (self.source.is_same_thing(source), self.destination == destination)
        for (name, past, now), is_same in zip(pairs, same, strict=True):
            if not is_same:
                raise InvalidRequest(
                    f"the checkpoint belongs to another upload: its {name} is {past}, not {now}; "
                    "give the same arguments, or leave the checkpoint out and begin anew"
                )


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    """The content of the file."""

    format: str
    version: int
    checkpoint: UploadCheckpoint


class CheckpointFile(CheckpointPlace):
    """The file that a checkpoint is kept in, readable for its owner only."""

    format = _FORMAT
    version = _VERSION
    of = "an upload"

    async def load(self, disk: Disk) -> UploadCheckpoint | None:
        """What is in the file; None if there is no file.

        Raises:
            InvalidRequest: it is no checkpoint of an upload, or one of another version.
        """
        try:
            async with await disk.open(self.path) as file:
                content = await file.read_at(0, _LONGEST)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self.unusable(error.strerror or str(error)) from error
        return self.decode(content, _Kept).checkpoint

    async def save(self, disk: Disk, checkpoint: UploadCheckpoint) -> None:
        """Put the state in force: the file holds one state or the next, and never half of one.

        Raises:
            OSError: the disk failed; the state before is in force.
        """
        kept = _Kept(format=_FORMAT, version=_VERSION, checkpoint=checkpoint)
        content = msgspec.json.encode(kept)
        try:
            file = await disk.open(self.beside, write=True, create=True)
        except FileNotFoundError:
            raise self.no_folder() from None
        try:
            async with file:
                await file.resize(0)
                await file.write_at(0, [content])
            await disk.replace(self.beside, self.path)
        except OSError:
            await disk.remove(self.beside)
            raise

    async def remove(self, disk: Disk) -> None:
        """The upload is complete, or of no use any more."""
        await disk.remove(self.path)
        await disk.remove(self.beside)


class Notes:
    """What an earlier run has told, and what a later one is told.

    Args:
        control: of the transfer.
        content: what is uploaded.
        wanted: where to, and the checkpoint that the caller gave.

    Attributes:
        past: the checkpoint that was given, once it is loaded.
        is_outdated: the source has changed since.
    """

    def __init__(self, control: Control, content: Content, wanted: Wanted) -> None:
        self._control = control
        self._content = content
        self._wanted = wanted
        given = wanted.checkpoint
        self._file = given if isinstance(given, CheckpointFile) else None
        self.past: UploadCheckpoint | None = None
        self.is_outdated = False

    async def load(self) -> None:
        """See what an earlier run has told; InvalidRequest if it was about something else."""
        given = self._wanted.checkpoint
        if given is None:
            return
        mark = self._content.mark()
        if isinstance(given, CheckpointFile):
            given = await given.load(self._control.disk)
        if given is not None:
            given.check(mark, self._destination())
            self.past, self.is_outdated = given, given.source != mark

    async def save(self, content_hash: str | None, begun: Begun | None, *, creating: bool) -> None:
        """Tell where the upload is."""
        checkpoint = UploadCheckpoint(
            source=self._content.mark(),
            destination=self._destination(),
            hash_name=self._wanted.content_hash_name,
            content_hash=content_hash,
            begun=begun,
            creating=creating,
        )
        if begun is not None:
            self._control.checkpoint = checkpoint
        if self._file is not None:
            await self._file.save(self._control.disk, checkpoint)

    async def remove(self) -> None:
        """There is nothing to go on with."""
        self._control.checkpoint = None
        if self._file is not None:
            await self._file.remove(self._control.disk)

    def _destination(self) -> Destination:
        wanted = self._wanted
        return Destination(
            endpoint=self._control.engine.shared.config.api_endpoint or "",
            drive_id=wanted.drive_id,
            share_id=wanted.share_id,
            parent_file_id=wanted.parent_file_id,
            name=wanted.name,
            file_id=wanted.file_id,
        )
