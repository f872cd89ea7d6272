"""What the client offers for contents of any size: uploads, downloads, streams and whole trees."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, overload

from pdsclient.comforts import Comforts

if TYPE_CHECKING:
    from pathlib import Path

    from pdsclient.files._address import FileRef
    from pdsclient.models import File
    from pdsclient.models.upload import HashName
    from pdsclient.transfer import (
        ContentStream,
        Transfer,
        TreeEntry,
        TreeReport,
        UploadCheckpoint,
    )
    from pdsclient.transfer.kinds import (
        AnyPath,
        AnySource,
        Compare,
        DownloadMode,
        SupportsWrite,
        TreeMode,
        UploadMode,
    )

__all__ = ["Transferring"]

_AT_ONCE = 16


class Transferring(Comforts):
    """The part of ``AsyncPDSClient`` that moves contents.

    What ``upload``, ``download`` and their like return is a ``Transfer``: ``await`` it, or
    ``start()`` it and look at it, pause it and cancel it meanwhile.
    """

    def upload(
        self,
        source: AnySource,
        *,
        drive_id: str | None = None,
        share_id: str | None = None,
        parent_file_id: str = "root",
        name: str | None = None,
        size: int | None = None,
        check_name_mode: UploadMode = "refuse",
        file_id: str | None = None,
        rapid_upload: bool = True,
        content_hash_name: HashName = "sha1",
        parallel: bool | None = None,
        part_size: int | None = None,
        concurrency: int = _AT_ONCE,
        bandwidth: float | None = None,
        checkpoint: AnyPath | UploadCheckpoint | None = None,
        content_type: str | None = None,
        description: str | None = None,
        hidden: bool | None = None,
        user_tags: Mapping[str, str] | Iterable[Any] | None = None,
        local_created_at: str | datetime | None = None,
        local_modified_at: str | datetime | None = None,
    ) -> Transfer[File]:
        """An upload; awaited, the file that now has the content.

        Its CRC-64 is compared with the service's. Source: pds-service.md 10.

        Args:
            source: a path, bytes, a binary file object (from where it stands to its end; it is
                not closed), an object with an async ``read(n)``, such as a ``StreamReader``, or an
                async iterator of bytes, also of unknown length.
            drive_id: the drive; or give ``share_id``.
            share_id: the share link, which has to allow it.
            parent_file_id: the folder; the top of the drive if left out.
            name: its name; that of the path or file object if left out.
            size: bytes of an async source, if known; more or less is an error.
            check_name_mode: when the name is taken: ``refuse`` (raise Conflict), ``overwrite`` (a
                new version of that file), ``skip`` (leave it and return it), ``auto_rename`` or
                ``ignore`` (two files of one name).
            file_id: make this a new version of that file, whatever its name.
            rapid_upload: send hashes first: what the domain knows already is not sent.
            content_hash_name: the hash of the domain, ``sha1`` or ``sha256`` (its
                ``data_hash_name``).
            parallel: send parts side by side; None does so for large files where this machine can
                compute the hash states that it needs. A domain that refuses gets them in order.
            part_size: bytes of a part, 102,400 to 5 GiB, rounded up to a multiple of 64; 8 MiB, or
                as much as 10,000 parts need.
            concurrency: most parts under way at once, 1-1,024; how many there are adapts.
            bandwidth: most bytes per second; None is no limit.
            checkpoint: a file that keeps the place, so that the same call goes on after a crash;
                or the ``checkpoint`` of an earlier transfer. It holds no URL and no token.
            content_type: its media type; guessed by its name if left out.
            description: free text.
            hidden: hide it.
            user_tags: tags of the application.
            local_created_at: when it was created here.
            local_modified_at: when it was changed here; the path's own time if left out.

        Raises:
            InvalidRequest: an argument is wrong; nothing was sent.
            Conflict: the name is taken; ``error.file_id`` is what has it.
            ContentChanged: the source changed meanwhile.
            ContentMismatch: what arrived is not what was sent.
            OSError: the source cannot be read.
        """
        from pdsclient.transfer.upload import upload

        return upload(self._engine, **_given(locals()))

    @overload
    def download(
        self,
        file: FileRef,
        target: AnyPath,
        *,
        drive_id: str | None = None,
        share_id: str | None = None,
        revision_id: str | None = None,
        check_name_mode: DownloadMode = "refuse",
        resume: bool = True,
        part_size: int | None = None,
        concurrency: int = _AT_ONCE,
        bandwidth: float | None = None,
        durable: bool = False,
    ) -> Transfer[Path]: ...
    @overload
    def download(
        self,
        file: FileRef,
        target: SupportsWrite,
        *,
        drive_id: str | None = None,
        share_id: str | None = None,
        revision_id: str | None = None,
        bandwidth: float | None = None,
    ) -> Transfer[int]: ...
    def download(
        self,
        file: FileRef,
        target: Any,
        *,
        drive_id: str | None = None,
        share_id: str | None = None,
        revision_id: str | None = None,
        check_name_mode: DownloadMode = "refuse",
        resume: bool = True,
        part_size: int | None = None,
        concurrency: int = _AT_ONCE,
        bandwidth: float | None = None,
        durable: bool = False,
    ) -> Any:
        """A download; awaited, the path of the file, or the number of bytes that were written.

        It goes into ``<name>.part`` and gets its name when it is whole and its CRC-64 is that of
        the service. Source: pds-service.md 11.

        Args:
            file: the file.
            target: a path; a directory (or a text that ends with a slash) gets the file under its
                own name, made safe for this system. Or an object with ``write``, also an async
                one, which gets the bytes in order.
            drive_id: its drive, where the file does not tell it; or give ``share_id``.
            share_id: the share link it is read through.
            revision_id: a version; the current one if left out.
            check_name_mode: when there is such a file: ``refuse`` (raise FileExistsError),
                ``overwrite``, ``skip`` (if it is the same, else overwrite) or ``auto_rename``.
            resume: go on with what an earlier run left in ``<name>.part``, if the file in the
                drive is still the same.
            part_size: bytes that are asked for at once; 8 MiB, or more for very large files.
            concurrency: most of them under way at once, 1-1,024; how many there are adapts.
            bandwidth: most bytes per second; None is no limit.
            durable: wait until the disk has it before it gets its name.

        Raises:
            InvalidRequest: an argument is wrong; nothing was sent.
            FileExistsError: there is such a file.
            ContentChanged: the file in the drive changed meanwhile.
            ContentMismatch: what arrived is not what the service has.
            OSError: it cannot be written, or there is too little space.
        """
        from pdsclient.transfer.download import download

        return download(self._engine, **_given(locals()))

    def open(
        self,
        file: FileRef,
        *,
        drive_id: str | None = None,
        share_id: str | None = None,
        revision_id: str | None = None,
        start: int = 0,
        stop: int | None = None,
    ) -> ContentStream:
        """The content of a file as a stream, for ``async with``.

        ``async with client.open(file) as stream: async for chunk in stream: …``; or
        ``await stream.read(100)``. It goes on after a broken connection; the CRC-64 of a whole
        content is compared at its end.

        Args:
            file: the file.
            drive_id: its drive, where the file does not tell it; or give ``share_id``.
            share_id: the share link it is read through.
            revision_id: a version; the current one if left out.
            start: the first byte; a negative number counts from the end.
            stop: the byte to stop before; the end if left out.

        Raises:
            InvalidRequest: an argument is wrong; nothing was sent.
        """
        from pdsclient.transfer.stream import open_content

        return open_content(self._engine, **_given(locals()))

    def download_archive(
        self,
        files: Iterable[FileRef],
        target: AnyPath,
        *,
        drive_id: str | None = None,
        share_id: str | None = None,
        name: str | None = None,
        check_name_mode: Literal["refuse", "overwrite", "auto_rename"] = "refuse",
        bandwidth: float | None = None,
        deadline: float = 3_600.0,
    ) -> Transfer[Path]:
        """A download of many files and folders as one zip archive that the service makes.

        Args:
            files: up to 500 files and folders of one drive.
            target: a path, or a directory that gets it under ``name``.
            drive_id: the drive of files that do not tell it; or give ``share_id``.
            share_id: the share link they are read through.
            name: name of the archive; that of ``target`` if left out.
            check_name_mode: when there is such a file: ``refuse``, ``overwrite``, ``auto_rename``.
            bandwidth: most bytes per second; None is no limit.
            deadline: seconds to wait for the archive to be made (an hour).

        Raises:
            InvalidRequest: an argument is wrong; nothing was sent.
            TaskFailed: the service could not make it.
        """
        from pdsclient.transfer.archive import download_archive

        return download_archive(self._engine, **_given(locals()))

    def upload_tree(
        self,
        local: AnyPath,
        *,
        drive_id: str | None = None,
        share_id: str | None = None,
        parent_file_id: str = "root",
        existing: TreeMode = "update",
        compare: Compare = "auto",
        include: Iterable[str] | None = None,
        exclude: Iterable[str] | None = None,
        filter: Callable[[TreeEntry], bool] | None = None,
        symlinks: Literal["skip", "follow"] = "skip",
        dry_run: bool = False,
        on_error: Literal["collect", "raise"] = "collect",
        rapid_upload: bool = True,
        content_hash_name: HashName = "sha1",
        parallel: bool | None = None,
        part_size: int | None = None,
        concurrency: int = _AT_ONCE,
        bandwidth: float | None = None,
        checkpoint: AnyPath | None = None,
    ) -> Transfer[TreeReport]:
        """An upload of what a directory holds into a folder; awaited, a report.

        A second run moves only what differs.

        Args:
            local: the directory; its contents go into the folder.
            drive_id: the drive; or give ``share_id``.
            share_id: the share link, which has to allow it.
            parent_file_id: the folder; the top of the drive if left out.
            existing: for names that are taken: ``update`` (a new version of what differs),
                ``skip``, ``refuse`` (a failure of that file) or ``auto_rename``.
            compare: what tells whether a file differs: ``auto`` (size and time of change, and
                where these do not settle it the CRC-64), ``checksum`` (always) or ``size``.
            include: patterns of files to take, such as ``*.jpg``; all if left out.
            exclude: patterns of files and folders to leave.
            filter: a function that says whether to take an entry.
            symlinks: ``skip``, or ``follow`` those that lead to a place inside the directory.
            dry_run: only report what would be done.
            on_error: ``collect`` failures in the report, or ``raise`` the first.
            rapid_upload: as for ``upload``.
            content_hash_name: as for ``upload``.
            parallel: as for ``upload``.
            part_size: as for ``upload``.
            concurrency: most files, and most parts of them, under way at once, 1-1,024.
            bandwidth: most bytes per second of all together; None is no limit.
            checkpoint: a directory that keeps the place in large files.

        Raises:
            InvalidRequest: an argument is wrong; nothing was sent.
            NotADirectoryError: ``local`` is none.
        """
        from pdsclient.transfer.trees import upload_tree

        return upload_tree(self._engine, **_given(locals()))

    def download_tree(
        self,
        folder: FileRef,
        local: AnyPath,
        *,
        drive_id: str | None = None,
        share_id: str | None = None,
        existing: TreeMode = "update",
        compare: Compare = "auto",
        include: Iterable[str] | None = None,
        exclude: Iterable[str] | None = None,
        filter: Callable[[TreeEntry], bool] | None = None,
        dry_run: bool = False,
        on_error: Literal["collect", "raise"] = "collect",
        resume: bool = True,
        part_size: int | None = None,
        concurrency: int = _AT_ONCE,
        bandwidth: float | None = None,
        durable: bool = False,
    ) -> Transfer[TreeReport]:
        """A download of what a folder holds into a directory; awaited, a report.

        A second run moves only what differs. Names are made safe for this system, and different
        where they are equal but for their case.

        Args:
            folder: the folder; ``root`` is the top of the drive.
            local: the directory, made if it is missing; nothing outside of it is written.
            drive_id: its drive, where the folder does not tell it; or give ``share_id``.
            share_id: the share link it is read through.
            existing: for files that are there: ``update`` (overwrite what differs), ``skip``,
                ``refuse`` (a failure of that file) or ``auto_rename``.
            compare: what tells whether a file differs, as for ``upload_tree``.
            include: patterns of files to take; all if left out.
            exclude: patterns of files and folders to leave.
            filter: a function that says whether to take an entry.
            dry_run: only report what would be done.
            on_error: ``collect`` failures in the report, or ``raise`` the first.
            resume: as for ``download``.
            part_size: as for ``download``.
            concurrency: most files, and most parts of them, under way at once, 1-1,024.
            bandwidth: most bytes per second of all together; None is no limit.
            durable: as for ``download``.

        Raises:
            InvalidRequest: an argument is wrong; nothing was sent.
            NotADirectoryError: ``local`` is there and none.
        """
        from pdsclient.transfer.trees import download_tree

        return download_tree(self._engine, **_given(locals()))


def _given(arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a method, as those of the function behind it, which has the same names."""
    return {name: value for name, value in arguments.items() if name not in _OWN}


_OWN = frozenset(
    {
        "self",
        "upload",
        "download",
        "open_content",
        "download_archive",
        "upload_tree",
        "download_tree",
    }
)
