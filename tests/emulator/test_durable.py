"""A database file: what was acknowledged survives a kill, several processes agree, disks fill."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import io
import os
import random
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec

from pdsclient.emulator.blobs import Blobs, Incoming
from pdsclient.emulator.clock import MovableClock
from pdsclient.emulator.store import Store

SERVER = """
import asyncio, sys
from pdsclient.emulator import Emulator, serve
emulator = Emulator(database=sys.argv[1])
def started(emulator):
    print(emulator.api_endpoint, emulator.token_info.access_token, flush=True)
asyncio.run(serve(emulator, started=started))
"""


class Remote:
    """An emulator in another process."""

    def __init__(self, process, session, endpoint, token):
        self.process = process
        self.session = session
        self.endpoint = endpoint
        self.token = token

    async def post(self, path, data, token=None):
        headers = {"Authorization": f"Bearer {token or self.token}"}
        url = f"{self.endpoint}/v2{path}"
        async with self.session.post(url, json=data, headers=headers) as reply:
            body = await reply.read()
            assert reply.status < 300, body
            return msgspec.json.decode(body) if body else None

    async def create(self, name, **more):
        data = {"drive_id": "1", "parent_file_id": "root", "name": name, "type": "file"}
        return await self.post("/file/create", data | more)

    async def put(self, made, number, data):
        url = made["part_info_list"][number - 1]["upload_url"]
        url = f"{self.endpoint}/data/{url.partition('/data/')[2]}"
        body = io.BytesIO(data)
        headers = {"Content-Type": ""}
        async with self.session.put(_raw(url), data=body, headers=headers) as reply:
            assert reply.status == 200, await reply.read()

    async def complete(self, made):
        ids = {key: made[key] for key in ("drive_id", "file_id", "upload_id")}
        return await self.post("/file/complete", ids)

    async def read(self, file_id):
        reply = await self.post("/file/get_download_url", {"drive_id": "1", "file_id": file_id})
        async with self.session.get(_raw(reply["url"])) as got:
            assert got.status == 200
            return await got.read()

    def kill(self):
        self.process.send_signal(signal.SIGKILL)


def _raw(url):
    from yarl import URL

    return URL(url, encoded=True)


@asynccontextmanager
async def process(database):
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SERVER, str(database), stdout=asyncio.subprocess.PIPE
    )
    try:
        endpoint, token = (await child.stdout.readline()).decode().split()
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
            yield Remote(child, session, endpoint, token)
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()
        child._transport.close()


async def _upload_until_killed(remote, seed, acknowledged):
    """Random uploads; whatever is answered is noted."""
    dice = random.Random(seed)
    for turn in range(1000):
        parts = [dice.randbytes(dice.choice((10, 20_000, 300_000))) for _ in range(1 + turn % 3)]
        infos = [{"part_number": number} for number in range(1, len(parts) + 1)]
        try:
            made = await remote.create(f"{seed}-{turn}", part_info_list=infos)
            for number, part in enumerate(parts, 1):
                await remote.put(made, number, part)
                acknowledged["parts"][made["upload_id"], number] = made, part
            # From here on the parts may be the file's.
            for number in range(1, len(parts) + 1):
                del acknowledged["parts"][made["upload_id"], number]
            await remote.complete(made)
        except (aiohttp.ClientError, ConnectionError):
            return
        acknowledged["files"][made["file_id"]] = b"".join(parts)


async def test_what_was_acknowledged_survives_a_kill(tmp_path):
    """Files byte for byte, and the parts of unfinished uploads; no other file is left."""
    database = tmp_path / "pds.db"
    acknowledged = {"files": {}, "parts": {}}
    async with process(database) as remote:
        work = [
            asyncio.create_task(_upload_until_killed(remote, seed, acknowledged))
            for seed in range(2)
        ]
        while len(acknowledged["files"]) < 6:
            await asyncio.sleep(0.01)
        remote.kill()
        await asyncio.gather(*work)
    async with process(database) as remote:
        for file_id, content in acknowledged["files"].items():
            assert await remote.read(file_id) == content
        for (upload_id, number), (made, part) in acknowledged["parts"].items():
            ids = {"drive_id": "1", "file_id": made["file_id"], "upload_id": upload_id}
            listed = await remote.post("/file/list_uploaded_parts", ids)
            [found] = [one for one in listed["uploaded_parts"] if one["part_number"] == number]
            assert found["etag"] == f'"{hashlib.md5(part).hexdigest().upper()}"'
    _check_pieces(database)


def _check_pieces(database):
    """The files beside the database are those that it knows."""
    store = Store(database, clock=MovableClock())
    known = {name for (name,) in store._read("SELECT name FROM piece", ())}
    store.close()
    assert known == {path.name for path in Path(f"{database}.blobs").glob("??/*")}


async def test_two_processes_share_a_database(tmp_path):
    """What one writes the other finds: files, tokens, sessions, URLs and counts."""
    database = tmp_path / "pds.db"
    async with process(database) as one, process(database) as two:
        made = await one.create("a.txt", part_info_list=[{"part_number": 1}, {"part_number": 2}])
        await one.put(made, 1, b"first ")
        await two.put(made, 2, b"second")
        done = await two.complete(made)
        assert done["content_hash"] == hashlib.sha1(b"first second").hexdigest().upper()
        assert await one.read(made["file_id"]) == b"first second"
        query = {"drive_id": "1", "query": "size >= 0", "return_total_count": True}
        for count, (writer, reader) in enumerate(((one, two), (two, one)), 2):
            found = await reader.post("/file/search", query, token=writer.token)
            assert found["total_count"] == count - 1
            made = await writer.create(f"{count}", size=0)
            await writer.put(made, 1, b"")
            await writer.complete(made)
            assert (await reader.post("/file/search", query))["total_count"] == count


async def test_processes_that_write_at_once_lose_nothing(tmp_path):
    """Each change is made on what is there, and every name is there in the end."""
    database = tmp_path / "pds.db"
    async with process(database) as one, process(database) as two:

        async def folders(remote, letter):
            data = {"drive_id": "1", "parent_file_id": "root", "type": "folder"}
            for number in range(20):
                await remote.post("/file/create", data | {"name": f"{letter}{number}"})

        await asyncio.gather(folders(one, "a"), folders(two, "b"))
        query = {"drive_id": "1", "query": "type = 'folder'", "return_total_count": True}
        for remote in (one, two):
            assert (await remote.post("/file/search", query))["total_count"] == 40


def test_leftovers_go_when_nobody_else_is_at_work(tmp_path):
    """Files that no piece refers to are removed at the start, but not under another's feet."""
    database = tmp_path / "pds.db"
    first = Store(database, clock=MovableClock())
    left = first.blobs.path("0" * 32)
    left.write_bytes(b"half")
    second = Store(database, clock=MovableClock())
    assert left.exists()
    first.close()
    second.close()
    Store(database, clock=MovableClock()).close()
    assert not left.exists()


async def _made(api, **more):
    data = {"drive_id": "1", "parent_file_id": "root", "name": "a", "type": "file"}
    return await api.post("/file/create", data | more)


async def _put(api, made, content):
    url = made["part_info_list"][0]["upload_url"]
    return await api.send("PUT", url, data=io.BytesIO(content), headers={"Content-Type": ""})


async def test_a_disk_that_is_full_is_an_error_of_the_data_plane(run, tmp_path, monkeypatch):
    """500 in XML and no half part; the same request is taken when there is room again."""
    async with run(database=tmp_path / "pds.db") as api:
        made = (await _made(api)).data

        def full(*_):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patch:
            patch.setattr(Incoming, "write", full)
            got = await _put(api, made, b"abc")
            assert got.status == 500
            assert b"<Code>InternalError</Code>" in got.body
        assert (await _put(api, made, b"abc")).status == 200


async def test_a_database_that_is_full_loses_nothing(run, tmp_path):
    """500 InternalError; what was acknowledged is there, and goes on when there is room."""
    async with run(database=tmp_path / "pds.db") as api:
        store = api.emulator._service.store
        made = (await _made(api)).data
        assert (await _put(api, made, b"abc")).status == 200
        ((pages,),) = store._writer.execute("PRAGMA page_count").fetchall()
        store._writer.execute(f"PRAGMA max_page_count = {pages}")
        refused = None
        for turn in range(500):
            refused = await _made(api, name=f"{turn:0>200}", description="d" * 1000)
            if refused.status != 201:
                break
        assert (refused.status, refused.code) == (500, "InternalError")
        ids = {"drive_id": "1", "file_id": made["file_id"], "upload_id": made["upload_id"]}
        listed = await api.post("/file/list_uploaded_parts", ids)
        assert [part["part_number"] for part in listed.data["uploaded_parts"]] == [1]
        store._writer.execute("PRAGMA max_page_count = 1000000")
        assert (await api.post("/file/complete", ids)).data["size"] == 3
        assert (await _made(api, name="more")).status == 201


def test_a_temporary_folder_is_made_when_it_is_needed():
    """And goes on close, which may be repeated."""
    blobs = Blobs(None)
    blobs.close()
    incoming = Incoming(blobs)
    incoming.write(b"abc")
    incoming.keep()
    path = blobs.path(incoming.name)
    assert path.read_bytes() == b"abc"
    blobs.close()
    blobs.close()
    assert not path.exists()
