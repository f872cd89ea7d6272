"""The emulator as an object: starting and stopping it, and everything a test may do to it."""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from os import PathLike
from types import TracebackType
from typing import Any, Self

from aiohttp import StreamReader, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import RawRequestMessage
from attrs import evolve

from pdsclient._clock import Clock
from pdsclient.emulator.app import Application
from pdsclient.emulator.clock import MovableClock
from pdsclient.emulator.control import ControlPlane
from pdsclient.emulator.faultscript import FaultScript
from pdsclient.emulator.guard import Guard, is_loopback
from pdsclient.emulator.line import Line
from pdsclient.emulator.requestlog import RequestLog
from pdsclient.emulator.rsa import (
    PrivateKey,
    PublicKey,
    new_key,
    read_private_key,
    read_public_key,
)
from pdsclient.emulator.service import Service
from pdsclient.emulator.settings import RateLimit, Settings
from pdsclient.emulator.stock import OWNER, Stock
from pdsclient.emulator.store import App, Grant, Store
from pdsclient.emulator.throttle import Throttle
from pdsclient.emulator.tree import TreeReport, serve_tree
from pdsclient.errors import InvalidRequest
from pdsclient.tokens import TokenInfo

__all__ = ["Emulator", "serve"]

_DRIVE_ID = "1"
# Time for handlers to finish by themselves on shutdown; then they are cancelled.
_GRACE_S = 0.05
# The states of the hashes before 10,000 parts take 1.6 MB; aiohttp takes one by default.
_LARGEST_BODY = 8 * 1024**2


class Emulator(Stock):
    """A PDS domain on this machine, over real HTTP.

    Use it in ``async with``; it listens once the block is entered. Methods that change what is
    stored are coroutines, everything else takes effect at once.

    Args:
        directory: a directory to serve as the drive; it is never written.
        host: the address to listen on; beyond loopback only with ``allow_remote``.
        port: 0 takes a free one.
        database: a file to keep drives and files in; memory if None.
        clock: what the emulator's movable clock runs on.
        latency_s: how long every reply waits, in seconds of real time.
        bandwidth_bps: bytes per second of each connection, in bodies of replies and of data that
            is put; real time; None for no limit.
        line_bps: bytes per second of all connections together, None for no limit.
        rate_limit: requests per second (a number: for the whole domain); None for no limit.
        settings: the switches for what is unknown about the service.
        domain_id: the name of the domain.
        app_id: the name of the app that may ask for any user's token.
        private_key: the app's key, as PEM; a new one is made when it is first asked for.
        allow_remote: listen on the given host though other machines may reach it.
        allowed_hosts: further names that may stand in a request's ``Host`` header.
        access_log: log a line for each request to the logger ``pdsclient.emulator`` (INFO),
            without query and tokens.
        request_log_size: how many requests `requests` keeps.
        keepalive_timeout_s: idle connections are closed after this time.

    Raises:
        InvalidRequest: for a host beyond loopback without ``allow_remote``, for an empty name, and
            for a private key that is none; on entering, for a database that is none or cannot be
            written.
    """

    def __init__(
        self,
        directory: str | PathLike[str] | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        database: str | PathLike[str] | None = None,
        clock: Clock | None = None,
        latency_s: float = 0.0,
        bandwidth_bps: float | None = None,
        line_bps: float | None = None,
        rate_limit: RateLimit | float | None = None,
        settings: Settings | None = None,
        domain_id: str = "bj1",
        app_id: str = "emulator",
        private_key: str | None = None,
        allow_remote: bool = False,
        allowed_hosts: Sequence[str] = (),
        access_log: bool = False,
        request_log_size: int = 10_000,
        keepalive_timeout_s: float = 75.0,
    ) -> None:
        if not allow_remote and not is_loopback(host):
            raise InvalidRequest(
                f"host {host!r} can be reached from other machines; "
                "pass allow_remote=True if that is meant"
            )
        for name, value in (("domain_id", domain_id), ("app_id", app_id)):
            if not value:
                raise InvalidRequest(f"{name} must not be empty: clients name it when they sign in")
        self.clock = clock if isinstance(clock, MovableClock) else MovableClock(clock)
        self.faults = FaultScript()
        self.requests = RequestLog(request_log_size)
        self.drive_id = _DRIVE_ID
        self.app_id = app_id
        self.tree: TreeReport | None = None
        self.control_secret = secrets.token_urlsafe(24)
        self._directory = directory
        self._address = (host, port)
        self._keepalive_timeout_s = keepalive_timeout_s
        self._runner: web.ServerRunner | None = None
        self._token_info: TokenInfo | None = None
        self._key = None if private_key is None else read_private_key(private_key)
        self._service = Service(
            database=database,
            clock=self.clock,
            settings=settings or Settings(),
            domain_id=domain_id,
        )
        self._line = Line(latency_s=latency_s, bandwidth_bps=bandwidth_bps, line_bps=line_bps)
        self._throttle = Throttle(_as_limit(rate_limit), self.clock)
        self._started_with = (latency_s, bandwidth_bps, line_bps, self._throttle.limit)
        self._app = Application(
            self._service,
            guard=Guard((host, *allowed_hosts), allow_remote=allow_remote),
            faults=self.faults,
            log=self.requests,
            throttle=self._throttle,
            line=self._line,
            control=ControlPlane(self, self.control_secret).answer,
            access_log=access_log,
        )

    # ---- life

    async def __aenter__(self) -> Self:
        try:
            await self._service.open()
            await self._service.write(self._furnish)
            await self._listen()
        except sqlite3.OperationalError as error:
            await self.aclose()
            raise InvalidRequest(f"the database cannot be written: {error}") from error
        except BaseException:
            await self.aclose()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Stop listening, interrupt what is under way, end the threads."""
        runner, self._runner = self._runner, None
        try:
            if runner is not None:
                await runner.cleanup()
        finally:
            await self._service.aclose()

    async def _listen(self) -> None:
        server = web.Server(
            self._app.handle,
            request_factory=_request,
            access_log=None,
            # No source knows of packed requests; to aiohttp, garbage in one is an error of ours.
            auto_decompress=False,
            handler_cancellation=True,
            keepalive_timeout=self._keepalive_timeout_s,
        )
        runner = self._runner = web.ServerRunner(server, shutdown_timeout=_GRACE_S)
        await runner.setup()
        host, port = self._address
        await web.TCPSite(runner, host, port, backlog=1024).start()
        bound = runner.addresses[0][1]
        shown = f"[{host}]" if ":" in host else host
        self._service.base_url = f"http://{shown}:{bound}"

    def _furnish(self) -> None:
        """The default user, drive and app, and the directory's files; on the writing thread."""
        store = self._service.store
        with store.atomic():
            if not store.domain():
                store.change_domain({})
                store.put_drive(self.drive_id, owner=OWNER, drive_name="Default", default=True)
            store.ensure_user(OWNER, {"role": "superadmin"})
            if store.app(self.app_id) is None:
                store.put_app(App(client_id=self.app_id))
            if self._key is not None:
                store.add_key(self.app_id, self._key.public)
        for record in store.users(lambda _: True, after=None, limit=-1)[0]:
            self._service.identity.note(store.whole_user(record.data))
        if self._directory is not None:
            self.tree = serve_tree(store, self._directory, self.drive_id)

    # ---- what a client needs

    @property
    def api_endpoint(self) -> str:
        """The base URL, without ``/v2``."""
        return self._service.base_url

    @property
    def domain_id(self) -> str:
        """The name of the domain."""
        return self._service.domain_id

    @property
    def token_info(self) -> TokenInfo:
        """A living token of the default user, who may do everything."""
        known = self._token_info
        if known is None or not self._service.identity.is_live(known.access_token):
            known = self._token_info = self.issue_token()
        return known

    def issue_token(
        self, ttl_s: float = 7200, *, user_id: str = OWNER, role: str | None = None
    ) -> TokenInfo:
        """A new token for a user, who is made with role ``user`` if there is none of that id.

        Args:
            ttl_s: life of the access token in seconds; the refresh token lives 7 days.
            user_id: whom it stands for; the default one may do everything.
            role: the user's role from now on.
        """
        identity = self._service.identity
        changes = {"role": role} if role else {}
        grant = identity.new_grant(user_id, ttl_s)
        self._service.post(_put_grant, self._service.store, grant, changes)
        user = evolve(identity.seen(user_id), **changes)
        return TokenInfo.parse(identity.token_reply(grant, user, Settings()))

    def issue_share_token(self, share_id: str, ttl_s: float = 7200) -> str:
        """A share token, without asking for the password."""
        return self._service.identity.issue_share_token(share_id, ttl_s)

    def revoke(self, token: str) -> None:
        """Make an access, refresh or share token worthless; only the server knows."""
        store, identity = self._service.store, self._service.identity
        identity.note_dead(token)
        self._service.post(identity.revoke, store, token)

    @property
    def private_key_pem(self) -> str:
        """The key with which the app `app_id` signs its assertions, as PEM (PKCS#8).

        Unless one was given, it is made here: that takes some tenths of a second of the
        processor, once in each process.
        """
        if self._key is None:
            self._key = _own_key()
            self._service.post(self._service.store.add_key, self.app_id, self._key.public)
        return self._key.pem

    async def register_app(
        self,
        client_id: str,
        *,
        client_secret: str = "",
        redirect_uris: Sequence[str] = (),
        public_key: str | None = None,
    ) -> None:
        """Let an app ask for tokens, or change how it may.

        Args:
            client_id: its name; that of `app_id` changes the app that is there.
            client_secret: what it has to send for codes and refresh tokens; nothing if empty.
            redirect_uris: where ``/oauth/authorize`` may send people back to, letter by letter.
            public_key: takes assertions that its owner signs, as PEM; keys are added to those
                that the app has.

        Raises:
            InvalidRequest: the public key is none.
        """
        key = None if public_key is None else read_public_key(public_key)
        app = App(
            client_id=client_id, client_secret=client_secret, redirect_uris=tuple(redirect_uris)
        )
        await self._service.write(self._register, app, key)

    def _register(self, app: App, key: PublicKey | None) -> None:
        store = self._service.store
        with store.atomic():
            known = store.app(app.client_id)
            store.put_app(evolve(app, keys=known.keys if known else ()))
            if key is not None:
                store.add_key(app.client_id, key)

    async def authorization_code(
        self, user_id: str = OWNER, *, client_id: str | None = None, redirect_uri: str = ""
    ) -> str:
        """A code as ``/oauth/authorize`` gives; the app exchanges it once.

        Args:
            user_id: who has signed in; made if there is none of that id.
            client_id: the app; the default one if it is left out.
            redirect_uri: what has to be sent along with the code.
        """
        service = self._service
        await service.write(service.store.ensure_user, user_id, {})
        return await service.write(
            service.new_code, client_id or self.app_id, user_id, redirect_uri
        )

    # ---- switches

    @property
    def settings(self) -> Settings:
        """The switches; may be replaced at any time, but for match mode and index delay."""
        return self._service.settings

    @settings.setter
    def settings(self, settings: Settings) -> None:
        old = self._service.settings
        if (old.match_mode, old.index_delay_s) != (settings.match_mode, settings.index_delay_s):
            raise InvalidRequest("match_mode and index_delay_s are set when the emulator is made")
        self._service.settings = settings

    @property
    def rate_limit(self) -> RateLimit | None:
        """Requests per second; a number sets it for the whole domain, None takes it away."""
        return self._throttle.limit

    @rate_limit.setter
    def rate_limit(self, limit: RateLimit | float | None) -> None:
        self._throttle.limit = _as_limit(limit)

    @property
    def latency_s(self) -> float:
        """How long every reply waits, in seconds of real time."""
        return self._line.latency_s

    @latency_s.setter
    def latency_s(self, seconds: float) -> None:
        self._line.latency_s = seconds

    @property
    def bandwidth_bps(self) -> float | None:
        """Bytes per second of each connection, None for no limit."""
        return self._line.bandwidth_bps

    @bandwidth_bps.setter
    def bandwidth_bps(self, rate: float | None) -> None:
        self._line.bandwidth_bps = rate

    @property
    def line_bps(self) -> float | None:
        """Bytes per second of all connections together, None for no limit."""
        return self._line.line_bps

    @line_bps.setter
    def line_bps(self, rate: float | None) -> None:
        self._line.line_bps = rate

    @property
    def control_url(self) -> str:
        """Where the control plane is; calls need `control_secret` in ``x-emulator-secret``."""
        return f"{self.api_endpoint}/_emulator"

    def reset(self) -> None:
        """No faults, an empty request log, and line and rate limit as at the start."""
        self.faults.clear()
        self.requests.clear()
        self.latency_s, self.bandwidth_bps, self.line_bps, self.rate_limit = self._started_with


@cache
def _own_key() -> PrivateKey:
    """One key for all emulators of a process: it takes longer to make than they live."""
    return new_key()


def _request(
    message: RawRequestMessage,
    payload: StreamReader,
    protocol: web.RequestHandler,
    writer: AbstractStreamWriter,
    task: asyncio.Task[None],
) -> web.BaseRequest:
    """A request as aiohttp makes them, but for the size of its body."""
    loop = asyncio.get_running_loop()
    return web.BaseRequest(
        message, payload, protocol, writer, task, loop, client_max_size=_LARGEST_BODY
    )


def _put_grant(store: Store, grant: Grant, changes: Mapping[str, Any]) -> None:
    with store.atomic():
        store.ensure_user(grant.user_id, changes)
        store.put_grant(grant)


def _as_limit(limit: RateLimit | float | None) -> RateLimit | None:
    if limit is None or isinstance(limit, RateLimit):
        return limit
    return RateLimit(per_second=limit)


async def serve(emulator: Emulator, *, started: Callable[[Emulator], None] | None = None) -> None:
    """Run an emulator until cancelled; `started` is called with it once it listens."""
    async with emulator:
        if started is not None:
            started(emulator)
        await asyncio.Event().wait()
