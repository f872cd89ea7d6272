"""Finding share links: list and search."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from attrs import frozen

from pdsclient.emulator.handlers.access import caller
from pdsclient.emulator.handlers.operation import Operation
from pdsclient.emulator.handlers.pages import Paging
from pdsclient.emulator.handlers.share_link import whole
from pdsclient.emulator.params import Params
from pdsclient.emulator.replies import Reply, forbidden, out_of_range, refused
from pdsclient.emulator.service import Call
from pdsclient.errors import InvalidRequest
from pdsclient.query import Query, evaluate, parse_query
from pdsclient.query.shares import SHARE_FIELDS

_LONGEST_QUERY = 4096
_ORDERS = ("created_at", "updated_at", "share_name", "description")
_NEVER = "1970-01-01T00:00:00.000Z"


@frozen
class Order:
    """How links are sorted: by a field, ties by their ids."""

    field: str
    descending: bool

    @classmethod
    def read(cls, params: Params) -> Order:
        """From the parameters: the newest first, names and descriptions in their order."""
        name = params.choice("order_by", _ORDERS) or "created_at"
        direction = params.choice("order_direction", ("ASC", "DESC"))
        default = "DESC" if name.endswith("_at") else "ASC"
        return cls(name, (direction or default) == "DESC")

    def page(
        self, links: Iterable[dict[str, Any]], after: Any, limit: int
    ) -> tuple[list[dict[str, Any]], Any]:
        """The links behind a position, and the position of the last one if there are more."""
        found = sorted(links, key=self._key, reverse=self.descending)
        if after is not None:
            behind = list(after)
            found = [
                one
                for one in found
                if (self._key(one) < behind if self.descending else self._key(one) > behind)
            ]
        return found[:limit], self._key(found[limit - 1]) if len(found) > limit else None

    def _key(self, link: dict[str, Any]) -> list[str]:
        return [link[self.field], link["share_id"]]


@frozen
class Wanted:
    """Which links a list or a search is about."""

    creators: tuple[str, ...]
    cancelled: bool
    order: Order
    query: str | None = None

    def to_list(self) -> list[Any]:
        """For a marker."""
        return [list(self.creators), self.cancelled, self.order.field, self.order.descending]

    def of(self, call: Call) -> list[dict[str, Any]]:
        """All of them."""
        condition = None if self.query is None else _parse(self.query)
        links = [
            whole(call, share)
            for share in call.store.shares()
            if (not self.creators or share.creator in self.creators)
            and (self.cancelled or not share.cancelled)
        ]
        return [one for one in links if condition is None or _fits(condition, one)]


async def list_(call: Call) -> Reply:
    """``/share_link/list``: the links of the caller; of anybody for an administrator."""
    creator = call.params.text("creator")
    wanted = Wanted(
        _creators(call, [] if creator is None else [creator]),
        call.params.flag("include_cancelled") or False,
        Order.read(call.params),
    )
    paging = Paging.read(call, "share_list", low=0, default=100)
    return await call.service.read(_page, call, wanted, paging)


async def search(call: Call) -> Reply:
    """``/share_link/search``: the same by a query; of all users for an administrator."""
    wanted = Wanted(
        _creators(call, call.params.texts("creators")),
        call.params.flag("include_cancelled") or False,
        Order.read(call.params),
        _read_query(call.params),
    )
    paging = Paging.read(call, "share_search", default=100)
    total = call.params.flag("return_total_count") or False
    return await call.service.read(_page, call, wanted, paging, total)


def _creators(call: Call, named: list[str]) -> tuple[str, ...]:
    """Whose links: without a name an administrator's look goes over everybody's."""
    user = caller(call)
    if user.is_admin:
        return tuple(named)
    if any(name != user.user_id for name in named):
        raise forbidden("share_link")
    return (user.user_id,)


def _page(call: Call, wanted: Wanted, paging: Paging, total: bool = False) -> Reply:
    paging.bind([*wanted.to_list(), wanted.query])
    links = wanted.of(call)
    count = len(links) if total else None
    if paging.is_pause:
        return paging.pause(count)
    page, following = wanted.order.page(links, paging.after, paging.take)
    return paging.page([msgspec.json.encode(one) for one in page], following, count)


def _read_query(params: Params) -> str | None:
    text = params.text("query")
    if text is None:
        return None
    if len(text) > _LONGEST_QUERY:
        raise out_of_range("query")
    _parse(text)
    return text


def _parse(text: str) -> Query:
    """The condition; ServiceError when it is malformed."""
    try:
        return parse_query(text, fields=SHARE_FIELDS)
    except InvalidRequest as error:
        raise refused("query", error) from None


def _fits(condition: Query, link: dict[str, Any]) -> bool:
    """A link without an end is found by the first second of 1970 (pds-service.md 5.11)."""
    asked = {**link, "expiration": link["expiration"] or _NEVER}
    return evaluate(condition, asked, fields=SHARE_FIELDS)


OPERATIONS = {
    "/share_link/list": Operation(list_),
    "/share_link/search": Operation(search),
}
