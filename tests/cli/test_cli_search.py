"""``pdsclient search`` and ``pdsclient emulator``: what is found, said and returned."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from pdsclient import __version__
from pdsclient.cli.terminal import Exit, run
from pdsclient.emulator import Fault
from pdsclient.errors import (
    AuthError,
    DeadlineExceeded,
    DecodeError,
    InvalidRequest,
    NotFound,
    NotSent,
    PDSError,
    PermissionDenied,
    QuerySyntaxError,
    RateLimited,
    RefreshFailed,
)


def names(out: str) -> set[str]:
    """The names in JSON lines."""
    return {json.loads(line)["name"] for line in out.splitlines()}


def test_directory_is_searched(cli: Any, tree: Path) -> None:
    """A query over a directory finds the files it holds for, at any depth, as JSON lines."""
    outcome = cli("search", "size > 2500", "--dir", tree)
    assert (outcome.status, outcome.err) == (0, "")
    (hit,) = map(json.loads, outcome.out.splitlines())
    assert (hit["name"], hit["size"], hit["type"]) == ("深い.pdf", 3000, "file")


def test_empty_query_finds_everything(cli: Any, tree: Path) -> None:
    """All names come through unharmed but the one that is no text, folders too."""
    expected = {
        one.name for one in tree.rglob("*") if one.name.isprintable() or "bad" not in one.name
    }
    assert names(cli("search", "", "--dir", tree).out) == expected


def test_limit_and_order_are_kept(cli: Any, many: Path) -> None:
    """``--limit`` counts hits, also beyond one page, in the order asked for."""
    out = cli("search", "", "--dir", many, "--limit", 101, "--order-by", "name DESC").out
    found = [json.loads(line)["name"] for line in out.splitlines()]
    assert found == sorted((one.name for one in many.iterdir()), reverse=True)[:101]


def test_total_is_told_on_standard_error(cli: Any, many: Path) -> None:
    """``--total`` says how many there are, beside the hits that were asked for."""
    outcome = cli("search", 'file_extension = "txt"', "--dir", many, "--limit", 1, "--total")
    assert len(outcome.out.splitlines()) == 1
    assert outcome.err.startswith("pdsclient: 1 of 250 hits, 1 page, ")


def test_csv_of_hostile_names_reads_back(cli: Any, tree: Path) -> None:
    """CSV holds names exactly, with line breaks and quotes."""
    out = cli("search", "size = 2000", "--dir", tree, "--format", "csv").out
    rows = list(csv.DictReader(io.StringIO(out, newline="")))
    assert {row["name"] for row in rows} == {
        one.name for one in tree.iterdir() if one.is_file() and one.stat().st_size == 2000
    }


def test_no_hit_is_no_error(cli: Any, tree: Path) -> None:
    """Nothing found: nothing written, status 0."""
    assert cli("search", "size > 99999999", "--dir", tree) == (0, "", "")


def test_wrong_query_is_shown_with_a_caret(cli: Any, tree: Path) -> None:
    """The place of the mistake is pointed at, and the status is 2."""
    outcome = cli("search", "size >> 3", "--dir", tree)
    assert outcome.status == 2
    assert outcome.out == ""
    text, caret = outcome.err.splitlines()[-2:]
    assert text.strip() == "size >> 3"
    assert text[caret.index("^")] == ">"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["search", "size > 1"], "--dir PATH, or --endpoint URL"),
        (["search", "size > 1", "--endpoint", "https://x.test"], "--token-file FILE"),
        (["search", "size > 1", "--dir", ".", "--drive", "1"], "--dir PATH, or --endpoint URL"),
        (["search", "size > 1", "--dir", "nowhere"], "does not exist"),
        (["search", "size > 1", "--dir", __file__], "is a file"),
        (["search", "size > 1", "--dir", ".", "--limit", "0"], "--limit"),
        (["search", "size > 1", "--dir", ".", "--format", "xml"], "--format"),
        (["search", "size > 1", "--dir", ".", "--order-by", "hidden"], "hidden"),
        (["search", "sise > 1", "--dir", "."], "size"),
        (["search", "size > 1", "--endpoint", "http://x.test", "--token-file", "t"], "https"),
        (["emulator", "--host", "0.0.0.0"], "--allow-remote"),
        (["emulator", "--latency", "-1"], "--latency"),
        (["serve"], "serve"),
    ],
)
def test_wrong_usage_is_named_with_status_2(cli: Any, args: list[str], said: str) -> None:
    """What is wrong is said on standard error, without a traceback."""
    outcome = cli(*args)
    assert outcome.status == 2
    assert said in " ".join(outcome.err.split())
    assert "Traceback" not in outcome.err
    assert outcome.out == ""


def test_domain_is_searched_with_a_token_file(cli: Any, domain: Any) -> None:
    """An endpoint and a token file are enough; the default drive is asked for."""
    assert names(cli("search", "size = 3", *domain.args).out) == {"report.pdf"}
    sent = {record.operation for record in domain.emulator.requests}
    assert sent == {"/drive/get_default_drive", "/file/search"}


def test_unknown_drive_fails_with_the_service_own_words(cli: Any, domain: Any) -> None:
    """An error of the service is said in one line, with its code, and the status is 1."""
    outcome = cli("search", "size = 3", *domain.args, "--drive", "77")
    assert outcome.status == 1
    assert outcome.err.startswith("pdsclient: NotFound.Drive")
    assert len(outcome.err.splitlines()) == 1


def test_dead_token_ends_with_status_3_and_is_not_shown(cli: Any, domain: Any) -> None:
    """A refused token is an error of its own; no part of it is written anywhere."""
    token = domain.emulator.token_info.access_token
    domain.emulator.revoke(token)
    outcome = cli("search", "size = 3", *domain.args)
    assert (outcome.status, outcome.out) == (3, "")
    assert "AccessTokenInvalid" in outcome.err
    assert token not in outcome.err


def test_missing_or_open_token_file_is_explained(cli: Any, domain: Any) -> None:
    """The message names the file and the way out."""
    domain.token_file.chmod(0o644)
    outcome = cli("search", "size = 3", *domain.args)
    assert outcome.status == 3
    assert "chmod 600" in outcome.err
    domain.token_file.unlink()
    outcome = cli("search", "size = 3", *domain.args)
    assert outcome.status == 3
    assert str(domain.token_file) in outcome.err


def test_retry_is_told_to_who_watches(
    cli: Any, domain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal a wait is explained while it lasts; elsewhere it is silent."""
    domain.emulator.faults.add("/file/search", Fault.reset())
    assert cli("search", "size = 3", *domain.args).err == ""
    monkeypatch.setattr("pdsclient.cli.search.is_interactive", lambda: True)
    domain.emulator.faults.add("/file/search", Fault.reset())
    said = cli("search", "size = 3", *domain.args).err
    assert "trying again in" in said
    assert "1 hit, 1 page" in said


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidRequest("x"), Exit.USAGE),
        (QuerySyntaxError("x", text="a", position=0), Exit.USAGE),
        (AuthError("x"), Exit.NO_CREDENTIAL),
        (RefreshFailed("x"), Exit.NO_CREDENTIAL),
        (NotSent("x"), Exit.NO_ANSWER),
        (DeadlineExceeded("x"), Exit.NO_ANSWER),
        (NotFound("x"), Exit.FAILED),
        (PermissionDenied("x"), Exit.FAILED),
        (RateLimited("x"), Exit.FAILED),
        (DecodeError("x"), Exit.FAILED),
        (OSError(28, "No space left on device"), Exit.FAILED),
        (KeyboardInterrupt(), Exit.INTERRUPTED),
    ],
)
def test_each_error_has_its_exit_status(
    error: BaseException, status: Exit, capsys: pytest.CaptureFixture[str]
) -> None:
    """Scripts can tell the kinds of failure apart; people get one line."""

    async def fail() -> None:
        raise error

    with pytest.raises(SystemExit) as ended:
        run(fail())
    assert ended.value.code == status
    said = capsys.readouterr().err
    assert said.startswith("pdsclient: ") or isinstance(error, KeyboardInterrupt)


def test_messages_are_safe_to_show(capsys: pytest.CaptureFixture[str]) -> None:
    """A message that quotes the server cannot drive the terminal, but keeps its lines."""

    async def fail() -> None:
        raise PDSError("first\nse\x1bcond")

    with pytest.raises(SystemExit):
        run(fail())
    assert capsys.readouterr().err == "pdsclient: first\nse\\x1bcond\n"


def test_version_is_the_package_s(cli: Any) -> None:
    """``--version`` prints the version and nothing else."""
    assert cli("--version") == (0, f"{__version__}\n", "")


@pytest.mark.parametrize("command", [[], ["search"], ["export"], ["emulator"]], ids=str)
def test_help_fits_into_80_columns(
    cli: Any, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Help reads well on a plain terminal."""
    monkeypatch.setenv("COLUMNS", "80")
    outcome = cli(*command, "--help")
    assert outcome.status == 0
    assert outcome.out.startswith("Usage: pdsclient")
    assert max(map(len, outcome.out.splitlines())) <= 80


def test_missing_extra_is_explained(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without typer one line tells what to install, and the status is 2."""
    monkeypatch.setitem(sys.modules, "typer", None)
    assert cli("search", "size > 1", "--dir", ".") == (
        2,
        "",
        "pdsclient: the command line needs typer and rich: pip install 'pdsclient[cli]'\n",
    )
