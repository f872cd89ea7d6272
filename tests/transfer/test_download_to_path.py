"""Downloads into files: names, what is there already, what the file looks like in the end."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from pdsclient import InvalidRequest, NotFound, PermissionDenied
from pdsclient.emulator import Fault

PART = 102_400
SIZE = 5 * PART + 7


class Meddler:
    """A file system in which something happens just before a function is called."""

    def __init__(self, name, happen):
        self._name, self._happen = name, happen

    def __getattr__(self, name):
        function = getattr(os, name)
        if name != self._name:
            return function

        def meddled(*args, **options):
            self._happen()
            return function(*args, **options)

        return meddled


@pytest.fixture
async def meddled(ground):
    """Makes clients with a file system in which something happens."""
    made = []

    def make(name, happen):
        machinery = {"file_system": Meddler(name, happen)}
        made.append(ground.world.connect(machinery, token_info=ground.emulator.token_info))
        return made[-1]

    yield make
    for client in made:
        await client.aclose()


def changed(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


async def test_a_content_arrives_in_ranges(ground, content, tmp_path, files_in):
    """All of it, each range once, and nothing else is left beside it."""
    file = await ground.add("a.bin", content(SIZE))
    path = await ground.client.download(file, tmp_path / "b.bin", part_size=PART)
    assert path == tmp_path / "b.bin"
    assert path.read_bytes() == content(SIZE)
    assert files_in(tmp_path) == {"b.bin": SIZE}
    asked = sorted(one.first for one in ground.gets)
    assert asked == [0, PART, 2 * PART, 3 * PART, 4 * PART, 5 * PART]


@pytest.mark.parametrize("size", [1, PART - 1, PART, PART + 1, 3 * PART])
async def test_every_size_arrives(ground, content, tmp_path, files_in, size):
    """Also those around the size of a range; what fits into one is asked for as a whole."""
    file = await ground.add("a.bin", content(size))
    path = await ground.client.download(file, tmp_path / "a.bin", part_size=PART)
    assert path.read_bytes() == content(size)
    assert files_in(tmp_path) == {"a.bin": size}
    if size <= PART:
        assert ground.gets == [(None, None, 200)]


async def test_an_empty_file_asks_for_nothing(ground, tmp_path, files_in):
    """Where its size is known; elsewhere the service is asked, and the storage is not."""
    file = await ground.add("empty")
    ground.emulator.requests.clear()
    await ground.client.download(file, tmp_path / "a")
    assert len(ground.emulator.requests) == 0
    await ground.client.download(file.file_id, tmp_path / "b", **ground.drive)
    assert (ground.gets, files_in(tmp_path)) == ([], {"a": 0, "b": 0})


async def test_what_the_service_says_of_a_file_is_enough(ground, content, tmp_path):
    """One question for the URL; with an id alone another one."""
    file = await ground.add("a", content(100))
    ground.emulator.requests.clear()
    await ground.client.download(file, tmp_path / "a")
    assert (ground.asked("/file/get"), ground.asked("/file/get_download_url")) == (0, 1)
    await ground.client.download(file.file_id, tmp_path / "b", **ground.drive)
    assert (ground.asked("/file/get"), ground.asked("/file/get_download_url")) == (1, 2)


class TestPlaces:
    """Where the file goes."""

    async def test_a_directory_gets_it_under_its_name(self, ground, content, tmp_path):
        """One that exists, and one that is named as such, which is made."""
        file = await ground.add("a.txt", content(9))
        assert await ground.client.download(file, tmp_path) == tmp_path / "a.txt"
        path = await ground.client.download(file.file_id, f"{tmp_path}/new/", **ground.drive)
        assert path == tmp_path / "new" / "a.txt"
        assert path.read_bytes() == content(9)

    @pytest.mark.parametrize("name", ["..", "a\\b", "a\nb", "CON", "x" * 250 + ".tar"])
    async def test_unsafe_names_are_made_safe(self, ground, tmp_path, files_in, name):
        """Nothing is written outside of the directory."""
        file = await ground.add("a", b"abc")
        file = type(file)(
            **{one: getattr(file, one) for one in ("drive_id", "file_id", "size", "type")},
            name=name,
        )
        (tmp_path / "into").mkdir()
        path = await ground.client.download(file, tmp_path / "into")
        assert path.parent == tmp_path / "into"
        assert path.name != name or len(name) > 200
        assert files_in(tmp_path) == {f"into/{path.name}": 3}

    async def test_the_home_directory_may_be_abbreviated(
        self, ground, tmp_path, monkeypatch, files_in
    ):
        """As shells do."""
        monkeypatch.setenv("HOME", str(tmp_path))
        await ground.client.download(await ground.add("a", b"abc"), "~/b")
        assert files_in(tmp_path) == {"b": 3}

    async def test_a_folder_that_is_missing_is_an_error(self, ground, tmp_path):
        """It is that of the system, and nothing was fetched."""
        file = await ground.add("a", b"abc")
        with pytest.raises(FileNotFoundError) as caught:
            await ground.client.download(file, tmp_path / "no" / "a")
        assert caught.value.filename == str(tmp_path / "no" / "a")
        assert ground.gets == []

    async def test_what_is_called_a_directory_has_to_be_one(self, ground, tmp_path):
        """A file in its place is not overwritten."""
        file = await ground.add("a", b"abc")
        (tmp_path / "b").write_bytes(b"mine")
        with pytest.raises(NotADirectoryError):
            await ground.client.download(file, f"{tmp_path}/b/", check_name_mode="overwrite")
        assert (tmp_path / "b").read_bytes() == b"mine"

    async def test_a_name_as_long_as_it_can_be_has_a_part_file(
        self, ground, content, tmp_path, files_in
    ):
        """Its own name leaves no room for the end of that of the unfinished one."""
        file = await ground.add("a", content(9))
        await ground.client.download(file, tmp_path / ("x" * 255))
        assert files_in(tmp_path) == {"x" * 255: 9}
        path = await ground.client.download(
            file, tmp_path / ("x" * 255), check_name_mode="auto_rename"
        )
        assert len(path.name) <= 255


class TestModes:
    """When there is such a file already."""

    async def test_it_is_refused_before_anything_is_asked(self, ground, tmp_path):
        """Also a symbolic link that leads nowhere has the name."""
        file = await ground.add("a", b"abc")
        (tmp_path / "a").write_bytes(b"mine")
        (tmp_path / "b").symlink_to("nowhere")
        ground.emulator.requests.clear()
        for name in ("a", "b"):
            with pytest.raises(FileExistsError) as caught:
                await ground.client.download(file.file_id, tmp_path / name, **ground.drive)
            assert caught.value.filename == str(tmp_path / name)
        with pytest.raises(FileExistsError):
            await ground.client.download(file, tmp_path)
        assert len(ground.emulator.requests) == 0
        assert (tmp_path / "a").read_bytes() == b"mine"

    async def test_it_is_refused_also_when_it_comes_meanwhile(
        self, ground, content, tmp_path, meddled
    ):
        """What somebody else wrote stays, and what was fetched serves a later run."""
        file = await ground.add("a", content(SIZE))
        target = tmp_path / "a"
        client = meddled("chmod", lambda: target.write_bytes(b"mine"))
        with pytest.raises(FileExistsError):
            await client.download(file, target, part_size=PART)
        assert target.read_bytes() == b"mine"
        ground.emulator.requests.clear()
        await ground.client.download(file, target, part_size=PART, check_name_mode="overwrite")
        assert (target.read_bytes(), ground.gets) == (content(SIZE), [])

    async def test_it_is_overwritten_in_one_step(self, ground, content, tmp_path, files_in):
        """A link is replaced; where it leads to nothing is changed."""
        file = await ground.add("a", content(99))
        (tmp_path / "old").write_bytes(b"mine")
        (tmp_path / "link").symlink_to("old")
        await ground.client.download(file, tmp_path / "link", check_name_mode="overwrite")
        assert files_in(tmp_path) == {"link": 99, "old": 4}
        assert not (tmp_path / "link").is_symlink()

    async def test_what_is_the_same_is_skipped(self, ground, content, tmp_path):
        """By its time, or by its content; what differs is overwritten."""
        file = await ground.add("a", content(99))
        target = tmp_path / "a"
        await ground.client.download(file, target)
        skipping = {"target": target, "check_name_mode": "skip"}
        for modified in (None, 1_000_000_000):
            if modified is not None:
                os.utime(target, (modified, modified))
            transfer = ground.client.download(file, **skipping)
            assert await transfer == target
            assert (transfer.outcome, transfer.progress.files_skipped) == ("skipped", 1)
        target.write_bytes(content(99, seed=1))
        transfer = ground.client.download(file, **skipping)
        await transfer
        assert (transfer.outcome, target.read_bytes()) == ("downloaded", content(99))
        assert len(ground.gets) == 2

    async def test_another_name_is_found(self, ground, content, tmp_path, files_in):
        """The first that is free, with the extension at its end."""
        file = await ground.add("a.txt", content(9))
        for wanted in ("a.txt", "a (1).txt", "a (2).txt"):
            path = await ground.client.download(file, tmp_path, check_name_mode="auto_rename")
            assert path == tmp_path / wanted
        assert len(files_in(tmp_path)) == 3

    async def test_another_name_is_found_also_at_the_end(self, ground, content, tmp_path, meddled):
        """When somebody has taken the name meanwhile."""
        file = await ground.add("a", content(SIZE))
        client = meddled("chmod", lambda: (tmp_path / "a").write_bytes(b"mine"))
        path = await client.download(file, tmp_path / "a", check_name_mode="auto_rename")
        assert path == tmp_path / "a (1)"
        assert (tmp_path / "a").read_bytes() == b"mine"

    async def test_two_at_once_into_one_file_are_refused(self, ground, content, tmp_path):
        """The second one, with a word that says why; another name is free for it."""
        file = await ground.add("a", content(SIZE))
        first = ground.client.download(file, tmp_path / "a", part_size=PART)
        ground.emulator.faults.add("/data", Fault.delay(0.05), times=None)
        first.start()
        while not ground.gets:
            await asyncio.sleep(0.005)
        with pytest.raises(BlockingIOError, match="another download"):
            await ground.client.download(file, tmp_path / "a")
        path = await ground.client.download(file, tmp_path / "a", check_name_mode="auto_rename")
        assert path == tmp_path / "a (1)"
        await first
        assert (tmp_path / "a").read_bytes() == path.read_bytes() == content(SIZE)


class TestResult:
    """What the file looks like."""

    async def test_it_has_the_time_that_the_uploader_said(self, ground, tmp_path):
        """To the second and below; else that of the last change in the drive."""
        file = await ground.add("a", b"abc", local_modified_at="2021-02-03T04:05:06.789Z")
        path = await ground.client.download(file, tmp_path / "a")
        assert changed(path) == file.local_modified_at
        file = await ground.add("b", b"abc", updated_at="2022-02-03T04:05:06Z")
        path = await ground.client.download(file, tmp_path / "b")
        assert changed(path) == file.updated_at

    async def test_others_may_read_it_only_when_it_is_whole(
        self, ground, content, tmp_path, meddled
    ):
        """Before, it is its owner's; then it has the usual permissions."""
        file = await ground.add("a", content(SIZE))
        modes = []

        def look() -> None:
            modes.append(stat.S_IMODE((tmp_path / "a.part").stat().st_mode))

        await meddled("pwritev", look).download(file, tmp_path / "a", part_size=PART)
        (tmp_path / "usual").touch()
        assert set(modes) == {0o600}
        assert (tmp_path / "a").stat().st_mode == (tmp_path / "usual").stat().st_mode

    async def test_it_is_on_the_disk_before_it_has_its_name(self, ground, tmp_path, meddled):
        """If that was asked for: the content, then the name, then the directory."""
        named = []
        client = meddled("fsync", lambda: named.append((tmp_path / "a").exists()))
        file = await ground.add("a", b"abc")
        await client.download(file, tmp_path / "a", durable=True)
        await client.download(file, tmp_path / "b")
        assert named == [False, True]

    async def test_progress_tells_bytes_and_ranges(self, ground, content, tmp_path):
        """All of them at the end."""
        file = await ground.add("a", content(SIZE))
        transfer = ground.client.download(file, tmp_path / "a", part_size=PART)
        assert str(transfer.progress) == "0 B, 0 B/s, waiting"
        await transfer
        last = transfer.progress
        assert (last.state, transfer.outcome) == ("done", "downloaded")
        assert (last.bytes_done, last.bytes_total) == (SIZE, SIZE)
        assert (last.parts_done, last.parts_total) == (6, 6)
        assert (last.files_done, last.files_total) == (1, 1)


class TestRevisions:
    """Old versions of a file."""

    async def test_a_revision_is_downloaded(self, ground, content, tmp_path):
        """With its own size; the time of the newest one is not its."""
        client = ground.client
        old = await client.save_file_content(content(500), name="a", **ground.drive)
        new = await client.save_file_content(
            content(70), name="a", check_name_mode="overwrite", **ground.drive
        )
        path = await client.download(new, tmp_path / "old", revision_id=old.revision_id)
        assert path.read_bytes() == content(500)
        path = await client.download(old, tmp_path / "new")
        assert path.read_bytes() == content(70)

    async def test_a_file_that_is_gone_is_told(self, ground, tmp_path, files_in):
        """Nothing is left of the attempt."""
        with pytest.raises(NotFound):
            await ground.client.download("0" * 40, tmp_path / "a", **ground.drive)
        assert files_in(tmp_path) == {}


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"drive_id": None}, "drive_id or share_id"),
        ({"target": ""}, "target must be a path"),
        ({"target": b"a"}, "target must be a path or an object"),
        ({"target": "a\0b"}, "target must be a path"),
        ({"target": 7}, "target must be a path or an object"),
        ({"check_name_mode": "ignore"}, "check_name_mode must be one of refuse"),
        ({"part_size": 7}, "part_size must be from 102,400"),
        ({"concurrency": 0}, "concurrency must be from 1"),
        ({"bandwidth": 0}, "bandwidth must be more than 0"),
        ({"resume": None}, "resume must be True or False"),
        ({"durable": 1}, "durable must be True or False"),
        ({"revision_id": ""}, "revision_id"),
    ],
)
async def test_wrong_arguments_are_refused_where_they_are_written(nowhere, arguments, word):
    """Before anything is begun."""
    with pytest.raises(InvalidRequest, match=word):
        nowhere.download(**{"file": "f", "target": "a", "drive_id": "1", **arguments})


async def test_a_folder_is_no_file(ground, tmp_path):
    """The message names what takes folders."""
    folder = await ground.add_folder("photos")
    with pytest.raises(InvalidRequest, match="download_tree"):
        await ground.client.download(folder, tmp_path / "a", **ground.drive)


async def test_too_little_space_is_found_before_anything_is_fetched(
    ground, content, tmp_path, files_in
):
    """The message has the numbers, and nothing is left."""

    class Full(Meddler):
        def statvfs(self, path):
            return SimpleNamespace(f_bavail=5, f_frsize=100, f_blocks=9)

    client = ground.world.connect(
        {"file_system": Full("", print)}, token_info=ground.emulator.token_info
    )
    file = await ground.add("a", content(1000))
    async with client:
        with pytest.raises(OSError, match=r"1,\d{3} bytes are needed and 500 are free") as caught:
            await client.download(file, tmp_path / "a")
    assert caught.value.errno == errno.ENOSPC
    assert (ground.gets, files_in(tmp_path)) == ([], {})


@pytest.mark.parametrize("size", [PART, 11 * PART])
async def test_python_may_be_too_slow_for_checksums(
    ground, content, tmp_path, files_in, monkeypatch, size
):
    """Then only short contents get one; without one no later run could trust what is there."""
    monkeypatch.setattr("pdsclient.transfer._download_moving.is_fast", lambda: False)
    file = await ground.add("a", content(size))
    ground.emulator.faults.add("/data", Fault.status(403), after=2)
    target = tmp_path / "a"
    if size > PART:
        with pytest.raises(PermissionDenied):
            await ground.client.download(file, target, part_size=PART, concurrency=1)
        assert files_in(tmp_path) == {}
    else:
        ground.emulator.faults.clear()
        ground.emulator.faults.add("/data", Fault.corrupt(3))
    path = await ground.client.download(file, target, part_size=PART)
    assert path.read_bytes() == content(size)
