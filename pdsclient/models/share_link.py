"""Share links: replies and requests of ``client.share_link``."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from pdsclient.models._base import Model
from pdsclient.models._request import Flag, Id, Request, Text, Whole, optional, request, required

__all__ = [
    "AnonymousShareLink",
    "GetShareLinkByAnonymousRequest",
    "GetShareTokenRequest",
    "ShareToken",
]


class ShareToken(Model, frozen=True, kw_only=True):
    """The right to use a share link (pds-service.md 2.6)."""

    __secrets__: ClassVar[frozenset[str]] = frozenset({"share_token"})

    expire_time: datetime | None = None
    """When it expires."""
    expires_in: int | None = None
    """Seconds of life when it was issued, at most 7,200."""
    share_token: str | None = None
    """What goes into the ``x-share-token`` header."""


class AnonymousShareLink(Model, frozen=True, kw_only=True):
    """What anybody may know of a share link; the creator's name and phone are masked."""

    __urls__: ClassVar[frozenset[str]] = frozenset({"avatar"})

    access_count: int | None = None
    """How often it was opened."""
    avatar: str | None = None
    """Picture of the creator: a URL, or a data URI of up to 300 KB."""
    comments: str | None = None
    """Remarks of the creator."""
    creator_id: str | None = None
    """Who made it."""
    creator_name: str | None = None
    """Masked name of the creator."""
    creator_phone: str | None = None
    """Masked phone number of the creator."""
    disable_download: bool | None = None
    """Downloads are switched off."""
    disable_preview: bool | None = None
    """Previews are switched off."""
    disable_save: bool | None = None
    """Saving to a drive of one's own is switched off."""
    download_count: int | None = None
    """How often it was downloaded."""
    download_limit: int | None = None
    """Most downloads; 0 is no limit."""
    enable_upload: bool | None = None
    """Files can be uploaded through it."""
    expiration: datetime | None = None
    """When it expires; None is never."""
    has_pwd: bool | None = None
    """A password is needed."""
    preview_count: int | None = None
    """How often it was previewed."""
    preview_limit: int | None = None
    """Most previews; 0 is no limit."""
    report_count: int | None = None
    """How often it was reported."""
    require_login: bool | None = None
    """Only users who are logged in may use it."""
    save_count: int | None = None
    """How often it was saved to another drive."""
    save_download_limit: int | None = None
    """Most saves and downloads together; 0 is no limit."""
    save_limit: int | None = None
    """Most saves; 0 is no limit."""
    share_name: str | None = None
    """Its name."""
    updated_at: datetime | None = None
    """When it was last changed."""
    video_preview_count: int | None = None
    """How often a video was previewed."""


@request
class GetShareTokenRequest(Request):
    """A share token for a share link; no token is needed to get one."""

    check_share_pwd: bool | None = optional(Flag())
    """Ask for the password also when the caller is the creator or an administrator."""
    expire_sec: int | None = optional(Whole(1, 7_200))
    """Life of the token: seconds, 1-7,200; default 7,200."""
    share_id: str = required(Id(64))
    """The share link."""
    share_pwd: str | None = optional(Text(64, ascii=True, empty=True, secret=True))
    """Its password, up to 64 visible ASCII characters, if it has one."""


@request
class GetShareLinkByAnonymousRequest(Request):
    """What anybody may know of a share link."""

    share_id: str = required(Id(64))
    """The share link."""
