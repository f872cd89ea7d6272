"""The notebook as it is committed; CI runs it as well."""

from __future__ import annotations

import ast
import importlib
import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "examples" / "bulk_search.ipynb"


def cells() -> list[dict[str, Any]]:
    """The cells with code."""
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def test_notebook_is_committed_without_outputs() -> None:
    """Nothing that one run on one machine left is in it."""
    for cell in cells():
        assert (cell["outputs"], cell["execution_count"]) == ([], None)
    assert not re.search(r"/(home|root|tmp|Users|work)\b", NOTEBOOK.read_text(encoding="utf-8"))


def test_notebook_uses_names_that_there_are() -> None:
    """Each cell compiles, with await at the top level, and what it imports from us exists."""
    imported = set()
    for cell in cells():
        tree = ast.parse("".join(cell["source"]))
        compile(tree, NOTEBOOK.name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("pdsclient"):
                imported |= {(str(node.module), alias.name) for alias in node.names}
    assert imported
    for module, name in imported:
        assert hasattr(importlib.import_module(module), name)
