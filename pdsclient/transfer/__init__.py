"""Transfers: contents of any size and whole trees, up and down.

Reached by the methods of the client: ``upload``, ``download``, ``open``, ``download_archive``,
``upload_tree`` and ``download_tree``.
"""

from __future__ import annotations

from pdsclient.transfer.bars import rich_progress, tqdm_progress
from pdsclient.transfer.handle import Transfer, TransferEvent
from pdsclient.transfer.kinds import SupportsRead, SupportsWrite
from pdsclient.transfer.progress import TransferProgress, TransferState
from pdsclient.transfer.report import TreeItem, TreeReport
from pdsclient.transfer.stream import ContentStream
from pdsclient.transfer.tree_filters import TreeEntry
from pdsclient.transfer.upload import UploadCheckpoint

__all__ = [
    "ContentStream",
    "SupportsRead",
    "SupportsWrite",
    "Transfer",
    "TransferEvent",
    "TransferProgress",
    "TransferState",
    "TreeEntry",
    "TreeItem",
    "TreeReport",
    "UploadCheckpoint",
    "rich_progress",
    "tqdm_progress",
]
