"""Signing in: each application of a domain as a ready-made ``refresh_token_fun``.

::

    app = JWTApp("APP_ID", domain_id="bj1", private_key=Path("key.pem"))
    async with AsyncPDSClient(api_endpoint="https://…", refresh_token_fun=app) as client:
        ...

``JWTApp`` signs in with a private key, for a user or as a service. ``OAuthApp`` sends people to
the service's login page, exchanges the code they come back with, and refreshes. ``AccountToken``
refreshes the token of a JWT application whose key is elsewhere. They send through the client
they are given to, and show their secrets to nobody.
"""

from __future__ import annotations

import asyncio
import hmac
import os
import secrets
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple, NoReturn, Protocol, TypeAlias
from urllib.parse import parse_qs, urlencode, urlsplit

from attrs import evolve, field, frozen

from pdsclient._checks import check_text, flag, shown
from pdsclient._clock import Clock, SystemClock
from pdsclient._disk import file_error, read_private
from pdsclient._login import Login, Post
from pdsclient._secrets import is_secret_key, mask_text, without_frames
from pdsclient.config import normalise_endpoint
from pdsclient.errors import AuthError, BadRequest, InvalidRequest, PDSError
from pdsclient.options import RequestOptions
from pdsclient.tokens import TokenInfo

if TYPE_CHECKING:
    from typing import Self

__all__ = ["AccountToken", "Authorization", "JWTApp", "Login", "OAuthApp", "Post"]

_JWT_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
# Valid for five minutes, and dated back by as many for servers whose clock is behind ours, as the
# vendor's JavaScript SDK does; the service takes at most 15 minutes (pds-service.md 2.3).
_ASSERTION_LIFE_S: Final = 300
Grant: TypeAlias = Mapping[str, str | None]
# The calls that wait for the token tell the listeners; this one is a part of theirs.
_QUIET: Final = RequestOptions(emit_error=False)


class _Client(Protocol):
    """What a one-off login needs of a client."""

    async def post_auth_anonymous(
        self,
        pathname: str,
        data: Mapping[str, Any] | None = None,
        options: RequestOptions | Mapping[str, Any] | None = None,
    ) -> Any: ...


def _name(_: object, attribute: Any, value: Any) -> None:
    if not check_text(attribute.name, value):
        raise InvalidRequest(f"{attribute.name} must not be empty")


def _name_or_none(instance: object, attribute: Any, value: Any) -> None:
    if value is not None:
        _name(instance, attribute, value)


def _pem_or_path(_: object, __: object, value: Any) -> None:
    if isinstance(value, os.PathLike):
        return
    if not isinstance(value, (str, bytes)):
        raise InvalidRequest(
            "private_key must be a PEM text, its bytes, or the path of a file as a pathlib.Path, "
            f"not {type(value).__name__}"
        )
    begin = "-----BEGIN" if isinstance(value, str) else b"-----BEGIN"
    if begin not in value:  # type: ignore[operator]
        raise InvalidRequest(
            "private_key is no PEM text (-----BEGIN …); for a file give its path as a pathlib.Path"
        )


def _password(value: object) -> bytes | None:
    if value is None or isinstance(value, bytes):
        return value
    return check_text("password", value).encode()


class _App(Login):
    """What all applications have in common: they hold secrets and never change."""

    __slots__ = ()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"{type(self).__name__} holds a secret and refuses to be pickled; make one in the "
            "other process, or let the processes share a token_store"
        )


# ---------------------------------------------------------------------------- JWT


@frozen(repr=False, eq=False)
class JWTApp(_App):
    """A JWT application: signs in with its private key whenever a token is needed.

    It never exchanges a refresh token: a new assertion costs the same single request and cannot
    have been used up by another process. Needs ``pip install 'pdsclient[jwt]'``.

    Args:
        app_id: the application's id.
        domain_id: the domain to sign in to.
        private_key: the RSA key as PEM text or bytes, or the path of its file; the file is read
            each time, may only be readable by its owner (mode 600) and be no symbolic link.
        user_id: sign in as this user; None signs in as the service, which is a superadmin.
        auto_create: make the user at the first login.
        password: of an encrypted key.
        subdomain_id: sign in to this subdomain of the domain.
        clock: wall-clock time; the service refuses a login if it is off by some minutes.

    Raises:
        InvalidRequest: naming the argument. When a token is needed: PyJWT is not installed, or
            the key cannot be used.
        AuthError: when a token is needed: the key file cannot be read, or others can read it.
    """

    needs_token: ClassVar[bool] = False

    app_id: str = field(validator=_name)
    domain_id: str = field(kw_only=True, validator=_name)
    private_key: str | bytes | os.PathLike[str] = field(kw_only=True, validator=_pem_or_path)
    user_id: str | None = field(default=None, kw_only=True, validator=_name_or_none)
    auto_create: bool = field(default=False, kw_only=True, validator=flag())
    password: bytes | None = field(default=None, kw_only=True, converter=_password)
    subdomain_id: str | None = field(default=None, kw_only=True, validator=_name_or_none)
    clock: Clock = field(factory=SystemClock, kw_only=True)

    def for_user(self, user_id: str, *, auto_create: bool = False) -> Self:
        """The same application signing in as another user, say for ``with_credentials``."""
        return evolve(self, user_id=user_id, auto_create=auto_create)

    async def sign_in(self, client: _Client) -> TokenInfo:
        """A token got through the client, which does not put it in force.

        Raises:
            BadRequest: the service refuses the key, the ids or the time of this machine.
            PDSError: as for any call.
        """
        return await self.token(client.post_auth_anonymous)

    async def token(self, post: Post, token_info: TokenInfo | None = None) -> TokenInfo:
        """A new token; what was there before is of no interest."""
        try:
            return await self._sign_in(post)
        except BadRequest as error:
            if error.attempts <= 1:
                raise
        # A retry repeats the assertion, which is spent if only the first reply was lost.
        return await self._sign_in(post)

    async def _sign_in(self, post: Post) -> TokenInfo:
        return await _granted(post, "/oauth/token", await asyncio.to_thread(self._grant))

    def _grant(self) -> Grant:
        """In a thread: it loads libraries, reads a file and computes."""
        return {
            "grant_type": _JWT_GRANT,
            "client_id": self.app_id,
            "assertion": self._assertion(),
            "subdomain_id": self.subdomain_id,
        }

    def _assertion(self) -> str:
        jwt, key, now = _pyjwt(), self._key(), int(self.clock.time())
        claims: dict[str, Any] = {
            "iss": self.app_id,
            "sub": self.user_id or self.domain_id,
            "sub_type": "user" if self.user_id else "service",
            "aud": self.domain_id,
            "jti": str(uuid.uuid4()),
            "iat": now - _ASSERTION_LIFE_S,
            "exp": now + _ASSERTION_LIFE_S,
            "auto_create": self.auto_create,
        }
        assertion: str = jwt.encode(claims, key, algorithm="RS256")
        return assertion

    def _key(self) -> Any:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            key = load_pem_private_key(self._pem(), self.password)
        except TypeError:  # cryptography's word for a password too many, or one too few
            found = "is not encrypted, so give no" if self.password else "is encrypted, so give its"
            problem = f"{found} password"
        except (ValueError, UnsupportedAlgorithm):
            problem = "cannot be read: it is no PEM private key, or the password is wrong"
        else:
            if isinstance(key, RSAPrivateKey):
                return key
            problem = "is no RSA key, which RS256 needs"
        # Out here, so that cryptography's own words do not hang on: they may quote the key.
        raise InvalidRequest(f"private_key {problem}")

    def _pem(self) -> bytes:
        if not isinstance(self.private_key, os.PathLike):
            text = self.private_key
            return text.encode() if isinstance(text, str) else text
        path = os.path.abspath(os.path.expanduser(self.private_key))
        pem = read_private(f"private key {path}", path)
        if pem is None:
            raise file_error(f"private key {path}", "there is no such file")
        return pem

    def __repr__(self) -> str:
        return (
            f"JWTApp({self.app_id!r}, domain_id={self.domain_id!r}, user_id={self.user_id!r}, "
            "private_key='***')"
        )


def _pyjwt() -> Any:
    try:
        import cryptography  # noqa: F401  # PyJWT works without it, but not with RSA keys
        import jwt
    except ImportError:
        raise InvalidRequest(
            "JWTApp needs PyJWT and cryptography: pip install 'pdsclient[jwt]'"
        ) from None
    return jwt


# ---------------------------------------------------------------------------- OAuth


class Authorization(NamedTuple):
    """Where to send somebody to sign in, and the state to expect when they come back."""

    url: str
    state: str


@frozen(repr=False, eq=False)
class OAuthApp(_App):
    """An OAuth application: people sign in on the service's page, and tokens are refreshed.

    ::

        url, state = app.authorize_url(endpoint)        # send them there, keep the state
        code = app.code_of(redirected_url, state=state)
        client.set_token(await app.exchange(client, code))

    Args:
        app_id: the application's id.
        redirect_uri: where the login page sends people back to, as it is registered; needed to
            sign in, not to refresh.
        client_secret: of web server applications only.

    Raises:
        InvalidRequest: naming the argument.
    """

    app_id: str = field(validator=_name)
    redirect_uri: str | None = field(default=None, kw_only=True, validator=_name_or_none)
    client_secret: str | None = field(default=None, kw_only=True, validator=_name_or_none)

    def authorize_url(
        self,
        endpoint: str,
        *,
        state: str | None = None,
        scope: Sequence[str] = (),
        login_type: str = "default",
        hide_consent: bool | None = None,
    ) -> Authorization:
        """The URL of the login page, and the state that ``code_of`` compares.

        Nothing is sent: the person's browser opens the URL (pds-service.md 2.2).

        Args:
            endpoint: the client's ``auth_endpoint``.
            state: comes back with the code; a random one unless told. It ties the answer to the
                one who asked: keep it in their session and use it once.
            scope: what the application may do; all that it was granted, unless told.
            login_type: ``default``, ``ding``, ``ding_sns``, ``ram``, ``wechat``, ``wechat_app``.
            hide_consent: do not ask the person for consent.
        """
        if isinstance(scope, str):
            raise InvalidRequest("scope must be a list of scopes, not one text")
        state = state or secrets.token_urlsafe(24)
        asked: dict[str, str | None] = {
            "client_id": self.app_id,
            "redirect_uri": self._redirect_uri(),
            "response_type": "code",
            "scope": ",".join(scope) or None,
            "state": state,
            "login_type": login_type,
            "hide_consent": None if hide_consent is None else str(bool(hide_consent)).lower(),
        }
        query = urlencode({name: text for name, text in asked.items() if text is not None})
        return Authorization(
            f"{normalise_endpoint('endpoint', endpoint)}/v2/oauth/authorize?{query}", state
        )

    def code_of(self, redirected: str, *, state: str) -> str:
        """The code in the URL that the login page sent somebody back to.

        Raises:
            AuthError: it has another state, so that somebody else may have begun that login; or
                it tells an error instead of a code.
        """
        answer = _query(redirected)
        given = answer.get("state", [])
        if len(given) != 1 or not _same(given[0], state):
            raise AuthError(
                "the answer of the login page has not the state that was sent: "
                "it belongs to another login; begin again"
            )
        code = answer.get("code", [])
        if len(code) == 1 and code[0]:
            return code[0]
        reason = answer.get("error_description") or answer.get("error") or ["it has no code"]
        raise AuthError(f"the login page gave no code: {shown(reason[0])}")

    async def exchange(self, client: _Client, code: str) -> TokenInfo:
        """The token for a code, got through the client, which does not put it in force.

        A code serves once, for some minutes.

        Raises:
            InvalidRequest: the code is empty.
            BadRequest: the service refuses the code, or the application.
            PDSError: as for any call.
        """
        if not check_text("code", code):
            raise InvalidRequest("code must not be empty")
        grant = {"grant_type": "authorization_code", "code": code}
        grant["redirect_uri"] = self._redirect_uri()
        token = _granted(client.post_auth_anonymous, "/oauth/token", self._mine(grant))
        del code, grant  # this frame stays in the traceback of an error
        return await token

    async def token(self, post: Post, token_info: TokenInfo | None = None) -> TokenInfo:
        """The token that replaces one which has a refresh token."""
        return await _granted(post, "/oauth/token", self._mine(_refreshing(token_info)))

    def _mine(self, grant: Grant) -> Grant:
        return {**grant, "client_id": self.app_id, "client_secret": self.client_secret}

    def _redirect_uri(self) -> str:
        if self.redirect_uri is None:
            raise InvalidRequest("redirect_uri is missing: OAuthApp(…, redirect_uri='https://…')")
        return self.redirect_uri

    def __repr__(self) -> str:
        secret = "'***'" if self.client_secret else "None"
        return (
            f"OAuthApp({self.app_id!r}, redirect_uri={self.redirect_uri!r}, client_secret={secret})"
        )


def _query(url: str) -> dict[str, list[str]]:
    try:
        return parse_qs(urlsplit(url.strip()).query, keep_blank_values=True)
    except ValueError:  # it is no URL
        return {}


def _same(given: str, state: str) -> bool:
    if not check_text("state", state):
        return False  # a session that was lost has none, and nobody may pass for it
    # Whoever guesses must not learn from the time it takes how far the guess is right.
    return hmac.compare_digest(given.encode(errors="replace"), state.encode(errors="replace"))


# ---------------------------------------------------------------------------- account tokens


@frozen(repr=False, eq=False)
class AccountToken(_App):
    """Refreshes the tokens of a JWT application without its key, at ``/account/token``.

    Args:
        app_id: the application that the token was issued to.

    Raises:
        InvalidRequest: naming the argument.
    """

    app_id: str = field(validator=_name)

    async def token(self, post: Post, token_info: TokenInfo | None = None) -> TokenInfo:
        """The token that replaces one which has a refresh token."""
        return await _granted(
            post, "/account/token", {**_refreshing(token_info), "app_id": self.app_id}
        )

    def __repr__(self) -> str:
        return f"AccountToken({self.app_id!r})"


def _refreshing(token_info: TokenInfo | None) -> Grant:
    if token_info is None or token_info.refresh_token is None:
        raise AuthError("the token has no refresh_token that could be exchanged; sign in again")
    return {"grant_type": "refresh_token", "refresh_token": token_info.refresh_token}


async def _granted(post: Post, pathname: str, grant: Grant) -> TokenInfo:
    """The token that the service gives for a grant; no error shows what is secret in it."""
    try:
        return _token(pathname, await post(pathname, grant, _QUIET))
    except PDSError as error:
        failure = _hiding(grant, error)
    # Frames keep their variables, which error trackers print: those beneath are gone, this one
    # forgets.
    del grant
    raise failure


def _hiding(grant: Grant, error: PDSError) -> PDSError:
    hidden = [
        text for name, text in grant.items() if text and (is_secret_key(name) or name == "code")
    ]
    error.message = mask_text(error.message, hidden)
    error.args = (error.message,)
    error.body = error.body and mask_text(error.body, hidden)
    without_frames(error)
    return error


def _token(pathname: str, reply: Any) -> TokenInfo:
    try:
        return TokenInfo.parse(reply)
    except InvalidRequest as error:
        problem = error.message
    raise AuthError(f"{pathname} gave no token that can be used: {problem}")
