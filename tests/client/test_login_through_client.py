"""A login as ``refresh_token_fun``: it sends through the client that it serves."""

from __future__ import annotations

import asyncio
import pickle
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from pdsclient import (
    AsyncPDSClient,
    BadRequest,
    ClientConfig,
    FileTokenStore,
    InvalidRequest,
    PDSError,
    RefreshFailed,
    TokenInfo,
)
from pdsclient.auth import AccountToken, JWTApp, Login, OAuthApp, Post

KEY = generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
    Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
)
APP = JWTApp("APP", domain_id="bj1", private_key=KEY)


class Domain:
    """A handler for the raw server: logs everybody in, and knows the newest token only."""

    def __init__(self) -> None:
        self.grants: list[dict[str, str]] = []
        self.whom: list[str] = []

    def __call__(self, seen: Any) -> Any:
        if seen.path in ("/v2/oauth/token", "/v2/account/token"):
            assert seen.token is None
            return 200, self.issue(seen)
        if seen.token != f"token-{len(self.grants)}":
            return 401, {"code": "AccessTokenInvalid", "message": "dead"}
        return 200, {"ok": True}

    def issue(self, seen: Any) -> dict[str, Any]:
        self.grants.append({name: one[0] for name, one in parse_qs(seen.body.decode()).items()})
        assertion = self.grants[-1].get("assertion")
        if assertion:
            claims = jwt.decode(assertion, options={"verify_signature": False})
            self.whom.append(claims["sub"])
        number = len(self.grants)
        return {
            "access_token": f"token-{number}",
            "refresh_token": f"refresh-{number}",
            "expires_in": 7200,
        }


@pytest.fixture
def domain(server: Any) -> Domain:
    server.handler = Domain()
    found: Domain = server.handler
    return found


async def test_client_with_an_application_needs_nothing_else(
    server: Any, domain: Domain, make_client: Any
) -> None:
    """Many calls at once share one login, over the one connection that the client may have."""
    client = make_client(token_info=None, refresh_token_fun=APP, max_connections=1)
    replies = await asyncio.gather(*(client.post_api("/file/get", {}) for _ in range(20)))
    assert replies == [{"ok": True}] * 20
    assert (len(domain.grants), server.connections, server.most_in_flight) == (1, 1, 1)
    login = server.seen[0]
    assert login.headers["content-type"] == "application/x-www-form-urlencoded"
    assert client.token_info.refresh_token == "refresh-1"


async def test_login_goes_to_the_auth_endpoint(
    server: Any, domain: Domain, make_client: Any
) -> None:
    """Also for a view, whose credential fields name no endpoint."""
    auth = f"http://localhost:{server.port}"
    client = make_client(auth_endpoint=auth)
    await client.with_credentials(refresh_token_fun=APP).post_api("/file/get", {})
    login, call = server.seen
    assert login.headers["host"] == f"localhost:{server.port}"
    assert call.headers["host"] == f"127.0.0.1:{server.port}"


async def test_refused_token_is_replaced_by_a_new_login(domain: Domain, make_client: Any) -> None:
    """A token that the service forgot costs one login, and the caller nothing."""
    client = make_client(token_info={"access_token": "forgotten"}, refresh_token_fun=APP)
    assert await client.post_api("/file/get", {}) == {"ok": True}
    assert len(domain.grants) == 1


async def test_each_user_of_an_application_has_a_view(
    server: Any, domain: Domain, make_client: Any
) -> None:
    """One key and one pool serve many users."""
    client = make_client(token_info=None, refresh_token_fun=APP)
    for user in ("u1", "u2"):
        view = client.with_credentials(refresh_token_fun=APP.for_user(user))
        assert await view.post_api("/file/get", {}) == {"ok": True}
    assert domain.whom == ["u1", "u2"]
    assert server.connections == 1


async def test_passing_failure_of_a_login_is_retried(
    server: Any, domain: Domain, make_client: Any
) -> None:
    """It has the client's retries; listeners hear of nothing, for the call succeeds."""
    server.handler = lambda seen: answers.pop(0) if answers else domain(seen)
    answers: list[Any] = [(503, {"code": "ServiceUnavailable", "message": "soon"})] * 2
    client = make_client(token_info=None, refresh_token_fun=APP)
    heard: list[PDSError] = []
    client.on("error", lambda error, _: heard.append(error))
    assert await client.post_api("/file/get", {}) == {"ok": True}
    assert heard == []


async def test_failed_login_is_one_error_of_the_call(server: Any, make_client: Any) -> None:
    """It says why, was told once, and no part of it holds the assertion."""
    assertion = ""

    def refuse(seen: Any) -> Any:
        nonlocal assertion
        assertion = parse_qs(seen.body.decode())["assertion"][0]
        return 400, {"code": "InvalidParameter.Assertion", "message": f"not {assertion}"}

    server.handler = refuse
    client = make_client(token_info=None, refresh_token_fun=APP)
    heard: list[PDSError] = []
    client.on("error", lambda error, _: heard.append(error))
    with pytest.raises(RefreshFailed, match=r"InvalidParameter\.Assertion: not \*\*\*") as caught:
        await client.post_api("/file/get", {})
    assert heard == [caught.value]
    assert len(server.seen) == 1
    assert assertion.rpartition(".")[2] not in caught.value.stack


def shown_by_trackers(error: BaseException | None) -> str:
    """The local variables of each frame that the error and its causes passed through."""
    text = ""
    while error is not None:
        frames = traceback.walk_tb(error.__traceback__)
        names = [frame.f_locals for frame, _ in frames if "pdsclient" in frame.f_code.co_filename]
        text += "".join(map(repr, names))
        error = error.__cause__ or error.__context__
    return text


@pytest.mark.parametrize(
    "app", [OAuthApp("APP", client_secret="hush-hush"), APP], ids=["web", "jwt"]
)
async def test_no_frame_of_a_failed_login_holds_a_secret(
    server: Any, make_client: Any, app: Login
) -> None:
    """Error trackers print the variables of the frames that an error passed through."""
    server.handler = lambda seen: (400, {"code": "InvalidParameter", "message": "no"})
    token = {"access_token": "dead-1", "refresh_token": "fresh-1", "expires_in": 1}
    client = make_client(token_info=token, refresh_token_fun=app)
    with pytest.raises(RefreshFailed) as caught:
        await client.refresh_token()
    shown = shown_by_trackers(caught.value)
    assert "Engine" in shown or "JWTApp" in shown or "OAuthApp" in shown
    sent = parse_qs(server.seen[0].body.decode())
    for name in ("assertion", "client_secret", "refresh_token"):
        for secret in sent.get(name, []):
            assert secret not in shown


async def test_one_off_login_is_not_put_in_force(
    server: Any, domain: Domain, make_client: Any
) -> None:
    """``sign_in`` and ``exchange`` only return the token; the caller decides."""
    client = make_client(token_info=None)
    token = await APP.sign_in(client)
    assert (token.access_token, client.token_info) == ("token-1", None)
    app = OAuthApp("WEB", redirect_uri="https://me.test/back", client_secret="hush-hush")
    client.set_token(await app.exchange(client, "code-1"))
    assert await client.post_api("/file/get", {}) == {"ok": True}
    assert domain.grants[1] == {
        "grant_type": "authorization_code",
        "code": "code-1",
        "redirect_uri": "https://me.test/back",
        "client_id": "WEB",
        "client_secret": "hush-hush",
    }


async def test_application_fills_an_empty_store(
    domain: Domain, make_client: Any, tmp_path: Path
) -> None:
    """The first process signs in; the next one finds the token, and asks for none but if told."""
    store = FileTokenStore(tmp_path / "token.json")
    for _ in range(2):
        client = make_client(refresh_token_fun=APP, token_store=store)
        assert await client.post_api("/file/get", {}) == {"ok": True}
    assert len(domain.grants) == 1
    fresh = await make_client(refresh_token_fun=APP, token_store=store).refresh_token()
    assert fresh.access_token == "token-2"


async def test_dead_token_in_the_store_is_replaced_before_it_is_sent(
    server: Any, domain: Domain, make_client: Any, tmp_path: Path
) -> None:
    """A process that begins with an expired token signs in at once."""
    store = FileTokenStore(tmp_path / "token.json")
    async with store.lock():
        await store.save(TokenInfo(access_token="old", expire_time="2019-09-01T06:57:48.813Z"))
    client = make_client(refresh_token_fun=APP, token_store=store)
    assert await client.post_api("/file/get", {}) == {"ok": True}
    assert [seen.token for seen in server.seen] == [None, "token-1"]


@pytest.mark.parametrize("app", [OAuthApp("APP"), AccountToken("APP")], ids=["oauth", "account"])
async def test_stored_token_is_exchanged_under_the_lock(
    domain: Domain, make_client: Any, tmp_path: Path, app: Login
) -> None:
    """Two clients that were refused at the same time cost one exchange of the refresh token."""
    store = FileTokenStore(tmp_path / "token.json")
    async with store.lock():
        await store.save(TokenInfo(access_token="dead", refresh_token="refresh-0"))
    clients = [make_client(refresh_token_fun=app, token_store=store) for _ in range(2)]
    await asyncio.gather(*(client.post_api("/file/get", {}) for client in clients))
    assert len(domain.grants) == 1
    stored = await store.load()
    assert stored is not None
    assert stored.refresh_token == "refresh-1"


class Borrowed(Login):
    """A login of the user's own: some other path of the service."""

    async def token(self, post: Post, token_info: TokenInfo | None = None) -> Mapping[str, Any]:
        assert token_info is not None
        found: Mapping[str, Any] = await post("/account/token", {"was": token_info.access_token})
        return found


async def test_login_of_ones_own_has_the_same_means(
    server: Any, domain: Domain, make_client: Any
) -> None:
    """A subclass of ``Login`` gets the client's anonymous call and the token to be exchanged."""
    client = make_client(token_info={"access_token": "mine"}, refresh_token_fun=Borrowed())
    assert await client.post_api("/file/get", {}) == {"ok": True}
    assert server.seen[1].json == {"was": "mine"}


def test_configuration_shows_and_ships_no_application() -> None:
    """Its repr names the application, and a pickle of it is refused."""
    config = ClientConfig(api_endpoint="https://bj1.api.aliyunpds.com", refresh_token_fun=APP)
    assert "JWTApp('APP'" in repr(config)
    assert "BEGIN" not in repr(config)
    with pytest.raises(TypeError, match="refuses to be pickled"):
        pickle.dumps(config)


def test_login_stands_for_refresh_token_fun_alone() -> None:
    """It knows nothing of share tokens, and is no provider."""
    for field in ("token_provider", "refresh_share_token_fun"):
        with pytest.raises(InvalidRequest, match=field):
            AsyncPDSClient({"api_endpoint": "https://x.test", field: APP})


async def test_no_frame_of_a_failed_exchange_holds_the_code(server: Any, make_client: Any) -> None:
    """A code that was not exchanged may still be good for somebody."""
    server.handler = lambda seen: (400, {"code": "InvalidParameter.Code", "message": "no"})
    app = OAuthApp("APP", client_secret="hush-hush", redirect_uri="https://example.com/")
    with pytest.raises(BadRequest) as caught:
        await app.exchange(make_client(), "code-4711")
    frames = traceback.walk_tb(caught.value.__traceback__)
    ours = [frame for frame, _ in frames if "/pdsclient/" in frame.f_code.co_filename]
    assert "exchange" in [frame.f_code.co_name for frame in ours]
    shown = "".join(repr(frame.f_locals) for frame in ours)
    assert "code-4711" not in shown
    assert "hush-hush" not in shown
