"""Parts within the limits of the service, the bookkeeping of ranges, what follows from an error."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pdsclient._crc64 import crc64
from pdsclient.errors import Conflict, InvalidRequest, NotFound, PDSError
from pdsclient.transfer.planning import (
    LARGEST,
    MOST_PARTS,
    PART_SIZE,
    SMALLEST,
    Action,
    GrowingParts,
    Part,
    PartPlan,
    Ranges,
    after_error,
    part_size_for,
)

MOST_BYTES = MOST_PARTS * LARGEST
MANY = MOST_PARTS * PART_SIZE

# On both sides of each bound: nothing, the bytes of a pre-hash, a part, all the parts there may be.
near_bounds = st.builds(
    lambda bound, off: max(0, bound + off),
    st.sampled_from([0, 1, 1_024, SMALLEST, PART_SIZE, 2 * PART_SIZE, MANY, MANY + PART_SIZE]),
    st.integers(-2, 2),
)
part_sizes = st.integers(1_600, 10**8).map(lambda blocks: 64 * blocks)


@settings(max_examples=50, deadline=None)
@given(near_bounds | st.integers(0, MOST_BYTES))
def test_every_content_has_a_part_size(size):
    """A multiple of 64 within the bounds, with at most 10,000 parts; 8 MiB while that will do."""
    part_size = part_size_for(size)
    assert part_size % 64 == 0
    assert PART_SIZE <= part_size <= LARGEST
    assert PartPlan(size, part_size).count <= MOST_PARTS
    assert (part_size == PART_SIZE) == (size <= MANY)
    if part_size > PART_SIZE:
        assert (part_size - 64) * MOST_PARTS < size


@settings(max_examples=50, deadline=None)
@given(near_bounds, st.integers(SMALLEST, LARGEST))
def test_a_wanted_part_size_is_taken_or_refused(size, wanted):
    """Rounded up to a multiple of 64; refused with the least that works, which does."""
    try:
        assert wanted <= part_size_for(size, wanted) < wanted + 64
    except InvalidRequest as error:
        least = int(str(error).rpartition(" ")[2])
        assert least > wanted
        assert PartPlan(size, part_size_for(size, least)).count <= MOST_PARTS


def test_ten_thousand_parts_and_one_more():
    """The service takes 10,000 of them; a byte more needs larger ones."""
    assert part_size_for(MOST_PARTS * SMALLEST, SMALLEST) == SMALLEST
    with pytest.raises(InvalidRequest, match=r"part_size .* least that works is 102464"):
        part_size_for(MOST_PARTS * SMALLEST + 1, SMALLEST)


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        (SMALLEST - 1, "part_size must be from 102,400 to 5,368,709,120 bytes"),
        (LARGEST + 1, "part_size must be from"),
        (0, "part_size must be from"),
        (True, "part_size must be an int, not bool"),
        (1e6, "part_size must be an int, not float"),
    ],
)
def test_an_impossible_part_size_is_refused(wanted, says):
    """With the bounds, or the type that is needed."""
    with pytest.raises(InvalidRequest, match=says):
        part_size_for(None, wanted)


def test_a_content_that_fits_no_parts_is_refused():
    """Beyond 10,000 parts of 5 GiB; of an unknown size nothing is said."""
    assert part_size_for(MOST_BYTES) == LARGEST
    with pytest.raises(InvalidRequest, match="too large"):
        part_size_for(MOST_BYTES + 1)
    assert part_size_for(None) == PART_SIZE


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 10**6))
def test_parts_cover_the_content(size, part_size):
    """Each byte once, in order; all parts are equal but the last; an empty content has one."""
    plan = PartPlan(size, max(part_size, size // 100 + 1))
    parts = list(plan.parts())
    assert len(parts) == plan.count >= 1
    assert [one.number for one in parts] == list(range(1, plan.count + 1))
    assert [one.offset for one in parts] == [0, *(one.end for one in parts[:-1])]
    assert parts[-1].end == size
    assert {one.length for one in parts[:-1]} <= {plan.part_size}
    assert (parts[-1].length > 0) == (size > 0)
    assert [plan.part(one.number) for one in parts] == parts


def lengths(part_size):
    """Of all the parts that a stream may have."""
    growing = GrowingParts(part_size)
    return [growing.next_length() for _ in range(MOST_PARTS)]


def test_a_stream_of_unknown_length_has_room_for_terabytes():
    """Parts grow slowly, never above 1 GiB; the first 4 GB are sent in parts of 8 MiB."""
    all_of_them = lengths(PART_SIZE)
    assert all_of_them[:500] == [PART_SIZE] * 500
    assert sum(all_of_them) > 5 * 10**12
    assert max(all_of_them) == 1 << 30
    assert all(one % 64 == 0 for one in all_of_them)
    assert all_of_them == sorted(all_of_them)


@settings(max_examples=5, deadline=None)
@given(st.sampled_from([SMALLEST, PART_SIZE + 64, 1 << 30, LARGEST]))
def test_growing_parts_keep_what_was_asked_for(part_size):
    """They begin with the size that was wanted and never shrink, also above 1 GiB."""
    all_of_them = lengths(part_size)
    assert all_of_them[0] == part_size
    assert all_of_them == sorted(all_of_them)
    assert max(all_of_them) <= max(part_size, 1 << 30)


def test_a_stream_that_does_not_end_is_refused_at_last():
    """After 10,000 parts, naming what can be done about it."""
    growing = GrowingParts(SMALLEST)
    for _ in range(MOST_PARTS):
        growing.next_length()
    with pytest.raises(InvalidRequest, match="part_size is too small for this stream"):
        growing.next_length()


class RangesMachine(RuleBasedStateMachine):
    """Ranges are taken, done or given back in any order; a model keeps three sets."""

    def __init__(self):
        super().__init__()
        self.content = bytes(at * 7 & 0xFF for at in range(95))
        self.plan = PartPlan(95, 10)
        self.there = {3, 7}
        known = {number: self.crc(self.plan.part(number)) for number in self.there}
        self.ranges = Ranges(self.plan, known)
        self.taken: list[Part] = []

    def crc(self, part):
        return crc64(self.content[part.offset : part.end])

    @rule()
    def take(self):
        part = self.ranges.take()
        held = self.there | {one.number for one in self.taken}
        open_ones = set(range(1, 11)) - held
        assert (part.number if part else None) == min(open_ones, default=None)
        if part:
            self.taken.append(part)

    @precondition(lambda self: self.taken)
    @rule(pick=st.integers(0, 99))
    def finish(self, pick):
        part = self.taken.pop(pick % len(self.taken))
        self.ranges.done(part, self.crc(part))
        self.there.add(part.number)

    @precondition(lambda self: self.taken)
    @rule(pick=st.integers(0, 99))
    def give_back(self, pick):
        self.ranges.give_back(self.taken.pop(pick % len(self.taken)))

    @invariant()
    def is_whole_when_all_is_there(self):
        if len(self.there) == 10:
            assert self.ranges.checksum() == crc64(self.content)


test_ranges = RangesMachine.TestCase
test_ranges.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)


def test_ranges_that_are_all_there():
    """A download that was interrupted before its last step has nothing to fetch."""
    plan = PartPlan(20, 10)
    ranges = Ranges(plan, {1: crc64(b"a" * 10), 2: crc64(b"b" * 10)})
    assert ranges.take() is None
    assert ranges.checksum() == crc64(b"a" * 10 + b"b" * 10)


@pytest.mark.parametrize(
    ("error", "action"),
    [
        (PDSError("", code="PartNotSequential"), Action.LIST_PARTS),
        (NotFound("", code="NoSuchUpload"), Action.LOOK_AT_FILE),
        (NotFound("", code="NotFound.UploadId"), Action.LOOK_AT_FILE),
        (Conflict("", code="AlreadyExist.File"), Action.LOOK_AT_FILE),
        (
            PDSError("", code="InvalidParameterNotSupported.ParallelUpload"),
            Action.IN_ORDER,
        ),
        (NotFound("", code="NotFound.File"), Action.FAIL),
        (PDSError("no connection"), Action.FAIL),
    ],
)
def test_what_follows_from_an_error(error, action):
    """Told by the code alone; whatever is not about parts is for the caller."""
    assert after_error(error) is action
