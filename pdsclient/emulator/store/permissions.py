"""Folders that are shared with users and groups, each under a role and for a time.

A permission is a record: its key begins with the folder, its parent is the member, so that both
are found without looking at the others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import msgspec

from pdsclient.emulator.roles import ROLES
from pdsclient.emulator.store.files import FilesRead
from pdsclient.emulator.store.people import People

NEVER_MS: Final = 4_775_500_800_000
"""What the service writes for a permission without an end."""

_KIND: Final = "permission"
# No id has it.
_MARK: Final = "#"
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Permission(NamedTuple):
    """What one member may do in one folder, and in all that is below.

    Attributes:
        drive_id: the folder's drive.
        file_id: the folder; ``root`` for the whole drive.
        identity_type: ``IT_User`` or ``IT_Group``.
        identity_id: the user or group.
        role_id: one of ``ROLES``, or one made up for a list of actions.
        actions: that list; empty with a role of the system.
        expire_time: epoch milliseconds.
        disinherit_sub_group: members of groups below the group are left out.
        creator: the user id of who shared it.
        created_at: epoch milliseconds.
    """

    drive_id: str
    file_id: str
    identity_type: str
    identity_id: str
    role_id: str
    actions: tuple[str, ...]
    expire_time: int
    disinherit_sub_group: bool
    creator: str
    created_at: int

    @property
    def member(self) -> str:
        """Who it is for."""
        return f"{self.identity_type}{_MARK}{self.identity_id}"

    @property
    def allows(self) -> frozenset[str]:
        """What may be done."""
        return frozenset(self.actions) if self.actions else ROLES.get(self.role_id, frozenset())

    @property
    def key(self) -> str:
        return _key(self.drive_id, self.file_id, self.member, self.role_id)


class Permissions(FilesRead, People):
    """The part of a store that is about permissions."""

    def add_permissions(self, permissions: Iterable[Permission]) -> None:
        """Share folders, all or none; a member who has the role already gets the new terms."""
        with self._writing():
            for one in permissions:
                self.put_record(_KIND, one.key, one._asdict(), parent=one.member)

    def remove_permissions(
        self, drive_id: str, file_id: str, members: Iterable[tuple[str, str, str]]
    ) -> None:
        """End what members have by a folder: identity type, identity and role of each."""
        with self._writing():
            for kind, identity, role_id in members:
                member = f"{kind}{_MARK}{identity}"
                self.delete_record(_KIND, _key(drive_id, file_id, member, role_id))

    def permissions_on(self, drive_id: str, file_id: str) -> list[Permission]:
        """The living permissions of one folder, the oldest first."""
        start = _key(drive_id, file_id, "")
        rows = self._read(
            "SELECT json FROM record WHERE kind = ? AND key >= ? AND key < ? ORDER BY seq",
            (_KIND, start, start[:-1] + chr(ord(_MARK) + 1)),
        )
        return self._living(_decode(json) for (json,) in rows)

    def permissions_by(self, creator: str) -> list[Permission]:
        """The living permissions that a user gave."""
        found = self.records(_KIND)
        return [one for one in self._living(each.data for each in found) if one.creator == creator]

    def permissions_of(self, user_id: str) -> list[Permission]:
        """The living permissions that a user has by themselves, the oldest first."""
        return self._held_by(f"IT_User{_MARK}{user_id}")

    def permissions_through_groups(self, user_id: str) -> list[Permission]:
        """The living permissions that a user has as a member of groups, and of groups of those."""
        return [
            one
            for group_id, direct in self.groups_of(user_id).items()
            for one in self._held_by(f"IT_Group{_MARK}{group_id}")
            if direct or not one.disinherit_sub_group
        ]

    def grants_in(self, drive_id: str, user_id: str) -> dict[str, frozenset[str]]:
        """What a user may do below the folders of a drive that are shared with them."""
        grants: dict[str, frozenset[str]] = defaultdict(frozenset)
        for one in [*self.permissions_of(user_id), *self.permissions_through_groups(user_id)]:
            if one.drive_id == drive_id:
                grants[one.file_id] |= one.allows
        return dict(grants)

    def delete_user(self, user_id: str) -> None:
        """Remove a user with their permissions."""
        with self._writing():
            super().delete_user(user_id)
            self._end_all(f"IT_User{_MARK}{user_id}")

    def delete_group(self, group_id: str) -> None:
        """Remove a group with its permissions."""
        with self._writing():
            super().delete_group(group_id)
            self._end_all(f"IT_Group{_MARK}{group_id}")

    def _end_all(self, member: str) -> None:
        for one in self.records(_KIND, parent=member):
            self.delete_record(_KIND, one.key)

    def _held_by(self, member: str) -> list[Permission]:
        return self._living(each.data for each in self.records(_KIND, parent=member))

    def _living(self, found: Iterable[dict[str, Any]]) -> list[Permission]:
        now = self._clock.time() * 1000
        permissions = [Permission(**data) for data in found]
        return [one for one in permissions if one.expire_time > now]


def _key(*parts: str) -> str:
    return _MARK.join(parts)
