"""Users: replies and requests of ``client.user``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeAlias

import msgspec

from pdsclient import _codec
from pdsclient.errors import InvalidRequest
from pdsclient.models._base import Model, Page, check_rows, listed
from pdsclient.models._request import Part, PartOf, Request, optional, request, required
from pdsclient.models._rules import (
    DESCRIPTION,
    FLAG,
    ID,
    TEXT,
    USER_ID,
    Anything,
    Choice,
    ListOf,
    MapOf,
    Text,
    Whole,
)
from pdsclient.models._service_rules import Millis
from pdsclient.models._shared import Paged
from pdsclient.models.account import AccountLinkInfo, AccountType
from pdsclient.models.drive import Drive
from pdsclient.models.group import Group, MemberType
from pdsclient.models.rights import IDPermission

__all__ = [
    "AuthenticationInfo",
    "CreateUserRequest",
    "DeleteUserRequest",
    "GeneralGetUserRequest",
    "GeneralSearchUsersRequest",
    "GetUserRequest",
    "ImportUserRequest",
    "ListGroupUsersRequest",
    "ListUsersRequest",
    "MemberPage",
    "SearchUsersRequest",
    "UpdateUserRequest",
    "User",
    "UserGroupPart",
    "UserMsgSendSetting",
    "UserMsgSendSettingPart",
    "UserMsgSetting",
    "UserMsgSettingPart",
    "UserPage",
]

ExtraReturnInfo: TypeAlias = Literal["group", "drive", "account"]
UserRole: TypeAlias = Literal[
    "superadmin", "admin", "user", "subdomain_super_admin", "subdomain_admin"
]
UserStatus: TypeAlias = Literal["enabled", "disabled"]

# pds-service.md 4.2: a picture as a data URI takes up to 300 KB.
_AVATAR = Text(300 * 1024, ascii=True, empty=True)
_EXTRA = ListOf(Choice(ExtraReturnInfo), most=3)
_NAME = Text(128)


class _UserData(MapOf):
    """Any map whose JSON has up to 1,024 characters (pds-service.md 4.2)."""

    def __init__(self) -> None:
        super().__init__(Anything(), most=1024)

    def __call__(self, field: str, value: Any) -> dict[str, Any]:
        wire = super().__call__(field, value)
        size = len(_codec.encode(wire).decode())
        if size > self.most:
            raise InvalidRequest(
                f"{field} must have at most {self.most:,} characters as JSON, not {size:,}"
            )
        return wire

    def __str__(self) -> str:
        return f"up to {self.most:,} characters as JSON"


class UserMsgSendSetting(Model, frozen=True, kw_only=True):
    """Whether a user is told of one kind of event."""

    category: str | None = None
    """Such as system or coop."""
    enable: bool | None = None
    """Messages of this kind are sent."""
    sub_category: str | None = None
    """``change_permission``, ``hand_over``, ``renew_alarm`` and others."""


class UserMsgSetting(Model, frozen=True, kw_only=True):
    """Which messages a user gets."""

    send_settings: list[UserMsgSendSetting] = listed()
    """One for each kind of event."""


class User(Model, frozen=True, kw_only=True):
    """A user of the domain (pds-service.md 12).

    Which fields are set depends on the operation and on what ``extra_return_info`` asked for.
    """

    __urls__: ClassVar[frozenset[str]] = frozenset({"avatar"})
    __columns__: ClassVar[tuple[str, ...]] = (
        "user_id",
        "user_name",
        "nick_name",
        "role",
        "status",
        "created_at",
    )

    account: list[AccountLinkInfo] = listed()
    """Login accounts; only when ``extra_return_info`` asks."""
    avatar: str | None = None
    """Picture: a URL, or a data URI of up to 300 KB."""
    created_at: datetime | None = None
    """When the user was created."""
    creator: str | None = None
    """Who created it."""
    default_drive: Drive | None = None
    """The default drive; only when ``extra_return_info`` asks."""
    default_drive_id: str | None = None
    """The default drive, if there is one."""
    default_location: str | None = None
    """Where the user's files are stored."""
    deny_change_password_by_self: bool | None = None
    """The user cannot change the password."""
    description: str | None = None
    """Free text."""
    domain_id: str | None = None
    """The domain it belongs to."""
    email: str | None = None
    """E-mail address."""
    expired_at: datetime | None = None
    """When the user's access ends."""
    is_sync: bool | None = None
    """The user comes from another directory of users."""
    last_login_time: datetime | None = None
    """When the user last logged in."""
    last_refresh_token_time: datetime | None = None
    """When the user's token was last refreshed."""
    msg_setting: UserMsgSetting | None = None
    """Which messages the user gets."""
    need_change_password_next_login: bool | None = None
    """The password has to be changed at the next login."""
    nick_name: str | None = None
    """Name that the user goes by."""
    parent_group: list[Any] = listed()
    """Groups that the user is in, as they were sent; only when ``extra_return_info`` asks."""
    path_status: str | None = None
    """State of the path of groups above the user."""
    permission: dict[str, IDPermission] | None = None
    """Who may do what with the user."""
    phone: str | None = None
    """Phone number."""
    phone_region: str | None = None
    """Country code of the phone number."""
    role: str | None = None
    """``user``, ``admin``, ``superadmin``, ``subdomain_admin`` or ``subdomain_super_admin``."""
    status: str | None = None
    """``enabled`` or ``disabled``."""
    updated_at: datetime | None = None
    """When it was last changed."""
    user_data: dict[str, Any] | None = None
    """Data of the application."""
    user_id: str | None = None
    """Its identifier."""
    user_name: str | None = None
    """Name that the user logs in with."""


class UserPage(Page[User], frozen=True, kw_only=True):
    """A page of users."""


if TYPE_CHECKING:
    _Members = Page[User | Group]
else:
    # msgspec decodes no union of models, and need not: these rows come in two lists.
    _Members = Page[Any]


class MemberPage(_Members, frozen=True, kw_only=True):
    """A page of the users and groups in a group; ``items`` has the groups first."""

    group_items: list[Group] = listed()
    """The groups."""
    user_items: list[User] = listed()
    """The users."""

    @property  # type: ignore[misc]
    def items(self) -> list[User | Group]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The groups, then the users."""
        return [*self.group_items, *self.user_items]

    def with_body(self, body: bytes) -> Self:
        for rows in msgspec.structs.astuple(self)[2:]:
            check_rows(rows)
        return super().with_body(body)


@request
class UserMsgSendSettingPart(Part):
    """Whether a user is told of one kind of event."""

    category: str | None = optional(TEXT, "Such as system or coop.")
    enable: bool | None = optional(FLAG, "Send messages of this kind.")
    sub_category: str | None = optional(TEXT, "Such as change_permission or hand_over.")


@request
class UserMsgSettingPart(Part):
    """Which messages a user gets."""

    send_settings: Sequence[UserMsgSendSettingPart | Mapping[str, Any]] | None = optional(
        ListOf(PartOf(UserMsgSendSettingPart), most=1000), "One for each kind of event."
    )


@request
class UserGroupPart(Part):
    """A group that a user gets into."""

    group_id: str | None = optional(ID, "The group.")


@request
class AuthenticationInfo(Part):
    """A login account that a new user gets."""

    authentication_display_name: str | None = optional(TEXT, "Name to show for it.")
    authentication_type: AccountType = required(Choice(AccountType), "Its kind.")
    custom_identity: str | None = optional(TEXT, "The account, when the kind is custom.")
    extra: str | None = optional(TEXT, "Country code of a phone number.")
    identity: str = required(TEXT, "The account: the number, the address, the identifier.")


@request
class ListUsersRequest(Paged, Request):
    """The users of the domain."""


@request
class _UserFilter(Paged):
    email: str | None = optional(TEXT, "Only this address.")
    nick_name: str | None = optional(_NAME, "Only this nick name.")
    nick_name_for_fuzzy: str | None = optional(_NAME, "Only nick names like this one.")
    phone: str | None = optional(TEXT, "Only this phone number.")
    role: UserRole | None = optional(Choice(UserRole), "Only this role.")
    status: UserStatus | None = optional(Choice(UserStatus), "Only enabled or disabled users.")


@request
class SearchUsersRequest(_UserFilter, Request):
    """The users that everything given holds for."""

    user_name: str | None = optional(_NAME, "Only this user name.")


@request
class GeneralSearchUsersRequest(_UserFilter, Request):
    """The users that everything given holds for, with what lies around them."""

    direct_parent_group_id: str | None = optional(ID, "Only users directly in this group.")
    extra_return_info: Sequence[ExtraReturnInfo] | None = optional(_EXTRA, "What to tell as well.")
    order_by: str | None = optional(TEXT, "Sort key.")
    order_direction: str | None = optional(TEXT, "ASC or DESC.")
    parent_group_id_list: Sequence[str] | None = optional(
        ListOf(ID, most=1000), "Only users in these groups, at any depth."
    )


@request
class ListGroupUsersRequest(Paged, Request):
    """The users and groups in a group."""

    extra_return_info: Sequence[ExtraReturnInfo] | None = optional(
        _EXTRA, "What to tell as well, for administrators; with group a page has up to 30."
    )
    group_id: str | None = optional(ID, "The group.")
    member_type: MemberType | None = optional(Choice(MemberType), "Only users, or only groups.")


@request
class GetUserRequest(Request):
    """A user."""

    user_id: str | None = optional(USER_ID, "Who; the caller if left out.")


@request
class GeneralGetUserRequest(GetUserRequest):
    """A user with what lies around it."""

    extra_return_info: Sequence[ExtraReturnInfo] | None = optional(_EXTRA, "What to tell as well.")


@request
class DeleteUserRequest(Request):
    """Deletes a user, whose drives have to be deleted before (pds-service.md 13, 43)."""

    user_id: str = required(USER_ID, "Who.")


@request
class _UserFields(Part):
    avatar: str | None = optional(
        _AVATAR, "Picture: an http or https URL of up to 4 KB, or a data URI with base64."
    )
    description: str | None = optional(DESCRIPTION, "Free text.")
    email: str | None = optional(TEXT, "E-mail address.")
    group_info_list: Sequence[UserGroupPart | Mapping[str, str]] | None = optional(
        ListOf(PartOf(UserGroupPart), most=1000), "Groups that the user is in."
    )
    nick_name: str | None = optional(_NAME, "Name that the user goes by.")
    phone: str | None = optional(TEXT, "Phone number.")
    role: UserRole | None = optional(Choice(UserRole), "A new user is user if left out.")
    status: UserStatus | None = optional(Choice(UserStatus), "A new user is enabled if left out.")
    user_data: Mapping[str, Any] | None = optional(_UserData(), "Data of the application.")
    user_id: str = required(USER_ID, "Who.")


@request
class CreateUserRequest(_UserFields, Request):
    """A new user."""

    user_name: str | None = optional(_NAME, "Name that the user logs in with.")


@request
class UpdateUserRequest(_UserFields, Request):
    """Changes what is given of a user."""

    expired_at: datetime | str | int | None = optional(Millis(), "When the user's access ends.")
    msg_setting: UserMsgSettingPart | Mapping[str, Any] | None = optional(
        PartOf(UserMsgSettingPart), "Which messages the user gets."
    )


@request
class ImportUserRequest(Request):
    """The user of a login account, who is created if there is none."""

    authentication_display_name: str | None = optional(TEXT, "Name to show for the account.")
    authentication_list: Sequence[AuthenticationInfo | Mapping[str, str]] | None = optional(
        ListOf(PartOf(AuthenticationInfo), most=1000), "Further login accounts."
    )
    authentication_type: AccountType = required(Choice(AccountType), "Kind of account.")
    auto_create_drive: bool | None = optional(FLAG, "Give a new user a default drive.")
    custom_identity: str | None = optional(TEXT, "The account, when the kind is custom.")
    deny_change_password_by_self: bool | None = optional(
        FLAG, "Do not let the user change the password."
    )
    drive_total_size: int | None = optional(
        Whole(-1, 2**63 - 1), "Bytes that fit into that drive; -1 is no limit."
    )
    email: str | None = optional(TEXT, "E-mail address.")
    extra: str | None = optional(TEXT, "Country code of a phone number; 86 if left out.")
    identity: str = required(TEXT, "The account: the number, the address, the identifier.")
    need_change_password_next_login: bool | None = optional(
        FLAG, "Have the password changed at the next login."
    )
    nick_name: str | None = optional(_NAME, "Name that the user goes by.")
    parent_group_id: str | None = optional(ID, "The group that the user gets into.")
    phone: str | None = optional(TEXT, "Phone number.")
    phone_region: str | None = optional(TEXT, "Country code of the phone number.")
    plain_password: str | None = optional(Text(4096, secret=True), "The first password.")
