"""Small files whole: saved from and read into memory, with the checksum compared."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from pdsclient._checks import check_text, shown
from pdsclient.errors import SERVER_ERROR, DeadlineExceeded, DecodeError, InvalidRequest
from pdsclient.transfer.control import Control
from pdsclient.transfer.planning import SMALLEST
from pdsclient.transfer.sources import source_of
from pdsclient.transfer.stream import open_content
from pdsclient.transfer.upload import Wanted, upload_content

if TYPE_CHECKING:
    from pdsclient._core import Engine
    from pdsclient.files._address import FileRef
    from pdsclient.models.file import File
    from pdsclient.transfer.stream import ContentStream

__all__ = ["MOST_BYTES", "SaveMode"]

SaveMode: TypeAlias = Literal["refuse", "overwrite", "auto_rename", "ignore"]

MOST_BYTES: Final = 64 << 20
"""Largest content that is dealt with in one piece."""

_MODES: Final = ("refuse", "overwrite", "auto_rename", "ignore")


async def save_file_content(
    engine: Engine,
    data: bytes | str,
    *,
    name: str,
    parent_file_id: str,
    drive_id: str | None,
    share_id: str | None,
    check_name_mode: SaveMode,
) -> File:
    """See ``AsyncPDSClient.save_file_content``."""
    content = _content(data)
    if check_name_mode not in _MODES:
        known = ", ".join(_MODES)
        raise InvalidRequest(
            f"check_name_mode must be one of {known}, not {shown(check_name_mode)}"
        )
    wanted = Wanted(
        name=name,
        parent_file_id=parent_file_id,
        drive_id=drive_id,
        share_id=share_id,
        check_name_mode=check_name_mode,
        # One part, of which neither hash nor type is told.
        part_size=max(len(content), SMALLEST),
        rapid_upload=False,
        guess_type=False,
    )
    control = Control(engine, concurrency=1, bandwidth=None)
    # It is one call to whoever makes it, and so has a deadline if calls have one.
    control.engine = engine
    return await upload_content(control, source_of(content), wanted)


async def get_file_content(
    engine: Engine,
    file: FileRef,
    *,
    drive_id: str | None,
    share_id: str | None,
    revision_id: str | None,
    most: int,
) -> bytes:
    """See ``AsyncPDSClient.get_file_content``."""
    if isinstance(most, bool) or not isinstance(most, int) or most < 0:
        raise InvalidRequest(f"most must be a number of bytes, not {shown(most)}")
    stream = open_content(
        engine,
        file,
        drive_id=drive_id,
        share_id=share_id,
        revision_id=revision_id,
        start=0,
        stop=None,
    )
    deadline_s = engine.settings.deadline
    timer = asyncio.timeout(deadline_s)
    try:
        async with timer, stream:
            return await _whole(stream, most)
    except TimeoutError:
        if not timer.expired():
            raise
    raise DeadlineExceeded(f"the content was not read within the deadline of {deadline_s:g} s")


async def _whole(stream: ContentStream, most: int) -> bytes:
    size = stream.size
    if size is None or size <= most:
        content = await stream.read(most + 1)
        if len(content) <= most:
            return content
    has = "" if size is None else f"{size:,} bytes, "
    raise DecodeError(f"the file has {has}more than the {most:,} allowed", code=SERVER_ERROR)


def _content(data: bytes | str) -> bytes:
    if isinstance(data, str):
        data = check_text("data", data).encode()
    elif not isinstance(data, bytes):
        raise InvalidRequest(f"data must be bytes or a string, not {type(data).__name__}")
    if len(data) > MOST_BYTES:
        raise InvalidRequest(
            f"data has {len(data):,} bytes, above {MOST_BYTES:,}: that is no small file; "
            "client.upload(data, name=…) takes it"
        )
    return data
