"""What only breaks of the code showed to be untested: where listings end, and whose markers."""

from __future__ import annotations

import pytest

LISTINGS = {
    "/file/search": {"drive_id": "1", "query": "size > 0", "order_by": "name ASC"},
    "/file/list": {"drive_id": "1", "parent_file_id": "root"},
    "/file/scan": {"drive_id": "1"},
}


async def fill(api):
    await api.emulator.add_files([{"name": f"{number}.txt", "size": 1} for number in range(6)])


@pytest.mark.parametrize("path", LISTINGS)
async def test_a_last_page_that_is_full_is_the_last(api, path):
    """No empty page follows when the files fill their pages."""
    await fill(api)
    listing = LISTINGS[path] | {"limit": 3}
    first = (await api.post(path, listing)).data
    second = (await api.post(path, listing | {"marker": first["next_marker"]})).data
    assert [len(page["items"]) for page in (first, second)] == [3, 3]
    assert not second["next_marker"]


@pytest.mark.parametrize("issuer", LISTINGS)
@pytest.mark.parametrize("taker", LISTINGS)
async def test_a_marker_is_good_for_its_own_kind_of_listing(api, issuer, taker):
    """A marker of another operation is 400, also where no query tells them apart."""
    await fill(api)
    marker = (await api.post(issuer, LISTINGS[issuer] | {"limit": 3})).data["next_marker"]
    got = await api.post(taker, LISTINGS[taker] | {"marker": marker})
    if taker == issuer:
        assert got.status == 200
    else:
        assert (got.status, got.code) == (400, "InvalidParameter.Marker")
