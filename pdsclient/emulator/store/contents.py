"""The bytes of files: kept, made up, or read from a directory that is served.

Where they come from is a file's origin: ``sha1:`` and a hash name a content that is kept,
``made:`` a seed that it is made up from (the revision's id where there is no origin), a JSON array
a file of the directory; an empty one says that there are none yet.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from pdsclient._times import parse_time
from pdsclient.emulator.content import (
    ORIGIN_OF_CONTENT,
    Content,
    Generated,
    Kept,
    Pieces,
    Source,
    made_seed,
)
from pdsclient.emulator.filetypes import OCTETS
from pdsclient.emulator.store.drives import Drives
from pdsclient.emulator.tree import Origin, Tree

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Opened(NamedTuple):
    """A source, and what is known of its bytes."""

    source: Source
    sha1: str | None = None
    crc64: str | None = None


class Version(NamedTuple):
    """A revision of a file as the tables have it."""

    number: int
    revision_id: str
    origin: str | None
    size: int
    content_type: str
    modified_at: datetime


class Contents(Drives):
    """The part of a store that is about contents."""

    def open_content(
        self, drive_id: str, file_id: str, revision_id: str | None = None
    ) -> Content | None:
        """A revision's bytes, the newest one's by default; None if there are none to be had.

        That is: no such file or revision, a folder, an unfinished upload, or a served file that is
        gone. Close what you get.
        """
        found = self._versioned(drive_id, file_id, revision_id)
        if found is None or found.origin == "":
            return None
        opened = self._open(drive_id, found)
        if opened is None:
            # A served file has changed: what was the newest revision is so no longer.
            again = self._seen_again(drive_id, file_id, found)
            if not again or revision_id is not None:
                return None
            return self.open_content(drive_id, file_id)
        return Content(
            opened.source,
            size=found.size,
            content_type=found.content_type,
            revision_id=found.revision_id,
            modified_at=found.modified_at,
            digests=self._digests,
            # The number too: files of one id in two drives have revisions of one id.
            key=(found.number, found.origin or found.revision_id),
            sha1=opened.sha1,
            crc64=opened.crc64,
        )

    def attach_tree(self, drive_id: str, tree: Tree) -> None:
        """Read the drive's files from this directory; used by ``serve_tree``."""
        self._trees[drive_id] = tree

    def _versioned(self, drive_id: str, file_id: str, revision_id: str | None) -> Version | None:
        rows = self._read(
            "SELECT b.id, b.revision_id, b.origin, f.size, b.content_type, f.updated_at "
            "FROM drive d JOIN file f ON f.drive = d.id JOIN body b ON b.id = f.id "
            "WHERE d.drive_id = ? AND f.file_id = ? AND f.type = 'file'",
            (drive_id, file_id),
        )
        if not rows:
            return None
        number, newest, origin, size, content_type, updated_at = rows[0]
        if revision_id not in (None, newest):
            return self._older(number, revision_id, content_type)
        modified_at = datetime.fromtimestamp(updated_at / 1000, UTC)
        return Version(number, newest, origin, size, content_type or OCTETS, modified_at)

    def _older(self, number: int, revision_id: str, content_type: str | None) -> Version | None:
        rows = self._read(
            "SELECT origin, json FROM revision WHERE file = ? AND revision_id = ?",
            (number, revision_id),
        )
        if not rows:
            return None
        data = _decode(rows[0][1])
        moment = parse_time(data["updated_at"])
        assert moment is not None, "every revision has a time"
        kind = data.get("content_type") or content_type or OCTETS
        return Version(number, revision_id, rows[0][0], data["size"], kind, moment)

    def _open(self, drive_id: str, version: Version) -> Opened | None:
        origin = version.origin
        if origin is not None and origin.startswith(ORIGIN_OF_CONTENT):
            return self._open_kept(origin)
        if origin is not None and origin.startswith("["):
            return self._open_served(drive_id, origin)
        return Opened(Generated(made_seed(origin, version.revision_id), version.size))

    def _open_kept(self, origin: str) -> Opened | None:
        rows = self._read("SELECT data, crc64 FROM content WHERE key = ?", (origin,))
        if not rows:
            return None
        data, crc64 = rows[0]
        sha1 = origin.removeprefix(ORIGIN_OF_CONTENT)
        if data is not None:
            return Opened(Kept(data), sha1, crc64)
        pieces = self._read(
            "SELECT name, size FROM piece WHERE content = ? ORDER BY number", (origin,)
        )
        try:
            source = Pieces([(self.blobs.path(name), size) for name, size in pieces])
        except FileNotFoundError:
            return None
        return Opened(source, sha1, crc64)

    def _open_served(self, drive_id: str, origin: str) -> Opened | None:
        """The served file as it was last seen; None if it is gone, or another one by now."""
        opened = self._find_served(drive_id, origin)
        if opened is None:
            return None
        source, now = opened
        if now.encode() != origin:
            source.close()
            return None
        return Opened(source)

    def _seen_again(self, drive_id: str, file_id: str, version: Version) -> bool:
        """Learn how a served file looks now; whether there is anything to be learnt."""
        if version.origin is None or not version.origin.startswith("["):
            return False
        opened = self._find_served(drive_id, version.origin)
        if opened is None:
            return False
        source, now = opened
        source.close()
        with self._changing():
            self._files.seen_again(drive_id, file_id, now)
        return True

    def _find_served(self, drive_id: str, origin: str) -> tuple[Source, Origin] | None:
        # What was copied or moved to another drive still lies in the directory of its own.
        for one in sorted(self._trees, key=lambda one: one != drive_id):
            opened = self._trees[one].open(Origin.decode(origin))
            if opened is not None:
                return opened
        return None
