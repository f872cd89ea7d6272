"""What the code of the vendor's JavaScript SDK sends and reads beyond what is documented."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

# Smaller than the SDK's 10 MiB and 64 bytes, and a multiple of 64 as that is.
PART = 640
CONTENT = b"a" * (2 * PART + 100)
# After one part and after two, by another implementation than the emulator's.
STATES = {
    "sha1": [
        "96b6b165 bdc42f22 bb1c7649 4f2c56f1 ce1dc035",
        "ec03a759 660d40ff bb0e5a82 dbc33a2b 20096c70",
    ],
    "sha256": [
        "6d1077bf 3ea8d943 903bcf49 4cd07545 7400d032 6bad0fce 62c7dd9e 9ce81aba",
        "ab3a9caa b95aabb3 fe22ee2d 30f4c99f f9dfb1f4 5a6d3b8b 7933d6c4 58a0b1e2",
    ],
}


def part_list(name: str) -> list[dict[str, Any]]:
    """The parts as the SDK describes them: the first one has nothing before it, so no words."""
    found = []
    for number, words in enumerate(["", *STATES[name]], 1):
        state = [int(word, 16) for word in words.split()]
        start = (number - 1) * PART
        size = min(PART, len(CONTENT) - start)
        part = {"part_number": number, "part_size": size, "from": start, "to": start + size}
        found.append({**part, f"parallel_{name}_ctx": {"h": state, "part_offset": start}})
    return found


async def create(api: Any, name: str, **data: Any) -> Any:
    """``/file/create`` of a file in the drive's root, with the SDK's own member."""
    where = {"drive_id": api.emulator.drive_id, "parent_file_id": "root", "type": "file"}
    return await api.post("/file/create", where | {"name": name, "donot_emit_error": True} | data)


@pytest.mark.parametrize("name", ["sha1", "sha256"])
async def test_first_of_the_parallel_parts_has_no_hash_state(api, name):
    """An empty list of words stands for the beginning; either hash is understood, though the
    domain has but one and the request names none. The URLs may be asked for once more."""
    sent = {"size": len(CONTENT), "parallel_upload": True, "part_info_list": part_list(name)}
    made = (await create(api, "big", **sent)).data
    upload = {key: made[key] for key in ("drive_id", "file_id", "upload_id")}
    renewed = {"part_info_list": part_list(name)} | upload
    urls = (await api.post("/file/get_upload_url", renewed)).data["part_info_list"]
    for part in reversed(urls):
        start = (part["part_number"] - 1) * PART
        headers = {"Content-Type": part["content_type"]}
        url, piece = part["upload_url"], CONTENT[start : start + PART]
        assert (await api.send("PUT", url, data=piece, headers=headers)).status == 200
    done = (await api.post("/file/complete", upload)).data
    assert done["content_hash"] == hashlib.sha1(CONTENT).hexdigest().upper()
    digest = hashlib.new(name, CONTENT).hexdigest()
    again = await create(api, "again", content_hash=digest, content_hash_name=name)
    assert again.data["rapid_upload"] is True


async def test_only_the_beginning_has_no_words(api):
    """A part with bytes before it says what the hash makes of them."""
    parts = [{"part_number": 2, "parallel_sha1_ctx": {"h": [], "part_offset": PART}}]
    got = await create(api, "big", parallel_upload=True, part_info_list=parts)
    assert (got.status, got.code) == (400, "InvalidParameter.ParallelSha1Ctx")


async def test_domain_of_the_caller_needs_no_name(api):
    """The SDK's tests ask for the domain without saying which."""
    assert (await api.post("/domain/get", {})).data["domain_id"] == "bj1"


async def test_thumbnail_url_names_the_service_and_can_be_fetched(api):
    """The SDK's tests look for ``https://`` in it; the member is signed as all others are."""
    digest = hashlib.sha1(b"").hexdigest()
    made = await create(api, "a.mov", size=0, content_hash=digest, content_hash_name="sha1")
    process = {"video_thumbnail_process": "video/snapshot,t_1000,f_jpg,m_fast,ar_auto,h_0,w_480"}
    one = {key: made.data[key] for key in ("drive_id", "file_id")}
    shown = await api.post("/file/get", one | {"thumbnail_processes": {"480X480": process}})
    url = shown.data["thumbnail_urls"]["480X480"]
    assert "&origin=https://data.aliyunpds.com&" in url
    got = await api.send("GET", url)
    assert (got.status, got.headers["Content-Type"]) == (200, "image/png")
    assert (await api.send("GET", url.replace("aliyunpds", "elsewhere"))).status == 403


async def test_download_url_takes_a_body_and_an_empty_type(api):
    """The SDK's GET of a content carries ``{}`` and an empty ``Content-Type``; a media type may
    be any word, as ``file`` is that its tests give to every file."""
    made = (await create(api, "a.txt", size=3, content_type="file")).data
    [part] = made["part_info_list"]
    headers = {"Content-Type": part["content_type"], "pds-js-sdk": "1.4.0"}
    assert part["content_type"] == ""
    put = await api.send("PUT", part["upload_url"], data=b"abc", headers=headers)
    upload = {key: made[key] for key in ("drive_id", "file_id", "upload_id")}
    parts = [{"part_number": 1, "etag": put.headers["ETag"]}]
    assert (await api.post("/file/complete", upload | {"part_info_list": parts})).status == 200
    url = (await api.post("/file/get_download_url", upload)).data["url"]
    got = await api.send("GET", url, data=b"{}", headers=headers)
    assert (got.status, got.body) == (200, b"abc")
