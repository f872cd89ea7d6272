"""What the documents say: every Python block runs, every table is complete."""

from __future__ import annotations

import ast
import inspect
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import CodeType
from typing import Any

import attrs
import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestClient, TestServer

import pdsclient
from pdsclient import AsyncPDSClient, ClientConfig, FileTokenStore, errors
from pdsclient.bulk import Progress
from pdsclient.emulator import Emulator, Fault, Settings
from pdsclient.emulator.roles import ROLES
from pdsclient.query import FILE_FIELDS, Kind
from pdsclient.transfer import TransferProgress, TreeItem, TreeReport
from pdsclient.transferring import Transferring

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
ENDPOINT = "https://bj1.api.aliyunpds.com"
_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)

SLOW_STEP = re.compile(r"Executing <.* took [\d.]+ seconds")


def blocks() -> list[Any]:
    """Every Python block, named by document and line."""
    return [
        pytest.param(match[1], id=f"{document.name}:{text[: match.start()].count(chr(10)) + 1}")
        for document in DOCUMENTS
        for text in [document.read_text(encoding="utf-8")]
        for match in _BLOCK.finditer(text)
    ]


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    """A domain with a few files for the documents to find."""
    async with Emulator(app_id="my-app") as emulator:
        await emulator.register_app("my-app", redirect_uris=["https://example.com/back"])
        await emulator.add_files(
            {"path": f"reports/report-{n}.{extension}", "size": n * 4_000_000}
            for n in range(3)
            for extension in ("pdf", "jpg")
        )
        yield emulator


async def run(source: str, names: dict[str, Any]) -> None:
    """Run a block as a notebook does: with ``await`` at the top level."""
    tree = ast.parse(source)
    code: CodeType = compile(tree, "<block>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    outcome = eval(code, names)
    if inspect.iscoroutine(outcome):
        await outcome


@pytest.mark.parametrize("source", blocks())
async def test_block_runs(
    source: str, emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The block does what it says against the emulator, as it stands."""
    monkeypatch.chdir(tmp_path)
    token = emulator.token_info
    monkeypatch.setenv("PDS_API_ENDPOINT", emulator.api_endpoint)
    monkeypatch.setenv("PDS_ACCESS_TOKEN", token.access_token)
    lay_down_key(emulator)
    lay_down_contents()

    async def token_function() -> Any:
        return emulator.issue_token()

    async def browser(url: str) -> str:
        async with ClientSession() as session, session.get(url, allow_redirects=False) as answer:
            return answer.headers["Location"]

    async with AsyncPDSClient(api_endpoint=emulator.api_endpoint, token_info=token) as client:
        names = {
            "__name__": "block",
            "access_token": token.access_token,
            "ask_vault": token_function,
            "browser": browser,
            "client": client,
            "emulator": emulator,
            "fetch_token": token_function,
            "refresh_token": token.refresh_token,
            "token_info": token,
        }
        await run(source.replace(ENDPOINT, emulator.api_endpoint), names)
        await ask_service(names.get("app"))
        await close(names["client"], unless=client)


def lay_down_key(emulator: Emulator) -> None:
    """The key of the emulator's application, as the documents name it."""
    path = Path("key.pem")
    path.touch(mode=0o600)
    path.write_text(emulator.private_key_pem)


def lay_down_contents() -> None:
    """The files that documents upload, by the names that they use."""
    Path("video.mp4").touch()
    os.truncate("video.mp4", 20_000_000)
    for name in ("notes.txt", *(f"{2024 + n % 2}/photo-{n}.jpg" for n in range(11))):
        path = Path("photos", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.truncate(path, 100_000)


async def ask_service(app: web.Application | None) -> None:
    """If the block makes a service, each of its routes answers."""
    if app is None:
        return
    async with TestClient(TestServer(app)) as asking:
        for route in app.router.routes():
            if route.method == "GET" and route.resource is not None:
                assert (await asking.get(route.resource.canonical)).status == 200


async def close(client: Any, *, unless: Any) -> None:
    """A client that the block made for good is used once, and closed."""
    if client is not unless and not repr(client).endswith("closed>"):
        await client.file.list(drive_id="1", parent_file_id="root")
        await client.aclose()


async def test_stored_token_of_the_readme_is_refreshed_and_saved(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The README's store works: the service refuses the token, the next one is in the file."""
    monkeypatch.chdir(tmp_path)
    (source,) = [one.values[0] for one in blocks() if "token_info,  # only" in str(one.values[0])]
    names: dict[str, Any] = {"token_info": emulator.token_info}
    await run(str(source).replace(ENDPOINT, emulator.api_endpoint), names)
    emulator.revoke(emulator.token_info.access_token)
    async with names["client"] as client:
        await client.file.list(drive_id="1", parent_file_id="root")
        assert await FileTokenStore("token.json").load() == client.token_info


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_example_runs_as_it_is(path: Path, tmp_path: Path) -> None:
    """Each example ends by itself, without an error or a warning."""
    package = Path(pdsclient.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-W", "error", path],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(package), "PYTHONDEVMODE": "1"},
        capture_output=True,
        check=False,
        text=True,
    )
    # A busy machine makes any step slow, and asyncio's debug mode says so.
    said = [line for line in done.stderr.splitlines() if not SLOW_STEP.match(line)]
    assert (done.returncode, said) == (0, [])
    assert done.stdout


def rows(document: str, heading: str) -> dict[str, list[str]]:
    """The rows of the first table after a heading, by the names in their first cells."""
    text = "\n" + (ROOT / document).read_text(encoding="utf-8")
    text = text.partition(f"\n{heading}\n")[2]
    table = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert table, f"no table under {heading!r}"
    lines = [re.split(r"(?<!\\)\|", line)[1:-1] for line in table[0].splitlines()[2:]]
    return {
        name: [cell.strip() for cell in cells[1:]]
        for cells in lines
        for name in re.findall(r"`(\w+)", cells[0])
    }


def test_every_error_class_is_in_the_table() -> None:
    """docs/errors.md has a row for each class, and no other."""
    listed = rows("docs/errors.md", "# Errors").keys() - {"ValueError", "TimeoutError"}
    assert listed == set(errors.__all__)


def test_every_field_is_in_the_table() -> None:
    """docs/search.md has each field of the vendor's table with its type and whether it sorts."""
    listed = rows("docs/search.md", "## Fields")
    for field in FILE_FIELDS.values():
        if field.name in listed:
            kind, sort, _ = listed.pop(field.name)
            assert Kind[kind] is field.kind, field.name
            assert (sort == "yes") is hasattr(field, "desc"), field.name
        else:
            text = (ROOT / "docs/search.md").read_text(encoding="utf-8")
            assert f"`{field.name}`" in text, field.name
    assert not listed


def test_every_switch_is_in_the_table() -> None:
    """docs/emulator.md has each switch of the emulator, and each kind of fault."""
    text = (ROOT / "docs/emulator.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"`(\w+)`", text.partition("## Switches")[2]))
    assert {one.name for one in attrs.fields(Settings)} <= listed
    faults = {name for name, item in vars(Fault).items() if isinstance(item, classmethod)}
    assert faults <= set(re.findall(r"`(?:Fault)?\.(\w+)\(", text))


def test_every_role_is_in_the_table_with_its_actions() -> None:
    """docs/emulator.md says of each role of a shared folder what it allows."""
    text = (ROOT / "docs/emulator.md").read_text(encoding="utf-8")
    head, *listed = re.findall(
        r"^\| `(\w+…?)` \|(.*)\|$", text.partition("### Perm")[2], re.MULTILINE
    )
    actions = [re.findall(r"\w+", cell) for cell in head[1].split("|")]
    told = {
        f"SystemFile{name}": {
            f"FILE.{action}"
            for cell, group in zip(cells.split("|"), actions, strict=True)
            for action in group
            if cell.strip() == "yes"
        }
        for name, cells in listed[: len(ROLES)]
    }
    assert told == ROLES


def test_progress_and_arguments_of_bulk_search_are_explained() -> None:
    """docs/bulk.md has each field of a snapshot in its table, and speaks of each argument."""
    assert set(rows("docs/bulk.md", "## Progress")) == {one.name for one in attrs.fields(Progress)}
    text = (ROOT / "docs/bulk.md").read_text(encoding="utf-8")
    arguments = inspect.signature(AsyncPDSClient.bulk_search).parameters.keys()
    assert arguments - {"self", "jobs", "defaults"} <= set(re.findall(r"`(\w+)", text))


def test_progress_report_and_arguments_of_transfers_are_explained() -> None:
    """docs/transfers.md has each field of snapshots and reports, and speaks of each argument."""
    text = (ROOT / "docs/transfers.md").read_text(encoding="utf-8")
    told = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`\n]+)`", text))))
    snapshot = {one.name for one in attrs.fields(TransferProgress)}
    report = {one.name for one in (*attrs.fields(TreeReport), *attrs.fields(TreeItem))}
    public = [name for name in vars(Transferring) if not name.startswith("_")]
    arguments = {
        argument
        for name in public
        for argument in inspect.signature(getattr(AsyncPDSClient, name)).parameters
    }
    assert not {*snapshot, *report, *public, *arguments} - {"self"} - told


SEED_CONTEXT = (
    "isNode", "Axios", "AxiosNodeAdapter", "platform", "os", "fs", "path", "cp", "http", "https",
    "crypto", "worker_threads",
)  # fmt: skip
SEED_PARAMS = (
    "token_info", "share_token", "api_endpoint", "auth_endpoint", "path_type", "version",
    "refresh_token_fun", "refresh_share_token_fun",
)  # fmt: skip


def test_every_parameter_of_the_seed_has_its_counterpart() -> None:
    """docs/context.md answers each row of the tables IContext and IClientParams."""
    assert set(rows("docs/context.md", "## `IContext`")) == set(SEED_CONTEXT)
    assert set(rows("docs/context.md", "## `IClientParams`")) == set(SEED_PARAMS)
    text = (ROOT / "docs/context.md").read_text(encoding="utf-8")
    assert {one.name for one in attrs.fields(ClientConfig)} <= set(re.findall(r"`(\w+)`", text))


def test_links_between_documents_lead_somewhere() -> None:
    """No document points at a file that is not there."""
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_every_document_is_in_the_index() -> None:
    """The README's last table leads to each document."""
    index = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Further")[2]
    assert {f"docs/{one.name}" for one in DOCUMENTS[1:]} <= set(re.findall(r"\]\((.*?)\)", index))
