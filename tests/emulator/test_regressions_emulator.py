"""Behaviour that was once wrong, found by attacking the emulator from outside."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote
from weakref import WeakSet

import aiohttp
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from yarl import URL

from pdsclient.emulator import Emulator, Fault, Settings
from pdsclient.emulator.guard import Guard
from pdsclient.emulator.handlers import OPERATIONS
from pdsclient.emulator.schema import Database
from pdsclient.emulator.tree import Served
from pdsclient.errors import InvalidRequest

CATALOGUE = json.loads((Path(__file__).parents[1] / "catalogue" / "catalogue.json").read_bytes())


async def raw(emulator: Emulator, request: bytes, *, until: bytes = b"") -> bytes:
    """What comes back for these very bytes: up to a mark, or to the end of the connection."""
    url = URL(emulator.api_endpoint)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(request)
    try:
        async with asyncio.timeout(5):
            return await (reader.readuntil(until) if until else reader.read())
    finally:
        writer.close()


async def download_url(api, file_id, *, headers=None, token: str | None = "", **more) -> URL:
    data = {"drive_id": "1", "file_id": file_id, **more}
    got = await api.post("/file/get_download_url", data, headers=headers, token=token)
    assert got.status == 200, got
    return URL(got.data["url"], encoded=True)


async def fetch(api, url: URL, **options: Any) -> tuple[int, Any, bytes]:
    async with api.session.get(url, **options) as reply:
        return reply.status, reply.headers, await reply.read()


# ---- any body


def values(kind: str) -> st.SearchStrategy[Any]:
    """Right and wrong values for a parameter of the catalogue."""
    by_kind = {
        "str": st.sampled_from(["", "1", "2", "root", "a", "in", "name ASC", "size > 1", "*"])
        | st.text(max_size=20),
        "int": st.integers() | st.integers(-1, 120),
        "bool": st.booleans(),
    }
    wrong = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=5,
    )
    lists = st.lists(st.sampled_from(["1", "2", "", "x"]), max_size=12)
    return by_kind.get(kind, lists) | wrong


def bodies(path: str) -> st.SearchStrategy[dict[str, Any]]:
    (operation,) = (one for one in CATALOGUE["operations"] if one["path"] == path)
    kinds = {one["name"]: one["type"] for one in operation["params"]} | {"drive_id_list": "list"}
    return st.fixed_dictionaries({}, optional={name: values(kinds[name]) for name in kinds})


ANY_CALL = st.sampled_from(sorted(OPERATIONS)).flatmap(
    lambda path: st.tuples(st.just(path), bodies(path))
)


def encodable(data: Any) -> bytes | None:
    """As JSON; None for what JSON in UTF-8 cannot hold, such as lone surrogates."""
    try:
        return msgspec.json.encode(data)
    except (UnicodeEncodeError, OverflowError):
        return None


class Target:
    """An emulator on a loop of its own, for tests that are functions."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner
        self._emulator = Emulator()
        self._session: aiohttp.ClientSession | None = None
        runner.run(self._open())

    async def _open(self) -> None:
        await self._emulator.__aenter__()
        await self._emulator.add_files([{"name": "a", "file_id": "a", "size": 1}])
        self._session = aiohttp.ClientSession(self._emulator.api_endpoint)

    def post(self, path: str, body: bytes) -> int:
        return self._runner.run(self._post(path, body))

    async def _post(self, path: str, body: bytes) -> int:
        assert self._session is not None
        token = self._emulator.token_info.access_token
        headers = {"Authorization": f"Bearer {token}"}
        if OPERATIONS[path].body == "form":
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        async with self._session.post(f"/v2{path}", data=body, headers=headers) as reply:
            await reply.read()
            return reply.status

    def close(self) -> None:
        assert self._session is not None
        self._runner.run(self._session.close())
        self._runner.run(self._emulator.aclose())


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with asyncio.Runner() as runner:
        target = Target(runner)
        yield target
        target.close()


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(ANY_CALL)
def test_no_body_breaks_an_operation(target, caplog, call):
    """Whatever the parameters of the catalogue hold, the answer is a reply or a refusal."""
    path, data = call
    body = encodable(data)
    if body is not None:
        assert target.post(path, body) < 500
        assert not [one for one in caplog.records if one.levelno >= logging.ERROR]


# ---- requests as they come over the line


async def test_a_client_that_waits_for_100_continue_is_answered(api):
    """Some clients send nothing before they are told to go on."""
    head = b"POST /v2/file/get HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n"
    got = await raw(api.emulator, head + b"Expect: 100-continue\r\n\r\n", until=b"\r\n\r\n")
    assert got == b"HTTP/1.1 100 Continue\r\n\r\n"


async def test_a_request_line_may_hold_scheme_and_host(api):
    """As RFC 9112 (3.2.2) wants it of every server."""
    line = f"POST {api.emulator.api_endpoint}/v2/file/get HTTP/1.1\r\nHost: localhost\r\n"
    got = await raw(api.emulator, f"{line}Connection: close\r\n\r\n".encode())
    assert got.startswith(b"HTTP/1.1 401 ")


async def test_a_packed_body_is_not_unpacked(api, caplog):
    """No source says that the service would; a bomb costs nothing, and garbage is no failure."""
    for body in (b"no gzip at all", gzip.compress(bytes(1_000_000))):
        for encoding in ("gzip", "br"):
            headers = {"Content-Encoding": encoding}
            got = await api.send("POST", "/v2/file/get", data=body, headers=headers)
            assert (got.status, got.code) == (400, "InvalidRequestJSONFormat")
    assert caplog.records == []


async def test_the_data_plane_is_not_an_operation(api):
    """/v2/data is a path like any other that nobody knows."""
    got = await api.post("/data")
    assert (got.status, got.headers["x-ca-error-code"]) == (404, "I404NF")


@pytest.mark.parametrize(
    "host", ["127.0.0.1:80@evil", "[::1", "[::1].evil", "localhost:80:evil", "localhost:x", "]"]
)
def test_only_a_well_formed_host_is_our_own(host):
    """What stands behind the name of this machine is looked at too."""
    guard = Guard([], allow_remote=False)
    assert guard.refuses({"Host": host}) is not None


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:", "[::1]", "[::1]:80"])
def test_names_of_this_machine_pass_with_any_port(host):
    """A port may be forwarded, so it says nothing."""
    assert Guard([], allow_remote=False).refuses({"Host": host}) is None


async def test_the_access_log_cannot_be_forged(run, caplog):
    """A path is logged as it was sent, so no line break gets into the log."""
    caplog.set_level(logging.INFO, "pdsclient.emulator")
    async with run(access_log=True) as api:
        await raw(
            api.emulator,
            b"POST /v2/x%0aforged%1b[31m HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        )
    (line,) = (one.getMessage() for one in caplog.records)
    assert line.isprintable()


async def test_an_empty_share_token_is_none(api):
    """Clients that always send the header send it empty when they have no token."""
    (file_id,) = await api.emulator.add_files([{"name": "a"}])
    data = {"drive_id": "1", "file_id": file_id}
    assert (await api.post("/file/get", data, headers={"x-share-token": ""})).status == 200


async def test_a_search_may_have_five_keys_to_sort_by(api):
    """A sixth is refused (pds-service.md 4.2)."""
    five = "name,size,type,created_at,updated_at"
    assert (await api.search(order_by=five)).status == 200
    got = await api.search(order_by=f"{five},image_time")
    assert (got.status, got.code) == (400, "InvalidParameterOutOfRange.OrderBy")


async def test_missing_parameters_come_before_limits(api):
    """The order of checks of pds-service.md 15: required fields, then ranges."""
    got = await api.post("/file/search", {"limit": 1000})
    assert got.code == "InvalidParameterMissing.DriveId"


# ---- signed URLs


async def test_no_part_of_a_signed_url_passes_for_another(api, caplog):
    """The signature covers where each value ends."""
    (file_id,) = await api.emulator.add_files([{"name": "a", "content": b"hello"}])
    url = await download_url(api, file_id)
    query = dict(parse_qsl(url.raw_query_string))
    signature = quote(query.pop("Signature"), safe="")
    del query["OSSAccessKeyId"]
    pairs = "&".join(f"{name}={query[name]}" for name in sorted(query))
    expires = quote(pairs.removeprefix("Expires="), safe="")
    forged = f"{url.with_query(None)}?Expires={expires}&Signature={signature}"
    status, _, body = await fetch(api, URL(forged, encoded=True))
    assert (status, b"SignatureDoesNotMatch" in body, caplog.records) == (403, True, [])


async def test_a_header_cannot_be_written_through_a_signed_url(api):
    """A content type with a line break is refused where the URL is asked for."""
    (file_id,) = await api.emulator.add_files([{"name": "a"}])
    got = await api.post(
        "/file/get_download_url",
        {"drive_id": "1", "file_id": file_id, "response_content_type": "x/y\r\nEvil: 1"},
    )
    assert (got.status, got.code) == (400, "InvalidParameter.ResponseContentType")


@pytest.mark.parametrize("wanted", ["bytes=0-" + "9" * 5000, "bytes=\u0660-\u0661"])
async def test_a_range_that_is_no_number_gives_everything(api, caplog, wanted):
    """As every other malformed range does."""
    (file_id,) = await api.emulator.add_files([{"name": "a", "content": b"hello"}])
    url = await download_url(api, file_id)
    status, _, body = await fetch(api, url, headers={"Range": wanted})
    assert (status, body, caplog.records) == (200, b"hello", [])


async def test_files_of_one_id_in_two_drives_have_their_own_checksums(api):
    """An id is unique in its drive only."""
    await api.emulator.put_drive("2", owner="bob")
    rows = [{"name": "a", "file_id": "same", "content": b"first"}]
    await api.emulator.add_files(rows)
    await api.emulator.add_files([rows[0] | {"content": b"other"}], drive_id="2")
    checksums = set()
    for drive_id in ("1", "2"):
        data = {"drive_id": drive_id, "file_id": "same"}
        reply = (await api.post("/file/get_download_url", data)).data
        _, headers, _ = await fetch(api, URL(reply["url"], encoded=True))
        assert headers["x-oss-hash-crc64ecma"] == reply["crc64_hash"]
        checksums.add(reply["crc64_hash"])
    assert len(checksums) == 2


async def test_a_file_too_large_to_hash_names_no_hash(api):
    """The name of a hash without a hash would mean nothing."""
    (file_id,) = await api.emulator.add_files([{"name": "a", "size": 2**40}])
    got = await api.post("/file/get_download_url", {"drive_id": "1", "file_id": file_id})
    assert got.data["size"] == 2**40
    assert got.data.keys().isdisjoint({"content_hash", "content_hash_name", "crc64_hash"})


async def test_sums_of_sizes_stay_within_64_bits(api):
    """Clients read them as int64."""
    most = 2**63 - 1
    await api.emulator.add_files(
        [{"name": "top", "type": "folder", "file_id": "top"}]
        + [{"name": name, "size": most, "parent_file_id": "top"} for name in "ab"]
    )
    data = {"drive_id": "1", "file_id": "top", "fields": "dir_size"}
    assert (await api.post("/file/get", data)).data["size"] == most
    assert (await api.post("/drive/get", {"drive_id": "1"})).data["used_size"] == most


# ---- shares


async def share_of_in(api, **more: Any) -> tuple[str, dict[str, str]]:
    """A share of the folder ``in`` of top/in/deep/x.png: its id, and the header for it."""
    names = ["top", "in", "deep"]
    rows: list[dict[str, Any]] = [
        {"name": name, "type": "folder", "file_id": name, "parent_file_id": parent}
        for parent, name in zip(["root", *names[:-1]], names, strict=True)
    ]
    rows.append({"name": "x.png", "size": 3, "file_id": "x", "parent_file_id": "deep"})
    await api.emulator.add_files(rows)
    share_id = await api.emulator.create_share(["in"], **more)
    return share_id, {"x-share-token": api.emulator.issue_share_token(share_id)}


async def test_the_way_up_ends_at_what_is_shared(api):
    """Walking parents from a grandchild meets two folders, the shared one first, and no error
    (pds-service.md 13, 37)."""
    share_id, headers = await share_of_in(api)
    met, at = [], "deep"
    while at != "root":
        data = {"share_id": share_id, "file_id": at}
        got = await api.post("/file/get", data, headers=headers, token=None)
        assert got.status == 200
        met.insert(0, got.data["name"])
        at = got.data["parent_file_id"]
    assert met == ["in", "deep"]


async def test_a_share_tells_nothing_of_the_folders_above(api):
    """Paths begin with what is shared; neither names nor ids above it are told."""
    share_id, headers = await share_of_in(api)
    data = {"share_id": share_id, "file_id": "x", "fields": "id_path,name_path"}
    got = await api.post("/file/get", data, headers=headers, token=None)
    assert got.data["name_path"] == "root/in/deep/x.png"
    assert got.data["id_path"] == "root/in/deep/x"
    data = {"share_id": share_id, "parent_file_id": "root", "fields": "*,id_path,name_path"}
    got = await api.post("/file/list", data, headers=headers, token=None)
    assert b"top" not in got.body


@pytest.mark.parametrize(
    ("forbidden", "missing"),
    [("disable_download", {"url", "download_url"}), ("disable_preview", {"thumbnail"})],
)
async def test_what_a_share_forbids_cannot_be_had_through_fields(api, forbidden, missing):
    """A URL in the file would be as good as get_download_url."""
    share_id, headers = await share_of_in(api, **{forbidden: True})
    data = {"share_id": share_id, "file_id": "x", "fields": "*"}
    got = await api.post("/file/get", data, headers=headers, token=None)
    assert {"url", "download_url", "thumbnail"} - got.data.keys() == missing


async def test_what_is_shared_has_arrived(api):
    """The root of a share has no uploading files; a share of the drive has those of its root."""
    await api.emulator.add_files([{"name": "half", "status": "uploading"}])
    share_id, headers = await share_of_in(api)
    data = {"share_id": share_id, "parent_file_id": "root", "status": "uploading"}
    assert (await api.post("/file/list", data, headers=headers)).data["items"] == []
    share_id = await api.emulator.create_share(["root"])
    headers = {"x-share-token": api.emulator.issue_share_token(share_id)}
    got = await api.post("/file/list", data | {"share_id": share_id}, headers=headers)
    assert [one["name"] for one in got.data["items"]] == ["half"]


# ---- a directory


@pytest.mark.parametrize("how", ["late", "cut", "truncated", "left", "closed"])
async def test_downloads_that_are_broken_off_leave_no_file_open(run, tmp_path, monkeypatch, how):
    """Before, while and after the bytes are sent, by the client, a fault or the end."""
    served = WeakSet()
    init = Served.__init__
    monkeypatch.setattr(Served, "__init__", lambda self, fd: served.add(self) or init(self, fd))
    (tmp_path / "big").write_bytes(bytes(4_000_000))
    async with run(tmp_path) as api:
        emulator = api.emulator
        items = (await api.post("/file/list", {"drive_id": "1", "parent_file_id": "root"})).data
        url = await download_url(api, items["items"][0]["file_id"])
        faults = {"cut": Fault.close(processed=True), "truncated": Fault.truncate()}
        if how in faults:
            emulator.faults.add("/data", faults[how], times=None)
        elif how == "late":
            emulator.latency_s = 30
        else:
            emulator.bandwidth_bps = 100_000
        downloads = [asyncio.create_task(fetch(api, url)) for _ in range(5)]
        async with asyncio.timeout(5):
            while len(emulator.requests.of("/data")) < len(downloads):
                await asyncio.sleep(0.01)
        if how == "closed":
            await emulator.aclose()
        elif how in ("late", "left"):
            for task in downloads:
                task.cancel()
        results = await asyncio.gather(*downloads, return_exceptions=True)
        assert all(isinstance(one, BaseException) for one in results)
        async with asyncio.timeout(5):
            while len(served):
                await asyncio.sleep(0.01)


def test_a_served_file_closes_when_nobody_refers_to_it(tmp_path):
    """A request may be cancelled where no code of ours runs."""
    (tmp_path / "a").write_bytes(b"")
    descriptor = os.open(tmp_path / "a", os.O_RDONLY)
    Served(descriptor)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


async def test_a_database_with_files_takes_no_directory(tmp_path):
    """Which of the two the drive should show could not be told."""
    served = tmp_path / "served"
    served.mkdir()
    (served / "a").write_bytes(b"")
    for attempt in range(2):
        emulator = Emulator(served, database=tmp_path / "db")
        if attempt == 0:
            async with emulator:
                assert emulator.tree is not None
            continue
        with pytest.raises(InvalidRequest, match="a new database"):
            await emulator.__aenter__()


# ---- starting and switching


async def test_a_database_that_does_not_fit_is_left_closed(tmp_path, monkeypatch):
    """A start that fails keeps no connection."""
    async with Emulator(database=tmp_path / "db"):
        pass
    made = []
    connect = Database.connect
    monkeypatch.setattr(Database, "connect", lambda self: made.append(connect(self)) or made[-1])
    with pytest.raises(InvalidRequest, match="match_mode"):
        await Emulator(
            database=tmp_path / "db", settings=Settings(match_mode="tokens")
        ).__aenter__()
    (connection,) = made
    with pytest.raises(Exception, match="closed"):
        connection.execute("SELECT 1")


@pytest.mark.parametrize("options", [{"latency_s": "1"}, {"latency_s": -1}, {"bandwidth_bps": 0}])
def test_the_line_has_a_latency_and_a_bandwidth_that_can_be(options):
    """A wrong one would otherwise break every reply."""
    with pytest.raises(InvalidRequest):
        Emulator(**options)


@pytest.mark.parametrize(
    ("verb", "call"),
    [
        ("files", {"rows": [5]}),
        ("files", {"rows": 5}),
        ("line", {"latency_s": "1"}),
        ("line", {"bandwidth_bps": "1"}),
        ("faults", {"kind": "empty", "times": "x"}),
        ("faults", {"kind": "empty", "after": None}),
        ("faults", {"kind": "empty", "arguments": [1]}),
        ("tokens", {"ttl_s": 1e300}),
        ("tokens", {"ttl_s": "x"}),
        ("clock", {"advance": -1}),
        ("revoke", {}),
    ],
)
async def test_the_control_plane_refuses_what_it_cannot_do(api, verb, call):
    """And the emulator goes on as before."""
    assert (await api.control(verb, **call)).status == 400
    assert (await api.search()).status == 200


async def test_the_drive_is_not_summed_up_to_see_that_it_is_there(api, monkeypatch):
    """A search after a change would otherwise read all sizes first."""
    store = api.emulator._service.store
    monkeypatch.setattr(store, "_used_size", lambda number: pytest.fail("summed up"))
    assert (await api.search()).status == 200
    assert (await api.post("/file/list", {"drive_id": "1", "parent_file_id": "root"})).status == 200
