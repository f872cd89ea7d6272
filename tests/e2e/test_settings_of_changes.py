"""Uploads, tasks, batches, shares and sign-in pass under every setting that is about them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Literal, get_args, get_origin, get_type_hints

import aiohttp
import attrs
import pytest

from pdsclient import BadRequest, Conflict, DeadlineExceeded, NotFound, QuotaExceeded, TaskFailed
from pdsclient.emulator import Fault, Settings

Flow = Callable[[Any, Settings], Awaitable[None]]
LONG_S = 60.0
USUAL = attrs.asdict(Settings())
NUMBERS = {"batch_answers": 7, "batch_throttle": 7, "smallest_part": 60, "upload_url_life_s": 60}
# About searching, listing, tokens and signing in: test_settings.py, test_login.py.
ELSEWHERE = {
    "match_mode", "index_delay_s", "keywords", "empty_query", "search_order", "list_order",
    "result_window", "pages", "end_marker", "empty_items", "total_count", "marker_life_s",
    "trashed_get", "missing_parent", "not_found_status", "ranges", "throttled", "expired_token",
    "after_refresh", "token_expire_time", "token_expires_in", "login", "code_life_s", "assertions",
}  # fmt: skip


def switched() -> list[Settings]:
    """Each switch of this file in each of its other positions."""
    made = [Settings()]
    for name, hint in get_type_hints(Settings).items():
        usual = getattr(Settings(), name)
        values = get_args(hint) if get_origin(hint) is Literal else (NUMBERS.get(name, LONG_S),)
        if name not in ELSEWHERE:
            made += [Settings(**{name: one}) for one in values if one != usual]
    return made


def said(chosen: Settings) -> str:
    """How settings differ from the default."""
    different = {name: one for name, one in attrs.asdict(chosen).items() if one != USUAL[name]}
    return ",".join(f"{name}={one}" for name, one in different.items()) or "default"


async def upload_flow(world: Any, chosen: Settings) -> None:
    """Two parts, whose order, size and checksum the service may mind; then a new content."""
    file, drive = world.client.file, world.drive
    new = {**drive, "name": "up.txt", "parent_file_id": "root", "type": "file", "size": 6}
    if chosen.parallel_upload == "refused":
        with pytest.raises(BadRequest, match="parallel_upload"):
            await file.create(**new, parallel_upload=True)
    parts = [{"part_number": 1}, {"part_number": 2}]
    made = await file.create(**new, part_info_list=parts)
    for part, content in zip(made.part_info_list, (b"abc", b"def"), strict=True):
        await put(part.upload_url, content)
    upload = {**drive, "file_id": made.file_id, "upload_id": made.upload_id}
    if chosen.smallest_part:
        with pytest.raises(BadRequest, match="EntityTooSmall"):
            await file.complete(**upload)
        return
    if chosen.wrong_crc64 == "refused":
        with pytest.raises(BadRequest):
            await file.complete(**upload, crc64_hash="1")
        done = await file.complete(**upload)
    else:
        done = await file.complete(**upload, crc64_hash="1")
    assert (done.size, done.content_hash_name) == (6, chosen.data_hash_name)
    world.emulator.clock.advance(LONG_S)
    newer = await world.client.save_file_content(
        b"newer", name="up.txt", check_name_mode="overwrite", **drive
    )
    assert newer.file_id == done.file_id
    versions = await file.revision.list(**drive, file_id=done.file_id).collect()
    assert len(versions) == (2 if chosen.revisions == "kept" else 1)
    assert await world.client.get_file_content(newer) == b"newer"


async def parallel_flow(world: Any, chosen: Settings) -> None:
    """Parts side by side, or in order where the service does not take that."""
    content = bytes(range(256)) * 1000
    upload = {"parallel": True, "rapid_upload": False, "part_size": 102_400}
    file = await world.client.upload(content, name="in parts", **upload, **world.drive)
    assert (file.size, file.content_hash_name) == (len(content), chosen.data_hash_name)
    assert await world.emulator.read_file(file.file_id) == content


async def put(url: str, content: bytes) -> None:
    """Upload a part."""
    async with (
        aiohttp.ClientSession() as session,
        session.put(url, data=content, headers={"Content-Type": ""}) as reply,
    ):
        assert reply.status == 200


async def quota_flow(world: Any, chosen: Settings) -> None:
    """A full drive has an error of its own, whatever its status."""
    drive = await world.client.drive.create(
        drive_name="small", owner="superadmin", owner_type="user", total_size=3
    )
    with pytest.raises(QuotaExceeded):
        await world.client.save_file_content(b"abcd", name="a", drive_id=drive.drive_id)


async def name_flow(world: Any, chosen: Settings) -> None:
    """A taken name is found, refused or changed, as soon as the service knows of it."""
    file, drive = world.client.file, world.drive
    here = {**drive, "parent_file_id": "root", "type": "folder"}
    first = await file.create(**here, name="name")
    again = await file.create(**here, name="name", check_name_mode="refuse")
    assert again.exist is (not chosen.name_lag_s)
    other = await file.create(**here, name="NAME", check_name_mode="refuse")
    assert other.exist is (chosen.name_case == "insensitive" and not chosen.name_lag_s)
    world.emulator.clock.advance(LONG_S + 1)
    check = await file.pre_create_check(**here, name="name")
    assert check.name_check_result.exist_file_id == first.file_id
    third = await file.create(**here, name="third")
    which = {**drive, "file_id": third.file_id}
    renaming = file.update(**which, name="name", check_name_mode="refuse")
    if chosen.rename_refused == "error":
        with pytest.raises(Conflict):
            await renaming
    else:
        assert (await renaming).file_id == first.file_id
    document = await file.create(**{**here, "type": "file"}, name="name", check_name_mode="refuse")
    assert document.exist is (chosen.name_clash == "any-type")


async def task_flow(world: Any, chosen: Settings) -> None:
    """Whatever takes time is waited for; what ends badly is an error, also in part."""
    client, drive = world.client, world.drive
    folder, target = (await client.create_folders(["tree", "target"], **drive)).raise_first()
    file = await client.save_file_content(b"x", name="leaf", parent_file_id=folder, **drive)
    bad = chosen.task_outcome != "Succeed"
    into = {**drive, "file_id": folder, "to_parent_file_id": target}
    for change, arguments in (
        (client.file.archive_files, {**drive, "file_ids": [file.file_id], "name": "zip"}),
        (client.file.copy, into),
        (client.file.move, into),
        (client.recyclebin.trash, {**drive, "file_id": target}),
        (client.recyclebin.clear, drive),
    ):
        waiting = client.wait_for(await change(**arguments))
        if bad and waiting.id is not None:
            with pytest.raises(TaskFailed) as caught:
                await waiting
            assert caught.value.task.state == chosen.task_outcome
        else:
            assert (await waiting).state == "Succeed"


async def batch_flow(world: Any, chosen: Settings) -> None:
    """Each call has its own reply in the end, those of what is not there are errors."""
    folders = [f"b{number}" for number in range(12)]
    ids = (await world.client.create_folders(folders, **world.drive)).raise_first()
    get = world.client.file.get
    calls = [get.item(**world.drive, file_id=one) for one in [*ids, "0" * 40]]
    *replies, missing = await world.client.run_batch(calls)
    assert [one.file_id for one in replies] == list(ids)
    assert isinstance(missing, NotFound)


async def bin_flow(world: Any, chosen: Settings) -> None:
    """What was thrown away comes back, or is gone by itself after its time."""
    client, drive = world.client, world.drive
    ids = [
        (await client.save_file_content(b"x", name=name, **drive)).file_id for name in ("p", "q")
    ]
    for file_id in ids:
        await client.wait_for(await client.recyclebin.trash(**drive, file_id=file_id))
    await client.wait_for(await client.recyclebin.restore(**drive, file_id=ids[0]))
    assert (await client.file.get(**drive, file_id=ids[0])).trashed_at is None
    world.emulator.clock.advance(2 * LONG_S)
    left = [one.file_id for one in await client.recyclebin.list(**drive).collect()]
    assert left == ([] if chosen.trash_life_s else [ids[1]])


async def delta_flow(world: Any, chosen: Settings) -> None:
    """Changes are followed from page to page; a cursor may grow too old."""
    file, drive = world.client.file, world.drive
    cursor = (await file.get_last_cursor(**drive)).cursor
    made = await world.client.save_file_content(b"x", name="delta", **drive)
    changes = file.list_delta(**drive, cursor=cursor, limit=1)
    assert {one.file_id for one in await changes.collect()} == {made.file_id}
    world.emulator.clock.advance(2 * LONG_S)
    late = file.list_delta(**drive, cursor=cursor)
    if chosen.cursor_life_s:
        with pytest.raises(BadRequest):
            await late.collect()
    else:
        assert await late.collect()


async def sharing_flow(world: Any, chosen: Settings) -> None:
    """Folders with people and by link; what is seen late, hidden or refused."""
    client, drive = world.client, world.drive
    folder = await client.create_folders("shared", **drive)
    member = {
        "identity": {"identity_id": "nobody", "identity_type": "IT_User"},
        "role_id": "SystemFileViewer",
    }
    sharing = client.file.add_permission(**drive, file_id=folder, member_list=[member])
    if chosen.unknown_members == "refused":
        with pytest.raises(NotFound):
            await sharing
    else:
        await sharing
        shown = await client.file.list_sharing_file().collect()
        assert len(shown) == (0 if chosen.sharing_delay_s else 1)
        world.emulator.clock.advance(LONG_S)
        assert len(await client.file.list_sharing_file().collect()) == 1
    link = await client.share_link.create(**drive, file_id_list=[folder])
    got = await client.share_link.get(share_id=link.share_id)
    assert got.drive_id == (None if chosen.share_drive_id == "missing" else drive["drive_id"])


async def preview_flow(world: Any, chosen: Settings) -> None:
    """A video that is not ready is asked for again."""
    client, drive = world.client, world.drive
    video = await client.save_file_content(b"v", name="v.mp4", **drive)
    play = client.file.get_video_preview_play_info
    which = {**drive, "file_id": video.file_id, "category": "quick_video"}
    first = await play(**which)
    assert first.code == ("VideoPreviewWaitAndRetry" if chosen.preview_delay_s else None)
    world.emulator.clock.advance(LONG_S)
    assert (await play(**which)).video_preview_play_info.quick_video_list


async def group_flow(world: Any, chosen: Settings) -> None:
    """A new name is a new name, whatever is answered."""
    group = (await world.client.group.create(group_name="old")).group_id
    assert await world.client.group.update_name(group_id=group, name="new") is None
    assert (await world.client.group.get(group_id=group)).group_name == "new"


# Each flow with the switches that it passes under.
NAMES = {"name_clash", "name_case", "name_lag_s", "rename_refused", "pre_check_lag_s"}
TASKS = {"tasks", "task_duration_s", "task_outcome", "task_life_s", "done_status"}
FLOWS: dict[Flow, set[str]] = {
    upload_flow: {
        "parallel_upload", "data_hash_name", "smallest_part", "upload_life_s",
        "upload_url_life_s", "wrong_crc64", "revisions", "name_lag_s",
    },
    parallel_flow: {"parallel_upload", "parallel_rules", "data_hash_name"},
    quota_flow: {"quota_status"},
    name_flow: NAMES,
    batch_flow: {"batch_order", "batch_answers", "batch_throttle"},
    delta_flow: {"cursor_life_s"},
    bin_flow: {"trash_life_s", *TASKS} - {"task_outcome"},
    sharing_flow: {"unknown_members", "sharing_delay_s", "share_drive_id"},
    preview_flow: {"preview_delay_s"},
    group_flow: {"group_renamed"},
    task_flow: TASKS,
}  # fmt: skip


@pytest.mark.parametrize("chosen", switched(), ids=said)
async def test_changes_under_each_setting(start: Any, chosen: Settings) -> None:
    """One switch at a time, so that a failure names it; everything in the usual positions."""
    different = {name for name, one in attrs.asdict(chosen).items() if one != USUAL[name]}
    flows = [flow for flow, switches in FLOWS.items() if not different or different & switches]
    assert flows, "a switch without a flow"
    async with start([], settings=chosen) as world:
        for flow in flows:
            await flow(world, chosen)


async def test_a_task_in_a_state_that_nobody_knows_goes_on(start: Any) -> None:
    """A word of tomorrow neither ends the waiting nor fails it; the end does."""
    async with start([]) as world:
        reply = await world.client.recyclebin.clear(**world.drive)
        for state in ("Queued", "", None, "Paused"):
            answer = {"async_task_id": reply.async_task_id, "state": state}
            world.emulator.faults.add("/async_task/get", Fault.json(answer))
        told: list[Any] = []
        assert (await world.client.wait_for(reply, progress=told.append)).state == "Succeed"
        assert [one.state for one in told] == ["Queued", None, None, "Paused", "Succeed"]


async def test_a_task_that_never_ends_is_given_up_at_the_deadline(start: Any) -> None:
    """The waiting ends, and the error does not say that the work failed."""
    async with start([], settings=Settings(task_duration_s=1e9)) as world:
        reply = await world.client.recyclebin.clear(**world.drive)
        before = world.emulator.clock.monotonic()
        with pytest.raises(DeadlineExceeded, match=reply.async_task_id):
            await world.client.wait_for(reply, deadline=120)
        assert 110 <= world.emulator.clock.monotonic() - before <= 130


@pytest.mark.parametrize("outcome", ["PartialSucceed", "Failed"])
async def test_a_task_that_did_not_do_all_is_an_error_in_every_form(
    start: Any, outcome: str
) -> None:
    """By awaiting the task, by the comforts, and by many at a time; never taken for success."""
    async with start([], settings=Settings(task_outcome=outcome)) as world:
        client, drive = world.client, world.drive
        one, other = (await client.create_folders(["a", "b"], **drive)).raise_first()
        results = await asyncio.gather(
            client.trash_files([one], **drive),
            client.copy_files([other], to_parent_file_id="root", **drive),
            client.clear_recycle_bin(),
            return_exceptions=True,
        )
        failures = [
            error
            for result in results
            for error in ([result] if isinstance(result, Exception) else result.failures.values())
        ]
        assert [type(error) for error in failures] == [TaskFailed] * 3
        assert {error.task.state for error in failures} == {outcome}
