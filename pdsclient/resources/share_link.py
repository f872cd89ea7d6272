"""Operations under ``/v2/share_link``."""

from __future__ import annotations

from pdsclient.models import share_link as models
from pdsclient.operations import Op, PagedOp, Resource

__all__ = ["ShareLinkResource"]


class ShareLinkResource(Resource):
    """``client.share_link``: files shared by link."""

    cancel = Op("/share_link/cancel", models.CancelShareLinkRequest, None)
    create = Op("/share_link/create", models.CreateShareLinkRequest, models.ShareLink)
    get = Op("/share_link/get", models.GetShareLinkRequest, models.ShareLink)
    get_by_anonymous = Op(
        "/share_link/get_by_anonymous",
        models.GetShareLinkByAnonymousRequest,
        models.AnonymousShareLink,
        anonymous=True,
    )
    get_share_token = Op(
        "/share_link/get_share_token",
        models.GetShareTokenRequest,
        models.ShareToken,
        anonymous=True,
    )
    list = PagedOp("/share_link/list", models.ListShareLinkRequest, models.ShareLinkPage)
    search = PagedOp("/share_link/search", models.SearchShareLinkRequest, models.ShareLinkPage)
    update = Op("/share_link/update", models.UpdateShareLinkRequest, models.ShareLink)
