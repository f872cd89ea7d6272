"""Small files whole: saved from and read into memory, with the checksum compared."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from pdsclient._checks import check_text, shown
from pdsclient._crc64 import crc64, is_fast
from pdsclient.errors import SERVER_ERROR, DecodeError, InvalidRequest, PDSError
from pdsclient.files._address import FileRef, address
from pdsclient.files.changes import clash
from pdsclient.models.upload import UploadPartInfo
from pdsclient.resources.file import FileResource
from pdsclient.storage import get_content, put_content

if TYPE_CHECKING:
    from pdsclient._core import Engine
    from pdsclient.models.file import File
    from pdsclient.models.upload import CreatedFile

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
    file = FileResource(engine)
    place: dict[str, Any] = {"drive_id": drive_id, "share_id": share_id}
    created = await _create(
        file,
        check_name_mode,
        **place,
        name=name,
        parent_file_id=parent_file_id,
        size=len(content),
    )
    if created.rapid_upload:
        return await file.get(**place, file_id=created.file_id or "")
    part = _only_part(created)
    checksum = await _checksum(engine, content)
    await put_content(engine, part.upload_url or "", content, content_type=part.content_type)
    # The ids are the service's own words: they go back as they came.
    as_told = FileResource(engine.with_options({"validate": False}))
    return await _complete(as_told, created, place, checksum)


async def _create(file: FileResource, mode: SaveMode, **fields: Any) -> CreatedFile:
    checked = "refuse" if mode == "overwrite" else mode
    created = await file.create(**fields, type="file", check_name_mode=checked)
    if created.exist and mode == "overwrite":
        _check_told(created)
        # A new version of the one that is there; it does not clash with itself (10.1).
        created = await file.create(
            **fields, type="file", check_name_mode="refuse", file_id=created.file_id
        )
    _check_told(created)
    if created.exist:
        raise clash("the folder has a file of this name already", created.file_id)
    return created


def _check_told(created: CreatedFile) -> None:
    if not isinstance(created.file_id, str):
        raise DecodeError("the service did not say which file it is about", code=SERVER_ERROR)


def _only_part(created: CreatedFile) -> UploadPartInfo:
    parts = created.part_info_list
    for part in parts if isinstance(parts, list) else ():
        if isinstance(part, UploadPartInfo) and part.upload_url is not None:
            return part
    raise DecodeError("the service did not say where the content goes", code=SERVER_ERROR)


async def _complete(
    file: FileResource, created: CreatedFile, place: dict[str, Any], checksum: str | None
) -> File:
    """The file once its content has arrived, and is the one that was sent."""
    which = {**place, "file_id": created.file_id}
    try:
        done = await file.complete(**which, upload_id=created.upload_id or "", crc64_hash=checksum)
    except PDSError as error:
        # An earlier answer may have been lost (pds-service.md 3.7).
        if not (error.may_have_happened or error.code == "NotFound.UploadId"):
            raise
        found = await _completed(file, created, which, checksum)
        if found is None:
            raise
        return found
    _compare(checksum, done.crc64_hash)
    return done


async def _completed(
    file: FileResource, created: CreatedFile, which: dict[str, Any], checksum: str | None
) -> File | None:
    """The file if it is there with this content; an overwritten one may still have the old."""
    try:
        found = await file.get(**which)
    except PDSError:
        return None
    same = checksum is not None and found.crc64_hash == checksum
    newest = created.revision_id is not None and found.revision_id == created.revision_id
    return found if same or newest else None


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
            f"data has {len(data):,} bytes, above {MOST_BYTES:,}: that is no small file, and has "
            "to be uploaded in parts with file.create, get_upload_url and complete"
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
