"""Everything that can go wrong, as one tree.

::

    PDSError
    ├─ InvalidRequest (also ValueError)     refused where the call is written; nothing was sent
    │  ├─ QuerySyntaxError                  position, and the text with a caret under it
    │  └─ WrongEventLoop                    the client is in use in another, living event loop
    ├─ ClientClosed                         the client was closed
    ├─ AuthError                            no credential, or refused after a refresh
    │  ├─ RefreshFailed                     own instance per waiter, shared cause
    │  └─ ShareTokenInvalid
    ├─ TransportError
    │  ├─ NotSent                           DNS, connect, TLS: nothing reached the server
    │  └─ OutcomeUnknown                    sent, no answer: it may have happened
    ├─ DeadlineExceeded (also TimeoutError) the whole call ran out of time
    ├─ ReplyError                           the server answered with an error
    │  ├─ BadRequest  ├─ PermissionDenied  ├─ NotFound  ├─ Conflict
    │  ├─ QuotaExceeded  ├─ RateLimited  └─ ServiceFailure (5xx)
    ├─ DecodeError                          an answer that is not in a form we understand
    └─ TaskFailed                           an async task ended Failed or PartialSucceed

The class tells what it means, ``code`` is the service's own word for it: a code that the service
invents tomorrow needs no release of ours.
"""

from __future__ import annotations

import pickle
import sys
import traceback
from types import FrameType
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from pdsclient.models.async_task import AsyncTask
    from pdsclient.options import RequestOptions

__all__ = [
    "AuthError",
    "BadRequest",
    "ClientClosed",
    "Conflict",
    "ContentChanged",
    "ContentMismatch",
    "DeadlineExceeded",
    "DecodeError",
    "InvalidRequest",
    "NotFound",
    "NotSent",
    "OutcomeUnknown",
    "PDSError",
    "PermissionDenied",
    "QuerySyntaxError",
    "QuotaExceeded",
    "RateLimited",
    "RefreshFailed",
    "ReplyError",
    "ServiceFailure",
    "ShareTokenInvalid",
    "TaskFailed",
    "TransportError",
    "WrongEventLoop",
]

CLIENT_ERROR = "ClientError"
SERVER_ERROR = "ServerError"

Frames = tuple[tuple[str, int, str], ...]


class PDSError(Exception):
    """The root of all errors that this package raises on purpose.

    Attributes:
        status: HTTP status, None when the server did not report the error.
        code: the server's code (``NotFound.FileId``), or ``ClientError``.
        message: the server's message, or ours.
        req_id: ``x-ca-request-id`` of the reply; alias ``request_id``.
        retry_after_s: seconds that the server asked to wait, if it did.
        attempts: how many times the call was sent.
        may_have_happened: True if the operation may have taken effect all the same.
        req_opt: the options of the call, filled in and masked.
        body: the reply's body, masked and truncated.
        marker: where a listing can go on, when one was being read.
    """

    status: int | None
    code: str
    message: str
    req_id: str | None
    retry_after_s: float | None
    attempts: int
    may_have_happened: bool
    req_opt: RequestOptions | None
    body: str | None
    marker: str | None

    def __init__(
        self,
        message: str = "",
        *,
        code: str = CLIENT_ERROR,
        status: int | None = None,
        req_id: str | None = None,
        retry_after_s: float | None = None,
        attempts: int = 0,
        may_have_happened: bool = False,
        req_opt: RequestOptions | None = None,
        body: str | None = None,
        marker: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        # The seed leaves both empty when the client reports the error.
        self.status = None if code == CLIENT_ERROR else status
        self.req_id = None if code == CLIENT_ERROR else req_id
        self.retry_after_s = retry_after_s
        self.attempts = attempts
        self.may_have_happened = may_have_happened
        self.req_opt = req_opt
        self.body = body
        self.marker = marker
        self._frames: Frames = ()
        self._stack: str | None = None

    @property
    def type(self) -> Literal["ClientError", "ServerError"]:
        """``ServerError`` if the server reported it, else ``ClientError``."""
        return "ClientError" if self.code == CLIENT_ERROR else "ServerError"

    @property
    def request_id(self) -> str | None:
        """The same as ``req_id``."""
        return self.req_id

    @property
    def stack(self) -> str:
        """The cause's traceback and the stack of the call, formatted when first read."""
        if self._stack is None:
            self._stack = _format_stack(self)
        return self._stack

    def __str__(self) -> str:
        if self.type == "ClientError":
            return self.message
        known = [f"HTTP {self.status}"] if self.status is not None else []
        known += [f"request id {self.req_id}"] if self.req_id else []
        text = f"{self.code}: {self.message}" + (f" ({', '.join(known)})" if known else "")
        # What a server writes must not steer the terminal that a traceback is printed on.
        return "".join(map(_printable, text))

    def __reduce__(self) -> tuple[Any, ...]:
        # The cause goes with the state, which is read after the object is known to the pickler:
        # so a chain that leads back to this error ends here.
        state = {**self.__dict__, "_stack": self.stack, "__cause__": _picklable(self.__cause__)}
        return _new, (type(self), self.args), state


def _new(kind: type[PDSError], args: tuple[Any, ...]) -> PDSError:
    error = kind.__new__(kind, *args)
    error.args = args
    return error


def _picklable(cause: BaseException | None) -> BaseException | None:
    """The cause, or its name and text if it cannot travel (an aiohttp error holds sockets)."""
    if cause is None or isinstance(cause, PDSError):
        return cause  # Trying each link of a chain of ours would double the work with each.
    try:
        pickle.loads(pickle.dumps(cause))
    except Exception:
        return Exception("".join(traceback.format_exception_only(cause)).rstrip())
    return cause


def record_stack(error: PDSError, frame: FrameType | None = None) -> None:
    """Remember who is calling; within one task that is the whole chain of awaits.

    Only names and line numbers are taken, so that recording is cheap and holds no values.
    """
    frames: list[tuple[str, int, str]] = []
    current = frame or sys._getframe(1)
    while current is not None and len(frames) < 64:
        frames.append((current.f_code.co_filename, current.f_lineno, current.f_code.co_name))
        current = current.f_back  # type: ignore[assignment]
    error._frames = tuple(reversed(frames))


def _format_stack(error: PDSError) -> str:
    lines: list[str] = []
    if error.__cause__ is not None:
        lines += traceback.format_exception(error.__cause__)
        lines += ["\nThe above exception was the direct cause of:\n\n"]
    if error._frames:
        lines += ["Traceback (most recent call last):\n"]
        lines += traceback.format_list(
            [traceback.FrameSummary(name, line, where) for name, line, where in error._frames]
        )
    lines.append(f"{type(error).__module__}.{type(error).__qualname__}: {error}\n")
    return "".join(lines)


class InvalidRequest(PDSError, ValueError):
    """The caller's argument is wrong; nothing was sent and no event is emitted."""


class QuerySyntaxError(InvalidRequest):
    """A text that is not in the search language.

    Attributes:
        text: the whole text.
        position: index of the offending code point, 0-based; ``column`` is one more.
        reason: what is wrong, without the picture.
    """

    def __init__(self, reason: str, *, text: str, position: int) -> None:
        super().__init__(f"{reason}\n{caret(text, position)}")
        self.reason = reason
        self.text = text
        self.position = position

    @property
    def column(self) -> int:
        """Where it went wrong, counted from 1 as editors do."""
        return self.position + 1


def caret(text: str, position: int, *, width: int = 72) -> str:
    """The part of the text around a position, with a caret under it.

    Characters that do not print, or that would turn the line around, are shown as ``�``; wide
    characters count two columns, so that the caret stands where the eye looks for it.
    """
    import unicodedata

    start = max(0, position - width // 2)
    shown = "".join(_printable(char) for char in text[start : start + width])
    before = "…" if start else ""
    after = "…" if start + width < len(text) else ""
    lead = shown[: position - start]
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in lead)
    zero = sum(unicodedata.combining(char) != 0 for char in lead)
    indent = len(before) + len(lead) + wide - zero
    return f"  {before}{shown}{after}\n  {' ' * indent}^"


def _printable(char: str) -> str:
    return char if char.isprintable() else " " if char.isspace() else "\ufffd"


class WrongEventLoop(InvalidRequest):
    """The client belongs to another event loop that is still alive."""


class ClientClosed(PDSError):
    """The client was closed; make a new one."""


class AuthError(PDSError):
    """There is no credential, or the server refuses the newest one."""


class RefreshFailed(AuthError):
    """The token could not be refreshed; ``__cause__`` says why and is shared by all waiters."""


class ShareTokenInvalid(AuthError):
    """The share token was refused and could not be replaced."""


class TransportError(PDSError):
    """The connection failed."""


class NotSent(TransportError):
    """Nothing reached the server: the name, the connection or the certificate failed.

    Attributes:
        may_pass: False if trying again would fail the same way (a refused certificate).
    """

    may_pass: bool = True


class OutcomeUnknown(TransportError):
    """The request was sent and no answer came: it may or may not have taken effect."""


class DeadlineExceeded(PDSError, TimeoutError):
    """The call's deadline passed; the last error of an attempt, if any, is the cause."""


class ReplyError(PDSError):
    """The server answered with an error."""


class BadRequest(ReplyError):
    """400: the server refuses a parameter."""


class PermissionDenied(ReplyError):
    """403: the identity may not do this."""


class NotFound(ReplyError):
    """404, or any code with the base ``NotFound``."""


class Conflict(ReplyError):
    """409: it exists already, or its state does not allow this.

    Attributes:
        file_id: the file that has the name already, where the reply tells it.
    """

    file_id: str | None = None


class QuotaExceeded(ReplyError):
    """The drive, the domain or a daily allowance is full."""


class RateLimited(ReplyError):
    """429: too many requests, and the retries were used up or not wanted."""


class ServiceFailure(ReplyError):
    """5xx: the service failed; see ``may_have_happened``."""


class DecodeError(PDSError):
    """The server answered, but not in a form that we understand, or with too much of it."""


class ContentMismatch(DecodeError):
    """What arrived is not what was sent: its checksum or its length differs."""


class ContentChanged(PDSError):
    """The source of a transfer was changed while it was read, here or in the drive."""


class TaskFailed(PDSError):
    """An async task ended ``Failed`` or ``PartialSucceed``.

    Attributes:
        task: the last reply about it, with its state and counts.
    """

    task: AsyncTask | None = None


# Matched on the base before the first dot (service reference, 3.2): suffixes and messages vary.
_BY_BASE: dict[str, type[PDSError]] = {
    "AccessTokenInvalid": AuthError,
    "AccessTokenExpired": AuthError,
    "TokenExpired": AuthError,
    "I400JD": AuthError,
    "A403JT": AuthError,
    "A403JE": AuthError,
    "ShareLinkTokenInvalid": ShareTokenInvalid,
    "NotFound": NotFound,
    "AlreadyExist": Conflict,
    "StateConflict": Conflict,
    "PreHashMatched": Conflict,
    "QuotaExhausted": QuotaExceeded,
    "ExceedCapacityForbidden": QuotaExceeded,
    "SharelinkCreateExceedDailyLimit": QuotaExceeded,
    "TooManyRequests": RateLimited,
    "QpsLimitExceed": RateLimited,
    "ParamFlowException": RateLimited,
    "Throttling": RateLimited,
}
_BY_STATUS: dict[int, type[PDSError]] = {
    400: BadRequest,
    401: AuthError,
    403: PermissionDenied,
    404: NotFound,
    409: Conflict,
    429: RateLimited,
}


def reply_error_class(status: int, code: str) -> type[PDSError]:
    """The class for an error reply: by the code's base, else by the status.

    401 and 429 mean what they say whatever the body holds; there the code can only refine it.
    """
    by_base = _BY_BASE.get(code.partition(".")[0])
    by_status = _BY_STATUS.get(status) or (ServiceFailure if status >= 500 else ReplyError)
    if by_base is None or (status in (401, 429) and not issubclass(by_base, by_status)):
        return by_status
    return by_base


# Where users import them from; tracebacks and pickles say so too.
for _name in __all__:
    globals()[_name].__module__ = "pdsclient"
