from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pdsclient._crc64 import crc64
from pdsclient.emulator.store import Missing, Page, Store
from pdsclient.errors import InvalidRequest
from pdsclient.query import F, Query, parse_query

BY_NAME = [F.name.asc()]
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Clock:
    """A clock that only tests move."""

    def __init__(self) -> None:
        self.now = NOON.timestamp()

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock) -> Iterator[Store]:
    store = new_store(clock)
    yield store
    store.close()


def new_store(clock: Clock, **settings: Any) -> Store:
    store = Store(clock=clock, **settings)
    store.put_drive("1", owner="u1", default=True)
    return store


def add(store: Store, *rows: dict[str, Any]) -> list[str]:
    return store.add_files(rows, drive_id="1")


def found(store: Store, query: Query | str | None, **how: Any) -> list[str]:
    parsed = parse_query(query) if isinstance(query, str) else query
    return names(store.search(["1"], parsed, BY_NAME, limit=100, **how))


def names(page: Page) -> list[str]:
    return [row.name for row in page.rows]


def wire(store: Store, file_id: str) -> dict[str, Any]:
    row = store.get_file("1", file_id)
    assert row is not None
    file: dict[str, Any] = json.loads(row.json)
    return file


# The rows and the table of pds-service.md 15.
VECTORS: list[dict[str, Any]] = [
    {"name": "Report.ppt", "size": 2000, "created_at": "2019-01-14T03:00:00Z"},
    {"name": "photo.JPG", "size": 500, "starred": True},
    {"name": "Reports", "type": "folder"},
    {"name": 'a"b\\c.txt', "size": 0, "hidden": True},
]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('name = "Report.ppt"', ["Report.ppt"]),
        ('name match "Report"', ["Report.ppt", "Reports"]),
        ('name match "rEPORT."', ["Report.ppt"]),
        ('name match "rt"', ["Report.ppt", "Reports"]),
        (
            'created_at > "2019-01-14T00:00:00" and created_at < "2019-01-15T00:00:00"',
            ["Report.ppt"],
        ),
        ("size > 1024 and hidden = false and not file_extension = 'mp4'", ["Report.ppt"]),
        ("not hidden = true and type = 'file'", ["Report.ppt", "photo.JPG"]),
        ('type = "folder" or size >= 500 and starred = true', ["Reports", "photo.JPG"]),
        ('(type = "folder" or size >= 500) and starred = true', ["photo.JPG"]),
        ('file_extension in ["ppt","jpg"]', ["Report.ppt", "photo.JPG"]),
        (r'name = "a\"b\\c.txt"', ['a"b\\c.txt']),
        ("size >= 0", ["Report.ppt", 'a"b\\c.txt', "photo.JPG"]),
        ("not size >= 0", ["Reports"]),
        ('status = "available" and category = "image"', ["photo.JPG"]),
    ],
)
def test_the_service_reference_vectors_are_found(
    store: Store, query: str, expected: list[str]
) -> None:
    """Each query of the reference finds the files that it names, and counts them."""
    add(store, *VECTORS)
    assert found(store, query) == expected
    assert store.count(["1"], parse_query(query)) == len(expected)


def test_a_name_is_enough_for_a_file(store: Store) -> None:
    """Everything else that the service sends is filled in."""
    (file_id,) = add(store, {"name": "Holiday.JPG"})
    file = wire(store, file_id)
    assert list(file)[:2] == ["drive_id", "domain_id"]
    assert file == {
        "drive_id": "1",
        "domain_id": "bj1",
        "file_id": file_id,
        "parent_file_id": "root",
        "name": "Holiday.JPG",
        "type": "file",
        "status": "available",
        "hidden": False,
        "starred": False,
        "created_at": "2026-03-01T12:00:00.000Z",
        "updated_at": "2026-03-01T12:00:00.000Z",
        "content_type": "image/jpeg",
        "mime_type": "image/jpeg",
        "mime_extension": "jpg",
        "file_extension": "jpg",
        "category": "image",
        "size": 0,
        "revision_id": file["revision_id"],
        "content_hash": hashlib.sha1(b"").hexdigest().upper(),
        "content_hash_name": "sha1",
    }
    assert len(file_id) == len(file["revision_id"]) == 40


def test_a_folder_has_no_size_and_no_hash(store: Store) -> None:
    """What only files have is left out of a folder."""
    (file_id,) = add(store, {"name": "a.b", "type": "folder"})
    assert not {"size", "file_extension", "category", "content_hash", "revision_id"} & set(
        wire(store, file_id)
    )


def test_paths_create_the_folders_they_need_once(store: Store) -> None:
    """Files below the same path share its folders, also in a later call and beside given ones."""
    add(store, {"path": "a/b/1.txt"}, {"path": "/a/b/2.txt"}, {"path": "a/3.txt"})
    add(store, {"path": "a/b/4.txt"})
    assert found(store, F.type == "folder") == ["a", "b"]
    row = store.search(["1"], F.name == "4.txt", BY_NAME, limit=1).rows[0]
    assert store.name_path(row) == "root/a/b/4.txt"
    assert store.id_path(row).split("/")[-1] == row.file_id
    assert len(store.id_path(row).split("/")) == 4


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({}, "name"),
        ({"name": "a/b"}, "name"),
        ({"name": "\ud800"}, "name"),
        ({"name": "x" * 1025}, "name"),
        ({"name": "a", "size": -1}, "size"),
        ({"name": "a", "size": True}, "size"),
        ({"name": "a", "type": "link"}, "type"),
        ({"name": "a", "created_at": "yesterday"}, "created_at"),
        ({"name": "a", "hidden": 1}, "hidden"),
        ({"name": "a", "labels": "one"}, "labels"),
        ({"name": "a", "parent_file_id": "nowhere"}, "parent_file_id"),
        ({"name": "a", "file_id": "NOT HEX"}, "file_id"),
        ({"name": "a", "file_id": "root"}, "file_id"),
        ({"name": "a", "content": "text"}, "content"),
        ({"name": "a", "drive_id": "9"}, "drive_id"),
        ({"name": "a", "description": 5}, "description"),
        ({"name": "a", "user_tags": object()}, "JSON"),
    ],
)
def test_an_impossible_row_is_refused_by_index_and_field(
    store: Store, row: dict[str, Any], message: str
) -> None:
    """Nothing of a batch with a bad row is kept."""
    with pytest.raises(InvalidRequest, match=message):
        add(store, {"name": "good"}, row)
    assert found(store, None) == []
    add(store, {"name": "good"})
    assert found(store, F.name.match("good")) == ["good"]


def test_the_same_id_twice_in_a_drive_is_refused(store: Store) -> None:
    """Ids are unique within a drive, not beyond it."""
    store.put_drive("2", owner="u1")
    add(store, {"name": "a", "file_id": "f1"})
    with pytest.raises(InvalidRequest, match="file_id"):
        add(store, {"name": "b", "file_id": "f1"})
    store.add_files([{"name": "b", "file_id": "f1"}], drive_id="2")


def test_uploading_and_trashed_files_are_never_found(store: Store) -> None:
    """Search, count, list and scan know available files only; get knows all."""
    up, bin_, _ = add(
        store, {"name": "up", "status": "uploading"}, {"name": "bin"}, {"name": "there"}
    )
    store.trash_file("1", bin_)
    assert found(store, None) == ["there"]
    assert store.count(["1"], None) == 1
    assert names(store.list_children("1", "root", order_by=BY_NAME, limit=9)) == ["there"]
    assert names(store.scan("1", limit=9)) == ["there"]
    trashed = store.get_file("1", bin_)
    assert trashed is not None
    assert trashed.trashed_at
    assert not trashed.findable
    uploading = store.list_children("1", "root", order_by=BY_NAME, limit=9, status="uploading")
    assert names(uploading) == ["up"]
    store.set_status("1", up, "available")
    store.restore_file("1", bin_)
    assert found(store, None) == ["bin", "there", "up"]


def test_a_trashed_folder_takes_its_subtree_along(store: Store) -> None:
    """What was trashed by itself stays in the bin when the folder comes back."""
    inner, outer, _ = add(store, {"path": "a/b/inner"}, {"path": "a/outer"}, {"name": "other"})
    store.trash_file("1", inner)
    folder = store.search(["1"], F.name == "a", BY_NAME, limit=1).rows[0].file_id
    store.trash_file("1", folder)
    assert found(store, None) == ["other"]
    row = store.get_file("1", outer)
    assert row is not None
    assert row.trashed_at is None
    assert not row.findable
    store.restore_file("1", folder)
    assert found(store, None) == ["a", "b", "other", "outer"]


def test_what_is_restored_from_a_trashed_folder_gets_one_of_the_same_name(store: Store) -> None:
    """Its folder is in the bin, so it would not be found there; its neighbours follow it."""
    inner, other = add(store, {"path": "a/inner"}, {"path": "a/other"})
    folder = store.search(["1"], F.name == "a", BY_NAME, limit=1).rows[0].file_id
    store.trash_file("1", inner)
    store.trash_file("1", other)
    store.trash_file("1", folder)
    store.restore_file("1", inner)
    made = wire(store, inner)["parent_file_id"]
    assert made != folder
    assert (wire(store, made)["name"], wire(store, made)["parent_file_id"]) == ("a", "root")
    store.restore_file("1", other)
    assert wire(store, other)["parent_file_id"] == made
    assert found(store, None) == ["a", "inner", "other"]


def test_what_is_restored_from_a_deleted_folder_goes_to_the_root(store: Store) -> None:
    """What is in the bin by itself outlives its folder, with all that is below it."""
    inner, deep = add(store, {"path": "a/inner"}, {"path": "a/b/deep"})
    by_name = {row.name: row.file_id for row in store.search(["1"], None, BY_NAME, limit=9).rows}
    store.trash_file("1", inner)
    store.trash_file("1", by_name["b"])
    assert store.delete_file("1", by_name["a"]) == 1
    store.restore_file("1", inner)
    store.restore_file("1", by_name["b"])
    assert wire(store, inner)["parent_file_id"] == "root"
    assert wire(store, by_name["b"])["parent_file_id"] == "root"
    assert wire(store, deep)["parent_file_id"] == by_name["b"]
    assert found(store, None) == ["b", "deep", "inner"]


def test_a_deleted_folder_is_gone_with_its_subtree(store: Store) -> None:
    """Neither get nor search knows anything below it."""
    (inner,) = add(store, {"path": "a/b/inner"})
    folder = store.search(["1"], F.name == "a", BY_NAME, limit=1).rows[0].file_id
    store.delete_file("1", folder)
    assert store.get_file("1", inner) is None
    assert found(store, None) == []
    assert found(store, F.name.match("inner")) == []
    with pytest.raises(Missing):
        store.delete_file("1", folder)


def test_a_renamed_file_is_found_by_its_new_name_only(store: Store) -> None:
    """The columns and the trigram index follow the name."""
    (file_id,) = add(store, {"name": "before.txt"})
    store.update_file("1", file_id, {"name": "after.png", "starred": True})
    assert found(store, F.name.match("before")) == []
    assert found(store, F.name.match("after")) == ["after.png"]
    file = wire(store, file_id)
    assert (file["category"], file["mime_type"]) == ("image", "image/png")
    assert found(store, "starred = true") == ["after.png"]


def test_new_content_makes_a_new_revision(store: Store, clock: Clock) -> None:
    """Size, hashes, revision and time of change follow the content."""
    (file_id,) = add(store, {"name": "a.txt", "content": b"one"})
    first = wire(store, file_id)
    clock.now += 5
    store.update_file("1", file_id, {"content": b"three"})
    second = wire(store, file_id)
    assert (first["size"], second["size"]) == (3, 5)
    assert second["content_hash"] == hashlib.sha1(b"three").hexdigest().upper()
    assert second["crc64_hash"] == str(crc64(b"three"))
    assert first["revision_id"] != second["revision_id"]
    assert second["updated_at"] == "2026-03-01T12:00:05.000Z"


@pytest.mark.parametrize(
    "changes",
    [
        {"parent_file_id": "root"},
        {"type": "folder"},
        {"created_at": None},
        {"name": ""},
        {"size": "big"},
        {"content": "text"},
    ],
)
def test_an_impossible_change_is_refused(store: Store, changes: dict[str, Any]) -> None:
    """The message names the member, and the file stays as it was."""
    (file_id,) = add(store, {"name": "a"})
    before = wire(store, file_id)
    with pytest.raises(InvalidRequest, match=next(iter(changes))):
        store.update_file("1", file_id, changes)
    assert wire(store, file_id) == before


def test_a_folder_takes_no_content(store: Store) -> None:
    """Neither when it is added nor later."""
    with pytest.raises(InvalidRequest, match="content"):
        add(store, {"name": "a", "type": "folder", "content": b"x"})
    (folder,) = add(store, {"name": "a", "type": "folder"})
    with pytest.raises(InvalidRequest, match="content"):
        store.update_file("1", folder, {"content": b"x"})


def test_a_member_is_removed_with_none(store: Store) -> None:
    """It is absent from the file and from the search."""
    (file_id,) = add(store, {"name": "a", "description": "words"})
    store.update_file("1", file_id, {"description": None})
    assert "description" not in wire(store, file_id)
    assert found(store, 'description match "words"') == []


def test_a_folder_cannot_move_into_itself(store: Store) -> None:
    """Neither into itself, nor below itself, nor into a file."""
    add(store, {"path": "a/b/c.txt"}, {"name": "d.txt"})
    ids = {row.name: row.file_id for row in store.search(["1"], None, BY_NAME, limit=9).rows}
    for target in ("a", "b", "d.txt"):
        with pytest.raises(InvalidRequest, match="to_parent_file_id"):
            store.move_file("1", ids["a"], ids[target])
    with pytest.raises(Missing):
        store.move_file("1", ids["a"], "nowhere")
    row = store.move_file("1", ids["b"], "root")
    assert store.name_path(row) == "root/b"


def test_recursive_search_finds_the_subtree_and_its_top(store: Store) -> None:
    """pds-service.md 5.6: the folder itself is found as well; without it only the children."""
    add(store, {"path": "a/b/deep.txt"}, {"path": "a/flat.txt"}, {"name": "other.txt"})
    folder = store.search(["1"], F.name == "a", BY_NAME, limit=1).rows[0].file_id
    inside = F.parent_file_id == folder
    assert found(store, inside) == ["b", "flat.txt"]
    assert found(store, inside, recursive=True) == ["a", "b", "deep.txt", "flat.txt"]
    assert found(store, inside & (F.type == "file"), recursive=True) == ["deep.txt", "flat.txt"]
    assert found(store, ~inside, recursive=True) == ["other.txt"]
    assert store.count(["1"], inside, recursive=True) == 4
    everything = found(store, F.parent_file_id == "root", recursive=True)
    assert everything == ["a", "b", "deep.txt", "flat.txt", "other.txt"]
    either = F.parent_file_id.in_([folder, "nowhere"])
    assert found(store, either, recursive=True) == ["a", "b", "deep.txt", "flat.txt"]


def test_recursive_search_follows_a_moved_folder(store: Store) -> None:
    """What was worked out for one page is not used after a change."""
    add(store, {"path": "a/b/deep.txt"})
    ids = {row.name: row.file_id for row in store.search(["1"], None, BY_NAME, limit=9).rows}
    inside = F.parent_file_id == ids["a"]
    assert found(store, inside, recursive=True) == ["a", "b", "deep.txt"]
    store.move_file("1", ids["b"], "root")
    assert found(store, inside, recursive=True) == ["a"]


def test_several_drives_are_searched_as_one(store: Store) -> None:
    """One order, one keyset; an unknown drive adds nothing."""
    store.put_drive("2", owner="u1")
    add(store, {"name": "a"}, {"name": "c"})
    store.add_files([{"name": "b"}, {"name": "d"}], drive_id="2")
    first = store.search(["1", "2", "9"], None, [F.name.desc()], limit=3)
    rest = store.search(["1", "2", "9"], None, [F.name.desc()], limit=3, after=first.next)
    assert names(first) + names(rest) == ["d", "c", "b", "a"]
    assert [row.drive_id for row in first.rows] == ["2", "1", "2"]
    assert rest.next is None
    assert store.count(["1", "2", "9"], None) == 4


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ([F.size.asc()], ["folder", "small", "big"]),
        ([F.size.desc()], ["big", "small", "folder"]),
        ([F.custom_type.asc()], ["folder", "small", "big"]),
        ([F.custom_type.desc()], ["big", "small", "folder"]),
        ([F.type.asc(), F.size.asc()], ["small", "big", "folder"]),
        ([F.image_time.desc(), F.name.asc()], ["big", "folder", "small"]),
    ],
)
def test_an_absent_key_sorts_first_ascending(
    store: Store, order: list[Any], expected: list[str]
) -> None:
    """Pages of one row go through the absent keys without losing any."""
    add(
        store,
        {"name": "folder", "type": "folder"},
        {"name": "small", "size": 1, "custom_type": "w"},
        {
            "name": "big",
            "size": 2,
            "custom_type": "x",
            "image_media_metadata": {"time": "2020-01-01T00:00:00Z"},
        },
    )
    page, seen = store.search(["1"], None, order, limit=1), []
    while page.next is not None:
        seen += names(page)
        page = store.search(["1"], None, order, limit=1, after=json.loads(json.dumps(page.next)))
    seen += names(page)
    assert seen == expected


def test_values_inside_metadata_are_found(store: Store) -> None:
    """Tags, faces, places, capture time and score lie deeper in a file."""
    add(
        store,
        {"name": "plain"},
        {
            "name": "photo",
            "labels": ["beach", "sun"],
            "image_media_metadata": {
                "time": "2021-06-01T10:00:00+08:00",
                "city": "Hangzhou",
                "image_quality": {"overall_score": 0.75},
                "faces_thumbnail": [{"face_group_id": "g1"}],
            },
        },
    )
    for query in (
        'label = "sun"',
        'label in ["x", "beach"]',
        'address = "Hangzhou"',
        'face_group_id = "g1"',
        "image_overall_score > 0.5",
        'image_time = "2021-06-01T02:00:00"',
    ):
        assert found(store, query) == ["photo"], query
        assert found(store, f"not {query}") == ["plain"], query


def test_description_is_matched_term_by_term(store: Store) -> None:
    """Every word must occur, in any order."""
    add(store, {"name": "a", "description": "The Quick brown fox"}, {"name": "b"})
    assert found(store, 'description match "fox quick"') == ["a"]
    assert found(store, 'description match "fox slow"') == []


def test_token_mode_matches_beginnings_of_words(clock: Clock) -> None:
    """pds-service.md 5.5: letters and digits are words, each other character is one by itself."""
    store = new_store(clock, match_mode="tokens")
    add(store, {"name": "k中"}, {"name": "jk"}, {"name": "Final report.pdf"})
    assert found(store, F.name.match("k")) == ["k中"]
    assert found(store, F.name.match("中")) == ["k中"]
    assert found(store, F.name.match("rep final")) == ["Final report.pdf"]
    assert found(store, F.name.match("port")) == []
    store.close()


def test_chinese_names_are_matched_by_one_and_by_many_characters(store: Store) -> None:
    """The trigram index answers from three characters on, the table below that."""
    add(store, {"name": "年度财务报告.pdf"}, {"name": "会议.txt"})
    for needle in ("报", "报告", "财务报告", "务报告."):
        assert found(store, F.name.match(needle)) == ["年度财务报告.pdf"]


def test_search_lags_behind_get_and_list(clock: Clock) -> None:
    """pds-service.md 5.9: creates, renames, moves and deletes reach the index later, in turn."""
    store = new_store(clock, index_delay_s=2)
    (file_id,) = add(store, {"name": "one"})
    assert store.lagging
    assert found(store, None) == []
    assert names(store.list_children("1", "root", order_by=BY_NAME, limit=9)) == ["one"]

    clock.now += 1
    store.update_file("1", file_id, {"name": "two"})
    clock.now += 1
    store.catch_up()
    assert found(store, None) == ["one"]
    assert found(store, F.name.match("one")) == ["one"]

    clock.now += 1
    store.catch_up()
    assert found(store, F.name.match("two")) == ["two"]
    assert found(store, F.name.match("one")) == []

    store.delete_file("1", file_id)
    assert store.get_file("1", file_id) is None
    assert found(store, None) == ["two"]
    clock.now += 2
    store.catch_up()
    assert found(store, None) == []
    assert store.count(["1"], None) == 0
    store.close()


def test_a_lagging_search_forgets_a_trashed_folder_later(clock: Clock) -> None:
    """The whole subtree lingers until the change is due."""
    store = new_store(clock, index_delay_s=2)
    add(store, {"path": "a/b.txt"})
    clock.now += 2
    store.catch_up()
    folder = store.search(["1"], F.name == "a", BY_NAME, limit=1).rows[0].file_id
    store.trash_file("1", folder)
    assert found(store, None) == ["a", "b.txt"]
    clock.now += 2
    store.catch_up()
    assert found(store, None) == []
    store.close()


def test_drives_belong_to_users(store: Store) -> None:
    """Owners and those who were let in have access; one drive of each owner is the default."""
    store.put_drive("2", owner="u1", drive_name="second", default=True, total_size=100)
    store.put_drive("3", owner="u2")
    store.grant("3", "u1")
    store.grant("3", "u1")
    first, following = store.drives_of("u1", limit=1)
    rest, end = store.drives_of("u1", limit=1, after=following)
    assert [drive.drive_id for drive in first + rest] == ["1", "2"]
    assert end is None
    default = store.default_drive("u1")
    assert default is not None
    assert default.drive_id == "2"
    assert store.may_access("u1", "3")
    assert not store.may_access("u2", "1")
    assert store.drive("9") is None
    assert store.default_drive("u9") is None
    store.add_files([{"name": "a", "size": 7}, {"path": "b/c", "size": 5}], drive_id="2")
    known = store.drive("2")
    assert known is not None
    file = json.loads(known.json)
    assert (file["used_size"], file["total_size"], file["drive_name"]) == (12, 100, "second")


def test_a_share_shows_its_files_and_what_is_below(store: Store) -> None:
    """Listing the root of a share gives the shared items; the rest of the drive is outside."""
    inner, beside, other = add(store, {"path": "a/b/inner"}, {"name": "beside"}, {"name": "other"})
    folder = store.search(["1"], F.name == "a", BY_NAME, limit=1).rows[0].file_id
    share_id = store.create_share("1", [folder, beside], share_pwd="p", expiration=NOON)
    share = store.share(share_id)
    assert share is not None
    assert len(share_id) == 11
    assert (share.share_name, share.share_pwd, share.expiration) == ("a", "p", NOON)
    assert (share.creator, share.cancelled) == ("u1", False)
    assert store.in_share(share_id, inner)
    assert store.in_share(share_id, beside)
    assert not store.in_share(share_id, other)
    first = store.list_share_root(share_id, order_by=BY_NAME, limit=1)
    rest = store.list_share_root(share_id, order_by=BY_NAME, limit=1, after=first.next)
    assert names(first) + names(rest) == ["a", "beside"]
    store.trash_file("1", folder)
    assert not store.in_share(share_id, inner)
    store.cancel_share(share_id)
    cancelled = store.share(share_id)
    assert cancelled is not None
    assert cancelled.cancelled
    assert store.share("nope") is None
    assert not store.in_share("nope", inner)


def test_a_share_of_the_root_is_the_whole_drive(store: Store) -> None:
    """Its listing is that of the drive."""
    inner, _ = add(store, {"path": "a/inner"}, {"name": "b"})
    share_id = store.create_share("1", ["root"])
    assert names(store.list_share_root(share_id, order_by=BY_NAME, limit=9)) == ["a", "b"]
    assert store.in_share(share_id, inner)


def test_only_what_exists_can_be_shared(store: Store) -> None:
    """A share names at least one file of a drive."""
    with pytest.raises(InvalidRequest, match="file_id_list"):
        store.create_share("1", [])
    with pytest.raises(Missing):
        store.create_share("1", ["nowhere"])
    with pytest.raises(Missing):
        store.create_share("9", ["root"])


def test_dir_size_sums_the_subtree(store: Store) -> None:
    """Bytes, folders and files, without what is in the bin."""
    _, gone = add(store, {"path": "a/b/c", "size": 5}, {"path": "a/d", "size": 7})
    row = store.search(["1"], F.name == "a", BY_NAME, limit=1).rows[0]
    assert store.dir_size(row) == (12, 1, 2)
    store.trash_file("1", gone)
    assert store.dir_size(row) == (5, 1, 1)


def test_extras_are_apart_from_the_file(store: Store) -> None:
    """Creator and modifier are shown on request only; the owner stands in for unknown ones."""
    plain, told = add(store, {"name": "a"}, {"name": "b", "creator_name": "Ann"})
    assert "creator_name" not in wire(store, told)
    row = store.get_file("1", told)
    other = store.get_file("1", plain)
    assert row is not None
    assert other is not None
    assert store.extras(row)["creator_name"] == "Ann"
    assert store.extras(other)["creator_id"] == "u1"
    store.update_file("1", told, {"starred": True})
    assert store.extras(row)["creator_name"] == "Ann"


def test_scan_gives_the_documented_default_fields(store: Store) -> None:
    """pds-service.md 6.4: no name unless it is asked for."""
    add(store, {"name": "a", "size": 3})
    assert "name" not in json.loads(store.scan("1", limit=9).rows[0].json)
    assert json.loads(store.scan("1", limit=9, names={"name"}).rows[0].json)["name"] == "a"
    assert store.scan("9", limit=9) == Page([], None)


def test_kept_content_is_read_in_parts(store: Store) -> None:
    """Bytes, digests and revision are those of the file."""
    (file_id,) = add(store, {"name": "a.txt", "content": b"123456789"})
    content = store.open_content("1", file_id)
    assert content is not None
    with content:
        assert content.size == 9
        assert content.read(2, 3) == b"345"
        assert content.read(8, 100) == b"9"
        assert content.read(9, 1) == b""
        assert content.crc64() == str(0x995DC9BBDF1939FA)
        assert content.sha1() == hashlib.sha1(b"123456789").hexdigest().upper()
        assert content.content_type == "text/plain"
        assert content.modified_at == NOON
    assert wire(store, file_id)["revision_id"] == content.revision_id


def test_kept_content_outweighs_what_is_said_about_it(store: Store) -> None:
    """Size and hash are those of the bytes, also where a row claims others."""
    (file_id,) = add(store, {"name": "a", "content": b"abc", "size": 9, "content_hash": "00"})
    file = wire(store, file_id)
    assert (file["size"], file["content_hash"]) == (3, hashlib.sha1(b"abc").hexdigest().upper())


@pytest.mark.parametrize("size", [0, 1, 8, 9, 4096, 65536, 65537, 200_001])
def test_made_up_content_is_the_same_however_it_is_read(store: Store, size: int) -> None:
    """Parts of any length and place make up the whole, and the hash is the true one."""
    (file_id,) = add(store, {"name": "a.bin", "size": size})
    content = store.open_content("1", file_id)
    assert content is not None
    whole = content.read(0, size + 10)
    assert len(whole) == size
    parts = b"".join(content.read(at, 7777) for at in range(0, size, 7777))
    assert parts == whole
    assert content.sha1() == hashlib.sha1(whole).hexdigest().upper()
    said = wire(store, file_id).get("content_hash")
    assert said in (None, content.sha1())
    assert (said is None) == (size > 4096)


def test_a_folder_has_no_content(store: Store) -> None:
    """Nor has a file that does not exist."""
    (folder,) = add(store, {"name": "a", "type": "folder"})
    assert store.open_content("1", folder) is None
    assert store.open_content("1", "nowhere") is None
    assert store.open_content("9", "nowhere") is None


def test_the_checksum_is_crc_64_xz() -> None:
    """The published check value, also when computed in parts."""
    assert crc64(b"123456789") == 0x995DC9BBDF1939FA
    assert crc64(b"6789", crc64(b"12345")) == 0x995DC9BBDF1939FA
    assert crc64(b"") == 0


def test_a_position_of_another_order_is_refused(store: Store) -> None:
    """A marker belongs to the order that it was made for."""
    add(store, {"name": "a"}, {"name": "b"})
    page = store.search(["1"], None, BY_NAME, limit=1)
    with pytest.raises(InvalidRequest, match="order"):
        store.search(["1"], None, [F.type.asc(), F.size.asc()], limit=1, after=page.next)


def test_a_count_is_exact_after_each_change(store: Store) -> None:
    """A remembered count does not outlive the next change."""
    add(store, {"name": "a"})
    assert store.count(["1"], F.name == "a") == 1
    add(store, {"name": "a"})
    assert store.count(["1"], F.name == "a") == 2


def test_a_database_file_is_kept(tmp_path: Path, clock: Clock) -> None:
    """A second store over the same file finds everything, under the same settings only."""
    place = tmp_path / "with space & ünicode.db"
    store = new_store(clock, database=place)
    add(store, {"path": "a/b.txt", "content": b"x"})
    store.close()
    store.close()
    again = new_store(clock, database=place)
    assert found(again, None) == ["a", "b.txt"]
    add(again, {"name": "c"})
    assert found(again, F.name.match("b.t")) == ["b.txt"]
    again.close()
    with pytest.raises(InvalidRequest, match="match_mode"):
        new_store(clock, database=place, match_mode="tokens")


def test_a_database_of_another_layout_is_refused(tmp_path: Path, clock: Clock) -> None:
    """Tables and indexes are those of one version; the message says what to do."""
    database = tmp_path / "old.db"
    Store(database, clock=clock).close()
    connection = sqlite3.connect(database)
    connection.execute("DELETE FROM meta WHERE key = 'layout'")
    connection.commit()
    connection.close()
    with pytest.raises(InvalidRequest, match=r"layout: .* a new file"):
        Store(database, clock=clock)


def test_readers_and_the_writer_work_side_by_side(store: Store) -> None:
    """Two reading threads see whole changes only, and nobody is locked out."""
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            assert store.count(["1"], F.name == "pair") % 2 == 0
            assert len(store.search(["1"], None, BY_NAME, limit=100).rows) % 2 == 0

    with ThreadPoolExecutor(2) as readers:
        reading = [readers.submit(read) for _ in range(2)]
        for _ in range(20):
            add(store, {"name": "pair"}, {"name": "pair"})
        done.set()
        for each in reading:
            each.result()
    assert store.count(["1"], None) == 40


def test_a_file_comes_back_from_below_many_trashed_folders(store: Store) -> None:
    """The folders of its whole path are made again, and shared by what comes after it."""
    path = "/".join(["d"] * 150)
    first, second = add(store, {"path": f"{path}/first"}, {"path": f"{path}/second"})
    top = store.list_children("1", "root", order_by=BY_NAME, limit=1).rows[0].file_id
    for file_id in (first, second, top):
        store.trash_file("1", file_id)
    store.restore_file("1", first)
    store.restore_file("1", second)
    row = store.get_file("1", first)
    assert row is not None
    assert store.name_path(row) == f"root/{path}/first"
    assert wire(store, first)["parent_file_id"] == wire(store, second)["parent_file_id"]
