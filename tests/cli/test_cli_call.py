"""``pdsclient call``: what goes out, what comes back, and what is left out of it."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from pdsclient.emulator import Fault

FIND = '{"drive_id": "1", "query": "size = 3"}'


@pytest.fixture
def file_id(cli: Any, domain: Any) -> str:
    """The one file in the domain."""
    (found,) = json.loads(cli("call", "/file/search", FIND, *domain.args).out)["items"]
    return str(found["file_id"])


def of_file(file_id: str) -> str:
    return json.dumps({"drive_id": "1", "file_id": file_id})


def test_reply_is_json_on_one_line(cli: Any, domain: Any) -> None:
    """For programs: nothing but the reply, of an operation named with or without a slash."""
    outcome = cli("call", "file/search", FIND, *domain.args)
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out.count("\n") == 1
    assert json.loads(outcome.out)["items"][0]["name"] == "report.pdf"


def test_reply_is_indented_on_a_terminal(
    cli: Any, domain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For people: a member on each line."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    out = cli("call", "/drive/get_default_drive", *domain.args).out
    assert '\n  "drive_id": "1",\n' in out
    json.loads(out)


def test_body_comes_from_a_file_or_standard_input(
    cli: Any, domain: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``@FILE`` and ``-`` stand for what is in there."""
    body = tmp_path / "body.json"
    body.write_text(FIND)
    assert "report.pdf" in cli("call", "/file/search", f"@{body}", *domain.args).out
    monkeypatch.setattr(sys, "stdin", io.StringIO(FIND))
    assert "report.pdf" in cli("call", "/file/search", "-", *domain.args).out


@pytest.mark.parametrize(
    ("args", "status", "said"),
    [
        (["{"], 2, "BODY is not JSON"),
        (["[1]"], 2, "must be a JSON object"),
        (["[" * 100_000], 2, "nested too deeply"),
        (["@missing.json"], 1, "missing.json"),
        (["{}", "--raw"], 2, "--include-urls"),
    ],
    ids=["json", "array", "deep", "file", "raw"],
)
def test_wrong_body_is_named(
    cli: Any, domain: Any, args: list[str], status: int, said: str
) -> None:
    """Nothing is sent then."""
    outcome = cli("call", "/file/search", *args, *domain.args)
    assert (outcome.status, outcome.out) == (status, "")
    assert said in " ".join(outcome.err.split())
    assert len(domain.emulator.requests) == 0


def test_urls_that_may_be_signed_are_left_out(cli: Any, domain: Any, file_id: str) -> None:
    """Whoever reads a log must not be able to fetch the file; ``--include-urls`` shows them."""
    args = ("call", "/file/get_download_url", of_file(file_id), *domain.args)
    found = json.loads(cli(*args).out)
    assert "url" not in found
    assert found["size"] == 3
    assert "?" in json.loads(cli(*args, "--include-urls").out)["url"]


def test_credentials_in_replies_are_left_out(cli: Any, domain: Any) -> None:
    """At any depth, and in lists."""
    reply = {
        "access_token": "tok-1",
        "items": [{"share_pwd": "pwd-1", "name": "n"}, "https://x.test/a?sig=1", "https://x.test"],
        "password": "",
    }
    domain.emulator.faults.add("/file/get", Fault.json(reply))
    out = cli("call", "/file/get", *domain.args).out
    assert json.loads(out) == {"items": [{"name": "n"}, "https://x.test"], "password": ""}


def test_raw_reply_is_what_came(cli: Any, domain: Any) -> None:
    """To the byte, with what else is left out."""
    domain.emulator.faults.add("/file/get", Fault.body(b'{ "url" :"https://x.test/?sig=1"}\n'))
    outcome = cli("call", "/file/get", "--raw", "--include-urls", *domain.args)
    assert outcome.out == '{ "url" :"https://x.test/?sig=1"}\n'


def test_names_cannot_steer_the_terminal(cli: Any, domain: Any) -> None:
    """Control and bidirectional characters are escaped, as JSON allows."""
    domain.add_files([{"name": "\u202egnp.txt", "size": 77}])
    out = cli("call", "/file/search", '{"drive_id": "1", "query": "size = 77"}', *domain.args).out
    assert "\u202e" not in out
    assert json.loads(out)["items"][0]["name"] == "\u202egnp.txt"


def test_reply_without_a_body_writes_nothing(cli: Any, domain: Any, file_id: str) -> None:
    """204 is a success with nothing to say."""
    outcome = cli("call", "/recyclebin/trash", of_file(file_id), *domain.args)
    assert outcome == (0, "", "")


def test_error_is_one_line_with_the_request_id(cli: Any, domain: Any) -> None:
    """The service's code and words, and what its support asks for."""
    outcome = cli("call", "/file/get", of_file("none"), *domain.args)
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err.startswith("pdsclient: NotFound.File")
    assert "request id " in outcome.err
    assert len(outcome.err.splitlines()) == 1


def test_misspelt_operation_is_set_right(cli: Any, domain: Any) -> None:
    """The refusal names the nearest operation; one that is known is refused without advice."""
    outcome = cli("call", "/file/gte", *domain.args)
    assert outcome.status == 1
    assert "did you mean /file/get?" in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert "known operation" not in cli("call", "/file/get", *domain.args).err


def test_environment_names_the_place(
    cli: Any, domain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For every command that would take it from options; an option stands before it."""
    monkeypatch.setenv("PDS_API_ENDPOINT", domain.emulator.api_endpoint)
    monkeypatch.setenv("PDS_TOKEN_FILE", str(domain.token_file))
    assert "report.pdf" in cli("call", "/file/search", FIND).out
    assert "report.pdf" in cli("search", "size = 3").out
    assert "report.pdf" not in cli("search", "size = 3", "--dir", domain.token_file.parent).out
    assert cli("call", "/file/search", FIND, "--token-file", "none.json").status == 3


def test_nobody_and_nowhere_are_named(cli: Any) -> None:
    """Without options and environment the message says what to give."""
    outcome = cli("call", "/file/get")
    assert outcome.status == 2
    assert "PDS_API_ENDPOINT" in outcome.err
    outcome = cli("call", "/file/get", "--endpoint", "https://x.test")
    assert outcome.status == 2
    assert "PDS_TOKEN_FILE" in outcome.err


def test_logins_are_called_at_their_own_endpoint(
    cli: Any, domain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything else is not."""
    monkeypatch.setenv("PDS_API_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("PDS_AUTH_ENDPOINT", domain.emulator.api_endpoint)
    monkeypatch.setenv("PDS_TOKEN_FILE", str(domain.token_file))
    body = '{"app_id": "x", "grant_type": "refresh_token", "refresh_token": "y"}'
    assert cli("call", "/account/token", body).status == 1
    monkeypatch.setenv("PDS_AUTH_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("PDS_API_ENDPOINT", domain.emulator.api_endpoint)
    assert "report.pdf" in cli("call", "/file/search", FIND).out
