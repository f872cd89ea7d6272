"""The operations on users.

Administrators may do everything; others may read themselves and change what they are called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from pdsclient.emulator.handlers.access import caller, check_admin
from pdsclient.emulator.handlers.domain import domain
from pdsclient.emulator.handlers.operation import Operation
from pdsclient.emulator.handlers.pages import Paging, list_records
from pdsclient.emulator.params import Params
from pdsclient.emulator.replies import (
    Reply,
    ServiceError,
    already_exists,
    conflict,
    empty_reply,
    invalid,
    json_reply,
    not_found,
    out_of_range,
)
from pdsclient.emulator.service import Call
from pdsclient.emulator.store import Member
from pdsclient.query.values import LONG_MAX

ROLES: Final = ("superadmin", "admin", "user", "subdomain_super_admin", "subdomain_admin")
STATUSES: Final = ("enabled", "disabled")
LONGEST_ID: Final = 64
_TEXTS: Final = {
    "user_name": 128,
    "nick_name": 128,
    "description": 1024,
    "email": 1024,
    "phone": 1024,
    "avatar": 300 * 1024,
}
_LONGEST_DATA: Final = 1024
_LONGEST_URL: Final = 4096
_FOR_ADMINS: Final = ("role", "status", "expired_at")
# What only general_get and general_search tell.
_GENERAL: Final = ("phone_region",)
_ORDERS: Final = ("created_at", "updated_at", "user_id", "user_name", "nick_name")
_EXTRAS: Final = ("group", "drive", "account")

Wire = dict[str, Any]


# ---- one user


async def create(call: Call) -> Reply:
    """``/user/create``: with a default drive, unless the domain is changed not to."""
    user_id = read_user_id(call.params)
    changes = read_changes(call.params) | {"creator": caller(call).user_id}
    groups = _group_ids(call.params)
    check_admin(call)
    _check_role(call, changes)
    return await call.service.write(_create, call, user_id, changes, groups)


def _create(call: Call, user_id: str, changes: Wire, groups: list[str] | None) -> Reply:
    with call.store.atomic():
        if call.store.user(user_id) is not None:
            raise already_exists("user", f"user_id:{user_id}")
        make_user(call, user_id, changes)
        set_groups(call, user_id, groups)
        return told(call, user_id, 201)


def make_user(call: Call, user_id: str, changes: Wire) -> None:
    """A new user, with a default drive if the domain gives one."""
    call.store.put_user(user_id, changes)
    settings = domain(call)
    if settings["init_drive_enable"]:
        give_drive(call, user_id, settings["init_drive_size"])


def give_drive(call: Call, user_id: str, total_size: int) -> None:
    """A default drive for a user."""
    call.store.new_drive(
        owner=user_id,
        drive_name="Default",
        default=True,
        total_size=total_size,
        creator="system",
    )


async def get(call: Call) -> Reply:
    """``/user/get``: oneself, or, for administrators, anybody."""
    return await call.service.read(_get, call, _whom(call))


async def general_get(call: Call) -> Reply:
    """``/user/general_get``: with groups, default drive and accounts if they are asked for."""
    extras = read_extras(call.params)
    return await call.service.read(_general_get, call, _whom(call), extras)


def _whom(call: Call) -> str:
    own = caller(call).user_id
    wanted = call.params.text("user_id") or own
    check_admin(call, unless=wanted == own)
    return wanted


def _get(call: Call, user_id: str) -> Reply:
    return json_reply(plain(existing_user(call, user_id)))


def _general_get(call: Call, user_id: str, extras: frozenset[str]) -> Reply:
    return json_reply(with_extras(call, existing_user(call, user_id), extras))


def plain(wire: Wire) -> Wire:
    """The user as most operations show them."""
    return {name: value for name, value in wire.items() if name not in _GENERAL}


def existing_user(call: Call, user_id: str) -> Wire:
    """The user; ServiceError 404 if there is none."""
    wire = call.store.user(user_id)
    if wire is None:
        raise not_found("user", f"user_id:{user_id}")
    return wire


def changeable_user(call: Call, user_id: str) -> None:
    """ServiceError when there is no such user, or one whom the caller is not above."""
    _check_role(call, existing_user(call, user_id))


def told(call: Call, user_id: str, status: int = 200) -> Reply:
    """The user as they are now, which the identity is told as well."""
    wire = existing_user(call, user_id)
    call.service.identity.note(wire)
    return json_reply(plain(wire), status)


async def update(call: Call) -> Reply:
    """``/user/update``."""
    user_id = read_user_id(call.params)
    changes = read_changes(call.params)
    groups = _group_ids(call.params)
    is_own = user_id == caller(call).user_id
    check_admin(call, unless=is_own and groups is None and not changes.keys() & {*_FOR_ADMINS})
    _check_role(call, changes)
    return await call.service.write(_update, call, user_id, changes, groups)


def _update(call: Call, user_id: str, changes: Wire, groups: list[str] | None) -> Reply:
    with call.store.atomic():
        changeable_user(call, user_id)
        set_groups(call, user_id, groups)
        call.store.put_user(user_id, changes)
        return told(call, user_id)


async def delete(call: Call) -> Reply:
    """``/user/delete``: the drives of the user have to be deleted first."""
    user_id = read_user_id(call.params)
    check_admin(call)
    return await call.service.write(_delete, call, user_id)


def _delete(call: Call, user_id: str) -> Reply:
    with call.store.atomic():
        changeable_user(call, user_id)
        if call.store.drives_of(user_id, limit=1)[0]:
            raise conflict("user", "The user owns a drive.")
        call.store.delete_user(user_id)
    return empty_reply()


def read_user_id(params: Params) -> str:
    """The parameter ``user_id``."""
    user_id = params.required("user_id", LONGEST_ID)
    if "#" in user_id:
        raise invalid("user_id", "it must not have a #")
    return user_id


def read_changes(params: Params) -> Wire:
    """What create, update and import say of a user."""
    changes: Wire = {
        name: params.text(name, longest) or ""
        for name, longest in _TEXTS.items()
        if params.gives(name)
    }
    avatar = changes.get("avatar", "")
    if len(avatar) > _LONGEST_URL and not avatar.startswith("data:"):
        raise out_of_range("avatar")
    for name, allowed in (("role", ROLES), ("status", STATUSES)):
        value = params.choice(name, allowed)
        changes |= {name: value} if value else {}
    if params.gives("user_data"):
        changes["user_data"] = _user_data(params)
    if params.gives("expired_at"):
        changes["expired_at"] = params.integer("expired_at", 0, LONG_MAX, 0)
    if params.gives("msg_setting"):
        changes["msg_setting"] = _msg_setting(params.part("msg_setting"))
    return changes


def _user_data(params: Params) -> Wire:
    data = params.mapping("user_data")
    if len(msgspec.json.encode(data)) > _LONGEST_DATA:
        raise out_of_range("user_data")
    return data


def _msg_setting(params: Params) -> Wire:
    """Which messages the user gets."""
    sent = [
        {
            "category": one.text("category") or "",
            "sub_category": one.text("sub_category") or "",
            "enable": one.flag("enable") or False,
        }
        for one in params.objects("send_settings")
    ]
    return {"send_settings": sent}


def _check_role(call: Call, user: Wire) -> None:
    """Nobody gives more than they have, or takes it from somebody who has more."""
    if user.get("role") == "superadmin" and caller(call).role != "superadmin":
        raise ServiceError(403, "Forbidden", "Only a superadmin makes and changes superadmins.")


def _group_ids(params: Params) -> list[str] | None:
    """The groups of ``group_info_list``, None if it is absent."""
    if not params.gives("group_info_list"):
        return None
    return [one.required("group_id") for one in params.objects("group_info_list")]


def set_groups(call: Call, user_id: str, groups: list[str] | None) -> None:
    """Let the user be in these groups and no other; None changes nothing."""
    if groups is None:
        return
    member = Member("user", user_id)
    for record in call.store.parents(member)[0]:
        if record.data["group_id"] not in groups:
            call.store.leave(record.data["group_id"], member)
    for group_id in groups:
        existing_group(call, group_id)
        if call.store.membership(group_id, member) is None:
            call.store.join(group_id, member, {"creator": caller(call).user_id})


def existing_group(call: Call, group_id: str) -> Wire:
    """The group; ServiceError 404 if there is none."""
    wire = call.store.group(group_id)
    if wire is None:
        raise not_found("group", f"group_id:{group_id}")
    return wire


def plain_group(wire: Wire) -> Wire:
    """The group as it is sent."""
    return {name: value for name, value in wire.items() if name != "is_root"}


def read_extras(params: Params) -> frozenset[str]:
    """What more of a user is asked for."""
    names = frozenset(params.texts("extra_return_info"))
    if not names <= {*_EXTRAS}:
        raise invalid("extra_return_info")
    return names


def with_extras(call: Call, wire: Wire, extras: frozenset[str]) -> Wire:
    """A user with their default drive, groups and accounts, as far as they are asked for."""
    user_id = wire["user_id"]
    more: Wire = {}
    if "drive" in extras:
        drive = call.store.default_drive(user_id)
        more["default_drive"] = drive and drive.wire
    if "group" in extras:
        parents, _ = call.store.parents(Member("user", user_id))
        groups = (existing_group(call, one.data["group_id"]) for one in parents)
        more["parent_group"] = [plain_group(group) for group in groups]
    if "account" in extras:
        more["account"] = call.store.links_of(user_id)
    return wire | more


# ---- lists


async def list_(call: Call) -> Reply:
    """``/user/list``: for administrators."""
    paging = Paging.read(call, "users", low=0, default=100)
    check_admin(call)
    return await call.service.read(_listed, call, paging, {}, "")


async def search(call: Call) -> Reply:
    """``/user/search``: whoever agrees in all that is given; for administrators."""
    paging = Paging.read(call, "user_search", low=0, default=100)
    exact, part = _wanted(call.params, ("email", "nick_name", "phone", "user_name"))
    check_admin(call)
    return await call.service.read(_listed, call, paging, exact, part)


def _wanted(params: Params, names: tuple[str, ...]) -> tuple[Wire, str]:
    """What has to be equal, and the part of the nick name."""
    exact = {name: params.text(name, _TEXTS[name]) for name in names}
    exact |= {"role": params.choice("role", ROLES), "status": params.choice("status", STATUSES)}
    part = params.text("nick_name_for_fuzzy", _TEXTS["nick_name"]) or ""
    return {name: value for name, value in exact.items() if value}, part.lower()


def _accepting(exact: Wire, part: str) -> Callable[[Wire], bool]:
    return lambda user: exact.items() <= user.items() and part in user["nick_name"].lower()


def _listed(call: Call, paging: Paging, exact: Wire, part: str) -> Reply:
    def select(**place: Any) -> Any:
        return call.store.users(_accepting(exact, part), **place)

    return list_records(
        paging, [exact, part], select, lambda data: plain(call.store.whole_user(data))
    )


async def general_search(call: Call) -> Reply:
    """``/user/general_search``: as search, also by groups, with extras and in an order."""
    params = call.params
    paging = Paging.read(call, "user_general_search", low=0, default=100)
    exact, part = _wanted(params, ("email", "nick_name", "phone"))
    groups = params.texts("parent_group_id_list")
    direct = params.text("direct_parent_group_id")
    order = params.choice("order_by", _ORDERS) or "created_at"
    is_down = (params.choice("order_direction", ("ASC", "DESC", "asc", "desc")) or "").lower()
    extras = read_extras(params)
    check_admin(call)
    spec = [exact, part, groups, direct, order, is_down == "desc", sorted(extras)]
    return await call.service.read(_general_search, call, paging, spec)


def _general_search(call: Call, paging: Paging, spec: list[Any]) -> Reply:
    """The page after the position, which is a number: between two pages everything may move."""
    exact, part, groups, direct, order, is_down, extras = spec
    paging.bind(spec)
    if paging.is_pause:
        return paging.pause()
    found, _ = call.store.users(_accepting(exact, part), after=None, limit=-1)
    users = [one.data for one in found if _is_below(call, one.key, groups, direct)]
    users.sort(key=lambda user: user[order], reverse=is_down)
    start, end = paging.after or 0, (paging.after or 0) + paging.take
    whole = map(call.store.whole_user, users[start:end])
    shown = [with_extras(call, user, frozenset(extras)) for user in whole]
    following = end if end < len(users) else None
    return paging.page([msgspec.json.encode(user) for user in shown], following)


def _is_below(call: Call, user_id: str, groups: list[str], direct: str | None) -> bool:
    if not groups and direct is None:
        return True
    above = call.store.groups_of(user_id)
    return (not groups or not above.keys().isdisjoint(groups)) and (
        direct is None or above.get(direct, False)
    )


OPERATIONS = {
    "/user/create": Operation(create),
    "/user/delete": Operation(delete),
    "/user/general_get": Operation(general_get),
    "/user/general_search": Operation(general_search),
    "/user/get": Operation(get),
    "/user/list": Operation(list_),
    "/user/search": Operation(search),
    "/user/update": Operation(update),
}
