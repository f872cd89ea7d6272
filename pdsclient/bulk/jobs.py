"""What to search for: jobs, and all the forms in which they may be given."""

from __future__ import annotations

from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Generator,
    Iterable,
    Mapping,
    Sequence,
)
from hashlib import blake2b
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypedDict

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from pdsclient._checks import check_text, shown
from pdsclient.errors import InvalidRequest
from pdsclient.models import SearchFileRequest
from pdsclient.query import OrderBy, OrderTerm, Query

if TYPE_CHECKING:
    from pdsclient.models import ImageProcess

__all__ = ["Jobs", "SearchFields", "SearchJob"]

LONGEST_KEY: Final = 1_024

Order: TypeAlias = OrderBy | OrderTerm | Sequence[OrderTerm] | str


class SearchFields(TypedDict, total=False):
    """The keyword arguments of ``bulk_search`` for jobs that do not say otherwise."""

    drive_id: str | None
    drive_id_list: Sequence[str] | None
    order_by: Order | None
    fields: str | None
    recursive: bool | None
    image_thumbnail_process: str | None
    image_url_process: str | None
    video_thumbnail_process: str | None
    thumbnail_processes: Mapping[str, ImageProcess | Mapping[str, str]] | None
    referer: str | None
    url_expire_sec: int | None


class _Asked(Struct, frozen=True, gc=False):
    query: Query | str


class SearchJob(_Asked, frozen=True, kw_only=True, eq=False, gc=False):
    """One search of a bulk search.

    Args:
        query: a condition, or text in the search language.
        key: the caller's name for it, up to 1,024 characters, which its hits and failures carry;
            its number among the jobs, from 0, when left out.
        drive_id: the drive to search; or give ``drive_id_list``, up to 10 of them.
        order_by: as in ``client.file.search``.
        fields: likewise, and so are all others.

    Raises:
        InvalidRequest: the query is none, or the key no such text. The rest is checked when the
            search is begun, as its defaults are not known before.
    """

    key: str | None = None
    drive_id: str | None = None
    drive_id_list: Sequence[str] | None = None
    order_by: Order | None = None
    fields: str | None = None
    recursive: bool | None = None
    image_thumbnail_process: str | None = None
    image_url_process: str | None = None
    video_thumbnail_process: str | None = None
    thumbnail_processes: Mapping[str, Any] | None = None
    referer: str | None = None
    url_expire_sec: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.query, (Query, str)):
            raise InvalidRequest(
                "the query of a SearchJob is a condition such as F.size > 1024, or text, "
                f"not a {type(self.query).__name__}"
            )
        if self.key is not None:
            check_text("the key of a SearchJob", self.key)
            if not 0 < len(self.key) <= LONGEST_KEY:
                raise InvalidRequest(
                    f"the key of a SearchJob has from 1 to {LONGEST_KEY:,} characters"
                )

    def request(self) -> SearchFileRequest:
        """The search as the service takes it."""
        return SearchFileRequest(**{name: getattr(self, name) for name in _REQUEST_FIELDS})


_REQUEST_FIELDS = tuple(name for name in SearchJob.__struct_fields__ if name != "key")
_DEFAULTED = tuple(name for name in _REQUEST_FIELDS if name != "query")

rest_of = attrgetter(*_DEFAULTED)
"""Everything of a job but its query and key."""

Jobs: TypeAlias = (
    Query
    | str
    | SearchJob
    | Iterable[Query | str | SearchJob]
    | AsyncIterable[Query | str | SearchJob]
)


def check_defaults(defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The defaults that were given; InvalidRequest for one that there is not."""
    for name in defaults:
        if name not in _DEFAULTED:
            raise InvalidRequest(
                f"bulk_search has no argument {name!r}; of a search it takes "
                f"{', '.join(_DEFAULTED)}"
            )
    return {name: value for name, value in defaults.items() if value is not None}


class JobFeed:
    """Jobs one after another, numbered, in one form, whatever form they were given in.

    Args:
        jobs: as ``bulk_search`` takes them.
        defaults: for what a job leaves open.
    """

    def __init__(self, jobs: Jobs, defaults: Mapping[str, Any]) -> None:
        self._defaults = defaults
        # Where a job names drives itself, the default for the other form must not interfere.
        self._no_drives = {
            name: value for name, value in defaults.items() if not name.startswith("drive_id")
        }
        self._source = _iterator(jobs)
        self._count = 0

    async def next(self) -> tuple[int, SearchJob] | None:
        """The next job and its number; None at the end.

        Raises:
            InvalidRequest: what came next is no job; it says which.
        """
        source = self._source
        try:
            item = await anext(source) if isinstance(source, AsyncIterator) else next(source)
        except (StopIteration, StopAsyncIteration):
            return None
        number, self._count = self._count, self._count + 1
        return number, self.complete(number, item)

    def complete(self, number: int, item: object) -> SearchJob:
        """A job with its key and the defaults.

        Raises:
            InvalidRequest: it is none.
        """
        if isinstance(item, (Query, str)):
            return SearchJob(item, key=str(number), **self._defaults)
        if not isinstance(item, SearchJob):
            raise InvalidRequest(
                f"job {number} is a {type(item).__name__}; a job is a query such as F.size > 1024, "
                "its text, or a SearchJob"
            )
        own_drives = item.drive_id is not None or item.drive_id_list is not None
        defaults = self._no_drives if own_drives else self._defaults
        missing = {name: value for name, value in defaults.items() if getattr(item, name) is None}
        if item.key is None:
            missing["key"] = str(number)
        return replace(item, **missing) if missing else item

    async def aclose(self) -> None:
        """Ends a generator of jobs that was not read to its end."""
        # Other things that can be closed, such as an open file, are the caller's to close.
        if isinstance(self._source, AsyncGenerator):
            await self._source.aclose()
        elif isinstance(self._source, Generator):
            self._source.close()


def _iterator(jobs: object) -> Any:
    if isinstance(jobs, (Query, str, SearchJob)):
        return iter([jobs])
    if isinstance(jobs, AsyncIterable):
        return aiter(jobs)
    if isinstance(jobs, Iterable) and not isinstance(jobs, (bytes, Mapping)):
        return iter(jobs)
    raise InvalidRequest(
        "jobs are a query, a SearchJob, or an iterable or async iterable of these, "
        f"not {shown(jobs)}"
    )


def fingerprint(key: str | None, wire: Mapping[str, Any]) -> str:
    """What tells one job from another, as a checkpoint keeps it; nothing can be read from it."""
    canonical = msgspec.json.encode([key, wire], order="sorted")
    return blake2b(canonical, digest_size=12).hexdigest()
