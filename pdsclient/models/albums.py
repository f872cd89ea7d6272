"""The request of ``client.albums``."""

from __future__ import annotations

from pdsclient.models._request import Request, request, required
from pdsclient.models._rules import ID
from pdsclient.models._shared import OfDriveFile

__all__ = ["UnassignFaceGroupItemRequest"]


@request
class UnassignFaceGroupItemRequest(OfDriveFile, Request):
    """Takes a photo out of a group of faces; the file stays where it is."""

    face_group_id: str = required(ID, "The group of faces.")
