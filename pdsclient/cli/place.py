"""Where to work: the options that commands share, and the client that they lead to.

An option stands before the environment: ``--endpoint`` replaces all its endpoints, ``--token-file``
all its credentials.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Annotated, TypeAlias

import typer
from attrs import frozen

from pdsclient._env import has_credential, has_endpoint, reader_of
from pdsclient.client import AsyncPDSClient
from pdsclient.config import ClientFields
from pdsclient.errors import InvalidRequest
from pdsclient.token_store import FileTokenStore

__all__ = [
    "EVERYTHING",
    "Directory",
    "Drive",
    "Endpoint",
    "Opening",
    "OrderText",
    "Place",
    "TokenFile",
    "connect",
    "opening",
    "opening_domain",
]

Directory: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--dir",
        metavar="PATH",
        exists=True,
        file_okay=False,
        readable=True,
        resolve_path=True,
        help="This directory is the drive, served by a local emulator.",
    ),
]
Endpoint: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="URL", help="The domain's API; else $PDS_API_ENDPOINT."),
]
TokenFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="JSON with access_token, mode 600, as pdsclient login writes it; it is read, "
        "never refreshed. Else $PDS_TOKEN_FILE, $PDS_ACCESS_TOKEN or $PDS_PRIVATE_KEY_FILE.",
    ),
]
Drive: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="ID", help="The drive in the domain; else the default drive."),
]
OrderText: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="ORDER", help="Such as 'size DESC,name'; else 'created_at DESC,name ASC'."
    ),
]

EVERYTHING = 'type in ["file", "folder"]'
"""What the empty query stands for: the language has no condition that holds for all."""


@frozen
class Place:
    """A client and the drive to search with it."""

    client: AsyncPDSClient
    drive_id: str
    not_served: str = ""


Opening: TypeAlias = AbstractAsyncContextManager[Place]


def opening(
    directory: Path | None, endpoint: str | None, token_file: Path | None, drive: str | None
) -> Opening:
    """The place that the options name, not yet opened."""
    if directory is None:
        return opening_domain(endpoint, token_file, drive, instead="--dir PATH, or ")
    if (endpoint, token_file, drive) == (None, None, None):
        return _directory(directory)
    raise _nowhere("--dir PATH, or ")


def opening_domain(
    endpoint: str | None, token_file: Path | None, drive: str | None, *, instead: str = ""
) -> Opening:
    """The drive that the options or the environment name, not yet opened."""
    if (endpoint is not None or has_endpoint(os.environ)) and (
        token_file is not None or has_credential(os.environ)
    ):
        return _domain(endpoint, token_file, drive)
    raise _nowhere(instead)


def _nowhere(instead: str) -> typer.BadParameter:
    return typer.BadParameter(
        f"say where: {instead}--endpoint URL with --token-file FILE (and --drive), "
        "or set PDS_API_ENDPOINT and PDS_TOKEN_FILE"
    )


def connect(endpoint: str | None, token_file: Path | None) -> AsyncPDSClient:
    """A client of the domain that the options and the environment name.

    Raises:
        InvalidRequest: neither of them says where, or who.
    """
    fields: ClientFields = {}
    if endpoint is not None:
        fields["api_endpoint"] = endpoint
    if token_file is not None:
        # A refresh needs what only the application has, its client id or its key. So the file is
        # asked again when the token in it is refused: whoever owns it may have refreshed it.
        fields["token_provider"] = reader_of(FileTokenStore(token_file))
    return AsyncPDSClient.from_env(**fields)


@asynccontextmanager
async def _directory(path: Path) -> AsyncIterator[Place]:
    # Imported here, for a search of a domain needs no HTTP server and no SQLite.
    from pdsclient.emulator import Emulator

    async with (
        Emulator(path) as emulator,
        AsyncPDSClient(
            api_endpoint=emulator.api_endpoint, token_info=emulator.token_info
        ) as client,
    ):
        skipped = emulator.tree.skipped if emulator.tree else {}
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in skipped.items() if count)
        yield Place(client, emulator.drive_id, reasons)


@asynccontextmanager
async def _domain(
    endpoint: str | None, token_file: Path | None, drive: str | None
) -> AsyncIterator[Place]:
    async with connect(endpoint, token_file) as client:
        yield Place(client, drive or await _default_drive(client))


async def _default_drive(client: AsyncPDSClient) -> str:
    found = (await client.drive.get_default_drive()).drive_id
    if found is None:
        raise InvalidRequest("the user has no default drive: give --drive ID")
    return found
