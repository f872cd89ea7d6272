"""What may be done with which files, where not everything may be done with all of them."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import define, field

from pdsclient.emulator.roles import EVERYTHING, ROLES
from pdsclient.emulator.rows import ROOT
from pdsclient.emulator.store import FileRow, Share, Store

__all__ = ["Rights", "bounds"]

_NOTHING: frozenset[str] = frozenset()
_SWITCHES = {
    "disable_preview": {"FILE.PREVIEW"},
    "disable_download": {"FILE.DOWNLOAD", "FILE.ARCHIVE"},
    "disable_save": {"FILE.COPY"},
}


def bounds(share: Share) -> frozenset[str]:
    """What a link can allow at most: what whoever made it was allowed when they did."""
    return frozenset(share.wire.get("bounds", EVERYTHING))


@define
class Rights:
    """The actions that some folders allow, with all that is below them.

    Attributes:
        store: knows what is above a file.
        grants: the actions by the folder or file.
        top: what may be done at the top itself, where that has no id.
    """

    store: Store
    grants: Mapping[str, frozenset[str]]
    top: frozenset[str]
    _inherited: dict[str, frozenset[str]] = field(factory=dict, init=False)

    @classmethod
    def of_user(cls, store: Store, grants: Mapping[str, frozenset[str]]) -> Rights:
        """By the folders that are shared with a user."""
        return cls(store, grants, grants.get(ROOT, _NOTHING))

    @classmethod
    def of_share(cls, store: Store, share: Share) -> Rights:
        """By the switches of a share link."""
        forbidden = {
            action
            for switch, actions in _SWITCHES.items()
            if share.wire.get(switch)
            for action in actions
        }
        most = bounds(share)
        allowed = (ROLES["SystemFileDownloader"] - forbidden) & most
        grants = dict.fromkeys(share.file_ids, allowed)
        if share.wire.get("creatable"):
            for file_id in share.wire.get("creatable_file_id_list", ()):
                grants[file_id] = grants.get(file_id, _NOTHING) | ({"FILE.CREATE"} & most)
        return cls(store, grants, allowed | grants.get(ROOT, _NOTHING))

    def on(self, row: FileRow | None) -> frozenset[str]:
        """What may be done with a file, or at the top."""
        if row is None:
            return self.top
        inherited = self._inherited.get(row.parent_file_id)
        if inherited is None:
            above = self.store.id_path(row).split("/")[:-1]
            inherited = self._inherited[row.parent_file_id] = frozenset().union(
                *(self.grants.get(each, _NOTHING) for each in above)
            )
        return inherited | self.grants.get(row.file_id, _NOTHING)

    def tops(self, action: str) -> list[str]:
        """The folders from which on down the action is allowed."""
        return [file_id for file_id, actions in self.grants.items() if action in actions]
