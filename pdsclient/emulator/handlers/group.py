"""The operations on groups, and who is in them.

A group may be read by its members, and its members and sub-groups be changed by those who
administer it, by a role or as such a member; the rest is for administrators of the domain.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from attrs import frozen

from pdsclient.emulator.handlers.access import caller, check_admin
from pdsclient.emulator.handlers.operation import Operation
from pdsclient.emulator.handlers.pages import Paging, list_records
from pdsclient.emulator.handlers.user import (
    existing_group,
    existing_user,
    plain,
    plain_group,
    read_extras,
    with_extras,
)
from pdsclient.emulator.params import Params
from pdsclient.emulator.replies import (
    Reply,
    already_exists,
    conflict,
    empty_reply,
    invalid,
    json_reply,
    missing,
    not_found,
)
from pdsclient.emulator.service import Call
from pdsclient.emulator.store import Member, member_of

MEMBER_TYPES: Final = ("user", "group")
_LONGEST_NAME: Final = 128
_LONGEST_DESCRIPTION: Final = 1024
_encode = msgspec.json.encode

Wire = dict[str, Any]


# ---- one group


async def create(call: Call) -> Reply:
    """``/group/create``: at the top, or below another one."""
    given = {
        "group_name": call.params.required("group_name", _LONGEST_NAME),
        "description": call.params.text("description", _LONGEST_DESCRIPTION) or "",
        "creator": caller(call).user_id,
    }
    is_root = call.params.flag("is_root") or False
    parent = call.params.text("parent_group_id")
    if is_root and parent is not None:
        raise invalid("parent_group_id", "a root group has no parent")
    return await call.service.write(_create, call, given | {"is_root": is_root}, parent)


def _create(call: Call, given: Wire, parent: str | None) -> Reply:
    with call.store.atomic():
        if parent is None:
            check_admin(call)
        else:
            existing_group(call, parent)
            check_group_admin(call, parent)
        wire = call.store.put_group(given)
        if parent is not None:
            member = Member("group", wire["group_id"])
            call.store.join(parent, member, {"creator": given["creator"]})
        return json_reply(plain_group(wire), 201)


async def get(call: Call) -> Reply:
    """``/group/get``."""
    group_id = call.params.required("group_id")
    return await call.service.read(_get, call, group_id)


def _get(call: Call, group_id: str) -> Reply:
    wire = existing_group(call, group_id)
    check_group_member(call, group_id)
    return json_reply(plain_group(wire))


async def update(call: Call) -> Reply:
    """``/group/update``."""
    group_id = call.params.required("group_id")
    changes: Wire = {}
    name = call.params.text("group_name", _LONGEST_NAME)
    if name is not None:
        changes["group_name"] = name
    if call.params.gives("description"):
        changes["description"] = call.params.text("description", _LONGEST_DESCRIPTION) or ""
    return json_reply(await call.service.write(_update, call, group_id, changes))


async def update_name(call: Call) -> Reply:
    """``/group/update_name``: the group, or nothing, by a switch."""
    group_id = call.params.required("group_id")
    changes = {"group_name": call.params.required("name", _LONGEST_NAME)}
    wire = await call.service.write(_update, call, group_id, changes)
    return json_reply(wire) if call.settings.group_renamed == "group" else empty_reply()


def _update(call: Call, group_id: str, changes: Wire) -> Wire:
    with call.store.atomic():
        existing_group(call, group_id)
        check_group_admin(call, group_id)
        return plain_group(call.store.put_group(changes, group_id))


async def delete(call: Call) -> Reply:
    """``/group/delete``: sub-groups and drives have to be deleted first."""
    group_id = call.params.required("group_id")
    check_admin(call)
    return await call.service.write(_delete, call, group_id)


def _delete(call: Call, group_id: str) -> Reply:
    with call.store.atomic():
        existing_group(call, group_id)
        if call.store.members(group_id, "group", after=None, limit=1)[0]:
            raise conflict("group", "The group has a sub-group.")
        if call.store.drives_of(group_id, limit=1)[0]:
            raise conflict("group", "The group owns a drive.")
        call.store.delete_group(group_id)
    return empty_reply()


def check_group_admin(call: Call, group_id: str) -> None:
    """ServiceError 403 for callers who administer neither the domain nor the group."""
    user = caller(call)
    check_admin(call, unless=call.store.administers(user.user_id, group_id))


def check_group_member(call: Call, group_id: str) -> None:
    """ServiceError 403 for callers who are not in the group, nor administer it or the domain."""
    user = caller(call)
    is_in = group_id in call.store.groups_of(user.user_id)
    check_admin(call, unless=is_in or call.store.administers(user.user_id, group_id))


# ---- members


async def add_member(call: Call) -> Reply:
    """``/group/add_member``."""
    group_id, member = _named_member(call.params)
    more = {"creator": caller(call).user_id}
    await call.service.write(add, call, group_id, member, more)
    return empty_reply()


def add(call: Call, group_id: str, member: Member, more: Wire) -> Wire:
    """The new membership; ServiceError for one that cannot be."""
    with call.store.atomic():
        group = existing_group(call, group_id)
        check_group_admin(call, group_id)
        if member.type == "user":
            existing_user(call, member.id)
        if call.store.membership(group_id, member) is not None:
            raise already_exists("membership", f"{member.type}_id:{member.id}")
        if member.type == "group":
            _check_parent(call, group, existing_group(call, member.id))
        return call.store.join(group_id, member, more)


def _check_parent(call: Call, parent: Wire, group: Wire) -> None:
    """A group has at most one parent, a root group has none, and nobody is below themselves."""
    member = Member("group", group["group_id"])
    if group.get("is_root"):
        raise conflict("group", "A root group cannot be in another one.")
    if call.store.parents(member, limit=1)[0]:
        raise conflict("group", "The group is in another one.")
    above: Wire | None = parent
    while above is not None:
        if above["group_id"] == member.id:
            raise conflict("group", "The group is above the other one.")
        parents, _ = call.store.parents(Member("group", above["group_id"]), limit=1)
        above = call.store.group(parents[0].data["group_id"]) if parents else None


async def remove_member(call: Call) -> Reply:
    """``/group/remove_member``."""
    group_id, member = _named_member(call.params)
    return await call.service.write(remove, call, group_id, member)


def remove(call: Call, group_id: str, member: Member) -> Reply:
    """204; ServiceError when there is no such membership."""
    with call.store.atomic():
        existing_group(call, group_id)
        check_group_admin(call, group_id)
        if not call.store.leave(group_id, member):
            raise unknown_membership(member)
    return empty_reply()


def unknown_membership(member: Member) -> Exception:
    """404: not a member."""
    return not_found("membership", f"{member.type}_id:{member.id}")


def _named_member(params: Params) -> tuple[str, Member]:
    group_id = params.required("group_id")
    if params.choice("member_type", MEMBER_TYPES) is None:
        raise missing("member_type")
    if params.text("member_type") == "group":
        raise invalid("member_type", "groups join by membership/create")
    return group_id, Member("user", params.required("member_id"))


async def list_member(call: Call) -> Reply:
    """``/group/list_member``: users and sub-groups, in two arrays of one page."""
    listing = _Listing.read(call)
    group_id = call.params.required("group_id")
    return await call.service.read(_list_member, listing, group_id)


async def list_group_user(call: Call) -> Reply:
    """``/user/list_group_user``: as list_member, also with more about the users; without a group,
    whoever is in none. Both are for administrators."""
    listing = _Listing.read(call, read_extras(call.params))
    group_id = call.params.text("group_id")
    check_admin(call, unless=group_id is not None and not listing.extras)
    if group_id is None:
        return await call.service.read(_list_top, listing)
    return await call.service.read(_list_member, listing, group_id)


@frozen
class _Listing:
    """A listing of users and groups; a page counts both together."""

    call: Call
    paging: Paging
    kind: str | None
    extras: frozenset[str]

    @classmethod
    def read(cls, call: Call, extras: frozenset[str] = frozenset()) -> _Listing:
        paging = Paging.read(call, "group_members", low=0, default=100)
        return cls(call, paging, call.params.choice("member_type", MEMBER_TYPES), extras)

    def page(self, members: list[Member], following: Any) -> Reply:
        """The page with these members, and the position where the next begins."""
        call = self.call
        users = [
            plain(with_extras(call, existing_user(call, one.id), self.extras))
            for one in members
            if one.type == "user"
        ]
        groups = [
            plain_group(existing_group(call, one.id)) for one in members if one.type == "group"
        ]
        shown = b'"group_items":%b,"user_items":%b' % (_encode(groups), _encode(users))
        return self.paging.page([b""] * len(members), following, shown=shown)


def _list_member(listing: _Listing, group_id: str) -> Reply:
    call, paging = listing.call, listing.paging
    existing_group(call, group_id)
    check_group_member(call, group_id)
    paging.bind([group_id, listing.kind])
    if paging.is_pause:
        return listing.page([], paging.after)
    records, following = call.store.members(
        group_id, listing.kind, after=paging.after, limit=paging.take
    )
    return listing.page([member_of(one.data) for one in records], following)


def _list_top(listing: _Listing) -> Reply:
    """Groups come first; the position says in which of the two lists, and where there."""
    store, paging = listing.call.store, listing.paging
    paging.bind([None, listing.kind])
    if paging.is_pause:
        return listing.page([], paging.after)
    kinds = [listing.kind] if listing.kind else list(reversed(MEMBER_TYPES))
    at, after = paging.after or (kinds[0], None)
    find = store.groups if at == "group" else store.users
    records, rest = find(
        lambda one: not store.parents(_as_member(one), limit=1)[0],
        after=after,
        limit=paging.take,
    )
    following: Any = None if at == kinds[-1] else (kinds[-1], None)
    if rest is not None:
        following = (at, rest)
    return listing.page([_as_member(one.data) for one in records], following)


def _as_member(wire: Wire) -> Member:
    return (
        Member("user", wire["user_id"]) if "user_id" in wire else Member("group", wire["group_id"])
    )


# ---- lists


async def list_(call: Call) -> Reply:
    """``/group/list``: for administrators."""
    paging = Paging.read(call, "groups", low=0, default=100)
    check_admin(call)
    return await call.service.read(_listed, call, paging, "")


async def search(call: Call) -> Reply:
    """``/group/search``: by a part of the name, in any case, under either of its two names."""
    paging = Paging.read(call, "group_search", low=0, default=100)
    part = call.params.text("group_name_for_fuzzy", _LONGEST_NAME)
    if part is None:
        part = call.params.required("group_name", _LONGEST_NAME)
    check_admin(call)
    return await call.service.read(_listed, call, paging, part.lower())


def _listed(call: Call, paging: Paging, part: str) -> Reply:
    def select(**place: Any) -> Any:
        return call.store.groups(lambda group: part in group["group_name"].lower(), **place)

    return list_records(paging, [part], select, plain_group)


OPERATIONS = {
    "/group/add_member": Operation(add_member),
    "/group/create": Operation(create),
    "/group/delete": Operation(delete),
    "/group/get": Operation(get),
    "/group/list": Operation(list_),
    "/group/list_member": Operation(list_member),
    "/group/remove_member": Operation(remove_member),
    "/group/search": Operation(search),
    "/group/update": Operation(update),
    "/group/update_name": Operation(update_name),
    "/user/list_group_user": Operation(list_group_user),
}
