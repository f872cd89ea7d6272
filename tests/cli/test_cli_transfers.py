"""``pdsclient upload`` and ``pdsclient download``: what is moved, said and returned."""

from __future__ import annotations

import errno
import json
import os
import re
import socket
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pdsclient.emulator import Fault

HOSTILE = "a\x1b[31m\u202e[bold]\nb"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory to work in, with a file and a small tree."""
    folder = tmp_path / "work"
    (folder / "photos" / "sub").mkdir(parents=True)
    (folder / "photos" / "a.jpg").write_bytes(b"a" * 100)
    (folder / "photos" / "sub" / "b.jpg").write_bytes(b"b" * 200)
    (folder / "photos" / "c.tmp").write_bytes(b"c")
    (folder / "report.pdf").write_bytes(b"new report")
    (folder / "notes.txt").write_bytes(b"notes")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def up(cli: Any, domain: Any) -> Callable[..., Any]:
    """``pdsclient upload`` into the domain; it has a ``report.pdf`` of three bytes."""
    return lambda *args: cli("upload", *args, *domain.args)


@pytest.fixture
def down(cli: Any, domain: Any) -> Callable[..., Any]:
    """``pdsclient download`` from the domain."""
    return lambda *args: cli("download", *args, *domain.args)


@pytest.fixture
def remote(cli: Any, domain: Any) -> Callable[[str], bytes]:
    """Gives what the drive has at a path; LookupError if there is nothing."""

    def read(path: str) -> bytes:
        body = json.dumps({"drive_id": domain.emulator.drive_id, "file_path": path})
        found = cli("call", "/file/get_by_path", body, *domain.args)
        if found.status != 0:
            raise LookupError(path)
        content: bytes = domain.read(json.loads(found.out)["file_id"])
        return content

    return read


def kept() -> list[str]:
    """What is left in the directory for checkpoints."""
    path = Path(os.environ["XDG_STATE_HOME"], "pdsclient", "uploads")
    return os.listdir(path) if path.exists() else []


# -------------------------------------------------------------------- plain ways


def test_file_goes_into_a_folder_that_is_made(up: Any, remote: Any, here: Path) -> None:
    """The summary names the new file, nothing is on standard output, no checkpoint stays."""
    outcome = up("notes.txt", "--to", "reports/2025")
    assert (outcome.status, outcome.out) == (0, "")
    assert outcome.err.startswith("pdsclient: notes.txt: uploaded, id:")
    assert remote("/reports/2025/notes.txt") == b"notes"
    assert kept() == []


def test_directory_becomes_a_folder_of_its_name(up: Any, remote: Any, here: Path) -> None:
    """Files and directories go in one command; patterns hold inside of directories."""
    outcome = up("photos", "notes.txt", "--exclude", "*.tmp")
    assert outcome.status == 0
    assert outcome.err.startswith("pdsclient: 3 uploaded, 305 B, ")
    assert remote("/photos/sub/b.jpg") == b"b" * 200
    assert remote("/notes.txt") == b"notes"
    with pytest.raises(LookupError):
        remote("/photos/c.tmp")


def test_second_run_moves_only_what_differs(up: Any, down: Any, remote: Any, here: Path) -> None:
    """Folders are updated, up and down."""
    up("photos")
    (here / "photos" / "a.jpg").write_bytes(b"other")
    outcome = up("photos")
    assert outcome.err.startswith("pdsclient: 1 updated, 2 skipped, 5 B")
    assert remote("/photos/a.jpg") == b"other"
    assert down("/photos", "--to", "back").err.startswith("pdsclient: 3 downloaded, ")
    (here / "back" / "photos" / "sub" / "b.jpg").unlink()
    outcome = down("/photos", "--to", "back")
    assert (outcome.status, outcome.err.split(", 2")[0]) == (0, "pdsclient: 1 downloaded")
    assert (here / "back" / "photos" / "sub" / "b.jpg").read_bytes() == b"b" * 200


def test_files_come_into_a_directory_that_is_made(up: Any, down: Any, here: Path) -> None:
    """A file is named by its path or its id; nothing but it is left there."""
    up("notes.txt", "--to", "deep")
    file_id = json.loads(up("photos/a.jpg", "--json").out)["file_id"]
    outcome = down("/deep/notes.txt", f"id:{file_id}", "--to", "in/here")
    assert outcome.status == 0
    assert outcome.err.startswith("pdsclient: 2 downloaded, 105 B, ")
    assert sorted(os.listdir("in/here")) == ["a.jpg", "notes.txt"]
    assert Path("in/here/notes.txt").read_bytes() == b"notes"


def test_whole_drive_goes_into_the_directory_itself(up: Any, down: Any, here: Path) -> None:
    """The top of a drive has no name that a directory could have."""
    up("photos")
    assert down("/", "--to", "all", "--quiet").err == ""
    assert sorted(os.listdir("all")) == ["photos", "report.pdf"]


def test_directory_is_downloaded_from_without_a_domain(cli: Any, tree: Path, here: Path) -> None:
    """--dir serves it; what is not served is said."""
    outcome = cli("download", "/sub", "/plain.txt", "--dir", tree, "--to", "got")
    assert outcome.status == 0
    assert (here / "got" / "sub" / "深い.pdf").read_bytes() == b"x" * 3000
    assert "pdsclient: not served: 1 " in outcome.err


def test_source_may_get_another_name(up: Any, remote: Any, here: Path) -> None:
    """One file, or the directory where one is, under the name that is given."""
    assert up("notes.txt", "--name", "other.txt").status == 0
    assert remote("/other.txt") == b"notes"
    os.chdir("photos")
    assert up(".", "--include", "a.*", "--to", "/x/").status == 0
    assert remote("/x/photos/a.jpg") == b"a" * 100


def test_two_files_of_one_name_come_under_two(domain: Any, down: Any, here: Path) -> None:
    """Names are not unique in a drive; neither file is lost."""
    ids = domain.add_files({"name": "same.txt", "content": text} for text in (b"1", b"2"))
    assert down(*(f"id:{one}" for one in ids), "--to", "both").status == 0
    assert sorted(path.read_bytes() for path in Path("both").iterdir()) == [b"1", b"2"]


def test_archive_is_one_file(up: Any, down: Any, here: Path) -> None:
    """The service packs what is named, the client fetches it."""
    up("photos")
    outcome = down("/photos", "/report.pdf", "--archive", "all.zip", "--to", "in")
    assert outcome.status == 0
    with zipfile.ZipFile("in/all.zip") as archive:
        assert "report.pdf" in archive.namelist()
    assert down("/photos", "--archive", "all.zip", "--to", "in").status == 1


# -------------------------------------------------------------------- names that are taken


@pytest.mark.parametrize(
    ("existing", "status", "said", "content"),
    [
        ("refuse", 1, "--existing says what to do then", b"xxx"),
        ("skip", 0, "skipped (exists), id:", b"xxx"),
        ("overwrite", 0, "uploaded, id:", b"notes"),
        ("update", 0, "updated, id:", b"notes"),
        ("auto_rename", 0, "uploaded, id:", b"xxx"),
    ],
)
def test_taken_name_in_the_drive_is_dealt_with_as_it_is_said(
    up: Any, domain: Any, here: Path, existing: str, status: int, said: str, content: bytes
) -> None:
    """Refused unless something else is said, and then with the id of the file and the option."""
    [file_id] = domain.add_files([{"name": "notes.txt", "content": b"xxx"}])
    outcome = up("notes.txt", *(() if existing == "refuse" else ("--existing", existing)))
    assert outcome.status == status
    assert said in outcome.err
    assert (file_id in outcome.err) is (existing != "auto_rename")
    assert domain.read(file_id) == content
    assert kept() == []
    assert "--resume" not in outcome.err


@pytest.mark.parametrize(
    ("existing", "status", "said", "content"),
    [
        ("refuse", 1, "notes.txt exists; --existing says", b"notes"),
        ("skip", 0, "skipped (exists), ", b"notes"),
        ("overwrite", 0, "downloaded, ", b"xxx"),
        ("update", 0, "downloaded, ", b"xxx"),
        ("auto_rename", 0, "downloaded, notes (1).txt", b"notes"),
    ],
)
def test_taken_name_on_this_machine_is_dealt_with_as_it_is_said(
    down: Any, domain: Any, here: Path, existing: str, status: int, said: str, content: bytes
) -> None:
    """What is there is not overwritten unless that is said."""
    domain.add_files([{"name": "notes.txt", "content": b"xxx"}])
    outcome = down("/notes.txt", *(() if existing == "refuse" else ("--existing", existing)))
    assert outcome.status == status
    assert said in outcome.err
    assert (here / "notes.txt").read_bytes() == content
    assert not list(here.glob("*.part"))


@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize(
    "option",
    [
        ["--existing", "update"],
        ["--resume"],
        ["--resume", "--existing", "auto_rename"],
        ["--resume", "--existing", "overwrite"],
    ],
    ids=["update", "resume", "renamed", "overwritten"],
)
def test_what_is_the_same_is_left(
    up: Any, down: Any, domain: Any, here: Path, direction: str, option: list[str]
) -> None:
    """--existing update and --resume both see that nothing is to be done, by the checksum."""
    domain.add_files([{"name": "notes.txt", "content": b"notes"}])
    before = len(domain.emulator.requests.of("/data"))
    outcome = up("notes.txt", *option) if direction == "up" else down("/notes.txt", *option)
    assert (outcome.status, "skipped (same)" in outcome.err) == (0, True)
    assert len(domain.emulator.requests.of("/data")) == before


def test_something_else_is_refused_also_with_resume(
    up: Any, down: Any, domain: Any, here: Path
) -> None:
    """--resume goes on, it does not overwrite."""
    domain.add_files([{"name": "notes.txt", "content": b"other"}])
    assert up("notes.txt", "--resume").status == 1
    assert down("/notes.txt", "--resume").status == 1
    assert (here / "notes.txt").read_bytes() == b"notes"


def test_folder_is_no_version_of_a_file(up: Any, domain: Any, here: Path) -> None:
    """--existing update never puts a content where a folder is."""
    domain.add_files([{"name": "notes.txt", "type": "folder"}])
    outcome = up("notes.txt", "--existing", "update")
    assert (outcome.status, "the name is taken" in outcome.err) == (1, True)
    domain.add_files([{"name": "photos", "content": b""}])
    assert up("photos").status == 1


# -------------------------------------------------------------------- only looking


def test_dry_run_changes_nothing_in_the_drive(
    up: Any, domain: Any, remote: Any, here: Path
) -> None:
    """What would be done is listed; neither the folder nor a checkpoint is made."""
    outcome = up("photos", "notes.txt", "--to", "new", "--dry-run", "--exclude", "*.tmp")
    lines = sorted(outcome.out.splitlines())
    assert lines == ["upload   notes.txt", "upload   photos/a.jpg", "upload   photos/sub/b.jpg"]
    assert (outcome.status, outcome.err) == (0, "pdsclient: 3 would be uploaded\n")
    with pytest.raises(LookupError):
        remote("/new")
    assert kept() == []
    assert not domain.emulator.requests.of("/file/create")


@pytest.mark.parametrize(
    ("existing", "said"),
    [
        ("refuse", "pdsclient: notes.txt: the name is taken, by id:"),
        ("skip", "skip     notes.txt"),
        ("overwrite", "update   notes.txt"),
        ("update", "skip     notes.txt"),
        ("auto_rename", "upload   notes.txt"),
    ],
)
def test_dry_run_of_an_upload_sees_taken_names(
    up: Any, domain: Any, here: Path, existing: str, said: str
) -> None:
    """It says what the same command without --dry-run would do."""
    domain.add_files([{"name": "notes.txt", "content": b"notes"}])
    outcome = up("notes.txt", "--dry-run", "--existing", existing)
    assert said in outcome.out + outcome.err
    assert outcome.status == (1 if existing == "refuse" else 0)
    up("photos")
    assert up("photos", "--dry-run").out.count("skip     photos/") == 3


@pytest.mark.parametrize(
    ("existing", "said"),
    [
        ("refuse", "notes.txt exists; --existing"),
        ("skip", "skip     /notes.txt"),
        ("overwrite", "download /notes.txt"),
        ("update", "skip     /notes.txt"),
        ("auto_rename", "download /notes.txt"),
    ],
)
def test_dry_run_of_a_download_changes_nothing_here(
    down: Any, domain: Any, here: Path, existing: str, said: str
) -> None:
    """It says what would be done, and makes no directory."""
    domain.add_files([{"name": "notes.txt", "content": b"notes"}])
    outcome = down("/notes.txt", "--dry-run", "--existing", existing)
    assert said in outcome.out + outcome.err
    assert down("/", "--to", "new", "--dry-run").status == 0
    assert not (here / "new").exists()
    assert not domain.emulator.requests.of("/data")


# -------------------------------------------------------------------- failures


def test_one_that_fails_does_not_end_the_others(up: Any, remote: Any, here: Path) -> None:
    """Its name, the reason and the count are said; the others are there; the status is 1."""
    outcome = up("report.pdf", "notes.txt", "photos/a.jpg")
    assert outcome.status == 1
    assert remote("/notes.txt") == b"notes"
    failure, summary, end = outcome.err.splitlines()
    assert failure.startswith("pdsclient: report.pdf: the name is taken, by id:")
    assert summary.startswith("pdsclient: 2 uploaded, 1 failed, 105 B, ")
    assert end == "pdsclient: 1 file failed"


def test_only_the_first_failures_are_said(down: Any, domain: Any, here: Path) -> None:
    """A thousand failures are one number."""
    ids = domain.add_files({"name": f"{n}.txt", "content": b""} for n in range(15))
    for number in range(15):
        (here / f"{number}.txt").touch()
    outcome = down(*(f"id:{one}" for one in ids))
    assert outcome.err.count("exists; --existing") == 10
    assert outcome.err.splitlines()[-1] == "pdsclient: 15 files failed"


def test_json_has_an_object_for_each_file(up: Any, down: Any, here: Path) -> None:
    """Also for those in folders and for those that failed; standard error stays for people."""
    rows = [json.loads(line) for line in up("report.pdf", "photos", "--json").out.splitlines()]
    assert {row["path"]: row["action"] for row in rows} == {
        "report.pdf": "failed",
        "photos/a.jpg": "uploaded",
        "photos/c.tmp": "uploaded",
        "photos/sub/b.jpg": "uploaded",
    }
    assert all(("error" in row) is (row["action"] == "failed") for row in rows)
    [row] = [json.loads(line) for line in down("/photos/a.jpg", "--json").out.splitlines()]
    assert (row["target"], row["size"], row["action"]) == ("a.jpg", 100, "downloaded")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["missing.txt"], "missing.txt: No such file or directory"),
        (["photos/a.jpg", "a.jpg"], "a.jpg: No such file"),
        (["-"], "standard input needs a --name"),
        (["notes.txt", "report.pdf", "--name", "x"], "--name is for one source"),
        (["notes.txt", "./notes.txt"], "would be called notes.txt"),
        (["/"], "has no name"),
        (["/dev/null"], "neither a file nor a directory"),
        (["notes.txt", "--bandwidth", "fast"], "500k or 5M"),
        (["notes.txt", "--existing", "ignore"], "ignore"),
        (["notes.txt", "--to", "a/../b"], "plain names"),
        (["photos", "--exclude", "a//b"], "exclude"),
    ],
)
def test_wrong_upload_is_refused_before_anything_is_sent(
    up: Any, domain: Any, here: Path, args: list[str], said: str
) -> None:
    """A typing error costs no time, and half of the files are not sent for nothing."""
    outcome = up(*args)
    assert outcome.status == 2
    assert said in " ".join(outcome.err.replace("│", " ").split())
    assert not domain.emulator.requests.of("/file/create")


@pytest.mark.parametrize(
    ("args", "status", "said"),
    [
        (["/missing"], 1, "/missing: there is no such file or folder in drive 1"),
        (["id:" + "0" * 40], 1, "there is no such file or folder"),
        (["/report.pdf", "--to", "-", "--json"], 2, "--to - writes one file"),
        (["/", "--to", "-"], 2, "a folder cannot be written to standard output"),
        (["/report.pdf", "--archive", "x.zip", "--existing", "skip"], 2, "--archive goes with"),
        (["/report.pdf", "--to", "notes.txt"], 1, "File exists: notes.txt"),
    ],
)
def test_wrong_download_writes_nothing(
    down: Any, domain: Any, here: Path, args: list[str], status: int, said: str
) -> None:
    """What is not there is found out before the first file is fetched."""
    before = sorted(os.listdir())
    outcome = down("/report.pdf", *args) if args[0] == "/missing" else down(*args)
    assert outcome.status == status
    assert said in " ".join(outcome.err.replace("│", " ").split())
    assert (sorted(os.listdir()), outcome.out) == (before, "")


def test_directory_that_is_served_takes_no_uploads(cli: Any, here: Path) -> None:
    """What would be forgotten at once is no upload: there is no such option."""
    outcome = cli("upload", "notes.txt", "--dir", ".")
    assert (outcome.status, "No such option: --dir" in outcome.err) == (2, True)


def test_full_disk_ends_it_in_words(
    down: Any, domain: Any, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No other file is begun on a disk that is full, and nothing is left of the first."""
    ids = domain.add_files({"name": f"{n}.bin", "content": b"x" * 100} for n in range(3))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "disk")

    monkeypatch.setattr(os, "pwritev", full, raising=False)
    monkeypatch.setattr(os, "pwrite", full, raising=False)
    outcome = down(*(f"id:{one}" for one in ids), "--concurrency", "1", "--to", "in")
    assert outcome.status == 1
    assert outcome.err.count("No space left on device") == 2
    assert "Traceback" not in outcome.err
    assert os.listdir("in") == []


def test_source_that_changes_is_refused(up: Any, domain: Any, here: Path) -> None:
    """A file that is written while it is read would arrive as something that never was."""

    class Touch(Fault):
        async def play(self, exchange: Any) -> Any:
            os.utime(here / "big.bin", (time.time() + 60, time.time() + 60))
            return await exchange.send(await exchange.process())

    (here / "big.bin").write_bytes(os.urandom(10 << 20))
    domain.emulator.faults.add("/data", Touch())
    outcome = up("big.bin", "--serial", "--no-rapid")
    assert (outcome.status, "changed" in outcome.err) == (1, True)
    assert "Traceback" not in outcome.err


def test_dead_token_is_status_3(up: Any, down: Any, domain: Any, here: Path) -> None:
    """Whoever has no valid credential is told so once, not for each file."""
    domain.emulator.revoke(domain.emulator.token_info.access_token)
    assert up("notes.txt", "photos", "report.pdf").status == 3
    assert down("/report.pdf").status == 3


def test_token_that_dies_in_the_middle_ends_it(up: Any, domain: Any, here: Path) -> None:
    """The other files are not tried; the command that goes on is said."""
    domain.emulator.faults.add(
        "/file/create", Fault.status(401, "AccessTokenInvalid"), times=None, after=1
    )
    outcome = up("notes.txt", "photos/a.jpg", "photos/c.tmp", "--concurrency", "1")
    assert outcome.status == 3
    assert "pdsclient: 1 uploaded, 1 failed, 5 B, " in outcome.err
    assert ", 1 not begun, took " in outcome.err
    told = re.search(r"to go on: pdsclient (.*)", outcome.err)
    assert told
    assert told[1].startswith("upload notes.txt photos/a.jpg ")
    assert told[1].endswith(" --resume")


def test_no_answer_is_status_4(cli: Any, domain: Any, here: Path) -> None:
    """Where nobody listens nothing can be said about the files."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{taken.getsockname()[1]}"
        where = ["--endpoint", endpoint, "--token-file", domain.token_file, "--drive", "1"]
        assert cli("upload", "notes.txt", *where).status == 4


# -------------------------------------------------------------------- what must not be shown


@pytest.mark.parametrize("direction", ["up", "down"])
def test_no_signed_url_is_shown(
    up: Any, down: Any, domain: Any, here: Path, direction: str
) -> None:
    """Not by an error of the storage, nor by any other one, nor in a checkpoint."""
    (here / "big.bin").write_bytes(os.urandom(9 << 20))
    domain.emulator.faults.add("/data", Fault.storage(403, "AccessDenied", "no"), times=None)
    outcome = up("big.bin", "--json") if direction == "up" else down("/report.pdf", "--json")
    assert outcome.status == 1
    files = [path for path in Path(os.environ["XDG_STATE_HOME"]).rglob("*") if path.is_file()]
    told = [outcome.out, outcome.err, *(path.read_text() for path in files)]
    for secret in ("ignature=", "/data", domain.emulator.token_info.access_token):
        assert all(secret not in text for text in told)


def test_hostile_names_are_shown_and_not_obeyed(down: Any, domain: Any, here: Path) -> None:
    """Names that others made move no cursor, neither in summaries nor in failures."""
    [file_id] = domain.add_files([{"name": HOSTILE, "content": b"x"}])
    for _ in range(2):
        outcome = down(f"id:{file_id}", "--to", "in")
        dry = down("/", "--dry-run")
        assert not set("\x1b\u202e") & set(outcome.err + dry.out + dry.err)
    assert dry.out.count("\n") == 2
    assert outcome.status == 1


# -------------------------------------------------------------------- standard streams


def test_one_file_is_written_to_standard_output(spawn: Any, domain: Any, here: Path) -> None:
    """To the byte, and nothing else is said."""
    content = bytes(range(256)) * 4096
    [file_id] = domain.add_files([{"name": "x.bin", "content": content}])
    process = spawn("download", f"id:{file_id}", "--to", "-", *domain.args)
    assert process.communicate(timeout=30) == (content, b"")
    assert process.returncode == 0


@pytest.mark.parametrize("kind", ["pipe", "file"])
def test_standard_input_is_uploaded(
    spawn: Any, remote: Any, domain: Any, here: Path, kind: str
) -> None:
    """Piped in without a length, or redirected from a file."""
    content = os.urandom(300_000)
    (here / "in.bin").write_bytes(content)
    with (here / "in.bin").open("rb") as file:
        stdin = file if kind == "file" else -1
        process = spawn("upload", "-", "--name", "in.bin", *domain.args, stdin=stdin)
        out, err = process.communicate(content if kind == "pipe" else None, timeout=30)
    assert (process.returncode, out) == (0, b"")
    assert b"standard input: uploaded, id:" in err
    assert remote("/in.bin") == content
