"""What notebooks show of files, pages and results: small, safe, and without secrets."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from pdsclient import _html
from pdsclient.models import DeltaPage, File, FileChange, FilePage, ShareToken


class Table(HTMLParser):
    """The texts of a table's cells by row, and whether tags are balanced."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.note = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self._open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1] in ("td", "th"):
            self.rows[-1][-1] += data
        else:
            assert self._open[-1] == "p"
            self.note += data


def report(**fields: Any) -> File:
    """A file as a reply brings it."""
    return File(**{"name": "report.pdf", "type": "file", "file_id": "f1", "size": 1500, **fields})


def test_file_shows_its_fields_with_what_matters_first() -> None:
    """Name, type and a readable size come first, then the rest of what is set."""
    file = report(drive_id="1", created_at="2026-01-02T03:04:05.678Z", labels=["a", "b"])
    head, *rows = Table(file._repr_html_()).rows
    assert head == ["field", "value"]
    assert rows == [
        ["name", "report.pdf"],
        ["type", "file"],
        ["size", "1.5 kB"],
        ["created_at", "2026-01-02 03:04:05Z"],
        ["file_id", "f1"],
        ["drive_id", "1"],
        ["labels", "['a', 'b']"],
    ]


def test_page_shows_its_first_files_and_how_many_there_are() -> None:
    """A page of 100 files is ten rows; below them stands what is not shown."""
    page = FilePage(items=[report(name=str(n)) for n in range(100)], next_marker="m")
    table = Table(page._repr_html_())
    assert table.rows[0] == ["name", "type", "size", "created_at", "updated_at", "file_id"]
    assert [row[0] for row in table.rows[1:]] == [str(n) for n in range(10)]
    assert table.note == "… and 90 more; more pages follow"


def test_page_tells_the_total_that_the_server_announced() -> None:
    """Whoever asked for the number of hits sees it."""
    page = FilePage(items=[report()], total_count=1234)
    assert Table(page._repr_html_()).note == "1234 hits in all, the last page"


def test_empty_page_is_an_empty_table() -> None:
    """Nothing found is shown as such, not as an error."""
    assert Table(FilePage()._repr_html_()).note == "the last page"


def test_other_pages_have_a_table_too() -> None:
    """A model that names no columns shows the first fields that are set."""
    page = DeltaPage(items=[FileChange(file_id="7", op="move")])
    assert Table(page._repr_html_()).rows == [["file_id", "op"], ["7", "move"]]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ('"><img src=x onerror=y>', '"><img src=x onerror=y>'),
        ("a&amp;b", "a&amp;b"),
        ("gnp\u202etxt.exe", "gnp\\u202etxt.exe"),
        ("red\x1b[31m", "red\\x1b[31m"),
        ("two\nlines", "two\\nlines"),
        ("two  spaces", "two  spaces"),
        ("x" * 300, "x" * 99 + "…"),
    ],
)
def test_hostile_names_are_shown_and_not_obeyed(name: str, text: str) -> None:
    """Markup, control and bidirectional characters are visible; long names are cut."""
    file = report(name=name)
    for model in (file, FilePage(items=[file])):
        assert text in [one for row in Table(model._repr_html_()).rows for one in row]


@given(st.text(), st.text())
def test_any_text_stays_text(name: str, description: str) -> None:
    """Whatever the server sends, the table keeps its shape: tags are ours alone."""
    html = report(name=name, description=description)._repr_html_()
    assert all(len(row) == 2 for row in Table(html).rows)


def test_formulas_in_names_are_not_set() -> None:
    """Dollar signs make no formula: notebooks are told to leave the table alone."""
    html = report(name="$x$ and $y$")._repr_html_()
    assert 'class="tex2jax_ignore mathjax_ignore"' in html


def test_no_presigned_url_and_no_credential_is_shown() -> None:
    """Neither the fields made for URLs nor those that the models do not describe show one."""
    url = "https://bucket.oss/x?x-oss-signature=planted"
    file = report(url=url, download_url=url, thumbnail=url, sync_meta={"link": url})
    page = FilePage(items=[file])
    token = ShareToken(share_token="planted", expires_in=7200)
    for model in (file, page, token):
        assert "planted" not in model._repr_html_()


def test_values_of_a_wrong_type_are_shown_as_they_came() -> None:
    """What the server sent instead of a number or a time does not break the view."""
    rows = Table(report(size="many", created_at="yesterday")._repr_html_()).rows
    assert ["size", "many"] in rows
    assert ["created_at", "yesterday"] in rows


@frozen
class Job:
    """A job of a bulk search, as far as a view needs it."""

    key: str


@frozen
class Failure:
    """As the failures of a bulk search look."""

    job: Job
    window: str
    error: Exception


def test_results_show_progress_and_the_first_failures() -> None:
    """A line for the whole, a row for each failed job, escaped and masked."""
    error = ValueError("access_token=planted")
    failures = [Failure(Job(f"<{n}>"), "size > 1", error) for n in range(12)]
    table = Table(_html.results_html("5 of 9 hits", failures))
    assert table.note == "5 of 9 hits… and 2 more"
    assert table.rows[:2] == [["job", "window", "error"], ["<0>", "size > 1", "access_token=***"]]
    assert len(table.rows) == 11


def test_results_without_failures_are_one_line() -> None:
    """Nothing failed: no table."""
    assert _html.results_html("5 hits", []) == "<p>5 hits</p>"


@pytest.mark.parametrize(
    ("size", "text"),
    [(999_949, "999.9 kB"), (999_950, "1.0 MB"), (2**63, "9.2 EB"), (10**22, "10,000.0 EB")],
)
def test_sizes_of_any_magnitude_are_shown(size: int, text: str) -> None:
    """Also one that no disk holds."""
    assert text in File(size=size)._repr_html_()
