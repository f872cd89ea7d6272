"""Drives, their owners, and who else was let in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec

from pdsclient.emulator.reading import Position
from pdsclient.emulator.schema import ABSENT_SQL
from pdsclient.emulator.store.records import Records
from pdsclient.query.values import LONG_MAX

_CHUNK: Final = 256
_COLUMNS: Final = "id, drive_id, owner, json"
_NUMBERS: Final = "drive_number"
_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Drive(NamedTuple):
    """A drive; ``json`` is the whole object as it is sent."""

    drive_id: str
    owner: str
    json: bytes

    @property
    def wire(self) -> dict[str, Any]:
        """The whole object."""
        return _decode(self.json)

    @property
    def is_of_group(self) -> bool:
        """Whether a group owns it."""
        return bool(self.wire["owner_type"] == "group")


class Drives(Records):
    """The part of a store that is about drives."""

    people_version = 0
    """Another one after each change of who may do what; of this process only."""

    def put_drive(
        self,
        drive_id: str,
        *,
        owner: str,
        drive_name: str = "",
        default: bool = False,
        total_size: int | None = None,
        **more: Any,
    ) -> None:
        """Create a drive, or change it.

        Args:
            drive_id: a decimal number as text, as a rule.
            owner: a user id.
            drive_name: shown to users.
            default: it is the owner's default drive; another one stops being it.
            total_size: bytes; None is without limit.
            more: further members under the names of the wire.
        """
        wire = {
            "drive_id": drive_id,
            "domain_id": self.domain_id,
            "drive_name": drive_name or drive_id,
            "description": "",
            "drive_type": "normal",
            "owner": owner,
            "owner_type": "user",
            "status": "enabled",
            "creator": owner,
            "created_at": self._now(),
            **({} if total_size is None else {"total_size": total_size}),
            **more,
        }
        with self._writing() as connection:
            self.people_version += 1
            if default:
                connection.execute("UPDATE drive SET is_default = 0 WHERE owner = ?", (owner,))
            connection.execute(
                "INSERT INTO drive(drive_id, owner, is_default, json) "
                "VALUES (?, ?, ?, ?) ON CONFLICT(drive_id) DO UPDATE SET "
                "owner = excluded.owner, is_default = excluded.is_default, json = excluded.json",
                (drive_id, owner, default, _encode(wire)),
            )

    def new_drive(self, *, owner: str, **more: Any) -> str:
        """Create a drive with an id of its own, which is returned; for `more` see ``put_drive``."""
        with self._writing():
            drive_id = self._next_drive_id()
            self.put_drive(drive_id, owner=owner, **more)
            return drive_id

    def change_drive(self, drive_id: str, changes: dict[str, Any]) -> None:
        """Change members of a drive under their names on the wire."""
        with self._writing() as connection:
            self.people_version += 1
            ((json,),) = connection.execute(
                "SELECT json FROM drive WHERE drive_id = ?", (drive_id,)
            )
            wire = _decode(json) | changes
            connection.execute(
                "UPDATE drive SET owner = ?, json = ? WHERE drive_id = ?",
                (wire["owner"], _encode(wire), drive_id),
            )

    def delete_drive(self, drive_id: str) -> None:
        """Delete a drive with all that is in it, for good."""
        with self._changing():
            self.people_version += 1
            number = self._number(drive_id)
            # What is left after the first is in folders that are gone.
            for where in ("parent = 'root'", "true"):
                sql = f"SELECT file_id FROM file WHERE drive = ? AND {where} LIMIT 1"
                while rows := self._read(sql, (number,)):
                    self._files.delete(drive_id, rows[0][0])
            self._writer.execute("DELETE FROM drive_grant WHERE drive_id = ?", (drive_id,))
            self._writer.execute("DELETE FROM drive WHERE id = ?", (number,))

    def is_empty_drive(self, drive_id: str) -> bool:
        """Whether there is nothing in the drive, not even in its recycle bin."""
        number = self._number(drive_id)
        return not self._read("SELECT 1 FROM file WHERE drive = ? LIMIT 1", (number,))

    def _next_drive_id(self) -> str:
        """A number that no drive has, or had: references to that one may be left."""
        rows = self._read("SELECT max(CAST(drive_id AS INTEGER)) FROM drive", ())
        known = self.record(_NUMBERS, "") or {"last": 0}
        last = max(known["last"], rows[0][0] or 0) + 1
        self.put_record(_NUMBERS, "", {"last": last})
        return str(last)

    def has_drive(self, drive_id: str) -> bool:
        """Whether there is a drive with this id."""
        return self._number(drive_id) is not None

    def drive(self, drive_id: str) -> Drive | None:
        """The drive with this id."""
        return self._one_drive("drive_id = ?", drive_id)

    def team_drive(self, drive_id: str) -> Drive | None:
        """The drive with this id, if a group owns it; without its ``used_size``."""
        rows = self._read("SELECT drive_id, owner, json FROM drive WHERE drive_id = ?", (drive_id,))
        drive = Drive(*rows[0]) if rows else None
        return drive if drive is not None and drive.is_of_group else None

    def default_drive(self, user_id: str) -> Drive | None:
        """The user's default drive."""
        return self._one_drive("owner = ? AND is_default", user_id)

    def default_drive_id(self, user_id: str) -> str:
        """The id of the user's default drive, empty if there is none."""
        rows = self._read("SELECT drive_id FROM drive WHERE owner = ? AND is_default", (user_id,))
        return str(rows[0][0]) if rows else ""

    def drives_of(
        self, user_id: str, *, limit: int, after: Position | None = None
    ) -> tuple[list[Drive], Position | None]:
        """The drives that the user owns, the oldest first, and where to go on."""
        rows = self._read(
            f"SELECT {_COLUMNS} FROM drive WHERE owner = ? AND id > ? ORDER BY id LIMIT ?",
            (user_id, after[0] if after else 0, limit + 1),
        )
        return self._page(rows, limit)

    def drives(
        self,
        accept: Callable[[Drive], bool],
        *,
        limit: int,
        after: Position | None = None,
    ) -> tuple[list[Drive], Position | None]:
        """The next drives that are accepted, the oldest first, and where to go on."""
        found: list[Any] = []
        last = after[0] if after else 0
        while len(found) <= limit:
            rows = self._read(
                f"SELECT {_COLUMNS} FROM drive WHERE id > ? ORDER BY id LIMIT ?", (last, _CHUNK)
            )
            if not rows:
                break
            last = rows[-1][0]
            found += [row for row in rows if accept(Drive(*row[1:]))]
        return self._page(found, limit)

    def grant(self, drive_id: str, user_id: str) -> None:
        """Let the user into a drive that is not theirs."""
        with self._writing() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO drive_grant VALUES (?, ?)", (drive_id, user_id)
            )

    def withdraw(self, drive_id: str, user_id: str) -> None:
        """Take that back."""
        with self._writing() as connection:
            connection.execute(
                "DELETE FROM drive_grant WHERE (drive_id, user_id) = (?, ?)", (drive_id, user_id)
            )

    def may_access(self, user_id: str, drive_id: str) -> bool:
        """The user owns the drive, or was let in."""
        return bool(
            self._read(
                "SELECT 1 FROM drive WHERE drive_id = ? AND owner = ? UNION ALL "
                "SELECT 1 FROM drive_grant WHERE drive_id = ? AND user_id = ?",
                (drive_id, user_id) * 2,
            )
        )

    def total_used_size(self) -> int:
        """The bytes of all files of all drives."""
        rows = self._read("SELECT id FROM drive", ())
        return min(sum(self._used_size(number) for (number,) in rows), LONG_MAX)

    def _one_drive(self, where: str, value: str) -> Drive | None:
        rows = self._read(
            f"SELECT {_COLUMNS} FROM drive WHERE {where} LIMIT 1",
            (value,),
        )
        return self._drive(rows[0]) if rows else None

    def _page(self, rows: list[Any], limit: int) -> tuple[list[Drive], Position | None]:
        """The first of these rows, and where to go on if there are more."""
        drives = [self._drive(row) for row in rows[:limit]]
        return drives, (rows[limit - 1][0],) if len(rows) > limit else None

    def _drive(self, row: tuple[int, str, str, bytes]) -> Drive:
        number, drive_id, owner, json = row
        return Drive(drive_id, owner, json[:-1] + b',"used_size":%d}' % self._used_size(number))

    def _used_size(self, drive: int) -> int:
        """The bytes of all files, also of those in the bin; summed up once after each change."""
        key = drive, self._version
        if key not in self._used_sizes:
            rows = self._read(
                "SELECT total(size) FROM file INDEXED BY file_by_size "
                f"WHERE shelf IN (?, ?) AND size > {ABSENT_SQL}",
                (drive, -drive),
            )
            self._used_sizes[key] = min(int(rows[0][0]), LONG_MAX)
        return self._used_sizes[key]
