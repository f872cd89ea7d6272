"""The pytest plugin as other projects get it: installed, and found by its entry point."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from textwrap import dedent

import pytest

import pdsclient

ROOT = Path(__file__).parents[2]
PYPROJECT, DOCUMENT = ROOT / "pyproject.toml", ROOT / "docs" / "testing.md"
Project = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What installing the wheel puts into site-packages."""
    site = tmp_path_factory.mktemp("site")
    package = Path(pdsclient.__file__).parent
    shutil.copytree(package, site / "pdsclient", ignore=shutil.ignore_patterns("__pycache__"))
    plugin = find_spec("_pdsclient_pytest")
    assert plugin is not None
    assert plugin.origin is not None
    shutil.copy(plugin.origin, site)
    info = site / f"pdsclient-{pdsclient.__version__}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: pdsclient\nVersion: {pdsclient.__version__}\n"
    )
    points = tomllib.loads(PYPROJECT.read_text())["project"]["entry-points"]["pytest11"]
    lines = "".join(f"{name} = {module}\n" for name, module in points.items())
    (info / "entry_points.txt").write_text(f"[pytest11]\n{lines}")
    return site


@pytest.fixture
def project(site: Path, tmp_path: Path) -> Project:
    """Runs pytest on a project of a few files, as its owner would; a warning fails it."""

    def run(tests: str, *args: str, conftest: str = "") -> subprocess.CompletedProcess[str]:
        (tmp_path / "test_mine.py").write_text(dedent(tests))
        (tmp_path / "conftest.py").write_text(dedent(conftest))
        (tmp_path / "pytest.ini").write_text(
            "[pytest]\nfilterwarnings = error\nasyncio_default_fixture_loop_scope = function\n"
        )
        quick = ("-p", "no:cacheprovider", "-p", "no:randomly", "--strict-markers", "-q")
        return subprocess.run(
            [sys.executable, "-m", "pytest", *quick, *args],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=50,
        )

    return run


def test_what_the_document_shows_works(project: Project, site: Path) -> None:
    """Each block of docs/testing.md is a test file; what they use is the installation."""
    blocks = re.findall(r"^```python\n(.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    origin = f"""
        import pdsclient

        def test_origin():
            assert pdsclient.__file__.startswith({str(site)!r})
        """
    done = project("\n\n".join([*blocks, dedent(origin)]), "-o", "asyncio_mode=auto")
    assert done.returncode == 0, done.stdout
    assert "5 passed" in done.stdout


def test_faults_settings_and_tests_of_any_kind(project: Project) -> None:
    """Faults come in the order they are read; settings are a fixture; no event loop is needed."""
    done = project(
        """
        import asyncio

        import pytest

        from pdsclient import NotFound, PermissionDenied
        from pdsclient.emulator import Fault

        DRIVE = "/drive/get_default_drive"

        @pytest.mark.asyncio
        async def test_settings(pds_emulator):
            assert pds_emulator.domain_id == "mine"

        @pytest.mark.asyncio
        @pytest.mark.pds_fault(DRIVE, Fault.status(404, "NotFound.Drive"))
        @pytest.mark.pds_fault(DRIVE, Fault.status(403, "Forbidden"))
        async def test_order(pds_client):
            with pytest.raises(NotFound):
                await pds_client.drive.get_default_drive()
            with pytest.raises(PermissionDenied):
                await pds_client.drive.get_default_drive()

        @pytest.mark.pds_fault(DRIVE, Fault.status(503), times=3)
        def test_loop_of_its_own(pds_client, pds_emulator):
            asyncio.run(pds_client.drive.get_default_drive())
            assert len(pds_emulator.requests) == 4

        def test_each_test_has_its_own(pds_emulator, pds_client):
            assert len(pds_emulator.requests) == len(pds_emulator.faults) == 0
        """,
        "--durations=0",
        conftest="""
        import pytest

        @pytest.fixture
        def pds_settings():
            return {"domain_id": "mine"}
        """,
    )
    assert done.returncode == 0, done.stdout
    assert "4 passed" in done.stdout


def test_fixtures_are_explained(project: Project) -> None:
    """Where people look for them: ``pytest --fixtures``."""
    shown = project("", "--fixtures").stdout
    for name in ("pds_client", "pds_emulator", "pds_settings"):
        _, found, rest = shown.partition(f"{name} -- ")
        assert found
        assert "no docstring" not in rest.partition("pds_")[0]


def test_runs_that_use_none_of_it_pay_for_none_of_it() -> None:
    """pytest loads the plugin in each run of each project; it loads neither us nor aiohttp."""
    code = "import sys, _pdsclient_pytest; print({'pdsclient', 'aiohttp'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "set()\n"
