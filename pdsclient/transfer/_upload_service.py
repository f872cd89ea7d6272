"""What an upload asks of the service (pds-service.md 10)."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from pdsclient._retrying import wait_before_retry
from pdsclient.errors import SERVER_ERROR, DecodeError, NotFound, PDSError, PermissionDenied
from pdsclient.models.file import File
from pdsclient.models.upload import CreatedFile, UploadPart, UploadPartInfo
from pdsclient.resources.file import FileResource
from pdsclient.transfer.planning import Action, after_error

if TYPE_CHECKING:
    from pdsclient._core import Engine
    from pdsclient.transfer._upload_checkpoint import Begun
    from pdsclient.transfer._upload_wanted import Wanted

__all__ = ["FoundUpload", "Service", "UploadGone", "checked_parts"]

# Somebody waits for the end of a transfer that has failed or was cancelled.
_DISCARD_S: Final = 3.0
# What a creation and a file have in common.
_ALSO_TOLD: Final = (
    "domain_id", "drive_id", "share_id", "parent_file_id", "file_id", "revision_id",
)  # fmt: skip


class UploadGone(Exception):
    """The service does not know the upload: it is complete, or was dropped.

    Attributes:
        error: what the service said.
    """

    def __init__(self, error: PDSError) -> None:
        super().__init__(str(error))
        self.error = error


class FoundUpload(CreatedFile, frozen=True, kw_only=True):
    """An unfinished upload, of which a lost answer may have told."""


class Service:
    """The operations of one upload.

    Args:
        engine: of the client.
        wanted: where the upload goes.
    """

    def __init__(self, engine: Engine, wanted: Wanted) -> None:
        self._engine = engine
        self._place: dict[str, Any] = wanted.place
        self._wanted = wanted
        self._file = FileResource(engine)

    def _with(self, **options: Any) -> FileResource:
        return FileResource(self._engine.with_options(options))

    # The ids are the service's own words: they go back as they came.
    @cached_property
    def _told(self) -> FileResource:
        return self._with(validate=False)

    # ---- creating

    async def create(self, fields: dict[str, Any]) -> CreatedFile:
        """Create a file, or begin a version of one.

        An answer that got lost leaves it open whether there is a file now. A second question
        would make a second file, so it is first looked for what the lost one may have made. It is
        asked again only if that is nothing, or in a way that makes no second one.
        """
        # What the answer to these says is no failure, and nobody is to be told of one.
        expected = bool(fields.get("pre_hash") or fields.get("parallel_upload"))
        file = self._with(emit_error=False) if expected else self._file
        attempt = 0
        while True:
            attempt += 1
            try:
                return await file.create(**fields)
            except PDSError as error:
                if not error.may_have_happened:
                    raise
                lost = error
            await self._wait(lost, attempt)
            made = await self.made(fields)
            if made is not None:
                return made
            if fields.get("content_hash") and fields["check_name_mode"] != "refuse":
                # It may be whole already, under a name that nobody knows.
                raise lost

    async def _wait(self, lost: PDSError, attempt: int) -> None:
        wait = wait_before_retry(self._engine, lost, attempt=attempt, repeatable=True)
        if wait is None:
            raise lost
        await self._engine.shared.context.sleep(wait)

    async def made(self, fields: dict[str, Any]) -> CreatedFile | None:
        """What a creation has made whose answer nobody got; None if it made nothing.

        An unfinished upload of this name and size is taken for it; the checksum of the whole
        settles at the end whether it was. What has this content already is what was wanted.
        """
        if fields.get("file_id") is not None:
            return None  # another version of the same file does no harm
        return await self._unfinished(fields) or await self._same_content(fields)

    async def _unfinished(self, fields: dict[str, Any]) -> CreatedFile | None:
        found = await self._told.list(
            **self._place,
            parent_file_id=fields["parent_file_id"],
            status="uploading",
            order_by="created_at",
            order_direction="DESC",
            limit=100,
        )
        is_name = _name_test(fields["name"], renamed=fields["check_name_mode"] == "auto_rename")
        for file in found.items:
            is_ours = is_name(file.name or "") and file.size in (None, 0, fields["size"])
            if is_ours and file.file_id and file.upload_id:
                return FoundUpload(file_id=file.file_id, upload_id=file.upload_id)
        return None

    async def _same_content(self, fields: dict[str, Any]) -> CreatedFile | None:
        """A file of this name whose content needs no upload."""
        if not fields.get("content_hash"):
            return None
        refusing = {**fields, "check_name_mode": "refuse"}
        created = await self._with(idempotent=True).create(**refusing)
        if not created.exist:
            return created
        file = await self.get(created.file_id or "")
        if file is None or (file.content_hash or "").upper() != fields["content_hash"]:
            return None
        return CreatedFile(file_id=file.file_id, exist=False, rapid_upload=True)

    # ---- parts

    async def urls(self, begun: Begun, parts: Sequence[UploadPart]) -> list[UploadPartInfo]:
        """URLs for parts.

        Raises:
            UploadGone: there is no such upload.
        """
        try:
            reply = await self._told.get_upload_url(**self._of(begun), part_info_list=parts)
        except PDSError as error:
            _check_gone(error)
            raise
        return checked_parts(reply.part_info_list)

    async def arrived(self, begun: Begun) -> tuple[dict[int, int], bool | None]:
        """The bytes of each part that is there, by number; and whether any order is allowed.

        Raises:
            UploadGone: there is no such upload.
        """
        sizes: dict[int, int] = {}
        parallel: bool | None = None
        try:
            async for page in self._told.list_uploaded_parts(**self._of(begun)).pages():
                parallel = page.parallel_upload if parallel is None else parallel
                for part in checked_parts(page.items):
                    sizes[part.part_number or 0] = part.part_size or 0
        except PDSError as error:
            _check_gone(error)
            raise
        return sizes, parallel

    # ---- the end

    async def complete(self, begun: Begun, checksum: str | None) -> File:
        """The file, now that all parts are there.

        Raises:
            UploadGone: there is no such upload: an earlier answer may have got lost.
        """
        # Again after success it is NotFound.UploadId (3.7), so that again does no harm.
        try:
            file = await self._with(validate=False, idempotent=True).complete(
                **self._of(begun), crc64_hash=checksum
            )
        except PDSError as error:
            _check_gone(error)
            raise
        if file.file_id != begun.file_id:
            raise DecodeError(
                "the service did not say what became of the upload",
                code=SERVER_ERROR,
                may_have_happened=True,
            )
        return file

    async def get(self, file_id: str) -> File | None:
        """The file; None if there is none, or it is not whole."""
        return await self._get(self._with(validate=False, emit_error=False), file_id)

    async def _get(self, file: FileResource, file_id: str) -> File | None:
        try:
            found = await file.get(**self._place, file_id=file_id)
        except NotFound:
            return None
        return None if found.status == "uploading" else found

    async def whole(self, created: CreatedFile) -> File:
        """The file, which is there; who may upload only gets what the creation told of it."""
        file = self._with(validate=False, emit_error=False)
        try:
            return await file.get(**self._place, file_id=created.file_id or "")
        except PermissionDenied:
            return File(
                **{name: getattr(created, name) for name in _ALSO_TOLD},
                name=created.file_name or self._wanted.name,
                type="file",
            )

    def hidden(self, begun: Begun) -> File:
        """The file as far as it is known to somebody who may not look at it."""
        return File(
            **self._place, file_id=begun.file_id, revision_id=begun.revision_id, type="file"
        )

    async def discard(self, begun: Begun, *, whole: bool = False) -> None:
        """Drop an upload and the file that was created for it; as far as that can be done soon.

        Args:
            begun: the upload.
            whole: also if the file is complete; somebody may have put it to use.
        """
        if not begun.is_new:
            return
        file = self._with(validate=False, emit_error=False, retries=0)
        with suppress(PDSError, TimeoutError):
            async with asyncio.timeout(_DISCARD_S):
                if whole or await self._get(file, begun.file_id) is None:
                    await file.delete(**self._place, file_id=begun.file_id)

    def _of(self, begun: Begun) -> dict[str, Any]:
        return {**self._place, "file_id": begun.file_id, "upload_id": begun.upload_id}


def _name_test(name: str, *, renamed: bool) -> Callable[[str], object]:
    """Whether a file has the name, or one that ``auto_rename`` makes of it (10.2)."""
    if not renamed:
        return name.__eq__
    stem, ending = os.path.splitext(name)
    return re.compile(f"{re.escape(stem)}(_[0-9_]+)?{re.escape(ending)}").fullmatch


def _check_gone(error: PDSError) -> None:
    """Raise UploadGone if that is what the error says."""
    # With an upload that it drops the service drops the file that was created for it.
    if isinstance(error, NotFound) or after_error(error) is Action.LOOK_AT_FILE:
        raise UploadGone(error) from error


def checked_parts(parts: object) -> list[UploadPartInfo]:
    """The parts of a reply that say which ones they are."""
    if not isinstance(parts, list):
        raise DecodeError("the service sent parts in an unknown form", code=SERVER_ERROR)
    return [
        part
        for part in parts
        if isinstance(part, UploadPartInfo) and isinstance(part.part_number, int)
    ]
