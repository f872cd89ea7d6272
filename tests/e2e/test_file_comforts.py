"""Batches, tasks, folders and small files against the emulator, under each of its settings."""

from __future__ import annotations

import asyncio

import pytest

from pdsclient import Conflict, DeadlineExceeded, NotFound, TaskFailed
from pdsclient.emulator import Settings
from pdsclient.emulator.faults import Fault
from pdsclient.query import S

BATCHES = {
    "as documented": {},
    "shuffled": {"batch_order": "shuffled"},
    "answers missing": {"batch_answers": 30},
    "throttled": {"batch_throttle": 7},
}


async def make_tree(world):
    """Folders a/b/c and x, and a file of three bytes in c."""
    client = world.client
    c, x = (await client.create_folders(["a/b/c", "x"], **world.drive)).raise_first()
    file = await client.save_file_content(b"abc", name="n.txt", parent_file_id=c, **world.drive)
    return c, x, file


async def names_in(world, folder):
    listing = world.client.file.list(
        **world.drive, parent_file_id=folder, order_by="name", order_direction="ASC"
    )
    return [file.name async for file in listing]


@pytest.mark.parametrize("setting", BATCHES)
async def test_a_batch_is_answered_whatever_the_service_does_with_it(start, setting):
    """Shuffled, cut short or throttled: each call has its own reply in the end."""
    files = [{"name": f"f{number}"} for number in range(120)]
    async with start(files, settings=Settings(**BATCHES[setting])) as world:
        ids = list(world.ids.values())
        calls = [world.client.file.get.item(**world.drive, file_id=one) for one in ids]
        gone = world.client.file.get.item(**world.drive, file_id="0" * 40)
        outcomes = await world.client.run_batch([*calls, gone])
        assert [one.file_id for one in outcomes.replies] == ids
        assert isinstance(outcomes[-1], NotFound)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"tasks": "always", "task_duration_s": 30.0},
        {"tasks": "never"},
        {"done_status": 200},
        {"rename_refused": "existing"},
        {"batch_order": "shuffled", "task_duration_s": 3.0},
    ],
    ids=str,
)
async def test_a_life_of_files(start, settings):
    """Made, read, overwritten, copied, renamed, starred, moved, thrown away, brought back, gone."""
    async with start([], settings=Settings(**settings)) as world:
        client, drive = world.client, world.drive
        c, x, file = await make_tree(world)
        assert await client.get_file_content(file) == b"abc"
        with pytest.raises(Conflict) as caught:
            await client.save_file_content(b"x", name="n.txt", parent_file_id=c, **drive)
        assert caught.value.file_id == file.file_id
        newer = await client.save_file_content(
            "\u4e2d", name="n.txt", parent_file_id=c, check_name_mode="overwrite", **drive
        )
        assert newer.file_id == file.file_id
        assert await client.get_file_content(file) == "\u4e2d".encode()

        copies = await client.copy_files([file, c], to_parent_file_id=x, **drive)
        assert copies.failures == {}
        assert await names_in(world, x) == ["c", "n.txt"]
        renamed, clash = await client.rename_files([(copies[0], "m.txt"), (copies[0], "c")])
        assert renamed.name == "m.txt"
        assert isinstance(clash, Conflict)

        (starred,) = await client.star_files([file])
        listing = client.list_starred_files(**drive)
        assert starred.starred
        assert [one.file_id for one in await listing.collect()] == [file.file_id]
        await client.unstar_files([file])
        assert await listing.collect() == []

        way = await client.breadcrumbs(file)
        assert [one.name for one in way] == ["a", "b", "c", "n.txt"]
        a, b = way[0], way[1]
        assert (await client.move_files([b], to_parent_file_id=x)).failures == {}
        assert [one.name for one in await client.breadcrumbs(file)] == ["x", "b", "c", "n.txt"]

        assert (await client.trash_files([file, a])).failures == {}
        found = await client.recyclebin.search_all(query="").collect()
        assert {one.file_id for one in found} == {file.file_id, a.file_id}
        assert (await client.restore_files([file, a])).failures == {}
        assert (await client.delete_files([a, b])).failures == {}
        assert await names_in(world, "root") == ["x"]
        assert (await client.trash_files([x], **drive)).failures == {}
        (cleared,) = await client.clear_recycle_bin()
        assert cleared.drive_id == drive["drive_id"]
        assert await client.recyclebin.list(**drive).collect() == []


@pytest.mark.parametrize("outcome", ["Failed", "PartialSucceed"])
async def test_tasks_that_fail_are_failures_of_their_files(start, outcome):
    """Also those that succeed in part."""
    settings = Settings(task_outcome=outcome, task_duration_s=2.0)
    async with start([], settings=settings) as world:
        c, x, file = await make_tree(world)
        moved, failed = await world.client.move_files([file, c], to_parent_file_id=x, **world.drive)
        assert moved.file_id == file.file_id
        assert isinstance(failed, TaskFailed)
        assert failed.task.state == outcome
        reply = await world.client.file.copy(**world.drive, file_id=c, to_parent_file_id=x)
        with pytest.raises(TaskFailed):
            await world.client.wait_for(reply)


async def test_progress_of_a_long_task_is_told_until_the_deadline(start):
    """Waiting again goes on where the task is."""
    async with start([], settings=Settings(task_duration_s=60.0)) as world:
        c, x, _ = await make_tree(world)
        reply = await world.client.file.copy(**world.drive, file_id=c, to_parent_file_id=x)
        told = []
        with pytest.raises(DeadlineExceeded):
            await world.client.wait_for(reply, deadline=20, progress=told.append)
        assert {one.state for one in told} == {"Running"}
        assert (await world.client.wait_for(reply)).state == "Succeed"
        assert await names_in(world, x) == ["c"]


async def test_a_hundred_callers_share_their_folders(start):
    """Even where two creates at once would both succeed."""
    async with start([], settings=Settings(name_lag_s=5.0)) as world:
        paths = [f"top/{number % 5}/{number % 2}" for number in range(100)]
        lasts = await asyncio.gather(
            *(world.client.create_folders(one, **world.drive) for one in paths)
        )
        assert len(set(lasts)) == 10
        assert await names_in(world, "root") == ["top"]
        assert len(world.emulator.requests.of("/file/create")) == 1 + 5 + 10


async def test_names_are_checked_together(start):
    """What has them is told."""
    async with start([{"name": "taken"}]) as world:
        taken, free = await world.client.check_files_exist(["taken", "free"], **world.drive)
        assert (taken.exist_file_id, free) == (world.ids["taken"], None)


async def test_faults_of_the_storage_that_pass_change_nothing(start):
    """Saving and reading end as without them."""
    async with start([]) as world:
        for fault in (Fault.status(503), Fault.reset(), Fault.gateway()):
            world.emulator.faults.add("/data", fault)
        saved = await world.client.save_file_content(b"abc" * 1000, name="n", **world.drive)
        for fault in (Fault.status(500), Fault.truncate(10), Fault.close()):
            world.emulator.faults.add("/data", fault)
        assert await world.client.get_file_content(saved) == b"abc" * 1000


async def test_share_links_are_found_by_their_own_fields(start):
    """The dialect of share links, from the builder to the service."""
    async with start([{"name": "a"}, {"name": "b"}]) as world:
        create = world.client.share_link.create
        for name, expiration in (("plan A", None), ("plan B", "2100-01-01T00:00:00Z")):
            await create(
                **world.drive,
                file_id_list=[world.ids["a"]],
                share_name=name,
                expiration=expiration,
            )
        search = world.client.share_link.search
        plans = search(query=S.share_name_for_fuzzy.match("plan"), order_by="share_name")
        assert len(await plans.collect()) == 2
        (endless,) = await search(query=S.expired_time.never()).collect()
        (ending,) = await search(query=~S.expired_time.never() & (S.status == "enabled")).collect()
        assert (endless.share_name, ending.share_name) == ("plan A", "plan B")


async def test_everything_works_through_a_share_too(start):
    """A visitor with a share token makes, saves, reads and looks around below what was shared."""
    async with start([]) as world:
        client, drive = world.client, world.drive
        deep = await client.create_folders("top/shared/deep", **drive)
        shared = (await client.breadcrumbs(deep, **drive))[1].file_id
        link = await client.share_link.create(
            **drive, file_id_list=[shared], creatable=True, creatable_file_id_list=[shared]
        )
        token = await client.share_link.get_share_token(share_id=link.share_id)
        share = {"share_id": link.share_id}
        async with world.connect(share_token=token.share_token) as visitor:
            way = await visitor.breadcrumbs(deep, **share)
            assert [one.name for one in way] == ["shared", "deep"]
            folder = await visitor.create_folders("p/q", parent_file_id=shared, **share)
            file = await visitor.save_file_content("x", name="n", parent_file_id=folder, **share)
            assert await visitor.get_file_content(file, **share) == b"x"
            (taken,) = await visitor.check_files_exist(["n"], parent_file_id=folder, **share)
            assert taken.exist_file_id == file.file_id
        assert [one.name for one in await client.breadcrumbs(file.file_id, **drive)] == [
            "top", "shared", "p", "q", "n",
        ]  # fmt: skip
