"""A big load builds its indexes at the end; what comes out is the same as row by row."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdsclient._clock import SystemClock
from pdsclient.emulator import tables
from pdsclient.emulator.blobs import Blobs
from pdsclient.emulator.schema import INDEXES, Database, prepare
from pdsclient.emulator.store import Store
from pdsclient.emulator.tables import Stopped
from pdsclient.emulator.writing import Files
from pdsclient.errors import InvalidRequest
from pdsclient.query import F

NEVER = 10**9


@pytest.fixture(autouse=True)
def small_batches() -> Iterator[pytest.MonkeyPatch]:
    """A load is big from four rows on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "_BATCH", 2)
        patch.setattr(tables, "_BULK", 4)
        yield patch


class Clock:
    """A clock that only tests move."""

    now = 1_700_000_000.0

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now


def opened(database: Path | None = None, **options: Any) -> Store:
    store = Store(database, clock=Clock(), **options)
    store.put_drive("1", owner="u")
    return store


def contents(database: Path) -> dict[str, list[Any]]:
    """Everything that is in the tables and indexes of files, index by index."""
    connection = sqlite3.connect(database)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = connection.execute("SELECT * FROM file JOIN body USING(id) ORDER BY id").fetchall()
        terms = connection.execute("SELECT term, doc FROM file_terms ORDER BY term, doc").fetchall()
        names = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index'")
        return {"rows": rows, "terms": terms, "indexes": sorted(names.fetchall())}
    finally:
        connection.close()


paths = st.lists(st.sampled_from(["a", "b", "Ж", "报告.pdf", "x y.jpg"]), min_size=1, max_size=4)
loads = st.lists(st.lists(paths.map("/".join), max_size=14), max_size=3)


@settings(deadline=None, max_examples=30)
@given(given_loads=loads)
def test_a_big_load_is_the_same_as_a_small_one(given_loads: list[list[str]]) -> None:
    """Rows, ids, folders of paths, and every index; also with folders of an earlier load."""
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        databases = []
        for bulk in (4, NEVER):
            patch.setattr(tables, "_BULK", bulk)
            databases.append(Path(folder, f"{bulk}.db"))
            store = opened(databases[-1])
            for load in given_loads:
                store.add_files([{"path": path} for path in load], drive_id="1")
            store.close()
        assert contents(databases[0]) == contents(databases[1])


def test_a_search_after_a_big_load_uses_the_new_indexes() -> None:
    """Everything is found by readers that were there before."""
    store = opened()
    assert store.count(["1"], None) == 0
    store.add_files([{"name": f"{n:03} report.pdf", "size": n} for n in range(300)], drive_id="1")
    page = store.search(["1"], F.name.match("report"), [F.size.desc()], limit=2)
    assert [row.size for row in page.rows] == [299, 298]
    assert store.count(["1"], F.name.match("29")) == 13
    store.close()


def test_a_big_load_goes_into_folders_that_were_there() -> None:
    """By id and by path, after the indexes that know them are gone."""
    store = opened()
    (old,) = store.add_files([{"path": "old/deep", "type": "folder"}], drive_id="1")
    rows = [{"name": f"{n}", "size": 1} for n in range(20)]
    last = [{"name": "by id", "parent_file_id": old}, {"path": "old/deep/by path"}]
    ids = store.add_files([*rows, *last], drive_id="1")
    below = store.list_children("1", old, order_by=[F.name.asc()], limit=9)
    assert [row.name for row in below.rows] == ["by id", "by path"]
    assert [row.file_id for row in below.rows] == ids[-2:]
    store.close()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"name": "x", "file_id": "f3"}, "the drive has a file with this id already"),
        ({"name": "x", "parent_file_id": "nowhere"}, r"rows\[20\].parent_file_id: .* no folder"),
        ({"name": ""}, r"rows\[20\].name: "),
    ],
)
def test_a_big_load_that_fails_leaves_all_as_it_was(row: dict[str, Any], message: str) -> None:
    """All or none; the indexes are there for what comes after."""
    store = opened()
    store.add_files([{"name": "before"}], drive_id="1")
    rows = [{"name": f"{n}", "file_id": f"f{n}"} for n in range(20)]
    with pytest.raises(InvalidRequest, match=message):
        store.add_files([*rows, row], drive_id="1")
    page = store.search(["1"], None, [F.name.asc()], limit=9)
    assert [found.name for found in page.rows] == ["before"]
    store.add_files(rows, drive_id="1")
    assert store.count(["1"], None) == 21
    store.close()


def test_a_lagging_search_learns_of_a_big_load() -> None:
    """After the delay it finds the files as they are then, without those that are gone."""
    store = opened(index_delay_s=5)
    ids = store.add_files([{"name": f"{n:02}.txt", "size": n} for n in range(30)], drive_id="1")
    store.update_file("1", ids[3], {"name": "renamed"})
    store.delete_file("1", ids[4])
    store.catch_up()
    assert store.count(["1"], None) == 0
    store._clock.now += 5  # type: ignore[attr-defined]
    store.catch_up()
    assert store.count(["1"], None) == 29
    assert store.count(["1"], F.name.match("re")) == 1
    store.trash_file("1", ids[3])
    store.delete_file("1", ids[5])
    store.add_files([{"name": "new"}], drive_id="1")
    store._clock.now += 5  # type: ignore[attr-defined]
    store.catch_up()
    names = [row.name for row in store.search(["1"], None, [F.name.asc()], limit=99).rows]
    assert len(names) == 28
    assert {"new", "renamed", "03.txt", "04.txt", "05.txt"} & set(names) == {"new"}
    store.close()


def test_a_store_that_closes_does_not_wait_for_a_big_load() -> None:
    """The load ends with nothing added."""
    store = opened()

    def endless() -> Iterator[dict[str, Any]]:
        yield {"name": "first"}
        store.stop()
        while True:
            yield {"name": "more"}

    with pytest.raises(Stopped):
        store.add_files(endless(), drive_id="1")
    assert store.count(["1"], None) == 0
    store.close()


@pytest.mark.parametrize("pages", [90, 130, 180])
def test_a_full_database_is_said(tmp_path: Path, pages: int) -> None:
    """With what to do, wherever in the load the room runs out; nothing is added."""
    place = Database(tmp_path / "small.db")
    connection = place.connect()
    prepare(connection, place.aside, {})
    connection.execute("INSERT INTO drive VALUES (1, '1', 'u', 0, '{}')")
    connection.execute(f"PRAGMA max_page_count = {pages}")
    files = Files(
        connection,
        clock=SystemClock(),
        domain_id="bj1",
        index_delay_s=0,
        match_mode="substring",
        blobs=Blobs(None),
    )
    with pytest.raises(InvalidRequest, match="database: there is no room for more"):
        files.add_synthetic("1", 2000, 1)
    assert connection.execute("SELECT count(*) FROM file").fetchone() == (0,)
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    assert {f"file_{name}" for name in INDEXES} <= names
    connection.close()


def test_readers_and_writers_in_memory_never_wait_for_each_other_in_a_ring() -> None:
    """Memory is two databases: each thread holds neither or both."""
    store = opened()
    ids = store.add_files([{"name": f"{n}"} for n in range(50)], drive_id="1")

    def read() -> None:
        for _ in range(150):
            store.search(["1"], F.name.match("1"), [F.name.asc()], limit=20)
            store.get_file("1", ids[0])

    with ThreadPoolExecutor(3) as pool:
        readers = [pool.submit(read) for _ in range(3)]
        for number in range(100):
            store.update_file("1", ids[number % 50], {"name": f"{number} again"})
        for reader in readers:
            reader.result(timeout=30)
    store.close()
