"""``pdsclient emulator``: a PDS domain on this machine until Ctrl-C."""

from __future__ import annotations

import asyncio
import shlex
import signal
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Annotated

import typer

from pdsclient.cli.terminal import run, shown, write
from pdsclient.emulator import Emulator
from pdsclient.token_store import FileTokenStore

__all__ = ["emulator"]

# As long as the service's refresh tokens live: nothing refreshes the token in the file.
_TOKEN_LIFE_S = 7 * 24 * 3600


def emulator(
    directory: Annotated[
        Path | None,
        typer.Option(
            "--dir",
            metavar="PATH",
            exists=True,
            file_okay=False,
            readable=True,
            resolve_path=True,
            help="Serve this directory as the drive; it is never written. Else an empty drive.",
        ),
    ] = None,
    host: Annotated[str, typer.Option(metavar="HOST", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(metavar="N", min=0, max=65535, help="0 takes a free one.")
    ] = 0,
    latency: Annotated[
        float, typer.Option(metavar="MS", min=0, help="Milliseconds before each reply.")
    ] = 0,
    rate_limit: Annotated[
        float | None,
        typer.Option(metavar="N", min=0.001, help="Requests per second; more are answered 429."),
    ] = None,
    database: Annotated[
        Path | None,
        typer.Option(metavar="FILE", dir_okay=False, help="Keep files in SQLite; else in memory."),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            dir_okay=False,
            help="Where to write the token (mode 600); else a temporary file that is "
            "removed at the end.",
        ),
    ] = None,
    allow_remote: Annotated[
        bool, typer.Option("--allow-remote", help="Allow a HOST beyond this machine.")
    ] = False,
) -> None:
    """Run a PDS emulator until Ctrl-C.

    It prints its endpoint and a command to try. The token is valid for 7 days.
    """
    with ExitStack() as stack:
        if token_file is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="pdsclient-"))
            token_file = Path(folder, "token.json")
        emulator = lambda: Emulator(  # noqa: E731
            directory,
            host=host,
            port=port,
            latency_s=latency / 1000,
            rate_limit=rate_limit,
            database=database,
            allow_remote=allow_remote,
        )
        run(_serve(emulator, FileTokenStore(token_file)))
