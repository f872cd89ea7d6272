"""A credential: what comes in, what is kept, what is shown and what is refused."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdsclient.errors import InvalidRequest
from pdsclient.tokens import TokenInfo

EXPIRY = datetime(2019, 9, 1, 6, 57, 48, 813_000, UTC)
REPLY = {
    "access_token": "eyJhbGciOiJSUzI1NiJ9.eyJ1c2VySWQiOiIxIn0.c2ln",
    "refresh_token": "060e78d36afb4879b51e4264e9541c16",
    "expires_in": 7200,
    "expire_time": "2019-09-01T06:57:48.813Z",
    "token_type": "Bearer",
    "domain_id": "bj1",
    "user_id": "c9b7a5aa04d14ae3867fdc886fa01da4",
    "user_name": "pdsuser",
    "default_drive_id": "1",
    "default_sbox_drive_id": "",
    "role": "user",
    "is_first_login": False,
    "exist_link": [],
    "user_data": {},
    "pin_setup": None,
}

# ---------------------------------------------------------------------------- the seed's table

# row of the seed's table "TokenInfo", what is given, what is read
ROWS: list[tuple[str, object, object]] = [
    (
        (
            "access_token | string | Yes | The access token that represents the identity of the "
            "user. In most cases, the access token is valid for 2 hours."
        ),
        "secret-a",
        "secret-a",
    ),
    (
        (
            "refresh_token | string | The refresh token, which is used to refresh the access token "
            "that has expired."
        ),
        "secret-r",
        "secret-r",
    ),
    (
        (
            "expire_time | string | The expiration time of the access token. In most cases, the "
            "expiration time of the access token is 2 hours later than the time when the access "
            "token is issued."
        ),
        "2019-09-01T06:57:48.813Z",
        EXPIRY,
    ),
    (
        (
            "expires_in | string | The validity period of the access token. Unit: seconds. "
            "Example: 7200."
        ),
        "7200",
        7200,
    ),
    ("token_type | string | The type of the access token. Default value: Bearer.", "JWT", "JWT"),
    ("user_id | string | The unique ID of the current user.", "u1", "u1"),
    ("role | string | The role that is assumed by the current user.", "admin", "admin"),
]
NAMES = [row.partition(" | ")[0] for row, _, _ in ROWS]


@pytest.mark.parametrize(("row", "value", "read"), ROWS, ids=NAMES)
def test_seed_row_of_token_info(row: str, value: object, read: object) -> None:
    """Each row of the seed's table is a field that takes the seed's type."""
    name = row.partition(" | ")[0]
    token = TokenInfo(**{"access_token": "a", name: value})
    assert getattr(token, name) == read
    assert getattr(TokenInfo.parse({"access_token": "a", name: value}), name) == read


def test_seed_row_of_other_parameters() -> None:
    """Other parameters | For more information, see Token."""
    token = TokenInfo.parse(REPLY)
    assert token.extra == {name: REPLY[name] for name in REPLY if name not in NAMES}
    assert token.to_mapping() == REPLY
    assert token.extra["pin_setup"] is None


def test_the_fields_are_the_rows_of_the_seed() -> None:
    """No row is missing and none is invented."""
    assert [one.name for one in attrs.fields(TokenInfo)] == [*NAMES, "extra"]


def test_only_the_access_token_is_required() -> None:
    """Everything else has a default, and Bearer is the word before the token."""
    token = TokenInfo(access_token="a")
    assert token.token_type == "Bearer"
    unset = [token.refresh_token, token.expire_time, token.expires_in, token.user_id, token.role]
    assert unset == [None] * 5
    assert token.to_mapping() == {"access_token": "a", "token_type": "Bearer"}


# ---------------------------------------------------------------------------- forms


@pytest.mark.parametrize(
    "value",
    [
        "2019-09-01T06:57:48.813Z",
        "2019-09-01T06:57:48.813000000Z",
        "2019-09-01T06:57:48.813999Z",
        "2019-09-01T14:57:48.813+08:00",
        "2019-09-01T06:57:48.813",
        "2019-09-01 06:57:48.813Z",
        EXPIRY,
        EXPIRY.replace(microsecond=813_999),
        EXPIRY.replace(tzinfo=None),
        EXPIRY.astimezone(timezone(timedelta(hours=-7))),
    ],
)
def test_expire_time_in_every_form(value: object) -> None:
    """Text with any offset or a datetime; read as UTC with the milliseconds that are saved."""
    token = TokenInfo(access_token="a", expire_time=value)
    assert token.expire_time == EXPIRY
    assert token.expire_time.tzinfo is UTC
    assert token.to_mapping()["expire_time"] == "2019-09-01T06:57:48.813Z"


@pytest.mark.parametrize("value", [None, ""])
@pytest.mark.parametrize("name", [name for name in NAMES if name != "access_token"])
def test_empty_means_absent(name: str, value: object) -> None:
    """The service writes None, an empty text or nothing for the same thing."""
    token = TokenInfo.parse({"access_token": "a", name: value})
    assert token == TokenInfo(access_token="a")


@pytest.mark.parametrize(("value", "read"), [(0, 0), ("0", 0), (7200, 7200), (2**31, 2**31)])
def test_expires_in_as_text_and_as_number(value: object, read: int) -> None:
    """The documents say text, the service sends a number."""
    assert TokenInfo(access_token="a", expires_in=value).expires_in == read


def test_parse_takes_a_token_as_it_is() -> None:
    """A TokenInfo is handed through."""
    token = TokenInfo(access_token="a")
    assert TokenInfo.parse(token) is token


TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VISIBLE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1)
OPTIONAL = st.none() | TEXT.filter(bool)
VALUES = st.none() | st.booleans() | st.integers() | TEXT | st.lists(TEXT)
TOKENS = st.builds(
    TokenInfo,
    access_token=VISIBLE,
    refresh_token=OPTIONAL,
    expire_time=st.none()
    | st.datetimes(
        min_value=datetime(1, 1, 3),
        max_value=datetime(9999, 12, 29),
        timezones=st.timezones() | st.just(UTC),
    ),
    expires_in=st.none() | st.integers(0, 2**31),
    token_type=VISIBLE,
    user_id=OPTIONAL,
    role=OPTIONAL,
    extra=st.dictionaries(TEXT.filter(lambda name: name not in NAMES), VALUES),
)


@given(TOKENS)
def test_a_token_read_back_is_the_same(token: TokenInfo) -> None:
    """Nothing is lost between ``to_mapping`` and ``parse``."""
    assert TokenInfo.parse(token.to_mapping()) == token


# ---------------------------------------------------------------------------- secrecy


@given(TOKENS)
def test_the_repr_shows_no_secret(token: TokenInfo) -> None:
    """Two tokens that differ in their secrets look alike."""
    other = attrs.evolve(token, access_token="x" * 40, extra={})
    assert repr(token) == repr(other)


def test_the_repr_tells_whose_and_until_when() -> None:
    """What helps with debugging is shown."""
    assert repr(TokenInfo.parse(REPLY)) == (
        "TokenInfo(access_token='***', refresh_token='***', "
        "expire_time='2019-09-01T06:57:48.813Z', "
        "user_id='c9b7a5aa04d14ae3867fdc886fa01da4', role='user')"
    )


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("wrap", [lambda token: token, lambda token: {"deep": [token]}])
def test_a_token_refuses_to_be_pickled(wrap: Any, protocol: int) -> None:
    """It says what to do instead."""
    with pytest.raises(TypeError, match=r"token_store or a refresh_token_fun.*to_mapping\(\)"):
        pickle.dumps(wrap(TokenInfo(access_token="a")), protocol)


def test_a_token_is_a_value() -> None:
    """It cannot be changed, is equal by content, hashable, and its own copy."""
    token = TokenInfo.parse(REPLY)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        token.role = "admin"
    assert token == TokenInfo.parse(dict(REPLY))
    assert hash(token) == hash(TokenInfo.parse(dict(REPLY)))
    assert copy.copy(token) is token
    assert copy.deepcopy([token])[0] is token


def test_the_callers_mapping_is_copied() -> None:
    """What the caller does to the reply later changes no token."""
    extra: dict[str, Any] = {"domain_id": "bj1"}
    token = TokenInfo(access_token="a", extra=extra)
    extra["domain_id"] = "other"
    assert token.extra == {"domain_id": "bj1"}


# ---------------------------------------------------------------------------- refusals

INJECTIONS = [
    "a\nX-Evil: 1",
    "a\r\nX-Evil: 1",
    "a\0",
    "a\x7f",
    "a\t",
    " a",
    "a ",
    "a b",
    "tökén",
    "令牌",
    "a\u202eb",
    "a\ud800",
    "a" * 65_537,
]


@pytest.mark.parametrize("name", ["access_token", "token_type"])
@pytest.mark.parametrize("value", INJECTIONS, ids=lambda value: repr(value)[:20])
def test_what_no_header_can_carry_is_refused(name: str, value: str) -> None:
    """Nothing that could end the header, or that was copied with its surroundings."""
    with pytest.raises(InvalidRequest, match=rf"token_info\.{name}") as caught:
        TokenInfo(**{"access_token": "a", name: value})
    assert "Evil" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[(name, value) for name in NAMES for value in (5.5, True, b"a", [], object())],
        *[(name, 5) for name in NAMES if name != "expires_in"],
        *[(name, "\ud800") for name in NAMES],
        ("access_token", None),
        ("access_token", ""),
        ("expires_in", "soon"),
        ("expires_in", -1),
        ("expires_in", "-1"),
        ("expires_in", 2**31 + 1),
        ("expires_in", "9" * 5_000),
        ("expire_time", "soon"),
        ("expire_time", "2019-13-01T00:00:00Z"),
        ("expire_time", "2019-09-01T00:00:00+99:00"),
        ("expire_time", "0001-01-01T00:00:00+14:00"),
        ("expire_time", "9999-12-31T23:59:59-14:00"),
        ("expire_time", datetime.max.replace(tzinfo=timezone(timedelta(hours=-1)))),
        ("extra", None),
        ("extra", 5),
        ("extra", "text"),
        ("extra", [("a", 1)]),
        ("extra", {1: 2}),
        ("extra", {"role": "admin"}),
    ],
    ids=lambda value: repr(value).partition(" at 0x")[0],
)
def test_wrong_values_are_refused_by_name(name: str, value: object) -> None:
    """Each field names itself, and no other exception escapes."""
    with pytest.raises(InvalidRequest, match=rf"token_info\.{name}"):
        TokenInfo(**{"access_token": "a", name: value})


@pytest.mark.parametrize("value", [{}, {"access_token": None}, {"access_token": ""}, {"code": "x"}])
def test_a_reply_without_a_token_is_refused(value: dict[str, Any]) -> None:
    """An answer of a token endpoint that holds none is not taken for one."""
    with pytest.raises(InvalidRequest, match=r"token_info\.access_token is missing"):
        TokenInfo.parse(value)


@pytest.mark.parametrize("value", [None, "token", b"token", 5, [("access_token", "a")]])
def test_parse_takes_mappings_only(value: Any) -> None:
    """Anything else is refused with its type."""
    with pytest.raises(InvalidRequest, match="token_info must be a TokenInfo or a mapping"):
        TokenInfo.parse(value)


def test_keys_of_a_reply_must_be_text() -> None:
    """Such a mapping did not come from JSON and could not be saved as JSON."""
    with pytest.raises(InvalidRequest, match=r"token_info\.extra has a key that is not a string"):
        TokenInfo.parse({"access_token": "a", 5: 6})
