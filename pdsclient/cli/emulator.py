"""``pdsclient emulator``: a PDS domain on this machine until Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import shlex
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from attrs import frozen

from pdsclient._shown import shown
from pdsclient.cli.terminal import is_interactive, run, say, stop_on_terminate, write
from pdsclient.errors import InvalidRequest
from pdsclient.token_store import FileTokenStore

if TYPE_CHECKING:
    from pdsclient.emulator import Emulator

__all__ = ["emulator"]

# As long as the service's refresh tokens live: nothing refreshes the token in the file.
_TOKEN_LIFE_S = 7 * 24 * 3600

_Directory = Annotated[
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
]
_Synthetic = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="Fill the drive with N made-up files and folders."),
]
_Seed = Annotated[
    int | None,
    typer.Option(metavar="N", min=0, help="The same seed makes the same files; else 0."),
]
_Host = Annotated[str, typer.Option(metavar="HOST", help="Address to listen on.")]
_Port = Annotated[int, typer.Option(metavar="N", min=0, max=65535, help="0 takes a free one.")]
_Latency = Annotated[
    float, typer.Option(metavar="MS", min=0, help="Milliseconds before each reply.")
]
_Bandwidth = Annotated[
    float | None,
    typer.Option(metavar="BYTES", min=1, help="Bytes per second of each connection."),
]
_Line = Annotated[
    float | None,
    typer.Option(metavar="BYTES", min=1, help="Bytes per second of all connections together."),
]
_RateLimit = Annotated[
    float | None,
    typer.Option(metavar="N", min=0.001, help="Requests per second; more are answered 429."),
]
_Database = Annotated[
    Path | None,
    typer.Option(metavar="FILE", dir_okay=False, help="Keep all in SQLite; else in memory."),
]
_DomainId = Annotated[str, typer.Option(metavar="ID", help="The name of the domain.")]
_AppId = Annotated[str, typer.Option(metavar="ID", help="The name of the app that logs in.")]
_KeyFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        dir_okay=False,
        help="The app's private key (PEM, mode 600), written if it is not there; else a new "
        "one, removed at the end.",
    ),
]
_RedirectUri = Annotated[
    list[str] | None,
    typer.Option(
        metavar="URI",
        help="Where the app's login page may send people back to; may be repeated.",
    ),
]
_TokenFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        dir_okay=False,
        help="Where to write the token (mode 600); else a temporary file that is "
        "removed at the end.",
    ),
]
_AllowRemote = Annotated[
    bool, typer.Option("--allow-remote", help="Allow a HOST beyond this machine.")
]


@frozen
class _Plan:
    """What is to be served, and where its credentials go."""

    directory: Path | None
    switches: dict[str, Any]
    synthetic: int | None
    seed: int
    redirect_uris: tuple[str, ...]
    store: FileTokenStore
    key_file: Path


def emulator(
    directory: _Directory = None,
    synthetic: _Synthetic = None,
    seed: _Seed = None,
    host: _Host = "127.0.0.1",
    port: _Port = 0,
    latency: _Latency = 0,
    bandwidth: _Bandwidth = None,
    line: _Line = None,
    rate_limit: _RateLimit = None,
    database: _Database = None,
    domain_id: _DomainId = "bj1",
    app_id: _AppId = "emulator",
    key_file: _KeyFile = None,
    redirect_uri: _RedirectUri = None,
    token_file: _TokenFile = None,
    allow_remote: _AllowRemote = False,
) -> None:
    """Run a PDS emulator until Ctrl-C.

    It prints its endpoint, what a client needs to log in, and a command to
    try. The token is valid for 7 days; the app's key gives more of them.
    """
    if seed is not None and synthetic is None:
        raise typer.BadParameter("--seed is for the files that --synthetic makes")
    switches = {
        "host": host,
        "port": port,
        "latency_s": latency / 1000,
        "bandwidth_bps": bandwidth,
        "line_bps": line,
        "rate_limit": rate_limit,
        "database": database,
        "domain_id": domain_id,
        "app_id": app_id,
        "allow_remote": allow_remote,
    }
    with tempfile.TemporaryDirectory(prefix="pdsclient-") as folder:
        store = FileTokenStore(token_file or Path(folder, "token.json"))
        key_file = key_file or Path(folder, "private.pem")
        uris = tuple(redirect_uri or ())
        run(_serve(_Plan(directory, switches, synthetic, seed or 0, uris, store, key_file)))


async def _serve(plan: _Plan) -> None:
    from pdsclient.emulator import Emulator
    from pdsclient.emulator.guard import is_loopback

    stop_on_terminate()
    switches = plan.switches
    if not (switches["allow_remote"] or is_loopback(switches["host"])):
        raise InvalidRequest(
            f"--host {switches['host']} can be reached from other machines, and so can the files; "
            "--allow-remote says that this is meant"
        )
    # A file that holds something else is not to be replaced.
    await plan.store.load()
    private_key = await asyncio.to_thread(_private_key, plan.key_file)
    async with Emulator(plan.directory, private_key=private_key, **switches) as emulator:
        if plan.redirect_uris:
            await emulator.register_app(emulator.app_id, redirect_uris=plan.redirect_uris)
        if plan.synthetic is not None:
            if is_interactive():
                say(f"making {plan.synthetic:,} files; a million takes about a minute")
            await emulator.add_synthetic(plan.synthetic, seed=plan.seed)
        await plan.store.save(emulator.issue_token(_TOKEN_LIFE_S))
        write(_greeting(emulator, plan))
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()


def _private_key(path: Path) -> str:
    """The key in this file, which is written with a new one if it is not there."""
    from pdsclient.emulator.rsa import new_key

    try:
        with path.open(encoding="ascii", errors="replace") as file:
            if os.fstat(file.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise InvalidRequest(
                    f"--key-file {shown(str(path))} can be read by others; chmod 600 it"
                )
            return file.read()
    except FileNotFoundError:
        pem = new_key().pem
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="ascii") as file:
        file.write(pem)
    return pem


def _greeting(emulator: Emulator, plan: _Plan) -> str:
    lines = [
        ("endpoint", emulator.api_endpoint),
        ("domain id", emulator.domain_id),
        ("drive id", emulator.drive_id),
    ]
    if emulator.tree is not None:
        lines.append(("serving", f"{emulator.tree.files:,} files"))
    if plan.synthetic is not None:
        lines.append(("made up", f"{plan.synthetic:,} files and folders"))
    lines += [
        ("user id", emulator.token_info.user_id or ""),
        ("app id", shown(emulator.app_id)),
        ("key file", shown(str(plan.key_file))),
        ("token file", shown(plan.store.path)),
    ]
    empty = plan.directory is None and plan.synthetic is None
    command = ["pdsclient", *(("call", "/drive/list") if empty else ("search", "size > 1024"))]
    command += ["--endpoint", emulator.api_endpoint]
    lines += [
        ("try", f"{shlex.join(command)} \\"),
        ("", f"    --token-file {shown(shlex.quote(plan.store.path))}"),
    ]
    return "".join(f"{name:<11}{value}\n" for name, value in lines) + "Ctrl-C ends it.\n"
