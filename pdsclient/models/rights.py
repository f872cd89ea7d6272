"""What users and groups may do: parts of users and drives."""

from __future__ import annotations

from datetime import datetime

from pdsclient.models._base import Model, listed

__all__ = [
    "IDPermission",
    "Permission",
    "PermissionActionList",
    "PermissionCondition",
    "PermissionConditionBoolEquals",
    "PermissionConditionBoolNotEquals",
    "PermissionConditionIpEquals",
    "PermissionConditionIpNotEquals",
    "PermissionConditionStringLike",
    "PermissionConditionStringNotLike",
]


class PermissionActionList(Model, frozen=True, kw_only=True):
    """One thing that a permission is about."""

    action: str | None = None
    """What is done, such as ``FILE.list``."""


class PermissionConditionBoolEquals(Model, frozen=True, kw_only=True):
    """The permission counts only where these are as said."""

    is_share_link: bool | None = None
    """The request comes through a share link."""


class PermissionConditionBoolNotEquals(Model, frozen=True, kw_only=True):
    """The permission counts only where these are not as said."""

    is_share_link: bool | None = None
    """The request comes through a share link."""


class PermissionConditionIpEquals(Model, frozen=True, kw_only=True):
    """The permission counts only from these places."""

    client_ip: list[str] = listed()
    """Addresses of the caller."""


class PermissionConditionIpNotEquals(Model, frozen=True, kw_only=True):
    """The permission counts only from other places."""

    client_ip: list[str] = listed()
    """Addresses of the caller."""


class PermissionConditionStringLike(Model, frozen=True, kw_only=True):
    """The permission counts only inside these networks."""

    vpc_id: list[str] = listed()
    """Virtual private clouds of the vendor."""


class PermissionConditionStringNotLike(Model, frozen=True, kw_only=True):
    """The permission counts only outside of these networks."""

    vpc_id: list[str] = listed()
    """Virtual private clouds of the vendor."""


class PermissionCondition(Model, frozen=True, kw_only=True):
    """When a permission counts; all parts that are set have to hold."""

    bool_equals: PermissionConditionBoolEquals | None = None
    """What has to be so."""
    bool_not_equals: PermissionConditionBoolNotEquals | None = None
    """What must not be so."""
    ip_equals: PermissionConditionIpEquals | None = None
    """Where requests have to come from."""
    ip_not_equals: PermissionConditionIpNotEquals | None = None
    """Where requests must not come from."""
    string_like: PermissionConditionStringLike | None = None
    """Networks that requests have to come from."""
    string_not_like: PermissionConditionStringNotLike | None = None
    """Networks that requests must not come from."""


class Permission(Model, frozen=True, kw_only=True):
    """What somebody may, or may not, do with a resource."""

    action_list: list[PermissionActionList] = listed()
    """What it is about."""
    collection: str | None = None
    """The collection that the resource is in."""
    condition: PermissionCondition | None = None
    """When it counts; None is always."""
    created_at: datetime | None = None
    """When it was given."""
    effect: str | None = None
    """``allow`` or ``deny``."""
    identity_id: str | None = None
    """Who has it."""
    identity_type: str | None = None
    """``IT_User``, ``IT_Group`` or ``IT_Role``."""
    resource: str | None = None
    """What it is given on."""
    resource_type: str | None = None
    """``RT_File`` for files and folders."""
    updated_at: datetime | None = None
    """When it was last changed."""
    user_tags: list[str] = listed()
    """Tags of the application."""


class IDPermission(Model, frozen=True, kw_only=True):
    """The rights of one identity on a resource."""

    disinherit_sub_group: bool | None = None
    """Members of sub-groups do not have them."""
    expire_time: datetime | None = None
    """When they end."""
    permission: Permission | None = None
    """What is allowed or denied."""
    roles: list[str] = listed()
    """Roles that the rights come from."""
