"""``pdsclient export`` as a process: bars, Ctrl-C, sudden death, and going on after them."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import shlex
import signal
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pdsclient.emulator import Fault

PATIENCE_S = 30


class Gate(Fault):
    """A request that gets no answer, and says that it came."""

    def __init__(self) -> None:
        self.reached = threading.Event()

    async def play(self, exchange: Any) -> Any:
        self.reached.set()
        await asyncio.Event().wait()


@pytest.fixture
def gate(domain: Any) -> Any:
    """A drive of 1,500 files; after some pages the service falls silent."""
    domain.add_files({"name": f"file{n}", "size": n} for n in range(1_500))
    gate = Gate()
    domain.emulator.faults.add("/file/search", gate, times=None, after=9)
    return gate


def wait_for(gate: Gate) -> None:
    """Returns when the export waits for an answer."""
    assert gate.reached.wait(PATIENCE_S)


def names(path: Path) -> Counter[str]:
    """How often each name is in a file of JSON lines."""
    return Counter(json.loads(line)["name"] for line in path.read_text().splitlines())


EVERYTHING = Counter(["report.pdf", *(f"file{n}" for n in range(1_500))])


@pytest.mark.parametrize("how", [[], ["--partition", "size"]], ids=["plain", "partitioned"])
def test_killed_export_goes_on_where_it_was(
    spawn: Any, domain: Any, gate: Any, tmp_path: Path, how: list[str]
) -> None:
    """Kill -9, the same command with --resume: the file has each hit exactly once."""
    command = ["export", 'type = "file"', *domain.args, "--out", "hits.jsonl", *how]
    command += ["--concurrency", 2, "--checkpoint", "job.ckpt"]
    process = spawn(*command)
    wait_for(gate)
    process.kill()
    process.wait()
    assert not (tmp_path / "hits.jsonl").exists()
    domain.emulator.faults.clear()
    process = spawn(*command, "--resume")
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    assert names(tmp_path / "hits.jsonl") == EVERYTHING
    assert b"1,501 hits" in err
    assert sorted(os.listdir(tmp_path)) == ["hits.jsonl", "token.json"]


def test_ctrl_c_tells_the_command_that_goes_on(
    spawn: Any, domain: Any, gate: Any, tmp_path: Path
) -> None:
    """Ctrl-C ends with status 130 and keeps what was written; the printed command completes it."""
    command = ["export", 'type = "file"', *domain.args, "--out", "the hits.jsonl"]
    process = spawn(*command, "--checkpoint", "job.ckpt", "--concurrency", 1)
    wait_for(gate)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    told = re.search(r"^pdsclient: to go on: pdsclient (.*)$", err.decode(), re.MULTILINE)
    assert told, err
    assert "Traceback" not in err.decode()
    written = (tmp_path / "the hits.jsonl.part").read_text().splitlines()
    assert 0 < len(written) < 1_501
    domain.emulator.faults.clear()
    process = spawn(*shlex.split(told[1]))
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    assert names(tmp_path / "the hits.jsonl") == EVERYTHING


def test_ctrl_c_without_a_checkpoint_leaves_nothing(
    spawn: Any, domain: Any, gate: Any, tmp_path: Path
) -> None:
    """What cannot be continued is removed, and a line says how it could have been."""
    process = spawn("export", "", *domain.args, "--out", "hits.jsonl", "--concurrency", 1)
    wait_for(gate)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, out) == (130, b"")
    assert err == b"pdsclient: nothing is kept; an export with --checkpoint could go on\n"
    assert os.listdir(tmp_path) == ["token.json"]


def test_other_query_is_not_taken_for_a_continuation(
    spawn: Any, domain: Any, gate: Any, tmp_path: Path
) -> None:
    """A checkpoint goes with its query: with another one it is refused, and kept."""
    args = [*domain.args, "--out", "hits.jsonl", "--checkpoint", "job.ckpt"]
    process = spawn("export", 'type = "file"', *args)
    wait_for(gate)
    process.kill()
    process.wait()
    domain.emulator.faults.clear()
    process = spawn("export", "size > 3", *args, "--resume")
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2
    assert b"the checkpoint is that of another search" in err
    assert b"to go on" not in err
    assert (tmp_path / "job.ckpt").exists()


def test_terminal_gets_a_bar_and_then_the_summary(spawn: Any, many: Path) -> None:
    """On a terminal a bar shows how far it is; it makes way for the summary."""
    master, slave = pty.openpty()
    process = spawn("export", "", "--dir", many, "--out", "hits.jsonl", stderr=slave)
    os.close(slave)
    text = ""
    try:
        while piece := os.read(master, 65536):
            text += piece.decode()
    except OSError:  # what Linux says when the other side is closed
        pass
    finally:
        os.close(master)
    assert process.wait() == 0
    assert "━" in text
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1
    assert "pdsclient: hits.jsonl: 250 hits" in text.split("\x1b[?25h")[1]
