"""What may go wrong with whole trees: all that can arrive does, and a second run brings the rest.

Nothing that a first run has finished is moved by the second one, and nothing half has a name.
"""

from __future__ import annotations

import asyncio
import errno
import os

import pytest

from pdsclient import AuthError, ContentMismatch, PermissionDenied, ServiceFailure
from pdsclient.emulator import Fault

PART = 102_400
LARGE = 3 * PART + 5
POLICY = Fault.storage(403, "AccessDenied", "Access denied by bucket policy")
LINE = {
    "reset": Fault.reset(),
    "reset-processed": Fault.reset(processed=True),
    "close-processed": Fault.close(processed=True),
    "429": Fault.status(429),
    "503": Fault.status(503, "ServiceUnavailable", "temporary failure"),
    "504": Fault.gateway(504),
}
# Whatever of these a tree asks for; a fault that strikes nothing does no harm.
UP = ("create", "complete", "get_upload_url", "pre_create_check", "list_uploaded_parts")
DOWN = ("list", "get", "get_download_url")


def each(cases):
    """The values of a table as parameters, named by its keys."""
    return [pytest.param(value, id=name) for name, value in cases.items()]


class Forest:
    """A tree of twelve files: small ones, an empty one, and one of four parts.

    Attributes:
        ground: of the test.
        files: the content of each by its path.
        source: the tree on the disk.
        target: the directory that one in the drive goes to.
    """

    def __init__(self, ground, content, folder):
        self.ground = ground
        self.files = {f"{at}/{n}": content(700 + n) for n in range(5) for at in ("a", "a/b")}
        self.files |= {"large": content(LARGE), "a/empty": b""}
        self.source, self.target = folder / "source", folder / "target"
        self.places = folder / "places"
        for path, data in self.files.items():
            (self.source / path).parent.mkdir(parents=True, exist_ok=True)
            (self.source / path).write_bytes(data)

    async def up(self, client=None, **options):
        """Upload it; the report."""
        return await (client or self.ground.client).upload_tree(
            self.source,
            **{
                **self.ground.drive,
                "part_size": PART,
                "checkpoint": self.places,
                "rapid_upload": False,
                **options,
            },
        )

    async def down(self, client=None, **options):
        """Download what is in the drive; the report."""
        client = client or self.ground.client
        wanted = {**self.ground.drive, "part_size": PART, **options}
        return await client.download_tree("root", self.target, **wanted)

    async def in_drive(self, folder="root", above=""):
        """The files of the drive by their paths."""
        found = {}
        async for file in self.ground.client.file.list(
            **self.ground.drive, parent_file_id=folder, fields="*"
        ):
            path = above + file.name
            assert path not in found, "two of one name"
            if file.type == "folder":
                found |= await self.in_drive(file.file_id, f"{path}/")
            else:
                found[path] = await self.ground.content(file)
        return found

    def on_disk(self, top):
        """The files of a directory by their paths."""
        paths = [one for one in top.rglob("*") if not one.is_dir()]
        return {one.relative_to(top).as_posix(): one.read_bytes() for one in paths}

    async def is_up(self):
        """All of it is in the drive and nothing else, and another run finds nothing to do."""
        assert await self.in_drive() == self.files
        assert list(self.places.iterdir()) == []
        self.ground.emulator.requests.clear()
        report = await self.up()
        assert (report.done, len(report.skipped)) == ([], len(self.files))
        assert self.ground.puts == []

    async def is_down(self):
        """All of it is on the disk and nothing else, and another run finds nothing to do."""
        assert self.on_disk(self.target) == self.files
        self.ground.emulator.requests.clear()
        report = await self.down()
        assert (report.done, len(report.skipped)) == ([], len(self.files))
        assert self.ground.gets == []


@pytest.fixture
def forest(ground, content, tmp_path):
    """A tree on the disk, and nothing in the drive."""
    return Forest(ground, content, tmp_path)


@pytest.fixture
async def planted(forest):
    """A tree that is in the drive as well."""
    await forest.up()
    forest.ground.emulator.requests.clear()
    return forest


class TestUp:
    """Into the drive."""

    @pytest.mark.parametrize("fault", each({**LINE, "expired": Fault.expired()}))
    async def test_the_storage_fails_for_a_while(self, forest, fault):
        """All arrives; one part may meet all of them, and is tried four times."""
        forest.ground.emulator.faults.add("/data", fault, times=3, after=1)
        (await forest.up()).raise_first()
        await forest.is_up()

    @pytest.mark.parametrize("fault", each(LINE))
    async def test_the_service_fails_for_a_while(self, forest, fault):
        """Nothing is made twice."""
        for operation in UP:
            forest.ground.emulator.faults.add(f"/file/{operation}", fault, times=2, after=1)
        forest.ground.emulator.faults.add("/batch", fault)
        (await forest.up()).raise_first()
        await forest.is_up()

    async def test_what_fails_for_good_comes_with_the_next_run(self, forest):
        """A part of the large one; of which the next run sends the rest."""
        forest.ground.emulator.faults.add(
            "/data", POLICY, times=None, when=lambda one: one.part_number == 3
        )
        report = await forest.up()
        assert [one.path for one in report.failed] == ["large"]
        assert isinstance(report.failed[0].error, PermissionDenied)
        assert set(await forest.in_drive()) == set(forest.files) - {"large"}
        forest.ground.emulator.faults.clear()
        forest.ground.emulator.requests.clear()
        report = await forest.up()
        assert [one.path for one in report.done] == ["large"]
        assert [one.number for one in forest.ground.puts] == [3, 4]
        await forest.is_up()

    async def test_a_service_that_fails_for_good(self, forest):
        """Some have arrived, and only the others are sent by the next run."""
        forest.ground.emulator.faults.add("/file/complete", LINE["503"], after=4, times=None)
        report = await forest.up(concurrency=2)
        assert all(isinstance(one.error, ServiceFailure) for one in report.failed)
        there = set(await forest.in_drive())
        assert there == {one.path for one in report.done}
        forest.ground.emulator.faults.clear()
        report = await forest.up()
        assert not report.failed
        assert {one.path for one in report.done} == set(forest.files) - there
        await forest.is_up()

    async def test_a_permission_that_is_taken_away(self, forest, meanwhile, shows_no_secret):
        """Who gets it back brings the rest."""
        emulator = forest.ground.emulator
        await emulator.put_user("guest")
        await emulator.grant("1", "guest")
        forest.ground.emulator.faults.add(
            "/data", meanwhile(lambda: emulator.withdraw("1", "guest")), after=3
        )
        token = emulator.issue_token(user_id="guest")
        async with forest.ground.world.connect(token_info=token) as guest:
            report = await forest.up(guest, concurrency=2)
            assert report.failed
            shows_no_secret(report.failed[0].error, report)
            there = set(await forest.in_drive())
            await emulator.grant("1", "guest")
            report = await forest.up(guest)
        assert not report.failed
        assert {one.path for one in report.done} == set(forest.files) - there
        await forest.is_up()

    async def test_a_token_that_dies(self, forest, meanwhile):
        """It ends at once, and who signs in again brings the rest."""
        emulator = forest.ground.emulator
        token = emulator.issue_token()

        async def die():
            emulator.revoke(token.access_token)

        emulator.faults.add("/data", meanwhile(die), after=3)
        async with forest.ground.world.connect(token_info=token) as client:
            report = await forest.up(client, concurrency=2)
        assert isinstance(report.stopped, AuthError)
        there = set(await forest.in_drive())
        report = await forest.up()
        assert {one.path for one in report.done} == set(forest.files) - there
        await forest.is_up()


class TestDown:
    """Onto the disk."""

    @pytest.mark.parametrize(
        "fault",
        each(
            {
                **{name: fault for name, fault in LINE.items() if "processed" not in name},
                "expired": Fault.expired(),
                "cut": Fault.truncate(300),
                "cut-reset": Fault.truncate(300, end="reset"),
            }
        ),
    )
    async def test_the_storage_fails_for_a_while(self, planted, fault):
        """All arrives; one range may meet all of them, and is tried four times."""
        planted.ground.emulator.faults.add("/data", fault, times=3, after=1)
        (await planted.down()).raise_first()
        await planted.is_down()

    @pytest.mark.parametrize("fault", each(LINE))
    async def test_the_service_fails_for_a_while(self, planted, fault):
        """All arrives."""
        for operation in DOWN:
            planted.ground.emulator.faults.add(f"/file/{operation}", fault, times=2, after=1)
        (await planted.down()).raise_first()
        await planted.is_down()

    async def test_what_fails_for_good_comes_with_the_next_run(self, planted):
        """A range of the large one; of which the next run fetches the rest."""
        planted.ground.emulator.faults.add(
            "/data", POLICY, times=None, when=lambda one: one.range_start == 3 * PART
        )
        report = await planted.down(concurrency=1)
        assert [one.path for one in report.failed] == ["large"]
        assert set(planted.on_disk(planted.target)) == set(planted.files) - {"large"} | {
            "large.part"
        }
        planted.ground.emulator.faults.clear()
        planted.ground.emulator.requests.clear()
        report = await planted.down()
        assert [one.path for one in report.done] == ["large"]
        assert [one.first for one in planted.ground.gets] == [3 * PART]
        await planted.is_down()

    async def test_a_byte_that_is_always_changed(self, planted):
        """That file is missing, and not wrong."""
        file = await planted.ground.client.file.get_by_path(
            **planted.ground.drive, file_path="/a/3"
        )
        planted.ground.emulator.faults.add(
            "/data", Fault.corrupt(3), times=None, when=lambda one: file.file_id in one.path
        )
        report = await planted.down()
        assert [one.path for one in report.failed] == ["a/3"]
        assert isinstance(report.failed[0].error, ContentMismatch)
        assert set(planted.on_disk(planted.target)) == set(planted.files) - {"a/3"}
        planted.ground.emulator.faults.clear()
        report = await planted.down()
        assert [one.path for one in report.done] == ["a/3"]
        await planted.is_down()

    async def test_a_file_that_is_deleted_meanwhile(self, planted, meanwhile):
        """Is a failure, and the others arrive."""
        emulator = planted.ground.emulator
        large = await planted.ground.client.file.get_by_path(
            **planted.ground.drive, file_path="/large"
        )
        gone = meanwhile(lambda: emulator.delete_file(large.file_id))
        emulator.faults.add("/file/get_download_url", gone)
        report = await planted.down()
        assert [one.path for one in report.failed] == ["large"]
        del planted.files["large"]
        await planted.is_down()

    async def test_a_disk_that_becomes_full(self, planted):
        """What was whole before is, and the next run brings the rest."""

        class Full:
            left = 2_000

            def __getattr__(self, name):
                return getattr(os, name)

            def pwritev(self, descriptor, pieces, offset):
                self.left -= sum(map(len, pieces))
                if self.left < 0:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                return os.pwritev(descriptor, pieces, offset)

        token = planted.ground.emulator.issue_token()
        async with planted.ground.world.connect({"file_system": Full()}, token_info=token) as one:
            report = await planted.down(one, concurrency=2)
        assert report.failed
        assert all(one.error.errno == errno.ENOSPC for one in report.failed)
        there = planted.on_disk(planted.target)
        assert set(there) == {one.path for one in report.done}
        report = await planted.down()
        assert {one.path for one in report.done} == set(planted.files) - set(there)
        await planted.is_down()

    async def test_a_token_that_dies(self, planted, meanwhile):
        """It ends at once, and who signs in again brings the rest."""
        emulator = planted.ground.emulator
        token = emulator.issue_token()

        async def die():
            emulator.revoke(token.access_token)

        emulator.faults.add("/data", meanwhile(die), after=3)
        async with planted.ground.world.connect(token_info=token) as client:
            report = await planted.down(client, concurrency=2)
        assert isinstance(report.stopped, AuthError)
        there = planted.on_disk(planted.target)
        report = await planted.down()
        assert {one.path for one in report.done} == set(planted.files) - set(there)
        await planted.is_down()


async def test_both_ways_on_a_line_that_fails_all_the_time(forest):
    """Every fifth request of any kind."""
    faults = forest.ground.emulator.faults
    for nth, fault in enumerate((Fault.reset(), LINE["503"], LINE["429"], Fault.close())):
        faults.add("*", fault, times=None, when=_every(20, nth * 5))
    (await forest.up()).raise_first()
    await asyncio.sleep(0)
    (await forest.down()).raise_first()
    faults.clear()
    await forest.is_up()
    await forest.is_down()


def _every(nth, first):
    seen = iter(range(first, 1_000_000))
    return lambda request: next(seen) % nth == nth - 1
