"""``AsyncPDSClient.from_env``: what each variable stands for, and what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pdsclient import AsyncPDSClient, AuthError, FileTokenStore, InvalidRequest, TokenInfo
from pdsclient._env import client_fields, reader_of
from pdsclient.auth import JWTApp, OAuthApp

WHERE = {"PDS_API_ENDPOINT": "https://x.test"}
WHO = {"PDS_ACCESS_TOKEN": "secret-token"}
KEY = {"PDS_PRIVATE_KEY_FILE": "key.pem", "PDS_APP_ID": "APP", "PDS_DOMAIN_ID": "bj1"}


@pytest.mark.parametrize(
    ("environ", "api", "auth"),
    [
        (WHERE, "https://x.test", None),
        ({"PDS_DOMAIN_ID": "bj1"}, "https://bj1.api.aliyunpds.com", None),
        ({"PDS_DOMAIN_ID": "bj1", **WHERE}, "https://x.test", None),
        ({"PDS_AUTH_ENDPOINT": "https://a.test", **WHERE}, "https://x.test", "https://a.test"),
        ({"PDS_AUTH_ENDPOINT": "https://a.test"}, None, "https://a.test"),
        ({"PDS_DOMAIN_ID": "", **WHERE}, "https://x.test", None),
    ],
    ids=["endpoint", "domain", "both", "two endpoints", "auth alone", "empty"],
)
def test_endpoint_is_said_or_made_from_the_domain(
    environ: dict[str, str], api: str | None, auth: str | None
) -> None:
    """An empty variable is none."""
    fields = client_fields(environ | WHO, {})
    assert (fields["api_endpoint"], fields["auth_endpoint"]) == (api, auth)


def test_access_token_is_sent_as_it_is() -> None:
    """Nothing can refresh it."""
    fields = client_fields(WHERE | WHO, {})
    assert fields["token_info"] == {"access_token": "secret-token"}
    assert "refresh_token_fun" not in fields


def test_key_makes_a_jwt_application() -> None:
    """As the service, or as the user who is named; the token file is then shared and written."""
    fields = client_fields(KEY, {})
    app = fields["refresh_token_fun"]
    assert isinstance(app, JWTApp)
    assert (app.app_id, app.domain_id, app.user_id) == ("APP", "bj1", None)
    assert app.private_key == Path("key.pem")
    assert fields["token_store"] is None
    more = {"PDS_USER_ID": "u1", "PDS_PRIVATE_KEY_PASSWORD": "p", "PDS_TOKEN_FILE": "t.json"}
    fields = client_fields(KEY | more, {})
    assert fields["refresh_token_fun"].user_id == "u1"
    assert fields["refresh_token_fun"].password == b"p"
    assert fields["token_store"] == FileTokenStore("t.json")


def test_token_file_is_refreshed_if_the_application_is_known() -> None:
    """Else it is only read: a refresh needs the application's id."""
    file = {"PDS_TOKEN_FILE": "t.json"}
    assert client_fields(WHERE | file, {}).keys() >= {"token_provider"}
    fields = client_fields(WHERE | file | {"PDS_APP_ID": "A", "PDS_CLIENT_SECRET": "hush"}, {})
    assert isinstance(fields["refresh_token_fun"], OAuthApp)
    assert fields["refresh_token_fun"].client_secret == "hush"
    assert fields["token_store"] == FileTokenStore("t.json")


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        (WHO, "set PDS_API_ENDPOINT or PDS_DOMAIN_ID"),
        (WHERE, "set PDS_ACCESS_TOKEN, PDS_TOKEN_FILE or PDS_PRIVATE_KEY_FILE"),
        (WHERE | WHO | {"PDS_TOKEN_FILE": "t"}, "PDS_TOKEN_FILE are both set"),
        (WHERE | WHO | KEY, "PDS_PRIVATE_KEY_FILE are both set"),
        (WHERE | {"PDS_PRIVATE_KEY_FILE": "k"}, "needs PDS_APP_ID"),
        (WHERE | {"PDS_PRIVATE_KEY_FILE": "k", "PDS_APP_ID": "A"}, "needs PDS_DOMAIN_ID"),
    ],
    ids=["nowhere", "nobody", "two tokens", "token and key", "no app", "no domain"],
)
def test_what_is_missing_or_too_much_is_named(environ: dict[str, str], said: str) -> None:
    """The message has the variable, and no value of any."""
    with pytest.raises(InvalidRequest, match=said) as caught:
        client_fields(environ, {})
    assert "secret-token" not in str(caught.value)


def test_credential_and_endpoint_are_replaced_as_a_whole() -> None:
    """No half of one's own is mixed with half of the environment's."""
    given: dict[str, Any] = {"token_info": None, "api_endpoint": "https://y.test", "timeout": 5}
    environ = WHERE | WHO | {"PDS_AUTH_ENDPOINT": "https://a.test", "PDS_TOKEN_FILE": "t"}
    assert client_fields(environ, given) == given


async def test_client_is_made_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables are read when the client is made; overrides win."""
    for name, value in (WHERE | WHO).items():
        monkeypatch.setenv(name, value)
    async with AsyncPDSClient.from_env(timeout=5) as client:
        assert client.token_info == TokenInfo(access_token="secret-token")
        assert "https://x.test" in repr(client)


async def test_empty_token_file_is_named(tmp_path: Path) -> None:
    """Whoever only reads it has to be told; an anonymous call would be a riddle."""
    store = FileTokenStore(tmp_path / "token.json")
    with pytest.raises(AuthError, match=r"token\.json: there is none"):
        await reader_of(store)()
    async with store.lock():
        await store.save(TokenInfo(access_token="a"))
    assert (await reader_of(store)()).access_token == "a"


@pytest.mark.parametrize(
    "name",
    [
        "token_info",
        "share_token",
        "refresh_token_fun",
        "refresh_share_token_fun",
        "token_provider",
        "token_store",
    ],
)
def test_any_part_of_a_credential_replaces_the_environments(name: str) -> None:
    """Half of one and half of the other would sign in somebody else."""
    given = object()
    fields = client_fields(WHERE | WHO, {name: given})
    assert set(fields) == {"api_endpoint", "auth_endpoint", name}
    assert fields[name] is given
