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
from secrets import token_bytes
from typing import Any, Final
from uuid import uuid4

import attrs

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
    # Where the bytes come from; see `content`.
    "origin TEXT",
)
BODY_NAMES: Final = tuple(column.split()[0] for column in BODY_COLUMNS)

Keys = tuple[tuple[str, bool], ...]

# Sort keys that have an index of their own, and how that index goes on after them.
ORDERS: Final[dict[str, Keys]] = {
    "created_at": (("created_at", True), ("name", False), ("id", False)),
    "updated_at": (("updated_at", True), ("name", False), ("id", False)),
    "size": (("size", True), ("name", False), ("id", False)),
    "name": (("name", False), ("id", False)),
}
# What every index with an order holds, so that a walk along it looks at no row.
# What is asked for most stands first: to reach a column costs more the more are before it.
_COVERED: Final = (
    "size",
    "hidden",
    "file_extension",
    "name_folded",
    "created_at",
    "updated_at",
    "name",
    "category",
    "type",
    "starred",
)


@attrs.frozen
class Index:
    """An index of a table of files.

    Attributes:
        first: columns that a search by it gives a value to.
        keys: the order of its entries among those; with True for descending.
        where: it has these rows only.
        unique: no two rows agree in it.
    """

    first: tuple[str, ...]
    keys: Keys = ()
    where: str = ""
    unique: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns, in their order."""
        more = [name for name, _ in self.keys]
        return tuple(dict.fromkeys((*self.first, *more, *(_COVERED if self.keys else ()))))

    def sql(self, table: str, name: str) -> str:
        """The statement that creates it."""
        descending = dict(self.keys)
        columns = [f"{one} DESC" if descending.get(one) else one for one in self.columns]
        where = f" WHERE {self.where}" if self.where else ""
        unique = "UNIQUE " if self.unique else ""
        return f"CREATE {unique}INDEX {table}_{name} ON {table}({', '.join(columns)}){where}"


INDEXES: Final = {
    "identity": Index(("drive", "file_id"), unique=True),
    "children": Index(("drive", "parent", "shelf"), ORDERS["created_at"]),
    "extension": Index(("shelf", "file_extension")),
    "category": Index(("shelf", "category")),
    "starred": Index(("shelf",), ORDERS["created_at"], where="starred"),
    "hidden": Index(("shelf",), ORDERS["created_at"], where="hidden"),
    **{f"by_{key}": Index(("shelf",), keys) for key, keys in ORDERS.items()},
}
HELD: Final = {name: frozenset(index.columns) for name, index in INDEXES.items()}


def _file_tables(table: str, body: str, aside: str) -> list[str]:
    return [
        f"CREATE TABLE {table}({', '.join(FILE_COLUMNS)})",
        f"CREATE TABLE {aside}.{body}({', '.join(BODY_COLUMNS)})",
        *(index.sql(table, name) for name, index in INDEXES.items()),
        # No content and no positions: a third of the size. What it finds is verified on the row.
        f"""CREATE VIRTUAL TABLE {aside}.{table}_grams USING fts5(
            name, content='', detail=none, columnsize=0, tokenize='trigram case_sensitive 1')""",
        # The same index by its terms: needles too short for it are the beginnings of terms.
        f"CREATE VIRTUAL TABLE {aside}.{table}_terms USING fts5vocab({table}_grams, 'instance')",
    ]


def _content_tables(aside: str) -> list[str]:
    """What files consist of.

    A content lives as long as a file or a revision names it as its origin: triggers count, so that
    whoever changes a file need not know. A piece is a file beside the database: it belongs to a
    content, or is a part of an upload, or else is to be removed.
    """
    return [
        f"""CREATE TABLE {aside}.content(
        key TEXT PRIMARY KEY, size INTEGER NOT NULL, sha256 TEXT, crc64 TEXT, head TEXT NOT NULL,
        refs INTEGER NOT NULL DEFAULT 0, data BLOB)""",
        f"CREATE INDEX {aside}.content_sha256 ON content(sha256) WHERE sha256 IS NOT NULL",
        f"CREATE INDEX {aside}.content_head ON content(head)",
        f"CREATE INDEX {aside}.content_free ON content(key) WHERE refs = 0",
        f"""CREATE TABLE {aside}.upload(
        upload_id TEXT PRIMARY KEY, file INTEGER NOT NULL, expires REAL NOT NULL,
        json BLOB NOT NULL) WITHOUT ROWID""",
        f"CREATE INDEX {aside}.upload_file ON upload(file)",
        f"CREATE INDEX {aside}.upload_expires ON upload(expires)",
        f"""CREATE TABLE {aside}.piece(
        name TEXT PRIMARY KEY, content TEXT, upload TEXT, number INTEGER NOT NULL,
        size INTEGER NOT NULL, etag TEXT, crc64 TEXT, state TEXT) WITHOUT ROWID""",
        f"""CREATE UNIQUE INDEX {aside}.piece_upload ON piece(upload, number)
        WHERE upload IS NOT NULL""",
        f"""CREATE UNIQUE INDEX {aside}.piece_content ON piece(content, number)
        WHERE content IS NOT NULL""",
        f"""CREATE INDEX {aside}.piece_free ON piece(name)
        WHERE upload IS NULL AND content IS NULL""",
        f"""CREATE TABLE {aside}.revision(
        file INTEGER NOT NULL, version INTEGER NOT NULL, revision_id TEXT NOT NULL,
        origin TEXT NOT NULL, json BLOB NOT NULL, PRIMARY KEY(file, version)) WITHOUT ROWID""",
        f"CREATE UNIQUE INDEX {aside}.revision_id ON revision(file, revision_id)",
        *_counting(aside, "body"),
        *_counting(aside, "revision"),
        f"""CREATE TRIGGER {aside}.content_gone AFTER DELETE ON content
        BEGIN UPDATE piece SET content = NULL WHERE content = old.key; END""",
        f"""CREATE TRIGGER {aside}.upload_gone AFTER DELETE ON upload
        BEGIN UPDATE piece SET upload = NULL WHERE upload = old.upload_id; END""",
    ]


def _counting(aside: str, table: str) -> list[str]:
    """Triggers that count which contents the rows of a table name; they are never updated."""

    def trigger(event: str, row: str, change: str) -> str:
        return f"""CREATE TRIGGER {aside}.{table}_{event} AFTER {event} ON {table}
        WHEN {row}.origin >= 'sha1:' AND {row}.origin < 'sha1;'
        BEGIN UPDATE content SET refs = refs {change} WHERE key = {row}.origin; END"""

    return [trigger("insert", "new", "+ 1"), trigger("delete", "old", "- 1")]


def _schema(aside: str) -> list[str]:
    return [
        "CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID",
        """CREATE TABLE drive(
        id INTEGER PRIMARY KEY AUTOINCREMENT, drive_id TEXT NOT NULL UNIQUE, owner TEXT NOT NULL,
        is_default INTEGER NOT NULL, json BLOB NOT NULL)""",
        "CREATE INDEX drive_owner ON drive(owner)",
        """CREATE TABLE drive_grant(
        drive_id TEXT, user_id TEXT, PRIMARY KEY(drive_id, user_id)) WITHOUT ROWID""",
        """CREATE TABLE share(
        share_id TEXT PRIMARY KEY, drive_id TEXT NOT NULL, file_ids TEXT NOT NULL,
        cancelled INTEGER NOT NULL, json BLOB NOT NULL) WITHOUT ROWID""",
        # Everything that there are few of: users, groups, tokens, tasks, uploads, revisions...
        """CREATE TABLE record(
        seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, key TEXT NOT NULL,
        parent TEXT NOT NULL, json BLOB NOT NULL, UNIQUE(kind, key))""",
        "CREATE INDEX record_parent ON record(kind, parent, seq)",
        *_file_tables("file", "body", aside),
        *_file_tables("lagged_file", "lagged_body", aside),
        *_content_tables(aside),
        # What search has yet to learn, each change as the file was then; no json: it is gone.
        f"""CREATE TABLE {aside}.pending(
        seq INTEGER PRIMARY KEY, due REAL NOT NULL, id INTEGER NOT NULL, shelf INTEGER,
        json BLOB)""",
        f"CREATE INDEX {aside}.pending_due ON pending(due)",
        # What has changed, for file/list_delta; see deltas.py.
        f"""CREATE TABLE {aside}.delta(
        seq INTEGER PRIMARY KEY AUTOINCREMENT, drive INTEGER NOT NULL, op TEXT NOT NULL,
        file_id TEXT NOT NULL, above TEXT NOT NULL, json BLOB)""",
        f"CREATE INDEX {aside}.delta_drive ON delta(drive, seq)",
    ]


# Another one for each change of the tables and indexes.
_LAYOUT: Final = 4
# Another process may be writing to the same file.
_BUSY_S: Final = 120.0


class Database:
    """A place for connections to meet: a file, or memory that lives as long as they do."""

    def __init__(self, path: str | os.PathLike[str] | None) -> None:
        self._aside_uri: str | None = None
        if path is None:
            self._uri, self._aside_uri = _memory()
        else:
            self._uri = _uri(path)
        self._path = path

    @property
    def in_memory(self) -> bool:
        """Whether it is gone when it is closed."""
        return self._aside_uri is not None

    @property
    def aside(self) -> str:
        """The schema for what is big: SQLite limits a memory database to 1 GiB, but not several."""
        return "main" if self._aside_uri is None else "aside"

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
        if self._aside_uri is not None:
            connection.execute("ATTACH ? AS aside", (self._aside_uri,))
        else:
            connection.execute("PRAGMA journal_mode = WAL")
            # Nothing is lost when a process dies. A power cut may take the last changes with it,
            # but leaves the database whole.
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA cache_size = -65536")
            connection.execute("PRAGMA mmap_size = 1073741824")


def _memory() -> tuple[str, str]:
    name = uuid4().hex
    return f"file:/pdsclient-{name}?vfs=memdb", f"file:/pdsclient-{name}-aside?vfs=memdb"


def _uri(path: str | os.PathLike[str]) -> str:
    return Path(path).absolute().as_uri()


def prepare(connection: sqlite3.Connection, aside: str, settings: Mapping[str, Any]) -> bytes:
    """Create what is missing, and return the secret that the first one to do so made up.

    Args:
        connection: the writing one.
        aside: the schema for what is big.
        settings: what the rows depend on.

    Raises:
        InvalidRequest: the file was written with other settings, which its rows depend on, or it
            is the database of another program.
    """
    # Other processes may be starting on the same file.
    connection.execute("BEGIN IMMEDIATE")
    try:
        _create(connection, aside, settings)
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    written = dict(connection.execute("SELECT key, value FROM meta"))
    layout = written.get("layout")
    if layout != _LAYOUT:
        raise InvalidRequest(
            f"database layout: {layout}, by another version of pdsclient; this one has {_LAYOUT}; "
            "give a new file"
        )
    for key, value in settings.items():
        if written.get(key) != value:
            raise InvalidRequest(
                f"{key}: the database was made with {written.get(key)!r}, not {value!r}; "
                "use the same or a new file"
            )
    secret: bytes = written["secret"]
    return secret


def _create(connection: sqlite3.Connection, aside: str, settings: Mapping[str, Any]) -> None:
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    if tables and not {"meta", "drive", "lagged_file"} <= tables:
        raise InvalidRequest("database: another program's; give a new file or one of an emulator")
    if not tables:
        for statement in _schema(aside):
            connection.execute(statement)
        made = {**settings, "layout": _LAYOUT, "secret": token_bytes(32)}
        connection.executemany("INSERT INTO meta VALUES (?, ?)", made.items())
