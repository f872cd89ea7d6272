"""Many files as one archive."""

from __future__ import annotations

import zipfile

import pytest

from pdsclient import DeadlineExceeded, InvalidRequest, TaskFailed
from pdsclient.emulator import Fault


def held(path) -> dict[str, bytes]:
    """What a zip file has."""
    with zipfile.ZipFile(path) as archive:
        return {one.filename: archive.read(one) for one in archive.infolist() if not one.is_dir()}


@pytest.fixture
async def files(ground, content):
    """A file, and a folder with one."""
    one = await ground.add("a.bin", content(3_000))
    folder = await ground.add_folder("inner")
    await ground.add("b.txt", b"bbb", parent_file_id=folder)
    ground.emulator.requests.clear()
    return [one, folder]


async def test_an_archive_is_made_and_fetched(ground, content, tmp_path, files, files_in):
    """The task is waited for; the file appears when it is whole."""
    transfer = ground.client.download_archive(files, tmp_path / "all.zip", **ground.drive)
    assert await transfer == tmp_path / "all.zip"
    assert held(tmp_path / "all.zip") == {"a.bin": content(3_000), "inner/b.txt": b"bbb"}
    assert list(files_in(tmp_path)) == ["all.zip"]
    assert (transfer.outcome, transfer.progress.files_done) == ("downloaded", 1)
    (asked,) = ground.emulator.requests.of("/file/archive_files")
    assert asked.data["name"] == "all.zip"


async def test_a_directory_gets_it_under_its_name(ground, tmp_path, files):
    """With the extension of what it is; another name is found on demand."""
    for wanted in ("photos.zip", "photos (1).zip"):
        path = await ground.client.download_archive(
            files, tmp_path, name="photos", check_name_mode="auto_rename", **ground.drive
        )
        assert path == tmp_path / wanted
    path = await ground.client.download_archive(
        files, f"{tmp_path}/new/", name="x.ZIP", **ground.drive
    )
    assert path == tmp_path / "new" / "x.ZIP"


async def test_nothing_is_begun_if_the_name_is_taken(ground, tmp_path, files):
    """Making an archive takes the service minutes."""
    target = tmp_path / "all.zip"
    target.write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        await ground.client.download_archive(files, target, **ground.drive)
    with pytest.raises(InvalidRequest, match="name is missing"):
        await ground.client.download_archive(files, tmp_path, **ground.drive)
    assert len(ground.emulator.requests) == 0
    await ground.client.download_archive(files, target, check_name_mode="overwrite", **ground.drive)
    assert zipfile.is_zipfile(target)


async def test_its_url_is_renewed_by_another_look_at_the_task(ground, content, tmp_path, files):
    """And a broken line is overcome as with any content."""
    ground.emulator.faults.add("/data", Fault.truncate(1000))
    ground.emulator.faults.add("/data", Fault.expired())
    await ground.client.download_archive(files, tmp_path / "all.zip", **ground.drive)
    assert held(tmp_path / "all.zip")["a.bin"] == content(3_000)


async def test_the_size_may_be_unknown(ground, content, tmp_path, files):
    """Some deployments tell nothing but the URL; the storage tells the rest."""
    task_id = (await ground.client.file.archive_files(
        **ground.drive, file_ids=[one if isinstance(one, str) else one.file_id for one in files],
        name="all.zip",
    )).async_task_id  # fmt: skip
    ground.emulator.clock.advance(3600)
    done = await ground.client.async_task.get(async_task_id=task_id)
    told = Fault.json({"state": "Succeed", "async_task_id": task_id, "url": done.url})
    ground.emulator.faults.add("/async_task/get", told, times=None)
    await ground.client.download_archive(files, tmp_path / "all.zip", **ground.drive)
    assert held(tmp_path / "all.zip")["a.bin"] == content(3_000)


async def test_an_archive_that_is_done_at_once_needs_no_task(ground, content, tmp_path, files):
    """A reply without a task has the URL itself."""
    await ground.client.download_archive(files, tmp_path / "all.zip", **ground.drive)
    task = ground.emulator.requests.of("/async_task/get")[-1].data["async_task_id"]
    done = await ground.client.async_task.get(async_task_id=task)
    ground.emulator.faults.add("/file/archive_files", Fault.json({"url": done.url}))
    await ground.client.download_archive(files, tmp_path / "again.zip", **ground.drive)
    assert held(tmp_path / "again.zip") == held(tmp_path / "all.zip")


async def test_a_failed_task_is_an_error(start, tmp_path, files_in):
    """Nothing is left here."""
    async with start() as ground:
        one = await ground.add("a", b"abc")
        failed = Fault.json({"state": "Failed", "error_code": "X", "error_message": "no"})
        ground.emulator.faults.add("/async_task/get", failed)
        with pytest.raises(TaskFailed):
            await ground.client.download_archive([one], tmp_path / "all.zip")
        running = Fault.json({"state": "Running"})
        ground.emulator.faults.add("/async_task/get", running, times=None)
        with pytest.raises(DeadlineExceeded):
            await ground.client.download_archive([one], tmp_path / "all.zip", deadline=60)
    assert files_in(tmp_path) == {}


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"files": []}, "files must be 1 to 500"),
        ({"files": "f"}, "for a single one write"),
        ({"files": ["f"] * 501}, "files must be 1 to 500"),
        ({"drive_id": None}, "drive_id or share_id"),
        ({"target": "into/"}, "name is missing"),
        ({"target": 7}, "target must be a path"),
        ({"check_name_mode": "skip"}, "check_name_mode must be one of refuse"),
        ({"deadline": 0}, "deadline must be"),
        ({"name": ""}, "name must not be empty"),
        ({"bandwidth": -1}, "bandwidth must be"),
    ],
)
async def test_wrong_arguments_are_refused(nowhere, arguments, word):
    """Where the call is written."""
    given = {"files": ["f"], "target": "all.zip", "drive_id": "1", **arguments}
    with pytest.raises(InvalidRequest, match=word):
        nowhere.download_archive(**given)


async def test_files_of_two_drives_do_not_go_together(ground, files):
    """The message says what to do."""

    class Elsewhere:
        file_id, drive_id = "f", "2"

    with pytest.raises(InvalidRequest, match="make several"):
        ground.client.download_archive([files[0], Elsewhere()], "all.zip")
