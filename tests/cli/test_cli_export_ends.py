"""How an export ends that somebody stops, and what the next one makes of it."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from pdsclient.emulator import Fault

PATIENCE_S = 30


class Silence(Fault):
    """A request that gets no answer, and says that it came."""

    def __init__(self) -> None:
        self.reached = threading.Event()

    async def play(self, exchange: Any) -> Any:
        self.reached.set()
        await asyncio.Event().wait()


@pytest.mark.parametrize("kept", [[], ["--checkpoint", "job.ckpt"]], ids=["nothing", "checkpoint"])
def test_terminate_is_as_good_as_ctrl_c(
    spawn: Any, domain: Any, tmp_path: Path, kept: list[str]
) -> None:
    """What cannot go on is removed, and what can is said: so services are stopped."""
    domain.add_files({"name": f"file{n}", "size": n} for n in range(300))
    silence = Silence()
    domain.emulator.faults.add("/file/search", silence, times=None, after=2)
    process = spawn("export", "", *domain.args, "--out", "hits.jsonl", "--concurrency", 1, *kept)
    assert silence.reached.wait(PATIENCE_S)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    left = {"token.json"} | ({"hits.jsonl.part", "job.ckpt"} if kept else set())
    assert set(os.listdir(tmp_path)) == left
    assert (b"to go on: pdsclient export" if kept else b"nothing is kept") in err


def test_output_without_its_checkpoint_may_be_complete(
    cli: Any, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever was stopped just after the end gives --resume again, and is told."""
    monkeypatch.chdir(tmp_path)
    command = ["export", "", "--dir", tree, "--out", "hits.jsonl", "--checkpoint", "c", "--resume"]
    assert cli(*command).status == 0
    outcome = cli(*command)
    assert outcome.status == 2
    assert "there is no checkpoint, so it may be complete: --force replaces it" in " ".join(
        outcome.err.split()
    )


def test_checkpoint_in_the_place_of_the_unfinished_output_is_refused(
    cli: Any, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They would write over each other, and the file would lack hits without a word."""
    monkeypatch.chdir(tmp_path)
    out = ["--out", "hits.jsonl", "--checkpoint", "hits.jsonl.part"]
    outcome = cli("export", "", "--dir", tree, *out)
    assert outcome.status == 2
    assert "choose another path" in outcome.err
    assert os.listdir(tmp_path) == []
