from __future__ import annotations

import hashlib
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pdsclient._clock import SystemClock
from pdsclient.emulator.store import Store
from pdsclient.emulator.tree import TreeReport, serve_tree
from pdsclient.query import F, Query

BY_NAME = [F.name.asc()]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "served"
    (root / "docs" / "deep").mkdir(parents=True)
    (root / "docs" / "report.pdf").write_bytes(b"first")
    (root / "docs" / "deep" / "note.txt").write_bytes(b"deep")
    (root / ".hidden").write_bytes(b"")
    os.utime(root / "docs" / "report.pdf", (1_600_000_000.5, 1_600_000_000.5))
    return root


@pytest.fixture
def store() -> Iterator[Store]:
    store = new_store()
    yield store
    store.close()


def new_store() -> Store:
    store = Store(clock=SystemClock())
    store.put_drive("1", owner="u", default=True)
    return store


def files(store: Store, query: Query | None = None) -> dict[str, dict[str, Any]]:
    page = store.search(["1"], query, BY_NAME, limit=100)
    return {row.name: json.loads(row.json) for row in page.rows}


def content(store: Store, file_id: str) -> bytes | None:
    opened = store.open_content("1", file_id)
    if opened is None:
        return None
    with opened:
        return opened.read(0, opened.size + 1)


def test_a_directory_is_served_as_it_lies(store: Store, root: Path) -> None:
    """Names, sizes, times, folders and dot files are those of the disk."""
    report = serve_tree(store, root, "1")
    assert report == TreeReport(files=3, folders=2, skipped={})
    served = files(store)
    assert list(served) == [".hidden", "deep", "docs", "note.txt", "report.pdf"]
    file = served["report.pdf"]
    assert file["size"] == 5
    assert file["updated_at"] == "2020-09-13T12:26:40.500Z"
    assert file["parent_file_id"] == served["docs"]["file_id"]
    assert "content_hash" not in file
    assert served[".hidden"]["hidden"]
    assert not file["hidden"]
    assert content(store, file["file_id"]) == b"first"
    assert content(store, served["note.txt"]["file_id"]) == b"deep"
    assert content(store, served["docs"]["file_id"]) is None
    row = store.get_file("1", served["note.txt"]["file_id"])
    assert row is not None
    assert store.name_path(row) == "root/docs/deep/note.txt"


def test_two_starts_give_the_same_ids(store: Store, root: Path) -> None:
    """Ids and revisions follow from the path and the file, so links stay good."""
    again = new_store()
    serve_tree(store, root, "1")
    serve_tree(again, root, "1")
    assert files(store) == files(again)
    again.close()


def test_a_changed_file_is_a_new_revision(store: Store, root: Path) -> None:
    """Content, size, revision and hash are those of the file as it is now."""
    serve_tree(store, root, "1")
    before = files(store)["report.pdf"]
    first = store.open_content("1", before["file_id"])
    assert first is not None
    assert first.sha1() == hashlib.sha1(b"first").hexdigest().upper()
    first.close()
    (root / "docs" / "report.pdf").write_bytes(b"second edition")
    second = store.open_content("1", before["file_id"])
    assert second is not None
    with second:
        assert (second.size, second.read(0, 99)) == (14, b"second edition")
        assert second.sha1() == hashlib.sha1(b"second edition").hexdigest().upper()
        assert second.revision_id != before["revision_id"]
    after = files(store)["report.pdf"]
    assert (after["size"], after["revision_id"]) == (14, second.revision_id)


def test_get_looks_at_the_file_again(store: Store, root: Path) -> None:
    """A change on the disk shows without anybody reading the content."""
    serve_tree(store, root, "1")
    file_id = files(store)["report.pdf"]["file_id"]
    (root / "docs" / "report.pdf").write_bytes(b"longer than before")
    row = store.get_file("1", file_id)
    assert row is not None
    assert row.size == 18


def test_a_file_that_vanished_is_not_found(store: Store, root: Path) -> None:
    """Neither it nor its content can be had, until it comes back."""
    serve_tree(store, root, "1")
    file_id = files(store)["report.pdf"]["file_id"]
    (root / "docs" / "report.pdf").unlink()
    assert store.get_file("1", file_id) is None
    assert store.open_content("1", file_id) is None
    (root / "docs" / "report.pdf").write_bytes(b"back")
    assert content(store, file_id) == b"back"


def test_only_regular_files_and_folders_are_served(store: Store, root: Path) -> None:
    """Links, pipes, sockets and names that are not UTF-8 are skipped and counted."""
    (root / "link").symlink_to("/etc/hostname")
    (root / "folder link").symlink_to("/etc")
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(root / "s"))
        os.close(os.open(os.fsencode(root) + b"/\xff.txt", os.O_CREAT | os.O_WRONLY))
        report = serve_tree(store, root, "1")
    assert report.skipped == {"symlink": 2, "special": 2, "undecodable": 1}
    assert report.files == 3


def test_a_link_put_in_later_is_not_followed(store: Store, root: Path, tmp_path: Path) -> None:
    """Neither in place of the file nor in place of a folder above it."""
    secret = tmp_path / "elsewhere"
    secret.mkdir()
    (secret / "report.pdf").write_bytes(b"secret")
    serve_tree(store, root, "1")
    file_id = files(store)["report.pdf"]["file_id"]
    (root / "docs" / "report.pdf").unlink()
    (root / "docs" / "report.pdf").symlink_to(secret / "report.pdf")
    assert content(store, file_id) is None
    (root / "docs").rename(tmp_path / "away")
    (root / "docs").symlink_to(secret)
    assert content(store, file_id) is None


def test_a_pipe_put_in_later_does_not_hang(store: Store, root: Path) -> None:
    """Opening a pipe would wait for a writer."""
    serve_tree(store, root, "1")
    file_id = files(store)["report.pdf"]["file_id"]
    (root / "docs" / "report.pdf").unlink()
    os.mkfifo(root / "docs" / "report.pdf")
    assert content(store, file_id) is None


def test_changes_stay_in_the_store(store: Store, root: Path) -> None:
    """The tree is never written; a renamed or moved file still has its content."""
    before = sorted(path.relative_to(root) for path in root.rglob("*"))
    serve_tree(store, root, "1")
    served = files(store)
    renamed, kept = served["report.pdf"]["file_id"], served["note.txt"]["file_id"]
    store.update_file("1", renamed, {"name": "renamed.pdf"})
    store.move_file("1", renamed, "root")
    store.update_file("1", kept, {"content": b"written"})
    store.delete_file("1", served[".hidden"]["file_id"])
    store.add_files([{"name": "new.txt", "content": b"new"}], drive_id="1")
    assert content(store, renamed) == b"first"
    assert content(store, kept) == b"written"
    assert ".hidden" not in files(store)
    assert sorted(path.relative_to(root) for path in root.rglob("*")) == before
    assert (root / "docs" / "deep" / "note.txt").read_bytes() == b"deep"


def test_a_tree_that_is_no_directory_is_refused(store: Store, root: Path) -> None:
    """The caller hears it from the operating system."""
    with pytest.raises(NotADirectoryError):
        serve_tree(store, root / ".hidden", "1")
    with pytest.raises(FileNotFoundError):
        serve_tree(store, root / "nowhere", "1")


def test_an_unreadable_folder_is_counted(
    store: Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest of the tree is served all the same."""
    scandir = os.scandir

    def refuse(folder: int) -> Any:
        if os.fstat(folder).st_ino == (root / "docs" / "deep").stat().st_ino:
            raise PermissionError
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    report = serve_tree(store, root, "1")
    assert report.skipped == {"unreadable": 1}
    assert "report.pdf" in files(store)


def test_no_handle_is_left_open(root: Path) -> None:
    """Scanning, reading and closing give back every descriptor."""
    before = len(os.listdir("/proc/self/fd"))
    store = new_store()
    serve_tree(store, root, "1")
    for file in files(store).values():
        content(store, file["file_id"])
        store.get_file("1", file["file_id"])
    store.close()
    assert len(os.listdir("/proc/self/fd")) == before
