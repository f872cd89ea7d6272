"""Made-up drives that look like grown ones, the same for the same seed.

A drive grows in sessions: somebody adds a few files of one sort to one folder, seconds or minutes
apart, for ten years and ever more of them. Now and then a whole tree is imported at once: then
thousands of files share one second, which is what makes searches by time hard.

Only ``Random.random`` is used, whose numbers are the same in every version of Python.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import islice
from math import exp
from random import Random
from statistics import NormalDist
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from pdsclient.emulator.rows import HASHED_BYTES, ROOT, Derived, content_members, named_members
from pdsclient.emulator.schema import ABSENT
from pdsclient.emulator.sql import epoch_ms
from pdsclient.errors import InvalidRequest

T = TypeVar("T")

_TEN_YEARS: Final = 3653
_DAY_MS: Final = 86_400_000
_FIRST_MS: Final = epoch_ms(datetime(2016, 1, 1, tzinfo=UTC))
_END_MS: Final = _TEN_YEARS * _DAY_MS
# The last session of all may go on after midnight.
_DAYS: Final = [str(date(2016, 1, 1) + timedelta(number)) for number in range(_TEN_YEARS + 2)]
_MINUTES: Final = [f"{hour:02}:{minute:02}" for hour in range(24) for minute in range(60)]
_DEEPEST: Final = 12
# What lies between two files of a session at most.
_PAUSES_MS: Final = (800, 3_000, 20_000, 90_000)

# Sizes in quantiles of a log-normal distribution around one byte.
_QUANTILES: Final = 1024
_SPREAD: Final = [NormalDist().inv_cdf((step + 0.5) / _QUANTILES) for step in range(_QUANTILES)]

# The most files of a session.
_SESSIONS: Final = (4, 4, 4, 4, 8, 8, 20, 20, 60, 500)
# The share of all files that each import brings in one second.
_IMPORTS: Final = (0.02, 0.01, 0.01, 0.005, 0.005, 0.005, 0.002, 0.002, 0.001)
_IMPORT_FOLDER: Final = 250

_VOCABULARY: Final = """\
Report|Invoice|Contract|Budget|Minutes|Offer|Plan|Draft|Notes|Summary|Agenda|Protocol|Manual
Schedule|Proposal|Presentation|Statement|Receipt|Letter|Survey|Specification|Übersicht|Angebot
Rechnung|Prüfbericht|résumé|présentation|Año|presupuesto|Отчёт|Договор|Счёт|Протокол
报告|季度报告|会议纪要|合同|发票|预算|年度总结|产品说明|需求文档|测试用例|通讯录|日程安排|客户 名单
項目計劃|議事録|請求書|見積書|設計書|보고서|회의록|계약서|meeting notes|final version
to do ✅|旅行计划 🧳"""
_WORDS: Final = tuple(_VOCABULARY.replace("\n", "|").split("|"))
_TAGS: Final = ("sunset", "beach", "portrait", "food", "cat", "dog", "mountain", "document")
_PLACES: Final = (
    {"country": "China", "province": "Zhejiang", "city": "Hangzhou"},
    {"country": "China", "province": "Beijing", "city": "Beijing"},
    {"country": "中国", "province": "上海市", "city": "上海市"},
    {"country": "Germany", "province": "Bayern", "city": "München"},
    {"country": "Japan", "province": "東京都", "city": "渋谷区"},
    {"country": "Brasil", "province": "São Paulo", "city": "Campinas"},
)
_LABELS: Final = ("important", "private", "2024", "客户", "archive", "to check")


class _Sort(NamedTuple):
    """Files of one sort: how they are called, which extensions, how big."""

    naming: Callable[[_Drive, str], str]
    extensions: tuple[str, ...]
    sizes: tuple[int, ...]


def _sizes(median: int, sigma: float) -> tuple[int, ...]:
    return tuple(int(median * exp(sigma * deviation)) for deviation in _SPREAD)


def _by_word(drive: _Drive, extension: str) -> str:
    """Named by what is in it, as a rule with something that tells versions apart."""
    chance = drive.chance()
    word = drive.one_of(_WORDS)
    if chance < 0.08:
        return f"{word}.{extension}"
    if chance < 0.3:
        return f"{word} {drive.stamp[:4]}.{extension}"
    if chance < 0.5:
        return f"{word}_v{drive.below(9) + 1}.{extension}"
    if chance < 0.7:
        return f"{word} {drive.stamp[:8]}.{extension}"
    return f"{word}-{drive.one_of(_WORDS)} {drive.below(1000):03}.{extension}"


def _by_camera(drive: _Drive, extension: str) -> str:
    chance = drive.chance()
    if chance < 0.6:
        return f"IMG_{drive.stamp}.{extension}"
    if chance < 0.8:
        return f"DSC{drive.below(10_000):05}.{extension.upper()}"
    return f"微信图片_{drive.stamp}{drive.below(100):02}.{extension}"


def _by_screen(drive: _Drive, extension: str) -> str:
    return f"Screenshot {drive.stamp}.{extension}"


def _by_recorder(drive: _Drive, extension: str) -> str:
    return f"VID_{drive.stamp}.{extension}"


def _by_track(drive: _Drive, extension: str) -> str:
    return f"{drive.below(20) + 1:02} - {drive.one_of(_WORDS)}.{extension}"


def _by_number(drive: _Drive, extension: str) -> str:
    return f"{drive.below(2**32):08x}.{extension}"


_PHOTO: Final = _Sort(_by_camera, ("jpg", "jpg", "jpg", "heic"), _sizes(2_500_000, 0.7))
_PICTURE: Final = _Sort(_by_screen, ("png", "png", "jpg", "gif", "webp"), _sizes(250_000, 1.2))
_OFFICE: Final = _Sort(
    _by_word, ("docx", "pdf", "pdf", "xlsx", "pptx", "ppt", "doc", "xls"), _sizes(180_000, 1.6)
)
_TEXT: Final = _Sort(_by_word, ("txt", "md", "csv", "json", "log"), _sizes(6_000, 2.0))
_VIDEO: Final = _Sort(_by_recorder, ("mp4", "mp4", "mov", "mkv"), _sizes(90_000_000, 1.5))
_AUDIO: Final = _Sort(_by_track, ("mp3", "mp3", "flac", "m4a"), _sizes(6_000_000, 0.8))
_PACKED: Final = _Sort(_by_word, ("zip", "zip", "7z", "rar", "apk"), _sizes(15_000_000, 2.0))
_WASTE: Final = _Sort(_by_number, ("tmp", "bak", "tmp", "dat"), _sizes(20_000, 2.5))

# What is added together to a folder of some kind; repeated ones are as much likelier.
_THEMES: Final[dict[str, tuple[_Sort, ...]]] = {
    "Photos": (_PHOTO,) * 8 + (_PICTURE, _VIDEO),
    "照片": (_PHOTO,) * 9 + (_VIDEO,),
    "Documents": (_OFFICE,) * 6 + (_TEXT, _PICTURE, _PACKED, _WASTE),
    "项目资料": (_OFFICE,) * 6 + (_TEXT, _TEXT, _PICTURE, _PACKED),
    "Projekte": (_OFFICE,) * 4 + (_TEXT,) * 4 + (_WASTE, _PACKED),
    "Media": (_VIDEO, _VIDEO, _AUDIO, _AUDIO, _AUDIO, _PICTURE),
    "Backup": (_PACKED, _PACKED, _TEXT, _TEXT, _WASTE, _OFFICE, _PHOTO),
}


class Made(NamedTuple):
    """A file or folder: whole, and with what is derived from it."""

    wire: dict[str, Any]
    derived: Derived


class _Folder(NamedTuple):
    file_id: str
    depth: int
    sorts: tuple[_Sort, ...]


_TOP: Final = _Folder(ROOT, 0, ())


def synthetic_ids(seed: int, number: int) -> tuple[str, str]:
    """The ids of the file that is added at this place, from 1, and of its revision."""
    digest = hashlib.sha512(f"{seed}/{number}".encode()).hexdigest()
    return digest[:40], digest[40:80]


def synthetic_files(count: int, seed: int, *, drive_id: str, domain_id: str) -> Iterator[Made]:
    """Files and folders in the form in which they are stored, each folder before what it holds.

    Args:
        count: how many of both together.
        seed: another one gives other files, also other ids.
        drive_id: the drive that they are to be in.
        domain_id: the domain of the drive.
    """
    for name, value in (("count", count), ("seed", seed)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise InvalidRequest(f"{name}: a whole number of zero or more, not {value!r}")
    drive = _Drive(count, seed, {"drive_id": drive_id, "domain_id": domain_id})
    return islice(drive.growth(), count)


class _Drive:
    """A drive while it grows."""

    def __init__(self, count: int, seed: int, shared: dict[str, Any]) -> None:
        self.chance = Random(seed).random  # noqa: S311
        self._imports = [int(count * share) for share in _IMPORTS]
        # What is added in sessions, all in all and so far; imports take no time.
        self._in_sessions = count - sum(self._imports)
        self._added = 0
        self._seed = seed
        self._shared = shared
        self._made = 0
        self._folders: list[_Folder] = []
        self._now_ms = 0
        self._now = _text(0)

    # What names are made of

    @property
    def stamp(self) -> str:
        """The moment as cameras write it."""
        text = self._now
        return f"{text[:4]}{text[5:7]}{text[8:10]}_{text[11:13]}{text[14:16]}{text[17:19]}"

    def below(self, end: int) -> int:
        """Any number from zero on."""
        return int(self.chance() * end)

    def one_of(self, values: Sequence[T]) -> T:
        """Any of the values."""
        return values[int(self.chance() * len(values))]

    # Growing

    def growth(self) -> Iterator[Made]:
        """Files and folders in the order in which they are added, without an end."""
        for name, sorts in _THEMES.items():
            yield self._new_folder(_TOP._replace(sorts=sorts), name)
        every = self._in_sessions / (len(self._imports) + 1)
        for number, size in enumerate(self._imports, 1):
            while self._added < number * every:
                yield from self._session()
            yield from self._import(size)
        while True:
            yield from self._session()

    def _start_session(self) -> None:
        """On some day, later each time, in the waking hours; they get denser over the years."""
        progress = min(self._added / self._in_sessions, 0.9999)
        day = int(_TEN_YEARS * progress * (1.6 - 0.6 * progress))
        self._go_to(day * _DAY_MS + int((7 + 14 * self.chance()) * 3_600_000))

    def _go_to(self, ms: int) -> None:
        self._now_ms = ms
        self._now = _text(ms)

    def _session(self) -> Iterator[Made]:
        """Some files of one sort for one folder, one after the other."""
        self._start_session()
        folder = self._any_folder()
        if self.chance() < 0.5:
            self._added += 1
            yield self._new_folder(folder, self._folder_name())
            folder = self._folders[-1]
        sort, pause_ms = self.one_of(folder.sorts), self.one_of(_PAUSES_MS)
        longest = min(self.one_of(_SESSIONS), 2 + self._in_sessions // 50)
        count = 1 + self.below(longest)
        self._added += count
        for _ in range(count):
            self._go_to(self._now_ms + self.below(pause_ms))
            yield self._file(folder, sort)

    def _import(self, count: int) -> Iterator[Made]:
        """A tree that appears within one second."""
        second = self._now_ms - self._now_ms % 1000
        yield self._new_folder(self._any_folder(), f"import {self.stamp}")
        folder = top = self._folders[-1]
        for number in range(count):
            if number % _IMPORT_FOLDER == 0:
                yield self._new_folder(top, self._folder_name())
                folder = self._folders[-1]
            self._go_to(second + self.below(1000))
            yield self._file(folder, self.one_of(folder.sorts))

    def _any_folder(self) -> _Folder:
        """Old ones are used more often, and some of them get thousands of files."""
        chance = self.chance()
        folder = self._folders[int(chance * chance * len(self._folders))]
        return folder if folder.depth < _DEEPEST else self._folders[0]

    def _folder_name(self) -> str:
        text = self._now
        return self.one_of(
            (text[:7], text[:10], self.one_of(_WORDS), f"{self.one_of(_WORDS)} {text[:4]}")
        )

    # One file

    def _new_folder(self, parent: _Folder, name: str) -> Made:
        file_id, _ = self._next_ids()
        self._folders.append(_Folder(file_id, parent.depth + 1, parent.sorts))
        wire = self._entry(file_id, parent, name, "folder")
        wire["updated_at"] = self._now
        return Made(wire, Derived(self._now_ms + _FIRST_MS, self._now_ms + _FIRST_MS))

    def _file(self, folder: _Folder, sort: _Sort) -> Made:
        extension = self.one_of(sort.extensions)
        file_id, revision_id = self._next_ids()
        quantile = self.one_of(sort.sizes)
        wire = self._entry(file_id, folder, sort.naming(self, extension), "file")
        wire |= _of_extension(extension)
        wire["size"] = size = quantile + self.below(quantile // 64 + 1)
        wire["revision_id"] = revision_id
        updated_ms = self._later()
        wire["updated_at"] = self._now if updated_ms == self._now_ms else _text(updated_ms)
        derived = Derived(self._now_ms + _FIRST_MS, updated_ms + _FIRST_MS)
        if self.chance() < 0.1:
            derived = self._add_rarities(wire, derived, sort)
        if sort is _PHOTO and self.chance() < 0.6:
            derived = self._add_photo(wire, derived)
        if size <= HASHED_BYTES:
            wire |= content_members(None, wire)
        return Made(wire, derived)

    def _next_ids(self) -> tuple[str, str]:
        self._made += 1
        return synthetic_ids(self._seed, self._made)

    def _entry(self, file_id: str, folder: _Folder, name: str, kind: str) -> dict[str, Any]:
        """What files and folders have alike."""
        chance = self.chance()
        return {
            **self._shared,
            "file_id": file_id,
            "parent_file_id": folder.file_id,
            "name": name,
            "type": kind,
            "status": "available",
            "hidden": chance < 0.02,
            "starred": chance > 0.985,
            "created_at": self._now,
        }

    def _later(self) -> int:
        """Now, as a rule; else any time after."""
        if self.chance() < 0.6:
            return self._now_ms
        chance = self.chance()
        left = max(_END_MS - self._now_ms, 0)
        return self._now_ms + int(chance * chance * chance * left)

    def _add_rarities(self, wire: dict[str, Any], derived: Derived, sort: _Sort) -> Derived:
        """What one file in ten has, and of those some more."""
        if self.chance() < 0.5:
            label = self.one_of(_LABELS)
            wire["labels"] = [label]
            derived = derived._replace(label=_json([label]))
        if self.chance() < 0.5:
            accessed_ms = self._later()
            wire["last_access_at"] = _text(accessed_ms)
            derived = derived._replace(last_access_at=accessed_ms + _FIRST_MS)
        if sort is _OFFICE:
            wire["description"] = f"{self.one_of(_WORDS)} {self.one_of(_WORDS)}"
        return derived

    def _add_photo(self, wire: dict[str, Any], derived: Derived) -> Derived:
        """What the service knows of a picture: it was taken a while before it was added."""
        chance = self.chance()
        taken_ms = int(self._now_ms * (1 - chance * chance * chance * chance))
        media: dict[str, Any] = {"time": _text(taken_ms), "width": 4032, "height": 3024}
        label, address, score = derived.label, None, ABSENT
        if chance < 0.35:
            place = self.one_of(_PLACES)
            media |= place
            address = _json(list(place.values()))
        if chance > 0.7:
            tag = self.one_of(_TAGS)
            media["image_tags"] = [{"name": tag, "confidence": chance}]
            label = _json([tag, *wire.get("labels", ())])
        if chance < 0.5:
            score = chance * 2
            media["image_quality"] = {"overall_score": score}
        wire["image_media_metadata"] = media
        return derived._replace(
            image_time=taken_ms + _FIRST_MS,
            image_overall_score=score,
            label=label,
            address=address,
        )


def _json(texts: Sequence[str]) -> str:
    return msgspec.json.encode(texts).decode()


@lru_cache
def _of_extension(extension: str) -> dict[str, Any]:
    return named_members(f"x.{extension}", {})


def _text(ms: int) -> str:
    """The moment so many milliseconds after the first, as ``render_time`` writes it."""
    day, ms = divmod(ms, _DAY_MS)
    minutes, ms = divmod(ms, 60_000)
    seconds, ms = divmod(ms, 1000)
    return f"{_DAYS[day]}T{_MINUTES[minutes]}:{seconds:02}.{ms:03}Z"
