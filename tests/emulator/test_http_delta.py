"""Raw HTTP: get_last_cursor, list_delta (pds-service.md 7.1)."""

from __future__ import annotations

import pytest

from pdsclient.emulator import Settings
from pdsclient.emulator import deltas as deltas_module


async def add(api, *paths):
    return await api.emulator.add_files([{"path": path} for path in paths])


async def call(api, path, file_id, **more):
    return await api.post(path, {"drive_id": "1", "file_id": file_id, **more})


async def cursor(api, **more):
    return (await api.post("/file/get_last_cursor", {"drive_id": "1", **more})).data["cursor"]


async def delta(api, since=None, **more):
    return (await api.post("/file/list_delta", {"drive_id": "1", "cursor": since, **more})).data


async def ops(api, since=None, **more):
    return [(one["op"], one["file_id"]) for one in (await delta(api, since, **more))["items"]]


async def test_every_change_is_told_in_order(api):
    """Each op once; what was deleted has no file."""
    start = await cursor(api)
    (a,) = await add(api, "a")
    (to,) = await api.emulator.add_files([{"name": "to", "type": "folder"}])
    await call(api, "/file/update", a, name="b")
    await call(api, "/file/update", a, starred=True)
    await call(api, "/file/put_usertags", a, user_tags=[{"key": "k"}])
    await api.emulator.update_file(a, {"content": b"new"})
    await call(api, "/file/move", a, to_parent_file_id=to)
    await call(api, "/recyclebin/trash", a)
    await call(api, "/recyclebin/restore", a)
    copied = (await call(api, "/file/copy", a, to_parent_file_id="root")).data["file_id"]
    await call(api, "/file/delete", a)
    got = await delta(api, start)
    assert [(one["op"], one["file_id"]) for one in got["items"]] == [
        ("create", a),
        ("create", to),
        ("rename", a),
        ("update", a),
        ("update", a),
        ("overwrite", a),
        ("move", a),
        ("trash", a),
        ("restore", a),
        ("create", copied),
        ("delete", a),
    ]
    assert "file" not in got["items"][-1]
    assert [one["file"]["name"] for one in got["items"][:3]] == ["a", "to", "b"]
    assert got["items"][7]["file"]["trashed_at"]
    assert got["has_more"] is False
    assert await ops(api, got["cursor"]) == []


async def test_changes_are_paged(api):
    """has_more until all was told; the cursor of the last page waits for what comes."""
    await add(api, *"abcde")
    first = await delta(api, limit=2)
    assert (len(first["items"]), first["has_more"]) == (2, True)
    second = await delta(api, first["cursor"], limit=2)
    third = await delta(api, second["cursor"], limit=2)
    assert (len(third["items"]), third["has_more"]) == (1, False)
    pages = [first, second, third]
    names = [one["file"]["name"] for page in pages for one in page["items"]]
    assert names == list("abcde")
    (later,) = await add(api, "later")
    assert await ops(api, third["cursor"], limit=0) == [("create", later)]
    assert (await delta(api, limit=101))["code"] == "InvalidParameter.Limit"


async def test_a_folder_is_watched_by_itself(api):
    """sync_root_id: what lies below it, and what is moved out of it."""
    inside, outside = await add(api, "a/b/in", "out")
    folders = (await api.search("type = 'folder'")).data["items"]
    a, b = (one["file_id"] for one in folders)
    start = await cursor(api, sync_root_id=a)
    await call(api, "/file/update", inside, hidden=True)
    await call(api, "/file/update", outside, hidden=True)
    await call(api, "/file/move", inside, to_parent_file_id="root")
    await call(api, "/file/update", inside, hidden=False)
    await call(api, "/file/move", outside, to_parent_file_id=b)
    assert await ops(api, start, sync_root_id=a) == [
        ("update", inside),
        ("move", inside),
        ("move", outside),
    ]
    got = await api.post("/file/list_delta", {"drive_id": "1", "sync_root_id": "0" * 40})
    assert (got.status, got.code) == (404, "NotFound.ParentFileId")


async def test_a_task_is_one_change_and_a_copy_many(api):
    """What follows a folder is not told one by one, but copies have new ids."""
    await add(api, "a/b/c")
    a = (await api.search("name = 'a'")).data["items"][0]["file_id"]
    start = await cursor(api)
    await call(api, "/file/copy", a, to_parent_file_id="root", new_name="z")
    await call(api, "/recyclebin/trash", a)
    await api.post("/recyclebin/clear", {"drive_id": "1"})
    assert [op for op, _ in await ops(api, start)] == [*["create"] * 3, "trash", "delete"]


async def test_unfinished_uploads_are_no_change(api):
    """An upload is created when it is complete; discarding it is nothing to be told."""
    start = await cursor(api)
    first, second = await api.emulator.add_files(
        [{"name": name, "status": "uploading"} for name in "ab"]
    )
    await call(api, "/file/delete", first)
    await api.emulator.set_status(second, "available")
    assert await ops(api, start) == [("create", second)]


async def test_drives_have_changes_of_their_own(api):
    """A file that goes to another drive is deleted in the one and created in the other."""
    await api.emulator.put_drive("2", owner="superadmin")
    (file_id,) = await add(api, "a")
    start = await cursor(api)
    await call(api, "/file/move", file_id, to_drive_id="2", to_parent_file_id="root")
    assert await ops(api, start) == [("delete", file_id)]
    assert await ops(api, drive_id="2") == [("create", file_id)]
    for other in ({"drive_id": "2"}, {"sync_root_id": file_id}, {"cursor": "nonsense"}):
        got = await api.post("/file/list_delta", {"drive_id": "1", "cursor": start, **other})
        assert got.status in (400, 404)
        assert got.code in ("InvalidParameter.Cursor", "NotFound.ParentFileId")


async def test_bulk_loads_are_not_told(api):
    """More than 500 files at once come without changes."""
    start = await cursor(api)
    await add(api, *(str(n) for n in range(501)))
    assert await ops(api, start) == []
    await add(api, *(f"x{n}" for n in range(500)))
    assert len(await ops(api, start, limit=100)) == 100


@pytest.mark.parametrize("life_s", [None, 60], ids=["kept", "60 s"])
async def test_cursors_get_old_by_a_switch(api, life_s):
    """17.5: a refused cursor means a full scan."""
    api.emulator.settings = Settings(cursor_life_s=life_s)
    start = await cursor(api)
    api.emulator.clock.advance(61)
    got = await api.post("/file/list_delta", {"drive_id": "1", "cursor": start})
    assert got.status == (200 if life_s is None else 400)
    if life_s is not None:
        assert got.code == "InvalidParameter.Cursor"


async def test_old_changes_are_dropped(api, monkeypatch):
    """17.9: a cursor from before what is kept is refused, no cursor begins with what is."""
    monkeypatch.setattr(deltas_module, "KEPT", 10)
    monkeypatch.setattr(deltas_module, "DROPPED", 10)
    start = await cursor(api)
    await add(api, *(str(n) for n in range(40)))
    got = await api.post("/file/list_delta", {"drive_id": "1", "cursor": start})
    assert (got.status, got.code) == (400, "InvalidParameter.Cursor")
    assert len(await ops(api)) == 10


async def test_changes_need_a_user(api):
    """7.1: a bearer token; a drive of somebody else stays closed."""
    assert (await api.post("/file/get_last_cursor", {"drive_id": "1"}, token=None)).status == 401
    token = api.emulator.issue_token(user_id="bob").access_token
    got = await api.post("/file/list_delta", {"drive_id": "1"}, token=token)
    assert (got.status, got.code) == (403, "ForbiddenNoPermission.Drive")
