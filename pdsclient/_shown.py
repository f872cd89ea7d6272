"""How values are shown to people: on a terminal, in a notebook."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

__all__ = ["counted", "escape_controls", "shown", "shown_duration", "shown_size"]

# Seconds below which a tenth matters.
_FEW_S = 10


def shown(text: str) -> str:
    """The text with everything escaped that a terminal would obey instead of show."""
    return escape_controls(text, _in_words)


def _in_words(char: str) -> str:
    return char.encode("unicode_escape", "surrogatepass").decode()


def escape_controls(text: str, escape: Callable[[str], str]) -> str:
    """The text with the characters replaced that a terminal would obey.

    Control characters move the cursor, those of bidirectional text turn the line around; both
    occur in file names that others have made. Spaces of any kind stay.
    """
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or unicodedata.category(char) == "Zs" else escape(char)
        for char in text
    )


def shown_size(size: int) -> str:
    """A number of bytes in a few characters: ``1.5 MB`` is 1,500,000 bytes."""
    if size < 1000:
        return f"{size} B"
    value = size / 1000
    for unit in "kMGTP":
        if value < 999.95:
            return f"{value:.1f} {unit}B"
        value /= 1000
    return f"{value:,.1f} EB"


def counted(number: int, noun: str, nouns: str | None = None) -> str:
    """The number of things; ``nouns`` is the plural where it is not the noun with an s."""
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


def shown_duration(seconds: float) -> str:
    """Seconds in a few characters: ``3.2 s``, ``1:05``, ``2:01:05``."""
    if seconds < _FEW_S:
        return f"{seconds:.1f} s"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
