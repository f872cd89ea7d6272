"""Where uploads keep their place, and what the options of transfers take."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from pdsclient.cli.kept import Kept, find_kept, state_directory
from pdsclient.cli.terminal import command_to_go_on
from pdsclient.cli.transfer_options import Existing, How, _bytes_per_s


def test_state_is_where_the_system_wants_it() -> None:
    """XDG_STATE_HOME if it is a full path, else the usual place in the home."""
    assert state_directory({"XDG_STATE_HOME": "/var/state"}) == Path("/var/state/pdsclient")
    usual = Path.home() / ".local" / "state" / "pdsclient"
    assert state_directory({}) == state_directory({"XDG_STATE_HOME": "relative"}) == usual


def test_state_is_the_users_alone(tmp_path: Path) -> None:
    """The directory is made with mode 700, and one that others can write to is not used."""
    assert find_kept({"XDG_STATE_HOME": str(tmp_path)}) is not None
    directory = tmp_path / "pdsclient" / "uploads"
    assert directory.stat().st_mode & 0o777 == 0o700
    directory.chmod(0o777)
    assert find_kept({"XDG_STATE_HOME": str(tmp_path)}) is None


def test_place_that_cannot_be_made_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An upload without a checkpoint is better than none, but nobody is to rely on --resume."""
    (tmp_path / "file").touch()
    assert find_kept({"XDG_STATE_HOME": str(tmp_path / "file")}) is None
    said = "pdsclient: no place is kept, so --resume will not be of use: Not a directory\n"
    assert capsys.readouterr().err == said


def test_each_upload_has_a_checkpoint_of_its_own(tmp_path: Path) -> None:
    """Another endpoint, drive, folder, name or source is another upload; the names say nothing."""
    kept = Kept(tmp_path)
    paths = {
        kept.path("a", "b"),
        kept.path("ab", ""),
        kept.path("a", "c"),
        kept.path("a\udcff", "b"),
    }
    assert len(paths) == 4
    assert kept.path("a", "b") == kept.path("a", "b")
    assert {path.parent for path in paths} == {tmp_path}


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_checkpoint_is_dropped_whatever_it_is(tmp_path: Path, kind: str) -> None:
    """That of a file is a file, that of a tree a directory; none is no error."""
    path = tmp_path / "one"
    assert not Kept.has(path)
    Kept.drop(path)
    if kind == "file":
        path.write_text("x")
    else:
        path.mkdir()
        assert not Kept.has(path)
        (path / "part").touch()
    assert Kept.has(path)
    Kept.drop(path)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("text", "speed"),
    [("5M", 5e6), ("500k", 5e5), ("1.5G", 1.5e9), ("100", 100), ("2MB/s", 2e6)],
)
def test_speeds_are_bytes_per_second(text: str, speed: float) -> None:
    """A number, with a letter for thousands or millions of bytes."""
    assert _bytes_per_s(text) == speed


@pytest.mark.parametrize("text", ["", "M", "-5M", "0", "5X", "nan", "5MM", "1e3"])
def test_what_is_no_speed_is_refused(text: str) -> None:
    """A slip must not become an upload of a byte a second."""
    with pytest.raises(typer.BadParameter, match="5M"):
        _bytes_per_s(text)


@pytest.mark.parametrize(
    ("existing", "mode", "compare"),
    [
        (None, "update", "auto"),
        (Existing.OVERWRITE, "update", "checksum"),
        (Existing.REFUSE, "refuse", "auto"),
        (Existing.SKIP, "skip", "auto"),
    ],
)
def test_folders_are_updated_unless_something_else_is_said(
    existing: Any, mode: str, compare: str
) -> None:
    """To overwrite is to update by content, so that what is the same need not be sent."""
    how = How(
        existing=existing,
        include=(),
        exclude=("*.tmp",),
        dry_run=False,
        bandwidth=None,
        concurrency=4,
        resume=False,
        as_json=False,
        quiet=False,
    )
    given = how.for_trees()
    assert (given["existing"], given["compare"]) == (mode, compare)
    assert (given["include"], given["exclude"]) == (None, ("*.tmp",))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["upload", "a b", "--to", "x"], "pdsclient upload 'a b' --to x --resume"),
        (["upload", "--resume", "a"], "pdsclient upload --resume a"),
        (["upload", "--to", "x", "--", "-a"], "pdsclient upload --to x --resume -- -a"),
    ],
)
def test_command_that_goes_on_is_the_same_with_resume(
    monkeypatch: pytest.MonkeyPatch, given: list[str], told: str
) -> None:
    """It can be pasted into a shell, also where a lone -- makes all that follows a file."""
    monkeypatch.setattr(sys, "argv", ["pdsclient", *given])
    assert command_to_go_on() == told
