"""Which test stands for which statement of the service reference (pds-service.md).

Whoever removes or renames a test, or finds a statement without one, is told here. The statements
are named by their numbers, or by their words where they have none.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent

# Section 13: what the vendor's functional tests establish about the live service.
OBSERVATIONS = {
    1: "test_js_flows.test_wrong_method",
    2: "test_js_flows.test_wrong_method",
    3: "test_js_flows.test_many_files_at_once",
    4: "test_js_flows.test_login_as_a_user test_login_http.test_user_signs_in_by_assertion",
    5: "test_js_flows.test_login_as_a_user test_login_http.test_refresh_of_a_jwt_login",
    6: "test_js_flows.test_login_as_the_service test_login_http.test_service_signs_in_by_assertion",
    7: "test_js_flows.test_login_as_a_user",
    8: "test_js_flows.test_quota",
    9: "test_js_flows.test_drives_of_an_imported_user test_drives_http.test_user_with_a_drive",
    10: "test_js_flows.test_group_drives test_drives_http.test_group_drives",
    11: "test_js_flows.test_create_folder_twice test_uploads.test_refuse_names_what_is_there",
    12: "test_js_flows.test_rename test_http_changes.test_a_rename_is_answered_with_the_new_name",
    13: "test_js_flows.test_copy_and_move",
    14: "test_js_flows.test_copy_and_move",
    15: "test_js_flows.test_archive",
    16: "test_js_flows.test_delete_in_batch test_http_changes.test_deleting_is_for_good",
    17: "test_js_flows.test_search",
    18: "test_js_flows.test_stars test_http_changes.test_starred_files_are_listed_at_once",
    19: "test_js_flows.test_recycle_bin test_http_bin.test_all_bins_are_searched",
    20: "test_js_flows.test_by_path test_http_changes.test_files_are_found_by_path",
    21: "test_js_flows.test_breadcrumb",
    22: "test_js_flows.test_copy_and_move test_http_changes.test_a_folder_is_moved_from_the_root",
    23: "test_js_flows.test_small_contents test_uploads.test_a_text_is_uploaded_and_read_back",
    24: "test_js_flows.test_small_contents test_http_files.test_download_url_reply",
    25: "test_js_flows.test_check_before_creating",
    26: "test_js_flows.test_user_tags test_http_changes.test_tags_are_merged_and_removed_by_key",
    27: "test_js_flows.test_rapid_upload_of_what_came_without_a_hash",
    28: "test_js_flows.test_pre_hash",
    29: "test_js_flows.test_empty_file test_uploads.test_an_empty_file_is_rapid",
    30: "test_js_flows.test_download_in_chunks",
    31: "test_js_flows.test_resumed_upload",
    32: "test_js_flows.test_parallel_upload test_uploads.test_parallel_parts_come_in_any_order",
    33: "test_js_flows.test_upload_through_a_share",
    34: "test_js_flows.test_visit_a_share",
    35: "test_js_flows.test_visit_a_share test_share_links_http.test_passwords_are_asked_for",
    36: "test_js_flows.test_list_and_search_shares",
    37: "test_js_flows.test_breadcrumb_through_a_share",
    38: "test_js_flows.test_look_after_a_share",
    39: "test_js_flows.test_permissions test_permissions_http.test_listing_who_has_what",
    40: "test_js_flows.test_permissions test_permissions_http.test_withdrawn_operation",
    41: "test_js_flows.test_revisions",
    42: "test_js_flows.test_revisions",
    43: "test_js_flows.test_users_with_drives_stay",
    44: "test_js_flows.test_groups",
    45: "test_js_flows.test_roles",
    46: "test_js_flows.test_groups",
    47: "test_js_flows.test_accounts test_people_http.test_accounts_of_a_user",
    48: "test_js_flows.test_media test_previews_http.test_wait_and_retry",
}

# Section 15: the blueprint.
BLUEPRINT = {
    "everything else is 404 I404NF": "test_http_server.test_unknown_paths",
    "known, not supported": "test_previews_http.test_known_operations_that_are_not_emulated",
    "every response": "test_reference_examples.test_headers_of_every_response",
    "order of checks": "test_reference_examples.test_order_of_all_checks "
    "test_http_server.test_order_of_checks",
    "token expiry, both spellings": "test_identity_http.test_access_tokens_expire",
    "refresh rotation": "test_identity_http.test_refresh_rotates_both_tokens",
    "429 in its forms": "test_faults_http.test_rate_limit",
    "gateway 504 D504TO": "test_reference_examples.test_gateway_throttling_and_timeout "
    "test_faults_http.test_gateway_fault",
    "500 JSON": "test_faults_http.test_status_faults test_http_files."
    "test_failures_of_the_emulator_are_500",
    "reset before and after processing": "test_faults_http.test_cut_connections",
    "URL expiry": "test_reference_examples.test_expired_data_url test_http_files.test_urls_expire "
    "test_uploads.test_an_upload_url_expires_and_can_be_had_again",
    "PartNotSequential, PartAlreadyExist": "test_uploads.test_serial_parts_come_in_order",
    "NoSuchUpload": "test_uploads.test_a_completed_upload_is_gone",
    "PreHashMatched": "test_uploads.test_a_pre_hash_that_matches_asks_for_the_full_hash",
    "rapid hit": "test_uploads.test_a_second_upload_of_the_same_bytes_is_rapid",
    "rapid miss": "test_uploads.test_a_hash_with_another_size_is_not_rapid",
    "async everywhere": "test_http_bin.test_everything_or_nothing_is_a_task",
    "async duration": "test_http_bin.test_a_slow_task_shows_how_far_it_is",
    "async outcome": "test_http_bin.test_tasks_fail_by_a_switch",
    "index delay": "test_http_pages.test_search_lags_behind "
    "test_http_changes.test_search_learns_of_all_changes_late",
    "short pages": "test_http_pages.test_short_pages_have_markers",
    "items null, next_marker missing": "test_http_pages.test_end_of_listing_forms",
    "204 or 200": "test_http_changes.test_what_is_done_may_be_answered_200_with_ids",
    "Range ignored": "test_http_files.test_ranges_may_be_ignored",
    "duplicate names": "test_http_changes.test_names_are_not_unique_unless_asked_for",
    "concurrent refuse race": "test_reference_examples.test_refuse_may_race",
    "enterprise edition": "test_reference_examples.test_enterprise_edition_refuses",
    "signatures": "test_http_files.test_signatures_cover_the_request "
    "test_uploads.test_part_urls_are_for_putting_this_type_only",
    "PUT replies": "test_uploads.test_parts_become_one_content",
    "GET replies": "test_http_files.test_data_reply test_http_files.test_ranges",
    "search vectors": "test_reference_examples.test_search_vectors "
    "test_reference_examples.test_search_vectors_that_are_refused "
    "test_reference_examples.test_an_empty_query_finds_all_in_the_bin",
    "categories": "test_reference_examples.test_categories",
}

# Section 17: what nobody knows; each has a switch, or a test of what is assumed.
QUESTIONS = {
    1: "test_faults_http.test_rate_limit test_faults_http.test_rate_limit_changes_while_running",
    2: "test_http_pages.test_malformed_queries_are_refused",
    3: "test_http_pages.test_both_match_modes test_js_flows.test_search",
    4: "test_http_pages.test_result_window_ends_a_search",
    5: "test_http_pages.test_markers_expire test_http_delta.test_cursors_get_old_by_a_switch",
    6: "test_http_pages.test_keywords_may_have_to_be_lower_case "
    "test_reference_examples.test_names_and_values_in_queries_have_their_case",
    7: "test_http_pages.test_default_orders_are_switches",
    8: "test_http_files.test_get_trashed_files",
    9: "test_http_bin.test_unknown_and_forgotten_tasks_are_not_found "
    "test_http_delta.test_old_changes_are_dropped "
    "test_uploads.test_an_upload_ends_with_its_time",
    10: "test_uploads.test_what_complete_is_told_has_to_be_true "
    "test_uploads.test_a_wrong_checksum_may_pass_by_a_switch",
    11: "test_http_changes.test_names_in_other_case_clash_by_a_switch",
    12: "test_uploads.test_bad_parameters_are_named",
    13: "test_login_http.test_life_of_a_code",
    14: "test_identity_http.test_old_access_token_may_survive",
    15: "test_any_call.test_no_body_breaks_an_operation",
    16: "test_reference_examples.test_headers_of_every_response",
    17: "test_http_batch.test_torture test_http_batch.test_ten_items_are_answered_in_order",
    18: "test_reference_examples.test_search_vectors_that_are_refused "
    "test_http_pages.test_empty_query_may_find_everything",
}

# Section 18: the worked exchanges.
EXCHANGES = {
    "folder create, clash, rename clash": "test_folder_clash_and_rename_clash",
    "expired token and refresh": "test_expired_token_and_refresh",
    "pre-hash flow": "test_pre_hash_flow",
    "search, two pages": "test_search_in_two_pages",
    "folder trash and task": "test_folder_trash_and_task",
    "gateway throttling and timeout": "test_gateway_throttling_and_timeout",
    "expired data URL": "test_expired_data_url",
}

STATEMENTS = {
    **{f"13.{number}": names for number, names in OBSERVATIONS.items()},
    **{f"15 {words}": names for words, names in BLUEPRINT.items()},
    **{f"17.{number}": names for number, names in QUESTIONS.items()},
    **{f"18 {words}": f"test_reference_examples.{name}" for words, name in EXCHANGES.items()},
}


@cache
def names_in(module: str) -> frozenset[str]:
    path = TESTS / f"{module}.py"
    text = path.read_text("utf-8") if path.exists() else ""
    return frozenset(re.findall(r"^(?:async )?def (test_\w+)", text, re.MULTILINE))


def test_every_number_is_there() -> None:
    """The numbered statements of the reference are all in the tables."""
    assert list(OBSERVATIONS) == list(range(1, 49))
    assert list(QUESTIONS) == list(range(1, 19))


@pytest.mark.parametrize("statement", STATEMENTS)
def test_statement_has_a_test(statement: str) -> None:
    """Each statement names tests that exist."""
    names = STATEMENTS[statement].split()
    assert names
    for name in names:
        module, _, test = name.partition(".")
        assert test in names_in(module), f"{name} is not there"
