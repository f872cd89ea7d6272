"""Bars that show how far something is, by rich or by tqdm; both are optional."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, Protocol, TypeVar

from pdsclient.errors import InvalidRequest

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Picture", "Seen", "Show", "rich_show", "tqdm_show"]

# More pictures a second than this nobody sees.
_PICTURE_S: Final = 0.1


class _Snapshot(Protocol):
    @property
    def elapsed_s(self) -> float: ...
    @property
    def finished(self) -> bool: ...


S = TypeVar("S", bound=_Snapshot)
S_contra = TypeVar("S_contra", contravariant=True)


class Picture(Protocol[S_contra]):
    """Something on the screen that shows a snapshot."""

    def show(self, progress: S_contra) -> None:
        """Show it in place of the one before."""
        ...

    def close(self) -> None:
        """Leave the screen to others."""
        ...


class Show(Generic[S]):
    """Is called with snapshots and shows them, the last one always.

    It opens a picture with the first snapshot and closes it after the last one, so it can serve
    one after another, but not two at a time.

    Args:
        open_picture: makes the picture.
        every_s: at most one snapshot in this time is shown.
    """

    def __init__(self, open_picture: Callable[[], Picture[S]], every_s: float = _PICTURE_S) -> None:
        self._open = open_picture
        self._every_s = every_s
        self._picture: Picture[S] | None = None
        self._next_s = 0.0

    def __call__(self, progress: S) -> None:
        """Show a snapshot, if it is time."""
        if progress.elapsed_s < self._next_s and not progress.finished:
            return
        self._next_s = progress.elapsed_s + self._every_s
        if self._picture is None:
            self._picture = self._open()
        self._picture.show(progress)
        if progress.finished:
            self._picture.close()
            self._picture, self._next_s = None, 0.0


class Seen(NamedTuple):
    """What a bar shows of a snapshot.

    Attributes:
        done: how much is done.
        total: of how much, None while unknown.
        line: all of it in a line.
        rest: what a bar with counts, speed and time does not show by itself.
    """

    done: int
    total: int | None
    line: str
    rest: str


class _TqdmBar(Generic[S]):
    def __init__(self, bar: Any, see: Callable[[S], Seen]) -> None:
        self._bar = bar
        self._see = see

    def show(self, progress: S) -> None:
        if self._bar.disable:
            return
        seen = self._see(progress)
        if seen.total != self._bar.total:
            # In a notebook this alone changes the length of the bar; it forgets the start.
            started = self._bar.start_t
            self._bar.reset(seen.total)
            self._bar.start_t = started
        self._bar.n = seen.done
        self._bar.set_postfix_str(seen.rest, refresh=True)

    def close(self) -> None:
        self._bar.close()


def tqdm_show(see: Callable[[S], Seen], options: dict[str, Any]) -> Show[S]:
    """Shows a tqdm bar; InvalidRequest if tqdm is not installed."""
    tqdm = _library("tqdm.auto", "tqdm_progress() needs tqdm", "progress").tqdm
    return Show(lambda: _TqdmBar(tqdm(**options), see))


class _RichBar(Generic[S]):
    def __init__(self, see: Callable[[S], Seen], console: Console | None, transient: bool) -> None:
        from rich import progress as bars
        from rich.table import Column

        self._see = see
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

    def show(self, progress: S) -> None:
        seen = self._see(progress)
        self._bars.update(
            self._task,
            completed=seen.done,
            total=seen.total,
            description=seen.line,
            refresh=True,
        )

    def close(self) -> None:
        self._bars.stop()


def rich_show(see: Callable[[S], Seen], *, console: Console | None, transient: bool) -> Show[S]:
    """Shows a rich bar; InvalidRequest if rich is not installed."""
    _library("rich.progress", "rich_progress() needs rich", "cli")
    return Show(lambda: _RichBar(see, console, transient))


def _library(module: str, problem: str, extra: str) -> Any:
    try:
        return import_module(module)
    except ImportError:
        raise InvalidRequest(f"{problem}: pip install 'pdsclient[{extra}]'") from None
