"""``pdsclient login``: a token file for the other commands, and for ``FileTokenStore``."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from pdsclient._env import endpoints
from pdsclient.auth import JWTApp, OAuthApp
from pdsclient.cli.terminal import read_line, run, say, write
from pdsclient.cli.token import described
from pdsclient.client import AsyncPDSClient
from pdsclient.errors import InvalidRequest
from pdsclient.token_store import FileTokenStore
from pdsclient.tokens import TokenInfo

__all__ = ["login"]

Environ: TypeAlias = Mapping[str, str]
SignIn: TypeAlias = Callable[[AsyncPDSClient, Environ], Awaitable[TokenInfo]]


def login(
    app_id: Annotated[
        str, typer.Option(metavar="ID", envvar="PDS_APP_ID", help="The application.")
    ],
    token_file: Annotated[
        Path,
        typer.Option(
            metavar="FILE", dir_okay=False, envvar="PDS_TOKEN_FILE", help="Where to keep the token."
        ),
    ],
    domain_id: Annotated[
        str | None, typer.Option(metavar="ID", envvar="PDS_DOMAIN_ID", help="The domain.")
    ] = None,
    endpoint: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="The domain's API; else $PDS_API_ENDPOINT, else the usual one of the domain.",
        ),
    ] = None,
    key_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            envvar="PDS_PRIVATE_KEY_FILE",
            help="The private key of a JWT application, mode 600. Without one you sign in on the "
            "login page.",
        ),
    ] = None,
    user_id: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            envvar="PDS_USER_ID",
            help="Whom the key signs in; else it is the service, a superadmin.",
        ),
    ] = None,
    redirect_uri: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Where the login page sends you, as it is registered."),
    ] = None,
) -> None:
    """Sign in and keep the token in a file.

    By a private key, or on the login page. The key's password is read from
    $PDS_PRIVATE_KEY_PASSWORD, the secret of an application that has one from
    $PDS_CLIENT_SECRET.
    """
    environ = {**os.environ, "PDS_DOMAIN_ID": domain_id or ""}
    if endpoint is not None:
        environ |= {"PDS_API_ENDPOINT": endpoint, "PDS_AUTH_ENDPOINT": ""}
    if key_file is None and redirect_uri is None:
        raise typer.BadParameter("give --key-file, or --redirect-uri for the login page")
    sign_in = _by_key(app_id, key_file, user_id) if key_file else _on_page(app_id, redirect_uri)
    run(_login(environ, sign_in, FileTokenStore(token_file)))


async def _login(environ: Environ, sign_in: SignIn, store: FileTokenStore) -> None:
    # A file that holds something else, such as the key itself, is not to be replaced.
    await store.load()
    async with AsyncPDSClient(**endpoints(environ)) as client:
        info = await sign_in(client, environ)
    async with store.lock():
        await store.save(info)
    # Standard output is for what another program takes up.
    sys.stderr.write(described(store, info))


def _by_key(app_id: str, key_file: Path, user_id: str | None) -> SignIn:
    async def sign_in(client: AsyncPDSClient, environ: Environ) -> TokenInfo:
        if not environ["PDS_DOMAIN_ID"]:
            raise InvalidRequest("a private key needs --domain-id")
        app = JWTApp(
            app_id,
            domain_id=environ["PDS_DOMAIN_ID"],
            private_key=key_file,
            password=environ.get("PDS_PRIVATE_KEY_PASSWORD") or None,
            user_id=user_id,
        )
        return await app.sign_in(client)

    return sign_in


def _on_page(app_id: str, redirect_uri: str | None) -> SignIn:
    async def sign_in(client: AsyncPDSClient, environ: Environ) -> TokenInfo:
        secret = environ.get("PDS_CLIENT_SECRET") or None
        app = OAuthApp(app_id, redirect_uri=redirect_uri, client_secret=secret)
        where = endpoints(environ)
        url, state = app.authorize_url(where["auth_endpoint"] or where["api_endpoint"] or "")
        say("open this page and sign in; then paste the URL that it sends you to:")
        write(f"{url}\n")
        answer = read_line()
        if not answer:
            raise InvalidRequest("neither a URL nor a code was given; begin again")
        # A bare code says nothing of its state; whoever copies it has seen the page. It may end
        # with the padding of base64.
        is_url = "=" in answer.rstrip("=")
        code = app.code_of(answer, state=state) if is_url else answer
        return await app.exchange(client, code)

    return sign_in
