"""Operations under ``/v2/audit_log``."""

from __future__ import annotations

from pdsclient.models.audit_log import AuditLogExport, ExportAuditLogRequest
from pdsclient.operations import Op, Resource

__all__ = ["AuditLogResource"]


class AuditLogResource(Resource):
    """``client.audit_log``: who did what in the domain."""

    export = Op("/audit_log/export", ExportAuditLogRequest, AuditLogExport)
