"""How much of a call is ours: frames deep, functions wide. Counted, not timed."""

from __future__ import annotations

import sys

import pytest

from pdsclient.transport import Transport


def ours(frame) -> bool:
    return "pdsclient" in frame.f_code.co_filename and "/tests/" not in frame.f_code.co_filename


class Count:
    """Functions of ours that are entered, a coroutine once however often it is resumed."""

    def __init__(self):
        self.entered = {}

    def __call__(self, frame, event, arg):
        if event == "call" and ours(frame):
            # Kept alive, so that no other frame gets the same identity.
            self.entered.setdefault(id(frame), frame)

    def names(self):
        return [frame.f_code.co_qualname for frame in self.entered.values()]


async def frames_at_send(monkeypatch, call):
    """Our frames on the stack when the request is handed to aiohttp."""
    deep = []

    class Stop(Exception):
        pass

    def post(*args, **kwargs):
        frame = sys._getframe(1)
        while frame is not None:
            if ours(frame):
                deep.append(frame.f_code.co_qualname)
            frame = frame.f_back
        raise Stop

    from pdsclient import transport

    real = transport._connections.Home.__init__

    def init(self, *args):
        real(self, *args)
        self.post = post

    monkeypatch.setattr(transport._connections.Home, "__init__", init)
    with pytest.raises(Stop):
        await call()
    return deep


@pytest.mark.parametrize("kind", ["post_api", "operation", "paged"])
async def test_three_frames_lie_between_the_caller_and_aiohttp(make_client, monkeypatch, kind):
    """The operation, the loop, the transport."""
    client = make_client()
    calls = {
        "post_api": lambda: client.post_api("/drive/get", {"drive_id": "1"}),
        "operation": lambda: client.drive.get(drive_id="1"),
        "paged": client.drive.list_my_drives,
    }

    async def call():
        return await calls[kind]()

    deep = await frames_at_send(monkeypatch, call)
    assert len(deep) <= 3, deep
    assert deep[0] == Transport.send.__qualname__


async def test_twenty_functions_are_entered_by_a_successful_call(server, make_client):
    """Decoding of single rows aside."""
    client = make_client()
    await client.post_api("/drive/get", {"drive_id": "1"})
    count = Count()
    sys.setprofile(count)
    try:
        await client.post_api("/drive/get", {"drive_id": "1"})
    finally:
        sys.setprofile(None)
    assert len(count.names()) <= 20, count.names()
