"""Changing files: rename, copy, move, trash, delete, tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pdsclient.models._base import Model
from pdsclient.models._request import Request, optional, request, required
from pdsclient.models._rules import (
    DESCRIPTION,
    FILE_ID,
    FILE_NAME,
    FLAG,
    ID,
    LABELS,
    TEXT,
    Choice,
    ListOf,
    Text,
)
from pdsclient.models._service_rules import TAG_KEY, Tags, Time
from pdsclient.models._shared import CheckNameMode, OfDriveFile, OfFile

__all__ = [
    "CopyFileRequest",
    "DeleteFileRequest",
    "DeleteUserTagsRequest",
    "FileTask",
    "MoveFileRequest",
    "MovedFile",
    "PutUserTagsRequest",
    "RestoreFileRequest",
    "TaggedFile",
    "TrashFileRequest",
    "UpdateFileRequest",
]


class FileTask(Model, frozen=True, kw_only=True):
    """What becomes of a change: it is done if ``async_task_id`` is None (pds-service.md 9)."""

    async_task_id: str | None = None
    """The task that does it; None: it is done already."""
    domain_id: str | None = None
    """The domain."""
    drive_id: str | None = None
    """The drive."""
    file_id: str | None = None
    """The file; of a copy the new one."""
    share_id: str | None = None
    """The share it is in."""


class MovedFile(FileTask, frozen=True, kw_only=True):
    """What becomes of a move."""

    exist: bool | None = None
    """The name was taken in the folder, and nothing was moved."""
    file_name: str | None = None
    """Its name, which ``auto_rename`` may have changed."""
    revision_id: str | None = None
    """Version of the content."""
    updated_at: datetime | None = None
    """When it was changed."""


class TaggedFile(Model, frozen=True, kw_only=True):
    """The file whose tags were changed."""

    file_id: str | None = None
    """The file."""


@request
class UpdateFileRequest(OfFile, Request):
    """Changes the name or the attributes of a file or folder.

    With a taken name and ``check_name_mode="refuse"`` it raises Conflict. A favourite needs
    ``starred=True`` and ``custom_index_key="starred_yes"``. Source: pds-service.md 6.4.
    """

    check_name_mode: CheckNameMode | None = optional(
        Choice(CheckNameMode), "What to do if the name is taken; ignore if left out."
    )
    custom_index_key: str | None = optional(
        Text(4096, empty=True), 'Key for list_by_custom_index_key; "" takes it away.'
    )
    description: str | None = optional(DESCRIPTION, "Free text.")
    encrypt_mode: str | None = optional(TEXT, "How the content is encrypted.")
    hidden: bool | None = optional(FLAG, "Hide it.")
    labels: Sequence[str] | None = optional(LABELS, "Labels, in place of those it has.")
    local_modified_at: str | datetime | None = optional(
        Time(whole=True), "When it was changed on the device."
    )
    meta: str | None = optional(TEXT, "Data of the application.")
    name: str | None = optional(FILE_NAME, "Its new name.")
    starred: bool | None = optional(FLAG, "It is a favourite.")
    user_meta: str | None = optional(TEXT, "Data of the application.")


@request
class CopyFileRequest(OfFile, Request):
    """Copies a file, or a folder by a task. Source: pds-service.md 12."""

    auto_rename: bool | None = optional(FLAG, "Give it another name if the name is taken.")
    new_name: str | None = optional(FILE_NAME, "Its name; not every deployment heeds it.")
    to_drive_id: str | None = optional(ID, "The drive it goes to; the same if left out.")
    to_parent_file_id: str = required(FILE_ID, "The folder it goes to; root is the top.")
    to_share_id: str | None = optional(ID, "The share it goes to.")


@request
class MoveFileRequest(OfFile, Request):
    """Moves a file or folder to another folder. Source: pds-service.md 12."""

    auto_rename: bool | None = optional(FLAG, "Give it another name if the name is taken.")
    check_name_mode: CheckNameMode | None = optional(
        Choice(CheckNameMode), "What to do if the name is taken; ignore if left out."
    )
    new_name: str | None = optional(FILE_NAME, "Its name there; not every deployment heeds it.")
    to_drive_id: str | None = optional(ID, "The drive it goes to; documented to be the same.")
    to_parent_file_id: str = required(FILE_ID, "The folder it goes to; root is the top.")


@request
class TrashFileRequest(OfFile, Request):
    """Puts a file into the recycle bin, or a folder by a task."""

    permanently: bool | None = optional(FLAG, "Sent by the JavaScript SDK as False; no effect.")


@request
class DeleteFileRequest(OfFile, Request):
    """Deletes a file for good, or a folder by a task."""

    permanently: bool | None = optional(FLAG, "Sent by the JavaScript SDK as True; no effect.")


@request
class RestoreFileRequest(OfDriveFile, Request):
    """Takes a file or folder back from the recycle bin; to the root if its folder is gone."""


@request
class PutUserTagsRequest(OfDriveFile, Request):
    """Sets tags of a file by key; the others stay. Source: pds-service.md 12."""

    user_tags: Mapping[str, str] | Sequence[Any] = required(Tags(), "The tags.")


@request
class DeleteUserTagsRequest(OfDriveFile, Request):
    """Takes tags of a file away by key. Source: pds-service.md 12."""

    key_list: Sequence[str] = required(ListOf(TAG_KEY, most=1_000), "The keys.")
