"""Hashes of contents: the values of hashlib, states that the emulator can check, joined CRCs."""

from __future__ import annotations

import ctypes
import hashlib
import sys
import types

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdsclient import _crc64
from pdsclient.emulator.hashing import HashState
from pdsclient.errors import InvalidRequest
from pdsclient.transfer import hashing
from pdsclient.transfer.hashing import (
    MOST_SLOWLY,
    Digests,
    HashContexts,
    combine_crc64,
    contexts_are_fast,
)

NAMES = ("sha1", "sha256")
each_hash = pytest.mark.parametrize("name", NAMES)


@pytest.fixture
def unloaded():
    """The library is looked for anew, in the test and after it."""
    hashing._library.cache_clear()
    yield
    hashing._library.cache_clear()


@pytest.fixture(params=["library", "python"])
def way(request, unloaded, monkeypatch):
    """Each of the two ways to keep a state."""
    if request.param == "python":
        monkeypatch.setattr(hashing, "_candidates", lambda: iter(()))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.binary(max_size=200), max_size=5))
def test_digests_are_those_of_hashlib(pieces):
    """In upper case, however the content is cut."""
    whole = b"".join(pieces)
    digests = Digests(*NAMES)
    for piece in pieces:
        digests.update(memoryview(piece))
    for name in NAMES:
        assert digests.value(name) == hashlib.new(name, whole).hexdigest().upper()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.binary(max_size=100), max_size=6))
def test_the_crc_of_pieces_makes_that_of_the_whole(pieces):
    """Joined in order; nothing at all has the CRC-64 of nothing."""
    joined = combine_crc64((_crc64.crc64(piece), len(piece)) for piece in pieces)
    assert joined == _crc64.crc64(b"".join(pieces))


@pytest.mark.usefixtures("way")
@each_hash
def test_a_state_stands_for_all_that_came_before(name):
    """At each multiple of 64, whatever the pieces; the hash goes on behind it."""
    content = bytes(at * 31 & 0xFF for at in range(64 * 9 + 5))
    contexts = HashContexts(name)
    for at in range(0, 64 * 9, 64):
        state = contexts.state()
        assert state.part_offset == at
        known = HashState(name, tuple(state.h), at)
        assert known.digest() == hashlib.new(name, content[:at]).digest()
        for cut in (content[at : at + 1], content[at + 1 : at + 40], content[at + 40 : at + 64]):
            contexts.update(bytearray(cut))
    contexts.update(content[64 * 9 :])
    assert contexts.hexdigest() == hashlib.new(name, content).hexdigest().upper()
    assert contexts.hexdigest() == contexts.hexdigest()


@pytest.mark.usefixtures("way")
@each_hash
def test_between_blocks_only(name):
    """Elsewhere a hash has no state that could be shown."""
    contexts = HashContexts(name)
    contexts.update(b"x" * 65)
    with pytest.raises(ValueError, match="no state after 65 bytes"):
        contexts.state()


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(NAMES), st.lists(st.integers(0, 300), max_size=6))
def test_both_ways_agree(name, lengths):
    """OpenSSL's state is the one that Python computes, wherever the pieces end."""
    library = hashing._library()
    fast, slow = hashing._Fast(library, name), hashing._Slow(name)
    for length in lengths:
        for one in (fast, slow):
            one.update(bytes(at & 0xFF for at in range(length)))
        assert (fast.words(), fast.digest()) == (slow.words(), slow.digest())


def test_this_python_is_fast():
    """The Python that the tests run on has OpenSSL within reach, as all usual ones have."""
    assert contexts_are_fast()


def test_without_a_library_only_small_contents_have_states(unloaded, monkeypatch):
    """What would take minutes is refused, with a way out; up to 1 MiB Python computes it."""
    monkeypatch.setattr(hashing, "_candidates", lambda: iter(["no such library"]))
    assert not contexts_are_fast()
    contexts = HashContexts("sha1")
    contexts.update(bytes(64))
    with pytest.raises(InvalidRequest, match="parallel=False"):
        contexts.update(bytes(MOST_SLOWLY))


DOES = ("Init", "Update", "Final")


class Library(dict):
    """What ctypes would load, without anything in it."""

    def __missing__(self, name):
        raise AttributeError(name)


@pytest.mark.parametrize(
    "broken",
    [
        lambda real: Library(),
        lambda real: types.SimpleNamespace(FIPS_mode=lambda: 1),
        lambda real: Library(
            {f"{name}_{do}": real[f"MD5_{do}"] for name in ("SHA1", "SHA256") for do in DOES}
        ),
    ],
    ids=["has no such function", "forbids it", "does something else"],
)
def test_a_library_that_is_not_what_it_should_be_is_passed_over(broken, unloaded, monkeypatch):
    """It is tested at first use, against Python's own computation."""
    real = ctypes.CDLL
    monkeypatch.setattr(ctypes, "CDLL", lambda name: broken(real(name)))
    assert not contexts_are_fast()


def test_without_ctypes_python_computes(unloaded, monkeypatch):
    """A Python can be built without it."""
    monkeypatch.setitem(sys.modules, "ctypes", None)
    assert not contexts_are_fast()
    assert HashContexts("sha1").state().part_offset == 0


@pytest.mark.parametrize("platform", ["win32", "darwin", "linux"])
def test_where_openssl_is_looked_for(platform, monkeypatch):
    """First where Python itself has it from; macOS ends a process that loads another name."""
    monkeypatch.setattr(hashing.sys, "platform", platform)
    first, *others = hashing._candidates()
    assert first == sys.modules["_hashlib"].__file__
    assert all(("3" in name or "1" in name) for name in others)
