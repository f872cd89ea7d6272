"""Bars for transfers: listeners for their event ``progress``."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from pdsclient._shown import shown
from pdsclient.errors import InvalidRequest
from pdsclient.transfer.progress import TransferProgress

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["ProgressBar", "rich_progress", "tqdm_progress"]


class _Picture(Protocol):
    """Something on the screen that shows a snapshot."""

    def show(self, progress: TransferProgress) -> None:
        """Show it in place of the one before."""
        ...

    def close(self) -> None:
        """Leave the screen to others."""
        ...


class ProgressBar:
    """A listener for ``transfer.on("progress", …)`` that shows a bar until the transfer ends.

    Afterwards it may listen to the next transfer, not to two at a time.

    Args:
        open_picture: makes the bar, when the first snapshot comes.
    """

    def __init__(self, open_picture: Callable[[], _Picture]) -> None:
        self._open = open_picture
        self._picture: _Picture | None = None

    def __call__(self, progress: TransferProgress) -> None:
        """Show a snapshot; the last one closes the bar."""
        if self._picture is None:
            self._picture = self._open()
        self._picture.show(progress)
        if progress.finished:
            self._picture.close()
            self._picture = None


class _TqdmBar:
    def __init__(self, bar: Any) -> None:
        self._bar = bar

    def show(self, progress: TransferProgress) -> None:
        if self._bar.disable:
            return
        if progress.bytes_total != self._bar.total:
            # In a notebook this alone changes the length of the bar; it forgets the start.
            started = self._bar.start_t
            self._bar.reset(progress.bytes_total)
            self._bar.start_t = started
        self._bar.n = progress.bytes_done
        told = [*progress._files(), *([] if progress.state == "running" else [progress.state])]
        self._bar.set_postfix_str(", ".join(told), refresh=True)

    def close(self) -> None:
        self._bar.close()


def tqdm_progress(**options: Any) -> ProgressBar:
    """A listener for ``progress`` that shows a tqdm bar; in Jupyter the bar of notebooks.

    ``transfer.on("progress", tqdm_progress(desc="video.mp4"))``

    Args:
        options: keyword arguments for ``tqdm``, such as ``desc`` or ``leave``. Needs the extra
            ``progress``; the bar of notebooks needs ipywidgets as well.

    Raises:
        InvalidRequest: if tqdm is not installed.
    """
    tqdm = _library("tqdm.auto", "tqdm_progress() needs tqdm", "progress").tqdm
    defaults = {"unit": "B", "unit_scale": True}
    return ProgressBar(lambda: _TqdmBar(tqdm(**{**defaults, **options})))


class _RichBar:
    def __init__(self, console: Console | None, transient: bool, label: str) -> None:
        from rich import progress as bars
        from rich.table import Column

        self._label = f"{shown(label)}: " if label else ""
        self._bars = bars.Progress(
            bars.BarColumn(20, table_column=Column(no_wrap=True)),
            # What it says may be wider than the terminal: it goes on below, and nothing in it is
            # taken for markup.
            bars.TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=False)),
            console=console,
            # Drawn when there is something new, by whoever calls: no thread is left behind.
            auto_refresh=False,
            transient=transient,
        )
        self._task = self._bars.add_task("", total=None)
        self._bars.start()

    def show(self, progress: TransferProgress) -> None:
        self._bars.update(
            self._task,
            completed=progress.bytes_done,
            total=progress.bytes_total,
            description=f"{self._label}{progress}",
            refresh=True,
        )

    def close(self) -> None:
        self._bars.stop()


def rich_progress(
    *, label: str = "", console: Console | None = None, transient: bool = False
) -> ProgressBar:
    """A listener for ``progress`` that shows a rich bar, also in Jupyter.

    ``transfer.on("progress", rich_progress(label="video.mp4"))``

    Args:
        label: what stands before the numbers, such as the name of the file.
        console: where to show it; rich's own when left out. On one that is no terminal only
            the last snapshot is written.
        transient: the bar disappears at the end. Needs the extra ``cli``.

    Raises:
        InvalidRequest: if rich is not installed.
    """
    _library("rich.progress", "rich_progress() needs rich", "cli")
    return ProgressBar(lambda: _RichBar(console, transient, label))


def _library(module: str, problem: str, extra: str) -> Any:
    try:
        return import_module(module)
    except ImportError:
        raise InvalidRequest(f"{problem}: pip install 'pdsclient[{extra}]'") from None
