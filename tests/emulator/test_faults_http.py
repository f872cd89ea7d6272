"""Faults, latency, bandwidth and rate limits, as a client meets them."""

from __future__ import annotations

import asyncio
import gzip
import zlib

import aiohttp
import pytest

from pdsclient.emulator import Fault, RateLimit, Settings
from pdsclient.errors import InvalidRequest

DRIVE = "/drive/get_default_drive"


async def ask(api, **options):
    return await api.post(DRIVE, **options)


async def test_status_faults(api):
    """A status fault strikes as often as told, with code, body and headers."""
    api.emulator.faults.add(DRIVE, Fault.status(503, headers={"Retry-After": "3"}), times=2)
    api.emulator.faults.add(DRIVE, Fault.status(409, "StateConflict", "no"))
    for _ in range(2):
        got = await ask(api)
        assert (got.status, got.body, got.headers["Retry-After"]) == (503, b"", "3")
    got = await ask(api)
    assert (got.status, got.data) == (409, {"code": "StateConflict", "message": "no"})
    assert (await ask(api)).status == 200
    assert len(api.emulator.faults) == 0


async def test_faults_wait_and_choose(api):
    """A fault passes over requests before its turn, of other operations, or that do not fit."""
    scripted = api.emulator.faults.add(DRIVE, Fault.gateway(), after=1)
    picky = api.emulator.faults.add(
        "*", Fault.html(), when=lambda request: request.data.get("drive_id") == "9", times=None
    )
    assert [(await ask(api)).status for _ in range(3)] == [200, 504, 200]
    assert (await api.post("/drive/get", {"drive_id": "1"})).status == 200
    for _ in range(2):
        assert (await api.post("/drive/get", {"drive_id": "9"})).status == 502
    assert (scripted.used, picky.used) == (1, 2)
    api.emulator.faults.remove(picky)
    api.emulator.faults.remove(picky)
    assert (await api.post("/drive/get", {"drive_id": "9"})).status == 404


async def test_gateway_fault(api):
    """A gateway error has two headers, an empty body and a request id."""
    api.emulator.faults.add(DRIVE, Fault.gateway())
    got = await ask(api)
    assert (got.status, got.body) == (504, b"")
    assert got.headers["x-ca-error-code"] == "D504TO"
    assert got.headers["x-ca-error-message"] == "timeout"
    assert got.headers["x-ca-request-id"]


async def test_wrong_replies(api):
    """HTML, any JSON, any bytes, nothing and 204 can stand in place of a reply."""
    faults = api.emulator.faults
    faults.add(DRIVE, Fault.html(200))
    faults.add(DRIVE, Fault.json([1, None]))
    faults.add(DRIVE, Fault.body(b'{"cut'))
    faults.add(DRIVE, Fault.empty())
    faults.add(DRIVE, Fault.empty(204))
    got = [await ask(api) for _ in range(5)]
    assert got[0].headers["Content-Type"] == "text/html"
    assert [one.body for one in got[1:]] == [b"[1,null]", b'{"cut', b"", b""]
    assert [one.status for one in got] == [200, 200, 200, 200, 204]


async def test_redirect(api):
    """A redirect names the place that is to be kept from the token."""
    api.emulator.faults.add(DRIVE, Fault.redirect("http://example.invalid/x"))
    got = await ask(api)
    assert (got.status, got.headers["Location"]) == (302, "http://example.invalid/x")


async def test_gzip_bomb(api):
    """A bomb is small on the wire and valid gzip of the size that was asked for."""
    api.emulator.faults.add(DRIVE, Fault.gzip_bomb(3))
    headers = {"Authorization": f"Bearer {api.emulator.token_info.access_token}"}
    url = f"{api.emulator.api_endpoint}/v2{DRIVE}"
    async with (
        aiohttp.ClientSession(auto_decompress=False) as raw,
        raw.post(url, headers=headers) as reply,
    ):
        body = await reply.read()
    assert len(body) < 10_000
    unpacked = gzip.decompress(body)
    assert len(unpacked) == 3 * 1024 * 1024 + 2
    assert unpacked.strip() == b"{}"
    assert zlib.decompressobj(31).decompress(body, 100) == b" " * 100


@pytest.mark.parametrize("make", [Fault.reset, Fault.close])
@pytest.mark.parametrize("processed", [False, True])
async def test_cut_connections(api, make, processed):
    """A cut connection fails the call; only afterwards it shows whether it took effect."""
    token = api.emulator.issue_token()
    api.emulator.faults.add("/oauth/token", make(processed=processed))
    form = {"grant_type": "refresh_token", "refresh_token": token.refresh_token, "client_id": "A"}
    with pytest.raises((aiohttp.ClientConnectionError, ConnectionError)):
        await api.send("POST", "/v2/oauth/token", data=form)
    got = await api.send("POST", "/v2/oauth/token", data=form)
    assert got.status == (400 if processed else 200)
    assert api.emulator.requests.of("/oauth/token")[0].status is None


async def test_dropped_keepalive(api):
    """A kept connection is closed on the next request; a new connection is let through."""
    api.emulator.faults.add(DRIVE, Fault.drop_keepalive())
    assert (await ask(api)).status == 200
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await ask(api)
    assert (await ask(api)).status == 200
    assert [one.nth_on_connection for one in api.emulator.requests] == [1, 2, 1]


async def test_close_after_a_reply(api):
    """The reply is whole and promises to keep the connection, which is closed all the same."""
    api.emulator.faults.add(DRIVE, Fault.close_after())
    got = await ask(api)
    assert got.status == 200
    assert "Connection" not in got.headers
    await asyncio.sleep(0.01)
    assert (await ask(api)).status == 200
    assert [one.nth_on_connection for one in api.emulator.requests] == [1, 1]


async def test_stall_ends_with_the_client(api):
    """A stalled request holds until the client gives up; what it asked for may be done."""
    token = api.emulator.issue_token()
    form = {"grant_type": "refresh_token", "refresh_token": token.refresh_token, "client_id": "A"}
    api.emulator.faults.add("/oauth/token", Fault.stall(processed=True))
    with pytest.raises(TimeoutError):
        await api.send(
            "POST", "/v2/oauth/token", data=form, timeout=aiohttp.ClientTimeout(total=0.05)
        )
    assert (await api.send("POST", "/v2/oauth/token", data=form)).status == 400


async def test_truncated_body(api):
    """The headers promise all, the connection ends early."""
    api.emulator.faults.add(DRIVE, Fault.truncate(5))
    with pytest.raises(aiohttp.ClientPayloadError):
        await ask(api)


async def test_truncated_download(api):
    """A download can be cut as well."""
    (file_id,) = await api.emulator.add_files([{"name": "a", "content": b"x" * 5000}])
    data = {"drive_id": "1", "file_id": file_id}
    url = (await api.post("/file/get_download_url", data)).data["url"]
    api.emulator.faults.add("/data", Fault.truncate(100))
    with pytest.raises(aiohttp.ClientPayloadError):
        await api.send("GET", url)
    assert len((await api.send("GET", url)).body) == 5000


async def test_slow_and_delayed_replies(api):
    """Slow bodies and late replies are whole in the end."""
    api.emulator.faults.add(DRIVE, Fault.slow(chunk=64, pause_s=0))
    api.emulator.faults.add(DRIVE, Fault.delay(0.005))
    assert (await ask(api)).data["drive_id"] == "1"
    assert (await ask(api)).data["drive_id"] == "1"


async def test_faults_are_checked(api):
    """A wrong operation or a fault that is none is refused where it is written."""
    with pytest.raises(InvalidRequest, match="operation"):
        api.emulator.faults.add("file/search", Fault.html())
    with pytest.raises(InvalidRequest, match="fault"):
        api.emulator.faults.add("*", 503)


async def test_latency(run):
    """Every reply waits for the latency, also those of concurrent requests: at the same time."""
    async with run(latency_s=0.05) as api:
        await api.session.get(api.emulator.api_endpoint)
        loop = asyncio.get_running_loop()
        started = loop.time()
        await asyncio.gather(*(ask(api) for _ in range(20)))
        assert 0.05 <= loop.time() - started < 0.6
        api.emulator.latency_s = 0
        started = loop.time()
        await ask(api)
        assert loop.time() - started < 0.05


async def test_bandwidth(api):
    """A limited line takes its time for a body and delivers all of it."""
    (file_id,) = await api.emulator.add_files([{"name": "a", "content": b"x" * 20_000}])
    data = {"drive_id": "1", "file_id": file_id}
    url = (await api.post("/file/get_download_url", data)).data["url"]
    api.emulator.bandwidth_bps = 400_000
    started = asyncio.get_running_loop().time()
    assert len((await api.send("GET", url)).body) == 20_000
    assert asyncio.get_running_loop().time() - started >= 0.05


@pytest.mark.parametrize(
    ("form", "header", "has_body"),
    [
        ("empty", None, False),
        ("json", None, True),
        ("retry-after", ("Retry-After", "1"), False),
        ("x-retry-after", ("x-retry-after", "500"), True),
    ],
)
async def test_rate_limit(run, form, header, has_body):
    """Beyond the burst requests are 429 in the form of the switch, until the bucket fills."""
    limit = RateLimit(per_second=2, burst=3)
    fixed = FixedClock()
    async with run(rate_limit=limit, settings=Settings(throttled=form), clock=fixed) as api:
        got = [await ask(api) for _ in range(4)]
        assert [one.status for one in got] == [200, 200, 200, 429]
        assert bool(got[3].body) is has_body
        if has_body:
            assert got[3].code == "TooManyRequests"
        if header:
            assert got[3].headers[header[0]] == header[1]
        api.emulator.clock.advance(0.5)
        assert [(await ask(api)).status for _ in range(2)] == [200, 429]


async def test_rate_limit_changes_while_running(run):
    """Limits can be set, counted per operation, and taken away; dead tokens do not count."""
    async with run(clock=FixedClock()) as api:
        api.emulator.rate_limit = RateLimit(per_second=1, per="operation")
        assert (await ask(api, token=None)).status == 401
        assert [(await ask(api)).status for _ in range(2)] == [200, 429]
        assert (await api.post("/drive/get", {"drive_id": "1"})).status == 200
        api.emulator.rate_limit = 1
        assert (await ask(api)).status == 200
        assert (await api.post("/drive/get", {"drive_id": "1"})).status == 429
        api.emulator.rate_limit = None
        assert (await ask(api)).status == 200


class FixedClock:
    """A clock that stands still unless it is moved."""

    def time(self):
        return 1_700_000_000.0

    def monotonic(self):
        return 1000.0
