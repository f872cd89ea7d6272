"""Where the credentials of requests come from: the three sources.

A ``TokenSource`` has a token and a function that exchanges it, a ``ProvidedTokenSource`` asks
another party, a ``ShareTokenSource`` has the token of a share link. What they have in common, one
exchange at a time for all who wait, is in ``_exchange``.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import math
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeAlias

from pdsclient._checks import check_token
from pdsclient._clock import Clock
from pdsclient._exchange import (
    LONGEST_TEXT,
    Backoff,
    Flight,
    Sleep,
    Source,
    Token,
    ask,
    in_exchange,
)
from pdsclient._secrets import mask_text
from pdsclient._times import render_time
from pdsclient.errors import AuthError, InvalidRequest
from pdsclient.token_store import TokenStore
from pdsclient.tokens import TokenInfo, TokenLike

if TYPE_CHECKING:
    from pdsclient.config import Random

__all__ = ["ProvidedTokenSource", "ShareTokenSource", "Token", "TokenSource", "in_exchange"]

_log = logging.getLogger("pdsclient.auth")

RefreshToken: TypeAlias = (
    Callable[[], Awaitable[TokenLike]] | Callable[[TokenInfo], Awaitable[TokenLike]]
)

# How long before its end a token is replaced, while requests still go on with it.
_EARLY_S: Final = 300.0
_PROVIDED_FOR_S: Final = 2.0


class TokenSource(Source):
    """The access token of one user, with what replaces it.

    Args:
        token_info: the token to start with.
        refresh: the caller's ``refresh_token_fun``, without or with the token as argument.
        needs_token: whether it takes the token to be exchanged; None: its signature says.
        store: shares the token with other processes; ``refresh`` then takes the token, unless
            ``needs_token`` says that it can do without.
        clock: monotonic time for all that was issued here, wall-clock time for other tokens.
        sleep: waits for a number of seconds.
        random: source of jitter.
        on_new: called with each token that came from ``refresh`` or the store, when it is saved
            and in force.

    Raises:
        InvalidRequest: ``refresh`` cannot be called as described.
    """

    _what = "access token"

    def __init__(
        self,
        *,
        token_info: TokenInfo | None,
        refresh: RefreshToken | None,
        needs_token: bool | None = None,
        store: TokenStore | None = None,
        clock: Clock,
        sleep: Sleep,
        random: Random,
        on_new: Callable[[TokenInfo], None],
    ) -> None:
        super().__init__(clock=clock, sleep=sleep, random=random)
        self._refresh: Callable[..., Awaitable[TokenLike]] | None = refresh
        if needs_token is None and refresh is not None:
            needs_token = _takes_token("refresh_token_fun", refresh, needed=store is not None)
        self._takes_token = bool(needs_token)
        self._store = store
        self._wall = clock.time
        self._random = random
        self._on_new = on_new
        self._early_at = self._dead_at = -math.inf
        self._signed_out = False
        self._in_store: _Mark | None = None  # what the store held when we last used it
        self._is_unsaved = False
        self._saving = Backoff(clock, random)
        if token_info is not None:
            self.set(token_info)

    @property
    def token_info(self) -> TokenInfo | None:
        """The token in force; None before the first one and after ``remove``."""
        return None if self._token is None else self._token.info

    def set(self, info: TokenInfo) -> None:
        """Put another token in force; an exchange under way is for nothing."""
        self._supersede()
        self._is_unsaved = self._store is not None
        self._saving.clear()
        self._put_in_force(info, self._life_of_given(info), self._monotonic())
        self._plan()

    def remove(self) -> None:
        """Sign out: calls raise AuthError until ``set`` or ``refresh``, and nothing is fetched."""
        self._supersede()
        self._generation += 1
        self._token = None
        self._signed_out = True
        self._is_unsaved = False
        self._plan()

    async def refresh(self) -> TokenInfo:
        """A new token, now: from the store if another process was faster, else by an exchange.

        Raises:
            AuthError: there is no refresh function, or no token that it could exchange.
            RefreshFailed: the exchange failed.
        """
        if self._refresh is None:
            raise AuthError("there is no refresh_token_fun that could fetch a new token")
        token = await self._force()
        assert token.info is not None  # only other sources have tokens without one
        return token.info

    async def aclose(self, *, timeout_s: float) -> None:
        """End an exchange under way and try once more to save what could not be saved."""
        await super().aclose(timeout_s=timeout_s)
        if not self._is_unsaved:
            return
        try:
            async with asyncio.timeout(timeout_s):
                await self._work(Flight(self, 0, asks=False))
        except Exception as error:
            self._warn("the token is not in the store", error)

    # -- when to look for another token

    def _plan(self) -> None:
        if self._token is None or (self._flight is not None and self._flight.asks):
            # During an exchange all calls take the slow path: it may kill the token any moment.
            self._look_at = -math.inf
        elif self._refresh is None and self._store is None:
            self._look_at = math.inf  # the server decides
        elif self._is_refused():
            self._look_at = -math.inf
        else:
            again_at = min(self._backoff.until, self._dead_at)
            self._look_at = max(self._early_at, again_at)
            if self._is_unsaved:
                save_at = max(self._saving.until, self._backoff.until)
                self._look_at = min(self._look_at, save_at)

    def _can_ask(self) -> bool:
        if self._refresh is None or self._signed_out or self._backoff.blocks():
            return False
        return not self._takes_token or self._token is not None

    def _is_due(self) -> bool:
        return self._usable() is None or self._monotonic() >= self._early_at

    def _can_look(self) -> bool:
        return self._store is not None and not self._signed_out

    def _usable(self) -> Token | None:
        alive = self._monotonic() < self._dead_at and not self._is_refused()
        return self._token if alive else None

    def _means(self) -> str:
        if self._signed_out:
            return "it was removed; use set_token"
        if self._store is not None:
            return "the token_store is empty; use set_token or token_info once"
        if self._takes_token:
            return "refresh_token_fun needs one to exchange; use set_token or token_info"
        return "use set_token, token_info, refresh_token_fun or token_provider"

    def _life_of_given(self, info: TokenInfo) -> float:
        """Seconds that a token from outside has left; unlimited if it does not say."""
        if info.expire_time is not None:
            return info.expire_time.timestamp() - self._wall()
        return math.inf if info.expires_in is None else info.expires_in

    def _put_in_force(self, info: TokenInfo, life_s: float, since: float) -> Token:
        self._remember(info.access_token, info.refresh_token)
        early_s = min(_EARLY_S, max(life_s, 0.0) / 2) * (1 - self._random.random() / 4)
        self._dead_at = since + life_s
        # Who cannot exchange has nothing to do early.
        self._early_at = self._dead_at - (0.0 if self._refresh is None else early_s)
        self._signed_out = False
        return self._put(info, f"{info.token_type} {info.access_token}")

    # -- getting it

    async def _work(self, flight: Flight) -> None:
        if self._store is None:
            await self._exchange(flight)
            return
        await self._look(flight, self._store)
        if self._has_work(flight):
            async with self._store.lock():
                await self._look(flight, self._store)
                await self._take_turn(flight, self._store)

    def _has_work(self, flight: Flight) -> bool:
        """Whether the lock is needed, nothing newer being in the store yet."""
        if flight.superseded or flight.result is not None:
            return False
        # A refused token may have been exchanged by whoever holds the lock and is about to save.
        return flight.asks or self._is_unsaved or self._is_refused()

    async def _take_turn(self, flight: Flight, store: TokenStore) -> None:
        if flight.superseded or flight.result is not None:
            return
        if flight.asks:
            await self._exchange(flight)
        elif self._is_unsaved and self.token_info is not None:
            await self._save(flight, store, self.token_info)

    async def _look(self, flight: Flight, store: TokenStore) -> None:
        loaded = await store.load()
        if loaded is None or flight.superseded:
            return
        stored = TokenInfo.parse(loaded)
        if self._is_newer(stored):
            is_first = self._token is None
            life_s = self._life_of_given(stored)
            if life_s <= 0 and not is_first:
                # It has just replaced ours, so it is rather our wall clock that is wrong; a
                # process that believed it would exchange again, and the others after it.
                life_s = math.inf
            self._is_unsaved = False
            token = self._put_in_force(stored, life_s, self._monotonic())
            # The first token is what a call asks for if it is alive, and never what refresh() does.
            if not (is_first and flight.asks and (flight.forced or self._is_due())):
                flight.result = token
            self._on_new(stored)
        self._in_store = _mark(stored)

    def _is_newer(self, stored: TokenInfo) -> bool:
        mine = self.token_info
        if mine is None:
            return self._in_store is None or _mark(stored) != self._in_store
        if _mark(stored) in (self._in_store, _mark(mine)):
            return False
        if stored.expire_time is None or mine.expire_time is None:
            return True
        if self._is_refused() and not self._is_unsaved:
            return True  # ours was the store's, so this one came after it
        return stored.expire_time >= mine.expire_time

    async def _exchange(self, flight: Flight) -> None:
        info = await self._ask()
        received_at = self._monotonic()
        self._remember(info.access_token, info.refresh_token)
        if flight.superseded:
            return
        flight.exchanged = True
        try:
            if self._store is not None:
                await self._save(flight, self._store, info)
        finally:
            # Also when saving was cancelled: the old token is dead, this one is all there is.
            if not flight.superseded:
                self.exchanges += 1
                # The wall clock has no say, nor has a lifetime of nothing: no clock, however
                # wrong, can make a token that was just issued look old.
                life_s = info.expires_in or math.inf
                flight.result = self._put_in_force(info, life_s, received_at)
        if flight.result is not None:
            self._on_new(info)

    async def _ask(self) -> TokenInfo:
        assert self._refresh is not None  # a flight that asks is begun only if it can
        if not self._takes_token:
            return TokenInfo.parse(await ask("refresh_token_fun", self._refresh))
        if self.token_info is None:
            raise AuthError(f"no {self._what}: {self._means()}")
        return TokenInfo.parse(await ask("refresh_token_fun", self._refresh, self.token_info))

    async def _save(self, flight: Flight, store: TokenStore, info: TokenInfo) -> None:
        self._is_unsaved = True
        try:
            await store.save(info)
        except Exception as error:
            self._saving.failed()
            self._warn("the token could not be saved and will be saved later", error)
            return
        self._in_store = _mark(info)
        if not flight.superseded:
            self._is_unsaved = False
            self._saving.clear()

    def _warn(self, what: str, error: Exception) -> None:
        text = mask_text(f"{type(error).__qualname__}: {error}", self.secrets())
        _log.warning("%s: %s", what, text[:LONGEST_TEXT])


class ProvidedTokenSource(Source):
    """The access token of another party, who is asked for it each time.

    Its answer is used for two seconds, and never again after the server refused it. The
    arguments are those of ``TokenSource``.
    """

    _what = "access token"

    def __init__(
        self,
        provider: Callable[[], Awaitable[TokenLike | None]],
        *,
        clock: Clock,
        sleep: Sleep,
        random: Random,
        on_new: Callable[[TokenInfo], None],
    ) -> None:
        super().__init__(clock=clock, sleep=sleep, random=random)
        _takes_nothing("token_provider", provider)
        self._provider = provider
        self._on_new = on_new
        self._fresh_until = -math.inf

    @property
    def token_info(self) -> TokenInfo | None:
        """What the provider said last; None if that was anonymous, or if it was never asked."""
        return None if self._token is None else self._token.info

    def set(self, info: TokenInfo) -> NoReturn:
        """Refuse: the credential is the provider's."""
        raise InvalidRequest("set_token: the token_provider owns the credential")

    def remove(self) -> NoReturn:
        """Refuse: the credential is the provider's."""
        raise InvalidRequest("remove_token: the token_provider owns the credential")

    async def refresh(self) -> TokenInfo:
        """What the provider says now; AuthError if that is anonymous."""
        token = await self._force()
        if token.info is None:
            raise AuthError("the token_provider says that there is no access token")
        return token.info

    def _plan(self) -> None:
        self._look_at = -math.inf if self._flight is not None else self._fresh_until

    def _can_ask(self) -> bool:
        return not self._backoff.blocks()

    def _look_again(self) -> None:
        if self._is_refused():
            self._fresh_until = -math.inf
        self._plan()

    def _means(self) -> str:
        return "the token_provider was not asked"

    async def _work(self, flight: Flight) -> None:
        answer = await ask("token_provider", self._provider)
        info = None if answer is None else TokenInfo.parse(answer)
        header = None if info is None else f"{info.token_type} {info.access_token}"
        self._fresh_until = self._monotonic() + _PROVIDED_FOR_S
        if self._token is not None and self._token.header == header:
            self._forgive()
            flight.result = self._token
            return
        flight.exchanged = True
        flight.result = self._put(info, header)
        if info is not None:
            self._remember(info.access_token, info.refresh_token)
            self._on_new(info)


class ShareTokenSource(Source):
    """The share token, which opens one share link; ``header`` is the token itself.

    Without a token and without ``refresh`` there is nothing to send, which is no error. The
    arguments are those of ``TokenSource``; ``refresh`` is ``refresh_share_token_fun``.
    """

    _what = "share token"

    def __init__(
        self,
        *,
        share_token: str | None,
        refresh: Callable[[], Awaitable[str]] | None,
        clock: Clock,
        sleep: Sleep,
        random: Random,
        on_new: Callable[[str], None],
    ) -> None:
        super().__init__(clock=clock, sleep=sleep, random=random)
        if refresh is not None:
            _takes_nothing("refresh_share_token_fun", refresh)
        self._refresh = refresh
        self._on_new = on_new
        if share_token is not None or refresh is None:
            self._replace(share_token)

    @property
    def share_token(self) -> str | None:
        """The share token in force."""
        return None if self._token is None else self._token.header

    def set(self, share_token: str) -> None:
        """Put another share token in force; an exchange under way is for nothing."""
        self._replace(check_token("share_token", share_token))

    def remove(self) -> None:
        """Send no share token until ``set`` or ``refresh``, and fetch none."""
        self._replace(None)

    async def refresh(self) -> str:
        """A new share token, now; AuthError if there is no function, or RefreshFailed."""
        if self._refresh is None:
            raise AuthError("there is no refresh_share_token_fun that could fetch a share token")
        token = await self._force()
        if token.header is None:
            raise AuthError("the share token was removed while it was refreshed")
        return token.header

    def _replace(self, share_token: str | None) -> None:
        self._supersede()
        self._remember(share_token)
        self._put(None, share_token)
        self._plan()

    def _plan(self) -> None:
        replaceable = self._is_refused() and self._refresh is not None
        wait = self._flight is not None or self._token is None or replaceable
        self._look_at = -math.inf if wait else math.inf

    def _can_ask(self) -> bool:
        return self._refresh is not None and not self._backoff.blocks()

    def _means(self) -> str:
        return "use set_share_token"

    async def _work(self, flight: Flight) -> None:
        assert self._refresh is not None  # a flight is begun only if there is a function
        answer = await ask("refresh_share_token_fun", self._refresh)
        share_token = check_token("the result of refresh_share_token_fun", answer)
        self._remember(share_token)
        if flight.superseded:
            return
        flight.exchanged = True
        flight.result = self._put(None, share_token)
        self._on_new(share_token)


_Mark: TypeAlias = tuple[str, str | None, str | None]


def _mark(info: TokenInfo) -> _Mark:
    """What tells one saved token from the next, with times as exact as they are written."""
    expires = None if info.expire_time is None else render_time(info.expire_time)
    return info.access_token, info.refresh_token, expires


def _takes_token(name: str, function: Callable[..., Any], *, needed: bool) -> bool:
    """Whether the function is called with the token to be exchanged."""
    signature = _signature(name, function)
    if not needed and _accepts(signature):
        return False
    if _accepts(signature, None):
        return True
    if needed:
        raise InvalidRequest(
            f"{name} must take the token to be exchanged when there is a token_store: "
            "async def refresh(token_info): ..."
        )
    raise InvalidRequest(
        f"{name} must be callable without arguments, or with the token to be exchanged"
    )


def _takes_nothing(name: str, function: Callable[..., Any]) -> None:
    if not _accepts(_signature(name, function)):
        raise InvalidRequest(f"{name} must be callable without arguments")


def _signature(name: str, function: Callable[..., Any]) -> inspect.Signature:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        raise InvalidRequest(
            f"{name} must be an async function with a readable signature; wrap it in one"
        ) from None


def _accepts(signature: inspect.Signature, *arguments: object) -> bool:
    try:
        signature.bind(*arguments)
    except TypeError:
        return False
    return True
