"""Raw HTTP: the recycle bin and async tasks (pds-service.md 5.11, 9, 12, 13.16-19, 18)."""

from __future__ import annotations

import pytest

from pdsclient.emulator import Settings


async def add(api, *paths, drive_id=None):
    rows = [path if isinstance(path, dict) else {"path": path} for path in paths]
    return await api.emulator.add_files(rows, drive_id=drive_id)


async def folder(api, name, parent="root"):
    row = {"name": name, "type": "folder", "parent_file_id": parent}
    return (await api.emulator.add_files([row]))[0]


async def call(api, path, file_id, **more):
    return await api.post(path, {"drive_id": "1", "file_id": file_id, **more})


async def bin_names(api, **more):
    got = await api.post("/recyclebin/list", {"drive_id": "1", **more})
    return [one["name"] for one in got.data["items"]]


async def search_all(api, query="", **more):
    data = {"query": query, "marker": "", "order_by": "type ASC,updated_at DESC", **more}
    got = await api.post("/recyclebin/search_all", data)
    return [one["name"] for one in got.data["items"]]


async def task(api, reply):
    asked = {"async_task_id": reply.data["async_task_id"]}
    return (await api.post("/async_task/get", asked)).data


# ---- trash, list, search_all


async def test_a_trashed_file_is_in_the_bin_only(api):
    """18: 204 and nothing; id and content stay, get shows when it was trashed."""
    (file_id,) = await add(api, {"name": "a", "content": b"abc"})
    got = await call(api, "/recyclebin/trash", file_id)
    assert (got.status, got.body) == (204, b"")
    assert await bin_names(api) == ["a"]
    assert (await call(api, "/file/get", file_id)).data["trashed_at"]
    listed = await api.post("/file/list", {"drive_id": "1", "parent_file_id": "root"})
    assert listed.data["items"] == []
    got = await call(api, "/recyclebin/trash", file_id)
    assert (got.status, got.code) == (403, "ForbiddenFileInTheRecycleBin")


async def test_a_trashed_folder_is_one_item(api):
    """18: 202 with a task; what lies below is in the bin only if it was trashed by itself."""
    inner, _ = await add(api, "a/inner", "a/other")
    await call(api, "/recyclebin/trash", inner)
    outer = (await api.search("type = 'folder'")).data["items"][0]["file_id"]
    got = await call(api, "/recyclebin/trash", outer)
    assert (got.status, got.data["file_id"]) == (202, outer)
    done = await task(api, got)
    assert (done["state"], done["status"]) == ("Succeed", "Succeed")
    assert (done["total_process"], done["consumed_process"]) == (2, 2)
    assert sorted(await bin_names(api)) == ["a", "inner"]


async def test_the_bin_is_paged_and_shows_extras_when_asked(api):
    """4.2: up to 200 a page; without fields there is no creator and there are no tags (5.11)."""
    rows = [{"name": f"{n:03}", "user_tags": {"k": "v"}} for n in range(5)]
    for file_id in await add(api, *rows):
        await call(api, "/recyclebin/trash", file_id)
    first = await api.post("/recyclebin/list", {"drive_id": "1", "limit": 3})
    assert not {"user_tags", "creator_id", "last_modifier_id"} & set(first.data["items"][0])
    rest = {"drive_id": "1", "marker": first.data["next_marker"], "fields": "*"}
    second = await api.post("/recyclebin/list", rest)
    assert second.data["items"][0]["user_tags"] == {"k": "v"}
    assert second.data["items"][0]["creator_id"] == "superadmin"
    both = first.data["items"] + second.data["items"]
    assert sorted(one["name"] for one in both) == [f"{n:03}" for n in range(5)]
    assert (await api.post("/recyclebin/list", {"drive_id": "1", "limit": 200})).status == 200
    got = await api.post("/recyclebin/list", {"drive_id": "1", "limit": 201})
    assert (got.status, got.code) == (400, "InvalidParameter.Limit")


async def test_all_bins_are_searched(api):
    """13.19: the query may be empty; folders come behind files by ``type ASC``."""
    await api.emulator.put_drive("2", owner="superadmin")
    await api.emulator.put_drive("3", owner="somebody")
    (other,) = await add(api, "other", drive_id="2")
    (hidden,) = await add(api, "hidden", drive_id="3")
    await api.emulator.trash_file(other, drive_id="2")
    await api.emulator.trash_file(hidden, drive_id="3")
    for file_id in [*await add(api, "b.txt"), await folder(api, "a")]:
        await call(api, "/recyclebin/trash", file_id)
    found = await search_all(api)
    assert (sorted(found[:2]), found[2]) == (["b.txt", "other"], "a")
    assert await search_all(api, 'name match "b"') == ["b.txt"]
    assert await search_all(api, 'type = "folder"') == ["a"]
    assert await search_all(api, drive_id="2") == ["other"]
    first = await api.post("/recyclebin/search_all", {"limit": 2, "return_total_count": True})
    assert first.data["total_count"] == 3
    asked = {"marker": first.data["next_marker"]}
    rest = await api.post("/recyclebin/search_all", asked)
    both = first.data["items"] + rest.data["items"]
    assert sorted(one["name"] for one in both) == ["a", "b.txt", "other"]
    for sent, code in [
        ({"query": "name ="}, "InvalidParameter.Query"),
        ({"query": "nonsense = 1"}, "InvalidParameter.Query"),
        ({"order_by": "nonsense ASC"}, "InvalidParameter.OrderBy"),
        ({"limit": 201}, "InvalidParameter.Limit"),
        ({"marker": first.data["next_marker"], "drive_id": "2"}, "InvalidParameter.Marker"),
    ]:
        got = await api.post("/recyclebin/search_all", sent)
        assert (got.status, got.code) == (400, code)


async def test_the_search_of_bins_lags_and_the_list_does_not(run):
    """5.9, 5.11: search_all reads the index."""
    async with run(settings=Settings(index_delay_s=5)) as api:
        (file_id,) = await add(api, "a")
        await call(api, "/recyclebin/trash", file_id)
        assert (await bin_names(api), await search_all(api)) == (["a"], [])
        api.emulator.clock.advance(5)
        assert await search_all(api) == ["a"]


async def test_a_search_does_not_know_the_bin(api):
    """5.1: not even by the name of what tells trashed files apart inside."""
    got = await api.search("in_the_bin = true")
    assert (got.status, got.code) == (400, "InvalidParameter.Query")


# ---- restore


async def test_restoring_brings_the_same_file_back(api):
    """12: id and content are those of before; a second time it is no longer in the bin."""
    (file_id,) = await add(api, "a/b")
    await call(api, "/recyclebin/trash", file_id)
    got = await call(api, "/recyclebin/restore", file_id)
    assert (got.status, got.body) == (204, b"")
    back = (await call(api, "/file/get", file_id)).data
    assert "trashed_at" not in back
    assert back["parent_file_id"] != "root"
    got = await call(api, "/recyclebin/restore", file_id)
    assert (got.status, got.code) == (409, "StateConflict")
    assert (await call(api, "/recyclebin/restore", "0" * 40)).code == "NotFound.FileId"


async def test_a_restored_file_finds_a_folder(api):
    """12: one of the same name if its own is in the bin, the root if that is gone."""
    inner, lost = await add(api, "a/inner", "b/lost")
    folders = (await api.search("type = 'folder'")).data["items"]
    first, second = (one["file_id"] for one in folders)
    for file_id in (inner, lost):
        await call(api, "/recyclebin/trash", file_id)
    await call(api, "/recyclebin/trash", first)
    await call(api, "/recyclebin/restore", inner)
    parent = (await call(api, "/file/get", inner)).data["parent_file_id"]
    assert parent != first
    made = (await call(api, "/file/get", parent)).data
    assert (made["name"], made["type"], made["parent_file_id"]) == ("a", "folder", "root")
    await call(api, "/file/delete", second)
    assert (await call(api, "/recyclebin/restore", lost)).status == 204
    assert (await call(api, "/file/get", lost)).data["parent_file_id"] == "root"


async def test_a_restored_folder_is_a_task(api):
    """9: for a file the id is empty, for a folder it is not."""
    await add(api, "a/b")
    outer = (await api.search("type = 'folder'")).data["items"][0]["file_id"]
    await call(api, "/recyclebin/trash", outer)
    got = await call(api, "/recyclebin/restore", outer)
    assert (got.status, (await task(api, got))["state"]) == (202, "Succeed")
    assert [one["name"] for one in (await api.search()).data["items"]] == ["b"]


# ---- clear and time


async def test_a_bin_is_cleared_by_a_task(api):
    """1.6: 202; what was in it is gone for good, what is not in it stays."""
    trashed, kept = await add(api, "a", "b")
    await call(api, "/recyclebin/trash", trashed)
    got = await api.post("/recyclebin/clear", {"drive_id": "1"})
    assert (got.status, got.data["drive_id"], got.data["domain_id"]) == (202, "1", "bj1")
    assert (await task(api, got))["state"] == "Succeed"
    assert await bin_names(api) == []
    assert (await call(api, "/file/get", trashed)).status == 404
    assert (await call(api, "/file/get", kept)).status == 200


async def test_all_bins_are_cleared_at_once(api):
    """13.19: an item with a task for each drive of the caller."""
    await api.emulator.put_drive("2", owner="superadmin")
    (file_id,) = await add(api, "a", drive_id="2")
    await api.emulator.trash_file(file_id, drive_id="2")
    got = await api.post("/recyclebin/clear_all")
    assert got.status == 200
    assert [one["drive_id"] for one in got.data["items"]] == ["1", "2"]
    for one in got.data["items"]:
        assert one["task_id"] == one["async_task_id"]
        asked = {"async_task_id": one["async_task_id"]}
        assert (await api.post("/async_task/get", asked)).data["state"] == "Succeed"
    assert await search_all(api) == []


async def test_the_bin_deletes_what_is_too_old(api):
    """12: the time that is left is shown; a file that was restored meanwhile stays."""
    api.emulator.settings = Settings(trash_life_s=100)
    old, back = await add(api, "old", "back")
    for file_id in (old, back):
        await call(api, "/recyclebin/trash", file_id)
    api.emulator.clock.advance(30)
    listed = await api.post("/recyclebin/list", {"drive_id": "1"})
    assert {one["auto_delete_left_sec"] for one in listed.data["items"]} == {70}
    assert (await call(api, "/file/get", old)).data["auto_delete_left_sec"] == 70
    await call(api, "/recyclebin/restore", back)
    await call(api, "/recyclebin/trash", back)
    api.emulator.clock.advance(70)
    assert await bin_names(api) == ["back"]
    assert (await call(api, "/file/get", old)).status == 404
    api.emulator.clock.advance(30)
    assert await bin_names(api) == []


# ---- tasks


async def test_a_slow_task_shows_how_far_it_is(api):
    """9: Running and growing by the clock; nothing is done before it ends."""
    api.emulator.settings = Settings(task_duration_s=10)
    await add(api, "a/b", "a/c", "a/d")
    outer = (await api.search("type = 'folder'")).data["items"][0]["file_id"]
    got = await call(api, "/file/copy", outer, to_parent_file_id="root", new_name="z")
    first = await task(api, got)
    assert (first["state"], first["total_process"], first["consumed_process"]) == ("Running", 4, 0)
    assert (first["finished_at"], first["error_code"]) == ("", "")
    api.emulator.clock.advance(6)
    half = await task(api, got)
    assert (half["state"], half["consumed_process"]) == ("Running", 2)
    assert (await call(api, "/file/get", got.data["file_id"])).status == 404
    api.emulator.clock.advance(4)
    # The work is done without anybody asking for the task.
    assert (await call(api, "/file/get", got.data["file_id"])).data["name"] == "z"
    done = await task(api, got)
    assert (done["state"], done["consumed_process"]) == ("Succeed", 4)
    assert done["finished_at"] > done["started_at"]


@pytest.mark.parametrize(
    ("outcome", "failed", "gone"),
    [("Failed", 2, False), ("PartialSucceed", 1, True)],
    ids=["Failed", "PartialSucceed"],
)
async def test_tasks_fail_by_a_switch(api, outcome, failed, gone):
    """9: terminal states with an error; only a partial success has done its work."""
    api.emulator.settings = Settings(task_outcome=outcome)
    (inner,) = await add(api, "a/b")
    outer = (await api.search("type = 'folder'")).data["items"][0]["file_id"]
    got = await call(api, "/file/delete", outer)
    ended = await task(api, got)
    assert (ended["state"], ended["failed_process"]) == (outcome, failed)
    assert ended["consumed_process"] == 2 - failed
    assert ended["error_code"]
    assert ended["error_message"]
    assert ended["err_code"] >= 400
    assert ((await call(api, "/file/get", inner)).status == 404) is gone


async def test_what_has_changed_meanwhile_fails_the_task(api):
    """The file is gone when the work begins: Failed, NotFound, and nothing half done."""
    api.emulator.settings = Settings(task_duration_s=10)
    await add(api, "a/b")
    outer = (await api.search("type = 'folder'")).data["items"][0]["file_id"]
    got = await call(api, "/file/move", outer, to_parent_file_id="root", new_name="z")
    await api.emulator.delete_file(outer)
    api.emulator.clock.advance(10)
    ended = await task(api, got)
    assert (ended["state"], ended["error_code"], ended["err_code"]) == (
        "Failed",
        "NotFound.FileId",
        404,
    )


@pytest.mark.parametrize("tasks", ["always", "never"])
async def test_everything_or_nothing_is_a_task(api, tasks):
    """9: clients go by the id, and not by what they asked for."""
    api.emulator.settings = Settings(tasks=tasks)
    (file_id,) = await add(api, "a")
    outer = await folder(api, "b")
    for one in (file_id, outer):
        got = await call(api, "/file/copy", one, to_parent_file_id="root", new_name="c")
        assert bool(got.data["async_task_id"]) is (tasks == "always")
        assert got.status == (202 if tasks == "always" else 201)
        assert (await call(api, "/file/get", got.data["file_id"])).status == 200
        got = await call(api, "/recyclebin/trash", one)
        assert got.status == (202 if tasks == "always" else 204)
    assert sorted(await bin_names(api)) == ["a", "b"]


async def test_unknown_and_forgotten_tasks_are_not_found(api):
    """9: 404 NotFound.AsyncTask; how long finished ones are kept is a switch (17.9)."""
    got = await api.post("/async_task/get", {"async_task_id": "nonsense"})
    assert (got.status, got.code) == (404, "NotFound.AsyncTask")
    trashed = await call(api, "/recyclebin/trash", await folder(api, "a"))
    api.emulator.settings = Settings(task_life_s=60)
    api.emulator.clock.advance(59)
    assert (await task(api, trashed))["state"] == "Succeed"
    api.emulator.clock.advance(1)
    assert (await task(api, trashed))["code"] == "NotFound.AsyncTask"


async def test_a_restart_does_not_lose_a_task(run, tmp_path):
    """Its work is done by whoever is there when it is due, once."""
    path = tmp_path / "pds.db"
    async with run(database=path, settings=Settings(task_duration_s=60)) as api:
        await add(api, "a/b")
        outer = (await api.search("type = 'folder'")).data["items"][0]["file_id"]
        begun = await call(api, "/file/copy", outer, to_parent_file_id="root", new_name="z")
    async with run(database=path) as api, run(database=path) as other:
        assert (await task(api, begun))["state"] == "Running"
        for one in (api, other):
            one.emulator.clock.advance(60)
        assert (await task(other, begun))["state"] == "Succeed"
        assert (await task(api, begun))["state"] == "Succeed"
        found = await api.search("type = 'folder'")
        assert [one["name"] for one in found.data["items"]] == ["a", "z"]
