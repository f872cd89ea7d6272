"""Paths, options, packages and disks that are not as they should be."""

from __future__ import annotations

import asyncio
import errno
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any, BinaryIO

import pytest

from pdsclient.errors import InvalidRequest
from pdsclient.export import ArrowSink, CsvSink, JsonlSink, ParquetSink, sink_for

SUFFIXES = ["jsonl", "csv", "parquet", "jsonl.gz"]
each_suffix = pytest.mark.parametrize("suffix", SUFFIXES)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.jsonl", JsonlSink),
        ("a.ndjson", JsonlSink),
        ("a.JSONL.GZ", JsonlSink),
        ("a.b.csv", CsvSink),
        ("a.csv.zst", CsvSink),
        ("a.parquet", ParquetSink),
    ],
)
def test_the_suffix_chooses_the_sink(name, kind, tmp_path) -> None:
    """Whatever its case, and with a compression behind."""
    sink = sink_for(tmp_path / name)
    assert type(sink) is kind
    assert name in repr(sink)


@pytest.mark.parametrize("name", ["a.txt", "a", "a.gz", ".jsonl/a", "a.xlsx.gz", "jsonl"])
def test_a_suffix_without_a_format_is_refused(name) -> None:
    """The message lists those that there are."""
    with pytest.raises(InvalidRequest, match=r"\.jsonl, \.csv .*\.parquet"):
        sink_for(name)


def test_an_option_that_the_sink_does_not_have_is_refused() -> None:
    """The message lists those that it has."""
    with pytest.raises(InvalidRequest, match="ParquetSink has no option bom; it has include_urls"):
        sink_for("a.parquet", bom=True)
    with pytest.raises(InvalidRequest, match="has no option target"):
        sink_for("a.csv", target="b.csv")


def test_options_reach_the_sink(tmp_path) -> None:
    """As if its class had been called."""
    with pytest.raises(InvalidRequest, match="columns: 'nope' is no field"):
        sink_for(tmp_path / "a.csv", columns=["nope"])


@pytest.mark.parametrize("path", ["", "a\0.jsonl", 5, None, b"a.jsonl", "out/"])
@pytest.mark.parametrize("sink", [JsonlSink, CsvSink, ParquetSink, sink_for])
def test_what_is_no_path_of_a_file_is_refused(sink, path) -> None:
    """Before anything is done."""
    with pytest.raises(InvalidRequest, match=r"path|directory"):
        sink(path)


@pytest.mark.parametrize(
    ("sink", "name", "message"),
    [
        (JsonlSink, "a.csv", r"JsonlSink writes JSON lines, but 'a.csv' ends in \.csv"),
        (CsvSink, "a.jsonl.gz", r"CsvSink writes CSV, but"),
        (ParquetSink, "a.parquet.gz", r"compressed inside; leave \.gz out"),
    ],
)
def test_a_name_that_promises_another_format_is_refused(sink, name, message) -> None:
    """It would be found out by whoever reads the file."""
    with pytest.raises(InvalidRequest, match=message):
        sink(name)


async def test_a_name_without_a_known_suffix_is_fine_for_a_sink_of_choice(
    tmp_path, page, written
) -> None:
    """Whoever names the class knows what is written."""
    await written(JsonlSink(tmp_path / "hits.log"), [page([{"file_id": "1"}])])
    assert (tmp_path / "hits.log").read_bytes() == b'{"file_id":"1"}\n'


async def test_a_home_directory_and_a_relative_path_are_understood(
    tmp_path, monkeypatch, written
) -> None:
    """A path means what it meant when the sink was made."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    home, relative = JsonlSink("~/a.jsonl"), JsonlSink("b.jsonl")
    monkeypatch.chdir(tmp_path)
    for sink in (home, relative):
        await written(sink)
    assert (tmp_path / "a.jsonl").exists()
    assert (tmp_path / "sub" / "b.jsonl").exists()


@each_suffix
async def test_a_place_where_no_file_can_be_made_is_refused_at_the_start(suffix, tmp_path) -> None:
    """No directory, a directory of that name, one that cannot be written."""
    with pytest.raises(InvalidRequest, match="does not exist; make it"):
        await sink_for(tmp_path / "no" / f"a.{suffix}").start(None)
    (tmp_path / f"dir.{suffix}").mkdir()
    with pytest.raises(InvalidRequest, match="is a directory"):
        await sink_for(tmp_path / f"dir.{suffix}").start(None)


async def test_a_directory_that_cannot_be_written_is_refused(tmp_path, monkeypatch) -> None:
    """The operating system is asked; root may write everywhere, so its answer is given here."""
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(InvalidRequest, match="cannot be written"):
        await JsonlSink(tmp_path / "a.jsonl").start(None)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: JsonlSink("a.jsonl", fields="name"), "fields must be a list of names, not str"),
        (lambda: JsonlSink("a.jsonl", fields=[]), "fields must name a field"),
        (lambda: JsonlSink("a.jsonl", fields=["name", "name"]), "fields names 'name' twice"),
        (lambda: JsonlSink("a.jsonl", fields=["nmae"]), "did you mean name"),
        (lambda: CsvSink("a.csv", columns=[5]), "5 is no field of a file"),
        (lambda: CsvSink("a.csv", columns=5), "columns must be a list of names, not int"),
        (lambda: JsonlSink("a.jsonl", job_column="name"), "job_column: a file has a field name"),
        (lambda: CsvSink("a.csv", job_column=""), "job_column must be a non-empty name"),
        (lambda: ParquetSink("a.parquet", job_column="size"), "job_column: a file has a field"),
        (lambda: ArrowSink(job_column="undeclared", undeclared=True), "column of other fields"),
        (lambda: ParquetSink("a.parquet", row_group_rows=0), "row_group_rows must be from 1 to"),
        (lambda: ParquetSink("a.parquet", row_group_rows=1.5), "row_group_rows must be an int"),
        (lambda: ParquetSink("a.parquet", compression="rar"), "compression must be one of brotli"),
    ],
)
def test_a_wrong_option_is_named(make, message) -> None:
    """With what would be right, where the sink is made."""
    with pytest.raises(InvalidRequest, match=message):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda path: ParquetSink(path / "a.parquet"),
        lambda path: ArrowSink(),
        pytest.param(
            lambda path: JsonlSink(path / "a.jsonl.zst"),
            marks=pytest.mark.skipif(sys.version_info >= (3, 14), reason="zstd is built in"),
        ),
    ],
    ids=["parquet", "arrow", "zstd"],
)
async def test_without_pyarrow_the_command_is_told(make, tmp_path, monkeypatch) -> None:
    """At the start, before anything is sent."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InvalidRequest, match=r"pip install 'pdsclient\[arrow\]'"):
        await make(tmp_path).start(None)
    assert os.listdir(tmp_path) == []


def size_of(path: str) -> int:
    return os.stat(path).st_size


@each_suffix
async def test_a_full_disk_raises_and_leaves_whole_rows(suffix, tmp_path, page, disk_with) -> None:
    """The error names the file; what was written before can be gone on from."""
    path = tmp_path / f"hits.{suffix}"
    small, large = ([page([{"file_id": os.urandom(n).hex()}])] for n in (10, 20_000))
    sink = sink_for(path)
    await sink.start(None)
    position = await sink.write(small)
    size = size_of(f"{path}.part")
    with disk_with(size + 5000), pytest.raises(OSError, match="too large") as caught:
        await sink.write(large)
    assert caught.value.errno == errno.EFBIG
    assert "hits" in str(caught.value.filename)
    assert size_of(f"{path}.part") == size
    assert (await sink.write([]))["sink"] == position["sink"]
    await sink.aclose(keep=True)
    again = sink_for(path)
    await again.start(position)
    await again.write(large)
    await again.finish()
    assert os.listdir(tmp_path) == [path.name]


async def test_a_disk_that_is_full_at_the_end_leaves_the_spool(tmp_path, page, disk_with) -> None:
    """A Parquet file that cannot be completed is not half there, and can be completed later."""
    path = tmp_path / "hits.parquet"
    sink = ParquetSink(path, compression="none")
    await sink.start(None)
    position = await sink.write([page([{"file_id": "same", "name": "n" * 50}] * 5000)])
    with disk_with(2000), pytest.raises(OSError, match="too large"):
        await sink.finish()
    await sink.aclose(keep=True)
    assert os.listdir(tmp_path) == ["hits.parquet.part"]
    again = ParquetSink(path)
    await again.start(position)
    await again.finish()
    assert os.listdir(tmp_path) == ["hits.parquet"]


@pytest.fixture
def full_device() -> Iterator[BinaryIO]:
    """A file that takes nothing."""
    with open("/dev/full", "wb", buffering=0) as file:
        yield file


async def test_an_open_file_on_a_full_device_raises(page, full_device) -> None:
    """The device's own error comes through."""
    sink = JsonlSink(full_device)
    await sink.start(None)
    with pytest.raises(OSError, match="No space left"):
        await sink.write([page([{"file_id": "1"}])])


@each_suffix
async def test_the_order_of_calls_is_checked(suffix, tmp_path, page) -> None:
    """A sink that is not started, finished, or in use says so."""
    sink = sink_for(tmp_path / f"a.{suffix}")
    for early in (sink.write([page([{}])]), sink.finish()):
        with pytest.raises(InvalidRequest, match="not started, or finished"):
            await early
    await sink.start(None)
    with pytest.raises(InvalidRequest, match="in use; make a sink for each search"):
        await sink.start(None)
    await sink.finish()
    with pytest.raises(InvalidRequest, match="not started, or finished"):
        await sink.write([page([{}])])


@each_suffix
async def test_a_link_in_the_place_of_the_unfinished_file_is_not_followed(
    suffix, tmp_path, written
) -> None:
    """In a shared directory somebody else may have put it there."""
    precious = tmp_path / "precious"
    precious.write_text("mine")
    for name in (f"a.{suffix}.part", f"a.{suffix}.part.new"):
        (tmp_path / name).symlink_to(precious)
    await written(sink_for(tmp_path / f"a.{suffix}"))
    assert precious.read_text() == "mine"


async def test_closing_waits_for_a_write_whose_caller_was_cancelled(
    tmp_path, page, monkeypatch
) -> None:
    """The thread goes on when its caller is cancelled; the file is not closed under it."""
    sink = JsonlSink(tmp_path / "a.jsonl")
    await sink.start(None)
    entered, go_on = threading.Event(), threading.Event()
    encode = sink._encode

    def slow(rows: Any) -> bytes:
        entered.set()
        assert go_on.wait(20)
        return encode(rows)

    monkeypatch.setattr(sink, "_encode", slow)
    writing = asyncio.create_task(sink.write([page([{"file_id": "1"}])]))
    await asyncio.to_thread(entered.wait, 20)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    closing = asyncio.create_task(sink.aclose(keep=True))
    await asyncio.sleep(0)
    go_on.set()
    await closing
    assert (tmp_path / "a.jsonl.part").read_bytes() == b'{"file_id":"1"}\n'


async def test_a_call_whose_turn_comes_after_closing_does_nothing(tmp_path, monkeypatch) -> None:
    """A cancelled start that still waited for a thread must not open a file nobody will close."""
    sink = JsonlSink(tmp_path / "a.jsonl")
    turn = sink._turn
    await sink.aclose(keep=False)
    with pytest.raises(InvalidRequest, match="was closed meanwhile"):
        sink._alone(turn, sink._start, None)
    assert os.listdir(tmp_path) == []


@each_suffix
async def test_nothing_blocks_the_loop(
    suffix, tmp_path, page, written, odd_rows, blocking_calls_fail
) -> None:
    """Everything that touches the disk happens in threads."""
    path = tmp_path / f"a.{suffix}"
    sink = sink_for(path)
    positions = await written(sink, [page(odd_rows)])
    await sink.start(positions[-1])
    await sink.aclose(keep=False)
