"""Handing out tokens."""

from __future__ import annotations

from typing import Any

from pdsclient.emulator.replies import ServiceError
from pdsclient.emulator.service import Call


def token_reply(call: Call, user_id: str, client_id: str = "") -> dict[str, Any]:
    """A new pair of tokens for a user who exists, as it is sent; on the writing thread.

    Args:
        call: the request.
        user_id: whom the tokens stand for.
        client_id: the app that may refresh them, any app if empty.
    """
    identity = call.service.identity
    wire = call.store.user(user_id)
    if wire is None or wire["status"] != "enabled":
        raise ServiceError(403, "Forbidden", f"The user {user_id} is disabled or gone.")
    grant = identity.new_grant(user_id, client_id=client_id)
    call.store.put_grant(grant)
    return identity.token_reply(grant, identity.note(wire), call.settings)
