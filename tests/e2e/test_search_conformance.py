"""The data files of tests/conformance/query hold for a search over HTTP."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pdsclient import BadRequest, F, QuerySyntaxError
from pdsclient.emulator import Settings

DATA = Path(__file__).parent.parent / "conformance" / "query"
# Rows that no file can be like, for lack of a name, are for the evaluator alone. All files have
# been updated; those that do not say when, at a time that no case asks for.
ROWS = {
    name: {"updated_at": "2001-01-01T00:00:00Z", **row}
    for name, row in json.loads((DATA / "rows.json").read_text("utf-8")).items()
    if row.get("name")
}
# The folder that some of them lie in.
ALBUM = {"file_id": "album", "name": "album", "type": "folder"}


def read(file: str) -> list[dict[str, Any]]:
    """The cases of a file; what only a lenient parser takes, the emulator refuses."""
    cases = json.loads((DATA / f"{file}.json").read_text("utf-8"))
    return [case for case in cases if not case.get("lenient")]


def queries(case: dict[str, Any]) -> list[Any]:
    """The text, and the builder's expression where there is one."""
    return [case["text"], *([eval(case["build"], {"F": F})] if "build" in case else [])]


@pytest.mark.parametrize("match_mode", ["substring", "tokens"])
@pytest.mark.parametrize("name", ["seed", "vectors", "operators", "fields", "grammar"])
async def test_a_search_finds_exactly_the_rows_of_each_case(start, name, match_mode):
    """Those that the evaluator accepts, through builder or text, JSON, HTTP and SQL."""
    cases = [case for case in read(name) if case.get("match_mode", "substring") == match_mode]
    wrong = []
    settings = Settings(match_mode=match_mode)
    async with start(settings=settings, files=[ALBUM, *ROWS.values()]) as world:
        for case in cases:
            if "error" in case:
                continue
            for query in queries(case):
                hits = await world.client.file.search(**world.drive, query=query).collect()
                found = {hit.name for hit in hits} - {"album"}
                if found != ROWS.keys() & set(case["matches"]):
                    wrong.append((case["name"], found))
    assert not wrong


BARE_NUMBER = re.compile(r"(=|match|prefix|\[)\s*-?\d")


async def test_wrong_queries_are_refused_here_and_by_the_service(world):
    """Here before anything is sent; unchecked, by the service as an ``InvalidParameter``."""
    unchecked = world.client.with_options(validate=False)
    cases = [case for name in ("errors", "vectors") for case in read(name) if "error" in case]
    for case in cases:
        with pytest.raises(QuerySyntaxError):
            world.client.file.search(**world.drive, query=case["text"])
    assert len(world.emulator.requests) == 0
    taken, codes = [], set()
    for case in cases:
        try:
            await unchecked.file.search(**world.drive, query=case["text"])
            taken.append(case["text"])
        except BadRequest as refused:
            codes.add(refused.code)
    kinds = {"InvalidParameter", "InvalidParameterMissing", "InvalidParameterOutOfRange"}
    assert codes == {f"{kind}.Query" for kind in kinds}
    # The service may take a bare number for a text (pds-service.md 5.3); we never send one.
    assert all(BARE_NUMBER.search(text) for text in taken), taken


async def test_results_come_in_the_order_of_each_case(world):
    """Over page borders; what is absent comes before everything, or last when descending."""
    for case in read("order_by"):
        if "error" in case:
            continue
        files = await world.client.file.search(
            **world.drive, query=F.size >= 0, order_by=case["text"], limit=4
        ).collect()
        # Stable sorts from the last key to the first leave alone what is in order.
        expected = files
        for field, direction in reversed(case["terms"]):
            expected = sorted(expected, key=key_of(field), reverse=direction == "DESC")
        assert files == expected
        assert len(files) == 6


def key_of(field: str) -> Any:
    def key(file: Any) -> Any:
        value = getattr(file, field, None)
        return (value is not None, value)

    return key
