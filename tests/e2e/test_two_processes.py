"""Emulators in processes of their own that share a database, seen through the client."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pdsclient import AsyncPDSClient, AuthError, BadRequest, TokenInfo, TransportError

SERVER = """
import asyncio, sys
from pdsclient.emulator import Emulator, serve

def started(emulator):
    token = emulator.token_info
    port = emulator.api_endpoint.rpartition(':')[2]
    print(port, token.access_token, token.refresh_token, flush=True)

emulator = Emulator(database=sys.argv[1], port=int(sys.argv[2]))
asyncio.run(serve(emulator, started=started))
"""


class Server:
    """An emulator in another process."""

    def __init__(self, process: asyncio.subprocess.Process, line: bytes) -> None:
        port, access, refresh = line.decode().split()
        self.process = process
        self.port = int(port)
        self.token = TokenInfo.parse({"access_token": access, "refresh_token": refresh})

    def client(self, token: Any = None, **fields: Any) -> AsyncPDSClient:
        """A client of it, with its own token or another one's."""
        return AsyncPDSClient(
            api_endpoint=f"http://127.0.0.1:{self.port}",
            token_info=token or self.token,
            **fields,
        )

    async def kill(self) -> None:
        """End it without a chance to put anything in order."""
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()


@asynccontextmanager
async def server(database: Path, port: int = 0) -> AsyncIterator[Server]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SERVER, str(database), str(port), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield Server(process, await process.stdout.readline())
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        process._transport.close()  # type: ignore[attr-defined]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "pds.db"


async def test_two_processes_are_one_service(database: Path) -> None:
    """What is done at one is there at the other, at once and for good; so is the end of a token."""
    async with (
        server(database) as first,
        server(database) as second,
        first.client() as one,
        second.client(first.token) as other,
    ):
        drive = {"drive_id": (await one.drive.get_default_drive()).drive_id}
        folder = await one.create_folders("a/b", **drive)
        file = await other.save_file_content(b"abc", name="f", parent_file_id=folder, **drive)
        assert await one.get_file_content(file) == b"abc"
        await one.user.create(user_id="u1")
        assert (await other.user.get(user_id="u1")).user_id == "u1"
        task = await one.file.copy(**drive, file_id=folder, to_parent_file_id="root")
        assert (await other.wait_for(task)).state == "Succeed"
        link = await other.share_link.create(**drive, file_id_list=[folder])
        token = await one.share_link.get_share_token(share_id=link.share_id)
        async with AsyncPDSClient(
            api_endpoint=f"http://127.0.0.1:{second.port}", share_token=token.share_token
        ) as visitor:
            share = {"share_id": link.share_id}
            assert len(await visitor.file.list(**share, parent_file_id=folder).collect()) == 1
        await one.file.update(**drive, file_id=file.file_id, name="g")
        assert (await other.file.get(**drive, file_id=file.file_id)).name == "g"
        await tokens_are_shared(one, other, first.token)


async def tokens_are_shared(one: AsyncPDSClient, other: AsyncPDSClient, token: TokenInfo) -> None:
    """A pair that was exchanged at one is dead at the other."""
    renewed = await one.account.token(app_id="APP", refresh_token=token.refresh_token)
    with pytest.raises(AuthError):
        await other.drive.get_default_drive()
    with pytest.raises(BadRequest):
        await other.account.token(app_id="APP", refresh_token=token.refresh_token)
    for client in (one, other):
        client.set_token(TokenInfo.parse(renewed))
        assert (await client.user.get()).user_id == "superadmin"


async def refresh_in_turn(one: AsyncPDSClient, other: AsyncPDSClient) -> None:
    """A token in force comes from either process, and is good at both."""
    for renewing, waiting in ((one, other), (other, one)):
        token = await renewing.refresh_token()
        with pytest.raises(AuthError):
            await waiting.user.get()
        waiting.set_token(token)
        assert (await waiting.user.get()).user_id == "superadmin"


async def test_what_the_client_was_told_survives_a_kill(database: Path) -> None:
    """Names, contents, users and the token itself; the same client goes on where it was."""
    async with server(database) as first:
        client = first.client()
        async with client:
            drive = {"drive_id": (await client.drive.get_default_drive()).drive_id}
            saved: dict[str, bytes] = {}
            saving = asyncio.create_task(save_until_it_fails(client, drive, saved))
            while len(saved) < 20:
                await asyncio.sleep(0.001)
            await first.kill()
            await saving
            async with server(database, first.port):
                for file_id, content in saved.items():
                    file = await client.file.get(**drive, file_id=file_id)
                    assert await client.get_file_content(file) == content
                again = await client.save_file_content(b"again", name="again", **drive)
                assert await client.get_file_content(again) == b"again"


async def save_until_it_fails(
    client: AsyncPDSClient, drive: dict[str, str], saved: dict[str, bytes]
) -> None:
    """Files one after another; those that the client was told of are noted."""
    with pytest.raises(TransportError):
        for number in range(10_000):
            content = msgspec.json.encode(number) * 1000
            file = await client.save_file_content(content, name=f"f{number}", **drive)
            saved[file.file_id] = content
