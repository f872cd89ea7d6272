"""The data plane: signed URLs and what is read through them, with the manners of OSS.

Contents are not closed here: when a request is cancelled, a thread may still be reading. They are
when nobody refers to them any more.
"""

from __future__ import annotations

import hmac
import re
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from email.utils import format_datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote

from attrs import frozen

from pdsclient._clock import Clock
from pdsclient.emulator.replies import Reply, request_id, xml_reply

if TYPE_CHECKING:
    from pdsclient.emulator.content import Content
    from pdsclient.emulator.requestlog import RequestRecord
    from pdsclient.emulator.service import Service

__all__ = ["Signer", "answer_data"]

PREFIX = "/data/"
_ACCESS_KEY_ID = "EMULATOR"
_CHUNK = 256 * 1024
# More digits than a size has are nonsense.
_RANGE = re.compile(r"bytes=([0-9]{0,19})-([0-9]{0,19})")


class DataError(Exception):
    """A data request that is refused, in XML."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code

    def reply(self) -> Reply:
        """The refusal as OSS writes it."""
        return xml_reply(self.status, self.code, str(self))


@frozen
class Target:
    """What a signed URL gives access to."""

    drive_id: str
    file_id: str
    revision_id: str
    overrides: Mapping[str, str]


class Signer:
    """Makes and checks signed URLs; the signature covers method, type, path and query."""

    def __init__(self, domain_id: str, key: bytes, clock: Clock) -> None:
        self._domain_id = domain_id
        self._key = key
        self._clock = clock

    def url(
        self,
        base_url: str,
        drive_id: str,
        file_id: str,
        revision_id: str | None,
        *,
        life_s: int,
        method: str = "GET",
        **query: str,
    ) -> str:
        """A URL that is good for one method, until it expires."""
        parts = (self._domain_id, drive_id, file_id, revision_id or "")
        signed = {"Expires": str(int(self._clock.time()) + life_s), **query}
        signature = self._signature(method, "", "/".join(parts), signed)
        sent = {**signed, "OSSAccessKeyId": _ACCESS_KEY_ID, "Signature": signature}
        text = "&".join([f"{key}={_quoted(value)}" for key, value in sent.items()])
        return f"{base_url}{PREFIX}{'%2F'.join(map(_quoted, parts))}?{text}"

    def check(self, request: RequestRecord) -> Target:
        """What the URL is for; DataError 403 for a wrong signature or one that has expired."""
        name = unquote(request.path.removeprefix(PREFIX))
        query = dict(parse_qsl(request.query, keep_blank_values=True))
        signature = query.pop("Signature", None)
        query.pop("OSSAccessKeyId", None)
        if signature is None:
            raise DataError(403, "AccessDenied", "Anonymous access is forbidden.")
        content_type = request.headers.get("content-type", "")
        if not self._is_right(signature, request.method, content_type, name, query):
            raise DataError(
                403,
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided. "
                "Check your key and signing method.",
            )
        if self._clock.time() > int(query["Expires"]):
            raise DataError(403, "AccessDenied", "Request has expired.")
        _, drive_id, file_id, revision_id = name.split("/")
        return Target(drive_id, file_id, revision_id, query)

    def _is_right(
        self, signature: str, method: str, content_type: str, name: str, query: Mapping[str, str]
    ) -> bool:
        wanted = self._signature(method, content_type, name, query)
        return hmac.compare_digest(signature.encode(errors="replace"), wanted.encode())

    def _signature(
        self, method: str, content_type: str, name: str, query: Mapping[str, str]
    ) -> str:
        # Quoted, so that no value can pass for a separator and what comes behind it.
        pairs = "&".join([f"{_quoted(key)}={_quoted(query[key])}" for key in sorted(query)])
        text = f"{method}\n{content_type}\n{_quoted(name)}\n{pairs}"
        digest = hmac.digest(self._key, text.encode(errors="surrogateescape"), "sha1")
        return b64encode(digest).decode()


def _quoted(text: str) -> str:
    # Ids and numbers need no quoting, and a page holds hundreds of them.
    return text if text.isascii() and text.isalnum() else quote(text, safe="", errors="replace")


async def answer_data(service: Service, request: RequestRecord) -> Reply:
    """The bytes that a signed URL stands for, or an error in XML."""
    try:
        target = service.signer.check(request)
        content = await service.read(service.store.open_content, target.drive_id, target.file_id)
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
    if content.revision_id != target.revision_id:
        raise missing_object()
    headers = await _object_headers(service, target, content)
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
    """The bytes as they are read; fewer than promised when the file shrinks meanwhile."""
    end = first + length
    while first < end:
        chunk = await service.use_files(content.read, first, min(_CHUNK, end - first))
        if not chunk:
            return
        yield chunk
        first += len(chunk)
