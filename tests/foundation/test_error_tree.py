"""The error tree: the seed's fields, how errors print, travel and are copied."""

from __future__ import annotations

import asyncio
import copy
import inspect
import pickle
import re
import traceback
from typing import Any

import pytest

from pdsclient import errors
from pdsclient.errors import PDSError, QuerySyntaxError, caret, record_stack
from pdsclient.options import RequestOptions
from pdsclient.tokens import TokenInfo

CLASSES = sorted(
    (one for _, one in inspect.getmembers(errors, inspect.isclass) if issubclass(one, PDSError)),
    key=lambda one: one.__name__,
)
SERVER_SIDE = [one for one in CLASSES if issubclass(one, errors.ReplyError)]


def make(kind: type[PDSError], message: str = "went wrong", **fields: Any) -> PDSError:
    """An instance of any class of the tree."""
    if kind is QuerySyntaxError:
        return QuerySyntaxError(message, text="size >", position=6)
    return kind(message, **fields)


def raised(error: BaseException, cause: BaseException | None = None) -> Any:
    """The error after it was raised and caught, with a traceback."""
    try:
        raise error from cause
    except BaseException as caught:  # noqa: BLE001
        return caught


# ---------------------------------------------------------------------------- the seed's table

SERVER = {"code": "NotFound.FileId", "status": 404, "req_id": "R-1"}
# row of the seed's table "PDSError", attribute, value of a server's and of the client's error
ROWS = [
    (
        (
            "status | number | The HTTP status code that is returned if the server reports an "
            "error. This parameter is left empty if the client reports an error."
        ),
        "status",
        404,
        None,
    ),
    (
        (
            "code | string | The code that is returned if the server reports an error. A value of "
            "ClientError is returned if the client reports an error."
        ),
        "code",
        "NotFound.FileId",
        "ClientError",
    ),
    (
        "message | string | Yes | The message that is returned if the server reports an error.",
        "message",
        "gone",
        "gone",
    ),
    (
        (
            "reqId | string | The request ID that is returned if the server reports an error. "
            "This parameter is left empty if the client reports an error."
        ),
        "req_id",
        "R-1",
        None,
    ),
    (
        "type | string | The type of the error. Valid values: ClientError and ServerError.",
        "type",
        "ServerError",
        "ClientError",
    ),
]


@pytest.mark.parametrize(("row", "name", "of_server", "of_client"), ROWS)
def test_seed_row_of_pdserror(row: str, name: str, of_server: object, of_client: object) -> None:
    """Each row of the seed's table has its attribute, under its name in snake_case."""
    assert re.sub(r"([A-Z])", r"_\1", row.partition(" | ")[0]).lower() == name
    assert getattr(errors.NotFound("gone", **SERVER), name) == of_server
    assert getattr(errors.NotSent("gone"), name) == of_client


def test_seed_row_of_stack() -> None:
    """stack | string | The error stack that is used for debugging."""
    error = raised(errors.NotSent("gone"), raised(OSError("refused")))
    record_stack(error)
    assert isinstance(error.stack, str)
    assert "OSError: refused" in error.stack
    assert "test_seed_row_of_stack" in error.stack
    assert error.stack.endswith("pdsclient.NotSent: gone\n")


@pytest.mark.parametrize("kind", [one for one in CLASSES if one is not QuerySyntaxError])
def test_a_client_error_has_neither_status_nor_request_id(kind: type[PDSError]) -> None:
    """Code ``ClientError``, type ``ClientError``, no status and no id always go together."""
    error = make(kind, status=500, req_id="R-1")
    assert (error.type, error.code) == ("ClientError", "ClientError")
    assert (error.status, error.req_id, error.request_id) == (None, None, None)


def test_request_id_is_an_alias() -> None:
    """``request_id`` is the Python name of the seed's ``reqId``."""
    assert errors.NotFound("gone", **SERVER).request_id == "R-1"


# ---------------------------------------------------------------------------- the tree


def test_the_whole_tree() -> None:
    """The classes and their places are those of the contract, and all are exported."""
    tree = {one.__name__: [base.__name__ for base in one.__bases__] for one in CLASSES}
    assert tree == {
        "PDSError": ["Exception"],
        "InvalidRequest": ["PDSError", "ValueError"],
        "QuerySyntaxError": ["InvalidRequest"],
        "WrongEventLoop": ["InvalidRequest"],
        "ClientClosed": ["PDSError"],
        "AuthError": ["PDSError"],
        "RefreshFailed": ["AuthError"],
        "ShareTokenInvalid": ["AuthError"],
        "TransportError": ["PDSError"],
        "NotSent": ["TransportError"],
        "OutcomeUnknown": ["TransportError"],
        "DeadlineExceeded": ["PDSError", "TimeoutError"],
        "ReplyError": ["PDSError"],
        "BadRequest": ["ReplyError"],
        "PermissionDenied": ["ReplyError"],
        "NotFound": ["ReplyError"],
        "Conflict": ["ReplyError"],
        "QuotaExceeded": ["ReplyError"],
        "RateLimited": ["ReplyError"],
        "ServiceFailure": ["ReplyError"],
        "DecodeError": ["PDSError"],
        "ContentChanged": ["PDSError"],
        "ContentMismatch": ["DecodeError"],
        "TaskFailed": ["PDSError"],
    }
    assert errors.__all__ == [one.__name__ for one in CLASSES]


@pytest.mark.parametrize("kind", CLASSES)
def test_defaults(kind: type[PDSError]) -> None:
    """Whatever is not known is None, zero or False, never absent."""
    error = make(kind)
    assert (error.retry_after_s, error.req_opt, error.body, error.marker) == (None,) * 4
    assert (error.attempts, error.may_have_happened) == (0, False)
    assert error.stack.startswith(f"pdsclient.{kind.__name__}: went wrong")


# ---------------------------------------------------------------------------- text


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "gone"),
        ({"code": "X"}, "X: gone"),
        ({"code": "X", "status": 404}, "X: gone (HTTP 404)"),
        ({"code": "X", "req_id": "R"}, "X: gone (request id R)"),
        ({"code": "X", "status": 404, "req_id": "R"}, "X: gone (HTTP 404, request id R)"),
    ],
)
def test_str_tells_what_a_report_needs(fields: dict[str, Any], text: str) -> None:
    """A server's error prints code, message, status and id; ours only the message."""
    assert str(PDSError("gone", **fields)) == text


def test_str_of_a_query_error_keeps_its_picture() -> None:
    """The lines of our own messages stay lines."""
    error = QuerySyntaxError("a value is missing", text="size >", position=6)
    assert str(error) == "a value is missing\n  size >\n        ^"
    assert (error.column, error.reason, error.text) == (7, "a value is missing", "size >")


@pytest.mark.parametrize(
    ("text", "position", "picture"),
    [
        ("", 0, "  \n  ^"),
        ("ab", 1, "  ab\n   ^"),
        ("名前 x", 3, "  名前 x\n       ^"),
        ("e\u0301x", 2, "  e\u0301x\n   ^"),
        ("a\tb\x1b\u202e\ud800c", 6, "  a b\ufffd\ufffd\ufffdc\n        ^"),
    ],
)
def test_the_caret_stands_under_its_character(text: str, position: int, picture: str) -> None:
    """Wide, combining and unprintable characters do not move the caret astray."""
    assert caret(text, position).replace("�", "\ufffd") == picture


def test_the_caret_shows_a_part_of_a_long_text() -> None:
    """A long text is shown around the position, with dots where it goes on."""
    shown, line = caret("x" * 500 + "!" + "y" * 500, 500).split("\n")
    assert shown == "  …" + "x" * 36 + "!" + "y" * 35 + "…"
    assert shown[line.index("^")] == "!"


# ---------------------------------------------------------------------------- the stack


def test_the_stack_is_formatted_when_first_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that nobody looks at costs no formatting, and it is done once."""
    counted: list[object] = []
    original = traceback.format_exception

    def count(*args: Any, **options: Any) -> list[str]:
        counted.append(args)
        return original(*args, **options)

    monkeypatch.setattr(traceback, "format_exception", count)
    error = raised(errors.NotSent("gone"), OSError("refused"))
    record_stack(error)
    assert not counted
    assert error.stack is error.stack
    assert len(counted) == 1


def test_the_stack_is_there_before_the_error_is_raised() -> None:
    """Listeners get an error that was not raised yet: its stack is the caller's all the same."""

    def caller() -> PDSError:
        error = errors.OutcomeUnknown("no answer")
        record_stack(error)
        return error

    stack = caller().stack
    assert stack.index("test_the_stack_is_there") < stack.index("in caller")


async def test_the_stack_holds_the_chain_of_awaits() -> None:
    """Within one task every awaiting function is named, outermost first."""

    async def awaited() -> PDSError:
        await asyncio.sleep(0)
        error = errors.OutcomeUnknown("no answer")
        record_stack(error)
        return error

    async def awaiting() -> PDSError:
        return await awaited()

    stack = (await awaiting()).stack
    assert stack.index("in awaiting\n") < stack.index("in awaited\n")


def test_the_stack_of_a_deep_call_is_bounded() -> None:
    """Only the 64 innermost frames are kept."""

    def deep(levels: int) -> PDSError:
        if levels:
            return deep(levels - 1)
        error = errors.OutcomeUnknown("no answer")
        record_stack(error)
        return error

    assert deep(200).stack.count(", in deep") <= 64


def test_the_stack_survives_a_cause_that_cannot_be_printed() -> None:
    """A broken ``__str__`` of somebody else's error does not break ours."""

    class Broken(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert "went wrong" in raised(PDSError("went wrong"), Broken()).stack


# ---------------------------------------------------------------------------- pickles and copies


class Extended(errors.ServiceFailure):
    """A subclass of a user, with a constructor and an attribute of its own."""

    def __init__(self, message: str, *, region: str) -> None:
        super().__init__(message, code="Internal", status=500)
        self.region = region


class Unpicklable(Exception):
    """Holds what cannot travel, like the sockets in errors of HTTP libraries."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.socket = lambda: None


class Unloadable(Exception):
    """Can be written but not read back: its constructor wants more than ``args``."""

    def __init__(self, text: str, _: object) -> None:
        super().__init__(text)


def same(one: PDSError, other: PDSError) -> bool:
    """Whether two errors tell the same."""
    keys = vars(one).keys() - {"_stack"}
    return (
        type(one) is type(other)
        and one.args == other.args
        and str(one) == str(other)
        and one.stack == other.stack
        and all(getattr(one, key) == getattr(other, key) for key in keys)
    )


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("kind", CLASSES)
def test_every_class_survives_a_pickle(kind: type[PDSError], protocol: int) -> None:
    """All fields, the stack and the cause are the same on the other side."""
    error = raised(make(kind), raised(KeyError("why")))
    error.attempts, error.marker, error.retry_after_s = 3, "m-1", 1.5
    error.req_opt = RequestOptions(timeout=3).filled(
        method="POST", url="https://h/v2/file/get", data={"file_id": "f"}, attempt=3
    )
    error.add_note("a note")
    record_stack(error)
    copied = pickle.loads(pickle.dumps(error, protocol))
    assert same(error, copied)
    assert repr(copied.__cause__) == "KeyError('why')"
    assert "in test_every_class_survives_a_pickle" in copied.stack


def test_attributes_of_subclasses_survive() -> None:
    """A subclass needs no pickling code of its own."""
    error = Extended("down", region="bj1")
    copied = pickle.loads(pickle.dumps(error))
    assert same(error, copied)
    assert copied.region == "bj1"


def test_may_pass_survives() -> None:
    """An attribute set on the instance travels too."""
    error = errors.NotSent("certificate")
    error.may_pass = False
    assert not pickle.loads(pickle.dumps(error)).may_pass


@pytest.mark.parametrize(
    "cause", [Unpicklable("why"), Unloadable("why", 1), ExceptionGroup("why", [Unpicklable("x")])]
)
def test_a_cause_that_cannot_travel_is_summed_up(cause: Exception) -> None:
    """Its name and text stand for it, and the stack still tells all."""
    copied = pickle.loads(pickle.dumps(raised(PDSError("went wrong"), raised(cause))))
    assert type(copied.__cause__) is Exception
    assert type(cause).__name__ in str(copied.__cause__)
    assert "why" in str(copied.__cause__)
    assert "direct cause" in copied.stack


def test_a_cause_that_can_be_neither_pickled_nor_printed() -> None:
    """Even then the error itself travels."""

    class Broken(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    copied = pickle.loads(pickle.dumps(raised(PDSError("went wrong"), Broken())))
    assert "Broken" in str(copied.__cause__)


def test_a_chain_of_our_own_errors_survives() -> None:
    """Causes of causes are kept, and a long chain costs in proportion to its length."""
    error: PDSError = raised(PDSError("0"), KeyError("first"))
    for level in range(1, 40):
        error = raised(PDSError(str(level)), error)
    copied: BaseException | None = pickle.loads(pickle.dumps(error))
    chain = []
    while copied is not None:
        chain.append(str(copied))
        copied = copied.__cause__
    assert chain == [*(str(level) for level in reversed(range(40))), "'first'"]


def test_a_chain_in_a_circle_survives() -> None:
    """Errors that name each other as causes do not recurse without end."""
    one, other = PDSError("one"), errors.NotSent("other")
    one.__cause__, other.__cause__ = other, one
    copied = pickle.loads(pickle.dumps(one))
    assert copied.__cause__.__cause__ is copied
    assert str(copied.__cause__) == "other"


def test_a_group_in_a_circle_survives() -> None:
    """The same with a group between them."""
    error = PDSError("one")
    error.__cause__ = ExceptionGroup("group", [error])
    copied = pickle.loads(pickle.dumps(error))
    assert str(copied) == "one"


def test_five_hundred_errors_share_one_cause() -> None:
    """Waiters of one failed refresh each have an error of their own, also after a pickle."""
    cause = raised(errors.BadRequest("used", code="InvalidParameter.RefreshToken", status=400))
    waiters = [raised(errors.RefreshFailed(f"waiter {number}"), cause) for number in range(500)]
    copies = pickle.loads(pickle.dumps(waiters))
    assert [str(one) for one in copies] == [f"waiter {number}" for number in range(500)]
    assert len({id(one) for one in copies}) == 500
    assert len({id(one.__cause__) for one in copies}) == 1
    waiters[0].marker = "m"
    waiters[0].add_note("mine")
    assert waiters[1].marker is None
    assert not hasattr(waiters[1], "__notes__")


@pytest.mark.parametrize("copier", [copy.copy, copy.deepcopy])
@pytest.mark.parametrize("kind", CLASSES)
def test_errors_can_be_copied(kind: type[PDSError], copier: Any) -> None:
    """A copy tells the same and is a different object."""
    error = raised(make(kind), raised(Unpicklable("why")))
    copied = copier(error)
    assert same(error, copied)
    assert copied is not error


def test_a_token_in_an_attribute_is_refused_rather_than_pickled() -> None:
    """A credential that somebody hangs on an error does not slip out with it."""
    error = Extended("down", region="bj1")
    error.token = TokenInfo(access_token="secret")
    with pytest.raises(TypeError, match="refuses to be pickled"):
        pickle.dumps(error)
