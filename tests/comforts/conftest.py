"""A service of a few lines that answers each path as a test says, and clients that never wait."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from pdsclient import AsyncPDSClient, RuntimeContext

Answer = tuple[int, Any] | web.StreamResponse
Handler = Callable[[Any], Answer | Awaitable[Answer]]


@dataclass
class Service:
    """Answers ``/v2/…`` by handlers that get the request's data, and anything else by ``data``."""

    handlers: dict[str, Handler] = field(default_factory=dict)
    data: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None
    seen: list[tuple[str, Any]] = field(default_factory=list)
    inner: list[tuple[str, Any]] = field(default_factory=list)
    requests: list[web.Request] = field(default_factory=list)
    endpoint: str = ""

    def on(self, path: str, *answers: Answer | Handler) -> None:
        """Answer a path with these in turn, and with the last one for ever."""
        left = list(answers)

        def answer(data: Any) -> Any:
            one = left.pop(0) if len(left) > 1 else left[0]
            return one(data) if callable(one) else one

        self.handlers[path] = answer

    def sent(self, path: str) -> list[Any]:
        """The data of all requests to a path, by themselves and in batches."""
        return [data for one, data in self.seen + self.inner if one == path]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        if not request.path.startswith("/v2/"):
            assert self.data is not None
            return await self.data(request)
        path, data = request.path.removeprefix("/v2"), json.loads(await request.read())
        self.seen.append((path, data))
        return rendered(await self._answer(path, data))

    async def _answer(self, path: str, data: Any) -> Answer:
        if path not in self.handlers and path == "/batch":
            return await self.batch(data)
        answer = self.handlers[path](data)
        return await answer if isinstance(answer, Awaitable) else answer

    async def batch(self, data: Any) -> Answer:
        """The answers of the handlers to the calls in an envelope."""
        responses = []
        for one in data["requests"]:
            self.inner.append((one["url"], one["body"]))
            status, body = await self._answer(one["url"], one["body"])
            responses.append({"id": one["id"], "status": status, "body": body})
        return 200, {"responses": responses}


def rendered(answer: Answer) -> web.StreamResponse:
    if isinstance(answer, web.StreamResponse):
        return answer
    status, body = answer
    return web.Response(status=status) if body is None else web.json_response(body, status=status)


def refused(status: int, code: str) -> Answer:
    """An error as the service words it."""
    return status, {"code": code, "message": f"refused with {code}"}


@pytest.fixture
def refuse() -> Callable[[int, str], Answer]:
    """Makes the error replies of the service."""
    return refused


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    """A service on a free port; it knows nothing until a test says so."""
    made = Service()
    app = web.Application(client_max_size=1 << 27)
    app.router.add_route("*", "/{path:.*}", made.handle)
    server = TestServer(app)
    # Its log would show the URLs that the client must not show.
    await server.start_server(access_log=None)
    made.endpoint = str(server.make_url("")).rstrip("/")
    yield made
    await server.close()


class FakeTime:
    """A clock that moves only when somebody sleeps, and a sleep that never waits."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return 1_700_000_000.0 + self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def random(self) -> float:
        return 1.0


@pytest.fixture
def time() -> FakeTime:
    """Time under the test's control."""
    return FakeTime()


@pytest.fixture
async def make_client(
    service: Service, time: FakeTime
) -> AsyncIterator[Callable[..., AsyncPDSClient]]:
    """Makes clients of the service; closes them at the end."""
    made: list[AsyncPDSClient] = []

    def make(**fields: Any) -> AsyncPDSClient:
        context = RuntimeContext(clock=time, sleep=time.sleep, random=time)
        token = {"access_token": "secret-token-of-the-test"}
        made.append(
            AsyncPDSClient(
                **{"api_endpoint": service.endpoint, "token_info": token, **fields},
                context=context,
            )
        )
        return made[-1]

    yield make
    for client in made:
        await client.aclose()


@pytest.fixture
def client(make_client: Callable[..., AsyncPDSClient]) -> AsyncPDSClient:
    """A client of the service."""
    return make_client()


@pytest.fixture(autouse=True)
def _no_blocking_calls(blocking_calls_fail: None) -> None:
    """A client shares its loop with everything else in its process."""


class Folder:
    """A service that keeps files and folders by their names."""

    def __init__(self) -> None:
        self.nodes: dict[str, dict[str, Any]] = {}
        self.made: dict[tuple[str, str], int] = defaultdict(int)

    def add(self, parent: str, name: str, kind: str = "folder", file_id: str = "") -> str:
        file_id = file_id or f"id-{len(self.nodes) + 1}"
        self.nodes[file_id] = {
            "file_id": file_id,
            "parent_file_id": parent,
            "name": name,
            "type": kind,
        }
        return file_id

    def create(self, data: Any) -> Answer:
        parent, name = data["parent_file_id"], data["name"]
        if parent != "root" and parent not in self.nodes:
            return refused(404, "NotFound.ParentFileId")
        for node in self.nodes.values():
            if (node["parent_file_id"], node["name"]) == (parent, name):
                return 201, {**node, "file_name": name, "exist": True}
        self.made[parent, name] += 1
        file_id = self.add(parent, name, data["type"])
        return 201, {**self.nodes[file_id], "file_name": name, "exist": False}

    def get(self, data: Any) -> Answer:
        node = self.nodes.get(data["file_id"])
        return refused(404, "NotFound.FileId") if node is None else (200, node)


@pytest.fixture
def tree(service: Service) -> Folder:
    """Files and folders behind ``create`` and ``get`` of the service."""
    made = Folder()
    service.on("/file/create", made.create)
    service.on("/file/get", made.get)
    return made
