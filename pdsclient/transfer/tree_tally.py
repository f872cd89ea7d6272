"""What is known of a tree so far: the report as it grows, and when it is time to give up."""

from __future__ import annotations

import errno
import traceback
from typing import TYPE_CHECKING, Final

from pdsclient.errors import (
    AuthError,
    ClientClosed,
    PDSError,
    PermissionDenied,
    QuotaExceeded,
    RateLimited,
    ServiceFailure,
    TransportError,
    WrongEventLoop,
)
from pdsclient.transfer.report import TreeItem, TreeReport

if TYPE_CHECKING:
    from collections.abc import Hashable

    from pdsclient.transfer.control import Control
    from pdsclient.transfer.report import TreeAction

__all__ = ["Tally", "TreeStopped"]

# As many files in a row that fail of the same cause, which is none of their own, end a tree.
STREAK: Final = 20
_NOT_OF_THE_FILE: Final = (
    PermissionDenied,
    QuotaExceeded,
    RateLimited,
    ServiceFailure,
    TransportError,
)
_OF_THE_DISK: Final = frozenset(
    {
        errno.ENOSPC,
        errno.EROFS,
        errno.EIO,
        errno.EMFILE,
        errno.ENFILE,
        getattr(errno, "EDQUOT", errno.ENOSPC),
    }
)


class TreeStopped(Exception):
    """Nothing that follows would succeed either; the report has the reason."""


class Tally:
    """Counts what happens to a tree.

    Args:
        control: of the tree; its meter counts files.
        dry_run: nothing is changed.
        on_error: ``raise`` the first failure, or ``collect`` them.

    Attributes:
        report: as far as it is known.
    """

    def __init__(self, control: Control, *, dry_run: bool, on_error: str) -> None:
        self.report = TreeReport(dry_run=dry_run)
        self._meter = control.meter
        self._now = control.engine.shared.now
        self._began_s = self._now()
        self._raises = on_error == "raise"
        self._streak: tuple[Hashable, int] = (None, 0)
        self._walked = False
        self._files = 0
        self._bytes = 0

    # -------------------------------------------------------------------- totals

    def found(self, size: int | None) -> None:
        """A file that may have to be moved."""
        self._files += 1
        self._bytes += size or 0
        self._expect()

    def walked(self) -> None:
        """All files are found."""
        self._walked = True
        self._expect()

    def _expect(self) -> None:
        # Totals that grow would make a bar run backwards.
        if self._walked:
            self._meter.expect(files=self._files, bytes=self._bytes)

    def _not_moved(self, size: int | None) -> None:
        self._bytes -= size or 0
        self._expect()

    # -------------------------------------------------------------------- outcomes

    def folder_made(self) -> None:
        """A folder was made."""
        self.report.folders_made += 1

    def done(
        self, path: str, size: int, action: TreeAction, file_id: str | None, reason: str = ""
    ) -> None:
        """A file was moved."""
        self.report.done.append(TreeItem(path, action, size, file_id, reason))
        self.report.bytes += size
        self._streak = None, 0
        self._meter.file_done()

    def skipped(self, path: str, size: int | None, reason: str, file_id: str | None = None) -> None:
        """A file that was found is left as it is."""
        self.report.skipped.append(TreeItem(path, "skipped", size, file_id, reason))
        self._meter.file_skipped()
        self._not_moved(size)

    def failed(self, path: str, size: int | None, error: Exception, *, moved: int = 0) -> None:
        """A file that was found, or a folder, failed.

        Args:
            path: where it is.
            size: bytes of the file.
            error: why.
            moved: bytes of it that were counted.

        Raises:
            TreeStopped: all that follows would fail as well.
            Exception: the error itself, where the first one ends it.
        """
        if self.report.stopped is not None:
            raise TreeStopped  # It failed in the same moment, most likely of the same cause.
        if self._raises or isinstance(error, (ClientClosed, WrongEventLoop)):
            raise error
        _let_go(error)
        self.report.failed.append(TreeItem(path, "failed", size, None, "", error))
        self._meter.file_failed()
        self._not_moved(None if size is None else size - moved)
        if self._is_hopeless(error):
            self.report.stopped = error
            raise TreeStopped

    def _is_hopeless(self, error: Exception) -> bool:
        if isinstance(error, AuthError):
            return True
        cause = _common_cause(error)
        before, length = self._streak
        self._streak = cause, length + 1 if cause == before else 1
        return cause is not None and self._streak[1] >= STREAK

    def ended(self) -> TreeReport:
        """The report, with the time that all took."""
        self.report.elapsed_s = self._now() - self._began_s
        return self.report


def _common_cause(error: Exception) -> Hashable:
    """What may let other files fail as well; None if it is the file's own."""
    if isinstance(error, OSError):
        return error.errno if error.errno in _OF_THE_DISK else None
    if isinstance(error, PDSError) and isinstance(error, _NOT_OF_THE_FILE):
        return type(error), error.code
    return None


def _let_go(error: BaseException | None) -> None:
    """Frees what the calls held that failed: each may have parts of a file in its variables."""
    seen: set[int] = set()
    # An error that was raised from itself, in two steps perhaps, leads round in a circle.
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
