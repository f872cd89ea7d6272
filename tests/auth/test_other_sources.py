"""The provider's token and the share token, on the same mechanism."""

from __future__ import annotations

import asyncio
from unittest.mock import AsyncMock

import pytest

from pdsclient._sources import ProvidedTokenSource
from pdsclient.errors import AuthError, InvalidRequest, RefreshFailed
from pdsclient.tokens import TokenInfo


@pytest.fixture
def provided(world):
    def make(provider=None):
        options = world.options()
        return ProvidedTokenSource(provider or world.issuer.fetch, **options)

    return make


# ---------------------------------------------------------------- token_provider


async def test_the_provider_is_asked_once_for_all_and_for_two_seconds(world, provided):
    """Its answer serves all concurrent callers, and those of the next two seconds."""
    source = provided(AsyncMock(return_value={"access_token": "p"}))
    tokens = await asyncio.gather(*(source.get() for _ in range(500)))
    assert {token.header for token in tokens} == {"Bearer p"}
    world.clock.advance(1.9)
    assert source.ready() is tokens[0]
    world.clock.advance(0.1)
    assert source.ready() is None
    assert (await source.get()) is tokens[0]
    assert source._provider.await_count == 2
    assert len(world.announced) == 1


async def test_the_provider_is_asked_afresh_after_a_refusal(world, provided):
    """One new question for all who were refused; a different answer is a newer token."""
    source = provided()
    used = await source.get()
    world.issuer.kill_access()
    renewed = await asyncio.gather(*(source.renew(used, may_exchange=True) for _ in range(500)))
    assert {token.header for token, _ in renewed} == {"Bearer access-2"}
    assert len(world.issuer.asked_at) == 2
    assert await source.renew(renewed[0][0], may_exchange=False) is None


async def test_the_same_answer_after_a_refusal_is_nothing_newer(world, provided):
    """The server's own error is then the answer, after one question."""
    source = provided(AsyncMock(return_value={"access_token": "p"}))
    used = await source.get()
    renewed = await asyncio.gather(*(source.renew(used, may_exchange=True) for _ in range(50)))
    assert set(renewed) == {None}
    assert source._provider.await_count == 2


async def test_an_answer_from_before_the_refusal_proves_nothing(world, provided):
    """A question that was under way when the refusal came is asked again, once."""
    answers = iter([{"access_token": "old"}, {"access_token": "old"}, {"access_token": "new"}])
    gate = asyncio.Event()
    gate.set()
    asked = []

    async def provider():
        answer = next(answers)
        asked.append(answer)
        await gate.wait()
        return answer

    source = provided(provider)
    used = await source.get()
    world.clock.advance(3)
    gate.clear()
    asking = asyncio.create_task(source.get())
    await world.settle()
    renewing = [asyncio.create_task(source.renew(used, may_exchange=True)) for _ in range(9)]
    await world.settle()
    gate.set()
    await asking
    assert {(await one)[0].header for one in renewing} == {"Bearer new"}
    assert len(asked) == 3


async def test_none_from_the_provider_is_anonymous(world, provided):
    """There is nothing to send, which is no error, and can change with the next answer."""
    provider = AsyncMock(return_value=None)
    source = provided(provider)
    token = await source.get()
    assert (token.header, token.info, source.token_info) == (None, None, None)
    with pytest.raises(AuthError, match="no access token"):
        await source.refresh()
    provider.return_value = TokenInfo(access_token="p")
    assert (await source.renew(token, may_exchange=True))[0].header == "Bearer p"
    provider.return_value = None
    world.clock.advance(3)
    assert (await source.get()).header is None
    assert [info.access_token for info in world.announced] == ["p"]


async def test_a_failing_provider_is_asked_ever_more_rarely(world, provided):
    """Its error reaches all callers, each with its own instance, and is spaced like the others."""
    provider = AsyncMock(side_effect=ConnectionError("down"))
    source = provided(provider)
    for _ in range(60):
        errors = await asyncio.gather(*(source.get() for _ in range(5)), return_exceptions=True)
        assert len({id(error) for error in errors}) == 5
        assert {type(error) for error in errors} == {RefreshFailed}
        world.clock.advance(1)
    assert provider.await_count <= 8
    provider.side_effect = None
    provider.return_value = {"access_token": "p"}
    world.clock.advance(30)
    assert (await source.get()).header == "Bearer p"


async def test_the_providers_credential_cannot_be_set(provided):
    """set_token and remove_token would contradict the owner of the credential."""
    source = provided()
    with pytest.raises(InvalidRequest, match="token_provider"):
        source.set(TokenInfo(access_token="x"))
    with pytest.raises(InvalidRequest, match="token_provider"):
        source.remove()


async def test_a_call_from_inside_the_provider_raises(world, provided):
    """It would wait for itself."""
    source = provided()

    async def call_back():
        with pytest.raises(AuthError, match="anonymous"):
            await source.get()

    world.issuer.on_ask = call_back
    assert (await source.refresh()).access_token == "access-1"
    assert source.secrets() == ("access-1", "refresh-1")
    await source.aclose(timeout_s=1)


async def needs_one(argument): ...


def test_a_provider_takes_no_arguments(provided):
    """A function that needs one is refused when the source is made."""
    with pytest.raises(InvalidRequest, match="token_provider"):
        provided(needs_one)


# ---------------------------------------------------------------- share token


async def test_without_a_share_token_there_is_nothing_to_send(world):
    """That is no error: most calls have none."""
    source = world.share_source(None)
    assert source.ready().header is None
    assert source.share_token is None
    with pytest.raises(AuthError, match="refresh_share_token_fun"):
        await source.refresh()


async def test_a_share_token_is_sent_as_it_is_and_can_be_replaced(world):
    """set and remove take effect for the next request."""
    source = world.share_source("s1")
    assert source.ready().header == "s1"
    source.set("s2")
    assert source.ready().header == source.share_token == "s2"
    source.remove()
    assert source.ready().header is None
    with pytest.raises(InvalidRequest, match="share_token"):
        source.set("s\n3")


async def test_the_first_share_token_is_fetched(world):
    """A function and no token: the first call that needs one fetches it."""
    source = world.share_source(None, world.issuer.fetch_share)
    tokens = await asyncio.gather(*(source.get() for _ in range(50)))
    assert {token.header for token in tokens} == {"access-1"}
    assert world.announced == ["access-1"]


async def test_a_refused_share_token_is_fetched_once_for_all(world):
    """As for the access token: one exchange, and late refusals cost none."""
    source = world.share_source("s1", world.issuer.fetch_share)
    used = source.ready()
    renewed = await asyncio.gather(*(source.renew(used, may_exchange=True) for _ in range(500)))
    assert {token.header for token, _ in renewed} == {"access-1"}
    assert (await source.renew(used, may_exchange=True))[1] is False
    assert len(world.issuer.asked_at) == 1


async def test_a_refused_share_token_without_a_function_stays(world):
    """The server's own error is the answer."""
    source = world.share_source("s1")
    assert await source.renew(source.ready(), may_exchange=True) is None
    assert source.ready().header == "s1"


async def test_a_failing_share_function_is_a_failed_refresh(world):
    """Its waiters get the cause, and the refused token is not sent again."""
    world.issuer.error = ConnectionError("down")
    source = world.share_source("s1", world.issuer.fetch_share)
    used = source.ready()
    with pytest.raises(RefreshFailed, match=r"share token could not be refreshed.*down"):
        await source.renew(used, may_exchange=True)
    with pytest.raises(RefreshFailed):
        await source.get()
    assert len(world.issuer.asked_at) == 1
    world.issuer.error = None
    world.clock.advance(1)
    assert (await source.get()).header == "access-1"


@pytest.mark.parametrize("answer", [None, "", 7, {"share_token": "x"}, "two words\n"])
async def test_a_useless_share_token_is_a_failed_refresh(world, answer):
    """Only a text that can stand in a header will do."""
    source = world.share_source("s1", AsyncMock(return_value=answer))
    with pytest.raises(RefreshFailed, match="refresh_share_token_fun"):
        await source.refresh()


@pytest.mark.parametrize("change", ["set", "remove"])
async def test_set_and_remove_in_the_middle_win_over_the_exchange(world, change):
    """Waiters go on at once with what was given."""
    world.issuer.gate = asyncio.Event()
    source = world.share_source("s1", world.issuer.fetch_share)
    used = source.ready()
    renewing = asyncio.create_task(source.renew(used, may_exchange=True))
    forcing = asyncio.create_task(source.refresh())
    await world.settle()
    if change == "set":
        source.set("s2")
        assert (await forcing) == (await renewing)[0].header == "s2"
    else:
        source.remove()
        assert (await renewing)[0].header is None
        with pytest.raises(AuthError, match="removed"):
            await forcing
    world.issuer.gate.set()
    await source.aclose(timeout_s=5)
    assert source.share_token == {"set": "s2", "remove": None}[change]
    assert world.announced == []


def test_a_share_function_takes_no_arguments(world):
    """A function that needs one is refused when the source is made."""
    with pytest.raises(InvalidRequest, match="refresh_share_token_fun"):
        world.share_source(None, needs_one)
