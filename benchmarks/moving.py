"""What the benchmarks of transfers share: bytes to move, and bare loops of aiohttp to do that.

The bare loops do nothing else: no checksum, no retry, no limit, no progress.
"""

from __future__ import annotations

import asyncio
import io
import os
import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

from pdsclient import AsyncPDSClient

MIB = 1 << 20
DRIVE = "1"


def fill(path: Path, size: int, seed: int = 0) -> None:
    """Make a file of so many bytes, no two MiB of which are alike."""
    block = random.Random(seed).randbytes(MIB)
    with path.open("wb") as file:
        for number in range(-(-size // MIB)):
            left = size - number * MIB
            file.write((number.to_bytes(8, "big") + block[8:])[:left])


def size_of(path: Path) -> int:
    """Bytes."""
    return path.stat().st_size


def client_of(greeting: str) -> AsyncPDSClient:
    """A client of ``emulated.py``, which has greeted with its address and a token."""
    endpoint, token = greeting.split()
    token_info = {"access_token": token, "expires_in": 7200}
    return AsyncPDSClient(api_endpoint=endpoint, token_info=token_info)


class Bare:
    """A session of aiohttp, and what anybody would write around it.

    Args:
        greeting: of ``emulated.py``.
    """

    def __init__(self, greeting: str) -> None:
        self._endpoint, token = greeting.split()
        self._headers = {"Authorization": f"Bearer {token}"}

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def upload(self, path: Path, part_size: int) -> str:
        """The id of the new file; one part after the other."""
        size = size_of(path)
        numbers = [{"part_number": number} for number in range(1, -(-size // part_size) + 1)]
        new = {"parent_file_id": "root", "name": path.name, "type": "file", "size": size}
        made = await self._post("/file/create", {**new, "part_info_list": numbers})
        with path.open("rb") as file:
            for part in made["part_info_list"]:
                data = io.BytesIO(await asyncio.to_thread(file.read, part_size))
                url, headers = part["upload_url"], {"Content-Type": ""}
                async with self._session.put(url, data=data, headers=headers) as reply:
                    assert reply.status == 200, await reply.text()
        await self._post(
            "/file/complete", {"file_id": made["file_id"], "upload_id": made["upload_id"]}
        )
        return str(made["file_id"])

    async def download(self, file_id: str, path: Path, part_size: int, at_once: int) -> None:
        """So many ranges at once, each written where it belongs."""
        found = await self._post("/file/get_download_url", {"file_id": file_id})
        starts = iter(range(0, found["size"], part_size))
        with path.open("wb") as file:
            os.truncate(file.fileno(), found["size"])
            work = [
                self._ranges(found["url"], starts, part_size, file.fileno()) for _ in range(at_once)
            ]
            await asyncio.gather(*work)

    async def _ranges(self, url: str, starts: Iterator[int], part_size: int, target: int) -> None:
        for start in starts:
            headers = {"Range": f"bytes={start}-{start + part_size - 1}"}
            async with self._session.get(url, headers=headers) as reply:
                assert reply.status == 206
                async for piece in reply.content.iter_any():
                    os.pwrite(target, piece, start)
                    start += len(piece)  # noqa: PLW2901

    async def _post(self, path: str, data: Mapping[str, Any]) -> Any:
        url, body = f"{self._endpoint}/v2{path}", {"drive_id": DRIVE, **data}
        async with self._session.post(url, json=body, headers=self._headers) as reply:
            assert reply.status < 300, await reply.text()
            return await reply.json()
