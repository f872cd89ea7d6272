"""A client's settings from environment variables, read when they are asked for.

========================  ==============================================================
PDS_API_ENDPOINT          URL of the API; else made from PDS_DOMAIN_ID
PDS_AUTH_ENDPOINT         URL for logins, if it is another one
PDS_DOMAIN_ID             the domain
PDS_ACCESS_TOKEN          a token that is sent until the service refuses it
PDS_TOKEN_FILE            a file that a ``FileTokenStore`` reads, and writes if it can refresh
PDS_APP_ID                the application; needed to refresh
PDS_CLIENT_SECRET         its secret, if it is an OAuth application that has one
PDS_PRIVATE_KEY_FILE      its private key, if it is a JWT application
PDS_PRIVATE_KEY_PASSWORD  of an encrypted key
PDS_USER_ID               whom a JWT application signs in; else it is the service
========================  ==============================================================
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypedDict

from pdsclient.errors import AuthError, InvalidRequest
from pdsclient.token_store import FileTokenStore
from pdsclient.tokens import TokenInfo

_ENDPOINTS: Final = ("PDS_API_ENDPOINT", "PDS_AUTH_ENDPOINT", "PDS_DOMAIN_ID")
_TOKENS: Final = ("PDS_ACCESS_TOKEN", "PDS_TOKEN_FILE", "PDS_PRIVATE_KEY_FILE")
_CREDENTIALS: Final = frozenset(
    {
        "token_info",
        "share_token",
        "refresh_token_fun",
        "refresh_share_token_fun",
        "token_provider",
        "token_store",
    }
)


def has_endpoint(environ: Mapping[str, str]) -> bool:
    """Whether the environment says where the service is."""
    return any(environ.get(name) for name in _ENDPOINTS)


def has_credential(environ: Mapping[str, str]) -> bool:
    """Whether the environment says who is calling."""
    return any(environ.get(name) for name in _TOKENS)


def client_fields(environ: Mapping[str, str], given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a ``ClientConfig``: those given, and what the environment says of others.

    A credential that is given replaces the environment's as a whole, and so does an endpoint: half
    of one and half of the other would sign in somebody else, or elsewhere.
    """
    fields: dict[str, Any] = {}
    if not given.keys() & {"api_endpoint", "auth_endpoint"}:
        fields |= endpoints(environ)
    if not given.keys() & _CREDENTIALS:
        fields |= _credential(environ)
    return fields | dict(given)


def reader_of(store: FileTokenStore) -> Callable[[], Awaitable[TokenInfo]]:
    """A ``token_provider`` that reads a token file and never writes it."""

    async def read() -> TokenInfo:
        found = await store.load()
        if found is None:
            raise AuthError(f"token file {store.path}: there is none, or it is empty")
        return found

    return read


class Endpoints(TypedDict):
    """The fields of a ``ClientConfig`` that say where."""

    api_endpoint: str | None
    auth_endpoint: str | None


def endpoints(environ: Mapping[str, str]) -> Endpoints:
    """Where the service is; InvalidRequest if the environment does not say."""
    domain = environ.get("PDS_DOMAIN_ID")
    usual = f"https://{domain}.api.aliyunpds.com" if domain else None
    api, auth = environ.get("PDS_API_ENDPOINT") or usual, environ.get("PDS_AUTH_ENDPOINT")
    if not (api or auth):
        raise InvalidRequest("no endpoint: give one, or set PDS_API_ENDPOINT or PDS_DOMAIN_ID")
    return {"api_endpoint": api or None, "auth_endpoint": auth or None}


def _credential(environ: Mapping[str, str]) -> dict[str, Any]:
    token, file, key = (environ.get(name) for name in _TOKENS)
    if token and (file or key):
        other = "PDS_TOKEN_FILE" if file else "PDS_PRIVATE_KEY_FILE"
        raise InvalidRequest(f"PDS_ACCESS_TOKEN and {other} are both set: unset one of them")
    if token:
        return {"token_info": {"access_token": token}}
    if key:
        return {
            "refresh_token_fun": _jwt_app(environ, key),
            "token_store": FileTokenStore(file) if file else None,
        }
    if file:
        return _from_file(environ, FileTokenStore(file))
    raise InvalidRequest(
        f"no credential: give one, or set {', '.join(_TOKENS[:-1])} or {_TOKENS[-1]}"
    )


def _from_file(environ: Mapping[str, str], store: FileTokenStore) -> dict[str, Any]:
    from pdsclient.auth import OAuthApp

    app_id = environ.get("PDS_APP_ID")
    if not app_id:
        return {"token_provider": reader_of(store)}
    app = OAuthApp(app_id, client_secret=environ.get("PDS_CLIENT_SECRET") or None)
    return {"refresh_token_fun": app, "token_store": store}


def _jwt_app(environ: Mapping[str, str], key_file: str) -> Any:
    from pdsclient.auth import JWTApp

    for name in ("PDS_APP_ID", "PDS_DOMAIN_ID"):
        if not environ.get(name):
            raise InvalidRequest(f"PDS_PRIVATE_KEY_FILE needs {name}: set it too")
    return JWTApp(
        environ["PDS_APP_ID"],
        domain_id=environ["PDS_DOMAIN_ID"],
        private_key=Path(key_file),
        password=environ.get("PDS_PRIVATE_KEY_PASSWORD") or None,
        user_id=environ.get("PDS_USER_ID") or None,
    )
