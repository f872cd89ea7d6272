"""Changes of where files are: move, copy, trash, restore, delete."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from pdsclient.emulator.content import lasting_origin
from pdsclient.emulator.loading import drive_number
from pdsclient.emulator.rows import MAKERS, ROOT, check_name, named_members, revision_of
from pdsclient.emulator.tables import Row
from pdsclient.emulator.writing import Files
from pdsclient.errors import InvalidRequest

# What a copy has not in common with its source.
_OWN: Final = frozenset({"upload_id", "trashed_at", "share_id", "revision_version", *MAKERS})


def new_id() -> str:
    """An id for a file: 40 hex digits (pds-service.md 1.7)."""
    return secrets.token_hex(20)


class Changes(Files):
    """All changes that files undergo; not for several threads at a time."""

    def move(
        self,
        drive_id: str,
        file_id: str,
        to_parent_file_id: str,
        *,
        to_drive_id: str | None = None,
        name: str | None = None,
        members: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        """Put a file or folder into another folder, of its drive or of another one."""
        to_drive_id = to_drive_id or drive_id
        with self.transaction():
            row = self._row(drive_id, file_id)
            self._check_target(row, to_drive_id, to_parent_file_id)
            before = self._above(row.number)[1:]
            row.wire.update(members, parent_file_id=to_parent_file_id, updated_at=self._now())
            _rename(row.wire, name)
            if to_drive_id != drive_id:
                self._change_drive(row, to_drive_id)
                return
            self._store(row)
            self._reshelve(abs(row.shelf), file_id)
            self.log("move", row.number, before)

    def _change_drive(self, top: Row, to_drive_id: str) -> None:
        """Take the top and all that is below to another drive: gone here and new there."""
        drive = drive_number(self._connection, to_drive_id)
        self.log("delete", top.number)
        numbers = [one for one, _, _ in self._subtree(abs(top.shelf), top.wire["file_id"])]
        for number in numbers:
            row = top if number == top.number else self._numbered(number)
            row.wire["drive_id"] = to_drive_id
            self._store(row._replace(shelf=drive if row.shelf > 0 else -drive))
        self._reshelve(drive, top.wire["file_id"])
        self._log_created(numbers)

    def copy(
        self,
        drive_id: str,
        file_id: str,
        to_drive_id: str,
        to_parent_file_id: str,
        *,
        name: str | None = None,
        copy_id: str | None = None,
        members: Mapping[str, Any] = MappingProxyType({}),
    ) -> int:
        """Copy a file, or a folder with all of it that can be found; how many copies there are.

        Copies have ids and revisions of their own, and the bytes of their sources.
        """
        with self.transaction():
            source = self._row(drive_id, file_id)
            self._check_target(source, to_drive_id, to_parent_file_id)
            tree = self._subtree(abs(source.shelf), file_id)
            before = self._last_number()
            drive = drive_number(self._connection, to_drive_id)
            copies = self._copies(
                [number for number, _, findable in tree if findable],
                {
                    **members,
                    "drive_id": to_drive_id,
                    "created_at": self._now(),
                    "updated_at": self._now(),
                },
                {file_id: copy_id or new_id(), source.wire["parent_file_id"]: to_parent_file_id},
            )
            self._tables.load(_placed(copies, before, drive, name))
            self._changed_above(before)
            last = self._last_number()
            self._log_created(range(before + 1, last + 1))
            return last - before

    def _copies(
        self, numbers: Iterable[int], members: dict[str, Any], ids: dict[str, str]
    ) -> Iterator[Row]:
        """The rows again, with new ids; each folder comes before what is in it."""
        for number in numbers:
            row = self._numbered(number)
            wire = {key: value for key, value in row.wire.items() if key not in _OWN} | members
            wire["file_id"] = ids.setdefault(wire["file_id"], new_id())
            wire["parent_file_id"] = ids[wire["parent_file_id"]]
            wire["starred"] = False
            origin = row.origin
            if wire["type"] == "file":
                origin = lasting_origin(origin, wire["revision_id"])
                wire["revision_id"] = revision_of(wire["file_id"])
            yield row._replace(wire=wire, origin=origin)

    def trash(self, drive_id: str, file_id: str) -> None:
        """Put a file or folder into the recycle bin."""
        with self.transaction():
            row = self._row(drive_id, file_id)
            row.wire["trashed_at"] = self._now()
            self._store(row)
            self._reshelve(abs(row.shelf), file_id)
            self.log("trash", row.number)

    def restore(self, drive_id: str, file_id: str) -> None:
        """Take it out again.

        If its folder is gone it goes to the root; if that is in the bin itself, to a folder of
        the same name, which is made if need be (pds-service.md 12).
        """
        with self.transaction():
            row = self._row(drive_id, file_id)
            row.wire.pop("trashed_at", None)
            row.wire["parent_file_id"] = self._open_folder(drive_id, row.wire["parent_file_id"])
            self._store(row)
            self._reshelve(abs(row.shelf), file_id)
            self.log("restore", row.number)

    def _open_folder(self, drive_id: str, folder_id: str) -> str:
        """The folder, or what stands in for it while it cannot be found."""
        drive = drive_number(self._connection, drive_id)
        closed: list[str] = []
        while not self._is_open(drive, folder_id):
            number = self._number(drive, folder_id)
            if number is None:
                folder_id = ROOT
                break
            wire = self._numbered(number).wire
            closed.append(wire["name"])
            folder_id = wire["parent_file_id"]
        for name in reversed(closed):
            known = self._folder(drive, folder_id, name)
            folder_id = known or self._make_folder(drive_id, folder_id, name)
        return folder_id

    def _folder(self, drive: int, parent: str, name: str) -> str | None:
        row = self._connection.execute(
            "SELECT file_id FROM file INDEXED BY file_by_name "
            "WHERE shelf = ? AND name = ? AND parent = ? AND type = 'folder' ORDER BY id LIMIT 1",
            (drive, name, parent),
        ).fetchone()
        return None if row is None else str(row[0])

    def _make_folder(self, drive_id: str, parent: str, name: str) -> str:
        made = {
            "file_id": new_id(),
            "parent_file_id": parent,
            "name": name,
            "type": "folder",
        }
        return self.add([made], drive_id)[0]

    def delete(self, drive_id: str, file_id: str) -> int:
        """Delete for good, with everything below that is not in the bin by itself; how many."""
        with self.transaction():
            row = self._row(drive_id, file_id)
            if row.wire["status"] == "available":
                self.log("delete", row.number)
            numbers = [number for number, _, _ in self._subtree(abs(row.shelf), file_id)]
            for number in numbers:
                self._tables.erase(number)
                self._gone(number)
            return len(numbers)

    def empty_bin(self, drive_id: str) -> int:
        """Delete for good what is in the drive's recycle bin; how many there were."""
        with self.transaction():
            drive = drive_number(self._connection, drive_id)
            return sum(self.delete(drive_id, file_id) for file_id in self._trashed(drive))

    def _trashed(self, drive: int) -> list[str]:
        rows = self._connection.execute(
            "SELECT file_id FROM file INDEXED BY file_by_name WHERE shelf = ? AND trashed",
            (-drive,),
        )
        return [file_id for (file_id,) in rows]

    def tree_size(self, drive_id: str, file_id: str) -> int:
        """How many files and folders there are, itself among them."""
        row = self._row(drive_id, file_id)
        return len(self._subtree(abs(row.shelf), file_id))

    def _check_target(self, row: Row, to_drive_id: str, to_parent_file_id: str) -> None:
        if to_parent_file_id == ROOT:
            return
        target = self._row(to_drive_id, to_parent_file_id)
        if target.wire["type"] != "folder":
            raise InvalidRequest(f"to_parent_file_id: {to_parent_file_id} is not a folder")
        same_drive = to_drive_id == row.wire["drive_id"]
        if same_drive and row.wire["file_id"] in self._above(target.number):
            raise InvalidRequest("to_parent_file_id: it lies in the folder that is to go there")


def _placed(copies: Iterable[Row], before: int, drive: int, name: str | None) -> Iterator[Row]:
    """The copies with numbers and shelf; the first is what the others lie below."""
    for number, row in enumerate(copies, before + 1):
        if number == before + 1:
            _rename(row.wire, name)
        yield row._replace(number=number, shelf=drive)


def _rename(wire: dict[str, Any], name: str | None) -> None:
    if name is None or name == wire["name"]:
        return
    wire["name"] = check_name(name)
    if wire["type"] == "file":
        wire.update(named_members(name, {}))
