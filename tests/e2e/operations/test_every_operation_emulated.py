"""No emulated operation is without a test, and what is not emulated is refused as such."""

from __future__ import annotations

import ast
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pdsclient import BadRequest
from pdsclient._operations_table import KNOWN
from pdsclient.emulator.handlers import OPERATIONS
from pdsclient.models._request import PartOf
from pdsclient.models._rules import Choice, ListOf, Rule, Whole
from pdsclient.models._service_rules import Millis, Time


def covered() -> list[str]:
    """What the marks of the tests beside this one name."""
    files = Path(__file__).parent.glob("test_emulated_*.py")
    trees = [ast.parse(file.read_text("utf-8")) for file in files]
    calls = (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call))
    marks = (call for call in calls if ast.unparse(call.func) == "pytest.mark.covers")
    return [ast.literal_eval(path) for mark in marks for path in mark.args]


def test_every_emulated_operation_is_covered_once() -> None:
    """Whoever emulates another one writes a test for it."""
    assert sorted(covered()) == sorted(OPERATIONS)


@pytest.mark.parametrize("path", sorted(KNOWN - OPERATIONS.keys()))
async def test_what_is_not_emulated_is_refused(path: str, stage: Any) -> None:
    """With an error that says so, not that of a path which nobody knows."""
    call: Any = stage.client
    for segment in path.strip("/").split("/"):
        call = getattr(call, segment)
    request = call.op.request
    wanted = {*request.needed, *request.one_of[:1]}
    given = {name: sample(rule) for name, rule in request.rules if name in wanted}
    with pytest.raises(BadRequest) as caught:
        await call(**given)
    assert caught.value.code == "OperationNotSupport"


def sample(rule: Rule) -> Any:
    """Something that the rule lets pass."""
    if isinstance(rule, ListOf):
        return [sample(rule.item)]
    if isinstance(rule, PartOf):
        return {name: sample(one) for name, one in rule.part.rules if name in rule.part.needed}
    if isinstance(rule, Choice):
        return rule.values[0]
    if isinstance(rule, (Time, Millis)):
        return datetime(2024, 2, 29, tzinfo=UTC)
    return 1 if isinstance(rule, Whole) else "x"
