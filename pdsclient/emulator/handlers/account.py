"""The accounts behind users: link, unlink, and who is behind which."""

from __future__ import annotations

from pdsclient.emulator.handlers.access import caller, check_admin
from pdsclient.emulator.handlers.accounts import Account, read_account
from pdsclient.emulator.handlers.operation import Operation
from pdsclient.emulator.handlers.tokens import token_reply
from pdsclient.emulator.handlers.user import changeable_user, existing_user, read_user_id
from pdsclient.emulator.replies import (
    Reply,
    ServiceError,
    already_exists,
    empty_reply,
    json_reply,
    not_found,
)
from pdsclient.emulator.service import Call


async def link(call: Call) -> Reply:
    """``/account/link``: from now on the account is the user's; the reply is a token for them."""
    account, user_id = read_account(call.params, "type"), read_user_id(call.params)
    check_admin(call)
    return await call.service.write(_link, call, account, user_id)


def _link(call: Call, account: Account, user_id: str) -> Reply:
    with call.store.atomic():
        changeable_user(call, user_id)
        known = call.store.link(account.key)
        if known is not None and known["user_id"] != user_id:
            raise already_exists("account", f"user_id:{known['user_id']}")
        if known is None:
            call.store.put_link(account.key, account.wire(user_id))
        return json_reply(token_reply(call, user_id))


async def unlink(call: Call) -> Reply:
    """``/account/unlink``."""
    account, user_id = read_account(call.params, "type"), read_user_id(call.params)
    check_admin(call)
    return await call.service.write(_unlink, call, account, user_id)


def _unlink(call: Call, account: Account, user_id: str) -> Reply:
    with call.store.atomic():
        changeable_user(call, user_id)
        known = call.store.link(account.key)
        if known is None or known["user_id"] != user_id:
            raise _unknown(account)
        call.store.delete_link(account.key)
    return empty_reply()


async def get_link_info(call: Call) -> Reply:
    """``/account/get_link_info``: who is behind an account."""
    account = read_account(call.params, "type")
    check_admin(call)
    return await call.service.read(_get_link_info, call, account)


def _get_link_info(call: Call, account: Account) -> Reply:
    known = call.store.link(account.key)
    if known is None:
        raise _unknown(account)
    return json_reply(known)


async def get_link_info_by_user_id(call: Call) -> Reply:
    """``/account/get_link_info_by_user_id``: the accounts of a user."""
    user_id = read_user_id(call.params)
    check_admin(call, unless=user_id == caller(call).user_id)
    return await call.service.read(_links_of, call, user_id)


def _links_of(call: Call, user_id: str) -> Reply:
    existing_user(call, user_id)
    return json_reply({"items": call.store.links_of(user_id)})


def _unknown(account: Account) -> ServiceError:
    return not_found("account", f"identity:{account.identity}")


OPERATIONS = {
    "/account/get_link_info": Operation(get_link_info),
    "/account/get_link_info_by_user_id": Operation(get_link_info_by_user_id),
    "/account/link": Operation(link),
    "/account/unlink": Operation(unlink),
}
