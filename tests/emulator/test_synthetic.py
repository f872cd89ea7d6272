"""Made-up drives: always the same, plausible, and files like any others."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pdsclient._clock import SystemClock
from pdsclient.emulator.store import Store
from pdsclient.emulator.synthetic import synthetic_files
from pdsclient.errors import InvalidRequest
from pdsclient.query import F, parse_query

COUNT = 2000
QUERIES = [
    'name = "Report.ppt"',
    'name match "Report"',
    'name match "报告"',
    'name match "7"',
    'created_at < "2019-01-14T00:00:00"',
    'created_at >= "2019-01-01T00:00:00" and created_at < "2021-01-01T00:00:00"',
    "size > 1024 and hidden = false and not file_extension = 'mp4'",
    'file_extension in ["jpg", "png", "gif"]',
    'image_time < "2018-01-01T00:00:00"',
    "image_overall_score > 0.5",
    'address = "Hangzhou" or label = "客户"',
    'description match "合同"',
    'last_access_at > "2020-01-01T00:00:00"',
    "starred = true",
    'type = "folder" and not hidden = true',
]


def made(count: int = COUNT, seed: int = 1) -> list[dict[str, Any]]:
    return [made.wire for made in synthetic_files(count, seed, drive_id="1", domain_id="bj1")]


@pytest.fixture(scope="module")
def files() -> list[dict[str, Any]]:
    return made()


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    store = new_store()
    store.add_synthetic("1", COUNT, 1)
    yield store
    store.close()


def new_store(database: Path | None = None) -> Store:
    store = Store(database, clock=SystemClock())
    store.put_drive("1", owner="u")
    return store


def test_a_seed_always_makes_the_same_files(files: list[dict[str, Any]]) -> None:
    """On every machine and Python, to the last byte: benchmarks and bug reports rely on it."""
    text = json.dumps(files, ensure_ascii=False, separators=(",", ":"))
    assert hashlib.sha256(text.encode()).hexdigest() == (
        "dac7306342096a70202dd52e5eaf9d12d7796da0323dd3e61d2c606907bf53e9"
    )


def test_other_seeds_make_other_files(files: list[dict[str, Any]]) -> None:
    """Neither ids nor names are the same."""
    others = made(seed=2)
    assert {file["file_id"] for file in files}.isdisjoint(file["file_id"] for file in others)
    assert [file["name"] for file in files] != [file["name"] for file in others]


@pytest.mark.parametrize("count", [0, 1, 3, 8, 50, 499])
def test_there_are_as_many_as_asked_for(count: int) -> None:
    """Also when there are too few for a whole drive."""
    assert len({file["file_id"] for file in made(count)}) == count


def test_every_file_lies_in_a_folder_that_is_there_already(files: list[dict[str, Any]]) -> None:
    """Folders come first, and are some levels deep."""
    depths = {"root": 0}
    for file in files:
        depth = depths[file["parent_file_id"]] + 1
        if file["type"] == "folder":
            depths[file["file_id"]] = depth
    assert 4 <= max(depths.values()) <= 12
    children = Counter(file["parent_file_id"] for file in files)
    assert children.most_common(1)[0][1] > COUNT / 100


def test_the_files_look_like_those_of_people(files: list[dict[str, Any]]) -> None:
    """Ten years, every category, several scripts, and sizes of all magnitudes."""
    only = [file for file in files if file["type"] == "file"]
    assert {file["created_at"][:4] for file in files} == {str(year) for year in range(2016, 2026)}
    assert all(file["updated_at"] >= file["created_at"] for file in files)
    assert Counter(file["category"] for file in only).keys() >= {"image", "doc", "video", "zip"}
    names = "".join(file["name"] for file in files)
    assert all(letter in names for letter in "e报ü告ч議의✅ ")
    sizes = sorted(file["size"] for file in only)
    assert sizes[len(only) // 20] * 1000 < sizes[-len(only) // 20]
    photos = [file for file in only if "image_media_metadata" in file]
    assert len(only) / 10 < len(photos) < len(only) / 2
    assert all(file["image_media_metadata"]["time"] <= file["created_at"] for file in photos)
    assert 0 < sum(file["hidden"] for file in files) < COUNT / 20
    assert 0 < sum(file["starred"] for file in files) < COUNT / 20


def test_an_import_puts_many_files_into_one_second(files: list[dict[str, Any]]) -> None:
    """The biggest one holds two files of a hundred: windows of time cannot part them."""
    seconds = Counter(file["created_at"][:19] for file in files)
    (_, biggest), (_, second) = seconds.most_common(2)
    assert biggest >= COUNT * 0.02
    assert second >= COUNT * 0.01


def test_they_are_stored_as_if_somebody_had_added_them(
    files: list[dict[str, Any]], tmp_path: Path
) -> None:
    """Every column and every byte that is sent, as when the same is given to ``add_files``."""
    one, other = new_store(tmp_path / "one.db"), new_store(tmp_path / "other.db")
    one.add_synthetic("1", COUNT, 1)
    other.add_files(files, drive_id="1")
    one.close()
    other.close()
    assert stored(tmp_path / "one.db") == stored(tmp_path / "other.db")


def stored(database: Path) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(database)
    try:
        return connection.execute("SELECT * FROM file JOIN body USING(id) ORDER BY id").fetchall()
    finally:
        connection.close()


@pytest.mark.parametrize("text", QUERIES)
def test_searches_find_what_the_evaluator_accepts(
    text: str, store: Store, files: list[dict[str, Any]]
) -> None:
    """Each query finds some of them, and exactly those that it should."""
    query = parse_query(text)
    wanted = {file["file_id"] for file in files if query.matches(file)}
    page = store.search(["1"], query, [F.created_at.desc()], limit=COUNT)
    assert {row.file_id for row in page.rows} == wanted
    assert wanted or text.startswith("name =")
    assert store.count(["1"], query) == len(wanted)


def test_a_listing_shows_what_is_in_a_folder(store: Store, files: list[dict[str, Any]]) -> None:
    """The folder with most files, in every order."""
    (parent, count), *_ = Counter(file["parent_file_id"] for file in files).most_common(1)
    wanted = {file["file_id"] for file in files if file["parent_file_id"] == parent}
    for order in (F.created_at.desc(), F.created_at.asc(), F.name.asc(), F.size.desc()):
        page = store.list_children("1", parent, order_by=[order], limit=count)
        assert {row.file_id for row in page.rows} == wanted
        assert page.next is None


def test_a_seed_serves_once_in_a_drive(store: Store) -> None:
    """The ids would be the same; another seed, or another drive, is fine."""
    with pytest.raises(InvalidRequest, match="drive 1 has the files of seed 1 already"):
        store.add_synthetic("1", 5, 1)
    store.put_drive("2", owner="u")
    store.add_synthetic("2", 5, 1)
    store.add_synthetic("2", 5, 2)
    assert store.count(["2"], None) == 10


@pytest.mark.parametrize(
    ("arguments", "field"),
    [(("1", -1), "count"), (("1", 2.5), "count"), (("1", 1, True), "seed"), (("9", 1), "drive_id")],
)
def test_impossible_wishes_are_refused(store: Store, arguments: Any, field: str) -> None:
    """By the name of the argument."""
    with pytest.raises(InvalidRequest, match=f"^{field}: "):
        store.add_synthetic(*arguments)


async def test_an_emulator_fills_its_drive(api: Any) -> None:
    """Over HTTP they are found, listed and got, and their contents are there to be read."""
    await api.emulator.add_synthetic(300, seed=5)
    got = await api.search('type = "file" and size < 100000', return_total_count=True, limit=100)
    assert got.data["total_count"] == len(got.data["items"]) > 10
    file = got.data["items"][0]
    one = await api.post("/file/get", {"drive_id": "1", "file_id": file["file_id"]})
    assert one.data["content_hash_name"] == "sha1" or file["size"] > 4096
    listed = await api.post(
        "/file/list", {"drive_id": "1", "parent_file_id": file["parent_file_id"], "limit": 100}
    )
    assert file["file_id"] in [item["file_id"] for item in listed.data["items"]]
    url = await api.post("/file/get_download_url", {"drive_id": "1", "file_id": file["file_id"]})
    assert len((await api.send("GET", url.data["url"])).body) == file["size"]


def test_the_command_line_makes_them(tmp_path: Path) -> None:
    """``--synthetic`` fills the drive before the endpoint is printed."""
    database = tmp_path / "pds.db"
    command = ["emulator", "--synthetic", "120", "--seed", "1", "--database", str(database)]
    process = subprocess.Popen(
        [sys.executable, "-m", "pdsclient", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(5)]
    process.terminate()
    assert (process.communicate(timeout=20)[1], process.returncode) == ("", 0)
    assert "made up    120 files and folders\n" in said
    rows = stored(database)
    assert [row[3] for row in rows] == [file["file_id"] for file in made(120)]
