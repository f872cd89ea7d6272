"""Going on where a bulk search ended, however it ended; and refusing to go on with another."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pdsclient import InvalidRequest
from pdsclient.bulk import SearchJob
from pdsclient.emulator import Fault, Settings
from pdsclient.export import JsonlSink

EXPORT = """
import asyncio, sys
from pdsclient import AsyncPDSClient
from pdsclient.bulk import plan, workers
from pdsclient.export import JsonlSink

workers.PAGE, plan.LEAST_TO_CUT, plan.PIECE = 10, 20, 40

async def main(endpoint, token, checkpoint, out, ordered):
    async with AsyncPDSClient(
        api_endpoint=endpoint, token_info={"access_token": token}
    ) as client:
        async with client.bulk_search(
            "size >= 0",
            drive_id="1",
            partition="created_at",
            ordered=ordered == "ordered",
            concurrency=4,
            checkpoint=checkpoint,
        ) as results:
            await results.write_to(JsonlSink(out))

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("ordered", [False, True], ids=["unordered", "ordered"])
async def test_an_export_that_is_killed_again_and_again_is_complete(
    world: Any, tmp_path: Path, ordered: bool
) -> None:
    """Each hit is written once, and of each run at most a page per worker is fetched again."""
    files, pages, workers = 1_000, 100, 4
    ids = await world.fill(files)
    chance = random.Random(7)
    checkpoint, out = tmp_path / "search.ckpt", tmp_path / "hits.jsonl"
    command = [sys.executable, "-c", EXPORT, world.emulator.api_endpoint]
    command += [world.emulator.token_info.access_token, str(checkpoint), str(out)]
    command += ["ordered" if ordered else "unordered"]
    runs = 0
    while not out.exists():
        runs += 1
        enough = len(world.searches) + chance.randint(15, 60)
        process = await asyncio.create_subprocess_exec(*command)
        ended = asyncio.ensure_future(process.wait())
        while not ended.done() and len(world.searches) < enough:
            await asyncio.sleep(0.001)
        if not ended.done():
            process.kill()
        assert await ended in (0, -9)
    rows = list(map(json.loads, out.read_text().splitlines()))
    assert Counter(row["file_id"] for row in rows) == Counter(ids)
    if ordered:
        assert [row["size"] for row in rows] == list(range(files - 1, -1, -1))
    while checkpoint.exists():  # killed between the end of the output and that of the search
        assert await (await asyncio.create_subprocess_exec(*command)).wait() == 0
    assert runs >= 2
    # A worker has a page on the wire, or one that the consumer has not made safe, never both; in
    # order some wait for their turn. A window that is begun, or cut, costs a part of a page.
    ahead = 6 * workers if ordered else 0
    windows = sum("marker" not in search.data for search in world.searches)
    assert len(world.searches) <= pages + windows + runs * (workers + ahead)


async def run(client: Any, path: Path, jobs: Any = "size >= 0", **options: Any) -> list[Any]:
    """Takes everything; gives the hits."""
    async with client.bulk_search(
        jobs, **{"checkpoint": path, "drive_id": "1", **options}
    ) as results:
        return [hit async for hit in results]


@pytest.fixture
def pages_of_three(small: Any) -> Any:
    """Pages are so small that a few files make many."""
    with small() as patch:
        patch.setattr("pdsclient.bulk.workers.PAGE", 3)
        yield


async def interrupted(
    world: Any, path: Path, jobs: Any = "size >= 0", *, hits: int = 20, **options: Any
) -> list[Any]:
    """The hits of a search that is left in the middle, with a checkpoint behind it."""
    found = []
    async with world.client.bulk_search(
        jobs, **{"checkpoint": path, "drive_id": "1", "concurrency": 2, **options}
    ) as results:
        async for hit in results:
            found.append(hit)
            if len(found) == hits:
                break
    assert path.exists()  # noqa: ASYNC240
    return found


JOBS = ["size >= 0", SearchJob("size >= 1", key="second"), "size >= 2"]
OTHERS: dict[str, tuple[Any, dict[str, Any], str]] = {
    "query": (["size >= 0", SearchJob("size >= 9", key="second"), "size >= 2"], {}, "job 1"),
    "key": (["size >= 0", SearchJob("size >= 1", key="other"), "size >= 2"], {}, "job 1"),
    "a job that is done": (["size > 0", *JOBS[1:]], {}, "is not what it was"),
    "one that cannot be sent": (["size", *JOBS[1:]], {}, "is not what it was"),
    "no jobs": ([], {}, "number of jobs"),
    "fewer jobs": (JOBS[:1], {}, "number of jobs"),
    "drive": (JOBS, {"drive_id": "2"}, "is not what it was"),
    "order": (JOBS, {"order_by": "size DESC"}, "is not what it was"),
    "fields": (JOBS, {"fields": "*"}, "is not what it was"),
    "partition": (JOBS, {"partition": "created_at"}, "partition=None, not 'created_at'"),
    "ordered": (JOBS, {"ordered": True}, "ordered=False, not True"),
}


@pytest.mark.parametrize("what", OTHERS)
async def test_another_search_is_refused(
    world: Any, pages_of_three: None, tmp_path: Path, what: str
) -> None:
    """The service ignores a query beside a marker, so results would be mixed; nothing is sent."""
    await world.fill(30)
    path = tmp_path / "c"
    await interrupted(world, path, JOBS, hits=45, concurrency=1)
    known = path.read_bytes()
    sent = len(world.searches)
    jobs, options, message = OTHERS[what]
    with pytest.raises(InvalidRequest, match="checkpoint is that of") as refused:
        await run(world.client, path, jobs, **options)
    assert message in str(refused.value)
    assert len(world.searches) == sent
    assert path.read_bytes() == known


async def test_taking_in_another_way_is_refused(
    world: Any, pages_of_three: None, tmp_path: Path
) -> None:
    """What was taken by a loop is not in the file that a sink would write, and vice versa."""
    await world.fill(30)
    path = tmp_path / "c"
    await interrupted(world, path)
    sink = JsonlSink(tmp_path / "hits.jsonl")
    async with world.client.bulk_search("size >= 0", drive_id="1", checkpoint=path) as results:
        with pytest.raises(InvalidRequest, match="taken by async for"):
            await results.write_to(sink)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is no checkpoint"),
        (b"[]", "it is no checkpoint"),
        (b"\xff\xfe", "it is no checkpoint"),
        (b'{"format": "something else"}', "it is no checkpoint"),
        (b'{"format": "pdsclient bulk search", "version": 999}', "version 999"),
        (b'{"format": "pdsclient bulk search", "version": 1}', "damaged"),
    ],
)
async def test_a_file_that_is_no_checkpoint_is_refused(
    world: Any, tmp_path: Path, content: bytes, message: str
) -> None:
    """With its path and the way out, and it is left as it is."""
    path = tmp_path / "search.ckpt"
    path.write_bytes(content)
    with pytest.raises(InvalidRequest, match=r"search\.ckpt cannot be used") as refused:
        await run(world.client, path)
    assert message in str(refused.value)
    assert path.read_bytes() == content
    assert len(world.searches) == 0


async def test_a_damaged_checkpoint_is_refused_whatever_the_damage(
    world: Any, pages_of_three: None, tmp_path: Path
) -> None:
    """Half a file, and values of other types."""
    await world.fill(30)
    path = tmp_path / "c"
    await interrupted(world, path, partition="created_at")
    whole = path.read_bytes()
    state = json.loads(whole)
    (record,) = state["open"].values()
    assert record["windows"]
    for damaged in (
        whole[: len(whole) // 2],
        json.dumps({**state, "open": 3}).encode(),
        json.dumps({**state, "hits": "many"}).encode(),
    ):
        path.write_bytes(damaged)
        with pytest.raises(InvalidRequest, match="cannot be used"):
            await run(world.client, path, partition="created_at")


async def test_a_folder_that_is_missing_is_named_before_anything_is_sent(
    world: Any, tmp_path: Path
) -> None:
    """Not after an hour, when the first state is to be kept."""
    for path in (tmp_path / "missing" / "c", tmp_path):
        with pytest.raises(InvalidRequest, match="cannot be used"):
            await run(world.client, path)
    assert len(world.searches) == 0


async def test_a_checkpoint_holds_nothing_that_is_not_its_business(
    world: Any, pages_of_three: None, tmp_path: Path
) -> None:
    """No token, no address, no query, no name; and only its owner's folder has it."""
    await world.fill(30)
    path = tmp_path / "c"
    await interrupted(world, path, 'name match "file"', partition="created_at")
    text = path.read_text()
    (record,) = json.loads(text)["open"].values()
    for window in record["windows"]:
        text = text.replace(window.get("place", {}).get("marker") or " ", "")
    token = world.emulator.token_info
    for secret in (token.access_token, token.refresh_token, "http", "match", "file "):
        assert secret not in text


@pytest.mark.parametrize("partition", [None, "created_at", "size"])
async def test_perished_markers_fall_back_to_the_place(
    start: Any, pages_of_three: None, tmp_path: Path, partition: str | None
) -> None:
    """An hour later no marker is taken any more; nothing is lost, little comes twice."""
    async with start(settings=Settings(marker_life_s=60)) as world:
        await world.fill(30)
        path = tmp_path / "c"
        first = await interrupted(world, path, partition=partition)
        world.emulator.clock.advance(3_600)
        second = await run(world.client, path, partition=partition)
    found = Counter(hit.file.size for hit in (*first, *second))
    assert set(found) == set(range(30))
    # By a loop, the pages that were not committed come again.
    assert max(found.values()) <= 2
    assert not path.exists()


async def test_a_service_that_has_forgotten_all_markers_is_asked_by_the_place(
    start: Any, pages_of_three: None, tmp_path: Path
) -> None:
    """As after a restart of the service; a sink then has every hit once."""
    database, out = tmp_path / "pds.db", tmp_path / "hits.jsonl"
    search = {"drive_id": "1", "partition": "size", "checkpoint": tmp_path / "c"}
    async with start(database=database) as world:
        await world.fill(30)
        world.emulator.faults.add("/file/search", Fault.status(403, "Forbidden", "no"), after=5)
        async with world.client.bulk_search("size >= 0", **search) as results:
            await results.write_to(JsonlSink(out))
        assert len(results.failures) == 1
    async with start(database=database) as world:
        async with world.client.bulk_search("size >= 0", **search) as results:
            await results.write_to(JsonlSink(out))
        assert results.failures == []
    sizes = [json.loads(line)["size"] for line in out.read_text().splitlines()]
    assert sorted(sizes) == list(range(30))


async def test_a_marker_that_is_refused_at_once_fails_instead_of_looping(
    world: Any, pages_of_three: None
) -> None:
    """The place is asked for anew once; if that marker is refused too, the job has failed."""
    await world.fill(30)
    world.emulator.faults.add(
        "/file/search",
        Fault.status(400, "InvalidParameter.Marker", "no"),
        times=None,
        when=lambda request: "marker" in request.data,
    )
    async with world.client.bulk_search("size >= 0", drive_id="1") as results:
        found = [hit.file.size async for hit in results]
    # Each page asked for anew by its place brings hits, so it goes on without any marker.
    assert sorted(found) == list(range(30)) or len(results.failures) == 1
    assert len(world.searches) <= 40


async def test_what_failed_is_tried_again_by_the_next_run(
    world: Any, pages_of_three: None, tmp_path: Path
) -> None:
    """The checkpoint stays as long as a job fails; what is done is not asked for again."""
    await world.fill(12)
    path = tmp_path / "c"
    jobs = ["size >= 0", "size >= 6", "nonsense", "size >= 9"]
    fault = world.emulator.faults.add(
        "/file/search",
        Fault.status(403, "Forbidden", "no"),
        times=None,
        when=lambda request: request.data["query"] == "size >= 6" and "marker" in request.data,
    )
    first = await run(world.client, path, jobs)
    assert Counter(hit.job.key for hit in first) == {"0": 12, "1": 3, "3": 3}
    assert path.exists()
    world.emulator.faults.remove(fault)
    sent = len(world.searches)
    second = await run(world.client, path, jobs)
    assert Counter(hit.job.key for hit in second) == {"1": 3}
    assert len(world.searches) - sent == 1
    assert path.exists(), "one job can never be read"


async def test_max_hits_counts_those_of_earlier_runs(
    world: Any, pages_of_three: None, tmp_path: Path
) -> None:
    """The limit is that of the whole search, and reaching it completes the search."""
    await world.fill(30)
    path, out = tmp_path / "c", tmp_path / "hits.jsonl"
    world.emulator.faults.add("/file/search", Fault.status(403, "Forbidden", "no"), after=3)
    for expected in (True, False):
        async with world.client.bulk_search(
            "size >= 0", drive_id="1", checkpoint=path, max_hits=20, concurrency=1
        ) as results:
            await results.write_to(JsonlSink(out))
        assert path.exists() is expected
    sizes = [json.loads(line)["size"] for line in out.read_text().splitlines()]
    assert len(sizes) == len(set(sizes)) == 20


async def test_a_checkpoint_that_cannot_be_written_stops_the_search(
    world: Any, pages_of_three: None, tmp_path: Path
) -> None:
    """A full disk is told to the consumer, who would rely on the place."""
    await world.fill(30)
    path = tmp_path / "folder" / "c"
    path.parent.mkdir()
    with pytest.raises(OSError, match="folder"):
        async with world.client.bulk_search("size >= 0", drive_id="1", checkpoint=path) as results:
            await anext(results)
            path.parent.rmdir()
            async for _ in results:
                pass


def test_an_empty_first_page_does_not_hide_what_is_touched(simulator: Any, kit: Any) -> None:
    """By ``updated_at``: the end from which the last look goes on is that of the first hits."""
    rows = [kit.row(n, 1_000.0 + n) for n in range(40)]
    for seed in range(20):
        drive = kit.drive(rows, kit.habits(page=3, short=True), seed)

        def touch(drive: Any) -> None:
            row = drive.random.choice(drive.rows)
            row["updated_at"] = 2_000.0 + len(drive.asked)
            drive.changed()

        drive.before_each = touch
        found, failures = simulator.collect(drive, "size >= 0", partition="updated_at")
        assert not failures
        assert set(found) == {row["file_id"] for row in rows}
