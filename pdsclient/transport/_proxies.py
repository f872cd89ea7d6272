"""Which proxy a request goes through."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

__all__ = ["Proxies"]


class Proxies:
    """Which proxy a host is reached through; the environment is read once, when asked to."""

    def __init__(self, fixed: str | None, extra: Mapping[str, Any]) -> None:
        self._fixed = fixed
        self._environment = {} if fixed else getproxies()
        self._extra = extra
        self._by_origin: dict[tuple[str, str], dict[str, Any]] = {}

    def extra(self, url: str) -> dict[str, Any]:
        """Arguments of the request: the proxy, if there is one for this host, and the rest."""
        parts = urlsplit(url)
        key = (parts.scheme, parts.netloc)
        if key not in self._by_origin:
            proxy = self._fixed or self._from_environment(*key)
            self._by_origin[key] = {**self._extra, **({"proxy": proxy} if proxy else {})}
        return self._by_origin[key]

    def _from_environment(self, scheme: str, netloc: str) -> str | None:
        if proxy_bypass(netloc):
            return None
        proxy = self._environment.get(scheme) or self._environment.get("all")
        # Written without a scheme, as curl takes it too.
        return f"http://{proxy}" if proxy and "://" not in proxy else proxy
