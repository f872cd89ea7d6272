"""Who is asking: signing tokens and reading them, rotating them, and remembering who they are of.

Access and share tokens have the form of a JSON web token, as the service's have, and are worth
something until they expire or are revoked; so none has to be stored, and any process that knows
the key may check one. What the store says of a token's user is remembered until something about
people changes; not with a database that other processes may write to, where it is asked each time.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

import msgspec
from attrs import evolve, fields, frozen

from pdsclient._clock import Clock
from pdsclient._times import render_time
from pdsclient.emulator.replies import ServiceError, invalid
from pdsclient.emulator.settings import Settings
from pdsclient.emulator.store import Grant, Store

__all__ = ["Caller", "Identity", "User"]

ACCESS_LIFE_S: Final = 7200.0
REFRESH_LIFE_S: Final = 7 * 24 * 3600
_HEADER: Final = urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=").decode()
_MOST_REMEMBERED: Final = 10_000


@frozen(kw_only=True)
class User:
    """Somebody who can sign in."""

    user_id: str
    role: str = "user"
    default_drive_id: str = ""
    user_name: str = ""
    nick_name: str = ""
    avatar: str = ""
    status: str = "enabled"

    @property
    def is_admin(self) -> bool:
        """Whether every drive of the domain is open."""
        return self.role in ("superadmin", "admin")

    @classmethod
    def of(cls, wire: Mapping[str, Any]) -> User:
        """From the object that is sent."""
        return cls(**{name: wire[name] for name in _USER_FIELDS})


_USER_FIELDS: Final = tuple(one.name for one in fields(User))


@frozen
class Caller:
    """Whom a request stands for: a user, a share, both or nobody."""

    user: User | None = None
    share_id: str | None = None


@frozen
class _Remembered:
    """What a token was found to be worth, when the people were of that version."""

    version: int
    until: float
    user: User


class Identity:
    """The tokens of one domain.

    Args:
        domain_id: the name of the domain.
        key: signs them.
        clock: they expire by it.
    """

    def __init__(self, domain_id: str, key: bytes, clock: Clock) -> None:
        self._domain_id = domain_id
        self._key = key
        self._clock = clock
        self._remembered: dict[str, _Remembered] = {}
        self._seen: dict[str, User] = {}
        self._dead: dict[str, float] = {}

    # ---- who is it?

    def remembered(self, store: Store, token: str | None) -> User | None:
        """The user behind a token that was looked up before; this asks no database."""
        known = self._remembered.get(token or "")
        if known is None or known.version != store.people_version:
            return None
        return known.user if self._clock.time() < known.until else None

    def look_up(self, store: Store, token: str | None, settings: Settings) -> User:
        """The user behind an access token; ServiceError 401 for any that is not alive."""
        version = store.people_version
        claims = self._read(token or "") or {}
        if claims.get("domainId") != self._domain_id:
            raise access_refused("AccessTokenInvalid")
        if not self._is_timely(claims):
            raise access_refused(settings.expired_token, "AccessTokenExpired")
        wire = store.user(claims["userId"])
        if wire is None or wire["status"] != "enabled" or store.is_revoked(claims["jti"]):
            raise access_refused("AccessTokenInvalid")
        user = self.note(wire)
        if store.is_in_memory:
            self._remember(str(token), _Remembered(version, claims["exp"], user))
        return user

    def _remember(self, token: str, known: _Remembered) -> None:
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[token] = known

    def share_of(self, store: Store, share_token: str) -> str:
        """The share a token is for; ServiceError 401 for one that is forged, dead or expired."""
        claims = self._read(share_token)
        if claims is None or "share_id" not in claims or store.is_revoked(claims["jti"]):
            raise share_token_refused()
        if not self._is_timely(claims):
            raise share_token_refused("expired")
        return str(claims["share_id"])

    # ---- for those who cannot wait for the store

    def note(self, wire: Mapping[str, Any]) -> User:
        """The user, and from now on what `seen` says of them."""
        user = self._seen[wire["user_id"]] = User.of(wire)
        return user

    def seen(self, user_id: str) -> User:
        """The user as last seen by this process."""
        return self._seen.get(user_id) or User(
            user_id=user_id, user_name=user_id, nick_name=user_id
        )

    def is_live(self, access_token: str) -> bool:
        """Whether an access token has not expired, nor was revoked by this process."""
        claims = self._read(access_token)
        return claims is not None and self._is_timely(claims) and access_token not in self._dead

    def note_dead(self, token: str) -> None:
        """From now on `is_live` knows that the token is revoked."""
        claims = self._read(token)
        if claims is None:
            return
        if len(self._dead) >= _MOST_REMEMBERED:
            now = self._clock.time()
            self._dead = {one: end for one, end in self._dead.items() if now < end}
        self._dead[token] = claims["exp"]

    def _is_timely(self, claims: Mapping[str, Any]) -> bool:
        return self._clock.time() < float(claims["exp"])

    # ---- new ones

    def new_grant(self, user_id: str, ttl_s: float = ACCESS_LIFE_S, client_id: str = "") -> Grant:
        """A pair of tokens; the refresh token works once the grant is in the store."""
        return self._renewed(
            Grant(
                refresh_token="",
                user_id=user_id,
                access_token="",
                access_until=0.0,
                ttl_s=ttl_s,
                until=0.0,
                client_id=client_id,
            )
        )

    def refresh(self, store: Store, grant: Grant, settings: Settings) -> Grant:
        """The next pair; the refresh token that was used is dead at once, and so, by default, is
        the access token that came with it."""
        if store.take_grant(grant.refresh_token) is None:
            raise invalid("refresh_token")
        is_alive = self._is_alive(store, grant)
        following = self._renewed(grant, same=is_alive and settings.after_refresh == "same")
        if is_alive and settings.after_refresh == "dies":
            self.revoke(store, grant.access_token)
        store.put_grant(following)
        return following

    def issue_share_token(self, share_id: str, ttl_s: float) -> str:
        """A token for one share."""
        return self._sign({"share_id": share_id, "exp": self._clock.time() + ttl_s})

    def revoke(self, store: Store, token: str) -> None:
        """Make an access, refresh or share token worthless; only the server knows."""
        claims = self._read(token)
        if claims is None:
            store.take_grant(token)
        else:
            store.revoke(claims["jti"], claims["exp"])
            self.note_dead(token)

    def _renewed(self, grant: Grant, *, same: bool = False) -> Grant:
        now = self._clock.time()
        grant = evolve(grant, refresh_token=uuid4().hex, until=now + REFRESH_LIFE_S)
        if same:
            return grant
        until = now + grant.ttl_s
        claims = {"userId": grant.user_id, "domainId": self._domain_id, "exp": until}
        return evolve(grant, access_token=self._sign(claims), access_until=until)

    def _is_alive(self, store: Store, grant: Grant) -> bool:
        claims = self._read(grant.access_token)
        return (
            claims is not None and self._is_timely(claims) and not store.is_revoked(claims["jti"])
        )

    def token_reply(self, grant: Grant, user: User, settings: Settings) -> dict[str, Any]:
        """A pair of tokens as the token endpoint replies."""
        left_s = max(0, round(grant.access_until - self._clock.time()))
        reply: dict[str, Any] = {
            "access_token": grant.access_token,
            "refresh_token": grant.refresh_token,
            "expires_in": str(left_s) if settings.token_expires_in == "text" else left_s,
            "expire_time": render_time(datetime.fromtimestamp(grant.access_until, UTC)),
            "token_type": "Bearer",
            "domain_id": self._domain_id,
            "user_id": user.user_id,
            "user_name": user.user_name,
            "nick_name": user.nick_name,
            "avatar": user.avatar,
            "default_drive_id": user.default_drive_id,
            "default_sbox_drive_id": "",
            "role": user.role,
            "status": user.status,
            "state": "",
            "is_first_login": False,
            "need_link": False,
            "exist_link": [],
            "need_rp_verify": False,
            "pin_setup": False,
            "user_data": {},
            "device_id": "",
            "device_name": "",
        }
        if settings.token_expire_time == "missing":
            del reply["expire_time"]
        return reply

    # ---- signatures

    def _sign(self, claims: dict[str, Any]) -> str:
        claims["jti"] = uuid4().hex
        body = f"{_HEADER}.{_encode(msgspec.json.encode(claims))}"
        return f"{body}.{self._signature(body)}"

    def _read(self, token: str) -> dict[str, Any] | None:
        """The claims of a token that was signed here, else None."""
        body, _, signature = token.rpartition(".")
        if not body.startswith(_HEADER) or signature != self._signature(body):
            return None
        payload = body.partition(".")[2]
        claims: dict[str, Any] = msgspec.json.decode(urlsafe_b64decode(payload + "=="))
        return claims

    def _signature(self, body: str) -> str:
        return _encode(hmac.digest(self._key, body.encode(errors="replace"), "sha256"))


def _encode(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def access_refused(code: str, detail: str = "") -> ServiceError:
    """401: the access token is missing, dead, unknown or expired."""
    return ServiceError(401, code, f"AccessToken is invalid. {detail}")


def share_token_refused(detail: str = "") -> ServiceError:
    """401: the share token is missing, unknown or expired."""
    return ServiceError(401, "ShareLinkTokenInvalid", f"ShareLinkToken is invalid. {detail}")
