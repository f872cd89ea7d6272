"""What type checkers infer for uploads, downloads and trees; checked, never run."""

from __future__ import annotations

import asyncio
import gzip
import io
import zipfile
from collections.abc import AsyncIterator
from http.client import HTTPResponse
from pathlib import Path
from typing import Any, assert_type

from aiohttp import ClientResponse

from pdsclient import AsyncPDSClient
from pdsclient.models import File
from pdsclient.transfer import ContentStream, Transfer, TransferProgress, TreeItem, TreeReport


class Pump:
    """Has nothing of a file but what is needed of one."""

    def read(self, size: int = -1) -> bytes:
        """Some bytes."""
        return bytes(size)

    def write(self, data: bytes) -> int:
        """Takes them all."""
        return len(data)


class AsyncPump:
    """The same for the event loop."""

    async def read(self, size: int = -1) -> bytes:
        """Some bytes."""
        return bytes(size)

    async def write(self, data: bytes) -> None:
        """Takes them all."""


async def chunks() -> AsyncIterator[bytes]:
    """A content."""
    yield b""


async def uploads(
    client: AsyncPDSClient, reader: asyncio.StreamReader, response: ClientResponse
) -> None:
    """Whatever the source is, it becomes a file."""
    assert_type(client.upload("a"), Transfer[File])
    assert_type(await client.upload(Path("a"), user_tags={"a": "b"}), File)
    for memory in (b"", bytearray(), memoryview(b"")):
        client.upload(memory)
    client.upload(io.BytesIO())
    for stream in (reader, response.content, chunks(), Pump(), AsyncPump()):
        client.upload(stream, name="a")
    client.upload("a", check_name_mode="owerwrite")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


def files(client: AsyncPDSClient, response: HTTPResponse, file: File) -> None:
    """Binary files of all kinds are sources and targets, text is none."""
    client.upload(response, name="a")
    with open("a", "rb") as source, gzip.open("b") as packed, zipfile.ZipFile("c") as archive:
        client.upload(source)
        client.upload(packed)
        client.upload(archive.open("d"))
    with open("a", "wb") as target:
        assert_type(client.download(file, target), Transfer[int])
    with open("a", "r+") as text:
        client.upload(text)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        client.download(file, text)  # type: ignore[call-overload] # pyright: ignore[reportArgumentType, reportCallIssue]


async def downloads(client: AsyncPDSClient, file: File, writer: asyncio.StreamWriter) -> None:
    """A path gives a path, an object with ``write`` the number of bytes."""
    assert_type(client.download(file, "a"), Transfer[Path])
    assert_type(await client.download("id", Path("a"), drive_id="1"), Path)
    assert_type(await client.download(file, io.BytesIO()), int)
    assert_type(await client.download(file, writer), int)
    assert_type(await client.download(file, Pump()), int)
    assert_type(await client.download(file, AsyncPump()), int)
    assert_type(await client.download_archive([file, "id"], "a.zip"), Path)
    async with client.open(file, start=-10) as stream:
        assert_type(stream, ContentStream)
        assert_type(await stream.read(3), bytes)
        assert_type([chunk async for chunk in stream], list[bytes])
    # Only a path can be gone on with.
    client.download(file, io.BytesIO(), resume=False)  # type: ignore[call-overload] # pyright: ignore[reportArgumentType, reportCallIssue]


async def trees(client: AsyncPDSClient, folder: File) -> None:
    """A report of what became of each file."""
    report = await client.upload_tree("a", filter=lambda entry: entry.name != "b")
    assert_type(report, TreeReport)
    assert_type(report.failed, list[TreeItem])
    assert_type(report.failed[0].error, Exception | None)
    assert_type(await client.download_tree(folder, "a"), TreeReport)


async def handles(client: AsyncPDSClient, file: File) -> None:
    """A handle is awaited, alone or with others, and listened to."""
    transfer = client.upload("a")
    assert_type(transfer.progress, TransferProgress)
    assert_type(transfer.start(), Transfer[File])

    @transfer.on("progress")
    def show(progress: TransferProgress) -> None:
        """One of its listeners."""

    assert_type(await asyncio.gather(transfer, client.download(file, "b")), tuple[File, Path])
    asyncio.create_task(transfer)  # type: ignore[arg-type] # noqa: RUF006 # pyright: ignore[reportArgumentType, reportUnusedCallResult]
    transfer.on("progess", show)  # type: ignore[call-overload] # pyright: ignore[reportArgumentType, reportCallIssue]


def whatever(client: AsyncPDSClient, source: Any) -> Transfer[File]:
    """What the checker knows nothing of passes."""
    return client.upload(source)
