"""Which drive or share a request is about, and whether the caller may touch it."""

from __future__ import annotations

from datetime import UTC, datetime

from attrs import frozen

from pdsclient.emulator.identity import share_token_refused
from pdsclient.emulator.replies import ServiceError, forbidden, missing, not_found, not_match
from pdsclient.emulator.service import Call
from pdsclient.emulator.store import FileRow, Share


@frozen
class Place:
    """A drive, or a share and the drive behind it."""

    drive_id: str
    share: Share | None = None

    @property
    def key(self) -> str:
        """What tells this place from others; markers are bound to it."""
        return f"share:{self.share.share_id}" if self.share else self.drive_id

    @property
    def tops(self) -> tuple[str, ...]:
        """The shared files, above which there is nothing to be seen; none in a drive."""
        return self.share.file_ids if self.share else ()

    def forbids(self, use: str) -> bool:
        """Whether the share was made without ``download`` or ``preview``."""
        return self.share is not None and bool(self.share.wire.get(f"disable_{use}"))


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
        return Place(share.drive_id, share)
    assert address.drive_id is not None, "an address names a drive or a share"
    check_drive(call, address.drive_id)
    return Place(address.drive_id)


def check_drive(call: Call, drive_id: str) -> None:
    """ServiceError when the drive does not exist or is not open to the caller."""
    if not call.store.has_drive(drive_id):
        raise missing_drive(drive_id)
    user = call.caller.user
    if user is None or not (user.is_admin or call.store.may_access(user.user_id, drive_id)):
        raise forbidden("drive")


def missing_drive(drive_id: str) -> ServiceError:
    """404: no such drive."""
    return not_found("drive", f"drive_id:{drive_id}")


def find_share(call: Call, share_id: str) -> Share:
    """A share that is alive."""
    share = call.store.share(share_id)
    if share is None:
        raise not_found("share_link", f"share_id:{share_id}")
    if share.cancelled:
        raise ServiceError(400, "ShareLink.Cancelled", "share_link is cancelled by the creator")
    now = datetime.fromtimestamp(call.service.clock.time(), UTC)
    if share.expiration is not None and now >= share.expiration:
        raise ServiceError(400, "ShareLink.Expired", "share_link is expired")
    return share


def find_file(call: Call, place: Place, file_id: str) -> FileRow:
    """A file or folder that is there; one that is still uploading is not, and what is in the
    recycle bin is or is not, by a switch."""
    row = call.store.get_file(place.drive_id, file_id)
    if row is None or row.status != "available":
        raise missing_file(call, file_id)
    if not row.findable:
        _check_trashed(call, place, file_id)
    elif place.share is not None and not call.store.in_share(place.share.share_id, file_id):
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
