"""The command line as a process: terminals, pipes and signals."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import signal
import stat
import struct
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import pytest

ENDED_BY_CTRL_C = 130


def read_terminal(master: int) -> str:
    """What was written to a terminal until the other side was closed."""
    text = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:  # what Linux says when the other side is closed
            return text.decode()
        text += piece


@pytest.fixture
def terminal() -> Any:
    """A terminal of 80 columns: the side to read from, and the side for the process."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    yield master, slave
    os.close(master)


def test_terminal_gets_a_table(spawn: Any, terminal: Any, tree: Path) -> None:
    """A table of 80 columns and a summary; no hostile name gets through to the terminal."""
    master, slave = terminal
    process = spawn("search", "", "--dir", tree, stdout=slave, stderr=slave)
    os.close(slave)
    text = read_terminal(master)
    assert process.wait() == 0
    plain = re.sub(r"\x1b\[[0-9]*m", "", text)
    assert plain.startswith("NAME")
    assert "pdsclient: 12 hits, 1 page, " in plain
    assert "not served: 1 " in plain
    assert r"\x1b[31mred.txt" in plain
    assert "[bold]markup[red].txt" in plain
    assert not re.findall("[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u202e]", plain)
    assert "\x1b[31m" not in text


def test_pipe_gets_json_lines(spawn: Any, tree: Path) -> None:
    """Without a terminal each line is a JSON object, in UTF-8 whatever the locale."""
    environment = {**_environment(), "PYTHONIOENCODING": "latin-1"}
    process = spawn("search", "", "--dir", tree, env=environment)
    out, err = process.communicate()
    assert (process.returncode, err) == (0, b"")
    assert "深い.pdf" in {json.loads(line)["name"] for line in out.decode().split("\n") if line}


def test_closed_pipe_is_silent(spawn: Any, many: Path) -> None:
    """A reader that has had enough, such as head, causes no message and no error status."""
    process = spawn("search", "", "--dir", many)
    process.stdout.readline()
    process.stdout.close()
    assert (process.stderr.read(), process.wait()) == (b"", 0)


def test_ctrl_c_ends_a_write_that_nobody_reads(spawn: Any, many: Path) -> None:
    """The pipe is full and the reader sleeps: Ctrl-C still ends the command, without a word."""
    process = spawn("search", "", "--dir", many)
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == ENDED_BY_CTRL_C
    assert process.stderr.read() == b""


def test_second_ctrl_c_does_not_wait(spawn: Any, many: Path) -> None:
    """Pressed again, Ctrl-C ends the command whatever it is busy with, still without a word."""
    process = spawn("emulator", "--dir", many)
    dict(_read_greeting(process.stdout))
    for _ in range(3):
        process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) in (0, ENDED_BY_CTRL_C)
    assert process.stderr.read() == b""


def test_full_disk_is_said(spawn: Any, many: Path) -> None:
    """Output that cannot be written is an error, not a traceback."""
    with open("/dev/full", "wb") as full:
        process = spawn("search", "", "--dir", many, stdout=full)
        _, err = process.communicate()
    assert process.returncode == 1
    assert err == b"pdsclient: No space left on device\n"


def test_emulator_serves_until_ctrl_c(spawn: Any, tree: Path) -> None:
    """The command that the emulator prints finds files; Ctrl-C ends it and removes the token."""
    server = spawn("emulator", "--dir", tree)
    said = dict(_read_greeting(server.stdout))
    token_file = Path(said["token file"])
    assert stat.S_IMODE(token_file.stat().st_mode) == 0o600
    token = json.loads(token_file.read_text())["access_token"]
    endpoint = ("--endpoint", said["endpoint"], "--token-file", token_file)
    assert f"{said['try'][:-2]} {said['']}".endswith(" ".join(map(str, endpoint)))
    out, _ = spawn("search", "size = 3000", *endpoint).communicate()
    assert json.loads(out)["name"] == "深い.pdf"
    server.send_signal(signal.SIGINT)
    rest, err = server.communicate(timeout=20)
    assert (server.returncode, err) == (0, b"")
    assert not token_file.parent.exists()
    assert token not in f"{said}{rest!r}"


def test_emulator_ends_on_terminate_too(spawn: Any, tmp_path: Path) -> None:
    """SIGTERM is a proper end as well; a token file that was asked for stays."""
    token_file = tmp_path / "token.json"
    server = spawn("emulator", "--token-file", token_file)
    dict(_read_greeting(server.stdout))
    server.terminate()
    assert (server.communicate(timeout=20)[1], server.returncode) == (b"", 0)
    assert token_file.exists()


def test_package_without_the_extra_still_imports(tmp_path: Path) -> None:
    """``import pdsclient`` loads neither typer nor rich, nor the emulator's server."""
    check = "import pdsclient, sys; print({'typer', 'rich', 'aiohttp.web'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", check],
        env=_environment(),
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    assert done.stdout == b"set()\n"


def _read_greeting(stream: Any) -> Any:
    for line in iter(stream.readline, b"Ctrl-C ends it.\n"):
        text = line.decode()
        yield text[:11].strip(), text[11:].strip()


def _environment() -> dict[str, str]:
    import pdsclient

    return {**os.environ, "PYTHONPATH": str(Path(pdsclient.__file__).parents[1])}
