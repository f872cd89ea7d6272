"""Uploads over raw HTTP: create, parts, complete (pds-service.md 10, 13.23 and 13.27-13.33)."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import struct
from base64 import b64encode
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import aiohttp
import pytest

from pdsclient._crc64 import crc64
from pdsclient.emulator import Emulator, Fault, Settings
from pdsclient.emulator.clock import MovableClock

SMALL = b"abc"


def sha1(data):
    return hashlib.sha1(data).hexdigest().upper()


async def create(api, name="a.txt", **more):
    data = {"drive_id": "1", "parent_file_id": "root", "name": name, "type": "file"}
    return await api.post("/file/create", data | more)


async def put(api, url, data, content_type="", **headers):
    sent = {} if content_type is None else {"Content-Type": content_type}
    skip = ["Content-Type"] if content_type is None else []
    if isinstance(data, bytes):
        data = io.BytesIO(data)
    return await api.send("PUT", url, data=data, headers=sent | headers, skip_auto_headers=skip)


async def complete(api, made, **more):
    data = {"drive_id": "1", "file_id": made["file_id"], "upload_id": made["upload_id"]}
    return await api.post("/file/complete", data | more)


async def upload(api, name, *parts, **more):
    """A file in parts; the reply of complete."""
    numbers = [{"part_number": number} for number in range(1, len(parts) + 1)]
    got = await create(api, name, size=sum(map(len, parts)), part_info_list=numbers, **more)
    assert got.status == 201, got.body
    made = got.data
    for info, data in zip(made["part_info_list"], parts, strict=True):
        assert (await put(api, info["upload_url"], data)).status == 200
    return await complete(api, made)


async def content_of(api, file_id, **more):
    data = {"drive_id": "1", "file_id": file_id, **more}
    reply = (await api.post("/file/get_download_url", data)).data
    return (await api.send("GET", reply["url"])).body


def code_of(got):
    """The code of an error of the data plane."""
    return ET.fromstring(got.body).findtext("Code")


async def test_a_text_is_uploaded_and_read_back(api):
    """Observation 23: create, PUT and complete of a short text."""
    made = await create(api, size=3)
    assert made.status == 201
    data = made.data
    assert (data["file_name"], data["status"], data["exist"]) == ("a.txt", "uploading", False)
    assert (data["rapid_upload"], data["type"]) == (False, "file")
    [part] = data["part_info_list"]
    assert (part["part_number"], part["content_type"]) == (1, "")
    sent = await put(api, part["upload_url"], SMALL)
    assert sent.status == 200
    assert sent.headers["ETag"] == f'"{hashlib.md5(SMALL).hexdigest().upper()}"'
    assert sent.headers["x-oss-hash-crc64ecma"] == str(crc64(SMALL))
    done = await complete(api, data, crc64_hash=str(crc64(SMALL)))
    assert done.status == 200
    file = done.data
    assert (file["status"], file["size"], file["name"]) == ("available", 3, "a.txt")
    assert (file["content_hash"], file["content_hash_name"]) == (sha1(SMALL), "sha1")
    assert file["crc64_hash"] == str(crc64(SMALL))
    assert await content_of(api, data["file_id"]) == SMALL


async def test_parts_become_one_content(api):
    """Hash and checksum are those of the whole, wherever a part ends."""
    parts = [os.urandom(size) for size in (100_000, 1, 2_500_000)]
    done = (await upload(api, "big.bin", *parts)).data
    whole = b"".join(parts)
    assert (done["content_hash"], done["crc64_hash"]) == (sha1(whole), str(crc64(whole)))
    assert await content_of(api, done["file_id"]) == whole


async def test_a_range_may_cross_parts(api):
    """What comes from several files looks like one."""
    parts = [bytes([n]) * 1000 for n in range(5)]
    done = (await upload(api, "a.bin", *parts)).data
    reply = await api.post("/file/get_download_url", {"drive_id": "1", "file_id": done["file_id"]})
    got = await api.send("GET", reply.data["url"], headers={"Range": "bytes=990-3009"})
    assert got.status == 206
    assert got.body == b"".join(parts)[990:3010]


async def test_an_unfinished_file_is_not_found(api):
    """pds-service.md 6.2: get and search pass it by, a listing of uploads shows it."""
    made = (await create(api)).data
    got = await api.post("/file/get", {"drive_id": "1", "file_id": made["file_id"]})
    assert (got.status, got.code) == (404, "NotFound.FileId")
    assert (await api.search("name = 'a.txt'")).data["items"] == []
    data = {"drive_id": "1", "parent_file_id": "root", "status": "uploading"}
    [item] = (await api.post("/file/list", data)).data["items"]
    assert (item["file_id"], item["upload_id"]) == (made["file_id"], made["upload_id"])


async def test_a_second_upload_of_the_same_bytes_is_rapid(api):
    """Observation 27: although the first one sent no hash."""
    await upload(api, "a.bin", b"x" * 5000)
    got = await create(
        api, "b.bin", size=5000, content_hash=sha1(b"x" * 5000).lower(), content_hash_name="sha1"
    )
    data = got.data
    assert (got.status, data["rapid_upload"], data["status"]) == (201, True, "available")
    assert "part_info_list" not in data
    assert await content_of(api, data["file_id"]) == b"x" * 5000
    again = await api.post(
        "/file/get_upload_url",
        {
            "drive_id": "1",
            "file_id": data["file_id"],
            "upload_id": data["upload_id"],
            "part_info_list": [{"part_number": 1}],
        },
    )
    assert (again.status, again.code) == (409, "AlreadyExist.File")


async def test_a_hash_with_another_size_is_not_rapid(api):
    """Both have to be right."""
    await upload(api, "a.bin", SMALL)
    data = (await create(api, "b.bin", size=4, content_hash=sha1(SMALL))).data
    assert data["rapid_upload"] is False
    assert data["part_info_list"]


async def test_files_that_a_test_adds_are_known_too(api):
    """What add_files was given counts as content of the domain, be it small or big."""
    for content in (b"small", b"big" * 10_000):
        await api.emulator.add_files([{"name": "seed", "content": content}])
        got = await create(api, "b", size=len(content), content_hash=sha1(content))
        assert got.data["rapid_upload"] is True
        assert await content_of(api, got.data["file_id"]) == content


async def test_a_pre_hash_that_matches_asks_for_the_full_hash(api):
    """Observation 28: 409 in the shape of a create reply, and no file."""
    content = os.urandom(3000)
    await upload(api, "a.bin", content)
    got = await create(api, "b.bin", size=3000, pre_hash=sha1(content[:1024]))
    assert (got.status, got.code) == (409, "PreHashMatched")
    assert (got.data["file_name"], got.data["message"]) == ("b.bin", "Pre hash matched.")
    assert len((await api.search("name = 'b.bin'")).data["items"]) == 0
    miss = await create(api, "b.bin", size=3000, pre_hash=sha1(b"other"))
    assert (miss.status, miss.data["rapid_upload"]) == (201, False)


async def test_an_empty_file_is_rapid(api):
    """Observation 29: with its hash it needs no PUT, and downloads as nothing."""
    data = (await create(api, size=0, content_hash=sha1(b""), content_hash_name="sha1")).data
    assert data["rapid_upload"] is True
    file = (await api.post("/file/get", {"drive_id": "1", "file_id": data["file_id"]})).data
    assert file["size"] == 0
    assert await content_of(api, data["file_id"]) == b""


async def test_an_empty_file_without_a_hash_needs_one_empty_part(api):
    """pds-service.md 10.3."""
    made = (await create(api, size=0)).data
    assert (await complete(api, made)).status == 400
    assert (await put(api, made["part_info_list"][0]["upload_url"], b"")).status == 200
    assert (await complete(api, made)).data["size"] == 0
    assert await content_of(api, made["file_id"]) == b""


@pytest.mark.parametrize("kind", ["file", "folder"])
async def test_refuse_names_what_is_there(api, kind):
    """A clash is no error: exist, the id of the other one, and nothing is made."""
    first = (await create(api, "docs", type=kind, content_hash=sha1(b""), size=0)).data
    again = await create(api, "docs", type=kind, check_name_mode="refuse")
    assert (again.status, again.data["exist"]) == (201, True)
    assert (again.data["file_id"], again.data["file_name"]) == (first["file_id"], "docs")
    assert "upload_id" not in again.data
    found = await api.search("name = 'docs'")
    assert len(found.data["items"]) == 1


async def test_two_at_once_are_both_taken(api):
    """pds-service.md 10.2: refuse does not see what is still being uploaded."""
    made = [(await create(api, check_name_mode="refuse")).data for _ in range(2)]
    assert [one["exist"] for one in made] == [False, False]
    for one in made:
        await put(api, one["part_info_list"][0]["upload_url"], SMALL)
        assert (await complete(api, one)).status == 200
    assert len((await api.search("name = 'a.txt'")).data["items"]) == 2


async def test_auto_rename_writes_the_time_into_the_name(run):
    """The suffix stands before the extension."""
    clock = MovableClock()
    async with run(clock=clock) as api:
        await create(api, "a.txt", size=0, content_hash=sha1(b""))
        data = (await create(api, "a.txt", check_name_mode="auto_rename")).data
        assert data["exist"] is False
        assert data["file_name"].startswith("a_2")
        assert data["file_name"].endswith(".txt")
        assert len(data["file_name"]) == len("a_20060102_150405.txt")


async def test_ignore_makes_a_second_file_of_the_name(api):
    """Names are not unique, and that is the default."""
    ids = {(await upload(api, "a.txt", data)).data["file_id"] for data in (b"1", b"2")}
    assert len(ids) == 2


async def test_a_folder_is_there_at_once(api):
    """201 with no parts and no upload; tags are taken from the start (observation 26)."""
    got = await create(api, "docs", type="folder", user_tags=[{"key": "k", "value": "v"}])
    assert (got.status, got.data["status"], got.data["type"]) == (201, "available", "folder")
    assert not {"upload_id", "part_info_list"} & got.data.keys()
    folder = got.data["file_id"]
    made = await create(api, "in.txt", parent_file_id=folder, size=0, content_hash=sha1(b""))
    assert made.data["parent_file_id"] == folder
    shown = await api.post("/file/get", {"drive_id": "1", "file_id": folder, "fields": "*"})
    assert shown.data["user_tags"] == {"k": "v"}


async def test_what_create_says_of_a_file_is_kept(api):
    """Description, hidden, local times, labels and tags."""
    made = (
        await create(
            api,
            size=0,
            content_hash=sha1(b""),
            description="d",
            hidden=True,
            labels=["x"],
            local_modified_at="2024-01-02T03:04:05Z",
            user_tags=[{"key": "k", "value": "v"}],
            donot_emit_error=True,
        )
    ).data
    data = {"drive_id": "1", "file_id": made["file_id"], "fields": "*"}
    file = (await api.post("/file/get", data)).data
    assert (file["description"], file["hidden"], file["labels"]) == ("d", True, ["x"])
    assert file["local_modified_at"] == "2024-01-02T03:04:05.000Z"
    assert file["user_tags"] == {"k": "v"}


BAD = [
    ({"name": ""}, "InvalidParameterMissing.Name"),
    ({"name": "a/b"}, "InvalidParameter.Name"),
    ({"name": "a\\b"}, "InvalidParameter.Name"),
    ({"name": "é" * 513}, "InvalidParameter.Name"),
    ({"type": "link"}, "InvalidParameter.Type"),
    ({"type": None}, "InvalidParameterMissing.Type"),
    ({"parent_file_id": None}, "InvalidParameterMissing.ParentFileId"),
    ({"parent_file_id": "0" * 40}, "NotFound.ParentFileId"),
    ({"check_name_mode": "overwrite"}, "InvalidParameter.CheckNameMode"),
    ({"size": -1}, "InvalidParameter.Size"),
    ({"content_hash": "xyz"}, "InvalidParameter.ContentHash"),
    ({"part_info_list": [{"part_number": 0}]}, "InvalidParameter.PartNumber"),
    ({"part_info_list": [{"part_number": 1}] * 2}, "InvalidParameter.PartInfoList"),
    ({"part_info_list": [{}]}, "InvalidParameterMissing.PartNumber"),
    (
        {"part_info_list": [{"part_number": n} for n in range(1, 10_002)]},
        "InvalidParameterOutOfRange.PartInfoList",
    ),
    (
        {"part_info_list": [{"part_number": 1, "parallel_sha1_ctx": {"h": [1], "part_offset": 0}}]},
        "InvalidParameter.ParallelSha1Ctx",
    ),
    (
        {
            "part_info_list": [
                {"part_number": 2, "parallel_sha1_ctx": {"h": [1] * 5, "part_offset": 65}}
            ]
        },
        "InvalidParameter.ParallelSha1Ctx",
    ),
    ({"user_tags": [{"key": "a#", "value": ""}]}, "InvalidParameter.UserTags"),
    ({"local_modified_at": "yesterday"}, "InvalidParameter.LocalModifiedAt"),
    ({"content_type": "text/plain\r\nX: y"}, "InvalidParameter.ContentType"),
    (
        {"part_info_list": [{"part_number": 1, "content_type": "\n"}]},
        "InvalidParameter.ContentType",
    ),
    ({"description": "d" * 1025}, "InvalidParameterOutOfRange.Description"),
    ({"file_id": "0" * 40}, "NotFound.FileId"),
]


@pytest.mark.parametrize(("change", "code"), BAD, ids=[str(n) for n in range(len(BAD))])
async def test_bad_parameters_are_named(api, change, code):
    """Each with the field in its code, and nothing is made."""
    got = await create(api, **change)
    assert got.code == code
    assert (await api.search("size >= 0 or type = 'folder'")).data["items"] == []


async def test_part_urls_are_for_putting_this_type_only(api):
    """Another method or content type is no valid signature."""
    parts = [{"part_number": 1, "content_type": "text/plain"}]
    made = (await create(api, part_info_list=parts)).data
    url = made["part_info_list"][0]["upload_url"]
    assert made["part_info_list"][0]["content_type"] == "text/plain"
    for got in (
        await put(api, url, SMALL),
        await put(api, url, SMALL, "text/html"),
        await put(api, url, SMALL, None),
        await api.send("GET", url),
    ):
        assert (got.status, code_of(got)) == (403, "SignatureDoesNotMatch")
    assert (await api.send("HEAD", url)).status == 403
    assert (await put(api, url, SMALL, "text/plain")).status == 200


async def test_no_content_type_is_as_good_as_an_empty_one(api):
    """A library that sends none at all is understood."""
    made = (await create(api)).data
    assert (await put(api, made["part_info_list"][0]["upload_url"], SMALL, None)).status == 200


async def test_nothing_is_put_where_one_may_get(api):
    """A download URL is good for GET only."""
    file_id = (await upload(api, "a", SMALL)).data["file_id"]
    data = {"drive_id": "1", "file_id": file_id}
    url = (await api.post("/file/get_download_url", data)).data["url"]
    got = await put(api, url, b"other")
    assert (got.status, code_of(got)) == (403, "SignatureDoesNotMatch")
    assert (await api.send("HEAD", url)).status == 403


async def test_a_part_needs_its_length(api):
    """Chunked requests are refused as OSS does."""
    made = (await create(api)).data

    async def chunks():
        yield SMALL

    got = await put(api, made["part_info_list"][0]["upload_url"], chunks())
    assert (got.status, code_of(got)) == (411, "MissingContentLength")


async def test_an_upload_url_expires_and_can_be_had_again(run):
    """403 in XML with the words that clients look for; get_upload_url gives a fresh one."""
    clock = MovableClock()
    async with run(clock=clock) as api:
        made = (await create(api)).data
        clock.advance(901)
        got = await put(api, made["part_info_list"][0]["upload_url"], SMALL)
        assert (got.status, code_of(got)) == (403, "AccessDenied")
        assert b"expired" in got.body
        data = {"drive_id": "1", "file_id": made["file_id"], "upload_id": made["upload_id"]}
        fresh = await api.post(
            "/file/get_upload_url", data | {"part_info_list": [{"part_number": 1}]}
        )
        assert fresh.data["create_at"].endswith("Z")
        assert fresh.data["upload_id"] == made["upload_id"]
        [part] = fresh.data["part_info_list"]
        assert (await put(api, part["upload_url"], SMALL)).status == 200


async def serial(api, count=3):
    numbers = [{"part_number": number} for number in range(1, count + 1)]
    made = (await create(api, part_info_list=numbers)).data
    return made, [part["upload_url"] for part in made["part_info_list"]]


async def test_serial_parts_come_in_order(api):
    """Out of order: 400 PartNotSequential; sent again: 409 PartAlreadyExist."""
    made, urls = await serial(api)
    got = await put(api, urls[1], b"2")
    assert (got.status, code_of(got)) == (400, "PartNotSequential")
    assert (await put(api, urls[0], b"1")).status == 200
    got = await put(api, urls[0], b"1")
    assert (got.status, code_of(got)) == (409, "PartAlreadyExist")
    assert (await put(api, urls[1], b"2")).status == 200
    assert (await put(api, urls[2], b"3")).status == 200
    assert (await complete(api, made)).data["content_hash"] == sha1(b"123")


async def test_a_part_whose_answer_was_lost_is_there(api):
    """Sent again it is 409; its ETag is among the listed parts. A 504 before it changes nothing."""
    made, urls = await serial(api, 1)
    api.emulator.faults.add("/data", Fault.gateway())
    assert (await put(api, urls[0], SMALL)).status == 504
    api.emulator.faults.add("/data", Fault.reset(processed=True))
    with suppress(aiohttp.ClientError):  # aiohttp may have sent it again by itself
        await put(api, urls[0], SMALL)
    got = await put(api, urls[0], SMALL)
    assert (got.status, code_of(got)) == (409, "PartAlreadyExist")
    assert (await complete(api, made)).data["content_hash"] == sha1(SMALL)


async def test_an_interrupted_upload_goes_on(api):
    """Observation 31: what has arrived is listed, and the rest is put to fresh URLs."""
    made, urls = await serial(api)
    await put(api, urls[0], b"1")
    data = {"drive_id": "1", "file_id": made["file_id"], "upload_id": made["upload_id"]}
    there = (await api.post("/file/list_uploaded_parts", data)).data["uploaded_parts"]
    rest = [{"part_number": number} for number in range(len(there) + 1, 4)]
    fresh = await api.post("/file/get_upload_url", data | {"part_info_list": rest})
    for part in fresh.data["part_info_list"]:
        await put(api, part["upload_url"], str(part["part_number"]).encode())
    assert (await complete(api, made)).data["content_hash"] == sha1(b"123")


async def test_urls_live_as_long_as_is_set(run):
    """By a switch; fifteen minutes by default."""
    clock = MovableClock()
    async with run(clock=clock, settings=Settings(upload_url_life_s=60)) as api:
        _, urls = await serial(api)
        clock.advance(59)
        assert (await put(api, urls[0], b"1")).status == 200
        clock.advance(2)
        assert code_of(await put(api, urls[1], b"2")) == "AccessDenied"


async def test_parts_that_have_arrived_are_listed(api):
    """In pages by part number, with size and ETag."""
    made, urls = await serial(api)
    for number, url in enumerate(urls, 1):
        await put(api, url, b"x" * number)
    data = {"drive_id": "1", "file_id": made["file_id"], "upload_id": made["upload_id"]}
    first = (await api.post("/file/list_uploaded_parts", data | {"limit": 2})).data
    assert [part["part_number"] for part in first["uploaded_parts"]] == [1, 2]
    assert [part["part_size"] for part in first["uploaded_parts"]] == [1, 2]
    assert first["uploaded_parts"][0]["etag"] == f'"{hashlib.md5(b"x").hexdigest().upper()}"'
    assert first["parallel_upload"] is False
    for marker in (first["next_part_number_marker"], int(first["next_part_number_marker"])):
        second = await api.post("/file/list_uploaded_parts", data | {"part_number_marker": marker})
        assert [part["part_number"] for part in second.data["uploaded_parts"]] == [3]
        assert second.data["next_part_number_marker"] == ""


async def test_a_completed_upload_is_gone(api):
    """Everything about it is 404 NotFound.UploadId, its URLs NoSuchUpload."""
    made, urls = await serial(api, 1)
    await put(api, urls[0], SMALL)
    assert (await complete(api, made)).status == 200
    again = await complete(api, made)
    assert (again.status, again.code) == (404, "NotFound.UploadId")
    data = {"drive_id": "1", "file_id": made["file_id"], "upload_id": made["upload_id"]}
    listed = await api.post("/file/list_uploaded_parts", data)
    assert (listed.status, listed.code) == (404, "NotFound.UploadId")
    parts = {"part_info_list": [{"part_number": 1}]}
    assert (await api.post("/file/get_upload_url", data | parts)).code == "NotFound.UploadId"
    got = await put(api, urls[0], SMALL)
    assert (got.status, code_of(got)) == (404, "NoSuchUpload")


async def test_what_complete_is_told_has_to_be_true(api):
    """Missing parts, foreign ETags, another checksum or size leave the upload as it was."""
    made, urls = await serial(api, 2)
    assert (await complete(api, made)).code == "InvalidParameter.PartInfoList"
    tag = (await put(api, urls[0], SMALL)).headers["ETag"]
    told = {"part_info_list": [{"part_number": 1, "etag": tag}, {"part_number": 2, "etag": tag}]}
    assert (await complete(api, made, **told)).code == "InvalidParameter.PartInfoList"
    told = {"part_info_list": [{"part_number": 1, "etag": '"0"'}]}
    assert (await complete(api, made, **told)).code == "InvalidParameter.PartInfoList"
    wrong = await complete(api, made, crc64_hash="1")
    assert (wrong.status, wrong.code) == (400, "InvalidParameterNotMatch.Crc64Hash")
    told = {"part_info_list": [{"part_number": 1, "etag": tag}]}
    assert (await complete(api, made, crc64_hash=str(crc64(SMALL)), **told)).status == 200


async def test_a_wrong_checksum_may_pass_by_a_switch(run):
    """What the service does is unknown (pds-service.md 17, 10)."""
    async with run(settings=Settings(wrong_crc64="ignored")) as api:
        made, urls = await serial(api, 1)
        await put(api, urls[0], SMALL)
        assert (await complete(api, made, crc64_hash="1")).status == 200


async def test_size_and_hash_that_were_announced_have_to_come_true(api):
    """Otherwise the file that was promised is not the one that arrived."""
    for told, code in (
        ({"size": 4}, "InvalidParameterNotMatch.Size"),
        ({"content_hash": sha1(b"other")}, "InvalidParameterNotMatch.ContentHash"),
    ):
        made = (await create(api, **told)).data
        await put(api, made["part_info_list"][0]["upload_url"], SMALL)
        assert (await complete(api, made)).code == code


async def test_small_parts_are_refused_by_a_switch(run):
    """As OSS does it; the last part may be of any size."""
    async with run(settings=Settings(smallest_part=100)) as api:
        got = await upload(api, "a", b"x" * 100, b"y")
        assert got.status == 200
        got = await upload(api, "b", b"x" * 99, b"y")
        assert (got.status, got.code) == (400, "EntityTooSmall")


async def test_a_digest_that_is_sent_along_is_checked(api):
    """Of the header and of the part's content_md5; what arrives damaged is not kept."""
    right = b64encode(hashlib.md5(SMALL).digest()).decode()
    made, urls = await serial(api, 1)
    got = await put(api, urls[0], b"abd", **{"Content-MD5": right})
    assert (got.status, code_of(got)) == (400, "InvalidDigest")
    assert (await put(api, urls[0], SMALL, **{"Content-MD5": right})).status == 200
    parts = [{"part_number": 1, "content_md5": right}]
    made = (await create(api, "b", part_info_list=parts)).data
    got = await put(api, made["part_info_list"][0]["upload_url"], b"abd")
    assert (got.status, code_of(got)) == (400, "InvalidDigest")


# ---- parallel mode

START = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0)


def _sha1_block(state, block):
    """One block of SHA-1, written out from FIPS 180-4."""
    words = list(struct.unpack(">16I", block))
    for t in range(16, 80):
        word = words[t - 3] ^ words[t - 8] ^ words[t - 14] ^ words[t - 16]
        words.append((word << 1 | word >> 31) & 0xFFFFFFFF)
    a, b, c, d, e = state
    for t in range(80):
        if t < 20:
            f, k = b & c | ~b & d, 0x5A827999
        elif t < 40:
            f, k = b ^ c ^ d, 0x6ED9EBA1
        elif t < 60:
            f, k = b & c | b & d | c & d, 0x8F1BBCDC
        else:
            f, k = b ^ c ^ d, 0xCA62C1D6
        turned = (a << 5 | a >> 27) & 0xFFFFFFFF
        a, b, c, d, e = (
            (turned + f + e + k + words[t]) & 0xFFFFFFFF,
            a,
            ((b << 30 | b >> 2) & 0xFFFFFFFF),
            c,
            d,
        )
    return tuple((x + y) & 0xFFFFFFFF for x, y in zip(state, (a, b, c, d, e), strict=True))


def states(parts):
    """The hash state before each part, as a client sends it."""
    state, offset, found = START, 0, []
    for part in parts:
        found.append({"h": list(state), "part_offset": offset})
        for at in range(0, len(part) - len(part) % 64, 64):
            state = _sha1_block(state, part[at : at + 64])
        offset += len(part)
    return found


async def parallel(api, parts, contexts, order):
    infos = [
        {"part_number": number, "parallel_sha1_ctx": context}
        for number, context in enumerate(contexts, 1)
    ]
    made = (await create(api, parallel_upload=True, part_info_list=infos)).data
    for at in order:
        got = await put(api, made["part_info_list"][at]["upload_url"], parts[at])
        assert got.status == 200
    return await complete(api, made)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (2, 0, 1, 0, 2)])
async def test_parallel_parts_come_in_any_order(api, order):
    """Observation 32: hash and checksum are those of the whole; a part may be sent again."""
    parts = [os.urandom(640), os.urandom(640), os.urandom(100)]
    done = await parallel(api, parts, states(parts), order)
    whole = b"".join(parts)
    assert done.status == 200
    assert (done.data["content_hash"], done.data["crc64_hash"]) == (sha1(whole), str(crc64(whole)))
    assert await content_of(api, done.data["file_id"]) == whole


async def test_a_part_that_arrives_while_the_content_is_hashed_is_not_mixed_in(api, monkeypatch):
    """409: what was hashed is not what would become of the file; again, and it is complete."""
    made = (await create(api, parallel_upload=True)).data
    url = made["part_info_list"][0]["upload_url"]
    await put(api, url, b"old")
    store = api.emulator._service.store
    known = store.hashes

    def hashes(upload, parts):
        asyncio.run_coroutine_threadsafe(put(api, url, b"new"), loop).result()
        return known(upload, parts)

    loop = asyncio.get_running_loop()
    with monkeypatch.context() as patch:
        patch.setattr(store, "hashes", hashes)
        got = await complete(api, made)
    assert (got.status, got.code) == (409, "StateConflict.UploadId")
    assert (await complete(api, made)).data["content_hash"] == sha1(b"new")


async def test_signed_words_are_words(api):
    """What JavaScript makes of a word by its bitwise operators is meant by it."""
    parts = [os.urandom(640), os.urandom(100)]
    contexts = states(parts)
    for context in contexts:
        context["h"] = [word - 2**32 if word >= 2**31 else word for word in context["h"]]
    assert (await parallel(api, parts, contexts, (0, 1))).status == 200


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_a_wrong_hash_state_is_refused(api, order):
    """The state that comes with a part has to be that of the bytes before it."""
    parts = [os.urandom(640), os.urandom(100)]
    contexts = states(parts)
    contexts[1]["h"][2] ^= 1
    got = await parallel(api, parts, contexts, order)
    assert (got.status, got.code) == (400, "InvalidParameter.PartInfoList")
    contexts[1] = states(parts)[1] | {"part_offset": 704}
    assert (await parallel(api, parts, contexts, order)).status == 400


async def test_parts_without_a_state_are_taken_too(api):
    """No source says that they are refused."""
    parts = [os.urandom(640), os.urandom(100)]
    done = await upload(api, "a", *parts, parallel_upload=True)
    assert done.data["content_hash"] == sha1(b"".join(parts))


async def test_parallel_parts_may_have_to_keep_to_the_rules(run):
    """By a switch: one size for all but the last, and a state with each but the first."""
    async with run(settings=Settings(parallel_rules="strict")) as api:
        equal = [os.urandom(640), os.urandom(640), os.urandom(100)]
        assert (await parallel(api, equal, states(equal), (2, 0, 1))).status == 200
        for parts in ([*equal[:2], os.urandom(641)], [equal[0], os.urandom(128), equal[2]]):
            got = await parallel(api, parts, states(parts), (0, 1, 2))
            assert (got.status, got.code) == (400, "InvalidParameter.PartInfoList")
        got = await upload(api, "a", *equal, parallel_upload=True)
        assert (got.status, got.code) == (400, "InvalidParameter.PartInfoList")


async def test_the_room_of_a_drive_counts_at_the_end_too(api):
    """Where the size was not said at the beginning; the upload is still there."""
    await api.emulator.put_drive("1", owner="superadmin", total_size=5)
    made = (await create(api)).data
    await put(api, made["part_info_list"][0]["upload_url"], b"123456")
    got = await complete(api, made)
    assert (got.status, got.code) == (400, "QuotaExhausted.Drive")
    await api.emulator.put_drive("1", owner="superadmin", total_size=6)
    assert (await complete(api, made)).data["size"] == 6


async def test_a_drive_is_closed_again_to_a_user(api):
    """403 in the middle of an upload."""
    token = api.emulator.issue_token(user_id="anna").access_token
    await api.emulator.grant("1", "anna")
    data = {"drive_id": "1", "parent_file_id": "root", "name": "a", "type": "file"}
    made = (await api.post("/file/create", data, token=token)).data
    await put(api, made["part_info_list"][0]["upload_url"], SMALL)
    await api.emulator.withdraw("1", "anna")
    ids = {"drive_id": "1", "file_id": made["file_id"], "upload_id": made["upload_id"]}
    assert (await api.post("/file/complete", ids, token=token)).status == 403
    await api.emulator.grant("1", "anna")
    assert (await api.post("/file/complete", ids, token=token)).status == 200


async def test_parallel_mode_may_be_refused(run):
    """By a switch: clients fall back to serial mode."""
    async with run(settings=Settings(parallel_upload="refused")) as api:
        got = await create(api, parallel_upload=True)
        assert (got.status, got.code) == (400, "InvalidParameterNotSupported.ParallelUpload")
        assert (await create(api, parallel_upload=False)).status == 201


async def test_a_domain_may_hash_with_sha256(run):
    """By a switch: files say so, and rapid upload goes by it."""
    async with run(settings=Settings(data_hash_name="sha256")) as api:
        file = (await upload(api, "a", SMALL)).data
        digest = hashlib.sha256(SMALL).hexdigest().upper()
        assert (file["content_hash"], file["content_hash_name"]) == (digest, "sha256")
        got = await create(api, "b", size=3, content_hash=digest, content_hash_name="sha256")
        assert got.data["rapid_upload"] is True


async def test_a_content_gets_the_hash_that_the_domain_asks_for_later(api):
    """Only what is needed is computed; the same bytes sent again have the other hash as well."""
    assert (await upload(api, "a", SMALL)).data["content_hash_name"] == "sha1"
    digest = hashlib.sha256(SMALL).hexdigest().upper()
    by_sha256 = {"size": 3, "content_hash": digest, "content_hash_name": "sha256"}
    assert (await create(api, "b", **by_sha256)).data["rapid_upload"] is False
    api.emulator.settings = Settings(data_hash_name="sha256")
    again = (await upload(api, "c", SMALL)).data
    assert (again["content_hash"], again["content_hash_name"]) == (digest, "sha256")
    assert (await create(api, "d", **by_sha256)).data["rapid_upload"] is True


# ---- the life of an upload


async def test_an_upload_ends_with_its_time(run):
    """By a switch, ten days by default: afterwards nothing knows it."""
    clock = MovableClock()
    async with run(clock=clock, settings=Settings(upload_life_s=60, upload_url_life_s=900)) as api:
        made, urls = await serial(api, 1)
        clock.advance(61)
        assert code_of(await put(api, urls[0], SMALL)) == "NoSuchUpload"
        assert (await complete(api, made)).code == "NotFound.UploadId"
        await create(api, "b")
        data = {"drive_id": "1", "parent_file_id": "root", "status": "uploading"}
        [item] = (await api.post("/file/list", data)).data["items"]
        assert item["name"] == "b"


async def test_deleting_the_file_ends_its_upload(api):
    """There is no other way to give one up (pds-service.md 10.5)."""
    made, urls = await serial(api, 1)
    await put(api, urls[0], SMALL)
    data = {"drive_id": "1", "file_id": made["file_id"]}
    assert (await api.post("/file/delete", data)).status == 204
    assert code_of(await put(api, urls[0], SMALL)) == "NoSuchUpload"
    assert (await complete(api, made)).status == 404


async def test_a_full_drive_refuses(run):
    """400 QuotaExhausted.Drive, 409 by a switch; -1 is without limit."""
    async with run() as api:
        for status in (400, 409):
            api.emulator.settings = Settings(quota_status=status)
            await api.emulator.put_drive("1", owner="superadmin", default=True, total_size=10)
            got = await create(api, size=11)
            assert (got.status, got.code) == (status, "QuotaExhausted.Drive")
        assert (await create(api, size=10)).status == 201
        await api.emulator.put_drive("1", owner="superadmin", default=True, total_size=-1)
        assert (await create(api, size=10**12)).status == 201


async def test_a_part_that_is_broken_off_is_not_there(api):
    """It can be sent again, and leaves no file behind."""
    made, urls = await serial(api, 1)
    url = urlsplit(urls[0])
    _, writer = await asyncio.open_connection(url.hostname, url.port)
    head = f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"
    writer.write(head.encode() + b"x" * 500)
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert (await put(api, urls[0], SMALL)).status == 200
    assert (await complete(api, made)).data["size"] == 3


@asynccontextmanager
async def overwriting(api, file_id, content):
    made = (await create(api, "a.txt", file_id=file_id, check_name_mode="refuse")).data
    assert (made["exist"], made["file_id"]) == (False, file_id)
    await put(api, made["part_info_list"][0]["upload_url"], content)
    yield made
    assert (await complete(api, made)).status == 200


async def test_a_file_is_overwritten_when_the_upload_is_complete(api):
    """Same id, new revision; until then the old content stands."""
    file_id = (await upload(api, "a.txt", b"old")).data["file_id"]
    data = {"drive_id": "1", "file_id": file_id}
    before = (await api.post("/file/get", data)).data
    async with overwriting(api, file_id, b"newer") as made:
        assert await content_of(api, file_id) == b"old"
    after = (await api.post("/file/get", data)).data
    assert await content_of(api, file_id) == b"newer"
    assert after["revision_id"] == made["revision_id"] != before["revision_id"]
    assert (after["size"], after["content_hash"]) == (5, sha1(b"newer"))
    assert after["created_at"] == before["created_at"]


async def test_a_served_directory_is_never_written(run, tmp_path):
    """A file of it that is overwritten is so in the emulator only."""
    (tmp_path / "a.txt").write_bytes(b"on the disk")
    async with run(tmp_path) as api:
        [item] = (await api.search("name = 'a.txt'")).data["items"]
        async with overwriting(api, item["file_id"], b"uploaded"):
            pass
        assert await content_of(api, item["file_id"]) == b"uploaded"
        old = await content_of(api, item["file_id"], revision_id=item["revision_id"])
        assert old == b"on the disk"
    assert (tmp_path / "a.txt").read_bytes() == b"on the disk"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def pieces_of(emulator: Emulator):
    folder = emulator._service.store.blobs._folder
    return [] if folder is None else [path for path in folder.rglob("*") if path.is_file()]


async def test_the_same_bytes_are_kept_once_and_go_with_the_last_file(api):
    """However they were uploaded; nothing is left when no file has them."""
    files = [(await upload(api, name, b"x" * 50_000)).data["file_id"] for name in "abc"]
    assert len(pieces_of(api.emulator)) == 1
    for file_id in files:
        assert len(pieces_of(api.emulator)) == 1
        await api.emulator.delete_file(file_id)
    assert pieces_of(api.emulator) == []


async def test_memory_leaves_no_files_behind():
    """The temporary folder goes with the emulator."""
    async with Emulator() as emulator:
        await emulator.add_files([{"name": "a", "content": b"x" * 100_000}])
        [piece] = pieces_of(emulator)
    assert not piece.parent.parent.exists()
