"""Runs a notebook as Jupyter does, from the first cell to the last; any error or warning fails.

    python .ci/run_notebook.py examples/bulk_search.ipynb

The kernel is the interpreter that runs this. What the notebook writes, Jupyter's own files
included, goes into a temporary directory; the notebook itself is left as it is.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

# Seconds for one cell.
_TIMEOUT_S = 120


def run(path: Path, folder: Path) -> int:
    """Run a notebook in a folder; gives the number of its code cells.

    Raises:
        CellExecutionError: a cell raised; it shows which, and the traceback.
        SystemExit: a cell wrote to standard error.
    """
    for name in ("JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        os.environ[name] = str(folder / name.lower())
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook,
        timeout=_TIMEOUT_S,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        # Its warning that loopback is not encrypted is no news here.
        extra_arguments=["--log-level=ERROR"],
    ).execute()
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell in cells:
        for output in cell.outputs:
            if output.get("name") == "stderr":
                sys.exit(f"{path.name} wrote to standard error in\n{cell.source}\n\n{output.text}")
    return len(cells)


def main() -> None:
    """Run the notebook that the command line names."""
    path = Path(sys.argv[1])
    with TemporaryDirectory() as folder:
        print(f"{path.name}: {run(path, Path(folder))} cells ran")


if __name__ == "__main__":
    main()
