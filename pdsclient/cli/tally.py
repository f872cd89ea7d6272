"""What becomes of the files of a command, counted, and written where that is wanted."""

from __future__ import annotations

from collections import Counter
from typing import Final, get_args

from attrs import frozen

from pdsclient._shown import shown
from pdsclient.cli.output import json_text
from pdsclient.cli.terminal import ReaderGone, abandon_output, write
from pdsclient.cli.transfer_options import How
from pdsclient.errors import Conflict, PDSError
from pdsclient.transfer.report import TreeAction

__all__ = ["Moved", "Tally", "to_raise", "told"]

_MOST_FAILURES: Final = 10
_ACTIONS: Final = get_args(TreeAction)
# What is written of them in a dry run.
_DO: Final = {
    "uploaded": "upload",
    "updated": "update",
    "downloaded": "download",
    "skipped": "skip",
}
_HINT: Final = "--existing says what to do then: overwrite, update, skip or auto_rename"


@frozen(kw_only=True)
class Moved:
    """What became of a file.

    Attributes:
        path: the file, by the name that the user gave, or that and its path in the folder.
        action: ``uploaded``, ``updated``, ``downloaded``, ``skipped`` or ``failed``, or in a dry
            run what would be.
        reason: why, in a word or two: ``rapid``, ``same``, ``exists``, …
        size: its bytes, where they are known.
        file_id: in the drive, where it is known.
        target: where it is now on this machine, of a download.
        error: why it failed.
    """

    path: str
    action: TreeAction
    reason: str = ""
    size: int | None = None
    file_id: str | None = None
    target: str | None = None
    error: Exception | None = None

    def __str__(self) -> str:
        where = self.target or (self.file_id and f"id:{self.file_id}")
        why = f" ({self.reason})" if self.reason else ""
        return f"{self.action}{why}" + (f", {shown(where)}" if where else "")

    def fields(self) -> dict[str, object]:
        """For JSON: what is known."""
        known = {
            "path": self.path,
            "action": self.action,
            "reason": self.reason or None,
            "size": self.size,
            "file_id": self.file_id,
            "target": self.target,
            "error": None if self.error is None else _why(self.error),
        }
        return {name: value for name, value in known.items() if value is not None}


class Tally:
    """What became of all files so far.

    Args:
        how: says what is written of each.
    """

    def __init__(self, how: How) -> None:
        self._how = how
        self.actions: Counter[str] = Counter()
        self.failures: list[Moved] = []
        self.last: Moved | None = None

    def add(self, moved: Moved) -> None:
        """Count it, and write it if that is wanted."""
        self.last = moved
        self.actions[moved.action] += 1
        if moved.error is not None and len(self.failures) < _MOST_FAILURES:
            self.failures.append(moved)
        if self._how.as_json:
            self._write(f"{json_text(moved.fields())}\n")
        elif self._how.dry_run and moved.error is None:
            self._write(f"{_DO[moved.action]:<8} {shown(moved.path)}\n")

    def _write(self, line: str) -> None:
        try:
            write(line)
        except ReaderGone:
            # Who has read enough has not said that the files are not wanted.
            abandon_output()

    @property
    def moved(self) -> int:
        """How many files were not only looked at."""
        return self.actions.total() - self.actions["skipped"] - self.actions["failed"]

    def __str__(self) -> str:
        would = "would be " if self._how.dry_run else ""
        if self.actions.total() == 1 and self.last is not None:
            return f"{shown(self.last.path)}: {would}{self.last}"
        counts = [
            f"{self.actions[one]:,} {'' if one == 'failed' else would}{one}"
            for one in _ACTIONS
            if self.actions[one]
        ]
        return ", ".join(counts) or "there was nothing to do"


def told(moved: Moved) -> str:
    """Why a file failed, for people."""
    return f"{shown(moved.path)}: {moved.error and _why(moved.error)}"


def to_raise(moved: Moved) -> Exception:
    """The error of the only file, which decides the exit status."""
    if moved.error is None or isinstance(moved.error, (Conflict, FileExistsError)):
        return PDSError(told(moved))
    return moved.error


def _why(error: Exception) -> str:
    if isinstance(error, Conflict) and error.file_id is not None:
        return f"the name is taken, by id:{error.file_id}; {_HINT}"
    if isinstance(error, FileExistsError):
        return f"{error.filename} exists; {_HINT}"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return str(error)
