"""The operations on the domain: get, list, search, update, get_quota.

Creating and deleting domains belongs to another service and is not emulated.
"""

from __future__ import annotations

from typing import Any, Final

from pdsclient.emulator.handlers.access import check_admin
from pdsclient.emulator.handlers.operation import Operation
from pdsclient.emulator.handlers.pages import Paging
from pdsclient.emulator.params import Params
from pdsclient.emulator.replies import Reply, json_reply, not_found
from pdsclient.emulator.service import Call
from pdsclient.query.values import LONG_MAX

_SIZES: Final = ("init_drive_size", "size_quota", "user_count_quota")


def domain(call: Call) -> dict[str, Any]:
    """The domain as on the wire. New users get a drive without limit."""
    return {
        "domain_id": call.service.domain_id,
        "domain_name": call.service.domain_id,
        "description": "",
        "status": 1,
        "data_hash_name": call.settings.data_hash_name,
        "store_redundancy_type": "LRS",
        "parent_domain_id": "",
        "sharable": True,
        "init_drive_enable": True,
        "init_drive_size": -1,
        "size_quota": 0,
        "user_count_quota": 0,
        "used_size": call.store.total_used_size(),
        **call.store.domain(),
    }


async def get(call: Call) -> Reply:
    """``/domain/get``: the caller's where none is named, as the vendor's tests ask for it."""
    wanted = call.params.text("domain_id") or call.service.domain_id
    check_admin(call)
    return await call.service.read(_get, call, wanted, call.params.flag("get_quota_used"))


def _get(call: Call, wanted: str, with_quota: bool | None) -> Reply:
    _check(call, wanted)
    found = domain(call)
    return json_reply(found | ({"size_quota_used": found["used_size"]} if with_quota else {}))


def _check(call: Call, wanted: str) -> None:
    if wanted != call.service.domain_id:
        raise not_found("domain", f"domain_id:{wanted}")


async def list_(call: Call) -> Reply:
    """``/domain/list``: this one, unless those below another one are asked for."""
    paging = Paging.read(call, "domains", low=0, default=100)
    parent = call.params.text("parent_domain_id")
    check_admin(call)
    return await call.service.read(_list, call, paging, parent is None)


async def search(call: Call) -> Reply:
    """``/domain/search``: this one, if its name has the words."""
    paging = Paging.read(call, "domains", low=0, default=100)
    name = call.params.text("name") or ""
    call.params.choice("order_by", ("created_at",))
    check_admin(call)
    return await call.service.read(_search, call, paging, name)


def _search(call: Call, paging: Paging, name: str) -> Reply:
    return _list(call, paging, name.lower() in domain(call)["domain_name"].lower())


def _list(call: Call, paging: Paging, is_found: bool) -> Reply:
    paging.bind([])
    return paging.page([json_reply(domain(call)).body] if is_found else [], None)


async def update(call: Call) -> Reply:
    """``/domain/update``."""
    wanted = call.params.required("domain_id")
    changes = _changes(call.params)
    check_admin(call)
    return await call.service.write(_update, call, wanted, changes)


def _changes(params: Params) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for name in ("description", "domain_name"):
        if params.gives(name):
            changes[name] = params.text(name) or ""
    if params.gives("init_drive_enable"):
        changes["init_drive_enable"] = params.flag("init_drive_enable")
    for name in _SIZES:
        if params.gives(name):
            changes[name] = params.integer(name, -1, LONG_MAX, 0)
    if params.gives("published_app_access_strategy"):
        strategy = params.part("published_app_access_strategy")
        changes["published_app_access_strategy"] = {
            "effect": strategy.choice("effect", ("allow", "deny")) or "allow",
            "except_app_id_list": strategy.texts("except_app_id_list"),
        }
    return changes


def _update(call: Call, wanted: str, changes: dict[str, Any]) -> Reply:
    _check(call, wanted)
    call.store.change_domain(changes)
    return json_reply(domain(call))


async def get_quota(call: Call) -> Reply:
    """``/domain/get_quota``: open to everybody; 0 is without limit."""
    return await call.service.read(_get_quota, call)


def _get_quota(call: Call) -> Reply:
    found = domain(call)
    return json_reply(
        {
            "size_quota": found["size_quota"],
            "size_used": found["used_size"],
            "user_count_quota": found["user_count_quota"],
            "user_count_used": call.store.count_users(),
        }
    )


OPERATIONS = {
    "/domain/get": Operation(get),
    "/domain/get_quota": Operation(get_quota),
    "/domain/list": Operation(list_),
    "/domain/search": Operation(search),
    "/domain/update": Operation(update),
}
