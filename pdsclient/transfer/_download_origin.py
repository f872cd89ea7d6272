"""Where a content is in the drive, and what it has to be."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pdsclient.errors import SERVER_ERROR, ContentChanged, ContentMismatch, DecodeError
from pdsclient.files._address import FileRef, address
from pdsclient.models.content import GetDownloadUrlRequest
from pdsclient.resources.file import FileResource
from pdsclient.storage import Answer, FreshUrl, Link

if TYPE_CHECKING:
    from pdsclient._core import Engine

__all__ = ["Origin", "Told", "check_address", "in_drive"]

# The service's own default (pds-service.md 11.1), said so that nobody has to guess.
_LIFE_S: Final = 900


class Told(NamedTuple):
    """What the service says about a content when it says where it is.

    Attributes:
        url: presigned.
        size: bytes, None if it does not say.
        crc64: its checksum as decimal text, None if it does not say.
    """

    url: object
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
        if told.url is None:
            raise DecodeError("the service did not say where the content is", code=SERVER_ERROR)
        self._hold(told.size, told.crc64)
        return FreshUrl(told.url, lives_s=_LIFE_S)

    def check(self, answer: Answer) -> None:
        """Raise ContentChanged if this is the answer of another content."""
        self._hold(answer.total, answer.crc64)

    def _hold(self, size: object, crc64: object) -> None:
        # What has the wrong type was not told.
        size = size if isinstance(size, int) else None
        crc64 = crc64 if isinstance(crc64, str) else None
        self.size = size if self.size is None else self.size
        self.crc64 = crc64 if self.crc64 is None else self.crc64
        if size not in (None, self.size) or crc64 not in (None, self.crc64):
            raise ContentChanged(
                "the file in the drive was changed while it was read; begin anew to get it as it "
                "is now"
            )

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


def in_drive(engine: Engine, place: dict[str, Any], revision_id: str | None) -> Origin:
    """The content of a file, or of one of its revisions."""

    async def ask() -> Told:
        told = await FileResource(engine).get_download_url(
            **place, revision_id=revision_id, expire_sec=_LIFE_S
        )
        return Told(told.url, told.size, told.crc64_hash)

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
