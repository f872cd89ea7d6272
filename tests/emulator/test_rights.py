"""What may be done, found in three ways: by a model, by the rights of a file, and by searching."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from pdsclient._clock import SystemClock
from pdsclient.emulator.handlers.rights import Rights
from pdsclient.emulator.roles import EVERYTHING, ROLES
from pdsclient.emulator.store import NEVER_MS, Permission, Store
from pdsclient.query import F

PROFILE = settings(max_examples=40, deadline=None, database=None)
# Each folder lies in one of those before it, or at the top.
TREES = st.lists(st.integers(0, 5), min_size=1, max_size=8)
GRANTS = st.lists(
    st.tuples(st.integers(0, 8), st.sampled_from(sorted(ROLES)), st.sampled_from(["ann", "bob"])),
    max_size=5,
)


def test_every_role_is_about_known_actions():
    """No role has more than an owner, and none is without any look."""
    for actions in ROLES.values():
        assert {"FILE.LIST", "FILE.GET"} <= actions <= EVERYTHING


class Forest:
    """Folders in folders, a file in each, and what is above whom."""

    def __init__(self, store, tree):
        self.store = store
        self.folders = ["root"]
        self.above = {}
        store.put_drive("1", owner="owner")
        for parent in tree:
            top = self.folders[parent % len(self.folders)]
            folder = self.add(top, name="folder", type="folder")
            self.add(folder, name="file", size=1)
            self.folders.append(folder)

    def add(self, parent, **row):
        (file_id,) = self.store.add_files([{**row, "parent_file_id": parent}], drive_id="1")
        self.above[file_id] = parent
        return file_id

    def expected(self, file_id, roles):
        """The actions by the roles of the file and of everything above."""
        own = frozenset().union(*(ROLES[role] for role in roles.get(file_id, ())))
        parent = self.above.get(file_id)
        return own | self.expected(parent, roles) if parent else own

    def share(self, grants):
        """Share folders; the roles of ann by folder."""
        roles = {}
        for at, role, user in grants:
            folder = self.folders[at % len(self.folders)]
            one = Permission("1", folder, "IT_User", user, role, (), NEVER_MS, False, "owner", 0)
            self.store.add_permissions([one])
            if user == "ann":
                roles.setdefault(folder, set()).add(role)
        return roles

    def found(self, query, within):
        page = self.store.search(["1"], query, (F.name.asc(),), limit=100, within=within)
        assert self.store.count(["1"], query, within=within) == len(page.rows)
        return {row.file_id for row in page.rows}


@PROFILE
@given(tree=TREES, grants=GRANTS)
def test_search_finds_exactly_what_may_be_listed(tree, grants):
    """For any tree and any permissions: the rights of a file are those of all folders above, and
    a search finds it if and only if it may be listed."""
    store = Store(clock=SystemClock())
    try:
        forest = Forest(store, tree)
        roles = forest.share(grants)
        rights = Rights.of_user(store, store.grants_in("1", "ann"))
        rows = {file_id: store.get_file("1", file_id) for file_id in forest.above}
        for file_id, row in rows.items():
            assert rights.on(row) == forest.expected(file_id, roles)
        open_ids = {file_id for file_id, row in rows.items() if "FILE.LIST" in rights.on(row)}
        within = {"1": rights.tops("FILE.LIST")}
        if within["1"]:
            assert forest.found(None, within) == open_ids
            files = {file_id for file_id in open_ids if rows[file_id].type == "file"}
            assert forest.found(F.type == "file", within) == files
        else:
            assert not open_ids
    finally:
        store.close()
