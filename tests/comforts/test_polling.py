"""Async tasks are waited for: with pauses, progress, and an end in any case."""

from __future__ import annotations

import asyncio
import pickle

import pytest

from pdsclient import DeadlineExceeded, InvalidRequest, NotFound, TaskFailed

RUNNING = (200, {"async_task_id": "t", "state": "Running"})
DONE = (200, {"async_task_id": "t", "state": "Succeed", "url": "https://x/?Signature=abcdefgh"})


async def test_a_task_is_awaited_until_it_has_succeeded(service, client, time):
    """The last reply is given; the pauses grow from half a second to five."""
    service.on("/async_task/get", *[RUNNING] * 9, DONE)
    task = await client.wait_for("t")
    assert (task.state, task.url) == ("Succeed", "https://x/?Signature=abcdefgh")
    assert time.slept[:3] == [0.5, 0.75, 1.125]
    assert time.slept[-1] == 5.0
    assert service.sent("/async_task/get") == [{"async_task_id": "t"}] * 10


async def test_what_was_done_at_once_sends_nothing(service, client):
    """Without a task id there is nothing to wait for."""
    service.on("/recyclebin/trash", (204, None))
    reply = await client.recyclebin.trash(drive_id="1", file_id="f")
    for done in (reply, None, "", {"async_task_id": ""}, {}):
        assert (await client.wait_for(done)).state == "Succeed"
    assert [path for path, _ in service.seen] == ["/recyclebin/trash"]


async def test_any_reply_with_a_task_can_be_waited_for(service, client):
    """Models and plain data name their task in the same field."""
    service.on("/file/archive_files", (202, {"async_task_id": "t"}))
    service.on("/async_task/get", DONE)
    reply = await client.file.archive_files(drive_id="1", file_ids=["a"], name="a.zip")
    assert (await client.wait_for(reply)).state == "Succeed"
    assert (await client.wait_for({"async_task_id": "t"})).state == "Succeed"


@pytest.mark.parametrize("state", ["Failed", "PartialSucceed", "failed", "PARTIALSUCCEED"])
async def test_a_task_that_failed_raises_also_if_only_in_part(service, client, state):
    """The error holds the last reply, its code and what the service said."""
    service.on(
        "/async_task/get",
        (200, {
            "async_task_id": "t", "state": state, "error_code": "Quota", "error_message": "full",
            "total_process": 9, "consumed_process": 9, "failed_process": 2,
        }),
    )  # fmt: skip
    with pytest.raises(TaskFailed, match=r"9 of 9, 2 failed: full") as caught:
        await client.wait_for("t")
    assert caught.value.code == "Quota"
    assert caught.value.task.failed_process == 2
    assert pickle.loads(pickle.dumps(caught.value)).task.failed_process == 2


async def test_a_state_that_nobody_knows_goes_on_until_the_deadline(service, client, time):
    """A word of tomorrow is no end; the deadline is, and the error says how far it was."""
    service.on("/async_task/get", (200, {"state": "Paused", "total_process": 4}))
    with pytest.raises(DeadlineExceeded, match=r"within 60 s \(Paused, 0 of 4\)") as caught:
        await client.wait_for("t", deadline=60)
    assert sum(time.slept) == 60
    assert caught.value.may_have_happened


async def test_a_task_without_any_state_ends_at_the_default_deadline_of_an_hour(
    service, client, time
):
    """Nothing is asked for ever."""
    service.on("/async_task/get", (200, {}))
    with pytest.raises(DeadlineExceeded, match="no state"):
        await client.wait_for("t")
    assert sum(time.slept) == 3600


async def test_the_older_name_of_the_state_is_read_too(service, client):
    """Deployments that fill ``status`` alone are understood."""
    service.on("/async_task/get", (200, {"status": "succeed"}))
    assert (await client.wait_for("t")).status == "succeed"


async def test_progress_is_told_at_each_look(service, client):
    """Snapshots tell the state, the counts and the time that has passed."""
    service.on(
        "/async_task/get",
        (200, {"state": "Running", "total_process": 1000, "consumed_process": 10}),
        (200, {"state": "Succeed", "total_process": 1000, "consumed_process": 1000}),
    )
    told = []
    await client.wait_for("t", progress=told.append)
    assert [(one.state, one.consumed, one.total, one.elapsed_s) for one in told] == [
        ("Running", 10, 1000, 0.0),
        ("Succeed", 1000, 1000, 0.5),
    ]
    assert str(told[0]) == "Running, 10 of 1,000"


async def test_failures_that_pass_are_the_request_loops_matter(service, client):
    """A 500 and a 429 in between change nothing."""
    service.on("/async_task/get", RUNNING, (500, None), (429, None), DONE)
    assert (await client.wait_for("t")).state == "Succeed"


async def test_a_task_that_is_not_known_raises(service, client, refuse):
    """What the service says about the task itself is not waited out."""
    service.on("/async_task/get", refuse(404, "NotFound.AsyncTask"))
    with pytest.raises(NotFound):
        await client.wait_for("t")


async def test_status_asks_once_and_never_raises_for_a_failed_task(service, client):
    """It shows the task as it stands."""
    service.on("/async_task/get", (200, {"state": "Failed"}))
    assert (await client.wait_for("t").status()).state == "Failed"
    assert len(service.seen) == 1


async def test_each_await_waits_anew(service, client):
    """A task holds no state of its own, so that it can be awaited twice."""
    service.on("/async_task/get", RUNNING, DONE)
    task = client.wait_for("t")
    assert (await task).state == (await task).state == "Succeed"
    assert repr(task) == "<Task t>"


async def test_cancelling_the_wait_leaves_nothing_behind(service, client):
    """Nothing runs but in the task that waits."""
    asked = asyncio.Event()

    async def never(data):
        asked.set()
        await asyncio.Event().wait()

    service.on("/async_task/get", never)
    waiting = asyncio.create_task(client.wait_for("t")._wait())
    await asked.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"reply": "t", "deadline": None}, "deadline must be a number"),
        ({"reply": "t", "deadline": 0}, "deadline must be"),
        ({"reply": "t", "deadline": float("inf")}, "deadline must be"),
        ({"reply": 7}, "no async_task_id"),
        ({"reply": {"async_task_id": 7}}, "must be a string"),
        ({"reply": "t", "progress": 7}, "plain function"),
        ({"reply": "t", "progress": asyncio.sleep}, "plain function"),
    ],
)
async def test_wrong_arguments_are_refused_where_they_are_written(client, arguments, word):
    """The message names the argument, and nothing is sent."""
    with pytest.raises(InvalidRequest, match=word):
        client.wait_for(**arguments)


async def test_acceptance_23_every_task_ends(service, client):
    """Succeed returns; PartialSucceed and Failed raise; an unknown or endless state times out."""
    ends = {
        "Succeed": None,
        "PartialSucceed": TaskFailed,
        "Failed": TaskFailed,
        "Running": DeadlineExceeded,
        "Enigmatic": DeadlineExceeded,
    }
    for state, error in ends.items():
        service.on("/async_task/get", (200, {"state": state}))
        if error is None:
            await client.wait_for("t", deadline=30)
        else:
            with pytest.raises(error):
                await client.wait_for("t", deadline=30)


ODD = [{"a": 1}, ["x"], "x", 1.5, True]


@pytest.mark.parametrize("odd", ODD, ids=repr)
@pytest.mark.parametrize(
    "field",
    ["total_process", "consumed_process", "skipped_process", "failed_process", "error_message",
     "error_code", "message"],
)  # fmt: skip
async def test_a_failed_task_is_told_whatever_its_reply_looks_like(service, client, field, odd):
    """A field of the wrong type is no reason to tell another error, or none."""
    service.on("/async_task/get", (200, {"state": "Failed", "total_process": 3, field: odd}))
    told = []
    with pytest.raises(TaskFailed, match="the task t ended Failed"):
        await client.wait_for("t", progress=lambda now: told.append(str(now)))
    service.on("/recyclebin/trash", (202, {"async_task_id": "t"}))
    (outcome,) = await client.trash_files(["a"], drive_id="1")
    assert isinstance(outcome, TaskFailed)
    assert len(told) == 1


@pytest.mark.parametrize("odd", [{"a": 1}, ["x"], 7], ids=repr)
async def test_a_state_that_is_no_text_goes_on_until_the_deadline(service, client, odd):
    """It is none that anybody knows."""
    service.on("/async_task/get", (200, {"state": odd}))
    with pytest.raises(DeadlineExceeded):
        await client.wait_for("t", deadline=5)


async def test_the_deadline_of_the_view_holds_for_each_look(service, client):
    """Whoever gave one does not wait an hour for an answer that does not come."""

    async def dawdle(data):
        await asyncio.sleep(30)

    service.on("/async_task/get", dawdle)
    view = client.with_options(deadline=0.05)
    with pytest.raises(DeadlineExceeded, match=r"the call was not done within its deadline of 0"):
        await view.wait_for("t")
    service.on("/recyclebin/trash", (202, {"async_task_id": "t"}))
    (outcome,) = await view.trash_files(["a"], drive_id="1")
    assert isinstance(outcome, DeadlineExceeded)
