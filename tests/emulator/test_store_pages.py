from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdsclient._clock import SystemClock
from pdsclient.emulator import plans
from pdsclient.emulator.store import FileRow, Page, Store
from pdsclient.query import F, OrderTerm, Query

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CALM = settings(deadline=None, max_examples=50)

texts = st.sampled_from(["", "a", "b", "Rep", "report", "REPORT final", "报告", "报告书", "straße"])
dates = st.integers(0, 4).map(lambda hours: NOON + timedelta(hours=hours))
sizes = st.integers(0, 4)


@pytest.fixture(autouse=True, params=["small caps", "usual caps"])
def caps(request: pytest.FixtureRequest) -> Iterator[None]:
    """Small stores would never leave the first plan; with small caps they use all of them."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "small caps":
            patch.setattr(plans, "_page_cap", lambda size, covered, sole: 3)
            patch.setattr(plans, "_count_cap", lambda size, covered: 3)
            patch.setattr(plans, "_FEW", 1)
            patch.setattr(plans, "_NEAR", 2)
            patch.setattr(plans, "_SHORT", 2)
        yield


@st.composite
def rows(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Folders inside each other, and files in them."""
    made: list[dict[str, Any]] = []
    parents = ["root"]
    for number in range(draw(st.integers(0, 12))):
        row: dict[str, Any] = {
            "file_id": f"f{number}",
            "parent_file_id": draw(st.sampled_from(parents)),
            "name": (draw(texts) + draw(texts) or "x")
            + draw(st.sampled_from(["", ".pdf", ".jpg"])),
            "type": draw(st.sampled_from(["file", "file", "folder"])),
            "hidden": draw(st.booleans()),
            "starred": draw(st.booleans()),
            "created_at": draw(dates),
            "updated_at": draw(dates),
            "description": draw(st.none() | texts),
            "custom_type": draw(st.none() | texts),
        }
        if row["type"] == "file":
            row["size"] = draw(sizes)
        else:
            parents.append(row["file_id"])
        if draw(st.booleans()):
            row["image_media_metadata"] = {
                "time": draw(dates).isoformat(),
                "city": draw(texts),
                "image_quality": {"overall_score": draw(sizes) / 4},
            }
        made.append(row)
    return made


conditions = st.one_of(
    st.just(F.hidden),
    st.just(F.starred),
    texts.map(lambda text: F.name == text),
    texts.map(F.name.match),
    texts.map(F.description.match),
    texts.map(lambda text: F.custom_type == text),
    texts.map(F.custom_type.prefix),
    texts.map(lambda text: F.address == text),
    st.lists(st.sampled_from(["pdf", "jpg", "png"]), min_size=1).map(F.file_extension.in_),
    st.sampled_from(["file", "folder"]).map(lambda kind: F.type == kind),
    st.sampled_from(["image", "doc", "others"]).map(lambda kind: F.category == kind),
    st.sampled_from(["root", "f0", "f1", "f2"]).map(lambda top: F.parent_file_id == top),
    sizes.map(lambda size: F.size < size),
    sizes.map(lambda size: F.size >= size),
    sizes.map(lambda size: F.image_overall_score <= size / 4),
    dates.map(lambda date: F.created_at >= date),
    dates.map(lambda date: F.created_at < date),
    dates.map(lambda date: F.updated_at <= date),
    dates.map(lambda date: F.image_time == date),
    st.just(F.status == "available"),
)
queries = st.recursive(
    conditions,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda two: two[0] & two[1]),
        st.tuples(inner, inner).map(lambda two: two[0] | two[1]),
        inner.map(lambda one: ~one),
    ),
    max_leaves=5,
)
orders = st.lists(
    st.tuples(
        st.sampled_from(
            ["name", "type", "created_at", "updated_at", "size", "image_time", "custom_type"]
        ),
        st.booleans(),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda term: term[0],
).map(lambda terms: [OrderTerm(field, descending=descending) for field, descending in terms])


_numbers = count(1)


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    """One for all examples: each has a drive of its own."""
    store = Store(clock=SystemClock())
    yield store
    store.close()


def filled(store: Store, given_rows: list[dict[str, Any]]) -> str:
    """A new drive with these files."""
    drive_id = str(next(_numbers))
    store.put_drive(drive_id, owner="u")
    store.add_files(given_rows, drive_id=drive_id)
    return drive_id


def pages(
    store: Store, drive_ids: list[str], query: Query | None, order: list[OrderTerm], limit: int
) -> Iterator[Page]:
    page = store.search(drive_ids, query, order, limit=limit)
    yield page
    while page.next is not None:
        position = json.loads(json.dumps(page.next))
        page = store.search(drive_ids, query, order, limit=limit, after=position)
        yield page


def sort_key(row: FileRow, field: str) -> tuple[bool, Any]:
    """What the file is sorted by, absent before everything."""
    wire = json.loads(row.json)
    value = wire.get(field)
    if field == "image_time":
        value = wire.get("image_media_metadata", {}).get("time")
    return value not in (None, ""), value or 0


def in_order(rows: list[FileRow], order: list[OrderTerm]) -> bool:
    again = list(rows)
    for term in reversed(order):
        again.sort(key=lambda row: sort_key(row, term.field), reverse=term.descending)
    return again == rows


@CALM
@given(given_rows=rows(), query=queries, order=orders, limit=st.integers(1, 7))
def test_all_pages_together_are_what_the_evaluator_accepts(
    store: Store, given_rows: list[dict[str, Any]], query: Query, order: list[OrderTerm], limit: int
) -> None:
    """Every matching file once, none else, in the order asked for; the count agrees."""
    drive_id = filled(store, given_rows)
    read = [row for page in pages(store, [drive_id], query, order, limit) for row in page.rows]
    every = store.search([drive_id], None, [F.name.asc()], limit=100).rows
    wanted = {row.file_id for row in every if query.matches(json.loads(row.json))}
    assert sorted(row.file_id for row in read) == sorted(wanted)
    assert in_order(read, order)
    assert store.count([drive_id], query) == len(read)


def test_a_file_that_satisfies_both_alternatives_counts_once(store: Store) -> None:
    """The indexes of the alternatives overlap; no row is repeated, and none is lost for it."""
    both = {"hidden": True, "starred": True}
    names = [{"name": "a", **both}, {"name": "b", **both}, {"name": "c", "starred": True}]
    drive_id = filled(store, names)
    either = F.hidden | F.starred
    read = [
        row.name
        for page in pages(store, [drive_id], either, [F.name.asc()], 1)
        for row in page.rows
    ]
    assert read == ["a", "b", "c"]
    assert store.count([drive_id], either) == 3


@CALM
@given(given_rows=rows(), order=orders, limit=st.integers(1, 5), data=st.data())
def test_paging_meets_each_untouched_file_once_whatever_else_changes(
    store: Store,
    given_rows: list[dict[str, Any]],
    order: list[OrderTerm],
    limit: int,
    data: st.DataObject,
) -> None:
    """Inserts and deletes between pages, also of the row at the position, lose and repeat none."""
    drive_id = filled(store, given_rows)
    touched: set[str] = set()
    alive = {row["file_id"] for row in given_rows if row["type"] == "file"}
    read: list[FileRow] = []
    for number, page in enumerate(pages(store, [drive_id], F.type == "file", order, limit)):
        read += page.rows
        last = [row.file_id for row in page.rows[-1:] if row.file_id in alive]
        for file_id in data.draw(st.sets(st.sampled_from(last or sorted(alive) or ["none"]))):
            if file_id in alive:
                store.delete_file(drive_id, file_id)
                alive.discard(file_id)
                touched.add(file_id)
        for extra in range(data.draw(st.integers(0, 2))):
            row = {"name": f"n{number}", "size": data.draw(sizes), "created_at": data.draw(dates)}
            touched.update(
                store.add_files([{**row, "file_id": f"n{number}x{extra}"}], drive_id=drive_id)
            )
    ids = [row.file_id for row in read]
    assert len(ids) == len(set(ids))
    untouched = [row for row in read if row.file_id not in touched]
    assert {row.file_id for row in untouched} == alive - touched
    assert in_order(untouched, order)


@CALM
@given(given_rows=rows(), top=st.sampled_from(["root", "f0", "f1", "f2"]), more=conditions)
def test_a_recursive_search_is_the_search_of_the_subtree(
    store: Store, given_rows: list[dict[str, Any]], top: str, more: Query
) -> None:
    """Alone, negated, and together with any other condition."""
    drive_id = filled(store, given_rows)
    parents = {row["file_id"]: row["parent_file_id"] for row in given_rows}

    def inside(file_id: str) -> bool:
        while file_id != top and file_id in parents:
            file_id = parents[file_id]
        return file_id == top

    def read(query: Query) -> set[str]:
        page = store.search([drive_id], query, [F.size.desc()], limit=100, recursive=True)
        assert store.count([drive_id], query, recursive=True) == len(page.rows)
        return {row.file_id for row in page.rows}

    below = F.parent_file_id == top
    wanted = {file_id for file_id in parents if inside(file_id)}
    assert read(below) == wanted
    assert read(~below) == set(parents) - wanted
    assert read(below & (F.type == "file")) == wanted & read(F.type == "file")
    assert read(below & more) == wanted & read(more)


@CALM
@given(given_rows=rows(), order=orders, limit=st.integers(1, 5))
def test_several_drives_page_as_one(
    store: Store, given_rows: list[dict[str, Any]], order: list[OrderTerm], limit: int
) -> None:
    """Each file of each drive once, in one order."""
    drive_id = filled(store, given_rows)
    other_id = filled(store, given_rows)
    drives = [other_id, drive_id]
    read = [row for page in pages(store, drives, None, order, limit) for row in page.rows]
    assert len({(row.drive_id, row.file_id) for row in read}) == len(read) == 2 * len(given_rows)
    assert in_order(read, order)
