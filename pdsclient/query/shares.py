"""``S`` and ``SHARE_FIELDS``: what ``/v2/share_link/search`` can ask of a share link.

The fields are those of pds-service.md 5.11. What is found is sorted by ``order_by`` and
``order_direction`` of the request, a bare name each, so that no field here has ``asc()``.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NoReturn

from pdsclient.errors import InvalidRequest
from pdsclient.query.ast import Comparison, Op
from pdsclient.query.fields import ChoiceField, Field, FieldSet, MatchField, MomentField
from pdsclient.query.values import Scalar, shown

NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""The expiry of a share link that never expires, as the search index has it."""

_FIRST_EXPIRY: Final = NEVER + timedelta(days=1)


class ExpiryField(MomentField):
    """A moment, or one that never comes: values before 1970-01-02 are reserved for that."""

    __slots__ = ()

    def never(self) -> Comparison:
        """The share link never expires."""
        return self.compare(Op.EQ, NEVER)

    def check_value(self, op: Op, value: object, *, lenient: bool = False) -> Scalar:
        """The moment; InvalidRequest for a reserved one other than ``NEVER``."""
        moment = super().check_value(op, value, lenient=lenient)
        if not lenient and isinstance(moment, datetime) and NEVER != moment < _FIRST_EXPIRY:
            raise InvalidRequest(
                f"{self.name} is never before 1970-01-02, and 1970-01-01T00:00:00 for a share "
                f"link that never expires ({self!r}.never()), not {shown(moment)}"
            )
        return moment


class ShareFields:
    """The fields of a share link as attributes; ``S`` is the one object of this class."""

    __slots__ = ()

    created_at = MomentField("created_at", builder="S")
    """When it was created."""
    updated_at = MomentField("updated_at", builder="S")
    """When it was last changed."""
    share_name_for_fuzzy = MatchField("share_name_for_fuzzy", paths=("share_name",), builder="S")
    """Its name, which contains a text."""
    status = ChoiceField("status", choices=("enabled", "disabled"), builder="S")
    """``enabled``, or ``disabled`` once it was cancelled."""
    expired_time = ExpiryField("expired_time", paths=("expiration",), builder="S")
    """When it expires; ``S.expired_time.never()`` finds those that never do."""

    def __repr__(self) -> str:
        return "S"

    def __reduce__(self) -> str:
        return "S"

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NoReturn:
            raise AttributeError(name if name.startswith("_") else SHARE_FIELDS.unknown(name))


SHARE_FIELDS: Final = FieldSet(
    field for field in vars(ShareFields).values() if isinstance(field, Field)
)
S: Final = ShareFields()
