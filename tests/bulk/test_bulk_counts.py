"""What a bulk search asks for, and what it refuses to go on from."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pdsclient import DecodeError, InvalidRequest


def rows(kit: Any, count: int) -> list[dict[str, Any]]:
    return [kit.row(number, 1_000.0 + number) for number in range(count)]


def test_totals_are_asked_for_only_if_somebody_wants_them(simulator: Any, kit: Any) -> None:
    """To count costs the service more than a page: parts and progress need it, nothing else."""
    for options, wanted in [({}, False), ({"partition": "created_at"}, True)]:
        drive = kit.drive(rows(kit, 9), kit.habits(page=4), 1)
        simulator.collect(drive, "size >= 0", **options)
        first = [asked for asked in drive.asked if "marker" not in asked and asked["limit"] > 1]
        assert {asked.get("return_total_count", False) for asked in first} == {wanted}
        assert not any("return_total_count" in one for one in drive.asked if "marker" in one)


def test_replies_without_ids_are_a_clear_failure(simulator: Any, kit: Any) -> None:
    """Hits that cannot be told from each other would be taken for one."""
    drive = kit.drive(rows(kit, 9), kit.habits(page=2, hides=frozenset({"file_id"})), 1)
    _, failures = simulator.collect(drive, "size >= 0")
    assert [type(failure.error) for failure in failures] == [DecodeError]
    assert "file_id" in str(failures[0].error)


def test_another_number_of_hits_is_no_continuation(
    simulator: Any, kit: Any, new_path: Callable[[], Path]
) -> None:
    """The last page may have been handed on in part."""
    drive, checkpoint, sink = kit.drive(rows(kit, 30), kit.habits(), 1), new_path(), kit.memory()
    sink.lives = 8
    assert simulator.write(drive, "size >= 0", sink, checkpoint, max_hits=20) is None
    sink.lives = None
    with pytest.raises(InvalidRequest, match="max_hits=20, not 25"):
        simulator.write(drive, "size >= 0", sink, checkpoint, max_hits=25)
    assert simulator.write(drive, "size >= 0", sink, checkpoint, max_hits=20) == []
    assert len(sink.rows) == 20


async def test_an_endless_source_of_bad_jobs_does_not_stop_the_loop(world: Any) -> None:
    """Each is a failure, and others get on between them."""

    def bad() -> Iterator[str]:
        while True:
            yield "size >"

    async with world.client.bulk_search(bad(), drive_id="1") as results:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                async for _ in results:
                    raise AssertionError("there are no hits")
        assert results.failures


@pytest.mark.parametrize("package", ["pandas", "polars"])
async def test_a_missing_package_is_told_before_anything_is_sent(
    world: Any, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Millions of hits would be read for nothing."""
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr("pdsclient.bulk.search.find_spec", lambda name: None)
    before = len(world.emulator.requests)
    async with world.client.bulk_search("size >= 0", drive_id="1") as results:
        with pytest.raises(InvalidRequest, match=f"pip install '{package}'"):
            await getattr(results, f"to_{package}")()
    assert len(world.emulator.requests) == before


class SlowSink:
    """Takes its time to begin, or refuses to."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.begun, self.go = asyncio.Event(), asyncio.Event()
        self.calls: list[Any] = []
        self._refuses = refuses

    async def start(self, position: Any) -> None:
        self.begun.set()
        if self._refuses:
            raise InvalidRequest("this sink is in use")
        await self.go.wait()
        self.calls.append("started")

    async def write(self, batches: Any) -> dict[str, Any]:
        raise AssertionError("nobody asked for hits")

    async def finish(self) -> None:
        raise AssertionError("there is nothing to finish")

    async def aclose(self, *, keep: bool) -> None:
        self.calls.append(("closed", keep))


async def test_a_search_that_is_cancelled_while_its_sink_begins_closes_it(world: Any) -> None:
    """What the sink had opened by then is let go of, and nothing was sent."""
    sink, before = SlowSink(), len(world.emulator.requests)
    async with world.client.bulk_search("size >= 0", drive_id="1") as results:
        writing = asyncio.ensure_future(results.write_to(sink))
        await sink.begun.wait()
        writing.cancel()
        await asyncio.sleep(0)
        sink.go.set()
        with pytest.raises(asyncio.CancelledError):
            await writing
    assert sink.calls == ["started", ("closed", False)]
    assert len(world.emulator.requests) == before


async def test_a_sink_that_refuses_is_left_to_its_owner(world: Any) -> None:
    """Another search may be writing to it at this moment."""
    sink = SlowSink(refuses=True)
    async with world.client.bulk_search("size >= 0", drive_id="1") as results:
        with pytest.raises(InvalidRequest, match="in use"):
            await results.write_to(sink)
    assert sink.calls == []
