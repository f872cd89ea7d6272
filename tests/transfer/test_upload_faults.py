"""Uploads when something goes wrong: the line, the storage, the service, the source."""

from __future__ import annotations

import asyncio
import io
import os
import shutil
from functools import partial

import pytest

from pdsclient import (
    BadRequest,
    Conflict,
    ContentChanged,
    ContentMismatch,
    NotFound,
    PDSError,
    PermissionDenied,
    QuotaExceeded,
    ServiceFailure,
)
from pdsclient.emulator import Fault, Settings

PART = 102_400


@pytest.fixture(params=[False, True], ids=["in-order", "side-by-side"])
def upload(request, ground, content):
    """Starts an upload of ten parts and a bit, in order or side by side."""

    def upload(source=None, **options):
        return ground.client.upload(
            content(10 * PART + 1) if source is None else source,
            **{
                **ground.drive,
                "name": "a",
                "part_size": PART,
                "parallel": request.param,
                "rapid_upload": False,
                **options,
            },
        )

    return upload


async def unfinished(ground):
    """The uploads that are not complete."""
    listed = await ground.client.file.list(
        **ground.drive, parent_file_id="root", status="uploading"
    )
    return listed.items


class TestTheLine:
    """A part that did not arrive is sent again; one that did is not."""

    async def test_what_passes_is_repeated(self, ground, content, upload, put_of):
        """The bytes are counted once."""
        faults = [
            Fault.status(503),
            Fault.gateway(504),
            Fault.html(502),
            Fault.reset(),
            Fault.cut_body(50_000),
            Fault.cut_body(50_000, end="close"),
            Fault.expired(),
            Fault.truncate(0),
        ]
        for number, fault in enumerate(faults, 2):
            ground.emulator.faults.add("/data", fault, times=2, when=put_of(number))
        transfer = upload()
        file = await transfer
        assert await ground.content(file) == content(10 * PART + 1)
        assert len(ground.puts) > 11 + len(faults)
        assert ground.sent_twice() == []
        assert transfer.progress.bytes_done == 10 * PART + 1

    async def test_a_lost_answer_to_a_part_is_no_second_part(self, ground, content, upload, put_of):
        """In order the storage says that it is there; side by side it takes its place."""
        for part in (1, 5, 11):
            fault = Fault.reset(processed=True)
            ground.emulator.faults.add("/data", fault, times=1, when=put_of(part))
        transfer = upload()
        assert await ground.content(await transfer) == content(10 * PART + 1)
        assert transfer.progress.bytes_done == 10 * PART + 1
        assert transfer.progress.parts_done == 11

    async def test_a_url_that_is_always_refused_ends_it(self, ground, upload, put_of):
        """Renewals are bounded."""
        ground.emulator.faults.add("/data", Fault.expired(), times=None, when=put_of(2))
        with pytest.raises(PermissionDenied, match="expired"):
            await upload()
        assert sum(one.number == 2 for one in ground.puts) == 4

    async def test_a_part_that_is_changed_on_its_way_is_found(self, ground, upload, put_of):
        """By the checksum that the storage tells; the upload is dropped."""
        ground.emulator.faults.add("/data", Fault.corrupt(7), when=put_of(4))
        transfer = upload()
        with pytest.raises(ContentMismatch, match="part 4 did not arrive as it was sent"):
            await transfer
        assert await unfinished(ground) == []
        assert transfer.checkpoint is None

    async def test_the_speed_of_a_token_does_not_matter(self, ground, content):
        """It expires in the middle, is exchanged, and the upload goes on."""
        data = content(4 * PART)

        async def slowly():
            for number in range(4):
                ground.emulator.clock.advance(3_000)
                yield data[number * PART : (number + 1) * PART]

        file = await ground.client.upload(slowly(), **ground.drive, name="a", part_size=PART)
        assert await ground.content(file) == data
        assert ground.asked("/oauth/token") >= 1


class TestTheUpload:
    """What the service says about an upload that is not as the client believes."""

    async def test_an_upload_that_is_gone_begins_anew_once(self, ground, content, upload):
        """Having looked whether the file is whole."""
        for number, after in enumerate((0, 4, 10), 1):
            gone = Fault.storage(404, "NoSuchUpload", "gone")
            ground.emulator.faults.add("/data", gone, after=after, times=1)
            transfer = upload(name=f"{number}")
            assert await ground.content(await transfer) == content(10 * PART + 1)
            assert ground.asked("/file/create") == 2 * number
            assert ground.asked("/file/get") == 2 * number
        assert await unfinished(ground) == []
        assert transfer.progress.bytes_done == transfer.progress.bytes_total

    async def test_it_does_not_begin_a_third_time(self, ground, upload):
        """Somebody else drops them."""
        ground.emulator.faults.add(
            "/data", Fault.storage(404, "NoSuchUpload", "gone"), after=3, times=None
        )
        with pytest.raises(NotFound, match="gone"):
            await upload()
        assert ground.asked("/file/create") == 2

    async def test_a_url_question_may_find_it_gone(self, ground, content):
        """NotFound.UploadId is the service's word for it."""
        data = content(30 * PART)
        ground.emulator.faults.add(
            "/file/get_upload_url", Fault.status(404, "NotFound.UploadId", "gone"), times=1
        )
        file = await ground.client.upload(
            data, **ground.drive, name="a", part_size=PART, parallel=False
        )
        assert await ground.content(file) == data
        assert ground.asked("/file/create") == 2

    async def test_a_stream_cannot_begin_anew(self, ground, content):
        """The service's error is raised as it is."""

        async def chunks():
            for number in range(3):
                yield content(PART, seed=number)

        ground.emulator.faults.add("/data", Fault.storage(404, "NoSuchUpload", "gone"), after=1)
        with pytest.raises(NotFound, match="gone"):
            await ground.client.upload(chunks(), **ground.drive, name="a", part_size=PART)
        assert ground.asked("/file/create") == 1

    async def test_an_order_that_the_service_does_not_know_is_set_right(self, ground, content):
        """Once from each place; the parts behind are sent again."""
        data = content(6 * PART)
        ground.emulator.faults.add(
            "/data",
            Fault.storage(400, "PartNotSequential", "you must append"),
            after=3,
            times=1,
        )
        options = {**ground.drive, "name": "a", "part_size": PART, "parallel": False}
        transfer = ground.client.upload(data, **options)
        assert await ground.content(await transfer) == data
        assert ground.asked("/file/list_uploaded_parts") == 1
        assert transfer.progress.bytes_done == len(data)
        ground.emulator.faults.add(
            "/data", Fault.storage(400, "PartNotSequential", "no"), after=2, times=None
        )
        with pytest.raises(PDSError, match="PartNotSequential"):
            await ground.client.upload(data[1:], **{**options, "name": "b"})

    async def test_a_part_that_is_there_with_another_size_is_no_part_of_ours(self, ground, content):
        """What is behind it would be in the wrong place."""
        data = content(3 * PART)
        ground.emulator.faults.add(
            "/data", Fault.storage(409, "PartAlreadyExist", "it does"), after=1
        )
        ground.emulator.faults.add(
            "/file/list_uploaded_parts",
            Fault.json({"uploaded_parts": [{"part_number": 2, "part_size": 5}]}),
        )
        with pytest.raises(ContentMismatch, match="there with 5 bytes, not 102,400"):
            await ground.client.upload(
                data, **ground.drive, name="a", part_size=PART, parallel=False
            )

    async def test_a_lost_permission_is_raised_and_the_place_is_kept(self, ground, content, upload):
        """Who gets it back can go on."""
        ground.emulator.faults.add(
            "/data", Fault.storage(403, "AccessDenied", "by bucket policy"), after=4, times=1
        )
        first = upload()
        with pytest.raises(PermissionDenied, match="by bucket policy"):
            await first
        assert first.checkpoint is not None
        file = await upload(checkpoint=first.checkpoint)
        assert await ground.content(file) == content(10 * PART + 1)
        assert ground.sent_twice() == []

    async def test_a_full_drive_is_told(self, start, content):
        """Nothing of the file is left."""
        async with start() as ground:
            await ground.emulator.put_drive("1", owner="superadmin", total_size=100)
            with pytest.raises(QuotaExceeded):
                await ground.client.upload(content(PART), **ground.drive, name="a")
            assert await unfinished(ground) == []


class TestTheEnd:
    """Completion: its answer may get lost, or tell of another content."""

    async def test_a_lost_answer_is_looked_up(self, ground, content, upload):
        """The file is there with our checksum, so it is ours."""
        ground.emulator.faults.add("/file/complete", Fault.reset(processed=True), times=1)
        transfer = upload()
        assert await ground.content(await transfer) == content(10 * PART + 1)
        assert (ground.asked("/file/create"), transfer.outcome) == (1, "uploaded")

    async def test_a_lost_answer_about_a_version_is_looked_up_too(self, ground, content):
        """By its checksum, as the old one was there before."""
        old = await ground.add("a", b"old")
        ground.emulator.faults.add("/file/complete", Fault.reset(processed=True), times=1)
        file = await ground.client.upload(
            content(10), name="a", **ground.drive, check_name_mode="overwrite", rapid_upload=False
        )
        assert file.file_id == old.file_id
        assert await ground.content(file) == content(10)

    async def test_an_end_that_never_comes_is_raised(self, ground, upload):
        """And as it may have come, nothing is dropped."""
        ground.emulator.faults.add("/file/complete", Fault.status(503), times=None)
        with pytest.raises(ServiceFailure):
            await upload()
        assert len(await unfinished(ground)) == 1

    async def test_parts_that_are_refused_are_dropped(self, ground, content, upload):
        """The service will never take them, so a later run begins anew."""
        refusal = Fault.status(400, "InvalidParameter.PartInfoList", "no")
        ground.emulator.faults.add("/file/complete", refusal)
        transfer = upload()
        with pytest.raises(BadRequest):
            await transfer
        assert (transfer.checkpoint, await unfinished(ground)) == (None, [])

    async def test_a_stream_whose_end_is_cancelled_leaves_nothing(self, ground, content):
        """Nobody can go on with it."""

        async def chunks():
            yield content(3 * PART)

        ground.emulator.faults.add("/file/complete", Fault.stall(), times=None)
        transfer = ground.client.upload(chunks(), **ground.drive, name="a", part_size=PART).start()
        while not ground.asked("/file/complete"):
            await asyncio.sleep(0.001)
        transfer.cancel()
        with pytest.raises(asyncio.CancelledError):
            await transfer
        assert await unfinished(ground) == []

    @pytest.mark.parametrize("wrong_crc64", ["refused", "ignored"])
    async def test_another_checksum_than_ours_is_no_success(
        self, start, content, put_of, wrong_crc64
    ):
        """Whether the service compares, or only tells its own; the file is dropped."""
        async with start(settings=Settings(wrong_crc64=wrong_crc64)) as ground:
            # The storage says what it should have got.
            ground.emulator.faults.add("/data", _corrupt_and_silent(), when=put_of(1))
            with pytest.raises(ContentMismatch):
                await ground.client.upload(
                    content(100), **ground.drive, name="a", rapid_upload=False
                )
            assert await unfinished(ground) == []
            listed = await ground.client.file.list(**ground.drive, parent_file_id="root")
            assert listed.items == []

    async def test_a_file_that_was_overwritten_is_never_dropped(self, start, content, put_of):
        """It was there before."""
        async with start(settings=Settings(wrong_crc64="ignored")) as ground:
            old = await ground.add("a", b"old")
            ground.emulator.faults.add("/data", _corrupt_and_silent(), when=put_of(1))
            with pytest.raises(ContentMismatch):
                await ground.client.upload(
                    content(100),
                    **ground.drive,
                    name="a",
                    check_name_mode="overwrite",
                    rapid_upload=False,
                )
            assert (await ground.client.file.get(**ground.drive, file_id=old.file_id)).name == "a"


def _corrupt_and_silent():
    """A byte is changed on its way, and the storage tells no checksum of the part."""
    from pdsclient.emulator.faults import _Corrupt

    class Silent(_Corrupt):
        async def play(self, exchange):
            exchange.incoming = self._changed(exchange.arriving())
            reply = await exchange.process()
            reply.headers.pop("x-oss-hash-crc64ecma")
            return await exchange.send(reply)

    return Silent(0)


class TestLostCreations:
    """An answer to a creation that got lost never makes a second file."""

    @pytest.mark.parametrize("mode", ["refuse", "overwrite", "skip", "auto_rename", "ignore"])
    @pytest.mark.parametrize("rapid", [False, True])
    async def test_there_is_one_file(self, ground, content, mode, rapid):
        """Whether or not it was made, in every mode."""
        cases = [(size, processed) for size in (1000, 3 * PART) for processed in (False, True)]
        for seed, (size, processed) in enumerate(cases):
            fault = Fault.reset(processed=processed)
            ground.emulator.faults.add("/file/create", fault, times=1)
            file = await ground.client.upload(
                content(size, seed),
                **ground.drive,
                name=f"{seed}",
                check_name_mode=mode,
                part_size=PART,
                rapid_upload=rapid,
            )
            assert (file.name, await ground.content(file)) == (f"{seed}", content(size, seed))
        listed = await ground.client.file.list(**ground.drive, parent_file_id="root")
        assert sorted(one.name for one in listed.items) == ["0", "1", "2", "3"]
        assert await unfinished(ground) == []

    @pytest.mark.parametrize("mode", ["refuse", "auto_rename", "ignore"])
    async def test_a_rapid_one_is_recognised(self, ground, content, mode):
        """The file is whole, with our content, before anybody knows of it."""
        known = await ground.add("known", content(1000))
        ground.emulator.faults.add("/file/create", Fault.reset(processed=True), times=1)
        transfer = ground.client.upload(
            content(1000), **ground.drive, name="a", check_name_mode=mode
        )
        file = await transfer
        assert (file.name, transfer.outcome) == ("a", "rapid")
        listed = await ground.client.file.list(**ground.drive, parent_file_id="root")
        assert {one.file_id for one in listed.items} == {known.file_id, file.file_id}

    @pytest.mark.parametrize("mode", ["auto_rename", "ignore"])
    async def test_what_nobody_can_know_is_raised(self, ground, content, mode):
        """It may be there under another name, and a second one must not be made."""
        await ground.add("known", content(1000))
        await ground.add("a", b"old")
        ground.emulator.faults.add("/file/create", Fault.reset(processed=True), times=1)
        with pytest.raises(PDSError) as caught:
            await ground.client.upload(
                content(1000), **ground.drive, name="a", check_name_mode=mode
            )
        assert caught.value.may_have_happened
        listed = await ground.client.file.list(**ground.drive, parent_file_id="root")
        assert len(listed.items) == 3

    async def test_a_renamed_one_is_recognised(self, ground, content):
        """By the form that the service gives such names."""
        await ground.add("a.txt", b"old")
        ground.emulator.faults.add("/file/create", Fault.reset(processed=True), times=1)
        file = await ground.client.upload(
            content(1000),
            **ground.drive,
            name="a.txt",
            check_name_mode="auto_rename",
            rapid_upload=False,
        )
        assert file.name.startswith("a_")
        listed = await ground.client.file.list(**ground.drive, parent_file_id="root")
        assert len(listed.items) == 2

    async def test_a_conflict_stays_a_conflict(self, ground, content):
        """The lost answer was about the file that is there."""
        old = await ground.add("a", b"old")
        ground.emulator.faults.add("/file/create", Fault.reset(processed=True), times=1)
        with pytest.raises(Conflict) as caught:
            await ground.client.upload(content(1000), **ground.drive, name="a")
        assert caught.value.file_id == old.file_id

    async def test_a_line_that_stays_broken_is_raised(self, ground, content):
        """After the attempts that the client's policy allows."""
        ground.emulator.faults.add("/file/create", Fault.reset(), times=None)
        with pytest.raises(PDSError) as caught:
            await ground.client.upload(content(1000), **ground.drive, name="a")
        assert caught.value.may_have_happened
        assert ground.asked("/file/create") in (4, 5)


class TestTheSource:
    """A source that is not what it was is refused, and nothing is left of it."""

    @pytest.mark.parametrize("parallel", [False, True])
    async def test_a_file_that_changes_is_found(self, ground, content, tmp_path, parallel):
        """While it is read, or at the end."""
        path = tmp_path / "a"
        meddler = Meddler()
        options = {**ground.drive, "part_size": PART, "parallel": parallel, "rapid_upload": False}
        fields = {"token_info": ground.emulator.token_info}
        async with ground.world.connect({"file_system": meddler}, **fields) as client:
            for change in CHANGES.values():
                path.write_bytes(content(10 * PART))
                meddler.change = partial(change, path)
                transfer = client.upload(path, **options)
                with pytest.raises(ContentChanged, match="was changed while it was uploaded"):
                    await transfer
                assert await unfinished(ground) == []
                assert transfer.checkpoint is None

    async def test_a_file_object_that_gets_shorter_is_found(self, ground, content, tmp_path):
        """By what it gives."""
        path = tmp_path / "a"
        path.write_bytes(content(10 * PART))

        class Shrinking(io.FileIO):
            def readall(self):
                raise AssertionError("the whole is never read at once")

            def read(self, size=-1):
                if self.tell() >= 4 * PART:
                    os.truncate(path, 5 * PART)
                return super().read(size)

        with Shrinking(path) as file, pytest.raises(ContentChanged):
            await ground.client.upload(file, **ground.drive, part_size=PART)

    async def test_a_disk_that_fails_is_told_as_it_is(self, ground, content, tmp_path):
        """With the error of the system."""

        class Failing:
            def __getattr__(self, name):
                return getattr(os, name)

            def pread(self, descriptor, size, offset):
                if offset >= 3 * PART:
                    raise OSError(5, "Input/output error")
                return os.pread(descriptor, size, offset)

        (path := tmp_path / "a").write_bytes(content(10 * PART))
        async with ground.world.connect(
            {"file_system": Failing()}, token_info=ground.emulator.token_info
        ) as client:
            with pytest.raises(OSError, match="Input/output error"):
                await client.upload(path, **ground.drive, part_size=PART)


class Meddler:
    """The functions of ``os``; somebody changes a file when its fifth part is read.

    Attributes:
        change: what somebody does, once.
    """

    change = None

    def __getattr__(self, name):
        return getattr(os, name)

    def pread(self, descriptor, size, offset):
        if offset == 4 * PART and self.change is not None:
            self.change = self.change()
        return os.pread(descriptor, size, offset)


CHANGES = {
    "longer": lambda path: os.truncate(path, 11 * PART),
    "shorter": lambda path: os.truncate(path, 5 * PART),
    "other": lambda path: os.utime(path, (1, 1)),
    "replaced": lambda path: os.replace(shutil.copy2(path, f"{path}2"), path),
    "removed": lambda path: path.unlink(),
}


class TestCancelling:
    """Whenever it comes, nothing runs on and nothing stays open."""

    @pytest.mark.parametrize("parallel", [False, True])
    async def test_at_every_step_nothing_is_left(self, start, content, tmp_path, parallel):
        """And a later run goes on with what is there, or begins anew."""
        path = tmp_path / "a"
        path.write_bytes(content(4 * PART))
        options = {"part_size": PART, "parallel": parallel, "checkpoint": tmp_path / "c"}
        async with start() as ground:
            for steps in (*range(12), *range(12, 200, 9)):
                transfer = ground.client.upload(path, **ground.drive, **options).start()
                for _ in range(steps):
                    await asyncio.sleep(0)
                transfer.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await transfer
                if transfer.state == "done":
                    break
            file = await ground.client.upload(
                path, **ground.drive, **options, check_name_mode="overwrite"
            )
            assert await ground.content(file) == content(4 * PART)
            assert ground.sent_twice() == []
            assert await unfinished(ground) == []
        assert [one.name for one in tmp_path.iterdir()] == ["a"]

    async def test_what_nobody_can_go_on_with_is_dropped(self, ground, content, put_of):
        """A small content, or a stream."""
        begun = asyncio.Event()

        def hold(request):
            begun.set()
            return True

        ground.emulator.faults.add("/data", Fault.stall(), when=hold)
        transfer = ground.client.upload(content(10), **ground.drive, name="a").start()
        await begun.wait()
        transfer.cancel()
        with pytest.raises(asyncio.CancelledError):
            await transfer
        assert transfer.checkpoint is None
        assert await unfinished(ground) == []

    async def test_what_can_be_gone_on_with_stays(self, ground, content, put_of):
        """The transfer has its checkpoint."""
        data = content(5 * PART)
        begun = asyncio.Event()

        def hold(request):
            if request.part_number == 4:
                begun.set()
            return request.part_number == 4

        ground.emulator.faults.add("/data", Fault.stall(), when=hold, times=1)
        options = {**ground.drive, "name": "a", "part_size": PART, "parallel": False}
        transfer = ground.client.upload(data, **options).start()
        await begun.wait()
        transfer.cancel()
        with pytest.raises(asyncio.CancelledError):
            await transfer
        file = await ground.client.upload(data, **options, checkpoint=transfer.checkpoint)
        assert await ground.content(file) == data
        assert ground.sent_twice() == []

    async def test_closing_the_client_ends_it(self, ground, content, put_of):
        """Whoever awaits it is told."""
        client = ground.world.connect(token_info=ground.emulator.token_info)
        begun = asyncio.Event()

        def hold(request):
            begun.set()
            return True

        ground.emulator.faults.add("/data", Fault.stall(), when=hold)
        transfer = client.upload(content(5 * PART), **ground.drive, name="a").start()
        await begun.wait()
        await client.aclose()
        assert transfer.state == "cancelled"


async def test_a_paused_upload_finishes_what_is_under_way_and_goes_on(ground, content):
    """No part begins meanwhile."""
    transfer = ground.client.upload(
        content(10 * PART), **ground.drive, name="a", part_size=PART, parallel=False
    )

    def pause(request):
        if request.part_number == 3:
            transfer.pause()
        return False

    ground.emulator.faults.add("/data", Fault.status(500), when=pause)
    transfer.start()
    while transfer.state != "paused":
        await asyncio.sleep(0.001)
    assert len(ground.puts) == 3
    transfer.resume()
    assert await ground.content(await transfer) == content(10 * PART)


async def test_no_url_and_no_token_is_shown(ground, content, caplog, put_of):
    """Neither by errors nor logs nor what the transfer shows."""
    caplog.set_level(0)
    ground.emulator.faults.add("/data", Fault.storage(403, "AccessDenied", "no"), when=put_of(3))
    transfer = ground.client.upload(content(5 * PART), **ground.drive, name="a", part_size=PART)
    with pytest.raises(PermissionDenied) as caught:
        await transfer
    error = caught.value
    shown = f"{error!r} {error} {error.stack} {error.req_opt!r} {error.body} {caplog.text}"
    shown += f"{transfer!r} {transfer.checkpoint!r} {transfer.progress}"
    assert "Signature=" not in shown
    assert ground.emulator.token_info.access_token not in shown
