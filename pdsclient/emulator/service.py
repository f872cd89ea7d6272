"""What stands behind the HTTP face: the store on its threads, identities, signatures, switches."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from os import PathLike
from typing import ParamSpec, TypeVar

from attrs import define

from pdsclient._clock import Clock
from pdsclient.emulator.data import Signer
from pdsclient.emulator.identity import Caller, Identity
from pdsclient.emulator.markers import Markers
from pdsclient.emulator.params import Params
from pdsclient.emulator.settings import Settings
from pdsclient.emulator.store import Store

__all__ = ["Call", "Service"]

P = ParamSpec("P")
T = TypeVar("T")


class Service:
    """One domain of the emulated service.

    SQLite has three threads: one writes, one reads pages, one counts, so that a slow count never
    stands before a page. Contents are read and hashed by two more.
    """

    def __init__(
        self,
        *,
        database: str | PathLike[str] | None,
        clock: Clock,
        settings: Settings,
        domain_id: str,
    ) -> None:
        self.clock = clock
        self.settings = settings
        self.domain_id = domain_id
        self.base_url = ""
        self.identity = Identity(domain_id, secrets.token_bytes(32), clock)
        self.markers = Markers(secrets.token_bytes(32), clock)
        self.signer = Signer(domain_id, secrets.token_bytes(32), clock)
        self._database = database
        self._writer, self._pages, self._counts = (
            ThreadPoolExecutor(1, thread_name_prefix=f"emulator-{name}")
            for name in ("writer", "pages", "counts")
        )
        self._files = ThreadPoolExecutor(2, thread_name_prefix="emulator-files")
        self._store: Store | None = None

    @property
    def store(self) -> Store:
        """The files and drives; not to be called on the event loop's thread."""
        assert self._store is not None, "the service has not been opened"
        return self._store

    async def open(self) -> None:
        """Open the store."""
        self._store = await self.write(self._open_store)

    def _open_store(self) -> Store:
        return Store(
            self._database,
            clock=self.clock,
            domain_id=self.domain_id,
            index_delay_s=self.settings.index_delay_s,
            match_mode=self.settings.match_mode,
        )

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

    async def read(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Read a page or a single thing, on the thread for pages."""
        return await _run(self._pages, lambda: work(*args, **kwargs))

    async def count(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Count, on the thread for counts."""
        return await _run(self._counts, lambda: work(*args, **kwargs))

    async def use_files(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Read or hash contents."""
        return await _run(self._files, lambda: work(*args, **kwargs))


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
