"""Stories told by photos: replies and requests of ``client.image``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from pdsclient.models._base import Model, Page, listed
from pdsclient.models._request import Part, PartOf, Request, optional, request, required
from pdsclient.models._rules import (
    COUNT,
    FILE_ID,
    FLAG,
    ID,
    TEXT,
    ListOf,
    MapOf,
    Text,
)
from pdsclient.models._service_rules import Time
from pdsclient.models._shared import Paged, UrlExpiry
from pdsclient.models.file import File

__all__ = [
    "AddStoryFile",
    "AddStoryFilesRequest",
    "AddedStoryFiles",
    "AddressPart",
    "CreateCustomizedStoryRequest",
    "CreateStoryRequest",
    "DeleteStoryRequest",
    "FindStoriesRequest",
    "GetStoryRequest",
    "RemoveStoryFilesRequest",
    "Story",
    "StoryFilePart",
    "StoryPage",
    "StoryRef",
    "TimeRangePart",
    "UpdateStoryRequest",
]

_LABELS = MapOf(Text(4096, empty=True), most=1000)


class Story(Model, frozen=True, kw_only=True):
    """A selection of photos that tells of an event, a journey or a person."""

    __urls__: ClassVar[frozenset[str]] = frozenset({"cover_file_thumbnail_url"})

    cover_file_id: str | None = None
    """The photo that stands for it."""
    cover_file_thumbnail_url: str | None = None
    """Presigned URL of that photo's thumbnail."""
    created_at: datetime | None = None
    """When it was made."""
    custom_labels: dict[str, Any] | None = None
    """Labels of the application."""
    face_group_ids: list[str] = listed()
    """Whom it is about; only for ``PeopleMemory``."""
    story_end_time: datetime | None = None
    """When its last photo was taken."""
    story_file_list: list[File] = listed()
    """Its photos; only of a single story."""
    story_id: str | None = None
    """Its identifier."""
    story_name: str | None = None
    """Its name."""
    story_start_time: datetime | None = None
    """When its first photo was taken."""
    story_sub_type: str | None = None
    """Finer kind."""
    story_type: str | None = None
    """Kind, such as ``PeopleMemory``."""
    updated_at: datetime | None = None
    """When it was last changed."""


class StoryPage(Page[Story], frozen=True, kw_only=True):
    """A page of stories."""


class StoryRef(Model, frozen=True, kw_only=True):
    """The story that was made or changed."""

    drive_id: str | None = None
    """The drive."""
    story_id: str | None = None
    """The story; None while it is being made, and after it was deleted."""


class AddStoryFile(Model, frozen=True, kw_only=True):
    """What became of one photo."""

    error_code: str | None = None
    """Why it was not added; None if it was."""
    error_message: str | None = None
    """The same in words."""
    file_id: str | None = None
    """The photo."""
    revision_id: str | None = None
    """Its version."""


class AddedStoryFiles(Model, frozen=True, kw_only=True):
    """What became of photos that a story was to get."""

    drive_id: str | None = None
    """The drive."""
    files: list[AddStoryFile] = listed()
    """One for each photo."""
    request_id: str | None = None
    """Number of the request, for the vendor's support."""
    story_id: str | None = None
    """The story."""


@request
class AddressPart(Part):
    """A place, from the country down."""

    city: str | None = optional(TEXT, "City.")
    country: str | None = optional(TEXT, "Country.")
    district: str | None = optional(TEXT, "District.")
    province: str | None = optional(TEXT, "Province or state.")
    township: str | None = optional(TEXT, "Township.")


@request
class StoryFilePart(Part):
    """A photo of a story."""

    file_id: str = required(FILE_ID, "The photo.")
    revision_id: str | None = optional(ID, "Its version; the current one if left out.")


@request
class TimeRangePart(Part):
    """From one moment to another."""

    end: datetime | str | None = optional(Time(), "The last moment.")
    start: datetime | str | None = optional(Time(), "The first moment.")


_PHOTOS = ListOf(PartOf(StoryFilePart), most=1000)
_RANGE = PartOf(TimeRangePart)


@request
class _OfDrive(Part):
    drive_id: str = required(ID, "The drive.")


@request
class _OfStory(_OfDrive):
    story_id: str = required(ID, "The story.")


@request
class _Cover(UrlExpiry):
    cover_image_thumbnail_process: str | None = optional(
        TEXT, "Rule for the cover's thumbnail if it is a picture."
    )
    cover_video_thumbnail_process: str | None = optional(
        TEXT, "Rule for the cover's thumbnail if it is a video."
    )


@request
class FindStoriesRequest(_OfDrive, _Cover, Paged, Request):
    """The stories of a drive that everything given holds for."""

    create_time_range: TimeRangePart | Mapping[str, Any] | None = optional(
        _RANGE, "When the story was made."
    )
    custom_labels: str | None = optional(TEXT, "Labels of the application.")
    face_group_ids: Sequence[str] | None = optional(ListOf(ID, most=1000), "Whom it is about.")
    order: str | None = optional(TEXT, "Direction of the sort key.")
    sort: str | None = optional(TEXT, "Sort key.")
    story_end_time_range: TimeRangePart | Mapping[str, Any] | None = optional(
        _RANGE, "When its last photo was taken."
    )
    story_id: str | None = optional(ID, "Only this one.")
    story_name: str | None = optional(TEXT, "Its name.")
    story_start_time_range: TimeRangePart | Mapping[str, Any] | None = optional(
        _RANGE, "When its first photo was taken."
    )
    story_type: str | None = optional(TEXT, "Its kind.")
    with_empty_stories: bool | None = optional(FLAG, "Also stories without photos.")


@request
class GetStoryRequest(_OfStory, _Cover, Request):
    """A story with its photos."""

    image_thumbnail_process: str | None = optional(TEXT, "Rule for thumbnails of pictures.")
    image_url_process: str | None = optional(TEXT, "Rule for the URL of pictures.")
    video_thumbnail_process: str | None = optional(TEXT, "Rule for thumbnails of videos.")


@request
class CreateStoryRequest(_OfDrive, Request):
    """Has the service make a story of photos that it chooses."""

    address: AddressPart | Mapping[str, str] | None = optional(
        PartOf(AddressPart), "Where the photos were taken."
    )
    custom_labels: Mapping[str, str] | None = optional(_LABELS, "Labels of the application.")
    max_image_count: int | None = optional(COUNT, "Most photos.")
    min_image_count: int | None = optional(COUNT, "Fewest photos.")
    story_end_time: datetime | str | None = optional(Time(), "Photos up to this moment.")
    story_id: str | None = optional(ID, "The story to make anew.")
    story_name: str | None = optional(TEXT, "Its name.")
    story_start_time: datetime | str | None = optional(Time(), "Photos from this moment on.")
    story_sub_type: str | None = optional(TEXT, "Finer kind.")
    story_type: str = required(TEXT, "Its kind, such as PeopleMemory.")


@request
class CreateCustomizedStoryRequest(_OfDrive, Request):
    """Makes a story of chosen photos."""

    custom_labels: Mapping[str, str] | None = optional(_LABELS, "Labels of the application.")
    story_cover: StoryFilePart | Mapping[str, str] = required(
        PartOf(StoryFilePart), "The photo that stands for it."
    )
    story_files: Sequence[StoryFilePart | Mapping[str, str]] = required(_PHOTOS, "Its photos.")
    story_name: str = required(TEXT, "Its name.")
    story_sub_type: str = required(TEXT, "Finer kind.")
    story_type: str = required(TEXT, "Its kind.")


@request
class UpdateStoryRequest(_OfStory, Request):
    """Changes what is given of a story."""

    cover: StoryFilePart | Mapping[str, str] | None = optional(
        PartOf(StoryFilePart), "The photo that stands for it."
    )
    custom_labels: Mapping[str, str] | None = optional(_LABELS, "Labels of the application.")
    story_name: str | None = optional(TEXT, "Its new name.")


@request
class DeleteStoryRequest(_OfStory, Request):
    """Deletes a story; its photos stay where they are."""


@request
class AddStoryFilesRequest(_OfStory, Request):
    """Puts photos into a story."""

    files: Sequence[StoryFilePart | Mapping[str, str]] | None = optional(_PHOTOS, "The photos.")


@request
class RemoveStoryFilesRequest(AddStoryFilesRequest):
    """Takes photos out of a story; the files stay where they are."""
