"""file/get and its extras, download URLs and the data plane."""

from __future__ import annotations

import hashlib
import logging
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from pdsclient.emulator import Settings

CONTENT = bytes(range(256)) * 20


async def put(api, name="a.bin", content=CONTENT, **more):
    (file_id,) = await api.emulator.add_files([{"name": name, "content": content, **more}])
    return file_id


async def get(api, file_id, **more):
    return await api.post("/file/get", {"drive_id": "1", "file_id": file_id, **more})


async def url_of(api, file_id, **more):
    data = {"drive_id": "1", "file_id": file_id, **more}
    return (await api.post("/file/get_download_url", data)).data


async def test_get_shows_a_file(api):
    """file/get gives the file's own fields and one URL, that of its content."""
    file_id = await put(api, "Photo.JPG")
    data = (await get(api, file_id)).data
    assert (data["name"], data["size"], data["type"]) == ("Photo.JPG", len(CONTENT), "file")
    assert (data["file_extension"], data["category"]) == ("jpg", "image")
    assert data["content_hash"] == hashlib.sha1(CONTENT).hexdigest().upper()
    assert not {"url", "thumbnail", "creator_id"} & data.keys()
    assert (await api.send("GET", data["download_url"])).body == CONTENT


async def test_fields_add_extras(api):
    """URLs, thumbnails, paths and folder sizes come only when fields asks for them."""
    await api.emulator.add_files([{"path": "a/b/c.jpg", "content": b"123"}])
    found = {
        one["name"]: one for one in (await api.search("size >= 0 or type = 'folder'")).data["items"]
    }
    file_id = found["c.jpg"]["file_id"]
    data = (await get(api, file_id, fields="url,thumbnail,id_path,name_path")).data
    assert data["name_path"].endswith("a/b/c.jpg")
    assert data["id_path"].startswith("root/")
    assert (await api.send("GET", data["url"])).body == b"123"
    assert {"download_url", "thumbnail"} <= data.keys()
    everything = (await get(api, file_id, fields="*")).data
    assert {"url", "thumbnail", "creator_id", "last_modifier_id"} <= everything.keys()
    sizes = {"image_thumbnail_process": "image/resize,w_480"}
    data = (await get(api, file_id, thumbnail_processes={"480X480": sizes})).data
    assert data["thumbnail_urls"]["480X480"].startswith("http")
    folder = (await get(api, found["a"]["file_id"], fields="dir_size,url")).data
    assert (folder["size"], folder["dir_size_info"]) == (3, {"dir_count": 1, "file_count": 1})
    assert "url" not in folder


async def test_get_missing_files(api):
    """Unknown, deleted and uploading files are 404 NotFound.FileId, or 400 by a switch."""
    deleted, uploading = await put(api), await put(api)
    await api.emulator.delete_file(deleted)
    await api.emulator.set_status(uploading, "uploading")
    for file_id in ("0" * 40, deleted, uploading):
        got = await get(api, file_id)
        assert (got.status, got.code) == (404, "NotFound.FileId")
        assert got.data["message"] == f"The resource file_id cannot be found. file_id:{file_id}"
    api.emulator.settings = Settings(not_found_status=400)
    assert (await get(api, deleted)).status == 400


async def test_get_trashed_files(api):
    """A trashed file is shown, forbidden or missing, by a switch."""
    file_id = await put(api)
    await api.emulator.trash_file(file_id)
    assert (await get(api, file_id)).data["trashed_at"]
    api.emulator.settings = Settings(trashed_get="forbidden")
    got = await get(api, file_id)
    assert (got.status, got.code) == (403, "ForbiddenFileInTheRecycleBin")
    api.emulator.settings = Settings(trashed_get="missing")
    assert (await get(api, file_id)).code == "NotFound.FileId"
    await api.emulator.restore_file(file_id)
    assert (await get(api, file_id)).status == 200


async def test_changes_show_at_once(api):
    """Renaming and moving are seen by the next file/get."""
    folder, file_id = await api.emulator.add_files(
        [{"name": "dir", "type": "folder"}, {"name": "old"}]
    )
    await api.emulator.update_file(file_id, {"name": "new"})
    await api.emulator.move_file(file_id, folder)
    data = (await get(api, file_id)).data
    assert (data["name"], data["parent_file_id"]) == ("new", folder)


async def test_download_url_reply(api):
    """A download URL comes with method, expiration, size and digests."""
    file_id = await put(api)
    reply = await url_of(api, file_id, expire_sec=60)
    assert reply["method"] == "GET"
    assert reply["size"] == len(CONTENT)
    assert reply["content_hash"] == hashlib.sha1(CONTENT).hexdigest().upper()
    assert reply["crc64_hash"].isdigit()
    left = datetime.fromisoformat(reply["expiration"]).timestamp() - datetime.now(UTC).timestamp()
    assert 55 < left <= 60
    assert {"Expires", "OSSAccessKeyId", "Signature"} <= parse_qs(
        urlsplit(reply["url"]).query
    ).keys()


async def test_download_url_checks(api):
    """Folders have no download URL, and expire_sec has limits."""
    (folder,) = await api.emulator.add_files([{"name": "dir", "type": "folder"}])

    async def code(**data):
        return (await api.post("/file/get_download_url", {"drive_id": "1", **data})).code

    assert await code(file_id=folder) == "InvalidResource.FileTypeFolder"
    assert await code() == "InvalidParameterMissing.FileId"
    assert await code(file_id=folder, expire_sec=115_201) == "InvalidParameter.ExpireSec"


async def test_data_reply(api):
    """A whole object comes with the headers of OSS and the name it is to be saved under."""
    reply = await url_of(api, await put(api, "Grüße.bin"))
    got = await api.send("GET", reply["url"])
    assert (got.status, got.body) == (200, CONTENT)
    assert got.headers["Content-Length"] == str(len(CONTENT))
    assert got.headers["Accept-Ranges"] == "bytes"
    assert got.headers["x-oss-hash-crc64ecma"] == reply["crc64_hash"]
    assert got.headers["ETag"].startswith('"')
    assert got.headers["Last-Modified"].endswith("GMT")
    assert got.headers["Content-Disposition"] == "attachment; filename*=UTF-8''Gr%C3%BC%C3%9Fe.bin"


async def test_data_overrides(api):
    """file_name and response_content_type shape the reply."""
    file_id = await put(api)
    reply = await url_of(api, file_id, file_name='a"\r\n.txt', response_content_type="text/x")
    got = await api.send("GET", reply["url"])
    assert got.headers["Content-Type"] == "text/x"
    assert got.headers["Content-Disposition"] == "attachment; filename*=UTF-8''a%22%0D%0A.txt"


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [("0-0", 0, 0), ("5-9", 5, 9), ("5000-", 5000, 5119), ("-20", 5100, 5119), ("0-9999", 0, 5119)],
)
async def test_ranges(api, wanted, first, last):
    """A range is 206 with its place in the object, and the checksum of the whole."""
    reply = await url_of(api, await put(api))
    got = await api.send("GET", reply["url"], headers={"Range": f"bytes={wanted}"})
    assert (got.status, got.body) == (206, CONTENT[first : last + 1])
    assert got.headers["Content-Range"] == f"bytes {first}-{last}/{len(CONTENT)}"
    assert got.headers["x-oss-hash-crc64ecma"] == reply["crc64_hash"]


@pytest.mark.parametrize("wanted", ["bytes=5120-", "bytes=9999-10000", "bytes=-0"])
async def test_ranges_beyond_the_object(api, wanted):
    """A range that holds no byte is 416 InvalidRange."""
    reply = await url_of(api, await put(api))
    got = await api.send("GET", reply["url"], headers={"Range": wanted})
    assert got.status == 416
    assert b"<Code>InvalidRange</Code>" in got.body


@pytest.mark.parametrize("wanted", ["lines=1-2", "bytes=9-5", "bytes=-", "bytes=0-1,3-4"])
async def test_nonsense_ranges_give_everything(api, wanted):
    """A range that is not understood is answered 200 with all bytes."""
    reply = await url_of(api, await put(api))
    got = await api.send("GET", reply["url"], headers={"Range": wanted})
    assert (got.status, got.body) == (200, CONTENT)


async def test_ranges_may_be_ignored(run):
    """By a switch every range is answered 200 with all bytes."""
    async with run(settings=Settings(ranges="ignored")) as api:
        reply = await url_of(api, await put(api))
        got = await api.send("GET", reply["url"], headers={"Range": "bytes=0-1"})
        assert (got.status, got.body) == (200, CONTENT)


async def test_zero_bytes(api):
    """An empty file has a working URL."""
    got = await api.send("GET", (await url_of(api, await put(api, content=b"")))["url"])
    assert (got.status, got.body) == (200, b"")
    assert got.headers["Content-Length"] == "0"


async def test_urls_expire(api):
    """After its time a URL is 403 AccessDenied in XML, with the word that clients look for."""
    url = (await url_of(api, await put(api), expire_sec=60))["url"]
    api.emulator.clock.advance(61)
    got = await api.send("GET", url)
    assert (got.status, got.headers["Content-Type"]) == (403, "application/xml")
    assert b"<Code>AccessDenied</Code><Message>Request has expired.</Message>" in got.body


async def test_signatures_cover_the_request(api):
    """Another method, content type, path or expiry breaks the signature; HEAD too."""
    url = (await url_of(api, await put(api)))["url"]
    other = (await url_of(api, await put(api)))["url"]
    expires = parse_qs(urlsplit(url).query)["Expires"][0]
    tampered = [
        ("GET", url.replace(expires, str(int(expires) + 9)), {}),
        ("GET", other.partition("?")[0] + "?" + url.partition("?")[2], {}),
        ("PUT", url, {}),
        ("GET", url, {"Content-Type": "text/plain"}),
    ]
    for method, address, headers in tampered:
        got = await api.send(method, address, headers=headers)
        assert got.status == 403
        assert b"<Code>SignatureDoesNotMatch</Code>" in got.body
    assert (await api.send("HEAD", url)).status == 403
    bare = await api.send("GET", url.partition("?")[0])
    assert b"<Code>AccessDenied</Code>" in bare.body


async def test_old_revisions_are_gone(api):
    """A URL of an overwritten or deleted file is 404 NoSuchKey."""
    file_id = await put(api)
    url = (await url_of(api, file_id))["url"]
    await api.emulator.update_file(file_id, {"content": b"new"})
    got = await api.send("GET", url)
    assert got.status == 404
    assert b"<Code>NoSuchKey</Code>" in got.body
    fresh = (await url_of(api, file_id))["url"]
    assert (await api.send("GET", fresh)).body == b"new"
    await api.emulator.delete_file(file_id)
    assert (await api.send("GET", fresh)).status == 404


async def test_generated_content_has_the_promised_size(api):
    """A file without content is made up, the same for each reading."""
    (file_id,) = await api.emulator.add_files([{"name": "big", "size": 1_000_000}])
    url = (await url_of(api, file_id))["url"]
    whole = (await api.send("GET", url)).body
    part = await api.send("GET", url, headers={"Range": "bytes=500000-500009"})
    assert len(whole) == 1_000_000
    assert part.body == whole[500_000:500_010]


async def test_a_served_directory(run, tmp_path):
    """A directory's files are found and downloaded; a file that changed is a new revision."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "note.txt").write_bytes(b"first")
    async with run(tmp_path) as api:
        (item,) = (await api.search('name = "note.txt"')).data["items"]
        reply = await url_of(api, item["file_id"])
        assert (await api.send("GET", reply["url"])).body == b"first"
        assert reply["content_hash"] == hashlib.sha1(b"first").hexdigest().upper()
        assert api.emulator.tree.files == 1
        (tmp_path / "docs" / "note.txt").write_bytes(b"second")
        assert (await get(api, item["file_id"])).data["size"] == 6
        assert (await api.send("GET", reply["url"])).status == 404
        fresh = await url_of(api, item["file_id"])
        assert (await api.send("GET", fresh["url"])).body == b"second"
        (tmp_path / "docs" / "note.txt").unlink()
        assert (await get(api, item["file_id"])).code == "NotFound.FileId"


async def test_a_database_file_keeps_files(run, tmp_path):
    """What was stored in a file is there after a restart, and tokens and URLs are still good."""
    async with run(database=tmp_path / "pds.db") as api:
        file_id = await put(api)
        token = api.emulator.token_info.access_token
        url = (await url_of(api, file_id))["url"].partition("/data/")[2]
    async with run(database=tmp_path / "pds.db") as api:
        assert (await get(api, file_id)).status == 200
        assert (await api.post("/drive/get", {"drive_id": "1"}, token=token)).status == 200
        assert (await api.send("GET", f"/data/{url}")).body == CONTENT


async def test_failures_of_the_emulator_are_500(api, monkeypatch, caplog):
    """A defect of the emulator itself is logged and answered 500 InternalError."""
    store = api.emulator._service.store
    monkeypatch.setattr(store, "get_file", lambda *_: 1 / 0)
    with caplog.at_level(logging.ERROR, "pdsclient.emulator"):
        got = await get(api, "0" * 40)
    assert (got.status, got.code) == (500, "InternalError")
    assert "ZeroDivisionError" in caplog.text
