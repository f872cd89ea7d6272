"""Drives, the domain, users, groups and signing in: every operation with every parameter."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from pdsclient import (
    BadRequest,
    Conflict,
    NotFound,
    PermissionDenied,
    TokenInfo,
)
from pdsclient.auth import JWTApp

MOMENT = datetime(2024, 2, 29, 12, 30, tzinfo=UTC)


# ---------------------------------------------------------------------------- drives, domain


@pytest.mark.covers("/drive/create", "/drive/get", "/drive/get_default_drive")
async def test_drives_are_made(stage: Any) -> None:
    """For users and groups, with a limit and switches; the default one is found."""
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
    closed = await create(drive_name="closed", **team, disable_assign_group_default_permission=True)
    assert (await member.drive.get(drive_id=opened.drive_id)).drive_name == "open"
    with pytest.raises(PermissionDenied):
        await member.drive.get(drive_id=closed.drive_id)
    own = await create(drive_name="own", owner="member", owner_type="user", default=True)
    assert (await member.drive.get_default_drive()).drive_id == own.drive_id
    theirs = await stage.client.drive.get_default_drive(user_id="member")
    assert theirs.drive_id == own.drive_id


@pytest.mark.covers("/drive/update", "/drive/delete")
async def test_drives_are_changed(stage: Any) -> None:
    """All that is given changes; a drive that was deleted is gone."""
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


@pytest.mark.covers(
    "/drive/list", "/drive/search", "/drive/list_my_drives", "/drive/list_my_group_drive"
)
async def test_drives_are_listed(stage: Any) -> None:
    """By owner, name and group, page by page; the root group's stands beside."""
    client = stage.client
    root = await stage.group("all", is_root=True)
    for name, owner, kind in (("Plans", "superadmin", "user"), ("Team plans", root, "group")):
        await client.drive.create(drive_name=name, owner=owner, owner_type=kind)
    of_group = {"owner": root, "owner_type": "group"}
    assert await stage.by_ones(client.drive.list, "drive_name", **of_group) == ["Team plans"]
    assert len(await stage.by_ones(client.drive.list, "drive_id")) == 3
    found = await stage.by_ones(client.drive.search, "drive_name", drive_name="plan")
    assert found == ["Plans", "Team plans"]
    assert await stage.keys(client.drive.search(drive_name="plan", **of_group), "owner") == [root]
    assert "Plans" in await stage.by_ones(client.drive.list_my_drives, "drive_name")
    await client.drive.create(drive_name="Team II", **of_group)
    teams = client.drive.list_my_group_drive
    assert await stage.by_ones(teams, "drive_name") == ["Team plans", "Team II"]
    page = await teams(drive_name="plan")
    assert [one.drive_name for one in page.items] == ["Team plans"]
    assert page.root_group_drive.owner == root


@pytest.mark.covers(
    "/domain/get", "/domain/get_quota", "/domain/list", "/domain/search", "/domain/update"
)
async def test_the_domain(stage: Any) -> None:
    """What is changed is told, and new users are treated accordingly."""
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
    for listing in (
        client.domain.list(),
        client.domain.search(name="works", order_by="created_at"),
    ):
        assert await stage.keys(listing, "domain_id") == [own["domain_id"]]
    assert await stage.keys(client.domain.search(name="other"), "domain_id") == []
    below = client.domain.list(parent_domain_id=own["domain_id"], service_code="edm")
    assert await stage.keys(below, "domain_id") == []
    for listed in (client.domain.list, client.domain.search):
        page = await listed(limit=1, marker="")
        assert len(page.items) == 1
    await stage.user("late")
    with pytest.raises(NotFound):
        await client.drive.get_default_drive(user_id="late")


# ---------------------------------------------------------------------------- users, groups


@pytest.mark.covers(
    "/user/create", "/user/get", "/user/update", "/user/delete", "/user/general_get"
)
async def test_users_live(stage: Any) -> None:
    """Made, read, changed in every field, and deleted once nothing is theirs."""
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
    assert (got.email, got.nick_name, got.phone, got.role) == (
        "a@example.com",
        "Nick",
        "123",
        "admin",
    )
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


@pytest.mark.covers("/user/list", "/user/search", "/user/general_search", "/user/list_group_user")
async def test_users_are_found(stage: Any) -> None:
    """By each field, by groups, in an order, with what more is asked of them."""
    client = stage.client
    group = await stage.group("group")
    sub = await stage.group("sub", parent_group_id=group)
    ann = {"email": "ann@example.com", "nick_name": "Ann", "phone": "1"}
    await stage.user("ann", **ann, user_name="ann-name", group_info_list=[{"group_id": sub}])
    await stage.user("anna", nick_name="Anna", status="disabled")
    everybody = ["superadmin", "ann", "anna"]
    assert await stage.by_ones(client.user.list, "user_id") == everybody
    assert (
        await stage.by_ones(client.user.search, "user_id", nick_name_for_fuzzy="an")
        == everybody[1:]
    )
    exact = {**ann, "role": "user", "status": "enabled"}
    found = client.user.search(**exact, user_name="ann-name")
    assert await stage.keys(found, "user_id") == ["ann"]
    general = client.user.general_search
    assert await stage.by_ones(
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
    assert await stage.by_ones(below, "group_name", group_id=group) == ["sub"]
    await client.group.add_member(group_id=sub, member_id="anna")
    members = await stage.by_ones(
        below, "default_drive", group_id=sub, member_type="user", extra_return_info=["drive"]
    )
    assert [one.owner for one in members] == ["ann", "anna"]


@pytest.mark.covers(
    "/user/import", "/account/link", "/account/unlink", "/account/get_link_info",
    "/account/get_link_info_by_user_id",
)  # fmt: skip
async def test_accounts_belong_to_users(stage: Any) -> None:
    """Imported, linked, found from both sides, and unlinked."""
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


@pytest.mark.covers(
    "/group/create", "/group/get", "/group/update", "/group/update_name", "/group/list",
    "/group/search", "/group/delete",
)  # fmt: skip
async def test_groups_live(stage: Any) -> None:
    """Made in one another, renamed, found by a part of the name, deleted from below."""
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
    assert await stage.by_ones(group.list, "group_name") == ["Top", "Deeper top"]
    assert await stage.by_ones(group.search, "group_id", group_name="TOP") == [top, below]
    assert await group.delete(group_id=below) is None
    with pytest.raises(NotFound):
        await group.get(group_id=below)


@pytest.mark.covers("/group/add_member", "/group/list_member", "/group/remove_member")
async def test_groups_have_members(stage: Any) -> None:
    """Users and groups come and go."""
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
    users = await stage.by_ones(group.list_member, "user_id", group_id=top, member_type="user")
    assert users == ["u1", "u2"]
    assert await group.remove_member(**member) is None
    assert await stage.keys(group.list_member(group_id=top, member_type="user"), "user_id") == [
        "u1"
    ]


@pytest.mark.covers(
    "/membership/create", "/membership/get", "/membership/update", "/membership/delete",
    "/membership/has_member", "/membership/list_direct_child_memberships",
    "/membership/list_direct_parent_memberships",
)  # fmt: skip
async def test_memberships_live(stage: Any) -> None:
    """Of users and groups, with a role, seen from above and from below."""
    membership = stage.client.membership
    top, sub = await stage.group("top"), await stage.group("sub")
    await stage.user("u1")
    await stage.user("u2", group_info_list=[{"group_id": top}])
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
    assert (await membership.has_member(**{**user, "user_id": "superadmin"})).result is False
    children = membership.list_direct_child_memberships
    assert await stage.by_ones(children, "user_id", group_id=top, member_type="user") == [
        "u2", "u1",
    ]  # fmt: skip
    await membership.create(**{**user, "group_id": sub})
    parents = membership.list_direct_parent_memberships
    assert await stage.by_ones(parents, "group_id", user_id="u1", member_type="user") == [top, sub]
    for name in ("group_id", "sub_group_id"):
        assert await stage.keys(parents(**{name: sub}, member_type="group"), "group_id") == [top]
    assert await membership.delete(**user, **said) is None
    assert await membership.delete(**below) is None
    assert (await membership.has_member(**user)).result is False


@pytest.mark.covers(
    "/role/assign", "/role/cancel_assign", "/role/list_assignment", "/role/list_identity_role"
)
async def test_roles_are_assigned(stage: Any) -> None:
    """Who administers a group may change it, until the role is taken away."""
    role = stage.client.role
    managed = {
        "manage_resource_id": await stage.group("group"), "manage_resource_type": "RT_Group",
    }  # fmt: skip
    for user_id in ("u1", "u2"):
        await stage.user(user_id)
        identity = {"identity_id": user_id, "identity_type": "IT_User", "identity_name": user_id}
        assert await role.assign(identity=identity, **managed, role_id="SystemGroupAdmin") is None
    listed = await stage.by_ones(role.list_assignment, "identity", **managed)
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


@pytest.mark.covers("/oauth/authorize", "/oauth/token", "/account/token")
async def test_people_and_services_sign_in(stage: Any) -> None:
    """By a code, by a refresh token, by an assertion; each leads to a user."""
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
