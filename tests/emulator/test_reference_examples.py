"""What the service reference shows as examples: search vectors, checks, exchanges.

Sections 15 (blueprint), 17 (open questions) and 18 (worked exchanges) of pds-service.md, sent and
read as they stand there, without our client.
"""

from __future__ import annotations

import hashlib
import re
from urllib.parse import parse_qs, urlsplit

import pytest

from pdsclient.emulator import Fault, Settings
from pdsclient.emulator.handlers import OPERATIONS

# ---- 15: the search engine


NODES = [
    {"name": "Report.ppt", "size": 2000, "created_at": "2019-01-14T03:00:00Z"},
    {"name": "photo.JPG", "size": 500, "starred": True},
    {"name": "Reports", "type": "folder"},
    {"name": 'a"b\\c.txt', "size": 0, "hidden": True},
]
PPT, JPG, FOLDER, ODD = (str(node["name"]) for node in NODES)
VECTORS = [
    ('name = "Report.ppt"', {PPT}),
    ('name match "Report"', {PPT, FOLDER}),
    ('created_at > "2019-01-14T00:00:00" and created_at < "2019-01-15T00:00:00"', {PPT}),
    ("size > 1024 and hidden = false and not file_extension = 'mp4'", {PPT}),
    ("not hidden = true and type = 'file'", {PPT, JPG}),
    ('type = "folder" or size >= 500 and starred = true', {FOLDER, JPG}),
    ('(type = "folder" or size >= 500) and starred = true', {JPG}),
    # Extensions are kept in lower case, so that the photo is found.
    ('file_extension in ["ppt","jpg"]', {PPT, JPG}),
    (r'name = "a\"b\\c.txt"', {ODD}),
    ("name='Report.ppt'", {PPT}),
    ("size >= 0", {PPT, JPG, ODD}),
]
REFUSED = [
    'name prefix "Rep"',
    "unknown_field = 1",
    "name =",
    '(name = "x"',
    'name = "x',
    "",
]


@pytest.mark.parametrize(("query", "names"), VECTORS, ids=[query for query, _ in VECTORS])
async def test_search_vectors(api, query, names):
    """Each query of the table finds exactly its rows."""
    await api.emulator.add_files(NODES)
    got = await api.search(query)
    assert {one["name"] for one in got.data["items"]} == names


@pytest.mark.parametrize("query", REFUSED)
async def test_search_vectors_that_are_refused(api, query):
    """Each malformed query of the table is a 400 about the query."""
    got = await api.search(query)
    assert got.status == 400
    assert re.fullmatch(r"InvalidParameter(Missing)?\.Query", got.code)


async def test_an_empty_query_finds_all_in_the_bin(api):
    """What a search of files refuses is everything in a search of the bin."""
    ids = await api.emulator.add_files(NODES)
    for file_id in ids:
        await api.emulator.trash_file(file_id)
    got = await api.post("/recyclebin/search_all", {"query": ""})
    assert len(got.data["items"]) == len(NODES)


REQUEST_ID = re.compile(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}")
CATEGORIES = {
    "image": "jpg jpeg png gif bmp webp heic tif tiff svg",
    "video": "mp4 mov mkv avi flv wmv m4v ts webm",
    "audio": "mp3 wav flac aac m4a ogg",
    "doc": "txt pdf doc docx xls xlsx ppt pptx csv md rtf",
    "zip": "zip rar 7z tar gz",
    "app": "apk exe ipa dmg msi",
    "others": "xyz",
}


async def test_categories(api):
    """The category goes by the part after the last dot, kept in lower case."""
    names = [f"a.b.{one.upper()}" for ones in CATEGORIES.values() for one in ones.split()]
    await api.emulator.add_files([{"name": name, "size": 1} for name in names])
    for category, extensions in CATEGORIES.items():
        got = await api.search(f"category = '{category}'", limit=100)
        found = sorted(one["file_extension"] for one in got.data["items"])
        assert found == sorted(extensions.split())


# ---- 15: replies and the order of checks


async def test_headers_of_every_response(api):
    """Request id, content type and date; an error has a code and a message."""
    for path, data in (("/drive/list", {}), ("/file/get", {}), ("/file/video_drm_license", {})):
        got = await api.post(path, data)
        assert REQUEST_ID.fullmatch(got.headers["x-ca-request-id"])
        assert got.headers["Content-Type"] == "application/json; charset=utf-8"
        assert got.headers["Date"].endswith("GMT")
        if got.status >= 400:
            assert set(got.data) == {"code", "message"}


async def test_order_of_all_checks(api):
    """Route, syntax, token, throttling, required fields, ranges, existence, rights, conflicts:
    each error hides those that come after it."""
    api.emulator.rate_limit = 0.001
    await api.post("/drive/list")
    (folder, *_) = await api.emulator.add_files([{"name": "taken"}, {"name": "other"}])
    stranger = api.emulator.issue_token(user_id="stranger").access_token
    drive = {"drive_id": "1"}
    steps = [
        ("/file/nothing", b"{", None, 404, "I404NF"),
        ("/file/update", b"{", None, 400, "InvalidRequestJSONFormat"),
        ("/file/update", {}, None, 401, "AccessTokenInvalid"),
        ("/file/update", {}, "", 429, None),
        (None, None, None, 0, None),
        ("/file/update", {"name": "n" * 2000}, "", 400, "InvalidParameterMissing.DriveId"),
        ("/file/update", {**drive, "file_id": "0" * 40, "name": "n" * 2000}, "", 400, "Invalid"),
        ("/file/update", {"drive_id": "9", "file_id": "0" * 40, "name": "n"}, stranger, 404, "Not"),
        ("/file/update", {**drive, "file_id": folder, "name": "other"}, stranger, 403, "Forbidden"),
        (
            "/file/update",
            {**drive, "file_id": folder, "name": "other", "check_name_mode": "refuse"},
            "",
            409,
            "AlreadyExist.File",
        ),
    ]
    for path, body, token, status, code in steps:
        if path is None:
            api.emulator.rate_limit = None
            continue
        if isinstance(body, bytes):
            got = await api.send("POST", f"/v2{path}", data=body)
        else:
            got = await api.post(path, body, token=token)
        assert got.status == status, (path, body, got)
        shown = got.headers.get("x-ca-error-code") or (got.code if got.body else None)
        assert code is None or shown.startswith(code), (path, body, shown)


async def test_enterprise_edition_refuses(api):
    """A domain of the enterprise edition refuses batches and deletions to its API keys."""
    refusal = Fault.status(403, "CheckRouterAccessFailed", "User not authorized")
    for path in ("/batch", "/file/delete"):
        api.emulator.faults.add(path, refusal)
        got = await api.post(path, {})
        assert (got.status, got.code) == (403, "CheckRouterAccessFailed")


async def test_refuse_may_race(api):
    """By a switch two creates of one name at once both succeed, as has been seen."""
    api.emulator.settings = Settings(name_lag_s=1)
    first, second = await folder(api, "docs"), await folder(api, "docs")
    assert not second.data["exist"]
    assert first.data["file_id"] != second.data["file_id"]
    api.emulator.clock.advance(1)
    assert (await folder(api, "docs")).data["exist"]


# ---- 18: worked exchanges


async def folder(api, name, **more):
    data = {"drive_id": "1", "parent_file_id": "root", "name": name, "type": "folder"}
    return await api.post("/file/create", {**data, "check_name_mode": "refuse", **more})


async def test_folder_clash_and_rename_clash(api):
    """Creating again gives the first folder with exist; renaming onto it is 409 with its id."""
    first, again = await folder(api, "docs"), await folder(api, "docs")
    file_id = first.data["file_id"]
    assert (first.status, first.data["file_name"], first.data["exist"]) == (201, "docs", False)
    assert (again.status, again.data["file_id"], again.data["exist"]) == (201, file_id, True)
    assert again.data["status"] == "available"
    assert re.fullmatch(r"[0-9a-f]{40}", file_id)
    other = (await folder(api, "other")).data["file_id"]
    data = {"drive_id": "1", "file_id": other, "name": "docs", "check_name_mode": "refuse"}
    got = await api.post("/file/update", data)
    assert (got.status, got.code) == (409, "AlreadyExist.File")
    assert got.data["message"] == (
        "The resource file has already exists. drive has the same file, can't update, "
        f"file_id {file_id}"
    )


async def test_expired_token_and_refresh(api):
    """An old token is told apart; a refresh rotates; the used refresh token is worth nothing."""
    token = api.emulator.issue_token(ttl_s=7200)
    api.emulator.clock.advance(7201)
    got = await api.post("/file/get", {"drive_id": "1"}, token=token.access_token)
    assert (got.status, got.code) == (401, "AccessTokenInvalid")
    assert got.data["message"] == "AccessToken is invalid. AccessTokenExpired"
    form = {
        "grant_type": "refresh_token",
        "refresh_token": token.refresh_token,
        "client_id": api.emulator.app_id,
    }
    fresh = await api.send("POST", "/v2/oauth/token", data=form)
    assert fresh.status == 200
    assert fresh.data["refresh_token"] != token.refresh_token
    assert (fresh.data["expires_in"], fresh.data["token_type"]) == (7200, "Bearer")
    again = await api.send("POST", "/v2/oauth/token", data=form)
    assert (again.status, again.data) == (
        400,
        {
            "code": "InvalidParameter.RefreshToken",
            "message": "The input parameter refresh_token is not valid. ",
        },
    )


async def test_pre_hash_flow(api):
    """A known beginning is 409 in the form of a create reply; the full hash then is rapid."""
    content = b"x" * 2000
    await api.emulator.add_files([{"name": "first", "content": content}])
    data = {
        "drive_id": "1",
        "parent_file_id": "root",
        "name": "big.iso",
        "type": "file",
        "size": len(content),
        "content_hash_name": "sha1",
    }
    pre_hash = hashlib.sha1(content[:1024]).hexdigest().upper()
    got = await api.post("/file/create", {**data, "pre_hash": pre_hash})
    assert got.status == 409
    expected = {
        "parent_file_id": "root",
        "file_name": "big.iso",
        "pre_hash": pre_hash,
        "code": "PreHashMatched",
        "message": "Pre hash matched.",
    }
    assert expected.items() <= got.data.items()
    content_hash = hashlib.sha1(content).hexdigest().upper()
    got = await api.post("/file/create", {**data, "content_hash": content_hash})
    assert (got.status, got.data["rapid_upload"], got.data["file_name"]) == (201, True, "big.iso")


async def test_search_in_two_pages(api):
    """The total is on both pages, the marker on the first alone."""
    await api.emulator.add_files([{"name": f"report {n}", "size": n} for n in range(3)])
    data = {
        "drive_id": "1",
        "query": 'name match "report" and type = "file"',
        "order_by": "updated_at DESC,name ASC",
        "limit": 2,
        "return_total_count": True,
    }
    first = (await api.post("/file/search", data)).data
    assert (len(first["items"]), first["total_count"]) == (2, 3)
    second = (await api.post("/file/search", {**data, "marker": first["next_marker"]})).data
    assert (len(second["items"]), second["total_count"], second["next_marker"]) == (1, 3, "")


async def test_folder_trash_and_task(api):
    """A folder is trashed by a task that counts what is in it; a file at once, without a word."""
    await api.emulator.add_files([{"path": "a/b"}, {"path": "a/c"}, {"name": "d"}])
    found = (await api.search("size >= 0 or type = 'folder'")).data["items"]
    ids = {one["name"]: one["file_id"] for one in found}
    got = await api.post("/recyclebin/trash", {"drive_id": "1", "file_id": ids["a"]})
    assert got.status == 202
    assert (got.data["domain_id"], got.data["drive_id"]) == (api.emulator.domain_id, "1")
    assert got.data["file_id"] == ids["a"]
    data = {"async_task_id": got.data["async_task_id"]}
    task = (await api.post("/async_task/get", data)).data
    assert task["async_task_id"] == data["async_task_id"]
    assert (task["state"], task["status"]) == ("Succeed", "Succeed")
    assert (task["total_process"], task["consumed_process"]) == (3, 3)
    got = await api.post("/recyclebin/trash", {"drive_id": "1", "file_id": ids["d"]})
    assert (got.status, got.body) == (204, b"")


async def test_gateway_throttling_and_timeout(api):
    """Both come from the gateway: no body, all in the headers."""
    api.emulator.rate_limit = 0.001
    await api.post("/drive/list")
    got = await api.post("/drive/list")
    assert (got.status, got.body) == (429, b"")
    assert got.headers["x-ca-request-id"]
    api.emulator.rate_limit = None
    api.emulator.faults.add("/drive/list", Fault.gateway())
    got = await api.post("/drive/list")
    assert (got.status, got.body) == (504, b"")
    assert got.headers["x-ca-error-code"] == "D504TO"
    assert got.headers["x-ca-error-message"] == "timeout"


async def test_expired_data_url(api):
    """After Expires the data plane says so in XML."""
    (file_id,) = await api.emulator.add_files([{"name": "a", "content": b"abc"}])
    data = {"drive_id": "1", "file_id": file_id, "expire_sec": 60}
    url = (await api.post("/file/get_download_url", data)).data["url"]
    assert {"Expires", "OSSAccessKeyId", "Signature"} <= parse_qs(urlsplit(url).query).keys()
    api.emulator.clock.advance(61)
    got = await api.send("GET", url)
    assert (got.status, got.headers["Content-Type"]) == (403, "application/xml")
    assert b"<Code>AccessDenied</Code><Message>Request has expired.</Message>" in got.body


# ---- 17: what nobody knows


async def test_names_and_values_in_queries_have_their_case(api):
    """Keywords may be shouted; a value of ``=`` is compared as it is, one of ``match`` is not."""
    await api.emulator.add_files([{"name": "Report.ppt", "size": 1}])
    for query, count in (
        ("name = 'Report.ppt' AND type = 'file'", 1),
        ("name = 'report.ppt'", 0),
        ("name match 'REPORT'", 1),
    ):
        assert len((await api.search(query)).data["items"]) == count


# ---- rights: one rule for all operations


async def test_whoever_may_only_look_changes_nothing(api):
    """With the least of all roles no operation on files changes or reveals a content."""
    await api.emulator.add_files([{"path": "a/b.txt", "content": b"b"}])
    found = (await api.search("size >= 0 or type = 'folder'")).data["items"]
    ids = {one["name"]: one["file_id"] for one in found}
    token = api.emulator.issue_token(user_id="ann").access_token
    identity = {"identity_type": "IT_User", "identity_id": "ann"}
    member = {"identity": identity, "role_id": "SystemFileMetaViewer"}
    shared = {"drive_id": "1", "file_id": ids["a"], "member_list": [member]}
    await api.post("/file/add_permission", shared)
    body = {
        **shared,
        "file_id": ids["b.txt"],
        "parent_file_id": ids["a"],
        "to_parent_file_id": ids["a"],
        "file_id_list": [ids["b.txt"]],
        "file_ids": [ids["b.txt"]],
        "name": "new",
        "type": "file",
        "user_tags": [{"key": "k", "value": "v"}],
        "key_list": ["k"],
        "revision_id": "0" * 40,
        "upload_id": "0" * 32,
        "audio_template_id": "HQ",
        "total_size": 1,
    }
    before = (await api.post("/file/get", {"drive_id": "1", "file_id": ids["b.txt"]})).data
    for path in OPERATIONS:
        if path.startswith(("/file/", "/recyclebin/", "/share_link/", "/drive/")):
            got = await api.post(path, body, token=token)
            is_look = path in LOOKS
            assert got.status in ((200, 201, 400, 404) if is_look else (400, 403, 404)), (path, got)
    assert (await api.post("/file/get", {"drive_id": "1", "file_id": ids["b.txt"]})).data == before


LOOKS = {
    "/drive/get",
    "/drive/get_default_drive",
    "/drive/list_my_drives",
    "/drive/list_my_group_drive",
    "/file/get",
    "/file/list",
    "/file/search",
    "/file/pre_create_check",
    "/file/list_inherit_permission",
    "/file/list_permission",
    "/file/list_received_file",
    "/file/list_sharing_file",
    "/file/revision/get",
    "/file/revision/list",
    "/recyclebin/clear_all",
    "/share_link/list",
    "/share_link/search",
}
