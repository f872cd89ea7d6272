"""The architecture as a test: which module may import which (the table of the design)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import pdsclient

ROOT = Path(pdsclient.__file__).parent

# A module may import its own layer and lower ones. A new module has to be placed here.
LAYERS: dict[str, set[str]] = {
    "0 values": {
        "_checks",
        "_clock",
        "_codec",
        "_crc64",
        "_html",
        "_operations_table",
        "_secrets",
        "_sha",
        "_shown",
        "_times",
        "_version",
        "errors",
        "models",
        "options",
        "query",
        "tokens",
    },
    "1 protocol": {"_policy", "_protocol"},
    "2 I/O": {
        "_bars",
        "_checkpoint_file",
        "_disk",
        "_slots",
        "_watchdog",
        "_env",
        "_exchange",
        "_login",
        "_sources",
        "auth",
        "config",
        "events",
        "limits",
        "token_store",
        "transport",
    },
    "3 core": {
        "_call",
        "_core",
        "_retrying",
        "batching",
        "operations",
        "paging",
        "polling",
        "resources",
        "storage",
    },
    "4 jobs": {"bulk", "export", "files", "transfer"},
    "5 face and edges": {
        "__init__",
        "__main__",
        "cli",
        "client",
        "comforts",
        "emulator",
        "testing",
        "transferring",
    },
}
LAYER_OF = {module: layer for layer, modules in LAYERS.items() for module in modules}

# The emulator is a server of its own: it shares the language and the values, never the client.
EMULATOR_MAY_IMPORT = LAYERS["0 values"] | {"emulator"}

# What a module that only computes has no business with.
INPUT_OUTPUT = {
    "aiohttp",
    "asyncio",
    "concurrent",
    "filelock",
    "http",
    "multiprocessing",
    "selectors",
    "socket",
    "sqlite3",
    "ssl",
    "subprocess",
    "threading",
    "urllib.request",
}


class Import(NamedTuple):
    """One imported module, and whether it is imported when the program runs."""

    name: str
    at_run_time: bool


class Module(NamedTuple):
    """A file of the package; its name has no ``pdsclient.`` in front."""

    name: str
    path: Path

    @property
    def top(self) -> str:
        return self.name.partition(".")[0]

    def imports(self) -> Iterator[Import]:
        tree = ast.parse(self.path.read_text(encoding="utf-8"))
        type_only = {
            id(node)
            for block in ast.walk(tree)
            if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test)
            for statement in block.body
            for node in ast.walk(statement)
        }
        for node in ast.walk(tree):
            for name in _imported(node):
                yield Import(name, id(node) not in type_only)

    def ours(self) -> set[str]:
        """The top-level modules of this package that it imports, at run time or for types."""
        names = [one.name.split(".") for one in self.imports()]
        return {parts[1] if parts[1:] else "__init__" for parts in names if parts[0] == "pdsclient"}


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    assert node.level == 0, "imports are absolute in this package"
    name = node.module or ""
    if name != "pdsclient":
        # ``from urllib import request`` imports a module as well.
        return [name, *(f"{name}.{alias.name}" for alias in node.names)]
    return [_of_package(alias.name) for alias in node.names]


def _of_package(name: str) -> str:
    is_module = (ROOT / f"{name}.py").exists() or (ROOT / name).is_dir()
    return f"pdsclient.{name}" if is_module else "pdsclient"


def _modules() -> list[Module]:
    found = []
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        inner = parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts
        found.append(Module(".".join(inner), path))
    return found


MODULES = _modules()
each_module = pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)


def test_every_module_has_a_place() -> None:
    """A new module is put into a layer before it is used."""
    assert {module.top for module in MODULES} <= set(LAYER_OF)


@each_module
def test_no_module_imports_a_higher_layer(module: Module) -> None:
    """Lower layers do not know the higher ones, not even for types or inside functions."""
    own = LAYER_OF[module.top]
    higher = {name for name in module.ours() if LAYER_OF.get(name, "9 unknown") > own}
    assert not higher, f"{module.name} ({own}) imports {sorted(higher)}"


@each_module
def test_only_the_transport_and_the_emulator_know_aiohttp(module: Module) -> None:
    """The configuration may name its types; everybody else works without it."""
    uses = [one for one in module.imports() if one.name.partition(".")[0] == "aiohttp"]
    if module.top == "config":
        uses = [one for one in uses if one.at_run_time]
    if module.top not in ("transport", "emulator"):
        assert uses == []


@each_module
def test_values_and_protocol_do_no_input_or_output(module: Module) -> None:
    """Layers 0 and 1 compute: they can be tested without a loop, a socket or a thread."""
    if LAYER_OF[module.top] < "2":
        names = {one.name for one in module.imports() if one.at_run_time}
        assert {name for name in names if name in INPUT_OUTPUT} == set()


@pytest.mark.parametrize(
    "module", [one for one in MODULES if one.top == "emulator"], ids=lambda module: module.name
)
def test_the_emulator_never_imports_the_client(module: Module) -> None:
    """Otherwise both would share their mistakes, and tests against it would prove nothing."""
    assert module.ours() <= EMULATOR_MAY_IMPORT


def test_the_client_never_imports_the_emulator() -> None:
    """Only the command line and the helpers for tests bring the two together."""
    users = {module.top for module in MODULES if "emulator" in module.ours()}
    assert users <= {"emulator", "cli", "testing"}
