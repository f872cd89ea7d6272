"""Which entries of a tree are taken: patterns of paths, and a function of the caller's.

A pattern stands for whole names: ``*`` and ``?`` never reach over a ``/``, ``**`` is any number
of folders. Without a slash before its end it means a name at any depth, else a path from the top
of the tree. With a slash at its end it means folders only. What it says of a folder holds for all
that is in there.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Literal

from attrs import frozen

from pdsclient._checks import check_list, check_text
from pdsclient.errors import InvalidRequest

__all__ = ["Filters", "TreeEntry"]


@frozen(kw_only=True)
class TreeEntry:
    """A file or folder of a tree, as a filter is given it.

    Attributes:
        path: where it is in the tree, with ``/`` between the names.
        kind: ``file`` or ``folder``.
        size: bytes of a file, None if unknown.
        modified_at: when its content was changed, None if unknown.
    """

    path: str
    kind: Literal["file", "folder"]
    size: int | None = None
    modified_at: datetime | None = None

    @property
    def name(self) -> str:
        """The last name of the path."""
        return self.path.rpartition("/")[2]


class Filters:
    """Says which entries are taken.

    Args:
        include: patterns, one of which a file has to match; None takes all.
        exclude: patterns of files and folders that are left, whatever ``include`` says.
        filter: called in the event loop, for what is left then; false leaves the entry, and all
            that is in a folder.

    Attributes:
        selects: only some files are taken, so folders may turn out to be of no use.

    Raises:
        InvalidRequest: naming the field.
    """

    def __init__(
        self,
        include: Iterable[str] | None,
        exclude: Iterable[str] | None,
        filter: Callable[[TreeEntry], bool] | None,
    ) -> None:
        self._include = None if include is None else _compiled("include", include)
        self._exclude = None if exclude is None else _compiled("exclude", exclude)
        if filter is not None and (not callable(filter) or inspect.iscoroutinefunction(filter)):
            raise InvalidRequest("filter must be a function that returns True or False at once")
        self._filter = filter
        self.selects = include is not None

    def takes(self, entry: TreeEntry) -> bool:
        """Whether a file is taken, or a folder is looked into."""
        is_folder = entry.kind == "folder"
        text = f"{entry.path}/" if is_folder else entry.path
        if self._exclude is not None and self._exclude.fullmatch(text):
            return False
        # What is in a folder may match though the folder does not.
        if self._include is not None and not is_folder and not self._include.fullmatch(text):
            return False
        return self._filter is None or bool(self._filter(entry))


def _compiled(field: str, patterns: Iterable[str]) -> re.Pattern[str]:
    """One expression for all; the text of a folder ends with a slash."""
    texts = [_expression(field, check_text(field, one)) for one in check_list(field, patterns)]
    # Without patterns nothing matches.
    return re.compile("|".join(texts) or "(?!)", re.DOTALL)


def _expression(field: str, pattern: str) -> str:
    body = pattern.strip("/")
    names = body.split("/")
    if not body or any(name in ("", ".", "..") for name in names):
        raise InvalidRequest(
            f"{field} has the pattern {pattern!r}; write names with / between them, such as "
            "*.tmp, docs/**/*.md or /build/"
        )
    anywhere = "" if pattern.startswith("/") or len(names) > 1 else "(?:.*/)?"
    below = "/.*" if pattern.endswith("/") else "(?:/.*)?"
    return anywhere + "".join(_names(names)) + below


def _names(names: list[str]) -> Iterator[str]:
    *above, last = names
    for name in above:
        yield "(?:.*/)?" if name == "**" else f"{_name(name)}/"
    yield ".+" if last == "**" else _name(last)


_TOKEN = re.compile(r"\*+|\?|\[(!?)(\]?[^\]/]*)\]|.", re.DOTALL)


def _name(name: str) -> str:
    """The expression for one name, which is not empty."""
    return "(?=[^/])" + "".join(map(_token, _TOKEN.finditer(name)))


def _token(found: re.Match[str]) -> str:
    text = found[0]
    if text[0] == "*":
        return "[^/]*"
    if text == "?":
        return "[^/]"
    if found[2]:
        return f"(?!/)[{'^' if found[1] else ''}{_choice(found[2])}]"
    return re.escape(text)


def _choice(characters: str) -> str:
    """What stands between brackets: ranges keep their meaning, all else has none."""
    escaped = re.sub(r"([\\\[\]^&~|])", r"\\\1", characters)
    try:
        re.compile(f"[{escaped}]")
    except re.error:
        raise InvalidRequest(
            f"a pattern has [{characters}], which is no range of characters"
        ) from None
    return escaped
