"""``pdsclient emulator`` as a process: what it prints is enough to log in."""

from __future__ import annotations

import json
import stat
import subprocess
import time
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit
from urllib.request import Request, urlopen

import jwt
import pytest

from pdsclient.errors import InvalidRequest

JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def greeting(server: subprocess.Popen[bytes]) -> dict[str, str]:
    """What it prints at the start."""
    assert server.stdout is not None
    lines = iter(server.stdout.readline, b"Ctrl-C ends it.\n")
    return {line[:11].decode().strip(): line[11:].decode().strip() for line in lines}


def log_in(said: dict[str, str]) -> dict[str, Any]:
    """A token for the service, by nothing but what was printed."""
    now = int(time.time())
    claims = {
        "iss": said["app id"],
        "sub": said["domain id"],
        "sub_type": "service",
        "aud": said["domain id"],
        "jti": f"{now}-assertion-of-a-test",
        "exp": now + 300,
    }
    form = {
        "grant_type": JWT_GRANT,
        "client_id": said["app id"],
        "assertion": jwt.encode(claims, Path(said["key file"]).read_text(), "RS256"),
    }
    asked = Request(said["endpoint"] + "/v2/oauth/token", urlencode(form).encode())
    with urlopen(asked, timeout=20) as reply:
        found: dict[str, Any] = json.loads(reply.read())
    return found


def login_page(said: dict[str, str], redirect_uri: str) -> str:
    """Where the login page sends a browser."""
    query = {
        "client_id": said["app id"],
        "redirect_uri": redirect_uri,
        "response_type": "code",
        "login_type": "default",
    }
    with closing(HTTPConnection(urlsplit(said["endpoint"]).netloc, timeout=20)) as connection:
        connection.request("GET", f"/v2/oauth/authorize?{urlencode(query)}")
        return connection.getresponse().headers["Location"]


def test_what_is_printed_logs_in(spawn: Any) -> None:
    """Endpoint, domain, app and key file are enough for a token, a redirect for a code; the key
    goes with the emulator."""
    server = spawn("emulator", "--redirect-uri", "http://127.0.0.1:9/done")
    said = greeting(server)
    sent_to = login_page(said, "http://127.0.0.1:9/done")
    assert sent_to.startswith("http://127.0.0.1:9/done?code=")
    key_file = Path(said["key file"])
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert log_in(said)["role"] == "superadmin"
    server.terminate()
    assert server.wait(timeout=20) == 0
    assert not key_file.exists()


def test_a_key_of_ones_own_stays(spawn: Any, tmp_path: Path) -> None:
    """A key file that was named is written once and used from then on, with names of one's own."""
    key_file = tmp_path / "app.pem"
    options = ("--key-file", key_file, "--app-id", "APP", "--domain-id", "d9")
    pems = []
    for _ in range(2):
        server = spawn("emulator", *options)
        said = greeting(server)
        assert (said["app id"], said["domain id"]) == ("APP", "d9")
        assert log_in(said)["domain_id"] == "d9"
        server.terminate()
        assert server.wait(timeout=20) == 0
        pems.append(key_file.read_text())
    assert pems[0] == pems[1]
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("mode", "content", "words"),
    [(0o644, "", "can be read by others"), (0o600, "hello", "must be an RSA key")],
)
def test_bad_key_files(cli: Any, tmp_path: Path, mode: int, content: str, words: str) -> None:
    """A key file that others can read, or that is none, is refused in words."""
    key_file = tmp_path / "app.pem"
    key_file.write_text(content)
    key_file.chmod(mode)
    outcome = cli("emulator", "--key-file", key_file)
    assert outcome.status == 2
    assert words in outcome.err
    missing = cli("emulator", "--key-file", tmp_path / "no" / "app.pem")
    assert missing.status == 1
    assert "Traceback" not in missing.err


@pytest.mark.parametrize("name", ["app-id", "domain-id"])
def test_empty_names_are_refused(cli: Any, name: str) -> None:
    """A client could not sign in with them; it is said before anything listens."""
    outcome = cli("emulator", f"--{name}", "")
    assert outcome.status == 2
    assert "must not be empty" in outcome.err


def test_the_line_is_as_the_options_say(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Milliseconds and bytes per second reach the emulator."""
    given: dict[str, Any] = {}

    def made(_: Path | None, **options: Any) -> None:
        given.update(options)
        raise InvalidRequest("enough")

    monkeypatch.setattr("pdsclient.emulator.Emulator", made)
    outcome = cli("emulator", "--latency", 20, "--bandwidth", 5000, "--line", 9000)
    assert (outcome.status, "enough" in outcome.err) == (2, True)
    assert (given["latency_s"], given["bandwidth_bps"], given["line_bps"]) == (0.02, 5000, 9000)
