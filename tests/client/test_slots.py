"""Places for a limited number of requests."""

from __future__ import annotations

import asyncio

import pytest

from pdsclient._slots import Slots


async def queue_up(slots: Slots, count: int) -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(slots.wait()) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


def test_a_place_that_nobody_waits_for_is_free_again():
    """Given back, it can be taken by whoever comes."""
    slots = Slots(0)
    slots.give()
    assert slots.free == 1


async def test_places_are_handed_on_in_the_order_of_arrival():
    """Each place given back wakes the one who waited longest."""
    slots = Slots(0)
    first, second = await queue_up(slots, 2)
    slots.give()
    await first
    assert not second.done()
    slots.give()
    await second


async def test_nobody_overtakes_who_was_handed_a_place():
    """A place belongs to the waiter from the moment it is given, not from its waking."""
    slots = Slots(0)
    (waiter,) = await queue_up(slots, 1)
    slots.give()
    assert slots.free == 0
    await waiter


async def test_a_waiter_that_was_cancelled_is_passed_over():
    """Its place goes to the next one."""
    slots = Slots(0)
    first, second = await queue_up(slots, 2)
    first.cancel()
    await asyncio.wait([first])
    slots.give()
    await second


async def test_a_waiter_that_is_cancelled_with_a_place_in_hand_gives_it_back():
    """Handed over and cancelled before it woke: the place is free again."""
    slots = Slots(0)
    (waiter,) = await queue_up(slots, 1)
    slots.give()
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    assert slots.free == 1
