"""The async Python SDK for Alibaba Cloud Drive and Photo Service (PDS).

``AsyncPDSClient`` makes the calls, ``F`` writes search queries, ``PDSError`` is what goes wrong.
"""

from __future__ import annotations

from pdsclient._call import Response
from pdsclient._policy import RetryPolicy
from pdsclient._version import __version__
from pdsclient.client import AsyncPDSClient
from pdsclient.config import ClientConfig, RuntimeContext
from pdsclient.errors import (
    AuthError,
    BadRequest,
    ClientClosed,
    Conflict,
    ContentChanged,
    ContentMismatch,
    DeadlineExceeded,
    DecodeError,
    InvalidRequest,
    NotFound,
    NotSent,
    OutcomeUnknown,
    PDSError,
    PermissionDenied,
    QuerySyntaxError,
    QuotaExceeded,
    RateLimited,
    RefreshFailed,
    ReplyError,
    ServiceFailure,
    ShareTokenInvalid,
    TaskFailed,
    TransportError,
    WrongEventLoop,
)
from pdsclient.limits import RateLimit
from pdsclient.options import UNSET, RequestOptions
from pdsclient.paging import Pager
from pdsclient.query import F, OrderTerm, Query, parse_query
from pdsclient.token_store import FileTokenStore, TokenStore
from pdsclient.tokens import TokenInfo

__all__ = [
    "UNSET",
    "AsyncPDSClient",
    "AuthError",
    "BadRequest",
    "ClientClosed",
    "ClientConfig",
    "Conflict",
    "ContentChanged",
    "ContentMismatch",
    "DeadlineExceeded",
    "DecodeError",
    "F",
    "FileTokenStore",
    "InvalidRequest",
    "NotFound",
    "NotSent",
    "OrderTerm",
    "OutcomeUnknown",
    "PDSError",
    "Pager",
    "PermissionDenied",
    "Query",
    "QuerySyntaxError",
    "QuotaExceeded",
    "RateLimit",
    "RateLimited",
    "RefreshFailed",
    "ReplyError",
    "RequestOptions",
    "Response",
    "RetryPolicy",
    "RuntimeContext",
    "ServiceFailure",
    "ShareTokenInvalid",
    "TaskFailed",
    "TokenInfo",
    "TokenStore",
    "TransportError",
    "WrongEventLoop",
    "__version__",
    "parse_query",
]
