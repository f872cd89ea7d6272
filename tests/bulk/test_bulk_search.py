"""Bulk searches of an emulator, over real sockets."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdsclient import F, InvalidRequest, PDSError
from pdsclient.bulk import SearchJob
from pdsclient.emulator import Fault, Settings

EVERYTHING = 'name match "f"'


def some_files(seed: int) -> list[dict[str, Any]]:
    """Files and folders; many share a second, some lie before 1970."""
    chance = random.Random(seed)
    spread, year = chance.choice([1, 20, 80_000]), chance.choice([1969, 2024])

    def moment() -> str:
        second = chance.randint(0, spread)
        hour, minute = second // 3_600 % 24, second // 60 % 60
        return f"{year}-12-31T{hour:02}:{minute:02}:{second % 60:02}.5Z"

    rows = []
    for number in range(chance.randint(0, 50)):
        row: dict[str, Any] = {"name": f"f{number}", "created_at": moment(), "updated_at": moment()}
        if chance.random() < 0.2:
            row["type"] = "folder"
        else:
            row["size"] = chance.choice([0, 1, number])
        if chance.random() < 0.5:
            row["image_media_metadata"] = {"time": moment()}
        rows.append(row)
    return rows


FAULTS = {
    "reset": Fault.reset(),
    "reset behind the answer": Fault.reset(processed=True),
    "truncated": Fault.truncate(),
    "throttled": Fault.empty(429),
    "busy": Fault.status(503, "ServiceUnavailable", "later"),
    "gateway": Fault.gateway(),
}


@given(data=st.data())
@settings(max_examples=15, deadline=None)
async def test_the_emulator_is_searched_alike_in_parts_and_at_once(
    start: Any, small: Any, data: Any
) -> None:
    """Whatever is unknown or fails on the way: the same hits, in the same order if asked for."""
    switches = Settings(
        pages=data.draw(st.sampled_from(["full", "short", "empty"])),
        end_marker=data.draw(st.sampled_from(["empty", "missing", "null"])),
        empty_items=data.draw(st.sampled_from(["list", "null", "missing"])),
        total_count=data.draw(st.sampled_from(["exact", "missing", "estimated", "wrong"])),
    )
    key = data.draw(st.sampled_from(["created_at", "image_time", "size"]))
    order_by = f"{key} {data.draw(st.sampled_from(['ASC', 'DESC']))},name ASC"
    ordered = data.draw(st.booleans())
    # Three at most, all of which may meet one call: it is sent four times before it fails.
    faults = data.draw(
        st.dictionaries(st.sampled_from(sorted(FAULTS)), st.integers(0, 20), max_size=3)
    )
    with small() as patch:
        patch.setattr("pdsclient.bulk.workers.PAGE", 3)
        async with start(settings=switches) as world:
            await world.emulator.add_files(some_files(data.draw(st.integers(0, 2**32))))
            search = {"drive_id": world.emulator.drive_id, "order_by": order_by}
            plain = await world.client.file.search(query=EVERYTHING, **search).collect()
            sent = len(world.searches)
            for name, after in faults.items():
                world.emulator.faults.add("/file/search", FAULTS[name], after=after)
            async with world.client.bulk_search(
                EVERYTHING, partition=key, ordered=ordered, concurrency=4, **search
            ) as results:
                found = [hit.file.file_id async for hit in results]
            assert results.failures == []
            assert len(world.searches) - sent <= 3 * len(plain) + 200
    expected = [file.file_id for file in plain]
    assert found == expected if ordered else Counter(found) == Counter(expected)


async def test_hits_bear_the_key_of_their_job(world: Any) -> None:
    """A job has the caller's name for it, or its number; defaults fill in what it leaves open."""
    await world.fill(3)
    jobs = ["size = 0", F.size == 1, SearchJob("size = 2", key="two", order_by="name ASC")]
    async with world.client.bulk_search(jobs, drive_id=world.emulator.drive_id) as results:
        found = {hit.job.key: (hit.file.size, hit.job.order_by) async for hit in results}
    assert found == {"0": (0, None), "1": (1, None), "two": (2, "name ASC")}
    assert {search.data["drive_id"] for search in world.searches} == {world.emulator.drive_id}


async def test_jobs_come_in_the_order_they_were_given_when_ordered(world: Any) -> None:
    """Whichever job is answered first."""
    await world.fill(30)
    jobs = [f"size = {29 - number}" for number in range(30)]
    search = world.client.bulk_search(jobs, drive_id=world.emulator.drive_id, ordered=True)
    async with search as results:
        assert [hit.file.size async for hit in results] == list(range(29, -1, -1))


async def test_a_failing_job_leaves_the_others_alone(world: Any) -> None:
    """A drive without permission, a bad query and a refused one: failures with job and reason."""
    await world.fill(5)
    drive = world.emulator.drive_id
    world.emulator.faults.add(
        "/file/search",
        Fault.status(403, "ForbiddenNoPermission.File", "no"),
        when=lambda request: request.data["query"] == "size = 2",
    )
    jobs = [
        SearchJob("size >= 0", key="good"),
        SearchJob("no such field = 3", key="bad"),
        SearchJob("size = 2", key="forbidden"),
        SearchJob("size >= 0", key="nowhere", drive_id="999"),
        SearchJob("size = 4", key="good too"),
    ]
    async with world.client.bulk_search(jobs, drive_id=drive, concurrency=2) as results:
        found = Counter([hit.job.key async for hit in results])
    assert found == {"good": 5, "good too": 1}
    assert {failure.job.key for failure in results.failures} == {"bad", "forbidden", "nowhere"}
    assert all(isinstance(failure.error, PDSError) for failure in results.failures)
    assert results.stats.jobs_failed == 3
    assert results.stats.jobs_done == 2


async def test_a_job_that_fails_half_way_says_where(world: Any, small: Any) -> None:
    """Hits up to there were delivered; the failure has the marker to go on from."""
    await world.fill(9)
    world.emulator.faults.add("/file/search", Fault.status(403, "Forbidden", "no"), after=2)
    with small() as patch:
        patch.setattr("pdsclient.bulk.workers.PAGE", 3)
        search = {"drive_id": world.emulator.drive_id, "order_by": "name ASC"}
        async with world.client.bulk_search("size >= 0", **search) as results:
            found = [hit.file.name async for hit in results]
    (failure,) = results.failures
    assert len(found) == 6
    rest = world.client.file.search(query="size >= 0", marker=failure.marker, **search)
    assert found + [file.name async for file in rest] == [f"file {n:05}.txt" for n in range(9)]


async def test_on_error_raise_ends_everything_with_the_error_of_the_job(world: Any) -> None:
    """The first failure is raised where the hits are taken."""
    await world.fill(3)
    jobs = ["size >= 0", "no such field = 1", *["size >= 0"] * 50]
    search = world.client.bulk_search(
        jobs, drive_id=world.emulator.drive_id, on_error="raise", concurrency=2
    )
    with pytest.raises(InvalidRequest, match="such"):
        async with search as results:
            async for _ in results:
                pass
    assert len(world.searches) < 10


async def test_five_thousand_queued_searches_never_wait_into_a_timeout(world: Any) -> None:
    """Jobs queue outside of the client: no call waits for a slot longer than its timeout."""
    await world.fill(1)
    client = world.connect(token_info=world.emulator.token_info, timeout=5, max_connections=20)
    async with client:
        jobs = ("size >= 0" for _ in range(5_000))
        async with client.bulk_search(
            jobs, drive_id=world.emulator.drive_id, concurrency=20
        ) as results:
            found = [hit async for hit in results]
    assert (len(found), results.failures) == (5_000, [])
    assert results.stats.retries == 0


async def test_a_limit_on_the_rate_is_seen_in_progress(start: Any) -> None:
    """Waiting for the client's pace shows as such."""
    seen: list[Any] = []
    async with start() as world:
        await world.fill(1)
        client = world.connect(token_info=world.emulator.token_info, rate_limit=10)
        async with (
            client,
            client.bulk_search(
                ["size >= 0"] * 30, drive_id=world.emulator.drive_id, progress=seen.append
            ) as results,
        ):
            async for _ in results:
                seen.append(results.stats)
        assert "rate" in {one.waiting_for for one in seen}
    assert max(one.waiting for one in seen) > 1
    assert seen[-1].finished
    assert (seen[-1].hits, seen[-1].waiting_for) == (30, None)


async def test_progress_ends_with_a_finished_snapshot_also_when_left_early(world: Any) -> None:
    """The counts of the moment; nothing is told afterwards."""
    await world.fill(3)
    seen: list[Any] = []
    jobs = ["size >= 0"] * 20
    async with world.client.bulk_search(
        jobs, drive_id=world.emulator.drive_id, progress=seen.append, concurrency=2
    ) as results:
        async for _ in results:
            break
    assert [one.finished for one in seen] == [False] * (len(seen) - 1) + [True]
    with pytest.raises(AttributeError):
        seen[-1].hits = 3
    assert seen[-1] == results.stats


async def test_a_progress_callback_that_raises_is_logged_once(world: Any, caplog: Any) -> None:
    """What shows the work must not end it."""
    await world.fill(3)

    def raising(progress: Any) -> None:
        raise RuntimeError("screen gone")

    async with world.client.bulk_search(
        "size >= 0", drive_id=world.emulator.drive_id, progress=raising
    ) as results:
        found = [hit async for hit in results]
    assert len(found) == 3
    assert [record.message for record in caplog.records if "progress" in record.message] == [
        "the progress callback raised, and is not called any more"
    ]


async def test_max_hits_stops_the_search(world: Any) -> None:
    """Exactly so many are given, also of larger pages and parts; 0 is none."""
    await world.fill(30)
    search = {"drive_id": world.emulator.drive_id, "partition": "created_at"}
    for most in (0, 7, 30, 31):
        async with world.client.bulk_search("size >= 0", max_hits=most, **search) as results:
            assert len([hit async for hit in results]) == min(most, 30)
    async with world.client.bulk_search(["size >= 0"] * 3, max_hits=40, **search) as results:
        assert sum([len(batch.files) async for batch in results.batches()]) == 40


async def test_batches_give_replies_as_they_were_sent(start: Any) -> None:
    """With fields that the models do not know; a reply with null for its items holds none."""
    async with start(settings=Settings(empty_items="null")) as world:
        await world.fill(2)
        jobs = ["size >= 0", "size > 9"]
        async with world.client.bulk_search(
            jobs, drive_id=world.emulator.drive_id, ordered=True
        ) as results:
            pairs = [(batch.key, batch.raw()) async for batch in results.batches()]
    assert [(key, [item["size"] for item in raw]) for key, raw in pairs] == [
        ("0", [1, 0]),
        ("1", []),
    ]


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_an_endless_source_of_jobs_is_read_as_needed(world: Any, asynchronous: bool) -> None:
    """A few jobs ahead of the workers; the generator is closed when the block is left."""
    await world.fill(1)
    given, closed = 0, False

    def endless() -> Any:
        nonlocal given, closed
        try:
            while True:
                given += 1
                yield "size >= 0"
        finally:
            closed = True

    async def async_endless() -> Any:
        source = endless()
        try:
            for job in source:
                yield job
        finally:
            source.close()

    source = async_endless() if asynchronous else endless()
    drive = world.emulator.drive_id
    async with world.client.bulk_search(source, drive_id=drive, concurrency=4) as results:
        taken = 0
        async for _ in results:
            taken += 1
            if taken == 20:
                break
    assert closed
    assert given <= 20 + 4 + 4 + 4


async def test_a_slow_source_of_jobs_holds_nobody_up(world: Any, small: Any) -> None:
    """While it waits, the workers divide the search that there is."""
    await world.fill(40)
    more = asyncio.Event()

    async def source() -> Any:
        yield "size >= 0"
        await more.wait()

    with small() as patch:
        patch.setattr("pdsclient.bulk.workers.PAGE", 3)
        async with world.client.bulk_search(
            source(), drive_id=world.emulator.drive_id, partition="created_at", concurrency=4
        ) as results:
            found = [(await anext(results)).file.size for _ in range(40)]
            more.set()
            assert [hit async for hit in results] == []
    assert sorted(found) == list(range(40))
    assert sum("marker" not in search.data for search in world.searches) > 2, "it was divided"


async def test_what_a_source_of_jobs_raises_reaches_the_consumer(world: Any) -> None:
    """An end of the jobs by mistake must not look like the end of the hits."""
    await world.fill(1)

    def source() -> Any:
        yield "size >= 0"
        raise LookupError("the list of jobs is broken")

    with pytest.raises(LookupError, match="broken"):
        async with world.client.bulk_search(source(), drive_id="1") as results:
            async for _ in results:
                pass
    with pytest.raises(InvalidRequest, match="job 1 is a int"):
        async with world.client.bulk_search(["size >= 0", 3], drive_id="1") as results:
            async for _ in results:
                pass
