"""What is known of credentials: the apps that may ask for tokens, and the tokens themselves.

Access and share tokens are signed and need no record until they are revoked. Codes and refresh
tokens are records; what has expired is removed now and then, as tests may issue without end.
"""

from __future__ import annotations

from typing import Any, Final

from attrs import asdict, evolve, frozen

from pdsclient.emulator.rsa import PublicKey
from pdsclient.emulator.store.people import People

_APP: Final = "app"
_CODE: Final = "oauth_code"
_GRANT: Final = "grant"
_REVOKED: Final = "revoked_token"
_ASSERTION: Final = "assertion"
_EXPIRING: Final = (_CODE, _GRANT, _REVOKED, _ASSERTION)
_PRUNE_EVERY: Final = 4096
_MOST_KEYS: Final = 8


@frozen(kw_only=True)
class App:
    """An application that may ask for tokens.

    Attributes:
        client_id: its name.
        client_secret: what it has to send along, none if empty.
        redirect_uris: where the login page may send people back to.
        keys: whose assertions are taken; the newest last.
    """

    client_id: str
    client_secret: str = ""
    redirect_uris: tuple[str, ...] = ()
    keys: tuple[PublicKey, ...] = ()


@frozen(kw_only=True)
class Grant:
    """A refresh token and the access token that came with it.

    Attributes:
        refresh_token: the key.
        user_id: whom it stands for.
        access_token: the newest one.
        access_until: when that expires, in seconds since 1970.
        ttl_s: how long access tokens of this grant live.
        until: when the refresh token expires.
        client_id: the app that it was issued to; any app may use it if empty.
    """

    refresh_token: str
    user_id: str
    access_token: str
    access_until: float
    ttl_s: float
    until: float
    client_id: str = ""


class Credentials(People):
    """The part of a store that is about apps and tokens."""

    _expiring = 0

    @property
    def is_in_memory(self) -> bool:
        """Whether no other process can change anything."""
        return self._in_memory

    def app(self, client_id: str) -> App | None:
        """The app of this name."""
        data = self.record(_APP, client_id)
        if data is None:
            return None
        keys = tuple(PublicKey(int(n, 16), e) for n, e in data.pop("keys"))
        return App(**data | {"redirect_uris": tuple(data["redirect_uris"]), "keys": keys})

    def put_app(self, app: App) -> None:
        """Make or replace an app."""
        # The numbers are too long for those of JSON.
        keys = [(f"{key.n:x}", key.e) for key in app.keys]
        self.put_record(_APP, app.client_id, {**asdict(app), "keys": keys})

    def add_key(self, client_id: str, key: PublicKey) -> None:
        """Take assertions of this key too; the oldest of many is forgotten."""
        with self._writing():
            app = self.app(client_id) or App(client_id=client_id)
            if key not in app.keys:
                self.put_app(evolve(app, keys=(*app.keys, key)[-_MOST_KEYS:]))

    def put_grant(self, grant: Grant) -> None:
        """Remember a refresh token."""
        self._put_expiring(_GRANT, grant.refresh_token, asdict(grant))

    def take_grant(self, refresh_token: str) -> Grant | None:
        """The grant, which is no longer one."""
        data = self._take_unexpired(_GRANT, refresh_token)
        return None if data is None else Grant(**data)

    def living_grant(self, refresh_token: str) -> Grant | None:
        """The grant of a refresh token that has not expired."""
        data = self._unexpired(_GRANT, refresh_token)
        return None if data is None else Grant(**data)

    def put_code(self, code: str, until: float, data: dict[str, Any]) -> None:
        """Remember an authorization code."""
        self._put_expiring(_CODE, code, {**data, "until": until})

    def take_code(self, code: str) -> dict[str, Any] | None:
        """What the code was given for; it is worthless from now on."""
        return self._take_unexpired(_CODE, code)

    def living_code(self, code: str) -> dict[str, Any] | None:
        """What a code that has not expired was given for."""
        return self._unexpired(_CODE, code)

    def revoke(self, token_id: str, until: float) -> None:
        """Make a signed token worthless; it would expire by itself at that time."""
        with self._writing():
            self._put_expiring(_REVOKED, token_id, {"until": until})
            self.people_version += 1

    def is_revoked(self, token_id: str) -> bool:
        """Whether a signed token was made worthless."""
        return self.record(_REVOKED, token_id) is not None

    def is_new_assertion(self, client_id: str, jti: str, until: float) -> bool:
        """Whether an app has not used this id before; from now on it has."""
        with self._writing():
            key = f"{client_id}#{jti}"
            if self._unexpired(_ASSERTION, key) is not None:
                return False
            self._put_expiring(_ASSERTION, key, {"until": until})
            return True

    def _unexpired(self, kind: str, key: str) -> dict[str, Any] | None:
        data = self.record(kind, key)
        return data if data is not None and self._clock.time() <= data["until"] else None

    def _take_unexpired(self, kind: str, key: str) -> dict[str, Any] | None:
        with self._writing():
            data = self._unexpired(kind, key)
            self.delete_record(kind, key)
            return data

    def _put_expiring(self, kind: str, key: str, data: dict[str, Any]) -> None:
        with self._writing():
            self.put_record(kind, key, data)
            self._expiring += 1
            if self._expiring % _PRUNE_EVERY == 0:
                self._remove_expired()

    def _remove_expired(self) -> None:
        now = self._clock.time()
        for kind in _EXPIRING:
            for record in self.records(kind):
                if now > record.data["until"]:
                    self.delete_record(kind, record.key)
