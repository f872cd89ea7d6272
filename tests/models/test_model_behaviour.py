"""What every model can do beside holding fields."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
import subprocess
import sys
from datetime import UTC, datetime

import msgspec
import pytest

import pdsclient.models
from pdsclient import _codec
from pdsclient.models import (
    DownloadUrl,
    Drive,
    DrivePage,
    FaceThumbnail,
    File,
    FilePage,
    ImageMediaMetadata,
    Model,
    ShareToken,
)

URL = "https://data.aliyunpds.com/x?Signature=s3cret"
SENT = {
    "file_id": "f1",
    "name": "a\u202e\x1b[31m.txt",
    "size": 5,
    "created_at": "2019-08-20T06:51:27.292Z",
    "labels": ["x", "y"],
    "user_tags": {"k": ""},
    "download_url": URL,
    "thumbnail_urls": {"small": URL},
    "image_media_metadata": {"width": 4, "faces_thumbnail": [{"face_thumbnail": URL}]},
    "invented_later": [1, 2],
}


def file_as_sent() -> File:
    """A file with a field of each kind."""
    return _codec.decode(json.dumps(SENT).encode(), File)


def page_as_sent(**more: object) -> FilePage:
    """A page of one file."""
    return _codec.decode(json.dumps({"items": [SENT], **more}).encode(), FilePage)


def test_a_model_cannot_be_changed() -> None:
    """Fields cannot be set or deleted, and a list that was read is a copy."""
    file = file_as_sent()
    for name in ("name", "created_at", "labels"):
        with pytest.raises(AttributeError):
            setattr(file, name, None)
    file.labels.append("z")
    assert file.labels == ["x", "y"]


def test_models_are_equal_by_content() -> None:
    """Two replies that say the same are equal and hash alike; another value makes a difference."""
    assert file_as_sent() == file_as_sent()
    assert len({file_as_sent(), file_as_sent()}) == 1
    assert file_as_sent() != msgspec.structs.replace(file_as_sent(), name="b")
    assert File(name="x") != Drive(drive_name="x")


def test_replace_keeps_the_other_fields() -> None:
    """A changed copy reads as the original where it was not changed."""
    other = msgspec.structs.replace(file_as_sent(), name="b")
    assert (other.name, other.created_at) == ("b", file_as_sent().created_at)


def test_a_model_can_be_built_by_hand() -> None:
    """Keywords take the declared types, positional arguments are refused."""
    moment = datetime(2020, 1, 1, tzinfo=UTC)
    file = File(name="x", created_at=moment, labels=["a"])
    assert (file.name, file.created_at, file.labels) == ("x", moment, ["a"])
    with pytest.raises(TypeError):
        File("x")  # type: ignore[misc]


def test_the_signature_names_every_field() -> None:
    """Editors and help see keyword-only fields with their defaults."""
    parameters = inspect.signature(File).parameters
    assert tuple(parameters) == File.__struct_fields__
    assert all(one.kind is one.KEYWORD_ONLY for one in parameters.values())


def test_repr_shows_what_is_set_and_hides_urls() -> None:
    """Times are shown parsed, control and bidi characters escaped, presigned URLs masked."""
    shown = repr(file_as_sent())
    assert "s3cret" not in shown
    assert shown.isprintable()
    assert "created_at=2019-08-20T06:51:27.292Z" in shown
    assert "download_url='***'" in shown
    assert "trashed_at" not in shown


def test_repr_of_a_page_is_compact() -> None:
    """A page says how many items it has, not which."""
    shown = repr(page_as_sent(next_marker="m", total_count=7))
    assert shown == "FilePage(items=<1>, next_marker='m', total_count=7)"


def test_repr_hides_a_share_token() -> None:
    """The token is masked, the rest is shown."""
    token = ShareToken(share_token="s3cret", expires_in=7200)
    assert repr(token) == "ShareToken(expires_in=7200, share_token='***')"
    assert token.to_dict(include_urls=True) == {"expires_in": 7200}


def test_to_dict_is_plain_and_leaves_urls_out() -> None:
    """What comes out can be written as JSON; URLs come only when asked for."""
    plain = file_as_sent().to_dict()
    assert plain == {
        "file_id": "f1",
        "name": SENT["name"],
        "size": 5,
        "created_at": "2019-08-20T06:51:27.292Z",
        "labels": ["x", "y"],
        "user_tags": {"k": ""},
        "image_media_metadata": {"width": 4, "faces_thumbnail": [{}]},
    }
    with_urls = file_as_sent().to_dict(include_urls=True)
    assert with_urls["download_url"] == URL
    assert with_urls["image_media_metadata"]["faces_thumbnail"] == [{"face_thumbnail": URL}]


def test_every_field_that_may_hold_a_url_is_marked() -> None:
    """A field whose name says URL or thumbnail is among the marked ones."""
    for model in (File, DownloadUrl, FaceThumbnail):
        speaking = {name for name in model.__struct_fields__ if "url" in name}
        assert speaking <= model.__urls__
    assert {"thumbnail", "video_preview_metadata"} <= File.__urls__
    assert "face_thumbnail" in FaceThumbnail.__urls__


def test_a_pickled_model_has_no_urls() -> None:
    """Everything else comes back; presigned URLs do not travel."""
    data = pickle.dumps(file_as_sent())
    assert b"s3cret" not in data
    back = pickle.loads(data)
    assert (back.name, back.created_at) == (SENT["name"], file_as_sent().created_at)
    assert back.download_url is None
    assert back.image_media_metadata == ImageMediaMetadata(
        width=4, faces_thumbnail=[FaceThumbnail()]
    )


def test_a_pickled_page_has_its_items_but_not_its_body() -> None:
    """The body holds URLs; what the models know is enough to go on."""
    data = pickle.dumps(page_as_sent(next_marker="m"))
    assert b"s3cret" not in data
    back = pickle.loads(data)
    assert (back.items[0].name, back.next_marker) == (SENT["name"], "m")
    assert back.raw()["next_marker"] == "m"


def test_a_share_token_refuses_to_be_pickled() -> None:
    """The message says what to do instead."""
    with pytest.raises(TypeError, match="send its share_token over a channel you trust"):
        pickle.dumps(ShareToken(share_token="s3cret"))
    assert pickle.loads(pickle.dumps(ShareToken(expires_in=5))) == ShareToken(expires_in=5)


def test_a_copy_is_equal_and_keeps_urls() -> None:
    """Copies stay in the process, so that nothing is left out."""
    file = file_as_sent()
    assert copy.copy(file) == copy.deepcopy(file) == file
    assert copy.deepcopy(file).download_url == URL


def test_raw_gives_the_reply_as_it_was_sent() -> None:
    """Fields that no model knows, empty texts and null items are all there."""
    reply = {"items": [SENT, None], "next_marker": "", "punished_file_count": 0}
    page = _codec.decode(json.dumps(reply).encode(), FilePage)
    assert page.raw() == reply
    assert len(page.items) == 1
    assert FilePage(next_marker="m").raw() == {"next_marker": "m"}


def test_has_more_follows_the_marker() -> None:
    """A short or empty page may have a successor; only the marker tells."""
    assert page_as_sent(next_marker="m").has_more
    assert not page_as_sent(next_marker="").has_more
    assert not DrivePage().has_more


def test_a_file_does_not_hold_its_page() -> None:
    """Keeping files keeps neither the page nor its body alive."""
    file = page_as_sent().items[0]
    assert not hasattr(file, "__dict__")


def test_names_are_listed_and_loaded_on_demand() -> None:
    """Every public name can be had, and an unknown one is an AttributeError."""
    assert set(pdsclient.models.__all__) <= set(dir(pdsclient.models))
    for name in pdsclient.models.__all__:
        assert getattr(pdsclient.models, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'Fle'"):
        _ = pdsclient.models.Fle  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        _ = Model().name  # type: ignore[attr-defined]


def test_resource_modules_are_loaded_on_first_use() -> None:
    """Importing the package of models loads the models of no resource."""
    code = (
        "import sys, pdsclient.models as m\n"
        "assert 'pdsclient.models.file' not in sys.modules\n"
        "m.File\n"
        "assert 'pdsclient.models.file' in sys.modules\n"
        "assert 'pdsclient.models.drive' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
