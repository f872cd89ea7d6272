"""What type checkers infer for users of the client; checked by mypy and basedpyright, never run."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, assert_type

from pdsclient import (
    AsyncPDSClient,
    F,
    Pager,
    PDSError,
    RequestOptions,
    Response,
    TokenInfo,
)
from pdsclient.bulk import Batch, BulkResults, Hit, JobFailure, Progress, SearchJob
from pdsclient.export import JsonlSink
from pdsclient.models import (
    AnonymousShareLink,
    BatchReply,
    CreatedFile,
    DeltaPage,
    DownloadUrl,
    Drive,
    DrivePage,
    File,
    FilePage,
    FilePermissionMember,
    FileTask,
    Group,
    Redirect,
    Revision,
    ShareToken,
    UploadedPartPage,
    UploadPart,
    UploadPartInfo,
    User,
)
from pdsclient.paging import PageIterator, RowIterator


async def fetch_token() -> TokenInfo:
    return TokenInfo(access_token="x")


async def calls(client: AsyncPDSClient) -> None:
    assert_type(await client.post_api("/file/list", {"drive_id": "1"}), Any)
    assert_type(await client.post_api("/file/get", reply_type=File), File)
    assert_type(await client.post_api_response("/file/get"), Response)
    assert_type(await client.refresh_token(), TokenInfo)
    assert_type(client.token_info, TokenInfo | None)


async def operations(client: AsyncPDSClient) -> None:
    file = await client.file.get(drive_id="1", file_id="f")
    assert_type(file, File)
    assert_type(file.name, str | None)
    assert_type(file.created_at, datetime | None)
    assert_type(file.labels, list[str])
    assert_type(await client.file.get_download_url(drive_id="1", file_id="f"), DownloadUrl)
    assert_type(await client.drive.get(drive_id="1"), Drive)
    assert_type(await client.drive.get_default_drive(), Drive)
    assert_type(await client.share_link.get_share_token(share_id="s"), ShareToken)
    assert_type(await client.share_link.get_by_anonymous(share_id="s"), AnonymousShareLink)
    created = await client.file.create(
        drive_id="1",
        name="a.txt",
        parent_file_id="root",
        type="file",
        part_info_list=[UploadPart(part_number=1), {"part_number": 2}],
        user_tags={"k": "v"},
        local_created_at=datetime(2025, 1, 31, tzinfo=UTC),
    )
    assert_type(created, CreatedFile)
    assert_type(created.part_info_list, list[UploadPartInfo])
    assert_type(
        await client.file.list_permission(drive_id="1", file_id="f"), list[FilePermissionMember]
    )
    assert_type(await client.file.delete_usertags(drive_id="1", file_id="f", key_list=["k"]), None)
    assert_type(await client.recyclebin.trash(drive_id="1", file_id="f"), FileTask)
    assert_type(
        await client.file.revision.get(drive_id="1", file_id="f", revision_id="r"), Revision
    )
    assert_type(await client.file.download(drive_id="1", file_id="f"), Redirect)
    assert_type(await client.user.import_(authentication_type="mobile", identity="1"), User)
    assert_type(await client.batch(resource="file", requests=[]), BatchReply)
    assert_type(
        client.oauth.authorize(client_id="a", redirect_uri="https://x", login_type="default"), str
    )
    await client.file.create(drive_id="1", name="a", parent_file_id="root", type="link")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await client.file.get(drive_id="1", file_id=7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await client.file.get(drive_id="1")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await client.file.get(drive="1", file_id="f")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def listings(client: AsyncPDSClient) -> None:
    pager = client.file.search(
        drive_id="1",
        query=F.name.match("Report") & (F.size > 1024) & ~F.hidden,
        order_by=[F.created_at.desc(), F.name.asc()],
    )
    assert_type(pager, Pager[FilePage])
    page = await pager
    assert_type(page, FilePage)
    assert_type(page.items, list[File])
    assert_type(page.total_count, int | None)
    assert_type(page.has_more, bool)
    async for file in pager:
        assert_type(file, File)
    async for one in pager.pages():
        assert_type(one, FilePage)
    assert_type(pager.pages(), PageIterator[FilePage])
    assert_type(await pager.collect(max_items=3), list[File])
    async with pager.prefetched() as rows:
        assert_type(rows, RowIterator[File])
        async for file in rows:
            assert_type(file, File)
    changes = client.file.list_delta(drive_id="1", cursor="c")
    assert_type(changes, Pager[DeltaPage])
    assert_type((await changes).cursor, str | None)
    assert_type(
        await client.file.list_uploaded_parts(drive_id="1", file_id="f", upload_id="u"),
        UploadedPartPage,
    )
    assert_type(await client.recyclebin.list(drive_id="1").collect(), list[File])
    assert_type(await client.group.list_member(group_id="g").collect(), list[User | Group])
    drives = client.drive.list_my_drives()
    assert_type(drives, Pager[DrivePage])
    assert_type(await drives.collect(), list[Drive])


async def responses(client: AsyncPDSClient) -> None:
    assert_type(
        await client.with_response(client.file.get, drive_id="1", file_id="f"),
        tuple[File, Response],
    )
    assert_type(
        await client.with_response(client.file.scan, drive_id="1"), tuple[FilePage, Response]
    )


async def views_and_events(client: AsyncPDSClient) -> None:
    view = client.with_options(timeout=5, retries=0)
    assert_type(view, AsyncPDSClient)
    assert_type(client.with_credentials(token_info={"access_token": "x"}), AsyncPDSClient)

    @client.on("error")
    def report(error: PDSError, req_opt: RequestOptions) -> None: ...

    client.off("error", report)
    client.on("errors", report)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]


async def construction() -> None:
    async with AsyncPDSClient(
        api_endpoint="https://bj1.api.aliyunpds.com",
        token_info=TokenInfo(access_token="x", expires_in="7200"),
        refresh_token_fun=fetch_token,
        timeout=30,
    ) as client:
        assert_type(client, AsyncPDSClient)
    AsyncPDSClient(api_endpont="x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    AsyncPDSClient(timeout="x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def jobs(client: AsyncPDSClient) -> None:
    async with client.bulk_search(
        [SearchJob(F.size > 1, key="big", drive_id="1"), F.hidden, 'name match "x"'],
        drive_id="1",
        partition="created_at",
    ) as results:
        assert_type(results, BulkResults)
        async for hit in results:
            assert_type(hit, Hit)
            assert_type(hit.file, File)
            assert_type(hit.job, SearchJob)
        async for batch in results.batches():
            assert_type(batch, Batch)
        await results.write_to(JsonlSink("hits.jsonl"))
        assert_type(results.stats, Progress)
        assert_type(results.failures, list[JobFailure])
    client.bulk_search(F.hidden, partition="name")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    client.bulk_search(F.hidden, drive_idd="1")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
