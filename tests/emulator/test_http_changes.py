"""Raw HTTP: update, names, tags, copy, move, delete (pds-service.md 6.4, 12, 13, 18)."""

from __future__ import annotations

import re

import pytest

from pdsclient.emulator import Settings

DAYS = list(enumerate("abcd", 1))
STAMPED = re.compile(r"_\d{8}_\d{6}")


async def add(api, *rows, **more):
    return await api.emulator.add_files(
        [row if isinstance(row, dict) else {"path": row} for row in rows], **more
    )


async def folder(api, name, parent="root"):
    row = {"name": name, "type": "folder", "parent_file_id": parent}
    return (await api.emulator.add_files([row]))[0]


async def call(api, path, file_id, **more):
    return await api.post(path, {"drive_id": "1", "file_id": file_id, **more})


async def names(api, parent="root", **more):
    data = {"drive_id": "1", "parent_file_id": parent, "order_by": "name", **more}
    return [one["name"] for one in (await api.post("/file/list", data)).data["items"]]


async def by_name(api, name, parent="root"):
    got = await api.post("/file/list", {"drive_id": "1", "parent_file_id": parent})
    return next(one for one in got.data["items"] if one["name"] == name)


# ---- update


async def test_a_rename_is_answered_with_the_new_name(api):
    """13.12: the reply and the next get have it."""
    (file_id,) = await add(api, "old.txt")
    got = await call(api, "/file/update", file_id, name="new.png")
    assert (got.status, got.data["name"], got.data["category"]) == (200, "new.png", "image")
    assert (await call(api, "/file/get", file_id)).data["name"] == "new.png"


async def test_a_rename_onto_a_taken_name_is_refused(api):
    """18: 409 AlreadyExist.File, which names the file that has the name."""
    taken, other = await folder(api, "docs"), await folder(api, "other")
    got = await call(api, "/file/update", other, name="docs", check_name_mode="refuse")
    assert (got.status, got.code) == (409, "AlreadyExist.File")
    assert got.data["message"].endswith(f"file_id {taken}")
    assert (await call(api, "/file/get", other)).data["name"] == "other"
    got = await call(api, "/file/update", other, name="other", check_name_mode="refuse")
    assert got.status == 200


async def test_a_refused_rename_may_answer_with_the_existing_file(api):
    """14: what the metadata of the API says."""
    api.emulator.settings = Settings(rename_refused="existing")
    taken, other = await add(api, "a", "b")
    got = await call(api, "/file/update", other, name="a", check_name_mode="refuse")
    assert (got.status, got.data["file_id"]) == (200, taken)


async def test_names_are_not_unique_unless_asked_for(api):
    """10.2: ignore is the default, auto_rename appends the time before the extension."""
    await add(api, "a.txt")
    second, third, fourth = await add(api, "2", "3", "4")
    assert (await call(api, "/file/update", second, name="a.txt")).data["name"] == "a.txt"
    made = []
    for file_id in (third, fourth):
        got = await call(api, "/file/update", file_id, name="a.txt", check_name_mode="auto_rename")
        made.append(got.data["name"])
    assert re.fullmatch(rf"a{STAMPED.pattern}\.txt", made[0])
    assert made[0] != made[1]


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        (Settings(), 409),
        (Settings(name_clash="same-type"), 200),
    ],
    ids=["any-type", "same-type"],
)
async def test_files_and_folders_clash_by_a_switch(api, settings, status):
    """10.2: whether a file and a folder of one name clash is unknown."""
    api.emulator.settings = settings
    await folder(api, "a")
    (file_id,) = await add(api, "b")
    got = await call(api, "/file/update", file_id, name="a", check_name_mode="refuse")
    assert got.status == status


@pytest.mark.parametrize(
    ("settings", "status"),
    [(Settings(), 200), (Settings(name_case="insensitive"), 409)],
    ids=["sensitive", "insensitive"],
)
async def test_names_in_other_case_clash_by_a_switch(api, settings, status):
    """17.11: assumed to be other names."""
    api.emulator.settings = settings
    _, other = await add(api, "Straße", "b")
    got = await call(api, "/file/update", other, name="STRASSE", check_name_mode="refuse")
    assert got.status == status


async def test_members_are_set_and_emptied(api):
    """What is not sent stays, an empty text goes; the server's own times cannot be set (16.18)."""
    (file_id,) = await add(api, "a")
    before = (await call(api, "/file/get", file_id)).data
    sent = {
        "description": "d",
        "hidden": True,
        "labels": ["l"],
        "local_modified_at": "2020-01-02T03:04:05Z",
        "user_meta": "{}",
        "meta": "m",
        "encrypt_mode": "none",
    }
    got = await call(api, "/file/update", file_id, created_at="1999-01-01T00:00:00.000Z", **sent)
    assert {**got.data, "local_modified_at": "2020-01-02T03:04:05Z"}.items() >= sent.items()
    assert got.data["created_at"] == before["created_at"]
    got = await call(api, "/file/update", file_id, description="", labels=[])
    assert not {"description", "labels"} & set(got.data)
    assert got.data["meta"] == "m"


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({"name": "a/b"}, "InvalidParameter.Name"),
        ({"name": "a\\b"}, "InvalidParameter.Name"),
        ({"name": "x" * 1025}, "InvalidParameter.Name"),
        ({"description": "x" * 1025}, "InvalidParameterOutOfRange.Description"),
        ({"labels": ["x"] * 101}, "InvalidParameterOutOfRange.Labels"),
        ({"labels": ["x" * 129]}, "InvalidParameterOutOfRange.Labels"),
        ({"labels": "x"}, "InvalidParameterWrongFormat.Labels"),
        ({"starred": "yes"}, "InvalidParameterWrongFormat.Starred"),
        ({"check_name_mode": "overwrite"}, "InvalidParameter.CheckNameMode"),
        ({"local_modified_at": "yesterday"}, "InvalidParameter.LocalModifiedAt"),
    ],
    ids=lambda value: value if isinstance(value, str) else next(iter(value)),
)
async def test_what_no_file_can_have_is_refused(api, sent, code):
    """400, and nothing is changed."""
    (file_id,) = await add(api, "a")
    got = await call(api, "/file/update", file_id, **sent)
    assert (got.status, got.code) == (400, code)


@pytest.mark.parametrize(
    "path",
    [
        "/file/update",
        "/file/copy",
        "/file/move",
        "/file/put_usertags",
        "/file/delete_usertags",
        "/recyclebin/trash",
    ],
)
async def test_what_is_in_the_bin_cannot_be_changed(api, path):
    """3.4: 403 ForbiddenFileInTheRecycleBin."""
    (file_id,) = await add(api, "a")
    await api.emulator.trash_file(file_id)
    got = await call(
        api,
        path,
        file_id,
        to_parent_file_id="root",
        user_tags=[{"key": "k", "value": "v"}],
        key_list=["k"],
    )
    assert (got.status, got.code) == (403, "ForbiddenFileInTheRecycleBin")
    assert (
        await call(
            api, path, "0" * 40, to_parent_file_id="root", key_list=["k"], user_tags=[{"key": "k"}]
        )
    ).code == "NotFound.FileId"


# ---- stars


async def test_starred_files_are_listed_at_once(api):
    """13.18: all four after the update, none after the unstarring."""
    file_ids = await add(
        api, *({"name": name, "created_at": f"2020-01-0{day}T00:00:00Z"} for day, name in DAYS)
    )
    for file_id in file_ids:
        await call(api, "/file/update", file_id, starred=True, custom_index_key="starred_yes")
    wanted = {"drive_id": "1", "custom_index_key": "starred_yes"}
    got = await api.post("/file/list_by_custom_index_key", wanted)
    assert [one["file_id"] for one in got.data["items"]] == file_ids
    assert all(one["starred"] for one in got.data["items"])
    down = await api.post(
        "/file/list_by_custom_index_key", {**wanted, "order_direction": "DESC", "limit": 3}
    )
    assert [one["name"] for one in down.data["items"]] == ["d", "c", "b"]
    rest = await api.post(
        "/file/list_by_custom_index_key",
        {**wanted, "order_direction": "DESC", "limit": 3, "marker": down.data["next_marker"]},
    )
    assert [one["name"] for one in rest.data["items"]] == ["a"]
    await api.emulator.trash_file(file_ids[0])
    for file_id in file_ids[1:]:
        await call(api, "/file/update", file_id, starred=False, custom_index_key="")
    assert (await api.post("/file/list_by_custom_index_key", wanted)).data["items"] == []


# ---- paths and checks


async def test_files_are_found_by_path(api):
    """13.20: with a slash at the end too; the top has no answer."""
    await add(api, "test/folder-01/x.txt")
    for path, name in [
        ("/test/folder-01", "folder-01"),
        ("/test/", "test"),
        ("test/folder-01/x.txt", "x.txt"),
    ]:
        got = await api.post("/file/get_by_path", {"drive_id": "1", "file_path": path})
        assert (got.status, got.data["name"]) == (200, name)
    got = await api.post("/file/get_by_path", {"drive_id": "1", "file_path": "/test/x.txt/a"})
    assert (got.status, got.code) == (404, "NotFound.File")
    got = await api.post("/file/get_by_path", {"drive_id": "1", "file_path": "/"})
    assert (got.status, got.code) == (400, "InvalidParameter.FilePath")


async def test_the_name_check_tells_who_has_the_name(api):
    """13.25: success before, and afterwards the file, as an answer and not as an error."""
    asked = {"drive_id": "1", "parent_file_id": "root", "name": "a", "type": "file"}
    assert (await api.post("/file/pre_create_check", asked)).data == {"result_code": "success"}
    (file_id,) = await add(api, "a")
    taken = {
        "result_code": "NameCheckFailed.ExistSameNameFile",
        "name_check_result": {"exist_file_id": file_id, "exist_file_type": "file"},
    }
    assert (await api.post("/file/pre_create_check", asked)).data == taken
    api.emulator.settings = Settings(pre_check_lag_s=2)
    assert (await api.post("/file/pre_create_check", asked)).data == {"result_code": "success"}
    api.emulator.clock.advance(2)
    assert (await api.post("/file/pre_create_check", asked)).data == taken
    got = await api.post("/file/pre_create_check", {**asked, "parent_file_id": "f" * 40})
    assert (got.status, got.code) == (404, "NotFound.ParentFileId")


# ---- tags


async def test_tags_are_merged_and_removed_by_key(api):
    """13.26: put overwrites one and adds one, delete removes one; a list in, a map out."""
    (file_id,) = await add(api, {"name": "a", "user_tags": {"k": "v"}})
    assert (await call(api, "/file/get", file_id)).data["user_tags"] == {"k": "v"}
    tags = [{"key": "k", "value": "w"}, {"key": "n", "value": "1"}]
    got = await call(api, "/file/put_usertags", file_id, user_tags=tags)
    assert (got.status, got.data) == (200, {"file_id": file_id})
    assert (await call(api, "/file/get", file_id)).data["user_tags"] == {"k": "w", "n": "1"}
    got = await call(api, "/file/delete_usertags", file_id, key_list=["k", "absent"])
    assert (got.status, got.body) == (204, b"")
    assert (await call(api, "/file/get", file_id)).data["user_tags"] == {"n": "1"}
    await call(api, "/file/delete_usertags", file_id, key_list=["n"])
    assert "user_tags" not in (await call(api, "/file/get", file_id)).data


async def test_listings_show_tags_when_asked(api):
    """6.1: user_tags is one of the extras, by name or with the star."""
    await add(api, {"name": "a", "user_tags": {"k": "v"}})
    asked = {"drive_id": "1", "parent_file_id": "root"}
    for fields, shown in [("", None), ("user_tags", {"k": "v"}), ("*", {"k": "v"})]:
        got = await api.post("/file/list", {**asked, "fields": fields})
        assert got.data["items"][0].get("user_tags") == shown


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ([], "InvalidParameterMissing.UserTags"),
        ([{"value": "v"}], "InvalidParameter.UserTags"),
        ([{"key": "a#b"}], "InvalidParameter.UserTags"),
        ([{"key": "a"}, {"key": "a"}], "InvalidParameter.UserTags"),
        ([{"key": "a", "value": "x" * 2000}], "InvalidParameterOutOfRange.UserTags"),
        ([{"key": str(n)} for n in range(1001)], "InvalidParameterOutOfRange.UserTags"),
        ({"a": "b"}, "InvalidParameterWrongFormat.UserTags"),
    ],
    ids=["none", "no key", "hash", "twice", "long", "many", "map"],
)
async def test_tags_beyond_the_limits_are_refused(api, tags, code):
    """4.2: 1 to 1000, 2000 bytes each, no hash, no key twice."""
    (file_id,) = await add(api, "a")
    got = await call(api, "/file/put_usertags", file_id, user_tags=tags)
    assert (got.status, got.code) == (400, code)


# ---- copy


async def test_a_file_is_copied_at_once(api):
    """1.6: 201 with a new id; content, tags and description go along, the star does not."""
    target = await folder(api, "to")
    (file_id,) = await add(
        api,
        {
            "name": "a.txt",
            "content": b"abc",
            "user_tags": {"k": "v"},
            "starred": True,
            "description": "d",
        },
    )
    got = await call(api, "/file/copy", file_id, to_parent_file_id=target)
    assert (got.status, got.data["async_task_id"]) == (201, "")
    assert re.fullmatch("[0-9a-f]{40}", got.data["file_id"])
    assert got.data["file_id"] != file_id
    copied = (await call(api, "/file/get", got.data["file_id"])).data
    source = (await call(api, "/file/get", file_id)).data
    same = ("name", "content_hash", "size", "user_tags", "description")
    assert [copied[name] for name in same] == [source[name] for name in same]
    assert (copied["parent_file_id"], copied["starred"]) == (target, False)
    assert copied["revision_id"] != source["revision_id"]
    url = (await call(api, "/file/get_download_url", copied["file_id"])).data["url"]
    assert (await api.send("GET", url)).body == b"abc"


async def test_made_up_bytes_are_copied_too(api):
    """A copy of a file without a content of its own reads the same."""
    (file_id,) = await add(api, {"name": "a", "size": 9000})
    copy_id = (await call(api, "/file/copy", file_id, to_parent_file_id="root")).data["file_id"]
    bodies = [
        (await api.send("GET", (await call(api, "/file/get_download_url", one)).data["url"])).body
        for one in (file_id, copy_id)
    ]
    assert bodies[0] == bodies[1]


async def test_a_folder_is_copied_beside_itself_as_a_task(api):
    """13.13: into its own parent with new_name; 202 and a task that is done."""
    await add(api, "a/b/c.txt", "a/d")
    source = (await by_name(api, "a"))["file_id"]
    got = await call(api, "/file/copy", source, to_parent_file_id="root", new_name="copy")
    assert got.status == 202
    assert got.data["async_task_id"]
    assert await names(api) == ["a", "copy"]
    copy = await by_name(api, "copy")
    assert copy["file_id"] == got.data["file_id"]
    assert await names(api, copy["file_id"]) == ["b", "d"]
    assert await names(api, (await by_name(api, "b", copy["file_id"]))["file_id"]) == ["c.txt"]
    assert await names(api, source) == ["b", "d"]
    task = await api.post("/async_task/get", {"async_task_id": got.data["async_task_id"]})
    assert (task.data["state"], task.data["total_process"]) == ("Succeed", 4)


async def test_a_copy_beside_its_source_is_renamed_when_asked(api):
    """JS sends auto_rename always; without it names may be there twice."""
    (file_id,) = await add(api, "a.txt")
    await call(api, "/file/copy", file_id, to_parent_file_id="root")
    await call(api, "/file/copy", file_id, to_parent_file_id="root", auto_rename=True)
    plain, again, renamed = await names(api)
    assert (plain, again) == ("a.txt", "a.txt")
    assert re.fullmatch(rf"a{STAMPED.pattern}\.txt", renamed)


async def test_files_and_folders_are_copied_to_other_drives(api):
    """The copy has the other drive's id, all the way down, and is found there."""
    await api.emulator.put_drive("2", owner="superadmin")
    await add(api, "a/b/c.txt")
    source = (await by_name(api, "a"))["file_id"]
    got = await call(api, "/file/copy", source, to_drive_id="2", to_parent_file_id="root")
    assert got.data["drive_id"] == "2"
    found = await api.search("size >= 0 or type = 'folder'", drive_id="2")
    assert [one["name"] for one in found.data["items"]] == ["a", "b", "c.txt"]
    assert {one["drive_id"] for one in found.data["items"]} == {"2"}
    assert (await api.search("size >= 0")).data["items"][0]["drive_id"] == "1"


async def test_saving_from_a_share_needs_a_drive_to_go_to(api):
    """12: share_id with the share token, and to_drive_id."""
    await api.emulator.put_drive("2", owner="bob", default=True)
    await add(api, "a/b.txt")
    source = (await by_name(api, "a"))["file_id"]
    share = await api.emulator.create_share([source])
    headers = {"x-share-token": api.emulator.issue_share_token(share)}
    token = api.emulator.issue_token(user_id="bob").access_token
    sent = {"share_id": share, "file_id": source, "to_parent_file_id": "root"}
    got = await api.post("/file/copy", sent, headers=headers, token=token)
    assert (got.status, got.code) == (400, "InvalidParameterMissing.ToDriveId")
    got = await api.post("/file/copy", {**sent, "to_drive_id": "2"}, headers=headers, token=token)
    assert got.status == 202
    found = await api.search("type = 'file'", drive_id="2")
    assert [one["name"] for one in found.data["items"]] == ["b.txt"]
    other = {"drive_id": "2", "file_id": found.data["items"][0]["file_id"], "to_share_id": "other"}
    got = await api.post("/file/copy", {**other, "to_parent_file_id": "root"}, token=token)
    assert (got.status, got.code) == (400, "InvalidParameterNotMatch.ToShareId")


@pytest.mark.parametrize("path", ["/file/copy", "/file/move"])
async def test_bad_targets(api, path):
    """3.4: a file, what lies in the source, itself, and what is not there."""
    await add(api, "a/b/c", "file")
    outer = (await by_name(api, "a"))["file_id"]
    inner = (await by_name(api, "b", outer))["file_id"]
    file_id = (await by_name(api, "file"))["file_id"]
    for target in (outer, inner, file_id):
        got = await call(api, path, outer, to_parent_file_id=target)
        assert (got.status, got.code) == (400, "InvalidParameter.ToParentFileId")
    got = await call(api, path, outer, to_parent_file_id="0" * 40)
    assert (got.status, got.code) == (404, "NotFound.ParentFileId")
    got = await call(api, path, outer)
    assert (got.status, got.code) == (400, "InvalidParameterMissing.ToParentFileId")


# ---- move


async def test_a_folder_is_moved_from_the_root(api):
    """13.22: 200 with the id and, for a folder, a task."""
    target, moved = await folder(api, "to"), await folder(api, "moved")
    got = await call(api, "/file/move", moved, to_parent_file_id=target)
    assert (got.status, got.data["file_id"], got.data["exist"]) == (200, moved, False)
    assert got.data["async_task_id"]
    assert (await names(api), await names(api, target)) == (["to"], ["moved"])
    (file_id,) = await add(api, "a")
    assert (await call(api, "/file/move", file_id, to_parent_file_id=target)).data[
        "async_task_id"
    ] == ""


async def test_a_move_onto_a_taken_name(api):
    """12: refuse says that it exists and moves nothing, auto_rename renames, ignore doubles."""
    target = await folder(api, "to")
    (there,) = await add(api, {"name": "a.txt", "parent_file_id": target})
    file_id, second = await add(api, "a.txt", "a.txt")
    got = await call(api, "/file/move", file_id, to_parent_file_id=target, check_name_mode="refuse")
    assert (got.status, got.data["exist"], got.data["file_id"]) == (200, True, there)
    assert await names(api, target) == ["a.txt"]
    await call(api, "/file/move", file_id, to_parent_file_id=target, auto_rename=True)
    assert STAMPED.search((await names(api, target))[1])
    await call(api, "/file/move", second, to_parent_file_id=target, new_name="b")
    assert (await names(api, target))[2] == "b"
    got = await call(api, "/file/move", there, to_parent_file_id=target, auto_rename=True)
    assert (await call(api, "/file/get", there)).data["name"] == "a.txt"


async def test_a_move_to_another_drive_takes_the_ids_along(api):
    """What lies below is there too, with its contents; nothing is left behind."""
    await api.emulator.put_drive("2", owner="superadmin")
    (file_id,) = await add(api, {"path": "a/b.txt", "content": b"abc"})
    source = (await by_name(api, "a"))["file_id"]
    got = await call(api, "/file/move", source, to_drive_id="2", to_parent_file_id="root")
    assert (got.status, got.data["drive_id"], got.data["file_id"]) == (200, "2", source)
    assert (await call(api, "/file/get", file_id)).status == 404
    asked = {"drive_id": "2", "file_id": file_id}
    assert (await api.post("/file/get", asked)).data["drive_id"] == "2"
    url = (await api.post("/file/get_download_url", asked)).data["url"]
    assert (await api.send("GET", url)).body == b"abc"
    assert await names(api) == []


# ---- delete


async def test_deleting_is_for_good(api):
    """13.16: 204 for a file, 202 with a task for a folder; listings are empty afterwards."""
    await add(api, "a/b.txt", "c")
    outer, file_id = (await by_name(api, "a"))["file_id"], (await by_name(api, "c"))["file_id"]
    got = await call(api, "/file/delete", file_id, permanently=True)
    assert (got.status, got.body) == (204, b"")
    got = await call(api, "/file/delete", outer)
    assert (got.status, got.data["drive_id"], got.data["file_id"]) == (202, "1", outer)
    assert await names(api) == []
    assert (await call(api, "/file/delete", file_id)).code == "NotFound.FileId"


async def test_uploads_and_what_is_in_the_bin_can_be_deleted(api):
    """10.5: deleting the unfinished file discards it."""
    up, binned = await add(api, {"name": "up", "status": "uploading"}, "binned")
    await api.emulator.trash_file(binned)
    for file_id in (up, binned):
        assert (await call(api, "/file/delete", file_id)).status == 204
        assert (await call(api, "/file/get", file_id)).status == 404


async def test_what_is_done_may_be_answered_200_with_ids(api):
    """1.6: 200 or 204; an empty async_task_id says that it is done."""
    api.emulator.settings = Settings(done_status=200)
    first, second = await add(api, "a", "b")
    got = await call(api, "/recyclebin/trash", first)
    assert got.status == 200
    assert got.data == {
        "domain_id": "bj1",
        "drive_id": "1",
        "file_id": first,
        "async_task_id": "",
    }
    assert (await call(api, "/recyclebin/restore", first)).data["async_task_id"] == ""
    assert (await call(api, "/file/delete", second)).status == 200


async def test_search_learns_of_all_changes_late(run):
    """5.9: create, rename, move, delete and star are seen after the delay, by get at once."""
    async with run(settings=Settings(index_delay_s=5)) as api:
        await add(api, "a/b.txt", "c")
        api.emulator.clock.advance(5)
        outer, file_id = (await by_name(api, "a"))["file_id"], (await by_name(api, "c"))["file_id"]
        await call(api, "/file/update", file_id, name="d", starred=True)
        await call(api, "/file/move", file_id, to_parent_file_id=outer)
        await call(api, "/file/copy", outer, to_parent_file_id="root", new_name="z")

        async def seen():
            got = await api.search("size >= 0 or type = 'folder'")
            return [one["name"] for one in got.data["items"]]

        assert await seen() == ["a", "b.txt", "c"]
        assert (await api.search("starred = true")).data["items"] == []
        api.emulator.clock.advance(5)
        assert await seen() == ["a", "b.txt", "b.txt", "d", "d", "z"]
        assert len((await api.search("starred = true")).data["items"]) == 1
        await call(api, "/file/delete", outer)
        assert len(await seen()) == 6
        api.emulator.clock.advance(5)
        assert await seen() == ["b.txt", "d", "z"]


async def test_a_full_drive_takes_no_copy(api):
    """3.4: QuotaExhausted.Drive, for what is below a folder too."""
    await api.emulator.put_drive("2", owner="superadmin", total_size=100)
    await add(api, {"path": "a/b", "size": 60}, {"path": "a/c", "size": 60})
    a = (await by_name(api, "a"))["file_id"]
    b = (await by_name(api, "b", a))["file_id"]
    to = {"to_drive_id": "2", "to_parent_file_id": "root"}
    got = await call(api, "/file/copy", a, **to)
    assert (got.status, got.code) == (400, "QuotaExhausted.Drive")
    assert (await call(api, "/file/copy", b, **to)).status == 201
    for path in ("/file/copy", "/file/move"):
        assert (await call(api, path, b, **to)).code == "QuotaExhausted.Drive"


async def test_an_id_is_in_a_drive_once(api):
    """A move to a drive that has the id already is a conflict, and moves nothing."""
    await api.emulator.put_drive("2", owner="superadmin")
    for drive_id in ("1", "2"):
        await add(api, {"name": "a", "file_id": "f1"}, drive_id=drive_id)
    got = await call(api, "/file/move", "f1", to_drive_id="2", to_parent_file_id="root")
    assert (got.status, got.code) == (409, "AlreadyExist.File")
    assert (await call(api, "/file/get", "f1")).status == 200


async def test_files_of_a_served_directory_are_copied_and_moved(run, tmp_path):
    """Also to another drive; the directory stays as it is, and what is gone from it is gone."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.txt").write_bytes(b"abc")
    async with run(tmp_path) as api:
        await api.emulator.put_drive("2", owner="superadmin")
        a = (await by_name(api, "a"))["file_id"]
        await call(api, "/file/copy", a, to_drive_id="2", to_parent_file_id="root")
        await call(api, "/file/move", a, to_drive_id="2", to_parent_file_id="root", new_name="m")
        found = (await api.search("type = 'file'", drive_id="2")).data["items"]
        assert [one["name"] for one in found] == ["b.txt", "b.txt"]
        for one in found:
            asked = {"drive_id": "2", "file_id": one["file_id"]}
            url = (await api.post("/file/get_download_url", asked)).data["url"]
            assert (await api.send("GET", url)).body == b"abc"
        (tmp_path / "a" / "b.txt").unlink()
        assert (await api.post("/file/get", asked)).status == 404
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
