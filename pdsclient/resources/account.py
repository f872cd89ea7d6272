"""Operations under ``/v2/account``."""

from __future__ import annotations

from pdsclient.models.account import (
    AccountLinkInfo,
    AccountLinks,
    GetLinkInfoByUserIdRequest,
    GetLinkInfoRequest,
    LinkAccountRequest,
    RefreshAccountTokenRequest,
    Token,
    UnlinkAccountRequest,
)
from pdsclient.operations import Op, Resource

__all__ = ["AccountResource"]


class AccountResource(Resource):
    """``client.account``: accounts to log in with."""

    get_link_info = Op("/account/get_link_info", GetLinkInfoRequest, AccountLinkInfo, auth=True)
    get_link_info_by_user_id = Op(
        "/account/get_link_info_by_user_id", GetLinkInfoByUserIdRequest, AccountLinks, auth=True
    )
    link = Op("/account/link", LinkAccountRequest, Token, auth=True)
    token = Op("/account/token", RefreshAccountTokenRequest, Token, auth=True, anonymous=True)
    unlink = Op("/account/unlink", UnlinkAccountRequest, None, auth=True)
