"""Servers that do not keep to the rules: a failure says so, and no hit is lost in silence."""

from __future__ import annotations

from typing import Any

import pytest

from pdsclient import DecodeError
from pdsclient.emulator import Fault

PARTITIONS = ["created_at", "updated_at", "size"]


@pytest.mark.parametrize("key", PARTITIONS)
def test_an_order_that_is_ignored_loses_no_hit_in_silence(
    simulator: Any, kit: Any, key: str
) -> None:
    """Parts cannot be told from each other then: the job fails, or it has everything."""
    failed = 0
    for seed in range(30):
        rows = [kit.row(n, 1_000.0 + n * 37 % 101) for n in range(3 + seed * 2)]
        drive = kit.drive(rows, kit.habits(page=4, sorts=False), seed)
        found, failures = simulator.collect(drive, "size >= 0", partition=key, concurrency=4)
        failed += bool(failures)
        for failure in failures:
            assert isinstance(failure.error, DecodeError)
            assert "order" in str(failure.error)
        assert failures or set(found) == {row["file_id"] for row in rows}
    assert failed > 10


@pytest.mark.parametrize("lacking", ["first", "last"])
def test_replies_without_the_key_of_the_parts_are_a_clear_failure(
    simulator: Any, kit: Any, lacking: str
) -> None:
    """The message names the key and what to do."""
    rows = [kit.row(n, 1_000.0 + n, image_time=2_000.0 + n) for n in range(30)]
    drive = kit.drive(rows, kit.habits(lacking=lacking, hides=frozenset({"image_time"})))
    _, failures = simulator.collect(drive, "size >= 0", partition="image_time")
    (failure,) = failures
    assert "image_time" in str(failure.error)
    assert "fields" in str(failure.error)


@pytest.mark.parametrize("partition", [None, "created_at"])
@pytest.mark.parametrize("markers", [["A"], ["A", "B"]], ids=["same", "cycle"])
async def test_markers_in_a_circle_fail_the_job(
    world: Any, markers: list[str], partition: str | None
) -> None:
    """Reading on would never end; the hits so far were delivered."""
    rows = [
        {"drive_id": "1", "file_id": f"f{n}", "name": "f", "created_at": "2024-01-01T00:00:00Z"}
        for n in range(2)
    ]
    for number in range(10):
        reply = {"items": rows, "next_marker": markers[number % len(markers)]}
        world.emulator.faults.add("/file/search", Fault.json(reply))
    async with world.client.bulk_search("size >= 0", drive_id="1", partition=partition) as results:
        found = [hit.file.file_id async for hit in results]
    (failure,) = results.failures
    assert isinstance(failure.error, DecodeError)
    assert "marker" in str(failure.error)
    assert set(found) == {"f0", "f1"}
    assert len(world.searches) <= 3


@pytest.mark.parametrize("partition", [None, "created_at"])
async def test_empty_pages_with_a_marker_are_read_over(world: Any, partition: str | None) -> None:
    """Also with null for their items; an empty text ends the listing."""
    row = {"drive_id": "1", "file_id": "f", "name": "f", "created_at": "2024-01-01T00:00:00Z"}
    for reply in (
        {"items": [], "next_marker": "1"},
        {"items": None, "next_marker": "2"},
        {"next_marker": "3"},
        {"items": [None, row], "next_marker": "4"},
        {"items": [], "next_marker": ""},
    ):
        world.emulator.faults.add("/file/search", Fault.json(reply))
    async with world.client.bulk_search("size >= 0", drive_id="1", partition=partition) as results:
        assert [hit.file.file_id async for hit in results] == ["f"]
    assert results.failures == []
    assert len(world.searches) == 5


def test_pages_that_are_always_empty_end_in_a_failure(simulator: Any, kit: Any) -> None:
    """A thousand empty pages in a row are no listing that ends."""
    drive = kit.drive([], kit.habits(endless=True), most=1_001)
    found, failures = simulator.collect(drive, "size >= 0")
    (failure,) = failures
    assert found == []
    assert "1,000 pages in a row" in str(failure.error)


@pytest.mark.parametrize("totals", ["missing", "zero", "huge"])
def test_without_a_total_that_is_right_a_search_is_divided_all_the_same(
    simulator: Any, kit: Any, totals: str
) -> None:
    """The number of requests stays near that of the pages."""
    rows = [kit.row(n, 1_000.0 + n) for n in range(400)]
    drive = kit.drive(rows, kit.habits(page=4, totals=totals))
    found, failures = simulator.collect(drive, "size >= 0", partition="created_at", concurrency=8)
    assert not failures
    assert sorted(found) == sorted(row["file_id"] for row in rows)
    firsts = sum("marker" not in data for data in drive.asked)
    assert 5 < firsts
    assert len(drive.asked) <= 3 * 100 + 200


def test_thousands_of_files_in_one_second_are_divided_by_another_key(
    simulator: Any, kit: Any
) -> None:
    """By size, and few requests more than there are pages."""
    rows = [kit.row(n, 1_000.0) for n in range(400)]
    drive = kit.drive(rows, kit.habits(page=4))
    found, failures = simulator.collect(drive, "size >= 0", partition="created_at", concurrency=8)
    assert not failures
    assert sorted(found) == sorted(row["file_id"] for row in rows)
    assert sum("size" in data["order_by"] for data in drive.asked) > 50
    assert len(drive.asked) <= 1.5 * 100
