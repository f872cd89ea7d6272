"""Folders shared with users and groups, over raw HTTP: what members may do, and who sees it."""

from __future__ import annotations

import pytest

from pdsclient.emulator import Settings
from pdsclient.emulator.roles import EVERYTHING, ROLES

FOREVER = 4_775_500_800_000


class Drive:
    """The default drive with a tree in it, and a user who owns nothing of it."""

    def __init__(self, api, ids):
        self.api = api
        self.ids = ids
        self.token = api.emulator.issue_token(user_id="ann").access_token

    async def share(self, path, role="SystemFileDownloader", *, user="ann", group="", **more):
        member = {"identity": identity(user, group), "role_id": role, **more}
        file_id = self.ids.get(path, path)
        data = {"drive_id": "1", "file_id": file_id, "member_list": [member]}
        return await self.api.post("/file/add_permission", data)

    async def ann(self, operation, path=None, **more):
        """A call by the user about the file at a path."""
        data = {"drive_id": "1", **more}
        if path is not None:
            data["file_id"] = self.ids[path]
        return await self.api.post(operation, data, token=self.token)

    async def found(self, query="name match ''", **more):
        """What a search by the user finds, by name."""
        data = {"query": query, "order_by": "name ASC", "return_total_count": True, **more}
        got = (await self.ann("/file/search", **data)).data
        names = [one["name"] for one in got["items"]]
        assert got["total_count"] == len(names)
        return names


def identity(user, group=""):
    kind, one = ("IT_Group", group) if group else ("IT_User", user)
    return {"identity_type": kind, "identity_id": one}


@pytest.fixture
async def drive(api):
    """`a/b/c.txt`, `a/d.jpg` and `x/y.txt`."""
    paths = ("a/b/c.txt", "a/d.jpg", "x/y.txt")
    await api.emulator.add_files([{"path": path, "content": b"0123456789"} for path in paths])
    found = (await api.search("size >= 0 or type = 'folder'", fields="name_path")).data["items"]
    return Drive(api, {one["name_path"].removeprefix("root/"): one["file_id"] for one in found})


async def test_without_permission_a_drive_is_closed(drive):
    """A stranger is told 403 about the drive, whatever they ask."""
    for path in ("/file/get", "/file/list_permission", "/file/get_download_url"):
        got = await drive.ann(path, "a")
        assert (got.status, got.code) == (403, "ForbiddenNoPermission.Drive")
    got = await drive.ann("/file/search", query="size > 0")
    assert got.code == "ForbiddenNoPermission.Drive"


async def test_a_permission_opens_a_folder_and_what_is_below(drive):
    """Add answers 204; then the folder and all below are open, and nothing beside it."""
    got = await drive.share("a")
    assert (got.status, got.body) == (204, b"")
    for path in ("a", "a/b", "a/b/c.txt"):
        assert (await drive.ann("/file/get", path)).status == 200
    assert (await drive.ann("/file/get_download_url", "a/b/c.txt")).status == 200
    listed = await drive.ann("/file/list", parent_file_id=drive.ids["a"])
    assert {one["name"] for one in listed.data["items"]} == {"b", "d.jpg"}
    for path in ("x", "x/y.txt"):
        got = await drive.ann("/file/get", path)
        assert (got.status, got.code) == (403, "ForbiddenNoPermission.File")
    got = await drive.ann("/file/list", parent_file_id="root")
    assert got.code == "ForbiddenNoPermission.File"
    got = await drive.ann("/file/list", parent_file_id=drive.ids["x"])
    assert got.code == "ForbiddenNoPermission.File"


async def test_search_finds_what_may_be_listed(drive):
    """Items and totals are of the open folders alone, with any query and over several of them."""
    await drive.share("a/b")
    assert await drive.found("name match '.txt'") == ["c.txt"]
    assert await drive.found("not name match 'zzz'") == ["b", "c.txt"]
    await drive.share("x", "SystemFileMetaViewer")
    assert await drive.found("name match '.txt'") == ["c.txt", "y.txt"]
    within_a = f"parent_file_id = '{drive.ids['a']}'"
    assert await drive.found(within_a) == ["b"]
    assert await drive.found(within_a, recursive=True) == ["b", "c.txt"]


async def test_search_pages_stay_within_the_open_folders(drive):
    """A marker goes on where the page ended, and no longer once the permission is gone."""
    await drive.share("a")
    data = {"query": "name match 'd' or name match 'c'", "order_by": "name ASC", "limit": 1}
    first = (await drive.ann("/file/search", **data)).data
    assert [one["name"] for one in first["items"]] == ["c.txt"]
    more = {**data, "marker": first["next_marker"]}
    assert [one["name"] for one in (await drive.ann("/file/search", **more)).data["items"]] == [
        "d.jpg"
    ]
    member = {"identity": identity("ann"), "role_id": "SystemFileDownloader"}
    gone = {"drive_id": "1", "file_id": drive.ids["a"], "member_list": [member]}
    await drive.api.post("/file/remove_permission", gone)
    assert (await drive.ann("/file/search", **more)).status == 403


@pytest.mark.parametrize("role", sorted(ROLES))
async def test_each_role_allows_what_its_name_says(drive, role):
    """Reading, previews, downloads and sharing are open to the roles that have them."""
    await drive.share("a", role)
    file = {"drive_id": "1", "file_id_list": [drive.ids["a/d.jpg"]]}
    member = {"identity": identity("ann"), "role_id": role}
    tried = {
        "FILE.GET": await drive.ann("/file/get", "a/d.jpg", fields="*"),
        "FILE.LIST": await drive.ann("/file/list", parent_file_id=drive.ids["a"]),
        "FILE.PREVIEW": await drive.ann("/file/get_office_preview_url", "a/b/c.txt"),
        "FILE.DOWNLOAD": await drive.ann("/file/get_download_url", "a/d.jpg"),
        "FILE.UPDATE": await drive.ann("/file/get_office_edit_url", "a/b/c.txt"),
        "FILE.SHARE": await drive.api.post("/share_link/create", file, token=drive.token),
        "FILE.PERMISSION": await drive.ann("/file/remove_permission", "a/b", member_list=[member]),
    }
    for action, got in tried.items():
        wanted = ROLES[role] if action != "FILE.UPDATE" else ROLES[role] & {"FILE.UPDATE"}
        assert (got.status < 300) == (action in wanted), (action, got)
        assert got.status < 300 or got.code == "ForbiddenNoPermission.File"
    assert tried["FILE.GET"].data["action_list"] == sorted(ROLES[role])
    assert ("thumbnail" in tried["FILE.GET"].data) == ("FILE.PREVIEW" in ROLES[role])


async def test_owners_may_do_everything(drive):
    """The owner's list of actions is whole."""
    got = await drive.api.post(
        "/file/get", {"drive_id": "1", "file_id": drive.ids["a"], "fields": "action_list"}
    )
    assert got.data["action_list"] == sorted(EVERYTHING)


async def test_rights_add_up(drive):
    """What two permissions allow, on one folder or above it, may all be done."""
    await drive.share("a", "SystemFileMetaViewer")
    await drive.share("a/b", "SystemFileUploader")
    seen = (await drive.ann("/file/get", "a/b/c.txt", fields="action_list")).data
    assert seen["action_list"] == ["FILE.CREATE", "FILE.GET", "FILE.LIST"]
    seen = (await drive.ann("/file/get", "a/d.jpg", fields="action_list")).data
    assert seen["action_list"] == ["FILE.GET", "FILE.LIST"]


async def test_a_list_of_actions_in_place_of_a_role(drive):
    """It gets a role id of its own, by which it can be removed; a role named too wins."""
    await drive.share("a", None, action_list=["FILE.GET"])
    assert (await drive.ann("/file/get", "a/d.jpg")).status == 200
    assert (await drive.ann("/file/list", parent_file_id=drive.ids["a"])).status == 403
    assert (await drive.ann("/file/search", query="size > 0")).status == 403
    data = {"drive_id": "1", "file_id": drive.ids["a"]}
    (kept,) = (await drive.api.post("/file/list_permission", data)).data
    assert kept["action_list"] == ["FILE.GET"]
    assert kept["role_id"] not in ROLES
    member = {"identity": identity("ann"), "role_id": kept["role_id"]}
    await drive.api.post("/file/remove_permission", {**data, "member_list": [member]})
    assert (await drive.ann("/file/get", "a/d.jpg")).status == 403
    await drive.share("a", "SystemFileViewer", action_list=["FILE.GET"])
    (kept,) = (await drive.api.post("/file/list_permission", data)).data
    assert kept["role_id"] == "SystemFileViewer"
    assert "action_list" not in kept


async def test_permissions_expire(drive):
    """After expire_time (epoch milliseconds) a permission is over and no longer listed."""
    end = int((drive.api.emulator.clock.time() + 60) * 1000)
    await drive.share("a", expire_time=end)
    assert (await drive.ann("/file/get", "a")).status == 200
    drive.api.emulator.clock.advance(61)
    assert (await drive.ann("/file/get", "a")).status == 403
    data = {"drive_id": "1", "file_id": drive.ids["a"]}
    assert (await drive.api.post("/file/list_permission", data)).data == []


async def group_of(api, name, *users, groups=()):
    group_id = (await api.post("/group/create", {"group_name": name})).data["group_id"]
    members = [{"member_type": "user", "user_id": user} for user in users]
    members += [{"member_type": "group", "sub_group_id": group} for group in groups]
    for member in members:
        got = await api.post("/membership/create", {"group_id": group_id, **member})
        assert got.status == 201, got
    return group_id


async def test_groups_share_with_their_members(drive):
    """Members of a group have its permissions, and so have those of groups below, unless the
    permission says otherwise."""
    inner = await group_of(drive.api, "inner", "ann")
    outer = await group_of(drive.api, "outer", groups=[inner])
    await drive.share("a", group=inner)
    await drive.share("x", group=outer)
    assert (await drive.ann("/file/get", "a/d.jpg")).status == 200
    assert (await drive.ann("/file/get", "x/y.txt")).status == 200
    await drive.share("x", group=outer, disinherit_sub_group=True)
    assert (await drive.ann("/file/get", "x/y.txt")).status == 403
    own = (await drive.ann("/file/list_user_permission", user_id="ann", type="self")).data
    through = (await drive.ann("/file/list_user_permission", user_id="ann", type="group")).data
    assert own["items"] == []
    (only,) = through["items"]
    assert only["identity"] == {
        "identity_type": "IT_Group",
        "identity_id": inner,
        "identity_name": "inner",
    }
    assert only["file_full_path"] == "root/a"


async def test_listing_who_has_what(drive):
    """list_permission is a bare array of the folder's own; the folders above are listed apart."""
    await drive.share("a", "SystemFileViewer")
    await drive.share("a/b")
    data = {"drive_id": "1", "file_id": drive.ids["a/b"]}
    (own,) = (await drive.api.post("/file/list_permission", data)).data
    assert own == {
        "identity": {**identity("ann"), "identity_name": "ann"},
        "role_id": "SystemFileDownloader",
        "expire_time": FOREVER,
        "disinherit_sub_group": False,
    }
    inherited = (await drive.api.post("/file/list_inherit_permission", data)).data["items"]
    assert [one["file_id"] for one in inherited] == [drive.ids["a"]]
    assert inherited[0]["member"]["role_id"] == "SystemFileViewer"
    both = (await drive.ann("/file/list_user_permission", user_id="ann")).data["items"]
    assert [one["file_id"] for one in both] == [drive.ids["a"], drive.ids["a/b"]]
    assert both[0]["can_access"]
    assert isinstance(both[0]["created_at"], int)
    other = await drive.ann("/file/list_user_permission", user_id="superadmin")
    assert (other.status, other.code) == (403, "Forbidden")


async def test_received_and_shared_folders(drive):
    """Members list what they received, the sharer what was shared, in pages; not once deleted."""
    for path in ("a", "a/b", "x"):
        await drive.share(path)

    async def names(operation, token):
        found, marker = [], ""
        while True:
            data = {"limit": 2, "marker": marker}
            page = (await drive.api.post(operation, data, token=token)).data
            found += [one["name"] for one in page["items"]]
            marker = page["next_marker"]
            if not marker:
                return found

    assert await names("/file/list_received_file", drive.token) == ["a", "b", "x"]
    assert await names("/file/list_sharing_file", "") == ["a", "b", "x"]
    assert await names("/file/list_sharing_file", drive.token) == []
    await drive.api.emulator.trash_file(drive.ids["a"])
    assert await names("/file/list_received_file", drive.token) == ["x"]


async def test_shared_folders_show_with_a_delay(drive):
    """By a switch list_sharing_file knows of a permission some seconds later."""
    drive.api.emulator.settings = Settings(sharing_delay_s=10)
    await drive.share("a")
    assert (await drive.api.post("/file/list_sharing_file")).data["items"] == []
    drive.api.emulator.clock.advance(10)
    assert len((await drive.api.post("/file/list_sharing_file")).data["items"]) == 1


async def test_removing_what_was_never_given(drive):
    """It is no error: 204 with nothing, and other roles stay."""
    await drive.share("a", "SystemFileViewer")
    member = {"identity": identity("ann"), "role_id": "SystemFileOwner"}
    data = {"drive_id": "1", "file_id": drive.ids["a"], "member_list": [member]}
    got = await drive.api.post("/file/remove_permission", data)
    assert (got.status, got.body) == (204, b"")
    assert (await drive.ann("/file/get", "a")).status == 200


@pytest.mark.parametrize(
    ("path", "more", "code"),
    [
        ("a/d.jpg", {}, "InvalidResource.FileTypeFile"),
        ("root", {}, "InvalidParameter.FileId"),
        ("0" * 40, {}, "NotFound.FileId"),
        ("a", {"role": "SystemFileKing"}, "InvalidParameter.RoleId"),
        ("a", {"role": None}, "InvalidParameterMissing.RoleId"),
        ("a", {"user": ""}, "InvalidParameterMissing.IdentityId"),
        ("a", {"expire_time": -1}, "InvalidParameter.ExpireTime"),
        ("a", {"disinherit_sub_group": 1}, "InvalidParameterWrongFormat.DisinheritSubGroup"),
    ],
)
async def test_add_refuses(drive, path, more, code):
    """Files, the top of a personal drive, unknown roles and strangers cannot be shared with."""
    assert (await drive.share(path, **more)).code == code


@pytest.mark.parametrize("more", [{"user": "nobody"}, {"group": "nobody"}])
async def test_members_that_are_not_there(drive, more):
    """By a switch a folder can be shared with those only whom the domain knows."""
    assert (await drive.share("a", **more)).status == 204
    drive.api.emulator.settings = Settings(unknown_members="refused")
    got = await drive.share("a", **more)
    assert (got.status, got.code) == (404, f"NotFound.{next(iter(more)).capitalize()}")


async def test_the_top_of_a_team_drive_can_be_shared(drive):
    """root is open to sharing in a drive of a group."""
    group = await group_of(drive.api, "team")
    data = {"drive_name": "team", "owner": group, "owner_type": "group"}
    team = (await drive.api.post("/drive/create", data)).data["drive_id"]
    member = {"identity": identity("ann"), "role_id": "SystemFileEditor"}
    data = {"drive_id": team, "file_id": "root", "member_list": [member]}
    assert (await drive.api.post("/file/add_permission", data)).status == 204
    data = {"drive_id": team, "parent_file_id": "root"}
    got = await drive.api.post("/file/list", data, token=drive.token)
    assert (got.status, got.data["items"]) == (200, [])


async def test_members_with_the_right_share_further(drive):
    """An owner by role lets others in; everybody else is told 403."""
    drive.api.emulator.issue_token(user_id="bob")
    await drive.share("a", "SystemFileEditor")
    member = {"identity": identity("bob"), "role_id": "SystemFileViewer"}
    got = await drive.ann("/file/add_permission", "a/b", member_list=[member])
    assert (got.status, got.code) == (403, "ForbiddenNoPermission.File")
    await drive.share("a", "SystemFileOwner")
    assert (await drive.ann("/file/add_permission", "a/b", member_list=[member])).status == 204
    (shown,) = (await drive.ann("/file/list_sharing_file")).data["items"]
    assert shown["name"] == "b"


async def test_permissions_go_with_their_members(drive):
    """A deleted user's permissions are gone, also for the next one of that id; a group's too."""
    group = await group_of(drive.api, "group", "ann")
    await drive.share("a")
    await drive.share("x", group=group)
    assert (await drive.api.post("/group/delete", {"group_id": group})).status == 204
    assert (await drive.ann("/file/get", "x")).status == 403
    for owned in (await drive.api.post("/drive/list", {"owner": "ann"})).data["items"]:
        await drive.api.post("/drive/delete", {"drive_id": owned["drive_id"]})
    assert (await drive.api.post("/user/delete", {"user_id": "ann"})).status == 204
    drive.token = drive.api.emulator.issue_token(user_id="ann").access_token
    assert (await drive.ann("/file/get", "a")).status == 403


async def test_what_is_in_the_bin_is_not_shared(drive):
    """A trashed folder can neither be shared with users nor by a link."""
    await drive.api.emulator.trash_file(drive.ids["x"])
    assert (await drive.share("x")).code == "ForbiddenFileInTheRecycleBin"
    data = {"drive_id": "1", "file_id_list": [drive.ids["x"]]}
    got = await drive.api.post("/share_link/create", data)
    assert got.code == "ForbiddenFileInTheRecycleBin"


async def test_permissions_survive_a_restart(run, tmp_path):
    """In a database file they are there again."""
    for start in range(2):
        async with run(database=tmp_path / "emulator.db") as api:
            token = api.emulator.issue_token(user_id="ann").access_token
            if start == 0:
                await api.emulator.add_files([{"path": "a/b.txt", "content": b"b"}])
            found = (await api.search("size >= 0 or type = 'folder'")).data["items"]
            folder, file = (one["file_id"] for one in found)
            if start == 0:
                member = {"identity": identity("ann"), "role_id": "SystemFileViewer"}
                data = {"drive_id": "1", "file_id": folder, "member_list": [member]}
                assert (await api.post("/file/add_permission", data)).status == 204
            data = {"drive_id": "1", "file_id": file}
            assert (await api.post("/file/get", data, token=token)).status == 200


async def test_withdrawn_operation(api):
    """list_manage_sharing_file is known and not supported."""
    got = await api.post("/file/list_manage_sharing_file", {"limit": 10})
    assert (got.status, got.code) == (400, "OperationNotSupport")
