"""SQL that every Python takes."""

from __future__ import annotations

import re
from pathlib import Path

import pdsclient

NUMBERED = re.compile(r"\?[0-9]")


def test_no_statement_has_numbered_placeholders() -> None:
    """Python 3.12 warns of a sequence for ``?1``, and 3.14 refuses it."""
    sources = Path(pdsclient.__file__).parent.rglob("*.py")
    assert not [path.name for path in sources if NUMBERED.search(path.read_text("utf-8"))]
