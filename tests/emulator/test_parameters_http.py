"""What requests say has its effect: parameters over raw HTTP that no other file is about."""

from __future__ import annotations

import io
from urllib.parse import parse_qs, urlsplit

import pytest

PICTURE = "image/resize,m_fill,h_128,w_128,limit_0"
SNAPSHOT = "video/snapshot,t_1000,f_jpg,w_0,h_0,m_fast,ar_auto"


async def act(api, path, *, user="superadmin", **data):
    """A call as some administrator; the reply, which must be good."""
    if user != "superadmin":
        await api.emulator.put_user(user, nick_name=user.title(), role="admin")
    token = api.emulator.issue_token(user_id=user).access_token
    got = await api.post(path, {"drive_id": "1", **data}, token=token)
    assert got.status < 300, got.body
    return got.data if got.body else None


async def upload(api, name="a.txt", content=b"abc", *, user="superadmin", **more):
    new = {"parent_file_id": "root", "name": name, "type": "file", **more}
    made = await act(api, "/file/create", user=user, **new)
    url = made["part_info_list"][0]["upload_url"]
    await api.send("PUT", url, data=io.BytesIO(content), headers={"Content-Type": ""})
    which = {"file_id": made["file_id"], "upload_id": made["upload_id"]}
    return (await act(api, "/file/complete", user=user, **which))["file_id"]


async def makers(api, file_id):
    """Who made the file and who changed it last, with their names."""
    shown = await act(api, "/file/get", file_id=file_id, fields="*")
    assert (shown["creator_type"], shown["last_modifier_type"]) == ("User", "User")
    return [(shown[f"{role}_id"], shown[f"{role}_name"]) for role in ("creator", "last_modifier")]


ANN, BOB = ("ann", "Ann"), ("bob", "Bob")


async def test_a_file_says_who_made_it(api):
    """Not whose drive it is in: of uploads, of folders, of what is known already."""
    folder = {"name": "f", "parent_file_id": "root", "type": "folder"}
    made = await act(api, "/file/create", user="ann", **folder)
    assert await makers(api, made["file_id"]) == [ANN, ANN]
    assert await makers(api, await upload(api, user="bob")) == [BOB, BOB]
    sha1 = "A9993E364706816ABA3E25717850C26C9CD0D89D"
    known = {"name": "b", "parent_file_id": "root", "type": "file", "size": 3}
    made = await act(api, "/file/create", user="ann", **known, content_hash=sha1)
    assert made["rapid_upload"] is True
    assert await makers(api, made["file_id"]) == [ANN, ANN]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/file/update", {"name": "b.txt"}),
        ("/file/update", {"starred": True}),
        ("/file/put_usertags", {"user_tags": [{"key": "k", "value": "v"}]}),
        ("/file/move", {"to_parent_file_id": "root", "new_name": "c.txt"}),
    ],
)
async def test_a_file_says_who_changed_it(api, path, said):
    """Its creator stays."""
    file_id = await upload(api, user="ann")
    await act(api, path, user="bob", file_id=file_id, **said)
    assert await makers(api, file_id) == [ANN, BOB]


async def test_a_copy_is_made_by_who_copies(api):
    """With all that is in it; its first revision is its own."""
    folder = {"name": "f", "parent_file_id": "root", "type": "folder"}
    folder_id = (await act(api, "/file/create", user="ann", **folder))["file_id"]
    inner = await upload(api, user="ann", parent_file_id=folder_id)
    await upload(api, content=b"new", user="ann", file_id=inner, parent_file_id=folder_id)
    copy = await act(api, "/file/copy", user="bob", file_id=folder_id, to_parent_file_id="root")
    assert await makers(api, copy["file_id"]) == [BOB, BOB]
    listed = await act(api, "/file/list", parent_file_id=copy["file_id"], fields="*")
    (shown,) = listed["items"]
    assert (shown["creator_id"], shown["revision_version"]) == ("bob", 1)


async def test_revisions_say_who_made_them(api):
    """For ``fields: "*"``; who renames a file makes no revision."""
    file_id = await upload(api, user="ann")
    await act(api, "/file/update", user="bob", file_id=file_id, name="b.txt")
    await upload(api, "b.txt", b"new", user="bob", file_id=file_id)
    listed = (await act(api, "/file/revision/list", file_id=file_id, fields="*"))["items"]
    assert [one["creator_name"] for one in listed] == ["Bob", "Ann"]
    first = listed[-1]["revision_id"]
    which = {"file_id": file_id, "revision_id": first, "fields": "*"}
    assert (await act(api, "/file/revision/get", **which))["creator_id"] == "ann"
    restored = await act(api, "/file/revision/restore", user="ann", **which)
    assert (restored["creator_id"], restored["revision_version"]) == ("ann", 3)
    assert await makers(api, file_id) == [ANN, ANN]
    plain = (await act(api, "/file/revision/list", file_id=file_id))["items"][0]
    assert not {"creator_id", "creator_name", "content_type"} & plain.keys()


async def test_the_version_of_a_revision_is_shown(api):
    """1 for a file that was never overwritten; folders have none."""
    file_id = await upload(api)
    assert (await act(api, "/file/get", file_id=file_id, fields="*"))["revision_version"] == 1
    await upload(api, content=b"new", file_id=file_id)
    assert (await act(api, "/file/get", file_id=file_id, fields="*"))["revision_version"] == 2


# ---- pictures


def process(url):
    return parse_qs(urlsplit(url).query)["x-oss-process"][0]


@pytest.mark.parametrize(
    ("name", "rule", "default"),
    [
        ("a.jpg", "image_thumbnail_process", PICTURE),
        ("a.mp4", "video_thumbnail_process", SNAPSHOT),
        ("a.docx", "office_thumbnail_process", PICTURE),
    ],
)
async def test_pictures_are_made_as_was_asked_for(api, name, rule, default):
    """Each sort of files by the rule of its own; the documented one where none is given."""
    file_id = await upload(api, name)
    rules = {"s": {rule: "image/resize,w_64"}, "l": {}}
    shown = await act(api, "/file/get", file_id=file_id, thumbnail_processes=rules)
    processes = {key: process(url) for key, url in shown["thumbnail_urls"].items()}
    assert processes == {"s": "image/resize,w_64", "l": default}
    shown = await act(api, "/file/get", file_id=file_id, **{rule: "image/resize,w_32"})
    assert process(shown["thumbnail"]) == "image/resize,w_32"
    picture = await api.send("GET", shown["thumbnail"])
    assert picture.headers["Content-Type"].startswith("image/")


async def test_the_url_of_an_image_may_be_a_picture_of_it(api):
    """``image_url_process``: the download URL stays that of the bytes."""
    file_id = await upload(api, "a.jpg")
    asked = {"file_id": file_id, "image_url_process": "image/resize,w_64"}
    shown = await act(api, "/file/get", **asked)
    assert process(shown["url"]) == "image/resize,w_64"
    assert "x-oss-process" not in shown["download_url"]


async def test_wrong_rules_of_pictures_are_refused(api):
    """What is no object, and no text in it."""
    for processes in ({"s": "x"}, {"s": {"image_thumbnail_process": 1}}):
        got = await api.post(
            "/file/list",
            {"drive_id": "1", "parent_file_id": "root", "thumbnail_processes": processes},
        )
        assert got.status == 400
        assert got.code.startswith("InvalidParameterWrongFormat")


# ---- files


async def test_an_upload_without_a_type_is_just_octets(api):
    """The documented default, as the service spells it; ``mime_type`` goes by the name."""
    shown = await act(api, "/file/get", file_id=await upload(api, "a.jpg"))
    assert (shown["content_type"], shown["mime_type"]) == ("application/oct-stream", "image/jpeg")
    said = await upload(api, "b.jpg", content_type="image/x-own")
    assert (await act(api, "/file/get", file_id=said))["content_type"] == "image/x-own"


async def test_a_scan_shows_the_fields_that_are_named(api):
    """Beside the default ones; all for ``*``."""
    await upload(api)
    by_default, named, everything = [
        (await act(api, "/file/scan", fields=fields))["items"][0].keys()
        for fields in ("", "name,hidden", "*")
    ]
    assert named - by_default == {"name", "hidden"}
    assert {"content_hash", "creator_name", "name"} <= everything


async def test_encrypt_mode_is_kept(api):
    """As ``/file/update`` keeps it."""
    file_id = await upload(api, encrypt_mode="server")
    assert (await act(api, "/file/get", file_id=file_id))["encrypt_mode"] == "server"


@pytest.mark.parametrize(
    ("path", "said", "code"),
    [
        ("/file/create", {"labels": ["x" * 129]}, "InvalidParameterOutOfRange.Labels"),
        (
            "/file/get_download_url",
            {"file_name": "x" * 1025},
            "InvalidParameterOutOfRange.FileName",
        ),
        ("/file/get_download_url", {"file_name": 1}, "InvalidParameterWrongFormat.FileName"),
        ("/file/revision/list", {"fields": 1}, "InvalidParameterWrongFormat.Fields"),
    ],
)
async def test_limits_come_before_existence(api, path, said, code):
    """Also where there is no such file."""
    data = {"drive_id": "1", "file_id": "none", "parent_file_id": "root", "name": "a"}
    got = await api.post(path, {**data, "type": "file", **said})
    assert (got.status, got.code) == (400, code)


async def test_previews_may_be_of_an_older_revision(api):
    """Office, video and audio; an unknown revision is not found."""
    for name, path, more in (
        ("a.mp4", "/file/get_video_preview_play_info", {"category": "live_transcoding"}),
        ("a.mp3", "/file/get_video_preview_url", {"audio_template_id": "LQ"}),
        ("a.docx", "/file/get_office_preview_url", {}),
    ):
        file_id = await upload(api, name, b"old")
        old = (await act(api, "/file/get", file_id=file_id))["revision_id"]
        await upload(api, name, b"new", file_id=file_id)
        shown = await act(api, path, file_id=file_id, revision_id=old, **more)
        if "video_preview_play_info" in shown:
            tasks = shown["video_preview_play_info"]["live_transcoding_task_list"]
            shown = {"preview_url": tasks[0]["url"]}
        assert (await api.send("GET", shown["preview_url"])).body == b"old"
        data = {"drive_id": "1", "file_id": file_id, "revision_id": "none", **more}
        assert (await api.post(path, data)).code == "NotFound.Revision"


async def test_videos_have_preview_urls_when_asked(api):
    """Beside the URL of each version."""
    asked = {"file_id": await upload(api, "a.mp4"), "category": "live_transcoding"}
    path = "/file/get_video_preview_play_info"
    for more, keys in (({}, set()), ({"get_preview_url": True}, {"preview_url"})):
        info = (await act(api, path, **asked, **more))["video_preview_play_info"]
        assert info["live_transcoding_task_list"][0].keys() & {"preview_url"} == keys


async def test_files_of_an_archive_are_named_in_either_way(api):
    """Or in both; each is packed once."""
    first, second = await upload(api, "a"), await upload(api, "b")
    asked = {"name": "x", "file_ids": [first], "files": [{"file_id": first}, {"file_id": second}]}
    task_id = (await act(api, "/file/archive_files", **asked))["async_task_id"]
    assert (await act(api, "/async_task/get", async_task_id=task_id))["total_process"] == 2


# ---- people


async def test_an_imported_user_is_as_was_said(api):
    """With more accounts, and what these are called."""
    said = {
        "authentication_type": "mobile",
        "identity": "13800000000",
        "authentication_display_name": "Work phone",
        "nick_name": "Ann",
        "phone_region": "49",
        "deny_change_password_by_self": True,
        "need_change_password_next_login": False,
        "authentication_list": [
            {
                "authentication_type": "email",
                "identity": "ann@example.com",
                "authentication_display_name": "Mail",
            }
        ],
    }
    made = await act(api, "/user/import", **said)
    assert made["deny_change_password_by_self"] is True
    assert made["need_change_password_next_login"] is False
    assert "phone_region" not in made
    whole = await act(
        api, "/user/general_get", user_id=made["user_id"], extra_return_info=["account"]
    )
    assert whole["phone_region"] == "49"
    assert [one["display_name"] for one in whole["account"]] == ["Work phone", "Mail"]
    other = said | {"identity": "13800000001"}
    got = await api.post("/user/import", other)
    assert (got.status, got.code) == (409, "AlreadyExist.Account")


async def test_a_share_says_who_made_it_under_a_mask(api):
    """To everybody: the first letter of the name, the ends of the phone number."""
    await api.emulator.put_user("ann", nick_name="Ann", phone="13812345678", avatar="https://x/a")
    file_id = await upload(api)
    link = await act(api, "/share_link/create", file_id_list=[file_id], user_id="ann")
    shown = (
        await api.post("/share_link/get_by_anonymous", {"share_id": link["share_id"]}, token=None)
    ).data
    assert (shown["creator_id"], shown["creator_name"]) == ("ann", "A***")
    assert (shown["creator_phone"], shown["avatar"]) == ("138***78", "https://x/a")
