"""Where a file is, and whether names are free."""

from __future__ import annotations

import pytest

from pdsclient import DecodeError, NotFound
from pdsclient.models import File, NameCheckResult


@pytest.fixture
def chain(tree):
    """Folders inside each other: f1 at the top, f5 the deepest."""
    for depth in range(1, 6):
        parent = "root" if depth == 1 else f"f{depth - 1}"
        tree.add(parent, f"name-{depth}", file_id=f"f{depth}")
    return tree


def names(files):
    return [one.name for one in files]


async def test_the_way_to_a_file_begins_at_the_top(service, chain, client):
    """Each folder is asked for, one after the other."""
    found = await client.breadcrumbs("f4", drive_id="1")
    assert names(found) == ["name-1", "name-2", "name-3", "name-4"]
    assert [one["file_id"] for one in service.sent("/file/get")] == ["f4", "f3", "f2", "f1"]


async def test_an_id_path_saves_requests(service, chain, client):
    """All folders on the way are asked for in one batch."""
    chain.nodes["f5"]["id_path"] = "root/f1/f2/f3/f4/f5"
    found = await client.breadcrumbs(File(file_id="f5", drive_id="1"))
    assert names(found) == [f"name-{depth}" for depth in range(1, 6)]
    assert [path for path, _ in service.seen] == ["/file/get", "/batch"]
    assert service.sent("/file/get")[0] == {"drive_id": "1", "file_id": "f5", "fields": "id_path"}


@pytest.mark.parametrize(
    "path",
    [
        "/other/f9/f8/f5",
        "f1,f2,f3",
        "root/f2/f1/f4/f5",
        "",
        "a b/\u00e4/" + "x" * 80,
        {"a": 1},
        ["f1"],
    ],
)
async def test_an_id_path_in_another_form_does_no_harm(chain, client, path):
    """The way is that of the parents, whatever the path says."""
    chain.nodes["f5"]["id_path"] = path
    found = await client.breadcrumbs("f5", drive_id="1")
    assert names(found) == [f"name-{depth}" for depth in range(1, 6)]


async def test_where_batches_are_forbidden_the_folders_are_asked_for_singly(
    service, chain, client, refuse
):
    """And nobody is told of an error that none has."""
    told = []
    client.on("error", lambda error, req_opt: told.append(error))
    chain.nodes["f5"]["id_path"] = "root/f1/f2/f3/f4/f5"
    service.on("/batch", refuse(403, "CheckRouterAccessFailed"))
    assert len(await client.breadcrumbs("f5", drive_id="1")) == 5
    assert told == []


async def test_a_circle_of_folders_is_an_error(chain, client):
    """It would be walked for ever."""
    chain.nodes["f1"]["parent_file_id"] = "f3"
    with pytest.raises(DecodeError, match="inside itself"):
        await client.breadcrumbs("f4", drive_id="1")
    chain.nodes["f1"]["parent_file_id"] = "f1"
    with pytest.raises(DecodeError, match="inside itself"):
        await client.breadcrumbs("f1", drive_id="1")


async def test_the_top_itself_has_no_way_to_it(service, client):
    """It is no file."""
    assert await client.breadcrumbs("root", drive_id="1") == []
    assert service.seen == []


async def test_through_a_share_the_way_begins_at_what_was_shared(chain, client):
    """What is above is not to be seen, and no error."""
    del chain.nodes["f2"]
    assert names(await client.breadcrumbs("f4", share_id="s")) == ["name-3", "name-4"]
    with pytest.raises(NotFound):
        await client.breadcrumbs("f4", drive_id="1")


async def test_names_are_checked_together(service, client, refuse):
    """None where a name is free, else what has it; failures are objects."""

    def check(data):
        if data["name"] == "broken":
            return refuse(403, "ForbiddenNoPermission.File")
        if data["name"] == "free":
            return 200, {"result_code": "success"}
        has = {"exist_file_id": "x", "exist_file_type": "folder"}
        taken = {"result_code": "NameCheckFailed.ExistSameNameFile"}
        return 200, {**taken, **({} if data["name"] == "odd" else {"name_check_result": has})}

    service.on("/file/pre_create_check", check)
    outcomes = await client.check_files_exist(
        ["free", "taken", "odd", "broken"], drive_id="1", parent_file_id="p"
    )
    assert list(outcomes)[:3] == [
        None,
        NameCheckResult(exist_file_id="x", exist_file_type="folder"),
        NameCheckResult(),
    ]
    assert list(outcomes.failures) == [3]
    assert service.sent("/file/pre_create_check")[0] == {
        "drive_id": "1",
        "parent_file_id": "p",
        "name": "free",
        "type": "file",
    }
