"""Headers of requests, which hold secrets."""

from __future__ import annotations

from collections.abc import Mapping

from multidict import CIMultiDict  # aiohttp's own type for headers, always there with it

from pdsclient._secrets import mask_headers

__all__ = ["SecretHeaders", "request_headers"]


class SecretHeaders(CIMultiDict[str]):
    """Headers of a request; a repr shows the harmless ones only.

    In the form that aiohttp works with: converting a dict costs 2 % of a small call.
    """

    def __repr__(self) -> str:
        return repr(mask_headers(self))


def request_headers(headers: Mapping[str, str], more: Mapping[str, str | None]) -> SecretHeaders:
    """The headers with the caller's own in their place; None takes one away."""
    merged = SecretHeaders(headers)
    for name, text in more.items():
        merged.popall(name, None)
        if text is not None:
            merged[name] = text
    return merged
