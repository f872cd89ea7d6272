"""What may go wrong with a download, one thing after the other, into files and into memory.

After each of them what came is the content or there is nothing of that name, no range that came is
asked for again, nothing is left on the disk but what a later run uses; and a later run succeeds.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import io
import os
import random
import zipfile

import pytest

from pdsclient import (
    AuthError,
    ContentChanged,
    ContentMismatch,
    DecodeError,
    NotFound,
    OutcomeUnknown,
    PDSError,
    PermissionDenied,
    RateLimited,
    ServiceFailure,
)
from pdsclient.emulator import Fault, Settings

PART = 102_400
COUNT = 6
SIZE = (COUNT - 1) * PART + 1
THIRD = 2 * PART
# Where a fault strikes what is read in one piece.
SOMEWHERE = 250_000
# An attempt that hangs is given up after so many seconds.
PATIENCE_S = 0.75

POLICY = Fault.storage(403, "AccessDenied", "Access denied by bucket policy")
LINE = {
    "reset": Fault.reset(),
    "close": Fault.close(),
    "429": Fault.status(429),
    "500": Fault.storage(500, "InternalError", "unknown error"),
    "503": Fault.storage(503, "SlowDown", "Please reduce your request rate"),
    "504": Fault.gateway(504),
}
GET = {
    **LINE,
    "502": Fault.html(502),
    "expired": Fault.expired(),
    "cut-at-once": Fault.truncate(0),
    "cut-reset": Fault.truncate(50_000, end="reset"),
    "cut-close": Fault.truncate(50_000),
}
HANGING = {"stall": Fault.stall(), "cut-stall": Fault.truncate(50_000, end="stall")}
FATAL = {
    "reset": OutcomeUnknown,
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
    """Downloads of one file of six ranges.

    Attributes:
        ground: of the test.
        folder: where it goes, if it goes into a file.
        data: the content.
        file: the file in the drive.
    """

    def __init__(self, ground, folder, data, file):
        self.ground = ground
        self.folder = folder
        self.data = data
        self.file = file

    @property
    def target(self):
        """The path of the file."""
        return self.folder / "a"

    def strikes(self, fault, *, first=THIRD, times=1):
        """Let a fault strike when the range that begins there is asked for."""
        faults = self.ground.emulator.faults
        return faults.add("/data", fault, times=times, when=lambda one: one.range_start == first)

    def download(self, client=None, **options):
        """A download into the file, one range after the other."""
        return (client or self.ground.client).download(
            self.file, self.target, **{"part_size": PART, "concurrency": 1, **options}
        )

    async def change(self, data):
        """Somebody gives the file another content."""
        await self.ground.client.save_file_content(
            data, **self.ground.drive, name="a", check_name_mode="overwrite"
        )
        self.data = data

    def lies_there(self):
        """The names in the folder."""
        return sorted(one.name for one in self.folder.iterdir())

    async def check(self, transfer, *, data=None):
        """The file is whole, and nothing else is left of it."""
        path = await transfer
        assert path.read_bytes() == (self.data if data is None else data)
        assert self.lies_there() == ["a"]
        last = transfer.progress
        assert (last.state, last.bytes_done, last.bytes_total) == ("done", SIZE, SIZE)
        assert last.parts_done == last.parts_total

    async def fails(self, transfer, kind, shows_no_secret, *, left=("a.part",)):
        """It ends with this error and leaves these files; nothing half has its name."""
        with pytest.raises(kind) as caught:
            await transfer
        assert self.lies_there() == list(left)
        assert caught.value.__cause__ is not caught.value
        shows_no_secret(caught.value, transfer, transfer.progress)
        self.ground.emulator.faults.clear()
        return caught.value

    async def goes_on(self, before, client=None, **options):
        """A later run asks for what an earlier one did not get, and for nothing else."""
        self.ground.emulator.requests.clear()
        await self.check(self.download(client, **options))
        assert before.progress.parts_done > 0
        asked = [one.first for one in self.ground.gets]
        # What was written when it failed may have come too late to be counted.
        assert len(set(asked)) == len(asked) <= COUNT - before.progress.parts_done


@pytest.fixture
async def bench(ground, content, tmp_path):
    """Downloads on ground where nothing is out of the ordinary."""
    folder = tmp_path / "into"
    folder.mkdir()
    return Bench(ground, folder, content(SIZE), await ground.add("a", content(SIZE)))


class TestARange:
    """The line or the storage fails when a range is asked for."""

    @pytest.mark.parametrize("concurrency", [1, 16], ids=["in-order", "side-by-side"])
    @pytest.mark.parametrize("fault", each(GET))
    async def test_what_passes_is_survived(self, bench, fault, concurrency):
        """Only that range is asked for again, or what it lacks."""
        bench.strikes(fault, times=2)
        await bench.check(bench.download(concurrency=concurrency))
        assert {one.first for one in bench.ground.gets if one.status == 206} >= {0, PART, 3 * PART}
        assert len(bench.ground.gets) <= COUNT + 3

    @pytest.mark.parametrize("first", [0, SIZE - 1])
    @pytest.mark.parametrize("fault", each({one: GET[one] for one in ("cut-at-once", "expired")}))
    async def test_it_may_be_the_first_or_the_last(self, bench, fault, first):
        """Though the first shows whether there are ranges at all."""
        bench.strikes(fault, first=first, times=2)
        await bench.check(bench.download(concurrency=16))

    @pytest.mark.parametrize("fault", each(HANGING))
    async def test_what_hangs_is_given_up(self, bench, fault):
        """And asked for again, behind what came."""
        bench.strikes(fault)
        await bench.check(bench.download(bench.ground.client.with_options(timeout=PATIENCE_S)))

    @pytest.mark.parametrize("name", FATAL)
    async def test_what_stays_is_raised_and_can_be_gone_on_with(self, bench, shows_no_secret, name):
        """After as many attempts as the client makes of anything."""
        bench.strikes(LINE[name], times=None)
        first = bench.download()
        await bench.fails(first, FATAL[name], shows_no_secret)
        await bench.goes_on(first)

    async def test_side_by_side_what_came_is_kept(self, bench, shows_no_secret):
        """Whatever order it came in."""
        bench.strikes(POLICY, first=4 * PART, times=None)
        first = bench.download(concurrency=2)
        await bench.fails(first, PermissionDenied, shows_no_secret)
        await bench.goes_on(first, concurrency=16)

    async def test_urls_that_stay_expired_end_it(self, bench, shows_no_secret):
        """The storage is asked as often as that is likely to help."""
        bench.strikes(Fault.expired(), times=None)
        first = bench.download()
        await bench.fails(first, PermissionDenied, shows_no_secret)
        assert sum(one.first == THIRD for one in bench.ground.gets) == 4
        await bench.goes_on(first)

    async def test_a_refusal_is_not_repeated(self, bench, shows_no_secret):
        """A policy is not changed by asking."""
        bench.strikes(POLICY, times=None)
        first = bench.download()
        error = await bench.fails(first, PermissionDenied, shows_no_secret)
        assert (error.code, error.attempts) == ("AccessDenied", 1)
        await bench.goes_on(first)

    @pytest.mark.parametrize("status", [301, 302, 307, 308])
    async def test_no_redirect_is_followed(self, bench, shows_no_secret, status):
        """Nobody knows who is there."""
        elsewhere = f"{bench.ground.emulator.api_endpoint}/elsewhere"
        bench.strikes(Fault.redirect(elsewhere, status), times=None)
        first = bench.download()
        await bench.fails(first, PDSError, shows_no_secret)
        assert bench.ground.emulator.requests.of("/elsewhere") == []
        await bench.goes_on(first)

    async def test_a_byte_that_is_changed_on_its_way_is_found(self, bench):
        """All is fetched once more, as nobody knows which."""
        bench.strikes(Fault.corrupt(7))
        await bench.check(bench.download())
        assert len(bench.ground.gets) == 2 * COUNT

    async def test_bytes_that_are_always_changed_end_it(self, bench, shows_no_secret):
        """Nothing of it is kept, as nobody knows what is right."""
        bench.strikes(Fault.corrupt(7), times=None)
        await bench.fails(bench.download(), ContentMismatch, shows_no_secret, left=())
        await bench.check(bench.download())

    async def test_another_checksum_is_another_content(self, bench, shows_no_secret):
        """It is told with each range."""
        bench.strikes(Fault.headers(x_oss_hash_crc64ecma="7"))
        await bench.fails(bench.download(), ContentChanged, shows_no_secret, left=())
        await bench.check(bench.download())

    @pytest.mark.parametrize(
        ("span", "kind"),
        [
            ("bytes 204800-307199/10", ContentChanged),
            (f"bytes 204801-307199/{SIZE}", DecodeError),
            (f"bytes 0-5/{SIZE}", OutcomeUnknown),
            (f"bytes 9-/{SIZE}", DecodeError),
            ("", DecodeError),
        ],
        ids=["other-size", "behind", "before", "half", "none"],
    )
    async def test_a_range_that_was_not_asked_for_is_not_taken(
        self, bench, shows_no_secret, span, kind
    ):
        """Nor one of which nobody knows where it begins."""
        bench.strikes(Fault.headers(Content_Range=span), times=None)
        left = () if kind is ContentChanged else ("a.part",)
        await bench.fails(bench.download(), kind, shows_no_secret, left=left)
        await bench.check(bench.download())

    @pytest.mark.parametrize("first", [0, THIRD])
    async def test_ranges_that_are_ignored_come_in_one_stream(self, bench, first):
        """From the first answer on, or from a later one."""
        bench.strikes(Fault.ignore_range(), first=first)
        await bench.check(bench.download(concurrency=16))

    async def test_a_stream_that_breaks_off_goes_on_from_its_beginning(self, bench):
        """Where there are no ranges nothing else is possible; what came before is passed by."""
        bench.ground.emulator.settings = Settings(ranges="ignored")
        bench.ground.emulator.faults.add("/data", Fault.truncate(SOMEWHERE), after=1, times=2)
        await bench.check(bench.download())


class TestTheFileInTheDrive:
    """It is another one, or not there any more."""

    @pytest.mark.parametrize("revisions", ["kept", "latest"])
    async def test_it_is_overwritten_meanwhile(
        self, bench, content, meanwhile, shows_no_secret, revisions
    ):
        """What is fetched is one content: the old one if it is still there, else it is an error."""
        bench.ground.emulator.settings = Settings(revisions=revisions)
        old, new = bench.data, content(SIZE, seed=1)
        bench.strikes(meanwhile(lambda: bench.change(new)))
        transfer = bench.download()
        if revisions == "kept":
            await bench.check(transfer, data=old)
            bench.target.unlink()
        else:
            await bench.fails(transfer, ContentChanged, shows_no_secret, left=())
        await bench.check(bench.download(), data=new)

    async def test_it_is_overwritten_before_its_url_is_renewed(
        self, bench, content, meanwhile, shows_no_secret
    ):
        """The new URL is of the new content, of which nothing is mixed with the old."""
        new = content(SIZE, seed=1)
        bench.strikes(meanwhile(lambda: bench.change(new)), first=PART)
        bench.strikes(Fault.expired())
        await bench.fails(bench.download(), ContentChanged, shows_no_secret, left=())
        await bench.check(bench.download(), data=new)

    async def test_it_is_overwritten_between_two_runs(self, bench, content, shows_no_secret):
        """What the first one has left is of no use to the second."""
        bench.strikes(POLICY)
        await bench.fails(bench.download(), PermissionDenied, shows_no_secret)
        await bench.change(content(SIZE, seed=1))
        bench.ground.emulator.requests.clear()
        await bench.check(bench.download())
        assert sum(one.status == 206 for one in bench.ground.gets) == COUNT

    async def test_it_is_deleted_meanwhile(self, bench, meanwhile, shows_no_secret):
        """The service says so."""
        delete = bench.ground.emulator.delete_file
        bench.strikes(meanwhile(lambda: delete(bench.file.file_id)))
        error = await bench.fails(bench.download(), NotFound, shows_no_secret)
        assert error.code == "NotFound.FileId"

    async def test_a_range_that_is_not_there_is_a_change(self, bench, shows_no_secret):
        """416: the content has become shorter."""
        bench.strikes(Fault.storage(416, "InvalidRange", "cannot be satisfied"))
        await bench.fails(bench.download(), ContentChanged, shows_no_secret, left=())
        await bench.check(bench.download())

    async def test_an_object_that_is_not_there_is_raised(self, bench, shows_no_secret):
        """404, though the service says that nothing has changed."""
        bench.strikes(Fault.storage(404, "NoSuchKey", "does not exist"), times=None)
        first = bench.download()
        await bench.fails(first, NotFound, shows_no_secret)
        await bench.goes_on(first)


class TestTheService:
    """The question for the URL fails, or is refused."""

    @pytest.mark.parametrize("fault", each({**LINE, "502": Fault.html(502)}))
    async def test_what_passes_is_survived(self, bench, fault):
        """At the beginning, and in the middle."""
        bench.strikes(Fault.expired())
        bench.ground.emulator.faults.add("/file/get_download_url", fault, times=2)
        bench.ground.emulator.faults.add("/file/get_download_url", fault, times=2, after=1)
        await bench.check(bench.download())
        assert len(bench.ground.gets) == COUNT + 1

    @pytest.mark.parametrize("name", FATAL)
    async def test_what_stays_is_raised_and_can_be_gone_on_with(self, bench, shows_no_secret, name):
        """With the ranges that came before."""
        bench.strikes(Fault.expired())
        bench.ground.emulator.faults.add("/file/get_download_url", LINE[name], after=1, times=None)
        first = bench.download()
        await bench.fails(first, FATAL[name], shows_no_secret)
        await bench.goes_on(first)

    @pytest.mark.parametrize(
        "fault",
        [
            Fault.json({}),
            Fault.json([]),
            Fault.json({"url": 7, "size": "x", "crc64_hash": []}),
            Fault.json({"url": "ftp://127.0.0.1/a"}),
            Fault.json({"url": "/relative"}),
            Fault.body(b"\xff\x00 no JSON", content_type="text/plain"),
            Fault.empty(),
        ],
        ids=["empty-object", "list", "other-types", "ftp", "relative", "text", "nothing"],
    )
    async def test_nonsense_is_an_error_and_can_be_gone_on_with(
        self, bench, shows_no_secret, fault
    ):
        """A success of which nobody can tell what it says."""
        bench.strikes(Fault.expired())
        bench.ground.emulator.faults.add("/file/get_download_url", fault, after=1, times=None)
        first = bench.download()
        await bench.fails(first, DecodeError, shows_no_secret)
        await bench.goes_on(first)

    async def test_a_permission_that_is_taken_away(self, bench, meanwhile, shows_no_secret):
        """Who gets it back goes on."""
        emulator = bench.ground.emulator
        await emulator.put_user("guest")
        await emulator.grant("1", "guest")
        token = emulator.issue_token(user_id="guest")
        bench.strikes(meanwhile(lambda: emulator.withdraw("1", "guest")), first=PART)
        bench.strikes(Fault.expired())
        async with bench.ground.world.connect(token_info=token) as guest:
            first = bench.download(guest)
            await bench.fails(first, PermissionDenied, shows_no_secret)
            await emulator.grant("1", "guest")
            await bench.goes_on(first, guest)

    async def test_a_token_that_expires_is_exchanged(self, bench, meanwhile):
        """So does the URL, hours being over."""

        async def hours_pass():
            bench.ground.emulator.clock.advance(3 * 3600)

        bench.strikes(meanwhile(hours_pass), first=PART)
        await bench.check(bench.download(concurrency=16))
        assert bench.ground.asked("/oauth/token") == 1

    async def test_a_token_that_cannot_be_exchanged(self, bench, shows_no_secret):
        """Who signs in again goes on."""
        emulator = bench.ground.emulator
        token = emulator.issue_token()
        bench.strikes(Fault.expired())
        async with bench.ground.world.connect(token_info=token) as client:
            first = bench.download(client)
            emulator.faults.add(
                "/file/get_download_url", Fault.status(401, "AccessTokenExpired"), after=1
            )
            await bench.fails(first, AuthError, shows_no_secret)
        await bench.goes_on(first)


class Disk:
    """The functions of ``os``, one of which fails behind so many bytes of a file.

    Args:
        name: of the function, with ``os.pwritev``'s or ``os.pread``'s arguments.
        code: of the error.
        behind: the offset from which on it fails.
    """

    def __init__(self, name, code, behind):
        self._name, self._code, self._behind = name, code, behind

    def __getattr__(self, name):
        function = getattr(os, name)
        if name != self._name:
            return function

        def failing(descriptor, data, offset, *more):
            if self._behind <= offset < SIZE:
                raise OSError(self._code, os.strerror(self._code))
            return function(descriptor, data, offset, *more)

        return failing


class TestTheDisk:
    """What is on this side."""

    @pytest.fixture
    async def failing(self, ground):
        """Makes clients with a disk that fails."""
        made = []

        def make(*what):
            token = ground.emulator.token_info
            made.append(ground.world.connect({"file_system": Disk(*what)}, token_info=token))
            return made[-1]

        yield make
        for client in made:
            await client.aclose()

    @pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
    async def test_what_the_disk_does_not_take(self, bench, failing, shows_no_secret, code):
        """The error of the system is raised; who makes room goes on."""
        first = bench.download(failing("pwritev", code, THIRD + 10))
        error = await bench.fails(first, OSError, shows_no_secret)
        assert error.errno == code
        await bench.goes_on(first)

    async def test_a_disk_that_is_full_from_the_start(self, bench, failing, shows_no_secret):
        """Nothing is fetched in vain but what was under way, and nothing is left."""
        first = bench.download(failing("pwritev", errno.ENOSPC, 0))
        await bench.fails(first, OSError, shows_no_secret, left=())
        await bench.check(bench.download())

    async def test_what_the_disk_does_not_give_back(self, bench, failing, shows_no_secret):
        """What an earlier run has written is read before it is used."""
        bench.strikes(POLICY)
        first = bench.download()
        await bench.fails(first, PermissionDenied, shows_no_secret)
        second = bench.download(failing("pread", errno.EIO, PART))
        error = await bench.fails(second, OSError, shows_no_secret)
        assert error.errno == errno.EIO
        await bench.goes_on(first)

    @pytest.mark.parametrize("mode", ["refuse", "overwrite", "auto_rename"])
    async def test_the_name_is_taken_meanwhile(self, bench, meanwhile, shows_no_secret, mode):
        """By a file of somebody else, which is replaced only if that was asked for."""

        async def appear():
            await asyncio.to_thread(bench.target.write_bytes, b"mine")

        bench.strikes(meanwhile(appear))
        transfer = bench.download(check_name_mode=mode)
        if mode == "refuse":
            await bench.fails(transfer, FileExistsError, shows_no_secret, left=("a", "a.part"))
            assert bench.target.read_bytes() == b"mine"
            bench.target.unlink()
            bench.ground.emulator.requests.clear()
            await bench.check(bench.download())
            assert bench.ground.gets == []
        elif mode == "auto_rename":
            assert (await transfer).read_bytes() == bench.data
            assert bench.lies_there() == ["a", "a (1)"]
            assert bench.target.read_bytes() == b"mine"
        else:
            await bench.check(transfer)

    @pytest.mark.parametrize("what", ["foreign", "folder", "link"])
    async def test_the_name_of_the_unfinished_one_is_taken(self, bench, what):
        """What somebody else has is not touched, and no link is followed."""
        part = bench.folder / "a.part"
        if what == "folder":
            part.mkdir()
        elif what == "link":
            part.symlink_to("elsewhere")
        else:
            part.write_bytes(b"mine")
        assert (await bench.download()).read_bytes() == bench.data
        assert bench.lies_there() == ["a", "a.part"]
        assert what != "foreign" or part.read_bytes() == b"mine"

    async def test_an_unfinished_one_that_is_locked(self, bench, shows_no_secret):
        """Another process is about to finish it."""
        bench.strikes(POLICY)
        first = bench.download()
        await bench.fails(first, PermissionDenied, shows_no_secret)
        with (bench.folder / "a.part").open("rb") as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            await bench.fails(bench.download(), BlockingIOError, shows_no_secret)
        await bench.goes_on(first)

    @pytest.mark.parametrize("seed", range(6))
    async def test_an_unfinished_one_that_is_damaged(self, bench, shows_no_secret, seed):
        """Whatever was changed in it or is missing, nothing wrong gets into the file."""
        bench.strikes(POLICY, first=4 * PART)
        await bench.fails(bench.download(), PermissionDenied, shows_no_secret)
        part = bench.folder / "a.part"
        chance = random.Random(seed)
        length = part.stat().st_size
        with part.open("r+b") as file:
            if seed % 2:
                file.truncate(chance.randrange(length))
            for _ in range(3):
                file.seek(chance.choice([chance.randrange(length), chance.randrange(SIZE, length)]))
                file.write(chance.randbytes(5))
        assert (await bench.download()).read_bytes() == bench.data
        assert set(bench.lies_there()) <= {"a", "a.part"}

    async def test_an_unfinished_one_of_another_file(self, bench, content, shows_no_secret):
        """Its ranges are of no use, its place is."""
        bench.strikes(POLICY)
        await bench.fails(bench.download(), PermissionDenied, shows_no_secret)
        bench.data = content(SIZE, seed=1)
        bench.file = await bench.ground.add("b", bench.data)
        bench.ground.emulator.requests.clear()
        await bench.check(bench.download())
        assert len(bench.ground.gets) == COUNT


class Sink(io.BytesIO):
    """Takes bytes, until it is told not to."""

    fails_behind = SIZE + 1

    def write(self, data):
        if self.tell() + len(data) > self.fails_behind:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(data)


class TestInOnePiece:
    """What is read in one stream goes on behind what was read, whoever takes it."""

    @pytest.fixture(params=["file", "stream"])
    def fetch(self, request, bench):
        """Fetches the content into a file object, or as a stream."""

        async def into_file(client):
            sink = Sink()
            assert await client.download(bench.file, sink) == SIZE
            return sink.getvalue()

        async def as_stream(client):
            async with client.open(bench.file) as stream:
                return b"".join([chunk async for chunk in stream])

        chosen = {"file": into_file, "stream": as_stream}[request.param]

        async def fetch(client=None):
            return await chosen(client or bench.ground.client)

        return fetch

    async def fails(self, bench, fetch, kind, shows_no_secret):
        """It ends with this error, and the next attempt succeeds."""
        with pytest.raises(kind) as caught:
            await fetch()
        shows_no_secret(caught.value)
        bench.ground.emulator.faults.clear()
        assert await fetch() == bench.data

    @pytest.mark.parametrize("fault", each(GET))
    async def test_what_passes_is_survived(self, bench, fetch, fault):
        """At the beginning, and in the middle."""
        faults = bench.ground.emulator.faults
        faults.add("/data", fault, times=2)
        faults.add("/data", Fault.truncate(SOMEWHERE))
        faults.add("/data", fault, times=1)
        assert await fetch() == bench.data
        assert SOMEWHERE <= (bench.ground.gets[-1].first or 0) < SIZE

    @pytest.mark.parametrize("fault", each(HANGING))
    async def test_what_hangs_is_given_up(self, bench, fetch, fault):
        """And asked for again, behind what came."""
        bench.ground.emulator.faults.add("/data", fault)
        assert await fetch(bench.ground.client.with_options(timeout=PATIENCE_S)) == bench.data

    @pytest.mark.parametrize("name", FATAL)
    async def test_what_stays_is_raised(self, bench, fetch, shows_no_secret, name):
        """After as many attempts as the client makes of anything."""
        faults = bench.ground.emulator.faults
        faults.add("/data", Fault.truncate(SOMEWHERE))
        faults.add("/data", LINE[name], times=None)
        await self.fails(bench, fetch, FATAL[name], shows_no_secret)

    @pytest.mark.parametrize(
        ("fault", "kind"),
        [
            pytest.param(Fault.corrupt(SIZE - 1), ContentMismatch, id="changed"),
            pytest.param(Fault.headers(x_oss_hash_crc64ecma="7"), ContentChanged, id="checksum"),
            pytest.param(Fault.expired(), PermissionDenied, id="expired"),
            pytest.param(POLICY, PermissionDenied, id="policy"),
            pytest.param(Fault.storage(404, "NoSuchKey", "none"), NotFound, id="404"),
            pytest.param(Fault.storage(416, "InvalidRange", "no"), ContentChanged, id="416"),
        ],
    )
    async def test_what_is_wrong_is_raised(self, bench, fetch, shows_no_secret, fault, kind):
        """The last byte is not given away before the checksum is compared."""
        bench.ground.emulator.faults.add("/data", fault, times=None)
        await self.fails(bench, fetch, kind, shows_no_secret)

    async def test_ranges_that_are_ignored_are_passed_by(self, bench, fetch):
        """What was read already comes once more, and is not given away."""
        bench.ground.emulator.settings = Settings(ranges="ignored")
        bench.ground.emulator.faults.add("/data", Fault.truncate(SOMEWHERE), times=2)
        assert await fetch() == bench.data

    @pytest.mark.parametrize("change", ["overwritten", "deleted"])
    async def test_a_file_that_changes_is_an_error(
        self, bench, fetch, content, meanwhile, shows_no_secret, change
    ):
        """When it has to be asked for anew."""
        emulator = bench.ground.emulator
        emulator.settings = Settings(revisions="latest")

        async def happen():
            if change == "overwritten":
                await bench.change(content(SIZE, seed=1))
            else:
                await emulator.delete_file(bench.file.file_id)

        emulator.faults.add("/data", Fault.truncate(SOMEWHERE))
        emulator.faults.add("/data", meanwhile(happen))
        with pytest.raises(ContentChanged if change == "overwritten" else NotFound) as caught:
            await fetch()
        shows_no_secret(caught.value)

    async def test_hours_may_pass_in_between(self, bench, fetch, meanwhile):
        """Token and URL are renewed."""

        async def hours_pass():
            bench.ground.emulator.clock.advance(3 * 3600)

        bench.ground.emulator.faults.add("/data", Fault.truncate(SOMEWHERE))
        bench.ground.emulator.faults.add("/data", meanwhile(hours_pass))
        assert await fetch() == bench.data
        assert bench.ground.asked("/oauth/token") == 1


async def test_a_writer_that_takes_no_more(bench, shows_no_secret):
    """Its error is raised as it is; it has what came before."""
    sink = Sink()
    sink.fails_behind = SOMEWHERE
    with pytest.raises(OSError, match="No space left") as caught:
        await bench.ground.client.download(bench.file, sink)
    assert caught.value.errno == errno.ENOSPC
    shows_no_secret(caught.value)
    assert bench.data.startswith(sink.getvalue())


async def test_a_stream_that_failed_goes_on_where_it_was(bench):
    """Who still has it open may read on when the trouble is over."""
    faults = bench.ground.emulator.faults
    faults.add("/data", Fault.truncate(SOMEWHERE))
    faults.add("/data", POLICY)
    async with bench.ground.client.open(bench.file) as stream:
        with pytest.raises(PermissionDenied):
            await stream.read()
        assert await stream.read() == bench.data


class TestAnArchive:
    """It is made anew for each download, so that nothing of it is kept."""

    @pytest.fixture
    def fetch(self, bench):
        """Starts the download of an archive of the one file."""
        return lambda: bench.ground.client.download_archive([bench.file], bench.folder / "a.zip")

    def is_whole(self, bench):
        """The archive holds the file, and is alone."""
        with zipfile.ZipFile(bench.folder / "a.zip") as archive:
            assert [archive.read(one) for one in archive.namelist()] == [bench.data]
        assert bench.lies_there() == ["a.zip"]

    @pytest.mark.parametrize("fault", each(GET))
    async def test_what_passes_is_survived(self, bench, fetch, fault):
        """It goes on behind what came."""
        bench.ground.emulator.faults.add("/data", fault, times=2)
        await fetch()
        self.is_whole(bench)
        assert bench.ground.asked("/file/archive_files") == 1

    @pytest.mark.parametrize(
        ("operation", "fault", "kind"),
        [
            ("/data", POLICY, PermissionDenied),
            ("/data", LINE["503"], ServiceFailure),
            ("/data", Fault.truncate(0), OutcomeUnknown),
            ("/async_task/get", LINE["503"], ServiceFailure),
            ("/file/archive_files", LINE["503"], ServiceFailure),
        ],
        ids=["policy", "503", "cut", "task", "begin"],
    )
    async def test_what_stays_is_raised_and_leaves_nothing(
        self, bench, fetch, shows_no_secret, operation, fault, kind
    ):
        """The next one begins anew."""
        bench.ground.emulator.faults.add(operation, fault, times=None)
        await bench.fails(fetch(), kind, shows_no_secret, left=())
        await fetch()
        self.is_whole(bench)
