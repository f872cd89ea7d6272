"""Names of files in a drive as names on a local disk: safe ones, and different ones.

A name in a drive is up to 1,024 bytes of anything but a slash (pds-service.md 4.2), and not even
unique in its folder. What comes of it here is the same on every system, save for the characters
that only Windows forbids.
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, Protocol

__all__ = ["LONGEST", "distinct_names", "safe_name"]

LONGEST: Final = 255
"""Bytes of a name in UTF-8 that every usual file system takes."""

# Separators of every system; control characters and ends of lines; marks that turn the direction
# of writing and so can show another extension than there is; halves of surrogate pairs.
_UNSAFE: Final = re.compile(
    "[/\\\\\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_UNSAFE_WINDOWS: Final = re.compile('[<>:"|?*]')
# Windows drops them, and with them "." and ".." are gone as well.
_TRAILING: Final = re.compile("[. ]+$|^$")
# With any extension and in any case they are devices of Windows.
_DEVICE: Final = re.compile(
    "(?:CON|PRN|AUX|NUL|CONIN\\$|CONOUT\\$|(?:COM|LPT)[0-9¹²³]) *(?:\\..*)?", re.IGNORECASE
)
_PART: Final = ".part"
_STAND_IN: Final = "_"
_MARK: Final = "~"
_MARK_DIGITS: Final = 8
# What is longer is no extension, but a dot in a sentence; a name that begins with a dot has none.
_EXTENSION: Final = re.compile(r"(?<!^)\.[^\W_]{1,16}\Z")
_LAST: Final = datetime.max.replace(tzinfo=UTC)


class Named(Protocol):
    """A file or folder as replies tell of it."""

    @property
    def name(self) -> str | None: ...
    @property
    def file_id(self) -> str | None: ...
    @property
    def created_at(self) -> datetime | None: ...


def safe_name(name: str, *, windows: bool = os.name == "nt") -> str:
    """A name for a file in a local folder: one part of a path, at most 255 bytes in UTF-8.

    A name that is safe stays as it is. In another one ``_`` stands for what is unsafe, and a few
    digits of a hash keep it apart from its like.

    Args:
        name: any text.
        windows: replace what Windows alone forbids, too.
    """
    made = _UNSAFE.sub(_STAND_IN, name)
    if windows:
        made = _UNSAFE_WINDOWS.sub(_STAND_IN, made)
    made = _TRAILING.sub(lambda found: _STAND_IN * max(1, len(found[0])), made)
    if _DEVICE.fullmatch(made):
        made = _STAND_IN + made
    if made == name and len(name.encode()) <= LONGEST:
        return name
    return _marked(made, name)


def distinct_names(files: Sequence[Named], *, windows: bool = os.name == "nt") -> list[str]:
    """Safe names for all that is in one folder, different also where case does not count.

    Of those that would be equal the oldest keeps its name and the others get some digits of a
    hash of their ``file_id``; so the names do not depend on the order of the files, and a file
    that comes later leaves the others theirs. The digits are also for ``x.part`` beside ``x``, as
    it is there that a download of ``x`` begins.

    Args:
        files: the files and folders, each with ``name``, ``file_id`` and ``created_at``.
        windows: as for ``safe_name``.
    """
    names = [safe_name(file.name or "", windows=windows) for file in files]
    keys = [_key(name) for name in names]
    taken = {key + _PART for key in keys}
    in_the_way: list[int] = []
    for at in sorted(range(len(files)), key=lambda at: _age(files[at])):
        if keys[at] in taken:
            in_the_way.append(at)
        taken.add(keys[at])
    for at in in_the_way:
        names[at] = _free(names[at], files[at].file_id or "", taken)
    return names


def _age(file: Named) -> tuple[datetime, str]:
    return file.created_at or _LAST, file.file_id or ""


def _free(name: str, file_id: str, taken: set[str]) -> str:
    """The name with a mark that makes it one that nobody has."""
    made, seed = _marked(name, file_id), file_id
    while _key(made) in taken:
        seed += _MARK
        made = _marked(name, seed)
    taken.add(_key(made))
    return made


def _key(name: str) -> str:
    """What file systems compare that ignore case, or the way in which accents are written."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def _marked(name: str, seed: str) -> str:
    """The name with digits that follow from the seed, in front of its extension; cut if need be."""
    digits = hashlib.sha256(seed.encode(errors="surrogatepass")).hexdigest()[:_MARK_DIGITS]
    extension = _EXTENSION.search(name)
    end = f"{_MARK}{digits}{extension[0] if extension else ''}"
    stem = name[: extension.start()] if extension else name
    return stem.encode()[: LONGEST - len(end.encode())].decode(errors="ignore") + end
