"""``pdsclient download``: its options; ``downloading`` does the work."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from pdsclient.cli.place import Directory, Drive, Endpoint, TokenFile, opening
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

__all__ = ["download"]

Files: TypeAlias = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE",
        help="Files and folders of the drive: paths such as /reports/2025.pdf, or id:FILE_ID; "
        "/ is the whole drive.",
    ),
]
To: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="DIR",
        help="Where to, made if it is missing; - writes one file to standard output.",
    ),
]
Archive: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="NAME.zip", help="One archive of all of it, made by the service."),
]

_STANDARD_OUTPUT = "-"


def download(
    files: Files,
    *,
    to: To = ".",
    archive: Archive = None,
    directory: Directory = None,
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
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Download files and folders.

    After Ctrl-C or a crash the same command with --resume goes on, in the
    middle of a file, too. A file gets its name when it is complete.
    """
    # Imported here, so that the other commands start without it.
    from pdsclient.cli.downloading import download_all, download_archive, write_out

    where = opening(directory, endpoint, token_file, drive)
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
    if to == _STANDARD_OUTPUT:
        if len(files) > 1 or archive or dry_run or as_json:
            raise typer.BadParameter("--to - writes one file, and nothing else")
        run(write_out(where, files[0], bandwidth))
    elif archive is not None:
        if dry_run or existing not in (None, "refuse", "overwrite", "auto_rename"):
            raise typer.BadParameter(
                "--archive goes with --existing refuse, overwrite, auto_rename"
            )
        run(download_archive(where, files, Path(to, archive), how))
    else:
        run(download_all(where, files, Path(to), how))
