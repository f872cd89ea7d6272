"""Many operations in one request.

The items run one after another, as the caller of the batch, each in a transaction of its own.
Faults, rate limits and the log of requests know the batch only, not its items.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from attrs import evolve

from pdsclient.emulator.handlers.operation import Operation
from pdsclient.emulator.identity import access_refused
from pdsclient.emulator.params import Params
from pdsclient.emulator.replies import (
    Reply,
    ServiceError,
    error_reply,
    invalid,
    json_reply,
    missing,
)
from pdsclient.emulator.service import Call

_MOST = 100
_RESOURCES: Final = (
    "file",
    "drive",
    "user",
    "group",
    "membership",
    "share_link",
    "async_task",
)
_METHODS: Final = ("POST", "GET", "PUT", "DELETE", "HEAD")
# pds-service.md 8; the last one is what the JavaScript SDK sends besides.
URLS: Final = frozenset(
    {
        "/file/get",
        "/file/update",
        "/file/search",
        "/file/copy",
        "/file/move",
        "/file/delete",
        "/file/get_download_url",
        "/file/get_share_link_download_url",
        "/recyclebin/trash",
        "/recyclebin/restore",
        "/file/put_usertags",
        "/file/delete_usertags",
        "/drive/get",
        "/user/get",
        "/group/get",
        "/share_link/create",
        "/share_link/update",
        "/share_link/cancel",
        "/share_link/list",
        "/share_link/get",
        "/share_link/get_share_token",
        "/async_task/get",
        "/file/pre_create_check",
    }
)


class Batch:
    """``/batch`` over a table of operations."""

    def __init__(self, operations: Mapping[str, Operation]) -> None:
        self._operations = operations

    async def run(self, call: Call) -> Reply:
        """200 with an answer for each item, if the envelope is right."""
        items = _read_items(call)
        answers = [await self._answer(call, item, nth) for nth, item in enumerate(items)]
        settings = call.settings
        if settings.batch_order == "shuffled":
            random.shuffle(answers)
        if settings.batch_answers is not None:
            answers = answers[: settings.batch_answers]
        return json_reply({"responses": answers})

    async def _answer(self, call: Call, item: Params, nth: int) -> dict[str, Any]:
        try:
            reply = await self._reply(call, item, nth)
        except ServiceError as error:
            reply = error.reply()
        answer: dict[str, Any] = {"id": item.required("id"), "status": reply.status}
        if reply.body:
            answer["body"] = msgspec.Raw(reply.body)
        return answer

    async def _reply(self, call: Call, item: Params, nth: int) -> Reply:
        most = call.settings.batch_throttle
        if most is not None and nth >= most:
            return error_reply(429, "TooManyRequests", "Too many requests")
        url = item.required("url")
        if item.choice("method", _METHODS) != "POST":
            return error_reply(404, "I404NF", "API not found")
        body = item.part("body")
        _check_headers(item)
        if url not in URLS:
            raise invalid("url")
        operation = self._operations.get(url)
        if operation is None:
            return error_reply(400, "OperationNotSupport", "This operation is not supported.")
        if operation.access == "user" and call.caller.user is None:
            raise access_refused("AccessTokenInvalid")
        return await operation.run(evolve(call, params=body))


def _read_items(call: Call) -> list[Params]:
    """The items, each with an id of its own."""
    if call.params.choice("resource", _RESOURCES) is None:
        raise missing("resource")
    items = call.params.objects("requests")
    if not items:
        raise missing("requests")
    if len(items) > _MOST:
        raise invalid("requests", f"at most {_MOST} are allowed")
    ids = [item.text("id") for item in items]
    if None in ids or len(set(ids)) < len(ids):
        raise invalid("requests", "each needs an id of its own")
    return items


def _check_headers(item: Params) -> None:
    """ServiceError for a body whose type is not said to be JSON."""
    headers = item.mapping("headers")
    if not item.gives("body"):
        return
    types = [value for name, value in headers.items() if name.lower() == "content-type"]
    if not types:
        raise missing("headers")
    if not str(types[0]).startswith("application/json"):
        raise invalid("headers")


def batch_of(operations: Mapping[str, Operation]) -> dict[str, Operation]:
    """The table of ``/batch`` over these operations."""
    return {"/batch": Operation(Batch(operations).run, "share")}
