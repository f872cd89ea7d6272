"""The typed operations, one module for each first path segment; loaded on first use.

``/v2/file/get_upload_url`` is ``client.file.get_upload_url``: the class ``FileResource`` of the
module ``file``.
"""

from __future__ import annotations

from functools import cached_property
from importlib import import_module
from typing import TypeVar, cast

from pdsclient.operations import HasEngine

__all__ = ["Lazy"]

R = TypeVar("R")


class Lazy(cached_property[R]):
    """An attribute of the client with the operations under the path segment of its name.

    ``drive: Lazy[DriveResource] = Lazy("Spaces that files live in.")`` is all it takes: type
    checkers read the annotation, and the module is found by the name when it is first used.
    """

    def __init__(self, doc: str) -> None:
        super().__init__(self._load)
        self.__doc__ = doc

    def _load(self, client: HasEngine) -> R:
        segment = self.attrname or ""
        module = import_module(f"{__name__}.{segment}")
        kind = getattr(module, segment.title().replace("_", "") + "Resource")
        return cast("R", kind(client._engine))
