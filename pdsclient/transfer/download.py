"""Downloads: into a file that appears when it is whole, or to an object with ``write``."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from pdsclient._checks import shown
from pdsclient.errors import InvalidRequest, PDSError
from pdsclient.files._address import FileRef, address
from pdsclient.models.file import File
from pdsclient.resources.file import FileResource
from pdsclient.storage import Reading
from pdsclient.transfer._download_file import Manner, into_file
from pdsclient.transfer._download_moving import Cut, is_checked, receive
from pdsclient.transfer._download_origin import Origin, check_address, in_drive
from pdsclient.transfer.control import Control
from pdsclient.transfer.disk import is_there
from pdsclient.transfer.handle import Transfer
from pdsclient.transfer.names import safe_name
from pdsclient.transfer.planning import PART_SIZE, part_size_for
from pdsclient.transfer.targets import Writer
from pdsclient.transfer.tree_compare import modified_at, same_content

if TYPE_CHECKING:
    from pdsclient._core import Engine
    from pdsclient.transfer.kinds import AnyPath, DownloadMode

__all__ = ["Wanted", "check_free", "download", "download_content", "is_folder", "path_of"]

_MODES: Final = ("refuse", "overwrite", "skip", "auto_rename")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@frozen(kw_only=True)
class Wanted:
    """What is to be downloaded, and how; arguments of ``AsyncPDSClient.download``."""

    drive_id: str | None = None
    share_id: str | None = None
    revision_id: str | None = None
    check_name_mode: DownloadMode = "refuse"
    resume: bool = True
    part_size: int | None = None
    durable: bool = False

    def __attrs_post_init__(self) -> None:
        if self.check_name_mode not in _MODES:
            raise InvalidRequest(
                f"check_name_mode must be one of {', '.join(_MODES)}, "
                f"not {shown(self.check_name_mode)}"
            )
        for name in ("resume", "durable"):
            if not isinstance(getattr(self, name), bool):
                raise InvalidRequest(f"{name} must be True or False")
        part_size_for(None, self.part_size)

    def address(self, file: FileRef) -> dict[str, Any]:
        """The arguments that name a file."""
        return address(file, self.drive_id, self.share_id)

    def is_current(self, file: File) -> bool:
        """Whether what a file says of its content holds for the revision that is wanted."""
        return self.revision_id in (None, file.revision_id)


def download(
    engine: Engine,
    file: FileRef,
    target: Any,
    *,
    drive_id: str | None,
    share_id: str | None,
    revision_id: str | None,
    check_name_mode: DownloadMode,
    resume: bool,
    part_size: int | None,
    concurrency: int,
    bandwidth: float | None,
    durable: bool,
) -> Transfer[Any]:
    """See ``AsyncPDSClient.download``."""
    check_address(engine, file, drive_id, share_id, revision_id)
    wanted = Wanted(
        drive_id=drive_id,
        share_id=share_id,
        revision_id=revision_id,
        check_name_mode=check_name_mode,
        resume=resume,
        part_size=part_size,
        durable=durable,
    )
    control = Control(engine, concurrency=concurrency, bandwidth=bandwidth)
    control.meter.expect(files=1)
    label = f"download of {getattr(file, 'name', None) or getattr(file, 'file_id', file)}"
    if isinstance(target, (str, os.PathLike)):
        path, said = path_of(target)
        return Transfer(control, partial(_to_path, file, path, said, wanted), label)
    Writer.check(target)
    _check_for_writer(wanted)
    return Transfer(control, partial(_to_writer, file, target, wanted), label)


def path_of(target: AnyPath) -> tuple[Path, bool]:
    """The path, and whether it says itself that it is a directory; ``~`` is the home directory.

    Raises:
        InvalidRequest: it is none.
    """
    text = os.fspath(target) if isinstance(target, os.PathLike) else target
    if not isinstance(text, str) or not text or "\0" in text:
        raise InvalidRequest(
            "target must be a path, as a non-empty str or PathLike, or an object with write(), "
            f"not {shown(target)}"
        )
    separators = tuple(filter(None, (os.sep, os.altsep)))
    return Path(os.path.expanduser(text)), text.endswith(separators)


def _check_for_writer(wanted: Wanted) -> None:
    for name, usual in (
        ("check_name_mode", "refuse"), ("resume", True), ("part_size", None), ("durable", False),
    ):  # fmt: skip
        if getattr(wanted, name) != usual:
            raise InvalidRequest(f"{name} is for a target that is a path; leave it out")


# ---------------------------------------------------------------------------- to a path


async def _to_path(file: FileRef, path: Path, said: bool, wanted: Wanted, control: Control) -> Path:
    disk = control.disk
    if await disk.run(is_folder, disk.fs, path, said):
        known = await _known(control, file, wanted)
        path = path / safe_name(known.name or str(known.file_id))
    else:
        # Whatever can be seen without asking the service is seen first.
        await check_free(control, path, wanted.check_name_mode)
        known = await _known(control, file, wanted)
    return await download_content(control, known, path, wanted)


def is_folder(fs: Any, path: Path, said: bool) -> bool:
    """Whether it is a directory; one that is said to be one is made if it is missing."""
    if said:
        with suppress(FileExistsError):
            fs.mkdir(path)
    try:
        found = stat.S_ISDIR(fs.stat(path).st_mode)
    except FileNotFoundError:
        return False
    if said and not found:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    return found


async def _known(control: Control, file: FileRef, wanted: Wanted) -> File:
    """The file, as a reply told it, or asked for."""
    if isinstance(file, File) and file.name and file.type and file.size is not None:
        return file
    return await FileResource(control.engine).get(**wanted.address(file))


async def check_free(control: Control, path: Path, check_name_mode: str) -> None:
    """Raise FileExistsError if there is such a file and it is not to be dealt with."""
    disk = control.disk
    if check_name_mode == "refuse" and await disk.run(is_there, disk.fs, path):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))


async def download_content(control: Control, file: File, target: Path, wanted: Wanted) -> Path:
    """The path of a file whose content has been downloaded; its folder has to be there.

    Args:
        control: of the transfer; its outcome will be ``downloaded`` or ``skipped``.
        file: as the service tells it.
        target: its path.
        wanted: how it is downloaded.

    Raises:
        FileExistsError: there is such a file.
        ContentChanged: the file in the drive changed meanwhile.
        ContentMismatch: what arrived is not what the service has.
        OSError: it cannot be written, or there is too little space.
    """
    if file.type == "folder":
        raise InvalidRequest(f"{shown(file.name)} is a folder; download_tree takes it")
    await check_free(control, target, wanted.check_name_mode)
    if wanted.check_name_mode == "skip" and await _is_there_already(control, file, target, wanted):
        control.meter.expect(bytes=0, parts=0)
        control.meter.file_skipped()
        control.outcome = "skipped"
        return target
    file, origin = await _located(control, file, wanted)
    manner = Manner(
        identity=_identity(file, origin, wanted),
        check_name_mode=wanted.check_name_mode,
        resume=wanted.resume,
        part_size=wanted.part_size,
        modified_ns=_modified_ns(file) if wanted.is_current(file) else None,
        durable=wanted.durable,
    )
    return await into_file(control, origin, target, manner)


async def _is_there_already(control: Control, file: File, target: Path, wanted: Wanted) -> bool:
    try:
        stamp = await control.disk.stat(target, follow=False)
        return wanted.is_current(file) and await same_content(control.disk, target, stamp, file)
    except FileNotFoundError:
        return False


async def _located(control: Control, file: File, wanted: Wanted) -> tuple[File, Origin]:
    """The file, and where its content is."""
    place = wanted.address(file)
    origin = in_drive(control.engine, place, wanted.revision_id)
    current = wanted.is_current(file)
    if current and file.size == 0:
        origin.assume(0, file.crc64_hash)
        return file, origin
    await origin.look()
    if current and origin.size in (None, file.size):
        origin.assume(file.size, file.crc64_hash)
    if current and origin.differs_from(file.size, file.crc64_hash):
        # It was changed since somebody was told of it.
        file = await FileResource(control.engine).get(**place)
    if origin.size is None:
        await origin.measure(control.engine)
    return file, origin


def _identity(file: File, origin: Origin, wanted: Wanted) -> tuple[object, ...] | None:
    """What is the same as long as the content is; None if nothing tells.

    With a checksum a revision tells no more: what has the same size and checksum is the same.
    """
    version = origin.crc64 or wanted.revision_id or file.revision_id
    return None if version is None else (file.file_id, origin.size, version)


def _modified_ns(file: File) -> int | None:
    changed = modified_at(file)
    return None if changed is None else (changed - _EPOCH) // timedelta(microseconds=1) * 1000


# ---------------------------------------------------------------------------- to a writer


async def _to_writer(file: FileRef, target: Any, wanted: Wanted, control: Control) -> int:
    meter = control.meter
    origin = in_drive(control.engine, wanted.address(file), wanted.revision_id)
    if isinstance(file, File) and wanted.is_current(file) and file.size == 0:
        origin.assume(0, file.crc64_hash)
    else:
        await origin.look()
    meter.expect(bytes=origin.size)
    checked = await control.disk.run(is_checked, origin.size)
    writer = Writer(control.disk, target, checked=checked)
    # An empty content needs no request.
    stop = 0 if origin.size == 0 else None
    async with Reading(control.engine, origin.link, stop=stop, check=origin.check) as reading:
        try:
            await _pour(control, Cut(reading), writer)
        except PDSError as error:
            await origin.look_into(error)
            raise
    origin.compare(writer.count, writer.checksum if checked else None)
    meter.file_done()
    control.outcome = "downloaded"
    return writer.count


async def _pour(control: Control, pieces: Cut, writer: Writer) -> None:
    """All that is left, in parts between which it can be paused."""
    came = PART_SIZE
    while came == PART_SIZE:
        async with control.lane() as lane:
            came = await receive(control, lane, pieces, PART_SIZE, writer.write)
        control.meter.part_done()
