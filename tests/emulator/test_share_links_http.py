"""Share links over raw HTTP: making, limiting, entering, using, changing and ending them."""

from __future__ import annotations

import asyncio

import pytest

from pdsclient.emulator import Settings


async def put(api, *paths, **more):
    """Files at these paths; the ids of all of them and of folders `a`, `a/b` by path."""
    await api.emulator.add_files([{"path": path, "content": b"0123456789"} for path in paths])
    found = (await api.search("size >= 0 or type = 'folder'", fields="name_path")).data["items"]
    return {one["name_path"].removeprefix("root/"): one["file_id"] for one in found}


async def share(api, *file_ids, token="", **more):
    data = {"drive_id": "1", "file_id_list": list(file_ids), **more}
    return await api.post("/share_link/create", data, token=token)


async def enter(api, link, password="", **more):
    data = {"share_id": link["share_id"], "share_pwd": password, **more}
    return await api.post("/share_link/get_share_token", data, token=None)


async def visitor(api, link, password=""):
    """A function that calls through the share, with a share token alone."""
    token = (await enter(api, link, password)).data["share_token"]

    async def call(path, **data):
        data = {"share_id": link["share_id"], **data}
        return await api.post(path, data, token=None, headers={"x-share-token": token})

    return call


async def test_create_gives_the_whole_link(api):
    """A new link has an id of eleven letters, the first file's name, and nothing counted."""
    ids = await put(api, "a/b/c.txt")
    got = await share(api, ids["a/b"], expiration="2099-06-28T11:33:00.000+08:00", description="d")
    link = got.data
    assert got.status == 201
    assert len(link["share_id"]) == 11
    assert link["share_name"] == "b"
    assert (link["file_id_list"], link["drive_id"]) == ([ids["a/b"]], "1")
    assert link["expiration"] == "2099-06-28T03:33:00.000Z"
    assert (link["status"], link["expired"], link["creator"]) == ("enabled", False, "superadmin")
    assert (link["access_count"], link["download_limit"], link["disable_save"]) == (0, 0, False)
    assert (await api.post("/share_link/get", {"share_id": link["share_id"]})).data == link


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ({"file_id_list": []}, "InvalidParameterMissing.FileIdList"),
        ({"file_id_list": ["0" * 40]}, "NotFound.FileId"),
        ({"file_id_list": ["f"] * 1 + [str(n) for n in range(100)]}, "InvalidParameterOutOfRange"),
        ({"share_pwd": "p" * 65}, "InvalidParameterOutOfRange.SharePwd"),
        ({"share_pwd": "a b"}, "InvalidParameter.SharePwd"),
        ({"share_pwd": "é"}, "InvalidParameter.SharePwd"),
        ({"share_name": "n" * 129}, "InvalidParameterOutOfRange.ShareName"),
        ({"description": "n" * 1025}, "InvalidParameterOutOfRange.Description"),
        ({"expiration": "soon"}, "InvalidParameter.Expiration"),
        ({"expiration": "1999-01-01T00:00:00Z"}, "InvalidParameter.Expiration"),
        ({"download_limit": -1}, "InvalidParameter.DownloadLimit"),
        ({"disable_save": "yes"}, "InvalidParameterWrongFormat.DisableSave"),
    ],
)
async def test_create_refuses(api, bad, code):
    """Lists, passwords, names, times and limits are checked before anything is made."""
    ids = await put(api, "a.txt")
    got = await share(api, ids["a.txt"], **bad)
    assert got.status in (400, 404)
    assert got.code.startswith(code)
    assert (await api.post("/share_link/list")).data["items"] == []


async def test_files_of_one_link_have_one_parent(api):
    """Files of several folders cannot be in one link."""
    ids = await put(api, "a/one.txt", "b/two.txt")
    got = await share(api, ids["a/one.txt"], ids["b/two.txt"])
    assert got.code == "InvalidParameter.FileIdList"


async def test_a_whole_drive_can_be_shared(api):
    """share_all_files shows the top of the drive, whatever list is sent along."""
    await put(api, "a/one.txt", "two.txt")
    link = (await share(api, "nonsense", share_all_files=True)).data
    assert (link["share_all_files"], link["file_id_list"]) == (True, [])
    call = await visitor(api, link)
    listed = (await call("/file/list", parent_file_id="root")).data["items"]
    assert {one["name"] for one in listed} == {"a", "two.txt"}


async def test_only_creators_and_administrators_see_a_link(api):
    """Another user is told 403; an administrator may make a link in another user's name."""
    ids = await put(api, "a.txt")
    link = (await share(api, ids["a.txt"], user_id="somebody")).data
    assert link["creator"] == "somebody"
    somebody = api.emulator.issue_token(user_id="somebody").access_token
    nobody = api.emulator.issue_token(user_id="nobody").access_token
    data = {"share_id": link["share_id"]}
    assert (await api.post("/share_link/get", data, token=somebody)).status == 200
    for path in ("get", "update", "cancel"):
        got = await api.post(f"/share_link/{path}", data, token=nobody)
        assert (got.status, got.code) == (403, "ForbiddenNoPermission.ShareLink")
    assert (await share(api, ids["a.txt"], token=nobody)).status == 403


async def test_passwords_are_asked_for(api):
    """A wrong password is refused; creators need none unless they ask to be checked."""
    ids = await put(api, "a.txt")
    link = (await share(api, ids["a.txt"], share_pwd="123456")).data
    assert (await enter(api, link)).code == "InvalidResource.SharePwd"
    assert (await enter(api, link, "123456")).data["expires_in"] == 7200
    data = {"share_id": link["share_id"]}
    assert (await api.post("/share_link/get_share_token", data)).status == 200
    checked = await api.post("/share_link/get_share_token", {**data, "check_share_pwd": True})
    assert checked.code == "InvalidResource.SharePwd"
    public = await api.post("/share_link/get_by_anonymous", data, token=None)
    assert public.data["has_pwd"] is True
    assert "share_pwd" not in public.data


async def test_require_login(api):
    """A link for users of the domain gives nobody else a token."""
    ids = await put(api, "a.txt")
    link = (await share(api, ids["a.txt"], require_login=True)).data
    assert (await enter(api, link)).status == 401
    token = api.emulator.issue_token(user_id="anybody").access_token
    got = await api.post("/share_link/get_share_token", {"share_id": link["share_id"]}, token=token)
    assert got.status == 200


async def test_what_is_switched_off_cannot_be_done(api):
    """disable_download and disable_preview hold for operations, URLs and the list of actions."""
    ids = await put(api, "a/p.jpg", "a/d.txt")
    link = (await share(api, ids["a"], disable_download=True, disable_preview=True)).data
    call = await visitor(api, link)
    got = await call("/file/get_download_url", file_id=ids["a/p.jpg"])
    assert (got.status, got.code) == (400, "ShareLink.Forbidden")
    got = await call("/file/get_office_preview_url", file_id=ids["a/d.txt"])
    assert got.code == "ShareLink.Forbidden"
    seen = (await call("/file/get", file_id=ids["a/p.jpg"], fields="*")).data
    assert not {"url", "download_url", "thumbnail"} & seen.keys()
    assert seen["action_list"] == ["FILE.COPY", "FILE.GET", "FILE.LIST"]


@pytest.mark.parametrize(
    ("limit", "path", "more"),
    [
        ("download_limit", "/file/get_download_url", {}),
        ("save_download_limit", "/file/get_download_url", {}),
        ("preview_limit", "/file/get_office_preview_url", {}),
    ],
)
async def test_limits_count(api, limit, path, more):
    """After as many uses as are allowed the next one is refused, until the limit is raised."""
    ids = await put(api, "a/d.txt")
    link = (await share(api, ids["a"], **{limit: 2})).data
    call = await visitor(api, link)
    for _ in range(2):
        assert (await call(path, file_id=ids["a/d.txt"], **more)).status == 200
    got = await call(path, file_id=ids["a/d.txt"], **more)
    assert (got.status, got.code) == (400, "ShareLink.Forbidden")
    changed = {"share_id": link["share_id"], limit: 3}
    counted = (await api.post("/share_link/update", changed)).data
    assert counted["download_count"] + counted["preview_count"] == 2
    assert (await call(path, file_id=ids["a/d.txt"], **more)).status == 200


async def test_a_limit_holds_for_visitors_at_once(api):
    """Of twenty downloads at the same time as many succeed as are allowed."""
    ids = await put(api, "a/d.txt")
    call = await visitor(api, (await share(api, ids["a"], download_limit=5)).data)
    tried = [call("/file/get_download_url", file_id=ids["a/d.txt"]) for _ in range(20)]
    statuses = [got.status for got in await asyncio.gather(*tried)]
    assert sorted(statuses) == [200] * 5 + [400] * 15


async def test_a_link_outlives_its_drive(api):
    """Of a drive that was deleted a link shows nothing, and its files are not found."""
    await api.emulator.put_drive("9", owner="superadmin")
    (file_id,) = await api.emulator.add_files([{"name": "a"}], drive_id="9")
    link = (await share(api, file_id, drive_id="9")).data
    call = await visitor(api, link)
    got = await api.post("/drive/delete", {"drive_id": "9", "force": True})
    assert got.status == 204
    assert (await call("/file/list", parent_file_id="root")).data["items"] == []
    assert (await call("/file/get", file_id=file_id)).code == "NotFound.FileId"


async def test_entering_is_counted(api):
    """Each share token that is given out counts as an access, which everybody may see."""
    ids = await put(api, "a.txt")
    link = (await share(api, ids["a.txt"])).data
    for _ in range(3):
        await enter(api, link)
    data = {"share_id": link["share_id"]}
    public = await api.post("/share_link/get_by_anonymous", data, token=None)
    assert public.data["access_count"] == 3


async def test_update_changes_what_is_named(api):
    """Other members stay; an empty text takes a password or an expiration away."""
    ids = await put(api, "a.txt")
    link = (
        await share(
            api, ids["a.txt"], share_pwd="x", description="old", expiration="2099-01-01T00:00:00Z"
        )
    ).data
    data = {"share_id": link["share_id"], "description": "neu 中文", "expiration": ""}
    changed = (await api.post("/share_link/update", data)).data
    assert (changed["description"], changed["expiration"]) == ("neu 中文", "")
    assert (changed["share_pwd"], changed["share_name"]) == ("x", link["share_name"])
    cleared = {"share_id": link["share_id"], "share_pwd": "", "save_count": 7}
    changed = (await api.post("/share_link/update", cleared)).data
    assert (changed["share_pwd"], changed["save_count"]) == ("", 7)


async def test_a_link_can_be_disabled_and_enabled(api):
    """While its status is disabled nobody enters, nor goes on with a token from before."""
    ids = await put(api, "a.txt")
    link = (await share(api, ids["a.txt"])).data
    call = await visitor(api, link)
    data = {"share_id": link["share_id"]}
    await api.post("/share_link/update", {**data, "status": "disabled"})
    assert (await enter(api, link)).code == "ShareLink.Forbidden"
    assert (await call("/file/get", file_id=ids["a.txt"])).code == "ShareLink.Forbidden"
    await api.post("/share_link/update", {**data, "status": "enabled"})
    assert (await call("/file/get", file_id=ids["a.txt"])).status == 200


async def test_cancelled_links_have_ended(api):
    """Cancel answers 204 with nothing; then entering, using, changing and looking are refused."""
    ids = await put(api, "a.txt")
    link = (await share(api, ids["a.txt"])).data
    call = await visitor(api, link)
    data = {"share_id": link["share_id"]}
    got = await api.post("/share_link/cancel", data)
    assert (got.status, got.body) == (204, b"")
    assert (await enter(api, link)).code == "ShareLink.Cancelled"
    assert (await call("/file/get", file_id=ids["a.txt"])).code == "ShareLink.Cancelled"
    for path in ("get", "update", "cancel"):
        assert (await api.post(f"/share_link/{path}", data)).code == "ShareLink.Cancelled"
    assert (await api.post("/share_link/list")).data["items"] == []
    (kept,) = (await api.post("/share_link/list", {"include_cancelled": True})).data["items"]
    assert kept["status"] == "disabled"


async def test_expired_links_have_ended(api):
    """After its expiration a link is refused to visitors and shown as expired to its creator."""
    ids = await put(api, "a.txt")
    link = (await share(api, ids["a.txt"], expiration="2099-01-01T00:00:00Z")).data
    call = await visitor(api, link)
    api.emulator.clock.advance(100 * 366 * 24 * 3600)
    assert (await enter(api, link)).code == "ShareLink.Expired"
    assert (await api.post("/share_link/get", {"share_id": link["share_id"]})).data["expired"]
    assert (await call("/file/get", file_id=ids["a.txt"])).status == 401


async def test_list_pages_in_every_order(api):
    """Pages of one link each give all of them in the order asked for; times default to DESC."""
    ids = await put(api, "a.txt")
    for name in ("b", "c", "a"):
        api.emulator.clock.advance(1)
        await share(api, ids["a.txt"], share_name=name, description=name)

    async def names(path, **data):
        found, marker = [], ""
        while True:
            page = (await api.post(path, {"limit": 1, "marker": marker, **data})).data
            found += [one["share_name"] for one in page["items"]]
            marker = page["next_marker"]
            if not marker:
                return found

    assert await names("/share_link/list") == ["a", "c", "b"]
    assert await names("/share_link/list", order_by="share_name") == ["a", "b", "c"]
    assert await names("/share_link/search", order_direction="ASC") == ["b", "c", "a"]
    down = {"order_by": "description", "order_direction": "DESC"}
    assert await names("/share_link/search", **down) == ["c", "b", "a"]
    marker = (await api.post("/share_link/list", {"limit": 1})).data["next_marker"]
    foreign = {"marker": marker, "order_by": "share_name"}
    assert (await api.post("/share_link/list", foreign)).code == "InvalidParameter.Marker"


async def test_users_list_their_own_links(api):
    """A user sees no other user's links; an administrator sees all, or those of one."""
    ids = await put(api, "a.txt")
    await share(api, ids["a.txt"], share_name="mine")
    await share(api, ids["a.txt"], share_name="hers", user_id="she")
    token = api.emulator.issue_token(user_id="she").access_token

    async def names(path, data=None, token=""):
        got = await api.post(path, data or {}, token=token)
        return sorted(one["share_name"] for one in got.data["items"])

    assert await names("/share_link/list") == ["hers", "mine"]
    assert await names("/share_link/list", {"creator": "she"}) == ["hers"]
    assert await names("/share_link/search", {"creators": ["she"]}) == ["hers"]
    assert await names("/share_link/list", token=token) == ["hers"]
    got = await api.post("/share_link/search", {"creators": ["superadmin"]}, token=token)
    assert got.status == 403


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ('share_name_for_fuzzy match "PORT"', ["Report", "reports"]),
        ("expired_time = '1970-01-01T00:00:00'", ["reports"]),
        ("expired_time > '2098-01-01T00:00:00'", ["Report", "other"]),
        ("status = 'disabled'", ["other"]),
        ("status in ['enabled', 'disabled']", ["Report", "other", "reports"]),
        ("status = 'enabled' and not share_name_for_fuzzy match 's'", ["Report"]),
        ("created_at < '2000-01-01T00:00:00'", []),
        ("updated_at > '2000-01-01T00:00:00'", ["Report", "other", "reports"]),
    ],
)
async def test_search_by_query(api, query, found):
    """The fields of the dialect of share links, and how links without an end are found."""
    ids = await put(api, "a.txt")
    end = "2099-01-01T00:00:00Z"
    await share(api, ids["a.txt"], share_name="Report", expiration=end)
    await share(api, ids["a.txt"], share_name="reports")
    other = (await share(api, ids["a.txt"], share_name="other", expiration=end)).data
    await api.post("/share_link/update", {"share_id": other["share_id"], "status": "disabled"})
    data = {"query": query, "order_by": "share_name", "return_total_count": True}
    got = (await api.post("/share_link/search", data)).data
    assert [one["share_name"] for one in got["items"]] == found
    assert got["total_count"] == len(found)


@pytest.mark.parametrize("query", ["name = 'a'", "share_name_for_fuzzy match", "status ="])
async def test_search_refuses_malformed_queries(api, query):
    """Unknown fields and broken conditions are 400 InvalidParameter.Query."""
    assert (await api.post("/share_link/search", {"query": query})).code == "InvalidParameter.Query"


async def test_a_visitor_sees_what_is_shared_and_nothing_else(api):
    """Through a share the shared folder lies in root, and its neighbours are forbidden."""
    ids = await put(api, "a/b/c.txt", "a/beside.txt")
    call = await visitor(api, (await share(api, ids["a/b"])).data)
    (top,) = (await call("/file/list", parent_file_id="root")).data["items"]
    assert (top["file_id"], top["parent_file_id"]) == (ids["a/b"], "root")
    assert "drive_id" not in top
    (inner,) = (await call("/file/list", parent_file_id=ids["a/b"])).data["items"]
    assert inner["name"] == "c.txt"
    for outside in ("a", "a/beside.txt"):
        got = await call("/file/get", file_id=ids[outside])
        assert (got.status, got.code) == (403, "ForbiddenNoPermission.File")


async def test_visitors_upload_where_they_may(api):
    """Only into the folders that the link names, and those below; other links take nothing."""
    ids = await put(api, "a/b/c.txt", "a/d/e.txt")
    open_too = {"creatable": True, "creatable_file_id_list": [ids["a/b"]]}
    link = (await share(api, ids["a"], **open_too)).data
    call = await visitor(api, link)
    new = {"name": "new", "type": "folder"}
    assert (await call("/file/create", parent_file_id=ids["a/b"], **new)).status == 201
    for closed in (ids["a"], ids["a/d"]):
        got = await call("/file/create", parent_file_id=closed, **new)
        assert (got.status, got.code) == (400, "ShareLink.Forbidden")
    public = await api.post("/share_link/get_by_anonymous", {"share_id": link["share_id"]})
    assert public.data["enable_upload"] is True
    other = await visitor(api, (await share(api, ids["a"])).data)
    got = await other("/file/create", parent_file_id=ids["a/b"], **new)
    assert got.code == "ShareLink.Forbidden"
    outside = {"share_id": link["share_id"], "creatable_file_id_list": ["root"]}
    got = await api.post("/share_link/update", outside)
    assert got.code == "InvalidParameter.CreatableFileIdList"


async def test_saving_is_counted_and_can_be_switched_off(api):
    """A user saves to a drive of their own, as often as the link allows."""
    ids = await put(api, "a/b.txt")
    token = api.emulator.issue_token(user_id="ann").access_token
    await api.emulator.put_drive("77", owner="ann", default=True)

    async def save(link):
        share_token = (await enter(api, link)).data["share_token"]
        data = {
            "share_id": link["share_id"],
            "file_id": ids["a/b.txt"],
            "to_drive_id": "77",
            "to_parent_file_id": "root",
            "auto_rename": True,
        }
        return await api.post(
            "/file/copy", data, token=token, headers={"x-share-token": share_token}
        )

    once = (await share(api, ids["a"], save_limit=1)).data
    assert (await save(once)).status == 201
    assert (await save(once)).code == "ShareLink.Forbidden"
    found = (await api.post("/share_link/get", {"share_id": once["share_id"]})).data
    assert found["save_count"] == 1
    assert (await save((await share(api, ids["a"], disable_save=True)).data)).code == (
        "ShareLink.Forbidden"
    )


async def test_visitors_edit_where_they_may(api):
    """Office documents are edited through a link only if it says so."""
    ids = await put(api, "a/b.docx")
    for editable, status in ((True, 200), (False, 400)):
        link = (await share(api, ids["a"], office_editable=editable)).data
        call = await visitor(api, link)
        got = await call("/file/get_office_edit_url", file_id=ids["a/b.docx"])
        assert got.status == status


async def test_get_without_drive_id(api):
    """A switch leaves the drive out of what get tells, as has been seen."""
    ids = await put(api, "a.txt")
    link = (await share(api, ids["a.txt"])).data
    api.emulator.settings = Settings(share_drive_id="missing")
    got = await api.post("/share_link/get", {"share_id": link["share_id"]})
    assert "drive_id" not in got.data
