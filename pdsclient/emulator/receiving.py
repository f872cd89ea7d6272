"""Parts of uploads as they arrive: written and hashed while the next bytes are under way."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
import threading
from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Final

from pdsclient._crc64 import crc64
from pdsclient.emulator.blobs import Incoming
from pdsclient.emulator.content import crc64_bytes
from pdsclient.emulator.hashing import Running
from pdsclient.emulator.replies import Reply, request_id
from pdsclient.emulator.signed import DataError, Target
from pdsclient.emulator.store import Part, PartRefused, Upload, UploadGone

if TYPE_CHECKING:
    from pdsclient.emulator.requestlog import RequestRecord
    from pdsclient.emulator.service import Service

# So much is handed to a thread at once: a hop costs as much as hashing a tenth of it.
_BATCH: Final = 1024 * 1024
_LARGEST_PART: Final = 5 * 1024**3  # pds-service.md 4.2


class Receiver:
    """A part that is being received. Its methods may be called from any thread."""

    def __init__(self, incoming: Incoming, size: int, running: Running | None) -> None:
        self.running = running
        self._incoming = incoming
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._crc64: int | None = 0 if size <= crc64_bytes() else None
        self._lock = threading.Lock()
        self._is_over = False
        self.size = 0
        if running is not None:
            running.begin_part()

    @property
    def name(self) -> str:
        """Of the piece that the part becomes."""
        return self._incoming.name

    @property
    def md5(self) -> bytes:
        """Of what has been received."""
        return self._md5.digest()

    @property
    def etag(self) -> str:
        """As OSS sends it."""
        return f'"{self.md5.hex().upper()}"'

    @property
    def crc64(self) -> str | None:
        """The checksum as decimal text; None if it would take long to compute."""
        return None if self._crc64 is None else str(self._crc64)

    def digest(self, chunks: Sequence[bytes]) -> None:
        """Hash more of the part for its ETag, which takes as long as everything else."""
        for data in chunks:
            self._md5.update(data)

    def write(self, chunks: Sequence[bytes]) -> None:
        """Write more of the part, and hash it for the content."""
        with self._lock:
            for data in chunks:
                if self._is_over:
                    return
                self._incoming.write(data)
                if self._crc64 is not None:
                    self._crc64 = crc64(data, self._crc64)
                if self.running is not None:
                    self.running.update(data)
                self.size += len(data)

    def keep(self) -> None:
        """The part is whole: make it a piece."""
        with self._lock:
            if not self._is_over:
                self._is_over = True
                self._incoming.keep()
                if self.running is not None:
                    self.running.end_part(self.etag)

    def discard(self) -> None:
        """Forget it; waits for what is being written."""
        with self._lock:
            self._is_over = True
            self._incoming.discard()


async def receive_part(
    service: Service, target: Target, request: RequestRecord, body: AsyncIterator[bytes]
) -> Reply:
    """Take in a part that is put to its URL; DataError when it cannot be had."""
    size = _length(request)
    try:
        return await _receive_part(service, target, request, body, size)
    except UploadGone:
        raise DataError(
            404, "NoSuchUpload", "The specified upload does not exist. It may be completed."
        ) from None
    except PartRefused as error:
        raise _refusal(error) from None
    except (OSError, sqlite3.OperationalError) as error:
        # The whole text of an OSError may name files of this machine.
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(500, "InternalError", f"The part is not kept: {reason}") from None


async def _receive_part(
    service: Service, target: Target, request: RequestRecord, body: AsyncIterator[bytes], size: int
) -> Reply:
    store, number = service.store, int(target.overrides["partNumber"])
    upload, running = await service.read(_expect, service, target, number)
    receiver = Receiver(Incoming(store.blobs), size, running)
    try:
        await _receive(service, receiver, body)
        _check_digest(request, target, receiver)
        await service.use_files(receiver.keep)
    except BaseException:
        service.abandon(receiver.discard)
        raise
    state = target.overrides.get("hashState")
    part = Part(number, receiver.size, receiver.etag, receiver.crc64, receiver.name, state)
    # Also when the client leaves now: else nobody would know of the piece.
    await asyncio.shield(service.write(_add, service, upload, part))
    if receiver.running is not None:
        store.remember(upload, receiver.running)
    checksum = {} if receiver.crc64 is None else {"x-oss-hash-crc64ecma": receiver.crc64}
    return Reply(200, b"", {"ETag": receiver.etag, "x-oss-request-id": request_id(), **checksum})


def _length(request: RequestRecord) -> int:
    text = request.headers.get("content-length", "")
    if "transfer-encoding" in request.headers or not text.isdecimal():
        raise DataError(
            411, "MissingContentLength", "You must provide the Content-Length HTTP header."
        )
    if int(text) > _LARGEST_PART:
        raise DataError(
            400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed object size."
        )
    return int(text)


def _expect(service: Service, target: Target, number: int) -> tuple[Upload, Running | None]:
    """The upload, and the hashes of what comes before the part; on a thread of the store."""
    upload_id = target.overrides["uploadId"]
    upload = service.store.upload(target.drive_id, target.file_id, upload_id)
    service.store.check_part(upload, number)
    return upload, service.store.running(upload, number)


def _add(service: Service, upload: Upload, part: Part) -> None:
    """Note that the part is there; nobody but this thread knows whether that has happened."""
    try:
        service.store.add_part(upload, part)
    except BaseException:
        service.store.blobs.remove([part.name])
        raise


async def _receive(service: Service, receiver: Receiver, body: AsyncIterator[bytes]) -> None:
    """Write and hash each batch while the next one arrives."""
    under_way: asyncio.Future[None] | None = None
    try:
        async for batch in _batches(body):
            if under_way is not None:
                await under_way
            under_way = asyncio.ensure_future(_take_in(service, receiver, batch))
        if under_way is not None:
            await under_way
    finally:
        if under_way is not None:
            under_way.cancel()
            await asyncio.wait([under_way])


async def _take_in(service: Service, receiver: Receiver, batch: list[bytes]) -> None:
    await asyncio.gather(
        service.use_files(receiver.write, batch), service.use_files(receiver.digest, batch)
    )


async def _batches(body: AsyncIterator[bytes]) -> AsyncIterator[list[bytes]]:
    held: list[bytes] = []
    size = 0
    async for chunk in body:
        held.append(chunk)
        size += len(chunk)
        if size >= _BATCH:
            yield held
            held, size = [], 0
    if held:
        yield held


def _check_digest(request: RequestRecord, target: Target, receiver: Receiver) -> None:
    for wanted in (request.headers.get("content-md5"), target.overrides.get("contentMd5")):
        md5 = receiver.md5
        if wanted is not None and wanted.lower() != md5.hex() and wanted != b64encode(md5).decode():
            raise DataError(400, "InvalidDigest", "The Content-MD5 you specified is invalid.")


def _refusal(error: PartRefused) -> DataError:
    if error.expected:
        return DataError(
            400,
            "PartNotSequential",
            "For sequential multipart upload, you must append or overwrite "
            f"(part {error.expected})",
        )
    return DataError(409, "PartAlreadyExist", "The part you specified already exists.")
