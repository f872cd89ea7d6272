"""What a test puts into an emulator, and finds in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pdsclient.emulator.service import Service

__all__ = ["OWNER", "Stock"]

# The default user, who may do everything.
OWNER = "superadmin"


class Stock:
    """The part of an emulator that is about what is stored."""

    drive_id: str
    _service: Service

    async def add_files(
        self, rows: Iterable[Mapping[str, Any]], *, drive_id: str | None = None
    ) -> list[str]:
        """The ids of the files added, in order; see `Store.add_files` for the rows."""
        store = self._service.store
        return await self._service.write(store.add_files, rows, drive_id=drive_id or self.drive_id)

    async def add_synthetic(
        self, count: int, *, seed: int = 0, drive_id: str | None = None
    ) -> None:
        """Add made-up files in folders, the same ones for the same count and seed.

        Args:
            count: how many files and folders together; a million takes about a minute.
            seed: another one gives other files; one seed serves once in each drive.
            drive_id: the drive; the default one if it is left out.
        """
        store = self._service.store
        await self._service.write(store.add_synthetic, drive_id or self.drive_id, count, seed)

    async def read_file(self, file_id: str, *, drive_id: str | None = None) -> bytes:
        """The content of a file; LookupError if there is none, as of an unfinished upload."""
        service = self._service
        content = await service.read(service.store.open_content, drive_id or self.drive_id, file_id)
        if content is None:
            raise LookupError(f"no file {file_id!r} has a content")
        with content:
            return await service.use_files(content.read, 0, content.size)

    async def drop_uploads(self) -> int:
        """End all unfinished uploads, as the service does after days; how many there were."""
        return await self._service.write(self._service.store.drop_uploads)

    async def update_file(
        self, file_id: str, changes: Mapping[str, Any], *, drive_id: str | None = None
    ) -> None:
        """Change fields of a file by their names on the wire."""
        await self._change(self._service.store.update_file, drive_id, file_id, changes)

    async def move_file(
        self, file_id: str, to_parent_file_id: str, *, drive_id: str | None = None
    ) -> None:
        """Put a file or folder into another folder."""
        await self._change(self._service.store.move_file, drive_id, file_id, to_parent_file_id)

    async def trash_file(self, file_id: str, *, drive_id: str | None = None) -> None:
        """Put a file or folder into the recycle bin."""
        await self._change(self._service.store.trash_file, drive_id, file_id)

    async def restore_file(self, file_id: str, *, drive_id: str | None = None) -> None:
        """Take a file or folder out of the recycle bin."""
        await self._change(self._service.store.restore_file, drive_id, file_id)

    async def delete_file(self, file_id: str, *, drive_id: str | None = None) -> None:
        """Remove a file or folder for good."""
        await self._change(self._service.store.delete_file, drive_id, file_id)

    async def set_status(self, file_id: str, status: str, *, drive_id: str | None = None) -> None:
        """Make a file ``available`` or ``uploading``; the latter are not found."""
        await self._change(self._service.store.set_status, drive_id, file_id, status)

    async def put_user(self, user_id: str, **changes: Any) -> None:
        """Make or change a user: ``role``, ``nick_name``, ``email`` and so on as on the wire."""
        service = self._service
        service.identity.note(await service.write(service.store.put_user, user_id, changes))

    async def put_drive(
        self, drive_id: str, *, owner: str, default: bool = False, **more: Any
    ) -> None:
        """Make or change a drive; its owner is made if need be."""
        store = self._service.store
        await self._service.write(store.put_drive, drive_id, owner=owner, default=default, **more)
        if more.get("owner_type", "user") == "user":
            await self.put_user(owner)

    async def grant(self, drive_id: str, user_id: str) -> None:
        """Let a user into somebody else's drive."""
        await self._service.write(self._service.store.grant, drive_id, user_id)

    async def withdraw(self, drive_id: str, user_id: str) -> None:
        """Take back what `grant` gave."""
        await self._service.write(self._service.store.withdraw, drive_id, user_id)

    async def create_share(
        self,
        file_id_list: Sequence[str],
        *,
        drive_id: str | None = None,
        share_pwd: str = "",
        expiration: datetime | None = None,
        **more: Any,
    ) -> str:
        """The id of a new share link; `more` are its other fields as on the wire."""
        return await self._service.write(
            self._service.store.create_share,
            drive_id or self.drive_id,
            file_id_list,
            share_pwd=share_pwd,
            expiration=expiration,
            **{"creator": OWNER, **more},
        )

    async def cancel_share(self, share_id: str) -> None:
        """End a share link."""
        await self._service.write(self._service.store.cancel_share, share_id)

    async def _change(self, change: Any, drive_id: str | None, *args: Any) -> None:
        await self._service.write(change, drive_id or self.drive_id, *args)
