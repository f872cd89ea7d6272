"""Drives, their owners, and who else was let in."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from pdsclient.emulator.reading import Position
from pdsclient.emulator.schema import ABSENT_SQL
from pdsclient.emulator.store.base import Base
from pdsclient.query.values import LONG_MAX

_encode = msgspec.json.encode


class Drive(NamedTuple):
    """A drive; ``json`` is the whole object as it is sent."""

    drive_id: str
    owner: str
    json: bytes


class Drives(Base):
    """The part of a store that is about drives."""

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
            if default:
                connection.execute("UPDATE drive SET is_default = 0 WHERE owner = ?", (owner,))
            connection.execute(
                "INSERT INTO drive(drive_id, owner, is_default, json) "
                "VALUES (?, ?, ?, ?) ON CONFLICT(drive_id) DO UPDATE SET "
                "owner = excluded.owner, is_default = excluded.is_default, json = excluded.json",
                (drive_id, owner, default, _encode(wire)),
            )

    def has_drive(self, drive_id: str) -> bool:
        """Whether there is a drive with this id."""
        return self._number(drive_id) is not None

    def drive(self, drive_id: str) -> Drive | None:
        """The drive with this id."""
        return self._one_drive("drive_id = ?", drive_id)

    def default_drive(self, user_id: str) -> Drive | None:
        """The user's default drive."""
        return self._one_drive("owner = ? AND is_default", user_id)

    def drives_of(
        self, user_id: str, *, limit: int, after: Position | None = None
    ) -> tuple[list[Drive], Position | None]:
        """The drives that the user owns, the oldest first, and where to go on."""
        rows = self._read(
            "SELECT id, drive_id, owner, json FROM drive "
            "WHERE owner = ? AND id > ? ORDER BY id LIMIT ?",
            (user_id, after[0] if after else 0, limit + 1),
        )
        drives = [self._drive(row) for row in rows[:limit]]
        return drives, (rows[limit - 1][0],) if len(rows) > limit else None

    def grant(self, drive_id: str, user_id: str) -> None:
        """Let the user into a drive that is not theirs."""
        with self._writing() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO drive_grant VALUES (?, ?)", (drive_id, user_id)
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

    def _one_drive(self, where: str, value: str) -> Drive | None:
        rows = self._read(
            f"SELECT id, drive_id, owner, json FROM drive WHERE {where} LIMIT 1",
            (value,),
        )
        return self._drive(rows[0]) if rows else None

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
