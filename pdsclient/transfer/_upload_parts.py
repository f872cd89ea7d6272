"""The parts of an upload on their way, in order or side by side.

One reader goes through the content, whatever the order that parts are sent in: it is read once,
the checksum of the whole is joined on the way, and so is the running hash whose states parallel
parts need. A part is in memory from when it is read until it has arrived; one more than there
are lanes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pdsclient.errors import SERVER_ERROR, Conflict, ContentMismatch, PDSError
from pdsclient.models.upload import HashContext, UploadPartInfo
from pdsclient.storage import put_content
from pdsclient.transfer._upload_reading import Examiner, Piece, Reader, parts_of
from pdsclient.transfer._upload_service import Service, UploadGone
from pdsclient.transfer._upload_urls import PartUrls, described
from pdsclient.transfer.limits import MOST_LANES
from pdsclient.transfer.planning import Action, PartPlan, after_error

if TYPE_CHECKING:
    from pdsclient.transfer._upload_checkpoint import Begun
    from pdsclient.transfer.control import Control, Lane
    from pdsclient.transfer.sources import Content

__all__ = ["Sender"]


class Sender:
    """Sends all parts of an upload that are not there yet.

    Args:
        control: of the transfer.
        service: asks the service.
        content: what is sent.
        begun: the upload.
        examiner: takes the checksums.
        states: of the hash in front of each part, by number.
        hash_name: which hash that is.
        known: URLs that came with the creation; None if parts may be there already.

    Attributes:
        examiner: the same.
    """

    def __init__(
        self,
        control: Control,
        service: Service,
        content: Content,
        begun: Begun,
        *,
        examiner: Examiner,
        states: Mapping[int, HashContext],
        hash_name: str,
        known: Iterable[UploadPartInfo] | None,
    ) -> None:
        self._control = control
        self._service = service
        self._content = content
        self._begun = begun
        self.examiner = examiner
        self._is_fresh = known is not None
        # Bytes of each part that is there already, by number.
        self._there: dict[int, int] = {}
        self._returns: set[int] = set()
        parts = parts_of(content, begun.part_size)
        self._reader: Reader[Piece] = Reader(content, parts, examiner)
        size = content.size
        self._plan = PartPlan(size or 0, begun.part_size)
        self._count = None if size is None else self._plan.count
        self._urls = PartUrls(
            lambda asked: service.urls(begun, asked),
            lambda number: described(number, begun.parallel, hash_name, states),
            self._count,
            control.engine.shared.now,
            known or (),
        )

    async def run(self) -> None:
        """All parts are there when it returns.

        Raises:
            UploadGone: the service does not know the upload.
        """
        # An earlier run may have chosen another size.
        self._control.meter.expect(parts=self._count)
        if not self._is_fresh:
            self._there = await self._arrived()
        try:
            await self._pass_over_first()
            left = (self._count or 1) - len(self._there)
            if self._begun.parallel:
                await all_of(self._work() for _ in range(min(left, MOST_LANES)))
            else:
                await self._work()
        finally:
            await self._reader.close()

    async def read_rest(self) -> None:
        """Read what has not been read, for its checksum alone."""
        first = self.examiner.last + 1
        await self._reader.start_again(parts_of(self._content, self._begun.part_size, first))
        try:
            while await self._reader.next() is not None:
                await self._control.gate()
        finally:
            await self._reader.close()

    async def _arrived(self) -> dict[int, int]:
        there, _ = await self._service.arrived(self._begun)
        for number, size in there.items():
            fits = self._count is not None and number <= self._count
            if not fits or size != self._plan.part(number).length:
                raise UploadGone(Conflict(f"part {number} of the upload has another size"))
        return there

    async def _pass_over_first(self) -> None:
        """Only the checksum is wanted of parts that are there already."""
        self._count_there(self._there)
        number = 1
        while number in self._there:
            await self._control.gate()
            await self._reader.next()
            number += 1

    def _count_there(self, there: Mapping[int, int]) -> None:
        self._control.meter.kept(sum(there.values()))
        self._control.meter.part_done(len(there))

    async def _work(self) -> None:
        """Send one part after the other."""
        while True:
            async with self._control.lane() as lane:
                piece = await self._reader.next()
                while piece is not None and piece.part.number in self._there:
                    piece = await self._reader.next()
                if piece is None:
                    return
                await self._send(lane, piece)

    async def _send(self, lane: Lane, piece: Piece) -> None:
        number = piece.part.number
        sending = self._control.sending()
        try:
            stored = await put_content(
                self._control.engine,
                self._urls.link(number),
                piece.data,
                pieces=sending.pieces,
            )
        except BaseException as error:
            sending.settle(0)
            if not isinstance(error, PDSError):
                raise
            await self._recover(piece, error)
            return
        sending.settle(len(piece.data))
        if stored is None:
            await self._check_there(piece)
        elif None not in (stored.crc64, piece.crc64) and stored.crc64 != str(piece.crc64):
            raise ContentMismatch(
                f"part {number} did not arrive as it was sent: the CRC-64 of the storage is "
                f"{stored.crc64}, not {piece.crc64}",
                code=SERVER_ERROR,
            )
        lane.moved += len(piece.data)
        self._control.meter.part_done()

    async def _recover(self, piece: Piece, error: PDSError) -> None:
        """Go on after a refusal, or raise."""
        action = after_error(error)
        if action is Action.LOOK_AT_FILE:
            raise UploadGone(error) from error
        if action is not Action.LIST_PARTS:
            raise error
        there, _ = await self._service.arrived(self._begun)
        following = max(there, default=0) + 1
        if following > piece.part.number:
            self._check_size(piece, there)
            self._count_there({piece.part.number: len(piece.data)})
            return
        # The service knows of fewer parts than it took; from any place that is believed once.
        if following in self._returns or not self._content.again:
            raise error
        self._returns.add(following)
        self._there = {}
        size = self._begun.part_size
        self._control.meter.moved(-(piece.part.number - following) * size)
        self._control.meter.part_done(following - piece.part.number)
        await self._reader.start_again(parts_of(self._content, size, following))

    async def _check_there(self, piece: Piece) -> None:
        """The storage had the part already; the only one is checked as a whole."""
        if self._count != 1:
            there, _ = await self._service.arrived(self._begun)
            self._check_size(piece, there)

    def _check_size(self, piece: Piece, there: Mapping[int, int]) -> None:
        found = there.get(piece.part.number)
        if found != len(piece.data):
            raise ContentMismatch(
                f"part {piece.part.number} is there with {found} bytes, not {len(piece.data):,}",
                code=SERVER_ERROR,
            )


async def all_of(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Do all of them at once; the first failure ends the others, and is raised."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
