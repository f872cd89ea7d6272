"""Playing videos and audio: transcoded versions, their state, and waiting for them.

Nothing is transcoded: the URLs give the file itself. What is played for the first time is ready
after ``Settings.preview_delay_s``; until then clients are told to come again.
"""

from __future__ import annotations

from typing import Any

import msgspec
from attrs import frozen

from pdsclient.emulator.handlers.access import (
    Address,
    Place,
    charge_share,
    check_action,
    find_file,
    find_place,
    read_address,
)
from pdsclient.emulator.handlers.operation import Operation
from pdsclient.emulator.replies import Reply, json_reply, not_found
from pdsclient.emulator.service import Call
from pdsclient.emulator.store import FileRow

_SEEN = "transcoding"
_LONGEST_URL_S = 14_400
_MODES = ("live_transcoding", "quick_video", "offline_audio", "offline_video")
_LISTS = {
    "live_transcoding": "live_transcoding_task_list",
    "quick_video": "quick_video_list",
    "offline_video": "offline_video_transcoding_list",
    "offline_audio": "offline_video_transcoding_list",
}
_TEMPLATES = {
    "live_transcoding": ("LD", "SD", "HD", "FHD"),
    "quick_video": ("264_480p", "264_720p"),
    "offline_video": ("264_480p", "264_720p"),
    "offline_audio": ("LQ", "HQ"),
}


@frozen
class Watched:
    """The file that a preview is asked of, and its revision if it is not the latest."""

    address: Address
    file_id: str
    revision_id: str | None


def read_watched(call: Call) -> Watched:
    """From the parameters."""
    params = call.params
    return Watched(read_address(call), params.required("file_id"), params.text("revision_id"))


def find_previewed(call: Call, watched: Watched) -> tuple[Place, FileRow]:
    """The file; ServiceError when it may not be previewed."""
    place = find_place(call, watched.address)
    row = find_file(call, place, watched.file_id)
    check_action(call, place, row, "FILE.PREVIEW")
    if watched.revision_id is None or row.type == "folder":
        return place, row
    if call.store.revision(row.drive_id, row.file_id, watched.revision_id) is None:
        raise not_found("revision", f"revision_id:{watched.revision_id}")
    return place, row._replace(revision_id=watched.revision_id)


def is_one_of(row: FileRow, *categories: str) -> bool:
    """Whether it is a file of one of these categories."""
    return row.type == "file" and msgspec.json.decode(row.json).get("category") in categories


# ---- playing


async def get_video_preview_play_info(call: Call) -> Reply:
    """``/file/get_video_preview_play_info``: the versions of a video or audio, with URLs."""
    watched = read_watched(call)
    mode = call.params.choice("category", _MODES) or "live_transcoding"
    template = call.params.text("template_id")
    life_s = call.params.integer("url_expire_sec", 10, _LONGEST_URL_S, 900)
    with_master = call.params.flag("get_master_url") and mode == "quick_video"
    with_preview = call.params.flag("get_preview_url") and mode == "live_transcoding"
    names = [] if call.params.flag("get_without_url") else ["url"]
    names += ["preview_url"] if with_preview else []
    place, row, ready = await call.service.write(_played, call, watched, mode)
    if not ready:
        return _wait(call, watched)
    versions = [
        _version(one, "finished") | {name: _url(call, row, one, life_s) for name in names}
        for one in _TEMPLATES[mode]
        if template in (None, one)
    ]
    info = {**_about(row, mode), _LISTS[mode]: versions}
    if with_master:
        info["master_url"] = _url(call, row, "master", life_s)
    return json_reply({**_identity(call, place, row), "video_preview_play_info": info})


async def get_video_preview_play_meta(call: Call) -> Reply:
    """``/file/get_video_preview_play_meta``: the versions and whether they are ready."""
    watched = read_watched(call)
    mode = call.params.choice("category", _MODES) or "live_transcoding"
    place, row, ready = await call.service.read(_looked_at, call, watched, mode)
    state = "finished" if ready else "running"
    versions = [_version(template, state) for template in _TEMPLATES[mode]]
    meta = {**_about(row, mode), _LISTS[mode]: versions}
    return json_reply({**_identity(call, place, row), "video_preview_play_meta": meta})


async def get_video_preview_url(call: Call) -> Reply:
    """``/file/get_video_preview_url``: an audio file in the quality of a template."""
    watched = read_watched(call)
    template = call.params.required("audio_template_id")
    life_s = call.params.integer("expire_sec", 10, _LONGEST_URL_S, 900)
    _, row, ready = await call.service.write(_played, call, watched, "offline_audio")
    if not ready:
        return _wait(call, watched)
    return json_reply({"preview_url": _url(call, row, template, life_s)})


def _played(call: Call, watched: Watched, mode: str) -> tuple[Place, FileRow, bool]:
    """The file, and whether this version of it is ready; asking starts the work."""
    place, row = _find_playable(call, watched)
    ready = _is_ready(call, row, mode)
    if ready:
        charge_share(call, place, "video_preview")
    elif call.store.record(_SEEN, _key(row, mode)) is None:
        call.store.put_record(_SEEN, _key(row, mode), {"since": call.service.clock.time()})
    return place, row, ready


def _looked_at(call: Call, watched: Watched, mode: str) -> tuple[Place, FileRow, bool]:
    place, row = _find_playable(call, watched)
    return place, row, _is_ready(call, row, mode)


def _find_playable(call: Call, watched: Watched) -> tuple[Place, FileRow]:
    place, row = find_previewed(call, watched)
    if not is_one_of(row, "video", "audio"):
        raise not_found("video_preview_info", f"file_id:{row.file_id}")
    return place, row


def _is_ready(call: Call, row: FileRow, mode: str) -> bool:
    delay_s = call.settings.preview_delay_s
    if delay_s == 0:
        return True
    seen = call.store.record(_SEEN, _key(row, mode))
    return seen is not None and call.service.clock.time() >= seen["since"] + delay_s


def _key(row: FileRow, mode: str) -> str:
    return f"{row.drive_id}#{row.file_id}#{row.revision_id}#{mode}"


# ---- replies


def _wait(call: Call, watched: Watched) -> Reply:
    """202: come again. It has the form of an error and is none."""
    address = watched.address
    body = {
        "code": "VideoPreviewWaitAndRetry",
        "message": "The video preview is being prepared. Please try again later.",
        "domain_id": call.service.domain_id,
        "drive_id": address.drive_id or "",
        "share_id": address.share_id or "",
        "file_id": watched.file_id,
    }
    return json_reply(body, 202)


def _identity(call: Call, place: Place, row: FileRow) -> dict[str, str]:
    where = {"share_id": place.share.share_id} if place.share else {"drive_id": row.drive_id}
    return {"domain_id": call.service.domain_id, **where, "file_id": row.file_id}


def _version(template: str, status: str) -> dict[str, Any]:
    return {"template_id": template, "status": status}


def _about(row: FileRow, mode: str) -> dict[str, Any]:
    """How long and large it is, as far as the file knows; 0 otherwise."""
    known = msgspec.json.decode(row.json).get("video_media_metadata") or {}
    meta = {
        "duration": float(known.get("duration") or 0),
        "width": known.get("width") or 0,
        "height": known.get("height") or 0,
    }
    return {"category": mode, "meta": meta}


def _url(call: Call, row: FileRow, template: str, life_s: int) -> str:
    return call.url_of(row, life_s, **{"x-pds-process": f"video/{template}"})


OPERATIONS = {
    "/file/get_video_preview_play_info": Operation(get_video_preview_play_info, "share"),
    "/file/get_video_preview_play_meta": Operation(get_video_preview_play_meta, "share"),
    "/file/get_video_preview_url": Operation(get_video_preview_url, "share"),
}
