"""Uploads that go on where an earlier run was: checkpoints, and what they belong to."""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import signal
import sys
import textwrap

import pytest

from pdsclient import Conflict, InvalidRequest, OutcomeUnknown, PermissionDenied
from pdsclient.emulator import Fault, Settings
from pdsclient.transfer import UploadCheckpoint

PART = 102_400


@pytest.fixture
def path(content, tmp_path):
    """A file of ten parts and a bit."""
    path = tmp_path / "a.bin"
    path.write_bytes(content(10 * PART + 1))
    return path


@pytest.fixture
def kept(tmp_path):
    """Where the checkpoint is."""
    return tmp_path / "a.ckpt"


async def break_off(ground, source, part=6, **options):
    """An upload that fails at a part, and is not dropped; the failed transfer."""
    fault = Fault.storage(403, "AccessDenied", "no")
    scripted = ground.emulator.faults.add(
        "/data", fault, times=None, when=lambda one: one.part_number == part
    )
    transfer = ground.client.upload(
        source, **{**ground.drive, "name": "a", "part_size": PART, **options}
    )
    with pytest.raises(PermissionDenied):
        await transfer
    ground.emulator.faults.remove(scripted)
    return transfer


async def unfinished(ground):
    """The uploads that are not complete."""
    listed = await ground.client.file.list(
        **ground.drive, parent_file_id="root", status="uploading"
    )
    return listed.items


@pytest.mark.parametrize("parallel", [False, True])
@pytest.mark.parametrize("form", ["path", "object"])
async def test_it_goes_on_without_sending_what_is_there(
    ground, content, path, kept, parallel, form
):
    """By a file, or by what the transfer says; the file is gone in the end."""
    options = {"parallel": parallel, "checkpoint": kept if form == "path" else None}
    first = await break_off(ground, path, **options)
    there = {one.number for one in ground.puts if one.status == 200}
    options["checkpoint"] = kept if form == "path" else first.checkpoint
    again = ground.client.upload(path, **ground.drive, name="a", part_size=PART, **options)
    file = await again
    assert await ground.content(file) == content(10 * PART + 1)
    assert ground.sent_twice() == []
    assert len(there) >= 5 - 4 * parallel
    assert again.progress.bytes_done == again.progress.bytes_total
    assert again.progress.parts_done == 11
    assert (again.checkpoint, kept.exists()) == (None, False)
    assert ground.asked("/file/create") == 1


async def test_another_part_size_does_not_matter(ground, content, path, kept):
    """What was begun decides; so does the kind of upload."""
    await break_off(ground, path, checkpoint=kept, parallel=False)
    again = ground.client.upload(
        path, **ground.drive, name="a", part_size=2 * PART, parallel=True, checkpoint=kept
    )
    file = await again
    assert again.progress.parts_done == again.progress.parts_total == 11
    assert await ground.content(file) == content(10 * PART + 1)
    assert ground.sent_twice() == []


@pytest.mark.parametrize("kind", ["bytes", "file"])
async def test_other_sources_can_be_gone_on_with(ground, content, path, kept, kind):
    """Bytes are known by what they are, a file object by where it stands."""
    with path.open("rb") as file:
        source = {"bytes": content(10 * PART + 1), "file": file}[kind]
        await break_off(ground, source, checkpoint=kept)
        if kind == "file":
            file.seek(0)
        made = await ground.client.upload(
            source, **ground.drive, name="a", part_size=PART, checkpoint=kept
        )
    assert await ground.content(made) == content(10 * PART + 1)
    assert ground.sent_twice() == []


async def test_the_file_is_private_and_holds_no_secret(ground, path, kept):
    """What it says is what was asked for, and the ids that the service gave."""
    await break_off(ground, path, checkpoint=kept)
    text = kept.read_text()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert "Signature" not in text
    assert "http" not in text.replace(ground.emulator.api_endpoint, "")
    assert ground.emulator.token_info.access_token not in text
    told = json.loads(text)
    assert (told["format"], told["version"]) == ("pdsclient upload", 1)


async def test_a_checkpoint_travels(ground, content, path):
    """To another process, by pickle."""
    first = await break_off(ground, path)
    checkpoint = pickle.loads(pickle.dumps(first.checkpoint))
    assert isinstance(checkpoint, UploadCheckpoint)
    file = await ground.client.upload(
        path, **ground.drive, name="a", part_size=PART, checkpoint=checkpoint
    )
    assert await ground.content(file) == content(10 * PART + 1)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"name": "b"}, "its destination is a in root of drive 1 .*, not b in root"),
        ({"parent_file_id": "other"}, "its destination"),
        ({"file_id": "f1"}, "as a version of f1"),
        ({"source": b"x" * PART}, "its source is path .*a.bin, not bytes"),
    ],
)
async def test_it_belongs_to_one_source_and_one_place(ground, path, kept, change, told):
    """Another one is refused, and the checkpoint stays."""
    await break_off(ground, path, checkpoint=kept)
    asked = len(ground.emulator.requests)
    options = {"source": path, "name": "a", "checkpoint": kept, **ground.drive, **change}
    with pytest.raises(InvalidRequest, match=f"belongs to another upload: .*{told}"):
        await ground.client.upload(options.pop("source"), **options)
    assert kept.exists()
    assert len(ground.emulator.requests) == asked


async def test_a_source_that_changed_begins_anew(ground, content, path, kept):
    """What was begun for the old one is dropped."""
    await break_off(ground, path, checkpoint=kept)
    path.write_bytes(content(10 * PART + 1, seed=1))
    file = await ground.client.upload(
        path, **ground.drive, name="a", part_size=PART, checkpoint=kept
    )
    assert await ground.content(file) == content(10 * PART + 1, seed=1)
    assert await unfinished(ground) == []


async def test_an_upload_that_was_reclaimed_begins_anew(ground, content, path, kept):
    """The service keeps them for days only."""
    await break_off(ground, path, checkpoint=kept)
    await ground.emulator.drop_uploads()
    file = await ground.client.upload(
        path, **ground.drive, name="a", part_size=PART, checkpoint=kept
    )
    assert await ground.content(file) == content(10 * PART + 1)


@pytest.mark.parametrize("mode", ["refuse", "overwrite"])
async def test_an_upload_that_was_complete_is_found(ground, content, path, kept, mode):
    """The run before ended between the completion and the removal of its checkpoint."""
    if mode == "overwrite":
        await ground.add("a", b"old")
    options = {"check_name_mode": mode, "part_size": PART, "checkpoint": kept, "name": "a"}
    await break_off(ground, path, **options)
    saved = kept.read_bytes()
    first = await ground.client.upload(path, **ground.drive, **options)
    kept.write_bytes(saved)
    sent = len(ground.puts)
    again = ground.client.upload(path, **ground.drive, **options)
    file = await again
    assert (file.file_id, again.outcome) == (first.file_id, "uploaded")
    assert (len(ground.puts), ground.asked("/file/create")) == (sent, 1 + (mode == "overwrite"))
    assert await ground.content(file) == content(10 * PART + 1)


async def test_a_file_that_others_put_to_use_is_not_dropped(ground, content, path, kept):
    """It was completed, and has another content by now."""
    await break_off(ground, path, checkpoint=kept)
    saved = kept.read_bytes()
    options = {"part_size": PART, "checkpoint": kept, "name": "a", **ground.drive}
    first = await ground.client.upload(path, **options)
    await ground.client.upload(b"newer", **ground.drive, name="a", file_id=first.file_id)
    kept.write_bytes(saved)
    again = await ground.client.upload(path, **options, check_name_mode="auto_rename")
    assert again.file_id != first.file_id
    assert await ground.content(first) == b"newer"


@pytest.mark.parametrize("processed", [False, True])
@pytest.mark.parametrize("rapid", [False, True])
async def test_a_run_that_was_killed_while_it_created_is_gone_on_with(
    ground, content, path, kept, processed, rapid
):
    """The checkpoint says that a file may be there; it is looked for."""
    if rapid:
        await ground.add("known", content(10 * PART + 1))
    ground.emulator.faults.add(
        "/file/create", Fault.reset(processed=processed), times=1, after=rapid
    )
    options = {"part_size": PART, "checkpoint": kept, "name": "a", **ground.drive}
    view = ground.client.with_options(retries=0)
    with pytest.raises(Exception, match="connection"):
        await view.upload(path, **options)
    told = json.loads(kept.read_bytes())["checkpoint"]
    assert told["begun"] is None
    assert (told["content_hash"] is not None) is rapid
    again = ground.client.upload(path, **options)
    file = await again
    assert again.outcome == ("rapid" if rapid else "uploaded")
    assert await ground.content(file) == content(10 * PART + 1)
    listed = await ground.client.file.list(**ground.drive, parent_file_id="root")
    assert len(listed.items) == 1 + rapid
    assert await unfinished(ground) == []


async def test_a_hash_is_not_computed_twice(ground, content, path, kept):
    """It is in the checkpoint, with the stamp of what it is of."""
    await ground.add("known", content(3000) + content(10 * PART - 2999, seed=1))
    head = path.read_bytes()
    path.write_bytes(content(3000) + head[3000:])
    first = await break_off(ground, path, checkpoint=kept)
    assert first.checkpoint.content_hash is not None
    await ground.emulator.drop_uploads()
    await ground.client.upload(path, **ground.drive, name="a", part_size=PART, checkpoint=kept)
    *_, last = [one.data for one in ground.emulator.requests.of("/file/create")]
    assert last["content_hash"] == first.checkpoint.content_hash
    assert ground.asked("/file/create") == 3


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"", "it is no checkpoint of an upload"),
        (b"\xff\x00", "it is no checkpoint of an upload"),
        (b'{"format": "other"}', "it is no checkpoint of an upload"),
        (b'{"format": "pdsclient upload", "version": 2}', "written in version 2"),
        (b'{"format": "pdsclient upload", "version": 1}', "it is damaged"),
    ],
)
async def test_what_is_no_checkpoint_is_refused(ground, path, kept, text, told):
    """It is somebody's file, and stays as it is."""
    kept.write_bytes(text)
    with pytest.raises(InvalidRequest, match=told):
        await ground.client.upload(path, **ground.drive, checkpoint=kept)
    assert kept.read_bytes() == text
    assert len(ground.emulator.requests) == 0


async def test_it_needs_a_folder(ground, path, tmp_path):
    """Nothing is created before it is written."""
    with pytest.raises(InvalidRequest, match="there is no folder"):
        await ground.client.upload(path, **ground.drive, checkpoint=tmp_path / "no" / "c")
    with pytest.raises(InvalidRequest, match="cannot be used: Is a directory"):
        await ground.client.upload(path, **ground.drive, checkpoint=tmp_path)
    assert ground.asked("/file/create") == 0


async def test_a_full_disk_keeps_the_checkpoint_before(ground, path, kept):
    """And the error is that of the system."""
    await break_off(ground, path, checkpoint=kept)
    saved = kept.read_bytes()

    class Full:
        def __getattr__(self, name):
            return getattr(os, name)

        def pwritev(self, *_):
            raise OSError(28, "No space left on device")

    fields = {"token_info": ground.emulator.token_info}
    async with ground.world.connect({"file_system": Full()}, **fields) as client:
        os.utime(path, (1, 1))
        with pytest.raises(OSError, match="No space left"):
            await client.upload(path, **ground.drive, name="a", checkpoint=kept)
    assert kept.read_bytes() == saved


async def test_a_refused_creation_leaves_nothing_to_go_on_with(ground, content, kept):
    """The next run is refused in the same way, also if the file that is there is the same."""
    for size in (10, 10 * PART + 1):
        await ground.add(f"{size}", content(size))
        for _ in range(2):
            with pytest.raises(Conflict):
                await ground.client.upload(
                    content(size), **ground.drive, name=f"{size}", part_size=PART, checkpoint=kept
                )
            assert not kept.exists()


async def test_a_name_that_was_taken_meanwhile_leaves_nothing_to_go_on_with(ground, content, kept):
    """A run was killed while it created the file, and had not done it."""
    view = ground.client.with_options(retries=0)
    options = {**ground.drive, "name": "a", "rapid_upload": False, "checkpoint": kept}
    ground.emulator.faults.add("/file/create", Fault.reset(), times=1)
    with pytest.raises(OutcomeUnknown):
        await view.upload(content(10), **options)
    assert kept.exists()
    await ground.add("a", b"other")
    with pytest.raises(Conflict):
        await view.upload(content(10), **options)
    assert not kept.exists()


async def test_a_hash_that_took_its_time_outlives_a_refused_creation(ground, content, kept):
    """But nothing was created, and nothing is looked for."""
    data = content(10 * PART)
    await ground.add("known", data)
    refusal = Fault.status(403, "Forbidden", "no")
    ground.emulator.faults.add("/file/create", refusal, after=1, times=1)
    options = {**ground.drive, "name": "a", "part_size": PART, "checkpoint": kept}
    with pytest.raises(PermissionDenied):
        await ground.client.upload(data, **options)
    assert kept.exists()
    again = ground.client.upload(data, **options)
    await again
    assert again.outcome == "rapid"
    assert (ground.asked("/file/create"), ground.asked("/file/list")) == (3, 0)


KILLED = """
import asyncio, sys
from pdsclient import AsyncPDSClient

async def main(endpoint, token, path, kept, parallel):
    async with AsyncPDSClient(api_endpoint=endpoint, token_info={"access_token": token}) as client:
        transfer = client.upload(
            path, drive_id="1", part_size=102_400, checkpoint=kept, parallel=parallel == "True",
            bandwidth=3e6, rapid_upload=False, check_name_mode="refuse",
        )
        await transfer

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize(("parallel", "instants"), [(False, (1, 9)), (True, (7,))])
async def test_a_process_that_is_killed_is_gone_on_with(
    start, content, tmp_path, parallel, instants
):
    """At whatever instant: the bytes are the same, and no part that had arrived is sent again."""
    path, kept = tmp_path / "a.bin", tmp_path / "c"
    path.write_bytes(content(20 * PART))
    async with start(settings=Settings(parallel_rules="strict")) as ground:
        arguments = [
            ground.emulator.api_endpoint, ground.emulator.token_info.access_token,
            str(path), str(kept), str(parallel),
        ]  # fmt: skip
        for seen in instants:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", textwrap.dedent(KILLED), *arguments
            )
            while sum(one.status == 200 for one in ground.puts) < seen:
                assert process.returncode is None
                await asyncio.sleep(0.002)
            process.send_signal(signal.SIGKILL)
            await process.wait()
        file = await ground.client.upload(
            path, **ground.drive, part_size=PART, checkpoint=kept, parallel=parallel
        )
        assert await ground.content(file) == content(20 * PART)
        assert ground.sent_twice() == []
        assert await unfinished(ground) == []
        assert not kept.exists()
