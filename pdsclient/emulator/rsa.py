"""RSA as far as a login needs it: making a key, reading PEM files, verifying RS256 signatures.

Written out here because the emulator needs no package for it. It is no place for secrets that
matter: nothing runs in constant time.
"""

from __future__ import annotations

import secrets
from base64 import b64decode, b64encode
from hashlib import sha256
from math import lcm
from textwrap import wrap
from typing import Final

from attrs import field, frozen

from pdsclient.errors import InvalidRequest

__all__ = ["PrivateKey", "PublicKey", "new_key", "read_private_key", "read_public_key"]

_EXPONENT: Final = 65537
_ROUNDS: Final = 8
_SEQUENCE, _INTEGER, _BITS, _OCTETS = 0x30, 0x02, 0x03, 0x04
# AlgorithmIdentifier {rsaEncryption, NULL} (RFC 8017, appendix A.1).
_ALGORITHM: Final = bytes.fromhex("300d06092a864886f70d0101010500")
# DigestInfo of SHA-256 up to the digest (RFC 8017, 9.2).
_SHA256_INFO: Final = bytes.fromhex("3031300d060960864801650304020105000420")


@frozen
class PublicKey:
    """The half that verifies."""

    n: int
    e: int = _EXPONENT

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Whether the signature is one of the message (RSASSA-PKCS1-v1_5 with SHA-256)."""
        size = (self.n.bit_length() + 7) // 8
        number = int.from_bytes(signature)
        if len(signature) != size or number >= self.n:
            return False
        tail = b"\0" + _SHA256_INFO + sha256(message).digest()
        expected = b"\0\1" + b"\xff" * (size - 2 - len(tail)) + tail
        return pow(number, self.e, self.n).to_bytes(size) == expected


@frozen
class PrivateKey:
    """The half that signs; only clients use it."""

    public: PublicKey
    pem: str = field(repr=False)


def new_key(bits: int = 2048) -> PrivateKey:
    """A new key as PKCS#8; takes some tenths of a second of the processor."""
    p, q = _prime(bits // 2), _prime(bits // 2)
    while p == q:
        q = _prime(bits // 2)
    d = pow(_EXPONENT, -1, lcm(p - 1, q - 1))
    numbers = (0, p * q, _EXPONENT, d, p, q, d % (p - 1), d % (q - 1), pow(q, -1, p))
    inner = _wrapped(_SEQUENCE, b"".join(map(_encoded, numbers)))
    body = _encoded(0) + _ALGORITHM + _wrapped(_OCTETS, inner)
    return PrivateKey(PublicKey(p * q), _armoured("PRIVATE KEY", _wrapped(_SEQUENCE, body)))


def read_private_key(pem: str) -> PrivateKey:
    """The key of a PEM file, PKCS#1 or PKCS#8; InvalidRequest for anything else."""
    try:
        parts = _parts(_bare(pem, "PRIVATE KEY"))
        if parts[1][0] == _SEQUENCE:
            parts = _parts(parts[2][1])
        return PrivateKey(PublicKey(_number(parts[1]), _number(parts[2])), pem)
    except (IndexError, ValueError) as error:
        raise InvalidRequest(
            "the private key must be an RSA key in PEM (PKCS#1 or PKCS#8, not encrypted)"
        ) from error


def read_public_key(pem: str) -> PublicKey:
    """The public key of a PEM file, PKCS#1 or SPKI; InvalidRequest for anything else."""
    try:
        parts = _parts(_bare(pem, "PUBLIC KEY"))
        if parts[0][0] == _SEQUENCE:
            parts = _parts(parts[1][1][1:])
        return PublicKey(_number(parts[0]), _number(parts[1]))
    except (IndexError, ValueError) as error:
        raise InvalidRequest("the public key must be an RSA key in PEM") from error


# ---- primes


def _prime(bits: int) -> int:
    """A random prime with its two highest bits set, so that products have all their bits."""
    while True:
        number = secrets.randbits(bits) | 3 << bits - 2 | 1
        if number % _EXPONENT != 1 and _is_prime(number):
            return number


def _is_prime(number: int) -> bool:
    if any(number % small == 0 for small in _SMALL_PRIMES):
        return False
    halvings = (number - 1 & 1 - number).bit_length() - 1
    odd = number - 1 >> halvings
    return all(
        _is_no_witness(secrets.randbelow(number - 3) + 2, odd, halvings, number)
        for _ in range(_ROUNDS)
    )


def _is_no_witness(base: int, odd: int, halvings: int, number: int) -> bool:
    """One round of Miller and Rabin: whether the base fails to prove the number composite."""
    power = pow(base, odd, number)
    if power in (1, number - 1):
        return True
    for _ in range(halvings - 1):
        power = power * power % number
        if power == number - 1:
            return True
    return False


_SMALL_PRIMES: Final = tuple(
    number
    for number in range(3, 2000, 2)
    if all(number % odd for odd in range(3, int(number**0.5) + 1, 2))
)


# ---- DER and PEM


def _encoded(number: int) -> bytes:
    return _wrapped(_INTEGER, number.to_bytes(number.bit_length() // 8 + 1))


def _wrapped(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(length))) + length + content


def _parts(data: bytes) -> list[tuple[int, bytes]]:
    """The tags and contents inside an outermost sequence, or inside one after another."""
    tag, content, _ = _first(data)
    if tag != _SEQUENCE:
        raise ValueError("no sequence")
    parts = []
    while content:
        tag, part, content = _first(content)
        parts.append((tag, part))
    return parts


def _first(data: bytes) -> tuple[int, bytes, bytes]:
    """The first value: its tag, its content, and what follows it."""
    tag, size, start = data[0], data[1], 2
    if size & 0x80:
        start += size & 0x7F
        size = int.from_bytes(data[2:start])
    if start + size > len(data):
        raise ValueError("cut off")
    return tag, data[start : start + size], data[start + size :]


def _number(part: tuple[int, bytes]) -> int:
    tag, content = part
    if tag != _INTEGER:
        raise ValueError("no number")
    return int.from_bytes(content)


def _armoured(label: str, der: bytes) -> str:
    lines = wrap(b64encode(der).decode(), 64)
    return "\n".join((f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""))


def _bare(pem: str, label: str) -> bytes:
    """The bytes between the lines that name this label, with or without ``RSA`` before it."""
    for begin in (f"-----BEGIN {label}-----", f"-----BEGIN RSA {label}-----"):
        _, found, rest = pem.partition(begin)
        body, ended, _ = rest.partition("-----END")
        if found and ended:
            return b64decode("".join(body.split()), validate=True)
    raise ValueError("no such block")
