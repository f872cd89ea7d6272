"""The replies that the request benchmarks are served.

A normal reply carries about thirty of the fields that a file can have. Its keys stand in the
order in which the service has been seen to send them (github.com/TES286/AliyunDriveApi, api.md,
"file/list"); models that declare their fields in that order decode it faster, so the same page
with its keys in alphabetical order is measured beside it.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

FILES = 100


def _id(*parts: object) -> str:
    return hashlib.sha1(repr(parts).encode()).hexdigest()


def _url(file_id: str) -> str:
    return (
        f"https://data.bj1.pds.aliyuncs.com/bj1%2F1050%2F{file_id}%2F{_id('object', file_id)}"
        "?x-oss-access-key-id=LTAIsE5mAn2F493Q&x-oss-expires=1724138000&x-oss-signature="
        "GZpVYhJj9HYmUq1x1Ntzxa0cEvn9Np8QfhV7Zy3E%2Bc%3D&x-oss-signature-version=OSS2"
    )


def _file(number: int) -> dict[str, Any]:
    file_id = _id("file", number)
    return {
        "drive_id": "1050",
        "domain_id": "bj1",
        "file_id": file_id,
        "name": f"Quarterly report {number} 季度报告.docx",
        "type": "file",
        "content_type": "application/octet-stream",
        "created_at": f"2024-08-20T06:{number % 60:02}:27.292Z",
        "updated_at": f"2024-09-20T06:{number % 60:02}:27.292Z",
        "local_created_at": f"2024-08-19T06:{number % 60:02}:27.292Z",
        "local_modified_at": f"2024-08-19T07:{number % 60:02}:27.292Z",
        "file_extension": "docx",
        "mime_type": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "mime_extension": "docx",
        "hidden": False,
        "size": 10_240 * number,
        "starred": False,
        "status": "available",
        "labels": ["finance:1", "2024:1"],
        "user_tags": {"project": "apollo"},
        "upload_id": _id("upload", number)[:32].upper(),
        "parent_file_id": _id("folder", number // 10),
        "crc64_hash": str(3_574_582_125_365_864_471 + number),
        "content_hash": _id("content", number).upper(),
        "content_hash_name": "sha1",
        "download_url": _url(file_id),
        "category": "doc",
        "encrypt_mode": "none",
        "action_list": ["FILE.LIST", "FILE.PREVIEW", "FILE.DOWNLOAD", "FILE.GET", "FILE.UPDATE"],
        "punish_flag": 0,
        "revision_id": _id("revision", number),
    }


def _page(files: list[dict[str, Any]]) -> bytes:
    page = {"items": files, "next_marker": "NWQ1Yjk4YmI1ZDIyMWU0ZDM1"}
    return json.dumps(page, ensure_ascii=False, separators=(",", ":")).encode()


_FILES = [_file(number) for number in range(FILES)]

SMALL = b'{"drive_id":"1050","status":"enabled"}'
PAGE = _page(_FILES)
ALPHABETICAL_PAGE = _page([dict(sorted(file.items())) for file in _FILES])
