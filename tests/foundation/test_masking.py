"""No credential is shown, whatever it is planted in; what is harmless stays readable."""

from __future__ import annotations

import json
import traceback
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdsclient._secrets import (
    HIDDEN,
    SECRET_KEYS,
    STEMS,
    WithheldCause,
    mask,
    mask_headers,
    mask_text,
    safe_cause,
    without_frames,
)
from pdsclient.errors import BadRequest, PDSError
from pdsclient.transport import SecretHeaders

SECRET = "060e78d36afb4879b51e4264e9541c16"
JWT = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJ1c2VySWQiOiIxIn0.c2lnbmF0dXJl-_x"

# ---------------------------------------------------------------------------- text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        # pairs
        (f"refresh_token={SECRET}&client_id=app", "refresh_token=***&client_id=app"),
        (f"grant_type=x&assertion={SECRET}&a=b", "grant_type=x&assertion=***&a=b"),
        (f"client_secret={SECRET};x=1", "client_secret=***;x=1"),
        (f'{{"access_token": "{SECRET}", "x": 1}}', '{"access_token": "***", "x": 1}'),
        (f'{{"accessToken":"{SECRET}","x":1}}', '{"accessToken":"***","x":1}'),
        (f"{{'AccessToken': '{SECRET}', 'x': 1}}", "{'AccessToken': '***', 'x': 1}"),
        (f'{{\\"access_token\\":\\"{SECRET}\\",\\"x\\":1}}', '{\\"access_token\\":***,\\"x\\":1}'),
        (f'"share_pwd": "a \\"{SECRET}\\" b", "x": 1', '"share_pwd": "***", "x": 1'),
        (f'"password":"cut off {SECRET}', '"password":"***"'),
        (f"TokenInfo(access_token='{SECRET}', x=1)", "TokenInfo(access_token='***', x=1)"),
        (f"old_refresh_token = {SECRET} end", "old_refresh_token = *** end"),
        (f"x-share-token: {SECRET}\nx: 1", "x-share-token: ***\nx: 1"),
        (f"REFRESH-TOKEN:{SECRET}", "REFRESH-TOKEN:***"),
        # headers
        (f"Authorization: Bearer {SECRET}\nHost: h", "Authorization: ***\nHost: h"),
        (f"authorization: acs id:{SECRET} more\r\nHost: h", "authorization: ***\r\nHost: h"),
        (f"Cookie: a=1; sid={SECRET}; b=2\nHost: h", "Cookie: ***\nHost: h"),
        (f"Set-Cookie: sid={SECRET}; Path=/", "Set-Cookie: ***"),
        (f"{{'Authorization': 'Bearer {SECRET}'}}", "{'Authorization': '***'}"),
        (f"sent Bearer {SECRET}, then failed", "sent Bearer ***, then failed"),
        (f"basic {SECRET}==", "basic ***"),
        # JSON web tokens
        (f"token {JWT} refused", "token *** refused"),
        (JWT.rpartition(".")[0], "***"),
        (f"/path/{JWT}/x", "/path/***/x"),
        # URLs
        (f"https://h/f?x=1&Signature={SECRET} failed", "https://h/f?*** failed"),
        (f"see <HTTPS://h/f?sig={SECRET}>", "see <HTTPS://h/f?***>"),
        (f"https://h/f#access_token={SECRET}", "https://h/f?***"),
        (f"https://user:{SECRET}@h:8080/f", "https://***@h:8080/f"),
        (f"https://user:p@{SECRET}@h/f", "https://***@h/f"),
        (f"http://a/,http://u:{SECRET}@b/", "http://a/,http://***@b/"),
        (f'"https:\\/\\/h\\/f?sig={SECRET}","x"', '"https:\\/\\/h\\/f?***","x"'),
        (f"'https://h/f?s={SECRET}', 'x'", "'https://h/f?***', 'x'"),
        (f"{{'u':'https://h/f?s={SECRET}','x':1}}", "{'u':'https://h/f?***','x':1}"),
        (f"https://h/f?d=filename*=UTF-8''n&Signature={SECRET} x", "https://h/f?*** x"),
        (f"/f?Expires=1&Signature={SECRET}&x=1", "/f?Expires=1&Signature=***&x=1"),
        # XML
        (f"<AccessToken>{SECRET}</AccessToken><x>1</x>", "<AccessToken>***</AccessToken><x>1</x>"),
        (f"<password a='b'>{SECRET}</password>", "<password a='b'>***</password>"),
        (f"<share_pwd><![CDATA[{SECRET}]]></share_pwd>", "<share_pwd>***</share_pwd>"),
    ],
)
def test_credentials_are_hidden_and_the_rest_stays(text: str, shown: str) -> None:
    """Each form is recognised, and hides the credential alone."""
    assert mask_text(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The resource file_id cannot be found. file_id:6a9f",
        "AccessToken is invalid. AccessTokenExpired",
        "ShareLinkToken is invalid. expired",
        "The input parameter refresh_token is not valid. ",
        "https://bj1.api.aliyunpds.com/v2/file/search",
        "http://127.0.0.1:8080",
        "name match 'Report' and size > 1024",
        "next_marker eyJmaWxlX2lkIjoiMSJ9 is used up",
        "tokens: 3, keys = 4",
        "报告.pdf",
        "password",
        "token_type=Bearer",
    ],
)
def test_harmless_text_is_left_as_it_is(text: str) -> None:
    """Ordinary messages, addresses and markers are shown in full."""
    assert mask_text(text) == text


def test_every_secret_key_has_a_stem() -> None:
    """Texts without any of the stems are not searched for keys."""
    assert all(any(stem in key for stem in STEMS) for key in SECRET_KEYS)


@pytest.mark.parametrize("key", sorted(SECRET_KEYS))
def test_every_secret_key_hides_its_value_in_every_notation(key: str) -> None:
    """JSON, form, header, repr and XML, in three spellings of the name."""
    for name in (key, key.upper(), key.replace("_", "").replace("-", "").title()):
        for text in (
            json.dumps({name: SECRET, "x": 1}),
            f"a=1&{name}={SECRET}&x=1",
            f"{name}: {SECRET}\nx: 1",
            repr({name: SECRET}),
            f"<{name}>{SECRET}</{name}>",
        ):
            assert SECRET not in mask_text(text)
        assert mask({name: SECRET}) == {name: HIDDEN}


def test_known_secrets_are_hidden_by_value() -> None:
    """What the caller knows is hidden without any sign around it, unless it is too short."""
    assert mask_text("odd abcd, odd xyz.1", ("abcd", "", "odd", "xyz.1")) == "odd ***, odd ***"
    assert mask({"a": ["abcd"], "abcd": 1}, ("abcd",)) == {"a": ["***"], "***": 1}


TEXTS = st.text(st.sampled_from("eyJ.-_:/?#@='\"\\<>&,;{}[] \nBearer*passwordhttps")) | st.text()


@given(TEXTS)
def test_masking_twice_is_masking_once(text: str) -> None:
    """Masked text is recognised as clean, so that nothing is masked away bit by bit."""
    once = mask_text(text)
    assert mask_text(once) == once


PLACES = st.sampled_from([
    '{{"access_token":"{}"}}',
    "refresh_token={}",
    "Bearer {}",
    "https://h/x?Signature={}",
    "https://u:{}@h/",
    "x-share-token: {}",
    "<access_token>{}</access_token>",
])  # fmt: skip


@given(TEXTS, PLACES, TEXTS)
def test_a_secret_is_found_in_any_surroundings(before: str, place: str, after: str) -> None:
    """Text around a credential, on other lines, does not hide it from the mask."""
    assert SECRET not in mask_text(f"{before}\n{place.format(SECRET)}\n{after}")


@pytest.mark.parametrize(
    "piece",
    [
        "http://",
        "https://a@",
        "http://a?",
        "eyJaaaa-",
        "eyJaaaa.",
        "Bearer ",
        'password="',
        "password='\\",
        'password="\\',
        "password ",
        "<password ",
        "<password>",
        "Cookie: ",
        "access-",
        "a:",
        '"',
        "\\",
        "'",
        " ",
    ],
)
def test_hostile_text_is_masked_in_passing(piece: str) -> None:
    """No pattern reads the text again from each place it could start: that would take minutes."""
    text = "token key " + piece * (300_000 // len(piece))
    assert len(mask_text(text)) <= 2 * len(text)


# ---------------------------------------------------------------------------- JSON values


def test_masking_a_document() -> None:
    """Secrets are hidden at any depth and under any key; everything else is equal."""
    document = {
        "drive_id": "1",
        "size": 5,
        "hidden": False,
        "parent": None,
        "items": [{"name": "a", "download_url": f"https://h/f?sig={SECRET}"}, ("x", 1.5)],
        "token": {"Access-Token": SECRET, "expires_in": 7200},
        "share_pwd": SECRET,
        "nested": {"refresh_token": {"value": SECRET}},
        "text": json.dumps({"share_token": SECRET, "n": 1}),
        f"Bearer {SECRET}": 1,
    }
    assert mask(document) == {
        "drive_id": "1",
        "size": 5,
        "hidden": False,
        "parent": None,
        "items": [{"name": "a", "download_url": "https://h/f?***"}, ["x", 1.5]],
        "token": {"Access-Token": "***", "expires_in": 7200},
        "share_pwd": "***",
        "nested": {"refresh_token": "***"},
        "text": '{"share_token": "***", "n": 1}',
        "Bearer ***": 1,
    }


def test_masking_does_not_touch_the_original() -> None:
    """The caller's own mapping is still what it was."""
    document = {"a": [{"password": SECRET}]}
    mask(document)
    assert document == {"a": [{"password": SECRET}]}


def test_an_authorization_code_is_a_secret_beside_a_grant_type_only() -> None:
    """Elsewhere ``code`` is the code of an error."""
    asked = {"grant_type": "authorization_code", "code": SECRET, "client_id": "app"}
    assert mask(asked)["code"] == HIDDEN
    assert mask({"code": "NotFound", "message": "m"})["code"] == "NotFound"


@pytest.mark.parametrize("empty", [None, "", [], {}])
def test_an_absent_secret_is_seen_to_be_absent(empty: object) -> None:
    """It helps to see that a token was empty, and gives nothing away."""
    assert mask({"refresh_token": empty}) == {"refresh_token": empty}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=15,
)


@given(JSON)
def test_any_json_value_can_be_masked(value: Any) -> None:
    """Masking never raises, and what is masked once stays as it is."""
    once = mask(value)
    assert mask(once) == once
    assert type(once) is type(value)


@given(JSON, st.sampled_from(sorted(SECRET_KEYS)))
def test_a_secret_beside_any_value_is_hidden(value: Any, key: str) -> None:
    """Neighbours of any form do not matter."""
    assert SECRET not in repr(mask([value, {key: SECRET, "x": value}]))


def test_values_that_hold_themselves_are_bounded() -> None:
    """A cycle, even one with many branches, ends at a depth and at a number of values."""
    cycle: list[Any] = []
    cycle += [cycle, cycle]
    assert len(repr(mask(cycle))) < 1_000_000
    ring: dict[str, Any] = {}
    ring["ring"] = ring
    assert repr(mask(ring)).count("ring") == 32


def test_deep_and_long_values_are_cut() -> None:
    """What lies beyond 32 levels or 20,000 values is shown as dots or left out."""
    deep: Any = SECRET
    for _ in range(10_000):
        deep = [deep]
    assert repr(mask(deep)) == "[" * 32 + "'…'" + "]" * 32
    assert len(mask(["x"] * 100_000)) < 20_001
    assert len(mask(dict.fromkeys(map(str, range(100_000))))) < 20_001


# ---------------------------------------------------------------------------- headers


def test_only_harmless_headers_are_shown() -> None:
    """A list of what may be seen, in any case; any other header may carry a credential."""
    shown = mask_headers({
        "Content-Type": "application/json",
        "X-Ca-Request-Id": "R-1",
        "Authorization": f"Bearer {SECRET}",
        "Cookie": SECRET,
        "x-share-token": SECRET,
        "X-Internal": SECRET,
        "User-Agent": f"tool https://h/?key={SECRET}",
    })  # fmt: skip
    assert shown == {
        "Content-Type": "application/json",
        "X-Ca-Request-Id": "R-1",
        "Authorization": "***",
        "Cookie": "***",
        "x-share-token": "***",
        "X-Internal": "***",
        "User-Agent": "tool https://h/?***",
    }


def test_headers_of_a_request_do_not_print_themselves() -> None:
    """A traceback with local variables shows the names, and the values that are harmless."""
    headers = SecretHeaders({"Authorization": f"Bearer {SECRET}", "Accept": "a/b"})
    assert repr(headers) == "{'Authorization': '***', 'Accept': 'a/b'}"
    assert headers["Authorization"] == f"Bearer {SECRET}"


# ---------------------------------------------------------------------------- causes


class Talkative(Exception):
    """Clean in ``str``, but its attributes tell."""

    def __init__(self) -> None:
        super().__init__("refused")
        self.request_headers = {"Authorization": f"Bearer {SECRET}"}


class ReprOnly(Exception):
    def __str__(self) -> str:
        return "refused"

    def __repr__(self) -> str:
        return f"ReprOnly(refresh_token={SECRET!r})"


def chained(error: BaseException, *, cause: BaseException | None = None) -> BaseException:
    error.__cause__ = cause
    return error


def in_context(error: BaseException, context: BaseException) -> BaseException:
    error.__context__ = context
    return error


def noted(error: BaseException, note: str) -> BaseException:
    error.add_note(note)
    return error


TELLING = ValueError(f"https://h/x?token={SECRET}")


@pytest.mark.parametrize(
    "error",
    [
        TELLING,
        OSError(5, f"Bearer {SECRET}", f"/x?Signature={SECRET}"),
        KeyError({"access_token": SECRET}),
        Talkative(),
        ReprOnly(),
        noted(ValueError("x"), f"refresh_token={SECRET}"),
        chained(ValueError("x"), cause=TELLING),
        chained(ValueError("x"), cause=chained(ValueError("y"), cause=TELLING)),
        in_context(ValueError("x"), TELLING),
        ExceptionGroup("several", [ValueError("x"), TELLING]),
        ExceptionGroup(
            "several", [ExceptionGroup("inner", [in_context(ValueError("x"), TELLING)])]
        ),
        BaseExceptionGroup("several", [KeyboardInterrupt(f"password={SECRET}")]),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_cause_that_shows_a_secret_is_replaced(error: BaseException) -> None:
    """The error, anything it is chained to, its notes and attributes: nothing tells."""
    safe = safe_cause(error)
    assert isinstance(safe, WithheldCause)
    assert type(error).__name__ in str(safe)
    shown = f"{safe}{safe!r}{vars(safe)}{''.join(traceback.format_exception(safe))}"
    assert SECRET not in shown


def test_known_secrets_are_found_in_causes() -> None:
    """A token in force is recognised in any wording."""
    error = ValueError(f"odd {SECRET} text")
    assert safe_cause(error) is error
    assert str(safe_cause(error, (SECRET,))) == "ValueError: odd *** text"


@pytest.mark.parametrize(
    "error",
    [
        ValueError("plain"),
        ConnectionResetError(104, "Connection reset by peer"),
        BadRequest("The input parameter refresh_token is not valid. ", code="InvalidParameter"),
        PDSError("m", body='{"access_token":"***"}'),
        chained(TimeoutError(), cause=OSError("x")),
        ExceptionGroup("several", [ValueError("x"), KeyError("y")]),
        KeyError("access_token"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_harmless_causes_are_kept(error: BaseException) -> None:
    """A cause is worth most as it is."""
    assert safe_cause(error, (SECRET,)) is error


def test_a_chain_in_a_circle_ends() -> None:
    """Causes that name each other are looked at once."""
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    other.__context__ = one
    assert safe_cause(one) is one
    other.add_note(f"Bearer {SECRET}")
    assert isinstance(safe_cause(one), WithheldCause)


def test_a_chain_of_any_length_is_looked_through() -> None:
    """A thousand links are no recursion."""
    error: BaseException = TELLING
    for _ in range(5_000):
        error = in_context(ValueError("x"), error)
    assert isinstance(safe_cause(error), WithheldCause)


class BrokenStr(Exception):
    def __str__(self) -> str:
        raise RuntimeError(SECRET)


class BrokenRepr(Exception):
    def __repr__(self) -> str:
        raise RuntimeError(SECRET)


class BrokenAttribute(Exception):
    def __init__(self) -> None:
        super().__init__("refused")
        self.part = BrokenRepr()


class OddNotes(Exception):
    __notes__ = 5


class OddGroup(Exception):
    exceptions = 5


@pytest.mark.parametrize("error", [BrokenStr(), BrokenRepr(), BrokenAttribute()], ids=type)
def test_a_cause_that_cannot_be_shown_is_replaced(error: Exception) -> None:
    """What cannot be looked at may hold anything; looking never raises."""
    safe = safe_cause(error, ("x",))
    assert isinstance(safe, WithheldCause)
    assert str(safe).startswith(type(error).__name__)
    assert SECRET not in str(safe)


@pytest.mark.parametrize("error", [OddNotes("x"), OddGroup("x")], ids=type)
def test_odd_attributes_do_no_harm(error: Exception) -> None:
    """Attributes that only look like notes or like a group are no trap."""
    assert safe_cause(error) is error


@given(st.text(), st.text(max_size=5))
def test_any_text_can_be_a_cause(text: str, known: str) -> None:
    """A cause is either kept with a text that is clean, or replaced by one that is."""
    safe = safe_cause(ValueError(text), (known,))
    assert mask_text(str(safe), (known,)) == str(safe) or known in HIDDEN


def test_frames_of_a_cause_are_let_go() -> None:
    """Frames hold local variables, which error trackers print; the whole chain loses them."""

    def fail(secret: str) -> None:
        try:
            raise KeyError("inner")
        except KeyError as inner:
            raise ValueError("outer") from inner

    with pytest.raises(ValueError, match="outer") as caught:
        fail(SECRET)
    error = caught.value
    assert without_frames(error) is error
    assert error.__traceback__ is None
    assert error.__cause__ is not None
    assert error.__cause__.__traceback__ is None


def test_percent_encoded_secrets_in_queries_go_with_the_query() -> None:
    """No decoding is needed, since a query is hidden as a whole."""
    assert SECRET not in mask_text(f"https://h/x?a={quote(f'refresh_token={SECRET}')}")
