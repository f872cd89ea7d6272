"""The server itself: routing, headers, safety, the request log, the control plane, closing."""

from __future__ import annotations

import asyncio
import io
import logging
import re
import threading
from contextlib import closing

import aiohttp
import pytest
from hypothesis import given
from hypothesis.strategies import characters, text

from pdsclient._clock import SystemClock
from pdsclient._operations_table import KNOWN
from pdsclient.emulator import (
    Emulator,
    Fault,
    MovableClock,
    RateLimit,
    RequestRecord,
    Settings,
    serve,
)
from pdsclient.emulator.handlers import OPERATIONS
from pdsclient.emulator.identity import Identity
from pdsclient.emulator.markers import Markers
from pdsclient.emulator.replies import ServiceError
from pdsclient.emulator.signed import DataError, Signer
from pdsclient.emulator.store import Store
from pdsclient.errors import InvalidRequest

UUID = re.compile(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}")


# ---- routing and headers


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v2/drive/list"),
        ("GET", "/v2/file/search"),
        ("PUT", "/v2/file/search"),
        ("HEAD", "/v2/file/search"),
        ("POST", "/v2/file/download"),
        ("POST", "/v2/no/such"),
        ("POST", "/v2/v2/file/search"),
        ("POST", "/file/search"),
        ("POST", "/v1/file/search"),
        ("POST", "/"),
    ],
)
async def test_unknown_paths(api, method, path):
    """An unknown path or method is a gateway error: 404, I404NF, an empty body."""
    got = await api.send(method, path)
    assert (got.status, got.body, got.headers["x-ca-error-code"]) == (404, b"", "I404NF")


async def test_operations_that_are_not_emulated(api):
    """Every known path that is not emulated is 400 OperationNotSupport."""
    by_get = {"/file/download", "/oauth/authorize"}
    for path in sorted(KNOWN - by_get - OPERATIONS.keys()):
        got = await api.post(path)
        assert (got.status, got.code) == (400, "OperationNotSupport"), path
    for path in by_get - OPERATIONS.keys():
        assert (await api.send("GET", f"/v2{path}")).code == "OperationNotSupport"
    assert OPERATIONS.keys() <= KNOWN


async def test_every_reply_has_a_request_id(api):
    """The request id is an upper-case UUID, another one for each reply, errors too."""
    (file_id,) = await api.emulator.add_files([{"name": "a", "size": 1}])
    data = {"drive_id": "1", "file_id": file_id}
    url = (await api.post("/file/get_download_url", data)).data["url"]
    got = [
        await api.search(),
        await api.post("/file/get", token=None),
        await api.post("/no/such"),
        await api.send("GET", url),
        await api.send("GET", url + "x"),
    ]
    ids = [one.headers["x-ca-request-id"] for one in got]
    assert all(UUID.fullmatch(one) for one in ids)
    assert len(set(ids)) == 5
    assert all("Date" in one.headers for one in got)


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'"x"', b"\xff", b'{"a":"\\ud800"}', b"[" * 5000, b"NaN", b"null"]
)
async def test_broken_json(api, body):
    """A body that is not a JSON object is refused before the token is looked at."""
    got = await api.send("POST", "/v2/file/search", data=body)
    assert (got.status, got.code) == (400, "InvalidRequestJSONFormat")


async def test_order_of_checks(api):
    """Route, JSON, token, rate, required fields, ranges, existence, permission: in this order."""
    bob = api.emulator.issue_token(user_id="bob").access_token
    await api.emulator.put_drive("2", owner="eve")
    data = {"drive_id": "9", "limit": 500}
    assert (await api.post("/file/search", data, token=None)).status == 401
    api.emulator.rate_limit = RateLimit(per_second=0.001, burst=1)
    assert (await api.post("/file/search", data, token=None)).status == 401
    assert (await api.post("/file/list", data)).code == "InvalidParameterMissing.ParentFileId"
    assert (await api.post("/file/list", data)).status == 429
    api.emulator.rate_limit = None
    data |= {"parent_file_id": "0" * 40}
    assert (await api.post("/file/list", data, token=bob)).code == "InvalidParameter.Limit"
    del data["limit"]
    assert (await api.post("/file/list", data, token=bob)).code == "NotFound.Drive"
    data["drive_id"] = "2"
    assert (await api.post("/file/list", data, token=bob)).code == "ForbiddenNoPermission.Drive"


async def test_too_large_requests(api):
    """A body beyond 8 MiB is 413 from the gateway."""
    got = await api.send("POST", "/v2/file/search", data=io.BytesIO(b"x" * (2**23 + 1)))
    assert (got.status, got.headers["x-ca-error-code"]) == (413, "I413RL")


# ---- safety beside a browser


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:80"},
        {"Host": "192.0.2.1"},
        {"Host": ""},
        {"Origin": "http://127.0.0.1"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "same-origin"},
    ],
)
async def test_browsers_are_refused(api, headers):
    """A foreign Host, an Origin or a Sec-Fetch-Site header is 403, without any CORS header."""
    for method, path in (("POST", "/v2/file/search"), ("OPTIONS", "/v2/file/search"), ("GET", "/")):
        got = await api.send(method, path, headers=headers)
        assert (got.status, got.code) == (403, "Forbidden")
        assert not [name for name in got.headers if name.lower().startswith("access-control")]
    assert len(api.emulator.requests) == 0


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1", "[::1]:8080"])
async def test_own_names_are_served(api, host):
    """All names of the loopback address will do, with any port."""
    got = await api.post("/drive/get", {"drive_id": "1"}, headers={"Host": host})
    assert got.status == 200


async def test_listening_beyond_loopback_needs_a_flag(run):
    """A host that others can reach is refused unless meant; then addresses and names will do."""
    with pytest.raises(InvalidRequest, match="allow_remote"):
        Emulator(host="0.0.0.0")
    async with run(host="0.0.0.0", allow_remote=True, allowed_hosts=["pds.test"]) as api:
        url = api.emulator.api_endpoint.replace("0.0.0.0", "127.0.0.1") + "/v2/no/such"
        for host, status in (("192.0.2.7", 404), ("pds.test", 404), ("evil.example", 403)):
            assert (await api.send("POST", url, headers={"Host": host})).status == status


async def test_tokens_are_random_per_start(run):
    """Two emulators share neither tokens nor signatures nor secrets."""
    async with run() as one, run() as two:
        token = one.emulator.token_info.access_token
        got = await two.post("/drive/get", {"drive_id": "1"}, token=token)
        assert got.status == 401
        assert one.emulator.control_secret != two.emulator.control_secret


# ---- log


async def test_request_log(api):
    """The log has what was sent and how it was answered, and finds requests by token."""
    token = api.emulator.issue_token()
    await api.post("/drive/get", {"drive_id": "7"}, token=token.access_token)
    (record,) = api.emulator.requests.with_token(token.access_token)
    assert (record.method, record.operation, record.status) == ("POST", "/drive/get", 404)
    assert record.data == {"drive_id": "7"}
    assert record.headers["content-type"] == "application/json"
    assert record.time == pytest.approx(api.emulator.clock.time(), abs=5)
    assert api.emulator.requests[-1] is record
    assert token.access_token not in repr(record)
    api.emulator.requests.clear()
    assert list(api.emulator.requests) == []


async def test_request_log_is_bounded(run):
    """Only the newest requests are kept, and of long bodies only the beginning."""
    async with run(request_log_size=2) as api:
        for number in range(3):
            await api.post("/drive/get", {"drive_id": str(number), "pad": "x" * 100_000})
        assert len(api.emulator.requests) == 2
        assert len(api.emulator.requests[0].body) == 64 * 1024
        assert api.emulator.requests[0].data is None


async def test_access_log(run, caplog):
    """It is off by default; when on, lines have neither query nor token."""
    for on in (False, True):
        caplog.clear()
        with caplog.at_level(logging.DEBUG, "pdsclient.emulator"):
            async with run(access_log=on) as api:
                token = api.emulator.token_info.access_token
                await api.send("POST", f"/v2/file/search?token={token}")
        lines = [one.getMessage() for one in caplog.records if one.name == "pdsclient.emulator"]
        assert [line.split(" ")[:3] for line in lines] == [["POST", "/v2/file/search", "401"]] * on
        assert token not in caplog.text


# ---- control plane


async def test_control_plane_has_its_own_secret(api):
    """Without the secret, or with an access token, the control plane is closed."""
    for headers in ({}, {"x-emulator-secret": "x"}, {"Authorization": "Bearer x"}):
        got = await api.send("POST", "/_emulator/reset", headers=headers)
        assert got.status == 403
    assert (await api.control("no_such")).status == 404
    assert api.emulator.control_url == api.emulator.api_endpoint + "/_emulator"


async def test_control_plane_does_what_the_object_does(api):
    """Faults, clock, tokens, log, line, limits, settings and files work over HTTP."""
    arguments = {"status": 503, "code": "ServiceUnavailable"}
    await api.control("faults", operation="/drive/get", kind="status", arguments=arguments, times=2)
    assert (await api.post("/drive/get")).code == "ServiceUnavailable"
    await api.control("clear_faults")
    token = (await api.control("tokens", ttl_s=60, user_id="bob")).data
    assert token["user_id"] == "bob"
    mine = {"token": token["access_token"]}
    assert (await api.post("/drive/list_my_drives", **mine)).status == 200
    before = (await api.control("clock")).data["time"]
    assert (await api.control("clock", advance=60)).data["time"] - before >= 60
    assert (await api.post("/drive/list_my_drives", **mine)).status == 401
    token = (await api.control("tokens")).data["access_token"]
    await api.control("revoke", token=token)
    assert (await api.post("/drive/get", token=token)).status == 401
    log = (await api.control("requests", operation="/drive/get", clear=True)).data["requests"]
    assert [one["status"] for one in log] == [503, 401]
    assert (await api.control("requests")).data == {"requests": []}
    await api.control("settings", empty_items="null")
    assert (await api.search()).data["items"] is None
    await api.control("files", rows=[{"name": "a.txt", "size": 1}])
    assert len((await api.search()).data["items"]) == 1
    await api.control("rate_limit", per_second=0.001, burst=1)
    await api.control("line", latency_s=0.001, bandwidth_bps=1e9)
    assert api.emulator.latency_s == 0.001
    assert [(await api.search()).status for _ in range(2)] == [200, 429]
    await api.control("reset")
    assert (await api.search()).status == 200
    assert (api.emulator.latency_s, len(api.emulator.requests)) == (0, 1)


async def test_control_plane_refuses_nonsense(api):
    """Wrong calls are 400 with a reason and change nothing."""
    for verb, call in (
        ("faults", {"kind": "play"}),
        ("faults", {"kind": "status", "arguments": {"wrong": 1}}),
        ("clock", {"advance": -1}),
        ("settings", {"pages": "none"}),
        ("settings", {"match_mode": "tokens"}),
        ("revoke", {}),
        ("files", {}),
        ("rate_limit", {"per_second": -1}),
    ):
        assert (await api.control(verb, **call)).status == 400, (verb, call)
    assert len(api.emulator.faults) == 0


# ---- whatever is sent


@given(text())
def test_any_marker_is_opened_or_refused(sent):
    """No text breaks the reading of markers."""
    with pytest.raises(ServiceError) as caught:
        Markers(b"key", SystemClock()).open("search", sent, life_s=None)
    assert caught.value.code == "InvalidParameter.Marker"


@pytest.fixture(scope="module")
def empty_store():
    with closing(Store(clock=SystemClock())) as store:
        yield store


@given(text(alphabet=characters()) | text("eyJ.abcXYZ-_", max_size=60))
def test_any_token_is_refused(empty_store, sent):
    """No text breaks the reading of access and share tokens."""
    identity = Identity("bj1", b"key", SystemClock())
    with pytest.raises(ServiceError) as caught:
        identity.look_up(empty_store, sent, Settings())
    assert caught.value.status == 401
    with pytest.raises(ServiceError) as caught:
        identity.share_of(empty_store, sent)
    assert caught.value.status == 401


@given(text(alphabet=characters()), text(alphabet=characters()))
def test_any_data_path_is_refused(path, query):
    """No text breaks the reading of signed URLs."""
    signer = Signer("bj1", b"key", SystemClock())
    request = RequestRecord(
        "GET", f"/data/{path}", f"Signature={query}", "/data", {}, b"", time=0, nth_on_connection=1
    )
    with pytest.raises(DataError) as caught:
        signer.check(request)
    assert caught.value.status == 403


# ---- life


def emulator_threads():
    return [one for one in threading.enumerate() if one.name.startswith("emulator-")]


async def test_closing_interrupts_and_leaves_nothing(run):
    """Stalled and delayed requests end with the emulator; no thread, task or port is left."""
    async with aiohttp.ClientSession() as session:
        async with run() as api:
            api.emulator.faults.add("*", Fault.stall(), times=None)
            url = api.emulator.api_endpoint
            waiting = [asyncio.create_task(session.post(f"{url}/v2/x")) for _ in range(5)]
            while len(api.emulator.requests) < 5:
                await asyncio.sleep(0.001)
            assert emulator_threads()
            started = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - started < 2
        ended = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(one, aiohttp.ClientConnectionError) for one in ended)
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.post(url)
    assert emulator_threads() == []
    assert len(asyncio.all_tasks()) == 1


async def test_closing_twice_is_fine():
    """aclose may be repeated, also by the block's own end."""
    async with Emulator() as emulator:
        await emulator.aclose()
    await emulator.aclose()


async def test_a_taken_port_fails_cleanly(api):
    """When the port is taken the error is raised and nothing stays behind."""
    port = int(api.emulator.api_endpoint.rpartition(":")[2])
    before = len(emulator_threads())
    with pytest.raises(OSError, match="address already in use"):
        async with Emulator(port=port):
            raise AssertionError("it cannot have started")
    assert len(emulator_threads()) == before


async def test_serve_runs_until_cancelled():
    """serve tells when it listens, and closes when it is cancelled."""
    listening = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(Emulator(), started=listening.set_result))
    emulator = await listening
    assert emulator.api_endpoint.startswith("http://127.0.0.1:")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert emulator_threads() == []


def test_settings_are_checked():
    """A switch that is not there, a wrong number and a late change are refused by name."""
    with pytest.raises(InvalidRequest, match="pages must be one of full, short, empty"):
        Settings(pages="none")
    with pytest.raises(InvalidRequest, match="index_delay_s"):
        Settings(index_delay_s=-1)
    with pytest.raises(InvalidRequest, match="result_window"):
        Settings(result_window=0)
    with pytest.raises(InvalidRequest, match="per_second"):
        RateLimit(per_second=0)
    with pytest.raises(InvalidRequest, match="match_mode"):
        Emulator().settings = Settings(match_mode="tokens")


def test_the_clock_never_goes_back():
    """It can be moved ahead only, wall clock and monotonic alike."""
    clock = MovableClock(SystemClock())
    wall, mono = clock.time(), clock.monotonic()
    clock.advance(100)
    assert clock.time() - wall >= 100
    assert clock.monotonic() - mono >= 100
    for seconds in (-1, float("inf"), float("nan")):
        with pytest.raises(InvalidRequest, match="never goes back"):
            clock.advance(seconds)
