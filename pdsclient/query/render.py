"""From a query to the text that the service reads: canonical, with only the brackets needed."""

from __future__ import annotations

from pdsclient.query.ast import Chain, Comparison, Not, Or, Query
from pdsclient.query.values import literal


def render(query: Query) -> str:
    """The text of a query; equal queries have equal texts."""
    node = query.node
    if isinstance(node, Comparison):
        return _comparison(node)
    if isinstance(node, Not):
        return f"not {_inner(node.term, isinstance(node.term, Chain))}"
    assert isinstance(node, Chain)
    # "Brackets > NOT > AND > OR" (seed): only an Or needs brackets here, inside an And.
    if isinstance(node, Or):
        return " or ".join(map(render, node.terms))
    return " and ".join(_inner(term, isinstance(term, Or)) for term in node.terms)


def _inner(term: Query, brackets: bool) -> str:
    return f"({render(term)})" if brackets else render(term)


def _comparison(node: Comparison) -> str:
    if isinstance(node.value, tuple):
        return f"{node.field} in [{', '.join(map(literal, node.value))}]"
    return f"{node.field} {node.op} {literal(node.value)}"
