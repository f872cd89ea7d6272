"""The tables and indexes, and how connections to them are opened.

``file`` is the truth; ``lagged_file`` is what search knows of it while an index delay is set, and
has the same shape, so every plan works on either. Facts 6-10 of the design's measurements are
why it looks like this: covering indexes that plans name, a sentinel in place of NULL where results
are sorted, a trigram index filled in the order of ids, one writer beside several readers.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from pdsclient.errors import InvalidRequest

# Absent where results are sorted: below every number and, as a number, below every text. With
# NULL, keyset comparisons would lose rows.
ABSENT: Final = float("-inf")
ABSENT_SQL: Final = "-9e999"

# In the order in which they are written. `shelf` is the drive's number, negative while search
# must not find the file: one column of every index that stands for three conditions.
FILE_COLUMNS: Final = (
    "id INTEGER PRIMARY KEY AUTOINCREMENT",
    "drive INTEGER NOT NULL",
    "shelf INTEGER NOT NULL",
    "file_id TEXT NOT NULL",
    "parent TEXT NOT NULL",
    "name TEXT NOT NULL",
    "name_folded TEXT NOT NULL",
    "type TEXT NOT NULL",
    "status TEXT NOT NULL",
    "trashed INTEGER NOT NULL",
    "size INTEGER NOT NULL",
    "file_extension TEXT",
    "category TEXT",
    "mime_type TEXT",
    "created_at INTEGER NOT NULL",
    "updated_at INTEGER NOT NULL",
    "hidden INTEGER NOT NULL",
    "starred INTEGER NOT NULL",
    "image_time NOT NULL",
    "last_access_at NOT NULL",
    "custom_type NOT NULL",
    "custom_field_1 NOT NULL",
    "custom_field_2 NOT NULL",
    "image_overall_score NOT NULL",
    "description TEXT",
    "description_folded TEXT",
    "label TEXT",
    "face_group_id TEXT",
    "address TEXT",
)
FILE_NAMES: Final = tuple(column.split()[0] for column in FILE_COLUMNS)

BODY_COLUMNS: Final = (
    "id INTEGER PRIMARY KEY",
    "json BLOB NOT NULL",
    "content_type TEXT",
    "revision_id TEXT",
    "trashed_at TEXT",
    "extras BLOB",
    "origin TEXT",
    "content BLOB",
)
BODY_NAMES: Final = tuple(column.split()[0] for column in BODY_COLUMNS)

# Sort keys that have an index of their own, and how that index goes on after them.
ORDERS: Final[dict[str, tuple[tuple[str, bool], ...]]] = {
    "created_at": (("created_at", True), ("name", False), ("id", False)),
    "updated_at": (("updated_at", True), ("name", False), ("id", False)),
    "size": (("size", True), ("name", False), ("id", False)),
    "name": (("name", False), ("id", False)),
}
# The small columns that every order index carries, so that a walk in order reads nothing else.
_SMALL: Final = ("size", "file_extension", "category", "type", "starred", "hidden", "created_at")
COVERED: Final[dict[str, tuple[str, ...]]] = {
    **dict.fromkeys(ORDERS, _SMALL),
    "name": (*_SMALL, "name_folded"),
}


def _order_index(table: str, key: str) -> str:
    ordered = [f"{name} DESC" if descending else name for name, descending in ORDERS[key]]
    covered = [name for name in COVERED[key] if name not in dict(ORDERS[key])]
    return f"CREATE INDEX {table}_by_{key} ON {table}(shelf, {', '.join(ordered + covered)})"


def _file_tables(table: str, body: str) -> list[str]:
    return [
        f"CREATE TABLE {table}({', '.join(FILE_COLUMNS)})",
        f"CREATE TABLE {body}({', '.join(BODY_COLUMNS)})",
        f"CREATE UNIQUE INDEX {table}_identity ON {table}(drive, file_id)",
        f"CREATE INDEX {table}_children ON {table}(drive, parent, shelf)",
        f"CREATE INDEX {table}_extension ON {table}(shelf, file_extension)",
        f"CREATE INDEX {table}_category ON {table}(shelf, category)",
        f"CREATE INDEX {table}_starred ON {table}(shelf) WHERE starred",
        f"CREATE INDEX {table}_hidden ON {table}(shelf) WHERE hidden",
        *(_order_index(table, key) for key in ORDERS),
        # No content and no positions: a third of the size. What it finds is verified on the row.
        f"""CREATE VIRTUAL TABLE {table}_grams USING fts5(
            name, content='', detail=none, columnsize=0, tokenize='trigram case_sensitive 1')""",
    ]


_SCHEMA: Final = [
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID",
    """CREATE TABLE drive(
        id INTEGER PRIMARY KEY, drive_id TEXT NOT NULL UNIQUE, owner TEXT NOT NULL,
        is_default INTEGER NOT NULL, json BLOB NOT NULL)""",
    "CREATE INDEX drive_owner ON drive(owner)",
    """CREATE TABLE drive_grant(
        drive_id TEXT, user_id TEXT, PRIMARY KEY(drive_id, user_id)) WITHOUT ROWID""",
    """CREATE TABLE share(
        share_id TEXT PRIMARY KEY, drive_id TEXT NOT NULL, file_ids TEXT NOT NULL,
        cancelled INTEGER NOT NULL, json BLOB NOT NULL) WITHOUT ROWID""",
    *_file_tables("file", "body"),
    *_file_tables("lagged_file", "lagged_body"),
    # What search has yet to learn, each change as the file was then; no json: it is gone.
    """CREATE TABLE pending(
        seq INTEGER PRIMARY KEY, due REAL NOT NULL, id INTEGER NOT NULL, shelf INTEGER,
        json BLOB)""",
    "CREATE INDEX pending_due ON pending(due)",
]

# Readers of a memory database wait while a bulk load is in progress.
_BUSY_S: Final = 120.0


class Database:
    """A place for connections to meet: a file, or memory that lives as long as they do."""

    def __init__(self, path: str | os.PathLike[str] | None) -> None:
        self._uri = f"file:/pdsclient-{uuid4().hex}?vfs=memdb" if path is None else _uri(path)
        self._in_memory = path is None
        self._path = path

    def connect(self) -> sqlite3.Connection:
        """A new connection; the caller sees to it that one thread at a time uses it.

        Raises:
            InvalidRequest: the file cannot be opened, or it is no SQLite database.
        """
        try:
            connection = sqlite3.connect(
                self._uri,
                uri=True,
                timeout=_BUSY_S,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=256,
            )
        except sqlite3.Error as error:
            raise self._unusable(error) from error
        try:
            self._tune(connection)
        except sqlite3.Error as error:
            connection.close()
            raise self._unusable(error) from error
        return connection

    def _unusable(self, error: sqlite3.Error) -> InvalidRequest:
        return InvalidRequest(
            f"database {self._path}: {error}; give a new file in a folder of yours"
        )

    def _tune(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA temp_store = MEMORY")
        if not self._in_memory:
            connection.execute("PRAGMA journal_mode = WAL")
            # An emulator may lose its last second in a power cut.
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("PRAGMA cache_size = -65536")
            connection.execute("PRAGMA mmap_size = 1073741824")


def _uri(path: str | os.PathLike[str]) -> str:
    return Path(path).absolute().as_uri()


def prepare(connection: sqlite3.Connection, settings: Mapping[str, Any]) -> None:
    """Create what is missing.

    Raises:
        InvalidRequest: the file was written with other settings, which its rows depend on, or it
            is the database of another program.
    """
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    if tables and not {"meta", "drive", "lagged_file"} <= tables:
        raise InvalidRequest("database: another program's; give a new file or one of an emulator")
    if not tables:
        connection.execute("BEGIN IMMEDIATE")
        for statement in _SCHEMA:
            connection.execute(statement)
        connection.executemany("INSERT INTO meta VALUES (?, ?)", settings.items())
        connection.execute("COMMIT")
    written = dict(connection.execute("SELECT key, value FROM meta"))
    for key, value in settings.items():
        if written[key] != value:
            raise InvalidRequest(
                f"{key}: the database was made with {written[key]!r}, not {value!r}; "
                "use the same or a new file"
            )
