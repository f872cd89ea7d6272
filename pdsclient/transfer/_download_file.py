"""A content on its way into a file, which gets its name when it is whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from pdsclient.errors import ContentChanged, ContentMismatch
from pdsclient.transfer._download_origin import Origin
from pdsclient.transfer._download_part import Claim, Finish, PartFile, claim, free_name
from pdsclient.transfer._download_ranges import Filling
from pdsclient.transfer.control import Control
from pdsclient.transfer.journal import Journal, fingerprint
from pdsclient.transfer.planning import PartPlan, part_size_for

if TYPE_CHECKING:
    from pdsclient.transfer.kinds import DownloadMode

__all__ = ["Manner", "into_file"]


@frozen(kw_only=True)
class Manner:
    """How a content goes into a file.

    Attributes:
        identity: what is the same as long as the content is; None if nothing tells.
        check_name_mode: as that of ``AsyncPDSClient.download``.
        resume: likewise.
        part_size: likewise.
        modified_ns: when it was changed, nanoseconds since 1970; None is now.
        durable: likewise.
    """

    identity: tuple[object, ...] | None
    check_name_mode: DownloadMode
    resume: bool
    part_size: int | None
    modified_ns: int | None
    durable: bool


async def into_file(control: Control, origin: Origin, target: Path, manner: Manner) -> Path:
    """The path of the file, which is whole.

    Args:
        control: of the transfer.
        origin: where the content is; its size has to be known.
        target: the path that the file is to have.
        manner: how it goes there.
    """
    return await _Landing(control, origin, manner).at(target)


class _Landing:
    def __init__(self, control: Control, origin: Origin, manner: Manner) -> None:
        assert origin.size is not None, "nothing can be laid out without"
        plan = PartPlan(origin.size, part_size_for(origin.size, manner.part_size))
        self._control = control
        self._origin = origin
        self._renames = manner.check_name_mode == "auto_rename"
        self._wanted = Claim(
            journal=Journal(fingerprint(manner.identity), plan),
            crc64=origin.crc64,
            resume=manner.resume and manner.identity is not None,
        )
        self._finish = Finish(
            overwrite=manner.check_name_mode in ("overwrite", "skip"),
            modified_ns=manner.modified_ns,
            durable=manner.durable,
        )

    async def at(self, target: Path) -> Path:
        """Where it came to be."""
        target, part = await self._begin(target)
        try:
            await Filling(self._control, self._origin, part).run()
            target = await self._end(target, part)
        except BaseException as error:
            stale = isinstance(error, (ContentChanged, ContentMismatch))
            keep = self._wanted.resume and part.recorded > 0 and not stale
            await self._control.disk.end(part.leave, keep)
            raise
        self._control.meter.file_done()
        self._control.outcome = "downloaded"
        return target

    async def _begin(self, target: Path) -> tuple[Path, PartFile]:
        disk = self._control.disk
        busy: set[Path] = set()
        while self._renames:
            free = await disk.run(free_name, disk.fs, target, busy)
            try:
                return free, await claim(disk, free, self._wanted)
            except BlockingIOError:
                busy.add(free)  # Another download will have it.
        return target, await claim(disk, target, self._wanted)

    async def _end(self, target: Path, part: PartFile) -> Path:
        disk = self._control.disk
        while True:
            try:
                await disk.run(part.publish, target, self._finish)
            except FileExistsError:
                if not self._renames:
                    raise
                target = await disk.run(free_name, disk.fs, target)
            else:
                return target
