"""How an upload begins: what the service wants to know of the content, and what it says to that.

::

    small       create(content_hash)                                    known, or to be sent
    large       create(pre_hash) ── 409 PreHashMatched ─ hash it all ─ create(content_hash)
                     └─ to be sent, and was never read as a whole
"""

from __future__ import annotations

import mimetypes
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from pdsclient.errors import SERVER_ERROR, Conflict, DecodeError, InvalidRequest, PDSError
from pdsclient.files.changes import clash
from pdsclient.models.upload import CreatedFile, HashContext, UploadPart
from pdsclient.transfer._upload_checkpoint import Begun
from pdsclient.transfer._upload_reading import Reader
from pdsclient.transfer._upload_service import FoundUpload, Service
from pdsclient.transfer._upload_urls import URLS_AT_ONCE, described
from pdsclient.transfer.hashing import MOST_SLOWLY, Digests, HashContexts, contexts_are_fast
from pdsclient.transfer.planning import (
    PART_SIZE,
    Action,
    Part,
    PartPlan,
    after_error,
    part_size_for,
)

if TYPE_CHECKING:
    from pdsclient.transfer._upload_wanted import Wanted
    from pdsclient.transfer.control import Control
    from pdsclient.transfer.sources import Content

__all__ = ["Beginning", "Created"]

# pds-service.md 10.3: the hash of so many bytes tells whether hashing all of them may pay.
_PRE_HASH_BYTES: Final = 1024
# Parts side by side pay from so many on.
_MANY_PARTS: Final = 8


class Created(NamedTuple):
    """What an upload has become with its creation.

    Attributes:
        reply: of the service.
        begun: the upload; None if there is nothing to be sent.
    """

    reply: CreatedFile
    begun: Begun | None


class Beginning:
    """The beginning of an upload.

    Args:
        control: of the transfer.
        service: asks the service.
        content: what is uploaded.
        wanted: what it is to become.
        hashed: is called when a large content was hashed, which takes its time.

    Attributes:
        part_size: bytes of a part.
        content_hash: of the content, once it is known.
        states: of its hash in front of each part, by number, if they are known.
    """

    def __init__(
        self,
        control: Control,
        service: Service,
        content: Content,
        wanted: Wanted,
        hashed: Callable[[], Awaitable[None]],
    ) -> None:
        self._control = control
        self._hashed = hashed
        self._service = service
        self._content = content
        self._wanted = wanted
        self.part_size = part_size_for(content.size, wanted.part_size)
        self._parallel = self._may_be_parallel()
        self.content_hash: str | None = None
        self.states: dict[int, HashContext] = {}

    def _may_be_parallel(self) -> bool:
        wanted, content = self._wanted.parallel, self._content
        if wanted is False or content.size is None or content.size <= self.part_size:
            return False
        if wanted is None:
            many = content.size > (_MANY_PARTS - 1) * self.part_size
            return many and content.again and contexts_are_fast()
        if not contexts_are_fast() and content.size > MOST_SLOWLY:
            raise InvalidRequest(
                "parallel=True needs states of a hash that this Python does not show; leave "
                "parallel out, or use a Python with OpenSSL"
            )
        return True

    async def begin(self, *, perhaps: bool = False) -> Created:
        """Create the file, or find out that there is no need to.

        Args:
            perhaps: an earlier run may have done so already.

        Raises:
            Conflict: the name is taken.
        """
        fields = self._wanted.creation(
            self._content.size, self._content.modified_ns, await self._guessed_type()
        )
        created = await self._create(fields, perhaps=perhaps)
        mode = self._wanted.check_name_mode
        # One that is named by its id is the only one that may get a new version.
        allowed = mode in ("overwrite", "skip") and self._wanted.file_id is None
        if created.exist and (created.type == "folder" or not allowed):
            what = "folder" if created.type == "folder" else "file"
            raise clash(f"the folder has a {what} of this name already", created.file_id)
        if created.exist and mode == "overwrite":
            # A new version of the one that is there; it does not clash with itself (10.1).
            fields = {**fields, "file_id": _file_id(created)}
            created = await self._create(fields)
        return await self._made(created, fields)

    async def _made(self, created: CreatedFile, fields: dict[str, Any]) -> Created:
        file_id = _file_id(created)
        if created.exist or created.rapid_upload:
            return Created(created, None)
        if not isinstance(created.upload_id, str):
            raise DecodeError("the service began no upload", code=SERVER_ERROR)
        is_found = isinstance(created, FoundUpload)
        begun = Begun(
            file_id=file_id,
            upload_id=created.upload_id,
            revision_id=created.revision_id,
            is_new=fields["file_id"] is None and not is_found,
            parallel=self._parallel,
            part_size=self.part_size,
        )
        if is_found:
            _, parallel = await self._service.arrived(begun)
            begun = msgspec.structs.replace(begun, parallel=parallel or False)
        return Created(created, begun)

    async def _guessed_type(self) -> str | None:
        if self._wanted.content_type is not None or not self._wanted.guess_type:
            return None
        name = self._wanted.name
        if not mimetypes.inited:
            # It reads the tables of the system.
            await self._control.disk.run(mimetypes.init)
        return mimetypes.guess_type(name)[0]

    # ---- creating

    async def _create(self, fields: dict[str, Any], *, perhaps: bool = False) -> CreatedFile:
        """Ask until the service needs to know no more."""
        while True:
            asked = {**fields, **await self._hashes(), **self._parts()}
            if perhaps:
                made = await self._service.made(asked)
                if made is not None:
                    return made
                perhaps = False
            try:
                return await self._service.create(asked)
            except PDSError as error:
                # JavaScript's SDK takes any 409 to a pre-hash for a match, too (10.3).
                if "pre_hash" in asked and isinstance(error, Conflict):
                    await self._hash_all()
                    await self._hashed()
                elif self._parallel and after_error(error) is Action.IN_ORDER:
                    self._parallel = False
                else:
                    raise

    def _parts(self) -> dict[str, Any]:
        """The parts whose URLs are wanted at once; a single part goes without saying."""
        size = self._content.size
        if size is None or size <= self.part_size:
            return {}
        count = min(PartPlan(size, self.part_size).count, URLS_AT_ONCE)
        numbers = range(1, count + 1)
        parts = [described(one, self._parallel, self._hash_name, self.states) for one in numbers]
        known: list[UploadPart] = [part for part in parts if part is not None]
        more = {"parallel_upload": True} if self._parallel else {}
        return {"part_info_list": known, **more}

    # ---- hashes

    @property
    def _hash_name(self) -> Any:
        return self._wanted.content_hash_name

    async def _hashes(self) -> dict[str, str]:
        """What tells the service which content it is, as far as it is worth its price."""
        content = self._content
        if not self._wanted.rapid_upload or not content.again or content.size is None:
            return {}
        if self.content_hash is None and content.size <= self.part_size:
            await self._hash_all()
        if self.content_hash is not None:
            return {"content_hash": self.content_hash, "content_hash_name": self._hash_name}
        head = Digests("sha1")
        head.update(await content.read(0, _PRE_HASH_BYTES))
        return {"pre_hash": head.value("sha1"), "content_hash_name": self._hash_name}

    async def _hash_all(self) -> None:
        """Hash the whole content, keeping the states that parallel parts need."""
        size = self._content.size or 0
        piece_size = self.part_size if self._parallel else min(self.part_size, PART_SIZE)
        hashes = HashContexts(self._hash_name) if self._parallel else Digests(self._hash_name)
        reader = Reader(self._content, PartPlan(size, piece_size).parts(), _as_it_is)
        try:
            while (piece := await reader.next()) is not None:
                await self._control.gate()
                part, data = piece
                if isinstance(hashes, HashContexts):
                    self.states[part.number] = hashes.state()
                await self._control.disk.run(hashes.update, data)
        finally:
            await reader.close()
        if isinstance(hashes, HashContexts):
            self.content_hash = hashes.hexdigest()
        else:
            self.content_hash = hashes.value(self._hash_name)


async def _as_it_is(part: Part, data: bytes) -> tuple[Part, bytes]:
    return part, data


def _file_id(created: CreatedFile) -> str:
    if not isinstance(created.file_id, str):
        raise DecodeError("the service did not say which file it is about", code=SERVER_ERROR)
    return created.file_id
