"""The audit log: replies and requests of ``client.audit_log``."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pdsclient.models._base import Model
from pdsclient.models._request import Request, optional, request
from pdsclient.models._rules import Choice, Text

__all__ = ["AuditLogExport", "ExportAuditLogRequest"]

AuditLogLanguage: TypeAlias = Literal["zh-CN", "en_US"]
AuditLogOrder: TypeAlias = Literal["acted_at DESC", "acted_at ASC"]


class AuditLogExport(Model, frozen=True, kw_only=True):
    """An export that has begun."""

    async_task_id: str | None = None
    """The task that writes the file."""


@request
class ExportAuditLogRequest(Request):
    """Has entries of the audit log written to a CSV file in the background."""

    file_name: str | None = optional(Text(1024), "Name of the file; it ends in log.csv.")
    language: AuditLogLanguage | None = optional(
        Choice(AuditLogLanguage), "Language of the file; Chinese if left out."
    )
    order_by: AuditLogOrder | None = optional(Choice(AuditLogOrder), "Newest first if left out.")
    query: str | None = optional(
        Text(4096), "Which entries: by drive_id, actor_id, acted_at (UTC), action_type."
    )
