"""The service dies at any instant, and comes back with what it had acknowledged."""

from __future__ import annotations

import asyncio
import random
import signal
import socket
import sys
from contextlib import asynccontextmanager

import pytest

from pdsclient import AsyncPDSClient, PDSError, RuntimeContext

PART = 102_400
PARTS = 24
SERVER = """
import asyncio, sys
from pdsclient.emulator import Emulator, serve

async def main(database, port):
    emulator = Emulator(database=database, port=int(port), bandwidth_bps=8e6)
    async def told():
        while line := await asyncio.to_thread(sys.stdin.readline):
            sent = emulator.requests.of("/data")
            print(*[one.part_number or 0 for one in sent], flush=True)
    def started(emulator):
        print(emulator.token_info.access_token, flush=True)
        emulator.told = asyncio.ensure_future(told())
    await serve(emulator, started=started)

asyncio.run(main(*sys.argv[1:]))
"""


class Service:
    """An emulator in a process of its own, always at the same address with the same files."""

    def __init__(self, folder):
        self._database = folder / "pds.db"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.endpoint = f"http://127.0.0.1:{self._port}"

    async def start(self):
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            SERVER,
            str(self._database),
            str(self._port),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        self.token = (await self._process.stdout.readline()).decode().strip()
        assert self.token, "the emulator has not started"

    async def parts_put(self):
        """The numbers of the parts that were sent since it started; 0 for what was read."""
        self._process.stdin.write(b"?\n")
        return [int(one) for one in (await self._process.stdout.readline()).split()]

    async def ranges_read(self):
        """How many ranges were read since it started."""
        return (await self.parts_put()).count(0)

    async def kill(self):
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)
        await self._process.wait()
        self._process._transport.close()

    @asynccontextmanager
    async def client(self):
        """A client whose retries do not wait long."""

        async def sleep(seconds):
            await asyncio.sleep(min(seconds, 0.01))

        context = RuntimeContext(sleep=sleep)
        token = {"access_token": self.token}
        async with AsyncPDSClient(
            context=context, api_endpoint=self.endpoint, token_info=token
        ) as client:
            yield client


@pytest.fixture
async def service(tmp_path):
    """A service that can be killed and started again."""
    made = Service(tmp_path)
    await made.start()
    yield made
    await made.kill()


async def killed_during(service, transfer, parts):
    """Whether the service died, after so many parts and a moment, before the transfer was done."""
    transfer.start()
    while transfer.progress.parts_done < parts:
        await asyncio.sleep(0.001)
    await asyncio.sleep(random.Random(parts).uniform(0, 0.02))
    await service.kill()
    try:
        await transfer
    except PDSError:
        return True
    return False


@pytest.mark.parametrize("parallel", [False, True])
async def test_an_upload_outlives_the_service(service, content, tmp_path, parallel):
    """The same call goes on where the service is; what it has is not sent again."""
    path, kept = tmp_path / "a.bin", tmp_path / "a.ckpt"
    path.write_bytes(content(PARTS * PART))
    options = {"drive_id": "1", "part_size": PART, "rapid_upload": False, "checkpoint": kept}

    def upload(client):
        return client.upload(path, parallel=parallel, concurrency=4, **options)

    async with service.client() as client:
        assert await killed_during(service, upload(client), 7)
    await service.start()
    async with service.client() as client:
        arrived = await parts_there(client)
        file = await upload(client)
        sent = await service.parts_put()
        assert sorted(sent) == sorted(set(range(1, PARTS + 1)) - arrived)
        async with client.open(file) as stream:
            assert await stream.read() == path.read_bytes()
    assert not kept.exists()


async def parts_there(client):
    """The numbers of the parts that the unfinished upload has."""
    page = await client.file.list(drive_id="1", parent_file_id="root", status="uploading")
    [file] = page.items
    parts = await client.file.list_uploaded_parts(
        drive_id="1", file_id=file.file_id, upload_id=file.upload_id
    )
    assert len(parts.items) >= 7
    return {part.part_number for part in parts.items}


async def test_a_download_outlives_the_service(service, content, tmp_path, files_in):
    """It goes on in what is there; no half file has the final name."""
    source, folder = tmp_path / "a.bin", tmp_path / "down"
    source.write_bytes(content(PARTS * PART))
    folder.mkdir()

    def download(client, file):
        return client.download(file, folder / "a.bin", part_size=PART, concurrency=4)

    async with service.client() as client:
        file = await client.upload(source, drive_id="1")
        assert await killed_during(service, download(client, file), 7)
        assert "a.bin" not in files_in(folder)
    await service.start()
    async with service.client() as client:
        transfer = download(client, file)
        await transfer
    assert (folder / "a.bin").read_bytes() == source.read_bytes()
    assert files_in(folder) == {"a.bin": PARTS * PART}
    # Of what was there nothing came again.
    assert await service.ranges_read() <= PARTS - 7
