"""From an error reply in any shape to the error that is raised."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from pdsclient import errors
from pdsclient._protocol import Reply, reply_error, retry_after_s, undecodable
from pdsclient.errors import PDSError

SECRET = "060e78d36afb4879b51e4264e9541c16"
NOW = 1_700_000_000.0


def read(status: int, body: bytes | str | dict[str, Any] = b"", **headers: str) -> PDSError:
    """The error for a reply; header names are written with underscores."""
    if isinstance(body, dict):
        body = json.dumps(body)
    raw = body.encode() if isinstance(body, str) else body
    named = CIMultiDict({name.replace("_", "-"): text for name, text in headers.items()})
    error = reply_error(Reply(status, named, raw), now=NOW)
    assert error is not None
    return error


# ---------------------------------------------------------------------------- shapes


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_a_success(status: int) -> None:
    """Also a body with a ``code`` is a success when the status says so."""
    body = b'{"code":"VideoPreviewWaitAndRetry","message":"not ready"}'
    assert reply_error(Reply(status, {}, body), now=NOW) is None


@pytest.mark.parametrize(
    "body",
    [
        {"code": "NotFound.FileId", "message": "gone", "requestId": "R-1"},
        {"Code": "NotFound.FileId", "Message": "gone", "RequestId": "R-1"},
        {"code": "NotFound.FileId", "message": "gone", "request_id": "R-1", "extra": [None]},
        {"code": "NotFound.FileId", "message": "gone", "requestId": "R-1", "n": 1e400},
    ],
)
def test_json_bodies_are_read_in_both_spellings(body: dict[str, Any]) -> None:
    """Lower-case and capitalised keys, unknown fields and odd numbers change nothing."""
    error = read(404, body, content_type="application/json")
    assert type(error) is errors.NotFound
    assert (error.code, error.message, error.req_id) == ("NotFound.FileId", "gone", "R-1")
    assert (error.status, error.type) == (404, "ServerError")


@pytest.mark.parametrize("body", [b'\xef\xbb\xbf{"code":"Forbidden"}', b' \n{"code":"Forbidden"}'])
def test_marks_before_the_json_do_no_harm(body: bytes) -> None:
    """A byte order mark and white space before the object are skipped."""
    assert read(403, body).code == "Forbidden"


def test_success_shaped_body_with_a_code() -> None:
    """A create reply with ``code`` and ``message`` added, as pre-hash matches come."""
    body = {
        "drive_id": "1",
        "file_id": "f",
        "rapid_upload": False,
        "code": "PreHashMatched",
        "message": "Pre hash matched.",
    }
    error = read(409, body)
    assert type(error) is errors.Conflict
    assert error.code == "PreHashMatched"


def test_oauth_errors() -> None:
    """The error form of OAuth has other names for the same things."""
    error = read(400, {"error": "invalid_grant", "error_description": "expired"})
    assert (error.code, error.message) == ("invalid_grant", "expired")


def test_gateway_error_with_an_empty_body() -> None:
    """Headers of the gateway are the error when there is no body."""
    error = read(
        504, x_ca_error_code="D504TO", x_ca_error_message="timeout", x_ca_request_id="REQ-1"
    )
    assert type(error) is errors.ServiceFailure
    assert (error.code, error.message, error.req_id) == ("D504TO", "timeout", "REQ-1")
    assert error.body is None
    assert error.may_have_happened


def test_gateway_error_with_a_foreign_body() -> None:
    """A body that is not ours does not hide the gateway's headers, and is kept."""
    error = read(404, "<html>404</html>", X_Ca_Error_Code="I404NF")
    assert (error.code, error.message) == ("I404NF", "I404NF")
    assert error.body == "<html>404</html>"


def test_body_of_the_service_goes_before_the_gateway() -> None:
    """When both name an error, the service's own word is the more precise one."""
    assert read(400, {"code": "InvalidParameter"}, x_ca_error_code="X").code == "InvalidParameter"


OSS = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code>'
    "<Message>Request has expired &amp; is refused.</Message>"
    "<RequestId>5C3D</RequestId><HostId>h</HostId></Error>"
)


def test_oss_error() -> None:
    """The XML of the data plane is read too, with its entities."""
    error = read(403, OSS, content_type="application/xml")
    assert type(error) is errors.PermissionDenied
    assert error.code == "AccessDenied"
    assert error.message == "Request has expired & is refused."
    assert error.req_id == "5C3D"


@pytest.mark.parametrize(
    "body",
    [
        b"<Error><Message>no code</Message></Error>",
        b"<Error><Code></Code></Error",
        b"<Code>AccessDenied</Code>",
        b"<Error>" * 100_000,
        b"<html><body><h1>502 Bad Gateway</h1></body></html>",
        b"plain text",
        b"\xff\xfe\x00broken",
        b"[]",
        b'[{"code":"NotFound"}]',
        b'"NotFound"',
        b"null",
        b"{}",
        b'{"code":null,"message":null}',
        b'{"code":404}',
        b'{"code":{"a":1}}',
        b'{"error":{"code":"NotFound"}}',
        b'{"code":"Not',
        b'{"a":' * 200_000,
        b"[" * 200_000,
        b'{"n":' + b"9" * 10_000 + b"}",
        b'{"code":"NotFound"' + b" " * (1 << 19) + b"}",
    ],
    ids=lambda body: repr(body[:24]),
)
def test_bodies_that_name_no_error_are_judged_by_the_status(body: bytes) -> None:
    """Any other body gives the class of the status, a bounded text and no other exception."""
    error = read(502, body, content_type="text/html; charset=x")
    assert type(error) is errors.ServiceFailure
    assert (error.code, error.type) == ("ServerError", "ServerError")
    assert error.message == "HTTP 502 with a body that names no error (text/html)"
    assert error.body is not None
    assert len(error.body) <= 2_001


def test_empty_bodies() -> None:
    """An empty 429 is throttling, other empty replies are a nameless server error."""
    throttled = read(429)
    assert (type(throttled), throttled.code) == (errors.RateLimited, "TooManyRequests")
    failed = read(500)
    assert (failed.code, failed.message) == ("ServerError", "HTTP 500 with an empty body")


def test_code_without_message() -> None:
    """A code alone is its own message."""
    assert str(read(400, {"code": "X"})) == "X: X (HTTP 400)"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_answers_we_do_not_understand(status: int) -> None:
    """A redirect is never followed, and its target with its query is not shown."""
    error = read(status, location="https://elsewhere.example/?token=" + SECRET)
    assert type(error) is errors.DecodeError
    assert error.status == status
    assert SECRET not in f"{error!r}{error}{vars(error)}"


# ---------------------------------------------------------------------------- classes

CODES = [
    (400, "InvalidParameter", errors.BadRequest),
    (400, "InvalidParameterEmpty", errors.BadRequest),
    (400, "InvalidParameterWrongFormat", errors.BadRequest),
    (400, "InvalidRequestJSONFormat", errors.BadRequest),
    (400, "InvalidParameterNotSupported", errors.BadRequest),
    (400, "InvalidParameterMissing", errors.BadRequest),
    (400, "InvalidParameterNotMatch", errors.BadRequest),
    (400, "InvalidParameterOutOfRange", errors.BadRequest),
    (400, "InvalidParameterExpired", errors.BadRequest),
    (401, "AccessTokenInvalid", errors.AuthError),
    (401, "ShareLinkTokenInvalid", errors.ShareTokenInvalid),
    (403, "ForbiddenNoPermission", errors.PermissionDenied),
    (403, "Forbidden", errors.PermissionDenied),
    (404, "NotFound", errors.NotFound),
    (409, "AlreadyExist", errors.Conflict),
    (409, "StateConflict", errors.Conflict),
    (429, "TooManyRequests", errors.RateLimited),
    (500, "InternalError", errors.ServiceFailure),
    (503, "ServiceUnavailable", errors.ServiceFailure),
    # seen in the wild
    (400, "InvalidParameter.RefreshToken", errors.BadRequest),
    (400, "InvalidParameter.ClientId", errors.BadRequest),
    (400, "InvalidParameter.ExpireSec", errors.BadRequest),
    (400, "InvalidParameter.Name", errors.BadRequest),
    (400, "InvalidParameter.ToParentFileId", errors.BadRequest),
    (400, "InvalidParameterNotSupported.ParallelUpload", errors.BadRequest),
    (400, "InvalidParameterNotMatch.ShareId", errors.BadRequest),
    (400, "InvalidResource.SharePwd", errors.BadRequest),
    (400, "InvalidResource.FileTypeFolder", errors.BadRequest),
    (400, "ShareLink.Cancelled", errors.BadRequest),
    (400, "ShareLink.Expired", errors.BadRequest),
    (400, "ShareLink.Forbidden", errors.BadRequest),
    (400, "OperationNotSupport", errors.BadRequest),
    (400, "InvalidRapidProof", errors.BadRequest),
    (400, "BadRequest", errors.BadRequest),
    (400, "JsonParseException", errors.BadRequest),
    (400, "QuotaExhausted.Drive", errors.QuotaExceeded),
    (409, "QuotaExhausted.Drive", errors.QuotaExceeded),
    (401, "AccessTokenExpired", errors.AuthError),
    (401, "TokenExpired", errors.AuthError),
    (403, "ForbiddenNoPermission.file", errors.PermissionDenied),
    (403, "CheckRouterAccessFailed", errors.PermissionDenied),
    (403, "ForbiddenFileInTheRecycleBin", errors.PermissionDenied),
    (403, "ForbiddenDriveLocked", errors.PermissionDenied),
    (403, "ForbiddenDriveNotValid", errors.PermissionDenied),
    (403, "UserNotAllowedAccessDrive", errors.PermissionDenied),
    (403, "PermissionDenied", errors.PermissionDenied),
    (403, "ExceedCapacityForbidden", errors.QuotaExceeded),
    (403, "SharelinkCreateExceedDailyLimit", errors.QuotaExceeded),
    (403, "FileShareNotAllowed", errors.PermissionDenied),
    (404, "NotFound.FileId", errors.NotFound),
    (400, "NotFound.File", errors.NotFound),
    (404, "NotFound.drive", errors.NotFound),
    (409, "AlreadyExist.File", errors.Conflict),
    (409, "PreHashMatched", errors.Conflict),
    (429, "QpsLimitExceed.User", errors.RateLimited),
    (429, "ParamFlowException", errors.RateLimited),
    (400, "Throttling.Api", errors.RateLimited),
    (400, "FeatureTemporaryDisabled", errors.BadRequest),
    (418, "SomethingNew", errors.ReplyError),
    (599, "SomethingNew", errors.ServiceFailure),
    # the status that goes before any code
    (401, "NotFound.User", errors.AuthError),
    (429, "AccessTokenInvalid", errors.RateLimited),
    (429, "SomethingNew", errors.RateLimited),
    # the base ends at the first dot, and is compared as a whole
    (404, "NotFound.File.Revision", errors.NotFound),
    (400, "NotFoundation", errors.BadRequest),
    (400, ".NotFound", errors.BadRequest),
]


@pytest.mark.parametrize(("status", "code", "kind"), CODES)
def test_class_by_base_of_the_code_else_by_status(
    status: int, code: str, kind: type[PDSError]
) -> None:
    """Every code of the reference has its class, and an unknown one that of its status."""
    error = read(status, {"code": code, "message": "m"})
    assert type(error) is kind
    assert error.code == code


GATEWAY = {
    400: "I400HD I400MH I400BD I400PA I400RU I400CT I400SG I400MP I400IP I400NC I400I5 I400JR "
    "A400IK A400MA A400AC X400PM",
    401: "A401AC",
    403: "I403PT A403IS A403EP A403IP A403VN A403AC A403CO A403PR A403IN I403AA X403DG "
    "B403MQ B403ME B403MI B403OD B403MO",
    404: "I404DO I404NF I404NR I404SR",
    405: "I405UM",
    410: "I410GG",
    413: "I413RL I413UL",
    429: "T429ID T429IN T429GR T429PA T429PR T429SR T429MR",
    451: "B451DO B451GO",
    500: "X500ER X500ED X500AM",
    502: "D502FC N502RE",
    503: "D503BB D503CB X503BZ",
    504: "D504TO X504TO D504RE D504IL D504CO D504CS X504VE",
}
BY_STATUS = {
    400: errors.BadRequest,
    401: errors.AuthError,
    403: errors.PermissionDenied,
    404: errors.NotFound,
    429: errors.RateLimited,
}


@pytest.mark.parametrize(
    ("status", "code"), [(status, code) for status in GATEWAY for code in GATEWAY[status].split()]
)
def test_gateway_codes_have_the_class_of_their_status(status: int, code: str) -> None:
    """Codes of the API gateway come in headers; the three digits are their status."""
    error = read(status, x_ca_error_code=code)
    usual = errors.ServiceFailure if status >= 500 else errors.ReplyError
    assert type(error) is BY_STATUS.get(status, usual)
    assert error.code == code


@pytest.mark.parametrize(("status", "code"), [(400, "I400JD"), (403, "A403JT"), (403, "A403JE")])
def test_gateway_codes_about_the_token_are_auth_errors(status: int, code: str) -> None:
    """What the gateway says about a JWT means that a new one is needed, whatever the status."""
    assert type(read(status, x_ca_error_code=code)) is errors.AuthError


def test_a_server_cannot_report_a_client_error() -> None:
    """The code ``ClientError`` is ours alone, so that ``type`` and ``status`` stay true."""
    error = read(400, {"code": "ClientError", "message": "m"})
    assert (error.type, error.code, error.status) == ("ServerError", "ServerError", 400)


@pytest.mark.parametrize("status", [500, 501, 502, 503, 504])
def test_failures_of_the_service_may_have_happened(status: int) -> None:
    """After a 5xx nobody knows; after a 4xx nothing happened."""
    assert read(status).may_have_happened
    assert not read(400).may_have_happened


def test_the_request_id_is_the_headers() -> None:
    """``x-ca-request-id`` in any case goes before an id in the body."""
    body = {"code": "X", "message": "m", "requestId": "body"}
    assert read(400, body, X_CA_Request_Id="header").req_id == "header"
    assert read(400, body, x_ca_request_id="").req_id == "body"
    assert read(400, {"code": "X", "requestId": None}).req_id is None


# ---------------------------------------------------------------------------- waits


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 30.0),
        ("3600", 3600.0),
        ("0", 0.0),
        ("1.5", 1.5),
        (" 7 ", 7.0),
        ("Tue, 14 Nov 2023 22:13:50 GMT", 30.0),
        ("Tue, 14 Nov 2023 22:13:50 -0000", 30.0),
        ("Wed, 15 Nov 2023 06:13:50 +0800", 30.0),
        ("Tuesday, 14-Nov-23 22:13:50 GMT", 30.0),
        ("Tue Nov 14 22:13:50 2023", 30.0),
        ("Tue, 14 Nov 2023 22:13:00 GMT", 0.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("-5", None),
        ("inf", None),
        ("nan", None),
        ("1" * 400, None),
        ("", None),
        ("soon", None),
        ("Tue, 99 Nov 2023 22:13:50 GMT", None),
        ("Tue, 14 Nov 99999 22:13:50 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 -2359", None),
        ("\ud800", None),
    ],
)
def test_retry_after(text: str, seconds: float | None) -> None:
    """Seconds or any form of HTTP date; what makes no sense is no wait."""
    assert retry_after_s({"retry-after": text}, NOW) == seconds


@pytest.mark.parametrize("zone", ["UTC", "Asia/Shanghai", "America/Los_Angeles"])
def test_dates_without_a_zone_are_gmt_wherever_we_are(
    zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old date form is read alike under every local time zone."""
    read_zone = getattr(time, "tzset", lambda: None)  # elsewhere the zone is the machine's own
    monkeypatch.setenv("TZ", zone)
    read_zone()
    try:
        assert retry_after_s({"retry-after": "Tue Nov 14 22:13:50 2023"}, NOW) == 30.0
    finally:
        monkeypatch.undo()
        read_zone()


def test_milliseconds_of_the_open_platform() -> None:
    """``x-retry-after`` is in milliseconds, and serves when the standard header makes no sense."""
    assert retry_after_s({"x-retry-after": "1500"}, NOW) == 1.5
    assert retry_after_s({"retry-after": "2", "x-retry-after": "1500"}, NOW) == 2
    assert retry_after_s({"retry-after": "soon", "x-retry-after": "1500"}, NOW) == 1.5
    assert retry_after_s({"x-retry-after": "-1"}, NOW) is None
    assert retry_after_s({}, NOW) is None


@given(st.text(max_size=60), st.text(max_size=30))
def test_no_header_breaks_the_reading_of_waits(seconds: str, milliseconds: str) -> None:
    """Any text gives a finite number from zero up, or nothing."""
    wait = retry_after_s({"retry-after": seconds, "x-retry-after": milliseconds}, NOW)
    assert wait is None or 0 <= wait < float("inf")


# ---------------------------------------------------------------------------- hostile replies


@given(
    st.integers(300, 599),
    st.binary(max_size=200) | st.from_regex(rb'\{"(code|Code)":"\w*"[^}]*\}', fullmatch=True),
    st.dictionaries(
        st.sampled_from(["x-ca-error-code", "x-ca-request-id", "content-type", "retry-after"]),
        st.text(max_size=40),
    ),
)
def test_any_reply_becomes_an_error_of_ours(
    status: int, body: bytes, headers: dict[str, str]
) -> None:
    """Whatever the bytes, the result is a PDSError that can be shown anywhere."""
    error = reply_error(Reply(status, headers, body), now=NOW)
    assert isinstance(error, (errors.ReplyError, errors.AuthError, errors.DecodeError))
    f"{error}{error!r}{error.body}{error.code}{error.req_id}{error.message}".encode()
    assert str(error).isprintable()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["code", "message", "requestId", "x"]), JSON))
def test_any_json_object_becomes_an_error_of_ours(document: dict[str, Any]) -> None:
    """Wrong types, lone surrogates and infinities in the body do no harm."""
    error = read(400, json.dumps(document))
    f"{error}{error.body}{error.code}{error.req_id}".encode()
    assert error.status == 400


@pytest.mark.parametrize(
    "body",
    [
        {"code": "X", "message": f"refresh_token={SECRET}"},
        {"code": f"refresh_token={SECRET}", "message": "m"},
        {"code": "X", "message": "m", "refresh_token": SECRET},
        {"code": "X", "message": "m", "detail": {"items": [{"share_token": SECRET}]}},
        {"code": "X", "message": "m", "download_url": f"https://oss.example/f?Signature={SECRET}"},
        {"code": "X", "message": "m", "echo": json.dumps({"access_token": SECRET})},
        {"code": "X", "message": "m", "requestId": f"Bearer {SECRET}"},
        f"<Error><Code>X</Code><Message>https://h/x?Signature={SECRET}</Message></Error>",
        f'<html>{{"access_token":"{SECRET}"',
        f"Authorization: Bearer {SECRET}",
        " " * 1_990 + f'{{"access_token":"{SECRET}"',
    ],
)
def test_secrets_in_the_reply_are_in_no_attribute(body: Any) -> None:
    """A reply that echoes a credential does not carry it into the error."""
    error = read(400, body)
    assert SECRET not in f"{error}{error!r}{vars(error)}{error.stack}"


def test_known_secrets_are_hidden_by_value() -> None:
    """A token in force is hidden wherever it stands, without any sign that it is one."""
    raw = json.dumps({"code": f"X{SECRET}", "message": f"odd {SECRET} text"}).encode()
    error = reply_error(Reply(400, {}, raw), now=NOW, known=(SECRET,))
    assert error is not None
    assert SECRET not in f"{error}{vars(error)}"
    assert error.message == "odd *** text"


def test_long_replies_are_cut() -> None:
    """Code, message, id and body are bounded, so that an error costs no memory."""
    error = read(400, {"code": "C" * 9_000, "message": "m" * 9_000}, x_ca_request_id="r" * 9_000)
    assert [len(text or "") for text in (error.code, error.message, error.req_id, error.body)] == [
        201,
        1_001,
        201,
        2_001,
    ]


def test_control_characters_of_a_server_do_not_reach_the_terminal() -> None:
    """The message is kept as sent; what is printed holds no escape and no bidi sequence."""
    error = read(400, {"code": "X", "message": "\x1b[31mred\u202e\r\nX"})
    assert error.message == "\x1b[31mred\u202e\r\nX"
    assert str(error) == "X: \ufffd[31mred\ufffd  X (HTTP 400)"


def test_answers_not_understood() -> None:
    """The error says what came, and that a 2xx took effect."""
    reply = Reply(200, {"content-type": "text/html; x=y", "x-ca-request-id": "R"}, b"<html>")
    error = undecodable(reply, "not JSON")
    assert (
        str(error)
        == "ServerError: not JSON (HTTP 200, text/html, 6 bytes) (HTTP 200, request id R)"
    )
    assert error.may_have_happened
    assert error.body == "<html>"
    assert undecodable(Reply(302, {}, b""), "x").message == "x (HTTP 302, no content type, 0 bytes)"
