"""What ``pdsclient export`` does: jobs in, a file out, and a word on how it goes."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import frozen
from msgspec.structs import replace

from pdsclient._bars import Show
from pdsclient._shown import counted
from pdsclient.bulk import BulkSearch, JobFailure, Progress, SearchJob, rich_progress
from pdsclient.cli.place import Opening, Place
from pdsclient.cli.terminal import command_to_go_on, is_interactive, say, stop_on_terminate
from pdsclient.errors import InvalidRequest, PDSError
from pdsclient.export import sink_for

__all__ = ["Wanted", "checked_job", "export_hits", "read_jobs"]

# Seconds between the lines that tell that an export is alive.
_LINE_S = 5.0
_MOST_FAILURES = 10
_FIELDS = SearchJob.__struct_fields__


@frozen(kw_only=True)
class Wanted:
    """What to export.

    Args:
        jobs: the one search, or many.
        out: the file.
        columns: options of its sink.
        how: arguments of ``bulk_search``.
        checkpoint: where to keep the place.
        is_quiet: tell neither progress nor summary.
    """

    jobs: SearchJob | list[SearchJob]
    out: Path
    columns: dict[str, Any]
    how: dict[str, Any]
    checkpoint: Path | None
    is_quiet: bool


# ---- jobs


def read_jobs(name: str) -> list[SearchJob]:
    """The jobs in a file, named by their line unless they have a key; ``-`` is standard input.

    All are read and checked before the first is sent, so that a typing error in the last one
    costs nothing.

    Raises:
        InvalidRequest: naming the line.
    """
    lines = enumerate(map(str.strip, _lines(name)), 1)
    return [_job(line, f"{name}, line {number}", str(number)) for number, line in lines if line]


def _lines(name: str) -> list[str]:
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        # Not splitlines(): a query may hold other separators that this takes for line ends.
        return data.decode("utf-8-sig").split("\n")
    except OSError as error:
        raise InvalidRequest(f"--queries {name}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"--queries {name}: not UTF-8, at byte {error.start:,}") from None


def _job(line: str, place: str, key: str) -> SearchJob:
    try:
        given = json.loads(line) if line.startswith("{") else {"query": line}
        return checked_job({"key": key, **given})
    except ValueError as error:  # InvalidRequest is one as well
        raise InvalidRequest(f"{place}: {error}") from None


def checked_job(given: Mapping[str, Any]) -> SearchJob:
    """A job made of its fields.

    Raises:
        InvalidRequest: the service would not take it.
    """
    unknown = sorted(given.keys() - set(_FIELDS))
    if unknown or "query" not in given:
        wrong = f"has no field {unknown[0]!r}" if unknown else "needs a query"
        raise InvalidRequest(f"a job {wrong}; its fields are {', '.join(_FIELDS)}")
    job = SearchJob(**given)
    # Its drive may yet have to be found out.
    has_drive = job.drive_id is not None or job.drive_id_list is not None
    (job if has_drive else replace(job, drive_id="0")).request().to_wire()
    return job


# ---- the export


async def export_hits(where: Opening, wanted: Wanted) -> None:
    """Write all hits to the file.

    Raises:
        PDSError: it failed, or some of the searches did.
    """
    stop_on_terminate()
    # Checked before anything is started, as all else is.
    sink = sink_for(wanted.out, **wanted.columns)
    with _telling_how_to_go_on(wanted.checkpoint):
        async with where as place, _search(place, wanted) as results:
            await results.write_to(sink)
        if not wanted.is_quiet:
            _summarise(results.stats, wanted, place)
        _tell_failures(results.failures)


def _search(place: Place, wanted: Wanted) -> BulkSearch:
    return place.client.bulk_search(
        wanted.jobs,
        drive_id=place.drive_id,
        fields="name_path",
        checkpoint=wanted.checkpoint,
        progress=None if wanted.is_quiet else _show(),
        **wanted.how,
    )


@contextmanager
def _telling_how_to_go_on(checkpoint: Path | None) -> Iterator[None]:
    """Whatever ends the export: the checkpoint that it leaves is of use only to who knows how."""
    try:
        yield
    except InvalidRequest:
        raise
    except (asyncio.CancelledError, OSError, PDSError) as error:
        if checkpoint is not None and checkpoint.exists():
            say(f"to go on: {command_to_go_on()}")
        elif isinstance(error, asyncio.CancelledError):
            say("nothing is kept; an export with --checkpoint could go on")
        raise


def _tell_failures(failures: Sequence[JobFailure]) -> None:
    for failure in failures[:_MOST_FAILURES]:
        say(str(failure))
    if failures:
        raise PDSError(f"{len(failures):,} failed; the hits of all other queries are there")


# ---- what is told meanwhile, and at the end


def _show() -> Show[Progress]:
    if is_interactive():
        from rich.console import Console

        return rich_progress(console=Console(stderr=True), transient=True)
    return Show(_Lines, every_s=_LINE_S)


class _Lines:
    """A line now and then, where nobody watches a bar."""

    def show(self, progress: Progress) -> None:
        """Say how far it is; the end is told by the summary."""
        if progress.elapsed_s >= _LINE_S and not progress.finished:
            say(str(progress))

    def close(self) -> None:
        """Nothing is open."""


def _summarise(stats: Progress, wanted: Wanted, place: Place) -> None:
    say(f"{wanted.out}: {stats}")
    requests = counted(stats.requests, "request")
    retries = counted(stats.retries, "retry", "retries")
    say(f"{requests}, {retries}, waited {stats.waited_s:,.1f} s")
    if place.not_served:
        say(f"not served: {place.not_served}")
