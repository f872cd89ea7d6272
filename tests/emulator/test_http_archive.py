"""Raw HTTP: archive_files (pds-service.md 11.4, 13.15)."""

from __future__ import annotations

import io
import zipfile

import pytest

from pdsclient._crc64 import crc64
from pdsclient.emulator import Settings
from pdsclient.emulator.archives import distinct
from pdsclient.emulator.handlers import archive as archive_module


async def archived(api, file_ids, *, name="all", **more):
    sent = {"drive_id": "1", "name": name, **more}
    return await api.post(
        "/file/archive_files", sent | ({"file_ids": file_ids} if file_ids else {})
    )


async def task(api, reply):
    asked = {"async_task_id": reply.data["async_task_id"]}
    return (await api.post("/async_task/get", asked)).data


async def unpacked(api, reply):
    got = await api.send("GET", (await task(api, reply))["url"])
    assert got.status == 200
    with zipfile.ZipFile(io.BytesIO(got.body)) as archive:
        assert archive.testzip() is None
        return {one: archive.read(one) for one in archive.namelist()}


async def test_files_and_folders_become_a_zip(api):
    """13.15: 202 with a task that ends with Succeed and a URL; what is in the bin is left out."""
    rows = [
        {"path": "a/b/c.txt", "content": b"c"},
        {"path": "a/big", "size": 3_000_000},
        {"path": "a/gone"},
        {"path": "single.txt", "content": b""},
        {"path": "other"},
    ]
    *_, gone, single, _ = await api.emulator.add_files(rows)
    await api.emulator.trash_file(gone)
    top = (await api.search("name = 'a'")).data["items"][0]["file_id"]
    got = await archived(api, [top, single])
    assert got.status == 202
    done = await task(api, got)
    assert (done["state"], done["task_type"]) == ("Succeed", "archive")
    files = await unpacked(api, got)
    assert set(files) == {"a/", "a/b/", "a/b/c.txt", "a/big", "single.txt"}
    assert (files["a/b/c.txt"], files["single.txt"]) == (b"c", b"")
    assert len(files["a/big"]) == 3_000_000


async def test_an_archive_is_downloaded_like_a_file(api):
    """Ranges, a name, and the size and checksum that clients go by."""
    (file_id,) = await api.emulator.add_files([{"name": "a", "content": b"abc" * 9000}])
    got = await archived(api, [], files=[{"file_id": file_id}], name="tüte")
    result = (await task(api, got))["archive_file_result"]
    whole = await api.send("GET", result["url"])
    assert whole.headers["Content-Type"] == "application/zip"
    assert "t%C3%BCte.zip" in whole.headers["Content-Disposition"]
    assert len(whole.body) == result["size"]
    assert result.get("crc64_hash", str(crc64(whole.body))) == str(crc64(whole.body))
    part = await api.send("GET", result["url"], headers={"Range": "bytes=10-19"})
    assert (part.status, part.body) == (206, whole.body[10:20])


async def test_an_archive_shows_its_files_as_they_were(api):
    """What is changed or deleted afterwards is in it as before."""
    (file_id,) = await api.emulator.add_files([{"name": "a", "content": b"before" * 5000}])
    got = await archived(api, [file_id])
    again = await archived(api, [file_id])
    await api.emulator.delete_file(file_id)
    assert await unpacked(api, got) == {"a": b"before" * 5000}
    assert await unpacked(api, again) == {"a": b"before" * 5000}


async def test_archives_survive_a_restart(run, tmp_path):
    """The zip lies beside the database."""
    async with run(database=tmp_path / "pds.db") as api:
        (file_id,) = await api.emulator.add_files([{"name": "a", "content": b"abc" * 9000}])
        got = await archived(api, [file_id])
    async with run(database=tmp_path / "pds.db") as api:
        assert await unpacked(api, got) == {"a": b"abc" * 9000}


async def test_a_slow_or_failed_archive_has_no_url(api):
    """9: the URL is there when the task has succeeded."""
    (file_id,) = await api.emulator.add_files([{"name": "a"}])
    api.emulator.settings = Settings(task_duration_s=5)
    got = await archived(api, [file_id])
    assert (await task(api, got))["url"] == ""
    api.emulator.clock.advance(5)
    assert (await task(api, got))["url"]
    api.emulator.settings = Settings(task_outcome="Failed")
    got = await archived(api, [file_id])
    assert (await task(api, got))["url"] == ""


async def test_a_share_is_archived_with_its_token(api):
    """11.4: share_id in place of drive_id."""
    (file_id,) = await api.emulator.add_files([{"name": "a", "content": b"a"}])
    share = await api.emulator.create_share([file_id])
    headers = {"x-share-token": api.emulator.issue_share_token(share)}
    sent = {"share_id": share, "file_ids": [file_id], "name": "x.zip"}
    got = await api.post("/file/archive_files", sent, token=None, headers=headers)
    assert got.status == 202
    assert await unpacked(api, got) == {"a": b"a"}


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        ({"file_ids": []}, 400, "InvalidParameterMissing.FileIds"),
        ({"file_ids": ["0" * 40]}, 404, "NotFound.FileId"),
        ({"file_ids": [f"{one}" for one in range(501)]}, 400, "InvalidParameterOutOfRange.FileIds"),
        ({"file_ids": ["0"], "name": "a/b"}, 400, "InvalidParameter.Name"),
        ({"file_ids": ["0"], "name": ""}, 400, "InvalidParameterMissing.Name"),
        ({"files": ["0"]}, 400, "InvalidParameterWrongFormat.Files"),
    ],
    ids=["none", "unknown", "many", "name", "no name", "files"],
)
async def test_what_cannot_be_archived(api, sent, status, code):
    """4.2: at most 500 items at the top."""
    got = await api.post("/file/archive_files", {"drive_id": "1", "name": "x", **sent})
    assert (got.status, got.code) == (status, code)


async def test_an_archive_has_a_limit_of_files_and_bytes(api, monkeypatch):
    """4.2: 10,000 files and 10 GB, counted below folders too."""
    await api.emulator.add_files([{"path": f"a/{n}", "size": 10} for n in range(6)])
    top = (await api.search("name = 'a'")).data["items"][0]["file_id"]
    for name, limit in [("_MOST_FILES", 5), ("_MOST_BYTES", 59)]:
        with monkeypatch.context() as patch:
            patch.setattr(archive_module, name, limit)
            got = await archived(api, [top])
            assert (got.status, got.code) == (400, "InvalidParameterOutOfRange.FileIds")
    assert (await archived(api, [top])).status == 202


def test_paths_in_an_archive_are_safe_and_distinct():
    """Names are not unique in a folder, and may be dots."""
    names = ["a.txt", "a.txt", "a.txt", "..", ".", "dir.d", "dir.d", ".p", ".p", "a/b"]
    assert distinct((str(number), "", name) for number, name in enumerate(names)) == [
        "a.txt",
        "a (2).txt",
        "a (3).txt",
        "_",
        "_ (2)",
        "dir.d",
        "dir (2).d",
        ".p",
        ".p (2)",
        "a_b",
    ]


async def test_what_has_one_name_in_a_folder_is_unpacked_side_by_side(api, tmp_path):
    """Two folders do not run together, and a file does not stand where a folder has to be."""
    first, second, _, _, _ = await api.emulator.add_files(
        [
            {"name": "a", "type": "folder", "file_id": "1" * 40},
            {"name": "a", "type": "folder", "file_id": "2" * 40},
            {"name": "a", "content": b"file", "file_id": "3" * 40},
            {"name": "x", "content": b"one", "parent_file_id": "1" * 40},
            {"name": "x", "content": b"two", "parent_file_id": "2" * 40},
        ]
    )
    got = await archived(api, [first, second, "3" * 40])
    assert await unpacked(api, got) == {
        "a/": b"",
        "a/x": b"one",
        "a (2)/": b"",
        "a (2)/x": b"two",
        "a (3)": b"file",
    }


async def test_an_archive_is_removed_after_a_day(run, tmp_path):
    """Its bytes go with it."""
    async with run(database=tmp_path / "pds.db") as api:
        (file_id,) = await api.emulator.add_files([{"name": "a", "size": 50_000}])
        got = await archived(api, [file_id])
        url = (await task(api, got))["url"]
        (piece,) = (tmp_path / "pds.db.blobs").glob("??/*")
        assert (await api.send("GET", url)).status == 200
        api.emulator.clock.advance(25 * 3600)
        token = api.emulator.issue_token().access_token
        assert (await api.post("/drive/list", token=token)).status == 200
        assert not piece.exists()
        assert (await api.send("GET", url)).status == 403
