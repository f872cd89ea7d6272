"""Cells with top-level ``await``, as IPython and Jupyter run them: one loop, stopped in between."""

from __future__ import annotations

import subprocess
import sys

NOTEBOOK = """
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance(colors="NoColor", history_manager=None)
CELLS = [
    "from pdsclient import AsyncPDSClient, F",
    "from pdsclient.emulator import Emulator",
    "emulator = await Emulator().__aenter__()",
    "await emulator.add_files([{'name': f'{n}.txt', 'size': n} for n in range(150)])",
    "client = AsyncPDSClient(api_endpoint=emulator.api_endpoint, token_info=emulator.token_info)",
    "found = client.file.search(drive_id=emulator.drive_id, query=F.size >= 0)",
    "(await found).has_more",
    "len([file async for file in found])",
    "await client.aclose()",
    "await emulator.__aexit__(None, None, None)",
]
for cell in CELLS:
    shell.run_cell(cell).raise_error()
"""


def test_cells_with_top_level_await_work():
    """The client is made in one cell and used in others; nothing patches the loop."""
    ran = subprocess.run(
        [sys.executable, "-c", NOTEBOOK], capture_output=True, text=True, timeout=50, check=False
    )
    assert ran.returncode == 0, ran.stderr + ran.stdout
    assert ": True\n" in ran.stdout
    assert ": 150\n" in ran.stdout
    assert "Warning" not in ran.stderr
