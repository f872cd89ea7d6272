"""Work with files: folders, contents, batches, the recycle bin and a share link.

Run it as it is: it starts an emulator in place of a domain and signs in with its key, for which
it needs ``pip install 'pdsclient[jwt]'``.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from pdsclient import AsyncPDSClient, BadRequest, Conflict, F
from pdsclient.auth import JWTApp
from pdsclient.emulator import Emulator

MONTHS = ("january", "february", "march")


async def write_reports(client: AsyncPDSClient, drive_id: str) -> list[str]:
    """A folder for each month with a small file in it; give the ids of the folders."""
    paths = [f"reports/2025/{month}" for month in MONTHS]
    folders = (await client.create_folders(paths, drive_id=drive_id)).raise_first()
    for month, folder in zip(MONTHS, folders, strict=True):
        file = await client.save_file_content(
            f"All is well in {month}.\n",
            name="report.txt",
            drive_id=drive_id,
            parent_file_id=folder,
        )
    content = await client.get_file_content(file)
    print(*[one.name for one in await client.breadcrumbs(file)], sep=" / ")
    print("  ", content.decode().strip())
    return folders


async def meet_a_taken_name(client: AsyncPDSClient, drive_id: str, folder: str) -> None:
    """A name that is taken is refused, and the error tells which file has it."""
    try:
        await client.save_file_content(
            "again", name="report.txt", drive_id=drive_id, parent_file_id=folder
        )
    except Conflict as error:
        print("there is a report.txt already, its id begins with", (error.file_id or "")[:8])


async def describe(client: AsyncPDSClient, drive_id: str, folders: list[str]) -> None:
    """Many calls in one request; each outcome is a reply or an error."""
    outcomes = await client.run_batch(
        client.file.update.item(drive_id=drive_id, file_id=folder, description="for the board")
        for folder in folders
    )
    print(len(outcomes.replies), "folders described,", len(outcomes.failures), "failures")
    found = client.file.search(drive_id=drive_id, query=F.description.match("board"))
    print("a search finds", sorted([str(folder.name) async for folder in found]))


async def throw_away_and_restore(client: AsyncPDSClient, drive_id: str) -> None:
    """A folder goes with all it holds; the service's tasks for that are waited for."""
    folder = await client.create_folders("reports", drive_id=drive_id)
    (await client.trash_files([folder], drive_id=drive_id)).raise_first()
    page = await client.recyclebin.list(drive_id=drive_id)
    print("in the recycle bin:", [file.name for file in page.items])
    (await client.restore_files([folder], drive_id=drive_id)).raise_first()


async def share(client: AsyncPDSClient, drive_id: str, folder: str, password: str) -> None:
    """Somebody without an account reads a file through a link, with the link's password."""
    link = await client.share_link.create(
        drive_id=drive_id,
        file_id_list=[folder],
        share_pwd=password,
        expiration=datetime.now(UTC) + timedelta(days=7),
    )
    assert link.share_id is not None
    try:
        await client.share_link.get_share_token(share_id=link.share_id, share_pwd="a guess")
    except BadRequest as error:
        print("a wrong password is", error.code)
    token = await client.share_link.get_share_token(share_id=link.share_id, share_pwd=password)

    visitor = client.with_credentials(share_token=token.share_token)
    (file,) = await visitor.file.list(share_id=link.share_id, parent_file_id=folder).collect()
    content = await visitor.get_file_content(file, share_id=link.share_id)
    print("a visitor reads:", content.decode().strip())


async def main() -> None:
    """Everything above, against an emulator of its own."""
    async with Emulator() as emulator:
        login = JWTApp(
            emulator.app_id, domain_id=emulator.domain_id, private_key=emulator.private_key_pem
        )
        async with AsyncPDSClient(
            api_endpoint=emulator.api_endpoint, refresh_token_fun=login
        ) as client:
            drive_id = emulator.drive_id
            folders = await write_reports(client, drive_id)
            await meet_a_taken_name(client, drive_id, folders[0])
            await describe(client, drive_id, folders)
            await throw_away_and_restore(client, drive_id)
            await share(client, drive_id, folders[1], password="open1234")


if __name__ == "__main__":
    asyncio.run(main())
