"""Many operations in few requests, each with an outcome of its own."""

from __future__ import annotations

import asyncio
import json
import pickle
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pdsclient import (
    AsyncPDSClient,
    AuthError,
    BadRequest,
    ClientClosed,
    DecodeError,
    InvalidRequest,
    NotFound,
    OutcomeUnknown,
    PDSError,
    RateLimited,
    RetryPolicy,
    RuntimeContext,
    ServiceFailure,
    _codec,
)
from pdsclient.batching import _Batch
from pdsclient.models import File


def found(data):
    return 200, {"file_id": data["file_id"], "name": f"name of {data['file_id']}"}


def gets(client, *ids):
    return [client.file.get.item(drive_id="1", file_id=one) for one in ids]


async def test_replies_are_typed_and_in_the_order_of_the_calls(service, client):
    """Each call gets what the operation itself would have given."""
    service.on("/file/get", found)
    outcomes = await client.run_batch(gets(client, "a", "b", "c"))
    assert [one.name for one in outcomes] == ["name of a", "name of b", "name of c"]
    assert all(isinstance(one, File) for one in outcomes)
    assert outcomes.raise_first() == outcomes.replies == list(outcomes)
    assert (len(outcomes), outcomes.failures) == (3, {})


async def test_the_envelope_is_as_documented(service, client):
    """Ids are unique, urls have no version, bodies say what they are."""
    service.on("/drive/get", lambda data: (200, {"drive_id": "1"}))
    await client.run_batch([client.drive.get.item(drive_id="1")], resource="drive")
    assert service.sent("/batch") == [
        {
            "resource": "drive",
            "requests": [
                {
                    "id": "0",
                    "method": "POST",
                    "url": "/drive/get",
                    "headers": {"Content-Type": "application/json"},
                    "body": {"drive_id": "1"},
                }
            ],
        }
    ]


async def test_a_failure_is_an_object_at_its_place(service, client, refuse):
    """One that fails disturbs no other, and tells which request it was."""
    service.on("/file/get", lambda data: refuse(404, "NotFound.FileId") if data["file_id"] == "b"
               else found(data))  # fmt: skip
    outcomes = await client.run_batch(gets(client, "a", "b", "c"))
    failure = outcomes[1]
    assert isinstance(failure, NotFound)
    assert (failure.code, failure.status, failure.attempts) == ("NotFound.FileId", 404, 1)
    assert failure.req_opt.url.endswith("/v2/file/get")
    assert failure.req_opt.data == {"drive_id": "1", "file_id": "b"}
    assert "test_a_failure_is_an_object" in failure.stack
    assert [one.file_id for one in outcomes.replies] == ["a", "c"]
    assert outcomes.failures == {1: failure}
    with pytest.raises(NotFound):
        outcomes.raise_first()


async def test_more_calls_than_fit_are_divided(service, client):
    """No envelope has more than a hundred, and the order stays."""
    service.on("/file/get", found)
    ids = [f"f{number}" for number in range(250)]
    outcomes = await client.run_batch(gets(client, *ids))
    assert [one.file_id for one in outcomes] == ids
    assert sorted(len(one["requests"]) for one in service.sent("/batch")) == [50, 100, 100]


async def test_a_bounded_number_of_requests_is_under_way(service, client):
    """``chunk`` and ``concurrency`` say how large and how many."""
    under_way = most = 0
    answer = service.batch

    async def batch(data):
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return await answer(data)

    service.on("/batch", batch)
    service.on("/file/get", found)
    outcomes = await client.run_batch(
        (call for call in gets(client, *map(str, range(1, 31)))), chunk=3, concurrency=2
    )
    assert len(outcomes.replies) == 30
    assert most <= 2
    assert len(service.sent("/batch")) == 10


async def test_no_calls_send_nothing(service, client):
    """An empty batch is done."""
    assert list(await client.run_batch([])) == []
    assert service.seen == []


@pytest.mark.parametrize(
    ("how", "word"),
    [
        (lambda c: c.run_batch([{"file_id": "x"}]), "item 0 of the batch is a dict"),
        (lambda c: c.run_batch([], resource="files"), "resource must be one of file, drive"),
        (lambda c: c.run_batch([], chunk=101), "chunk must be an int from 1 to 100"),
        (lambda c: c.run_batch([], concurrency=0), "concurrency must be"),
    ],
)
async def test_wrong_arguments_are_refused_before_anything_is_sent(service, client, how, word):
    """Also one wrong call among many."""
    with pytest.raises(InvalidRequest, match=word):
        await how(client)
    assert service.seen == []


async def test_a_call_is_checked_where_it_is_written(client):
    """Not when the batch is sent, from where its line could not be told."""
    with pytest.raises(InvalidRequest, match="file_id must not be empty"):
        client.file.get.item(drive_id="1", file_id="")
    with pytest.raises(InvalidRequest, match="cannot be part of a batch"):
        client.file.download.item(drive_id="1", file_id="a")
    assert repr(client.file.get.item(drive_id="1", file_id="a")) == "<BatchCall /file/get>"


async def test_a_page_of_a_listing_can_be_part_of_a_batch(service, client):
    """Its outcome is the page."""
    service.on("/file/search", (200, {"items": [{"name": "a"}], "next_marker": "m"}))
    call = client.file.search.item(drive_id="1", query='name = "a"')
    page = (await client.run_batch([call]))[0]
    assert ([one.name for one in page.items], page.next_marker) == (["a"], "m")
    assert page.raw() == {"items": [{"name": "a"}], "next_marker": "m"}


async def test_a_call_without_a_reply_is_done(service, client):
    """A 204 without a body gives an empty model, or None."""
    service.on("/recyclebin/trash", (204, None))
    service.on("/file/delete_usertags", (204, None))
    outcomes = await client.run_batch(
        [
            client.recyclebin.trash.item(drive_id="1", file_id="a"),
            client.file.delete_usertags.item(drive_id="1", file_id="a", key_list=["k"]),
        ]
    )
    assert (outcomes[0].async_task_id, outcomes[1]) == (None, None)


class TestMatching:
    """Answers are found by their ids."""

    async def test_the_order_of_the_answers_does_not_matter(self, service, client):
        """A shuffled envelope is the same envelope."""

        async def shuffled(data):
            status, body = await service.batch(data)
            random.Random(7).shuffle(body["responses"])
            return status, body

        service.on("/batch", shuffled)
        service.on("/file/get", found)
        ids = [f"f{number}" for number in range(20)]
        outcomes = await client.run_batch(gets(client, *ids))
        assert [one.file_id for one in outcomes] == ids

    @pytest.mark.parametrize("name", [None, "something else"])
    async def test_answers_without_a_known_id_are_taken_by_their_place(self, service, client, name):
        """The vendor's own client relies on the order alone."""

        async def nameless(data):
            status, body = await service.batch(data)
            return status, {"responses": [{**one, "id": name} for one in body["responses"]]}

        service.on("/batch", nameless)
        service.on("/file/get", found)
        outcomes = await client.run_batch(gets(client, "a", "b"))
        assert [one.file_id for one in outcomes] == ["a", "b"]

    @pytest.mark.parametrize("missing", [{}, {"responses": None}, {"responses": [None, {}]}])
    async def test_a_missing_answer_is_an_unknown_outcome(self, service, client, missing):
        """What may not be sent twice has failed; nobody knows whether it happened."""
        service.on("/batch", (200, missing))
        calls = [client.recyclebin.trash.item(drive_id="1", file_id=one) for one in "ab"]
        outcomes = await client.run_batch(calls)
        assert [type(one) for one in outcomes] == [OutcomeUnknown] * 2
        assert all(one.may_have_happened for one in outcomes)
        assert len(service.seen) == 1

    async def test_a_missing_answer_is_asked_for_again_where_that_is_harmless(
        self, service, client
    ):
        """Only what is missing is sent again."""
        service.on("/file/get", found)

        async def partial(data):
            status, body = await service.batch(data)
            kept = [one for one in body["responses"] if one["body"]["file_id"] != "b"]
            service.handlers.pop("/batch")
            return status, {"responses": kept}

        service.on("/batch", partial)
        outcomes = await client.run_batch(gets(client, "a", "b"))
        assert [one.file_id for one in outcomes] == ["a", "b"]
        assert [len(one["requests"]) for one in service.sent("/batch")] == [2, 1]

    async def test_an_answer_in_another_form_is_a_failure_of_its_call(self, service, client):
        """It takes no other answer with it."""
        service.on("/batch", (200, {"responses": [
            {"id": "0", "status": 200, "body": [1]},
            {"id": "1", "status": 200, "body": {"file_id": "b"}},
        ]}))  # fmt: skip
        outcomes = await client.run_batch(gets(client, "a", "b"))
        assert isinstance(outcomes[0], DecodeError)
        assert outcomes[1].file_id == "b"


class TestRetries:
    """Calls in an envelope are repeated by the same policy as calls by themselves."""

    async def test_what_was_turned_away_is_sent_again_after_a_wait(
        self, service, client, time, refuse
    ):
        """Also what must not happen twice: a 429 says that it has not happened."""
        answers = {"a": [(204, None)], "b": [refuse(429, "TooManyRequests"), (204, None)]}
        service.on("/recyclebin/trash", lambda data: answers[data["file_id"]].pop(0))
        calls = [client.recyclebin.trash.item(drive_id="1", file_id=one) for one in "ab"]
        outcomes = await client.run_batch(calls)
        assert outcomes.failures == {}
        assert [len(one["requests"]) for one in service.sent("/batch")] == [2, 1]
        assert time.slept[0] == 0.5

    async def test_only_as_many_are_sent_as_are_accepted(self, service, client, refuse):
        """A service that takes ten of a hundred is not asked a hundred times ten."""

        async def ten(data):
            status, body = await service.batch(data)
            for answer in body["responses"][10:]:
                answer.update(status=429, body=None)
            return status, body

        service.on("/batch", ten)
        service.on("/file/get", found)
        ids = [f"f{number}" for number in range(100)]
        outcomes = await client.run_batch(gets(client, *ids))
        assert [one.file_id for one in outcomes.raise_first()] == ids
        sizes = [len(one["requests"]) for one in service.sent("/batch")]
        assert sum(sizes[1:]) < 200
        assert sizes[:3] == [100, 10, 20]

    async def test_a_failure_that_may_pass_is_repeated_only_where_it_is_harmless(
        self, service, client, refuse
    ):
        """A 500 leaves open what has happened."""
        service.on("/file/get", refuse(500, "InternalError"), found)
        service.on("/recyclebin/trash", refuse(500, "InternalError"), (204, None))
        got, trashed = await client.run_batch(
            [
                client.file.get.item(drive_id="1", file_id="a"),
                client.recyclebin.trash.item(drive_id="1", file_id="b"),
            ]
        )
        assert got.file_id == "a"
        assert isinstance(trashed, ServiceFailure)
        assert trashed.may_have_happened

    async def test_retries_end(self, service, make_client, refuse):
        """By the client's own limit, or by the caller's."""
        client = make_client(rate_limit=None)
        service.on("/file/get", refuse(429, "TooManyRequests"))
        (failure,) = await client.run_batch(gets(client, "a"))
        assert (type(failure), failure.attempts) == (RateLimited, 10)
        (failure,) = await client.with_options(retries=1).run_batch(gets(client, "a"))
        assert failure.attempts == 2

    async def test_retries_are_paid_from_the_clients_budget(self, service, make_client, refuse):
        """Batches cause no retry storm either."""
        client = make_client(retry=RetryPolicy(budget=7))
        service.on("/file/get", refuse(503, "ServiceUnavailable"))
        outcomes = await client.run_batch(gets(client, "a", "b", "c"))
        assert sorted(one.attempts for one in outcomes) == [1, 1, 2]

    async def test_no_retry_begins_after_the_deadline(self, service, client, refuse):
        """The deadline of a call is that of an envelope with its repeats."""
        service.on("/file/get", refuse(500, "InternalError"))
        (failure,) = await client.with_options(deadline=0.8).run_batch(gets(client, "a"))
        assert failure.attempts == 2

    async def test_the_caller_may_say_that_calls_are_harmless(self, service, client, refuse):
        """``idempotent`` counts for the calls in the envelope too."""
        service.on("/file/copy", refuse(500, "InternalError"), (201, {"file_id": "copy"}))
        call = client.file.copy.item(drive_id="1", file_id="a", to_parent_file_id="root")
        (copied,) = await client.with_options(idempotent=True).run_batch([call])
        assert copied.file_id == "copy"

    async def test_an_envelope_of_harmless_calls_is_repeated_as_a_whole(self, service, client):
        """One with a call that must not happen twice is not."""
        service.on("/file/get", found)
        service.on("/recyclebin/trash", (204, None))
        service.on("/batch", (500, None), service.batch)
        assert (await client.run_batch(gets(client, "a"))).failures == {}
        service.on("/batch", (500, None), service.batch)
        calls = [*gets(client, "a"), client.recyclebin.trash.item(drive_id="1", file_id="b")]
        assert [type(one) for one in await client.run_batch(calls)] == [ServiceFailure] * 2


async def test_a_failing_envelope_fails_its_own_calls_only(service, client, refuse):
    """The other envelopes go on, and nothing is raised."""
    service.on("/file/get", found)
    answers = [refuse(403, "CheckRouterAccessFailed"), None, None]

    async def batch(data):
        return answers.pop(0) or await service.batch(data)

    service.on("/batch", batch)
    outcomes = await client.run_batch(gets(client, *"abcdef"), chunk=2, concurrency=1)
    assert [type(one).__name__ for one in outcomes] == ["PermissionDenied"] * 2 + ["File"] * 4


async def test_without_a_credential_every_call_fails(make_client):
    """The error is that of a call by itself."""
    client = make_client(token_info=None)
    outcomes = await client.run_batch(gets(client, "a", "b"))
    assert [type(one) for one in outcomes] == [AuthError, AuthError]


async def test_secrets_stay_out_of_failures(service, client, refuse):
    """A server that echoes the credential does not bring it into an error."""
    token = "secret-token-of-the-test"
    service.on("/file/get", (400, {"code": "InvalidParameter", "message": f"no: {token}"}))
    (failure,) = await client.run_batch(gets(client, "a"))
    assert isinstance(failure, BadRequest)
    assert token not in f"{failure} {failure.body} {failure.stack} {failure.req_opt!r}"


async def test_cancelling_a_batch_leaves_nothing_behind(service, client):
    """All requests end with it."""
    begun = asyncio.Event()

    async def never(data):
        begun.set()
        await asyncio.Event().wait()

    service.on("/batch", never)
    running = asyncio.create_task(client.run_batch(gets(client, *"abcdef"), chunk=1))
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not [task for task in asyncio.all_tasks() if "_Batch" in repr(task)]


@settings(
    max_examples=25, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(
    faults=st.lists(st.sampled_from(["ok", "429", "500", "missing", "404"]), max_size=12),
    chunk=st.integers(1, 5),
    concurrency=st.integers(1, 3),
    seed=st.integers(0, 99),
)
def test_whatever_happens_each_call_gets_its_own_outcome(faults, chunk, concurrency, seed):
    """Faults that pass change nothing but the time; the others stay with their call."""
    asyncio.run(_whatever_happens(faults, chunk, concurrency, seed))


async def _whatever_happens(faults, chunk, concurrency, seed):
    struck = dict(enumerate(faults))

    def answer(one):
        number = int(one["body"]["file_id"])
        fault = struck.pop(number, "ok")
        if fault == "404":
            struck[number] = "404"
        status = {"429": 429, "500": 500, "404": 404}.get(fault, 200)
        return None if fault == "missing" else {
            "id": one["id"], "status": status, "body": {"file_id": str(number)},
        }  # fmt: skip

    async def run(call):
        engine.shared.limiter.reserve("batch")
        answers = [answer(one) for one in json.loads(call.body)["requests"]]
        random.Random(seed).shuffle(answers)
        return _codec.decode(json.dumps({"responses": answers}).encode(), call.kind)

    async def no_wait(seconds):
        await asyncio.sleep(0)

    client = AsyncPDSClient(
        api_endpoint="https://pds.invalid", context=RuntimeContext(sleep=no_wait)
    )
    engine = client._engine
    engine.run = run
    calls = [client.file.get.item(drive_id="1", file_id=str(at)) for at in range(len(faults))]
    batch = _Batch(engine, calls, "file")
    if calls:
        await batch.run(chunk, concurrency)
    for number, (fault, outcome) in enumerate(zip(faults, batch.outcomes, strict=True)):
        if fault == "404":
            assert isinstance(outcome, PDSError)
        else:
            assert outcome.file_id == str(number)
    await client.aclose()


async def test_a_call_too_deep_for_a_batch_fails_as_its_outcome(service, client):
    """What an envelope cannot hold is told like any other failure, not as a group of errors."""
    data = deep = {}
    for _ in range(61):
        deep["a"] = deep = {}
    item = client.with_options(validate=False).user.update.item(user_id="u", user_data=data)
    (failure,) = await client.run_batch([item])
    assert isinstance(failure, InvalidRequest)
    assert service.seen == []


@pytest.mark.parametrize("nothing", [None, ""])
async def test_an_empty_answer_in_a_batch_is_done(service, client, nothing):
    """Nothing is said in several ways; with a reply model it reads as an empty reply."""
    service.on("/recyclebin/trash", lambda data: (204, nothing))
    (outcome,) = await client.run_batch([client.recyclebin.trash.item(drive_id="1", file_id="a")])
    assert outcome.async_task_id is None


async def test_secrets_of_the_calls_stay_out_of_failures(service, client):
    """A server that repeats a password or a header does not bring it into an error."""
    planted = "planted-password-1"
    said = f"{planted} does not fit, nor planted-header-2"
    service.on(
        "/share_link/get_share_token", (400, {"code": "InvalidResource.SharePwd", "message": said})
    )
    view = client.with_options(headers={"X-Odd": "planted-header-2"})
    item = view.share_link.get_share_token.item(share_id="s", share_pwd=planted)
    (failure,) = await view.run_batch([item])
    assert "planted" not in f"{failure} {failure.body} {failure.stack} {failure.req_opt!r} {item!r}"
    assert "*** does not fit" in failure.message


async def test_the_rate_limiter_hears_of_refused_calls(service, client, refuse, monkeypatch):
    """A call turned away inside an envelope says as much as one that was refused by itself."""
    heard = []
    monkeypatch.setattr(
        "pdsclient.limits.RateLimiter.throttled", lambda self, *told: heard.append(told)
    )
    service.on("/file/get", refuse(429, "TooManyRequests"), found)
    (file,) = await client.run_batch(gets(client, "a"))
    assert file.file_id == "a"
    assert heard == [("batch", None)]


async def test_calls_that_succeed_pay_back(service, make_client, refuse):
    """Each of them as much as a call by itself, so that a later retry can be afforded."""
    client = make_client(retry=RetryPolicy(budget=5))
    service.on("/file/get", refuse(503, "ServiceUnavailable"), found)
    assert (await client.run_batch(gets(client, "a"))).failures == {}
    assert (await client.run_batch(gets(client, *"bcd"))).failures == {}
    service.on("/file/get", refuse(503, "ServiceUnavailable"), found)
    assert (await client.run_batch(gets(client, "e"))).failures == {}


async def test_a_closed_client_says_so(service, make_client):
    """It is a mistake of the program, and not the failure of single calls."""
    client = make_client()
    calls = gets(client, "a")
    await client.aclose()
    for attempt in (
        client.run_batch(calls),
        client.trash_files(["a"], drive_id="1"),
        client.create_folders(["a"], drive_id="1"),
    ):
        with pytest.raises(ClientClosed):
            await attempt
    assert service.seen == []


def test_a_call_that_holds_a_password_refuses_to_be_pickled(client):
    """Any other may travel to another process."""
    secret = client.share_link.get_share_token.item(share_id="s", share_pwd="a password")
    with pytest.raises(TypeError, match="holds a secret"):
        pickle.dumps(secret)
    again = pickle.loads(pickle.dumps(client.file.get.item(drive_id="1", file_id="f")))
    assert again.data == {"drive_id": "1", "file_id": "f"}


def test_a_call_that_cannot_be_sent_is_refused_where_it_is_written(client):
    """Also by a view that does not check what it sends."""
    view = client.with_options(validate=False)
    with pytest.raises(InvalidRequest, match="is a set"):
        view.file.get.item(drive_id="1", file_id={1})
    with pytest.raises(InvalidRequest, match="half of a surrogate pair"):
        view.file.search.item(drive_id="\ud800", query="size > 1")
