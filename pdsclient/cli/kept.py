"""Where uploads keep their place for ``--resume``: in the user's directory for such things.

A checkpoint is found again by what is sent and where to; it holds no token and no URL.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Mapping
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

from pdsclient.cli.terminal import say

__all__ = ["Kept", "find_kept", "state_directory"]

_NAME_BYTES = 16


def state_directory(environ: Mapping[str, str]) -> Path:
    """The directory of this program for what outlives a run, as the system names it.

    Raises:
        RuntimeError: the user has no home.
    """
    if os.name == "nt":
        base = environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
        return Path(base, "pdsclient")
    base = environ.get("XDG_STATE_HOME", "")
    # By the XDG base directory specification a relative path is to be ignored.
    return Path(base if os.path.isabs(base) else Path.home() / ".local" / "state", "pdsclient")


def find_kept(environ: Mapping[str, str]) -> Kept | None:
    """The place of checkpoints, made if it is missing; None, and a word, where there can be none.

    An upload without a checkpoint is better than none.
    """
    try:
        directory = state_directory(environ) / "uploads"
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_ours(directory)
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        say(f"no place is kept, so --resume will not be of use: {reason}")
        return None
    return Kept(directory)


def _check_ours(directory: Path) -> None:
    """Whatever lies in a directory that others can write to is not to be believed."""
    if os.name != "posix":
        return
    found = directory.stat()
    if found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError(None, f"{directory} is not only yours; chmod 700 it")


class Kept:
    """Checkpoints, of single files or in a directory for a tree.

    Args:
        directory: holds them.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def path(self, *what: str) -> Path:
        """Where the checkpoint of an upload is, or would be.

        Args:
            what: all that tells this upload from any other.
        """
        text = "\0".join(what).encode("utf-8", "surrogateescape")
        return self._directory / blake2b(text, digest_size=_NAME_BYTES).hexdigest()

    @staticmethod
    def has(path: Path) -> bool:
        """Whether there is a checkpoint to go on from."""
        return any(path.iterdir()) if path.is_dir() else path.exists()

    @staticmethod
    def drop(path: Path) -> None:
        """Forget a checkpoint, if there is one."""
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(FileNotFoundError):
                path.unlink()
