"""Whether a local file is what the drive has."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pytest

from pdsclient import RuntimeContext
from pdsclient._crc64 import crc64
from pdsclient.models import File
from pdsclient.transfer import tree_compare
from pdsclient.transfer.disk import Disk, FileStamp
from pdsclient.transfer.tree_compare import same_content

THEN = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
LATER = THEN + timedelta(hours=1)
DATA = b"some content"


def ns(moment: datetime) -> int:
    return round(moment.timestamp() * 1000) * 1_000_000


THEN_NS = ns(THEN)


class Counting:
    """Counts how often a file is opened."""

    opened = 0

    def __getattr__(self, name):
        return getattr(os, name)

    def open(self, *arguments):
        self.opened += 1
        return os.open(*arguments)


@pytest.fixture
def same(tmp_path):
    """Compares a local file with a file in the drive; tells whether its content was read."""

    async def same(compare="auto", *, modified_ns=THEN_NS, data=DATA, **fields):
        path = tmp_path / "a"
        path.write_bytes(data)
        counting = Counting()
        disk = Disk(RuntimeContext(file_system=counting))
        usual = {"size": len(DATA), "crc64_hash": str(crc64(DATA)), "updated_at": LATER}
        file = File(**{**usual, "local_modified_at": THEN, **fields})
        stamp = FileStamp(len(data), modified_ns, 1, 1)
        return await same_content(disk, path, stamp, file, compare), counting.opened > 0

    return same


async def test_another_size_settles_it(same):
    """Nothing is read."""
    assert await same(size=3) == (False, False)
    assert await same(size=None) == (False, False)


async def test_an_empty_file_has_only_one_content(same):
    """Nothing is read."""
    assert await same(data=b"", size=0, crc64_hash=None, compare="checksum") == (True, False)


async def test_size_alone_may_be_enough(same):
    """Nothing is read, whatever the time says."""
    assert await same("size", modified_ns=0) == (True, False)


async def test_the_same_millisecond_settles_it(same):
    """Digits beyond it are not kept by the service."""
    moment = THEN + timedelta(milliseconds=250)
    assert await same(local_modified_at=moment, modified_ns=ns(moment) + 999_999) == (True, False)
    assert await same(local_modified_at=None, updated_at=moment, modified_ns=ns(moment)) == (
        True,
        False,
    )


async def test_a_time_in_whole_seconds_stands_for_all_of_its_second(same):
    """The service keeps whole seconds of what an upload tells it."""
    assert await same(modified_ns=ns(THEN) + 700_000_000) == (True, False)
    assert await same(modified_ns=ns(THEN) + 1_000_000_000) == (True, True)


async def test_a_file_uploaded_just_after_its_change_is_read(same):
    """It may have been changed again in the same second."""
    soon = THEN + timedelta(seconds=1)
    assert await same(modified_ns=ns(THEN) + 700_000_000, updated_at=soon) == (True, True)
    assert await same(modified_ns=ns(THEN) + 700_000_000, updated_at=None) == (True, True)


async def test_another_time_has_the_content_compared(same):
    """The checksum tells; without one the file counts as different."""
    assert await same(modified_ns=0) == (True, True)
    assert await same(modified_ns=0, data=DATA[::-1]) == (False, True)
    assert await same(modified_ns=0, crc64_hash=None) == (False, False)
    assert await same(local_modified_at=None, updated_at=None) == (True, True)


async def test_checksums_are_compared_whatever_the_time_says_if_asked(same):
    """A file changed without changing its time is found out."""
    assert await same("checksum") == (True, True)
    assert await same("checksum", data=DATA[::-1]) == (False, True)


async def test_a_link_is_read_through_only_if_asked(tmp_path):
    """A tree never does."""
    (tmp_path / "a").write_bytes(DATA)
    (tmp_path / "link").symlink_to("a")
    disk, stamp = Disk(RuntimeContext()), FileStamp(len(DATA), 0, 1, 1)
    file = File(size=len(DATA), crc64_hash=str(crc64(DATA)))
    assert await same_content(disk, tmp_path / "link", stamp, file, follow=True)
    with pytest.raises(OSError, match="link"):
        await same_content(disk, tmp_path / "link", stamp, file)


async def test_a_large_file_is_read_in_pieces(same, monkeypatch):
    """The checksum runs on over their ends."""
    monkeypatch.setattr(tree_compare, "_HOP", 4)
    assert await same("checksum") == (True, True)
