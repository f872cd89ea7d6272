"""Share links: making, changing and ending them, counting their uses, and what they show."""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from pdsclient._times import parse_time, render_time
from pdsclient.emulator.handles import FILES, Shelf
from pdsclient.emulator.reading import Page, Position
from pdsclient.emulator.rows import ROOT
from pdsclient.emulator.store.files import FilesRead
from pdsclient.emulator.writing import Missing
from pdsclient.errors import InvalidRequest
from pdsclient.query import OrderTerm, Query

_SHARE_ID: Final = string.ascii_letters + string.digits
# The uses that each limit is about.
LIMITS: Final[Mapping[str, tuple[str, ...]]] = {
    "preview_limit": ("preview", "video_preview"),
    "download_limit": ("download",),
    "save_limit": ("save",),
    "save_download_limit": ("save", "download"),
}
_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Share(NamedTuple):
    """A share link; ``wire`` holds its remaining members under the names of the wire."""

    share_id: str
    drive_id: str
    file_ids: tuple[str, ...]
    share_pwd: str
    share_name: str
    expiration: datetime | None
    cancelled: bool
    creator: str
    wire: dict[str, Any]


class Shares(FilesRead):
    """The part of a store that is about share links."""

    def create_share(
        self,
        drive_id: str,
        file_id_list: Sequence[str],
        *,
        creator: str = "",
        share_pwd: str = "",
        expiration: datetime | None = None,
        share_name: str | None = None,
        **more: Any,
    ) -> str:
        """Share files and folders of one drive, and return the link's id.

        Args:
            drive_id: the drive.
            file_id_list: what is shared, at least one; ``root`` shares the whole drive.
            creator: a user id; the drive's owner if it is empty.
            share_pwd: needed to get a share token; empty for none.
            expiration: when the link ends; None for never.
            share_name: the first file's name if it is left out.
            more: further members under the names of the wire.
        """
        drive = self.drive(drive_id)
        if drive is None:
            raise Missing(f"there is no drive {drive_id}")
        if not file_id_list:
            raise InvalidRequest("file_id_list: share at least one file")
        names = [
            drive_id if file_id == ROOT else self._there(drive_id, file_id).name
            for file_id in file_id_list
        ]
        share_id = "".join(secrets.choice(_SHARE_ID) for _ in range(11))
        now = self._now()
        wire = {
            "share_pwd": share_pwd,
            "share_name": names[0] if share_name is None else share_name,
            "expiration": _moment(expiration),
            "creator": creator or drive.owner,
            "created_at": now,
            "updated_at": now,
            **more,
        }
        with self._writing() as connection:
            connection.execute(
                "INSERT INTO share VALUES (?, ?, ?, 0, ?)",
                (share_id, drive_id, " ".join(file_id_list), _encode(wire)),
            )
        return share_id

    def share(self, share_id: str) -> Share | None:
        """The share link, also a cancelled or expired one."""
        found = self._shares("WHERE share_id = ?", share_id)
        return found[0] if found else None

    def shares(self) -> list[Share]:
        """All share links, also cancelled and expired ones."""
        return self._shares("")

    def update_share(self, share_id: str, changes: Mapping[str, Any]) -> None:
        """Change members of a link by their names on the wire; ``expiration`` is a datetime."""
        if "expiration" in changes:
            changes = {**changes, "expiration": _moment(changes["expiration"])}
        with self._writing():
            self._rewrite(share_id, {**changes, "updated_at": self._now()})

    def use_share(self, share_id: str, use: str) -> bool:
        """Count a use: ``access``, ``download``, ``preview``, ``save`` or ``video_preview``.

        False, and nothing is counted, when a limit of the link has been reached.
        """
        with self._writing():
            share = self.share(share_id)
            if share is None:
                return False
            for limit, uses in LIMITS.items():
                most = share.wire.get(limit, 0)
                used = sum(share.wire.get(f"{each}_count", 0) for each in uses)
                if use in uses and 0 < most <= used:
                    return False
            counter = f"{use}_count"
            self._rewrite(share_id, {counter: share.wire.get(counter, 0) + 1})
        return True

    def cancel_share(self, share_id: str) -> None:
        """End a share link."""
        with self._writing() as connection:
            connection.execute("UPDATE share SET cancelled = 1 WHERE share_id = ?", (share_id,))

    def in_share(self, share_id: str, file_id: str) -> bool:
        """The file is shared by the link, or lies below something that is, and can be found."""
        share = self.share(share_id)
        row = self._row(share.drive_id, file_id) if share is not None else None
        if share is None or row is None or not row.findable:
            return False
        above = {ROOT, *(each for each, _, _ in self._path(row))}
        return not above.isdisjoint(share.file_ids)

    def list_share_root(
        self,
        share_id: str,
        *,
        order_by: Sequence[OrderTerm],
        limit: int,
        after: Position | None = None,
        query: Query | None = None,
        status: str = "available",
    ) -> Page:
        """What a listing of the link's ``root`` shows: the shared files themselves."""
        share = self.share(share_id)
        if share is None:
            return Page([], None)
        if ROOT in share.file_ids:
            return self.list_children(
                share.drive_id,
                ROOT,
                order_by=order_by,
                limit=limit,
                after=after,
                query=query,
                status=status,
            )
        number = self._number(share.drive_id)
        if number is None or status != "available":
            return Page([], None)
        with self._reading() as reader:
            return reader.page(
                {share.drive_id: Shelf(FILES, number, number)},
                query,
                order_by,
                limit=limit,
                position=after,
                among=share.file_ids,
            )

    def _shares(self, where: str, *values: str) -> list[Share]:
        rows = self._read(
            f"SELECT share_id, drive_id, file_ids, cancelled, json FROM share {where}", values
        )
        return [_share(*row) for row in rows]

    def _rewrite(self, share_id: str, changes: Mapping[str, Any]) -> None:
        """Inside a transaction: change members of the link."""
        ((json,),) = self._read("SELECT json FROM share WHERE share_id = ?", (share_id,))
        with self._writing() as connection:
            connection.execute(
                "UPDATE share SET json = ? WHERE share_id = ?",
                (_encode(_decode(json) | dict(changes)), share_id),
            )


def _share(share_id: str, drive_id: str, file_ids: str, cancelled: int, json: bytes) -> Share:
    wire = _decode(json)
    return Share(
        share_id=share_id,
        drive_id=drive_id,
        file_ids=tuple(file_ids.split()),
        share_pwd=wire.pop("share_pwd"),
        share_name=wire.pop("share_name"),
        expiration=parse_time(wire.pop("expiration")),
        cancelled=bool(cancelled),
        creator=wire.pop("creator"),
        wire=wire,
    )


def _moment(expiration: datetime | None) -> str:
    return "" if expiration is None else render_time(expiration)
