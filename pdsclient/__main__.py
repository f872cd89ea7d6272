"""``pdsclient`` and ``python -m pdsclient``."""

from __future__ import annotations

import sys
from importlib.util import find_spec

__all__ = ["main"]

_HINT = "pdsclient: the command line needs typer and rich: pip install 'pdsclient[cli]'\n"


def main() -> int:
    """The exit status of the command line; 2 with a hint if the extra ``cli`` is not installed."""
    if find_spec("typer") is None or find_spec("rich") is None:
        sys.stderr.write(_HINT)
        return 2
    try:
        from pdsclient.cli.app import main as run

        return run()
    except KeyboardInterrupt:  # while modules are loaded; later the commands see to it
        return 130


if __name__ == "__main__":
    sys.exit(main())
