"""Files as replies describe them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from pdsclient.models._base import Model, Page, listed

__all__ = [
    "FaceThumbnail",
    "File",
    "FileDirSizeInfo",
    "FilePage",
    "ImageMediaMetadata",
    "ImageQuality",
    "InvestigationInfo",
    "InvestigationInfoVideoDetail",
    "InvestigationInfoVideoDetailBlockFrames",
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
