"""Changes of files against a model, the log of changes replayed, and tasks that are killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pdsclient.emulator.clock import MovableClock
from pdsclient.emulator.store import Course, Store
from pdsclient.query import parse_order_by

BY_NAME = parse_order_by("name ASC").terms
PROFILE = settings(
    max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


class Replica:
    """What a client knows that has followed the log of changes."""

    def __init__(self) -> None:
        self.files: dict[str, dict[str, object]] = {}

    def follow(self, store: Store, after: int) -> int:
        """Read the changes behind a place in the log; the new place."""
        for change in store.changes("1", after=after, limit=1000):
            after = change.seq
            if change.json is None:
                self.forget(change.file_id)
            else:
                self.files[change.file_id] = json.loads(change.json)
        return after

    def forget(self, file_id: str) -> None:
        """Without a file all that was below it is gone as well, but for what is in the bin."""
        self.files.pop(file_id, None)
        below = [
            key
            for key, one in self.files.items()
            if one["parent_file_id"] == file_id and "trashed_at" not in one
        ]
        for key in below:
            self.forget(key)

    def paths(self) -> list[str]:
        """Where all files are that are in no bin."""
        found = [self.path(file_id) for file_id in self.files]
        return sorted(path for path in found if path is not None)

    def path(self, file_id: str) -> str | None:
        if file_id == "root":
            return "root"
        file = self.files[file_id]
        # The folder of what is in the bin may be gone.
        above = None if "trashed_at" in file else self.path(str(file["parent_file_id"]))
        return None if above is None else f"{above}/{file['name']}"


def paths(store: Store) -> list[str]:
    rows = store.search(["1"], None, BY_NAME, limit=1000).rows
    return sorted(store.name_path(row) for row in rows)


def is_below(store: Store, file_id: str, folder_id: str) -> bool:
    row = store.get_file("1", file_id)
    return row is not None and folder_id in store.id_path(row).split("/")


def change(store: Store, verb: str, ids: list[str], draw) -> None:
    """Something that an API call may do, with files that are there."""
    alive = [one for one in ids if (row := store.get_file("1", one)) and row.findable]
    trashed = [one for one in ids if (row := store.get_file("1", one)) and row.trashed_at]
    folders = ["root", *(one for one in alive if store.get_file("1", one).type == "folder")]
    name, target = draw(st.sampled_from("abc")), draw(st.sampled_from(folders))
    if verb == "add":
        kind = draw(st.sampled_from(["file", "folder"]))
        row = {"name": name, "type": kind, "parent_file_id": target}
        ids += store.add_files([row], drive_id="1")
    elif verb == "restore" and trashed:
        store.restore_file("1", draw(st.sampled_from(trashed)))
    elif verb == "empty":
        store.empty_bin("1")
    elif verb in ("trash", "delete", "rename", "move", "copy") and alive:
        file_id = draw(st.sampled_from(alive))
        if verb == "trash":
            store.trash_file("1", file_id)
        elif verb == "delete":
            store.delete_file("1", file_id)
        elif verb == "rename":
            store.update_file("1", file_id, {"name": name})
        elif not is_below(store, target, file_id):
            if verb == "move":
                store.move_file("1", file_id, target)
            else:
                store.copy_file("1", file_id, "1", target, name)


VERBS = ["add", "trash", "restore", "delete", "rename", "move", "copy", "empty"]


@PROFILE
@given(st.data())
def test_whoever_follows_the_log_knows_all_files(data: st.DataObject) -> None:
    """After any changes the replayed log and the index of searches show the same files."""
    store = Store(clock=MovableClock())
    try:
        store.put_drive("1", owner="me")
        store.add_files([{"path": path} for path in ("a/b/c", "b/a")], drive_id="1")
        replica = Replica()
        after = replica.follow(store, 0)
        ids = list(replica.files)
        for verb in data.draw(st.lists(st.sampled_from(VERBS), max_size=14)):
            change(store, verb, ids, data.draw)
            after = replica.follow(store, after)
            ids = [*dict.fromkeys([*ids, *replica.files])]
            assert replica.paths() == paths(store)
    finally:
        store.close()


COPIER = """
import sys
from pdsclient.emulator.clock import MovableClock
from pdsclient.emulator.store import Course, Store
store = Store(sys.argv[1], clock=MovableClock())
for number in range(1000):
    copy_id = f"{number:040}"
    store.start_task("copy", "1", sys.argv[2], "1", "root", "copy", copy_id, course=Course())
    print(copy_id, flush=True)
"""
FILES = 150


def test_a_killed_task_is_done_or_not_at_all(tmp_path: Path) -> None:
    """kill -9 in the midst of copies: those that were told of are whole, and no other is there
    in part."""
    database = tmp_path / "pds.db"
    store = Store(database, clock=MovableClock())
    store.put_drive("1", owner="me")
    store.add_files([{"path": f"a/{n}"} for n in range(FILES)], drive_id="1")
    source = store.search(["1"], None, BY_NAME, limit=1000).rows
    top = next(row.file_id for row in source if row.type == "folder")
    store.close()
    command = [sys.executable, "-c", COPIER, str(database), top]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = [process.stdout.readline().strip() for _ in range(3)]
        process.send_signal(signal.SIGKILL)
        told += process.stdout.read().split()
    store = Store(database, clock=MovableClock())
    try:
        tops = store.list_children("1", "root", order_by=BY_NAME, limit=1000).rows
        sizes = {row.file_id: store.dir_size(row)[2] for row in tops}
        assert set(sizes.values()) == {FILES}
        assert set(told) <= set(sizes)
        assert len(store.records("task", parent="done")) == len(sizes) - 1
        assert store.records("task", parent="waiting") == []
    finally:
        store.close()


def test_processes_do_a_task_once(tmp_path: Path) -> None:
    """Both see that it is due; the first one does it, the other finds it done."""
    database = tmp_path / "pds.db"
    first, second = MovableClock(), MovableClock()
    one, other = Store(database, clock=first), Store(database, clock=second)
    try:
        one.put_drive("1", owner="me")
        (file_id,) = one.add_files([{"name": "a"}], drive_id="1")
        course = Course(duration_s=10)
        task_id = one.start_task("copy", "1", file_id, "1", "root", "b", None, course=course)
        other.run_due_tasks()
        assert paths(other) == ["root/a"]
        first.advance(10)
        second.advance(10)
        assert (one.next_due <= first.time(), other.next_due <= second.time()) == (True, True)
        for store in (other, one, other):
            store.run_due_tasks()
        assert paths(one) == ["root/a", "root/b"]
        task = one.task(task_id)
        assert task is not None
        assert task.state == "Succeed"
    finally:
        one.close()
        other.close()
