"""What an upload is to become, as the caller wants it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, get_args

from attrs import field, frozen

from pdsclient._checks import check_text, flag, shown
from pdsclient.errors import InvalidRequest
from pdsclient.transfer._upload_checkpoint import CheckpointFile, UploadCheckpoint
from pdsclient.transfer.disk import time_of
from pdsclient.transfer.kinds import UploadMode
from pdsclient.transfer.planning import part_size_for

if TYPE_CHECKING:
    from pdsclient.models.upload import HashName

__all__ = ["Wanted"]


# The service knows three of them; the others begin as a creation that refuses (10.2).
_ASKED: Final = {"overwrite": "refuse", "skip": "refuse"}


def _mode(_: object, attribute: Any, value: object) -> None:
    _one_of(attribute.name, value, get_args(UploadMode))


def _hash_name(_: object, attribute: Any, value: object) -> None:
    _one_of(attribute.name, value, ("sha1", "sha256"))


def _one_of(name: str, value: object, known: tuple[str, ...]) -> None:
    if value not in known:
        raise InvalidRequest(f"{name} must be one of {', '.join(known)}, not {shown(value)}")


def _parallel(_: object, attribute: Any, value: object) -> None:
    if value is not None:
        flag()(_, attribute, value)


def _part_size(_: object, attribute: Any, value: int | None) -> None:
    part_size_for(None, value)


def _checkpoint(given: Any) -> CheckpointFile | UploadCheckpoint | None:
    if given is None or isinstance(given, (CheckpointFile, UploadCheckpoint)):
        return given
    if isinstance(given, (str, os.PathLike)):
        return CheckpointFile(given)
    raise InvalidRequest(
        "checkpoint must be a path, or the checkpoint of an earlier transfer, "
        f"not {type(given).__name__}"
    )


def _tags(given: Any) -> Any:
    """Tags as the request takes them, from any iterable; none are left out."""
    if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
        return given
    return (given if isinstance(given, Mapping) else list(given)) or None


@frozen(kw_only=True)
class Wanted:
    """Where an upload goes, and what its file is to be like; as the arguments of ``upload``.

    Attributes:
        guess_type: without a ``content_type``, guess it by the name.
    """

    name: str
    drive_id: str | None = None
    share_id: str | None = None
    parent_file_id: str = "root"
    check_name_mode: UploadMode = field(default="refuse", validator=_mode)
    file_id: str | None = None
    rapid_upload: bool = field(default=True, validator=flag())
    content_hash_name: HashName = field(default="sha1", validator=_hash_name)
    parallel: bool | None = field(default=None, validator=_parallel)
    part_size: int | None = field(default=None, validator=_part_size)
    content_type: str | None = None
    description: str | None = None
    hidden: bool | None = None
    user_tags: Mapping[str, str] | Sequence[Any] | None = field(default=None, converter=_tags)
    local_created_at: str | datetime | None = None
    local_modified_at: str | datetime | None = None
    checkpoint: CheckpointFile | UploadCheckpoint | None = field(
        default=None, converter=_checkpoint
    )
    guess_type: bool = True

    @property
    def place(self) -> dict[str, str | None]:
        """The arguments that name the drive or share."""
        return {"drive_id": self.drive_id, "share_id": self.share_id}

    def creation(
        self, size: int | None = None, modified_ns: int | None = None, guessed: str | None = None
    ) -> dict[str, Any]:
        """The arguments of ``file.create``, but for hashes and parts.

        Args:
            size: bytes of the content.
            modified_ns: when the source was changed, nanoseconds since 1970.
            guessed: what its media type may be.
        """
        modified_at = self.local_modified_at
        if modified_at is None and modified_ns is not None:
            modified_at = time_of(modified_ns - modified_ns % 10**9)
        return {
            **self.place,
            "type": "file",
            "name": check_text("name", self.name),
            "parent_file_id": self.parent_file_id,
            "check_name_mode": _ASKED.get(self.check_name_mode, self.check_name_mode),
            "file_id": self.file_id,
            "size": size,
            "content_type": self.content_type or guessed,
            "description": self.description,
            "hidden": self.hidden,
            "user_tags": self.user_tags,
            "local_created_at": self.local_created_at,
            "local_modified_at": modified_at,
        }
