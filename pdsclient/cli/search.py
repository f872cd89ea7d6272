"""``pdsclient search``: the real client, against a domain or against a directory."""

from __future__ import annotations

import time
from typing import Annotated

import typer
from attrs import define, frozen

from pdsclient._shown import counted
from pdsclient.cli.output import Format, layout
from pdsclient.cli.place import (
    EVERYTHING,
    Directory,
    Drive,
    Endpoint,
    Opening,
    OrderText,
    Place,
    TokenFile,
    opening,
)
from pdsclient.cli.terminal import is_interactive, run, say, write
from pdsclient.errors import PDSError
from pdsclient.models import FilePage
from pdsclient.options import RequestOptions
from pdsclient.paging import Pager
from pdsclient.query import as_order_by, as_query

__all__ = ["search"]

_MOST_IN_PAGE = 100


def search(
    query: Annotated[
        str,
        typer.Argument(
            metavar="QUERY", help="What to find, such as 'size > 1024'; '' finds everything."
        ),
    ],
    directory: Directory = None,
    endpoint: Endpoint = None,
    token_file: TokenFile = None,
    drive: Drive = None,
    order_by: OrderText = None,
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
    where = opening(directory, endpoint, token_file, drive)
    run(_search(where, _Wanted(query, order_by, limit, total), form))


@frozen
class _Wanted:
    query: str
    order_by: str | None
    limit: int | None
    total: bool


async def _search(where: Opening, wanted: _Wanted, form: Format | None) -> None:
    # Checked before anything is started, so that a typing error costs no time.
    query = as_query(wanted.query or EVERYTHING)
    order_by = wanted.order_by and as_order_by(wanted.order_by)
    async with where as place:
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


def _summarise(told: _Told, wanted: _Wanted, place: Place) -> None:
    if not is_interactive() and not wanted.total:
        return
    hits = counted(told.hits, "hit")
    if told.total is not None:
        hits = f"{told.hits:,} of {counted(told.total, 'hit')}"
    took_s = time.monotonic() - told.started
    say(f"{hits}, {counted(told.pages, 'page')}, {took_s:.1f} s")
    if place.not_served:
        say(f"not served: {place.not_served}")
