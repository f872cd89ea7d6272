"""The guarded emitter: whatever a listener does, the call that emits is not affected."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
from collections.abc import Callable
from typing import Any

import pytest

from pdsclient.errors import InvalidRequest
from pdsclient.events import QUEUE_LIMIT, ClientEvents

LOGGER = "pdsclient.events"
CALLER: contextvars.ContextVar[str] = contextvars.ContextVar("CALLER", default="nobody")


@pytest.fixture
def events() -> ClientEvents:
    return ClientEvents()


async def settle(events: ClientEvents) -> None:
    """Lets the queued listeners finish and proves that they leave no task behind."""
    await events.drain(5)
    assert asyncio.all_tasks() == {asyncio.current_task()}


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == LOGGER]


class TestRegistration:
    def test_listeners_get_the_arguments_in_the_order_of_registration(
        self, events: ClientEvents
    ) -> None:
        """Every listener of an event is called with what was emitted, first come first."""
        seen: list[Any] = []
        events.on("retry", lambda *args: seen.append(("first", *args)))
        events.on("retry", lambda *args: seen.append(("second", *args)))
        events.emit("retry", "error", "options", 0.5)
        assert seen == [
            ("first", "error", "options", 0.5),
            ("second", "error", "options", 0.5),
        ]

    @pytest.mark.parametrize("add", ["on", "once"])
    def test_without_a_listener_on_and_once_are_decorators(
        self, events: ClientEvents, add: str
    ) -> None:
        """The decorated function is returned as it is and listens from then on."""
        seen: list[str] = []

        def listener(token: str) -> None:
            seen.append(token)

        assert getattr(events, add)("token")(listener) is listener
        events.emit("token", "t1")
        assert seen == ["t1"]

    @pytest.mark.parametrize("add", ["on", "once"])
    def test_a_given_listener_is_returned(self, events: ClientEvents, add: str) -> None:
        """The plain form gives the listener back, for a later ``off``."""
        assert getattr(events, add)("token", print) is print

    def test_once_hears_one_event_only(self, events: ClientEvents) -> None:
        """A once listener is gone when it is called, also for an event it causes itself."""
        seen: list[str] = []
        events.once("token", seen.append)
        events.emit("token", "t1")
        events.emit("token", "t2")
        assert seen == ["t1"]
        assert not events.has("token")

    def test_an_async_once_listener_is_awaited_once(self, events: ClientEvents) -> None:
        """Once works for async listeners too."""
        seen: list[str] = []

        async def listener(token: str) -> None:
            seen.append(token)

        async def main() -> None:
            events.once("token", listener)
            events.emit("token", "t1")
            events.emit("token", "t2")
            await settle(events)

        asyncio.run(main())
        assert seen == ["t1"]

    def test_registering_a_listener_twice_calls_it_once(self, events: ClientEvents) -> None:
        """A listener stands in the list once, also a bound method that is made anew each time."""
        seen: list[str] = []
        events.on("token", seen.append)
        events.on("token", seen.append)
        events.emit("token", "t1")
        assert seen == ["t1"]

    def test_off_removes_a_listener_from_one_event(self, events: ClientEvents) -> None:
        """Off takes the listener, also a bound method or a once listener, from that event only."""
        seen: list[str] = []
        events.on("token", seen.append)
        events.on("share_token", seen.append)
        events.once("error", seen.append)
        events.off("token", seen.append)
        events.off("error", seen.append)
        for name in ("token", "share_token", "error"):
            events.emit(name, name)  # type: ignore[arg-type]
        assert seen == ["share_token"]

    def test_off_of_a_listener_that_is_not_there_does_nothing(self, events: ClientEvents) -> None:
        """Removing twice, or what was never registered, is no error."""
        events.off("token", print)
        events.on("token", len)
        events.off("token", print)
        assert events.has("token")

    def test_has_says_whether_anybody_listens(self, events: ClientEvents) -> None:
        """Has is per event and follows on and off."""
        assert not events.has("error")
        events.on("error", print)
        assert events.has("error")
        assert not events.has("retry")
        events.off("error", print)
        assert not events.has("error")

    @pytest.mark.parametrize("method", ["on", "once", "off"])
    def test_an_unknown_event_raises_with_the_list(self, events: ClientEvents, method: str) -> None:
        """A misspelt event is an error where it is written, and the message has the right ones."""
        for name in ("errors", "", "new_listener", None, 1, ["error"]):
            with pytest.raises(InvalidRequest, match="error, retry, token, share_token"):
                getattr(events, method)(name, print)

    def test_an_unknown_event_raises_before_the_decorator_is_used(
        self, events: ClientEvents
    ) -> None:
        """The decorator form checks the name at once."""
        with pytest.raises(InvalidRequest):
            events.on("tokens")  # type: ignore[call-overload]

    @pytest.mark.parametrize("method", ["on", "once", "off"])
    def test_a_listener_that_cannot_be_called_raises(
        self, events: ClientEvents, method: str
    ) -> None:
        """The message names the argument and shows the right form."""
        with pytest.raises(InvalidRequest, match=r"listener must be callable, not str"):
            getattr(events, method)("error", "print")

    def test_a_callable_without_a_hash_may_listen(self, events: ClientEvents) -> None:
        """Any callable will do, also an object with an equality of its own and so no hash."""

        class Collector(list[str]):
            def __call__(self, token: str) -> None:
                self.append(token)

        collector = Collector()
        events.on("token", collector)
        events.emit("token", "t1")
        events.off("token", collector)
        events.emit("token", "t2")
        assert collector == ["t1"]

    def test_emit_without_a_listener_does_nothing(self, events: ClientEvents) -> None:
        """Nobody listens: no exception, not even for an error, and no task."""
        events.emit("error", ValueError("boom"), None)
        events.emit("token", "t1")


class Odd(BaseException):
    """Neither an Exception nor a reason to end the process."""


FAILURES = [ValueError("boom"), asyncio.CancelledError("own"), Odd("odd"), RecursionError("deep")]


def raising(error: BaseException) -> Callable[..., None]:
    def listener(*_: object) -> None:
        raise error

    return listener


def raising_later(error: BaseException) -> Callable[..., Any]:
    async def listener(*_: object) -> None:
        await asyncio.sleep(0)
        raise error

    return listener


class TestFailingListeners:
    @pytest.mark.parametrize("event", ["error", "token"])
    @pytest.mark.parametrize("failure", FAILURES, ids=lambda error: type(error).__name__)
    @pytest.mark.parametrize("make", [raising, raising_later])
    async def test_a_raising_listener_is_logged_once_and_changes_nothing(
        self,
        events: ClientEvents,
        caplog: pytest.LogCaptureFixture,
        make: Callable[[BaseException], Callable[..., Any]],
        failure: BaseException,
        event: Any,
    ) -> None:
        """Sync or async, of any class: one log line, the others still hear, nothing runs on."""
        calls: list[str] = []
        events.on(event, make(failure))
        events.on(event, lambda *_: calls.append("other"))
        events.emit(event, ValueError("the call's own"), None)
        await settle(events)
        assert calls == ["other"]
        [line] = lines(caplog)
        assert f"a listener of {event!r} failed" in line
        assert type(failure).__name__ in line

    async def test_a_failing_error_listener_is_not_told_of_its_own_failure(
        self, events: ClientEvents, caplog: pytest.LogCaptureFixture
    ) -> None:
        """pyee would call it again with its own exception, for ever."""
        calls: list[int] = []

        async def listener(_: object, __: object) -> None:
            calls.append(1)
            raise ValueError("boom")

        events.on("error", listener)
        events.emit("error", ValueError("first"), None)
        await settle(events)
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(calls) == 1
        assert len(lines(caplog)) == 1

    async def test_a_listener_with_the_wrong_number_of_parameters_is_logged(
        self, events: ClientEvents, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A TypeError of the call is a failure like any other."""
        events.on("error", lambda error: None)
        events.emit("error", ValueError("boom"), None)
        [line] = lines(caplog)
        assert "TypeError" in line

    @pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
    def test_the_end_of_the_process_is_let_through(
        self, events: ClientEvents, kind: type[BaseException]
    ) -> None:
        """Ctrl-C inside a listener ends the program, and the listener's mark is taken off."""
        events.on("token", raising(kind()))
        with pytest.raises(kind):
            events.emit("token", "t1")
        assert not events.muted()

    async def test_the_log_holds_no_secrets(self, caplog: pytest.LogCaptureFixture) -> None:
        """Known credentials, bearer values and URL queries are masked in text and chain."""
        events = ClientEvents(secrets=lambda: ["s3cret"])

        def listener(_: str) -> None:
            try:
                raise ValueError("Bearer abc.def at https://host/x?sig=presigned")
            except ValueError as error:
                raise RuntimeError("token is s3cret") from error

        caplog.set_level(logging.DEBUG)
        events.on("token", listener)
        events.emit("token", "s3cret")
        text = "\n".join(str(vars(record)) for record in caplog.records)
        assert "RuntimeError" in text
        for secret in ("s3cret", "abc.def", "presigned"):
            assert secret not in text

    async def test_a_listener_that_cancels_its_own_task_ends_the_queue_cleanly(
        self, events: ClientEvents
    ) -> None:
        """The dispatcher dies of it without a warning, and the next event starts a new one."""
        seen: list[str] = []

        async def listener(token: str) -> None:
            seen.append(token)
            if token == "t1":
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
            await asyncio.sleep(0)

        events.on("token", listener)
        events.emit("token", "t1")
        events.emit("token", "lost with it")
        await settle(events)
        events.emit("token", "t2")
        await settle(events)
        gc.collect()
        assert seen == ["t1", "t2"]


class TestAsyncListeners:
    async def test_async_listeners_run_one_after_another_in_one_task(
        self, events: ClientEvents
    ) -> None:
        """In the order of emission, never two at once, after emit has returned."""
        seen: list[str] = []
        tasks: set[Any] = set()

        async def listener(token: str) -> None:
            tasks.add(asyncio.current_task())
            seen.append(f"{token} begins")
            await asyncio.sleep(0)
            seen.append(f"{token} ends")

        events.on("token", listener)
        events.emit("token", "t1")
        events.emit("token", "t2")
        assert seen == []
        await settle(events)
        assert seen == ["t1 begins", "t1 ends", "t2 begins", "t2 ends"]
        assert len(tasks) == 1

    async def test_no_task_exists_before_it_is_needed(self, events: ClientEvents) -> None:
        """Sync listeners need no dispatcher, and a finished one is gone."""
        events.on("token", lambda token: None)
        events.emit("token", "t1")
        assert asyncio.all_tasks() == {asyncio.current_task()}

    async def test_a_sync_listener_may_return_any_awaitable(self, events: ClientEvents) -> None:
        """A lambda around a coroutine, a future, a task: each is awaited."""
        done: list[str] = []

        async def work(name: str) -> None:
            done.append(name)

        future = asyncio.get_running_loop().create_future()
        events.on("token", lambda token: work("lambda"))
        events.on("token", lambda token: asyncio.create_task(work("task")))
        events.on("token", lambda token: future)
        events.emit("token", "t1")
        asyncio.get_running_loop().call_soon(future.set_result, None)
        await settle(events)
        assert done == ["lambda", "task"] or done == ["task", "lambda"]

    async def test_a_slow_listener_delays_no_call_and_memory_is_bounded(
        self, events: ClientEvents, caplog: pytest.LogCaptureFixture
    ) -> None:
        """One task and 1,000 waiting events at most; the oldest go, one line says so."""
        gate = asyncio.Event()
        seen: list[int] = []

        async def listener(number: int) -> None:
            await gate.wait()
            seen.append(number)

        events.on("token", listener)
        events.emit("token", -1)
        await asyncio.sleep(0)
        for number in range(5_000):
            events.emit("token", number)
        assert len(asyncio.all_tasks()) == 2
        gate.set()
        await settle(events)
        gc.collect()
        assert seen == [-1, *range(5_000 - QUEUE_LIMIT, 5_000)]
        assert len(lines(caplog)) == 1

    async def test_each_burst_is_logged_once(
        self, events: ClientEvents, caplog: pytest.LogCaptureFixture
    ) -> None:
        """When the queue has been empty in between, the next overflow is news again."""

        async def listener(_: int) -> None:
            pass

        events.on("token", listener)
        for _ in range(2):
            for number in range(QUEUE_LIMIT + 10):
                events.emit("token", number)
            await settle(events)
        gc.collect()
        assert len(lines(caplog)) == 2

    async def test_sync_listeners_see_the_callers_context_and_async_ones_do_not(
        self, events: ClientEvents
    ) -> None:
        """The one task serves all callers, so it carries the context of none."""
        seen: dict[str, str] = {}

        async def listener(_: str) -> None:
            seen["async"] = CALLER.get()

        events.on("token", lambda _: seen.update(sync=CALLER.get()))
        events.on("token", listener)
        CALLER.set("me")
        events.emit("token", "t1")
        await settle(events)
        assert seen == {"sync": "me", "async": "nobody"}

    def test_without_a_loop_an_async_listener_is_dropped_with_a_line(
        self, events: ClientEvents, caplog: pytest.LogCaptureFixture
    ) -> None:
        """No RuntimeError and no warning about a coroutine that was never awaited."""

        async def listener(_: str) -> None:
            raise AssertionError("must not run")

        events.on("token", listener)
        events.emit("token", "t1")
        gc.collect()
        [line] = lines(caplog)
        assert "no event loop is running" in line


class TestMuting:
    async def test_inside_a_listener_nothing_is_emitted(self, events: ClientEvents) -> None:
        """Sync, async, and in tasks that they start; outside it is as before."""
        heard: list[str] = []
        started: list[asyncio.Task[None]] = []

        async def later() -> None:
            assert events.muted()
            events.emit("error", "from a task", None)

        def listener(_: str) -> None:
            assert events.muted()
            events.emit("error", "from a sync listener", None)
            started.append(asyncio.create_task(later()))

        async def async_listener(_: str) -> None:
            assert events.muted()
            events.emit("error", "from an async listener", None)
            await asyncio.create_task(later())

        events.on("error", lambda error, _: heard.append(error))
        events.on("token", listener)
        events.on("token", async_listener)
        events.emit("token", "t1")
        await asyncio.gather(*started)
        await settle(events)
        assert heard == []
        assert not events.muted()
        events.emit("error", "outside", None)
        assert heard == ["outside"]

    async def test_two_clients_cannot_feed_each_other(self) -> None:
        """A listener of one client that uses another one does not wake the other's listeners."""
        first, second = ClientEvents(), ClientEvents()
        calls: list[str] = []

        async def relay(token: str) -> None:
            calls.append("first")
            second.emit("token", token)

        first.on("token", relay)
        second.on("token", lambda token: first.emit("token", token))
        first.emit("token", "t1")
        await settle(first)
        assert calls == ["first"]


class TestDrain:
    async def test_drain_without_work_returns_at_once(self, events: ClientEvents) -> None:
        """Nothing was ever emitted: nothing to wait for."""
        await events.drain(0)

    async def test_drain_finishes_what_is_queued(self, events: ClientEvents) -> None:
        """Running and queued listeners finish before drain returns."""
        seen: list[str] = []

        async def listener(token: str) -> None:
            for _ in range(5):
                await asyncio.sleep(0)
            seen.append(token)

        events.on("token", listener)
        events.emit("token", "t1")
        await asyncio.sleep(0)
        events.emit("token", "t2")
        await settle(events)
        assert seen == ["t1", "t2"]

    async def test_drain_cancels_what_does_not_finish_in_time(
        self, events: ClientEvents, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The running one is cancelled, the queued ones are closed, one line says so."""
        ended: list[str] = []

        async def listener(token: str) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(token)

        events.on("token", listener)
        for number in range(3):
            events.emit("token", f"t{number}")
        await asyncio.sleep(0)
        await events.drain(0.001)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        gc.collect()
        assert ended == ["t0"]
        assert len(lines(caplog)) == 1

    async def test_a_listener_that_swallows_its_cancellation_ends_the_queue_too(
        self, events: ClientEvents
    ) -> None:
        """Nothing that is still queued begins after the time limit."""
        seen: list[str] = []

        async def listener(token: str) -> None:
            seen.append(token)
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                pass

        events.on("token", listener)
        events.emit("token", "t1")
        events.emit("token", "t2")
        await asyncio.sleep(0)
        await events.drain(0.001)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert seen == ["t1"]

    async def test_a_cancelled_drain_leaves_no_task(self, events: ClientEvents) -> None:
        """Whoever closes the client and is cancelled meanwhile leaves nothing behind."""
        events.on("token", lambda _: asyncio.Event().wait())
        events.emit("token", "t1")
        drain = asyncio.create_task(events.drain(60))
        await asyncio.sleep(0)
        drain.cancel()
        with pytest.raises(asyncio.CancelledError):
            await drain
        assert asyncio.all_tasks() == {asyncio.current_task()}

    @pytest.mark.parametrize("nested", [False, True])
    async def test_a_listener_that_closes_the_client_does_not_wait_for_itself(
        self, events: ClientEvents, nested: bool
    ) -> None:
        """Drain inside a listener, or in a task that it waits for, returns at once."""
        seen: list[str] = []

        async def listener(_: str) -> None:
            if nested:
                await asyncio.gather(events.drain(60), asyncio.sleep(0))
            else:
                await events.drain(60)
            seen.append("closed")

        events.on("token", listener)
        events.emit("token", "t1")
        async with asyncio.timeout(5):
            await settle(events)
        assert seen == ["closed"]

    async def test_a_sync_listener_may_start_a_task_that_closes_the_client(
        self, events: ClientEvents
    ) -> None:
        """It is not part of the dispatcher, so it waits for the queue as anybody else."""
        seen: list[str] = []
        started: list[asyncio.Task[None]] = []

        async def listener(_: str) -> None:
            await asyncio.sleep(0)
            seen.append("done")

        events.on("token", lambda _: started.append(asyncio.create_task(events.drain(5))))
        events.on("token", listener)
        events.emit("token", "t1")
        await asyncio.gather(*started)
        assert seen == ["done"]
        assert asyncio.all_tasks() == {asyncio.current_task()}


class TestLoops:
    def test_a_second_event_loop_works_after_the_first(self, events: ClientEvents) -> None:
        """Nothing of the first loop is kept."""
        seen: list[str] = []

        async def listener(token: str) -> None:
            await asyncio.sleep(0)
            seen.append(token)

        async def main(token: str) -> None:
            events.emit("token", token)
            await settle(events)

        events.on("token", listener)
        asyncio.run(main("t1"))
        asyncio.run(main("t2"))
        assert seen == ["t1", "t2"]

    def test_a_loop_that_ends_with_work_left_cancels_it_cleanly(self, events: ClientEvents) -> None:
        """asyncio.run cancels the dispatcher; queued coroutines are closed, the next loop works."""
        seen: list[str] = []

        async def listener(token: str) -> None:
            if token == "stuck":
                await asyncio.Event().wait()
            seen.append(token)

        async def leave() -> None:
            events.emit("token", "stuck")
            await asyncio.sleep(0)
            events.emit("token", "queued behind it")

        async def main() -> None:
            events.emit("token", "t2")
            await settle(events)

        events.on("token", listener)
        asyncio.run(leave())
        asyncio.run(main())
        gc.collect()
        assert seen == ["t2"]
