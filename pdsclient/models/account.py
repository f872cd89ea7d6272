"""Login accounts and tokens: replies and requests of ``client.account``."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Literal, TypeAlias

from pdsclient.models._base import Model, listed
from pdsclient.models._request import Request, optional, request, required
from pdsclient.models._rules import (
    ID,
    TEXT,
    USER_ID,
    Choice,
    Text,
)

__all__ = [
    "AccountLinkInfo",
    "AccountLinks",
    "GetLinkInfoByUserIdRequest",
    "GetLinkInfoRequest",
    "LinkAccountRequest",
    "LinkInfo",
    "RefreshAccountTokenRequest",
    "Token",
    "UnlinkAccountRequest",
]

AccountType: TypeAlias = Literal[
    "mobile", "email", "ding", "ram", "wechat", "ldap", "custom", "saml"
]

SECRET = Text(65_536, ascii=True, secret=True)


class AccountLinkInfo(Model, frozen=True, kw_only=True):
    """A login account of a user: a phone number, an address, an account elsewhere."""

    authentication_type: str | None = None
    """``mobile``, ``email``, ``ldap``, ``ding``, ``ram``, ``wechat``, ``custom`` or ``saml``."""
    created_at: datetime | None = None
    """When it was linked."""
    display_name: str | None = None
    """Name to show for it."""
    domain_id: str | None = None
    """The domain it belongs to."""
    extra: str | None = None
    """Country code of a phone number."""
    identity: str | None = None
    """The account: the number, the address, the identifier."""
    last_login_time: datetime | None = None
    """When it was last used to log in."""
    status: str | None = None
    """Its state."""
    user_id: str | None = None
    """Whose it is."""


class AccountLinks(Model, frozen=True, kw_only=True):
    """All login accounts of a user."""

    items: list[AccountLinkInfo] = listed()
    """The accounts."""


class LinkInfo(Model, frozen=True, kw_only=True):
    """A login account that could be linked."""

    extra: str | None = None
    """Country code of a phone number."""
    identity: str | None = None
    """The account."""
    type: str | None = None
    """Its kind, as in ``AccountLinkInfo.authentication_type``."""


class Token(Model, frozen=True, kw_only=True):
    """A new credential with what is known of its user (pds-service.md 2.4).

    It is in force for nobody yet: ``TokenInfo.parse(token)`` and ``client.set_token(token)``
    take it, and a ``refresh_token_fun`` may return it.
    """

    __urls__: ClassVar[frozenset[str]] = frozenset({"avatar"})
    __secrets__: ClassVar[frozenset[str]] = frozenset({"access_token", "refresh_token"})

    access_token: str | None = None
    """What goes into the ``Authorization`` header; None while the account has to be linked."""
    avatar: str | None = None
    """Picture of the user: a URL, or a data URI of up to 300 KB."""
    default_drive_id: str | None = None
    """The user's default drive."""
    default_sbox_drive_id: str | None = None
    """The user's protected drive."""
    device_id: str | None = None
    """The device that logged in."""
    device_name: str | None = None
    """Name of that device."""
    domain_id: str | None = None
    """The domain it is good for."""
    exist_link: list[LinkInfo] = listed()
    """Accounts that are linked already."""
    expire_time: datetime | None = None
    """When the access token expires."""
    expires_in: int | None = None
    """Seconds of life when it was issued, about 7,200."""
    is_first_login: bool | None = None
    """The user has never logged in before."""
    need_link: bool | None = None
    """The account has to be linked to a user first."""
    need_rp_verify: bool | None = None
    """The user has to prove who they are."""
    nick_name: str | None = None
    """Name that the user goes by."""
    pin_setup: bool | None = None
    """The user has set a PIN."""
    refresh_token: str | None = None
    """Exchanged for the next credential; lives 7 days and dies when it is used."""
    role: str | None = None
    """``user``, ``admin``, ``superadmin``, ``subdomain_admin`` or ``subdomain_super_admin``."""
    state: str | None = None
    """What the application gave along when the login began."""
    status: str | None = None
    """``enabled`` or ``disabled``."""
    subdomain_id: str | None = None
    """The subdomain it is good for."""
    token_type: str | None = None
    """``Bearer``."""
    user_data: dict[str, Any] | None = None
    """Data of the application about the user."""
    user_id: str | None = None
    """Whom it stands for."""
    user_name: str | None = None
    """Name that the user logs in with."""


@request
class GetLinkInfoRequest(Request):
    """The user that a login account belongs to."""

    custom_identity: str | None = optional(TEXT, "The account, when the kind is custom.")
    extra: str | None = optional(TEXT, "Country code of a phone number; 86 if left out.")
    identity: str = required(TEXT, "The account: the number, the address, the identifier.")
    type: AccountType = required(Choice(AccountType), "Its kind.")


@request
class LinkAccountRequest(GetLinkInfoRequest):
    """Gives a user one more account to log in with."""

    user_id: str = required(USER_ID, "The user.")


@request
class UnlinkAccountRequest(LinkAccountRequest):
    """Takes an account to log in with from a user."""


@request
class GetLinkInfoByUserIdRequest(Request):
    """All login accounts of a user."""

    user_id: str = required(USER_ID, "The user.")


@request
class RefreshAccountTokenRequest(Request):
    """The next credential for a refresh token that came from a JWT (pds-service.md 2.3)."""

    app_id: str = required(ID, "The application.")
    grant_type: Literal["refresh_token"] | None = optional(
        Choice(Literal["refresh_token"], default="refresh_token"), "What is exchanged."
    )
    refresh_token: str = required(SECRET, "It dies when it is used.")
