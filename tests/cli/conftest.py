"""The command line, called in this process (fast) or started as a process of its own (real)."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar

import pytest

import pdsclient
from pdsclient.__main__ import main
from pdsclient.emulator import Emulator
from pdsclient.token_store import FileTokenStore

CALM = "plain.txt"
HOSTILE = (
    "new\nline.txt",
    "\x1b[31mred.txt",
    "c1\x9b31m.txt",
    "bidi\u202egnp.txt",
    "[bold]markup[red].txt",
    "漢" * 85,
    "a" * 255,
    'quote",comma.csv',
    "null\u2028separator",
)


class Outcome(NamedTuple):
    """How a command ended."""

    status: object
    out: str
    err: str


T = TypeVar("T")
Cli = Callable[..., Outcome]
Spawn = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: Any) -> None:
    """Whoever runs these tests may have a domain of their own, and uploads to go on with."""
    for name in [name for name in os.environ if name.startswith("PDS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Calls the command line in this process."""

    def call(*args: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["pdsclient", *map(str, args)])
        try:
            status: object = main()
        except SystemExit as error:
            status = int(error.code or 0)
        return Outcome(status, *capsys.readouterr())

    return call


def environment() -> dict[str, str]:
    """The environment for a process that imports the same package as this one."""
    package = Path(pdsclient.__file__).parents[1]
    return {**os.environ, "PYTHONPATH": str(package), "TERM": "xterm", "COLUMNS": ""}


@pytest.fixture
def spawn(tmp_path: Path) -> Iterator[Spawn]:
    """Starts the command line as a process; it is gone when the test ends."""
    with _processes(tmp_path) as start:
        yield start


@contextmanager
def _processes(directory: Path) -> Iterator[Spawn]:
    started: list[subprocess.Popen[bytes]] = []

    def start(*args: object, **options: object) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "pdsclient", *map(str, args)]
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        settings = {"cwd": directory, "env": environment(), **streams, **options}
        started.append(subprocess.Popen(command, **settings))  # type: ignore[call-overload]
        return started[-1]

    try:
        yield start
    finally:
        for process in started:
            process.kill()
            process.wait()
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with one calm file, one in a folder, and names made to hurt terminals."""
    root = tmp_path_factory.mktemp("tree")
    for name in (CALM, *HOSTILE):
        (root / name).write_bytes(b"x" * 2000)
    (root / "sub").mkdir()
    (root / "sub" / "深い.pdf").write_bytes(b"x" * 3000)
    Path(os.fsdecode(os.fsencode(root) + b"/bad\xff\xfe.txt")).write_bytes(b"x")
    return root


@pytest.fixture(scope="session")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory whose listing is longer than what a pipe holds."""
    root = tmp_path_factory.mktemp("many")
    for number in range(250):
        (root / f"file{number}.txt").touch()
    return root


@pytest.fixture
def domain(tmp_path: Path) -> Iterator[Domain]:
    """A running emulator in a thread of its own, as another process would be."""
    with Domain(tmp_path / "token.json") as domain:
        yield domain


class Domain:
    """An emulator with one file, and a token file for it."""

    def __init__(self, token_file: Path) -> None:
        self.token_file = token_file
        self.emulator: Emulator
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve)
        self._ready = threading.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()

    @property
    def args(self) -> tuple[object, ...]:
        """The options that name it."""
        return "--endpoint", self.emulator.api_endpoint, "--token-file", self.token_file

    def run(self, job: Coroutine[Any, Any, T]) -> T:
        """The outcome of a coroutine of the emulator, run where it lives."""
        return asyncio.run_coroutine_threadsafe(job, self._loop).result()

    def add_files(self, rows: Iterable[dict[str, object]]) -> list[str]:
        """Add files to the drive; their ids."""
        return self.run(self.emulator.add_files(list(rows)))

    def read(self, file_id: str) -> bytes:
        """The content of a file."""
        return self.run(self.emulator.read_file(file_id))

    def _serve(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._live())

    async def _live(self) -> None:
        self._ended = asyncio.Event()
        async with Emulator() as self.emulator:
            await self.emulator.add_files([{"name": "report.pdf", "size": 3}])
            await FileTokenStore(self.token_file).save(self.emulator.token_info)
            self._ready.set()
            await self._ended.wait()
