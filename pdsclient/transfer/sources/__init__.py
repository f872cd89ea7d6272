"""What is uploaded: a path, bytes, a file object or a stream. All are read in the same way.

A ``Source`` is what the caller gave; opened it is a ``Content``. What fits into one part is read
into memory when it is opened, and is from then on what it was at that moment. Of the rest each
read looks whether the source is still the one that was opened.
"""

from __future__ import annotations

from pdsclient.transfer.sources._base import AT_ONCE, Content, Memory, Source, SourceMark
from pdsclient.transfer.sources._choice import name_for, source_of
from pdsclient.transfer.sources._paths import PathSource

__all__ = [
    "AT_ONCE",
    "Content",
    "Memory",
    "PathSource",
    "Source",
    "SourceMark",
    "name_for",
    "source_of",
]
