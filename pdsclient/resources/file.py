"""Operations under ``/v2/file``."""

from __future__ import annotations

from pdsclient.models import browse, change, content, delta, permission, preview, revision, upload
from pdsclient.models.file import File, FilePage
from pdsclient.operations import Nested, Op, PagedOp, Resource

__all__ = ["FileResource", "RevisionResource"]


class RevisionResource(Resource):
    """``client.file.revision``: the versions of a file's content."""

    delete = Op("/file/revision/delete", revision.DeleteRevisionRequest, None)
    get = Op("/file/revision/get", revision.GetRevisionRequest, revision.Revision)
    list = PagedOp("/file/revision/list", revision.ListRevisionRequest, revision.RevisionPage)
    restore = Op("/file/revision/restore", revision.RestoreRevisionRequest, revision.Revision)
    update = Op("/file/revision/update", revision.UpdateRevisionRequest, revision.Revision)


_Members = list[permission.FilePermissionMember]


class FileResource(Resource):
    """``client.file``: files and folders."""

    add_permission = Op("/file/add_permission", permission.AddPermissionRequest, None)
    archive_files = Op("/file/archive_files", content.ArchiveFilesRequest, content.ArchiveTask)
    complete = Op("/file/complete", upload.CompleteFileRequest, File)
    copy = Op("/file/copy", change.CopyFileRequest, change.FileTask)
    create = Op("/file/create", upload.CreateFileRequest, upload.CreatedFile)
    delete = Op("/file/delete", change.DeleteFileRequest, change.FileTask)
    delete_usertags = Op("/file/delete_usertags", change.DeleteUserTagsRequest, None)
    download = Op("/file/download", content.DownloadFileRequest, content.Redirect, redirect=True)
    get = Op("/file/get", browse.GetFileRequest, File)
    get_by_path = Op("/file/get_by_path", browse.GetFileByPathRequest, File)
    get_download_url = Op(
        "/file/get_download_url", content.GetDownloadUrlRequest, content.DownloadUrl
    )
    get_last_cursor = Op("/file/get_last_cursor", delta.GetLastCursorRequest, delta.DeltaCursor)
    get_office_edit_url = Op(
        "/file/get_office_edit_url", preview.GetOfficeEditUrlRequest, preview.OfficeEditUrl
    )
    get_office_preview_url = Op(
        "/file/get_office_preview_url", preview.GetOfficePreviewUrlRequest, preview.OfficePreviewUrl
    )
    get_upload_url = Op("/file/get_upload_url", upload.GetUploadUrlRequest, upload.UploadUrls)
    get_video_preview_play_info = Op(
        "/file/get_video_preview_play_info",
        preview.GetVideoPreviewPlayInfoRequest,
        preview.VideoPlayInfo,
    )
    get_video_preview_play_meta = Op(
        "/file/get_video_preview_play_meta",
        preview.GetVideoPreviewPlayMetaRequest,
        preview.VideoPlayMeta,
    )
    get_video_preview_url = Op(
        "/file/get_video_preview_url", preview.GetVideoPreviewUrlRequest, preview.PreviewUrl
    )
    list = PagedOp("/file/list", browse.ListFileRequest, FilePage)
    list_by_custom_index_key = PagedOp(
        "/file/list_by_custom_index_key", browse.ListByCustomIndexKeyRequest, FilePage
    )
    list_delta = PagedOp("/file/list_delta", delta.ListDeltaRequest, delta.DeltaPage)
    list_inherit_permission = Op(
        "/file/list_inherit_permission",
        permission.ListInheritPermissionRequest,
        permission.InheritedPermissions,
    )
    list_manage_sharing_file = PagedOp(
        "/file/list_manage_sharing_file", permission.ListManagedSharesRequest, FilePage
    )
    list_permission = Op("/file/list_permission", permission.ListPermissionRequest, _Members)
    list_received_file = PagedOp(
        "/file/list_received_file", permission.ListReceivedFilesRequest, FilePage
    )
    list_sharing_file = PagedOp(
        "/file/list_sharing_file", permission.ListOwnSharesRequest, FilePage
    )
    list_uploaded_parts = PagedOp(
        "/file/list_uploaded_parts", upload.ListUploadedPartsRequest, upload.UploadedPartPage
    )
    list_user_permission = Op(
        "/file/list_user_permission",
        permission.ListUserPermissionRequest,
        permission.UserPermissions,
    )
    move = Op("/file/move", change.MoveFileRequest, change.MovedFile)
    pre_create_check = Op("/file/pre_create_check", upload.PreCreateCheckRequest, upload.NameCheck)
    put_usertags = Op("/file/put_usertags", change.PutUserTagsRequest, change.TaggedFile)
    refresh_office_edit_token = Op(
        "/file/refresh_office_edit_token",
        preview.RefreshOfficeEditTokenRequest,
        preview.OfficeTokens,
    )
    remove_permission = Op("/file/remove_permission", permission.RemovePermissionRequest, None)
    scan = PagedOp("/file/scan", browse.ScanFileRequest, FilePage)
    search = PagedOp("/file/search", browse.SearchFileRequest, FilePage)
    update = Op("/file/update", change.UpdateFileRequest, File)
    video_drm_license = Op(
        "/file/video_drm_license", preview.VideoDrmLicenseRequest, preview.DrmLicense
    )

    revision = Nested(RevisionResource)
