"""Users, accounts, groups, memberships and roles over raw HTTP."""

from __future__ import annotations

import time

import pytest

from pdsclient.emulator import Settings

ADMIN_ONLY = {
    "/account/get_link_info": {"type": "mobile", "identity": "1"},
    "/account/link": {"type": "mobile", "identity": "1", "user_id": "bob"},
    "/account/unlink": {"type": "mobile", "identity": "1", "user_id": "bob"},
    "/domain/get": {"domain_id": "bj1"},
    "/domain/list": {},
    "/domain/search": {},
    "/domain/update": {"domain_id": "bj1"},
    "/drive/create": {"drive_name": "d", "owner": "bob", "owner_type": "user"},
    "/drive/delete": {"drive_id": "1"},
    "/drive/list": {},
    "/drive/search": {},
    "/drive/update": {"drive_id": "1"},
    "/group/create": {"group_name": "g"},
    "/group/delete": {"group_id": "g"},
    "/group/list": {},
    "/group/search": {"group_name": "g"},
    "/role/assign": {
        "identity": {"identity_type": "IT_User", "identity_id": "bob"},
        "manage_resource_type": "RT_Group",
        "manage_resource_id": "g",
        "role_id": "SystemGroupAdmin",
    },
    "/role/list_assignment": {},
    "/user/create": {"user_id": "new"},
    "/user/delete": {"user_id": "bob"},
    "/user/general_search": {},
    "/user/get": {"user_id": "superadmin"},
    "/user/import": {"authentication_type": "mobile", "identity": "1"},
    "/user/list": {},
    "/user/list_group_user": {},
    "/user/search": {},
    "/user/update": {"user_id": "superadmin"},
}


@pytest.mark.parametrize("path", sorted(ADMIN_ONLY))
async def test_what_is_for_administrators(api, path):
    """Operations for administrators are 403 Forbidden for everybody else."""
    bob = api.emulator.issue_token(user_id="bob").access_token
    got = await api.post(path, ADMIN_ONLY[path], token=bob)
    assert (got.status, got.code) == (403, "Forbidden")


def is_now_ms(value):
    return isinstance(value, int) and abs(value - time.time() * 1000) < 60_000


async def names(api, path, key, **data):
    """All of a list, in pages of two."""
    found, marker = [], ""
    while True:
        page = (await api.post(path, {"limit": 2, "marker": marker, **data})).data
        found += [item[key] for item in page["items"]]
        marker = page["next_marker"]
        if not marker:
            return found


# ---- users


async def test_life_of_a_user(api):
    """A user is created with a drive, read, changed, and deleted once the drive is gone."""
    made = await api.post("/user/create", {"user_id": "u1", "nick_name": "Ann", "phone": "135"})
    assert made.status == 201
    user = made.data
    assert (user["user_id"], user["nick_name"], user["phone"]) == ("u1", "Ann", "135")
    assert (user["role"], user["status"], user["creator"]) == ("user", "enabled", "superadmin")
    assert is_now_ms(user["created_at"])
    assert is_now_ms(user["updated_at"])
    assert (await api.post("/user/create", {"user_id": "u1"})).code == "AlreadyExist.User"

    changed = await api.post("/user/update", {"user_id": "u1", "nick_name": "Bo", "phone": ""})
    assert (changed.data["nick_name"], changed.data["phone"]) == ("Bo", "")
    assert (await api.post("/user/get", {"user_id": "u1"})).data == changed.data

    refused = await api.post("/user/delete", {"user_id": "u1"})
    assert (refused.status, refused.code) == (409, "StateConflict.User")
    drive_id = user["default_drive_id"]
    assert (await api.post("/drive/delete", {"drive_id": drive_id})).status == 204
    assert (await api.post("/user/get", {"user_id": "u1"})).data["default_drive_id"] == ""
    gone = await api.post("/user/delete", {"user_id": "u1"})
    assert (gone.status, gone.body) == (204, b"")
    again = await api.post("/user/get", {"user_id": "u1"})
    assert (again.status, again.code) == (404, "NotFound.User")


async def test_token_of_a_deleted_user_is_dead(api):
    """Nobody can use a token of a user who is no more."""
    token = api.emulator.issue_token(user_id="bob").access_token
    assert (await api.post("/user/get", token=token)).data["user_id"] == "bob"
    await api.post("/user/delete", {"user_id": "bob"})
    assert (await api.post("/user/get", token=token)).code == "AccessTokenInvalid"


async def test_messages_to_a_user(api):
    """Which messages a user gets is kept as it was set; what is no list is refused."""
    setting = {"category": "system", "sub_category": "renew_alarm", "enable": True}
    asked = {"user_id": "superadmin", "msg_setting": {"send_settings": [setting]}}
    got = await api.post("/user/update", asked)
    assert got.data["msg_setting"] == asked["msg_setting"]
    asked["msg_setting"] = {"send_settings": {}}
    assert (await api.post("/user/update", asked)).data["msg_setting"] == {"send_settings": []}
    asked["msg_setting"] = {"send_settings": "all"}
    assert (await api.post("/user/update", asked)).code == (
        "InvalidParameterWrongFormat.SendSettings"
    )


async def test_token_for_a_user_of_the_api(api):
    """A token that a test takes for a user knows what the API was told of them."""
    made = await api.post("/user/create", {"user_id": "u", "nick_name": "Ann", "role": "admin"})
    token = api.emulator.issue_token(user_id="u")
    assert token.role == "admin"
    assert token.extra["nick_name"] == "Ann"
    assert token.extra["default_drive_id"] == made.data["default_drive_id"]


async def test_users_change_themselves(api):
    """Users may change what they are called, not what they may do."""
    bob = api.emulator.issue_token(user_id="bob").access_token
    got = await api.post("/user/update", {"user_id": "bob", "nick_name": "B"}, token=bob)
    assert got.data["nick_name"] == "B"
    for more in ({"role": "admin"}, {"status": "disabled"}, {"group_info_list": []}):
        got = await api.post("/user/update", {"user_id": "bob", **more}, token=bob)
        assert (got.status, got.code) == (403, "Forbidden")


async def test_roles_of_users(api):
    """An administrator may do everything but make a superadmin."""
    admin = api.emulator.issue_token(user_id="ada", role="admin").access_token
    asked = {"user_id": "u", "role": "superadmin"}
    assert (await api.post("/user/create", asked, token=admin)).code == "Forbidden"
    asked["role"] = "admin"
    assert (await api.post("/user/create", asked, token=admin)).data["role"] == "admin"
    assert (await api.post("/user/create", asked | {"role": "boss"})).code == (
        "InvalidParameter.Role"
    )
    await api.post("/user/update", {"user_id": "ada", "role": "user"})
    assert (await api.post("/user/list", token=admin)).code == "Forbidden"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({}, "InvalidParameterMissing.UserId"),
        ({"user_id": "x" * 65}, "InvalidParameterOutOfRange.UserId"),
        ({"user_id": "a#b"}, "InvalidParameter.UserId"),
        ({"user_id": "u", "nick_name": "x" * 129}, "InvalidParameterOutOfRange.NickName"),
        ({"user_id": "u", "user_name": "x" * 129}, "InvalidParameterOutOfRange.UserName"),
        ({"user_id": "u", "description": "x" * 1025}, "InvalidParameterOutOfRange.Description"),
        ({"user_id": "u", "avatar": "https://" + "x" * 4096}, "InvalidParameterOutOfRange.Avatar"),
        ({"user_id": "u", "user_data": {"a": "x" * 1024}}, "InvalidParameterOutOfRange.UserData"),
        ({"user_id": "u", "user_data": "x"}, "InvalidParameterWrongFormat.UserData"),
        ({"user_id": "u", "status": "asleep"}, "InvalidParameter.Status"),
        ({"user_id": "u", "group_info_list": [{"group_id": "?"}]}, "NotFound.Group"),
    ],
)
async def test_limits_of_users(api, data, code):
    """What is too long, of the wrong type or unknown is refused, and nobody is made."""
    assert (await api.post("/user/create", data)).code == code
    assert await names(api, "/user/list", "user_id") == ["superadmin"]


async def test_users_are_listed_and_searched(api):
    """Lists come in pages; a search wants all that is given to be equal, fuzzy is a part."""
    for number in range(5):
        await api.emulator.put_user(
            f"u{number}", nick_name=f"Nick{number % 2}", email=f"{number}@x", role="user"
        )
    everybody = ["superadmin", *(f"u{number}" for number in range(5))]
    assert await names(api, "/user/list", "user_id") == everybody
    assert await names(api, "/user/search", "user_id", nick_name="Nick1") == ["u1", "u3"]
    assert await names(api, "/user/search", "user_id", nick_name="Nick") == []
    assert await names(api, "/user/search", "user_id", nick_name_for_fuzzy="nick1") == ["u1", "u3"]
    assert await names(api, "/user/search", "user_id", email="2@x", role="user") == ["u2"]
    assert await names(api, "/user/search", "user_id", email="2@x", role="admin") == []
    assert (await api.post("/user/list", {"limit": 101})).code == "InvalidParameter.Limit"
    assert (await api.post("/user/list", {"marker": "x"})).code == "InvalidParameter.Marker"
    page = await api.post("/user/search", {"nick_name_for_fuzzy": "n", "limit": 2})
    other = {"nick_name_for_fuzzy": "i", "marker": page.data["next_marker"]}
    assert (await api.post("/user/search", other)).code == "InvalidParameter.Marker"


async def test_general_search_orders(api):
    """``general_search`` has an order, groups with what is below them, and extras."""
    (top,) = await make_groups(api, "Top")
    (low,) = await make_groups(api, "Low", parent_group_id=top)
    for user_id, nick, group in (("a", "Z", top), ("b", "Y", low), ("c", "X", None)):
        groups = [] if group is None else [{"group_id": group}]
        data = {"user_id": user_id, "nick_name": nick, "group_info_list": groups}
        await api.post("/user/create", data)

    async def found(**data):
        return await names(api, "/user/general_search", "user_id", **data)

    assert await found(order_by="nick_name") == ["c", "b", "a", "superadmin"]
    assert await found(order_by="nick_name", order_direction="DESC") == [
        "superadmin",
        "a",
        "b",
        "c",
    ]
    assert await found(parent_group_id_list=[top]) == ["a", "b"]
    assert await found(direct_parent_group_id=top) == ["a"]
    asked = {"nick_name": "Z", "extra_return_info": ["drive", "group", "account"]}
    (user,) = (await api.post("/user/general_search", asked)).data["items"]
    assert user["default_drive"]["drive_id"] == user["default_drive_id"]
    assert [group["group_id"] for group in user["parent_group"]] == [top]
    assert user["account"] == []
    one = await api.post("/user/general_get", {"user_id": "a", "extra_return_info": ["drive"]})
    assert one.data["default_drive"]["owner"] == "a"
    assert (await api.post("/user/general_get", {"extra_return_info": ["x"]})).code == (
        "InvalidParameter.ExtraReturnInfo"
    )
    assert (await api.post("/user/general_search", {"order_by": "phone"})).code == (
        "InvalidParameter.OrderBy"
    )


async def test_import_gets_or_creates(api):
    """``user/import`` makes the user behind an account once, with a drive if it is asked for."""
    asked = {
        "authentication_type": "mobile",
        "identity": "13512345678",
        "nick_name": "WWJ-",
        "auto_create_drive": True,
        "drive_total_size": 1 << 30,
    }
    user = (await api.post("/user/import", asked)).data
    assert len(user["user_id"]) == 32
    assert (user["nick_name"], user["phone"]) == ("WWJ-", "13512345678")
    drive = (await api.post("/drive/get", {"drive_id": user["default_drive_id"]})).data
    assert (drive["owner"], drive["total_size"]) == (user["user_id"], 1 << 30)
    assert (await api.post("/user/import", asked)).data == user
    mail = {"authentication_type": "email", "identity": "a@b", "nick_name": "A", "phone": "7"}
    other = (await api.post("/user/import", mail)).data
    assert (other["email"], other["phone"], other["default_drive_id"]) == ("a@b", "7", "")
    assert (await api.post("/user/delete", {"user_id": other["user_id"]})).status == 204
    assert (await api.post("/user/import", mail)).data["user_id"] != other["user_id"]


async def test_import_needs_a_directory(api):
    """JS-FT 43: a plain domain knows no LDAP users; a user with a drive is not deleted."""
    asked = {"authentication_type": "ldap", "identity": "user", "nick_name": "ldapTest"}
    got = await api.post("/user/import", asked)
    assert (got.status, got.code) == (400, "OperationNotSupport")
    made = (await api.post("/user/create", {"user_id": "u"})).data
    assert (await api.post("/user/delete", {"user_id": "u"})).status == 409
    drives = (await api.post("/drive/list", {"owner_type": "user", "owner": "u"})).data["items"]
    assert [drive["drive_id"] for drive in drives] == [made["default_drive_id"]]
    await api.post("/drive/delete", {"drive_id": drives[0]["drive_id"]})
    assert (await api.post("/user/delete", {"user_id": "u"})).status == 204


async def test_domain_may_give_no_drive(api):
    """New users have no drive once the domain is changed so."""
    await api.post("/domain/update", {"domain_id": "bj1", "init_drive_enable": False})
    assert (await api.post("/user/create", {"user_id": "u"})).data["default_drive_id"] == ""


# ---- accounts


async def test_accounts_of_a_user(api):
    """JS-FT 47: a linked phone leads to its user, and is in the list of the user's accounts."""
    await api.post("/user/create", {"user_id": "u"})
    account = {"type": "mobile", "identity": "135", "extra": "86"}
    token = await api.post("/account/link", account | {"user_id": "u", "custom_identity": "135"})
    assert (token.data["user_id"], token.data["token_type"]) == ("u", "Bearer")
    mine = (await api.post("/user/get", token=token.data["access_token"])).data
    assert mine["user_id"] == "u"
    info = (await api.post("/account/get_link_info", account)).data
    assert info["user_id"] == "u"
    assert is_now_ms(info["created_at"])
    links = (await api.post("/account/get_link_info_by_user_id", {"user_id": "u"})).data["items"]
    assert [(one["authentication_type"], one["identity"]) for one in links] == [("mobile", "135")]
    taken = await api.post("/account/link", account | {"user_id": "superadmin"})
    assert (taken.status, taken.code) == (409, "AlreadyExist.Account")
    without_code = {"type": "mobile", "identity": "135", "user_id": "u"}
    gone = await api.post("/account/unlink", without_code)
    assert (gone.status, gone.body) == (204, b"")
    assert (await api.post("/account/unlink", without_code)).code == "NotFound.Account"
    assert (await api.post("/account/get_link_info", account)).code == "NotFound.Account"


# ---- groups


async def make_groups(api, *group_names, **more):
    return [
        (await api.post("/group/create", {"group_name": name, **more})).data["group_id"]
        for name in group_names
    ]


async def test_life_of_a_group(api):
    """A group is created, read, renamed, and deleted once its sub-group is."""
    asked = {"group_name": "Test_Group_7", "description": "", "is_root": True}
    made = await api.post("/group/create", asked)
    assert made.status == 201
    group = made.data
    assert len(group["group_id"]) == 32
    assert is_now_ms(group["created_at"])
    low = await api.post(
        "/group/create", {"group_name": "Sub", "parent_group_id": group["group_id"]}
    )
    data = {"group_id": group["group_id"]}
    assert (await api.post("/group/get", data)).data == group
    renamed = await api.post("/group/update", data | {"group_name": "new_name"})
    assert renamed.data["group_id"] == group["group_id"]
    # JS-FT 44 on: the reply of update_name has a group.
    edm = await api.post("/group/update_name", data | {"name": "edm"})
    assert (edm.status, edm.data["group_id"]) == (200, group["group_id"])
    assert (await api.post("/group/get", data)).data["group_name"] == "edm"
    refused = await api.post("/group/delete", data)
    assert (refused.status, refused.code) == (409, "StateConflict.Group")
    assert (await api.post("/group/delete", {"group_id": low.data["group_id"]})).status == 204
    assert (await api.post("/group/delete", data)).status == 204
    assert (await api.post("/group/get", data)).code == "NotFound.Group"


async def test_group_renamed_may_say_nothing(run):
    """By a switch ``update_name`` answers 204."""
    async with run(settings=Settings(group_renamed="empty")) as api:
        (group_id,) = await make_groups(api, "a")
        got = await api.post("/group/update_name", {"group_id": group_id, "name": "b"})
        assert (got.status, got.body) == (204, b"")


async def test_groups_are_found_by_name(api):
    """JS-FT 44: a part of the name finds groups; the list has all."""
    await make_groups(api, "Test_Group_1", "Other", "Test_Group_2")
    found = await names(api, "/group/search", "group_name", group_name="Test_Group")
    assert found == ["Test_Group_1", "Test_Group_2"]
    assert len(await names(api, "/group/list", "group_id")) == 3


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({}, "InvalidParameterMissing.GroupName"),
        ({"group_name": "x" * 129}, "InvalidParameterOutOfRange.GroupName"),
        ({"group_name": "g", "description": "x" * 1025}, "InvalidParameterOutOfRange.Description"),
        ({"group_name": "g", "parent_group_id": "?"}, "NotFound.Group"),
        (
            {"group_name": "g", "parent_group_id": "?", "is_root": True},
            "InvalidParameter.ParentGroupId",
        ),
    ],
)
async def test_limits_of_groups(api, data, code):
    """A group with a bad name or parent is not made."""
    assert (await api.post("/group/create", data)).code == code
    assert await names(api, "/group/list", "group_id") == []


async def test_members_of_a_group(api):
    """JS-FT 46: who was removed is missing at once; users and sub-groups come in two arrays."""
    (group_id,) = await make_groups(api, "g")
    (low,) = await make_groups(api, "low", parent_group_id=group_id)
    member = {"group_id": group_id, "member_id": "superadmin", "member_type": "user"}
    added = await api.post("/group/add_member", member)
    assert (added.status, added.body) == (204, b"")
    assert (await api.post("/group/add_member", member)).code == "AlreadyExist.Membership"
    asked = {"user_id": "superadmin", "group_id": group_id, "member_type": "user"}
    assert (await api.post("/membership/has_member", asked)).data == {"result": True}
    listed = (await api.post("/group/list_member", {"group_id": group_id})).data
    assert [one["group_id"] for one in listed["group_items"]] == [low]
    assert [one["user_id"] for one in listed["user_items"]] == ["superadmin"]
    assert (await api.post("/group/remove_member", member)).status == 204
    users = {"member_type": "user", "group_id": group_id, "limit": 100}
    assert (await api.post("/group/list_member", users)).data["user_items"] == []
    assert (await api.post("/membership/has_member", asked)).data == {"result": False}
    assert (await api.post("/group/remove_member", member)).code == "NotFound.Membership"


async def test_pages_of_members(api):
    """A page counts users and groups together."""
    (group_id,) = await make_groups(api, "g")
    await make_groups(api, "low", "lower", parent_group_id=group_id)
    for user_id in ("a", "b", "c"):
        await api.emulator.put_user(user_id)
        data = {"group_id": group_id, "member_id": user_id, "member_type": "user"}
        await api.post("/group/add_member", data)
    found, marker, pages = [], "", 0
    while marker or not pages:
        data = {"group_id": group_id, "limit": 2, "marker": marker}
        page = (await api.post("/group/list_member", data)).data
        assert len(page["group_items"]) + len(page["user_items"]) <= 2
        found += [one["group_name"] for one in page["group_items"]]
        found += [one["user_id"] for one in page["user_items"]]
        marker, pages = page["next_marker"], pages + 1
    assert (found, pages) == (["low", "lower", "a", "b", "c"], 3)


async def test_whoever_is_in_no_group(api):
    """``list_group_user`` without a group gives the groups and users at the top."""
    (group_id,) = await make_groups(api, "top")
    await make_groups(api, "low", parent_group_id=group_id)
    await api.emulator.put_user("in")
    await api.emulator.put_user("out")
    await api.post(
        "/group/add_member", {"group_id": group_id, "member_id": "in", "member_type": "user"}
    )
    found, marker, pages = [], "", 0
    while marker or not pages:
        page = (await api.post("/user/list_group_user", {"limit": 1, "marker": marker})).data
        found += [one["group_name"] for one in page["group_items"]]
        found += [one["user_id"] for one in page["user_items"]]
        marker, pages = page["next_marker"], pages + 1
    assert found == ["top", "superadmin", "out"]
    users = (await api.post("/user/list_group_user", {"member_type": "user"})).data
    assert ([one["user_id"] for one in users["user_items"]], users["group_items"]) == (
        ["superadmin", "out"],
        [],
    )
    asked = {"group_id": group_id, "extra_return_info": ["group"]}
    (inside,) = (await api.post("/user/list_group_user", asked)).data["user_items"]
    assert inside["user_id"] == "in"
    assert [one["group_name"] for one in inside["parent_group"]] == ["top"]
    own = api.emulator.issue_token(user_id="in").access_token
    assert (await api.post("/user/list_group_user", asked, token=own)).code == "Forbidden"
    del asked["extra_return_info"]
    assert (await api.post("/user/list_group_user", asked, token=own)).status == 200


async def test_memberships(api):
    """A membership is made, read, changed and ended; both sides list it."""
    (group_id,) = await make_groups(api, "g")
    base = {"group_id": group_id, "user_id": "superadmin", "member_type": "user"}
    made = await api.post("/membership/create", base | {"member_role": "member"})
    assert made.status == 201
    assert made.data["user_id"] == "superadmin"
    assert is_now_ms(made.data["created_at"])
    got = await api.post("/membership/get", base | {"member_role": "member"})
    assert got.data == made.data
    assert (await api.post("/membership/get", base | {"member_role": "admin"})).code == (
        "NotFound.Membership"
    )
    changed = await api.post(
        "/membership/update", base | {"member_role": "admin", "description": "d"}
    )
    assert (changed.data["member_role"], changed.data["description"]) == ("admin", "d")
    child = {"group_id": group_id, "member_type": "user"}
    children = await api.post("/membership/list_direct_child_memberships", child)
    assert children.data["items"] == [changed.data]
    parents = await api.post("/membership/list_direct_parent_memberships", {})
    assert parents.data["items"] == [changed.data]
    assert (await api.post("/membership/delete", base)).status == 204
    assert (await api.post("/membership/delete", base)).code == "NotFound.Membership"
    assert (await api.post("/membership/update", base)).code == "NotFound.Membership"


async def test_groups_in_groups(api):
    """A group has one parent, a root group none, and no group is below itself."""
    top, low, other = await make_groups(api, "top", "low", "other")
    (root,) = await make_groups(api, "root", is_root=True)

    async def join(group_id, sub_group_id):
        data = {"group_id": group_id, "sub_group_id": sub_group_id, "member_type": "group"}
        got = await api.post("/membership/create", data)
        return got.status if got.status == 201 else got.code

    assert await join(top, low) == 201
    assert await join(top, low) == "AlreadyExist.Membership"
    assert await join(other, low) == "StateConflict.Group"
    assert await join(low, top) == "StateConflict.Group"
    assert await join(low, low) == "StateConflict.Group"
    assert await join(top, root) == "StateConflict.Group"
    assert await join(top, "?") == "NotFound.Group"
    data = {"member_type": "group", "sub_group_id": low}
    parents = await api.post("/membership/list_direct_parent_memberships", data)
    assert [one["group_id"] for one in parents.data["items"]] == [top]


async def test_group_administrators(api):
    """Who administers a group may change its members and name; members may only look."""
    (group_id,) = await make_groups(api, "g")
    await api.emulator.put_user("new")
    tokens = {}
    for user_id in ("boss", "one", "none"):
        tokens[user_id] = api.emulator.issue_token(user_id=user_id).access_token
        if user_id != "none":
            role = "admin" if user_id == "boss" else "member"
            data = {"group_id": group_id, "user_id": user_id, "member_type": "user"}
            await api.post("/user/get", token=tokens[user_id])
            await api.post("/membership/create", data | {"member_role": role})
    new = {"group_id": group_id, "member_id": "new", "member_type": "user"}

    async def status(path, data, user_id):
        return (await api.post(path, data, token=tokens[user_id])).status

    assert await status("/group/add_member", new, "none") == 403
    assert await status("/group/add_member", new, "one") == 403
    assert await status("/group/add_member", new, "boss") == 204
    low = {"group_name": "low", "parent_group_id": group_id}
    assert await status("/group/create", low, "one") == 403
    assert await status("/group/create", low, "boss") == 201
    for path in ("/group/get", "/group/list_member"):
        assert await status(path, {"group_id": group_id}, "one") == 200
        assert await status(path, {"group_id": group_id}, "none") == 403


# ---- roles


async def test_roles_over_groups(api):
    """JS-FT 45: an assigned role is in the list; after it is cancelled the list is null."""
    (group_id,) = await make_groups(api, "g")
    bob = api.emulator.issue_token(user_id="bob").access_token
    identity = {"identity_type": "IT_User", "identity_id": "bob"}
    role = {
        "identity": identity,
        "role_id": "SystemGroupAdmin",
        "manage_resource_type": "RT_Group",
        "manage_resource_id": group_id,
    }
    resource = {
        "limit": 100,
        "manage_resource_type": "RT_Group",
        "manage_resource_id": group_id,
    }
    new = {"group_id": group_id, "member_id": "bob", "member_type": "user"}
    assert (await api.post("/group/add_member", new, token=bob)).status in (403, 404)
    given = await api.post("/role/assign", role)
    assert (given.status, given.body) == (204, b"")
    assert (await api.post("/role/assign", role)).status == 204
    (one,) = (await api.post("/role/list_assignment", resource)).data["assignment_list"]
    assert one.items() >= role.items()
    assert is_now_ms(one["created_at"])
    assert (await api.post("/group/add_member", new, token=bob)).status == 204
    own = (await api.post("/role/list_identity_role", {"identity": identity}, token=bob)).data
    assert [one["role_id"] for one in own["assignment_list"]] == ["SystemGroupAdmin"]
    assert (own["identity_name"], own["is_admin"]) == ("bob", False)
    assert (await api.post("/role/cancel_assign", role)).status == 204
    assert (await api.post("/role/cancel_assign", role)).status == 204
    assert (await api.post("/role/list_assignment", resource)).data["assignment_list"] is None
    assert (await api.post("/role/assign", role | {"role_id": "Boss"})).code == (
        "InvalidParameter.RoleId"
    )
    assert (await api.post("/role/assign", {"role_id": "SystemGroupAdmin"})).code == (
        "InvalidParameterMissing.Identity"
    )
    assert (await api.post("/role/assign", role | {"manage_resource_id": "?"})).code == (
        "NotFound.Group"
    )


async def test_what_goes_with_a_user(api):
    """With a user memberships, roles and accounts go; a new one of that id has none of them."""
    (group_id,) = await make_groups(api, "g")
    await api.emulator.put_user("bob")
    identity = {"identity_type": "IT_User", "identity_id": "bob"}
    await api.post("/role/assign", {**ADMIN_ONLY["/role/assign"], "manage_resource_id": group_id})
    await api.post(
        "/membership/create", {"group_id": group_id, "user_id": "bob", "member_type": "user"}
    )
    await api.post("/account/link", {"type": "email", "identity": "b@x", "user_id": "bob"})
    await api.post("/user/delete", {"user_id": "bob"})
    await api.emulator.put_user("bob")
    roles = await api.post("/role/list_identity_role", {"identity": identity})
    assert roles.data["assignment_list"] == []
    links = await api.post("/account/get_link_info_by_user_id", {"user_id": "bob"})
    assert links.data["items"] == []
    members = await api.post("/group/list_member", {"group_id": group_id})
    assert members.data["user_items"] == []
