"""What ``pdsclient upload`` does: files and directories of this machine into a folder."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from pdsclient._shown import shown
from pdsclient.cli.kept import Kept, find_kept
from pdsclient.cli.pipes import standard_input
from pdsclient.cli.place import Opening, Place
from pdsclient.cli.remote import folder_of
from pdsclient.cli.tally import Moved
from pdsclient.cli.terminal import stop_on_terminate
from pdsclient.cli.transfer_options import Existing, How
from pdsclient.cli.transferring import Crew, Job, TreeJob
from pdsclient.errors import Conflict, InvalidRequest, PDSError
from pdsclient.files.changes import clash
from pdsclient.models import File
from pdsclient.transfer.report import TreeAction
from pdsclient.transfer.tree_compare import same_content

__all__ = ["Local", "Sending", "find_local", "upload_all"]

_STANDARD_INPUT: Final = "-"
# What became of a file, and why, by the outcome of its transfer.
_OUTCOMES: Final[dict[str, tuple[TreeAction, str]]] = {
    "uploaded": ("uploaded", ""),
    "rapid": ("uploaded", "rapid"),
    "skipped": ("skipped", "exists"),
}


# -------------------------------------------------------------------- sources


@frozen(kw_only=True)
class Local:
    """A source.

    Attributes:
        given: as the user named it.
        name: what it is to be called in the drive.
        path: where it is, whatever links lead there; None is standard input.
        size: bytes of a file.
        is_directory: whether it goes with all it holds.
    """

    given: str
    name: str
    path: Path | None
    size: int | None
    is_directory: bool


def find_local(sources: Sequence[str], name: str | None) -> list[Local]:
    """The sources, looked at: what is missing is said before anything is sent.

    Args:
        sources: paths; ``-`` is standard input.
        name: what the only one is to be called.

    Raises:
        InvalidRequest: naming the source.
    """
    if name is not None and len(sources) > 1:
        raise InvalidRequest("--name is for one source; there are more")
    found = [_find(source, name) for source in sources]
    seen: dict[str, str] = {}
    for one in found:
        if one.name in seen:
            raise InvalidRequest(
                f"both {shown(seen[one.name])} and {shown(one.given)} would be called "
                f"{shown(one.name)}; upload one of them by itself, with --name"
            )
        seen[one.name] = one.given
    return found


def _find(source: str, name: str | None) -> Local:
    if source == _STANDARD_INPUT:
        if name is None:
            raise InvalidRequest("standard input needs a --name")
        return Local(given="standard input", name=name, path=None, size=None, is_directory=False)
    path = Path(source)
    try:
        found = path.stat()
        real = path.resolve()
    except OSError as error:
        raise InvalidRequest(f"{shown(source)}: {error.strerror}") from None
    is_directory = stat.S_ISDIR(found.st_mode)
    if not (is_directory or stat.S_ISREG(found.st_mode)):
        raise InvalidRequest(f"{shown(source)} is neither a file nor a directory")
    # "." and ".." are ways of saying where, and no names.
    name = name or (path.name if path.name not in ("", "..") else real.name)
    if not name:
        raise InvalidRequest(f"{shown(source)} has no name; give it one with --name")
    size = None if is_directory else found.st_size
    return Local(given=source, name=name, path=real, size=size, is_directory=is_directory)


# -------------------------------------------------------------------- the upload


@frozen(kw_only=True)
class Sending:
    """Where sources are sent and how, beyond what downloads know as well.

    Attributes:
        to: the folder, None for the top of the drive.
        is_rapid: send hashes first.
        is_serial: send the parts of a file one after another.
    """

    to: str | None
    is_rapid: bool
    is_serial: bool


async def upload_all(where: Opening, sources: Sequence[Local], how: How, sending: Sending) -> None:
    """Upload the sources, and tell what became of them.

    Raises:
        PDSError: it failed, or some of it did.
    """
    stop_on_terminate()
    how.check()
    kept = None if how.dry_run else await asyncio.to_thread(find_kept, os.environ)
    async with where as place:
        folder = await folder_of(place, sending.to, make=not how.dry_run)
        target = _Target(place, folder, kept, sending)
        files = [_File(one, target) for one in sources if not one.is_directory]
        trees = [_Tree(one, target) for one in sources if one.is_directory]
        await Crew(place, how).run(files, trees)


@frozen
class _Target:
    """Where sources go.

    Attributes:
        place: the client and the drive.
        folder: its id; None in a dry run if it would have to be made.
        kept: where checkpoints are; None if there can be none.
        sending: how they are sent.
    """

    place: Place
    folder: str | None
    kept: Kept | None
    sending: Sending

    def arguments(self, how: How) -> dict[str, Any]:
        """For the methods of the client: what holds for each source."""
        return {
            "drive_id": self.place.drive_id,
            "rapid_upload": self.sending.is_rapid,
            "parallel": False if self.sending.is_serial else None,
            "concurrency": how.concurrency,
            "bandwidth": how.bandwidth,
        }

    def checkpoint(self, source: Local, file_id: str) -> Path | None:
        """Where an upload of this source keeps its place; as a version of that file, if any."""
        if self.kept is None or source.path is None:
            return None
        endpoint = self.place.client._engine.shared.config.api_endpoint or ""
        where = (endpoint, self.place.drive_id, self.folder or "", source.name, file_id)
        return self.kept.path(*where, str(source.path))


class _Source(Job):
    """What files and directories have in common: where they go, and where they keep their place."""

    def __init__(self, source: Local, target: _Target) -> None:
        super().__init__(source.given, source.size)
        self._source = source
        self._target = target
        self._checkpoint = target.checkpoint(source, "")

    async def _keep(self, crew: Crew, file_id: str = "") -> Path | None:
        """The checkpoint to use; what an earlier run left is dropped unless it is to be used."""
        path = self._checkpoint = self._target.checkpoint(self._source, file_id)
        if not crew.how.resume:
            await self._drop()
        return path

    async def _drop(self) -> None:
        if self._checkpoint is not None:
            await asyncio.to_thread(Kept.drop, self._checkpoint)

    def has_left(self) -> bool:
        """Whether it has a checkpoint."""
        return self._checkpoint is not None and Kept.has(self._checkpoint)

    async def _find_existing(self, crew: Crew) -> str | None:
        """What has the name in the folder already, for a dry run."""
        if self._target.folder is None:
            return None
        outcomes = await crew.client.check_files_exist(
            [self._source.name],
            drive_id=crew.place.drive_id,
            parent_file_id=self._target.folder,
            type="folder" if self._source.is_directory else "file",
        )
        outcomes.raise_first()
        found = outcomes[0]
        if found is None or isinstance(found, PDSError):
            return None
        if self._source.is_directory and found.exist_file_type == "file":
            raise clash(f"{shown(self._source.name)} is a file", found.exist_file_id)
        return found.exist_file_id


# -------------------------------------------------------------------- files


class _File(_Source):
    """A file, or standard input."""

    async def move(self, crew: Crew) -> None:
        """Upload it, as ``--existing`` says if its name is taken."""
        existing = crew.how.existing or Existing.REFUSE
        if self._source.path is None and existing is Existing.UPDATE:
            existing = Existing.OVERWRITE  # what cannot be read twice cannot be compared
        if crew.how.dry_run:
            await self._foresee(crew, existing)
            return
        compares = await self._compares(crew, existing)
        try:
            await self._send(crew, check_name_mode=Existing.REFUSE if compares else existing)
        except Conflict as error:
            await self._settle(crew, existing, error, compares=compares)

    async def _compares(self, crew: Crew, existing: Existing) -> bool:
        """Whether what has the name may be the same, and then is to be left."""
        if self._source.path is None:
            return False
        if existing is Existing.UPDATE:
            return True
        # An earlier run may have come to the end of this file; else it has left its place.
        return crew.how.resume and (
            existing is Existing.REFUSE or not await asyncio.to_thread(self.has_left)
        )

    async def _send(self, crew: Crew, *, file_id: str | None = None, **how: Any) -> None:
        client, path = crew.client, self._source.path
        transfer = client.upload(
            standard_input() if path is None else path,
            parent_file_id=self._target.folder or "root",
            name=self._source.name,
            file_id=file_id,
            checkpoint=await self._keep(crew, file_id or ""),
            **self._target.arguments(crew.how),
            **how,
        )
        file = await crew.follow(self, transfer)
        await self._drop()
        action, reason = _OUTCOMES[transfer.outcome]
        self._tell(crew, "updated" if file_id else action, reason, file)

    async def _settle(
        self, crew: Crew, existing: Existing, error: Conflict, *, compares: bool
    ) -> None:
        """The name is taken: by the same content, or by something else?"""
        await self._drop()  # nothing was begun
        if error.file_id is None or not compares:
            raise error
        found = await crew.client.file.get(drive_id=crew.place.drive_id, file_id=error.file_id)
        if await self._is_same(crew, found):
            self._tell(crew, "skipped", "same", found)
        elif existing is Existing.REFUSE or (existing is Existing.UPDATE and _is_folder(found)):
            raise error
        elif existing is Existing.UPDATE:
            await self._send(crew, file_id=error.file_id)
        else:
            await self._send(crew, check_name_mode=existing)

    async def _is_same(self, crew: Crew, file: File) -> bool:
        if self._source.path is None or _is_folder(file):
            return False
        stamp = await crew.disk.stat(self._source.path)
        return await same_content(crew.disk, self._source.path, stamp, file, follow=True)

    async def _foresee(self, crew: Crew, existing: Existing) -> None:
        """Tell what would become of it."""
        file_id = await self._find_existing(crew)
        if file_id is None or existing is Existing.AUTO_RENAME:
            self._tell(crew, "uploaded", "", File())
            return
        found = await crew.client.file.get(drive_id=crew.place.drive_id, file_id=file_id)
        if existing is Existing.REFUSE:
            raise clash(f"{shown(self._source.name)} is there", file_id)
        if existing is Existing.SKIP:
            self._tell(crew, "skipped", "exists", found)
        elif existing is Existing.UPDATE and await self._is_same(crew, found):
            self._tell(crew, "skipped", "same", found)
        else:
            self._tell(crew, "updated", "", found)

    def _tell(self, crew: Crew, action: TreeAction, reason: str, file: File) -> None:
        size = self.size if file.size is None else file.size
        crew.tally.add(
            Moved(path=self.name, action=action, reason=reason, size=size, file_id=file.file_id)
        )


def _is_folder(file: File) -> bool:
    return file.type == "folder"


# -------------------------------------------------------------------- directories


class _Tree(TreeJob, _Source):
    """A directory, which becomes a folder of its name."""

    async def move(self, crew: Crew) -> None:
        """Upload all that it holds."""
        how, path = crew.how, self._source.path
        assert path is not None, "standard input is no directory"
        transfer = crew.client.upload_tree(
            path,
            parent_file_id=await self._folder(crew),
            **how.for_trees(),
            checkpoint=await self._keep(crew),
            **self._target.arguments(how),
        )
        report = await crew.follow(self, transfer)
        self.tell(crew, report)
        if not report.failed:
            await self._drop()

    async def _folder(self, crew: Crew) -> Any:
        """Its id; None in a dry run if it would have to be made."""
        if crew.how.dry_run:
            return await self._find_existing(crew)
        return await crew.client.create_folders(
            self._source.name,
            drive_id=crew.place.drive_id,
            parent_file_id=self._target.folder or "root",
        )
