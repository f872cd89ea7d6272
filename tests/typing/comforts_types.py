"""What type checkers infer for batches, tasks and work with files; checked, never run."""

from __future__ import annotations

from typing import assert_type

from pdsclient import AsyncPDSClient, PDSError
from pdsclient.batching import Outcomes
from pdsclient.models import (
    AsyncTask,
    ClearedBin,
    Drive,
    File,
    FilePage,
    FileTask,
    MovedFile,
    NameCheckResult,
)
from pdsclient.operations import BatchCall
from pdsclient.polling import Task, TaskProgress
from pdsclient.query import S


async def batches(client: AsyncPDSClient) -> None:
    """A call in a batch has the arguments and the reply of its operation."""
    get = client.file.get.item(drive_id="1", file_id="f")
    assert_type(get, BatchCall[File])
    assert_type(client.file.search.item(drive_id="1", query="size > 1"), BatchCall[FilePage])
    outcomes = await client.run_batch([get])
    assert_type(outcomes, Outcomes[File])
    assert_type(outcomes[0], File | PDSError)
    assert_type(outcomes.raise_first(), list[File])
    assert_type(outcomes.failures, dict[int, PDSError])
    for one in await client.run_batch(client.drive.get.item(drive_id=d) for d in "12"):
        assert_type(one, Drive | PDSError)
    # Operations of several kinds in one batch.
    both = [get, client.drive.get.item(drive_id="1")]
    for mixed in await client.run_batch(both):
        if not isinstance(mixed, PDSError):
            mixed.to_dict()
    client.file.get.item(drive_id="1", file_id=7)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    await client.run_batch([get], resource="fiel")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


async def tasks(client: AsyncPDSClient) -> None:
    """A task is awaited for its last reply."""

    def show(now: TaskProgress) -> None:
        assert_type(now.consumed, int | None)

    reply = await client.recyclebin.trash(drive_id="1", file_id="f")
    assert_type(client.wait_for(reply, progress=show), Task)
    assert_type(await client.wait_for(reply.async_task_id), AsyncTask)
    assert_type(await client.wait_for(reply).status(), AsyncTask)


async def files(client: AsyncPDSClient, file: File) -> None:
    """Files are identifiers or replies; outcomes have the replies of the operations."""
    assert_type(await client.copy_files([file, "f"], to_parent_file_id="p"), Outcomes[FileTask])
    assert_type(await client.move_files([file], to_parent_file_id="p"), Outcomes[MovedFile])
    assert_type(await client.rename_files({"f": "n"}, drive_id="1"), Outcomes[File])
    assert_type(await client.rename_files([(file, "n")]), Outcomes[File])
    assert_type(await client.trash_files([file]), Outcomes[FileTask])
    assert_type(await client.clear_recycle_bin(), Outcomes[ClearedBin])
    assert_type(await client.star_files([file]), Outcomes[File])
    assert_type(await client.breadcrumbs(file), list[File])
    names = await client.check_files_exist(["a"], drive_id="1")
    assert_type(names[0], NameCheckResult | PDSError | None)


async def contents(client: AsyncPDSClient) -> None:
    """One path gives an identifier, many give outcomes."""
    assert_type(await client.create_folders("a/b", drive_id="1"), str)
    assert_type(await client.create_folders(["a", "b"], drive_id="1"), Outcomes[str])
    file = await client.save_file_content("x", name="n", drive_id="1")
    assert_type(file, File)
    assert_type(await client.get_file_content(file), bytes)


async def shares(client: AsyncPDSClient) -> None:
    """The fields of share links have their own operators."""
    await client.share_link.search(query=S.share_name_for_fuzzy.match("a") & S.expired_time.never())
    S.share_name_for_fuzzy.prefix("a")  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]
    S.created_at.asc()  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]
