"""Downloads that are broken off, and go on: crashes, cancellation, what is left behind."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from pdsclient import PDSError
from pdsclient._crc64 import crc64
from pdsclient.emulator import Fault
from pdsclient.transfer.journal import FOOT_BYTES, Journal

PART = 102_400
SIZE = 4 * PART + 11
ONE_BY_ONE = {"part_size": PART, "concurrency": 1}


def recorded(part: Path) -> dict[int, int]:
    """The ranges that a part file says it has."""
    data = part.read_bytes()
    journal = Journal.of_foot(data[-FOOT_BYTES:], len(data))
    if journal is None:
        return {}
    offset, length = journal.slots
    return journal.records(data[offset : offset + length])


def tasks_of_transfers() -> list[object]:
    """What is still running of them."""
    code = [getattr(one.get_coro(), "cr_code", None) for one in asyncio.all_tasks()]
    return [one for one in code if one and "/pdsclient/transfer/" in one.co_filename]


@pytest.fixture
async def broken(ground, content, tmp_path):
    """A file, and the part file of a download of it that broke off before its third range."""
    file = await ground.add("a", content(SIZE))
    fault = Fault.storage(403, "AccessDenied", "by policy")
    ground.emulator.faults.add("/data", fault, after=2)
    with pytest.raises(PDSError, match="by policy"):
        await ground.client.download(file, tmp_path / "a", **ONE_BY_ONE)
    ground.emulator.requests.clear()
    return file, tmp_path / "a.part"


@pytest.fixture
def without_crc64(ground):
    """Makes files of whose checksum the service tells nothing before their content comes."""

    async def make(content: bytes, **told):
        file = await ground.add("unchecked", content)
        told_url = await ground.client.file.get_download_url(**ground.drive, file_id=file.file_id)
        answer = Fault.json({"url": told_url.url, "size": len(content)})
        ground.emulator.faults.add("/file/get_download_url", answer, times=None)
        return msgspec.structs.replace(file, crc64_hash=None, **told)

    return make


class TestGoingOn:
    """What an earlier run has left."""

    async def test_what_is_there_is_not_fetched_again(self, ground, content, tmp_path, broken):
        """The part size of the first run holds, and progress counts what is there."""
        file, part = broken
        assert set(recorded(part)) == {1, 2}
        transfer = ground.client.download(file, tmp_path / "a", part_size=2 * PART)
        path = await transfer
        assert path.read_bytes() == content(SIZE)
        assert sorted(one.first for one in ground.gets) == [2 * PART, 3 * PART, 4 * PART]
        assert transfer.progress.bytes_done == SIZE
        assert transfer.progress.parts_done == 5
        assert not part.exists()

    async def test_a_new_process_goes_on_with_an_id_alone(self, ground, content, tmp_path, broken):
        """The part file says which content it is of."""
        file, _ = broken
        path = await ground.client.download(file.file_id, tmp_path / "a", **ground.drive)
        assert (path.read_bytes(), len(ground.gets)) == (content(SIZE), 3)

    async def test_it_begins_anew_if_it_is_told_to(self, ground, content, tmp_path, broken):
        """Nothing is kept by such a run either."""
        file, part = broken
        ground.emulator.faults.add("/data", Fault.status(403), after=2)
        with pytest.raises(PDSError):
            await ground.client.download(file, tmp_path / "a", resume=False, **ONE_BY_ONE)
        assert not part.exists()
        await ground.client.download(file, tmp_path / "a", resume=False, part_size=PART)
        assert (tmp_path / "a").read_bytes() == content(SIZE)
        assert len(ground.gets) == 3 + 5

    @pytest.mark.usefixtures("broken")
    async def test_another_version_begins_anew(self, ground, content, tmp_path):
        """Nothing of the old one gets into it."""
        new = await ground.client.save_file_content(
            content(SIZE, seed=1), name="a", check_name_mode="overwrite", **ground.drive
        )
        path = await ground.client.download(new, tmp_path / "a", part_size=PART)
        assert path.read_bytes() == content(SIZE, seed=1)
        assert sum(one.status == 206 for one in ground.gets) == 5

    async def test_what_the_disk_has_lost_is_fetched_again(self, ground, content, tmp_path, broken):
        """A range is read back before it is trusted."""
        file, part = broken
        with part.open("r+b") as disk:
            disk.seek(PART + 5)
            disk.write(b"\0\0\0")
        path = await ground.client.download(file, tmp_path / "a")
        assert path.read_bytes() == content(SIZE)
        assert sorted(one.first for one in ground.gets) == [n * PART for n in (1, 2, 3, 4)]

    @pytest.mark.parametrize("at", [-1, -40, SIZE - SIZE + 3 * 16, "slot"])
    async def test_a_torn_journal_is_no_journal(self, ground, content, tmp_path, broken, at):
        """A foot that is damaged is another one's file; a slot is a range that is missing."""
        file, part = broken
        with part.open("r+b") as disk:
            if at == "slot":
                disk.seek(SIZE + 3)
            else:
                disk.seek(at, os.SEEK_END if at < 0 else os.SEEK_SET)
            disk.write(b"\x55")
        path = await ground.client.download(file, tmp_path / "a")
        assert path.read_bytes() == content(SIZE)

    async def test_what_lies_between_gaps_is_passed_by(self, ground, content, tmp_path, range_from):
        """Where there are no ranges, all has to be read, and only what is missing is written."""
        file = await ground.add("a", content(SIZE))
        refused = Fault.storage(403, "AccessDenied", "by policy")
        ground.emulator.faults.add("/data", refused, when=range_from(4 * PART))
        with pytest.raises(PDSError):
            await ground.client.download(file, tmp_path / "a", **ONE_BY_ONE)
        with (tmp_path / "a.part").open("r+b") as disk:
            disk.seek(PART)
            disk.write(b"lost")
        ground.emulator.requests.clear()
        ground.emulator.faults.add("/data", Fault.ignore_range(), times=None)
        transfer = ground.client.download(file, tmp_path / "a")
        assert (await transfer).read_bytes() == content(SIZE)
        assert (ground.gets[-1].first, transfer.progress.bytes_done) == (PART, SIZE)

    async def test_a_file_of_somebody_else_is_left_alone(self, ground, content, tmp_path, files_in):
        """Though it has the name of an unfinished one; nor is a link followed."""
        file = await ground.add("a", content(SIZE))
        (tmp_path / "a.part").write_bytes(b"mine")
        (tmp_path / "a.1.part").symlink_to("a.part")
        (tmp_path / "a.2.part").mkdir()
        (tmp_path / "a.3.part").write_bytes(b"two names")
        (tmp_path / "b").hardlink_to(tmp_path / "a.3.part")
        await ground.client.download(file, tmp_path / "a", part_size=PART)
        assert (tmp_path / "a").read_bytes() == content(SIZE)
        assert (tmp_path / "a.part").read_bytes() == b"mine"
        assert (tmp_path / "b").read_bytes() == b"two names"
        assert len(files_in(tmp_path)) == 5

    async def test_a_version_without_a_checksum_goes_on_by_its_revision(
        self, ground, content, tmp_path, without_crc64
    ):
        """One of which not even that is known begins anew."""
        for revision, fetched in (("r1", 3), (None, 5)):
            file = await without_crc64(content(SIZE), revision_id=revision)
            target = tmp_path / str(revision)
            ground.emulator.faults.add("/data", Fault.status(403), after=2)
            with pytest.raises(PDSError):
                await ground.client.download(file, target, **ONE_BY_ONE)
            ground.emulator.requests.clear()
            await ground.client.download(file, target, part_size=PART)
            assert (target.read_bytes(), len(ground.gets)) == (content(SIZE), fetched)


class Beneath:
    """A file system in which somebody else takes the part file away after a call."""

    def __init__(self, name: str, part: Path) -> None:
        self._name, self._part = name, part
        self._left = True

    def __getattr__(self, name):
        function = getattr(os, name)
        if name != self._name:
            return function

        def call(*args, **options):
            result = function(*args, **options)
            if self._left and self._part.exists():
                self._left = False
                self._part.unlink()
            return result

        return call


class TestOthers:
    """Somebody else is at work in the same directory."""

    @pytest.fixture
    async def beside(self, ground, tmp_path):
        """Makes clients whose part file is taken away."""
        made = []

        def make(name):
            machinery = {"file_system": Beneath(name, tmp_path / "a.part")}
            made.append(ground.world.connect(machinery, token_info=ground.emulator.token_info))
            return made[-1]

        yield make
        for client in made:
            await client.aclose()

    async def test_a_part_file_that_is_gone_before_it_is_ours_is_made_anew(
        self, ground, content, tmp_path, beside
    ):
        """Another download gave it its name just then."""
        file = await ground.add("a", content(SIZE))
        path = await beside("open").download(file, tmp_path / "a", part_size=PART)
        assert path.read_bytes() == content(SIZE)

    async def test_a_part_file_that_is_taken_away_is_told(
        self, ground, content, tmp_path, files_in, beside
    ):
        """Nothing else gets the name in its place."""
        file = await ground.add("a", content(SIZE))
        with pytest.raises(FileNotFoundError, match="took it away"):
            await beside("pwritev").download(file, tmp_path / "a", part_size=PART)
        assert files_in(tmp_path) == {}

    @pytest.mark.parametrize("number", [errno.ENOTSUP, errno.EIO])
    async def test_where_there_are_no_locks_it_goes_without(
        self, ground, content, tmp_path, monkeypatch, number
    ):
        """As on some file systems of the net; another error is one."""

        def flock(*_: object) -> None:
            raise OSError(number, "no lock")

        monkeypatch.setattr("fcntl.flock", flock)
        file = await ground.add("a", content(SIZE))
        if number == errno.EIO:
            with pytest.raises(OSError, match="no lock"):
                await ground.client.download(file, tmp_path / "a")
        else:
            path = await ground.client.download(file, tmp_path / "a")
            assert path.read_bytes() == content(SIZE)

    async def test_names_come_to_an_end(self, ground, content, tmp_path, monkeypatch):
        """Nobody looks for a free one for ever."""
        monkeypatch.setattr("pdsclient.transfer._download_part._MOST_NAMES", 2)
        monkeypatch.setattr("pdsclient.transfer._download_part._MOST_PARTS", 2)
        file = await ground.add("a", content(9))
        for name in ("b.part", "b.1.part", "a", "a (1)"):
            (tmp_path / name).write_bytes(b"mine")
        with pytest.raises(FileExistsError, match="too many"):
            await ground.client.download(file, tmp_path / "b")
        with pytest.raises(FileExistsError, match="too many"):
            await ground.client.download(file, tmp_path / "a", check_name_mode="auto_rename")


class TestWhatIsLeft:
    """Only what a later run uses."""

    async def test_a_part_file_without_a_whole_range_goes(
        self, ground, content, tmp_path, files_in
    ):
        """It would only take space."""
        file = await ground.add("a", content(SIZE))
        ground.emulator.faults.add("/data", Fault.status(403))
        with pytest.raises(PDSError):
            await ground.client.download(file, tmp_path / "a", **ONE_BY_ONE)
        assert files_in(tmp_path) == {}

    async def test_cancelling_at_any_moment_leaves_nothing_useless(
        self, ground, content, tmp_path, files_in
    ):
        """No task, no open file, no part file without a range; and it goes on from there."""
        file = await ground.add("a", content(SIZE))
        for number, turns in enumerate([*range(20), *range(20, 300, 8)]):
            folder = tmp_path / str(number)
            folder.mkdir()
            transfer = ground.client.download(file, folder / "a", part_size=PART, concurrency=2)
            transfer.start()
            for _ in range(turns):
                await asyncio.sleep(0)
            transfer.cancel()
            with suppress(asyncio.CancelledError):
                await transfer
            assert not tasks_of_transfers()
            assert transfer.state in ("cancelled", "done")
            left = await asyncio.to_thread(files_in, folder)
            assert set(left) <= {"a.part", "a"}
            known = recorded(folder / "a.part") if "a.part" in left else {}
            assert bool(known) == ("a.part" in left)
            ground.emulator.requests.clear()
            await ground.client.download(file, folder / "a", check_name_mode="overwrite")
            assert (folder / "a").read_bytes() == content(SIZE)
            assert len(ground.gets) + len(known) in (1, 5)


class Dying:
    """A file system that fails for ever after so many calls: what a killed process leaves."""

    def __init__(self, life: int) -> None:
        self.life = life

    def __getattr__(self, name):
        function = getattr(os, name)
        if name == "close":
            return function

        def call(*args, **options):
            self.life -= 1
            if self.life < 0:
                raise OSError(errno.EIO, "the process is dead")
            return function(*args, **options)

        return call


async def test_a_process_may_die_between_any_two_steps(ground, content, tmp_path, files_in):
    """There is never a half file of this name, and no range that is there comes again."""
    file = await ground.add("a", content(SIZE))
    steps = 0
    while True:
        steps += 1
        folder = tmp_path / str(steps)
        folder.mkdir()
        fs = Dying(steps)
        async with ground.world.connect(
            {"file_system": fs}, token_info=ground.emulator.token_info
        ) as client:
            with suppress(OSError):
                await client.download(file, folder / "a", **ONE_BY_ONE)
        if fs.life >= 0:
            break
        if (folder / "a").exists():
            assert (folder / "a").read_bytes() == content(SIZE)
        known = recorded(folder / "a.part") if (folder / "a.part").exists() else {}
        ground.emulator.requests.clear()
        await ground.client.download(file, folder / "a", check_name_mode="overwrite", **ONE_BY_ONE)
        assert (folder / "a").read_bytes() == content(SIZE)
        assert await asyncio.to_thread(files_in, folder) == {"a": SIZE}
        again = {one.first // PART + 1 for one in ground.gets}
        assert not again & set(known)
    assert steps > 25


KILLED = """
import asyncio, sys
from pdsclient import AsyncPDSClient

async def main(endpoint, token, drive, file, target):
    async with AsyncPDSClient(api_endpoint=endpoint, token_info={"access_token": token}) as client:
        transfer = client.download(file, target, drive_id=drive, part_size=102_400, concurrency=4)
        transfer.on("progress", lambda _: print("moved", flush=True))
        await transfer

asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_process_may_be_killed(start, content, tmp_path):
    """Another one ends what it began."""
    size = 40 * PART
    async with start(bandwidth_bps=2_000_000) as ground:
        file = await ground.add("a", content(size))
        token = ground.emulator.token_info.access_token
        where = (ground.emulator.api_endpoint, token, ground.emulator.drive_id, file.file_id)
        target = tmp_path / "a"
        for looks in (1, 4):
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", KILLED, *where, str(target), stdout=asyncio.subprocess.PIPE
            )
            for _ in range(looks):
                await process.stdout.readline()
            process.send_signal(signal.SIGKILL)
            await process.communicate()
            assert not target.exists()
        known = recorded(tmp_path / "a.part")
        ground.emulator.bandwidth_bps = None
        ground.emulator.requests.clear()
        await ground.client.download(file, target)
        assert target.read_bytes() == content(size)
        assert len(ground.gets) == 40 - len(known)
        assert known
        assert all(
            checksum == crc64(content(size)[(number - 1) * PART : number * PART])
            for number, checksum in known.items()
        )
