"""What is uploaded, overwritten, restored or deleted: the bytes are right, and no more are kept."""

from __future__ import annotations

import hashlib
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pdsclient.emulator.blobs import INLINE_BYTES, Incoming
from pdsclient.emulator.clock import MovableClock
from pdsclient.emulator.reading import FileRow
from pdsclient.emulator.store import Part, Store

# Few of them, so that contents meet; on both sides of what is kept in the database.
CONTENTS = [b"", b"a", b"b" * INLINE_BYTES, b"c" * (INLINE_BYTES + 1), b"d" * 50_000]
SESSION = {
    "parallel": False,
    "hash_name": "sha1",
    "domain_hash_name": "sha1",
    "size": None,
    "members": {},
}


class Life(RuleBasedStateMachine):
    """Files and their revisions, beside a store of them."""

    def __init__(self):
        super().__init__()
        self.store = Store(clock=MovableClock())
        self.store.put_drive("1", owner="u", default=True)
        self.files: dict[str, dict[str, bytes]] = {}

    def teardown(self):
        self.store.close()

    def learn(self, file_id, content):
        row = self.store.get_file("1", file_id)
        self.files.setdefault(file_id, {})[row.revision_id] = content

    def send(self, file, content, cut):
        file_id, upload_id = self.store.begin_upload("1", file, SESSION, life_s=60)
        upload = self.store.upload("1", file_id, upload_id)
        for number, data in enumerate((content[:cut], content[cut:]), 1):
            incoming = Incoming(self.store.blobs)
            incoming.write(data)
            incoming.keep()
            etag = hashlib.md5(data).hexdigest()
            part = Part(number, len(data), etag, None, incoming.name, None)
            self.store.add_part(upload, part)
        parts = self.store.parts(upload)
        running = self.store.hashes(upload, parts)
        self.store.complete_upload(upload, parts, running, keeps_revisions=True)
        self.learn(file_id, content)

    @rule(content=st.sampled_from(CONTENTS))
    def add(self, content):
        [file_id] = self.store.add_files([{"name": "a", "content": content}], drive_id="1")
        self.learn(file_id, content)

    @rule(content=st.sampled_from(CONTENTS), cut=st.integers(0, 60_000))
    def upload(self, content, cut):
        self.send({"name": "a"}, content, cut)

    @precondition(lambda self: self.files)
    @rule(content=st.sampled_from(CONTENTS), cut=st.integers(0, 60_000), data=st.data())
    def overwrite(self, content, cut, data):
        row = self.store.get_file("1", self.some_file(data))
        assert isinstance(row, FileRow)
        self.send(row, content, cut)

    @precondition(lambda self: self.files)
    @rule(data=st.data())
    def restore(self, data):
        file_id, old = self.some_revision(data)
        content = self.files[file_id][old.revision_id]
        self.store.restore_revision("1", file_id, old)
        self.learn(file_id, content)

    @precondition(lambda self: self.files)
    @rule(data=st.data())
    def delete_revision(self, data):
        file_id, old = self.some_revision(data)
        if not old.is_latest:
            self.store.delete_revision("1", file_id, old.revision_id)
            del self.files[file_id][old.revision_id]

    @precondition(lambda self: self.files)
    @rule(data=st.data())
    def delete(self, data):
        file_id = self.some_file(data)
        self.store.delete_file("1", file_id)
        del self.files[file_id]

    @precondition(lambda self: self.files)
    @rule(data=st.data())
    def give_up(self, data):
        """An upload that nobody completes goes with its file."""
        row = self.store.get_file("1", self.some_file(data))
        _, upload_id = self.store.begin_upload("1", row, SESSION, life_s=60)
        upload = self.store.upload("1", row.file_id, upload_id)
        incoming = Incoming(self.store.blobs)
        incoming.write(b"never")
        incoming.keep()
        self.store.add_part(upload, Part(1, 5, "", None, incoming.name, None))
        self.store.delete_file("1", row.file_id)
        del self.files[row.file_id]

    def some_file(self, data):
        return data.draw(st.sampled_from(sorted(self.files)))

    def some_revision(self, data):
        file_id = self.some_file(data)
        return file_id, data.draw(st.sampled_from(self.store.revisions("1", file_id)))

    @invariant()
    def all_bytes_are_right(self):
        for file_id, revisions in self.files.items():
            known = {one.revision_id for one in self.store.revisions("1", file_id)}
            assert known == set(revisions)
            for revision_id, content in revisions.items():
                with self.store.open_content("1", file_id, revision_id) as opened:
                    assert opened.read(0, 100_000) == content
                    assert opened.sha1() == hashlib.sha1(content).hexdigest().upper()

    @invariant()
    def nothing_more_is_kept(self):
        wanted = {content for one in self.files.values() for content in one.values()}
        rows = self.store._read("SELECT key, size FROM content", ())
        assert sorted(size for _, size in rows) == sorted(map(len, wanted))
        pieces = {name for (name,) in self.store._read("SELECT name FROM piece", ())}
        folder = self.store.blobs._folder
        there = set() if folder is None else {path.name for path in Path(folder).glob("??/*")}
        assert there == pieces


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=20, stateful_step_count=15, deadline=None)
