"""The emulated operations: one function each, in a table beside the functions."""

from __future__ import annotations

from pdsclient.emulator.handlers import (
    account,
    archive,
    async_task,
    changing,
    create,
    delta,
    domain,
    download,
    drive,
    file,
    group,
    listing,
    membership,
    oauth,
    office,
    permission,
    preview,
    recyclebin,
    revision,
    role,
    search,
    share_link,
    share_listing,
    tags,
    upload,
    user,
    user_import,
)
from pdsclient.emulator.handlers.batch import batch_of
from pdsclient.emulator.handlers.operation import Operation

__all__ = ["OPERATIONS", "Operation"]

OPERATIONS: dict[str, Operation] = {
    **account.OPERATIONS,
    **archive.OPERATIONS,
    **create.OPERATIONS,
    **async_task.OPERATIONS,
    **changing.OPERATIONS,
    **delta.OPERATIONS,
    **domain.OPERATIONS,
    **download.OPERATIONS,
    **drive.OPERATIONS,
    **file.OPERATIONS,
    **group.OPERATIONS,
    **listing.OPERATIONS,
    **membership.OPERATIONS,
    **oauth.OPERATIONS,
    **office.OPERATIONS,
    **permission.OPERATIONS,
    **preview.OPERATIONS,
    **recyclebin.OPERATIONS,
    **revision.OPERATIONS,
    **role.OPERATIONS,
    **search.OPERATIONS,
    **share_link.OPERATIONS,
    **share_listing.OPERATIONS,
    **tags.OPERATIONS,
    **upload.OPERATIONS,
    **user.OPERATIONS,
    **user_import.OPERATIONS,
}
"""Every operation by its path below the version."""
OPERATIONS |= batch_of(OPERATIONS)
