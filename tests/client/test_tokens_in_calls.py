"""Tokens under concurrent calls: what the 500 callers of a service see."""

from __future__ import annotations

import asyncio

import pytest

from pdsclient import (
    AuthError,
    InvalidRequest,
    RefreshFailed,
    ShareTokenInvalid,
    TokenInfo,
)

REFUSED = (401, {"code": "AccessTokenInvalid", "message": "AccessToken is invalid. expired"})
CALLERS = 500


class Login:
    """A token endpoint with rotation: each exchange kills the pair before it."""

    def __init__(self, server, *, alive="token-1"):
        self.server = server
        self.alive = alive
        self.exchanges = 0
        self.expires_in = 7200
        server.handler = self.answer
        self.gate = None

    def answer(self, seen):
        return (200, {"token": seen.token}) if seen.token == self.alive else REFUSED

    async def refresh(self):
        self.exchanges += 1
        if self.gate is not None:
            await self.gate.wait()
        await asyncio.sleep(0)
        self.alive = f"token-{self.exchanges + 1}"
        return {
            "access_token": self.alive,
            "refresh_token": f"refresh-{self.exchanges + 1}",
            "expires_in": self.expires_in,
        }

    def tokens_after_refresh(self):
        seen = [one.token for one in self.server.seen]
        return seen[seen.index("token-2") :]


async def all_of(client, count=CALLERS, path="/file/get"):
    return await asyncio.gather(
        *(client.post_api(path) for _ in range(count)), return_exceptions=True
    )


async def test_500_calls_meet_a_token_expired_on_our_clock(server, make_client, fake_time):
    """One exchange, no request with the old token at all, every call succeeds."""
    login = Login(server)
    expired = {"access_token": "token-1", "refresh_token": "r", "expires_in": 0}
    client = make_client(token_info=expired, refresh_token_fun=login.refresh)
    assert await all_of(client) == [{"token": "token-2"}] * CALLERS
    assert login.exchanges == 1
    assert {one.token for one in server.seen} == {"token-2"}


async def test_500_calls_meet_a_token_that_only_the_server_knows_is_dead(server, make_client):
    """One exchange; no request that starts after it carries the old token; all succeed."""
    login = Login(server, alive="nothing")
    client = make_client(refresh_token_fun=login.refresh)
    assert await all_of(client) == [{"token": "token-2"}] * CALLERS
    assert login.exchanges == 1
    assert set(login.tokens_after_refresh()) == {"token-2"}


async def test_the_refreshing_caller_is_cancelled(server, make_client):
    """The others still succeed, with one exchange."""
    login = Login(server, alive="nothing")
    login.gate = asyncio.Event()
    client = make_client(refresh_token_fun=login.refresh)
    calls = [asyncio.ensure_future(client.post_api("/file/get")) for _ in range(CALLERS)]
    while not login.exchanges:
        await asyncio.sleep(0)
    calls[0].cancel()
    await asyncio.sleep(0)
    login.gate.set()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError)
    assert results[1:] == [{"token": "token-2"}] * (CALLERS - 1)
    assert login.exchanges == 1


async def test_all_callers_are_cancelled(server, make_client):
    """The new token is kept all the same: the old one is dead."""
    login = Login(server, alive="nothing")
    login.gate = asyncio.Event()
    client = make_client(refresh_token_fun=login.refresh)
    calls = [asyncio.ensure_future(client.post_api("/file/get")) for _ in range(CALLERS)]
    while not login.exchanges:
        await asyncio.sleep(0)
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    login.gate.set()
    assert await client.post_api("/file/get") == {"token": "token-2"}
    assert login.exchanges == 1


async def test_a_refresh_that_fails_fails_each_caller_with_its_own_error(
    server, make_client, fake_time
):
    """One exchange, 500 errors, one cause, and no stampede afterwards."""
    server.handler = lambda seen: REFUSED
    asked = []

    async def refresh():
        asked.append(1)
        raise ValueError("the login service is away")

    client = make_client(refresh_token_fun=refresh)
    told = []
    client.on("error", lambda error, req_opt: told.append(error))
    results = await all_of(client)
    assert {type(one) for one in results} == {RefreshFailed}
    assert len({id(one) for one in results}) == CALLERS
    assert len({id(one.__cause__) for one in results}) == 1
    assert isinstance(results[0].__cause__, ValueError)
    assert len(told) == CALLERS
    sent = len(server.seen)
    await all_of(client)
    assert len(asked) == 1
    assert len(server.seen) == sent
    fake_time.advance(60)
    await all_of(client)
    assert len(asked) == 2


async def test_set_token_in_the_middle_of_a_refresh_wins(server, make_client):
    """The waiting calls go on with the token that was set; the exchanged one is dropped."""
    login = Login(server, alive="mine")
    login.gate = asyncio.Event()
    announced = []
    client = make_client(refresh_token_fun=login.refresh)
    client.on("token", announced.append)
    calls = [asyncio.ensure_future(client.post_api("/file/get")) for _ in range(20)]
    while not login.exchanges:
        await asyncio.sleep(0)
    client.set_token({"access_token": "mine"})
    results = await asyncio.gather(*calls)
    assert results == [{"token": "mine"}] * 20
    login.gate.set()
    for _ in range(5):
        await asyncio.sleep(0)
    assert client.token_info.access_token == "mine"
    assert not announced


async def test_remove_token_in_the_middle_of_a_refresh(server, make_client):
    """The waiting calls have no credential left; the exchanged one is dropped."""
    login = Login(server, alive="nothing")
    login.gate = asyncio.Event()
    client = make_client(refresh_token_fun=login.refresh)
    calls = [asyncio.ensure_future(client.post_api("/file/get")) for _ in range(20)]
    while not login.exchanges:
        await asyncio.sleep(0)
    client.remove_token()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(one) for one in results} == {AuthError}
    login.gate.set()
    assert client.token_info is None


async def test_a_refresh_through_the_same_client_works_with_one_connection(server, make_client):
    """A slot is held only while bytes move, so the exchange finds one."""

    def answer(seen):
        if seen.path == "/v2/account/token":
            assert seen.token is None
            return 200, {"access_token": "token-2", "expires_in": 7200}
        return (200, {"ok": 1}) if seen.token == "token-2" else REFUSED

    server.handler = answer

    async def refresh(token):
        return await client.post_auth_anonymous(
            "/account/token", {"refresh_token": token.refresh_token}
        )

    client = make_client(refresh_token_fun=refresh, max_connections=1)
    assert await all_of(client, 50) == [{"ok": 1}] * 50
    exchanges = [one for one in server.seen if one.path == "/v2/account/token"]
    assert len(exchanges) == 1
    assert exchanges[0].json == {"refresh_token": "refresh-1"}


async def test_a_refresh_over_a_dropped_keep_alive_is_sent_again(server, make_client):
    """If it arrived the login is lost either way; if not, it is saved."""
    exchanges = 0

    def answer(seen):
        nonlocal exchanges
        if seen.path == "/v2/oauth/token":
            exchanges += 1
            if exchanges == 1:
                raise ConnectionResetError
            return 200, {"access_token": "token-2", "expires_in": 7200}
        return (200, {"ok": 1}) if seen.token == "token-2" else REFUSED

    server.handler = answer

    async def refresh(token):
        return await client.post_auth_anonymous(
            "/oauth/token",
            {"grant_type": "refresh_token", "refresh_token": token.refresh_token},
        )

    client = make_client(refresh_token_fun=refresh)
    assert await client.post_api("/file/get") == {"ok": 1}
    assert exchanges == 2


async def test_an_authenticated_call_inside_the_refresh_function_raises_at_once(
    server, make_client
):
    """It would wait for itself."""
    server.handler = lambda seen: REFUSED

    async def refresh():
        await client.post_api("/user/get")

    client = make_client(refresh_token_fun=refresh)
    with pytest.raises(RefreshFailed) as caught:
        await client.post_api("/file/get")
    assert isinstance(caught.value.__cause__, AuthError)


async def test_a_clock_three_hours_ahead_causes_no_storm(server, make_client, fake_time):
    """The given token looks expired: one exchange; the issued one is trusted by its lifetime."""
    login = Login(server)
    fake_time.wall += 3 * 3600
    given = {"access_token": "token-1", "refresh_token": "r", "expire_time": "2023-11-15T00:00:00Z"}
    client = make_client(token_info=given, refresh_token_fun=login.refresh)
    for _ in range(3):
        await all_of(client, 20)
    assert login.exchanges == 1


async def test_a_token_still_refused_after_the_refresh_fails_after_one_try(server, make_client):
    """One exchange per call, then the server's own error with its request id."""
    login = Login(server)
    login.answer = lambda seen: REFUSED
    server.handler = login.answer
    client = make_client(refresh_token_fun=login.refresh)
    with pytest.raises(AuthError) as caught:
        await client.post_api("/file/get")
    assert (caught.value.status, caught.value.code) == (401, "AccessTokenInvalid")
    assert caught.value.req_id == "REQ-1"
    assert login.exchanges == 1
    assert len(server.seen) == 2


async def test_a_token_fetched_for_the_call_is_its_one_exchange(server, make_client):
    """Expired here, replaced, and refused all the same: no second exchange."""
    login = Login(server)
    server.handler = lambda seen: REFUSED
    expired = {"access_token": "token-1", "expires_in": 0}
    client = make_client(token_info=expired, refresh_token_fun=login.refresh)
    with pytest.raises(AuthError):
        await client.post_api("/file/get")
    assert login.exchanges == 1
    assert [one.token for one in server.seen] == ["token-2"]


async def test_a_late_refusal_of_an_older_token_costs_no_exchange(server, make_client):
    """The call is repeated with the token that is in force by then."""
    login = Login(server)
    gate = asyncio.Event()

    async def answer(seen):
        if seen.token == "token-1":
            await gate.wait()
        return login.answer(seen)

    server.handler = answer
    client = make_client(refresh_token_fun=login.refresh)
    late = asyncio.ensure_future(client.post_api("/file/get"))
    while not server.seen:
        await asyncio.sleep(0)
    await client.refresh_token()
    gate.set()
    assert await late == {"token": "token-2"}
    assert login.exchanges == 1


@pytest.mark.parametrize("code", ["AccessTokenInvalid", "AccessTokenExpired", "TokenExpired"])
async def test_every_spelling_of_a_dead_token_is_understood(server, make_client, code):
    """PDS, newer gateways, and the JavaScript SDK's own word."""
    login = Login(server, alive="nothing")
    server.handler = lambda seen: (
        (200, {}) if seen.token == "token-2" else (401, {"code": code, "message": "x"})
    )
    client = make_client(refresh_token_fun=login.refresh)
    await client.post_api("/file/get")
    assert login.exchanges == 1


async def test_a_gateways_broken_jwt_is_a_refused_token(server, make_client):
    """``I400JD`` comes with status 400 and an empty body."""
    login = Login(server, alive="nothing")
    server.handler = lambda seen: (
        (200, {}) if seen.token == "token-2" else (400, b"", {"x-ca-error-code": "I400JD"})
    )
    client = make_client(refresh_token_fun=login.refresh)
    await client.post_api("/file/get")
    assert login.exchanges == 1


async def test_without_a_credential_nothing_is_sent(server, make_client):
    """A call that needs one raises AuthError, and the event tells it."""
    client = make_client(token_info=None)
    told = []
    client.on("error", lambda error, req_opt: told.append(error))
    with pytest.raises(AuthError, match="no access token"):
        await client.post_api("/file/get")
    assert not server.seen
    assert len(told) == 1


async def test_a_refresh_function_alone_fetches_the_first_token(server, make_client):
    """No token, but a means to get one."""
    login = Login(server)
    client = make_client(token_info=None, refresh_token_fun=login.refresh)
    assert await client.post_api("/file/get") == {"token": "token-2"}


async def test_an_expired_token_without_means_is_sent(server, make_client):
    """The server decides."""
    client = make_client(token_info={"access_token": "old", "expires_in": 0})
    await client.post_api("/file/get")
    assert server.seen[0].token == "old"


async def test_the_token_event_tells_of_each_new_token(server, make_client):
    """After it is in force; ``set_token`` is no news to who called it."""
    login = Login(server, alive="nothing")
    client = make_client(refresh_token_fun=login.refresh)
    told = []

    @client.on("token")
    def on_token(info: TokenInfo):
        told.append((info.access_token, client.token_info.access_token))

    await client.post_api("/file/get")
    assert told == [("token-2", "token-2")]


async def test_a_provider_is_asked_for_all_callers_at_once(server, make_client, fake_time):
    """Its answer holds for 2 s, and not a moment longer once the server refused it."""
    asked = []

    async def provide():
        asked.append(1)
        return {"access_token": f"token-{len(asked)}"}

    client = make_client(token_provider=provide)
    await all_of(client, 50)
    assert len(asked) == 1
    server.handler = lambda seen: (200, {}) if seen.token == "token-2" else REFUSED
    await all_of(client, 50)
    assert len(asked) == 2
    fake_time.advance(3)
    server.handler = lambda seen: (200, {})
    await all_of(client, 50)
    assert len(asked) == 3


async def test_a_provider_may_say_anonymous(server, make_client):
    """None: the call goes without a credential."""

    async def provide():
        return None

    await make_client(token_provider=provide).post_api("/file/get")
    assert server.seen[0].token is None


class TestShareTokens:
    """``x-share-token``, alone or beside an access token."""

    SHARE_REFUSED = (401, {"code": "ShareLinkTokenInvalid", "message": "expired"})

    async def test_both_may_be_sent(self, server, make_client):
        """JS sends both when it has both."""
        await make_client(share_token="s-1").post_api("/file/list")
        headers = server.seen[0].headers
        assert (headers["authorization"], headers["x-share-token"]) == ("Bearer token-1", "s-1")

    async def test_it_can_stand_alone(self, server, make_client):
        """No access token is asked for then."""
        await make_client(token_info=None, share_token="s-1").post_api("/file/list")
        assert "authorization" not in server.seen[0].headers

    async def test_options_can_set_it_or_take_it_away(self, server, make_client):
        """For one call."""
        client = make_client(share_token="s-1")
        await client.post_api("/file/list", {}, {"share_token": "s-2"})
        await client.post_api("/file/list", {}, {"share_token": None})
        assert server.seen[0].headers["x-share-token"] == "s-2"
        assert "x-share-token" not in server.seen[1].headers

    @pytest.mark.parametrize("refused", [SHARE_REFUSED, (401, b"")])
    async def test_a_refused_one_is_refreshed_once_for_all(self, server, make_client, refused):
        """``ShareLinkTokenInvalid``, or any 401 of a call with a share token alone."""
        asked = []

        async def refresh():
            asked.append(1)
            return f"s-{len(asked) + 1}"

        server.handler = lambda seen: (
            (200, {"ok": 1}) if seen.headers["x-share-token"] == "s-2" else refused
        )
        client = make_client(token_info=None, share_token="s-1", refresh_share_token_fun=refresh)
        told = []
        client.on("share_token", told.append)
        assert await all_of(client, 100) == [{"ok": 1}] * 100
        assert len(asked) == 1
        assert client.share_token == "s-2"
        assert told == ["s-2"]

    async def test_without_means_the_servers_error_is_raised(self, server, make_client):
        """Nothing to try."""
        server.handler = lambda seen: self.SHARE_REFUSED
        with pytest.raises(ShareTokenInvalid) as caught:
            await make_client(share_token="s-1").post_api("/file/list")
        assert caught.value.status == 401
        assert len(server.seen) == 1

    async def test_it_is_bounded_when_each_new_one_is_refused(self, server, make_client):
        """One exchange per call."""
        asked = []

        async def refresh():
            asked.append(1)
            return f"s-{len(asked) + 1}"

        server.handler = lambda seen: self.SHARE_REFUSED
        with pytest.raises(ShareTokenInvalid):
            await make_client(share_token="s-1", refresh_share_token_fun=refresh).post_api(
                "/file/list"
            )
        assert len(asked) == 1


class TestTheSeedsSetters:
    """Rows of "setToken" and "setShareToken"."""

    async def test_set_token(self, server, make_client):
        """ "token_info | TokenInfo | Yes"; "Response parameters: None"."""
        client = make_client(token_info=None)
        assert client.set_token({"access_token": "late"}) is None
        await client.post_api("/file/list")
        assert server.seen[0].token == "late"
        with pytest.raises(TypeError):
            client.set_token()

    async def test_set_share_token(self, server, make_client):
        """ "share_token | string | Yes"; "Response parameters: None"."""
        client = make_client()
        assert client.set_share_token("late") is None
        await client.post_api("/file/list")
        assert server.seen[0].headers["x-share-token"] == "late"
        client.remove_share_token()
        await client.post_api("/file/list")
        assert "x-share-token" not in server.seen[1].headers

    @pytest.mark.parametrize("bad", [None, 7, "", "a\nb", "ü", "\x00", "\ud800", {}, []])
    async def test_a_bad_value_names_the_field(self, make_client, bad):
        """What cannot be a token is refused at once."""
        client = make_client()
        with pytest.raises(InvalidRequest, match="share_token"):
            client.set_share_token(bad)
        with pytest.raises(InvalidRequest, match="token_info"):
            client.set_token({"access_token": bad})
        with pytest.raises(InvalidRequest, match="token_info"):
            client.set_token(bad)


async def test_with_credentials_has_a_token_source_of_its_own(server, make_client):
    """One pool, many users; a refresh of one is none of the others."""
    login = Login(server, alive="nothing")
    client = make_client()
    other = client.with_credentials(
        token_info={"access_token": "other"}, refresh_token_fun=login.refresh
    )
    assert await other.post_api("/file/get") == {"token": "token-2"}
    with pytest.raises(AuthError):
        await client.post_api("/file/get")
    assert client.token_info.access_token == "token-1"
    assert other.token_info.access_token == "token-2"
    with pytest.raises(InvalidRequest, match="retries is not a credential"):
        client.with_credentials(retries=3)
