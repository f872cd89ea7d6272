"""What the client offers beyond single operations: batches, tasks, and work with files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, TypeVar, overload

if TYPE_CHECKING:
    from pdsclient._core import Engine
    from pdsclient.batching import Outcomes
    from pdsclient.files._address import FileRef
    from pdsclient.files.contents import SaveMode
    from pdsclient.models import (
        ClearedBin,
        File,
        FilePage,
        FileTask,
        MovedFile,
        NameCheckResult,
    )
    from pdsclient.models._shared import CheckNameMode, FileType
    from pdsclient.models.batch import BatchResource
    from pdsclient.operations import BatchCall
    from pdsclient.paging import Pager
    from pdsclient.polling import Task, TaskProgress

__all__ = ["Comforts"]

T = TypeVar("T")

_HOUR_S = 3_600.0
_SMALL = 64 << 20


class Comforts:
    """The part of ``AsyncPDSClient`` that puts several operations together.

    Wherever files are taken, an identifier will do, or any reply that has a ``file_id``, such as
    a ``File``; ``drive_id`` is for those that do not tell their drive.
    """

    _engine: Engine

    # -------------------------------------------------------------------- tasks and batches

    def wait_for(
        self,
        reply: object,
        *,
        deadline: float = _HOUR_S,
        progress: Callable[[TaskProgress], object] | None = None,
    ) -> Task:
        """The async task behind a reply: ``await client.wait_for(reply)`` returns when it is done.

        Without an ``async_task_id`` it was done at once: nothing is sent, and the state is
        ``Succeed``. ``await client.wait_for(…).status()`` asks once.

        Args:
            reply: any reply with an ``async_task_id``, or the id itself.
            deadline: seconds to wait in all (an hour); a state that is not known counts as
                going on. The task is asked after 0.5 s, 0.75 s and so on up to every 5 s.
            progress: called with a ``TaskProgress`` each time the task was asked.

        Raises:
            InvalidRequest: an argument is wrong; nothing was sent.
            TaskFailed: it ended ``Failed`` or ``PartialSucceed``; ``error.task`` is the last reply.
            DeadlineExceeded: it has not ended in time; it goes on and may be waited for again.
        """
        from pdsclient.polling import Task

        return Task(self._engine, reply, deadline_s=deadline, progress=progress)

    async def run_batch(
        self,
        calls: Iterable[BatchCall[T]],
        *,
        resource: BatchResource = "file",
        chunk: int = 100,
        concurrency: int = 4,
    ) -> Outcomes[T]:
        """The outcome of each call, in their order: its typed reply, or a PDSError as an object.

        ``await client.run_batch([client.file.get.item(drive_id="1", file_id=one) for one in ids])``

        A call that is answered 429 or 503 is repeated after a wait, a call that may be sent twice
        also after other failures that may pass. The service decides which operations it takes in
        a batch; the calls of one must not depend on each other. See ``docs/files.md``.

        Args:
            calls: operations with their arguments, checked when ``item`` was called.
            resource: what the service is told they are about; it is ``file`` in the vendor's own
                client whatever they are.
            chunk: calls in one request, 1-100 (100).
            concurrency: requests at a time, 1-100 (4).

        Raises:
            InvalidRequest: an argument is wrong; nothing was sent.
        """
        from pdsclient.batching import run_batch

        return await run_batch(
            self._engine, calls, resource=resource, chunk=chunk, concurrency=concurrency
        )

    # -------------------------------------------------------------------- folders and contents

    @overload
    async def create_folders(  # type: ignore[overload-overlap] # a string is taken as one path
        self,
        paths: str,
        *,
        drive_id: str | None = None,
        share_id: str | None = None,
        parent_file_id: str = "root",
    ) -> str: ...
    @overload
    async def create_folders(
        self,
        paths: Iterable[str],
        *,
        drive_id: str | None = None,
        share_id: str | None = None,
        parent_file_id: str = "root",
    ) -> Outcomes[str]: ...
    async def create_folders(
        self,
        paths: str | Iterable[str],
        *,
        drive_id: str | None = None,
        share_id: str | None = None,
        parent_file_id: str = "root",
    ) -> str | Outcomes[str]:
        """The ``file_id`` of the last folder of a path such as ``a/b/c``, made where it is missing.

        Folders that are there are used. However many callers ask for overlapping paths at a time,
        each folder is asked for once. What was made or found is remembered for 30 s, or until
        this client moves, renames or deletes something by the methods below.

        Args:
            paths: one path, or many; of many the outcomes are given in their order, errors as
                objects. Slashes around a path do not count, and the empty path is the parent.
            drive_id: the drive; or give ``share_id``.
            share_id: the share link, which has to allow it.
            parent_file_id: where the paths begin; the top of the drive if left out.

        Raises:
            InvalidRequest: a name that no folder can have; nothing was sent.
            Conflict: a file has the name; ``error.file_id`` is that file.
        """
        from pdsclient.files.folders import Place, create_folder_path, create_folder_paths

        place = Place(drive_id=drive_id, share_id=share_id, parent_file_id=parent_file_id)
        if isinstance(paths, str):
            return await create_folder_path(self._engine, place, paths)
        return await create_folder_paths(self._engine, place, paths)

    async def save_file_content(
        self,
        data: bytes | str,
        *,
        name: str,
        drive_id: str | None = None,
        share_id: str | None = None,
        parent_file_id: str = "root",
        check_name_mode: SaveMode = "refuse",
    ) -> File:
        """The file that now has this content: created, uploaded and completed.

        Args:
            data: up to 64 MiB; a string is stored as UTF-8.
            name: its name.
            drive_id: the drive; or give ``share_id``.
            share_id: the share link, which has to allow it.
            parent_file_id: the folder; the top of the drive if left out.
            check_name_mode: when the name is taken: ``refuse`` (raise Conflict), ``overwrite``
                (a new version of that file), ``auto_rename`` or ``ignore`` (two files of one
                name).

        Raises:
            InvalidRequest: an argument is wrong, or there is more data; nothing was sent.
            Conflict: the name is taken; ``error.file_id`` is the file that has it.
            DecodeError: what arrived is not what was sent, by its checksum.
        """
        from pdsclient.files.contents import save_file_content

        return await save_file_content(
            self._engine,
            data,
            name=name,
            drive_id=drive_id,
            share_id=share_id,
            parent_file_id=parent_file_id,
            check_name_mode=check_name_mode,
        )

    async def get_file_content(
        self,
        file: FileRef,
        *,
        drive_id: str | None = None,
        share_id: str | None = None,
        revision_id: str | None = None,
        most: int = _SMALL,
    ) -> bytes:
        """The content of a file, whole; its size and checksum are compared with the service's.

        Args:
            file: the file.
            drive_id: its drive, where the file does not tell it; or give ``share_id``.
            share_id: the share link it is read through.
            revision_id: a version; the current one if left out.
            most: bytes at most (64 MiB); it is all held in memory.

        Raises:
            DecodeError: there is more than ``most``.
            ContentChanged: the file was changed while it was read.
            ContentMismatch: what came is not what the service has.
        """
        from pdsclient.files.contents import get_file_content

        return await get_file_content(
            self._engine,
            file,
            drive_id=drive_id,
            share_id=share_id,
            revision_id=revision_id,
            most=most,
        )

    # -------------------------------------------------------------------- many files at once

    async def copy_files(
        self,
        files: Iterable[FileRef],
        *,
        to_parent_file_id: str,
        drive_id: str | None = None,
        to_drive_id: str | None = None,
        auto_rename: bool = True,
        deadline: float = _HOUR_S,
    ) -> Outcomes[FileTask]:
        """The outcome for each file, in their order: a reply whose ``file_id`` is the copy's.

        Args:
            files: what to copy; a folder with all it holds.
            to_parent_file_id: the folder that the copies go to; ``root`` is the top.
            drive_id: the drive of files that do not tell it.
            to_drive_id: the drive that the copies go to; the same if left out.
            auto_rename: give a copy another name if its name is taken.
            deadline: seconds to wait for the tasks that copy folders (an hour).

        Failures are objects: the error of the copy, or of its task. ``raise_first()`` raises.
        """
        from pdsclient.files.changes import copy_files

        return await copy_files(
            self._engine,
            files,
            to_parent_file_id=to_parent_file_id,
            drive_id=drive_id,
            to_drive_id=to_drive_id,
            auto_rename=auto_rename,
            deadline_s=deadline,
        )

    async def move_files(
        self,
        files: Iterable[FileRef],
        *,
        to_parent_file_id: str,
        drive_id: str | None = None,
        check_name_mode: CheckNameMode = "refuse",
        deadline: float = _HOUR_S,
    ) -> Outcomes[MovedFile]:
        """The outcome for each file, in their order; a taken name is a Conflict.

        Args:
            files: what to move.
            to_parent_file_id: the folder that they go to; ``root`` is the top.
            drive_id: the drive of files that do not tell it.
            check_name_mode: when a name is taken there: ``refuse``, ``auto_rename`` or ``ignore``.
            deadline: seconds to wait for the tasks that move folders (an hour).
        """
        from pdsclient.files.changes import move_files

        return await move_files(
            self._engine,
            files,
            to_parent_file_id=to_parent_file_id,
            drive_id=drive_id,
            check_name_mode=check_name_mode,
            deadline_s=deadline,
        )

    async def rename_files(
        self,
        names: Mapping[str, str] | Iterable[tuple[FileRef, str]],
        *,
        drive_id: str | None = None,
        check_name_mode: CheckNameMode = "refuse",
    ) -> Outcomes[File]:
        """The outcome for each file, in their order: the file, or a Conflict for a taken name.

        Args:
            names: new names by ``file_id``, or pairs of a file and its new name.
            drive_id: the drive of files that do not tell it.
            check_name_mode: when a name is taken: ``refuse``, ``auto_rename`` or ``ignore``.
        """
        from pdsclient.files.changes import rename_files

        return await rename_files(
            self._engine, names, drive_id=drive_id, check_name_mode=check_name_mode
        )

    async def star_files(
        self, files: Iterable[FileRef], *, drive_id: str | None = None
    ) -> Outcomes[File]:
        """The outcome for each file, in their order: the file, now among the favourites."""
        from pdsclient.files.changes import star_files

        return await star_files(self._engine, files, drive_id=drive_id, starred=True)

    def list_starred_files(self, *, drive_id: str) -> Pager[FilePage]:
        """The favourites in a drive."""
        from pdsclient.files.changes import STARRED
        from pdsclient.resources.file import FileResource

        favourites = FileResource(self._engine).list_by_custom_index_key
        return favourites(drive_id=drive_id, custom_index_key=STARRED)

    async def unstar_files(
        self, files: Iterable[FileRef], *, drive_id: str | None = None
    ) -> Outcomes[File]:
        """The outcome for each file, in their order: the file, no more among the favourites."""
        from pdsclient.files.changes import star_files

        return await star_files(self._engine, files, drive_id=drive_id, starred=False)

    async def trash_files(
        self, files: Iterable[FileRef], *, drive_id: str | None = None, deadline: float = _HOUR_S
    ) -> Outcomes[FileTask]:
        """The outcome for each file, in their order, once it lies in the recycle bin.

        Args:
            files: what to throw away; a folder with all it holds.
            drive_id: the drive of files that do not tell it.
            deadline: seconds to wait for the tasks that deal with folders (an hour).
        """
        from pdsclient.files.changes import trash_files

        return await trash_files(self._engine, files, drive_id=drive_id, deadline_s=deadline)

    async def restore_files(
        self, files: Iterable[FileRef], *, drive_id: str | None = None, deadline: float = _HOUR_S
    ) -> Outcomes[FileTask]:
        """The outcome for each file, in their order, once it is back from the recycle bin.

        Args:
            files: what to bring back.
            drive_id: the drive of files that do not tell it.
            deadline: seconds to wait for the tasks that deal with folders (an hour).
        """
        from pdsclient.files.changes import restore_files

        return await restore_files(self._engine, files, drive_id=drive_id, deadline_s=deadline)

    async def delete_files(
        self, files: Iterable[FileRef], *, drive_id: str | None = None, deadline: float = _HOUR_S
    ) -> Outcomes[FileTask]:
        """The outcome for each file, in their order, once it is gone for good.

        Args:
            files: what to delete, past the recycle bin; a folder with all it holds.
            drive_id: the drive of files that do not tell it.
            deadline: seconds to wait for the tasks that deal with folders (an hour).
        """
        from pdsclient.files.changes import delete_files

        return await delete_files(self._engine, files, drive_id=drive_id, deadline_s=deadline)

    async def clear_recycle_bin(
        self, drive_id: str | None = None, *, deadline: float = _HOUR_S
    ) -> Outcomes[ClearedBin]:
        """The outcome for each drive, once its recycle bin is empty.

        Args:
            drive_id: the drive; all that the caller may clear if left out.
            deadline: seconds to wait for the tasks (an hour).
        """
        from pdsclient.files.changes import clear_recycle_bin

        return await clear_recycle_bin(self._engine, drive_id, deadline_s=deadline)

    # -------------------------------------------------------------------- looking things up

    async def breadcrumbs(
        self, file: FileRef, *, drive_id: str | None = None, share_id: str | None = None
    ) -> list[File]:
        """The folders on the way from the top of the drive to a file, and the file at the end.

        Through a share the way begins at what was shared.

        Args:
            file: the file or folder.
            drive_id: its drive, where the file does not tell it; or give ``share_id``.
            share_id: the share link it is looked at through.

        Raises:
            DecodeError: a folder is inside itself, as the service tells it.
        """
        from pdsclient.files.lookups import breadcrumbs

        return await breadcrumbs(self._engine, file, drive_id=drive_id, share_id=share_id)

    async def check_files_exist(
        self,
        names: Iterable[str],
        *,
        drive_id: str | None = None,
        share_id: str | None = None,
        parent_file_id: str = "root",
        type: FileType = "file",
    ) -> Outcomes[NameCheckResult | None]:
        """For each name, in their order: None if it is free, else what has it.

        The service may lag some seconds behind what was just created.

        Args:
            names: names in one folder.
            drive_id: the drive; or give ``share_id``.
            share_id: the share link.
            parent_file_id: the folder; the top of the drive if left out.
            type: what is to get the name, ``file`` or ``folder``.
        """
        from pdsclient.files.lookups import check_files_exist

        return await check_files_exist(
            self._engine,
            names,
            drive_id=drive_id,
            share_id=share_id,
            parent_file_id=parent_file_id,
            type=type,
        )
