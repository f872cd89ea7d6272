"""The wire protocol without I/O: paths to URLs, replies to data or errors.

Facts are from the service reference, section numbers in brackets: header names (1.3, 1.4), the
four error shapes (3.1), codes (3.2, 3.5), statuses (1.6).
"""

from __future__ import annotations

import json
import math
import re
import zlib
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from html import unescape
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from pdsclient._checks import check_text
from pdsclient._secrets import mask, mask_text
from pdsclient._times import as_utc
from pdsclient.errors import (
    CLIENT_ERROR,
    SERVER_ERROR,
    DecodeError,
    InvalidRequest,
    NotSent,
    OutcomeUnknown,
    PDSError,
    ServiceFailure,
    reply_error_class,
)

JSON = "application/json; charset=utf-8"
FORM = "application/x-www-form-urlencoded"
SHARE_TOKEN_HEADER = "x-share-token"
REQUEST_ID_HEADER = "x-ca-request-id"

_LONGEST_PATH = 1_024
# Errors of the service have a few hundred bytes; what is much longer is not worth parsing.
_LONGEST_ERROR = 1 << 18
_LONGEST_BODY_SHOWN = 2_000
_LONGEST_MESSAGE = 1_000
_LONGEST_NAME = 200


class Reply(msgspec.Struct, frozen=True):
    """What came back: the body is complete and decompressed."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def request_id(self) -> str | None:
        """The service's name for this exchange (1.4); bodies do not carry one."""
        return _clip(self.headers.get(REQUEST_ID_HEADER) or "", _LONGEST_NAME) or None

    def __repr__(self) -> str:
        return f"Reply(status={self.status}, body=<{len(self.body):,} bytes>)"


# ---------------------------------------------------------------------------- requests

_PATH = re.compile(r"/[A-Za-z0-9_\-./~%]+")


def operation_path(pathname: object, endpoint: str, version: str) -> str:
    """The operation's path below the version, such as ``/file/list``; InvalidRequest if none.

    An absolute URL is taken when it lies under the endpoint: a credential never goes elsewhere.
    """
    if not isinstance(pathname, str):
        raise InvalidRequest(f"pathname must be a string, not {type(pathname).__name__}")
    path = _below(pathname, f"{endpoint}/{version}") if "://" in pathname else pathname
    _check_path(path, version)
    return path


def _below(url: str, base: str) -> str:
    """What a URL adds to the base, if it has the base's origin and lies under its path."""
    root = urlsplit(base).path
    rest = ""
    try:
        rest = url[url.index("/", url.index("://") + 3) :]
        same = origin(url) == origin(base)
    except ValueError:  # it is none
        same = False
    if not same or not rest.startswith(f"{root}/"):
        raise InvalidRequest(
            f"pathname is a URL outside {base}; give a path such as /file/list, or make a "
            "client for that endpoint"
        )
    return rest[len(root) :]


def origin(url: str) -> tuple[str, str | None, int | None, bool]:
    """What tells one party from another: scheme, host, port, and that there is no user name."""
    parts = urlsplit(url)
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    return parts.scheme, parts.hostname, port, "@" in parts.netloc


def _check_path(path: str, version: str) -> None:
    if len(path) > _LONGEST_PATH:
        raise InvalidRequest(f"pathname is longer than {_LONGEST_PATH:,} characters")
    if not path.startswith("/"):
        raise InvalidRequest(f"pathname must start with /, as in /file/list: {_quoted(path)}")
    if "?" in path or "#" in path:
        raise InvalidRequest("pathname must not hold ? or #; use options.params for a query")
    if not _PATH.fullmatch(path) or "//" in path:
        raise InvalidRequest(f"pathname is not a path such as /file/list: {_quoted(path)}")
    segments = path.lower().replace("%2e", ".").replace("%2f", "/").split("/")
    if ".." in segments or "." in segments:
        raise InvalidRequest("pathname must not hold . or .. segments")
    if segments[1] == version:
        raise InvalidRequest(
            f"pathname must not start with /{version}: the client adds it; "
            f"for /{version}/file/list give /file/list"
        )


def _quoted(path: str) -> str:
    return repr(mask_text(path)[:80])


def with_params(url: str, params: Mapping[str, str]) -> str:
    """The URL with a query, after the one that it may have."""
    return f"{url}{'&' if '?' in url else '?'}{urlencode(params)}"


def query_params(data: Mapping[str, Any]) -> dict[str, str]:
    """The parameters of a request as a query says them."""
    return {name: _query_value(item) for name, item in data.items()}


def _query_value(item: object) -> str:
    if isinstance(item, bool):
        return "true" if item else "false"
    return ",".join(map(_query_value, item)) if isinstance(item, list) else str(item)


def encode_form(data: object) -> bytes:
    """A form body, as ``/oauth/token`` wants it (2.2): each value percent-encoded by itself."""
    if not isinstance(data, Mapping):
        raise InvalidRequest(f"data must be a mapping, not {type(data).__name__}")
    pairs = {
        check_text("a key of data", name): _form_value(f"data.{name!s:.80}", item)
        for name, item in data.items()
        if item is not None
    }
    return urlencode(pairs, quote_via=quote).encode()


def _form_value(where: str, item: object) -> str:
    if isinstance(item, int) and not isinstance(item, bool) and item.bit_length() <= 64:
        return str(item)
    if isinstance(item, str):
        return check_text(where, item)
    raise InvalidRequest(
        f"{where} must be a string or an int of 64 bits to stand in a form, "
        f"not {type(item).__name__}"
    )


# ---------------------------------------------------------------------------- replies


def reply_error(reply: Reply, *, now: float, known: tuple[str, ...] = ()) -> PDSError | None:
    """None for a success (any 2xx, 1.5), else the error that the reply stands for.

    Args:
        now: wall-clock time, for a ``Retry-After`` that is a date.
        known: secrets to keep out of the message and the body.
    """
    if 200 <= reply.status < 300:
        return None
    if 300 <= reply.status < 400:
        return undecodable(reply, "the server answered with a redirect, which is never followed")
    code, message, req_id = _read_error(reply)
    kind = reply_error_class(reply.status, code)
    return kind(
        _clip(message, _LONGEST_MESSAGE, known),
        # Our own word for an error that no server has reported.
        code=_clip(code, _LONGEST_NAME, known) if code != CLIENT_ERROR else SERVER_ERROR,
        status=reply.status,
        req_id=reply.request_id or (req_id and _clip(req_id, _LONGEST_NAME)),
        retry_after_s=retry_after_s(reply.headers, now),
        may_have_happened=issubclass(kind, ServiceFailure),
        body=_shown_body(reply, known),
    )


def redirection(reply: Reply) -> Reply:
    """A redirect as a reply whose body says where to: ``{"location": …}``."""
    location = reply.headers.get("location")
    if not location:
        raise undecodable(reply, "the server was asked for a redirect and sent none")
    return Reply(reply.status, reply.headers, msgspec.json.encode({"location": location}))


def undecodable(reply: Reply, reason: str, known: tuple[str, ...] = ()) -> DecodeError:
    """The error for an answer that is not in a form we understand."""
    return DecodeError(
        f"{reason} (HTTP {reply.status}, {_content_type(reply)}, {len(reply.body)} bytes)",
        code=SERVER_ERROR,
        status=reply.status,
        req_id=reply.request_id,
        may_have_happened=200 <= reply.status < 300,
        body=_shown_body(reply, known),
    )


def _read_error(reply: Reply) -> tuple[str, str, str | None]:
    """Code, message and request id, from whichever of the shapes of 3.1 it is."""
    document = _json_object(reply.body)
    if document:
        code = _first_text(document, "code", "Code", "error")
        message = _first_text(document, "message", "Message", "error_description")
        if code:
            req_id = _first_text(document, "requestId", "RequestId", "request_id")
            return code, message or code, req_id or None
    xml = _xml_fields(reply.body)
    if "Code" in xml:
        return xml["Code"], xml.get("Message", xml["Code"]), xml.get("RequestId")
    gateway = reply.headers.get("x-ca-error-code")
    if gateway:
        return gateway, reply.headers.get("x-ca-error-message") or gateway, None
    what = f"a body that names no error ({_content_type(reply)})" if reply.body else "an empty body"
    return _nameless(reply.status), f"HTTP {reply.status} with {what}", None


def _nameless(status: int) -> str:
    """The code of a reply that has none; gateway 429s have been seen empty (4.1)."""
    return "TooManyRequests" if status == 429 else SERVER_ERROR


def _content_type(reply: Reply) -> str:
    kind = reply.headers.get("content-type", "").partition(";")[0]
    return _clip(kind, _LONGEST_NAME) or "no content type"


def _clip(text: str, longest: int, known: tuple[str, ...] = ()) -> str:
    """The text, masked before it is cut, so that no half of a secret survives."""
    text = mask_text(text, known).encode("utf-8", "replace").decode()
    return text if len(text) <= longest else f"{text[:longest]}…"


def _json_object(body: bytes) -> dict[str, Any] | None:
    """The body if it is a JSON object, read leniently: an error reply may be of any quality."""
    if len(body) > _LONGEST_ERROR:
        return None
    try:
        document = json.loads(body.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _first_text(document: Mapping[str, Any], *names: str) -> str:
    found = (document.get(name) for name in names)
    return next((text for text in found if isinstance(text, str) and text), "")


_XML_FIELD = re.compile(r"<(Code|Message|RequestId)>([^<]+)</\1>")


def _xml_fields(body: bytes) -> dict[str, str]:
    """The flat fields of an OSS error document (3.1); a parser for XML at large is not needed."""
    head = body[:8_192].decode("utf-8", "replace")
    if "<Error>" not in head:
        return {}
    return {match[1]: unescape(match[2]) for match in _XML_FIELD.finditer(head)}


def _shown_body(reply: Reply, known: tuple[str, ...]) -> str | None:
    if not reply.body:
        return None
    document = _json_object(reply.body)
    if document is not None:
        text = json.dumps(mask(document, known), ensure_ascii=False, separators=(",", ":"))
    else:
        text = reply.body[:_LONGEST_ERROR].decode("utf-8", "replace")
    return _clip(text, _LONGEST_BODY_SHOWN, known)


def retry_after_s(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that the server asks to wait: ``Retry-After`` in seconds or as a date, else
    ``x-retry-after`` in milliseconds (1.4); None when neither is there or makes sense."""
    text = headers.get("retry-after")
    if text is not None:
        seconds = _seconds(text, now)
        if seconds is not None:
            return seconds
    text = headers.get("x-retry-after")
    milliseconds = None if text is None else _number(text)
    return None if milliseconds is None else milliseconds / 1000


def _seconds(text: str, now: float) -> float | None:
    seconds = _number(text)
    if seconds is not None:
        return seconds
    try:
        # HTTP dates are in GMT, also those in the old form that does not say so.
        return max(0.0, as_utc(parsedate_to_datetime(text)).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return None


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number < math.inf else None


class Body:
    """Puts a reply's body together from its parts: decompressed, bounded, and whole.

    aiohttp would take a compressed body that breaks off for a short one.

    Args:
        encoding: the reply's ``Content-Encoding``, empty for none.
        most: longest body after decompression.
    """

    def __init__(self, encoding: str, most: int) -> None:
        if encoding.lower() not in ("", "identity", "gzip", "x-gzip", "deflate"):
            raise DecodeError(f"the reply is encoded as {encoding[:40]!r}, which was not asked for")
        plain = encoding.lower() in ("", "identity")
        # 32 + 15: a gzip or a zlib header, whichever is there.
        self._inflater = None if plain else zlib.decompressobj(47)
        self._most = most
        self._parts: list[bytes] = []
        self._length = 0
        self._began = False

    def feed(self, part: bytes) -> None:
        """Take the next part as it was received.

        Raises:
            DecodeError: the body is longer than allowed, or not compressed as it says.
        """
        self._began = True
        if self._inflater is not None:
            try:
                # One byte more than allowed tells too long from just fitting.
                part = self._inflater.decompress(part, self._most + 1 - self._length)
            except zlib.error:
                raise DecodeError("the reply is not compressed as it says") from None
        self._length += len(part)
        if self._length > self._most:
            raise DecodeError(
                f"the reply is longer than {self._most:,} bytes (max_reply_bytes sets the limit)"
            )
        self._parts.append(part)

    def whole(self) -> bytes:
        """The body; DecodeError if its compressed form broke off. Nothing at all is empty."""
        if self._began and self._inflater is not None and not self._inflater.eof:
            raise DecodeError("the compressed reply broke off")
        return b"".join(self._parts)


# ---------------------------------------------------------------------------- transport errors


def not_sent(reason: str, *, may_pass: bool = True) -> NotSent:
    """The error for a request that did not leave."""
    error = NotSent(reason)
    error.may_pass = may_pass
    return error


def outcome_unknown(reason: str) -> OutcomeUnknown:
    """The error for a request that left and was not answered."""
    return OutcomeUnknown(reason, may_have_happened=True)
