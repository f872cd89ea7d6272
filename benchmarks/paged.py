"""A server of a big drive whose pages cost it little, so that the client is what is measured.

Run as a program with a number of files it listens on a free port of the loopback, prints the port
and serves until its input ends. The drive holds one file for each second, alike but for id, name
and time. Of the search language it understands what the benchmarks of bulk search ask: bounds of
``created_at``, both of its orders, and ``name = "file 17"``.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from datetime import datetime, timedelta

from canned import answer, serve
from sample import PAGE

_NEWEST = datetime.fromisoformat("2024-01-01T00:00:00")
_SECOND = timedelta(seconds=1)
_BOUND = re.compile(r'(not )?created_at (>=|<) "([^"]+)"')
_NAME = re.compile(r'name = "file (\d+)"')


def _template() -> bytes:
    file = json.loads(PAGE)["items"][0]
    file |= {"name": "<name>", "file_id": "<id>", "created_at": "<time>Z"}
    text = json.dumps(file, ensure_ascii=False, separators=(",", ":"))
    return re.sub("<[a-z]+>", "%s", text.replace("%", "%%")).encode()


_ITEM = _template()


def _item(number: int) -> bytes:
    """The file of that number; the newest has 0."""
    time = (_NEWEST - number * _SECOND).isoformat().encode()
    return _ITEM % (b"%040x" % number, b"file %d" % number, time)


class Drive:
    """The files, and what finds them."""

    def __init__(self, count: int) -> None:
        self._count = count

    def respond(self, _: bytes, body: bytes) -> bytes:
        """The reply to a search."""
        request = json.loads(body)
        found = self._found(request["query"])
        if request["order_by"].startswith("created_at ASC"):
            found = found[::-1]
        begin = int(request.get("marker") or 0)
        end = begin + request.get("limit", 50)
        rest: dict[str, object] = {"next_marker": str(end) if end < len(found) else ""}
        if request.get("return_total_count"):
            rest["total_count"] = len(found)
        items = b",".join(map(_item, found[begin:end]))
        return answer(b'{"items":[' + items + b"]," + json.dumps(rest).encode()[1:])

    def _found(self, query: str) -> range:
        if named := _NAME.search(query):
            return range(int(named[1]), int(named[1]) + 1)
        start, stop = 0, self._count
        for negated, comparison, time in _BOUND.findall(query):
            beyond = (_NEWEST - datetime.fromisoformat(time)) // _SECOND + 1
            if (comparison == ">=") is not bool(negated):
                stop = min(stop, beyond)
            else:
                start = max(start, beyond)
        return range(start, max(start, stop))


if __name__ == "__main__":
    asyncio.run(serve(Drive(int(sys.argv[1])).respond))
