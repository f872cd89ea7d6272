"""Paths of folders: each folder is made once, whoever asks for it and how often.

Folders are made with ``check_name_mode="refuse"``, by which one that is there is found. But two
such requests at the same time may both succeed (pds-service.md 10.2), and names are not unique;
so callers that want the same folder share one request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pdsclient._checks import check_list, shown
from pdsclient.batching import Outcomes
from pdsclient.errors import SERVER_ERROR, DecodeError, InvalidRequest, NotFound, PDSError
from pdsclient.files._folder_cache import FolderCache, FolderKey
from pdsclient.files.changes import clash
from pdsclient.models.upload import CreateFileRequest
from pdsclient.resources.file import FileResource

if TYPE_CHECKING:
    from pdsclient._core import Engine

__all__ = ["Place", "create_folder_path", "create_folder_paths"]

_AT_ONCE: Final = 16


class Place(NamedTuple):
    """The folder that paths begin at."""

    drive_id: str | None
    share_id: str | None
    parent_file_id: str


async def create_folder_path(engine: Engine, place: Place, path: str) -> str:
    """The last folder of one path; see ``AsyncPDSClient.create_folders``."""
    maker = _Maker(engine, place)
    names = _names(path)
    maker.check(names)
    return await maker.path(names)


async def create_folder_paths(engine: Engine, place: Place, paths: Iterable[str]) -> Outcomes[str]:
    """The last folder of each path; see ``AsyncPDSClient.create_folders``."""
    engine.shared.check_usable()
    maker = _Maker(engine, place)
    wanted = [_names(path) for path in check_list("paths", paths)]
    for names in wanted:
        maker.check(names)
    outcomes: dict[int, str | PDSError] = {}

    async def work(left: Iterator[tuple[int, list[str]]]) -> None:
        for at, names in left:
            try:
                outcomes[at] = await maker.path(names)
            except PDSError as error:
                outcomes[at] = error

    left = iter(enumerate(wanted))
    async with asyncio.TaskGroup() as group:
        for _ in range(min(_AT_ONCE, len(wanted))):
            group.create_task(work(left))
    return Outcomes(outcomes[at] for at in range(len(wanted)))


def _names(path: str) -> list[str]:
    """The names in a path; slashes around it do not count."""
    if not isinstance(path, str):
        raise InvalidRequest(f"a path of folders is a string, not a {type(path).__name__}")
    names = path.strip("/").split("/") if path.strip("/") else []
    for name in names:
        if name in ("", ".", ".."):
            raise InvalidRequest(
                f"the path {shown(path)} has {name!r} for a name; write plain names, as in a/b/c"
            )
    return names


class _Maker:
    """Makes the paths below one folder."""

    def __init__(self, engine: Engine, place: Place) -> None:
        # Sent twice, it finds what the first one made.
        twice = engine.settings.idempotent is None
        self._engine = engine.with_options({"idempotent": True}) if twice else engine
        self._cache = FolderCache.of(engine)
        self._top = place.parent_file_id
        self._place: dict[str, Any] = {"drive_id": place.drive_id, "share_id": place.share_id}

    def check(self, names: list[str]) -> None:
        """Raise InvalidRequest if a folder cannot have one of these names."""
        for name in names:
            self._engine.wire(CreateFileRequest(**self._fields(self._top, name)))

    async def path(self, names: list[str]) -> str:
        """The last of the folders, each inside the one before."""
        trusted: list[FolderKey] = []
        try:
            return await self._walk(names, trusted)
        except NotFound:
            if not trusted:
                raise
        # One that was there lately is gone.
        self._cache.forget()
        return await self._walk(names, trusted)

    async def _walk(self, names: list[str], trusted: list[FolderKey]) -> str:
        above = self._top
        for name in names:
            key = FolderKey(**self._place, parent_file_id=above, name=name)
            known = self._cache.get(key)
            if known is None:
                known = await self._cache.once(key, partial(self._create, above, name))
            else:
                trusted.append(key)
            above = known
        return above

    async def _create(self, above: str, name: str) -> str:
        file = FileResource(self._engine)
        created = await file.create(**self._fields(above, name))
        if not isinstance(created.file_id, str):
            raise DecodeError("the service made a folder and did not say which", code=SERVER_ERROR)
        if created.exist:
            kind = created.type or (await file.get(**self._place, file_id=created.file_id)).type
            if kind == "file":
                raise clash(f"{shown(name)} is a file and no folder", created.file_id)
        return created.file_id

    def _fields(self, above: str, name: str) -> dict[str, Any]:
        return {
            **self._place,
            "parent_file_id": above,
            "name": name,
            "type": "folder",
            "check_name_mode": "refuse",
        }
