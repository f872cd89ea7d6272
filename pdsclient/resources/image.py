"""Operations under ``/v2/image``."""

from __future__ import annotations

from pdsclient.models.image import (
    AddressGroupPage,
    AddressGroups,
    CreateSimilarImageClusterTaskRequest,
    FaceGroupPage,
    FaceGroupRef,
    GetImageTaskStatusRequest,
    ImageTags,
    ImageTaskStatus,
    ListAddressGroupsRequest,
    ListFaceGroupsRequest,
    ListImageTagsRequest,
    QuerySimilarImageClustersRequest,
    SearchAddressGroupsRequest,
    SimilarImageClusterPage,
    SimilarImageClusterTask,
    UpdateFaceGroupRequest,
)
from pdsclient.models.story import (
    AddedStoryFiles,
    AddStoryFilesRequest,
    CreateCustomizedStoryRequest,
    CreateStoryRequest,
    DeleteStoryRequest,
    FindStoriesRequest,
    GetStoryRequest,
    RemoveStoryFilesRequest,
    Story,
    StoryPage,
    StoryRef,
    UpdateStoryRequest,
)
from pdsclient.operations import Op, PagedOp, Resource

__all__ = ["ImageResource"]


class ImageResource(Resource):
    """``client.image``: photos by person, place, content, and in stories."""

    add_story_files = Op("/image/add_story_files", AddStoryFilesRequest, AddedStoryFiles)
    create_customized_story = Op(
        "/image/create_customized_story", CreateCustomizedStoryRequest, StoryRef
    )
    create_similar_image_cluster_task = Op(
        "/image/create_similar_image_cluster_task",
        CreateSimilarImageClusterTaskRequest,
        SimilarImageClusterTask,
    )
    create_story = Op("/image/create_story", CreateStoryRequest, StoryRef)
    delete_story = Op("/image/delete_story", DeleteStoryRequest, StoryRef)
    find_stories = PagedOp("/image/find_stories", FindStoriesRequest, StoryPage)
    get_story = Op("/image/get_story", GetStoryRequest, Story)
    get_task_status = Op("/image/get_task_status", GetImageTaskStatusRequest, ImageTaskStatus)
    list_address_groups = PagedOp(
        "/image/list_address_groups", ListAddressGroupsRequest, AddressGroupPage
    )
    list_facegroups = PagedOp("/image/list_facegroups", ListFaceGroupsRequest, FaceGroupPage)
    list_tags = Op("/image/list_tags", ListImageTagsRequest, ImageTags)
    query_similar_image_clusters = PagedOp(
        "/image/query_similar_image_clusters",
        QuerySimilarImageClustersRequest,
        SimilarImageClusterPage,
    )
    remove_story_files = Op("/image/remove_story_files", RemoveStoryFilesRequest, StoryRef)
    search_address_groups = Op(
        "/image/search_address_groups", SearchAddressGroupsRequest, AddressGroups
    )
    update_facegroup_info = Op("/image/update_facegroup_info", UpdateFaceGroupRequest, FaceGroupRef)
    update_story = Op("/image/update_story", UpdateStoryRequest, StoryRef)
