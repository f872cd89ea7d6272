"""Files: replies and requests of ``client.file``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pdsclient.models._base import Model, Page, listed
from pdsclient.models._request import (
    Choice,
    Flag,
    Id,
    ListOf,
    MapOf,
    Part,
    Request,
    SearchOrder,
    SearchQuery,
    Text,
    Whole,
    optional,
    request,
    required,
)

if TYPE_CHECKING:
    from pdsclient.query import OrderBy, OrderTerm, Query

__all__ = [
    "DownloadUrl",
    "FaceThumbnail",
    "File",
    "FileDirSizeInfo",
    "FilePage",
    "GetDownloadUrlRequest",
    "GetFileRequest",
    "ImageMediaMetadata",
    "ImageProcess",
    "ImageQuality",
    "InvestigationInfo",
    "InvestigationInfoVideoDetail",
    "InvestigationInfoVideoDetailBlockFrames",
    "ListFileRequest",
    "ScanFileRequest",
    "SearchFileRequest",
    "SystemTag",
    "VideoMediaAudioStream",
    "VideoMediaMetadata",
    "VideoMediaVideoStream",
]


class FileDirSizeInfo(Model, frozen=True, kw_only=True):
    """How much a folder holds, at any depth."""

    dir_count: int | None = None
    """Number of folders."""
    file_count: int | None = None
    """Number of files."""


class FaceThumbnail(Model, frozen=True, kw_only=True):
    """A face that was found in a picture."""

    __urls__: ClassVar[frozenset[str]] = frozenset({"face_thumbnail"})

    face_group_id: str | None = None
    """The group of faces of the same person."""
    face_id: str | None = None
    """The face."""
    face_thumbnail: str | None = None
    """Presigned URL of a small picture of it."""


class ImageQuality(Model, frozen=True, kw_only=True):
    """How good a picture is."""

    overall_score: float | None = None
    """From 0 to 1; more is better."""


class SystemTag(Model, frozen=True, kw_only=True):
    """A tag that the service gave to a picture."""

    centric_score: float | None = None
    """How central the thing is in the picture, from 0 to 1."""
    confidence: float | None = None
    """How sure the service is, from 0 to 1."""
    name: str | None = None
    """The tag."""
    parent_name: str | None = None
    """The tag above it."""
    tag_level: int | None = None
    """Depth in the tree of tags, from 1."""


class InvestigationInfoVideoDetailBlockFrames(Model, frozen=True, kw_only=True):
    """A moment of a video that the content review objects to."""

    label: str | None = None
    """What was found."""
    offset: int | None = None
    """Seconds from the start."""
    rate: float | None = None
    """How sure the review is, from 0 to 100."""


class InvestigationInfoVideoDetail(Model, frozen=True, kw_only=True):
    """What the content review found in a video."""

    block_frames: list[InvestigationInfoVideoDetailBlockFrames] = listed()
    """The moments it objects to."""


class InvestigationInfo(Model, frozen=True, kw_only=True):
    """Result of the content review."""

    status: int | None = None
    """0 not done, 1 not possible, 2 failed, 3 running, 4 done, 5 restricted."""
    suggestion: str | None = None
    """``pass`` or ``block``."""
    video_detail: InvestigationInfoVideoDetail | None = None
    """What was found in a video."""


class ImageMediaMetadata(Model, frozen=True, kw_only=True):
    """What the service found in a picture."""

    address_line: str | None = None
    """Where it was taken, as one line."""
    city: str | None = None
    """City where it was taken."""
    country: str | None = None
    """Country where it was taken."""
    cropping_suggestion: list[Any] = listed()
    """Parts worth showing; only when ``fields`` asks."""
    district: str | None = None
    """District where it was taken."""
    exif: str | None = None
    """EXIF data as a JSON text; only when ``fields`` asks."""
    faces_thumbnail: list[FaceThumbnail] = listed()
    """Faces in it."""
    height: int | None = None
    """Pixels."""
    image_quality: ImageQuality | None = None
    """How good it is."""
    image_tags: list[SystemTag] = listed()
    """Tags that the service gave to it."""
    location: str | None = None
    """``latitude,longitude`` in degrees."""
    province: str | None = None
    """Province where it was taken."""
    time: datetime | None = None
    """When it was taken."""
    township: str | None = None
    """Township where it was taken."""
    width: int | None = None
    """Pixels."""


class VideoMediaAudioStream(Model, frozen=True, kw_only=True):
    """A sound track."""

    bit_rate: str | None = None
    """Bits per second, as text."""
    code_name: str | None = None
    """Name of the codec."""
    duration: str | None = None
    """Seconds, as text."""


class VideoMediaVideoStream(Model, frozen=True, kw_only=True):
    """A picture track."""

    bitrate: str | None = None
    """Bits per second, as text."""
    code_name: str | None = None
    """Name of the codec."""
    duration: str | None = None
    """Seconds, as text."""
    frame_count: str | None = None
    """Number of frames, as text."""


class VideoMediaMetadata(Model, frozen=True, kw_only=True):
    """What the service found in a video."""

    address_line: str | None = None
    """Where it was taken, as one line."""
    city: str | None = None
    """City where it was taken."""
    country: str | None = None
    """Country where it was taken."""
    district: str | None = None
    """District where it was taken."""
    duration: str | None = None
    """Seconds, as text."""
    height: int | None = None
    """Pixels."""
    location: str | None = None
    """``latitude,longitude`` in degrees."""
    province: str | None = None
    """Province where it was taken."""
    time: datetime | None = None
    """When it was taken."""
    township: str | None = None
    """Township where it was taken."""
    video_media_audio_stream: list[VideoMediaAudioStream] = listed()
    """Its sound tracks."""
    video_media_video_stream: list[VideoMediaVideoStream] = listed()
    """Its picture tracks."""
    width: int | None = None
    """Pixels."""


class File(Model, frozen=True, kw_only=True):
    """A file or a folder (pds-service.md 6.3).

    Which fields are set depends on the operation and on what ``fields`` asked for.
    """

    __urls__: ClassVar[frozenset[str]] = frozenset({
        "download_url",
        "streams_info",
        "streams_upload_info",
        "thumbnail",
        "thumbnail_urls",
        "url",
        "video_preview_metadata",
    })  # fmt: skip
    __columns__: ClassVar[tuple[str, ...]] = (
        "name",
        "type",
        "size",
        "created_at",
        "updated_at",
        "file_id",
    )

    # msgspec looks for a key right after the one before it: a page whose keys come in the order
    # of declaration decodes in two thirds of the time. The service's order is not documented;
    # with the usual keys together, an order in between costs 15 % less than if all were sorted.
    drive_id: str | None = None
    """The drive it lies in; None through a share."""
    domain_id: str | None = None
    """The domain it belongs to."""
    file_id: str | None = None
    """Its identifier; ``root`` names the top folder."""
    share_id: str | None = None
    """The share through which it was reached."""
    name: str | None = None
    """Its name; not unique in a folder."""
    type: str | None = None
    """``file`` or ``folder``."""
    content_type: str | None = None
    """Media type as given when it was uploaded."""
    created_at: datetime | None = None
    """When the service created it."""
    updated_at: datetime | None = None
    """When the service last changed it."""
    trashed_at: datetime | None = None
    """When it was moved to the recycle bin."""
    local_created_at: datetime | None = None
    """When it was created on the device it came from, as the uploader said."""
    local_modified_at: datetime | None = None
    """When it was changed on the device it came from, as the uploader said."""
    description: str | None = None
    """Free text."""
    file_extension: str | None = None
    """The part of the name after the last dot, without the dot."""
    mime_type: str | None = None
    """Media type, such as ``image/png``."""
    mime_extension: str | None = None
    """Extension that goes with the media type."""
    hidden: bool | None = None
    """It is hidden."""
    size: int | None = None
    """Bytes; of a folder only when ``fields`` asks for ``dir_size``."""
    starred: bool | None = None
    """It is among the favourites."""
    status: str | None = None
    """``available`` or ``uploading``."""
    labels: list[str] = listed()
    """Tags."""
    user_tags: dict[str, str] | None = None
    """Tags of the application; a tag without a value has an empty text."""
    upload_id: str | None = None
    """The upload that brought the content."""
    parent_file_id: str | None = None
    """The folder that holds it."""
    crc64_hash: str | None = None
    """CRC-64/XZ of the content as decimal text, unsigned."""
    content_hash: str | None = None
    """Hash of the content in upper-case hex; may lag behind an overwrite."""
    content_hash_name: str | None = None
    """``sha1``, or ``sha256`` in domains set up so."""
    download_url: str | None = None
    """Presigned URL of the content; 15 minutes by default."""
    url: str | None = None
    """Presigned URL; only when ``fields`` asks."""
    thumbnail: str | None = None
    """Presigned URL of a thumbnail; ``thumbnail_urls`` replaces it."""
    thumbnail_urls: dict[str, str] | None = None
    """Presigned URLs under the keys of the request's ``thumbnail_processes``."""
    category: str | None = None
    """``image``, ``video``, ``doc``, ``audio``, ``app``, ``zip`` or ``others``."""
    encrypt_mode: str | None = None
    """How the content is encrypted."""
    action_list: list[str] = listed()
    """What the caller may do with it, such as ``FILE.PREVIEW``."""
    image_media_metadata: ImageMediaMetadata | None = None
    """What the service found in a picture."""
    video_media_metadata: VideoMediaMetadata | None = None
    """What the service found in a video."""
    punish_flag: Any = None
    """Restriction after a review."""
    revision_id: str | None = None
    """Version of the content; changes with every overwrite."""
    revision_version: int | None = None
    """Number of the version, from 1."""
    auto_delete_left_sec: int | None = None
    """Seconds until the recycle bin lets go of it."""
    characteristic_hash: str | None = None
    """Hash of parts of the content; only when ``fields`` asks."""
    creator_id: str | None = None
    """Who created it."""
    creator_name: str | None = None
    """Name of the creator."""
    creator_type: str | None = None
    """``User`` or ``AliUser``."""
    custom_field_1: str | None = None
    """First text that the application gave it."""
    custom_field_2: str | None = None
    """Second text that the application gave it."""
    custom_type: str | None = None
    """Type that the application gave it."""
    dir_size_info: FileDirSizeInfo | None = None
    """What a folder holds; only when ``fields`` asks for ``dir_size``."""
    ex_fields_info: Any = None
    """Further fields, as the service sends them."""
    id_path: str | None = None
    """Identifiers of the folders above it; only when ``fields`` asks."""
    investigation_info: InvestigationInfo | None = None
    """Result of the content review; only when ``fields`` names it."""
    investigation_status: Any = None
    """State of the content review."""
    last_access_at: datetime | None = None
    """When it was last opened."""
    last_modifier_id: str | None = None
    """Who changed it last."""
    last_modifier_name: str | None = None
    """Name of who changed it last."""
    last_modifier_type: str | None = None
    """``User`` or ``AliUser``."""
    location: str | None = None
    """Region where the content is stored."""
    meta: str | None = None
    """Data of the application."""
    name_path: str | None = None
    """Names of the folders above it; only when ``fields`` asks."""
    permissions: Any = None
    """What the caller may do, in replies of ``scan``."""
    punish_reason: Any = None
    """Reason for the restriction."""
    rapid_upload: bool | None = None
    """The content was known already, and nothing had to be uploaded."""
    streams_info: Any = None
    """Streams of a live photo, with presigned URLs."""
    streams_upload_info: Any = None
    """Upload of the streams of a live photo, with presigned URLs."""
    sync_device_flag: Any = None
    """It stands for a synchronised device."""
    sync_flag: Any = None
    """It is synchronised."""
    sync_meta: Any = None
    """Data of the synchronisation."""
    trashed: bool | None = None
    """It lies in the recycle bin."""
    user_meta: str | None = None
    """Data of the application."""
    video_preview_metadata: Any = None
    """State of the transcoding, with presigned URLs."""


class FilePage(Page[File], frozen=True, kw_only=True):
    """A page of files."""

    total_count: int | None = None
    """Number of hits, when a search asked for it."""

    def _note(self) -> str:
        total = "" if self.total_count is None else f"{self.total_count} hits in all, "
        return total + super()._note()


class DownloadUrl(Model, frozen=True, kw_only=True):
    """Where a file's content can be had for a while, without a token (pds-service.md 11.1)."""

    __urls__: ClassVar[frozenset[str]] = frozenset({
        "cdn_url",
        "internal_url",
        "streams_url",
        "url",
    })  # fmt: skip

    cdn_url: str | None = None
    """Presigned URL through the content delivery network."""
    content_hash: str | None = None
    """Hash of the content in upper-case hex."""
    content_hash_name: str | None = None
    """``sha1`` or ``sha256``."""
    crc64_hash: str | None = None
    """CRC-64/XZ of the content as decimal text, unsigned."""
    expiration: datetime | None = None
    """When the URLs expire; a transfer under way is not cut."""
    internal_url: str | None = None
    """Presigned URL for inside the vendor's network."""
    method: str | None = None
    """HTTP method that the URLs are signed for."""
    size: int | None = None
    """Bytes."""
    streams_url: dict[str, str] | None = None
    """Presigned URLs of the streams of a live photo."""
    url: str | None = None
    """Presigned URL; use it as it is, its query is signed."""


@request
class ImageProcess(Part):
    """How thumbnails are made, in the rules of OSS image processing."""

    image_thumbnail_process: str | None = optional(Text(4096))
    """Of pictures; default ``image/resize,m_fill,h_128,w_128,limit_0``."""
    office_thumbnail_process: str | None = optional(Text(4096))
    """Of documents, applied to a picture of the page; same default."""
    video_thumbnail_process: str | None = optional(Text(4096))
    """Of videos; default ``video/snapshot,t_1000,f_jpg,w_0,h_0,m_fast,ar_auto``."""


# pds-service.md 4.2: at most 5 keys.
_THUMBNAILS = MapOf(ImageProcess, most=5)
_URL_EXPIRY = Whole(10, 14_400)
_PAGE_LIMIT = Whole(1, 100)
_FILE_ID = Id(50)


@request
class SearchFileRequest(Request):
    """Files that a condition holds for, also in several drives; never trashed files.

    ``drive_id`` or ``drive_id_list`` is needed; with both, ``drive_id`` wins. The index lags
    behind changes by seconds. Source: seed-file-search.txt, pds-service.md 5.
    """

    one_of: ClassVar[tuple[str, ...]] = ("drive_id", "drive_id_list")

    drive_id: str | None = optional(Id(64))
    """The drive to search."""
    drive_id_list: Sequence[str] | None = optional(ListOf(Id(64), most=10))
    """Up to 10 drives to search."""
    fields: str | None = optional(Text(4096))
    """Comma list of further fields, such as ``dir_size``, ``id_path``, ``url``; or ``*``."""
    image_thumbnail_process: str | None = optional(Text(4096))
    """Rule for thumbnails of pictures; ``thumbnail_processes`` replaces it."""
    image_url_process: str | None = optional(Text(4096))
    """Rule for the URL of pictures."""
    limit: int | None = optional(_PAGE_LIMIT)
    """Files in a page, 1-100; the service's default is 50. It may send fewer."""
    marker: str | None = optional(Text.marker())
    """Where to go on; ``query`` is ignored with it."""
    order_by: OrderBy | OrderTerm | Sequence[OrderTerm] | str | None = optional(
        SearchOrder(default="created_at DESC,name ASC")
    )
    """Up to 5 sort keys, 128 characters; ``created_at DESC,name ASC`` when left out."""
    query: Query | str = required(SearchQuery())
    """The condition, up to 4,096 characters."""
    recursive: bool | None = optional(Flag())
    """Search below the ``parent_file_id`` of the query too."""
    referer: str | None = optional(Text(4096))
    """Passed on to the signing of URLs."""
    return_total_count: bool | None = optional(Flag())
    """Have ``total_count`` filled in."""
    thumbnail_processes: Mapping[str, ImageProcess | Mapping[str, str]] | None = optional(
        _THUMBNAILS
    )
    """Up to 5 kinds of thumbnails, under keys that the reply uses again."""
    url_expire_sec: int | None = optional(_URL_EXPIRY)
    """Life of the URLs in the reply: seconds, 10-14,400; default 900."""
    video_thumbnail_process: str | None = optional(Text(4096))
    """Rule for thumbnails of videos; ``thumbnail_processes`` replaces it."""


@request
class ListFileRequest(Request):
    """What lies directly in a folder. Source: pds-service.md 6.1."""

    one_of: ClassVar[tuple[str, ...]] = ("drive_id", "share_id")

    all: bool | None = optional(Flag())
    """Not described by the vendor."""
    category: Literal["app", "zip", "image", "doc", "video", "audio", "others"] | None = optional(
        Choice(("app", "zip", "image", "doc", "video", "audio", "others"))
    )
    """Only this category."""
    drive_id: str | None = optional(Id(64))
    """The drive; or give ``share_id``."""
    fields: str | None = optional(Text(4096))
    """Comma list of further fields, such as ``url``, ``dir_size``, ``user_tags``; or ``*``."""
    image_thumbnail_process: str | None = optional(Text(4096))
    """Rule for thumbnails of pictures; ``thumbnail_processes`` replaces it."""
    image_url_process: str | None = optional(Text(4096))
    """Rule for the URL of pictures."""
    limit: int | None = optional(_PAGE_LIMIT)
    """Files in a page, 1-100. The service may send fewer."""
    marker: str | None = optional(Text.marker())
    """Where to go on."""
    order_by: Literal["created_at", "updated_at", "size", "name"] | None = optional(
        Choice(("created_at", "updated_at", "size", "name"))
    )
    """Sort key; documented default ``created_at``, best given."""
    order_direction: Literal["ASC", "DESC"] | None = optional(Choice(("ASC", "DESC")))
    """Direction of the sort key; documented default ``ASC``, best given."""
    parent_file_id: str = required(_FILE_ID)
    """The folder; ``root`` is the top."""
    share_id: str | None = optional(Id(64))
    """The share, instead of ``drive_id``, together with a share token."""
    starred: bool | None = optional(Flag())
    """Only favourites, or only others."""
    status: Literal["available", "uploading"] | None = optional(Choice(("available", "uploading")))
    """Default ``available``."""
    thumbnail_processes: Mapping[str, ImageProcess | Mapping[str, str]] | None = optional(
        _THUMBNAILS
    )
    """Up to 5 kinds of thumbnails, under keys that the reply uses again."""
    type: Literal["file", "folder"] | None = optional(Choice(("file", "folder")))
    """Only files or only folders."""
    url_expire_sec: int | None = optional(_URL_EXPIRY)
    """Life of the URLs in the reply: seconds, 10-14,400; default 900."""
    video_thumbnail_process: str | None = optional(Text(4096))
    """Rule for thumbnails of videos; ``thumbnail_processes`` replaces it."""


@request
class GetFileRequest(Request):
    """A file as it is now. Source: pds-service.md 6.4."""

    one_of: ClassVar[tuple[str, ...]] = ("drive_id", "share_id")

    drive_id: str | None = optional(Id(64))
    """The drive; or give ``share_id``."""
    fields: str | None = optional(Text(4096))
    """Comma list of further fields, or ``*``; ``dir_size`` must be named in any case."""
    file_id: str = required(_FILE_ID)
    """The file."""
    image_thumbnail_process: str | None = optional(Text(4096))
    """Rule for thumbnails of pictures; ``thumbnail_processes`` replaces it."""
    image_url_process: str | None = optional(Text(4096))
    """Rule for the URL of pictures."""
    share_id: str | None = optional(Id(64))
    """The share, instead of ``drive_id``, together with a share token."""
    thumbnail_processes: Mapping[str, ImageProcess | Mapping[str, str]] | None = optional(
        _THUMBNAILS
    )
    """Up to 5 kinds of thumbnails, under keys that the reply uses again."""
    url_expire_sec: int | None = optional(_URL_EXPIRY)
    """Life of the URLs in the reply: seconds, 10-14,400; default 900."""
    video_thumbnail_process: str | None = optional(Text(4096))
    """Rule for thumbnails of videos; ``thumbnail_processes`` replaces it."""


@request
class ScanFileRequest(Request):
    """Every file of a drive, in no order. Source: pds-service.md 6.4."""

    drive_id: str = required(Id(64))
    """The drive."""
    fields: str | None = optional(Text(4096))
    """Comma list of fields, or ``*``; without it even the name is missing."""
    limit: int | None = optional(_PAGE_LIMIT)
    """Files in a page, 1-100; the service's default is 50."""
    marker: str | None = optional(Text.marker())
    """Where to go on."""


@request
class GetDownloadUrlRequest(Request):
    """Where a file's content can be had without a token. Source: pds-service.md 11.1."""

    one_of: ClassVar[tuple[str, ...]] = ("drive_id", "share_id")

    drive_id: str | None = optional(Id(64))
    """The drive; or give ``share_id``."""
    expire_sec: int | None = optional(Whole(1, 115_200))
    """Life of the URLs: seconds, 1-115,200 (32 hours); default 900."""
    file_id: str = required(_FILE_ID)
    """The file; folders have no content."""
    file_name: str | None = optional(Text(1024, in_bytes=True))
    """Name that a browser saves it under, up to 1,024 bytes."""
    response_content_type: str | None = optional(Text(1024, ascii=True))
    """``Content-Type`` that the download answers with."""
    revision_id: str | None = optional(Id(64))
    """A version; the current one when left out."""
    share_id: str | None = optional(Id(64))
    """The share, instead of ``drive_id``, together with a share token."""
