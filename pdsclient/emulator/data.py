"""The data plane: signed URLs and what is read through them, with the manners of OSS.

Contents are not closed here: when a request is cancelled, a thread may still be reading. They are
when nobody refers to them any more.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import AsyncIterator
from email.utils import format_datetime
from typing import TYPE_CHECKING

from pdsclient.emulator.filetypes import extension_of, type_of
from pdsclient.emulator.receiving import receive_part
from pdsclient.emulator.replies import Reply, request_id
from pdsclient.emulator.signed import DataError, Target

if TYPE_CHECKING:
    from pdsclient.emulator.content import Content
    from pdsclient.emulator.requestlog import RequestRecord
    from pdsclient.emulator.service import Service

__all__ = ["answer_data"]

_CHUNK = 256 * 1024
# A picture of one white dot.
_DOT = b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mP4DwABAQEAHLCMmQAAAABJRU5ErkJggg=="
)
# More digits than a size has are nonsense.
_RANGE = re.compile(r"bytes=([0-9]{0,19})-([0-9]{0,19})")


async def answer_data(
    service: Service, request: RequestRecord, body: AsyncIterator[bytes]
) -> Reply:
    """What a signed URL stands for: its bytes, or the place where a part is put."""
    try:
        target = service.signer.check(request)
        if request.method == "PUT":
            return await receive_part(service, target, request, body)
        content = await service.read(
            service.store.open_content, target.drive_id, target.file_id, target.revision_id
        )
        if content is None:
            raise missing_object()
        return await _content_reply(service, target, content, request.headers.get("range"))
    except DataError as error:
        return error.reply()


def missing_object() -> DataError:
    """404: deleted, or overwritten by another revision."""
    return DataError(404, "NoSuchKey", "The specified key does not exist.")


async def _content_reply(
    service: Service, target: Target, content: Content, wanted: str | None
) -> Reply:
    headers = await _object_headers(service, target, content)
    if "x-oss-process" in target.overrides:
        image_type = await _image_type(service, target, content)
        if image_type is None:
            return _picture()
        headers["Content-Type"] = image_type
    if service.settings.ranges == "ignored":
        wanted = None
    span = _span(wanted, content.size)
    if span is None:
        status, first, length = 200, 0, content.size
    else:
        first, length = span
        status = 206
        headers["Content-Range"] = f"bytes {first}-{first + length - 1}/{content.size}"
    return Reply(status, b"", headers, _chunks(service, content, first, length), length)


async def _image_type(service: Service, target: Target, content: Content) -> str | None:
    """The media type of an image, None for everything else: uploads often say just octets."""
    row = await service.read(service.store.get_file, target.drive_id, target.file_id)
    by_name = type_of(extension_of("" if row is None else row.name))[1]
    types = (content.content_type, by_name)
    return next((one for one in types if one.startswith("image/")), None)


def _picture() -> Reply:
    """What stands in for the picture of a video or a document; one of an image is the image."""
    return Reply(200, _DOT, {"Content-Type": "image/png", "x-oss-request-id": request_id()})


async def _object_headers(service: Service, target: Target, content: Content) -> dict[str, str]:
    crc64 = await service.use_files(content.crc64)
    overrides = target.overrides
    disposition = overrides.get("response-content-disposition")
    return {
        "Content-Type": overrides.get("response-content-type") or content.content_type,
        "ETag": f'"{content.revision_id[:32].upper()}"',
        "Last-Modified": format_datetime(content.modified_at, usegmt=True),
        "Accept-Ranges": "bytes",
        "x-oss-request-id": request_id(),
        **({"x-oss-hash-crc64ecma": crc64} if crc64 is not None else {}),
        **({"Content-Disposition": disposition} if disposition else {}),
    }


def _span(wanted: str | None, size: int) -> tuple[int, int] | None:
    """First byte and length of a ``Range``; None for all: several ranges, other units, nonsense."""
    match = _RANGE.fullmatch(wanted or "")
    if match is None or match[0] == "bytes=-":
        return None
    first, last = match[1], match[2]
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
    if start >= size or stop <= start:
        raise DataError(416, "InvalidRange", "The requested range cannot be satisfied")
    return start, stop - start


async def _chunks(
    service: Service, content: Content, first: int, length: int
) -> AsyncIterator[bytes]:
    """The bytes as they are read; fewer than promised when the file shrinks or goes meanwhile."""
    end = first + length
    while first < end:
        try:
            chunk = await service.use_files(content.read, first, min(_CHUNK, end - first))
        except FileNotFoundError:
            return
        if not chunk:
            return
        yield chunk
        first += len(chunk)
