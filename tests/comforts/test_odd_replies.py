"""Replies whose fields have the wrong types: work with files ends with one of our errors, or well.

A field of the wrong type reads what was sent; whatever is built on fields has to expect that.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import product

import pytest
from aiohttp import web

from pdsclient import InvalidRequest, PDSError

PATHS = (
    "/file/create", "/file/complete", "/file/get", "/file/get_download_url", "/file/delete",
    "/file/copy", "/file/move", "/file/update", "/file/pre_create_check", "/recyclebin/trash",
    "/recyclebin/clear_all", "/async_task/get",
)  # fmt: skip
CALLS = {
    "folder": lambda c: c.create_folders("a/b", drive_id="1"),
    "folders": lambda c: c.create_folders(["a/b", "c"], drive_id="1"),
    "save": lambda c: c.save_file_content(b"abc", name="n", drive_id="1"),
    "overwrite": lambda c: c.save_file_content(
        b"abc", name="n", drive_id="1", check_name_mode="overwrite"
    ),
    "read": lambda c: c.get_file_content("f", drive_id="1"),
    "trash": lambda c: c.trash_files(["a", "b"], drive_id="1", deadline=3),
    "copy": lambda c: c.copy_files(["a"], drive_id="1", to_parent_file_id="p", deadline=3),
    "move": lambda c: c.move_files(["a"], drive_id="1", to_parent_file_id="p", deadline=3),
    "rename": lambda c: c.rename_files({"a": "b"}, drive_id="1"),
    "breadcrumbs": lambda c: c.breadcrumbs("f", drive_id="1"),
    "exist": lambda c: c.check_files_exist(["a"], drive_id="1"),
    "clear": lambda c: c.clear_recycle_bin(deadline=3),
}
TOLD = {
    "file_id": "f", "parent_file_id": "p", "id_path": "root/a/b/f", "exist": False,
    "type": "folder", "upload_id": "u", "rapid_upload": False, "revision_id": "r",
    "async_task_id": "t", "state": "Succeed", "crc64_hash": "5", "size": 3, "result_code": "x",
    "name_check_result": {"exist_file_id": "z"}, "items": [{"async_task_id": "t"}],
}  # fmt: skip
FIELDS = [*TOLD, "part_info_list"]
ODD = [0, True, [[]], {"a": 1}, "x"]


@pytest.mark.parametrize("call", CALLS)
async def test_a_reply_of_any_form_ends_well_or_with_an_error_of_ours(service, client, call):
    """Nothing was wrong with the request, so it is no InvalidRequest either."""
    url = f"{service.endpoint}/o?Signature=abcdefgh"
    told = {**TOLD, "url": url, "part_info_list": [{"part_number": 1, "upload_url": url}]}
    changed = {}
    for path in PATHS:
        service.on(path, lambda data: (200, {**told, **changed}))

    async def content(request):
        await request.read()
        return web.Response(text="" if request.method == "PUT" else "abc")

    service.data = content
    view = client.with_options(retries=0)
    for field, odd in product(FIELDS, ODD):
        changed = {field: odd}
        with suppress(PDSError):
            try:
                assert repr(await CALLS[call](view))
            except InvalidRequest as error:
                pytest.fail(f"{changed}: {error}")
