"""Signing in over HTTP: assertions of apps, codes of the login page, and what refreshes them."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from pdsclient.emulator import Emulator, Settings
from pdsclient.emulator.rsa import new_key
from pdsclient.errors import InvalidRequest

JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
CALLBACK = "http://127.0.0.1:9/done?app=1"


@pytest.fixture(scope="module")
def foreign_pem():
    """A key that the emulator does not know."""
    return new_key().pem


def claims_of(api, **more):
    """The claims as the vendor's JavaScript SDK makes them: a short id, issued in the past."""
    now = int(time.time())
    return {
        "iss": api.emulator.app_id,
        "sub": "superadmin",
        "sub_type": "user",
        "aud": api.emulator.domain_id,
        "jti": "k3j5h7f9d1a",
        "exp": now + 300,
        "iat": now - 300,
        "auto_create": False,
    } | more


async def ask(api, form):
    return await api.send("POST", "/v2/oauth/token", data=form)


async def jwt_login(api, *, client_id=None, pem=None, **more):
    assertion = jwt.encode(claims_of(api, **more), pem or api.emulator.private_key_pem, "RS256")
    client_id = client_id or api.emulator.app_id
    form = {"grant_type": JWT_GRANT, "client_id": client_id, "assertion": assertion}
    return await ask(api, form)


async def whoami(api, token):
    return await api.post("/user/get", token=token)


# ---- assertions


async def test_user_signs_in_by_assertion(api):
    """An app's assertion for a user gives both tokens, which are that user's."""
    await api.emulator.put_user("alice", role="user")
    got = await jwt_login(api, sub="alice")
    assert got.status == 200
    assert (got.data["token_type"], got.data["user_id"]) == ("Bearer", "alice")
    assert got.data["access_token"]
    assert got.data["refresh_token"]
    assert (await whoami(api, got.data["access_token"])).data["user_id"] == "alice"


async def test_audience_may_be_a_list(api):
    """Some libraries make a list of the domain."""
    assert (await jwt_login(api, aud=[api.emulator.domain_id])).status == 200


async def test_service_signs_in_by_assertion(api):
    """A service token is a superadmin's and can be refreshed."""
    got = await jwt_login(api, sub=api.emulator.domain_id, sub_type="service")
    assert (got.data["role"], got.data["status"]) == ("superadmin", "enabled")
    assert got.data["refresh_token"]
    assert (await api.post("/user/list", token=got.data["access_token"])).status == 200


async def test_refresh_of_a_jwt_login(api):
    """``/account/token`` keeps the user and gives another refresh token; it wants the same app."""
    old = (await jwt_login(api)).data
    asked = {"grant_type": "refresh_token", "refresh_token": old["refresh_token"]}
    other = await api.post("/account/token", asked | {"app_id": "other"}, token=None)
    assert (other.status, other.code) == (400, "InvalidParameter.RefreshToken")
    new = await api.post("/account/token", asked | {"app_id": api.emulator.app_id}, token=None)
    assert new.data["user_id"] == old["user_id"]
    assert new.data["refresh_token"] != old["refresh_token"]
    assert (await whoami(api, old["access_token"])).code == "AccessTokenInvalid"
    assert (await whoami(api, new.data["access_token"])).status == 200


async def test_one_of_many_refreshes_wins(api):
    """Of several exchanges of one refresh token at once, one succeeds."""
    old = api.emulator.issue_token()
    form = {
        "grant_type": "refresh_token",
        "refresh_token": old.refresh_token,
        "client_id": "any",
    }
    got = await asyncio.gather(*(ask(api, form) for _ in range(6)))
    assert sorted(one.status for one in got) == [200, *[400] * 5]


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "other"},
        {"aud": "other"},
        {"aud": None},
        {"sub": ""},
        {"sub": "nobody"},
        {"sub": 7},
        {"sub_type": "admin"},
        {"sub_type": "service"},
        {"jti": ""},
        {"jti": "x" * 129},
        {"exp": timedelta(seconds=-1)},
        {"exp": timedelta(seconds=1200)},
        {"exp": "soon"},
        {"exp": None},
        {"iat": timedelta(seconds=600)},
        {"nbf": timedelta(seconds=200)},
        {"nbf": timedelta(seconds=-700)},
        {"nbf": "now"},
    ],
    ids="-".join,
)
async def test_bad_assertions(api, wrong):
    """An assertion with a claim that is wrong, late or missing is refused."""
    now = int(time.time())
    claims = {
        name: now + int(value.total_seconds()) if isinstance(value, timedelta) else value
        for name, value in wrong.items()
    }
    got = await jwt_login(api, **claims)
    assert (got.status, got.code) == (400, "InvalidParameter.Assertion")


async def test_forged_assertions(api, foreign_pem):
    """Another key, another algorithm, a changed text and garbage are refused; so is another app."""
    assert (await jwt_login(api, pem=foreign_pem)).code == "InvalidParameter.Assertion"
    assert (await jwt_login(api, client_id="other")).code == "InvalidParameter.ClientId"
    head, claims, proof = jwt.encode(claims_of(api), api.emulator.private_key_pem, "RS256").split(
        "."
    )
    none = jwt.encode(claims_of(api), None, "none")
    other = jwt.encode(claims_of(api, sub="alice"), foreign_pem, "RS256").split(".")[1]
    form = {"grant_type": JWT_GRANT, "client_id": api.emulator.app_id}
    texts = ["x", "..", "\u00e9.\u00fc.\u00f6", none, "a" * 5000, f"{head}.{claims}."]
    for bad in (*texts, f"{head}.{other}.{proof}"):
        got = await ask(api, form | {"assertion": bad})
        assert (got.status, got.code) == (400, "InvalidParameter.Assertion"), bad


async def test_assertions_may_count_once(run):
    """By a switch the id of an assertion counts once."""
    async with run(settings=Settings(assertions="once")) as api:
        assert (await jwt_login(api)).status == 200
        assert (await jwt_login(api)).code == "InvalidParameter.Assertion"
        assert (await jwt_login(api, jti="another")).status == 200


async def test_assertion_outlives_a_moved_clock(api):
    """An app cannot know that a test moved the clock: it still gets in."""
    api.emulator.clock.advance(7200)
    assert (await jwt_login(api)).status == 200
    assert (await jwt_login(api, exp=int(api.emulator.clock.time()) + 300)).status == 200


async def test_user_is_made_when_signing_in(api):
    """``auto_create`` makes a user who is not there, with a drive."""
    got = await jwt_login(api, sub="new", auto_create=True)
    assert got.data["user_id"] == "new"
    assert got.data["default_drive_id"]
    again = await jwt_login(api, sub="new", auto_create=True)
    assert again.data["default_drive_id"] == got.data["default_drive_id"]


async def test_disabled_users_stay_out(api):
    """A user who is disabled cannot sign in, refresh, or use a token from before."""
    await api.emulator.put_user("alice")
    token = (await jwt_login(api, sub="alice")).data
    await api.emulator.put_user("alice", status="disabled")
    assert (await whoami(api, token["access_token"])).code == "AccessTokenInvalid"
    got = await jwt_login(api, sub="alice")
    assert (got.status, got.code) == (403, "Forbidden")
    form = {
        "grant_type": "refresh_token",
        "refresh_token": token["refresh_token"],
        "client_id": api.emulator.app_id,
    }
    assert (await ask(api, form)).code == "InvalidParameter.RefreshToken"


async def test_private_key_is_given(run, tmp_path, foreign_pem):
    """With a key of one's own a service keeps its configuration across restarts."""
    pem = foreign_pem
    database = tmp_path / "pds.db"
    async with run(database=database, app_id="APP", private_key=pem) as api:
        assert api.emulator.private_key_pem == pem
        assert (await jwt_login(api)).status == 200
    async with run(database=database, app_id="APP") as api:
        assert (await jwt_login(api, pem=pem)).status == 200
    with pytest.raises(InvalidRequest, match="private key"):
        Emulator(private_key="secret")


async def test_app_brings_its_public_key(api, foreign_pem):
    """A registered app signs in with the private key that belongs to its public one."""
    private = load_pem_private_key(foreign_pem.encode(), None)
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    await api.emulator.register_app("APP", public_key=public.decode())
    asked = {"client_id": "APP", "iss": "APP"}
    assert (await jwt_login(api, pem=foreign_pem, **asked)).status == 200
    assert (await jwt_login(api, **asked)).code == "InvalidParameter.Assertion"
    with pytest.raises(InvalidRequest, match="public key"):
        await api.emulator.register_app("APP", public_key="no key")


# ---- codes


async def authorize(api, **changes):
    query = {
        "client_id": "WEB",
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "login_type": "default",
        "state": "s&1",
    } | changes
    params = {name: value for name, value in query.items() if value is not None}
    return await api.send("GET", "/v2/oauth/authorize", params=params)


async def exchange(api, code, **changes):
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "client_id": "WEB",
    } | changes
    return await ask(api, {name: value for name, value in form.items() if value is not None})


def code_of(got):
    return parse_qs(urlsplit(got.headers["Location"]).query)["code"][0]


@pytest.mark.parametrize("grant", ["authorization_code", "code"])
async def test_code_flow(api, grant):
    """The login page sends back a code and the state; the code gives tokens, once."""
    await api.emulator.register_app("WEB", redirect_uris=[CALLBACK])
    got = await authorize(api)
    assert got.status == 302
    back = urlsplit(got.headers["Location"])
    assert (back.netloc, back.path) == ("127.0.0.1:9", "/done")
    assert parse_qs(back.query) == {"app": ["1"], "state": ["s&1"], "code": [code_of(got)]}
    token = await exchange(api, code_of(got), grant_type=grant)
    assert (token.data["user_id"], token.data["token_type"]) == ("superadmin", "Bearer")
    assert (await whoami(api, token.data["access_token"])).status == 200
    assert (await exchange(api, code_of(got))).code == "InvalidParameter.Code"


async def test_code_is_checked(api):
    """A code is worth something to its app, with its redirect, for ten minutes."""
    await api.emulator.register_app("WEB", redirect_uris=[CALLBACK])
    await api.emulator.register_app("OTHER")
    code = code_of(await authorize(api))
    assert (await exchange(api, "x")).code == "InvalidParameter.Code"
    assert (await exchange(api, code, client_id="OTHER")).code == "InvalidParameter.Code"
    assert (await exchange(api, code, client_id="?")).code == "InvalidParameter.ClientId"
    missing = await exchange(api, code, redirect_uri=None)
    assert missing.code == "InvalidParameterMissing.RedirectUri"
    wrong = await exchange(api, code, redirect_uri="http://127.0.0.1:9/")
    assert wrong.code == "InvalidParameterNotMatch.RedirectUri"
    api.emulator.clock.advance(601)
    assert (await exchange(api, code)).code == "InvalidParameter.Code"


async def test_secret_of_an_app(api):
    """An app with a secret has to send it, for codes and for refresh tokens."""
    await api.emulator.register_app("WEB", client_secret="s3cret", redirect_uris=[CALLBACK])
    code = code_of(await authorize(api))
    assert (await exchange(api, code)).code == "InvalidParameterMissing.ClientSecret"
    assert (await exchange(api, code, client_secret="x")).code == "InvalidParameter.ClientSecret"
    token = (await exchange(api, code, client_secret="s3cret")).data
    form = {
        "grant_type": "refresh_token",
        "refresh_token": token["refresh_token"],
        "client_id": "WEB",
    }
    assert (await ask(api, form)).code == "InvalidParameterMissing.ClientSecret"
    assert (await ask(api, form | {"client_id": "?"})).code == "InvalidParameter.RefreshToken"
    assert (await ask(api, form | {"client_secret": "s3cret"})).status == 200


async def test_authorize_is_checked(api):
    """An unknown app, a foreign redirect and missing parameters are refused, not redirected."""
    await api.emulator.register_app("WEB", redirect_uris=[CALLBACK])
    assert (await authorize(api, client_id="?")).code == "InvalidParameter.ClientId"
    assert (await authorize(api, redirect_uri="http://evil/")).code == (
        "InvalidParameter.RedirectUri"
    )
    assert (await authorize(api, response_type="token")).code == (
        "InvalidParameterNotSupported.ResponseType"
    )
    assert (await authorize(api, login_type="?")).code == "InvalidParameter.LoginType"
    assert (await authorize(api, login_type=None)).code == "InvalidParameterMissing.LoginType"
    assert (await authorize(api, login="nobody")).code == "InvalidParameter.Login"


async def test_login_page(run):
    """By a switch people choose whom to sign in as; a browser is let in there, and only there."""
    browser = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    async with run(settings=Settings(login="page")) as api:
        await api.emulator.register_app("WEB", redirect_uris=[CALLBACK])
        await api.emulator.put_user("<alice>")
        page = await authorize(api)
        assert page.status == 200
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        assert b"&lt;alice&gt;" in page.body
        assert b"<alice>" not in page.body
        chosen = await authorize(api, login="<alice>")
        token = await exchange(api, code_of(chosen))
        assert token.data["user_id"] == "<alice>"
        seen = await api.send("GET", "/v2/oauth/authorize", headers=browser)
        assert seen.code == "InvalidParameterMissing.ClientId"
        assert (await api.post("/user/get", headers=browser)).status == 403


async def test_code_without_the_page(api):
    """A test may take a code from the emulator itself."""
    code = await api.emulator.authorization_code("alice")
    form = {"grant_type": "code", "code": code, "client_id": api.emulator.app_id}
    assert (await ask(api, form)).data["user_id"] == "alice"


async def test_apps_and_users_from_another_process(api):
    """The control plane makes users and apps."""
    assert (await api.control("users", user_id="bob", nick_name="B")).status == 200
    assert (await api.control("apps", client_id="WEB", redirect_uris=[CALLBACK])).status == 200
    token = await exchange(api, code_of(await authorize(api, login="bob")))
    assert token.data["nick_name"] == "B"
    assert (await api.control("apps", name="x")).status == 400
    assert (await api.control("apps", client_id="WEB", public_key="x")).status == 400


async def test_life_of_a_code(run):
    """By a switch codes live shorter."""
    async with run(settings=Settings(code_life_s=5)) as api:
        code = await api.emulator.authorization_code()
        api.emulator.clock.advance(6)
        form = {"grant_type": "code", "code": code, "client_id": api.emulator.app_id}
        assert (await ask(api, form)).code == "InvalidParameter.Code"


# ---- several processes, restarts


async def test_identity_survives_a_restart(run, tmp_path):
    """Users, tokens, what was revoked, and apps are there again after a restart."""
    database = tmp_path / "pds.db"
    async with run(database=database) as api:
        await api.emulator.put_drive("7", owner="alice", default=True)
        token = api.emulator.issue_token(user_id="alice")
        dead = api.emulator.issue_token(user_id="alice")
        api.emulator.revoke(dead.access_token)
        await api.emulator.register_app("WEB", redirect_uris=[CALLBACK])
        assert (await whoami(api, dead.access_token)).status == 401
    async with run(database=database) as api:
        assert (await whoami(api, token.access_token)).data["default_drive_id"] == "7"
        assert (await whoami(api, dead.access_token)).status == 401
        assert (await authorize(api)).status == 302
        assert api.emulator.issue_token(user_id="alice").extra["default_drive_id"] == "7"
        form = {
            "grant_type": "refresh_token",
            "refresh_token": token.refresh_token,
            "client_id": "any",
        }
        assert (await ask(api, form)).status == 200


async def test_processes_share_identity(run, tmp_path):
    """A token that one process made is good at the other, and dead there once it is refreshed."""
    database = tmp_path / "pds.db"
    async with run(database=database) as one, run(database=database) as two:
        token = one.emulator.issue_token()
        assert (await whoami(one, token.access_token)).status == 200
        assert (await whoami(two, token.access_token)).status == 200
        form = {
            "grant_type": "refresh_token",
            "refresh_token": token.refresh_token,
            "client_id": "any",
        }
        new = (await ask(two, form)).data
        for api in (one, two):
            assert (await whoami(api, token.access_token)).status == 401
            assert (await whoami(api, new["access_token"])).status == 200
        assert (await ask(one, form)).code == "InvalidParameter.RefreshToken"
        await two.emulator.put_user("superadmin", status="disabled")
        assert (await whoami(one, new["access_token"])).status == 401
