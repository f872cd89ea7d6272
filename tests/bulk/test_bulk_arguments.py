"""Wrong arguments are refused where they are written, and nothing is sent."""

from __future__ import annotations

from typing import Any

import pytest

from pdsclient import AsyncPDSClient, InvalidRequest, QuerySyntaxError
from pdsclient.bulk import SearchJob

TOKEN = {"access_token": "the-access-token"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"concurrency": 0}, "concurrency"),
        ({"concurrency": 1_025}, "concurrency"),
        ({"concurrency": True}, "concurrency"),
        ({"partition": "name"}, "partition must be one of created_at"),
        ({"partition": ["size"]}, "partition"),
        ({"ordered": 1}, "ordered"),
        ({"on_error": "ignore"}, "on_error"),
        ({"max_hits": -1}, "max_hits"),
        ({"max_hits": True}, "max_hits"),
        ({"progress": 3}, "progress"),
        ({"checkpoint": 3}, "checkpoint"),
        ({"limit": 3}, "no argument 'limit'"),
        ({"jobs": 5}, "jobs"),
        ({"jobs": {"query": "size > 1"}}, "jobs"),
        ({"jobs": b"size > 1"}, "jobs"),
        ({"jobs": None}, "jobs"),
        ({"order_by": "owner ASC"}, "order_by"),
        ({"drive_id": None}, "drive_id"),
        ({"partition": "size", "ordered": True}, "order_by that begins with size"),
        ({"partition": "size", "jobs": f'name = "{"x" * 3_800}"'}, "characters long"),
    ],
)
def test_a_wrong_argument_is_named(arguments: dict[str, Any], message: str) -> None:
    """The message says which one, at the call that has it."""
    client = AsyncPDSClient(api_endpoint="http://127.0.0.1:1", token_info=TOKEN)
    with pytest.raises(InvalidRequest, match=message):
        client.bulk_search(**{"jobs": "size > 1", "drive_id": "1", **arguments})


def test_a_single_wrong_query_raises_at_the_call() -> None:
    """With the place of the mistake; of many jobs each is checked when it has its turn."""
    client = AsyncPDSClient(api_endpoint="http://127.0.0.1:1", token_info=TOKEN)
    with pytest.raises(QuerySyntaxError, match="size"):
        client.bulk_search("size >", drive_id="1")
    client.bulk_search(["size >"], drive_id="1")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"query": 3}, "the query of a SearchJob"),
        ({"query": "size > 1", "key": ""}, "the key of a SearchJob"),
        ({"query": "size > 1", "key": "k" * 1_025}, "the key of a SearchJob"),
        ({"query": "size > 1", "key": 3}, "the key of a SearchJob"),
    ],
)
def test_a_wrong_job_is_refused(arguments: dict[str, Any], message: str) -> None:
    """When it is made."""
    with pytest.raises(InvalidRequest, match=message):
        SearchJob(**arguments)


async def test_a_bulk_search_is_entered_once_and_not_iterated_itself(world: Any) -> None:
    """The messages say what to write."""
    search = world.client.bulk_search("size > 1", drive_id="1")
    with pytest.raises(InvalidRequest, match="async with"):
        async for _ in search:
            pass
    async with search:
        with pytest.raises(InvalidRequest, match="begun already"):
            await search.__aenter__()


async def test_there_is_one_way_to_take_hits(world: Any) -> None:
    """A second way would get what the first one misses."""
    await world.fill(2)
    async with world.client.bulk_search("size >= 0", drive_id="1") as results:
        await anext(aiter(results))
        for other in (results.batches, lambda: aiter(results.batches())):
            with pytest.raises(InvalidRequest, match="taken by async for"):
                other()
        with pytest.raises(InvalidRequest, match="taken by async for"):
            await results.to_arrow()
        assert len([hit async for hit in results]) == 1
