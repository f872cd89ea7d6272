"""What the store and the identity keep about people, beyond what HTTP shows."""

from __future__ import annotations

import inspect
from collections import defaultdict
from contextlib import closing

import pytest

from pdsclient._clock import SystemClock
from pdsclient.emulator import MovableClock, Settings
from pdsclient.emulator.identity import Identity
from pdsclient.emulator.replies import ServiceError
from pdsclient.emulator.store import Member, Store, credentials


@pytest.fixture
def clock():
    return MovableClock(SystemClock())


@pytest.fixture
def store(clock):
    with closing(Store(clock=clock)) as store:
        yield store


@pytest.fixture
def identity(clock):
    return Identity("bj1", b"key", clock)


def test_no_part_of_the_store_hides_another():
    """A method of one part is called in place of another's only where it hands on to that."""
    homes = defaultdict(list)
    for part in Store.__mro__[:-1]:
        for name, value in vars(part).items():
            if not name.startswith("__"):
                homes[name].append(value)
    hiding = {name: values[:-1] for name, values in homes.items() if len(values) > 1}
    assert "may_access" in hiding
    for name, values in hiding.items():
        for value in values:
            assert f"super().{name}(" in inspect.getsource(value)


def test_groups_above(store):
    """A user is in the groups of their groups too; directly in some of them."""
    top, low, lower, other = (
        store.put_group({"group_name": name})["group_id"] for name in ("t", "l", "ll", "o")
    )
    store.join(top, Member("group", low), {})
    store.join(low, Member("group", lower), {})
    store.join(lower, Member("user", "u"), {})
    store.join(top, Member("user", "u"), {})
    assert store.groups_of("u") == {top: True, low: False, lower: True}
    store.leave(low, Member("group", lower))
    assert store.groups_of("u") == {top: True, lower: True}
    assert store.groups_of("nobody") == {}
    assert other not in store.groups_of("u")


def test_what_has_expired_is_forgotten(store, identity, clock, monkeypatch):
    """Tests may issue tokens without end: those that expired are not kept."""
    monkeypatch.setattr(credentials, "_PRUNE_EVERY", 10)
    for _ in range(9):
        store.put_grant(identity.new_grant("u"))
    clock.advance(8 * 24 * 3600)
    assert len(store.records("grant")) == 9
    grant = identity.new_grant("u")
    store.put_grant(grant)
    assert [record.key for record in store.records("grant")] == [grant.refresh_token]


def test_a_remembered_user_is_forgotten_by_a_change(store, identity):
    """What is known of a token is not asked again, until something about people changes."""
    store.put_user("u", {"role": "user"})
    token = identity.new_grant("u").access_token
    assert identity.remembered(store, token) is None
    assert identity.look_up(store, token, Settings()).role == "user"
    assert identity.remembered(store, token).role == "user"
    store.put_user("u", {"role": "admin"})
    assert identity.remembered(store, token) is None
    assert identity.look_up(store, token, Settings()).is_admin
    identity.revoke(store, token)
    assert identity.remembered(store, token) is None
    assert not identity.is_live(token)
    with pytest.raises(ServiceError):
        identity.look_up(store, token, Settings())


def test_remembered_tokens_expire(store, identity, clock):
    """A token is remembered no longer than it lives."""
    store.put_user("u", {})
    token = identity.new_grant("u", ttl_s=60).access_token
    identity.look_up(store, token, Settings())
    clock.advance(60)
    assert identity.remembered(store, token) is None
    assert not identity.is_live(token)


def test_memory_of_tokens_has_an_end(store, identity, monkeypatch):
    """However many tokens are used or revoked, few are remembered."""
    monkeypatch.setattr("pdsclient.emulator.identity._MOST_REMEMBERED", 3)
    store.put_user("u", {})
    tokens = [identity.new_grant("u", ttl_s=-1 if n < 3 else 60).access_token for n in range(5)]
    for token in tokens:
        identity.revoke(store, token)
    assert len(identity._dead) <= 3
    for _ in range(5):
        identity.look_up(store, identity.new_grant("u").access_token, Settings())
    assert len(identity._remembered) <= 3


def test_a_file_is_asked_each_time(clock, identity, tmp_path):
    """Another process may change what is in a file: nothing is remembered."""
    with closing(Store(tmp_path / "pds.db", clock=clock)) as store:
        store.put_user("u", {})
        token = identity.new_grant("u").access_token
        identity.look_up(store, token, Settings())
        assert identity.remembered(store, token) is None


def test_ids_of_drives_are_not_used_again(store):
    """References to a deleted drive lead nowhere, not into another one."""
    store.put_drive("7", owner="u")
    made = [store.new_drive(owner="u")]
    store.delete_drive(made[0])
    made.append(store.new_drive(owner="u"))
    assert made == ["8", "9"]
    store.put_drive("x", owner="u")
    assert store.new_drive(owner="u") == "10"


def test_keys_of_an_app_are_few(store):
    """Of many keys of one app the newest count."""
    for number in range(10):
        store.add_key("APP", credentials.PublicKey(number))
    assert [key.n for key in store.app("APP").keys] == list(range(2, 10))
