"""Uploads: sessions, the parts that have arrived, and what becomes of them.

A part is a piece beside the database. When an upload is completed its pieces become a content's,
which copies nothing, or are dropped if the same content is there already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from typing import Any, Final, NamedTuple
from uuid import uuid4

import msgspec

from pdsclient._crc64 import combine
from pdsclient.emulator.blobs import HEAD_BYTES, head_of
from pdsclient.emulator.content import ORIGIN_OF_CONTENT, Pieces
from pdsclient.emulator.hashing import HashState, Running
from pdsclient.emulator.reading import FileRow
from pdsclient.emulator.store.revisions import Revisions

_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode
_PART_COLUMNS: Final = "number, size, etag, crc64, name, state"
_CHUNK: Final = 1024 * 1024
# Uploads whose hashes are remembered; those of others are computed from their parts.
_REMEMBERED: Final = 256


class UploadGone(LookupError):
    """There is no such upload: it was completed, has expired, or its file was deleted."""


class PartRefused(Exception):
    """The part does not fit.

    Attributes:
        expected: the number of the part that would; 0 when this one is there already.
    """

    def __init__(self, expected: int) -> None:
        super().__init__(f"part {expected} is expected")
        self.expected = expected


class Upload(NamedTuple):
    """An unfinished upload; ``number`` is the file's in the tables."""

    upload_id: str
    number: int
    data: dict[str, Any]

    @property
    def is_parallel(self) -> bool:
        """Parts may come in any order."""
        return bool(self.data["parallel"])

    @property
    def hash_names(self) -> set[str]:
        """The hashes that are needed at its end: contents are kept by their SHA-1."""
        return {"sha1", self.data["hash_name"], self.data["domain_hash_name"]}


class Part(NamedTuple):
    """A part that has arrived; ``name`` is its piece, ``state`` the hash state that came along."""

    number: int
    size: int
    etag: str
    crc64: str | None
    name: str
    state: str | None


class Stored(NamedTuple):
    """A content that is kept."""

    origin: str
    size: int
    sha1: str
    sha256: str | None
    crc64: str | None

    def members(self, hash_name: str) -> dict[str, Any]:
        """What a file with this content says about it."""
        digest = self.sha256 if hash_name == "sha256" else self.sha1
        return {
            "size": self.size,
            "content_hash": digest or self.sha1,
            "content_hash_name": hash_name if digest else "sha1",
            **({} if self.crc64 is None else {"crc64_hash": self.crc64}),
        }


class Uploads(Revisions):
    """The part of a store that is about uploads."""

    # ---- contents that are there already

    def stored(self, hash_name: str, digest: str) -> Stored | None:
        """The content with this hash."""
        column, key = "sha256", digest.upper()
        if hash_name == "sha1":
            column, key = "key", ORIGIN_OF_CONTENT + key
        rows = self._read(
            f"SELECT key, size, sha256, crc64 FROM content WHERE {column} = ?", (key,)
        )
        return _stored(*rows[0]) if rows else None

    def is_known_head(self, pre_hash: str, size: int | None) -> bool:
        """Whether some content begins like this, and has this size if one is given."""
        return bool(
            self._read(
                "SELECT 1 FROM content WHERE head = ? AND size = coalesce(?, size) LIMIT 1",
                (pre_hash.upper(), size),
            )
        )

    def keep(self, data: bytes) -> Stored:
        """Make the bytes a content, inside a transaction in which a file gets it."""
        with self.atomic():
            origin = self.blobs.keep(self._writer, data)
        found = self.stored("sha1", origin.removeprefix(ORIGIN_OF_CONTENT))
        assert found is not None, "it was kept a moment ago"
        return found

    def has_room(self, drive_id: str, size: int) -> bool:
        """Whether so many bytes more are within the drive's quota."""
        ((number, json),) = self._read("SELECT id, json FROM drive WHERE drive_id = ?", (drive_id,))
        total: int = _decode(json).get("total_size", -1)
        return total < 0 or self._used_size(number) + size <= total

    # ---- sessions

    def new_id(self) -> str:
        """32 hex digits that nothing else has."""
        return uuid4().hex

    def begin_upload(
        self,
        drive_id: str,
        file: FileRow | Mapping[str, Any],
        data: Mapping[str, Any],
        *,
        life_s: float,
    ) -> tuple[str, str]:
        """Begin an upload; the ids of the file and of the upload.

        Args:
            drive_id: the drive.
            file: the file to overwrite, or what a new one is like.
            data: of the session: ``parallel``, ``size``, ``members`` (what the file is to say once
                it is complete), ``content_hash`` and its ``hash_name``, ``domain_hash_name``.
            life_s: when it ends by itself.
        """
        upload_id = self.new_id().upper()
        with self.atomic():
            self._expire()
            if isinstance(file, FileRow):
                file_id = file.file_id
            else:
                new = {**file, "status": "uploading", "origin": "", "upload_id": upload_id}
                [file_id] = self.add_files([new], drive_id=drive_id)
            data = {
                **data,
                "drive_id": drive_id,
                "file_id": file_id,
                "is_new": not isinstance(file, FileRow),
                "created_at": self._now(),
            }
            number = self._whole(drive_id, file_id).number
            self._writer.execute(
                "INSERT INTO upload VALUES (?, ?, ?, ?)",
                (upload_id, number, self._clock.time() + life_s, _encode(data)),
            )
        return file_id, upload_id

    def upload(self, drive_id: str, file_id: str, upload_id: str) -> Upload:
        """The upload; UploadGone if there is none of that id for this file."""
        rows = self._read(
            "SELECT file, expires, json FROM upload WHERE upload_id = ?", (upload_id,)
        )
        if rows and rows[0][1] > self._clock.time():
            found = Upload(upload_id, rows[0][0], _decode(rows[0][2]))
            if (found.data["drive_id"], found.data["file_id"]) == (drive_id, file_id):
                return found
        raise UploadGone

    def drop_uploads(self) -> int:
        """Drop all uploads, files that never were included; how many there were."""
        with self.atomic():
            return self._drop(until=inf)

    def _expire(self) -> None:
        self._drop(until=self._clock.time())

    def _drop(self, *, until: float) -> int:
        """Drop what nobody has completed in time, files that never were included."""
        gone = self._read("SELECT upload_id, json FROM upload WHERE expires <= ?", (until,))
        for upload_id, json in gone:
            data = _decode(json)
            if data["is_new"]:
                self._files.delete(data["drive_id"], data["file_id"])
            self._writer.execute("DELETE FROM upload WHERE upload_id = ?", (upload_id,))
        return len(gone)

    # ---- parts

    def parts(self, upload: Upload, *, after: int = 0, limit: int = -1) -> list[Part]:
        """The parts that have arrived, by number; UploadGone if the upload has ended meanwhile."""
        # One statement: between two of them another process may complete it.
        rows = self._read(
            f"SELECT {_PART_COLUMNS} FROM upload LEFT JOIN piece ON upload = upload_id "
            "AND number > ? WHERE upload_id = ? ORDER BY number LIMIT ?",
            (after, upload.upload_id, limit),
        )
        if not rows:
            raise UploadGone
        return [Part(*row) for row in rows if row[0] is not None]

    def check_part(self, upload: Upload, number: int) -> None:
        """PartRefused when the part may not come now: without parallel mode they come in order.

        UploadGone if the upload has ended meanwhile.
        """
        if upload.is_parallel:
            return
        rows = self._read(
            "SELECT (SELECT coalesce(max(number), 0) FROM piece WHERE upload = upload_id) "
            "FROM upload WHERE upload_id = ?",
            (upload.upload_id,),
        )
        if not rows:
            raise UploadGone
        ((last,),) = rows
        if number != last + 1:
            raise PartRefused(last + 1 if number > last else 0)

    def add_part(self, upload: Upload, part: Part) -> None:
        """A part has arrived whole; in parallel mode it takes the place of one with its number."""
        with self._writing() as connection:
            self.upload(upload.data["drive_id"], upload.data["file_id"], upload.upload_id)
            self.check_part(upload, part.number)
            connection.execute(
                "UPDATE piece SET upload = NULL WHERE upload = ? AND number = ?",
                (upload.upload_id, part.number),
            )
            connection.execute(
                f"INSERT INTO piece(upload, {_PART_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (upload.upload_id, *part),
            )

    # ---- hashes

    def running(self, upload: Upload, number: int) -> Running | None:
        """The hashes of all parts before this one, to go on with; None if they are not known."""
        with self._hashing:
            known = self._running.get(upload.upload_id)
        if known is None:
            known = Running.start(upload.hash_names) if number == 1 else None
        return known.copy() if known is not None and len(known.etags) == number - 1 else None

    def remember(self, upload: Upload, running: Running) -> None:
        """Hashes that ``running`` began and that have come further."""
        with self._hashing:
            self._running[upload.upload_id] = running
            if len(self._running) > _REMEMBERED:
                del self._running[next(iter(self._running))]

    def hashes(self, upload: Upload, parts: Sequence[Part]) -> Running:
        """The hashes of all parts; those that are not known yet are read. May take long."""
        with self._hashing:
            running = self._running.pop(upload.upload_id, None)
        etags = [part.etag for part in parts]
        names = upload.hash_names | _names_of_states(parts)
        if (
            running is None
            or not names <= running.hashes.keys()
            or running.etags != etags[: len(running.etags)]
        ):
            running = Running.start(names)
        for part in parts[len(running.etags) :]:
            self._hash(running, part)
        return running

    def _hash(self, running: Running, part: Part) -> None:
        running.begin_part()
        source = Pieces([(self.blobs.path(part.name), part.size)])
        for offset in range(0, part.size, _CHUNK):
            running.update(source.read(offset, _CHUNK))
        source.close()
        running.end_part(part.etag)

    # ---- the end

    def complete_upload(
        self, upload: Upload, parts: Sequence[Part], running: Running, *, keeps_revisions: bool
    ) -> None:
        """Make the parts the file's content; UploadGone if that has happened already."""
        drive_id, file_id = upload.data["drive_id"], upload.data["file_id"]
        with self.atomic():
            self.upload(drive_id, file_id, upload.upload_id)
            content = self._content_of(upload, parts, running)
            self._writer.execute("DELETE FROM upload WHERE upload_id = ?", (upload.upload_id,))
            members = {**upload.data["members"], **content.members(upload.data["domain_hash_name"])}
            if upload.data["is_new"]:
                members |= {"status": "available", "updated_at": self._now()}
                self._files.fill(drive_id, file_id, content.origin, members)
            else:
                self.overwrite(
                    drive_id, file_id, content.origin, members, keeps_revisions=keeps_revisions
                )

    def _content_of(self, upload: Upload, parts: Sequence[Part], running: Running) -> Stored:
        sha1, sha256 = running.hexdigest("sha1"), running.hexdigest("sha256")
        assert sha1 is not None, "it is among every upload's hashes"
        known = self.stored("sha1", sha1)
        if known is not None:
            return self._with_sha256(known, sha256)
        origin = ORIGIN_OF_CONTENT + sha1
        crc64 = _crc64_of(parts)
        head = head_of(self._source(parts).read(0, HEAD_BYTES))
        self._writer.execute(
            "INSERT INTO content(key, size, sha256, crc64, head) VALUES (?, ?, ?, ?, ?)",
            (origin, running.size, sha256, crc64, head),
        )
        self._writer.execute(
            "UPDATE piece SET upload = NULL, content = ? WHERE upload = ?",
            (origin, upload.upload_id),
        )
        return _stored(origin, running.size, sha256, crc64)

    def _with_sha256(self, known: Stored, sha256: str | None) -> Stored:
        """A content that was kept before, perhaps when the domain had another hash."""
        if sha256 is None or known.sha256 is not None:
            return known
        self._writer.execute("UPDATE content SET sha256 = ? WHERE key = ?", (sha256, known.origin))
        return known._replace(sha256=sha256)

    def _source(self, parts: Sequence[Part]) -> Pieces:
        return Pieces([(self.blobs.path(part.name), part.size) for part in parts])


def _stored(origin: str, size: int, sha256: str | None, crc64: str | None) -> Stored:
    return Stored(origin, size, origin.removeprefix(ORIGIN_OF_CONTENT), sha256, crc64)


def _crc64_of(parts: Sequence[Part]) -> str | None:
    """The checksum of the whole from those of the parts; None if one has none."""
    whole = 0
    for part in parts:
        if part.crc64 is None:
            return None
        whole = combine(whole, int(part.crc64), part.size)
    return str(whole)


def _names_of_states(parts: Sequence[Part]) -> set[str]:
    return {HashState.decode(part.state).name for part in parts if part.state is not None}


def states_are_true(parts: Sequence[Part], running: Running) -> bool:
    """Whether every hash state that came with a part is that of the bytes before it."""
    for part, marks, start in zip(parts, running.marks, _starts(parts), strict=True):
        if part.state is not None:
            state = HashState.decode(part.state)
            if state.offset != start or state.digest() != marks.get(state.name):
                return False
    return True


def _starts(parts: Sequence[Part]) -> list[int]:
    starts = [0]
    for part in parts:
        starts.append(starts[-1] + part.size)
    return starts[:-1]
