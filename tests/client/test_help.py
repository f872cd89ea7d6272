"""What users see of an operation before they call it: help, signature, completion."""

from __future__ import annotations

import inspect
import pydoc

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell

from pdsclient import AsyncPDSClient
from pdsclient.operations import Op

shell = InteractiveShell(history_manager=None)
shell.Completer.use_jedi = False


@pytest.fixture
def client() -> AsyncPDSClient:
    return AsyncPDSClient(api_endpoint="https://bj1.api.aliyunpds.com")


def rendered(thing: object) -> str:
    """What ``help`` prints."""
    return pydoc.render_doc(thing, renderer=pydoc.plaintext)


def test_help_shows_the_signature_and_every_argument(client):
    """Type, limits, default and text of each, the reply, and whether it may be sent twice."""
    text = rendered(client.file.search)
    assert "search(*, query: Query | str," in " ".join(text.split()).replace("( *", "(*")
    words = " ".join(text.split())
    for part in (
        "Files that a condition holds for",
        "query (Query | str, required): The condition. Takes up to 4,096 characters as text.",
        "limit (int | None): Most rows in a page; it may have fewer. Takes 1-100.",
        "drive_id_list (Sequence[str] | None): The drives to search. Takes 1-10 of them, each",
        "Default 'created_at DESC,name ASC'.",
        "Pager of FilePage: await it for a page, iterate over it for all rows.",
        "Sends POST /file/search; it is safe to send twice.",
    ):
        assert part in words
    assert max(map(len, text.split("Args:")[1].splitlines())) <= 100


@pytest.mark.parametrize(
    ("attribute", "words"),
    [
        ("file.get", "File: A file or a folder"),
        ("file.list_permission", "Returns: list[FilePermissionMember]"),
        ("share_link.cancel", "Returns: None"),
        ("oauth.authorize", "The URL to open in a browser; nothing is sent."),
        ("file.download", "Sends GET /file/download"),
        ("file.revision.delete", "it is not safe to send twice"),
        ("recyclebin.clear_all", "Returns: ClearedBins"),
    ],
)
def test_help_says_what_comes_back(client, attribute, words):
    """A model with its first line, a list, nothing, or a URL."""
    found = client
    for name in attribute.split("."):
        found = getattr(found, name)
    assert words in " ".join(rendered(found).split())


def test_help_of_a_resource_lists_its_operations(client):
    """With their arguments, as methods."""
    text = rendered(client.file.revision)
    for words in ("the versions of a file's content", "delete(", "update(", "keep_forever"):
        assert words in text


def test_the_classes_keep_their_own_documentation():
    """The docstring of an operation is not that of its class."""
    assert Op.__doc__ == "An operation with one reply."


def test_ipython_shows_signature_and_text(client):
    """``client.file.search?`` needs no more than the object."""
    shell.push({"client": client})
    info = shell.object_inspect("client.file.search")
    assert info["definition"].startswith("client.file.search(")
    assert "limit: int | None = None" in info["definition"]
    assert "FilePage" in info["definition"]
    assert "Files that a condition holds for" in info["docstring"]


def test_ipython_completes_operations_and_arguments(client):
    """Attributes by their names, arguments by the signature."""
    shell.push({"client": client})
    assert "client.file.search" in completions("client.file.sea")
    assert "client.recyclebin" in completions("client.recy")
    assert "drive_id_list=" in completions("client.file.search(drive_id_l")


def completions(text: str) -> list[str]:
    """What the tab key offers."""
    with provisionalcompleter():
        found = list(shell.Completer.completions(text, len(text)))
    return [text[: one.start] + one.text if "(" not in text else one.text for one in found]


def test_a_signature_can_be_bound(client):
    """Required arguments are required, and all are keywords."""
    signature = inspect.signature(client.file.get)
    signature.bind(drive_id="1", file_id="f")
    with pytest.raises(TypeError, match="file_id"):
        signature.bind(drive_id="1")
    with pytest.raises(TypeError, match="positional"):
        signature.bind("1", "f")


def test_an_operation_on_the_class_describes_itself(client):
    """Also without a client, for whoever generates documentation."""
    op = type(client.file).search
    assert op.__name__ == "search"
    assert inspect.getdoc(op) == inspect.getdoc(client.file.search)
    assert repr(client.file.search) == "<operation POST /file/search>"
    assert repr(client.file.download) == "<operation GET /file/download>"
