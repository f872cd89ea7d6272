"""Listings: awaiting, iterating, collecting, prefetching, and never reading for ever."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdsclient import DecodeError, InvalidRequest, Pager, ServiceFailure
from pdsclient.models import File, FilePage


def pages_of(server, total, *, size=None):
    """Serve ``total`` files; the marker is the index of the next one."""

    def answer(seen):
        start = int(seen.json.get("marker") or 0)
        limit = size or seen.json.get("limit", 50)
        items = [{"file_id": str(n)} for n in range(start, min(start + limit, total))]
        following = str(start + limit) if start + limit < total else ""
        return 200, {"items": items, "next_marker": following}

    server.handler = answer


async def test_await_gives_the_first_page_of_the_servers_own_size(server, make_client):
    """No limit is sent, so the server's default holds."""
    pages_of(server, 120)
    page = await make_client().file.scan(drive_id="1")
    assert len(page.items) == 50
    assert page.has_more
    assert "limit" not in server.seen[0].json


async def test_iteration_asks_for_the_longest_pages(server, make_client):
    """Unless told otherwise."""
    pages_of(server, 250)
    client = make_client()
    ids = [file.file_id async for file in client.file.scan(drive_id="1")]
    assert ids == [str(n) for n in range(250)]
    assert [seen.json["limit"] for seen in server.seen] == [100, 100, 100]
    server.seen.clear()
    assert len([f async for f in client.file.scan(drive_id="1", limit=10)]) == 250
    assert len(server.seen) == 25


async def test_a_pager_is_a_recipe(server, make_client):
    """It can be awaited and iterated again, also at the same time."""
    pages_of(server, 150)
    pager = make_client().file.scan(drive_id="1")
    first, second = await asyncio.gather(pager.collect(), pager.collect())
    assert len(first) == len(second) == 150
    assert len((await pager).items) == len((await pager).items) == 50


async def test_pages_have_markers_to_go_on_from(server, make_client):
    """``.marker`` of the iterator, given to a new call, continues without loss."""
    pages_of(server, 250)
    client = make_client()
    reading = client.file.scan(drive_id="1").pages()
    got = [file.file_id for file in (await anext(reading)).items]
    rest = client.file.scan(drive_id="1", marker=reading.marker)
    got += [file.file_id for file in await rest.collect()]
    assert got == [str(n) for n in range(250)]


async def test_a_row_iterators_marker_loses_nothing(server, make_client):
    """In the middle of a page it points to that page's start."""
    pages_of(server, 250)
    client = make_client()
    rows = aiter(client.file.scan(drive_id="1"))
    for _ in range(130):
        await anext(rows)
    assert rows.marker == "100"
    for _ in range(70):
        await anext(rows)
    assert rows.marker == "200"


async def test_collect_fetches_no_more_than_it_needs(server, make_client):
    """``max_items`` counts rows, also within a page."""
    pages_of(server, 1_000)
    client = make_client()
    assert len(await client.file.scan(drive_id="1").collect(max_items=150)) == 150
    assert len(server.seen) == 2
    assert await client.file.scan(drive_id="1").collect(max_items=0) == []
    with pytest.raises(InvalidRequest, match="max_items"):
        await client.file.scan(drive_id="1").collect(max_items=-1)


async def test_an_error_carries_the_marker_to_go_on_from(server, make_client):
    """What was read before is not lost."""
    pages_of(server, 250)
    whole = server.handler
    server.handler = lambda seen: (500, b"") if seen.json.get("marker") == "200" else whole(seen)
    client = make_client()
    got = []
    with pytest.raises(ServiceFailure) as caught:
        async for file in client.with_options(retries=0).file.scan(drive_id="1"):
            got.append(file.file_id)
    assert len(got) == 200
    assert caught.value.marker == "200"
    server.handler = whole
    rest = client.file.scan(drive_id="1", marker=caught.value.marker)
    got += [file.file_id async for file in rest]
    assert got == [str(n) for n in range(250)]


@pytest.mark.parametrize("end", ["", None, ...])
async def test_every_spelling_of_the_end_ends(server, make_client, end):
    """Empty, null and missing."""
    reply = {"items": [{"file_id": "a"}]} | ({} if end is ... else {"next_marker": end})
    server.script((200, reply))
    assert len(await make_client().file.scan(drive_id="1").collect()) == 1


@pytest.mark.parametrize("items", [[], None, ...])
async def test_an_empty_page_with_a_marker_is_not_the_end(server, make_client, items):
    """A page may hold nothing while more follows."""
    empty = {"next_marker": "m"} | ({} if items is ... else {"items": items})
    server.script((200, empty), (200, {"items": [{"file_id": "a"}], "next_marker": ""}))
    assert len(await make_client().file.scan(drive_id="1").collect()) == 1


@pytest.mark.parametrize(("markers", "first_repeat"), [("aa", 2), ("abab", 3), ("abca", 4)])
async def test_a_marker_that_comes_again_is_an_error(server, make_client, markers, first_repeat):
    """Also in a cycle; the rows so far were delivered."""
    left = list(markers)
    server.handler = lambda seen: (
        200,
        {"items": [{"file_id": "x"}], "next_marker": left.pop(0) if left else "never"},
    )
    rows = []
    with pytest.raises(DecodeError, match="before"):
        async for row in make_client().file.scan(drive_id="1"):
            rows.append(row)
    assert len(rows) == first_repeat


async def test_endless_empty_pages_are_an_error(server, make_client):
    """New markers alone are no progress."""
    count = iter(range(10_000))
    server.handler = lambda seen: (200, {"items": [], "next_marker": str(next(count))})
    with pytest.raises(DecodeError, match="without a row"):
        await make_client().file.scan(drive_id="1").collect()


async def test_prefetching_reads_ahead_and_stops_with_its_block(server, make_client):
    """The next page is on its way while the rows of one are used; leaving early cancels."""
    pages_of(server, 1_000)
    pager = make_client().file.scan(drive_id="1")
    async with pager.prefetched() as rows:
        await anext(rows)
        for _ in range(200):
            if len(server.seen) >= 2:
                break
            await asyncio.sleep(0.005)
        assert 2 <= len(server.seen) <= 3
    before = len(server.seen)
    await asyncio.sleep(0.02)
    assert len(server.seen) <= before + 1
    async with pager.prefetched(4) as rows:
        assert len([row async for row in rows]) == 1_000


async def test_prefetching_hands_errors_to_the_reader(server, make_client):
    """After the rows that came before the error, with its marker."""
    pages_of(server, 250)
    whole = server.handler
    server.handler = lambda seen: (500, b"") if seen.json.get("marker") == "100" else whole(seen)
    got = []
    async with make_client(retry=_once()).file.scan(drive_id="1").prefetched() as rows:
        with pytest.raises(ServiceFailure) as caught:
            async for row in rows:
                got.append(row)
    assert len(got) == 100
    assert caught.value.marker == "100"


def _once():
    from pdsclient import RetryPolicy

    return RetryPolicy(attempts=1)


async def test_options_of_a_view_hold_for_every_page(server, make_client):
    """Not only for the first one."""
    pages_of(server, 250)
    view = make_client().with_options(headers={"X-Job": "7"})
    await view.file.scan(drive_id="1").collect()
    assert [seen.headers["x-job"] for seen in server.seen] == ["7"] * 3


async def test_arguments_are_checked_where_the_call_is_written(server, make_client):
    """Not when the first page is asked for."""
    client = make_client()
    with pytest.raises(InvalidRequest, match="limit"):
        client.file.scan(drive_id="1", limit=101)
    with pytest.raises(InvalidRequest, match="expected a value"):
        client.file.search(drive_id="1", query="size >")
    client.with_options(validate=False).file.search(drive_id="1", query="size >", limit=1000)


@given(
    total=st.integers(0, 60),
    size=st.integers(1, 20),
    empties=st.sets(st.integers(0, 60)),
    ahead=st.integers(0, 3),
    wanted=st.one_of(st.none(), st.integers(0, 70)),
)
async def test_every_row_comes_once_in_order(total, size, empties, ahead, wanted):
    """Whatever the page sizes, empty pages, prefetching, and however many are wanted."""

    async def fetch(marker, whole):
        start, _, seen = (marker or "0:").partition(":")
        start = int(start)
        if start in empties and not seen:
            return FilePage(items=[], next_marker=f"{start}:seen")
        items = [File(file_id=str(n)) for n in range(start, min(start + size, total))]
        return FilePage(
            items=items, next_marker=f"{start + size}:" if start + size < total else None
        )

    pager: Pager[FilePage] = Pager(fetch)
    expected = [str(n) for n in range(total)]
    if ahead:
        async with pager.prefetched(ahead) as rows:
            assert [row.file_id async for row in rows] == expected
    else:
        assert [row.file_id async for row in pager] == expected
    assert [row.file_id for row in await pager.collect(wanted)] == expected[:wanted]


async def test_more_without_a_place_to_go_on_from_is_an_error(server, make_client):
    """Reading on would begin again; the rows that came are good."""
    server.script((200, {"items": [{"file_id": "a"}], "has_more": True}))
    changes = aiter(make_client().file.list_delta(drive_id="1"))
    assert (await anext(changes)).file_id == "a"
    with pytest.raises(DecodeError, match="more follows, and not where"):
        await anext(changes)
    assert len(server.seen) == 1


@pytest.mark.parametrize("marker", [1.5, True, ["a"], {"a": 1}, "abc", "-1", "²", "9" * 5000, " 5"])
async def test_a_part_number_that_is_none_is_an_error(server, make_client, marker):
    """It is ours, whatever the service sent for a number."""
    server.script((200, {"uploaded_parts": [], "next_part_number_marker": marker}))
    parts = make_client().file.list_uploaded_parts(drive_id="1", file_id="f", upload_id="u")
    with pytest.raises(DecodeError, match="next_"):
        await parts.collect()
    assert len(server.seen) == 1


@pytest.mark.parametrize("rows", [0, False, 7, "x", {"a": 1}, [1]], ids=repr)
async def test_rows_that_are_no_list_are_an_error(server, make_client, rows):
    """Of one kind or of two kinds, and never something else when they are read."""
    client = make_client()
    server.script((200, {"group_items": rows}))
    with pytest.raises(DecodeError, match=r"not a list of objects|another form"):
        await client.group.list_member(group_id="g")
    server.script((200, {"items": rows}))
    with pytest.raises(DecodeError, match=r"not a list of objects|another form"):
        await client.file.list(drive_id="1", parent_file_id="root")


@pytest.mark.parametrize("rows", [None, "", [], {}], ids=repr)
async def test_rows_may_be_nothing_in_several_ways(server, make_client, rows):
    """Such a page is empty."""
    client = make_client()
    server.script((200, {"user_items": rows, "items": rows}))
    assert (await client.group.list_member(group_id="g")).items == []
    assert (await client.file.list(drive_id="1", parent_file_id="root")).items == []
