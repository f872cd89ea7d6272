"""What holds of transfers whatever their size, whatever breaks, and whoever steers them."""

from __future__ import annotations

import asyncio
import io
import os
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pdsclient import ContentChanged, PDSError
from pdsclient._crc64 import crc64
from pdsclient.emulator import Fault, Settings

PART = 102_400

some = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
few = settings(some, max_examples=15)

# Around everything at which something changes: what is hashed first, parts, many of them.
edges = st.builds(
    lambda edge, more: max(0, edge + more),
    st.sampled_from([0, 1024, PART, 2 * PART, 5 * PART]),
    st.integers(-1, 1),
)


def written(folder: str, data: bytes) -> Any:
    """The path of a file with this content."""
    path = Path(folder, "a")
    path.write_bytes(data)
    # Long ago: clocks of file systems may not tell two writes of the same moment apart.
    os.utime(path, (1e9, 1e9))
    return path


async def steps(count: int) -> None:
    """So many rounds of the event loop."""
    for _ in range(count):
        await asyncio.sleep(0)


# ------------------------------------------------------------------ sizes


@few
@given(
    size=edges,
    up=st.sampled_from([None, PART, PART + 1]),
    down=st.sampled_from([None, PART, 2 * PART - 1]),
    parallel=st.sampled_from([None, True, False]),
    concurrency=st.sampled_from([1, 3, 16]),
)
async def test_what_was_uploaded_is_downloaded(
    start, content, size, up, down, parallel, concurrency
):
    """Also in other parts than it was sent in; to a path, to an object, and as a stream."""
    data = content(size)
    async with start(settings=Settings(parallel_rules="strict", smallest_part=PART)) as ground:
        client = ground.client
        file = await client.upload(
            data,
            **ground.drive,
            name="a",
            part_size=up,
            parallel=parallel,
            concurrency=concurrency,
        )
        with TemporaryDirectory() as folder:
            path = await client.download(
                file, Path(folder, "a"), part_size=down, concurrency=concurrency
            )
            assert path.read_bytes() == data
            assert os.listdir(folder) == ["a"]
        written = io.BytesIO()
        assert await client.download(file, written) == size
        async with client.open(file) as stream:
            assert written.getvalue() == await stream.read() == data


# ------------------------------------------------------------------ streams

positions = st.one_of(st.none(), st.integers(0, 2_000), st.sampled_from([2 * PART, 2 * PART + 1]))


@some
@given(
    first=st.one_of(positions.map(lambda at: at or 0), st.integers(-2_000, -1)),
    stop=positions,
    reads=st.lists(
        st.tuples(
            st.one_of(st.sampled_from([-1, 0, 1, None]), st.integers(2, 3 * PART)),
            st.one_of(st.none(), st.integers(0, 20)),
        ),
        max_size=6,
    ),
    cuts=st.lists(st.integers(0, PART), max_size=2),
)
async def test_reading_in_any_portions_gives_the_slice(ground, content, first, stop, reads, cuts):
    """By ``read`` and by iteration in turn; also if reads are cancelled and connections break."""
    data = content(2 * PART + 1)
    file = await _kept_file(ground, data)
    ground.emulator.faults.clear()
    for keep in cuts:
        ground.emulator.faults.add("/data", Fault.truncate(keep, end="reset"))
    wanted = io.BytesIO(data[first:stop])
    async with ground.client.open(file, start=first, stop=stop) as stream:
        for count, cancelled_after in reads:
            reading = asyncio.ensure_future(_read(stream, count))
            if cancelled_after is not None:
                await steps(cancelled_after)
                reading.cancel()
            with suppress(asyncio.CancelledError):
                piece = await reading
                assert piece == wanted.read(len(piece) if count is None else count)
        assert await stream.read() == wanted.read()
        assert await stream.read() == b""


async def _read(stream: Any, count: int | None) -> bytes:
    return bytes(await anext(stream, b"") if count is None else await stream.read(count))


async def _kept_file(ground: Any, data: bytes) -> Any:
    """The file, which is made once for all examples."""
    listed = await ground.client.file.list(**ground.drive, parent_file_id="root").collect()
    return listed[0] if listed else await ground.add("a", data)


# ------------------------------------------------------------------ steering


class Steered:
    """A transfer in somebody's hands, and what it told."""

    def __init__(self, transfer: Any) -> None:
        self.transfer = transfer
        self.states: list[str] = []
        self.is_cancelled = False
        transfer.on("state", self._note)

    def _note(self, state: str, progress: Any) -> None:
        self.states.append(state)

    def _look(self, progress: Any) -> None:
        assert 0 <= progress.bytes_done <= progress.bytes_total

    async def do(self, act: Any) -> None:
        transfer = self.transfer
        if isinstance(act, int):
            await steps(act)
        elif act == "cancel":
            self.is_cancelled = True
            transfer.cancel()
        elif act == "listen":
            transfer.on("progress", self._look)
        elif act == "leave":
            transfer.off("progress", self._look)
        elif act == "fail":
            transfer.once("progress", lambda _: 1 / 0)
        else:
            getattr(transfer, act)()


acts = st.lists(
    st.one_of(
        st.sampled_from(["start", "pause", "resume", "listen", "leave", "fail"]),
        st.integers(0, 30),
    ),
    max_size=10,
)


@few
@given(acts=acts, last=st.sampled_from(["resume", "cancel"]), up=st.booleans())
async def test_steering_in_any_order_does_no_harm(start, content, acts, last, up):
    """Resumed at last it ends as if nobody had touched it; cancelled, it can be done again."""
    data = content(4 * PART + 1)
    async with start() as ground:
        with TemporaryDirectory() as folder:
            client, path = ground.client, Path(folder, "a")
            file = await ground.add("a", data)

            def begin(mode: Any = "refuse") -> Any:
                if up:
                    place = {**ground.drive, "name": "b", "check_name_mode": mode}
                    return client.upload(data, **place, part_size=PART)
                return client.download(file, path, part_size=PART, check_name_mode="overwrite")

            steered = Steered(begin())
            for act in [*acts, last]:
                await steered.do(act)
            try:
                result = await steered.transfer
            except asyncio.CancelledError:
                assert last == "cancel"
                assert steered.transfer.state == "cancelled"
                # Cancelled in its last step it may have done its work.
                result = await begin("skip")
            found = await ground.content(result) if up else result.read_bytes()
            assert found == data
            steered.transfer.resume()
            steered.transfer.pause()
            steered.transfer.cancel()
            assert steered.states[-1] == steered.transfer.state
            assert not {"done", "cancelled", "failed"} & set(steered.states[:-1])


# ------------------------------------------------------------------ faults

OPERATIONS = [
    "/data", "/data", "/data", "/file/create", "/file/complete", "/file/get_upload_url",
    "/file/list_uploaded_parts", "/file/get_download_url", "/file/get",
]  # fmt: skip
FAULTS = {
    "reset": Fault.reset,
    "lost answer": lambda: Fault.reset(processed=True),
    "close": Fault.close,
    "500": lambda: Fault.status(500),
    "503": lambda: Fault.status(503),
    "429": lambda: Fault.status(429),
    "403": lambda: Fault.status(403),
    "expired": Fault.expired,
    "cut": lambda: Fault.cut_body(40_000),
    "short": lambda: Fault.truncate(40_000),
    "torn": lambda: Fault.truncate(40_000, end="reset"),
    "wrong": lambda: Fault.corrupt(99),
    "no ranges": Fault.ignore_range,
    "html": Fault.html,
}
OF_CONTENTS = {"expired", "cut", "wrong", "no ranges"}

faults = st.lists(
    st.tuples(
        st.sampled_from(OPERATIONS),
        st.sampled_from(sorted(FAULTS)),
        st.integers(0, 5),
        st.sampled_from([1, 1, 2, 9]),
    ).filter(lambda one: one[0] == "/data" or one[1] not in OF_CONTENTS),
    max_size=3,
)


def spoil(ground: Any, faults: list[Any]) -> None:
    for operation, fault, after, times in faults:
        ground.emulator.faults.add(operation, FAULTS[fault](), after=after, times=times)


@some
@given(faults=faults, parallel=st.booleans(), rapid=st.booleans())
async def test_an_upload_arrives_or_fails_and_can_be_gone_on_with(
    start, content, faults, parallel, rapid
):
    """Whatever breaks: no half file, and the same call brings it to its end."""
    data = content(4 * PART + 1)
    async with start(settings=Settings(parallel_rules="strict")) as ground:
        with TemporaryDirectory() as folder:
            path, kept = written(folder, data), Path(folder, "kept")

            def upload() -> Any:
                return ground.client.upload(
                    path, **ground.drive, part_size=PART, parallel=parallel, checkpoint=kept,
                    rapid_upload=rapid,
                )  # fmt: skip

            spoil(ground, faults)
            try:
                file = await upload()
            except PDSError:
                ground.emulator.faults.clear()
                file = await upload()
            ground.emulator.faults.clear()
            assert await ground.content(file) == data
            assert file.crc64_hash == str(crc64(data))
            assert os.listdir(folder) == ["a"]
            listed = await ground.client.file.list(**ground.drive, parent_file_id="root").collect()
            assert [one.file_id for one in listed] == [file.file_id]
            if "wrong" not in {fault for _, fault, *_ in faults}:
                assert ground.sent_twice() == []


@some
@given(faults=faults, form=st.sampled_from(["path", "writer", "stream"]))
async def test_a_download_arrives_or_fails_and_can_be_gone_on_with(start, content, faults, form):
    """Whatever breaks: nothing wrong is taken for the content, and the same call gets it."""
    data = content(4 * PART + 1)
    async with start() as ground:
        with TemporaryDirectory() as folder:
            file = await ground.add("a", data)
            spoil(ground, faults)
            get = _GETTERS[form]
            try:
                found = await get(ground.client, file, Path(folder, "a"))
            except PDSError:
                assert set(os.listdir(folder)) <= {"a.part"}
                ground.emulator.faults.clear()
                found = await get(ground.client, file, Path(folder, "a"))
            assert found == data
            assert os.listdir(folder) == ["a"] * (form == "path")


async def _to_path(client: Any, file: Any, path: Any) -> bytes:
    await client.download(file, path, part_size=PART, concurrency=3)
    return path.read_bytes()


async def _to_writer(client: Any, file: Any, path: Path) -> bytes:
    target = io.BytesIO()
    assert await client.download(file, target) == len(target.getvalue())
    return target.getvalue()


async def _as_stream(client: Any, file: Any, path: Path) -> bytes:
    async with client.open(file) as stream:
        return b"".join([chunk async for chunk in stream])


_GETTERS = {"path": _to_path, "writer": _to_writer, "stream": _as_stream}


# ------------------------------------------------------------------ sources


class Unsteady(io.BytesIO):
    """A file with which something happens at one of its reads."""

    def __init__(self, data: bytes, at: int, what: str) -> None:
        super().__init__(data)
        self._at, self._what, self._reads = at, what, 0

    def read(self, size: int | None = -1) -> bytes:
        # Reading nothing is how somebody finds out that it is no text.
        self._reads += bool(size)
        if size and self._reads == self._at:
            getattr(self, "_" + self._what)()
        return super().read(min(size or 0, 50_000))

    def _fail(self) -> None:
        raise OSError(5, "Input/output error")

    def _close(self) -> None:
        self.close()

    def _end(self) -> None:
        self.truncate(self.tell())

    def _lose_its_place(self) -> None:
        self.seek = self._no_seek  # type: ignore[method-assign]

    def _no_seek(self, *_: Any) -> int:
        raise OSError(29, "Illegal seek")


@some
@given(
    at=st.integers(1, 10),
    what=st.sampled_from(["fail", "close", "end", "lose_its_place"]),
    size=edges,
    parallel=st.booleans(),
    rapid=st.booleans(),
)
async def test_a_source_that_fails_becomes_no_file(start, content, at, what, size, parallel, rapid):
    """Its own error, or that it was changed, is raised; another source gets the name."""
    data = content(size)
    async with start() as ground:
        source = Unsteady(data, at, what)
        options = {**ground.drive, "name": "a", "part_size": PART, "parallel": parallel}
        try:
            file = await ground.client.upload(source, **options, rapid_upload=rapid)
        except (OSError, ValueError, ContentChanged):
            listed = await ground.client.file.list(**ground.drive, parent_file_id="root").collect()
            assert listed == []
            file = await ground.client.upload(data, **options)
        assert await ground.content(file) == data


@some
@given(
    at=st.integers(0, 4 * PART),
    what=st.sampled_from(["shorter", "longer", "other", "gone"]),
    when=st.integers(1, 300),
    parallel=st.booleans(),
)
async def test_a_path_that_changes_is_seen_or_was_read_before(
    start, content, at, what, when, parallel
):
    """What becomes a file is what was there at one moment, never a mixture."""
    data, other = content(4 * PART), content(4 * PART, seed=1)
    changed = {"shorter": data[:at], "longer": data + other, "other": data[:at] + other[at:]}
    async with start() as ground:
        with TemporaryDirectory() as folder:
            path = written(folder, data)
            transfer = ground.client.upload(
                path, **ground.drive, part_size=PART, parallel=parallel, rapid_upload=False
            ).start()
            await steps(when)
            path.unlink() if what == "gone" else path.write_bytes(changed[what])
            try:
                file = await transfer
            except (ContentChanged, FileNotFoundError):
                listed = await ground.client.file.list(**ground.drive, parent_file_id="root")
                assert listed.items == []
            else:
                assert await ground.content(file) in (data, changed.get(what, data))
