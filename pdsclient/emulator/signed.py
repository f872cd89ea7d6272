"""Signed URLs: made, checked, and what they give access to."""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote

from attrs import frozen

from pdsclient._clock import Clock
from pdsclient.emulator.replies import Reply, xml_reply

if TYPE_CHECKING:
    from pdsclient.emulator.requestlog import RequestRecord

__all__ = ["PREFIX", "DataError", "Signer", "Target"]

PREFIX = "/data/"
_ACCESS_KEY_ID = "EMULATOR"


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
        content_type: str = "",
        **query: str,
    ) -> str:
        """A URL that is good for one method and one content type, until it expires."""
        parts = (self._domain_id, drive_id, file_id, revision_id or "")
        signed = {"Expires": str(int(self._clock.time()) + life_s), **query}
        signature = self._signature(method, content_type, "/".join(parts), signed)
        sent = {**signed, "OSSAccessKeyId": _ACCESS_KEY_ID, "Signature": signature}
        text = "&".join([f"{key}={_quoted(value, ':/')}" for key, value in sent.items()])
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


def _quoted(text: str, safe: str = "") -> str:
    # Ids and numbers need no quoting, and a page holds hundreds of them.
    return text if text.isascii() and text.isalnum() else quote(text, safe=safe, errors="replace")
