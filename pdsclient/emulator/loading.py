"""What a caller wants to add, made into whole files with places."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from pdsclient.emulator.rows import ROOT, Place, complete
from pdsclient.emulator.tables import Row
from pdsclient.errors import InvalidRequest


def drive_number(connection: sqlite3.Connection, drive_id: str) -> int:
    """The drive's number in the tables; InvalidRequest if there is no such drive."""
    row = connection.execute("SELECT id FROM drive WHERE drive_id = ?", (drive_id,)).fetchone()
    if row is None:
        raise InvalidRequest(f"drive_id: there is no drive {drive_id!r}")
    return int(row[0])


class Load:
    """Makes rows of what a caller describes, and the folders that paths name."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        domain_id: str,
        now: str,
        number: int,
        drive_id: str | None,
    ) -> None:
        self._connection = connection
        self._domain_id = domain_id
        self._now = now
        self._number = number
        self._drive_id = drive_id
        self._drives: dict[str, int] = {}
        self._parents: dict[tuple[str, str], bool] = {}
        self._folders: dict[tuple[str, str, str], str] = {}
        self._knows_all = False
        self.file_ids: list[str] = []

    def learn_folders(self) -> None:
        """Read all folders there are: from now on no index can be asked for one."""
        for drive_id, parent, name, file_id, shelf in self._connection.execute(
            "SELECT d.drive_id, f.parent, f.name, f.file_id, f.shelf FROM file f NOT INDEXED "
            "JOIN drive d ON d.id = f.drive WHERE f.type = 'folder' ORDER BY f.id"
        ):
            self._parents.setdefault((drive_id, file_id), shelf > 0)
            if shelf > 0:
                self._folders.setdefault((drive_id, parent, name), file_id)
        self._knows_all = True

    def rows(self, given: Iterable[Mapping[str, Any]]) -> Iterator[Row]:
        """The rows, each folder of a path before what it holds."""
        for index, item in enumerate(given):
            if not isinstance(item, Mapping):
                raise InvalidRequest(f"rows[{index}]: a mapping is needed, not {item!r}")
            try:
                made = list(self._with_folders(item))
            except InvalidRequest as error:
                raise InvalidRequest(f"rows[{index}].{error}") from None
            self.file_ids.append(made[-1].wire["file_id"])
            yield from made

    def _with_folders(self, item: Mapping[str, Any]) -> Iterator[Row]:
        drive_id = item.get("drive_id") or self._drive_id
        if not isinstance(drive_id, str):
            raise InvalidRequest("drive_id: say which drive the file goes to")
        parent = item.get("parent_file_id") or ROOT
        if "path" in item:
            *folders, name = str(item["path"]).strip("/").split("/")
            for folder in folders:
                known = self._folder(drive_id, parent, folder)
                if known is None:
                    row = self._row(drive_id, parent, {"name": folder, "type": "folder"})
                    known = row.wire["file_id"]
                    yield row
                parent = known
            item = {**item, "name": name}
        yield self._row(drive_id, parent, item)

    def _row(self, drive_id: str, parent: str, item: Mapping[str, Any]) -> Row:
        drive = self._drive(drive_id)
        findable = self._findable(drive_id, parent)
        number = self._number = self._number + 1
        file_id = _check_id(item.get("file_id")) or _file_id(drive_id, number)
        place = Place(self._domain_id, drive_id, parent, file_id, self._now)
        wire = complete(item, place)
        findable = findable and wire["status"] == "available"
        if wire["type"] == "folder":
            self._parents[drive_id, file_id] = findable
            self._folders.setdefault((drive_id, parent, wire["name"]), file_id)
        shelf = drive if findable else -drive
        return Row(number, shelf, wire, item.get("content"), item.get("origin"))

    def _drive(self, drive_id: str) -> int:
        if drive_id not in self._drives:
            self._drives[drive_id] = drive_number(self._connection, drive_id)
        return self._drives[drive_id]

    def _findable(self, drive_id: str, parent: str) -> bool:
        """Whether what is in the folder can be found; InvalidRequest if there is no such folder."""
        if parent == ROOT:
            return True
        known = self._parents.get((drive_id, parent))
        if known is None:
            row = self._ask(
                "SELECT shelf FROM file INDEXED BY file_identity "
                "WHERE drive = ? AND file_id = ? AND type = 'folder'",
                (self._drive(drive_id), parent),
            )
            if row is None:
                raise InvalidRequest(
                    f"parent_file_id: drive {drive_id} has no folder {parent!r}; add it first"
                )
            known = self._parents[drive_id, parent] = row[0] > 0
        return known

    def _folder(self, drive_id: str, parent: str, name: str) -> str | None:
        key = drive_id, parent, name
        if key not in self._folders:
            row = self._ask(
                "SELECT file_id FROM file INDEXED BY file_by_name "
                "WHERE shelf = ? AND name = ? AND parent = ? AND type = 'folder' "
                "ORDER BY id LIMIT 1",
                (self._drive(drive_id), name, parent),
            )
            if row is None:
                return None
            self._folders[key] = row[0]
        return self._folders[key]

    def _ask(self, sql: str, values: tuple[Any, ...]) -> Any:
        """A row of the table, unless all that can be asked for has been read already."""
        return None if self._knows_all else self._connection.execute(sql, values).fetchone()


_FILE_ID: Final = re.compile("[a-z0-9]{1,50}")


def _check_id(file_id: Any) -> str | None:
    """The id, if files can have it (pds-service.md 1.7); None if the caller gives none."""
    if file_id is None:
        return None
    if not isinstance(file_id, str) or not _FILE_ID.fullmatch(file_id) or file_id == ROOT:
        raise InvalidRequest(f"file_id: 1-50 of a-z and 0-9 are allowed, not {file_id!r}")
    return file_id


def _file_id(drive_id: str, number: int) -> str:
    return hashlib.sha1(f"{drive_id}/{number}".encode()).hexdigest()
