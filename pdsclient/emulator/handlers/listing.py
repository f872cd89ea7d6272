"""Listing: list, scan, list_by_custom_index_key."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from pdsclient.emulator.handlers.access import (
    Address,
    Place,
    check_action,
    find_drive,
    find_file,
    find_place,
    missing_file,
    read_address,
)
from pdsclient.emulator.handlers.looks import Look
from pdsclient.emulator.handlers.operation import Operation
from pdsclient.emulator.handlers.pages import Paging
from pdsclient.emulator.handlers.search import parse_order
from pdsclient.emulator.replies import Reply, ServiceError, invalid
from pdsclient.emulator.service import Call
from pdsclient.emulator.store import Page
from pdsclient.query import F, Query

_CATEGORIES = ("app", "zip", "image", "doc", "video", "audio", "others")


@frozen
class Listing:
    """What ``/file/list`` was asked for."""

    parent_file_id: str
    order_by: str
    type: str | None
    category: str | None
    status: str
    starred: bool | None

    @classmethod
    def read(cls, call: Call) -> Listing:
        """From the parameters, checked."""
        params = call.params
        parent = params.required("parent_file_id")
        field, direction = call.settings.list_order.split()
        field = params.choice("order_by", ("created_at", "updated_at", "size", "name")) or field
        if params.text("order_by") is not None:
            direction = "ASC"
        direction = params.choice("order_direction", ("ASC", "DESC")) or direction
        return cls(
            parent,
            f"{field} {direction}",
            params.choice("type", ("file", "folder")),
            params.choice("category", _CATEGORIES),
            params.choice("status", ("available", "uploading")) or "available",
            params.flag("starred"),
        )

    @property
    def filter(self) -> Query | None:
        """The conditions beyond the folder."""
        wanted: list[Query] = []
        if self.type is not None:
            wanted.append(F.type == self.type)
        if self.category is not None:
            wanted.append(F.category == self.category)
        if self.starred is not None:
            wanted.append(F.starred if self.starred else ~F.starred)
        both: Query | None = None
        for condition in wanted:
            both = condition if both is None else both & condition
        return both

    def to_list(self, place: Place) -> list[Any]:
        """For a marker."""
        parts = (self.parent_file_id, self.order_by, self.type, self.category)
        return [place.key, *parts, self.status, self.starred]


async def list_(call: Call) -> Reply:
    """``/file/list``: the children of one folder, or what a share shows at its root."""
    address = read_address(call)
    wanted = Listing.read(call)
    paging = Paging.read(call, "list")
    look = Look.read(call)
    return await call.service.read(_list, call, address, wanted, paging, look)


def _list(call: Call, address: Address, wanted: Listing, paging: Paging, look: Look) -> Reply:
    place = find_place(call, address)
    paging.bind(wanted.to_list(place))
    if paging.is_pause:
        return paging.pause()
    page = _children(call, place, wanted, paging)
    return paging.page([look.show(call, place, row) for row in page.rows], page.next)


def _children(call: Call, place: Place, wanted: Listing, paging: Paging) -> Page:
    order = parse_order(wanted.order_by)
    if place.share is not None and wanted.parent_file_id == "root":
        share_id = place.share.share_id
        return call.store.list_share_root(
            share_id,
            order_by=order,
            limit=paging.take,
            after=paging.after,
            query=wanted.filter,
            status=wanted.status,
        )
    if wanted.parent_file_id == "root":
        check_action(call, place, None, "FILE.LIST")
    else:
        try:
            _check_folder(call, place, wanted.parent_file_id)
        except ServiceError as error:
            if call.settings.missing_parent == "empty" and error.code.startswith("NotFound"):
                return Page([], None)
            raise
    return call.store.list_children(
        place.drive_id,
        wanted.parent_file_id,
        order_by=order,
        limit=paging.take,
        after=paging.after,
        query=wanted.filter,
        status=wanted.status,
    )


def _check_folder(call: Call, place: Place, file_id: str) -> None:
    row = find_file(call, place, file_id)
    if not row.findable:
        raise missing_file(call, file_id)
    if row.type != "folder":
        raise invalid("parent_file_id", "it is not a folder")
    check_action(call, place, row, "FILE.LIST")


async def scan(call: Call) -> Reply:
    """``/file/scan``: every file of a drive, in no promised order, briefly unless ``fields``."""
    drive_id = call.params.required("drive_id")
    paging = Paging.read(call, "scan")
    look = Look.read(call)
    return await call.service.read(_scan, call, drive_id, paging, look)


def _scan(call: Call, drive_id: str, paging: Paging, look: Look) -> Reply:
    place = find_drive(call, drive_id)
    check_action(call, place, None, "FILE.LIST")
    paging.bind([drive_id])
    if paging.is_pause:
        return paging.pause()
    page = call.store.scan(drive_id, limit=paging.take, after=paging.after, names=look.fields)
    return paging.page([look.show(call, place, row) for row in page.rows], page.next)


async def list_by_custom_index_key(call: Call) -> Reply:
    """``/file/list_by_custom_index_key``: the files that were put under the key, at once."""
    drive_id = call.params.required("drive_id")
    key = call.params.required("custom_index_key")
    direction = call.params.choice("order_direction", ("ASC", "DESC")) or "ASC"
    paging = Paging.read(call, "index")
    look = Look.read(call)
    paging.bind([drive_id, key, direction])
    return await call.service.read(_list_indexed, call, drive_id, key, direction, paging, look)


def _list_indexed(
    call: Call, drive_id: str, key: str, direction: str, paging: Paging, look: Look
) -> Reply:
    place = find_drive(call, drive_id)
    if paging.is_pause:
        return paging.pause()
    page = call.store.list_indexed(
        drive_id,
        key,
        order_by=parse_order(f"created_at {direction}"),
        limit=paging.take,
        after=paging.after,
    )
    shown = [row for row in page.rows if "FILE.LIST" in place.actions(row)]
    return paging.page([look.show(call, place, row) for row in shown], page.next)


OPERATIONS = {
    "/file/list": Operation(list_, "share"),
    "/file/list_by_custom_index_key": Operation(list_by_custom_index_key),
    "/file/scan": Operation(scan),
}
