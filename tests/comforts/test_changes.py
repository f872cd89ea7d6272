"""Many files changed at once, with outcomes that are final."""

from __future__ import annotations

import pytest

from pdsclient import Conflict, DeadlineExceeded, InvalidRequest, NotFound, TaskFailed
from pdsclient.models import File


@pytest.fixture
def tasks(service):
    """How the tasks of folders end: by id, the states that they are seen in."""
    states: dict[str, list[str]] = {}

    def look(data):
        seen = states[data["async_task_id"]]
        state = seen.pop(0) if len(seen) > 1 else seen[0]
        return 200, {"async_task_id": data["async_task_id"], "state": state}

    service.on("/async_task/get", look)
    return states


def task_of(data):
    """A file is done at once, a folder by a task of its name."""
    file_id = data["file_id"]
    if file_id.startswith("folder"):
        return 202, {"file_id": file_id, "async_task_id": f"task-of-{file_id}"}
    return 204, None


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("trash_files", "/recyclebin/trash"),
        ("restore_files", "/recyclebin/restore"),
        ("delete_files", "/file/delete"),
    ],
)
async def test_files_are_dealt_with_and_the_tasks_of_folders_awaited(
    service, client, tasks, time, method, path
):
    """Outcomes come in the order of the files, and only when all is done."""
    service.on(path, task_of)
    tasks["task-of-folder"] = ["Running", "Running", "Succeed"]
    outcomes = await getattr(client, method)(["a", "folder", "b"], drive_id="1")
    assert [one.async_task_id for one in outcomes] == [None, "task-of-folder", None]
    assert service.sent(path) == [{"drive_id": "1", "file_id": one} for one in ("a", "folder", "b")]
    assert len(service.sent("/async_task/get")) == 3
    assert time.slept == [0.5, 0.75]


async def test_tasks_are_asked_about_together(service, client, tasks):
    """A hundred folders need one request for each look, and what has ended is not asked again."""
    service.on("/file/delete", task_of)
    folders = [f"folder-{number}" for number in range(60)]
    for number, folder in enumerate(folders):
        tasks[f"task-of-{folder}"] = ["Running"] * (number % 2) + ["Succeed"]
    outcomes = await client.delete_files(folders, drive_id="1")
    assert outcomes.failures == {}
    sizes = [len(one["requests"]) for one in service.sent("/batch")]
    assert sizes == [60, 60, 30]
    resources = [one["resource"] for one in service.sent("/batch")]
    assert resources == ["file", "async_task", "async_task"]


async def test_a_task_that_failed_is_the_outcome_of_its_file(service, client, tasks, refuse):
    """So are a change that was refused, and a task that does not end."""
    service.on("/file/delete", lambda data: refuse(404, "NotFound.FileId")
               if data["file_id"] == "gone" else task_of(data))  # fmt: skip
    tasks["task-of-folder-1"] = ["PartialSucceed"]
    tasks["task-of-folder-2"] = ["Enigmatic"]
    tasks["task-of-folder-3"] = ["Succeed"]
    outcomes = await client.delete_files(
        ["gone", "folder-1", "folder-2", "folder-3", "file"], drive_id="1", deadline=20
    )
    assert [type(one).__name__ for one in outcomes] == [
        "NotFound", "TaskFailed", "DeadlineExceeded", "FileTask", "FileTask",
    ]  # fmt: skip
    assert outcomes[1].task.state == "PartialSucceed"
    with pytest.raises(NotFound):
        outcomes.raise_first()
    assert {type(one) for one in outcomes.failures.values()} == {
        NotFound,
        TaskFailed,
        DeadlineExceeded,
    }


async def test_files_are_copied_under_another_name_if_theirs_is_taken(service, client, tasks):
    """The reply has the identifier of the copy."""
    service.on("/file/copy", lambda data: (201, {"file_id": f"copy of {data['file_id']}"}))
    outcomes = await client.copy_files(
        ["a", "b"], drive_id="1", to_drive_id="2", to_parent_file_id="p"
    )
    assert [one.file_id for one in outcomes] == ["copy of a", "copy of b"]
    assert service.sent("/file/copy")[0] == {
        "drive_id": "1",
        "file_id": "a",
        "to_drive_id": "2",
        "to_parent_file_id": "p",
        "auto_rename": True,
    }


async def test_a_taken_name_is_a_conflict_of_the_move(service, client, tasks):
    """The service tells it in a successful reply."""
    service.on("/file/move", lambda data: (200, {"file_id": "there", "exist": True})
               if data["file_id"] == "b" else (200, {"file_id": data["file_id"]}))  # fmt: skip
    moved, refused = await client.move_files(["a", "b"], drive_id="1", to_parent_file_id="p")
    assert moved.file_id == "a"
    assert isinstance(refused, Conflict)
    assert refused.file_id == "there"
    assert service.sent("/file/move")[0]["check_name_mode"] == "refuse"


async def test_files_are_renamed_by_pairs_or_by_a_mapping(service, client):
    """Each file is given as it is after the change."""
    service.on("/file/update", lambda data: (200, {**data}))
    for names in ({"a": "x", "b": "y"}, [("a", "x"), (File(file_id="b", drive_id="1"), "y")]):
        outcomes = await client.rename_files(names, drive_id="1")
        assert [(one.file_id, one.name) for one in outcomes] == [("a", "x"), ("b", "y")]
    assert service.sent("/file/update")[0]["check_name_mode"] == "refuse"


async def test_a_taken_name_is_a_conflict_of_the_rename(service, client, refuse):
    """Whether the service sends an error, or tells about the file that has the name."""
    service.on("/file/update", refuse(409, "AlreadyExist.File"), (200, {"file_id": "other"}))
    outcomes = await client.rename_files({"a": "x", "b": "x"}, drive_id="1")
    assert [type(one) for one in outcomes] == [Conflict, Conflict]
    assert outcomes[1].file_id == "other"


async def test_favourites_have_the_key_by_which_they_are_listed(service, client):
    """Without it the service would not list them."""
    service.on("/file/update", lambda data: (200, {**data}))
    (starred,) = await client.star_files(["a"], drive_id="1")
    (unstarred,) = await client.unstar_files(["a"], drive_id="1")
    assert (starred.starred, unstarred.starred) == (True, False)
    assert [one["custom_index_key"] for one in service.sent("/file/update")] == ["starred_yes", ""]


async def test_files_may_be_what_replies_told(service, client, tasks):
    """A reply's own drive or share is used, and the argument for those without."""
    service.on("/recyclebin/trash", (204, None))
    files = [
        File(file_id="a", drive_id="7"),
        File(file_id="b"),
        File(file_id="c", share_id="s"),
        "d",
    ]
    await client.trash_files(files, drive_id="1")
    assert service.sent("/recyclebin/trash") == [
        {"drive_id": "7", "file_id": "a"},
        {"drive_id": "1", "file_id": "b"},
        {"share_id": "s", "file_id": "c"},
        {"drive_id": "1", "file_id": "d"},
    ]


async def test_no_files_send_nothing(service, client):
    """An empty list is done."""
    assert list(await client.move_files([], to_parent_file_id="p")) == []
    assert list(await client.trash_files([])) == []
    assert list(await client.rename_files({})) == []
    assert service.seen == []


@pytest.mark.parametrize(
    ("how", "word"),
    [
        (lambda c: c.trash_files(["a"]), "drive_id or share_id"),
        (lambda c: c.trash_files([File(name="x")]), "which file is meant"),
        (lambda c: c.trash_files([7]), "which file is meant"),
        (lambda c: c.delete_files(["a"], drive_id="1", deadline=None), "deadline"),
        (lambda c: c.rename_files({"a": "x/y"}, drive_id="1"), "name"),
        (lambda c: c.restore_files(["a"]), "drive_id"),
        (lambda c: c.clear_recycle_bin("1", deadline=-1), "deadline"),
    ],
)
async def test_wrong_arguments_are_refused_before_anything_is_sent(service, client, how, word):
    """Also one wrong file among many."""
    with pytest.raises(InvalidRequest, match=word):
        await how(client)
    assert service.seen == []


async def test_a_recycle_bin_is_cleared_by_a_task(service, client, tasks):
    """That of one drive, or those of all; each is done when its task is."""
    service.on("/recyclebin/clear", (202, {"drive_id": "1", "async_task_id": "t1"}))
    service.on("/recyclebin/clear_all", (200, {"items": [
        {"drive_id": "1", "async_task_id": "t1"}, {"drive_id": "2", "async_task_id": "t2"},
    ]}))  # fmt: skip
    tasks.update(t1=["Running", "Succeed"], t2=["Failed"])
    (cleared,) = await client.clear_recycle_bin("1")
    assert (cleared.drive_id, cleared.async_task_id) == ("1", "t1")
    one, other = await client.clear_recycle_bin()
    assert one.drive_id == "1"
    assert isinstance(other, TaskFailed)


async def test_folders_are_forgotten_when_something_is_moved(service, tree, client, tasks):
    """What is remembered of paths may be wrong then."""
    service.on("/recyclebin/trash", (204, None))
    await client.create_folders("a", drive_id="1")
    await client.trash_files(["id-1"], drive_id="1")
    tree.nodes.clear()
    await client.create_folders("a", drive_id="1")
    assert len(service.sent("/file/create")) == 2


FILES_OF_A_CALL = [
    lambda c, files: c.trash_files(files, drive_id="1"),
    lambda c, files: c.delete_files(files, drive_id="1"),
    lambda c, files: c.restore_files(files, drive_id="1"),
    lambda c, files: c.copy_files(files, drive_id="1", to_parent_file_id="p"),
    lambda c, files: c.move_files(files, drive_id="1", to_parent_file_id="p"),
    lambda c, files: c.star_files(files, drive_id="1"),
    lambda c, files: c.unstar_files(files, drive_id="1"),
    lambda c, files: c.rename_files(files, drive_id="1"),
    lambda c, files: c.check_files_exist(files, drive_id="1"),
    lambda c, files: c.run_batch(files),
]


@pytest.mark.parametrize("call", FILES_OF_A_CALL, ids=range(len(FILES_OF_A_CALL)))
@pytest.mark.parametrize("files", ["abc", b"abc", None, 7, File(file_id="abc")])
async def test_a_single_file_is_no_list_of_files(service, client, call, files):
    """The characters of an identifier are not taken for files, least of all to be deleted."""
    with pytest.raises(InvalidRequest, match=r"must be a list .* write \[one\]"):
        await call(client, files)
    assert service.seen == []


@pytest.mark.parametrize("names", [[("a", None)], [("a", 7)], [("a",)], [("a", "b", "c")], ["ab"]])
async def test_a_new_name_is_a_text(service, client, names):
    """A rename without a name would change nothing and seem to have been done."""
    with pytest.raises(InvalidRequest, match=r"names\[0\]"):
        await client.rename_files(names, drive_id="1")
    assert service.seen == []


async def test_folders_are_forgotten_once_their_task_has_ended(service, tree, client):
    """What was found while a folder was on its way into the bin is not there any more."""
    await client.create_folders("a", drive_id="1")
    service.on("/recyclebin/trash", (202, {"async_task_id": "t"}))

    async def look(data):
        await client.create_folders("a", drive_id="1")
        return 200, {"state": "Succeed"}

    service.on("/async_task/get", look)
    await client.trash_files(["folder"], drive_id="1")
    asked = len(service.sent("/file/create"))
    await client.create_folders("a", drive_id="1")
    assert len(service.sent("/file/create")) == asked + 1


async def test_a_task_is_asked_about_by_whatever_id_the_service_gave(service, client):
    """What it says is not checked like what a caller writes."""
    odd = "id with spaces, longer than any" * 40
    service.on("/recyclebin/trash", (202, {"async_task_id": odd}))
    service.on("/async_task/get", (200, {"state": "Succeed"}))
    (outcome,) = await client.trash_files(["a"], drive_id="1")
    assert outcome.async_task_id == odd
    assert service.sent("/async_task/get") == [{"async_task_id": odd}]
