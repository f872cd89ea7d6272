"""Reading the log of changes."""

from __future__ import annotations

from pdsclient.emulator.deltas import Change
from pdsclient.emulator.rows import ROOT
from pdsclient.emulator.store.files import FilesRead


class Deltas(FilesRead):
    """The part of a store that tells what has changed in a drive."""

    def last_change(self) -> int:
        """Where the log of changes ends now."""
        return int(self._read("SELECT coalesce(max(seq), 0) FROM delta", ())[0][0])

    def first_change(self) -> int:
        """Where the log of changes begins, after old entries were dropped."""
        return int(self._read("SELECT coalesce(min(seq), 1) FROM delta", ())[0][0])

    def changes(
        self, drive_id: str, *, below: str = ROOT, after: int = 0, limit: int
    ) -> list[Change]:
        """The changes of a drive behind a place in the log, the oldest first.

        Args:
            drive_id: the drive.
            below: only what lies, or lay before it was moved, in this folder or deeper.
            after: the place.
            limit: how many at most.
        """
        return [
            Change(*row)
            for row in self._read(
                "SELECT seq, op, file_id, json FROM delta INDEXED BY delta_drive "
                "WHERE drive = ? AND seq > ? AND instr(above, ?) > 0 ORDER BY seq LIMIT ?",
                (self._number(drive_id), after, f" {below} ", limit),
            )
        ]
