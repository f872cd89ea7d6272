"""The flows of the vendor's JavaScript SDK, as its functional tests run them on the live service.

Every test sends what that SDK sends (pds-service.md 13): form-encoded token calls, parts with an
empty Content-Type, batches of ten, ``fields: "*"``, members that no operation knows.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import struct
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from pdsclient.emulator import RateLimit, Settings

# A multiple of 64, as parallel parts have to be.
PART = 25_600


class Js:
    """The SDK's manners, for one access token (or one share token)."""

    def __init__(self, api, token=None, share_token=None):
        self.api = api
        self.drive_id = api.emulator.drive_id
        self.patience = 1
        self.headers = {"Content-Type": "application/json; charset=utf-8", "pds-js-sdk": "1.4.0"}
        if token:
            self.headers["Authorization"] = f"Bearer {token}"
        if share_token:
            self.headers["x-share-token"] = share_token

    async def send(self, path, **data):
        """A call; throttled ones are repeated, after a while by the emulator's clock."""
        body = json.dumps(data).encode()
        for _ in range(self.patience):
            got = await self.api.send("POST", f"/v2{path}", data=body, headers=self.headers)
            if got.status != 429:
                break
            self.api.emulator.clock.advance(0.1)
        return got

    async def post(self, path, **data):
        """A call that succeeds; its data, "" if the body is empty."""
        got = await self.send(path, **data)
        assert 200 <= got.status < 300, (path, got.status, got.body)
        return got.data if got.body else ""

    async def file(self, path, file_id, **data):
        return await self.post(path, drive_id=self.drive_id, file_id=file_id, **data)

    async def folder(self, name, parent="root", **more):
        """createFolder: refuses to clash, and looks at ``exist``."""
        return await self.post(
            "/file/create",
            drive_id=self.drive_id,
            parent_file_id=parent,
            name=name,
            type="folder",
            check_name_mode="refuse",
            **more,
        )

    async def list(self, parent="root", **more):
        page = await self.post(
            "/file/list", drive_id=self.drive_id, parent_file_id=parent, fields="*", **more
        )
        return page["items"] or []

    async def names(self, parent="root"):
        return sorted(one["name"] for one in await self.list(parent))

    async def batch(self, path, bodies):
        """batchApi: ten at a time, and all of them succeed."""
        replies = []
        for start in range(0, len(bodies), 10):
            requests = [
                {
                    "id": str(start + n),
                    "method": "POST",
                    "url": path,
                    "headers": {"Content-Type": "application/json"},
                    "body": {"drive_id": self.drive_id, **body},
                }
                for n, body in enumerate(bodies[start : start + 10])
            ]
            got = await self.post("/batch", resource="file", requests=requests)
            replies += got["responses"]
        assert [one["id"] for one in replies] == [str(n) for n in range(len(bodies))]
        assert all(one["status"] < 400 for one in replies), replies
        return [one.get("body") for one in replies]

    async def polled(self, reply):
        """pollAsyncTask: until it is no longer running."""
        task_id = reply and reply.get("async_task_id")
        while task_id:
            task = await self.post("/async_task/get", async_task_id=task_id)
            if task["state"].lower() != "running":
                return task
        return None

    async def create(self, name, content, parent="root", **more):
        """The first call of an upload."""
        where = {} if "share_id" in more else {"drive_id": self.drive_id}
        count = max(1, -(-len(content) // PART))
        more.setdefault("part_info_list", [{"part_number": n + 1} for n in range(count)])
        return await self.send(
            "/file/create",
            **where,
            parent_file_id=parent,
            name=name,
            type="file",
            size=len(content),
            content_type="application/octet-stream",
            **{"check_name_mode": "auto_rename", "ignore_rapid": False, **more},
        )

    async def upload(self, name, content, parent="root", **more):
        """A whole upload; the reply of complete, or that of create if there is nothing to do."""
        created = await self.create(name, content, parent, **more)
        assert created.status == 201, created.body
        created = created.data
        if created.get("rapid_upload"):
            return created
        where = {"share_id": more["share_id"]} if "share_id" in more else {}
        return await self.complete(created, content, **where)

    async def complete(self, created, content, **where):
        """The parts one after another, then complete."""
        where = where or {"drive_id": self.drive_id}
        parts = []
        for part in created["part_info_list"]:
            number = part["part_number"]
            piece = content[(number - 1) * PART : number * PART]
            headers = {"Content-Type": part.get("content_type", "")}
            put = await self.api.send("PUT", part["upload_url"], data=piece, headers=headers)
            assert put.status == 200, put.body
            parts.append({"part_number": number, "etag": put.headers["ETag"]})
        return await self.post(
            "/file/complete",
            **where,
            file_id=created["file_id"],
            upload_id=created["upload_id"],
            part_info_list=parts,
            crc64_hash=crc64(content),
        )


def crc64(data):
    """CRC-64 of ECMA-182, reflected, as decimal text."""
    value = 2**64 - 1
    for byte in data:
        value = value >> 8 ^ CRC_TABLE[(value ^ byte) & 0xFF]
    return str(value ^ 2**64 - 1)


def crc_of(byte):
    for _ in range(8):
        byte = byte >> 1 ^ (0xC96C5795D7870F42 if byte & 1 else 0)
    return byte


CRC_TABLE = [crc_of(byte) for byte in range(256)]


def sha1_state(data):
    """The five words of SHA-1 after whole blocks of 64 bytes."""

    def turn(word, by):
        return (word << by | word >> 32 - by) & 0xFFFFFFFF

    state = [0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0]
    for start in range(0, len(data), 64):
        words = list(struct.unpack(">16I", data[start : start + 64]))
        for n in range(16, 80):
            words.append(turn(words[n - 3] ^ words[n - 8] ^ words[n - 14] ^ words[n - 16], 1))
        a, b, c, d, e = state
        for n, word in enumerate(words):
            if n < 20:
                mixed, constant = b & c | ~b & d, 0x5A827999
            elif n < 40:
                mixed, constant = b ^ c ^ d, 0x6ED9EBA1
            elif n < 60:
                mixed, constant = b & c | b & d | c & d, 0x8F1BBCDC
            else:
                mixed, constant = b ^ c ^ d, 0xCA62C1D6
            total = (turn(a, 5) + mixed + e + constant + word) & 0xFFFFFFFF
            a, b, c, d, e = total, a, turn(b, 30), c, d
        state = [(old + new) & 0xFFFFFFFF for old, new in zip(state, (a, b, c, d, e), strict=True)]
    return state


def hashed(content):
    digest = hashlib.sha1(content).hexdigest().upper()
    return {"content_hash": digest, "content_hash_name": "sha1"}


@pytest.fixture
def js(api):
    """The SDK with the token of an administrator."""
    return Js(api, api.emulator.token_info.access_token)


# ---- HTTP layer


async def test_wrong_method(api, js):
    """A list by POST has items; the same by GET is 404 with the gateway's code in a header."""
    assert (await js.post("/drive/list"))["items"]
    got = await api.send("GET", "/v2/drive/list", headers=js.headers, data=b"{}")
    assert (got.status, got.headers["x-ca-error-code"], got.body) == (404, "I404NF", b"")


async def test_many_files_at_once(api, js):
    """Uploads in bursts of 20, more than the domain takes: with the SDK's retries all complete,
    and all can be copied one by one."""
    parent = (await js.folder("many"))["file_id"]
    api.emulator.rate_limit = RateLimit(per_second=50, burst=10)
    js.patience = 50
    for burst in range(4):
        names = [f"{burst}-{n}.txt" for n in range(20)]
        await asyncio.gather(*[js.upload(name, name.encode(), parent) for name in names])
    assert 429 in {one.status for one in api.emulator.requests.of("/file/create")}
    listed = await js.list(parent, limit=100)
    assert len(listed) == 80
    for one in listed:
        target = {"to_parent_file_id": parent, "auto_rename": True}
        await js.file("/file/copy", one["file_id"], **target)
    assert len(await js.list(parent, limit=100)) == 100


# ---- authentication


def assertion(emulator, **changes):
    now = emulator.clock.time()
    claims = {
        "iss": emulator.app_id,
        "sub": "superadmin",
        "sub_type": "user",
        "aud": emulator.domain_id,
        "jti": "k3j2h1g0f9e",
        "iat": int(now) - 300,
        "exp": int(now) + 300,
        "auto_create": True,
    }
    return jwt.encode(claims | changes, emulator.private_key_pem, algorithm="RS256")


async def sign_in(api, **changes):
    """The JWT grant: a form."""
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "client_id": api.emulator.app_id,
        "assertion": assertion(api.emulator, **changes),
    }
    got = await api.send("POST", "/v2/oauth/token", data=form)
    assert got.status == 200, got.body
    return got.data


@pytest.fixture(scope="module")
def pem():
    """A private key, made once."""
    key = rsa.generate_private_key(65537, 2048)
    form = PrivateFormat.TraditionalOpenSSL, NoEncryption()
    return key.private_bytes(Encoding.PEM, *form).decode()


async def test_login_as_a_user(run, pem):
    """The user grant, with a short jti and an iat in the past; then a refresh by JSON."""
    async with run(private_key=pem) as api:
        token = await sign_in(api, sub="superadmin")
        assert token["access_token"]
        assert (token["token_type"], token["user_id"]) == ("Bearer", "superadmin")
        body = {
            "app_id": api.emulator.app_id,
            "grant_type": "refresh_token",
            "refresh_token": token["refresh_token"],
        }
        fresh = (await api.post("/account/token", body, token=None)).data
        assert fresh["user_id"] == "superadmin"
        assert fresh["refresh_token"] not in ("", token["refresh_token"])
        assert (await Js(api, fresh["access_token"]).post("/drive/list"))["items"]


async def test_login_as_the_service(run, pem):
    """The service grant is for the domain, and gives a superadmin."""
    async with run(private_key=pem) as api:
        token = await sign_in(api, sub=api.emulator.domain_id, sub_type="service")
        assert (token["role"], token["status"]) == ("superadmin", "enabled")
        assert token["refresh_token"]
        assert (await Js(api, token["access_token"]).post("/user/list"))["items"]


# ---- domain and drives


async def test_quota(js):
    """A size quota of 0 is none."""
    assert (await js.post("/domain/get_quota"))["size_quota"] == 0


async def test_drives_of_an_imported_user(js):
    """A user is imported with a drive, which is resized, found by owner, deleted and made anew."""
    user = await js.post(
        "/user/import",
        authentication_type="mobile",
        identity="13900001111",
        nick_name="js",
        auto_create_drive=True,
        drive_total_size=1024,
    )
    owner = user["user_id"]
    (drive,) = (await js.post("/drive/list", owner=owner))["items"]
    drive_id = drive["drive_id"]
    assert user.get("default_drive_id", drive_id) == drive_id
    changed = await js.post("/drive/update", drive_id=drive_id, total_size=50000)
    assert changed["total_size"] == 50000
    found = (await js.post("/drive/list", owner=owner))["items"]
    assert [one["total_size"] for one in found] == [50000]
    await js.post("/drive/delete", drive_id=drive_id)
    made = await js.post("/drive/create", drive_name="new", owner=owner, default=True)
    changed = await js.post("/drive/update", drive_id=made["drive_id"], drive_name="renamed")
    assert changed["drive_name"] == "renamed"
    await js.post("/drive/delete", drive_id=made["drive_id"], force=True)
    await js.post("/user/delete", user_id=owner)


async def test_group_drives(js):
    """Drives of groups are searched by their owner's type, and whoever made the group has them."""
    group = (await js.post("/group/create", group_name="Test_Group_1"))["group_id"]
    data = {"drive_name": "team", "owner": group, "owner_type": "group"}
    drive = (await js.post("/drive/create", **data))["drive_id"]
    found = (await js.post("/drive/search", owner_type="group"))["items"]
    assert {one["owner_type"] for one in found} == {"group"}
    mine = await js.post("/drive/list_my_group_drive", limit=100)
    assert drive in [one["drive_id"] for one in mine["items"]]


# ---- files


async def test_create_folder_twice(js):
    """A clash is no error: the second reply has exist and the first folder's id."""
    first, second = await js.folder("same"), await js.folder("same")
    assert not first["exist"]
    assert second["exist"]
    assert first["file_id"] == second["file_id"]


async def test_rename(js):
    """file/update gives the new name at once."""
    folder = (await js.folder("old"))["file_id"]
    renamed = await js.file("/file/update", folder, name="new", check_name_mode="refuse")
    assert renamed["name"] == "new"


async def test_copy_and_move(js):
    """A folder is copied beside itself under a new name; a move and a copy go by batch too."""
    top = (await js.folder("top"))["file_id"]
    one = (await js.folder("one", top))["file_id"]
    await js.folder("inner", one)
    copied = await js.file(
        "/file/copy",
        one,
        to_drive_id=js.drive_id,
        to_parent_file_id=top,
        new_name="two",
        auto_rename=True,
    )
    await js.polled(copied)
    assert await js.names(top) == ["one", "two"]
    two = next(each for each in await js.list(top) if each["name"] == "two")
    assert await js.names(two["file_id"]) == ["inner"]
    far = (await js.folder("far"))["file_id"]
    target = {"to_drive_id": js.drive_id, "to_parent_file_id": top, "auto_rename": True}
    (moved,) = await js.batch("/file/move", [{"file_id": far, **target}])
    await js.polled(moved)
    assert await js.names(top) == ["far", "one", "two"]
    (again,) = await js.batch("/file/copy", [{"file_id": far, **target, "new_name": "near"}])
    await js.polled(again)
    assert await js.names(top) == ["far", "near", "one", "two"]
    away = (await js.folder("away"))["file_id"]
    await js.polled(await js.file("/file/move", away, to_parent_file_id=top))
    assert "away" in await js.names(top)


async def test_archive(api, js):
    """Files are packed by a task that ends with exactly Succeed and a URL."""
    top = (await js.folder("top"))["file_id"]
    file = await js.upload("a.txt", b"abc", top)
    reply = await js.post(
        "/file/archive_files",
        drive_id=js.drive_id,
        files=[{"file_id": top}, {"file_id": file["file_id"]}],
        name="all",
    )
    task = await js.polled(reply)
    assert task["state"] == "Succeed"
    assert (await api.send("GET", task["url"])).body[:2] == b"PK"


async def test_delete_in_batch(js):
    """Permanent deletion leaves nothing."""
    top = (await js.folder("top"))["file_id"]
    ids = [(await js.folder(name, top))["file_id"] for name in "abc"]
    gone = await js.batch("/file/delete", [{"file_id": one, "permanently": True} for one in ids])
    for reply in gone:
        await js.polled(reply)
    assert await js.list(top) == []


@pytest.mark.parametrize("match_mode", ["substring", "tokens"])
async def test_search(run, match_mode):
    """Of four folders, the first one listed renamed, exactly one is found by the letter k."""
    async with run(settings=Settings(match_mode=match_mode)) as api:
        js = Js(api, api.emulator.token_info.access_token)
        top = (await js.folder("top"))["file_id"]
        for name in ("she", "yt", "k中", "jk"):
            api.emulator.clock.advance(1)
            await js.folder(name, top)
        first = (await js.list(top))[0]
        await js.file("/file/update", first["file_id"], name="UP_FILE", check_name_mode="refuse")
        query = f'(name="k" or name match "k" or description match "k") and parent_file_id="{top}"'
        found = await js.post(
            "/file/search",
            drive_id=js.drive_id,
            query=query,
            limit=100,
            fields="*",
            url_expire_sec=7200,
        )
        assert [one["name"] for one in found["items"]] == ["k中"]


async def test_stars(js):
    """Stars set in a batch are listed at once, and none is after they are taken back."""
    ids = [(await js.folder(f"s{n}"))["file_id"] for n in range(4)]

    async def starred():
        page = await js.post(
            "/file/list_by_custom_index_key",
            drive_id=js.drive_id,
            custom_index_key="starred_yes",
            limit=100,
        )
        assert all(one["starred"] for one in page["items"])
        return {one["file_id"] for one in page["items"]}

    star = {"starred": True, "custom_index_key": "starred_yes"}
    await js.batch("/file/update", [{"file_id": one, **star} for one in ids])
    assert await starred() == set(ids)
    plain = {"starred": False, "custom_index_key": ""}
    await js.batch("/file/update", [{"file_id": one, **plain} for one in ids])
    assert await starred() == set()


async def test_recycle_bin(js):
    """Four folders are trashed, found in the bin by an empty query, restored; then all cleared."""
    top = (await js.folder("top"))["file_id"]
    ids = [(await js.folder(name, top))["file_id"] for name in "abcd"]
    for reply in await js.batch("/recyclebin/trash", [{"file_id": one} for one in ids]):
        await js.polled(reply)
    assert await js.list(top) == []

    async def binned():
        page = await js.post(
            "/recyclebin/search_all",
            query="",
            marker="",
            limit=100,
            order_by="type ASC,updated_at DESC",
        )
        return {one["file_id"] for one in page["items"]}

    assert await binned() == set(ids)
    for reply in await js.batch("/recyclebin/restore", [{"file_id": one} for one in ids]):
        await js.polled(reply)
    assert await js.names(top) == list("abcd")
    await js.polled(await js.file("/recyclebin/trash", ids[0]))
    cleared = (await js.post("/recyclebin/clear_all"))["items"]
    assert cleared
    for one in cleared:
        await js.polled(one)
    assert await binned() == set()


async def test_by_path(js):
    """A path finds a folder, with a slash at its end or without."""
    test = (await js.folder("test"))["file_id"]
    inner = (await js.folder("folder-01", test))["file_id"]
    for path in ("/test/folder-01", "/test/folder-01/"):
        found = await js.post("/file/get_by_path", drive_id=js.drive_id, file_path=path)
        assert (found["file_id"], found["type"]) == (inner, "folder")


async def test_breadcrumb(js):
    """The parents up to root are five levels, in order."""
    parent, made = "root", []
    for name in "abcde":
        parent = (await js.folder(name, parent))["file_id"]
        made.append(parent)
    walked = []
    while parent != "root":
        walked.append(parent)
        parent = (await js.file("/file/get", parent))["parent_file_id"]
    assert walked == made[::-1]


@pytest.mark.parametrize("content", [b"abc", b""])
async def test_small_contents(api, js, content):
    """What was saved is read back, also nothing at all; the URL says how and how long."""
    file = await js.upload("a.txt", content)
    url = await js.file("/file/get_download_url", file["file_id"])
    assert url["method"] == "GET"
    assert url["expiration"]
    # The SDK sends an empty object along, and an empty Content-Type.
    got = await api.send("GET", url["url"], headers={"Content-Type": ""}, data=b"{}")
    assert (got.status, got.body) == (200, content)


async def test_check_before_creating(js):
    """pre_create_check knows of a name after it was taken, also inside a batch."""
    asked = {"parent_file_id": "root", "name": "name", "type": "folder"}
    before = await js.post("/file/pre_create_check", drive_id=js.drive_id, **asked)
    assert before["result_code"] == "success"
    folder = (await js.folder("name"))["file_id"]
    (batched,) = await js.batch("/file/pre_create_check", [asked])
    for after in (await js.post("/file/pre_create_check", drive_id=js.drive_id, **asked), batched):
        assert after["result_code"] == "NameCheckFailed.ExistSameNameFile"
        assert after["name_check_result"]["exist_file_id"] == folder


async def test_user_tags(js):
    """Tags go in as pairs and come out as a map; put adds and overwrites, delete takes one."""
    file = await js.upload("a.txt", b"abc", user_tags=[{"key": "a", "value": "1"}])
    file_id = file["file_id"]

    async def tags():
        return (await js.file("/file/get", file_id))["user_tags"]

    assert await tags() == {"a": "1"}
    pairs = [{"key": "a", "value": "2"}, {"key": "b", "value": "3"}]
    assert (await js.file("/file/put_usertags", file_id, user_tags=pairs))["file_id"] == file_id
    assert await tags() == {"a": "2", "b": "3"}
    assert await js.file("/file/delete_usertags", file_id, key_list=["a"]) == ""
    assert await tags() == {"b": "3"}
    folder = await js.folder("tagged", user_tags=[{"key": "f", "value": "g"}])
    shown = await js.file("/file/get", folder["file_id"])
    assert shown["user_tags"] == {"f": "g"}


# ---- uploads and downloads


def contents(size):
    return bytes(n * 7 % 251 for n in range(size))


async def test_rapid_upload_of_what_came_without_a_hash(js):
    """The server hashes by itself, so the second upload of the same bytes is rapid."""
    content = contents(PART + 1000)
    first = await js.upload("one.bin", content)
    assert first["content_hash"] == hashed(content)["content_hash"]
    lower = {**hashed(content), "content_hash": hashed(content)["content_hash"].lower()}
    second = await js.create("two.bin", content, **lower)
    assert second.data["rapid_upload"]
    shown = await js.file("/file/get", second.data["file_id"])
    assert (shown["size"], shown["status"]) == (len(content), "available")


async def test_pre_hash(js):
    """The first kilobyte decides: unknown, and the upload goes on; known, and 409 asks for all."""
    content = contents(5000)
    pre_hash = hashlib.sha1(content[:1024]).hexdigest().upper()
    first = await js.create("one.bin", content, pre_hash=pre_hash)
    assert first.status == 201
    await js.complete(first.data, content)
    again = await js.create("two.bin", content, pre_hash=pre_hash)
    assert (again.status, again.data["code"]) == (409, "PreHashMatched")
    assert (await js.create("two.bin", content, **hashed(content))).data["rapid_upload"]


async def test_empty_file(api, js):
    """An empty file is there at once; its content is empty."""
    created = (await js.create("empty", b"", **hashed(b""))).data
    assert created["rapid_upload"]
    assert (await js.file("/file/get", created["file_id"]))["size"] == 0
    url = await js.file("/file/get_download_url", created["file_id"])
    assert (await api.send("GET", url["url"])).body == b""


async def test_download_in_chunks(api, js):
    """Ranges put together are the file, by its CRC too."""
    content = contents(2 * PART)
    file = await js.upload("big.bin", content)
    url = await js.file("/file/get_download_url", file["file_id"])
    read = b""
    while len(read) < len(content):
        end = min(len(read) + 10_000, len(content)) - 1
        headers = {"Range": f"bytes={len(read)}-{end}"}
        got = await api.send("GET", url["url"], headers=headers)
        assert got.status == 206
        assert got.headers["Content-Range"] == f"bytes {len(read)}-{end}/{len(content)}"
        assert got.headers["x-oss-hash-crc64ecma"] == url["crc64_hash"]
        read += got.body
    assert read == content
    assert url["crc64_hash"] == crc64(content)


async def test_resumed_upload(api, js):
    """After an interruption the parts that are there are listed, and only the rest is sent."""
    content = contents(2 * PART + 500)
    created = (await js.create("big.bin", content)).data
    first = created["part_info_list"][0]
    url = first["upload_url"]
    await api.send("PUT", url, data=content[:PART], headers={"Content-Type": ""})
    upload = {"file_id": created["file_id"], "upload_id": created["upload_id"]}
    listed = await js.post("/file/list_uploaded_parts", drive_id=js.drive_id, limit=1000, **upload)
    # The SDK goes on as long as this is true, and "0" would be.
    assert not listed.get("next_part_number_marker")
    (there,) = listed["uploaded_parts"]
    assert (there["part_number"], there["part_size"]) == (1, PART)
    parts = [{"part_number": 1, "etag": there["etag"]}]
    wanted = [{"part_number": 2}, {"part_number": 3}]
    fresh = await js.post(
        "/file/get_upload_url", drive_id=js.drive_id, part_info_list=wanted, **upload
    )
    for part in fresh["part_info_list"]:
        number = part["part_number"]
        piece = content[(number - 1) * PART : number * PART]
        headers = {"Content-Type": ""}
        put = await api.send("PUT", part["upload_url"], data=piece, headers=headers)
        parts.append({"part_number": number, "etag": put.headers["ETag"]})
    done = await js.post(
        "/file/complete",
        drive_id=js.drive_id,
        part_info_list=parts,
        crc64_hash=crc64(content),
        **upload,
    )
    assert (done["crc64_hash"], done["size"]) == (crc64(content), len(content))
    again = await js.send("/file/complete", drive_id=js.drive_id, **upload)
    assert again.data["code"] == "NotFound.UploadId"
    assert (await js.file("/file/get", created["file_id"]))["status"] == "available"


async def test_parallel_upload(api, js):
    """Parts in any order, each with the state of the hash before it."""
    content = contents(2 * PART + 500)
    parts: list[dict[str, Any]] = []
    for number in (1, 2, 3):
        before = (number - 1) * PART
        size = min(PART, len(content) - before)
        context = {"h": sha1_state(content[:before]), "part_offset": before, "part_size": size}
        part = {"part_number": number, "part_size": size, "from": before, "to": before + size}
        parts.append({**part, "parallel_sha1_ctx": context})
    created = await js.create("big.bin", content, parallel_upload=True, part_info_list=parts)
    assert created.status == 201, created.body
    created = created.data
    created["part_info_list"].reverse()
    done = await js.complete(created, content)
    assert done["content_hash"] == hashed(content)["content_hash"]
    assert done["crc64_hash"] == crc64(content)


async def test_upload_through_a_share(api, js):
    """A visitor with a share token alone uploads into the folder, and sees the new file first."""
    folder = (await js.folder("folder"))["file_id"]
    await js.upload("xxoxo", b"old", folder)
    api.emulator.clock.advance(1)
    link = await js.post(
        "/share_link/create",
        drive_id=js.drive_id,
        file_id_list=[folder],
        creatable=True,
        creatable_file_id_list=[folder],
        share_pwd="",
        expiration="",
    )
    share_id = link["share_id"]
    guest = await visitor(api, share_id)
    await guest.upload("tmp-new", b"new", folder, share_id=share_id)
    page = await guest.post("/file/list", share_id=share_id, parent_file_id=folder)
    assert [one["name"] for one in page["items"]] == ["tmp-new", "xxoxo"]


# ---- shares


async def visitor(api, share_id, password=""):
    body = {"share_id": share_id, "share_pwd": password}
    got = await api.post("/share_link/get_share_token", body, token=None)
    return Js(api, share_token=got.data["share_token"])


@pytest.mark.parametrize("password", ["", "123456"])
async def test_visit_a_share(api, js, password):
    """A visitor reads about the link, gets a token, and lists what is shared."""
    folder = (await js.folder("folder"))["file_id"]
    link = await js.post(
        "/share_link/create", drive_id=js.drive_id, file_id_list=[folder], share_pwd=password
    )
    share_id = link["share_id"]
    public = await Js(api).post("/share_link/get_by_anonymous", share_id=share_id)
    assert public["share_name"] == "folder"
    guest = await visitor(api, share_id, password)
    page = await guest.post("/file/list", share_id=share_id, parent_file_id="root")
    (shown,) = page["items"]
    assert (shown["file_id"], shown["share_id"]) == (folder, share_id)


async def test_list_and_search_shares(js):
    """Links are listed with a creator and without, and searched without a query."""
    folder = (await js.folder("folder"))["file_id"]
    await js.post("/share_link/create", drive_id=js.drive_id, file_id_list=[folder])
    assert (await js.post("/share_link/list"))["items"]
    assert (await js.post("/share_link/list", creator="superadmin"))["items"]
    assert (await js.post("/share_link/search", limit=10))["items"]


async def test_share_of_one_file(js):
    """A single file_id in place of the list is taken, and a time in the form of JavaScript."""
    folder = (await js.folder("folder"))["file_id"]
    link = await js.post(
        "/share_link/create",
        drive_id=js.drive_id,
        file_id=folder,
        expiration="2099-01-02T03:04:05.678Z",
    )
    assert link["file_id_list"] == [folder]
    assert link["expiration"] == "2099-01-02T03:04:05.678Z"


async def test_breadcrumb_through_a_share(api, js):
    """Seen through the share of a sub-folder, its child lies two levels deep."""
    top = (await js.folder("top"))["file_id"]
    shared = (await js.folder("shared", top))["file_id"]
    inner = (await js.folder("inner", shared))["file_id"]
    link = await js.post("/share_link/create", drive_id=js.drive_id, file_id_list=[shared])
    guest = await visitor(api, link["share_id"])
    walked, file_id = [], inner
    while file_id != "root":
        walked.append(file_id)
        found = await guest.post("/file/get", share_id=link["share_id"], file_id=file_id)
        file_id = found["parent_file_id"]
    assert walked == [inner, shared]


async def test_look_after_a_share(js):
    """get tells the files, update the description; after cancel there is nothing to get."""
    folder = (await js.folder("folder"))["file_id"]
    link = await js.post("/share_link/create", drive_id=js.drive_id, file_id_list=[folder])
    share_id = link["share_id"]
    found = await js.post("/share_link/get", share_id=share_id)
    assert found["file_id_list"][0] == folder
    changed = await js.post("/share_link/update", share_id=share_id, description="new")
    assert changed["description"] == "new"
    assert await js.post("/share_link/cancel", share_id=share_id) == ""
    got = await js.send("/share_link/get", share_id=share_id)
    assert got.data["code"] == "ShareLink.Cancelled"


# ---- permissions


async def test_permissions(run):
    """A folder is shared with a user; the listings tell; what was never given can be removed."""
    async with run(settings=Settings(sharing_delay_s=10)) as api:
        js = Js(api, api.emulator.token_info.access_token)
        folder = (await js.folder("folder"))["file_id"]
        # A user whom this domain does not know, as in the vendor's test.
        user = "152fa0a9cc974ae2b26a8981847d306c"
        identity = {"identity_type": "IT_User", "identity_id": user}
        member = {"identity": identity, "role_id": "SystemFileDownloader"}
        member |= {"expire_time": 4_775_500_800_000, "disinherit_sub_group": False}
        assert await js.file("/file/add_permission", folder, member_list=[member]) == ""
        listed = await js.file("/file/list_permission", folder)
        assert isinstance(listed, list)
        assert len(listed) == 1
        own = await js.post("/file/list_user_permission", user_id=user, type="self")
        assert len(own["items"]) == 1
        api.emulator.clock.advance(10)
        assert (await js.post("/file/list_sharing_file", limit=10))["items"]
        for role in ("SystemFileDownloader", "SystemFileViewer"):
            gone = {"identity": identity, "role_id": role}
            assert await js.file("/file/remove_permission", folder, member_list=[gone]) == ""
        withdrawn = await js.send("/file/list_manage_sharing_file", limit=10)
        assert withdrawn.status == 400


# ---- revisions


async def test_revisions(js):
    """Overwriting adds one, restoring adds one, and all but the newest can be deleted."""
    empty = await js.upload("a.txt", b"", **hashed(b""))
    file_id = empty["file_id"]

    async def revisions():
        page = await js.file("/file/revision/list", file_id, limit=100)
        return [one["revision_id"] for one in page["items"]]

    (first,) = await revisions()
    assert first == empty["revision_id"]
    await js.upload("a.txt", b"abc", file_id=file_id, check_name_mode="refuse")
    newer, older = await revisions()
    assert older == first
    await js.file("/file/revision/restore", file_id, revision_id=older)
    assert len(await revisions()) == 3
    latest = (await revisions())[0]
    got = await js.send(
        "/file/revision/delete", drive_id=js.drive_id, file_id=file_id, revision_id=latest
    )
    assert got.data["code"] == "FileLatestRevisionCannotBeRestore"
    for one in (newer, older):
        assert await js.file("/file/revision/delete", file_id, revision_id=one) == ""
    assert await revisions() == [latest]
    changed = await js.file(
        "/file/revision/update",
        file_id,
        revision_id=latest,
        revision_description="中文描述",
        keep_forever=True,
    )
    read = await js.file("/file/revision/get", file_id, revision_id=latest)
    for one in (changed, read):
        assert (one["revision_description"], one["keep_forever"]) == ("中文描述", True)


# ---- users, groups, roles, accounts


async def test_users_with_drives_stay(js):
    """LDAP cannot be imported here; a user with a drive is not deleted, one without is."""
    data = {"authentication_type": "ldap", "identity": "x", "nick_name": "x"}
    assert (await js.send("/user/import", **data)).status >= 400
    user = await js.post(
        "/user/import",
        authentication_type="mobile",
        identity="13900002222",
        auto_create_drive=True,
        nick_name="u",
    )
    owner = user["user_id"]
    assert (await js.send("/user/delete", user_id=owner)).status >= 400
    for drive in (await js.post("/drive/list", owner=owner))["items"]:
        await js.post("/drive/delete", drive_id=drive["drive_id"], force=True)
    assert await js.post("/user/delete", user_id=owner) == ""


async def test_groups(js):
    """Groups are found by the beginning of their names, renamed, and kept while they have
    sub-groups; members are there and gone at once."""
    group = (await js.post("/group/create", group_name="Test_Group_123"))["group_id"]
    sub = (await js.post("/group/create", group_name="sub", parent_group_id=group))["group_id"]
    child = {"group_id": group, "member_type": "group"}
    below = await js.post("/membership/list_direct_child_memberships", limit=100, **child)
    assert [one["sub_group_id"] for one in below["items"]] == [sub]
    below = await js.post("/membership/list_direct_child_memberships", group_id=group)
    assert [one["sub_group_id"] for one in below["items"]] == [sub]
    assert "user_items" in await js.post("/user/list_group_user", member_type="user")
    assert (await js.send("/group/delete", group_id=group)).status >= 400
    found = (await js.post("/group/search", group_name="Test_Group"))["items"]
    assert [one["group_id"] for one in found] == [group]
    renamed = await js.post("/group/update_name", group_id=group, name="Renamed")
    assert renamed["group_id"] == group
    user = (await js.post("/user/create", user_id="member", nick_name="m"))["user_id"]
    member = {"group_id": group, "member_type": "user"}
    await js.post("/membership/create", user_id=user, **member)
    asked = await js.post("/membership/has_member", user_id=user, **member)
    assert asked == {"result": True}
    members = await js.post("/group/list_member", group_id=group)
    assert [one["user_id"] for one in members["user_items"]] == [user]
    await js.post("/group/remove_member", member_id=user, **member)
    assert not (await js.post("/group/list_member", group_id=group))["user_items"]


async def test_roles(js):
    """An assignment is listed until it is cancelled; then the list is empty or null."""
    group = (await js.post("/group/create", group_name="g"))["group_id"]
    user = (await js.post("/user/create", user_id="head", nick_name="h"))["user_id"]
    resource = {"manage_resource_type": "RT_Group", "manage_resource_id": group}
    identity = {"identity": {"identity_type": "IT_User", "identity_id": user}}
    role = {"role_id": "SystemGroupAdmin"}
    assert await js.post("/role/assign", **resource, **identity, **role) == ""
    listed = await js.post("/role/list_assignment", **resource, limit=100)
    assert len(listed["assignment_list"]) == 1
    assert await js.post("/role/cancel_assign", **resource, **identity, **role) == ""
    listed = await js.post("/role/list_assignment", **resource, limit=100)
    assert not listed["assignment_list"]


async def test_accounts(js):
    """A mobile number is linked to a user, and both find each other."""
    user = (await js.post("/user/create", user_id="phone", nick_name="p"))["user_id"]
    account = {"type": "mobile", "identity": "13900003333", "extra": "86"}
    await js.post("/account/link", user_id=user, **account)
    assert (await js.post("/account/get_link_info", **account))["user_id"] == user
    infos = await js.post("/account/get_link_info_by_user_id", user_id=user)
    assert infos["items"][0]["authentication_type"] == "mobile"


# ---- media


async def test_media(js):
    """Thumbnails by name, office URLs for an empty text, and audio that plays or is to come."""
    sizes = {"480X480": {"image_thumbnail_process": "image/resize,w_480"}}
    image = await js.upload("a.jpg", b"not really a picture")
    shown = await js.file("/file/get", image["file_id"], thumbnail_processes=sizes)
    assert shown["thumbnail_urls"]["480X480"].startswith("http")
    text = await js.upload("a.txt", b"")
    assert (await js.file("/file/get_office_preview_url", text["file_id"]))["preview_url"]
    assert (await js.file("/file/get_office_edit_url", text["file_id"]))["edit_url"]
    audio = await js.upload("a.mp3", b"la")
    for delay_s in (0, 5):
        js.api.emulator.settings = Settings(preview_delay_s=delay_s)
        reply = await js.file(
            "/file/get_video_preview_url", audio["file_id"], audio_template_id="HQ"
        )
        assert reply.get("preview_url") or reply["code"] == "VideoPreviewWaitAndRetry"
