"""Revisions over raw HTTP (pds-service.md 12, 13.41 and 13.42)."""

from __future__ import annotations

import hashlib
import io

import pytest

from pdsclient.emulator import Settings


async def call(api, verb, file_id, **more):
    return await api.post(f"/file/revision/{verb}", {"drive_id": "1", "file_id": file_id, **more})


async def write(api, content, name="a.txt", **more):
    """A new file, or a new revision of ``file_id``."""
    data = {"drive_id": "1", "parent_file_id": "root", "name": name, "type": "file", **more}
    made = (await api.post("/file/create", data)).data
    url = made["part_info_list"][0]["upload_url"]
    await api.send("PUT", url, data=io.BytesIO(content), headers={"Content-Type": ""})
    ids = {key: made[key] for key in ("drive_id", "file_id", "upload_id")}
    return (await api.post("/file/complete", ids)).data["file_id"]


async def listed(api, file_id, **more):
    return (await call(api, "list", file_id, **more)).data["items"]


async def versions(api, *contents):
    file_id = await write(api, contents[0])
    for content in contents[1:]:
        await write(api, content, file_id=file_id, check_name_mode="refuse")
    return file_id, await listed(api, file_id)


async def read(api, url):
    return (await api.send("GET", url)).body


async def test_the_life_of_revisions(api):
    """Observation 41: one, two, a restored third; old ones can be deleted, the latest not."""
    file_id = await write(api, b"")
    [first] = await listed(api, file_id)
    assert (first["size"], first["is_latest_version"], first["revision_version"]) == (0, True, 1)
    await write(api, b"more", file_id=file_id, check_name_mode="refuse")
    second, older = await listed(api, file_id)
    assert older["revision_id"] == first["revision_id"]
    assert [one["is_latest_version"] for one in (second, older)] == [True, False]
    restored = await call(api, "restore", file_id, revision_id=older["revision_id"])
    assert (restored.status, restored.data["revision_version"]) == (200, 3)
    assert restored.data["size"] == 0
    assert len(await listed(api, file_id)) == 3
    latest = restored.data["revision_id"]
    for verb in ("delete", "restore"):
        got = await call(api, verb, file_id, revision_id=latest)
        assert (got.status, got.code) == (400, "FileLatestRevisionCannotBeRestore")
    for one in (second, older):
        got = await call(api, "delete", file_id, revision_id=one["revision_id"])
        assert (got.status, got.body) == (204, b"")
    [left] = await listed(api, file_id)
    assert left["revision_id"] == latest


async def test_every_revision_keeps_its_bytes(api):
    """Through the URL of the revision, and through get_download_url with its id."""
    file_id, (new, old) = await versions(api, b"old bytes", b"new")
    assert "download_url" not in new
    for one, content in ((new, b"new"), (old, b"old bytes")):
        assert one["content_hash"] == hashlib.sha1(content).hexdigest().upper()
        got = (await call(api, "get", file_id, revision_id=one["revision_id"])).data
        assert await read(api, got["download_url"]) == await read(api, got["url"]) == content
        data = {"drive_id": "1", "file_id": file_id, "revision_id": one["revision_id"]}
        reply = (await api.post("/file/get_download_url", data)).data
        assert (reply["size"], reply["content_hash"]) == (len(content), one["content_hash"])
        assert await read(api, reply["url"]) == content


async def test_restoring_brings_the_bytes_back(api):
    """The file has the old content and a new revision id."""
    file_id, (new, old) = await versions(api, b"old", b"newer")
    made = (await call(api, "restore", file_id, revision_id=old["revision_id"])).data
    assert made["revision_id"] not in (new["revision_id"], old["revision_id"])
    file = (await api.post("/file/get", {"drive_id": "1", "file_id": file_id})).data
    assert (file["revision_id"], file["size"]) == (made["revision_id"], 3)
    data = {"drive_id": "1", "file_id": file_id}
    url = (await api.post("/file/get_download_url", data)).data["url"]
    assert await read(api, url) == b"old"


async def test_made_up_bytes_can_be_restored_too(api):
    """A file that add_files made up has its bytes again."""
    [file_id] = await api.emulator.add_files([{"name": "a.txt", "size": 5000}])
    data = {"drive_id": "1", "file_id": file_id}
    before = await read(api, (await api.post("/file/get_download_url", data)).data["url"])
    await write(api, b"x", file_id=file_id)
    _, old = await listed(api, file_id)
    await call(api, "restore", file_id, revision_id=old["revision_id"])
    after = await read(api, (await api.post("/file/get_download_url", data)).data["url"])
    assert before == after
    assert len(after) == 5000


async def test_a_revision_is_described_and_kept(api):
    """Observation 42: a description in Chinese, keep_forever, and get returns them."""
    file_id, (latest, old) = await versions(api, b"1", b"2")
    for one in (latest, old):
        changes = {"revision_description": "第一版", "keep_forever": True}
        got = await call(api, "update", file_id, revision_id=one["revision_id"], **changes)
        assert got.status == 200
        shown = (await call(api, "get", file_id, revision_id=one["revision_id"])).data
        assert (shown["revision_description"], shown["keep_forever"]) == ("第一版", True)
        assert shown["download_url"]
    await call(api, "update", file_id, revision_id=old["revision_id"], keep_forever=False)
    shown = (await call(api, "get", file_id, revision_id=old["revision_id"])).data
    assert (shown["revision_description"], shown["keep_forever"]) == ("第一版", False)


async def test_at_most_fifty_revisions_are_kept(api):
    """The fifty-first is refused; what is kept already may be said again."""
    file_id, (_, old) = await versions(api, b"1", b"2")
    for _ in range(49):
        await call(api, "restore", file_id, revision_id=old["revision_id"])
    items = await listed(api, file_id, limit=100)
    for one in items[:50]:
        got = await call(api, "update", file_id, revision_id=one["revision_id"], keep_forever=True)
        assert got.status == 200
    again = items[0]["revision_id"]
    assert (await call(api, "update", file_id, revision_id=again, keep_forever=True)).status == 200
    last = items[50]["revision_id"]
    got = await call(api, "update", file_id, revision_id=last, keep_forever=True)
    assert got.code == "InvalidParameter.KeepForever"


async def test_revisions_come_in_pages(api):
    """The newest first, each once, 50 of them by default."""
    file_id, _ = await versions(api, *[bytes([n]) for n in range(7)])
    found, marker = [], ""
    while True:
        page = (await call(api, "list", file_id, limit=3, marker=marker)).data
        found += [one["revision_version"] for one in page["items"]]
        marker = page["next_marker"]
        if not marker:
            break
    assert found == [7, 6, 5, 4, 3, 2, 1]
    assert (await call(api, "list", file_id, limit=101)).code == "InvalidParameter.Limit"


async def test_what_is_not_there_is_not_found(api):
    """Unknown revisions and files; folders have none."""
    file_id = await write(api, b"1")
    for verb in ("get", "update", "restore", "delete"):
        got = await call(api, verb, file_id, revision_id="0" * 40)
        assert (got.status, got.code) == (404, "NotFound.Revision")
    assert (await call(api, "list", "0" * 40)).code == "NotFound.FileId"
    [folder] = await api.emulator.add_files([{"name": "d", "type": "folder"}])
    assert (await call(api, "list", folder)).code == "InvalidResource.FileTypeFolder"


async def test_a_domain_may_keep_the_latest_only(run):
    """By a switch: what was overwritten is gone, 404 NotFound.Revision."""
    async with run(settings=Settings(revisions="latest")) as api:
        file_id = await write(api, b"old")
        [old] = await listed(api, file_id)
        await write(api, b"new", file_id=file_id)
        [one] = await listed(api, file_id)
        assert one["revision_id"] != old["revision_id"]
        got = await call(api, "get", file_id, revision_id=old["revision_id"])
        assert (got.status, got.code) == (404, "NotFound.Revision")


@pytest.mark.parametrize("fields", ["", "*"])
async def test_the_creator_is_shown_on_demand(api, fields):
    """Only with ``*``."""
    file_id = await write(api, b"1")
    [one] = await listed(api, file_id, fields=fields)
    assert ("creator_id" in one) == (fields == "*")
