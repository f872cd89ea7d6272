"""Ground for transfers: an emulator, a client, what went over the line, and what is left behind.

Time stands still, as in ``tests/conftest.py``; bytes move in real time. A test that ends with a
task or a file still open fails.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import re
import traceback
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, quote

import pytest

from pdsclient import AsyncPDSClient
from pdsclient.emulator import Fault
from pdsclient.models import File

Start = Callable[..., AbstractAsyncContextManager["Ground"]]


class Put(NamedTuple):
    """A part that was sent; ``status`` None if the connection was cut before an answer."""

    number: int | None
    size: int
    status: int | None


class Get(NamedTuple):
    """A range that was asked for, ``last`` None up to the end, ``first`` None for everything."""

    first: int | None
    last: int | None
    status: int | None


class Ground:
    """A world, and what tests of transfers ask of it.

    Attributes:
        world: emulator and clients; its clock stands still.
        client: of the default user, who may do everything.
        drive: the argument that names the default drive.
    """

    def __init__(self, world: Any) -> None:
        self.world = world
        self.emulator = world.emulator
        self.client: AsyncPDSClient = world.client
        self.drive: dict[str, str] = world.drive

    async def add(self, name: str, content: bytes = b"", **row: Any) -> File:
        """A file that is in the drive already; ``row`` as for ``Emulator.add_files``."""
        [file_id] = await self.emulator.add_files([{"name": name, "content": content, **row}])
        return await self.client.file.get(**self.drive, file_id=file_id)

    async def add_folder(self, name: str, **row: Any) -> str:
        """The id of a new folder."""
        [file_id] = await self.emulator.add_files([{"name": name, "type": "folder", **row}])
        return str(file_id)

    async def content(self, file: File | str) -> bytes:
        """What the drive has, read behind the client's back."""
        file_id = file if isinstance(file, str) else file.file_id
        data: bytes = await self.emulator.read_file(file_id)
        return data

    @property
    def puts(self) -> list[Put]:
        """The parts that were sent, in order."""
        return [
            Put(one.part_number, int(one.headers.get("content-length", 0)), one.status)
            for one in self.emulator.requests.of("/data")
            if one.method == "PUT"
        ]

    @property
    def gets(self) -> list[Get]:
        """The contents, and ranges of them, that were asked for, in order."""
        return [
            Get(*_range(one.headers.get("range", "")), one.status)
            for one in self.emulator.requests.of("/data")
            if one.method == "GET"
        ]

    def sent_twice(self) -> list[int | None]:
        """The numbers of parts that were sent again though they had arrived before."""
        taken = Counter(one.number for one in self.puts if one.status == 200)
        return sorted(number for number, times in taken.items() if times > 1)

    def asked(self, operation: str) -> int:
        """How often an operation was called, also if not by itself but in a batch."""
        requests = self.emulator.requests
        inner = [one for call in requests.of("/batch") for one in (call.data or {})["requests"]]
        return len(requests.of(operation)) + [one["url"] for one in inner].count(operation)


def _range(text: str) -> tuple[int | None, int | None]:
    found = re.fullmatch(r"bytes=(\d+)-(\d*)", text)
    return (int(found[1]), int(found[2]) if found[2] else None) if found else (None, None)


def of_part(number: int) -> Callable[[Any], bool]:
    """A condition for ``faults.add("/data", …, when=…)``: the PUT of a part."""
    return lambda request: request.part_number == number


def from_byte(first: int) -> Callable[[Any], bool]:
    """A condition for ``faults.add("/data", …, when=…)``: the range that begins there."""
    return lambda request: request.range_start == first


def _open_files() -> set[tuple[int, str]]:
    """The descriptors of this process, where the system tells them."""
    folder = "/proc/self/fd"
    if not os.path.isdir(folder):
        return set()
    found = set()
    for name in os.listdir(folder):
        try:
            found.add((int(name), os.readlink(f"{folder}/{name}")))
        except FileNotFoundError:
            continue  # That of the listing itself.
    return found


@pytest.fixture
def start(start_world: Any) -> Start:
    """Starts ground with options of the emulator; at the end nothing may be left open."""

    @asynccontextmanager
    async def start(**options: Any) -> AsyncIterator[Ground]:
        before = _open_files()
        # A collection takes most of its time for what was there before.
        gc.freeze()
        try:
            async with start_world(**options) as world:
                yield Ground(world)
            # Sockets close one turn of the loop after their transports.
            await asyncio.sleep(0)
            gc.collect()
        finally:
            gc.unfreeze()
        left = _open_files() - before
        assert not left, "a file or a connection is left open"

    return start


@pytest.fixture
async def ground(start: Start) -> AsyncIterator[Ground]:
    """Ground on which nothing is out of the ordinary."""
    async with start() as ground:
        yield ground


@pytest.fixture
async def nowhere() -> AsyncIterator[AsyncPDSClient]:
    """A client of a service that nobody runs: it may be called, and nothing may be sent."""
    token = {"access_token": "of-nobody"}
    async with AsyncPDSClient(api_endpoint="http://127.0.0.1:1", token_info=token) as client:
        yield client


@pytest.fixture(scope="session")
def content() -> Callable[..., bytes]:
    """Makes content: so many bytes, the same ones for the same seed, no two parts alike."""

    # The same few are wanted again and again.
    @lru_cache(16)
    def content(size: int, seed: int = 0) -> bytes:
        return random.Random(f"{seed}/{size}").randbytes(size)

    return content


@pytest.fixture
def put_of() -> Callable[[int], Callable[[Any], bool]]:
    """Makes conditions for faults: the PUT of the part with this number."""
    return of_part


@pytest.fixture
def range_from() -> Callable[[int], Callable[[Any], bool]]:
    """Makes conditions for faults: the GET of the range that begins at this byte."""
    return from_byte


@pytest.fixture
def files_in() -> Callable[[Path], dict[str, int]]:
    """Tells what lies in a folder: the size of each file by its path in there."""

    def files_in(folder: Path) -> dict[str, int]:
        paths = sorted(path for path in folder.rglob("*") if not path.is_dir())
        return {path.relative_to(folder).as_posix(): path.lstat().st_size for path in paths}

    return files_in


class Meanwhile(Fault):
    """Something happens while a request is under way, which is then answered as it should be.

    Args:
        happen: what happens.
        after: it happens when the request has been processed, and not before.
    """

    def __init__(self, happen: Callable[[], Awaitable[object]], *, after: bool = False) -> None:
        self._happen = happen
        self._after = after

    async def play(self, exchange: Any) -> Any:
        if not self._after:
            await self._happen()
        reply = await exchange.process()
        if self._after:
            await self._happen()
        return await exchange.send(reply)


@pytest.fixture
def meanwhile() -> Callable[..., Fault]:
    """Makes faults: an async function is called while a request is under way."""
    return Meanwhile


@pytest.fixture
def shows_no_secret(ground: Ground, caplog: pytest.LogCaptureFixture) -> Callable[..., None]:
    """Checks what an error and other objects show, and the log, for all tokens and signatures."""
    caplog.set_level(0)

    def check(error: BaseException, *others: object) -> None:
        text = "".join([*traceback.format_exception(error), caplog.text])
        for name in ("stack", "body", "req_opt", "args"):
            text += repr(getattr(error, name, None))
        text += "".join(f"{one!r} {one}" for one in others)
        for secret in _secrets(ground.emulator.requests):
            assert secret not in text, "a secret is shown"

    return check


def _secrets(requests: Any) -> set[str]:
    """The tokens and signatures that were sent, and how they look in a text."""
    tokens = {one.access_token for one in requests if one.access_token}
    queries = [parse_qs(one.query) for one in requests.of("/data")]
    signatures = {text for query in queries for text in query.get("Signature", [])}
    return tokens | signatures | {quote(one, safe="") for one in signatures}


class RawRequest(NamedTuple):
    """A request as it came; the body is still to be read."""

    line: str
    headers: dict[str, str]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def body(self) -> bytes:
        """The whole body."""
        return await self.reader.readexactly(int(self.headers.get("content-length", 0)))

    async def send(self, *pieces: bytes) -> None:
        """Write these bytes, one after the other."""
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()

    async def answer(self, status: str, body: bytes = b"", **headers: object) -> None:
        """A whole reply; underscores in the names of headers stand for hyphens."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        lines = [f"{name}: {value}\r\n" for name, value in given.items()]
        if not any(name.lower() == "content-length" for name in given):
            lines.append(f"Content-Length: {len(body)}\r\n")
        await self.send(f"HTTP/1.1 {status}\r\n{''.join(lines)}\r\n".encode() + body)


RawHandler = Callable[[RawRequest], Awaitable[None]]


class RawServer:
    """A storage for answers that no emulator gives: each request is a coroutine of the test.

    Attributes:
        url: of its content, as a presigned URL would be.
        requests: all that came.
    """

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[RawRequest] = []
        self._handlers: list[RawHandler] = []

    def on(self, *handlers: RawHandler) -> None:
        """Answer the next requests with these, and all that follow with the last one."""
        self._handlers.extend(handlers)

    def answers(self, status: str, body: bytes = b"", **headers: object) -> None:
        """Answer the next requests with this; see ``RawRequest.answer``."""

        async def handler(request: RawRequest) -> None:
            await request.body()
            await request.answer(status, body, **headers)

        self.on(handler)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await _head(reader):
                request = RawRequest(*head, reader, writer)
                self.requests.append(request)
                handlers = self._handlers
                await (handlers.pop(0) if len(handlers) > 1 else handlers[0])(request)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # The client had enough.
        finally:
            writer.close()


async def _head(reader: asyncio.StreamReader) -> tuple[str, dict[str, str]] | None:
    try:
        text = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    line, *rest = text.rstrip("\r\n").split("\r\n")
    pairs = [header.partition(":") for header in rest]
    return line, {name.lower(): value.strip() for name, _, value in pairs}


@pytest.fixture
async def raw_storage() -> AsyncIterator[RawServer]:
    """A storage that answers, byte for byte, what a test tells it."""
    made = RawServer()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    made.url = f"http://127.0.0.1:{port}/content?Expires=9999999999&Signature=raw-signature"
    yield made
    server.close()
    for request in made.requests:
        request.writer.close()


@pytest.fixture(autouse=True)
def _no_blocking_calls(blocking_calls_fail: None) -> None:
    """Client and emulator share a loop here; neither may hold it up."""
