"""What the emulator answers: replies, and the service's errors in all their forms."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import uuid4
from xml.sax.saxutils import escape

import msgspec
from attrs import define, field

from pdsclient.errors import InvalidRequest

__all__ = ["Reply", "ServiceError"]

JSON_TYPE = {"Content-Type": "application/json; charset=utf-8"}
XML_TYPE = {"Content-Type": "application/xml"}


@define
class Reply:
    """One answer before it is sent.

    Attributes:
        status: the HTTP status.
        body: all of it, unless `chunks` gives it piece by piece.
        headers: all but the request id and what HTTP itself needs.
        chunks: the body as it is read from a file.
        length: the number of bytes that `chunks` will give.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(factory=dict)
    chunks: AsyncIterator[bytes] | None = None
    length: int = 0

    @property
    def size(self) -> int:
        """How long the body is."""
        return len(self.body) if self.chunks is None else self.length

    async def pieces(self, longest: int) -> AsyncIterator[bytes]:
        """The body in pieces of at most this many bytes."""
        async for chunk in _just(self.body) if self.chunks is None else self.chunks:
            for start in range(0, len(chunk), longest):
                yield chunk[start : start + longest]


async def _just(body: bytes) -> AsyncIterator[bytes]:
    yield body


def json_reply(data: Any, status: int = 200) -> Reply:
    """The data as the service sends it: without an envelope."""
    return Reply(status, msgspec.json.encode(data), JSON_TYPE)


def raw_reply(body: bytes) -> Reply:
    """JSON that is encoded already."""
    return Reply(200, body, JSON_TYPE)


def error_reply(status: int, code: str, message: str) -> Reply:
    """A PDS error; the request id is in the headers only."""
    return json_reply({"code": code, "message": message}, status)


def gateway_reply(status: int, code: str, message: str) -> Reply:
    """An error of the API gateway: all in the headers, nothing in the body."""
    return Reply(status, b"", {"x-ca-error-code": code, "x-ca-error-message": message})


def xml_reply(status: int, code: str, message: str) -> Reply:
    """An error of the data plane, which is OSS and speaks XML."""
    asked = request_id()
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
        f"<RequestId>{asked}</RequestId><HostId>emulator</HostId></Error>"
    )
    return Reply(status, body.encode(), XML_TYPE | {"x-oss-request-id": asked})


def request_id() -> str:
    """An upper-case UUID, as in ``x-ca-request-id``."""
    return str(uuid4()).upper()


class ServiceError(Exception):
    """A request that the service refuses; becomes the reply."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    def reply(self) -> Reply:
        """The refusal in the normal JSON form."""
        return error_reply(self.status, self.code, self.message)


def pascal(name: str) -> str:
    """A parameter's name as the suffix of a code: ``drive_id`` becomes ``DriveId``."""
    return "".join(part.capitalize() for part in name.split("_"))


def invalid(name: str, detail: str = "") -> ServiceError:
    """400: the value cannot be used. The space before the detail is there even without one."""
    return ServiceError(
        400,
        f"InvalidParameter.{pascal(name)}",
        f"The input parameter {name} is not valid. {detail}",
    )


def missing(name: str) -> ServiceError:
    """400: a required parameter is absent."""
    return ServiceError(
        400, f"InvalidParameterMissing.{pascal(name)}", f"The input parameter {name} is missing."
    )


def wrong_format(name: str) -> ServiceError:
    """400: the value has the wrong JSON type."""
    return ServiceError(
        400,
        f"InvalidParameterWrongFormat.{pascal(name)}",
        f"The input parameter {name} has invalid format.",
    )


def out_of_range(name: str) -> ServiceError:
    """400: the value is too long or holds too many elements."""
    return ServiceError(
        400,
        f"InvalidParameterOutOfRange.{pascal(name)}",
        f"The input parameter {name} doesn't match the limitation.",
    )


def not_supported(name: str) -> ServiceError:
    """400: a value that exists but that this server does not take."""
    return ServiceError(
        400,
        f"InvalidParameterNotSupported.{pascal(name)}",
        f"The input parameter {name} is not supported.",
    )


def not_match(name: str) -> ServiceError:
    """400: the value contradicts another part of the request."""
    return ServiceError(
        400,
        f"InvalidParameterNotMatch.{pascal(name)}",
        f"The input parameter {name} doesn't match.",
    )


def not_found(resource: str, detail: str, status: int = 404) -> ServiceError:
    """404 (or 400, see Settings.not_found_status): there is no such thing."""
    return ServiceError(
        status,
        f"NotFound.{pascal(resource)}",
        f"The resource {resource} cannot be found. {detail}",
    )


def forbidden(resource: str) -> ServiceError:
    """403: it is there, but not for this identity."""
    return ServiceError(
        403,
        f"ForbiddenNoPermission.{pascal(resource)}",
        f"No Permission to access resource {resource}.",
    )


def already_exists(resource: str, extra: str = "") -> ServiceError:
    """409: there is one already."""
    return ServiceError(
        409,
        f"AlreadyExist.{pascal(resource)}",
        f"The resource {resource} has already exists. {extra}",
    )


def conflict(resource: str, detail: str) -> ServiceError:
    """409: not in the state that it is in."""
    return ServiceError(
        409, f"StateConflict.{pascal(resource)}", f"User operation is not valid. {detail}"
    )


def empty_reply() -> Reply:
    """204: done, and nothing to say."""
    return Reply(204)


def refused(name: str, error: InvalidRequest) -> ServiceError:
    """400 from an error of our own parser; its picture of the text stays here."""
    return invalid(name, getattr(error, "reason", error.message))
