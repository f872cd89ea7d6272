"""Contents to and from the storage behind PDS, through presigned URLs (pds-service.md 10.4, 11.2).

Requests go through the client's own connections and are repeated by its policy, but they are no
calls: they carry no credential, have no part in the rate limit of the service and emit no events.
"""

from __future__ import annotations

from pdsclient.storage._links import FreshUrl, Link, is_expired
from pdsclient.storage._putting import Stored, put_content
from pdsclient.storage._reading import Answer, Reading

__all__ = [
    "Answer",
    "FreshUrl",
    "Link",
    "Reading",
    "Stored",
    "is_expired",
    "put_content",
]
