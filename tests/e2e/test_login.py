"""Signing in at the emulator, which checks signatures, codes, secrets and who may refresh what."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from pdsclient import AsyncPDSClient, BadRequest, FileTokenStore, RefreshFailed
from pdsclient.auth import AccountToken, JWTApp, OAuthApp
from pdsclient.emulator import Emulator, Fault, Settings

BACK = "https://me.test/back"


def jwt_app(emulator: Emulator, **changes: Any) -> JWTApp:
    settings: dict[str, Any] = {
        "domain_id": emulator.domain_id,
        "private_key": emulator.private_key_pem,
        "clock": emulator.clock,
    }
    return JWTApp(emulator.app_id, **(settings | changes))


@pytest.fixture
def key_file(world: Any, tmp_path: Path) -> Path:
    """The key of the emulator's app, as it lies on a disk."""
    path = tmp_path / "key.pem"
    path.touch(mode=0o600)
    path.write_text(world.emulator.private_key_pem)
    return path


async def default_drive(client: AsyncPDSClient) -> str | None:
    return (await client.drive.get_default_drive()).drive_id


async def test_key_file_is_all_that_a_service_needs(world: Any, key_file: Path) -> None:
    """It signs in at the first call, and again when the token's two hours are over."""
    app = jwt_app(world.emulator, private_key=key_file)
    async with world.connect(refresh_token_fun=app) as client:
        assert await default_drive(client) == world.emulator.drive_id
        assert client.token_info.role == "superadmin"
        world.emulator.clock.advance(3 * 3600)
        assert await default_drive(client) == world.emulator.drive_id
    assert len(world.emulator.requests.of("/oauth/token")) == 2


async def test_user_is_made_at_the_first_login_if_that_is_allowed(world: Any) -> None:
    """Without ``auto_create`` the service does not know whom the assertion means."""
    app = jwt_app(world.emulator)
    async with world.connect(refresh_token_fun=app.for_user("u1")) as client:
        with pytest.raises(RefreshFailed, match="u1") as caught:
            await default_drive(client)
        assert isinstance(caught.value.__cause__, BadRequest)
    async with world.connect(refresh_token_fun=app.for_user("u1", auto_create=True)) as client:
        await default_drive(client)
        assert (client.token_info.user_id, client.token_info.role) == ("u1", "user")


@pytest.mark.parametrize(
    "wrong",
    [{"domain_id": "other"}, {"clock": None}],
    ids=["domain", "clock"],
)
async def test_assertion_that_is_wrong_is_refused_for_good(
    world: Any, wrong: dict[str, Any]
) -> None:
    """The error is the service's; it is not retried."""

    class Late:
        monotonic = staticmethod(world.emulator.clock.monotonic)

        def time(self) -> float:
            return float(world.emulator.clock.time() - 3600)

    changes = {name: value or Late() for name, value in wrong.items()}
    async with world.connect() as client:
        with pytest.raises(BadRequest, match=r"InvalidParameter\.Assertion"):
            await jwt_app(world.emulator, **changes).sign_in(client)
    assert len(world.emulator.requests.of("/oauth/token")) == 1


async def test_login_whose_reply_is_lost_is_made_again(start: Callable[..., Any]) -> None:
    """Where an assertion counts once, the retry of a lost one needs a new one."""
    async with start(settings=Settings(assertions="once")) as world:
        world.emulator.faults.add("/oauth/token", Fault.reset(processed=True))
        async with world.connect(refresh_token_fun=jwt_app(world.emulator)) as client:
            assert await default_drive(client) == world.emulator.drive_id
        assert len(world.emulator.requests.of("/oauth/token")) == 3


async def test_person_signs_in_on_the_page_and_is_refreshed(world: Any) -> None:
    """From the URL to the token, and on with what its application can refresh."""
    await world.emulator.register_app("WEB", client_secret="hush-hush", redirect_uris=[BACK])
    app = OAuthApp("WEB", redirect_uri=BACK, client_secret="hush-hush")
    url, state = app.authorize_url(world.emulator.api_endpoint)
    async with (
        aiohttp.ClientSession() as browser,
        browser.get(url, allow_redirects=False) as answer,
    ):
        code = app.code_of(answer.headers["Location"], state=state)
    async with world.connect(refresh_token_fun=app) as client:
        client.set_token(await app.exchange(client, code))
        assert await default_drive(client) == world.emulator.drive_id
        with pytest.raises(BadRequest):
            await app.exchange(client, code)
        first = client.token_info
        world.emulator.revoke(first.access_token)
        await default_drive(client)
        assert client.token_info.refresh_token != first.refresh_token


async def test_code_is_not_given_to_who_lacks_the_secret(world: Any) -> None:
    """The error of the service comes through, without the secret that was tried."""
    await world.emulator.register_app("WEB", client_secret="hush-hush", redirect_uris=[BACK])
    code = await world.emulator.authorization_code(client_id="WEB", redirect_uri=BACK)
    app = OAuthApp("WEB", redirect_uri=BACK, client_secret="guessed-it")
    with pytest.raises(BadRequest) as caught:
        await app.exchange(world.client, code)
    assert "guessed-it" not in caught.value.stack


async def test_token_of_a_key_is_refreshed_without_the_key(world: Any) -> None:
    """Whoever was handed the token of a JWT application keeps it alive at ``/account/token``."""
    token = await jwt_app(world.emulator).sign_in(world.client)
    app = AccountToken(world.emulator.app_id)
    async with world.connect(token_info=token, refresh_token_fun=app) as client:
        world.emulator.clock.advance(3 * 3600)
        assert await default_drive(client) == world.emulator.drive_id
    assert len(world.emulator.requests.of("/account/token")) == 1


async def test_environment_sets_up_processes_that_share_a_login(
    world: Any, key_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key and a token file in the environment: the second one finds the first one's token."""
    store = FileTokenStore(tmp_path / "token.json")
    for name, value in {
        "API_ENDPOINT": world.emulator.api_endpoint,
        "DOMAIN_ID": world.emulator.domain_id,
        "APP_ID": world.emulator.app_id,
        "PRIVATE_KEY_FILE": key_file,
        "TOKEN_FILE": store.path,
    }.items():
        monkeypatch.setenv(f"PDS_{name}", str(value))
    for _ in range(2):
        async with AsyncPDSClient.from_env() as client:
            assert await default_drive(client) == world.emulator.drive_id
    assert len(world.emulator.requests.of("/oauth/token")) == 1
    assert await store.load() == client.token_info
