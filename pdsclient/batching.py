"""Many operations in few requests: ``client.run_batch``.

::

    items ──chunks of at most 100──▶ envelopes, a few at once ──▶ answers, matched by id
                ▲                                                    │
                └── items that may be repeated, after a wait ◀───────┤
                                                                     └──▶ replies and errors,
                                                                          in the order of the items

An envelope is a call like any other: the request loop repeats it, but only if all of its items
may be sent twice. What its items are answered is settled here, by the same policy.
"""

from __future__ import annotations

import asyncio
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, get_args, overload

import msgspec

from pdsclient import _codec, _protocol
from pdsclient._checks import check_list, shown
from pdsclient._operations_table import REPEATABLE
from pdsclient._retrying import wait_before_retry
from pdsclient.errors import (
    DecodeError,
    InvalidRequest,
    OutcomeUnknown,
    PDSError,
    RateLimited,
    record_stack,
)
from pdsclient.models.batch import BatchResource
from pdsclient.operations import BatchCall

if TYPE_CHECKING:
    from pdsclient._core import Engine

__all__ = ["Outcomes", "run_batch"]

T = TypeVar("T")

# "1-100" (pds-service.md 8).
MOST_ITEMS: Final = 100
_JSON_HEADERS: Final = {"Content-Type": "application/json"}


class Outcomes(Sequence["T | PDSError"], Generic[T]):
    """What each item of a batch was answered, in the order of the items: its reply or an error."""

    __slots__ = ("_outcomes",)

    def __init__(self, outcomes: Iterable[T | PDSError]) -> None:
        self._outcomes = list(outcomes)

    @overload
    def __getitem__(self, index: int) -> T | PDSError: ...
    @overload
    def __getitem__(self, index: slice) -> list[T | PDSError]: ...
    def __getitem__(self, index: int | slice) -> T | PDSError | list[T | PDSError]:
        return self._outcomes[index]

    def __len__(self) -> int:
        return len(self._outcomes)

    def __iter__(self) -> Iterator[T | PDSError]:
        return iter(self._outcomes)

    @property
    def replies(self) -> list[T]:
        """The replies of the items that succeeded."""
        return [one for one in self._outcomes if not isinstance(one, PDSError)]

    @property
    def failures(self) -> dict[int, PDSError]:
        """The errors of the items that failed, by their position."""
        return {at: one for at, one in enumerate(self._outcomes) if isinstance(one, PDSError)}

    def raise_first(self) -> list[T]:
        """All replies; the error of the first item that failed is raised if there is one."""
        for one in self._outcomes:
            if isinstance(one, PDSError):
                raise one
        return self.replies

    def __repr__(self) -> str:
        return f"<Outcomes: {len(self.replies):,} replies, {len(self.failures):,} failures>"


class _Answer(msgspec.Struct):
    """One answer in an envelope; its body is decoded as the operation's reply."""

    id: str | int | None = None
    status: int | None = None
    body: msgspec.Raw = msgspec.Raw(b"")


class _Envelope(msgspec.Struct):
    """The reply to ``/batch``."""

    responses: list[_Answer | None] | None = None


async def run_batch(
    engine: Engine,
    items: Iterable[BatchCall[T]],
    *,
    resource: BatchResource = "file",
    chunk: int = MOST_ITEMS,
    concurrency: int = 4,
) -> Outcomes[T]:
    """What each item was answered; see ``AsyncPDSClient.run_batch``."""
    engine.shared.check_usable()
    batch = _Batch(engine, _checked(items), resource)
    _check_choice("resource", resource, get_args(BatchResource))
    _check_whole("chunk", chunk, MOST_ITEMS)
    _check_whole("concurrency", concurrency, 100)
    await batch.run(chunk, concurrency)
    for error in (results := Outcomes(batch.outcomes)).failures.values():
        # From here on, where they are first seen.
        record_stack(error, sys._getframe(1))
    return results


def _checked(items: Iterable[Any]) -> list[BatchCall[Any]]:
    listed = check_list("calls", items)
    for at, item in enumerate(listed):
        if not isinstance(item, BatchCall):
            raise InvalidRequest(
                f"item {at} of the batch is a {type(item).__name__}; write it as "
                "client.file.get.item(drive_id=…, file_id=…)"
            )
    return listed


def _check_choice(name: str, value: object, known: Sequence[str]) -> None:
    if value not in known:
        raise InvalidRequest(f"{name} must be one of {', '.join(known)}, not {shown(value)}")


def _check_whole(name: str, value: object, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise InvalidRequest(f"{name} must be an int from 1 to {most}, not {shown(value)}")


class _Batch:
    """The items of one ``run_batch`` and what has become of them."""

    def __init__(self, engine: Engine, items: list[BatchCall[Any]], resource: str) -> None:
        self._engine = engine
        self._items = items
        self._resource = resource
        self._told = engine.settings.idempotent
        # None until an item is answered; a reply may be None as well, but is never sent again.
        self.outcomes: list[Any] = [None] * len(items)

    async def run(self, chunk: int, concurrency: int) -> None:
        count = len(self._items)
        chunks = iter([range(at, min(at + chunk, count)) for at in range(0, count, chunk)])
        async with asyncio.TaskGroup() as group:
            for _ in range(min(concurrency, math.ceil(count / chunk))):
                group.create_task(self._work(chunks))

    async def _work(self, chunks: Iterator[range]) -> None:
        for chunk in chunks:
            await self._settle(list(chunk))

    async def _settle(self, pending: list[int]) -> None:
        """Send the items at these positions until each has succeeded or failed for good."""
        shared, deadline = self._engine.shared, self._engine.settings.deadline
        ends_at = math.inf if deadline is None else shared.now() + deadline
        most = size = len(pending)
        while pending:
            now, later = pending[:size], pending[size:]
            failed = await self._send(now)
            waits = {at: self._wait(at, ends_at - shared.now()) for at in failed}
            again = {at: wait for at, wait in waits.items() if wait is not None}
            pending = [*later, *again]
            # A service that turns some away is asked for no more than it took.
            size = max(1, len(now) - len(again)) if again else min(2 * size, most)
            if again:
                await shared.context.sleep(max(again.values()))

    def _wait(self, at: int, remaining_s: float) -> float | None:
        """Seconds until an item that failed is sent again; None if it has failed for good."""
        error = self.outcomes[at]
        return wait_before_retry(
            self._engine,
            error,
            attempt=error.attempts,
            repeatable=self._repeatable(at),
            remaining_s=remaining_s,
        )

    def _repeatable(self, at: int) -> bool:
        return self._items[at].op.path in REPEATABLE if self._told is None else self._told

    # -------------------------------------------------------------------- one envelope

    async def _send(self, positions: list[int]) -> list[int]:
        """Send the items in one request; which of them were answered with an error."""
        engine = self._engine
        try:
            call = engine.prepare(
                engine.shared.config.api_endpoint,
                "/batch",
                {"resource": self._resource, "requests": [self._request(at) for at in positions]},
                {"idempotent": all(map(self._repeatable, positions))},
                _Envelope,
            )
            envelope = await engine.run(call)
        except PDSError as error:
            # The request loop has done what could be done.
            for at in positions:
                self.outcomes[at] = error
            return []
        failed = []
        # It reads all that was sent: once for the request, not once for each item.
        known = engine.known(call)
        for at, answer in _matched(positions, envelope.responses or []):
            before = self.outcomes[at]
            outcome = self._read(self._items[at], answer, known)
            if isinstance(outcome, PDSError):
                self._tell(at, outcome, 1 if before is None else before.attempts + 1)
                failed.append(at)
            else:
                engine.shared.budget.refund()
            self.outcomes[at] = outcome
        return failed

    def _request(self, at: int) -> dict[str, Any]:
        item = self._items[at]
        return {
            "id": str(at),
            "method": "POST",
            "url": item.op.path,
            "headers": _JSON_HEADERS,
            "body": item.data,
        }

    def _read(self, item: BatchCall[Any], answer: _Answer | None, known: tuple[str, ...]) -> Any:
        """The reply, or the error that the answer stands for."""
        if answer is None or answer.status is None:
            return OutcomeUnknown(
                "the reply to the batch has no answer to this item", may_have_happened=True
            )
        body = bytes(answer.body)
        # Nothing is said in several ways (pds-service.md 1.5).
        reply = _protocol.Reply(answer.status, {}, b"" if body in (b"null", b'""') else body)
        now = self._engine.shared.context.clock.time()
        error = _protocol.reply_error(reply, now=now, known=known)
        if error is not None:
            return error
        try:
            return _codec.decode(reply.body or b"{}", item.op.kind)
        except DecodeError as bare:
            return _protocol.undecodable(reply, bare.message, known)

    def _tell(self, at: int, error: PDSError, attempt: int) -> None:
        """Say in the error which request it was; the limiter hears of a refusal."""
        engine, item = self._engine, self._items[at]
        target = engine.shared.target(engine.shared.config.api_endpoint, item.op.path)
        error.attempts = attempt
        error.req_opt = engine.options.filled(
            method="POST", url=target.url, data=item.data, attempt=attempt
        )
        if isinstance(error, RateLimited):
            engine.shared.limiter.throttled("batch", error.retry_after_s)


def _matched(
    positions: Sequence[int], answers: Sequence[_Answer | None]
) -> Iterator[tuple[int, _Answer | None]]:
    """Each item with its answer: the one that has its id, else one at its place that has none."""
    ids = set(map(str, positions))
    named = {str(answer.id): answer for answer in answers if answer and str(answer.id) in ids}
    for at, beside in zip_longest(positions, answers[: len(positions)]):
        nameless = None if beside is None or str(beside.id) in ids else beside
        yield at, named.get(str(at), nameless)
