"""Our errors for those of aiohttp."""

from __future__ import annotations

import aiohttp

from pdsclient._protocol import not_sent, outcome_unknown
from pdsclient._secrets import mask_text, without_frames
from pdsclient.errors import SERVER_ERROR, DecodeError, PDSError

__all__ = ["translate"]


def translate(error: Exception) -> PDSError:
    """Our error for one of aiohttp's, with that one as its cause.

    What aiohttp raises before a connection stands was never sent; everything later is unknown.
    """
    if isinstance(error, DecodeError):
        return error  # The reply was too long; nothing of aiohttp's is in it.
    failure = _our_kind(error)
    failure.__cause__ = without_frames(error)
    return failure


_CERTIFICATE = (aiohttp.ClientConnectorCertificateError, aiohttp.ServerFingerprintMismatch)
_CONNECTION = (aiohttp.ClientConnectorError, aiohttp.ClientHttpProxyError)


def _our_kind(error: Exception) -> PDSError:
    what = mask_text(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)
    if isinstance(error, _CERTIFICATE):
        return not_sent(f"the server's certificate was refused ({what})", may_pass=False)
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return not_sent("the connection did not come about in time")
    if isinstance(error, _CONNECTION):
        return not_sent(f"no connection ({what})")
    if isinstance(error, (RuntimeError, ValueError)):
        return not_sent(f"the request could not be made ({what})", may_pass=False)
    if isinstance(error, aiohttp.ClientResponseError):
        return DecodeError(
            f"the answer is not HTTP ({what})", code=SERVER_ERROR, may_have_happened=True
        )
    return outcome_unknown(f"the connection broke before the answer was complete ({what})")
