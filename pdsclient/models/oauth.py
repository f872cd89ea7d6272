"""Logging in: requests of ``client.oauth``; the reply is ``Token``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from pdsclient.models._request import Request, optional, request, required
from pdsclient.models._rules import (
    FLAG,
    ID,
    TEXT,
    Choice,
    ListOf,
    Text,
)
from pdsclient.models.account import SECRET

__all__ = ["AuthorizeRequest", "TokenRequest"]

GrantType: TypeAlias = Literal[
    "authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:jwt-bearer"
]
LoginType: TypeAlias = Literal["default", "ding", "ding_sns", "ram", "wechat", "wechat_app"]


@request
class AuthorizeRequest(Request):
    """Where a browser has to go to log in (pds-service.md 2.2)."""

    client_id: str = required(ID, "The application.")
    hide_consent: bool | None = optional(FLAG, "Do not ask the user for consent.")
    login_type: LoginType = required(Choice(LoginType), "Ways to log in; default shows all.")
    redirect_uri: str = required(TEXT, "Where the browser comes back to, as registered.")
    response_type: Literal["code"] | None = optional(
        Choice(Literal["code"], default="code"), "What it comes back with."
    )
    scope: Sequence[str] | None = optional(
        ListOf(Text(4096, without=","), most=1000), "What may be done; everything if left out."
    )
    state: str | None = optional(TEXT, "Comes back with the browser; check it there.")


@request
class TokenRequest(Request):
    """A credential for a code, a refresh token or a signed assertion (pds-service.md 2.2, 2.3)."""

    assertion: str | None = optional(SECRET, "The signed JWT, for the grant of that name.")
    client_id: str = required(ID, "The application.")
    client_secret: str | None = optional(SECRET, "For applications that run on a server.")
    code: str | None = optional(SECRET, "What the browser came back with.")
    grant_type: GrantType = required(Choice(GrantType), "What is exchanged.")
    redirect_uri: str | None = optional(TEXT, "As in the request for the code.")
    refresh_token: str | None = optional(SECRET, "It dies when it is used.")
    subdomain_id: str | None = optional(ID, "The subdomain to log in to, with an assertion.")
