"""Many files and folders downloaded as one zip archive, which the service makes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec
from attrs import frozen

from pdsclient._checks import check_list, shown
from pdsclient.errors import InvalidRequest
from pdsclient.files._address import FileRef, address
from pdsclient.models.content import ArchiveFilesRequest, DownloadUrl
from pdsclient.polling import Task, check_deadline
from pdsclient.resources.async_task import AsyncTaskResource
from pdsclient.resources.file import FileResource
from pdsclient.transfer._download_file import Manner, into_file
from pdsclient.transfer._download_origin import Origin, Told, told_by
from pdsclient.transfer.control import Control
from pdsclient.transfer.download import check_free, is_folder, path_of
from pdsclient.transfer.handle import Transfer
from pdsclient.transfer.names import safe_name

if TYPE_CHECKING:
    from pdsclient._core import Engine
    from pdsclient.models.async_task import AsyncTask
    from pdsclient.models.content import ArchiveTask
    from pdsclient.transfer.kinds import AnyPath

__all__ = ["download_archive"]

ArchiveMode = Literal["refuse", "overwrite", "auto_rename"]
_MODES: Final = ("refuse", "overwrite", "auto_rename")
# As much as the line carries: an archive is one file.
_AT_ONCE: Final = 16
# pds-service.md 4.2; those in folders do not count.
_MOST_FILES: Final = 500


@frozen(kw_only=True)
class _Wanted:
    """Arguments of ``AsyncPDSClient.download_archive``, checked."""

    place: Mapping[str, Any]
    file_ids: list[str]
    name: str | None
    check_name_mode: ArchiveMode
    deadline_s: float

    def request(self, path: Path) -> dict[str, Any]:
        """The arguments of ``file.archive_files``."""
        name = path.name if self.name is None else self.name
        return {**self.place, "file_ids": self.file_ids, "name": name}


def download_archive(
    engine: Engine,
    files: Iterable[FileRef],
    target: AnyPath,
    *,
    drive_id: str | None,
    share_id: str | None,
    name: str | None,
    check_name_mode: ArchiveMode,
    bandwidth: float | None,
    deadline: float,
) -> Transfer[Path]:
    """See ``AsyncPDSClient.download_archive``."""
    path, said = path_of(target)
    if check_name_mode not in _MODES:
        raise InvalidRequest(
            f"check_name_mode must be one of {', '.join(_MODES)}, not {shown(check_name_mode)}"
        )
    place, file_ids = _addressed(files, drive_id, share_id)
    wanted = _Wanted(
        place=place,
        file_ids=file_ids,
        name=name,
        check_name_mode=check_name_mode,
        deadline_s=check_deadline(deadline),
    )
    if said:
        _check_named(wanted)
    engine.wire(ArchiveFilesRequest(**wanted.request(path)))
    control = Control(engine, concurrency=_AT_ONCE, bandwidth=bandwidth)
    control.meter.expect(files=1)
    work = partial(_to_path, path, said, wanted)
    return Transfer(control, work, f"download of {len(file_ids):,} files as an archive")


def _addressed(
    files: Iterable[FileRef], drive_id: str | None, share_id: str | None
) -> tuple[dict[str, Any], list[str]]:
    """Where the files are, which has to be one place, and their ids."""
    found = [address(one, drive_id, share_id) for one in check_list("files", files)]
    if not 1 <= len(found) <= _MOST_FILES:
        raise InvalidRequest(
            f"files must be 1 to {_MOST_FILES} files and folders, not {len(found):,}; a folder "
            "counts as one, whatever is in it"
        )
    file_ids = [one.pop("file_id") for one in found]
    if any(one != found[0] for one in found):
        raise InvalidRequest("files of several drives do not go into one archive; make several")
    return found[0], file_ids


def _check_named(wanted: _Wanted) -> None:
    if wanted.name is None:
        raise InvalidRequest("name is missing: target is a directory, and the archive needs one")


async def _to_path(path: Path, said: bool, wanted: _Wanted, control: Control) -> Path:
    if await control.disk.run(is_folder, control.disk.fs, path, said):
        _check_named(wanted)
        name = str(wanted.name)
        path = path / safe_name(name if name.lower().endswith(".zip") else f"{name}.zip")
    await check_free(control, path, wanted.check_name_mode)
    origin = await _packed(control, wanted, path)
    manner = Manner(
        identity=None,  # The next archive of the same files is another one.
        check_name_mode=wanted.check_name_mode,
        resume=False,
        part_size=None,
        modified_ns=None,
        durable=False,
    )
    return await into_file(control, origin, path, manner)


async def _packed(control: Control, wanted: _Wanted, path: Path) -> Origin:
    """Where the archive is, once it is made."""
    engine = control.engine
    begun = await FileResource(engine).archive_files(**wanted.request(path))
    task = Task(engine, begun, deadline_s=wanted.deadline_s)
    task_id = task.id or ""
    done: list[AsyncTask | ArchiveTask] = [await task if task_id else begun]

    async def ask() -> Told:
        # Each look at the task gives a URL anew.
        last = done.pop() if done else await AsyncTaskResource(engine).get(async_task_id=task_id)
        return told_by(_result_of(last))

    origin = Origin(engine, ask)
    await origin.look()
    if origin.size is None:
        await origin.measure(engine)
    return origin


def _result_of(task: AsyncTask | ArchiveTask) -> DownloadUrl:
    """What a task has led to; as a model, which does not show its URL to whoever prints it."""
    with suppress(msgspec.ValidationError, AttributeError):
        result = msgspec.convert(task.archive_file_result, DownloadUrl)  # type: ignore[union-attr]
        if result.url is not None:
            return result
    return DownloadUrl(url=task.url)
