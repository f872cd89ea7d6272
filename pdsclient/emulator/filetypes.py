"""What a file is, by the extension of its name.

A table of our own: that of the standard library grows from one version of Python to the next, and
files that are made up should be the same in all of them.
"""

from __future__ import annotations

from typing import Final

OCTETS: Final = "application/octet-stream"
_OFFICE: Final = "application/vnd.openxmlformats-officedocument"

# The categories are those of pds-service.md 15; what has none is among "others".
_TYPES: Final = {
    "image": {
        "jpg": "image/jpeg",
        "jpeg": "image/jpeg",
        "png": "image/png",
        "gif": "image/gif",
        "bmp": "image/bmp",
        "webp": "image/webp",
        "heic": "image/heic",
        "tif": "image/tiff",
        "tiff": "image/tiff",
        "svg": "image/svg+xml",
    },
    "video": {
        "mp4": "video/mp4",
        "mov": "video/quicktime",
        "mkv": "video/x-matroska",
        "avi": "video/x-msvideo",
        "flv": "video/x-flv",
        "wmv": "video/x-ms-wmv",
        "m4v": "video/x-m4v",
        "ts": "video/mp2t",
        "webm": "video/webm",
    },
    "audio": {
        "mp3": "audio/mpeg",
        "wav": "audio/x-wav",
        "flac": "audio/flac",
        "aac": "audio/aac",
        "m4a": "audio/mp4",
        "ogg": "audio/ogg",
    },
    "doc": {
        "txt": "text/plain",
        "pdf": "application/pdf",
        "doc": "application/msword",
        "docx": f"{_OFFICE}.wordprocessingml.document",
        "xls": "application/vnd.ms-excel",
        "xlsx": f"{_OFFICE}.spreadsheetml.sheet",
        "ppt": "application/vnd.ms-powerpoint",
        "pptx": f"{_OFFICE}.presentationml.presentation",
        "csv": "text/csv",
        "md": "text/markdown",
        "rtf": "application/rtf",
    },
    "zip": {
        "zip": "application/zip",
        "rar": "application/vnd.rar",
        "7z": "application/x-7z-compressed",
        "tar": "application/x-tar",
        "gz": "application/gzip",
    },
    "app": {
        "apk": "application/vnd.android.package-archive",
        "exe": "application/vnd.microsoft.portable-executable",
        "ipa": OCTETS,
        "dmg": "application/x-apple-diskimage",
        "msi": "application/x-msi",
    },
    "others": {
        "html": "text/html",
        "css": "text/css",
        "js": "text/javascript",
        "json": "application/json",
        "xml": "text/xml",
        "log": "text/plain",
        "py": "text/x-python",
        "sh": "application/x-sh",
    },
}
_KNOWN: Final = {
    extension: (category, media_type)
    for category, types in _TYPES.items()
    for extension, media_type in types.items()
}


def extension_of(name: str) -> str:
    """What follows the last dot, in lower case; nothing for ``.profile``."""
    stem, dot, extension = name.rpartition(".")
    return extension.lower() if dot and stem else ""


def type_of(extension: str) -> tuple[str, str]:
    """The category and the media type."""
    return _KNOWN.get(extension, ("others", OCTETS))


def pictured_as(name: str, content_type: str | None) -> str | None:
    """How a picture of a file is made: as of an ``image``, a ``video``, an ``office`` document, or
    not at all.

    By the media type that it was given, or by its name: uploads often say just octets.
    """
    category, by_name = type_of(extension_of(name))
    for media_type in (content_type or "", by_name):
        kind = media_type.partition("/")[0]
        if kind in ("image", "video"):
            return kind
    return "office" if category == "doc" else None
