"""Rules of the service reference (pds-service.md), each sent as its sentence says."""

from __future__ import annotations

import pytest


async def upload(api, name, content=b"abc", **more):
    """A file with this content; its id."""
    data = {"drive_id": "1", "parent_file_id": "root", "name": name, "type": "file", **more}
    begun = (await api.post("/file/create", data)).data
    url = begun["part_info_list"][0]["upload_url"]
    await api.send("PUT", url, data=content, headers={"Content-Type": ""})
    done = {"drive_id": "1", "file_id": begun["file_id"], "upload_id": begun["upload_id"]}
    assert (await api.post("/file/complete", done)).status == 200
    return begun["file_id"]


async def visit(api, file_id, **limits):
    """A share link of the file, as a function that calls through it."""
    data = {"drive_id": "1", "file_id_list": [file_id], **limits}
    share_id = (await api.post("/share_link/create", data)).data["share_id"]
    token = (await api.post("/share_link/get_share_token", {"share_id": share_id}, token=None)).data

    async def call(path, **more):
        headers = {"x-share-token": token["share_token"]}
        data = {"share_id": share_id, "file_id": file_id, **more}
        return await api.post(path, data, token=None, headers=headers)

    return call


async def test_a_file_is_asked_for_again_to_renew_its_url(api):
    """6.3: ``download_url`` is had again with file/get; a listing gives it when it is asked to."""
    file_id = await upload(api, "a.txt")
    got = (await api.post("/file/get", {"drive_id": "1", "file_id": file_id})).data
    assert "url" not in got
    api.emulator.clock.advance(901)
    assert (await api.send("GET", got["download_url"])).status == 403
    got = (await api.post("/file/get", {"drive_id": "1", "file_id": file_id})).data
    assert (await api.send("GET", got["download_url"])).body == b"abc"
    listing = {"drive_id": "1", "parent_file_id": "root"}
    (plain,) = (await api.post("/file/list", listing)).data["items"]
    (asked,) = (await api.post("/file/list", listing | {"fields": "url"})).data["items"]
    assert "download_url" not in plain
    assert {"url", "download_url"} <= asked.keys()


async def test_no_reply_gives_a_url_that_a_link_does_not_count(api):
    """12: a link with limits has URLs by the operations that count them only."""
    file_id = await upload(api, "a.jpg")
    free = await visit(api, file_id)
    assert {"url", "thumbnail"} <= (await free("/file/get", fields="*")).data.keys()
    limited = await visit(api, file_id, download_limit=1, preview_limit=1)
    shown = (await limited("/file/get", fields="*")).data
    assert not {"url", "download_url", "thumbnail"} & shown.keys()
    assert (await limited("/file/get_download_url")).status == 200
    assert (await limited("/file/get_download_url")).code == "ShareLink.Forbidden"


@pytest.mark.parametrize("name", ["group_name", "group_name_for_fuzzy"])
async def test_groups_are_found_by_either_parameter(api, name):
    """5.11: the part of the name may have two names."""
    await api.post("/group/create", {"group_name": "Test_Group_123"})
    found = (await api.post("/group/search", {name: "test_group"})).data["items"]
    assert [one["group_name"] for one in found] == ["Test_Group_123"]
    assert (await api.post("/group/search")).code == "InvalidParameterMissing.GroupName"


@pytest.mark.parametrize("path", ["/file/create", "/file/update"])
async def test_local_times_are_in_utc(api, path):
    """1.7: ``yyyy-MM-ddTHH:mm:ssZ``, where a file is made as where it is changed."""
    file_id = await upload(api, "a.txt")
    call = {"drive_id": "1", "file_id": file_id, "parent_file_id": "root", "name": "b"}
    call |= {} if path == "/file/update" else {"type": "file", "file_id": ""}
    for wrong in ("2019-08-20 06:51", "2019-08-20T06:51:27+08:00", "2019-02-30T06:51:27Z"):
        got = await api.post(path, call | {"local_modified_at": wrong})
        assert (got.status, got.code) == (400, "InvalidParameter.LocalModifiedAt")
    got = await api.post(path, call | {"local_modified_at": "2019-08-20T06:51:27Z"})
    assert got.status in (200, 201)


async def test_errors_of_the_data_plane_have_one_request_id(api):
    """1.4: ``x-oss-request-id`` is on data replies, and in the XML as well."""
    got = await api.send("GET", "/data/bj1%2F1%2Fa%2Fb?Expires=1&Signature=x")
    assert got.headers["Content-Type"] == "application/xml"
    assert f"<RequestId>{got.headers['x-oss-request-id']}</RequestId>".encode() in got.body


async def test_groups_of_a_user_are_shown_as_groups_are(api):
    """12: a group is the same object wherever it is sent."""
    await api.emulator.put_user("bob")
    group = (await api.post("/group/create", {"group_name": "g"})).data
    member = {"group_id": group["group_id"], "member_type": "user", "member_id": "bob"}
    await api.post("/group/add_member", member)
    asked = {"user_id": "bob", "extra_return_info": ["group"]}
    assert (await api.post("/user/general_get", asked)).data["parent_group"] == [group]
