"""The script of faults: which requests they strike.

::

    emulator.faults.add("/file/search", Fault.status(503), times=3)
    emulator.faults.add("/file/search", Fault.reset(processed=True), after=2)
    emulator.faults.add("*", Fault.drop_keepalive(), when=lambda request: request.method == "POST")

What is put to signed URLs and read from them is the operation ``/data``; a part of an upload and a
range of a content are known by their requests::

    emulator.faults.add("/data", Fault.expired(), when=lambda request: request.part_number == 3)
    emulator.faults.add("/data", Fault.corrupt(7), when=lambda request: request.range_start == 0)

Each request takes at most one fault: the first one in the script that fits it and is not used up.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field, validators

from pdsclient.emulator.faults import Fault
from pdsclient.emulator.requestlog import RequestRecord
from pdsclient.errors import InvalidRequest

__all__ = ["FaultScript", "ScriptedFault"]


@define(eq=False)
class ScriptedFault:
    """A fault in the script.

    Attributes:
        operation: the path without ``/v2``, ``/data`` for data URLs, ``*`` for all.
        fault: what happens.
        times: how many requests it strikes, None for all.
        after: how many fitting requests pass before.
        when: a further condition on the request.
        used: how many requests it has struck.
    """

    operation: str
    fault: Fault
    times: int | None = field(default=1, validator=validators.instance_of((int, type(None))))
    after: int = field(default=0, validator=validators.instance_of(int))
    when: Callable[[RequestRecord], bool] | None = None
    used: int = field(default=0, init=False)
    _passed: int = field(default=0, init=False)

    @property
    def is_spent(self) -> bool:
        """Whether it has struck as often as it should."""
        return self.times is not None and self.used >= self.times

    def strikes(self, request: RequestRecord) -> bool:
        """Whether it strikes this request; counts what it sees."""
        if self.is_spent or not self._fits(request):
            return False
        if self._passed < self.after:
            self._passed += 1
            return False
        self.used += 1
        return True

    def _fits(self, request: RequestRecord) -> bool:
        if self.operation not in ("*", request.operation):
            return False
        if self.fault.only_on_reused_connection and request.nth_on_connection == 1:
            return False
        return self.when is None or self.when(request)


class FaultScript:
    """The faults to come, in the order in which they were added."""

    def __init__(self) -> None:
        self._script: list[ScriptedFault] = []

    def add(
        self,
        operation: str,
        fault: Fault,
        *,
        times: int | None = 1,
        after: int = 0,
        when: Callable[[RequestRecord], bool] | None = None,
    ) -> ScriptedFault:
        """Put a fault at the end of the script; see ScriptedFault for the arguments."""
        if operation != "*" and not operation.startswith("/"):
            raise InvalidRequest("operation must be a path such as /file/search, /data, or *")
        if not isinstance(fault, Fault):
            raise InvalidRequest("fault must be made by one of Fault's class methods")
        scripted = ScriptedFault(operation, fault, times, after, when)
        self._script.append(scripted)
        return scripted

    def remove(self, scripted: ScriptedFault) -> None:
        """Take a fault out again; nothing happens if it is not there."""
        if scripted in self._script:
            self._script.remove(scripted)

    def clear(self) -> None:
        """From now on nothing goes wrong."""
        self._script.clear()

    def take(self, request: RequestRecord) -> Fault | None:
        """The fault that strikes this request."""
        for scripted in self._script:
            if scripted.strikes(request):
                if scripted.is_spent:
                    self._script.remove(scripted)
                return scripted.fault
        return None

    def __len__(self) -> int:
        return len(self._script)
