"""Operations under ``/v2/albums``."""

from __future__ import annotations

from pdsclient.models.albums import UnassignFaceGroupItemRequest
from pdsclient.operations import Op, Resource

__all__ = ["AlbumsResource"]


class AlbumsResource(Resource):
    """``client.albums``: groups of faces; ``client.image`` has the rest."""

    unassign_facegroup_item = Op(
        "/albums/unassign_facegroup_item", UnassignFaceGroupItemRequest, None
    )
