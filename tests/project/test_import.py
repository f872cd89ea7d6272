"""``import pdsclient`` loads what a call needs and nothing more."""

from __future__ import annotations

import json
import subprocess
import sys

# Optional packages, and modules whose import costs milliseconds.
NOT_AT_IMPORT = {
    "IPython",
    "aiohttp.web",
    "cryptography",
    "filelock",
    "jwt",
    "numpy",
    "opentelemetry",
    "orjson",
    "pandas",
    "pdsclient._env",
    "pdsclient.auth",
    "pdsclient.bulk",
    "pdsclient.cli",
    "pdsclient.emulator",
    "pdsclient.export",
    "pdsclient.models.drive",
    "pdsclient.models.file",
    "pdsclient.models.share_link",
    "pdsclient.models.user",
    "pdsclient.resources.batch",
    "pdsclient.resources.drive",
    "pdsclient.resources.file",
    "pdsclient.resources.share_link",
    "pdsclient.resources.user",
    "pdsclient.testing",
    "pdsclient.transfer",
    "polars",
    "pyarrow",
    "pytest",
    "redis",
    "rich",
    "sqlite3",
    "tqdm",
    "typer",
    "uvloop",
}


def run(code: str) -> str:
    """What a fresh interpreter prints; a warning ends it."""
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_import_loads_nothing_optional_and_nothing_slow() -> None:
    """The emulator, the models, extras and their dependencies wait until they are used."""
    loaded = json.loads(run("import json, sys, pdsclient; print(json.dumps(sorted(sys.modules)))"))
    assert "pdsclient" in loaded
    assert NOT_AT_IMPORT.intersection(loaded) == set()


def test_import_has_no_effects() -> None:
    """No output, no logging handler, no event loop, no thread."""
    code = (
        "import logging, threading, pdsclient;"
        "print(logging.getLogger().handlers, logging.getLogger('pdsclient').handlers,"
        " threading.active_count())"
    )
    assert run(code).split() == ["[]", "[]", "1"]


def test_every_public_name_can_be_imported_first() -> None:
    """No import order is needed: each exported name works in a fresh interpreter."""
    run("from pdsclient import *; import pdsclient; print(dir(pdsclient))")
