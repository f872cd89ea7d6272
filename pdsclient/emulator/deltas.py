"""The log of changes that ``file/list_delta`` reads.

It is written in the transaction of the change. A change of a folder is one entry: that what is
below went with it follows. Copies are an entry for each file, as their ids are new. Each entry
keeps the file as it was then, and the folders above it, before and after a move, so that the
changes of one subtree can be told from others.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final, NamedTuple

# Older entries are dropped, a thousand at a time; their cursors are refused from then on.
KEPT: Final = 100_000
DROPPED: Final = 1_000


class Change(NamedTuple):
    """An entry of the log; ``json`` is None for what was deleted."""

    seq: int
    op: str
    file_id: str
    json: bytes | None


class Log:
    """The log, through one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, op: str, number: int, above: Iterable[str]) -> None:
        """Note a change of the file with this number, as it is now.

        Args:
            op: ``create``, ``overwrite``, ``delete``, ``update``, ``move``, ``trash``,
                ``restore`` or ``rename``.
            number: the file's.
            above: the ids of the folders that it lies or lay in.
        """
        seq = self._connection.execute(
            "INSERT INTO delta(drive, op, file_id, above, json) "
            "SELECT f.drive, ?, f.file_id, ?, iif(?, NULL, b.json) "
            "FROM file f JOIN body b ON b.id = f.id WHERE f.id = ?",
            (op, f" {' '.join(dict.fromkeys(above))} ", op == "delete", number),
        ).lastrowid
        if seq is not None and seq % DROPPED == 0:
            self._connection.execute("DELETE FROM delta WHERE seq <= ?", (seq - KEPT,))
