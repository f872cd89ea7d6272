"""Random trees, servers, interleavings, deaths: a divided search finds what the plain one finds."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

NOW = 1_700_000_000
QUICK = settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
KEYS = ("created_at", "updated_at", "image_time", "size")


def tree(seed: int, most: int = 60) -> list[dict[str, Any]]:
    """Files that share seconds and sizes, lie before 1970, or lack a key."""
    chance = random.Random(seed)
    base = chance.choice([0, NOW - 100_001])
    spread, largest = chance.choice([0, 3, 50, 100_000]), chance.choice([0, 3, 10**12])
    lacking = chance.choice([0.0, 0.3, 1.0])

    def moment() -> float:
        return base + chance.randint(-spread // 2, spread) + chance.choice([0, 0, 0.25, 0.999])

    return [
        {
            "file_id": f"f{number:05}",
            "drive_id": chance.choice("112"),
            "name": f"n{number % 7}",
            "type": "file",
            "created_at": moment(),
            "updated_at": moment(),
            "image_time": None if chance.random() < lacking else moment(),
            "size": None if chance.random() < lacking else chance.randint(0, largest),
        }
        for number in range(chance.randint(0, most))
    ]


SEEDS = st.integers(0, 2**32)


def habits(kit: Any, **fixed: Any) -> Any:
    """Everything that a server may do."""
    choices = {
        "page": st.integers(1, 6),
        "short": st.booleans(),
        "totals": st.sampled_from(["exact", "missing", "zero", "huge", "random"]),
        "lacking": st.sampled_from(["last", "first"]),
        "end": st.sampled_from(["", None]),
        "null": st.booleans(),
        **{name: st.just(value) for name, value in fixed.items()},
    }
    return st.fixed_dictionaries(choices).map(lambda chosen: kit.habits(**chosen))


ORDERS = st.sampled_from(
    [f"{key} {way}{more}" for key in KEYS for way in ("ASC", "DESC") for more in ("", ",name ASC")]
)
QUERIES = st.sampled_from(
    ["size >= 0", "not size < 0", 'created_at >= "1970-01-01T00:00:01"', 'name match "n"']
)


@st.composite
def searches(draw: Any) -> dict[str, Any]:
    """Arguments of a bulk search."""
    order_by, ordered = draw(ORDERS), draw(st.booleans())
    return {
        "order_by": order_by,
        "ordered": ordered,
        "partition": order_by.split()[0] if ordered else draw(st.sampled_from([*KEYS, None])),
        "concurrency": draw(st.integers(1, 6)),
    }


def check(found: list[str], expected: list[str], search: dict[str, Any]) -> None:
    """The hits are those of the plain search, in its order if that was asked for."""
    if search["ordered"]:
        assert found == expected
    else:
        assert Counter(found) == Counter(expected)


@given(data=st.data())
@QUICK
def test_divided_and_plain_search_find_the_same(simulator: Any, kit: Any, data: Any) -> None:
    """Whatever the tree, the server, the key, the order of the replies: every file once."""
    drive = kit.drive(tree(data.draw(SEEDS)), data.draw(habits(kit)), data.draw(SEEDS))
    search = data.draw(searches())
    drives = data.draw(st.sampled_from([{"drive_id": "1"}, {"drive_id_list": ["1", "2"]}]))
    query = data.draw(QUERIES)
    found, failures = simulator.collect(drive, query, **search, **drives)
    assert not failures
    check(found, drive.find(query, search["order_by"], *drives.get("drive_id_list", "1")), search)


@given(data=st.data())
@QUICK
def test_a_search_that_dies_again_and_again_writes_every_hit_once(
    simulator: Any, kit: Any, data: Any, new_path: Any
) -> None:
    """Killed at any instants and begun anew: the sink holds what an undisturbed search finds."""
    drive = kit.drive(tree(data.draw(SEEDS)), data.draw(habits(kit)), data.draw(SEEDS))
    search = data.draw(searches())
    queries = data.draw(st.lists(QUERIES, min_size=1, max_size=3))
    sink = kit.memory()
    checkpoint = new_path()
    deaths = data.draw(st.lists(st.integers(0, 60), max_size=8))
    for sink.lives in [*deaths, None]:
        failures = simulator.write(drive, queries, sink, checkpoint, **search)
        if failures is not None:
            break
    assert failures == []
    assert not checkpoint.exists()
    expected = [hit for query in queries for hit in drive.find(query, search["order_by"])]
    check(sink.rows, expected, search)


@given(data=st.data())
@QUICK
def test_markers_that_perish_at_any_time_cost_no_hit(
    simulator: Any, kit: Any, data: Any, new_path: Any
) -> None:
    """A window goes on from its place; twice in one place is a failure, to be tried again."""
    perishing = habits(kit, perishing=0.1)
    drive = kit.drive(tree(data.draw(SEEDS)), data.draw(perishing), data.draw(SEEDS))
    search = data.draw(searches())
    sink = kit.memory()
    checkpoint = new_path()
    queries = data.draw(st.lists(QUERIES, min_size=1, max_size=2))
    while simulator.write(drive, queries, sink, checkpoint, **search):
        drive.habits.perishing /= 2
    expected = [hit for query in queries for hit in drive.find(query, search["order_by"])]
    # A job that failed is tried again behind all others.
    check(sink.rows, expected, {**search, "ordered": False})


@given(data=st.data())
@QUICK
def test_files_that_change_meanwhile_keep_the_guarantee_of_the_key(
    simulator: Any, kit: Any, data: Any, new_path: Any
) -> None:
    """Files come, go and are touched while the search dies and goes on.

    ``created_at``: nothing twice, nothing lost that was there throughout. ``updated_at``: nothing
    lost either, though it was touched. Others: the same as for ``created_at``, since these do not
    move here.
    """
    drive = kit.drive(tree(data.draw(SEEDS)), data.draw(habits(kit)), data.draw(SEEDS))
    drive.now = max([100.0, *(row[key] for row in drive.rows for key in KEYS[:2])])
    search = data.draw(searches())
    changes = Changes(data.draw(SEEDS), data.draw(st.sampled_from([0.1, 0.5, 1.0])), kit.row)
    drive.before_each = changes
    throughout = {row["file_id"] for row in drive.rows if row["drive_id"] == "1"}
    sink = kit.memory()
    checkpoint = new_path()
    everything = "size >= 0 or not size >= 0"
    for sink.lives in [*data.draw(st.lists(st.integers(0, 60), max_size=5)), None]:
        failures = simulator.write(drive, everything, sink, checkpoint, **search)
        if failures is not None:
            break
    assert failures == []
    key = search["partition"] or search["order_by"].split()[0]
    moving = changes.touched if key == "updated_at" else set()
    swept = search["partition"] == "updated_at" and not search["ordered"]
    assert throughout - changes.gone - (set() if swept else moving) <= set(sink.rows)
    if not swept:
        assert {hit for hit, times in Counter(sink.rows).items() if times > 1} <= moving


class Changes:
    """What other users do to a drive between two requests of ours."""

    def __init__(self, seed: int, rate: float, row: Any) -> None:
        self._chance = random.Random(seed)
        self._rate = rate
        self._row = row
        self.touched: set[str] = set()
        self.gone: set[str] = set()
        self.added = 0

    def __call__(self, drive: Any) -> None:
        # Changes as fast as requests, for ever, can be read by nobody.
        if self._chance.random() > self._rate or len(drive.asked) > 60:
            return
        # Times have milliseconds: what changes after an answer is newer than all that is in it.
        drive.now += self._chance.choice([0.001, 0.001, 0.3, 1, 2])
        self._chance.choice([self._touch, self._touch, self._add, self._delete])(drive)
        drive.changed()

    def _touch(self, drive: Any) -> None:
        if drive.rows:
            row = self._chance.choice(drive.rows)
            row["updated_at"] = drive.now
            self.touched.add(row["file_id"])

    def _add(self, drive: Any) -> None:
        self.added += 1
        drive.rows.append(self._row(1_000 + self.added, drive.now))

    def _delete(self, drive: Any) -> None:
        if drive.rows:
            row = self._chance.choice(drive.rows)
            drive.rows.remove(row)
            self.gone.add(row["file_id"])
