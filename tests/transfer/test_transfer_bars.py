"""The listeners that show the progress of a transfer with tqdm and rich."""

from __future__ import annotations

import io
import sys
from typing import Any

import pytest
from rich.console import Console

from pdsclient.errors import InvalidRequest
from pdsclient.transfer import TransferState, rich_progress, tqdm_progress
from pdsclient.transfer.progress import Meter


class Run:
    """A transfer of one file that is only counted."""

    def __init__(self, bar: Any) -> None:
        self._now = 0.0
        self.meter = Meter(lambda: self._now)
        self.meter.expect(files=1)
        self._bar = bar

    def moved(self, count: int, state: TransferState = "running") -> None:
        """A second passes in which bytes go through, and a snapshot is told."""
        self._now += 1
        self.meter.moved(count)
        self._bar(self.meter.snapshot(state))


def terminal() -> Console:
    """A rich terminal of 80 columns that can be read back."""
    return Console(file=io.StringIO(), force_terminal=True, width=80, color_system=None)


def said(console: Console) -> str:
    """What was written to the console, on one line."""
    assert isinstance(console.file, io.StringIO)
    return " ".join(console.file.getvalue().split())


def test_tqdm_shows_bytes_and_state() -> None:
    """The bar counts bytes, learns their number late, and says when the transfer is paused."""
    stream = io.StringIO()
    run = Run(tqdm_progress(file=stream, ncols=120, desc="video.mp4"))
    run.moved(1_000_000)
    run.meter.expect(bytes=4_000_000)
    run.moved(1_000_000, "paused")
    run.moved(2_000_000, "done")
    text = stream.getvalue()
    assert "video.mp4: 1.00MB" in text
    assert "2.00M/4.00M" in text
    assert ", paused]" in text
    assert text.endswith("\n")


def test_tqdm_keeps_the_time_when_the_number_of_bytes_becomes_known() -> None:
    """A tree that finds more files lengthens the bar; neither bytes nor the start are lost."""
    bars: list[Any] = []
    show = tqdm_progress(file=io.StringIO())
    opened = show._open
    show._open = lambda: bars.append(opened()) or bars[-1]
    run = Run(show)
    run.moved(100)
    bar = bars[0]._bar
    started = bar.start_t
    for total in (500, 700):
        run.meter.expect(bytes=total)
        run.moved(100)
    assert (bar.n, bar.total, bar.start_t) == (300, 700, started)
    run.moved(0, "cancelled")


def test_tqdm_bar_can_be_switched_off() -> None:
    """``disable=True`` goes through to tqdm, and nothing is written."""
    stream = io.StringIO()
    run = Run(tqdm_progress(file=stream, disable=True))
    run.moved(5)
    run.moved(5, "done")
    assert stream.getvalue() == ""


@pytest.mark.parametrize("end", ["done", "failed", "cancelled"])
@pytest.mark.parametrize("name", ["tqdm", "rich"])
def test_bar_serves_one_transfer_after_another(name: str, end: TransferState) -> None:
    """However a transfer ends, its last snapshot closes the bar; the next one gets a new one."""
    stream = io.StringIO()
    bar = tqdm_progress(file=stream) if name == "tqdm" else rich_progress(console=terminal())
    for _ in range(2):
        run = Run(bar)
        run.moved(1)
        assert bar._picture is not None
        run.moved(1, end)
        assert bar._picture is None


def test_rich_shows_the_label_and_the_line_of_the_snapshot() -> None:
    """The text beside the bar is that of the snapshot; a hostile label is only text."""
    console = terminal()
    run = Run(rich_progress(label="[bold]\x1b[31m.txt", console=console))
    run.meter.expect(bytes=4_000_000)
    run.moved(1_000_000)
    assert r"[bold]\x1b[31m.txt: 1.0 MB of 4.0 MB, 1.0 MB/s, 3.0 s left" in said(console)
    run.moved(3_000_000, "done")
    assert "4.0 MB, 2.0 MB/s, done, took 2.0 s" in said(console)


def test_rich_bar_gives_the_cursor_back() -> None:
    """At the end the terminal is as it was."""
    console = terminal()
    run = Run(rich_progress(console=console, transient=True))
    run.moved(1)
    run.moved(1, "failed")
    assert "\x1b[?25h" in said(console)


@pytest.mark.parametrize(
    ("module", "adapter", "command"),
    [
        ("tqdm.auto", tqdm_progress, "pip install 'pdsclient[progress]'"),
        ("rich.progress", rich_progress, "pip install 'pdsclient[cli]'"),
    ],
    ids=["tqdm", "rich"],
)
def test_missing_library_of_a_bar_is_named_with_the_command(
    module: str, adapter: Any, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the library the message says what to install, where the bar is made."""
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InvalidRequest) as refused:
        adapter()
    assert command in str(refused.value)
