"""HTTP over aiohttp: the only part of the client that imports it.

There is no policy here: a request goes out once, a complete reply or one of our transport errors
comes back. ``Transport`` sends calls to the service; ``DataExchange`` moves contents to and from
the storage behind it.
"""

from __future__ import annotations

from pdsclient.transport._connections import CONNECT_TIMEOUT_S, Depart, Transport
from pdsclient.transport._data import DataExchange
from pdsclient.transport._headers import SecretHeaders, request_headers

__all__ = [
    "CONNECT_TIMEOUT_S",
    "DataExchange",
    "Depart",
    "SecretHeaders",
    "Transport",
    "request_headers",
]
