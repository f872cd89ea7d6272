"""``/user/import``: get or create the user behind an account."""

from __future__ import annotations

from typing import Final
from uuid import uuid4

from pdsclient.emulator.handlers.access import caller, check_admin
from pdsclient.emulator.handlers.accounts import Account, read_account
from pdsclient.emulator.handlers.operation import Operation
from pdsclient.emulator.handlers.user import Wire, give_drive, read_changes, set_groups, told
from pdsclient.emulator.params import Params
from pdsclient.emulator.replies import Reply, ServiceError, already_exists
from pdsclient.emulator.service import Call
from pdsclient.query.values import LONG_MAX

_TEXTS: Final = ("nick_name", "email", "phone")
_FLAGS: Final = ("deny_change_password_by_self", "need_change_password_next_login")


async def import_(call: Call) -> Reply:
    """``/user/import``: the user behind an account, who is made if there is none."""
    params = call.params
    accounts = [
        read_account(one, "authentication_type")
        for one in (params, *params.objects("authentication_list"))
    ]
    if any(account.type == "ldap" for account in accounts):
        raise ServiceError(400, "OperationNotSupport", "This domain has no directory of users.")
    given = {"creator": caller(call).user_id, **_members(params, accounts[0])}
    limit = params.integer("drive_total_size", -1, LONG_MAX, -1)
    size = limit if params.flag("auto_create_drive") else None
    group = params.text("parent_group_id")
    check_admin(call)
    return await call.service.write(_import, call, accounts, given, size, group)


def _members(params: Params, account: Account) -> Wire:
    """What a new user is like: as was said, else as the account tells."""
    said = {name: value for name, value in read_changes(params).items() if name in _TEXTS}
    flags = {name: params.flag(name) for name in _FLAGS}
    said |= {name: flag for name, flag in flags.items() if flag is not None}
    if params.gives("phone_region"):
        said["phone_region"] = params.text("phone_region") or ""
    return {"nick_name": account.identity, **account.contact, **said}


def _import(
    call: Call, accounts: list[Account], given: Wire, size: int | None, group: str | None
) -> Reply:
    with call.store.atomic():
        link = call.store.link(accounts[0].key)
        if link is not None:
            return told(call, link["user_id"])
        user_id = uuid4().hex
        call.store.put_user(user_id, given)
        for account in accounts:
            _link(call, account, user_id)
        if size is not None:
            give_drive(call, user_id, size)
        set_groups(call, user_id, None if group is None else [group])
        return told(call, user_id)


def _link(call: Call, account: Account, user_id: str) -> None:
    known = call.store.link(account.key)
    if known is not None and known["user_id"] != user_id:
        raise already_exists("account", f"user_id:{known['user_id']}")
    call.store.put_link(account.key, account.wire(user_id))


OPERATIONS = {"/user/import": Operation(import_)}
