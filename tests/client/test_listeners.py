"""Whatever a listener does, the call's outcome is the same."""

from __future__ import annotations

import asyncio
import logging

import pytest

from pdsclient import InvalidRequest, NotFound, RequestOptions

MISSING = (404, {"code": "NotFound.FileId", "message": "x"})


def raising(error, req_opt):
    raise RuntimeError("listener")


async def asynchronous(error, req_opt):
    await asyncio.sleep(0)


async def async_raising(error, req_opt):
    await asyncio.sleep(0)
    raise RuntimeError("listener")


async def slow(error, req_opt):
    await asyncio.sleep(60)


def one_argument(error):
    pass


def cancelling(error, req_opt):
    raise asyncio.CancelledError


LISTENERS = [None, raising, asynchronous, async_raising, slow, one_argument, cancelling]


class TestTheSeedsErrorEvent:
    """Rows of "error event": ``client.on('error', (error, req_opt)=> {…})``."""

    async def test_error(self, server, make_client):
        """ "error | PDSError | Yes | … generally contains … code, message, reqId, and status."."""
        server.script(MISSING)
        client = make_client()
        told = []

        @client.on("error")
        def listener(error, req_opt):
            told.append(error)

        with pytest.raises(NotFound) as caught:
            await client.post_api("/file/get", {"file_id": "f"})
        (error,) = told
        assert error is caught.value
        assert (error.code, error.message) == ("NotFound.FileId", "x")
        assert (error.req_id, error.status) == ("REQ-1", 404)

    async def test_req_opt(self, server, make_client):
        """ "req_opt | IPDSRequestConfig | Yes | The request parameters."."""
        server.script(MISSING)
        client = make_client()
        told = []
        client.on("error", lambda error, req_opt: told.append(req_opt))
        with pytest.raises(NotFound):
            await client.post_api("/file/get", {"file_id": "f"}, {"timeout": 7})
        (req_opt,) = told
        assert isinstance(req_opt, RequestOptions)
        assert (req_opt.method, req_opt.data) == ("POST", {"file_id": "f"})
        assert req_opt.url.endswith("/v2/file/get")
        assert (req_opt.timeout, req_opt.attempt) == (7, 1)


@pytest.mark.parametrize("listener", LISTENERS)
async def test_every_kind_of_listener_leaves_the_call_as_it_is(
    server, make_client, listener, caplog
):
    """The same error, at once; a failing listener is logged once per event."""
    caplog.set_level(logging.ERROR, "pdsclient.events")
    server.script(MISSING)
    client = make_client()
    if listener is not None:
        client.on("error", listener)
    for _ in range(3):
        with pytest.raises(NotFound):
            await asyncio.wait_for(client.post_api("/file/get"), 5)
    for _ in range(10):
        await asyncio.sleep(0)
    failing = listener in (raising, async_raising, one_argument, cancelling)
    assert len(caplog.records) == (3 if failing else 0)
    client.off("error", listener or raising)
    if listener is slow:
        client.events._dispatcher.cancel()


async def test_a_listener_may_call_the_client(server, make_client):
    """Its calls work, and emit nothing themselves."""
    server.script(MISSING)
    client = make_client()
    inner = []

    @client.on("error")
    async def report(error, req_opt):
        try:
            await client.post_api("/audit/report")
        except NotFound as failed:
            inner.append(failed)

    with pytest.raises(NotFound):
        await client.post_api("/file/get")
    await client.events.drain(5)
    assert len(inner) == 1
    assert len(server.seen) == 2


async def test_only_the_four_events_exist(make_client):
    """An unknown name is an error, so that a misspelt one is not silence."""
    with pytest.raises(InvalidRequest, match="error, retry, token, share_token"):
        make_client().on("errors", print)


async def test_once_and_off(server, make_client):
    """The usual two."""
    server.script(MISSING)
    client = make_client()
    once, always = [], []
    client.once("error", lambda *args: once.append(args))
    listener = client.on("error", lambda *args: always.append(args))
    for _ in range(2):
        with pytest.raises(NotFound):
            await client.post_api("/file/get")
    client.off("error", listener)
    with pytest.raises(NotFound):
        await client.post_api("/file/get")
    assert (len(once), len(always)) == (1, 2)


async def test_a_refused_argument_is_no_event(server, make_client):
    """It is the caller's mistake, known where it is made."""
    client = make_client()
    told = []
    client.on("error", lambda *args: told.append(args))
    with pytest.raises(InvalidRequest):
        client.file.search(query="size >")
    with pytest.raises(InvalidRequest):
        await client.file.get(drive_id="1", file_id="")
    assert not told
    assert not server.seen
