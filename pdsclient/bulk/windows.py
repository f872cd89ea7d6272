"""Windows: the pieces of a search that are read independently of each other.

A window is a range of one key within fixed ranges of others. What is known of its reading is a
``Place``, an immutable value, so that there can be two of them: how far the workers are, and how
far the consumer is, which is what a checkpoint keeps.

Exactly-once rests on the ids in a place. A marker may perish; then the window is asked for anew
from the second (or size) of its last hit, and the hits at exactly that position that were
delivered before are left out by their ids. No order within a second has to be known for that.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Callable
from hashlib import blake2b
from itertools import pairwise, takewhile
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from pdsclient.bulk.axis import Axis, Range
from pdsclient.errors import DecodeError

if TYPE_CHECKING:
    from pdsclient.bulk.plan import JobState
    from pdsclient.models import File, FilePage

__all__ = ["Batch", "Place", "Window"]

Lacking: TypeAlias = Literal["out", "in", "only"]
Seeking: TypeAlias = Literal["", "looking", "found"]

# Markers that perish one after another before anything new was read.
_MOST_LOSSES: Final = 3
# Ids at one position, above which those of a search that is not divided are not kept.
_MOST_RECENT: Final = 1_000
# Hits that mark a place in an order that has no positions.
_TAIL: Final = 8


def id_of(file: File) -> str:
    """A short name for a file that no other one of the domain has."""
    if not file.file_id:
        raise DecodeError("the replies do not hold file_id, so no hit can be told from another")
    full = f"{file.drive_id}/{file.file_id}".encode()
    return b64encode(blake2b(full, digest_size=9).digest()).decode()


class Place(Struct, frozen=True, omit_defaults=True, gc=False):
    """How far a window was read.

    Attributes:
        marker: of the next page; None before the first one.
        asked: the range of the query that the marker belongs to. The service wants all pages of
            a listing asked for alike, also when the window was cut meanwhile.
        at: position of the last hit; None before the first one, or if it has none.
        recent: ids of the hits at that position; without a position those of the last page.
        keyed: the hits without a key came first, and all of them were read.
        seeking: hits are passed over: ``looking`` for one of ``recent``, or ``found`` and behind
            the last of them.
        hits: how many were read.
        done: nothing is left.
    """

    marker: str | None = None
    asked: Range | None = None
    at: int | None = None
    recent: frozenset[str] = frozenset()
    keyed: bool = False
    seeking: Seeking = ""
    hits: int = 0
    done: bool = False

    @property
    def is_first(self) -> bool:
        """The next page is the first one of the window."""
        return self.marker is None and self.at is None and not self.seeking and not self.done


BEGINNING: Final = Place()


class Window:
    """A part of one job's search.

    Attributes:
        job: the job it belongs to.
        within: fixed ranges of other keys.
        axis: the key that it is read along; None if the order has no such key first.
        order: as the service takes it.
        begun: its first page was asked for.
        start, stop: the range on the axis, half-open; None for an open end.
        lacking: whether files without the axis' key belong to it.
        exclude: ids of hits that were delivered before the window was made.
        after: only hits whose key is larger than this, in microseconds, belong to it.
        divisible: it may be cut.
        far: the last position that has hits, as far as is known.
        place, committed: how far the workers, and the consumer, are.
        total: the number of its hits, as announced or estimated; None if nobody knows.
        parent: the window that it was cut off from, until its first page has come.
        lent: the part of the parent's total that it was estimated to have.
        given: the part of its own total that was cut off since it was asked for.
        crowded: its next position is to be divided along another key, if there is one.
        lost_at, losses: how many hits it had when its marker perished, and how often it did there.
        hidden_with: see ``visible``.
        lending: how many of these cuts have not shown their true size yet.
    """

    # Where every window begins stands here: one that is read whole changes little of it.
    far: int | None = None
    total: int | None = None
    parent: Window | None = None
    lost_at: int | None = None
    lent = given = lending = losses = 0
    begun = measuring = crowded = False
    hidden_with: list[Window] | None = None

    def __init__(
        self,
        job: JobState,
        axis: Axis | None,
        order: str,
        *,
        within: tuple[Range, ...] = (),
        start: int | None = None,
        stop: int | None = None,
        lacking: Lacking = "in",
        exclude: frozenset[str] = frozenset(),
        after: int | None = None,
        divisible: bool = False,
        place: Place = BEGINNING,
    ) -> None:
        self.job = job
        self.axis = axis
        self.order = order
        self.within = within
        self.start = start
        self.stop = stop
        self.lacking: Lacking = lacking
        self.exclude = exclude
        self.after = after
        self.divisible = divisible
        self.place = self.committed = place

    @property
    def visible(self) -> bool:
        """The consumer has the page that it was made of, so a checkpoint may speak of it."""
        return self.hidden_with is None

    def hide_with(self, other: Window) -> None:
        """Be hidden as long as the window that this one is a part of."""
        self.hidden_with = other.hidden_with
        if self.hidden_with is not None:
            self.hidden_with.append(self)

    # What to ask for

    def range(self) -> Range | None:
        """Its own range as a condition; None for no condition."""
        start, stop, lacking = self.start, self.stop, self.lacking
        if self.axis is None or (start is None and stop is None and lacking == "in"):
            return None
        return self.axis.range(start, stop, lacking)

    def describe(self, asked: Range | None) -> str:
        """The condition that makes it a part of the job's search; empty for the whole."""
        parts = self.within if asked is None else (*self.within, asked)
        return " and ".join(filter(None, map(str, parts)))

    def begin(self) -> Place:
        """Where the next request starts: the place, with its question filled in."""
        asked = self.range()
        if asked is not None and self.place.is_first:
            self.place = replace(self.place, asked=asked)
        self.begun = True
        return self.place

    def lose_marker(self) -> bool:
        """The marker has perished: ask from the last position on.

        False if that happened several times without anything new: it would not end.
        """
        place, axis = self.place, self.axis
        self.losses = self.losses + 1 if self.lost_at == place.hits else 1
        self.lost_at = place.hits
        if self.losses > _MOST_LOSSES:
            return False
        # A position with more hits than are read before a marker perishes has to be divided.
        self.crowded = self.crowded or self.losses > 1
        if axis is None or place.at is None:
            seeking: Seeking = "looking" if place.recent else ""
            asked = self.range()
            self.place = replace(place, marker=None, asked=asked, at=None, seeking=seeking)
        else:
            asked = axis.range(place.at, self.stop, "out" if place.keyed else self.lacking)
            self.place = replace(place, marker=None, asked=asked)
        return True

    @property
    def is_whole(self) -> bool:
        """All of a search that is not divided."""
        whole = self.start is None and self.stop is None and self.lacking == "in"
        return whole and not self.divisible and not self.within

    # How much is left

    @property
    def next(self) -> int | None:
        """The first position at which unread hits may stand."""
        return self.start if self.place.at is None else self.place.at

    @property
    def unread(self) -> int:
        """How many hits are left, as far as can be told."""
        place = self.place
        if place.done:
            return 0
        left = None if self.total is None else self.total - place.hits
        if left is not None and (left > 0 or place.marker is None or self.lending):
            return max(left, 0)
        # There are more than were announced, or nothing was announced: as many again.
        return place.hits

    # Cutting

    def cut(self, at: int) -> Window:
        """A new window for everything from ``at`` on, which this one leaves to it."""
        assert self.axis is not None
        rest = self.sibling(self.axis, self.order, start=at, stop=self.stop, lacking="out")
        first, far = self.next, self.far
        if far is not None and first is not None:
            rest.lent = round(self.unread * (far - at + 1) / max(1, far - first + 1))
        rest.far, rest.total = far, rest.lent
        if not self.begun:
            # Not asked for yet: its first page will speak of what is left to it alone.
            rest.parent, self.lent = self.parent, self.lent - rest.lent
            if rest.parent is not None:
                rest.parent.lending += 1
        else:
            rest.parent, self.given = self, self.given + rest.lent
            self.lending += 1
        self.total = None if self.total is None else self.total - rest.lent
        self.stop, self.lacking, self.far = at, "out", at - 1
        return rest

    def sibling(
        self,
        axis: Axis | None,
        order: str,
        *,
        start: int | None = None,
        stop: int | None = None,
        lacking: Lacking,
        within: tuple[Range, ...] = (),
        exclude: frozenset[str] = frozenset(),
    ) -> Window:
        """Another window of the same job, within the same ranges and more."""
        return Window(
            self.job,
            axis,
            order,
            within=self.within + within,
            start=start,
            stop=stop,
            lacking=lacking,
            exclude=self.exclude | exclude,
            divisible=axis is not None,
        )

    def announce(self, total: int | None) -> None:
        """The first page has come, and said how many hits there were in the range asked for."""
        parent, self.parent = self.parent, None
        self.total = None if total is None else total - self.given
        if parent is None:
            return
        parent.lending -= 1
        if total is None:
            return
        parent.given += total - self.lent
        if parent.total is not None:
            parent.total -= total - self.lent
        if total == 0:
            # A gap: halving it again and again would find its end in dozens of requests.
            parent.far, parent.measuring = None, False

    # Reading

    def advance(self, page: FilePage) -> Step:
        """What a page brings: its hits that belong here and are new, and the place behind them.

        Raises:
            DecodeError: the page cannot be used, because its hits do not stand in the order that
                was asked for, do not show the key, or the place in the listing is lost.
        """
        items, place = page.items, self.place
        done = page.next_marker is None
        if done and place is BEGINNING and self.is_whole:
            # All there is on one page, as with most small searches.
            return Step(items, Place(hits=len(items), done=True))
        first, last = self._ends(items)
        if items and self._is_beyond(last):
            items, done = [row for row in items if self._holds(row)], True
            last = None if self.axis is None or not items else self.axis.at(items[-1])
        rows, seeking = self._sought(items) if place.seeking else (items, place.seeking)
        rows = self._unseen(rows, first)
        if done:
            if seeking == "looking":
                raise DecodeError(
                    "the marker has perished, and the last hits that were read are gone: the place "
                    "in the listing is lost; order by a time or by size to make it findable"
                )
            place = replace(place, marker=None, hits=place.hits + len(rows), done=True)
        else:
            place = replace(
                self._moved(items, last) if items and not seeking else place,
                marker=page.next_marker,
                keyed=place.keyed or (last is not None and self._lacked(first)),
                seeking=seeking,
                hits=place.hits + len(rows),
            )
        return Step(rows, place, first, last, len(page.items))

    def _lacked(self, first: int | None) -> bool:
        """Hits without the key came before one that has it."""
        return first is None or (self.place.at is None and self.place.hits > 0)

    def _ends(self, items: list[File]) -> tuple[int | None, int | None]:
        """Positions of the first and of the last hit of a page, None if there is none to use."""
        axis = self.axis
        if axis is None or not items:
            return None, None
        first, last = axis.at(items[0]), axis.at(items[-1])
        if self.divisible:
            self._check_key(axis, first)
            if self.place.is_first:
                self._check_order(axis, items)
        if self._in_order(first, last):
            return first, last
        if self.divisible:
            return self._clamped(axis, first, last)
        self.axis = None  # nothing depends on positions here, but they would mislead
        return None, None

    def _in_order(self, first: int | None, last: int | None) -> bool:
        at = self.place.at
        after = at is None or first is None or first >= at
        return after and (first is None or last is None or last >= first)

    def _check_key(self, axis: Axis, first: int | None) -> None:
        asked = self.place.asked
        if first is None and asked is not None and asked.lacking == "out":
            raise DecodeError(
                f"the service found files by their {axis.key} but its replies do not hold it; "
                'ask for it with fields="*", or choose another partition'
            )

    def _check_order(self, axis: Axis, items: list[File]) -> None:
        """The order of a whole page, once for each window: an order that is ignored shows."""
        positions = [at for at in map(axis.at, items) if at is not None]
        steps_back = sum(after < before for before, after in pairwise(positions))
        if steps_back > (len(positions) // 5 if axis.is_moving else 0):
            raise self._disorder()

    def _clamped(
        self, axis: Axis, first: int | None, last: int | None
    ) -> tuple[int | None, int | None]:
        """The ends of a page on which single hits have moved since they were sorted."""
        if not axis.is_moving:
            raise self._disorder()
        at = self.place.at
        if first is not None and at is not None:
            first = max(first, at)
        if first is not None and last is not None:
            last = max(first, last)
        return first, last

    def _disorder(self) -> DecodeError:
        return DecodeError(
            f"the hits are not in the order that was asked for ({self.order}), so no part of "
            "the search can be told from another; search without partition"
        )

    def _is_beyond(self, last: int | None) -> bool:
        """A page with this last position ends right of the window."""
        if self.stop is None and self.lacking != "out":
            return False
        return last is None or (self.stop is not None and last >= self.stop)

    def _holds(self, row: File) -> bool:
        at = None if self.axis is None else self.axis.at(row)
        return at is not None and (self.stop is None or at < self.stop)

    def _unseen(self, rows: list[File], first: int | None) -> list[File]:
        place = self.place
        if self.exclude:
            rows = [row for row in rows if id_of(row) not in self.exclude]
        if self.after is not None and self.axis is not None:
            exact, after = self.axis.exact, self.after
            rows = [row for row in rows if exact(row) > after]
        if place.at is None or first != place.at:
            return rows
        same = list(takewhile(self._stands_at(place.at), rows))
        return [row for row in same if id_of(row) not in place.recent] + rows[len(same) :]

    def _stands_at(self, at: int) -> Callable[[File], bool]:
        axis = self.axis
        assert axis is not None
        return lambda row: axis.at(row) == at

    def _sought(self, rows: list[File]) -> tuple[list[File], Seeking]:
        """The hits behind those that were read before the marker perished."""
        place = self.place
        known = [index for index, row in enumerate(rows) if id_of(row) in place.recent]
        if known:
            # More of them may be on the next page.
            rest = rows[known[-1] + 1 :]
            return rest, "" if rest else "found"
        return (rows, "") if rows and place.seeking == "found" else ([], place.seeking)

    def _moved(self, rows: list[File], at: int | None) -> Place:
        """The place behind the last of these hits, which stands at this position."""
        place = self.place
        if at is None:
            return replace(place, at=None, recent=frozenset(map(id_of, rows[-_TAIL:])))
        ids = {id_of(row) for row in takewhile(self._stands_at(at), reversed(rows))}
        recent = frozenset(ids | place.recent if at == place.at else ids)
        if len(recent) > _MOST_RECENT and self.is_whole:
            # To find the place again from the beginning is rare; to keep these ids is not.
            self.axis = None
            return self._moved(rows, None)
        return replace(place, at=at, recent=recent)


class Step(NamedTuple):
    """What a page brings to a window.

    Attributes:
        rows: its new hits.
        place: the place behind it.
        first, last: positions of the first hit on the page and of the last one that belongs
            here; None if it has none.
        length: hits on the page, new or not.
    """

    rows: list[File]
    place: Place
    first: int | None = None
    last: int | None = None
    length: int = 0


class Batch:
    """New hits of one page.

    Attributes:
        job: the job they were found by.
        key: the job's key.
        files: the hits.
    """

    __slots__ = ("_page", "files", "job", "key", "place", "released", "spawned", "window")

    def __init__(
        self,
        window: Window,
        page: FilePage,
        files: list[File],
        place: Place,
        spawned: list[Window] | None = None,
    ) -> None:
        self.window = window
        self.job = window.job.job
        self.key: str = window.job.key
        self.files = files
        self.place = place
        self.spawned = spawned or []
        self.released: asyncio.Future[None] | None = None
        self._page = page

    def raw(self) -> list[dict[str, Any]]:
        """The same hits as the service sent them, undeclared fields included; parsed anew."""
        wanted = set(map(id, self.files))
        items = self._page.raw().get("items") or ()  # null, or missing, if there are none
        sent = [item for item in items if item is not None]
        pairs = zip(sent, self._page.items, strict=True)
        return [item for item, file in pairs if id(file) in wanted]

    def trim(self, most: int) -> None:
        """Keep the first ``most`` hits."""
        self.files = self.files[:most]

    def commit(self) -> None:
        """The consumer has them."""
        self.window.committed = self.place
        for window in self.spawned:
            window.hidden_with = None

    def release(self) -> None:
        """Lets the worker read on."""
        if self.released is not None and not self.released.done():
            self.released.set_result(None)

    def __repr__(self) -> str:
        return f"<Batch {self.key!r}: {len(self.files)} files>"
