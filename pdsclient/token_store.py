"""Where one credential lives that several processes share.

A refresh token dies when it is used, so processes that share one must take turns:
take the lock, read again, exchange only if nobody else did, save, release. The token source
does this with any ``TokenStore``; ``FileTokenStore`` is the one for processes of one machine.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final, Protocol

from attrs import field, frozen

from pdsclient._checks import seconds
from pdsclient._disk import (
    NO_FOLLOW,
    check_private,
    explained,
    file_error,
    read_private,
    sync_directory,
)
from pdsclient.errors import AuthError, InvalidRequest
from pdsclient.tokens import TokenInfo

if TYPE_CHECKING:
    from filelock import BaseFileLock

__all__ = ["FileTokenStore", "TokenStore"]

_FIRST_POLL_S: Final = 0.005
_SLOWEST_POLL_S: Final = 0.025
_TO_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | NO_FOLLOW


class TokenStore(Protocol):
    """What a place for a shared credential can do; any object with these three methods is one."""

    async def load(self) -> TokenInfo | None:
        """The token as it was last saved, by whichever process; None if there is none."""

    async def save(self, token_info: TokenInfo, /) -> None:
        """Keep the token durably: when this returns, the old one may be dead."""

    def lock(self) -> AbstractAsyncContextManager[object]:
        """A context in which no other process exchanges or saves; it ends with its process."""
        ...


def _absolute(value: str | os.PathLike[str]) -> str:
    path = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(path, str) or not path or "\0" in path:
        raise InvalidRequest(
            "FileTokenStore.path must be the path of a file, as a non-empty str or PathLike"
        )
    path = os.path.expanduser(path)
    return path if os.path.isabs(path) else os.path.abspath(path)


@frozen
class FileTokenStore:
    """One credential in a JSON file that only its owner can read, for processes of one machine.

    The file is replaced as a whole: whoever reads, and whenever a process is killed, it is the
    old or the new one. The lock is the operating system's, on ``<path>.lock`` beside it, so a
    killed process leaves none behind. Use a local disk: network file systems differ in what
    their locks promise.

    Args:
        path: the file; ``~`` is the home directory. A missing directory is made when the lock
            is first taken, with mode 700.
        wait_s: seconds to wait for the lock at most.
        hold_s: seconds to keep the lock at most; what is done under it is then cancelled.

    Raises:
        AuthError: from its methods, naming the path and the fix, never the content: a symbolic
            link, a file of another user or one that others may read, not a token, too long.
    """

    path: str = field(converter=_absolute)
    wait_s: float = field(default=30.0, kw_only=True, validator=seconds())
    hold_s: float = field(default=120.0, kw_only=True, validator=seconds())

    async def load(self) -> TokenInfo | None:
        """The saved token, or None if there is no file or an empty one."""
        return await asyncio.to_thread(_read, self.path)

    async def save(self, token_info: TokenInfo, /) -> None:
        """Replace the file; on return it is on the disk. Call it under the lock."""
        await asyncio.to_thread(_write, self.path, token_info, self.hold_s)

    @asynccontextmanager
    async def lock(self) -> AsyncIterator[None]:
        """Keep other processes and tasks out; AuthError if that takes longer than ``wait_s``."""
        held = await self._acquire()
        limit = asyncio.timeout(self.hold_s)
        try:
            async with limit:
                yield
        except TimeoutError as error:
            if limit.expired():
                raise AuthError(
                    f"token store {self.path}: gave up after {self.hold_s:g} s under its lock"
                ) from error
            raise
        finally:
            await asyncio.shield(asyncio.to_thread(held.release))

    async def _acquire(self) -> BaseFileLock:
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + self.wait_s
        pause_s = _FIRST_POLL_S
        # A blocking acquire would keep one of the loop's few threads for as long as it waits.
        while (held := await _try_in_thread(self.path)) is None:
            if loop.time() >= give_up_at:
                raise AuthError(
                    f"token store {self.path}: another process has held its lock for more than "
                    f"{self.wait_s:g} s"
                )
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _SLOWEST_POLL_S)
        return held


async def _try_in_thread(path: str) -> BaseFileLock | None:
    """The lock if it is free; one that is won while the caller is cancelled is given back."""
    attempt = asyncio.get_running_loop().run_in_executor(None, _try_lock, path)
    try:
        return await asyncio.shield(attempt)
    except asyncio.CancelledError:
        attempt.add_done_callback(_give_back)
        raise


def _give_back(attempt: asyncio.Future[BaseFileLock | None]) -> None:
    if attempt.cancelled() or attempt.exception() is not None:
        return
    held = attempt.result()
    if held is not None:
        held.release()


def _try_lock(path: str) -> BaseFileLock | None:
    # Imported here: the package's import stays light, and it happens off the loop.
    from filelock import FileLock, Timeout

    # Acquired in one thread of the pool and released in another, hence not thread_local.
    lock = FileLock(f"{path}.lock", mode=0o600, thread_local=False)
    with explained(_named(path)):
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return None
    return lock


def _named(path: str) -> str:
    return f"token store {path}"


def _read(path: str) -> TokenInfo | None:
    text = read_private(_named(path), path)
    if not text:
        return None
    reason: str
    try:
        return TokenInfo.parse(json.loads(text))
    except InvalidRequest as error:
        reason = error.message
    except (ValueError, RecursionError):
        reason = "it is not JSON"
    # Outside the handler: a JSONDecodeError carries the text that it could not read.
    raise file_error(
        _named(path),
        f"holds no token ({reason}); name another file, or delete this one and sign in again",
    )


def _write(path: str, token_info: TokenInfo, stale_after_s: float) -> None:
    text = json.dumps(token_info.to_mapping(), default=str, indent=1).encode()
    directory, name = os.path.split(path)
    with explained(_named(path)):
        with suppress(FileNotFoundError):
            check_private(_named(path), os.lstat(path))
        _remove_stale(directory, name, stale_after_s)
        temporary = os.path.join(directory, f".{name}.{secrets.token_hex(8)}.tmp")
        try:
            _write_durably(temporary, text)
            os.replace(temporary, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
        sync_directory(directory)


def _write_durably(path: str, text: bytes) -> None:
    with open(os.open(path, _TO_CREATE, 0o600), "wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _remove_stale(directory: str, name: str, age_s: float) -> None:
    """Delete what killed processes left; a younger file may belong to a living one."""
    with os.scandir(directory) as entries:
        ours = [one for one in entries if one.name.startswith(f".{name}.")]
    for one in ours:
        with suppress(OSError):
            left_at = one.stat(follow_symlinks=False).st_mtime
            if one.name.endswith(".tmp") and left_at < time.time() - age_s:
                os.unlink(one.path)
