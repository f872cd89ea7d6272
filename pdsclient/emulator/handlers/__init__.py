"""The emulated operations, one function each, and who may call them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal

from attrs import frozen

from pdsclient.emulator.handlers import drive, file, oauth, share_link
from pdsclient.emulator.replies import Reply
from pdsclient.emulator.service import Call

__all__ = ["OPERATIONS", "Operation"]


@frozen
class Operation:
    """An emulated operation.

    Attributes:
        run: does it.
        access: the credential it takes: an access token; that or a share token; or none (an
            access token is then looked at, but need not be good).
        is_form: whether the body is a form, not JSON.
    """

    run: Callable[[Call], Awaitable[Reply]]
    access: Literal["user", "share", "anyone"] = "user"
    is_form: bool = False


OPERATIONS = {
    "/account/token": Operation(oauth.account_token, "anyone"),
    "/drive/get": Operation(drive.get),
    "/drive/get_default_drive": Operation(drive.get_default_drive),
    "/drive/list_my_drives": Operation(drive.list_my_drives),
    "/file/get": Operation(file.get, "share"),
    "/file/get_download_url": Operation(file.get_download_url, "share"),
    "/file/list": Operation(file.list_, "share"),
    "/file/scan": Operation(file.scan),
    "/file/search": Operation(file.search),
    "/oauth/token": Operation(oauth.oauth_token, "anyone", is_form=True),
    "/share_link/get_by_anonymous": Operation(share_link.get_by_anonymous, "anyone"),
    "/share_link/get_share_token": Operation(share_link.get_share_token, "anyone"),
}
