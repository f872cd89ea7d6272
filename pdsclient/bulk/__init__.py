"""Bulk searches: many searches, or one big one in parallel, resumable and in flat memory.

``client.bulk_search`` makes them.
"""

from __future__ import annotations

from pdsclient.bulk.jobs import SearchJob
from pdsclient.bulk.plan import JobFailure
from pdsclient.bulk.progress import Progress, rich_progress, tqdm_progress
from pdsclient.bulk.search import BatchIterator, BulkResults, BulkSearch, Hit
from pdsclient.bulk.windows import Batch

__all__ = [
    "Batch",
    "BatchIterator",
    "BulkResults",
    "BulkSearch",
    "Hit",
    "JobFailure",
    "Progress",
    "SearchJob",
    "rich_progress",
    "tqdm_progress",
]
