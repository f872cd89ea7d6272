"""``name match`` with one and two characters: an index answers, and the answer is exact."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdsclient._clock import SystemClock
from pdsclient.emulator import plans
from pdsclient.emulator.store import Store
from pdsclient.query import F, MatchMode

LETTERS = "aAbß7 报告_😀\U0010fffe'\"%*"
names = st.text(LETTERS, min_size=1, max_size=6)
needles = st.text(f"{LETTERS}/", max_size=3)
_numbers = count(1)


@pytest.fixture(scope="module", params=["substring", "tokens"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    store = Store(clock=SystemClock(), match_mode=request.param)
    store.mode = request.param  # type: ignore[attr-defined]
    yield store
    store.close()


@pytest.fixture(params=[1, 200])
def cap(request: pytest.FixtureRequest) -> Iterator[int]:
    """From how many candidates on something else than the index is read."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plans, "_page_cap", lambda size, covered, sole: request.param)
        patch.setattr(plans, "_count_cap", lambda size, covered: request.param)
        yield request.param


def found(store: Store, drive_id: str, needle: str) -> set[str]:
    page = store.search([drive_id], F.name.match(needle), [F.size.desc()], limit=100)
    assert store.count([drive_id], F.name.match(needle)) == len(page.rows)
    return {row.file_id for row in page.rows}


def wanted(rows: list[dict[str, Any]], needle: str, mode: MatchMode) -> set[str]:
    query = F.name.match(needle)
    return {row["file_id"] for row in rows if query.matches(row, match_mode=mode)}


@pytest.mark.usefixtures("cap")
@settings(deadline=None, max_examples=50)
@given(given_names=st.lists(names, max_size=8), needle=needles, renamed=names)
def test_short_needles_are_found_exactly(
    store: Store, given_names: list[str], needle: str, renamed: str
) -> None:
    """As the evaluator says; also after a file was renamed and another one deleted."""
    drive_id = str(next(_numbers))
    store.put_drive(drive_id, owner="u")
    rows = [{"name": name, "file_id": f"f{at}"} for at, name in enumerate(given_names)]
    store.add_files(rows, drive_id=drive_id)
    mode: MatchMode = store.mode  # type: ignore[attr-defined]
    assert found(store, drive_id, needle) == wanted(rows, needle, mode)
    if len(rows) > 1:
        store.update_file(drive_id, "f0", {"name": renamed})
        store.delete_file(drive_id, "f1")
        now = [{**rows[0], "name": renamed}, *rows[2:]]
        assert found(store, drive_id, needle) == wanted(now, needle, mode)


@pytest.mark.parametrize("needle", ["a", "ab", "报", "b.", "é"])
def test_a_name_is_found_by_its_ends(needle: str) -> None:
    """The last characters begin no trigram of the name itself."""
    store = Store(clock=SystemClock())
    store.put_drive("1", owner="u")
    store.add_files([{"name": f"x{needle}"}, {"name": needle}, {"name": "zzz"}], drive_id="1")
    page = store.search(["1"], F.name.match(needle), [F.name.asc()], limit=9)
    assert [json.loads(row.json)["name"] for row in page.rows] == sorted([f"x{needle}", needle])
    store.close()
