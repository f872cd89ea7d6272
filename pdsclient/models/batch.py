"""Many calls in one (pds-service.md 8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, TypeAlias

from pdsclient.models._base import Model, listed
from pdsclient.models._request import Part, PartOf, Request, optional, request, required
from pdsclient.models._rules import (
    TEXT,
    Anything,
    Choice,
    ListOf,
    MapOf,
    Text,
)

__all__ = ["BatchItem", "BatchReply", "BatchRequest", "BatchResult"]

BatchResource: TypeAlias = Literal[
    "file", "drive", "user", "group", "membership", "share_link", "async_task"
]
BatchMethod: TypeAlias = Literal["POST", "GET", "PUT", "DELETE", "HEAD"]
BatchPath: TypeAlias = Literal[
    "/async_task/get",
    "/drive/get",
    "/file/copy",
    "/file/delete",
    "/file/delete_usertags",
    "/file/get",
    "/file/get_download_url",
    "/file/get_share_link_download_url",
    "/file/move",
    "/file/pre_create_check",
    "/file/put_usertags",
    "/file/search",
    "/file/update",
    "/group/get",
    "/recyclebin/restore",
    "/recyclebin/trash",
    "/share_link/cancel",
    "/share_link/create",
    "/share_link/get",
    "/share_link/get_share_token",
    "/share_link/list",
    "/share_link/update",
    "/user/get",
]


class BatchResult(Model, frozen=True, kw_only=True):
    """The answer to one call of a batch."""

    __urls__: ClassVar[frozenset[str]] = frozenset({"body"})  # whatever it holds

    body: dict[str, Any] | None = None
    """The reply, or code and message of the error; None: it was empty."""
    id: str | None = None
    """The call's ``id``."""
    status: int | None = None
    """HTTP status; from 400 it is an error."""


class BatchReply(Model, frozen=True, kw_only=True):
    """The answers to a batch."""

    responses: list[BatchResult] = listed()
    """One for each call, in their order as far as is known; best found by ``id``."""


@request
class BatchItem(Part):
    """One call of a batch."""

    body: Mapping[str, Any] | None = optional(
        MapOf(Anything(), most=1_000), "Its parameters; needs headers with the content type."
    )
    headers: Mapping[str, str] | None = optional(
        MapOf(TEXT, most=1_000), 'Its headers, such as {"Content-Type": "application/json"}.'
    )
    id: str = required(Text(1024), "Its name, unique in the batch.")
    method: BatchMethod | None = optional(Choice(BatchMethod, default="POST"), "HTTP method.")
    url: BatchPath = required(Choice(BatchPath), "Which operation, without the version.")


@request
class BatchRequest(Request):
    """Makes up to 100 calls in one; each succeeds or fails by itself. Source: pds-service.md 8."""

    requests: Sequence[BatchItem | Mapping[str, Any]] = required(
        ListOf(PartOf(BatchItem), most=100), "The calls, independent of each other."
    )
    resource: BatchResource = required(
        Choice(BatchResource), "What they are about; the vendor's JavaScript SDK says file always."
    )
