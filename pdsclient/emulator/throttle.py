"""The request rate limit: a token bucket for the domain, or one for each operation."""

from __future__ import annotations

from math import ceil

from pdsclient._clock import Clock
from pdsclient.emulator.replies import Reply, error_reply
from pdsclient.emulator.settings import RateLimit

__all__ = ["Throttle", "throttled_reply"]


class _Bucket:
    def __init__(self, level: float, at: float) -> None:
        self.level = level
        self.at = at


class Throttle:
    """Says whether a request is taken; the limit may be changed at any time."""

    def __init__(self, limit: RateLimit | None, clock: Clock) -> None:
        self._clock = clock
        self._buckets: dict[str, _Bucket] = {}
        self.limit = limit

    @property
    def limit(self) -> RateLimit | None:
        """The limit in force, None for none."""
        return self._limit

    @limit.setter
    def limit(self, limit: RateLimit | None) -> None:
        self._limit = limit
        self._buckets.clear()

    def wait_s(self, operation: str) -> float:
        """Zero when the request is taken, else how long until one would be."""
        limit = self._limit
        if limit is None:
            return 0.0
        bucket = self._bucket(limit, operation)
        if bucket.level >= 1:
            bucket.level -= 1
            return 0.0
        return (1 - bucket.level) / limit.per_second

    def _bucket(self, limit: RateLimit, operation: str) -> _Bucket:
        now = self._clock.monotonic()
        size = max(1.0, limit.burst or limit.per_second)
        key = operation if limit.per == "operation" else ""
        bucket = self._buckets.setdefault(key, _Bucket(size, now))
        bucket.level = min(size, bucket.level + (now - bucket.at) * limit.per_second)
        bucket.at = now
        return bucket


def throttled_reply(form: str, wait_s: float) -> Reply:
    """A 429 in one of the forms that have been seen (Settings.throttled)."""
    said = error_reply(429, "TooManyRequests", "Too many requests")
    if form == "json":
        return said
    if form == "x-retry-after":
        return Reply(429, said.body, {**said.headers, "x-retry-after": str(ceil(wait_s * 1000))})
    return Reply(429, headers={"Retry-After": str(ceil(wait_s))} if form == "retry-after" else {})
