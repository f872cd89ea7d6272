"""Which drive or share a request is about, and whether the caller may touch it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from attrs import frozen

from pdsclient.emulator.handlers.rights import Rights
from pdsclient.emulator.identity import User, share_token_refused
from pdsclient.emulator.replies import ServiceError, forbidden, missing, not_found, not_match
from pdsclient.emulator.roles import EVERYTHING
from pdsclient.emulator.service import Call
from pdsclient.emulator.store import FileRow, Share


@frozen
class Place:
    """A drive, or a share and the drive behind it; without rights everything is allowed."""

    drive_id: str
    share: Share | None = None
    rights: Rights | None = None

    @property
    def key(self) -> str:
        """What tells this place from others; markers are bound to it."""
        return f"share:{self.share.share_id}" if self.share else self.drive_id

    @property
    def tops(self) -> tuple[str, ...]:
        """The shared files, above which there is nothing to be seen; none in a drive."""
        return self.share.file_ids if self.share else ()

    @property
    def counted(self) -> frozenset[str]:
        """The actions that a share allows a number of times; no reply gives them away uncounted."""
        limits = {"download_limit": "FILE.DOWNLOAD", "preview_limit": "FILE.PREVIEW"}
        wire = self.share.wire if self.share else {}
        return frozenset(action for limit, action in limits.items() if wire.get(limit))

    def actions(self, row: FileRow | None) -> frozenset[str]:
        """What the caller may do with a file, or at the top."""
        return EVERYTHING if self.rights is None else self.rights.on(row)


def caller(call: Call) -> User:
    """The user who calls an operation that is open to users only."""
    assert call.caller.user is not None, "the operation is open to users only"
    return call.caller.user


def check_admin(call: Call, *, unless: bool = False) -> None:
    """ServiceError 403 for callers who do not administer the domain, `unless` they may anyway."""
    if not (unless or caller(call).is_admin):
        raise ServiceError(
            403, "Forbidden", "User not authorized to operate on the specified APIs."
        )


@frozen
class Address:
    """The place as a request names it, not yet looked up."""

    drive_id: str | None
    share_id: str | None


def read_address(call: Call) -> Address:
    """The drive or share that is named; ServiceError when there is none, or the wrong share.

    With a share the drive is ignored, as on the service.
    """
    share_id = call.params.text("share_id")
    if share_id is not None:
        if call.caller.share_id is None:
            raise share_token_refused()
        if call.caller.share_id != share_id:
            raise not_match("share_id")
        return Address(None, share_id)
    if call.caller.user is None:
        raise missing("share_id")
    return Address(call.params.required("drive_id"), None)


def find_place(call: Call, address: Address) -> Place:
    """The place itself; ServiceError when it does not exist or is not open to the caller."""
    if address.share_id is not None:
        share = find_share(call, address.share_id)
        return Place(share.drive_id, share, Rights.of_share(call.store, share))
    assert address.drive_id is not None, "an address names a drive or a share"
    return find_drive(call, address.drive_id)


def find_drive(call: Call, drive_id: str) -> Place:
    """The drive; ServiceError when there is none, or nothing in it is open to the caller."""
    if not call.store.has_drive(drive_id):
        raise missing_drive(drive_id)
    user = call.caller.user
    if user is None:
        raise forbidden("drive")
    if user.is_admin or call.store.may_access(user.user_id, drive_id):
        return Place(drive_id)
    grants = call.store.grants_in(drive_id, user.user_id)
    if not grants:
        raise forbidden("drive")
    return Place(drive_id, rights=Rights.of_user(call.store, grants))


def check_drive(call: Call, drive_id: str) -> None:
    """ServiceError when the drive does not exist, or nothing in it is open to the caller."""
    find_drive(call, drive_id)


def missing_drive(drive_id: str) -> ServiceError:
    """404: no such drive."""
    return not_found("drive", f"drive_id:{drive_id}")


def find_share(call: Call, share_id: str) -> Share:
    """A share that is open."""
    share = known_share(call, share_id)
    not_cancelled(share)
    if share.wire.get("status") == "disabled":
        raise forbidden_by_share("it is disabled by the creator")
    if is_expired(call, share):
        raise ServiceError(400, "ShareLink.Expired", "share_link is expired")
    return share


def known_share(call: Call, share_id: str) -> Share:
    """A share in whatever state."""
    share = call.store.share(share_id)
    if share is None:
        raise not_found("share_link", f"share_id:{share_id}")
    return share


def not_cancelled(share: Share) -> None:
    """ServiceError when the share was ended."""
    if share.cancelled:
        raise ServiceError(400, "ShareLink.Cancelled", "share_link is cancelled by the creator")


def is_expired(call: Call, share: Share) -> bool:
    """Whether the share's time is over."""
    now = datetime.fromtimestamp(call.service.clock.time(), UTC)
    return share.expiration is not None and now >= share.expiration


def check_action(call: Call, place: Place, row: FileRow | None, action: str) -> None:
    """ServiceError when the caller may not do this to the file, or to the top if None.

    Args:
        call: who asks.
        place: the drive or share that was found open.
        row: the file or folder.
        action: such as ``FILE.UPDATE``.
    """
    if action in place.actions(row):
        return
    if place.share is not None and action in _LINK_ACTIONS:
        raise forbidden_by_share(f"{action} is disabled by the creator")
    raise forbidden("file")


# What the switches of a share link are about.
_LINK_ACTIONS = {"FILE.PREVIEW", "FILE.DOWNLOAD", "FILE.ARCHIVE", "FILE.COPY", "FILE.CREATE"}


def charge_share(call: Call, place: Place, use: Use) -> None:
    """Count one use of a share link; ServiceError when its limit has been reached.

    Outside a share nothing is counted.
    """
    if place.share is not None and not call.store.use_share(place.share.share_id, use):
        raise forbidden_by_share(f"the {use} limit is reached")


Use = Literal["access", "download", "preview", "save", "video_preview"]


def forbidden_by_share(detail: str) -> ServiceError:
    """400: the creator of the link did not want that."""
    return ServiceError(400, "ShareLink.Forbidden", f"share_link is forbidden. {detail}")


def find_file(call: Call, place: Place, file_id: str) -> FileRow:
    """A file or folder that is there; one that is still uploading is not, and what is in the
    recycle bin is or is not, by a switch."""
    row = call.store.get_file(place.drive_id, file_id)
    if row is None or row.status != "available":
        raise missing_file(call, file_id)
    if not row.findable:
        _check_trashed(call, place, file_id)
    elif not place.actions(row):
        raise forbidden("file")
    return row


def missing_file(call: Call, file_id: str) -> ServiceError:
    """404, or 400 by a switch: no such file."""
    return not_found("file_id", f"file_id:{file_id}", call.settings.not_found_status)


def _check_trashed(call: Call, place: Place, file_id: str) -> None:
    if place.share is not None or call.settings.trashed_get == "missing":
        raise missing_file(call, file_id)
    if call.settings.trashed_get == "forbidden":
        raise ServiceError(
            403, "ForbiddenFileInTheRecycleBin", f"The file is in the recycle bin. {file_id}"
        )
