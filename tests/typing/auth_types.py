"""What type checkers know about logins; checked by mypy and basedpyright, never run."""

from __future__ import annotations

from pathlib import Path
from typing import assert_type

from pdsclient import AsyncPDSClient, FileTokenStore, TokenInfo
from pdsclient.auth import AccountToken, JWTApp, Login, OAuthApp, Post


class Own(Login):
    """A login of one's own, with the signature of the base class."""

    async def token(self, post: Post, token_info: TokenInfo | None = None) -> TokenInfo:
        """What some other path of the service gives."""
        return TokenInfo.parse(await post("/account/token", {"a": "b"}))


async def keys() -> None:
    """An application stands where a refresh function does, also in a view."""
    app = JWTApp("APP", domain_id="bj1", private_key=Path("key.pem"), password="secret")
    client = AsyncPDSClient(
        api_endpoint="https://x.test", refresh_token_fun=app, token_store=FileTokenStore("t.json")
    )
    view = client.with_credentials(refresh_token_fun=app.for_user("u1"))
    assert_type(await app.sign_in(view), TokenInfo)
    for login in (AccountToken("APP"), Own()):
        AsyncPDSClient(api_endpoint="https://x.test", refresh_token_fun=login)


async def people(client: AsyncPDSClient) -> None:
    """The URL and its state are two texts."""
    app = OAuthApp("APP", redirect_uri="https://me.test/back")
    url, state = app.authorize_url("https://x.test")
    assert_type(url, str)
    assert_type(await app.exchange(client, app.code_of(url, state=state)), TokenInfo)


def environment() -> None:
    """A client from the environment takes the fields of any other."""
    assert_type(AsyncPDSClient.from_env(timeout=5.0), AsyncPDSClient)
    AsyncPDSClient.from_env(timeuot=5.0)  # type: ignore[call-arg]
