"""The switches: one for each thing about the service that no source settles.

A client that is to survive the real service should pass under every setting of each. Numbers in
brackets are sections of the service reference that the project keeps.
"""

from __future__ import annotations

from math import inf
from typing import Any, Literal, get_args

from attrs import field, frozen, validators

from pdsclient.errors import InvalidRequest

__all__ = ["RateLimit", "Settings"]

ListOrder = Literal["created_at ASC", "created_at DESC", "updated_at DESC", "name ASC", "size ASC"]
_ORDERS = get_args(ListOrder)


def _one_of(*allowed: str) -> Any:
    def check(_: object, attribute: Any, value: object) -> None:
        if value not in allowed:
            raise InvalidRequest(f"{attribute.name} must be one of {', '.join(allowed)}")

    return check


def _choice(default: str, *others: str) -> Any:
    return field(default=default, validator=_one_of(default, *others))


def not_negative(_: object, attribute: Any, value: float) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < inf:
        raise InvalidRequest(f"{attribute.name} must be a finite number of seconds, zero or more")


def positive(_: object, attribute: Any, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        raise InvalidRequest(f"{attribute.name} must be a number above zero")


@frozen(kw_only=True)
class Settings:
    """How the emulator behaves where the service's behaviour is unknown; defaults are the likely.

    Attributes:
        match_mode: ``match`` finds any part of a name, or whole words and their beginnings (5.5).
        index_delay_s: search sees changes this many seconds late, by the emulator's clock (5.9).
        keywords: search keywords in any case, or in lower case only (5.3).
        empty_query: a search without a query is an error, or finds everything.
        search_order: the order of a search that names none (5.7).
        list_order: the order of a list that names none (6.2).
        result_window: a search ends after this many items, None for never (5.8).
        pages: full, ``short`` ones with a marker, or ``empty`` ones with a marker in between (7).
        end_marker: the last page's ``next_marker`` is ``""``, absent or null (1.5).
        empty_items: a page without items has ``[]``, null or no ``items`` (1.5).
        total_count: exact, left out though asked for, ``estimated`` (rounded) or ``wrong`` (5.8).
        marker_life_s: a marker is refused when it is older, None for never.
        trashed_get: ``file/get`` of a trashed file gives it, or 403, or 404 (6.4).
        missing_parent: listing a folder that is not there is an error, or an empty page (6.2).
        not_found_status: the status of ``NotFound`` errors about files, 404 or 400 (3.4).
        ranges: data requests honour ``Range``, or answer 200 with everything (11.2).
        throttled: the form of a 429: ``empty``, ``json``, empty with ``retry-after`` (seconds),
            or JSON with ``x-retry-after`` (milliseconds) (4.1).
        expired_token: the code for an access token that is past its time (3.4).
        after_refresh: the old access token dies, survives, or is handed out again (2.5).
        token_expire_time: token replies have ``expire_time``, or it is missing (2.4).
        token_expires_in: as an int, or as text (2.4).
        login: ``/oauth/authorize`` signs the default user in at once, or shows a page that asks
            for a user (2.2).
        code_life_s: seconds until an authorization code expires (2.2).
        assertions: ``reusable``, or each ``jti`` of an app counts ``once`` (2.3).
        group_renamed: ``group/update_name`` gives the group, or 204 with nothing (1.6).
        unknown_members: a folder can be shared with users and groups that are not there, or that
            is ``refused`` (12).
        sharing_delay_s: ``file/list_sharing_file`` shows a folder this many seconds after it was
            shared, by the emulator's clock (13.39).
        preview_delay_s: a video or audio preview is ready this many seconds after it was first
            asked for; until then the answer is 202 ``VideoPreviewWaitAndRetry`` (3.1).
        share_drive_id: ``share_link/get`` tells the drive, or not (12).
        name_clash: a name is taken by a file or folder, or only by one of the ``same-type`` (10.2).
        name_case: names in other case are other names, or clash (17.11).
        name_lag_s: a name counts as taken this many seconds after it was created, by the emulator's
            clock: of two creates with ``refuse`` at once both succeed (10.2).
        rename_refused: ``file/update`` with ``refuse`` onto a taken name is 409, or answers with
            the ``existing`` file (14).
        pre_check_lag_s: ``file/pre_create_check`` knows of a file this many seconds after it was
            created, by the emulator's clock (6.4).
        tasks: an async task is begun for folders, for everything (``always``), or ``never`` (9).
        task_duration_s: how long a task takes, by the emulator's clock; nothing of its work is
            done before its end. With zero it is done before the reply (9).
        task_outcome: how tasks end: with ``PartialSucceed`` the work is done though one file is
            said to have failed, with ``Failed`` nothing is (9).
        task_life_s: a task is forgotten so long after its end, None for never (17.9).
        done_status: what is deleted, trashed or restored at once is answered 204 and nothing,
            or 200 with its ids (1.6).
        trash_life_s: seconds until the recycle bin deletes what is in it, None for never (12).
        cursor_life_s: a cursor of ``file/list_delta`` is refused when it is older, None for never
            (17.5).
        batch_order: the answers of a batch come in the order of its requests, or ``shuffled`` (8).
        batch_answers: the most items of a batch that are answered, None for all; further ones are
            missing from the reply though they were run (8).
        batch_throttle: the most items of a batch that are run, None for all; further ones are
            answered 429 (17.17).
        parallel_upload: parts may come in any order where the client asks for it, or such uploads
            are ``refused`` (10.4).
        parallel_rules: parallel parts of different sizes, or without a hash state, are taken, or
            refused at complete (``strict``); states that are sent are always checked (10.4).
        data_hash_name: the domain's hash of contents (10.1).
        smallest_part: parts but the last of fewer bytes are refused at complete; OSS has 102400
            there (4.2), the emulator none by default so that tests may be small.
        upload_life_s: an unfinished upload is dropped after this time (10.5).
        upload_url_life_s: how long URLs for parts live (10.4).
        wrong_crc64: a ``crc64_hash`` that is not the content's is refused at complete, or
            ``ignored`` (10.6).
        quota_status: the status of ``QuotaExhausted.Drive`` (3.4).
        revisions: old contents are kept, or a file has its ``latest`` only (12).
    """

    match_mode: Literal["substring", "tokens"] = _choice("substring", "tokens")
    index_delay_s: float = field(default=0.0, validator=not_negative)
    keywords: Literal["any-case", "lower-case"] = _choice("any-case", "lower-case")
    empty_query: Literal["error", "everything"] = _choice("error", "everything")
    search_order: ListOrder = field(default="created_at ASC", validator=_one_of(*_ORDERS))
    list_order: ListOrder = field(default="created_at DESC", validator=_one_of(*_ORDERS))
    result_window: int | None = field(default=None, validator=validators.optional(positive))
    pages: Literal["full", "short", "empty"] = _choice("full", "short", "empty")
    end_marker: Literal["empty", "missing", "null"] = _choice("empty", "missing", "null")
    empty_items: Literal["list", "null", "missing"] = _choice("list", "null", "missing")
    total_count: Literal["exact", "missing", "estimated", "wrong"] = _choice(
        "exact", "missing", "estimated", "wrong"
    )
    marker_life_s: float | None = field(default=None, validator=validators.optional(positive))
    trashed_get: Literal["file", "forbidden", "missing"] = _choice("file", "forbidden", "missing")
    missing_parent: Literal["error", "empty"] = _choice("error", "empty")
    not_found_status: Literal[404, 400] = field(default=404, validator=validators.in_((404, 400)))
    ranges: Literal["honoured", "ignored"] = _choice("honoured", "ignored")
    throttled: Literal["empty", "json", "retry-after", "x-retry-after"] = _choice(
        "empty", "json", "retry-after", "x-retry-after"
    )
    expired_token: Literal["AccessTokenInvalid", "AccessTokenExpired"] = _choice(
        "AccessTokenInvalid", "AccessTokenExpired"
    )
    after_refresh: Literal["dies", "survives", "same"] = _choice("dies", "survives", "same")
    token_expire_time: Literal["sent", "missing"] = _choice("sent", "missing")
    token_expires_in: Literal["int", "text"] = _choice("int", "text")
    unknown_members: Literal["accepted", "refused"] = _choice("accepted", "refused")
    sharing_delay_s: float = field(default=0.0, validator=not_negative)
    preview_delay_s: float = field(default=0.0, validator=not_negative)
    share_drive_id: Literal["sent", "missing"] = _choice("sent", "missing")
    login: Literal["at-once", "page"] = _choice("at-once", "page")
    code_life_s: float = field(default=600.0, validator=not_negative)
    assertions: Literal["reusable", "once"] = _choice("reusable", "once")
    group_renamed: Literal["group", "empty"] = _choice("group", "empty")
    name_clash: Literal["any-type", "same-type"] = _choice("any-type", "same-type")
    name_case: Literal["sensitive", "insensitive"] = _choice("sensitive", "insensitive")
    name_lag_s: float = field(default=0.0, validator=not_negative)
    rename_refused: Literal["error", "existing"] = _choice("error", "existing")
    pre_check_lag_s: float = field(default=0.0, validator=not_negative)
    tasks: Literal["folders", "always", "never"] = _choice("folders", "always", "never")
    task_duration_s: float = field(default=0.0, validator=not_negative)
    task_outcome: Literal["Succeed", "PartialSucceed", "Failed"] = _choice(
        "Succeed", "PartialSucceed", "Failed"
    )
    task_life_s: float | None = field(default=None, validator=validators.optional(positive))
    done_status: Literal[204, 200] = field(default=204, validator=validators.in_((204, 200)))
    trash_life_s: float | None = field(default=None, validator=validators.optional(positive))
    cursor_life_s: float | None = field(default=None, validator=validators.optional(positive))
    batch_order: Literal["kept", "shuffled"] = _choice("kept", "shuffled")
    batch_answers: int | None = field(default=None, validator=validators.optional(positive))
    batch_throttle: int | None = field(default=None, validator=validators.optional(positive))
    parallel_upload: Literal["supported", "refused"] = _choice("supported", "refused")
    parallel_rules: Literal["lenient", "strict"] = _choice("lenient", "strict")
    data_hash_name: Literal["sha1", "sha256"] = _choice("sha1", "sha256")
    smallest_part: int = field(default=0, validator=[validators.instance_of(int), validators.ge(0)])
    upload_life_s: float = field(default=864_000.0, validator=positive)
    upload_url_life_s: int = field(default=900, validator=[validators.instance_of(int), positive])
    wrong_crc64: Literal["refused", "ignored"] = _choice("refused", "ignored")
    quota_status: Literal[400, 409] = field(default=400, validator=validators.in_((400, 409)))
    revisions: Literal["kept", "latest"] = _choice("kept", "latest")


@frozen(kw_only=True)
class RateLimit:
    """How many requests are taken per second; more are answered 429.

    Attributes:
        per_second: the lasting rate.
        burst: how many may come at once after a pause; default is one second's worth.
        per: one bucket for the whole domain, or one for each operation.
    """

    per_second: float = field(validator=positive)
    burst: float | None = field(default=None, validator=validators.optional(positive))
    per: Literal["domain", "operation"] = _choice("domain", "operation")
