"""Search, list, scan and drive lists: pages, markers and the switches about them."""

from __future__ import annotations

import base64

import pytest

from pdsclient.emulator import Settings

NAMES = [f"file-{number:02}.txt" for number in range(7)]


async def fill(api, count=7):
    return await api.emulator.add_files([{"name": name, "size": 10} for name in NAMES[:count]])


async def walk(api, path, data, most=30):
    """All pages of a listing."""
    pages, marker = [], ""
    while most:
        most -= 1
        got = await api.post(path, {**data, "marker": marker})
        assert got.status == 200, got.body
        pages.append(got.data)
        marker = got.data.get("next_marker")
        if not marker:
            return pages
    raise AssertionError("the listing does not end")


def names(pages):
    return [item["name"] for page in pages for item in page.get("items") or []]


async def test_search_finds_what_the_query_says(api):
    """A page holds the matching files, an empty marker at the end, and no total unless asked."""
    await api.emulator.add_files([{"name": "Report.ppt", "size": 2000}, {"name": "b", "size": 1}])
    got = await api.search('name match "report" and size > 1024')
    assert got.status == 200
    assert [item["name"] for item in got.data["items"]] == ["Report.ppt"]
    assert got.data["next_marker"] == ""
    assert "total_count" not in got.data
    assert got.headers["Content-Type"] == "application/json; charset=utf-8"


async def test_search_pages_and_total(api):
    """Markers lead through all files once, each page with the total when it is asked for."""
    await fill(api)
    search = {"drive_id": "1", "query": "size > 0", "order_by": "name ASC", "limit": 3}
    pages = await walk(api, "/file/search", search | {"return_total_count": True})
    assert names(pages) == NAMES
    assert [page["total_count"] for page in pages] == [7, 7, 7]


async def test_query_is_ignored_with_a_marker(api):
    """A marker goes on with its own query and order, whatever is sent beside it."""
    await fill(api)
    first = (await api.search("size > 0", limit=3)).data
    second = await api.search(
        'name = "nothing', limit=2, marker=first["next_marker"], order_by="nonsense"
    )
    assert names([second.data]) == NAMES[3:5]


async def test_markers_survive_changes(api):
    """Files that come and go between pages neither repeat nor hide the others."""
    ids = await fill(api)
    first = (await api.search("size > 0", limit=3)).data
    await api.emulator.add_files([{"name": "a-new.txt", "size": 1}])
    await api.emulator.delete_file(ids[2])
    await api.emulator.delete_file(ids[4])
    second = (await api.search("size > 0", marker=first["next_marker"])).data
    assert names([second]) == [NAMES[3], NAMES[5], NAMES[6]]


async def test_marker_looks_like_base64(api):
    """A marker is opaque text in base64."""
    await fill(api)
    marker = (await api.search(limit=3)).data["next_marker"]
    assert base64.b64decode(marker, validate=True)


@pytest.mark.parametrize("change", ["garbage", "", "other kind", "other drive", "cut"])
async def test_foreign_markers_are_refused(api, change):
    """A marker that was not issued for this listing is 400 InvalidParameter.Marker."""
    await fill(api)
    await api.emulator.put_drive("2", owner="superadmin")
    marker = (await api.search(limit=3)).data["next_marker"]
    if change == "other kind":
        got = await api.post("/file/scan", {"drive_id": "1", "marker": marker})
    elif change == "other drive":
        got = await api.search(marker=marker, drive_id="2")
    elif change == "cut":
        got = await api.search(marker=marker[:-8])
    else:
        got = await api.search(marker=f"{change}AAAA*")
    assert (got.status, got.code) == (400, "InvalidParameter.Marker")


async def test_list_marker_is_bound_to_the_folder(api):
    """A marker of one folder is refused for another."""
    folder, *_ = await api.emulator.add_files(
        [{"name": "dir", "type": "folder"}, *({"name": name} for name in NAMES)]
    )
    listing = {"drive_id": "1", "parent_file_id": "root", "limit": 2}
    marker = (await api.post("/file/list", listing)).data["next_marker"]
    got = await api.post("/file/list", listing | {"parent_file_id": folder, "marker": marker})
    assert (got.status, got.code) == (400, "InvalidParameter.Marker")


async def test_markers_expire(run):
    """A marker older than the switch allows is refused."""
    async with run(settings=Settings(marker_life_s=60)) as api:
        await fill(api)
        marker = (await api.search(limit=3)).data["next_marker"]
        api.emulator.clock.advance(59)
        assert (await api.search(marker=marker)).status == 200
        api.emulator.clock.advance(2)
        assert (await api.search(marker=marker)).code == "InvalidParameter.Marker"


async def test_limit_is_checked(api):
    """A limit outside 1-100 or of another type is refused; null is no limit."""
    await fill(api)
    for limit in (0, 101, -1):
        got = await api.search(limit=limit)
        assert (got.status, got.code) == (400, "InvalidParameter.Limit")
    assert (await api.search(limit="3")).code == "InvalidParameterWrongFormat.Limit"
    assert (await api.search(limit=True)).code == "InvalidParameterWrongFormat.Limit"
    assert (await api.search(limit=None, marker=None)).status == 200


async def test_search_parameters_are_checked(api):
    """Each wrong parameter of a search has the code that the reference gives."""
    cases = {
        "InvalidParameterMissing.DriveId": {"drive_id": None},
        "InvalidParameterMissing.Query": {"query": ""},
        "InvalidParameterOutOfRange.Query": {"query": 'name = "%s"' % ("x" * 4096)},
        "InvalidParameter.Query": {"query": 'unknown_field = "x"'},
        "InvalidParameterOutOfRange.OrderBy": {"order_by": "name ASC," * 20},
        "InvalidParameter.OrderBy": {"order_by": "parent_file_id ASC"},
        "InvalidParameter.UrlExpireSec": {"url_expire_sec": 9},
        "InvalidParameterWrongFormat.Recursive": {"recursive": "yes"},
        "InvalidParameterOutOfRange.DriveIdList": {
            "drive_id": None,
            "drive_id_list": [str(number) for number in range(11)],
        },
        "NotFound.Drive": {"drive_id": "77"},
    }
    for code, change in cases.items():
        assert (await api.search(**change)).code == code


async def test_malformed_queries_are_refused(api):
    """Broken syntax, a wrong operator and a wrong type are 400 InvalidParameter.Query."""
    for query in ("name =", '(name = "x"', 'name = "x', 'name prefix "Rep"', 'size = "1"', "or"):
        got = await api.search(query)
        assert (got.status, got.code) == (400, "InvalidParameter.Query"), query
        assert got.data["message"].startswith("The input parameter query is not valid. ")


async def test_unknown_parameters_are_ignored(api):
    """Fields that the service does not know change nothing."""
    await fill(api, 1)
    assert len((await api.search(shape="round")).data["items"]) == 1


async def test_search_several_drives(api):
    """drive_id_list searches all its drives; drive_id wins over it."""
    await fill(api, 1)
    await api.emulator.put_drive("2", owner="bob")
    await api.emulator.add_files([{"name": "bobs.txt", "size": 1}], drive_id="2")
    both = await api.search(drive_id=None, drive_id_list=["1", "2"])
    assert names([both.data]) == ["bobs.txt", NAMES[0]]
    assert names([(await api.search(drive_id_list=["2"])).data]) == [NAMES[0]]


async def test_recursive_search_includes_the_folder(api):
    """recursive widens parent_file_id to the subtree with the folder itself."""
    await api.emulator.add_files([{"path": "a/b/c.txt", "size": 1}])
    folder = (await api.search('name = "a"')).data["items"][0]["file_id"]
    query = f'parent_file_id = "{folder}"'
    assert names([(await api.search(query)).data]) == ["b"]
    assert names([(await api.search(query, recursive=True)).data]) == ["a", "b", "c.txt"]


async def test_end_of_listing_forms(run):
    """The end is an empty, a null or no next_marker, and no items are [], null or absent."""
    forms = {"empty": {"next_marker": ""}, "null": {"next_marker": None}, "missing": {}}
    items = {"list": {"items": []}, "null": {"items": None}, "missing": {}}
    async with run() as api:
        for marker, end in forms.items():
            for form, empty in items.items():
                api.emulator.settings = Settings(end_marker=marker, empty_items=form)
                assert (await api.search()).data == empty | end


async def test_short_pages_have_markers(run):
    """Pages may be shorter than the limit; all files arrive all the same."""
    async with run(settings=Settings(pages="short")) as api:
        await fill(api)
        search = {"drive_id": "1", "query": "size > 0", "order_by": "name ASC", "limit": 4}
        pages = await walk(api, "/file/search", search)
        assert [len(page["items"]) for page in pages] == [2, 2, 2, 1]
        assert names(pages) == NAMES


@pytest.mark.parametrize("path", ["/file/search", "/file/list", "/file/scan"])
async def test_empty_pages_have_markers(run, path):
    """Empty pages may stand between full ones; all files arrive all the same."""
    async with run(settings=Settings(pages="empty")) as api:
        await fill(api)
        listing = {"query": "size > 0", "parent_file_id": "root", "fields": "*", "limit": 3}
        pages = await walk(api, path, {"drive_id": "1", **listing})
        assert [len(page["items"]) for page in pages] == [3, 0, 3, 0, 1]
        assert sorted(names(pages)) == NAMES


async def test_result_window_ends_a_search(run):
    """With a window the listing ends early, and the total does not say so."""
    async with run(settings=Settings(result_window=5)) as api:
        await fill(api)
        search = {"drive_id": "1", "query": "size > 0", "order_by": "name ASC", "limit": 3}
        pages = await walk(api, "/file/search", search | {"return_total_count": True})
        assert names(pages) == NAMES[:5]
        assert pages[0]["total_count"] == 7


@pytest.mark.parametrize(
    ("form", "total"), [("exact", 12), ("missing", None), ("estimated", 10), ("wrong", 25)]
)
async def test_total_count_forms(run, form, total):
    """The total is exact, left out, rounded or wrong."""
    async with run(settings=Settings(total_count=form)) as api:
        await api.emulator.add_files([{"name": str(number), "size": 1} for number in range(12)])
        got = await api.search("size > 0", limit=1, return_total_count=True)
        assert got.data.get("total_count") == total


async def test_empty_query_may_find_everything(run):
    """By a switch a search without a query finds all files."""
    async with run(settings=Settings(empty_query="everything")) as api:
        await fill(api)
        assert len((await api.search("")).data["items"]) == 7


async def test_keywords_may_have_to_be_lower_case(run):
    """By a switch AND is refused, unless it stands in a string."""
    async with run() as api:
        await api.emulator.add_files([{"name": "x AND y", "size": 1}])
        assert (await api.search('name = "x AND y" AND size > 0')).status == 200
        api.emulator.settings = Settings(keywords="lower-case")
        assert (await api.search('name = "x AND y" AND size > 0')).status == 400
        assert len((await api.search('name = "x AND y" and size > 0')).data["items"]) == 1


async def test_both_match_modes(run):
    """match finds parts of names, or only words and their beginnings."""
    for mode, found in (("substring", ["jk", "k中"]), ("tokens", ["k中"])):
        async with run(settings=Settings(match_mode=mode)) as api:
            await api.emulator.add_files([{"name": name} for name in ("yt", "k中", "jk")])
            assert names([(await api.search('name match "k"')).data]) == found


async def test_search_lags_behind(run):
    """With an index delay search learns of changes late; get and list know at once."""
    async with run(settings=Settings(index_delay_s=2)) as api:
        await fill(api, 1)
        listing = {"drive_id": "1", "parent_file_id": "root"}
        assert names([(await api.search()).data]) == []
        assert names([(await api.post("/file/list", listing)).data]) == NAMES[:1]
        api.emulator.clock.advance(2.5)
        assert names([(await api.search()).data]) == NAMES[:1]


async def test_default_orders_are_switches(run):
    """What no order is named for comes in the order of the switch."""
    async with run() as api:
        for name in ("b", "a", "c"):
            await api.emulator.add_files([{"name": name, "size": 1}])
            api.emulator.clock.advance(1)
        listing = {"drive_id": "1", "parent_file_id": "root"}
        search = {"drive_id": "1", "query": "size > 0"}
        orders = {"created_at ASC": "bac", "created_at DESC": "cab", "name ASC": "abc"}
        for order, found in orders.items():
            api.emulator.settings = Settings(list_order=order, search_order=order)
            assert "".join(names([(await api.post("/file/list", listing)).data])) == found
            assert "".join(names([(await api.post("/file/search", search)).data])) == found


async def test_list_filters_and_orders(api):
    """file/list takes type, category, starred, order_by and order_direction."""
    await api.emulator.add_files(
        [
            {"name": "a", "type": "folder"},
            {"name": "b.jpg", "size": 5, "starred": True},
            {"name": "c.txt", "size": 3},
        ]
    )

    async def listed(**more):
        got = await api.post("/file/list", {"drive_id": "1", "parent_file_id": "root", **more})
        return names([got.data])

    assert await listed(type="folder") == ["a"]
    assert await listed(category="image") == ["b.jpg"]
    assert await listed(starred=True) == ["b.jpg"]
    assert await listed(order_by="name", order_direction="DESC") == ["c.txt", "b.jpg", "a"]
    assert (await listed(order_by="size", type="file")) == ["c.txt", "b.jpg"]


async def test_list_checks(api):
    """file/list refuses a missing parent, a file as parent, and unknown choices."""
    (file_id,) = await fill(api, 1)

    async def code(**more):
        return (
            await api.post("/file/list", {"drive_id": "1", "parent_file_id": "root", **more})
        ).code

    assert await code(parent_file_id="0" * 40) == "NotFound.FileId"
    assert await code(parent_file_id=file_id) == "InvalidParameter.ParentFileId"
    assert await code(parent_file_id=None) == "InvalidParameterMissing.ParentFileId"
    assert await code(order_by="starred") == "InvalidParameter.OrderBy"
    assert await code(drive_id=None) == "InvalidParameterMissing.DriveId"


async def test_missing_parent_may_be_empty(run):
    """By a switch the listing of a folder that is not there is an empty page."""
    async with run(settings=Settings(missing_parent="empty")) as api:
        got = await api.post("/file/list", {"drive_id": "1", "parent_file_id": "0" * 40})
        assert got.data == {"items": [], "next_marker": ""}


async def test_uploading_and_trashed_files_are_hidden(api):
    """Neither search nor list shows files that are uploading or in the bin; list can be told to."""
    ids = await fill(api, 3)
    await api.emulator.set_status(ids[0], "uploading")
    await api.emulator.trash_file(ids[1])
    listing = {"drive_id": "1", "parent_file_id": "root"}
    assert names([(await api.search()).data]) == [NAMES[2]]
    assert names([(await api.post("/file/list", listing)).data]) == [NAMES[2]]
    uploading = await api.post("/file/list", listing | {"status": "uploading"})
    assert names([uploading.data]) == [NAMES[0]]


async def test_scan_is_brief(api):
    """file/scan gives every file, without its name unless fields asks."""
    await api.emulator.add_files([{"path": "a/b.txt", "size": 1}])
    got = await api.post("/file/scan", {"drive_id": "1"})
    assert len(got.data["items"]) == 2
    assert not any("name" in item for item in got.data["items"])
    got = await api.post("/file/scan", {"drive_id": "1", "fields": "name"})
    assert sorted(names([got.data])) == ["a", "b.txt"]


async def test_my_drives_are_paged(api):
    """drive/list_my_drives gives the caller's own drives, page by page."""
    for drive_id in ("5", "6", "7"):
        await api.emulator.put_drive(drive_id, owner="bob")
    token = api.emulator.issue_token(user_id="bob").access_token
    found, marker = [], ""
    for _ in range(3):
        got = await api.post("/drive/list_my_drives", {"limit": 2, "marker": marker}, token=token)
        found += [drive["drive_id"] for drive in got.data["items"]]
        marker = got.data["next_marker"]
        if not marker:
            break
    assert found == ["5", "6", "7"]
