"""The fields of files as columns: what may leave the program, and nothing else.

Sinks take the values from the models' slots, as they were sent, and by columns: asking a page
for the types of a column costs a twentieth of asking each value.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from itertools import chain
from typing import Any, TypeAlias

import msgspec
from attrs import frozen
from msgspec.structs import astuple

from pdsclient._checks import shown
from pdsclient._secrets import mask
from pdsclient.errors import InvalidRequest
from pdsclient.export._sink import Batch
from pdsclient.models import File, Model
from pdsclient.models._kinds import Kind, ListKind, kind_of

Column: TypeAlias = Sequence[Any]
Clean: TypeAlias = Callable[[Any], Any]

_encoder = msgspec.json.Encoder()

DECLARED = frozenset(File.__struct_fields__)

_MAP = kind_of("dict[str, str]", {})
_NOTHING = type(None)
_SCALARS = frozenset({str, int, float, bool, _NOTHING})
_NUMBERS = _SCALARS - {str}
_LISTS = frozenset({list, _NOTHING})
_MAPS = frozenset({dict, _NOTHING})


@frozen
class Field:
    """A field of a model.

    Args:
        name: as in the reply.
        kind: how the model reads it.
        clean: a value of it without presigned URLs and credentials.
        is_clean: whether a column of it needs no cleaning. It asks for types only, and a column
            costs a twentieth of what its values would.
    """

    name: str
    kind: Kind
    clean: Clean
    is_clean: Callable[[Column], bool]

    @property
    def is_list(self) -> bool:
        """A list of whatever."""
        return isinstance(self.kind, ListKind)

    @property
    def has_model(self) -> bool:
        """An object, or a list of objects."""
        kind = self.kind.item if isinstance(self.kind, ListKind) else self.kind
        return issubclass(kind.exact, Model)


@lru_cache(maxsize=64)
def fields_of(model: type[Model], *, include_urls: bool) -> dict[str, Field]:
    """The fields of a model that may be exported, in the order of declaration."""
    hidden = model.__secrets__ if include_urls else model.__secrets__ | model.__urls__
    namespace = vars(sys.modules[model.__module__])
    fields = {}
    for name in model.__struct_fields__:
        if name not in hidden:
            # The slot's annotation is msgspec's; the declared type is that of the property.
            kind = kind_of(vars(model)[name].fget.__annotations__["return"], namespace)
            fields[name] = Field(name, kind, *_rules(kind, include_urls))
    return fields


def _rules(kind: Kind, include_urls: bool) -> tuple[Clean, Callable[[Column], bool]]:
    # What no model describes may hold anything: it goes through the mask that logs go through.
    hide = partial(mask, texts=not include_urls)
    if isinstance(kind, ListKind):
        clean, _ = _rules(kind.item, include_urls)
        return partial(_clean_list, clean, hide), _has_lists if _is_scalar(kind.item) else _never
    if issubclass(kind.exact, Model):
        return partial(_clean_object, kind.exact, include_urls, hide), _never
    if kind is _MAP:
        return partial(_clean_map, hide), _has_maps
    if kind.exact is _NOTHING:
        return hide, _has_numbers
    return partial(_clean_scalar, hide), _has_scalars


def _is_scalar(kind: Kind) -> bool:
    return kind.exact is not _NOTHING and not issubclass(kind.exact, Model)


def _never(column: Column) -> bool:
    return False


def _has_scalars(column: Iterable[Any]) -> bool:
    return _SCALARS.issuperset(map(type, column))


def _has_numbers(column: Column) -> bool:
    return _NUMBERS.issuperset(map(type, column))


def _has_lists(column: Column) -> bool:
    return _LISTS.issuperset(map(type, column)) and _has_scalars(
        chain.from_iterable(filter(None, column))
    )


def _has_maps(column: Column) -> bool:
    return _MAPS.issuperset(map(type, column)) and _has_scalars(
        chain.from_iterable(one.values() for one in column if one)
    )


def _clean_scalar(hide: Clean, value: Any) -> Any:
    return hide(value) if isinstance(value, (dict, list)) else value


def _clean_list(clean: Clean, hide: Clean, value: Any) -> Any:
    return [clean(one) for one in value] if isinstance(value, list) else hide(value)


def _clean_map(hide: Clean, value: Any) -> Any:
    if not isinstance(value, dict):
        return hide(value)
    return {key: _clean_scalar(hide, one) for key, one in value.items()}


def _clean_object(model: type[Model], include_urls: bool, hide: Clean, value: Any) -> Any:
    if isinstance(value, model):
        items: Iterable[tuple[str, Any]] = zip(model.__struct_fields__, astuple(value), strict=True)
    elif isinstance(value, dict):
        items = value.items()
    else:
        return hide(value)
    return _clean_items(model, include_urls, hide, items)


def _clean_items(
    model: type[Model], include_urls: bool, hide: Clean, items: Iterable[tuple[str, Any]]
) -> dict[str, Any]:
    fields = fields_of(model, include_urls=include_urls)
    clean: dict[str, Any] = {}
    for name, value in items:
        if value is None or value == []:
            continue
        if name in fields:
            clean[name] = fields[name].clean(value)
        elif name not in model.__struct_fields__:
            clean |= hide({name: value})
    return clean


def undeclared(row: Mapping[str, Any], *, include_urls: bool) -> dict[str, Any]:
    """The fields of a file as sent that the model does not know, without credentials."""
    if row.keys() <= DECLARED:
        return {}
    unknown = {name: value for name, value in row.items() if name not in DECLARED}
    masked: dict[str, Any] = mask(unknown, texts=not include_urls)
    return masked


def choose(
    option: str, names: Iterable[str] | None, default: Iterable[str], *, include_urls: bool
) -> list[Field]:
    """The fields with the given names, in that order.

    Raises:
        InvalidRequest: a name that is unknown, given twice, or that of a presigned URL.
    """
    if names is None:
        names = default
    elif isinstance(names, str) or not isinstance(names, Iterable):
        raise InvalidRequest(f"{option} must be a list of names, not {type(names).__name__}")
    names = list(names)
    known = fields_of(File, include_urls=include_urls)
    for index, name in enumerate(names):
        if name in names[:index]:
            raise InvalidRequest(f"{option} names {shown(name)} twice")
        if not isinstance(name, str) or name not in known:
            raise InvalidRequest(f"{option}: {_refusal(name)}")
    if not names:
        raise InvalidRequest(f"{option} must name a field")
    return [known[name] for name in names]


def _refusal(name: object) -> str:
    if isinstance(name, str) and name in File.__urls__:
        return f"{name} holds presigned URLs; it is exported with include_urls=True only"
    from difflib import get_close_matches

    close = get_close_matches(str(name), DECLARED - File.__urls__, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    return f"{shown(name)} is no field of a file{hint}"


@frozen
class Rows:
    """The hits of some pages as columns.

    Args:
        count: how many hits.
        columns: the fields that at least one hit has, cleaned; each has ``count`` values.
        jobs: the key of each hit's job.
        undeclared: what each hit has beyond the model; None unless asked for.
    """

    count: int
    columns: dict[str, Column]
    jobs: list[str]
    undeclared: list[dict[str, Any]] | None

    def all(self, names: Iterable[str]) -> list[Column]:
        """The columns with these names; one that no hit has is full of None."""
        nothing = (None,) * self.count
        return [self.columns.get(name, nothing) for name in names]


@frozen
class Reader:
    """Turns pages into columns.

    Args:
        fields: which, in the order of the output.
        include_urls: presigned URLs may leave the program.
        undeclared: fields that the model does not know are wanted too.
    """

    fields: Sequence[Field]
    include_urls: bool = False
    undeclared: bool = False

    def read(self, batches: Sequence[Batch]) -> Rows:
        """The hits of all the pages, one after another."""
        files = [file for batch in batches for file in batch.files]
        jobs = [batch.key for batch in batches for _ in batch.files]
        slots: list[Column] = list(zip(*map(astuple, files), strict=True))
        sent = list(chain.from_iterable(map(_sent, batches))) if self.undeclared else None
        columns = {}
        for field in self.fields if files else ():
            column = slots[_INDEX[field.name]]
            if field.is_list:
                # An empty list reads like none, so it is none.
                column = [one or None for one in column]
            if column.count(None) != len(column):
                columns[field.name] = _cleaned(field, column, sent)
        return Rows(len(files), columns, jobs, sent and self._undeclared(sent))

    def _undeclared(self, sent: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [undeclared(row, include_urls=self.include_urls) for row in sent]


_INDEX = {name: index for index, name in enumerate(File.__struct_fields__)}


def _sent(batch: Batch) -> list[dict[str, Any]]:
    rows = batch.raw()
    assert len(rows) == len(batch.files), "raw() gives each file of the batch"
    return rows


def _cleaned(field: Field, column: Column, sent: list[dict[str, Any]] | None) -> Column:
    if sent is not None and field.has_model:
        # The objects in the slots have lost what their models do not know.
        column = [row.get(field.name) for row in sent]
    if field.is_clean(column):
        return column
    clean = field.clean
    return [value if value is None else clean(value) for value in column]


def check_job(option: str, name: str | None) -> None:
    """Raise InvalidRequest unless the name can be that of the job's field."""
    if name is None:
        return
    if not isinstance(name, str) or not name:
        raise InvalidRequest(f"{option} must be a non-empty name, or None")
    if name in File.__struct_fields__:
        raise InvalidRequest(f"{option}: a file has a field {name} of its own; choose another name")


def json_text(value: Any) -> str:
    """The value as JSON; half a surrogate pair, which UTF-8 has no form for, is escaped."""
    try:
        return _encoder.encode(value).decode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"))
