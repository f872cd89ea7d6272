"""The assertions by which apps ask for tokens: JSON web tokens signed with RS256."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Iterable
from typing import Any, Final, TypeGuard

import msgspec

from pdsclient.emulator.replies import ServiceError, invalid
from pdsclient.emulator.store import App

__all__ = ["checked_claims"]

_LONGEST_S: Final = 15 * 60
# Between the clocks of two machines.
_SKEW_S: Final = 60
_LONGEST_JTI: Final = 128
_decode = msgspec.json.Decoder(dict[str, Any]).decode


def checked_claims(
    assertion: str, app: App, domain_id: str, times: Iterable[float]
) -> dict[str, Any]:
    """The claims of an assertion (service reference 2.3); ServiceError 400 for one that is bad.

    Args:
        assertion: as it was sent.
        app: one of its keys must have signed it.
        domain_id: whom it must be meant for.
        times: what time it may be, in seconds since 1970; one of these has to suit it. An app
            cannot know that a test moved the emulator's clock.
    """
    claims = _verified(assertion, app)
    if claims.get("iss") != app.client_id:
        raise refused(f"iss must be {app.client_id}")
    # Some libraries make a list of a single audience.
    if claims.get("aud") not in (domain_id, [domain_id]):
        raise refused(f"aud must be {domain_id}")
    if claims.get("sub_type") not in ("user", "service"):
        raise refused("sub_type must be user or service")
    if not isinstance(claims.get("sub"), str) or not claims["sub"]:
        raise refused("sub is missing")
    if claims["sub_type"] == "service" and claims["sub"] != domain_id:
        raise refused(f"sub must be {domain_id} for a service")
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 1 <= len(jti) <= _LONGEST_JTI:
        raise refused(f"jti must have 1 to {_LONGEST_JTI} characters")
    problems = [_untimely(claims, now) for now in times]
    if None not in problems:
        raise refused(str(problems[0]))
    return claims


def refused(detail: str) -> ServiceError:
    """400: the assertion is not taken; which code the service has for it is unknown."""
    return invalid("assertion", detail)


def _verified(assertion: str, app: App) -> dict[str, Any]:
    """The claims, if a key of the app signed them."""
    signed, _, signature = assertion.rpartition(".")
    header, _, payload = signed.partition(".")
    try:
        is_ours = _decode(_bytes(header)).get("alg") == "RS256"
        claims, proof = _decode(_bytes(payload)), _bytes(signature)
    except (ValueError, RecursionError):
        raise refused("it is no JSON web token") from None
    if not is_ours:
        raise refused("alg must be RS256")
    if not any(key.verifies(signed.encode(), proof) for key in app.keys):
        raise refused("no key of the app verifies the signature")
    return claims


def _untimely(claims: dict[str, Any], now: float) -> str | None:
    """What is wrong with the times of an assertion, if that is what time it is."""
    exp, nbf = claims.get("exp"), claims.get("nbf")
    if not _is_time(exp):
        return "exp must be a time in seconds"
    if now >= exp:
        return "it has expired"
    if exp > now + _LONGEST_S + _SKEW_S:
        return "exp must be at most 15 minutes ahead"
    for name in ("nbf", "iat"):
        start = claims.get(name)
        if start is not None and not (_is_time(start) and start <= now + _SKEW_S):
            return f"{name} lies in the future"
    if nbf is not None and exp - nbf > _LONGEST_S:
        return "nbf and exp must be at most 15 minutes apart"
    return None


def _is_time(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _bytes(part: str) -> bytes:
    return urlsafe_b64decode(part.encode("ascii") + b"==")
