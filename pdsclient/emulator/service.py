"""What stands behind the HTTP face: the store on its threads, identities, signatures, switches."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from os import PathLike
from typing import ParamSpec, TypeVar

from attrs import define

from pdsclient.emulator.clock import MovableClock
from pdsclient.emulator.identity import Caller, Identity, User
from pdsclient.emulator.markers import Markers
from pdsclient.emulator.params import Params
from pdsclient.emulator.settings import Settings
from pdsclient.emulator.signed import Signer
from pdsclient.emulator.store import FileRow, Store

__all__ = ["Call", "Service"]

logger = logging.getLogger("pdsclient.emulator")
P = ParamSpec("P")
T = TypeVar("T")


class Service:
    """One domain of the emulated service.

    SQLite has three threads: one writes, one reads pages, one counts, so that a slow count never
    stands before a page. Contents are read, written and hashed by four more.
    """

    def __init__(
        self,
        *,
        database: str | PathLike[str] | None,
        clock: MovableClock,
        settings: Settings,
        domain_id: str,
    ) -> None:
        self.clock = clock
        self.settings = settings
        self.domain_id = domain_id
        self.base_url = ""
        self._database = database
        self._writer, self._pages, self._counts = (
            ThreadPoolExecutor(1, thread_name_prefix=f"emulator-{name}")
            for name in ("writer", "pages", "counts")
        )
        self._files = ThreadPoolExecutor(4, thread_name_prefix="emulator-files")
        self._store: Store | None = None
        self._posted: Future[None] | None = None

    @property
    def store(self) -> Store:
        """The files and drives; not to be called on the event loop's thread."""
        assert self._store is not None, "the service has not been opened"
        return self._store

    async def open(self) -> None:
        """Open the store, which keeps the keys of all that is signed."""
        store = self._store = await self.write(self._open_store)
        self.identity = Identity(self.domain_id, store.key("identity"), self.clock)
        self.markers = Markers(store.key("markers"), self.clock)
        self.signer = Signer(self.domain_id, store.key("signer"), self.clock)

    def _open_store(self) -> Store:
        store = Store(
            self._database,
            clock=self.clock,
            domain_id=self.domain_id,
            index_delay_s=self.settings.index_delay_s,
            match_mode=self.settings.match_mode,
        )
        try:
            # Of the processes before: also tells when the next one is due.
            store.run_due_tasks()
        except BaseException:
            store.close()
            raise
        return store

    async def aclose(self) -> None:
        """Let the threads finish what they do, but for a big load; close the store and end them.

        May be repeated.
        """
        await asyncio.to_thread(self._end_threads)

    def _end_threads(self) -> None:
        store, self._store = self._store, None
        if store is not None:
            store.stop()
        for pool in (self._pages, self._counts, self._files):
            pool.shutdown()
        if store is not None:
            self._writer.submit(store.close).result()
        self._writer.shutdown()

    async def write(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Change something, on the writing thread."""
        return await _run(self._writer, lambda: work(*args, **kwargs))

    def post(self, work: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        """Change something without waiting for it; from any thread.

        Changes happen in the order in which they were asked for, and `user_of` and `share_of`
        wait for this one.
        """
        self._posted = self._writer.submit(lambda: work(*args, **kwargs))
        self._posted.add_done_callback(_report)

    async def read(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Read a page or a single thing, on the thread for pages."""
        return await _run(self._pages, lambda: work(*args, **kwargs))

    async def count(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Count, on the thread for counts."""
        return await _run(self._counts, lambda: work(*args, **kwargs))

    async def use_files(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Read, write or hash contents."""
        return await _run(self._files, lambda: work(*args, **kwargs))

    def abandon(self, discard: Callable[[], None]) -> None:
        """Give up a content that is half written; nobody waits for it, not even when cancelled."""
        self._files.submit(discard)

    # ---- tokens

    def new_code(self, client_id: str, user_id: str, redirect_uri: str) -> str:
        """A code that an app may exchange for tokens once; on the writing thread."""
        code = secrets.token_urlsafe(24)
        until = self.clock.time() + self.settings.code_life_s
        data = {"client_id": client_id, "user_id": user_id, "redirect_uri": redirect_uri}
        self.store.put_code(code, until, data)
        return code

    async def user_of(self, token: str | None) -> User:
        """The user behind an access token; ServiceError 401 for any that is not alive."""
        if self._is_settled:
            known = self.identity.remembered(self.store, token)
            if known is not None:
                return known
        return await self._look_up(self.identity.look_up, self.store, token, self.settings)

    async def share_of(self, token: str) -> str:
        """The share a share token is for; ServiceError 401 for any that is not alive."""
        return await self._look_up(self.identity.share_of, self.store, token)

    @property
    def _is_settled(self) -> bool:
        return self._posted is None or self._posted.done()

    async def _look_up(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Read, and after what was posted."""
        hop = self.read if self._is_settled else self.write
        return await hop(work, *args, **kwargs)


def _report(posted: Future[None]) -> None:
    error = posted.exception()
    if error is not None:
        logger.error("a change that nobody waits for has failed", exc_info=error)


async def _run(pool: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(pool, work)


@define
class Call:
    """One operation that was asked for, after authentication."""

    service: Service
    settings: Settings
    params: Params
    caller: Caller

    @property
    def store(self) -> Store:
        """The store; only for functions that run on one of its threads."""
        return self.service.store

    def url_of(
        self, row: FileRow, life_s: int, *, revision_id: str | None = None, **signed: str
    ) -> str:
        """A signed URL of a file's content: of the newest revision, or of the one that is given.

        Args:
            row: the file.
            life_s: seconds until it expires.
            revision_id: the revision.
            signed: method, content type and query, as `Signer.url` takes them.
        """
        service = self.service
        return service.signer.url(
            service.base_url,
            row.drive_id,
            row.file_id,
            revision_id or row.revision_id,
            life_s=life_s,
            **signed,
        )
