"""Uploads of what has an async ``read``: connections, uploaded forms, streams of other files."""

from __future__ import annotations

import asyncio

import pytest

from pdsclient import ContentChanged, InvalidRequest

PART = 102_400


def stream_reader(data):
    """A connection that has brought the data, with a limit for the length of lines."""
    reader = asyncio.StreamReader(limit=1000)
    reader.feed_data(data)
    reader.feed_eof()
    return reader


class Form:
    """A file of a form, as web frameworks give it: with ``read``, and nothing else."""

    def __init__(self, data):
        self.left = data

    async def read(self, size=-1):
        size = len(self.left) if size < 0 else size
        data, self.left = self.left[:size], self.left[size:]
        return data


class Reply:
    """A reply as HTTP clients give it, which is read as a whole only."""

    async def read(self):
        return b"all of it"


async def test_a_connection_is_read_by_pieces_and_not_by_lines(ground):
    """Half a megabyte without a newline is content like any other."""
    reader = stream_reader(bytes(500_000))
    file = await ground.client.upload(reader, **ground.drive, name="a", part_size=PART)
    assert await ground.content(file) == bytes(500_000)


@pytest.mark.parametrize("size", [0, 1, PART, 3 * PART + 1])
async def test_a_form_is_read_to_its_end(ground, content, size):
    """In one part or in several, with its size known or not."""
    for known in (None, size):
        file = await ground.client.upload(
            Form(content(size)), **ground.drive, name=f"{known}", size=known, part_size=PART
        )
        assert await ground.content(file) == content(size)


async def test_another_size_than_was_told_is_seen(ground, content):
    """As with an iterator."""
    with pytest.raises(ContentChanged, match="the source gave 10 bytes, not the 11"):
        await ground.client.upload(Form(content(10)), **ground.drive, name="a", size=11)


async def test_a_stream_of_the_drive_can_be_uploaded(ground, content):
    """One file becomes another, and none of it is on a disk meanwhile."""
    file = await ground.add("a", content(3 * PART))
    async with ground.client.open(file) as stream:
        copy = await ground.client.upload(
            stream, **ground.drive, name="b", size=stream.size, part_size=PART
        )
    assert await ground.content(copy) == content(3 * PART)


async def test_a_read_without_a_size_is_refused(ground):
    """Its whole content would be in memory at once; the message says what to give instead."""
    with pytest.raises(InvalidRequest, match="iterator of bytes"):
        ground.client.upload(Reply(), **ground.drive, name="a")
