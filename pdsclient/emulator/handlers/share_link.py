"""The operations on share links that need no sign-in: get_share_token, get_by_anonymous."""

from __future__ import annotations

import hmac
from datetime import UTC, datetime, timedelta
from typing import Any

from pdsclient._times import render_time
from pdsclient.emulator.handlers.access import find_share
from pdsclient.emulator.replies import Reply, ServiceError, json_reply
from pdsclient.emulator.service import Call
from pdsclient.emulator.store import Share

_LONGEST_LIFE_S = 7200
_COUNTERS = ("access", "download", "preview", "report", "save", "video_preview")
_LIMITS = ("download_limit", "preview_limit", "save_download_limit", "save_limit")
_SWITCHES = ("disable_download", "disable_preview", "disable_save", "require_login")


async def get_share_token(call: Call) -> Reply:
    """``/share_link/get_share_token``: a token for a share, for who knows its password."""
    share_id = call.params.required("share_id")
    password = call.params.text("share_pwd") or ""
    life_s = call.params.integer("expire_sec", 0, _LONGEST_LIFE_S, 0) or _LONGEST_LIFE_S
    strict = call.params.flag("check_share_pwd") or False
    share = await call.service.read(find_share, call, share_id)
    if not (_is_exempt(call, share) and not strict):
        _check_password(share, password)
    token = call.service.identity.issue_share_token(share_id, life_s)
    now = datetime.fromtimestamp(call.service.clock.time(), UTC)
    return json_reply(
        {
            "share_token": token,
            "expires_in": life_s,
            "expire_time": render_time(now + timedelta(seconds=life_s)),
        }
    )


def _is_exempt(call: Call, share: Share) -> bool:
    """Creators and administrators need no password."""
    user = call.caller.user
    return user is not None and (user.is_admin or user.user_id == share.creator)


def _check_password(share: Share, password: str) -> None:
    if not hmac.compare_digest(share.share_pwd.encode(), password.encode()):
        raise ServiceError(400, "InvalidResource.SharePwd", "The resource share_pwd is not valid. ")


async def get_by_anonymous(call: Call) -> Reply:
    """``/share_link/get_by_anonymous``: what anybody may know about a share."""
    share_id = call.params.required("share_id")
    share = await call.service.read(find_share, call, share_id)
    return json_reply(_public(share))


def _public(share: Share) -> dict[str, Any]:
    wire = share.wire
    return {
        "share_name": share.share_name,
        "has_pwd": bool(share.share_pwd),
        "expiration": render_time(share.expiration) if share.expiration else "",
        "creator_id": share.creator,
        "creator_name": share.creator[:1] + "***",
        "creator_phone": "",
        "avatar": "",
        "updated_at": wire.get("updated_at", ""),
        **{name: wire.get(name, False) for name in _SWITCHES},
        **{name: wire.get(name, 0) for name in _LIMITS},
        **{f"{name}_count": wire.get(f"{name}_count", 0) for name in _COUNTERS},
    }
