"""A part of an upload, or a whole content, put at its presigned URL."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable
from typing import TYPE_CHECKING, NamedTuple

from pdsclient.errors import PDSError
from pdsclient.storage._links import FreshUrl, Link
from pdsclient.storage._requests import check, exchange, link_of, with_retries

if TYPE_CHECKING:
    from pdsclient._core import Engine

__all__ = ["Stored", "put_content"]


class Stored(NamedTuple):
    """What the storage said of a part that it took.

    Attributes:
        etag: its mark, with quotes.
        crc64: checksum of the part as decimal text.
    """

    etag: str | None
    crc64: str | None


async def put_content(
    engine: Engine,
    link: Link | str,
    content: bytes,
    *,
    content_type: str | None = None,
    pieces: Callable[[bytes], AsyncIterable[memoryview]] | None = None,
) -> Stored | None:
    """Put a whole part or file at a presigned URL; None if it was there already.

    Args:
        engine: whose connections and retries are used.
        link: the URL, as the service gave it, or a link that renews it.
        content: what to put there.
        content_type: exactly what the URL was signed for, if the link does not know; None or ""
            sends none.
        pieces: divides the content into what is sent at a time; called for each attempt.

    Raises:
        PDSError: the storage refuses it, or the connection failed too often.
    """
    link = link_of(engine, link)

    async def put(fresh: FreshUrl) -> Stored:
        kind = fresh.content_type or content_type
        headers = {"Content-Type": kind} if kind else {}
        body = content if pieces is None else pieces(content)
        async with exchange(engine, "PUT", fresh.url, headers, body, len(content)) as data:
            await check(engine, fresh.url, data, 200)
            return Stored(data.headers.get("ETag"), data.headers.get("x-oss-hash-crc64ecma"))

    try:
        return await with_retries(engine, "PUT", link, put)
    except PDSError as error:
        # The part is there: an earlier attempt arrived and its answer was lost (10.4).
        if error.code != "PartAlreadyExist":
            raise
    return None
