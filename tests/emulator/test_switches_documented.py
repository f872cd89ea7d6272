"""Every switch is in the emulator's page, with its values."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from pdsclient.emulator import Settings

PAGE = Path(__file__).parents[2] / "docs" / "emulator.md"


@pytest.mark.parametrize("name", sorted(get_type_hints(Settings)))
def test_switch_is_documented(name: str) -> None:
    """The table has a row for the switch; where there are few values, with all of them."""
    pattern = rf"^\| (?:`\w+`, )*`{name}`(?:, `\w+`)* \|.*$"
    (row,) = re.findall(pattern, PAGE.read_text("utf-8"), re.MULTILINE)
    kind = get_type_hints(Settings)[name]
    values = get_args(kind) if name not in {"list_order", "search_order"} else ()
    assert all(str(value) in row for value in values if isinstance(value, (str, int)))
