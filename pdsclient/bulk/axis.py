"""Along which key a search is read, and ranges of that key as conditions.

Positions on an axis are whole numbers that grow in the direction of reading: seconds since 1970
or bytes, negated when the largest comes first. So the rest of a window is always to the right of
what was read, whatever the order, and every range is half-open: ``start <= position < stop``.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from msgspec import Struct

from pdsclient.query import FILE_FIELDS, Kind, Op
from pdsclient.query.evaluate import values_in
from pdsclient.query.values import LONG_MAX

if TYPE_CHECKING:
    from pdsclient.models import File
    from pdsclient.query import Field

PartitionKey: TypeAlias = Literal["created_at", "updated_at", "image_time", "size"]

PARTITION_KEYS: Final[tuple[PartitionKey, ...]] = (
    "created_at",
    "updated_at",
    "image_time",
    "size",
)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = timedelta(seconds=1)
_MICROSECOND: Final = timedelta(microseconds=1)
_LATEST: Final = 253402300799  # the last second of the year 9999

# A file whose key is below this is read together with those that have none: "not key >= least"
# holds for both, so nothing falls between the windows, whatever the key is.
_LEAST: Final = {Kind.DATE: -2208988800, Kind.LONG: 0}  # the year 1900; no bytes


class Range(Struct, frozen=True, omit_defaults=True, gc=False):
    """A range of a key as a condition: ``low <= key < high``; either end may be open.

    Attributes:
        key: the service's name of the field.
        low: seconds since 1970, or bytes.
        high: likewise; beyond the range.
        lacking: files without the key are left out, belong to it as well, or are all of it.
    """

    key: str
    low: int | None = None
    high: int | None = None
    lacking: Literal["out", "in", "only"] = "out"

    def __str__(self) -> str:
        return " and ".join(self._conditions())

    def _conditions(self) -> list[str]:
        field = FILE_FIELDS[self.key]
        least = _LEAST[field.kind]
        if self.lacking == "only":
            return [f"not {_comparison(field, Op.GE, least)}"]
        if self.lacking == "in":
            # A comparison with an absent value is false, and its "not" true.
            negated = [(Op.LT, self.low), (Op.GE, self.high)]
            return [f"not {_comparison(field, op, at)}" for op, at in negated if at is not None]
        conditions = [_comparison(field, Op.GE, least if self.low is None else self.low)]
        if self.high is not None:
            conditions.append(_comparison(field, Op.LT, self.high))
        return conditions


def _comparison(field: Field, op: Op, at: int) -> str:
    value: object = at
    if field.kind is Kind.DATE:
        value = _EPOCH + timedelta(seconds=min(at, _LATEST))
    return str(field.compare(op, value))


class Axis(Struct, frozen=True, omit_defaults=True, gc=False):
    """A key to read along.

    Attributes:
        key: the service's name of a field whose values are ordered.
        descending: the largest is read first.
    """

    key: str
    descending: bool = True

    @property
    def is_moving(self) -> bool:
        """A file's position may change."""
        return self.key != "created_at"

    @property
    def order(self) -> str:
        """The order that reads along this axis; the name makes it a total one, nearly."""
        return f"{self.key} {'DESC' if self.descending else 'ASC'},name ASC"

    def at(self, file: File) -> int | None:
        """Where a file stands on the axis; None if it lacks the key."""
        values = values_in(file, FILE_FIELDS[self.key])
        # What stands below the least value is found with the files that lack the key.
        if not values:
            return None
        value = values[0]
        if isinstance(value, datetime):
            number = (value - _EPOCH) // _SECOND
        else:
            number = math.floor(float(value)) if isinstance(value, float) else int(value)
        if number < _LEAST[FILE_FIELDS[self.key].kind]:
            return None
        number = min(number, LONG_MAX)  # what no query can ask for stands at the end
        return -number if self.descending else number

    def exact(self, file: File) -> int:
        """The value of a time in microseconds since 1970; 0 if the file lacks it."""
        for value in values_in(file, FILE_FIELDS[self.key]):
            if isinstance(value, datetime):
                return (value - _EPOCH) // _MICROSECOND
        return 0

    def range(
        self,
        start: int | None,
        stop: int | None,
        lacking: Literal["out", "in", "only"] = "out",
    ) -> Range:
        """The condition that a file stands at ``start`` or right of it, and left of ``stop``."""
        if not self.descending:
            return Range(self.key, start, stop, lacking)
        low = None if stop is None else 1 - stop
        high = None if start is None else 1 - start
        return Range(self.key, low, high, lacking)

    def between(self, first: int, last: int, share: float) -> int:
        """A place to cut a range so that about this share of it lies left of the cut.

        Args:
            first: the first position of the range.
            last: its last one, larger than ``first``.
            share: from 0 to 1. Sizes are spread over orders of magnitude, so that half of a
                range of sizes means the geometric mean.
        """
        if FILE_FIELDS[self.key].kind is Kind.LONG:
            low, high = math.log2(abs(first) + 1), math.log2(abs(last) + 1)
            middle = round(2 ** (low + (high - low) * share) - 1)
            cut = -middle if self.descending else middle
        else:
            cut = first + round((last - first) * share)
        return min(max(cut, first + 1), last)

    @property
    def reversed(self) -> Axis:
        """The same key, read from the other end."""
        return Axis(self.key, not self.descending)
