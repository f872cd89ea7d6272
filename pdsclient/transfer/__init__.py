"""Transfers: contents of any size and whole trees, up and down.

Reached by the methods of the client: ``upload``, ``download``, ``open``, ``download_archive``,
``upload_tree`` and ``download_tree``.
"""

from __future__ import annotations

from pdsclient.transfer.bars import rich_progress, tqdm_progress
from pdsclient.transfer.handle import Transfer, TransferEvent
from pdsclient.transfer.progress import TransferProgress, TransferState

__all__ = [
    "Transfer",
    "TransferEvent",
    "TransferProgress",
    "TransferState",
    "rich_progress",
    "tqdm_progress",
]
