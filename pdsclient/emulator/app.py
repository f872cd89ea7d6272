"""The HTTP face: from a request to a reply, with faults, latency and bandwidth in between."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from sys import maxsize
from time import perf_counter
from urllib.parse import parse_qsl
from weakref import WeakKeyDictionary

from aiohttp import web
from attrs import define, field

from pdsclient._operations_table import KNOWN
from pdsclient.emulator.data import answer_data
from pdsclient.emulator.faults import cut
from pdsclient.emulator.faultscript import FaultScript
from pdsclient.emulator.guard import Guard
from pdsclient.emulator.handlers import OPERATIONS, Operation
from pdsclient.emulator.identity import Caller
from pdsclient.emulator.line import Line, Pace
from pdsclient.emulator.params import Params, parse_json
from pdsclient.emulator.replies import Reply, ServiceError, error_reply, gateway_reply, request_id
from pdsclient.emulator.requestlog import RequestLog, RequestRecord
from pdsclient.emulator.service import Call, Service
from pdsclient.emulator.signed import PREFIX
from pdsclient.emulator.throttle import Throttle, throttled_reply

__all__ = ["Application", "Control"]

CONTROL_PREFIX = "/_emulator/"
_VERSION = "/v2"
# The service answers to POST alone but for these two.
_GET_PATHS = frozenset({"/file/download", "/oauth/authorize"})
_PATHS = {"GET": _GET_PATHS, "POST": KNOWN - _GET_PATHS}
logger = logging.getLogger("pdsclient.emulator")

Control = Callable[[str, bytes, Mapping[str, str]], Awaitable[Reply]]


@define(eq=False)
class Connection:
    """A connection that a client has opened."""

    served: int = 0
    pace: Pace = field(factory=Pace)


class Application:
    """Answers requests; one for each emulator."""

    def __init__(
        self,
        service: Service,
        *,
        guard: Guard,
        faults: FaultScript,
        log: RequestLog,
        throttle: Throttle,
        line: Line,
        control: Control,
        access_log: bool,
    ) -> None:
        self.service = service
        self.throttle = throttle
        self.line = line
        self._guard = guard
        self._faults = faults
        self._log = log
        self._control = control
        self._access_log = access_log
        # aiohttp runs one task for each connection, which is thus the connection's identity.
        self._connections: WeakKeyDictionary[asyncio.Task[None], Connection] = WeakKeyDictionary()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """The handler for `aiohttp.web.Server`."""
        started = perf_counter()
        try:
            response = await self._answer(request)
        except ConnectionError:
            # The client went away; there is nobody to tell.
            return cut(request, reset=False)
        if self._access_log:
            spent_ms = (perf_counter() - started) * 1000
            path = request.rel_url.raw_path
            logger.info("%s %s %d %.1f ms", request.method, path, response.status, spent_ms)
        return response

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        refusal = self._guard.refuses(request.headers, browsers=_is_login_page(request))
        if refusal is not None:
            return await Exchange(self, request, None, b"").send(refusal)
        body = await _read_body(request)
        if isinstance(body, Reply):
            return await Exchange(self, request, None, b"").send(body)
        if request.path.startswith(CONTROL_PREFIX):
            verb = request.path.removeprefix(CONTROL_PREFIX)
            return respond(await self._control(verb, body, request.headers))
        record = self._record(request, body)
        exchange = Exchange(self, request, record, body)
        fault = self._faults.take(record)
        if fault is not None:
            return await fault.play(exchange)
        return await exchange.send(await exchange.process())

    def _record(self, request: web.BaseRequest, body: bytes) -> RequestRecord:
        connection = self.connection_of(request)
        connection.served += 1
        # Without scheme and host, which a request line may have as well.
        path = request.rel_url.raw_path
        record = RequestRecord(
            request.method,
            path,
            request.rel_url.raw_query_string,
            "/data" if path.startswith(PREFIX) else path.removeprefix(_VERSION),
            {name.lower(): value for name, value in request.headers.items()},
            body,
            self.service.clock.time(),
            connection.served,
        )
        self._log.add(record)
        return record

    def connection_of(self, request: web.BaseRequest) -> Connection:
        """The connection that it came over."""
        known = self._connections.get(request.task)
        if known is None:
            known = self._connections[request.task] = Connection()
        return known


@define(eq=False)
class Exchange:
    """One request and the way to its reply.

    Attributes:
        body: what was read of it; nothing where data is put, which `arriving` gives.
        incoming: what takes the place of `arriving`.
    """

    app: Application
    request: web.BaseRequest
    record: RequestRecord | None
    body: bytes
    incoming: AsyncIterator[bytes] | None = None

    async def process(self) -> Reply:
        """Do what is asked; every failure is a reply."""
        try:
            return await self._process()
        except ServiceError as error:
            return error.reply()
        except Exception:
            logger.exception("the emulator failed on %s", self.request.rel_url.raw_path)
            return error_reply(
                500, "InternalError", "The request has been failed due to some unknown error."
            )

    async def _process(self) -> Reply:
        record = self.record
        assert record is not None, "only recorded requests are processed"
        if record.path.startswith(PREFIX):
            return await answer_data(self.app.service, record, self.incoming or self.arriving())
        operation = _route(record)
        if isinstance(operation, Reply):
            return operation
        params = self._params(operation)
        caller = await _authenticate(self.app.service, operation, record)
        wait_s = self.app.throttle.wait_s(record.operation)
        if wait_s > 0:
            return throttled_reply(self.app.service.settings.throttled, wait_s)
        service = self.app.service
        if service.store.next_due <= service.clock.time():
            await service.write(service.store.run_due_tasks)
        return await operation.run(Call(service, service.settings, params, caller))

    def _params(self, operation: Operation) -> Params:
        if operation.body == "json":
            return Params(parse_json(self.body))
        if operation.body == "query":
            return Params(dict(parse_qsl(self.request.query_string)))
        form = self.request.content_type == "application/x-www-form-urlencoded"
        text = self.body.decode(errors="replace") if form else ""
        return Params(dict(parse_qsl(text)))

    async def arriving(self, *, most: int = maxsize) -> AsyncIterator[bytes]:
        """The data that is put, or so many bytes of it, as the line carries it."""
        line, pace, content = self.app.line, self._pace, self.request.content
        line.narrow(self.request.transport)
        while most > 0 and (piece := await content.read(min(line.piece, most))):
            most -= len(piece)
            await line.carry(len(piece), pace)
            yield piece

    async def send(self, reply: Reply) -> web.StreamResponse:
        """The reply, after the latency and as the line carries it."""
        if reply.chunks is None and self.app.line.rate is None:
            await self._wait(reply)
            return respond(reply)
        response = await self.begin(reply)
        sent = await self.write(response, reply)
        if sent < reply.size:
            return cut(self.request, reset=False)
        await response.write_eof()
        return response

    async def begin(self, reply: Reply) -> web.StreamResponse:
        """The headers of the reply; its body is to be written."""
        await self._wait(reply)
        response = web.StreamResponse(status=reply.status, headers=_headers(reply))
        response.content_length = reply.size
        await response.prepare(self.request)
        return response

    async def write(
        self, response: web.StreamResponse, reply: Reply, *, most: int = maxsize
    ) -> int:
        """How much of the body was written: all that there is, or so many bytes of it."""
        line, pace, sent = self.app.line, self._pace, 0
        line.narrow(self.request.transport)
        async for piece in reply.pieces(min(line.piece, max(most, 1))):
            if sent >= most:
                break
            part = piece[: most - sent]
            await line.carry(len(part), pace)
            await response.write(part)
            sent += len(part)
        return sent

    async def _wait(self, reply: Reply) -> None:
        if self.record is not None:
            self.record.status = reply.status
        if self.app.line.latency_s > 0:
            await asyncio.sleep(self.app.line.latency_s)

    @property
    def _pace(self) -> Pace:
        return self.app.connection_of(self.request).pace


def _is_login_page(request: web.BaseRequest) -> bool:
    return request.method == "GET" and request.path == f"{_VERSION}/oauth/authorize"


async def _read_body(request: web.BaseRequest) -> bytes | Reply:
    """The body, or the gateway's refusal of one that is too large.

    What is put to a signed URL may be of any size: it is read where it is put.
    """
    if request.headers.get("Expect", "").lower() == "100-continue" and request.transport:
        # Some clients do not send their body before they have read this.
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    if request.method == "PUT" and request.rel_url.raw_path.startswith(PREFIX):
        return b""
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        return gateway_reply(413, "I413RL", "request body too large")


def respond(reply: Reply) -> web.Response:
    """The reply as aiohttp sends it."""
    return web.Response(status=reply.status, body=reply.body or None, headers=_headers(reply))


def _headers(reply: Reply) -> dict[str, str]:
    return {**reply.headers, "x-ca-request-id": request_id()}


def _route(record: RequestRecord) -> Operation | Reply:
    """The operation, or the reply for a path that has none."""
    path = record.operation if record.path.startswith(f"{_VERSION}/") else ""
    if path not in _PATHS.get(record.method, ()):
        return gateway_reply(404, "I404NF", "API not found")
    operation = OPERATIONS.get(path)
    if operation is None:
        return error_reply(400, "OperationNotSupport", "This operation is not supported.")
    return operation


async def _authenticate(service: Service, operation: Operation, record: RequestRecord) -> Caller:
    """Who calls; ServiceError 401 when the credential that is needed is missing or dead."""
    token = record.access_token or record.headers.get("x-acs-bearer-token")
    if operation.access == "anyone":
        try:
            return Caller(await service.user_of(token))
        except ServiceError:
            return Caller()
    share_token = record.share_token if operation.access == "share" else None
    if share_token is None:
        return Caller(await service.user_of(token))
    # With both credentials both have to be good; which of the two the service looks at is unknown.
    user = await service.user_of(token) if token else None
    return Caller(user, await service.share_of(share_token))
