"""The ground that the tests of transfers stand on."""

from __future__ import annotations

import aiohttp
import pytest

from pdsclient.emulator import Fault


async def test_what_was_put_and_read_is_told_by_part_and_range(ground, content):
    """Parts by number, size and status; ranges by their ends; calls also inside a batch."""
    file = await ground.add("a.bin", content(1000))
    reply = await ground.client.post_api(
        "/file/get_download_url", {**ground.drive, "file_id": file.file_id}
    )
    async with aiohttp.ClientSession() as http:
        for headers in ({}, {"Range": "bytes=10-19"}, {"Range": "bytes=990-"}):
            async with http.get(reply["url"], headers=headers) as got:
                await got.read()
    assert ground.gets == [(None, None, 200), (10, 19, 206), (990, None, 206)]
    assert await ground.content(file) == content(1000)
    assert (ground.puts, ground.sent_twice()) == ([], [])
    await ground.client.run_batch(
        [ground.client.file.get.item(**ground.drive, file_id=file.file_id)]
    )
    assert ground.asked("/file/get") == 2


async def test_what_is_left_open_fails_a_test(start, tmp_path):
    """A descriptor that nobody closes is found."""
    with pytest.raises(AssertionError, match="left open"):
        async with start():
            left = open(tmp_path / "a", "wb")  # noqa: SIM115, ASYNC230
    left.close()


async def test_a_raw_storage_answers_what_no_emulator_does(raw_storage):
    """Answers come in turn, and the last one stays."""
    raw_storage.answers("206 Partial Content", b"abc", Content_Range="bytes 5-7/9")
    raw_storage.answers("200 OK", b"", Content_Length=5)
    async with aiohttp.ClientSession() as http:
        async with http.get(raw_storage.url) as got:
            assert (got.headers["Content-Range"], await got.read()) == ("bytes 5-7/9", b"abc")
        with pytest.raises(TimeoutError):
            async with http.get(raw_storage.url, timeout=aiohttp.ClientTimeout(total=0.05)) as got:
                await got.read()
    assert raw_storage.requests[0].line.startswith("GET /content?")


async def test_a_fault_strikes_one_part_or_range(ground, content, range_from):
    """The other requests for the same content go through."""
    file = await ground.add("a.bin", content(100))
    ask = {**ground.drive, "file_id": file.file_id}
    url = (await ground.client.post_api("/file/get_download_url", ask))["url"]
    ground.emulator.faults.add("/data", Fault.status(503), when=range_from(50))
    async with aiohttp.ClientSession() as http:
        for first in (0, 50, 90, 50):
            async with http.get(url, headers={"Range": f"bytes={first}-"}) as got:
                await got.read()
    assert [one.status for one in ground.gets] == [206, 503, 206, 206]
