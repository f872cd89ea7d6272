"""What signs in, or refreshes, through the connections of the client that it serves."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from pdsclient.options import RequestOptions
from pdsclient.tokens import TokenInfo

__all__ = ["Login", "Post"]


class Post(Protocol):
    """An anonymous call at the auth endpoint, such as ``client.post_auth_anonymous``."""

    async def __call__(
        self,
        pathname: str,
        data: Mapping[str, Any] | None = None,
        options: RequestOptions | Mapping[str, Any] | None = None,
    ) -> Any:
        """The reply's data."""


class Login(abc.ABC):
    """A ``refresh_token_fun`` that sends through the client it is given to.

    The client hands its own anonymous ``post`` to it, so that a refresh has the client's
    connections, endpoint, retries and time limits. ``pdsclient.auth`` has the ready-made ones; a
    class of your own needs only ``token``.
    """

    __slots__ = ()

    needs_token: ClassVar[bool] = True
    """Whether it exchanges a token that is at hand; False if it can sign in without one."""

    @abc.abstractmethod
    async def token(
        self, post: Post, token_info: TokenInfo | None = None
    ) -> TokenInfo | Mapping[str, Any]:
        """A new token.

        Args:
            post: sends without any credential to the auth endpoint.
            token_info: the token to be exchanged, given if ``needs_token``.
        """
