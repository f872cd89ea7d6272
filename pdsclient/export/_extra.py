"""The one optional package of the exports, loaded when it is first needed."""

from __future__ import annotations

from typing import Any

from pdsclient.errors import InvalidRequest


def pyarrow(what: str) -> Any:
    """The package ``pyarrow``.

    Args:
        what: needs it, for the message.

    Raises:
        InvalidRequest: it is not installed; the message has the command.
    """
    try:
        import pyarrow as pa
    except ImportError as error:
        raise missing(what, "pyarrow", "pdsclient[arrow]") from error
    return pa


def missing(what: str, package: str, requirement: str | None = None) -> InvalidRequest:
    """The error that says how to get a package.

    Args:
        what: needs the package.
        package: its name.
        requirement: what to install; the package unless told.
    """
    return InvalidRequest(f"{what} needs {package}: pip install '{requirement or package}'")
