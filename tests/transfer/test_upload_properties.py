"""What holds of uploads for contents of any size and sources of any behaviour."""

from __future__ import annotations

import asyncio
import hashlib
import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pdsclient import ContentChanged, DecodeError, RuntimeContext
from pdsclient._crc64 import crc64
from pdsclient.emulator import Settings
from pdsclient.models.upload import UploadPart, UploadPartInfo
from pdsclient.transfer._upload_reading import Examiner, Reader, parts_of
from pdsclient.transfer._upload_urls import URLS_AT_ONCE, PartUrls, described
from pdsclient.transfer.disk import Disk
from pdsclient.transfer.planning import SMALLEST
from pdsclient.transfer.sources import source_of

PART = SMALLEST
some = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
few = settings(some, max_examples=12)


class Ground:
    """What sources need of a transfer."""

    def __init__(self):
        self.context = RuntimeContext()
        self.disk = Disk(self.context)


class Halting(io.BytesIO):
    """A file that gives as much at a time as it likes."""

    lengths: tuple[int, ...] = (1,)
    reads = 0

    def read(self, size=-1):
        self.reads += 1
        return super().read(min(size, self.lengths[self.reads % len(self.lengths)]))


class Flowing(Halting):
    """One that cannot seek either."""

    def seekable(self):
        return False

    def read1(self, size=-1):
        return self.read(size)


async def chunked(data, lengths):
    """The data in chunks of these lengths, over and over, empty ones included."""
    at = 0
    while at < len(data):
        for length in (*lengths, 1):
            yield data[at : at + length]
            at += length


lengths = st.lists(st.integers(0, 300), min_size=1, max_size=5).map(tuple)


def opened(kind, data, lengths):
    """A source of this kind that gives the data."""
    if kind == "stream":
        return chunked(data, lengths)
    if kind == "bytes":
        return data
    file = (Flowing if kind == "flowing" else Halting)(data)
    file.lengths = tuple(length + 1 for length in lengths)
    return file


@some
@given(
    kind=st.sampled_from(["stream", "bytes", "file", "flowing"]),
    size=st.integers(0, 300),
    lengths=lengths,
    hold=st.integers(1, 200),
    part=st.integers(1, 200),
)
def test_parts_are_the_content_however_the_source_gives_it(kind, size, lengths, hold, part):
    """Each is full but the last, and none is empty unless all is."""
    data = bytes(at * 31 % 251 for at in range(size))

    async def read():
        ground = Ground()
        async with await source_of(opened(kind, data, lengths)).open(ground, hold) as content:
            examiner = Examiner(ground.disk, content.size, None)
            reader = Reader(content, parts_of(content, part), examiner)
            found = []
            while (piece := await reader.next()) is not None:
                found.append(piece)
            await reader.close()
            return found, examiner

    found, examiner = asyncio.run(read())
    assert b"".join(piece.data for piece in found) == data
    assert [len(piece.data) for piece in found[:-1]] == [part] * max(0, len(found) - 1)
    assert all(piece.data for piece in found) or (size == 0 and len(found) <= 1)
    assert [piece.part.number for piece in found] == list(range(1, len(found) + 1))
    assert (examiner.checksum(), examiner.size) == (str(crc64(data)), size)


@some
@given(
    size=st.integers(0, 1_000),
    told=st.integers(0, 1_000),
    lengths=lengths,
    part=st.integers(1, 300),
)
def test_a_stream_has_the_size_that_was_told(size, told, lengths, part):
    """Else it is no content, also when it is small; and it is never read beyond."""
    data = bytes(size)

    async def read():
        ground = Ground()
        source = source_of(chunked(data, lengths), told)
        async with await source.open(ground, part) as content:
            reader = Reader(content, parts_of(content, part), _as_bytes)
            try:
                found = []
                while (piece := await reader.next()) is not None:
                    found.append(piece)
            finally:
                await reader.close()
            return b"".join(found)

    if size == told:
        assert asyncio.run(read()) == data
    else:
        with pytest.raises(ContentChanged):
            asyncio.run(read())


async def _as_bytes(part, data):
    return data


@few
@given(
    parts=st.integers(0, 12),
    more=st.sampled_from([-1, 0, 1]),
    parallel=st.sampled_from([None, True, False]),
    rapid=st.booleans(),
    hash_name=st.sampled_from(["sha1", "sha256"]),
    kind=st.sampled_from(["stream", "bytes", "file", "flowing"]),
    seed=st.integers(0, 3),
)
async def test_what_arrives_is_what_was_sent(
    start, content, parts, more, parallel, rapid, hash_name, kind, seed
):
    """Whatever the size, the kind of source, the order and the hashes."""
    data = content(max(0, parts * PART + more), seed)
    strict = Settings(parallel_rules="strict", smallest_part=PART, data_hash_name=hash_name)
    async with start(settings=strict) as ground:
        await ground.add("known", content(parts * PART, 0))
        file = await ground.client.upload(
            opened(kind, data, (5_000,)),
            **ground.drive,
            name="a",
            part_size=PART,
            parallel=parallel,
            rapid_upload=rapid,
            content_hash_name=hash_name,
        )
        assert await ground.content(file) == data
        assert file.crc64_hash == str(crc64(data))
        assert file.content_hash == hashlib.new(hash_name, data).hexdigest().upper()
        assert ground.sent_twice() == []


class Service:
    """Gives URLs that say when they were given.

    Attributes:
        now: the time.
        asked: the numbers in each question.
        lives_s: how long URLs are good.
    """

    def __init__(self, lives_s=900.0):
        self.now = 0.0
        self.asked = []
        self.lives_s = lives_s

    async def ask(self, parts):
        self.asked.append([part.part_number for part in parts])
        return [self.info(part.part_number) for part in parts]

    def info(self, number):
        return UploadPartInfo(
            part_number=number, upload_url=f"http://storage/{number}/{self.now}", content_type=""
        )

    def is_good(self, url):
        return self.now < float(url.rpartition("/")[2]) + self.lives_s

    def urls(self, last, known=()):
        return PartUrls(
            self.ask,
            lambda number: UploadPart(part_number=number),
            last,
            lambda: self.now,
            [self.info(number) for number in known],
        )


@some
@given(
    pauses=st.lists(st.floats(0, 400), min_size=1, max_size=60),
    lives_s=st.sampled_from([900.0, 500.0, 60.0]),
)
async def test_every_part_gets_a_good_url_with_few_questions(pauses, lives_s):
    """Also where they live for less than the service says: a refusal shows it."""
    service = Service(lives_s)
    urls = service.urls(len(pauses), known=range(1, 6))
    refused = 0
    for number, pause in enumerate(pauses, 1):
        service.now += pause
        link = urls.link(number)
        fresh = await link.current()
        if not service.is_good(fresh.url):
            refused += 1
            link.expired(fresh)
            fresh = await link.current()
        assert service.is_good(fresh.url)
        assert fresh.url.split("/")[3] == str(number)
    assert all(len(one) <= URLS_AT_ONCE for one in service.asked)
    if lives_s == 900.0:
        assert refused == 0


async def test_a_refusal_renews_all_that_came_together():
    """Sixteen parts under way are refused, and one question answers for them all."""
    service = Service()
    urls = service.urls(16, known=range(1, 17))
    links = [urls.link(number) for number in range(1, 17)]
    worn = [await link.current() for link in links]
    for link, fresh in zip(links, worn, strict=True):
        link.expired(fresh)
    renewed = await asyncio.gather(*(link.current() for link in links))
    assert service.asked == [list(range(1, 17))]
    assert len({one.url for one in renewed}) == 16


async def test_a_service_that_gives_no_url_is_told():
    """It said where other parts go."""

    async def ask(parts):
        return []

    urls = PartUrls(ask, lambda number: UploadPart(part_number=number), 3, lambda: 0.0)
    with pytest.raises(DecodeError, match="did not say where the content goes"):
        await urls.link(1).current()


def test_a_part_is_described_when_the_state_in_front_of_it_is_known():
    """The first one needs none."""
    assert described(5, False, "sha1", {}) == UploadPart(part_number=5)
    assert described(1, True, "sha1", {}) == UploadPart(part_number=1)
    assert described(2, True, "sha1", {}) is None
