"""There and back whatever the service is like, over hours, and with as many parts as there may be.

Each switch of the emulator that touches contents stands for something that no source settles.
"""

from __future__ import annotations

import asyncio

import pytest

from pdsclient import Conflict, InvalidRequest
from pdsclient.emulator import Settings

PART = 102_400
COUNT = 6
SIZE = (COUNT - 1) * PART + 1
MOST_PARTS = 10_000


def each(cases):
    """Settings as parameters, named by what is set."""
    return [
        pytest.param(one, id="-".join(f"{name}={value}" for name, value in one.items()))
        for one in cases
    ]


@pytest.fixture(params=[False, True], ids=["in-order", "side-by-side"])
def upload(request, ground, content):
    """Starts an upload of six parts, in order or side by side."""

    def upload(data=None, **options):
        return ground.client.upload(
            content(SIZE) if data is None else data,
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


async def read(client, file, **options):
    """The content as a stream."""
    async with client.open(file, **options) as stream:
        return await stream.read()


class TestEachSwitch:
    """What goes up comes down."""

    @pytest.mark.parametrize(
        "switched",
        each(
            [
                {"parallel_upload": "refused"},
                {"parallel_rules": "strict"},
                {"wrong_crc64": "ignored"},
                {"ranges": "ignored"},
                {"not_found_status": 400},
                {"revisions": "latest"},
                {"data_hash_name": "sha256"},
                {"name_clash": "same-type"},
                {"name_case": "insensitive"},
                {"quota_status": 409},
                {"smallest_part": PART},
                {"upload_url_life_s": 60},
                {"pages": "short", "end_marker": "missing"},
                {"pages": "empty", "empty_items": "null"},
                {"done_status": 200, "tasks": "always"},
            ]
        ),
    )
    async def test_there_and_back(self, ground, content, tmp_path, upload, switched):
        """Into a file, as a stream, and once more over it."""
        ground.emulator.settings = settings = Settings(**switched)
        hashed = {"content_hash_name": settings.data_hash_name}
        file = await upload(**hashed)
        assert await ground.content(file) == content(SIZE)
        with pytest.raises(Conflict) as caught:
            await upload(**hashed)
        assert caught.value.file_id == file.file_id
        new = await upload(content(SIZE, seed=1), check_name_mode="overwrite", **hashed)
        assert new.file_id == file.file_id
        path = await ground.client.download(new, tmp_path / "a", part_size=PART)
        assert path.read_bytes() == content(SIZE, seed=1)
        assert await read(ground.client, new, start=-PART - 7) == content(SIZE, seed=1)[-PART - 7 :]
        assert await read(ground.client, new) == content(SIZE, seed=1)
        assert [one.name for one in tmp_path.iterdir()] == ["a"]

    @pytest.mark.parametrize("hash_name", ["sha1", "sha256"])
    async def test_a_rapid_upload_by_the_hash_of_the_domain(self, ground, upload, hash_name):
        """Small contents at once, large ones after a look at their beginning."""
        ground.emulator.settings = Settings(data_hash_name=hash_name)
        options = {"rapid_upload": True, "content_hash_name": hash_name}
        for number, size in enumerate((0, 1, PART, PART + 1, SIZE)):
            data = bytes([number]) * size
            await upload(data, name=f"a{size}", **options)
            ground.emulator.requests.clear()
            transfer = upload(data, name=f"b{size}", **options)
            assert await ground.content(await transfer) == data
            assert (transfer.outcome, ground.puts) == ("rapid", [])

    @pytest.mark.parametrize("revisions", ["kept", "latest"])
    async def test_a_version_that_is_named_is_read_if_it_is_kept(
        self, ground, content, upload, revisions
    ):
        """The current one always is."""
        ground.emulator.settings = Settings(revisions=revisions)
        old = await upload()
        new = await upload(content(SIZE, seed=1), check_name_mode="overwrite")
        current = await read(ground.client, new, revision_id=new.revision_id)
        assert current == content(SIZE, seed=1)
        if revisions == "kept":
            assert await read(ground.client, new, revision_id=old.revision_id) == content(SIZE)

    async def test_names_that_differ_in_case_may_be_one(self, ground, content, upload):
        """Then the second is a clash, and its other modes are those of any clash."""
        ground.emulator.settings = Settings(name_case="insensitive")
        file = await upload()
        with pytest.raises(Conflict):
            await upload(name="A")
        skipped = upload(name="A", check_name_mode="skip")
        assert ((await skipped).file_id, skipped.outcome) == (file.file_id, "skipped")
        renamed = await upload(name="A", check_name_mode="auto_rename")
        assert renamed.file_id != file.file_id

    async def test_a_folder_may_have_the_name(self, ground, content, upload):
        """Where types do not clash both are there; a folder is never overwritten."""
        folder = await ground.add_folder("a")
        with pytest.raises(Conflict) as caught:
            await upload(check_name_mode="overwrite")
        assert caught.value.file_id == folder
        ground.emulator.settings = Settings(name_clash="same-type")
        assert await ground.content(await upload()) == content(SIZE)


class TestHours:
    """The clock moves with every part, and no URL and no token is used when it is too old."""

    @pytest.fixture
    def slowly(self, ground, meanwhile):
        """From now on parts and ranges take so many seconds each."""

        def slowly(seconds):
            async def time_passes():
                ground.emulator.clock.advance(seconds)

            fault = meanwhile(time_passes, after=True)
            ground.emulator.faults.add("/data", fault, times=None)

        return slowly

    @pytest.mark.parametrize("seconds", [340, 890])
    async def test_an_upload_over_hours(self, ground, content, upload, slowly, seconds):
        """Its URLs are renewed before they expire, and its token is exchanged."""
        began = ground.emulator.clock.time()
        slowly(seconds)
        data = content(24 * PART)
        transfer = upload(data, concurrency=1)
        assert await ground.content(await transfer) == data
        assert ground.emulator.clock.time() - began > 7200
        assert {one.status for one in ground.puts} == {200}
        assert len(ground.puts) == 24
        assert ground.asked("/oauth/token") >= 1
        assert ground.asked("/file/create") == 1

    async def test_parts_side_by_side_survive_hours(self, ground, content, slowly):
        """Where one takes as long as the others together, a URL may expire in front of it."""
        slowly(200)
        data = content(40 * PART)
        options = {"part_size": PART, "parallel": True, "rapid_upload": False, "concurrency": 8}
        file = await ground.client.upload(data, **ground.drive, name="a", **options)
        assert await ground.content(file) == data
        assert ground.sent_twice() == []
        assert ground.asked("/file/create") == 1

    @pytest.mark.parametrize("concurrency", [1, 4])
    async def test_a_download_over_hours(self, ground, content, tmp_path, slowly, concurrency):
        """Likewise."""
        # Enough for a question behind the end of the token, whichever ranges come together.
        data = content(40 * PART)
        file = await ground.add("a", data)
        began = ground.emulator.clock.time()
        slowly(340)
        path = await ground.client.download(
            file, tmp_path / "a", part_size=PART, concurrency=concurrency
        )
        assert path.read_bytes() == data
        assert ground.emulator.clock.time() - began > 7200
        assert ground.asked("/oauth/token") >= 1
        if concurrency == 1:
            assert [one.status for one in ground.gets] == [206] * 40

    async def test_a_pause_of_a_day(self, ground, content, upload, tmp_path, meanwhile):
        """What was told before it is asked anew."""

        async def a_day_later(transfer):
            while transfer.state != "paused":
                await asyncio.sleep(0.001)
            ground.emulator.clock.advance(86_400)
            transfer.resume()
            return await transfer

        async def pause():
            transfer.pause()

        third = {"when": lambda one: 3 in (one.part_number, (one.range_start or 0) // PART + 1)}
        ground.emulator.faults.add("/data", meanwhile(pause), **third)
        transfer = upload().start()
        file = await a_day_later(transfer)
        assert await ground.content(file) == content(SIZE)
        assert ground.sent_twice() == []
        ground.emulator.faults.add("/data", meanwhile(pause), **third)
        options = {"part_size": PART, "concurrency": 1}
        transfer = ground.client.download(file, tmp_path / "a", **options).start()
        path = await a_day_later(transfer)
        assert path.read_bytes() == content(SIZE)


class TestManyParts:
    """Ten thousand is all that the service takes."""

    async def nothing(self):
        """A stream that is never read."""
        raise AssertionError("nothing is read before the upload begins")
        yield b""

    async def test_ten_thousand_are_planned(self, ground):
        """Nothing is sent where the call is written."""
        options = {**ground.drive, "name": "a", "part_size": PART}
        transfer = ground.client.upload(self.nothing(), size=MOST_PARTS * PART, **options)
        assert len(ground.emulator.requests) == 0
        transfer.cancel()
        with pytest.raises(asyncio.CancelledError):
            await transfer

    async def test_one_more_is_refused(self, ground):
        """With the part size that would do."""
        options = {**ground.drive, "name": "a", "part_size": PART}
        with pytest.raises(InvalidRequest, match="the least that works is 102464"):
            ground.client.upload(self.nothing(), size=MOST_PARTS * PART + 1, **options)
        assert len(ground.emulator.requests) == 0

    async def test_a_file_with_one_more_is_refused_before_anything_is_sent(self, ground, tmp_path):
        """Its size is known when it is opened; a hole takes no room on the disk."""
        path = tmp_path / "a"
        with path.open("wb") as file:
            file.truncate(MOST_PARTS * PART + 1)
        with pytest.raises(InvalidRequest, match="the least that works is 102464"):
            await ground.client.upload(path, **ground.drive, part_size=PART)
        assert len(ground.emulator.requests) == 0

    async def test_ten_thousand_are_asked_for_a_few_at_a_time(self, ground, tmp_path, meanwhile):
        """A request names only the parts that come next."""
        path = tmp_path / "a"
        with path.open("wb") as file:
            file.truncate(MOST_PARTS * PART)
        options = {**ground.drive, "part_size": PART, "rapid_upload": False, "parallel": False}
        transfer = ground.client.upload(path, **options)

        async def enough():
            transfer.cancel()

        ground.emulator.faults.add("/data", meanwhile(enough), after=2)
        with pytest.raises(asyncio.CancelledError):
            await transfer
        assert transfer.progress.parts_total == MOST_PARTS
        [create] = ground.emulator.requests.of("/file/create")
        assert 1 < len(create.data["part_info_list"]) <= 100
