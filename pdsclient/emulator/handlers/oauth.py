"""The token endpoints: ``/oauth/token`` (a form) and ``/account/token`` (JSON)."""

from __future__ import annotations

from pdsclient.emulator.replies import Reply, invalid, json_reply, not_supported
from pdsclient.emulator.service import Call

_JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


async def oauth_token(call: Call) -> Reply:
    """``/oauth/token``. No authorization code or assertion is ever issued here, so that those
    two grants find every one of them invalid."""
    grant = call.params.required("grant_type")
    call.params.required("client_id")
    if grant == "refresh_token":
        return _refresh(call)
    if grant in ("authorization_code", "code"):
        call.params.required("code")
        raise invalid("code")
    if grant == _JWT_GRANT:
        call.params.required("assertion")
        raise invalid("assertion")
    raise not_supported("grant_type")


async def account_token(call: Call) -> Reply:
    """``/account/token``: refresh only."""
    call.params.required("app_id")
    if call.params.required("grant_type") != "refresh_token":
        raise not_supported("grant_type")
    return _refresh(call)


def _refresh(call: Call) -> Reply:
    token = call.params.required("refresh_token")
    return json_reply(call.service.identity.refresh(token, call.settings))
