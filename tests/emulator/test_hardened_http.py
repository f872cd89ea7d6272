"""Raw HTTP: what was wrong when processes were killed, raced, or left by their clients."""

from __future__ import annotations

import asyncio
import io
import json
import sqlite3
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pdsclient.emulator.clock import MovableClock
from pdsclient.emulator.roles import ROLES
from pdsclient.emulator.rsa import PublicKey
from pdsclient.emulator.schema import Database
from pdsclient.emulator.store import Store, UploadGone
from pdsclient.errors import InvalidRequest

TOP = {"drive_id": "1", "parent_file_id": "root"}
# What is asked about an upload that is under way.
ON_AN_UPLOAD = {
    "/file/complete": {},
    "/file/list_uploaded_parts": {},
    "/file/get_upload_url": {"part_info_list": [{"part_number": 1}]},
}


async def created(api, **more):
    got = await api.post("/file/create", {**TOP, "name": "a", "type": "file", **more})
    assert got.status == 201, got
    return got.data


# ---- uploads


async def test_ten_thousand_parts_with_the_states_of_their_hashes(api):
    """4.2, 10.4: so many are one request, of more than a mebibyte."""
    parts = [
        {
            "part_number": number + 1,
            "part_size": 64,
            "parallel_sha1_ctx": {"h": [4_000_000_000] * 5, "part_offset": 64 * number},
        }
        for number in range(10_000)
    ]
    body = {**TOP, "name": "a", "type": "file", "parallel_upload": True, "part_info_list": parts}
    headers = {
        "Authorization": f"Bearer {api.emulator.token_info.access_token}",
        "Content-Type": "application/json",
    }
    sent = io.BytesIO(json.dumps(body).encode())
    got = await api.send("POST", "/v2/file/create", data=sent, headers=headers)
    assert (got.status, len(got.data["part_info_list"])) == (201, 10_000)


def test_an_upload_that_ends_between_two_readings_is_gone(tmp_path):
    """Not an upload without parts, which would be refused with another error."""
    database = tmp_path / "pds.db"
    clock = MovableClock()
    one, two = Store(database, clock=clock), Store(database, clock=clock)
    one.put_drive("1", owner="u")
    data = {"parallel": False, "size": None, "members": {}, "content_hash": None}
    data |= {"hash_name": "sha1", "domain_hash_name": "sha1"}
    new = {"name": "a", "type": "file"}
    file_id, upload_id = one.begin_upload("1", new, data, life_s=60)
    upload = two.upload("1", file_id, upload_id)
    assert two.parts(upload) == []
    one.delete_file("1", file_id)
    with pytest.raises(UploadGone):
        two.parts(upload)
    with pytest.raises(UploadGone):
        two.check_part(upload, 2)
    one.close()
    two.close()


class Putting:
    """A part of 20,000 bytes that is on its way, half of it sent."""

    @classmethod
    async def begin(cls, part):
        one, url = cls(), urlsplit(part["upload_url"])
        one.reader, one.writer = await asyncio.open_connection(url.hostname, url.port)
        head = f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: localhost\r\n"
        one.writer.write(f"{head}Content-Length: 20000\r\n\r\n".encode() + b"x" * 10_000)
        await one.writer.drain()
        return one

    def finish(self):
        self.writer.write(b"x" * 10_000)

    async def reply(self):
        async with asyncio.timeout(5):
            text = await self.reader.readuntil(b"\r\n\r\n")
        self.writer.close()
        return int(text.split()[1])

    def leave(self):
        self.writer.transport.abort()


async def _until_looked_up(api, count):
    """Wait until so many parts were found to be expected, and the rest of them is waited for."""
    async with asyncio.timeout(5):
        while len(api.emulator.requests.of("/data")) < count:
            await asyncio.sleep(0.001)
    await api.emulator._service.read(lambda: None)


async def test_of_two_that_put_a_part_at_once_one_is_taken(run, tmp_path):
    """10.4: the other one is told 409, and its bytes are removed."""
    database = tmp_path / "pds.db"
    async with run(database=database) as api:
        (part,) = (await created(api))["part_info_list"]
        both = [await Putting.begin(part) for _ in range(2)]
        await _until_looked_up(api, 2)
        for one in both:
            one.finish()
        assert sorted([await one.reply() for one in both]) == [200, 409]
    assert _files_beside(database) == _pieces(database)


@pytest.mark.parametrize("parallel", [False, True])
async def test_a_part_whose_upload_ends_meanwhile_is_not_kept(run, tmp_path, parallel):
    """404, and its bytes are removed."""
    database = tmp_path / "pds.db"
    async with run(database=database) as api:
        made = await created(api, parallel_upload=parallel)
        one = await Putting.begin(made["part_info_list"][0])
        await _until_looked_up(api, 1)
        await api.emulator.delete_file(made["file_id"])
        one.finish()
        assert await one.reply() == 404
    assert _files_beside(database) == _pieces(database) == set()


async def test_a_client_that_leaves_while_its_part_is_kept_leaves_no_file(run, tmp_path):
    """Whether the part counts or not: every file beside the database is one that it knows."""
    database = tmp_path / "pds.db"
    async with run(database=database) as api:
        made = await created(api, parallel_upload=True, part_info_list=_numbers(30))
        for part in made["part_info_list"]:
            one = await Putting.begin(part)
            one.finish()
            await asyncio.sleep(part["part_number"] / 10_000)
            one.leave()
    assert _files_beside(database) == _pieces(database)


def _numbers(count):
    return [{"part_number": number} for number in range(1, count + 1)]


def _files_beside(database):
    return {path.name for path in Path(f"{database}.blobs").glob("??/*")}


def _pieces(database):
    connection = sqlite3.connect(database)
    try:
        return {name for (name,) in connection.execute("SELECT name FROM piece")}
    finally:
        connection.close()


async def test_an_upload_belongs_to_its_file(api):
    """The id of one upload with the id of another file is an upload that is not there."""
    one, two = await created(api), await created(api, name="b")
    for path, more in ON_AN_UPLOAD.items():
        ids = {"drive_id": "1", "file_id": two["file_id"], "upload_id": one["upload_id"]}
        got = await api.post(path, ids | more)
        assert (got.status, got.code) == (404, "NotFound.UploadId"), path


# ---- the database


def test_a_change_that_cannot_be_committed_leaves_nothing_open():
    """The next one is a transaction of its own, and lasts."""
    store = Store(clock=MovableClock())
    connection = store._writer
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("CREATE TABLE above(id INTEGER PRIMARY KEY)")
    connection.execute("CREATE TABLE below(id REFERENCES above(id) DEFERRABLE INITIALLY DEFERRED)")
    with pytest.raises(sqlite3.IntegrityError), store.atomic():
        store.put_record("kind", "first", {})
        connection.execute("INSERT INTO below VALUES (1)")
    assert not connection.in_transaction
    store.put_record("kind", "second", {})
    assert store.record("kind", "first") is None
    assert store.record("kind", "second") == {}
    store.close()


async def test_a_database_that_cannot_be_written_is_refused_at_the_start(
    run, tmp_path, monkeypatch
):
    """One sentence instead of a traceback of SQLite's."""
    async with run(database=tmp_path / "pds.db"):
        pass
    tune = Database._tune

    def read_only(self, connection):
        tune(self, connection)
        connection.execute("PRAGMA query_only = 1")

    monkeypatch.setattr(Database, "_tune", read_only)
    with pytest.raises(InvalidRequest, match=r"the database cannot be written: .*readonly"):
        async with run(database=tmp_path / "pds.db"):
            pass


# ---- rights

LOOK, VIEW, DOWNLOAD, UPLOAD = "GET", "PREVIEW", "DOWNLOAD", "CREATE"
CHANGE, REMOVE, SHARE, PERMIT = "UPDATE", "DELETE", "SHARE", "PERMISSION"
MEANINGS = {
    "SystemFileOwner": {LOOK, VIEW, DOWNLOAD, UPLOAD, CHANGE, REMOVE, SHARE, PERMIT},
    "SystemFileEditor": {LOOK, VIEW, DOWNLOAD, UPLOAD, CHANGE, REMOVE, SHARE},
    "SystemFileEditorWithoutDelete": {LOOK, VIEW, DOWNLOAD, UPLOAD, CHANGE, SHARE},
    "SystemFileEditorWithoutShareLink": {LOOK, VIEW, DOWNLOAD, UPLOAD, CHANGE, REMOVE},
    "SystemFileUploaderAndDownloaderWithShareLink": {LOOK, VIEW, DOWNLOAD, UPLOAD, SHARE},
    "SystemFileUploaderAndDownloader": {LOOK, VIEW, DOWNLOAD, UPLOAD},
    "SystemFileUploaderAndViewer": {LOOK, VIEW, UPLOAD},
    "SystemFileUploaderWithShareLink": {LOOK, UPLOAD, SHARE},
    "SystemFileUploader": {LOOK, UPLOAD},
    "SystemFileDownloaderWithShareLink": {LOOK, VIEW, DOWNLOAD, SHARE},
    "SystemFileDownloader": {LOOK, VIEW, DOWNLOAD},
    "SystemFileViewer": {LOOK, VIEW},
    "SystemFileMetaViewer": {LOOK},
}


def test_roles_mean_what_their_names_say():
    """12: all thirteen, written out again; what each allows over HTTP is tested elsewhere."""
    assert ROLES.keys() == MEANINGS.keys()
    for role, meaning in MEANINGS.items():
        told = {LOOK, VIEW, DOWNLOAD, UPLOAD, CHANGE, REMOVE, SHARE, PERMIT}
        assert {one for one in told if f"FILE.{one}" in ROLES[role]} == meaning, role
        assert ("FILE.TRASH" in ROLES[role]) == (REMOVE in meaning)
        assert ("FILE.MOVE" in ROLES[role]) == (CHANGE in meaning)


async def _folder_of(api, role):
    """A folder with one file, and the token of a user who has a role there."""
    folder, file_id = await api.emulator.add_files(
        [
            {"name": "in", "type": "folder", "file_id": "1" * 40},
            {"name": "a", "content": b"before", "parent_file_id": "1" * 40},
        ]
    )
    member = {"identity": {"identity_type": "IT_User", "identity_id": "bob"}, "role_id": role}
    shared = {"drive_id": "1", "file_id": folder, "member_list": [member]}
    assert (await api.post("/file/add_permission", shared)).status == 204
    return folder, file_id, api.emulator.issue_token(user_id="bob").access_token


async def _go_on(api, begun, token):
    """What comes of every call about an upload that somebody else began."""
    ids = {key: begun[key] for key in ("drive_id", "file_id", "upload_id")}
    for path, more in ON_AN_UPLOAD.items():
        got = await api.post(path, ids | more, token=token)
        yield got.status, got.code


REFUSED = (403, "ForbiddenNoPermission.File")


async def test_who_may_only_upload_does_not_overwrite(api):
    """A new revision is a change of the file, also when it is begun by somebody else."""
    folder, file_id, bob = await _folder_of(api, "SystemFileUploader")
    body = {"drive_id": "1", "parent_file_id": folder, "name": "a", "type": "file"}
    assert (await api.post("/file/create", body, token=bob)).status == 201
    again = body | {"file_id": file_id}
    got = await api.post("/file/create", again, token=bob)
    assert (got.status, got.code) == REFUSED
    begun = (await api.post("/file/create", again)).data
    assert [got async for got in _go_on(api, begun, bob)] == [REFUSED] * 3


async def test_who_may_not_upload_does_not_go_on_with_the_upload_of_another(api):
    """The ids of an upload open nothing."""
    folder, _, bob = await _folder_of(api, "SystemFileDownloader")
    begun = await created(api, parent_file_id=folder)
    assert [got async for got in _go_on(api, begun, bob)] == [REFUSED] * 3


@pytest.mark.parametrize("more", ["/more", ".evil.com", "?more=1", "/../other", "#x"])
async def test_people_are_sent_back_to_the_very_address_only(api, more):
    """Letter by letter: what begins like a registered one may lead anywhere."""
    await api.emulator.register_app("site", redirect_uris=["http://127.0.0.1:8000/back"])
    query = {"client_id": "site", "response_type": "code", "login_type": "default"}
    query["redirect_uri"] = f"http://127.0.0.1:8000/back{more}"
    got = await api.send("GET", "/v2/oauth/authorize", params=query)
    assert (got.status, got.code) == (400, "InvalidParameter.RedirectUri")


async def test_a_revision_belongs_to_its_file(api):
    """The old content of one file is not had by the id of another."""
    one, two = await api.emulator.add_files([{"name": "a", "content": b"old"}, {"name": "b"}])
    old = (await api.post("/file/get", {"drive_id": "1", "file_id": one})).data["revision_id"]
    begun = await created(api, file_id=one)
    url = begun["part_info_list"][0]["upload_url"]
    await api.send("PUT", url, data=io.BytesIO(b"new"), headers={"Content-Type": ""})
    ids = {"drive_id": "1", "file_id": one, "upload_id": begun["upload_id"]}
    assert (await api.post("/file/complete", ids)).status == 200
    asked = {"drive_id": "1", "revision_id": old}
    got = await api.post("/file/get_download_url", asked | {"file_id": one})
    assert (await api.send("GET", got.data["url"])).body == b"old"
    for path in ("/file/get_download_url", "/file/revision/get", "/file/revision/restore"):
        got = await api.post(path, asked | {"file_id": two})
        assert got.status == 404, path


def test_a_signature_is_of_the_whole_block():
    """Digest and padding: with the exponent 1 a signature is what it is to prove."""
    key = PublicKey(2**2048 - 1, 1)
    digest = bytes.fromhex("3031300d060960864801650304020105000420") + sha256(b"text").digest()
    padding = b"\xff" * (256 - 3 - len(digest))
    assert key.verifies(b"text", b"\0\1" + padding + b"\0" + digest)
    for wrong in (b"\0\2" + padding, b"\0\1" + padding[1:] + b"\xfe", b"\1\1" + padding):
        assert not key.verifies(b"text", wrong + b"\0" + digest)


async def test_who_may_not_download_does_not_archive_either(api):
    """A zip has the bytes: neither a viewer gets one, nor a visitor of a link without downloads."""
    folder, file_id, bob = await _folder_of(api, "SystemFileUploaderAndViewer")
    for one in (folder, file_id):
        body = {"drive_id": "1", "file_ids": [one], "name": "x"}
        got = await api.post("/file/archive_files", body, token=bob)
        assert (got.status, got.code) == REFUSED
    share = await api.emulator.create_share([folder], disable_download=True)
    headers = {"x-share-token": api.emulator.issue_share_token(share)}
    body = {"share_id": share, "file_ids": [file_id], "name": "x"}
    got = await api.post("/file/archive_files", body, token=None, headers=headers)
    assert (got.status, got.code) == (400, "ShareLink.Forbidden")
