"""The control plane: the emulator's switches over HTTP, for tests in another process.

Every call is ``POST /_emulator/<verb>`` with a JSON object and the emulator's secret in the
header ``x-emulator-secret``; without it the answer is 403 and nothing else is looked at.

=================  ==========================================================================
verb               what it takes (and gives)
=================  ==========================================================================
``reset``          nothing; faults, request log, rate limit and line are as at the start
``faults``         ``operation``, ``kind`` (a class method of Fault), its arguments in
                   ``arguments``, and ``times``, ``after``, ``part_number``, ``range_start``
``clear_faults``   nothing
``clock``          ``advance`` in seconds (gives ``time``)
``requests``       ``operation`` and ``clear``, both optional (gives ``requests``)
``tokens``         ``ttl_s``, ``user_id``, ``role`` (gives the token reply)
``revoke``         ``token``
``users``          ``user_id`` and what else is to be set, as on the wire
``apps``           what ``Emulator.register_app`` takes
``line``           ``latency_s``, ``bandwidth_bps``, ``line_bps``
``rate_limit``     ``per_second``, ``burst``, ``per``; without ``per_second`` no limit
``settings``       any of the settings, changed from now on
``files``          ``rows`` (gives ``file_ids``)
``drop_uploads``   nothing (gives how many there were as ``dropped``)
=================  ==========================================================================
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from attrs import evolve

from pdsclient.emulator.faults import Fault
from pdsclient.emulator.params import parse_json
from pdsclient.emulator.replies import Reply, ServiceError, error_reply, json_reply
from pdsclient.emulator.requestlog import RequestRecord
from pdsclient.emulator.settings import RateLimit
from pdsclient.errors import InvalidRequest

if TYPE_CHECKING:
    from pdsclient.emulator.server import Emulator

__all__ = ["SECRET_HEADER", "ControlPlane"]

SECRET_HEADER = "x-emulator-secret"
_KINDS = frozenset({
    "status",
    "gateway",
    "html",
    "json",
    "empty",
    "redirect",
    "gzip_bomb",
    "reset",
    "close",
    "drop_keepalive",
    "close_after",
    "stall",
    "truncate",
    "slow",
    "delay",
    "storage",
    "expired",
    "cut_body",
    "corrupt",
    "headers",
    "ignore_range",
})  # fmt: skip

Verb = Callable[[dict[str, Any]], Awaitable[Any]]


class ControlPlane:
    """Answers the calls; what they do is done by the emulator's own methods."""

    def __init__(self, emulator: Emulator, secret: str) -> None:
        self._emulator = emulator
        self._secret = secret
        self._verbs: dict[str, Verb] = {
            "reset": self._reset,
            "faults": self._faults,
            "clear_faults": self._clear_faults,
            "clock": self._clock,
            "requests": self._requests,
            "tokens": self._tokens,
            "revoke": self._revoke,
            "users": self._users,
            "apps": self._apps,
            "line": self._line,
            "rate_limit": self._rate_limit,
            "settings": self._settings,
            "files": self._files,
            "drop_uploads": self._drop_uploads,
        }

    async def answer(self, verb: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """The reply to one call."""
        given = headers.get(SECRET_HEADER, "")
        if not hmac.compare_digest(given.encode(errors="replace"), self._secret.encode()):
            return error_reply(403, "Forbidden", f"the header {SECRET_HEADER} is missing or wrong")
        run = self._verbs.get(verb)
        if run is None:
            known = ", ".join(self._verbs)
            return error_reply(404, "NotFound", f"no such verb; there are {known}")
        try:
            return json_reply(await run(parse_json(body)) or {})
        except ServiceError as error:
            return error.reply()
        except (ArithmeticError, InvalidRequest, LookupError, TypeError, ValueError) as error:
            return error_reply(400, "InvalidParameter", str(error))

    async def _reset(self, _: dict[str, Any]) -> None:
        self._emulator.reset()

    async def _faults(self, call: dict[str, Any]) -> None:
        kind = call.get("kind")
        if kind not in _KINDS:
            raise InvalidRequest(f"kind must be one of {', '.join(sorted(_KINDS))}")
        fault: Fault = getattr(Fault, kind)(**call.get("arguments", {}))
        self._emulator.faults.add(
            call.get("operation", "*"),
            fault,
            times=call.get("times", 1),
            after=call.get("after", 0),
            when=_condition(call),
        )

    async def _clear_faults(self, _: dict[str, Any]) -> None:
        self._emulator.faults.clear()

    async def _clock(self, call: dict[str, Any]) -> dict[str, float]:
        self._emulator.clock.advance(call.get("advance", 0))
        return {"time": self._emulator.clock.time()}

    async def _requests(self, call: dict[str, Any]) -> dict[str, Any]:
        operation = call.get("operation")
        log = self._emulator.requests
        shown = [_shown(one) for one in log if operation in (None, one.operation)]
        if call.get("clear"):
            log.clear()
        return {"requests": shown}

    async def _tokens(self, call: dict[str, Any]) -> dict[str, Any]:
        return self._emulator.issue_token(**call).to_mapping()

    async def _revoke(self, call: dict[str, Any]) -> None:
        self._emulator.revoke(call["token"])

    async def _users(self, call: dict[str, Any]) -> None:
        await self._emulator.put_user(**call)

    async def _apps(self, call: dict[str, Any]) -> None:
        await self._emulator.register_app(**call)

    async def _line(self, call: dict[str, Any]) -> None:
        self._emulator.latency_s = call.get("latency_s", 0.0)
        self._emulator.bandwidth_bps = call.get("bandwidth_bps")
        self._emulator.line_bps = call.get("line_bps")

    async def _rate_limit(self, call: dict[str, Any]) -> None:
        self._emulator.rate_limit = RateLimit(**call) if call.get("per_second") else None

    async def _settings(self, call: dict[str, Any]) -> None:
        self._emulator.settings = evolve(self._emulator.settings, **call)

    async def _files(self, call: dict[str, Any]) -> dict[str, Any]:
        return {"file_ids": await self._emulator.add_files(call["rows"])}

    async def _drop_uploads(self, _: dict[str, Any]) -> dict[str, int]:
        return {"dropped": await self._emulator.drop_uploads()}


def _condition(call: Mapping[str, Any]) -> Callable[[RequestRecord], bool] | None:
    """That a request is the one for a part, or for a range."""
    wanted = {name: call[name] for name in ("part_number", "range_start") if name in call}
    if not wanted:
        return None
    return lambda record: all(getattr(record, name) == wanted[name] for name in wanted)


def _shown(record: RequestRecord) -> dict[str, Any]:
    return {
        "method": record.method,
        "path": record.path,
        "query": record.query,
        "operation": record.operation,
        "headers": dict(record.headers),
        "body": record.body.decode(errors="replace"),
        "time": record.time,
        "nth_on_connection": record.nth_on_connection,
        "status": record.status,
    }
