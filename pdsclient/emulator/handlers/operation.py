"""What an emulated operation is: each module of handlers declares its own in a table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal

from attrs import frozen

from pdsclient.emulator.replies import Reply
from pdsclient.emulator.service import Call

__all__ = ["Operation"]


@frozen
class Operation:
    """An emulated operation.

    Attributes:
        run: does it.
        access: the credential it takes: an access token; that or a share token; or none (an
            access token is then looked at, but need not be good).
        body: what the parameters come in: JSON, a form, or the query of a GET.
    """

    run: Callable[[Call], Awaitable[Reply]]
    access: Literal["user", "share", "anyone"] = "user"
    body: Literal["json", "form", "query"] = "json"
