"""Between a command and the terminal: what is written, how it ends, and what is safe to show."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from enum import IntEnum

from pdsclient._shown import shown
from pdsclient.errors import AuthError, DeadlineExceeded, InvalidRequest, PDSError, TransportError

__all__ = [
    "Exit",
    "ReaderGone",
    "abandon_output",
    "command_to_go_on",
    "is_interactive",
    "open_streams",
    "read_all",
    "read_line",
    "run",
    "say",
    "stop_on_terminate",
    "write",
]


class Exit(IntEnum):
    """The exit statuses, as the help text lists them."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NO_CREDENTIAL = 3
    NO_ANSWER = 4
    INTERRUPTED = 128 + signal.SIGINT


class ReaderGone(Exception):
    """Whoever read standard output has had enough."""


def open_streams() -> None:
    """Prepare the standard streams: UTF-8 into files and pipes, and never an encoding error."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by the caller: ``>&-``
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif stream.isatty():
            stream.reconfigure(errors="backslashreplace")
        else:
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", newline="")


def run(job: Coroutine[object, object, None]) -> None:
    """Run a command to its end; SystemExit tells how it ended, never a traceback."""
    previous = signal.getsignal(signal.SIGINT)
    try:
        asyncio.run(_until_interrupted(job))
    except (KeyboardInterrupt, asyncio.CancelledError):
        abandon_output()
        raise SystemExit(Exit.INTERRUPTED) from None
    except ReaderGone:
        abandon_output()
    except PDSError as error:
        say(str(error))
        raise SystemExit(_status(error)) from None
    except OSError as error:
        abandon_output()
        where = f": {error.filename}" if error.filename else ""
        say(f"{error.strerror or type(error).__name__}{where}")
        raise SystemExit(Exit.FAILED) from None
    finally:
        signal.signal(signal.SIGINT, previous)


async def _until_interrupted(job: Coroutine[object, object, None]) -> None:
    """Ctrl-C lets the job clean up; pressed again, it ends the process there and then."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None, "run by asyncio.run"

    def stop(*_: object) -> None:
        signal.signal(signal.SIGINT, lambda *_: os._exit(Exit.INTERRUPTED))
        # At once, so that a write that is about to block knows; the loop may sleep, hence both.
        task.cancel()
        loop.call_soon_threadsafe(lambda: None)

    signal.signal(signal.SIGINT, stop)
    await job


def stop_on_terminate() -> None:
    """Let SIGTERM end the command as properly as Ctrl-C does."""
    task = asyncio.current_task()
    assert task is not None, "called by a coroutine"
    with suppress(NotImplementedError):  # Windows has no SIGTERM to listen to
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


def _status(error: PDSError) -> Exit:
    if isinstance(error, InvalidRequest):
        return Exit.USAGE
    if isinstance(error, AuthError):
        return Exit.NO_CREDENTIAL
    if isinstance(error, (TransportError, DeadlineExceeded)):
        return Exit.NO_ANSWER
    return Exit.FAILED


def write(text: str) -> None:
    """Write to standard output at once."""
    try:
        with _interruptible():
            sys.stdout.write(text)
            sys.stdout.flush()
    except BrokenPipeError:
        raise ReaderGone from None


def read_all() -> str:
    """All of standard input."""
    with _interruptible():
        return sys.stdin.read() if sys.stdin else ""


def read_line() -> str:
    """What somebody types, or the first line of what is piped in, without white space around."""
    with _interruptible():
        return sys.stdin.readline().strip() if sys.stdin else ""


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C end a write or a read that waits for somebody.

    The handler of a command only asks its task to stop, which a blocked thread never hears.
    """
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


def abandon_output() -> None:
    """Let the interpreter's last flush of what nobody reads go to nowhere."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def say(message: str) -> None:
    """Write a message for the user to standard error."""
    lines = "\n".join(map(shown, message.splitlines()))
    with suppress(OSError):
        print(f"pdsclient: {lines}", file=sys.stderr, flush=True)


def command_to_go_on() -> str:
    """The command that was given, with ``--resume``."""
    given = sys.argv[1:]
    if "--resume" not in given:
        # Behind a lone -- it would be taken for a file.
        given.insert(given.index("--") if "--" in given else len(given), "--resume")
    return shlex.join(["pdsclient", *given])


def is_interactive() -> bool:
    """Whether somebody watches standard error."""
    return sys.stderr.isatty()
