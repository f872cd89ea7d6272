"""CSV."""

from __future__ import annotations

import csv
import io
import json

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from pdsclient.export import CSV_COLUMNS, CsvSink
from pdsclient.export._csv import _records
from pdsclient.models import File


def records(path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, strict=True))


async def test_every_value_comes_back(tmp_path, page, written, odd_rows) -> None:
    """Names with breaks and quotes, exact numbers, flags, JSON for what is nested."""
    path = tmp_path / "hits.csv"
    await written(CsvSink(path), [page(odd_rows)])
    found = records(path)
    assert [one["name"] for one in found] == [row.get("name", "") for row in odd_rows]
    assert [one["size"] for one in found[:2]] == ["9007199254740993", "9223372036854775807"]
    assert (found[4]["hidden"], found[4]["starred"]) == ("true", "false")
    assert json.loads(found[5]["labels"]) == ["a,b", 'c"d']
    assert json.loads(found[5]["user_tags"]) == {"k": "v", "empty": ""}
    assert json.loads(found[7]["image_media_metadata"])["width"] == 4000
    assert set(found[8].values()) == {""}


async def test_the_header_has_the_documented_columns(tmp_path, written) -> None:
    """The order is fixed, and the header is there without hits too."""
    path = tmp_path / "hits.csv"
    await written(CsvSink(path))
    assert path.read_bytes() == (",".join(CSV_COLUMNS) + "\r\n").encode()


async def test_lines_end_as_rfc_4180_says(tmp_path, page, written) -> None:
    """CR LF after each record, the last one too, and quotes doubled."""
    path = tmp_path / "hits.csv"
    sink = CsvSink(path, columns=["name", "size"])
    await written(sink, [page([{"name": 'a"b', "size": 1}, {"name": "c d"}])])
    assert path.read_bytes() == b'name,size\r\n"a""b",1\r\nc d,\r\n'


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("2019-08-20T06:51:27.292Z", "2019-08-20T06:51:27.292Z"),
        ("2019-08-20T06:51:27.292123456Z", "2019-08-20T06:51:27.292123456Z"),
        ("2019-08-20T14:51:27+08:00", "2019-08-20T06:51:27Z"),
        ("2019-08-20T06:51:27", "2019-08-20T06:51:27Z"),
        (1566283887292, "2019-08-20T06:51:27.292000Z"),
        ("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
        ("", ""),
        ("soon", "soon"),
        ({"a": 1}, '{"a":1}'),
    ],
)
async def test_times_are_rfc_3339_in_utc(sent, expected, tmp_path, page, written) -> None:
    """However they were sent; what is no time is kept."""
    path = tmp_path / "hits.csv"
    await written(CsvSink(path, columns=["created_at", "name"]), [page([{"created_at": sent}])])
    assert records(path)[0]["created_at"] == expected


async def test_formulas_are_defused_on_request(tmp_path, page, written) -> None:
    """An apostrophe stands before texts that a spreadsheet would run; numbers stay numbers."""
    risky = ["=1+1", "+1", "-1", "@a", "\tx", "\rx", "\nx", "＝1"]  # noqa: RUF001
    rows = [{"name": name, "size": -5} for name in [*risky, "a=1", "'x"]]
    path = tmp_path / "hits.csv"
    await written(CsvSink(path, columns=["name", "size"], formula_safe=True), [page(rows)])
    found = records(path)
    assert [one["name"] for one in found] == [f"'{name}" for name in risky] + ["a=1", "'x"]
    assert {one["size"] for one in found} == {"-5"}


async def test_without_the_option_formulas_stay(tmp_path, page, written) -> None:
    """Data goes out as it came in."""
    path = tmp_path / "hits.csv"
    await written(CsvSink(path, columns=["name"]), [page([{"name": "=1"}])])
    assert records(path) == [{"name": "=1"}]


async def test_a_byte_order_mark_comes_on_request_and_once(tmp_path, page, written) -> None:
    """Excel takes UTF-8 for another encoding without it."""
    path = tmp_path / "hits.csv"
    await written(CsvSink(path, bom=True), [page([{"name": "é"}])], [page([{"name": "ü"}])])
    data = path.read_bytes()
    assert data.startswith(b"\xef\xbb\xbffile_id,")
    assert data.count(b"\xef\xbb\xbf") == 1


async def test_the_key_of_the_job_is_the_first_column(tmp_path, page, written) -> None:
    """Records of different jobs can be told apart."""
    path = tmp_path / "hits.csv"
    sink = CsvSink(path, columns=["file_id"], job_column="job")
    await written(sink, [page([{"file_id": "1"}], "a"), page([{"file_id": "2"}], "b,c")])
    assert path.read_bytes() == b'job,file_id\r\na,1\r\n"b,c",2\r\n'


async def test_a_single_empty_cell_is_no_blank_line(tmp_path, page, written) -> None:
    """Readers skip blank lines, and with them the file."""
    path = tmp_path / "hits.csv"
    await written(CsvSink(path, columns=["name"]), [page([{"file_id": "1"}, {"name": "a"}])])
    assert path.read_bytes() == b'name\r\n""\r\na\r\n'


async def test_values_of_the_wrong_type_are_json(tmp_path, page, written) -> None:
    """The models keep them as sent, and so does the export."""
    path = tmp_path / "hits.csv"
    row = {"name": {"a": "ü"}, "size": "12", "hidden": "yes", "labels": "x", "user_tags": 5}
    await written(CsvSink(path), [page([row])])
    found = records(path)[0]
    assert json.loads(found["name"]) == {"a": "ü"}
    assert [found[name] for name in ("size", "hidden", "labels", "user_tags")] == [
        "12",
        "yes",
        "x",
        "5",
    ]


async def test_half_of_a_surrogate_pair_does_no_harm(tmp_path, page, written) -> None:
    """A file with an impossible name is exported with a question mark in it."""
    path = tmp_path / "hits.csv"
    made = evolve(page([{}]), files=[File(name="\ud83d!", user_tags={"\ud83d": "x"})])
    await written(CsvSink(path), [made])
    assert records(path)[0]["name"] == "?!"
    assert json.loads(records(path)[0]["user_tags"]) == {"\ud83d": "x"}


@settings(max_examples=50, deadline=None)
@given(
    st.integers(1, 3).flatmap(
        lambda width: st.lists(
            st.lists(st.text(max_size=6), min_size=width, max_size=width), min_size=1, max_size=5
        )
    )
)
def test_any_table_is_read_back_by_the_csv_module(table) -> None:
    """Quoting is complete, whatever the cells hold."""
    columns = [list(column) for column in zip(*table, strict=True)]
    text = _records(columns).decode("utf-8")
    assert list(csv.reader(io.StringIO(text, newline=""), strict=True)) == table
