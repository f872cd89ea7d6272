"""The adapters that show progress with tqdm and rich."""

from __future__ import annotations

import io
import sys
from typing import Any

import pytest
from rich.console import Console

from pdsclient._bars import Show
from pdsclient.bulk.progress import Meter, rich_progress, tqdm_progress
from pdsclient.errors import InvalidRequest


class Run:
    """A bulk search that is only counted: a tenth of a second between its snapshots."""

    def __init__(self, show: Show) -> None:
        self._now = 0.0
        self.meter = Meter(lambda: self._now)
        self.meter.jobs_open = 1
        self._show = show

    def page(self, **how: Any) -> None:
        """A page of 100 hits, and a snapshot after it."""
        self._now += 0.125
        self.meter.hits += 100
        self._show(self.meter.snapshot(**how))

    def end(self) -> None:
        """The last snapshot."""
        self._show(self.meter.snapshot(finished=True))


def terminal() -> Console:
    """A rich terminal of 80 columns that can be read back."""
    return Console(file=io.StringIO(), force_terminal=True, width=80, color_system=None)


def said(console: Console) -> str:
    """What was written to the console, on one line."""
    assert isinstance(console.file, io.StringIO)
    return " ".join(console.file.getvalue().split())


def test_tqdm_shows_hits_expectation_and_reason() -> None:
    """The bar has the counts, what was announced, and why it waits."""
    stream = io.StringIO()
    run = Run(tqdm_progress(file=stream, ncols=120, desc="reports"))
    run.meter.windows_open = 4
    run.page()
    run.meter.expect(1_000)
    run.meter.retries = 1
    run.page(waiting=3, waiting_for="rate")
    run.end()
    text = stream.getvalue()
    assert "reports: 100 hits" in text
    assert "200/1000" in text
    assert "0 of 4 windows, 1 retry, waiting for the rate limit" in text
    assert text.endswith("\n")


def test_tqdm_keeps_the_time_when_the_expectation_grows() -> None:
    """Another window's total lengthens the bar; neither hits nor the start are forgotten."""
    bars: list[Any] = []
    show = tqdm_progress(file=io.StringIO())
    opened = show._open
    show._open = lambda: bars.append(opened()) or bars[-1]
    run = Run(show)
    run.page()
    bar = bars[0]._bar
    started = bar.start_t
    for total in (500, 700):
        run.meter.expect(total)
        run.page()
    assert (bar.n, bar.total, bar.start_t) == (300, 1_200, started)
    run.end()


def test_tqdm_can_be_switched_off() -> None:
    """``disable=True`` goes through to tqdm, and nothing is written."""
    stream = io.StringIO()
    run = Run(tqdm_progress(file=stream, disable=True))
    run.page()
    run.end()
    assert stream.getvalue() == ""


@pytest.mark.parametrize("make", [tqdm_progress, lambda **_: rich_progress(console=terminal())])
def test_callback_serves_one_search_after_another(make: Any) -> None:
    """The last snapshot closes the bar; the next search gets a new one, also if it failed."""
    show = make(**({"file": io.StringIO()} if make is tqdm_progress else {}))
    for _ in range(2):
        run = Run(show)
        run.page()
        assert show._picture is not None
        run.end()
        assert show._picture is None


def test_rich_shows_the_line_of_the_snapshot() -> None:
    """The text beside the bar is that of the snapshot, in full on 80 columns."""
    console = terminal()
    run = Run(rich_progress(console=console))
    run.meter.expect(50_000)
    run.meter.windows_open = 16
    run.meter.retries = 12
    run.page(waiting=16, waiting_for="pause")
    assert "100 of 50,000 hits, 800/s, 1:02 left" in said(console)
    assert "0 of 16 windows" in said(console)
    assert "paused at the service's request" in said(console)
    run.end()
    assert "100 hits, 800/s, took 0.1 s" in said(console)


def test_rich_leaves_the_terminal_as_it_was() -> None:
    """At the end the cursor is back."""
    console = terminal()
    run = Run(rich_progress(console=console, transient=True))
    run.page()
    run.end()
    assert said(console).endswith("\x1b[2K") or "\x1b[?25h" in said(console)


def test_pictures_are_drawn_ten_times_a_second() -> None:
    """Snapshots that come faster are not all drawn; the last one always is."""
    shown: list[int] = []

    class Picture:
        def show(self, progress: Any) -> None:
            shown.append(progress.hits)

        def close(self) -> None:
            shown.append(-1)

    now = 0.0
    meter = Meter(lambda: now)
    show = Show(Picture)
    for _ in range(1_000):
        now += 0.001
        meter.hits += 1
        show(meter.snapshot())
    show(meter.snapshot(finished=True))
    assert shown[-2:] == [1_000, -1]
    assert len(shown) <= 13


@pytest.mark.parametrize(
    ("module", "adapter", "command"),
    [
        ("tqdm.auto", tqdm_progress, "pip install 'pdsclient[progress]'"),
        ("rich.progress", rich_progress, "pip install 'pdsclient[cli]'"),
    ],
    ids=["tqdm", "rich"],
)
def test_missing_library_is_named_with_the_command(
    module: str, adapter: Any, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the library the message says what to install, before anything is sent."""
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InvalidRequest) as refused:
        adapter()
    assert command in str(refused.value)
