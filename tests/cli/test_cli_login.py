"""``pdsclient login`` and ``pdsclient token show``: a token file is made and looked into."""

from __future__ import annotations

import asyncio
import http.client
import json
import signal
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from pdsclient import FileTokenStore, TokenInfo

BACK = "https://me.test/back"


@pytest.fixture
def key_file(domain: Any, tmp_path: Path) -> Path:
    """The key of the domain's application."""
    path = tmp_path / "key.pem"
    path.touch(mode=0o600)
    path.write_text(domain.emulator.private_key_pem)
    return path


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    """Where the login is to be kept."""
    return tmp_path / "login" / "token.json"


def where(domain: Any) -> tuple[object, ...]:
    emulator = domain.emulator
    return "--endpoint", emulator.api_endpoint, "--app-id", emulator.app_id


def token_in(path: Path) -> TokenInfo:
    return TokenInfo.parse(json.loads(path.read_text()))


def test_key_signs_in_and_the_file_serves_other_commands(
    cli: Any, domain: Any, key_file: Path, token_file: Path
) -> None:
    """It says who that is, keeps the token private, and shows it nowhere."""
    key = ("--domain-id", domain.emulator.domain_id, "--key-file", key_file)
    outcome = cli("login", *where(domain), *key, "--token-file", token_file)
    assert (outcome.status, outcome.out) == (0, "")
    assert "superadmin" in outcome.err
    assert stat.S_IMODE(token_file.stat().st_mode) == 0o600
    token = token_in(token_file)
    assert token.access_token not in outcome.err
    args = ("--endpoint", domain.emulator.api_endpoint, "--token-file", token_file)
    assert "report.pdf" in cli("search", "size = 3", *args).out


def test_environment_is_enough_to_sign_in(
    cli: Any, domain: Any, key_file: Path, token_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same variables as for every other program; here as a user of the domain."""
    asyncio.run(domain.emulator.put_user("u1"))
    for name, value in {
        "API_ENDPOINT": domain.emulator.api_endpoint,
        "DOMAIN_ID": domain.emulator.domain_id,
        "APP_ID": domain.emulator.app_id,
        "PRIVATE_KEY_FILE": key_file,
        "USER_ID": "u1",
        "TOKEN_FILE": token_file,
    }.items():
        monkeypatch.setenv(f"PDS_{name}", str(value))
    assert cli("login").status == 0
    assert token_in(token_file).user_id == "u1"
    assert "user       u1" in cli("token", "show").out


def visit(url: str) -> str:
    """Where the login page sends a browser to."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc)
    connection.request("GET", f"{parts.path}?{parts.query}")
    answer = connection.getresponse().headers["Location"]
    connection.close()
    return str(answer)


@pytest.fixture
def browse(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[Callable[[str], str]], None]:
    """Sets what somebody does with the URL that the command prints, and then types."""

    def set_up(person: Callable[[str], str]) -> None:
        def read_line() -> str:
            return person(capsys.readouterr().out.strip())

        monkeypatch.setattr("pdsclient.cli.login.read_line", read_line)

    return set_up


def on_page(domain: Any, token_file: Path) -> tuple[object, ...]:
    asyncio.run(domain.emulator.register_app(domain.emulator.app_id, redirect_uris=[BACK]))
    return (*where(domain), "--redirect-uri", BACK, "--token-file", token_file)


def test_person_signs_in_on_the_login_page(
    cli: Any, domain: Any, token_file: Path, browse: Any
) -> None:
    """The URL is printed; what the browser was sent to is pasted back."""
    browse(visit)
    assert cli("login", *on_page(domain, token_file)).status == 0
    assert token_in(token_file).role == "superadmin"


def test_bare_code_is_taken_as_well(cli: Any, domain: Any, token_file: Path, browse: Any) -> None:
    """Some pages show the code alone."""
    browse(lambda url: visit(url).partition("code=")[2].partition("&")[0])
    assert cli("login", *on_page(domain, token_file)).status == 0
    assert token_file.exists()


def test_bare_code_may_be_padded(cli: Any, domain: Any, token_file: Path, browse: Any) -> None:
    """It is not taken for a URL whose state is missing: the service says what is wrong with it."""
    browse(lambda url: "Y29kZQ==")
    outcome = cli("login", *on_page(domain, token_file))
    assert outcome.status == 1
    assert "InvalidParameter.Code" in outcome.err


def test_answer_to_another_login_is_no_login(
    cli: Any, domain: Any, token_file: Path, browse: Any
) -> None:
    """Its state is not the one that was sent."""
    browse(lambda url: visit(url).replace("state=", "state=x"))
    outcome = cli("login", *on_page(domain, token_file))
    assert outcome.status == 3
    assert "another login" in outcome.err
    assert not token_file.exists()


def test_line_is_read_from_standard_input(domain: Any, token_file: Path, spawn: Any) -> None:
    """A script pipes it in; no answer at all is refused."""
    command = spawn("login", *on_page(domain, token_file), stdin=subprocess.PIPE)
    out, err = command.communicate(b"\n", timeout=30)
    assert out.startswith(f"{domain.emulator.api_endpoint}/v2/oauth/authorize?".encode())
    assert command.returncode == 2
    assert b"neither a URL nor a code" in err
    assert not token_file.exists()


def test_ctrl_c_ends_the_wait_for_an_answer(domain: Any, token_file: Path, spawn: Any) -> None:
    """Whoever thinks better of it is not asked to press Enter first."""
    command = spawn("login", *on_page(domain, token_file), stdin=subprocess.PIPE)
    assert command.stdout.readline().startswith(b"http")
    command.send_signal(signal.SIGINT)
    assert command.wait(timeout=30) == 130
    assert b"Traceback" not in command.stderr.read()
    command.stdin.close()


@pytest.mark.parametrize("command", ["login", "emulator"])
def test_file_that_holds_no_token_is_not_replaced(
    cli: Any, domain: Any, key_file: Path, command: str
) -> None:
    """A key that is named as the token file stays what it is; the emulator does not even start."""
    key = key_file.read_text()
    options = () if command == "emulator" else (*where(domain), "--domain-id", "bj1")
    outcome = cli(command, *options, "--key-file", key_file, "--token-file", key_file)
    assert outcome.status == 3
    assert "holds no token" in outcome.err
    assert key_file.read_text() == key


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ((), "--key-file, or --redirect-uri"),
        (("--key-file", "key.pem"), "--domain-id"),
        (("--key-file", "key.pem", "--domain-id", "bj1", "--user-id", ""), "user_id"),
    ],
    ids=["nothing", "no domain", "empty user"],
)
def test_what_a_login_lacks_is_named(cli: Any, args: tuple[str, ...], said: str) -> None:
    """With status 2, before anything is sent."""
    known = ("--app-id", "A", "--token-file", "t.json", "--endpoint", "https://x.test")
    outcome = cli("login", *known, *args)
    assert outcome.status == 2
    assert said in " ".join(outcome.err.split())


def test_missing_key_file_ends_with_status_3(cli: Any, domain: Any, token_file: Path) -> None:
    """There is no credential; the message names the file."""
    key = ("--domain-id", "bj1", "--key-file", "none.pem", "--token-file", token_file)
    outcome = cli("login", *where(domain), *key)
    assert outcome.status == 3
    assert "none.pem: there is no such file" in outcome.err


def test_token_is_described_and_not_shown(cli: Any, domain: Any) -> None:
    """For people a few lines, for programs an object with the same facts."""
    token = domain.emulator.token_info
    for args in ((), ("--json",)):
        outcome = cli("token", "show", "--token-file", domain.token_file, *args)
        assert (outcome.status, outcome.err) == (0, "")
        assert token.access_token not in outcome.out
        assert str(token.refresh_token) not in outcome.out
    facts = json.loads(outcome.out)
    assert facts["token_file"] == str(domain.token_file)
    assert (facts["user_id"], facts["role"]) == (token.user_id, "superadmin")
    assert (facts["is_expired"], facts["has_refresh_token"]) == (False, True)


def save(path: Path, **fields: Any) -> None:
    store = FileTokenStore(path)

    async def put() -> None:
        async with store.lock():
            await store.save(TokenInfo(access_token="secret", **fields))

    asyncio.run(put())


def test_expired_and_bare_tokens_are_said_to_be_so(cli: Any, token_file: Path) -> None:
    """What the file does not tell is a dash, or unknown."""
    save(token_file, expire_time="2019-09-01T06:57:48.813Z", user_id="u\x1b[31m")
    out = cli("token", "show", "--token-file", token_file).out
    assert "2019-09-01 06:57 UTC" in out
    assert "it is expired" in out
    assert "\x1b" not in out
    save(token_file)
    out = cli("token", "show", "--token-file", token_file).out
    assert "expires    unknown" in out
    assert "role       -" in out
    assert json.loads(cli("token", "show", "--token-file", token_file, "--json").out) == {
        "token_file": str(token_file),
        "user_id": None,
        "user_name": None,
        "role": None,
        "domain_id": None,
        "expire_time": None,
        "is_expired": None,
        "has_refresh_token": False,
    }


def test_missing_token_file_ends_with_status_3(cli: Any, token_file: Path) -> None:
    """There is nothing to show."""
    outcome = cli("token", "show", "--token-file", token_file)
    assert outcome.status == 3
    assert str(token_file) in outcome.err
