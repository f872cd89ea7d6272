"""The client passes under every setting of what nobody knows about the service."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin, get_type_hints

import aiohttp
import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pdsclient import BadRequest, F, NotFound, PermissionDenied
from pdsclient.emulator import Settings

# Values to try for the switches that are numbers; the others list theirs themselves.
NUMBERS = {"index_delay_s": (60.0,), "result_window": (3, 100), "marker_life_s": (600.0,)}


def choices(name: str, hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) is Literal else NUMBERS.get(name, (60,))


CHOICES = {name: choices(name, hint) for name, hint in get_type_hints(Settings).items()}
SINGLE = [Settings()] + [
    Settings(**{name: value})
    for name, values in CHOICES.items()
    for value in values
    if value != getattr(Settings(), name)
]


def changed(chosen: Settings) -> str:
    """How settings differ from the default."""
    default = Settings()
    names = [field.name for field in attrs.fields(Settings)]
    different = [name for name in names if getattr(chosen, name) != getattr(default, name)]
    return ",".join(f"{name}={getattr(chosen, name)}" for name in different) or "default"


async def search_flow(world, chosen):
    """Rows of several pages, an empty result, a total that may be anything or nothing."""
    search = world.client.file.search
    for query, expected in (
        (F.name.match("report") & (F.type == "file"), 3),
        (F.size >= 0, 6),
        (F.name == "nothing like it", 0),
    ):
        pager = search(**world.drive, query=query, order_by="name ASC", limit=2)
        names = [file.name for file in await pager.collect()]
        assert len(names) == min(expected, chosen.result_window or expected)
        assert names == sorted(names)
    page = await search(**world.drive, query=F.size >= 0, return_total_count=True)
    assert (
        page.total_count
        == {"exact": 6, "estimated": 6, "missing": None, "wrong": 13}[chosen.total_count]
    )
    recursive = search(**world.drive, query='parent_file_id = "root"', recursive=True)
    assert len(await recursive.collect()) == min(8, chosen.result_window or 8)


async def listing_flow(world, chosen):
    """All of a folder, all of the drive, all drives; a folder that is not there."""
    most = chosen.result_window or 100
    listed = world.client.file.list(**world.drive, parent_file_id="root", limit=2)
    assert len({file.file_id async for file in listed}) == min(5, most)
    scanned = world.client.file.scan(**world.drive, limit=3)
    assert len({file.file_id async for file in scanned}) == min(8, most)
    assert len(await world.client.drive.list_my_drives().collect()) == 1
    missing = world.client.file.list(**world.drive, parent_file_id="0" * 40)
    if chosen.missing_parent == "error":
        with pytest.raises(NotFound):
            await missing
    else:
        assert await missing.collect() == []


async def file_flow(world, chosen):
    """Get, download in parts, trash."""
    get = world.client.file.get
    arguments = world.get("report old.txt")
    assert (await get(**arguments)).size == 9
    target = await world.client.file.get_download_url(**arguments)
    async with (
        aiohttp.ClientSession() as session,
        session.get(target.url, headers={"Range": "bytes=4-"}) as reply,
    ):
        expected = {"honoured": (206, b"words"), "ignored": (200, b"old words")}
        assert (reply.status, await reply.read()) == expected[chosen.ranges]
    await world.emulator.trash_file(arguments["file_id"])
    if chosen.trashed_get == "file":
        assert (await get(**arguments)).trashed_at is not None
    else:
        refused = {"forbidden": PermissionDenied, "missing": NotFound}[chosen.trashed_get]
        with pytest.raises(refused):
            await get(**arguments)
    with pytest.raises(NotFound):
        await get(**world.drive, file_id="0" * 40)


async def token_flow(world, chosen):
    """The token dies by itself and by the server's hand."""
    for end in ("expiry", "revocation"):
        if end == "expiry":
            world.emulator.clock.advance(7300)
        else:
            world.emulator.revoke(world.client.token_info.access_token)
        await world.client.file.get(**world.get("Report.ppt"))
    renewed = await world.client.refresh_token()
    assert world.client.token_info == renewed
    assert renewed.expires_in == 7200
    assert (await world.client.file.get(**world.get("Report.ppt"))).size == 2000


async def throttling_flow(world, chosen):
    """More than the domain takes, in every form of saying so: it only takes longer."""
    world.emulator.rate_limit = 5
    for _ in range(12):
        await world.client.file.get(**world.get("Report.ppt"))
    world.emulator.rate_limit = None


async def marker_flow(world, chosen):
    """A marker that is kept longer than it lives is refused, and the error has it."""
    pages = world.client.file.search(**world.drive, query=F.size >= 0, limit=1).pages()
    await anext(pages)
    world.emulator.clock.advance(3600)
    if chosen.marker_life_s is None:
        await anext(pages)
        return
    with pytest.raises(BadRequest) as caught:
        await anext(pages)
    assert caught.value.code == "InvalidParameter.Marker"
    assert caught.value.marker == pages.marker


FLOWS = (search_flow, listing_flow, marker_flow, throttling_flow, token_flow, file_flow)


async def go_through(start, chosen):
    async with start(settings=chosen) as world:
        for flow in FLOWS:
            await flow(world, chosen)


@pytest.mark.parametrize("chosen", SINGLE, ids=changed)
async def test_main_flows_under_each_setting(start, chosen):
    """One switch at a time, so that a failure names it."""
    await go_through(start, chosen)


@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    chosen=st.builds(
        Settings,
        **{
            name: st.sampled_from((getattr(Settings(), name), *values))
            for name, values in CHOICES.items()
        },
    )
)
async def test_main_flows_under_any_combination(start, chosen):
    """Switches do not get in each other's way."""
    await go_through(start, chosen)
