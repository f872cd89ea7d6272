"""Directories into folders of a drive: everything once, nothing twice, nothing from outside."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from pdsclient import Conflict, InvalidRequest, PermissionDenied
from pdsclient.emulator import Fault, Settings
from pdsclient.errors import AuthError, ContentChanged
from pdsclient.transfer import TreeReport
from pdsclient.transfer.tree_drive import Drive, DriveFolder
from pdsclient.transfer.tree_tally import STREAK

LONG_AGO = 1_500_000_000.25


def plant(top: Path, files: Mapping[str, bytes | None]) -> Path:
    """A directory with files that are not new; None stands for an empty directory."""
    top.mkdir(exist_ok=True)
    for path, data in files.items():
        target = top / path
        (target if data is None else target.parent).mkdir(parents=True, exist_ok=True)
        if data is not None:
            target.write_bytes(data)
            os.utime(target, (LONG_AGO, LONG_AGO))
    return top


async def in_drive(ground: Any, folder: str = "root", above: str = "") -> dict[str, bytes | None]:
    """What a folder of the drive holds, at any depth; None stands for a folder."""
    found: dict[str, bytes | None] = {}
    async for file in ground.client.file.list(**ground.drive, parent_file_id=folder):
        path = above + file.name
        if file.type == "folder":
            found |= {path: None, **await in_drive(ground, file.file_id, f"{path}/")}
        else:
            found[path] = await ground.content(file)
    return found


def paths(items: list[Any]) -> dict[str, str]:
    """What became of each path: the action, or why it was left."""
    return {one.path: one.reason or one.action for one in items}


def changes(ground: Any) -> int:
    """Requests so far that change something."""
    asked = [ground.asked(one) for one in ("/file/create", "/file/complete", "/file/update")]
    return sum(asked) + len(ground.puts)


@pytest.fixture
def up(ground, tmp_path):
    """Uploads the directory ``tree`` into the top of the drive."""

    def up(**options: Any):
        return ground.client.upload_tree(tmp_path / "tree", **ground.drive, **options)

    return up


FILES = {
    "a.txt": b"first",
    "empty.txt": b"",
    "folder/b.txt": b"second",
    "folder/deep/c.txt": b"third",
    "folder/deep/d.tmp": b"fourth",
    "hollow": None,
}


class TestWholeTrees:
    """What is here is there afterwards."""

    async def test_a_tree_arrives_with_all_its_folders(self, ground, up, tmp_path):
        """Also the empty ones; each file with its time."""
        plant(tmp_path / "tree", FILES)
        report = await up()
        assert await in_drive(ground) == {**FILES, "folder": None, "folder/deep": None}
        assert sorted(one.path for one in report.done) == [path for path in FILES if "." in path]
        assert (report.folders_made, report.skipped, report.failed) == (3, [], [])
        assert report.bytes == sum(map(len, filter(None, FILES.values())))
        [file] = [one for one in report.done if one.path == "folder/b.txt"]
        there = await ground.client.file.get(**ground.drive, file_id=file.file_id)
        assert there.local_modified_at is not None
        assert int(there.local_modified_at.timestamp()) == int(LONG_AGO)

    async def test_a_tree_goes_into_the_folder_that_is_named(self, ground, tmp_path):
        """Its contents do, not the directory itself."""
        plant(tmp_path / "tree", {"a": b"1"})
        folder = await ground.add_folder("target")
        await ground.client.upload_tree(
            str(tmp_path / "tree"), **ground.drive, parent_file_id=folder
        )
        assert await in_drive(ground) == {"target": None, "target/a": b"1"}

    async def test_an_empty_directory_is_an_empty_report(self, ground, up, tmp_path):
        """Nothing is sent."""
        plant(tmp_path / "tree", {})
        report = await up()
        assert (report.done, report.folders_made, changes(ground)) == ([], 0, 0)

    async def test_a_second_run_moves_only_what_differs(self, ground, up, tmp_path):
        """What was changed becomes a new version of the same file."""
        tree = plant(tmp_path / "tree", FILES)
        first = await up()
        ground.emulator.clock.advance(60)
        before = changes(ground)
        assert paths((await up()).skipped) == {one.path: "same" for one in first.done}
        assert changes(ground) == before
        (tree / "a.txt").write_bytes(b"FIRST")
        plant(tree, {"folder/new": b"new"})
        report = await up()
        assert paths(report.done) == {"a.txt": "updated", "folder/new": "uploaded"}
        [old] = [one.file_id for one in first.done if one.path == "a.txt"]
        assert old in [one.file_id for one in report.done]
        assert (await in_drive(ground))["a.txt"] == b"FIRST"

    async def test_names_are_asked_for_in_batches_and_never_in_new_folders(
        self, ground, up, tmp_path
    ):
        """Two requests tell of a hundred names what has them and what that is."""
        plant(tmp_path / "tree", {f"new/{number}": b"x" for number in range(101)})
        await up()
        assert ground.asked("/file/pre_create_check") == 1
        ground.emulator.clock.advance(60)
        ground.emulator.requests.clear()
        assert len((await up()).skipped) == 101
        assert ground.asked("/file/pre_create_check") == 102
        assert ground.asked("/file/get") == 101
        # One batch for the folder, and two for each hundred of its files.
        assert len(ground.emulator.requests.of("/batch")) == 5
        assert changes(ground) == 0

    async def test_each_folder_is_made_by_one_request(self, ground, up, tmp_path):
        """However many files wait for it."""
        plant(tmp_path / "tree", {f"a/b/{number}": b"x" for number in range(40)})
        await up(include=["*"], concurrency=32)
        bodies = [one.data for one in ground.emulator.requests.of("/file/create")]
        folders = [body["name"] for body in bodies if body["type"] == "folder"]
        assert folders == ["a", "b"]

    async def test_only_so_many_files_are_under_way_at_once(self, ground, up, tmp_path):
        """The progress lists them."""
        plant(tmp_path / "tree", {f"{number}": b"x" for number in range(30)})
        transfer = up(concurrency=3)
        peak = 0

        @transfer.on("progress")
        def look(_: object) -> None:
            nonlocal peak
            peak = max(peak, len(transfer.active))

        ground.emulator.clock.advance(1)
        await transfer
        assert peak <= 3
        assert (transfer.active, transfer.progress.files_done) == ({}, 30)

    async def test_progress_counts_files_and_ends_full(self, ground, up, tmp_path):
        """Skipped and failed ones are told apart."""
        tree = plant(tmp_path / "tree", FILES)
        await up()
        (tree / "a.txt").write_bytes(b"another")
        (tree / "bad\x01name").touch()
        transfer = up()
        await transfer
        progress = transfer.progress
        assert (progress.state, progress.files_total) == ("done", 6)
        assert (progress.files_done, progress.files_skipped, progress.files_failed) == (1, 4, 1)
        assert (progress.bytes_done, progress.bytes_total) == (7, 7)

    async def test_a_tree_goes_up_through_a_share(self, ground, tmp_path):
        """Which has to allow it."""
        plant(tmp_path / "tree", FILES)
        folder = await ground.add_folder("target")
        share_id = await ground.emulator.create_share(
            [folder], creatable=True, creatable_file_id_list=[folder]
        )
        async with ground.world.connect(
            share_token=ground.emulator.issue_share_token(share_id)
        ) as client:
            report = await client.upload_tree(
                tmp_path / "tree", share_id=share_id, parent_file_id=folder
            )
            report.raise_first()
        assert len(await in_drive(ground, folder)) == len(FILES) + 2

    async def test_a_tree_may_be_deeper_than_python_calls_functions(self):
        """All that is missing above a folder is made before it."""
        made = []
        drive = Drive(None, drive_id="1", share_id=None, dry_run=True, made=lambda: made.append(1))
        folder = DriveFolder(drive, file_id="top")
        for _ in range(2000):
            folder = DriveFolder(drive, "d", above=folder, is_new=True)
        await asyncio.gather(folder.ensure(), folder.ensure())
        assert len(made) == 2000

    async def test_a_folder_that_was_thrown_away_lately_is_made_anew(self, ground, up, tmp_path):
        """What this client remembers of it is out of date."""
        plant(tmp_path / "tree", {"folder/a": b"1"})
        await up()
        [folder] = [one async for one in ground.client.file.list(
            **ground.drive, parent_file_id="root"
        )]  # fmt: skip
        await ground.emulator.trash_file(folder.file_id)
        report = await up()
        assert paths(report.done) == {"folder/a": "rapid"}
        assert await in_drive(ground) == {"folder": None, "folder/a": b"1"}


class TestNamesThatAreTaken:
    """By a file, by a folder, by one in other case, sooner or later."""

    async def test_skip_leaves_whatever_is_there(self, ground, up, tmp_path):
        """Also what differs."""
        plant(tmp_path / "tree", {"a": b"new", "b": b"b"})
        await ground.add("a", b"old")
        report = await up(existing="skip")
        assert (paths(report.skipped), paths(report.done)) == ({"a": "exists"}, {"b": "uploaded"})
        assert await in_drive(ground) == {"a": b"old", "b": b"b"}

    async def test_refuse_is_a_failure_of_that_file(self, ground, up, tmp_path):
        """Its error tells which file has the name."""
        plant(tmp_path / "tree", {"a": b"old", "b": b"b"})
        there = await ground.add("a", b"old")
        report = await up(existing="refuse")
        [failed] = report.failed
        assert isinstance(failed.error, Conflict)
        assert (failed.path, failed.error.file_id) == ("a", there.file_id)
        with pytest.raises(Conflict):
            report.raise_first()

    async def test_auto_rename_gives_another_name_to_what_differs(self, ground, up, tmp_path):
        """What is the same is left."""
        plant(tmp_path / "tree", {"a": b"new", "b": b"b"})
        await ground.add("a", b"old")
        await ground.add("b", b"b")
        report = await up(existing="auto_rename")
        assert paths(report.done) == {"a": "uploaded"}
        assert paths(report.skipped) == {"b": "same"}
        assert sorted((await in_drive(ground)).values()) == [b"b", b"new", b"old"]

    @pytest.mark.parametrize("existing", ["update", "skip", "refuse"])
    async def test_a_file_and_a_folder_of_one_name_clash(self, ground, up, tmp_path, existing):
        """Nothing of the folder is looked at."""
        plant(tmp_path / "tree", {"a": b"a file", "b/c": b"in a folder"})
        await ground.add_folder("a")
        await ground.add("b", b"a file")
        report = await up(existing=existing)
        failed = {one.path: one.error for one in report.failed}
        assert set(failed) == {"b/"} | ({"a"} if existing != "skip" else set())
        assert all(isinstance(error, Conflict) for error in failed.values())
        assert report.done == []

    async def test_a_name_that_the_service_tells_late_is_dealt_with_all_the_same(
        self, start, tmp_path
    ):
        """The creation is refused, and then it is compared like any other."""
        plant(tmp_path / "tree", {"a": b"same", "b": b"new", "c": b"c"})
        async with start(settings=Settings(pre_check_lag_s=1e6)) as ground:
            await ground.add("a", b"same")
            await ground.add("b", b"old")
            report = await ground.client.upload_tree(tmp_path / "tree", **ground.drive)
            assert paths(report.done) == {"b": "updated", "c": "uploaded"}
            assert paths(report.skipped) == {"a": "same"}
            assert await in_drive(ground) == {"a": b"same", "b": b"new", "c": b"c"}

    async def test_names_that_differ_in_case_only_never_overwrite_each_other(self, start, tmp_path):
        """Where the drive takes them for one, the second is a failure."""
        plant(tmp_path / "tree", {"A": b"1", "a": b"2"})
        async with start(settings=Settings(name_case="insensitive")) as ground:
            report = await ground.client.upload_tree(
                tmp_path / "tree", **ground.drive, concurrency=1
            )
            assert (len(report.done), len(report.failed)) == (1, 1)
            assert isinstance(report.failed[0].error, Conflict)
            again = await ground.client.upload_tree(tmp_path / "tree", **ground.drive)
            assert (again.done, len(again.failed)) == ([], 1)

    async def test_without_batches_the_creation_tells(self, ground, up, tmp_path):
        """Some deployments refuse them."""
        plant(tmp_path / "tree", {"a": b"same", "folder/b": b"new"})
        await ground.add("a", b"same")
        await ground.add_folder("folder")
        refused = Fault.status(403, "CheckRouterAccessFailed", "no")
        ground.emulator.faults.add("/batch", refused, times=99)
        report = await up()
        assert paths(report.done) == {"folder/b": "uploaded"}
        assert paths(report.skipped) == {"a": "same"}

    async def test_compare_says_what_makes_a_difference(self, ground, up, tmp_path):
        """A file that was changed without a trace is found by its checksum only."""
        tree = plant(tmp_path / "tree", {"a": b"12345"})
        await up()
        ground.emulator.clock.advance(60)
        plant(tree, {"a": b"54321"})
        assert paths((await up()).skipped) == {"a": "same"}
        assert paths((await up(compare="size")).skipped) == {"a": "same"}
        assert paths((await up(compare="checksum")).done) == {"a": "updated"}


class TestWhatIsLeft:
    """Filters, dry runs, and what cannot be uploaded."""

    async def test_filters_leave_files_and_whole_folders(self, ground, up, tmp_path):
        """Excluded folders are not walked; with include only folders that are needed are made."""
        plant(tmp_path / "tree", {**FILES, "secret/x.txt": b"x"})
        (tmp_path / "tree" / "secret").chmod(0)
        try:
            report = await up(
                include=["*.txt"], exclude=["secret/"], filter=lambda one: one.size != 0
            )
        finally:
            (tmp_path / "tree" / "secret").chmod(0o700)
        found = await in_drive(ground)
        assert set(found) == {
            "a.txt", "folder", "folder/b.txt", "folder/deep", "folder/deep/c.txt",
        }  # fmt: skip
        assert (len(report.done), report.skipped, report.folders_made) == (3, [], 2)

    async def test_a_dry_run_changes_nothing_and_tells_the_same(self, ground, up, tmp_path):
        """Before anything is there, and when something is."""
        tree = plant(tmp_path / "tree", FILES)
        for _ in range(2):
            before = changes(ground)
            would = await up(dry_run=True)
            assert (changes(ground), would.dry_run) == (before, True)
            did = await up()
            for one in ("done", "skipped", "failed"):
                both = [
                    [(item.path, item.action, item.size) for item in getattr(report, one)]
                    for report in (would, did)
                ]
                assert sorted(both[0]) == sorted(both[1])
            assert (would.bytes, would.folders_made) == (did.bytes, did.folders_made)
            (tree / "a.txt").write_bytes(b"other")
            plant(tree, {"more/e.txt": b"e"})

    async def test_a_dry_run_tells_what_a_new_folder_would_get(self, ground, tmp_path):
        """The command line makes that folder otherwise."""
        plant(tmp_path / "tree", FILES)
        await ground.add("a.txt", b"first")
        report = await ground.client.upload_tree(
            tmp_path / "tree", **ground.drive, parent_file_id=None, dry_run=True
        )
        assert (len(report.done), report.folders_made) == (5, 3)

    async def test_links_are_skipped_or_followed_inside_the_tree(self, ground, up, tmp_path):
        """What is outside stays outside."""
        tree = plant(tmp_path / "tree", {"a": b"inside", "folder/b": b"b"})
        (tmp_path / "out").write_bytes(b"outside")
        (tree / "in").symlink_to("a")
        (tree / "down").symlink_to("folder")
        (tree / "out").symlink_to("../out")
        (tree / "folder" / "up").symlink_to("..")
        report = await up(dry_run=True)
        assert paths(report.skipped) == dict.fromkeys(
            ["in", "down", "out", "folder/up"], "symbolic link"
        )
        report = await up(symlinks="follow")
        assert paths(report.skipped) == {
            "out": "symbolic link out of the tree",
            "folder/up": "symbolic link to a folder above it",
            "down/up": "symbolic link to a folder above it",
        }
        assert await in_drive(ground) == {
            "a": b"inside", "in": b"inside", "down": None, "down/b": b"b", "folder": None,
            "folder/b": b"b",
        }  # fmt: skip

    async def test_names_that_the_service_cannot_have_are_failures(self, ground, up, tmp_path):
        """With the reason; what is in such a folder is not looked at."""
        tree = plant(tmp_path / "tree", {"good": b"1", "new\nline/x": b"2", "tab\t": b"3"})
        plant(tree, {os.fsdecode(b"\xff\xfe"): b"4"})
        report = await up()
        failed = {one.path: str(one.error) for one in report.failed}
        assert set(failed) == {"new\nline/", "tab\t", "\udcff\udcfe"}
        assert "surrogate" in failed["\udcff\udcfe"]
        assert str(report).isprintable()
        assert paths(report.done) == {"good": "uploaded"}

    async def test_what_cannot_be_read_is_a_failure(self, ground, up, tmp_path):
        """A folder as well as a file; the rest arrives."""
        plant(tmp_path / "tree", {"a": b"1", "b": b"2", "c/d": b"3"})

        class Locked:
            def __getattr__(self, name):
                return getattr(os, name)

            def open(self, path, *arguments, **named):
                if str(path).endswith(("/b", "/c")):
                    raise PermissionError(13, "locked", path)
                return os.open(path, *arguments, **named)

        async with ground.world.connect(
            machinery={"file_system": Locked()}, token_info=ground.emulator.token_info
        ) as client:
            report = await client.upload_tree(tmp_path / "tree", **ground.drive)
        assert {one.path: type(one.error) for one in report.failed} == {
            "b": PermissionError, "c/": PermissionError,
        }  # fmt: skip
        assert paths(report.done) == {"a": "uploaded"}


class Meddling:
    """The functions of ``os``; somebody is quicker than whoever opens a path.

    Args:
        path: what has to be opened for that.
        meddle: what is done just before, once.
    """

    def __init__(self, path: Path, meddle: Callable[[], object]) -> None:
        self._path = str(path)
        self._meddle: Callable[[], object] | None = meddle

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def open(self, path: Any, *arguments: Any, **named: Any) -> int:
        if path == self._path and self._meddle is not None:
            meddle, self._meddle = self._meddle, None
            meddle()
        return os.open(path, *arguments, **named)


class TestChangesMeanwhile:
    """The directory belongs to others, too."""

    @pytest.fixture
    def up_while(self, ground, tmp_path):
        """Uploads the tree while somebody does something."""

        async def up_while(path: str, meddle: Callable[[], object]) -> TreeReport:
            tree = tmp_path / "tree"
            async with ground.world.connect(
                machinery={"file_system": Meddling(tree / path, meddle)},
                token_info=ground.emulator.token_info,
            ) as client:
                return await client.upload_tree(tree, **ground.drive)

        return up_while

    @pytest.mark.parametrize("path", ["a/b", "a", "a/deep", "a/deep/c"])
    @pytest.mark.parametrize("way", ["link", "other"])
    async def test_what_becomes_a_way_out_is_not_taken(self, ground, up_while, tmp_path, path, way):
        """Neither a link nor another directory or file is read in the place of what was there."""
        tree = plant(tmp_path / "tree", {"a/b": b"in", "a/deep/c": b"in", "z": b"z"})
        outside = plant(tmp_path / "outside", {"b": b"secret", "c": b"secret"})
        target = outside / "b" if path in ("a/b", "a/deep/c") else outside

        def swap() -> None:
            (tree / path).rename(tmp_path / "away")
            if way == "link":
                (tree / path).symlink_to(target)
            else:
                target.rename(tree / path)

        report = await up_while(path, swap)
        assert [one.path.rstrip("/") for one in report.failed] == [path]
        assert (await in_drive(ground))["z"] == b"z"
        assert b"secret" not in (await in_drive(ground)).values()

    async def test_a_folder_that_becomes_a_link_before_its_file_is_opened(
        self, ground, up_while, tmp_path
    ):
        """The file that is found then is another one."""
        tree = plant(tmp_path / "tree", {"a/b": b"in"})
        plant(tmp_path / "outside", {"b": b"secret"})

        def swap() -> None:
            (tree / "a").rename(tmp_path / "away")
            (tree / "a").symlink_to(tmp_path / "outside")

        report = await up_while("a/b", swap)
        assert {one.path: type(one.error) for one in report.failed} == {"a/b": ContentChanged}
        assert await in_drive(ground) == {"a": None}

    async def test_a_file_that_grew_is_uploaded_as_it_is_now(self, ground, up_while, tmp_path):
        """It was listed a moment before."""
        tree = plant(tmp_path / "tree", {"log": b"one line"})
        report = await up_while("log", lambda: (tree / "log").write_bytes(b"two lines"))
        assert report.failed == []
        assert await in_drive(ground) == {"log": b"two lines"}

    async def test_a_file_that_is_gone_is_a_failure(self, ground, up_while, tmp_path):
        """Of that file alone."""
        tree = plant(tmp_path / "tree", {"a": b"1", "b": b"2"})
        report = await up_while("a", (tree / "a").unlink)
        assert {one.path: type(one.error) for one in report.failed} == {"a": FileNotFoundError}
        assert paths(report.done) == {"b": "uploaded"}

    async def test_a_missing_top_is_an_error_of_the_call(self, ground, up, tmp_path):
        """And so is one that is no directory, or a folder that is not there."""
        with pytest.raises(FileNotFoundError):
            await up()
        (tmp_path / "tree").touch()
        with pytest.raises(NotADirectoryError):
            await up()


class TestFailures:
    """One is told; the same one over and over ends it."""

    async def test_one_failure_is_told_and_the_rest_arrives(self, ground, up, tmp_path):
        """With the error it failed with."""
        plant(tmp_path / "tree", {str(number): b"x" for number in range(9)})
        ground.emulator.faults.add(
            "/file/create",
            Fault.status(400, "InvalidParameter.Name", "no"),
            when=lambda one: (one.data or {}).get("name") == "4",
        )
        report = await up()
        assert [(one.path, one.error.code) for one in report.failed] == [
            ("4", "InvalidParameter.Name")
        ]
        assert (len(report.done), report.stopped) == (8, None)

    async def test_the_first_failure_is_raised_if_asked(self, ground, up, tmp_path):
        """Everything else is stopped."""
        plant(tmp_path / "tree", {str(number): b"x" for number in range(9)})
        ground.emulator.faults.add("/file/complete", Fault.status(400, "InvalidParameter", "no"))
        ground.emulator.faults.add("/data", Fault.storage(400, "InvalidArgument", "no"), times=9)
        transfer = up(on_error="raise")
        with pytest.raises(Exception, match="no"):
            await transfer
        assert transfer.state == "failed"

    async def test_a_lost_permission_ends_it_early(self, ground, up, tmp_path):
        """After a row of failures of that kind, not after all of them."""
        plant(tmp_path / "tree", {str(number): b"x" for number in range(100)})
        denied = Fault.status(403, "ForbiddenNoPermission.File", "no")
        ground.emulator.faults.add("/file/create", denied, times=999, after=10)
        report = await up(concurrency=1)
        assert isinstance(report.stopped, PermissionDenied)
        assert (len(report.done), len(report.failed)) == (10, STREAK)
        with pytest.raises(PermissionDenied):
            report.raise_first()

    async def test_a_dead_token_ends_it_at_once(self, ground, tmp_path):
        """Nobody can renew it."""
        plant(tmp_path / "tree", {str(number): b"x" for number in range(50)})
        token = ground.emulator.issue_token(ttl_s=3600)
        async with ground.world.connect(token_info={"access_token": token.access_token}) as client:
            transfer = client.upload_tree(tmp_path / "tree", **ground.drive, concurrency=2)

            @transfer.on("progress")
            def revoke(_: object) -> None:
                ground.emulator.revoke(token.access_token)

            report = await transfer
        assert isinstance(report.stopped, AuthError)
        assert len(report.failed) <= 2

    async def test_a_folder_that_cannot_be_made_is_one_failure(self, ground, up, tmp_path):
        """And its files are not tried."""
        plant(tmp_path / "tree", {"a": b"1", "no/b": b"2", "no/deep/c": b"3"})
        ground.emulator.faults.add(
            "/file/create",
            Fault.status(400, "InvalidParameter.Name", "no"),
            times=9,
            when=lambda one: (one.data or {}).get("name") == "no",
        )
        report = await up()
        assert [one.path for one in report.failed] == ["no/"]
        assert paths(report.done) == {"a": "uploaded"}
        plant(tmp_path / "tree", {"no/b2": b"2"})
        alone = await up(include=["b*"])
        assert sorted(one.path for one in alone.failed) == ["no/b", "no/b2"]

    async def test_wrong_options_are_refused_where_they_are_written(self, ground, up):
        """The message names the field; nothing is sent."""
        for name, value in {
            "existing": "overwrite",
            "compare": "hash",
            "symlinks": "yes",
            "dry_run": 1,
            "on_error": "ignore",
            "concurrency": 0,
            "bandwidth": -1,
            "include": "*.txt",
            "filter": "*.txt",
            "part_size": 1,
            "parent_file_id": "",
            "checkpoint": 5,
        }.items():
            with pytest.raises(InvalidRequest, match=name):
                up(**{name: value})
        assert ground.emulator.requests.of("/file/create") == []

    async def test_a_path_that_is_none_is_refused(self, ground):
        """Nor is a tree uploaded nowhere."""
        for local in ("", "a\0b", 7):
            with pytest.raises(InvalidRequest, match="local"):
                ground.client.upload_tree(local, **ground.drive)
        with pytest.raises(InvalidRequest, match="drive_id"):
            ground.client.upload_tree("here")
        with pytest.raises(InvalidRequest, match="parent_file_id"):
            ground.client.upload_tree("here", **ground.drive, parent_file_id=None)


class TestSteering:
    """Paused, resumed, cancelled, gone on with."""

    async def test_paused_it_begins_nothing_and_resumed_it_ends(self, ground, up, tmp_path):
        """What was under way is finished."""
        plant(tmp_path / "tree", {str(number): b"x" for number in range(20)})
        transfer = up(concurrency=2).start()
        while not transfer.progress.files_done:
            await asyncio.sleep(0)
        transfer.pause()
        while transfer.state != "paused":
            await asyncio.sleep(0)
        for _ in range(50):
            await asyncio.sleep(0)
        held = transfer.progress.files_done
        assert held < 20
        transfer.resume()
        report = await transfer
        assert (len(report.done), transfer.state) == (20, "done")

    @pytest.mark.parametrize("steps", [0, 3, 20, 100, 500])
    async def test_cancelled_at_any_time_nothing_is_left(self, ground, up, tmp_path, steps):
        """No task, no handle; a later run brings the rest."""
        files = {f"{folder}/{number}": b"x" for folder in "abc" for number in range(4)}
        plant(tmp_path / "tree", files)
        transfer = up().start()
        for _ in range(steps):
            await asyncio.sleep(0)
        transfer.cancel()
        with suppress(asyncio.CancelledError):  # it may have ended before
            await transfer
        report = await up()
        report.raise_first()
        assert await in_drive(ground) == {**files, "a": None, "b": None, "c": None}

    async def test_large_files_keep_their_place_in_a_directory(
        self, ground, up, content, tmp_path, files_in
    ):
        """A second run sends no part again; small files need none."""
        data = content(5 * 102_400)
        plant(tmp_path / "tree", {"folder/large": data, "small": b"x"})
        options = {"checkpoint": tmp_path / "places", "part_size": 102_400, "rapid_upload": False}
        ground.emulator.faults.add(
            "/data",
            Fault.storage(403, "AccessDenied", "no"),
            times=9,
            when=lambda one: one.part_number == 4,
        )
        report = await up(**options)
        assert [one.path for one in report.failed] == ["folder/large"]
        [kept] = files_in(tmp_path / "places")
        assert "large" not in kept
        ground.emulator.faults.clear()
        sent = len(ground.puts)
        report = await up(**options)
        assert paths(report.done) == {"folder/large": "uploaded"}
        assert [one.number for one in ground.puts[sent:]] == [4, 5]
        assert (await in_drive(ground))["folder/large"] == data
        assert files_in(tmp_path / "places") == {}
        # As if the run had been killed just before it removed it.
        (tmp_path / "places" / kept).write_bytes(b"of a file that is whole")
        assert len((await up(**options)).skipped) == 2
        assert files_in(tmp_path / "places") == {}
