"""Operations as one line each.

``search = PagedOp("/file/search", SearchFileRequest, FilePage)`` in a resource class gives
``client.file.search(...)`` the full keyword signature of the request class, for type checkers
(by ``ParamSpec``) and at run time (``inspect.signature``), and the reply's type.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

from pdsclient import _codec
from pdsclient.models import Page, Request
from pdsclient.paging import Pager

if TYPE_CHECKING:
    from pdsclient._core import Engine

__all__ = ["BoundOp", "BoundPagedOp", "Op", "PagedOp", "Resource"]

P = ParamSpec("P")
R = TypeVar("R")
PageT = TypeVar("PageT", bound=Page[Any])


class Resource:
    """The operations under one path segment, such as ``client.file``."""

    __slots__ = ("_engine",)

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {', '.join(_names(type(self)))}>"


def _names(kind: type) -> list[str]:
    return [name for name, item in vars(kind).items() if isinstance(item, AnyOp)]


class _Bound(Generic[P]):
    """What an operation is on a client; it looks like a function to ``help`` and editors."""

    def __init__(self, op: AnyOp, engine: Engine) -> None:
        self.op = op
        self.engine = engine
        self.__doc__ = op.__doc__
        self.__name__ = op.name

    @property
    def __signature__(self) -> inspect.Signature:
        # On demand: computing it for every operation would cost 0.2 ms each at import.
        signature = inspect.signature(self.op.request)
        return signature.replace(return_annotation=self._returns())

    def _returns(self) -> Any:
        return self.op.reply

    def __repr__(self) -> str:
        return f"<operation POST {self.op.path}>"


class BoundOp(_Bound[P], Generic[P, R]):
    """An operation of a client: call and await it."""

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        engine, op = self.engine, self.op
        reply: R = await engine.run(engine.prepare_op(op, engine.wire(op.request(*args, **kwargs))))
        return reply


class BoundPagedOp(_Bound[P], Generic[P, PageT]):
    """A paged operation of a client: calling it gives a Pager."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Pager[PageT]:
        engine, op = self.engine, self.op
        # Checked and rendered here, once: where the call is written, not where a page is read.
        first = engine.wire(op.request(*args, **kwargs))
        _codec.encode(first)

        def fetch(marker: str | None, whole: bool) -> Awaitable[PageT]:
            data = dict(first)
            if marker is not None:
                data["marker"] = marker
            if whole:
                data.setdefault("limit", op.most)
            return engine.run(engine.prepare_op(op, data))

        fetch.__qualname__ = op.path
        return Pager(fetch, first.get("marker"))

    def _returns(self) -> Any:
        return Pager[self.op.reply]  # type: ignore[name-defined]


class AnyOp:
    """What both kinds of operation are declared with.

    Args:
        path: below the version, such as ``/file/get``.
        request: the request class, called with the caller's arguments.
        reply: the type of the reply.
        anonymous: send no credential.
        auth: belongs to the auth endpoint.
        most: highest ``limit`` of a paged operation, which iteration asks for.
    """

    name = ""

    def __init__(
        self,
        path: str,
        request: Callable[..., Request],
        reply: Any,
        *,
        anonymous: bool = False,
        auth: bool = False,
        most: int = 100,
        doc: str = "",
    ) -> None:
        self.path = path
        self.request = request
        self.reply = reply
        self.anonymous = anonymous
        self.auth = auth
        self.most = most
        self.__doc__ = doc or inspect.getdoc(request)

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name


class Op(AnyOp, Generic[P, R]):
    """An operation with one reply."""

    if TYPE_CHECKING:

        def __init__(
            self,
            path: str,
            request: Callable[P, Request],
            reply: type[R],
            *,
            anonymous: bool = False,
            auth: bool = False,
            doc: str = "",
        ) -> None: ...

    @overload
    def __get__(self, resource: None, owner: type) -> Op[P, R]: ...
    @overload
    def __get__(self, resource: Resource, owner: type) -> BoundOp[P, R]: ...
    def __get__(self, resource: Resource | None, owner: type) -> Op[P, R] | BoundOp[P, R]:
        return self if resource is None else BoundOp(self, resource._engine)


class PagedOp(AnyOp, Generic[P, PageT]):
    """An operation that lists: its reply is a page, with a marker where the next one starts."""

    if TYPE_CHECKING:

        def __init__(
            self,
            path: str,
            request: Callable[P, Request],
            reply: type[PageT],
            *,
            anonymous: bool = False,
            auth: bool = False,
            most: int = 100,
            doc: str = "",
        ) -> None: ...

    @overload
    def __get__(self, resource: None, owner: type) -> PagedOp[P, PageT]: ...
    @overload
    def __get__(self, resource: Resource, owner: type) -> BoundPagedOp[P, PageT]: ...
    def __get__(
        self, resource: Resource | None, owner: type
    ) -> PagedOp[P, PageT] | BoundPagedOp[P, PageT]:
        return self if resource is None else BoundPagedOp(self, resource._engine)
