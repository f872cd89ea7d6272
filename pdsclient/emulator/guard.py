"""Safety beside a browser: a web page must not be able to reach the emulator.

A page of another site can send requests to the loopback address, and can point a name of its own
at it. Both give themselves away by a header: ``Origin`` or ``Sec-Fetch-Site``, or a foreign
``Host``. API clients send none of these. No CORS header is ever sent. People sign in with a
browser; the login page lets it in, and sends it to places only that an app has registered.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from ipaddress import ip_address

from pdsclient.emulator.replies import Reply, error_reply

__all__ = ["Guard", "is_loopback"]

_BROWSER_HEADERS = ("Origin", "Sec-Fetch-Site")
_HOST = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([^:@\[\]]+))(?::[0-9]*)?")


class Guard:
    """Refuses what a browser sent, and what was sent to another host's name."""

    def __init__(self, hosts: Iterable[str], *, allow_remote: bool) -> None:
        self._hosts = {"localhost", "127.0.0.1", "::1", *(host.lower() for host in hosts)}
        self._allow_remote = allow_remote

    def refuses(self, headers: Mapping[str, str], *, browsers: bool = False) -> Reply | None:
        """The refusal, None for a request that may pass; one from `browsers` if they are let in."""
        for name in _BROWSER_HEADERS:
            if name in headers and not browsers:
                return _refusal(f"requests from a browser are refused (header {name})")
        if not self._is_own(headers.get("Host", "")):
            return _refusal("the Host header names another host")
        return None

    def _is_own(self, host: str) -> bool:
        parts = _HOST.fullmatch(host)
        if parts is None:
            return False
        name = (parts[1] or parts[2]).lower()
        if name in self._hosts:
            return True
        # Addresses cannot be rebound as names can.
        return self._allow_remote and _is_address(name)


def is_loopback(host: str) -> bool:
    """Whether the host is this machine only."""
    return host == "localhost" or (_is_address(host) and ip_address(host).is_loopback)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _refusal(message: str) -> Reply:
    return error_reply(403, "Forbidden", message)
