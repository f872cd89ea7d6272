"""``pdsclient export``: its options; ``exporting`` does the work."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from pdsclient._shown import shown
from pdsclient.cli.place import (
    EVERYTHING,
    Directory,
    Drive,
    Endpoint,
    OrderText,
    TokenFile,
    opening,
)
from pdsclient.cli.terminal import run, say
from pdsclient.errors import InvalidRequest
from pdsclient.query import as_order_by

__all__ = ["export"]


class Key(StrEnum):
    """What ``--partition`` takes."""

    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"
    IMAGE_TIME = "image_time"
    SIZE = "size"


Searched: TypeAlias = Annotated[
    str | None,
    typer.Argument(
        metavar="QUERY", help="What to find, such as 'size > 1024'; '' finds everything."
    ),
]
Out: TypeAlias = Annotated[
    Path,
    typer.Option(
        metavar="FILE",
        dir_okay=False,
        help="Where to: .jsonl, .csv or .parquet; the first two also with .gz or .zst.",
    ),
]
Queries: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Instead of QUERY: a query, or a JSON object of SearchJob's fields, on each line; "
        "- reads standard input.",
    ),
]
Concurrency: TypeAlias = Annotated[
    int, typer.Option(metavar="N", min=1, max=1024, help="Requests under way at once.")
]
Partition: TypeAlias = Annotated[
    Key | None,
    typer.Option(
        metavar="KEY",
        help="Read parts of each search at once, cut along created_at, updated_at, image_time "
        "or size.",
    ),
]
Ordered: TypeAlias = Annotated[
    bool, typer.Option("--ordered", help="Write hits in the order of the search.")
]
MaxHits: TypeAlias = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="At most this many hits; else all.")
]
JobColumn: TypeAlias = Annotated[
    str | None, typer.Option(metavar="NAME", help="Add a column with the key of the query.")
]
FormulaSafe: TypeAlias = Annotated[
    bool, typer.Option("--formula-safe", help="CSV that a spreadsheet takes for text alone.")
]
Checkpoint: TypeAlias = Annotated[
    Path | None, typer.Option(metavar="FILE", dir_okay=False, help="Remember here how far it is.")
]
Resume: TypeAlias = Annotated[
    bool, typer.Option("--resume", help="Go on from the checkpoint, if there is one.")
]
Force: TypeAlias = Annotated[bool, typer.Option("--force", help="Replace the output if it exists.")]
Quiet: TypeAlias = Annotated[
    bool, typer.Option("--quiet", "-q", help="Neither progress nor summary.")
]


def export(
    query: Searched = None,
    *,
    out: Out,
    queries: Queries = None,
    directory: Directory = None,
    endpoint: Endpoint = None,
    token_file: TokenFile = None,
    drive: Drive = None,
    order_by: OrderText = None,
    concurrency: Concurrency = 16,
    partition: Partition = None,
    ordered: Ordered = False,
    max_hits: MaxHits = None,
    job_column: JobColumn = None,
    formula_safe: FormulaSafe = False,
    checkpoint: Checkpoint = None,
    resume: Resume = False,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Write all hits of a search, or of many, to a file.

    Give either --dir, or --endpoint with --token-file. The file appears when
    it is complete. After Ctrl-C or a crash the same command with --resume
    goes on, if it had a --checkpoint.
    """
    # Imported here, so that the other commands start without it.
    from pdsclient.cli.exporting import Wanted, export_hits

    where = opening(directory, endpoint, token_file, drive)
    _check_files(out, checkpoint, resume=resume, force=force)
    try:
        wanted = Wanted(
            jobs=_jobs(query, queries),
            out=out,
            columns=_columns(out, job_column, formula_safe=formula_safe),
            how={
                "order_by": order_by and as_order_by(order_by),
                "concurrency": concurrency,
                "partition": None if partition is None else partition.value,
                "ordered": ordered,
                "max_hits": max_hits,
                # One search that fails is a failed command; of many, the others go on.
                "on_error": "raise" if queries is None else "collect",
            },
            checkpoint=checkpoint,
            is_quiet=quiet,
        )
    except InvalidRequest as error:
        raise typer.BadParameter(str(error)) from None
    run(export_hits(where, wanted))


def _check_files(out: Path, checkpoint: Path | None, *, resume: bool, force: bool) -> None:
    """Nothing that an earlier run left is overwritten unless that was asked for."""
    if resume and checkpoint is None:
        raise typer.BadParameter("--resume needs --checkpoint FILE, the one of the earlier run")
    if checkpoint is not None and checkpoint.resolve() == out.resolve():
        raise typer.BadParameter("--checkpoint and --out are the same file")
    if checkpoint is not None and checkpoint.exists():
        if resume:
            return
        raise typer.BadParameter(
            f"checkpoint {shown(str(checkpoint))} exists: --resume goes on from there; "
            "to begin anew, remove it"
        )
    if out.exists() and not force:
        # Also what is found by a script that was stopped after the end, but before it heard of it.
        complete = " and there is no checkpoint, so it may be complete" if resume else ""
        raise typer.BadParameter(f"{shown(str(out))} exists{complete}: --force replaces it")
    if resume:
        say(f"there is no checkpoint {checkpoint} yet; beginning anew")


def _jobs(query: str | None, queries: str | None) -> Any:
    from pdsclient.cli.exporting import checked_job, read_jobs

    if (query is None) == (queries is None):
        raise typer.BadParameter("give either QUERY or --queries FILE")
    if queries is not None:
        return read_jobs(queries)
    return checked_job({"query": query or EVERYTHING})


def _columns(out: Path, job_column: str | None, *, formula_safe: bool) -> dict[str, Any]:
    columns: dict[str, Any] = {"formula_safe": True} if formula_safe else {}
    if formula_safe and ".csv" not in out.suffixes:
        raise typer.BadParameter("--formula-safe is for .csv; other formats hold no formulas")
    if job_column is not None:
        columns["job_column"] = job_column
    return columns
