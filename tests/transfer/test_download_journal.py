"""The layout of an unfinished download."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdsclient._crc64 import crc64
from pdsclient.transfer.journal import FOOT_BYTES, Journal, fingerprint
from pdsclient.transfer.planning import PartPlan

CONTENT = fingerprint("f", 9, "1")
plans = st.builds(PartPlan, st.integers(0, 3_000), st.integers(64, 1_000))


def written(journal: Journal, records: dict[int, int]) -> bytearray:
    """The whole file, with nothing for its content."""
    file = bytearray(journal.end)
    for offset, piece in (journal.foot(), *(journal.slot(*one) for one in records.items())):
        file[offset : offset + len(piece)] = piece
    return file


@settings(max_examples=50)
@given(plans, st.data())
def test_what_is_written_is_read(plan, data):
    """All of it and nothing else, for every size and number of ranges."""
    journal = Journal(CONTENT, plan)
    numbers = st.integers(1, plan.count)
    records = data.draw(st.dictionaries(numbers, st.integers(0, 2**64 - 1)))
    file = written(journal, records)
    found = Journal.of_foot(bytes(file[-FOOT_BYTES:]), len(file))
    assert found == journal
    offset, length = journal.slots
    assert offset + length + FOOT_BYTES == journal.end == len(file)
    assert journal.records(bytes(file[offset : offset + length])) == records


@settings(max_examples=50)
@given(st.integers(0, 150), st.integers(1, 255))
def test_what_is_damaged_is_not_there(at, change):
    """Whatever byte it is: the foot reads as none, a slot as empty; the others stay."""
    journal = Journal(CONTENT, PartPlan(1_000, 300))
    records = {1: 11, 2: 0, 3: 2**64 - 1, 4: 7}
    file = written(journal, records)
    start, length = journal.slots
    at = start + at % (length + FOOT_BYTES)
    file[at] ^= change
    found = Journal.of_foot(bytes(file[-FOOT_BYTES:]), len(file))
    read = journal.records(bytes(file[start : start + length]))
    if at >= start + length:
        assert (found, read) == (None, records)
    else:
        del records[1 + (at - start) // 16]
        assert (found, read) == (journal, records)


@pytest.mark.parametrize("length", [0, 5, FOOT_BYTES])
def test_what_is_no_journal_is_none(length):
    """Nothing, something short, zeros."""
    assert Journal.of_foot(bytes(length), length) is None
    assert Journal(CONTENT, PartPlan(9, 64)).records(bytes(40)) == {}


def test_another_form_is_none():
    """One of a later release, or none that could be divided by."""
    for foot in (struct.pack(">16s16sQQ", b"pdsclient.part.2", CONTENT, 0, 64),
                 struct.pack(">16s16sQQ", b"pdsclient.part.1", CONTENT, 0, 0)):  # fmt: skip
        whole = foot + struct.pack(">Q", crc64(foot))
        assert Journal.of_foot(whole, FOOT_BYTES + 16) is None


def test_a_foot_holds_for_its_file_only():
    """A file of another length is another file."""
    journal = Journal(CONTENT, PartPlan(1_000, 300))
    _, foot = journal.foot()
    assert Journal.of_foot(foot, journal.end) == journal
    assert Journal.of_foot(foot, journal.end + 1) is None


def test_a_slot_holds_for_its_content_and_range_only():
    """Moved elsewhere it says nothing."""
    plan = PartPlan(1_000, 300)
    journal, other = Journal(CONTENT, plan), Journal(fingerprint("g"), plan)
    _, slot = journal.slot(1, 5)
    assert journal.records(slot) == {1: 5}
    assert journal.records(bytes(16) + slot) == other.records(slot) == {}


def test_fingerprints_tell_contents_apart_and_nothing_of_them():
    """Sixteen bytes, of any ids."""
    assert fingerprint("a", 1) == fingerprint("a", 1) != fingerprint("a", "1")
    assert len(fingerprint("\ud800", None)) == 16
