"""The rest of an upload: get_upload_url, list_uploaded_parts, complete."""

from __future__ import annotations

import msgspec
from attrs import frozen

from pdsclient.emulator.handlers.access import (
    Address,
    Place,
    check_action,
    find_place,
    missing_file,
    read_address,
)
from pdsclient.emulator.handlers.looks import Look
from pdsclient.emulator.handlers.operation import Operation
from pdsclient.emulator.handlers.parts import (
    MOST_PARTS,
    PartAsked,
    fetch,
    part_urls,
    read_parts,
)
from pdsclient.emulator.handlers.work import check_quota
from pdsclient.emulator.hashing import Running
from pdsclient.emulator.params import Params
from pdsclient.emulator.replies import (
    Reply,
    ServiceError,
    conflict,
    invalid,
    json_reply,
    missing,
    not_found,
    not_match,
    raw_reply,
)
from pdsclient.emulator.service import Call
from pdsclient.emulator.store import FileRow, Part, Upload, UploadGone
from pdsclient.emulator.store.uploads import states_are_true

_MOST_LISTED = 1_000


@frozen
class Session:
    """The upload that a request is about, as it names it."""

    address: Address
    file_id: str
    upload_id: str

    @classmethod
    def read(cls, call: Call) -> Session:
        """From the parameters."""
        params = call.params
        return cls(read_address(call), params.required("file_id"), params.required("upload_id"))

    def find(self, call: Call) -> tuple[Place, FileRow, Upload]:
        """The upload itself; ServiceError when it or its file is gone."""
        place = find_place(call, self.address)
        row = call.store.get_file(place.drive_id, self.file_id)
        if row is None:
            raise missing_file(call, self.file_id)
        try:
            upload = call.store.upload(place.drive_id, self.file_id, self.upload_id)
        except UploadGone:
            raise self._gone(row) from None
        if upload.data["is_new"]:
            parent = call.store.get_file(place.drive_id, row.parent_file_id)
            check_action(call, place, parent, "FILE.CREATE")
        else:
            check_action(call, place, row, "FILE.UPDATE")
        return place, row, upload

    def parts(
        self, call: Call, row: FileRow, upload: Upload, *, after: int = 0, limit: int = -1
    ) -> list[Part]:
        """The parts that have arrived; ServiceError when the upload has ended meanwhile."""
        try:
            return call.store.parts(upload, after=after, limit=limit)
        except UploadGone:
            raise self._gone(row) from None

    def _gone(self, row: FileRow) -> ServiceError:
        # Only a file that had nothing to upload keeps the id.
        known = msgspec.json.decode(row.json).get("upload_id")
        if row.status == "available" and known == self.upload_id:
            message = f"The resource file has already exists. file_id {self.file_id}"
            return ServiceError(409, "AlreadyExist.File", message)
        return not_found("upload_id", f"upload_id:{self.upload_id}")


async def get_upload_url(call: Call) -> Reply:
    """``/file/get_upload_url``: fresh URLs for parts."""
    session = Session.read(call)
    parts = read_parts(call.params)
    if not parts:
        raise missing("part_info_list")
    return await call.service.read(_get_upload_url, call, session, parts)


def _get_upload_url(call: Call, session: Session, parts: list[PartAsked]) -> Reply:
    place, row, upload = session.find(call)
    return json_reply(
        {
            "domain_id": call.service.domain_id,
            "drive_id": "" if place.share else place.drive_id,
            "file_id": row.file_id,
            "upload_id": upload.upload_id,
            "create_at": upload.data["created_at"],
            "part_info_list": part_urls(call, row, upload.upload_id, parts),
        }
    )


async def list_uploaded_parts(call: Call) -> Reply:
    """``/file/list_uploaded_parts``: what has arrived, by number."""
    session = Session.read(call)
    limit = call.params.integer("limit", 1, _MOST_LISTED, 100)
    after = _part_marker(call.params)
    return await call.service.read(_list_uploaded_parts, call, session, limit, after)


def _part_marker(params: Params) -> int:
    """The number in ``part_number_marker``: sent as a number, given out as text."""
    if params.gives("part_number_marker"):
        try:
            text = params.text("part_number_marker")
        except ServiceError:
            return params.integer("part_number_marker", 0, MOST_PARTS, 0)
        if text is not None:
            if not text.isascii() or not text.isdecimal() or len(text) > 5:
                raise invalid("part_number_marker")
            return int(text)
    return 0


def _list_uploaded_parts(call: Call, session: Session, limit: int, after: int) -> Reply:
    _, row, upload = session.find(call)
    parts = session.parts(call, row, upload, after=after, limit=limit + 1)
    shown = [
        {"part_number": part.number, "part_size": part.size, "etag": part.etag}
        for part in parts[:limit]
    ]
    following = str(parts[limit - 1].number) if len(parts) > limit else ""
    return json_reply(
        {
            "file_id": row.file_id,
            "upload_id": upload.upload_id,
            "parallel_upload": upload.is_parallel,
            "uploaded_parts": shown,
            "next_part_number_marker": following,
        }
    )


async def complete(call: Call) -> Reply:
    """``/file/complete``: the parts become the file's content."""
    session = Session.read(call)
    etags = _etags(call.params)
    crc64 = call.params.text("crc64_hash")
    look = Look.read(call)
    upload, parts = await call.service.read(_completable, call, session, etags)
    running = await call.service.use_files(call.store.hashes, upload, parts)
    if not states_are_true(parts, running):
        raise invalid("part_info_list", "a parallel_sha1_ctx is not the state of the hash")
    return await call.service.write(_complete, call, session, parts, running, crc64, look)


def _etags(params: Params) -> dict[int, str | None]:
    """The parts that the caller believes to have sent; empty if it does not say."""
    given = params.objects("part_info_list")
    return {one.integer("part_number", 1, MOST_PARTS, 0): one.text("etag") for one in given}


def _completable(
    call: Call, session: Session, etags: dict[int, str | None]
) -> tuple[Upload, list[Part]]:
    _, row, upload = session.find(call)
    parts = session.parts(call, row, upload)
    _check_parts(call, parts, etags)
    if upload.is_parallel and call.settings.parallel_rules == "strict":
        _check_strictly(parts)
    size = sum(part.size for part in parts)
    if upload.data["size"] not in (None, size):
        raise not_match("size")
    return upload, parts


def _check_parts(call: Call, parts: list[Part], etags: dict[int, str | None]) -> None:
    numbers = [part.number for part in parts]
    if not parts or numbers != list(range(1, len(parts) + 1)):
        raise invalid("part_info_list", "parts are missing")
    for number, etag in etags.items():
        if number not in range(1, len(parts) + 1):
            raise invalid("part_info_list", f"part {number} is missing")
        if etag is not None and etag.strip('"').upper() != parts[number - 1].etag.strip('"'):
            raise invalid("part_info_list", f"part {number} has another etag")
    if any(part.size < call.settings.smallest_part for part in parts[:-1]):
        raise ServiceError(
            400,
            "EntityTooSmall",
            "Your proposed upload is smaller than the minimum allowed object size.",
        )


def _check_strictly(parts: list[Part]) -> None:
    """What clients are told to keep to in parallel mode (pds-service.md 10.4)."""
    sizes = [part.size for part in parts]
    if len(set(sizes[:-1])) > 1 or sizes[-1] > sizes[0]:
        raise invalid("part_info_list", "all parts but the last should be of one size")
    if any(part.state is None for part in parts[1:]):
        raise invalid("part_info_list", "a part has no parallel_sha1_ctx")


def _complete(
    call: Call, session: Session, parts: list[Part], running: Running, crc64: str | None, look: Look
) -> Reply:
    with call.store.atomic():
        place, row, upload = session.find(call)
        settings = call.settings
        if call.store.parts(upload) != parts:
            raise conflict("upload_id", "A part has arrived meanwhile.")
        check_quota(call, place, running.size)
        wanted = upload.data["content_hash"]
        if wanted is not None and running.hexdigest(upload.data["hash_name"]) != wanted.upper():
            raise not_match("content_hash")
        call.store.complete_upload(
            upload, parts, running, keeps_revisions=settings.revisions == "kept"
        )
        row = fetch(call, place, row.file_id)
        is_wrong = crc64 is not None and crc64 != msgspec.json.decode(row.json).get("crc64_hash")
        if is_wrong and settings.wrong_crc64 == "refused":
            raise not_match("crc64_hash")
        return raw_reply(look.show(call, place, row))


OPERATIONS = {
    "/file/complete": Operation(complete, "share"),
    "/file/get_upload_url": Operation(get_upload_url, "share"),
    "/file/list_uploaded_parts": Operation(list_uploaded_parts, "share"),
}
