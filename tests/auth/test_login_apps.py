"""The applications of ``pdsclient.auth`` by themselves: what they send, and what they hide."""

from __future__ import annotations

import copy
import pickle
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from pdsclient import AuthError, BadRequest, InvalidRequest, TokenInfo
from pdsclient.auth import AccountToken, JWTApp, OAuthApp

NOW = 1_700_000_000
TOKEN = TokenInfo(access_token="access-1", refresh_token="refresh-1")
ENDPOINT = "https://bj1.api.aliyunpds.com"


class Clock:
    """Time that stands still, so that claims are exact."""

    def time(self) -> float:
        return NOW + 0.9

    def monotonic(self) -> float:
        return 0.0


class Service:
    """The token endpoints: notes what is posted, and answers with what the test wants."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.answers: list[Any] = []

    async def post_auth_anonymous(
        self, pathname: str, data: Mapping[str, Any] | None = None, options: Any = None
    ) -> Any:
        self.sent.append((pathname, dict(data or {})))
        answer = self.answers.pop(0) if self.answers else {"access_token": f"new-{len(self.sent)}"}
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def fields(self) -> dict[str, Any]:
        """What the last request carried, without fields that are not sent."""
        return {name: value for name, value in self.sent[-1][1].items() if value is not None}

    def claims(self, key: rsa.RSAPrivateKey) -> dict[str, Any]:
        """The claims of the last assertion, if the key has signed it."""
        checks = {"verify_exp": False, "verify_iat": False, "verify_aud": False}
        decoded: dict[str, Any] = jwt.decode(
            self.fields["assertion"], key.public_key(), algorithms=["RS256"], options=checks
        )
        return decoded


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key: Any, *, form: PrivateFormat = PrivateFormat.PKCS8, password: str = "") -> bytes:
    lock = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    found: bytes = key.private_bytes(Encoding.PEM, form, lock)
    return found


def jwt_app(key: rsa.RSAPrivateKey, **changes: Any) -> JWTApp:
    settings: dict[str, Any] = {"domain_id": "bj1", "private_key": pem(key), "clock": Clock()}
    return JWTApp("APP", **(settings | changes))


# ---------------------------------------------------------------------------- JWT


async def test_service_signs_in_for_its_domain(service: Service, key: rsa.RSAPrivateKey) -> None:
    """Without a user the assertion is for the domain itself, valid from 5 minutes ago for 10."""
    token = await jwt_app(key).sign_in(service)
    assert token.access_token == "new-1"
    assert service.sent[0][0] == "/oauth/token"
    assert set(service.fields) == {"grant_type", "client_id", "assertion"}
    assert service.fields["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    assert service.fields["client_id"] == "APP"
    header = jwt.get_unverified_header(service.fields["assertion"])
    assert header == {"alg": "RS256", "typ": "JWT"}
    claims = service.claims(key)
    assert 16 <= len(claims.pop("jti")) <= 128
    assert claims == {
        "iss": "APP",
        "sub": "bj1",
        "sub_type": "service",
        "aud": "bj1",
        "iat": NOW - 300,
        "exp": NOW + 300,
        "auto_create": False,
    }


async def test_users_sign_in_with_the_same_application(
    service: Service, key: rsa.RSAPrivateKey
) -> None:
    """``for_user`` changes who is meant, and nothing of the application it is asked of."""
    app = jwt_app(key, subdomain_id="sub1")
    await app.for_user("u1", auto_create=True).sign_in(service)
    claims = service.claims(key)
    assert (claims["sub"], claims["sub_type"], claims["auto_create"]) == ("u1", "user", True)
    assert service.fields["subdomain_id"] == "sub1"
    assert app.user_id is None


async def test_no_two_logins_share_an_assertion(service: Service, key: rsa.RSAPrivateKey) -> None:
    """Each has an identifier of its own, for a service that takes each only once."""
    app = jwt_app(key)
    await app.sign_in(service)
    first = service.claims(key)["jti"]
    await app.sign_in(service)
    assert service.claims(key)["jti"] != first


async def test_key_may_be_text_bytes_or_a_file_in_any_usual_form(
    service: Service, key: rsa.RSAPrivateKey, tmp_path: Path
) -> None:
    """PKCS#8 and PKCS#1, encrypted or not, given or in a file that only its owner can read."""
    path = tmp_path / "key.pem"
    path.touch(mode=0o600)
    path.write_bytes(pem(key))
    old = pem(key, form=PrivateFormat.TraditionalOpenSSL).decode()
    locked = pem(key, password="sésame")
    for changes in (
        {"private_key": path},
        {"private_key": old},
        {"private_key": locked, "password": "sésame"},
        {"private_key": locked, "password": "sésame".encode()},
    ):
        await jwt_app(key, **changes).sign_in(service)
        assert service.claims(key)["iss"] == "APP"


async def test_key_file_is_read_again_for_each_login(
    service: Service, key: rsa.RSAPrivateKey, tmp_path: Path
) -> None:
    """A key that is exchanged on the disk is used without a restart."""
    path = tmp_path / "key.pem"
    path.touch(mode=0o600)
    path.write_bytes(pem(key))
    app = jwt_app(key, private_key=path)
    await app.sign_in(service)
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path.write_bytes(pem(other))
    await app.sign_in(service)
    assert service.claims(other)["iss"] == "APP"


async def test_key_file_that_others_can_read_is_refused(
    service: Service, key: rsa.RSAPrivateKey, tmp_path: Path
) -> None:
    """So are a symbolic link and a missing file; each message names the file and the way out."""
    path, link = tmp_path / "key.pem", tmp_path / "link.pem"
    path.write_bytes(pem(key))
    path.chmod(0o640)
    link.symlink_to(path)
    for found, said in (
        (path, "chmod 600"),
        (link, "symbolic link"),
        (tmp_path / "none.pem", "there is no such file"),
    ):
        with pytest.raises(AuthError, match=said) as caught:
            await jwt_app(key, private_key=found).sign_in(service)
        assert str(found) in str(caught.value)
    assert service.sent == []


@pytest.mark.parametrize(
    ("make", "password", "said"),
    [
        (lambda key: pem(key, password="right"), None, "is encrypted, so give its password"),
        (lambda key: pem(key, password="right"), "wrong", "the password is wrong"),
        (pem, "needless", "is not encrypted, so give no password"),
        (lambda key: pem(ec.generate_private_key(ec.SECP256R1())), None, "is no RSA key"),
        (lambda key: b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n", None, "cannot be read"),
    ],
    ids=["locked", "wrong password", "needless password", "elliptic curve", "broken"],
)
async def test_key_that_cannot_sign_is_explained(
    service: Service, key: rsa.RSAPrivateKey, make: Any, password: str | None, said: str
) -> None:
    """The message says what is wrong with it, nothing of what it holds, and nothing is sent."""
    app = jwt_app(key, private_key=make(key), password=password)
    with pytest.raises(InvalidRequest, match=said) as caught:
        await app.sign_in(service)
    assert caught.value.__context__ is None
    assert service.sent == []


async def test_missing_library_is_named_with_the_command(
    service: Service, key: rsa.RSAPrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without PyJWT or without cryptography the message has what installs both."""
    for package in ("jwt", "cryptography"):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, package, None)
            with pytest.raises(InvalidRequest, match=r"pip install 'pdsclient\[jwt\]'"):
                await jwt_app(key).sign_in(service)


def refused(attempts: int) -> BadRequest:
    return BadRequest("spent", code="InvalidParameter.Assertion", status=400, attempts=attempts)


async def test_assertion_that_was_spent_by_a_lost_reply_is_replaced_once(
    service: Service, key: rsa.RSAPrivateKey
) -> None:
    """A refusal after a retry may mean that only the first reply was lost."""
    service.answers = [refused(attempts=2)]
    assert (await jwt_app(key).sign_in(service)).access_token == "new-2"
    service.answers = [refused(attempts=2), refused(attempts=2)]
    with pytest.raises(BadRequest):
        await jwt_app(key).sign_in(service)
    assert len(service.sent) == 4


async def test_assertion_that_is_refused_at_once_is_not_sent_again(
    service: Service, key: rsa.RSAPrivateKey
) -> None:
    """The key or an id is wrong, and another assertion would be refused as well."""
    service.answers = [refused(attempts=1)]
    with pytest.raises(BadRequest):
        await jwt_app(key).sign_in(service)
    assert len(service.sent) == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"private_key": "key.pem"}, "pathlib.Path"),
        ({"private_key": None}, "private_key must be"),
        ({"domain_id": ""}, "domain_id must not be empty"),
        ({"user_id": ""}, "user_id must not be empty"),
        ({"password": 5}, "password must be a string"),
        ({"auto_create": "yes"}, "auto_create must be"),
    ],
    ids=["path as text", "no key", "no domain", "no user", "number", "no flag"],
)
def test_wrong_argument_is_named_where_it_is_written(
    key: rsa.RSAPrivateKey, changes: dict[str, Any], said: str
) -> None:
    """Before anything is read or sent."""
    with pytest.raises(InvalidRequest, match=said):
        jwt_app(key, **changes)


# ---------------------------------------------------------------------------- OAuth


def oauth_app(**changes: Any) -> OAuthApp:
    settings: dict[str, Any] = {"redirect_uri": "https://me.test/back?a=b"}
    return OAuthApp("APP", **(settings | changes))


def asked(url: str) -> dict[str, str]:
    return {name: texts[0] for name, texts in parse_qs(urlsplit(url).query).items()}


def test_login_page_is_asked_for_a_code() -> None:
    """The URL has what the service wants, each value encoded, and a state that nobody guesses."""
    url, state = oauth_app().authorize_url(f"{ENDPOINT}/")
    assert url.startswith(f"{ENDPOINT}/v2/oauth/authorize?")
    assert asked(url) == {
        "client_id": "APP",
        "redirect_uri": "https://me.test/back?a=b",
        "response_type": "code",
        "state": state,
        "login_type": "default",
    }
    assert len(state) >= 32
    assert oauth_app().authorize_url(ENDPOINT).state != state


def test_login_page_takes_further_wishes() -> None:
    """Scopes are joined by commas; a state of the caller's is used as it is."""
    url, state = oauth_app().authorize_url(
        ENDPOINT, state="mine", scope=["FILE.ALL", "SHARE.ALL"], login_type="ram", hide_consent=True
    )
    wishes = asked(url)
    assert state == wishes["state"] == "mine"
    assert wishes["scope"] == "FILE.ALL,SHARE.ALL"
    assert (wishes["login_type"], wishes["hide_consent"]) == ("ram", "true")


def test_code_is_found_in_the_url_that_comes_back() -> None:
    """As it was encoded, whether the URL is absolute or what a web framework sees."""
    app = oauth_app()
    assert app.code_of("https://me.test/back?a=b&code=c%2F1&state=s%2B1", state="s+1") == "c/1"
    assert app.code_of(" /back?state=s&code=c\n", state="s") == "c"


@pytest.mark.parametrize(
    "redirected",
    [
        "/back?code=c",
        "/back?code=c&state=x",
        "/back?code=c&state=s&state=x",
        "code",
        "http://[?state=s",
    ],
)
def test_answer_to_another_login_is_refused(redirected: str) -> None:
    """Otherwise somebody could make a person work in somebody else's account."""
    with pytest.raises(AuthError, match="another login"):
        oauth_app().code_of(redirected, state="s")


def test_lost_session_matches_no_answer() -> None:
    """An application that has forgotten the state must not take an answer without one."""
    with pytest.raises(AuthError, match="another login"):
        oauth_app().code_of("/back?state=&code=c", state="")


def test_scopes_are_a_list() -> None:
    """One text would be taken apart letter by letter."""
    with pytest.raises(InvalidRequest, match="scope must be a list"):
        oauth_app().authorize_url(ENDPOINT, scope="FILE.ALL")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("error=access_denied", "access_denied"),
        ("error=x&error_description=not+today", "not today"),
        ("", "no code"),
        ("code=", "no code"),
        ("code=a&code=b", "no code"),
    ],
)
def test_refusal_of_the_login_page_is_told(answer: str, said: str) -> None:
    """What the page says instead of a code is in the message."""
    with pytest.raises(AuthError, match=said):
        oauth_app().code_of(f"/back?state=s&{answer}", state="s")


async def test_code_is_exchanged_for_a_token(service: Service) -> None:
    """With the redirect URI it was asked for with; the secret only if there is one."""
    token = await oauth_app().exchange(service, "c1")
    assert token.access_token == "new-1"
    assert service.sent[0][0] == "/oauth/token"
    grant = {
        "grant_type": "authorization_code",
        "code": "c1",
        "redirect_uri": "https://me.test/back?a=b",
        "client_id": "APP",
    }
    assert service.fields == grant
    await oauth_app(client_secret="hush-hush").exchange(service, "c1")
    assert service.fields == grant | {"client_secret": "hush-hush"}


def test_signing_in_needs_the_redirect_uri() -> None:
    """Refreshing does not, so it is missed when the URL is made."""
    with pytest.raises(InvalidRequest, match="redirect_uri is missing"):
        OAuthApp("APP").authorize_url(ENDPOINT)


async def test_token_is_refreshed_by_its_application(service: Service) -> None:
    """The form of ``/oauth/token`` for people, the JSON of ``/account/token`` for JWT tokens."""
    await OAuthApp("APP", client_secret="hush-hush").token(service.post_auth_anonymous, TOKEN)
    assert service.sent[-1][0] == "/oauth/token"
    assert service.fields == {
        "grant_type": "refresh_token",
        "refresh_token": "refresh-1",
        "client_id": "APP",
        "client_secret": "hush-hush",
    }
    await AccountToken("APP").token(service.post_auth_anonymous, TOKEN)
    assert service.sent[-1][0] == "/account/token"
    assert service.fields == {
        "app_id": "APP",
        "grant_type": "refresh_token",
        "refresh_token": "refresh-1",
    }


@pytest.mark.parametrize("app", [OAuthApp("APP"), AccountToken("APP")], ids=["oauth", "account"])
async def test_token_without_refresh_token_asks_for_a_new_login(
    service: Service, app: OAuthApp | AccountToken
) -> None:
    """There is nothing to exchange, and nothing is sent."""
    with pytest.raises(AuthError, match="sign in again"):
        await app.token(service.post_auth_anonymous, TokenInfo(access_token="a"))
    assert service.sent == []


# ---------------------------------------------------------------------------- secrets


async def test_reply_without_a_token_is_an_error_of_the_login(service: Service) -> None:
    """It is not the caller's argument that is wrong."""
    service.answers = [{"refresh_token": "r"}]
    with pytest.raises(AuthError, match="/account/token gave no token") as caught:
        await AccountToken("APP").token(service.post_auth_anonymous, TOKEN)
    assert not isinstance(caught.value, InvalidRequest)


async def test_server_that_repeats_a_secret_does_not_spread_it(service: Service) -> None:
    """Neither the message nor the body of the error has the code or the client's secret."""
    said = "no app hush-hush for code-4711"
    service.answers = [BadRequest(said, code="X", status=400, body=said)]
    with pytest.raises(BadRequest) as caught:
        await oauth_app(client_secret="hush-hush").exchange(service, "code-4711")
    assert caught.value.message == caught.value.body == "no app *** for ***"
    assert "hush" not in repr(caught.value)


def test_applications_show_no_secret(key: rsa.RSAPrivateKey) -> None:
    """They say who they are; their secrets are stars."""
    app = jwt_app(key, password="sesame", user_id="u1")
    assert repr(app) == "JWTApp('APP', domain_id='bj1', user_id='u1', private_key='***')"
    assert "hush" not in repr(oauth_app(client_secret="hush-hush"))
    assert repr(AccountToken("APP")) == "AccountToken('APP')"


def test_applications_do_not_travel(key: rsa.RSAPrivateKey) -> None:
    """A pickle would hold the key in clear; copies within the process are the object itself."""
    for app in (jwt_app(key), oauth_app(), AccountToken("APP")):
        with pytest.raises(TypeError, match="token_store"):
            pickle.dumps(app)
        assert copy.copy(app) is app
        assert copy.deepcopy([app])[0] is app
