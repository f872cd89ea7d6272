"""What no text may do to the parser: go deep, take long, or raise something else."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable

import pytest

from pdsclient.errors import QuerySyntaxError
from pdsclient.query import F, Query, parse_query

LARGE = 50_000


def _brackets() -> tuple[str, Query]:
    return "(" * LARGE + "hidden = true" + ")" * LARGE, F.hidden


def _nots() -> tuple[str, Query]:
    return "not " * (LARGE + 1) + "hidden = true", ~F.hidden


def _nots_of_brackets() -> tuple[str, Query]:
    return "not (" * LARGE + "hidden = true" + ")" * LARGE, F.hidden.node


def _list() -> tuple[str, Query]:
    return f"size in [{'1,' * LARGE}2]", F.size.in_([1, 2])


def _string() -> tuple[str, Query]:
    return "name = '" + "\\'" * LARGE + "'", F.name == "'" * LARGE


@pytest.mark.parametrize("make", [_brackets, _nots, _nots_of_brackets, _list, _string])
def test_large_texts_are_read(make: Callable[[], tuple[str, Query]]) -> None:
    """Brackets, nots, lists and strings of any length are read without recursion."""
    text, query = make()
    assert parse_query(text) == query.node


@pytest.mark.parametrize(
    ("text", "reason", "position"),
    [
        ("(" * LARGE, "expected a field", LARGE),
        ("(" * LARGE + "size = 1", "never closed", LARGE - 1),
        ("size = 1" + ")" * LARGE, "closes nothing", 8),
        ("not " * LARGE, "expected a field", LARGE * 4),
        ("size in [" + "1," * LARGE, "expected a value", 9 + 2 * LARGE),
        ('name = "' + "\\" * LARGE + "a", "no closing", 7),
        ("x" * LARGE, "no field", 0),
        ("size = " + "9" * LARGE, "out of range", 7),
        ("size" + " " * LARGE, "expected an operator", 4 + LARGE),
    ],
    ids=lambda value: str(value)[:20],
)
def test_large_wrong_texts_are_refused(text: str, reason: str, position: int) -> None:
    """The error is ours, has the place, and its message stays readable."""
    with pytest.raises(QuerySyntaxError) as caught:
        parse_query(text)
    assert reason in caught.value.reason
    assert caught.value.position == position
    assert len(str(caught.value)) < 700


def test_a_short_stack_is_enough() -> None:
    """The parser needs the same few frames for a deep text as for a shallow one."""
    limit = sys.getrecursionlimit()
    depth = len(inspect.stack())
    sys.setrecursionlimit(depth + 60)
    try:
        assert parse_query("(" * 1_000 + "hidden = true" + ")" * 1_000) == F.hidden.node
    finally:
        sys.setrecursionlimit(limit)


@pytest.mark.parametrize("word", ["and", "or", "in", "match", "prefix", "true", "false"])
def test_the_language_s_words_name_no_field(word: str) -> None:
    """A keyword where a field should stand is refused in both modes."""
    for lenient in (True, False):
        with pytest.raises(QuerySyntaxError, match="expected a field"):
            parse_query(f"{word} = 1", lenient=lenient)
