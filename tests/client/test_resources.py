"""Where operations are found, and what the replies of the login operations are good for."""

from __future__ import annotations

import inspect
import pickle
from datetime import UTC, datetime
from typing import Any

import pytest

from pdsclient import AsyncPDSClient, DecodeError, InvalidRequest, TokenInfo
from pdsclient.models import Drive, Group, Token, User
from pdsclient.operations import Resource
from pdsclient.resources import Lazy

REPLY = {
    "access_token": "access-2",
    "refresh_token": "refresh-2",
    "expires_in": "7200",
    "expire_time": "2019-09-01T06:57:48.813Z",
    "token_type": "Bearer",
    "user_id": "u",
    "role": "user",
    "avatar": "",
    "default_drive_id": "1",
    "exist_link": [{"identity": "138", "type": "mobile"}],
    "user_data": {"k": 1},
}
LOGIN = {"client_id": "app", "grant_type": "refresh_token", "refresh_token": "refresh-1"}

SEGMENTS = [name for name, item in vars(AsyncPDSClient).items() if isinstance(item, Lazy)]


class TestResources:
    """The groups of operations of a client."""

    @pytest.mark.parametrize("segment", SEGMENTS)
    def test_each_tells_its_operations(self, segment: str) -> None:
        """Its repr and its completion list them, and it says what they are about."""
        resource = getattr(AsyncPDSClient(api_endpoint="https://bj1.api.aliyunpds.com"), segment)
        assert isinstance(resource, Resource)
        names = repr(resource).strip("<>").partition(": ")[2].split(", ")
        assert names
        assert set(names) <= set(dir(resource))
        assert f"client.{segment}" in (inspect.getdoc(resource) or "")
        assert vars(AsyncPDSClient)[segment].__doc__.endswith(".")

    def test_all_are_completed_before_they_are_used(self) -> None:
        """They are attributes of the class: ``dir`` and editors know them all."""
        assert {*SEGMENTS, "batch"} <= set(dir(AsyncPDSClient))
        assert len(SEGMENTS) == 17

    def test_one_is_made_once(self, make_client: Any) -> None:
        """Asking again gives the same object, so that a loop pays nothing for it."""
        client = make_client()
        assert client.user is client.user

    async def test_a_view_has_its_own(self, server: Any, make_client: Any) -> None:
        """Its operations go with the view's settings, also those further down."""
        client = make_client()
        await client.csi.business.punish_file(drive_id="1", file_id="f", action_code="c")
        view = client.with_options(headers={"x-test": "view"})
        await view.csi.business.punish_file(drive_id="1", file_id="f", action_code="c")
        await view.batch(resource="file", requests=[{"id": "1", "url": "/file/get"}])
        assert [seen.headers.get("x-test") for seen in server.seen] == [None, "view", "view"]


class TestTokenReplies:
    """``client.oauth.token`` and ``client.account.token``."""

    @pytest.fixture
    def signed_in(self, server: Any, make_client: Any) -> Any:
        """A client with a credential of its own, and everything it announces."""
        client = make_client()
        client.announced = []
        client.on("token", client.announced.append)
        server.script((200, REPLY))
        return client

    @pytest.mark.parametrize("way", ["oauth", "account"])
    async def test_the_reply_is_not_put_in_force(
        self, way: str, server: Any, signed_in: Any
    ) -> None:
        """No credential is sent along, the client's own stays, and nothing is announced."""
        if way == "oauth":
            token = await signed_in.oauth.token(**LOGIN)
        else:
            token = await signed_in.account.token(app_id="app", refresh_token="refresh-1")
        assert token.access_token == "access-2"
        assert server.seen[-1].token is None
        assert signed_in.token_info.access_token == "token-1"
        assert signed_in.announced == []

    async def test_set_token_puts_it_in_force(self, server: Any, signed_in: Any) -> None:
        """The reply itself is what ``set_token`` takes."""
        signed_in.set_token(await signed_in.oauth.token(**LOGIN))
        await signed_in.user.get()
        assert server.seen[-1].token == "access-2"

    async def test_a_refresh_function_may_return_it(self, server: Any, make_client: Any) -> None:
        """So that one client can be the refresh function of another."""
        server.script((200, REPLY))
        other = make_client()
        client = make_client(token_info=None, refresh_token_fun=lambda: other.oauth.token(**LOGIN))
        await client.user.get()
        assert server.seen[-1].token == "access-2"

    @pytest.mark.parametrize(
        "call",
        [
            lambda client: client.oauth.token(**LOGIN),
            lambda client: client.account.token(app_id="app", refresh_token="refresh-1"),
            lambda client: client.account.link(identity="138", type="mobile", user_id="u"),
            lambda client: client.account.get_link_info(identity="138", type="mobile"),
            lambda client: client.account.get_link_info_by_user_id(user_id="u"),
            lambda client: client.account.unlink(identity="138", type="mobile", user_id="u"),
        ],
    )
    async def test_accounts_and_logins_are_at_the_auth_endpoint(
        self, call: Any, server: Any, make_client: Any
    ) -> None:
        """They go there and nowhere else."""
        client = make_client(
            api_endpoint="https://bj1.api.aliyunpds.com", auth_endpoint=server.endpoint
        )
        await call(client)
        assert len(server.seen) == 1

    def test_everything_known_of_the_user_is_kept(self) -> None:
        """Fields of the credential are parsed, the others stay in ``extra`` as plain data."""
        info = TokenInfo.parse(TOKEN)
        assert (info.access_token, info.refresh_token) == ("access-2", "refresh-2")
        assert (info.expires_in, info.user_id, info.role) == (7200, "u", "user")
        assert info.expire_time == datetime(2019, 9, 1, 6, 57, 48, 813_000, UTC)
        assert info.extra["default_drive_id"] == "1"
        assert info.extra["user_data"] == {"k": 1}
        assert info.extra["exist_link"][0]["identity"] == "138"
        assert TokenInfo.parse(info.to_mapping()) == info

    def test_a_reply_without_a_token_is_refused(self) -> None:
        """While an account has to be linked first there is no credential yet."""
        with pytest.raises(InvalidRequest, match="access_token is missing"):
            TokenInfo.parse(Token(need_link=True))

    def test_another_reply_is_refused(self) -> None:
        """Only a reply with an access token is a credential."""
        with pytest.raises(InvalidRequest, match="access_token"):
            TokenInfo.parse(Drive(drive_id="1"))  # type: ignore[arg-type]

    def test_it_shows_no_secret(self) -> None:
        """Neither as text, nor as a table, nor as data; it is not pickled."""
        for text in (repr(TOKEN), TOKEN._repr_html_(), repr(TOKEN.to_dict(include_urls=True))):
            assert "access-2" not in text
            assert "refresh-2" not in text
        with pytest.raises(TypeError, match="secret"):
            pickle.dumps(TOKEN)


TOKEN = Token(**REPLY)  # type: ignore[arg-type]


class TestMembers:
    """Pages that hold users and groups."""

    async def test_both_kinds_are_read_page_by_page(self, server: Any, make_client: Any) -> None:
        """Groups come before users; a page of one kind, or of none, is not the end."""
        pages = [
            {"group_items": [{"group_id": "g"}], "user_items": [], "next_marker": "2"},
            {"group_items": None, "user_items": [], "next_marker": "3"},
            {"user_items": [{"user_id": "a"}, {"user_id": "b"}], "next_marker": ""},
        ]
        server.script(*((200, page) for page in pages))
        rows = await make_client().group.list_member(group_id="g").collect()
        assert rows == [Group(group_id="g"), User(user_id="a"), User(user_id="b")]
        assert [seen.json.get("marker") for seen in server.seen] == [None, "2", "3"]

    @pytest.mark.parametrize("kind", ["group_items", "user_items"])
    @pytest.mark.parametrize("rows", [{"group_id": "g"}, ["g"], "g"])
    async def test_rows_that_are_none_are_an_error(
        self, kind: str, rows: Any, server: Any, make_client: Any
    ) -> None:
        """Members must not get lost because a list has another form."""
        server.script((200, {kind: rows}))
        with pytest.raises(DecodeError):
            await make_client().group.list_member(group_id="g")


async def test_times_are_read_whatever_their_form(server: Any, make_client: Any) -> None:
    """Users have milliseconds, drives and stories RFC 3339, the latter with an offset."""
    server.script(
        (200, {"created_at": 1_639_762_579_768, "updated_at": "2021-12-17T17:36:19.768Z"}),
        (200, {"created_at": "2021-12-18T01:36:19.768123456+08:00", "updated_at": ""}),
    )
    client = make_client()
    moment = datetime(2021, 12, 17, 17, 36, 19, 768_000, UTC)
    user = await client.user.get()
    assert (user.created_at, user.updated_at) == (moment, moment)
    story = await client.image.get_story(drive_id="1", story_id="s")
    assert (story.created_at, story.updated_at) == (moment.replace(microsecond=768_123), None)


class TestChecks:
    """What is refused before anything is sent."""

    @pytest.mark.parametrize(
        ("call", "said"),
        [
            (lambda c: c.user.get(user_id="a#b"), "user_id must not have '#'"),
            (lambda c: c.user.get(user_id="a" * 65), "user_id must have at most 64 characters"),
            (lambda c: c.user.create(user_id="a", user_data={"k": "v" * 1024}), "user_data must"),
            (lambda c: c.user.create(user_id="a", user_data={"k": {1, 2}}), "set"),
            (lambda c: c.user.general_get(extra_return_info=["all"]), "extra_return_info"),
            (
                lambda c: c.user.update(
                    user_id="a", msg_setting={"send_settings": [{"enable": 1}]}
                ),
                r"msg_setting.send_settings\[0\].enable must be True or False",
            ),
            (lambda c: c.user.update(user_id="a", expired_at=datetime(2025, 1, 1)), "expired_at"),
            (lambda c: c.drive.create(drive_name="", owner="u", owner_type="user"), "drive_name"),
            (lambda c: c.drive.update(drive_id="1", total_size=-2), "total_size must be from -1"),
            (lambda c: c.group.create(group_name="g" * 129), "group_name must have at most 128"),
            (lambda c: c.group.update_name(group_id="g", name=None), "name is required"),
            (lambda c: c.role.assign(identity={"id": "u"}, manage_resource_id="g"), "identity has"),
            (
                lambda c: c.image.create_story(
                    drive_id="1", story_type="t", story_start_time="2025-01-01T00:00:00"
                ),
                "story_start_time is a time without a zone",
            ),
        ],
    )
    async def test_what_the_service_would_refuse_is_refused_here(
        self, call: Any, said: str, server: Any, make_client: Any
    ) -> None:
        """The message names the field and what it may hold."""
        with pytest.raises(InvalidRequest, match=said):
            await call(make_client())
        assert server.seen == []
