"""Files brought in, looked at and changed: every operation with every parameter."""

from __future__ import annotations

import hashlib
import io
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pdsclient import (
    Conflict,
    F,
    NotFound,
    PermissionDenied,
)
from pdsclient._crc64 import crc64

MOMENT = datetime(2024, 2, 29, 12, 30, tzinfo=UTC)
EMPTY_SHA1 = [0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0]
EMPTY_SHA256 = [
    0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19,
]  # fmt: skip
PICTURE = "image/resize,m_fill,h_64,w_64"
PROCESSES = {
    "small": {
        "image_thumbnail_process": PICTURE,
        "office_thumbnail_process": PICTURE,
        "video_thumbnail_process": "video/snapshot,t_0",
    }
}
LOOK = {
    "image_thumbnail_process": PICTURE,
    "image_url_process": PICTURE,
    "video_thumbnail_process": "video/snapshot,t_0",
}
CRC64_OF_ALL_BYTES = crc64(bytes(range(256)))


# ---------------------------------------------------------------------------- bringing files in


@pytest.mark.covers(
    "/file/create", "/file/complete", "/file/get_upload_url", "/file/list_uploaded_parts"
)
async def test_files_are_uploaded(stage: Any) -> None:
    """In parts, known already, under a taken name, as a new content, by a link."""
    client, content = stage.client, bytes(range(256))
    sha1 = hashlib.sha1(content).hexdigest().upper()
    parts = [
        {
            "part_number": 1,
            "part_size": 128,
            "content_type": "text/plain",
            "content_md5": "AAAAAAAAAAAAAAAAAAAAAA==",
            "parallel_sha1_ctx": {"h": EMPTY_SHA1, "part_offset": 0},
        },
        {
            "part_number": 2,
            "part_size": 128,
            "parallel_sha256_ctx": {"h": EMPTY_SHA256, "part_offset": 0},
        },
    ]
    about = {
        "content_type": "text/x-words",
        "description": "words",
        "hidden": True,
        "labels": ["one", "two"],
        "local_created_at": MOMENT,
        "local_modified_at": MOMENT + timedelta(hours=1),
        "meta": "m",
        "user_meta": "um",
        "user_tags": {"k": "v"},
    }
    made = await client.file.create(
        **stage.drive,
        **about,
        name="a.txt",
        parent_file_id="root",
        type="file",
        size=256,
        check_name_mode="refuse",
        content_hash=sha1,
        content_hash_name="sha1",
        content_md5="AAAAAAAAAAAAAAAAAAAAAA==",
        encrypt_mode="none",
        last_updated_at=MOMENT,
        parallel_upload=True,
        part_info_list=parts,
        upload_type="normal",
    )
    assert (made.status, made.rapid_upload, made.exist) == ("uploading", False, False)
    assert [part.content_type for part in made.part_info_list] == ["text/plain", None]
    upload = {**stage.drive, "file_id": made.file_id, "upload_id": made.upload_id}
    fresh = await client.file.get_upload_url(
        **upload,
        part_info_list=[{"part_number": number, "part_size": 128} for number in (1, 2)],
    )
    assert fresh.upload_id == made.upload_id
    sent = [
        await stage.put(part.upload_url, content[at : at + 128])
        for part, at in zip(fresh.part_info_list, (0, 128), strict=True)
    ]
    arrived = await stage.by_ones(client.file.list_uploaded_parts, "etag", **upload)
    assert arrived == sent
    done = await client.file.complete(
        **upload,
        crc64_hash=str(CRC64_OF_ALL_BYTES),
        part_info_list=[
            {"part_number": number, "etag": etag} for number, etag in enumerate(sent, 1)
        ],
    )
    assert (done.status, done.size, done.content_hash) == ("available", 256, sha1)
    got = await client.file.get(**stage.drive, file_id=made.file_id, fields="*")
    for name, value in about.items():
        assert getattr(got, name) == value, name
    with pytest.raises(NotFound):
        await client.file.complete(**upload)
    await shortcuts(stage, made.file_id, content, sha1)
    await through_a_share(stage, content)


async def shortcuts(stage: Any, file_id: str, content: bytes, sha1: str) -> None:
    """A content that is known need not be sent; a name that is taken is told or changed."""
    create = stage.client.file.create
    new = {**stage.drive, "name": "a.txt", "parent_file_id": "root", "type": "file", "size": 256}
    taken = await create(**new, check_name_mode="refuse")
    assert (taken.exist, taken.file_id) == (True, file_id)
    renamed = await create(**new, auto_rename=True)
    assert renamed.file_name != "a.txt"
    rapid = await create(**new, content_hash=sha1, content_hash_name="sha1")
    assert (rapid.rapid_upload, rapid.status) == (True, "available")
    head = hashlib.sha1(content[:1024]).hexdigest()
    with pytest.raises(Conflict) as caught:
        await create(**new, pre_hash=head)
    assert caught.value.code == "PreHashMatched"
    unknown = await create(**new, pre_hash="0" * 40)
    assert unknown.upload_id
    newer = await create(**{**new, "size": 1}, file_id=file_id)
    assert (newer.file_id, newer.exist) == (file_id, False)


async def through_a_share(stage: Any, content: bytes) -> None:
    """Uploading by a link that allows it."""
    folder = await stage.folder("inbox")
    visitor, share = await stage.visit(folder, creatable=True, creatable_file_id_list=[folder])
    made = await visitor.file.create(
        **share, name="b.txt", parent_file_id=folder, type="file", size=256
    )
    upload = {**share, "file_id": made.file_id, "upload_id": made.upload_id}
    one = [
        {
            "part_number": 1,
            "content_type": "a/b",
            "content_md5": "AAAAAAAAAAAAAAAAAAAAAA==",
            "parallel_sha1_ctx": {"h": EMPTY_SHA1, "part_offset": 0},
        }
    ]
    signed = await visitor.file.get_upload_url(**upload, part_info_list=one)
    one = [{"part_number": 1, "parallel_sha256_ctx": {"h": EMPTY_SHA256, "part_offset": 0}}]
    assert (await visitor.file.get_upload_url(**upload, part_info_list=one)).part_info_list
    assert signed.part_info_list[0].content_type == "a/b"
    await stage.put(made.part_info_list[0].upload_url, content)
    assert len(await visitor.file.list_uploaded_parts(**upload).collect()) == 1
    done = await visitor.file.complete(**upload)
    assert (done.size, done.share_id, done.drive_id) == (256, share["share_id"], None)


@pytest.mark.covers("/file/pre_create_check")
async def test_names_are_checked(stage: Any) -> None:
    """A taken name is told with who has it, in a drive and through a link."""
    folder = await stage.folder()
    file_id = await stage.file(parent=folder)
    asked = {"name": "a.txt", "parent_file_id": folder, "type": "file"}
    check = await stage.client.file.pre_create_check(**stage.drive, **asked)
    assert check.name_check_result.exist_file_id == file_id
    visitor, share = await stage.visit(folder)
    check = await visitor.file.pre_create_check(**share, **{**asked, "name": "free"})
    assert (check.result_code, check.name_check_result) == ("success", None)


# ---------------------------------------------------------------------------- looking


@pytest.mark.covers("/file/get", "/file/get_by_path", "/file/get_download_url", "/file/download")
async def test_one_file_is_read(stage: Any) -> None:
    """With URLs and pictures as asked; by path, by link, by redirect."""
    client, file = stage.client, stage.client.file
    folder = await stage.folder()
    file_id = await stage.file("a.png", b"picture", parent=folder)
    which = {**stage.drive, "file_id": file_id}
    got = await file.get(
        **which, **LOOK, fields=["url", "id_path"], thumbnail_processes=PROCESSES,
        url_expire_sec=100,
    )  # fmt: skip
    assert await stage.fetch(got.url) == b"picture"
    assert (set(got.thumbnail_urls), bool(got.thumbnail)) == ({"small"}, True)
    assert got.id_path.endswith(f"{folder}/{file_id}") or folder in got.id_path
    by_path = await file.get_by_path(
        **stage.drive, **LOOK, file_path="/folder/a.png", fields="url", url_expire_sec=100
    )
    assert (by_path.file_id, await stage.fetch(by_path.url)) == (file_id, b"picture")
    where = await file.get_download_url(
        **which,
        expire_sec=60,
        file_name="b.png",
        response_content_type="image/x-b",
        revision_id=got.revision_id,
    )
    async with stage.http.get(where.url) as reply:
        assert await reply.read() == b"picture"
        assert reply.headers["Content-Type"] == "image/x-b"
        assert "b.png" in reply.headers["Content-Disposition"]
    stage.emulator.clock.advance(61)
    async with stage.http.get(where.url) as reply:
        assert reply.status == 403
    assert await stage.fetch((await file.download(**which)).location) == b"picture"
    for name in ("image", "office", "video"):
        picture = await file.download(**which, **{f"{name}_thumbnail_process": PICTURE})
        assert "process" in picture.location
    visitor, share = await stage.visit(folder)
    shared = {**share, "file_id": file_id}
    assert (await visitor.file.get(**shared)).share_id == share["share_id"]
    again = await visitor.file.get_download_url(**shared)
    assert await stage.fetch(again.url) == b"picture"
    assert (await visitor.file.download(**shared)).location
    with pytest.raises(NotFound):
        await client.file.get_by_path(**stage.drive, file_path="/a.png")


@pytest.mark.covers("/file/list", "/file/scan", "/file/list_by_custom_index_key")
async def test_folders_are_listed(stage: Any) -> None:
    """Filtered, sorted, with extras; a whole drive; what stands under a key."""
    file = stage.client.file
    folder = await stage.folder()
    picture = await stage.file("b.png", b"12", parent=folder, user_tags={"k": "v"})
    await stage.file("a.txt", b"1", parent=folder)
    await stage.folder("c", parent=folder)
    here = {**stage.drive, "parent_file_id": folder}
    assert sorted(await stage.by_ones(file.list, "name", **here)) == ["a.txt", "b.png", "c"]
    by_size = file.list(**here, type="file", order_by="size", order_direction="DESC", all=False)
    assert await stage.names(by_size) == ["b.png", "a.txt"]
    [shown] = await file.list(
        **here, **LOOK, category="image", fields="user_tags,url", starred=False,
        status="available", thumbnail_processes=PROCESSES, url_expire_sec=50,
    ).collect()  # fmt: skip
    assert (shown.file_id, shown.user_tags) == (picture, {"k": "v"})
    assert (set(shown.thumbnail_urls), bool(shown.thumbnail)) == ({"small"}, True)
    for name, value in (("starred", True), ("status", "uploading"), ("category", "zip")):
        assert await stage.names(file.list(**here, **{name: value})) == []
    visitor, share = await stage.visit(folder)
    assert await stage.names(visitor.file.list(**share, parent_file_id="root")) == ["folder"]
    assert len(await stage.by_ones(file.scan, "file_id", **stage.drive)) == 4
    scanned = file.scan(**stage.drive, fields="user_tags")
    assert {"k": "v"} in await stage.keys(scanned, "user_tags")
    for file_id in (picture, folder):
        await file.update(**stage.drive, file_id=file_id, custom_index_key="key")
    indexed = {**stage.drive, "custom_index_key": "key"}
    by_key = file.list_by_custom_index_key
    down = await stage.by_ones(by_key, "name", **indexed, order_direction="DESC")
    assert sorted(down) == ["b.png", "folder"]
    found = by_key(**indexed, **LOOK, fields="url", referer="https://example.com")
    assert [bool(one.url) for one in await found.collect() if one.type == "file"] == [True]


@pytest.mark.covers("/file/search")
async def test_files_are_searched(stage: Any) -> None:
    """In one drive and several, below folders, with a total and pictures."""
    search = stage.client.file.search
    folder = await stage.folder("plans")
    for name in ("plan a.png", "plan b.png"):
        await stage.file(name, parent=folder)
    other = await stage.client.drive.create(
        drive_name="other", owner="superadmin", owner_type="user"
    )
    plans = {**stage.drive, "query": F.name.match("plan") & (F.type == "file")}
    found = await stage.by_ones(search, "name", **plans, order_by="name DESC")
    assert found == ["plan b.png", "plan a.png"]
    page = await search(
        **plans, **LOOK, fields="url", limit=1, recursive=False, referer="https://example.com",
        return_total_count=True, thumbnail_processes=PROCESSES, url_expire_sec=50,
    )  # fmt: skip
    assert page.total_count == 2
    assert await stage.fetch(page.items[0].url) == b"abc"
    assert set(page.items[0].thumbnail_urls) == {"small"}
    below = F.parent_file_id == "root"
    assert len(await search(**stage.drive, query=below).collect()) == 1
    assert len(await search(**stage.drive, query=below, recursive=True).collect()) == 3
    both = [stage.drive["drive_id"], other.drive_id]
    assert len(await search(drive_id_list=both, query=F.type == "file").collect()) == 2


# ---------------------------------------------------------------------------- changing


@pytest.mark.covers("/file/update", "/file/put_usertags", "/file/delete_usertags")
async def test_files_are_changed(stage: Any) -> None:
    """Every field; a taken name gives way; tags merge."""
    file = stage.client.file
    which = {**stage.drive, "file_id": await stage.file()}
    about = {
        "name": "b.txt",
        "description": "words",
        "encrypt_mode": "none",
        "hidden": True,
        "labels": ["x"],
        "local_modified_at": MOMENT,
        "meta": "m",
        "starred": True,
        "user_meta": "um",
    }
    changed = await file.update(
        **which, **about, check_name_mode="refuse", custom_index_key="starred_yes"
    )
    for name, value in about.items():
        assert getattr(changed, name) == value, name
    starred = file.list_by_custom_index_key(**stage.drive, custom_index_key="starred_yes")
    assert await stage.names(starred) == ["b.txt"]
    await stage.file("c.txt")
    renamed = await file.update(**which, name="c.txt", check_name_mode="auto_rename")
    assert renamed.name not in ("b.txt", "c.txt")
    tagged = await file.put_usertags(**which, user_tags={"a": "1", "b": "2"})
    assert tagged.file_id == which["file_id"]
    assert await file.delete_usertags(**which, key_list=["a"]) is None
    assert (await file.get(**which)).user_tags == {"b": "2"}
    await updated_through_a_share(stage, which["file_id"])


async def updated_through_a_share(stage: Any, file_id: str) -> None:
    """It cannot be: the service is asked, and says so."""
    visitor, share = await stage.visit(file_id)
    with pytest.raises(PermissionDenied):
        await visitor.file.update(**share, file_id=file_id, description="mine")


@pytest.mark.covers("/file/copy", "/file/move", "/file/delete", "/async_task/get")
async def test_files_are_copied_and_moved(stage: Any) -> None:
    """Within a drive and to another one, at once or by a task, and out of a link."""
    client, file = stage.client, stage.client.file
    folder = await stage.folder()
    which = {**stage.drive, "file_id": await stage.file()}
    other = await client.drive.create(drive_name="other", owner="superadmin", owner_type="user")
    there = {"to_drive_id": other.drive_id, "to_parent_file_id": "root"}
    copied = await file.copy(**which, **there, new_name="b.txt")
    assert (copied.drive_id, copied.async_task_id) == (other.drive_id, None)
    again = await file.copy(**which, to_parent_file_id="root", auto_rename=True)
    twin = await file.get(**stage.drive, file_id=again.file_id)
    assert (twin.name != "a.txt", twin.size) == (True, 3)
    task = await file.copy(**stage.drive, file_id=folder, **there)
    told = await client.async_task.get(async_task_id=task.async_task_id)
    assert (told.state, told.async_task_id) == ("Succeed", task.async_task_id)
    listed = file.list(drive_id=other.drive_id, parent_file_id="root")
    assert sorted(await stage.names(listed)) == ["b.txt", "folder"]

    into = {"to_parent_file_id": folder}
    moved = await file.move(**which, **into, new_name="c.txt", check_name_mode="ignore")
    assert (moved.file_id, moved.exist) == (which["file_id"], False)
    stay = await file.move(
        **stage.drive, file_id=twin.file_id, **into, new_name="c.txt", check_name_mode="refuse"
    )
    assert (stay.exist, stay.file_id) == (True, which["file_id"])
    await file.move(**stage.drive, file_id=twin.file_id, **into, new_name="c.txt", auto_rename=True)
    assert len(set(await stage.names(file.list(**stage.drive, parent_file_id=folder)))) == 2
    await file.move(**which, **there)
    assert (await file.get(drive_id=other.drive_id, file_id=which["file_id"])).name == "c.txt"
    await saved_from_a_share(stage, folder)

    gone = {"drive_id": other.drive_id, "file_id": which["file_id"]}
    assert (await file.delete(**gone, permanently=True)).async_task_id is None
    with pytest.raises(NotFound):
        await file.get(**gone)


async def saved_from_a_share(stage: Any, folder: str) -> None:
    """A copy inside a share; what a link cannot do is refused."""
    inbox = await stage.folder("inbox", parent=folder)
    source = await stage.file("s.txt", parent=folder)
    visitor, share = await stage.visit(folder, creatable=True, creatable_file_id_list=[inbox])
    which = {**share, "file_id": source}
    into = {"to_parent_file_id": inbox}
    copied = await visitor.file.copy(**which, **into, to_share_id=share["share_id"])
    assert copied.share_id == share["share_id"]
    for refused in (visitor.file.move(**which, **into), visitor.file.delete(**which)):
        with pytest.raises(PermissionDenied):
            await refused


@pytest.mark.covers(
    "/recyclebin/trash", "/recyclebin/restore", "/recyclebin/list", "/recyclebin/search_all",
    "/recyclebin/clear", "/recyclebin/clear_all",
)  # fmt: skip
async def test_the_bin_takes_and_gives(stage: Any) -> None:
    """Thrown away, found, brought back, gone for good."""
    bin_, file = stage.client.recyclebin, stage.client.file
    which = {**stage.drive, "file_id": await stage.file("a.png")}
    assert (await bin_.trash(**which, permanently=False)).async_task_id is None
    await stage.trash("b.png")
    listed = await stage.by_ones(bin_.list, "name", **stage.drive)
    assert sorted(listed) == ["a.png", "b.png"]
    page = await bin_.list(**stage.drive, fields="url", thumbnail_processes=PROCESSES)
    assert {"small"} in [set(one.thumbnail_urls or ()) for one in page.items]
    found = await stage.by_ones(
        bin_.search_all, "name", query=F.name.match("png"), order_by="name DESC", **stage.drive
    )
    assert found == ["b.png", "a.png"]
    page = await bin_.search_all(
        **LOOK, query="", fields="url", recursive=True, referer="https://example.com",
        return_total_count=True, thumbnail_processes=PROCESSES, url_expire_sec=50,
    )  # fmt: skip
    assert page.total_count == 2
    assert (await bin_.restore(**which)).async_task_id is None
    assert (await file.get(**which)).trashed_at is None
    cleared = await bin_.clear(**stage.drive)
    told = await stage.client.async_task.get(async_task_id=cleared.async_task_id)
    assert told.state == "Succeed"
    assert await stage.names(bin_.list(**stage.drive)) == []
    await bin_.trash(**which)
    [one] = (await bin_.clear_all()).items
    assert one.drive_id == stage.drive["drive_id"]
    with pytest.raises(NotFound):
        await file.get(**which)
    shared = await stage.file("shared.txt")
    visitor, share = await stage.visit(shared)
    with pytest.raises(PermissionDenied):
        await visitor.recyclebin.trash(**share, file_id=shared)


@pytest.mark.covers("/file/get_last_cursor", "/file/list_delta")
async def test_changes_are_followed(stage: Any) -> None:
    """Of a whole drive, and below one folder."""
    file = stage.client.file
    folder = await stage.folder()
    below = {**stage.drive, "sync_root_id": folder}
    everywhere = (await file.get_last_cursor(**stage.drive)).cursor
    cursor = (await file.get_last_cursor(**below)).cursor
    inside = await stage.file(parent=folder)
    outside = await stage.file()
    both = await stage.by_ones(file.list_delta, "file_id", **stage.drive, cursor=everywhere)
    assert set(both) == {inside, outside}
    changes = file.list_delta(**below, cursor=cursor, limit=100)
    assert {one.file_id for one in await changes.collect()} == {inside}


@pytest.mark.covers(
    "/file/revision/list", "/file/revision/get", "/file/revision/update",
    "/file/revision/restore", "/file/revision/delete",
)  # fmt: skip
async def test_revisions_are_kept(stage: Any) -> None:
    """Listed, described, read, brought back and deleted."""
    revision = stage.client.file.revision
    file_id = await stage.file(content=b"one")
    which = {**stage.drive, "file_id": await stage.file(content=b"second", file_id=file_id)}
    newest, oldest = await stage.by_ones(revision.list, "revision_id", **which)
    named = await revision.list(**which, fields="*").collect()
    assert [one.creator_id for one in named] == ["superadmin"] * 2
    old = {**which, "revision_id": oldest}
    described = await revision.update(**old, keep_forever=True, revision_description="first")
    assert (described.keep_forever, described.revision_description) == (True, "first")
    got = await revision.get(**old, fields="*", url_expire_sec=50)
    assert (got.size, await stage.fetch(got.url)) == (3, b"one")
    visitor, share = await stage.visit(file_id)
    shared = {**share, "file_id": file_id, "revision_id": newest}
    assert (await visitor.file.revision.get(**shared)).size == 6
    del shared["revision_id"]
    assert len(await visitor.file.revision.list(**shared).collect()) == 2
    theirs = visitor.file.revision
    for change in (theirs.update, theirs.restore, theirs.delete):
        with pytest.raises(PermissionDenied):
            await change(**shared, revision_id=oldest)
    restored = await revision.restore(**old)
    assert (restored.size, restored.is_latest_version) == (3, True)
    assert await revision.delete(**{**which, "revision_id": newest}) is None
    assert len(await revision.list(**which).collect()) == 2


@pytest.mark.covers("/file/archive_files")
async def test_files_are_archived(stage: Any) -> None:
    """As a zip with all that was named, also through a link."""
    folder = await stage.folder()
    ids = [await stage.file("a.txt", parent=folder), await stage.file("b.txt")]
    archive = stage.client.file.archive_files
    visitor, share = await stage.visit(folder)
    tasks = [
        await archive(**stage.drive, file_ids=ids, name="all"),
        await archive(
            **stage.drive, file_ids=ids, files=[{"file_id": one} for one in ids], name="all.zip"
        ),
    ]
    for task in tasks:
        told = await stage.client.async_task.get(async_task_id=task.async_task_id)
        packed = zipfile.ZipFile(io.BytesIO(await stage.fetch(told.url)))
        assert packed.namelist() == ["a.txt", "b.txt"]
    task = await visitor.file.archive_files(**share, file_ids=[folder], name="shared")
    told = await visitor.async_task.get(async_task_id=task.async_task_id)
    packed = zipfile.ZipFile(io.BytesIO(await stage.fetch(told.url)))
    assert packed.read("folder/a.txt") == b"abc"
