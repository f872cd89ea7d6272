"""Every emulated operation through the client, with every parameter that it takes.

A flow covers the operations that it names: it furnishes a world through the client, calls them
and looks at what has come of it. Beside what the flow asserts itself, every parameter of its
operations must have been part of a call that succeeded, and whatever the emulator answered must
be declared by the models.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import msgspec
import pytest

from pdsclient import (
    AsyncPDSClient,
    BadRequest,
    Conflict,
    F,
    NotFound,
    PermissionDenied,
    TokenInfo,
    _codec,
)
from pdsclient._operations_table import KNOWN
from pdsclient.auth import JWTApp
from pdsclient.emulator import Settings
from pdsclient.emulator.app import Exchange
from pdsclient.emulator.handlers import OPERATIONS
from pdsclient.models import Model, Page
from pdsclient.models._request import PartOf
from pdsclient.models._rules import Choice, ListOf, MapOf, Rule, Whole
from pdsclient.models._service_rules import Millis, Time

MOMENT = datetime(2024, 2, 29, 12, 30, tzinfo=UTC)
EMPTY_SHA1 = [0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0]
EMPTY_SHA256 = [
    0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19,
]  # fmt: skip
PICTURE = "image/resize,m_fill,h_64,w_64"
PROCESSES = {
    "small": {
        "image_thumbnail_process": PICTURE,
        "office_thumbnail_process": PICTURE,
        "video_thumbnail_process": "video/snapshot,t_0",
    }
}
LOOK = {
    "image_thumbnail_process": PICTURE,
    "image_url_process": PICTURE,
    "video_thumbnail_process": "video/snapshot,t_0",
}


class Stage:
    """A world, and the things that flows put into it through the client."""

    def __init__(self, world: Any, http: aiohttp.ClientSession, stack: AsyncExitStack) -> None:
        self.world = world
        self.emulator = world.emulator
        self.client: AsyncPDSClient = world.client
        self.drive: dict[str, str] = world.drive
        self.http = http
        self._stack = stack

    async def connect(self, **fields: Any) -> AsyncPDSClient:
        """Another client of the same world."""
        client: AsyncPDSClient = await self._stack.enter_async_context(self.world.connect(**fields))
        return client

    async def log_in(self, user_id: str, **fields: Any) -> AsyncPDSClient:
        """A client of a user, who is made if there is none."""
        return await self.connect(
            token_info=self.emulator.issue_token(user_id=user_id), **fields
        )

    async def visit(self, *file_ids: str, **link: Any) -> tuple[AsyncPDSClient, dict[str, str]]:
        """A client with a share token only, and the argument that names the share."""
        made = await self.client.share_link.create(
            **self.drive, file_id_list=list(file_ids), **link
        )
        token = await self.client.share_link.get_share_token(share_id=made.share_id)
        visitor = await self.connect(share_token=token.share_token)
        return visitor, {"share_id": made.share_id}

    async def folder(self, name: str = "folder", parent: str = "root", **more: Any) -> str:
        made = await self.client.file.create(
            **self.drive, name=name, parent_file_id=parent, type="folder", **more
        )
        return made.file_id

    async def file(
        self, name: str = "a.txt", content: bytes = b"abc", parent: str = "root", **more: Any
    ) -> str:
        """A file with a content."""
        made = await self.client.file.create(
            **self.drive, name=name, parent_file_id=parent, type="file", size=len(content), **more
        )
        await self.put(made.part_info_list[0].upload_url, content)
        await self.client.file.complete(
            **self.drive, file_id=made.file_id, upload_id=made.upload_id
        )
        return made.file_id

    async def put(self, url: str, content: bytes, content_type: str = "") -> str:
        """Upload a part; its ETag."""
        headers = {"Content-Type": content_type}
        async with self.http.put(url, data=content, headers=headers) as reply:
            assert reply.status == 200
            return reply.headers["ETag"]

    async def fetch(self, url: str) -> bytes:
        """What is at a presigned URL."""
        async with self.http.get(url) as reply:
            assert reply.status == 200
            return await reply.read()

    async def trash(self, name: str = "thrown.txt", **more: Any) -> str:
        """A file in the recycle bin."""
        file_id = await self.file(name, **more)
        await self.client.recyclebin.trash(**self.drive, file_id=file_id)
        return file_id

    async def user(self, user_id: str, **more: Any) -> str:
        return (await self.client.user.create(user_id=user_id, **more)).user_id

    async def group(self, name: str, **more: Any) -> str:
        return (await self.client.group.create(group_name=name, **more)).group_id


Flow = Callable[[Stage], Awaitable[None]]
FLOWS: list[tuple[Flow, tuple[str, ...]]] = []


def covers(*paths: str) -> Callable[[Flow], Flow]:
    """Marks the flow in which these operations are called with all of their parameters."""

    def add(flow: Flow) -> Flow:
        FLOWS.append((flow, paths))
        return flow

    return add


async def names(pager: Any) -> list[str]:
    """The names of all files of a listing."""
    return [one.name for one in await pager.collect()]


async def keys(pager: Any, name: str) -> list[Any]:
    """A field of all rows of a listing."""
    return [getattr(one, name) for one in await pager.collect()]


async def by_ones(operation: Any, name: str, **arguments: Any) -> list[Any]:
    """A field of all rows, which are asked for one at a time."""
    found: list[Any] = []
    async for page in operation(**arguments, limit=1).pages():
        assert len(page.items) <= 1
        found.extend(getattr(one, name) for one in page.items)
    return found


# ---------------------------------------------------------------------------- drives, domain


@covers("/drive/create", "/drive/get", "/drive/get_default_drive")
async def drives_are_made(stage: Stage) -> None:
    create = stage.client.drive.create
    second = await create(
        drive_name="second",
        owner="superadmin",
        owner_type="user",
        default=False,
        description="words",
        drive_type="large",
        status="enabled",
        total_size=1000,
    )
    got = await stage.client.drive.get(drive_id=second.drive_id)
    assert (got.drive_name, got.description, got.total_size) == ("second", "words", 1000)
    assert (got.owner, got.status) == ("superadmin", "enabled")
    member = await stage.log_in(await stage.user("member"))
    group = await stage.group("team")
    await stage.client.group.add_member(group_id=group, member_id="member")
    team = {"owner": group, "owner_type": "group"}
    opened = await create(drive_name="open", **team)
    closed = await create(
        drive_name="closed", **team, disable_assign_group_default_permission=True
    )
    assert (await member.drive.get(drive_id=opened.drive_id)).drive_name == "open"
    with pytest.raises(PermissionDenied):
        await member.drive.get(drive_id=closed.drive_id)
    own = await create(drive_name="own", owner="member", owner_type="user", default=True)
    assert (await member.drive.get_default_drive()).drive_id == own.drive_id
    theirs = await stage.client.drive.get_default_drive(user_id="member")
    assert theirs.drive_id == own.drive_id


@covers("/drive/update", "/drive/delete")
async def drives_are_changed(stage: Stage) -> None:
    await stage.user("heir")
    made = await stage.client.drive.create(drive_name="a", owner="superadmin", owner_type="user")
    changed = await stage.client.drive.update(
        drive_id=made.drive_id,
        description="words",
        drive_name="b",
        owner="heir",
        status="disabled",
        total_size=0,
    )
    assert (changed.drive_name, changed.description) == ("b", "words")
    assert (changed.owner, changed.status, changed.total_size) == ("heir", "disabled", 0)
    assert await stage.client.drive.delete(drive_id=made.drive_id) is None
    with pytest.raises(NotFound):
        await stage.client.drive.get(drive_id=made.drive_id)


@covers("/drive/list", "/drive/search", "/drive/list_my_drives", "/drive/list_my_group_drive")
async def drives_are_listed(stage: Stage) -> None:
    client = stage.client
    root = await stage.group("all", is_root=True)
    for name, owner, kind in (("Plans", "superadmin", "user"), ("Team plans", root, "group")):
        await client.drive.create(drive_name=name, owner=owner, owner_type=kind)
    of_group = {"owner": root, "owner_type": "group"}
    assert await by_ones(client.drive.list, "drive_name", **of_group) == ["Team plans"]
    assert len(await by_ones(client.drive.list, "drive_id")) == 3
    found = await by_ones(client.drive.search, "drive_name", drive_name="plan")
    assert found == ["Plans", "Team plans"]
    assert await keys(client.drive.search(drive_name="plan", **of_group), "owner") == [root]
    assert "Plans" in await by_ones(client.drive.list_my_drives, "drive_name")
    await client.drive.create(drive_name="Team II", **of_group)
    teams = client.drive.list_my_group_drive
    assert await by_ones(teams, "drive_name") == ["Team plans", "Team II"]
    page = await teams(drive_name="plan")
    assert [one.drive_name for one in page.items] == ["Team plans"]
    assert page.root_group_drive.owner == root


@covers("/domain/get", "/domain/get_quota", "/domain/list", "/domain/search", "/domain/update")
async def the_domain(stage: Stage) -> None:
    client, own = stage.client, {"domain_id": stage.emulator.domain_id}
    await stage.file(content=b"12345")
    changed = await client.domain.update(
        **own,
        description="words",
        domain_name="Works",
        init_drive_enable=False,
        init_drive_size=5,
        published_app_access_strategy={"effect": "deny", "except_app_id_list": ["app"]},
        size_quota=10**9,
        user_count_quota=50,
    )
    assert (changed.domain_name, changed.description) == ("Works", "words")
    got = await client.domain.get(**own, fields="*", get_quota_used=True)
    assert (got.init_drive_enable, got.init_drive_size, got.size_quota_used) == (False, 5, 5)
    assert got.published_app_access_strategy.except_app_id_list == ["app"]
    quota = await client.domain.get_quota()
    assert (quota.size_quota, quota.size_used, quota.user_count_quota) == (10**9, 5, 50)
    for listing in (client.domain.list(), client.domain.search(name="works", order_by="created_at")):
        assert await keys(listing, "domain_id") == [own["domain_id"]]
    assert await keys(client.domain.search(name="other"), "domain_id") == []
    below = client.domain.list(parent_domain_id=own["domain_id"], service_code="edm")
    assert await keys(below, "domain_id") == []
    for listed in (client.domain.list, client.domain.search):
        page = await listed(limit=1, marker="")
        assert len(page.items) == 1
    await stage.user("late")
    with pytest.raises(NotFound):
        await client.drive.get_default_drive(user_id="late")


# ---------------------------------------------------------------------------- users, groups


@covers("/user/create", "/user/get", "/user/update", "/user/delete", "/user/general_get")
async def users_live(stage: Stage) -> None:
    client = stage.client
    first, second = await stage.group("first"), await stage.group("second")
    made = await client.user.create(
        user_id="u1",
        avatar="https://example.com/a.png",
        description="words",
        email="a@example.com",
        group_info_list=[{"group_id": first}],
        nick_name="Nick",
        phone="123",
        role="admin",
        status="enabled",
        user_data={"k": [1]},
        user_name="Name",
    )
    got = await client.user.get(user_id="u1")
    assert got == made
    assert (got.email, got.nick_name, got.phone, got.role) == ("a@example.com", "Nick", "123", "admin")
    assert (got.user_name, got.description, got.user_data) == ("Name", "words", {"k": [1]})
    assert got.avatar == "https://example.com/a.png"
    assert (await client.user.get()).user_id == "superadmin"
    changed = await client.user.update(
        user_id="u1",
        avatar="data:image/png;base64,AA==",
        description="other",
        email="b@example.com",
        expired_at=MOMENT,
        group_info_list=[{"group_id": second}],
        msg_setting={
            "send_settings": [
                {"category": "system", "sub_category": "renew_alarm", "enable": False}
            ]
        },
        nick_name="Nock",
        phone="456",
        role="user",
        status="disabled",
        user_data={},
    )
    assert (changed.email, changed.nick_name, changed.phone) == ("b@example.com", "Nock", "456")
    assert (changed.role, changed.status, changed.expired_at) == ("user", "disabled", MOMENT)
    assert changed.msg_setting.send_settings[0].sub_category == "renew_alarm"
    assert (changed.description, changed.avatar) == ("other", "data:image/png;base64,AA==")
    whole = await client.user.general_get(
        user_id="u1", extra_return_info=["group", "drive", "account"]
    )
    assert [one["group_id"] for one in whole.parent_group] == [second]
    assert whole.default_drive.owner == "u1"
    with pytest.raises(Conflict):
        await client.user.delete(user_id="u1")
    await client.drive.delete(drive_id=whole.default_drive.drive_id)
    assert await client.user.delete(user_id="u1") is None
    with pytest.raises(NotFound):
        await client.user.get(user_id="u1")


@covers("/user/list", "/user/search", "/user/general_search", "/user/list_group_user")
async def users_are_found(stage: Stage) -> None:
    client = stage.client
    group = await stage.group("group")
    sub = await stage.group("sub", parent_group_id=group)
    ann = {"email": "ann@example.com", "nick_name": "Ann", "phone": "1"}
    await stage.user("ann", **ann, user_name="ann-name", group_info_list=[{"group_id": sub}])
    await stage.user("anna", nick_name="Anna", status="disabled")
    everybody = ["superadmin", "ann", "anna"]
    assert await by_ones(client.user.list, "user_id") == everybody
    assert await by_ones(client.user.search, "user_id", nick_name_for_fuzzy="an") == everybody[1:]
    exact = {**ann, "role": "user", "status": "enabled"}
    found = client.user.search(**exact, user_name="ann-name")
    assert await keys(found, "user_id") == ["ann"]
    general = client.user.general_search
    assert await by_ones(
        general, "user_id", nick_name_for_fuzzy="AN", order_by="user_id", order_direction="DESC"
    ) == ["anna", "ann"]
    [one] = await general(
        **exact,
        direct_parent_group_id=sub,
        parent_group_id_list=[group],
        extra_return_info=["group", "drive", "account"],
    ).collect()
    assert (one.user_id, one.default_drive.owner) == ("ann", "ann")
    assert await general(direct_parent_group_id=group).collect() == []
    below = client.user.list_group_user
    assert await by_ones(below, "group_name", group_id=group) == ["sub"]
    [member] = await below(
        group_id=sub, member_type="user", extra_return_info=["drive"]
    ).collect()
    assert member.default_drive.owner == "ann"


@covers(
    "/user/import", "/account/link", "/account/unlink", "/account/get_link_info",
    "/account/get_link_info_by_user_id",
)  # fmt: skip
async def accounts_belong_to_users(stage: Stage) -> None:
    client = stage.client
    group = await stage.group("group")
    imported = await client.user.import_(
        authentication_type="mobile",
        identity="13800000000",
        authentication_display_name="phone",
        authentication_list=[
            {
                "authentication_type": "custom",
                "identity": "c-1",
                "authentication_display_name": "other",
                "custom_identity": "c-1",
                "extra": "x",
            }
        ],
        auto_create_drive=True,
        custom_identity="13800000000",
        deny_change_password_by_self=True,
        drive_total_size=500,
        email="a@example.com",
        extra="86",
        need_change_password_next_login=True,
        nick_name="Nick",
        parent_group_id=group,
        phone="13800000000",
        phone_region="86",
        plain_password="secret",
    )
    user_id = imported.user_id
    assert (imported.nick_name, imported.email) == ("Nick", "a@example.com")
    assert (await client.drive.get_default_drive(user_id=user_id)).total_size == 500
    in_group = await client.membership.has_member(
        group_id=group, member_type="user", user_id=user_id
    )
    assert in_group.result
    account = {"identity": "s-1", "type": "saml", "custom_identity": "s-1", "extra": "y"}
    token = await client.account.link(**account, user_id=user_id)
    assert (token.user_id, bool(token.access_token)) == (user_id, True)
    assert (await client.account.get_link_info(**account)).user_id == user_id
    phone = await client.account.get_link_info(identity="13800000000", type="mobile")
    assert phone.user_id == user_id
    links = (await client.account.get_link_info_by_user_id(user_id=user_id)).items
    assert {"mobile", "saml"} <= {one.authentication_type for one in links}
    assert await client.account.unlink(**account, user_id=user_id) is None
    with pytest.raises(NotFound):
        await client.account.get_link_info(**account)


@covers(
    "/group/create", "/group/get", "/group/update", "/group/update_name", "/group/list",
    "/group/search", "/group/delete",
)  # fmt: skip
async def groups_live(stage: Stage) -> None:
    group = stage.client.group
    top = (await group.create(group_name="Top", description="words", is_root=True)).group_id
    below = (await group.create(group_name="Below", parent_group_id=top)).group_id
    got = await group.get(group_id=top)
    assert (got.group_name, got.description, got.creator) == ("Top", "words", "superadmin")
    with pytest.raises(Conflict):
        await group.delete(group_id=top)
    changed = await group.update(group_id=below, description="other", group_name="Deep")
    assert (changed.group_name, changed.description) == ("Deep", "other")
    assert await group.update_name(group_id=below, name="Deeper top") is None
    assert await by_ones(group.list, "group_name") == ["Top", "Deeper top"]
    assert await by_ones(group.search, "group_id", group_name="TOP") == [top, below]
    assert await group.delete(group_id=below) is None
    with pytest.raises(NotFound):
        await group.get(group_id=below)


@covers("/group/add_member", "/group/list_member", "/group/remove_member")
async def groups_have_members(stage: Stage) -> None:
    group = stage.client.group
    top = await stage.group("top")
    sub = await stage.group("sub", parent_group_id=top)
    for user_id in ("u1", "u2"):
        await stage.user(user_id)
        member = {"group_id": top, "member_id": user_id, "member_type": "user"}
        assert await group.add_member(**member) is None
    everybody = [one async for one in group.list_member(group_id=top)]
    assert {getattr(one, "user_id", None) or one.group_id for one in everybody} == {
        sub, "u1", "u2",
    }  # fmt: skip
    users = await by_ones(group.list_member, "user_id", group_id=top, member_type="user")
    assert users == ["u1", "u2"]
    assert await group.remove_member(**member) is None
    assert await keys(group.list_member(group_id=top, member_type="user"), "user_id") == ["u1"]


@covers(
    "/membership/create", "/membership/get", "/membership/update", "/membership/delete",
    "/membership/has_member", "/membership/list_direct_child_memberships",
    "/membership/list_direct_parent_memberships",
)  # fmt: skip
async def memberships_live(stage: Stage) -> None:
    membership = stage.client.membership
    top, sub = await stage.group("top"), await stage.group("sub")
    await stage.user("u1")
    user = {"group_id": top, "member_type": "user", "user_id": "u1"}
    below = {"group_id": top, "member_type": "group", "sub_group_id": sub}
    made = await membership.create(**user, description="a", member_role="member", is_root=False)
    assert (made.user_id, made.member_role, made.description) == ("u1", "member", "a")
    assert (await membership.create(**below)).sub_group_id == sub
    changed = await membership.update(**user, description="b", member_role="admin")
    assert (changed.member_role, changed.description) == ("admin", "b")
    assert (await membership.update(**below, description="c")).description == "c"
    said = {"member_role": "admin", "description": "b"}
    assert await membership.get(**user, **said, is_root=False) == changed
    assert (await membership.get(**below)).sub_group_id == sub
    assert (await membership.has_member(**user, **said)).result is True
    assert (await membership.has_member(**below)).result is True
    assert (await membership.has_member(**{**user, "group_id": sub})).result is False
    children = membership.list_direct_child_memberships
    assert await by_ones(children, "user_id", group_id=top, member_type="user") == ["u1"]
    parents = membership.list_direct_parent_memberships
    assert await by_ones(parents, "group_id", user_id="u1", member_type="user") == [top]
    for name in ("group_id", "sub_group_id"):
        assert await keys(parents(**{name: sub}, member_type="group"), "group_id") == [top]
    assert await membership.delete(**user, **said) is None
    assert await membership.delete(**below) is None
    assert (await membership.has_member(**user)).result is False


@covers(
    "/role/assign", "/role/cancel_assign", "/role/list_assignment", "/role/list_identity_role"
)
async def roles_are_assigned(stage: Stage) -> None:
    role = stage.client.role
    managed = {
        "manage_resource_id": await stage.group("group"), "manage_resource_type": "RT_Group",
    }  # fmt: skip
    for user_id in ("u1", "u2"):
        await stage.user(user_id)
        identity = {"identity_id": user_id, "identity_type": "IT_User", "identity_name": user_id}
        assert await role.assign(
            identity=identity, **managed, role_id="SystemGroupAdmin"
        ) is None
    listed = await by_ones(role.list_assignment, "identity", **managed)
    assert [one.identity_id for one in listed] == ["u1", "u2"]
    told = await role.list_identity_role(identity=identity)
    assert [one.role_id for one in told.assignment_list] == ["SystemGroupAdmin"]
    helper = await stage.log_in("u2")
    group = {"group_id": managed["manage_resource_id"]}
    assert (await helper.group.update(**group, description="mine")).description == "mine"
    await role.cancel_assign(identity=identity, **managed, role_id="SystemGroupAdmin")
    with pytest.raises(PermissionDenied):
        await helper.group.update(**group, description="still mine")


# ---------------------------------------------------------------------------- signing in


@covers("/oauth/authorize", "/oauth/token", "/account/token")
async def people_and_services_sign_in(stage: Stage) -> None:
    client, back = stage.client, "https://example.com/back"
    await stage.emulator.register_app("WEB", client_secret="hush", redirect_uris=[back])
    await client.domain.get_quota()
    url = client.oauth.authorize(
        client_id="WEB",
        login_type="default",
        redirect_uri=back,
        hide_consent=True,
        response_type="code",
        scope=["FILE.ALL"],
        state="state-1",
    )
    async with stage.http.get(url, allow_redirects=False) as reply:
        answer = parse_qs(urlsplit(reply.headers["Location"]).query)
    assert answer["state"] == ["state-1"]
    app = {"client_id": "WEB", "client_secret": "hush", "subdomain_id": "below"}
    token = await client.oauth.token(
        **app, grant_type="authorization_code", code=answer["code"][0], redirect_uri=back
    )
    second = await client.oauth.token(
        **app, grant_type="refresh_token", refresh_token=token.refresh_token
    )
    assert (token.user_id, second.user_id) == ("superadmin", "superadmin")
    third = await client.account.token(
        app_id="WEB", refresh_token=second.refresh_token, grant_type="refresh_token"
    )
    person = await stage.connect(token_info=TokenInfo.parse(third))
    assert (await person.user.get()).user_id == "superadmin"
    with pytest.raises(BadRequest):
        await client.account.token(app_id="WEB", refresh_token=token.refresh_token)
    service = JWTApp(
        stage.emulator.app_id,
        domain_id=stage.emulator.domain_id,
        private_key=stage.emulator.private_key_pem,
        clock=stage.emulator.clock,
    )
    assert (await service.sign_in(client)).user_id == "superadmin"


# ---------------------------------------------------------------------------- what holds for all


def operation(client: AsyncPDSClient, path: str) -> Any:
    """The operation as users find it."""
    found: Any = client
    for segment in path.strip("/").split("/"):
        found = getattr(found, "import_" if segment == "import" else segment)
    return found


def dotted(rules: Iterable[tuple[str, Rule]], prefix: str = "") -> Iterator[str]:
    """The parameters of a request, and of the parts in it."""
    for name, rule in rules:
        yield prefix + name
        while isinstance(rule, (ListOf, MapOf)):
            rule = rule.item  # noqa: PLW2901
        if isinstance(rule, PartOf):
            yield from dotted(rule.part.rules, f"{prefix}{name}.")


def dotted_values(rules: Iterable[tuple[str, Rule]], data: Any, prefix: str = "") -> Iterator[str]:
    """Which of them a body has."""
    for name, rule in rules:
        if name not in data:
            continue
        yield prefix + name
        values = [data[name]]
        while isinstance(rule, (ListOf, MapOf)):
            rule = rule.item  # noqa: PLW2901
            values = [
                one
                for each in values
                for one in (each.values() if isinstance(each, dict) else each)
            ]
        if isinstance(rule, PartOf):
            for value in values:
                yield from dotted_values(rule.part.rules, value, f"{prefix}{name}.")


def sent_by(record: Any) -> Mapping[str, Any]:
    """The parameters of a request: JSON, a form, or a query."""
    text = record.query if record.method == "GET" else record.body.decode()
    if record.data is None:
        return {name: values[0] for name, values in parse_qs(text, keep_blank_values=True).items()}
    data: Mapping[str, Any] = record.data
    return data


def undeclared(value: Any, raw: Any, where: str) -> Iterator[str]:
    """What the models do not know of what was answered."""
    if isinstance(value, Model) and isinstance(raw, dict):
        names = dict(zip(value.__struct_encode_fields__, value.__struct_fields__, strict=True))
        for name, one in raw.items():
            if name not in names:
                yield f"{where}.{name}"
            else:
                yield from undeclared(_declared(value, names[name]), one, f"{where}.{name}")
    elif isinstance(value, list) and isinstance(raw, list):
        for one, other in zip(value, raw, strict=True):
            yield from undeclared(one, other, f"{where}[]")
    elif isinstance(value, dict) and isinstance(raw, dict):
        for name, one in value.items():
            yield from undeclared(one, raw[name], f"{where}[{name}]")


def _declared(model: Model, name: str) -> Any:
    # A page of two kinds of rows reads them together under the name of one of them.
    return None if isinstance(model, Page) and name == "items" and not model.items else getattr(
        model, name
    )


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[bytes]]:
    """The bodies of all successful replies, by operation."""
    bodies: dict[str, list[bytes]] = defaultdict(list)
    send = Exchange.send

    async def noting(exchange: Exchange, reply: Any) -> Any:
        if reply.status < 300 and reply.body and exchange.record is not None:
            bodies[exchange.record.operation].append(reply.body)
        return await send(exchange, reply)

    monkeypatch.setattr(Exchange, "send", noting)
    return bodies


@pytest.fixture
async def stage(start: Any) -> AsyncIterator[Stage]:
    """A world without files."""
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(start([], request_log_size=1000))
        http = await stack.enter_async_context(aiohttp.ClientSession())
        yield Stage(world, http, stack)


@pytest.mark.parametrize(("flow", "paths"), FLOWS, ids=[flow.__name__ for flow, _ in FLOWS])
async def test_operations_do_what_their_parameters_say(
    flow: Flow, paths: tuple[str, ...], stage: Stage, answers: dict[str, list[bytes]]
) -> None:
    """The flow's own assertions hold, no parameter was left out, nothing came undeclared."""
    await flow(stage)
    for path in paths:
        op = operation(stage.client, path).op
        wanted = set(dotted(op.request.rules))
        worked = (one for one in stage.emulator.requests.of(path) if one.status < 400)
        sent = {name for one in worked for name in dotted_values(op.request.rules, sent_by(one))}
        assert wanted - sent == set(), path
    for path, bodies in answers.items():
        if path in OPERATIONS and path != "/oauth/authorize":
            op = operation(stage.client, path).op
            for body in bodies if op.reply is not None else []:
                reply = _codec.decode(body, op.kind)
                assert list(undeclared(reply, msgspec.json.decode(body), path)) == []


def test_every_emulated_operation_is_covered() -> None:
    """Whoever emulates another one writes a flow for it; each is covered once."""
    covered = [path for _, paths in FLOWS for path in paths]
    assert sorted(covered) == sorted(OPERATIONS)


NOT_EMULATED = sorted(KNOWN - OPERATIONS.keys())


@pytest.mark.parametrize("path", NOT_EMULATED)
async def test_what_is_not_emulated_is_refused(path: str, stage: Stage) -> None:
    """An error that says so, not one of a path that nobody knows."""
    bound = operation(stage.client, path)
    request = bound.op.request
    given = {name: sample(rule) for name, rule in request.rules if name in request.needed}
    given |= {name: sample(dict(request.rules)[name]) for name in request.one_of[:1]}
    with pytest.raises(BadRequest) as caught:
        await bound(**given)
    assert caught.value.code == "OperationNotSupport"


def sample(rule: Rule) -> Any:
    """Something that the rule lets pass."""
    if isinstance(rule, ListOf):
        return [sample(rule.item)]
    if isinstance(rule, PartOf):
        return {name: sample(one) for name, one in rule.part.rules if name in rule.part.needed}
    if isinstance(rule, Choice):
        return rule.values[0]
    return 1 if isinstance(rule, Whole) else MOMENT if isinstance(rule, (Time, Millis)) else "x"
