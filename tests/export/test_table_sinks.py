"""Parquet files and Arrow tables."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pdsclient.errors import InvalidRequest
from pdsclient.export import ArrowSink, ParquetSink, to_pandas, to_polars
from pdsclient.export import _table as tables
from pdsclient.models import File


async def table_of(page, *rows: dict[str, Any], **options: Any) -> pa.Table:
    sink = ArrowSink(**options)
    await sink.start(None)
    await sink.write([page(list(rows))])
    await sink.finish()
    return sink.table


async def test_parquet_holds_every_row_and_value(tmp_path, page, written, odd_rows) -> None:
    """Names, numbers up to 2**63-1, times before 1970, lists, and objects as JSON."""
    path = tmp_path / "hits.parquet"
    await written(ParquetSink(path), [page(odd_rows)], [page(odd_rows[:2])])
    rows = pq.read_table(path).to_pylist()
    assert [row["name"] for row in rows[:3]] == [row["name"] for row in odd_rows[:3]]
    assert [row["size"] for row in rows[:4]] == [2**53 + 1, 2**63 - 1, None, 0]
    assert rows[2]["created_at"] == datetime(1969, 7, 20, 20, 17, 40, 123000, tzinfo=UTC)
    assert rows[6]["created_at"] == datetime(2019, 8, 20, 6, 51, 27, 292000, tzinfo=UTC)
    assert rows[5]["labels"] == ["a,b", 'c"d']
    assert json.loads(rows[5]["user_tags"]) == {"k": "v", "empty": ""}
    assert json.loads(rows[7]["image_media_metadata"])["width"] == 4000
    assert (rows[4]["name"], rows[4]["labels"], rows[4]["hidden"]) == (None, None, True)
    assert set(rows[8].values()) == {None}
    assert [row["file_id"] for row in rows[9:]] == ["1", "2"]


async def test_a_column_that_is_null_for_ten_thousand_rows_has_its_type(
    tmp_path, page, written
) -> None:
    """The schema is declared, not guessed from the first page."""
    path = tmp_path / "hits.parquet"
    empty = [[page([{"file_id": str(i)} for i in range(500)])] for _ in range(20)]
    late = [page([{"size": 5, "created_at": "2020-01-01T00:00:00Z", "labels": ["a"]}])]
    await written(ParquetSink(path), *empty, late)
    table = pq.read_table(path)
    assert table.num_rows == 10_001
    assert table["size"][10_000].as_py() == 5
    assert table["labels"][10_000].as_py() == ["a"]


async def test_the_schema_is_that_of_the_model_whatever_the_data(tmp_path, page, written) -> None:
    """No hits, odd hits: the same columns in the same order, those of URLs only on request."""
    none, odd, urls = (tmp_path / f"{name}.parquet" for name in ("none", "odd", "urls"))
    await written(ParquetSink(none))
    await written(ParquetSink(odd), [page([{"size": "x", "name": 5, "new": 1}])])
    await written(ParquetSink(urls, include_urls=True))
    assert pq.read_schema(none) == pq.read_schema(odd)
    hidden = File.__urls__
    assert pq.read_schema(none).names == [n for n in File.__struct_fields__ if n not in hidden]
    assert pq.read_schema(urls).names == list(File.__struct_fields__)
    kinds = {name: str(pq.read_schema(none).field(name).type) for name in ("size", "hidden")}
    assert kinds == {"size": "int64", "hidden": "bool"}
    assert pq.read_schema(none).field("created_at").type == pa.timestamp("us", "UTC")


async def test_what_does_not_fit_is_null_and_kept_on_request(page, caplog) -> None:
    """The models keep a value of the wrong type as sent; so does the JSON column."""
    caplog.set_level(logging.ERROR, logger="pdsclient")
    row = {
        "file_id": 7,
        "name": ["x"],
        "size": 2**63,
        "revision_version": True,
        "hidden": "perhaps",
        "created_at": "soon",
        "updated_at": "0000-01-01T00:00:00Z",
        "labels": ["a", None, 5, {"b": 1}],
        "action_list": "x",
        "new": {"n": 1},
    }
    (found,) = (await table_of(page, row, undeclared=True)).to_pylist()
    assert (found["file_id"], found["labels"]) == ("7", ["a", "5"])
    lost = ("name", "size", "revision_version", "hidden", "created_at", "updated_at")
    assert {found[name] for name in lost} == {None}
    kept = {name: row[name] for name in (*lost, "labels", "action_list", "new")}
    assert json.loads(found["undeclared"]) == kept
    assert "undeclared" not in (await table_of(page, row)).schema.names


async def test_usual_oddities_of_the_service_fit(page) -> None:
    """Numbers as text, times as milliseconds, empty texts for nothing."""
    row = {
        "size": "123",
        "hidden": "true",
        "created_at": 1566283887292,
        "updated_at": "",
        "trashed_at": "2019-08-20T06:51:27.292123456Z",
        "labels": "",
    }
    (found,) = (await table_of(page, row, {"size": 4}, undeclared=True)).slice(0, 1).to_pylist()
    assert (found["size"], found["hidden"], found["updated_at"]) == (123, True, None)
    assert found["created_at"] == datetime(2019, 8, 20, 6, 51, 27, 292000, tzinfo=UTC)
    assert found["trashed_at"] == datetime(2019, 8, 20, 6, 51, 27, 292123, tzinfo=UTC)
    assert found["undeclared"] is None


async def test_half_of_a_surrogate_pair_does_no_harm(page) -> None:
    """Such a name becomes one that UTF-8 has, and the other rows stay as they are."""
    maker = tables.TableMaker(include_urls=False, undeclared=False, job_column=None)
    odd = File(name="\ud83d!", labels=["\ud83d"], user_tags={"\ud83d": ""})
    made = evolve(page([]), files=[odd, File(name="b")])
    found = maker.join([maker.batch([made])]).to_pylist()
    assert [row["name"] for row in found] == ["?!", "b"]
    assert found[0]["labels"] == ["?"]
    assert json.loads(found[0]["user_tags"]) == {"\ud83d": ""}


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=4),
    st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
    st.datetimes(timezones=st.timezones()).map(lambda moment: moment.isoformat()[:35]),
    st.sampled_from(["true", "12", "0001-01-01T00:00:00+23:00", "9999-12-31T23:00:00-23:00"]),
)
values = st.one_of(scalars, st.lists(scalars, max_size=3), st.just({"a": 1}))
names = ("name", "size", "hidden", "created_at", "labels", "permissions", "dir_size_info")


EXACT = {"name": str, "size": int, "hidden": bool, "created_at": datetime}


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=st.lists(st.dictionaries(st.sampled_from(names), values), min_size=1, max_size=6))
def test_a_column_reads_what_the_model_reads(page, caplog, rows) -> None:
    """Whatever is sent: what fits equals the attribute, and what does not is null and kept."""
    caplog.set_level(logging.ERROR, logger="pdsclient")
    maker = tables.TableMaker(include_urls=False, undeclared=True, job_column=None)
    sent = page(rows)
    found = maker.join([maker.batch([sent])]).to_pylist()
    for row, file in zip(found, sent.files, strict=True):
        kept = json.loads(row["undeclared"] or "{}")
        for name, exact in EXACT.items():
            value = getattr(file, name)
            if type(value) is exact and not (exact is int and not -(2**63) <= value < 2**63):
                assert row[name] == value
                assert name not in kept
            else:
                assert row[name] is None
                assert (name in kept) == (value is not None)


async def test_files_without_any_field_are_rows(tmp_path, page, written) -> None:
    """The service sends such when ``fields`` names none; they are counted."""
    path = tmp_path / "hits.parquet"
    await written(ParquetSink(path), [page([{}, {}])])
    assert pq.read_table(path).num_rows == 2
    assert (await table_of(page, {})).num_rows == 1


@pytest.mark.parametrize("size", [1, 3, 7, 100])
async def test_row_groups_have_the_size_that_was_asked_for(size, tmp_path, page, written) -> None:
    """However the pages came; only the last group may be smaller."""
    path = tmp_path / "hits.parquet"
    groups = [
        [page([{"file_id": f"{i}-{j}", **({"size": j} if i % 2 else {})} for j in range(count)])]
        for i, count in enumerate((5, 1, 0, 8, 3))
    ]
    await written(ParquetSink(path, row_group_rows=size), *groups)
    info = pq.ParquetFile(path).metadata
    counts = [info.row_group(i).num_rows for i in range(info.num_row_groups)]
    assert counts == [size] * (17 // size) + ([17 % size] if 17 % size else [])
    expected = [file.file_id for group in groups for one in group for file in one.files]
    assert pq.read_table(path)["file_id"].to_pylist() == expected


async def test_small_batches_are_merged_and_large_ones_are_not(
    monkeypatch, tmp_path, page, written
) -> None:
    """More rows than one merged batch holds, and fewer: nothing is lost at the seams."""
    monkeypatch.setattr("pdsclient.export._spool.ROWS_AT_ONCE", 4)
    path = tmp_path / "hits.parquet"
    groups = [[page([{"file_id": str(10 * i + j)} for j in range(3)])] for i in range(5)]
    await written(ParquetSink(path), *groups, [page([{"name": "x"}])])
    found = pq.read_table(path)["file_id"].to_pylist()
    assert found == [str(10 * i + j) for i in range(5) for j in range(3)] + [None]


async def test_the_key_of_the_job_is_the_first_column(tmp_path, page, written) -> None:
    """Rows of different jobs can be told apart."""
    path = tmp_path / "hits.parquet"
    await written(ParquetSink(path, job_column="job"), [page([{}, {}], "a"), page([{}], "b")])
    table = pq.read_table(path)
    assert table.schema.names[0] == "job"
    assert table["job"].to_pylist() == ["a", "a", "b"]


@pytest.mark.parametrize("compression", ["none", "snappy", "gzip", "zstd"])
async def test_compressions(compression, tmp_path, page, written, odd_rows) -> None:
    """The file says which was used."""
    path = tmp_path / "hits.parquet"
    await written(ParquetSink(path, compression=compression), [page(odd_rows)])
    used = pq.ParquetFile(path).metadata.row_group(0).column(0).compression
    assert used == {"none": "UNCOMPRESSED"}.get(compression, compression.upper())


async def test_a_table_in_memory_equals_the_file(tmp_path, page, written, odd_rows) -> None:
    """The two sinks share columns and types; pages are gathered before they become arrays."""
    path = tmp_path / "hits.parquet"
    sink = ArrowSink(undeclared=True, job_column="job")
    many = [[page(odd_rows * 100)] for _ in range(11)]
    assert len(many) * 100 * len(odd_rows) > tables.ROWS_AT_ONCE
    await written(sink, *many)
    await written(ParquetSink(path, undeclared=True, job_column="job"), *many)
    assert sink.table.equals(pq.read_table(path))


async def test_frames_keep_whole_numbers_whole(page) -> None:
    """A size above 2**53 survives beside a missing one, and times are points in time."""
    table = await table_of(
        page,
        {"name": "a", "size": 2**53 + 1, "hidden": True, "created_at": "1960-01-01T00:00:00Z"},
        {"name": "b"},
    )
    frame = to_pandas(table)
    assert frame["size"][0] == 2**53 + 1
    assert str(frame["size"].dtype) == "Int64"
    assert str(frame["hidden"].dtype) == "boolean"
    assert frame["created_at"][0] == datetime(1960, 1, 1, tzinfo=UTC)
    other = to_polars(table)
    assert isinstance(other, pl.DataFrame)
    assert other["size"].to_list() == [2**53 + 1, None]
    assert other["created_at"][0] - datetime(1960, 1, 1, tzinfo=UTC) == timedelta()


async def test_a_search_without_hits_gives_an_empty_table(written) -> None:
    """All columns are there."""
    sink = ArrowSink()
    await written(sink)
    assert sink.table.num_rows == 0
    assert len(to_pandas(sink.table).columns) == len(sink.table.schema)


async def test_a_table_is_there_when_the_search_is_finished(page) -> None:
    """Before that, and in the wrong order, an error says so; it begins with each start."""
    sink = ArrowSink()
    for early in (sink.write([page([{}])]), sink.finish()):
        with pytest.raises(InvalidRequest, match="not started"):
            await early
    await sink.start(None)
    position = await sink.write([page([{}])])
    with pytest.raises(InvalidRequest, match="when the search is finished"):
        _ = sink.table
    with pytest.raises(InvalidRequest, match="cannot be resumed"):
        await sink.start(position)
    await sink.start(None)
    await sink.finish()
    assert sink.table.num_rows == 0
    await sink.aclose(keep=False)
    await sink.aclose(keep=True)
    assert sink.table.num_rows == 0


@pytest.mark.parametrize("package", ["pandas", "polars"])
async def test_a_missing_frame_package_is_named(package, page, monkeypatch) -> None:
    """The message has the command."""
    table = await table_of(page, {})
    monkeypatch.setitem(__import__("sys").modules, package, None)
    convert = {"pandas": to_pandas, "polars": to_polars}[package]
    with pytest.raises(InvalidRequest, match=f"pip install '{package}'"):
        convert(table)
