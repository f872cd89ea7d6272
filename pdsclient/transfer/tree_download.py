"""A folder of a drive into a directory.

::

    all pages of a folder ──▶ a name for each ──▶ what is on the disk? ──▶ a job for each file
                              (safe, distinct)      (in a thread)

Each directory is made, or looked at, before anything goes into it: a symbolic link in its place
would lead out of the tree, so it is not followed. Files get their names by renaming, which takes
the place of a link and not of what it leads to.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from attrs import evolve, frozen

from pdsclient.batching import MOST_ITEMS
from pdsclient.errors import SERVER_ERROR, DecodeError, PDSError
from pdsclient.models import File
from pdsclient.resources.file import FileResource
from pdsclient.transfer.download import Wanted, download_content
from pdsclient.transfer.names import distinct_names
from pdsclient.transfer.tree_compare import modified_at, same_content
from pdsclient.transfer.tree_filters import TreeEntry
from pdsclient.transfer.tree_local import LocalEntry, look_at, make_folder, make_top
from pdsclient.transfer.tree_pool import Pool
from pdsclient.transfer.tree_tally import Tally, TreeStopped

if TYPE_CHECKING:
    from pdsclient.transfer.control import Control
    from pdsclient.transfer.kinds import Compare
    from pdsclient.transfer.report import TreeReport
    from pdsclient.transfer.tree_filters import Filters

__all__ = ["DownloadOptions", "TreeDownload"]

# All else of a file is forgotten as long as it waits: a page of them is a hundred kilobytes.
_KEPT: Final = (
    "drive_id", "file_id", "share_id", "name", "type", "size", "created_at", "updated_at",
    "local_created_at", "local_modified_at", "parent_file_id", "crc64_hash", "revision_id",
)  # fmt: skip


@frozen(kw_only=True)
class DownloadOptions:
    """What is wanted of the download of a tree, checked.

    Attributes:
        wanted: for each file, but for its mode.
        file_id: the folder.
        existing: what becomes of files that are there.
        compare: how files are compared.
        filters: which entries are taken.
        dry_run: nothing is changed.
        on_error: ``collect`` or ``raise``.
        concurrency: most jobs at once.
    """

    wanted: Wanted
    file_id: str
    existing: Literal["update", "skip", "refuse", "auto_rename"]
    compare: Compare
    filters: Filters
    dry_run: bool
    on_error: str
    concurrency: int


class _Folder:
    """A folder, and the directory that its entries go into.

    Attributes:
        path: where it is in the tree: empty, or with a slash at its end.
        local: the directory.
        file_id: the folder.
        above: the folder it is in, None for the top.
        is_ready: the directory is there.
        left: its entries that are still to be dealt with, the last one first; None before it
            was read.
    """

    def __init__(self, path: str, local: str, file_id: str, above: _Folder | None) -> None:
        self.path = path
        self.local = local
        self.file_id = file_id
        self.above = above
        self.is_ready = False
        self.left: list[_Item] | None = None

    def check(self) -> None:
        """Raise DecodeError if it is inside itself, as the service tells it."""
        folder = self.above
        while folder is not None:
            if folder.file_id == self.file_id:
                raise DecodeError(
                    f"the folder {self.file_id} is inside itself, as the service tells it",
                    code=SERVER_ERROR,
                )
            folder = folder.above


@frozen
class _Item:
    """A file or folder in the drive, and where it goes."""

    folder: _Folder
    name: str
    file: File

    @property
    def path(self) -> str:
        return self.folder.path + self.name

    @property
    def local(self) -> str:
        return os.path.join(self.folder.local, self.name)

    @property
    def below(self) -> _Folder:
        """The folder that it is."""
        assert self.file.file_id is not None
        return _Folder(f"{self.path}/", self.local, self.file.file_id, self.folder)

    @property
    def is_folder(self) -> bool:
        return self.file.type == "folder"


class TreeDownload:
    """The download of one tree.

    Args:
        control: of the transfer.
        local: the directory.
        options: what is wanted.
    """

    def __init__(self, control: Control, local: str, options: DownloadOptions) -> None:
        self._control = control
        self._local = local
        self._options = options
        self._tally = Tally(control, dry_run=options.dry_run, on_error=options.on_error)
        self._pool = Pool(options.concurrency, control.gate, self._tally.walked)
        wanted = options.wanted
        self._place: dict[str, Any] = {"drive_id": wanted.drive_id, "share_id": wanted.share_id}

    async def run(self) -> TreeReport:
        """The report."""
        top = _Folder("", self._local, self._options.file_id, None)
        self._pool.add_folders([partial(self._read, top)])
        with suppress(TreeStopped):
            await self._pool.run()
        return self._tally.ended()

    # -------------------------------------------------------------------- folders

    async def _read(self, folder: _Folder) -> bool:
        """Deal with the next entries; whether there are more."""
        try:
            return await self._read_some(folder)
        except (PDSError, OSError) as error:
            if not folder.path:
                raise
            self._tally.found(None)
            self._tally.failed(folder.path, None, error)
            return False

    async def _read_some(self, folder: _Folder) -> bool:
        if folder.left is None:
            folder.check()
            folder.left = await self._entries(folder)
            # One that turns out to hold nothing that is wanted is not made.
            if not self._options.filters.selects:
                await self._make(folder)
        some = [folder.left.pop() for _ in range(min(MOST_ITEMS, len(folder.left)))]
        files = [item for item in some if not item.is_folder]
        if files:
            await self._make(folder)
        paths = [item.local for item in files]
        disk = self._control.disk
        for item, there in zip(files, await disk.run(look_at, disk.fs, paths), strict=True):
            self._tally.found(item.file.size)
            self._pool.add_file(partial(self._file, item, there))
        self._pool.add_folders([partial(self._read, one.below) for one in some if one.is_folder])
        return bool(folder.left)

    async def _entries(self, folder: _Folder) -> list[_Item]:
        """All that is wanted of what is in a folder; the first one last."""
        files: dict[str, File] = {}
        listing = FileResource(self._control.engine).list(
            **self._place,
            parent_file_id=folder.file_id,
            order_by="name",
            order_direction="ASC",
        )
        async for file in listing:
            # What is moved while it is listed may come twice.
            if file.file_id is not None:
                files[file.file_id] = File(**{name: getattr(file, name) for name in _KEPT})
        names = _names(list(files.values()))
        items = [
            _Item(folder, name, file) for name, file in zip(names, files.values(), strict=True)
        ]
        return [item for item in reversed(items) if self._takes(item)]

    def _takes(self, item: _Item) -> bool:
        seen = TreeEntry(
            path=item.path,
            kind="folder" if item.is_folder else "file",
            size=None if item.is_folder else item.file.size,
            modified_at=modified_at(item.file),
        )
        return self._options.filters.takes(seen)

    async def _make(self, folder: _Folder) -> None:
        """Make its directory, and before it those above it."""
        missing = []
        above: _Folder | None = folder
        while above is not None and not above.is_ready:
            missing.append(above)
            above = above.above
        disk, dry_run = self._control.disk, self._options.dry_run
        for one in reversed(missing):
            make = make_top if one.above is None else make_folder
            made = await disk.run(make, disk.fs, one.local, dry_run)
            # Several that are in it may have come here at the same time.
            if made and not one.is_ready:
                self._tally.folder_made()
            one.is_ready = True

    # -------------------------------------------------------------------- files

    async def _file(self, item: _Item, there: LocalEntry | None) -> None:
        with self._control.file(item.path) as child:
            try:
                await self._settle(child, item, there)
            except (PDSError, OSError) as error:
                moved = child.meter.bytes_done
                self._tally.failed(item.path, item.file.size, error, moved=moved)

    async def _settle(self, child: Control, item: _Item, there: LocalEntry | None) -> None:
        file = item.file
        reason = "" if there is None else await self._leave(item, there)
        if reason:
            self._tally.skipped(item.path, file.size, reason, file.file_id)
            return
        path = item.path
        if not self._options.dry_run:
            wanted = evolve(self._options.wanted, check_name_mode=self._mode(there))
            target = await download_content(child, file, Path(item.local), wanted)
            path = item.folder.path + target.name
        is_update = there is not None and self._options.existing == "update"
        action: Literal["updated", "downloaded"] = "updated" if is_update else "downloaded"
        self._tally.done(path, file.size or 0, action, file.file_id)

    def _mode(self, there: LocalEntry | None) -> Literal["refuse", "overwrite", "auto_rename"]:
        if there is None:
            return "refuse"
        return "auto_rename" if self._options.existing == "auto_rename" else "overwrite"

    async def _leave(self, item: _Item, there: LocalEntry) -> str:
        """Why a file is not downloaded, in a word; "" if it is."""
        existing = self._options.existing
        if there.error is not None:
            raise there.error
        if existing == "skip":
            return "exists"
        if existing == "refuse":
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), item.local)
        if existing == "update" and there.kind == "folder":
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), item.local)
        if there.kind != "file" or there.stamp is None:
            return ""
        disk, compare = self._control.disk, self._options.compare
        is_same = await same_content(disk, item.local, there.stamp, item.file, compare)
        return "same" if is_same else ""


class _PartName(NamedTuple):
    """What a file is called while it is downloaded; the oldest of its name, so it keeps it."""

    name: str
    file_id: str = ""
    created_at: datetime = datetime.min.replace(tzinfo=UTC)


def _names(files: Sequence[File]) -> list[str]:
    """The local name of each file and folder in one folder; no two that get in each other's way."""
    parts = [_PartName(f"{file.name}.part") for file in files if file.type != "folder"]
    return distinct_names([*parts, *files])[len(parts) :]
