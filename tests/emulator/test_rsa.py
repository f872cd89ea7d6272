"""RSA keys and signatures, checked against a library that others use."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from hypothesis import given, settings
from hypothesis.strategies import binary, text

from pdsclient.emulator.rsa import new_key, read_private_key, read_public_key
from pdsclient.errors import InvalidRequest

KEY = new_key()
THEIRS = load_pem_private_key(KEY.pem.encode(), None)


def test_new_keys_are_sound():
    """A library reads the key, checks its numbers, and finds 2048 bits."""
    assert THEIRS.key_size == 2048
    assert THEIRS.public_key().public_numbers().n == KEY.public.n
    assert new_key().public != KEY.public


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL], ids=str)
def test_private_keys_are_read(form):
    """Both forms of a private key give the public half, with text before it or not."""
    pem = THEIRS.private_bytes(Encoding.PEM, form, NoEncryption()).decode()
    assert read_private_key(pem).public == KEY.public
    assert read_private_key("Key of the app\n" + pem.replace("\n", "\r\n")).public == KEY.public


@pytest.mark.parametrize("form", [PublicFormat.SubjectPublicKeyInfo, PublicFormat.PKCS1], ids=str)
def test_public_keys_are_read(form):
    """Both forms of a public key are read."""
    pem = THEIRS.public_key().public_bytes(Encoding.PEM, form).decode()
    assert read_public_key(pem) == KEY.public


@settings(max_examples=30)
@given(binary(max_size=300), binary(max_size=300))
def test_signatures(message, other):
    """A library's signature is good for its message, and for no other."""
    signature = THEIRS.sign(message, PKCS1v15(), SHA256())
    assert KEY.public.verifies(message, signature)
    assert KEY.public.verifies(other, signature) == (other == message)
    assert not KEY.public.verifies(message, other)
    assert not KEY.public.verifies(message, signature[:-1])
    assert not KEY.public.verifies(message, THEIRS.sign(message, PKCS1v15(), SHA1()))


@given(text())
def test_any_text_is_a_key_or_refused(sent):
    """No text breaks the reading of keys."""
    for label, read in (("PRIVATE", read_private_key), ("PUBLIC", read_public_key)):
        for pem in (sent, f"-----BEGIN {label} KEY-----{sent}-----END"):
            with pytest.raises(InvalidRequest):
                read(pem)


@given(binary(max_size=40))
def test_any_bytes_are_a_key_or_refused(sent):
    """No DER breaks the reading of keys."""
    from base64 import b64encode

    pem = f"-----BEGIN PRIVATE KEY-----{b64encode(b'0' + sent).decode()}-----END"
    with pytest.raises(InvalidRequest):
        read_private_key(pem)


def test_locked_keys_are_refused():
    """A key with a password is refused in words."""
    locked = THEIRS.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    ).decode()
    with pytest.raises(InvalidRequest, match="not encrypted"):
        read_private_key(locked)
