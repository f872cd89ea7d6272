"""Async tasks: get."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pdsclient._times import render_time
from pdsclient.emulator.handlers.archive import result_of
from pdsclient.emulator.handlers.operation import Operation
from pdsclient.emulator.handlers.work import starters
from pdsclient.emulator.replies import Reply, json_reply, not_found
from pdsclient.emulator.service import Call
from pdsclient.emulator.store import Task


async def get(call: Call) -> Reply:
    """``/async_task/get``: how far a task is."""
    task_id = call.params.required("async_task_id")
    task = await call.service.read(call.store.task, task_id)
    if task is not None and task.is_overdue(call.service.clock.time()):
        # Another process began it.
        await call.service.write(call.store.run_due_tasks)
        task = await call.service.read(call.store.task, task_id)
    if task is None or not _is_open(call, task) or _is_forgotten(call, task):
        raise not_found("async_task", f"async_task_id:{task_id}")
    return json_reply({**_shown(task), **result_of(call, task)})


def _is_open(call: Call, task: Task) -> bool:
    """Whether the caller began the task, or administers the domain."""
    user = call.caller.user
    return task.starter in starters(call) or (user is not None and user.is_admin)


def _is_forgotten(call: Call, task: Task) -> bool:
    life_s = call.settings.task_life_s
    if life_s is None or task.state == "Running":
        return False
    return call.service.clock.time() >= task.due + life_s


def _shown(task: Task) -> dict[str, Any]:
    status, code, message = task.error
    return {
        "async_task_id": task.task_id,
        "state": task.state,
        "status": task.state,
        "total_process": task.total,
        "consumed_process": task.consumed,
        "skipped_process": 0,
        "failed_process": task.failed,
        "created_at": _moment(task.started),
        "started_at": _moment(task.started),
        "finished_at": "" if task.state == "Running" else _moment(task.due),
        "error_code": code,
        "error_message": message,
        "err_code": status,
        "message": message,
        "url": "",
        "category": "",
        "task_type": task.task_type,
    }


def _moment(time: float) -> str:
    return render_time(datetime.fromtimestamp(time, UTC))


OPERATIONS = {"/async_task/get": Operation(get, "share")}
