"""From what the caller names to what is requested: paths, queries and form bodies."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdsclient._protocol import encode_form, operation_path, with_params
from pdsclient.errors import InvalidRequest

API = "https://bj1.api.aliyunpds.com"
SECRET = "060e78d36afb4879b51e4264e9541c16"


@pytest.mark.parametrize(
    ("pathname", "path"),
    [
        ("/file/list", "/file/list"),
        ("/oauth/token", "/oauth/token"),
        ("/file/v2/list", "/file/v2/list"),
        ("/v20/list", "/v20/list"),
        ("/file/list_by-a.b~c", "/file/list_by-a.b~c"),
        ("/file/%E6%96%87", "/file/%E6%96%87"),
        (f"{API}/v2/file/list", "/file/list"),
    ],
)
def test_the_path_below_the_version(pathname: str, path: str) -> None:
    """A path is taken as it is; a URL of the endpoint gives its path."""
    assert operation_path(pathname, API, "v2") == path


@pytest.mark.parametrize(
    ("pathname", "fix"),
    [
        (None, "must be a string, not NoneType"),
        (5, "must be a string"),
        (b"/file/list", "must be a string, not bytes"),
        ("", "must start with /"),
        ("file/list", "must start with /"),
        ("/", "not a path"),
        ("//evil.example/file/list", "not a path"),
        ("/file//list", "not a path"),
        ("/file/list?limit=5", "options.params"),
        ("/file/list#x", "options.params"),
        ("/v2/file/list", "must not start with /v2"),
        ("/V2/file/list", "must not start with /v2"),
        ("/v2", "must not start with /v2"),
        ("/%2e/file", "segments"),
        ("/file/../user/list", "segments"),
        ("/file/..", "segments"),
        ("/./file/list", "segments"),
        ("/file/%2e%2E/user", "segments"),
        ("/file/.%2e/user", "segments"),
        ("/file/..%2fuser", "segments"),
        ("/file%2F..%2Fuser", "segments"),
        ("/file/li st", "not a path"),
        ("/file/li\nst", "not a path"),
        ("/file/list\n", "not a path"),
        ("/file/li\0st", "not a path"),
        ("/file/列表", "not a path"),
        ("/file/\ud800", "not a path"),
        ("/file\\list", "not a path"),
        ("/file/list;x", "not a path"),
        ("/" + "x" * 3_000, "longer than 1,024"),
        ("https://evil.example/v2/file/list", "outside"),
        (f"{API}.evil.example/v2/file/list", "outside"),
        (f"{API}@evil.example/v2/file/list", "outside"),
        (f"{API}:444/v2/file/list", "outside"),
        (f"{API}/v1/file/list", "outside"),
        (f"{API}/v2", "outside"),
        ("http://bj1.api.aliyunpds.com/v2/file/list", "outside"),
        ("https://user:pw@bj1.api.aliyunpds.com/v2/file/list", "outside"),
        (f"{API}/v2/v2/file/list", "must not start with /v2"),
        (f"{API}/v2/../v1/file/list", "segments"),
        (f"{API}/v2/file/list?x=1", "options.params"),
        ("/file/list?x=://", "outside"),
    ],
    ids=lambda one: repr(one)[:40],
)
def test_what_is_no_path_is_refused_with_the_fix(pathname: Any, fix: str) -> None:
    """A credential never goes elsewhere, and a slip is named."""
    with pytest.raises(InvalidRequest, match=f"pathname.*{fix}"):
        operation_path(pathname, API, "v2")


@pytest.mark.parametrize(
    "pathname",
    [
        f"bj1.api.aliyunpds.com/v2/x?access_token={SECRET}",
        f"https://h/v2/x?access_token={SECRET}",
        f"/file/list?access_token={SECRET}",
        f"/file/list password={SECRET}",
        f"https://user:{SECRET}@h/",
    ],
)
def test_messages_do_not_repeat_secrets(pathname: str) -> None:
    """A credential in a wrong path is not shown."""
    with pytest.raises(InvalidRequest) as caught:
        operation_path(pathname, API, "v2")
    assert SECRET not in str(caught.value)


@given(
    st.lists(
        st.sampled_from(["/", "..", ".", "%2e", "%2F", "v2", "file", "?", ":", "@", "\\", "é"])
    )
    .map("".join)
    .map(lambda tail: f"/{tail}")
)
def test_no_path_leaves_the_version(pathname: str) -> None:
    """What is accepted stays below the version when every server on the way decodes it."""
    try:
        path = operation_path(pathname, API, "v2")
    except InvalidRequest:
        return
    decoded = unquote(f"/v2{path}")
    assert decoded.startswith("/v2/")
    assert not {"..", "."} & set(decoded.split("/"))
    assert not set("?#@\\:") & set(path)


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.text()))
def test_parameters_are_encoded(params: dict[str, str]) -> None:
    """Whatever the text, the server reads what was given."""
    params = {name: text.encode("utf-8", "replace").decode() for name, text in params.items()}
    url = with_params(f"{API}/v2/x", params)
    assert dict(parse_qsl(url.partition("?")[2], keep_blank_values=True)) == params
    assert url.isascii()


def test_form_bodies_encode_each_value() -> None:
    """The token endpoint wants a form: percent-encoded values, no plus for space, no nulls."""
    data = {"grant_type": "refresh_token", "refresh_token": "a+b/c=&d e", "x": None, "n": 5}
    assert encode_form(data) == (b"grant_type=refresh_token&refresh_token=a%2Bb%2Fc%3D%26d%20e&n=5")


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (None, "data must be a mapping"),
        ("a=b", "data must be a mapping"),
        ([("a", "b")], "data must be a mapping"),
        ({5: "a"}, "a key of data"),
        ({None: "a"}, "a key of data"),
        ({"a": True}, "data.a"),
        ({"a": 1.5}, "data.a"),
        ({"a": ["b"]}, "data.a"),
        ({"a": {}}, "data.a"),
        ({"a": b"x"}, "data.a"),
        ({"a": 2**65}, "data.a"),
        pytest.param({"a": 10**5_000}, "data.a", id="huge"),
        ({"a" * 5_000: []}, "data.a"),
        ({"a": "\ud800"}, "surrogate"),
        ({"\ud800": "a"}, "surrogate"),
    ],
)
def test_what_no_form_can_hold_is_refused(data: Any, named: str) -> None:
    """The key is named, never the value."""
    with pytest.raises(InvalidRequest, match=named):
        encode_form(data)
