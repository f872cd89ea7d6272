"""How much of a successful call is ours, counted: frames deep and functions wide."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType
from typing import Any

from harness import Effort, Result, at_most, server
from peers import SMALL_DATA, ours

import pdsclient

FRAMES_BUDGET = 3
FUNCTIONS_BUDGET = 20

_OURS = str(Path(pdsclient.__file__).parent)


class _Profile:
    """Functions of ours that are entered, and how deep they stand where aiohttp takes over.

    A coroutine is one function however often it is resumed.
    """

    def __init__(self) -> None:
        # The frames themselves, so that no later one gets the identity of an earlier one.
        self.entered: dict[int, FrameType] = {}
        self.depth = 0

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        if event != "call":
            return
        if _is_ours(frame):
            self.entered.setdefault(id(frame), frame)
        elif frame.f_code.co_qualname == "ClientSession._request" and not self.depth:
            self.depth = _frames_below(frame)


def _is_ours(frame: FrameType) -> bool:
    return frame.f_code.co_filename.startswith(_OURS)


def _frames_below(frame: FrameType | None) -> int:
    depth = 0
    while frame is not None:
        depth += _is_ours(frame)
        frame = frame.f_back
    return depth


async def run(effort: Effort) -> list[Result]:
    """One call after the first, which makes the session and the headers."""
    profile = _Profile()
    async with server("canned.py") as canned, ours(f"http://127.0.0.1:{canned.greeting}") as client:
        await client.post_api("/drive/get", SMALL_DATA)
        sys.setprofile(profile)
        try:
            await client.post_api("/drive/get", SMALL_DATA)
        finally:
            sys.setprofile(None)
    return [
        at_most("frames of ours above aiohttp", FRAMES_BUDGET, profile.depth),
        at_most("functions of ours entered by a call", FUNCTIONS_BUDGET, len(profile.entered)),
    ]
