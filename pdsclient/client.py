"""The client as it is used: calls, credentials, views, events, and the typed operations."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, NoReturn, ParamSpec, TypedDict, TypeVar, overload

from pdsclient._call import Response
from pdsclient._core import Engine, Shared
from pdsclient.config import (
    ClientConfig,
    ClientFields,
    RefreshShareToken,
    RefreshToken,
    RuntimeContext,
    TokenProvider,
    parse_config,
    refuse_to_pickle,
)
from pdsclient.errors import ClientClosed, InvalidRequest
from pdsclient.events import ClientEvents, EventName
from pdsclient.operations import BoundOp, BoundPagedOp
from pdsclient.options import NO_OPTIONS, RequestOptions
from pdsclient.resources import Lazy
from pdsclient.token_store import TokenStore
from pdsclient.tokens import TokenInfo, TokenLike
from pdsclient.transferring import Transferring

if TYPE_CHECKING:
    from typing import Self, Unpack

    from pdsclient.bulk import BulkSearch, Progress
    from pdsclient.bulk.axis import PartitionKey
    from pdsclient.bulk.jobs import Jobs, SearchFields
    from pdsclient.models import BatchReply, BatchRequest, Page
    from pdsclient.operations import Op
    from pdsclient.resources.account import AccountResource
    from pdsclient.resources.albums import AlbumsResource
    from pdsclient.resources.async_task import AsyncTaskResource
    from pdsclient.resources.audit_log import AuditLogResource
    from pdsclient.resources.benefit import BenefitResource
    from pdsclient.resources.csi import CsiResource
    from pdsclient.resources.domain import DomainResource
    from pdsclient.resources.drive import DriveResource
    from pdsclient.resources.file import FileResource
    from pdsclient.resources.group import GroupResource
    from pdsclient.resources.image import ImageResource
    from pdsclient.resources.membership import MembershipResource
    from pdsclient.resources.oauth import OauthResource
    from pdsclient.resources.recyclebin import RecyclebinResource
    from pdsclient.resources.role import RoleResource
    from pdsclient.resources.share_link import ShareLinkResource
    from pdsclient.resources.user import UserResource

__all__ = ["AsyncPDSClient"]

P = ParamSpec("P")
T = TypeVar("T")
PageT = TypeVar("PageT", bound="Page[Any]")
Listener = TypeVar("Listener", bound=Callable[..., object])


class CredentialFields(TypedDict, total=False):
    """The keyword arguments of ``with_credentials``."""

    token_info: TokenLike | None
    refresh_token_fun: RefreshToken | None
    token_provider: TokenProvider | None
    token_store: TokenStore | None
    share_token: str | None
    refresh_share_token_fun: RefreshShareToken | None


class AsyncPDSClient(Transferring):
    """A client of one PDS domain (the seed's ``PDSClient``).

    Args:
        config: a ``ClientConfig`` or a mapping of its fields; or give the fields themselves as
            keyword arguments, not both.
        context: the machinery beneath, see ``RuntimeContext``.

    Use it as ``async with AsyncPDSClient(api_endpoint=…, token_info=…) as client``, or call
    ``aclose()`` at the end. It may be made before an event loop runs; it belongs to the loop of
    its first call and moves on when that one is closed.

    Raises:
        InvalidRequest: naming the field that is wrong.
    """

    _is_view = False

    def __init__(
        self,
        config: ClientConfig | Mapping[str, Any] | None = None,
        context: RuntimeContext | None = None,
        **fields: Unpack[ClientFields],
    ) -> None:
        parsed = parse_config(config, fields)
        if context is not None and not isinstance(context, RuntimeContext):
            raise InvalidRequest(f"context must be a RuntimeContext, not {type(context).__name__}")
        shared = Shared(parsed, context or RuntimeContext())
        tokens, share = shared.token_source(parsed), shared.share_source(parsed)
        self._engine = Engine(shared, tokens, share, NO_OPTIONS)

    @classmethod
    def from_env(
        cls, context: RuntimeContext | None = None, **overrides: Unpack[ClientFields]
    ) -> Self:
        """A client set up by environment variables, which docs/login.md lists.

        ``PDS_API_ENDPOINT`` or ``PDS_DOMAIN_ID`` says where, ``PDS_ACCESS_TOKEN``,
        ``PDS_TOKEN_FILE`` or ``PDS_PRIVATE_KEY_FILE`` with ``PDS_APP_ID`` who.

        Args:
            context: as for the class.
            overrides: fields of ``ClientConfig``; a credential among them replaces that of the
                environment as a whole, and so does an endpoint.

        Raises:
            InvalidRequest: naming the variable to set, or to unset.
        """
        from pdsclient._env import client_fields

        return cls(client_fields(os.environ, overrides), context)

    # -------------------------------------------------------------------- credentials

    @property
    def token_info(self) -> TokenInfo | None:
        """The credential in force, None without one."""
        return self._engine.tokens.token_info

    @property
    def share_token(self) -> str | None:
        """The share token in force, None without one."""
        return self._engine.share.share_token

    def set_token(self, token_info: TokenLike) -> None:
        """Put a credential in force for the next request (the seed's ``setToken``).

        A refresh that began earlier is not put in force, saved or announced any more.

        Raises:
            InvalidRequest: naming the field that is wrong.
        """
        self._engine.tokens.set(TokenInfo.parse(token_info))

    def set_share_token(self, share_token: str) -> None:
        """Put a share token in force for the next request (the seed's ``setShareToken``).

        Raises:
            InvalidRequest: if it is no string that a header can carry.
        """
        self._engine.share.set(share_token)

    def remove_token(self) -> None:
        """Sign out: calls raise AuthError until ``set_token`` or ``refresh_token``."""
        self._engine.tokens.remove()

    def remove_share_token(self) -> None:
        """Forget the share token."""
        self._engine.share.remove()

    async def refresh_token(self) -> TokenInfo:
        """The new credential after a refresh, which is allowed at any time.

        Callers that ask at the same time share one refresh.

        Raises:
            AuthError: there is no refresh function.
            RefreshFailed: it failed; the cause says why.
            WrongEventLoop: the client is in use in another event loop.
        """
        # Calls are checked by the transport; a refresh may not send anything through it.
        self._engine.shared.transport.check_loop()
        return await self._engine.tokens.refresh()

    # -------------------------------------------------------------------- calls

    @overload
    async def post_api(
        self,
        pathname: str,
        data: Mapping[str, Any] | None = None,
        options: RequestOptions | Mapping[str, Any] | None = None,
    ) -> Any: ...
    @overload
    async def post_api(
        self,
        pathname: str,
        data: Mapping[str, Any] | None = None,
        options: RequestOptions | Mapping[str, Any] | None = None,
        *,
        reply_type: type[T],
    ) -> T: ...
    async def post_api(
        self,
        pathname: str,
        data: Mapping[str, Any] | None = None,
        options: RequestOptions | Mapping[str, Any] | None = None,
        *,
        reply_type: Any = None,
    ) -> Any:
        """The reply's data of any operation (the seed's ``postAPI``).

        Args:
            pathname: the operation's path without version, such as ``/file/list``.
            data: sent as JSON; query and order objects in it are rendered. None sends ``{}``.
            options: settings of this call, as ``RequestOptions`` or a mapping.
            reply_type: decode the reply to this type instead of plain data.

        Returns:
            Plain data (dict, list, …), or ``reply_type``; None for an empty reply.

        Raises:
            InvalidRequest: an argument is wrong; nothing was sent.
            PDSError: one of the classes of ``pdsclient.errors``.
        """
        config = self._engine.shared.config
        call = self._engine.prepare(config.api_endpoint, pathname, data, options, reply_type)
        return await self._engine.run(call)

    async def post_api_anonymous(
        self,
        pathname: str,
        data: Mapping[str, Any] | None = None,
        options: RequestOptions | Mapping[str, Any] | None = None,
        *,
        reply_type: Any = None,
    ) -> Any:
        """Like ``post_api``, with neither access token nor share token."""
        endpoint = self._engine.shared.config.api_endpoint
        return await self._engine.run(
            self._engine.prepare(endpoint, pathname, data, options, reply_type, anonymous=True)
        )

    async def post_auth(
        self,
        pathname: str,
        data: Mapping[str, Any] | None = None,
        options: RequestOptions | Mapping[str, Any] | None = None,
        *,
        reply_type: Any = None,
    ) -> Any:
        """Like ``post_api``, at the auth endpoint."""
        endpoint = self._engine.shared.config.auth_endpoint
        return await self._engine.run(
            self._engine.prepare(endpoint, pathname, data, options, reply_type)
        )

    async def post_auth_anonymous(
        self,
        pathname: str,
        data: Mapping[str, Any] | None = None,
        options: RequestOptions | Mapping[str, Any] | None = None,
        *,
        reply_type: Any = None,
    ) -> Any:
        """Like ``post_auth``, with neither access token nor share token.

        ``/oauth/token`` is sent as a form, as the service wants it there.
        """
        endpoint = self._engine.shared.config.auth_endpoint
        return await self._engine.run(
            self._engine.prepare(endpoint, pathname, data, options, reply_type, anonymous=True)
        )

    async def post_api_response(
        self,
        pathname: str,
        data: Mapping[str, Any] | None = None,
        options: RequestOptions | Mapping[str, Any] | None = None,
        *,
        reply_type: Any = None,
    ) -> Response:
        """Like ``post_api``, with status, headers, body and request id around the data."""
        config = self._engine.shared.config
        call = self._engine.prepare(config.api_endpoint, pathname, data, options, reply_type)
        return (await self._engine.run_for_response(call))[1]

    @overload
    async def with_response(
        self, operation: BoundOp[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> tuple[T, Response]: ...
    @overload
    async def with_response(
        self, operation: BoundPagedOp[P, PageT], *args: P.args, **kwargs: P.kwargs
    ) -> tuple[PageT, Response]: ...
    async def with_response(
        self, operation: Any, *args: Any, **kwargs: Any
    ) -> tuple[Any, Response]:
        """The typed reply of an operation and the Response around it.

        ``file, response = await client.with_response(client.file.get, drive_id=…, file_id=…)``;
        of a paged operation it is the first page.
        """
        if not isinstance(operation, (BoundOp, BoundPagedOp)):
            raise InvalidRequest(
                "with_response takes an operation such as client.file.get, not called: "
                "client.with_response(client.file.get, file_id=…)"
            )
        engine, op = self._engine, operation.op
        if operation.engine is not engine:
            raise InvalidRequest(
                "the operation belongs to another client or view, whose settings would be lost; "
                "take both from the same one: view.with_response(view.file.get, file_id=…)"
            )
        call = engine.prepare_op(op, engine.wire(op.request(*args, **kwargs)))
        del args, kwargs  # whoever prints local variables must not see a password
        return await engine.run_for_response(call)

    # -------------------------------------------------------------------- views

    def with_options(
        self,
        options: RequestOptions | Mapping[str, Any] | None = None,
        /,
        **changes: Any,
    ) -> Self:
        """A light view of this client with other settings for its calls.

        ``client.with_options(timeout=5, retries=0).file.get(…)``; it shares connections, tokens,
        limiter and budget, and need not be closed.
        """
        if options is not None and changes:
            raise InvalidRequest("options and keyword arguments together: give one of them")
        return self._view(self._engine.with_options(RequestOptions.parse(changes or options)))

    def with_credentials(self, **fields: Unpack[CredentialFields]) -> Self:
        """A light view for another user, with a token source of its own on the same connections.

        Args:
            fields: ``token_info``, ``refresh_token_fun``, ``token_provider``, ``token_store``,
                ``share_token`` and ``refresh_share_token_fun`` as in ``ClientConfig``; what is
                not given is not inherited.
        """
        for name in fields:
            if name not in CredentialFields.__annotations__:
                known = ", ".join(CredentialFields.__annotations__)
                raise InvalidRequest(f"{name} is not a credential; known are {known}")
        engine, shared = self._engine, self._engine.shared
        config = ClientConfig(api_endpoint=shared.config.api_endpoint, allow_http=True, **fields)
        tokens, share = shared.token_source(config), shared.share_source(config)
        return self._view(Engine(shared, tokens, share, engine.options))

    def _view(self, engine: Engine) -> Self:
        view = object.__new__(type(self))
        # A subclass may have attributes of its own; the operations belong to the old engine.
        kept = {
            name: value
            for name, value in vars(self).items()
            if not isinstance(getattr(type(self), name, None), cached_property)
        }
        vars(view).update(kept)
        view._engine = engine
        view._is_view = True
        return view

    # -------------------------------------------------------------------- events

    @property
    def events(self) -> ClientEvents:
        """The emitter of ``error``, ``retry``, ``token`` and ``share_token``."""
        return self._engine.shared.events

    @overload
    def on(self, event: EventName, listener: None = None) -> Callable[[Listener], Listener]: ...
    @overload
    def on(self, event: EventName, listener: Listener) -> Listener: ...
    def on(self, event: EventName, listener: Any = None) -> Any:
        """Listen to an event; without a listener, a decorator. See ``ClientEvents``."""
        return self._engine.shared.events.on(event, listener)

    @overload
    def once(self, event: EventName, listener: None = None) -> Callable[[Listener], Listener]: ...
    @overload
    def once(self, event: EventName, listener: Listener) -> Listener: ...
    def once(self, event: EventName, listener: Any = None) -> Any:
        """Listen to the next event of its kind only."""
        return self._engine.shared.events.once(event, listener)

    def off(self, event: EventName, listener: Callable[..., object]) -> None:
        """Stop listening."""
        self._engine.shared.events.off(event, listener)

    # -------------------------------------------------------------------- resources

    account: Lazy[AccountResource] = Lazy("Accounts to log in with.")
    albums: Lazy[AlbumsResource] = Lazy("Photos out of groups of faces.")
    async_task: Lazy[AsyncTaskResource] = Lazy("Work that the service does in the background.")
    audit_log: Lazy[AuditLogResource] = Lazy("Who did what in the domain.")
    if TYPE_CHECKING:
        # An operation, not a group of them: the client has no other of the kind.
        batch = Op("/batch", BatchRequest, BatchReply)
    else:

        @property
        def batch(self) -> BoundOp[..., Any]:
            """Up to 100 calls in one."""
            from pdsclient.resources.batch import RootResource

            return RootResource(self._engine).batch

    benefit: Lazy[BenefitResource] = Lazy("Packages of services that users have.")
    csi: Lazy[CsiResource] = Lazy("Content review.")
    domain: Lazy[DomainResource] = Lazy("Domains, and orders of capacity.")
    drive: Lazy[DriveResource] = Lazy("Drives: the spaces that files live in.")
    file: Lazy[FileResource] = Lazy("Files and folders.")
    group: Lazy[GroupResource] = Lazy("Groups of users.")
    image: Lazy[ImageResource] = Lazy("Photos by person, place, content, and in stories.")
    membership: Lazy[MembershipResource] = Lazy("Who is in which group, the older way.")
    oauth: Lazy[OauthResource] = Lazy("Logging in.")
    recyclebin: Lazy[RecyclebinResource] = Lazy("What was thrown away.")
    role: Lazy[RoleResource] = Lazy("Administrators of groups.")
    share_link: Lazy[ShareLinkResource] = Lazy("Files that are shared by a link.")
    user: Lazy[UserResource] = Lazy("Users of the domain.")

    # -------------------------------------------------------------------- jobs

    def bulk_search(
        self,
        jobs: Jobs,
        *,
        concurrency: int = 16,
        partition: PartitionKey | None = None,
        ordered: bool = False,
        on_error: Literal["collect", "raise"] = "collect",
        checkpoint: str | os.PathLike[str] | None = None,
        progress: Callable[[Progress], object] | None = None,
        max_hits: int | None = None,
        **defaults: Unpack[SearchFields],
    ) -> BulkSearch:
        """Many searches by a fixed number of workers, or one big search in parallel.

        ``async with client.bulk_search(jobs, drive_id=…) as results:`` gives ``BulkResults``.
        Leaving the block, however it happens, stops the workers. Memory does not grow with the
        number of jobs or hits: workers wait for whoever takes the hits.

        Args:
            jobs: a query, a ``SearchJob``, or an iterable or async iterable of these, which is
                read as workers get free and may be endless.
            concurrency: number of workers, 1-1,024 (16), hence of requests under way at most.
            partition: divide each search into parts that are read in parallel, along
                ``created_at``, ``updated_at``, ``image_time`` or ``size``. Without files that
                change meanwhile the hits are those of the plain search; docs/bulk.md says what
                holds when they do. None divides none.
            ordered: give the hits in the order of the jobs and of their ``order_by``, which has
                to begin with the partition key. Slower: pages wait for their turn.
            on_error: ``collect`` keeps a failing job in ``results.failures`` and goes on with the
                others; ``raise`` ends everything with its error.
            checkpoint: a file to keep the place in; its folder has to be there. If the file is
                there, the search goes on from it, for which jobs, partition, ordered and
                max_hits have to be the same. It disappears when the search is complete.
            progress: called with a ``Progress`` twice a second, and at the end.
            max_hits: stop after so many hits of all jobs together; None gives all.
            defaults: what jobs do not say themselves: ``drive_id``, ``order_by``, ``fields`` and
                the other arguments of ``client.file.search``.

        Raises:
            InvalidRequest: an argument is wrong, naming it; nothing was sent. When the block is
                entered: the checkpoint is that of another search.
            AuthError, ClientClosed: where hits are taken, as no job could succeed; other errors
                of the service are failures of their jobs unless ``on_error`` says ``raise``.
        """
        from pdsclient.bulk import BulkSearch

        return BulkSearch(
            self._engine,
            jobs,
            concurrency=concurrency,
            partition=partition,
            ordered=ordered,
            on_error=on_error,
            checkpoint=checkpoint,
            progress=progress,
            max_hits=max_hits,
            defaults=dict(defaults),
        )

    # -------------------------------------------------------------------- life

    async def aclose(self) -> None:
        """Finish an unfinished refresh and the listeners (5 s each), then close all connections.

        Idempotent. A borrowed session stays open.
        """
        self._refuse_on_view("aclose()")
        await self._engine.shared.close()

    async def __aenter__(self) -> Self:
        self._refuse_on_view("async with")
        if self._engine.shared.closed:
            raise ClientClosed("the client is closed; make a new one")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    def _refuse_on_view(self, what: str) -> None:
        if self._is_view:
            raise InvalidRequest(
                f"{what} is for the client itself, not for a view made by with_options or "
                "with_credentials: views share its connections and need no closing"
            )

    def __reduce__(self) -> NoReturn:
        refuse_to_pickle("an AsyncPDSClient")

    def __repr__(self) -> str:
        shared = self._engine.shared
        state = "closed" if shared.closed else "open"
        view = " view" if self._is_view else ""
        return f"<{type(self).__name__}{view} {shared.config.api_endpoint} {state}>"
