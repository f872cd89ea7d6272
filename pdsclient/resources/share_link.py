"""Operations under ``/v2/share_link``."""

from __future__ import annotations

from pdsclient.models.share_link import (
    AnonymousShareLink,
    GetShareLinkByAnonymousRequest,
    GetShareTokenRequest,
    ShareToken,
)
from pdsclient.operations import Op, Resource

__all__ = ["ShareLinkResource"]


class ShareLinkResource(Resource):
    """``client.share_link``: files shared by link. These operations need no credential."""

    get_by_anonymous = Op(
        "/share_link/get_by_anonymous",
        GetShareLinkByAnonymousRequest,
        AnonymousShareLink,
        anonymous=True,
    )
    get_share_token = Op(
        "/share_link/get_share_token", GetShareTokenRequest, ShareToken, anonymous=True
    )
