"""Tokens over HTTP: refusal, refresh with rotation, expiry, permissions and shares."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pdsclient.emulator import Settings

WEEK_S = 7 * 24 * 3600


async def refresh(api, token, path="/oauth/token", **more):
    if path == "/oauth/token":
        form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": "APP", **more}
        return await api.send("POST", "/v2/oauth/token", data=form)
    data = {"grant_type": "refresh_token", "refresh_token": token, "app_id": "APP", **more}
    return await api.post(path, data, token=None)


async def whoami(api, token):
    return await api.post("/drive/get_default_drive", token=token)


@pytest.mark.parametrize("token", [None, "garbage", "eyJhbGciOiJIUzI1NiJ9.e30.AAAA", "\u00e9"])
async def test_bad_access_tokens_are_refused(api, token):
    """No token and a forged one are 401 AccessTokenInvalid."""
    got = await whoami(api, token)
    assert (got.status, got.code) == (401, "AccessTokenInvalid")
    assert got.data["message"].startswith("AccessToken is invalid. ")


@pytest.mark.parametrize("path", ["/oauth/token", "/account/token"])
async def test_refresh_rotates_both_tokens(api, path):
    """After a refresh the old access and refresh tokens are dead and the new pair works."""
    old = api.emulator.issue_token()
    got = await refresh(api, old.refresh_token, path)
    assert got.status == 200
    assert got.data["refresh_token"] != old.refresh_token
    assert (await whoami(api, old.access_token)).code == "AccessTokenInvalid"
    assert (await whoami(api, got.data["access_token"])).status == 200
    again = await refresh(api, old.refresh_token, path)
    assert (again.status, again.code) == (400, "InvalidParameter.RefreshToken")
    assert again.data["message"] == "The input parameter refresh_token is not valid. "


async def test_token_reply_is_complete(api):
    """A token reply has every field of the reference, times and lifetimes agreeing."""
    got = await refresh(api, api.emulator.issue_token().refresh_token)
    data = got.data
    assert data["token_type"] == "Bearer"
    assert data["expires_in"] == 7200
    left = datetime.fromisoformat(data["expire_time"]) - datetime.now(UTC)
    assert timedelta(seconds=7190) < left <= timedelta(seconds=7200)
    assert (data["role"], data["default_drive_id"], data["domain_id"]) == ("superadmin", "1", "bj1")
    assert len(data["refresh_token"]) == 32
    assert {"user_id", "status", "need_link", "exist_link", "user_data"} <= data.keys()


async def test_token_reply_switches(run):
    """expire_time may be missing and expires_in may be text."""
    settings = Settings(token_expire_time="missing", token_expires_in="text")
    async with run(settings=settings) as api:
        data = (await refresh(api, api.emulator.issue_token().refresh_token)).data
        assert "expire_time" not in data
        assert data["expires_in"] == "7200"


async def test_old_access_token_may_survive(run):
    """By a switch the old access token stays good, or is handed out again."""
    async with run(settings=Settings(after_refresh="survives")) as api:
        old = api.emulator.issue_token()
        new = (await refresh(api, old.refresh_token)).data
        assert new["access_token"] != old.access_token
        assert (await whoami(api, old.access_token)).status == 200
        api.emulator.settings = Settings(after_refresh="same")
        same = (await refresh(api, new["refresh_token"])).data
        assert same["access_token"] == new["access_token"]
        assert same["refresh_token"] != new["refresh_token"]


async def test_access_tokens_expire(api):
    """A token past its time is 401 with the words that clients look for."""
    token = api.emulator.issue_token(ttl_s=60)
    api.emulator.clock.advance(59)
    assert (await whoami(api, token.access_token)).status == 200
    api.emulator.clock.advance(1)
    got = await whoami(api, token.access_token)
    assert (got.status, got.code) == (401, "AccessTokenInvalid")
    assert got.data["message"] == "AccessToken is invalid. AccessTokenExpired"
    api.emulator.settings = Settings(expired_token="AccessTokenExpired")
    assert (await whoami(api, token.access_token)).code == "AccessTokenExpired"


async def test_refresh_tokens_last_a_week(api):
    """A refresh token outlives its access token and dies after seven days."""
    first, second = api.emulator.issue_token(), api.emulator.issue_token()
    api.emulator.clock.advance(WEEK_S - 1)
    assert (await refresh(api, first.refresh_token)).status == 200
    api.emulator.clock.advance(2)
    assert (await refresh(api, second.refresh_token)).code == "InvalidParameter.RefreshToken"


async def test_revoked_tokens_are_dead(api):
    """A revoked access token is refused before its time; its refresh token still works."""
    token = api.emulator.issue_token()
    api.emulator.revoke(token.access_token)
    assert (await whoami(api, token.access_token)).status == 401
    assert (await refresh(api, token.refresh_token)).status == 200
    other = api.emulator.issue_token()
    api.emulator.revoke(other.refresh_token)
    assert (await refresh(api, other.refresh_token)).code == "InvalidParameter.RefreshToken"


async def test_token_info_is_always_alive(api):
    """token_info gives a new token when the last one was rotated away."""
    old = api.emulator.token_info
    assert api.emulator.token_info is old
    await refresh(api, old.refresh_token)
    assert (await whoami(api, api.emulator.token_info.access_token)).status == 200


async def test_token_endpoint_checks(api):
    """Missing and unknown fields of the token endpoint have their codes."""

    async def code(form):
        return (await api.send("POST", "/v2/oauth/token", data=form)).code

    base = {"client_id": "APP"}
    assert await code({}) == "InvalidParameterMissing.GrantType"
    assert await code({"grant_type": "refresh_token"}) == "InvalidParameterMissing.ClientId"
    assert await code(base | {"grant_type": "refresh_token"}) == (
        "InvalidParameterMissing.RefreshToken"
    )
    assert await code(base | {"grant_type": "magic"}) == "InvalidParameterNotSupported.GrantType"
    grants = [
        ("authorization_code", "code", "Code"),
        ("code", "code", "Code"),
        ("urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion", "Assertion"),
    ]
    own = {"client_id": api.emulator.app_id}
    for grant, name, suffix in grants:
        form = {"grant_type": grant}
        assert await code(own | form) == f"InvalidParameterMissing.{suffix}"
        assert await code(own | form | {name: "x"}) == f"InvalidParameter.{suffix}"
        assert await code(base | form | {name: "x"}) == "InvalidParameter.ClientId"


async def test_token_endpoint_wants_a_form(api):
    """JSON is not read by /oauth/token."""
    got = await api.post("/oauth/token", {"grant_type": "refresh_token"}, token=None)
    assert got.code == "InvalidParameterMissing.GrantType"


async def test_drives_are_closed_to_others(api):
    """A user may not touch another's drive until let in; administrators may touch all."""
    await api.emulator.put_drive("2", owner="bob", default=True)
    (file_id,) = await api.emulator.add_files([{"name": "x", "size": 1}], drive_id="2")
    alice = api.emulator.issue_token(user_id="alice").access_token
    calls = {
        "/drive/get": {},
        "/file/get": {"file_id": file_id},
        "/file/list": {"parent_file_id": "root"},
        "/file/scan": {},
        "/file/search": {"query": "size > 0"},
        "/file/get_download_url": {"file_id": file_id},
    }
    for path, data in calls.items():
        got = await api.post(path, {"drive_id": "2", **data}, token=alice)
        assert (got.status, got.code) == (403, "ForbiddenNoPermission.Drive"), path
        assert (await api.post(path, {"drive_id": "2", **data})).status == 200, path
    await api.emulator.grant("2", "alice")
    for path, data in calls.items():
        assert (await api.post(path, {"drive_id": "2", **data}, token=alice)).status == 200, path


async def test_default_drive_of_others(api):
    """Only an administrator may ask for another's default drive."""
    await api.emulator.put_drive("2", owner="bob", default=True)
    bob = api.emulator.issue_token(user_id="bob").access_token
    assert (await whoami(api, bob)).data["drive_id"] == "2"
    asked = await api.post("/drive/get_default_drive", {"user_id": "bob"})
    assert asked.data["drive_id"] == "2"
    got = await api.post("/drive/get_default_drive", {"user_id": "superadmin"}, token=bob)
    assert (got.status, got.code) == (403, "Forbidden")
    got = await api.post("/drive/get_default_drive", {"user_id": "nobody"})
    assert (got.status, got.code) == (404, "NotFound.Drive")


# ---- shares


async def shared(api, **options):
    await api.emulator.add_files([{"path": "open/deep/a.txt", "size": 3}, {"name": "private"}])
    found = (await api.search("size >= 0 or type = 'folder'")).data["items"]
    ids = {item["name"]: item["file_id"] for item in found}
    return ids, await api.emulator.create_share([ids["open"]], **options)


async def share_call(api, path, data, token, access=None):
    return await api.post(path, data, token=access, headers={"x-share-token": token})


async def test_share_token_opens_what_is_shared(api):
    """With a share token alone the shared items can be listed, read and downloaded."""
    ids, share_id = await shared(api)
    got = await api.post("/share_link/get_share_token", {"share_id": share_id}, token=None)
    assert got.data["expires_in"] == 7200
    token = got.data["share_token"]
    root = await share_call(
        api, "/file/list", {"share_id": share_id, "parent_file_id": "root"}, token
    )
    (item,) = root.data["items"]
    assert (item["name"], item["share_id"]) == ("open", share_id)
    assert "drive_id" not in item
    deep = {"share_id": share_id, "parent_file_id": ids["deep"]}
    listed = await share_call(api, "/file/list", deep, token)
    assert [one["name"] for one in listed.data["items"]] == ["a.txt"]
    one = {"share_id": share_id, "file_id": ids["a.txt"], "drive_id": "ignored"}
    assert (await share_call(api, "/file/get", one, token)).data["size"] == 3
    url = (await share_call(api, "/file/get_download_url", one, token)).data["url"]
    assert len((await api.send("GET", url)).body) == 3


async def test_share_token_opens_nothing_else(api):
    """What is not shared is 403, a drive without the share is refused, search wants a user."""
    ids, share_id = await shared(api)
    token = api.emulator.issue_share_token(share_id)
    private = {"share_id": share_id, "file_id": ids["private"]}
    got = await share_call(api, "/file/get", private, token)
    assert (got.status, got.code) == (403, "ForbiddenNoPermission.File")
    got = await share_call(api, "/file/get", {"drive_id": "1", "file_id": ids["private"]}, token)
    assert got.code == "InvalidParameterMissing.ShareId"
    search = {"share_id": share_id, "query": "size > 0"}
    assert (await share_call(api, "/file/search", search, token)).code == "AccessTokenInvalid"
    both = await share_call(
        api,
        "/file/get",
        {"drive_id": "1", "file_id": ids["private"]},
        token,
        api.emulator.token_info.access_token,
    )
    assert both.status == 200


async def test_bad_share_tokens(api):
    """Forged, revoked and expired share tokens are 401, one of another share does not match."""
    ids, share_id = await shared(api)
    other = await api.emulator.create_share([ids["private"]])
    listing = {"share_id": share_id, "parent_file_id": "root"}

    async def refusal(token):
        got = await share_call(api, "/file/list", listing, token)
        return got.status, got.code

    assert await refusal("garbage") == (401, "ShareLinkTokenInvalid")
    assert await refusal(api.emulator.token_info.access_token) == (401, "ShareLinkTokenInvalid")
    wrong = api.emulator.issue_share_token(other)
    assert await refusal(wrong) == (400, "InvalidParameterNotMatch.ShareId")
    token = api.emulator.issue_share_token(share_id)
    api.emulator.revoke(token)
    assert await refusal(token) == (401, "ShareLinkTokenInvalid")
    token = api.emulator.issue_share_token(share_id, ttl_s=60)
    api.emulator.clock.advance(60)
    got = await share_call(api, "/file/list", listing, token)
    assert got.data["message"] == "ShareLinkToken is invalid. expired"
    assert (await api.post("/file/list", listing)).code == "ShareLinkTokenInvalid"


async def test_share_password(api):
    """The password has to be right, but not for the creator unless asked to prove it."""
    _, share_id = await shared(api, share_pwd="s3cret")

    async def ask(token=None, **more):
        return await api.post(
            "/share_link/get_share_token", {"share_id": share_id, **more}, token=token
        )

    assert (await ask()).code == "InvalidResource.SharePwd"
    assert (await ask(share_pwd="wrong")).code == "InvalidResource.SharePwd"
    assert (await ask(share_pwd="s3cret", expire_sec=10)).data["expires_in"] == 10
    assert (await ask(expire_sec=7201)).code == "InvalidParameter.ExpireSec"
    creator = api.emulator.token_info.access_token
    assert (await ask(creator)).status == 200
    assert (await ask(creator, check_share_pwd=True)).code == "InvalidResource.SharePwd"
    bob = api.emulator.issue_token(user_id="bob").access_token
    assert (await ask(bob)).code == "InvalidResource.SharePwd"


async def test_dead_shares(api):
    """Unknown, cancelled and expired links say so, also to holders of a token."""
    end = datetime.now(UTC) + timedelta(hours=1)
    _, share_id = await shared(api, expiration=end)
    token = api.emulator.issue_share_token(share_id)
    listing = {"share_id": share_id, "parent_file_id": "root"}
    api.emulator.clock.advance(3601)
    assert (await share_call(api, "/file/list", listing, token)).code == "ShareLink.Expired"
    anonymous = await api.post("/share_link/get_by_anonymous", {"share_id": share_id}, token=None)
    assert anonymous.code == "ShareLink.Expired"
    await api.emulator.cancel_share(share_id)
    got = await share_call(api, "/file/list", listing, token)
    assert (got.status, got.code) == (400, "ShareLink.Cancelled")
    got = await api.post("/share_link/get_share_token", {"share_id": "x"}, token=None)
    assert (got.status, got.code) == (404, "NotFound.ShareLink")


async def test_anonymous_view_of_a_share(api):
    """Anybody may see a share's name and limits, not its password or who made it."""
    _, share_id = await shared(api, share_pwd="s3cret", share_name="Photos", download_limit=5)
    got = await api.post("/share_link/get_by_anonymous", {"share_id": share_id}, token=None)
    assert got.data["share_name"] == "Photos"
    assert got.data["has_pwd"] is True
    assert got.data["download_limit"] == 5
    assert "s3cret" not in got.body.decode()
    assert got.data["creator_name"] == "s***"


async def test_downloads_can_be_switched_off(api):
    """A share with disable_download gives no download URL."""
    ids, share_id = await shared(api, disable_download=True)
    token = api.emulator.issue_share_token(share_id)
    one = {"share_id": share_id, "file_id": ids["a.txt"]}
    got = await share_call(api, "/file/get_download_url", one, token)
    assert (got.status, got.code) == (400, "ShareLink.Forbidden")
