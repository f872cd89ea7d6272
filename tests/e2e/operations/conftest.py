"""Every emulated operation through the client, with every parameter that it takes.

A test names the operations that it covers: ``@pytest.mark.covers("/drive/get", …)``. Beside what
it asserts itself, every parameter of these operations must have been part of a call that the
emulator understood, and whatever the emulator answered must be declared by the models. The
emulator's page names the parameters that the emulator does not look at, and no others.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import aiohttp
import msgspec
import pytest

from pdsclient import AsyncPDSClient, _codec
from pdsclient.emulator.app import Exchange
from pdsclient.emulator.handlers import OPERATIONS
from pdsclient.emulator.params import Params
from pdsclient.models import Model
from pdsclient.models._request import PartOf
from pdsclient.models._rules import ListOf, MapOf, Rule

# What a link can never do is refused with 403; malformed it would be 400.
UNDERSTOOD = (200, 201, 202, 204, 302, 403)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "covers(*paths): the operations that a test is about")


class Stage:
    """A world, and the things that tests put into it through the client."""

    def __init__(self, world: Any, http: aiohttp.ClientSession, stack: AsyncExitStack) -> None:
        self.world = world
        self.emulator = world.emulator
        self.client: AsyncPDSClient = world.client
        self.drive: dict[str, str] = world.drive
        self.http = http
        self._stack = stack

    async def connect(self, **fields: Any) -> AsyncPDSClient:
        """Another client of the same world."""
        client: AsyncPDSClient = await self._stack.enter_async_context(self.world.connect(**fields))
        return client

    async def log_in(self, user_id: str) -> AsyncPDSClient:
        """A client of a user, who is made if there is none."""
        return await self.connect(token_info=self.emulator.issue_token(user_id=user_id))

    async def visit(self, *file_ids: str, **link: Any) -> tuple[AsyncPDSClient, dict[str, str]]:
        """A client with a share token only, and the argument that names the share."""
        made = await self.client.share_link.create(
            **self.drive, file_id_list=list(file_ids), **link
        )
        token = await self.client.share_link.get_share_token(share_id=made.share_id)
        visitor = await self.connect(share_token=token.share_token)
        return visitor, {"share_id": made.share_id}

    # ---- things

    async def folder(self, name: str = "folder", parent: str = "root") -> str:
        made = await self.client.file.create(
            **self.drive, name=name, parent_file_id=parent, type="folder"
        )
        return made.file_id

    async def file(
        self, name: str = "a.txt", content: bytes = b"abc", parent: str = "root", **more: Any
    ) -> str:
        """A file with a content."""
        made = await self.client.file.create(
            **self.drive, name=name, parent_file_id=parent, type="file", size=len(content), **more
        )
        await self.put(made.part_info_list[0].upload_url, content)
        await self.client.file.complete(
            **self.drive, file_id=made.file_id, upload_id=made.upload_id
        )
        return made.file_id

    async def trash(self, name: str) -> str:
        """A file in the recycle bin."""
        file_id = await self.file(name)
        await self.client.recyclebin.trash(**self.drive, file_id=file_id)
        return file_id

    async def user(self, user_id: str, **more: Any) -> str:
        return (await self.client.user.create(user_id=user_id, **more)).user_id

    async def group(self, name: str, **more: Any) -> str:
        return (await self.client.group.create(group_name=name, **more)).group_id

    # ---- contents

    async def put(self, url: str, content: bytes) -> str:
        """Upload a part; its ETag."""
        async with self.http.put(url, data=content, headers={"Content-Type": ""}) as reply:
            assert reply.status == 200
            return reply.headers["ETag"]

    async def fetch(self, url: str) -> bytes:
        """What is at a presigned URL."""
        async with self.http.get(url) as reply:
            assert reply.status == 200
            return await reply.read()

    # ---- listings

    async def keys(self, pager: Any, name: str) -> list[Any]:
        """A field of all rows of a listing."""
        return [getattr(one, name) for one in await pager.collect()]

    async def names(self, pager: Any) -> list[str]:
        """The names of all files of a listing."""
        return await self.keys(pager, "name")

    async def by_ones(self, operation: Any, name: str, **arguments: Any) -> list[Any]:
        """A field of all rows, which are asked for one at a time."""
        found: list[Any] = []
        async for page in operation(**arguments, limit=1).pages():
            assert len(page.items) <= 1
            found.extend(getattr(one, name) for one in page.items)
        return found


@pytest.fixture
async def stage(
    start: Any,
    answers: dict[str, list[bytes]],
    read: dict[str, set[str]],
    request: pytest.FixtureRequest,
) -> AsyncIterator[Stage]:
    """A world without files; at its end it is checked what the test has covered."""
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(start([], request_log_size=1000))
        http = await stack.enter_async_context(aiohttp.ClientSession())
        stage = Stage(world, http, stack)
        yield stage
        marker = request.node.get_closest_marker("covers")
        for path in marker.args if marker else ():
            assert left_out(stage, path) == set(), path
            assert unread(stage, path, read[path]) == overlooked(path), path
        assert undeclared(stage.client, answers) == []


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[bytes]]:
    """The bodies of all successful replies, by operation."""
    bodies: dict[str, list[bytes]] = defaultdict(list)
    send = Exchange.send

    async def noting(exchange: Exchange, reply: Any) -> Any:
        if reply.status < 300 and reply.body and exchange.record is not None:
            bodies[exchange.record.operation].append(reply.body)
        return await send(exchange, reply)

    monkeypatch.setattr(Exchange, "send", noting)
    return bodies


# ---- parameters


def operation(client: AsyncPDSClient, path: str) -> Any:
    """The operation as users find it."""
    found: Any = client
    for segment in path.strip("/").split("/"):
        found = getattr(found, "import_" if segment == "import" else segment)
    return found


def left_out(stage: Stage, path: str) -> set[str]:
    """The parameters of an operation that were part of no call."""
    rules = operation(stage.client, path).op.request.rules
    understood = (one for one in stage.emulator.requests.of(path) if one.status in UNDERSTOOD)
    return set(known(rules)) - {name for one in understood for name in given(rules, sent_by(one))}


def sent_by(record: Any) -> Mapping[str, Any]:
    """The parameters of a request: JSON, a form, or a query."""
    if record.data is not None:
        data: Mapping[str, Any] = record.data
        return data
    text = record.query if record.method == "GET" else record.body.decode()
    return {name: values[0] for name, values in parse_qs(text, keep_blank_values=True).items()}


Rules = Iterable[tuple[str, Rule]]


def known(rules: Rules, prefix: str = "") -> Iterator[str]:
    """The parameters of a request, and of the parts in it."""
    for name, rule in rules:
        yield prefix + name
        part = innermost(rule)
        if isinstance(part, PartOf):
            yield from known(part.part.rules, f"{prefix}{name}.")


def given(rules: Rules, data: Any, prefix: str = "") -> Iterator[str]:
    """Which of them a body has."""
    for name, rule in rules:
        if name in data:
            yield prefix + name
            part = innermost(rule)
            if isinstance(part, PartOf):
                for value in values_of(rule, data[name]):
                    yield from given(part.part.rules, value, f"{prefix}{name}.")


def innermost(rule: Rule) -> Rule:
    """The rule of the items of a list or map."""
    return innermost(rule.item) if isinstance(rule, (ListOf, MapOf)) else rule


def values_of(rule: Rule, value: Any) -> list[Any]:
    """The items of a list or map."""
    if isinstance(rule, (ListOf, MapOf)):
        items = value.values() if isinstance(value, dict) else value
        return [deep for one in items for deep in values_of(rule.item, one)]
    return [value]


# ---- what becomes of parameters


class Seen(dict[str, Any]):
    """Parameters that note which of them are looked at; who goes through all looks at all."""

    def __init__(self, data: Mapping[str, Any], noted: set[str], prefix: str = "") -> None:
        super().__init__(data)
        self._noted = noted
        self._prefix = prefix

    def get(self, name: str, default: Any = None) -> Any:
        self._noted.add(self._prefix + name)
        return self._inside(super().get(name, default), f"{self._prefix}{name}.")

    def items(self) -> Any:
        self._noted.add(f"{self._prefix}*")
        return super().items()

    def _inside(self, value: Any, prefix: str) -> Any:
        if isinstance(value, list):
            return [self._inside(one, prefix) for one in value]
        return Seen(value, self._noted, prefix) if isinstance(value, dict) else value


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> dict[str, set[str]]:
    """The parameters that the emulator has looked at, by operation."""
    noted: dict[str, set[str]] = defaultdict(set)
    params = Exchange._params

    def noting(exchange: Exchange, operation: Any) -> Any:
        assert exchange.record is not None
        data = params(exchange, operation)._data
        return Params(Seen(data, noted[exchange.record.operation]))

    monkeypatch.setattr(Exchange, "_params", noting)
    return noted


def unread(stage: Stage, path: str, noted: set[str]) -> set[str]:
    """The parameters of an operation that nobody has looked at, without what they are in."""
    rules = operation(stage.client, path).op.request.rules
    return {name.split(".")[-1] for name in known(rules) if not is_noted(name, noted)}


def is_noted(name: str, noted: set[str]) -> bool:
    """Whether it was looked at, or all of an object that it is in."""
    names = name.split(".")
    wholes = {".".join([*names[:depth], "*"]) for depth in range(1, len(names))}
    return name in noted or not wholes.isdisjoint(noted)


def overlooked(path: str) -> set[str]:
    """The parameters of an operation that have no effect, by the emulator's page."""
    page = Path(__file__).parents[3] / "docs" / "emulator.md"
    text = page.read_text("utf-8").partition("# Parameters without effect")[2].partition("\n#")[0]
    rows = re.findall(r"^\| `(\w+)` \| (`/[^|]*) \|", text, re.MULTILINE)
    return {name for name, paths in rows if f"`{path}`" in paths}


# ---- replies


def undeclared(client: AsyncPDSClient, answers: Mapping[str, list[bytes]]) -> list[str]:
    """What the models do not know of what was answered."""
    found = []
    for path in answers.keys() & OPERATIONS.keys():
        op = operation(client, path).op
        for body in answers[path] if op.reply not in (None, str) else ():
            found += unknown(_codec.decode(body, op.kind), msgspec.json.decode(body), path)
    return found


def unknown(value: Any, raw: Any, where: str) -> Iterator[str]:
    """The keys of a reply that its model has no field for."""
    if isinstance(value, Model) and isinstance(raw, dict):
        names = dict(zip(value.__struct_encode_fields__, value.__struct_fields__, strict=True))
        for name, one in raw.items():
            if name in names:
                yield from unknown(getattr(value, names[name]), one, f"{where}.{name}")
            else:
                yield f"{where}.{name}"
    elif isinstance(value, list) and isinstance(raw, list):
        for one, other in zip(value, raw, strict=True):
            yield from unknown(one, other, where)
    elif isinstance(value, dict) and isinstance(raw, dict):
        for name, one in value.items():
            yield from unknown(one, raw[name], f"{where}[{name}]")
