"""What ``pdsclient download`` does: files and folders of a drive into a directory."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pdsclient.cli.pipes import StandardOutput
from pdsclient.cli.place import Opening, Place
from pdsclient.cli.remote import ROOT, find_file
from pdsclient.cli.tally import Moved
from pdsclient.cli.terminal import stop_on_terminate
from pdsclient.cli.transfer_options import Existing, How
from pdsclient.cli.transferring import Crew, Job, TreeJob, side_by_side
from pdsclient.errors import InvalidRequest
from pdsclient.models import File
from pdsclient.transfer.names import distinct_names
from pdsclient.transfer.report import TreeAction
from pdsclient.transfer.tree_compare import same_content

__all__ = ["download_all", "download_archive", "write_out"]

_LOOKUPS: Final = 8
# What the client calls it. Whether there is something to skip is seen here.
_MODES: Final = {
    Existing.REFUSE: "refuse",
    Existing.OVERWRITE: "overwrite",
    Existing.UPDATE: "skip",
    Existing.SKIP: "refuse",
    Existing.AUTO_RENAME: "auto_rename",
}


async def download_all(where: Opening, names: Sequence[str], to: Path, how: How) -> None:
    """Download files and folders into a directory, and tell what became of them.

    Raises:
        PDSError: it failed, or some of it did.
        OSError: the directory cannot be made.
    """
    stop_on_terminate()
    how.check()
    async with where as place:
        found = await _find(place, names)
        if not how.dry_run:
            await asyncio.to_thread(os.makedirs, to, exist_ok=True)
        targets = [to / name for name in distinct_names(found)]
        files: list[Job] = []
        trees: list[Job] = []
        for name, file, target in zip(names, found, targets, strict=True):
            if file.type == "folder":
                # The top of a drive has no name: what it holds goes into the directory itself.
                trees.append(_Tree(name, file, to if file.file_id == ROOT else target))
            else:
                files.append(_File(name, file, target))
        await Crew(place, how).run(files, trees)


async def write_out(where: Opening, name: str, bandwidth: float | None) -> None:
    """Write the content of a file to standard output, and nothing else."""
    stop_on_terminate()
    async with where as place:
        file = await find_file(place, name)
        if file.type == "folder":
            raise InvalidRequest("a folder cannot be written to standard output; give a file")
        await place.client.download(
            file, StandardOutput(), drive_id=place.drive_id, bandwidth=bandwidth
        )


async def download_archive(where: Opening, names: Sequence[str], target: Path, how: How) -> None:
    """Download files and folders as one zip archive that the service makes."""
    stop_on_terminate()
    async with where as place:
        found = await _find(place, names)
        await asyncio.to_thread(os.makedirs, target.parent, exist_ok=True)
        await Crew(place, how).run([_Archive(found, target)], [])


async def _find(place: Place, names: Sequence[str]) -> list[File]:
    """The files, all of which have to be there before the first is downloaded."""
    found: dict[int, File] = {}

    async def look(at: int) -> None:
        found[at] = await find_file(place, names[at])

    await side_by_side(_LOOKUPS, range(len(names)), look)
    return [found[at] for at in range(len(names))]


class _File(Job):
    """A file.

    Args:
        name: as the user gave it.
        file: in the drive.
        target: where it goes.
    """

    def __init__(self, name: str, file: File, target: Path) -> None:
        super().__init__(name, file.size)
        self._file = file
        self._target = target

    async def move(self, crew: Crew) -> None:
        """Download it, as ``--existing`` says if there is such a file."""
        existing = crew.how.existing or Existing.REFUSE
        if await asyncio.to_thread(os.path.lexists, self._target):
            reason = await self._reason_to_skip(crew, existing)
            if reason:
                self._tell(crew, "skipped", reason, self._target)
                return
            if crew.how.dry_run and existing is Existing.REFUSE:
                raise FileExistsError(None, "it exists", str(self._target))
        if crew.how.dry_run:
            self._tell(crew, "downloaded", "", self._target)
        else:
            await self._fetch(crew, existing)

    async def _reason_to_skip(self, crew: Crew, existing: Existing) -> str:
        if existing is Existing.SKIP:
            return "exists"
        # An earlier run may have come to the end of this file.
        if crew.how.resume or (existing is Existing.UPDATE and crew.how.dry_run):
            stamp = await crew.disk.stat(self._target, follow=False)
            if await same_content(crew.disk, self._target, stamp, self._file):
                return "same"
        return ""

    async def _fetch(self, crew: Crew, existing: Existing) -> None:
        mode: Any = _MODES[existing]
        transfer = crew.client.download(
            self._file,
            self._target,
            drive_id=crew.place.drive_id,
            check_name_mode=mode,
            concurrency=crew.how.concurrency,
            bandwidth=crew.how.bandwidth,
        )
        path = await crew.follow(self, transfer)
        is_same = transfer.outcome == "skipped"
        self._tell(crew, *(("skipped", "same") if is_same else ("downloaded", "")), path)

    def has_left(self) -> bool:
        """Whether it has a part file."""
        return self._target.with_name(f"{self._target.name}.part").exists()

    def _tell(self, crew: Crew, action: TreeAction, reason: str, path: Path) -> None:
        moved = Moved(
            path=self.name,
            action=action,
            reason=reason,
            size=self._file.size,
            file_id=self._file.file_id,
            target=str(path),
        )
        crew.tally.add(moved)


class _Tree(TreeJob):
    """A folder and all it holds.

    Args:
        name: as the user gave it.
        folder: in the drive.
        target: the directory that gets what it holds.
    """

    def __init__(self, name: str, folder: File, target: Path) -> None:
        super().__init__(name, None)
        self._folder = folder
        self._target = target

    async def move(self, crew: Crew) -> None:
        """Download all that it holds."""
        transfer = crew.client.download_tree(
            self._folder,
            self._target,
            drive_id=crew.place.drive_id,
            **crew.how.for_trees(),
            concurrency=crew.how.concurrency,
            bandwidth=crew.how.bandwidth,
        )
        self.tell(crew, await crew.follow(self, transfer))


class _Archive(Job):
    """Files and folders as one archive.

    Args:
        files: in the drive.
        target: where the archive goes.
    """

    def __init__(self, files: Sequence[File], target: Path) -> None:
        super().__init__(target.name, None)
        self._files = files
        self._target = target

    async def move(self, crew: Crew) -> None:
        """Have it made, and download it."""
        mode: Any = _MODES[crew.how.existing or Existing.REFUSE]
        transfer = crew.client.download_archive(
            self._files,
            self._target,
            drive_id=crew.place.drive_id,
            check_name_mode=mode,
            bandwidth=crew.how.bandwidth,
        )
        path = await crew.follow(self, transfer)
        crew.tally.add(Moved(path=self.name, action="downloaded", target=str(path)))

    def has_left(self) -> bool:
        """Nothing: the service makes another one."""
        return False
