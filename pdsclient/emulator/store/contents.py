"""The bytes of files: kept, made up, or read from a directory that is served."""

from __future__ import annotations

from datetime import UTC, datetime

from pdsclient.emulator.content import Content, Generated, Kept, Source
from pdsclient.emulator.filetypes import OCTETS
from pdsclient.emulator.store.drives import Drives
from pdsclient.emulator.tree import Origin, Tree


class Contents(Drives):
    """The part of a store that is about contents."""

    def open_content(self, drive_id: str, file_id: str) -> Content | None:
        """The newest revision's bytes; None if there are none to be had.

        That is: no such file, a folder, or a served file that is gone. Close what you get.
        """
        served = self._origin(drive_id, file_id)
        source: Source | None = None
        if served is not None:
            source = self._open_served(drive_id, file_id, served)
            if source is None:
                return None
        found = self._read(
            "SELECT b.id, b.content, b.origin, b.revision_id, b.content_type, f.size, "
            "f.updated_at "
            "FROM drive d JOIN file f ON f.drive = d.id JOIN body b ON b.id = f.id "
            "WHERE d.drive_id = ? AND f.file_id = ? AND f.type = 'file'",
            (drive_id, file_id),
        )
        if not found:
            return None
        number, kept, origin, revision_id, content_type, size, updated_at = found[0]
        if source is None:
            source = Kept(kept) if kept is not None else Generated(revision_id, size)
        return Content(
            source,
            size=size,
            content_type=content_type or OCTETS,
            revision_id=revision_id,
            modified_at=datetime.fromtimestamp(updated_at / 1000, UTC),
            digests=self._digests,
            # The number too: files of one id in two drives have revisions of one id.
            key=(number, origin or revision_id),
        )

    def attach_tree(self, drive_id: str, tree: Tree) -> None:
        """Read the drive's files from this directory; used by ``serve_tree``."""
        self._trees[drive_id] = tree

    def _origin(self, drive_id: str, file_id: str) -> Origin | None:
        """Where in the served directory the file lies; None if it lies elsewhere."""
        if drive_id not in self._trees:
            return None
        rows = self._read(
            "SELECT b.origin FROM drive d JOIN file f ON f.drive = d.id "
            "JOIN body b ON b.id = f.id WHERE d.drive_id = ? AND f.file_id = ?",
            (drive_id, file_id),
        )
        return Origin.decode(rows[0][0]) if rows and rows[0][0] else None

    def _open_served(self, drive_id: str, file_id: str, origin: Origin) -> Source | None:
        """Open the served file; one that changed since it was last seen is a new revision."""
        opened = self._trees[drive_id].open(origin)
        if opened is None:
            return None
        source, now = opened
        if now != origin:
            with self._changing():
                self._files.seen_again(drive_id, file_id, now)
        return source
