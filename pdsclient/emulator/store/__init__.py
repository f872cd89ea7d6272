"""The emulator's memory: drives, files, share links and contents in SQLite.

Every method may be called from any thread and blocks it, so a server calls none on its loop.
Methods that change something take turns on the one writing connection. Methods that read borrow
one of two reading connections and wait while both are lent: call them from two threads, pages
from one and counts from the other, and no count stands before a page.
"""

from __future__ import annotations

from pdsclient.emulator.reading import FileRow, Page, Position
from pdsclient.emulator.store.archives import Archives
from pdsclient.emulator.store.credentials import App, Credentials, Grant
from pdsclient.emulator.store.delta import Deltas
from pdsclient.emulator.store.drives import Drive
from pdsclient.emulator.store.people import Member, member_of
from pdsclient.emulator.store.permissions import NEVER_MS, Permission, Permissions
from pdsclient.emulator.store.places import Places
from pdsclient.emulator.store.records import Record
from pdsclient.emulator.store.revisions import Revision
from pdsclient.emulator.store.shares import Share, Shares
from pdsclient.emulator.store.tasks import Course, Task, Tasks
from pdsclient.emulator.store.uploads import Part, PartRefused, Upload, UploadGone, Uploads
from pdsclient.emulator.writing import Missing

__all__ = [
    "NEVER_MS",
    "App",
    "Course",
    "Drive",
    "FileRow",
    "Grant",
    "Member",
    "Missing",
    "Page",
    "Part",
    "PartRefused",
    "Permission",
    "Position",
    "Record",
    "Revision",
    "Share",
    "Store",
    "Task",
    "Upload",
    "UploadGone",
    "member_of",
]


class Store(Shares, Permissions, Places, Archives, Deltas, Tasks, Uploads, Credentials):
    """A domain's drives and files.

    Args:
        database: a file to keep everything in; None keeps it in memory until ``close``.
        clock: for times of creation and change, and for the index delay.
        domain_id: what files say about where they are.
        index_delay_s: seconds until a search knows of a change; get and list know at once.
        match_mode: what ``match`` means (pds-service.md 5.5).
    """
