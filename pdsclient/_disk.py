"""What files need beyond the standard library."""

from __future__ import annotations

import errno
import os


def sync_directory(directory: str) -> None:
    """Make a rename in the directory durable."""
    if os.name != "posix":  # Windows cannot open a directory
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some file systems cannot sync a directory; the file itself is complete all the same.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)
