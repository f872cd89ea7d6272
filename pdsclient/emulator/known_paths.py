"""Every path that the vendor's SDKs know, whether it is emulated or not.

A known one that is not emulated answers 400 OperationNotSupport; any other is unknown: 404.
"""

from __future__ import annotations

GET_PATHS = frozenset({"/file/download", "/oauth/authorize"})

_POST = {
    "account": "get_link_info get_link_info_by_user_id link token unlink",
    "albums": "unassign_facegroup_item",
    "async_task": "get",
    "audit_log": "export",
    "batch": "",
    "benefit/identity_to_benefit_pkg_mapping": "create get list update",
    "csi": "get_file_info investigate_file",
    "csi/business": "punish_file",
    "domain": ("create create_order delete get get_quota list query_order_price search update"),
    "drive": (
        "create delete get get_default_drive list list_my_drives list_my_group_drive search update"
    ),
    "file": (
        "add_permission archive_files complete copy create delete delete_usertags get "
        "get_by_path get_download_url get_last_cursor get_office_edit_url "
        "get_office_preview_url get_upload_url get_video_preview_play_info "
        "get_video_preview_play_meta get_video_preview_url list list_by_custom_index_key "
        "list_delta list_inherit_permission list_manage_sharing_file list_permission "
        "list_received_file list_sharing_file list_uploaded_parts list_user_permission "
        "move pre_create_check put_usertags refresh_office_edit_token remove_permission "
        "scan search update video_drm_license"
    ),
    "file/revision": "delete get list restore update",
    "group": (
        "add_member create delete get list list_member remove_member search update update_name"
    ),
    "image": (
        "add_story_files create_customized_story create_similar_image_cluster_task "
        "create_story delete_story find_stories get_story get_task_status "
        "list_address_groups list_facegroups list_tags query_similar_image_clusters "
        "remove_story_files search_address_groups update_facegroup_info update_story"
    ),
    "membership": (
        "create delete get has_member list_direct_child_memberships "
        "list_direct_parent_memberships update"
    ),
    "oauth": "token",
    "recyclebin": "clear clear_all list restore search_all trash",
    "role": "assign cancel_assign list_assignment list_identity_role",
    "share_link": ("cancel create get get_by_anonymous get_share_token list search update"),
    "user": (
        "create delete general_get general_search get import list list_group_user search update"
    ),
}

POST_PATHS = frozenset(
    f"/{group}/{verb}" if verb else f"/{group}"
    for group, verbs in _POST.items()
    for verb in verbs.split(" ")
)
