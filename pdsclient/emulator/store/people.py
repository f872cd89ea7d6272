"""Users, groups, who is in which group, who administers which, and the accounts behind users.

Everything here is a record in the form of the wire; times are milliseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, NamedTuple
from uuid import uuid4

from pdsclient.emulator.store.drives import Drives
from pdsclient.emulator.store.records import Record

MemberType = Literal["user", "group"]
Select = tuple[list[Record], int | None]

_DOMAIN: Final = "domain"
_USER: Final = "user"
_GROUP: Final = "group"
_MEMBERSHIP: Final = "membership"
# The same membership by its member: records are found by one parent only.
_PARENT: Final = "membership_parent"
_CLOSED: Final = "closed_drive"
_LINK: Final = "account_link"
_ASSIGNMENT: Final = "assignment"
_CHUNK: Final = 256


class Member(NamedTuple):
    """A user or a group as a member of another group."""

    type: MemberType
    id: str

    @property
    def key(self) -> str:
        """Its name among all members; no id has a ``#``."""
        return f"{self.type}#{self.id}"


class People(Drives):
    """The part of a store that is about users and groups."""

    # ---- the domain

    def domain(self) -> dict[str, Any]:
        """What is known of the domain, as on the wire: when it was made and what was changed."""
        return self.record(_DOMAIN, "") or {}

    def change_domain(self, changes: Mapping[str, Any]) -> None:
        """Change members of the domain, which is made the first time."""
        with self._writing():
            now = self._now()
            data = {"created_at": now, **self.domain(), **changes, "updated_at": now}
            self.put_record(_DOMAIN, "", data)

    # ---- users

    def user(self, user_id: str) -> dict[str, Any] | None:
        """The user as on the wire."""
        data = self.record(_USER, user_id)
        return data and self.whole_user(data)

    def whole_user(self, data: dict[str, Any]) -> dict[str, Any]:
        """A user's record with what is kept elsewhere."""
        return data | {"default_drive_id": self.default_drive_id(data["user_id"])}

    def nick_name(self, user_id: str) -> str:
        """What a user is called; their id if there is no such user any more."""
        data = self.record(_USER, user_id)
        return user_id if data is None else str(data["nick_name"])

    def put_user(self, user_id: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Make or change a user; the user as on the wire."""
        with self._writing():
            now = self._now_ms()
            old = self.record(_USER, user_id) or {
                "user_id": user_id,
                "domain_id": self.domain_id,
                "user_name": user_id,
                "nick_name": user_id,
                "avatar": "",
                "email": "",
                "phone": "",
                "description": "",
                "role": "user",
                "status": "enabled",
                "user_data": {},
                "creator": "",
                "created_at": now,
            }
            data = {**old, **changes, "updated_at": now}
            self.put_record(_USER, user_id, data)
            self.people_version += 1
            return self.whole_user(data)

    def ensure_user(self, user_id: str, changes: Mapping[str, Any]) -> None:
        """Make the user if there is none; change one only if there is something to change."""
        with self._writing():
            old = self.record(_USER, user_id)
            if old is None or any(old.get(name) != value for name, value in changes.items()):
                self.put_user(user_id, changes)

    def delete_user(self, user_id: str) -> None:
        """Remove a user who owns no drive, and what there is about them."""
        with self._writing():
            self._leave_all(Member("user", user_id))
            for link in self.records(_LINK, parent=user_id):
                self.delete_record(_LINK, link.key)
            self._drop_assignments(lambda one: one["identity"]["identity_id"] == user_id)
            self.delete_record(_USER, user_id)
            self.people_version += 1

    def users(
        self, accept: Callable[[dict[str, Any]], bool], *, after: int | None, limit: int
    ) -> Select:
        """The next users that are accepted, the oldest first, and where to go on."""
        return self.select_records(_USER, accept, after=after, limit=limit)

    def count_users(self) -> int:
        """How many users there are."""
        return len(self.records(_USER))

    # ---- groups

    def group(self, group_id: str) -> dict[str, Any] | None:
        """The group as on the wire."""
        return self.record(_GROUP, group_id)

    def put_group(self, changes: Mapping[str, Any], group_id: str = "") -> dict[str, Any]:
        """Make or change a group; the group as on the wire."""
        group_id = group_id or uuid4().hex
        with self._writing():
            now = self._now_ms()
            old = self.group(group_id) or {
                "group_id": group_id,
                "domain_id": self.domain_id,
                "group_name": "",
                "description": "",
                "creator": "",
                "created_at": now,
            }
            data = {**old, **changes, "updated_at": now}
            self.put_record(_GROUP, group_id, data)
            return data

    def delete_group(self, group_id: str) -> None:
        """Remove a group without sub-groups and drives; its members stay."""
        with self._writing():
            for record in self.records(_MEMBERSHIP, parent=group_id):
                self.leave(group_id, member_of(record.data))
            self._leave_all(Member("group", group_id))
            self._drop_assignments(lambda one: one["manage_resource_id"] == group_id)
            self.delete_record(_GROUP, group_id)

    def groups(
        self, accept: Callable[[dict[str, Any]], bool], *, after: int | None, limit: int
    ) -> Select:
        """The next groups that are accepted, the oldest first, and where to go on."""
        return self.select_records(_GROUP, accept, after=after, limit=limit)

    # ---- who is in which group

    def join(self, group_id: str, member: Member, more: Mapping[str, Any]) -> dict[str, Any]:
        """Put a member into a group, or change how it is one; the membership as on the wire."""
        with self._writing():
            now = self._now_ms()
            old = self.membership(group_id, member) or {
                "domain_id": self.domain_id,
                "group_id": group_id,
                "member_type": member.type,
                "user_id" if member.type == "user" else "sub_group_id": member.id,
                "member_role": "member",
                "description": "",
                "creator": "",
                "created_at": now,
            }
            data = {**old, **more, "updated_at": now}
            self.put_record(_MEMBERSHIP, _joined(group_id, member), data, parent=group_id)
            self.put_record(_PARENT, _joined(group_id, member), data, parent=member.key)
            return data

    def leave(self, group_id: str, member: Member) -> bool:
        """Take a member out of a group; whether it was in."""
        with self._writing():
            self.delete_record(_PARENT, _joined(group_id, member))
            return self.delete_record(_MEMBERSHIP, _joined(group_id, member))

    def membership(self, group_id: str, member: Member) -> dict[str, Any] | None:
        """The membership as on the wire."""
        return self.record(_MEMBERSHIP, _joined(group_id, member))

    def members(
        self, group_id: str, member_type: str | None, *, after: int | None, limit: int
    ) -> Select:
        """The next memberships in a group, in the order in which they were made."""
        return self.select_records(
            _MEMBERSHIP,
            lambda one: member_type in (None, one["member_type"]),
            parent=group_id,
            after=after,
            limit=limit,
        )

    def parents(self, member: Member, *, after: int | None = None, limit: int = -1) -> Select:
        """The memberships of a user or group, in the order in which they were made."""
        return self.select_records(
            _PARENT, lambda _: True, parent=member.key, after=after, limit=limit
        )

    def groups_of(self, user_id: str) -> dict[str, bool]:
        """The groups of a user, also those above: True for those the user is in directly."""
        found: dict[str, bool] = {}
        reached = [Member("user", user_id)]
        while reached:
            member = reached.pop()
            for record in self.records(_PARENT, parent=member.key):
                group_id = record.data["group_id"]
                if group_id not in found:
                    reached.append(Member("group", group_id))
                found[group_id] = found.get(group_id, False) or member.type == "user"
        return found

    def may_access(self, user_id: str, drive_id: str) -> bool:
        """The user owns the drive, was let in, or is in the group that owns it."""
        if super().may_access(user_id, drive_id):
            return True
        drive = self.team_drive(drive_id)
        if drive is None or self.record(_CLOSED, drive_id) is not None:
            return False
        return drive.owner in self.groups_of(user_id)

    def close_drive(self, drive_id: str) -> None:
        """Do not let members of the group that owns the drive in without a permission."""
        self.put_record(_CLOSED, drive_id, {})

    def _leave_all(self, member: Member) -> None:
        for record in self.records(_PARENT, parent=member.key):
            self.leave(record.data["group_id"], member)

    # ---- who administers which group

    def assign(self, data: dict[str, Any]) -> None:
        """Give a role over a resource to somebody."""
        key = "#".join(_assignment_key(data))
        if self.record(_ASSIGNMENT, key) is None:
            data = {**data, "domain_id": self.domain_id, "created_at": self._now_ms()}
            self.put_record(_ASSIGNMENT, key, data, parent=data["manage_resource_id"])

    def cancel_assignment(self, data: dict[str, Any]) -> None:
        """Take the role away; nothing happens if it was not given."""
        self.delete_record(_ASSIGNMENT, "#".join(_assignment_key(data)))

    def assignments(
        self, accept: Callable[[dict[str, Any]], bool], *, after: int | None, limit: int
    ) -> Select:
        """The next roles that are accepted, the oldest first, and where to go on."""
        return self.select_records(_ASSIGNMENT, accept, after=after, limit=limit)

    def administers(self, user_id: str, group_id: str) -> bool:
        """Whether the user is an administrator of the group, by a role or as such a member."""
        own = self.membership(group_id, Member("user", user_id)) or {}
        return own.get("member_role") == "admin" or any(
            record.data["identity"] == {"identity_type": "IT_User", "identity_id": user_id}
            for record in self.records(_ASSIGNMENT, parent=group_id)
        )

    def _drop_assignments(self, accept: Callable[[dict[str, Any]], bool]) -> None:
        for record in self.records(_ASSIGNMENT):
            if accept(record.data):
                self.delete_record(_ASSIGNMENT, record.key)

    # ---- accounts

    def link(self, account: str) -> dict[str, Any] | None:
        """The account as on the wire, with the user behind it."""
        return self.record(_LINK, account)

    def put_link(self, account: str, data: dict[str, Any]) -> None:
        """Let somebody sign in as a user by an account."""
        data = {**data, "domain_id": self.domain_id, "created_at": self._now_ms()}
        self.put_record(_LINK, account, data, parent=data["user_id"])

    def delete_link(self, account: str) -> None:
        """Forget an account."""
        self.delete_record(_LINK, account)

    def links_of(self, user_id: str) -> list[dict[str, Any]]:
        """The accounts of a user, the oldest first."""
        return [record.data for record in self.records(_LINK, parent=user_id)]

    # ---- any

    def select_records(
        self,
        kind: str,
        accept: Callable[[dict[str, Any]], bool],
        *,
        parent: str | None = None,
        after: int | None = None,
        limit: int = -1,
    ) -> Select:
        """The next records that are accepted, the oldest first, and where to go on; -1 for all."""
        found: list[Record] = []
        at = after or 0
        while chunk := self.records(kind, parent=parent, after=at, limit=_CHUNK):
            found += [record for record in chunk if accept(record.data)]
            if 0 <= limit < len(found):
                return found[:limit], found[limit - 1].seq
            at = chunk[-1].seq
        return found, None

    def _now_ms(self) -> int:
        return int(self._clock.time() * 1000)


def member_of(data: Mapping[str, Any]) -> Member:
    """Who is the member in a membership."""
    if data["member_type"] == "user":
        return Member("user", data["user_id"])
    return Member("group", data["sub_group_id"])


def _joined(group_id: str, member: Member) -> str:
    return f"{group_id}#{member.key}"


def _assignment_key(data: Mapping[str, Any]) -> list[str]:
    identity = data["identity"]
    return [
        data["manage_resource_type"],
        data["manage_resource_id"],
        identity["identity_type"],
        identity["identity_id"],
        data["role_id"],
    ]
