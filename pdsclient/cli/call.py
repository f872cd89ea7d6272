"""``pdsclient call``: any operation of the service, with JSON in and JSON out."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import typer
from attrs import frozen

from pdsclient._call import Response
from pdsclient._operations_table import KNOWN
from pdsclient._secrets import is_secret_key
from pdsclient.cli.output import json_text
from pdsclient.cli.place import Endpoint, TokenFile, connect
from pdsclient.cli.terminal import read_all, run, write
from pdsclient.client import AsyncPDSClient
from pdsclient.errors import InvalidRequest, ReplyError

__all__ = ["call"]

# Whoever has such a URL can fetch what it stands for: a signature is in its query.
_URL_WITH_QUERY = re.compile(r"https?://[^?\s]*\?.", re.IGNORECASE)
# The operations that are asked for at the auth endpoint.
_AUTH = ("/account/", "/oauth/")


def call(
    path: Annotated[str, typer.Argument(metavar="PATH", help="Such as /file/get.")],
    body: Annotated[
        str,
        typer.Argument(
            metavar="BODY",
            help="A JSON object; @FILE reads a file, - standard input; else it is empty.",
        ),
    ] = "{}",
    endpoint: Endpoint = None,
    token_file: TokenFile = None,
    raw: Annotated[
        bool,
        typer.Option("--raw", help="Write the reply as it came; needs --include-urls."),
    ] = False,
    include_urls: Annotated[
        bool,
        typer.Option(
            "--include-urls", help="Also write URLs with a query, which may be signed, and tokens."
        ),
    ] = False,
) -> None:
    """Call an operation of the service and write its reply.

    The reply is JSON: indented on a terminal, else on one line.
    """
    if raw and not include_urls:
        raise typer.BadParameter("--raw leaves nothing out: say --include-urls as well")
    what = _Wanted(f"/{path.lstrip('/')}", body, raw, include_urls)
    run(_call(what, endpoint, token_file))


@frozen
class _Wanted:
    path: str
    body: str
    raw: bool
    include_urls: bool


async def _call(wanted: _Wanted, endpoint: str | None, token_file: Path | None) -> None:
    data = _parsed(_text_of(wanted.body))
    async with connect(endpoint, token_file) as client:
        with _unknown_is_said(wanted.path):
            found, response = await _reply(client, wanted.path, data)
    if wanted.raw:
        write(response.body.decode("utf-8", "backslashreplace"))
    elif found is not None:
        shown = found if wanted.include_urls else _harmless(found)
        write(f"{json_text(shown, pretty=sys.stdout.isatty())}\n")


async def _reply(
    client: AsyncPDSClient, path: str, data: Mapping[str, Any]
) -> tuple[Any, Response]:
    engine, config = client._engine, client._engine.shared.config
    endpoint = config.auth_endpoint if path.startswith(_AUTH) else config.api_endpoint
    return await engine.run_for_response(engine.prepare(endpoint, path, data, None, None))


def _text_of(body: str) -> str:
    if body == "-":
        return read_all()
    if not body.startswith("@"):
        return body
    try:
        return Path(body[1:]).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InvalidRequest(f"{body[1:]} is no UTF-8 text") from None


def _parsed(text: str) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InvalidRequest(f"BODY is not JSON: {error.msg} in {where}") from None
    except RecursionError:
        raise InvalidRequest("BODY is nested too deeply") from None
    if not isinstance(data, dict):
        raise InvalidRequest('BODY must be a JSON object such as {"drive_id": "1"}')
    return data


@contextmanager
def _unknown_is_said(path: str) -> Iterator[None]:
    """What the service refuses may be a slip of the pen; what it takes need not be known here."""
    try:
        yield
    except ReplyError as error:
        if path not in KNOWN:
            near = get_close_matches(path, KNOWN, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            error.message += f" - {path} is not a known operation{hint}"
        raise


def _harmless(value: Any) -> Any:
    """The value without what would let its reader in: credentials, and URLs that may be signed."""
    if isinstance(value, dict):
        return {
            name: _harmless(item)
            for name, item in value.items()
            if not (_opens(item) or (item and is_secret_key(name)))
        }
    if isinstance(value, list):
        return [_harmless(item) for item in value if not _opens(item)]
    return value


def _opens(item: Any) -> bool:
    return isinstance(item, str) and _URL_WITH_QUERY.search(item) is not None
