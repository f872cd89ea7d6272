"""Folders of a drive into directories: all of it, each name apart, and nothing outside."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from pdsclient import InvalidRequest, NotFound, PermissionDenied
from pdsclient.emulator import Fault, Settings
from pdsclient.errors import DecodeError
from pdsclient.models import File
from pdsclient.transfer.tree_tally import STREAK

FILES = {
    "a.txt": b"first",
    "empty.txt": b"",
    "folder/b.txt": b"second",
    "folder/deep/c.txt": b"third",
    "hollow": None,
}


async def fill(ground: Any, files: Mapping[str, bytes | None]) -> None:
    """Put files into the drive; None stands for a folder."""
    rows = [
        {"path": path, "type": "folder"} if data is None else {"path": path, "content": data}
        for path, data in files.items()
    ]
    await ground.emulator.add_files(rows)


def on_disk(top: Path) -> dict[str, bytes | None]:
    """What a directory holds, at any depth; None stands for an empty directory."""
    found: dict[str, bytes | None] = {}
    for path in top.rglob("*"):
        name = path.relative_to(top).as_posix()
        if not path.is_dir():
            found[name] = path.read_bytes()
        elif not any(path.iterdir()):
            found[name] = None
    return found


def paths(items: list[Any]) -> dict[str, str]:
    """What became of each path: the action, or why it was left."""
    return {one.path: one.reason or one.action for one in items}


def errors(report: Any) -> dict[str, type]:
    """What each path failed with."""
    return {one.path: type(one.error) for one in report.failed}


@pytest.fixture
def down(ground, tmp_path):
    """Downloads the top of the drive into the directory ``tree``."""

    def down(**options: Any):
        return ground.client.download_tree("root", tmp_path / "tree", **ground.drive, **options)

    return down


class TestWholeTrees:
    """What is there is here afterwards."""

    async def test_a_tree_arrives_with_all_its_folders(self, ground, down, tmp_path):
        """Also the empty ones; and the directory itself is made."""
        await fill(ground, FILES)
        report = await down()
        assert on_disk(tmp_path / "tree") == FILES
        assert paths(report.done) == {path: "downloaded" for path in FILES if "." in path}
        assert (report.folders_made, report.skipped, report.failed) == (4, [], [])
        assert report.bytes == sum(map(len, filter(None, FILES.values())))

    async def test_any_folder_can_be_meant(self, ground, tmp_path):
        """By its id, or by what a reply told; a file cannot."""
        await fill(ground, FILES)
        folder = await ground.client.file.get_by_path(**ground.drive, file_path="/folder")
        for number, one in enumerate((folder, folder.file_id)):
            await ground.client.download_tree(one, tmp_path / str(number), **ground.drive)
            assert on_disk(tmp_path / str(number)) == {"b.txt": b"second", "deep/c.txt": b"third"}
        file = await ground.client.file.get_by_path(**ground.drive, file_path="/a.txt")
        with pytest.raises(InvalidRequest, match="is a file"):
            ground.client.download_tree(file, tmp_path / "x")

    async def test_a_second_run_moves_only_what_differs(self, ground, down, tmp_path):
        """It needs no checksum: each file has the time of the drive."""
        await fill(ground, FILES)
        await down()
        (tmp_path / "tree" / "folder" / "b.txt").write_bytes(b"SECOND")
        await fill(ground, {"new": b"new"})
        ground.emulator.requests.clear()
        opened = []

        class Noting:
            def __getattr__(self, name):
                return getattr(os, name)

            def open(self, path, *arguments, **named):
                opened.append(str(path))
                return os.open(path, *arguments, **named)

        async with ground.world.connect(
            machinery={"file_system": Noting()}, token_info=ground.emulator.token_info
        ) as client:
            report = await client.download_tree("root", tmp_path / "tree", **ground.drive)
        assert paths(report.done) == {"folder/b.txt": "updated", "new": "downloaded"}
        assert set(paths(report.skipped).values()) == {"same"}
        assert on_disk(tmp_path / "tree") == {**FILES, "new": b"new"}
        # What was changed here is read to see whether it still is the same.
        assert {Path(path).name for path in opened} & {"a.txt", "c.txt", "b.txt"} == {"b.txt"}
        assert ground.asked("/file/get_download_url") == 2

    async def test_an_empty_folder_is_an_empty_directory(self, down, tmp_path):
        """It is made."""
        report = await down()
        assert (report.done, report.folders_made) == ([], 1)
        assert on_disk(tmp_path / "tree") == {}

    async def test_pages_of_a_folder_are_all_read(self, ground, down, tmp_path):
        """A page has a hundred files at most."""
        files: dict[str, bytes | None] = {f"{number:03}": b"x" for number in range(101)}
        await fill(ground, files)
        transfer = down()
        await transfer
        assert on_disk(tmp_path / "tree") == files
        assert (transfer.progress.files_done, transfer.progress.files_total) == (101, 101)
        assert transfer.progress.bytes_total == transfer.progress.bytes_done == 101

    async def test_a_tree_is_read_through_a_share(self, ground, tmp_path):
        """Without any other right."""
        await fill(ground, FILES)
        folder = await ground.client.file.get_by_path(**ground.drive, file_path="/folder")
        share_id = await ground.emulator.create_share([folder.file_id])
        async with ground.world.connect(
            share_token=ground.emulator.issue_share_token(share_id)
        ) as client:
            await client.download_tree("root", tmp_path / "tree", share_id=share_id)
        assert on_disk(tmp_path / "tree") == {
            "folder/b.txt": b"second", "folder/deep/c.txt": b"third",
        }  # fmt: skip


class TestNames:
    """Names in a drive may be anything, and not even different."""

    async def test_names_are_made_safe_and_stay_inside(self, ground, down, tmp_path):
        """Whatever they try."""
        names = ["..", ".", "CON", "a\\b", "x" * 300, "\u202etxt.exe", "end. "]
        await ground.emulator.add_files([{"name": name, "content": b"1"} for name in names])
        await ground.emulator.add_files([{"name": "...", "type": "folder"}])
        report = await down()
        assert report.failed == []
        assert os.listdir(tmp_path) == ["tree"]
        found = on_disk(tmp_path / "tree")
        assert len(found) == len(names) + 1
        assert not {"..", ".", "CON", "a\\b"} & set(found)

    async def test_equal_names_get_different_ones_and_always_the_same(self, ground, down, tmp_path):
        """Also those that differ in case only; a second run finds all of them."""
        rows = [{"name": name, "content": data} for name, data in
                [("a", b"1"), ("a", b"2"), ("A", b"3"), ("b", b"4")]]  # fmt: skip
        await ground.emulator.add_files(rows)
        for name, data in (("d", b"5"), ("D", b"6")):
            folder = await ground.add_folder(name)
            await ground.add("x", data, parent_file_id=folder)
        report = await down()
        found = on_disk(tmp_path / "tree")
        assert sorted(found.values()) == [b"1", b"2", b"3", b"4", b"5", b"6"]
        assert {one.path for one in report.done} == set(found)
        again = await down()
        assert (again.done, again.failed) == ([], [])
        assert {one.path for one in again.skipped} == set(found)

    async def test_a_file_that_is_called_like_the_unfinished_part_of_another(
        self, ground, down, tmp_path
    ):
        """They never get in each other's way."""
        await fill(ground, {"x": b"whole", "x.part": b"another", "y.part": b"alone"})
        for done in (3, 0):
            report = await down()
            assert (len(report.done), report.failed) == (done, [])
        found = on_disk(tmp_path / "tree")
        assert sorted(found.values()) == [b"alone", b"another", b"whole"]
        assert (found["x"], found["y.part"]) == (b"whole", b"alone")


class TestNothingOutside:
    """Whatever is in the directory already, nothing beside it is touched."""

    async def test_a_link_in_the_place_of_a_folder_is_not_followed(self, ground, down, tmp_path):
        """The folder fails, the rest arrives."""
        await fill(ground, FILES)
        (tmp_path / "tree").mkdir()
        (tmp_path / "outside").mkdir()
        (tmp_path / "tree" / "folder").symlink_to(tmp_path / "outside")
        for dry_run in (True, False):
            report = await down(dry_run=dry_run)
            assert errors(report) == {"folder/": NotADirectoryError}
        assert on_disk(tmp_path / "outside") == {}
        assert (tmp_path / "tree" / "a.txt").read_bytes() == b"first"

    async def test_a_link_in_the_place_of_a_file_is_replaced(self, ground, down, tmp_path):
        """What it leads to stays as it is."""
        await fill(ground, {"a": b"new", "b": b"new"})
        (tmp_path / "tree").mkdir()
        (tmp_path / "secret").write_bytes(b"old")
        (tmp_path / "tree" / "a").symlink_to(tmp_path / "secret")
        (tmp_path / "tree" / "b").symlink_to("nowhere")
        report = await down()
        assert paths(report.done) == {"a": "updated", "b": "updated"}
        assert (tmp_path / "secret").read_bytes() == b"old"
        assert on_disk(tmp_path / "tree") == {"a": b"new", "b": b"new"}
        assert not (tmp_path / "tree" / "a").is_symlink()

    async def test_the_top_may_be_a_link(self, ground, down, tmp_path):
        """The caller named it."""
        await fill(ground, {"a": b"1"})
        (tmp_path / "real").mkdir()
        (tmp_path / "tree").symlink_to("real")
        await down()
        assert on_disk(tmp_path / "real") == {"a": b"1"}

    async def test_a_top_that_is_a_file_is_an_error_of_the_call(self, ground, down, tmp_path):
        """And so is a folder that is not there."""
        await fill(ground, {"a": b"1"})
        (tmp_path / "tree").touch()
        with pytest.raises(NotADirectoryError):
            await down()
        with pytest.raises(NotFound):
            await ground.client.download_tree("0" * 40, tmp_path / "other", **ground.drive)


class TestWhatIsThere:
    """By ``existing``, ``compare``, filters and ``dry_run``."""

    @pytest.mark.parametrize(
        ("existing", "action", "content"),
        [
            ("update", "updated", {"a": b"new"}),
            ("skip", "exists", {"a": b"old"}),
            ("refuse", "failed", {"a": b"old"}),
            ("auto_rename", "downloaded", {"a": b"old", "a (1)": b"new"}),
        ],
    )
    async def test_existing_says_what_becomes_of_a_file_that_differs(
        self, ground, down, tmp_path, existing, action, content
    ):
        """The report has the name that it got."""
        await fill(ground, {"a": b"new", "b": b"b"})
        (tmp_path / "tree").mkdir()
        (tmp_path / "tree" / "a").write_bytes(b"old")
        report = await down(existing=existing)
        [item] = [
            one
            for one in (*report.done, *report.skipped, *report.failed)
            if one.path.startswith("a")
        ]
        assert (item.reason or item.action) == action
        assert on_disk(tmp_path / "tree") == {**content, "b": b"b"}
        assert item.path in content

    async def test_what_is_the_same_is_not_renamed(self, ground, down, tmp_path):
        """Nor fetched again."""
        await fill(ground, {"a": b"same"})
        await down()
        assert paths((await down(existing="auto_rename")).skipped) == {"a": "same"}

    async def test_files_and_folders_in_each_others_place_are_failures(
        self, ground, down, tmp_path
    ):
        """Neither is removed for the other."""
        await fill(ground, {"a": b"a file", "b/c": b"in a folder"})
        (tmp_path / "tree" / "a").mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / "b").write_bytes(b"a file")
        for dry_run in (True, False):
            report = await down(dry_run=dry_run)
            assert errors(report) == {"a": IsADirectoryError, "b/": NotADirectoryError}
        assert on_disk(tmp_path / "tree") == {"a": None, "b": b"a file"}

    async def test_a_time_that_differs_has_the_content_compared(self, ground, down, tmp_path):
        """Nothing is fetched if it is the same."""
        await fill(ground, {"a": b"12345"})
        await down()
        path = tmp_path / "tree" / "a"
        times = os.stat(path)
        path.write_bytes(b"12345")
        assert paths((await down()).skipped) == {"a": "same"}
        path.write_bytes(b"54321")
        os.utime(path, ns=(times.st_mtime_ns, times.st_mtime_ns))
        assert paths((await down()).skipped) == {"a": "same"}
        assert paths((await down(compare="checksum")).done) == {"a": "updated"}

    async def test_filters_leave_files_and_whole_folders(self, ground, down, tmp_path):
        """Excluded folders are not asked for; with include only what is needed is made."""
        await fill(ground, {**FILES, "secret/x.txt": b"x", "other/y.md": b"y"})
        report = await down(
            include=["*.txt"], exclude=["secret/"], filter=lambda one: one.size != 0
        )
        assert on_disk(tmp_path / "tree") == {
            "a.txt": b"first", "folder/b.txt": b"second", "folder/deep/c.txt": b"third",
        }  # fmt: skip
        assert (report.skipped, report.failed, report.folders_made) == ([], [], 3)
        listed = {one.data["parent_file_id"] for one in ground.emulator.requests.of("/file/list")}
        assert len(listed) == 5

    async def test_a_dry_run_changes_nothing_and_tells_the_same(self, ground, down, tmp_path):
        """Before anything is there, and when something is."""
        await fill(ground, FILES)
        for _ in range(2):
            before = {str(path) for path in tmp_path.rglob("*")}
            would = await down(dry_run=True)
            assert {str(path) for path in tmp_path.rglob("*")} == before
            did = await down()
            for one in ("done", "skipped", "failed"):
                assert paths(getattr(would, one)) == paths(getattr(did, one))
            assert (would.bytes, would.folders_made) == (did.bytes, did.folders_made)
            (tmp_path / "tree" / "a.txt").write_bytes(b"other")
            await fill(ground, {"more/e.txt": b"e"})


class TestFailures:
    """One is told; the same one over and over ends it."""

    async def test_one_failure_is_told_and_the_rest_arrives(self, ground, down, tmp_path):
        """No half file is left."""
        await fill(ground, FILES)
        ground.emulator.faults.add(
            "/file/get_download_url",
            Fault.status(403, "ForbiddenNoPermission.File", "no"),
            when=lambda one: True,
        )
        report = await down()
        assert [type(one.error) for one in report.failed] == [PermissionDenied]
        assert (len(report.done), report.stopped) == (3, None)
        assert len(on_disk(tmp_path / "tree")) == 4

    async def test_a_folder_that_cannot_be_listed_is_one_failure(self, ground, down, tmp_path):
        """The rest arrives."""
        await fill(ground, FILES)
        folder = await ground.client.file.get_by_path(**ground.drive, file_path="/folder")
        ground.emulator.faults.add(
            "/file/list",
            Fault.status(403, "ForbiddenNoPermission.File", "no"),
            when=lambda one: one.data["parent_file_id"] == folder.file_id,
        )
        report = await down()
        assert errors(report) == {"folder/": PermissionDenied}
        assert set(on_disk(tmp_path / "tree")) == {"a.txt", "empty.txt", "hollow"}

    async def test_the_first_failure_is_raised_if_asked(self, ground, down, tmp_path):
        """As it is."""
        await fill(ground, FILES)
        (tmp_path / "tree").mkdir()
        (tmp_path / "tree" / "a.txt").touch()
        with pytest.raises(FileExistsError):
            await down(existing="refuse", on_error="raise")

    async def test_a_full_disk_ends_it_early(self, ground, tmp_path):
        """After a row of failures of that kind, not after all of them."""
        await ground.emulator.add_files([{"name": f"{n}", "content": b"x"} for n in range(60)])

        class Full:
            def __getattr__(self, name):
                return getattr(os, name)

            def open(self, path, *arguments, **named):
                if str(path).endswith(".part"):
                    raise OSError(28, "No space left on device")
                return os.open(path, *arguments, **named)

        async with ground.world.connect(
            machinery={"file_system": Full()}, token_info=ground.emulator.token_info
        ) as client:
            report = await client.download_tree("root", tmp_path / "tree", **ground.drive)
        assert isinstance(report.stopped, OSError)
        assert len(report.failed) == STREAK
        assert on_disk(tmp_path / "tree") == {}

    async def test_a_folder_inside_itself_is_found_out(self, ground, down, tmp_path):
        """Else the tree would have no end."""
        folder = await ground.add_folder("loop")
        row = {**ground.drive, "file_id": folder, "name": "loop", "type": "folder"}
        ground.emulator.faults.add("/file/list", Fault.json({"items": [row]}), times=9)
        report = await down()
        assert errors(report) == {"loop/loop/": DecodeError}

    async def test_wrong_options_are_refused_where_they_are_written(self, ground, down):
        """The message names the field; nothing is sent."""
        for options in ({"existing": "overwrite"}, {"durable": 1}, {"exclude": [""]}):
            with pytest.raises(InvalidRequest, match=next(iter(options))):
                down(**options)
        with pytest.raises(InvalidRequest, match="local"):
            ground.client.download_tree("root", "", **ground.drive)
        with pytest.raises(InvalidRequest, match="drive_id"):
            ground.client.download_tree("root", "here")
        assert ground.emulator.requests.of("/file/list") == []


class TestSteering:
    """Paused, resumed, cancelled."""

    async def test_paused_it_begins_nothing_and_resumed_it_ends(self, ground, down, tmp_path):
        """What was under way is finished."""
        await ground.emulator.add_files([{"name": f"{n}", "content": b"x"} for n in range(20)])
        transfer = down(concurrency=2).start()
        while not transfer.progress.files_done:
            await asyncio.sleep(0)
        transfer.pause()
        while transfer.state != "paused":
            await asyncio.sleep(0)
        held = transfer.progress.files_done
        for _ in range(50):
            await asyncio.sleep(0)
        assert held <= transfer.progress.files_done < 20
        transfer.resume()
        assert len((await transfer).done) == 20

    @pytest.mark.parametrize("steps", [0, 3, 20, 100, 500])
    async def test_cancelled_at_any_time_nothing_half_is_left(self, ground, down, tmp_path, steps):
        """No task, no handle, no part; a later run brings the rest."""
        files = {f"{folder}/{number}": b"x" for folder in "abc" for number in range(4)}
        await fill(ground, files)
        transfer = down().start()
        for _ in range(steps):
            await asyncio.sleep(0)
        transfer.cancel()
        with suppress(asyncio.CancelledError):  # it may have ended before
            await transfer
        assert not list(tmp_path.rglob("*.part"))
        report = await down()
        report.raise_first()
        assert on_disk(tmp_path / "tree") == files


def test_what_waits_is_kept_without_its_urls():
    """A thousand files wait in the memory of fifty."""
    from pdsclient.transfer.tree_download import _KEPT

    assert not File.__urls__ & set(_KEPT)
    assert set(_KEPT) <= set(File.__struct_fields__)


@pytest.mark.parametrize("ranges", ["honoured", "ignored"])
async def test_a_tree_comes_whichever_way_the_storage_reads_ranges(start, tmp_path, ranges):
    """Also files of several parts."""
    async with start(settings=Settings(ranges=ranges)) as ground:
        data = bytes(range(256)) * 1600
        await fill(ground, {"large": data, "small": b"x"})
        await ground.client.download_tree(
            "root", tmp_path / "tree", **ground.drive, part_size=102_400
        )
        assert on_disk(tmp_path / "tree") == {"large": data, "small": b"x"}


@pytest.mark.parametrize(
    "setting",
    [
        {"batch_order": "shuffled"},
        {"batch_answers": 2},
        {"batch_throttle": 2},
        {"name_clash": "same-type"},
        {"name_lag_s": 5.0},
        {"pre_check_lag_s": 5.0},
        {"missing_parent": "empty"},
        {"parallel_upload": "refused"},
    ],
    ids="-".join,
)
async def test_a_tree_goes_up_and_comes_back_however_the_service_behaves(start, tmp_path, setting):
    """The same names and contents; and again nothing moves."""
    files: dict[str, bytes | None] = {
        " a b/é/文.txt": b"1",
        ".hidden/'\"$(x)`": b"2",
        "deep/er/and/er": b"3",
        "none": None,
        "[x]*?": b"",
    }
    for path, data in files.items():
        target = tmp_path / "tree" / path
        (target if data is None else target.parent).mkdir(parents=True, exist_ok=True)
        if data is not None:
            target.write_bytes(data)
            os.utime(target, (1e9, 1e9))
    async with start(settings=Settings(**setting)) as ground:
        up = await ground.client.upload_tree(tmp_path / "tree", **ground.drive)
        ground.emulator.clock.advance(60)
        again = await ground.client.upload_tree(tmp_path / "tree", **ground.drive)
        down = await ground.client.download_tree("root", tmp_path / "back", **ground.drive)
        last = await ground.client.download_tree("root", tmp_path / "back", **ground.drive)
    assert [report.failed for report in (up, again, down, last)] == [[], [], [], []]
    assert [len(report.done) for report in (up, again, down, last)] == [4, 0, 4, 0]
    assert on_disk(tmp_path / "back") == files
