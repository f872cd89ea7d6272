"""A part file that is being filled: ranges side by side, or all in one stream where it must be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from pdsclient.errors import SERVER_ERROR, ContentMismatch, PDSError
from pdsclient.storage import Answer, Reading
from pdsclient.transfer._download_moving import Cut, Pieces, receive
from pdsclient.transfer._download_origin import Origin
from pdsclient.transfer._download_part import PartFile, checksum_of
from pdsclient.transfer.control import Control, Lane
from pdsclient.transfer.disk import Disk
from pdsclient.transfer.planning import Part, Ranges

__all__ = ["Filling"]


class _RangesIgnored(Exception):
    """The storage sends the whole content whatever is asked for (pds-service.md 11.2)."""


class Filling:
    """Fetches what a part file lacks.

    Args:
        control: of the transfer.
        origin: where the content is, and what it has to be.
        part: where it goes.
    """

    def __init__(self, control: Control, origin: Origin, part: PartFile) -> None:
        self._control = control
        self._origin = origin
        self._part = part
        self._plan = part.journal.plan
        self._checksums: dict[int, int] = {}
        self._ranges = Ranges(self._plan)
        self._ranged = asyncio.Event()

    async def run(self) -> None:
        """Returns when all is there and right.

        Raises:
            ContentMismatch: it was wrong twice.
            ContentChanged: it is another one now.
        """
        meter = self._control.meter
        meter.expect(bytes=self._plan.size, parts=self._plan.count)
        self._begin_with(await self._intact(self._part.known))
        await self._fetch_all()
        try:
            await self._compare()
        except ContentMismatch:
            self._begin_anew()
            await self._fetch_all()
            await self._compare()

    # -------------------------------------------------------------------- what is there

    async def _intact(self, known: Mapping[int, int]) -> dict[int, int]:
        """Those ranges that are on the disk as their checksums say."""
        intact = {}
        for number, checksum in sorted(known.items()):
            await self._control.gate()
            one = self._plan.part(number)
            if await checksum_of(self._control.disk, self._part, one) == checksum:
                intact[number] = checksum
        return intact

    def _begin_with(self, intact: dict[int, int]) -> None:
        """These ranges need not be fetched."""
        self._control.meter.kept(sum(self._plan.part(number).length for number in intact))
        self._control.meter.part_done(len(intact))
        self._part.recorded = len(intact)
        self._checksums = intact
        self._ranges = Ranges(self._plan, intact)

    async def _compare(self) -> None:
        self._origin.compare(self._plan.size, await self._checksum())

    async def _checksum(self) -> int | None:
        if not self._part.checked:
            return None
        if self._plan.count == 1:
            return self._checksums[1]
        return await self._control.disk.run(self._ranges.checksum)

    def _begin_anew(self) -> None:
        """Nobody can tell which of the ranges is wrong."""
        self._control.meter.moved(-self._plan.size)
        self._control.meter.part_done(-self._plan.count)
        self._begin_with({})

    # -------------------------------------------------------------------- fetching

    async def _fetch_all(self) -> None:
        if not self._plan.size:
            self._done(self._plan.part(1), 0)
            return
        missing = self._plan.count - len(self._checksums)
        try:
            await _side_by_side(self._work, min(missing, self._control.lanes.most))
        except _RangesIgnored:
            await self._in_one_stream()

    async def _work(self, first: bool) -> None:
        while (one := self._ranges.take()) is not None:
            try:
                if not first:
                    # One answer shows whether there are ranges at all.
                    await self._ranged.wait()
                await self._fetch(one)
            except BaseException:
                self._ranges.give_back(one)
                raise

    async def _fetch(self, one: Part) -> None:
        # What is one range is asked for as a whole: then nothing can be ignored.
        stop = None if self._plan.count == 1 else one.end
        async with (
            self._control.lane() as lane,
            self._reading(one.offset, stop, self._check) as reading,
        ):
            await self._fill(lane, Cut(reading), one)

    def _check(self, answer: Answer) -> None:
        self._origin.check(answer)
        if answer.status == 200 and self._plan.count > 1:
            raise _RangesIgnored
        self._ranged.set()

    async def _in_one_stream(self) -> None:
        """All from the first missing byte to the last one; what is there already is passed by."""
        missing = list(iter(self._ranges.take, None))
        at = missing[0].offset
        async with self._reading(at, None, self._origin.check) as reading:
            pieces = Cut(reading)
            for one in missing:
                while at < one.offset and (passed := await pieces.take(one.offset - at)):
                    at += len(passed)
                async with self._control.lane() as lane:
                    await self._fill(lane, pieces, one)
                at = one.end

    def _reading(self, start: int, stop: int | None, check: Callable[[Answer], object]) -> Reading:
        engine, link = self._control.engine, self._origin.link
        return Reading(engine, link, start=start, stop=stop, check=check)

    async def _fill(self, lane: Lane, pieces: Cut, one: Part) -> None:
        """Moves the next bytes into a range."""
        sink = _Sink(self._control.disk, self._part, one)
        try:
            came = await receive(self._control, lane, pieces, one.length, sink.write)
        except BaseException as error:
            self._control.meter.moved(-lane.moved)
            if isinstance(error, PDSError):
                await self._origin.look_into(error)
            raise
        if came < one.length:
            raise ContentMismatch(
                f"the content ended {one.length - came:,} bytes early", code=SERVER_ERROR
            )
        self._done(one, sink.checksum)

    def _done(self, one: Part, checksum: int) -> None:
        self._checksums[one.number] = checksum
        self._ranges.done(one, checksum)
        self._control.meter.part_done()


class _Sink:
    """Where the bytes of a range go, in order."""

    def __init__(self, disk: Disk, part: PartFile, one: Part) -> None:
        self.checksum = 0
        self._disk = disk
        self._part = part
        self._one = one
        self._at = one.offset

    async def write(self, pieces: Pieces) -> None:
        """Write the next ones."""
        at, self._at = self._at, self._at + sum(map(len, pieces))
        self.checksum = await self._disk.run(self._part.write, self._one, at, pieces, self.checksum)


async def _side_by_side(work: Callable[[bool], Coroutine[Any, Any, None]], count: int) -> None:
    """So many workers, the first of which is told so; raises what went wrong with one of them."""
    failed: BaseException | None = None
    try:
        async with asyncio.TaskGroup() as group:
            for number in range(count):
                group.create_task(work(number == 0))
    except BaseExceptionGroup as errors:
        # Only what ended the others is of interest, and of that what is an error.
        failed = min(errors.exceptions, key=lambda one: isinstance(one, _RangesIgnored))
    if failed is not None:
        raise failed
