"""The parts of an upload as requests name them and as replies give them, with URLs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from attrs import frozen

from pdsclient._sha import WORDS
from pdsclient.emulator.handlers.access import Place
from pdsclient.emulator.hashing import HashState
from pdsclient.emulator.params import Params
from pdsclient.emulator.replies import invalid, missing, out_of_range, wrong_format
from pdsclient.emulator.service import Call
from pdsclient.emulator.store import FileRow

MOST_PARTS = 10_000
_MD5 = re.compile(r"[0-9A-Fa-f]{32}|[0-9A-Za-z+/]{22}==")
# A hash state may begin anywhere that is a whole block.
_BLOCK = 64


@frozen
class PartAsked:
    """A part that a URL is wanted for."""

    number: int
    content_type: str
    content_md5: str | None
    state: HashState | None

    @classmethod
    def read(cls, params: Params) -> PartAsked:
        """From an element of ``part_info_list``."""
        number = params.integer("part_number", 1, MOST_PARTS, 0)
        if number == 0:
            raise missing("part_number")
        content_md5 = params.text("content_md5")
        if content_md5 is not None and not _MD5.fullmatch(content_md5):
            raise invalid("content_md5")
        return cls(number, read_media_type(params) or "", content_md5, _state(params))

    @property
    def query(self) -> dict[str, str]:
        """What its URL says besides."""
        state = {} if self.state is None else {"hashState": self.state.encode()}
        md5 = {} if self.content_md5 is None else {"contentMd5": self.content_md5}
        return {"partNumber": str(self.number), **state, **md5}


def read_media_type(params: Params) -> str | None:
    """The parameter ``content_type``, if it can stand in a header."""
    value = params.text("content_type")
    if value is not None and not (value.isascii() and value.isprintable()):
        raise invalid("content_type")
    return value


def _state(params: Params) -> HashState | None:
    for name, count in WORDS.items():
        field = f"parallel_{name}_ctx"
        given = params.mapping(field)
        if given:
            words, offset = given.get("h"), given.get("part_offset", 0)
            if not isinstance(words, list) or not all(map(_is_whole, [*words, offset])):
                raise wrong_format(field)
            if offset < 0 or offset % _BLOCK:
                raise invalid(field, "part_offset should be a multiple of 64")
            # The first part has nothing before it: the SDKs send no words for it.
            if not words and not offset:
                return None
            # JavaScript's bitwise operators give signed words.
            if len(words) != count or not all(-(2**31) <= word < 2**32 for word in words):
                raise invalid(field, f"h should be {count} words of 32 bits")
            return HashState(name, tuple(word % 2**32 for word in words), offset)
    return None


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def read_parts(params: Params) -> list[PartAsked]:
    """The parts in ``part_info_list``; none when it is absent."""
    given = params.objects("part_info_list")
    if len(given) > MOST_PARTS:
        raise out_of_range("part_info_list")
    parts = [PartAsked.read(one) for one in given]
    if len({part.number for part in parts}) < len(parts):
        raise invalid("part_info_list", "part numbers should differ")
    return parts


def part_urls(call: Call, row: FileRow, upload_id: str, parts: Sequence[PartAsked]) -> list[Any]:
    """The parts with URLs, for a reply."""
    shown = []
    for part in parts:
        url = call.url_of(
            row,
            call.settings.upload_url_life_s,
            method="PUT",
            content_type=part.content_type,
            uploadId=upload_id,
            **part.query,
        )
        shown.append(
            {
                "part_number": part.number,
                "upload_url": url,
                "internal_upload_url": url,
                "content_type": part.content_type,
            }
        )
    return shown


def where(place: Place) -> dict[str, str]:
    """How a reply names the drive or share."""
    if place.share is not None:
        return {"share_id": place.share.share_id}
    return {"drive_id": place.drive_id}


def fetch(call: Call, place: Place, file_id: str) -> FileRow:
    """The file, which was put there a moment ago."""
    row = call.store.get_file(place.drive_id, file_id)
    assert row is not None, "it was put there a moment ago"
    return row
