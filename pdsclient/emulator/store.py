"""The emulator's memory: drives, files, share links and contents in SQLite.

Every method may be called from any thread and blocks it, so a server calls none on its loop.
Methods that change something take turns on the one writing connection. Methods that read borrow
one of two reading connections and wait while both are lent: call them from two threads, pages
from one and counts from the other, and no count stands before a page.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import string
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from queue import LifoQueue
from typing import Any, Final, NamedTuple

import msgspec

from pdsclient._clock import Clock
from pdsclient._times import parse_time, render_time
from pdsclient.emulator.content import Content, Digests, Generated, Kept, Source
from pdsclient.emulator.plans import FILES, LAGGED, Shelf
from pdsclient.emulator.reading import FileRow, Page, Position, Reader, brief
from pdsclient.emulator.rows import OCTETS, ROOT
from pdsclient.emulator.schema import ABSENT_SQL, Database, prepare
from pdsclient.emulator.tree import Origin, Tree
from pdsclient.emulator.writing import Files, Missing
from pdsclient.errors import InvalidRequest
from pdsclient.query import F, MatchMode, OrderTerm, Query
from pdsclient.query.values import LONG_MAX

__all__ = ["Drive", "FileRow", "Missing", "Page", "Position", "Share", "Store"]

_READERS: Final = 2
_COUNTS: Final = 256
_SHARE_ID: Final = string.ascii_letters + string.digits
_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Drive(NamedTuple):
    """A drive; ``json`` is the whole object as it is sent."""

    drive_id: str
    owner: str
    json: bytes


class Share(NamedTuple):
    """A share link; ``wire`` holds its remaining members under the names of the wire."""

    share_id: str
    drive_id: str
    file_ids: tuple[str, ...]
    share_pwd: str
    share_name: str
    expiration: datetime | None
    cancelled: bool
    creator: str
    wire: dict[str, Any]


class Store:
    """A domain's drives and files.

    Args:
        database: a file to keep everything in; None keeps it in memory until ``close``.
        clock: for times of creation and change, and for the index delay.
        domain_id: what files say about where they are.
        index_delay_s: seconds until a search knows of a change; get and list know at once.
        match_mode: what ``match`` means (pds-service.md 5.5).
    """

    def __init__(
        self,
        database: str | os.PathLike[str] | None = None,
        *,
        clock: Clock,
        domain_id: str = "bj1",
        index_delay_s: float = 0.0,
        match_mode: MatchMode = "substring",
    ) -> None:
        self.domain_id = domain_id
        self.lagging = index_delay_s > 0
        """Call ``catch_up`` before a search."""
        self._clock = clock
        self._digests = Digests()
        self._trees: dict[str, Tree] = {}
        self._numbers: dict[str, int] = {}
        self._counts: dict[Any, int] = {}
        self._used_sizes: dict[tuple[int, int], int] = {}
        self._version = 0
        self._lock = threading.RLock()
        place = Database(database)
        self._writer = place.connect()
        try:
            prepare(self._writer, {"match_mode": match_mode, "lagging": self.lagging})
        except BaseException:
            self._writer.close()
            raise
        self._files = Files(
            self._writer,
            clock=clock,
            domain_id=domain_id,
            index_delay_s=index_delay_s,
            match_mode=match_mode,
        )
        self._connections = [place.connect() for _ in range(_READERS)]
        self._readers: LifoQueue[tuple[Reader, list[int]]] = LifoQueue()
        for connection in self._connections:
            self._readers.put((Reader(connection, match_mode), [0]))

    def close(self) -> None:
        """Close all connections; what is in memory is gone. Safe to repeat."""
        for connection in [*self._connections, self._writer]:
            connection.close()
        for tree in self._trees.values():
            tree.close()

    # Drives

    def put_drive(
        self,
        drive_id: str,
        *,
        owner: str,
        drive_name: str = "",
        default: bool = False,
        total_size: int | None = None,
        **more: Any,
    ) -> None:
        """Create a drive, or change it.

        Args:
            drive_id: a decimal number as text, as a rule.
            owner: a user id.
            drive_name: shown to users.
            default: it is the owner's default drive; another one stops being it.
            total_size: bytes; None is without limit.
            more: further members under the names of the wire.
        """
        wire = {
            "drive_id": drive_id,
            "domain_id": self.domain_id,
            "drive_name": drive_name or drive_id,
            "drive_type": "normal",
            "owner": owner,
            "owner_type": "user",
            "status": "enabled",
            "creator": owner,
            "created_at": self._now(),
            **({} if total_size is None else {"total_size": total_size}),
            **more,
        }
        with self._writing() as connection:
            if default:
                connection.execute("UPDATE drive SET is_default = 0 WHERE owner = ?", (owner,))
            connection.execute(
                "INSERT INTO drive(drive_id, owner, is_default, json) "
                "VALUES (?, ?, ?, ?) ON CONFLICT(drive_id) DO UPDATE SET "
                "owner = excluded.owner, is_default = excluded.is_default, json = excluded.json",
                (drive_id, owner, default, _encode(wire)),
            )

    def has_drive(self, drive_id: str) -> bool:
        """Whether there is a drive with this id."""
        return self._number(drive_id) is not None

    def drive(self, drive_id: str) -> Drive | None:
        """The drive with this id."""
        return self._one_drive("drive_id = ?", drive_id)

    def default_drive(self, user_id: str) -> Drive | None:
        """The user's default drive."""
        return self._one_drive("owner = ? AND is_default", user_id)

    def drives_of(
        self, user_id: str, *, limit: int, after: Position | None = None
    ) -> tuple[list[Drive], Position | None]:
        """The drives that the user owns, the oldest first, and where to go on."""
        rows = self._read(
            "SELECT id, drive_id, owner, json FROM drive "
            "WHERE owner = ? AND id > ? ORDER BY id LIMIT ?",
            (user_id, after[0] if after else 0, limit + 1),
        )
        drives = [self._drive(row) for row in rows[:limit]]
        return drives, (rows[limit - 1][0],) if len(rows) > limit else None

    def grant(self, drive_id: str, user_id: str) -> None:
        """Let the user into a drive that is not theirs."""
        with self._writing() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO drive_grant VALUES (?, ?)", (drive_id, user_id)
            )

    def may_access(self, user_id: str, drive_id: str) -> bool:
        """The user owns the drive, or was let in."""
        return bool(
            self._read(
                "SELECT 1 FROM drive WHERE drive_id = ? AND owner = ? UNION ALL "
                "SELECT 1 FROM drive_grant WHERE drive_id = ? AND user_id = ?",
                (drive_id, user_id) * 2,
            )
        )

    # Changing files

    def add_files(
        self, rows: Iterable[Mapping[str, Any]], *, drive_id: str | None = None
    ) -> list[str]:
        """Add files and folders, all or none, and return their ids in the same order.

        Args:
            rows: what is known of each file under the names of the wire; ``name`` is enough.
                Ids, times, hash, extension, category and media type are filled in. Apart from
                those: ``content`` (bytes; without it ``size`` bytes are made up when they are
                read) and ``path`` (``"a/b/c.txt"`` below ``parent_file_id``, in place of
                ``name``; folders that are not there are created).
            drive_id: for the rows that do not say.

        Raises:
            InvalidRequest: a row that no file can be like, by its index and field.
        """
        with self._changing():
            return self._files.add(rows, drive_id)

    def update_file(self, drive_id: str, file_id: str, changes: Mapping[str, Any]) -> FileRow:
        """Change members of a file; None removes one, ``content`` makes a new revision."""
        with self._changing():
            self._files.update(drive_id, file_id, changes)
        return self._there(drive_id, file_id)

    def move_file(self, drive_id: str, file_id: str, to_parent_file_id: str) -> FileRow:
        """Put a file or folder into another folder of its drive."""
        with self._changing():
            self._files.move(drive_id, file_id, to_parent_file_id)
        return self._there(drive_id, file_id)

    def trash_file(self, drive_id: str, file_id: str) -> None:
        """Put a file or folder into the recycle bin: what is below cannot be found any more."""
        with self._changing():
            self._files.trash(drive_id, file_id)

    def restore_file(self, drive_id: str, file_id: str) -> None:
        """Take it out of the bin; to the root if its folder is in the bin itself."""
        with self._changing():
            self._files.restore(drive_id, file_id)

    def delete_file(self, drive_id: str, file_id: str) -> None:
        """Delete for good, a folder with all that is below."""
        with self._changing():
            self._files.delete(drive_id, file_id)

    def set_status(self, drive_id: str, file_id: str, status: str) -> None:
        """``available``, or ``uploading``: then only a listing of uploading files shows it."""
        with self._changing():
            self._files.update(drive_id, file_id, {"status": status})

    def catch_up(self) -> None:
        """Let search know of the changes that are older than the index delay."""
        if self.lagging:
            with self._changing():
                self._files.catch_up()

    # Reading files

    def get_file(self, drive_id: str, file_id: str) -> FileRow | None:
        """The file, also one that is uploading or in the recycle bin: see ``findable``."""
        origin = self._origin(drive_id, file_id)
        if origin is not None:
            served = self._open_served(drive_id, file_id, origin)
            if served is None:
                return None
            served.close()
        return self._row(drive_id, file_id)

    def list_children(
        self,
        drive_id: str,
        parent_file_id: str,
        *,
        order_by: Sequence[OrderTerm],
        limit: int,
        after: Position | None = None,
        query: Query | None = None,
        status: str = "available",
    ) -> Page:
        """What is directly in a folder.

        Args:
            drive_id: the drive.
            parent_file_id: the folder; ``root`` for the top.
            order_by: one to five terms; a file without the key comes first in ASC.
            limit: how many at most.
            after: ``next`` of the page before.
            query: a further condition, such as ``F.type == "folder"``.
            status: ``uploading`` lists unfinished uploads in place of files.
        """
        number = self._number(drive_id)
        if number is None:
            return Page([], None)
        wanted: Query = F.parent_file_id == parent_file_id
        if query is not None:
            wanted &= query
        if status != "available":
            # A file that cannot be found may also be in the recycle bin; its folder's listing
            # is not asked for then.
            wanted &= F.status == status
        shelf = Shelf(FILES, number, number if status == "available" else -number)
        with self._reading() as reader:
            return reader.page({drive_id: shelf}, wanted, order_by, limit=limit, position=after)

    def scan(
        self, drive_id: str, *, limit: int, after: Position | None = None, names: bool = False
    ) -> Page:
        """Every file of a drive, without any order that means something.

        Args:
            drive_id: the drive.
            limit: how many at most.
            after: ``next`` of the page before.
            names: whole files; else only the documented default fields, which lack the name.
        """
        number = self._number(drive_id)
        if number is None:
            return Page([], None)
        with self._reading() as reader:
            page = reader.page(
                {drive_id: Shelf(FILES, number, number)},
                None,
                _SCAN_ORDER,
                limit=limit,
                position=after,
            )
        return page if names else page._replace(rows=[brief(row) for row in page.rows])

    def search(
        self,
        drive_ids: Sequence[str],
        query: Query | None,
        order_by: Sequence[OrderTerm],
        *,
        limit: int,
        after: Position | None = None,
        recursive: bool = False,
    ) -> Page:
        """A page of the files that satisfy the query, in a total order.

        A file without a sort key comes first in ASC and last in DESC. Files that are equal in all
        keys keep an order of their own, the same for every page. A position is a place in that
        order, so it survives inserts and deletes, also that of the file it was taken from.

        Args:
            drive_ids: where to look; ids without a drive find nothing.
            query: the condition; None for all files.
            order_by: one to five terms.
            limit: how many at most.
            after: ``next`` of the page before (a list will do); it belongs to one ``order_by``.
            recursive: conditions on ``parent_file_id`` hold for the whole subtree of the folder,
                and for the folder itself (pds-service.md 5.6).
        """
        shelves = self._shelves(drive_ids)
        with self._reading() as reader:
            return reader.page(
                shelves,
                query,
                order_by,
                limit=limit,
                position=after,
                recursive=recursive,
            )

    def count(
        self, drive_ids: Sequence[str], query: Query | None, *, recursive: bool = False
    ) -> int:
        """How many files a search finds, exactly; remembered until the next change."""
        key = (tuple(drive_ids), query, recursive, self._version)
        known = self._counts.get(key)
        if known is not None:
            return known
        shelves = self._shelves(drive_ids)
        with self._reading() as reader:
            counted = reader.count(shelves, query, recursive=recursive)
        if len(self._counts) >= _COUNTS:
            self._counts.clear()
        self._counts[key] = counted
        return counted

    def extras(self, row: FileRow) -> dict[str, Any]:
        """What only ``fields: "*"`` shows; the drive's owner stands in for an unknown creator."""
        found = self._read(
            "SELECT b.extras, d.owner FROM drive d JOIN file f ON f.drive = d.id "
            "JOIN body b ON b.id = f.id WHERE d.drive_id = ? AND f.file_id = ?",
            (row.drive_id, row.file_id),
        )
        if not found:
            return {}
        extras, owner = found[0]
        by_owner = {
            f"{role}_{name}": value
            for role in ("creator", "last_modifier")
            for name, value in (("id", owner), ("name", owner), ("type", "User"))
        }
        return by_owner | (_decode(extras) if extras else {})

    def id_path(self, row: FileRow, tops: Sequence[str] = ()) -> str:
        """``root/<id>/<id>``, the file's own id last; nothing above a file of ``tops``."""
        path = self._path(row, tops)
        return "/".join([ROOT, *(file_id for file_id, _, _ in reversed(path))])

    def name_path(self, row: FileRow, tops: Sequence[str] = ()) -> str:
        """``root/<name>/<name>``, the file's own name last; nothing above a file of ``tops``."""
        return "/".join([ROOT, *(name for _, name, _ in reversed(self._path(row, tops)))])

    def dir_size(self, row: FileRow) -> tuple[int, int, int]:
        """Bytes, folders and files below a folder."""
        number = self._number(row.drive_id)
        assert number is not None
        with self._reading() as reader:
            return reader.dir_size(number, row.file_id)

    # Share links

    def create_share(
        self,
        drive_id: str,
        file_id_list: Sequence[str],
        *,
        creator: str = "",
        share_pwd: str = "",
        expiration: datetime | None = None,
        share_name: str | None = None,
        **more: Any,
    ) -> str:
        """Share files and folders of one drive, and return the link's id.

        Args:
            drive_id: the drive.
            file_id_list: what is shared, at least one; ``root`` shares the whole drive.
            creator: a user id; the drive's owner if it is empty.
            share_pwd: needed to get a share token; empty for none.
            expiration: when the link ends; None for never.
            share_name: the first file's name if it is left out.
            more: further members under the names of the wire.
        """
        drive = self.drive(drive_id)
        if drive is None:
            raise Missing(f"there is no drive {drive_id}")
        if not file_id_list:
            raise InvalidRequest("file_id_list: share at least one file")
        names = [
            drive_id if file_id == ROOT else self._there(drive_id, file_id).name
            for file_id in file_id_list
        ]
        share_id = "".join(secrets.choice(_SHARE_ID) for _ in range(11))
        now = self._now()
        wire = {
            "share_pwd": share_pwd,
            "share_name": names[0] if share_name is None else share_name,
            "expiration": "" if expiration is None else render_time(expiration),
            "creator": creator or drive.owner,
            "created_at": now,
            "updated_at": now,
            **more,
        }
        with self._writing() as connection:
            connection.execute(
                "INSERT INTO share VALUES (?, ?, ?, 0, ?)",
                (share_id, drive_id, " ".join(file_id_list), _encode(wire)),
            )
        return share_id

    def share(self, share_id: str) -> Share | None:
        """The share link, also a cancelled or expired one."""
        found = self._read(
            "SELECT drive_id, file_ids, cancelled, json FROM share WHERE share_id = ?", (share_id,)
        )
        if not found:
            return None
        drive_id, file_ids, cancelled, json = found[0]
        wire = _decode(json)
        return Share(
            share_id=share_id,
            drive_id=drive_id,
            file_ids=tuple(file_ids.split()),
            share_pwd=wire.pop("share_pwd"),
            share_name=wire.pop("share_name"),
            expiration=parse_time(wire.pop("expiration")),
            cancelled=bool(cancelled),
            creator=wire.pop("creator"),
            wire=wire,
        )

    def cancel_share(self, share_id: str) -> None:
        """End a share link."""
        with self._writing() as connection:
            connection.execute("UPDATE share SET cancelled = 1 WHERE share_id = ?", (share_id,))

    def in_share(self, share_id: str, file_id: str) -> bool:
        """The file is shared by the link, or lies below something that is, and can be found."""
        share = self.share(share_id)
        row = self._row(share.drive_id, file_id) if share is not None else None
        if share is None or row is None or not row.findable:
            return False
        above = {ROOT, *(each for each, _, _ in self._path(row))}
        return not above.isdisjoint(share.file_ids)

    def list_share_root(
        self,
        share_id: str,
        *,
        order_by: Sequence[OrderTerm],
        limit: int,
        after: Position | None = None,
        query: Query | None = None,
        status: str = "available",
    ) -> Page:
        """What a listing of the link's ``root`` shows: the shared files themselves."""
        share = self.share(share_id)
        if share is None:
            return Page([], None)
        if ROOT in share.file_ids:
            return self.list_children(
                share.drive_id,
                ROOT,
                order_by=order_by,
                limit=limit,
                after=after,
                query=query,
                status=status,
            )
        if status != "available":
            return Page([], None)
        number = self._number(share.drive_id)
        assert number is not None
        with self._reading() as reader:
            return reader.page(
                {share.drive_id: Shelf(FILES, number, number)},
                query,
                order_by,
                limit=limit,
                position=after,
                among=share.file_ids,
            )

    # Contents

    def open_content(self, drive_id: str, file_id: str) -> Content | None:
        """The newest revision's bytes; None if there are none to be had.

        That is: no such file, a folder, or a served file that is gone. Close what you get.
        """
        served = self._origin(drive_id, file_id)
        source: Source | None = None
        if served is not None:
            source = self._open_served(drive_id, file_id, served)
            if source is None:
                return None
        found = self._read(
            "SELECT b.id, b.content, b.origin, b.revision_id, b.content_type, f.size, "
            "f.updated_at "
            "FROM drive d JOIN file f ON f.drive = d.id JOIN body b ON b.id = f.id "
            "WHERE d.drive_id = ? AND f.file_id = ? AND f.type = 'file'",
            (drive_id, file_id),
        )
        if not found:
            return None
        number, kept, origin, revision_id, content_type, size, updated_at = found[0]
        if source is None:
            source = Kept(kept) if kept is not None else Generated(revision_id, size)
        return Content(
            source,
            size=size,
            content_type=content_type or OCTETS,
            revision_id=revision_id,
            modified_at=datetime.fromtimestamp(updated_at / 1000, UTC),
            digests=self._digests,
            # The number too: files of one id in two drives have revisions of one id.
            key=(number, origin or revision_id),
        )

    def attach_tree(self, drive_id: str, tree: Tree) -> None:
        """Read the drive's files from this directory; used by ``serve_tree``."""
        self._trees[drive_id] = tree

    # Inside

    def _now(self) -> str:
        return render_time(datetime.fromtimestamp(self._clock.time(), UTC))

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._files.transaction():
            yield self._writer

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Files change inside: what readers remember of them is void."""
        with self._lock:
            yield
            self._version += 1
            self._counts.clear()
            self._used_sizes.clear()

    @contextmanager
    def _reading(self) -> Iterator[Reader]:
        reader, seen = item = self._readers.get()
        try:
            if seen[0] != self._version:
                seen[0] = self._version
                reader.forget()
            yield reader
        finally:
            self._readers.put(item)

    def _read(self, sql: str, values: tuple[Any, ...]) -> list[Any]:
        with self._reading() as reader:
            return reader.connection.execute(sql, values).fetchall()

    def _one_drive(self, where: str, value: str) -> Drive | None:
        rows = self._read(
            f"SELECT id, drive_id, owner, json FROM drive WHERE {where} LIMIT 1",
            (value,),
        )
        return self._drive(rows[0]) if rows else None

    def _drive(self, row: tuple[int, str, str, bytes]) -> Drive:
        number, drive_id, owner, json = row
        return Drive(drive_id, owner, json[:-1] + b',"used_size":%d}' % self._used_size(number))

    def _used_size(self, drive: int) -> int:
        """The bytes of all files, also of those in the bin; summed up once after each change."""
        key = drive, self._version
        if key not in self._used_sizes:
            rows = self._read(
                "SELECT total(size) FROM file INDEXED BY file_by_size "
                f"WHERE shelf IN (?, ?) AND size > {ABSENT_SQL}",
                (drive, -drive),
            )
            self._used_sizes[key] = min(int(rows[0][0]), LONG_MAX)
        return self._used_sizes[key]

    def _number(self, drive_id: str) -> int | None:
        """The drive's number in the tables; drives are never deleted, so it stays."""
        known = self._numbers.get(drive_id)
        if known is None:
            rows = self._read("SELECT id FROM drive WHERE drive_id = ?", (drive_id,))
            if rows:
                known = self._numbers[drive_id] = rows[0][0]
        return known

    def _shelves(self, drive_ids: Sequence[str]) -> dict[str, Shelf]:
        table = LAGGED if self.lagging else FILES
        numbers = {drive_id: self._number(drive_id) for drive_id in drive_ids}
        return {
            drive_id: Shelf(table, number, number)
            for drive_id, number in numbers.items()
            if number is not None
        }

    def _row(self, drive_id: str, file_id: str) -> FileRow | None:
        number = self._number(drive_id)
        if number is None:
            return None
        with self._reading() as reader:
            return reader.file(number, drive_id, file_id)

    def _there(self, drive_id: str, file_id: str) -> FileRow:
        row = self._row(drive_id, file_id)
        if row is None:
            raise Missing(f"drive {drive_id} has no file {file_id}")
        return row

    def _path(self, row: FileRow, tops: Sequence[str] = ()) -> list[tuple[str, str, int]]:
        number = self._number(row.drive_id)
        assert number is not None
        with self._reading() as reader:
            path = reader.path(number, row.file_id)
        end = next((at for at, (file_id, _, _) in enumerate(path, 1) if file_id in tops), None)
        return path[:end]

    def _origin(self, drive_id: str, file_id: str) -> Origin | None:
        """Where in the served directory the file lies; None if it lies elsewhere."""
        if drive_id not in self._trees:
            return None
        rows = self._read(
            "SELECT b.origin FROM drive d JOIN file f ON f.drive = d.id "
            "JOIN body b ON b.id = f.id WHERE d.drive_id = ? AND f.file_id = ?",
            (drive_id, file_id),
        )
        return Origin.decode(rows[0][0]) if rows and rows[0][0] else None

    def _open_served(self, drive_id: str, file_id: str, origin: Origin) -> Source | None:
        """Open the served file; one that changed since it was last seen is a new revision."""
        opened = self._trees[drive_id].open(origin)
        if opened is None:
            return None
        source, now = opened
        if now != origin:
            with self._changing():
                self._files.seen_again(drive_id, file_id, now)
        return source


_SCAN_ORDER: Final = (F.created_at.asc(),)
