"""Bars for transfers: listeners for their event ``progress``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pdsclient._bars import Seen, Show, rich_show, tqdm_show
from pdsclient._shown import shown
from pdsclient.transfer.progress import TransferProgress

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["rich_progress", "tqdm_progress"]


def _seen(progress: TransferProgress) -> Seen:
    state = [] if progress.state == "running" else [progress.state]
    rest = ", ".join([*progress._files(), *state])
    return Seen(progress.bytes_done, progress.bytes_total, str(progress), rest)


def tqdm_progress(**options: Any) -> Show[TransferProgress]:
    """A listener for ``progress`` that shows a tqdm bar; in Jupyter the bar of notebooks.

    ``transfer.on("progress", tqdm_progress(desc="video.mp4"))``; afterwards it may listen to the
    next transfer, not to two at a time.

    Args:
        options: keyword arguments for ``tqdm``, such as ``desc`` or ``leave``. Needs the extra
            ``progress``; the bar of notebooks needs ipywidgets as well.

    Raises:
        InvalidRequest: if tqdm is not installed.
    """
    return tqdm_show(_seen, {"unit": "B", "unit_scale": True, **options})


def rich_progress(
    *, label: str = "", console: Console | None = None, transient: bool = False
) -> Show[TransferProgress]:
    """A listener for ``progress`` that shows a rich bar, also in Jupyter.

    ``transfer.on("progress", rich_progress(label="video.mp4"))``; afterwards it may listen to
    the next transfer, not to two at a time.

    Args:
        label: what stands before the numbers, such as the name of the file.
        console: where to show it; rich's own when left out. On one that is no terminal only
            the last snapshot is written.
        transient: the bar disappears at the end. Needs the extra ``cli``.

    Raises:
        InvalidRequest: if rich is not installed.
    """
    before = f"{shown(label)}: " if label else ""

    def see(progress: TransferProgress) -> Seen:
        seen = _seen(progress)
        return seen._replace(line=f"{before}{seen.line}")

    return rich_show(see, console=console, transient=transient)
