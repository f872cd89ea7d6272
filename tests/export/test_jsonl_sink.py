"""JSON lines."""

from __future__ import annotations

import gzip
import io
import json
from typing import Any

import pyarrow as pa
import pytest
from attrs import evolve

from pdsclient.errors import InvalidRequest
from pdsclient.export import JsonlSink
from pdsclient.models import File


def lines(data: bytes) -> list[dict[str, Any]]:
    assert data == b"" or data.endswith(b"\n")
    return [json.loads(line) for line in data.split(b"\n")[:-1]]


async def test_each_file_is_a_line_with_its_fields_as_they_were_sent(
    tmp_path, page, written, odd_rows
) -> None:
    """Nothing is lost or changed: names, numbers beyond 2**53, times; empty lists are left out."""
    path = tmp_path / "hits.jsonl"
    await written(JsonlSink(path), [page(odd_rows)])
    odd_rows[4].pop("labels")
    assert lines(path.read_bytes()) == odd_rows


async def test_lines_are_utf8_without_escapes(tmp_path, page, written) -> None:
    """Names stay readable, and small."""
    path = tmp_path / "hits.jsonl"
    await written(JsonlSink(path), [page([{"name": "报告 😀"}])])
    assert path.read_bytes() == '{"name":"报告 😀"}\n'.encode()


async def test_all_pages_of_all_writes_are_there_in_their_order(tmp_path, page, written) -> None:
    """A write takes any number of pages, also none, and pages without files."""
    path = tmp_path / "hits.jsonl"
    a, b, c, d = (page([{"file_id": str(i)}]) for i in range(4))
    await written(JsonlSink(path), [a, b], [], [page([])], [c], [d])
    assert [line["file_id"] for line in lines(path.read_bytes())] == ["0", "1", "2", "3"]


async def test_a_search_without_hits_makes_an_empty_file(tmp_path, written) -> None:
    """The file is there all the same."""
    path = tmp_path / "hits.jsonl"
    await written(JsonlSink(path))
    assert path.read_bytes() == b""


async def test_undeclared_fields_come_on_request(tmp_path, page, written) -> None:
    """Also those inside objects; the declared ones come first."""
    row = {"new": [1], "file_id": "1", "image_media_metadata": {"iso": 100, "width": 5}}
    for wanted, expected in (
        (False, {"file_id": "1", "image_media_metadata": {"width": 5}}),
        (True, row),
    ):
        path = tmp_path / f"{wanted}.jsonl"
        await written(JsonlSink(path, undeclared=wanted), [page([row, {"file_id": "2"}])])
        first, second = lines(path.read_bytes())
        assert first == expected
        assert next(iter(first)) == "file_id"
        assert second == {"file_id": "2"}


async def test_the_key_of_the_job_stands_first(tmp_path, page, written) -> None:
    """Lines of different jobs can be told apart; a service's field of that name gives way."""
    path = tmp_path / "hits.jsonl"
    sink = JsonlSink(path, job_column="job of mine", undeclared=True)
    row = {"file_id": "1", "job of mine": "theirs"}
    await written(sink, [page([row], "a"), page([row, {}], "b")])
    found = lines(path.read_bytes())
    assert [line["job of mine"] for line in found] == ["a", "b", "b"]
    assert list(found[0]) == ["job of mine", "file_id"]


async def test_fields_choose_and_order(tmp_path, page, written, odd_rows) -> None:
    """Only what was asked for, in the order asked for."""
    path = tmp_path / "hits.jsonl"
    await written(JsonlSink(path, fields=["size", "file_id"]), [page(odd_rows)])
    assert path.read_bytes().startswith(b'{"size":9007199254740993,"file_id":"1"}\n')
    assert lines(path.read_bytes())[2] == {"file_id": "3"}


async def test_half_of_a_surrogate_pair_is_escaped(tmp_path, page, written) -> None:
    """msgspec decodes none, but a file may be made by hand."""
    path = tmp_path / "hits.jsonl"
    made = evolve(page([{}]), files=[File(name="\ud83d!", labels=["a"])])
    await written(JsonlSink(path), [made])
    assert lines(path.read_bytes()) == [{"name": "\ud83d!", "labels": ["a"]}]


@pytest.mark.parametrize("suffix", [".gz", ".zst", ".GZ"])
async def test_a_suffix_compresses(suffix, tmp_path, page, written, odd_rows) -> None:
    """Each write is a member of its own, and ordinary tools read them as one file."""
    plain, packed = tmp_path / "hits.jsonl", tmp_path / f"hits.jsonl{suffix}"
    groups = [[page(odd_rows)], [page([])], [page(odd_rows), page(odd_rows)]]
    await written(JsonlSink(plain), *groups)
    await written(JsonlSink(packed), *groups)
    assert unpacked(packed.read_bytes()) == plain.read_bytes()


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
async def test_an_empty_compressed_file_is_valid(suffix, tmp_path, written) -> None:
    """A file of no bytes would be refused by gunzip."""
    path = tmp_path / f"hits.jsonl{suffix}"
    await written(JsonlSink(path))
    assert path.stat().st_size > 0
    assert unpacked(path.read_bytes()) == b""


async def test_equal_hits_make_equal_compressed_files(tmp_path, page, written, odd_rows) -> None:
    """No time of writing and no name is inside."""
    first, second = tmp_path / "a.jsonl.gz", tmp_path / "b.jsonl.gz"
    for path in (first, second):
        await written(JsonlSink(path), [page(odd_rows)])
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes()[4:8] == b"\0\0\0\0"


def unpacked(data: bytes) -> bytes:
    if data.startswith(b"\x1f\x8b"):
        return gzip.decompress(data)
    return pa.CompressedInputStream(pa.BufferReader(data), "zstd").read()


async def test_an_open_binary_file_is_written_and_stays_open(page, odd_rows) -> None:
    """Its owner closes it; it cannot be resumed, which a message says."""
    file = io.BytesIO(b"")
    sink = JsonlSink(file)
    await sink.start(None)
    position = await sink.write([page(odd_rows)])
    await sink.finish()
    await sink.aclose(keep=False)
    assert len(lines(file.getvalue())) == len(odd_rows)
    with pytest.raises(InvalidRequest, match="open file cannot be resumed"):
        await sink.start(position)


class Collecting:
    """Looks like a file, but does not count what it is given."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data

    def flush(self) -> None:
        pass


async def test_an_object_that_only_looks_like_a_file_will_do(page) -> None:
    """Its write() need not return the number of bytes."""
    target = Collecting()
    sink = JsonlSink(target)  # type: ignore[arg-type]
    await sink.start(None)
    await sink.write([page([{"file_id": "1"}])])
    assert target.data == b'{"file_id":"1"}\n'


class Reluctant(io.RawIOBase):
    """A raw file: it takes a few bytes at a time, and at last none."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.data = b""

    def writable(self) -> bool:
        return True

    def write(self, data) -> int | None:  # type: ignore[no-untyped-def, override]
        taken = bytes(data[: min(3, self.room)])
        self.data += taken
        self.room -= len(taken)
        return len(taken) or None


async def test_a_raw_file_is_written_to_the_last_byte_or_raises(page) -> None:
    """Bytes that it does not take at once follow; when it takes none, nothing is lost silently."""
    pages = [page([{"file_id": "1", "name": "report"}])]
    for room, fits in ((100, True), (10, False)):
        target = Reluctant(room)
        sink = JsonlSink(target)  # type: ignore[arg-type]
        await sink.start(None)
        if fits:
            await sink.write(pages)
            assert target.data == b'{"file_id":"1","name":"report"}\n'
        else:
            with pytest.raises(BlockingIOError, match="takes no more"):
                await sink.write(pages)


async def test_objects_that_are_none_are_kept(tmp_path, page, written) -> None:
    """What stands where an object should be goes out as it came, without URLs."""
    path = tmp_path / "hits.jsonl"
    row = {"image_media_metadata": "none", "video_media_metadata": ["https://a.example/?s=1"]}
    await written(JsonlSink(path), [page([row])])
    assert lines(path.read_bytes()) == [row | {"video_media_metadata": ["https://a.example/?***"]}]


def test_a_text_file_is_refused() -> None:
    """It would fail at the first write only."""
    with pytest.raises(InvalidRequest, match="binary mode"):
        JsonlSink(io.StringIO())  # type: ignore[arg-type]
