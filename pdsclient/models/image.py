"""Photos by person, place, content and likeness: replies and requests of ``client.image``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, Literal, TypeAlias

from pdsclient.models._base import Model, Page, listed
from pdsclient.models._request import Part, Request, optional, request, required
from pdsclient.models._rules import (
    FLAG,
    ID,
    TEXT,
    Choice,
    ListOf,
    Text,
)
from pdsclient.models._shared import Paged
from pdsclient.models.file import File

__all__ = [
    "Address",
    "AddressGroup",
    "AddressGroupPage",
    "AddressGroups",
    "CreateSimilarImageClusterTaskRequest",
    "FaceGroup",
    "FaceGroupGroupCoverFaceBoundary",
    "FaceGroupPage",
    "FaceGroupRef",
    "GetImageTaskStatusRequest",
    "ImageTag",
    "ImageTags",
    "ImageTaskStatus",
    "ListAddressGroupsRequest",
    "ListFaceGroupsRequest",
    "ListImageTagsRequest",
    "QuerySimilarImageClustersRequest",
    "SearchAddressGroupsRequest",
    "SimilarImageCluster",
    "SimilarImageClusterPage",
    "SimilarImageClusterTask",
    "UpdateFaceGroupRequest",
]

AddressLevel: TypeAlias = Literal["country", "province", "city", "district", "township"]

_NAME = Text(128)


class Address(Model, frozen=True, kw_only=True):
    """A place, from the country down."""

    city: str | None = None
    """City."""
    country: str | None = None
    """Country."""
    district: str | None = None
    """District."""
    province: str | None = None
    """Province or state."""
    township: str | None = None
    """Township."""


class AddressGroup(Model, frozen=True, kw_only=True):
    """Photos taken at one place."""

    __urls__: ClassVar[frozenset[str]] = frozenset({"cover_url"})

    address_detail: Address | None = None
    """The place, part by part."""
    count: int | None = None
    """Number of files."""
    cover_file_id: str | None = None
    """The photo that stands for it."""
    cover_url: str | None = None
    """Presigned URL of that photo's thumbnail."""
    location: str | None = None
    """``latitude,longitude`` in degrees."""
    name: str | None = None
    """Name of the place."""


class AddressGroupPage(Page[AddressGroup], frozen=True, kw_only=True):
    """A page of places."""


class AddressGroups(Model, frozen=True, kw_only=True):
    """The places that a search found."""

    items: list[AddressGroup] = listed()
    """The places."""


class FaceGroupGroupCoverFaceBoundary(Model, frozen=True, kw_only=True):
    """Where the face is in the cover photo; the service writes these names with capitals."""

    Height: int | None = None
    """Pixels."""
    Left: int | None = None
    """Pixels from the left edge."""
    Top: int | None = None
    """Pixels from the upper edge."""
    Width: int | None = None
    """Pixels."""


class FaceGroup(Model, frozen=True, kw_only=True):
    """Photos of one person."""

    __urls__: ClassVar[frozenset[str]] = frozenset({"group_cover_url"})

    created_at: datetime | None = None
    """When it was made."""
    group_cover_face_boundary: FaceGroupGroupCoverFaceBoundary | None = None
    """Where the face is in the cover photo."""
    group_cover_file_id: str | None = None
    """The photo that stands for it."""
    group_cover_height: int | None = None
    """Height of that photo: pixels."""
    group_cover_url: str | None = None
    """Presigned URL of that photo."""
    group_cover_width: int | None = None
    """Width of that photo: pixels."""
    group_id: str | None = None
    """Its identifier."""
    group_name: str | None = None
    """Name of the person."""
    image_count: int | None = None
    """Number of photos."""
    remarks: str | None = None
    """Note of the application, which listings can ask for."""
    updated_at: datetime | None = None
    """When it was last changed."""


class FaceGroupPage(Page[FaceGroup], frozen=True, kw_only=True):
    """A page of groups of faces."""

    total_count: int | None = None
    """Number of groups, if it was asked for."""


class FaceGroupRef(Model, frozen=True, kw_only=True):
    """The group of faces that was changed."""

    drive_id: str | None = None
    """The drive."""
    group_id: str | None = None
    """The group."""


class ImageTag(Model, frozen=True, kw_only=True):
    """Something that is to be seen in photos of a drive."""

    __urls__: ClassVar[frozenset[str]] = frozenset({"cover_url"})

    count: int | None = None
    """Number of photos."""
    cover_file_category: str | None = None
    """``image`` or ``video``."""
    cover_file_id: str | None = None
    """The photo that stands for it."""
    cover_overall_score: float | None = None
    """How good that photo is, from 0 to 1."""
    cover_tag_confidence: float | None = None
    """How sure the service is of the tag in that photo, from 0 to 1."""
    cover_url: str | None = None
    """Presigned URL of that photo's thumbnail."""
    name: str | None = None
    """The tag."""


class ImageTags(Model, frozen=True, kw_only=True):
    """All tags of a drive's photos."""

    tags: list[ImageTag] = listed()
    """The tags."""


class SimilarImageClusterTask(Model, frozen=True, kw_only=True):
    """A search for photos that look alike, which has begun."""

    task_id: str | None = None
    """What ``client.image.get_task_status`` asks for."""


class ImageTaskStatus(Model, frozen=True, kw_only=True):
    """How far a task of the photo operations is."""

    status: str | None = None
    """``running``, ``failed`` or ``succeeded``."""


class SimilarImageCluster(Model, frozen=True, kw_only=True):
    """Photos that look alike."""

    files: list[File] = listed()
    """The photos."""


class SimilarImageClusterPage(Page[SimilarImageCluster], frozen=True, kw_only=True):
    """A page of groups of photos that look alike."""

    items: list[SimilarImageCluster] = listed("similar_image_clusters")
    """The groups."""


@request
class _OfDrive(Part):
    drive_id: str = required(ID, "The drive.")


@request
class _Covers(_OfDrive):
    image_thumbnail_process: str | None = optional(TEXT, "Rule for thumbnails of pictures.")
    video_thumbnail_process: str | None = optional(TEXT, "Rule for thumbnails of videos.")


@request
class ListAddressGroupsRequest(_Covers, Paged, Request):
    """The places that photos of a drive were taken at."""


@request
class SearchAddressGroupsRequest(_Covers, Request):
    """The places of a drive's photos, by name or on a map."""

    address_level: AddressLevel | None = optional(Choice(AddressLevel), "How fine the places are.")
    address_names: Sequence[str] | None = optional(
        ListOf(TEXT, most=1000), "Only places of these names."
    )
    br_geo_point: str | None = optional(TEXT, "Lower right corner of the map: latitude,longitude.")
    tl_geo_point: str | None = optional(TEXT, "Upper left corner of the map: latitude,longitude.")


@request
class ListFaceGroupsRequest(_OfDrive, Paged, Request):
    """The persons in the photos of a drive."""

    remarks: str | None = optional(_NAME, "Only groups with exactly this note.")
    return_total_count: bool | None = optional(FLAG, "Have total_count filled in.")


@request
class UpdateFaceGroupRequest(_OfDrive, Request):
    """Names a person, or chooses the photo that stands for them."""

    group_cover_face_id: str | None = optional(
        ID, "The face to show, from the image_media_metadata of a file."
    )
    group_id: str = required(ID, "The group of faces.")
    group_name: str | None = optional(_NAME, "Name of the person.")
    remarks: str | None = optional(_NAME, "Note of the application.")


@request
class ListImageTagsRequest(_Covers, Request):
    """What is to be seen in the photos of a drive."""


@request
class CreateSimilarImageClusterTaskRequest(_OfDrive, Request):
    """Has photos that look alike searched for in the background."""


@request
class GetImageTaskStatusRequest(_OfDrive, Request):
    """How far a task of the photo operations is."""

    task_id: str = required(ID, "The task.")


@request
class QuerySimilarImageClustersRequest(_OfDrive, Paged, Request):
    """The photos that look alike, as the last finished task found them."""

    image_thumbnail_process: str | None = optional(TEXT, "Rule for thumbnails of pictures.")
    order: str | None = optional(TEXT, "Order of the groups.")
