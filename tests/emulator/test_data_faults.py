"""What may go wrong with contents on their way, and the line that carries them."""

from __future__ import annotations

import asyncio
import io
from xml.etree import ElementTree as ET

import aiohttp
import pytest

from pdsclient._crc64 import crc64
from pdsclient.emulator import Fault, Settings
from pdsclient.errors import InvalidRequest

CONTENT = bytes(range(256)) * 40


async def begin(api, name="a.bin", parts=3, **more):
    """A new upload in parallel parts."""
    numbers = [{"part_number": number} for number in range(1, parts + 1)]
    data = {"drive_id": "1", "parent_file_id": "root", "name": name, "type": "file"}
    made = await api.post(
        "/file/create", {**data, "parallel_upload": True, "part_info_list": numbers, **more}
    )
    assert made.status == 201, made.body
    return made.data


async def put(api, made, number, data=CONTENT):
    url = made["part_info_list"][number - 1]["upload_url"]
    return await api.send("PUT", url, data=io.BytesIO(data), headers={"Content-Type": ""})


async def put_once(api, made, number):
    """A part from a source that aiohttp cannot read again to repeat the request by itself."""

    async def pieces():
        yield CONTENT

    url = made["part_info_list"][number - 1]["upload_url"]
    headers = {"Content-Type": "", "Content-Length": str(len(CONTENT))}
    return await api.send("PUT", url, data=pieces(), headers=headers)


async def url_of(api, content=CONTENT):
    """A signed URL of a new file."""
    (file_id,) = await api.emulator.add_files([{"name": "a", "content": content}])
    reply = await api.post("/file/get_download_url", {"drive_id": "1", "file_id": file_id})
    return reply.data["url"]


async def get(api, url, first=None):
    headers = {} if first is None else {"Range": f"bytes={first}-"}
    return await api.send("GET", url, headers=headers)


async def arrived(api, made):
    """The numbers of the parts that are kept."""
    ids = {key: made[key] for key in ("drive_id", "file_id", "upload_id")}
    reply = await api.post("/file/list_uploaded_parts", ids)
    return [part["part_number"] for part in reply.data["uploaded_parts"]]


@pytest.mark.parametrize("end", ["reset", "close"])
async def test_a_part_is_cut_off_and_nothing_is_kept_of_it(api, end):
    """The connection ends in the middle of the body; other parts go through."""
    made = await begin(api)
    fault = Fault.cut_body(5000, end=end)
    api.emulator.faults.add("/data", fault, when=lambda request: request.part_number == 2)
    assert (await put(api, made, 1)).status == 200
    with pytest.raises((aiohttp.ClientConnectionError, ConnectionError)):
        await put_once(api, made, 2)
    assert await arrived(api, made) == [1]
    assert (await put(api, made, 2)).status == 200
    assert [one.status for one in api.emulator.requests.of("/data")] == [200, None, 200]


async def test_a_part_stalls_in_the_middle(api):
    """Until the client gives up."""
    made = await begin(api)
    api.emulator.faults.add("/data", Fault.cut_body(5000, end="stall"))
    url = made["part_info_list"][0]["upload_url"]
    with pytest.raises(TimeoutError):
        await api.send(
            "PUT",
            url,
            data=io.BytesIO(CONTENT),
            headers={"Content-Type": ""},
            timeout=aiohttp.ClientTimeout(total=0.05),
        )
    assert await arrived(api, made) == []


@pytest.mark.parametrize("end", ["reset", "close", "stall"])
async def test_a_reply_ends_in_the_middle(api, end):
    """So much of it comes, then this."""
    url = await url_of(api, bytes(300_000))
    api.emulator.faults.add("/data", Fault.truncate(100_000, end=end))
    came = bytearray()
    with pytest.raises((aiohttp.ClientError, TimeoutError, ConnectionError)):
        async with api.session.get(url, timeout=aiohttp.ClientTimeout(sock_read=0.1)) as reply:
            assert reply.headers["Content-Length"] == "300000"
            async for piece in reply.content.iter_any():
                came += piece
    # A reset may overtake what was sent before it.
    assert len(came) <= 100_000 if end == "reset" else len(came) == 100_000


async def test_storage_errors_are_in_xml(api):
    """The codes of OSS, for one part or one range."""
    made, url = await begin(api), await url_of(api)
    script = api.emulator.faults
    script.add("/data", Fault.expired(), when=lambda request: request.part_number == 3)
    slow = Fault.storage(503, "SlowDown", "Please reduce your request rate.")
    script.add("/data", slow, when=lambda request: request.range_start == 7)
    got = [await put(api, made, 3), await get(api, url, 0), await get(api, url, 7)]
    assert [one.status for one in got] == [403, 206, 503]
    said = [
        [ET.fromstring(one.body).findtext(tag) for tag in ("Code", "Message")] for one in got[::2]
    ]
    assert said[0] == ["AccessDenied", "Request has expired."]
    assert said[1] == ["SlowDown", "Please reduce your request rate."]


@pytest.mark.parametrize("at", [0, 5000, len(CONTENT) - 1])
async def test_a_byte_of_a_part_is_corrupted_on_its_way(api, at):
    """The storage keeps, and tells the checksum of, what arrived."""
    made = await begin(api, parts=1)
    api.emulator.faults.add("/data", Fault.corrupt(at))
    got = await put(api, made, 1)
    wrong = bytearray(CONTENT)
    wrong[at] ^= 0xFF
    assert (got.status, got.headers["x-oss-hash-crc64ecma"]) == (200, str(crc64(bytes(wrong))))


async def test_a_byte_of_a_download_is_corrupted_on_its_way(api):
    """Length and headers are those of the content."""
    url = await url_of(api)
    api.emulator.faults.add("/data", Fault.corrupt(7000))
    got = await get(api, url)
    wrong = bytearray(CONTENT)
    wrong[7000] ^= 0xFF
    assert got.body == wrong
    assert got.headers["x-oss-hash-crc64ecma"] == str(crc64(CONTENT))
    assert (await get(api, url)).body == CONTENT


async def test_what_was_corrupted_may_not_be_told(api):
    """No checksum is in the reply, up or down."""
    made, url = await begin(api, parts=1), await url_of(api)
    api.emulator.faults.add("/data", Fault.corrupt(silent=True), times=2)
    for got in (await put(api, made, 1), await get(api, url)):
        assert got.status == 200
        assert "x-oss-hash-crc64ecma" not in got.headers


async def test_headers_of_a_reply_can_be_wrong(api):
    """The request is processed; the given headers take the place of its own."""
    url = await url_of(api)
    api.emulator.faults.add("/data", Fault.headers(X_OSS_Hash_Crc64ecma="1", ETag='"?"'))
    got = await get(api, url, 10)
    assert (got.status, got.body) == (206, CONTENT[10:])
    assert got.headers.getall("x-oss-hash-crc64ecma") == ["1"]
    assert got.headers["ETag"] == '"?"'


async def test_a_range_is_answered_with_everything(api):
    """200, once; the request is shown as it was sent."""
    url = await url_of(api)
    api.emulator.faults.add("/data", Fault.ignore_range())
    whole, part = await get(api, url, 10), await get(api, url, 10)
    assert (whole.status, whole.body) == (200, CONTENT)
    assert (part.status, part.body) == (206, CONTENT[10:])
    shown = api.emulator.requests.of("/data")
    assert [(one.range_start, one.status) for one in shown] == [(10, 200), (10, 206)]


async def test_uploads_are_dropped(api):
    """What the service does after days; files that were being overwritten stay."""
    made = await begin(api)
    [file_id] = await api.emulator.add_files([{"name": "old", "content": b"old"}])
    again = await begin(api, "old", file_id=file_id)
    assert await api.emulator.drop_uploads() == 2
    got = await put(api, made, 1)
    assert (got.status, ET.fromstring(got.body).findtext("Code")) == (404, "NoSuchUpload")
    for one in (made, again):
        ids = {key: one[key] for key in ("drive_id", "file_id", "upload_id")}
        reply = await api.post("/file/complete", ids)
        assert reply.status == 404
    assert await api.emulator.read_file(file_id) == b"old"
    assert await api.emulator.drop_uploads() == 0
    with pytest.raises(LookupError):
        await api.emulator.read_file(made["file_id"])


async def test_the_control_plane_has_these_faults_too(api):
    """By part and by range."""
    made, url = await begin(api), await url_of(api)
    for call in (
        {"kind": "expired", "part_number": 2},
        {"kind": "storage", "arguments": {"status": 503, "code": "SlowDown"}, "range_start": 9},
    ):
        assert (await api.control("faults", operation="/data", **call)).status == 200
    assert (await put(api, made, 1)).status == 200
    assert (await put(api, made, 2)).status == 403
    assert (await get(api, url, 0)).status == 206
    assert (await get(api, url, 9)).status == 503
    assert (await api.control("drop_uploads")).data == {"dropped": 1}


def test_ends_are_checked():
    """A word that means nothing is refused where it is written."""
    for make in (Fault.cut_body, Fault.truncate):
        with pytest.raises(InvalidRequest, match="end must be one of"):
            make(10, end="slowly")


# ---------------------------------------------------------------------------- the line


async def seconds(work):
    loop = asyncio.get_running_loop()
    started = loop.time()
    await work
    return loop.time() - started


async def test_each_connection_has_its_bandwidth_in_both_directions(api):
    """Six of them take as long as one, not as long as six."""
    made, url = await begin(api, parts=6), await url_of(api)
    api.emulator.bandwidth_bps = len(CONTENT) / 0.1
    up = [put(api, made, number) for number in range(1, 7)]
    assert 0.08 < await seconds(asyncio.gather(*up)) < 0.5
    assert 0.08 < await seconds(asyncio.gather(*(get(api, url) for _ in up))) < 0.5


async def test_all_connections_share_a_line(run):
    """Two of them take twice as long, in whichever directions."""
    async with run(line_bps=len(CONTENT) / 0.05) as api:
        made, url = await begin(api), await url_of(api)
        both = asyncio.gather(put(api, made, 1), get(api, url))
        assert await seconds(both) > 0.08
        await api.control("line", line_bps=1e9)
        assert api.emulator.line_bps == 1e9
        api.emulator.reset()
        assert api.emulator.line_bps == len(CONTENT) / 0.05


async def test_a_limited_line_is_even(api):
    """No more than a twentieth of a second's worth comes at once."""
    url = await url_of(api, bytes(60_000))
    api.emulator.bandwidth_bps = rate = 200_000
    loop = asyncio.get_running_loop()
    async with api.session.get(url) as reply:
        started, came = loop.time(), 0
        async for piece in reply.content.iter_any():
            came += len(piece)
            assert came <= (loop.time() - started + 0.1) * rate
    assert came == 60_000


async def test_a_storage_that_ignores_ranges(run):
    """The switch does for all what the fault does once."""
    async with run(settings=Settings(ranges="ignored")) as api:
        assert (await get(api, await url_of(api), 5)).status == 200
