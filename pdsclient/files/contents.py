"""Small files whole: saved from and read into memory, with the checksum compared."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from pdsclient._checks import check_text, shown
from pdsclient._crc64 import crc64, is_fast
from pdsclient.errors import SERVER_ERROR, DecodeError, InvalidRequest
from pdsclient.files._address import FileRef, address
from pdsclient.resources.file import FileResource
from pdsclient.storage import get_content
from pdsclient.transfer.control import Control
from pdsclient.transfer.planning import SMALLEST
from pdsclient.transfer.sources import source_of
from pdsclient.transfer.upload import Wanted, upload_content

if TYPE_CHECKING:
    from pdsclient._core import Engine
    from pdsclient.models.file import File

__all__ = ["MOST_BYTES", "SaveMode"]

SaveMode: TypeAlias = Literal["refuse", "overwrite", "auto_rename", "ignore"]

MOST_BYTES: Final = 64 << 20
"""Largest content that is dealt with in one piece."""

_MODES: Final = ("refuse", "overwrite", "auto_rename", "ignore")
# Pure Python takes a tenth of a second for it.
_MOST_SLOWLY: Final = 1 << 20


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
    where = await FileResource(engine).get_download_url(
        **address(file, drive_id, share_id), revision_id=revision_id
    )
    if where.url is None:
        raise DecodeError("the service did not say where the content is", code=SERVER_ERROR)
    # A size of the wrong type reads what was sent, and is none.
    size = where.size if isinstance(where.size, int) else None
    if size is not None and size > most:
        raise DecodeError(
            f"the file has {size:,} bytes, more than the {most:,} allowed", code=SERVER_ERROR
        )
    content, headers = await get_content(engine, where.url, most=most)
    if size is not None and size != len(content):
        raise DecodeError(
            f"{len(content):,} bytes came of a file of {size:,}; was it changed meanwhile?",
            code=SERVER_ERROR,
        )
    told = where.crc64_hash or headers.get("x-oss-hash-crc64ecma")
    if told is not None:
        _compare(await _checksum(engine, content), told)
    return content


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


async def _checksum(engine: Engine, content: bytes) -> str | None:
    """The service's ``crc64_hash``; None where it would take seconds."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(engine.shared.context.executor, _crc64_text, content)


def _crc64_text(content: bytes) -> str | None:
    return str(crc64(content)) if len(content) <= _MOST_SLOWLY or is_fast() else None


def _compare(ours: str | None, theirs: str | None) -> None:
    if ours is not None and theirs is not None and ours != theirs:
        raise DecodeError(
            f"the content differs from the service's: its CRC-64 is {ours}, not {theirs}",
            code=SERVER_ERROR,
        )
