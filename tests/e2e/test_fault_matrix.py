"""Every fault of the emulator met by an operation that may be repeated and by one that may not.

For each: the class of the outcome, how often the request was sent, that no other host heard of
it, and that the client is as good as before. Worlds check that they leave no task.
"""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import tracemalloc

import pytest

from pdsclient import (
    BadRequest,
    DecodeError,
    F,
    NotFound,
    OutcomeUnknown,
    PDSError,
    PermissionDenied,
    QuotaExceeded,
    RateLimited,
    ServiceFailure,
)
from pdsclient.emulator import Fault

OK = None
MIB = 1 << 20
# What a plain call returns as it came; only a typed one can tell that it is wrong.
TOLERATED = ("bare array", "json text", "empty 200")

# Name: the fault; for READ and WRITE the outcome and how many requests the server saw.
MATRIX = {
    "500": (Fault.status(500, "InternalError"), (OK, 2), (ServiceFailure, 1)),
    "501": (Fault.status(501), (ServiceFailure, 1), (ServiceFailure, 1)),
    "503": (Fault.status(503), (OK, 2), (ServiceFailure, 1)),
    "503 with a wait": (Fault.status(503, headers={"Retry-After": "9"}), (OK, 2), (OK, 2)),
    "429 empty": (Fault.status(429), (OK, 2), (OK, 2)),
    "429 of PDS": (Fault.status(429, "TooManyRequests"), (OK, 2), (OK, 2)),
    "gateway timeout": (Fault.gateway(), (OK, 2), (ServiceFailure, 1)),
    "gateway busy": (Fault.gateway(503, "D503BB", "busy"), (OK, 2), (OK, 2)),
    "gateway throttles": (Fault.gateway(429, "T429ER", "quota"), (OK, 2), (OK, 2)),
    "400": (Fault.status(400, "InvalidParameter.X"), (BadRequest, 1), (BadRequest, 1)),
    "403": (
        Fault.status(403, "ForbiddenNoPermission.File"),
        (PermissionDenied, 1),
        (PermissionDenied, 1),
    ),
    "404": (Fault.status(404, "NotFound.FileId"), (NotFound, 1), (NotFound, 1)),
    "no quota": (Fault.status(400, "QuotaExhausted.Drive"), (QuotaExceeded, 1), (QuotaExceeded, 1)),
    "html 502": (Fault.html(), (OK, 2), (ServiceFailure, 1)),
    "html 200": (Fault.html(200), (DecodeError, 1), (DecodeError, 1)),
    "bare array": (Fault.json([1]), (DecodeError, 1), (DecodeError, 1)),
    "json text": (Fault.json("text"), (DecodeError, 1), (DecodeError, 1)),
    "broken json": (Fault.body(b'{"name": "Rep'), (DecodeError, 1), (DecodeError, 1)),
    "not utf-8": (Fault.body(b'{"name": "\xff"}'), (DecodeError, 1), (DecodeError, 1)),
    "empty 200": (Fault.empty(), (DecodeError, 1), (DecodeError, 1)),
    "redirect": (Fault.redirect("OTHER"), (DecodeError, 1), (DecodeError, 1)),
    "redirect 307": (Fault.redirect("OTHER", 307), (DecodeError, 1), (DecodeError, 1)),
    "reset before": (Fault.reset(), (OK, 2), (OutcomeUnknown, 1)),
    "reset after": (Fault.reset(processed=True), (OK, 2), (OutcomeUnknown, 1)),
    "close before": (Fault.close(), (OK, 2), (OutcomeUnknown, 1)),
    "close after": (Fault.close(processed=True), (OK, 2), (OutcomeUnknown, 1)),
    "idle connection dropped": (Fault.drop_keepalive(), (OK, 2), (OutcomeUnknown, 1)),
    "closed after the reply": (Fault.close_after(), (OK, 1), (OK, 1)),
    "stall": (Fault.stall(), (OK, 2), (OutcomeUnknown, 1)),
    "stall after": (Fault.stall(processed=True), (OK, 2), (OutcomeUnknown, 1)),
    "truncated": (Fault.truncate(), (OK, 2), (OutcomeUnknown, 1)),
    "nothing but headers": (Fault.truncate(0), (OK, 2), (OutcomeUnknown, 1)),
    "slow": (Fault.slow(200), (OK, 1), (OK, 1)),
    "late": (Fault.delay(0.01), (OK, 1), (OK, 1)),
}


def aimed(fault, other_host):
    """The fault, with the other host's address in a redirect."""
    headers = getattr(getattr(fault, "reply", None), "headers", {})
    return Fault.redirect(other_host.url, fault.reply.status) if "Location" in headers else fault


def patient_enough(client, kind):
    """A view whose timeout lets everything through but a stall, which must not last long."""
    return client.with_options(timeout=0.1 if "stall" in kind else 10)


@pytest.mark.parametrize("repeatable", [True, False], ids=["read", "write"])
@pytest.mark.parametrize("kind", MATRIX)
async def test_outcome_of_a_fault(world, other_host, kind, repeatable):
    """As the table says, with one attempt more where that is safe."""
    fault, *expected = MATRIX[kind]
    outcome, sends = expected[0 if repeatable else 1]
    view = patient_enough(world.client, kind).with_options(idempotent=repeatable)
    arguments, log = world.get("Report.ppt"), world.emulator.requests
    told = []
    world.client.on("error", lambda error, req_opt: told.append(error))
    assert (await world.client.file.get(**arguments)).size == 2000
    log.clear()
    world.emulator.faults.add("/file/get", aimed(fault, other_host))
    if outcome is OK:
        assert (await view.file.get(**arguments)).size == 2000
        assert told == []
    else:
        with pytest.raises(PDSError) as caught:
            await view.file.get(**arguments)
        assert type(caught.value) is outcome
        assert told == [caught.value]
        assert caught.value.attempts == sends
        assert json.dumps(caught.value.req_opt.data) == json.dumps(arguments)
    assert len(log.of("/file/get")) == sends
    assert other_host.received == []
    assert len(world.emulator.faults) == 0
    assert (await world.client.file.get(**arguments)).size == 2000


@pytest.mark.parametrize("kind", [
    kind for kind, (_, _, (_, sends)) in MATRIX.items() if sends == 1 and kind not in TOLERATED
])  # fmt: skip
async def test_a_write_is_never_sent_twice(world, other_host, kind):
    """An operation that creates something, as the table of operations knows it: also when the
    connection was closed while it lay idle."""
    fault = aimed(MATRIX[kind][0], other_host)
    await world.client.file.get(**world.get("Report.ppt"))
    world.emulator.faults.add("/file/create", fault)
    with pytest.raises(PDSError) as caught:
        await patient_enough(world.client, kind).post_api("/file/create", world.drive)
    assert len(world.emulator.requests.of("/file/create")) == 1
    sure = isinstance(caught.value, (BadRequest, PermissionDenied, NotFound, QuotaExceeded))
    redirected = 300 <= (caught.value.status or 0) < 400
    assert caught.value.may_have_happened == (not sure and not redirected)


@pytest.mark.parametrize("kind", ["503", "429 empty", "reset after", "truncated", "stall", "late"])
async def test_a_listing_survives_faults_between_its_pages(world, kind):
    """Every page but the first meets one; no row is lost and none comes twice."""
    view = patient_enough(world.client, kind)
    fault = MATRIX[kind][0]
    for after in (1, 2, 3):
        world.emulator.faults.add("/file/search", fault, after=after)
    found = [
        file.name async for file in view.file.search(**world.drive, query=F.size >= 0, limit=2)
    ]
    assert sorted(found) == sorted(world.ids)


async def test_dropped_keep_alives_between_pages_are_not_seen(world):
    """Each page finds its connection closed by the server."""
    world.emulator.faults.add("/file/search", Fault.drop_keepalive(), times=None)
    retried = []
    world.client.on("retry", lambda error, req_opt, delay_s: retried.append(error))
    found = await world.client.file.search(**world.drive, query=F.size >= 0, limit=1).collect()
    assert len(found) == 6
    assert {type(error) for error in retried} <= {OutcomeUnknown}


async def test_204_where_a_file_was_expected(world):
    """A success without a body is an empty reply, not an error."""
    world.emulator.faults.add("/file/get", Fault.empty(204), times=2)
    assert (await world.client.file.get(**world.get("photo.JPG"))).name is None
    assert await world.client.post_api("/file/get", world.get("photo.JPG")) is None


@pytest.mark.parametrize(
    ("reply", "rows"),
    [
        ({}, 0),
        ({"items": None, "next_marker": None}, 0),
        ({"items": [{"file_id": "a", "new": {"deep": 1}}], "new": [1]}, 1),
        ({"items": [{"file_id": "a", "size": "12", "created_at": ""}]}, 1),
        ({"items": [{"size": {"odd": 1}}], "next_marker": ""}, 1),
    ],
)
async def test_replies_that_are_a_little_wrong_are_tolerated(world, reply, rows):
    """Unknown members, text for numbers, null for lists."""
    world.emulator.faults.add("/file/search", Fault.json(reply))
    found = await world.client.file.search(**world.drive, query=F.size >= 0).collect()
    assert len(found) == rows


@pytest.mark.parametrize("reply", [[], "text", 1, {"items": "text"}])
async def test_replies_that_are_no_page_are_refused(world, reply):
    """With the marker to go on from."""
    world.emulator.faults.add("/file/search", Fault.json(reply))
    with pytest.raises(DecodeError) as caught:
        await world.client.file.search(**world.drive, query=F.size >= 0, marker="m").collect()
    assert (caught.value.marker, caught.value.status) == ("m", 200)


async def test_a_bomb_is_given_up_early(world):
    """64 MiB in 64 kB: refused at the limit, without holding it all, and the connection goes."""
    world.emulator.faults.add("/file/get", Fault.gzip_bomb(64))
    async with world.connect(token_info=world.emulator.token_info, max_reply_bytes=MIB) as client:
        tracemalloc.start()
        try:
            with pytest.raises(DecodeError, match="longer than"):
                await client.file.get(**world.get("Report.ppt"))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 16 * MIB
        assert (await client.file.get(**world.get("Report.ppt"))).size == 2000


@pytest.mark.parametrize(
    ("wait", "slept"),
    [
        ("30", [30.0]),
        ("DATE", [20.0]),
        ("-5", [0.5]),
        ("soon", [0.5]),
        ("3600", RateLimited),
    ],
)
async def test_every_form_of_retry_after(world, wait, slept):
    """Seconds, a date, nonsense; an hour is for the caller to decide."""
    if wait == "DATE":
        from email.utils import formatdate

        now = int(world.emulator.clock.time())
        world.emulator.clock.advance(now + 1 - world.emulator.clock.time())
        wait = formatdate(now + 21, usegmt=True)
    world.emulator.faults.add("/file/get", Fault.status(503, headers={"Retry-After": wait}))
    world.emulator.faults.add("/file/get", Fault.status(429, headers={"Retry-After": wait}))
    if slept is RateLimited:
        view = world.client.with_options(idempotent=False)
        with pytest.raises(ServiceFailure) as caught:
            await view.file.get(**world.get("Report.ppt"))
        assert caught.value.retry_after_s == 3600
        with pytest.raises(RateLimited) as caught:
            await view.file.get(**world.get("Report.ppt"))
        assert caught.value.retry_after_s == 3600
        assert world.slept == []
        return
    await world.client.file.get(**world.get("Report.ppt"))
    assert world.slept[0] == pytest.approx(slept[0])


async def test_no_socket_is_left_by_any_fault(start, other_host):
    """After ``async with`` nothing is open, whatever happened inside."""
    async with start() as world:
        for kind, (fault, *_) in MATRIX.items():
            world.emulator.faults.add("/file/get", aimed(fault, other_host))
            view = patient_enough(world.client, kind).with_options(retries=0)
            await asyncio.gather(
                *(view.file.get(**world.get("Report.ppt")) for _ in range(3)),
                return_exceptions=True,
            )
    assert open_connections() == []


def open_connections():
    """Sockets of this process that are connected; listeners and pipes of the loop aside."""
    gc.collect()
    found = []
    for one in gc.get_objects():
        if isinstance(one, socket.socket) and one.fileno() != -1:
            try:
                found.append(one.getpeername())
            except OSError:
                continue
    return [peer for peer in found if peer]
