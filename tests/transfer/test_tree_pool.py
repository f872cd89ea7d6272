"""Jobs of a tree: how many at once, in which order, and how they end."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from pdsclient.transfer.tree_pool import Pool


async def through() -> None:
    """A gate that is open."""


class Jobs:
    """Folders that have files; notes what happens."""

    def __init__(self, most: int, gate=through) -> None:
        self.pool = Pool(most, gate, lambda: self.done.append("walked"))
        self.done: list[str] = []
        self.now = self.peak = self.waiting = self.most_waiting = 0

    async def file(self, name: str) -> None:
        self.waiting -= 1
        self.now += 1
        self.peak = max(self.peak, self.now)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        self.now -= 1
        self.done.append(name)

    async def folder(self, name: str, files: int, pieces: list[int]) -> bool:
        self.now += 1
        self.peak = max(self.peak, self.now)
        await asyncio.sleep(0)
        for number in range(files):
            self.pool.add_file(partial(self.file, f"{name}/{number}"))
        self.waiting += files
        self.most_waiting = max(self.most_waiting, self.waiting)
        self.now -= 1
        pieces[0] -= 1
        return pieces[0] > 0

    def add(self, name: str, files: int, pieces: int = 1) -> None:
        self.pool.add_folders([partial(self.folder, name, files, [pieces])])


@pytest.mark.parametrize("most", [1, 2, 7, 100])
async def test_all_is_done_and_never_more_at_once(most):
    """Folders count as much as files."""
    jobs = Jobs(most)
    for number in range(5):
        jobs.add(str(number), files=4, pieces=3)
    await jobs.pool.run()
    assert len(jobs.done) == 5 * 4 * 3 + 1
    assert jobs.done.count("walked") == 1
    assert jobs.peak <= most


async def test_folders_are_read_on_only_when_few_files_wait():
    """A directory of any size is never held whole."""
    jobs = Jobs(4)
    jobs.add("a", files=10, pieces=100)
    await jobs.pool.run()
    assert len(jobs.done) == 1001
    assert jobs.most_waiting < 4 + 4 * 10


async def test_a_pool_of_nothing_ends_at_once():
    """Nothing is waited for."""
    await Jobs(3).pool.run()


async def test_an_error_ends_all_and_is_raised_as_it_is():
    """What is under way is cancelled and waited for."""
    ended = []
    pool = Pool(5, through, lambda: None)

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(True)
            raise OSError("too late to be of interest")

    async def broken() -> None:
        await asyncio.sleep(0)
        raise KeyError("a mistake")

    for job in (endless, endless, broken):
        pool.add_file(job)
    with pytest.raises(KeyError):
        await pool.run()
    assert ended == [True, True]


async def test_cancelled_twice_it_still_waits_for_what_it_began():
    """Nothing is left behind."""
    ended = []
    pool = Pool(5, through, lambda: None)

    async def slow_to_end() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(5):
                await asyncio.sleep(0)
            ended.append(True)

    pool.add_file(slow_to_end)
    task = asyncio.create_task(pool.run())
    for _ in range(3):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == [True]


async def test_nothing_begins_while_the_gate_is_closed():
    """What is under way goes on; the rest waits."""
    gate = asyncio.Event()
    gate.set()

    async def wait() -> None:
        await gate.wait()

    jobs = Jobs(1, wait)
    jobs.add("a", files=3)
    task = asyncio.create_task(jobs.pool.run())
    while "a/0" not in jobs.done:
        await asyncio.sleep(0)
    gate.clear()
    for _ in range(20):
        await asyncio.sleep(0)
    held = list(jobs.done)
    assert len(held) < 4
    gate.set()
    await task
    assert len(jobs.done) == 4
