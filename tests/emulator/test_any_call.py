"""Whatever is sent to any operation: an answer of the documented shape, and never a 500.

Bodies are made from the catalogue's parameters: left out, of the right type, of a wrong one, out
of range, with identifiers of things that are there and that are not. Replies are compared with
the catalogue's models.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import logging
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pdsclient.emulator import Emulator
from pdsclient.emulator.handlers import OPERATIONS

T = TypeVar("T")
TABLES = Path(__file__).parents[1] / "catalogue"
CATALOGUE = json.loads((TABLES / "catalogue.json").read_text("utf-8"))
OVERLAY = json.loads((TABLES / "catalogue-overrides.json").read_text("utf-8"))
LISTED = {one["path"]: one for one in CATALOGUE["operations"]}
TIMES = {line["field"]: line["kind"] for line in OVERLAY["times"]}
SENT = {"epoch_ms": "int", "rfc3339": "str", "rfc3339|epoch_ms": "any"}
REQUEST_ID = re.compile(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}")
CODE = re.compile(r"[A-Z][A-Za-z0-9]*(\.[A-Za-z][A-Za-z0-9_]*)?")
PROFILE = settings(
    max_examples=15, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


class World:
    """An emulator in a thread of its own, and what its replies have told of identifiers."""

    def __init__(self) -> None:
        self.known: dict[str, list[Any]] = defaultdict(list)
        self.credentials: list[dict[str, str]] = []
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()
        self._ready.wait(20)
        self._furnish()

    async def _run(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        async with Emulator(request_log_size=10) as emulator:
            self.emulator = emulator
            self._ready.set()
            await self._end.wait()

    def close(self) -> None:
        self._connection.close()
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    def _furnish(self) -> None:
        host = self.emulator.api_endpoint.removeprefix("http://")
        self._connection = http.client.HTTPConnection(host, timeout=20)
        drive = self.emulator.drive_id
        token = self._run_there(lambda: self.emulator.token_info)
        self.credentials = [{"Authorization": f"Bearer {token.access_token}"}]
        self.known["drive_id"] = [drive]
        self.known["user_id"] = ["superadmin"]
        self.known["sub"] = ["superadmin"]
        rows = [{"path": "a/b.txt", "content": b"b"}, {"path": "a/c/d.jpg", "size": 5}]
        added = asyncio.run_coroutine_threadsafe(self.emulator.add_files(rows), self._loop)
        self.known["file_id"] = added.result(20)
        for path, body in FURNITURE:
            self.post(path, {"drive_id": drive, **body})
        user = self._run_there(lambda: self.emulator.issue_token(user_id="somebody"))
        self.credentials += [
            {"Authorization": f"Bearer {user.access_token}"},
            {"x-share-token": self._share(drive)},
            {},
        ]

    def _share(self, drive: str) -> str:
        """The token of a link that shows a folder."""
        where = {"drive_id": drive, "file_id_list": self.known["file_id"][1:2], "creatable": True}
        self.post("/share_link/create", where)
        share_id = self.known["share_id"][-1]
        return self._run_there(lambda: self.emulator.issue_share_token(share_id))

    def _run_there(self, work: Callable[[], T]) -> T:
        """What it gives, on the emulator's loop."""

        async def run() -> T:
            return work()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(20)

    def post(self, path: str, body: Any, who: int = 0) -> tuple[int, Any, bytes]:
        """Send it, usually as the superadmin, and keep the identifiers of the reply."""
        operation = LISTED[path]
        headers = dict(self.credentials[who])
        url, sent, method = f"/v2{path}", json.dumps(body), operation["http_method"]
        if OPERATIONS[path].body == "form":
            sent = urlencode({key: str(value) for key, value in body.items()})
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        if method == "GET":
            url, sent = f"{url}?{urlencode(body)}", ""
        self._connection.request(method, url, sent, headers)
        reply = self._connection.getresponse()
        status, got, data = reply.status, reply.headers, reply.read()
        if status < 400 and data and "json" in got.get("Content-Type", ""):
            self._learn(json.loads(data))
        return status, got, data

    def _learn(self, data: Any) -> None:
        if isinstance(data, list):
            for one in data:
                self._learn(one)
        elif isinstance(data, dict):
            for key, value in data.items():
                self._learn(value)
                if isinstance(value, str) and value and value not in self.known[key]:
                    self.known[key] = [*self.known[key][-8:], value]


FURNITURE: list[tuple[str, dict[str, Any]]] = [
    ("/file/create", {"parent_file_id": "root", "name": "folder", "type": "folder"}),
    ("/file/create", {"parent_file_id": "root", "name": "up", "type": "file", "size": 3}),
    ("/user/create", {"user_id": "somebody", "nick_name": "Somebody"}),
    ("/group/create", {"group_name": "group"}),
    ("/drive/create", {"drive_name": "second", "owner": "superadmin", "owner_type": "user"}),
]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """One for all tests: what earlier calls have left behind is part of the torture."""
    made = World()
    try:
        yield made
    finally:
        made.close()


def parameters(path: str) -> dict[str, dict[str, Any]]:
    params = (one for one in LISTED[path]["params"] if one.get("where") != "header")
    listed = {one["name"]: dict(one) for one in params}
    for line in OVERLAY["parameters"]:
        if line["path"] == path:
            listed.setdefault(line["name"], {}).update(line)
    return listed


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=12),
    st.lists(st.text(max_size=3), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
    st.sampled_from(["", "root", "../..", "a/b", "\x00", "٣", "😀" * 400, "1' OR '1'='1", "%"]),
)
ALIASES = {
    "parent_file_id": "file_id",
    "to_parent_file_id": "file_id",
    "to_drive_id": "drive_id",
    "sync_root_id": "file_id",
    "marker": "next_marker",
    "identity_id": "user_id",
    "owner": "user_id",
    "creator": "user_id",
    "file_id_list": "file_id",
    "file_ids": "file_id",
}
TEXTS = {
    "query": ['name match "a"', "size > 1", "status in ['enabled']", "", "name =", "x = 1"],
    "order_by": ["name ASC", "created_at DESC,name ASC", "updated_at", "share_name", "nonsense"],
    "fields": ["*", "url,thumbnail", "id_path,name_path,dir_size", "nonsense"],
    "expiration": ["2030-01-02T03:04:05.000+08:00", "1999-01-01T00:00:00Z", "soon"],
    "name": ["a", "folder", "b.txt", "up"],
    "content_hash": ["DA39A3EE5E6B4B0D3255BFEF95601890AFD80709", "x"],
    "url": ["/file/get", "/file/copy", "/nonsense"],
}


def good(world: World, name: str, listed: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values of the declared type, and identifiers of what is there."""
    kind = listed["type"]
    if kind.startswith("list["):
        inner = good(world, name, {"type": kind[5:-1]})
        return st.lists(inner, max_size=3)
    if kind in CATALOGUE["models"]:
        return members(world, {one["name"]: one for one in CATALOGUE["models"][kind]})
    if kind.startswith("dict["):
        inner = good(world, name, {"type": kind.partition(",")[2][:-1]})
        return st.dictionaries(st.text(max_size=3), inner, max_size=3)
    if kind == "int":
        return st.integers(listed.get("min", 0), listed.get("max", 1000))
    if kind == "bool":
        return st.booleans()
    if listed.get("enum"):
        return st.sampled_from(listed["enum"])

    def pick(drawn: tuple[int, str]) -> str:
        """One that is known; what hypothesis draws must not depend on what that is."""
        index, other = drawn
        known = world.known[ALIASES.get(name, name)] + TEXTS.get(name, [])
        known += ["root"] if name.endswith("file_id") else []
        return known[index % len(known)] if known and index else other

    return st.tuples(st.integers(0, 11), st.text(max_size=20)).map(pick)


def members(world: World, listed: dict[str, dict[str, Any]]) -> st.SearchStrategy[Any]:
    """An object: each member there or not, seldom of a wrong type."""

    @st.composite
    def made(draw: st.DrawFn) -> dict[str, Any]:
        body = {}
        for name, one in listed.items():
            chance = draw(st.integers(0, 19))
            if chance == 0:
                body[name] = draw(ODD)
            elif chance < (17 if one.get("required") or name == "drive_id" else 6):
                body[name] = draw(good(world, name, one))
        return body

    return made()


@pytest.mark.parametrize("path", sorted(OPERATIONS))
def test_no_body_breaks_an_operation(
    path: str, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """The answer is a success in the catalogue's shape, or an error in the documented one."""

    @PROFILE
    @given(data=st.data())
    def run(data: st.DataObject) -> None:
        body = data.draw(members(world, parameters(path)))
        check(path, *world.post(path, body))

    with caplog.at_level(logging.ERROR, logger="pdsclient.emulator"):
        run()
    assert not caplog.records


def test_no_sequence_of_calls_breaks_the_emulator(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Twenty calls in a row, each of any operation and by anybody, on what was left behind."""

    @settings(PROFILE, max_examples=60)
    @given(data=st.data())
    def run(data: st.DataObject) -> None:
        for path in data.draw(st.lists(st.sampled_from(sorted(OPERATIONS)), max_size=20)):
            body = data.draw(members(world, parameters(path)))
            check(path, *world.post(path, body, data.draw(st.sampled_from((0, 0, 1, 2, 3)))))

    with caplog.at_level(logging.ERROR, logger="pdsclient.emulator"):
        run()
    assert not caplog.records


def check(path: str, status: int, headers: Any, body: bytes) -> None:
    """The answer has a form that the reference knows."""
    assert REQUEST_ID.fullmatch(headers["x-ca-request-id"])
    assert status in {200, 201, 202, 204, 302, 400, 401, 403, 404, 409}, body
    if status in (204, 302):
        assert not body
    elif status >= 400:
        error = json.loads(body)
        assert CODE.fullmatch(error["code"]), error
        assert isinstance(error["message"], str)
        assert error["message"]
        assert set(error) == {"code", "message"} or error["code"] == "PreHashMatched"
    elif LISTED[path]["reply"] and body and not waits(body):
        compare(json.loads(body), LISTED[path]["reply"], path)


def waits(body: bytes) -> bool:
    """A preview that is not there yet answers 202 with a code."""
    return b"VideoPreviewWaitAndRetry" in body


PLAIN = {"str": str, "int": int, "bool": bool, "float": (int, float)}


def compare(value: Any, kind: str, where: str) -> None:
    """The value is what the catalogue says; absent, null and "" are the same."""
    if value is None or value == "" or kind == "any":
        return
    if kind.startswith("list["):
        assert isinstance(value, list), where
        for index, one in enumerate(value):
            compare(one, kind[5:-1], f"{where}[{index}]")
    elif kind.startswith("dict["):
        assert isinstance(value, dict), where
        for key, one in value.items():
            compare(one, kind.partition(",")[2][:-1], f"{where}[{key}]")
    elif kind in PLAIN:
        assert isinstance(value, PLAIN[kind]), (where, value)
        assert not (kind == "int" and isinstance(value, bool)), (where, value)
    else:
        assert isinstance(value, dict), where
        fields = declared(kind)
        assert set(value) <= set(fields), (where, set(value) - set(fields))
        for key, one in value.items():
            compare(one, fields[key], f"{where}.{key}")


def declared(model: str) -> dict[str, str]:
    """The fields of a model with their types, the overlay's word counting last."""
    fields = {one["name"]: one["type"] for one in CATALOGUE["models"][model]}
    lines = [line for line in OVERLAY["fields"] if line["model"] == model]
    fields |= {line["name"]: line["type"] for line in lines}
    return {name: SENT.get(TIMES.get(f"{model}.{name}", ""), kind) for name, kind in fields.items()}
