"""Share links that only users of the domain may open."""

from __future__ import annotations

import pytest

from pdsclient import AuthError


async def test_a_link_that_requires_login_is_opened_by_post_api(world):
    """The typed operation sends no credential, as documented; ``post_api`` sends the user's."""
    client = world.client
    file_id = world.get("photo.JPG")["file_id"]
    link = await client.share_link.create(**world.drive, file_id_list=[file_id], require_login=True)
    with pytest.raises(AuthError, match="for users of the domain"):
        await client.share_link.get_share_token(share_id=link.share_id)
    opened = await client.post_api("/share_link/get_share_token", {"share_id": link.share_id})
    assert opened["share_token"]
