"""What is shown of transfers meanwhile: bars on a terminal, elsewhere lines."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from pdsclient.cli.board import Bars, Lines, board, cut_in_the_middle
from pdsclient.transfer import TransferProgress
from pdsclient.transfer.progress import Meter

WIDTH = 80
CONTROLS = re.compile(r"\x1b\[[\d;?]*[a-zA-Z]|\r")


def progress(done: int, total: int | None, *, files: int = 1, elapsed_s: float = 10) -> Any:
    """How far something is."""
    now = [0.0]
    meter = Meter(lambda: now[0])
    meter.expect(bytes=total, files=files)
    meter.moved(done)
    now[0] = elapsed_s
    return meter.snapshot("running")


def terminal(height: int = 25) -> Console:
    """A terminal that can be read back."""
    return Console(
        file=io.StringIO(), force_terminal=True, width=WIDTH, height=height, color_system=None
    )


def drawn(console: Console, total: TransferProgress, files: list[Any]) -> list[str]:
    """The lines of one picture."""
    bars = Bars(console)
    assert isinstance(console.file, io.StringIO)
    begin = len(console.file.getvalue())
    bars.show(total, files)
    picture = console.file.getvalue()[begin:]
    bars.close()
    return CONTROLS.sub("", picture).splitlines()


def test_each_file_under_way_has_a_line_and_all_have_one() -> None:
    """Name, bar and amount stand in columns; the line at the end is that of the snapshot."""
    files = [("a.jpg", progress(500, 1000)), ("photos/b.jpg", progress(0, None))]
    first, second, total = drawn(terminal(), progress(500, 2000, files=2), files)
    assert re.fullmatch(r"a\.jpg +━+ + +500 B of 1\.0 kB", first)
    assert re.fullmatch(r"photos/b\.jpg +━+ +0 B", second)
    assert cell_len(first.rstrip()) == cell_len(second.rstrip()) <= WIDTH
    assert total.strip() == "500 B of 2.0 kB, 0 files, 50 B/s, 0:30 left"


def test_no_name_makes_a_line_longer_than_the_terminal() -> None:
    """Long names are cut in the middle; wide characters count twice; markup and controls show."""
    names = ["漢" * 85, "a" * 255 + ".jpg", "[bold]red[/bold]", "\x1b[31mred\u202egnp", "new\nline"]
    lines = drawn(terminal(), progress(0, 10), [(name, progress(0, 10)) for name in names])
    assert len(lines) == len(names) + 1
    assert all(cell_len(line.rstrip()) <= WIDTH for line in lines)
    assert re.match(r"aaaa+….*aa\.jpg ", lines[1])
    assert lines[2].startswith("[bold]red[/bold] ")
    assert lines[3].startswith(r"\x1b[31mred\u202egnp ")
    assert lines[4].startswith(r"new\nline ")


@pytest.mark.parametrize(("height", "rows"), [(25, 8), (6, 3), (4, 1)])
def test_files_beyond_the_room_are_counted(height: int, rows: int) -> None:
    """The picture is never higher than the terminal, which would scroll without end."""
    files = [(f"file{n}", progress(0, 10)) for n in range(20)]
    lines = drawn(terminal(height), progress(0, 10), files)
    assert len(lines) == rows + 2 < height
    assert lines[rows].strip() == f"and {20 - rows} more under way"


@given(st.text(max_size=60), st.integers(10, 40))
@settings(max_examples=50)
def test_cut_names_fit_and_keep_both_ends(text: str, width: int) -> None:
    """A name that fits is left alone; of another one the beginning and the end stay."""
    text = "".join(char for char in text if char.isprintable())
    cut = cut_in_the_middle(text, width)
    assert cell_len(cut) <= width or cell_len(text) <= width
    assert cut == text or (text.startswith(cut.split("…")[0]) and "…" in cut)


def test_lines_come_only_after_a_while(capsys: pytest.CaptureFixture[str]) -> None:
    """What is quickly done says nothing meanwhile; the terminal is no place for bars in a log."""
    lines = Lines()
    lines.show(progress(1, 10, elapsed_s=0.1), [])
    assert capsys.readouterr().err == ""
    lines.show(progress(1, 10, elapsed_s=6), [("a", progress(1, 10))])
    lines.close()
    assert capsys.readouterr().err.startswith("pdsclient: 1 B of 10 B, ")


def test_bars_need_somebody_who_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a pipe or a file there are lines, on a terminal bars."""
    assert isinstance(board(), Lines)
    monkeypatch.setattr("pdsclient.cli.board.is_interactive", lambda: True)
    bars = board()
    assert isinstance(bars, Bars)
    bars.close()
