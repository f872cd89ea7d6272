"""Directories that are read piece by piece, and never left by a link."""

from __future__ import annotations

import os
import socket
import stat
import types
from contextlib import nullcontext

import pytest

from pdsclient.errors import ContentChanged
from pdsclient.transfer import tree_local
from pdsclient.transfer.disk import FileStamp
from pdsclient.transfer.tree_local import (
    LocalFolder,
    look_at,
    make_folder,
    make_top,
    moment_of,
)


@pytest.fixture(autouse=True, params=["by handle", "by path"])
def way(request, monkeypatch):
    """How directories are read; not every system has handles of them."""
    monkeypatch.setattr(tree_local, "_BY_HANDLE", request.param == "by handle")


def read(folder: LocalFolder, most: int = 100) -> dict[str, tuple[str, str]]:
    found = {}
    while not folder.done:
        found.update({one.name: (one.kind, one.reason) for one in folder.take(most)})
    return found


def below(folder: LocalFolder, name: str) -> LocalFolder:
    [entry] = [one for one in folder.take(100) if one.name == name]
    return folder.folder(entry)


def test_entries_come_in_pieces_and_each_once(tmp_path):
    """A piece is no longer than asked for, and the directory is closed at its end."""
    for number in range(10):
        (tmp_path / str(number)).write_bytes(b"x" * number)
    folder = LocalFolder(os, str(tmp_path))
    pieces = []
    while not folder.done:
        pieces.append(folder.take(3))
    assert [len(piece) for piece in pieces] == [3, 3, 3, 1]
    assert {one.name: one.stamp.size for piece in pieces for one in piece} == {
        str(number): number for number in range(10)
    }
    assert folder.take(3) == []


def test_what_is_no_file_or_folder_is_told_with_a_reason(tmp_path):
    """Links, pipes and sockets are never opened."""
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("file")
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as one:
        here = os.getcwd()
        os.chdir(tmp_path)  # the name of a socket has to be short
        try:
            one.bind("socket")
        finally:
            os.chdir(here)
        found = read(LocalFolder(os, str(tmp_path)))
    assert found == {
        "file": ("file", ""),
        "folder": ("folder", ""),
        "link": ("other", "symbolic link"),
        "pipe": ("other", "not a regular file"),
        "socket": ("other", "not a regular file"),
    }


def test_links_are_followed_inside_the_tree_only(tmp_path):
    """What leads out of it, nowhere, or back up is told and left."""
    top = tmp_path / "top"
    (top / "a" / "b").mkdir(parents=True)
    (top / "file").write_bytes(b"12345")
    (tmp_path / "out").touch()
    (tmp_path / "top2").mkdir()
    for name, target in {
        "in": "../../file",
        "out": "../../../out",
        "beside": "../../../top2",
        "up": "..",
        "top": "../../../top",
        "self": ".",
        "loop": "loop",
        "nothing": "gone",
    }.items():
        (top / "a" / "b" / name).symlink_to(target)
    (top / "a" / "c").mkdir()
    (top / "a" / "c" / "d").symlink_to("../b")
    folder = LocalFolder(os, str(top), top=os.path.realpath(top))
    a = below(folder, "a")
    entries = {one.name: one for one in a.take(100)}
    b = read(a.folder(entries["b"]))
    assert {name: reason for name, (_, reason) in b.items()} == {
        "in": "",
        "out": "symbolic link out of the tree",
        "beside": "symbolic link out of the tree",
        "up": "symbolic link to a folder above it",
        "top": "symbolic link to a folder above it",
        "self": "symbolic link to a folder above it",
        "loop": "symbolic link to nothing",
        "nothing": "symbolic link to nothing",
    }
    assert b["in"][0] == "file"
    again = below(a.folder(entries["c"]), "d")
    assert read(again) == b
    folder.close()


def test_a_directory_that_was_replaced_is_not_entered(tmp_path):
    """Neither by another directory, nor by a link to one."""
    top = tmp_path / "top"
    for name in ("a", "b", "c"):
        (top / name).mkdir(parents=True)
    (tmp_path / "secret").mkdir()
    folder = LocalFolder(os, str(top))
    entries = {one.name: one for one in folder.take(100)}
    (top / "a").rename(tmp_path / "away")
    (top / "a").symlink_to(tmp_path / "secret")
    (top / "b").rename(tmp_path / "away2")
    (tmp_path / "secret").rename(top / "b")
    (top / "c").rmdir()
    with pytest.raises((NotADirectoryError, ContentChanged)):
        folder.folder(entries["a"]).take(1)
    with pytest.raises(ContentChanged, match="another one"):
        folder.folder(entries["b"]).take(1)
    with pytest.raises(FileNotFoundError):
        folder.folder(entries["c"]).take(1)


def test_a_directory_is_closed_when_its_reading_fails_or_ends_early(tmp_path):
    """No descriptor stays."""
    for number in range(5):
        (tmp_path / str(number)).touch()
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    folder = LocalFolder(os, str(tmp_path))
    assert len(folder.take(2)) == 2
    folder.close()
    folder.close()
    missing = LocalFolder(os, str(tmp_path), identity=(0, 0))
    with pytest.raises(ContentChanged):
        missing.take(1)
    if before:
        assert len(os.listdir("/proc/self/fd")) == before


def test_a_file_that_vanishes_while_it_is_listed_is_not_there(tmp_path):
    """It is neither a failure nor an entry."""
    (tmp_path / "a").touch()
    (tmp_path / "b").touch()

    class Quick:
        """Somebody removes a file just after its name was read."""

        def __getattr__(self, name):
            return getattr(os, name)

        def scandir(self, where):
            with os.scandir(where) as found:
                entries = list(found)
            (tmp_path / "a").unlink()
            return nullcontext(iter(entries))

    assert read(LocalFolder(Quick(), str(tmp_path))) == {"b": ("file", "")}


def test_directories_are_made_once_and_never_through_a_link(tmp_path):
    """A link in the place of a directory would lead out of the tree."""
    path = str(tmp_path / "a")
    assert [make_folder(os, path, dry_run=True) for _ in "ab"] == [True, True]
    assert [make_folder(os, path, dry_run=False) for _ in "ab"] == [True, False]
    (tmp_path / "link").symlink_to("a")
    (tmp_path / "file").touch()
    for name in ("link", "file"):
        for dry_run in (True, False):
            with pytest.raises(NotADirectoryError):
                make_folder(os, str(tmp_path / name), dry_run)


def test_the_top_may_be_a_link_and_is_made_with_what_is_above_it(tmp_path):
    """What the caller named is what is meant."""
    deep = str(tmp_path / "a" / "b")
    assert make_top(os, deep, dry_run=True)
    assert not os.path.exists(deep)
    assert [make_top(os, deep, dry_run=False) for _ in "ab"] == [True, False]
    (tmp_path / "link").symlink_to("a")
    assert not make_top(os, str(tmp_path / "link"), dry_run=False)
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        make_top(os, str(tmp_path / "file"), dry_run=True)


def test_looking_follows_no_link_and_takes_errors_for_answers(tmp_path):
    """One name that cannot be looked at does not keep the others from it."""
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file")
    names = ["file", "link", "missing", "x" * 300]
    file, link, missing, long = look_at(os, [str(tmp_path / name) for name in names])
    assert (file.kind, link.kind, link.reason, missing) == ("file", "other", "symbolic link", None)
    assert isinstance(long.error, OSError)


def test_a_time_beyond_all_years_is_none(tmp_path):
    """Some file systems take any number."""
    assert moment_of(FileStamp(1, 10**21, 1, 1)) is None
    assert moment_of(FileStamp(1, 86_400 * 10**9, 1, 1)).isoformat() == "1970-01-02T00:00:00+00:00"


def test_a_junction_of_windows_is_a_link():
    """It leads elsewhere, though it looks like a directory."""
    found = types.SimpleNamespace(st_mode=stat.S_IFDIR, st_reparse_tag=0xA0000003)
    assert tree_local._is_link(found)
    found.st_reparse_tag = 0
    assert not tree_local._is_link(found)
