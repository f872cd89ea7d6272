"""Run in an environment that holds only ``pip install pdsclient``: is that all it takes?"""

from __future__ import annotations

import re
from importlib.metadata import distributions, requires

CORE = {"aiohttp", "attrs", "backoff", "filelock", "msgspec", "pyee"}
BROUGHT_BY_VENV = {"pip", "setuptools", "wheel"}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def needed(name: str) -> set[str]:
    """The names of what a distribution requires when no extra is asked for."""
    lines = [line for line in requires(name) or [] if "extra ==" not in line]
    return {canonical(re.split(r"[^\w.-]", line)[0]) for line in lines}


def main() -> None:
    installed = {canonical(one.metadata["Name"]) for one in distributions()} - BROUGHT_BY_VENV
    assert needed("pdsclient") == CORE, needed("pdsclient")
    reached, pending = {"pdsclient"}, ["pdsclient"]
    while pending:
        new = (needed(pending.pop()) & installed) - reached
        reached |= new
        pending += new
    assert installed == reached, f"not needed by the core: {sorted(installed - reached)}"
    assert installed >= CORE, f"missing: {sorted(CORE - installed)}"

    import pdsclient

    print(f"pdsclient {pdsclient.__version__} with {len(installed) - 1} packages")


if __name__ == "__main__":
    main()
