"""Settings of one call: checked by name, merged by reach, masked where they are shown."""

from __future__ import annotations

import copy
import json
import math
import pickle
from typing import Any

import attrs
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pdsclient.errors import InvalidRequest
from pdsclient.options import NO_OPTIONS, UNSET, RequestOptions
from pdsclient.options import given as value_or

SECRET = "060e78d36afb4879b51e4264e9541c16"
NAMES = [
    "headers",
    "params",
    "timeout",
    "deadline",
    "retries",
    "idempotent",
    "emit_error",
    "share_token",
    "validate",
]
HUGE = pytest.param(10**5_000, id="huge")

# ---------------------------------------------------------------------------- fields


def test_the_fields_are_those_of_the_contract() -> None:
    """Nine options may be given; method, url, data and attempt are filled in."""
    given_ones = [one.name for one in attrs.fields(RequestOptions) if one.init]
    filled = [one.name for one in attrs.fields(RequestOptions) if not one.init]
    assert given_ones == NAMES
    assert filled == ["method", "url", "data", "attempt"]


def test_everything_defaults_to_unset() -> None:
    """Unset means inherited, and is neither None nor a default."""
    options = RequestOptions()
    assert all(getattr(options, name) is UNSET for name in NAMES)
    assert not UNSET
    assert repr(UNSET) == "UNSET"
    assert repr(options) == "RequestOptions()"


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("emit_error", "validate")])
def test_none_means_none(name: str) -> None:
    """None is a value of its own: no limit, not sent."""
    options = RequestOptions(**{name: None})
    assert getattr(options, name) is None
    assert repr(options) == f"RequestOptions({name}=None)"


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("headers", {"X-Trace": "1", "Cookie": None}, {"x-trace": "1", "cookie": None}),
        ("headers", {}, {}),
        ("headers", {"x": "v" * 65_536}, {"x": "v" * 65_536}),
        ("params", {"a": "b", "n": 5, "t": True, "f": False}, {
            "a": "b", "n": "5", "t": "true", "f": "false",
        }),
        ("params", {"名": "文"}, {"名": "文"}),
        ("params", {"a": ""}, {"a": ""}),
        ("timeout", 5, 5),
        ("timeout", 0.001, 0.001),
        ("timeout", 3_600, 3_600),
        ("deadline", 86_400, 86_400),
        ("retries", 0, 0),
        ("retries", 100, 100),
        ("idempotent", True, True),
        ("emit_error", False, False),
        ("validate", False, False),
        ("share_token", "abc", "abc"),
    ],
)  # fmt: skip
def test_valid_values(name: str, value: object, read: object) -> None:
    """What is allowed is read back, headers with lower-case names and parameters as text."""
    assert getattr(RequestOptions(**{name: value}), name) == read
    assert getattr(RequestOptions.parse({name: value}), name) == read


WRONG: list[tuple[str, Any]] = [
    *[("headers", value) for value in (5, "text", [("a", "b")], True, {5: "a"}, {"": "a"})],
    *[("headers", {name: "x"}) for name in ("a b", "a:", "a\n", "é", "\ud800", "a\0", "(x)")],
    *[("headers", {"a": value}) for value in ("", "a\nb", "a\0", "é", "\ud800", " a", 5, b"a")],
    ("headers", {"a": "v" * 65_537}),
    *[("headers", {name: "x"}) for name in ("Host", "content-length", "Transfer-Encoding")],
    *[("headers", {name: "x"}) for name in ("connection", "UPGRADE")],
    *[
        ("params", value)
        for value in (5, "a=b", [("a", "b")], {5: "a"}, {"": "a"}, {"\ud800": "a"})
    ],
    *[("params", {"a": value}) for value in (None, 1.5, b"a", [], {}, "\ud800", 2**65)],
    *[
        (name, value)
        for name in ("timeout", "deadline")
        for value in (0, -1, math.nan, math.inf, "5", True, [], 1j)
    ],
    ("timeout", 3_601),
    *[("retries", value) for value in (-1, 101, 1.0, "1", True, [])],
    *[("idempotent", value) for value in (0, 1, "yes", [])],
    *[("emit_error", value) for value in (None, 0, "no")],
    *[("validate", value) for value in (None, 0, "no")],
    *[("share_token", value) for value in ("", "a b", "a\n", "é", "\ud800", 5, b"a", "a" * 65_537)],
]


@pytest.mark.parametrize(("name", "value"), WRONG, ids=lambda one: repr(one)[:40])
def test_wrong_values_name_the_option(name: str, value: object) -> None:
    """Each option names itself, and no other exception escapes."""
    with pytest.raises(InvalidRequest, match=rf"options\.{name}") as caught:
        RequestOptions(**{name: value})
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("value", [HUGE, pytest.param(-(10**5_000), id="huge negative")])
@pytest.mark.parametrize("name", ["timeout", "deadline", "retries"])
def test_numbers_too_long_to_print_are_refused_as_well(name: str, value: int) -> None:
    """Python refuses to print such an int; the message does without it."""
    with pytest.raises(InvalidRequest, match=rf"options\.{name}"):
        RequestOptions(**{name: value})
    with pytest.raises(InvalidRequest, match=r"options\.params\['n'\]"):
        RequestOptions(params={"n": value})


def test_milliseconds_are_recognised() -> None:
    """A timeout above 3,600 is axios's milliseconds, and the message says so."""
    with pytest.raises(InvalidRequest, match=r"options\.timeout is 60000 seconds.*milliseconds"):
        RequestOptions(timeout=60_000)


# ---------------------------------------------------------------------------- mappings


def test_parse_takes_options_mappings_and_none() -> None:
    """The three forms of the ``options`` argument."""
    options = RequestOptions(timeout=5)
    assert RequestOptions.parse(options) is options
    assert RequestOptions.parse({"timeout": 5}) == options
    assert RequestOptions.parse(None) is RequestOptions.parse(None)
    assert RequestOptions.parse({}) == RequestOptions()


@pytest.mark.parametrize("value", [5, "timeout=5", [("timeout", 5)], True, b"", object()])
def test_parse_refuses_anything_else(value: Any) -> None:
    """The message names the argument and its type."""
    with pytest.raises(InvalidRequest, match="options must be RequestOptions or a mapping, not "):
        RequestOptions.parse(value)


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("baseURL", "api_endpoint"),
        ("data", "second argument"),
        ("donot_emit_error", "emit_error=False"),
        ("maxRedirects", "no redirect"),
        ("method", "POST"),
        ("proxy", "proxy of the client"),
        ("responseType", "reply_type"),
        ("retryCount", "retries"),
        ("signal", "deadline"),
        ("url", "first argument"),
        ("withCredentials", "known are headers"),
        ("adapter", "known are headers"),
        ("time_out", "known are headers"),
        ("attempt", "known are headers"),
        (5, "known are headers"),
        ("x" * 5_000, "known are headers"),
    ],
)
def test_keys_without_a_counterpart_are_refused_by_name(key: Any, hint: str) -> None:
    """Axios keys name what takes their place here; others name what there is."""
    with pytest.raises(
        InvalidRequest, match=rf"options\.{str(key)[:50]}.* has no .*{hint}"
    ) as caught:
        RequestOptions.parse({key: 1})
    assert len(str(caught.value)) < 300


# ---------------------------------------------------------------------------- merging


def test_a_call_goes_over_its_view() -> None:
    """What is set wins, None too; what is unset is taken from below."""
    view = RequestOptions(timeout=5, deadline=60, share_token="view", retries=1)
    call = RequestOptions(timeout=None, retries=0, emit_error=False)
    assert call.over(view) == RequestOptions(
        timeout=None, deadline=60, share_token="view", retries=0, emit_error=False
    )
    assert RequestOptions().over(view) == view
    assert view.over(RequestOptions()) == view
    assert NO_OPTIONS.over(view) is view
    assert view.over(NO_OPTIONS) is view


def test_headers_add_up_whatever_their_case() -> None:
    """A name replaces the same name, and None keeps it back."""
    view = RequestOptions(headers={"X-One": "1", "X-Two": "2", "X-Three": "3"})
    call = RequestOptions(headers={"x-one": "call", "X-TWO": None, "x-four": "4"})
    assert call.over(view).headers == {
        "x-one": "call",
        "x-two": None,
        "x-three": "3",
        "x-four": "4",
    }
    assert RequestOptions(headers=None).over(view).headers is None
    assert view.over(RequestOptions(headers=None)).headers == view.headers


def test_params_add_up_too() -> None:
    """Parameters of a view stay unless the call names them."""
    view = RequestOptions(params={"a": 1, "b": 2})
    assert RequestOptions(params={"b": 3}).over(view).params == {"a": "1", "b": "3"}


VALUES = {
    "headers": st.none() | st.dictionaries(st.sampled_from(["a", "b"]), st.none() | st.just("x")),
    "params": st.none() | st.dictionaries(st.sampled_from(["a", "b"]), st.just("x")),
    "timeout": st.none() | st.floats(0.1, 3_600),
    "deadline": st.none() | st.floats(0.1, 1e6),
    "retries": st.none() | st.integers(0, 100),
    "idempotent": st.none() | st.booleans(),
    "emit_error": st.booleans(),
    "share_token": st.none() | st.sampled_from(["x", "y"]),
    "validate": st.booleans(),
}
OPTIONS = st.fixed_dictionaries({}, optional=VALUES).map(RequestOptions.parse)


@given(OPTIONS, OPTIONS, OPTIONS)
def test_merging_is_associative(
    call: RequestOptions, view: RequestOptions, base: RequestOptions
) -> None:
    """It does not matter whether a view is merged with its base first or with the call.

    None in the middle cuts off what lies below it, so there the order counts.
    """
    assert call.over(call) == call
    assume(view.headers is not None)
    assume(view.params is not None)
    assert call.over(view).over(base) == call.over(view.over(base))


def test_value_or_default() -> None:
    """Unset gives the default, None does not."""
    assert value_or(UNSET, 5) == 5
    assert value_or(None, 5) is None


# ---------------------------------------------------------------------------- what is shown


def full() -> RequestOptions:
    """Options with a secret in each place that can hold one."""
    options = RequestOptions(
        headers={
            "Authorization": f"Bearer {SECRET}",
            "X-Any": SECRET,
            "Accept": "a/b",
            "X-No": None,
        },
        params={"token": SECRET},
        share_token=SECRET,
        timeout=5,
    )
    return options.filled(
        method="POST",
        url=f"https://u:{SECRET}@h/v2/file/get?sig={SECRET}",
        data={"file_id": "f", "share_pwd": SECRET, "q": f"Bearer {SECRET}"},
        attempt=2,
    )


def test_filled_options_tell_the_request_without_its_secrets() -> None:
    """What events and errors carry: everything is there, masked."""
    filled = full()
    assert filled.headers == {"authorization": "***", "x-any": "***", "accept": "a/b"}
    assert filled.params == {"token": "***"}
    assert filled.share_token == "***"
    assert filled.timeout == 5
    assert filled.method == "POST"
    assert filled.url == "https://***@h/v2/file/get?***"
    assert filled.data == {"file_id": "f", "share_pwd": "***", "q": "Bearer ***"}
    assert filled.attempt == 2


def test_filling_leaves_the_original_alone() -> None:
    """The call goes on with what the caller gave."""
    options = RequestOptions(share_token=SECRET, headers={"x": SECRET})
    options.filled(method="POST", url="u", data={}, attempt=1)
    assert options == RequestOptions(share_token=SECRET, headers={"x": SECRET})


@pytest.mark.parametrize("value", [UNSET, None])
def test_filling_keeps_unset_and_none(value: Any) -> None:
    """Nothing is made up where nothing was set."""
    options = RequestOptions(headers=value, params=value, share_token=value)
    filled = options.filled(method="POST", url="u", data=None, attempt=1)
    assert [filled.headers, filled.params, filled.share_token] == [value] * 3


@pytest.mark.parametrize(
    "shown",
    [
        lambda: repr(full()),
        lambda: str(full()),
        lambda: f"{full()}",
        lambda: repr(RequestOptions(headers={"x": SECRET})),
        lambda: repr(RequestOptions(headers={"authorization": SECRET}, params={"a": SECRET})),
        lambda: repr(RequestOptions(share_token=SECRET)),
        lambda: repr(RequestOptions(params={"a": SECRET})),
        lambda: pickle.dumps(full()).decode("latin-1"),
        lambda: json.dumps(attrs.asdict(full()), default=repr),
        lambda: repr(copy.deepcopy(full())),
        lambda: repr(attrs.evolve(RequestOptions(share_token=SECRET), timeout=3)),
    ],
)
def test_no_secret_is_shown(shown: Any) -> None:
    """Neither in repr nor in anything that events and errors carry."""
    assert SECRET not in shown()


def test_the_repr_shows_what_was_set() -> None:
    """Only what differs from the default, and masked."""
    options = RequestOptions(timeout=5, retries=None, headers={"Accept": "a/b", "X-Key": "k"})
    assert repr(options) == (
        "RequestOptions(headers={'accept': 'a/b', 'x-key': '***'}, timeout=5, retries=None)"
    )


# ---------------------------------------------------------------------------- values


def test_options_are_values() -> None:
    """Frozen, equal by content and hashable; a change is a new object."""
    options = RequestOptions(timeout=5, headers={"a": "b"})
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        options.timeout = 6
    assert options == RequestOptions(timeout=5, headers={"A": "b"})
    assert hash(options) == hash(RequestOptions(timeout=5, headers={"A": "b"}))
    assert options != RequestOptions(timeout=5)
    assert attrs.evolve(options, timeout=6) == RequestOptions(timeout=6, headers={"a": "b"})


def test_evolving_checks_again() -> None:
    """A changed copy is as valid as the original."""
    with pytest.raises(InvalidRequest, match=r"options\.timeout"):
        attrs.evolve(RequestOptions(), timeout=-1)


def test_the_callers_mappings_are_copied() -> None:
    """What the caller does to them later changes no option."""
    headers = {"a": "b"}
    options = RequestOptions(headers=headers)
    headers["a"] = "c"
    assert options.headers == {"a": "b"}


@given(OPTIONS)
def test_options_survive_a_pickle(options: RequestOptions) -> None:
    """UNSET stays the one UNSET."""
    copied = pickle.loads(pickle.dumps(options))
    assert copied == options
    assert [getattr(copied, name) is UNSET for name in NAMES] == [
        getattr(options, name) is UNSET for name in NAMES
    ]
