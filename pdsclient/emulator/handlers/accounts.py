"""Accounts as requests name them: what somebody signs in with."""

from __future__ import annotations

from typing import Any, Final

from attrs import frozen

from pdsclient.emulator.params import Params
from pdsclient.emulator.replies import missing

TYPES: Final = ("mobile", "email", "ding", "ram", "wechat", "ldap", "custom", "saml")
_COUNTRY: Final = "86"


@frozen
class Account:
    """An account; ``extra`` is the country code of a phone."""

    type: str
    identity: str
    extra: str
    display_name: str

    @property
    def key(self) -> str:
        """Its name among all accounts."""
        return f"{self.type}#{self.extra}#{self.identity}"

    @property
    def contact(self) -> dict[str, Any]:
        """What it says of its user."""
        name = {"mobile": "phone", "email": "email"}.get(self.type)
        return {} if name is None else {name: self.identity}

    def wire(self, user_id: str) -> dict[str, Any]:
        """The link to a user as it is sent."""
        return {
            "authentication_type": self.type,
            "identity": self.identity,
            "extra": self.extra,
            "display_name": self.display_name,
            "status": "normal",
            "last_login_time": 0,
            "user_id": user_id,
        }


def read_account(params: Params, name: str) -> Account:
    """The account of a request that has its type under this name."""
    kind = params.choice(name, TYPES)
    if kind is None:
        raise missing(name)
    identity = params.required("identity")
    extra = params.text("extra") or (_COUNTRY if kind == "mobile" else "")
    return Account(kind, identity, extra, params.text("authentication_display_name") or identity)
