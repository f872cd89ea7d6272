"""The commands and what they have in common."""

from __future__ import annotations

from typing import Annotated

import typer

from pdsclient._version import __version__
from pdsclient.cli.call import call
from pdsclient.cli.download import download
from pdsclient.cli.emulator import emulator
from pdsclient.cli.export import export
from pdsclient.cli.login import login
from pdsclient.cli.search import search
from pdsclient.cli.terminal import open_streams
from pdsclient.cli.token import token
from pdsclient.cli.upload import upload

__all__ = ["main"]

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    # Its tracebacks show the values of local variables, and those hold tokens.
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(search)
app.command()(export)
app.command()(upload)
app.command()(download)
app.command()(call)
app.command()(login)
app.add_typer(token)
app.command()(emulator)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show it and exit."),
    ] = False,
) -> None:
    """Work with Alibaba Cloud PDS drives, or with a directory through an emulator.

    Exit status: 0 done (also without hits), 1 it failed, 2 wrong usage or
    query, 3 no valid credential, 4 no answer from the service, 130 Ctrl-C.
    """


def main() -> int:
    """Run the command line; the exit status arrives as SystemExit."""
    open_streams()
    app(prog_name="pdsclient")
    return 0
