"""The clients that are compared: ours, hand-written aiohttp, the vendor's SDK."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from pdsclient import AsyncPDSClient, F

TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJ1c2VySWQiOiI1NjE1In0.c2lnbmF0dXJl"
SMALL_DATA = {"drive_id": "1050"}
QUERY = F.name.match("report") & (F.size > 1024)
SEARCH_DATA = {
    "drive_id": "1050",
    "query": str(QUERY),
    "order_by": "created_at DESC,name ASC",
}

Post = Callable[[str, dict[str, Any]], Awaitable[Any]]


@asynccontextmanager
async def ours(endpoint: str) -> AsyncIterator[AsyncPDSClient]:
    """The client of this project, with everything as it is by default."""
    token_info = {"access_token": TOKEN, "expires_in": 7200}
    async with AsyncPDSClient(api_endpoint=endpoint, token_info=token_info) as client:
        yield client


@asynccontextmanager
async def naive(endpoint: str) -> AsyncIterator[Post]:
    """What one writes with aiohttp, without a thought of tokens, retries or types."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with aiohttp.ClientSession() as session:

        async def post(path: str, data: dict[str, Any]) -> Any:
            url = f"{endpoint}/v2{path}"
            async with session.post(url, json=data, headers=headers) as response:
                return await response.json()

        yield post


def official(endpoint: str) -> Callable[[], Awaitable[object]] | None:
    """A search through ``alibabacloud_pds20220301``; None if it is not installed."""
    try:
        from alibabacloud_pds20220301 import models
        from alibabacloud_pds20220301.client import Client
        from alibabacloud_tea_openapi.utils_models import Config
        from darabonba.runtime import RuntimeOptions
    except ImportError:
        return None
    address = endpoint.removeprefix("http://")
    client = Client(Config(protocol="http", endpoint=address, bearer_token=TOKEN, type="bearer"))
    runtime = RuntimeOptions()

    async def search() -> object:
        request = models.SearchFileRequest(**SEARCH_DATA)
        return (await client.search_file_with_options_async(request, {}, runtime)).body

    return search
