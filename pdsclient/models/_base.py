"""What all replies have in common."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Generic, Self, TypeVar

import msgspec

from pdsclient._secrets import HIDDEN
from pdsclient._times import render_time
from pdsclient.errors import DecodeError
from pdsclient.models._kinds import kind_of

T = TypeVar("T")

# Of a listing in a notebook, where the model does not say.
_MOST_COLUMNS = 6


def listed(name: str | None = None) -> Any:
    """The default of a field that holds a list: it reads ``[]``.

    Nothing is stored, so that a page of files does not make hundreds of empty lists.

    Args:
        name: what the field is called in replies; its own name if left out.
    """
    return msgspec.field(default=None, name=name)


def absent(name: str) -> Any:
    """The default of a field that is called otherwise in replies."""
    return msgspec.field(default=None, name=name)


# gc=False: plain data makes no cycles, and the thousands of files that a bulk search holds at a
# time would be looked at by every collection (measured: a fifth of its CPU).
class Model(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A reply, or a part of one: frozen, and every field may be absent.

    A field that was absent, ``null`` or ``""`` reads None, a list ``[]``; times read as aware
    UTC datetimes. Two models are equal if the server sent the same.
    """

    __urls__: ClassVar[frozenset[str]] = frozenset()
    """Fields that hold presigned URLs: whoever has one needs no token."""
    __secrets__: ClassVar[frozenset[str]] = frozenset()
    """Fields that hold credentials."""
    __columns__: ClassVar[tuple[str, ...]] = ()
    """Fields that notebooks show first."""

    def __init_subclass__(cls, **config: Any) -> None:
        super().__init_subclass__(**config)
        # A model may hold others of its kind.
        namespace = vars(sys.modules[cls.__module__]) | {cls.__name__: cls}
        inherited = getattr(cls.__base__, "__struct_fields__", ())
        for name, declared in cls.__annotations__.items():
            slot = vars(cls).get(name)
            if not hasattr(slot, "__objclass__") and name not in inherited:
                continue
            kind = kind_of(declared, namespace)
            # The attribute reads the declared type; msgspec is told of the slot's.
            cls.__annotations__[name] = kind.stored
            if slot is None:  # declared anew, under another name on the wire; read as before
                continue
            reader = kind.reader(slot.__get__, f"{cls.__name__}.{name}")
            reader.__annotations__["return"] = declared
            setattr(cls, name, property(reader))

    def _sent(self) -> Iterator[tuple[str, Any]]:
        """The fields that hold something, with what was sent."""
        values = msgspec.structs.astuple(self)
        return (
            (name, value)
            for name, value in zip(self.__struct_fields__, values, strict=True)
            if value is not None and value != "" and value != []
        )

    def to_dict(self, *, include_urls: bool = False) -> dict[str, Any]:
        """The fields that are set, as plain JSON-like data; times are RFC 3339 text.

        Args:
            include_urls: also the fields that hold presigned URLs. Credentials are left out
                in any case.
        """
        hidden = self.__secrets__ if include_urls else self.__secrets__ | self.__urls__
        return {
            name: _plain(getattr(self, name), include_urls)
            for name, _ in self._sent()
            if name not in hidden
        }

    def __repr__(self) -> str:
        hidden = self.__secrets__ | self.__urls__
        shown = (
            f"{name}={HIDDEN!r}" if name in hidden else f"{name}={self._show(name)}"
            for name, _ in self._sent()
        )
        return f"{type(self).__name__}({', '.join(shown)})"

    def _show(self, name: str) -> str:
        value = getattr(self, name)
        # repr escapes control and bidi characters, which a name may hold.
        return render_time(value) if isinstance(value, datetime) else repr(value)

    def _repr_html_(self) -> str:
        """What notebooks show: the fields that are set, without URLs and credentials."""
        from pdsclient import _html

        names = self._told()
        cells = self._cells(names)
        return _html.table(["field", "value"], zip(names, cells, strict=True), count=len(names))

    def _told(self) -> list[str]:
        """The fields that may be shown, what matters most first."""
        hidden = self.__secrets__ | self.__urls__
        names = [name for name, _ in self._sent() if name not in hidden]
        first = [name for name in self.__columns__ if name in names]
        return first + [name for name in names if name not in first]

    def _cells(self, names: Iterable[str]) -> list[str]:
        from pdsclient import _html

        return [_html.cell(name, getattr(self, name)) for name in names]

    def __hash__(self) -> int:
        # Lists and maps cannot be hashed; equal models have equal scalars.
        scalars = [value for _, value in self._sent() if not isinstance(value, (list, dict))]
        return hash((type(self), *scalars))

    def __reduce__(self) -> tuple[Any, ...]:
        secret = self.__secrets__ & dict(self._sent()).keys()
        if secret:
            raise TypeError(
                f"a {type(self).__name__} holds a secret and refuses to be pickled; "
                f"send its {min(secret)} over a channel you trust"
            )
        # A presigned URL is a credential too, though a short-lived one: it stays here.
        fields = {name: value for name, value in self._sent() if name not in self.__urls__}
        return _rebuild, (type(self), fields)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return type(self)(**copy.deepcopy(dict(self._sent()), memo))


def _rebuild(model: type[Model], fields: Mapping[str, Any]) -> Model:
    return model(**fields)


def _plain(value: Any, include_urls: bool) -> Any:
    if isinstance(value, Model):
        return value.to_dict(include_urls=include_urls)
    if isinstance(value, datetime):
        return render_time(value)
    if isinstance(value, list):
        return [_plain(one, include_urls) for one in value]
    if isinstance(value, dict):
        return {key: _plain(one, include_urls) for key, one in value.items()}
    return value


class Page(Model, Generic[T], frozen=True, kw_only=True, dict=True, gc=True):
    """One page of a listing.

    Where a reply calls its rows or its marker otherwise, the subclass says so
    (``items: list[X] = listed("uploaded_parts")``), and ``__asking__`` how to ask for what follows.
    """

    __asking__: ClassVar[tuple[str, Callable[[str], object]]] = ("marker", str)
    """The parameter that takes the marker, and the form it takes it in."""

    items: list[T] = msgspec.field(default_factory=list)
    """What was found. A page may have fewer than asked for, or none, and not be the last."""
    next_marker: str | None = None
    """Where the next page starts; None on the last one."""

    @property
    def has_more(self) -> bool:
        """Another page follows."""
        return self.next_marker is not None

    def raw(self) -> Any:
        """The reply as it was sent, with the fields that the models do not know.

        It is parsed anew each time. A page that no reply was decoded into gives its fields.
        """
        body = self.__dict__.get("_body")
        return self.to_dict(include_urls=True) if body is None else msgspec.json.decode(body)

    def with_body(self, body: bytes) -> Self:
        """This page, which remembers the reply it came from.

        Raises:
            DecodeError: the reply cannot be read on from: no list, or no usable marker.
        """
        items, marker, *_ = msgspec.structs.astuple(self)
        check_rows(items)
        if not isinstance(marker, (str, int, type(None))) or isinstance(marker, bool):
            raise DecodeError("the next_marker of the page is not a text")
        msgspec.structs.force_setattr(self, "_body", body)
        return self

    def _show(self, name: str) -> str:
        return f"<{len(self.items)}>" if name == "items" else super()._show(name)

    def _repr_html_(self) -> str:
        """What notebooks show: the first items, without URLs and credentials."""
        from pdsclient import _html

        items = [item for item in self.items if isinstance(item, Model)]
        columns = _columns(items[0]) if items else []
        rows = (item._cells(columns) for item in items)
        return _html.table(columns, rows, count=len(items), note=self._note())

    def _note(self) -> str:
        return "more pages follow" if self.has_more else "the last page"


def check_rows(rows: object) -> None:
    """Raise DecodeError unless it is a list of objects, or nothing."""
    nothing = rows in (None, "", {})
    for kind in (
        set(map(type, rows)) if isinstance(rows, list) else {type(None if nothing else rows)}
    ):
        if not issubclass(kind, (Model, type(None))):
            raise DecodeError("the items of the page are not a list of objects")


def _columns(item: Model) -> Sequence[str]:
    return item.__columns__ or item._told()[:_MOST_COLUMNS]
