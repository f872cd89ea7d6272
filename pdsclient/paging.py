"""Reading a listing page by page without losing the place.

A ``Pager`` is a recipe: it holds no state and owns no task, so it can be awaited and iterated
as often as one likes. The state of one reading is in the iterator that ``async for`` makes.

Every reading proves that it advances: the service ends a listing with an empty marker, so a
marker that comes again, or page after page without a row, would be read for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager
from typing import Any, Generic, TypeVar

from pdsclient._checks import shown
from pdsclient.errors import SERVER_ERROR, DecodeError, InvalidRequest, PDSError
from pdsclient.models import Page

__all__ = ["PageIterator", "Pager", "RowIterator"]

T = TypeVar("T")
P_co = TypeVar("P_co", bound=Page[Any], covariant=True)

# A page may be short or empty while a marker follows (pds-service.md 5.8); a thousand in a row
# is no listing that ends.
_MOST_EMPTY_PAGES = 1_000


class Pager(Generic[P_co]):
    """A listing: ``await`` it for the first page, ``async for`` over it for all rows.

    Args:
        fetch: gives the page that starts at a marker (None: the first); the second argument is
            False for the page that a plain ``await`` asks for, which keeps the server's own
            default size.
        marker: where to start, as found in ``error.marker`` or ``iterator.marker``.
    """

    __slots__ = ("_fetch", "_marker")

    def __init__(
        self, fetch: Callable[[str | None, bool], Awaitable[P_co]], marker: str | None = None
    ) -> None:
        self._fetch = fetch
        self._marker = marker

    def __await__(self) -> Generator[Any, None, P_co]:
        return self._fetch_marked(self._marker, False).__await__()

    def __aiter__(self: Pager[Page[T]]) -> RowIterator[T]:
        return RowIterator(self.pages())

    def pages(self) -> PageIterator[P_co]:
        """An iterator over whole pages; its ``marker`` is where the next one starts."""
        return PageIterator(self._fetch_marked, self._marker)

    async def collect(self: Pager[Page[T]], max_items: int | None = None) -> list[T]:
        """All rows as a list, or the first ``max_items``; what is not needed is not fetched."""
        _check_count("max_items", max_items, least=0)
        rows: list[T] = []
        if max_items == 0:
            return rows
        async for page in self.pages():
            rows += page.items
            if max_items is not None and len(rows) >= max_items:
                return rows[:max_items]
        return rows

    @asynccontextmanager
    async def prefetched(self: Pager[Page[T]], pages: int = 1) -> AsyncIterator[RowIterator[T]]:
        """Rows, with up to ``pages`` pages (1-16) fetched ahead of their reader.

        The task that fetches belongs to the ``async with`` block and ends with it.
        """
        _check_count("pages", pages, least=1, most=16)
        ahead = _Ahead(self.pages(), pages)
        try:
            yield RowIterator(ahead)
        finally:
            await ahead.stop()

    async def _fetch_marked(self, marker: str | None, whole: bool) -> P_co:
        try:
            return await self._fetch(marker, whole)
        except PDSError as error:
            error.marker = marker
            raise

    def __repr__(self) -> str:
        return f"<Pager {getattr(self._fetch, '__qualname__', '')}: await it or iterate over it>"


def _check_count(name: str, value: int | None, *, least: int, most: int = 2**63) -> None:
    if value is None and name == "max_items":
        return
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InvalidRequest(f"{name} must be an int from {least} to {most}, not {shown(value)}")


class PageIterator(Generic[P_co]):
    """One reading of a listing, page by page.

    Attributes:
        marker: where the next page starts; None before the first and after the last one. Of a
            listing that can be gone on with later, such as the changes of a drive, the last page
            leaves where to.
    """

    __slots__ = ("_done", "_empty", "_fetch", "_seen", "_stuck", "marker")

    def __init__(
        self, fetch: Callable[[str | None, bool], Awaitable[P_co]], marker: str | None
    ) -> None:
        self._fetch = fetch
        self.marker = marker
        self._done = False
        # Many searches fit on a page and need none.
        self._seen: set[int] | None = None if marker is None else {hash(marker)}
        self._empty = 0
        self._stuck: str | None = None

    def __aiter__(self) -> PageIterator[P_co]:
        return self

    async def __anext__(self) -> P_co:
        if self._stuck is not None:
            raise DecodeError(self._stuck, code=SERVER_ERROR, marker=self.marker)
        if self._done:
            raise StopAsyncIteration
        page = await self._fetch(self.marker, True)
        self.marker = page.next_marker
        self._done = not page.has_more
        # Found now, told at the next step: this page's rows are good.
        self._stuck = None if self._done else self._check_progress(page)
        return page

    def _check_progress(self, page: Page[Any]) -> str | None:
        """What shows that the listing would not end, if anything does."""
        if self.marker is None:
            return "the server says that more follows, and not where"
        self._empty = 0 if page.items else self._empty + 1
        self._seen = seen = set() if self._seen is None else self._seen
        if hash(self.marker) in seen:
            return "the server sent a marker that it had sent before; reading on would not end"
        seen.add(hash(self.marker))
        if self._empty >= _MOST_EMPTY_PAGES:
            return f"the server sent {self._empty:,} pages in a row without a row in them"
        return None


class RowIterator(Generic[T]):
    """One reading of a listing, row by row."""

    def __init__(self, pages: PageIterator[Page[T]] | _Ahead[T]) -> None:
        self._pages = pages
        self._rows: list[T] = []
        self._next = 0
        self._this = self._following = pages.marker

    @property
    def marker(self) -> str | None:
        """Where to go on: nothing is lost from here, rows of a page begun are repeated.

        None before the first page and after the last one.
        """
        return self._this if self._next < len(self._rows) else self._following

    def __aiter__(self) -> RowIterator[T]:
        return self

    async def __anext__(self) -> T:
        while self._next >= len(self._rows):
            page = await self._pages.__anext__()
            self._rows, self._next = list(page.items), 0
            self._this, self._following = self._following, page.next_marker
        row = self._rows[self._next]
        self._next += 1
        return row


class _Ahead(Generic[T]):
    """Pages from a task that runs ahead of the reader; whoever makes it stops it."""

    def __init__(self, pages: PageIterator[Page[T]], depth: int) -> None:
        self.marker = pages.marker
        self._ready: asyncio.Queue[Page[T] | None] = asyncio.Queue(depth)
        self._task = asyncio.ensure_future(self._run(pages))

    async def _run(self, pages: PageIterator[Page[T]]) -> None:
        try:
            async for page in pages:
                await self._ready.put(page)
        finally:
            if not self._ready.full():
                self._ready.put_nowait(None)

    async def __anext__(self) -> Page[T]:
        if not self._ready.empty():
            page = self._ready.get_nowait()
        elif self._task.done():
            page = None
        else:
            page = await self._ready.get()
        if page is None:
            await self._task
            raise StopAsyncIteration
        return page

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])
        if not self._task.cancelled():
            self._task.exception()  # fetched, so that nobody is told it never was
