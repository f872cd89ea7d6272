"""Who has no right to something does not get at it by any operation.

A drive full of secrets, and three who would like to have them: a stranger, somebody who may edit
one folder of the drive, and a visitor with the token of a share link. Each tries every operation
with every identifier of what is hidden. A reply must not tell anything of it, and at the end all
is as it was.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from pdsclient.emulator.handlers import OPERATIONS
from pdsclient.emulator.handlers.batch import URLS

TABLES = Path(__file__).parents[1] / "catalogue"
CATALOGUE = json.loads((TABLES / "catalogue.json").read_text("utf-8"))
OVERLAY = json.loads((TABLES / "catalogue-overrides.json").read_text("utf-8"))
LISTED = {one["path"]: one for one in CATALOGUE["operations"]}

# Every name and text of what is hidden has it.
MARK = "canary"
# Whoever has these goes through; they are not for everybody to send.
WITHOUT_CALLER = {"/oauth/token", "/oauth/authorize", "/account/token"}


def parameters(path: str) -> dict[str, dict[str, Any]]:
    params = (one for one in LISTED[path]["params"] if one.get("where") != "header")
    listed = {one["name"]: dict(one) for one in params}
    for line in OVERLAY["parameters"]:
        if line["path"] == path:
            listed.setdefault(line["name"], {}).update(line)
    return listed


class Place:
    """A drive of Alice's with one folder that Bob may edit and one that is shared by a link."""

    def __init__(self, api: Any) -> None:
        self.api = api
        self.tokens: dict[str, str] = {}
        self.hidden: dict[str, list[str]] = {}
        self.open: dict[str, str] = {}

    async def call(self, who: str, path: str, **body: Any) -> Any:
        """The reply's data; the call must succeed."""
        got = await self.send(who, path, body)
        assert got.status < 300, got
        return json.loads(got.body) if got.body else None

    async def send(self, who: str, path: str, body: Mapping[str, Any]) -> Any:
        """Whatever comes. A visitor has a share token only."""
        name = "x-share-token" if who == "visitor" else "Authorization"
        headers = {name: self.tokens[who] if who == "visitor" else f"Bearer {self.tokens[who]}"}
        if LISTED[path]["http_method"] == "GET":
            return await self.api.send("GET", f"/v2{path}?{urlencode(body)}", headers=headers)
        return await self.api.post(path, body, token=None, headers=headers)

    async def furnish(self) -> None:
        self.tokens["super"] = self.api.emulator.token_info.access_token
        for who in ("alice", "bob", "eve"):
            await self.call("super", "/user/create", user_id=who)
            self.tokens[who] = self.api.emulator.issue_token(user_id=who).access_token
        drive = (await self.call("alice", "/drive/get_default_drive"))["drive_id"]
        self.drive = drive
        self.secret = await self.file("root", "folder")
        report = await self.file(self.secret, "file", b"one", f"{MARK} word")
        await self.file(self.secret, "file", b"two", file_id=report)
        inner = await self.file(self.secret, "folder")
        movie = await self.file(inner, "file", b"movie", name=f"{MARK}.mp4")
        sheet = await self.file(inner, "file", b"sheet", name=f"{MARK}.docx")
        thrown = await self.file(self.secret, "file", b"thrown")
        where = {"drive_id": drive}
        await self.call("alice", "/recyclebin/trash", **where, file_id=thrown)
        await self.call(
            "alice", "/file/update", **where, file_id=report, custom_index_key="key", starred=True
        )
        upload = await self.call(
            "alice", "/file/create", **where, parent_file_id=self.secret, name=f"{MARK} up",
            type="file", size=3,
        )  # fmt: skip
        await self._put(upload, b"abc")
        revisions = await self.call("alice", "/file/revision/list", **where, file_id=report)
        archive = await self.call(
            "alice", "/file/archive_files", **where, file_ids=[report], name=MARK
        )
        link = await self.call(
            "alice", "/share_link/create", **where, file_id_list=[self.secret],
            share_pwd="canary-pwd", share_name="link", description="",
        )  # fmt: skip
        group = await self.call("super", "/group/create", group_name=f"{MARK} group")
        team = await self.call(
            "super", "/drive/create", drive_name=MARK, owner=group["group_id"], owner_type="group"
        )
        await self.call(
            "super", "/user/create", user_id="canary-user", nick_name=MARK, phone="1", email=MARK
        )
        await self.permit("canary-user", self.secret, "SystemFileOwner")
        self.folder = await self.file("root", "folder", name="open to bob")
        await self.permit("bob", self.folder, "SystemFileEditor")
        shown = await self.file("root", "folder", name="shown")
        seen = await self.file(shown, "file", b"seen", name="seen.txt")
        public = await self.call("alice", "/share_link/create", **where, file_id_list=[shown])
        token = await self.call("super", "/share_link/get_share_token", share_id=public["share_id"])
        self.tokens["visitor"] = token["share_token"]
        own = {}
        for who in ("bob", "eve"):
            own[who] = (await self.call(who, "/drive/get_default_drive"))["drive_id"]
        self.own, self.shown, self.seen, self.share = own, shown, seen, public["share_id"]
        self.hidden = {
            "drive_id": [drive, team["drive_id"]],
            "file_id": [self.secret, report, inner, movie, sheet, thrown, upload["file_id"]],
            "revision_id": [one["revision_id"] for one in revisions["items"]],
            "upload_id": [upload["upload_id"]],
            "async_task_id": [archive["async_task_id"]],
            "share_id": [link["share_id"]],
            "group_id": [group["group_id"]],
            "user_id": ["canary-user", "alice"],
        }

    async def permit(self, who: str, folder: str, role: str) -> None:
        member = {"identity": {"identity_type": "IT_User", "identity_id": who}, "role_id": role}
        await self.call(
            "alice", "/file/add_permission", drive_id=self.drive, file_id=folder,
            member_list=[member],
        )  # fmt: skip

    async def file(
        self, parent: str, kind: str, content: bytes = b"", name: str = MARK, **more: Any
    ) -> str:
        """A file or folder of Alice's."""
        body = {"drive_id": self.drive, "parent_file_id": parent, "name": name, "type": kind}
        if kind == "folder":
            return str((await self.call("alice", "/file/create", **body))["file_id"])
        made = await self.call("alice", "/file/create", **body, size=len(content), **more)
        await self._put(made, content)
        await self.call(
            "alice", "/file/complete", drive_id=self.drive, file_id=made["file_id"],
            upload_id=made["upload_id"],
        )  # fmt: skip
        return str(made["file_id"])

    async def _put(self, made: Any, content: bytes) -> None:
        url = made["part_info_list"][0]["upload_url"]
        got = await self.api.send("PUT", url, data=content, headers={"Content-Type": ""})
        assert got.status == 200

    # ---- what is there, as the one who may see everything sees it

    async def state(self) -> dict[str, Any]:
        """All that must not change."""
        where = {"drive_id": self.drive}
        asks: list[tuple[str, dict[str, Any]]] = [
            ("/file/scan", {**where, "fields": "user_tags"}),
            ("/recyclebin/list", where),
            ("/file/list_permission", {**where, "file_id": self.secret}),
            ("/file/list_permission", {**where, "file_id": self.folder}),
            ("/share_link/list", {"include_cancelled": True}),
            ("/group/list", {}),
            ("/user/list", {}),
            ("/drive/list", {}),
            ("/role/list_assignment", {}),
        ]
        for file_id in self.hidden["file_id"][1:2]:
            asks.append(("/file/revision/list", {**where, "file_id": file_id}))
        for group_id in self.hidden["group_id"]:
            asks.append(("/group/list_member", {"group_id": group_id}))
        upload = {"file_id": self.hidden["file_id"][-1], "upload_id": self.hidden["upload_id"][0]}
        asks.append(("/file/list_uploaded_parts", {**where, **upload}))
        return {path: _settled(await self.call("super", path, **body)) for path, body in asks}


# They change by themselves, or by what everybody may do.
MOVING = {"used_size", "auto_delete_left_sec", "default_drive", "access_count"}
# What those who try do to themselves does not count.
OWN = {"bob", "eve"}


def _settled(data: Any) -> Any:
    """Without what may change."""
    if isinstance(data, dict):
        return {name: _settled(one) for name, one in data.items() if name not in MOVING}
    if isinstance(data, list):
        return [_settled(one) for one in data if not _is_own(one)]
    return data


def _is_own(one: Any) -> bool:
    return isinstance(one, dict) and not OWN.isdisjoint(
        one.get(name) for name in ("creator", "owner", "user_id")
    )


# ---- what is tried


class Attempts:
    """The bodies with which somebody asks for what is hidden."""

    def __init__(self, place: Place, who: str) -> None:
        self._place = place
        self._who = who

    def of(self, path: str) -> Iterator[dict[str, Any]]:
        """All combinations of identifiers that the operation takes."""
        listed = parameters(path)
        said = {name: self._said(name, one) for name, one in listed.items()}
        choices = {name: values for name, values in said.items() if values}
        for chosen in itertools.product(*choices.values()):
            body = dict(zip(choices, chosen, strict=True))
            yield {name: one for name, one in body.items() if one is not None}

    def _said(self, name: str, listed: Mapping[str, Any]) -> list[Any]:
        """The values to try; none leaves it out."""
        if listed["type"] == "str" and name == "identity":
            return ["13800000000"]
        given = self._ids().get(name) or self._values().get(name)
        if given:
            return given
        if not listed.get("required"):
            return []
        return [SAMPLES.get(listed["type"], "x") if not listed.get("enum") else listed["enum"][0]]

    def _ids(self) -> dict[str, list[Any]]:
        place, hidden = self._place, self._place.hidden
        files = hidden["file_id"]
        own = place.own.get(self._who)
        is_visitor = self._who == "visitor"
        drives = [None] if is_visitor else [place.drive, own]
        return {
            "drive_id": drives,
            "drive_id_list": [None, [place.drive]],
            "share_id": [place.share, *hidden["share_id"]] if is_visitor else hidden["share_id"],
            "file_id": files,
            "parent_file_id": [*files[:2], "root"],
            "to_parent_file_id": [files[0], "root"],
            "to_drive_id": [None] if is_visitor else [own, place.drive],
            "to_share_id": [place.share] if is_visitor else [None],
            "file_ids": [files[:1], files[1:2]],
            "files": [None],
            "file_id_list": [files[:1], files[1:2]],
            "share_all_files": [None, True],
            "sync_root_id": [None, files[0]],
            "creatable_file_id_list": [None],
            "revision_id": hidden["revision_id"][-1:],
            "upload_id": hidden["upload_id"],
            "async_task_id": hidden["async_task_id"],
            "group_id": hidden["group_id"],
            "sub_group_id": hidden["group_id"],
            "parent_group_id": [None, *hidden["group_id"]],
            "user_id": [*hidden["user_id"], self._who] if self._who != "visitor" else ["alice"],
            "manage_resource_id": hidden["group_id"],
        }

    def _values(self) -> dict[str, list[Any]]:
        me = {"identity_type": "IT_User", "identity_id": self._who}
        return {
            "member_list": [[{"identity": me, "role_id": "SystemFileOwner"}]],
            "identity": [me, {"identity_type": "IT_User", "identity_id": "canary-user"}],
            "query": ['name match "canary"', 'status = "enabled"', ""],
            "file_path": [f"/{MARK}/{MARK}", f"/{MARK}"],
            "custom_index_key": ["key"],
            "fields": ["*,id_path,name_path,user_tags,url,thumbnail"],
            "name": ["trespass"],
            "new_name": ["trespass"],
            "starred": [None, True],
            "category": [None, "live_transcoding"],
            "member_id": [self._who],
            "owner": [None, "alice"],
            "creator": [None, "alice"],
            "creators": [None, ["alice"]],
            "member_type": ["user"],
            "role_id": ["SystemGroupAdmin"],
            "key_list": [["k"]],
            "user_tags": [[{"key": "k", "value": "v"}]],
            "part_info_list": [None, [{"part_number": 1}]],
            "revision_description": ["trespass"],
            "description": ["trespass"],
            "check_name_mode": [None, "refuse"],
            "include_cancelled": [True],
        }


SAMPLES: dict[str, Any] = {"int": 1, "bool": True, "list[str]": ["x"]}


# ---- what must not come of it


def leaks(place: Place, body: bytes) -> list[str]:
    """What a successful reply tells of what is hidden."""
    kinds = ("file_id", "revision_id", "upload_id", "async_task_id", "share_id", "group_id")
    ids = [one for kind in kinds for one in place.hidden[kind]]
    known = [MARK, *ids]
    return [one for one in known if one.encode() in body]


# They take no identifier of what is hidden, or refuse share tokens before they look at it.
SELDOM_SENT = {
    "/batch",
    "/file/create",
    "/file/delete_usertags",
    "/file/put_usertags",
    "/file/refresh_office_edit_token",
    "/recyclebin/restore",
    "/share_link/get_share_token",
}


@pytest.fixture
async def place(api: Any) -> Place:
    """Alice's drive, with Bob let into a folder."""
    made = Place(api)
    await made.furnish()
    return made


@pytest.mark.parametrize("who", ["eve", "bob", "visitor"])
async def test_nothing_hidden_is_told_or_changed(who: str, place: Place) -> None:
    """By no operation, with no identifier; an operation is refused for the right reason."""
    before = await place.state()
    found, blunt = [], []
    for path in sorted(OPERATIONS.keys() - WITHOUT_CALLER):
        answers = []
        for body in Attempts(place, who).of(path):
            got = await place.send(who, path, body)
            answers.append(got.status)
            assert got.status != 500, (path, body)
            if got.status < 400 and leaks(
                place, got.body + str(got.headers.get("Location")).encode()
            ):
                found.append((path, body, got.body))
        if set(answers) == {400}:
            blunt.append(path)
    assert not found
    assert set(blunt) <= SELDOM_SENT
    assert await place.state() == before


# ---- more than one has


@pytest.mark.parametrize(
    ("role", "download", "create", "edit"),
    [
        ("SystemFileDownloaderWithShareLink", 200, 403, 403),
        ("SystemFileUploaderWithShareLink", 403, 201, 403),
        ("SystemFileUploaderAndDownloaderWithShareLink", 200, 201, 403),
        ("SystemFileEditor", 200, 201, 200),
    ],
)
async def test_a_link_allows_no_more_than_its_maker_may(
    role: str, download: int, create: int, edit: int, place: Place
) -> None:
    """Whatever its switches say."""
    folder = await place.file("root", "folder", name=role)
    document = await place.file(folder, "file", b"d", name="d.docx")
    await place.permit("bob", folder, role)
    where = {"drive_id": place.drive, "file_id_list": [folder], "creatable_file_id_list": [folder]}
    link = await place.call(
        "bob", "/share_link/create", **where, creatable=True, office_editable=True
    )
    share = {"share_id": link["share_id"]}
    token = await place.call("eve", "/share_link/get_share_token", **share)
    place.tokens["visitor"] = token["share_token"]
    new = {"parent_file_id": folder, "name": "new", "type": "folder"}
    for path, body, status in (
        ("/file/get", {"file_id": document}, 200),
        ("/file/get_download_url", {"file_id": document}, download),
        ("/file/create", new, create),
        ("/file/get_office_edit_url", {"file_id": document}, edit),
    ):
        got = await place.send("visitor", path, share | body)
        assert (got.status if got.status != 400 else 403) == status, (path, got)


async def test_a_signed_url_opens_nothing_but_what_it_was_signed_for(place: Place) -> None:
    """Another file's or version's name under the same signature is refused, as is a later end."""
    where = {"share_id": place.share, "file_id": place.seen}
    url = (await place.call("visitor", "/file/get_download_url", **where))["url"]
    assert (await place.api.send("GET", url)).body == b"seen"
    parts = urlsplit(url)
    assert place.seen in url
    for one in place.hidden["file_id"]:
        assert (await place.api.send("GET", url.replace(place.seen, one))).status == 403
    query = dict(parse_qsl(parts.query))
    for name, value in (("Expires", str(int(query["Expires"]) + 1)), ("x-oss-process", "p")):
        forged = parts._replace(query=urlencode({**query, name: value})).geturl()
        assert (await place.api.send("GET", forged)).status == 403
    assert (await place.api.send("PUT", url, data=b"x")).status == 403


async def test_who_began_a_task_may_ask_for_it(place: Place) -> None:
    """Its beginner, an administrator, and nobody else; through a share its visitors."""
    task = {"async_task_id": place.hidden["async_task_id"][0]}
    for who, status in (("alice", 200), ("super", 200), ("bob", 404), ("eve", 404)):
        assert (await place.send(who, "/async_task/get", task)).status == status
    body = {"share_id": place.share, "file_ids": [place.seen], "name": "z"}
    task = await place.call("visitor", "/file/archive_files", **body)
    for who, status in (("visitor", 200), ("eve", 404)):
        assert (await place.send(who, "/async_task/get", task)).status == status


async def test_a_batch_opens_no_more_than_its_calls(place: Place) -> None:
    """Every call of a batch is checked as if it came alone."""
    headers = {"Content-Type": "application/json"}
    for who in ("eve", "bob", "visitor"):
        before = await place.state()
        attempts = Attempts(place, who)
        bodies = [
            (path, body) for path in sorted(URLS & OPERATIONS.keys()) for body in attempts.of(path)
        ]
        calls = [
            {"id": str(nth), "url": path, "headers": headers, "body": body}
            for nth, (path, body) in enumerate(bodies)
        ]
        for chunk in batches(calls):
            got = await place.send(who, "/batch", {"resource": "file", "requests": chunk})
            for one in got.data["responses"]:
                told = json.dumps(one.get("body")).encode()
                assert one["status"] >= 400 or not leaks(place, told), (who, calls[int(one["id"])])
        assert await place.state() == before


def batches(calls: list[Any]) -> Iterator[list[Any]]:
    """As many at a time as a batch takes."""
    for start in range(0, len(calls), 100):
        yield calls[start : start + 100]


@pytest.mark.parametrize("change", ["disabled", "deleted", "revoked"])
async def test_who_is_shut_out_stays_out(change: str, place: Place) -> None:
    """The tokens of a user who is disabled or gone are dead, the permission of one who lost it."""
    listing = {"drive_id": place.drive, "parent_file_id": place.folder}
    await place.call("bob", "/file/list", **listing)
    if change == "disabled":
        await place.call("super", "/user/update", user_id="bob", status="disabled")
    elif change == "deleted":
        await place.call("super", "/drive/delete", drive_id=place.own["bob"])
        await place.call("super", "/user/delete", user_id="bob")
    else:
        member = {
            "identity": {"identity_type": "IT_User", "identity_id": "bob"},
            "role_id": "SystemFileEditor",
        }
        await place.call(
            "alice", "/file/remove_permission", drive_id=place.drive, file_id=place.folder,
            member_list=[member],
        )  # fmt: skip
    got = await place.send("bob", "/file/list", listing)
    assert got.status in ((403,) if change == "revoked" else (401, 403)), got


async def test_an_administrator_is_not_above_a_superadmin(place: Place) -> None:
    """Neither by a change of roles nor by an account that signs in as one."""
    await place.call("super", "/user/create", user_id="boss", role="superadmin")
    await place.call("super", "/user/update", user_id="eve", role="admin")
    account = {"type": "saml", "identity": "eve"}
    for path, body in (
        ("/user/update", {"user_id": "eve", "role": "superadmin"}),
        ("/user/update", {"user_id": "boss", "status": "disabled"}),
        ("/user/delete", {"user_id": "boss"}),
        ("/account/link", {"user_id": "boss", **account}),
        ("/account/unlink", {"user_id": "boss", **account}),
    ):
        assert (await place.send("eve", path, body)).status == 403, path
    assert (await place.call("eve", "/account/link", user_id="bob", **account))["user_id"] == "bob"
