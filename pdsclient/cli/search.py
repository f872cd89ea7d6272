"""``pdsclient search``: the real client, against a domain or against a directory."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Annotated

import typer
from attrs import define, frozen

from pdsclient.cli.output import Format, layout
from pdsclient.cli.terminal import is_interactive, run, say, write
from pdsclient.client import AsyncPDSClient
from pdsclient.errors import AuthError, InvalidRequest, PDSError
from pdsclient.models import FilePage
from pdsclient.options import RequestOptions
from pdsclient.paging import Pager
from pdsclient.query import as_order_by, as_query
from pdsclient.token_store import FileTokenStore

__all__ = ["search"]

EVERYTHING = 'type in ["file", "folder"]'
_MOST_IN_PAGE = 100


def search(
    query: Annotated[
        str,
        typer.Argument(
            metavar="QUERY", help="What to find, such as 'size > 1024'; '' finds everything."
        ),
    ],
    directory: Annotated[
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
    ] = None,
    endpoint: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Search a domain; needs --token-file."),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="JSON with access_token, mode 600, as FileTokenStore keeps it. It is "
            "read, never refreshed.",
        ),
    ] = None,
    drive: Annotated[
        str | None,
        typer.Option(metavar="ID", help="The drive in the domain; else the default drive."),
    ] = None,
    order_by: Annotated[
        str | None,
        typer.Option(
            metavar="ORDER", help="Such as 'size DESC,name'; else 'created_at DESC,name ASC'."
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="At most this many hits; else all.")
    ] = None,
    form: Annotated[
        Format | None,
        typer.Option(
            "--format", help="Default: table on a terminal, JSON lines in a pipe or file."
        ),
    ] = None,
    total: Annotated[
        bool, typer.Option("--total", help="Also tell how many hits there are in all.")
    ] = False,
) -> None:
    """Search files by a query of the PDS search language.

    Give either --dir, or --endpoint with --token-file.
    """
    place = _place(directory, endpoint, token_file, drive)
    run(_search(place, _Wanted(query, order_by, limit, total), form))


@frozen
class _Wanted:
    query: str
    order_by: str | None
    limit: int | None
    total: bool


@frozen
class _Place:
    """A client and the drive to search with it."""

    client: AsyncPDSClient
    drive_id: str
    not_served: str = ""


_Opening = AbstractAsyncContextManager[_Place]


def _place(
    directory: Path | None, endpoint: str | None, token_file: Path | None, drive: str | None
) -> _Opening:
    if directory is not None and endpoint is None and token_file is None and drive is None:
        return _directory(directory)
    if directory is None and endpoint is not None and token_file is not None:
        return _domain(endpoint, FileTokenStore(token_file), drive)
    raise typer.BadParameter(
        "say where to search: --dir PATH, or --endpoint URL with --token-file FILE (and --drive)"
    )


@asynccontextmanager
async def _directory(path: Path) -> AsyncIterator[_Place]:
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
        yield _Place(client, emulator.drive_id, reasons)


@asynccontextmanager
async def _domain(endpoint: str, store: FileTokenStore, drive: str | None) -> AsyncIterator[_Place]:
    # A refresh needs what only the application has (its client id or its key). So the file is
    # asked again when the token in it is refused: whoever owns it may have refreshed it.
    async with AsyncPDSClient(api_endpoint=endpoint, token_provider=store.load) as client:
        if await store.load() is None:
            raise AuthError(f"token file {store.path}: there is none, or it is empty")
        yield _Place(client, drive or await _default_drive(client))


async def _default_drive(client: AsyncPDSClient) -> str:
    found = (await client.drive.get_default_drive()).drive_id
    if found is None:
        raise InvalidRequest("the user has no default drive: give --drive ID")
    return found


async def _search(opening: _Opening, wanted: _Wanted, form: Format | None) -> None:
    # Checked before anything is started, so that a typing error costs no time.
    query = as_query(wanted.query or EVERYTHING)
    order_by = wanted.order_by and as_order_by(wanted.order_by)
    async with opening as place:
        place.client.on("retry", _tell_retry)
        pager = place.client.file.search(
            drive_id=place.drive_id,
            query=query,
            order_by=order_by,
            limit=min(wanted.limit or _MOST_IN_PAGE, _MOST_IN_PAGE),
            return_total_count=wanted.total or None,
            fields="name_path",
        )
        told = await _write_hits(pager, wanted, form)
        _summarise(told, wanted, place)


@define
class _Told:
    """What has been written so far."""

    started: float
    hits: int = 0
    pages: int = 0
    total: int | None = None


async def _write_hits(pager: Pager[FilePage], wanted: _Wanted, form: Format | None) -> _Told:
    told = _Told(time.monotonic())
    output = layout(form)
    write(output.head())
    async for page in pager.pages():
        rest = None if wanted.limit is None else wanted.limit - told.hits
        files = page.items[:rest]
        write(output.page(files))
        told.hits += len(files)
        told.pages += 1
        told.total = page.total_count if told.total is None else told.total
        if told.hits == wanted.limit:
            break
    return told


def _tell_retry(error: PDSError, _: RequestOptions, delay_s: float) -> None:
    if is_interactive():
        say(f"{error}; trying again in {delay_s:.1f} s")


def _summarise(told: _Told, wanted: _Wanted, place: _Place) -> None:
    if not is_interactive() and not wanted.total:
        return
    hits = _count(told.hits, "hit")
    if told.total is not None:
        hits = f"{told.hits:,} of {_count(told.total, 'hit')}"
    took_s = time.monotonic() - told.started
    say(f"{hits}, {_count(told.pages, 'page')}, {took_s:.1f} s")
    if place.not_served:
        say(f"not served: {place.not_served}")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
