"""Work that goes on after the reply (pds-service.md 9)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from pdsclient.models._base import Model, listed
from pdsclient.models._request import Request, request, required
from pdsclient.models._rules import TASK_ID

__all__ = ["AsyncTask", "GetAsyncTaskRequest", "UncompressedFileInfo"]


class UncompressedFileInfo(Model, frozen=True, kw_only=True):
    """A file in an archive."""

    drive_id: str | None = None
    """The drive."""
    file_id: str | None = None
    """The file."""
    is_folder: bool | None = None
    """It is a folder."""
    items: list[UncompressedFileInfo] = listed()
    """What the folder holds."""
    name: str | None = None
    """Its name."""
    size: int | None = None
    """Bytes."""
    updated_at: datetime | None = None
    """When it was changed."""


class AsyncTask(Model, frozen=True, kw_only=True):
    """A task as it stands."""

    __urls__: ClassVar[frozenset[str]] = frozenset({"archive_file_result", "url"})

    archive_file_result: Any = None
    """The archive, with ``url``, ``size`` and ``crc64_hash``; not every deployment tells it."""
    async_task_id: str | None = None
    """Its identifier."""
    category: str | None = None
    """What kind it is."""
    consumed_process: int | None = None
    """How many steps are done."""
    created_at: datetime | None = None
    """When it was made."""
    err_code: int | None = None
    """Number of the error; ``error_code`` replaces it."""
    error_code: str | None = None
    """Code of the error, if there is one."""
    error_message: str | None = None
    """What went wrong."""
    failed_process: int | None = None
    """How many steps failed."""
    finished_at: datetime | None = None
    """When it ended; None: it runs."""
    message: str | None = None
    """What went wrong; ``error_message`` replaces it."""
    punished_file_count: int | None = None
    """How many files were left out after a review."""
    skipped_process: int | None = None
    """How many steps were left out."""
    started_at: datetime | None = None
    """When it began."""
    state: str | None = None
    """``Running``, ``Succeed``, ``PartialSucceed`` or ``Failed``, in any case of letters."""
    status: str | None = None
    """The same; ``state`` replaces it."""
    task_type: str | None = None
    """What it does."""
    total_process: int | None = None
    """How many steps there are."""
    uncompress_file_list: list[UncompressedFileInfo] = listed()
    """What an archive holds."""
    url: str | None = None
    """Presigned URL of the result, such as an archive."""


@request
class GetAsyncTaskRequest(Request):
    """A task as it stands."""

    async_task_id: str = required(TASK_ID, "The task, as a reply named it.")
