"""Names that are taken: what ``auto_rename`` makes of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count

from pdsclient.emulator.rows import NAME_BYTES


def free_name(name: str, kind: str, time: float, is_taken: Callable[[str], object]) -> str:
    """The name, or if it is taken the name with the time before its extension.

    As the service writes it: ``a_20060102_150405.txt`` (pds-service.md 10.2). What it does when
    that is taken too is unknown; here a number follows.

    Args:
        name: the name that is wanted.
        kind: ``file``, or ``folder``, which has no extension.
        time: the Unix timestamp to be written, in UTC.
        is_taken: whether the folder has something of this name.
    """
    stamp = datetime.fromtimestamp(time, UTC).strftime("_%Y%m%d_%H%M%S")
    tried = name
    for turn in count(1):
        if not is_taken(tried):
            return tried
        tried = _with_suffix(name, kind, stamp if turn == 1 else f"{stamp}_{turn}")
    raise AssertionError("some number is free")


def _with_suffix(name: str, kind: str, suffix: str) -> str:
    stem, dot, extension = name.rpartition(".")
    if kind == "folder" or not stem:
        stem, dot, extension = name, "", ""
    ending = f"{suffix}{dot}{extension}"
    room = NAME_BYTES - len(ending.encode())
    return stem.encode()[: max(room, 0)].decode(errors="ignore") + ending
