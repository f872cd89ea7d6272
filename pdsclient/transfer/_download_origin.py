"""Where a content is in the drive, and what it has to be."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pdsclient.errors import SERVER_ERROR, ContentChanged, ContentMismatch, DecodeError, PDSError
from pdsclient.files._address import FileRef, address
from pdsclient.models.content import DownloadUrl, GetDownloadUrlRequest
from pdsclient.resources.file import FileResource
from pdsclient.storage import Answer, FreshUrl, Link, Reading

if TYPE_CHECKING:
    from pdsclient._core import Engine

__all__ = ["Origin", "Told", "check_address", "in_drive", "told_by"]

# The service's own default (pds-service.md 11.1), said so that nobody has to guess.
_LIFE_S: Final = 900
# A range that is not there, a content that is not there (pds-service.md 3.6).
_GONE: Final = frozenset({"InvalidRange", "NoSuchKey"})


class Told(NamedTuple):
    """What the service says about a content when it says where it is.

    Attributes:
        fresh: its presigned URL.
        size: bytes, None if it does not say.
        crc64: its checksum as decimal text, None if it does not say.
    """

    fresh: FreshUrl
    size: object
    crc64: object


class Origin:
    """A content in the drive. What is told of it first holds; anything else is a change.

    Args:
        engine: whose connections are used.
        ask: asks where it is.

    Attributes:
        size: bytes, None until somebody tells.
        crc64: its checksum as decimal text, None until somebody tells.
        link: where it is.
    """

    def __init__(self, engine: Engine, ask: Callable[[], Awaitable[Told]]) -> None:
        self.size: int | None = None
        self.crc64: str | None = None
        self.link = Link(self._renew, engine.shared.now)
        self._ask = ask

    async def look(self) -> None:
        """Ask where it is, which tells its size as well."""
        await self.link.current()

    async def _renew(self) -> FreshUrl:
        told = await self._ask()
        self._hold(told.size, told.crc64)
        return told.fresh

    def check(self, answer: Answer) -> None:
        """Raise ContentChanged if this is the answer of another content."""
        self._hold(answer.total, answer.crc64)

    def _hold(self, size: object, crc64: object) -> None:
        # What has the wrong type was not told.
        size = size if isinstance(size, int) else None
        crc64 = crc64 if isinstance(crc64, str) else None
        self.size = size if self.size is None else self.size
        self.crc64 = crc64 if self.crc64 is None else self.crc64
        if self.differs_from(size, crc64):
            raise _changed()

    def assume(self, size: int | None, crc64: str | None) -> None:
        """Take this for what nobody told."""
        self.size = size if self.size is None else self.size
        self.crc64 = crc64 if self.crc64 is None else self.crc64

    def differs_from(self, size: int | None, crc64: str | None) -> bool:
        """Whether these, as far as they are known, are those of another content."""
        return size not in (None, self.size) or crc64 not in (None, self.crc64)

    async def measure(self, engine: Engine) -> None:
        """Learn the size from the storage, by one byte of a range."""
        async with Reading(engine, self.link, stop=1, check=self.check) as reading:
            await reading.read()
        if self.size is None:
            raise DecodeError("nobody says how long the content is", code=SERVER_ERROR)

    async def look_into(self, error: PDSError) -> None:
        """Raise what is behind a refusal: that the content is another one now, or gone."""
        if error.code not in _GONE:
            return
        told = await self._ask()
        self._hold(told.size, told.crc64)
        if error.code == "InvalidRange":
            raise _changed() from error

    def compare(self, size: int, checksum: int | None) -> None:
        """Raise ContentMismatch if what came is not what the service has.

        Args:
            size: bytes that came.
            checksum: their CRC-64, None if it was not computed.
        """
        if self.size is not None and size != self.size:
            raise ContentMismatch(
                f"{size:,} bytes came of a file of {self.size:,}; was it changed meanwhile?",
                code=SERVER_ERROR,
            )
        if None not in (checksum, self.crc64) and str(checksum) != self.crc64:
            raise ContentMismatch(
                f"the content differs from the service's: its CRC-64 is {checksum}, not "
                f"{self.crc64}",
                code=SERVER_ERROR,
            )


def _changed() -> ContentChanged:
    return ContentChanged(
        "the file in the drive was changed while it was read; begin anew to get it as it is now"
    )


def told_by(reply: DownloadUrl) -> Told:
    """What a reply tells; DecodeError if there is no URL in it."""
    return Told(FreshUrl(reply.url, lives_s=_LIFE_S), reply.size, reply.crc64_hash)


def in_drive(engine: Engine, place: dict[str, Any], revision_id: str | None) -> Origin:
    """The content of a file, or of one of its revisions."""

    async def ask() -> Told:
        get_url = FileResource(engine).get_download_url
        return told_by(await get_url(**place, revision_id=revision_id, expire_sec=_LIFE_S))

    return Origin(engine, ask)


def check_address(
    engine: Engine,
    file: FileRef,
    drive_id: str | None,
    share_id: str | None,
    revision_id: str | None,
) -> dict[str, Any]:
    """The arguments that name a file; InvalidRequest if they do not."""
    place = address(file, drive_id, share_id)
    engine.wire(GetDownloadUrlRequest(**place, revision_id=revision_id))
    return place
