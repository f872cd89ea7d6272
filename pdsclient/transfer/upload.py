"""Uploads: a source becomes a file, whatever breaks on the way.

::

    create ──┬─ the domain knows the content: done
             └─ parts ── complete ── done
                  │         │
                  └─────────┴─ the upload is gone: is the file whole? else begin anew, once

What was begun stays when the upload fails or is cancelled, if it has parts that a later run can
go on with: ``transfer.checkpoint`` says where. Everything else is dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from pdsclient.errors import (
    SERVER_ERROR,
    BadRequest,
    Conflict,
    ContentChanged,
    ContentMismatch,
    InvalidRequest,
    PDSError,
    PermissionDenied,
)
from pdsclient.models.upload import CreateFileRequest
from pdsclient.transfer._upload_begin import Beginning, Created
from pdsclient.transfer._upload_checkpoint import Begun, Notes, UploadCheckpoint
from pdsclient.transfer._upload_parts import Sender
from pdsclient.transfer._upload_reading import Examiner
from pdsclient.transfer._upload_service import FoundUpload, Service, UploadGone, checked_parts
from pdsclient.transfer._upload_wanted import Wanted
from pdsclient.transfer.control import Control
from pdsclient.transfer.handle import Transfer
from pdsclient.transfer.kinds import AnySource, UploadMode
from pdsclient.transfer.planning import PartPlan, part_size_for
from pdsclient.transfer.sources import Content, Source, name_for, source_of

if TYPE_CHECKING:
    from pdsclient._core import Engine
    from pdsclient.models.file import File
    from pdsclient.models.upload import CreatedFile, HashName, UploadPartInfo

__all__ = ["UploadCheckpoint", "Wanted", "upload", "upload_content"]


def upload(
    engine: Engine,
    source: AnySource,
    *,
    drive_id: str | None,
    share_id: str | None,
    parent_file_id: str,
    name: str | None,
    size: int | None,
    check_name_mode: UploadMode,
    file_id: str | None,
    rapid_upload: bool,
    content_hash_name: HashName,
    parallel: bool | None,
    part_size: int | None,
    concurrency: int,
    bandwidth: float | None,
    checkpoint: Any,
    content_type: str | None,
    description: str | None,
    hidden: bool | None,
    user_tags: Mapping[str, str] | Iterable[Any] | None,
    local_created_at: str | datetime | None,
    local_modified_at: str | datetime | None,
) -> Transfer[File]:
    """See ``AsyncPDSClient.upload``."""
    made = source_of(source, size)
    wanted = Wanted(
        name=name_for(made, name),
        drive_id=drive_id,
        share_id=share_id,
        parent_file_id=parent_file_id,
        check_name_mode=check_name_mode,
        file_id=file_id,
        rapid_upload=rapid_upload,
        content_hash_name=content_hash_name,
        parallel=parallel,
        part_size=part_size,
        checkpoint=checkpoint,
        content_type=content_type,
        description=description,
        hidden=hidden,
        user_tags=user_tags,
        local_created_at=local_created_at,
        local_modified_at=local_modified_at,
    )
    if made.flows and checkpoint is not None:
        raise InvalidRequest(
            "checkpoint is for sources that can be read again: a path, bytes, or a file that can "
            "seek; leave it out"
        )
    engine.wire(CreateFileRequest(**wanted.creation(size)))
    part_size_for(size, part_size)
    control = Control(engine, concurrency=concurrency, bandwidth=bandwidth)
    control.meter.expect(files=1)

    async def work(control: Control) -> File:
        file = await upload_content(control, made, wanted)
        if control.outcome == "skipped":
            control.meter.file_skipped()
        else:
            control.meter.file_done()
        return file

    return Transfer(control, work, f"upload of {wanted.name}")


async def upload_content(control: Control, source: Source, wanted: Wanted) -> File:
    """The file that the content of a source has become.

    Args:
        control: of the transfer; ``outcome`` will be ``uploaded``, ``rapid`` or ``skipped``.
        source: what to upload.
        wanted: where to, and what it is to be like.

    Raises:
        as ``AsyncPDSClient.upload``.
    """
    hold = part_size_for(None, wanted.part_size)
    await control.gate()
    async with await source.open(control, hold) as content:
        return await _Upload(control, content, wanted).run()


class _Upload:
    """One upload, with its second beginning if that is needed."""

    def __init__(self, control: Control, content: Content, wanted: Wanted) -> None:
        self._control = control
        self._content = content
        self._wanted = wanted
        self._service = Service(control.engine, wanted)
        self._notes = Notes(control, content, wanted)
        self._beginning = Beginning(
            control, self._service, content, wanted, lambda: self._note(None, creating=True)
        )
        self._begun: Begun | None = None
        self._gone: PDSError
        # The service will never take these parts.
        self._is_refused = False
        # All parts have arrived, and the service was asked to make the file of them.
        self._is_ending = False

    async def run(self) -> File:
        self._expect()
        await self._notes.load()
        try:
            file = await self._uploaded()
        except BaseException as error:
            await self._leave(error)
            raise
        await self._notes.remove()
        return file

    async def _uploaded(self) -> File:
        perhaps = await self._recall()
        file = await self._attempt(perhaps=perhaps)
        if file is None and self._content.again:
            await self._give_up()
            self._count_nothing()
            file = await self._attempt()
        if file is None:
            raise self._gone
        return file

    def _expect(self) -> None:
        size = self._content.size
        count = None if size is None else PartPlan(size, self._beginning.part_size).count
        self._control.meter.expect(bytes=size, parts=count)

    def _count_nothing(self) -> None:
        meter = self._control.meter
        meter.moved(-meter.bytes_done)
        meter.part_done(-meter.parts_done)

    async def _recall(self) -> bool:
        """Take up what an earlier run has begun; whether it may have begun what it told nobody."""
        past = self._notes.past
        if past is None:
            return False
        if self._notes.is_outdated:
            if past.begun is not None:
                await self._service.discard(past.begun)
            return False
        if past.hash_name == self._wanted.content_hash_name:
            self._beginning.content_hash = past.content_hash
        self._begun = past.begun
        return past.creating

    async def _leave(self, error: BaseException) -> None:
        """The upload has failed; what nobody can go on with is dropped."""
        wrong = self._is_refused or isinstance(error, (ContentChanged, ContentMismatch))
        if wrong or not self._keeps():
            await self._give_up(whole=isinstance(error, ContentMismatch))

    def _keeps(self) -> bool:
        """Whether a later run saves something by going on."""
        given = self._wanted.checkpoint is not None
        return self._content.again and (given or self._is_in_parts())

    def _is_in_parts(self) -> bool:
        size = self._content.size
        return size is None or size > self._beginning.part_size

    async def _give_up(self, *, whole: bool = False) -> None:
        begun, self._begun = self._begun, None
        if begun is not None:
            await self._service.discard(begun, whole=whole)
        await self._notes.remove()

    async def _note(self, begun: Begun | None, *, creating: bool = False) -> None:
        if self._keeps():
            await self._notes.save(self._beginning.content_hash, begun, creating=creating)

    # ---- from the beginning to the end

    async def _attempt(self, *, perhaps: bool = False) -> File | None:
        """The file; None if the upload is gone."""
        known: list[UploadPartInfo] | None = None
        self._is_ending = False
        if self._begun is None:
            created = await self._begin(perhaps=perhaps)
            if created.begun is None:
                return await self._settled(created.reply)
            self._begun = created.begun
            await self._note(created.begun)
            if not isinstance(created.reply, FoundUpload):
                known = checked_parts(created.reply.part_info_list)
        sender = self._sender(self._begun, known)
        try:
            await sender.run()
            return await self._completed(sender, self._begun)
        except UploadGone as gone:
            self._gone = gone.error
            return await self._found_or_hidden(sender, self._begun)

    async def _begin(self, *, perhaps: bool) -> Created:
        await self._note(None, creating=True)
        try:
            return await self._beginning.begin(perhaps=perhaps)
        except PDSError as error:
            # A clash is seen only after it was looked for what an earlier run may have created.
            if isinstance(error, Conflict) or not (perhaps or error.may_have_happened):
                await self._note_nothing()
            raise

    async def _note_nothing(self) -> None:
        """No file was created."""
        # A hash that took its time is worth keeping.
        if self._beginning.content_hash is not None and self._is_in_parts():
            await self._note(None)
        else:
            await self._notes.remove()

    async def _settled(self, created: CreatedFile) -> File:
        """The file that needs no upload."""
        file = await self._service.whole(created)
        self._control.outcome = "skipped" if created.exist else "rapid"
        if not created.exist:
            self._control.meter.kept(self._content.size or 0)
        return file

    def _sender(self, begun: Begun, known: list[UploadPartInfo] | None) -> Sender:
        states = self._beginning.states if begun.parallel else {}
        hash_name = self._wanted.content_hash_name
        examiner = Examiner(
            self._control.disk,
            self._content.size,
            hash_name if begun.parallel and not states else None,
        )
        return Sender(
            self._control,
            self._service,
            self._content,
            begun,
            examiner=examiner,
            states=states or examiner.states,
            hash_name=hash_name,
            known=known,
        )

    async def _completed(self, sender: Sender, begun: Begun) -> File:
        """The file, made of its parts."""
        await self._content.settle()
        checksum = sender.examiner.checksum()
        self._is_ending = True
        try:
            file = await self._service.complete(begun, checksum)
        except PDSError as error:
            self._is_refused = isinstance(error, BadRequest)
            found = await self._found(sender, begun) if error.may_have_happened else None
            if found is None:
                raise _mismatch_or(error) from error.__cause__
            return found
        self._compare(sender.examiner, file)
        self._control.outcome = "uploaded"
        return file

    def _compare(self, examiner: Examiner, file: File) -> None:
        """Raise ContentMismatch if the service has another content than was sent."""
        hash_name = self._wanted.content_hash_name
        ours = examiner.content_hash() or self._beginning.content_hash
        theirs = file.content_hash if file.content_hash_name == hash_name else None
        pairs = (
            ("CRC-64", examiner.checksum(), file.crc64_hash),
            (hash_name, ours, theirs and theirs.upper()),
        )
        for name, own, other in pairs:
            if own is not None and other is not None and own != other:
                raise ContentMismatch(
                    f"the content differs from the service's: its {name} is {own}, not {other}",
                    code=SERVER_ERROR,
                )

    async def _found_or_hidden(self, sender: Sender, begun: Begun) -> File | None:
        """The file if it is whole, also for somebody who may upload only."""
        try:
            return await self._found(sender, begun)
        except PermissionDenied:
            # An upload that is gone after all its parts had arrived has become the file;
            # JavaScript's SDK takes this for success, too (3.7).
            if not self._is_ending:
                raise
        self._control.outcome = "uploaded"
        return self._service.hidden(begun)

    async def _found(self, sender: Sender, begun: Begun) -> File | None:
        """The file if it is whole with this content; one that is overwritten may have the old."""
        file = await self._service.get(begun.file_id)
        if file is None:
            return None
        # Whatever it is, it is more than the beginning of this upload.
        self._begun = msgspec.structs.replace(begun, is_new=False)
        if file.size not in (None, sender.examiner.size, self._content.size):
            return None
        if self._content.again:
            await sender.read_rest()
        ours = sender.examiner.checksum()
        same = ours is not None and ours == file.crc64_hash
        newest = begun.revision_id is not None and begun.revision_id == file.revision_id
        if not same and not (newest and None in (ours, file.crc64_hash)):
            return None
        self._control.outcome = "uploaded"
        return file


def _mismatch_or(error: PDSError) -> PDSError:
    """The service compares what it has got with what was announced (10.6)."""
    if error.code.partition(".")[0] != "InvalidParameterNotMatch":
        return error
    return ContentMismatch(
        f"the service got another content than was sent: {error.message}",
        code=error.code,
        status=error.status,
        req_id=error.req_id,
    )
