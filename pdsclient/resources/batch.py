"""The operation ``/v2/batch``, which has no segment of its own: ``client.batch`` is callable."""

from __future__ import annotations

from pdsclient.models.batch import BatchReply, BatchRequest
from pdsclient.operations import Op, Resource

__all__ = ["RootResource"]


class RootResource(Resource):
    """The operations right under the version."""

    batch = Op("/batch", BatchRequest, BatchReply)
