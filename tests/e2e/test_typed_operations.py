"""The typed file operations against the emulator: what one gives, the next one takes."""

from __future__ import annotations

import asyncio
import urllib.request

import pytest

from pdsclient import AsyncPDSClient, Conflict
from pdsclient.emulator import Emulator


@pytest.fixture
async def emulator():
    async with Emulator() as emulator:
        yield emulator


@pytest.fixture
async def client(emulator):
    async with AsyncPDSClient(
        api_endpoint=emulator.api_endpoint, token_info=emulator.token_info
    ) as client:
        yield client


async def put(url: str, content: bytes) -> None:
    """Upload a part as the storage wants it: no token, no content type but the signed one."""
    request = urllib.request.Request(url, content, {"Content-Type": ""}, method="PUT")
    await asyncio.to_thread(read, request)


def read(url: str | urllib.request.Request) -> bytes:
    """What is at a presigned URL."""
    with urllib.request.urlopen(url) as reply:
        return reply.read()


async def uploaded(client, drive_id, name, content=b"abc", **more):
    """A file with a content."""
    created = await client.file.create(
        drive_id=drive_id, name=name, parent_file_id="root", type="file", size=len(content), **more
    )
    await put(created.part_info_list[0].upload_url, content)
    return await client.file.complete(
        drive_id=drive_id, file_id=created.file_id, upload_id=created.upload_id
    )


async def folder(client, drive_id, name):
    """A folder at the top."""
    created = await client.file.create(
        drive_id=drive_id, name=name, parent_file_id="root", type="folder"
    )
    return created.file_id


async def test_an_upload_goes_through_all_its_operations(emulator, client):
    """Create, ask what arrived, renew the URL, complete, read back."""
    drive = emulator.drive_id
    created = await client.file.create(
        drive_id=drive,
        name="a.txt",
        parent_file_id="root",
        type="file",
        size=3,
        part_info_list=[{"part_number": 1}],
        user_tags={"k": "v"},
    )
    upload = {"drive_id": drive, "file_id": created.file_id, "upload_id": created.upload_id}
    assert await client.file.list_uploaded_parts(**upload).collect() == []
    urls = await client.file.get_upload_url(**upload, part_info_list=[{"part_number": 1}])
    await put(urls.part_info_list[0].upload_url, b"abc")
    [part] = await client.file.list_uploaded_parts(**upload).collect()
    assert (part.part_number, part.part_size) == (1, 3)
    done = await client.file.complete(
        **upload, part_info_list=[{"part_number": 1, "etag": part.etag}]
    )
    assert (done.status, done.size) == ("available", 3)
    found = await client.file.get_by_path(drive_id=drive, file_path="/a.txt", fields=["user_tags"])
    assert (found.file_id, found.user_tags) == (done.file_id, {"k": "v"})
    where = await client.file.download(drive_id=drive, file_id=done.file_id)
    assert await asyncio.to_thread(read, where.location) == b"abc"


async def test_a_taken_name_is_told_in_three_ways(emulator, client):
    """By the check beforehand, by ``exist`` of a creation, by a conflict of a rename."""
    drive = emulator.drive_id
    first, second = await uploaded(client, drive, "a.txt"), await uploaded(client, drive, "b.txt")
    name = {"drive_id": drive, "name": "a.txt", "parent_file_id": "root", "type": "file"}
    check = await client.file.pre_create_check(**name)
    assert check.name_check_result.exist_file_id == first.file_id
    again = await client.file.create(**name, check_name_mode="refuse")
    assert (again.exist, again.file_id) == (True, first.file_id)
    with pytest.raises(Conflict):
        await client.file.update(
            drive_id=drive, file_id=second.file_id, name="a.txt", check_name_mode="refuse"
        )


async def test_tags_stars_and_labels(emulator, client):
    """Tags merge by key, favourites are found by their key, labels can be taken away."""
    file = await uploaded(client, emulator.drive_id, "a.txt", labels=["x"])
    which = {"drive_id": emulator.drive_id, "file_id": file.file_id}
    assert (await client.file.put_usertags(**which, user_tags=[("a", "1"), ("b", "")])).file_id
    assert await client.file.delete_usertags(**which, key_list=["a"]) is None
    changed = await client.file.update(
        **which, starred=True, custom_index_key="starred_yes", labels=[]
    )
    assert (changed.starred, changed.labels) == (True, [])
    starred = client.file.list_by_custom_index_key(
        drive_id=emulator.drive_id, custom_index_key="starred_yes", fields="user_tags"
    )
    assert [one.user_tags for one in await starred.collect()] == [{"b": ""}]


async def test_changes_are_followed_by_a_cursor(emulator, client):
    """What happens after a cursor is listed from it, once."""
    drive = emulator.drive_id
    target = await folder(client, drive, "folder")
    cursor = (await client.file.get_last_cursor(drive_id=drive)).cursor
    file = await uploaded(client, drive, "a.txt")
    which = {"drive_id": drive, "file_id": file.file_id}
    copy = await client.file.copy(**which, to_parent_file_id=target, new_name="b.txt")
    assert copy.async_task_id is None
    moved = await client.file.move(**which, to_parent_file_id=target)
    assert (moved.file_id, moved.exist) == (file.file_id, False)
    await client.recyclebin.trash(**which)
    feed = aiter(client.file.list_delta(drive_id=drive, cursor=cursor))
    assert {change.file_id async for change in feed} == {file.file_id, copy.file_id}
    later = client.file.list_delta(drive_id=drive, cursor=feed.marker)
    assert await later.collect() == []


async def test_the_recycle_bin_gives_back_and_is_emptied(emulator, client):
    """Listed, found, restored; cleared by a task."""
    drive = emulator.drive_id
    file = await uploaded(client, drive, "a.txt")
    which = {"drive_id": drive, "file_id": file.file_id}
    await client.recyclebin.trash(**which)
    assert [one.file_id for one in await client.recyclebin.list(drive_id=drive).collect()] == [
        file.file_id
    ]
    found = await client.recyclebin.search_all(query='name match "a"', return_total_count=True)
    assert ([one.name for one in found.items], found.total_count) == (["a.txt"], 1)
    assert (await client.recyclebin.restore(**which)).async_task_id is None
    assert (await client.file.get(**which)).name == "a.txt"
    await client.recyclebin.trash(**which)
    cleared = await client.recyclebin.clear(drive_id=drive)
    assert (await client.async_task.get(async_task_id=cleared.async_task_id)).async_task_id
    assert [one.drive_id for one in (await client.recyclebin.clear_all()).items]


async def test_versions_are_kept_described_and_restored(emulator, client):
    """An overwrite adds one; the older one comes back as a third."""
    drive = emulator.drive_id
    file = await uploaded(client, drive, "a.txt", b"one")
    await uploaded(client, drive, "a.txt", b"second", file_id=file.file_id)
    which = {"drive_id": drive, "file_id": file.file_id}
    newest, oldest = await client.file.revision.list(**which).collect()
    assert (newest.is_latest_version, newest.size, oldest.size) == (True, 6, 3)
    old = {**which, "revision_id": oldest.revision_id}
    described = await client.file.revision.update(**old, revision_description="one\ntwo")
    assert described.revision_description == "one\ntwo"
    assert (await client.file.revision.restore(**old)).size == 3
    assert len(await client.file.revision.list(**which).collect()) == 3
    assert await client.file.revision.delete(**old) is None


async def test_a_folder_is_shared_by_link_and_with_people(emulator, client):
    """Permissions as members in and out; a link with its password, used and ended."""
    drive = emulator.drive_id
    shared = await folder(client, drive, "folder")
    user = (await client.user.create(user_id="guest")).user_id
    which = {"drive_id": drive, "file_id": shared}
    identity = {"identity_id": user, "identity_type": "IT_User"}
    member = {"identity": identity, "role_id": "SystemFileViewer"}
    await client.file.add_permission(
        **which, member_list=[{**member, "expire_time": 4775500800000}]
    )
    [listed] = await client.file.list_permission(**which)
    assert (listed.identity.identity_id, listed.expire_time.year) == (user, 2121)
    assert await client.file.remove_permission(**which, member_list=[member]) is None
    assert await client.file.list_permission(**which) == []

    link = await client.share_link.create(
        drive_id=drive, file_id_list=[shared], share_pwd="s3cret", expiration=""
    )
    assert (link.expiration, link.share_pwd) == (None, "s3cret")
    assert "s3cret" not in repr(link)
    found = await client.share_link.search(query='status = "enabled"', return_total_count=True)
    assert ([one.share_id for one in found.items], found.total_count) == ([link.share_id], 1)
    token = await client.share_link.get_share_token(share_id=link.share_id, share_pwd="s3cret")
    visitor = client.with_options(share_token=token.share_token)
    [seen] = await visitor.file.list(share_id=link.share_id, parent_file_id="root").collect()
    assert (seen.file_id, seen.share_id) == (shared, link.share_id)
    assert await client.share_link.cancel(share_id=link.share_id) is None


async def test_a_batch_answers_each_call_by_itself(emulator, client):
    """The envelope succeeds where a call in it fails."""
    file = await uploaded(client, emulator.drive_id, "a.txt")
    calls = [
        {
            "id": str(number),
            "url": "/file/get",
            "headers": {"Content-Type": "application/json"},
            "body": {"drive_id": emulator.drive_id, "file_id": file_id},
        }
        for number, file_id in enumerate([file.file_id, "0" * 40])
    ]
    reply = await client.batch(resource="file", requests=calls)
    assert [(one.id, one.status) for one in reply.responses] == [("0", 200), ("1", 404)]
    assert reply.responses[0].body["name"] == "a.txt"


async def test_an_archive_is_made_by_a_task(emulator, client):
    """The task tells where it is."""
    file = await uploaded(client, emulator.drive_id, "a.txt")
    begun = await client.file.archive_files(
        drive_id=emulator.drive_id, file_ids=[file.file_id], name="all.zip"
    )
    task = await client.async_task.get(async_task_id=begun.async_task_id)
    assert task.url
    assert task.url not in repr(task)
