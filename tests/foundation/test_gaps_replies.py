"""What only a break of the code showed to be untested: secrets where a text is cut."""

from __future__ import annotations

import pytest

from pdsclient._protocol import Reply, reply_error

SECRET = "PLANTED-SECRET-IN-FULL"


@pytest.mark.parametrize(("field", "longest"), [("message", 1_000), ("code", 200)])
def test_a_secret_on_the_edge_of_a_cut_is_hidden(field: str, longest: int) -> None:
    """Texts are masked before they are cut: half of a secret is not known by its value."""
    text = "x" * (longest - 8) + SECRET
    body = b'{"code":"Bad","message":"m","%s":"%s"}' % (field.encode(), text.encode())
    error = reply_error(Reply(400, {}, body), now=0.0, known=(SECRET,))
    assert error is not None
    assert getattr(error, field).endswith("***")
    assert "PLANTED" not in repr(vars(error))


def test_a_secret_on_the_edge_of_the_shown_body_is_hidden() -> None:
    """Likewise for a body that is no JSON."""
    body = b"x" * 1_992 + SECRET.encode()
    error = reply_error(Reply(400, {}, body), now=0.0, known=(SECRET,))
    assert error is not None
    assert error.body == "x" * 1_992 + "***"
