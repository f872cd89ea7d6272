"""Pages of hits as a search hands them to a sink, and a disk that is nearly full."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import msgspec
import pytest
from attrs import frozen

from pdsclient.models import File

ODD_ROWS: list[dict[str, Any]] = [
    {"file_id": "1", "name": "emoji 😀 季度报告.docx", "size": 2**53 + 1, "type": "file"},
    {"file_id": "2", "name": 'line\nbreak, "quotes"\r\n\ttab', "size": 2**63 - 1},
    {"file_id": "3", "name": "é" * 512, "created_at": "1969-07-20T20:17:40.123Z"},
    {"file_id": "4", "name": "=cmd|' /C calc'!A0", "description": "  spaces  ", "size": 0},
    {"file_id": "5", "name": "", "labels": [], "hidden": True, "starred": False},
    {"file_id": "6", "labels": ["a,b", 'c"d'], "user_tags": {"k": "v", "empty": ""}},
    {"file_id": "7", "created_at": "2019-08-20T14:51:27.292+08:00", "punish_flag": 0},
    {"file_id": "8", "image_media_metadata": {"width": 4000, "time": "2011-01-02T03:04:05Z"}},
    {},
]


@frozen
class Page:
    """A page of one job."""

    key: str
    rows: list[dict[str, Any]]
    files: list[File]

    def raw(self) -> list[dict[str, Any]]:
        return msgspec.json.decode(msgspec.json.encode(self.rows))


def page(rows: Sequence[dict[str, Any]], key: str = "job") -> Page:
    files = msgspec.json.decode(msgspec.json.encode(rows), type=list[File])
    return Page(key, list(rows), files)


@pytest.fixture(name="page")
def page_fixture() -> Callable[..., Page]:
    """Makes a page of rows as the server sends them."""
    return page


@pytest.fixture
def odd_rows() -> list[dict[str, Any]]:
    """Files with everything that formats of text trip over."""
    return [dict(row) for row in ODD_ROWS]


@pytest.fixture
def written() -> Callable[..., Any]:
    """Writes pages to a sink, one ``write`` for each, and finishes it; the positions."""

    async def write(sink: Any, *groups: list[Page]) -> list[dict[str, Any]]:
        await sink.start(None)
        positions = [await sink.write(group) for group in groups]
        await sink.finish()
        await sink.aclose(keep=False)
        return positions

    return write


@pytest.fixture
def disk_with() -> Callable[[int], AbstractContextManager[None]]:
    """Within the context no file can grow beyond so many bytes."""

    @contextmanager
    def limited(size: int) -> Iterator[None]:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return limited
