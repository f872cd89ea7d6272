"""Paths of folders are made once, whoever asks and however often."""

from __future__ import annotations

import asyncio

import pytest

from pdsclient import (
    AuthError,
    Conflict,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    ServiceFailure,
)
from pdsclient.files._folder_cache import FolderCache, FolderKey


async def test_a_path_is_made_folder_by_folder(tree, client):
    """The last one is given; each is inside the one before."""
    last = await client.create_folders("a/b/c", drive_id="1")
    assert [(node["parent_file_id"], node["name"]) for node in tree.nodes.values()] == [
        ("root", "a"),
        ("id-1", "b"),
        ("id-2", "c"),
    ]
    assert last == "id-3"


async def test_folders_that_are_there_are_used(tree, client):
    """Nothing is made twice, and no name is changed."""
    top = tree.add("root", "a")
    last = await client.create_folders("/a/b/", drive_id="1")
    assert tree.nodes[last]["parent_file_id"] == top
    assert tree.made == {(top, "b"): 1}


async def test_every_request_asks_to_refuse_a_taken_name(service, tree, client):
    """That is how the service tells a folder that is there."""
    await client.create_folders("a", drive_id="1")
    assert service.sent("/file/create") == [{
        "drive_id": "1", "parent_file_id": "root", "name": "a", "type": "folder",
        "check_name_mode": "refuse",
    }]  # fmt: skip


async def test_the_empty_path_is_the_parent(service, client):
    """A job that mirrors a directory need not treat its top apart."""
    assert await client.create_folders("", drive_id="1", parent_file_id="p") == "p"
    assert service.seen == []


async def test_what_was_just_made_is_remembered_for_a_while(service, tree, client, time):
    """Then it is asked for again: somebody else may have deleted it."""
    await client.create_folders("a/b", drive_id="1")
    assert await client.create_folders("a/b", drive_id="1") == "id-2"
    assert await client.create_folders("a/c", drive_id="1") == "id-3"
    assert len(service.sent("/file/create")) == 3
    time.now += 31
    await client.create_folders("a/b", drive_id="1")
    assert len(service.sent("/file/create")) == 5


async def test_views_share_what_is_known_and_other_users_do_not(service, tree, client):
    """The same credential sees the same folders."""
    await client.create_folders("a", drive_id="1")
    await client.with_options(timeout=5).create_folders("a", drive_id="1")
    assert len(service.sent("/file/create")) == 1
    await client.with_credentials(token_info={"access_token": "b"}).create_folders(
        "a", drive_id="1"
    )
    await client.create_folders("a", drive_id="2")
    assert len(service.sent("/file/create")) == 3


async def test_a_hundred_callers_make_each_folder_once(service, tree, client):
    """Overlapping paths share the requests that are under way."""
    paths = [f"a/b{number % 10}/c{number % 3}" for number in range(100)]
    lasts = await asyncio.gather(*(client.create_folders(one, drive_id="1") for one in paths))
    assert max(tree.made.values()) == 1
    assert len(tree.nodes) == len(service.sent("/file/create")) == 1 + 10 + 30
    assert len(set(lasts)) == len(set(paths))


async def test_many_paths_are_made_at_a_time(tree, client):
    """Outcomes are in the order of the paths; a failure is an object and disturbs no other."""
    tree.add("root", "file", "file", file_id="in-the-way")
    outcomes = await client.create_folders(["a/b", "file/x", "a", "a/b"], drive_id="1")
    assert isinstance(outcomes[1], Conflict)
    assert outcomes[0] == outcomes[3]
    assert tree.nodes[outcomes[0]]["parent_file_id"] == outcomes[2]


async def test_a_file_in_the_way_is_a_conflict(tree, client):
    """The error tells which file it is."""
    tree.add("root", "a", "file", file_id="in-the-way")
    with pytest.raises(Conflict, match="is a file and no folder") as caught:
        await client.create_folders("a/b", drive_id="1")
    assert caught.value.file_id == "in-the-way"


async def test_a_reply_that_does_not_tell_the_type_is_asked_for_it(service, tree, client):
    """Replies for a taken name are sparse."""
    tree.add("root", "a", "file", file_id="in-the-way")
    service.on("/file/create", (201, {"file_id": "in-the-way", "exist": True}))
    with pytest.raises(Conflict):
        await client.create_folders("a", drive_id="1")


async def test_a_remembered_folder_that_is_gone_is_made_again(tree, client):
    """Somebody else has deleted it meanwhile."""
    await client.create_folders("a/b", drive_id="1")
    tree.nodes.clear()
    tree.made.clear()
    last = await client.create_folders("a/b/c", drive_id="1")
    assert tree.nodes[last]["name"] == "c"
    assert len(tree.nodes) == 3


async def test_a_parent_that_is_not_there_is_an_error(service, tree, client):
    """Nothing is tried again in vain."""
    with pytest.raises(NotFound):
        await client.create_folders("a", drive_id="1", parent_file_id="gone")
    assert len(service.seen) == 1


async def test_an_unknown_outcome_is_asked_for_again(service, tree, client):
    """Sent twice, it finds what the first one made."""

    def made_and_lost(data):
        tree.create(data)
        return 500, {"code": "InternalError", "message": "lost"}

    service.on("/file/create", made_and_lost, tree.create)
    assert await client.create_folders("a", drive_id="1") == "id-1"
    assert len(tree.nodes) == 1


async def test_the_caller_may_forbid_repeats(service, tree, client):
    """``idempotent=False`` is the caller's last word."""
    service.on("/file/create", (500, None), tree.create)
    with pytest.raises(ServiceFailure):
        await client.with_options(idempotent=False).create_folders("a", drive_id="1")


async def test_all_who_wait_get_an_error_of_their_own(service, client, refuse):
    """One request fails for all of them."""
    service.on("/file/create", refuse(403, "ForbiddenNoPermission.File"))
    outcomes = await asyncio.gather(
        *(client.create_folders("a/b", drive_id="1") for _ in range(5)), return_exceptions=True
    )
    assert [type(one) for one in outcomes] == [PermissionDenied] * 5
    assert len({id(one) for one in outcomes}) == 5
    assert len(service.seen) == 1


async def test_cancelling_the_first_caller_harms_no_other(service, tree, client):
    """Whoever waits next makes the folder."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(data):
        begun.set()
        await go_on.wait()
        return tree.create(data)

    service.on("/file/create", slow)
    first = asyncio.create_task(client.create_folders("a", drive_id="1"))
    await begun.wait()
    others = [asyncio.create_task(client.create_folders("a", drive_id="1")) for _ in range(3)]
    others[0].cancel()
    await asyncio.sleep(0)
    first.cancel()
    go_on.set()
    assert await asyncio.gather(*others[1:]) == ["id-1", "id-1"]
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_folders_in_a_share_are_made_through_it(service, tree, client):
    """The share is named instead of the drive."""
    await client.create_folders("a", share_id="s", parent_file_id="root")
    assert service.sent("/file/create")[0]["share_id"] == "s"


@pytest.mark.parametrize("path", ["a//b", "a/./b", "../a", "a/\x00", "x" * 1025])
async def test_names_that_no_folder_can_have_are_refused(service, client, path):
    """Before anything is sent, also one among many paths."""
    with pytest.raises(InvalidRequest):
        await client.create_folders(path, drive_id="1")
    with pytest.raises(InvalidRequest):
        await client.create_folders(["good", path], drive_id="1")
    with pytest.raises(InvalidRequest, match="a string, not a int"):
        await client.create_folders([1], drive_id="1")
    with pytest.raises(InvalidRequest, match="drive_id"):
        await client.create_folders("a")
    assert service.seen == []


async def test_whoever_signs_in_next_does_not_get_what_others_saw(service, tree, client):
    """A new credential asks the service, and one that was removed gets nothing."""
    await client.create_folders("a", drive_id="1")
    client.set_token({"access_token": "of-somebody-else"})
    await client.create_folders("a", drive_id="1")
    assert len(service.sent("/file/create")) == 2
    client.set_share_token("of-a-share")
    await client.create_folders("a", drive_id="1")
    assert len(service.sent("/file/create")) == 3
    client.remove_share_token()
    client.remove_token()
    with pytest.raises(AuthError):
        await client.create_folders("a", drive_id="1")


@pytest.mark.parametrize(
    "own", [{"headers": {"Authorization": "Bearer of-another"}}, {"share_token": "of-a-share"}]
)
async def test_a_view_with_a_credential_of_its_own_shares_no_folders(service, tree, client, own):
    """Neither does it get what others saw, nor they what it saw."""
    view = client.with_options(own)
    await client.create_folders("a", drive_id="1")
    await view.create_folders(["a", "b"], drive_id="1")
    await view.create_folders("b", drive_id="1")
    await client.create_folders("b", drive_id="1")
    assert len(service.sent("/file/create")) == 4


async def test_a_refreshed_credential_is_still_the_same_caller(service, tree, make_client):
    """Requests under way are shared across it, and what is known stays known."""

    async def refresh():
        return {"access_token": f"token-{len(service.seen)}"}

    client = make_client(refresh_token_fun=refresh)
    await client.create_folders("a", drive_id="1")
    await client.refresh_token()
    await client.create_folders("a", drive_id="1")
    assert len(service.sent("/file/create")) == 1


def test_a_request_that_was_left_behind_with_its_loop_is_made_again():
    """A loop that was closed in the middle, or left by a fork, does not block the next one."""
    cache, key = FolderCache(lambda: 0.0, None), FolderKey("1", None, "root", "a")
    left_behind = []

    async def never():
        await asyncio.Event().wait()

    async def create():
        return "id-of-a"

    async def begin():
        left_behind.append(asyncio.ensure_future(cache.once(key, never)))
        await asyncio.sleep(0)

    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as first:
        first.run(begin())
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as second:
            assert second.run(asyncio.wait_for(cache.once(key, create), 5)) == "id-of-a"
    assert cache.get(key) == "id-of-a"


async def test_only_so_many_folders_are_remembered(monkeypatch):
    """The oldest is forgotten first."""
    monkeypatch.setattr("pdsclient.files._folder_cache._MOST_REMEMBERED", 2)
    cache = FolderCache(lambda: 0.0, None)
    keys = [FolderKey("1", None, "root", name) for name in "abc"]
    for key in [*keys[:2], keys[0], keys[2]]:

        async def create(name=key.name):
            return f"id-of-{name}"

        await cache.once(key, create)
    assert [cache.get(key) for key in keys] == ["id-of-a", None, "id-of-c"]
