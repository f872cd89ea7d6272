"""Revisions: what a file's content was before.

A file that was never overwritten has no rows here: its one revision is the file itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from uuid import uuid4

import msgspec

from pdsclient.emulator.content import lasting_origin
from pdsclient.emulator.rows import revision_of
from pdsclient.emulator.store.files import FilesRead
from pdsclient.emulator.tables import Row
from pdsclient.emulator.writing import Missing

_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode

# What a revision says about its content, as the file said it then.
_OF_CONTENT: Final[tuple[str, ...]] = (
    "size",
    "content_hash",
    "content_hash_name",
    "crc64_hash",
    "content_type",
    "file_extension",
)


class Revision(NamedTuple):
    """A revision of a file; ``data`` is what is sent of it, without ids and URLs."""

    revision_id: str
    version: int
    origin: str
    is_latest: bool
    data: dict[str, Any]


class Revisions(FilesRead):
    """The part of a store that is about revisions."""

    def revisions(
        self, drive_id: str, file_id: str, *, limit: int = -1, before: int | None = None
    ) -> list[Revision]:
        """The revisions of a file, the newest first.

        Args:
            drive_id: the drive.
            file_id: the file.
            limit: how many at most; -1 for all.
            before: only those with a lower version.
        """
        row = self._whole(drive_id, file_id)
        newest = row.wire["revision_id"]
        found = self._read(
            "SELECT revision_id, version, origin, json FROM revision "
            "WHERE file = ? AND version < coalesce(?, version + 1) ORDER BY version DESC LIMIT ?",
            (row.number, before, limit),
        )
        older = [
            Revision(revision_id, version, origin, revision_id == newest, _decode(json))
            for revision_id, version, origin, json in found
        ]
        latest = self._latest(row)
        is_known = any(one.is_latest for one in older) or not self._is_below(latest, before)
        return older if is_known else [latest, *older][: None if limit < 0 else limit]

    def revision(self, drive_id: str, file_id: str, revision_id: str) -> Revision | None:
        """One revision of a file."""
        each = self.revisions(drive_id, file_id)
        return next((one for one in each if one.revision_id == revision_id), None)

    def overwrite(
        self,
        drive_id: str,
        file_id: str,
        origin: str,
        members: Mapping[str, Any],
        *,
        keeps_revisions: bool,
    ) -> None:
        """Give a file a new revision.

        Args:
            drive_id: the drive.
            file_id: the file.
            origin: where the new bytes come from.
            members: what the file says from now on.
            keeps_revisions: the old revisions stay.
        """
        with self.atomic():
            row = self._whole(drive_id, file_id)
            latest = self._latest(row)
            new_id = members.get("revision_id") or revision_of(file_id, uuid4().hex)
            members = {
                "updated_at": self._now(),
                **members,
                "revision_id": new_id,
                "revision_version": latest.version + 1,
            }
            if keeps_revisions:
                self._put_revision(row.number, latest)
            else:
                self._writer.execute("DELETE FROM revision WHERE file = ?", (row.number,))
            self._files.fill(drive_id, file_id, origin, members)
            if keeps_revisions:
                self._put_revision(row.number, self._latest(self._whole(drive_id, file_id)))

    def restore_revision(
        self,
        drive_id: str,
        file_id: str,
        old: Revision,
        more: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        """Make a new revision that is like an old one; the file says `more` from now on."""
        members = {name: old.data[name] for name in _OF_CONTENT if name in old.data}
        members |= more
        self.overwrite(drive_id, file_id, old.origin, members, keeps_revisions=True)

    def update_revision(
        self, drive_id: str, file_id: str, revision: Revision, changes: Mapping[str, Any]
    ) -> None:
        """Change what a revision says about itself."""
        with self.atomic():
            row = self._whole(drive_id, file_id)
            data = {**revision.data, **changes, "updated_at": self._now()}
            self._put_revision(row.number, revision._replace(data=data))

    def delete_revision(self, drive_id: str, file_id: str, revision_id: str) -> None:
        """Remove an old revision."""
        with self.atomic():
            row = self._whole(drive_id, file_id)
            self._writer.execute(
                "DELETE FROM revision WHERE file = ? AND revision_id = ?",
                (row.number, revision_id),
            )

    def _put_revision(self, number: int, revision: Revision) -> None:
        # Deleted first, and not replaced: replacing would pass the triggers by.
        self._writer.execute(
            "DELETE FROM revision WHERE file = ? AND version = ?", (number, revision.version)
        )
        self._writer.execute(
            "INSERT INTO revision(file, version, revision_id, origin, json) VALUES (?, ?, ?, ?, ?)",
            (
                number,
                revision.version,
                revision.revision_id,
                revision.origin,
                _encode(revision.data),
            ),
        )

    def _whole(self, drive_id: str, file_id: str) -> Row:
        """The file with all that is said about it."""
        rows = self._read(
            "SELECT f.id, f.shelf, b.json, b.extras, b.origin "
            "FROM drive d JOIN file f ON f.drive = d.id JOIN body b ON b.id = f.id "
            "WHERE d.drive_id = ? AND f.file_id = ?",
            (drive_id, file_id),
        )
        if not rows:
            raise Missing(f"drive {drive_id} has no file {file_id}")
        number, shelf, json, extras, origin = rows[0]
        return Row(number, shelf, _decode(json) | _decode(extras or b"{}"), origin=origin)

    def _latest(self, row: Row) -> Revision:
        """The revision that the file is at."""
        wire = row.wire
        if wire["type"] == "folder":
            raise Missing("a folder has no revisions")
        found = self._read(
            "SELECT version, json FROM revision WHERE file = ? AND revision_id = ?",
            (row.number, wire["revision_id"]),
        )
        if found:
            version, data = found[0][0], _decode(found[0][1])
        else:
            version = self._last_version(row.number) + 1
            is_first = version == 1
            moment = wire["created_at" if is_first else "updated_at"]
            creator = wire.get("creator_id" if is_first else "last_modifier_id")
            data = {name: wire[name] for name in _OF_CONTENT if name in wire}
            data |= {} if creator is None else {"creator_id": creator}
            data |= {"created_at": moment, "updated_at": moment}
            data |= {"revision_name": wire["name"], "keep_forever": False}
        origin = lasting_origin(row.origin, wire["revision_id"])
        return Revision(wire["revision_id"], version, origin, True, data)

    def _last_version(self, number: int) -> int:
        rows = self._read("SELECT max(version) FROM revision WHERE file = ?", (number,))
        return rows[0][0] or 0

    @staticmethod
    def _is_below(revision: Revision, before: int | None) -> bool:
        return before is None or revision.version < before
