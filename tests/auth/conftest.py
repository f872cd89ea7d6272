"""A clock that tests move, a token endpoint with strict rotation, and a store that can fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from blockbuster import blockbuster_ctx

from pdsclient._sources import ShareTokenSource, Token, TokenSource
from pdsclient.tokens import TokenInfo

TRUE_START = 1_700_000_000.0


class FakeClock:
    """Both readings start anywhere and move only by ``advance``; the wall may be wrong."""

    def __init__(self) -> None:
        self.elapsed = 0.0
        self.wall_error_s = 0.0
        self.sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def monotonic(self) -> float:
        return 5_000.0 + self.elapsed

    def time(self) -> float:
        return self.true_time() + self.wall_error_s

    def true_time(self) -> float:
        return TRUE_START + self.elapsed

    async def sleep(self, seconds: float) -> None:
        future = asyncio.get_running_loop().create_future()
        self.sleepers.append((self.elapsed + seconds, future))
        await future

    def advance(self, seconds: float) -> None:
        self.elapsed += seconds
        for due, future in self.sleepers:
            if due <= self.elapsed and not future.done():
                future.set_result(None)


class Steady:
    """Jitter that is always the same, so that moments are exact."""

    def random(self) -> float:
        return 0.0


class Issuer:
    """A token endpoint: an exchange kills the tokens that it replaces."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.count = 0
        self.ttl_s = 7200
        self.access = self.refresh_token = ""
        self.dies_at = 0.0
        self.asked_at: list[float] = []
        self.taken: list[TokenInfo] = []
        self.error: BaseException | None = None
        self.gate: asyncio.Event | None = None
        self.on_ask: Callable[[], Awaitable[object]] | None = None

    def issue(self) -> dict[str, Any]:
        self.count += 1
        self.access, self.refresh_token = f"access-{self.count}", f"refresh-{self.count}"
        self.dies_at = self.clock.true_time() + self.ttl_s
        return {
            "access_token": self.access,
            "refresh_token": self.refresh_token,
            "expires_in": self.ttl_s,
            "expire_time": datetime.fromtimestamp(self.dies_at, UTC),
        }

    def login(self) -> TokenInfo:
        return TokenInfo.parse(self.issue())

    async def exchange(self, info: TokenInfo) -> dict[str, Any]:
        self.taken.append(info)
        await self._answer()
        if info.refresh_token != self.refresh_token:
            raise ValueError("invalid_grant")
        return self.issue()

    async def fetch(self) -> dict[str, Any]:
        await self._answer()
        return self.issue()

    async def fetch_share(self) -> str:
        await self._answer()
        return self.issue()["access_token"]

    async def _answer(self) -> None:
        self.asked_at.append(self.clock.elapsed)
        if self.on_ask is not None:
            await self.on_ask()
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error

    def kill_access(self) -> None:
        self.dies_at = 0.0

    def accepts(self, token: Token) -> bool:
        text = (token.header or "").removeprefix("Bearer ")
        return text == self.access and self.clock.true_time() < self.dies_at


class MemoryStore:
    """What several sources of one test share; each step can be made to fail."""

    def __init__(self) -> None:
        self.saved: TokenInfo | None = None
        self.history: list[TokenInfo] = []
        self.loads = 0
        self.load_error: Exception | None = None
        self.save_error: Exception | None = None
        self.lock_error: Exception | None = None
        self.save_gate: asyncio.Event | None = None
        self.held = False

    async def load(self) -> TokenInfo | None:
        self.loads += 1
        await asyncio.sleep(0)
        if self.load_error is not None:
            raise self.load_error
        return self.saved

    async def save(self, info: TokenInfo, /) -> None:
        assert self.held, "saved without the lock"
        if self.save_gate is not None:
            await self.save_gate.wait()
        if self.save_error is not None:
            raise self.save_error
        self.saved = info
        self.history.append(info)

    @asynccontextmanager
    async def lock(self) -> AsyncIterator[None]:
        if self.lock_error is not None:
            raise self.lock_error
        assert not self.held
        self.held = True
        try:
            yield
        finally:
            self.held = False


class World:
    """Everything that one test needs, and what a client's request loop does with a source."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.issuer = Issuer(self.clock)
        self.store = MemoryStore()
        self.announced: list[Any] = []
        self.sent: list[str | None] = []

    def options(self) -> dict[str, Any]:
        return {
            "clock": self.clock,
            "sleep": self.clock.sleep,
            "random": Steady(),
            "on_new": self.announced.append,
        }

    def source(
        self, token_info: TokenInfo | None = None, refresh: Any = None, store: Any = None
    ) -> TokenSource:
        return TokenSource(token_info=token_info, refresh=refresh, store=store, **self.options())

    def share_source(self, share_token: str | None, refresh: Any = None) -> ShareTokenSource:
        return ShareTokenSource(share_token=share_token, refresh=refresh, **self.options())

    async def call(self, source: Any) -> Token:
        """One call: at most one exchange after a refusal; PermissionError if refused for good."""
        token = source.ready() or await source.get()
        may_exchange = True
        for _ in range(6):
            self.sent.append(token.header)
            await asyncio.sleep(0)
            if self.issuer.accepts(token):
                return token
            renewed = await source.renew(token, may_exchange=may_exchange)
            if renewed is None:
                break
            token, exchanged = renewed
            may_exchange = may_exchange and not exchanged
        raise PermissionError("AccessTokenInvalid")

    async def calls(self, source: Any, count: int = 500) -> list[Any]:
        return await asyncio.gather(
            *(self.call(source) for _ in range(count)), return_exceptions=True
        )

    @staticmethod
    async def settle() -> None:
        """Let everything run that can run now."""
        for _ in range(30):
            await asyncio.sleep(0)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def make_world() -> type[World]:
    return World


@pytest.fixture(autouse=True)
def nothing_blocks_the_loop() -> Iterator[None]:
    with blockbuster_ctx("pdsclient"):
        yield
