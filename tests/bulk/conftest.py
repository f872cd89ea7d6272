"""Two worlds for bulk searches: one of sockets and the emulator, one in memory and very fast.

In memory, everything of a bulk search is real but its last step: pages come from a ``Drive``
instead of a server, after a random number of turns of the event loop, so that replies overtake
each other in every order. Threads are replaced by plain calls, so one seed gives one course.
"""

from __future__ import annotations

import asyncio
import random
import time
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pdsclient import AsyncPDSClient, RuntimeContext, _codec
from pdsclient._core import Engine
from pdsclient.bulk import plan as plan_module
from pdsclient.emulator import Emulator
from pdsclient.errors import BadRequest
from pdsclient.models import FilePage
from pdsclient.query import And, Comparison, Not, Op, Or, Query, parse_order_by, parse_query

TIMES = ("created_at", "updated_at", "image_time")
NOW = 1_700_000_000
TOKEN = {"access_token": "the-access-token", "refresh_token": "the-refresh-token"}


# ------------------------------------------------------------------------------- in memory


@dataclass
class Habits:
    """What a server in memory does when it has the choice.

    Attributes:
        page: hits on a page at most.
        short: pages are of any length, also empty, while a marker follows.
        totals: ``exact``, ``missing``, ``zero``, ``huge`` or ``random``.
        lacking: where files without the key of the order come: ``last`` or ``first``.
        end: the marker of the last page, ``""`` or None.
        endless: markers never end.
        null: an empty page has ``items: null``.
        perishing: how likely it is that a marker is refused, from 0 to 1.
        sorts: False if the order that was asked for is ignored.
        hides: fields that no reply holds.
    """

    page: int = 4
    short: bool = False
    totals: str = "exact"
    lacking: str = "last"
    end: str | None = ""
    null: bool = False
    endless: bool = False
    perishing: float = 0.0
    sorts: bool = True
    hides: frozenset[str] = frozenset()


@dataclass
class Drive:
    """Files in memory, and a search over them.

    Rows are mappings by the service's names; times are seconds since 1970, with fractions.

    Args:
        before_each: called before each answer; it may change the rows.
        most: requests that are answered, and some more for each row; beyond, a search is taken
            for one that would never end.
    """

    rows: list[dict[str, Any]]
    habits: Habits = field(default_factory=Habits)
    seed: int = 0
    before_each: Callable[[Drive], None] = lambda drive: None
    most: int = 100

    def __post_init__(self) -> None:
        self.rows = [{**row} for row in self.rows]
        self.random = random.Random(self.seed)
        self.asked: list[dict[str, Any]] = []
        self.refused = 0
        self.now = float(NOW)
        self._markers: dict[str, tuple[Any, ...]] = {}
        self._found: dict[tuple[Any, ...], tuple[list[Any], list[dict[str, Any]]]] = {}

    def changed(self) -> None:
        """Rows were changed: nothing that was worked out before holds."""
        self._found.clear()

    async def page(self, data: Mapping[str, Any]) -> FilePage:
        """What the service would answer, at some time between now and then."""
        await self.turns()
        self.before_each(self)
        self.asked.append(dict(data))
        assert len(self.asked) <= self.most + 30 * len(self.rows), "this would never end"
        page = self._answer(data)
        await self.turns()
        return page

    async def turns(self) -> None:
        """Some time passes, in which others get on."""
        for _ in range(self.random.choice((0, 1, 2, 7, 40))):
            await asyncio.sleep(0)

    def find(self, query: str, order_by: str, *drives: str) -> list[str]:
        """The ids of all files that match, in order."""
        _, rows = self._search(query, order_by, drives or ("1",))
        return [row["file_id"] for row in rows]

    def _search(self, *search: Any) -> tuple[list[Any], list[dict[str, Any]]]:
        if search not in self._found:
            query, order_by, drives = search
            holds, key = _condition(query), self._key(order_by)
            rows = [row for row in self.rows if row["drive_id"] in drives and holds(row)]
            rows.sort(key=key)
            self._found[search] = list(map(key, rows)), rows
        return self._found[search]

    def _key(self, order_by: str) -> Callable[[dict[str, Any]], Any]:
        if not self.habits.sorts:
            return lambda row: (row["file_id"][::-1],)
        terms = parse_order_by(order_by).terms
        absent = (2,) if self.habits.lacking == "last" else (0,)

        def key(row: dict[str, Any]) -> Any:
            parts: list[Any] = []
            for term in terms:
                value = row.get(term.field)
                number = isinstance(value, (int, float))
                signed = -value if term.descending and number else value
                parts.append(absent if value is None else (1, signed))
            return (*parts, row["file_id"])

        return key

    def _answer(self, data: Mapping[str, Any]) -> FilePage:
        drives = tuple(data.get("drive_id_list") or [data["drive_id"]])
        keys, rows = self._search(data["query"], data["order_by"], drives)
        after = self._after(data)
        start = 0 if after is None else bisect_right(keys, after)
        length = min(data["limit"], self.habits.page)
        if self.habits.short and data["limit"] > 1:
            length = self.random.randint(0, length)
        reply: dict[str, Any] = {"items": list(map(self._item, rows[start : start + length]))}
        if not reply["items"] and self.habits.null:
            reply["items"] = None
        reply["next_marker"] = self.habits.end
        if start + length < len(rows) or self.habits.endless:
            reply["next_marker"] = self._mark(
                data, keys[start + length - 1] if reply["items"] else after
            )
        if data.get("return_total_count"):
            reply["total_count"] = self._total(len(rows))
        return _codec.decode(msgspec.json.encode(reply), FilePage)

    def _after(self, data: Mapping[str, Any]) -> Any:
        """The place in the order that the request goes on from."""
        if "marker" not in data:
            return None
        query, order_by, after = self._markers[data["marker"]]
        assert (data["query"], data["order_by"]) == (query, order_by), "pages asked for alike"
        if self.random.random() < self.habits.perishing:
            self.refused += 1
            raise BadRequest("marker", code="InvalidParameter.Marker", status=400)
        return after

    def _mark(self, data: Mapping[str, Any], after: Any) -> str:
        marker = f"m{len(self._markers)}"
        self._markers[marker] = (data["query"], data["order_by"], after)
        return marker

    def _total(self, count: int) -> int | None:
        kind = self.habits.totals
        if kind == "random":
            return self.random.randint(0, 2 * count)
        return {"exact": count, "missing": None, "zero": 0, "huge": 5 * count + 20}[kind]

    def _item(self, row: dict[str, Any]) -> dict[str, Any]:
        shown = {name: value for name, value in row.items() if name not in self.habits.hides}
        for name in TIMES:
            if shown.get(name) is not None:
                shown[name] = datetime.fromtimestamp(shown[name], UTC).isoformat()
        shown["image_media_metadata"] = {"time": shown.pop("image_time", None)}
        return shown


@lru_cache(10_000)
def _condition(query: str) -> Callable[[Mapping[str, Any]], bool]:
    return _compiled(parse_query(query).node)


def _compiled(node: Query) -> Callable[[Mapping[str, Any]], bool]:
    if isinstance(node, Not):
        inner = _compiled(node.term)
        return lambda row: not inner(row)
    if isinstance(node, (And, Or)):
        terms, decide = list(map(_compiled, node.terms)), all if isinstance(node, And) else any
        return lambda row: decide(term(row) for term in terms)
    assert isinstance(node, Comparison)
    return _comparison(node.field, node.op, _plain(node.value))


def _plain(value: Any) -> Any:
    return value.timestamp() if isinstance(value, datetime) else value


def _comparison(name: str, op: Op, value: Any) -> Callable[[Mapping[str, Any]], bool]:
    tests: dict[Op, Callable[[Any], bool]] = {
        Op.EQ: lambda found: found == value,
        Op.LT: lambda found: found < value,
        Op.LE: lambda found: found <= value,
        Op.GT: lambda found: found > value,
        Op.GE: lambda found: found >= value,
        Op.MATCH: lambda found: value in found,
    }
    test = tests[op]
    return lambda row: row.get(name) is not None and test(row[name])


def file_row(number: int, created: float, **others: Any) -> dict[str, Any]:
    """A file for a drive in memory."""
    return {
        "file_id": f"f{number:05}",
        "drive_id": "1",
        "name": f"n{number % 7}",
        "type": "file",
        "created_at": created,
        "updated_at": created,
        "size": number,
        **others,
    }


class KilledError(Exception):
    """The process is gone, at this very instant."""


class Memory:
    """A sink whose rows survive, and a witness of all that reaches the disk.

    Attributes:
        rows: ids of files that were written, in order.
        lives: instants until the process is killed; None for never.
    """

    def __init__(self, lives: int | None = None) -> None:
        self.rows: list[str] = []
        self.lives = lives

    def live(self) -> None:
        """An instant passes."""
        if self.lives is not None:
            self.lives -= 1
            if self.lives < 0:
                raise KilledError

    async def start(self, position: Any) -> None:
        del self.rows[position["rows"] if position else 0 :]

    async def write(self, batches: Sequence[Any]) -> Any:
        for batch in batches:
            self.live()
            self.rows += [file.file_id for file in batch.files]
        self.live()
        return {"rows": len(self.rows)}

    async def finish(self) -> None:
        self.live()

    async def aclose(self, *, keep: bool) -> None:
        pass


@contextmanager
def _small(least: int = 4, piece: int = 6, crowd: int = 5) -> Iterator[pytest.MonkeyPatch]:
    """Small trees behave as big ones: they are cut, and have crowds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan_module, "LEAST_TO_CUT", least)
        patch.setattr(plan_module, "PIECE", piece)
        patch.setattr(plan_module, "CROWD", crowd)
        yield patch


class Simulator:
    """Runs bulk searches over drives in memory."""

    def __init__(self) -> None:
        self._client = AsyncPDSClient(api_endpoint="http://127.0.0.1:1", token_info=TOKEN)

    @contextmanager
    def serving(self, drive: Drive, sink: Memory | None = None) -> Iterator[AsyncPDSClient]:
        """Within it, pages come from the drive, and threads are plain calls."""

        async def run(engine: Any, call: Any) -> FilePage:
            if sink is not None:
                sink.live()
            call.sends += 1
            return await drive.page(msgspec.json.decode(call.body))

        async def call(function: Callable[..., Any], *arguments: Any) -> Any:
            if sink is not None:
                sink.live()
            result = function(*arguments)
            await drive.turns()
            return result

        with _small() as patch:
            patch.setattr(Engine, "run", run)
            patch.setattr(asyncio, "to_thread", call)
            yield self._client

    def collect(self, drive: Drive, jobs: Any, **options: Any) -> tuple[list[str], list[Any]]:
        """The ids of all hits, as a slow or a fast consumer takes them, and the failures."""

        async def run() -> tuple[list[str], list[Any]]:
            found = []
            async with asyncio.timeout(10), client.bulk_search(jobs, **options) as results:
                async for hit in results:
                    found.append(hit.file.file_id)
                    if drive.random.random() < 0.1:
                        await drive.turns()
                failures = results.failures
            assert asyncio.all_tasks() == {asyncio.current_task()}
            return found, failures

        options.setdefault("drive_id", "1")
        with self.serving(drive) as client:
            return asyncio.run(run())

    def write(
        self, drive: Drive, jobs: Any, sink: Memory, checkpoint: Path, **options: Any
    ) -> list[Any] | None:
        """Writes all hits to a sink; the failures, or None if the process was killed."""

        async def run() -> list[Any]:
            async with client.bulk_search(jobs, checkpoint=checkpoint, **options) as results:
                await results.write_to(sink)
                return results.failures

        options.setdefault("drive_id", "1")
        with self.serving(drive, sink) as client:
            try:
                return asyncio.run(run())
            except KilledError:
                return None


@pytest.fixture(scope="session")
def simulator() -> Simulator:
    """Bulk searches over drives in memory."""
    return Simulator()


@pytest.fixture(scope="session")
def new_path(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Gives paths at which there is nothing yet."""
    folder, numbers = tmp_path_factory.mktemp("bulk"), count()
    return lambda: folder / f"{next(numbers)}.ckpt"


@pytest.fixture(scope="session")
def small() -> Callable[..., Any]:
    """A context in which small trees are cut as big ones are."""
    return _small


@pytest.fixture(scope="session")
def kit() -> Any:
    """The classes of this module, for tests that make their own."""

    class Kit:
        drive, habits, memory, row, now = Drive, Habits, Memory, staticmethod(file_row), NOW

    return Kit


# ------------------------------------------------------------------------------- over sockets


class StandingClock:
    """Time that does not pass by itself."""

    def __init__(self) -> None:
        self._wall, self._monotonic = time.time(), time.monotonic()

    def time(self) -> float:
        return self._wall

    def monotonic(self) -> float:
        return self._monotonic


class World:
    """An emulator and a client of it, on one clock that only waits move."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.slept: list[float] = []
        self.client = self.connect(token_info=emulator.token_info)

    def connect(self, **fields: Any) -> AsyncPDSClient:
        """A client that waits by moving the clock."""
        context = RuntimeContext(clock=self.emulator.clock, sleep=self.sleep, random=self)
        return AsyncPDSClient(
            context=context, **{"api_endpoint": self.emulator.api_endpoint, **fields}
        )

    async def sleep(self, seconds: float) -> None:
        """A wait that takes no time."""
        self.slept.append(seconds)
        self.emulator.clock.advance(seconds)
        await asyncio.sleep(0)

    def random(self) -> float:
        """No jitter."""
        return 1.0

    async def fill(self, count: int, *, created: str = "2024-01-01T00:{:02}:{:02}Z") -> list[str]:
        """Put so many files into the default drive, one a second; gives their ids."""
        return await self.emulator.add_files(
            {
                "name": f"file {number:05}.txt",
                "size": number,
                "created_at": created.format(number // 60 % 60, number % 60),
            }
            for number in range(count)
        )

    @property
    def searches(self) -> list[Any]:
        """The searches that the emulator was asked for."""
        return self.emulator.requests.of("/file/search")


@asynccontextmanager
async def _start(**options: Any) -> AsyncIterator[World]:
    before = asyncio.all_tasks()
    async with Emulator(clock=StandingClock(), **options) as emulator:
        world = World(emulator)
        async with world.client:
            yield world
    await asyncio.sleep(0)
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    assert not left, "a task is left"


@pytest.fixture(scope="session")
def start() -> Callable[..., AbstractAsyncContextManager[World]]:
    """Starts a world with options of the emulator; it checks that no task is left at its end."""
    return _start


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """A world with an empty drive."""
    async with _start() as world:
        yield world
