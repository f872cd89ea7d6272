"""What newcomers ran into at the command line, each mistake once."""

from __future__ import annotations

import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pdsclient.cli.terminal import Exit, run, write
from pdsclient.emulator import Emulator, Settings
from pdsclient.errors import InvalidRequest


@pytest.mark.parametrize(
    "content", [b"# A read me, long enough to be read as a page.\n" * 100, None]
)
def test_emulator_says_in_words_that_a_database_cannot_be_opened(
    cli: Any, tmp_path: Path, content: bytes | None
) -> None:
    """A file of another kind, or a folder that is missing, is wrong usage, not a traceback."""
    path = tmp_path / "read.me" if content else tmp_path / "missing" / "pds.db"
    if content:
        path.write_bytes(content)
    outcome = cli("emulator", "--database", path)
    assert outcome.status == 2
    assert outcome.err.startswith(f"pdsclient: database {path}: ")
    assert "Traceback" not in outcome.err
    assert not content or path.read_bytes() == content


def test_emulator_adds_no_tables_to_the_database_of_another_program(
    cli: Any, tmp_path: Path
) -> None:
    """A SQLite file that somebody else made is refused and keeps its tables."""
    path = tmp_path / "places.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE places(id)")
    outcome = cli("emulator", "--database", path)
    assert outcome.status == 2
    assert "another program's" in outcome.err
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("places",)]


async def test_emulator_opens_its_own_database_again(tmp_path: Path) -> None:
    """What one run stored in a file, the next one serves."""
    path = tmp_path / "pds.db"
    async with Emulator(database=path) as emulator:
        await emulator.add_files([{"name": "kept.txt", "size": 1}])
    async with Emulator(database=path):
        pass
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM file WHERE name = 'kept.txt'").fetchone()[0]


@pytest.mark.parametrize("latency", ["inf", "nan"])
def test_emulator_refuses_a_latency_that_never_ends(cli: Any, latency: str) -> None:
    """An emulator that answers nothing would look broken; the option is refused."""
    outcome = cli("emulator", "--latency", latency)
    assert outcome.status == 2
    assert "latency" in outcome.err


@pytest.mark.parametrize("delay", [float("inf"), float("nan"), -1, True])
def test_delays_of_the_emulator_are_finite(delay: float) -> None:
    """A delay that never ends is a mistake in a test, told where it is written."""
    with pytest.raises(InvalidRequest, match="finite number of seconds"):
        Settings(index_delay_s=delay)


def test_ctrl_c_just_before_a_write_is_heard(capsys: pytest.CaptureFixture[str]) -> None:
    """A write that nobody may ever read does not begin once the command was told to stop."""

    async def job() -> None:
        signal.raise_signal(signal.SIGINT)
        write("more")

    with pytest.raises(SystemExit) as ended:
        run(job())
    assert ended.value.code == Exit.INTERRUPTED
    assert capsys.readouterr().out == ""
