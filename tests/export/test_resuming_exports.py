"""Going on after a kill: at whatever instant it came, the file holds each row exactly once."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from attrs import define
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pdsclient.errors import InvalidRequest
from pdsclient.export import CsvSink, JsonlSink, ParquetSink, sink_for

SUFFIXES = ["jsonl", "csv", "parquet", "jsonl.gz", "csv.zst"]
each_suffix = pytest.mark.parametrize("suffix", SUFFIXES)


def content(path: Path) -> Any:
    data = path.read_bytes()
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    if path.suffix == ".gz":
        return gzip.decompress(data)
    if path.suffix == ".zst":
        return pa.CompressedInputStream(pa.BufferReader(data), "zstd").read()
    return data


async def run(sink: Any, groups: list[Any], position: Any = None) -> list[Any]:
    await sink.start(position)
    positions = [await sink.write(group) for group in groups]
    await sink.finish()
    await sink.aclose(keep=False)
    return positions


def tear(path: Path, data: bytes) -> None:
    """What a process leaves that is killed in the middle of a write, or of making a new file."""
    with open(f"{path}.part", "ab") as file:
        file.write(data)
    Path(f"{path}.part.new").write_bytes(data)


@define
class Kill:
    """A run that dies: how much it writes, what it leaves torn, how old its checkpoint is."""

    groups: int
    torn: bytes
    lag: int
    finishes: bool


kills = st.builds(
    Kill,
    st.integers(0, 4),
    st.sampled_from([b"", b"\0" * 9, b'{"file_id":"to', b"\x1f\x8b\x08" * 20]),
    st.integers(0, 3),
    st.booleans(),
)
groups_of_pages = st.lists(st.lists(st.integers(0, 3), max_size=3), min_size=1, max_size=6)


@each_suffix
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(shape=groups_of_pages, deaths=st.lists(kills, max_size=3))
def test_killed_runs_and_an_undisturbed_one_make_the_same_file(suffix, page, shape, deaths) -> None:
    """Rows torn in half, checkpoints that lag behind, and runs that had finished change nothing."""
    count = iter(range(1000))
    groups = [
        [page([{"file_id": f"{next(count)}\n", "size": i} for i in range(n)]) for n in group]
        for group in shape
    ]
    asyncio.run(_compare(suffix, groups, deaths))


async def _compare(suffix: str, groups: list[Any], deaths: list[Kill]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        calm, wild = (Path(directory, f"{name}.{suffix}") for name in ("calm", "wild"))
        await run(sink_for(calm), groups)
        # The positions behind each group so far; the last one kept is where a run goes on.
        saved: list[Any] = [None]
        for death in deaths:
            await _live_and_die(wild, groups, saved, death)
        await run(sink_for(wild), groups[len(saved) - 1 :], saved[-1])
        assert content(wild) == content(calm)
        assert set(os.listdir(directory)) == {calm.name, wild.name}


async def _live_and_die(path: Path, groups: list[Any], saved: list[Any], death: Kill) -> None:
    sink = sink_for(path)
    await sink.start(saved[-1])
    before = len(saved)
    for group in groups[before - 1 :][: death.groups]:
        saved.append(await sink.write(group))
    if death.finishes:
        await sink.finish()
    else:
        tear(path, death.torn)
    # What was written by this run may be newer than what its checkpoint tells.
    lag = min(death.lag, len(saved) - before)
    del saved[len(saved) - lag :]
    if saved[-1] is None:
        for one in path.parent.glob("wild*"):
            one.unlink()
    # The file is not closed: a killed process closes nothing either.
    sink._place.close()


CHILD = """
import asyncio, json, sys
from pdsclient.export import sink_for
from pdsclient.models import File

class Page:
    key = "job"
    def __init__(self, start):
        self.files = [File(file_id=str(i), name="x" * 200) for i in range(start, start + 50)]

async def main(path, first, position):
    sink = sink_for(path)
    await sink.start(position)
    for number in range(first, 10**9):
        position = await sink.write([Page(50 * number)])
        print(json.dumps([number + 1, position]), flush=True)

asyncio.run(main(sys.argv[1], *json.loads(sys.argv[2])))
"""


@pytest.mark.parametrize("suffix", ["jsonl.gz", "parquet"])
async def test_a_process_that_is_killed_loses_nothing(suffix, tmp_path) -> None:
    """Twice killed by the operating system while it writes: every row is there once, in order."""
    path = tmp_path / f"hits.{suffix}"
    state: list[Any] = [0, None]
    for pages in (7, 4):
        state = await asyncio.to_thread(_run_and_kill, path, state, pages)
    await run(sink_for(path), [], state[1])
    if suffix == "parquet":
        found = [row["file_id"] for row in content(path)]
    else:
        found = [json.loads(line)["file_id"] for line in content(path).splitlines()]
    assert state[0] >= 11
    assert found == [str(i) for i in range(50 * state[0])]


def _run_and_kill(path: Path, state: list[Any], pages: int) -> list[Any]:
    command = [sys.executable, "-c", CHILD, str(path), json.dumps(state)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as child:
        assert child.stdout is not None
        for _ in range(pages):
            state = json.loads(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
        # What it still printed was written: the last whole line is its newest checkpoint.
        for line in child.stdout.read().split("\n")[:-1]:
            state = json.loads(line)
    return state


@each_suffix
async def test_nothing_has_the_final_name_before_the_end(suffix, tmp_path, page) -> None:
    """Until finish() there is NAME.part only; then the name, and nothing else."""
    path = tmp_path / f"hits.{suffix}"
    sink = sink_for(path)
    await sink.start(None)
    await sink.write([page([{"file_id": "1"}])])
    assert os.listdir(tmp_path) == [f"hits.{suffix}.part"]
    await sink.finish()
    assert os.listdir(tmp_path) == [f"hits.{suffix}"]


@each_suffix
@pytest.mark.parametrize("keep", [True, False])
async def test_an_unfinished_file_is_kept_or_deleted(suffix, keep, tmp_path, page) -> None:
    """As the caller wants; closing again does nothing."""
    path = tmp_path / f"hits.{suffix}"
    sink = sink_for(path)
    await sink.aclose(keep=False)
    await sink.start(None)
    await sink.write([page([{"file_id": "1"}])])
    await sink.aclose(keep=keep)
    await sink.aclose(keep=False)
    assert os.listdir(tmp_path) == ([f"hits.{suffix}.part"] if keep else [])


@each_suffix
async def test_an_older_file_stays_until_the_new_one_is_whole(suffix, tmp_path, page) -> None:
    """Beginning anew harms neither the finished file nor takes over the unfinished one."""
    path = tmp_path / f"hits.{suffix}"
    await run(sink_for(path), [[page([{"file_id": "old"}])]])
    before = content(path)
    tear(path, b"rubbish")
    sink = sink_for(path)
    await sink.start(None)
    await sink.write([page([{"file_id": "new"}])])
    assert content(path) == before
    await sink.finish()
    assert b"new" in content(path) if suffix != "parquet" else content(path)[0]["file_id"] == "new"


@each_suffix
async def test_a_file_that_was_changed_is_refused(suffix, tmp_path, page) -> None:
    """Too short, of another run, or gone: the message says to begin anew, and nothing is cut."""
    path, part = tmp_path / f"hits.{suffix}", tmp_path / f"hits.{suffix}.part"
    sink = sink_for(path)
    await sink.start(None)
    first = await sink.write([page([{"file_id": "1"}])])
    second = await sink.write([page([{"file_id": "2"}])])
    await sink.aclose(keep=True)
    data = part.read_bytes()

    part.write_bytes(data[:-1])
    with pytest.raises(InvalidRequest, match="shorter than when its position was taken"):
        await sink.start(second)
    assert part.read_bytes() == data[:-1]

    other = sink_for(tmp_path / f"other.{suffix}")
    await other.start(None)
    await other.write([page([{"file_id": "X"}])])
    await other.aclose(keep=True)
    part.write_bytes((tmp_path / f"other.{suffix}.part").read_bytes())
    with pytest.raises(InvalidRequest, match="begin anew"):
        await sink.start(first)

    part.unlink()
    with pytest.raises(InvalidRequest, match="exists any more"):
        await sink.start(second)


async def test_a_finished_file_with_fewer_rows_is_refused(tmp_path, page) -> None:
    """Somebody replaced it: it cannot be the one that the position tells of."""
    path = tmp_path / "hits.parquet"
    sink = ParquetSink(path)
    *_, last = await run(sink, [[page([{"file_id": "1"}])], [page([{"file_id": "2"}])]])
    await run(ParquetSink(path), [[page([{"file_id": "1"}])]])
    with pytest.raises(InvalidRequest, match="begin anew"):
        await sink.start(last)
    rows = [{"file_id": "1"}, {"file_id": "2"}]
    await run(ParquetSink(path, job_column="job"), [[page(rows)]])
    with pytest.raises(InvalidRequest, match="begin anew"):
        await sink.start(last)


async def test_a_damaged_spool_is_refused(tmp_path, page) -> None:
    """Bytes that cannot be read make the same message as a file that was changed."""
    sink, part = ParquetSink(tmp_path / "hits.parquet"), tmp_path / "hits.parquet.part"
    await sink.start(None)
    position = await sink.write([page([{"file_id": "1"}])])
    await sink.aclose(keep=True)
    data = part.read_bytes()
    part.write_bytes(data[:24] + b"?" * (len(data) - 24))
    with pytest.raises(InvalidRequest, match="changed since; begin anew"):
        await sink.start(position)


async def test_a_position_within_a_write_is_refused(tmp_path, page) -> None:
    """None was ever given there, and the spool is cut behind whole batches only."""
    sink = ParquetSink(tmp_path / "hits.parquet")
    await sink.start(None)
    position = await sink.write([page([{"file_id": "1"}, {"file_id": "2"}])])
    await sink.aclose(keep=True)
    with pytest.raises(InvalidRequest, match="begin anew"):
        await sink.start(position | {"rows": 1})
    await sink.start(position)
    await sink.aclose(keep=False)


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (lambda path: JsonlSink(path / "b.jsonl"), "path"),
        (lambda path: JsonlSink(path / "a.jsonl", include_urls=True), "include_urls"),
        (lambda path: JsonlSink(path / "a.jsonl", fields=["name"]), "fields"),
        (lambda path: CsvSink(path / "a.csv"), "sink"),
        (lambda path: ParquetSink(path / "a.parquet"), "sink"),
    ],
    ids=["path", "urls", "fields", "csv", "parquet"],
)
async def test_a_position_of_another_sink_is_refused(other, told, tmp_path, page) -> None:
    """Going on with other options would make a file of two kinds of rows."""
    (position,) = await run(JsonlSink(tmp_path / "a.jsonl"), [[page([{}])]])
    with pytest.raises(InvalidRequest, match=rf"position with {told}.*begin anew"):
        await other(tmp_path).start(position)


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
@pytest.mark.parametrize("damage", [{"bytes": -1, "rows": -1}, {"bytes": "5", "rows": True}])
async def test_a_damaged_position_is_refused(suffix, damage, tmp_path, page) -> None:
    """A checkpoint is a file, and files can be edited."""
    path = tmp_path / f"a.{suffix}"
    (position,) = await run(sink_for(path), [[page([{}])]])
    with pytest.raises(InvalidRequest, match="position is damaged"):
        await sink_for(path).start(position | damage)
    with pytest.raises(InvalidRequest, match="a position is a dict, not list"):
        await sink_for(path).start([])  # type: ignore[arg-type]


@each_suffix
async def test_positions_are_small_plain_data(suffix, tmp_path, page) -> None:
    """They go through JSON unchanged, and do not grow with the rows."""
    path = tmp_path / f"a.{suffix}"
    groups = [[page([{"file_id": str(i), "name": "n" * 500}])] for i in range(3)]
    positions = await run(sink_for(path), groups)
    assert [json.loads(json.dumps(one)) for one in positions] == positions
    assert max(len(json.dumps(one)) for one in positions) < 1200
    assert "nnn" not in json.dumps(positions)
