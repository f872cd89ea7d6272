"""Office documents and videos on the web, over raw HTTP."""

from __future__ import annotations

import pytest

from pdsclient.emulator import Settings


async def put(api, name, **more):
    (file_id,) = await api.emulator.add_files([{"name": name, "content": b"0123456789", **more}])
    return {"drive_id": api.emulator.drive_id, "file_id": file_id}


async def test_office_preview(api):
    """A document has a preview URL that can be read, also an empty one."""
    file = await put(api, "empty.txt", content=b"")
    got = (await api.post("/file/get_office_preview_url", file)).data
    assert got["access_token"]
    assert (await api.send("GET", got["preview_url"])).status == 200


async def test_office_edit(api):
    """Editing gives a pair of tokens, which are renewed as long as both belong together."""
    data = {**await put(api, "a.docx"), "option": {"readonly": False}, "referer": "here"}
    first = (await api.post("/file/get_office_edit_url", data)).data
    assert first["edit_url"].startswith("http")
    pair = {name: first[name] for name in ("office_access_token", "office_refresh_token")}
    second = (await api.post("/file/refresh_office_edit_token", pair)).data
    assert second.keys() == {"office_access_token", "office_refresh_token", "referer"}
    other = (await api.post("/file/get_office_edit_url", await put(api, "b.docx"))).data
    mixed = {**pair, "office_access_token": other["office_access_token"]}
    got = await api.post("/file/refresh_office_edit_token", mixed)
    assert got.code == "InvalidParameter.OfficeAccessToken"
    api.emulator.clock.advance(8 * 24 * 3600)
    token = api.emulator.issue_token().access_token
    got = await api.post("/file/refresh_office_edit_token", pair, token=token)
    assert got.code == "InvalidParameter.OfficeRefreshToken"


@pytest.mark.parametrize(
    ("operation", "name"),
    [
        ("get_office_preview_url", "a.mp4"),
        ("get_office_edit_url", "a.jpg"),
        ("get_video_preview_play_info", "a.txt"),
        ("get_video_preview_play_meta", "a.zip"),
        ("get_video_preview_url", "a.png"),
    ],
)
async def test_other_files_have_no_preview(api, operation, name):
    """Each preview is for files of its sort, and for no folders."""
    is_office = "office" in operation
    refusal = (
        (400, "InvalidResource.FileCategory") if is_office else (404, "NotFound.VideoPreviewInfo")
    )
    file = {**await put(api, name), "audio_template_id": "HQ"}
    (folder,) = await api.emulator.add_files([{"name": "dir", "type": "folder"}])
    for file_id in (file["file_id"], folder):
        got = await api.post(f"/file/{operation}", {**file, "file_id": file_id})
        assert (got.status, got.code) == refusal


@pytest.mark.parametrize(
    ("category", "listed"),
    [
        ("live_transcoding", "live_transcoding_task_list"),
        ("quick_video", "quick_video_list"),
        ("offline_video", "offline_video_transcoding_list"),
        ("offline_audio", "offline_video_transcoding_list"),
        (None, "live_transcoding_task_list"),
    ],
)
async def test_play_info(api, category, listed):
    """Each way of transcoding lists its versions, finished and with URLs that can be read."""
    file = {**await put(api, "a.mp4"), "get_master_url": True}
    if category is not None:
        file["category"] = category
    got = (await api.post("/file/get_video_preview_play_info", file)).data
    info = got["video_preview_play_info"]
    assert got["file_id"] == file["file_id"]
    assert info["category"] == (category or "live_transcoding")
    assert ("master_url" in info) == (category == "quick_video")
    for version in info[listed]:
        assert version["status"] == "finished"
        assert (await api.send("GET", version["url"])).status == 200
    one = info[listed][0]["template_id"]
    more = {**file, "template_id": one, "get_without_url": True}
    got = (await api.post("/file/get_video_preview_play_info", more)).data
    assert got["video_preview_play_info"][listed] == [{"template_id": one, "status": "finished"}]
    meta = (await api.post("/file/get_video_preview_play_meta", file)).data
    assert len(meta["video_preview_play_meta"][listed]) == len(info[listed])


async def test_a_video_knows_its_size(api):
    """Duration and size of the picture are those of the file's metadata."""
    metadata = {"width": 640, "height": 480, "duration": "12.5"}
    file = await put(api, "a.mp4", video_media_metadata=metadata)
    got = (await api.post("/file/get_video_preview_play_info", file)).data
    assert got["video_preview_play_info"]["meta"] == {
        "width": 640,
        "height": 480,
        "duration": 12.5,
    }


async def test_wait_and_retry(api):
    """By a switch a preview is made first: 202 with a code until its time has come."""
    api.emulator.settings = Settings(preview_delay_s=30)
    video = await put(api, "a.mp4")
    audio = {**await put(api, "a.mp3"), "audio_template_id": "HQ"}
    tried = [("get_video_preview_play_info", video), ("get_video_preview_url", audio)]
    for _ in range(2):
        for operation, data in tried:
            got = await api.post(f"/file/{operation}", data)
            assert (got.status, got.code) == (202, "VideoPreviewWaitAndRetry")
    meta = (await api.post("/file/get_video_preview_play_meta", video)).data
    (state,) = {
        one["status"] for one in meta["video_preview_play_meta"]["live_transcoding_task_list"]
    }
    assert state == "running"
    api.emulator.clock.advance(30)
    for operation, data in tried:
        assert (await api.post(f"/file/{operation}", data)).status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/file/video_drm_license",
        "/image/list_facegroups",
        "/albums/unassign_facegroup_item",
        "/csi/investigate_file",
        "/benefit/identity_to_benefit_pkg_mapping/list",
        "/audit_log/export",
        "/domain/create_order",
    ],
)
async def test_known_operations_that_are_not_emulated(api, path):
    """They answer 400 OperationNotSupport, as a domain without the feature does."""
    got = await api.post(path, {})
    assert (got.status, got.code) == (400, "OperationNotSupport")
    assert got.data["message"] == "This operation is not supported."
