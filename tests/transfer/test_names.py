"""Names of files in a drive, made safe and different for a local disk."""

from __future__ import annotations

import os
import unicodedata
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdsclient.transfer.names import LONGEST, distinct_names, safe_name

BIDI = "\u061c\u200e\u200f\u202a\u202e\u2066\u2069"
NASTY = "/\\\0\n\r\x1b\x7f\x85\u2028.. ~_:*?" + BIDI
any_text = st.text(st.characters() | st.sampled_from(NASTY), max_size=40)
devices = st.builds(
    lambda stem, case, tail: getattr(stem, case)() + tail,
    st.sampled_from(["con", "nul", "prn", "aux", "com1", "lpt9", "com²", "conin$"]),
    st.sampled_from(["upper", "lower", "title"]),
    st.sampled_from(["", ".txt", ".tar.gz", " .x", ". "]),
)
long_ones = st.builds(
    lambda char, count, tail: char * count + tail,
    st.sampled_from("aé文😀"),
    st.integers(60, 300),
    st.sampled_from(["", ".jpg", ".tar.gz", "." + "x" * 40, "…", " ", "/"]),
)
names = any_text | devices | long_ones


@settings(max_examples=50, deadline=None)
@given(names, st.booleans())
def test_a_safe_name_is_one_part_of_a_path(name, windows):
    """Whatever was in it: it can be encoded, leads nowhere else and shows what it is."""
    safe = safe_name(name, windows=windows)
    assert 0 < len(safe.encode()) <= LONGEST
    assert safe not in (".", "..")
    assert os.path.basename(safe) == safe
    assert not set(safe) & (set(NASTY) - set(". ~_:*?"))
    assert not any(unicodedata.category(char) in ("Cc", "Cs") for char in safe)
    assert safe[-1] not in ". "
    if windows:
        assert not set(safe) & set('<>:"|?*')
    stem = safe.partition(".")[0].strip().upper()
    assert stem not in {"CON", "NUL", "PRN", "AUX", "COM1", "LPT9", "COM²", "CONIN$"}


@settings(max_examples=50, deadline=None)
@given(names, st.booleans())
def test_a_safe_name_stays_as_it_is(name, windows):
    """Making it safe again changes nothing, and twice the same text gives the same name."""
    safe = safe_name(name, windows=windows)
    assert safe_name(safe, windows=windows) == safe == safe_name(name, windows=windows)


@pytest.mark.parametrize(
    "name",
    [
        "a.txt",
        ".bashrc",
        " leading space",
        "文件 (1).tar.gz",
        "a'b\"c$d;e",
        "console.log",
        "nul_.txt",
        "COM10",
        "e\u0301",
        "👩\u200d👧.jpg",
        "x" * 255,
    ],
)
def test_usual_names_are_kept(name):
    """Also those of scripts, with quotes or accents, and as long as a file system allows."""
    assert safe_name(name, windows=False) == name


@pytest.mark.parametrize(
    ("name", "begins", "ends"),
    [
        ("../../etc/passwd", ".._.._etc_passwd~", ""),
        ("a/b.txt", "a_b~", ".txt"),
        ("..", "__~", ""),
        ("", "_~", ""),
        ("CON.txt", "_CON~", ".txt"),
        ("dot.", "dot_~", ""),
        ("invoice\u202efdp.exe", "invoice_fdp~", ".exe"),
        ("\ud83d.jpg", "_~", ".jpg"),
        ("x" * 300 + ".tar.gz", "x" * 200, ".gz"),
        ("文" * 100 + ".md", "文" * 80, ".md"),
    ],
)
def test_unsafe_names_keep_what_can_be_kept(name, begins, ends):
    """The extension stays, and enough of the rest to know it again."""
    safe = safe_name(name, windows=False)
    assert safe.startswith(begins)
    assert safe.endswith(ends)


def test_what_only_windows_forbids_is_kept_elsewhere():
    """A colon or a question mark is a character like others on the other systems."""
    assert safe_name("what: a?.txt", windows=False) == "what: a?.txt"
    assert safe_name("what: a?.txt", windows=True).startswith("what_ a_~")


@settings(max_examples=50, deadline=None)
@given(st.lists(names, min_size=2, max_size=6, unique=True))
def test_different_unsafe_names_stay_different(given_names):
    """Equal in all but what was replaced, they get different digits."""
    assert len({safe_name(name) for name in given_names}) == len(given_names)


def file(name, file_id, day=1):
    """A file as a reply tells of it."""
    return SimpleNamespace(
        name=name, file_id=file_id, created_at=day and datetime(2024, 1, day, tzinfo=UTC)
    )


def same_key(name):
    """What a disk compares that ignores case and the way in which accents are written."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


one_folder = st.lists(
    st.builds(
        file,
        st.sampled_from(
            ["a.txt", "A.TXT", "a.txt.part", "é", "e\u0301", "a/b", "a\\b", "", None, "ß", "SS"]
        ),
        st.none() | st.text("0123456789abcdef", min_size=1, max_size=3),
        st.sampled_from([None, 1, 2]),
    ),
    max_size=12,
)


@settings(max_examples=50, deadline=None)
@given(one_folder)
def test_names_in_a_folder_are_different_everywhere(files):
    """Also on disks that ignore case; and safe, as each by itself."""
    found = distinct_names(files)
    keys = {same_key(name) for name in found}
    assert len(keys) == len(files)
    assert not keys & {f"{key}.part" for key in keys}
    assert all(safe_name(name) == name for name in found)


@settings(max_examples=50, deadline=None)
@given(one_folder, st.randoms(use_true_random=False))
def test_names_do_not_depend_on_the_order(files, random):
    """A listing in another order gives each file the same name."""
    files = list({one.file_id: one for one in files}.values())
    before = dict(zip([one.file_id for one in files], distinct_names(files), strict=True))
    random.shuffle(files)
    assert distinct_names(files) == [before[one.file_id] for one in files]


def test_the_oldest_file_keeps_its_name():
    """A file that comes later leaves the others theirs; what is alone keeps its own."""
    first, second, third = file("a.txt", "9", 1), file("A.txt", "5", 2), file("a.txt", "1", 3)
    alone = file("b.txt", "7")
    before = distinct_names([second, first, alone])
    after = distinct_names([third, second, first, alone])
    assert after[1:] == before
    assert before[1:] == ["a.txt", "b.txt"]
    assert before[0].startswith("A~")
    assert before[0].endswith(".txt")


def test_the_part_file_of_another_file_is_kept_free():
    """``x.part`` is where the download of ``x`` begins, so a file of that name gets another."""
    found = distinct_names([file("x.PART", "1"), file("x", "2"), file("y.part", "3")])
    assert found[0].startswith("x~")
    assert found[0].endswith(".PART")
    assert found[1:] == ["x", "y.part"]


def test_a_name_that_looks_like_a_mark_is_not_taken_twice():
    """A file may have the very name that another one would be given."""
    twins = [file("a", "1", 1), file("a", "2", 2)]
    marked = distinct_names(twins)[1]
    found = distinct_names([*twins, file(marked, "3", 3)])
    assert found[2] == marked
    assert len(set(found)) == 3
