"""What may go wrong with an upload, one thing after the other, in order and side by side.

After each of them the drive has the content or nothing of that name, no part that arrived was
sent again, nothing is left on the disk but what a later run uses; and a later run succeeds.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from urllib.parse import parse_qs

import pytest

from pdsclient import (
    AuthError,
    BadRequest,
    ContentMismatch,
    DecodeError,
    NotFound,
    OutcomeUnknown,
    PDSError,
    PermissionDenied,
    QuotaExceeded,
    RateLimited,
    ServiceFailure,
)
from pdsclient.emulator import Fault, Settings

PART = 102_400
COUNT = 6
SIZE = (COUNT - 1) * PART + 1
# An attempt that hangs is given up after so many seconds.
PATIENCE_S = 0.75

POLICY = Fault.storage(403, "AccessDenied", "Access denied by bucket policy")
LINE = {
    "reset": Fault.reset(),
    "reset-processed": Fault.reset(processed=True),
    "close": Fault.close(),
    "close-processed": Fault.close(processed=True),
    "429": Fault.status(429),
    "500": Fault.status(500, "InternalError", "unknown error"),
    "503": Fault.status(503, "ServiceUnavailable", "temporary failure"),
    "504": Fault.gateway(504),
}
PUT = {
    **LINE,
    "cut-reset": Fault.cut_body(50_000),
    "cut-close": Fault.cut_body(50_000, end="close"),
    "502": Fault.html(502),
    "503-of-storage": Fault.storage(503, "SlowDown", "Please reduce your request rate"),
    "expired": Fault.expired(),
    "no-room": Fault.storage(500, "InternalError", "The part is not kept: No space left"),
}
HANGING = {
    "stall": Fault.stall(),
    "stall-processed": Fault.stall(processed=True),
    "cut-stall": Fault.cut_body(50_000, end="stall"),
}
NONSENSE = {
    "empty-object": Fault.json({}),
    "other-types": Fault.json({"file_id": 7, "upload_id": [], "part_info_list": {"a": 1}}),
    "list": Fault.json([]),
    "text": Fault.body(b"\xff\x00 no JSON", content_type="text/plain"),
    "nothing": Fault.empty(),
}
OPERATIONS = ("create", "get_upload_url", "list_uploaded_parts", "complete")
FATAL = {
    "reset": OutcomeUnknown,
    "reset-processed": OutcomeUnknown,
    "close": OutcomeUnknown,
    "429": RateLimited,
    "500": ServiceFailure,
    "503": ServiceFailure,
    "504": ServiceFailure,
}


def each(cases):
    """The values of a table as parameters, named by its keys."""
    return [pytest.param(value, id=name) for name, value in cases.items()]


class Bench:
    """Uploads of one file of six parts, which keep their place in a file beside it.

    Attributes:
        ground: of the test.
        folder: where the source is, and the checkpoint.
        data: the content.
        parallel: parts go side by side.
    """

    def __init__(self, ground, folder, data, parallel):
        self.ground = ground
        self.folder = folder
        self.data = data
        self.parallel = parallel
        (folder / "source").write_bytes(data)

    def upload(self, client=None, **options):
        """An upload with the arguments that all of them have."""
        return (client or self.ground.client).upload(
            self.folder / "source",
            **{
                **self.ground.drive,
                "name": "a",
                "part_size": PART,
                "parallel": self.parallel,
                "rapid_upload": False,
                "checkpoint": self.folder / "place",
                **options,
            },
        )

    def strikes(self, fault, *, part=3, times=1):
        """Let a fault strike when a part is put."""
        faults = self.ground.emulator.faults
        return faults.add("/data", fault, times=times, when=lambda one: one.part_number == part)

    async def names(self, status="available"):
        """Of the files of the drive that are whole, or not yet."""
        files = await self.ground.client.file.list(
            **self.ground.drive, parent_file_id="root", status=status
        )
        return [one.name for one in files.items]

    def sent_twice(self):
        """The parts that arrived twice in one upload."""
        taken = Counter(
            (parse_qs(one.query)["uploadId"][0], one.part_number)
            for one in self.ground.emulator.requests.of("/data")
            if one.method == "PUT" and one.status == 200
        )
        return [part for part, times in taken.items() if times > 1]

    async def check(self, transfer, *, beginnings=1):
        """The upload is whole, and nothing else is left of it."""
        file = await transfer
        assert await self.ground.content(file) == self.data
        assert await self.names() == ["a"]
        assert await self.names("uploading") == []
        assert self.sent_twice() == []
        assert self.ground.asked("/file/create") == beginnings
        assert [one.name for one in self.folder.iterdir()] == ["source"]
        last = transfer.progress
        assert (last.state, last.bytes_done, last.parts_done) == ("done", SIZE, COUNT)

    async def fails(self, transfer, kind, shows_no_secret):
        """The upload ends with this error; nothing half has its name. The error."""
        with pytest.raises(kind) as caught:
            await transfer
        assert await self.names() == []
        assert caught.value.__cause__ is not caught.value
        shows_no_secret(caught.value, transfer, transfer.checkpoint, transfer.progress)
        self.ground.emulator.faults.clear()
        return caught.value


@pytest.fixture(params=[False, True], ids=["in-order", "side-by-side"])
def bench(request, ground, content, tmp_path):
    """Uploads on ground where nothing is out of the ordinary."""
    return Bench(ground, tmp_path, content(SIZE), request.param)


class TestAPart:
    """The line or the storage fails when a part is put."""

    @pytest.mark.parametrize("fault", each(PUT))
    async def test_what_passes_is_survived(self, bench, fault):
        """The part is sent again, if it did not arrive, and no other one is."""
        bench.strikes(fault, times=2)
        await bench.check(bench.upload())

    @pytest.mark.parametrize("part", [1, COUNT])
    @pytest.mark.parametrize("fault", each({one: PUT[one] for one in ("cut-close", "expired")}))
    async def test_it_may_be_the_first_or_the_last(self, bench, fault, part):
        """There is nothing special about them."""
        bench.strikes(fault, part=part, times=2)
        await bench.check(bench.upload())

    @pytest.mark.parametrize("fault", each(HANGING))
    async def test_what_hangs_is_given_up(self, bench, fault):
        """And sent again."""
        bench.strikes(fault)
        await bench.check(bench.upload(bench.ground.client.with_options(timeout=PATIENCE_S)))

    @pytest.mark.parametrize("name", FATAL)
    async def test_what_stays_is_raised_and_can_be_gone_on_with(self, bench, shows_no_secret, name):
        """After as many attempts as the client makes of anything."""
        bench.strikes(LINE[name], times=None)
        await bench.fails(bench.upload(), FATAL[name], shows_no_secret)
        await bench.check(bench.upload())

    async def test_without_a_file_the_handle_has_the_place(self, bench, shows_no_secret):
        """It is given to the next upload."""
        bench.strikes(POLICY)
        first = bench.upload(checkpoint=None)
        await bench.fails(first, PermissionDenied, shows_no_secret)
        await bench.check(bench.upload(checkpoint=first.checkpoint))

    @pytest.mark.parametrize("times", [1, 3])
    async def test_a_url_that_has_expired_is_renewed(self, bench, times):
        """As often as that is likely to help."""
        bench.strikes(Fault.expired(), times=times)
        await bench.check(bench.upload())

    async def test_urls_that_stay_expired_end_it(self, bench, shows_no_secret):
        """The storage is asked as often as that is likely to help."""
        bench.strikes(Fault.expired(), times=None)
        await bench.fails(bench.upload(), PermissionDenied, shows_no_secret)
        assert sum(one.number == 3 for one in bench.ground.puts) == 4
        await bench.check(bench.upload())

    async def test_a_refusal_is_not_repeated(self, bench, shows_no_secret):
        """A policy is not changed by asking."""
        bench.strikes(POLICY, times=None)
        error = await bench.fails(bench.upload(), PermissionDenied, shows_no_secret)
        assert (error.code, error.attempts) == ("AccessDenied", 1)
        await bench.check(bench.upload())

    @pytest.mark.parametrize("status", [301, 302, 307, 308])
    async def test_no_redirect_is_followed(self, bench, shows_no_secret, status):
        """The content would go to whoever is there."""
        elsewhere = f"{bench.ground.emulator.api_endpoint}/elsewhere"
        bench.strikes(Fault.redirect(elsewhere, status), times=None)
        await bench.fails(bench.upload(), PDSError, shows_no_secret)
        assert bench.ground.emulator.requests.of("/elsewhere") == []
        await bench.check(bench.upload())

    async def test_a_part_that_is_said_to_be_there_has_to_be_there(self, bench, shows_no_secret):
        """The service is asked; what it does not have was not sent."""
        bench.strikes(Fault.storage(409, "PartAlreadyExist", "it does"))
        await bench.fails(bench.upload(), ContentMismatch, shows_no_secret)
        assert await bench.names("uploading") == []
        await bench.check(bench.upload(), beginnings=2)

    @pytest.mark.parametrize(
        "fault",
        each({"changed": Fault.corrupt(7), "told": Fault.headers(x_oss_hash_crc64ecma="7")}),
    )
    async def test_a_part_that_arrived_otherwise_drops_the_upload(
        self, bench, shows_no_secret, fault
    ):
        """A later run begins anew."""
        bench.strikes(fault)
        await bench.fails(bench.upload(), ContentMismatch, shows_no_secret)
        assert await bench.names("uploading") == []
        assert [one.name for one in bench.folder.iterdir()] == ["source"]
        await bench.check(bench.upload(), beginnings=2)


class TestTheOrder:
    """Of parts in order the service says which it wants next."""

    @pytest.fixture
    def serial(self, ground, content, tmp_path):
        """Uploads in order."""
        return Bench(ground, tmp_path, content(SIZE), False)

    async def test_it_is_believed_once(self, serial):
        """It goes on at the part that the service lacks."""
        serial.strikes(Fault.storage(400, "PartNotSequential", "overwrite (part 3)"))
        await serial.check(serial.upload())

    async def test_it_is_not_believed_for_ever(self, serial, shows_no_secret):
        """The error is raised, and a later run goes on there."""
        serial.strikes(Fault.storage(400, "PartNotSequential", "overwrite (part 3)"), times=None)
        await serial.fails(serial.upload(), BadRequest, shows_no_secret)
        await serial.check(serial.upload())


class TestTheService:
    """The four operations around the parts fail."""

    @pytest.fixture
    async def reach(self, bench):
        """Makes an upload call an operation that it does without when all is well."""

        async def reach(operation):
            if operation == "/file/get_upload_url":
                bench.strikes(Fault.expired())
            if operation == "/file/list_uploaded_parts":
                bench.strikes(POLICY, part=4)
                with pytest.raises(PermissionDenied):
                    await bench.upload()

        return reach

    @pytest.mark.parametrize("operation", OPERATIONS)
    @pytest.mark.parametrize("name", LINE)
    async def test_what_passes_is_survived(self, bench, reach, operation, name):
        """Nothing is made twice."""
        await reach(f"/file/{operation}")
        bench.ground.emulator.faults.add(f"/file/{operation}", LINE[name], times=2)
        transfer = bench.upload()
        await transfer
        # What was not made had to be made again.
        again = operation == "create" and "processed" not in name
        await bench.check(transfer, beginnings=3 if again else 1)

    @pytest.mark.parametrize(
        ("operation", "name"),
        [
            (operation, name)
            for operation in OPERATIONS
            for name in NONSENSE
            # A list that is not there is an empty one (7).
            if operation != "list_uploaded_parts" or name not in ("empty-object", "other-types")
        ],
    )
    async def test_nonsense_is_an_error_and_can_be_gone_on_with(
        self, bench, reach, shows_no_secret, operation, name
    ):
        """A success of which nobody can tell what it says; what it did is found out."""
        await reach(f"/file/{operation}")
        bench.ground.emulator.faults.add(f"/file/{operation}", NONSENSE[name], times=None)
        await bench.fails(bench.upload(), DecodeError, shows_no_secret)
        transfer = bench.upload()
        await transfer
        await bench.check(transfer, beginnings=bench.ground.asked("/file/create"))

    @pytest.mark.parametrize("operation", OPERATIONS)
    async def test_what_hangs_is_given_up(self, bench, reach, operation):
        """And asked again, or looked up."""
        await reach(f"/file/{operation}")
        fault = Fault.stall(processed=True)
        bench.ground.emulator.faults.add(f"/file/{operation}", fault)
        await bench.check(bench.upload(bench.ground.client.with_options(timeout=PATIENCE_S)))

    @pytest.mark.parametrize("operation", OPERATIONS)
    @pytest.mark.parametrize("name", ["reset", "429", "503"])
    async def test_what_stays_is_raised_and_can_be_gone_on_with(
        self, bench, reach, shows_no_secret, operation, name
    ):
        """With what arrived before."""
        await reach(f"/file/{operation}")
        struck = bench.ground.emulator.faults.add(f"/file/{operation}", LINE[name], times=None)
        await bench.fails(bench.upload(), FATAL[name], shows_no_secret)
        made = 0 if operation != "create" else struck.used
        await bench.check(bench.upload(), beginnings=1 + made)


class TestTheUploadIsGone:
    """Nobody knows it any more: it is complete, or was dropped."""

    @pytest.mark.parametrize("part", [1, 4, COUNT])
    async def test_it_begins_anew_when_a_part_is_put(self, bench, meanwhile, part):
        """Once, and without what the first one had."""
        bench.strikes(meanwhile(bench.ground.emulator.drop_uploads), part=part)
        await bench.check(bench.upload(), beginnings=2)

    @pytest.mark.parametrize("operation", ["get_upload_url", "complete"])
    async def test_it_begins_anew_when_the_service_is_asked(self, bench, meanwhile, operation):
        """The file is looked at before."""
        if operation == "get_upload_url":
            bench.strikes(Fault.expired())
        gone = meanwhile(bench.ground.emulator.drop_uploads)
        bench.ground.emulator.faults.add(f"/file/{operation}", gone)
        await bench.check(bench.upload(), beginnings=2)
        assert bench.ground.asked("/file/get") >= 1

    async def test_it_begins_anew_when_an_earlier_run_had_begun_it(self, bench, shows_no_secret):
        """Days may have passed."""
        bench.strikes(POLICY, part=4)
        await bench.fails(bench.upload(), PermissionDenied, shows_no_secret)
        await bench.ground.emulator.drop_uploads()
        await bench.check(bench.upload(), beginnings=2)

    @pytest.mark.parametrize(
        "parts",
        [
            [{"part_number": 1, "part_size": PART}, {"part_number": 99, "part_size": PART}],
            [{"part_number": 1, "part_size": 5}],
            [{"part_number": 1}],
        ],
        ids=["too-many", "other-size", "no-size"],
    )
    async def test_it_begins_anew_when_it_is_not_as_it_was(self, bench, shows_no_secret, parts):
        """Its parts are not those that were sent."""
        bench.strikes(POLICY, part=4)
        await bench.fails(bench.upload(), PermissionDenied, shows_no_secret)
        listed = Fault.json({"uploaded_parts": parts})
        bench.ground.emulator.faults.add("/file/list_uploaded_parts", listed)
        await bench.check(bench.upload(), beginnings=2)

    async def test_it_does_not_begin_for_ever(self, bench, meanwhile, shows_no_secret):
        """Somebody drops them as they come."""
        bench.strikes(meanwhile(bench.ground.emulator.drop_uploads), times=None)
        await bench.fails(bench.upload(), NotFound, shows_no_secret)
        assert bench.ground.asked("/file/create") == 2
        await bench.check(bench.upload(), beginnings=3)

    async def test_one_that_is_complete_is_found(self, bench, meanwhile):
        """The completion took place, though nobody was told of it."""

        async def complete():
            request = bench.ground.emulator.requests.of("/file/complete")[-1].data
            await bench.ground.client.file.complete(
                **{one: request[one] for one in ("drive_id", "file_id", "upload_id")}
            )

        bench.ground.emulator.faults.add("/file/complete", meanwhile(complete))
        await bench.check(bench.upload())


class _Silently(Fault):
    """A byte is changed on its way, and the storage tells no checksum of what it got."""

    async def play(self, exchange):
        exchange.incoming = self._changed(exchange.arriving())
        reply = await exchange.process()
        reply.headers.pop("x-oss-hash-crc64ecma", None)
        return await exchange.send(reply)

    async def _changed(self, pieces):
        first = True
        async for piece in pieces:
            yield bytes([piece[0] ^ 1]) + piece[1:] if first else piece
            first = False


class TestTheEnd:
    """What is complete has to be what was sent."""

    @pytest.mark.parametrize("wrong_crc64", ["refused", "ignored"])
    @pytest.mark.parametrize("part", [3, COUNT])
    async def test_another_content_is_dropped(self, bench, shows_no_secret, wrong_crc64, part):
        """Whether the service compares, or only tells its own checksum."""
        bench.ground.emulator.settings = Settings(wrong_crc64=wrong_crc64)
        bench.strikes(_Silently(), part=part)
        await bench.fails(bench.upload(), PDSError, shows_no_secret)
        assert await bench.names("uploading") == []
        await bench.check(bench.upload(), beginnings=2)

    @pytest.mark.parametrize("status", [400, 409])
    async def test_a_drive_that_has_become_full(self, bench, meanwhile, shows_no_secret, status):
        """Who makes room can go on, and no part is sent again."""
        emulator = bench.ground.emulator
        emulator.settings = Settings(quota_status=status)

        async def resize(total_size):
            await emulator.put_drive("1", owner="superadmin", total_size=total_size)

        bench.strikes(meanwhile(lambda: resize(100)))
        await bench.fails(bench.upload(), QuotaExceeded, shows_no_secret)
        await resize(100 * SIZE)
        sent = len(bench.ground.puts)
        await bench.check(bench.upload())
        assert len(bench.ground.puts) == sent

    async def test_a_drive_that_is_full_from_the_start(self, bench, shows_no_secret):
        """Nothing is sent."""
        emulator = bench.ground.emulator
        await emulator.put_drive("1", owner="superadmin", total_size=100)
        await bench.fails(bench.upload(), QuotaExceeded, shows_no_secret)
        assert bench.ground.puts == []
        await emulator.put_drive("1", owner="superadmin", total_size=100 * SIZE)
        await bench.check(bench.upload(), beginnings=2)

    async def test_a_domain_without_parallel_parts(self, bench):
        """They go in order, also if others were asked for."""
        bench.ground.emulator.settings = Settings(parallel_upload="refused")
        await bench.check(bench.upload(), beginnings=2 if bench.parallel else 1)


class TestCredentials:
    """They are lost half-way, or run out."""

    @pytest.fixture
    async def guest(self, ground):
        """A client of a user who may be let into the drive."""
        await ground.emulator.put_user("guest")
        await ground.emulator.grant("1", "guest")
        async with ground.world.connect(
            token_info=ground.emulator.issue_token(user_id="guest")
        ) as client:
            yield client

    async def test_a_permission_that_is_taken_away(self, bench, meanwhile, shows_no_secret, guest):
        """Who gets it back goes on, and no part is sent again."""
        emulator = bench.ground.emulator
        bench.strikes(meanwhile(lambda: emulator.withdraw("1", "guest")))
        await bench.fails(bench.upload(guest), PermissionDenied, shows_no_secret)
        await emulator.grant("1", "guest")
        await bench.check(bench.upload(guest))

    async def test_a_token_that_expires_is_exchanged(self, bench, meanwhile):
        """So do the URLs of the parts, hours being over."""

        async def hours_pass():
            bench.ground.emulator.clock.advance(3 * 3600)

        bench.strikes(meanwhile(hours_pass), part=2)
        await bench.check(bench.upload())
        assert bench.ground.asked("/oauth/token") == 1

    async def test_a_token_that_cannot_be_exchanged(self, bench, meanwhile, shows_no_secret):
        """Who signs in again goes on."""
        emulator = bench.ground.emulator

        async def tokens_die():
            token = emulator.token_info
            emulator.revoke(token.access_token)
            emulator.revoke(token.refresh_token)

        bench.strikes(meanwhile(tokens_die))
        with pytest.raises(AuthError) as caught:
            await bench.upload()
        shows_no_secret(caught.value)
        async with bench.ground.world.connect(token_info=emulator.issue_token()) as client:
            bench.ground.client = client
            await bench.check(bench.upload(client))


class TestOtherSources:
    """What is no path goes the same way."""

    @pytest.mark.parametrize("name", ["reset", "cut-reset", "expired", "503"])
    @pytest.mark.parametrize("flows", [False, True], ids=["file", "stream"])
    async def test_what_passes_is_survived(self, ground, content, tmp_path, name, flows):
        """A part of a stream is kept until it has arrived."""
        data = content(SIZE)

        async def chunks():
            for at in range(0, SIZE, 70_001):
                yield data[at : at + 70_001]

        bench = Bench(ground, tmp_path, data, False)
        bench.strikes(PUT[name], times=2)
        options = {**ground.drive, "name": "a", "part_size": PART, "rapid_upload": False}
        with (tmp_path / "source").open("rb") as file:
            transfer = ground.client.upload(chunks() if flows else file, **options)
            await bench.check(transfer)

    async def test_a_stream_cannot_be_gone_on_with(self, ground, content, tmp_path, meanwhile):
        """Nothing of it is left."""

        async def chunks():
            for number in range(COUNT):
                yield content(PART, seed=number)

        bench = Bench(ground, tmp_path, content(SIZE), False)
        bench.strikes(POLICY)
        transfer = ground.client.upload(chunks(), **ground.drive, name="a", part_size=PART)
        with pytest.raises(PermissionDenied):
            await transfer
        assert transfer.checkpoint is None
        assert await bench.names() == await bench.names("uploading") == []


async def test_parts_that_fail_together_end_it_once(ground, content, tmp_path, shows_no_secret):
    """All of them are ended before it is."""
    bench = Bench(ground, tmp_path, content(SIZE), True)
    ground.emulator.faults.add("/data", POLICY, times=None)
    await bench.fails(bench.upload(), PermissionDenied, shows_no_secret)
    sent = len(ground.puts)
    await asyncio.sleep(0)
    assert len(ground.puts) == sent
    await bench.check(bench.upload())


class TestAnotherVersion:
    """A file that is there has its old content until the new one is whole."""

    @pytest.fixture
    async def old(self, ground, content):
        """The file that is there."""
        return await ground.add("a", content(500, seed=1))

    @pytest.mark.parametrize(
        ("operation", "fault"),
        [
            ("/data", POLICY),
            ("/data", LINE["503"]),
            ("/data", Fault.corrupt(7)),
            ("/file/complete", LINE["503"]),
            ("/file/complete", LINE["reset"]),
        ],
        ids=["policy", "503", "changed", "complete-503", "complete-reset"],
    )
    async def test_what_fails_changes_nothing(self, bench, content, old, operation, fault):
        """And a later run brings the new content."""
        faults = bench.ground.emulator.faults
        faults.add(operation, fault, times=None, when=lambda one: one.part_number in (None, 3))
        with pytest.raises(PDSError):
            await bench.upload(check_name_mode="overwrite")
        assert await bench.ground.content(old) == content(500, seed=1)
        faults.clear()
        file = await bench.upload(check_name_mode="overwrite")
        assert file.file_id == old.file_id
        assert await bench.ground.content(file) == bench.data
        assert bench.sent_twice() == []
        assert await bench.names() == ["a"]

    @pytest.mark.parametrize("by", ["name", "id"])
    @pytest.mark.parametrize("operation", ["create", "complete"])
    async def test_a_lost_answer_makes_no_second_file(self, bench, old, operation, by):
        """Whether the file was named or found."""
        # The first creation finds the name taken, the second one begins the version.
        after = int(operation == "create" and by == "name")
        faults = bench.ground.emulator.faults
        faults.add(f"/file/{operation}", LINE["reset-processed"], after=after)
        file_id = old.file_id if by == "id" else None
        file = await bench.upload(check_name_mode="overwrite", file_id=file_id)
        assert file.file_id == old.file_id
        assert await bench.ground.content(file) == bench.data
        assert await bench.names() == ["a"]
        assert bench.sent_twice() == []

    async def test_one_that_is_deleted_meanwhile_is_an_error(self, bench, old, meanwhile):
        """Nobody said that it was to be made anew."""
        delete = bench.ground.emulator.delete_file
        bench.strikes(meanwhile(lambda: delete(old.file_id)))
        with pytest.raises(NotFound):
            await bench.upload(file_id=old.file_id)
        assert await bench.names() == []


async def test_a_share_whose_token_expires(ground, content, tmp_path, meanwhile):
    """Half-way, there and back: it is asked for anew, and the transfer goes on."""
    folder = await ground.add_folder("target")
    share_id = await ground.emulator.create_share(
        [folder], creatable=True, creatable_file_id_list=[folder]
    )
    issued = []

    async def renew():
        issued.append(ground.emulator.issue_share_token(share_id))
        return issued[-1]

    async def hours_pass():
        ground.emulator.clock.advance(3 * 3600)

    third = {"when": lambda one: 3 in (one.part_number, (one.range_start or 0) // PART + 1)}
    place = {"share_id": share_id, "part_size": PART}
    async with ground.world.connect(
        share_token=await renew(), refresh_share_token_fun=renew
    ) as client:
        ground.emulator.faults.add("/data", meanwhile(hours_pass), **third)
        file = await client.upload(
            content(SIZE), name="a", parent_file_id=folder, parallel=False, **place
        )
        assert await ground.content(file) == content(SIZE)
        ground.emulator.faults.add("/data", meanwhile(hours_pass), **third)
        path = await client.download(file.file_id, tmp_path / "a", concurrency=1, **place)
    assert path.read_bytes() == content(SIZE)
    assert ground.sent_twice() == []
    assert len(issued) == 3


async def test_more_parts_than_a_page_tells_are_gone_on_with(ground, content, tmp_path):
    """The service lists a hundred at a time."""
    (tmp_path / "source").write_bytes(content(110 * PART))
    place = {**ground.drive, "part_size": PART, "parallel": False, "rapid_upload": False}
    first = ground.client.upload(tmp_path / "source", **place)
    fault = {"when": lambda one: one.part_number == 105}
    ground.emulator.faults.add("/data", POLICY, **fault)
    with pytest.raises(PermissionDenied):
        await first
    file = await ground.client.upload(tmp_path / "source", **place, checkpoint=first.checkpoint)
    assert await ground.content(file) == content(110 * PART)
    assert ground.sent_twice() == []
    assert ground.asked("/file/list_uploaded_parts") == 2


@pytest.mark.parametrize("after", [0, 1])
@pytest.mark.parametrize("fault", each(LINE))
async def test_a_content_that_is_known_is_never_sent(ground, content, tmp_path, fault, after):
    """Whichever of the two questions about it gets lost, there is one file in the end."""
    bench = Bench(ground, tmp_path, content(SIZE), None)
    known = await ground.add("known", content(SIZE))
    ground.emulator.faults.add("/file/create", fault, after=after)
    transfer = bench.upload(rapid_upload=True)
    file = await transfer
    assert file.file_id != known.file_id
    assert await ground.content(file) == content(SIZE)
    assert (transfer.outcome, ground.puts) == ("rapid", [])
    assert sorted(await bench.names()) == ["a", "known"]
    assert await bench.names("uploading") == []
    assert [one.name for one in tmp_path.iterdir()] == ["source"]
