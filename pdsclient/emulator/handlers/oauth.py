"""Signing in: ``/oauth/authorize``, ``/oauth/token`` (a form) and ``/account/token`` (JSON)."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from attrs import frozen

from pdsclient.emulator.assertion import checked_claims, refused
from pdsclient.emulator.handlers.operation import Operation
from pdsclient.emulator.handlers.tokens import token_reply
from pdsclient.emulator.handlers.user import make_user
from pdsclient.emulator.replies import Reply, invalid, json_reply, missing, not_match, not_supported
from pdsclient.emulator.service import Call
from pdsclient.emulator.store import App

JWT_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LOGIN_TYPES: Final = ("default", "ding", "ding_sns", "ram", "wechat", "wechat_app")
# Whom a service token stands for, and who signs in where nobody is asked.
SERVICE_USER: Final = "superadmin"


# ---- the page


async def authorize(call: Call) -> Reply:
    """``/oauth/authorize``: sends the browser back with a code at once, or shows who there is.

    The parameter ``login`` is the emulator's own: the user who signs in. The page's links have it.
    """
    query = {
        name: call.params.required(name)
        for name in ("client_id", "redirect_uri", "response_type", "login_type")
    }
    if query["response_type"] != "code":
        raise not_supported("response_type")
    call.params.choice("login_type", LOGIN_TYPES)
    query["state"] = call.params.text("state") or ""
    login = call.params.text("login")
    if login is None and call.settings.login == "at-once":
        login = SERVICE_USER
    return await call.service.write(_authorize, call, query, login)


def _authorize(call: Call, query: dict[str, str], login: str | None) -> Reply:
    app = _app(call, query["client_id"])
    uri = query["redirect_uri"]
    if uri not in app.redirect_uris:
        raise invalid("redirect_uri", "the app has not registered it")
    if login is None:
        return _page(call, query)
    wire = call.store.user(login)
    if wire is None or wire["status"] != "enabled":
        raise invalid("login", f"there is no user {login}")
    code = call.service.new_code(app.client_id, login, uri)
    more = {"code": code} | ({"state": query["state"]} if query["state"] else {})
    return Reply(302, headers={"Location": _with_query(uri, more)})


def _page(call: Call, query: dict[str, str]) -> Reply:
    users, _ = call.store.users(lambda one: one["status"] == "enabled", after=None, limit=100)
    links = "".join(
        f'<li><a href="?{escape(urlencode(query | {"login": one.key}))}">{escape(one.key)}</a>'
        for one in users
    )
    page = (
        f"<!doctype html><title>Sign in</title><h1>{escape(query['client_id'])} wants to sign in "
        f"as</h1><ul>{links}</ul>"
    )
    return Reply(200, page.encode(), {"Content-Type": "text/html; charset=utf-8"})


def _with_query(uri: str, more: dict[str, str]) -> str:
    parts = urlsplit(uri)
    return urlunsplit(parts._replace(query=urlencode([*parse_qsl(parts.query), *more.items()])))


# ---- the grants


@frozen
class _Ask:
    """What an app sends for a token; ``proof`` is the code, assertion or refresh token."""

    client_id: str
    client_secret: str
    redirect_uri: str
    proof: str


async def oauth_token(call: Call) -> Reply:
    """``/oauth/token``: the three grants."""
    grant = call.params.required("grant_type")
    client_id = call.params.required("client_id")
    if grant not in _GRANTS:
        raise not_supported("grant_type")
    name, run = _GRANTS[grant]
    ask = _Ask(
        client_id,
        call.params.text("client_secret") or "",
        call.params.text("redirect_uri") or "",
        call.params.required(name),
    )
    return await call.service.write(_in_one, run, call, ask)


def _in_one(run: Callable[..., dict[str, Any]], call: Call, *args: Any) -> Reply:
    with call.store.atomic():
        return json_reply(run(call, *args))


def _by_code(call: Call, ask: _Ask) -> dict[str, Any]:
    _check_secret(_app(call, ask.client_id), ask.client_secret)
    given = call.store.living_code(ask.proof)
    if given is None or given["client_id"] != ask.client_id:
        raise invalid("code")
    if given["redirect_uri"] and not ask.redirect_uri:
        raise missing("redirect_uri")
    if given["redirect_uri"] != ask.redirect_uri:
        raise not_match("redirect_uri")
    call.store.take_code(ask.proof)
    return token_reply(call, given["user_id"], ask.client_id)


def _by_assertion(call: Call, ask: _Ask) -> dict[str, Any]:
    """The secret is not looked at: the signature proves more."""
    app = _app(call, ask.client_id)
    service = call.service
    now, ahead_s = service.clock.time(), service.clock.ahead_s
    claims = checked_claims(ask.proof, app, service.domain_id, (now, now - ahead_s))
    is_new = call.settings.assertions == "reusable" or call.store.is_new_assertion(
        ask.client_id, claims["jti"], claims["exp"] + ahead_s
    )
    if not is_new:
        raise refused("its jti was used before")
    if claims["sub_type"] == "service":
        return token_reply(call, SERVICE_USER, ask.client_id)
    user_id = claims["sub"]
    if call.store.user(user_id) is None:
        if claims.get("auto_create") is not True:
            raise refused(f"there is no user {user_id}")
        make_user(call, user_id, {})
    return token_reply(call, user_id, ask.client_id)


def _by_refresh_token(call: Call, ask: _Ask) -> dict[str, Any]:
    app = call.store.app(ask.client_id)
    if app is not None:
        _check_secret(app, ask.client_secret)
    return _refreshed(call, ask.proof, ask.client_id)


_GRANTS: Final[dict[str, tuple[str, Callable[[Call, _Ask], dict[str, Any]]]]] = {
    "authorization_code": ("code", _by_code),
    "code": ("code", _by_code),
    "refresh_token": ("refresh_token", _by_refresh_token),
    JWT_GRANT: ("assertion", _by_assertion),
}


async def account_token(call: Call) -> Reply:
    """``/account/token``: refresh only."""
    app_id = call.params.required("app_id")
    if call.params.required("grant_type") != "refresh_token":
        raise not_supported("grant_type")
    token = call.params.required("refresh_token")
    return await call.service.write(_in_one, _refreshed, call, token, app_id)


def _refreshed(call: Call, refresh_token: str, client_id: str) -> dict[str, Any]:
    """The next pair; tokens that were issued to an app are exchanged by that app."""
    identity = call.service.identity
    grant = call.store.living_grant(refresh_token)
    if grant is None or grant.client_id not in ("", client_id):
        raise invalid("refresh_token")
    wire = call.store.user(grant.user_id)
    if wire is None or wire["status"] != "enabled":
        raise invalid("refresh_token")
    following = identity.refresh(call.store, grant, call.settings)
    return identity.token_reply(following, identity.note(wire), call.settings)


def _app(call: Call, client_id: str) -> App:
    app = call.store.app(client_id)
    if app is None:
        raise invalid("client_id", f"there is no app {client_id}")
    return app


def _check_secret(app: App, client_secret: str) -> None:
    if app.client_secret and not client_secret:
        raise missing("client_secret")
    if app.client_secret not in ("", client_secret):
        raise invalid("client_secret")


OPERATIONS = {
    "/account/token": Operation(account_token, "anyone"),
    "/oauth/authorize": Operation(authorize, "anyone", "query"),
    "/oauth/token": Operation(oauth_token, "anyone", "form"),
}
