"""What the documentation promises and no other test would miss."""

from __future__ import annotations

import asyncio
import io
import os

import pytest

from pdsclient import PDSError
from pdsclient.emulator import Fault

PART = 102_400
HASHES = {"content_hash", "content_hash_name"}
FIELDS = {"drive_id", "parent_file_id", "name", "type", "size", "check_name_mode"}
UPLOAD = {"drive_id", "file_id", "upload_id"}


class Counted(Fault):
    """Nothing goes wrong, but it takes a while; tells how many requests were there at once."""

    def __init__(self, look=lambda: None):
        self.now = self.peak = 0
        self._look = look

    async def play(self, exchange):
        self.now += 1
        self.peak = max(self.peak, self.now)
        self._look()
        try:
            for _ in range(200):
                await asyncio.sleep(0)
            return await exchange.send(await exchange.process())
        finally:
            self.now -= 1


def plant(folder, files):
    """A directory with these files."""
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def sent(ground):
    """What was sent since the last look: operations with their fields, and requests for data."""
    told = []
    for one in ground.emulator.requests:
        if one.path.startswith("/data"):
            told.append((one.method, one.headers.get("range")))
        else:
            told.append((one.path.removeprefix("/v2"), set(one.data)))
    ground.emulator.requests.clear()
    return told


class TestWire:
    """What goes over the line, and nothing besides (pds-service.md 10 and 11)."""

    async def test_an_upload_sends_what_is_needed(self, ground, content):
        """Three requests; one and a look at the file if the content is known already."""

        async def up(data, **options):
            await ground.client.upload(data, **ground.drive, **options)
            return sent(ground)

        one = [("PUT", None), ("/file/complete", UPLOAD | {"crc64_hash"})]
        look = ("/file/get", {"drive_id", "file_id"})
        assert await up(b"abc", name="a") == [("/file/create", FIELDS | HASHES), *one]
        assert await up(b"abc", name="b") == [("/file/create", FIELDS | HASHES), look]
        assert await up(b"abc", name="c", rapid_upload=False) == [("/file/create", FIELDS), *one]
        assert await up(b"", name="d") == [("/file/create", FIELDS | HASHES), look]
        assert await up(b"", name="e", rapid_upload=False) == [("/file/create", FIELDS), *one]
        assert await up(b"abcd", name="a", check_name_mode="overwrite") == [
            ("/file/create", FIELDS | HASHES),
            ("/file/create", FIELDS | HASHES | {"file_id"}),
            *one,
        ]
        large = {"pre_hash", "content_hash_name", "part_info_list"}
        assert await up(content(2 * PART), name="f", part_size=PART) == [
            ("/file/create", FIELDS | large),
            ("PUT", None),
            *one,
        ]

    async def test_a_download_sends_what_is_needed(self, ground, content, tmp_path):
        """One question for the URL, and each range once; the whole is asked for without one."""
        file = await ground.client.upload(content(2 * PART + 1), **ground.drive, name="a")
        url = ("/file/get_download_url", {"drive_id", "file_id", "expire_sec"})
        sent(ground)
        await ground.client.download(file, tmp_path / "a")
        assert sent(ground) == [url, ("GET", None)]
        await ground.client.download(file, io.BytesIO())
        assert sent(ground) == [url, ("GET", None)]
        await ground.client.download(file, tmp_path / "b", part_size=PART)
        ranges = {f"bytes={at}-{min(at + PART, 2 * PART + 1) - 1}" for at in (0, PART, 2 * PART)}
        told = sent(ground)
        assert (told[0], {text for _, text in told[1:]}, len(told)) == (url, ranges, 4)
        async with ground.client.open(file, start=5, stop=9) as stream:
            await stream.read()
        assert sent(ground) == [url, ("GET", "bytes=5-8")]

    async def test_presigned_requests_carry_nothing_of_the_user(
        self, ground, content, tmp_path, monkeypatch
    ):
        """No token, no cookie that a reply has set, no credential of ``.netrc``, no media type."""
        (tmp_path / "netrc").write_text("machine 127.0.0.1 login who password what\n")
        monkeypatch.setenv("NETRC", os.fspath(tmp_path / "netrc"))
        cookie = Fault.headers(**{"Set-Cookie": "who=what; Path=/"})
        ground.emulator.faults.add("*", cookie, times=None)
        file = await ground.client.upload(
            content(2 * PART), **ground.drive, name="a.txt", part_size=PART
        )
        await ground.client.download(file, tmp_path / "a", part_size=PART)
        async with ground.client.open(file) as stream:
            await stream.read()
        requests = ground.emulator.requests.of("/data")
        assert len(requests) == 5
        for request in requests:
            assert not {"authorization", "cookie", "content-type"} & set(request.headers)
            assert request.headers["accept-encoding"] == "identity"

    @pytest.mark.parametrize("way", ["up", "down"])
    async def test_no_redirect_is_followed(
        self, ground, content, tmp_path, raw_storage, shows_no_secret, way
    ):
        """Another host gets neither a content nor the address of one."""
        raw_storage.answers("200 OK", b"from elsewhere")
        file = await ground.add("a", content(10))
        away = Fault.status(302, headers={"Location": raw_storage.url})
        ground.emulator.faults.add("/data", away, times=None)
        with pytest.raises(PDSError) as raised:
            if way == "up":
                await ground.client.upload(content(20), **ground.drive, name="b")
            else:
                await ground.client.download(file, tmp_path / "a")
        assert raw_storage.requests == []
        shows_no_secret(raised.value)


class TestLimits:
    """Arguments that hold for all parts and files together."""

    @pytest.mark.parametrize("way", ["up", "down", "tree up", "tree down"])
    async def test_no_more_is_under_way_than_concurrency_allows(
        self, ground, content, tmp_path, way
    ):
        """Parts of one file, or those of all files of a tree."""
        client, drive, peak = ground.client, ground.drive, Counted()
        options = {"concurrency": 3, "part_size": PART}
        data = content(12 * PART)
        tree = plant(tmp_path / "tree", {f"{at}": content(2 * PART, at) for at in range(6)})
        file, folder = await ground.add("a", data), await ground.add_folder("folder")
        if way == "tree down":
            await client.upload_tree(tree, **drive, parent_file_id=folder)
        ground.emulator.faults.add("/data", peak, times=None)
        if way == "up":
            await client.upload(
                data, **drive, name="b", parallel=True, rapid_upload=False, **options
            )
        elif way == "down":
            await client.download(file, tmp_path / "a", **options)
        elif way == "tree up":
            await client.upload_tree(tree, **drive, parent_file_id=folder, **options)
        else:
            await client.download_tree(folder, tmp_path / "there", **drive, **options)
        assert peak.peak == 3

    @pytest.mark.parametrize(
        "way", ["up", "down", "to a writer", "archive", "tree up", "tree down"]
    )
    async def test_bandwidth_holds_whatever_is_moved(self, ground, content, tmp_path, way):
        """Ten seconds' bytes take ten seconds, save for a moment at the start."""
        client, drive, rate = ground.client, ground.drive, {"bandwidth": PART / 2.5}
        tree = plant(tmp_path / "tree", {f"{at}": content(PART, at) for at in range(4)})
        file, folder = await ground.add("a", content(4 * PART)), await ground.add_folder("folder")
        if way == "tree down":
            await client.upload_tree(tree, **drive, parent_file_id=folder)
        ground.world.slept.clear()
        if way == "up":
            await client.upload(content(4 * PART, 1), **drive, name="b", **rate)
        elif way == "down":
            await client.download(file, tmp_path / "a", **rate)
        elif way == "to a writer":
            await client.download(file, io.BytesIO(), **rate)
        elif way == "archive":
            await client.download_archive([file], tmp_path / "a.zip", **rate)
        elif way == "tree up":
            await client.upload_tree(tree, **drive, parent_file_id=folder, **rate)
        else:
            await client.download_tree(folder, tmp_path / "there", **drive, **rate)
        assert 9.5 < sum(ground.world.slept) < 12

    @pytest.mark.parametrize(("parallel", "held"), [(False, 2), (True, 4)])
    async def test_an_upload_reads_one_part_ahead(self, ground, content, parallel, held):
        """In order two parts are in memory, side by side one more than are under way."""
        data = content(12 * PART)

        class Source(io.BytesIO):
            count = 0

            def read(self, size=-1):
                piece = super().read(size)
                self.count += len(piece)
                return piece

        source, most = Source(data), 0

        def look():
            nonlocal most
            arrived = sum(put.size for put in ground.puts if put.status == 200)
            most = max(most, source.count - arrived)

        ground.emulator.faults.add("/data", Counted(look), times=None)
        options = {"part_size": PART, "rapid_upload": False, "parallel": parallel}
        await ground.client.upload(source, **ground.drive, name="a", concurrency=3, **options)
        assert (held - 1) * PART < most <= held * PART


class TestTrees:
    """What is said of a tree holds for its files."""

    async def test_files_are_uploaded_as_it_was_said(self, start, content, tmp_path):
        """Hashes or none, which ones, the size of parts, and whether they go side by side."""
        tree = plant(tmp_path / "tree", {"a": content(9 * PART)})
        said = {
            "default": {},
            "silent": {"rapid_upload": False},
            "in order": {"parallel": False},
            "sha256": {"content_hash_name": "sha256"},
        }
        told = {}
        for case, options in said.items():
            async with start() as ground:
                await ground.client.upload_tree(tree, **ground.drive, part_size=PART, **options)
                asked = next(iter(ground.emulator.requests.of("/file/create"))).data
                told[case] = tuple(
                    asked.get(one) for one in ("content_hash_name", "parallel_upload")
                )
                assert {put.size for put in ground.puts} == {PART}
                assert ("pre_hash" in asked) is (case != "silent")
        assert told == {
            "default": ("sha1", True),
            "silent": (None, True),
            "in order": ("sha1", None),
            "sha256": ("sha256", True),
        }

    @pytest.mark.parametrize("resume", [True, False])
    async def test_a_large_file_is_gone_on_with_unless_told_otherwise(
        self, ground, content, tmp_path, range_from, resume
    ):
        """Of the ranges that an earlier run has left none comes again, or all do."""
        folder = await ground.add_folder("folder")
        await ground.client.upload(
            content(4 * PART), **ground.drive, name="a", parent_file_id=folder
        )
        options = {**ground.drive, "part_size": PART, "concurrency": 1, "resume": resume}
        broken = Fault.status(403, "AccessDenied", "by policy")
        ground.emulator.faults.add("/data", broken, times=1, when=range_from(2 * PART))
        report = await ground.client.download_tree(folder, tmp_path / "tree", **options)
        assert [item.path for item in report.failed] == ["a"]
        ground.emulator.requests.clear()
        report = await ground.client.download_tree(folder, tmp_path / "tree", **options)
        report.raise_first()
        assert len(ground.gets) == (2 if resume else 4)
        assert (tmp_path / "tree" / "a").read_bytes() == content(4 * PART)

    @pytest.mark.parametrize("way", ["up", "down"])
    async def test_the_home_directory_may_be_abbreviated(self, ground, tmp_path, monkeypatch, way):
        """As in a shell."""
        monkeypatch.setenv("HOME", os.fspath(tmp_path))
        folder = await ground.add_folder("folder")
        if way == "up":
            plant(tmp_path / "tree", {"a": b"abc"})
            report = await ground.client.upload_tree(
                "~/tree", **ground.drive, parent_file_id=folder
            )
            assert [item.path for item in report.done] == ["a"]
        else:
            await ground.client.download_tree(folder, "~/tree", **ground.drive)
            assert (tmp_path / "tree").is_dir()
