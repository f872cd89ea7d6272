"""Looking at documents and videos in a browser (pds-service.md 12)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, TypeAlias

from pdsclient.models._base import Model, listed
from pdsclient.models._request import Part, PartOf, Request, optional, request, required
from pdsclient.models._rules import (
    FLAG,
    ID,
    TEXT,
    Choice,
    ListOf,
    Text,
    Whole,
)
from pdsclient.models._shared import OfFile

__all__ = [
    "DrmLicense",
    "GetOfficeEditUrlRequest",
    "GetOfficePreviewUrlRequest",
    "GetVideoPreviewPlayInfoRequest",
    "GetVideoPreviewPlayMetaRequest",
    "GetVideoPreviewUrlRequest",
    "OfficeEditOption",
    "OfficeEditUrl",
    "OfficeOption",
    "OfficePreviewUrl",
    "OfficeTokens",
    "PreviewUrl",
    "RefreshOfficeEditTokenRequest",
    "VideoDrmLicenseRequest",
    "VideoPlayInfo",
    "VideoPlayMeta",
    "VideoPreview",
    "VideoPreviewMeta",
    "VideoSubtitle",
    "VideoTranscoding",
]

VideoCategory: TypeAlias = Literal[
    "live_transcoding", "quick_video", "offline_audio", "offline_video"
]
DrmType: TypeAlias = Literal["fairplay", "widevine"]


class PreviewUrl(Model, frozen=True, kw_only=True):
    """Where a file can be looked at or listened to."""

    __urls__: ClassVar[frozenset[str]] = frozenset({"preview_url"})

    preview_url: str | None = None
    """Presigned URL."""


class OfficePreviewUrl(PreviewUrl, frozen=True, kw_only=True):
    """Where a document can be looked at."""

    __secrets__: ClassVar[frozenset[str]] = frozenset({"access_token"})

    access_token: str | None = None
    """What the page at the URL wants to be given."""


class OfficeTokens(Model, frozen=True, kw_only=True):
    """The tokens of a document that is open for editing."""

    __secrets__: ClassVar[frozenset[str]] = frozenset({
        "office_access_token",
        "office_refresh_token",
    })  # fmt: skip

    office_access_token: str | None = None
    """What the page wants to be given."""
    office_refresh_token: str | None = None
    """What ``refresh_office_edit_token`` takes."""
    referer: str | None = None
    """The ``Referer`` that the page has to be opened from."""


class OfficeEditUrl(OfficeTokens, frozen=True, kw_only=True):
    """Where a document can be edited."""

    __urls__: ClassVar[frozenset[str]] = frozenset({"edit_url"})

    edit_url: str | None = None
    """Presigned URL."""


class VideoSubtitle(Model, frozen=True, kw_only=True):
    """Subtitles of a video in a language."""

    __urls__: ClassVar[frozenset[str]] = frozenset({"url"})

    index: int | None = None
    """Its number."""
    language: str | None = None
    """The language, such as ``eng``."""
    status: str | None = None
    """``finished``, ``running`` or ``failed``."""
    title: str | None = None
    """Its title."""
    url: str | None = None
    """Presigned URL of the subtitles."""


class VideoTranscoding(Model, frozen=True, kw_only=True):
    """A video in one of the forms it is made into."""

    __urls__: ClassVar[frozenset[str]] = frozenset({"preview_url", "url"})

    keep_original_resolution: bool | None = None
    """Height and width are those of the original."""
    preview_url: str | None = None
    """Presigned URL of the first part."""
    status: str | None = None
    """``finished``, ``running`` or ``failed``."""
    template_id: str | None = None
    """The form."""
    template_name: str | None = None
    """Name of the form."""
    url: str | None = None
    """Presigned URL of the playlist."""


class VideoPreviewMeta(Model, frozen=True, kw_only=True):
    """The original."""

    duration: float | None = None
    """Seconds."""
    height: int | None = None
    """Pixels."""
    width: int | None = None
    """Pixels."""


class VideoPreview(Model, frozen=True, kw_only=True):
    """A video or a sound with the forms it is made into."""

    __urls__: ClassVar[frozenset[str]] = frozenset({"master_url"})

    category: str | None = None
    """``live_transcoding``, ``quick_video``, ``offline_audio`` or ``offline_video``."""
    live_transcoding_subtitle_task_list: list[VideoSubtitle] = listed()
    """Subtitles of the forms made while playing."""
    live_transcoding_task_list: list[VideoTranscoding] = listed()
    """Forms made while playing."""
    master_url: str | None = None
    """Presigned URL of the list of all forms."""
    meta: VideoPreviewMeta | None = None
    """The original."""
    offline_video_transcoding_list: list[VideoTranscoding] = listed()
    """Forms made beforehand."""
    offline_video_transcoding_subtitle_list: list[VideoSubtitle] = listed()
    """Subtitles of the forms made beforehand."""
    quick_video_list: list[VideoTranscoding] = listed()
    """Forms made fast."""
    quick_video_subtitle_list: list[VideoSubtitle] = listed()
    """Subtitles of the forms made fast."""


class VideoPlayMeta(Model, frozen=True, kw_only=True):
    """How far the forms of a video are."""

    domain_id: str | None = None
    """The domain."""
    drive_id: str | None = None
    """The drive."""
    file_id: str | None = None
    """The file."""
    share_id: str | None = None
    """The share."""
    video_preview_play_meta: VideoPreview | None = None
    """The forms, without URLs."""


class VideoPlayInfo(Model, frozen=True, kw_only=True):
    """Where the forms of a video can be played."""

    code: str | None = None
    """``VideoPreviewWaitAndRetry`` while the forms are being made: ask again later."""
    domain_id: str | None = None
    """The domain."""
    drive_id: str | None = None
    """The drive."""
    file_id: str | None = None
    """The file."""
    message: str | None = None
    """What ``code`` means."""
    share_id: str | None = None
    """The share."""
    video_preview_play_info: VideoPreview | None = None
    """The forms."""


class DrmLicense(Model, frozen=True, kw_only=True):
    """The licence to play a protected video."""

    __secrets__: ClassVar[frozenset[str]] = frozenset({"data"})

    data: str | None = None
    """The licence, for the player."""
    device_info: str | None = None
    """The device it is for."""
    states: str | None = None
    """Its state."""


@request
class OfficeOption(Part):
    """What may be done with a document that is looked at."""

    copy: bool | None = optional(FLAG, "Copy text.")
    print: bool | None = optional(FLAG, "Print.")


@request
class OfficeEditOption(OfficeOption):
    """What may be done with a document that is edited."""

    readonly: bool | None = optional(FLAG, "Only read.")


@request
class _Office(OfFile):
    """A document in a browser."""

    referer: str | None = optional(TEXT, "The Referer that the page is opened from.")
    revision_id: str | None = optional(ID, "A version; the current one if left out.")


@request
class GetOfficePreviewUrlRequest(_Office, Request):
    """Where a document can be looked at."""

    allow_copy: bool | None = optional(FLAG, "Let its text be copied.")
    option: OfficeOption | Mapping[str, bool] | None = optional(
        PartOf(OfficeOption), "What may be done."
    )


@request
class GetOfficeEditUrlRequest(_Office, Request):
    """Where a document can be edited."""

    option: OfficeEditOption | Mapping[str, bool] | None = optional(
        PartOf(OfficeEditOption), "What may be done."
    )


_TOKEN = Text(65_536, ascii=True, secret=True)


@request
class RefreshOfficeEditTokenRequest(Request):
    """Renews the tokens of a document that is open for editing."""

    office_access_token: str = required(_TOKEN, "The token that expires.")
    office_refresh_token: str = required(_TOKEN, "The token to renew it with.")
    referer: str | None = optional(TEXT, "The Referer that the page is opened from.")


@request
class GetVideoPreviewPlayInfoRequest(OfFile, Request):
    """Where the forms of a video can be played; may have them made, which costs.

    While they are being made the reply's ``code`` is ``VideoPreviewWaitAndRetry``.
    """

    category: VideoCategory = required(Choice(VideoCategory), "Which kind of forms.")
    get_master_url: bool | None = optional(
        FLAG, "Also the URL of the list of all forms; of quick_video only."
    )
    get_preview_url: bool | None = optional(FLAG, "Also the URL of the first part.")
    get_subtitle_info: bool | None = optional(FLAG, "Also subtitles.")
    get_without_url: bool | None = optional(
        FLAG, "No URLs: then no form is made and nothing costs."
    )
    re_transcode: bool | None = optional(
        FLAG, "Make the forms anew; the vendor has to switch it on first."
    )
    referer: str | None = optional(TEXT, "Passed on to the signing of URLs.")
    revision_id: str | None = optional(ID, "A version; the current one if left out.")
    subtitle_lang_list: Sequence[str] | None = optional(
        ListOf(TEXT, most=1_000), "Languages of the subtitles, such as eng and chi."
    )
    template_id: str | None = optional(TEXT, "Only this form.")
    url_expire_sec: int | None = optional(
        Whole(10, 14_400), "Life of the URLs in seconds; 900 if left out."
    )


@request
class GetVideoPreviewPlayMetaRequest(OfFile, Request):
    """How far the forms of a video are."""

    category: VideoCategory = required(Choice(VideoCategory), "Which kind of forms.")


@request
class GetVideoPreviewUrlRequest(OfFile, Request):
    """Where a sound can be listened to."""

    audio_template_id: str = required(TEXT, "Quality, such as LQ or HQ.")
    expire_sec: int | None = optional(
        Whole(1, 115_200), "Life of the URL in seconds; the vendor's JavaScript SDK says 3,600."
    )
    referer: str | None = optional(TEXT, "Passed on to the signing of URLs.")
    revision_id: str | None = optional(ID, "A version; the current one if left out.")


@request
class VideoDrmLicenseRequest(Request):
    """The licence to play a protected video."""

    drmType: DrmType = required(Choice(DrmType), "The protection.")  # noqa: N815
    licenseRequest: str | None = optional(Text(1_000_000), "What the player asks with.")  # noqa: N815
