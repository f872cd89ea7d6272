"""The data files of tests/conformance/query hold for a search over HTTP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pdsclient import BadRequest, F
from pdsclient.emulator import Settings

DATA = Path(__file__).parent.parent / "conformance" / "query"
# Rows that no file can be like, for lack of a name, are for the evaluator alone.
ROWS = {
    name: row
    for name, row in json.loads((DATA / "rows.json").read_text("utf-8")).items()
    if row.get("name")
}
FILES = ("seed", "vectors", "operators", "fields", "grammar", "errors")


def read(file: str) -> list[dict[str, Any]]:
    return json.loads((DATA / f"{file}.json").read_text("utf-8"))


@pytest.mark.parametrize("match_mode", ["substring", "tokens"])
@pytest.mark.parametrize("file", FILES)
async def test_searching_finds_exactly_the_rows_of_each_case(start, file, match_mode):
    """The text and, where there is one, the builder's expression."""
    cases = [
        case
        for case in read(file)
        if "error" not in case and case.get("match_mode", "substring") == match_mode
    ]
    async with start(settings=Settings(match_mode=match_mode), files=[*ROWS.values()]) as world:
        search = world.client.with_options(validate=False).file.search
        wrong = {}
        for case in cases:
            queries = [case["text"]]
            if "build" in case:
                queries.append(eval(case["build"], {"F": F}))
            for query in queries:
                found = {hit.name for hit in await search(**world.drive, query=query).collect()}
                expected = ROWS.keys() & set(case["matches"])
                if found != expected:
                    wrong[str(query)] = (found, expected)
    assert not wrong
