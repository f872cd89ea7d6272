"""Patterns and functions that say what of a tree is taken."""

from __future__ import annotations

import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdsclient.errors import InvalidRequest
from pdsclient.transfer import TreeEntry
from pdsclient.transfer.tree_filters import Filters

PATHS = [
    "a.tmp",
    "build/",
    "build/x.o",
    "docs/",
    "docs/a.md",
    "docs/deep/",
    "docs/deep/b.md",
    "docs/deep/build/",
    "docs/deep/build/c.tmp",
    "x",
]


def entry(path: str) -> TreeEntry:
    return TreeEntry(path=path.rstrip("/"), kind="folder" if path.endswith("/") else "file")


def taken(include=None, exclude=None, filter=None) -> list[str]:
    filters = Filters(include, exclude, filter)
    return [path for path in PATHS if filters.takes(entry(path))]


def left_by(*patterns: str) -> list[str]:
    kept = taken(exclude=patterns)
    return [path for path in PATHS if path not in kept]


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        ("*.tmp", ["a.tmp", "docs/deep/build/c.tmp"]),
        ("/*.tmp", ["a.tmp"]),
        ("build", ["build/", "build/x.o", "docs/deep/build/", "docs/deep/build/c.tmp"]),
        ("build/", ["build/", "build/x.o", "docs/deep/build/", "docs/deep/build/c.tmp"]),
        ("/build/", ["build/", "build/x.o"]),
        ("x/", []),
        ("x", ["x"]),
        ("docs/*.md", ["docs/a.md"]),
        ("docs/**/*.md", ["docs/a.md", "docs/deep/b.md"]),
        ("**/build", ["build/", "build/x.o", "docs/deep/build/", "docs/deep/build/c.tmp"]),
        ("docs/**", ["docs/a.md", "docs/deep/", *PATHS[6:9]]),
        ("docs/*", ["docs/a.md", "docs/deep/", *PATHS[6:9]]),
        ("[a-c].m?", ["docs/a.md", "docs/deep/b.md"]),
        ("[!a].md", ["docs/deep/b.md"]),
        ("**", PATHS),
        ("a.t", []),
        ("*.TMP", []),
    ],
)
def test_a_pattern_stands_for_names_and_what_is_below_them(pattern, left):
    """At any depth without a slash, from the top with one, folders only with one at the end."""
    assert left_by(pattern) == left


def test_included_are_files_and_what_is_in_folders_that_match():
    """Folders are always looked into: what is in them may match."""
    folders = [path for path in PATHS if path.endswith("/")]
    assert taken(include=["*.md"]) == sorted([*folders, "docs/a.md", "docs/deep/b.md"])
    assert set(taken(include=["deep/"])) - set(folders) == {
        "docs/deep/b.md",
        "docs/deep/build/c.tmp",
    }
    assert taken(include=[]) == folders


def test_exclude_wins_over_include_and_the_function_is_asked_last():
    """The function sees only what the patterns leave."""
    seen = []

    def small(one: TreeEntry) -> bool:
        seen.append(one.path)
        return one.name != "b.md"

    found = taken(include=["*.md"], exclude=["build"], filter=small)
    assert found == ["docs/", "docs/a.md", "docs/deep/"]
    assert seen == ["docs", "docs/a.md", "docs/deep", "docs/deep/b.md"]


@pytest.mark.parametrize("pattern", ["", "/", "a//b", "../a", "a/./b"])
def test_a_pattern_that_is_no_path_is_refused(pattern):
    """The message names the field."""
    with pytest.raises(InvalidRequest, match="exclude"):
        Filters(None, [pattern], None)


def test_filters_of_the_wrong_type_are_refused():
    """One text is no list of patterns, and an async function cannot be asked."""

    async def later(one: TreeEntry) -> bool:
        return True

    for bad in [("*.md", None, None), (None, [b"x"], None), (None, None, later), (None, None, 1)]:
        with pytest.raises(InvalidRequest):
            Filters(*bad)
    with pytest.raises(InvalidRequest, match="range"):
        Filters(["[z-a]"], None, None)


@given(
    st.text("ab*?[]!.-", min_size=1, max_size=6).filter(lambda text: text not in (".", "..")),
    st.text("ab.-[]!", min_size=1, max_size=5),
)
def test_names_match_as_in_a_shell(pattern, name):
    """Of a pattern without a slash the standard library says the same."""
    try:
        filters = Filters([pattern], None, None)
    except InvalidRequest:
        return
    assert filters.takes(entry(name)) == fnmatch.fnmatchcase(name, pattern)
