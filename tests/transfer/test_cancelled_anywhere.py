"""Cancelled at any await of any of its tasks, a transfer leaves nothing but what a later run uses.

Each kind of transfer runs once to see how many steps its tasks take. Then it is cancelled at some
of them, spread over all, and the same call has to succeed.
"""

from __future__ import annotations

import asyncio
import io
import os
import zipfile
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any, ClassVar

import pytest

from pdsclient import ClientClosed, Conflict

PART = 102_400
SIZE = 4 * PART + 1
INSTANTS = 8


# ------------------------------------------------------------------ steps


class Steps:
    """Counts the steps of all tasks that stem from one, and does something after one of them."""

    def __init__(self, at: int | None = None, act: Callable[[], object] = lambda: None) -> None:
        self.count = 0
        self._at = at
        self._act = act

    def step(self) -> None:
        self.count += 1
        if self.count == self._at:
            self._act()


_steps: ContextVar[Steps | None] = ContextVar("_steps", default=None)


class Stepped(Coroutine[Any, Any, Any]):
    """A coroutine whose awaits are counted."""

    def __init__(self, coroutine: Any, steps: Steps) -> None:
        self._coroutine = coroutine
        self._steps = steps

    def send(self, value: Any) -> Any:
        awaited = self._coroutine.send(value)
        self._steps.step()
        return awaited

    def throw(self, *error: Any) -> Any:
        awaited = self._coroutine.throw(*error)
        self._steps.step()
        return awaited

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return (yield from self._coroutine.__await__())


def _make_task(loop: Any, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
    steps = _steps.get()
    counted = coroutine if steps is None else Stepped(coroutine, steps)
    task = asyncio.Task(counted, loop=loop, **options)
    if steps is not None:
        _stepped.add(task)
    return task


_stepped: set[asyncio.Task[Any]] = set()


@contextmanager
def counted(steps: Steps) -> Any:
    """Tasks begun in here, and all that stem from them, are counted."""
    asyncio.get_running_loop().set_task_factory(_make_task)
    token = _steps.set(steps)
    try:
        yield
    finally:
        _steps.reset(token)


# ------------------------------------------------------------------ kinds of transfers


class Kind:
    """One kind of transfer: what it needs, the call, and what has to be there in the end.

    Args:
        ground: emulator and client.
        folder: for what lies on the disk.
        content: makes content.

    Attributes:
        without_checkpoint: files that nobody knows of if the answer to their creation gets lost.
    """

    without_checkpoint: tuple[str, ...] = ()

    def __init__(self, ground: Any, folder: Path, content: Callable[..., bytes]) -> None:
        self.ground = ground
        self.client = ground.client
        self.drive = ground.drive
        self.folder = folder
        self.content = content
        self.data = content(SIZE)

    async def prepare(self) -> None:
        """What there is before the call."""

    def call(self) -> Any:
        """The call, to be awaited."""
        raise NotImplementedError

    def may_stay(self, name: str) -> bool:
        """Whether a cancelled run may leave this, for a later one or because it was done."""
        return False

    async def again(self, before: Any) -> Any:
        """The result of the same call, once more."""
        return await self.call()

    async def check(self, result: Any) -> None:
        """What the call has given, and made."""
        raise NotImplementedError

    def is_whole(self, name: str) -> bool:
        """Whether a file of this name is there, with the content."""
        path = self.folder / name
        return path.is_file() and path.read_bytes() == self.data

    async def unfinished(self, parent: str = "root") -> list[str | None]:
        """The names of uploads to a folder, and those in it, that were begun and not completed."""
        place = {**self.drive, "parent_file_id": parent}
        names = []
        for file in await self.client.file.list(**place, status="uploading").collect():
            if file.name not in self.without_checkpoint or file.file_id in self._asked_for():
                names.append(file.name)
        for file in await self.client.file.list(**place).collect():
            names += await self.unfinished(file.file_id) if file.type == "folder" else []
        return names

    def _asked_for(self) -> set[str]:
        """The files that somebody knew of who was told their ids by an answer."""
        told = [one.data for one in self.ground.emulator.requests if one.operation != "/data"]
        return {data["file_id"] for data in told if "file_id" in (data or ())}


class Upload(Kind):
    """From a path, in order, with a checkpoint."""

    options: ClassVar[dict[str, Any]] = {"parallel": False, "rapid_upload": False}

    async def prepare(self) -> None:
        self.path = self.folder / "a.bin"
        self.path.write_bytes(self.data)

    def call(self) -> Any:
        options = {"part_size": PART, "checkpoint": self.folder / "a.ckpt", **self.options}
        return self.client.upload(self.path, **self.drive, **options)

    def may_stay(self, name: str) -> bool:
        return name in ("a.bin", "a.ckpt", "a.ckpt.new")

    async def again(self, before: Any) -> Any:
        try:
            return await self.call()
        except Conflict as error:
            # It was all done, and the run before was cancelled just before it said so.
            return await self.client.file.get(**self.drive, file_id=error.file_id)

    async def check(self, result: Any) -> None:
        assert await self.ground.content(result) == self.data
        assert os.listdir(self.folder) == ["a.bin"]
        assert self.ground.sent_twice() == []
        listed = await self.client.file.list(**self.drive, parent_file_id="root").collect()
        assert [file.file_id for file in listed] == [result.file_id]
        assert await self.unfinished() == []


class ParallelUpload(Upload):
    """Side by side."""

    options: ClassVar[dict[str, Any]] = {"parallel": True, "rapid_upload": False, "concurrency": 3}


class HashedUpload(Upload):
    """With hashes of it sent first, and a new version of a file."""

    options: ClassVar[dict[str, Any]] = {"parallel": True, "check_name_mode": "overwrite"}

    async def prepare(self) -> None:
        await super().prepare()
        await self.ground.add("a.bin", b"old")


class SmallUpload(Upload):
    """In one part."""

    options: ClassVar[dict[str, Any]] = {"part_size": 8 * PART}


class FlowingUpload(Upload):
    """From an iterator, so that nothing that was begun can be gone on with."""

    without_checkpoint = ("a.bin",)

    async def chunks(self) -> AsyncIterator[bytes]:
        for at in range(0, SIZE, 70_000):
            await asyncio.sleep(0)
            yield self.data[at : at + 70_000]

    def call(self) -> Any:
        self.ground.emulator.requests.clear()
        return self.client.upload(self.chunks(), **self.drive, name="a.bin", part_size=PART)


class Download(Kind):
    """To a path, by ranges side by side."""

    options: ClassVar[dict[str, Any]] = {"part_size": PART, "concurrency": 3}

    async def prepare(self) -> None:
        self.file = await self.ground.add("a.bin", self.data)

    def call(self) -> Any:
        return self.client.download(self.file, self.folder / "a.bin", **self.options)

    def may_stay(self, name: str) -> bool:
        return name == "a.bin.part" or self.is_whole("a.bin")

    async def again(self, before: Any) -> Any:
        done = before.progress.parts_done
        seen = len(self.ground.gets)
        try:
            result = await self.call()
        except FileExistsError:
            # It was all done, and the run before was cancelled just before it said so.
            return self.folder / "a.bin"
        assert len(self.ground.gets) - seen <= 5 - done
        return result

    async def check(self, result: Any) -> None:
        assert result.read_bytes() == self.data
        assert os.listdir(self.folder) == ["a.bin"]


class SmallDownload(Download):
    """To a path, in one piece."""

    options: ClassVar[dict[str, Any]] = {"check_name_mode": "overwrite"}


class RenamedDownload(Download):
    """Beside a file of this name."""

    options: ClassVar[dict[str, Any]] = {"check_name_mode": "auto_rename", "part_size": PART}

    async def prepare(self) -> None:
        await super().prepare()
        (self.folder / "a.bin").write_bytes(b"other")

    def may_stay(self, name: str) -> bool:
        return name in ("a.bin", "a (1).bin.part") or self.is_whole("a (1).bin")

    async def again(self, before: Any) -> Any:
        if self.is_whole("a (1).bin"):
            return self.folder / "a (1).bin"
        return await super().again(before)

    async def check(self, result: Any) -> None:
        assert result.read_bytes() == self.data
        assert sorted(os.listdir(self.folder)) == ["a (1).bin", "a.bin"]


class WrittenDownload(Download):
    """Into an object with ``write``, which runs in threads."""

    def call(self) -> Any:
        self.target = io.BytesIO()
        return self.client.download(self.file, self.target)

    async def check(self, result: Any) -> None:
        assert (result, self.target.getvalue()) == (SIZE, self.data)


class Stream(Download):
    """Read piece by piece."""

    async def again(self, before: Any) -> Any:
        return await self.call()

    async def call(self) -> bytes:
        async with self.client.open(self.file) as stream:
            first = await stream.read(PART + 7)
            return first + b"".join([chunk async for chunk in stream])

    async def check(self, result: Any) -> None:
        assert result == self.data


class Tree(Kind):
    """A directory with a file of several parts, small ones, an empty one and folders."""

    async def prepare(self) -> None:
        self.files = {
            "big.bin": self.data,
            "a/one": b"1",
            "a/b/two": self.content(3000),
            "empty": b"",
        }

    def read(self, folder: Path) -> dict[str, bytes]:
        paths = [path for path in folder.rglob("*") if path.is_file()]
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


class UploadTree(Tree):
    """Up."""

    without_checkpoint = ("one", "two", "empty")

    async def prepare(self) -> None:
        await super().prepare()
        for name, data in self.files.items():
            path = self.folder / "tree" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        (self.folder / "places").mkdir()

    def call(self) -> Any:
        return self.client.upload_tree(
            self.folder / "tree", **self.drive, part_size=PART, rapid_upload=False,
            checkpoint=self.folder / "places",
        )  # fmt: skip

    def may_stay(self, name: str) -> bool:
        return name in ("tree", "places") or name.startswith(("tree/", "places/"))

    async def check(self, result: Any) -> None:
        assert not result.failed
        assert os.listdir(self.folder / "places") == []
        found = {}
        for item in [*result.done, *result.skipped]:
            if not item.path.endswith("/"):
                found[item.path] = await self.ground.content(item.file_id)
        assert found == self.files
        completed = [one.status for one in self.ground.emulator.requests.of("/file/complete")]
        assert completed.count(200) <= len(self.files)
        assert await self.unfinished() == []


class DownloadTree(Tree):
    """Down."""

    async def prepare(self) -> None:
        await super().prepare()
        rows = [{"path": f"/{name}", "content": data} for name, data in self.files.items()]
        await self.ground.emulator.add_files(rows)

    def call(self) -> Any:
        return self.client.download_tree("root", self.folder / "tree", **self.drive, part_size=PART)

    def may_stay(self, name: str) -> bool:
        known = {f"tree/{one}{end}" for one in self.files for end in ("", ".part")}
        return name in known | {"tree", "tree/a", "tree/a/b"}

    async def check(self, result: Any) -> None:
        assert not result.failed
        assert self.read(self.folder / "tree") == self.files


class Archive(Kind):
    """Many files as one."""

    async def prepare(self) -> None:
        self.files = [await self.ground.add(f"{i}.bin", self.data) for i in range(2)]

    def call(self) -> Any:
        self.target = self.folder / "all.zip"
        return self.client.download_archive(self.files, self.target, **self.drive)

    def may_stay(self, name: str) -> bool:
        return name == "all.zip"

    async def again(self, before: Any) -> Any:
        return self.target if self.target.exists() else await self.call()

    async def check(self, result: Any) -> None:
        with zipfile.ZipFile(result) as archive:
            assert sorted(archive.namelist()) == ["0.bin", "1.bin"]
            assert archive.read("0.bin") == self.data
        assert os.listdir(self.folder) == ["all.zip"]


KINDS = [
    Upload, ParallelUpload, HashedUpload, SmallUpload, FlowingUpload,
    Download, SmallDownload, RenamedDownload, WrittenDownload, Stream,
    UploadTree, DownloadTree, Archive,
]  # fmt: skip


# ------------------------------------------------------------------ what has to hold


def open_files(folder: Path) -> list[str]:
    """Files in a folder that this process has open."""
    found = []
    for name in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else []:
        with suppress(FileNotFoundError):
            found.append(os.readlink(f"/proc/self/fd/{name}"))
    return [path for path in found if path.startswith(str(folder))]


async def run_once(kind: Kind, at: int | None = None, act: str = "cancel") -> int:
    """How many steps it took; cancelled at one of them, if one is given, and run again."""
    loop = asyncio.get_running_loop()
    closing: list[Any] = []
    task: Any = None

    def end() -> None:
        if act == "cancel":
            task.cancel()
        else:
            closing.append(loop.create_task(kind.client.aclose()))

    steps = Steps(at, end)
    _stepped.clear()
    with counted(steps):
        call = kind.call()
        task = call.start() if hasattr(call, "start") else loop.create_task(call)
    try:
        result = await task
    except (asyncio.CancelledError, ClientClosed):
        result = None
    finally:
        await asyncio.gather(*closing)
    await asyncio.sleep(0)
    left = [one for one in _stepped if not one.done() and one not in closing]
    assert not left, f"tasks are left: {left}"
    assert open_files(kind.folder) == []
    if result is None:
        names = [path.relative_to(kind.folder).as_posix() for path in kind.folder.rglob("*")]
        wrong = [name for name in names if not kind.may_stay(name)]
        assert not wrong, f"files are left: {wrong}"
        if closing:
            kind.client = kind.ground.world.connect(token_info=kind.ground.emulator.token_info)
        async with kind.client:
            await kind.check(await kind.again(task))
    else:
        await kind.check(result)
    return steps.count


async def sweep(start: Any, folder: Path, content: Any, make: Any, instants: int, act: str) -> None:
    async with start() as ground:
        count = await run_once(await made(make, ground, folder / "0", content))
    for at in range(1, count, max(1, count // instants)):
        place = folder / str(at)
        async with start() as ground:
            await run_once(await made(make, ground, place, content), at, act)


async def made(make: Any, ground: Any, folder: Path, content: Any) -> Kind:
    os.mkdir(folder)
    kind: Kind = make(ground, folder, content)
    await kind.prepare()
    return kind


@pytest.mark.parametrize("make", KINDS, ids=lambda make: make.__name__)
async def test_a_transfer_that_is_cancelled_can_be_run_again(start, tmp_path, content, make):
    """No task, no open file, no stray file; and the same call then moves only what is missing."""
    await sweep(start, tmp_path, content, make, INSTANTS, "cancel")


@pytest.mark.parametrize("make", KINDS, ids=lambda make: make.__name__)
async def test_a_client_that_is_closed_ends_its_transfers(start, tmp_path, content, make):
    """As if each of them had been cancelled; another client goes on."""
    await sweep(start, tmp_path, content, make, INSTANTS, "close")
