"""The benchmarks: that they run, and that they judge."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

import pdsclient

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def load(monkeypatch):
    """Imports a module of the benchmarks; afterwards nothing of them is left."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if str(BENCHMARKS) in (getattr(sys.modules[name], "__file__", None) or ""):
            del sys.modules[name]


def give(load, monkeypatch, *results):
    """The program, with one benchmark that has these results."""
    run = load("run")

    async def benchmark(effort):
        return list(results)

    monkeypatch.setattr(run, "BENCHMARKS", {"given": benchmark})
    return run


def test_a_budget_that_is_exceeded_fails_the_check(load, monkeypatch, capsys):
    """The exit status is 1, and the row says FAIL."""
    run = give(load, monkeypatch, load("harness").at_most("a call", 0.95, 0.97))
    assert run.main(["--check"]) == 1
    assert "| a call | ≤ 0.95 | 0.97 | FAIL |" in capsys.readouterr().out


def test_without_check_nothing_fails(load, monkeypatch, capsys):
    """The table tells it, the exit status does not."""
    run = give(load, monkeypatch, load("harness").at_most("a call", 0.95, 0.97))
    assert run.main([]) == 0
    assert "FAIL" in capsys.readouterr().out


def test_a_smoke_run_judges_nothing(load, monkeypatch, capsys):
    """Two rounds say nothing, so the row has no verdict."""
    run = give(load, monkeypatch, load("harness").at_most("a call", 0.95, 0.97))
    assert run.main(["--smoke", "--check"]) == 0
    assert "FAIL" not in capsys.readouterr().out


def test_what_reaches_its_budget_passes(load, monkeypatch, capsys):
    """Exactly the budget is within it, for upper and for lower bounds."""
    harness = load("harness")
    results = [harness.at_most("time", 5, 5, "ms"), harness.at_least("pages", 400, 400)]
    assert give(load, monkeypatch, *results).main(["--check"]) == 0
    assert capsys.readouterr().out.count("PASS") == 2


def test_a_comparison_that_is_not_possible_is_no_failure(load, monkeypatch, capsys):
    """The row says why it was skipped."""
    run = give(load, monkeypatch, load("harness").told("the vendor's SDK", "skipped"))
    assert run.main(["--check"]) == 0
    assert "| the vendor's SDK |  | skipped |  |" in capsys.readouterr().out


def test_the_ratio_is_the_median_of_the_rounds(load):
    """A round that was disturbed on one side does not move it."""
    assert load("harness").ratio([1.0, 2.0, 90.0], [2.0, 4.0, 6.0]) == 0.5


def test_requests_are_told_apart_by_their_length(load):
    """The canned server finds the end of each, also when two arrive at once."""
    first_request = load("canned")._first_request
    request = b"POST /a HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"
    assert first_request(request + request) == (b"POST /a HTTP/1.1", b"{}", len(request))
    assert first_request(request[:-1]) is None
    assert first_request(request[:20]) is None


def test_the_sample_is_a_page_of_a_normal_size(load):
    """100 files of 30 fields, all of which the model knows."""
    sample = load("sample")
    from pdsclient._codec import decode
    from pdsclient.models import File, FilePage

    page = decode(sample.PAGE, FilePage)
    assert len(page.items) == 100
    assert all(len(file) == 30 for file in page.raw()["items"])
    assert set(page.raw()["items"][0]) <= set(File.__struct_fields__)
    assert decode(sample.ALPHABETICAL_PAGE, FilePage) == page


def test_the_program_runs():
    """The benchmark that counts, in a process of its own."""
    package = str(Path(pdsclient.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "run.py"), "--smoke", "--only", "overhead"],
        env={**os.environ, "PYTHONPATH": package},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "| frames of ours above aiohttp | ≤ 3 | 3 |  |" in done.stdout
