"""The token file: private, whole at every instant, and locked by the operating system."""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import random
import stat
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import pdsclient
from pdsclient.errors import AuthError, InvalidRequest
from pdsclient.token_store import FileTokenStore
from pdsclient.tokens import TokenInfo

SECRET = "9b3f-planted-secret"
INFO = TokenInfo.parse({
    "access_token": f"a-{SECRET}",
    "refresh_token": f"r-{SECRET}",
    "expire_time": "2019-09-01T06:57:48.813Z",
    "expires_in": "7200",
    "user_id": "u",
    "domain_id": "bj1",
    "name": "中文 \ud800",
})  # fmt: skip

posix_only = pytest.mark.skipif(os.name != "posix", reason="modes, owners and links of POSIX")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "token.json"


@pytest.fixture
def store(path) -> FileTokenStore:
    return FileTokenStore(path)


@asynccontextmanager
async def running(code: str, path: Path) -> AsyncIterator[None]:
    """A process that has said that it is ready; it is killed at the end."""
    package = Path(pdsclient.__file__).parent.parent
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code, str(path)),
        env={**os.environ, "PYTHONPATH": str(package)},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert await process.stdout.readline()
        yield
    finally:
        process.kill()
        await process.communicate()


async def test_what_is_saved_is_loaded(store):
    """All fields come back, also those that only the server knows; no file is no token."""
    assert await store.load() is None
    await store.save(INFO)
    assert await store.load() == INFO
    assert (await store.load()).extra == {"domain_id": "bj1", "name": "中文 \ud800"}


async def test_values_that_json_cannot_hold_are_saved_as_text(store):
    """A token is too precious to be lost for a stranger in its extra fields."""
    await store.save(TokenInfo(access_token="a", extra={"since": INFO.expire_time}))
    assert (await store.load()).extra == {"since": "2019-09-01 06:57:48.813000+00:00"}


@posix_only
async def test_only_the_owner_can_read_the_files(store, path):
    """The token file and its lock have mode 600, whatever the umask."""
    before = os.umask(0)
    try:
        async with store.lock():
            await store.save(INFO)
    finally:
        os.umask(before)
    modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in path.parent.iterdir()}
    assert modes == {"token.json": 0o600, "token.json.lock": 0o600}


async def test_an_empty_file_holds_no_token(store, path):
    """As left by touch, or made in advance with the right mode."""
    path.touch(mode=0o600)
    assert await store.load() is None


def private(path: Path, text: bytes) -> None:
    path.write_bytes(text)
    path.chmod(0o600)


@pytest.mark.parametrize(
    "text",
    [
        f'{{"access_token": "{SECRET}"'.encode(),
        f'"{SECRET}"'.encode(),
        b"[]",
        b"{}",
        b'{"access_token": 5}',
        b'{"access_token": "a\\nb"}',
        b"\xff\xfe",
        b"[" * 100_000,
        b"x" * (2 << 20),
    ],
    ids=["truncated", "text", "list", "empty", "number", "newline", "binary", "deep", "long"],
)
async def test_a_file_that_holds_no_token_is_refused(store, path, text):
    """The error names the path and the fix, and shows nothing of the content."""
    private(path, text)
    with pytest.raises(AuthError) as caught:
        await store.load()
    assert str(path) in str(caught.value)
    assert "delete" in str(caught.value) or "another path" in str(caught.value)
    assert caught.value.__cause__ is caught.value.__context__ is None
    assert SECRET not in str(caught.value)


def make_link(path):
    private(path.with_name("real"), json.dumps(INFO.to_mapping()).encode())
    path.symlink_to(path.with_name("real"))


def make_loose(path):
    private(path, json.dumps(INFO.to_mapping()).encode())
    path.chmod(0o640)


def make_foreign(path):
    private(path, json.dumps(INFO.to_mapping()).encode())
    try:
        os.chown(path, 12345, -1)
    except PermissionError:
        path.unlink()
        path.mkdir()


@posix_only
@pytest.mark.parametrize("make", [make_link, make_loose, make_foreign, Path.mkdir, os.mkfifo])
async def test_a_file_that_others_control_is_refused(store, path, make):
    """Neither read nor replaced, without blocking; the path is named."""
    make(path)
    before = path.lstat()
    for attempt in (store.load(), store.save(INFO)):
        with pytest.raises(AuthError) as caught:
            await attempt
        assert str(path) in str(caught.value)
    assert path.lstat() == before
    assert SECRET not in "".join(os.listdir(path.parent))


@posix_only
async def test_a_dangling_link_is_refused_too(store, path):
    """It would otherwise read as an empty store."""
    path.symlink_to("nowhere")
    with pytest.raises(AuthError, match="symbolic link"):
        await store.load()


async def test_a_missing_directory_is_made_private(tmp_path):
    """The first lock makes it; what cannot be made is named."""
    store = FileTokenStore(tmp_path / "missing" / "token.json")
    assert await store.load() is None
    async with store.lock():
        await store.save(INFO)
    assert stat.S_IMODE((tmp_path / "missing").stat().st_mode) == 0o700
    with pytest.raises(AuthError, match="below"):
        async with FileTokenStore(tmp_path / "missing" / "token.json" / "below" / "it").lock():
            pass


async def test_a_failed_save_leaves_nothing_behind(store, path, monkeypatch):
    """The old file stays, and no temporary one is left."""
    await store.save(INFO)

    def fail(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(AuthError, match="No space left"):
        await store.save(TokenInfo(access_token="new"))
    assert await store.load() == INFO
    assert os.listdir(path.parent) == ["token.json"]


async def test_what_killed_processes_left_is_removed(store, path):
    """Old temporary files go; a young one may be in use, and other files are not ours."""
    old, young = path.with_name(".token.json.0.tmp"), path.with_name(".token.json.1.tmp")
    other, long_ago = path.with_name(".token.json.backup"), time.time() - 1000
    for one in (old, young, other):
        one.touch()
    for one in (old, other):
        os.utime(one, (long_ago, long_ago))
    await store.save(INFO)
    assert set(os.listdir(path.parent)) == {other.name, young.name, "token.json"}


@pytest.mark.parametrize("path", [None, "", 5, b"bytes", "nul\0"])
def test_the_path_must_be_one(path):
    """InvalidRequest names the field."""
    with pytest.raises(InvalidRequest, match=r"FileTokenStore\.path"):
        FileTokenStore(path)


def test_a_store_travels_to_other_processes(store, path, monkeypatch):
    """It is a path and two limits, not affected by a change of the directory."""
    assert pickle.loads(pickle.dumps(store)) == store
    monkeypatch.chdir(path.parent)
    assert FileTokenStore("token.json") == store
    assert FileTokenStore("~/x").path == os.path.expanduser("~/x")


async def test_the_lock_admits_one_at_a_time(store):
    """Tasks of one process take turns like processes do."""
    inside = 0

    async def enter():
        nonlocal inside
        async with store.lock():
            inside += 1
            assert inside == 1
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(enter() for _ in range(8)))


async def test_waiting_for_the_lock_has_a_limit(path, store):
    """AuthError says that another process holds it."""
    impatient = FileTokenStore(path, wait_s=0.001)
    async with store.lock():
        with pytest.raises(AuthError, match="another process"):
            async with impatient.lock():
                pass
    async with impatient.lock():
        pass


async def test_holding_the_lock_has_a_limit(path):
    """What takes too long is cancelled, and the lock is free again."""
    store = FileTokenStore(path, hold_s=0.001)
    with pytest.raises(AuthError, match="gave up"):
        async with store.lock():
            await asyncio.Event().wait()
    async with store.lock():
        pass
    with pytest.raises(TimeoutError, match="mine"):
        async with store.lock():
            raise TimeoutError("mine")


async def test_cancelling_a_waiter_leaves_no_lock_behind(store):
    """Also when the lock is won at the very moment of the cancellation."""
    for turns in range(12):
        task = asyncio.create_task(store.lock().__aenter__())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled():
            continue
        async with store.lock():
            pass


HOLD = """
import asyncio, sys
from pdsclient.token_store import FileTokenStore
async def main():
    async with FileTokenStore(sys.argv[1]).lock():
        print("ready", flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


async def test_a_killed_process_leaves_no_lock(store, path):
    """The operating system frees it, at once."""
    async with running(HOLD, path):
        with pytest.raises(AuthError):
            async with FileTokenStore(path, wait_s=0.001).lock():
                pass
    async with store.lock():
        pass


SAVE = """
import asyncio, sys
from pdsclient.token_store import FileTokenStore
from pdsclient.tokens import TokenInfo
async def main():
    store = FileTokenStore(sys.argv[1])
    print("ready", flush=True)
    for number in range(10**9):
        await store.save(TokenInfo(access_token=f"a{number}", refresh_token="r" * 50_000))
asyncio.run(main())
"""


async def test_killed_while_saving_the_file_is_old_or_new(store, path):
    """At whatever instant a process dies, the next one reads a whole token."""
    for _ in range(3):
        async with running(SAVE, path):
            await asyncio.sleep(random.uniform(0.005, 0.05))
        loaded = await store.load()
        assert loaded is None or len(loaded.refresh_token) == 50_000
