"""Transfers as processes: bars, Ctrl-C, SIGTERM, sudden death, and going on after them."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import re
import shlex
import signal
import struct
import termios
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pdsclient.emulator import Fault

PATIENCE_S = 30
PART = 8 << 20
CONTENT = os.urandom(3 * PART + 5)


class Gate(Fault):
    """A request that gets no answer, and says that it came."""

    def __init__(self) -> None:
        self.reached = threading.Event()

    async def play(self, exchange: Any) -> Any:
        self.reached.set()
        await asyncio.Event().wait()


@pytest.fixture
def big(tmp_path: Path) -> Path:
    """A file of four parts."""
    path = tmp_path / "big.bin"
    path.write_bytes(CONTENT)
    return path


def gate_at(domain: Any, after: int) -> Gate:
    """After so many parts the storage falls silent."""
    gate = Gate()
    domain.emulator.faults.add("/data", gate, times=None, after=after)
    return gate


def wait_for(gate: Gate) -> None:
    """Returns when the transfer waits for an answer."""
    assert gate.reached.wait(PATIENCE_S)


def finished_parts(domain: Any) -> Counter[Any]:
    """How often each part was taken."""
    records = domain.emulator.requests.of("/data")
    return Counter(one.part_number for one in records if one.status == 200)


def told_command(err: bytes) -> list[str]:
    """The command that goes on, without its first word."""
    told = re.search(r"^pdsclient: to go on: pdsclient (.*)$", err.decode(), re.MULTILINE)
    assert told, err
    assert "Traceback" not in err.decode()
    return shlex.split(told[1])


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL], ids=lambda s: s.name)
def test_upload_goes_on_in_the_middle_of_a_file(
    spawn: Any, domain: Any, big: Path, end: signal.Signals
) -> None:
    """Whatever ended it, --resume sends only what is missing; Ctrl-C and SIGTERM say how."""
    gate = gate_at(domain, 2)
    command = ["upload", "big.bin", *domain.args, "--serial", "--no-rapid", "--json"]
    process = spawn(*command)
    wait_for(gate)
    process.send_signal(end)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == (-9 if end is signal.SIGKILL else 130)
    domain.emulator.faults.clear()
    again = [*command, "--resume"] if end is signal.SIGKILL else told_command(err)
    process = spawn(*again)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    file_id = re.search(rb'"file_id":"(\w+)"', out)
    assert file_id
    assert domain.read(file_id[1].decode()) == CONTENT
    assert finished_parts(domain) == Counter(range(1, 5))
    left = Path(os.environ["XDG_STATE_HOME"], "pdsclient", "uploads")
    assert os.listdir(left) == []


def test_upload_begins_anew_without_resume(spawn: Any, domain: Any, big: Path) -> None:
    """What an earlier run left is used only where that is said."""
    gate = gate_at(domain, 2)
    command = ["upload", "big.bin", *domain.args, "--serial", "--no-rapid", "-q"]
    process = spawn(*command)
    wait_for(gate)
    process.kill()
    process.wait()
    domain.emulator.faults.clear()
    process = spawn(*command)
    assert process.communicate(timeout=PATIENCE_S) == (b"", b"")
    assert finished_parts(domain) == Counter([1, 2, 1, 2, 3, 4])


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL], ids=lambda s: s.name)
def test_download_goes_on_in_the_middle_of_a_file(
    spawn: Any, domain: Any, tmp_path: Path, end: signal.Signals
) -> None:
    """The file appears when it is whole; what was fetched is not fetched again."""
    domain.add_files([{"name": "big.bin", "content": CONTENT}])
    gate = gate_at(domain, 2)
    command = ["download", "/big.bin", *domain.args, "--to", "in", "--concurrency", 1]
    process = spawn(*command)
    wait_for(gate)
    process.send_signal(end)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert not (tmp_path / "in" / "big.bin").exists()
    domain.emulator.faults.clear()
    again = [*command, "--resume"] if end is signal.SIGKILL else told_command(err)
    before = len(domain.emulator.requests.of("/data"))
    process = spawn(*again)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    assert (tmp_path / "in" / "big.bin").read_bytes() == CONTENT
    assert os.listdir(tmp_path / "in") == ["big.bin"]
    assert len(domain.emulator.requests.of("/data")) - before == 2


def test_tree_goes_on_with_what_is_missing(spawn: Any, domain: Any, tmp_path: Path) -> None:
    """Ctrl-C in a folder says how; what is there is not sent again."""
    for number in range(20):
        (tmp_path / "photos").mkdir(exist_ok=True)
        (tmp_path / "photos" / f"{number}.jpg").write_bytes(os.urandom(1000))
    gate = gate_at(domain, 8)
    process = spawn("upload", "photos", *domain.args, "--concurrency", 2, "--no-rapid")
    wait_for(gate)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    domain.emulator.faults.clear()
    process = spawn(*told_command(err))
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    told = re.search(rb"(\d+) uploaded, (\d+) skipped", err)
    assert told, err
    assert int(told[1]) + int(told[2]) == 20
    assert int(told[2]) >= 6


def test_ctrl_c_pressed_again_does_not_wait(spawn: Any, domain: Any, big: Path) -> None:
    """The second one ends it there and then, whatever is under way."""
    gate = gate_at(domain, 0)
    process = spawn("upload", "big.bin", *domain.args)
    wait_for(gate)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM], ids=lambda s: s.name)
def test_wait_for_standard_input_can_be_ended(spawn: Any, domain: Any, end: Any) -> None:
    """A pipe that nobody writes to holds no process."""
    process = spawn("upload", "-", "--name", "x", *domain.args, stdin=-1)
    process.stdin.write(b"x" * 100)
    process.stdin.flush()
    wait_until_it_asks(domain)
    process.send_signal(end)
    assert process.wait(PATIENCE_S) == 130
    process.stdin.close()


def wait_until_it_asks(domain: Any) -> None:
    """Returns when somebody asked for the default drive: the command has begun."""
    for _ in range(PATIENCE_S * 100):
        if domain.emulator.requests.of("/drive/get_default_drive"):
            return
        threading.Event().wait(0.01)
    raise AssertionError("it asked for nothing")


def test_reader_who_has_enough_of_json_stops_no_upload(
    spawn: Any, domain: Any, tmp_path: Path
) -> None:
    """Lines are for whoever wants them; the files were asked for."""
    names = [f"{number}.txt" for number in range(6)]
    for name in names:
        (tmp_path / name).write_text(name)
    process = spawn("upload", *names, "--json", "--concurrency", 1, *domain.args)
    process.stdout.close()
    assert process.wait(PATIENCE_S) == 0
    assert b"6 uploaded" in process.stderr.read()


def test_slow_reader_of_standard_output_holds_nothing(spawn: Any, domain: Any) -> None:
    """Ctrl-C ends a download whose reader sleeps, and a reader who has enough is no error."""
    [file_id] = domain.add_files([{"name": "big.bin", "content": CONTENT}])
    process = spawn("download", f"id:{file_id}", "--to", "-", *domain.args)
    assert process.stdout.read(10) == CONTENT[:10]
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE_S) == 130
    process = spawn("download", f"id:{file_id}", "--to", "-", *domain.args)
    assert process.stdout.read(10) == CONTENT[:10]
    process.stdout.close()
    assert process.wait(PATIENCE_S) == 0
    assert process.stderr.read() == b""


@pytest.fixture
def watched(spawn: Any) -> Callable[..., str]:
    """What a command that ends well writes to a terminal of 80 columns, on these streams."""

    def start(*args: object, streams: tuple[str, ...]) -> str:
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 25, 80, 0, 0))
        process = spawn(*args, **dict.fromkeys(streams, slave))
        os.close(slave)
        text = read_all(master)
        assert process.wait() == 0
        return text

    return start


def test_terminal_gets_bars_and_then_the_summary(watched: Any, domain: Any, big: Path) -> None:
    """Bars show how far it is, and make way for the summary."""
    domain.emulator.bandwidth_bps = 40e6
    text = watched("upload", "big.bin", *domain.args, "--no-rapid", streams=("stderr",))
    assert "━" in text
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1
    assert "pdsclient: big.bin: uploaded" in text.split("\x1b[?25h")[1]


def test_bars_leave_a_terminal_to_the_lines(watched: Any, domain: Any, big: Path) -> None:
    """Where JSON is written to the same terminal, nothing moves its cursor."""
    text = watched("upload", "big.bin", *domain.args, "--json", streams=("stdout", "stderr"))
    assert "\x1b" not in text
    assert '"action":"uploaded"' in text


def read_all(descriptor: int) -> str:
    """What the other side writes to a terminal until it ends."""
    text = b""
    try:
        while piece := os.read(descriptor, 65536):
            text += piece
    except OSError:  # what Linux says when the other side is closed
        pass
    finally:
        os.close(descriptor)
    return text.decode()
