"""Processes that move content are killed again and again, until one of them gets to the end.

At whatever instant: what is there has its bytes, nothing that had arrived goes over the line
again, nothing half has the final name, and nothing is left that no later run uses.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from pdsclient.emulator import Settings
from pdsclient.transfer.journal import FOOT_BYTES, Journal

PART = 102_400
SIZE = 20 * PART + 1
KILLS = 8
# A transfer takes two thirds of a second, and is killed within the first fifth, again and again.
BANDWIDTH = 3e6
LATEST_S = 0.2

# Forks a process for each line: one that is to be killed soon need not import everything first.
PROCESSES = """
import asyncio, json, os, sys, traceback
from pdsclient import AsyncPDSClient
from pdsclient.transfer import download, trees, upload

async def main(endpoint, token, call, arguments, options):
    async with AsyncPDSClient(api_endpoint=endpoint, token_info={"access_token": token}) as client:
        await getattr(client, call)(*arguments, **options)

for line in sys.stdin:
    child = os.fork()
    if not child:
        try:
            asyncio.run(main(**json.loads(line)))
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Processes:
    """Runs calls of a client in processes of their own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def _tell(self, line: str) -> int:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> int:
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())

    async def run(self, what: dict[str, Any], kill_after_s: float | None) -> bool:
        """Whether the call was done before the process was killed."""
        child = await asyncio.to_thread(self._tell, json.dumps(what))
        ended = asyncio.ensure_future(asyncio.to_thread(self._answer))
        if kill_after_s is not None:
            await asyncio.wait([ended], timeout=kill_after_s)
            if not ended.done():
                os.kill(child, signal.SIGKILL)  # It is a zombie at least: its parent waits for us.
        code = await ended
        assert code in (0, -signal.SIGKILL), "the call has failed"
        return code == 0


@pytest.fixture(scope="module")
def processes() -> Iterator[Processes]:
    """Processes that call a client, and may be killed."""
    command = [sys.executable, "-c", PROCESSES]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        yield Processes(process)
        process.kill()


# ------------------------------------------------------------------ kinds of transfers


class Kind:
    """One kind of transfer: what it needs, the call, and what has to hold.

    Args:
        ground: emulator and client.
        folder: for what lies on the disk.
        content: makes content.
    """

    def __init__(self, ground: Any, folder: Path, content: Callable[..., bytes]) -> None:
        self.ground = ground
        self.folder = folder
        self.data = content(SIZE)
        self.content = content

    async def prepare(self) -> None:
        """What there is before the first call."""

    def call(self) -> tuple[str, list[str], dict[str, Any]]:
        """Name, arguments and options of the call."""
        raise NotImplementedError

    def look(self) -> None:
        """What has to hold after each run."""

    async def check(self) -> None:
        """What has to be there in the end."""
        raise NotImplementedError

    async def in_drive(self, parent: str = "root", above: str = "") -> dict[str, bytes]:
        """The contents below a folder, by their paths."""
        found = {}
        place = {**self.ground.drive, "parent_file_id": parent}
        for file in await self.ground.client.file.list(**place).collect():
            if file.type == "folder":
                found |= await self.in_drive(file.file_id, f"{above}{file.name}/")
            else:
                found[above + file.name] = await self.ground.content(file)
        return found

    async def unfinished(self, parent: str = "root") -> int:
        """How many uploads to a folder were begun and are not complete."""
        place = {**self.ground.drive, "parent_file_id": parent}
        listed = await self.ground.client.file.list(**place, status="uploading").collect()
        return len(listed)

    def on_disk(self, folder: Path) -> dict[str, bytes]:
        """The contents below a directory, by their paths."""
        paths = [path for path in folder.rglob("*") if path.is_file()]
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


class Upload(Kind):
    """In order; it may be that a process was done when it was killed, so that nothing is left."""

    options: ClassVar[dict[str, Any]] = {"parallel": False, "check_name_mode": "skip"}

    async def prepare(self) -> None:
        (self.folder / "a.bin").write_bytes(self.data)

    def call(self) -> tuple[str, list[str], dict[str, Any]]:
        place = {**self.ground.drive, "checkpoint": str(self.folder / "a.ckpt")}
        options = {**place, "part_size": PART, **self.options}
        return "upload", [str(self.folder / "a.bin")], options

    def look(self) -> None:
        assert self.ground.sent_twice() == []

    async def check(self) -> None:
        assert await self.in_drive() == {"a.bin": self.data}
        assert await self.unfinished() == 0
        assert os.listdir(self.folder) == ["a.bin"]


class ParallelUpload(Upload):
    """Side by side, as a new version of a file."""

    options: ClassVar[dict[str, Any]] = {"parallel": True, "check_name_mode": "overwrite"}

    async def prepare(self) -> None:
        await super().prepare()
        await self.ground.add("a.bin", b"old")


class Download(Kind):
    """By ranges side by side."""

    async def prepare(self) -> None:
        self.file = await self.ground.add("a.bin", self.data)
        (self.folder / "a.bin").write_bytes(b"old")
        self.there: set[int] = set()
        self.seen = 0

    def call(self) -> tuple[str, list[str], dict[str, Any]]:
        options = {**self.ground.drive, "part_size": PART, "check_name_mode": "overwrite"}
        return "download", [self.file.file_id, str(self.folder / "a.bin")], options

    def look(self) -> None:
        asked = {one.first for one in self.ground.gets[self.seen :]}
        assert not asked & self.there
        assert (self.folder / "a.bin").read_bytes() in (b"old", self.data)
        self.seen = len(self.ground.gets)
        self.there = self._noted()

    def _noted(self) -> set[int]:
        """Where the ranges begin that a later run will find."""
        part = self.folder / "a.bin.part"
        data = part.read_bytes() if part.exists() else b""
        journal = Journal.of_foot(data[-FOOT_BYTES:], len(data))
        if journal is None:
            return set()
        start, count = journal.slots
        return {journal.plan.part(one).offset for one in journal.records(data[start:][:count])}

    async def check(self) -> None:
        assert self.on_disk(self.folder) == {"a.bin": self.data}


class Tree(Kind):
    """Files of several parts and small ones."""

    async def prepare(self) -> None:
        self.files = {
            f"{folder}/{number}": self.content(size, number)
            for folder in ("a", "a/b", "c")
            for number, size in enumerate((4 * PART + 1, 0, 3000))
        }


class UploadTree(Tree):
    """A directory."""

    async def prepare(self) -> None:
        await super().prepare()
        for name, data in self.files.items():
            path = self.folder / "tree" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    def call(self) -> tuple[str, list[str], dict[str, Any]]:
        place = {**self.ground.drive, "checkpoint": str(self.folder / "places")}
        return "upload_tree", [str(self.folder / "tree")], {**place, "part_size": PART}

    async def check(self) -> None:
        assert await self.in_drive() == self.files
        assert os.listdir(self.folder / "places") == []


class DownloadTree(Tree):
    """A folder."""

    async def prepare(self) -> None:
        await super().prepare()
        rows = [{"path": f"/{name}", "content": data} for name, data in self.files.items()]
        await self.ground.emulator.add_files(rows)

    def call(self) -> tuple[str, list[str], dict[str, Any]]:
        options = {**self.ground.drive, "part_size": PART}
        return "download_tree", ["root", str(self.folder / "tree")], options

    def look(self) -> None:
        found = self.on_disk(self.folder / "tree")
        whole = {name: data for name, data in found.items() if not name.endswith(".part")}
        assert whole.items() <= self.files.items()
        assert {name.removesuffix(".part") for name in found} <= self.files.keys()

    async def check(self) -> None:
        assert self.on_disk(self.folder / "tree") == self.files


KINDS = [Upload, ParallelUpload, Download, UploadTree, DownloadTree]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked here")
@pytest.mark.parametrize("make", KINDS, ids=lambda make: make.__name__)
async def test_a_transfer_survives_its_process(start, tmp_path, content, processes, make):
    """Killed at random instants, the same call goes on in the next process."""
    dice = random.Random(make.__name__)
    async with start(settings=Settings(parallel_rules="strict")) as ground:
        kind = make(ground, tmp_path, content)
        await kind.prepare()
        name, arguments, options = kind.call()
        what = {
            "endpoint": ground.emulator.api_endpoint,
            "token": ground.emulator.token_info.access_token,
            "call": name,
            "arguments": arguments,
            "options": {**options, "bandwidth": BANDWIDTH},
        }
        for instant in [*(dice.uniform(0, LATEST_S) for _ in range(KILLS)), None]:
            before = asyncio.all_tasks()
            is_done = await processes.run(what, instant)
            # What was on its way when the process died arrives, or does not, before the next asks.
            if under_way := asyncio.all_tasks() - before:
                await asyncio.wait(under_way)
            kind.look()
            if is_done:
                break
        await kind.check()
