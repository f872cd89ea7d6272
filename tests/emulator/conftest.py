"""Raw HTTP against an emulator; not through our own client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, NamedTuple

import aiohttp
import msgspec
import pytest
from blockbuster import blockbuster_ctx

from pdsclient.emulator import Emulator


class Got(NamedTuple):
    status: int
    headers: Any
    body: bytes

    @property
    def data(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def code(self) -> str:
        return self.data["code"]


class Api:
    """An emulator and a session that sends what it is told."""

    def __init__(self, emulator: Emulator, session: aiohttp.ClientSession) -> None:
        self.emulator = emulator
        self.session = session

    async def send(self, method: str, path: str, **options: Any) -> Got:
        url = path if "://" in path else self.emulator.api_endpoint + path
        options.setdefault("allow_redirects", False)
        async with self.session.request(method, url, **options) as reply:
            return Got(reply.status, reply.headers, await reply.read())

    async def post(
        self, path: str, data: Any = None, *, token: str | None = "", headers: Any = None
    ) -> Got:
        """A call as the default user; `token` None sends none."""
        if token == "":
            token = self.emulator.token_info.access_token
        sent = {"Authorization": f"Bearer {token}"} if token else {}
        return await self.send(
            "POST", f"/v2{path}", json=data or {}, headers=sent | (headers or {})
        )

    async def search(self, query: str = "size >= 0", **more: Any) -> Got:
        """A search of the default drive."""
        data = {"drive_id": self.emulator.drive_id, "query": query, "order_by": "name ASC"}
        return await self.post("/file/search", data | more)

    async def control(self, verb: str, **call: Any) -> Got:
        """A call to the control plane."""
        headers = {"x-emulator-secret": self.emulator.control_secret}
        return await self.send("POST", f"/_emulator/{verb}", json=call, headers=headers)


Run = Callable[..., AbstractAsyncContextManager[Api]]


@asynccontextmanager
async def running(*args: Any, **options: Any) -> AsyncIterator[Api]:
    with blockbuster_ctx("pdsclient.emulator"):
        async with started(*args, **options) as api:
            yield api


@asynccontextmanager
async def started(*args: Any, **options: Any) -> AsyncIterator[Api]:
    async with (
        Emulator(*args, **options) as emulator,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session,
    ):
        yield Api(emulator, session)


@pytest.fixture
def run() -> Run:
    """Starts an emulator with options of its own."""
    return running


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    """A fresh emulator with everything at its default."""
    async with running() as api:
        yield api
