"""Uploads: where the content comes from, how it is cut, and what becomes of its name."""

from __future__ import annotations

import io
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pdsclient import AsyncPDSClient, Conflict, InvalidRequest
from pdsclient.emulator import Fault, Settings

PART = 102_400


class Flowing(io.BytesIO):
    """A file that can only be read on, a few bytes at a time, such as a pipe."""

    def seekable(self):
        return False

    def seek(self, *_):
        raise io.UnsupportedOperation("seek")

    def read1(self, size=-1):
        return self.read(min(size, 999))


async def chunks(data, length=1000):
    """The data as an async iterator."""
    for start in range(0, len(data), length):
        yield data[start : start + length]


def created(ground):
    """What was sent to create files."""
    return [one.data for one in ground.emulator.requests.of("/file/create")]


def nowhere():
    """A client whose service nobody can reach."""
    return AsyncPDSClient(api_endpoint="http://127.0.0.1:9", token_info={"access_token": "x" * 9})


class TestSources:
    """Whatever it comes from, the file has the content, and nothing is sent twice."""

    async def test_a_path_becomes_a_file(self, ground, content, tmp_path):
        """With its name, its type by the name, and the time of its last change."""
        path = tmp_path / "report.pdf"
        path.write_bytes(content(1000))
        os.utime(path, (1e9, 1e9))
        transfer = ground.client.upload(path, **ground.drive)
        file = await transfer
        assert (file.name, file.size, file.content_type) == ("report.pdf", 1000, "application/pdf")
        assert file.local_modified_at == datetime.fromtimestamp(1e9, UTC)
        assert await ground.content(file) == content(1000)
        assert (transfer.outcome, transfer.state) == ("uploaded", "done")
        assert [one.size for one in ground.puts] == [1000]

    @pytest.mark.parametrize("make", [bytes, bytearray, memoryview, io.BytesIO, Flowing, chunks])
    async def test_what_is_in_memory_or_flows_is_uploaded(self, ground, content, make):
        """Bytes of each kind, file objects that can seek and that cannot, async iterators."""
        sizes = [0, 1, 2 * PART, 2 * PART + 1]
        for size in sizes:
            data = content(size)
            file = await ground.client.upload(
                make(data), **ground.drive, name=f"{size}", part_size=PART, rapid_upload=False
            )
            assert await ground.content(file) == data
        assert sum(one.size for one in ground.puts) == sum(sizes)

    async def test_a_file_is_read_from_where_it_stands_and_stays_open(
        self, ground, content, tmp_path
    ):
        """It belongs to the caller."""
        path = tmp_path / "a.bin"
        path.write_bytes(content(3 * PART))
        with path.open("rb") as file:
            file.seek(10)
            made = await ground.client.upload(file, **ground.drive, part_size=PART)
            assert not file.closed
        assert made.name == "a.bin"
        assert await ground.content(made) == content(3 * PART)[10:]

    async def test_a_seek_that_fails_makes_a_file_one_that_flows(self, ground, content):
        """It said it could."""

        class Lying(Flowing):
            def seekable(self):
                return True

        data = content(3 * PART)
        file = await ground.client.upload(Lying(data), **ground.drive, name="a", part_size=PART)
        assert await ground.content(file) == data

    async def test_a_known_size_is_checked(self, ground, content):
        """More or less than announced is no file."""
        data = content(2 * PART)
        options = {**ground.drive, "name": "a", "part_size": PART}
        for size, told in ((len(data) - 1, "more than"), (len(data) + 1, "204,800 bytes, not")):
            with pytest.raises(Exception, match=told):
                await ground.client.upload(chunks(data), **options, size=size)
        file = await ground.client.upload(chunks(data), **options, size=len(data))
        assert await ground.content(file) == data
        listed = await ground.client.file.list(**ground.drive, parent_file_id="root")
        assert [one.name for one in listed.items] == ["a"]

    async def test_chunks_may_have_any_length(self, ground, content):
        """Empty ones, tiny ones, and such as hold several parts."""
        data = content(5 * PART)

        async def uneven():
            yield b""
            yield data[:1]
            yield bytearray(data[1 : 3 * PART + 5])
            yield b""
            yield memoryview(data)[3 * PART + 5 :]

        file = await ground.client.upload(uneven(), **ground.drive, name="a", part_size=PART)
        assert await ground.content(file) == data
        assert {one.size for one in ground.puts} == {PART}

    async def test_what_is_not_made_of_bytes_is_refused(self, ground):
        """An iterator is known only when it gives something."""

        async def texts():
            yield "text"

        with pytest.raises(InvalidRequest, match="gave str in place of bytes"):
            await ground.client.upload(texts(), **ground.drive, name="a")
        assert created(ground) == []

    async def test_an_iterable_of_the_callers_is_closed_if_it_was_begun_here(self, ground, content):
        """Also if the upload fails; what was an iterator already is left as it is."""
        ended = []

        class Recorded:
            async def __aiter__(self):
                try:
                    for _ in range(10):
                        yield content(PART)
                finally:
                    ended.append("closed")

        ground.emulator.faults.add("/data", Fault.storage(403, "AccessDenied", "no"), after=1)
        with pytest.raises(Exception, match="AccessDenied"):
            await ground.client.upload(Recorded(), **ground.drive, name="a", part_size=PART)
        assert ended == ["closed"]

    async def test_a_failing_iterator_fails_the_upload(self, ground, content):
        """With its own error; and what was begun is dropped, as nobody can go on with it."""

        async def failing():
            yield content(2 * PART)
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await ground.client.upload(failing(), **ground.drive, name="a", part_size=PART)
        left = await ground.client.file.list(
            **ground.drive, parent_file_id="root", status="uploading"
        )
        assert left.items == []


class TestParts:
    """How a content is cut and sent."""

    @pytest.mark.parametrize("parallel", [False, True])
    async def test_each_part_goes_once(self, start, content, tmp_path, parallel):
        """And the progress says so, whatever the order."""
        path = tmp_path / "a.bin"
        options = {"part_size": PART, "parallel": parallel, "check_name_mode": "overwrite"}
        async with start(settings=Settings(parallel_rules="strict", smallest_part=PART)) as ground:
            for size in (PART - 1, PART, PART + 1, 5 * PART, 5 * PART + 1):
                path.write_bytes(content(size))
                before = len(ground.puts)
                transfer = ground.client.upload(path, **ground.drive, **options)
                file = await transfer
                assert await ground.content(file) == content(size)
                progress, puts = transfer.progress, ground.puts[before:]
                assert sum(one.size for one in puts) == size
                assert {one.status for one in puts} == {200}
                assert progress.bytes_done == progress.bytes_total == size
                assert progress.parts_done == progress.parts_total == len(puts)
                assert (progress.files_done, progress.files_total) == (1, 1)

    async def test_a_large_file_goes_side_by_side_where_that_can_be(self, ground, content):
        """From eight parts on; a smaller one, or one that flows, goes in order."""
        options = {**ground.drive, "part_size": PART, "rapid_upload": False}
        for name, source in (
            ("many", content(8 * PART)),
            ("few", content(7 * PART)),
            ("flowing", chunks(content(8 * PART))),
        ):
            await ground.client.upload(source, name=name, **options)
        many, few, flowing = created(ground)
        assert many["parallel_upload"] is True
        assert "parallel_upload" not in few
        assert "parallel_upload" not in flowing

    @pytest.mark.parametrize("rapid", [False, True])
    async def test_a_domain_that_refuses_parallel_parts_gets_them_in_order(
        self, start, content, rapid
    ):
        """Nobody is told of an error, as there is none."""
        errors = []
        async with start(settings=Settings(parallel_upload="refused")) as ground:
            ground.client.on("error", lambda *one: errors.append(one))
            file = await ground.client.upload(
                content(9 * PART), **ground.drive, name="a", part_size=PART, rapid_upload=rapid
            )
            assert await ground.content(file) == content(9 * PART)
            assert [one.number for one in ground.puts] == list(range(1, 10))
        assert errors == []

    @pytest.mark.parametrize("hash_name", ["sha1", "sha256"])
    async def test_the_states_of_parallel_parts_are_those_of_the_domains_hash(
        self, start, content, hash_name
    ):
        """The service compares each with the bytes in front of its part."""
        settings = Settings(data_hash_name=hash_name, parallel_rules="strict")
        async with start(settings=settings) as ground:
            file = await ground.client.upload(
                content(9 * PART + 1),
                **ground.drive,
                name="a",
                part_size=PART,
                content_hash_name=hash_name,
                parallel=True,
            )
            assert await ground.content(file) == content(9 * PART + 1)
            assert file.content_hash_name == hash_name

    async def test_urls_are_asked_for_in_batches(self, ground, content):
        """The first with the creation, the others twenty at a time."""
        data = content(43 * PART)
        await ground.client.upload(
            data, **ground.drive, name="a", part_size=PART, parallel=False, rapid_upload=False
        )
        (first,) = created(ground)
        rest = [one.data for one in ground.emulator.requests.of("/file/get_upload_url")]
        asked = [[part["part_number"] for part in one["part_info_list"]] for one in (first, *rest)]
        assert asked == [list(range(1, 21)), list(range(21, 41)), list(range(41, 44))]

    async def test_parallel_parts_share_questions_for_urls(self, ground, content):
        """What is needed while one is asked goes into the next; no part is asked for twice."""
        data = content(40 * PART)
        await ground.client.upload(data, **ground.drive, name="a", part_size=PART, parallel=True)
        replies = [one.data for one in ground.emulator.requests.of("/file/get_upload_url")]
        numbers = [part["part_number"] for one in replies for part in one["part_info_list"]]
        assert sorted(numbers) == list(range(2, 41))

    async def test_an_upload_may_take_longer_than_its_urls_live(self, ground, content):
        """New ones are asked for in time, by the clock."""

        async def slowly():
            for number in range(30):
                ground.emulator.clock.advance(200)
                yield content(PART, seed=number)

        file = await ground.client.upload(slowly(), **ground.drive, name="a", part_size=PART)
        assert file.size == 30 * PART
        assert {one.status for one in ground.puts} == {200}


class TestNames:
    """What becomes of a name that is taken."""

    async def test_a_taken_name_is_a_conflict_that_tells_the_file(self, ground, content):
        """That is the default; nothing is sent."""
        old = await ground.add("a", b"old")
        for _ in range(2):
            with pytest.raises(Conflict, match="has a file of this name") as caught:
                await ground.client.upload(content(10), **ground.drive, name="a")
            assert caught.value.file_id == old.file_id
        assert ground.puts == []
        assert await ground.content(old) == b"old"

    async def test_overwriting_makes_a_new_version(self, ground, content):
        """Of the file that is there; and a file if there is none."""
        old = await ground.add("a", b"old")
        options = {**ground.drive, "check_name_mode": "overwrite"}
        file = await ground.client.upload(content(10), name="a", **options)
        assert file.file_id == old.file_id
        assert await ground.content(file) == content(10)
        other = await ground.client.upload(b"other", name="b", **options)
        assert other.file_id != old.file_id

    async def test_skipping_gives_the_file_that_is_there(self, ground, content):
        """And counts as skipped."""
        old = await ground.add("a", b"old")
        transfer = ground.client.upload(
            content(10), name="a", **ground.drive, check_name_mode="skip"
        )
        file = await transfer
        assert (file.file_id, transfer.outcome) == (old.file_id, "skipped")
        assert (transfer.progress.files_skipped, transfer.progress.files_done) == (1, 0)
        assert ground.puts == []

    async def test_a_folder_is_neither_overwritten_nor_skipped(self, ground):
        """It is no file."""
        folder = await ground.add_folder("a")
        for mode in ("overwrite", "skip", "refuse"):
            with pytest.raises(Conflict, match="has a folder of this name") as caught:
                await ground.client.upload(b"x", name="a", **ground.drive, check_name_mode=mode)
            assert caught.value.file_id == folder

    async def test_the_service_may_rename_or_ignore(self, ground):
        """As it does by itself."""
        await ground.add("a.txt", b"old")
        options = {**ground.drive, "name": "a.txt"}
        renamed = await ground.client.upload(b"1", **options, check_name_mode="auto_rename")
        ignored = await ground.client.upload(b"2", **options, check_name_mode="ignore")
        assert renamed.name.startswith("a_")
        assert ignored.name == "a.txt"

    async def test_a_file_is_named_by_its_id(self, ground, content):
        """It gets a new version, whatever its name."""
        old = await ground.add("a", b"old")
        file = await ground.client.upload(
            content(3 * PART), **ground.drive, name="a", file_id=old.file_id, part_size=PART
        )
        assert file.file_id == old.file_id
        assert file.revision_id != old.revision_id
        assert await ground.content(old) == content(3 * PART)

    async def test_only_that_file_gets_a_version(self, ground):
        """Another one that has the name is not overwritten in its place."""
        old, other = await ground.add("a", b"old"), await ground.add("b", b"other")
        for mode in ("overwrite", "skip", "refuse"):
            with pytest.raises(Conflict) as caught:
                await ground.client.upload(
                    b"new", **ground.drive, name="b", file_id=old.file_id, check_name_mode=mode
                )
            assert caught.value.file_id == other.file_id
        assert await ground.content(other) == b"other"


class TestRapid:
    """What the domain knows is not sent."""

    async def test_a_small_content_sends_its_hash_at_once(self, ground, content):
        """One question, and one for the file."""
        await ground.add("known", content(1000))
        transfer = ground.client.upload(content(1000), **ground.drive, name="a")
        file = await transfer
        assert (transfer.outcome, ground.puts, ground.asked("/file/complete")) == ("rapid", [], 0)
        assert ground.asked("/file/create") == 1
        assert await ground.content(file) == content(1000)
        assert transfer.progress.bytes_done == 1000

    async def test_a_large_one_is_hashed_only_if_its_head_is_known(self, ground, content, tmp_path):
        """The first kilobyte says whether it may pay."""
        data = content(12 * PART)
        (path := tmp_path / "a").write_bytes(data)
        options = {**ground.drive, "part_size": PART}
        errors = []
        ground.client.on("error", lambda *one: errors.append(one))
        assert await ground.content(await ground.client.upload(path, **options)) == data
        (first,) = created(ground)
        assert "pre_hash" in first
        assert "content_hash" not in first
        again = ground.client.upload(path, **options, name="b")
        await again
        assert again.outcome == "rapid"
        assert len(ground.puts) == 12
        assert [sorted({"pre_hash", "content_hash"} & one.keys()) for one in created(ground)] == [
            ["pre_hash"], ["pre_hash"], ["content_hash"],
        ]  # fmt: skip
        assert errors == []

    @pytest.mark.parametrize("parallel", [False, True])
    async def test_a_head_that_is_known_may_have_another_rest(self, ground, content, parallel):
        """Then all is sent, with the states that the hashing left."""
        data = content(12 * PART)
        await ground.add("known", data[:2000] + content(12 * PART - 2000, seed=1))
        file = await ground.client.upload(
            data, **ground.drive, name="a", part_size=PART, parallel=parallel
        )
        assert await ground.content(file) == data
        assert len(created(ground)) == 2

    @pytest.mark.parametrize("rapid", [True, False])
    async def test_an_empty_file_needs_a_body_only_without_hashes(self, ground, rapid):
        """As an empty part (pds-service.md 10.3)."""
        file = await ground.client.upload(b"", **ground.drive, name="a", rapid_upload=rapid)
        assert (file.size, file.name) == (0, "a")
        assert [one.size for one in ground.puts] == ([] if rapid else [0])

    async def test_without_rapid_uploads_no_hash_is_sent(self, ground, content):
        """Not even the first one."""
        for size in (10, 3 * PART):
            await ground.client.upload(
                content(size), **ground.drive, name=f"{size}", part_size=PART, rapid_upload=False
            )
        for one in created(ground):
            assert not {"pre_hash", "content_hash", "content_hash_name"} & one.keys()

    async def test_a_stream_that_is_short_can_be_rapid(self, ground, content):
        """It is in memory when it has ended."""
        await ground.add("known", content(5000))
        transfer = ground.client.upload(chunks(content(5000)), **ground.drive, name="a")
        await transfer
        assert transfer.outcome == "rapid"


async def test_what_is_said_about_the_file_arrives(ground):
    """Type, description, tags, times and whether it is hidden."""
    file = await ground.client.upload(
        b"x",
        **ground.drive,
        name="a.pdf",
        content_type="text/x-odd",
        description="words",
        hidden=True,
        user_tags=[("k", "v")],
        local_created_at="2020-01-02T03:04:05Z",
        local_modified_at=datetime(2021, 1, 1, tzinfo=UTC),
    )
    file = await ground.client.file.get(**ground.drive, file_id=file.file_id)
    assert (file.content_type, file.description, file.hidden) == ("text/x-odd", "words", True)
    assert file.user_tags == {"k": "v"}
    assert file.local_created_at == datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert file.local_modified_at == datetime(2021, 1, 1, tzinfo=UTC)


async def test_an_upload_goes_through_a_share(ground, content):
    """With the share's token and without a drive."""
    folder = await ground.add_folder("in")
    share = await ground.client.share_link.create(
        **ground.drive, file_id_list=[folder], creatable=True, creatable_file_id_list=[folder]
    )
    token = await ground.client.share_link.get_share_token(share_id=share.share_id)
    view = ground.client.with_options(share_token=token.share_token)
    file = await view.upload(
        content(3 * PART), share_id=share.share_id, parent_file_id=folder, name="a", part_size=PART
    )
    assert await ground.content(file) == content(3 * PART)


@pytest.mark.parametrize(
    ("source", "options", "told"),
    [
        (io.StringIO("text"), {}, "open it as binary"),
        (5, {}, "source must be a path, bytes"),
        ([b"x"], {}, "source must be a path, bytes"),
        (b"x", {"name": None}, "name is missing"),
        (b"x", {"name": "a/b"}, "name"),
        ("", {}, "source must be a path"),
        ("a\0b", {}, "NUL"),
        (memoryview(b"abcd")[::2], {}, "memoryview with gaps"),
        (b"x", {"drive_id": None}, "drive_id or share_id"),
        (b"x", {"check_name_mode": "replace"}, "check_name_mode must be one of refuse"),
        (b"x", {"content_hash_name": "md5"}, "content_hash_name must be one of sha1"),
        (b"x", {"part_size": 100}, "part_size must be from"),
        (b"x", {"parallel": 1}, "parallel must be True or False"),
        (b"x", {"rapid_upload": None}, "rapid_upload must be True or False"),
        (b"x", {"concurrency": 0}, "concurrency must be from 1"),
        (b"x", {"bandwidth": -1}, "bandwidth"),
        (b"x", {"size": 1}, "size is for async sources"),
        (b"x", {"checkpoint": 5}, "checkpoint must be a path"),
        (b"x", {"user_tags": {"": "v"}}, "user_tags"),
        (b"x", {"local_modified_at": "yesterday"}, "local_modified_at must be RFC 3339"),
    ],
    ids=lambda one: str(one)[:20] if not isinstance(one, memoryview) else "view",
)
async def test_wrong_arguments_are_refused_where_they_are_written(source, options, told):
    """Nothing is awaited for it, and nothing is sent."""
    with pytest.raises(InvalidRequest, match=told):
        nowhere().upload(source, **{"drive_id": "1", "name": "a", **options})


async def test_a_stream_cannot_be_gone_on_with(ground, tmp_path):
    """A checkpoint would be of no use; of a file that flows that is known when it is looked at."""
    options = {**ground.drive, "name": "a", "checkpoint": tmp_path / "c"}
    with pytest.raises(InvalidRequest, match="can be read again"):
        ground.client.upload(chunks(b"x"), **options)
    with pytest.raises(InvalidRequest, match="read once only"):
        await ground.client.upload(Flowing(bytes(2 * PART)), **options, part_size=PART)


@pytest.mark.parametrize(
    ("size", "told"), [(-1, "size must be"), (True, "size must be"), (60 << 40, "too large")]
)
async def test_a_wrong_size_is_refused(size, told):
    """Before the iterator is asked for anything."""
    with pytest.raises(InvalidRequest, match=told):
        nowhere().upload(chunks(b"x"), drive_id="1", name="a", size=size)


async def test_a_directory_is_no_file(ground, tmp_path):
    """The message says what uploads it."""
    with pytest.raises(InvalidRequest, match="upload_tree"):
        await ground.client.upload(tmp_path, **ground.drive)
    with pytest.raises(FileNotFoundError):
        await ground.client.upload(tmp_path / "missing", **ground.drive)


async def test_a_text_file_without_its_type_is_found_when_it_is_read(ground):
    """A read of nothing shows it."""

    class Texts:
        def read(self, size):
            return "text"[:size]

    with pytest.raises(InvalidRequest, match="text file"):
        await ground.client.upload(Texts(), **ground.drive, name="a")


async def test_nothing_is_sent_before_somebody_awaits_it(ground, tmp_path: Path):
    """A transfer is only a plan at first; not even the path is looked at."""
    transfer = ground.client.upload(tmp_path / "missing", **ground.drive)
    assert (transfer.state, transfer.checkpoint, transfer.outcome) == ("waiting", None, "")
    assert len(ground.emulator.requests) == 0
    with pytest.raises(FileNotFoundError):
        await transfer
