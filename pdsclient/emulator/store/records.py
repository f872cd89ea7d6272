"""Records: what there is little of, as JSON under a kind and a key.

Users, groups, tokens, tasks, uploads and revisions need no columns of their own. A record may
name a parent, by which records of its kind are listed in the order in which they were made.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from pdsclient.emulator.store.base import Base

_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Record(NamedTuple):
    """One record; ``seq`` grows with every new one, and stays when it is changed."""

    seq: int
    key: str
    parent: str
    data: dict[str, Any]


class Records(Base):
    """The part of a store that keeps records."""

    def put_record(self, kind: str, key: str, data: dict[str, Any], *, parent: str = "") -> None:
        """Make a record, or replace what it holds; its place in the order stays."""
        with self._writing() as connection:
            connection.execute(
                "INSERT INTO record(kind, key, parent, json) VALUES (?, ?, ?, ?) "
                "ON CONFLICT(kind, key) DO UPDATE SET parent = excluded.parent, "
                "json = excluded.json",
                (kind, key, parent, _encode(data)),
            )

    def record(self, kind: str, key: str) -> dict[str, Any] | None:
        """What the record holds; None if there is none."""
        rows = self._read("SELECT json FROM record WHERE kind = ? AND key = ?", (kind, key))
        return _decode(rows[0][0]) if rows else None

    def records(
        self, kind: str, *, parent: str | None = None, after: int = 0, limit: int = -1
    ) -> list[Record]:
        """The records of a kind, the oldest first.

        Args:
            kind: which.
            parent: only those of this parent.
            after: only those with a higher ``seq``.
            limit: how many at most; -1 for all.
        """
        where, values = "kind = ? AND seq > ?", [kind, after]
        if parent is not None:
            where, values = "kind = ? AND parent = ? AND seq > ?", [kind, parent, after]
        rows = self._read(
            f"SELECT seq, key, parent, json FROM record WHERE {where} ORDER BY seq LIMIT ?",
            (*values, limit),
        )
        return [Record(seq, key, owner, _decode(json)) for seq, key, owner, json in rows]

    def delete_record(self, kind: str, key: str) -> bool:
        """Remove a record; whether there was one."""
        with self._writing() as connection:
            found = connection.execute("DELETE FROM record WHERE kind = ? AND key = ?", (kind, key))
            return found.rowcount > 0
