"""Where a file is, and whether names are free."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pdsclient._checks import check_list
from pdsclient.batching import Outcomes, run_batch
from pdsclient.errors import SERVER_ERROR, DecodeError, NotFound, PDSError, PermissionDenied
from pdsclient.files._address import FileRef, address
from pdsclient.models.file import File
from pdsclient.models.upload import NameCheck, NameCheckResult
from pdsclient.resources.file import FileResource

if TYPE_CHECKING:
    from pdsclient._core import Engine
    from pdsclient.models._shared import FileType

# The top of a drive; it is no file, and nothing is above it.
ROOT = "root"


async def breadcrumbs(
    engine: Engine, file: FileRef, *, drive_id: str | None, share_id: str | None
) -> list[File]:
    """See ``AsyncPDSClient.breadcrumbs``."""
    place = address(file, drive_id, share_id)
    if place["file_id"] == ROOT:
        return []
    get = FileResource(engine).get
    found = [await get(**place, fields="id_path")]
    known = await _ancestors(engine, found[0], place)
    seen = {place["file_id"]}
    while (above := found[0].parent_file_id) not in (None, ROOT):
        if not isinstance(above, str):
            raise DecodeError("the service did not say which folder it is in", code=SERVER_ERROR)
        if above in seen:
            raise DecodeError(
                f"the folder {above} is inside itself, as the service tells it", code=SERVER_ERROR
            )
        seen.add(above)
        try:
            parent = known.get(above) or await get(**{**place, "file_id": above})
        except (NotFound, PermissionDenied):
            # What is above the shared folder is nobody's business (pds-service.md 12).
            if place["share_id"] is None:
                raise
            break
        found.insert(0, parent)
    return found


async def _ancestors(engine: Engine, file: File, place: dict[str, Any]) -> dict[str, File]:
    """The folders that the file's ``id_path`` names, by id, asked for in one batch.

    A short cut only: the form of the path is not documented, so the way is found by
    ``parent_file_id``, and what is missing here is asked for singly.
    """
    path = file.id_path if isinstance(file.id_path, str) else ""
    ids = [one for one in path.split("/") if one not in ("", ROOT, file.file_id)]
    if len(ids) < 2:
        return {}
    # Where it fails, nothing is lost.
    quiet = engine.with_options({"emit_error": False, "validate": False})
    get = FileResource(quiet).get
    outcomes = await run_batch(quiet, [get.item(**{**place, "file_id": one}) for one in ids])
    return {one.file_id: one for one in outcomes.replies if isinstance(one.file_id, str)}


async def check_files_exist(
    engine: Engine,
    names: Iterable[str],
    *,
    parent_file_id: str,
    drive_id: str | None,
    share_id: str | None,
    type: FileType,
) -> Outcomes[NameCheckResult | None]:
    """See ``AsyncPDSClient.check_files_exist``."""
    check = FileResource(engine).pre_create_check
    calls = [
        check.item(
            name=name,
            type=type,
            parent_file_id=parent_file_id,
            drive_id=drive_id,
            share_id=share_id,
        )
        for name in check_list("names", names)
    ]
    outcomes = await run_batch(engine, calls)
    return Outcomes(map(_who_has_it, outcomes))


def _who_has_it(outcome: NameCheck | PDSError) -> NameCheckResult | PDSError | None:
    if isinstance(outcome, PDSError):
        return outcome
    return None if outcome.result_code == "success" else outcome.name_check_result or _UNNAMED


# Taken, but the service did not say by what.
_UNNAMED = NameCheckResult()
