"""The plan and its windows by themselves: what is asked for, and what is remembered."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from pdsclient import _codec
from pdsclient.bulk import SearchJob
from pdsclient.bulk.axis import PARTITION_KEYS, Axis
from pdsclient.bulk.checkpoint import JobRecord
from pdsclient.bulk.plan import JobState, Measure, Plan
from pdsclient.models import FilePage
from pdsclient.query import parse_query


def page(*rows: dict[str, Any], marker: str | None = "m", total: int | None = None) -> FilePage:
    """A page as it is decoded from a reply."""
    reply = {"items": rows, "next_marker": marker, "total_count": total}
    return _codec.decode(msgspec.json.encode(reply), FilePage)


def photo(number: int, second: int | None) -> dict[str, Any]:
    """A file that was taken at some time, or never."""
    time = None if second is None else datetime.fromtimestamp(second, UTC).isoformat()
    return {"drive_id": "1", "file_id": f"f{number}", "image_media_metadata": {"time": time}}


@given(
    key=st.sampled_from(PARTITION_KEYS),
    descending=st.booleans(),
    cuts=st.lists(st.integers(-(10**9), 10**9), max_size=4, unique=True),
    value=st.one_of(st.none(), st.integers(-(10**10), 10**10)),
    fraction=st.sampled_from([0, 0.001, 0.999]),
)
@settings(max_examples=50)
def test_ranges_that_are_cut_from_a_key_hold_every_file_once(
    key: Any, descending: bool, cuts: list[int], value: int | None, fraction: float
) -> None:
    """Written as queries: the pieces, and the one of files without the key, are disjoint.

    Files of before 1900 are read with those that have no time.
    """
    axis = Axis(key, descending)
    if key == "size":
        value = None if value is None else abs(value)
        cuts = sorted(-abs(cut) if descending else abs(cut) for cut in {abs(cut) for cut in cuts})
    row: Any = {"size": value}
    if key != "size":
        text = None
        if value is not None:
            text = datetime.fromtimestamp(value + fraction, UTC).isoformat()
        row = {key: text, "image_media_metadata": {"time": text}}
    bounds = [None, *sorted(cuts), None]
    ranges = [axis.range(a, b) for a, b in pairwise(bounds)]
    pieces = [parse_query(str(one)) for one in (axis.range(None, None, "only"), *ranges)]
    assert sum(piece.matches(row) for piece in pieces) == 1
    ancient = value is not None and pieces[0].matches(row)
    if cuts and not ancient:
        halves = [axis.range(None, cuts[0], "in"), axis.range(cuts[0], None, "in")]
        both = [parse_query(str(half)).matches(row) for half in halves]
        assert sum(both) == (2 if value is None else 1)


def test_parts_of_parts_are_not_recorded_before_their_origin(small: Callable[..., Any]) -> None:
    """A search that is divided twice before the consumer has the first page.

    What was cut off from a part was in the checkpoint beside the whole that it belongs to, so
    its hits came twice after a restart.
    """
    plan = Plan(partition="image_time", ordered=False)
    wire = {"order_by": "image_time ASC", "query": "size >= 0"}
    state = JobState(0, SearchJob("size >= 0", key="0"), wire)
    with small():
        plan.add(state)
        root = plan.take()
        root.begin()
        first = plan.arrived(root, page(*(photo(n, None) for n in range(4)), total=40))
        lacking, keyed = plan.take(), plan.take()
        lacking.begin()
        keyed.begin()
        plan.arrived(keyed, page(*(photo(n, 100 + n) for n in range(4)), total=36))
        measure = plan.take()
        assert isinstance(measure, Measure)
        plan.measured(measure.window, page(photo(99, 900)))
        plan.take()
    assert len(state.windows) == 4
    assert [record.start for record in JobRecord.of(state, "f").windows] == [None]
    first.commit()
    assert len(JobRecord.of(state, "f").windows) == 3


def test_the_last_look_begins_where_the_search_began_also_after_a_restart() -> None:
    """By ``updated_at``: what was touched before it was handed on is behind that moment."""
    plan = Plan(partition="updated_at", ordered=False)
    wire = {"order_by": "updated_at DESC", "query": "size >= 0"}
    states = [JobState(0, SearchJob("size >= 0", key="0"), wire) for _ in range(2)]
    plan.add(states[0])
    root = plan.take()
    row = {"drive_id": "1", "file_id": "f", "updated_at": "2024-01-01T00:00:00.250Z"}
    root.begin()
    plan.arrived(root, page(marker="m1")).commit()
    plan.arrived(root, page(row, marker="m2"))
    JobRecord.of(states[0], "fingerprint").fill(states[1])
    assert [state.newest for state in states] == [1_704_067_200_250_000] * 2
