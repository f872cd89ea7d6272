"""How a client is set up: every field of the seed, every refusal by name, no secret shown."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import http.client
import inspect
import math
import os
import pickle
import re
import ssl
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from pdsclient._policy import RetryPolicy
from pdsclient.config import ClientConfig, ClientFields, RuntimeContext, parse_config
from pdsclient.errors import InvalidRequest
from pdsclient.limits import RateLimit
from pdsclient.token_store import FileTokenStore
from pdsclient.tokens import TokenInfo

SECRET = "060e78d36afb4879b51e4264e9541c16"
API = "https://bj1.api.aliyunpds.com"
FIELDS = [one.name for one in attrs.fields(ClientConfig)]


async def refresh(token_info: TokenInfo) -> TokenInfo:
    """A refresh function as a module holds it."""
    return token_info


async def refresh_share() -> str:
    return "share"


async def provide() -> None:
    return None


def config(**fields: Any) -> ClientConfig:
    """A configuration with an endpoint."""
    return ClientConfig(**{"api_endpoint": API, **fields})


# ---------------------------------------------------------------------------- the seed's tables


# row of the seed's table "IClientParams", what is given, what is read
def shown(value: object) -> str:
    """A test's name, the same in each process: reprs may hold addresses."""
    return re.sub(r" at 0x\w+", "", repr(value))[:40]


ROWS: list[tuple[str, object, object]] = [
    (
        (
            "token_info | TokenInfo | The information about the access token that is obtained in "
            "the OAuth access process or is issued by a JSON Web Token (JWT) application."
        ),
        {"access_token": "a"},
        TokenInfo(access_token="a"),
    ),
    ("share_token | string | The share token.", "s", "s"),
    (
        (
            "api_endpoint | string | Y1 | The endpoint of the PDS API. In most cases, the format "
            "is https://{domainId}.api.aliyunpds.com."
        ),
        API,
        API,
    ),
    (
        (
            "path_type | string | The data storage mode of the domain. Only StandardMode is "
            "supported. Default value: StandardMode."
        ),
        "StandardMode",
        "StandardMode",
    ),
    (
        "version | string | The version number. Only v2 is supported. Default value: v2.",
        "v2",
        "v2",
    ),
    (
        (
            "refresh_token_fun | Function | The callback method to invoke when the access token "
            "expires. This method returns the Promise<TokenInfo> parameter."
        ),
        refresh,
        refresh,
    ),
    (
        (
            "refresh_share_token_fun | Function | The callback method to invoke when the share "
            "token expires. This method returns the Promise<string> parameter, which contains a "
            "new share token."
        ),
        refresh_share,
        refresh_share,
    ),
]


@pytest.mark.parametrize(
    ("row", "value", "read"), ROWS, ids=[row.partition(" | ")[0] for row, _, _ in ROWS]
)
def test_seed_row_of_client_params(row: str, value: object, read: object) -> None:
    """Each row of the seed's table is a field of the same name."""
    name = row.partition(" | ")[0]
    assert getattr(config(**{name: value}), name) == read
    default = re.search(r"Default value: (\w+)", row)
    if default:
        assert getattr(config(), name) == default[1]


def test_seed_rule_of_the_endpoints() -> None:
    """You must specify one of the api_endpoint and auth_endpoint parameters."""
    other = "https://auth.example.com"
    assert ClientConfig(api_endpoint=API).auth_endpoint == API
    assert ClientConfig(auth_endpoint=other).api_endpoint == other
    both = ClientConfig(api_endpoint=API, auth_endpoint=other)
    assert (both.api_endpoint, both.auth_endpoint) == (API, other)
    with pytest.raises(InvalidRequest, match=r"api_endpoint is missing.*auth_endpoint"):
        ClientConfig()


# row of the seed's table "IContext", field of RuntimeContext or what answers it in Python
CONTEXT_ROWS: list[tuple[str, str | Callable[[], object]]] = [
    (
        ("isNode | boolean | Yes | Specifies whether the environment is a Node.js environment."),
        lambda: sys.implementation.name,
    ),
    ("Axios | object | Yes | For more information, see axios - npm.", "session"),
    (
        (
            "AxiosNodeAdapter | object | The AxiosNodeAdapter parameter in Context that is "
            "exported from the SDK for JavaScript in the Node.js environment."
        ),
        "trace_configs",
    ),
    (
        (
            "platform | string | The process platform in the Node.js environment. "
            "Valid values: win32, darwin, and linux."
        ),
        "platform",
    ),
    ("os | object | The native os module in the Node.js environment.", lambda: os.name),
    ("fs | object | The native fs module in the Node.js environment.", "file_system"),
    ("path | object | The native path module in the Node.js environment.", "file_system"),
    ("cp | object | The native child_process module in the Node.js environment.", "executor"),
    (
        "http | object | The native http module in the Node.js environment.",
        lambda: http.client.HTTPConnection,
    ),
    (
        "https | object | The native https module in the Node.js environment.",
        lambda: ssl.create_default_context,
    ),
    ("crypto | object | The native crypto module in the Node.js environment.", "executor"),
    (
        ("worker_threads | object | The native worker_threads module in the Node.js environment."),
        "executor",
    ),
]


@pytest.mark.parametrize(
    ("row", "answer"), CONTEXT_ROWS, ids=[row.partition(" | ")[0] for row, _ in CONTEXT_ROWS]
)
def test_seed_row_of_context(row: str, answer: str | Callable[[], object]) -> None:
    """Each row is a field of RuntimeContext, or needs none since Python itself answers it."""
    names = [one.name for one in attrs.fields(RuntimeContext)]
    if isinstance(answer, str):
        assert answer in names
    else:
        assert row.partition(" | ")[0] not in names
        assert answer()


def test_the_context_needs_nothing() -> None:
    """Each field has a default that works; the platform is one of the seed's names here."""
    context = RuntimeContext()
    assert context.platform == sys.platform
    assert context.clock.time() > 1_700_000_000
    assert context.clock.monotonic() <= context.clock.monotonic()
    assert context.sleep is asyncio.sleep
    assert 0 <= context.random.random() < 1
    assert context.trace_configs == ()
    assert (context.session, context.executor, context.file_system) == (None, None, None)


def test_valid_contexts() -> None:
    """Anything that has the methods in use will do."""
    clock, executor = RuntimeContext().clock, concurrent.futures.ThreadPoolExecutor(1)
    context = RuntimeContext(
        executor=executor, clock=clock, platform="win32", trace_configs=[], file_system=os
    )
    assert context.executor is executor
    assert context.trace_configs == ()
    executor.shutdown()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("session", value) for value in (5, "session", object())],
        *[("trace_configs", value) for value in (None, 5, "text", {})],
        *[("platform", value) for value in (None, 5, "", "a\nb", "\ud800", "é")],
        *[("executor", value) for value in (5, object())],
        *[("clock", value) for value in (None, 5, object())],
        *[("sleep", value) for value in (None, 5)],
        *[("random", value) for value in (None, 5, object())],
    ],
    ids=shown,
)
def test_wrong_context_fields_are_refused_by_name(name: str, value: object) -> None:
    """What has not the methods that are used is refused when the context is made."""
    with pytest.raises(InvalidRequest, match=f"context.{name}"):
        RuntimeContext(**{name: value})


# ---------------------------------------------------------------------------- the fields


def test_the_typed_dict_equals_the_configuration() -> None:
    """Keyword arguments of the client and fields of the configuration are the same."""
    assert list(ClientFields.__annotations__) == FIELDS
    assert not ClientFields.__required_keys__
    documented = re.findall(r"^ {4}(\w+): ", inspect.getdoc(ClientConfig) or "", re.MULTILINE)
    assert documented == [*FIELDS, "InvalidRequest"]


def test_defaults() -> None:
    """What the contract says about each setting that was left out."""
    assert attrs.asdict(config(), recurse=False) == {
        "token_info": None,
        "share_token": None,
        "api_endpoint": API,
        "auth_endpoint": API,
        "path_type": "StandardMode",
        "version": "v2",
        "refresh_token_fun": None,
        "refresh_share_token_fun": None,
        "token_provider": None,
        "token_store": None,
        "retry": RetryPolicy(),
        "timeout": 60.0,
        "deadline": None,
        "rate_limit": RateLimit(),
        "max_connections": 100,
        "max_reply_bytes": 64 << 20,
        "proxy": None,
        "trust_env": False,
        "ssl": None,
        "user_agent": None,
        "allow_http": False,
    }


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("rate_limit", 5, RateLimit(per_second=5)),
        ("rate_limit", RateLimit(fail_fast=True), RateLimit(fail_fast=True)),
        ("rate_limit", None, RateLimit()),
        ("retry", RetryPolicy(attempts=1), RetryPolicy(attempts=1)),
        ("timeout", None, None),
        ("timeout", 0.5, 0.5),
        ("deadline", 1e6, 1e6),
        ("proxy", " http://user:pw@proxy:3128 ", "http://user:pw@proxy:3128"),
        ("proxy", "https://[::1]:3128", "https://[::1]:3128"),
        ("ssl", False, False),
        ("user_agent", "my tool/1.0 (x; y)", "my tool/1.0 (x; y)"),
        ("max_reply_bytes", 2 << 30, 2 << 30),
    ],
)
def test_valid_settings(name: str, value: object, read: object) -> None:
    """Each form that is allowed is read back."""
    assert getattr(config(**{name: value}), name) == read


HUGE = pytest.param(10**5_000, id="huge")
NOT_NUMBERS: list[object] = ["5", True, [], math.nan, math.inf, -1]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("token_info", value) for value in (5, "token", {}, {"access_token": "a b"}, [])],
        *[("share_token", value) for value in ("", 5, b"a", "a b", "a\n", "a\0", "é", "\ud800")],
        ("share_token", "a" * 65_537),
        *[("path_type", value) for value in (None, "", "HostingMode", 5, [])],
        *[("version", value) for value in (None, "", "v3", 2, [])],
        *[
            (name, value)
            for name in ("refresh_token_fun", "refresh_share_token_fun", "token_provider")
            for value in (5, "f", {}, lambda: (yield))
        ],
        *[("token_store", value) for value in (5, "path", {}, object())],
        *[("retry", value) for value in (None, 5, {}, "3")],
        *[("timeout", value) for value in (0, 3_601, *NOT_NUMBERS)],
        *[("deadline", value) for value in (0, *NOT_NUMBERS)],
        *[("rate_limit", value) for value in (0, {}, *NOT_NUMBERS)],
        *[("max_connections", value) for value in (0, 10_001, None, 5.0, *NOT_NUMBERS)],
        *[("max_reply_bytes", value) for value in (0, 999, (2 << 30) + 1, None, *NOT_NUMBERS)],
        *[
            ("proxy", value)
            for value in (5, "", "proxy:3128", "ftp://h", "http://", "http://[", "http://h:99999")
        ],
        *[
            ("proxy", value)
            for value in ("http://h\0", "http://h x", "http://\ud800", "http://h\\x")
        ],
        ("proxy", "http://" + "h" * 3_000),
        *[("trust_env", value) for value in (None, 0, "yes")],
        *[("allow_http", value) for value in (None, 1, "yes")],
        *[("ssl", value) for value in (5, "cert.pem", object())],
        *[("user_agent", value) for value in ("", 5, "a\nb", "é", "\ud800", "a" * 65_537)],
    ],
    ids=shown,
)
def test_wrong_settings_are_refused_by_name(name: str, value: object) -> None:
    """Each field names itself, and no other exception escapes."""
    with pytest.raises(InvalidRequest, match=rf"\b{name}\b") as caught:
        config(**{name: value})
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("value", [HUGE])
@pytest.mark.parametrize(
    "name", ["timeout", "deadline", "rate_limit", "max_connections", "max_reply_bytes"]
)
def test_numbers_too_long_to_print_are_refused_as_well(name: str, value: int) -> None:
    """Python refuses to print such an int; the message does without it."""
    with pytest.raises(InvalidRequest, match=name):
        config(**{name: value})


# ---------------------------------------------------------------------------- endpoints


@pytest.mark.parametrize("name", ["api_endpoint", "auth_endpoint"])
@pytest.mark.parametrize(
    ("value", "read"),
    [
        (API, API),
        (f"  {API}/ \n", API),
        (f"{API}///", API),
        (f"{API}:8443", f"{API}:8443"),
        ("HTTPS://BJ1.api.aliyunpds.com", "HTTPS://BJ1.api.aliyunpds.com"),
        ("https://h/prefix/", "https://h/prefix"),
        ("https://h/v2x", "https://h/v2x"),
        ("https://h_1.example", "https://h_1.example"),
        ("https://[2001:db8::1]:443", "https://[2001:db8::1]:443"),
        ("https://例え.jp", "https://例え.jp"),
        ("https://xn--r8jz45g.jp", "https://xn--r8jz45g.jp"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://pds.localhost", "http://pds.localhost"),
        ("http://127.0.0.1:1", "http://127.0.0.1:1"),
        ("http://127.8.9.10", "http://127.8.9.10"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
        ("HTTP://LOCALHOST", "HTTP://LOCALHOST"),
    ],
)
def test_valid_endpoints(name: str, value: str, read: str) -> None:
    """White space and trailing slashes go; loopback may do without TLS."""
    assert getattr(ClientConfig(**{name: value}), name) == read


@pytest.mark.parametrize("name", ["api_endpoint", "auth_endpoint"])
@pytest.mark.parametrize(
    ("value", "fix"),
    [
        (5, "must be a string, not int"),
        (b"https://h", "must be a string, not bytes"),
        (True, "must be a string"),
        ("", "scheme and host"),
        (" ", "scheme and host"),
        ("bj1.api.aliyunpds.com", "scheme and host"),
        ("bj1.api.aliyunpds.com:443", "scheme and host"),
        ("//bj1.api.aliyunpds.com", "scheme and host"),
        ("ftp://h", "scheme and host"),
        ("https://", "scheme and host"),
        ("https:///v1", "scheme and host"),
        ("https://:443", "scheme and host"),
        ("https://user@h", "user name"),
        ("https://user:secret@h", "user name"),
        ("https://:secret@h", "user name"),
        ("https://@h", "user name"),
        ("https://h?x=1", "query or a fragment"),
        ("https://h?", "query or a fragment"),
        ("https://h#x", "query or a fragment"),
        ("https://h/#", "query or a fragment"),
        ("https://h:99999", "can be connected to"),
        ("https://h:0", "can be connected to"),
        ("https://h:x", "can be connected to"),
        ("https://[::1", "can be connected to"),
        ("https://[zz]", "can be connected to"),
        ("https://a\\b", "can be connected to"),
        ("https://a<b", "can be connected to"),
        ("https://a%00b", "can be connected to"),
        ("https://ex℀mple", "can be connected to"),
        ("https://a b", "white space"),
        ("https://a\tb", "control"),
        ("https://a\nb", "control"),
        ("https://a\0b", "control"),
        ("https://a\u202eb", "control"),
        ("https://a\ud800", "control"),
        ("https://h/v2", "version"),
        ("https://h/v2/", "version"),
        ("https://h/v3", "version"),
        ("https://" + "h" * 3_000, "longer than 2,048"),
        ("http://bj1.api.aliyunpds.com", "allow_http=True"),
        ("http://127.0.0.1.example.com", "allow_http=True"),
        ("http://localhost.example.com", "allow_http=True"),
        ("http://10.0.0.1", "allow_http=True"),
        ("http://0.0.0.0", "allow_http=True"),
        ("HTTP://h", "allow_http=True"),
    ],
    ids=shown,
)
def test_wrong_endpoints_are_refused_with_the_fix(name: str, value: Any, fix: str) -> None:
    """The field and what is wrong with it are named; a password in it is not repeated."""
    with pytest.raises(InvalidRequest, match=f"{name} .*{fix}|{fix}.*{name}") as caught:
        ClientConfig(**{name: value})
    assert "secret" not in str(caught.value)


def test_http_elsewhere_when_allowed() -> None:
    """A test system without TLS can be reached on request."""
    allowed = ClientConfig(api_endpoint="http://pds.test:8080", allow_http=True)
    assert allowed.auth_endpoint == "http://pds.test:8080"


# ---------------------------------------------------------------------------- exclusions


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("token_info", {"access_token": "a"}),
        ("refresh_token_fun", refresh),
        ("token_store", FileTokenStore("token.json")),
    ],
)
def test_a_provider_excludes_what_it_replaces(name: str, value: object) -> None:
    """Another party owns the credential, or we do."""
    with pytest.raises(InvalidRequest, match=f"token_provider excludes {name}"):
        config(token_provider=provide, **{name: value})


def test_a_provider_goes_with_share_tokens() -> None:
    """Share tokens are a credential of their own."""
    made = config(token_provider=provide, share_token="s", refresh_share_token_fun=refresh_share)
    assert made.token_provider is provide


# ---------------------------------------------------------------------------- parsing


def test_the_two_forms_of_a_configuration() -> None:
    """A ClientConfig is taken as it is; a mapping and keyword arguments make the same one."""
    made = config()
    assert parse_config(made, {}) is made
    assert parse_config({"api_endpoint": API}, {}) == made
    assert parse_config(None, {"api_endpoint": API}) == made


@pytest.mark.parametrize("given", [{"api_endpoint": API}, ClientConfig(api_endpoint=API)])
def test_both_forms_together_are_an_error(given: Any) -> None:
    """It would not be clear which one wins."""
    with pytest.raises(InvalidRequest, match="config and keyword arguments together"):
        parse_config(given, {"timeout": 5})


@pytest.mark.parametrize("given", [5, "https://h", [("api_endpoint", API)], True, object()])
def test_anything_else_is_no_configuration(given: Any) -> None:
    """The message names the argument and its type."""
    with pytest.raises(InvalidRequest, match="config must be a ClientConfig or a mapping, not "):
        parse_config(given, {})


@pytest.mark.parametrize("key", ["apiEndpoint", "endpoint", "token", "", 5, None, "x" * 5_000])
def test_unknown_keys_are_refused_by_name(key: Any) -> None:
    """The known ones are listed."""
    with pytest.raises(
        InvalidRequest, match=r"is not a field of ClientConfig; known are token_info,"
    ):
        parse_config({"api_endpoint": API, key: 1}, {})


# ---------------------------------------------------------------------------- secrecy


class Talkative:
    """A store whose repr shows its address with a password."""

    async def load(self) -> None: ...
    async def save(self, token_info: TokenInfo) -> None: ...
    def lock(self) -> None: ...

    def __repr__(self) -> str:
        return f"Talkative('https://user:{SECRET}@h/?token={SECRET}', password={SECRET!r})"


async def exchange(secret: str, token_info: TokenInfo) -> TokenInfo:
    return token_info


@pytest.mark.parametrize(
    "fields",
    [
        {"token_info": {"access_token": SECRET, "refresh_token": SECRET, "x": SECRET}},
        {"share_token": SECRET},
        {"proxy": f"http://user:{SECRET}@proxy:3128"},
        {"token_store": Talkative()},
        {"refresh_token_fun": functools.partial(exchange, SECRET)},
        {"user_agent": f"tool https://h/?key={SECRET}"},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_the_repr_shows_no_secret(fields: dict[str, Any]) -> None:
    """Whatever holds a secret is named and masked."""
    made = config(**fields)
    assert SECRET not in repr(made)
    assert next(iter(fields)) in repr(made)


def test_the_repr_shows_what_was_set() -> None:
    """Only what differs from the default."""
    assert repr(config()) == f"ClientConfig(api_endpoint='{API}', auth_endpoint='{API}')"
    shown = repr(config(timeout=5, refresh_token_fun=refresh, token_info={"access_token": "a"}))
    assert "timeout=5" in shown
    assert "refresh_token_fun=<refresh>" in shown
    assert "token_info=TokenInfo(access_token='***'" in shown


# ---------------------------------------------------------------------------- pickles


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_configuration_without_secrets_travels(protocol: int, tmp_path: Path) -> None:
    """Functions of a module go by reference, a FileTokenStore by its path."""
    made = config(
        refresh_token_fun=refresh,
        refresh_share_token_fun=refresh_share,
        token_store=FileTokenStore(tmp_path / "token.json"),
        retry=RetryPolicy(attempts=2),
        rate_limit=5,
        proxy="http://proxy:3128",
    )
    copied = pickle.loads(pickle.dumps(made, protocol))
    assert copied == made
    assert copied.refresh_token_fun is refresh
    assert copied.api_endpoint == API


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"token_info": {"access_token": SECRET}}, "token_info"),
        ({"share_token": SECRET}, "share_token"),
        ({"proxy": f"http://user:{SECRET}@proxy"}, "proxy password"),
    ],
)
def test_a_configuration_with_a_secret_refuses_to_travel(
    fields: dict[str, Any], named: str
) -> None:
    """The message names what holds the secret and says what to do, without the secret."""
    with pytest.raises(TypeError, match=f"{named}.*token_store, a token_provider") as caught:
        pickle.dumps(config(**fields))
    assert SECRET not in str(caught.value)


# ---------------------------------------------------------------------------- values


def test_a_configuration_is_a_value() -> None:
    """Frozen and equal by content; a change is a new, checked object."""
    made = config(timeout=5)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        made.timeout = 6
    assert made == config(timeout=5)
    assert hash(made) == hash(config(timeout=5))
    assert attrs.evolve(made, timeout=6) == config(timeout=6)
    with pytest.raises(InvalidRequest, match="timeout"):
        attrs.evolve(made, timeout=-1)
