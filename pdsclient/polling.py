"""Waiting for async tasks: what the service does after it has answered.

A reply whose ``async_task_id`` is None is done. Otherwise ``/async_task/get`` tells how far it is;
three states end a task, any other, also one that is invented tomorrow, means that it goes on
(pds-service.md 9). Every waiting ends: at its deadline at the latest.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Mapping
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, Final, TypeVar

from attrs import frozen

from pdsclient._checks import check_seconds, shown
from pdsclient._secrets import mask_text
from pdsclient.batching import run_batch
from pdsclient.errors import DeadlineExceeded, InvalidRequest, PDSError, TaskFailed

if TYPE_CHECKING:
    from pdsclient._core import Engine, Shared
    from pdsclient.models.async_task import AsyncTask

__all__ = ["Task", "TaskProgress", "check_deadline", "wait_all"]

K = TypeVar("K", bound=Hashable)

# As pds-service.md 9 suggests; small copies take a second, folders of ten thousand files minutes.
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 5.0
_GROWTH: Final = 1.5
# The last look, at the deadline, has to have time for an answer.
_LAST_LOOK_S: Final = 5.0

_SUCCEEDED: Final = "succeed"
_FAILED: Final = frozenset({"failed", "partialsucceed"})


@frozen(kw_only=True)
class TaskProgress:
    """How far a task is.

    Attributes:
        state: the service's word, such as ``Running``; None if it did not say.
        total: files and folders in all.
        consumed: how many of them were dealt with.
        skipped: how many of them were left out.
        failed: how many of them failed.
        elapsed_s: seconds since the waiting began.
    """

    state: str | None
    total: int | None
    consumed: int | None
    skipped: int | None
    failed: int | None
    elapsed_s: float

    def __str__(self) -> str:
        of = "" if self.total is None else f", {self.consumed or 0:,} of {self.total:,}"
        failed = f", {self.failed:,} failed" if self.failed else ""
        return f"{self.state or 'no state'}{of}{failed}"


class Task:
    """An async task: ``await`` it until it has ended, or ask for its ``status()`` once.

    It holds no state and owns nothing that runs: each ``await`` waits anew.

    Attributes:
        id: the task; None if everything was done at once, then nothing is sent.
    """

    __slots__ = ("_deadline_s", "_engine", "_progress", "id")

    def __init__(
        self,
        engine: Engine,
        reply: object,
        *,
        deadline_s: float,
        progress: Callable[[TaskProgress], object] | None = None,
    ) -> None:
        self.id = _task_id(reply)
        self._engine = engine
        self._deadline_s = check_deadline(deadline_s)
        self._progress = _checked_progress(progress)

    def __await__(self) -> Generator[Any, None, AsyncTask]:
        return self._wait().__await__()

    async def status(self) -> AsyncTask:
        """How the task is now."""
        return await self._look(self._engine)

    async def _wait(self) -> AsyncTask:
        pauses = _Pauses(self._engine.shared, self._deadline_s)
        while True:
            try:
                task = await self._look(pauses.limit(self._engine))
            except DeadlineExceeded as error:
                if pauses.over:
                    raise self._overdue("no answer") from error
                raise
            now = _progress_of(task, pauses.elapsed_s)
            if self._progress is not None:
                self._progress(now)
            if _has_ended(task):
                return _succeeded(task, str(self.id))
            if pauses.over:
                raise self._overdue(str(now))
            await pauses.sleep()

    async def _look(self, engine: Engine) -> AsyncTask:
        from pdsclient.models.async_task import AsyncTask
        from pdsclient.resources.async_task import AsyncTaskResource

        if self.id is None:
            return AsyncTask(state="Succeed")
        return await AsyncTaskResource(engine).get(async_task_id=self.id)

    def _overdue(self, state: str) -> DeadlineExceeded:
        return _overdue(str(self.id), self._deadline_s, state)

    def __repr__(self) -> str:
        return f"<Task {self.id or 'done at once'}>"


async def wait_all(
    engine: Engine, ids: Mapping[K, str], *, deadline_s: float
) -> dict[K, AsyncTask | PDSError]:
    """How each of many tasks ended; they are asked about together, in batches."""
    from pdsclient.resources.async_task import AsyncTaskResource

    # The ids are the service's own words: they go back as they came.
    look = AsyncTaskResource(engine.with_options({"validate": False})).get
    pauses = _Pauses(engine.shared, deadline_s)
    ended: dict[K, AsyncTask | PDSError] = {}
    left = dict(ids)
    while left:
        items = [look.item(async_task_id=task_id) for task_id in left.values()]
        answers = await run_batch(pauses.limit(engine), items, resource="async_task")
        for (key, task_id), answer in zip(list(left.items()), answers, strict=True):
            if isinstance(answer, PDSError):
                ended[key] = answer
            elif _has_ended(answer):
                ended[key] = _failure_of(answer, task_id) or answer
            elif pauses.over:
                state = str(_progress_of(answer, pauses.elapsed_s))
                ended[key] = _overdue(task_id, deadline_s, state)
        left = {key: task_id for key, task_id in left.items() if key not in ended}
        if left:
            await pauses.sleep()
    return ended


class _Pauses:
    """The pauses between looks at a task, and the end of all patience."""

    def __init__(self, shared: Shared, deadline_s: float) -> None:
        self._now = shared.now
        self._sleep = shared.context.sleep
        self._began = shared.now()
        self._deadline_s = deadline_s
        self._next_s = _FIRST_PAUSE_S

    @property
    def elapsed_s(self) -> float:
        return self._now() - self._began

    @property
    def over(self) -> bool:
        """The deadline has passed."""
        return self.elapsed_s >= self._deadline_s

    def limit(self, engine: Engine) -> Engine:
        """The engine for the next look, which does not take longer than there is time."""
        left = max(self._deadline_s - self.elapsed_s, _LAST_LOOK_S)
        own = engine.settings.deadline
        return engine.with_options({"deadline": left if own is None else min(left, own)})

    async def sleep(self) -> None:
        """Pause; the last one ends at the deadline."""
        await self._sleep(min(self._next_s, max(self._deadline_s - self.elapsed_s, 0.0)))
        self._next_s = min(self._next_s * _GROWTH, _LONGEST_PAUSE_S)


def _has_ended(task: AsyncTask) -> bool:
    """The service will do nothing more about it."""
    return _state(task) == _SUCCEEDED or _state(task) in _FAILED


def _failure_of(task: AsyncTask, task_id: str) -> TaskFailed | None:
    """The error of a task that failed, also if only in part."""
    return _failure(task, task_id) if _state(task) in _FAILED else None


def _progress_of(task: AsyncTask, elapsed_s: float) -> TaskProgress:
    """What a reply tells of the progress."""
    return TaskProgress(
        state=_said(task.state or task.status),
        total=_count(task.total_process),
        consumed=_count(task.consumed_process),
        skipped=_count(task.skipped_process),
        failed=_count(task.failed_process),
        elapsed_s=elapsed_s,
    )


def _succeeded(task: AsyncTask, task_id: str) -> AsyncTask:
    failure = _failure_of(task, task_id)
    if failure is not None:
        raise failure
    return task


def _state(task: AsyncTask) -> str:
    # ``status`` is the older name; the spelling of states is not to be relied on.
    return (_said(task.state or task.status) or "").casefold()


# A field of the wrong type reads what was sent; waiting must not fail for it.
def _said(told: object) -> str | None:
    return told if isinstance(told, str) else None


def _count(told: object) -> int | None:
    return told if isinstance(told, int) else None


def _failure(task: AsyncTask, task_id: str) -> TaskFailed:
    said = mask_text(_said(task.error_message or task.message) or "")
    where = str(_progress_of(task, 0.0))
    error = TaskFailed(
        f"the task {task_id} ended {where}" + (f": {said}" if said else ""),
        code=_said(task.error_code) or "TaskFailed",
        may_have_happened=True,
    )
    error.task = task
    return error


def _overdue(task_id: str, deadline_s: float, state: str) -> DeadlineExceeded:
    return DeadlineExceeded(
        f"the task {task_id} has not ended within {deadline_s:g} s ({state}); it may go on, "
        "and can be waited for again by its id",
        may_have_happened=True,
    )


def _task_id(reply: object) -> str | None:
    if isinstance(reply, Mapping):
        reply = reply.get("async_task_id")
    elif not isinstance(reply, str) and reply is not None:
        if not hasattr(reply, "async_task_id"):
            raise InvalidRequest(
                f"a {type(reply).__name__} has no async_task_id to wait for; give such a reply, "
                "or the id itself"
            )
        reply = getattr(reply, "async_task_id", None)
    if reply is not None and not isinstance(reply, str):
        raise InvalidRequest(f"async_task_id must be a string, not {shown(reply)}")
    return reply or None


def check_deadline(deadline_s: float) -> float:
    """The deadline in seconds; InvalidRequest if it is none."""
    seconds = check_seconds("deadline", deadline_s)
    if seconds is None:
        raise InvalidRequest(
            "deadline must be a number of seconds: a task that never ends would be asked for ever"
        )
    return seconds


def _checked_progress(progress: Any) -> Any:
    if progress is not None and (not callable(progress) or iscoroutinefunction(progress)):
        raise InvalidRequest("progress must be a plain function, which is called and not awaited")
    return progress
