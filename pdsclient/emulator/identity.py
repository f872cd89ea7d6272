"""Who is asking: users, access and refresh tokens with rotation, share tokens.

Access tokens have the form of a JSON web token, as the service's have. What counts is the table
of living ones: after a refresh the pair that was used is no longer in it (service reference 2.5).
Only the event loop's thread touches the tables; share tokens are signed and need none, so any
thread may check them.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import msgspec
from attrs import evolve, frozen

from pdsclient._clock import Clock
from pdsclient._times import render_time
from pdsclient.emulator.replies import ServiceError, invalid
from pdsclient.emulator.settings import Settings

__all__ = ["Caller", "Identity", "User"]

REFRESH_LIFE_S = 7 * 24 * 3600
_HEADER = urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=").decode()
_PRUNE_EVERY = 4096


@frozen(kw_only=True)
class User:
    """Somebody who can sign in."""

    user_id: str
    role: str = "user"
    default_drive_id: str = ""

    @property
    def is_admin(self) -> bool:
        """Whether every drive of the domain is open."""
        return self.role in ("superadmin", "admin")


@frozen
class Caller:
    """Whom a request stands for: a user, a share, both or nobody."""

    user: User | None = None
    share_id: str | None = None


@frozen
class _Grant:
    """A living pair of tokens."""

    user_id: str
    ttl_s: float
    access_token: str
    expires_at: float
    refresh_token: str
    refreshable_until: float


class Identity:
    """The users and tokens of one emulator."""

    def __init__(self, domain_id: str, key: bytes, clock: Clock) -> None:
        self._domain_id = domain_id
        self._key = key
        self._clock = clock
        self._users: dict[str, User] = {}
        self._by_access: dict[str, _Grant] = {}
        self._by_refresh: dict[str, _Grant] = {}
        self._revoked: set[str] = set()
        self._issued = 0

    def put_user(self, user_id: str, **changes: Any) -> User:
        """The user, made or changed."""
        user = evolve(self._users.get(user_id) or User(user_id=user_id), **changes)
        self._users[user_id] = user
        return user

    def sign_in(self, user_id: str, ttl_s: float, settings: Settings) -> dict[str, Any]:
        """A new pair of tokens for a user, as the token endpoint replies."""
        expires_at = self._clock.time() + ttl_s
        token = self._new_access_token(user_id, expires_at)
        return self._issue(user_id, ttl_s, token, expires_at, settings)

    def refresh(self, refresh_token: str, settings: Settings) -> dict[str, Any]:
        """The next pair; the refresh token that was used is dead at once, and so, by default, is
        the access token that came with it."""
        grant = self._by_refresh.pop(refresh_token, None)
        if grant is None or self._clock.time() > grant.refreshable_until:
            raise invalid("refresh_token")
        if settings.after_refresh == "same" and self.is_live(grant.access_token):
            return self._issue(
                grant.user_id, grant.ttl_s, grant.access_token, grant.expires_at, settings
            )
        if settings.after_refresh == "dies":
            self._by_access.pop(grant.access_token, None)
        return self.sign_in(grant.user_id, grant.ttl_s, settings)

    def revoke(self, token: str) -> None:
        """Make an access, refresh or share token worthless; only the server knows."""
        grant = self._by_access.pop(token, None)
        if grant is None and self._by_refresh.pop(token, None) is None:
            self._revoked.add(token)

    def is_live(self, access_token: str) -> bool:
        """Whether a request with this access token would be let in."""
        return self._living(access_token) is not None

    def user_of(self, access_token: str | None, settings: Settings) -> User:
        """The user behind an access token; ServiceError 401 for any that is not alive."""
        grant = self._living(access_token or "")
        if grant is not None:
            return self._users[grant.user_id]
        if access_token and self._is_past(access_token):
            raise access_refused(settings.expired_token, "AccessTokenExpired")
        raise access_refused("AccessTokenInvalid")

    def issue_share_token(self, share_id: str, ttl_s: float) -> str:
        """A token for one share."""
        return self._sign(
            {
                "share_id": share_id,
                "jti": uuid4().hex,
                "exp": self._clock.time() + ttl_s,
            }
        )

    def share_of(self, share_token: str) -> str:
        """The share a token is for; ServiceError 401 for one that is forged, dead or expired."""
        claims = self._read(share_token)
        if claims is None or "share_id" not in claims or share_token in self._revoked:
            raise share_token_refused()
        if self._clock.time() >= claims["exp"]:
            raise share_token_refused("expired")
        return str(claims["share_id"])

    def _living(self, access_token: str) -> _Grant | None:
        grant = self._by_access.get(access_token)
        return grant if grant is not None and self._clock.time() < grant.expires_at else None

    def _issue(
        self, user_id: str, ttl_s: float, access_token: str, expires_at: float, settings: Settings
    ) -> dict[str, Any]:
        self._issued += 1
        if self._issued % _PRUNE_EVERY == 0:
            self._prune()
        until = self._clock.time() + REFRESH_LIFE_S
        grant = _Grant(user_id, ttl_s, access_token, expires_at, uuid4().hex, until)
        self._by_access[grant.access_token] = grant
        self._by_refresh[grant.refresh_token] = grant
        return self._token_reply(grant, settings)

    def _prune(self) -> None:
        """Forget what has expired by itself: tests may issue tokens without end."""
        now = self._clock.time()
        for token in [t for t, one in self._by_refresh.items() if now > one.refreshable_until]:
            del self._by_refresh[token]
        for token in [t for t, one in self._by_access.items() if now >= one.expires_at]:
            del self._by_access[token]

    def _token_reply(self, grant: _Grant, settings: Settings) -> dict[str, Any]:
        user = self._users[grant.user_id]
        left_s = max(0, round(grant.expires_at - self._clock.time()))
        reply: dict[str, Any] = {
            "access_token": grant.access_token,
            "refresh_token": grant.refresh_token,
            "expires_in": str(left_s) if settings.token_expires_in == "text" else left_s,
            "expire_time": render_time(datetime.fromtimestamp(grant.expires_at, UTC)),
            "token_type": "Bearer",
            "domain_id": self._domain_id,
            "user_id": user.user_id,
            "user_name": user.user_id,
            "nick_name": user.user_id,
            "avatar": "",
            "default_drive_id": user.default_drive_id,
            "default_sbox_drive_id": "",
            "role": user.role,
            "status": "enabled",
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

    def _new_access_token(self, user_id: str, expires_at: float) -> str:
        return self._sign(
            {
                "userId": user_id,
                "domainId": self._domain_id,
                "jti": uuid4().hex,
                "exp": expires_at,
            }
        )

    def _is_past(self, token: str) -> bool:
        claims = self._read(token)
        return claims is not None and self._clock.time() >= claims["exp"]

    def _sign(self, claims: dict[str, Any]) -> str:
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
