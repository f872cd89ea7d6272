"""How the names of models and requests are found: once listed, loaded when asked for."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from importlib import import_module
from pathlib import Path

import pytest

import pdsclient.models

HERE = Path(pdsclient.models.__file__)
MODULES = pdsclient.models._MODULES


def test_every_name_is_in_one_module() -> None:
    """Nothing is ambiguous, and nothing is listed that is not there."""
    names = Counter(
        name for module in MODULES for name in import_module(f"pdsclient.models.{module}").__all__
    )
    assert [name for name, times in names.items() if times > 1] == []
    assert {*names, *pdsclient.models._OWN} == set(pdsclient.models.__all__)
    for name in pdsclient.models.__all__:
        assert getattr(pdsclient.models, name).__name__ == name or "Literal" in str(
            getattr(pdsclient.models, name)
        )


def test_every_module_is_looked_through_and_known_to_type_checkers() -> None:
    """The list that is read at run time, the star imports and the files are the same."""
    tree = ast.parse(HERE.read_text("utf-8"))
    stars = [
        node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*"
    ]
    assert sorted(stars) == sorted(f"pdsclient.models.{module}" for module in MODULES)
    files = {path.stem for path in HERE.parent.glob("*.py") if not path.stem.startswith("_")}
    assert files <= set(MODULES)


def test_a_name_loads_what_it_needs_and_no_more() -> None:
    """A program that reads files does not pay for the models of users."""
    program = (
        "import sys\n"
        "from pdsclient.models import File\n"
        "from pdsclient.models import browse\n"
        "loaded = [name for name in sys.modules if name.startswith('pdsclient.models.')]\n"
        "print(*sorted(name for name in loaded if '._' not in name))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == ["pdsclient.models.browse", "pdsclient.models.file"]


@pytest.mark.parametrize("name", ["NoSuchModel", "_no_such_name", "file_"])
def test_a_name_that_is_not_there_is_an_attribute_error(name: str) -> None:
    """As of any module."""
    with pytest.raises(AttributeError, match=f"has no attribute '{name}'"):
        getattr(pdsclient.models, name)


def test_the_names_are_listed_for_completion() -> None:
    """``dir`` has them all."""
    assert {"File", "Page", "CreateFileRequest", "ImageProcess"} <= set(dir(pdsclient.models))
