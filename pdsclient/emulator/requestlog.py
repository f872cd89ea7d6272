"""What was asked of the emulator, kept for assertions."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs

import msgspec
from attrs import define

__all__ = ["RequestLog", "RequestRecord"]

_KEPT_BODY_BYTES = 64 * 1024
# More digits than a size has are nonsense.
_RANGE = re.compile(r"bytes=([0-9]{1,19})-([0-9]{0,19})")


@define(eq=False, repr=False)
class RequestRecord:
    """One request and how it was answered.

    Attributes:
        method: the HTTP method.
        path: without the query.
        query: the query string as sent; a signed URL's signature is in it.
        operation: ``/file/search`` and the like, ``/data`` for data URLs.
        headers: by lower-case name; the tokens are in them.
        body: the first 64 KiB; nothing of data that was put.
        time: when it came, on the emulator's clock (Unix timestamp).
        nth_on_connection: 1 for the first request of a connection.
        status: of the reply; None while there is none, and when the connection was cut.
    """

    method: str
    path: str
    query: str
    operation: str
    headers: Mapping[str, str]
    body: bytes
    time: float
    nth_on_connection: int
    status: int | None = None

    @property
    def access_token(self) -> str | None:
        """The bearer token that was sent."""
        word, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() or None if word.lower() == "bearer" else None

    @property
    def share_token(self) -> str | None:
        """The share token that was sent."""
        return self.headers.get("x-share-token") or None

    @property
    def data(self) -> Any:
        """The body read as JSON, None if it is none."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None

    @property
    def part_number(self) -> int | None:
        """Of the part that was put; None for other requests."""
        given = parse_qs(self.query).get("partNumber", [""])[0] if self.method == "PUT" else ""
        return int(given) if given.isdecimal() else None

    @property
    def range_start(self) -> int | None:
        """The first byte that was asked for of data; None without a ``Range`` that names one."""
        match = _RANGE.fullmatch(self.headers.get("range", ""))
        return None if match is None else int(match[1])

    def __repr__(self) -> str:
        return f"<RequestRecord {self.method} {self.path} {self.status}>"


class RequestLog:
    """The newest requests, oldest first; requests to the control plane are not among them."""

    def __init__(self, size: int) -> None:
        self._records: deque[RequestRecord] = deque(maxlen=size)

    def add(self, record: RequestRecord) -> None:
        """Keep a request, and drop the oldest when there are too many."""
        record.body = record.body[:_KEPT_BODY_BYTES]
        self._records.append(record)

    def clear(self) -> None:
        """Forget all."""
        self._records.clear()

    def of(self, operation: str) -> list[RequestRecord]:
        """Those of one operation."""
        return [one for one in self._records if one.operation == operation]

    def with_token(self, token: str) -> list[RequestRecord]:
        """Those that carried this access or share token."""
        return [one for one in self._records if token in (one.access_token, one.share_token)]

    def __iter__(self) -> Iterator[RequestRecord]:
        return iter(tuple(self._records))

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, index: int) -> RequestRecord:
        return self._records[index]
