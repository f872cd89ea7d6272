"""The token source against a model server, in any order of events that hypothesis thinks of."""

from __future__ import annotations

import asyncio
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from pdsclient._sources import Token
from pdsclient.errors import AuthError, RateLimited, RefreshFailed
from pdsclient.tokens import TokenInfo

COUNTS = st.integers(1, 6)


class SourceMachine(RuleBasedStateMachine):
    """Calls, cancellations, refusals, rotations elsewhere, failures of all parts, moving clocks."""

    make_world: Any

    def __init__(self) -> None:
        super().__init__()
        self.world = self.make_world()
        self.issuer, self.clock, self.store = (
            self.world.issuer,
            self.world.clock,
            self.world.store,
        )
        self.loop = asyncio.new_event_loop()
        self.used_up: set[str] = set()
        self.refused: set[str | None] = set()
        self.violations: list[str] = []  # raised in the function they would be a failed exchange
        self.exchanging = False
        self.changes = 0
        self.not_before = 0.0  # no exchange until then, unless somebody asks for one
        self.troubled = False  # something was made to fail since all was well
        self.removed = False

    @initialize(shared=st.booleans(), given=st.booleans())
    def start(self, shared: bool, given: bool) -> None:
        login = self.issuer.login()
        self.shared = shared
        if shared:
            self.store.saved = login
        self.source = self.world.source(
            login if given or not shared else None,
            self.exchange,
            self.store if shared else None,
        )

    async def exchange(self, info: TokenInfo) -> dict[str, Any]:
        if self.exchanging:
            self.violations.append("two exchanges at a time")
        if info.refresh_token in self.used_up:
            self.violations.append("a dead refresh token was presented")
        if self.clock.elapsed < self.not_before:
            self.violations.append("asked during the back-off")
        self.exchanging, began_with = True, self.changes
        try:
            answer = await self.issuer.exchange(info)
        except RateLimited as error:
            if began_with == self.changes:  # the failure of what was given up spaces nothing
                self.not_before = self.clock.elapsed + max(0.5, error.retry_after_s or 0)
            raise
        finally:
            self.exchanging = False
        self.used_up.add(info.refresh_token or "")
        return answer

    async def call(self) -> Token:
        """What a client's request loop does, and the rule that no dead token is sent."""
        token = self.source.ready() or await self.source.get()
        may_exchange = True
        for _ in range(6):
            assert token.header not in self.refused, "a token known to be dead was sent"
            await asyncio.sleep(0)
            if self.issuer.accepts(token):
                return token
            self.refused.add(token.header)
            renewed = await self.source.renew(token, may_exchange=may_exchange)
            if renewed is None:
                break
            token, exchanged = renewed
            may_exchange = may_exchange and not exchanged
        raise PermissionError("AccessTokenInvalid")

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    async def start_calls(self, count: int) -> list[asyncio.Task[Token]]:
        self.began_removed = self.removed
        self.issuer.gate = asyncio.Event()
        tasks = [asyncio.create_task(self.call()) for _ in range(count)]
        await self.world.settle()
        return tasks

    async def end_calls(self, tasks: list[asyncio.Task[Token]]) -> None:
        self.issuer.gate.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        self.issuer.gate = None
        for task, result in zip(tasks, results, strict=True):
            if isinstance(result, Token) or task.cancelled():
                continue
            if self.removed or self.began_removed:
                # In the middle of a call the server's own refusal is the answer.
                assert type(result) in (AuthError, RefreshFailed, PermissionError), repr(result)
            else:
                assert type(result) is RefreshFailed, repr(result)
                assert self.troubled, repr(result)

    async def some_calls(self) -> list[Token]:
        return await asyncio.gather(*(self.call() for _ in range(9)))

    def new_login(self) -> None:
        self.clock.advance(1)
        self.source.set(self.issuer.login())
        self.changes += 1
        self.removed, self.not_before = False, 0.0

    # -- what callers do

    @rule(count=COUNTS)
    def calls(self, count: int) -> None:
        async def work() -> None:
            await self.end_calls(await self.start_calls(count))

        self.run(work())

    @rule(count=COUNTS, victims=st.sets(st.integers(0, 5)))
    def calls_of_which_some_are_cancelled(self, count: int, victims: set[int]) -> None:
        async def work() -> None:
            tasks = await self.start_calls(count)
            for victim in victims:
                if victim < count:
                    tasks[victim].cancel()
            await self.world.settle()
            await self.end_calls(tasks)
            await self.world.settle()

        self.run(work())

    @rule(count=COUNTS, login=st.booleans())
    def calls_in_the_middle_of_which_the_token_is_changed(self, count: int, login: bool) -> None:
        async def work() -> None:
            tasks = await self.start_calls(count)
            if login:
                self.new_login()
            else:
                self.source.remove()
                self.changes += 1
                self.removed = True
            await self.world.settle()
            await self.end_calls(tasks)

        self.run(work())

    @rule()
    def set_token(self) -> None:
        self.new_login()

    @precondition(lambda self: not self.removed)
    @rule()
    def refresh(self) -> None:
        self.not_before = 0.0
        try:
            self.run(self.source.refresh())
        except RefreshFailed:
            assert self.troubled

    @rule()
    def another_event_loop(self) -> None:
        self.run(self.source.drain(timeout_s=5))
        self.loop.close()
        self.loop = asyncio.new_event_loop()

    # -- what the world does

    @rule(seconds=st.sampled_from([0.3, 1, 30, 1000, 6900, 7200]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(hours=st.integers(-3, 3))
    def the_wall_clock_is_set(self, hours: int) -> None:
        self.clock.wall_error_s = hours * 3600

    @rule()
    def the_server_forgets_the_access_token(self) -> None:
        self.issuer.kill_access()

    @precondition(lambda self: self.shared)
    @rule()
    def another_process_rotates(self) -> None:
        saved = self.store.saved
        if saved.refresh_token == self.issuer.refresh_token:
            self.clock.advance(1)
            self.used_up.add(saved.refresh_token)
            self.store.saved = self.issuer.login()
            self.not_before = 0.0

    @rule(wait_s=st.sampled_from([None, 5, 60]))
    def the_token_endpoint_is_throttled(self, wait_s: float | None) -> None:
        self.issuer.error = RateLimited("slow down", status=429, retry_after_s=wait_s)
        self.troubled = True

    @precondition(lambda self: self.shared)
    @rule(step=st.sampled_from(["load_error", "save_error", "lock_error"]))
    def the_store_breaks(self, step: str) -> None:
        setattr(self.store, step, OSError("no disk"))
        self.troubled = True

    @rule()
    def all_is_well_again(self) -> None:
        self.issuer.error = None
        self.store.load_error = self.store.save_error = self.store.lock_error = None
        self.clock.advance(61)
        self.run(self.world.settle())
        if self.removed:
            self.new_login()
        self.troubled = False

    # -- what always holds

    @invariant()
    def the_refresh_function_was_called_by_the_rules(self) -> None:
        assert self.violations == []

    def teardown(self) -> None:
        if hasattr(self, "source"):
            self.all_is_well_again()
            before = len(self.issuer.asked_at)
            tokens = self.run(self.some_calls())
            assert len(set(tokens)) == 1
            assert len(self.issuer.asked_at) <= before + 1
            self.run(self.source.aclose(timeout_s=5))
            if self.shared:
                assert self.store.saved.access_token == tokens[0].info.access_token
            assert asyncio.all_tasks(self.loop) == set()
        self.loop.close()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_the_token_source_in_any_order_of_events(make_world):
    """No order of events loses a login, sends a dead token, or leaves the source unusable."""
    machine = type("Machine", (SourceMachine,), {"make_world": make_world})
    run_state_machine_as_test(
        machine, settings=settings(max_examples=120, stateful_step_count=30, deadline=None)
    )
