"""A PDS domain on your machine: the wire format, the errors and the faults, over real HTTP.

::

    async with Emulator() as emulator:
        await emulator.add_files([{"name": "a.txt", "size": 3}])
        emulator.faults.add("/file/search", Fault.status(503), times=2)
        ...                                   # point a client at emulator.api_endpoint
"""

from __future__ import annotations

from pdsclient.emulator.clock import MovableClock
from pdsclient.emulator.faults import Fault
from pdsclient.emulator.faultscript import FaultScript, ScriptedFault
from pdsclient.emulator.requestlog import RequestLog, RequestRecord
from pdsclient.emulator.server import Emulator, serve
from pdsclient.emulator.settings import RateLimit, Settings

__all__ = [
    "Emulator",
    "Fault",
    "FaultScript",
    "MovableClock",
    "RateLimit",
    "RequestLog",
    "RequestRecord",
    "ScriptedFault",
    "Settings",
    "serve",
]
