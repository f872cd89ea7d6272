"""Downloads over raw HTTP beside what test_http_files shows (pds-service.md 11, 13.24, 13.48)."""

from __future__ import annotations

import io
import os

from pdsclient._crc64 import crc64
from pdsclient.emulator import Settings


async def upload(api, content, name="a.txt", **more):
    data = {"drive_id": "1", "parent_file_id": "root", "name": name, "type": "file", **more}
    made = (await api.post("/file/create", data)).data
    url = made["part_info_list"][0]["upload_url"]
    await api.send("PUT", url, data=io.BytesIO(content), headers={"Content-Type": ""})
    ids = {key: made[key] for key in ("drive_id", "file_id", "upload_id")}
    return (await api.post("/file/complete", ids)).data["file_id"]


async def redirected(api, file_id, **query):
    token = api.emulator.token_info.access_token
    return await api.send(
        "GET",
        "/v2/file/download",
        params={"drive_id": "1", "file_id": file_id, **query},
        headers={"Authorization": f"Bearer {token}"},
    )


async def test_a_download_is_a_redirect(api):
    """GET /v2/file/download answers 302 with the way to the bytes."""
    file_id = await upload(api, b"abc")
    got = await redirected(api, file_id)
    assert (got.status, got.body) == (302, b"")
    assert (await api.send("GET", got.headers["Location"])).body == b"abc"
    assert (await redirected(api, "0" * 40)).code == "NotFound.FileId"
    assert (await api.send("GET", f"/v2/file/download?drive_id=1&file_id={file_id}")).status == 401


async def test_pictures_of_files_are_pictures(api):
    """An image is its own thumbnail; everything else shows a dot."""
    process = {"image_thumbnail_process": "image/resize,w_128"}
    photo = await upload(api, b"jpeg bytes", "a.jpg")
    got = await redirected(api, photo, **process)
    shown = await api.send("GET", got.headers["Location"])
    assert (shown.body, shown.headers["Content-Type"]) == (b"jpeg bytes", "image/jpeg")
    film = await upload(api, b"film", "a.mp4")
    got = await redirected(api, film, video_thumbnail_process="video/snapshot,t_1")
    shown = await api.send("GET", got.headers["Location"])
    assert shown.headers["Content-Type"] == "image/png"
    assert shown.body.startswith(b"\x89PNG")


async def test_a_url_stays_good_when_the_file_is_overwritten(api):
    """It is that of a revision, which is kept."""
    file_id = await upload(api, b"old")
    data = {"drive_id": "1", "file_id": file_id}
    old = (await api.post("/file/get_download_url", data)).data
    await upload(api, b"newer", file_id=file_id)
    assert (await api.send("GET", old["url"])).body == b"old"
    new = (await api.post("/file/get_download_url", data)).data
    assert (await api.send("GET", new["url"])).body == b"newer"
    assert new["content_hash"] != old["content_hash"]


async def test_without_revisions_the_url_of_what_was_overwritten_is_dead(run):
    """404 NoSuchKey, as OSS has it."""
    async with run(settings=Settings(revisions="latest")) as api:
        file_id = await upload(api, b"old")
        data = {"drive_id": "1", "file_id": file_id}
        old = (await api.post("/file/get_download_url", data)).data
        await upload(api, b"new", file_id=file_id)
        got = await api.send("GET", old["url"])
        assert got.status == 404
        assert b"NoSuchKey" in got.body


async def test_uploaded_bytes_are_checked_by_reply_and_headers(api):
    """Observation 24; size, checksum and hash of reply and headers are those of the bytes."""
    file_id = await upload(api, b"abc" * 1000)
    data = {"drive_id": "1", "file_id": file_id, "file_name": "b.txt", "expire_sec": 60}
    reply = (await api.post("/file/get_download_url", data)).data
    assert (reply["method"], reply["size"], reply["content_hash_name"]) == ("GET", 3000, "sha1")
    assert reply["expiration"].endswith("Z")
    got = await api.send("GET", reply["url"], headers={"Range": "bytes=-5"})
    assert (got.status, got.body) == (206, b"bcabc")
    assert got.headers["x-oss-hash-crc64ecma"] == reply["crc64_hash"]
    assert "b.txt" in got.headers["Content-Disposition"]


async def test_a_file_is_read_in_ranges(api):
    """Observation 30: the pieces make up the whole, which has the checksum that was said."""
    content = os.urandom(1_000_003)
    data = {"drive_id": "1", "file_id": await upload(api, content)}
    reply = (await api.post("/file/get_download_url", data)).data
    found = b""
    for first in range(0, len(content), 60_000):
        headers = {"Range": f"bytes={first}-{first + 59_999}"}
        got = await api.send("GET", reply["url"], headers=headers)
        assert got.status == 206
        found += got.body
    assert found == content
    assert str(crc64(found)) == reply["crc64_hash"]


async def test_what_is_unfinished_cannot_be_downloaded(api):
    """An upload under way is not found."""
    data = {"drive_id": "1", "parent_file_id": "root", "name": "a", "type": "file"}
    made = (await api.post("/file/create", data)).data
    got = await api.post("/file/get_download_url", {"drive_id": "1", "file_id": made["file_id"]})
    assert (got.status, got.code) == (404, "NotFound.FileId")


async def test_a_file_is_uploaded_through_a_share(api):
    """Observation 33: with the share token alone; the folder shows it."""
    [folder] = await api.emulator.add_files([{"name": "in", "type": "folder"}])
    share_id = await api.emulator.create_share(
        [folder], creatable=True, creatable_file_id_list=[folder]
    )
    headers = {"x-share-token": api.emulator.issue_share_token(share_id)}

    async def post(path, **data):
        return await api.post(path, {"share_id": share_id, **data}, token=None, headers=headers)

    made = await post("/file/create", parent_file_id=folder, name="a.txt", type="file")
    assert made.status == 201
    assert made.data["share_id"] == share_id
    url = made.data["part_info_list"][0]["upload_url"]
    await api.send("PUT", url, data=io.BytesIO(b"abc"), headers={"Content-Type": ""})
    ids = {key: made.data[key] for key in ("file_id", "upload_id")}
    assert (await post("/file/list_uploaded_parts", **ids)).data["uploaded_parts"]
    assert (await post("/file/complete", **ids)).status == 200
    [item] = (await post("/file/list", parent_file_id=folder)).data["items"]
    assert (item["name"], item["size"]) == ("a.txt", 3)
    refused = await post("/file/create", parent_file_id="root", name="b", type="file")
    assert refused.status in (400, 403)
