"""``F`` and ``FILE_FIELDS``: what ``/v2/file/search`` can ask of a file.

The fields, their types and what can be sorted by are the table of the vendor's page "SearchFiles"
(seed-file-search.txt); the added ones are listed in pds-service.md 5.4.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final, NoReturn, overload

from pdsclient.errors import InvalidRequest
from pdsclient.query.fields import (
    BoolField,
    CustomField,
    DateField,
    DoubleField,
    ExactField,
    Field,
    FieldSet,
    LongField,
    NameField,
    SortableStringField,
    StringField,
    TextField,
)

_IMAGE = "image_media_metadata"
_VIDEO = "video_media_metadata"
_REGIONS = ("country", "province", "city", "district", "township")


class _Fields:
    """What ``F`` can do besides naming the fields."""

    __slots__ = ()

    @overload
    def field(self, name: str, kind: type[bool]) -> BoolField: ...  # type: ignore[overload-overlap]
    @overload
    def field(self, name: str, kind: type[int]) -> LongField: ...
    @overload
    def field(self, name: str, kind: type[float]) -> DoubleField: ...
    @overload
    def field(self, name: str, kind: type[datetime]) -> DateField: ...
    @overload
    def field(self, name: str, kind: type[str]) -> CustomField: ...
    def field(self, name: str, kind: object) -> Field:
        """A field that the table does not list, with every operator of its type.

        Args:
            name: the service's name.
            kind: ``str``, ``int``, ``float``, ``bool`` or ``datetime``.
        """
        for python_type, make in _CUSTOM:
            if kind is python_type:
                return make(name)
        raise InvalidRequest(
            f"the type of field {name!r} is one of str, int, float, bool, datetime, not {kind!r}"
        )

    def __repr__(self) -> str:
        return "F"

    def __reduce__(self) -> str:
        return "F"

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NoReturn:
            if name.startswith("_"):
                raise AttributeError(name)
            raise AttributeError(f"{FILE_FIELDS.unknown(name)}; F.field({name!r}, str) reaches it")


class FileFields(_Fields):
    """The fields of a file as attributes; ``F`` is the one object of this class.

    Conditions come from comparing them (``F.size > 1024``, ``F.name.match("Report")``), orders
    from ``.asc()`` and ``.desc()``.
    """

    __slots__ = ()

    parent_file_id = StringField("parent_file_id")
    """The folder that holds it; ``root`` is the top. Subfolders are not searched."""
    name = NameField("name")
    """Its name."""
    type = SortableStringField("type", choices=("file", "folder"))
    """``file`` or ``folder``."""
    file_extension = StringField("file_extension")
    """The part of the name after the last dot, without the dot."""
    description = TextField("description", by_terms=True)
    """Its description; ``match`` finds the texts that hold every word asked for."""
    mime_type = StringField("mime_type")
    """Its media type, such as ``image/png``."""
    starred = BoolField("starred")
    """It is among the favourites."""
    created_at = DateField("created_at")
    """When it was created."""
    updated_at = DateField("updated_at")
    """When it was last changed."""
    status = StringField("status")
    """Its state; what a search finds is ``available``."""
    hidden = BoolField("hidden")
    """It is hidden."""
    size = LongField("size")
    """Its length in bytes; folders have none."""
    image_time = DateField("image_time", paths=(f"{_IMAGE}.time", f"{_VIDEO}.time"))
    """When the photo or video was taken."""
    last_access_at = DateField("last_access_at")
    """When it was last opened."""
    category = StringField(
        "category",
        # zip is not in the seed; file/list and the newest command line tool have it.
        choices=("image", "video", "doc", "audio", "app", "others", "zip"),
    )
    """What sort of file it is."""
    label = StringField(
        "label",
        # Which of the two the service means by "system tag" is not documented; both are asked.
        paths=("labels", f"{_IMAGE}.image_tags.name"),
        repeated=True,
    )
    """The name of a tag, whole."""
    face_group_id = StringField(
        "face_group_id",
        paths=(f"{_IMAGE}.faces_thumbnail.face_group_id",),
        repeated=True,
    )
    """A group of faces, from ListFacegroups, that occurs in the picture."""
    address = StringField(
        "address",
        paths=tuple(f"{media}.{region}" for media in (_IMAGE, _VIDEO) for region in _REGIONS),
        repeated=True,
    )
    """Where it was taken: one country, province, city, district or township in one condition."""
    semantic_text = ExactField("semantic_text", paths=(), added=True)
    """What it shows, in plain words; combine it with one ``category``. Not known in a reply."""
    custom_type = SortableStringField("custom_type", added=True)
    """The type that the application gave it."""
    custom_field_1 = SortableStringField("custom_field_1", added=True)
    """The first text that the application gave it."""
    custom_field_2 = SortableStringField("custom_field_2", added=True)
    """The second text that the application gave it."""
    image_overall_score = DoubleField(
        "image_overall_score",
        paths=(f"{_IMAGE}.image_quality.overall_score",),
        added=True,
    )
    """How good the picture is, from 0 to 1."""


_CUSTOM: Final[tuple[tuple[object, type[Field]], ...]] = (
    (str, CustomField),
    (int, LongField),
    (float, DoubleField),
    (bool, BoolField),
    (datetime, DateField),
)

FILE_FIELDS: Final = FieldSet(
    field for field in vars(FileFields).values() if isinstance(field, Field)
)
F: Final = FileFields()
