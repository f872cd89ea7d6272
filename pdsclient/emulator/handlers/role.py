"""Who administers which group: assign, cancel_assign, and the two lists."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from pdsclient.emulator.handlers.access import caller, check_admin
from pdsclient.emulator.handlers.operation import Operation
from pdsclient.emulator.handlers.pages import Paging
from pdsclient.emulator.handlers.user import existing_group, existing_user
from pdsclient.emulator.params import Params
from pdsclient.emulator.replies import Reply, empty_reply, json_reply, missing
from pdsclient.emulator.service import Call

_IDENTITIES: Final = ("IT_User", "IT_Group")
_RESOURCES: Final = ("RT_Group",)
_ROLES: Final = ("SystemGroupAdmin",)

Wire = dict[str, Any]


async def assign(call: Call) -> Reply:
    """``/role/assign``: again it changes nothing."""
    given = _assignment(call.params) | {"creator": caller(call).user_id}
    check_admin(call)
    return await call.service.write(_assign, call, given)


def _assign(call: Call, given: Wire) -> Reply:
    with call.store.atomic():
        existing_user(call, given["identity"]["identity_id"])
        existing_group(call, given["manage_resource_id"])
        call.store.assign(given)
    return empty_reply()


async def cancel_assign(call: Call) -> Reply:
    """``/role/cancel_assign``: also of a role that was not given."""
    given = _assignment(call.params)
    check_admin(call)
    return await call.service.write(_cancel, call, given)


def _cancel(call: Call, given: Wire) -> Reply:
    call.store.cancel_assignment(given)
    return empty_reply()


def _assignment(params: Params) -> Wire:
    given: Wire = {"identity": _identity(params, _IDENTITIES[:1])}
    for name, allowed in (("manage_resource_type", _RESOURCES), ("role_id", _ROLES)):
        given[name] = params.choice(name, allowed)
        if given[name] is None:
            raise missing(name)
    return given | {"manage_resource_id": params.required("manage_resource_id")}


def _identity(params: Params, allowed: tuple[str, ...]) -> Wire:
    identity = params.part("identity")
    kind = identity.choice("identity_type", allowed)
    if kind is None:
        raise missing("identity_type" if params.gives("identity") else "identity")
    return {"identity_type": kind, "identity_id": identity.required("identity_id")}


async def list_assignment(call: Call) -> Reply:
    """``/role/list_assignment``: ``assignment_list`` is null where there is nothing."""
    paging = Paging.read(call, "assignments", default=100)
    kind = call.params.choice("manage_resource_type", _RESOURCES)
    resource = call.params.text("manage_resource_id")
    check_admin(call)
    return await call.service.read(_list_assignment, call, paging, kind, resource)


def _list_assignment(call: Call, paging: Paging, kind: str | None, resource: str | None) -> Reply:
    def accept(one: Wire) -> bool:
        return kind in (None, one["manage_resource_type"]) and resource in (
            None,
            one["manage_resource_id"],
        )

    paging.bind([kind, resource])
    found, following = (
        ([], paging.after)
        if paging.is_pause
        else call.store.assignments(accept, after=paging.after, limit=paging.take)
    )
    items = [msgspec.json.encode(one.data) for one in found]
    shown = b"[" + b",".join(items) + b"]" if items else b"null"
    return paging.page(items, following, shown=b'"assignment_list":' + shown)


async def list_identity_role(call: Call) -> Reply:
    """``/role/list_identity_role``: the roles of a user or a group."""
    identity = _identity(call.params, _IDENTITIES)
    check_admin(call, unless=identity["identity_id"] == caller(call).user_id)
    return await call.service.read(_list_identity_role, call, identity)


def _list_identity_role(call: Call, identity: Wire) -> Reply:
    is_user = identity["identity_type"] == "IT_User"
    find = existing_user if is_user else existing_group
    found = find(call, identity["identity_id"])
    assignments, _ = call.store.assignments(
        lambda one: one["identity"] == identity, after=None, limit=-1
    )
    return json_reply(
        {
            "domain_id": call.service.domain_id,
            "identity": identity,
            "identity_name": found["user_name" if is_user else "group_name"],
            "is_admin": found.get("role") in ("superadmin", "admin"),
            "assignment_list": [one.data for one in assignments],
            "creator": found["creator"],
            "created_at": str(found["created_at"]),
        }
    )


OPERATIONS = {
    "/role/assign": Operation(assign),
    "/role/cancel_assign": Operation(cancel_assign),
    "/role/list_assignment": Operation(list_assignment),
    "/role/list_identity_role": Operation(list_identity_role),
}
