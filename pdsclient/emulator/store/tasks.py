"""Async tasks: what a reply only promises, and what becomes of it.

A task is a record. Its work is done in one transaction, together with the note that it is done:
at once when it takes no time, else as soon as somebody asks for anything after it is due, or, of
another process than the one that began it, for the task. So it is done once, whatever is killed
meanwhile and whichever process comes first. Until then nothing of it can be seen but its progress,
which follows the clock.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any, Final, NamedTuple
from uuid import uuid4

import attrs

from pdsclient._times import parse_time
from pdsclient.emulator.store.files import FilesChanged
from pdsclient.emulator.writing import Missing
from pdsclient.errors import InvalidRequest

_KIND: Final = "task"
_WAITING, _DONE = "waiting", "done"


@attrs.frozen(kw_only=True)
class Course:
    """How a task goes.

    Attributes:
        duration_s: from its start to its end, by the emulator's clock.
        outcome: ``Succeed``; ``PartialSucceed``: the work is done, but one of its files is said
            to have failed; or ``Failed``: nothing is done.
    """

    duration_s: float = 0.0
    outcome: str = "Succeed"


class Task(NamedTuple):
    """A task as it stands; ``started`` and ``due``, its end, are Unix timestamps."""

    task_id: str
    task_type: str
    state: str
    total: int
    consumed: int
    failed: int
    started: float
    due: float
    error: tuple[int, str, str]
    """Status, code and message; 0 and empty ones if there is none."""
    args: list[Any]
    starter: str
    """Who began it, and may ask for it."""

    def is_overdue(self, now: float) -> bool:
        """Its work should have been done by now."""
        return self.state == "Running" and self.due <= now


class Tasks(FilesChanged):
    """The part of a store that keeps tasks."""

    next_due: float = -inf
    """When the next task has to be worked off; call ``run_due_tasks`` from then on."""

    def start_task(
        self, task_type: str, *args: Any, total: int = 1, course: Course, starter: str = ""
    ) -> str:
        """Begin a task, and do its work if it takes no time; its id.

        Args:
            task_type: one of ``WORKS``.
            args: for the work; what JSON can hold.
            total: how many files it is about.
            course: how it goes.
            starter: who may ask for it, beside administrators.
        """
        said = {"total": max(1, total), "starter": starter}
        return self._start(task_type, args, said, self._clock.time(), course)

    def plan_task(self, task_type: str, *args: Any, at: float) -> None:
        """Have something done at a time; nobody asks how it went."""
        now = self._clock.time()
        said = {"total": 1, "starter": ""}
        self._start(task_type, args, said, now, Course(duration_s=max(0.0, at - now)))

    def _start(
        self,
        task_type: str,
        args: tuple[Any, ...],
        said: dict[str, Any],
        now: float,
        course: Course,
    ) -> str:
        task_id = str(uuid4())
        due = now + course.duration_s
        data = {
            **said,
            "type": task_type,
            "args": args,
            "started": now,
            "due": due,
            "outcome": course.outcome,
        }
        with self.atomic():
            self.put_record(_KIND, task_id, data, parent=_WAITING)
            if due <= now:
                self._finish(task_id, data)
            else:
                self.next_due = min(self.next_due, due)
        return task_id

    def run_due_tasks(self) -> None:
        """Do the work of all tasks whose time has come."""
        with self._writing():
            now = self._clock.time()
            waiting = self.records(_KIND, parent=_WAITING)
            for one in waiting:
                if one.data["due"] <= now:
                    self._finish(one.key, one.data)
        left = [float(one.data["due"]) for one in waiting if one.data["due"] > now]
        self.next_due = min(left, default=inf)

    def task(self, task_id: str) -> Task | None:
        """A task as it stands now."""
        data = self.record(_KIND, task_id)
        if data is None:
            return None
        state = data.get("state", "Running")
        total = data["total"]
        failed = {"Failed": total, "PartialSucceed": 1}.get(state, 0)
        return Task(
            task_id,
            data["type"],
            state,
            total,
            self._progress(data) if state == "Running" else total - failed,
            failed,
            data["started"],
            data["due"],
            tuple(data.get("error", (0, "", ""))),
            data["args"],
            data["starter"],
        )

    def _progress(self, data: dict[str, Any]) -> int:
        spent = (self._clock.time() - data["started"]) / (data["due"] - data["started"] or 1.0)
        return int(data["total"] * min(1.0, spent))

    def _finish(self, task_id: str, data: dict[str, Any]) -> None:
        state = data["outcome"]
        error: tuple[int, str, str] = (0, "", "")
        if state == "Failed":
            error = (500, "InternalError", "The task was made to fail.")
        elif state == "PartialSucceed":
            error = (403, "ForbiddenNoPermission.File", "One of the files was made to fail.")
        if state != "Failed":
            refusal = self._work(data["type"], data["args"])
            state, error = ("Failed", refusal) if refusal else (state, error)
        data = {**data, "state": state, "error": error}
        self.put_record(_KIND, task_id, data, parent=_DONE)

    def _work(self, task_type: str, args: Any) -> tuple[int, str, str] | None:
        """Do it all, or nothing and say why: the files may have changed since the task began."""
        with self.atomic():
            connection = self._writer
            connection.execute("SAVEPOINT work")
            try:
                WORKS[task_type](self, *args)
                return None
            except Missing as error:
                connection.execute("ROLLBACK TO work")
                return 404, "NotFound.FileId", str(error)
            except InvalidRequest as error:
                connection.execute("ROLLBACK TO work")
                return 400, "InvalidParameter", str(error)
            finally:
                connection.execute("RELEASE work")

    def _end_in_bin(self, drive_id: str, file_id: str, life_s: float) -> None:
        """Delete what has been in the recycle bin for so long."""
        row = self._row(drive_id, file_id)
        since = None if row is None else parse_time(row.trashed_at or "")
        if since is not None and since.timestamp() + life_s <= self._clock.time():
            self.delete_file(drive_id, file_id)


WORKS: Final[dict[str, Callable[..., object]]] = {
    "archive": lambda store, *_: None,
    "clear": Tasks.empty_bin,
    "copy": Tasks.copy_file,
    "delete": Tasks.delete_file,
    "expire": Tasks._end_in_bin,
    "forget": lambda store, archive_id: store.forget_archive(archive_id),
    "move": Tasks.move_file,
    "restore": Tasks.restore_file,
    "trash": Tasks.trash_file,
}
"""What tasks do, by their type; the arguments follow the store."""
