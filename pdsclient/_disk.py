"""What files need beyond the standard library: durability, and contents that are a secret."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from pdsclient.errors import AuthError

# Windows has neither flag; there the check of the path itself finds the symbolic link.
NO_FOLLOW: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
# Without O_NONBLOCK a named pipe in the file's place would block the thread for ever.
_TO_READ: Final = os.O_RDONLY | NO_FOLLOW | getattr(os, "O_NONBLOCK", 0)
# Tokens and keys have a few kB; what is much longer is something else.
_MOST_BYTES: Final = 1 << 20


def sync_directory(directory: str, fs: Any = os) -> None:
    """Make a rename in the directory durable; ``fs`` has the functions of ``os``."""
    if os.name != "posix":  # Windows cannot open a directory
        return
    descriptor = fs.open(directory, os.O_RDONLY)
    try:
        fs.fsync(descriptor)
    except OSError as error:
        # Some file systems cannot sync a directory; the file itself is complete all the same.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        fs.close(descriptor)


def read_private(what: str, path: str) -> bytes | None:
    """The content of a file that only its owner can read; None if there is no file.

    Args:
        what: names the file in messages, with its path.
        path: where it is; its last part must not be a symbolic link.

    Raises:
        AuthError: naming the file and the fix, never the content.
    """
    with explained(what):
        try:
            check_private(what, os.lstat(path))
            descriptor = os.open(path, _TO_READ)
        except FileNotFoundError:
            return None
        with open(descriptor, "rb") as file:
            check_private(what, os.fstat(descriptor))
            return file.read(_MOST_BYTES)


def check_private(what: str, found: os.stat_result) -> None:
    """AuthError unless it is a small regular file of ours that others cannot read."""
    if stat.S_ISLNK(found.st_mode):
        raise file_error(what, "is a symbolic link; give the path of the file itself")
    if not stat.S_ISREG(found.st_mode):
        raise file_error(what, "is not a regular file; give another path")
    if found.st_size > _MOST_BYTES:
        raise file_error(what, f"has {found.st_size:,} bytes, too many; give another path")
    if os.name != "posix":
        return
    if found.st_uid != os.geteuid():
        raise file_error(what, f"belongs to another user (uid {found.st_uid}); give another path")
    if found.st_mode & 0o077:
        mode = stat.S_IMODE(found.st_mode)
        raise file_error(
            what, f"is open to other users (mode {mode:o}); chmod 600 makes it private"
        )


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Turns an error of the operating system into one that names the file."""
    try:
        yield
    except OSError as error:
        raise file_error(what, error.strerror or type(error).__name__) from error


def file_error(what: str, reason: str) -> AuthError:
    """The error of a file that holds, or should hold, a secret."""
    return AuthError(f"{what}: {reason}")
