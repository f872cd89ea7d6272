"""The search language of PDS: build it, parse it, write it, ask it.

>>> from pdsclient.query import F
>>> str(F.name.match("Report") & (F.size > 1024) & ~F.hidden)
'name match "Report" and size > 1024 and not hidden = true'
"""

from __future__ import annotations

from pdsclient.query.ast import And, Comparison, Not, Op, Or, Query
from pdsclient.query.evaluate import MatchMode, evaluate
from pdsclient.query.fields import Field, FieldSet
from pdsclient.query.files import FILE_FIELDS, F
from pdsclient.query.order import OrderBy, OrderTerm
from pdsclient.query.parser import parse_order_by, parse_query
from pdsclient.query.shares import SHARE_FIELDS, S
from pdsclient.query.values import Kind
from pdsclient.query.wire import as_order_by, as_query, check_query, comparisons

__all__ = [
    "FILE_FIELDS",
    "SHARE_FIELDS",
    "And",
    "Comparison",
    "F",
    "Field",
    "FieldSet",
    "Kind",
    "MatchMode",
    "Not",
    "Op",
    "Or",
    "OrderBy",
    "OrderTerm",
    "Query",
    "S",
    "as_order_by",
    "as_query",
    "check_query",
    "comparisons",
    "evaluate",
    "parse_order_by",
    "parse_query",
]
