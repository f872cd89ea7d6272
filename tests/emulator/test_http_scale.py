"""What takes long holds up nothing else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from pdsclient.emulator import Emulator
from pdsclient.emulator.store import Store
from pdsclient.emulator.tables import Stopped


async def test_a_slow_total_holds_up_no_page(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages, other totals' pages too, are answered while a total is counted."""
    await api.emulator.add_files([{"name": f"{n}.txt", "size": n} for n in range(5)])
    counting, go_on = threading.Event(), threading.Event()
    count = Store.count

    def slow(store: Store, *args: Any, **options: Any) -> int:
        with store._reading():
            counting.set()
            assert go_on.wait(20)
        return count(store, *args, **options)

    monkeypatch.setattr(Store, "count", slow)
    with_total = asyncio.create_task(api.search("size > 0", return_total_count=True))
    assert await asyncio.to_thread(counting.wait, 20)
    pages = [await api.search(f"size >= {n}") for n in range(5)]
    assert [len(page.data["items"]) for page in pages] == [5, 4, 3, 2, 1]
    assert not with_total.done()
    go_on.set()
    assert (await with_total).data["total_count"] == 4


async def test_a_big_load_does_not_block_the_server(api: Any) -> None:
    """What needs no files is answered meanwhile; searches wait and then find all of it."""
    loading, go_on = threading.Event(), threading.Event()

    def rows() -> Iterator[dict[str, Any]]:
        for number in range(100):
            yield {"name": f"{number}.txt"}
        loading.set()
        assert go_on.wait(20)
        yield {"name": "last.txt"}

    load = asyncio.create_task(api.emulator.add_files(rows()))
    assert await asyncio.to_thread(loading.wait, 20)
    assert (await api.control("clock", advance=1)).status == 200
    search = asyncio.create_task(api.search("size >= 0", limit=100, return_total_count=True))
    assert (await api.control("clock", advance=1)).status == 200
    go_on.set()
    assert len(await load) == 101
    assert (await search).data["total_count"] == 101


async def test_an_emulator_ends_during_a_big_load() -> None:
    """Leaving the block ends the load instead of waiting for it."""
    loading = threading.Event()

    def endless() -> Iterator[dict[str, Any]]:
        while True:
            yield {"name": "more"}
            loading.set()

    async with Emulator() as emulator:
        load = asyncio.create_task(emulator.add_files(endless()))
        assert await asyncio.to_thread(loading.wait, 20)
    with pytest.raises(Stopped):
        await load
