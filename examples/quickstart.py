"""A first look: search, page through, get, and what an error looks like.

Run it as it is: it starts an emulator that serves the package's own directory.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pdsclient
from pdsclient import AsyncPDSClient, F, NotFound, QuerySyntaxError
from pdsclient.emulator import Emulator

DIRECTORY = Path(pdsclient.__file__).parent


async def show_biggest(client: AsyncPDSClient, drive_id: str) -> str | None:
    """Print the five biggest Python files; give the id of the biggest."""
    biggest = client.file.search(
        drive_id=drive_id,
        query=(F.file_extension == "py") & (F.size > 0),
        order_by=[F.size.desc(), F.name.asc()],
    )
    rows = await biggest.collect(5)
    for file in rows:
        print(f"{file.size:>9,}  {file.updated_at:%Y-%m-%d %H:%M}  {file.name}")
    return rows[0].file_id if rows else None


async def count_everything(client: AsyncPDSClient, drive_id: str) -> int:
    """How many files there are, asked for in one request and counted page by page."""
    query = F.type == "file"
    page = await client.file.search(
        drive_id=drive_id, query=query, limit=1, return_total_count=True
    )
    counted = 0
    async for _ in client.file.search(drive_id=drive_id, query=query):
        counted += 1
    print(f"{counted:,} files, and the service says {page.total_count:,}")
    return counted


async def show_errors(client: AsyncPDSClient, drive_id: str) -> None:
    """Wrong arguments are refused here, what is not there is refused by the service."""
    try:
        await client.file.search(drive_id=drive_id, query="size => 1024")
    except QuerySyntaxError as error:
        print(error)
    try:
        await client.file.get(drive_id=drive_id, file_id="0" * 40)
    except NotFound as error:
        print(error)


async def main() -> None:
    """Everything above, against an emulator of its own."""
    async with (
        Emulator(DIRECTORY) as emulator,
        AsyncPDSClient(
            api_endpoint=emulator.api_endpoint, token_info=emulator.token_info
        ) as client,
    ):
        file_id = await show_biggest(client, emulator.drive_id)
        if file_id is not None:
            file = await client.file.get(drive_id=emulator.drive_id, file_id=file_id)
            print(f"the biggest is {file.name}, a {file.mime_type}")
        await count_everything(client, emulator.drive_id)
        await show_errors(client, emulator.drive_id)


if __name__ == "__main__":
    asyncio.run(main())
