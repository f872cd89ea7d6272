"""A directory into a folder of a drive.

::

    some names of a directory ──▶ which are taken? ──▶ by what? ──▶ a job for each file
          (in a thread)               (a batch)         (a batch)

A folder that is new has no names to be asked about. What the batches do not tell, the creation
of the file does, which refuses a name that is taken.
"""

from __future__ import annotations

import hashlib
import os
from functools import partial
from typing import TYPE_CHECKING, Literal

from attrs import evolve, frozen

from pdsclient.batching import MOST_ITEMS
from pdsclient.errors import Conflict, ContentChanged, InvalidRequest, PDSError
from pdsclient.files.changes import clash
from pdsclient.models._rules import FILE_NAME
from pdsclient.models.upload import NameCheckResult
from pdsclient.transfer.disk import FileStamp
from pdsclient.transfer.planning import PART_SIZE
from pdsclient.transfer.sources import PathSource
from pdsclient.transfer.tree_compare import same_content
from pdsclient.transfer.tree_drive import Drive, DriveFolder, Holder
from pdsclient.transfer.tree_filters import TreeEntry
from pdsclient.transfer.tree_local import LocalEntry, LocalFolder, close_all, moment_of, real_path
from pdsclient.transfer.tree_pool import Pool
from pdsclient.transfer.tree_tally import Tally, TreeStopped
from pdsclient.transfer.upload import Wanted, upload_content

if TYPE_CHECKING:
    from pdsclient.models import File
    from pdsclient.transfer.control import Control
    from pdsclient.transfer.kinds import Compare
    from pdsclient.transfer.report import TreeReport
    from pdsclient.transfer.tree_filters import Filters

__all__ = ["TreeUpload", "UploadOptions"]


@frozen(kw_only=True)
class UploadOptions:
    """What is wanted of the upload of a tree, checked.

    Attributes:
        wanted: for each file, but for its name, folder and mode.
        existing: what becomes of names that are taken.
        compare: how files are compared.
        filters: which entries are taken.
        follow: links to places inside the tree are followed.
        dry_run: nothing is changed.
        on_error: ``collect`` or ``raise``.
        checkpoint: directory for the checkpoints of large files.
        concurrency: most jobs at once.
        parent_file_id: the folder; None, in a dry run, for one that would be new.
    """

    wanted: Wanted
    existing: Literal["update", "skip", "refuse", "auto_rename"]
    compare: Compare
    filters: Filters
    follow: bool
    dry_run: bool
    on_error: str
    checkpoint: str | None
    concurrency: int
    parent_file_id: str | None


@frozen(eq=False)
class _Folder:
    """A directory, and the folder that its entries go into.

    Attributes:
        path: where it is in the tree: empty, or with a slash at its end.
        local: the directory.
        there: the folder.
    """

    path: str
    local: LocalFolder
    there: DriveFolder


@frozen
class _Item:
    """A file that may have to be uploaded."""

    folder: _Folder
    entry: LocalEntry
    stamp: FileStamp

    @property
    def path(self) -> str:
        return self.folder.path + self.entry.name


class TreeUpload:
    """The upload of one tree.

    Args:
        control: of the transfer.
        local: the directory.
        options: what is wanted.
    """

    def __init__(self, control: Control, local: str, options: UploadOptions) -> None:
        self._control = control
        self._local = local
        self._options = options
        self._tally = Tally(control, dry_run=options.dry_run, on_error=options.on_error)
        self._pool = Pool(options.concurrency, control.gate, self._tally.walked)
        self._reading: set[LocalFolder] = set()
        self._drive = Drive(
            control.engine,
            drive_id=options.wanted.drive_id,
            share_id=options.wanted.share_id,
            dry_run=options.dry_run,
            made=self._tally.folder_made,
        )

    async def run(self) -> TreeReport:
        """The report."""
        options, disk = self._options, self._control.disk
        top = await disk.run(real_path, self._local) if options.follow else None
        if options.checkpoint is not None and not options.dry_run:
            await disk.run(partial(os.makedirs, options.checkpoint, mode=0o700, exist_ok=True))
        is_new = options.parent_file_id is None
        there = DriveFolder(self._drive, file_id=options.parent_file_id or "", is_new=is_new)
        self._walk(_Folder("", LocalFolder(disk.fs, self._local, top=top), there))
        try:
            await self._pool.run()
        except TreeStopped:
            pass
        finally:
            await disk.run(close_all, list(self._reading))
        return self._tally.ended()

    # -------------------------------------------------------------------- folders

    def _walk(self, folder: _Folder) -> None:
        self._pool.add_folders([partial(self._read, folder)])

    async def _read(self, folder: _Folder) -> bool:
        """Deal with the next entries; whether there are more."""
        self._reading.add(folder.local)
        try:
            await self._read_some(folder)
        except (PDSError, OSError) as error:
            if not folder.path:
                raise
            self._tally.found(None)
            self._tally.failed(folder.path, None, error)
        else:
            if not folder.local.done:
                return True
        self._reading.discard(folder.local)
        await self._control.disk.run(folder.local.close)
        return False

    async def _read_some(self, folder: _Folder) -> None:
        options, there = self._options, folder.there
        entries = await self._control.disk.run(folder.local.take, MOST_ITEMS)
        taken = [entry for entry in entries if self._takes(folder, entry)]
        # One that turns out to hold nothing that is wanted is not made.
        if not (options.filters.selects and there.is_new):
            await there.ensure()
        files = [entry for entry in taken if entry.kind == "file"]
        names = [entry.name for entry in files]
        with_content = options.existing in ("update", "auto_rename")
        known = await self._drive.files(there, names, with_content=with_content)
        for entry, file in zip(files, known, strict=True):
            assert entry.stamp is not None
            self._tally.found(entry.stamp.size)
            self._pool.add_file(partial(self._file, _Item(folder, entry, entry.stamp), file))
        folders = [entry for entry in taken if entry.kind == "folder"]
        holders = await self._drive.holders(there, [entry.name for entry in folders], "folder")
        for entry, holder in zip(folders, holders, strict=True):
            self._enter(folder, entry, holder)

    def _takes(self, folder: _Folder, entry: LocalEntry) -> bool:
        """Whether it is a file or folder that is wanted; what else is there is reported."""
        path, stamp = folder.path + entry.name, entry.stamp
        is_folder = entry.kind == "folder"
        seen = TreeEntry(
            path=path,
            kind="folder" if is_folder else "file",
            size=None if stamp is None or is_folder else stamp.size,
            modified_at=None if stamp is None else moment_of(stamp),
        )
        if not self._options.filters.takes(seen):
            return False
        error = entry.error or _refused(entry.name)
        if error is None and not entry.reason:
            return True
        self._tally.found(None)
        if error is None:
            self._tally.skipped(path, None, entry.reason)
        else:
            self._tally.failed(f"{path}/" if is_folder else path, None, error)
        return False

    def _enter(self, folder: _Folder, entry: LocalEntry, holder: Holder) -> None:
        path = f"{folder.path}{entry.name}/"
        file_id = None
        if isinstance(holder, NameCheckResult) and holder.exist_file_type is not None:
            if holder.exist_file_type != "folder":
                error = clash("a file has the name of this folder", holder.exist_file_id)
                self._tally.found(None)
                self._tally.failed(path, None, error)
                return
            file_id = holder.exist_file_id
        there = DriveFolder(
            self._drive,
            entry.name,
            above=folder.there,
            file_id=file_id,
            is_new=folder.there.is_new or holder is None,
        )
        self._walk(_Folder(path, folder.local.folder(entry), there))

    # -------------------------------------------------------------------- files

    async def _file(self, item: _Item, there: File | None) -> None:
        with self._control.file(item.path) as child:
            try:
                await self._settle(child, item, there)
            except (PDSError, OSError) as error:
                moved = child.meter.bytes_done
                self._tally.failed(item.path, item.stamp.size, error, moved=moved)

    async def _settle(self, child: Control, item: _Item, there: File | None) -> None:
        if there is None:
            try:
                await self._move(child, item)
                return
            except Conflict as error:
                if error.file_id is None:
                    raise
                file_id = error.file_id
            # It has come since, or the service knew of it only now.
            there = await self._drive.file(file_id)
        reason = await self._leave(item, there)
        if reason:
            self._tally.skipped(item.path, item.stamp.size, reason, there.file_id)
            await self._forget(item, there.file_id)
        elif self._options.existing == "auto_rename":
            await self._move(child, item, check_name_mode="auto_rename")
        else:
            await self._move(child, item, file_id=there.file_id)

    async def _leave(self, item: _Item, there: File) -> str:
        """Why a file is not uploaded, in a word; "" if it is."""
        existing = self._options.existing
        if existing == "skip":
            return "exists"
        if existing == "refuse":
            raise clash("the name is taken", there.file_id)
        if existing == "update" and there.type == "folder":
            raise clash("a folder has the name of this file", there.file_id)
        if existing == "update" and there.name not in (None, item.entry.name):
            raise clash("a file with this name in other letters is there", there.file_id)
        disk, compare = self._control.disk, self._options.compare
        is_same = await same_content(disk, item.entry.path, item.stamp, there, compare)
        return "same" if is_same else ""

    async def _move(
        self,
        child: Control,
        item: _Item,
        *,
        file_id: str | None = None,
        check_name_mode: Literal["refuse", "auto_rename"] = "refuse",
    ) -> None:
        parent_file_id = await item.folder.there.ensure()
        action: Literal["uploaded", "updated"] = "updated" if file_id else "uploaded"
        if self._options.dry_run:
            self._tally.done(item.path, item.stamp.size, action, file_id)
            return
        wanted = evolve(
            self._options.wanted,
            name=item.entry.name,
            parent_file_id=parent_file_id,
            check_name_mode=check_name_mode,
            file_id=file_id,
            checkpoint=self._checkpoint(item, parent_file_id, file_id),
        )
        file = await self._send(child, item, wanted)
        reason = "rapid" if child.outcome == "rapid" else ""
        size = item.stamp.size if file.size is None else file.size
        self._tally.done(item.path, size, action, file.file_id, reason)
        await self._forget(item, file_id)

    async def _send(self, child: Control, item: _Item, wanted: Wanted) -> File:
        path, stamp = item.entry.path, item.stamp
        try:
            return await upload_content(child, PathSource(path, follow=False, stamp=stamp), wanted)
        except ContentChanged:
            now = await self._control.disk.stat(path, follow=False)
            # What only has its name now may be a place outside of the tree.
            if (now.device, now.inode) != (stamp.device, stamp.inode):
                raise
        return await upload_content(child, PathSource(path, follow=False, stamp=now), wanted)

    def _checkpoint(self, item: _Item, parent_file_id: str, file_id: str | None) -> str | None:
        """Where a large file keeps its place; each destination has its own."""
        folder, large = self._options.checkpoint, self._options.wanted.part_size or PART_SIZE
        if folder is None or item.stamp.size <= large:
            return None
        where = (*self._drive.place.values(), parent_file_id, file_id, item.path)
        digest = hashlib.sha256(repr(where).encode(errors="surrogatepass")).hexdigest()
        return os.path.join(folder, f"{digest[:32]}.ckpt")

    async def _forget(self, item: _Item, file_id: str | None) -> None:
        """Remove what a run left that was killed when it had just got to the end of this file."""
        if self._options.dry_run:
            return
        parent_file_id = await item.folder.there.ensure()
        for one in {None, file_id}:
            path = self._checkpoint(item, parent_file_id, one)
            if path is not None:
                await self._control.disk.remove(path)


def _refused(name: str) -> InvalidRequest | None:
    """Why the service takes no such name; None if it does."""
    try:
        FILE_NAME("the name", name)
    except InvalidRequest as error:
        return error
    return None
