"""Bringing content in: creating files and folders, part URLs, completion (pds-service.md 10)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Literal, TypeAlias

from pdsclient.errors import DecodeError
from pdsclient.models._base import Model, Page, absent, listed
from pdsclient.models._request import Part, PartOf, Request, optional, request, required
from pdsclient.models._rules import (
    COUNT,
    DESCRIPTION,
    FILE_ID,
    FILE_NAME,
    FLAG,
    ID,
    LABELS,
    PAGE_LIMIT,
    TEXT,
    Choice,
    ListOf,
    Text,
    Whole,
)
from pdsclient.models._service_rules import Tags, Time
from pdsclient.models._shared import CheckNameMode, FileType, InDrive

__all__ = [
    "CompleteFileRequest",
    "CompletedPart",
    "CreateFileRequest",
    "CreatedFile",
    "GetUploadUrlRequest",
    "HashContext",
    "HashState",
    "ListUploadedPartsRequest",
    "NameCheck",
    "NameCheckResult",
    "PreCreateCheckRequest",
    "UploadFormInfo",
    "UploadPart",
    "UploadPartInfo",
    "UploadUrls",
    "UploadedPartPage",
]

HashName: TypeAlias = Literal["sha1", "sha256"]

_CONTENT_HASH = Text(64, ascii=True)
_PART_NUMBER = Whole(1, 10_000)
_PART_MARKER = re.compile("[0-9]{1,9}")


class HashState(Model, frozen=True, kw_only=True):
    """State of a hash before a part."""

    h: list[int] = listed()
    """The words of the state: 5 of SHA-1, 8 of SHA-256."""
    part_offset: int | None = None
    """Bytes before the part."""


class UploadFormInfo(Model, frozen=True, kw_only=True):
    """An upload by an HTML form."""

    __urls__: ClassVar[frozenset[str]] = frozenset({"endpoint", "form_data"})

    endpoint: str | None = None
    """Where the form goes."""
    form_data: dict[str, str] | None = None
    """Its signed fields."""


class UploadPartInfo(Model, frozen=True, kw_only=True):
    """A part of an upload, and where its bytes go (pds-service.md 10.4)."""

    __urls__: ClassVar[frozenset[str]] = frozenset({"internal_upload_url", "upload_url"})

    content_type: str | None = None
    """``Content-Type`` that the URL is signed for; None: send none."""
    etag: str | None = None
    """The storage's mark of the part, with its quotes."""
    internal_upload_url: str | None = None
    """Presigned URL for inside the vendor's network."""
    parallel_sha1_ctx: HashState | None = None
    """SHA-1 of everything before the part, in parallel uploads."""
    parallel_sha256_ctx: HashState | None = None
    """SHA-256 of everything before the part, in parallel uploads."""
    part_number: int | None = None
    """Its number, from 1."""
    part_size: int | None = None
    """Bytes."""
    upload_form_info: UploadFormInfo | None = None
    """What a form needs instead."""
    upload_url: str | None = None
    """Presigned URL for a PUT of its bytes, for 15 minutes."""


class CreatedFile(Model, frozen=True, kw_only=True):
    """What became of a creation: a folder, an upload to be done, or nothing (10.1-10.3)."""

    __urls__: ClassVar[frozenset[str]] = frozenset({"streams_upload_info"})

    domain_id: str | None = None
    """The domain."""
    drive_id: str | None = None
    """The drive; absent through a share."""
    encrypt_mode: str | None = None
    """How the content is encrypted."""
    exist: bool | None = None
    """The name was taken and nothing was created: ``file_id`` is the one that has it."""
    file_id: str | None = None
    """The file or folder."""
    file_name: str | None = None
    """Its name, which ``auto_rename`` may have changed."""
    location: str | None = None
    """Region where the content is stored."""
    parent_file_id: str | None = None
    """The folder it is in."""
    part_info_list: list[UploadPartInfo] = listed()
    """Where the parts go."""
    rapid_upload: bool | None = None
    """The content was known already: there is nothing to upload, nor to complete."""
    revision_id: str | None = None
    """The version that is being uploaded."""
    share_id: str | None = None
    """The share it was created through."""
    status: str | None = None
    """``available`` or ``uploading``."""
    streams_upload_info: Any = None
    """Upload of the streams of a live photo, with presigned URLs."""
    type: str | None = None
    """``file`` or ``folder``."""
    upload_id: str | None = None
    """The upload, for ``get_upload_url`` and ``complete``."""


class UploadUrls(Model, frozen=True, kw_only=True):
    """Fresh URLs for parts of an upload."""

    create_at: datetime | None = None
    """When the upload began."""
    domain_id: str | None = None
    """The domain."""
    drive_id: str | None = None
    """The drive."""
    file_id: str | None = None
    """The file."""
    part_info_list: list[UploadPartInfo] = listed()
    """Where the parts go."""
    upload_id: str | None = None
    """The upload."""


class UploadedPartPage(Page[UploadPartInfo], frozen=True, kw_only=True):
    """A page of the parts that have arrived (pds-service.md 10.5)."""

    __asking__: ClassVar[tuple[str, Callable[[str], object]]] = ("part_number_marker", int)

    items: list[UploadPartInfo] = listed("uploaded_parts")
    """The parts; the service calls them ``uploaded_parts``."""
    next_marker: str | None = absent("next_part_number_marker")
    """Number of the last part here; the service calls it ``next_part_number_marker``."""
    file_id: str | None = None
    """The file."""
    parallel_upload: bool | None = None
    """Parts may come in any order."""
    upload_id: str | None = None
    """The upload."""

    @property
    def has_more(self) -> bool:
        """Another page follows."""
        # "0" is the end as well (pds-service.md 7).
        return self.next_marker not in (None, "0")

    def with_body(self, body: bytes) -> UploadedPartPage:
        marker: object = self.next_marker or "0"
        if not (isinstance(marker, str) and _PART_MARKER.fullmatch(marker)):
            raise DecodeError("the next_part_number_marker of the page is not a number")
        return super().with_body(body)


class NameCheckResult(Model, frozen=True, kw_only=True):
    """What has the name already."""

    exist_file_id: str | None = None
    """The file or folder."""
    exist_file_type: str | None = None
    """``file`` or ``folder``."""


class NameCheck(Model, frozen=True, kw_only=True):
    """Whether a name is free (pds-service.md 6.4); lags behind creations by seconds."""

    name_check_result: NameCheckResult | None = None
    """What has the name already."""
    result_code: str | None = None
    """``success``, or ``NameCheckFailed.ExistSameNameFile``."""


@request
class HashContext(Part):
    """State of a hash before a part of a parallel upload."""

    h: Sequence[int] | None = optional(
        ListOf(Whole(0, 2**32 - 1), most=8), "The words of the state: 5 of SHA-1, 8 of SHA-256."
    )
    part_offset: int | None = optional(COUNT, "Bytes before the part, a multiple of 64.")


@request
class UploadPart(Part):
    """A part that a URL is wanted for."""

    content_md5: str | None = optional(TEXT, "MD5 of the part, base64; the URL is signed for it.")
    content_type: str | None = optional(TEXT, "Content-Type that the URL is signed for.")
    parallel_sha1_ctx: HashContext | Mapping[str, Any] | None = optional(
        PartOf(HashContext), "SHA-1 of everything before, in parallel uploads."
    )
    parallel_sha256_ctx: HashContext | Mapping[str, Any] | None = optional(
        PartOf(HashContext), "SHA-256 of everything before, in parallel uploads."
    )
    part_number: int | None = optional(_PART_NUMBER, "Its number.")
    part_size: int | None = optional(COUNT, "Its bytes.")


@request
class CompletedPart(Part):
    """A part that was uploaded."""

    etag: str | None = optional(TEXT, "ETag of the storage's answer, with its quotes.")
    part_number: int = required(_PART_NUMBER, "Its number.")


_PARTS = ListOf(PartOf(UploadPart), most=10_000)


@request
class CreateFileRequest(InDrive, Request):
    """Creates a folder, or a file whose content is uploaded next.

    With ``check_name_mode="refuse"`` and a taken name nothing is created and the reply's
    ``exist`` is true. With ``content_hash`` a content that the domain knows needs no upload; a
    known ``pre_hash`` raises Conflict, code ``PreHashMatched``. Source: pds-service.md 10.
    """

    auto_rename: bool | None = optional(FLAG, "As check_name_mode auto_rename.")
    check_name_mode: CheckNameMode | None = optional(
        Choice(CheckNameMode), "What to do if the name is taken; ignore if left out."
    )
    content_hash: str | None = optional(_CONTENT_HASH, "Hash of the content, in hex.")
    content_hash_name: HashName | None = optional(Choice(HashName), "Which hash it is.")
    content_md5: str | None = optional(TEXT, "MD5 of the content, base64.")
    content_type: str | None = optional(
        TEXT, "Media type of the file; application/oct-stream (sic) if left out."
    )
    description: str | None = optional(DESCRIPTION, "Free text.")
    encrypt_mode: str | None = optional(TEXT, "How to encrypt the content.")
    file_id: str | None = optional(FILE_ID, "Overwrite this file: it gets a new version.")
    hidden: bool | None = optional(FLAG, "Hide it.")
    labels: Sequence[str] | None = optional(LABELS, "Labels.")
    last_updated_at: str | datetime | None = optional(Time(), "Not described by the vendor.")
    local_created_at: str | datetime | None = optional(
        Time(whole=True), "When it was created on the device."
    )
    local_modified_at: str | datetime | None = optional(
        Time(whole=True), "When it was changed on the device."
    )
    meta: str | None = optional(TEXT, "Data of the application.")
    name: str = required(FILE_NAME, "Its name.")
    parallel_upload: bool | None = optional(
        FLAG, "Parts may come in any order; each then needs a hash context."
    )
    parent_file_id: str = required(FILE_ID, "The folder; root is the top.")
    part_info_list: Sequence[UploadPart | Mapping[str, Any]] | None = optional(
        _PARTS, "The parts; a single one if left out."
    )
    pre_hash: str | None = optional(
        _CONTENT_HASH, "SHA-1 of the first 1,024 bytes, in hex, to ask whether hashing pays."
    )
    size: int | None = optional(COUNT, "Bytes of the content.")
    type: FileType = required(Choice(FileType), "What to create.")
    upload_type: str | None = optional(TEXT, "Not described by the vendor.")
    user_meta: str | None = optional(TEXT, "Data of the application.")
    user_tags: Mapping[str, str] | Sequence[Any] | None = optional(
        Tags(), "Tags of the application."
    )


@request
class PreCreateCheckRequest(InDrive, Request):
    """Whether a name is free in a folder. Source: pds-service.md 6.4."""

    name: str = required(FILE_NAME, "The name.")
    parent_file_id: str = required(FILE_ID, "The folder; root is the top.")
    type: FileType = required(Choice(FileType), "What is to be created.")


@request
class _OfUpload(InDrive):
    """An upload under way."""

    file_id: str = required(FILE_ID, "The file that is being uploaded.")
    upload_id: str = required(ID, "The upload.")


@request
class GetUploadUrlRequest(_OfUpload, Request):
    """Fresh URLs for parts of an upload; they live 15 minutes. Source: pds-service.md 10.4."""

    part_info_list: Sequence[UploadPart | Mapping[str, Any]] = required(_PARTS, "The parts.")


@request
class ListUploadedPartsRequest(_OfUpload, Request):
    """The parts that have arrived, for going on with an upload. Source: pds-service.md 10.5."""

    limit: int | None = optional(PAGE_LIMIT, "Most parts in a page; 100 if left out.")
    part_number_marker: int | None = optional(
        Whole(0, 10_000), "Number of the part after which to begin."
    )


@request
class CompleteFileRequest(_OfUpload, Request):
    """Finishes an upload whose parts have all arrived. Source: pds-service.md 10.6."""

    crc64_hash: str | None = optional(
        Text(20, ascii=True),
        "CRC-64/XZ of the content as decimal text, which the service compares with its own.",
    )
    part_info_list: Sequence[CompletedPart | Mapping[str, Any]] | None = optional(
        ListOf(PartOf(CompletedPart), most=10_000), "The parts with their ETags."
    )
