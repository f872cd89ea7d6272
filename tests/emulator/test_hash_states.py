"""The hash states that parallel parts bring along."""

from __future__ import annotations

import hashlib
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdsclient._sha import COMPRESS
from pdsclient.emulator.hashing import HashState

STARTS = {
    "sha1": (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0),
    "sha256": (
        0x6A09E667,
        0xBB67AE85,
        0x3C6EF372,
        0xA54FF53A,
        0x510E527F,
        0x9B05688C,
        0x1F83D9AB,
        0x5BE0CD19,
    ),
}


def state_after(name, data):
    words = STARTS[name]
    for at in range(0, len(data), 64):
        words = COMPRESS[name](words, struct.unpack(">16I", data[at : at + 64]))
    return HashState(name, tuple(words), len(data))


@pytest.mark.parametrize("name", ["sha1", "sha256"])
@settings(max_examples=20)
@given(st.binary(min_size=64, max_size=64), st.integers(0, 5))
def test_a_state_tells_the_hash_of_what_it_stands_for(name, block, count):
    """As hashlib computes it; and it survives being put into a URL."""
    state = state_after(name, block * count)
    assert state.digest() == hashlib.new(name, block * count).digest()
    assert HashState.decode(state.encode()) == state
    assert state.encode().isalnum()
