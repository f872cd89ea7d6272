"""The three forms of output, page by page."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from datetime import UTC, datetime

import pytest
from rich.cells import cell_len

from pdsclient._shown import shown
from pdsclient.cli.output import COLUMNS, Csv, Format, JsonLines, TableLayout, layout
from pdsclient.models import File

NOON = "2024-05-01T12:00:30.000Z"


def file(name: str, **fields: object) -> File:
    """A file as a search reply has it."""
    return File(
        name=name,
        type="file",
        size=1_234_567,
        created_at=datetime(2024, 4, 1, tzinfo=UTC),
        updated_at=datetime(2024, 5, 1, 12, 0, 30, tzinfo=UTC),
        **fields,  # type: ignore[arg-type]
    )


@pytest.fixture
def columns(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Sets the width of the terminal."""
    monkeypatch.setenv("COLUMNS", "80")
    return monkeypatch


def test_table_shows_name_size_time_and_folder(columns: pytest.MonkeyPatch) -> None:
    """A table row tells name, human size, time of change and folder."""
    line = TableLayout().page([file("a.pdf", name_path="root/docs/2024/a.pdf")])
    assert line.split() == ["a.pdf", "1.2", "MB", "2024-05-01", "12:00", "docs/2024"]


def test_wide_table_has_both_times(columns: pytest.MonkeyPatch) -> None:
    """From 100 columns on there is room for the time of creation."""
    columns.setenv("COLUMNS", "100")
    table = TableLayout()
    assert "CREATED" in table.head()
    assert "2024-04-01 00:00  2024-05-01 12:00" in table.page([file("a")])


@pytest.mark.parametrize("width", [20, 40, 80, 99, 100, 250])
@pytest.mark.parametrize("name", ["漢" * 85, "a" * 255, "e\u0301" * 120, "a", "漢a" * 60])
def test_table_is_never_wider_than_the_terminal(
    columns: pytest.MonkeyPatch, width: int, name: str
) -> None:
    """Long, wide and combining names are cut to whole characters within the width."""
    columns.setenv("COLUMNS", str(width))
    table = TableLayout()
    lines = (table.head() + table.page([file(name, name_path=f"root/{name}/{name}")])).splitlines()
    assert len(lines) == 2
    assert all(cell_len(line) <= width for line in lines)


def test_table_columns_line_up_over_pages(columns: pytest.MonkeyPatch) -> None:
    """Pages are laid out alike, whatever is in them."""
    table = TableLayout()
    starts = {
        cell_len(table.page([file(name)]).partition("2024-05-01")[0])
        for name in ("a", "漢" * 85, "[b]" * 30, "\x1b[2J")
    }
    assert len(starts) == 1


def test_table_does_not_obey_markup(columns: pytest.MonkeyPatch) -> None:
    """Square brackets in names are text."""
    assert "[bold]x[/bold] :smile:" in TableLayout().page([file("[bold]x[/bold] :smile:")])


def test_table_marks_folders_and_unknown_values(columns: pytest.MonkeyPatch) -> None:
    """A folder has a slash and no size; what the reply lacks is a dash."""
    folder = File(name="docs", type="folder", parent_file_id="root")
    assert TableLayout().page([folder]).split() == ["docs/", "-", "-", "root"]


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (2**63 - 1, "9.2 EB"),
    ],
)
def test_sizes_read_well_and_fit(columns: pytest.MonkeyPatch, size: int, text: str) -> None:
    """Sizes have one decimal, a unit, and at most eight characters."""
    line = TableLayout().page([File(name="n", size=size)])
    assert " ".join(line.split()[1:3]) == text
    assert len(text) <= 8


def test_shown_escapes_all_that_a_terminal_obeys() -> None:
    """No control, format or surrogate character comes through; text and spaces do."""
    for code in range(0x11000):
        char = chr(code)
        dangerous = unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")
        assert not (dangerous and char in shown(char))
    assert shown("漢字 日本 é\u3000ok") == "漢字 日本 é\u3000ok"


def test_json_lines_hold_what_the_file_has() -> None:
    """Each line is the file's ``to_dict()``, also with names that have to be escaped."""
    names = [
        "new\nline",
        "\x1b[2J",
        "\x9b31m",
        "bidi\u202e",
        "\u2028",
        "漢",
        '"',
        "\U0001f600",
        "\U000e0001",
    ]
    files = [file(name) for name in names]
    lines = JsonLines().page(files).split("\n")
    assert lines.pop() == ""
    assert [json.loads(line) for line in lines] == [one.to_dict() for one in files]


def test_json_lines_are_safe_on_a_terminal() -> None:
    """Nothing that moves the cursor or turns the line around stands in a line."""
    everything = "".join(
        map(chr, (*range(0xD800), *range(0xE000, 0xFFFE), *range(0xE0000, 0xE0080)))
    )
    line = JsonLines().page([file(everything)]).rstrip("\n")
    assert json.loads(line)["name"] == everything
    assert not {char for char in line if unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp")}


def test_json_lines_hold_no_presigned_url() -> None:
    """A URL that needs no token stays out of the output."""
    urls = {"url": "https://x/?Signature=s3cr3t", "download_url": "https://x/?Signature=s3cr3t"}
    for form in (JsonLines(), Csv()):
        assert "s3cr3t" not in form.page([file("a", **urls)])


def test_csv_follows_rfc_4180() -> None:
    """A header, CRLF, quotes where they are needed, and the names as they are."""
    names = ['quote",comma', "new\nline", "漢", "=1+1"]
    output = Csv()
    text = output.head() + output.page([file(name, hidden=True) for name in names])
    assert text.startswith(",".join(COLUMNS) + "\r\n")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["name"] for row in rows] == names
    assert {
        (row["size"], row["updated_at"], row["hidden"], row["content_hash"]) for row in rows
    } == {("1234567", NOON, "true", "")}


def test_default_form_depends_on_the_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """People get a table, programs JSON lines, and who asks gets what was asked for."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert isinstance(layout(None), TableLayout)
    assert isinstance(layout(Format.CSV), Csv)
    monkeypatch.setattr("sys.stdout.isatty", lambda: False, raising=False)
    assert isinstance(layout(None), JsonLines)
