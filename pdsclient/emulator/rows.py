"""A file as it is sent, and the columns that it is searched by.

The JSON object is the one truth about a file; every column follows from it (``columns``), so a
change is: decode, change, complete, store again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

import attrs
import msgspec

from pdsclient._crc64 import crc64
from pdsclient._times import parse_time, render_time
from pdsclient.emulator.content import Generated, crc64_bytes
from pdsclient.emulator.filetypes import extension_of, type_of
from pdsclient.emulator.schema import ABSENT
from pdsclient.emulator.sql import epoch_ms
from pdsclient.errors import InvalidRequest
from pdsclient.query import FILE_FIELDS, MatchMode
from pdsclient.query.evaluate import searchable, values_in
from pdsclient.query.fields import Field

ROOT: Final = "root"
NAME_BYTES: Final = 1024  # pds-service.md 4.2
# Hashing a file of this size costs a bulk load about 10 µs; the checksum in Python much more.
HASHED_BYTES: Final = 4096

TIMES: Final = frozenset(
    {
        "created_at",
        "updated_at",
        "trashed_at",
        "last_access_at",
        "local_created_at",
        "local_modified_at",
    }
)
# Who made a file, and who changed it last.
MAKERS: Final = frozenset(
    f"{role}_{what}" for role in ("creator", "last_modifier") for what in ("id", "name", "type")
)
# Shown for `fields: "*"` only (pds-service.md 6.3).
EXTRAS: Final = MAKERS | {"revision_version", "ex_fields_info", "user_tags"}

_encode = msgspec.json.Encoder().encode


@attrs.frozen
class Place:
    """Where a new file goes, and what it gets when the caller does not say."""

    domain_id: str
    drive_id: str
    parent_file_id: str
    file_id: str
    now: str


def revision_of(file_id: str, before: str = "") -> str:
    """The id of the revision that follows another one."""
    return hashlib.sha1(f"{file_id}/{before}".encode()).hexdigest()


def complete(given: Mapping[str, Any], place: Place) -> dict[str, Any]:
    """The whole file that a caller described in part, under the names of the wire.

    Raises:
        InvalidRequest: a value that no file can have; the message names the field.
    """
    name = check_name(given.get("name"))
    wire: dict[str, Any] = {
        "drive_id": place.drive_id,
        "domain_id": place.domain_id,
        "file_id": place.file_id,
        "parent_file_id": place.parent_file_id,
        "name": name,
        "type": "file",
        "status": "available",
        "hidden": False,
        "starred": False,
        "created_at": place.now,
    }
    said = checked(given)
    if said.get("type", "file") == "file":
        wire |= named_members(name, said) | {"size": 0, "revision_id": revision_of(place.file_id)}
    wire |= said
    wire.setdefault("updated_at", wire["created_at"])
    content = given.get("content")
    if wire["type"] == "folder":
        if content is not None:
            raise InvalidRequest("content: a folder has none")
    elif content is not None or not ("content_hash" in wire or "origin" in given):
        wire |= content_members(content, wire)
    return wire


_NOT_WIRE: Final = frozenset(
    {
        "content",
        "domain_id",
        "drive_id",
        "file_id",
        "name",
        "origin",
        "parent_file_id",
        "path",
        "trashed_at",
    }
)


def checked(given: Mapping[str, Any]) -> dict[str, Any]:
    """The members that say something, each in the form of the wire."""
    return {
        name: _CHECKS[name](name, value) if name in _CHECKS else value
        for name, value in given.items()
        if value is not None and name not in _NOT_WIRE
    }


def named_members(name: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """What a file gets from its name."""
    extension = extension_of(name)
    category, media_type = type_of(extension)
    mime_type = said.get("mime_type") or media_type
    return {
        "content_type": mime_type,
        "mime_type": mime_type,
        "mime_extension": extension,
        "file_extension": extension,
        "category": category,
    }


def content_members(content: object, wire: Mapping[str, Any]) -> dict[str, Any]:
    """Size and hashes: of what is kept, or of a small file that is made up when it is read.

    Others have no hash, as files of the service at times have none; the true one is computed when
    the content is opened.
    """
    if content is None:
        size = wire["size"]
        if size > HASHED_BYTES:
            return {}
        data = Generated(wire["revision_id"], size).read(0, size)
        return _sha1_members(data)
    if not isinstance(content, bytes):
        raise InvalidRequest(f"content: bytes are needed, not {type(content).__name__}")
    members = {"size": len(content), **_sha1_members(content)}
    if len(content) <= crc64_bytes():
        members["crc64_hash"] = str(crc64(content))
    return members


def _sha1_members(data: bytes) -> dict[str, Any]:
    digest = hashlib.sha1(data).hexdigest().upper()
    return {"content_hash": digest, "content_hash_name": "sha1"}


def check_name(name: object) -> str:
    """The name, if a file can bear it (pds-service.md 4.2)."""
    if not isinstance(name, str) or not name:
        raise InvalidRequest(f"name: a file needs a name of at least one character, not {name!r}")
    if "/" in name or "\0" in name:
        raise InvalidRequest(f"name: {name!r} holds a slash or a NUL")
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise InvalidRequest(f"name: {name!r} cannot be written in UTF-8") from None
    if size > NAME_BYTES:
        raise InvalidRequest(f"name: {size} bytes of UTF-8; at most {NAME_BYTES} are allowed")
    return name


def _time(name: str, value: object) -> str:
    if isinstance(value, datetime):
        return render_time(value)
    if isinstance(value, str):
        try:
            moment = parse_time(value)
        except (ValueError, OverflowError):
            moment = None
        if moment is not None:
            return render_time(moment)
    raise InvalidRequest(f"{name}: an RFC 3339 text or a datetime is needed, not {value!r}")


def _boolean(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidRequest(f"{name}: True or False is needed, not {value!r}")
    return value


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidRequest(f"{name}: a string is needed, not {value!r}")
    return value


def _size(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise InvalidRequest(f"{name}: a count of bytes from 0 to 2**63 - 1, not {value!r}")
    return value


def _one_of(*allowed: str) -> Callable[[str, object], Any]:
    def check(name: str, value: object) -> object:
        if value not in allowed:
            raise InvalidRequest(f"{name}: one of {', '.join(allowed)}, not {value!r}")
        return value

    return check


def _labels(name: str, value: object) -> list[str]:
    if isinstance(value, str) or not isinstance(value, (list, tuple)):
        raise InvalidRequest(f"{name}: a list of strings is needed, not {value!r}")
    return [_text(name, item) for item in value]


_CHECKS: Final[dict[str, Callable[[str, Any], Any]]] = {
    **dict.fromkeys(TIMES, _time),
    **dict.fromkeys(("hidden", "starred"), _boolean),
    **dict.fromkeys(
        (
            "file_extension",
            "category",
            "mime_type",
            "description",
            "face_group_id",
            "custom_type",
            "custom_field_1",
            "custom_field_2",
        ),
        _text,
    ),
    "size": _size,
    "type": _one_of("file", "folder"),
    "status": _one_of("available", "uploading"),
    "labels": _labels,
}


def encode(wire: Mapping[str, Any]) -> tuple[bytes, bytes | None]:
    """The file as JSON, and apart from it what only ``fields: "*"`` shows."""
    extras = None
    try:
        if not EXTRAS.isdisjoint(wire):
            extras = _encode({name: value for name, value in wire.items() if name in EXTRAS})
            wire = {name: value for name, value in wire.items() if name not in EXTRAS}
        return _encode(wire), extras
    except (TypeError, ValueError) as error:
        raise InvalidRequest(f"{wire.get('name')!r} is not JSON: {error}") from None


class Derived(NamedTuple):
    """The columns that a member must be parsed for, or looked into."""

    created_at: int
    updated_at: int
    last_access_at: float = ABSENT
    image_time: float = ABSENT
    image_overall_score: float = ABSENT
    label: str | None = None
    face_group_id: str | None = None
    address: str | None = None


def columns(
    number: int, shelf: int, wire: Mapping[str, Any], derived: Derived, match_mode: MatchMode
) -> tuple[Any, ...]:
    """The row of the file, in the order of ``FILE_COLUMNS``.

    Args:
        number: the row's own.
        shelf: the drive's number, negative if search must not find the file.
        wire: the whole file.
        derived: what ``derive`` makes of it.
        match_mode: what ``match`` means in this store.
    """
    get = wire.get
    description = get("description") or None
    return (
        number,
        abs(shelf),
        shelf,
        wire["file_id"],
        wire["parent_file_id"],
        wire["name"],
        searchable(wire["name"], match_mode),
        wire["type"],
        wire["status"],
        "trashed_at" in wire,
        get("size", ABSENT),
        get("file_extension") or None,
        get("category") or None,
        get("mime_type") or None,
        derived.created_at,
        derived.updated_at,
        wire["hidden"],
        wire["starred"],
        derived.image_time,
        derived.last_access_at,
        get("custom_type") or ABSENT,
        get("custom_field_1") or ABSENT,
        get("custom_field_2") or ABSENT,
        derived.image_overall_score,
        description,
        description and searchable(description, match_mode),
        derived.label,
        derived.face_group_id,
        derived.address,
    )


def derive(wire: Mapping[str, Any]) -> Derived:
    """What a file's row holds besides its members."""
    last_access_at = wire.get("last_access_at")
    return Derived(
        _stamp(wire["created_at"]),
        _stamp(wire["updated_at"]),
        ABSENT if last_access_at is None else _stamp(last_access_at),
        *_media(wire),
    )


def _stamp(text: str) -> int:
    """The stored form of a time that ``render_time`` wrote."""
    return epoch_ms(datetime.fromisoformat(text))


# What is looked for inside other members: each path, by its first two names.
_SINGLE: Final = ("image_time", "image_overall_score")
_SEVERAL: Final = ("label", "face_group_id", "address")
_PATHS: Final[dict[str, dict[str, tuple[str, str]]]] = {}
for _name in _SINGLE + _SEVERAL:
    for _path in FILE_FIELDS[_name].paths:
        _PATHS.setdefault(_path[0], {})["".join(_path[1:2])] = (_name, ".".join(_path))
_NO_MEDIA: Final = (ABSENT, ABSENT, None, None, None)


def _media(wire: Mapping[str, Any]) -> tuple[Any, ...]:
    """The columns of ``_SINGLE`` and ``_SEVERAL``; most files have none of them."""
    if _PATHS.keys().isdisjoint(wire):
        return _NO_MEDIA
    fields = _led_to(wire)
    return (
        *(_deeper(wire, fields[name]) if name in fields else ABSENT for name in _SINGLE),
        *(_several(wire, fields[name]) if name in fields else None for name in _SEVERAL),
    )


def _led_to(wire: Mapping[str, Any]) -> dict[str, Field]:
    """The fields that the file may have, with the paths that may lead there and no others."""
    led: dict[str, tuple[str, ...]] = {}
    for holder, known in _PATHS.items():
        if holder in wire:
            inside = wire[holder]
            for second in inside if isinstance(inside, dict) else known:
                if second in known:
                    name, path = known[second]
                    led[name] = (*led.get(name, ()), path)
    return {name: _with_paths(name, paths) for name, paths in led.items()}


@lru_cache
def _with_paths(name: str, paths: tuple[str, ...]) -> Field:
    field = FILE_FIELDS[name]
    return type(field)(name, paths=paths, repeated=field.repeated)


def _deeper(wire: Mapping[str, Any], field: Field) -> Any:
    for value in values_in(wire, field):
        return epoch_ms(value) if isinstance(value, datetime) else value
    return ABSENT


def _several(wire: Mapping[str, Any], field: Field) -> str | None:
    texts = values_in(wire, field)
    return _encode(texts).decode() if texts else None
