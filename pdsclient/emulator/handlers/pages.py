"""Paging: reading limit and marker, and building the page, in every form that was switched on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from attrs import define

from pdsclient.emulator.markers import refused_marker
from pdsclient.emulator.replies import Reply, raw_reply
from pdsclient.emulator.service import Call
from pdsclient.emulator.settings import Settings
from pdsclient.emulator.store import Record

_END = {"empty": b',"next_marker":""', "missing": b"", "null": b',"next_marker":null'}
_EMPTY = {"list": b'"items":[]', "null": b'"items":null', "missing": b""}


@define
class Paging:
    """Where one request stands in its listing.

    Attributes:
        call: the request.
        kind: of the listing, so that markers of others are refused.
        limit: as asked for.
        spec: what is listed, JSON-like; None on a first page until it is bound.
        after: the store's position, None at the beginning.
        seen: how many items the pages before have given.
        turn: counts the pages.
    """

    call: Call
    kind: str
    limit: int
    spec: list[Any] | None = None
    after: Any = None
    seen: int = 0
    turn: int = 0

    @classmethod
    def read(
        cls, call: Call, kind: str, *, low: int = 1, high: int = 100, default: int = 50
    ) -> Paging:
        """From ``limit`` and ``marker``."""
        limit = call.params.integer("limit", low, high, default) or default
        marker = call.params.text("marker")
        if marker is None:
            return cls(call, kind, limit)
        life_s = call.settings.marker_life_s
        return cls(call, kind, limit, *call.service.markers.open(kind, marker, life_s=life_s))

    def bind(self, spec: list[Any]) -> None:
        """Say what is listed; a marker for anything else is refused."""
        if self.spec is None:
            self.spec = spec
        elif self.spec != spec:
            raise refused_marker()

    @property
    def is_pause(self) -> bool:
        """Whether this is one of the empty pages that a switch puts in between."""
        return self.call.settings.pages == "empty" and self.turn % 2 == 1

    @property
    def take(self) -> int:
        """How many items to ask the store for."""
        settings = self.call.settings
        most = (self.limit + 1) // 2 if settings.pages == "short" else self.limit
        if settings.result_window is None:
            return most
        return max(1, min(most, settings.result_window - self.seen))

    def pause(self, total: int | None = None) -> Reply:
        """An empty page with a marker."""
        return self._reply([], self.after, total)

    def page(
        self,
        items: list[bytes],
        following: Any,
        total: int | None = None,
        *,
        shown: bytes | None = None,
    ) -> Reply:
        """A page of encoded items and the position where the next begins, None at the end.

        A listing whose items are not under ``items`` gives the encoded members that are `shown`.
        """
        window = self.call.settings.result_window
        if window is not None and self.seen + len(items) >= window:
            following = None
        return self._reply(items, following, total, shown)

    def _reply(
        self, items: list[bytes], following: Any, total: int | None, shown: bytes | None = None
    ) -> Reply:
        settings = self.call.settings
        body = _items(items, settings) if shown is None else shown
        body += _END[settings.end_marker] if following is None else self._marker(items, following)
        if total is not None:
            body += _total(total, settings)
        return raw_reply(b"{" + body.removeprefix(b",") + b"}")

    def _marker(self, items: list[bytes], following: Any) -> bytes:
        content = [self.spec, following, self.seen + len(items), self.turn + 1]
        marker = self.call.service.markers.seal(self.kind, content)
        return b',"next_marker":' + msgspec.json.encode(marker)


def list_records(
    paging: Paging,
    spec: list[Any],
    select: Callable[..., tuple[list[Record], int | None]],
    show: Callable[[dict[str, Any]], dict[str, Any]] = lambda data: data,
) -> Reply:
    """A page of records.

    Args:
        paging: where it stands.
        spec: what is listed; a marker for anything else is refused.
        select: finds them, from ``after`` and ``limit``.
        show: what is sent of each.
    """
    paging.bind(spec)
    if paging.is_pause:
        return paging.pause()
    records, following = select(after=paging.after, limit=paging.take)
    return paging.page([msgspec.json.encode(show(one.data)) for one in records], following)


def _items(items: list[bytes], settings: Settings) -> bytes:
    return b'"items":[' + b",".join(items) + b"]" if items else _EMPTY[settings.empty_items]


def _total(total: int, settings: Settings) -> bytes:
    if settings.total_count == "missing":
        return b""
    if settings.total_count == "estimated":
        total = round(total, 1 - len(str(total)))
    elif settings.total_count == "wrong":
        total = total * 2 + 1
    return b',"total_count":%d' % total
