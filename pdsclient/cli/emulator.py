"""``pdsclient emulator``: a PDS domain on this machine until Ctrl-C."""

from __future__ import annotations

import asyncio
import shlex
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pdsclient._shown import shown
from pdsclient.cli.terminal import is_interactive, run, say, stop_on_terminate, write
from pdsclient.errors import InvalidRequest
from pdsclient.token_store import FileTokenStore

if TYPE_CHECKING:
    from pdsclient.emulator import Emulator

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
    synthetic: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Fill the drive with N made-up files and folders."),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, help="The same seed makes the same files; else 0."),
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
    if seed is not None and synthetic is None:
        raise typer.BadParameter("--seed is for the files that --synthetic makes")
    switches = {
        "host": host,
        "port": port,
        "latency_s": latency / 1000,
        "rate_limit": rate_limit,
        "database": database,
        "allow_remote": allow_remote,
    }
    with tempfile.TemporaryDirectory(prefix="pdsclient-") as folder:
        store = FileTokenStore(token_file or Path(folder, "token.json"))
        run(_serve(directory, switches, store, synthetic=synthetic, seed=seed or 0))


async def _serve(
    directory: Path | None,
    switches: Mapping[str, Any],
    store: FileTokenStore,
    *,
    synthetic: int | None,
    seed: int,
) -> None:
    from pdsclient.emulator import Emulator
    from pdsclient.emulator.guard import is_loopback

    stop_on_terminate()
    if not (switches["allow_remote"] or is_loopback(switches["host"])):
        raise InvalidRequest(
            f"--host {switches['host']} can be reached from other machines, and so can the files; "
            "--allow-remote says that this is meant"
        )
    async with Emulator(directory, **switches) as emulator:
        if synthetic is not None:
            if is_interactive():
                say(f"making {synthetic:,} files; a million takes about a minute")
            await emulator.add_synthetic(synthetic, seed=seed)
        await store.save(emulator.issue_token(_TOKEN_LIFE_S))
        write(_greeting(emulator, store.path, synthetic))
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()


def _greeting(emulator: Emulator, token_file: str, synthetic: int | None) -> str:
    lines = [
        ("endpoint", emulator.api_endpoint),
        ("domain id", emulator.domain_id),
        ("drive id", emulator.drive_id),
        ("token file", shown(token_file)),
    ]
    if emulator.tree is not None:
        lines.append(("serving", f"{emulator.tree.files:,} files"))
    if synthetic is not None:
        lines.append(("made up", f"{synthetic:,} files and folders"))
    command = ["pdsclient", "search", "size > 1024", "--endpoint", emulator.api_endpoint]
    command += ["--token-file", token_file]
    return (
        "".join(f"{name:<11}{value}\n" for name, value in lines)
        + f"try        {shown(shlex.join(command))}\n"
        + "Ctrl-C ends it.\n"
    )
