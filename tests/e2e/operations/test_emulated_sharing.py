"""Previews, sharing and batches: every operation with every parameter."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from pdsclient import (
    AuthError,
    BadRequest,
    PermissionDenied,
)
from pdsclient.query import S

# ---------------------------------------------------------------------------- previews


@pytest.mark.covers(
    "/file/get_office_preview_url", "/file/get_office_edit_url", "/file/refresh_office_edit_token"
)
async def test_documents_are_shown(stage: Any) -> None:
    """To look at and to edit; the tokens of the page are renewed."""
    file = stage.client.file
    file_id = await stage.file("a.docx")
    revision_id = (await file.get(**stage.drive, file_id=file_id)).revision_id
    about = {"referer": "https://example.com", "revision_id": revision_id, "file_id": file_id}
    view = await file.get_office_preview_url(
        **stage.drive, **about, allow_copy=True, option={"copy": True, "print": False}
    )
    assert (await stage.fetch(view.preview_url), bool(view.access_token)) == (b"abc", True)
    edit = await file.get_office_edit_url(
        **stage.drive, **about, option={"copy": True, "print": False, "readonly": True}
    )
    assert (await stage.fetch(edit.edit_url), edit.referer) == (b"abc", "https://example.com")
    stage.emulator.clock.advance(1)
    tokens = await file.refresh_office_edit_token(
        office_access_token=edit.office_access_token,
        office_refresh_token=edit.office_refresh_token,
        referer="https://example.com",
    )
    assert tokens.office_access_token != edit.office_access_token
    visitor, share = await stage.visit(file_id, office_editable=True)
    assert (await visitor.file.get_office_preview_url(**share, file_id=file_id)).preview_url
    assert (await visitor.file.get_office_edit_url(**share, file_id=file_id)).edit_url


@pytest.mark.covers(
    "/file/get_video_preview_play_info", "/file/get_video_preview_play_meta",
    "/file/get_video_preview_url",
)  # fmt: skip
async def test_videos_are_shown(stage: Any) -> None:
    """In the forms that were asked for, with and without URLs."""
    file = stage.client.file
    file_id = await stage.file("a.mp4")
    which = {**stage.drive, "file_id": file_id}
    revision_id = (await file.get(**which)).revision_id
    played = await file.get_video_preview_play_info(
        **which,
        category="quick_video",
        get_master_url=True,
        get_preview_url=True,
        get_subtitle_info=True,
        get_without_url=False,
        re_transcode=False,
        referer="https://example.com",
        revision_id=revision_id,
        subtitle_lang_list=["eng"],
        template_id="264_480p",
        url_expire_sec=50,
    )
    info = played.video_preview_play_info
    assert [one.template_id for one in info.quick_video_list] == ["264_480p"]
    assert await stage.fetch(info.master_url) == b"abc"
    silent = await file.get_video_preview_play_info(
        **which, category="live_transcoding", get_without_url=True
    )
    forms = silent.video_preview_play_info.live_transcoding_task_list
    assert {one.url for one in forms} == {None}
    meta = await file.get_video_preview_play_meta(**which, category="offline_video")
    forms = meta.video_preview_play_meta.offline_video_transcoding_list
    assert {one.status for one in forms} == {"finished"}
    heard = await file.get_video_preview_url(
        **which, audio_template_id="HQ", expire_sec=50, referer="x", revision_id=revision_id
    )
    assert await stage.fetch(heard.preview_url) == b"abc"
    visitor, share = await stage.visit(file_id)
    shared = {**share, "file_id": file_id}
    info = await visitor.file.get_video_preview_play_info(**shared, category="quick_video")
    assert info.share_id == share["share_id"]
    meta = await visitor.file.get_video_preview_play_meta(**shared, category="quick_video")
    assert meta.share_id == share["share_id"]
    assert (await visitor.file.get_video_preview_url(**shared, audio_template_id="LQ")).preview_url


# ---------------------------------------------------------------------------- sharing


@pytest.mark.covers(
    "/file/add_permission", "/file/remove_permission", "/file/list_permission",
    "/file/list_inherit_permission", "/file/list_user_permission", "/file/list_received_file",
    "/file/list_sharing_file",
)  # fmt: skip
async def test_folders_are_shared_with_people(stage: Any) -> None:
    """Users and groups get in, see what they may, and are shut out again."""
    file = stage.client.file
    top = await stage.folder("top")
    below, second = await stage.folder("below", parent=top), await stage.folder("second")
    await stage.user("u1", nick_name="One")
    group = await stage.group("group")
    await stage.client.group.add_member(group_id=group, member_id="u1")
    user = {"identity_id": "u1", "identity_type": "IT_User", "identity_name": "One"}
    viewer = {
        "identity": user,
        "role_id": "SystemFileViewer",
        "expire_time": datetime.fromtimestamp(stage.emulator.clock.time() + 3600, UTC),
        "disinherit_sub_group": False,
    }
    which = {**stage.drive, "file_id": top}
    assert await file.add_permission(**which, member_list=[viewer]) is None
    members = [
        {
            "identity": {"identity_id": group, "identity_type": "IT_Group"},
            "action_list": ["FILE.LIST", "FILE.GET"],
            "disinherit_sub_group": True,
        }
    ]
    await file.add_permission(**stage.drive, file_id=second, member_list=members)
    [held] = await file.list_permission(**which)
    assert (held.identity.identity_name, held.role_id) == ("One", "SystemFileViewer")
    [held] = await file.list_permission(**stage.drive, file_id=second)
    assert (held.action_list, held.disinherit_sub_group) == (["FILE.LIST", "FILE.GET"], True)
    inherited = await file.list_inherit_permission(**stage.drive, file_id=below)
    assert [one.file_id for one in inherited.items] == [top]
    for kind, folders in (("self", [top]), ("group", [second])):
        of_user = await file.list_user_permission(user_id="u1", type=kind)
        assert [one.file_id for one in of_user.items] == folders
    guest = await stage.log_in("u1")
    assert await stage.by_ones(guest.file.list_received_file, "name") == ["top", "second"]
    assert await stage.by_ones(file.list_sharing_file, "name") == ["top", "second"]
    assert await stage.names(guest.file.list(**stage.drive, parent_file_id=top)) == ["below"]
    role = {"identity": user, "role_id": "SystemFileViewer"}
    assert await file.remove_permission(**which, member_list=[role]) is None
    with pytest.raises(PermissionDenied):
        await guest.file.list(**stage.drive, parent_file_id=top).collect()


ABOUT_LINK: dict[str, Any] = {
    "creatable": True,
    "description": "words",
    "disable_download": True,
    "disable_preview": True,
    "disable_save": True,
    "download_limit": 3,
    "office_editable": True,
    "preview_limit": 4,
    "require_login": True,
    "save_download_limit": 5,
    "save_limit": 6,
    "share_name": "link",
    "share_pwd": "s3cret",
}
SEEN_OF_LINK = ABOUT_LINK.keys() - {"creatable"}
COUNTS = {
    f"{use}_count": number
    for number, use in enumerate(
        ("access", "download", "preview", "report", "save", "video_preview"), 1
    )
}


@pytest.mark.covers(
    "/share_link/create", "/share_link/get", "/share_link/update", "/share_link/cancel",
    "/share_link/get_by_anonymous", "/share_link/get_share_token",
)  # fmt: skip
async def test_links_live(stage: Any) -> None:
    """Made with every switch, seen by anybody, changed in everything, ended."""
    link = stage.client.share_link
    folder = await stage.folder()
    ends = stage.emulator.clock.time() + 3600
    expiration = datetime.fromtimestamp(ends // 1, UTC)
    made = await link.create(
        **stage.drive,
        **ABOUT_LINK,
        creatable_file_id_list=[folder],
        expiration=expiration,
        file_id_list=[folder],
        share_all_files=False,
        share_icon="icon",
        user_id="superadmin",
    )
    which = {"share_id": made.share_id}
    got = await link.get(**which)
    for name in SEEN_OF_LINK:
        assert getattr(got, name) == ABOUT_LINK[name], name
    assert (got.expiration, got.file_id_list, got.creator) == (expiration, [folder], "superadmin")
    anybody = await (await stage.connect()).share_link.get_by_anonymous(**which)
    assert (anybody.has_pwd, anybody.require_login, anybody.enable_upload) == (True, True, True)
    with pytest.raises(AuthError):
        await link.get_share_token(**which, share_pwd="s3cret")
    await link.update(**which, require_login=False)
    with pytest.raises(BadRequest):
        await link.get_share_token(**which, check_share_pwd=True, share_pwd="guess")
    token = await link.get_share_token(
        **which, check_share_pwd=True, share_pwd="s3cret", expire_sec=60
    )
    assert token.expires_in == 60
    other: dict[str, Any] = {name: not one for name, one in ABOUT_LINK.items() if one is True}
    limits = {name: one + 10 for name, one in ABOUT_LINK.items() if name.endswith("_limit")}
    texts = {"description": "other", "share_name": "name", "share_pwd": ""}
    changed = await link.update(
        **which,
        **other,
        **limits,
        **texts,
        **COUNTS,
        creatable_file_id_list=[folder],
        expiration="",
        status="disabled",
    )
    del other["creatable"]
    for name, value in {**other, **limits, **COUNTS, "description": "other"}.items():
        assert getattr(changed, name) == value, name
    assert (changed.expiration, changed.share_pwd, changed.status) == (None, None, "disabled")
    assert await link.cancel(**which) is None
    with pytest.raises(BadRequest, match=r"ShareLink\.Cancelled"):
        await link.get(**which)
    whole = await link.create(**stage.drive, share_all_files=True)
    assert (await link.get(share_id=whole.share_id)).share_all_files is True


@pytest.mark.covers("/share_link/list", "/share_link/search")
async def test_links_are_found(stage: Any) -> None:
    """Those in force and those that ended, by creator and by query."""
    link = stage.client.share_link
    file_id = await stage.file()
    for name in ("a", "b", "c"):
        made = await link.create(**stage.drive, file_id_list=[file_id], share_name=name)
    await link.cancel(share_id=made.share_id)
    order = {"order_by": "share_name", "order_direction": "DESC"}
    assert await stage.by_ones(link.list, "share_name", creator="superadmin", **order) == ["b", "a"]
    assert await stage.by_ones(
        link.search, "share_name", query=S.status == "enabled", creators=["superadmin"], **order
    ) == ["b", "a"]
    for listed in (
        link.list(include_cancelled=True),
        link.search(query="", include_cancelled=True, return_total_count=True),
    ):
        assert sorted(await stage.keys(listed, "share_name")) == ["a", "b", "c"]
    found = await link.search(query="", return_total_count=True)
    assert found.total_count == 2


# ---------------------------------------------------------------------------- many at once


@pytest.mark.covers("/batch")
async def test_many_calls_are_one(stage: Any) -> None:
    """Each has an answer of its own."""
    file_id = await stage.file()
    headers = {"Content-Type": "application/json"}
    calls = [
        {"id": "1", "method": "POST", "url": "/file/get", "headers": headers,
         "body": {**stage.drive, "file_id": file_id}},
        {"id": "2", "url": "/recyclebin/trash", "headers": headers,
         "body": {**stage.drive, "file_id": file_id}},
        {"id": "3", "url": "/drive/get", "headers": headers, "body": {"drive_id": "none"}},
    ]  # fmt: skip
    reply = await stage.client.batch(requests=calls, resource="file")
    assert [(one.id, one.status) for one in reply.responses] == [("1", 200), ("2", 204), ("3", 404)]
    got, thrown, missing = (one.body for one in reply.responses)
    assert (got["file_id"], thrown) == (file_id, None)
    assert missing["code"] == "NotFound.Drive"
