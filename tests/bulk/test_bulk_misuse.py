"""Mistakes of callers, servers and disks: a word on what is wrong, and nothing is lost."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import pytest

from pdsclient import AsyncPDSClient, InvalidRequest
from pdsclient.bulk.checkpoint import CheckpointFile
from pdsclient.emulator import Fault
from pdsclient.export import JsonlSink, ParquetSink

TOKEN = {"access_token": "the-access-token"}


def client() -> AsyncPDSClient:
    """A client that reaches nobody."""
    return AsyncPDSClient(api_endpoint="http://127.0.0.1:1", token_info=TOKEN)


@pytest.mark.parametrize(
    ("sink", "checkpoint"),
    [
        (JsonlSink, "hits.jsonl"),
        (JsonlSink, "hits.jsonl.part"),
        (ParquetSink, "hits.parquet.part.new"),
    ],
)
async def test_a_checkpoint_in_the_place_of_the_output_is_refused(
    tmp_path: Path, sink: Any, checkpoint: str
) -> None:
    """At the end the checkpoint is deleted, and would take all hits with it."""
    out = tmp_path / checkpoint.partition(".part")[0]
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    async with client().bulk_search(
        "size > 1", drive_id="1", checkpoint=link / checkpoint
    ) as results:
        with pytest.raises(InvalidRequest, match="choose another path"):
            await results.write_to(sink(out))
    assert os.listdir(tmp_path) == ["link"]


@pytest.mark.parametrize("checkpoint", ["", "/", "a\0b"], ids=["empty", "root", "nul"])
def test_a_checkpoint_that_is_no_path_of_a_file_is_refused(checkpoint: str) -> None:
    """At the call, like all other arguments."""
    with pytest.raises(InvalidRequest, match="checkpoint must be the path of a file"):
        client().bulk_search("size > 1", drive_id="1", checkpoint=checkpoint)


@pytest.mark.parametrize("sink", ["hits.jsonl", None, io.BytesIO()], ids=["path", "none", "file"])
async def test_what_is_no_sink_is_refused_with_the_way_to_get_one(sink: Any) -> None:
    """A path is the first thing that one tries; the search can still be taken."""
    async with client().bulk_search([], drive_id="1") as results:
        with pytest.raises(InvalidRequest, match="sink_for"):
            await results.write_to(sink)
        assert [hit async for hit in results] == []


def test_a_coroutine_function_is_no_progress_callback() -> None:
    """It would never run: nobody awaits what it returns."""

    async def show(_: Any) -> None:
        raise AssertionError("it is not called")

    with pytest.raises(InvalidRequest, match="plain function"):
        client().bulk_search("size > 1", drive_id="1", progress=show)


async def test_a_file_of_queries_stays_open() -> None:
    """Whoever opened it closes it; only a generator has nobody else who could end it."""
    queries = io.StringIO("size >\nsize >\n")
    async with client().bulk_search(queries, drive_id="1") as results:
        assert [hit async for hit in results] == []
    assert len(results.failures) == 2
    assert not queries.closed


@pytest.mark.parametrize("total", ["many", 1.5, True, -5, 10**30, [], None])
async def test_a_total_that_is_no_number_costs_no_hit(
    world: Any, tmp_path: Path, total: Any
) -> None:
    """It only says where to cut, so the search goes on as if there were none."""
    page = {"items": [{"file_id": "1", "size": 3}], "next_marker": "", "total_count": total}
    world.emulator.faults.add("/file/search", Fault.json(page), times=None)
    search = world.client.bulk_search(
        "size >= 0", drive_id="1", partition="size", checkpoint=tmp_path / "c", progress=str
    )
    async with search as results:
        assert [hit.file.file_id async for hit in results] == ["1"]
    assert results.failures == []


def test_a_full_disk_names_the_checkpoint_and_keeps_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a state is removed: it is of no use, and a full disk needs the room."""
    file = CheckpointFile(tmp_path / "c")
    file.save(b"before")

    def fill(path: Path, data: bytes) -> int:
        with path.open("wb") as half:
            half.write(data[:3])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fill)
    with pytest.raises(OSError, match="No space left") as told:
        file.save(b"behind")
    assert told.value.filename == str(tmp_path / "c")
    assert os.listdir(tmp_path) == ["c"]
    assert file.path.read_bytes() == b"before"
