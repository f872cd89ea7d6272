"""Where to search: the options that all searching commands share, and the client they lead to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Annotated, TypeAlias

import typer
from attrs import frozen

from pdsclient.client import AsyncPDSClient
from pdsclient.errors import AuthError, InvalidRequest
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
    "opening",
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
        help="Search this directory, served by a local emulator.",
    ),
]
Endpoint: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="URL", help="Search a domain; needs --token-file."),
]
TokenFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="JSON with access_token, mode 600, as FileTokenStore keeps it. It is "
        "read, never refreshed.",
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
    if directory is not None and endpoint is None and token_file is None and drive is None:
        return _directory(directory)
    if directory is None and endpoint is not None and token_file is not None:
        return _domain(endpoint, FileTokenStore(token_file), drive)
    raise typer.BadParameter(
        "say where to search: --dir PATH, or --endpoint URL with --token-file FILE (and --drive)"
    )


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
async def _domain(endpoint: str, store: FileTokenStore, drive: str | None) -> AsyncIterator[Place]:
    # A refresh needs what only the application has (its client id or its key). So the file is
    # asked again when the token in it is refused: whoever owns it may have refreshed it.
    async with AsyncPDSClient(api_endpoint=endpoint, token_provider=store.load) as client:
        if await store.load() is None:
            raise AuthError(f"token file {store.path}: there is none, or it is empty")
        yield Place(client, drive or await _default_drive(client))


async def _default_drive(client: AsyncPDSClient) -> str:
    found = (await client.drive.get_default_drive()).drive_id
    if found is None:
        raise InvalidRequest("the user has no default drive: give --drive ID")
    return found
