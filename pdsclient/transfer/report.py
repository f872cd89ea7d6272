"""What became of a tree: an item for each file, and their sum."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Literal, TypeAlias

from attrs import Factory, define, frozen

from pdsclient._html import table
from pdsclient._shown import counted, shown, shown_duration, shown_size

__all__ = ["TreeAction", "TreeItem", "TreeReport"]

TreeAction: TypeAlias = Literal["uploaded", "updated", "downloaded", "skipped", "failed"]

_MOST_SHOWN = 3


@frozen
class TreeItem:
    """What became of one file or folder of a tree; in a dry run: what would.

    Attributes:
        path: where it is in the tree, with ``/`` between the names; that of a folder ends with one.
        action: ``uploaded``, ``updated`` (a file that was there got a new content),
            ``downloaded``, ``skipped`` or ``failed``.
        size: bytes of the content, None of what has none.
        file_id: the file in the drive, None where there is none.
        reason: why, in a word or two: ``same``, ``exists``, ``rapid``, ``symbolic link``, …
        error: what it failed with.
    """

    path: str
    action: TreeAction
    size: int | None = None
    file_id: str | None = None
    reason: str = ""
    error: Exception | None = None

    @property
    def name(self) -> str:
        """The last name of the path."""
        return PurePosixPath(self.path).name

    def __str__(self) -> str:
        why = self.error or self.reason
        return f"{shown(self.path)}: {self.action}" + (f" ({shown(str(why))})" if why else "")


@define(eq=False, repr=False)
class TreeReport:
    """What became of a tree; ``str()`` is a short summary.

    Attributes:
        done: the files that were moved; in a dry run: that would be.
        skipped: what was left as it is.
        failed: files and folders that failed; nothing in such a folder was looked at.
        folders_made: how many folders were made.
        bytes: sum of the sizes in ``done``.
        elapsed_s: seconds that it took.
        dry_run: nothing was changed.
        stopped: the error that ended it early, with files that were not looked at; None if it
            got to its end.
    """

    done: list[TreeItem] = Factory(list)
    skipped: list[TreeItem] = Factory(list)
    failed: list[TreeItem] = Factory(list)
    folders_made: int = 0
    bytes: int = 0
    elapsed_s: float = 0.0
    dry_run: bool = False
    stopped: Exception | None = None

    def raise_first(self) -> None:
        """Raise what ended it early, or the error of the first file that failed, if any did."""
        if self.stopped is not None:
            raise self.stopped
        for item in self.failed:
            if item.error is not None:
                raise item.error

    def __str__(self) -> str:
        would = "would be " if self.dry_run else ""
        parts = [
            f"{counted(len(self.done), 'file')} {would}moved ({shown_size(self.bytes)})",
            f"{len(self.skipped):,} skipped",
            f"{len(self.failed):,} failed",
        ]
        if self.folders_made:
            parts.append(f"{counted(self.folders_made, 'folder')} {would}made")
        if self.stopped is not None:
            parts.append(f"stopped early: {shown(str(self.stopped))}")
        return f"{', '.join(parts)}, took {shown_duration(self.elapsed_s)}"

    def __repr__(self) -> str:
        first = "".join(f"\n  {item}" for item in self.failed[:_MOST_SHOWN])
        more = len(self.failed) - _MOST_SHOWN
        return f"<TreeReport: {self}>{first}" + (f"\n  … and {more:,} more" if more > 0 else "")

    def _repr_html_(self) -> str:
        rows = ([item.path, str(item.error or item.reason)] for item in self.failed)
        return table(["failed", "error"], rows, count=len(self.failed), note=str(self))
