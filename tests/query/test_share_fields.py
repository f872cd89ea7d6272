"""The search language as ``/v2/share_link/search`` speaks it."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime

import pytest

from pdsclient import InvalidRequest
from pdsclient.query import SHARE_FIELDS, S, as_query, evaluate, parse_query

NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def test_a_query_is_built_from_the_fields_of_a_share_link():
    """Each field has its own operators, and the result is the service's text."""
    query = (
        S.share_name_for_fuzzy.match("plan")
        & S.status.in_(["enabled", "disabled"])
        & (S.created_at >= "2024-01-01T00:00:00")
        & ~S.expired_time.never()
    )
    assert as_query(query, fields=SHARE_FIELDS) == (
        'share_name_for_fuzzy match "plan" and status in ["enabled", "disabled"] and '
        'created_at >= "2024-01-01T00:00:00" and not expired_time = "1970-01-01T00:00:00"'
    )


def test_text_is_parsed_by_the_same_table():
    """What the builder says and what its text says are the same query."""
    query = S.share_name_for_fuzzy.match("a") | (S.updated_at < datetime(2024, 5, 1, tzinfo=UTC))
    assert parse_query(str(query), fields=SHARE_FIELDS) == query


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ('name match "a"', "there is no field"),
        ('share_name_for_fuzzy = "a"', "cannot be asked with ="),
        ('share_name_for_fuzzy prefix "a"', "cannot be asked with prefix"),
        ('status match "en"', "cannot be asked with match"),
        ('status = "open"', "one of enabled, disabled"),
        ('expired_time > "1970-01-01T00:00:01"', "never before 1970-01-02"),
        ('expired_time = "1969-12-31T23:59:59"', "never before 1970-01-02"),
    ],
)
def test_what_the_dialect_does_not_have_is_refused_with_the_fix(text, word):
    """The message names the field and what it takes."""
    with pytest.raises(InvalidRequest, match=word):
        as_query(text, fields=SHARE_FIELDS)


@pytest.mark.parametrize("text", ["1970-01-01T00:00:00", "1970-01-02T00:00:00"])
def test_an_expiry_is_never_or_a_moment_that_can_be(text):
    """The reserved value for "never" can be compared with, and so can the first real one."""
    assert as_query(f'expired_time > "{text}"', fields=SHARE_FIELDS)


def test_the_emulator_may_take_what_a_client_should_not_send():
    """Lenient parsing knows no reserved values: the service's own limits are not known."""
    text = 'expired_time > "1970-01-01T00:00:01"'
    assert str(parse_query(text, fields=SHARE_FIELDS, lenient=True)) == text


def test_share_links_are_not_sorted_by_terms():
    """Their order is a bare name and a direction, so that a term would be of no use."""
    assert not any(hasattr(field, "asc") for field in SHARE_FIELDS.values())


def test_a_condition_is_asked_of_a_share_link():
    """A field reads the name that the reply has for it."""
    link = {"share_name": "Plan B", "status": "enabled", "expiration": "2030-01-01T00:00:00Z"}
    assert evaluate(S.share_name_for_fuzzy.match("plan"), link, fields=SHARE_FIELDS)
    assert evaluate(S.expired_time > NEVER, link, fields=SHARE_FIELDS)
    assert not evaluate(S.status == "disabled", link, fields=SHARE_FIELDS)


@pytest.mark.parametrize("name", list(SHARE_FIELDS))
def test_fields_survive_pickling_and_say_where_they_are_from(name):
    """A field stays the one object of its table, apart from a file's of the same name."""
    field = SHARE_FIELDS[name]
    assert pickle.loads(pickle.dumps(field)) is field
    assert repr(field) == f"S.{name}"


def test_an_unknown_name_tells_the_nearest():
    """A slip of the pen is told at once, with the field that was meant."""
    with pytest.raises(AttributeError, match="created_at"):
        _ = S.create_at
    assert pickle.loads(pickle.dumps(S)) is S
    assert repr(S) == "S"
