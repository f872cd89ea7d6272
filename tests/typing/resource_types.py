"""What type checkers infer for the operations beside files; checked, never run."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, assert_type

from pdsclient import AsyncPDSClient, Pager, Response, TokenInfo
from pdsclient.models import (
    AccountLinks,
    Assignment,
    BatchReply,
    BenefitMappings,
    DomainQuota,
    Drive,
    FaceGroupPage,
    Group,
    Identity,
    IdentityPart,
    MemberPage,
    Story,
    Token,
    User,
    UserPage,
)


async def users(client: AsyncPDSClient) -> None:
    user = await client.user.import_(identity="1", authentication_type="mobile")
    assert_type(user, User)
    assert_type(user.created_at, datetime | None)
    assert_type(user.default_drive, Drive | None)
    assert_type(user.user_data, dict[str, Any] | None)
    assert_type(await client.user.delete(user_id="u"), None)
    assert_type(client.user.list(), Pager[UserPage])
    assert_type(await client.user.search(status="enabled").collect(), list[User])
    await client.user.update(user_id="u", expired_at=datetime.now(UTC), role="admin")
    await client.user.update(user_id="u", role="king")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await client.user.create()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def groups(client: AsyncPDSClient) -> None:
    pager = client.group.list_member(group_id="g")
    assert_type(pager, Pager[MemberPage])
    page = await pager
    assert_type(page.user_items, list[User])
    assert_type(page.group_items, list[Group])
    assert_type(page.items, list[User | Group])
    async for member in pager:
        assert_type(member, User | Group)
    identity = IdentityPart(identity_id="u", identity_type="IT_User")
    await client.role.assign(identity=identity, manage_resource_id="g")
    await client.role.assign(
        identity={"identity_id": "u", "identity_type": "IT_User"}, manage_resource_id="g"
    )
    async for assignment in client.role.list_assignment(manage_resource_id="g"):
        assert_type(assignment, Assignment)
        assert_type(assignment.identity, Identity | None)


async def logins(client: AsyncPDSClient) -> None:
    token = await client.oauth.token(client_id="a", grant_type="refresh_token", refresh_token="r")
    assert_type(token, Token)
    assert_type(TokenInfo.parse(token), TokenInfo)
    client.set_token(token)
    assert_type(await client.account.token(app_id="a", refresh_token="r"), Token)
    assert_type(await client.account.get_link_info_by_user_id(user_id="u"), AccountLinks)
    url = client.oauth.authorize(client_id="a", login_type="default", redirect_uri="https://a.b")
    assert_type(url, str)


async def refreshed(client: AsyncPDSClient, other: AsyncPDSClient) -> None:
    async def refresh(token_info: TokenInfo) -> Token:
        return await other.account.token(app_id="a", refresh_token=token_info.refresh_token or "")

    AsyncPDSClient(api_endpoint="https://bj1.api.aliyunpds.com", refresh_token_fun=refresh)
    client.with_credentials(refresh_token_fun=refresh)


async def nested(client: AsyncPDSClient) -> None:
    mapping = client.benefit.identity_to_benefit_pkg_mapping
    given = await mapping.list(identity_id="u", identity_type="user")
    assert_type(given, BenefitMappings)
    await client.csi.business.punish_file(drive_id="1", file_id="f", action_code="c")
    assert_type(client.image.list_facegroups(drive_id="1"), Pager[FaceGroupPage])
    assert_type(await client.image.get_story(drive_id="1", story_id="s"), Story)
    assert_type(await client.domain.get_quota(), DomainQuota)


async def batches(client: AsyncPDSClient) -> None:
    requests = [{"id": "1", "url": "/file/get", "body": {}}]
    assert_type(await client.batch(requests=requests, resource="file"), BatchReply)
    reply, response = await client.with_response(client.batch, requests=requests, resource="file")
    assert_type(reply, BatchReply)
    assert_type(response, Response)
    await client.batch(request=requests)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
