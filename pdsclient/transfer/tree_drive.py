"""The drive's side of an upload: folders that are made when they are needed, names that are taken.

What cannot be learnt beforehand is no error here: the creation of the file or folder tells it, as
it refuses a name that is taken. Only in a dry run, in which nothing is created, it has to be one.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from pdsclient.batching import run_batch
from pdsclient.errors import PDSError
from pdsclient.files._folder_cache import FolderCache, FolderKey
from pdsclient.files.folders import Place, create_folder_path
from pdsclient.files.lookups import check_files_exist
from pdsclient.models import File
from pdsclient.models.upload import NameCheckResult
from pdsclient.resources.file import FileResource

if TYPE_CHECKING:
    from pdsclient._core import Engine
    from pdsclient.models._shared import FileType

__all__ = ["Drive", "DriveFolder", "Holder"]

Holder: TypeAlias = NameCheckResult | PDSError | None
"""What has a name: None if nothing, an error if that is not known."""


class Drive:
    """A drive, or a share.

    Args:
        engine: of the client.
        drive_id, share_id: which one.
        dry_run: change nothing.
        made: is called for each folder that was made, or would be.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        drive_id: str | None,
        share_id: str | None,
        dry_run: bool,
        made: Callable[[], object],
    ) -> None:
        self.place: dict[str, Any] = {"drive_id": drive_id, "share_id": share_id}
        self._engine = engine
        self._dry_run = dry_run
        self._made = made

    async def make(self, parent_file_id: str, name: str) -> str:
        """The id of a new folder."""
        file_id = "" if self._dry_run else await self._create(parent_file_id, name)
        self._made()
        return file_id

    async def _create(self, parent_file_id: str, name: str) -> str:
        place = Place(**self.place, parent_file_id=parent_file_id)
        # The service has just said that there is none, so what is known of one is out of date.
        cache = FolderCache.of(self._engine)
        if cache.get(FolderKey(*place, name)) is not None:
            cache.forget()
        return await create_folder_path(self._engine, place, name)

    async def holders(
        self, folder: DriveFolder, names: Sequence[str], kind: FileType
    ) -> list[Holder]:
        """What has each name in a folder."""
        if folder.is_new or not names:
            return [None] * len(names)
        outcomes = await check_files_exist(
            self._engine, names, **self.place, parent_file_id=await folder.ensure(), type=kind
        )
        if self._dry_run:
            outcomes.raise_first()
        return list(outcomes)

    async def files(
        self, folder: DriveFolder, names: Sequence[str], *, with_content: bool
    ) -> list[File | None]:
        """The file that has each name, None where there is none as far as is known.

        Args:
            folder: the folder.
            names: the names.
            with_content: tell what they are; else there is only their id.
        """
        who = await self.holders(folder, names, "file")
        ids = [one.exist_file_id if isinstance(one, NameCheckResult) else None for one in who]
        if not with_content:
            return [None if one is None else File(file_id=one) for one in ids]
        known = [one for one in ids if one is not None]
        get = FileResource(self._engine).get.item
        outcomes = await run_batch(self._engine, [get(**self.place, file_id=one) for one in known])
        if self._dry_run:
            outcomes.raise_first()
        files: dict[str | None, File] = {
            file_id: file
            for file_id, file in zip(known, outcomes, strict=True)
            if not isinstance(file, PDSError)
        }
        return [files.get(one) for one in ids]

    async def file(self, file_id: str) -> File:
        """What a file is."""
        return await FileResource(self._engine).get(**self.place, file_id=file_id)


class DriveFolder:
    """A folder that entries go into; it is made when the first needs it.

    Args:
        drive: where it is.
        name: its name.
        above: the folder that it is in, None for the one that the tree goes into.
        file_id: its id, None while it is not known to be there.
        is_new: nothing is in it.
    """

    def __init__(
        self,
        drive: Drive,
        name: str = "",
        *,
        above: DriveFolder | None = None,
        file_id: str | None = None,
        is_new: bool = False,
    ) -> None:
        self.is_new = is_new
        self._drive = drive
        self._name = name
        self._above = above
        self._file_id = file_id
        self._making = asyncio.Lock()
        self._error: PDSError | None = None

    async def ensure(self) -> str:
        """Its id; it is made if it is not there, and before it those above it."""
        missing = []
        folder: DriveFolder | None = self
        while folder is not None and folder._file_id is None:
            missing.append(folder)
            folder = folder._above
        for one in reversed(missing):
            await one._make()
        assert self._file_id is not None
        return self._file_id

    async def _make(self) -> None:
        """Make it, by one request whoever needs it."""
        async with self._making:
            if self._error is not None:
                raise copy.copy(self._error)
            if self._file_id is None:
                assert self._above is not None
                assert self._above._file_id is not None
                try:
                    self._file_id = await self._drive.make(self._above._file_id, self._name)
                except PDSError as error:
                    self._error = error
                    raise
