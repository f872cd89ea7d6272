"""Checks what a wheel holds and declares: python .ci/check_wheel.py WHEEL"""

from __future__ import annotations

import email
import re
import sys
import zipfile

CORE = ["aiohttp", "attrs", "backoff", "filelock", "msgspec", "pyee"]


def check(path: str) -> None:
    """Raises AssertionError for the first thing that is not as it should be."""
    with zipfile.ZipFile(path) as wheel:
        names = wheel.namelist()
        texts = {
            name.rpartition("/")[2]: wheel.read(name).decode()
            for name in names
            if ".dist-info/" in name
        }
    check_files(names)
    check_metadata(texts["METADATA"])
    assert "pdsclient = pdsclient." in texts["entry_points.txt"], "the command is missing"
    assert "MIT" in texts["LICENSE"], "the licence is missing"


def check_files(names: list[str]) -> None:
    tops = {name.partition("/")[0] for name in names}
    info = {top for top in tops if top.endswith(".dist-info")}
    # The pytest plugin stands beside the package, so that pytest need not load all of it.
    wanted_tops = {"pdsclient", "_pdsclient_pytest.py"}
    assert tops - info == wanted_tops, f"at the top: {sorted(tops - info)}"
    for wanted in ("pdsclient/__init__.py", "pdsclient/py.typed", "pdsclient/emulator/__init__.py"):
        assert wanted in names, f"{wanted} is missing"
    odd = [name for name in names if re.search(r"test_|conftest|\.pyc$|/\.", name)]
    assert not odd, f"does not belong into a wheel: {odd}"


def check_metadata(text: str) -> None:
    metadata = email.message_from_string(text)
    requires = metadata.get_all("Requires-Dist", [])
    core = sorted(re.split(r"[^\w.-]", line)[0] for line in requires if "extra ==" not in line)
    assert core == CORE, f"core dependencies are {core}"
    capped = [line for line in requires if re.search(r"[<~]|==\s*\d|!=\s*\d", line.split(";")[0])]
    assert not capped, f"lower bounds only: {capped}"
    assert metadata["Requires-Python"] == ">=3.11", metadata["Requires-Python"]
    assert metadata["License-Expression"] == "MIT", metadata["License-Expression"]
    licences = [
        line for line in metadata.get_all("Classifier", []) if line.startswith("License ::")
    ]
    assert not licences, "a License classifier contradicts the SPDX expression"
    assert metadata["Description-Content-Type"] == "text/markdown"


if __name__ == "__main__":
    check(sys.argv[1])
