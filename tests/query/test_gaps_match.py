"""What only a break of the code showed to be untested: what ``match`` makes of its needle."""

from __future__ import annotations

import pytest

from pdsclient.query import F, MatchMode


@pytest.mark.parametrize("mode", ["substring", "tokens"])
@pytest.mark.parametrize(
    ("needle", "name"), [("STRAßE", "Strasse 1"), ("strasse", "STRAßE 1"), ("ﬁn", "FINAL")]
)
def test_both_sides_of_match_are_casefolded(needle: str, name: str, mode: MatchMode) -> None:
    """Folding makes ``ß`` two letters, which lower case does not: in the needle as in the name."""
    query = F.name.match(needle)
    assert query.matches({"name": name}, match_mode=mode)
