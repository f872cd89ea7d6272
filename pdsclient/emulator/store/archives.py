"""Archives: zips that were made of files, and are there to be downloaded.

An archive is a revision that belongs to no file, so its bytes are kept as those of others are.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from pdsclient.emulator.archives import Member, Packed, distinct
from pdsclient.emulator.content import ORIGIN_OF_CONTENT
from pdsclient.emulator.reading import FileRow
from pdsclient.emulator.rows import revision_of
from pdsclient.emulator.schema import ABSENT
from pdsclient.emulator.store.contents import Version
from pdsclient.emulator.store.files import FilesRead

ARCHIVES: Final = "archives"
"""What stands for the drive in an archive's URL."""
_NO_FILE: Final = 0
_ZIP: Final = "application/zip"


class Archives(FilesRead):
    """The part of a store that keeps archives."""

    def archive_members(self, tops: Sequence[FileRow], most: int) -> list[Member]:
        """The files and folders to be packed, with those below; a few more than `most` at most."""
        found: list[tuple[str, str, str, str, float, int]] = []
        for top in tops:
            found += self._below(top, most + 1 - len(found))
        paths = distinct(entry[:3] for entry in found)
        return [
            Member(
                path,
                file_id,
                kind == "folder",
                0 if size == ABSENT else int(size),
                datetime.fromtimestamp(updated_ms / 1000, UTC),
            )
            for path, (file_id, _, _, kind, size, updated_ms) in zip(paths, found, strict=True)
        ]

    def _below(self, top: FileRow, most: int) -> list[tuple[str, str, str, str, float, int]]:
        """The file itself and all below it, level by level."""
        drive = self._number(top.drive_id)
        return self._read(
            """WITH RECURSIVE down(file_id, parent, name, type, size, updated_at) AS (
                SELECT file_id, '', name, type, size, updated_at FROM file
                WHERE drive = ? AND file_id = ?
                UNION ALL
                SELECT f.file_id, f.parent, f.name, f.type, f.size, f.updated_at
                FROM down CROSS JOIN file f INDEXED BY file_children
                ON f.drive = ? AND f.parent = down.file_id AND f.shelf = ?
                WHERE down.type = 'folder')
            SELECT * FROM down LIMIT ?""",
            (drive, top.file_id, drive, drive, max(most, 1)),
        )

    def put_archive(self, archive_id: str, packed: Packed) -> None:
        """Keep a zip that was made, under an id that nothing else has."""
        origin = ORIGIN_OF_CONTENT + packed.sha1
        data = {"size": packed.size, "updated_at": self._now(), "content_type": _ZIP}
        with self._writing() as connection:
            known = connection.execute("SELECT 1 FROM content WHERE key = ?", (origin,)).fetchone()
            if known:
                self.blobs.remove([packed.piece])
            else:
                connection.execute(
                    "INSERT INTO content(key, size, crc64, head) VALUES (?, ?, ?, ?)",
                    (origin, packed.size, packed.crc64, packed.head),
                )
                connection.execute(
                    "INSERT INTO piece(name, content, number, size) VALUES (?, ?, 1, ?)",
                    (packed.piece, origin, packed.size),
                )
            connection.execute(
                "INSERT INTO revision SELECT ?, coalesce(max(version), 0) + 1, ?, ?, ? "
                "FROM revision WHERE file = ?",
                (_NO_FILE, revision_of(archive_id), origin, msgspec.json.encode(data), _NO_FILE),
            )

    def forget_archive(self, archive_id: str) -> None:
        """Remove an archive for good."""
        with self.atomic():
            self._writer.execute(
                "DELETE FROM revision WHERE file = ? AND revision_id = ?",
                (_NO_FILE, revision_of(archive_id)),
            )

    def _versioned(self, drive_id: str, file_id: str, revision_id: str | None) -> Version | None:
        if drive_id == ARCHIVES:
            return self._older(_NO_FILE, revision_of(file_id), _ZIP)
        return super()._versioned(drive_id, file_id, revision_id)
