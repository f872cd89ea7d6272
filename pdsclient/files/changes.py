"""Many files at once: copied, moved, renamed, starred, thrown away, brought back.

Each function sends its changes in batches and gives the outcomes in the order of the files. What
the service does by async tasks, as it does with folders, is waited for, so that an outcome is
final: a reply, or the error of the change or of its task.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from pdsclient._checks import check_list
from pdsclient.batching import Outcomes, run_batch
from pdsclient.errors import Conflict, InvalidRequest, PDSError
from pdsclient.files._address import FileRef, address
from pdsclient.files._folder_cache import FolderCache
from pdsclient.models._base import check_rows
from pdsclient.models.recyclebin import ClearedBin
from pdsclient.polling import check_deadline, wait_all
from pdsclient.resources.file import FileResource
from pdsclient.resources.recyclebin import RecyclebinResource

if TYPE_CHECKING:
    from pdsclient._core import Engine
    from pdsclient.models._shared import CheckNameMode
    from pdsclient.models.change import FileTask, MovedFile
    from pdsclient.models.file import File
    from pdsclient.operations import BatchCall

STARRED = "starred_yes"
"""The key by which favourites are listed (pds-service.md 6.4)."""


class _MayGoOn(Protocol):
    @property
    def async_task_id(self) -> str | None: ...


T = TypeVar("T")
Reply = TypeVar("Reply", bound=_MayGoOn)


async def copy_files(
    engine: Engine,
    files: Iterable[FileRef],
    *,
    to_parent_file_id: str,
    drive_id: str | None,
    to_drive_id: str | None,
    auto_rename: bool,
    deadline_s: float,
) -> Outcomes[FileTask]:
    """See ``AsyncPDSClient.copy_files``."""
    copy = FileResource(engine).copy.item
    calls = [
        copy(
            **address(file, drive_id),
            to_parent_file_id=to_parent_file_id,
            to_drive_id=to_drive_id,
            auto_rename=auto_rename,
        )
        for file in check_list("files", files)
    ]
    return await _done(engine, calls, deadline_s)


async def move_files(
    engine: Engine,
    files: Iterable[FileRef],
    *,
    to_parent_file_id: str,
    drive_id: str | None,
    check_name_mode: CheckNameMode,
    deadline_s: float,
) -> Outcomes[MovedFile]:
    """See ``AsyncPDSClient.move_files``."""
    move = FileResource(engine).move.item
    calls = [
        move(
            **address(file, drive_id),
            to_parent_file_id=to_parent_file_id,
            check_name_mode=check_name_mode,
        )
        for file in check_list("files", files)
    ]
    outcomes = await _done(engine, calls, deadline_s)
    return Outcomes(map(_moved, outcomes))


def _moved(outcome: MovedFile | PDSError) -> MovedFile | PDSError:
    # A clash is told in a successful reply (pds-service.md 12).
    if isinstance(outcome, PDSError) or not outcome.exist:
        return outcome
    return clash("the folder has a file of this name already; nothing was moved", outcome.file_id)


def clash(message: str, file_id: str | None) -> Conflict:
    """The error for a taken name of which a successful reply tells."""
    error = Conflict(message, code="AlreadyExist.File")
    error.file_id = file_id
    return error


async def rename_files(
    engine: Engine,
    names: Mapping[str, str] | Iterable[tuple[FileRef, str]],
    *,
    drive_id: str | None,
    check_name_mode: CheckNameMode,
) -> Outcomes[File]:
    """See ``AsyncPDSClient.rename_files``."""
    update = FileResource(engine).update.item
    calls = [
        update(**address(file, drive_id), name=name, check_name_mode=check_name_mode)
        for file, name in _new_names(names)
    ]
    outcomes = await _sent(engine, calls)
    return Outcomes(
        _renamed(outcome, call.data["file_id"])
        for call, outcome in zip(calls, outcomes, strict=True)
    )


def _new_names(
    names: Mapping[str, str] | Iterable[tuple[FileRef, str]],
) -> Iterator[tuple[FileRef, str]]:
    pairs: Iterable[Any] = names.items() if isinstance(names, Mapping) else names
    for at, pair in enumerate(check_list("names", pairs)):
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise InvalidRequest(f"names[{at}] must be a pair of a file and its new name")
        file, name = pair
        # Left out, everything but the name would be changed, which is nothing.
        if not isinstance(name, str):
            raise InvalidRequest(
                f"the new name in names[{at}] must be a string, not {type(name).__name__}"
            )
        yield file, name


def _renamed(outcome: File | PDSError, file_id: str) -> File | PDSError:
    # The vendor documents a reply about the file that has the name; an error was observed
    # (pds-service.md 14).
    if isinstance(outcome, PDSError) or outcome.file_id in (None, file_id):
        return outcome
    return clash("the name is taken; nothing was renamed", outcome.file_id)


async def star_files(
    engine: Engine, files: Iterable[FileRef], *, drive_id: str | None, starred: bool
) -> Outcomes[File]:
    """See ``AsyncPDSClient.star_files`` and ``unstar_files``."""
    update = FileResource(engine).update.item
    key = STARRED if starred else ""
    return await run_batch(
        engine,
        [
            update(**address(file, drive_id), starred=starred, custom_index_key=key)
            for file in check_list("files", files)
        ],
    )


async def trash_files(
    engine: Engine, files: Iterable[FileRef], *, drive_id: str | None, deadline_s: float
) -> Outcomes[FileTask]:
    """See ``AsyncPDSClient.trash_files``."""
    trash = RecyclebinResource(engine).trash.item
    calls = [trash(**address(file, drive_id)) for file in check_list("files", files)]
    return await _done(engine, calls, deadline_s)


async def restore_files(
    engine: Engine, files: Iterable[FileRef], *, drive_id: str | None, deadline_s: float
) -> Outcomes[FileTask]:
    """See ``AsyncPDSClient.restore_files``."""
    restore = RecyclebinResource(engine).restore.item
    calls = []
    for file in check_list("files", files):
        place = address(file, drive_id)
        calls.append(restore(drive_id=place["drive_id"], file_id=place["file_id"]))
    return await _done(engine, calls, deadline_s)


async def delete_files(
    engine: Engine, files: Iterable[FileRef], *, drive_id: str | None, deadline_s: float
) -> Outcomes[FileTask]:
    """See ``AsyncPDSClient.delete_files``."""
    delete = FileResource(engine).delete.item
    calls = [delete(**address(file, drive_id)) for file in check_list("files", files)]
    return await _done(engine, calls, deadline_s)


async def clear_recycle_bin(
    engine: Engine, drive_id: str | None, *, deadline_s: float
) -> Outcomes[ClearedBin]:
    """See ``AsyncPDSClient.clear_recycle_bin``."""
    check_deadline(deadline_s)
    recyclebin = RecyclebinResource(engine)
    if drive_id is None:
        cleared = (await recyclebin.clear_all()).items
        check_rows(cleared)
    else:
        one = await recyclebin.clear(drive_id=drive_id)
        cleared = [ClearedBin(async_task_id=one.async_task_id, drive_id=drive_id)]
    return await _ended(engine, Outcomes(cleared), deadline_s)


async def _done(
    engine: Engine, calls: list[BatchCall[Reply]], deadline_s: float
) -> Outcomes[Reply]:
    check_deadline(deadline_s)
    try:
        return await _ended(engine, await _sent(engine, calls), deadline_s)
    finally:
        FolderCache.of(engine).forget()  # a task moved or deleted them only now


async def _sent(engine: Engine, calls: list[BatchCall[T]]) -> Outcomes[T]:
    """The outcomes of changes after which a folder may be elsewhere, or gone."""
    try:
        return await run_batch(engine, calls)
    finally:
        FolderCache.of(engine).forget()


async def _ended(engine: Engine, outcomes: Outcomes[Reply], deadline_s: float) -> Outcomes[Reply]:
    """The outcomes once the tasks that they started have ended."""
    tasks = {
        at: one.async_task_id
        for at, one in enumerate(outcomes)
        if not isinstance(one, PDSError) and one.async_task_id is not None
    }
    ended: dict[int, Any] = await wait_all(engine, tasks, deadline_s=deadline_s)
    return Outcomes(
        ended[at] if isinstance(ended.get(at), PDSError) else one for at, one in enumerate(outcomes)
    )
