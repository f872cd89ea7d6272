"""What only breaks of the code showed to be untested: races for the file, and the disk."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pdsclient.errors import AuthError
from pdsclient.token_store import FileTokenStore
from pdsclient.tokens import TokenInfo

INFO = TokenInfo(access_token="mine")

pytestmark = pytest.mark.skipif(os.name != "posix", reason="links and descriptors of POSIX")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "token.json"


@pytest.fixture
def store(path) -> FileTokenStore:
    return FileTokenStore(path)


async def test_a_link_put_in_after_the_check_is_not_followed(store, path, monkeypatch):
    """Between looking at the path and opening it, anybody may replace the file by a link."""
    await store.save(INFO)
    other = path.with_name("other")
    other.write_text(json.dumps({"access_token": "another"}))
    other.chmod(0o600)
    look = os.lstat

    def look_and_swap(target, **options):
        found = look(target, **options)
        if target == str(path):
            path.unlink()
            path.symlink_to(other)
        return found

    monkeypatch.setattr(os, "lstat", look_and_swap)
    with pytest.raises(AuthError):
        await store.load()


@pytest.mark.parametrize("planted", ["a link", "a file"])
async def test_a_file_in_the_place_of_the_temporary_one_is_not_written(
    store, path, monkeypatch, planted
):
    """Whoever guesses its name, and holds it open, gets no token."""
    monkeypatch.setattr(secrets, "token_hex", lambda size: "guessed")
    victim, temporary = path.with_name("victim"), path.with_name(".token.json.guessed.tmp")
    victim.write_text("untouched")
    if planted == "a link":
        temporary.symlink_to(victim)
    else:
        os.link(victim, temporary)
    with pytest.raises(AuthError):
        await store.save(INFO)
    assert victim.read_text() == "untouched"
    assert not path.exists()


async def test_what_is_saved_is_on_the_disk_before_it_counts(store, path, monkeypatch):
    """The content is synced before it takes the place of the old one, its name afterwards."""
    steps = []
    sync, replace = os.fsync, os.replace

    def tell_sync(descriptor):
        is_directory = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        steps.append("directory" if is_directory else "content")
        sync(descriptor)

    def tell_replace(source, target):
        steps.append("replace")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", tell_sync)
    monkeypatch.setattr(os, "replace", tell_replace)
    await store.save(INFO)
    assert steps == ["content", "replace", "directory"]


async def test_the_lock_is_given_back_although_its_holder_is_cancelled(store, path):
    """Also when the release still waits for a thread, as all of them are busy."""
    busy, leaving = threading.Event(), asyncio.Event()
    with ThreadPoolExecutor(1) as threads:
        asyncio.get_running_loop().set_default_executor(threads)

        async def hold():
            async with store.lock():
                threads.submit(busy.wait)
                leaving.set()

        holder = asyncio.create_task(hold())
        await leaving.wait()
        await asyncio.sleep(0)
        holder.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await holder
        busy.set()
        async with FileTokenStore(path, wait_s=1).lock():
            assert caught.tb  # its frames keep the lock alive, which would else free itself
