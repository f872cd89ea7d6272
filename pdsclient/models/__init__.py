"""Replies and requests, one module for each resource or theme.

The names are loaded when they are first asked for: a program that searches files does not pay
for the models of stories and benefit packages.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from pdsclient.models._base import Model as Model
from pdsclient.models._base import Page as Page
from pdsclient.models._request import Part as Part
from pdsclient.models._request import Request as Request

if TYPE_CHECKING:
    from pdsclient.models._shared import *
    from pdsclient.models.account import *
    from pdsclient.models.albums import *
    from pdsclient.models.async_task import *
    from pdsclient.models.audit_log import *
    from pdsclient.models.batch import *
    from pdsclient.models.benefit import *
    from pdsclient.models.browse import *
    from pdsclient.models.change import *
    from pdsclient.models.content import *
    from pdsclient.models.csi import *
    from pdsclient.models.delta import *
    from pdsclient.models.domain import *
    from pdsclient.models.drive import *
    from pdsclient.models.file import *
    from pdsclient.models.group import *
    from pdsclient.models.image import *
    from pdsclient.models.membership import *
    from pdsclient.models.oauth import *
    from pdsclient.models.permission import *
    from pdsclient.models.preview import *
    from pdsclient.models.recyclebin import *
    from pdsclient.models.revision import *
    from pdsclient.models.rights import *
    from pdsclient.models.role import *
    from pdsclient.models.share_link import *
    from pdsclient.models.story import *
    from pdsclient.models.upload import *
    from pdsclient.models.user import *

_OWN = ("Model", "Page", "Part", "Request")
# In the order in which they are looked through: what most programs need comes first.
_MODULES = (
    "file",
    "browse",
    "_shared",
    "content",
    "upload",
    "change",
    "drive",
    "async_task",
    "batch",
    "delta",
    "revision",
    "recyclebin",
    "permission",
    "preview",
    "share_link",
    "user",
    "group",
    "membership",
    "role",
    "rights",
    "account",
    "oauth",
    "domain",
    "image",
    "story",
    "albums",
    "benefit",
    "csi",
    "audit_log",
)


def __getattr__(name: str) -> Any:
    value: Any
    if name == "__all__":
        value = sorted({*_OWN, *(one for module in _MODULES for one in _load(module).__all__)})
    elif name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    elif name in _MODULES:
        value = _load(name)
    else:
        value = getattr(_home(name), name)
    globals()[name] = value
    return value


def _home(name: str) -> ModuleType:
    """The module that a name is from."""
    for module in map(_load, _MODULES):
        if name in module.__all__:
            return module
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _load(module: str) -> ModuleType:
    return import_module(f"{__name__}.{module}")


def __dir__() -> list[str]:
    return __getattr__("__all__")  # type: ignore[no-any-return]
