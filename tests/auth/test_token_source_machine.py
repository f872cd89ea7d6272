"""The token source against a model server, in any order of events that hypothesis can think of."""

from __future__ import annotations

import asyncio
import importlib.util
from datetime import datetime, timezone
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pdsclient.errors import AuthError, RateLimited, RefreshFailed
from pdsclient.tokens import TokenInfo
