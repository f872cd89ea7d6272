"""The generated page of the documentation."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

SCRIPT = Path(__file__).parents[2] / "docs" / "generate_operations.py"


def generator() -> ModuleType:
    """The script that writes the page."""
    spec = importlib.util.spec_from_file_location("generate_operations", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_the_code_gives() -> None:
    """``python docs/generate_operations.py`` would change nothing."""
    script = generator()
    assert script.PAGE.read_text("utf-8") == script.render()


def test_the_page_has_every_operation_with_its_attribute() -> None:
    """Also the one whose name is a keyword."""
    script = generator()
    page = script.render()
    assert page.count("\n| `/") == 139
    assert "| `/user/import` | `client.user.import_` |" in page
    assert "| `/file/list_permission` | `client.file.list_permission` | `list[File" in page
    assert "`Pager[FilePage]` | yes | yes |" in page
