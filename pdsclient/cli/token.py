"""``pdsclient token``: what is in a token file, without the token."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from pdsclient._env import reader_of
from pdsclient._shown import shown
from pdsclient._times import render_time
from pdsclient.cli.output import json_text
from pdsclient.cli.terminal import run, write
from pdsclient.token_store import FileTokenStore
from pdsclient.tokens import TokenInfo

__all__ = ["described", "token"]

token = typer.Typer(name="token", no_args_is_help=True, rich_markup_mode=None)


@token.callback()
def _group() -> None:
    """Look into a token file."""


@token.command()
def show(
    token_file: Annotated[
        Path, typer.Option(metavar="FILE", envvar="PDS_TOKEN_FILE", help="The file.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Write a JSON object.")] = False,
) -> None:
    """Say whose token a file holds.

    And how long it lives; the token itself is not shown.
    """
    run(_show(FileTokenStore(token_file), as_json))


async def _show(store: FileTokenStore, as_json: bool) -> None:
    info = await reader_of(store)()
    write(f"{json_text(_fields(store, info))}\n" if as_json else described(store, info))


def _fields(store: FileTokenStore, info: TokenInfo) -> dict[str, Any]:
    left_s = _left_s(info)
    return {
        "token_file": store.path,
        "user_id": info.user_id,
        "user_name": info.extra.get("user_name"),
        "role": info.role,
        "domain_id": info.extra.get("domain_id"),
        "expire_time": info.expire_time and render_time(info.expire_time),
        "is_expired": None if left_s is None else left_s <= 0,
        "has_refresh_token": info.refresh_token is not None,
    }


def described(store: FileTokenStore, info: TokenInfo) -> str:
    """A few lines about a token, for people."""
    name = info.extra.get("user_name")
    lines = {
        "token file": store.path,
        "user": f"{info.user_id or '-'} ({name})" if name else info.user_id or "-",
        "role": info.role or "-",
        "domain": str(info.extra.get("domain_id") or "-"),
        "expires": _expiry(info),
        "refresh": "can be refreshed" if info.refresh_token else "cannot be refreshed",
    }
    return "".join(f"{name:<11}{shown(text)}\n" for name, text in lines.items())


def _expiry(info: TokenInfo) -> str:
    left_s = _left_s(info)
    if info.expire_time is None or left_s is None:
        return "unknown"
    when = f"{info.expire_time:%Y-%m-%d %H:%M} UTC"
    hours, minutes = divmod(int(abs(left_s)) // 60, 60)
    span = f"{hours} h {minutes} min"
    return f"{when}, in {span}" if left_s > 0 else f"{when}, {span} ago: it is expired"


def _left_s(info: TokenInfo) -> float | None:
    return None if info.expire_time is None else info.expire_time.timestamp() - time.time()
