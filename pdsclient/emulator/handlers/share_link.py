"""Share links: create, get, update, cancel, get_by_anonymous, get_share_token."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pdsclient._times import parse_time, render_time
from pdsclient.emulator.handlers.access import (
    Place,
    caller,
    check_action,
    find_drive,
    find_share,
    is_expired,
    known_share,
    not_cancelled,
)
from pdsclient.emulator.handlers.operation import Operation
from pdsclient.emulator.handlers.work import find_living
from pdsclient.emulator.identity import access_refused
from pdsclient.emulator.params import Params
from pdsclient.emulator.replies import (
    Reply,
    ServiceError,
    forbidden,
    invalid,
    json_reply,
    missing,
    out_of_range,
)
from pdsclient.emulator.rows import ROOT
from pdsclient.emulator.service import Call
from pdsclient.emulator.store import FileRow, Share

_LONGEST_LIFE_S = 7200
_MOST_FILES = 100
_MOST = 2**53
_COUNTERS = tuple(
    f"{use}_count" for use in ("access", "download", "preview", "report", "save", "video_preview")
)
_LIMITS = ("download_limit", "preview_limit", "save_download_limit", "save_limit")
_SHOWN_SWITCHES = ("disable_download", "disable_preview", "disable_save", "require_login")
Read = Callable[[Params, str], Any]


# ---- making and changing


async def create(call: Call) -> Reply:
    """``/share_link/create``: of files of one folder, or of a whole drive."""
    params = call.params
    drive_id = params.required("drive_id")
    everything = params.flag("share_all_files") or False
    file_ids = [ROOT] if everything else _read_files(params)
    members = {"share_all_files": everything, **_read_members(call, _MADE_WITH)}
    creator = params.text("user_id")
    share_id = await call.service.write(_create, call, drive_id, file_ids, members, creator)
    return await _reply(call, share_id, 201)


def _read_files(params: Params) -> list[str]:
    """The list; the vendor's tests also share a single ``file_id``."""
    file_ids = list(dict.fromkeys(params.texts("file_id_list")))
    single = params.text("file_id")
    if not file_ids and single is None:
        raise missing("file_id_list")
    if len(file_ids) > _MOST_FILES:
        raise out_of_range("file_id_list")
    return file_ids or [str(single)]


def _create(
    call: Call, drive_id: str, file_ids: list[str], members: dict[str, Any], creator: str | None
) -> str:
    user = caller(call)
    if creator not in (None, user.user_id) and not user.is_admin:
        raise forbidden("user")
    place = find_drive(call, drive_id)
    rows = [None if one == ROOT else find_living(call, place, one) for one in file_ids]
    for row in rows:
        check_action(call, place, row, "FILE.SHARE")
    if len({row.parent_file_id for row in rows if row is not None}) > 1:
        raise invalid("file_id_list", "the files are not all in one folder")
    _check_creatable(call, place, file_ids, members)
    known = {"creator": creator or user.user_id, **_bounds(place, rows)}
    return call.store.create_share(drive_id, file_ids, **known, **members)


def _bounds(place: Place, rows: Sequence[FileRow | None]) -> dict[str, Any]:
    """A link made by somebody who may not do everything lets nobody do more."""
    if place.rights is None:
        return {}
    return {"bounds": sorted(frozenset.intersection(*map(place.actions, rows)))}


def _check_creatable(
    call: Call, place: Place, file_ids: Sequence[str], members: Mapping[str, Any]
) -> None:
    """ServiceError unless visitors are to upload into shared folders only."""
    for file_id in members.get("creatable_file_id_list", ()):
        folder = None if file_id == ROOT else find_living(call, place, file_id)
        above = [ROOT] if folder is None else call.store.id_path(folder).split("/")
        if set(above).isdisjoint(file_ids) or (folder and folder.type != "folder"):
            raise invalid("creatable_file_id_list", "it is no folder in the share")


async def update(call: Call) -> Reply:
    """``/share_link/update``: what is named is changed, counters too; ``""`` takes away."""
    share_id = call.params.required("share_id")
    changes = _read_members(call, _CHANGED_BY)
    await call.service.write(_update, call, share_id, changes)
    return await _reply(call, share_id)


def _update(call: Call, share_id: str, changes: dict[str, Any]) -> None:
    share = _own_share(call, share_id)
    not_cancelled(share)
    _check_creatable(call, Place(share.drive_id), share.file_ids, changes)
    call.store.update_share(share_id, changes)


def _read_members(call: Call, readers: Mapping[str, Read]) -> dict[str, Any]:
    """What the request names, each in its own way."""
    params = call.params
    members = {name: read(params, name) for name, read in readers.items() if params.gives(name)}
    if members.get("share_name") == "":
        # The default name is the first file's.
        del members["share_name"]
    expiration = members.get("expiration")
    if expiration is not None and expiration.timestamp() <= call.service.clock.time():
        raise invalid("expiration", "it is in the past")
    return members


def _read_text(longest: int) -> Read:
    def read(params: Params, name: str) -> str:
        text = params.text(name) or ""
        if len(text) > longest:
            raise out_of_range(name)
        return text

    return read


def _read_count(params: Params, name: str) -> int:
    return params.integer(name, 0, _MOST, 0)


def _read_password(params: Params, name: str) -> str:
    password = _read_text(64)(params, name)
    if not all("!" <= letter <= "~" for letter in password):
        raise invalid(name, "it consists of visible ASCII characters")
    return str(password)


def _read_expiration(params: Params, name: str) -> datetime | None:
    try:
        return parse_time(params.text(name) or "")
    except ValueError:
        raise invalid(name) from None


def _read_status(params: Params, name: str) -> str:
    return params.choice(name, ("enabled", "disabled")) or "enabled"


_MADE_WITH: dict[str, Read] = {
    **dict.fromkeys((*_SHOWN_SWITCHES, "creatable", "office_editable"), Params.flag),
    **dict.fromkeys(_LIMITS, _read_count),
    "share_name": _read_text(128),
    "description": _read_text(1024),
    "share_pwd": _read_password,
    "share_icon": _read_text(1024),
    "expiration": _read_expiration,
    "creatable_file_id_list": Params.texts,
}
_CHANGED_BY: dict[str, Read] = {
    **_MADE_WITH,
    **dict.fromkeys(_COUNTERS, _read_count),
    "status": _read_status,
}


async def cancel(call: Call) -> Reply:
    """``/share_link/cancel``: for good."""
    share_id = call.params.required("share_id")
    await call.service.write(_cancel, call, share_id)
    return Reply(204)


def _cancel(call: Call, share_id: str) -> None:
    not_cancelled(_own_share(call, share_id))
    call.store.cancel_share(share_id)


# ---- looking


async def get(call: Call) -> Reply:
    """``/share_link/get``: all about a link, its password too, for who made it."""
    return await _reply(call, call.params.required("share_id"))


async def _reply(call: Call, share_id: str, status: int = 200) -> Reply:
    return json_reply(await call.service.read(_get, call, share_id), status)


def _get(call: Call, share_id: str) -> dict[str, Any]:
    share = _own_share(call, share_id)
    not_cancelled(share)
    shown = whole(call, share)
    if call.settings.share_drive_id == "missing":
        del shown["drive_id"]
    return shown


def _own_share(call: Call, share_id: str) -> Share:
    """The link, also one that has ended; ServiceError unless the caller may look after it."""
    share = known_share(call, share_id)
    user = caller(call)
    if not user.is_admin and user.user_id != share.creator:
        raise forbidden("share_link")
    return share


def whole(call: Call, share: Share) -> dict[str, Any]:
    """The link as its creator sees it."""
    wire = share.wire
    files = [] if wire.get("share_all_files") else list(share.file_ids)
    return {
        "share_id": share.share_id,
        "share_name": share.share_name,
        "share_pwd": share.share_pwd,
        "share_url": "",
        "share_icon": wire.get("share_icon", ""),
        "share_msg": "",
        "share_policy": "url",
        "is_subscribed": False,
        "num_of_subscribers": 0,
        "share_all_files": wire.get("share_all_files", False),
        "description": wire.get("description", ""),
        "drive_id": share.drive_id,
        "file_id": files[0] if files else "",
        "file_id_list": files,
        "creator": share.creator,
        "created_at": wire["created_at"],
        "updated_at": wire["updated_at"],
        "expiration": _shown_expiration(share),
        "expired": is_expired(call, share),
        "status": "disabled" if share.cancelled else wire.get("status", "enabled"),
        "office_editable": wire.get("office_editable", False),
        **_common(share),
    }


def _common(share: Share) -> dict[str, Any]:
    """What creator and public both see: switches, limits and counters."""
    return {
        **{name: share.wire.get(name, False) for name in _SHOWN_SWITCHES},
        **{name: share.wire.get(name, 0) for name in (*_LIMITS, *_COUNTERS)},
    }


def _shown_expiration(share: Share) -> str:
    return render_time(share.expiration) if share.expiration else ""


# ---- for visitors


async def get_share_token(call: Call) -> Reply:
    """``/share_link/get_share_token``: a token for a share, for who knows its password."""
    share_id = call.params.required("share_id")
    password = call.params.text("share_pwd") or ""
    life_s = call.params.integer("expire_sec", 0, _LONGEST_LIFE_S, 0) or _LONGEST_LIFE_S
    strict = call.params.flag("check_share_pwd") or False
    await call.service.write(_enter, call, share_id, password, strict)
    token = call.service.identity.issue_share_token(share_id, life_s)
    now = datetime.fromtimestamp(call.service.clock.time(), UTC)
    return json_reply(
        {
            "share_token": token,
            "expires_in": life_s,
            "expire_time": render_time(now + timedelta(seconds=life_s)),
        }
    )


def _enter(call: Call, share_id: str, password: str, strict: bool) -> None:
    share = find_share(call, share_id)
    if share.wire.get("require_login") and call.caller.user is None:
        raise access_refused("AccessTokenInvalid", "the share is for users of the domain")
    if strict or not _is_exempt(call, share):
        _check_password(share, password)
    call.store.use_share(share_id, "access")


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
    return json_reply(await call.service.read(_public, call, share_id))


def _public(call: Call, share_id: str) -> dict[str, Any]:
    share = find_share(call, share_id)
    creator = call.store.user(share.creator) or {}
    return {
        "share_name": share.share_name,
        "has_pwd": bool(share.share_pwd),
        "expiration": _shown_expiration(share),
        "creator_id": share.creator,
        "creator_name": creator.get("nick_name", share.creator)[:1] + "***",
        "creator_phone": _masked(creator.get("phone", "")),
        "avatar": creator.get("avatar", ""),
        "comments": share.wire.get("description", ""),
        "enable_upload": bool(share.wire.get("creatable")),
        "updated_at": share.wire.get("updated_at", ""),
        **_common(share),
    }


def _masked(phone: str) -> str:
    """The first three digits and the last two."""
    return f"{phone[:3]}***{phone[-2:]}" if phone else ""


OPERATIONS = {
    "/share_link/cancel": Operation(cancel),
    "/share_link/create": Operation(create),
    "/share_link/get": Operation(get),
    "/share_link/get_by_anonymous": Operation(get_by_anonymous, "anyone"),
    "/share_link/get_share_token": Operation(get_share_token, "anyone"),
    "/share_link/update": Operation(update),
}
