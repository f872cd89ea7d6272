"""What is told of transfers meanwhile: bars on a terminal, elsewhere a line now and then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from pdsclient._shown import shown, shown_size
from pdsclient.cli.terminal import is_interactive, say
from pdsclient.transfer import TransferProgress

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Bars", "Board", "Lines", "Row", "board"]

Row = tuple[str, TransferProgress]

_MOST_ROWS = 8
_BAR_WIDTH = 20
# As in "999.9 MB of 999.9 MB".
_AMOUNT_WIDTH = 20
_GAP = 1
_LEAST_NAME = 10
_ELLIPSIS = "…"


class Board(Protocol):
    """Something that shows how far the transfers are."""

    every_s: float

    def show(self, total: TransferProgress, files: Sequence[Row]) -> None:
        """Show it in place of what was shown before.

        Args:
            total: of all files together.
            files: those under way.
        """
        ...

    def close(self) -> None:
        """Leave the screen to others."""
        ...


def board() -> Board:
    """Bars if somebody watches, else lines."""
    if not is_interactive():
        return Lines()
    from rich.console import Console

    return Bars(Console(stderr=True))


class Lines:
    """A line now and then, where nobody watches a bar."""

    every_s = 5.0

    def show(self, total: TransferProgress, files: Sequence[Row]) -> None:
        """Say how far it is."""
        if total.elapsed_s >= self.every_s:
            say(str(total))

    def close(self) -> None:
        """Nothing is open."""


class Bars:
    """A bar for each file under way, and a line for all; they disappear at the end.

    Args:
        console: the terminal.
    """

    every_s = 0.2

    def __init__(self, console: Console) -> None:
        from rich.live import Live

        self._console = console
        # Drawn when there is something new: no thread of its own. What is written to standard
        # output is not for this console.
        self._live = Live(
            console=console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()

    def show(self, total: TransferProgress, files: Sequence[Row]) -> None:
        """Draw the files, as many as there is room for, and the line."""
        from rich.console import Group
        from rich.text import Text

        room = max(1, min(_MOST_ROWS, self._console.height - 3))
        lines = [self._table(files[:room])]
        if len(files) > room:
            lines.append(Text(f"and {len(files) - room:,} more under way"))
        self._live.update(Group(*lines, Text(str(total))), refresh=True)

    def close(self) -> None:
        """Remove it, and give the cursor back."""
        self._live.stop()

    def _table(self, files: Sequence[Row]) -> Any:
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        width = self._console.width - _BAR_WIDTH - _AMOUNT_WIDTH - 2 * _GAP
        table = Table.grid(padding=(0, _GAP, 0, 0))
        table.add_column(width=max(_LEAST_NAME, width), no_wrap=True)
        table.add_column(width=_BAR_WIDTH, no_wrap=True)
        table.add_column(width=_AMOUNT_WIDTH, no_wrap=True, justify="right")
        for name, progress in files:
            table.add_row(
                Text(cut_in_the_middle(shown(name), max(_LEAST_NAME, width))),
                ProgressBar(progress.bytes_total, progress.bytes_done, width=_BAR_WIDTH),
                Text(_amount(progress)),
            )
        return table


def _amount(progress: TransferProgress) -> str:
    done = shown_size(progress.bytes_done)
    if progress.bytes_total is None:
        return done
    return f"{done} of {shown_size(progress.bytes_total)}"


def cut_in_the_middle(text: str, width: int) -> str:
    """The text if it fits into so many cells, else its beginning and its end."""
    from rich.cells import cell_len, chop_cells

    if cell_len(text) <= width:
        return text
    left = width - cell_len(_ELLIPSIS)
    head = chop_cells(text, left - left // 2)[0]
    tail = chop_cells(text[::-1], left // 2)[0][::-1]
    return f"{head}{_ELLIPSIS}{tail}"
