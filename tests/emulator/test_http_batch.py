"""Raw HTTP: batch (pds-service.md 8, 13.14, 13.19, 13.25)."""

from __future__ import annotations

import pytest

from pdsclient.emulator import Settings
from pdsclient.emulator.handlers.batch import URLS

JSON = {"Content-Type": "application/json"}


def item(number, url, body=None, **more):
    return {
        "id": str(number),
        "method": "POST",
        "url": url,
        "headers": JSON,
        "body": {"drive_id": "1", **(body or {})},
        **more,
    }


async def batch(api, *items, resource="file", **more):
    return await api.post("/batch", {"resource": resource, "requests": list(items)}, **more)


async def answers(api, *items, **more):
    got = await batch(api, *items, **more)
    assert got.status == 200
    return got.data["responses"]


async def test_items_are_answered_one_by_one(api):
    """8: 200 for the envelope; each item has a status of its own, and 204 has no body."""
    first, second = await api.emulator.add_files([{"name": "a"}, {"name": "b"}])
    found, missing, trashed = await answers(
        api,
        item("93433894994ad2e1", "/file/get", {"file_id": first}),
        item(2, "/file/get", {"file_id": "0" * 40}),
        item(3, "/recyclebin/trash", {"file_id": second}),
    )
    assert (found["id"], found["status"], found["body"]["name"]) == ("93433894994ad2e1", 200, "a")
    assert (missing["id"], missing["status"]) == ("2", 404)
    assert missing["body"]["code"] == "NotFound.FileId"
    assert set(missing["body"]) == {"code", "message"}
    assert trashed == {"id": "3", "status": 204}


async def test_ten_items_are_answered_in_order(api):
    """The JavaScript SDK sends ten at a time and goes by their places."""
    names = [f"{n}.txt" for n in range(10)]
    file_ids = await api.emulator.add_files([{"name": name} for name in names])
    items = [
        item(
            n,
            "/file/update",
            {"file_id": one, "starred": True, "custom_index_key": "starred_yes"},
        )
        for n, one in enumerate(file_ids)
    ]
    got = await answers(api, *items)
    assert [one["body"]["file_id"] for one in got] == file_ids
    assert [one["id"] for one in got] == [str(n) for n in range(10)]
    checks = [
        item(n, "/file/pre_create_check", {"parent_file_id": "root", "name": name, "type": "file"})
        for n, name in enumerate(["0.txt", "new.txt"])
    ]
    taken, free = await answers(api, *checks)
    assert taken["body"]["name_check_result"]["exist_file_id"] == file_ids[0]
    assert free["body"] == {"result_code": "success"}


async def test_folders_are_moved_copied_restored_and_deleted_in_batches(api):
    """13.14, 13.16, 13.19: batch move, then batch copy, then the parent lists all of them."""
    to, a, b = await api.emulator.add_files(
        [{"name": name, "type": "folder"} for name in ("to", "a", "b")]
    )
    body = {"to_parent_file_id": to, "auto_rename": True}
    (moved,) = await answers(api, item(1, "/file/move", {**body, "file_id": a}))
    (copied,) = await answers(api, item(1, "/file/copy", {**body, "file_id": b}))
    assert (moved["status"], copied["status"]) == (200, 202)
    asked = {"drive_id": "1", "parent_file_id": to, "order_by": "name"}
    listed = (await api.post("/file/list", asked)).data["items"]
    assert [one["name"] for one in listed] == ["a", "b"]
    ids = [one["file_id"] for one in listed]
    for url, status in [
        ("/recyclebin/trash", 202),
        ("/recyclebin/restore", 202),
        ("/file/delete", 202),
    ]:
        got = await answers(api, *(item(n, url, {"file_id": one}) for n, one in enumerate(ids)))
        assert [one["status"] for one in got] == [status, status]
    polled = await answers(
        api,
        *(
            item(n, "/async_task/get", {"async_task_id": one["body"]["async_task_id"]})
            for n, one in enumerate(got)
        ),
    )
    assert {one["body"]["state"] for one in polled} == {"Succeed"}
    assert (await api.post("/file/list", asked)).data["items"] == []


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({"requests": [item(1, "/file/get")]}, "InvalidParameterMissing.Resource"),
        ({"resource": "x", "requests": [item(1, "/file/get")]}, "InvalidParameter.Resource"),
        ({"resource": "file"}, "InvalidParameterMissing.Requests"),
        ({"resource": "file", "requests": []}, "InvalidParameterMissing.Requests"),
        ({"resource": "file", "requests": "x"}, "InvalidParameterWrongFormat.Requests"),
        ({"resource": "file", "requests": ["x"]}, "InvalidParameterWrongFormat.Requests"),
        (
            {"resource": "file", "requests": [item(n, "/file/get") for n in range(101)]},
            "InvalidParameter.Requests",
        ),
        ({"resource": "file", "requests": [item(1, "/file/get")] * 2}, "InvalidParameter.Requests"),
        (
            {"resource": "file", "requests": [{"method": "POST", "url": "/file/get"}]},
            "InvalidParameter.Requests",
        ),
    ],
    ids=["no resource", "resource", "none", "empty", "text", "texts", "101", "twice", "no id"],
)
async def test_a_bad_envelope_is_refused_as_a_whole(api, sent, code):
    """8: 400, and no item is run."""
    got = await api.post("/batch", sent)
    assert (got.status, got.code) == (400, code)


@pytest.mark.parametrize(
    ("bad", "status", "code"),
    [
        (item(1, "/file/create"), 400, "InvalidParameter.Url"),
        (item(1, "/batch"), 400, "InvalidParameter.Url"),
        (item(1, "/v2/file/get"), 400, "InvalidParameter.Url"),
        (item(1, "/file/get", method="GET"), 404, "I404NF"),
        (item(1, "/file/get", method="post"), 400, "InvalidParameter.Method"),
        (item(1, "/file/get", headers=None), 400, "InvalidParameterMissing.Headers"),
        (
            item(1, "/file/get", headers={"content-type": "text/plain"}),
            400,
            "InvalidParameter.Headers",
        ),
        (item(1, "/file/get"), 400, "InvalidParameterMissing.FileId"),
        ({**item(1, "/file/get"), "body": "x"}, 400, "InvalidParameterWrongFormat.Body"),
        (item(1, ""), 400, "InvalidParameterMissing.Url"),
    ],
    ids=[
        "create",
        "batch",
        "version",
        "GET",
        "method",
        "no headers",
        "type",
        "no file",
        "text",
        "no url",
    ],
)
async def test_a_bad_item_fails_alone(api, bad, status, code):
    """8: the failure of an item is in its own answer."""
    (file_id,) = await api.emulator.add_files([{"name": "a"}])
    got, good = await answers(api, bad, item(2, "/file/get", {"file_id": file_id}))
    assert (got["status"], got["body"]["code"]) == (status, code)
    assert good["status"] == 200


async def test_every_documented_url_is_run(api):
    """8: the list of the reference; one of its operations exists in no SDK."""
    got = await answers(api, *(item(n, url) for n, url in enumerate(sorted(URLS))))
    refused = [
        url
        for url, one in zip(sorted(URLS), got, strict=True)
        if one.get("body", {}).get("code") in ("OperationNotSupport", "InvalidParameter.Url")
    ]
    assert refused == ["/file/get_share_link_download_url"]


async def test_a_body_may_be_left_out(api):
    """An item without a body needs no headers."""
    (got,) = await answers(api, {"id": "1", "method": "POST", "url": "/async_task/get"})
    assert got["body"]["code"] == "InvalidParameterMissing.AsyncTaskId"


async def test_items_have_the_rights_of_the_caller(api):
    """A share token opens what it opens, and nothing that needs a user."""
    (file_id,) = await api.emulator.add_files([{"name": "a"}])
    share = await api.emulator.create_share([file_id])
    headers = {"x-share-token": api.emulator.issue_share_token(share)}
    through = {"share_id": share, "file_id": file_id}
    got = await answers(
        api,
        item(1, "/file/get", through),
        item(2, "/drive/get"),
        item(3, "/file/delete", through),
        token=None,
        headers=headers,
    )
    assert [one["status"] for one in got[:2]] == [200, 401]
    assert got[2]["status"] >= 400
    assert (await batch(api, item(1, "/file/get"), token=None)).status == 401


async def test_torture(api):
    """8, 17.17: answers in any order, missing ones, and items that are throttled."""
    file_ids = await api.emulator.add_files([{"name": str(n)} for n in range(30)])
    items = [item(n, "/file/get", {"file_id": one}) for n, one in enumerate(file_ids)]
    kept = [str(n) for n in range(30)]
    api.emulator.settings = Settings(batch_order="shuffled")
    ids = [one["id"] for one in await answers(api, *items)]
    assert sorted(ids, key=int) == kept != ids
    api.emulator.settings = Settings(batch_answers=20)
    assert [one["id"] for one in await answers(api, *items)] == kept[:20]
    api.emulator.settings = Settings(batch_throttle=20)
    got = await answers(api, *items)
    assert [one["status"] for one in got] == [200] * 20 + [429] * 10
    assert got[-1]["body"]["code"] == "TooManyRequests"
