"""What may not leave the program: presigned URLs and credentials, wherever they stand."""

from __future__ import annotations

import asyncio
import io
import json
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pdsclient.errors import InvalidRequest
from pdsclient.export import CSV_COLUMNS, ArrowSink, CsvSink, JsonlSink, ParquetSink
from pdsclient.export._fields import fields_of
from pdsclient.models import File, ImageMediaMetadata

SIGNED = "https://data.example.com/x?x-oss-signature=SECRETSIGNATURE"
TOKEN = "SECRETTOKEN"

WITH_URLS: dict[str, Any] = {
    "file_id": "1",
    "name": "a",
    "url": SIGNED,
    "download_url": SIGNED,
    "thumbnail": SIGNED,
    "thumbnail_urls": {"small": SIGNED},
    "streams_info": {"photo": {"url": SIGNED}},
    "streams_upload_info": [SIGNED],
    "video_preview_metadata": {"list": [{"url": SIGNED}]},
    "image_media_metadata": {
        "width": 5,
        "faces_thumbnail": [{"face_id": "f", "face_thumbnail": SIGNED}],
        "cropping_suggestion": [{"picture": SIGNED}],
    },
    "ex_fields_info": {"preview": SIGNED, "access_token": TOKEN},
    "permissions": SIGNED,
    "description": {"not": ["a", SIGNED]},
    "labels": {"not": SIGNED},
    "user_tags": [SIGNED],
    "action_list": [{"of": SIGNED}],
    "new_field": {"deep": [{"link": SIGNED, "refresh_token": TOKEN}]},
    "access_token": TOKEN,
}


def sinks(path, **options: Any) -> list[Any]:
    return [
        JsonlSink(path / "a.jsonl", undeclared=True, **options),
        JsonlSink(path / "b.jsonl", **options),
        CsvSink(path / "c.csv", columns=_all_columns(**options), **options),
        ParquetSink(path / "d.parquet", undeclared=True, compression="none", **options),
    ]


def _all_columns(*, include_urls: bool = False) -> list[str]:
    hidden = frozenset() if include_urls else File.__urls__
    return [name for name in File.__struct_fields__ if name not in hidden]


def content(path) -> str:
    if path.suffix == ".parquet":
        return str(pq.read_table(path).to_pylist())
    return path.read_text()


@pytest.mark.parametrize("number", range(4))
async def test_no_presigned_url_is_written_unless_asked_for(
    number, tmp_path, page, written
) -> None:
    """Neither declared ones nor such as stand where nobody expects them."""
    sink = sinks(tmp_path)[number]
    await written(sink, [page([WITH_URLS, {"file_id": "2"}])])
    (path,) = tmp_path.iterdir()
    text = content(path)
    assert "SECRET" not in text
    assert "f" in text
    assert "width" in text


# A list of texts and a map of texts are the user's own words.
OWN_WORDS = {"labels", "action_list", "user_tags"}
deep = st.recursive(
    st.sampled_from([SIGNED, f"Bearer {TOKEN}", 5, None, f"see {SIGNED} there"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["url", "link", "token_of", SIGNED]), inner, max_size=3)
    ),
    max_leaves=6,
)
nested = st.lists(deep, min_size=1, max_size=2) | st.dictionaries(
    st.sampled_from(["url", "list", "new"]), deep, min_size=1, max_size=2
)
anywhere = st.dictionaries(
    st.sampled_from([*sorted(set(File.__struct_fields__) - OWN_WORDS), "new", "access_token"]),
    nested,
    max_size=6,
)


@settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(rows=st.lists(anywhere, min_size=1, max_size=3))
def test_no_nesting_hides_a_secret(page, rows) -> None:
    """Whatever stands where, of a wrong type too, and whichever way the rows go out."""
    asyncio.run(_check_nesting([page(rows)]))


async def _check_nesting(pages: list[Any]) -> None:
    for undeclared in (True, False):
        text, table = io.BytesIO(), ArrowSink(undeclared=undeclared)
        cells = io.BytesIO()
        for sink in (JsonlSink(text, undeclared=undeclared), CsvSink(cells, columns=ALL), table):
            await sink.start(None)
            await sink.write(pages)
            await sink.finish()
        shown = text.getvalue().decode() + cells.getvalue().decode() + str(table.table.to_pylist())
        assert "SECRET" not in shown


def test_lists_of_what_no_model_describes_are_looked_into() -> None:
    """A column is taken as it is only if nothing in it can hold a URL."""
    fields = fields_of(ImageMediaMetadata, include_urls=False)
    assert not fields["cropping_suggestion"].is_clean([[SIGNED]])
    assert not fields["faces_thumbnail"].is_clean([[{"face_thumbnail": SIGNED}]])
    assert fields["city"].is_clean(["Hangzhou", None, 5])


ALL = [name for name in File.__struct_fields__ if name not in File.__urls__]


@pytest.mark.parametrize("number", range(4))
async def test_include_urls_writes_urls_but_no_credentials(number, tmp_path, page, written) -> None:
    """Tokens are left out in any case."""
    sink = sinks(tmp_path, include_urls=True)[number]
    await written(sink, [page([WITH_URLS])])
    (path,) = tmp_path.iterdir()
    text = content(path)
    assert text.count("SECRETSIGNATURE") >= 12
    assert TOKEN not in text


async def test_neither_position_nor_spool_holds_what_the_file_may_not(
    tmp_path, page, written
) -> None:
    """A spool is compressed; that no column of URLs is in it shows in what it unpacks to."""
    sink = ArrowSink(undeclared=True)
    positions = await written(sink, [page([WITH_URLS])])
    assert "SECRET" not in str(sink.table.to_pylist())
    for each in sinks(tmp_path):
        positions += await written(each, [page([WITH_URLS])])
    assert "SECRET" not in str(positions)
    assert "SECRET" not in repr(sinks(tmp_path))


def test_a_column_of_urls_says_which_option_it_takes(tmp_path) -> None:
    """The message has the option's name."""
    with pytest.raises(InvalidRequest, match=r"columns: url holds presigned.*include_urls=True"):
        CsvSink(tmp_path / "a.csv", columns=["name", "url"])
    with pytest.raises(InvalidRequest, match="fields: url holds"):
        JsonlSink(tmp_path / "a.jsonl", fields=["url"])


async def test_csv_gets_columns_of_urls_with_the_option(tmp_path, page, written) -> None:
    """They stand behind the usual ones."""
    path = tmp_path / "a.csv"
    await written(CsvSink(path, include_urls=True), [page([WITH_URLS])])
    header = path.read_bytes().partition(b"\r\n")[0].decode().split(",")
    assert header == [*CSV_COLUMNS, *sorted(File.__urls__)]


async def test_names_that_look_like_secrets_are_data(tmp_path, page, written) -> None:
    """Declared texts are the user's own and go out unchanged."""
    path = tmp_path / "a.jsonl"
    row = {
        "name": "Basic English: password=1.docx",
        "description": "see https://example.com/?q=1",
        "user_tags": {"password": "Bearer of news"},
        "labels": ["token=1"],
    }
    await written(JsonlSink(path), [page([row])])
    assert json.loads(path.read_text()) == row
