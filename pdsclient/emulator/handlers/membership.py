"""Memberships one by one: who is in a group, as what, and in which groups somebody is."""

from __future__ import annotations

from typing import Any, Final

from pdsclient.emulator.handlers.access import caller, check_admin
from pdsclient.emulator.handlers.group import (
    MEMBER_TYPES,
    add,
    check_group_admin,
    check_group_member,
    remove,
    unknown_membership,
)
from pdsclient.emulator.handlers.operation import Operation
from pdsclient.emulator.handlers.pages import Paging, list_records
from pdsclient.emulator.handlers.user import existing_group
from pdsclient.emulator.params import Params
from pdsclient.emulator.replies import Reply, json_reply, missing
from pdsclient.emulator.service import Call
from pdsclient.emulator.store import Member

_ROLES: Final = ("member", "admin")
_LONGEST_DESCRIPTION: Final = 1024


async def create(call: Call) -> Reply:
    """``/membership/create``: a user or a group joins a group."""
    group_id, member = _named(call.params)
    more = _changes(call.params) | {"creator": caller(call).user_id}
    return json_reply(await call.service.write(add, call, group_id, member, more), 201)


async def delete(call: Call) -> Reply:
    """``/membership/delete``."""
    group_id, member = _named(call.params)
    return await call.service.write(remove, call, group_id, member)


async def get(call: Call) -> Reply:
    """``/membership/get``; of another ``member_role`` it is not found."""
    group_id, member = _named(call.params)
    role = call.params.choice("member_role", _ROLES)
    return await call.service.read(_get, call, group_id, member, role)


def _get(call: Call, group_id: str, member: Member, role: str | None) -> Reply:
    existing_group(call, group_id)
    check_group_member(call, group_id)
    found = call.store.membership(group_id, member)
    if found is None or role not in (None, found["member_role"]):
        raise unknown_membership(member)
    return json_reply(found)


async def update(call: Call) -> Reply:
    """``/membership/update``: role and description."""
    group_id, member = _named(call.params)
    changes = _changes(call.params)
    return await call.service.write(_update, call, group_id, member, changes)


def _update(call: Call, group_id: str, member: Member, changes: dict[str, Any]) -> Reply:
    with call.store.atomic():
        existing_group(call, group_id)
        check_group_admin(call, group_id)
        if call.store.membership(group_id, member) is None:
            raise unknown_membership(member)
        return json_reply(call.store.join(group_id, member, changes))


async def has_member(call: Call) -> Reply:
    """``/membership/has_member``: directly; members of sub-groups are not counted."""
    group_id, member = _named(call.params)
    role = call.params.choice("member_role", _ROLES)
    return await call.service.read(_has_member, call, group_id, member, role)


def _has_member(call: Call, group_id: str, member: Member, role: str | None) -> Reply:
    existing_group(call, group_id)
    if member != Member("user", caller(call).user_id):
        check_group_member(call, group_id)
    found = call.store.membership(group_id, member)
    return json_reply({"result": found is not None and role in (None, found["member_role"])})


async def list_direct_child_memberships(call: Call) -> Reply:
    """``/membership/list_direct_child_memberships``: who is in a group."""
    paging = Paging.read(call, "memberships", low=0, default=100)
    group_id = call.params.required("group_id")
    # The vendor's tests leave it out, though the catalogue says that it is needed.
    kind = call.params.choice("member_type", MEMBER_TYPES)
    return await call.service.read(_children, call, paging, group_id, kind)


def _children(call: Call, paging: Paging, group_id: str, kind: str | None) -> Reply:
    existing_group(call, group_id)
    check_group_member(call, group_id)

    def select(**place: Any) -> Any:
        return call.store.members(group_id, kind, **place)

    return list_records(paging, [group_id, kind], select)


async def list_direct_parent_memberships(call: Call) -> Reply:
    """``/membership/list_direct_parent_memberships``: in which groups somebody is, the caller
    where nobody is named. A group may be named as ``group_id`` or ``sub_group_id``."""
    params = call.params
    paging = Paging.read(call, "parent_memberships", low=0, default=100)
    kind = params.choice("member_type", MEMBER_TYPES)
    group_id = params.text("sub_group_id") or params.text("group_id")
    own = Member("user", caller(call).user_id)
    if kind == "group" or (kind is None and group_id is not None):
        if group_id is None:
            raise missing("sub_group_id")
        member = Member("group", group_id)
    else:
        member = Member("user", params.text("user_id") or own.id)
    return await call.service.read(_parents, call, paging, member, member == own)


def _parents(call: Call, paging: Paging, member: Member, is_own: bool) -> Reply:
    if member.type == "group":
        existing_group(call, member.id)
        check_group_member(call, member.id)
    else:
        check_admin(call, unless=is_own)

    def select(**place: Any) -> Any:
        return call.store.parents(member, **place)

    return list_records(paging, [member.key], select)


def _named(params: Params) -> tuple[str, Member]:
    """The group and the member of a request."""
    group_id = params.required("group_id")
    kind = params.choice("member_type", MEMBER_TYPES)
    if kind is None:
        raise missing("member_type")
    if kind == "user":
        return group_id, Member("user", params.required("user_id"))
    return group_id, Member("group", params.required("sub_group_id"))


def _changes(params: Params) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    role = params.choice("member_role", _ROLES)
    if role is not None:
        changes["member_role"] = role
    if params.gives("description"):
        changes["description"] = params.text("description", _LONGEST_DESCRIPTION) or ""
    return changes


OPERATIONS = {
    "/membership/create": Operation(create),
    "/membership/delete": Operation(delete),
    "/membership/get": Operation(get),
    "/membership/has_member": Operation(has_member),
    "/membership/list_direct_child_memberships": Operation(list_direct_child_memberships),
    "/membership/list_direct_parent_memberships": Operation(list_direct_parent_memberships),
    "/membership/update": Operation(update),
}
