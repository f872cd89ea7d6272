"""What type checkers infer for users of the client; checked by mypy and basedpyright, never run."""

from __future__ import annotations

from datetime import datetime
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
    DownloadUrl,
    Drive,
    DrivePage,
    File,
    FilePage,
    ShareToken,
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
