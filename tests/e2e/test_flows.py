"""What users do first: search, list, get, download, drives, share links, and signing in."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from pdsclient import (
    AuthError,
    BadRequest,
    F,
    FileTokenStore,
    NotFound,
    PDSError,
    PermissionDenied,
    TokenInfo,
)

REPORTS = ["Report.ppt", "Reports", "report old.txt", "report 中.pdf"]


async def names(pager):
    return [file.name async for file in pager]


class TestSearch:
    """``client.file.search`` over the emulator's index."""

    async def test_text_and_builder_find_the_same(self, world):
        """The query may be given either way; `match` folds case."""
        search = world.client.file.search
        text = 'name match "REPORT" and type = "file"'
        built = F.name.match("REPORT") & (F.type == "file")
        expected = ["Report.ppt", "report old.txt", "report 中.pdf"]
        for query in (text, built):
            assert sorted(await names(search(**world.drive, query=query))) == sorted(expected)

    async def test_odd_characters_survive_the_way(self, world):
        """Quotes, backslashes and Chinese, escaped in one place."""
        for name in ('a"b\\c.txt', "report 中.pdf"):
            found = await world.client.file.search(**world.drive, query=F.name == name).collect()
            assert [file.name for file in found] == [name]
            assert found[0].file_id == world.ids[name]

    @pytest.mark.parametrize(
        ("order_by", "first"),
        [
            (F.size.desc(), "Report.ppt"),
            ("name DESC", "report 中.pdf"),
            ([F.type.desc(), F.name.asc()], "2024"),
            (None, "2024"),
        ],
    )
    async def test_order_is_kept_over_pages(self, world, order_by, first):
        """A term, a list, text, or the newest first when nothing is said; pages of one."""
        search = world.client.file.search
        more = {} if order_by is None else {"order_by": order_by}
        query = 'size >= 0 or type = "folder"'
        whole = await names(search(**world.drive, query=query, **more))
        paged = await names(search(**world.drive, query=query, limit=1, **more))
        assert whole == paged
        assert whole[0] == first
        assert len(whole) == 8

    async def test_total_count_comes_with_the_first_page(self, world):
        """When asked for; it counts beyond the page."""
        search = world.client.file.search
        page = await search(**world.drive, query=F.size >= 0, limit=2, return_total_count=True)
        assert (len(page.items), page.total_count, page.has_more) == (2, 6, True)
        assert (await search(**world.drive, query=F.size >= 0)).total_count is None

    async def test_recursive_searches_below_a_folder(self, world):
        """And includes the folder itself, as the service does."""
        (folder,) = await world.client.file.search(
            **world.drive, query=F.name == "Reports"
        ).collect()
        query = F.parent_file_id == folder.file_id
        search = world.client.file.search
        assert sorted(await names(search(**world.drive, query=query))) == ["2024", "notes.md"]
        below = await names(search(**world.drive, query=query, recursive=True))
        assert sorted(below) == ["2024", "Reports", "notes.md", "report 中.pdf"]

    async def test_several_drives_are_searched_at_once(self, world):
        """``drive_id_list``; with both ids ``drive_id`` wins."""
        await world.emulator.put_drive("2", owner="superadmin")
        await world.emulator.add_files([{"name": "report two"}], drive_id="2")
        search, query = world.client.file.search, F.name.match("report")
        both = await names(search(drive_id_list=["1", "2"], query=query))
        assert sorted(both) == sorted([*REPORTS, "report two"])
        assert await names(search(drive_id="2", drive_id_list=["1"], query=query)) == ["report two"]

    async def test_what_was_found_matches_its_query_here_too(self, world):
        """The evaluator agrees with the index on the files as they arrive."""
        query = (F.size > 100) & ~F.hidden | F.name.match("notes")
        everything = await world.client.file.search(**world.drive, query=F.size >= 0).collect()
        found = await names(world.client.file.search(**world.drive, query=query))
        assert sorted(found) == sorted(file.name for file in everything if query.matches(file))

    async def test_without_the_check_the_service_refuses(self, world):
        """``validate=False`` sends as is; the service's own error comes back."""
        view = world.client.with_options(validate=False)
        with pytest.raises(BadRequest) as caught:
            await view.file.search(**world.drive, query="size >")
        assert caught.value.code == "InvalidParameter.Query"
        assert caught.value.req_id


class TestFiles:
    """List, get, scan, download."""

    async def test_list_shows_a_folder_in_order(self, world):
        """Direct children only."""
        pager = world.client.file.list(
            **world.drive, parent_file_id="root", order_by="name", order_direction="DESC", limit=2
        )
        listed = await names(pager)
        assert listed == sorted(listed, reverse=True)
        assert set(listed) == {
            "Report.ppt", "report old.txt", "photo.JPG", 'a"b\\c.txt', "Reports",
        }  # fmt: skip

    async def test_get_gives_a_typed_file(self, world):
        """Times are aware, absent members None."""
        file = await world.client.file.get(**world.get("Report.ppt"))
        assert (file.name, file.size, file.file_extension) == ("Report.ppt", 2000, "ppt")
        assert file.created_at.isoformat() == "2019-01-14T03:00:00+00:00"
        assert file.trashed_at is None

    async def test_scan_meets_every_file(self, world):
        """Once each; with ``fields`` also by name."""
        scanned = await names(world.client.file.scan(**world.drive, fields="*", limit=3))
        assert sorted(scanned) == sorted([*world.ids, "Reports", "2024"])

    async def test_a_download_needs_no_token(self, world):
        """The URL is read by a plain session, in whole and in part; it expires by the clock."""
        target = await world.client.file.get_download_url(
            **world.get("report old.txt"), expire_sec=60
        )
        assert target.size == len(b"old words")
        async with aiohttp.ClientSession() as session:
            async with session.get(target.url) as reply:
                assert await reply.read() == b"old words"
            async with session.get(target.url, headers={"Range": "bytes=4-"}) as reply:
                assert (reply.status, await reply.read()) == (206, b"words")
            world.emulator.clock.advance(61)
            async with session.get(target.url) as reply:
                assert reply.status == 403
                assert "Request has expired" in await reply.text()
        assert world.tokens_of("/data") == [None] * 3

    async def test_missing_files_are_not_found(self, world):
        """With code, status and request id of the service."""
        with pytest.raises(NotFound) as caught:
            await world.client.file.get(**world.drive, file_id="f" * 40)
        assert (caught.value.code, caught.value.status) == ("NotFound.FileId", 404)
        assert caught.value.req_id

    async def test_a_folder_has_no_download(self, world):
        """The service's refusal comes back as it is."""
        (folder,) = (await world.client.file.search(**world.drive, query=F.name == "2024")).items
        with pytest.raises(BadRequest):
            await world.client.file.get_download_url(**world.drive, file_id=folder.file_id)

    async def test_changes_show_at_once_in_get_and_later_in_search(self, start):
        """The index is behind by its delay."""
        from pdsclient.emulator import Settings

        async with start(settings=Settings(index_delay_s=30)) as world:
            (new,) = await world.emulator.add_files([{"name": "fresh.txt"}])
            search = world.client.file.search(**world.drive, query=F.name == "fresh.txt")
            assert (await world.client.file.get(**world.drive, file_id=new)).name == "fresh.txt"
            assert await search.collect() == []
            world.emulator.clock.advance(31)
            assert [file.file_id for file in await search.collect()] == [new]

    async def test_an_operation_that_is_not_emulated_says_so(self, world):
        """Through ``post_api``, which reaches every path."""
        with pytest.raises(BadRequest) as caught:
            await world.client.post_api("/image/list_tags", {**world.drive})
        assert caught.value.code == "OperationNotSupport"


class TestDrives:
    """``client.drive``, and who may see what."""

    async def test_drives_of_the_caller(self, world):
        """Listed, by id, and the default one."""
        drives = await world.client.drive.list_my_drives().collect()
        assert [drive.drive_id for drive in drives] == [world.emulator.drive_id]
        assert (await world.client.drive.get(**world.drive)).drive_name == "Default"
        default = await world.client.drive.get_default_drive()
        assert default.drive_id == world.emulator.drive_id

    async def test_views_of_two_users_see_their_own(self, world):
        """``with_credentials``: one pool, many users."""
        await world.emulator.put_drive("7", owner="li", default=True)
        token = world.emulator.issue_token(user_id="li")
        li = world.client.with_credentials(token_info=token)
        assert (await li.drive.get_default_drive()).drive_id == "7"
        with pytest.raises(PermissionDenied) as caught:
            await li.file.search(**world.drive, query=F.size >= 0)
        assert caught.value.code.startswith("ForbiddenNoPermission")
        await world.emulator.grant(world.emulator.drive_id, "li")
        assert (await li.file.get(**world.get("Report.ppt"))).name == "Report.ppt"


class TestShareLinks:
    """Anonymous, then with a share token."""

    async def test_from_the_link_to_the_file(self, world):
        """What a visitor does who has the link and its password."""
        (folder,) = await world.client.file.search(
            **world.drive, query=F.name == "Reports"
        ).collect()
        share_id = await world.emulator.create_share(
            [folder.file_id], share_pwd="abcd", share_name="For you"
        )
        async with world.connect() as visitor:
            link = await visitor.share_link.get_by_anonymous(share_id=share_id)
            assert (link.share_name, link.has_pwd) == ("For you", True)
            with pytest.raises(PDSError) as caught:
                await visitor.share_link.get_share_token(share_id=share_id, share_pwd="guess")
            assert caught.value.code == "InvalidResource.SharePwd"
            share = await visitor.share_link.get_share_token(share_id=share_id, share_pwd="abcd")
            visitor.set_share_token(share.share_token)
            children = visitor.file.list(share_id=share_id, parent_file_id=folder.file_id)
            assert sorted(await names(children)) == ["2024", "notes.md"]
            target = await visitor.file.get_download_url(
                share_id=share_id, file_id=world.ids["notes.md"]
            )
            assert target.url
            with pytest.raises(PDSError):
                await visitor.file.get(share_id=share_id, file_id=world.ids["photo.JPG"])
        assert {record.access_token for record in world.emulator.requests.of("/file/list")} == {
            None
        }

    async def test_an_expired_share_token_is_fetched_again(self, world):
        """For all who wait at once."""
        share_id = await world.emulator.create_share([world.ids["notes.md"]])
        fetched = []

        async def fetch():
            fetched.append(1)
            reply = await visitor.share_link.get_share_token(share_id=share_id)
            return reply.share_token

        async with world.connect(refresh_share_token_fun=fetch) as visitor:
            get = visitor.file.get
            arguments = {"share_id": share_id, "file_id": world.ids["notes.md"]}
            assert (await get(**arguments)).name == "notes.md"
            world.emulator.clock.advance(7201)
            files = await asyncio.gather(*(get(**arguments) for _ in range(30)))
            assert {file.name for file in files} == {"notes.md"}
        assert len(fetched) == 2


class TestSigningIn:
    """Refreshing against both token endpoints, in memory and through a store."""

    @pytest.mark.parametrize("path", ["/oauth/token", "/account/token"])
    async def test_a_dead_token_is_exchanged(self, world, path):
        """The form of OAuth and the JSON of JWT apps; both tokens rotate."""

        async def exchange(token: TokenInfo):
            data = {
                "grant_type": "refresh_token",
                "refresh_token": token.refresh_token,
                "client_id": "APP",
                "app_id": "APP",
            }
            return await client.post_auth_anonymous(path, data)

        old = world.emulator.issue_token()
        announced = []
        async with world.connect(token_info=old, refresh_token_fun=exchange) as client:
            client.on("token", announced.append)
            world.emulator.revoke(old.access_token)
            assert (await client.file.get(**world.get("Report.ppt"))).size == 2000
            assert client.token_info.access_token != old.access_token
            assert client.token_info.refresh_token != old.refresh_token
            assert announced == [client.token_info]
            world.emulator.clock.advance(3 * 3600)
            await client.file.get(**world.get("Report.ppt"))
            assert len(announced) == 2
        assert len(world.emulator.requests.of(path)) == 2

    async def test_after_a_week_the_login_is_lost(self, world):
        """The refresh token has died: the service's refusal is the cause."""
        world.emulator.clock.advance(8 * 24 * 3600)
        with pytest.raises(AuthError) as caught:
            await world.client.file.get(**world.get("Report.ppt"))
        assert caught.value.__cause__.code == "InvalidParameter.RefreshToken"

    async def test_two_clients_share_a_login_through_a_store(self, world, tmp_path):
        """Whoever is second adopts what the first has saved; the refresh token is single-use."""
        store = FileTokenStore(tmp_path / "token.json")
        first_token = world.emulator.issue_token()

        def connect():
            return world.connect(
                token_info=first_token, refresh_token_fun=world.exchange, token_store=store
            )

        async with connect() as one, connect() as two:
            for _ in range(3):
                world.emulator.revoke((await store.load() or first_token).access_token)
                await one.file.get(**world.get("Report.ppt"))
                await two.file.get(**world.get("Report.ppt"))
                assert one.token_info == two.token_info == await store.load()
        assert len(world.emulator.requests.of("/oauth/token")) == 3
        async with world.connect(refresh_token_fun=world.exchange, token_store=store) as later:
            await later.file.get(**world.get("Report.ppt"))
        assert len(world.emulator.requests.of("/oauth/token")) == 3
