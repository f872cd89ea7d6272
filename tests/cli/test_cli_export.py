"""``pdsclient export``: what is written, said and returned."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from pdsclient.bulk.progress import Meter
from pdsclient.cli.exporting import _show
from pdsclient.emulator import Fault


def rows(path: Path) -> list[dict[str, Any]]:
    """What JSON lines hold."""
    data = path.read_bytes()
    data = gzip.decompress(data) if path.suffix == ".gz" else data
    return [json.loads(line) for line in data.splitlines()]


def names(path: Path) -> list[str]:
    """The names in JSON lines, sorted."""
    return sorted(row["name"] for row in rows(path))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory to work in."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_directory_is_exported(cli: Any, tree: Path, here: Path) -> None:
    """All hits are in the file, and a summary on standard error; nothing else is left."""
    outcome = cli("export", "", "--dir", tree, "--out", "hits.jsonl")
    assert (outcome.status, outcome.out) == (0, "")
    found = {one.name for one in tree.rglob("*") if "bad" not in one.name}
    assert set(names(here / "hits.jsonl")) == found
    hits, requests, skipped = outcome.err.splitlines()
    assert hits.startswith("pdsclient: hits.jsonl: 12 hits, ")
    assert requests == "pdsclient: 1 request, 0 retries, waited 0.0 s"
    assert skipped.startswith("pdsclient: not served: 1 ")
    assert os.listdir(here) == ["hits.jsonl"]


@pytest.mark.parametrize("partition", ["created_at", "image_time", "size"])
@pytest.mark.parametrize("workers", [1, 16])
def test_partitioned_export_has_each_hit_once(
    cli: Any, many: Path, here: Path, partition: str, workers: int
) -> None:
    """Whatever the search is cut along, the file holds what is there, once."""
    how = ["--partition", partition, "--concurrency", workers, "--quiet"]
    outcome = cli("export", 'type = "file"', "--dir", many, "--out", "hits.jsonl.gz", *how)
    assert outcome == (0, "", "")
    assert names(here / "hits.jsonl.gz") == sorted(one.name for one in many.iterdir())


def test_export_cut_along_a_key_that_moves_has_each_hit(cli: Any, many: Path, here: Path) -> None:
    """``updated_at`` may bring a file twice, but loses none."""
    how = ["--partition", "updated_at"]
    cli("export", 'type = "file"', "--dir", many, "--out", "hits.jsonl", *how)
    assert set(names(here / "hits.jsonl")) == {one.name for one in many.iterdir()}


def test_order_is_kept_when_asked_for(cli: Any, many: Path, here: Path) -> None:
    """``--ordered`` writes in the order of the search, though parts are read at once."""
    how = ["--partition", "size", "--ordered", "--order-by", "size ASC,name DESC"]
    cli("export", 'type = "file"', "--dir", many, "--out", "hits.jsonl", *how)
    found = [row["name"] for row in rows(here / "hits.jsonl")]
    assert found == sorted((one.name for one in many.iterdir()), reverse=True)


def test_csv_and_parquet_are_chosen_by_suffix(cli: Any, many: Path, here: Path) -> None:
    """The name of the file says what it is."""
    for name in ("hits.csv", "hits.parquet"):
        assert cli("export", "", "--dir", many, "--out", name).status == 0
    text = (here / "hits.csv").read_text(encoding="utf-8")
    in_csv = {row["name"] for row in csv.DictReader(io.StringIO(text, newline=""))}
    table = pyarrow.parquet.read_table(here / "hits.parquet")
    expected = {one.name for one in many.iterdir()}
    assert in_csv == set(table["name"].to_pylist()) == expected


def test_max_hits_is_the_most_that_is_written(cli: Any, many: Path, here: Path) -> None:
    """``--max-hits`` counts hits, not pages."""
    cli("export", "", "--dir", many, "--out", "hits.jsonl", "--max-hits", 123)
    assert len(rows(here / "hits.jsonl")) == 123


QUERIES = """\
name = "file1.txt"

{"query": "name = \\"file2.txt\\"", "key": "the second"}
{"query": "name in [\\"file3.txt\\", \\"file4.txt\\"]"}
"""


@pytest.mark.parametrize("source", ["queries.txt", "-"])
def test_many_queries_are_read_from_a_file(
    cli: Any, many: Path, here: Path, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A query or a job on each line; its hits carry its key, else the number of its line."""
    data = QUERIES.encode("utf-8-sig")
    (here / "queries.txt").write_bytes(data)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
    how = ["--queries", source, "--job-column", "job"]
    assert cli("export", "--dir", many, "--out", "hits.jsonl", *how).status == 0
    found = sorted((row["name"], row["job"]) for row in rows(here / "hits.jsonl"))
    assert found == [
        ("file1.txt", "1"),
        ("file2.txt", "the second"),
        ("file3.txt", "4"),
        ("file4.txt", "4"),
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("sise > 3", "queries.txt, line 2: query: there is no field 'sise'"),
        ('{"query": "size > 3"', "queries.txt, line 2: Expecting"),
        ('{"query": "size > 3", "drive_id": 3}', "line 2: drive_id must be"),
        ('{"query": "size > 3", "drive": "1"}', "no field 'drive'"),
        ('{"key": "a"}', "needs a query"),
        ('{"query": 3}', "line 2: the query of a SearchJob"),
        ("\udcff", "not UTF-8, at byte 9"),
    ],
)
def test_mistake_in_a_queries_file_is_named_by_its_line(
    cli: Any, many: Path, here: Path, line: str, said: str
) -> None:
    """All lines are checked before the first is sent, and nothing is written."""
    text = f"size > 1\n{line}\n".encode(errors="surrogateescape")
    (here / "queries.txt").write_bytes(text)
    outcome = cli("export", "--dir", many, "--out", "hits.jsonl", "--queries", "queries.txt")
    assert outcome.status == 2
    assert said in " ".join(outcome.err.split())
    assert os.listdir(here) == ["queries.txt"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ([], "either QUERY or --queries"),
        (["size > 1", "--queries", "q.txt"], "either QUERY or --queries"),
        (["--queries", "nowhere.txt"], "--queries nowhere.txt: No such file"),
        (["sise > 1"], "there is no field 'sise'"),
        (["size > 1", "--out", "hits.xml"], ".jsonl"),
        (["size > 1", "--out", "nowhere/hits.jsonl"], "does not exist"),
        (["size > 1", "--resume"], "--resume needs --checkpoint"),
        (["size > 1", "--checkpoint", "./hits.jsonl"], "are the same file"),
        (["size > 1", "--concurrency", "0"], "--concurrency"),
        (["size > 1", "--concurrency", "2000"], "--concurrency"),
        (["size > 1", "--partition", "name"], "--partition"),
        (["size > 1", "--ordered", "--partition", "size"], "ordered=True"),
        (["size > 1", "--order-by", "hidden"], "hidden"),
        (["size > 1", "--formula-safe"], "--formula-safe is for .csv"),
        (["size > 1", "--endpoint", "https://x.test"], "--dir PATH, or --endpoint URL"),
    ],
    ids=str,
)
def test_wrong_usage_is_named_with_status_2(
    cli: Any, many: Path, here: Path, args: list[str], said: str
) -> None:
    """What is wrong is said on standard error, without a traceback and without a file."""
    outcome = cli("export", "--dir", many, "--out", "hits.jsonl", *args)
    assert outcome.status == 2
    assert said in " ".join(outcome.err.split())
    assert "Traceback" not in outcome.err
    assert os.listdir(here) == []


def test_existing_output_is_replaced_only_by_force(cli: Any, many: Path, here: Path) -> None:
    """A file that is there is somebody's work."""
    (here / "hits.jsonl").write_text("mine")
    refused = cli("export", "", "--dir", many, "--out", "hits.jsonl")
    assert refused.status == 2
    assert "hits.jsonl exists: --force replaces it" in " ".join(refused.err.split())
    assert (here / "hits.jsonl").read_text() == "mine"
    assert cli("export", "", "--dir", many, "--out", "hits.jsonl", "--force").status == 0
    assert len(rows(here / "hits.jsonl")) == 250


def test_existing_checkpoint_is_not_ignored(cli: Any, many: Path, here: Path) -> None:
    """A place in a search is neither lost nor gone on from by accident."""
    (here / "job.ckpt").write_text("place")
    how = ["--out", "hits.jsonl", "--checkpoint", "job.ckpt"]
    refused = cli("export", "", "--dir", many, *how)
    assert refused.status == 2
    assert "--resume goes on from there" in " ".join(refused.err.split())
    assert os.listdir(here) == ["job.ckpt"]


def test_resume_without_a_checkpoint_begins_anew(cli: Any, many: Path, here: Path) -> None:
    """So a script can always say --resume; a message tells that this is the beginning."""
    how = ["--out", "hits.jsonl", "--checkpoint", "job.ckpt", "--resume"]
    outcome = cli("export", "", "--dir", many, *how)
    assert outcome.status == 0
    assert "there is no checkpoint job.ckpt yet; beginning anew" in outcome.err
    assert os.listdir(here) == ["hits.jsonl"]


def test_failing_query_leaves_the_others_alone(cli: Any, domain: Any, here: Path) -> None:
    """Status 1, a line for each failure, and the hits of all others; a new run tries it again."""
    (here / "queries.txt").write_text(
        '{"query": "size = 3", "drive_id": "77", "key": "lost"}\nsize = 3\n'
    )
    how = ["--queries", "queries.txt", "--out", "hits.jsonl", "--checkpoint", "job.ckpt"]
    outcome = cli("export", *domain.args, *how)
    assert outcome.status == 1
    assert names(here / "hits.jsonl") == ["report.pdf"]
    *_, failure, again, end = outcome.err.splitlines()
    assert failure.startswith("pdsclient: job lost: NotFound.Drive")
    assert again.endswith("--checkpoint job.ckpt --resume")
    assert end == "pdsclient: 1 failed; the hits of all other queries are there"
    assert cli("export", *domain.args, *how, "--resume").status == 1
    assert names(here / "hits.jsonl") == ["report.pdf"]


def test_single_failing_query_is_a_failed_command(cli: Any, domain: Any, here: Path) -> None:
    """The service's own words, status 1, and no output."""
    outcome = cli("export", "size = 3", *domain.args, "--drive", "77", "--out", "hits.jsonl")
    assert outcome.status == 1
    assert outcome.err.startswith("pdsclient: NotFound.Drive")
    assert os.listdir(here) == []


def test_dead_token_ends_with_status_3(cli: Any, domain: Any, here: Path) -> None:
    """A refused token has the status that it has everywhere."""
    domain.emulator.revoke(domain.emulator.token_info.access_token)
    assert cli("export", "size = 3", *domain.args, "--out", "hits.jsonl").status == 3
    assert os.listdir(here) == []


def test_repeated_requests_are_in_the_summary(cli: Any, domain: Any, here: Path) -> None:
    """What went wrong meanwhile and was put right is told at the end."""
    domain.emulator.faults.add("/file/search", Fault.reset())
    outcome = cli("export", "size = 3", *domain.args, "--out", "hits.jsonl")
    assert outcome.status == 0
    assert "pdsclient: 2 requests, 1 retry, waited " in outcome.err


def test_long_export_tells_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal a line is said every five seconds; the end is told by the summary."""
    now = 0.0
    meter = Meter(lambda: now)
    show = _show()
    for _ in range(31):
        show(meter.snapshot())
        now += 0.5
        meter.page(100)
    show(meter.snapshot(finished=True))
    assert capsys.readouterr().err.splitlines() == [
        "pdsclient: 1,000 hits, 200/s",
        "pdsclient: 2,000 hits, 200/s",
        "pdsclient: 3,000 hits, 200/s",
    ]
