"""What is told of a tree, and when a tree is given up."""

from __future__ import annotations

import errno
import types

import pytest

from pdsclient.errors import (
    AuthError,
    ClientClosed,
    Conflict,
    NotSent,
    PermissionDenied,
    QuotaExceeded,
    RateLimited,
    ServiceFailure,
)
from pdsclient.transfer import TreeItem, TreeReport
from pdsclient.transfer.progress import Meter
from pdsclient.transfer.tree_tally import STREAK, Tally, TreeStopped


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def tally(clock):
    """Makes a tally of its own meter."""

    def tally(*, dry_run=False, on_error="collect") -> Tally:
        shared = types.SimpleNamespace(now=clock)
        control = types.SimpleNamespace(
            meter=Meter(clock), engine=types.SimpleNamespace(shared=shared)
        )
        made = Tally(control, dry_run=dry_run, on_error=on_error)
        made.meter = control.meter
        return made

    return tally


def full_report(tally, clock) -> TreeReport:
    one = tally()
    one.done("a", 1_500_000, "uploaded", "1")
    one.skipped("b", 10, "same", "2")
    one.failed("c\x1b[1m/", None, PermissionDenied("not yours", code="ForbiddenNoPermission.File"))
    one.folder_made()
    clock.now += 65
    return one.ended()


def test_a_report_tells_its_sums_in_a_line(tally, clock):
    """Names and messages cannot steer a terminal, nor a page."""
    report = full_report(tally, clock)
    assert str(report) == ("1 file moved (1.5 MB), 1 skipped, 1 failed, 1 folder made, took 1:05")
    assert repr(report).splitlines()[1].startswith("  c\\x1b[1m/: failed (")
    html = report._repr_html_()
    assert "\x1b" not in html
    assert "took 1:05" in html
    assert (report.bytes, report.elapsed_s, report.stopped) == (1_500_000, 65, None)


def test_a_dry_run_says_would():
    """Nothing was done."""
    report = TreeReport(dry_run=True, folders_made=2, done=[TreeItem("a", "uploaded", 1)], bytes=1)
    assert str(report) == (
        "1 file would be moved (1 B), 0 skipped, 0 failed, 2 folders would be made, took 0.0 s"
    )


def test_many_failures_are_shown_in_part():
    """All are in the list."""
    report = TreeReport(failed=[TreeItem(f"f{n}", "failed", error=OSError("no")) for n in range(9)])
    assert repr(report).endswith("\n  f2: failed (no)\n  … and 6 more>".rstrip(">"))
    assert len(report._repr_html_().split("<tr>")) == 11


def test_an_item_tells_its_name_and_why():
    """The reason or the error."""
    assert str(TreeItem("a/b", "skipped", 3, reason="same")) == "a/b: skipped (same)"
    assert str(TreeItem("a/b", "uploaded", 3)) == "a/b: uploaded"
    assert (TreeItem("a/b", "skipped").name, TreeItem("a/b/", "failed").name) == ("b", "b")


def test_the_first_error_can_be_raised(tally, clock):
    """What ended it early comes first."""
    TreeReport().raise_first()
    report = full_report(tally, clock)
    with pytest.raises(PermissionDenied):
        report.raise_first()
    report.stopped = AuthError("gone")
    with pytest.raises(AuthError):
        report.raise_first()
    assert "stopped early: gone" in str(report)


def test_totals_are_told_when_all_is_found_and_follow_what_is_not_moved(tally):
    """A bar never runs backwards, and ends full."""
    one = tally()
    for size in (10, 20, 30):
        one.found(size)
    assert one.meter.bytes_total is None
    one.skipped("a", 10, "same")
    one.walked()
    assert (one.meter.files_total, one.meter.bytes_total) == (3, 50)
    one.failed("b", 20, Conflict("taken"), moved=5)
    assert one.meter.bytes_total == 35
    one.done("c", 30, "uploaded", "1")
    assert (one.meter.files_done, one.meter.files_skipped, one.meter.files_failed) == (1, 1, 1)


def test_the_first_failure_is_raised_if_asked(tally):
    """As it is."""
    error = Conflict("taken")
    with pytest.raises(Conflict) as caught:
        tally(on_error="raise").failed("a", 1, error)
    assert caught.value is error


def test_a_closed_client_ends_a_tree_with_its_error(tally):
    """There is nobody who could go on."""
    with pytest.raises(ClientClosed):
        tally().failed("a", 1, ClientClosed("closed"))


def test_a_token_that_is_refused_ends_a_tree_at_once(tally):
    """The report says so."""
    one, error = tally(), AuthError("gone")
    with pytest.raises(TreeStopped):
        one.failed("a", 1, error)
    assert one.report.stopped is error
    assert [item.path for item in one.report.failed] == ["a"]


@pytest.mark.parametrize(
    "error",
    [
        PermissionDenied("no", code="ForbiddenNoPermission.File"),
        QuotaExceeded("full", code="QuotaExhausted.Drive"),
        NotSent("no network"),
        ServiceFailure("down", status=503),
        RateLimited("too many", status=429),
        OSError(errno.ENOSPC, "disk full"),
        OSError(errno.EROFS, "read-only"),
    ],
    ids=repr,
)
def test_the_same_foreign_cause_many_times_in_a_row_ends_a_tree(tally, error):
    """Anything in between begins the count anew."""
    one = tally()
    for _ in range(STREAK - 1):
        one.failed("a", 1, error)
    one.done("b", 1, "uploaded", "1")
    for _ in range(STREAK - 1):
        one.failed("a", 1, error)
    with pytest.raises(TreeStopped):
        one.failed("a", 1, error)
    assert one.report.stopped is error
    assert len(one.report.failed) == 2 * STREAK - 1


def test_failures_of_the_files_themselves_never_end_a_tree(tally):
    """However many there are."""
    one = tally()
    for number in range(3 * STREAK):
        one.failed("a", 1, Conflict("taken") if number % 2 else PermissionError(13, "unreadable"))
    assert one.report.stopped is None


def test_a_failure_holds_none_of_what_its_calls_had_in_hand(tally):
    """Parts of files would add up."""

    def move():
        part = [bytes(1)]
        assert part
        raise OSError("broken")

    try:
        move()
    except OSError as error:
        failure = error
        tally().failed("a", 1, error)
    frame = failure.__traceback__.tb_next.tb_frame
    assert "part" not in frame.f_locals


def test_errors_that_lead_back_to_each_other_are_let_go_of(tally):
    """However they came to that."""
    first, second = OSError("first"), OSError("second")
    first.__cause__, second.__cause__ = second, first
    one = tally()
    one.failed("a", 1, first)
    assert [item.error for item in one.report.failed] == [first]
