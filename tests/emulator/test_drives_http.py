"""Drives and the domain over raw HTTP."""

from __future__ import annotations

import pytest

from pdsclient.emulator import Settings


async def make_drive(api, **data):
    asked = {"drive_name": "d", "owner": "bob", "owner_type": "user", **data}
    return await api.post("/drive/create", asked)


async def ids(api, path, **data):
    """All of a list, in pages of two, and the last page."""
    found, marker = [], ""
    while True:
        page = (await api.post(path, {"limit": 2, "marker": marker, **data})).data
        found += [drive["drive_id"] for drive in page["items"]]
        marker = page["next_marker"]
        if not marker:
            return found, page


@pytest.fixture
async def bob(api):
    """Somebody without a drive, and a token for them."""
    await api.emulator.put_user("bob")
    return api.emulator.issue_token(user_id="bob").access_token


async def test_user_with_a_drive(api):
    """JS-FT 9: import makes a drive; its size and name are changed; another default follows."""
    asked = {
        "authentication_type": "mobile",
        "identity": "135",
        "nick_name": "WWJ-",
        "auto_create_drive": True,
        "drive_total_size": 1 << 30,
    }
    user = (await api.post("/user/import", asked)).data
    drive_id = user["default_drive_id"]
    changed = await api.post("/drive/update", {"drive_id": drive_id, "total_size": 50000})
    assert changed.data["total_size"] == 50000
    listing = {"limit": 100, "marker": "", "owner_type": "user", "owner": user["user_id"]}
    listed = (await api.post("/drive/list", listing)).data["items"]
    assert [drive["drive_id"] for drive in listed] == [drive_id]
    gone = await api.post("/drive/delete", {"drive_id": drive_id})
    assert (gone.status, gone.body) == (204, b"")
    # As the vendor's SDK does it: without an owner_type.
    new = await api.post(
        "/drive/create",
        {"drive_name": "123456", "owner": user["user_id"], "total_size": 1045504, "default": True},
    )
    assert new.status == 201
    default = await api.post("/drive/get_default_drive", {"user_id": user["user_id"]})
    assert default.data["drive_id"] == new.data["drive_id"]
    named = await api.post(
        "/drive/update", {"drive_id": new.data["drive_id"], "drive_name": "abcd"}
    )
    assert (named.data["drive_name"], named.data["total_size"]) == ("abcd", 1045504)
    await api.post("/drive/delete", {"drive_id": new.data["drive_id"]})
    assert (await api.post("/user/delete", {"user_id": user["user_id"]})).status == 204


async def test_group_drives(api, bob):
    """JS-FT 10: a search finds only group drives; members list the drives of their groups."""
    group = (await api.post("/group/create", {"group_name": "g"})).data["group_id"]
    low = {"group_name": "low", "parent_group_id": group}
    below = (await api.post("/group/create", low)).data["group_id"]
    made = await make_drive(api, owner=group, owner_type="group", total_size=1045504)
    drive_id = made.data["drive_id"]
    found = (await api.post("/drive/search", {"owner_type": "group"})).data["items"]
    assert [(one["owner_type"], one["drive_id"]) for one in found] == [("group", drive_id)]
    assert (await api.post("/drive/list_my_drives")).data["items"][0]["drive_id"] == "1"
    assert (await ids(api, "/drive/list_my_group_drive", owner_type="group"))[0] == [drive_id]

    mine = await api.post("/drive/list_my_group_drive", token=bob)
    assert mine.data["items"] == []
    files = {"drive_id": drive_id, "parent_file_id": "root"}
    assert (await api.post("/file/list", files, token=bob)).code == "ForbiddenNoPermission.Drive"
    await api.post(
        "/group/add_member", {"group_id": below, "member_id": "bob", "member_type": "user"}
    )
    mine = await api.post("/drive/list_my_group_drive", token=bob)
    assert [one["drive_id"] for one in mine.data["items"]] == [drive_id]
    assert (await api.post("/drive/get", {"drive_id": drive_id}, token=bob)).status == 200
    refused = await api.post("/group/delete", {"group_id": group})
    assert (refused.status, refused.code) == (409, "StateConflict.Group")


async def test_team_drive_without_rights_for_the_team(api, bob):
    """By a parameter a team's drive is closed to its members until they get a permission."""
    group = (await api.post("/group/create", {"group_name": "g"})).data["group_id"]
    await api.post(
        "/group/add_member", {"group_id": group, "member_id": "bob", "member_type": "user"}
    )
    closed = {"disable_assign_group_default_permission": True}
    made = await make_drive(api, owner=group, owner_type="group", **closed)
    asked = {"drive_id": made.data["drive_id"]}
    got = await api.post("/drive/get", asked, token=bob)
    assert (got.status, got.code) == (403, "ForbiddenNoPermission.Drive")
    permission = {
        "identity": {"identity_type": "IT_Group", "identity_id": group},
        "role_id": "SystemFileViewer",
    }
    members = {"file_id": "root", "member_list": [permission]}
    assert (await api.post("/file/add_permission", asked | members)).status == 204
    assert (await api.post("/drive/get", asked, token=bob)).status == 200


async def test_drive_of_the_enterprise(api, bob):
    """The drive of a root group comes beside the list, to its members."""
    asked = {"group_name": "all", "is_root": True}
    root = (await api.post("/group/create", asked)).data["group_id"]
    drive_id = (await make_drive(api, owner=root, owner_type="group")).data["drive_id"]
    assert "root_group_drive" not in (await api.post("/drive/list_my_group_drive", token=bob)).data
    await api.post(
        "/group/add_member", {"group_id": root, "member_id": "bob", "member_type": "user"}
    )
    got = (await api.post("/drive/list_my_group_drive", token=bob)).data
    assert got["root_group_drive"]["drive_id"] == drive_id


async def test_new_drive(api, bob):
    """A new drive is as it was asked for, and its owner may use it."""
    made = await make_drive(api, description="what for", status="enabled")
    assert made.status == 201
    drive = made.data
    assert drive["drive_id"].isdecimal()
    assert (
        drive.items()
        >= {
            "drive_name": "d",
            "owner": "bob",
            "owner_type": "user",
            "description": "what for",
            "status": "enabled",
            "creator": "superadmin",
            "used_size": 0,
        }.items()
    )
    assert "total_size" not in drive
    assert (await api.post("/drive/get", {"drive_id": drive["drive_id"]})).data == drive
    own = await api.post("/drive/list_my_drives", token=bob)
    assert [one["drive_id"] for one in own.data["items"]] == [drive["drive_id"]]
    none = await api.post("/drive/get_default_drive", token=bob)
    assert (none.status, none.code) == (404, "NotFound.Drive")


async def test_used_size(api):
    """Drive and domain say how many bytes their files have; sizes of 0 are without limit."""
    await api.emulator.add_files([{"name": "a", "size": 5}, {"name": "b", "size": 7}])
    assert (await api.post("/drive/get", {"drive_id": "1"})).data["used_size"] == 12
    # JS-FT 8.
    quota = (await api.post("/domain/get_quota")).data
    assert quota == {
        "size_quota": 0,
        "size_used": 12,
        "user_count_quota": 0,
        "user_count_used": 1,
    }


async def test_drives_with_files_are_kept(api, bob):
    """A drive with files, if only in its recycle bin, is deleted by force only, and for good."""
    drive_id = (await make_drive(api)).data["drive_id"]
    rows = [{"path": "a/b/c.txt", "size": 1}, {"name": "d"}]
    file_ids = await api.emulator.add_files(rows, drive_id=drive_id)
    await api.emulator.trash_file(file_ids[1], drive_id=drive_id)
    data = {"drive_id": drive_id}
    refused = await api.post("/drive/delete", data)
    assert (refused.status, refused.code) == (409, "StateConflict.Drive")
    assert (await api.post("/drive/delete", data | {"force": True})).status == 204
    assert (await api.post("/drive/get", data)).code == "NotFound.Drive"
    gone = await api.post("/file/get", data | {"file_id": file_ids[0]})
    assert gone.code == "NotFound.Drive"
    assert (await make_drive(api)).data["drive_id"] != drive_id


async def test_lists_of_drives(api, bob):
    """Lists and searches filter by owner, type and name, in pages."""
    made = [(await make_drive(api, drive_name=f"Name {n}")).data["drive_id"] for n in range(5)]
    assert (await ids(api, "/drive/list"))[0] == ["1", *made]
    assert (await ids(api, "/drive/list", owner="bob"))[0] == made
    assert (await ids(api, "/drive/list", owner="nobody"))[0] == []
    assert (await ids(api, "/drive/search", drive_name="name"))[0] == made
    assert (await ids(api, "/drive/search", drive_name="name 3"))[0] == [made[3]]
    assert (await api.post("/drive/list", {"owner_type": "x"})).code == "InvalidParameter.OwnerType"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({"drive_name": None}, "InvalidParameterMissing.DriveName"),
        ({"drive_name": "x" * 129}, "InvalidParameterOutOfRange.DriveName"),
        ({"description": "x" * 1025}, "InvalidParameterOutOfRange.Description"),
        ({"owner": ""}, "InvalidParameterMissing.Owner"),
        ({"owner": "nobody"}, "NotFound.User"),
        ({"owner": "nobody", "owner_type": "group"}, "NotFound.Group"),
        ({"owner_type": "x"}, "InvalidParameter.OwnerType"),
        ({"total_size": -2}, "InvalidParameter.TotalSize"),
        ({"total_size": "1"}, "InvalidParameterWrongFormat.TotalSize"),
        ({"status": "x"}, "InvalidParameter.Status"),
        ({"owner_type": "group", "default": True}, "InvalidParameter.Default"),
    ],
)
async def test_limits_of_drives(api, bob, data, code):
    """A drive that cannot be is refused."""
    assert (await make_drive(api, **data)).code == code
    assert (await ids(api, "/drive/list"))[0] == ["1"]


async def test_update_of_drives(api, bob):
    """The size -1 is without limit; owner and status change; unknown ones are refused."""
    drive_id = (await make_drive(api, total_size=0)).data["drive_id"]

    async def changed(**data):
        return await api.post("/drive/update", {"drive_id": drive_id, **data})

    assert (await changed(total_size=-1)).data["total_size"] == -1
    assert (await changed(status="disabled")).data["status"] == "disabled"
    assert (await changed(owner="nobody")).code == "NotFound.User"
    assert (await changed(owner="superadmin")).data["owner"] == "superadmin"
    assert (await api.post("/drive/list_my_drives", token=bob)).data["items"] == []
    assert (await api.post("/drive/update", {"drive_id": "99"})).code == "NotFound.Drive"


@pytest.mark.parametrize("pages", ["short", "empty"])
async def test_pages_of_drives_may_be_short(run, pages):
    """Short and empty pages lose nothing, in any of the lists."""
    async with run(settings=Settings(pages=pages)) as api:
        group = (await api.post("/group/create", {"group_name": "g"})).data["group_id"]
        owners = {"owner": group, "owner_type": "group"}
        made = [(await make_drive(api, **owners)).data["drive_id"] for _ in range(3)]
        for path in ("/drive/search", "/drive/list_my_group_drive"):
            assert (await ids(api, path, drive_name="d"))[0][-3:] == made
        assert (await ids(api, "/drive/list"))[0] == ["1", *made]


# ---- the domain


async def test_domain(api):
    """There is one domain, with times in RFC 3339; what is changed stays."""
    data = {"domain_id": api.emulator.domain_id}
    got = (await api.post("/domain/get", data)).data
    assert (got["domain_id"], got["status"], got["size_quota"]) == ("bj1", 1, 0)
    assert got["created_at"].endswith("Z")
    asked = data | {"domain_name": "Mine", "description": "d", "init_drive_size": 5}
    changed = (await api.post("/domain/update", asked)).data
    assert (changed["domain_name"], changed["init_drive_size"]) == ("Mine", 5)
    assert changed["created_at"] == got["created_at"]
    user = (await api.post("/user/create", {"user_id": "u"})).data
    drive = (await api.post("/drive/get", {"drive_id": user["default_drive_id"]})).data
    assert drive["total_size"] == 5
    strategy = {"effect": "deny", "except_app_id_list": ["a"]}
    denied = await api.post("/domain/update", data | {"published_app_access_strategy": strategy})
    assert denied.data["published_app_access_strategy"] == strategy
    for path in ("/domain/list", "/domain/search"):
        (item,) = (await api.post(path, {"order_by": "created_at"})).data["items"]
        assert item["domain_name"] == "Mine"
    assert (await api.post("/domain/search", {"name": "min"})).data["items"] != []
    assert (await api.post("/domain/search", {"name": "x"})).data["items"] == []
    assert (await api.post("/domain/list", {"parent_domain_id": "x"})).data["items"] == []
    quota = await api.post("/domain/get", data | {"get_quota_used": True})
    assert quota.data["size_quota_used"] == 0
    assert (await api.post("/domain/get", {"domain_id": "x"})).code == "NotFound.Domain"


@pytest.mark.parametrize("path", ["/domain/create", "/domain/delete", "/domain/create_order"])
async def test_domains_are_made_elsewhere(api, path):
    """Making and deleting domains, and orders, belong to another service."""
    got = await api.post(path, {"domain_id": "bj1", "domain_name": "x"})
    assert (got.status, got.code) == (400, "OperationNotSupport")
