"""``pdsclient upload``: its options; ``uploading`` does the work."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

from pdsclient.cli.place import Drive, Endpoint, TokenFile, opening_domain
from pdsclient.cli.terminal import run
from pdsclient.cli.transfer_options import (
    AsJson,
    Bandwidth,
    Concurrency,
    DryRun,
    Exclude,
    How,
    Include,
    OnExisting,
    Quiet,
    Resume,
)
from pdsclient.errors import InvalidRequest

__all__ = ["upload"]

Sources: TypeAlias = Annotated[
    list[str],
    typer.Argument(
        metavar="PATH",
        help="Files; directories, which become folders of their names; - is standard input.",
    ),
]
To: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="FOLDER",
        help="Where to: a path such as reports/2025, made if it is missing, or id:FILE_ID; "
        "else the top of the drive.",
    ),
]
Name: TypeAlias = Annotated[
    str | None, typer.Option(metavar="NAME", help="What the only source is to be called.")
]
NoRapid: TypeAlias = Annotated[
    bool,
    typer.Option("--no-rapid", help="Send no hashes first, by which the domain may know it."),
]
Serial: TypeAlias = Annotated[
    bool, typer.Option("--serial", help="Send the parts of a file one after another.")
]


def upload(
    sources: Sources,
    *,
    to: To = None,
    name: Name = None,
    endpoint: Endpoint = None,
    token_file: TokenFile = None,
    drive: Drive = None,
    existing: OnExisting = None,
    include: Include = None,
    exclude: Exclude = None,
    resume: Resume = False,
    dry_run: DryRun = False,
    bandwidth: Bandwidth = None,
    concurrency: Concurrency = 16,
    no_rapid: NoRapid = False,
    serial: Serial = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Upload files and directories.

    After Ctrl-C or a crash the same command with --resume goes on, in the
    middle of a file, too.
    """
    # Imported here, so that the other commands start without it.
    from pdsclient.cli.uploading import Sending, find_local, upload_all

    where = opening_domain(endpoint, token_file, drive)
    try:
        found = find_local(sources, name)
    except InvalidRequest as error:
        raise typer.BadParameter(str(error)) from None
    how = How(
        existing=existing,
        include=tuple(include or ()),
        exclude=tuple(exclude or ()),
        dry_run=dry_run,
        bandwidth=bandwidth,
        concurrency=concurrency,
        resume=resume,
        as_json=as_json,
        quiet=quiet,
    )
    run(upload_all(where, found, how, Sending(to=to, is_rapid=not no_rapid, is_serial=serial)))
