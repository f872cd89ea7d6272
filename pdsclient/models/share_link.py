"""Share links: replies and requests of ``client.share_link``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

from pdsclient.models._base import Model, Page, listed
from pdsclient.models._request import Part, Request, optional, request, required
from pdsclient.models._rules import (
    COUNT,
    DESCRIPTION,
    FILE_ID,
    FLAG,
    ID,
    MARKER,
    TEXT,
    USER_ID,
    Choice,
    ListOf,
    Text,
    Whole,
)
from pdsclient.models._service_rules import SearchQuery, Time
from pdsclient.models._shared import Direction
from pdsclient.query import SHARE_FIELDS

if TYPE_CHECKING:
    from pdsclient.query import Query

__all__ = [
    "AnonymousShareLink",
    "CancelShareLinkRequest",
    "CreateShareLinkRequest",
    "GetShareLinkByAnonymousRequest",
    "GetShareLinkRequest",
    "GetShareTokenRequest",
    "ListShareLinkRequest",
    "SearchShareLinkRequest",
    "ShareLink",
    "ShareLinkPage",
    "ShareToken",
    "UpdateShareLinkRequest",
]

ShareOrder: TypeAlias = Literal["share_name", "updated_at", "description", "created_at"]
ShareStatus: TypeAlias = Literal["enabled", "disabled"]

_PASSWORD = Text(64, ascii=True, empty=True, secret=True)


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


class ShareLink(Model, frozen=True, kw_only=True):
    """Files shared by link (pds-service.md 12)."""

    __secrets__: ClassVar[frozenset[str]] = frozenset({"share_msg", "share_pwd"})

    access_count: int | None = None
    """How often it was opened."""
    created_at: datetime | None = None
    """When it was made."""
    creator: str | None = None
    """Who made it."""
    description: str | None = None
    """Free text."""
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
    drive_id: str | None = None
    """The drive that the files are in."""
    expiration: datetime | None = None
    """When it expires; None is never."""
    expired: bool | None = None
    """It has expired."""
    file_id: str | None = None
    """The file, where there is one only."""
    file_id_list: list[str] = listed()
    """The files."""
    is_subscribed: bool | None = None
    """The caller follows it."""
    num_of_subscribers: int | None = None
    """How many follow it."""
    office_editable: bool | None = None
    """Documents may be edited."""
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
    share_all_files: bool | None = None
    """It shares the whole drive."""
    share_icon: str | None = None
    """Its picture."""
    share_id: str | None = None
    """Its identifier."""
    share_msg: str | None = None
    """Text to send to others; may have the password in it."""
    share_name: str | None = None
    """Its name."""
    share_policy: str | None = None
    """``url`` or ``msg``."""
    share_pwd: str | None = None
    """Its password; None: it has none."""
    share_url: str | None = None
    """Where it is opened."""
    status: str | None = None
    """``enabled`` or ``disabled``."""
    updated_at: datetime | None = None
    """When it was last changed."""
    video_preview_count: int | None = None
    """How often a video was previewed."""


class ShareLinkPage(Page[ShareLink], frozen=True, kw_only=True):
    """A page of share links."""

    total_count: int | None = None
    """Number of links, when a search asked for it."""


@request
class ShareSettings(Part):
    """What can be set of a share link, when it is made and later."""

    creatable: bool | None = optional(FLAG, "Visitors may upload.")
    creatable_file_id_list: Sequence[str] | None = optional(
        ListOf(FILE_ID, most=1_000), "The folders that visitors may upload to."
    )
    description: str | None = optional(DESCRIPTION, "Free text.")
    disable_download: bool | None = optional(FLAG, "Switch downloads off.")
    disable_preview: bool | None = optional(FLAG, "Switch previews off.")
    disable_save: bool | None = optional(FLAG, "Switch saving to other drives off.")
    download_limit: int | None = optional(COUNT, "Most downloads; 0 is no limit.")
    expiration: datetime | str | None = optional(Time(empty=True), "When it expires.")
    office_editable: bool | None = optional(FLAG, "Documents may be edited.")
    preview_limit: int | None = optional(COUNT, "Most previews; 0 is no limit.")
    require_login: bool | None = optional(FLAG, "Only users of the domain may use it.")
    save_download_limit: int | None = optional(
        COUNT, "Most saves and downloads together; 0 is no limit."
    )
    save_limit: int | None = optional(COUNT, "Most saves; 0 is no limit.")
    share_name: str | None = optional(
        Text(128), "Its name; of a new one that of the first file if left out."
    )
    share_pwd: str | None = optional(_PASSWORD, "Its password; the empty text is none.")


@request
class CreateShareLinkRequest(ShareSettings, Request):
    """Shares files by link; ``file_id_list`` or ``share_all_files`` is needed."""

    one_of: ClassVar[tuple[str, ...]] = ("file_id_list", "share_all_files")

    drive_id: str = required(ID, "The drive that the files are in.")
    file_id_list: Sequence[str] | None = optional(
        ListOf(FILE_ID, most=100), "The files and folders, all from one folder."
    )
    share_all_files: bool | None = optional(FLAG, "Share the whole drive.")
    share_icon: str | None = optional(TEXT, "Its picture.")
    user_id: str | None = optional(USER_ID, "For whom it is made.")


@request
class UpdateShareLinkRequest(ShareSettings, Request):
    """Changes a share link; what is left out stays."""

    access_count: int | None = optional(COUNT, "How often it was opened.")
    download_count: int | None = optional(COUNT, "How often it was downloaded.")
    preview_count: int | None = optional(COUNT, "How often it was previewed.")
    report_count: int | None = optional(COUNT, "How often it was reported.")
    save_count: int | None = optional(COUNT, "How often it was saved to another drive.")
    share_id: str = required(ID, "The share link.")
    status: ShareStatus | None = optional(Choice(ShareStatus), "Whether it can be used.")
    video_preview_count: int | None = optional(COUNT, "How often a video was previewed.")


@request
class _OfShareLink(Part):
    """A share link."""

    share_id: str = required(ID, "The share link.")


@request
class GetShareLinkRequest(_OfShareLink, Request):
    """A share link, for its creator or an administrator."""


@request
class CancelShareLinkRequest(_OfShareLink, Request):
    """Ends a share link: it cannot be used any more."""


@request
class _ListedShareLinks(Part):
    """Share links in pages."""

    include_cancelled: bool | None = optional(FLAG, "Also those that were cancelled.")
    marker: str | None = optional(MARKER, "Where to go on, the page before says it.")
    order_by: ShareOrder | None = optional(Choice(ShareOrder), "Sort key; created_at if left out.")
    order_direction: Direction | None = optional(
        Choice(Direction), "Its direction; DESC for times and ASC for texts if left out."
    )


@request
class ListShareLinkRequest(_ListedShareLinks, Request):
    """The share links of a user."""

    creator: str | None = optional(USER_ID, "Whose; the caller's if left out.")
    limit: int | None = optional(Whole(0, 100), "Most rows in a page; 100 if left out.")


@request
class SearchShareLinkRequest(_ListedShareLinks, Request):
    """The share links that a condition holds for, written with ``SHARE_FIELDS``."""

    creators: Sequence[str] | None = optional(
        ListOf(USER_ID, most=1_000), "Whose, for administrators; of all that the caller may see."
    )
    limit: int | None = optional(Whole(1, 100), "Most rows in a page; 100 if left out.")
    query: Query | str | None = optional(
        SearchQuery(fields=SHARE_FIELDS, empty=True), "The condition."
    )
    return_total_count: bool | None = optional(FLAG, "Have total_count filled in.")


@request
class GetShareTokenRequest(_OfShareLink, Request):
    """A share token for a share link; no token is needed to get one, and none is sent.

    A link with ``require_login`` wants one: ``client.post_api("/share_link/get_share_token", …)``
    sends it.
    """

    check_share_pwd: bool | None = optional(
        FLAG, "Ask for the password also when the caller is the creator or an administrator."
    )
    expire_sec: int | None = optional(
        Whole(1, 7_200), "Life of the token in seconds; 7,200 if left out."
    )
    share_pwd: str | None = optional(_PASSWORD, "The link's password, if it has one.")


@request
class GetShareLinkByAnonymousRequest(_OfShareLink, Request):
    """What anybody may know of a share link."""
