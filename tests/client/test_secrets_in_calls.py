"""Credentials planted wherever they can enter are found nowhere that is shown."""

from __future__ import annotations

import json
import logging
import pickle
import traceback

import pytest

from pdsclient import PDSError, RequestOptions

PLANTED = {
    "access": "PLANTED-ACCESS-1",
    "refresh": "PLANTED-REFRESH-2",
    "share": "PLANTED-SHARE-3",
    "own": "PLANTED-OWN-4",
    "param": "PLANTED-PARAM-5",
    "password": "PLANTED-PASSWORD-6",
    "signature": "PLANTED-SIGNATURE-7",
    "new": "PLANTED-NEW-8",
    "fixed": "PLANTED-FIXED-9",
}
URL = f"https://data.example/o?Expires=1&Signature={PLANTED['signature']}"


def echo(seen):
    """A server that gives everything back in its error, as careless ones do."""
    text = f"{seen.headers} {seen.target} {seen.body.decode()} {URL}"
    return 400, {"code": "InvalidParameter.X", "message": text, "url": URL, "seen": seen.headers}


def shown(error: PDSError) -> str:
    """Every way in which an error is looked at."""
    local = traceback.TracebackException.from_exception(error, capture_locals=True)
    return "\n".join([
        str(error),
        repr(error),
        repr(vars(error)),
        repr(error.req_opt),
        error.stack,
        "".join(traceback.format_exception(error)),
        "".join(local.format()),
        repr(pickle.dumps(error)),
    ])  # fmt: skip


async def failing_calls(client):
    """Calls that fail in every way."""
    data = {"share_pwd": PLANTED["password"], "url": URL, "nested": [{"refresh_token": "x" * 9}]}
    options = {
        "headers": {"X-Odd": PLANTED["own"]},
        "params": {"k": PLANTED["param"]},
        "share_token": PLANTED["fixed"],
    }
    own = {"headers": {"Authorization": f"Bearer {PLANTED['own']}"}}
    for extra in (options, own, RequestOptions(timeout=0.05, retries=0), {"deadline": 0.05}):
        for path in ("/file/get", "/file/create"):
            with pytest.raises(PDSError) as caught:
                await client.post_api(path, data, extra)
            yield caught.value


@pytest.mark.parametrize("kind", ["echo", "hang up", "html", "stall", "dead token", "redirect"])
async def test_nothing_that_is_shown_holds_a_planted_secret(server, make_client, caplog, kind):
    """Messages, reprs, events, logs at DEBUG, pickles, tracebacks with local variables."""
    import asyncio

    caplog.set_level(logging.DEBUG)

    async def stall(seen):
        await asyncio.sleep(30)

    def hang_up(seen):
        raise ConnectionResetError

    server.handler = {
        "echo": echo,
        "hang up": hang_up,
        "html": lambda seen: (200, f"<a href='{URL}'>{seen.headers}".encode()),
        "stall": stall,
        "dead token": lambda seen: (
            401,
            {"code": "AccessTokenInvalid", "message": f"{seen.headers['authorization']} is dead"},
        ),
        "redirect": lambda seen: (302, b"", {"Location": URL}),
    }[kind]

    async def refresh():
        raise RuntimeError(f"login failed for {PLANTED['refresh']} at {URL}")

    client = make_client(
        token_info={
            "access_token": PLANTED["access"],
            "refresh_token": PLANTED["refresh"],
            "note": PLANTED["new"],
        },
        share_token=PLANTED["share"],
        refresh_token_fun=refresh,
        timeout=0.2,
    )
    texts = [repr(client), repr(client.token_info), repr(client._engine.shared.config)]
    client.on("error", lambda error, req_opt: texts.append(shown(error) + repr(req_opt)))
    client.on("retry", lambda error, req_opt, delay_s: texts.append(shown(error) + repr(req_opt)))
    async for error in failing_calls(client):
        texts.append(shown(error))
    texts += [record.getMessage() + str(record.exc_text) for record in caplog.records]
    everything = "\n".join(texts)
    mine = everything.replace("test_secrets_in_calls.py", "")
    for name, secret in PLANTED.items():
        for line in mine.splitlines():
            # The test's own frames hold the values; ours must not.
            assert secret not in line or _is_of_the_test(line), (name, line[:300])


def _is_of_the_test(line: str) -> bool:
    """A local variable of this test's or the fake server's frames, shown by capture_locals."""
    names = ("data", "options", "own", "extra", "texts", "caught", "client", "everything")
    return any(line.strip().startswith(f"{name} = ") for name in names)


async def test_a_failing_listeners_log_holds_no_secret(server, make_client, caplog):
    """A listener that raises with the token in its text."""
    server.script((404, {"code": "NotFound.X", "message": "x"}))
    client = make_client(token_info={"access_token": PLANTED["access"]})

    @client.on("error")
    def careless(error, req_opt):
        raise RuntimeError(f"could not report {PLANTED['access']}")

    with pytest.raises(PDSError):
        await client.post_api("/file/get")
    assert "could not report ***" in caplog.text
    assert PLANTED["access"] not in caplog.text


async def test_what_events_carry_is_json_and_pickles(server, make_client):
    """Error trackers serialise it."""
    server.handler = echo
    client = make_client()
    told = []
    client.on("error", lambda error, req_opt: told.append((error, req_opt)))
    with pytest.raises(PDSError):
        await client.post_api("/file/get", {"a": [1, {"b": None}]})
    ((error, req_opt),) = told
    assert json.dumps(req_opt.data) == '{"a": [1, {"b": null}]}'
    again = pickle.loads(pickle.dumps(error))
    assert again.req_opt == req_opt
    assert str(again) == str(error)


SECRET_CALLS = [
    lambda c: c.share_link.get_share_token(share_id="s", share_pwd=PLANTED["password"]),
    lambda c: c.with_response(
        c.share_link.get_share_token, share_id="s", share_pwd=PLANTED["password"]
    ),
    lambda c: c.user.import_(
        authentication_type="mobile", identity="1", plain_password=PLANTED["password"]
    ),
    lambda c: c.oauth.token(
        grant_type="authorization_code", client_id="app", code=PLANTED["password"]
    ),
]


@pytest.mark.parametrize("call", SECRET_CALLS, ids=range(len(SECRET_CALLS)))
async def test_a_password_is_not_shown_by_a_typed_call(server, make_client, call):
    """A server may repeat it as it stands or as it was sent; frames have it in no variable."""
    client = make_client()
    server.handler = lambda seen: (
        400,
        {"code": "InvalidResource.X", "message": f"{PLANTED['password']}? {seen.body.decode()}"},
    )
    texts = []
    client.on("error", lambda error, req_opt: texts.append(shown_of_ours(error) + repr(req_opt)))
    with pytest.raises(PDSError) as caught:
        await call(client)
    texts.append(shown_of_ours(caught.value))
    assert len(texts) == 2
    assert PLANTED["password"] not in "".join(texts)
    assert "***? " in caught.value.message


def shown_of_ours(error: PDSError) -> str:
    """What an error shows, with the local variables of our own frames."""
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    ours = [str(frame.locals) for frame in told.stack if "/pdsclient/" in frame.filename]
    return "\n".join(
        [repr(error), repr(vars(error)), error.stack, repr(pickle.dumps(error)), *ours]
    )
