"""Whole trees, up and down: ``client.upload_tree`` and ``client.download_tree``.

The files of a tree share its connections, its bandwidth and its counters. A failure is one of a
file, and told in the report. But where twenty in a row fail of the same cause, and one that is
none of the files' own (no permission, no space in the drive or on the disk, no network, a service
that is down), or a token is refused for good, the rest is not tried: ``report.stopped``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, get_args

from pdsclient._checks import shown
from pdsclient.errors import InvalidRequest
from pdsclient.files._address import address
from pdsclient.models.browse import ListFileRequest
from pdsclient.models.upload import CreateFileRequest
from pdsclient.transfer.control import Control
from pdsclient.transfer.download import Wanted as WantedDownload
from pdsclient.transfer.handle import Transfer
from pdsclient.transfer.kinds import Compare
from pdsclient.transfer.tree_download import DownloadOptions, TreeDownload
from pdsclient.transfer.tree_filters import Filters, TreeEntry
from pdsclient.transfer.tree_upload import TreeUpload, UploadOptions
from pdsclient.transfer.upload import Wanted as WantedUpload

if TYPE_CHECKING:
    from pdsclient._core import Engine
    from pdsclient.files._address import FileRef
    from pdsclient.models.upload import HashName
    from pdsclient.transfer.report import TreeReport

__all__ = ["download_tree", "upload_tree"]


def upload_tree(
    engine: Engine,
    local: str | os.PathLike[str],
    *,
    drive_id: str | None,
    share_id: str | None,
    parent_file_id: str | None,
    existing: str,
    compare: str,
    include: Iterable[str] | None,
    exclude: Iterable[str] | None,
    filter: Callable[[TreeEntry], bool] | None,
    symlinks: str,
    dry_run: bool,
    on_error: str,
    rapid_upload: bool,
    content_hash_name: HashName,
    parallel: bool | None,
    part_size: int | None,
    concurrency: int,
    bandwidth: float | None,
    checkpoint: str | os.PathLike[str] | None,
) -> Transfer[TreeReport]:
    """See ``AsyncPDSClient.upload_tree``; ``parent_file_id=None``: a dry run into a new folder."""
    place: dict[str, Any] = {"drive_id": drive_id, "share_id": share_id}
    above = "root" if parent_file_id is None else parent_file_id
    engine.wire(CreateFileRequest(**place, parent_file_id=above, name="any", type="folder"))
    common = _common(existing, compare, dry_run, on_error)
    if parent_file_id is None and not dry_run:
        raise InvalidRequest("parent_file_id must be a folder; root is the top of the drive")
    path = _path("local", local)
    options = UploadOptions(
        wanted=WantedUpload(
            name="any",
            **place,
            rapid_upload=rapid_upload,
            content_hash_name=content_hash_name,
            parallel=parallel,
            part_size=part_size,
        ),
        follow=_one_of("symlinks", symlinks, ("skip", "follow")) == "follow",
        checkpoint=None if checkpoint is None else _path("checkpoint", checkpoint),
        parent_file_id=parent_file_id,
        **common,
        filters=Filters(include, exclude, filter),
        concurrency=concurrency,
    )
    control = Control(engine, concurrency=concurrency, bandwidth=bandwidth)

    async def work(control: Control) -> TreeReport:
        return await TreeUpload(control, path, options).run()

    return Transfer(control, work, f"upload of {path}")


def download_tree(
    engine: Engine,
    folder: FileRef,
    local: str | os.PathLike[str],
    *,
    drive_id: str | None,
    share_id: str | None,
    existing: str,
    compare: str,
    include: Iterable[str] | None,
    exclude: Iterable[str] | None,
    filter: Callable[[TreeEntry], bool] | None,
    dry_run: bool,
    on_error: str,
    resume: bool,
    part_size: int | None,
    concurrency: int,
    bandwidth: float | None,
    durable: bool,
) -> Transfer[TreeReport]:
    """See ``AsyncPDSClient.download_tree``."""
    place = address(folder, drive_id, share_id)
    if getattr(folder, "type", None) == "file":
        raise InvalidRequest("folder is a file; client.download downloads it")
    file_id = place.pop("file_id")
    if not file_id:
        raise InvalidRequest("folder must not be empty; root is the top of the drive")
    engine.wire(ListFileRequest(**place, parent_file_id=file_id))
    path = _path("local", local)
    options = DownloadOptions(
        wanted=WantedDownload(**place, resume=resume, part_size=part_size, durable=durable),
        file_id=file_id,
        **_common(existing, compare, dry_run, on_error),
        filters=Filters(include, exclude, filter),
        concurrency=concurrency,
    )
    control = Control(engine, concurrency=concurrency, bandwidth=bandwidth)

    async def work(control: Control) -> TreeReport:
        return await TreeDownload(control, path, options).run()

    return Transfer(control, work, f"download of {getattr(folder, 'name', None) or file_id}")


def _common(existing: str, compare: str, dry_run: bool, on_error: str) -> dict[str, Any]:
    """What both directions have in common, checked."""
    if not isinstance(dry_run, bool):
        raise InvalidRequest(f"dry_run must be True or False, not {type(dry_run).__name__}")
    return {
        "existing": _one_of("existing", existing, ("update", "skip", "refuse", "auto_rename")),
        "compare": _one_of("compare", compare, get_args(Compare)),
        "dry_run": dry_run,
        "on_error": _one_of("on_error", on_error, ("collect", "raise")),
    }


def _one_of(name: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise InvalidRequest(f"{name} must be one of {', '.join(known)}, not {shown(value)}")
    return value


def _path(name: str, value: str | os.PathLike[str]) -> str:
    """A path as text; ``~`` is the home directory."""
    path = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(path, str):
        raise InvalidRequest(f"{name} must be a path, not {type(path).__name__}")
    if not path or "\0" in path:
        raise InvalidRequest(f"{name} must be a path; it is empty or holds a NUL")
    return os.path.expanduser(path)
