"""Operations under ``/v2/oauth``."""

from __future__ import annotations

from pdsclient.models.account import Token
from pdsclient.models.oauth import AuthorizeRequest, TokenRequest
from pdsclient.operations import Op, Resource, UrlOp

__all__ = ["OauthResource"]


class OauthResource(Resource):
    """``client.oauth``: logging in."""

    authorize = UrlOp("/oauth/authorize", AuthorizeRequest, auth=True)
    token = Op("/oauth/token", TokenRequest, Token, auth=True, anonymous=True, form=True)
