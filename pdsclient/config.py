"""How a client is set up: checked when it is made, frozen afterwards."""

from __future__ import annotations

import asyncio
import inspect
import random as random_module
import re
import ssl as ssl_module
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeAlias, TypedDict
from urllib.parse import SplitResult, urlsplit

from attrs import field, fields, frozen

from pdsclient._checks import (
    LONGEST_TIMEOUT_S,
    Validator,
    check_header_value,
    check_token,
    flag,
    seconds,
    whole,
)
from pdsclient._clock import Clock, SystemClock
from pdsclient._login import Login
from pdsclient._policy import RetryPolicy
from pdsclient._secrets import mask_text
from pdsclient.errors import InvalidRequest
from pdsclient.limits import RateLimit
from pdsclient.token_store import TokenStore
from pdsclient.tokens import TokenInfo, TokenLike

if TYPE_CHECKING:
    import aiohttp

__all__ = ["ClientConfig", "ClientFields", "RuntimeContext"]

RefreshToken: TypeAlias = (
    Callable[[], Awaitable[TokenLike]] | Callable[[TokenInfo], Awaitable[TokenLike]] | Login
)
RefreshShareToken: TypeAlias = Callable[[], Awaitable[str]]
TokenProvider: TypeAlias = Callable[[], Awaitable[TokenLike | None]]


class Random(Protocol):
    """The part of ``random.Random`` that is used."""

    def random(self) -> float:
        """A number from 0 up to 1."""
        ...


def _can(*names: str, prefix: str = "") -> Validator:
    """A validator for objects that have the methods named; None only where it is the default."""

    def check(_: object, attribute: Any, value: object) -> None:
        if value is None and attribute.default is None:
            return
        missing = [name for name in names if not callable(getattr(value, name, None))]
        if missing:
            raise InvalidRequest(
                f"{prefix}{attribute.name} must have {', '.join(missing)}(): "
                f"{type(value).__name__} has not"
            )

    return check


def _platform(_: object, __: object, value: object) -> None:
    check_header_value("context.platform", value)


def _sleep(_: object, __: object, value: object) -> None:
    if not callable(value):
        raise InvalidRequest(f"context.sleep must be an async function, not {type(value).__name__}")


def _trace_configs(value: object) -> tuple[aiohttp.TraceConfig, ...]:
    if isinstance(value, (list, tuple)):
        return tuple(value)
    raise InvalidRequest(f"context.trace_configs must be a list, not {type(value).__name__}")


@frozen(kw_only=True)
class RuntimeContext:
    """The machinery beneath a client; the counterpart of the seed's ``IContext``.

    Args:
        session: an aiohttp session to borrow; it is never closed by the client. Default: one of
            its own, made at the first call.
        trace_configs: aiohttp trace configurations for the client's own session; each costs
            about 15 % of a call's CPU.
        platform: what the user agent says; default ``sys.platform``.
        executor: threads in which transfers hash and touch local files; default: the loop's own.
            It is not shut down by the client.
        file_system: an object with the functions of ``os``, by which transfers read and write
            local files; default ``os``. Functions that it has not, such as ``pwritev``,
            ``posix_fallocate`` or ``statvfs``, are done without.
        clock: monotonic and wall-clock time.
        sleep: waits for a number of seconds.
        random: source of jitter.

    Raises:
        InvalidRequest: naming the field.
    """

    session: aiohttp.ClientSession | None = field(
        default=None, validator=_can("post", prefix="context.")
    )
    trace_configs: Sequence[aiohttp.TraceConfig] = field(default=(), converter=_trace_configs)
    platform: str = field(default=sys.platform, validator=_platform)
    executor: Executor | None = field(default=None, validator=_can("submit", prefix="context."))
    file_system: Any = None
    clock: Clock = field(
        factory=SystemClock, validator=_can("monotonic", "time", prefix="context.")
    )
    sleep: Callable[[float], Awaitable[None]] = field(default=asyncio.sleep, validator=_sleep)
    random: Random = field(
        factory=random_module.Random, validator=_can("random", prefix="context.")
    )


# ---------------------------------------------------------------------------- checks

_LONGEST_URL = 2_048
# What no host name can hold; letters of other scripts may stand for an international name.
_NOT_IN_HOSTS = re.compile(r"[\x00-\x20\"#%/<>?@\\^`{|}\x7f]")
_LOOPBACK = re.compile(r"localhost|127(?:\.\d{1,3}){3}|::1|.*\.localhost", re.IGNORECASE)


def normalise_endpoint(name: str, value: object) -> str | None:
    """The URL without white space and trailing slashes; InvalidRequest if it is no endpoint."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidRequest(f"{name} must be a string, not {type(value).__name__}")
    url = value.strip().rstrip("/")
    parts = _split(name, url)
    _check_endpoint(name, url, parts)
    if re.search(r"/v\d+$", parts.path):
        raise InvalidRequest(f"{name} must not end in a version: the client adds /v2 itself")
    return url


def _split(name: str, url: str) -> SplitResult:
    """The parts of a URL whose host and port can be connected to."""
    if len(url) > _LONGEST_URL:
        raise InvalidRequest(f"{name} is longer than {_LONGEST_URL:,} characters")
    if not url.isprintable() or any(char.isspace() for char in url):
        raise InvalidRequest(f"{name} must not hold white space or control characters")
    try:
        parts = urlsplit(url)
        if parts.port != 0 and not _NOT_IN_HOSTS.search(parts.hostname or ""):
            return parts
    except ValueError:
        pass  # urllib's own message may quote the URL, and a password in it.
    raise InvalidRequest(f"{name} is not a URL that can be connected to")


def _check_endpoint(name: str, url: str, parts: SplitResult) -> None:
    example = "https://bj1.api.aliyunpds.com"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidRequest(f"{name} must be a URL with scheme and host such as {example}")
    if parts.username is not None or parts.password is not None:
        raise InvalidRequest(f"{name} must not hold a user name or a password")
    if parts.query or parts.fragment or "?" in url or "#" in url:
        raise InvalidRequest(f"{name} must not hold a query or a fragment")


def _api_endpoint(value: object) -> str | None:
    return normalise_endpoint("api_endpoint", value)


def _auth_endpoint(value: object) -> str | None:
    return normalise_endpoint("auth_endpoint", value)


def _only(_: object, attribute: Any, value: object) -> None:
    if value != attribute.default:
        raise InvalidRequest(f"{attribute.name} must be {attribute.default!r}, all that there is")


def _async_function(_: object, attribute: Any, value: Any) -> None:
    if isinstance(value, Login) and attribute.name == "refresh_token_fun":
        return
    if value is not None and not callable(value):
        raise InvalidRequest(
            f"{attribute.name} must be an async function, not {type(value).__name__}"
        )
    if inspect.isgeneratorfunction(value) or inspect.isasyncgenfunction(value):
        raise InvalidRequest(f"{attribute.name} must return its result, not yield it")


def _token_info(value: Any) -> TokenInfo | None:
    return None if value is None else TokenInfo.parse(value)


def _share_token(value: object) -> str | None:
    return None if value is None else check_token("share_token", value)


def _retry(value: object) -> RetryPolicy:
    if isinstance(value, RetryPolicy):
        return value
    raise InvalidRequest(f"retry must be a RetryPolicy, not {type(value).__name__}")


def _rate_limit(value: object) -> RateLimit:
    if isinstance(value, RateLimit):
        return value
    if value is None:
        return RateLimit()
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return RateLimit(per_second=value)
    raise InvalidRequest(
        f"rate_limit must be requests per second or a RateLimit, not {type(value).__name__}"
    )


def _proxy(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidRequest(f"proxy must be a URL, not {type(value).__name__}")
    url = value.strip()
    parts = _split("proxy", url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidRequest("proxy must be an http or https URL such as http://proxy:3128")
    return url


def _ssl(value: object) -> Any:
    if value is None or isinstance(value, (bool, ssl_module.SSLContext)):
        return value
    raise InvalidRequest(f"ssl must be an SSLContext, a bool or None, not {type(value).__name__}")


def _user_agent(value: object) -> str | None:
    return None if value is None else check_header_value("user_agent", value)


# ---------------------------------------------------------------------------- configuration


@frozen(kw_only=True, repr=False)
class ClientConfig:
    """Settings of a client (the seed's ``IClientParams`` and what a Python service needs more).

    Args:
        token_info: the credential to start with; ``set_token`` can give it later.
        share_token: sent as ``x-share-token``; ``set_share_token`` can give it later.
        api_endpoint: URL of the API, in most cases ``https://{domainId}.api.aliyunpds.com``.
        auth_endpoint: URL for the calls of ``post_auth``. One of the two is required, each
            defaults to the other. http is for loopback only, unless ``allow_http``.
        path_type: only ``StandardMode``.
        version: only ``v2``.
        refresh_token_fun: async; returns a new token when the access token expires. With one
            parameter it is given the token to be exchanged. Or a ``Login`` of ``pdsclient.auth``,
            which sends through this client.
        refresh_share_token_fun: async; returns a new share token.
        token_provider: async; another party owns the credential and is asked for it. Excludes
            token_info, refresh_token_fun and token_store.
        token_store: shares one credential between processes; a refresh_token_fun of your own
            then takes the token to be exchanged.
        retry: how often and after what waits a failed attempt is repeated.
        timeout: seconds for one attempt, from the connection slot to the last byte; at most
            3,600, None is no limit.
        deadline: seconds for a whole call with queueing, refresh and retries; None is no limit.
        rate_limit: requests per second, or a ``RateLimit``; default: none until the first 429.
        max_connections: requests on the wire at once, 1-10,000.
        max_reply_bytes: longest reply in bytes after decompression, 1 kB to 2 GiB.
        proxy: URL of an HTTP proxy.
        trust_env: read HTTP_PROXY, HTTPS_PROXY and NO_PROXY when the client is made. A
            ``.netrc`` is never read.
        ssl: an ``ssl.SSLContext``; False accepts any certificate.
        user_agent: replaces ``pdsclient/<version> …``.
        allow_http: allow endpoints without TLS on other machines.

    Raises:
        InvalidRequest: naming the field and the fix.
    """

    token_info: TokenInfo | None = field(default=None, converter=_token_info)
    share_token: str | None = field(default=None, converter=_share_token)
    api_endpoint: str | None = field(default=None, converter=_api_endpoint)
    auth_endpoint: str | None = field(default=None, converter=_auth_endpoint)
    path_type: str = field(default="StandardMode", validator=_only)
    version: str = field(default="v2", validator=_only)
    refresh_token_fun: RefreshToken | None = field(default=None, validator=_async_function)
    refresh_share_token_fun: RefreshShareToken | None = field(
        default=None, validator=_async_function
    )
    token_provider: TokenProvider | None = field(default=None, validator=_async_function)
    token_store: TokenStore | None = field(default=None, validator=_can("load", "save", "lock"))
    retry: RetryPolicy = field(default=RetryPolicy(), converter=_retry)
    timeout: float | None = field(default=60.0, validator=seconds(longest=LONGEST_TIMEOUT_S))
    deadline: float | None = field(default=None, validator=seconds())
    rate_limit: RateLimit = field(default=RateLimit(), converter=_rate_limit)
    max_connections: int = field(default=100, validator=whole(1, 10_000))
    max_reply_bytes: int = field(default=64 << 20, validator=whole(1_000, 2 << 30))
    proxy: str | None = field(default=None, converter=_proxy)
    trust_env: bool = field(default=False, validator=flag())
    ssl: ssl_module.SSLContext | bool | None = field(default=None, converter=_ssl)
    user_agent: str | None = field(default=None, converter=_user_agent)
    allow_http: bool = field(default=False, validator=flag())

    def __attrs_post_init__(self) -> None:
        self._check_http()
        self._default_endpoints()
        if self.token_provider is not None:
            for name in ("token_info", "refresh_token_fun", "token_store"):
                if getattr(self, name) is not None:
                    raise InvalidRequest(
                        f"token_provider excludes {name}: the provider owns the credential"
                    )

    def _default_endpoints(self) -> None:
        endpoint = self.api_endpoint or self.auth_endpoint
        if endpoint is None:
            raise InvalidRequest(
                "api_endpoint is missing (or auth_endpoint): give the URL of your domain, "
                "in most cases https://{domainId}.api.aliyunpds.com"
            )
        object.__setattr__(self, "api_endpoint", endpoint)
        object.__setattr__(self, "auth_endpoint", self.auth_endpoint or endpoint)

    def _check_http(self) -> None:
        for name in ("api_endpoint", "auth_endpoint"):
            parts = urlsplit(getattr(self, name) or "")
            local = _LOOPBACK.fullmatch(parts.hostname or "")
            if parts.scheme == "http" and not self.allow_http and not local:
                raise InvalidRequest(
                    f"{name} must be https: over http anybody on the way reads the token; "
                    "allow_http=True allows it"
                )

    def __repr__(self) -> str:
        set_ones = [
            f"{one.name}={self._shown(one.name)}"
            for one in fields(ClientConfig)
            if getattr(self, one.name) not in (None, one.default)
        ]
        return f"ClientConfig({', '.join(set_ones)})"

    def _shown(self, name: str) -> str:
        item = getattr(self, name)
        if name == "share_token":
            return "'***'"
        if callable(item):  # a partial shows its arguments
            return f"<{getattr(item, '__qualname__', type(item).__qualname__)}>"
        return mask_text(repr(item))

    def __getstate__(self) -> dict[str, Any]:
        held = [name for name in ("token_info", "share_token") if getattr(self, name)]
        if held or (self.proxy and "@" in self.proxy):
            refuse_to_pickle(f"a ClientConfig with {held[0] if held else 'a proxy password'}")
        return {one.name: getattr(self, one.name) for one in fields(ClientConfig)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, item in state.items():
            object.__setattr__(self, name, item)


def refuse_to_pickle(what: str) -> NoReturn:
    """Say why something that holds a secret or sockets does not travel, and what does."""
    raise TypeError(
        f"{what} holds a secret and refuses to be pickled; give the other process a ClientConfig "
        "with a token_store, a token_provider or a refresh_token_fun, and one client of its own"
    )


class ClientFields(TypedDict, total=False):
    """The keyword arguments of ``AsyncPDSClient``: the fields of ``ClientConfig``."""

    token_info: TokenLike | None
    share_token: str | None
    api_endpoint: str | None
    auth_endpoint: str | None
    path_type: str
    version: str
    refresh_token_fun: RefreshToken | None
    refresh_share_token_fun: RefreshShareToken | None
    token_provider: TokenProvider | None
    token_store: TokenStore | None
    retry: RetryPolicy
    timeout: float | None
    deadline: float | None
    rate_limit: RateLimit | float | None
    max_connections: int
    max_reply_bytes: int
    proxy: str | None
    trust_env: bool
    ssl: ssl_module.SSLContext | bool | None
    user_agent: str | None
    allow_http: bool


def parse_config(
    config: ClientConfig | Mapping[str, Any] | None, more: Mapping[str, Any]
) -> ClientConfig:
    """The configuration from one of its two forms; both together are an error."""
    if config is not None and more:
        raise InvalidRequest(
            "config and keyword arguments together: give one of them "
            "(attrs.evolve(config, …) makes a changed copy)"
        )
    if isinstance(config, ClientConfig):
        return config
    if config is not None and not isinstance(config, Mapping):
        raise InvalidRequest(
            f"config must be a ClientConfig or a mapping, not {type(config).__name__}"
        )
    given = dict(config or more)
    for name in given:
        if name not in ClientFields.__annotations__:
            known = ", ".join(ClientFields.__annotations__)
            raise InvalidRequest(
                f"config.{name!s:.80} is not a field of ClientConfig; known are {known}"
            )
    return ClientConfig(**given)
