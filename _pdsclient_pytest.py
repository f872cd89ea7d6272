"""The pytest plugin of pdsclient: ``pds_emulator``, ``pds_client``, ``pds_fault``.

pytest loads it at the start of every run, in every project of whoever has the package installed.
So it stands beside the package, which would load an HTTP client, and imports nothing until a test
asks for a fixture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pdsclient import AsyncPDSClient
    from pdsclient.emulator import Emulator

_MARKER = (
    "pds_fault(operation, fault, *, times=1, after=0, when=None): something that goes wrong at "
    "pds_emulator, as for Emulator.faults.add; several are tried from top to bottom"
)


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known to --strict-markers."""
    config.addinivalue_line("markers", _MARKER)


@pytest.fixture
def pds_settings() -> Mapping[str, Any]:
    """The arguments of ``Emulator`` for pds_emulator: none, unless you override this fixture."""
    return {}


@pytest.fixture
def pds_emulator(
    request: pytest.FixtureRequest, pds_settings: Mapping[str, Any]
) -> Iterator[Emulator]:
    """A PDS domain for this test alone, empty and running."""
    from pdsclient.testing import running_emulator

    with running_emulator(**pds_settings) as emulator:
        for marker in reversed(list(request.node.iter_markers("pds_fault"))):
            emulator.faults.add(*marker.args, **marker.kwargs)
        yield emulator


@pytest.fixture
def pds_client(pds_emulator: Emulator) -> Iterator[AsyncPDSClient]:
    """A client of pds_emulator that may do everything, and whose waits take no time."""
    from pdsclient.testing import connected_client

    with connected_client(pds_emulator) as client:
        yield client
