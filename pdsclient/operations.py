"""Operations as one line each.

``search = PagedOp("/file/search", SearchFileRequest, FilePage)`` in a resource class gives
``client.file.search(...)`` the full keyword signature of the request class, for type checkers
(by ``ParamSpec``) and at run time (``inspect.signature``), and the reply's type.

The reply of an ``Op`` is a model, a list of models, or None: then the call returns None, whatever
the service says.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Awaitable, Callable, Mapping
from typing import (
    TYPE_CHECKING,
    Any,
    Generic,
    Literal,
    ParamSpec,
    Protocol,
    TypeVar,
    get_args,
    overload,
)

from pdsclient import _codec
from pdsclient._operations_table import REPEATABLE
from pdsclient._secrets import secrets_in
from pdsclient.errors import InvalidRequest
from pdsclient.models import Page, Request
from pdsclient.paging import Pager

if TYPE_CHECKING:
    from typing import Self

    from pdsclient._core import Engine

__all__ = [
    "BatchCall",
    "BoundOp",
    "BoundPagedOp",
    "BoundUrlOp",
    "Nested",
    "Op",
    "PagedOp",
    "Resource",
    "UrlOp",
]

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
PageT = TypeVar("PageT", bound=Page[Any])
ResourceT = TypeVar("ResourceT", bound="Resource")


class HasEngine(Protocol):
    """A client or a part of one."""

    _engine: Engine


class Resource:
    """The operations under one path segment, such as ``client.file``."""

    __slots__ = ("_engine",)

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {', '.join(_names(type(self)))}>"


def _names(kind: type) -> list[str]:
    return [name for name, item in vars(kind).items() if isinstance(item, (AnyOp, Nested))]


class Nested(Generic[ResourceT]):
    """The operations one path segment further down, such as ``client.file.revision``."""

    def __init__(self, kind: type[ResourceT]) -> None:
        self.kind = kind
        self.__doc__ = kind.__doc__

    @overload
    def __get__(self, resource: None, owner: type) -> Self: ...
    @overload
    def __get__(self, resource: Resource, owner: type) -> ResourceT: ...
    def __get__(self, resource: Resource | None, owner: type) -> Self | ResourceT:
        return self if resource is None else self.kind(resource._engine)


class _Doc:
    """The docstring of a class, and of each of its objects one of its own, made when asked for."""

    def __init__(self, own: str | None) -> None:
        self._own = own

    def __get__(self, thing: Any, owner: type) -> str | None:
        return self._own if thing is None else thing.describe()


class _Documented:
    """What looks like a function to ``help``, IPython and editors.

    Signature and text are made on demand: for all operations they would double the import time.
    """

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.__doc__ = _Doc(cls.__doc__)  # type: ignore[assignment]


class _Bound(_Documented, Generic[P]):
    """What an operation is on a client."""

    def __init__(self, op: AnyOp, engine: Engine) -> None:
        self.op = op
        self.engine = engine

    # Bound already, as a method of an object is: with it pydoc takes it for a function.
    def __get__(self, instance: object, owner: type | None = None) -> Self:
        return self

    def describe(self) -> str:
        return self.op.describe()

    @property
    def __name__(self) -> str:
        return self.op.name

    @property
    def __signature__(self) -> inspect.Signature:
        return self.op.__signature__

    def __repr__(self) -> str:
        return f"<operation {self.op.method} {self.op.path}>"


class BatchCall(Generic[R_co]):
    """An operation with its arguments, to be sent with others by ``client.run_batch``.

    Attributes:
        op: the operation.
        data: what it sends.
    """

    __slots__ = ("data", "op")

    def __init__(self, op: AnyOp, data: Mapping[str, Any]) -> None:
        if op.auth or op.form or op.redirect:
            raise InvalidRequest(f"{op.path} cannot be part of a batch; call it by itself")
        _codec.encode(data)  # Wrong values are told where the item is written.
        self.op = op
        self.data = data

    def __reduce__(self) -> tuple[Any, ...]:
        if any(secrets_in(self.data)):
            raise TypeError(
                "this BatchCall holds a secret and refuses to be pickled; make it anew in the "
                "other process"
            )
        return type(self), (self.op, self.data)

    def __repr__(self) -> str:
        return f"<BatchCall {self.op.path}>"


class BoundOp(_Bound[P], Generic[P, R]):
    """An operation of a client: call and await it."""

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        engine, op = self.engine, self.op
        call = engine.prepare_op(op, engine.wire(op.request(*args, **kwargs)))
        # Whoever prints local variables must not see a password.
        del args, kwargs
        reply: R = await engine.run(call)
        return reply

    def item(self, *args: P.args, **kwargs: P.kwargs) -> BatchCall[R]:
        """This call as part of a batch: checked here, sent by ``client.run_batch``."""
        return BatchCall(self.op, self.engine.wire(self.op.request(*args, **kwargs)))


class BoundPagedOp(_Bound[P], Generic[P, PageT]):
    """A paged operation of a client: calling it gives a Pager."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Pager[PageT]:
        engine, op = self.engine, self.op
        # Checked and rendered here, once: where the call is written, not where a page is read.
        first = engine.wire(op.request(*args, **kwargs))
        _codec.encode(first)
        asking, form = op.reply.__asking__

        def fetch(marker: str | None, whole: bool) -> Awaitable[PageT]:
            data = dict(first)
            if marker is not None:
                data[asking] = form(marker)
            if whole:
                data.setdefault("limit", op.most)
            return engine.run(engine.prepare_op(op, data))

        fetch.__qualname__ = op.path
        start = first.get(asking)
        return Pager(fetch, None if start is None else str(start))

    def item(self, *args: P.args, **kwargs: P.kwargs) -> BatchCall[PageT]:
        """One page as part of a batch: checked here, sent by ``client.run_batch``."""
        return BatchCall(self.op, self.engine.wire(self.op.request(*args, **kwargs)))


class BoundUrlOp(_Bound[P]):
    """A page of the service for a browser: calling it gives its URL and sends nothing."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> str:
        engine, op = self.engine, self.op
        return engine.url_of(op, engine.wire(op.request(*args, **kwargs)))


class AnyOp(_Documented):
    """What all kinds of operation are declared with.

    Args:
        path: below the version, such as ``/file/get``.
        request: the request class, called with the caller's arguments.
        reply: the type of the reply.
        anonymous: send no credential.
        auth: belongs to the auth endpoint.
        form: send a form instead of JSON.
        redirect: ask with GET and a query; the reply tells where the redirect points to.
    """

    name = ""
    method: Literal["GET", "POST"] = "POST"
    most = 0

    def __init__(
        self,
        path: str,
        request: Callable[..., Request],
        reply: Any,
        *,
        anonymous: bool = False,
        auth: bool = False,
        form: bool = False,
        redirect: bool = False,
    ) -> None:
        self.path = path
        self.request: Any = request
        self.reply = reply
        self.kind = _codec.Nothing if reply is None else reply
        self.anonymous = anonymous
        self.auth = auth
        self.form = form
        self.redirect = redirect
        if redirect:
            self.method = "GET"

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @property
    def __name__(self) -> str:
        return self.name

    @property
    def __signature__(self) -> inspect.Signature:
        parameters = [
            inspect.Parameter(
                one.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=inspect.Parameter.empty if one.needed else None,
                annotation=_Type(one.type),
            )
            for one in self.request.arguments()
        ]
        return inspect.Signature(parameters, return_annotation=self.returns())

    def returns(self) -> Any:
        """What calling it gives."""
        return self.reply

    @property
    def reply_name(self) -> str:
        """The reply as the documentation calls it."""
        names = [kind.__name__ for kind in get_args(self.reply)]
        return f"list[{names[0]}]" if names else getattr(self.reply, "__name__", "None")

    def describe(self) -> str:
        """The docstring: what it does, every argument, what it gives."""
        parts = [inspect.getdoc(self.request) or ""]
        arguments = [_hanging(str(one)) for one in self.request.arguments()]
        if arguments:
            parts.append("\n".join(["Args:", *arguments]))
        parts.append(f"Returns:\n    {self._said_to_return()}")
        twice = "it is" if self.path in REPEATABLE else "it is not"
        parts.append(f"Sends {self.method} {self.path}; {twice} safe to send twice.")
        return "\n\n".join(parts)

    def _said_to_return(self) -> str:
        name = self.reply_name
        return f"{name}: {_summary(self.reply)}" if inspect.isclass(self.reply) else name


class _Type(str):
    """A type as it was written; shown without quotes in a signature."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _hanging(text: str) -> str:
    return textwrap.fill(text, 96, initial_indent="    ", subsequent_indent="        ")


def _summary(kind: type) -> str:
    return (inspect.getdoc(kind) or "").partition("\n")[0]


class Op(AnyOp, Generic[P, R]):
    """An operation with one reply."""

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: Op[Q, None],
            path: str,
            request: Callable[Q, Request],
            reply: None,
            *,
            anonymous: bool = False,
            auth: bool = False,
            form: bool = False,
            redirect: bool = False,
        ) -> None: ...
        @overload
        def __init__(
            self,
            path: str,
            request: Callable[P, Request],
            reply: type[R],
            *,
            anonymous: bool = False,
            auth: bool = False,
            form: bool = False,
            redirect: bool = False,
        ) -> None: ...
        def __init__(self, *args: Any, **kwargs: Any) -> None: ...

    @overload
    def __get__(self, resource: None, owner: type) -> Op[P, R]: ...
    @overload
    def __get__(self, resource: HasEngine, owner: type) -> BoundOp[P, R]: ...
    def __get__(self, resource: HasEngine | None, owner: type) -> Op[P, R] | BoundOp[P, R]:
        return self if resource is None else BoundOp(self, resource._engine)


class PagedOp(AnyOp, Generic[P, PageT]):
    """An operation that lists: its reply is a page, which says where the next one starts.

    Attributes:
        most: the highest ``limit``, which iteration asks for.
    """

    def __init__(
        self, path: str, request: Callable[P, Request], reply: type[PageT], **options: bool
    ) -> None:
        super().__init__(path, request, reply, **options)
        self.most = dict(self.request.rules)["limit"].most

    def returns(self) -> Any:
        return Pager[self.reply]  # type: ignore[name-defined]

    def _said_to_return(self) -> str:
        return f"Pager of {self.reply_name}: await it for a page, iterate over it for all rows."

    @overload
    def __get__(self, resource: None, owner: type) -> PagedOp[P, PageT]: ...
    @overload
    def __get__(self, resource: Resource, owner: type) -> BoundPagedOp[P, PageT]: ...
    def __get__(
        self, resource: Resource | None, owner: type
    ) -> PagedOp[P, PageT] | BoundPagedOp[P, PageT]:
        return self if resource is None else BoundPagedOp(self, resource._engine)


class UrlOp(AnyOp, Generic[P]):
    """A page for a browser: its URL is built and nothing is sent."""

    method = "GET"

    def __init__(self, path: str, request: Callable[P, Request], *, auth: bool = False) -> None:
        super().__init__(path, request, str, auth=auth)

    def _said_to_return(self) -> str:
        return "The URL to open in a browser; nothing is sent."

    @overload
    def __get__(self, resource: None, owner: type) -> UrlOp[P]: ...
    @overload
    def __get__(self, resource: Resource, owner: type) -> BoundUrlOp[P]: ...
    def __get__(self, resource: Resource | None, owner: type) -> UrlOp[P] | BoundUrlOp[P]:
        return self if resource is None else BoundUrlOp(self, resource._engine)
