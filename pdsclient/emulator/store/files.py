"""Changing, reading, listing and searching files."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import msgspec

from pdsclient.emulator.handles import FILES, LAGGED, Shelf
from pdsclient.emulator.reading import FileRow, Page, Position, Within, brief
from pdsclient.emulator.rows import ROOT
from pdsclient.emulator.store.contents import Contents
from pdsclient.emulator.writing import Missing
from pdsclient.query import F, OrderTerm, Query

_COUNTS: Final = 256
_SCAN_ORDER: Final = (F.created_at.asc(),)
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class FilesChanged(Contents):
    """The part of a store that changes files."""

    def add_files(
        self, rows: Iterable[Mapping[str, Any]], *, drive_id: str | None = None
    ) -> list[str]:
        """Add files and folders, all or none, and return their ids in the same order.

        Args:
            rows: what is known of each file under the names of the wire; ``name`` is enough.
                Ids, times, hash, extension, category and media type are filled in. Apart from
                those: ``content`` (bytes; without it ``size`` bytes are made up when they are
                read) and ``path`` (``"a/b/c.txt"`` below ``parent_file_id``, in place of
                ``name``; folders that are not there are created).
            drive_id: for the rows that do not say.

        Raises:
            InvalidRequest: a row that no file can be like, by its index and field.
        """
        with self._changing():
            return self._files.add(rows, drive_id)

    def add_synthetic(self, drive_id: str, count: int, seed: int = 0) -> None:
        """Add made-up files and folders, the same for the same seed; see ``synthetic``.

        Args:
            drive_id: the drive.
            count: how many files and folders together.
            seed: another one gives other files; one seed serves once in each drive.
        """
        with self._changing():
            self._files.add_synthetic(drive_id, count, seed)

    def update_file(self, drive_id: str, file_id: str, changes: Mapping[str, Any]) -> FileRow:
        """Change members of a file; None removes one, ``content`` makes a new revision."""
        with self._changing():
            self._files.update(drive_id, file_id, changes)
        return self._there(drive_id, file_id)

    def move_file(
        self,
        drive_id: str,
        file_id: str,
        to_parent_file_id: str,
        to_drive_id: str | None = None,
        name: str | None = None,
        members: Mapping[str, Any] = MappingProxyType({}),
    ) -> FileRow:
        """Put a file or folder into another folder, of its drive or another; with another name,
        and with what else it says from now on."""
        with self._changing():
            self._files.move(
                drive_id,
                file_id,
                to_parent_file_id,
                to_drive_id=to_drive_id,
                name=name,
                members=members,
            )
        return self._there(to_drive_id or drive_id, file_id)

    def copy_file(
        self,
        drive_id: str,
        file_id: str,
        to_drive_id: str,
        to_parent_file_id: str,
        name: str | None = None,
        copy_id: str | None = None,
        members: Mapping[str, Any] = MappingProxyType({}),
    ) -> int:
        """Copy a file, or a folder with what can be found of it; how many that were.

        Args:
            drive_id: the drive.
            file_id: the file or folder.
            to_drive_id: the drive of the copy.
            to_parent_file_id: its folder; ``root`` for the top.
            name: its name; None for that of the source.
            copy_id: its id; one is made up for None, and for all that is below.
            members: what all copies say besides.
        """
        with self._changing():
            return self._files.copy(
                drive_id,
                file_id,
                to_drive_id,
                to_parent_file_id,
                name=name,
                copy_id=copy_id,
                members=members,
            )

    def trash_file(self, drive_id: str, file_id: str) -> None:
        """Put a file or folder into the recycle bin: what is below cannot be found any more."""
        with self._changing():
            self._files.trash(drive_id, file_id)

    def restore_file(self, drive_id: str, file_id: str) -> None:
        """Take it out of the bin.

        If its folder is gone it goes to the root; if that is in the bin itself, to a folder of
        the same name, which is made if need be.
        """
        with self._changing():
            self._files.restore(drive_id, file_id)

    def delete_file(self, drive_id: str, file_id: str) -> int:
        """Delete for good, a folder with all that is below; how many that were."""
        with self._changing():
            return self._files.delete(drive_id, file_id)

    def empty_bin(self, drive_id: str) -> int:
        """Delete for good what is in a drive's recycle bin; how many that were."""
        with self._changing():
            return self._files.empty_bin(drive_id)

    def tree_size(self, drive_id: str, file_id: str) -> int:
        """How many files and folders a task on this one is about; a writing thread's to ask."""
        with self._writing():
            return self._files.tree_size(drive_id, file_id)

    def set_status(self, drive_id: str, file_id: str, status: str) -> None:
        """``available``, or ``uploading``: then only a listing of uploading files shows it."""
        with self._changing():
            self._files.update(drive_id, file_id, {"status": status})

    def catch_up(self) -> None:
        """Let search know of the changes that are older than the index delay."""
        if self.lagging:
            with self._changing():
                self._files.catch_up()

    def _there(self, drive_id: str, file_id: str) -> FileRow:
        row = self._row(drive_id, file_id)
        if row is None:
            raise Missing(f"drive {drive_id} has no file {file_id}")
        return row

    def _row(self, drive_id: str, file_id: str) -> FileRow | None:
        number = self._number(drive_id)
        if number is None:
            return None
        with self._reading() as reader:
            return reader.file(number, drive_id, file_id)


class FilesRead(FilesChanged):
    """The part of a store that reads files."""

    def get_file(self, drive_id: str, file_id: str) -> FileRow | None:
        """The file, also one that is uploading or in the recycle bin: see ``findable``."""
        if self._is_served_and_gone(drive_id, file_id):
            return None
        return self._row(drive_id, file_id)

    def _is_served_and_gone(self, drive_id: str, file_id: str) -> bool:
        """The served directory has the file no longer; one that changed is seen anew."""
        if not self._trees:
            return False
        known = self._versioned(drive_id, file_id, None)
        if known is None or not (known.origin or "").startswith("["):
            return False
        content = self.open_content(drive_id, file_id)
        if content is not None:
            content.close()
        return content is None

    def list_children(
        self,
        drive_id: str,
        parent_file_id: str,
        *,
        order_by: Sequence[OrderTerm],
        limit: int,
        after: Position | None = None,
        query: Query | None = None,
        status: str = "available",
    ) -> Page:
        """What is directly in a folder.

        Args:
            drive_id: the drive.
            parent_file_id: the folder; ``root`` for the top.
            order_by: one to five terms; a file without the key comes first in ASC.
            limit: how many at most.
            after: ``next`` of the page before.
            query: a further condition, such as ``F.type == "folder"``.
            status: ``uploading`` lists unfinished uploads in place of files.
        """
        number = self._number(drive_id)
        if number is None:
            return Page([], None)
        wanted: Query = F.parent_file_id == parent_file_id
        if query is not None:
            wanted &= query
        if status != "available":
            # A file that cannot be found may also be in the recycle bin; its folder's listing
            # is not asked for then.
            wanted &= F.status == status
        shelf = Shelf(FILES, number, number if status == "available" else -number)
        with self._reading() as reader:
            return reader.page({drive_id: shelf}, wanted, order_by, limit=limit, position=after)

    def scan(
        self,
        drive_id: str,
        *,
        limit: int,
        after: Position | None = None,
        names: Collection[str] = (),
    ) -> Page:
        """Every file of a drive, without any order that means something.

        Args:
            drive_id: the drive.
            limit: how many at most.
            after: ``next`` of the page before.
            names: of fields beside the documented default ones, which lack the name; ``*``
                for all.
        """
        number = self._number(drive_id)
        if number is None:
            return Page([], None)
        with self._reading() as reader:
            page = reader.page(
                {drive_id: Shelf(FILES, number, number)},
                None,
                _SCAN_ORDER,
                limit=limit,
                position=after,
            )
        if "*" in names:
            return page
        return page._replace(rows=[brief(row, names) for row in page.rows])

    def search(
        self,
        drive_ids: Sequence[str],
        query: Query | None,
        order_by: Sequence[OrderTerm],
        *,
        limit: int,
        after: Position | None = None,
        recursive: bool = False,
        within: Within = MappingProxyType({}),
    ) -> Page:
        """A page of the files that satisfy the query, in a total order.

        A file without a sort key comes first in ASC and last in DESC. Files that are equal in all
        keys keep an order of their own, the same for every page. A position is a place in that
        order, so it survives inserts and deletes, also that of the file it was taken from.

        Args:
            drive_ids: where to look; ids without a drive find nothing.
            query: the condition; None for all files.
            order_by: one to five terms.
            limit: how many at most.
            after: ``next`` of the page before (a list will do); it belongs to one ``order_by``.
            recursive: conditions on ``parent_file_id`` hold for the whole subtree of the folder,
                and for the folder itself (pds-service.md 5.6).
            within: only these folders and what is below them, by drive id; a drive that is not
                there counts whole.
        """
        shelves = self._shelves(drive_ids)
        with self._reading() as reader:
            return reader.page(
                shelves,
                query,
                order_by,
                limit=limit,
                position=after,
                recursive=recursive,
                within=within,
            )

    def count(
        self,
        drive_ids: Sequence[str],
        query: Query | None,
        *,
        recursive: bool = False,
        within: Within = MappingProxyType({}),
    ) -> int:
        """How many files a search finds, exactly; remembered until the next change."""
        folders = tuple((drive_id, tuple(each)) for drive_id, each in within.items())
        key = (tuple(drive_ids), query, recursive, folders, self._version)
        known = self._counts.get(key)
        if known is not None:
            return known
        shelves = self._shelves(drive_ids)
        with self._reading() as reader:
            counted = reader.count(shelves, query, recursive=recursive, within=within)
        if len(self._counts) >= _COUNTS:
            self._counts.clear()
        self._counts[key] = counted
        return counted

    def extras(self, row: FileRow) -> dict[str, Any]:
        """What only ``fields: "*"`` shows; the drive's owner stands in for who is not known."""
        found = self._read(
            "SELECT b.extras, d.owner FROM drive d JOIN file f ON f.drive = d.id "
            "JOIN body b ON b.id = f.id WHERE d.drive_id = ? AND f.file_id = ?",
            (row.drive_id, row.file_id),
        )
        if not found:
            return {}
        extras, owner = found[0]
        said = _decode(extras) if extras else {}
        creator = said.get("creator_id", owner)
        return {
            "creator_id": creator,
            "creator_type": "User",
            "last_modifier_id": creator,
            "last_modifier_type": "User",
            **({"revision_version": 1} if row.type == "file" else {}),
            **said,
        }

    def user_tags(self, row: FileRow) -> dict[str, Any]:
        """``user_tags`` as a member of its own, or nothing."""
        extras = self.extras(row)
        return {"user_tags": extras["user_tags"]} if extras.get("user_tags") else {}

    def id_path(self, row: FileRow, tops: Sequence[str] = ()) -> str:
        """``root/<id>/<id>``, the file's own id last; nothing above a file of ``tops``."""
        path = self._path(row, tops)
        return "/".join([ROOT, *(file_id for file_id, _, _ in reversed(path))])

    def name_path(self, row: FileRow, tops: Sequence[str] = ()) -> str:
        """``root/<name>/<name>``, the file's own name last; nothing above a file of ``tops``."""
        return "/".join([ROOT, *(name for _, name, _ in reversed(self._path(row, tops)))])

    def dir_size(self, row: FileRow) -> tuple[int, int, int]:
        """Bytes, folders and files below a folder."""
        number = self._number(row.drive_id)
        assert number is not None
        with self._reading() as reader:
            return reader.dir_size(number, row.file_id)

    def _shelves(self, drive_ids: Sequence[str]) -> dict[str, Shelf]:
        table = LAGGED if self.lagging else FILES
        numbers = {drive_id: self._number(drive_id) for drive_id in drive_ids}
        return {
            drive_id: Shelf(table, number, number)
            for drive_id, number in numbers.items()
            if number is not None
        }

    def _path(self, row: FileRow, tops: Sequence[str] = ()) -> list[tuple[str, str, int]]:
        number = self._number(row.drive_id)
        assert number is not None
        with self._reading() as reader:
            path = reader.path(number, row.file_id)
        end = next((at for at, (file_id, _, _) in enumerate(path, 1) if file_id in tops), None)
        return path[:end]
